"""Criteria of a filter as the file holds them (18.3.2): which cells a column of an `autoFilter` lets through."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta

from lxml import etree

from copilot.documents.excel.cells import Cell, SheetReader
from copilot.documents.excel.markup import decode_xstring
from copilot.documents.excel.values import Scalar, to_serial, typed
from copilot.errors import ToolInputError

Match = Callable[[Cell | None], bool]

_COMPARED: dict[str, Callable[[float, float], bool]] = {
    "greaterThan": operator.gt,
    "greaterThanOrEqual": operator.ge,
    "lessThan": operator.lt,
    "lessThanOrEqual": operator.le,
}
_DATE_PARTS = ("year", "month", "day", "hour", "minute", "second")


def number_of(value: Scalar, *, date1904: bool) -> float | None:
    """Return a number, or the serial number of a date; None for anything else."""
    if isinstance(value, (bool, str)) or value is None:
        return None
    if isinstance(value, (datetime, date, time, timedelta)):
        return float(to_serial(value, date1904=date1904))
    return float(value)


class Tests:
    """The criteria of one sheet's filter, as tests of its cells."""

    __test__ = False  # no test class of pytest

    def __init__(self, reader: SheetReader) -> None:
        self._reader = reader
        self._date1904 = reader.workbook.date1904

    def of(self, column: bytes) -> Match | None:
        """Return the test that a `filterColumn` element means; None for colours, icons and periods of time."""
        criteria = etree.fromstring(column)
        for child in criteria:
            made = {
                "filters": self._listed,
                "customFilters": self._custom,
                "top10": self._top,
                "dynamicFilter": self._dynamic,
            }.get(etree.QName(child).localname)
            if made is not None:
                return made(child)
        return None

    def _number(self, cell: Cell | None) -> float | None:
        return number_of(cell.value, date1904=self._date1904) if cell is not None else None

    def _shown(self, cell: Cell) -> str:
        return self._reader.show(cell).casefold()

    def _listed(self, criteria: etree._Element) -> Match:
        blank = criteria.get("blank") in ("1", "true")
        texts = {decode_xstring(e.get("val", "")).casefold() for e in criteria.iter("{*}filter")}
        numbers = {n for text in texts if (n := self._typed(text)) is not None}
        days = [
            tuple(int(e.get(part, "0")) for part in _DATE_PARTS if e.get(part))
            for e in criteria.iter("{*}dateGroupItem")
        ]

        def match(cell: Cell | None) -> bool:
            if cell is None or cell.blank:
                return blank
            value = cell.value
            if isinstance(value, date):
                moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
                parts = moment.timetuple()[:6]
                if any(parts[: len(day)] == day for day in days):
                    return True
            return self._number(cell) in numbers or self._shown(cell) in texts

        return match

    def _typed(self, text: str) -> float | None:
        try:
            return number_of(typed(text), date1904=self._date1904)
        except ToolInputError:
            return None

    def _custom(self, criteria: etree._Element) -> Match:
        parts = [(e.get("operator", "equal"), decode_xstring(e.get("val", ""))) for e in criteria]
        tests = [self._one(name, value) for name, value in parts]
        judge = all if criteria.get("and") in ("1", "true") else any
        return lambda cell: judge(test(cell) for test in tests)

    def _one(self, name: str, value: str) -> Match:
        wanted = self._typed(value)
        if name in _COMPARED:
            return lambda cell: self._compared(_COMPARED[name], cell, wanted, value.casefold())
        same = self._equal(value, wanted)
        return same if name == "equal" else lambda cell: not same(cell)

    def _compared(
        self, compare: Callable[[float, float], bool], cell: Cell | None, wanted: float | None, text: str
    ) -> bool:
        own = self._number(cell)
        if wanted is not None:
            return own is not None and compare(own, wanted)
        if cell is None or not isinstance(cell.value, str):
            return False
        low = cell.value.casefold()
        return compare(float((low > text) - (low < text)), 0.0)

    def _equal(self, value: str, wanted: float | None) -> Match:
        if not value.strip():  # " " stands for what is empty
            return lambda cell: cell is None or cell.blank
        if wanted is not None:
            return lambda cell: self._number(cell) == wanted
        pattern = _wildcards(value.casefold())
        return lambda cell: cell is not None and isinstance(cell.value, str) and bool(pattern.match(self._shown(cell)))

    def _top(self, criteria: etree._Element) -> Match:
        limit = float(criteria.get("filterVal", criteria.get("val", "0")))
        top = criteria.get("top", "1") in ("1", "true")

        def match(cell: Cell | None) -> bool:
            own = self._number(cell)
            return own is not None and (own >= limit if top else own <= limit)

        return match

    def _dynamic(self, criteria: etree._Element) -> Match | None:
        kind, average = criteria.get("type"), float(criteria.get("val", "0"))
        if kind not in ("aboveAverage", "belowAverage"):
            return None

        def match(cell: Cell | None) -> bool:
            own = self._number(cell)
            return own is not None and (own > average if kind == "aboveAverage" else own < average)

        return match


def _wildcards(text: str) -> re.Pattern[str]:
    """Return the pattern of a text in which * and ? stand for letters, ~ taking that from the one behind it."""
    pieces = re.findall(r"~[*?~]|\*|\?|[^*?~]+|~", text)
    made = {"*": ".*", "?": "."}
    return re.compile(
        "".join(made.get(p) or re.escape(p[1:] if p[0] == "~" and len(p) > 1 else p) for p in pieces) + r"\Z", re.DOTALL
    )
