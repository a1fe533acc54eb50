# ruff: noqa: E501 - XML as it lies in a file
"""Formulas that give several values: spills, arrays of old, what stands in their way."""

from __future__ import annotations

import pytest

from copilot.documents import excel
from copilot.documents.excel.edits import edit
from copilot.errors import ToolInputError

from .books import MAIN, book, cells, changed, formulas, part, raw, values, with_parts

ROWS = {"D": [["Item", "N"], ["a", 3], ["b", 1], ["c", 2]]}
METADATA = "xl/metadata.xml"


def test_a_dynamic_array_spills_and_says_so() -> None:
    before = book(ROWS)
    after = excel.write_cells(before, "D", {"E1": "=FILTER(A2:B4,B2:B4>1)", "H1": "=SUM(E1#)"}).content
    found = values(after, "D")
    assert [found.get(a) for a in ("E1", "F1", "E2", "F2", "E3", "H1")] == ["a", 3, "c", 2, None, 5]
    sheet = part(after)
    assert '<c r="E1" cm="1" t="str"><f t="array" ref="E1:F2">_xlfn._xlws.FILTER(A2:B4,B2:B4&gt;1)</f>' in sheet
    assert 'name="XLDAPR"' in part(after, METADATA)
    assert 'fDynamic="1"' in part(after, METADATA)
    assert "sheetMetadata" in part(after, "xl/_rels/workbook.xml.rels")
    assert METADATA in part(after, "[Content_Types].xml")
    assert formulas(after, "D")["E1"].ref == "E1:F2"


def test_a_spill_grows_and_shrinks_with_its_source() -> None:
    one = excel.write_cells(book(ROWS), "D", {"E1": "=FILTER(A2:A4,B2:B4>1)"}).content
    more = excel.write_cells(one, "D", {"B3": 9}).content
    assert [values(more, "D").get(a) for a in ("E1", "E2", "E3")] == ["a", "b", "c"]
    assert 'ref="E1:E3"' in part(more)
    less = excel.write_cells(more, "D", {"B2": 0, "B4": 0}).content
    assert [values(less, "D").get(a) for a in ("E1", "E2", "E3")] == ["b", None, None]
    assert changed(one, more) == {"xl/worksheets/sheet1.xml"}


@pytest.mark.parametrize(
    ("given", "sheet", "said"),
    [
        ({"E1": "=SEQUENCE(3)"}, {"E3": "here"}, "E3 holds 'here'"),
        ({"B6": "=SEQUENCE(1,2)"}, {"C6": "=1+1"}, "C6 holds"),
        ({"A6": "=SEQUENCE(2)", "A7": 5}, {}, "A7 holds '5'"),
    ],
)
def test_what_stands_in_the_way_of_a_spill_is_named(
    given: dict[str, object], sheet: dict[str, object], said: str
) -> None:
    content = excel.write_cells(book(ROWS), "D", sheet).content if sheet else book(ROWS)
    with pytest.raises(ToolInputError, match="#SPILL!") as caught:
        excel.write_cells(content, "D", given)
    assert caught.value.code == "spill"
    assert said in str(caught.value)


def test_no_spill_into_a_table_or_a_merged_range() -> None:
    table = book(ROWS, {"T": ("D", "A1:B4")})
    assert values(excel.write_cells(table, "D", {"C2": "=A2:A4"}).content, "D")["C4"] == "c"
    with pytest.raises(ToolInputError, match="in the table 'T'"):
        excel.write_cells(table, "D", {"B2": "=A2:A4"})
    merged = cells(
        '<row r="1"><c r="A1"><v>1</v></c></row>', '<mergeCells count="1"><mergeCell ref="C2:D2"/></mergeCells>'
    )
    with pytest.raises(ToolInputError, match="is merged"):
        excel.write_cells(merged, None, {"C1": "=SEQUENCE(3)"})


