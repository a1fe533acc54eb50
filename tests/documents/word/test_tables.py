"""Tables: rows, columns and cells changed so that every row goes on fitting the grid (ECMA-376 part 1, 17.4)."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from docx import Document as open_docx

from copilot.documents import word
from copilot.documents.word.document import Document
from copilot.errors import ToolInputError

from .make import docx, p, part, r, table
from .sameness import said
from .validity import problems

PRICES = docx(
    p("Intro."), table(["Item", "Qty", "Price"], ["Pear", "3", "1.20"], ["Apple", "10", "0.90"], ["Fig", "", "12.00"])
)


def merged(span: int = 1, merge: str = "", text: str = "", more: str = "") -> str:
    """A cell over `span` grid columns, vertically merged if `merge` says so."""
    spanned = f'<w:gridSpan w:val="{span}"/>' if span > 1 else ""
    down = {"": "", "restart": '<w:vMerge w:val="restart"/>', "continue": "<w:vMerge/>"}[merge]
    return f"<w:tc><w:tcPr>{spanned}{down}</w:tcPr>{p(text) if text else '<w:p/>'}{more}</w:tc>"


def grid(*rows: str, columns: int, widths: int = 1000) -> str:
    """A table of rows given as XML of their cells."""
    cols = f'<w:gridCol w:w="{widths}"/>' * columns
    return f"<w:tbl><w:tblPr/><w:tblGrid>{cols}</w:tblGrid>{''.join(f'<w:tr>{row}</w:tr>' for row in rows)}</w:tbl>"


#: Title over all columns; A merged downwards over two rows, the row below it has a cell over two columns.
MERGED = docx(
    p("Intro."),
    grid(
        merged(3, text="Title"),
        merged(1, "restart", "A") + merged(text="b1") + merged(text="c1"),
        merged(1, "continue") + merged(text="b2") + merged(text="c2"),
        merged(text="a3") + merged(2, text="wide"),
        columns=3,
    ),
    p("End."),
)


def done(content: bytes, op: str, **fields: Any) -> bytes:
    """The document after one operation on its first table, which must be valid."""
    result = word.edit(content, [{"op": op, "table": "1", **fields}])
    assert result.hunks
    assert not problems(result.content)
    assert open_docx(io.BytesIO(result.content)).tables or op == "table_to_text"
    return result.content


def cells(content: bytes) -> list[list[str]]:
    """The texts of the first table as python-docx sees them: a merged cell is in every place that it covers."""
    found = open_docx(io.BytesIO(content)).tables[0]
    return [[cell.text for cell in row.cells] for row in found.rows]


START = [["Title"] * 3, ["A", "b1", "c1"], ["A", "b2", "c2"], ["a3", "wide", "wide"]]


@pytest.mark.parametrize(
    ("op", "fields", "expected"),
    [
        ("add_rows", {"rows": [["x", "y"]]}, [*START, ["x", "y", "y"]]),
        ("add_rows", {"rows": [["", "n", "m"]], "after": 2}, [*START[:2], ["A", "n", "m"], *START[2:]]),
        ("add_rows", {"rows": [["x", "y", "z"]], "after": 0, "like": 3}, [["x", "y", "z"], *START]),
        ("delete_rows", {"rows": [2]}, [START[0], START[2], START[3]]),
        ("delete_rows", {"rows": [1, 4]}, START[1:3]),
        ("move_row", {"row": 4, "after": 1}, [START[0], START[3], *START[1:3]]),
        ("move_row", {"row": 4, "after": 0}, [START[3], *START[:3]]),
        ("add_column", {"after": 0, "values": ["", "n1", "n2"]},
         [["Title"] * 4, ["n1", "A", "b1", "c1"], ["n2", "A", "b2", "c2"], ["", "a3", "wide", "wide"]]),
        ("add_column", {"after": 2, "values": ["", "n1", "n2"]},
         [["Title"] * 4, ["A", "b1", "n1", "c1"], ["A", "b2", "n2", "c2"], ["a3", "wide", "wide", "wide"]]),
        ("add_column", {"values": ["", "n1", "n2", "n3"]},
         [["Title"] * 4, ["A", "b1", "c1", "n1"], ["A", "b2", "c2", "n2"], ["a3", "wide", "wide", "n3"]]),
        ("delete_column", {"column": 1}, [["Title"] * 2, ["b1", "c1"], ["b2", "c2"], ["wide", "wide"]]),
        ("delete_column", {"column": 2}, [["Title"] * 2, ["A", "c1"], ["A", "c2"], ["a3", "wide"]]),
        ("merge_cells", {"cells": "r2c2:r3c3"},
         [["Title"] * 3, *[["A", "b1\nc1\nb2\nc2", "b1\nc1\nb2\nc2"]] * 2, START[3]]),
        ("merge_cells", {"cells": "r3c2:r4c2"},
         [*START[:2], ["A", *["b2\nc2\nwide"] * 2], ["a3", *["b2\nc2\nwide"] * 2]]),
        ("merge_cells", {"cells": "r2c2:r2c3"}, [START[0], ["A", "b1\nc1", "b1\nc1"], *START[2:]]),
        ("merge_cells", {"cells": "r2c1:r3c2"},
         [START[0], [*["A\nb1\nb2"] * 2, "c1"], [*["A\nb1\nb2"] * 2, "c2"], START[3]]),
        ("split_cell", {"cell": "r2c1"}, [START[0], ["A", "b1", "c1"], ["", "b2", "c2"], START[3]]),
        ("split_cell", {"cell": "r3c1"}, [START[0], ["A", "b1", "c1"], ["", "b2", "c2"], START[3]]),
        ("split_cell", {"cell": "r4c2"}, [*START[:3], ["a3", "wide", ""]]),
        ("split_cell", {"cell": "r1c1", "columns": 3}, [["Title", "", ""], *START[1:]]),
        ("split_cell", {"cell": "r4c1", "columns": 2},
         [["Title"] * 4, ["A", "A", "b1", "c1"], ["A", "A", "b2", "c2"], ["a3", "", "wide", "wide"]]),
        ("split_cell", {"cell": "r4c1", "rows": 2}, [*START, ["", "wide", "wide"]]),
        ("split_cell", {"cell": "r2c1", "columns": 2},
         [["Title"] * 4, ["A", "", "b1", "c1"], ["A", "", "b2", "c2"], ["a3", "a3", "wide", "wide"]]),
    ],
)  # fmt: skip
def test_rows_columns_and_cells_of_a_merged_table(op: str, fields: dict[str, Any], expected: list[list[str]]) -> None:
    assert cells(done(MERGED, op, **fields)) == expected


@pytest.mark.parametrize(
    ("op", "fields", "code"),
    [
        ("move_row", {"row": 2, "after": 0}, "merged"),
        ("move_row", {"row": 4, "after": 2}, "merged"),
        ("move_row", {"row": 4, "after": 3}, "unchanged"),
        ("move_column", {"column": 1, "after": 2}, "merged"),
        ("merge_cells", {"cells": "r3c1:r4c1"}, "merged"),
        ("merge_cells", {"cells": "b2"}, "cells"),
        ("merge_cells", {"cells": "r1c1:r1c3"}, "unchanged"),
        ("split_cell", {"cell": "r2c2"}, "unchanged"),
        ("add_rows", {"rows": [["x"]], "after": 2}, "merged"),
        ("add_rows", {"rows": [["x"] * 4]}, "values"),
        ("add_rows", {"rows": [["x"]], "after": 5}, "row"),
        ("add_column", {"header": "H", "after": 2}, "merged"),
        ("add_column", {"values": ["a"] * 5}, "values"),
        ("delete_column", {"column": 4}, "column"),
        ("delete_column", {"column": "Nothing"}, "unknown_column"),
        ("table_widths", {"widths": [1, 2]}, "widths"),
        ("table_widths", {"widths": [1, 2, "wide"]}, "length"),
        ("sort_table", {"column": 2}, "merged"),
        ("table_style", {"style": "Grid Table 9"}, "unknown_table_style"),
        ("cell_format", {"cells": "r1c1"}, "arguments"),
        ("header_row", {"rows": 9}, "row"),
    ],
)
def test_what_a_table_refuses(op: str, fields: dict[str, Any], code: str) -> None:
    with pytest.raises(ToolInputError) as caught:
        word.edit(MERGED, [{"op": op, "table": "1", **fields}])
    assert caught.value.code == code


def test_the_only_column_and_word_97_merges_are_refused() -> None:
    single = docx(table(["a"], ["b"]))
    with pytest.raises(ToolInputError, match="no other column"):
        word.delete_column(single, "1", 1)
    old = docx(grid('<w:tc><w:tcPr><w:hMerge w:val="restart"/></w:tcPr><w:p/></w:tc>' + merged(text="b"), columns=2))
    with pytest.raises(ToolInputError, match="Word 97"):
        word.add_column(old, "1")


def test_columns_keep_the_widths_in_step() -> None:
    def widths(content: bytes) -> list[str]:
        return re.findall(r'<w:gridCol w:w="(\d+)"', part(content))

    content = docx(grid(merged(text="a") + merged(text="b"), columns=2))
    assert widths(done(content, "add_column", width="0.5in")) == ["1000", "1000", "720"]
    assert widths(done(content, "delete_column", column=1)) == ["1000"]
    assert widths(done(content, "table_widths", widths=["1in", "72pt"], autofit=False)) == ["1440", "1440"]
    assert widths(done(content, "table_widths", widths=["25%", "75%"])) == ["2256", "6770"]  # of 9026
    wide = docx(grid(merged(text="a") + merged(text="b"), columns=2, widths=4513))
    assert sum(map(int, widths(done(wide, "add_column")))) <= 9026


def test_moved_columns_take_their_width_along() -> None:
    content = docx(table(["a", "b", "c"], ["1", "2", "3"]).replace("<w:gridCol/>", '<w:gridCol w:w="9"/>', 1))
    after = done(content, "move_column", column="a", after="c")
    assert cells(after) == [["b", "c", "a"], ["2", "3", "1"]]
    assert re.findall(r'<w:gridCol w:w="(\d+)"', part(after))[-1] == "9"
    assert cells(done(content, "move_column", column=3, after=0)) == [["c", "a", "b"], ["3", "1", "2"]]


@pytest.mark.parametrize(
    ("column", "descending", "order"),
    [
        ("Price", False, ["Apple", "Pear", "Fig"]),
        ("Price", True, ["Fig", "Pear", "Apple"]),
        ("Qty", True, ["Apple", "Pear", "Fig"]),  # blanks last
        ("Item", False, ["Apple", "Fig", "Pear"]),
    ],
)
def test_sorting(column: str, descending: bool, order: list[str]) -> None:
    after = done(PRICES, "sort_table", column=column, descending=descending)
    assert [row[0] for row in cells(after)] == ["Item", *order]


@pytest.mark.parametrize(
    "texts",
    [["1.234,50", "12,00", "999,99"], ["$1,200.00", "$3.50", "$20.00"], ["2024-10-02", "2023-01-31", "2024-02-28"],
     ["3.11.2024", "28.2.2024", "1.12.2023"], ["(5)", "-7", "3"], ["1,200", "900", "1,000"]],
)  # fmt: skip
def test_sorting_by_value(texts: list[str]) -> None:
    ranks = {"1.234,50": 3, "12,00": 1, "999,99": 2, "$1,200.00": 3, "$3.50": 1, "$20.00": 2, "2024-10-02": 3,
             "2023-01-31": 1, "2024-02-28": 2, "3.11.2024": 3, "28.2.2024": 2, "1.12.2023": 1, "(5)": 2, "-7": 1,
             "3": 3, "1,200": 3, "900": 1, "1,000": 2}  # fmt: skip
    content = docx(table(["h"], *([text] for text in texts)))
    after = done(content, "sort_table", column=1)
    assert [row[0] for row in cells(after)][1:] == sorted(texts, key=lambda text: ranks[text])


def test_a_total_row_stays_last_and_order_is_not_written_twice() -> None:
    content = docx(table(["h"], ["2"], ["1"], ["3 total"]))
    assert [r[0] for r in cells(done(content, "sort_table", column=1, total_rows=1))] == ["h", "1", "2", "3 total"]
    with pytest.raises(ToolInputError, match="in that order"):
        word.sort_table(docx(table(["h"], ["1"], ["2"])), "1", 1)


@pytest.mark.parametrize("strict", [False, True])
def test_looks(strict: bool) -> None:
    content = docx(p("x"), table(["a", "b"], ["1", "2"]), strict=strict)
    after = word.edit(
        content,
        [
            {"op": "header_row", "table": "1", "rows": 1, "keep_rows": True},
            {"op": "table_style", "table": "1", "style": "grid table 4 - accent 2", "banded_rows": False},
            {"op": "table_alignment", "table": "1", "align": "right"},
            {"op": "cell_format", "table": "1", "rows": [1], "fill": "#ffeecc", "align": "right", "vertical": "center"},
            {"op": "cell_format", "table": "1", "cells": "r1c1:r2c2", "borders": "outside", "border_size": 1.5},
        ],
    ).content
    xml, side = part(after), "end" if strict else "right"
    assert not problems(after)
    assert xml.count("<w:tblHeader/>") == 1
    assert xml.count("<w:cantSplit/>") == 2
    assert '<w:tblStyle w:val="GridTable4-Accent2"/>' in xml
    assert f'<w:jc w:val="{side}"/>' in xml.partition("<w:tblGrid>")[0]
    assert ('w:val="' in re.findall(r"<w:tblLook[^>]*>", xml)[0]) is not strict
    assert 'w:noHBand="1"' in xml
    assert xml.count('w:fill="FFEECC"') == 2
    assert len(re.findall(rf'<w:{side} w:val="single" w:sz="12"', xml)) == 2
    assert len(re.findall(r'<w:bottom w:val="single"', xml)) == 2
    styles = part(after, "word/styles.xml")
    assert styles.count('w:styleId="GridTable4-Accent2"') == 1
    assert 'w:fill="ED7D31"' in styles


def test_looks_that_are_so_already_change_nothing() -> None:
    for fields in ({"op": "header_row", "rows": 0}, {"op": "cell_format", "fill": "none"}):
        with pytest.raises(ToolInputError) as caught:
            word.edit(PRICES, [{"table": "1", **fields}])
        assert caught.value.code == "unchanged"


def test_a_new_table_has_its_widths_and_its_numbers_to_the_right() -> None:
    rows = [["Item", "Price"], ["Pear", "$1.20"], ["Fig", "12"]]
    after = word.add_table(PRICES, rows, at="Intro.", style="Plain Table 1", widths=["60%", 3]).content
    assert not problems(after)
    xml = part(after)
    assert re.findall(r'<w:gridCol w:w="(\d+)"', xml) == ["5416", "1701"]
    assert xml.count('<w:jc w:val="right"/>') == 3
    assert '<w:jc w:val="right"/>' not in part(word.add_table(PRICES, rows, align="none").content)


def test_text_becomes_a_table_and_text_again() -> None:
    content = docx(
        p("Before."), p("a\tx ", r("bold", "<w:b/>")).replace("\t", "</w:t><w:tab/><w:t>"), p("b"), p("End.")
    )
    document = Document(content)
    named = [document.address(b) for b in document.blocks if b.path in ("p2", "p3")]
    made = word.text_to_table(content, named, header=False).content
    assert not problems(made)
    assert cells(made) == [["a", "x bold"], ["b", ""]]
    assert "<w:b/>" in part(made)
    back = word.table_to_text(made, "1", " | ").content
    assert not problems(back)
    assert "<w:b/>" in part(back)
    assert [x.text for x in open_docx(io.BytesIO(back)).paragraphs] == ["Before.", "a | x bold", "b | ", "End."]


def test_rows_in_content_controls_and_what_else_is_in_a_table_stay() -> None:
    inner = "<w:sdt><w:sdtPr/><w:sdtContent><w:tr><w:tc><w:tcPr/><w:p/></w:tc></w:tr></w:sdtContent></w:sdt>"
    exception = '<w:tblPrEx><w:jc w:val="center"/></w:tblPrEx>'
    xml = grid(exception + merged(text="a"), merged(text="b"), columns=1).replace("</w:tbl>", f"{inner}</w:tbl>")
    content = docx(xml)
    after = done(content, "add_column", values=["1", "2", "3"])
    assert "<w:tblPrEx>" in part(after)
    assert part(after).count("<w:sdt>") == 1
    with pytest.raises(ToolInputError, match="content control"):
        word.sort_table(content, "1", 1)
    moved = done(content, "move_row", row=3, after=0)
    assert part(moved).index("<w:sdt>") < part(moved).index("<w:tblPrEx>")


def test_deleted_columns_give_up_their_notes_and_keep_bookmarks() -> None:
    marked = p('<w:bookmarkStart w:id="1" w:name="Kept"/>', "b", '<w:bookmarkEnd w:id="1"/>')
    note = p("n", '<w:r><w:footnoteReference w:id="2"/></w:r>')
    notes = f'<w:footnote w:id="2">{p("Gone")}</w:footnote>'
    content = docx(table(["a", marked], ["c", note]), footnotes=notes)
    after = done(content, "delete_column", column=2)
    assert 'w:name="Kept"' in part(after)
    assert "Gone" not in part(after, "word/footnotes.xml")


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "add_rows", "rows": [["Plum"]], "after": 2},
        {"op": "delete_rows", "rows": [2, 3]},
        {"op": "move_row", "row": 4, "after": 1},
        {"op": "sort_table", "column": "Price"},
        {"op": "header_row"},
        {"op": "table_to_text"},
    ],
    ids=lambda o: str(o["op"]),
)
def test_tracked_edits_of_tables_can_be_accepted_and_rejected(operation: dict[str, Any]) -> None:
    operations = [{**operation, "table": "1"}]
    plain = word.edit(PRICES, operations, track="off").content
    tracked = word.edit(PRICES, operations, track="on").content
    assert not problems(tracked)
    assert said(word.accept(tracked, everything=True).content) == said(plain)
    assert said(word.reject(tracked, everything=True).content) == said(PRICES)


def test_a_table_that_a_batch_made_goes_by_its_number() -> None:
    operations = [
        {"op": "add_table", "rows": [["a", "b"], ["1", "2"]], "at": "Intro."},
        {"op": "add_rows", "table": "2", "rows": [["Plum"]]},
        {"op": "delete_rows", "table": "table 1", "rows": [2]},
    ]
    after = word.edit(PRICES, operations).content
    assert [len(found.rows) for found in open_docx(io.BytesIO(after)).tables] == [3, 3]


def test_tables_in_tables_are_tables_of_their_own() -> None:
    content = docx(table([table(["in", "ner"]) + "<w:p/>", "outer"]))
    after = word.add_column(content, "t1.r1.c1.t1", values=["new"]).content
    assert not problems(after)
    assert "new" in part(after)
    assert len(open_docx(io.BytesIO(after)).tables[0].columns) == 2
