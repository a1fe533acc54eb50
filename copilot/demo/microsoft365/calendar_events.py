"""Events of a mailbox: calendars, series with their occurrences, and how an event is shown.

A series is one resource; `_exceptions` holds, by its day, what differs in an occurrence, `_gone` the days that were
taken out. An occurrence has an id of its own, which names the series and the day, and stays when it becomes an
exception.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from copilot.demo.microsoft365 import calendar_times as times
from copilot.demo.microsoft365.call import Call
from copilot.demo.microsoft365.refusals import not_found
from copilot.demo.microsoft365.state import Collection, Resource, State
from copilot.documents.htmltext import read_html

_OCCURRENCE = re.compile(r"OID\.(?P<series>.+)\.(?P<day>\d{4}-\d\d-\d\d)\Z")
#: Occurrences that are looked at in one series; what lies beyond is not shown.
_MOST = 4_000


def events(state: State, mailbox: str) -> Collection:
    """Return the events of a mailbox."""
    return state.collection("events", mailbox)


def calendars(state: State, mailbox: str) -> Collection:
    """Return the calendars of a mailbox; the default one is made with the first look."""
    found = state.collection("calendars", mailbox)
    if not len(found):
        found.add(_calendar(state, mailbox, "Calendar", default=True), "AAMkCal")
    return found


def _calendar(state: State, mailbox: str, name: str, *, default: bool = False) -> Resource:
    owner = state.users.get(mailbox) or {}
    return {
        "name": name,
        "color": "auto",
        "hexColor": "",
        "changeKey": f"CK{state.tick():06d}",
        "canShare": True,
        "canViewPrivateItems": True,
        "canEdit": True,
        "isDefaultCalendar": default,
        "isRemovable": not default,
        "isTallyingResponses": default,
        "allowedOnlineMeetingProviders": ["teamsForBusiness"],
        "defaultOnlineMeetingProvider": "teamsForBusiness",
        "owner": {"name": owner.get("displayName", ""), "address": owner.get("mail", "")},
    }


def new_calendar(state: State, mailbox: str, name: str) -> Resource:
    """Make a calendar beside the default one."""
    return calendars(state, mailbox).add(_calendar(state, mailbox, name), "AAMkCal")


def calendar_of(call: Call) -> Resource:
    """Return the calendar that the path names, the default one where it names none. Raises the 404."""
    every = calendars(call.state, call.mailbox())
    wanted = call.params.get("calendar")
    found = every.get(wanted) if wanted else every.where(isDefaultCalendar=True)[0]
    if found is None:
        raise not_found("The specified object was not found in the store.", "ErrorItemNotFound")
    return found


# --- finding ----------------------------------------------------------------------------------------------------------


def find(state: State, mailbox: str, id: str) -> Resource:
    """Return an event: one of the mailbox, or an occurrence of a series as an event of its own. Raises the 404."""
    held = events(state, mailbox).get(id)
    if held is not None:
        return held
    match = _OCCURRENCE.match(id)
    series = events(state, mailbox).get(match["series"]) if match else None
    if match is None or series is None or not has_day(series, match["day"]):
        raise not_found("The specified object was not found in the store.", "ErrorItemNotFound")
    return occurrence(series, date.fromisoformat(match["day"]))


def split(id: str) -> tuple[str, str]:
    """Return the series and the day that an id names; the id itself and "" for another event."""
    match = _OCCURRENCE.match(id)
    return (match["series"], match["day"]) if match else (id, "")


def has_day(series: Resource, day: str) -> bool:
    """Return whether a series has an occurrence on a day (by its pattern)."""
    if day in series["_gone"] or not series.get("recurrence"):
        return False
    for found in times.days(series["recurrence"]):
        if found.isoformat() >= day:
            return found.isoformat() == day
    return False


def occurrence(series: Resource, day: date) -> Resource:
    """Return the occurrence of a series on a day."""
    start, end = (times.read_wall(series[name]["dateTime"]) for name in ("start", "end"))
    begins = datetime.combine(day, start.time())
    zone = series["start"]["timeZone"]
    changed = series["_exceptions"].get(day.isoformat(), {})
    first = {"dateTime": times.written(begins), "timeZone": zone}
    found = {
        **series,
        "start": first,
        "end": {"dateTime": times.written(begins + (end - start)), "timeZone": zone},
        **changed,
        "id": f"OID.{series['id']}.{day.isoformat()}",
        "seriesMasterId": series["id"],
        "type": "exception" if changed else "occurrence",
        "recurrence": None,
        "originalStart": times.moment(first).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    found.pop("transactionId", None)
    return found


def instances(event: Resource, start: datetime, end: datetime, zone: str = "UTC") -> Iterator[Resource]:
    """Yield what of an event lies at least in part in a window: itself, or the occurrences of a series."""
    if not event.get("recurrence"):
        if overlaps(event, start, end, zone):
            yield event
        return
    length = times.moment(event["end"]) - times.moment(event["start"]) + timedelta(days=2)
    for number, day in enumerate(times.days(event["recurrence"])):
        if number > _MOST or datetime(day.year, day.month, day.day, tzinfo=UTC) > end + timedelta(days=400):
            return
        moved = day.isoformat() in event["_exceptions"]
        near = start - length <= datetime(day.year, day.month, day.day, tzinfo=UTC) <= end + length
        if day.isoformat() not in event["_gone"] and (near or moved):
            made = occurrence(event, day)
            if overlaps(made, start, end, zone):
                yield made


def overlaps(event: Resource, start: datetime, end: datetime, zone: str = "UTC") -> bool:
    """Return whether an event lies at least in part in a window; its days are those of the zone."""
    begins, ends = bounds(event, zone)
    return (begins < end and ends > start) or (begins == ends and start <= begins < end)


def bounds(event: Resource, zone: str = "UTC") -> tuple[datetime, datetime]:
    """Return when an event begins and ends; whole days are those of the zone."""
    first, last = event["start"], event["end"]
    if event["isAllDay"]:
        first, last = ({**each, "timeZone": zone} for each in (first, last))
    return times.moment(first), times.moment(last)


def view(call: Call, start: datetime, end: datetime) -> list[Resource]:
    """Return the events of the calendar that the path names, in a window, in their order."""
    zone, chosen = times.asked_zone(call), calendar_of(call)["id"]
    every = events(call.state, call.mailbox()).where(_calendar=chosen)
    found = [each for event in every for each in instances(event, start, end, zone)]
    return sorted(found, key=lambda each: (bounds(each, zone), each["id"]))


# --- showing ----------------------------------------------------------------------------------------------------------


def shown(call: Call, event: Resource) -> Resource:
    """Return an event as it is answered: in the preferred zone, its body as text where that is preferred."""
    zone = times.asked_zone(call)
    changed: dict[str, Any] = {
        name: times.in_zone(event[name], zone, all_day=event["isAllDay"]) for name in ("start", "end")
    }
    if call.prefers("outlook.body-content-type") == "text" and event["body"]["contentType"] == "html":
        changed["body"] = {"contentType": "text", "content": read_html(event["body"]["content"]).visible}
    return {"@odata.etag": tag(event), **event, **changed}


def tag(event: Resource) -> str:
    """Return the tag of an event."""
    return f'W/"{event["changeKey"]}"'
