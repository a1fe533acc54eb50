"""Outlook's patterns and RFC 5545's rules: they mean the same days, which the fake works out by Outlook's own words."""

from __future__ import annotations

from datetime import date, datetime
from itertools import islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.connectors.microsoft365 import events, patterns
from copilot.connectors.microsoft365.graph import GraphError
from copilot.demo.microsoft365 import calendar_times
from copilot.errors import ToolInputError
from copilot.plugins.connections.calendar import Draft, Edit, Span
from copilot.plugins.connections.recurrence import parse
from tests.thinning import examples

weekdays = st.lists(st.sampled_from(patterns.DAYS), min_size=1, max_size=3, unique=True)
indexes = st.sampled_from(["first", "second", "third", "fourth", "last"])
PATTERNS = st.one_of(
    st.just({"type": "daily"}),
    st.builds(
        lambda days, first: {"type": "weekly", "daysOfWeek": days, "firstDayOfWeek": first},
        weekdays,
        st.sampled_from(patterns.DAYS),
    ),
    st.integers(1, 31).map(lambda day: {"type": "absoluteMonthly", "dayOfMonth": day}),
    st.builds(lambda days, at: {"type": "relativeMonthly", "daysOfWeek": days, "index": at}, weekdays, indexes),
    st.builds(
        lambda day, month: {"type": "absoluteYearly", "dayOfMonth": day, "month": month},
        st.integers(1, 31),
        st.integers(1, 12),
    ),
    st.builds(
        lambda days, at, month: {"type": "relativeYearly", "daysOfWeek": days, "index": at, "month": month},
        weekdays,
        indexes,
        st.integers(1, 12),
    ),
)


@settings(max_examples=examples(160), deadline=None)
@given(PATTERNS, st.integers(1, 3), st.dates(date(2023, 1, 1), date(2028, 12, 31)))
def test_a_pattern_and_its_rule_mean_the_same_days(pattern: dict[str, Any], interval: int, start: date) -> None:
    alone = {"type": "noEnd", "startDate": start.isoformat()}
    start = next(calendar_times.days({"pattern": {**pattern, "interval": 1}, "range": alone}))
    span = {"type": "numbered", "startDate": start.isoformat(), "numberOfOccurrences": 8}
    whole = {"pattern": {**pattern, "interval": interval}, "range": span}
    calendar_times.check(whole)
    expected = list(calendar_times.days(whole))
    rule = patterns.read(whole)
    first = datetime(start.year, start.month, start.day, 9)
    assert [each.date() for each in rule.starts(first)] == expected
    again = patterns.write(rule, Span(first, first, "Europe/Berlin"))
    calendar_times.check(again)
    assert list(calendar_times.days(again)) == expected
    assert again["range"]["recurrenceTimeZone"] == "W. Europe Standard Time"


@pytest.mark.parametrize(
    ("rule", "start", "why"),
    [
        ("FREQ=MONTHLY", "2026-01-31", "BYMONTHDAY=-1"),
        ("FREQ=YEARLY", "2028-02-29", "BYMONTHDAY=-1"),
        ("FREQ=MONTHLY;BYDAY=1MO,3MO", "2026-06-01", "BYDAY=-1FR"),
        ("FREQ=MONTHLY;BYDAY=5FR", "2026-05-29", "BYDAY=-1FR"),
        ("FREQ=MONTHLY;BYMONTHDAY=1,15", "2026-06-01", "a series for each"),
        ("FREQ=YEARLY;BYMONTH=1,7;BYMONTHDAY=1", "2026-01-01", "one month of the year"),
        ("FREQ=DAILY;BYMONTH=6", "2026-06-01", "more simply"),
    ],
)
def test_a_rule_without_a_pattern_is_refused_with_what_comes_closest(rule: str, start: str, why: str) -> None:
    first = datetime.fromisoformat(start)
    with pytest.raises(ToolInputError) as error:
        patterns.write(parse(rule), Span(first, first))
    assert why in str(error.value)


def test_the_end_of_a_rule_is_a_day_of_its_own_zone() -> None:
    span = Span(datetime(2026, 6, 1, 9), datetime(2026, 6, 1, 10), "Pacific/Auckland")
    for until, last in (("20260607T210000Z", "2026-06-08"), ("20260607T200000Z", "2026-06-07")):
        rule = parse(f"FREQ=DAILY;UNTIL={until}", "Pacific/Auckland")
        assert patterns.write(rule, span)["range"]["endDate"] == last
        assert list(islice(rule.starts(span.start), 9))[-1].date().isoformat() == last


def test_what_is_no_pattern() -> None:
    for wrong in ({}, {"pattern": {"type": "hourly"}, "range": {"type": "noEnd"}}, {"pattern": None, "range": None}):
        with pytest.raises(GraphError, match="makes no sense"):
            patterns.read(wrong)


def test_a_draft_holds_the_zone_in_which_it_is_meant() -> None:
    span = Span(datetime(2026, 6, 1, 9), datetime(2026, 6, 1, 10), "Asia/Kolkata")
    made = events.of_draft(Draft("x", span, private=True, reminder=5), "key")
    assert made["start"] == {"dateTime": "2026-06-01T09:00:00", "timeZone": "India Standard Time"}
    assert (made["transactionId"], made["sensitivity"], made["reminderMinutesBeforeStart"]) == ("key", "private", 5)
    assert events.of_edit(Edit(), span) == {}


def test_working_hours_of_an_unknown_zone_are_the_mailboxs() -> None:
    data = {"daysOfWeek": ["monday"], "startTime": "08:00:00.0000000", "endTime": "17:00:00.0000000"}
    found = events.hours({**data, "timeZone": {"name": "Customized Time Zone"}}, "Europe/Oslo")
    assert found is not None
    assert (found.zone, found.days) == ("Europe/Oslo", frozenset({0}))
    assert events.hours(None) is None
    with pytest.raises(GraphError):
        events.hours({**data, "startTime": "early"})
