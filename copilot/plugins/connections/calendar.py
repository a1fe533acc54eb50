"""Calendars: what a connection serves under the kind "calendar", whatever service it talks to.

Everything that comes from a calendar is other people's words. Times are wall clocks with the zone in which they are
meant, so that what repeats keeps its hour; days are whole days wherever they are looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Literal, Protocol, get_args

from copilot.plugins.connections.recurrence import Recurrence, Rule
from copilot.plugins.connections.zones import zone as zone_named

#: What somebody said to an invitation; the organizer says nothing.
Answer = Literal["none", "accepted", "tentative", "declined", "organizer"]
Role = Literal["required", "optional", "resource"]
Status = Literal["free", "tentative", "busy", "away", "elsewhere", "unknown"]
#: A single event, an occurrence of a series, one that differs from it, and the series itself.
EventKind = Literal["single", "occurrence", "exception", "series"]
#: How much of a series is meant: one occurrence, it and all later ones, all of them.
Scope = Literal["this", "following", "all"]
SCOPES: tuple[Scope, ...] = get_args(Scope)


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when: wall clocks without a zone, and IANA's name of the zone; `end` itself is no part of it.

    With `all_day` both are midnights, and it is those days in whatever zone they are looked at.
    """

    start: datetime
    end: datetime
    zone: str = "UTC"
    all_day: bool = False

    @classmethod
    def of(cls, start: datetime, end: datetime, zone: str) -> Span:
        """Return the span between two moments, as clocks show it in a zone."""
        place = zone_named(zone)
        return cls(_wall(start, place), _wall(end, place), zone)

    @property
    def begins(self) -> datetime:
        """The moment at which it begins. A clock time that is skipped in spring counts by the time before (3.3.5)."""
        return moment(self.start, self.zone)

    @property
    def ends(self) -> datetime:
        """The moment at which it ends."""
        return moment(self.end, self.zone)

    def seen_in(self, zone: str) -> Span:
        """Return the same as clocks show it in another zone; whole days stay what they are."""
        if self.all_day:
            return replace(self, zone=zone)
        return Span.of(self.begins, self.ends, zone)

    def moved(self, before: Span, after: Span) -> Span:
        """Return this span moved and resized as `before` became `after`, by wall clocks; for a whole series."""
        shift = after.seen_in(self.zone).start - before.seen_in(self.zone).start
        length = after.end - after.start
        return Span(self.start + shift, self.start + shift + length, self.zone, after.all_day)


def moment(wall: datetime, zone: str) -> datetime:
    """Return the moment at which clocks in a zone show a time, as UTC.

    A time that does not occur is read by the offset before the gap, one that occurs twice is the first (RFC 5545,
    section 3.3.5, form 3).
    """
    return wall.replace(tzinfo=zone_named(zone), fold=0).astimezone(UTC)


def _wall(moment: datetime, place: tzinfo) -> datetime:
    return moment.astimezone(place).replace(tzinfo=None, fold=0)


@dataclass(frozen=True, slots=True)
class Attendee:
    """Somebody who is invited, or a room; `answer` is what they said."""

    address: str
    name: str = ""
    role: Role = "required"
    answer: Answer = "none"


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it stands in a calendar.

    `id` names it in its service, an occurrence of a series by itself; `series` is the id of the series that it belongs
    to. `original` is the wall clock at which an occurrence would begin by its rule. `body` is Markdown. `reminder` are
    minutes before the beginning. `online` is where to join, `tag` the version that it was read in, `link` a page that
    shows it. `mine` says that the account is the organizer's; `note` is what could not be read of it.
    """

    id: str
    subject: str
    span: Span
    kind: EventKind = "single"
    series: str = ""
    original: datetime | None = None
    calendar: str = ""
    organizer: Attendee | None = None
    attendees: tuple[Attendee, ...] = ()
    place: str = ""
    body: str = ""
    status: Status = "busy"
    answer: Answer = "none"
    mine: bool = True
    private: bool = False
    cancelled: bool = False
    recurrence: Recurrence | None = None
    online: str = ""
    reminder: int | None = None
    categories: tuple[str, ...] = ()
    link: str = ""
    tag: str = ""
    note: str = ""

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses of everybody who is in it, the organizer first, in lower case."""
        every = ((self.organizer,) if self.organizer else ()) + self.attendees
        return tuple(dict.fromkeys(each.address.lower() for each in every if each.address))


