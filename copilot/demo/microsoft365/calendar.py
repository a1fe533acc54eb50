"""Calendars, events and views of them. Source: Microsoft Graph v1.0, "calendar", "event", "List calendarView"."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from copilot.demo.microsoft365 import calendar_changes as changes
from copilot.demo.microsoft365 import calendar_events as held
from copilot.demo.microsoft365 import calendar_times as times
from copilot.demo.microsoft365.call import Body, Call, accepted, created
from copilot.demo.microsoft365.odata import delta, page, shape
from copilot.demo.microsoft365.refusals import bad_request, if_match
from copilot.demo.microsoft365.routing import Handler, Routes
from copilot.demo.microsoft365.state import Resource

routes = Routes()
_READ, _WRITE = "Calendars.Read | Calendars.Read.Shared", "Calendars.ReadWrite | Calendars.ReadWrite.Shared"
#: Where the events of a calendar lie: of the default one (twice), and of one that is named.
_PLACES = ("/users/{user}", "/users/{user}/calendar", "/users/{user}/calendars/{calendar}")


def _on(method: str, tail: str, needs: str) -> Callable[[Handler], Handler]:
    """Return a decorator that makes a function answer a path at all three places."""

    def added(handler: Handler) -> Handler:
        for place in _PLACES:
            routes.on(method, place + tail, needs=needs)(handler)
        return handler

    return added


# --- calendars --------------------------------------------------------------------------------------------------------


@routes.get("/users/{user}/calendars", needs=_READ)
def calendars(call: Call) -> Body:
    """List the calendars of a mailbox."""
    return page(call, held.calendars(call.state, call.mailbox()), "users/calendars", size=10)


@routes.post("/users/{user}/calendars", needs=_WRITE)
def make_calendar(call: Call) -> Body:
    """Make a calendar."""
    name = call.json().get("name")
    if not name:
        raise bad_request("The calendar needs a name.", "ErrorInvalidRequest")
    return created(shape(call, held.new_calendar(call.state, call.mailbox(), name), "users/calendars/$entity"))


@routes.get("/users/{user}/calendar", needs=_READ)
@routes.get("/users/{user}/calendars/{calendar}", needs=_READ)
def calendar(call: Call) -> Body:
    """Return a calendar."""
    return shape(call, held.calendar_of(call), "users/calendars/$entity")


# --- lists ------------------------------------------------------------------------------------------------------------


@_on("GET", "/events", _READ)
def events(call: Call) -> Body:
    """List single events and series (not their occurrences)."""
    chosen = held.calendar_of(call)["id"]
    found = held.events(call.state, call.mailbox()).where(_calendar=chosen)
    return page(call, [held.shown(call, each) for each in found], "users/events", size=10, most=1000)


@_on("GET", "/calendarView", _READ)
def view(call: Call) -> Body:
    """List events and occurrences in a window."""
    found = held.view(call, *times.window(call))
    return page(call, [held.shown(call, each) for each in found], "users/calendarView", size=10, most=1000)


@_on("GET", "/calendarView/delta", _READ)
def view_delta(call: Call) -> Body:
    """Return what changed in a window; the links keep the window."""
    start, end = times.window(call)

    def inside(event: Resource) -> bool:
        return next(held.instances(event, start, end), None) is not None

    collection = held.events(call.state, call.mailbox())
    return delta(call, collection, "Collection(event)", keep=inside, view=lambda event: held.shown(call, event))


@routes.get("/users/{user}/events/{event}/instances", needs=_READ)
def instances(call: Call) -> Body:
    """List the occurrences of a series in a window."""
    start, end = times.window(call)
    series = held.find(call.state, call.mailbox(), call.params["event"])
    if not series.get("recurrence"):
        raise bad_request("The event is no series.", "ErrorInvalidRequest")
    found = held.instances(series, start, end, times.asked_zone(call))
    return page(call, [held.shown(call, each) for each in found], "users/events/instances", size=10, most=1000)


@routes.get("/users/{user}/reminderView()", needs=_READ)
def reminders(call: Call) -> Body:
    """List the reminders that come up in a window."""
    start, end = (
        times.moment({"dateTime": call.arguments[name].removesuffix("Z"), "timeZone": "UTC"})
        for name in ("startDateTime", "endDateTime")
    )
    found = [
        each
        for event in held.events(call.state, call.mailbox())
        for each in held.instances(event, start, end + timedelta(days=14))
        if each["isReminderOn"] and start <= _reminded(each) <= end
    ]
    return page(call, [_reminder(call, each) for each in found], "Collection(microsoft.graph.reminder)")


def _reminded(event: Resource) -> datetime:
    return times.moment(event["start"]) - timedelta(minutes=int(event["reminderMinutesBeforeStart"]))


def _reminder(call: Call, event: Resource) -> Resource:
    seen = held.shown(call, event)
    at = {"dateTime": times.written(_reminded(event).replace(tzinfo=None)), "timeZone": "UTC"}
    return {
        "eventId": event["id"],
        "changeKey": event["changeKey"],
        "eventSubject": event["subject"],
        "eventStartTime": seen["start"],
        "eventEndTime": seen["end"],
        "eventLocation": event["location"],
        "eventWebLink": event["webLink"],
        "reminderFireTime": times.in_zone(at, times.asked_zone(call)),
    }


# --- one event --------------------------------------------------------------------------------------------------------


@_on("POST", "/events", _WRITE)
def create(call: Call) -> Body:
    """Make an event."""
    made = changes.create(call.state, call.mailbox(), held.calendar_of(call)["id"], call.json())
    return created(shape(call, held.shown(call, made), "users/events/$entity"))


@_on("GET", "/events/{event}", _READ)
def event(call: Call) -> Body:
    """Return an event, a series, or an occurrence."""
    found = held.find(call.state, call.mailbox(), call.params["event"])
    return shape(call, held.shown(call, found), "users/events/$entity")


@_on("PATCH", "/events/{event}", _WRITE)
def change(call: Call) -> Body:
    """Change an event."""
    found = held.find(call.state, call.mailbox(), call.params["event"])
    if_match(call, held.tag(found), code="ErrorIrresolvableConflict")
    changed = changes.change(call.state, call.mailbox(), call.params["event"], call.json())
    return shape(call, held.shown(call, changed), "users/events/$entity")


@_on("DELETE", "/events/{event}", _WRITE)
def remove(call: Call) -> Body:
    """Take an event out; attendees of the organizer's are told."""
    found = held.find(call.state, call.mailbox(), call.params["event"])
    if_match(call, held.tag(found), code="ErrorIrresolvableConflict")
    changes.cancel(call.state, call.mailbox(), call.params["event"])
    return None


@_on("POST", "/events/{event}/cancel", _WRITE)
def cancel(call: Call) -> Body:
    """Cancel a meeting, with a comment to its attendees."""
    found = held.find(call.state, call.mailbox(), call.params["event"])
    if not found["isOrganizer"]:
        message = "Your request can't be completed. You need to be an organizer to cancel a meeting."
        raise bad_request(message, "ErrorInvalidRequest")
    changes.cancel(call.state, call.mailbox(), call.params["event"], str(call.json().get("comment") or ""))
    return accepted()


@_on("POST", "/events/{event}/accept", _WRITE)
@_on("POST", "/events/{event}/decline", _WRITE)
@_on("POST", "/events/{event}/tentativelyAccept", _WRITE)
def respond(call: Call) -> Body:
    """Answer an invitation."""
    how = {"accept": "accept", "decline": "decline"}.get(call.path.rpartition("/")[2], "tentativelyAccept")
    changes.respond(call.state, call.mailbox(), call.params["event"], how, call.json())
    return accepted()
