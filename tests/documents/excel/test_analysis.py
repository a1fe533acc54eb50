# ruff: noqa: E501 - XML and rows as they lie in a file
from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from copilot.documents import excel
from copilot.documents.excel import Where
from copilot.errors import ToolInputError

from .books import book

SALES: list[list[Any]] = [
    ["Sales report"],
    ["as of 2026-03-31"],
    [],
    ["Region", "Day", "Units", "Amount", "Note"],
    ["North", date(2026, 1, 5), 1, 0.1, None],
    ["South", date(2026, 1, 20), 2, 0.2, "x"],
    ["north ", date(2026, 2, 3), 3, 0.3, None],
    ["East", date(2026, 2, 14), 4, "n/a", "late"],
    ["South", date(2026, 3, 9), 5, 10.4, "late"],
    ["Total", None, "=SUM(C5:C9)", "=SUM(D5:D9)", None],
]


def region(rows: list[list[Any]] | None = None, **given: Any) -> excel.Region:
    workbook = excel.Workbook.open(book({"Sales": rows or SALES}))
    return excel.find_region(workbook, **given)


def test_the_region_is_found_below_its_title_and_without_its_total() -> None:
    found = region()
    assert (found.where, found.header, found.columns) == (
        "Sales!A4:E10",
        4,
        ("Region", "Day", "Units", "Amount", "Note"),
    )
    assert (found.rows, found.totals) == ((5, 6, 7, 8, 9), (10,))


@pytest.mark.parametrize(
    ("function", "column", "value"),
    [
        ("sum", "Amount", 11.0),
        ("sum", "units", 15),
        ("average", "Units", 3),
        ("average", "Amount", 2.75),
        ("count", None, 5),
        ("count", "Note", 3),
        ("min", "Amount", 0.1),
        ("max", "Day", date(2026, 3, 9)),
        ("median", "Units", 3),
        ("count_distinct", "Region", 3),
    ],
)
def test_figures(function: Any, column: str | None, value: Any) -> None:
    assert excel.aggregate(region(), function, column).value == value


def test_sums_are_exact_in_decimals() -> None:
    rows: list[list[Any]] = [["Id", "Price"], *([n, 0.1] for n in range(10)), [10, 0.2], [11, 1e-9]]
    found = excel.aggregate(region(rows), "sum", "Price")
    assert found.value == 1.200000001
    assert found.formula == "=SUM(Sales!$B$2:$B$13)"


def test_what_is_left_out_is_said() -> None:
    notes = " ".join(excel.aggregate(region(), "sum", "Amount").notes)
    assert "row 10" in notes
    assert "D8 'n/a'" in notes


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        (Where("Region", "=", "NORTH"), (5, 7)),
        (Where("Region", "!=", "South"), (5, 7, 8)),
        (Where("Region", "contains", "th"), (5, 6, 7, 9)),
        (Where("Units", ">", 3), (8, 9)),
        (Where("Units", "<=", "2"), (5, 6)),
        (Where("Amount", ">=", "0.3"), (7, 9)),
        (Where("Day", ">=", "2026-02-03"), (7, 8, 9)),
        (Where("Day", "=", "2026-02"), (7, 8)),
        (Where("Note", "=", ""), (5, 7)),
        (Where("Note", "!=", None), (6, 8, 9)),
        (Where("Amount", "=", "N/A"), (8,)),
    ],
)
def test_conditions(where: Where, rows: tuple[int, ...]) -> None:
    assert excel.select(region(), [where]).rows == rows


def test_groups_and_conditions_together() -> None:
    found = excel.aggregate(region(), "sum", "Units", group_by="Region", where=[Where("Units", "<", 5)])
    assert found.groups == (("North", 4, 2), ("South", 2, 1), ("East", 4, 1))
    assert found.value == 10


@pytest.mark.parametrize(
    ("function", "where", "formula"),
    [
        ("sum", [Where("Region", "=", "North")], '=SUMIFS(Sales!$D$5:$D$9,Sales!$A$5:$A$9,"North")'),
        ("count", [Where("Units", ">", 3)], '=COUNTIFS(Sales!$C$5:$C$9,">3",Sales!$D$5:$D$9,"<>")'),
        (
            "average",
            [Where("Day", ">=", "2026-02-01")],
            '=AVERAGEIFS(Sales!$D$5:$D$9,Sales!$B$5:$B$9,">="&DATE(2026,2,1))',
        ),
        ("median", [Where("Units", ">", 3)], ""),
    ],
)
def test_the_same_in_excel(function: Any, where: list[Where], formula: str) -> None:
    assert excel.aggregate(region(), function, "Amount", where=where).formula == formula


def test_the_formula_gives_the_same_figure() -> None:
    content = book({"Sales": SALES})
    found = excel.aggregate(region(), "sum", "Amount", where=[Where("Region", "=", "South")])
    edited = excel.write_cells(content, "Sales", {"H1": found.formula})
    assert excel.read_range(edited.content, "Sales", "H1").values == [[found.value]]


