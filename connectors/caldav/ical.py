"""iCalendar objects (RFC 5545) as events, and back; needs the extra `caldav` (icalendar)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from copilot.errors import ServiceError, SettingsError, ToolInputError
from copilot.plugins.connections import recurrence, zones
from copilot.plugins.connections.calendar import (
    Answer,
    Attendee,
    Busy,
    Draft,
    Edit,
    Event,
    EventKind,
    Role,
    Span,
    Status,
)
from copilot.plugins.connections.recurrence import Recurrence, Rule

_ANSWERS: Mapping[str, Answer] = {"ACCEPTED": "accepted", "TENTATIVE": "tentative", "DECLINED": "declined"}
PARTSTATS: Mapping[Answer, str] = {answer: name for name, answer in _ANSWERS.items()}
_ROLES: Mapping[str, Role] = {"OPT-PARTICIPANT": "optional", "NON-PARTICIPANT": "optional"}
_RESOURCES = frozenset({"ROOM", "RESOURCE"})
_FREE_BUSY: Mapping[str, Status] = {"BUSY": "busy", "BUSY-TENTATIVE": "tentative", "BUSY-UNAVAILABLE": "away"}
_PRODUCT = "-//Everpilot//Calendar//EN"
#: Between the path of an object and the occurrence in an event's id.
_MARK = "#"


def library() -> Any:
    """Return icalendar. Raises SettingsError, which says how to install it."""
    try:
        import icalendar
    except ImportError:
        raise SettingsError(
            "CalDAV needs a library that is not installed.", hint='Run: pip install "everpilot[caldav]"'
        ) from None
    return icalendar


def parse(content: bytes | str) -> Any:
    """Return the calendar object. Raises ServiceError (broken) for what is none."""
    try:
        return library().Calendar.from_ical(content)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise ServiceError(f"An event is no iCalendar that can be read ({error}).", code="broken") from None


# --- times ------------------------------------------------------------------------------------------------------------


def _wall(prop: Any, zone: str, name: str = "") -> tuple[datetime, str, bool, str]:
    """Return wall clock, zone, whether it is a day, and what to tell where the zone is not known.

    A time without a zone ("floating") is the person's own; one of a zone that only the file describes is in UTC.
    """
    value, name = prop.dt, name or str(prop.params.get("TZID", ""))
    if not isinstance(value, datetime):
        return datetime.combine(value, time()), zone, True, ""
    if name and zones.known(name):
        return value.replace(tzinfo=None, fold=0), zones.iana(name), False, ""
    if value.tzinfo is None:
        return value, zone, False, f"its time zone {name!r} is not known" if name else ""
    note = f"its time zone {name!r} is not known, so that times are in UTC" if name else ""
    return value.astimezone(UTC).replace(tzinfo=None), "UTC", False, note


def _span(component: Any, zone: str) -> tuple[Span, str]:
    start, own, all_day, note = _wall(component["DTSTART"], zone)
    if "DTEND" in component:
        wall, place, _, _ = _wall(component["DTEND"], zone)
        last = wall if all_day else Span(wall, wall, place).seen_in(own).start
    elif "DURATION" in component:
        last = start + component["DURATION"].dt
    else:
        last = start + timedelta(days=1 if all_day else 0)  # RFC 5545, section 3.6.1
    return Span(start, last, own, all_day), note


def _prop(wall: datetime, span: Span) -> Any:
    """Return a wall clock of a span as what icalendar writes: a date, UTC, or a time with its TZID."""
    if span.all_day:
        return wall.date()
    return wall.replace(tzinfo=UTC if span.zone == "UTC" else zones.zone(span.zone))


# --- reading ----------------------------------------------------------------------------------------------------------


class Object:
    """A calendar object: one event, or a series with those of its occurrences that differ."""

    def __init__(self, path: str, content: bytes | str, tag: str, zone: str, mine: frozenset[str]) -> None:
        self.path, self.tag, self.zone, self.mine = path, tag, zone, mine
        self.calendar = parse(content)
        self.components = [c for c in self.calendar.walk("VEVENT") if "DTSTART" in c]
        if not self.components:
            raise ServiceError(f"{path} holds no event.", code="missing")

    @property
    def master(self) -> Any:
        """The event itself, or the series; the first occurrence where somebody is invited to some only."""
        return next((c for c in self.components if "RECURRENCE-ID" not in c), self.components[0])

    def overrides(self) -> dict[datetime, Any]:
        """Return the occurrences that differ, by the wall clock at which they would begin."""
        span, _ = _span(self.master, self.zone)
        return {self._at(c["RECURRENCE-ID"], span): c for c in self.components if "RECURRENCE-ID" in c}

    def _at(self, prop: Any, span: Span, name: str = "") -> datetime:
        wall, zone, all_day, _ = _wall(prop, self.zone, name)
        return wall if all_day or span.all_day else Span(wall, wall, zone).seen_in(span.zone).start

    def event(self) -> Event:
        """Return the event, or the series."""
        span, note = _span(self.master, self.zone)
        found = _event(self.master, span, self.mine)
        rule, more = self._recurrence(span)
        notes = "; ".join(filter(None, [note, more]))
        kind: EventKind = "series" if rule else "single"
        return replace(found, id=self.path, tag=self.tag, recurrence=rule, kind=kind, note=notes)

    def _recurrence(self, span: Span) -> tuple[Recurrence | None, str]:
        component = self.master
        if "RRULE" not in component and "RDATE" not in component:
            return None, ""
        without = frozenset(self.dates(component, "EXDATE", span))
        more = frozenset(self.dates(component, "RDATE", span))
        once = Rule("DAILY", count=1)
        if "RRULE" not in component:
            return Recurrence(once, without, more), ""
        given = component["RRULE"]
        try:
            if isinstance(given, list):
                raise ToolInputError("It has several rules.")
            rule = recurrence.parse(given.to_ical().decode(), span.zone)
        except ToolInputError as error:
            return Recurrence(once, without, more), f"how it repeats can't be read: {error.message}"
        return Recurrence(rule, without, more), ""

    def dates(self, component: Any, name: str, span: Span) -> Iterator[datetime]:
        """Yield the wall clocks of EXDATE or RDATE."""
        given = component.get(name, [])
        for each in given if isinstance(given, list) else [given]:
            for prop in each.dts:
                if not isinstance(prop.dt, tuple):  # a PERIOD (RDATE) is passed over
                    yield self._at(prop, span, str(each.params.get("TZID", "")))

    def between(self, start: datetime, end: datetime) -> list[Event]:
        """Return what lies at least in part between two moments, each occurrence by itself."""
        whole = self.event()
        if whole.recurrence is None:
            found = [whole]
        else:
            length = whole.span.end - whole.span.start
            window = Span.of(start, end, whole.span.zone)
            day = timedelta(days=1)
            starts = whole.recurrence.between(whole.span.start, window.start - length - day, window.end + day)
            changed = self.overrides()
            found = [self.occurrence(whole, at) for at in starts if at not in changed]
            found += [self.occurrence(whole, at) for at in changed]
        return [event for event in found if _overlaps(event, start, end, self.zone)]

    def occurrence(self, whole: Event, at: datetime) -> Event:
        """Return the occurrence that would begin at a wall clock."""
        id = f"{self.path}{_MARK}{at:%Y%m%dT%H%M%S}"
        component = self.overrides().get(at)
        if component is None:
            span = replace(whole.span, start=at, end=at + (whole.span.end - whole.span.start))
            return replace(whole, id=id, span=span, kind="occurrence", series=self.path, original=at)
        span, note = _span(component, self.zone)
        found = _event(component, span, self.mine)
        rest = {"recurrence": whole.recurrence, "note": note, "tag": self.tag}
        return replace(found, id=id, kind="exception", series=self.path, original=at, **rest)  # type: ignore[arg-type]


def split_id(id: str) -> tuple[str, datetime | None]:
    """Return the path of an event's object, and which occurrence is meant."""
    path, mark, at = id.rpartition(_MARK)
    if not mark:
        return id, None
    try:
        return path, datetime.strptime(at, "%Y%m%dT%H%M%S")
    except ValueError:
        raise ToolInputError(f"{id!r} is no id of an event.", code="unknown_id") from None


