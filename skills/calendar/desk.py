"""What the tools share: an account's calendar, the person's clock, events by their words, people by their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from copilot.errors import ServiceError, ToolInputError
from copilot.plugins.connections.calendar import Attendee, Calendar, Event, Role, Schedule, Settings, Span
from copilot.plugins.connections.people import People, Whom
from copilot.plugins.context import ToolContext
from copilot.trust.labels import Confidentiality, Integrity, Label

from .show import subject
from .times import Clock, day_words, span_words

_ADDRESS = re.compile(r"[^\s@<>,;:\"]+@[^\s@<>,;:\"]+\.[^\s@<>,;:\".]+\Z")
_NAMED = re.compile(r"\s*(?P<name>[^<>]*?)\s*<(?P<address>[^<>]+)>\s*\Z")
#: Days before and after today in which an event is looked for by its words.
_BEFORE, _AFTER = 60, 200
_MOST_NAMED = 8


@dataclass(frozen=True)
class Desk:
    """A call's calendar. `clock` is in the zone that was asked for, the person's own without one."""

    context: ToolContext
    calendar: Calendar
    settings: Settings
    clock: Clock
    account: str = ""

    @classmethod
    def of(cls, context: ToolContext, account: str = "", zone: str = "") -> Desk:
        """Return the desk of a call. Raises ServiceError, and ToolInputError for a zone that is not known."""
        calendar: Calendar = context.connection("calendar", account)
        settings = calendar.settings()
        return cls(context, calendar, settings, Clock.of(context.moment, zone or settings.zone), account)

    @property
    def zone(self) -> str:
        """The zone in which times are meant and shown."""
        return self.clock.zone

    def day(self, when: datetime) -> date:
        """Return the day of a moment."""
        return Span.of(when, when, self.zone).start.date()

    # --- labels -------------------------------------------------------------------------------------------------------

    def note(self, what: str, events: Iterable[Event] = (), *, private: bool = False) -> str:
        """Label what was read, and return its source in words; details of private events are for those in them."""
        source = f"calendar of {self.calendar.who or self.account or 'the account'}, {what}"
        self.context.labels.append(Label(Integrity.UNTRUSTED, Confidentiality.INTERNAL, (source,)))
        for event in events if private else ():
            if event.private:
                readers = frozenset({*event.addresses, self.calendar.who.lower()} - {""})
                self.context.labels.append(
                    Label(Integrity.UNTRUSTED, Confidentiality.RESTRICTED, (source,), readers=readers)
                )
        return source

    # --- events -------------------------------------------------------------------------------------------------------

    def event(self, named: str, on: str = "") -> Event:
        """Return the event of an id, or of words of its subject on a day (or the next one, without a day).

        Raises ToolInputError when there is none, or several that are not of one series.
        """
        if _is_id(named):
            return self.calendar.event(named.strip())
        found = self._fitting(named, on)
        if not found:
            raise self._unknown(named, on)
        coming = [event for event in found if event.span.ends >= self.clock.now]
        nearest = (coming or found[::-1])[0]
        if others := [event for event in found if (event.series or event.id) != (nearest.series or nearest.id)]:
            listed = [nearest, *others][:_MOST_NAMED]
            told = "; ".join(f"{subject(e)}, {span_words(e.span.seen_in(self.zone))}" for e in listed)
            raise ToolInputError(
                f"Several events fit {named!r}: {told}.",
                hint="Say the day in `on`, more of the subject, or the id that calendar.find tells.",
                code="several_events",
            )
        return self.calendar.event(nearest.id)

    def _fitting(self, named: str, on: str) -> list[Event]:
        events = self.calendar.agenda(*self._days(on), words=named, limit=200).events
        wanted = " ".join(named.casefold().split())
        exact = [event for event in events if " ".join(event.subject.casefold().split()) == wanted]
        titled = [event for event in events if all(word in event.subject.casefold() for word in wanted.split())]
        return exact or titled or list(events)

    def _days(self, on: str) -> tuple[datetime, datetime]:
        if on:
            first = self.clock.midnight(self.clock.wall(on).date())
            return first, first + timedelta(days=1)
        today = self.clock.midnight(self.clock.today)
        return today - timedelta(days=_BEFORE), today + timedelta(days=_AFTER)

    def _unknown(self, named: str, on: str) -> ToolInputError:
        when = f"on {day_words(self.clock.wall(on).date())}" if on else "in the last two and the next six months"
        return ToolInputError(
            f"No event {when} fits {named!r}.", hint="See calendar.agenda for what there is.", code="unknown_event"
        )

    # --- people -------------------------------------------------------------------------------------------------------

    def attendees(self, names: Sequence[str], role: Role = "required") -> tuple[Attendee, ...]:
        """Return people by their addresses, or by names that only one person has; each once."""
        found = [self._attendee(name, role) for name in names if name.strip()]
        return tuple({each.address.lower(): each for each in found}.values())

    def _attendee(self, name: str, role: Role) -> Attendee:
        match = _NAMED.match(name)
        address = match["address"].strip() if match else name.strip()
        if _ADDRESS.match(address):
            return Attendee(address, match["name"].strip('" ') if match else "", role)
        if "@" in address:
            raise ToolInputError(f"{name!r} is no mail address.", code="address")
        return self._known(name, role)

    def _known(self, name: str, role: Role) -> Attendee:
        """Return the one person of a name, as the account's directory or address book knows them."""
        try:
            people: People = self.context.connection("people", self.account)
            listed = people.find(Whom(name=name.strip()), limit=5).items
        except ServiceError as error:
            raise ToolInputError(
                f"{name!r} can't be looked up ({error.message})", hint="Say the mail address.", code="address"
            ) from None
        self.note("people")
        able = [person for person in listed if person.address]
        if len(able) == 1:
            return Attendee(able[0].address, able[0].name, role)
        raise ToolInputError.unknown("person", name, [f"{each.name} <{each.address}>" for each in able])

    def zones(self, addresses: Sequence[str], start: datetime, end: datetime) -> dict[str, list[str]]:
        """Return the zones that people work in, each with who does; without those that nobody told of."""
        found: dict[str, list[str]] = {}
        for each in self.schedules(addresses, start, end):
            if each.hours is not None and not each.trouble:
                found.setdefault(each.hours.zone, []).append(each.address)
        return found

    def schedules(self, addresses: Sequence[str], start: datetime, end: datetime) -> list[Schedule]:
        """Return when people are not free; where the service does not tell, that is their trouble."""
        try:
            return self.calendar.schedules(addresses, start, end) if addresses else []
        except ServiceError as error:
            if error.code not in ("unsupported", "scope", "denied", "missing"):
                raise
            return [Schedule(address, trouble=error.message) for address in addresses]


def _is_id(text: str) -> bool:
    """Return whether a text is an id of a service, not words: those are long, or paths, and hold no spaces."""
    plain = text.strip()
    return " " not in plain and (len(plain) >= 30 or "/" in plain)
