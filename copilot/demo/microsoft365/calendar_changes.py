"""What is done to events: made, changed, cancelled, answered; and what of it reaches the calendars of others.

Source: Microsoft Graph, "Create event", "Update event", "event: cancel", "event: accept". Each message that Exchange
would send for it is noted in the collection "meetingMessages".
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from copilot.demo.microsoft365 import calendar_events as held
from copilot.demo.microsoft365 import calendar_times as times
from copilot.demo.microsoft365.refusals import bad_request, forbidden
from copilot.demo.microsoft365.state import Resource, State, guid
from copilot.documents.htmltext import read_html

_NEVER = "0001-01-01T00:00:00Z"
_ANSWERS = {"accept": "accepted", "decline": "declined", "tentativelyAccept": "tentativelyAccepted"}
#: What may be written, and what an event has that says nothing of it.
_USUAL: Mapping[str, Any] = {
    "categories": [],
    "reminderMinutesBeforeStart": 15,
    "isReminderOn": True,
    "subject": "",
    "importance": "normal",
    "sensitivity": "normal",
    "isAllDay": False,
    "responseRequested": True,
    "showAs": "busy",
    "isOnlineMeeting": False,
    "onlineMeetingProvider": "unknown",
    "allowNewTimeProposals": True,
    "hideAttendees": False,
    "transactionId": None,
    "recurrence": None,
    "body": {"contentType": "html", "content": ""},
    "location": {"displayName": "", "locationType": "default", "uniqueIdType": "unknown"},
    "attendees": [],
}
_WRITABLE = frozenset({*_USUAL, "start", "end", "locations"})
#: What an attendee gets of the organizer's event.
_SHARED = (
    *("subject", "importance", "sensitivity", "isAllDay", "responseRequested", "isOnlineMeeting", "hideAttendees"),
    *("onlineMeetingProvider", "onlineMeeting", "allowNewTimeProposals", "recurrence", "body", "bodyPreview"),
    *("location", "locations", "attendees", "organizer", "start", "end", "iCalUId", "type"),
    *("originalStartTimeZone", "originalEndTimeZone", "_exceptions", "_gone", "onlineMeetingUrl"),
)


def create(state: State, mailbox: str, calendar: str, fields: Resource) -> Resource:
    """Make an event and invite its attendees; with a transactionId that was used before it is the event of then."""
    key = fields.get("transactionId")
    if key and (known := held.events(state, mailbox).where(transactionId=key)):
        return known[0]
    _check(fields, whole=True)
    event: Resource = {**_USUAL, **{k: v for k, v in fields.items() if k in _WRITABLE}}
    owner = state.users.get(mailbox) or {}
    unique = hashlib.sha256(f"{mailbox}/{state.tick()}".encode()).hexdigest()
    event |= {
        "_calendar": calendar,
        "_exceptions": {},
        "_gone": [],
        "createdDateTime": state.stamp(),
        "iCalUId": f"040000008200E00074C5B7101A82E008{unique[:48].upper()}",
        "hasAttachments": False,
        "isDraft": False,
        "isCancelled": False,
        "isOrganizer": True,
        "seriesMasterId": None,
        "onlineMeetingUrl": None,
        "onlineMeeting": None,
        "organizer": {"emailAddress": {"name": owner.get("displayName", ""), "address": owner.get("mail", "")}},
        "responseStatus": {"response": "organizer", "time": _NEVER},
    }
    _settle(state, mailbox, event)
    made = held.events(state, mailbox).add(event, "AAMkEv")
    made["webLink"] = f"https://outlook.fabrikam.example/owa/?itemid={made['id']}"
    spread(state, mailbox, made, "request")
    return made


def change(state: State, mailbox: str, id: str, fields: Resource) -> Resource:
    """Change an event, a series, or one occurrence of it, which then is an exception."""
    before = held.find(state, mailbox, id)
    fields = {k: v for k, v in fields.items() if k in _WRITABLE}
    if not before["isOrganizer"] and fields.keys() & {"start", "end", "attendees", "subject", "location", "recurrence"}:
        raise forbidden("Only the organizer of a meeting can change it.", "ErrorAccessDenied")
    _check({**{k: before[k] for k in ("start", "end", "isAllDay", "recurrence")}, **fields}, whole=False)
    series, day = held.split(id)
    if day:
        master = held.events(state, mailbox).get(series)
        assert master is not None
        part = {**master["_exceptions"].get(day, {}), **_settled_fields(fields)}
        held.events(state, mailbox).change(series, {"_exceptions": {**master["_exceptions"], day: part}})
        event = master
    else:
        event = held.events(state, mailbox).change(id, fields)
        if fields.keys() & {"recurrence", "start", "end"} and event.get("recurrence"):
            event |= {"_exceptions": {}, "_gone": []}  # as Outlook does
    _settle(state, mailbox, event)
    if event["isOrganizer"]:
        spread(state, mailbox, event, "update")
    return held.find(state, mailbox, id)


def _check(fields: Resource, *, whole: bool) -> None:
    start, end = fields.get("start"), fields.get("end")
    if not isinstance(start, dict) or not isinstance(end, dict):
        raise bad_request("The start and end of an event are required.", "ErrorInvalidRequest")
    if times.moment(start) > times.moment(end):
        raise bad_request("The end of an event lies before its start.", "ErrorCalendarEndDateIsEarlierThanStart")
    if fields.get("isAllDay"):
        walls = [times.read_wall(each["dateTime"]) for each in (start, end)]
        if any((wall.hour, wall.minute) != (0, 0) for wall in walls) or walls[0] == walls[1]:
            message = "The Event.Start and Event.End of an event of all day need to be set to midnight, and 24 h apart."
            raise bad_request(message, "ErrorInvalidRequest")
    if fields.get("recurrence"):
        times.check(fields["recurrence"])
        if whole and fields["recurrence"]["range"]["startDate"] > start["dateTime"][:10]:
            raise bad_request("The recurrence begins after its event.", "ErrorCalendarIsOutOfRange")


def _settled_fields(fields: Resource) -> Resource:
    body = fields.get("body")
    return {**fields, "bodyPreview": _preview(body)} if body else fields


def _preview(body: Resource) -> str:
    return read_html(body["content"]).visible[:255] if body["contentType"] == "html" else body["content"][:255]


def _settle(state: State, mailbox: str, event: Resource) -> None:
    """Set what follows from what was written: tag, type, zones, the answers of attendees, the online meeting."""
    event["changeKey"] = f"CK{state.tick():08d}"
    event["lastModifiedDateTime"] = state.stamp()
    event["type"] = "seriesMaster" if event.get("recurrence") else "singleInstance"
    event["originalStartTimeZone"] = event["start"].get("timeZone") or "UTC"
    event["originalEndTimeZone"] = event["end"].get("timeZone") or "UTC"
    event["bodyPreview"] = _preview(event["body"])
    event["locations"] = [event["location"]] if event["location"].get("displayName") else []
    nobody = {"response": "none", "time": _NEVER}
    event["attendees"] = [{"type": "required", "status": nobody, **each} for each in event["attendees"]]
    if event["recurrence"]:
        event["recurrence"].setdefault("range", {}).setdefault("recurrenceTimeZone", event["originalStartTimeZone"])
    if event["isOnlineMeeting"] and not event["onlineMeeting"]:
        event["onlineMeetingProvider"] = "teamsForBusiness"
        event["onlineMeeting"] = {"joinUrl": _online(state, mailbox, event)}


def _online(state: State, mailbox: str, event: Resource) -> str:
    number = hashlib.sha256(f"{state.tenant}/{state.tick()}".encode()).digest()
    url = f"https://teams.fabrikam.example/l/meetup-join/{guid(number)}"
    moments = [times.moment(event[name]).strftime("%Y-%m-%dT%H:%M:%SZ") for name in ("start", "end")]
    meeting = {
        "joinWebUrl": url,
        "subject": event["subject"],
        "startDateTime": moments[0],
        "endDateTime": moments[1],
        "creationDateTime": state.stamp(),
        "allowTranscription": True,
    }
    state.collection("onlineMeetings", mailbox).add(meeting, "MSo")
    return url


# --- others -----------------------------------------------------------------------------------------------------------


def _noted(state: State, kind: str, event: Resource, to: str, comment: str = "") -> None:
    note = {"type": kind, "iCalUId": event["iCalUId"], "subject": event["subject"], "to": to, "comment": comment}
    state.collection("meetingMessages").add(note, "MM")


def spread(state: State, mailbox: str, event: Resource, kind: str) -> None:
    """Bring an organizer's event to the calendars of its attendees, and send them what Exchange sends."""
    for attendee in event["attendees"]:
        address = attendee["emailAddress"]["address"]
        _noted(state, kind, event, address)
        person = state.user(address)
        if person is None or person["id"] == mailbox:
            continue
        fields = {name: event[name] for name in _SHARED if name in event}
        fields |= {"changeKey": f"CK{state.tick():08d}", "lastModifiedDateTime": state.stamp(), "isCancelled": False}
        mine = held.events(state, person["id"])
        copies = mine.where(iCalUId=event["iCalUId"])
        if copies:
            mine.change(copies[0]["id"], fields)
        else:
            calendar = held.calendars(state, person["id"]).where(isDefaultCalendar=True)[0]["id"]
            answer = {"response": "notResponded", "time": _NEVER}
            own = {**event, **fields, "isOrganizer": False, "responseStatus": answer, "_calendar": calendar}
            own |= {"transactionId": None, "showAs": "tentative"}
            own.pop("id")
            mine.add(own, "AAMkEv")


