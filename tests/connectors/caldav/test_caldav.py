"""CalDAV on a strict server: discovery, reading, free and busy, and changes with tags, scheduling and time zones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from copilot.connectors.caldav.dav import Dav
from copilot.connectors.caldav.options import Options
from copilot.errors import ServiceError, SettingsError
from copilot.plugins.connections import Account, Connections, loop
from copilot.plugins.connections.calendar import Attendee, Calendar, Draft, Edit, Span
from copilot.plugins.connections.recurrence import parse
from copilot.plugins.connectors import connector
from copilot.plugins.context import ToolContext
from copilot.plugins.loader import load
from copilot.settings import AccountSettings
from copilot.workspace.workspace import Workspace
from tests.vendors.caldav import Server, served

pytest.importorskip("uvicorn")
pytest.importorskip("icalendar")
JUNE, JULY = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)
ROUND = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//x//
BEGIN:VTIMEZONE
TZID:W. Europe Standard Time
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE
BEGIN:VEVENT
UID:round
DTSTAMP:20260101T000000Z
SUMMARY:Round\\, weekly
DTSTART;TZID=W. Europe Standard Time:20260518T093000
DTEND;TZID=W. Europe Standard Time:20260518T100000
RRULE:FREQ=WEEKLY;BYDAY=MO;UNTIL=20261231T083000Z
EXDATE;TZID=W. Europe Standard Time:20260615T093000
ORGANIZER;CN=Nina:MAILTO:nina@x.example
ATTENDEE;CN="Raman, Priya";PARTSTAT=ACCEPTED:mailto:priya@x.example
END:VEVENT
BEGIN:VEVENT
UID:round
DTSTAMP:20260101T000000Z
SUMMARY:Round (late)
RECURRENCE-ID;TZID=W. Europe Standard Time:20260608T093000
DTSTART;TZID=W. Europe Standard Time:20260609T110000
DTEND;TZID=W. Europe Standard Time:20260609T113000
ORGANIZER:mailto:nina@x.example
ATTENDEE:mailto:priya@x.example
END:VEVENT
END:VCALENDAR
"""
FAIR = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//x//
BEGIN:VEVENT
UID:fair
DTSTAMP:20260101T000000Z
SUMMARY:Fair
CLASS:PRIVATE
DTSTART;VALUE=DATE:20260610
DTEND;VALUE=DATE:20260612
END:VEVENT
END:VCALENDAR
"""


class Current:
    """What is served: each test's own server."""

    def __init__(self) -> None:
        self.server = Server()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.server(scope, receive, send)


@pytest.fixture(scope="module")
def place() -> Iterator[tuple[Current, str]]:
    current = Current()
    with served(current) as url:  # type: ignore[arg-type]
        yield current, url
        loop.close()


@pytest.fixture
def server(place: tuple[Current, str]) -> Server:
    place[0].server = made = Server()
    made.put("nina", "round", ROUND)
    made.put("nina", "fair", FAIR)
    return made


def opened(url: str, tmp_path: Path, *, writes: bool = True, user: str = "nina", **more: Any) -> Connections:
    given = {"connector": "caldav", "url": url, "user": user, "secret_env": "DAV", **more}
    accounts = {"home": AccountSettings.model_validate(given)}
    return Connections(accounts, tmp_path / "accounts", {"DAV": "secret"}, connector, writes=writes)


@pytest.fixture
def nina(place: tuple[Current, str], server: Server, tmp_path: Path) -> Calendar:
    found: Calendar = opened(place[1], tmp_path).of("calendar")
    return found


def told(calendar: Calendar) -> list[str]:
    events = calendar.agenda(JUNE, JULY).events
    return [f"{e.span.seen_in('Europe/Berlin').start:%d %H:%M} {e.subject}" for e in events]


AS_IT_IS = [
    *("01 09:30 Round, weekly", "09 11:00 Round (late)", "10 00:00 Fair", "22 09:30 Round, weekly"),
    "29 09:30 Round, weekly",
]


def test_the_calendars_are_found_and_read(nina: Calendar, server: Server) -> None:
    assert [(each.name, each.default, each.writes) for each in nina.calendars()] == [
        ("Work", True, True),
        ("Team", False, False),
    ]
    assert nina.who == "nina@x.example"
    assert nina.settings().zone == "Europe/Berlin"
    assert told(nina) == AS_IT_IS
    first = nina.agenda(JUNE, JULY).events[0]
    assert first.attendees == (Attendee("priya@x.example", "Raman, Priya", answer="accepted"),)
    assert first.mine
    assert nina.event(first.id) == nina.event(first.id)
    assert nina.event(first.id).kind == "occurrence"
    fair = next(e for e in nina.agenda(JUNE, JULY).events if e.subject == "Fair")
    assert fair.span.all_day
    assert fair.private
    assert nina.agenda(JUNE, JULY, words="late").events[0].kind == "exception"