def _overlaps(event: Event, start: datetime, end: datetime, zone: str) -> bool:
    span = replace(event.span, zone=zone) if event.span.all_day else event.span
    return (span.begins < end and span.ends > start) or (span.begins == span.ends and start <= span.begins < end)


def _event(component: Any, span: Span, mine: frozenset[str]) -> Event:
    organizer = _person(component["ORGANIZER"]) if "ORGANIZER" in component else None
    given = component.get("ATTENDEE", [])
    attendees = tuple(_person(each) for each in (given if isinstance(given, list) else [given]))
    own = next((each for each in attendees if each.address.lower() in mine), None)
    is_mine = organizer is None or organizer.address.lower() in mine
    categories = component.get("CATEGORIES", [])
    listed = categories if isinstance(categories, list) else [categories]
    transparent = str(component.get("TRANSP", "OPAQUE")).upper() == "TRANSPARENT"
    state = str(component.get("STATUS", "")).upper()
    return Event(
        "",
        str(component.get("SUMMARY", "")),
        span,
        organizer=replace(organizer, answer="organizer") if organizer else None,
        attendees=tuple(each for each in attendees if organizer is None or each.address != organizer.address),
        place=str(component.get("LOCATION", "")),
        body=str(component.get("DESCRIPTION", "")).strip(),
        status="free" if transparent else "tentative" if state == "TENTATIVE" else "busy",
        answer="organizer" if is_mine else own.answer if own else "none",
        mine=is_mine,
        private=str(component.get("CLASS", "PUBLIC")).upper() in ("PRIVATE", "CONFIDENTIAL"),
        cancelled=state == "CANCELLED",
        online=str(component.get("CONFERENCE", component.get("X-GOOGLE-CONFERENCE", ""))),
        reminder=_reminder(component),
        categories=tuple(str(name) for each in listed for name in each.cats),
        link=str(component.get("URL", "")),
    )