def cancel(state: State, mailbox: str, id: str, comment: str = "") -> None:
    """Take an organizer's event out, or an occurrence; attendees are told, and see it as cancelled."""
    event = held.find(state, mailbox, id)
    series, day = held.split(id)
    mine = held.events(state, mailbox)
    if day:
        master = mine.get(series)
        assert master is not None
        mine.change(series, {"_gone": [*master["_gone"], day], "changeKey": f"CK{state.tick():08d}"})
        if master["isOrganizer"]:
            spread(state, mailbox, master, "cancel")
        return
    mine.remove(id)
    for attendee in event["attendees"] if event["isOrganizer"] else ():
        address = attendee["emailAddress"]["address"]
        _noted(state, "cancel", event, address, comment)
        person = state.user(address)
        for copy in held.events(state, person["id"]).where(iCalUId=event["iCalUId"]) if person else ():
            fields = {"isCancelled": True, "showAs": "free", "subject": f"Canceled: {event['subject']}"}
            held.events(state, person["id"] if person else "").change(copy["id"], fields)


def respond(state: State, mailbox: str, id: str, how: str, body: Resource) -> None:
    """Answer an invitation; the organizer's event notes it when a response is sent. The organizer gets a 400."""
    event = held.find(state, mailbox, id)
    if event["isOrganizer"]:
        message = "Your request can't be completed. You can't respond to this meeting because you're the organizer."
        raise bad_request(message, "ErrorInvalidRequest")
    series, day = held.split(id)
    mine = held.events(state, mailbox)
    answer = {"response": _ANSWERS[how], "time": state.stamp()}
    fields = {"responseStatus": answer, "showAs": "busy" if how == "accept" else "tentative"}
    if day:
        master = mine.get(series)
        assert master is not None
        gone = [*master["_gone"], day] if how == "decline" else master["_gone"]
        part = {**master["_exceptions"].get(day, {}), **fields}
        mine.change(series, {"_exceptions": {**master["_exceptions"], day: part}, "_gone": gone})
    elif how == "decline":
        mine.remove(id)
    else:
        mine.change(id, fields)
    if body.get("sendResponse", True):
        _tell(state, mailbox, event, answer, str(body.get("comment") or ""))


def _tell(state: State, mailbox: str, event: Resource, answer: Resource, comment: str) -> None:
    """Note an answer in the organizer's event."""
    address = event["organizer"]["emailAddress"]["address"]
    _noted(state, answer["response"], event, address, comment)
    owner, me = state.user(address), state.users.get(mailbox) or {}
    for theirs in held.events(state, owner["id"]).where(iCalUId=event["iCalUId"]) if owner else ():
        attendees = [
            {**each, "status": answer} if each["emailAddress"]["address"].casefold() == me.get("mail") else each
            for each in theirs["attendees"]
        ]
        held.events(state, owner["id"] if owner else "").change(theirs["id"], {"attendees": attendees})
