from __future__ import annotations

import pytest

from copilot.documents import excel
from copilot.documents.excel.refs import column_letters

from .books import book, cells, changed, formulas, hunks, part, values

#: B3 sums; C1 depends on it; D1 is a function that no engine knows, with the value that Excel had; E1 depends on D1.
CHAIN = (
    '<row r="1"><c r="A1"><v>1</v></c><c r="B1"><v>10</v></c><c r="C1"><f>B3*2</f><v>60</v></c>'
    '<c r="D1"><f>MYFUNC(B1)</f><v>42</v></c><c r="E1"><f>D1+1</f><v>43</v></c></row>'
    '<row r="2"><c r="B2"><v>20</v></c><c r="C2" t="str"><f>IF(B3&gt;50,"big","small")</f><v>small</v></c></row>'
    '<row r="3"><c r="B3"><f>SUM(B1:B2)</f><v>30</v></c></row>'
)


def test_dependents_get_their_new_values_and_are_shown() -> None:
    edited = excel.write_cells(cells(CHAIN), None, {"B2": 50})
    assert values(edited.content) == {"A1": 1, "B1": 10, "B2": 50, "B3": 60, "C1": 120, "C2": "big", "D1": 42, "E1": 43}
    assert ("Data!B3", "=SUM(B1:B2) (30)", "=SUM(B1:B2) (60)") in hunks(edited)
    assert formulas(edited.content) == formulas(cells(CHAIN)) | {"B2": 50}
    assert "fullCalcOnLoad" not in part(edited.content, "xl/workbook.xml")


def test_what_cannot_be_computed_is_named_and_left_to_excel() -> None:
    edited = excel.write_cells(cells(CHAIN), None, {"B1": 11})
    found = values(edited.content)
    assert (found["B3"], found["C1"], found["D1"], found["E1"]) == (31, 62, 42, 43)
    assert any("Data!D1" in w for w in edited.warnings)
    assert 'fullCalcOnLoad="1"' in part(edited.content, "xl/workbook.xml")


def test_an_edit_that_nothing_depends_on_touches_its_sheet_only() -> None:
    before = cells(CHAIN)
    edited = excel.write_cells(before, None, {"A1": 2})
    assert changed(before, edited.content) == {"xl/worksheets/sheet1.xml"}
    assert edited.warnings == ("Data: overwrites what stands in A1.",)


def test_a_formula_that_excel_got_another_value_for_is_not_trusted() -> None:
    # The file says 99 for a sum that the engine takes for 30: it may know something that we don't.
    odd = CHAIN.replace("<f>SUM(B1:B2)</f><v>30</v>", "<f>SUM(B1:B2)</f><v>99</v>").replace("<v>60</v>", "<v>198</v>")
    edited = excel.write_cells(cells(odd.replace(">small<", ">big<")), None, {"B2": 50})
    assert values(edited.content)["B3"] == 99
    assert any("Data!B3" in w for w in edited.warnings)


def test_new_formulas_carry_their_value() -> None:
    edited = excel.write_cells(cells(CHAIN), None, {"F1": "=B3/4", "F2": '=A1&"!"', "F3": "=1/0", "F4": "=B1>5"})
    found = values(edited.content)
    assert (found["F1"], found["F2"], found["F3"], found["F4"]) == (7.5, "1!", "#DIV/0!", True)
    assert ("Data!F1", "", "=B3/4 (7.5)") in hunks(edited)
    assert any("F3 gives #DIV/0!" in w for w in edited.warnings)


def test_the_clock_never_gets_into_the_file() -> None:
    edited = excel.write_cells(cells(CHAIN), None, {"F1": "=TODAY()", "F2": "=RAND()"})
    assert "F1" not in values(edited.content)
    assert 'fullCalcOnLoad="1"' in part(edited.content, "xl/workbook.xml")
    assert any("Data!F1" in w for w in edited.warnings)


def test_tables_names_and_this_row_are_computed() -> None:
    from .books import book

    before = book({"D": [["Item", "Price", "Twice"], ["a", 10, None], ["b", 20, None]]}, {"T": ("D", "A1:C3")})
    edited = excel.write_cells(
        before, "D", {"E1": "=SUM(T[Price])", "C2": "=T[[#This Row],[Price]]*2", "C3": "=[@Price]*2"}
    )
    found = values(edited.content)
    assert (found["E1"], found["C2"], found["C3"]) == (30, 20, 40)


