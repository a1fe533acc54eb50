"""Times as people and models write them, and times as people read them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from copilot.errors import ToolInputError
from copilot.plugins.connections.calendar import Span, moment
from copilot.plugins.connections.recurrence_words import DAY_NAMES
from copilot.plugins.connections.zones import iana, zone

Period = Literal["today", "tomorrow", "this week", "next week", "this month", "next month"]
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::00)?\Z")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z")


@dataclass(frozen=True)
class Clock:
    """The moment of the call, and the zone in which times are meant and shown."""

    now: datetime
    zone: str

    @classmethod
    def of(cls, now: datetime | None, zone_name: str) -> Clock:
        """Return the clock of a call. Raises ToolInputError for a zone that is not known."""
        return cls((now or datetime.now(UTC)).astimezone(UTC), iana(zone_name))

    @property
    def today(self) -> date:
        """The day that it is in the zone."""
        return self.now.astimezone(zone(self.zone)).date()

    def midnight(self, day: date) -> datetime:
        """Return the moment at which a day begins."""
        return moment(datetime.combine(day, time()), self.zone)

    def period(self, name: Period) -> tuple[datetime, datetime]:
        """Return the two moments between which a period lies; a week begins on Monday."""
        first, last = _PERIODS[name](self.today)
        return self.midnight(first), self.midnight(last)

    def window(self, start: str, end: str, period: Period) -> tuple[datetime, datetime]:
        """Return the two moments that a call names: days or times, the end included, else the period.

        Raises ToolInputError when the end lies before the start.
        """
        if not start and not end:
            return self.period(period)
        first = self.wall(start) if start else datetime.combine(self.today, time())
        last = self.wall(end) if end else datetime.combine(first.date(), time())
        if not end or not _has_clock(end):
            last = datetime.combine(last.date(), time()) + timedelta(days=1)
        if last <= first:
            raise ToolInputError(f"The end {end!r} lies before the start {start!r}.", code="order")
        return moment(first, self.zone), moment(last, self.zone)

    def wall(self, text: str) -> datetime:
        """Return the wall clock that a text names in the zone; a day alone is its midnight.

        "2026-06-03 14:00", "2026-06-03T14:00+02:00", "today", "tomorrow 9:30", "friday 14:00" (the next one). Raises
        ToolInputError for others, and for a time that clocks skip in spring.
        """
        found = self._iso(text) or self._words(text)
        if found is None:
            raise ToolInputError(f"{text!r} is no time.", hint='Write it as "2026-06-03T14:00".', code="time")
        back = Span.of(moment(found, self.zone), moment(found, self.zone), self.zone).start
        if back != found:
            raise ToolInputError(
                f"On {found:%d.%m.%Y} there is no {found:%H:%M} in {self.zone}: clocks are put forward.",
                hint=f"{back:%H:%M} is the same moment.",
                code="time",
            )
        return found

    def _iso(self, text: str) -> datetime | None:
        try:
            found = datetime.fromisoformat(text.strip())
        except ValueError:
            return None
        if found.tzinfo is None:
            return found
        return Span.of(found, found, self.zone).start

    def _words(self, text: str) -> datetime | None:
        words = text.strip().lower().replace(" at ", " ").split()
        words = words[1:] if words[:1] in (["on"], ["next"]) else words
        clock = _CLOCK.match(words[-1]) if words else None
        day = self._day(" ".join(words[:-1] if clock else words))
        if day is None or (clock and not (int(clock[1]) < 24 and int(clock[2]) < 60)):
            return None
        return datetime.combine(day, time(int(clock[1]), int(clock[2])) if clock else time())

    def _day(self, word: str) -> date | None:
        near = {"": 0, "today": 0, "tomorrow": 1, "yesterday": -1}
        if word in near:
            return self.today + timedelta(days=near[word])
        if _DATE.match(word):
            return self._iso_day(word)
        for number, name in enumerate(DAY_NAMES):
            if word in (name.lower(), name[:3].lower()):
                return self.today + timedelta(days=(number - self.today.weekday() - 1) % 7 + 1)
        return None

    def _iso_day(self, word: str) -> date | None:
        try:
            return date.fromisoformat(word)
        except ValueError:
            return None


def _has_clock(text: str) -> bool:
    return ":" in text or bool(re.search(r"\dT\d", text))


def _week(day: date, weeks: int) -> tuple[date, date]:
    first = day - timedelta(days=day.weekday()) + timedelta(weeks=weeks)
    return first, first + timedelta(days=7)


def _month(day: date, months: int) -> tuple[date, date]:
    number = day.year * 12 + day.month - 1 + months
    return date(number // 12, number % 12 + 1, 1), date((number + 1) // 12, (number + 1) % 12 + 1, 1)


_PERIODS: dict[str, Callable[[date], tuple[date, date]]] = {
    "today": lambda day: (day, day + timedelta(days=1)),
    "tomorrow": lambda day: (day + timedelta(days=1), day + timedelta(days=2)),
    "this week": lambda day: _week(day, 0),
    "next week": lambda day: _week(day, 1),
    "this month": lambda day: _month(day, 0),
    "next month": lambda day: _month(day, 1),
}


# --- shown ------------------------------------------------------------------------------------------------------------


def day_words(day: date) -> str:
    """Return "Wed 3 June 2026"."""
    return f"{DAY_NAMES[day.weekday()][:3]} {day.day} {day:%B %Y}"


def span_words(span: Span) -> str:
    """Return a span with its day and zone: "Wed 3 June 2026, 14:00-15:00 Europe/Berlin (UTC+2)"."""
    if span.all_day:
        last = (span.end - timedelta(days=1)).date()
        whole = "all day" if last <= span.start.date() else f"to {day_words(last)}, all day"
        return (
            f"{day_words(span.start.date())}, {whole}"
            if whole == "all day"
            else f"{day_words(span.start.date())} {whole}"
        )
    first, last_clock = f"{span.start:%H:%M}", f"{span.end:%H:%M}"
    days = (span.end.date() - span.start.date()).days
    until = last_clock if days == 0 else f"{day_words(span.end.date())} {last_clock}"
    twice = " (the first of the two times that clocks show this)" if _is_twice(span) else ""
    return f"{day_words(span.start.date())}, {first}–{until} {span.zone} ({offset(span.begins, span.zone)}){twice}"


def clock_words(span: Span, day: date | None = None) -> str:
    """Return "14:00-15:00", with the days where they are not `day`; "all day" for whole days."""
    if span.all_day:
        return "all day"
    first = f"{span.start:%H:%M}" if day in (None, span.start.date()) else f"{span.start:%a %H:%M}"
    last = f"{span.end:%H:%M}" if span.end.date() == (day or span.start.date()) else f"{span.end:%a %H:%M}"
    return f"{first}–{last}"


def offset(when: datetime, zone_name: str) -> str:
    """Return "UTC+2" or "UTC+5:30"."""
    found = when.astimezone(zone(zone_name)).utcoffset() or timedelta()
    minutes = abs(int(found.total_seconds())) // 60
    sign = "-" if found < timedelta() else "+"
    rest = f":{minutes % 60:02d}" if minutes % 60 else ""
    return f"UTC{sign}{minutes // 60}{rest}" if minutes else "UTC"


def _is_twice(span: Span) -> bool:
    place = zone(span.zone)
    return span.start.replace(tzinfo=place, fold=0).utcoffset() > span.start.replace(tzinfo=place, fold=1).utcoffset()  # type: ignore[operator]
