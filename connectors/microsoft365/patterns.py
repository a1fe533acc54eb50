"""Graph's patternedRecurrence and RFC 5545's rules, both ways.

They differ where a month lacks a day: Outlook takes the last one ("day 31 of every month"), a rule leaves the month
out. So day 31 of Outlook is BYMONTHDAY=-1, and a rule that leaves months out has no pattern.
Sources: Microsoft Graph, "recurrencePattern", "recurrenceRange"; [MS-OXCICAL] 2.1.3.2; RFC 5545, section 3.3.10.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any

from copilot.errors import ToolInputError
from copilot.plugins.connections.calendar import Span
from copilot.plugins.connections.recurrence import Frequency, Rule
from copilot.plugins.connections.zones import windows

from .graph.errors import GraphError
from .graph.models import Json

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_INDEXES = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1}
_NAMES = {number: name for name, number in _INDEXES.items()}
#: Days of each month that it has in every year.
_SURE = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def read(recurrence: Json) -> Rule:
    """Return the rule of a patternedRecurrence. Raises GraphError for what is none."""
    try:
        pattern, span = recurrence["pattern"], recurrence["range"]
        fields = _FROM[pattern["type"]](pattern)
        return Rule(interval=int(pattern.get("interval") or 1), **fields, **_end(span))
    except (KeyError, TypeError, ValueError) as error:
        raise GraphError.nonsense("a recurrence", f"{type(error).__name__}: {error}") from None


def _end(span: Json) -> dict[str, Any]:
    if span["type"] == "numbered":
        return {"count": int(span["numberOfOccurrences"])}
    if span["type"] == "endDate":
        return {"until": datetime.combine(date.fromisoformat(span["endDate"]), time(23, 59, 59))}
    return {}


def _weekly(pattern: Json) -> dict[str, Any]:
    start = DAYS.index((pattern.get("firstDayOfWeek") or "sunday").lower())
    return {"frequency": "WEEKLY", "days": tuple((day, 0) for day in _days(pattern)), "week_start": start}


def _days(pattern: Json) -> list[int]:
    return sorted(DAYS.index(name.lower()) for name in pattern["daysOfWeek"])


def _absolute_monthly(pattern: Json) -> dict[str, Any]:
    return {"frequency": "MONTHLY", **_clamped(int(pattern["dayOfMonth"]), 28, 31)}


def _absolute_yearly(pattern: Json) -> dict[str, Any]:
    month = int(pattern["month"])
    return {"frequency": "YEARLY", "months": (month,), **_clamped(int(pattern["dayOfMonth"]), _SURE[month - 1], 29)}


def _clamped(day: int, sure: int, longest: int) -> dict[str, Any]:
    """Return the rule for a day, or the last one of a month without it.

    `sure` is the last day that there always is, `longest` the last that there can be.
    """
    if day <= sure:
        return {"month_days": (day,)}
    if day >= longest:
        return {"month_days": (-1,)}
    return {"month_days": tuple(range(28, day + 1)), "positions": (-1,)}


def _relative(frequency: Frequency, pattern: Json) -> dict[str, Any]:
    days, index = _days(pattern), _INDEXES[(pattern.get("index") or "first").lower()]
    months = {"months": (int(pattern["month"]),)} if frequency == "YEARLY" else {}
    if len(days) == 1:
        return {"frequency": frequency, "days": ((days[0], index),), **months}
    return {"frequency": frequency, "days": tuple((day, 0) for day in days), "positions": (index,), **months}


_FROM: Any = {
    "daily": lambda pattern: {"frequency": "DAILY"},
    "weekly": _weekly,
    "absoluteMonthly": _absolute_monthly,
    "relativeMonthly": lambda pattern: _relative("MONTHLY", pattern),
    "absoluteYearly": _absolute_yearly,
    "relativeYearly": lambda pattern: _relative("YEARLY", pattern),
}


# --- the other way ----------------------------------------------------------------------------------------------------


def write(rule: Rule, span: Span) -> Json:
    """Return the patternedRecurrence of a rule whose first occurrence is `span`.

    Raises ToolInputError for a rule that Outlook can't keep, with what comes closest.
    """
    start = span.start.date()
    pattern = _TO[rule.frequency](rule, start)
    until: Json = {"type": "noEnd"}
    if rule.count is not None:
        until = {"type": "numbered", "numberOfOccurrences": rule.count}
    elif rule.until is not None:
        last = rule.until if rule.until.time() >= span.start.time() else _day_before(rule.until)
        until = {"type": "endDate", "endDate": last.date().isoformat()}
    zone = {"recurrenceTimeZone": windows(span.zone)}
    return {
        "pattern": {**pattern, "interval": rule.interval},
        "range": {**until, "startDate": start.isoformat(), **zone},
    }


def _day_before(moment: datetime) -> datetime:
    return datetime.combine(date.fromordinal(moment.date().toordinal() - 1), time(23, 59, 59))


def _daily(rule: Rule, start: date) -> Json:
    if rule.month_days or rule.months or rule.positions or (rule.days and rule.interval > 1):
        raise _unknown(rule)
    if rule.days:
        return _week(rule, [day for day, _ in rule.days])
    return {"type": "daily"}


def _week(rule: Rule, days: Sequence[int]) -> Json:
    return {"type": "weekly", "daysOfWeek": [DAYS[day] for day in days], "firstDayOfWeek": DAYS[rule.week_start]}


def _to_weekly(rule: Rule, start: date) -> Json:
    if rule.months or rule.positions:
        raise _unknown(rule)
    return _week(rule, [day for day, _ in rule.days] or [start.weekday()])


def _to_monthly(rule: Rule, start: date) -> Json:
    if rule.months:
        raise _unknown(rule)
    if rule.days:
        return {"type": "relativeMonthly", **_ordinal(rule)}
    return {"type": "absoluteMonthly", "dayOfMonth": _day(rule, start, 28, 31)}


def _to_yearly(rule: Rule, start: date) -> Json:
    if len(rule.months) > 1 or (not rule.months and (rule.days or rule.month_days)):
        raise _unknown(rule, "Outlook repeats in one month of the year: say BYMONTH, and make a series for each month.")
    month = rule.months[0] if rule.months else start.month
    if rule.days:
        return {"type": "relativeYearly", "month": month, **_ordinal(rule)}
    longest = 29 if month == 2 else _SURE[month - 1]
    return {"type": "absoluteYearly", "month": month, "dayOfMonth": _day(rule, start, _SURE[month - 1], longest)}


def _day(rule: Rule, start: date, sure: int, longest: int) -> int:
    """Return Outlook's day of the month: one that is always there, or the last one at most that day."""
    days = rule.month_days or (start.day,)
    if rule.positions:
        if rule.positions == (-1,) and days == tuple(range(28, days[-1] + 1)) and days[-1] <= longest:
            return days[-1]
        raise _unknown(rule)
    if days == (-1,):
        return longest
    if len(days) > 1 or days[0] < 0:
        raise _unknown(rule, "Outlook repeats on one day of the month: make a series for each.")
    if days[0] > sure:
        hint = f"It leaves out what has no day {days[0]}, Outlook takes the last day then: that is BYMONTHDAY=-1."
        raise _unknown(rule, hint)
    return days[0]


def _ordinal(rule: Rule) -> Json:
    """Return days and index of "the second Tuesday", "the last of Monday to Friday"."""
    ordinals = {at for _, at in rule.days}
    indexes = rule.positions if ordinals == {0} else tuple(ordinals) if len(rule.days) == 1 else ()
    if rule.month_days or len(indexes) != 1 or indexes[0] not in _NAMES or (rule.positions and ordinals != {0}):
        raise _unknown(
            rule, "Outlook repeats on the first, second, third, fourth or last of a day, such as BYDAY=-1FR."
        )
    return {"daysOfWeek": [DAYS[day] for day, _ in rule.days], "index": _NAMES[indexes[0]]}


_TO: Any = {"DAILY": _daily, "WEEKLY": _to_weekly, "MONTHLY": _to_monthly, "YEARLY": _to_yearly}


def _unknown(rule: Rule, hint: str = "") -> ToolInputError:
    return ToolInputError(
        f"Outlook has no recurrence such as {rule.to_text()}.",
        hint=hint or "Say it more simply, or make single events.",
        code="recurrence",
    )