def _person(prop: Any) -> Attendee:
    """Return an attendee; an address is a mailto: in any case of its letters (RFC 5545, section 3.3.3)."""
    text = str(prop)
    address = text[7:] if text[:7].lower() == "mailto:" else text
    resource = str(prop.params.get("CUTYPE", "")).upper() in _RESOURCES
    role = "resource" if resource else _ROLES.get(str(prop.params.get("ROLE", "")).upper(), "required")
    answer = _ANSWERS.get(str(prop.params.get("PARTSTAT", "")).upper(), "none")
    return Attendee(address, str(prop.params.get("CN", "")), role, answer)


def _reminder(component: Any) -> int | None:
    for alarm in component.walk("VALARM"):
        trigger = alarm.get("TRIGGER")
        if trigger is not None and isinstance(trigger.dt, timedelta) and trigger.dt <= timedelta():
            return int(-trigger.dt.total_seconds()) // 60
    return None


# --- writing ----------------------------------------------------------------------------------------------------------


def new(draft: Draft, uid: str, organizer: str, now: datetime) -> bytes:
    """Return the object of a new event."""
    library_ = library()
    calendar, event = library_.Calendar(), library_.Event()
    calendar.add("PRODID", _PRODUCT)
    calendar.add("VERSION", "2.0")
    event.add("UID", uid)
    edit = Edit(
        *(draft.subject, draft.span, draft.attendees, draft.place, draft.body, draft.rule),
        status=draft.status,
        private=draft.private,
        reminder=draft.reminder,
    )
    apply(event, edit, draft.span, organizer, now)
    if draft.categories:
        event.add("CATEGORIES", list(draft.categories))
    calendar.add_component(event)
    return written(calendar)


def apply(event: Any, edit: Edit, span: Span, organizer: str, now: datetime) -> None:
    """Change a component; `span` is when it then is. Its SEQUENCE goes up, as invitations need it."""
    texts = {"SUMMARY": edit.subject, "LOCATION": edit.place, "DESCRIPTION": edit.body}
    for name, text in texts.items():
        if text is not None:
            _put(event, name, text or None)
    if edit.span is not None:
        event.pop("DURATION", None)
        _put(event, "DTSTART", _prop(span.start, span))
        _put(event, "DTEND", _prop(span.end, span))
    if edit.rule is not None:
        set_rule(event, edit.rule, span)
    if edit.status is not None:
        _put(event, "TRANSP", "TRANSPARENT" if edit.status == "free" else "OPAQUE")
        _put(event, "STATUS", "TENTATIVE" if edit.status == "tentative" else "CONFIRMED")
    if edit.private is not None:
        _put(event, "CLASS", "PRIVATE" if edit.private else "PUBLIC")
    if edit.attendees is not None:
        _set_attendees(event, edit.attendees, organizer)
    if edit.reminder is not None:
        _set_reminder(event, edit.reminder)
    stamp(event, now)


def stamp(event: Any, now: datetime) -> None:
    """Note a change: DTSTAMP and LAST-MODIFIED, and SEQUENCE goes up (RFC 5546, section 2.1.4)."""
    _put(event, "SEQUENCE", int(event.get("SEQUENCE", -1)) + 1)
    for name in ("DTSTAMP", "LAST-MODIFIED"):
        _put(event, name, now.astimezone(UTC))


def set_rule(event: Any, rule: Rule, span: Span) -> None:
    """Give a component a rule."""
    text = rule.to_text(span.zone, all_day=span.all_day)
    _put(event, "RRULE", library().vRecur.from_ical(text))


def _put(event: Any, name: str, value: Any) -> None:
    event.pop(name, None)
    if value is not None:
        event.add(name, value)


