# ruff: noqa: E501 - XML and rows as they lie in a file
"""Tables: made, resized, renamed, their columns and totals, and back to plain cells."""

from __future__ import annotations

import io
from typing import Any

import openpyxl
import pytest

from copilot.documents import excel
from copilot.documents.excel import conditional, edits, structured, table_columns, table_edits, validation
from copilot.documents.excel.refs import Area
from copilot.documents.excel.workbook import Table
from copilot.errors import ToolInputError

from .books import MAIN, SHEET, book, cells, changed, formulas, hunks, part, raw, values, with_parts

ROWS: list[list[Any]] = [
    ["Item", "Price", "Twice"],
    ["a", 1, "=T[[#This Row],[Price]]*2"],
    ["b", 4, "=T[[#This Row],[Price]]*2"],
]
TABLE = "xl/tables/table1.xml"
T = Table("T", "Data", TABLE, Area(2, 2, 6, 4), ("Item", "Price", "a [b]#"), 1, 1)


def tabled(rows: list[list[Any]] | None = None, **others: list[list[Any]]) -> bytes:
    rows = rows or ROWS
    letter = "ABCDEFG"[len(rows[0]) - 1]
    return book({"Data": rows, **others}, {"T": ("Data", f"A1:{letter}{len(rows)}")})


def opened(content: bytes) -> Any:
    return openpyxl.load_workbook(io.BytesIO(content))


# --- structured references -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("SUM(T[Price])", [("T", (), ("Price",))]),
        ("T[@Price]*[@Item]", [("T", ("#This Row",), ("Price",)), ("", ("#This Row",), ("Item",))]),
        ("T[[#This Row],[Item]:[Price]]", [("T", ("#This Row",), ("Item", "Price"))]),
        ("T[[#Headers],[#Data],[Price]]", [("T", ("#Headers", "#Data"), ("Price",))]),
        ("T[#All]&T[]", [("T", ("#All",), ()), ("T", (), ())]),
        ("T[[a '[b']'#]]", [("T", (), ("a [b]#",))]),
        ("[1]Sheet1!A1+'[2]My Sheet'!A1&\"T[Price]\"", []),
        ("[Book.xlsx]!Name", []),
    ],
)
def test_structured_references_are_found(text: str, found: list[Any]) -> None:
    assert [(r.table, r.items, r.columns) for r in structured.find(text)] == found


@pytest.mark.parametrize(
    ("text", "row", "plain"),
    [
        ("SUM(T[Price])", 9, "SUM($C$3:$C$5)"),
        ("T[@Price]*2", 4, "$C4*2"),
        ("T[@Price]*2", 9, "#REF!*2"),
        ("T[[#Totals],[Price]]", None, "$C$6"),
        ("T[[#Headers],[Item]:[Price]]", None, "$B$2:$C$2"),
        ("T[#All]", None, "$B$2:$D$6"),
        ("T[[#Headers],[#Data],[Item]]", None, "$B$2:$B$5"),
        ("ROWS(T)+T2[x]", None, "ROWS($B$3:$D$5)+T2[x]"),
        ('T[nothing]&"T[Price]"', None, '#REF!&"T[Price]"'),
    ],
)
def test_structured_references_become_addresses(text: str, row: int | None, plain: str) -> None:
    assert structured.made_plain(text, T, "Data", row, inside=False) == plain


def test_references_are_stored_and_renamed() -> None:
    assert (
        structured.stored("[@Price]+T[@[a '[b']'#]]+T[Price]", T)
        == "T[[#This Row],[Price]]+T[[#This Row],[a '[b']'#]]+T[Price]"
    )
    assert (
        structured.with_table('SUM(T[Price])+ROWS(t)+T1[x]+T(1)&"T"', "T", "New")
        == 'SUM(New[Price])+ROWS(New)+T1[x]+T(1)&"T"'
    )
    assert (
        structured.with_columns("T[price]+[@Price]+U[Price]", T, {"Price": "Net, EUR"}, inside=True)
        == "T[[Net, EUR]]+[[#This Row],[Net, EUR]]+U[Price]"
    )


# --- tables as a whole ---------------------------------------------------------------------------------------


