# ruff: noqa: E501 - XML and rows as they lie in a file
"""Conditional formats, data validation, filters and names."""

from __future__ import annotations

import io
import warnings
from typing import Any

import openpyxl
import pytest

from copilot.documents.excel import conditional, filters, names, validation
from copilot.documents.excel.refs import Area
from copilot.documents.excel.sqrefs import areas_of, base_of, minus
from copilot.documents.hunks import Edited
from copilot.errors import ToolInputError

from .books import MAIN, SHEET, book, cells, changed, formulas, hunks, part, raw, values

ROWS: list[list[Any]] = [["Name", "N", "Day"], ["b", 3, 5], ["a", 1, 7], ["B", 2, "x"], ["c", None, 9]]


def opened(edited: Edited) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return openpyxl.load_workbook(io.BytesIO(edited.content))


def tail(edited: Edited) -> str:
    return part(edited.content).partition("</sheetData>")[2]


# --- ranges ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sqref", "gone", "left"),
    [
        ("A1:C3", "B2", "A1:C1 A2 C2 A3:C3"),
        ("A1:C3", "A1:C1", "A2:C3"),
        ("A1:C3", "C1:D9", "A1:B3"),
        ("A1:B2 D1:D9", "A1:D1", "A2:B2 D2:D9"),
        ("A1:B2", "A1:XFD1048576", ""),
        ("A1:B2", "C3", "A1:B2"),
    ],
)
def test_what_is_left_of_a_range(sqref: str, gone: str, left: str) -> None:
    found = minus(areas_of(sqref), Area.parse(gone))
    assert sorted(str(a) for a in found) == sorted(left.split())
    before = {c for a in areas_of(sqref) for c in a.cells()}
    cut = Area.parse(gone)
    assert {c for a in found for c in a.cells()} == {c for c in before if c not in cut}
    assert sum(a.height * a.width for a in found) == len({c for a in found for c in a.cells()})  # none twice


def test_the_base_of_a_rule_is_the_upper_left_cell_of_all() -> None:
    assert base_of(areas_of("C1:C3 A5:A9")) == (1, 1)


# --- conditional formats -----------------------------------------------------------------------------------------

RULES: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("cell_is", {"operator": "between", "values": [1, 3]}, "cellIs", {"operator": "between", "formula": ["1", "3"]}),
    ("cell_is", {"values": ['x"y']}, "cellIs", {"operator": "equal", "formula": ['"x""y"']}),
    ("cell_is", {"operator": "greater", "values": ["2026-03-01"]}, "cellIs", {"formula": ["46082"]}),
    ("formula", {"formula": "=$B2>1"}, "expression", {"formula": ["$B2>1"]}),
    ("top", {"rank": 3, "percent": True}, "top10", {"rank": 3, "percent": True, "bottom": None}),
    ("bottom", {"rank": 3}, "top10", {"rank": 3, "bottom": True}),
    ("above_average", {}, "aboveAverage", {"aboveAverage": None}),
    ("below_average", {}, "aboveAverage", {"aboveAverage": False}),
    ("duplicates", {}, "duplicateValues", {}),
    ("unique", {}, "uniqueValues", {}),
    ("contains_text", {"text": "ab"}, "containsText", {"text": "ab", "formula": ['NOT(ISERROR(SEARCH("ab",B2)))']}),
    ("not_contains_text", {"text": "ab"}, "notContainsText", {"formula": ['ISERROR(SEARCH("ab",B2))']}),
    ("begins_with", {"text": "ab"}, "beginsWith", {"formula": ['LEFT(B2,LEN("ab"))="ab"']}),
    ("ends_with", {"text": "ab"}, "endsWith", {"formula": ['RIGHT(B2,LEN("ab"))="ab"']}),
    ("blank", {}, "containsBlanks", {"formula": ["LEN(TRIM(B2))=0"]}),
    ("errors", {}, "containsErrors", {"formula": ["ISERROR(B2)"]}),
    ("dates", {"period": "last_7_days"}, "timePeriod", {"timePeriod": "last7Days"}),
]


