"""What goes out: invitations, changes, cancellations, answers; told whole before anything is done."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from copilot.errors import ToolInputError
from copilot.plugins.connections import recurrence, series
from copilot.plugins.connections.calendar import Answer, Attendee, Draft, Edit, Event, Scope, Span
from copilot.plugins.connections.recurrence import Rule
from copilot.plugins.connections.recurrence_words import words as rule_words
from copilot.trust.outgoing import Outgoing

from .desk import Desk
from .show import one_line, person, quoted, subject, zone_line
from .times import day_words, span_words

_SCOPES: dict[Scope, str] = {
    "this": "only this one",
    "following": "this one and all that follow",
    "all": "the whole series",
}
#: Characters of what goes out, which is never shortened.
_WHOLE = 1 << 20
_SAID: dict[str, str] = {"accepted": "Accept", "tentative": "Tentatively accept", "declined": "Decline"}


def span(desk: Desk, start: str, end: str, minutes: int, *, all_day: bool) -> Span:
    """Return when an event is, in the desk's zone; the end of whole days is told as the last one of them."""
    first = desk.clock.wall(start)
    if all_day:
        last = desk.clock.wall(end) if end else first
        days = [datetime.combine(each.date(), datetime.min.time()) for each in (first, last)]
        return _ordered(Span(days[0], days[1] + timedelta(days=1), desk.zone, all_day=True))
    if not end:
        begins = Span(first, first, desk.zone).begins
        return Span.of(begins, begins + timedelta(minutes=minutes), desk.zone)
    return _ordered(Span(first, desk.clock.wall(_with_day(end, first)), desk.zone))


def _with_day(end: str, first: datetime) -> str:
    """Return the end with the day of the beginning where only a clock time is told ("15:30")."""
    bare = ":" in end and len(end.strip()) <= 5
    return f"{first.date().isoformat()} {end.strip()}" if bare else end


def _ordered(found: Span) -> Span:
    if found.ends <= found.begins:
        raise ToolInputError(f"The event would end before it begins: {span_words(found)}.", code="order")
    return found


def rule(text: str, when: Span) -> Rule | None:
    """Return the rule of a text, None without one. Raises ToolInputError when the first time is none of its times."""
    if not text.strip():
        return None
    found = recurrence.parse(text, when.zone)
    if not series.on_rule(found, when.start):
        first = series.next_on_rule(found, when.start)
        raise ToolInputError(
            f"The first time, {day_words(when.start.date())}, is none of {text!r}: {rule_words(found)}.",
            hint=f"Begin on {day_words(first.date())}." if first else "",
            code="recurrence",
        )
    return found


# --- new --------------------------------------------------------------------------------------------------------------


def new(desk: Desk, draft: Draft, calendar: str = "") -> Outgoing:
    """Return the invitation to a new event."""
    addresses = [who.address for who in draft.attendees]
    lines = [f"New event: {one_line(draft.subject, _WHOLE)}", f"When: {span_words(draft.span)}"]
    if not draft.span.all_day:
        zones = desk.zones(addresses, draft.span.begins, draft.span.ends)
        lines += zone_line(zones, draft.span)
    lines += [
        f"{name}: {value}"
        for name, value in (
            ("Repeats", rule_words(draft.rule) if draft.rule else ""),
            ("Where", one_line(draft.place, _WHOLE)),
            ("Online meeting", "yes, made with the event" if draft.online else ""),
            ("Private", "yes" if draft.private else ""),
            ("Shown as", draft.status if draft.status != "busy" else ""),
            ("Reminder", f"{draft.reminder} minutes before" if draft.reminder is not None else ""),
            ("Calendar", calendar),
        )
        if value
    ]
    lines += [f"Invited ({who.role}): {person(who)}" for who in draft.attendees]
    lines += ["Text:", quoted(draft.body)] if draft.body else []

    def deliver(key: str) -> str:
        made = desk.calendar.create(draft, key, calendar=calendar)
        online = f" Join: {made.online}" if made.online else ""
        return f"Made {made.subject!r}, {span_words(made.span.seen_in(desk.zone))}.{online} Id: {made.id}"

    title = f"New event: {one_line(draft.subject)}"
    kind = "invite" if draft.attendees else "change"
    return desk.context.send(kind, addresses, "\n".join(lines), deliver, subject=title)  # type: ignore[arg-type]


# --- changed ----------------------------------------------------------------------------------------------------------


def changed(desk: Desk, event: Event, edit: Edit, scope: Scope) -> Outgoing:
    """Return the change of an event, each field as it is and as it would be. Raises ToolInputError for none."""
    _organizes(event, "change")
    if edit.rule is not None and event.kind in ("occurrence", "exception") and scope == "this":
        raise ToolInputError("One occurrence has no rule of its own.", hint='Use scope "all" or "following".')
    lines = _differences(desk, event, edit)
    if not lines:
        raise ToolInputError("Nothing of the event would change.", code="nothing")
    after = event.attendees if edit.attendees is None else edit.attendees
    people = _everybody(event.attendees, after)
    if edit.span is not None and not edit.span.all_day:
        lines += zone_line(desk.zones([who.address for who in after], edit.span.begins, edit.span.ends), edit.span)
    head = [f"Change of: {subject(event, private=True)}", f"It is: {span_words(event.span.seen_in(desk.zone))}"]
    head += [f"Of the series: {_SCOPES[scope]}"] if event.kind != "single" else []

    def deliver(key: str) -> str:
        made = desk.calendar.update(event, edit, scope, key)
        return f"Changed {made.subject!r}: {span_words(made.span.seen_in(desk.zone))}."

    return desk.context.send(
        "change", people, "\n".join([*head, *lines]), deliver, subject=f"Change of: {subject(event, private=True)}"
    )


