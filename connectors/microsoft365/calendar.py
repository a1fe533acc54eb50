"""Calendars of Exchange through Graph: the interface `copilot.plugins.connections.calendar.Calendar`.

Sources: Microsoft Graph v1.0, "calendar", "event", "getSchedule", "findMeetingTimes", "callTranscript".
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from copilot.errors import ServiceError, ToolInputError
from copilot.plugins.connections import series, zones
from copilot.plugins.connections.calendar import (
    Agenda,
    Answer,
    Busy,
    CalendarInfo,
    Draft,
    Edit,
    Event,
    Room,
    Schedule,
    Scope,
    Settings,
    Suggestion,
    Transcript,
    WorkingHours,
)

from . import events
from .graph.errors import GraphError
from .graph.models import Json
from .graph.requests import at, literal, timezone

if TYPE_CHECKING:
    from .connection import Microsoft365

_UTC = (timezone("UTC"),)
#: Schedules in one call ("getSchedule"), events that are searched for words, rooms that are listed.
_SCHEDULES, _SEARCHED, _ROOMS = 20, 1000, 1000
_TRANSCRIPT = 16 * 2**20
_RESPONSES: dict[Answer, str] = {"accepted": "accept", "tentative": "tentativelyAccept", "declined": "decline"}
_READ, _WRITE = "Calendars.Read", "Calendars.ReadWrite"


class GraphCalendar:
    """The calendars of one account."""

    def __init__(self, connection: Microsoft365) -> None:
        self._connection = connection
        self._graph = connection.graph
        self._me = connection.me
        self._settings: Settings | None = None

    @property
    def who(self) -> str:
        """The address of whose account it is."""
        return self._connection.who

    def _get(self, path: str, what: str, **more: Any) -> Json:
        more.setdefault("scope", _READ)
        return self._connection.run(lambda: self._graph.get(path, what=what, prefer=_UTC, **more))

    def _items(self, path: str, what: str, limit: int, **more: Any) -> tuple[list[Json], bool]:
        more.setdefault("scope", _READ)
        found = self._connection.run(lambda: self._graph.items(path, limit=limit, what=what, prefer=_UTC, **more))
        return found.items, found.more

    def _post(self, path: str, body: Json, what: str, **more: Any) -> Json:
        return self._connection.run(lambda: self._graph.post(path, body, what=what, prefer=_UTC, **more))

    # --- reading ------------------------------------------------------------------------------------------------------

    def settings(self) -> Settings:
        """Return zone and working hours of the mailbox; they are asked for once."""
        if self._settings is None:
            scope = "MailboxSettings.Read"
            data = self._get(f"{self._me}/mailboxSettings", "the settings of the mailbox", scope=scope)
            name = str(data.get("timeZone") or "UTC")
            zone = zones.iana(name) if zones.known(name) else "UTC"
            hours = events.hours(data.get("workingHours"), zone)
            self._settings = Settings(zone, hours or WorkingHours(zone=zone))
        return self._settings

    def calendars(self) -> list[CalendarInfo]:
        """Return the calendars of the mailbox."""
        found, _ = self._items(f"{self._me}/calendars", "the calendars", 200)
        listed = [
            CalendarInfo(
                str(each["id"]),
                str(each.get("name") or ""),
                str((each.get("owner") or {}).get("address") or ""),
                bool(each.get("isDefaultCalendar")),
                bool(each.get("canEdit", True)),
            )
            for each in found
        ]
        return sorted(listed, key=lambda each: not each.default)

    def agenda(
        self, start: datetime, end: datetime, *, calendar: str = "", words: str = "", limit: int = 200
    ) -> Agenda:
        """Return what lies between two moments; words are looked for in the first 1,000 events."""
        params = {
            "startDateTime": _stamp(start),
            "endDateTime": _stamp(end),
            "$select": events.LISTED,
            "$orderby": "start/dateTime",
        }
        most = _SEARCHED if words else limit
        found, more = self._items(f"{self._place(calendar)}/calendarView", "the calendar", most, params=params)
        listed = [events.event(each, calendar) for each in found]
        if words:
            listed = [each for each in listed if _holds(each, words)]
        return Agenda(tuple(listed[:limit]), more or len(listed) > limit)

    def _place(self, calendar: str) -> str:
        return f"{self._me}{at('/calendars/{}', calendar)}" if calendar else f"{self._me}/calendar"

    def _path(self, id: str) -> str:
        return f"{self._me}{at('/events/{}', id)}"

    def event(self, id: str) -> Event:
        """Return an event; an occurrence comes with the rule of its series."""
        found = events.event(self._get(self._path(id), "the event"))
        if found.series and found.recurrence is None:
            found = replace(found, recurrence=self._series(found).recurrence)
        return found

    def _series(self, event: Event) -> Event:
        return events.event(self._get(self._path(event.series or event.id), "the series"))

    def schedules(self, addresses: Sequence[str], start: datetime, end: datetime) -> list[Schedule]:
        """Return when people are not free, at most 62 days, asked for 20 at a time."""
        found: list[Schedule] = []
        for first in range(0, len(addresses), _SCHEDULES):
            body = {
                "schedules": list(addresses[first : first + _SCHEDULES]),
                "startTime": events.utc(start),
                "endTime": events.utc(end),
                "availabilityViewInterval": 30,
            }
            path = f"{self._me}/calendar/getSchedule"
            answer = self._post(path, body, "when people are free", scope="Calendars.Read.Shared")
            found += [_schedule(each) for each in answer.get("value", [])]
        by_address = {each.address.lower(): each for each in found}
        lost = "the service said nothing of them"
        return [by_address.get(each.lower(), Schedule(each, trouble=lost)) for each in addresses]

    def suggestions(
        self, addresses: Sequence[str], start: datetime, end: datetime, length: timedelta, count: int
    ) -> list[Suggestion]:
        """Return what findMeetingTimes suggests; only a person who signed in may ask it."""
        if self._connection.options.by_app:
            raise ServiceError("Suggestions of Exchange need a person who signed in.", code="unsupported")
        body = {
            "attendees": [{"type": "required", "emailAddress": {"address": each}} for each in addresses],
            "timeConstraint": {
                "activityDomain": "work",
                "timeSlots": [{"start": events.utc(start), "end": events.utc(end)}],
            },
            "meetingDuration": f"PT{int(length.total_seconds()) // 60}M",
            "maxCandidates": count,
            "returnSuggestionReasons": True,
        }
        path = f"{self._me}/findMeetingTimes"
        answer = self._post(path, body, "suggested times", scope="Calendars.Read.Shared")
        return [_suggestion(each) for each in answer.get("meetingTimeSuggestions", [])]

    # --- changing -----------------------------------------------------------------------------------------------------

    def create(self, draft: Draft, key: str, *, calendar: str = "") -> Event:
        """Make an event; Exchange makes it once for one key, which is its transactionId."""
        body = events.of_draft(draft, transaction(key))
        path = f"{self._place(calendar)}/events"
        made = self._post(path, body, f"the event {draft.subject!r}", scope=_WRITE, idempotent=True)
        return events.event(made, calendar)

    def update(self, event: Event, edit: Edit, scope: Scope, key: str) -> Event:
        """Change an event. All that follow are a new series from there on, and the old one ends before."""
        if event.kind == "single" or scope == "this":
            return self._patch(event, edit)
        whole = self._series(event)
        if scope == "all" or series.is_first(whole, event):
            return self._patch(whole, self._for_all(whole, event, edit))
        head, tail = series.split(whole, event.original or event.span.start)
        draft = replace(edit.of_draft(replace(event, body=whole.body)), rule=edit.rule or tail)
        made = self.create(draft, key, calendar=event.calendar)
        self._end(whole, head, made)
        return made

    def _for_all(self, whole: Event, event: Event, edit: Edit) -> Edit:
        found = edit if event.kind == "series" else series.for_all(whole, event, edit)
        if found.span is not None and found.rule is None and whole.recurrence is not None:
            return replace(found, rule=whole.recurrence.rule)  # its range begins with the first occurrence
        return found

    def _patch(self, event: Event, edit: Edit) -> Event:
        body = events.of_edit(edit, edit.span or event.span)
        if not body:
            raise ToolInputError("Nothing of the event would change.", code="nothing")
        what = f"the event {event.subject!r}"
        made = self._connection.run(
            lambda: self._graph.patch(
                self._path(event.id), body, what=what, scope=_WRITE, prefer=_UTC, if_match=event.tag
            )
        )
        return events.event(made, event.calendar)

    def _end(self, whole: Event, head: Any, made: Event | None) -> None:
        """Let a series end before what was split off; where that fails both are there, and that is told."""
        try:
            self._patch(whole, Edit(rule=head))
        except ServiceError as error:
            if made is None:
                raise
            raise ServiceError(
                f"The new series was made, and the old one could not be ended: {error.message}",
                hint="Cancel the occurrences of the old one from there on.",
                code="uncertain",
            ) from error

    def cancel(self, event: Event, comment: str, scope: Scope, key: str) -> None:
        """Cancel an event; attendees get the comment. All that follow: the series ends before."""
        if event.kind == "single" or scope == "this":
            return self._cancel(event, comment)
        whole = self._series(event)
        if scope == "all" or series.is_first(whole, event):
            return self._cancel(whole, comment)
        head, _ = series.split(whole, event.original or event.span.start)
        return self._end(whole, head, None)

    def _cancel(self, event: Event, comment: str) -> None:
        what = f"the event {event.subject!r}"
        try:
            if event.mine and event.attendees:
                body = {"comment": comment}
                self._post(f"{self._path(event.id)}/cancel", body, what, scope=_WRITE, idempotent=True)
            else:
                self._connection.run(lambda: self._graph.delete(self._path(event.id), what=what, scope=_WRITE))
        except GraphError as error:
            if error.code != "uncertain" or error.status not in (404, 410):
                raise  # else it is gone, which an earlier sending did

    def respond(self, event: Event, answer: Answer, comment: str, key: str, *, scope: Scope = "this") -> None:
        """Answer an invitation; the organizer is told."""
        id = event.series if scope == "all" and event.series else event.id
        path = f"{self._path(id)}/{_RESPONSES[answer]}"
        self._post(path, {"comment": comment, "sendResponse": True}, f"the answer to {event.subject!r}", scope=_WRITE)

    # --- rooms and meetings -------------------------------------------------------------------------------------------

    def rooms(self) -> list[Room]:
        """Return the rooms of the organisation; an administrator has to allow that."""
        found, _ = self._items("/places/microsoft.graph.room", "the rooms", _ROOMS, scope="Place.Read.All")
        return [
            Room(
                str(each.get("emailAddress") or ""),
                str(each.get("displayName") or ""),
                each.get("capacity"),
                str(each.get("building") or ""),
            )
            for each in found
        ]

    def transcripts(self, event: Event) -> list[Transcript]:
        """Return the transcripts of an event's meeting, which is found by its link."""
        if not event.online:
            raise ServiceError(f"{event.subject!r} is no online meeting.", code="missing")
        params = {"$filter": f"JoinWebUrl eq {literal(event.online)}"}
        path = f"{self._me}/onlineMeetings"
        meetings = self._get(path, "the online meeting", params=params, scope="OnlineMeetings.Read").get("value", [])
        found: list[Transcript] = []
        for meeting in meetings:
            listed, _ = self._items(
                f"{path}{at('/{}/transcripts', str(meeting['id']))}",
                f"the transcripts of {event.subject!r}",
                100,
                scope="OnlineMeetingTranscript.Read.All",
                top=0,
            )
            found += [Transcript(str(e["id"]), _moment(e["createdDateTime"]), str(meeting["id"])) for e in listed]
        return sorted(found, key=lambda each: each.made, reverse=True)

    def transcript(self, transcript: Transcript) -> str:
        """Return a transcript as WebVTT."""
        ids = at("/onlineMeetings/{}/transcripts/{}/content", transcript.meeting, transcript.id)
        content = self._connection.run(
            lambda: self._graph.content(
                f"{self._me}{ids}",
                limit=_TRANSCRIPT,
                params={"$format": "text/vtt"},
                what="the transcript",
                scope="OnlineMeetingTranscript.Read.All",
            )
        )
        return content.decode("utf-8", "replace")


