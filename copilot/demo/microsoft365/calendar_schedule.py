"""Who is free, and when all are: getSchedule and findMeetingTimes. Source: Microsoft Graph v1.0, those two pages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from typing import Any

from copilot.demo.microsoft365 import calendar_events as held
from copilot.demo.microsoft365 import calendar_times as times
from copilot.demo.microsoft365.call import Body, Call
from copilot.demo.microsoft365.refusals import bad_request
from copilot.demo.microsoft365.routing import Routes
from copilot.demo.microsoft365.state import Resource, State
from copilot.plugins.connections.zones import zone

routes = Routes()
_READ = "Calendars.Read | Calendars.Read.Shared"
_MOST_SCHEDULES, _MOST_DAYS = 20, 62
_DIGITS = {"free": "0", "tentative": "1", "busy": "2", "oof": "3", "workingElsewhere": "4"}
_LENGTH = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?\Z")
_USUAL_HOURS = {
    "daysOfWeek": ["monday", "tuesday", "wednesday", "thursday", "friday"],
    "startTime": "08:00:00.0000000",
    "endTime": "17:00:00.0000000",
    "timeZone": {"name": "W. Europe Standard Time"},
}
Slot = tuple[datetime, datetime]


def settings(user: Resource) -> Resource:
    """Return zone and working hours of a user, as far as anybody set them in the mailbox."""
    return {"timeZone": "W. Europe Standard Time", "workingHours": _USUAL_HOURS, **user.get("_mailbox", {})}


@routes.post("/users/{user}/calendar/getSchedule", needs=_READ)
def get_schedule(call: Call) -> Body:
    """Return when people are not free."""
    call.mailbox()
    asked = call.json()
    start, end = (times.moment(asked.get(name) or {}) for name in ("startTime", "endTime"))
    addresses = asked.get("schedules") or []
    if not addresses or len(addresses) > _MOST_SCHEDULES:
        raise bad_request("The number of schedules is not valid.", "ErrorInvalidRequest")
    if end - start > timedelta(days=_MOST_DAYS):
        raise bad_request("The requested time duration is too long.", "ErrorTimeIntervalTooBig")
    minutes = int(asked.get("availabilityViewInterval") or 30)
    found = [_schedule(call, address, start, end, minutes) for address in addresses]
    return {"@odata.context": call.link("/$metadata") + "#Collection(scheduleInformation)", "value": found}


def _schedule(call: Call, address: str, start: datetime, end: datetime, minutes: int) -> Resource:
    person = call.state.user(address)
    if person is None:
        message = "Could not find the mailbox of the address in the directory."
        return {"scheduleId": address, "error": {"message": message, "responseCode": "ErrorMailRecipientNotFound"}}
    items = list(_items(call.state, person["id"], start, end))
    name = times.asked_zone(call)
    hours = settings(person)["workingHours"]
    return {
        "scheduleId": address,
        "availabilityView": _digits(items, start, end, minutes),
        "scheduleItems": [_shown(each, name) for each in items],
        "workingHours": hours,
    }


def _items(state: State, mailbox: str, start: datetime, end: datetime) -> Iterator[Resource]:
    zone_name = settings(state.users.get(mailbox) or {})["timeZone"]
    found = [each for event in held.events(state, mailbox) for each in held.instances(event, start, end, zone_name)]
    for each in sorted(found, key=lambda event: held.bounds(event, zone_name)):
        if each["showAs"] != "free" and not each["isCancelled"]:
            yield {**each, "_bounds": held.bounds(each, zone_name)}


def _shown(event: Resource, name: str) -> Resource:
    first, last = ({"dateTime": times.written(m.replace(tzinfo=None)), "timeZone": "UTC"} for m in event["_bounds"])
    told = {} if event["sensitivity"] == "private" else {"subject": event["subject"]}
    where = {} if event["sensitivity"] == "private" else {"location": event["location"].get("displayName", "")}
    return {
        "isPrivate": event["sensitivity"] == "private",
        "status": event["showAs"],
        "start": times.in_zone(first, name),
        "end": times.in_zone(last, name),
        **told,
        **where,
    }


def _digits(items: Sequence[Resource], start: datetime, end: datetime, minutes: int) -> str:
    """Return the merged view: a digit for each interval, the least free one of those that lie in it."""
    found, at, step = "", start, timedelta(minutes=minutes)
    while at < end:
        inside = [e["showAs"] for e in items if e["_bounds"][0] < at + step and e["_bounds"][1] > at]
        found += max((_DIGITS.get(status, "0") for status in inside), default="0")
        at += step
    return found


# --- meeting times ----------------------------------------------------------------------------------------------------


@routes.post("/users/{user}/findMeetingTimes", needs="Calendars.Read.Shared | Calendars.ReadWrite.Shared")
def find_meeting_times(call: Call) -> Body:
    """Suggest times within the organizer's working hours, those first at which all are free."""
    asked, mailbox = call.json(), call.mailbox()
    people = [each["emailAddress"]["address"] for each in asked.get("attendees") or ()]
    length = _length(asked.get("meetingDuration") or "PT30M")
    most = int(asked.get("maxCandidates") or 20)
    least = float(asked.get("minimumAttendeePercentage") or 50)
    found = []
    for slot in _slots(call, mailbox, asked.get("timeConstraint") or {}, length):
        if (made := _suggested(call, mailbox, people, slot, least)) is not None:
            found.append(made)
    found.sort(key=lambda each: -each["confidence"])
    name = times.asked_zone(call)
    for each in found:
        each["meetingTimeSlot"] = {k: times.in_zone(v, name) for k, v in each["meetingTimeSlot"].items()}
    return {
        "@odata.context": call.link("/$metadata") + "#microsoft.graph.meetingTimeSuggestionsResult",
        "emptySuggestionsReason": "" if found else "attendeesUnavailable",
        "meetingTimeSuggestions": found[:most],
    }