def _organizes(event: Event, what: str) -> None:
    if not event.mine:
        who = person(event.organizer) if event.organizer else "somebody else"
        raise ToolInputError(
            f"Only its organizer, {who}, can {what} {subject(event)!r}.",
            hint="calendar.respond accepts or declines it.",
            code="organizer",
        )


def _differences(desk: Desk, event: Event, edit: Edit) -> list[str]:
    old_rule = event.recurrence.rule if event.recurrence else None
    pairs = (
        ("Subject", event.subject, edit.subject),
        ("When", span_words(event.span.seen_in(desk.zone)), span_words(edit.span) if edit.span else None),
        ("Repeats", rule_words(old_rule) if old_rule else "", rule_words(edit.rule) if edit.rule else None),
        ("Where", event.place, edit.place),
        ("Online meeting", "yes" if event.online else "no", "yes" if edit.online else None),
        ("Private", _yes(event.private), None if edit.private is None else _yes(edit.private)),
        ("Shown as", event.status, edit.status),
        ("Reminder", _minutes(event.reminder), None if edit.reminder is None else _minutes(edit.reminder)),
    )
    lines = [
        f"{name}: {one_line(before, 2000) or '(none)'} → {one_line(after, _WHOLE) or '(none)'}"
        for name, before, after in pairs
        if after is not None and after != before
    ]
    if edit.body is not None and edit.body != event.body:
        lines += [f"Text: {one_line(event.body, 2000) or '(none)'} →", quoted(edit.body) or "> (none)"]
    return lines + _people_lines(event, edit)


def _people_lines(event: Event, edit: Edit) -> list[str]:
    if edit.attendees is None:
        return []
    before = {who.address.lower() for who in event.attendees}
    after = {who.address.lower() for who in edit.attendees}
    added = [f"Invited, too ({who.role}): {person(who)}" for who in edit.attendees if who.address.lower() not in before]
    gone = [f"No longer invited: {person(who)}" for who in event.attendees if who.address.lower() not in after]
    return added + gone


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _minutes(value: int | None) -> str:
    return "none" if value is None else f"{value} minutes before"


def _everybody(before: Sequence[Attendee], after: Sequence[Attendee]) -> list[str]:
    return list({who.address.lower(): who.address for who in (*before, *after)}.values())


# --- cancelled, answered ----------------------------------------------------------------------------------------------


def cancelled(desk: Desk, event: Event, comment: str, scope: Scope) -> Outgoing:
    """Return the cancellation of an event, or of so much of its series."""
    _organizes(event, "cancel")
    lines = [f"Cancel: {subject(event, private=True)}", f"It is: {span_words(event.span.seen_in(desk.zone))}"]
    lines += [f"Of the series: {_SCOPES[scope]}"] if event.kind != "single" else []
    lines += [f"Told of it: {person(who)}" for who in event.attendees]
    lines += ["Text:", quoted(comment)] if comment else []

    def deliver(key: str) -> str:
        desk.calendar.cancel(event, comment, scope, key)
        return f"Cancelled {event.subject!r}."

    people = [who.address for who in event.attendees]
    title = f"Cancel: {subject(event, private=True)}"
    return desk.context.send("change", people, "\n".join(lines), deliver, subject=title)


def answered(desk: Desk, event: Event, answer: Answer, comment: str, scope: Scope) -> Outgoing:
    """Return the answer to an invitation. Raises ToolInputError for one's own event."""
    if event.mine:
        raise ToolInputError(
            f"You are the organizer of {subject(event)!r}; there is nobody to answer to.",
            hint="calendar.cancel takes it out.",
            code="organizer",
        )
    lines = [
        f"{_SAID[answer]}: {subject(event, private=True)}",
        f"It is: {span_words(event.span.seen_in(desk.zone))}",
    ]
    lines += [f"Of the series: {_SCOPES[scope]}"] if event.kind in ("occurrence", "exception") else []
    lines += ["Text:", quoted(comment)] if comment else []

    def deliver(key: str) -> str:
        desk.calendar.respond(event, answer, comment, key, scope=scope)
        return f"Told the organizer of {event.subject!r}: {answer}."

    people = [event.organizer.address] if event.organizer and event.organizer.address else []
    return desk.context.send("change", people, "\n".join(lines), deliver, subject=lines[0])


def merged(event: Event, add: Sequence[Attendee], remove: Sequence[Attendee]) -> tuple[Attendee, ...] | None:
    """Return the attendees after some came and others went, None when nobody does."""
    if not add and not remove:
        return None
    gone = {who.address.lower() for who in remove}
    missing = gone - {who.address.lower() for who in event.attendees}
    if missing:
        raise ToolInputError.unknown("attendee", ", ".join(sorted(missing)), [who.address for who in event.attendees])
    kept = {who.address.lower(): who for who in event.attendees if who.address.lower() not in gone}
    return tuple({**{who.address.lower(): who for who in add}, **kept}.values())


def at_other_time(event: Event, found: Span | None) -> Span | None:
    """Return a new time in the zone in which the event was made, so that what repeats keeps that zone's clocks."""
    if found is None or found.all_day or event.span.all_day or event.kind == "single":
        return found
    return found.seen_in(event.span.zone)
