"""What becomes of a series when one of its occurrences is changed for all, or for all that follow."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

from copilot.errors import ToolInputError
from copilot.plugins.connections.calendar import Edit, Event
from copilot.plugins.connections.recurrence import Rule

#: Occurrences that are looked at before a day; no series of people has more.
_MOST = 50_000


def on_rule(rule: Rule, start: datetime) -> bool:
    """Return whether a rule has an occurrence at the very beginning; RFC 5545 (3.8.5.3) leaves open what else means."""
    if rule.until is not None and start > rule.until:
        return False
    before = start - timedelta(days=1)
    unbounded = replace(rule, count=None, until=None)
    probe = replace(unbounded, days=rule.days or _same_days(rule, start), month_days=_same_month_days(rule, start))
    if probe.frequency == "YEARLY" and not probe.months and not (rule.days or rule.month_days):
        probe = replace(probe, months=(start.month,))
    if probe.interval > 1:  # periods are counted from the beginning, which is in the first one
        probe = replace(probe, interval=1)
    return start in list(islice(probe.starts(before), 1, 3))


def _same_days(rule: Rule, start: datetime) -> tuple[tuple[int, int], ...]:
    return ((start.weekday(), 0),) if rule.frequency == "WEEKLY" else ()


def _same_month_days(rule: Rule, start: datetime) -> tuple[int, ...]:
    by_date = rule.frequency in ("MONTHLY", "YEARLY") and not rule.days
    return rule.month_days or ((start.day,) if by_date else ())


def next_on_rule(rule: Rule, start: datetime) -> datetime | None:
    """Return the first occurrence of a rule at or after a beginning, None if there is none."""
    if on_rule(rule, start):
        return start
    return next(islice(replace(rule, count=None).starts(start), 1, 2), None)


def for_all(series: Event, occurrence: Event, edit: Edit) -> Edit:
    """Return the edit of the whole series that an edit, told of one occurrence, means: times move by as much.

    Raises ToolInputError where the days of the rule would have to change and nobody said how.
    """
    rule = series.recurrence.rule if series.recurrence else None
    if edit.span is None or rule is None:
        return edit
    span = series.span.moved(occurrence.span, edit.span)
    days = (span.start.date() - series.span.start.date()).days
    return replace(edit, span=span, rule=edit.rule or (shifted(rule, days) if days else None))


def shifted(rule: Rule, days: int) -> Rule:
    """Return a rule moved by days: its weekdays in a week. Raises ToolInputError for rules by date or by ordinal."""
    if rule.frequency == "WEEKLY" and not rule.positions:
        return replace(rule, days=tuple(sorted(((day + days) % 7, at) for day, at in rule.days)))
    if rule.days or rule.month_days or rule.months:
        raise ToolInputError(
            "The series would move to other days than its rule says.", hint="Say the new rule, too, in repeat."
        )
    return rule


def split(series: Event, original: datetime) -> tuple[Rule, Rule]:
    """Return the rules of a series before an occurrence, and from it on; `original` is where it begins by the rule.

    Raises ToolInputError when it is none of the series.
    """
    assert series.recurrence is not None
    rule = series.recurrence.rule
    before = 0
    for moment in islice(rule.starts(series.span.start), _MOST):
        if moment >= original:
            break
        before += 1
    if before == 0:
        raise ToolInputError("It is the first of its series.", hint='Use scope "all".', code="first_occurrence")
    head = replace(rule, count=None, until=original - timedelta(seconds=1))
    if rule.count is not None:
        return head, replace(rule, count=max(rule.count - before, 1))
    return head, rule


def is_first(series: Event, occurrence: Event) -> bool:
    """Return whether an occurrence is the first one of its series."""
    return occurrence.kind == "series" or (occurrence.original or occurrence.span.start) <= series.span.start
