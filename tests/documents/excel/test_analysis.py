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


# --- analyse: steps given as data ------------------------------------------------------------------------------


def sales(**steps: Any) -> excel.Analysis:
    return excel.analyse(book({"Sales": SALES}), steps)


def rows(found: excel.Analysis) -> list[list[Any]]:
    return found.plain_rows()


@pytest.mark.parametrize(
    ("condition", "units"),
    [
        ({"column": "Region", "value": "north"}, 4),
        ({"column": "Region", "operator": "not contains", "value": "ou"}, 8),
        ({"column": "Region", "operator": "starts with", "value": "s"}, 7),
        ({"column": "Region", "operator": "ends with", "value": "T"}, 4),
        ({"column": "Region", "operator": "like", "value": "?o*h"}, 11),
        ({"column": "Region", "operator": "in", "value": ["South", "East"]}, 11),
        ({"column": "Region", "operator": "not in", "value": ["South", "East"]}, 4),
        ({"column": "Note", "operator": "blank"}, 4),
        ({"column": "Note", "operator": "not blank"}, 11),
        ({"column": "Units", "operator": "between", "value": [2, 4]}, 9),
        ({"column": "Day", "operator": "between", "value": ["2026-01-20", "2026-02-14"]}, 9),
        ({"column": "Day", "operator": "<=", "value": "2026-02-03"}, 6),
        ({"column": "Day", "value": "2026-02"}, 7),
        ({"column": "Day", "value": 2026}, 15),
        ({"any": [{"column": "Region", "value": "East"}, {"column": "Units", "operator": ">", "value": 4}]}, 9),
        ({"any": [{"all": [{"column": "Region", "value": "South"}, {"column": "Note", "value": "x"}]},
                  {"column": "Units", "value": 1}]}, 3),
    ],
)  # fmt: skip
def test_conditions_of_steps(condition: dict[str, Any], units: int) -> None:
    assert rows(sales(op="aggregate", figures=["sum Units"], where=[condition])) == [[units]]


def test_several_figures_by_several_columns() -> None:
    found = sales(
        op="aggregate",
        figures=["sum Amount", "count", {"function": "max", "column": "Units", "name": "most"}],
        by=[{"column": "Day", "every": "month"}, "Region"],
        having=[{"column": "most", "operator": ">", "value": 1}],
        order=["-most"],
        limit=3,
    )
    assert found.columns == ("Day (month)", "Region", "sum of Amount", "rows", "most")
    assert rows(found) == [
        ["2026-03", "South", 10.4, 1, 5],
        ["2026-02", "East", 0, 1, 4],
        ["2026-02", "North", 0.3, 1, 3],
    ]
    assert found.sources == ("Sales!A4:E10",)
    notes = " ".join(found.notes)
    assert "row 10" in notes
    assert "D8 'n/a'" in notes
    assert "4 rows, the first 3" in notes


def test_statistics_are_exact() -> None:
    content = book({"S": [["v"], *[[x] for x in (0.1, 0.2, 0.3, 0.4, 10)]]})
    figures = ["sum v", "average v", "median v", "stdev v", "variance v", "count_distinct v", "first v", "last v"]
    found = excel.analyse(content, {"op": "aggregate", "figures": figures})
    assert rows(found)[0][:3] == [11, 2.2, 0.3]
    assert rows(found)[0][3] == pytest.approx(4.361765697512)  # STDEV.S
    assert rows(found)[0][5:] == [5, 0.1, 10]
    spread = excel.analyse(content, {"op": "quantiles", "column": "v", "at": [0.1, 0.9]})
    assert rows(spread) == [[5, 0.14, 6.16]]


def test_a_pivot_has_totals_and_the_same_formulas() -> None:
    found = sales(op="pivot", rows=["Region"], columns={"column": "Day", "every": "month"}, column="Units")
    assert found.columns == ("Region", "2026-01", "2026-02", "2026-03", "Total")
    assert rows(found) == [
        ["East", None, 4, None, 4],
        ["North", 1, 3, None, 4],
        ["South", 2, None, 5, 7],
        ["Total", 3, 7, 5, 15],
    ]
    assert found.formula.startswith(
        '=SUMIFS(Sales!$C$5:$C$9,Sales!$A$5:$A$9,"East",Sales!$B$5:$B$9,">="&DATE(2026,2,1)'
    )
    assert found.formulas[1] == ("", "", "", "", ""), "Excel would not count the North with a space behind it"