def test_a_table_is_made_of_a_range() -> None:
    before = book({"Data": [["Item", 2026, None, "item"], ["a", 1, 2, 3], ["b", 4, 5, 6]]})
    edited = table_edits.create_table(
        before, "A1:D3", "Sales", style="light 9", totals={"Item": "Total", "2026": "sum"}
    )
    table = opened(edited.content)["Data"].tables["Sales"]
    assert (table.ref, table.autoFilter.ref, table.totalsRowCount, table.tableStyleInfo.name) == (
        "A1:D4",
        "A1:D3",
        1,
        "TableStyleLight9",
    )
    assert [c.name for c in table.tableColumns] == ["Item", "2026", "Column3", "item2"]
    assert [(c.totalsRowLabel, c.totalsRowFunction) for c in table.tableColumns][:2] == [("Total", None), (None, "sum")]
    found = formulas(edited.content)
    assert [found[f"{c}1"] for c in "ABCD"] == ["Item", "2026", "Column3", "item2"]
    assert (found["A4"], found["B4"]) == ("Total", "=SUBTOTAL(109,Sales[2026])")
    assert excel.tables(edited.content)[0].totals_rows == 1


def test_strict_and_prefixed_sheets_get_tables_rules_and_comments() -> None:
    strict = "http://purl.oclc.org/ooxml/spreadsheetml/main"
    for main in (MAIN, strict):
        content = raw(
            f'<x:worksheet xmlns:x="{main}"><x:sheetData><x:row r="1"><x:c r="A1" t="inlineStr"><x:is><x:t>H</x:t></x:is></x:c></x:row></x:sheetData></x:worksheet>'
        )
        if main == strict:
            office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
            names = ("_rels/.rels", "xl/_rels/workbook.xml.rels", "xl/workbook.xml", "xl/styles.xml")
            swapped = {
                n: part(content, n)
                .replace(office, "http://purl.oclc.org/ooxml/officeDocument/relationships")
                .replace(MAIN, strict)
                for n in names
            }
            content = with_parts(content, {n: text.encode() for n, text in swapped.items()})
        content = table_edits.create_table(content, "A1:B3").content
        content = conditional.conditional_format(content, "A2:B3", "duplicates").content
        content = validation.data_validation(content, "A2:B3", "list", values=["x"]).content
        content = excel.add_comment(content, "A2", "Hi", threaded=True).content
        sheet, table = part(content), part(content, TABLE)
        assert f'xmlns="{main}"' in table
        assert f'xmlns="{main}"' in part(content, "xl/comments1.xml")
        order = [
            "<x:sheetData>",
            "<x:conditionalFormatting",
            "<x:dataValidations",
            "<x:legacyDrawing r:id=",
            "<x:tableParts",
        ]
        assert sorted(order, key=sheet.index) == order
        assert (main == strict) == (
            "purl.oclc.org/ooxml/officeDocument/relationships/table"
            in part(content, "xl/worksheets/_rels/sheet1.xml.rels")
        )


@pytest.mark.parametrize(
    ("after", "given", "code"),
    [
        ('<mergeCells count="1"><mergeCell ref="B2:C2"/></mergeCells>', {}, "cell_in_the_way"),
        ('<autoFilter ref="A1:B2"/>', {}, "cell_in_the_way"),
        ("", {"name": "A1"}, "name"),
        ("", {"style": "Lihgt 2"}, "unknown_style"),
        ("", {"range": "A1:B1"}, "address"),
    ],
)
def test_a_table_that_can_not_be_is_refused(after: str, given: dict[str, Any], code: str) -> None:
    with pytest.raises(ToolInputError) as caught:
        table_edits.create_table(cells("", after), **{"range": "A1:B3", **given})
    assert caught.value.code == code


def test_tables_do_not_overlap_and_names_are_taken_once() -> None:
    for given in ({"range": "C3:D9"}, {"range": "F1:G9", "name": "t"}):
        with pytest.raises(ToolInputError):
            table_edits.create_table(tabled(), **given)


def test_everything_follows_a_new_table_name() -> None:
    before = tabled(Sum=[['=SUM(T[Price])&"T[Price]"', '=INDIRECT("T[Price]")']])
    edited = table_edits.rename_table(before, "t", "Sales")
    assert formulas(edited.content, "Sum")["A1"] == '=SUM(Sales[Price])&"T[Price]"'
    assert formulas(edited.content)["C2"] == "=Sales[[#This Row],[Price]]*2"
    assert opened(edited.content)["Data"].tables["Sales"].name == "Sales"
    assert any("INDIRECT has 'T'" in w for w in edited.warnings)


