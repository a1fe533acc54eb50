"""How an event repeats: the part of RFC 5545's RRULE that calendars use, read, written and worked out.

Times are wall clocks of the event's own zone, so that nine o'clock stays nine o'clock over a change of the clocks.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import count as numbers
from typing import Literal, get_args

from copilot.errors import ToolInputError
from copilot.plugins.connections.zones import zone

Frequency = Literal["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
#: Periods without an occurrence after which a rule has none any more: 29 February comes at the latest after 8 years
#: (2096 to 2104), and each of the seven weekdays of it within 40.
_EMPTY = {"DAILY": 15_000, "WEEKLY": 2_200, "MONTHLY": 500, "YEARLY": 41}
_DAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)\Z")


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of recurrence (RFC 5545, section 3.3.10).

    `days` are (weekday from Monday as 0, ordinal or 0), `until` is the last wall clock at which an occurrence may
    begin; `positions` is BYSETPOS, `week_start` WKST.
    """

    frequency: Frequency
    interval: int = 1
    days: tuple[tuple[int, int], ...] = ()
    month_days: tuple[int, ...] = ()
    months: tuple[int, ...] = ()
    positions: tuple[int, ...] = ()
    count: int | None = None
    until: datetime | None = None
    week_start: int = 0

    @property
    def ends(self) -> bool:
        """Whether it ends at all."""
        return self.count is not None or self.until is not None

    def starts(self, first: datetime) -> Iterator[datetime]:
        """Yield when the occurrences begin, as wall clocks; `first` (DTSTART) is the first one and always counts."""
        for made, moment in enumerate(self._candidates(first)):
            if (self.until is not None and moment > self.until) or (self.count is not None and made >= self.count):
                return
            yield moment

    def _candidates(self, first: datetime) -> Iterator[datetime]:
        yield first
        empty = 0
        for number in numbers():
            try:
                days = self._days(first.date(), number)
            except (OverflowError, ValueError):
                return  # beyond the year 9999
            found = [datetime.combine(day, first.time()) for day in days]
            yield from (moment for moment in found if moment > first)
            empty = 0 if found else empty + 1
            if empty > _EMPTY[self.frequency]:
                return

    def _days(self, first: date, number: int) -> list[date]:
        """Return the days of the period that lies `number` intervals after the first one's."""
        step = number * self.interval
        if self.frequency == "DAILY":
            days = [first + timedelta(days=step)]
        elif self.frequency == "WEEKLY":
            days = self._of_week(first, step)
        elif self.frequency == "MONTHLY":
            month = first.year * 12 + first.month - 1 + step
            days = self._of_month(first, month // 12, month % 12 + 1)
        else:
            days = self._of_year(first, first.year + step)
        days = [day for day in days if self._fits(day)]
        return self._positioned(days) if self.positions else days

    def _of_week(self, first: date, step: int) -> list[date]:
        monday = first - timedelta(days=(first.weekday() - self.week_start) % 7) + timedelta(weeks=step)
        week = [monday + timedelta(days=offset) for offset in range(7)]
        wanted = {day for day, _ in self.days} or {first.weekday()}
        return [day for day in week if day.weekday() in wanted]

    def _of_month(self, first: date, year: int, month: int) -> list[date]:
        length = calendar.monthrange(year, month)[1]
        days = [date(year, month, number) for number in range(1, length + 1)]
        if self.days:
            return [day for day in days if self._is_wanted(day, days) and self._is_month_day(day, length)]
        wanted = self.month_days or (first.day,)
        return [day for day in days if day.day in wanted or day.day - length - 1 in wanted]

    def _of_year(self, first: date, year: int) -> list[date]:
        if self.days and not self.months and not self.month_days:
            start = date(year, 1, 1)
            whole = [start + timedelta(days=n) for n in range(366 if calendar.isleap(year) else 365)]
            return [day for day in whole if self._is_wanted(day, whole)]
        every = range(1, 13) if self.month_days or self.days else (first.month,)
        return [day for month in self.months or every for day in self._of_month(first, year, month)]

    def _is_wanted(self, day: date, period: list[date]) -> bool:
        """Return whether BYDAY names a day of a period: by its weekday, and by which of those it is."""
        from_start, from_end = (day - period[0]).days // 7 + 1, -((period[-1] - day).days // 7 + 1)
        return any(day.weekday() == name and at in (0, from_start, from_end) for name, at in self.days)

    def _is_month_day(self, day: date, length: int) -> bool:
        return not self.month_days or day.day in self.month_days or day.day - length - 1 in self.month_days

    def _fits(self, day: date) -> bool:
        if self.months and day.month not in self.months:
            return False
        if self.frequency != "DAILY":
            return True
        named = not self.days or day.weekday() in {name for name, _ in self.days}
        return named and self._is_month_day(day, calendar.monthrange(day.year, day.month)[1])

    def _positioned(self, days: list[date]) -> list[date]:
        chosen = {days[p - 1 if p > 0 else p] for p in self.positions if p and -len(days) <= p <= len(days)}
        return sorted(chosen)

    # --- text ---------------------------------------------------------------------------------------------------------

    def to_text(self, zone_name: str = "UTC", *, all_day: bool = False) -> str:
        """Return the RRULE; UNTIL is in UTC, or a date for events of whole days (RFC 5545, section 3.3.10)."""
        parts = [f"FREQ={self.frequency}"]
        parts += [f"INTERVAL={self.interval}"] if self.interval > 1 else []
        if self.until is not None:
            moment = self.until.replace(tzinfo=zone(zone_name)).astimezone(UTC)
            parts.append(f"UNTIL={self.until:%Y%m%d}" if all_day else f"UNTIL={moment:%Y%m%dT%H%M%SZ}")
        parts += [f"COUNT={self.count}"] if self.count is not None else []
        parts += [f"WKST={DAYS[self.week_start]}"] if self.week_start else []
        listed = [
            ("BYMONTH", self.months),
            ("BYMONTHDAY", self.month_days),
            ("BYDAY", [f"{at or ''}{DAYS[day]}" for day, at in self.days]),
            ("BYSETPOS", self.positions),
        ]
        return ";".join([*parts, *(f"{name}={','.join(map(str, values))}" for name, values in listed if values)])


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A rule, and what a series leaves out or adds: the wall clocks at which occurrences would begin or do."""

    rule: Rule
    without: frozenset[datetime] = field(default=frozenset())
    more: frozenset[datetime] = field(default=frozenset())

    def between(self, first: datetime, start: datetime, end: datetime) -> list[datetime]:
        """Return when occurrences begin in [start, end), as wall clocks of the event's zone."""
        found = {moment for moment in self.more if start <= moment < end}
        for moment in self.rule.starts(first):
            if moment >= end:
                break
            if moment >= start and moment not in self.without:
                found.add(moment)
        return sorted(found)


# --- reading ----------------------------------------------------------------------------------------------------------


def parse(text: str, zone_name: str = "UTC") -> Rule:
    """Return the rule that an RRULE says; `zone_name` is the event's, in which UNTIL becomes a wall clock.

    Raises ToolInputError, which names the part that can't be: what is not in RFC 5545, and parts of it that no calendar
    shows to people (BYHOUR, BYWEEKNO, BYYEARDAY, ...).
    """
    parts = _parts(text)
    frequency = parts.pop("FREQ", "")
    if frequency not in get_args(Frequency):
        raise _wrong(text, f"FREQ is {frequency or 'missing'}; it is one of {', '.join(get_args(Frequency))}")
    read = _Reader(text, zone_name)
    values = {_FIELDS[name][0]: _FIELDS[name][1](read, value) for name, value in parts.items()}
    if values.get("count") is not None and values.get("until") is not None:
        raise _wrong(text, "it has COUNT and UNTIL")
    rule = Rule(frequency, **values)  # type: ignore[arg-type]
    if any(at for _, at in rule.days) and rule.frequency not in ("MONTHLY", "YEARLY"):
        raise _wrong(text, "BYDAY with a number needs FREQ=MONTHLY or YEARLY")
    if rule.month_days and rule.frequency == "WEEKLY":
        raise _wrong(text, "BYMONTHDAY does not go with FREQ=WEEKLY")
    if rule.positions and not (rule.days or rule.month_days or rule.months):
        raise _wrong(text, "BYSETPOS needs another BY... beside it")
    return rule


def _parts(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in text.strip().removeprefix("RRULE:").strip(";").upper().split(";"):
        name, equals, value = part.strip().partition("=")
        if not equals or not value or name in found:
            raise _wrong(text, f"{part or 'nothing'!r} is no part of a rule, or stands there twice")
        if name not in _FIELDS and name != "FREQ":
            raise _wrong(text, f"{name} is not supported")
        found[name] = value
    return found


@dataclass(frozen=True, slots=True)
class _Reader:
    text: str
    zone_name: str

    def number(self, value: str) -> int:
        if not value.isdecimal() or not 1 <= int(value) <= 10_000:
            raise _wrong(self.text, f"{value!r} is no number from 1 to 10000")
        return int(value)

    def numbers(self, value: str, most: int, *, negative: bool = True) -> tuple[int, ...]:
        if not re.fullmatch(r"[+-]?\d{1,3}(,[+-]?\d{1,3})*", value):
            raise _wrong(self.text, f"{value!r} is no list of numbers")
        found = tuple(int(each) for each in value.split(","))
        if any(not 1 <= (abs(n) if negative else n) <= most for n in found):
            raise _wrong(self.text, f"{value!r} goes beyond {most}")
        return tuple(sorted(set(found)))

    def days(self, value: str) -> tuple[tuple[int, int], ...]:
        found = [_DAY.match(each) for each in value.split(",")]
        days = [(DAYS.index(each[2]), int(each[1] or 0)) for each in found if each]
        if len(days) < len(found) or any(abs(at) > 53 for _, at in days):
            raise _wrong(self.text, f"{value!r} is no list of days such as MO,WE or -1FR")
        return tuple(sorted(set(days)))

    def weekday(self, value: str) -> int:
        if value not in DAYS:
            raise _wrong(self.text, f"{value!r} is no day of the week such as MO")
        return DAYS.index(value)

    def until(self, value: str) -> datetime:
        try:
            if "T" not in value:
                return datetime.combine(datetime.strptime(value, "%Y%m%d"), time(23, 59, 59))
            moment = datetime.strptime(value.removesuffix("Z"), "%Y%m%dT%H%M%S")
        except ValueError:
            raise _wrong(self.text, f"UNTIL={value} is no date such as 20261231 or 20261231T230000Z") from None
        if not value.endswith("Z"):
            return moment
        return moment.replace(tzinfo=UTC).astimezone(zone(self.zone_name)).replace(tzinfo=None)


_FIELDS = {
    "INTERVAL": ("interval", _Reader.number),
    "COUNT": ("count", _Reader.number),
    "UNTIL": ("until", _Reader.until),
    "BYDAY": ("days", _Reader.days),
    "BYMONTHDAY": ("month_days", lambda read, value: read.numbers(value, 31)),
    "BYMONTH": ("months", lambda read, value: read.numbers(value, 12, negative=False)),
    "BYSETPOS": ("positions", lambda read, value: read.numbers(value, 366)),
    "WKST": ("week_start", _Reader.weekday),
}


def _wrong(text: str, why: str) -> ToolInputError:
    return ToolInputError(
        f"{text!r} is no rule of recurrence: {why}.", hint='Write it as "FREQ=WEEKLY;BYDAY=MO,WE;COUNT=10".'
    )