def test_writing_over_a_dynamic_array() -> None:
    content = excel.write_cells(book(ROWS), "D", {"E1": "=SEQUENCE(3)"}).content
    with pytest.raises(ToolInputError, match="E1 spills over E1:E3"):
        excel.write_cells(content, "D", {"E2": 1})
    after = excel.write_cells(content, "D", {"E1": 7}).content
    assert {a: v for a, v in values(after, "D").items() if a[0] == "E"} == {"E1": 7}
    assert "cm=" not in part(after)


def test_metadata_of_others_is_kept() -> None:
    rich = (
        f'<x:metadata xmlns:x="{MAIN}"><x:metadataTypes count="1"><x:metadataType name="XLRICHVALUE"/></x:metadataTypes>'
        '<x:futureMetadata name="XLRICHVALUE" count="1"><x:bk/></x:futureMetadata>'
        '<x:valueMetadata count="1"><x:bk><x:rc t="1" v="0"/></x:bk></x:valueMetadata></x:metadata>'
    )
    one = excel.write_cells(book(ROWS), "D", {"E1": "=SEQUENCE(2)"}).content
    after = excel.write_cells(with_parts(one, {METADATA: rich.encode()}), "D", {"F1": "=SEQUENCE(2)"}).content
    made = part(after, METADATA)
    assert (
        made.index("XLRICHVALUE") < made.index('name="XLDAPR"') < made.index("cellMetadata") < made.index("valueMeta")
    )
    assert '<x:metadataTypes count="2">' in made
    assert '<x:rc t="2" v="0"/>' in made
    assert '<c r="F1" cm="1"' in part(after)
    again = excel.write_cells(after, "D", {"G1": "=SEQUENCE(2)"}).content
    assert part(again, METADATA) == made


def test_a_legacy_array_over_a_range() -> None:
    edited = excel.write_formula(book(ROWS), "D", "D2:D5", "=B2:B4*10", array=True)
    assert [values(edited.content, "D")[a] for a in ("D2", "D3", "D4", "D5")] == [30, 10, 20, "#N/A"]
    assert '<f t="array" ref="D2:D5">B2:B4*10</f>' in part(edited.content)
    assert METADATA not in changed(book(ROWS), edited.content)
    with pytest.raises(ToolInputError, match="part of an array formula over D2:D5"):
        excel.write_cells(edited.content, "D", {"D3": 1})
    after = excel.write_cells(edited.content, "D", {"B2": 4}).content
    assert [values(after, "D")[a] for a in ("D2", "D3", "D5")] == [40, 10, "#N/A"]


def test_arrays_of_matrices_are_computed() -> None:
    content = book({"D": [[2, 1], [1, 1]]})
    after = excel.write_formula(content, "D", "D1:E2", "=MINVERSE(A1:B2)", array=True).content
    after = excel.write_cells(after, "D", {"G1": "=SUM(MMULT(A1:B2,D1:E2))", "G2": "=MDETERM(A1:B2)"}).content
    found = values(after, "D")
    assert [round(found[a], 9) for a in ("D1", "E1", "D2", "E2", "G1", "G2")] == [1, -1, -1, 2, 2, 1]


def test_at_takes_one_cell_and_stays_a_plain_formula() -> None:
    after = excel.write_cells(book(ROWS), "D", {"C2": "=@B2:B4*2"}).content
    assert "<f>B2:B4*2</f>" in part(after)
    assert METADATA not in changed(book(ROWS), after)


def test_a_prefix_and_the_first_of_many() -> None:
    sheet = f'<x:worksheet xmlns:x="{MAIN}"><x:sheetData><x:row r="1"><x:c r="A1"><x:v>2</x:v></x:c></x:row></x:sheetData></x:worksheet>'
    after = excel.write_cells(raw(sheet), None, {"C1": "=SEQUENCE(A1)*10"}).content
    assert [values(after).get(a) for a in ("C1", "C2", "C3")] == [10, 20, None]
    assert '<x:f t="array" ref="C1:C2">' in part(after)