def test_values_that_the_file_lacks_are_computed_for_reading() -> None:
    from .books import book

    content = book({"D": [["n", "double"], [1, "=A2*2"], [2, "=A3*2"], [None, "=TODAY()"]]})
    found = excel.read_range(content, "D")
    assert [row[1] for row in found.values] == ["double", 2, 4, None]
    assert any("computed here" in note for note in found.notes)
    assert any("B4" in note for note in found.notes)


def test_only_what_depends_on_the_edit_is_computed() -> None:
    # Two thousand formulas stand beside; none of them reads B2, so that none is given to the engine.
    beside = "".join(f'<c r="{column_letters(n)}9"><f>A1+{n}</f><v>{1 + n}</v></c>' for n in range(1, 2_001))
    edited = excel.write_cells(cells(CHAIN + f'<row r="9">{beside}</row>'), None, {"B2": 50})
    assert values(edited.content)["C1"] == 120
    assert not any("Many formulas" in w for w in edited.warnings)


def test_with_more_dependents_than_are_computed_here_the_new_formula_still_has_its_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("copilot.documents.excel.engine.MAX_READ", 20_000)
    rows = "".join(
        f'<row r="{n}"><c r="A{n}"><v>1</v></c><c r="B{n}"><f>SUM(A$1:A$150)</f><v>150</v></c></row>'
        for n in range(1, 151)
    )
    edited = excel.write_cells(cells(rows), None, {"A1": 2, "D1": "=A1*5"})
    assert values(edited.content)["D1"] == 10
    assert any("Many formulas depend on the edit" in w for w in edited.warnings)
    assert 'fullCalcOnLoad="1"' in part(edited.content, "xl/workbook.xml")


@pytest.mark.parametrize(
    ("formula", "edit"),
    [
        ("SUM(B3:B1)", "B2"),  # corners the wrong way round
        ("SUM(B:B)", "B2"),
        ("SUM($1:$2)", "B2"),
        ("SUM(A1:ZZ5)", "B2"),
        ("INDIRECT(&quot;B2&quot;)", "B2"),
        ("SUM(Data:Data!B2)", "B2"),  # over several sheets
        ("SUM(B1:B2,B2:B3)", "B2"),
    ],
)
def test_dependents_are_found_however_they_refer(formula: str, edit: str) -> None:
    content = cells(f'<row r="2"><c r="B2"><v>1</v></c></row><row r="7"><c r="G7"><f>{formula}</f><v>-5</v></c></row>')
    told = excel.write_cells(content, None, {edit: 3}).warnings
    assert any("Data!G7" in w for w in told)  # its value is not what the engine gets: named, never passed over
    assert not any("Data!G7" in w for w in excel.write_cells(content, None, {"AAA9": 3}).warnings if "(" not in formula)


def test_a_formula_that_makes_the_engine_fail_does_not_stop_the_reading() -> None:
    content = cells(
        '<row r="1"><c r="A1"><f>#REF!:B2</f></c><c r="B1"><f>Nowhere!A1</f></c><c r="C1"><f>1+1</f></c></row>'
    )
    assert excel.read_range(content, None).values[0][2] == 2


def test_a_long_chain_is_computed_in_one_go() -> None:
    # Each one more than the one above: asked for one by one, the time grows with the square of their number.
    rows = "".join(f'<row r="{n}"><c r="A{n}"><f>A{n - 1}+1</f><v>{n}</v></c></row>' for n in range(2, 1_501))
    content = cells('<row r="1"><c r="A1"><v>1</v></c></row>' + rows)
    assert values(excel.write_cells(content, None, {"A1": 5}).content)["A1500"] == 1_504


def test_a_structured_reference_depends_on_its_own_cells_only() -> None:
    from copilot.documents.excel.dependents import Dependencies

    content = excel.create_table(book({"Data": [["k", "v"], [1, 2], [3, 4]]}), "A1:B3", name="T").content
    workbook = excel.Workbook.open(content)
    texts = {"D1": "=SUM(T[k])", "D2": "=T[@v]", "D3": "=ROWS(T)", "D4": "=T[gone]"}
    formulas = {("Data", n, 4): text for n, text in enumerate(texts.values(), 1)}
    for cell, readers in (("A2", {1, 3, 4}), ("B2", {2, 3, 4}), ("B3", {3, 4}), ("C2", set())):
        at = ("Data", int(cell[1]), ord(cell[0]) - 64)
        assert {row for _, row, _ in Dependencies(formulas, workbook).on([at])} == readers
