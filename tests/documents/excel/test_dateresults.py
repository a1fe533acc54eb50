"""Formulas that give dates: told from their text, and shown as dates once they are written."""

from __future__ import annotations

import io
from datetime import date, datetime

import openpyxl
import pytest

from copilot.documents import excel
from copilot.documents.excel.dateresults import date_result

from .books import book, hunks

KINDS = {"A2": "date", "$A$3": "date", "B2": "general", "Plan!A2": "date", "'My Plan'!C1": "datetime"}
KINDS["T[[#This Row],[Due]]"] = "date"


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("=A2", "date"),
        ("=A2+30", "date"),
        ("=30+$A$3", "date"),
        ("=A2+B2-1", "date"),
        ("=Plan!A2+1", "date"),
        ("='My Plan'!C1+1", "datetime"),
        ("=T[[#This Row],[Due]]+14", "date"),
        ("=TODAY()+7", "date"),
        ("=NOW()", "datetime"),
        ("=DATE(2026,MONTH(A2),1)", "date"),
        ("=EOMONTH(A2,0)+1", "date"),
        ("=MAX(A2:A9)", "date"),
        ("=A2-$A$3", None),
        ("=MAX(A2:A9)-MIN(A2:A9)", None),
        ("=A2*2", None),
        ("=B2+1", None),
        ("=YEAR(A2)", None),
        ('=TEXT(A2,"yyyy")', None),
        ("=A2:A9", None),
        ("=SUM(A2:A9)", None),
        ("=IF(B2>1,A2,0)", None),
    ],
)
def test_what_is_a_date(formula: str, expected: str | None) -> None:
    found = date_result(formula, lambda place: KINDS.get(place, "general"))
    assert (found[0] if found else None) == expected


def test_where_it_comes_from() -> None:
    formulas = ("=A2+30", "=MAX(A2:A9)+1", "=TODAY()", "=EDATE(A2,1)", "=B2+T[[#This Row],[Due]]")
    found = [date_result(each, lambda place: KINDS.get(place, "general")) for each in formulas]
    assert [each[1] for each in found if each] == ["A2", "A2", "", "", "T[[#This Row],[Due]]"]


def test_a_written_formula_is_shown_as_the_date_it_gives() -> None:
    before = book({"D": [["Due", "Days"], [date(2026, 1, 31), 4]], "E": [[1]]}, {"T": ("D", "A1:B2")})
    edited = excel.edit(
        before,
        [
            {"op": "write_cells", "cells": {"D!D2": "=A2+B2", "D!D3": "2026-03-01", "D!D4": "=D3+1", "E!B1": "=D!A2"}},
            {"op": "write_cells", "cells": {"D!E2": "=D2-A2"}},
            {"op": "add_table_column", "table": "T", "name": "Next", "formula": "=EDATE([@Due],1)"},
        ],
    )
    assert openpyxl.load_workbook(io.BytesIO(edited.content))["D"]["D2"].number_format == "yyyy-mm-dd"
    assert ("D!D2", "", "=A2+B2 (2026-02-04)") in hunks(edited)
    assert ("D!E2", "", "=D2-A2 (4)") in hunks(edited)
    found = openpyxl.load_workbook(io.BytesIO(edited.content), data_only=True)
    assert found["D"]["D4"].value == datetime(2026, 3, 2)
    assert (found["E"]["B1"].value, found["D"]["C2"].value) == (datetime(2026, 1, 31), datetime(2026, 2, 28))


def test_a_format_that_the_cell_has_is_kept() -> None:
    made = excel.edit(
        book({"D": [[date(2026, 1, 31), None]]}),
        [
            {"op": "format_cells", "range": "B1", "number_format": "0.00"},
            {"op": "write_cells", "cells": {"B1": "=A1+1"}},
        ],
    )
    assert hunks(made)[-1][2] == "=A1+1 (46054)"