@dataclass(frozen=True, slots=True)
class Agenda:
    """Events in the order of their beginning; `more` says that there are others that were not fetched."""

    events: tuple[Event, ...]
    more: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """A new event. `online` asks for an online meeting, where the service has those."""

    subject: str
    span: Span
    attendees: tuple[Attendee, ...] = ()
    place: str = ""
    body: str = ""
    rule: Rule | None = None
    online: bool = False
    status: Status = "busy"
    private: bool = False
    reminder: int | None = None
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Edit:
    """What becomes of an event; what is None stays as it is. `attendees` are all of them, not those to add."""

    subject: str | None = None
    span: Span | None = None
    attendees: tuple[Attendee, ...] | None = None
    place: str | None = None
    body: str | None = None
    rule: Rule | None = None
    online: bool | None = None
    status: Status | None = None
    private: bool | None = None
    reminder: int | None = None

    def of_draft(self, event: Event) -> Draft:
        """Return a new event that is `event` with this edit, as a series goes on after it was split."""
        rule = self.rule or (event.recurrence.rule if event.recurrence else None)
        return Draft(
            event.subject if self.subject is None else self.subject,
            self.span or event.span,
            event.attendees if self.attendees is None else self.attendees,
            event.place if self.place is None else self.place,
            event.body if self.body is None else self.body,
            rule,
            bool(event.online) if self.online is None else self.online,
            self.status or event.status,
            event.private if self.private is None else self.private,
            event.reminder if self.reminder is None else self.reminder,
            event.categories,
        )


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """When somebody works: weekdays from Monday as 0, wall clocks in a zone; `end` can lie after midnight."""

    days: frozenset[int] = frozenset(range(5))
    start: time = time(9)
    end: time = time(17)
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Busy:
    """A time in which somebody is not free; moments in UTC."""

    start: datetime
    end: datetime
    status: Status = "busy"


@dataclass(frozen=True, slots=True)
class Schedule:
    """When somebody, or a room, is not free. `trouble` says why it is not known ("" if it is)."""

    address: str
    busy: tuple[Busy, ...] = ()
    hours: WorkingHours | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A time that the service itself suggests, with its reason; `free` and `not_free` are addresses."""

    start: datetime
    end: datetime
    reason: str = ""
    free: tuple[str, ...] = ()
    not_free: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CalendarInfo:
    """One of the account's calendars; `writes` says whether events can be made in it."""

    id: str
    name: str
    owner: str = ""
    default: bool = False
    writes: bool = True


@dataclass(frozen=True, slots=True)
class Room:
    """A room that can be invited; `seats` is None where nobody noted it."""

    address: str
    name: str
    seats: int | None = None
    building: str = ""


@dataclass(frozen=True, slots=True)
class Transcript:
    """A transcript of an online meeting; `made` is when it was."""

    id: str
    made: datetime
    meeting: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the account's person set: the zone in which they are told times, and when they work."""

    zone: str = "UTC"
    hours: WorkingHours = field(default_factory=WorkingHours)


class Calendar(Protocol):
    """The calendars of one account. Everything raises ServiceError; a scope is named where it is missing.

    What changes something takes a `key` that names the delivery for ever: the service does it once however often it is
    sent with that key, where it can promise that.
    """

    @property
    def who(self) -> str:
        """The address of whose account it is, "" if it is not known."""
        ...

    def settings(self) -> Settings:
        """Return what the person set."""
        ...

    def calendars(self) -> list[CalendarInfo]:
        """Return the account's calendars, the default one first."""
        ...

    def agenda(
        self, start: datetime, end: datetime, *, calendar: str = "", words: str = "", limit: int = 200
    ) -> Agenda:
        """Return what lies at least in part between two moments, each occurrence of a series by itself.

        `calendar` is an id, "" the default one; `words` is what subject, place or people must hold.
        """
        ...

    def event(self, id: str) -> Event:
        """Return an event with its body; of an occurrence with the rule of its series."""
        ...

    def schedules(self, addresses: Sequence[str], start: datetime, end: datetime) -> list[Schedule]:
        """Return when people are not free, in the order of the addresses."""
        ...

    def suggestions(
        self, addresses: Sequence[str], start: datetime, end: datetime, length: timedelta, count: int
    ) -> list[Suggestion]:
        """Return times that the service suggests. Raises ServiceError (unsupported) where it does not do that."""
        ...

    def create(self, draft: Draft, key: str, *, calendar: str = "") -> Event:
        """Make an event and invite its attendees; twice with one key makes one event."""
        ...

    def update(self, event: Event, edit: Edit, scope: Scope, key: str) -> Event:
        """Change an event, or so much of its series, and tell its attendees; conflict if it changed since."""
        ...

    def cancel(self, event: Event, comment: str, scope: Scope, key: str) -> None:
        """Take an event out, or so much of its series, and tell its attendees."""
        ...

    def respond(self, event: Event, answer: Answer, comment: str, key: str, *, scope: Scope = "this") -> None:
        """Answer an invitation, and tell the organizer."""
        ...

    def rooms(self) -> list[Room]:
        """Return the rooms that can be invited."""
        ...

    def transcripts(self, event: Event) -> list[Transcript]:
        """Return the transcripts of an event's online meeting, the newest first."""
        ...

    def transcript(self, transcript: Transcript) -> str:
        """Return a transcript as WebVTT."""
        ...
