"""The company's meetings: the weekly finance round, the budget review, what Nina keeps to herself, and who is away."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from copilot.demo.microsoft365 import calendar_changes as changes
from copilot.demo.microsoft365 import calendar_events as held
from copilot.demo.microsoft365 import calendar_times as times
from copilot.demo.microsoft365.meetings import add_transcript
from copilot.demo.microsoft365.state import Resource, State
from copilot.demo.microsoft365.story import DOMAIN, moment, who

_BERLIN, _LONDON = "W. Europe Standard Time", "GMT Standard Time"
_ROOMS = (
    ("Berlin 2.14", "berlin.2.14", 8, "Berlin"),
    ("Berlin Forum", "berlin.forum", 40, "Berlin"),
    ("Oslo Fjord", "oslo.fjord", 12, "Oslo"),
)
#: The transcript of the last budget review, as Teams writes it.
TRANSCRIPT = """WEBVTT

00:00:03.120 --> 00:00:09.480
<v Tomas Berg>Let us go through the third quarter. I want the sheet on Wednesday.</v>

00:00:10.000 --> 00:00:16.250
<v Nina Keller>Marketing is at 125 thousand. Priya's figures for Sales are still missing.</v>

00:00:16.900 --> 00:00:22.000
<v Priya Raman>You get them on Tuesday. North is down, South is up.</v>

00:00:22.700 --> 00:00:25.000
<v Tomas Berg>Good. Nina sends the changes to the finance group.</v>
"""


def fill(state: State) -> None:
    """Put rooms, working hours and meetings into the company."""
    for name, address, seats, city in _ROOMS:
        state.collection("rooms").add(_room(name, address, seats, city))
    state.collection("roomLists").add({"displayName": "Berlin", "emailAddress": f"rooms.berlin@{DOMAIN}"})
    london = {**_hours("09:00", "17:30"), "timeZone": {"name": _LONDON}}
    state.users.change(who(state, "priya.raman"), {"_mailbox": {"timeZone": _LONDON, "workingHours": london}})
    nina = who(state, "nina.keller")
    held.new_calendar(state, nina, "Team holidays")
    _meetings(state)
    past = moment(state, -7, "12:00")
    with state.at(past):
        review = _add(
            state, "tomas.berg", "Budget review Q2", -7, "13:00", 60, ["nina.keller", "priya.raman"], online=True
        )
        tomas = who(state, "tomas.berg")
        joined = review["onlineMeeting"]["joinUrl"]
        meeting = state.collection("onlineMeetings", tomas).where(joinWebUrl=joined)[0]
        for person in ("nina.keller", "priya.raman"):  # attendees reach the meeting, too, under the same id
            state.collection("onlineMeetings", who(state, person)).add(dict(meeting))
        add_transcript(state, tomas, meeting["id"], TRANSCRIPT)


def _meetings(state: State) -> None:
    weekly = {"type": "weekly", "interval": 1, "daysOfWeek": ["monday"], "firstDayOfWeek": "monday"}
    _add(state, "nina.keller", "Finance round", -28, "09:30", 30, ["sofia.lind", "tomas.berg"], pattern=weekly)
    _add(state, "tomas.berg", "Budget review Q3", 2, "14:00", 60, ["nina.keller", "priya.raman"], online=True)
    _add(state, "priya.raman", "Forecast call", 1, "11:00", 45, ["nina.keller"], zone=_LONDON)
    _add(state, "nina.keller", "Dentist", 1, "16:00", 60, [], sensitivity="private", body="Dr. Weiss, Torstr. 4")
    _add(state, "nina.keller", "Lunch with Ana", 0, "12:00", 60, ["ana.costa@supplier.example"], place="Café Anna")
    _add(state, "leo.martin", "Out of office", 2, "00:00", 2 * 24 * 60, [], isAllDay=True, showAs="oof")
    _add(state, "sofia.lind", "Month-end closing", 2, "08:00", 9 * 60, [])


def _add(
    state: State,
    owner: str,
    subject: str,
    days: int,
    clock: str,
    minutes: int,
    people: list[str],
    *,
    zone: str = _BERLIN,
    place: str = "",
    body: str = "",
    online: bool = False,
    pattern: Resource | None = None,
    **more: Any,
) -> Resource:
    """Make a meeting; days count from the story's today, the clock is that of the zone."""
    wall = datetime.combine((moment(state, days)).date(), datetime.strptime(clock, "%H:%M").time())
    invited = [who_is if "@" in who_is else f"{who_is}@{DOMAIN}" for who_is in people]
    fields: Resource = {
        "subject": subject,
        "start": {"dateTime": times.written(wall), "timeZone": zone},
        "end": {"dateTime": times.written(wall + timedelta(minutes=minutes)), "timeZone": zone},
        "attendees": [_attendee(state, address) for address in invited],
        "location": {"displayName": place, "locationType": "default", "uniqueIdType": "unknown"},
        "body": {"contentType": "html", "content": f"<html><body><p>{body}</p></body></html>" if body else ""},
        "isOnlineMeeting": online,
        **more,
    }
    if pattern is not None:
        until = {"type": "noEnd", "startDate": wall.date().isoformat(), "endDate": "0001-01-01"}
        span = {**until, "recurrenceTimeZone": zone, "numberOfOccurrences": 0}
        fields["recurrence"] = {"pattern": {**pattern, "month": 0, "dayOfMonth": 0, "index": "first"}, "range": span}
    mailbox = who(state, owner)
    calendar = held.calendars(state, mailbox).where(isDefaultCalendar=True)[0]["id"]
    return changes.create(state, mailbox, calendar, fields)


def _attendee(state: State, address: str) -> Resource:
    person = state.user(address)
    name = person["displayName"] if person else address
    return {"type": "required", "emailAddress": {"name": name, "address": address}}


def _room(name: str, address: str, seats: int, city: str) -> Resource:
    return {
        "displayName": name,
        "emailAddress": f"{address}@{DOMAIN}",
        "nickname": name,
        "building": city,
        "capacity": seats,
        "bookingType": "standard",
        "isWheelChairAccessible": True,
        "address": {"city": city},
    }


def _hours(start: str, end: str) -> Resource:
    days = ["monday", "tuesday", "wednesday", "thursday", "friday"]
    return {"daysOfWeek": days, "startTime": f"{start}:00.0000000", "endTime": f"{end}:00.0000000"}
