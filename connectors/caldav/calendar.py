"""Calendars of a CalDAV server: the interface `copilot.plugins.connections.calendar.Calendar`.

Sources: RFC 4791 (CalDAV), RFC 5545 (iCalendar), RFC 6638 (scheduling: the server itself sends invitations).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from copilot.errors import ServiceError, ToolInputError
from copilot.plugins.connections import loop, series
from copilot.plugins.connections.calendar import (
    Agenda,
    Answer,
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
)

from . import ical
from .dav import C, D, Dav, Reply, multistatus, parse
from .home import Home, discover
from .options import Options

T = TypeVar("T")
_PATIENCE = 90.0
_ICAL = "text/calendar; charset=utf-8"


def _now() -> datetime:
    return datetime.now(UTC)


class CalDavCalendar:
    """The calendars of one account."""

    def __init__(
        self, dav: Dav, options: Options, who: str, *, writes: bool = True, now: Callable[[], datetime] = _now
    ) -> None:
        self._dav, self._options, self._who, self._writes, self._now = dav, options, who, writes, now
        self._home: Home | None = None

    def _run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return loop.run(work, _PATIENCE, "The calendar's server")

    def _changes(self) -> None:
        if not self._writes:
            hint = "Start without the read-only mode to allow it."
            raise ServiceError("It was not sent: this account is read-only.", hint=hint, code="denied")

    @property
    def home(self) -> Home:
        """The account's place on the server; it is looked for once."""
        if self._home is None:
            self._home = self._run(lambda: discover(self._dav, self._options.calendar))
        return self._home

    @property
    def who(self) -> str:
        """The address of whose account it is: the settings' own, else the server's first."""
        return self._who or next(iter(sorted(self.home.addresses)), "")

    @property
    def _mine(self) -> frozenset[str]:
        return frozenset({*self.home.addresses, self.who.lower()} - {""})

    # --- reading ------------------------------------------------------------------------------------------------------

    def settings(self) -> Settings:
        """Return zone and working hours: the settings' own, else the calendar's zone."""
        zone = self._options.zone or self.home.zone or "UTC"
        return Settings(zone, self._options.working(zone))

    def calendars(self) -> list[CalendarInfo]:
        """Return the account's calendars."""
        return list(self.home.calendars)

    def _place(self, calendar: str) -> str:
        return calendar or self.home.calendars[0].id

    def agenda(
        self, start: datetime, end: datetime, *, calendar: str = "", words: str = "", limit: int = 200
    ) -> Agenda:
        """Return what lies between two moments; an object that can't be read is passed over."""
        body = (
            "<C:calendar-query><D:prop><D:getetag/><C:calendar-data/></D:prop>"
            '<C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">'
            f'<C:time-range start="{_stamp(start)}" end="{_stamp(end)}"/>'
            "</C:comp-filter></C:comp-filter></C:filter></C:calendar-query>"
        )
        place = self._place(calendar)
        reply = self._run(lambda: self._dav.report(place, body))
        found: list[Event] = []
        for each in multistatus(reply):
            if data := each.text(f"{C}calendar-data"):
                found += self._between(each.path, data, each.text(f"{D}getetag"), start, end)
        zone = self.settings().zone
        chosen = [replace(event, calendar=place) for event in found if _holds(event, words)]
        chosen.sort(key=lambda event: (_begins(event, zone), event.id))
        return Agenda(tuple(chosen[:limit]), len(chosen) > limit)

    def _between(self, path: str, data: str, tag: str, start: datetime, end: datetime) -> list[Event]:
        try:
            return self._object(path, data, tag).between(start, end)
        except ServiceError as error:
            if error.code not in ("broken", "missing"):
                raise
            return []

    def _object(self, path: str, data: bytes | str, tag: str) -> ical.Object:
        return ical.Object(path, data, tag, self.settings().zone, self._mine)

    def _read(self, id: str) -> tuple[ical.Object, datetime | None]:
        path, at = ical.split_id(id)
        if not any(path.startswith(each.id) for each in self.home.calendars):
            raise ToolInputError(f"{id!r} is no id of an event.", code="unknown_id")
        reply = self._run(lambda: self._dav.send("GET", path, what="the event"))
        return self._object(path, reply.content, reply.tag), at

    def event(self, id: str) -> Event:
        """Return an event, or an occurrence of a series."""
        found, at = self._read(id)
        whole = found.event()
        if at is None:
            return whole
        if whole.recurrence is None or at in whole.recurrence.without:
            raise ServiceError("That occurrence is not there any more.", code="missing")
        return found.occurrence(whole, at)

    # --- others -------------------------------------------------------------------------------------------------------

    def schedules(self, addresses: Sequence[str], start: datetime, end: datetime) -> list[Schedule]:
        """Return when people are not free: others by the server's outbox, oneself by the calendar."""
        others = [each for each in addresses if each.lower() not in self._mine]
        asked = self._ask(others, start, end) if others and self.home.outbox else {}
        lost = "the server does not tell" if self.home.outbox else "the server does not ask others for their time"
        found = []
        for each in addresses:
            if each.lower() in self._mine:
                hours = self._options.working(self.settings().zone)
                found.append(Schedule(each, self._own(start, end), hours))
            else:
                found.append(asked.get(each.lower(), Schedule(each, trouble=lost)))
        return found

    def _own(self, start: datetime, end: datetime) -> Any:
        place = self._place("")
        body = f'<C:free-busy-query><C:time-range start="{_stamp(start)}" end="{_stamp(end)}"/></C:free-busy-query>'
        return ical.busy(self._run(lambda: self._dav.report(place, body)).content)

    def _ask(self, addresses: list[str], start: datetime, end: datetime) -> dict[str, Schedule]:
        uid = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{addresses} {start} {end}"))
        body = ical.free_busy_request(addresses, self.who, start, end, self._now(), uid)
        reply = self._run(
            lambda: self._dav.send("POST", self.home.outbox, body, what="when people are free", content_type=_ICAL)
        )
        found = {}
        for response in parse(reply.content).iter(f"{C}response"):
            href = "".join(response.find(f"{C}recipient").itertext()).strip()
            address = href[7:] if href[:7].lower() == "mailto:" else href
            status = (response.findtext(f"{C}request-status") or "").strip()
            data = response.findtext(f"{C}calendar-data")
            good = status.startswith("2") and data
            schedule = Schedule(address, ical.busy(data)) if good else Schedule(address, trouble=status or "not told")
            found[address.lower()] = schedule
        return found

    def suggestions(
        self, addresses: Sequence[str], start: datetime, end: datetime, length: timedelta, count: int
    ) -> list[Suggestion]:
        """Raise ServiceError: CalDAV has none."""
        raise ServiceError("CalDAV suggests no times.", code="unsupported")

    def rooms(self) -> list[Room]:
        """Raise ServiceError: CalDAV lists none."""
        raise ServiceError("CalDAV lists no rooms.", code="unsupported")

    def transcripts(self, event: Event) -> list[Transcript]:
        """Raise ServiceError: CalDAV has none."""
        raise ServiceError("CalDAV keeps no transcripts.", code="unsupported")

    def transcript(self, transcript: Transcript) -> str:
        """Raise ServiceError: CalDAV has none."""
        raise ServiceError("CalDAV keeps no transcripts.", code="unsupported")

    # --- changing -----------------------------------------------------------------------------------------------------

    def create(self, draft: Draft, key: str, *, calendar: str = "") -> Event:
        """Make an event, whose UID comes of the key: it is made once."""
        self._changes()
        if draft.attendees:
            self._can_invite()
        if draft.online:
            raise ServiceError("CalDAV makes no online meetings.", hint="Put a link into place.", code="unsupported")
        uid = f"{uuid.uuid5(uuid.NAMESPACE_URL, f'everpilot:{key}')}@everpilot"
        path = f"{self._place(calendar)}{uid}.ics"
        body = ical.new(draft, uid, self.who, self._now())
        try:
            self._put(path, body, f"the event {draft.subject!r}", if_none_match="*")
        except ServiceError as error:
            if error.code not in ("conflict", "uncertain"):
                raise
            return self._made(path, error)
        return self.event(path)

    def _made(self, path: str, trouble: ServiceError) -> Event:
        """Return the event that an earlier sending of the same key made; raises the trouble when there is none."""
        try:
            return self.event(path)
        except ServiceError:
            raise trouble from None

    def _can_invite(self) -> None:
        if not self.home.invites:
            raise ServiceError(
                "The server does not send invitations: nobody would be told.",
                hint="Make the event without attendees, and tell them by mail.",
                code="unsupported",
            )

    def _put(self, path: str, body: bytes, what: str, **headers: str) -> Reply:
        return self._run(lambda: self._dav.send("PUT", path, body, what=what, content_type=_ICAL, **headers))

    def _current(self, event: Event) -> tuple[ical.Object, datetime | None]:
        """Return an event's object as it now is. Raises ServiceError (conflict) when it changed since it was read."""
        self._changes()
        found, at = self._read(event.id)
        if event.tag and found.tag != event.tag:
            text = f"{event.subject!r} changed since it was read; nothing was written."
            raise ServiceError(text, hint="Read it again.", code="conflict")
        return found, at

    def _store(self, found: ical.Object, event: Event) -> None:
        body = ical.written(found.calendar)
        self._put(found.path, body, f"the event {event.subject!r}", if_match=found.tag)

    def update(self, event: Event, edit: Edit, scope: Scope, key: str) -> Event:
        """Change an event. All that follow are a new object from there on, and the old one ends before."""
        if edit.online:
            raise ServiceError("CalDAV makes no online meetings.", code="unsupported")
        found, at = self._current(event)
        if edit.attendees or event.attendees:
            self._can_invite()
        whole = found.event()
        if at is not None and scope == "following" and not series.is_first(whole, event):
            return self._split(found, whole, event, edit, key)
        if at is None or scope != "this":
            self._change_all(found, whole, event, edit)
            self._store(found, event)
            return self.event(found.path)
        component = ical.exception(found, at)
        ical.apply(component, edit, edit.span or event.span, self.who, self._now())
        self._store(found, event)
        return self.event(event.id)

    def _change_all(self, found: ical.Object, whole: Event, event: Event, edit: Edit) -> None:
        if event.kind in ("occurrence", "exception"):
            edit = series.for_all(whole, event, edit)
        span = edit.span
        if span is not None and whole.recurrence is not None:
            if edit.rule is None and whole.recurrence.rule.until is not None:
                edit = replace(edit, rule=whole.recurrence.rule)  # its UNTIL is in UTC, which may be another moment now
            ical.move(found, whole.span, span)
        ical.apply(found.master, edit, span or whole.span, self.who, self._now())

    def _split(self, found: ical.Object, whole: Event, event: Event, edit: Edit, key: str) -> Event:
        at = event.original or event.span.start
        head, tail = series.split(whole, at)
        draft = replace(edit.of_draft(event), rule=edit.rule or tail, online=False)
        made = self.create(draft, key, calendar=self._folder(found.path))
        self._end(found, whole, at, head)
        self._store(found, event)
        return made

    def _folder(self, path: str) -> str:
        places = [each.id for each in self.home.calendars if path.startswith(each.id)]
        return max(places, key=len, default="")

    def _end(self, found: ical.Object, whole: Event, at: datetime, head: Any) -> None:
        """Let a series end before an occurrence."""
        ical.drop(found, lambda original: original >= at)
        ical.set_rule(found.master, head, whole.span)
        ical.stamp(found.master, self._now())

    def cancel(self, event: Event, comment: str, scope: Scope, key: str) -> None:
        """Take an event out, or so much of its series; the server tells its attendees, without a text."""
        if comment and event.attendees:
            hint = "Leave out the comment, or tell them by mail."
            raise ServiceError("CalDAV sends no text with a cancellation.", hint=hint, code="unsupported")
        found, at = self._current(event)
        if event.attendees:
            self._can_invite()
        whole = found.event()
        if at is None or scope == "all" or (scope == "following" and series.is_first(whole, event)):
            what = f"the event {event.subject!r}"
            self._run(lambda: self._dav.send("DELETE", found.path, what=what, if_match=found.tag))
            return
        if scope == "following":
            self._end(found, whole, at, series.split(whole, at)[0])
        else:
            ical.take_out(found, at)
            ical.stamp(found.master, self._now())
        self._store(found, event)

    def respond(self, event: Event, answer: Answer, comment: str, key: str, *, scope: Scope = "this") -> None:
        """Answer an invitation; the server tells the organizer."""
        found, at = self._current(event)
        self._can_invite()
        component = found.master if at is None or scope == "all" else ical.exception(found, at)
        given = component.get("ATTENDEE", [])
        own = [each for each in (given if isinstance(given, list) else [given]) if self._is_mine(str(each))]
        if not own:
            raise ServiceError(f"{self.who} is not invited to {event.subject!r}.", code="missing")
        for each in own:
            each.params["PARTSTAT"] = ical.PARTSTATS[answer]
            each.params.pop("RSVP", None)
        if comment:
            component.pop("COMMENT", None)
            component.add("COMMENT", comment)
        self._store(found, event)

    def _is_mine(self, text: str) -> bool:
        return text.lower().removeprefix("mailto:") in self._mine


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _begins(event: Event, zone: str) -> datetime:
    return (replace(event.span, zone=zone) if event.span.all_day else event.span).begins


def _holds(event: Event, words: str) -> bool:
    names = [f"{each.name} {each.address}" for each in event.attendees]
    text = " ".join([event.subject, event.place, *names]).casefold()
    return all(word in text for word in words.casefold().split())
