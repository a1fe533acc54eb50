"""Times of events as Graph writes them, zones in a request, and the days on which a pattern repeats.

Source: Microsoft Graph, "dateTimeTimeZone", "recurrencePattern", "recurrenceRange", "Prefer: outlook.timezone". A day
that a month does not have is its last one, as in Outlook; RFC 5545 would leave it out.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import count

from copilot.demo.microsoft365.call import Call
from copilot.demo.microsoft365.refusals import bad_request
from copilot.demo.microsoft365.state import Resource
from copilot.plugins.connections import zones

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_INDEXES: Mapping[str, int] = {"first": 0, "second": 1, "third": 2, "fourth": 3, "last": -1}


def written(wall: datetime) -> str:
    """Return a wall clock as Graph writes it, with seven digits of a second."""
    return wall.strftime("%Y-%m-%dT%H:%M:%S.") + f"{wall.microsecond:06d}0"


def read_wall(text: str) -> datetime:
    """Return the wall clock of `dateTime`; one with an offset is taken to UTC. Raises the 400."""
    try:
        found = datetime.fromisoformat(text[:26] if text[19:20] == "." and len(text) > 26 else text)
    except (ValueError, TypeError):
        raise bad_request(f"The DateTime value '{text}' is not valid.", "ErrorInvalidParameter") from None
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found


def zone_of(name: str) -> str:
    """Return IANA's name of a zone in a request. Raises the 400 that Graph answers for a name that it does not know."""
    if not zones.known(name):
        raise bad_request(f"A valid TimeZone value must be specified: '{name}'.", "TimeZoneNotSupportedException")
    return zones.iana(name)


def moment(when: Resource) -> datetime:
    """Return the moment of a dateTimeTimeZone, in UTC."""
    place = zones.zone(zone_of(when.get("timeZone") or "UTC"))
    return read_wall(when.get("dateTime", "")).replace(tzinfo=place).astimezone(UTC)


def in_zone(when: Resource, name: str, *, all_day: bool = False) -> Resource:
    """Return a dateTimeTimeZone as it is shown in a zone; whole days keep their midnight."""
    if all_day:
        return {"dateTime": when["dateTime"], "timeZone": name}
    wall = moment(when).astimezone(zones.zone(zone_of(name))).replace(tzinfo=None)
    return {"dateTime": written(wall), "timeZone": name}


def asked_zone(call: Call) -> str:
    """Return the zone that the request prefers, as it named it; "UTC" without one. Raises the 400."""
    name = call.prefers("outlook.timezone") or "UTC"
    zone_of(name)
    return name


def window(call: Call, start: str = "startDateTime", end: str = "endDateTime") -> tuple[datetime, datetime]:
    """Return the two moments of a view; without an offset they are UTC. Raises the 400 where one is missing."""
    if not call.query.get(start) or not call.query.get(end):
        message = f"This request requires a time window specified by the query string parameters {start} and {end}."
        raise bad_request(message, "ErrorInvalidParameter")
    first, last = (read_wall(call.query[name].replace(" ", "+")).replace(tzinfo=UTC) for name in (start, end))
    if first > last:
        raise bad_request("The end of the time window lies before its start.", "ErrorCalendarEndDateIsEarlierThanStart")
    return first, last


# --- patterns ---------------------------------------------------------------------------------------------------------


def check(recurrence: Resource) -> None:
    """Raise the 400 for a patternedRecurrence that Graph would not take."""
    pattern, span = recurrence.get("pattern") or {}, recurrence.get("range") or {}
    kind = pattern.get("type")
    wanted = {
        "daily": (),
        "weekly": ("daysOfWeek",),
        "absoluteMonthly": ("dayOfMonth",),
        "relativeMonthly": ("daysOfWeek",),
        "absoluteYearly": ("dayOfMonth", "month"),
        "relativeYearly": ("daysOfWeek", "month"),
    }.get(kind or "")
    odd = [name for name in wanted or () if not pattern.get(name)]
    if wanted is None or odd or not 1 <= int(pattern.get("interval") or 0) <= 999:
        raise bad_request("The recurrence pattern is not valid.", "ErrorInvalidRecurrencePattern")
    if set(pattern.get("daysOfWeek") or ()) - set(DAYS) or (pattern.get("index") or "first") not in _INDEXES:
        raise bad_request("The recurrence pattern is not valid.", "ErrorInvalidRecurrencePattern")
    needs = {"noEnd": (), "endDate": ("endDate",), "numbered": ("numberOfOccurrences",)}.get(span.get("type") or "")
    if needs is None or not span.get("startDate") or any(not span.get(name) for name in needs):
        raise bad_request("The recurrence range is not valid.", "ErrorRecurrenceEndDateTooBig")


def days(recurrence: Resource) -> Iterator[date]:
    """Yield the days of the occurrences of a patternedRecurrence."""
    span = recurrence["range"]
    first = date.fromisoformat(span["startDate"])
    last = date.fromisoformat(span["endDate"]) if span["type"] == "endDate" else date(first.year + 60, 1, 1)
    left = int(span["numberOfOccurrences"]) if span["type"] == "numbered" else -1
    for number in count():
        for day in _period(recurrence["pattern"], first, number):
            if day > last or left == 0:
                return
            if day >= first:
                left -= 1
                yield day


def _period(pattern: Resource, first: date, number: int) -> list[date]:
    kind, step = pattern["type"], number * int(pattern["interval"])
    if kind == "daily":
        return [first + timedelta(days=step)]
    if kind == "weekly":
        start = DAYS.index(pattern.get("firstDayOfWeek") or "sunday")
        week = first - timedelta(days=(first.weekday() - start) % 7) + timedelta(weeks=step)
        return [d for d in (week + timedelta(days=n) for n in range(7)) if DAYS[d.weekday()] in pattern["daysOfWeek"]]
    if kind.endswith("Monthly"):
        month = first.year * 12 + first.month - 1 + step
        return [_in_month(pattern, month // 12, month % 12 + 1)]
    return [_in_month(pattern, first.year + step, int(pattern["month"]))]


def _in_month(pattern: Resource, year: int, month: int) -> date:
    length = calendar.monthrange(year, month)[1]
    if pattern["type"].startswith("absolute"):
        return date(year, month, min(int(pattern["dayOfMonth"]), length))
    named = [date(year, month, n) for n in range(1, length + 1)]
    fitting = [day for day in named if DAYS[day.weekday()] in pattern["daysOfWeek"]]
    return fitting[_INDEXES[str(pattern.get("index") or "first")]]