@pytest.mark.parametrize(("rule", "given", "kind", "expected"), RULES)
def test_a_rule_is_what_another_reader_sees(
    rule: Any, given: dict[str, Any], kind: str, expected: dict[str, Any]
) -> None:
    look = {"bold": True, "fill": "#FFFF00", "color": "red", "border": "thin", "number_format": "0.0"}
    before = book({"Data": ROWS})
    edited = conditional.conditional_format(before, "B2:B5", rule, format=look, **given)
    assert changed(before, edited.content) == {SHEET, "xl/styles.xml"}
    (rules,) = opened(edited)["Data"].conditional_formatting
    (found,) = rules.rules
    assert (str(rules.sqref), found.type, found.priority) == ("B2:B5", kind, 1)
    assert {key: getattr(found, key) for key in expected} == expected
    assert found.dxf.font.b
    assert found.dxf.fill.bgColor.rgb == "FFFFFF00"
    assert found.dxf.numFmt.formatCode == "0.0"


def test_equal_formats_share_an_entry_and_priorities_stay_apart() -> None:
    content = book({"Data": ROWS})
    for position in ("first", "first", "last"):
        content = conditional.conditional_format(content, "B2:B5", "duplicates", position=position).content  # type: ignore[arg-type]
    assert part(content, "xl/styles.xml").count("<dxf>") == 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sheet = openpyxl.load_workbook(io.BytesIO(content))["Data"]
    assert sorted(r.priority for c in sheet.conditional_formatting for r in c.rules) == [1, 2, 3]


def test_scales_bars_and_icons() -> None:
    before = book({"Data": ROWS})
    scale = conditional.conditional_format(before, "B2:B5", "color_scale", colors=["red", "#00FF00"], bounds=[0, "p90"])
    (rules,) = opened(scale)["Data"].conditional_formatting
    assert [(v.type, v.val) for v in rules.rules[0].colorScale.cfvo] == [("num", 0), ("percentile", 90)]
    icons = conditional.conditional_format(before, "B2:B5", "icon_set", icons="4rating", bounds=[1, 2, 3])
    (rules,) = opened(icons)["Data"].conditional_formatting
    found = rules.rules[0].iconSet
    assert (found.iconSet, [(v.type, v.val) for v in found.cfvo]) == (
        "4Rating",
        [("percent", 0), ("num", 1), ("num", 2), ("num", 3)],
    )
    stars = tail(conditional.conditional_format(before, "B2:B5", "icon_set", icons="3Stars"))
    assert "<conditionalFormatting" not in stars
    assert '<x14:iconSet iconSet="3Stars">' in stars
    bar = tail(conditional.conditional_format(before, "B2:B5", "data_bar", gradient=False, colors=["blue"]))
    identity = bar.partition("<x14:id")[2].partition(">")[2].partition("<")[0]
    assert f'<x14:cfRule type="dataBar" id="{identity}">' in bar
    assert 'gradient="0"' in bar


def test_a_rule_about_another_sheet_goes_to_the_extension() -> None:
    before = book({"Data": ROWS, "Other": [[1]]})
    edited = conditional.conditional_format(before, "Data!B2:B5", "formula", formula="=B2>Other!$A$1")
    assert "<conditionalFormatting" not in tail(edited)
    assert "<xm:f>B2&gt;Other!$A$1</xm:f><x14:dxf><font>" in tail(edited)
    assert changed(before, edited.content) == {SHEET}


def test_the_rest_keeps_its_rules_when_some_cells_lose_them() -> None:
    content = book({"Data": ROWS})
    content = conditional.conditional_format(content, "A1:C9", "formula", formula="=A1>$B$1").content
    content = conditional.conditional_format(content, "A1:C9", "color_scale").content
    content = conditional.conditional_format(content, "A1:C9", "icon_set", icons="5Boxes").content
    below = conditional.clear_conditional_formats(content, "B5:B6")
    assert [e.count("A1:C4 A5:A6 C5:C6 A7:C9") for e in [tail(below)]] == [3]  # all count from A1 as before
    corner = tail(conditional.clear_conditional_formats(content, "A1:B1"))
    assert '<conditionalFormatting sqref="C1"><cfRule type="expression"' in corner
    assert "<formula>C1&gt;$B$1</formula>" in corner
    assert '<conditionalFormatting sqref="A2:C9"><cfRule type="expression"' in corner
    assert "<formula>A2&gt;$B$1</formula>" in corner
    assert (
        '<conditionalFormatting sqref="C1 A2:C9"><cfRule type="colorScale"' in corner
    )  # it looks at all cells together
    assert "conditionalFormatting" not in tail(conditional.clear_conditional_formats(content, "A:C"))


