"""Values of formulas after edits that change what they cover, or what a formula they read has become."""

from __future__ import annotations

from typing import Any

import pytest

from copilot.documents import excel
from copilot.errors import ToolInputError

from .books import book, formulas, hunks, values

ROWS = [
    ["Item", "Qty", "Price", "Total"],
    ["Pen", 10, 1.5, "=B2*C2"],
    ["Ink", 4, 7.25, "=B3*C3"],
    ["Pad", 7, 3, "=B4*C4"],
    ["Pen", 2, 2, "=B5*C5"],
]
SUMS = [["=SUM(T[Total])", "=SUM(Data!D2:D5)", "=SUM(Spent)", "=A1*2", "=ROWS(Twice)"]]


def _before() -> bytes:
    made = book({"Data": ROWS, "Sum": SUMS}, {"T": ("Data", "A1:D5")})
    made = excel.edit(made, [{"op": "define_name", "name": "Spent", "refers_to": "Data!D2:D5"}]).content
    made = excel.edit(made, [{"op": "define_name", "name": "Twice", "refers_to": "=Spent"}]).content
    return excel.recalculate_workbook(made).content


BEFORE = _before()


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ({"op": "write_cells", "cells": {"Data!D2": 5}, "overwrite": True}, [59, 59, 59, 118, 4]),
        ({"op": "clear_range", "range": "Data!D3:D4"}, [19, 19, 19, 38, 4]),
        ({"op": "delete_rows", "at": 5, "sheet": "Data"}, [65, 65, 65, 130, 3]),
        ({"op": "delete_rows", "at": 2, "count": 2, "sheet": "Data"}, [25, 25, 25, 50, 2]),
        ({"op": "remove_duplicates", "table": "T", "columns": ["Item"]}, [65, 65, 65, 130, 4]),
        ({"op": "delete_rows_where", "table": "T", "where": [{"column": "Qty", "operator": "<", "value": 5}]},
         [36, 36, 36, 72, 2]),
        ({"op": "resize_table", "table": "T", "range": "A1:D3"}, [44, 69, 69, 88, 4]),
        ({"op": "define_name", "name": "Spent", "refers_to": "Data!D2:D3", "overwrite": True}, [69, 69, 44, 138, 2]),
    ],
)  # fmt: skip
def test_what_covers_other_cells_gets_its_new_value(operation: dict[str, Any], expected: list[float]) -> None:
    assert list(values(BEFORE, "Sum").values()) == [69, 69, 69, 138, 4]
    edited = excel.edit(BEFORE, [operation])
    assert list(values(edited.content, "Sum").values()) == expected
    assert not any("computes these anew" in warning for warning in edited.warnings)
    changed = {
        f"Sum!{'ABCDE'[n]}1" for n, (a, b) in enumerate(zip(expected, [69, 69, 69, 138, 4], strict=True)) if a != b
    }
    assert changed <= {where for where, _, _ in hunks(edited)}


@pytest.mark.parametrize(
    ("formula", "stored", "value"),
    [
        ("=LET(x,B2,x*2)", "=_xlfn.LET(_xlpm.x,B2,_xlpm.x*2)", 20),
        ("=LET(rate,2,B2*rate)", "=_xlfn.LET(_xlpm.rate,2,B2*_xlpm.rate)", 20),
    ],
)
def test_a_filled_formula_may_have_variables_of_its_own(formula: str, stored: str, value: float) -> None:
    edited = excel.edit(BEFORE, [{"op": "write_formula", "range": "Data!F2:F3", "formula": formula}])
    assert formulas(edited.content, "Data")["F2"] == stored
    assert values(edited.content, "Data")["F2"] == value


@pytest.mark.parametrize(
    ("formula", "code"),
    [
        ("=FOO(A1)>1", "unknown_function"),
        ("=Nope!A1>1", "unknown_sheet"),
        ("=A1>XFE9", "address"),
        ("=$B2>Nme", "unknown_name_or_table"),
        ("=SUM(A1", "formula"),
    ],
)
def test_formulas_of_rules_and_names_are_checked(formula: str, code: str) -> None:
    for operation in (
        {"op": "conditional_format", "range": "Data!B2:B4", "rule": "formula", "formula": formula},
        {"op": "conditional_format", "range": "Data!B2:B4", "rule": "cell_is", "values": [formula]},
        {"op": "conditional_format", "range": "Data!B2:B4", "rule": "data_bar", "bounds": ["min", formula]},
        {"op": "data_validation", "range": "Data!B2:B4", "kind": "custom", "formula": formula},
        {"op": "data_validation", "range": "Data!B2:B4", "kind": "list", "source": formula},
        {"op": "define_name", "name": "New", "refers_to": formula},
    ):
        with pytest.raises(ToolInputError) as caught:
            excel.edit(BEFORE, [operation])
        assert caught.value.code == code


def test_a_rule_takes_no_table_and_a_name_not_itself() -> None:
    with pytest.raises(ToolInputError, match="by its name"):
        excel.edit(BEFORE, [{"op": "data_validation", "range": "Sum!A9", "kind": "list", "source": "=T[Item]"}])
    with pytest.raises(ToolInputError, match="depend on itself") as caught:
        excel.edit(BEFORE, [{"op": "define_name", "name": "Spent", "refers_to": "=Spent+1", "overwrite": True}])
    assert caught.value.code == "circular"
    text = "=LAMBDA(n,IF(n<2,1,n*FACTOR(n-1)))"
    edited = excel.edit(BEFORE, [{"op": "define_name", "name": "FACTOR", "refers_to": text}])
    assert hunks(edited) == [("name FACTOR", "", text[1:])]