FORMULAS: list[dict[str, Any]] = [
    {"op": "aggregate", "figures": ["sum Units", "average Units", "min Amount", "max Units", "count", "count Note"],
     "by": ["Region"]},
    {"op": "aggregate", "figures": ["sum Units", "stdev Units", "median Units"]},
    {"op": "aggregate", "figures": ["sum Units", "count"],
     "where": [{"column": "Day", "operator": ">", "value": "2026-01-20"}, {"column": "Note", "value": "late"}]},
    {"op": "aggregate", "figures": ["sum Units", "count"], "where": [{"column": "Region", "operator": "in", "value": ["South", "East"]}]},
    {"op": "aggregate", "figures": ["sum Units"], "where": [{"any": [{"column": "Region", "value": "South"}, {"column": "Note", "operator": "blank"}]}]},
    {"op": "pivot", "rows": ["Region"], "columns": {"column": "Day", "every": "quarter"}, "column": "Units"},
    {"op": "top", "column": "Units", "count": 2},
    {"op": "quantiles", "column": "Units"},
    {"op": "histogram", "column": "Units", "bins": [0, 2, 5]},
]  # fmt: skip


def test_the_formulas_give_the_same_figures() -> None:
    content = book({"Sales": SALES})
    wanted: dict[str, Any] = {}
    given: dict[str, str] = {}
    for step in FORMULAS:
        found = excel.analyse(content, step)
        for texts, values in zip(found.formulas, found.plain_rows(), strict=True):
            for text, value in zip(texts, values, strict=True):
                if text:
                    cell = f"M{len(given) + 1}"
                    given[cell], wanted[cell] = text, value
    assert len(given) > 25
    edited = excel.write_cells(content, "Sales", given)
    computed = excel.read_range(edited.content, "Sales", f"M1:M{len(given)}").values
    got = {cell: computed[n][0] for n, cell in enumerate(given)}
    assert {c: (given[c], got[c]) for c in given if got[c] != pytest.approx(wanted[c])} == {}


MANAGERS: list[list[Any]] = [["Region", "Manager"], ["NORTH", "Ann"], ["South", "Bob"], ["West", "Cy"]]


@pytest.mark.parametrize(
    ("how", "match", "expected"),
    [
        ("left", "case", ["Ann", "Bob", None, None, "Bob"]),
        ("left", "exact", [None, "Bob", None, None, "Bob"]),
        ("left", "loose", ["Ann", "Bob", "Ann", None, "Bob"]),
        ("inner", "case", ["Ann", "Bob", "Bob"]),
        ("right", "loose", ["Ann", "Bob", "Ann", "Bob", "Cy"]),
        ("outer", "loose", ["Ann", "Bob", "Ann", None, "Bob", "Cy"]),
    ],
)
def test_joins(how: str, match: str, expected: list[Any]) -> None:
    step = {
        "op": "join",
        "sheet": "Sales",
        "right": {"sheet": "Managers"},
        "on": ["Region"],
        "how": how,
        "match": match,
    }
    found = excel.analyse(book({"Sales": SALES, "Managers": MANAGERS}), step)
    assert [row[-1] for row in rows(found)] == expected
    assert found.sources == ("Sales!A4:E10", "Managers!A1:B4")


def test_a_join_with_another_file_says_what_has_no_partner() -> None:
    step = {"op": "join", "right": {"file": "m.xlsx"}, "on": {"Region": "Region"}, "how": "anti"}
    twice = [*MANAGERS, ["South", "Dan"]]
    found = excel.analyse(book({"Sales": SALES}), step, {"m.xlsx": book({"M": twice})})
    assert [row[0] for row in rows(found)] == ["north ", "East"]
    notes = " ".join(found.notes)
    assert '1 of them would have one with match "loose"' in notes
    assert "1 keys are there several times on the other side (South)" in notes