def test_rules_move_to_another_range_with_their_formulas() -> None:
    content = conditional.conditional_format(book({"Data": ROWS}), "A1:A3", "formula", formula="=A1=B1").content
    moved = tail(conditional.move_conditional_formats(content, "A1:A3", "C5:D9"))
    assert 'sqref="C5:D9"' in moved
    assert "<formula>C5=D5</formula>" in moved
    with pytest.raises(ToolInputError, match="No conditional format applies to exactly A1:A2"):
        conditional.move_conditional_formats(content, "A1:A2", "C5")


def test_a_prefixed_sheet_and_foreign_rules_stay_as_they_are() -> None:
    foreign = (
        '<x:conditionalFormatting sqref="A1:B2" pivot="1"><x:cfRule type="expression" priority="4"><x:formula>A1</x:formula>'
        '<x:extLst><x:ext uri="{u}"/></x:extLst></x:cfRule></x:conditionalFormatting>'
    )
    content = raw(
        f'<x:worksheet xmlns:x="{MAIN}"><x:sheetData/>{foreign}<x:pageMargins left="1" right="1" top="1" bottom="1" header="0" footer="0"/></x:worksheet>'
    )
    edited = conditional.conditional_format(content, "B2", "blank", position="last")
    made = '<x:conditionalFormatting sqref="B2"><x:cfRule type="containsBlanks" dxfId="0" priority="5">'
    assert foreign + made in part(edited.content)
    cut = part(conditional.clear_conditional_formats(edited.content, "B2").content)
    assert foreign.replace("A1:B2", "A1:B1 A2") in cut
    assert made not in cut


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"rule": "cell_is", "operator": "between", "values": [1]}, "between needs 2 values"),
        ({"rule": "formula"}, "needs a formula"),
        ({"rule": "contains_text"}, "needs a text"),
        ({"rule": "icon_set", "icons": "5Starz"}, "No icon set"),
        ({"rule": "data_bar", "bounds": [1]}, "two bounds"),
        ({"rule": "color_scale", "bounds": ["min", "?"]}, "no threshold"),
        ({"rule": "blank", "format": {"colour": "red"}}, "No format"),
        ({"rule": "blank", "format": {"bold": "yes"}}, "true or false"),
        ({"rule": "formula", "formula": "=SUM("}, "no formula"),
    ],
)
def test_what_fits_no_rule_is_refused(given: dict[str, Any], why: str) -> None:
    with pytest.raises(ToolInputError, match=why):
        conditional.conditional_format(book({"Data": ROWS}), "B2:B5", **given)


# --- data validation ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("list", {"values": ["Yes", 2, True]}, ('"Yes,2,TRUE"', None, None)),
        ("list", {"source": "Other!A1:A9"}, ("Other!$A$1:$A$9", None, None)),
        ("list", {"source": "=INDIRECT($D$1)"}, ("INDIRECT($D$1)", None, None)),
        ("whole", {"values": [1, "10"]}, ("1", "10", None)),
        ("decimal", {"operator": "not_between", "values": [0.5, "=B1"]}, ("0.5", "B1", "notBetween")),
        ("date", {"operator": "greater", "values": ["2026-03-01"]}, ("46082", None, "greaterThan")),
        ("time", {"operator": "less", "values": ["12:00"]}, ("0.5", None, "lessThan")),
        ("text_length", {"operator": "less_or_equal", "values": [5]}, ("5", None, "lessThanOrEqual")),
        ("custom", {"formula": "=ISNUMBER(A2)"}, ("ISNUMBER(A2)", None, None)),
    ],
)
def test_a_validation_is_what_another_reader_sees(kind: Any, given: dict[str, Any], expected: tuple[Any, ...]) -> None:
    before = book({"Data": ROWS, "Other": [[1]]})
    edited = validation.data_validation(
        before, "A2:A5", kind, sheet="Data", prompt="Choose", error="No", style="warning", **given
    )
    assert changed(before, edited.content) == {SHEET}
    (found,) = opened(edited)["Data"].data_validations.dataValidation
    assert (found.formula1, found.formula2, found.operator) == expected
    assert (found.prompt, found.error, found.errorStyle, str(found.sqref)) == ("Choose", "No", "warning", "A2:A5")


def test_values_that_break_a_rule_are_counted() -> None:
    edited = validation.data_validation(book({"Data": ROWS}), "B2:C5", "whole", values=[2, 7])
    assert edited.warnings == ("3 cells hold a value that the rule does not allow: B3, C4, C5.",)
    listed = validation.data_validation(book({"Data": ROWS}), "A2:A5", "list", source="A2:A3")
    assert listed.warnings == ("1 cell holds a value that the rule does not allow: A5.",)


