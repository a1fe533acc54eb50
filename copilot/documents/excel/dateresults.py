"""Formulas whose results are dates: Excel shows them as dates when they are entered, and a serial number helps nobody.

What counts is what can be told from the text: a date, or a date plus or minus numbers; the difference of two dates is
a number of days.
"""

from __future__ import annotations

import re
from collections.abc import Callable

#: What a place shows: "date", "datetime", "time" or another kind (see `Styles.kind`).
KindAt = Callable[[str], str]

#: Functions that give dates and moments; the other functions that are understood give what their first range holds.
_FUNCTIONS = {
    **dict.fromkeys(("DATE", "TODAY", "DATEVALUE", "EDATE", "EOMONTH", "WORKDAY", "WORKDAY.INTL"), "date"),
    "NOW": "datetime",
}
_SAME = frozenset({"MIN", "MAX"})
_PLACE = r"(?:(?:'(?:[^']|'')+'|[^\W\d][\w.]*)!)?\$?[A-Za-z]{1,3}\$?[0-9]{1,7}"
_TERM = re.compile(
    rf"""\s*(?:
        (?P<number>[0-9]+(?:\.[0-9]+)?)
      | (?P<name>[A-Za-z][A-Za-z.]*)\((?P<inside>[^()"]*(?:\([^()"]*\)[^()"]*)*)\)
      | (?P<own>[^\W\d][\w.]*\[\[\#This\ Row\],\[[^\[\]#'@]+\]\])
      | (?P<place>{_PLACE})(?![\w.:(!\[])
    )\s*""",
    re.VERBOSE,
)
_RANGE = re.compile(rf"\s*({_PLACE})(?::\$?[A-Za-z]{{1,3}}\$?[0-9]{{1,7}})?\s*\Z")


def date_result(formula: str, kind_at: KindAt) -> tuple[str, str] | None:
    """Return "date" or "datetime" for a formula that gives one, and the place that it comes from: "A2" for "=A2+30".

    The place is "" for a date that is made; None stands for every other formula. `kind_at` says what a place shows,
    which is written as in a formula: "A2", "Plan!$A$2", "T[[#This Row],[Due]]".
    """
    at, sign, count, found = 1, 1, 0, ("", "")
    while True:
        term = _TERM.match(formula, at)
        if term is None:
            return None
        kind = _kind(term, kind_at)
        if kind is None:
            return None
        if kind in ("date", "datetime"):
            count += sign
            found = max(found, (kind, _read(term)))  # a date and a moment: "datetime" comes last
        if term.end() == len(formula):
            break
        if formula[term.end()] not in "+-":
            return None
        sign, at = (1 if formula[term.end()] == "+" else -1), term.end() + 1
    return found if count == 1 else None


def _read(term: re.Match[str]) -> str:
    """Return the place whose value a term has, "" for a date that is made."""
    within = _RANGE.match(term["inside"]) if term["name"] and term["name"].upper() in _SAME else None
    return within[1] if within else term["own"] or term["place"] or ""


def _kind(term: re.Match[str], kind_at: KindAt) -> str | None:
    """Return what a term is; None where that can't be told."""
    if term["number"]:
        return "number"
    if term["name"] is None:
        return kind_at(term["own"] or term["place"])
    name = term["name"].upper()
    if name in _SAME:
        found = _RANGE.match(term["inside"])
        return kind_at(found[1]) if found else None
    return _FUNCTIONS.get(name)