@pytest.mark.parametrize(
    ("operation", "code", "said"),
    [
        ({"op": "write_cells", "cells": {"B2": 9}}, "taken", "D!B2 holds 3"),
        ({"op": "write_cells", "cells": {"C2": 9}}, "taken", "D!C2 holds the formula =B2*2"),
        ({"op": "write_cells", "cells": {"C2": None}}, "taken", "=B2*2"),
        ({"op": "write_cells", "cells": {"A1": "Name"}}, "taken", "'Item', a header of the table 'T'"),
        ({"op": "write_cells", "cells": {"B2": 3}}, "unchanged", "nothing changes"),
        ({"op": "write_formula", "range": "B2:B3", "formula": "=1+1"}, "taken", "D!B2 holds 3; D!B3 holds 1"),
        ({"op": "write_formula", "range": "F1", "formula": "1+1"}, "arguments", "formula"),
        ({"op": "write_cells", "cells": {"F1": "=F2", "F2": "=F1*2"}}, "circular", "D!F1 reads D!F2 reads D!F1"),
        ({"op": "write_cells", "cells": {"F1": "=SUM(F1:F9)"}}, "circular", "F1"),
    ],
)
def test_guards_of_the_operations(operation: dict[str, object], code: str, said: str) -> None:
    content = book({"D": [["Item", "N", "=1"], ["a", 3, "=B2*2"], ["b", 1, None]]}, {"T": ("D", "A1:B3")})
    with pytest.raises(ToolInputError) as caught:
        edit(content, [operation])
    assert (caught.value.code, said in str(caught.value)) == (code, True), str(caught.value)


def test_emptying_needs_no_flag_and_overwriting_is_told() -> None:
    content = book(ROWS)
    assert "B2" not in values(edit(content, [{"op": "write_cells", "cells": {"B2": None}}]).content, "D")
    done = edit(content, [{"op": "write_cells", "cells": {"B2": 9}, "overwrite": True}])
    assert [(h.before, h.after) for h in done.hunks] == [("3", "9")]


def test_locked_cells_of_a_protected_sheet() -> None:
    content = cells('<row r="1"><c r="A1"><v>1</v></c></row>', '<sheetProtection sheet="1"/>')
    with pytest.raises(ToolInputError, match="B1 is locked"):
        edit(content, [{"op": "write_cells", "cells": {"B1": 1}}])
    assert any("protected" in w for w in excel.write_cells(content, None, {"B1": 1}).warnings)


def test_a_circle_is_allowed_where_the_workbook_iterates() -> None:
    content = book(ROWS)
    xml = part(content, "xl/workbook.xml").replace("<calcPr", '<calcPr iterate="1"')
    done = excel.write_cells(with_parts(content, {"xl/workbook.xml": xml.encode()}), "D", {"F1": "=F1+1"})
    assert formulas(done.content, "D")["F1"] == "=F1+1"


@pytest.mark.parametrize("formula", ["=ROW(F1)", "=COLUMNS(A1:F1)", "=T[@N]*2"])
def test_what_is_no_circle(formula: str) -> None:
    content = book({"D": [["N", "M"], [1, 2], [3, 4]]}, {"T": ("D", "A1:B3")})
    at = "B2" if "T[" in formula else "F1"
    assert formulas(excel.write_cells(content, "D", {at: formula}).content, "D")[at]


@pytest.mark.parametrize("text", ["=1+1", "-1+1", "+A1", "@SUM(A1)"])
def test_text_that_looks_like_a_formula_stays_text_when_entered_again(text: str) -> None:
    after = excel.write_cells(book(ROWS), "D", {"F1": text}, formulas=False).content
    assert values(after, "D")["F1"] == text
    assert 'quotePrefix="1"' in part(after, "xl/styles.xml")


def test_codes_stay_text_in_a_column_of_codes() -> None:
    content = book({"D": [["Code", "N"], ["00123", 1], ["00456", 2]]})
    found = values(excel.write_cells(content, "D", {"A4": "789", "B4": "789"}).content, "D")
    assert (found["A4"], found["B4"]) == ("789", 789)