def test_a_table_becomes_plain_cells() -> None:
    before = tabled(Sum=[["=SUM(T[Price])", "=T[[#Headers],[Item]]"]])
    edited = table_edits.delete_table(before, "T")
    assert formulas(edited.content) == {
        "A1": "Item",
        "B1": "Price",
        "C1": "Twice",
        "A2": "a",
        "B2": 1,
        "C2": "=$B2*2",
        "A3": "b",
        "B3": 4,
        "C3": "=$B3*2",
    }
    assert formulas(edited.content, "Sum") == {"A1": "=SUM(Data!$B$2:$B$3)", "B1": "=Data!$A$1"}
    assert not excel.tables(edited.content)
    assert "tablePart" not in part(edited.content)
    assert TABLE in changed(before, edited.content)
    assert "tables" not in part(edited.content, "[Content_Types].xml")


def test_a_table_is_resized() -> None:
    content = table_columns.calculated_column(tabled(), "T", "Twice", "=[@Price]*2+B2").content
    edited = table_edits.resize_table(content, "T", "A1:D5")
    found = formulas(edited.content)
    assert (found["D1"], found["C4"], found["C5"]) == (
        "Column4",
        "=T[[#This Row],[Price]]*2+B4",
        "=T[[#This Row],[Price]]*2+B5",
    )
    assert str(excel.tables(edited.content)[0].area) == "A1:D5"
    small = table_edits.resize_table(edited.content, "T", "A1:C2")
    assert part(small.content, TABLE).count("<tableColumn ") == 3
    assert formulas(small.content)["A3"] == "b"
    for place, why in (
        ("A2:C5", "first row"),
        ("A1:A3", "are used in"),
        ("A1:C3", "covers A1:C3 already"),
        ("F1:G3", "first row"),
    ):
        with pytest.raises(ToolInputError, match=why):
            table_edits.resize_table(tabled(Sum=[["=T[Twice]"]]), "T", place)


def test_a_style_changes_only_its_element() -> None:
    edited = table_edits.table_style(tabled(), "T", "TableStyleDark3", column_stripes=True)
    info = opened(edited.content)["Data"].tables["T"].tableStyleInfo
    assert (info.name, info.showColumnStripes) == ("TableStyleDark3", True)
    assert changed(tabled(), edited.content) == {TABLE}
    with pytest.raises(ToolInputError, match="looks like that already"):
        table_edits.table_style(edited.content, "T", "TableStyleDark3")


# --- columns -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "number"),
    [
        ("sum", 109),
        ("avg", 101),
        ("count", 103),
        ("count_numbers", 102),
        ("max", 104),
        ("min", 105),
        ("stdev", 107),
        ("var", 110),
    ],
)
def test_totals_are_subtotals(what: str, number: int) -> None:
    edited = table_columns.table_totals(tabled(), "T", {"Price": what})
    assert formulas(edited.content)["B4"] == f"=SUBTOTAL({number},T[Price])"


def test_totals_come_change_and_go() -> None:
    content = table_columns.table_totals(
        tabled(), "T", {"Item": "Total", "Price": "sum", "Twice": "=MAX(T[Price])"}
    ).content
    columns = opened(content)["Data"].tables["T"].tableColumns
    assert [c.totalsRowFunction for c in columns] == [None, "sum", "custom"]
    assert columns[2].totalsRowFormula.attr_text == "MAX(T[Price])"
    content = table_columns.table_totals(content, "T", {"Price": "none", "Item": "All"}).content
    assert {k: v for k, v in formulas(content).items() if k.endswith("4")} == {"A4": "All", "C4": "=MAX(T[Price])"}
    content = table_columns.table_totals(content, "T").content
    assert not [k for k in formulas(content) if k.endswith("4")]
    table = opened(content)["Data"].tables["T"]
    assert (table.ref, table.autoFilter.ref, table.totalsRowCount) == ("A1:C3", "A1:C3", None)


def test_totals_that_are_used_or_have_no_room_are_refused() -> None:
    content = table_columns.table_totals(tabled(Sum=[["=T[[#Totals],[Price]]"]]), "T", {"Price": "sum"}).content
    with pytest.raises(ToolInputError, match="are used in Sum!A1"):
        table_columns.table_totals(content, "T")
    below = excel.write_cells(tabled(), "Data", {"B4": "x"}).content
    with pytest.raises(ToolInputError, match="Data!B4 is in the way"):
        table_columns.table_totals(below, "T", {"Price": "sum"})