def test_a_new_validation_takes_its_cells_from_the_others() -> None:
    x14 = (
        '<extLst><ext uri="{CCE6A557-97BC-4b89-ADB6-D9C93CAAB3DF}" xmlns:x14="http://schemas.microsoft.com/office/spreadsheetml/2009/9/main">'
        '<x14:dataValidations count="2" xmlns:xm="http://schemas.microsoft.com/office/excel/2006/main">'
        '<x14:dataValidation type="list"><x14:formula1><xm:f>Other!A1:A2</xm:f></x14:formula1><xm:sqref>A1:A9</xm:sqref></x14:dataValidation>'
        '<x14:dataValidation type="list"><x14:formula1><xm:f>Other!$A$1</xm:f></x14:formula1><xm:sqref>D1</xm:sqref></x14:dataValidation>'
        "</x14:dataValidations></ext></extLst>"
    )
    content = cells("", x14)
    content = validation.data_validation(content, "A1:C3", "custom", formula="=A1<>B1").content
    content = validation.data_validation(content, "A1", "whole", values=[1, 2]).content
    found = part(content)
    for sqref, formula in (("B1:C1", "B1&lt;&gt;C1"), ("A2:C3", "A2&lt;&gt;B2"), ("A1", "1")):
        assert f'sqref="{sqref}"><formula1>{formula}</formula1>' in found
    assert "<xm:f>Other!A4:A5</xm:f></x14:formula1><xm:sqref>A4:A9</xm:sqref>" in found
    left = part(validation.clear_validation(content, "A:D").content)
    assert "dataValidation" not in left
    assert "extLst" not in left


@pytest.mark.parametrize(
    ("kind", "given", "code"),
    [
        ("list", {"values": ["x" * 256]}, "list_too_long"),
        ("list", {"values": ["a,b"]}, "value"),
        ("list", {}, "arguments"),
        ("list", {"source": "A1:B2"}, "address"),
        ("whole", {"values": [3, 1]}, "value"),
        ("whole", {"values": [1.5, 2]}, "value"),
        ("date", {"operator": "less", "values": ["soon"]}, "value"),
        ("custom", {}, "arguments"),
        ("whole", {"values": [1, 2], "prompt": "x" * 256}, "value"),
    ],
)
def test_a_validation_that_excel_would_not_take_is_refused(kind: Any, given: dict[str, Any], code: str) -> None:
    with pytest.raises(ToolInputError) as caught:
        validation.data_validation(book({"Data": ROWS}), "A2:A5", kind, **given)
    assert caught.value.code == code


# --- filters ---------------------------------------------------------------------------------------------------

FILTERED: list[tuple[str, str, list[Any], list[int], str]] = [
    ("Name", "in", ["B"], [3, 5], '<filters><filter val="B"/></filters>'),
    ("N", "equal", [3], [3, 4, 5], '<filter val="3"/>'),
    ("N", "in", [""], [2, 3, 4], '<filters blank="1"/>'),
    ("N", "greater", [1], [3, 5], '<customFilter operator="greaterThan" val="1"/>'),
    ("N", "between", [2, 3], [3, 5], '<customFilters and="1">'),
    ("N", "not_between", [2, 2], [4, 5], '<customFilters><customFilter operator="lessThan" val="2"/>'),
    ("Name", "contains", ["b"], [3, 5], '<customFilter val="*b*"/>'),
    ("Name", "not_contains", ["b"], [2, 4], '<customFilter operator="notEqual" val="*b*"/>'),
    ("Day", "begins_with", ["x"], [2, 3, 5], '<customFilter val="x*"/>'),
    ("B", "top", [1], [3, 4, 5], '<top10 val="1" filterVal="3"/>'),
    ("N", "bottom", [2], [2, 5], '<top10 top="0" val="2" filterVal="2"/>'),
    ("N", "above_average", [], [3, 4, 5], '<dynamicFilter type="aboveAverage" val="2"/>'),
    ("N", "blank", [], [2, 3, 4], '<filters blank="1"/>'),
    ("N", "not_blank", [], [5], '<customFilter operator="notEqual" val=" "/>'),
]