def test_what_differs_is_listed_by_key() -> None:
    new = [list(row) for row in SALES[:9]]
    new[5][3], new[8] = 0.25, ["West", date(2026, 3, 9), 5, 1, None]
    step = {"op": "compare", "right": {"file": "new"}, "on": ["Region", "Day"]}
    found = excel.analyse(book({"Sales": SALES}), step, {"new": book({"Sales": new})})
    assert rows(found) == [
        ["South", "2026-01-20", "changed", "Amount", 0.2, 0.25, "Sales!D6"],
        ["South", "2026-03-09", "removed", None, None, None, "Sales!A9"],
        ["West", "2026-03-09", "added", None, None, None, "Sales!A9"],
    ]
    with pytest.raises(ToolInputError, match="2 times") as error:
        excel.analyse(book({"Sales": SALES}), {**step, "on": ["Region"]}, {"new": book({"Sales": new})})
    assert error.value.code == "ambiguous_key"


def test_periods_are_compared_with_the_one_before_and_a_year_ago() -> None:
    days = [[date(2025, 3, 1), 50], [date(2026, 1, 5), 3], [date(2026, 3, 9), 60], ["?", 1]]
    content = book({"S": [["Day", "Sum"], *days]})
    found = excel.analyse(content, {"op": "periods", "date": "Day", "column": "Sum", "last": 3, "average": 2})
    assert rows(found) == [
        ["2026-01", 3, 0, 3, None, None, None, None, 53, 1.5],
        ["2026-02", 0, 3, -3, -1.0, None, None, None, 53, 1.5],
        ["2026-03", 60, 0, 60, None, 50, 10, 0.2, 113, 30],
    ]
    assert "1 row without a date in Day" in " ".join(found.notes)
    assert "2025-03-01 to 2026-03-09" in " ".join(found.notes)


def test_ranks_shares_and_running_totals() -> None:
    assert [row[-1] for row in rows(sales(op="rank", column="Units"))] == [1, 2, 3, 4, 5]
    assert [row[0] for row in rows(sales(op="top", column="Units", count=1, by=["Region"]))] == [
        "north ",
        "South",
        "East",
    ]
    shares = rows(sales(op="pareto", by="Region", column="Units", a=40, b=80))
    assert [(row[0], row[1], row[4]) for row in shares] == [("South", 7, "A"), ("East", 4, "B"), ("North", 4, "B")]
    assert shares[-1][3] == 1
    assert [row[-1] for row in rows(sales(op="cumulate", column="Units", order="Day"))] == [1, 3, 6, 10, 15]


@pytest.mark.parametrize(("method", "found"), [("iqr", [9]), ("mad", [9]), ("zscore", [])])
def test_outliers(method: str, found: list[int]) -> None:
    content = book({"S": [["Id", "v"], *[[n, n % 3 + 10] for n in range(7)], [7, 90]]})
    result = excel.analyse(content, {"op": "outliers", "column": "v", "method": method})
    assert [row[0] for row in rows(result)] == found
    assert any(note.startswith(method) and "outside" in note for note in result.notes)


def test_a_histogram_has_round_borders() -> None:
    content = book({"S": [["Id", "v"], *[[n, v] for n, v in enumerate((0.3, 4, 11, 12, 47, 100))]]})
    assert rows(excel.analyse(content, {"op": "histogram", "column": "v", "bins": 5})) == [
        [0, 20, 4],
        [20, 40, 0],
        [40, 60, 1],
        [60, 80, 0],
        [80, 100, 1],
    ]