def test_a_calculated_column_fills_and_keeps_values_unless_told() -> None:
    edited = table_columns.calculated_column(tabled(), "T", "Twice", "=[@Price]*3")
    assert formulas(edited.content)["C3"] == "=T[[#This Row],[Price]]*3"
    assert values(edited.content)["C3"] == 12
    assert "<calculatedColumnFormula>T[[#This Row],[Price]]*3</calculatedColumnFormula>" in part(edited.content, TABLE)
    with pytest.raises(ToolInputError, match="holds values: B2, B3"):
        table_columns.calculated_column(tabled(), "T", "Price", "=1")
    with pytest.raises(ToolInputError, match="'Prise'"):
        table_columns.calculated_column(tabled(), "T", "Twice", "=[@Prise]*3")


def test_a_column_is_added_at_the_end() -> None:
    edited = table_columns.add_table_column(tabled(), "T", "New", values=[7, "=x"])
    assert [formulas(edited.content)[f"D{n}"] for n in (1, 2)] == ["New", 7]
    assert "<f>x</f>" not in part(edited.content)
    computed = table_columns.add_table_column(tabled(), "T", "New", "=[@Price]+1")
    assert [values(computed.content)[f"D{n}"] for n in (2, 3)] == [2, 5]
    assert opened(computed.content)["Data"].tables["T"].ref == "A1:D3"
    beside = excel.write_cells(tabled(), "Data", {"D2": "x"}).content
    for content, name in ((tabled(), "price"), (beside, "New"), (tabled(), " ")):
        with pytest.raises(ToolInputError):
            table_columns.add_table_column(content, "T", name)


def test_all_formulas_follow_a_new_column_name() -> None:
    content = table_columns.calculated_column(
        tabled(Sum=[["=SUM(T[Price])+T[@Price]", "=U[Price]"]]), "T", "Twice", "=[@Price]*2"
    ).content
    edited = table_columns.rename_column(content, "T", "price", "Net [EUR]")
    assert formulas(edited.content, "Sum")["A1"] == "=SUM(T[Net '[EUR']])+T[[#This Row],[Net '[EUR']]]"
    assert formulas(edited.content)["B1"] == "Net [EUR]"
    assert formulas(edited.content)["C2"] == "=T[[#This Row],[Net '[EUR']]]*2"
    assert excel.tables(edited.content)[0].columns == ("Item", "Net [EUR]", "Twice")
    assert ("table T, column B", "Price", "Net [EUR]") in hunks(edited)
    with pytest.raises(ToolInputError, match="has a column 'item' already"):
        table_columns.rename_column(content, "T", "Price", "item")


def test_nothing_else_is_touched() -> None:
    before = tabled(Sum=[["=SUM(T[Item])"]])
    edited = table_columns.rename_column(before, "T", "Price", "Net")
    assert changed(before, edited.content) <= {TABLE, SHEET, "xl/workbook.xml"}


def test_all_of_it_runs_as_one_batch_of_data() -> None:
    batch: list[dict[str, Any]] = [
        {"op": "create_table", "range": "Data!A1:C3", "name": "Sales"},
        {"op": "add_table_column", "table": "Sales", "name": "Net", "formula": "=[@Price]*0.5"},
        {"op": "table_totals", "table": "Sales", "totals": {"Net": "sum"}},
        {"op": "rename_column", "table": "Sales", "column": "Net", "to": "Half"},
        {"op": "sort_range", "table": "Sales", "by": [{"column": "Price", "descending": True}]},
        {"op": "auto_filter", "table": "Sales", "column": "Price", "operator": "greater", "values": [1]},
        {"op": "conditional_format", "range": "B2:B3", "rule": "data_bar", "bounds": [0, "max"]},
        {"op": "data_validation", "range": "B2:B3", "kind": "whole", "values": [0, 9]},
        {"op": "define_name", "name": "Prices", "refers_to": "B2:B3"},
        {"op": "add_comment", "cell": "A1", "text": "Checked", "threaded": True, "date": "2026-03-01"},
        {"op": "find_replace", "find": "b", "replace": "B", "whole_cell": True},
    ]
    before = book({"Data": [["Item", "Price", "X"], ["a", 1, None], ["b", 4, None]]})
    done = edits.edit(before, batch)
    found = formulas(done.content)
    assert [found[f"A{n}"] for n in (2, 3)] == ["B", "a"]
    assert [found[f"D{n}"] for n in range(1, 5)] == [
        "Half",
        "=Sales[[#This Row],[Price]]*0.5",
        "=Sales[[#This Row],[Price]]*0.5",
        "=SUBTOTAL(109,Sales[Half])",
    ]
    assert edits.edit(before, batch).content == done.content