@pytest.mark.parametrize(("column", "operator", "wanted", "hidden", "xml"), FILTERED)
@pytest.mark.parametrize("table", [False, True])
def test_rows_that_dont_match_are_hidden(
    column: str, operator: Any, wanted: list[Any], hidden: list[int], xml: str, table: bool
) -> None:
    before = book({"Data": ROWS}, {"T": ("Data", "A1:C5")} if table else None)
    where = {"table": "T"} if table else {"range": "A1:C5"}
    edited = filters.auto_filter(before, **where, column=column, operator=operator, values=wanted)  # type: ignore[arg-type]
    sheet = opened(edited)["Data"]
    assert [n for n in range(1, 6) if sheet.row_dimensions[n].hidden] == hidden
    assert xml in part(edited.content, "xl/tables/table1.xml" if table else SHEET)
    cleared = filters.auto_filter(edited.content, **({"table": "T"} if table else {}), clear=True)
    assert not any(opened(cleared)["Data"].row_dimensions[n].hidden for n in range(1, 6))
    assert part(cleared.content).count("<row ") == part(before).count("<row ")


def test_several_columns_filter_together_and_one_can_be_changed() -> None:
    content = filters.auto_filter(book({"Data": ROWS}), "A1:C5", column="N", operator="greater", values=[1]).content
    content = filters.auto_filter(content, column="Name", operator="contains", values=["c"]).content
    assert part(content).count('hidden="1"') == 4
    edited = filters.auto_filter(content, column="Name", operator="contains", values=["b"])
    assert [n for n in range(1, 6) if opened(edited)["Data"].row_dimensions[n].hidden] == [3, 5]
    assert '_xlnm._FilterDatabase" localSheetId="0" hidden="1">Data!$A$1:$C$5<' in part(content, "xl/workbook.xml")
    with pytest.raises(ToolInputError, match="has a filter on A1:C5 already"):
        filters.auto_filter(content, "A1:B3")
    with pytest.raises(ToolInputError, match="'Nam'"):
        filters.auto_filter(content, column="Nam", values=["b"])


# --- names ---------------------------------------------------------------------------------------------------


def test_a_name_is_made_used_renamed_and_deleted() -> None:
    content = book({"Data": [[2, '=Rate&"Rate"', "=Rate*A1"]], "My Sheet": [["=Rate+Rater"]]})
    edited = names.define_name(content, "Rate", "'My Sheet'!B2:B3")
    assert opened(edited).defined_names["Rate"].attr_text == "'My Sheet'!$B$2:$B$3"
    renamed = names.rename_name(edited.content, "rate", "Tax.Rate")
    assert formulas(renamed.content, "Data") == {"A1": 2, "B1": '=Tax.Rate&"Rate"', "C1": "=Tax.Rate*A1"}
    assert formulas(renamed.content, "My Sheet") == {"A1": "=Tax.Rate+Rater"}
    with pytest.raises(ToolInputError, match="is used in Data!B1, Data!C1, My Sheet!A1"):
        names.delete_name(renamed.content, "Tax.Rate")
    free = names.define_name(content, "Free", "=0.19").content
    assert hunks(names.delete_name(free, "Free")) == [("name Free", "0.19", "")]


def test_a_constant_gives_its_formulas_values() -> None:
    edited = names.define_name(book({"Data": [[2, "=Rate*A1"]]}), "Rate", "=1.5")
    assert values(edited.content)["B1"] == 3


def test_a_name_of_one_sheet_hides_that_of_the_workbook() -> None:
    content = book({"A": [["=Rate"]], "B": [["=Rate", "=A!Rate"]]})
    content = names.define_name(content, "Rate", "=1").content
    content = names.define_name(content, "Rate", "=2", sheet="A").content
    local = names.rename_name(content, "Rate", "Own", sheet="A").content
    assert formulas(local, "A") == {"A1": "=Own"}
    assert formulas(local, "B") == {"A1": "=Rate", "B1": "=A!Own"}
    everywhere = names.rename_name(content, "Rate", "All").content
    assert formulas(everywhere, "A") == {"A1": "=Rate"}
    assert formulas(everywhere, "B") == {"A1": "=All", "B1": "=A!Rate"}


@pytest.mark.parametrize(
    "name",
    ["A1", "xfd1048576", "R", "c", "R1C1", "1st", "a b", "", "x" * 256, "TRUE", "_xlnm.Print_Area", "Taken", "T"],
)
def test_a_name_that_excel_does_not_take_is_refused(name: str) -> None:
    content = book({"Data": ROWS}, {"T": ("Data", "A1:C5")})
    content = names.define_name(content, "Taken", "A1").content
    with pytest.raises(ToolInputError) as caught:
        names.define_name(content, name, "A1")
    assert caught.value.code == "name"