def _set_attendees(event: Any, attendees: tuple[Attendee, ...], organizer: str) -> None:
    address = library().vCalAddress
    known = event.get("ATTENDEE", [])
    before = {str(each).lower(): each for each in (known if isinstance(known, list) else [known])}
    event.pop("ATTENDEE", None)
    for who in attendees:
        made = before.get(f"mailto:{who.address.lower()}")
        if made is None:
            made = address(f"mailto:{who.address}")
            role = "OPT-PARTICIPANT" if who.role == "optional" else "REQ-PARTICIPANT"
            made.params |= {"ROLE": role, "PARTSTAT": "NEEDS-ACTION", "RSVP": "TRUE"}
            made.params |= {"CN": who.name} if who.name else {}
            made.params |= {"CUTYPE": "ROOM"} if who.role == "resource" else {}
        event.add("ATTENDEE", made, encode=False)
    if attendees and "ORGANIZER" not in event:
        event.add("ORGANIZER", address(f"mailto:{organizer}"), encode=False)


def _set_reminder(event: Any, minutes: int) -> None:
    event.subcomponents = [each for each in event.subcomponents if each.name != "VALARM"]
    alarm = library().Alarm()
    alarm.add("ACTION", "DISPLAY")
    alarm.add("DESCRIPTION", str(event.get("SUMMARY", "")) or "Reminder")
    alarm.add("TRIGGER", timedelta(minutes=-minutes))
    event.add_component(alarm)


def exception(found: Object, at: datetime) -> Any:
    """Return the component of one occurrence, made from the series where it does not differ yet."""
    existing = found.overrides().get(at)
    if existing is not None:
        return existing
    master, whole = found.master, found.event()
    made = library().Event.from_ical(master.to_ical())
    for name in ("RRULE", "EXDATE", "RDATE"):
        made.pop(name, None)
    span = replace(whole.span, start=at, end=at + (whole.span.end - whole.span.start))
    made.pop("DURATION", None)
    for name, wall in (("DTSTART", span.start), ("DTEND", span.end), ("RECURRENCE-ID", span.start)):
        _put(made, name, _prop(wall, span))
    found.calendar.add_component(made)
    return made


def take_out(found: Object, at: datetime) -> None:
    """Take an occurrence out of a series."""
    whole = found.event()
    drop(found, lambda original: original == at)
    found.master.add("EXDATE", [_prop(at, whole.span)])


def drop(found: Object, test: Any) -> None:
    """Take out those occurrences that differ and fit a test of their original wall clock."""
    gone = {id(component) for at, component in found.overrides().items() if test(at)}
    found.calendar.subcomponents = [each for each in found.calendar.subcomponents if id(each) not in gone]
    found.components = [each for each in found.components if id(each) not in gone]


def move(found: Object, before: Span, after: Span) -> None:
    """Move what is left out of a series, and which occurrences differ, as the series itself moved."""
    shift = after.start - before.start
    kept = sorted(found.dates(found.master, "EXDATE", before))
    changed = found.overrides()
    found.master.pop("EXDATE", None)
    if kept:
        found.master.add("EXDATE", [_prop(at + shift, after) for at in kept])
    for at, component in changed.items():
        _put(component, "RECURRENCE-ID", _prop(at + shift, after))


def written(calendar: Any) -> bytes:
    """Return an object as bytes, with the time zones that it names."""
    calendar.add_missing_timezones(first_date=date(2020, 1, 1), last_date=date(2040, 1, 1))
    return bytes(calendar.to_ical())


# --- free and busy ----------------------------------------------------------------------------------------------------


def free_busy_request(
    addresses: list[str], organizer: str, start: datetime, end: datetime, now: datetime, uid: str
) -> bytes:
    """Return the VFREEBUSY that asks when people are not free (RFC 6638, section 5)."""
    library_ = library()
    calendar, asked = library_.Calendar(), library_.FreeBusy()
    calendar.add("PRODID", _PRODUCT)
    calendar.add("VERSION", "2.0")
    calendar.add("METHOD", "REQUEST")
    asked.add("UID", uid)
    for name, value in (("DTSTAMP", now), ("DTSTART", start), ("DTEND", end)):
        asked.add(name, value.astimezone(UTC))
    asked.add("ORGANIZER", library_.vCalAddress(f"mailto:{organizer}"), encode=False)
    for address in addresses:
        asked.add("ATTENDEE", library_.vCalAddress(f"mailto:{address}"), encode=False)
    calendar.add_component(asked)
    return bytes(calendar.to_ical())


def busy(content: bytes | str) -> tuple[Busy, ...]:
    """Return the times of a VFREEBUSY in which somebody is not free."""
    found = []
    for component in parse(content).walk("VFREEBUSY"):
        given = component.get("FREEBUSY", [])
        for each in _flat(given):
            status = _FREE_BUSY.get(str(each.params.get("FBTYPE", "BUSY")).upper(), "free")
            if status != "free":
                first, last = each.start, each.end
                found.append(Busy(first.astimezone(UTC), last.astimezone(UTC), status))
    return tuple(sorted(found, key=lambda b: b.start))


def _flat(given: Any) -> Iterator[Any]:
    for each in given if isinstance(given, list) else [given]:
        yield from _flat(each) if isinstance(each, list) else [each]
