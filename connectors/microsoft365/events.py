"""Events as Graph has them, and as skills see them, both ways. Source: Microsoft Graph v1.0, "event resource type"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Any

from pydantic import Field

from copilot.documents.htmltext import read_html
from copilot.plugins.connections import zones
from copilot.plugins.connections.calendar import (
    Answer,
    Attendee,
    Draft,
    Edit,
    Event,
    EventKind,
    Role,
    Span,
    Status,
    WorkingHours,
)
from copilot.plugins.connections.recurrence import Recurrence

from . import patterns
from .graph.errors import GraphError
from .graph.models import GraphModel, Json

_ANSWERS: Mapping[str, Answer] = {
    "organizer": "organizer",
    "accepted": "accepted",
    "tentativelyAccepted": "tentative",
    "declined": "declined",
}
_STATUSES: Mapping[str, Status] = {
    "free": "free",
    "tentative": "tentative",
    "busy": "busy",
    "oof": "away",
    "workingElsewhere": "elsewhere",
}
_TO_STATUS = {status: name for name, status in _STATUSES.items()}
_KINDS: Mapping[str, EventKind] = {"occurrence": "occurrence", "exception": "exception", "seriesMaster": "series"}
_ROLES: Mapping[str, Role] = {"required": "required", "optional": "optional", "resource": "resource"}
#: What a list asks for: everything but the body.
LISTED = (
    "id,subject,start,end,isAllDay,type,seriesMasterId,originalStart,originalStartTimeZone,organizer,attendees,location,"
    "showAs,responseStatus,isOrganizer,sensitivity,isCancelled,onlineMeeting,onlineMeetingUrl,isReminderOn,"
    "reminderMinutesBeforeStart,categories,webLink,changeKey"
)


class When(GraphModel):
    """A dateTimeTimeZone."""

    date_time: datetime
    time_zone: str = "UTC"

    def moment(self) -> datetime:
        """Return the moment; Graph gives seven digits of a second, and no offset."""
        return self.date_time.replace(tzinfo=zones.zone(self.time_zone)).astimezone(UTC)


class Mailbox(GraphModel):
    """An emailAddress."""

    name: str | None = ""
    address: str | None = ""


class Recipient(GraphModel):
    """Somebody with an address; `status` is there for attendees."""

    email_address: Mailbox = Mailbox()
    type: str = "required"
    status: Json | None = None

    def attendee(self, answer: Answer | None = None) -> Attendee:
        """Return it as skills see it."""
        said = answer or _ANSWERS.get(str((self.status or {}).get("response", "")), "none")
        address, name = self.email_address.address or "", self.email_address.name or ""
        return Attendee(address, "" if name == address else name, _ROLES.get(self.type, "required"), said)


class GraphEvent(GraphModel):
    """What is read of an event."""

    id: str
    subject: str | None = ""
    start: When
    end: When
    type: str | None = "singleInstance"
    is_all_day: bool = False
    is_cancelled: bool = False
    is_organizer: bool = True
    original_start_time_zone: str | None = ""
    original_start: datetime | None = None
    series_master_id: str | None = ""
    organizer: Recipient | None = None
    attendees: list[Recipient] = Field(default_factory=list)
    location: Json | None = None
    body: Json | None = None
    show_as: str | None = "busy"
    sensitivity: str | None = "normal"
    response_status: Json | None = None
    recurrence: Json | None = None
    online_meeting: Json | None = None
    online_meeting_url: str | None = ""
    is_reminder_on: bool | None = False
    reminder_minutes_before_start: int | None = None
    categories: list[str] = Field(default_factory=list)
    web_link: str | None = ""


def event(data: Json, calendar: str = "") -> Event:
    """Return an event of Graph, which was asked for in UTC. Raises GraphError for what is none."""
    read = GraphEvent.of(data, "an event")
    zone, note = _zone(read.original_start_time_zone or "")
    span = _span(read, zone)
    body, hidden = _body(read.body)
    rule = patterns.read(read.recurrence) if read.recurrence else None
    original = None
    if read.original_start is not None:
        original = Span.of(_aware(read.original_start), _aware(read.original_start), zone).start
    return Event(
        read.id,
        read.subject or "",
        span,
        kind=_KINDS.get(read.type or "", "single"),
        series=read.series_master_id or "",
        original=datetime.combine(original.date(), time()) if original and read.is_all_day else original,
        calendar=calendar,
        organizer=read.organizer.attendee("organizer") if read.organizer else None,
        attendees=tuple(each.attendee() for each in read.attendees),
        place=str((read.location or {}).get("displayName") or ""),
        body=body,
        status=_STATUSES.get(read.show_as or "", "unknown"),
        answer=_ANSWERS.get(str((read.response_status or {}).get("response", "")), "none"),
        mine=read.is_organizer,
        private=(read.sensitivity or "normal") in ("private", "confidential"),
        cancelled=read.is_cancelled,
        recurrence=Recurrence(rule) if rule else None,
        online=str((read.online_meeting or {}).get("joinUrl") or read.online_meeting_url or ""),
        reminder=read.reminder_minutes_before_start if read.is_reminder_on else None,
        categories=tuple(read.categories),
        link=read.web_link or "",
        tag=read.odata_etag,
        note="; ".join(filter(None, [note, hidden])),
    )


def _zone(name: str) -> tuple[str, str]:
    """Return the zone in which an event was made, and what to tell where nobody knows that zone."""
    if zones.known(name):
        return zones.iana(name), ""
    return "UTC", f"its time zone {name!r} is not known, so that times are shown in UTC"


def _span(read: GraphEvent, zone: str) -> Span:
    if read.is_all_day:
        first, last = (datetime.combine(each.date_time.date(), time()) for each in (read.start, read.end))
        return Span(first, last, zone, all_day=True)
    return Span.of(read.start.moment(), read.end.moment(), zone)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _body(body: Json | None) -> tuple[str, str]:
    """Return the text that a person would see, and what to tell of what they would not."""
    content = str((body or {}).get("content") or "")
    if str((body or {}).get("contentType", "")).lower() != "html":
        return content.strip(), ""
    page = read_html(content)
    return page.visible, "hidden text in its body was left out" if any(s.hidden for s in page.stretches) else ""


# --- the other way ----------------------------------------------------------------------------------------------------


def of_draft(draft: Draft, key: str) -> Json:
    """Return the body that makes an event; `key` is its transactionId, by which it is made once."""
    edit = Edit(
        draft.subject,
        draft.span,
        draft.attendees,
        draft.place,
        draft.body,
        draft.rule,
        draft.online,
        draft.status,
        draft.private,
        draft.reminder,
    )
    made = of_edit(edit, draft.span)
    made["categories"] = list(draft.categories)
    return {**made, "transactionId": key}


def of_edit(edit: Edit, span: Span) -> Json:
    """Return the body that changes an event; `span` is when it is, or will be."""
    made: Json = {}
    plain = {"subject": edit.subject, "showAs": _TO_STATUS.get(edit.status) if edit.status else None}
    made |= {name: value for name, value in plain.items() if value is not None}
    if edit.span is not None:
        made |= times(edit.span)
    if edit.attendees is not None:
        made["attendees"] = [_attendee(each) for each in edit.attendees]
    if edit.place is not None:
        made["location"] = {"displayName": edit.place}
    if edit.body is not None:
        made["body"] = {"contentType": "text", "content": edit.body}
    if edit.rule is not None:
        made["recurrence"] = patterns.write(edit.rule, span)
    if edit.online:
        made |= {"isOnlineMeeting": True, "onlineMeetingProvider": "teamsForBusiness"}
    if edit.private is not None:
        made["sensitivity"] = "private" if edit.private else "normal"
    if edit.reminder is not None:
        made |= {"isReminderOn": True, "reminderMinutesBeforeStart": edit.reminder}
    return made


def times(span: Span) -> Json:
    """Return start and end, in the zone in which they are meant."""
    name = zones.windows(span.zone)
    first, last = (
        {"dateTime": each.isoformat(timespec="seconds"), "timeZone": name} for each in (span.start, span.end)
    )
    return {"start": first, "end": last, "isAllDay": span.all_day}


def utc(moment: datetime) -> Json:
    """Return a moment as a dateTimeTimeZone."""
    return {"dateTime": moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"), "timeZone": "UTC"}


def _attendee(who: Attendee) -> Json:
    return {"type": who.role, "emailAddress": {"address": who.address, "name": who.name or who.address}}


def status(name: str) -> Status:
    """Return Graph's word for how free somebody is as ours."""
    return _STATUSES.get(name, "unknown")


def hours(data: Json | None, zone: str = "UTC") -> WorkingHours | None:
    """Return working hours; None where there are none. A zone that nobody knows is the mailbox's own."""
    if not data or not data.get("daysOfWeek"):
        return None
    days: Sequence[Any] = data["daysOfWeek"]
    name = str((data.get("timeZone") or {}).get("name") or "")
    try:
        return WorkingHours(
            frozenset(patterns.DAYS.index(str(day).lower()) for day in days),
            time.fromisoformat(str(data["startTime"])[:8]),
            time.fromisoformat(str(data["endTime"])[:8]),
            zones.iana(name) if zones.known(name) else zone,
        )
    except (KeyError, ValueError):
        raise GraphError.nonsense("working hours", "days or times that are none") from None