def test_what_can_not_be_read_hides_nothing_else(nina: Calendar, server: Server) -> None:
    server.put("nina", "broken", "BEGIN:VCALENDAR\nnonsense\n")
    odd = FAIR.replace("UID:fair", "UID:odd\nRRULE:FREQ=WEEKLY;BYHOUR=9").replace("SUMMARY:Fair", "SUMMARY:Odd")
    server.put("nina", "odd", odd)
    assert [name for name in told(nina) if "Odd" not in name] == AS_IT_IS
    found = next(e for e in nina.agenda(JUNE, JULY).events if e.subject == "Odd")
    assert "BYHOUR is not supported" in found.note


def test_who_is_free(nina: Calendar, server: Server) -> None:
    server.put("priya", "busy", FAIR.replace("UID:fair", "UID:p"))
    mine, priya, nobody = nina.schedules(["nina@x.example", "priya@x.example", "x@y.example"], JUNE, JULY)
    assert mine.busy[0].start == datetime(2026, 6, 1, 7, 30, tzinfo=UTC)
    assert mine.hours is not None
    assert [each.start for each in priya.busy] == [datetime(2026, 6, 10, tzinfo=UTC)]
    assert nobody.trouble == "3.7;Invalid Calendar User"


def span(day: int, hour: int, minutes: int = 0, month: int = 6) -> Span:
    start = datetime(2026, month, day, hour, minutes)
    return Span(start, start.replace(hour=hour + 1), "Europe/Berlin")


def test_an_event_is_made_once_and_the_server_invites(nina: Calendar, server: Server) -> None:
    draft = Draft("Kick-off", span(19, 9, month=10), (Attendee("priya@x.example"),), rule=parse("FREQ=WEEKLY;COUNT=3"))
    made = nina.create(draft, "key")
    assert nina.create(draft, "key").id == made.id
    assert server.sent == [("REQUEST", "priya@x.example", "Kick-off")]
    later = nina.agenda(datetime(2026, 10, 26, tzinfo=UTC), datetime(2026, 10, 27, tzinfo=UTC)).events[0]
    assert later.span.begins == datetime(2026, 10, 26, 8, tzinfo=UTC)  # the clocks went back
    server.lose = "PUT"
    again = nina.create(Draft("Lost", span(2, 9)), "other")
    assert again.subject == "Lost"
    assert sum(line.startswith("PUT") for line in server.log) == 3


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("this", ["01 09:30", "09 11:00", "10 00:00", "22 14:00", "29 09:30"]),
        ("following", ["01 09:30", "09 11:00", "10 00:00", "22 14:00", "29 14:00"]),
        ("all", ["01 14:00", "09 11:00", "10 00:00", "22 14:00", "29 14:00"]),
    ],
)
def test_a_part_of_a_series_is_changed(nina: Calendar, server: Server, scope: Any, expected: list[str]) -> None:
    event = next(e for e in nina.agenda(JUNE, JULY).events if e.span.start.day == 22)
    nina.update(event, Edit(span=span(22, 14)), scope, "key")
    assert [each[:8] for each in told(nina)] == expected
    assert ("REQUEST", "priya@x.example", "Round, weekly") in server.sent
    assert len([p for p in server.objects if p.startswith("/cal/nina/")]) == (3 if scope == "following" else 2)


@pytest.mark.parametrize(("scope", "left"), [("this", 4), ("following", 3), ("all", 1)])
def test_a_part_of_a_series_is_cancelled(nina: Calendar, server: Server, scope: Any, left: int) -> None:
    event = next(e for e in nina.agenda(JUNE, JULY).events if e.span.start.day == 22)
    with pytest.raises(ServiceError, match="sends no text"):
        nina.cancel(event, "Holiday", scope, "key")
    nina.cancel(event, "", scope, "key")
    assert len(told(nina)) == left


def test_an_older_version_is_a_conflict(nina: Calendar, server: Server) -> None:
    event = nina.agenda(JUNE, JULY).events[0]
    server.put("nina", "round", ROUND.replace("Round (late)", "Other"))
    for act in (
        lambda: nina.update(event, Edit(place="x"), "all", "k"),
        lambda: nina.cancel(event, "", "all", "k"),
    ):
        with pytest.raises(ServiceError) as error:
            act()
        assert error.value.code == "conflict"
    assert "Other" in server.objects["/cal/nina/work/round.ics"].decode()


