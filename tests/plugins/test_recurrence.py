"""Rules of recurrence: against python-dateutil, in words, over changes of the clocks; names of time zones; WebVTT."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from copilot.errors import ToolInputError
from copilot.plugins.connections import series, vtt, zones
from copilot.plugins.connections.calendar import Edit, Event, Span, moment
from copilot.plugins.connections.recurrence import DAYS, Recurrence, Rule, parse
from copilot.plugins.connections.recurrence_words import words
from tests.thinning import examples

days = st.lists(st.sampled_from(DAYS), min_size=1, max_size=3, unique=True).map(",".join)
ordinals = st.tuples(st.sampled_from([1, 2, 3, 4, 5, -1, -2]), st.sampled_from(DAYS)).map(lambda d: f"{d[0]}{d[1]}")
dates = st.lists(st.sampled_from([1, 13, 28, 29, 30, 31, -1, -2]), min_size=1, max_size=2, unique=True).map(
    lambda d: ",".join(map(str, d))
)
months = st.lists(st.integers(1, 12), min_size=1, max_size=2, unique=True).map(lambda d: ",".join(map(str, d)))
RULES = st.one_of(
    st.just("FREQ=DAILY"),
    days.map("FREQ=DAILY;BYDAY={}".format),
    st.tuples(days, st.sampled_from(DAYS)).map(lambda p: f"FREQ=WEEKLY;BYDAY={p[0]};WKST={p[1]}"),
    dates.map("FREQ=MONTHLY;BYMONTHDAY={}".format),
    ordinals.map("FREQ=MONTHLY;BYDAY={}".format),
    st.tuples(days, st.sampled_from([1, 2, -1])).map(lambda p: f"FREQ=MONTHLY;BYDAY={p[0]};BYSETPOS={p[1]}"),
    st.tuples(months, dates).map(lambda p: f"FREQ=YEARLY;BYMONTH={p[0]};BYMONTHDAY={p[1]}"),
    st.tuples(months, ordinals).map(lambda p: f"FREQ=YEARLY;BYMONTH={p[0]};BYDAY={p[1]}"),
)
STARTS = st.datetimes(datetime(2023, 1, 1), datetime(2028, 12, 31)).map(lambda d: d.replace(second=0, microsecond=0))


@settings(max_examples=examples(160), deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(RULES, st.integers(1, 4), STARTS, st.one_of(st.none(), st.integers(1, 30)))
def test_occurrences_are_those_of_dateutil(text: str, interval: int, start: datetime, count: int | None) -> None:
    rrule = pytest.importorskip("dateutil.rrule")
    start = next(iter(rrule.rrulestr(text, dtstart=start)), start)  # the first is one of the rule
    text += f";INTERVAL={interval}" + (f";COUNT={count}" if count else "")
    oracle = list(islice(rrule.rrulestr(text, dtstart=start), 12))
    if not oracle:
        return  # 30 February
    rule = parse(text)
    assert list(islice(rule.starts(start), 12)) == oracle
    assert parse(rule.to_text()) == rule
    assert series.on_rule(rule, start)
    assert words(rule).startswith("every ")


@pytest.mark.parametrize(
    ("text", "start", "expected"),
    [
        ("FREQ=YEARLY", "2024-02-29", ["2024-02-29", "2028-02-29", "2032-02-29"]),
        ("FREQ=MONTHLY;BYDAY=-1FR", "2026-01-30", ["2026-01-30", "2026-02-27", "2026-03-27"]),
        ("FREQ=MONTHLY", "2026-01-31", ["2026-01-31", "2026-03-31", "2026-05-31"]),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU;WKST=MO", "2026-06-01", ["2026-06-01", "2026-06-07", "2026-06-15"]),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1", "2027-02-28", ["2027-02-28", "2028-02-29", "2029-02-28"]),
    ],
)
def test_days_that_are_missed(text: str, start: str, expected: list[str]) -> None:
    found = islice(parse(text).starts(datetime.fromisoformat(start)), 3)
    assert [each.date().isoformat() for each in found] == expected


def test_a_weekly_nine_oclock_stays_nine_oclock() -> None:
    rule = parse("FREQ=WEEKLY;BYDAY=MO;UNTIL=20261102T080000Z", "Europe/Berlin")
    assert rule.until == datetime(2026, 11, 2, 9)
    starts = list(rule.starts(datetime(2026, 10, 19, 9)))
    assert [each.hour for each in starts] == [9, 9, 9]
    assert [moment(each, "Europe/Berlin").hour for each in starts] == [7, 8, 8]
    assert rule.to_text("Europe/Berlin") == "FREQ=WEEKLY;UNTIL=20261102T080000Z;BYDAY=MO"


def test_a_clock_time_that_is_skipped_or_comes_twice() -> None:
    assert moment(datetime(2026, 3, 29, 2, 30), "Europe/Berlin") == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert moment(datetime(2026, 10, 25, 2, 30), "Europe/Berlin") == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_what_a_series_leaves_out_and_adds() -> None:
    first = datetime(2026, 6, 1, 9)
    held = Recurrence(parse("FREQ=DAILY"), frozenset({datetime(2026, 6, 2, 9)}), frozenset({datetime(2026, 6, 3, 15)}))
    found = held.between(first, datetime(2026, 6, 1), datetime(2026, 6, 4))
    assert [each.isoformat() for each in found] == ["2026-06-01T09:00:00", "2026-06-03T09:00:00", "2026-06-03T15:00:00"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;COUNT=10", "every 2 weeks on Monday and Wednesday, 10 times"),
        (
            "FREQ=MONTHLY;BYDAY=-1FR;UNTIL=20261231",
            "every month on the last Friday of the month, until 31 December 2026",
        ),
        ("FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR", "every day on Monday to Friday, without an end"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "every year on day 29 in February, without an end"),
        ("FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=1", "every month on the last day of the month, once"),
        ("FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=2", "every month on the second of: Monday and Tuesday, without an end"),
    ],
)
def test_words(text: str, told: str) -> None:
    assert words(parse(text)) == told


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("every monday", "no part of a rule"),
        ("FREQ=HOURLY", "FREQ is HOURLY"),
        ("FREQ=WEEKLY;BYDAY=XX", "no list of days"),
        ("FREQ=WEEKLY;BYDAY=1MO", "needs FREQ=MONTHLY"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20260101", "COUNT and UNTIL"),
        ("FREQ=DAILY;COUNT=0", "no number"),
        ("FREQ=DAILY;BYHOUR=9", "BYHOUR is not supported"),
        ("FREQ=DAILY;UNTIL=tomorrow", "no date"),
        ("FREQ=MONTHLY;BYMONTHDAY=32", "beyond 31"),
        ("FREQ=MONTHLY;BYSETPOS=1", "BYSETPOS needs"),
    ],
)
def test_what_is_no_rule_says_why(text: str, why: str) -> None:
    with pytest.raises(ToolInputError, match=why):
        parse(text)


def test_a_rule_that_never_comes_ends() -> None:
    assert list(parse("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30").starts(datetime(2026, 1, 1))) == [datetime(2026, 1, 1)]


# --- a part of a series -----------------------------------------------------------------------------------------------


def weekly(rule: str = "FREQ=WEEKLY;BYDAY=MO;COUNT=5") -> Event:
    span = Span(datetime(2026, 6, 1, 9), datetime(2026, 6, 1, 10), "Europe/Berlin")
    return Event("s", "Round", span, kind="series", recurrence=Recurrence(parse(rule)))


def test_a_series_is_split_and_loses_no_occurrence() -> None:
    whole = weekly()
    head, tail = series.split(whole, datetime(2026, 6, 15, 9))
    assert whole.recurrence is not None
    found = [*head.starts(whole.span.start), *tail.starts(datetime(2026, 6, 15, 9))]
    assert found == list(whole.recurrence.rule.starts(whole.span.start))
    with pytest.raises(ToolInputError, match="first of its series"):
        series.split(whole, whole.span.start)


def test_a_change_for_all_moves_the_days_of_the_rule() -> None:
    whole = weekly()
    one = Event(
        "o", "Round", Span(datetime(2026, 6, 8, 9), datetime(2026, 6, 8, 10), "Europe/Berlin"), kind="occurrence"
    )
    moved = Edit(span=Span(datetime(2026, 6, 9, 14), datetime(2026, 6, 9, 16), "Europe/Berlin"))
    edit = series.for_all(whole, one, moved)
    assert edit.span == Span(datetime(2026, 6, 2, 14), datetime(2026, 6, 2, 16), "Europe/Berlin")
    assert edit.rule is not None
    assert edit.rule.days == ((1, 0),)
    with pytest.raises(ToolInputError, match="other days"):
        series.for_all(weekly("FREQ=MONTHLY;BYDAY=1MO"), one, moved)


# --- zones, transcripts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "iana", "windows"),
    [
        ("W. Europe Standard Time", "Europe/Berlin", "W. Europe Standard Time"),
        ("europe/oslo", "Europe/Oslo", "W. Europe Standard Time"),
        ("tzone://Microsoft/Utc", "UTC", "UTC"),
        ("India Standard Time", "Asia/Calcutta", "India Standard Time"),
        ("Europe/London", "Europe/London", "GMT Standard Time"),
    ],
)
def test_names_of_zones(name: str, iana: str, windows: str) -> None:
    assert zones.iana(name) == iana
    assert zones.windows(name) == windows


def test_every_zone_of_windows_is_there_and_comes_back() -> None:
    for name, covered in zones.windows_zones().items():
        assert zones.zone(name).key in (covered[0], "UTC")
        assert zones.windows(covered[0]) == name


def test_a_zone_that_nobody_knows_is_named() -> None:
    with pytest.raises(ToolInputError, match=r"No time zone named 'Europe/Berln'.*Europe/Berlin"):
        zones.iana("Europe/Berln")


def test_transcripts() -> None:
    text = (
        "\ufeffWEBVTT\r\n\r\nNOTE x\r\n\r\n1\r\n00:00:01.500 --> 00:00:03.000 align:start\r\n"
        "<v Ann Lee>Hello &amp; <b>welcome</b>"
        "\r\n\r\n01:05.000 --> 01:06.000\nto all</v>\n\nbroken --> block\n\n"
        "00:01:07.000 --> 00:01:08.000\n<v Ann Lee>One</v>"
        "\n\n00:01:09.000 --> 00:01:10.000\n<v Ann Lee>Two</v> <v.loud Bob>No</v>"
    )
    said = vtt.read(text)
    assert [(each.clock, each.speaker, each.text) for each in said] == [
        ("0:00:01", "Ann Lee", "Hello & welcome"),
        ("0:01:05", "", "to all"),
        ("0:01:07", "Ann Lee", "One Two"),
        ("0:01:09", "Bob", "No"),
    ]
    assert vtt.read("") == []


def test_modules_take_no_clock_of_their_own() -> None:
    for name in ("recurrence", "series", "zones", "calendar"):
        source = Path(zones.__file__).with_name(f"{name}.py").read_text("utf-8")
        assert "now(" not in source
        assert "today(" not in source


def test_rules_are_values() -> None:
    assert Rule("DAILY") == parse("RRULE:FREQ=DAILY;")
    assert parse("FREQ=WEEKLY;WKST=SU").week_start == 6
    assert date(2026, 6, 1).weekday() == 0