def test_sorting_puts_blanks_last_and_keeps_ties_in_order() -> None:
    assert excel.sort(region(), "Region").rows == (8, 5, 7, 6, 9) or excel.sort(region(), "Region").rows[0] == 8
    assert excel.sort(region(), "Units", descending=True).rows == (9, 8, 7, 6, 5)
    assert excel.sort(region(), "Note").rows[-2:] == (5, 7)


def test_top_rows_and_ties() -> None:
    assert excel.top(region(), "Units", 2).rows == (9, 8)
    assert excel.top(region(), "Amount", 2, descending=False).rows == (5, 6)
    tied: list[list[Any]] = [["Id", "Score"], [1, 5], [2, 5], [3, 4]]
    assert "ties with the last" in excel.top(region(tied), "Score", 1).notes[0]
    with pytest.raises(ToolInputError):
        excel.top(region(), "Region", 2)


def test_columns_are_described() -> None:
    facts = {f.name: f for f in excel.describe(region())}
    assert (facts["Units"].kind, facts["Units"].minimum, facts["Units"].maximum, facts["Units"].mean) == (
        "number",
        1,
        5,
        3,
    )
    assert (facts["Day"].kind, facts["Day"].minimum) == ("date", date(2026, 1, 5))
    assert (facts["Amount"].kind, facts["Note"].blank, facts["Note"].distinct) == ("mixed", 2, 2)


def test_unknown_columns_offer_the_closest() -> None:
    with pytest.raises(ToolInputError, match="Amount") as error:
        excel.aggregate(region(), "sum", "Amuont")
    assert error.value.code == "unknown_column"


def test_the_sheet_is_found_by_its_columns() -> None:
    workbook = excel.Workbook.open(
        book({"A": [["x", "y"], [1, 2]], "B": [["Region", "Sum"], ["N", 2]], "C": [["Region", "Qty"], ["N", 2]]})
    )
    assert excel.find_region(workbook, columns=["sum"]).sheet == "B"
    with pytest.raises(ToolInputError, match="'B', 'C'"):
        excel.find_region(workbook, columns=["Region"])
    with pytest.raises(ToolInputError, match="No column"):
        excel.find_region(workbook, columns=["Nope"])


SHAPES: dict[str, tuple[list[list[Any]], tuple[str, ...], tuple[int, ...], tuple[int, ...]]] = {
    "plain": ([["a", "b"], ["x", 1], ["y", 2]], ("a", "b"), (2, 3), ()),
    "no header": ([[1, 2], [3, 4]], ("A", "B"), (1, 2), ()),
    "years as headers": ([["Item", 2024, 2025], ["x", 1, 2], ["y", 3, 4]], ("Item", "2024", "2025"), (2, 3), ()),
    "twin headers": ([["a", "a", None], ["x", 1, 2]], ("a", "a (B)", "C"), (2,), ()),
    "blank row inside": ([["a", "b"], ["x", 1], [], ["y", 2], ["z", 3]], ("a", "b"), (2, 4, 5), ()),
    "blank before the total": ([["a", "b"], ["x", 1], ["y", 2], [], ["Total", "=SUM(B2:B3)"]], ("a", "b"), (2, 3), (5,)),
    "total by formula only": ([["a", "b"], ["x", 1], ["y", 2], [None, "=SUM(B2:B3)"]], ("a", "b"), (2, 3), (4,)),
    "subtotals": (
        [["a", "b"], ["x", 1], ["Subtotal", "=SUM(B2:B2)"], ["y", 2], ["Grand total", "=B3+B4"]],
        ("a", "b"), (2, 4), (3, 5),
    ),
    "a reserve below the total": (
        [["a", "b"], ["x", 1], ["Total", "=SUM(B2:B2)"], ["Reserve", "=B3*0.1"]],
        ("a", "b"), (2,), (3, 4),
    ),
    "row sums are data": ([["a", "b", "sum"], ["x", 1, "=SUM(B2:B2)"], ["y", 2, "=SUM(A3:B3)"]], ("a", "b", "sum"), (2, 3), ()),
    "totally is no total": ([["a", "b"], ["Totally fine", 1], ["y", 2]], ("a", "b"), (2, 3), ()),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_of_data(shape: str) -> None:
    rows, columns, data, totals = SHAPES[shape]
    found = region(rows)
    assert (found.columns, found.rows, found.totals) == (columns, data, totals)


def test_a_big_sheet_gives_the_same_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    from copilot.documents.excel import grid

    content = book({"Sales": [*SALES[:9], [None, None, 1e3, 0.5, "#DIV/0!"]]})
    figures = []
    for limit in (grid.BIG, 0):
        monkeypatch.setattr(grid, "BIG", limit)
        found = excel.find_region(excel.Workbook.open(content), reading=True)
        groups = excel.aggregate(found, "sum", "Amount", group_by="Region").groups
        figures.append((found.where, found.columns, found.rows, groups, excel.aggregate(found, "max", "Day").value))
    assert figures[0] == figures[1]


def test_a_total_in_a_big_sheet_is_never_written_as_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    from copilot.documents.excel import grid

    from .books import formulas

    monkeypatch.setattr(grid, "BIG", 0)
    edited = excel.append_row(book({"Sales": SALES}), "Sales", {"Region": "West", "Units": 9})
    assert formulas(edited.content)["C11"] == "=SUM(C5:C10)"