def _length(text: str) -> timedelta:
    match = _LENGTH.match(text)
    days, hours, minutes = (int(each or 0) for each in match.groups()) if match else (0, 0, 0)
    if not (days or hours or minutes):
        raise bad_request(f"The duration '{text}' is not valid.", "ErrorInvalidRequest")
    return timedelta(days=days, hours=hours, minutes=minutes)


def _slots(call: Call, mailbox: str, constraint: Resource, length: timedelta) -> Iterator[Slot]:
    hours = settings(call.state.users.get(mailbox) or {})["workingHours"]
    place = zone(times.zone_of(hours["timeZone"]["name"]))
    opens, closes = (time.fromisoformat(hours[name][:8]) for name in ("startTime", "endTime"))
    for given in constraint.get("timeSlots") or ():
        at, end = times.moment(given["start"]), times.moment(given["end"])
        while at + length <= end:
            first, last = at.astimezone(place), (at + length).astimezone(place)
            works = times.DAYS[first.weekday()] in hours["daysOfWeek"] and first.date() == last.date()
            if works and opens <= first.time() and last.time() <= closes:
                yield at, at + length
            at += timedelta(minutes=30)


def _suggested(call: Call, mailbox: str, people: Sequence[str], slot: Slot, least: float) -> Resource | None:
    def free(address: str) -> str:
        person = call.state.user(address)
        return "unknown" if person is None else _availability(call.state, person["id"], slot)

    found = [{"availability": free(each), "attendee": {"emailAddress": {"address": each}}} for each in people]
    good = sum(each["availability"] in ("free", "unknown") for each in found)
    share = 100.0 * good / len(found) if found else 100.0
    mine = _availability(call.state, mailbox, slot)
    if share < least or mine != "free":
        return None
    first, last = ({"dateTime": times.written(m.replace(tzinfo=None)), "timeZone": "UTC"} for m in slot)
    named: dict[str, Any] = {"start": first, "end": last}
    return {
        "confidence": share,
        "organizerAvailability": mine,
        "suggestionReason": "Suggested because it is one of the nearest times when all attendees are available.",
        "meetingTimeSlot": named,
        "attendeeAvailability": found,
        "locations": [],
    }


def _availability(state: State, mailbox: str, slot: Slot) -> str:
    statuses = [each["showAs"] for each in _items(state, mailbox, *slot)]
    return max(statuses, key=lambda status: _DIGITS.get(status, "0"), default="free")
