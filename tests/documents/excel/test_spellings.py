"""Operators and lists in the spellings that people and models use."""

from __future__ import annotations

from typing import Any

import pytest

from copilot.documents import excel
from copilot.documents.excel.spellings import listed, operator_of, sign_of, sort_keys

from .books import book, hunks


@pytest.mark.parametrize(
    ("given", "word", "sign"),
    [
        (">", "greater", ">"),
        ("<>", "not_equal", "!="),
        ("==", "equal", "="),
        ("greaterThanOrEqual", "greater_or_equal", ">="),
        ("less than", "less", "<"),
        ("starts with", "begins_with", "starts with"),
        ("not_blank", "not_blank", "not blank"),
        ("between", "between", "between"),
        ("in", "in", "in"),
        ("whatever", "whatever", "whatever"),
        (3, 3, 3),
    ],
)
def test_operators(given: object, word: object, sign: object) -> None:
    assert (operator_of(given), sign_of(given)) == (word, sign)


def test_lists() -> None:
    assert [listed(5), listed("a"), listed([1]), listed(None)] == [[5], ["a"], [1], None]
    assert sort_keys(["a", {"column": "b"}]) == [{"column": "a"}, {"column": "b"}]
    assert sort_keys("a") == [{"column": "a"}]


@pytest.mark.parametrize(
    ("operation", "where", "after"),
    [
        ({"op": "auto_filter", "range": "A1:B4", "column": "Qty", "operator": ">", "values": 4},
         "D!A1:B4", "Qty: greater 4"),
        ({"op": "conditional_format", "range": "B2:B4", "rule": "cell_is", "operator": ">=", "values": 4},
         "D!B2:B4", "cell is greater or equal 4"),
        ({"op": "data_validation", "range": "B2:B4", "kind": "whole", "operator": "lessThan", "values": 40},
         "D!B2:B4", "only whole less: 40"),
        ({"op": "sort_range", "range": "A1:B4", "by": "Qty"}, "D!A2:B4", "sorted by Qty"),
        ({"op": "create_pivot", "source": "A1:B4", "rows": ["Item"], "values": ["average Qty"]},
         "Pivot!B3", "Average of Qty"),
        ({"op": "tab_color", "sheet": "D", "color": "accent2 -25%"}, "sheet D, tab", "accent2 -25%"),
        ({"op": "delete_rows_where", "where": [{"column": "Qty", "operator": "greater", "value": 8}], "range": "A1:B4"},
         "D!2:2", "1 row deleted"),
    ],
)  # fmt: skip
def test_operations_take_them(operation: dict[str, Any], where: str, after: str) -> None:
    edited = excel.edit(book({"D": [["Item", "Qty"], ["b", 9], ["a", 2], ["c", 5]]}), [operation])
    assert any(w == where and a.startswith(after) for w, _, a in hunks(edited)), hunks(edited)


def test_a_chart_put_over_data_says_so() -> None:
    before = book({"D": [["Item", "Qty"], ["b", 9], ["a", 2]]})
    chart = {"op": "add_chart", "series": ["Qty"], "categories": "Item"}
    assert excel.edit(before, [chart]).warnings == ()
    (warning,) = excel.edit(before, [{**chart, "anchor": "B2"}]).warnings
    assert warning == "At D!B2:I17 it covers cells that hold something: B2, B3."
    moved = excel.edit(before, [chart, {"op": "move_chart", "chart": 1, "anchor": "A3"}])
    assert moved.warnings == ("At D!A3:H18 it covers cells that hold something: A3, B3.",)