def transaction(key: str) -> str:
    """Return the transactionId of a delivery: the same for the same key, and short enough whatever the key is."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"everpilot:{key}"))


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _holds(event: Event, words: str) -> bool:
    names = [f"{each.name} {each.address}" for each in event.attendees]
    text = " ".join([event.subject, event.place, event.organizer.name if event.organizer else "", *names]).casefold()
    return all(word in text for word in words.casefold().split())


def _schedule(data: Json) -> Schedule:
    address = str(data.get("scheduleId") or "")
    if trouble := data.get("error"):
        return Schedule(address, trouble=str(trouble.get("message") or trouble.get("responseCode") or "not known"))
    busy = [
        Busy(_at(each["start"]), _at(each["end"]), events.status(str(each.get("status"))))
        for each in data.get("scheduleItems", [])
    ]
    return Schedule(address, tuple(busy), events.hours(data.get("workingHours")))


def _at(data: Json) -> datetime:
    return events.When.of(data, "a time").moment()


def _suggestion(data: Json) -> Suggestion:
    slot = data["meetingTimeSlot"]
    free: list[str] = []
    not_free: list[str] = []
    for each in data.get("attendeeAvailability", []):
        address = str(each["attendee"]["emailAddress"]["address"])
        (free if each.get("availability") == "free" else not_free).append(address)
    reason = str(data.get("suggestionReason") or "")
    return Suggestion(_at(slot["start"]), _at(slot["end"]), reason, tuple(free), tuple(not_free))