def test_a_profile_names_what_looks_wrong() -> None:
    data: list[list[Any]] = [
        ["Order ID", "Name", "Amount", "Day", "Unit"],
        [1, "a ", 1, date(2026, 1, 1), "kg"],
        [2, "b", "12", date(2030, 1, 1), "kg"],
        [2, "c", 3, date(2026, 1, 2), "kg"],
    ]
    found = excel.analyse(book({"S": data}), {"op": "profile", "today": "2026-06-01"})
    notes = "\n".join(found.notes)
    for text in (
        "Order ID: looks like a key, but 1 values are there before (first A4 '2')",
        "Name: 1 texts with spaces around them (B2 'a ')",
        "Amount: 1 numbers stored as text (C3 '12')",
        "Amount: mixed types: 2 number (first C2 '1'), 1 text (first C3 '12')",
        "Day: 1 dates after 2026-06-01 (D3 '2030-01-01')",
        "Unit: constant: all 3 values are 'kg'",
        "Could be a key (no blanks, no twins): Name, Amount, Day.",
    ):
        assert text in notes
    assert [row[2] for row in rows(found)] == ["number", "text", "mixed", "date", "text"]


def test_steps_build_on_each_other() -> None:
    found = excel.analyse(
        book({"Sales": SALES, "Other": [["x"], [1]]}),
        [
            {"op": "filter", "sheet": "Sales", "where": [{"column": "Units", "operator": ">", "value": 1}]},
            {"op": "aggregate", "figures": ["sum Units"], "by": ["Region"]},
            {"op": "filter", "order": ["-sum of Units"], "limit": 1, "columns": ["Region"]},
        ],
    )
    assert rows(found) == [["South"]]


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"op": "agregate"}, "unknown_operation", "'aggregate'"),
    ({"op": "aggregate", "figures": ["sums Units"]}, "unknown_function", "'sum'"),
    ({"op": "aggregate", "figures": ["sum"]}, "column", "needs a column"),
    ({"op": "aggregate", "figures": ["sum Unit"]}, "unknown_column", "'Units'"),
    ({"op": "aggregate", "figures": ["count"], "by": [{"column": "Day", "every": "moon"}]}, "arguments", "every"),
    ({"op": "filter", "where": [{"column": "Units", "operator": "between", "value": 3}]}, "arguments", "two values"),
    ({"op": "filter", "where": [{"value": 3}]}, "tool_input", "needs a column"),
    ({"op": "filter", "sheet": "Salse"}, "unknown_sheet", "'Sales'"),
    ({"op": "filter", "table": "T"}, "unknown_table", "There is none"),
    ({"op": "filter", "range": "C9:A1"}, "address", "A1:C9"),
    ({"op": "filter", "range": "X1:Z9"}, "no_data", "X1:Z9"),
    ({"op": "join", "right": {"file": "other"}, "on": ["Region"]}, "unknown_file", "other"),
    ({"op": "top", "column": "Region"}, "column", "no numbers"),
    ({"op": "periods", "date": "Region"}, "column", "no dates"),
    ({"op": "pivot", "rows": ["Region"], "columns": "Day", "function": "total"}, "arguments", "function"),
]


@pytest.mark.parametrize(("step", "code", "words"), BAD)
def test_bad_steps(step: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(ToolInputError) as error:
        excel.analyse(book({"Sales": SALES}), step)
    assert error.value.code == code
    assert words in f"{error.value} {error.value.hint}"


def test_twin_headers_are_named_with_their_letters() -> None:
    content = book({"S": [["k", "a", "a"], ["x", 1, 10], ["y", 2, 20]]})
    with pytest.raises(ToolInputError, match="B, C") as error:
        excel.analyse(content, {"op": "aggregate", "figures": ["sum a"]})
    assert error.value.code == "ambiguous_column"
    for name, total in (("B", 3), ("C", 30), ("a (C)", 30)):
        assert rows(excel.analyse(content, {"op": "aggregate", "figures": [f"sum {name}"]})) == [[total]]


@pytest.mark.parametrize("step", [FORMULAS[0], FORMULAS[5], {"op": "filter"}, {"op": "filter", "range": "A4:C9"}])
def test_a_big_sheet_is_streamed_to_the_same_result(step: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from copilot.documents.excel import grid

    content = excel.write_cells(book({"Sales": SALES}), "Sales", {"H30": "far away"}).content
    small = excel.analyse(content, step)
    monkeypatch.setattr(grid, "BIG", 0)
    big = excel.analyse(content, step)
    assert (big.columns, big.rows, big.formulas) == (small.columns, small.rows, small.formulas)
    assert "range" in step or any("Left out as totals" in note for note in big.notes)
