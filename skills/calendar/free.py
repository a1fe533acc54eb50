"""When people are free, and proposals of times, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from copilot.errors import ServiceError
from copilot.plugins.connections.calendar import Busy, Schedule, Span
from copilot.plugins.connections.zones import zone as zone_named

from .desk import Desk
from .propose import Member, Proposal, Wish, hindrances, proposals
from .show import free_times
from .times import clock_words, day_words, span_words

Search = Wish
_MOST_DAYS = 14


@dataclass(frozen=True)
class Company:
    """Those whose time is looked at: the person first, then the others."""

    desk: Desk
    required: tuple[str, ...]
    optional: tuple[str, ...]

    @classmethod
    def of(cls, desk: Desk, people: Sequence[str], optional: Sequence[str]) -> Company:
        """Return people by addresses or names; the person is always among them. Raises ToolInputError."""
        mine = [desk.calendar.who] if desk.calendar.who else []
        required = [*mine, *(who.address for who in desk.attendees(people))]
        spare = [who.address for who in desk.attendees(optional, "optional")]
        unique = {address.lower(): address for address in required}
        return cls(desk, tuple(unique.values()), tuple(each for each in spare if each.lower() not in unique))

    def members(self, start: datetime, end: datetime) -> list[Member]:
        """Return everybody with what is known of their time; the person's own is known by their calendar."""
        found = self.desk.schedules([*self.required, *self.optional], start, end)
        return [self._member(each, start, end) for each in found]

    def _member(self, schedule: Schedule, start: datetime, end: datetime) -> Member:
        own = schedule.address.lower() == self.desk.calendar.who.lower()
        if own and schedule.trouble:
            schedule = self._own(schedule.address, start, end)
        hours = schedule.hours or (self.desk.settings.hours if own else None)
        return Member(schedule.address, schedule, hours, schedule.address in self.optional)

    def _own(self, address: str, start: datetime, end: datetime) -> Schedule:
        events = self.desk.calendar.agenda(start, end, limit=1000).events
        taken = [event for event in events if event.status != "free" and not event.cancelled]
        spans = [(replace(e.span, zone=self.desk.settings.zone) if e.span.all_day else e.span, e) for e in taken]
        return Schedule(address, tuple(Busy(span.begins, span.ends, e.status) for span, e in spans))


def busy_table(members: Sequence[Member], start: datetime, end: datetime, zone: str) -> str:
    """Return when each is taken, day by day, and when all are free between eight and six; hours of work below."""
    days = _days(start, end, zone)
    head = [f"day ({zone})", *(member.address for member in members), "all free, 08:00–18:00"]
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    for day in days[:_MOST_DAYS]:
        cells = [_taken(member, day, zone) for member in members]
        lines.append(f"| {' | '.join([day_words(day), *cells, _free(members, day, zone)])} |")
    more = [f"({len(days) - _MOST_DAYS} more days are not shown.)"] if len(days) > _MOST_DAYS else []
    return "\n".join([*lines, *more, "", *_hours_lines(members)])


def _days(start: datetime, end: datetime, zone: str) -> list[date]:
    seen = Span.of(start, end - timedelta(microseconds=1), zone)
    return [seen.start.date() + timedelta(days=n) for n in range((seen.end.date() - seen.start.date()).days + 1)]


def _on_day(member: Member, day: date, zone: str) -> list[tuple[datetime, datetime, str]]:
    """Return what somebody has on a day, as wall clocks of a zone, cut at midnights."""
    first = datetime.combine(day, time())
    last = first + timedelta(days=1)
    spans = [(Span.of(each.start, each.end, zone), each.status) for each in member.schedule.busy]
    inside = [
        (max(s.start, first), min(s.end, last), status) for s, status in spans if s.start < last and s.end > first
    ]
    return sorted(each for each in inside if each[2] not in ("free", "elsewhere"))


def _taken(member: Member, day: date, zone: str) -> str:
    if not member.known:
        return "?"
    found = [
        f"{a:%H:%M}–{'24:00' if b.date() > day else f'{b:%H:%M}'}{'' if status == 'busy' else f' {status}'}"
        for a, b, status in _on_day(member, day, zone)
    ]
    return ", ".join(found) or "free"


def _free(members: Sequence[Member], day: date, zone: str) -> str:
    every = sorted((a, b) for member in members for a, b, _ in _on_day(member, day, zone))
    return free_times(every, day, time(8), time(18))


def _hours_lines(members: Sequence[Member]) -> list[str]:
    lines = []
    for member in members:
        if member.schedule.trouble:
            lines.append(f"- {member.address}: not known ({member.schedule.trouble})")
        elif member.hours is not None:
            hours = member.hours
            lines.append(f"- {member.address} works {hours.start:%H:%M}–{hours.end:%H:%M} {hours.zone}")
    return lines


def proposal_table(desk: Desk, members: Sequence[Member], search: Wish) -> tuple[list[Proposal], str]:
    """Return proposals, and what to tell: a table, with what the service itself suggests where there is none."""
    found = proposals(members, search, desk.zone)
    if not found:
        why = "; ".join(hindrances(members, search))
        told = f"There is no time for all of them: {why}. A longer time or `off_hours` may help."
        return [], "\n".join([told, *_suggested(desk, members, search)])
    zones = list(dict.fromkeys(m.hours.zone for m in members if m.hours is not None and m.hours.zone != desk.zone))
    zones = [name for name in zones if zone_named(name) != zone_named(desk.zone)]
    head = ["#", f"when ({desk.zone})", *zones, "why"]
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    for number, each in enumerate(found, 1):
        span = Span.of(each.start, each.end, desk.zone)
        clocks = [clock_words(span.seen_in(name), span.start.date()) for name in zones]
        when = f"{day_words(span.start.date())}, {clock_words(span)}"
        lines.append(f"| {number} | {' | '.join([when, *clocks, '; '.join(each.reasons)])} |")
    unknown = [m.address for m in members if not m.known]
    note = [f"Nothing is known of {', '.join(unknown)}.", *_suggested(desk, members, search)] if unknown else []
    return found, "\n".join([*lines, *(["", *note] if note else [])])


def _suggested(desk: Desk, members: Sequence[Member], search: Search) -> list[str]:
    """Return what the service suggests, which may know more; nothing where it does not do that."""
    others = [m.address for m in members if m.address.lower() != desk.calendar.who.lower()]
    try:
        found = desk.calendar.suggestions(others, search.start, search.end, search.length, search.count)
    except ServiceError:
        return []  # a second opinion, which nobody asked for
    lines = []
    for each in found:
        missing = f" (not free: {', '.join(each.not_free)})" if each.not_free else ""
        lines.append(f"- The service suggests {span_words(Span.of(each.start, each.end, desk.zone))}{missing}")
    return lines