def test_an_invitation_is_answered(place: tuple[Current, str], nina: Calendar, server: Server, tmp_path: Path) -> None:
    nina.create(Draft("Plan", span(3, 9), (Attendee("priya@x.example"),)), "key")
    priya: Calendar = opened(place[1], tmp_path, user="priya").of("calendar")
    event = priya.agenda(JUNE, JULY).events[0]
    assert (event.mine, event.answer) == (False, "none")
    priya.respond(event, "accepted", "Fine", "k")
    assert priya.event(event.id).answer == "accepted"
    assert server.sent[-1] == ("REPLY", "nina@x.example", "Plan")


def test_what_the_server_does_not_do_is_said(nina: Calendar, server: Server) -> None:
    server.schedules = False
    with pytest.raises(ServiceError, match="does not send invitations"):
        nina.create(Draft("Plan", span(3, 9), (Attendee("priya@x.example"),)), "key")
    assert nina.schedules(["priya@x.example"], JUNE, JULY)[0].trouble
    for ask in (nina.rooms, lambda: nina.create(Draft("P", span(3, 9), online=True), "k")):
        with pytest.raises(ServiceError) as error:
            ask()
        assert error.value.code == "unsupported"


@pytest.mark.parametrize(
    ("more", "code"),
    [({"user": "nobody"}, "signed_out"), ({"calendar": "Holiday"}, "missing"), ({"secret_env": "NO"}, "signed_out")],
)
def test_an_account_that_does_not_fit(
    place: tuple[Current, str], server: Server, tmp_path: Path, more: dict[str, Any], code: str
) -> None:
    with pytest.raises(ServiceError) as error:
        opened(place[1], tmp_path, **more).of("calendar").calendars()
    assert error.value.code == code
    assert "secret " not in str(error.value)


def test_the_password_goes_to_no_other_server_and_nothing_is_written_read_only(
    place: tuple[Current, str], server: Server, tmp_path: Path
) -> None:
    quiet: Calendar = opened(place[1], tmp_path, writes=False).of("calendar")
    with pytest.raises(ServiceError, match="read-only"):
        quiet.create(Draft("x", span(3, 9)), "k")
    server.away = "http://127.0.0.2:9"
    with pytest.raises(ServiceError, match=r"sends on to 127\.0\.0\.2"):
        opened(place[1], tmp_path).of("calendar").calendars()


@pytest.mark.parametrize("path", ["//127.0.0.2/nina/", "http://127.0.0.2/nina/"])
def test_a_path_that_the_server_names_leads_nowhere_else(place: tuple[Current, str], path: str) -> None:
    dav = Dav(place[1], {}, ("nina", "secret secret"), account="work")
    with pytest.raises(ServiceError, match=r"127\.0\.0\.2, which gets no password"):
        loop.run(lambda: dav.send("PROPFIND", path), 5, "CalDAV")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"url": "http://dav.example.com"}, "begins with https"),
        ({"zone": "Berlin Time"}, "no time zone"),
        ({"hours": "nine to five"}, "no time of work"),
        ({"secret_env": ""}, "it needs one of"),
        ({"pass": "x"}, "pass"),
    ],
)
def test_settings_that_can_not_be(given: dict[str, Any], why: str, tmp_path: Path) -> None:
    whole = {"connector": "caldav", "url": "https://d.example", "user": "n", "secret_env": "DAV", **given}
    with pytest.raises(SettingsError, match=why):
        Options.of(Account("home", AccountSettings.model_validate(whole), tmp_path))


def test_the_skill_works_with_it(place: tuple[Current, str], server: Server, tmp_path: Path) -> None:
    tools = load().tools()
    connections = opened(place[1], tmp_path)

    def context() -> ToolContext:
        staging = Workspace([tmp_path], tmp_path / "state").staging()
        return ToolContext(staging, moment=datetime(2026, 6, 1, 6, tzinfo=UTC), connections=connections)

    shown: Any = tools["calendar.agenda"].stage(context(), {"period": "this month"})
    assert "| Tue 9 June 2026 | 11:00–11:30 | Round (late) |" in shown.markdown
    moved: Any = tools["calendar.update"].stage(
        context(), {"event": "Round", "on": "2026-06-22", "start": "2026-06-22 15:00"}
    )
    assert "09:30–10:00 Europe/Berlin (UTC+2) → Mon 22 June 2026, 15:00–15:30" in moved.body
    assert moved.recipients == ("priya@x.example",)
    moved.deliver("k")
    free: Any = tools["calendar.propose"].stage(context(), {"people": ["priya@x.example"], "start": "2026-06-22"})
    assert len(free.data) == 3
