"""A rule of recurrence in words: "every 2 weeks on Monday and Wednesday, until 30 June 2026"."""

from __future__ import annotations

from collections.abc import Sequence

from copilot.plugins.connections.recurrence import Rule

DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTH_NAMES = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_UNITS = {"DAILY": "day", "WEEKLY": "week", "MONTHLY": "month", "YEARLY": "year"}
_ORDINALS = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", -1: "last", -2: "second to last"}
_WORKDAYS = tuple((day, 0) for day in range(5))


def words(rule: Rule) -> str:
    """Return a rule in words."""
    unit = _UNITS[rule.frequency]
    how_often = f"every {unit}" if rule.interval == 1 else f"every {rule.interval} {unit}s"
    parts = [how_often, _on(rule), _in(rule), _end(rule)]
    return "".join(parts)


def _on(rule: Rule) -> str:
    if rule.positions:
        what = _days(rule, plain=True) or _month_days(rule.month_days) or "day"
        return f" on the {_listed([_ordinal(p) for p in rule.positions])} of: {what}"
    days = _days(rule)
    dates = _month_days(rule.month_days)
    dates += " of the month" if dates and not rule.months else ""
    if days and dates:
        return f" on {days} that is {dates}"
    return f" on {days or dates}" if days or dates else ""


def _days(rule: Rule, *, plain: bool = False) -> str:
    if rule.days == _WORKDAYS:
        return "Monday to Friday"
    within = "month" if rule.frequency == "MONTHLY" or rule.months else "year"
    if any(at for _, at in rule.days):
        return _listed([f"the {_ordinal(at)} {DAY_NAMES[day]} of the {within}" for day, at in rule.days])
    each = "" if plain or rule.frequency in ("WEEKLY", "DAILY") else "each "
    return _listed([each + DAY_NAMES[day] for day, _ in rule.days])


def _month_days(days: Sequence[int]) -> str:
    told = ["the last day" if day == -1 else f"the {_ordinal(day)} day" if day < 0 else f"day {day}" for day in days]
    return _listed(told)


def _ordinal(number: int) -> str:
    return _ORDINALS.get(number) or (f"{number}." if number > 0 else f"{-number}. from the end")


def _in(rule: Rule) -> str:
    return f" in {_listed([MONTH_NAMES[month - 1] for month in rule.months])}" if rule.months else ""


def _end(rule: Rule) -> str:
    if rule.count is not None:
        return ", once" if rule.count == 1 else f", {rule.count} times"
    if rule.until is not None:
        return f", until {rule.until.day} {MONTH_NAMES[rule.until.month - 1]} {rule.until.year}"
    return ", without an end"


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)
