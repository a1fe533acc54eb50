"""How cells look: what is asked for is there for another reader, and nothing else has changed."""

from __future__ import annotations

import io
import re
import warnings
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.cell.cell import Cell
from openpyxl.cell.rich_text import CellRichText

from copilot.documents import excel
from copilot.documents.excel import elements
from copilot.documents.excel.colors import color_attributes
from copilot.documents.excel.edits import edit
from copilot.documents.excel.number_formats import builtin_id, checked_code
from copilot.documents.hunks import Edited
from copilot.errors import DocumentError, ToolInputError
from tests.documents.excel.books import MAIN, SHEET, book, cells, changed, part, raw, with_parts
from tests.thinning import thinned

CORPUS = Path(__file__).resolve().parents[3].parent / "shared" / "corpus"
FILES = sorted([*CORPUS.glob("*.xlsx"), *CORPUS.glob("*.xlsm")]) if CORPUS.is_dir() else []
STYLES = "xl/styles.xml"
ROWS = [["Name", "Wert"], ["x", 1234.5], ["y", 0.125], ["z", "12"]]


def opened(content: bytes, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return openpyxl.load_workbook(io.BytesIO(content), **options)


def cell(edited: Edited, address: str) -> Cell:
    found: Cell = opened(edited.content).worksheets[0][address]
    return found


def one(op: str, content: bytes | None = None, **fields: Any) -> Edited:
    """Run one operation as data: its fields are checked as those of a batch are."""
    return edit(content or book({"Data": ROWS}), [{"op": op, **fields}])


PROPERTIES: list[tuple[dict[str, Any], str, Any]] = [
    ({"bold": True}, "font.b", True),
    ({"italic": True}, "font.i", True),
    ({"underline": True}, "font.u", "single"),
    ({"underline": "double"}, "font.u", "double"),
    ({"strike": True}, "font.strike", True),
    ({"font": "Arial"}, "font.name", "Arial"),
    ({"size": 14.5}, "font.sz", 14.5),
    ({"color": "#ff0000"}, "font.color.rgb", "FFFF0000"),
    ({"color": "accent1"}, "font.color.theme", 4),
    ({"fill": "yellow"}, "fill.fgColor.rgb", "FFFFFF00"),
    ({"fill": "accent2 +40%"}, "fill.fgColor.tint", 0.4),
    ({"fill": "#ABC"}, "fill.fgColor.rgb", "FFAABBCC"),
    ({"horizontal": "center"}, "alignment.horizontal", "center"),
    ({"vertical": "top"}, "alignment.vertical", "top"),
    ({"wrap": True}, "alignment.wrap_text", True),
    ({"shrink": True}, "alignment.shrink_to_fit", True),
    ({"indent": 2}, "alignment.horizontal", "left"),
    ({"rotation": 45}, "alignment.textRotation", 45),
    ({"rotation": -30}, "alignment.textRotation", 120),
    ({"rotation": "vertical"}, "alignment.textRotation", 255),
    ({"border": "thin"}, "border.left.style", "thin"),
    ({"border": {"bottom": "double #00FF00"}}, "border.bottom.color.rgb", "FF00FF00"),
    ({"locked": False}, "protection.locked", False),
    ({"hidden_formula": True}, "protection.hidden", True),
    ({"number_format": "#,##0.00 €"}, "number_format", "#,##0.00 €"),
    ({"number_format": "integer"}, "number_format", "0"),
    ({"number_format": "percent"}, "number_format", "0.00%"),
    ({"number_format": "dd.mm.yyyy"}, "number_format", "dd.mm.yyyy"),
    ({"style": "Good"}, "style", "Good"),
    ({"style": "heading 1"}, "style", "Heading 1"),
    ({"style": "20% - Accent3"}, "fill.fgColor.theme", 6),
]


@pytest.mark.parametrize(("fields", "path", "expected"), PROPERTIES, ids=lambda v: str(v))
def test_one_property(fields: dict[str, Any], path: str, expected: Any) -> None:
    before = book({"Data": ROWS})
    edited = one("format_cells", before, range="B2", **fields)
    found: Any = cell(edited, "B2")
    for name in path.split("."):
        found = getattr(found, name)
    assert found == expected
    assert changed(before, edited.content) == {SHEET, STYLES}
    assert part(edited.content).replace(' s="1"', "") == part(before)
    assert repr(cell(edited, "B3").font) == repr(cell(Edited.of(before, []), "B3").font)
    with pytest.raises(ToolInputError) as again:
        one("format_cells", edited.content, range="B2", **fields)
    assert again.value.code == "unchanged"


def test_what_is_there_stays_and_is_found_again() -> None:
    first = one("format_cells", range="A1:B4", bold=True, fill="red", number_format="0.0")
    second = one("format_cells", first.content, range="B2:B3", italic=True)
    found = cell(second, "B2")
    assert (found.font.b, found.font.i, found.fill.fgColor.rgb, found.number_format) == (True, True, "FFFF0000", "0.0")
    back = one("format_cells", second.content, range="B2:B3", italic=False)
    assert len(opened(back.content)._cell_styles) == 3
    assert part(back.content, STYLES) == part(second.content, STYLES)
    assert part(back.content) == part(first.content)


def test_borders_by_place() -> None:
    edited = one("format_cells", range="A1:C3", border={"outline": "thick", "inside": "hair", "bottom": "double"})
    sides = ("left", "right", "top", "bottom")
    found = {a: [getattr(cell(edited, a).border, s).style for s in sides] for a in ("A1", "B2", "C3")}
    assert found == {
        "A1": ["thick", "hair", "thick", "hair"],
        "B2": ["hair"] * 4,
        "C3": ["hair", "thick", "hair", "double"],
    }
    cleared = one("format_cells", edited.content, range="B2", border="none")
    assert [getattr(cell(cleared, "B2").border, s).style for s in sides] == [None] * 4


def test_whole_columns_and_rows() -> None:
    sheet = (
        '<row r="2" s="1" customFormat="1"><c r="A2" s="1"><v>5</v></c></row><row r="3"><c r="B3"><v>7</v></c></row>'
    )
    styled = one("format_cells", cells(""), range="A1", bold=True).content
    content = with_parts(styled, {SHEET: cells(sheet) and part(cells(sheet)).encode()})
    edited = one("format_cells", content, range="B:C", fill="yellow")
    text = part(edited.content)
    assert '<col min="2" max="3" width="9.140625" style="3"/>' in text
    assert '<c r="A2" s="1"><v>5</v></c><c r="B2" s="2"/><c r="C2" s="2"/>' in text  # bold from the row, yellow too
    assert '<c r="B3" s="3"><v>7</v></c>' in text
    rows = one("format_cells", edited.content, range="3:4", italic=True)
    text = part(rows.content)
    assert re.search(
        r'<row r="3" s="(\d)" customFormat="1"><c r="B3" s="(\d)"><v>7</v></c><c r="C3" s="\2"/></row>', text
    )
    assert re.search(r'<row r="4" s="(\d)" customFormat="1"><c r="B4" s="(\d)"/><c r="C4" s="\2"/></row>', text)
    assert opened(rows.content).worksheets[0].row_dimensions[4].font.i


def test_rows_that_nobody_gave_a_height_are_fitted_again() -> None:
    content = cells('<row r="1" ht="15"><c r="A1"/></row><row r="2" ht="15" customHeight="1"><c r="A2"/></row>')
    bold = part(one("format_cells", content, range="A1:A2", bold=True).content)
    assert bold.count('ht="15"') == 2
    large = part(one("format_cells", content, range="A1:A2", size=30).content)
    assert '<row r="1"><c r="A1" s="1"/></row><row r="2" ht="15" customHeight="1"><c' in large


def test_values_are_shown_as_excel_shows_them() -> None:
    edited = one("format_cells", range="B2:B4", number_format="#,##0.00")
    assert ("Data!B2", "1234.5", "1,234.50") in [(h.where, h.before, h.after) for h in edited.hunks]
    assert edited.warnings == ("Data: B4 hold numbers stored as text, which no number format changes.",)
    text = one("format_cells", range="B2:B3", number_format="text")
    assert text.warnings == ("Data: B2, B3 hold numbers: the format text does not make them text.",)
    assert opened(text.content).worksheets[0]["B2"].value == 1234.5


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"range": "B2"}, "arguments"),
    ({"range": "B2", "color": "rot"}, "color"),
    ({"range": "B2", "style": "Gud"}, "unknown_style"),
    ({"range": "B2", "border": "thik"}, "unknown_line"),
    ({"range": "B2", "border": {"outer": "thin"}}, "unknown_border"),
    ({"range": "B2", "number_format": "0.0 kg"}, "number_format"),
    ({"range": "B2", "size": 500}, "arguments"),
    ({"range": "B2", "horizontal": "middle"}, "arguments"),
    ({"range": "B2", "bolt": True}, "arguments"),
    ({"range": "Sheet9!B2", "bold": True}, "unknown_sheet"),
    ({"range": "B9:A1", "bold": True}, "address"),
    ({"range": "A1:ZZ10000", "bold": True}, "address"),
]


@pytest.mark.parametrize(("fields", "code"), REFUSED, ids=lambda v: str(v))
def test_refused(fields: dict[str, Any], code: str) -> None:
    with pytest.raises(ToolInputError) as error:
        one("format_cells", **fields)
    assert error.value.code == code


@pytest.mark.parametrize("style", ["Gud", "Heding 1"])
def test_the_closest_style_is_offered(style: str) -> None:
    with pytest.raises(ToolInputError, match=r"'Good'|'Heading 1'"):
        one("format_cells", range="A1", style=style)


GOOD_CODES = [
    *("General", "0", "#,##0.00 €", '0.0 "kg"', "[$€-407] #,##0.00", "[Red]-0;[>=100][Blue]0;0", "yyyy-mm-dd hh:mm"),
    *("[h]:mm:ss", "mm:ss.000", "d. mmmm yyyy", "h:mm AM/PM", "# ?/?", "0.00E+00", "0,,", "@", '"Text: "@', ";;;"),
    *("_-* #,##0.00 _€_-;-* #,##0.00 _€_-;_-@_-", "[$-F800]dddd", "0%", "\\x0", "0 °C".replace("C", '"C"'), "¥0"),
]
BAD_CODES = [
    "",
    "0.0 kg",
    '0 "kg',
    "[Rot]0",
    "0;0;0;0;0",
    "TT.MM.JJJJ",
    "0\\",
    "@ 0",
    "yyyy@",
    "x" * 300,
    "[h",
    "0]",
    "0\n",
]


@pytest.mark.parametrize("code", GOOD_CODES)
def test_good_codes(code: str) -> None:
    assert checked_code(code) == code


@pytest.mark.parametrize("code", BAD_CODES)
def test_bad_codes(code: str) -> None:
    with pytest.raises(ToolInputError) as error:
        checked_code(code)
    assert error.value.code == "number_format"
    assert error.value.hint


def test_built_in_codes_are_ids() -> None:
    assert [builtin_id(w) for w in ("0.00", "general", "Date", "#,##0", "m/d/yyyy")] == [2, 0, 14, 3, None]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("#1f4e78", {"rgb": "FF1F4E78"}),
        ("FF1F4E78", {"rgb": "FF1F4E78"}),
        ("Dark Blue", {"rgb": "FF002060"}),
        ("accent6 -25%", {"theme": "9", "tint": "-0.25"}),
        ("text 1", {"theme": "1"}),
    ],
)
def test_colors(given: str, expected: dict[str, str]) -> None:
    assert color_attributes(given) == expected


HEAVY = (
    f'<?xml version="1.0"?>\n<x:styleSheet xmlns:x="{MAIN}" xmlns:mc="http://schemas.openxmlformats.org/'
    'markup-compatibility/2006" mc:Ignorable="x14ac" xmlns:x14ac="urn:a"><x:numFmts count="1"><x:numFmt numFmtId="170" '
    "formatCode='0.000'/></x:numFmts><x:fonts count=\"1\" x14ac:knownFonts=\"1\"><x:font><x:sz val='10'/><x:name "
    "val='Arial'/></x:font></x:fonts><x:fills count=\"2\"><x:fill><x:patternFill patternType='none'/></x:fill><x:fill>"
    "<x:patternFill patternType='gray125'/></x:fill></x:fills><x:borders count=\"1\"><x:border><x:start/><x:end/>"
    "<x:top/><x:bottom/><x:diagonal/></x:border></x:borders><x:cellXfs count=\"1\"><x:xf numFmtId='170' fontId='0' "
    "fillId='0' borderId='0'><x:extLst><x:ext uri='{A}'/></x:extLst></x:xf></x:cellXfs><x:dxfs count=\"0\"/>"
    '<x:extLst><x:ext uri="{EB79DEF2}"><x14ac:slicerStyles/></x:ext></x:extLst></x:styleSheet>'
)


def test_prefixes_extensions_and_strict_sides_stay() -> None:
    content = with_parts(cells('<row r="1"><c r="A1"><v>1</v></c></row>'), {STYLES: HEAVY.encode()})
    edited = one("format_cells", content, range="A1", bold=True, border={"left": "thin"}, number_format="0.0", indent=1)
    text = part(edited.content, STYLES)
    assert text.startswith(HEAVY[: HEAVY.index("<x:numFmts")])
    assert text.endswith(HEAVY[HEAVY.index("<x:dxfs") :])
    assert '<x:numFmt numFmtId="171" formatCode="0.0"/>' in text
    assert "<x:font><x:b/><x:sz val='10'/>" in text
    assert '<x:start style="thin"><x:color auto="1"/></x:start><x:end/>' in text
    assert '<x:alignment indent="1" horizontal="left"/><x:extLst>' in text
    assert cell(edited, "A1").number_format == "0.0"


def test_a_workbook_without_styles_gets_them() -> None:
    content = cells('<row r="1"><c r="A1"><v>1</v></c></row>')
    rels = re.sub(r'<Relationship Id="rId2"[^>]*/>', "", part(content, "xl/_rels/workbook.xml.rels"))
    bare = with_parts(content, {"xl/_rels/workbook.xml.rels": rels.encode(), STYLES: b"<gone/>"})
    edited = one("format_cells", bare, range="A1", bold=True)
    assert cell(edited, "A1").font.b
    assert {"fonts", "fills", "borders", "cellStyleXfs", "cellXfs", "cellStyles"} <= set(
        re.findall(r"<(\w+) count=", part(edited.content, STYLES))
    )


def test_the_order_of_children_is_kept() -> None:
    data = f'<w:worksheet xmlns:w="{MAIN}"><w:sheetViews/><w:sheetData/><w:tableParts/></w:worksheet>'.encode()
    for name in reversed([n for n in elements.ORDER if n not in (b"sheetData", b"sheetViews", b"tableParts")]):
        data = elements.put(data, b"w:", name, b"<w:" + name + b"/>")
    assert [c.name[2:] for c in elements.children(data)] == list(elements.ORDER)
    assert elements.put(data, b"w:", b"drawing", b"<w:drawing/>") == data
    for name in elements.ORDER:
        data = elements.drop(data, b"w:", name)
    assert data == f'<w:worksheet xmlns:w="{MAIN}"></w:worksheet>'.encode()


def test_alternate_content_holds_its_place() -> None:
    inside = (
        "<mc:AlternateContent xmlns:mc='m'><mc:Choice><controls><control/></controls></mc:Choice></mc:AlternateContent>"
    )
    data = f"<worksheet><sheetData/>{inside}<tableParts/></worksheet>".encode()
    placed = elements.put(data, b"", b"drawing", b"<drawing/>")
    assert placed == data.replace(b"<mc:Alt", b"<drawing/><mc:Alt")
    assert elements.put(data, b"", b"extLst", b"<extLst/>").endswith(b"<tableParts/><extLst/></worksheet>")
    with pytest.raises(DocumentError):
        elements.put(data, b"", b"controls", b"<controls/>")


def test_extensions_by_uri() -> None:
    data = b"<worksheet><sheetData/></worksheet>"
    data = elements.put_extension(data, b"", "{A}", b"<x14:a/>", {"x14": "urn:x"})
    data = elements.put_extension(data, b"", "{B}", b"<x14:b/>", {"x14": "urn:x"})
    data = elements.put_extension(data, b"", "{a}", b"<x14:c/>", {"x14": "urn:x"})
    assert data.count(b"<ext ") == 2
    assert b"<x14:c/>" in data
    assert b"<x14:a/>" not in data
    found = elements.extension(data, b"", "{b}")
    assert found is not None
    assert data[found.inner : found.close] == b"<x14:b/>"
    assert b"extLst" not in elements.drop_extension(elements.drop_extension(data, b"", "{A}"), b"", "{B}")


def test_rich_text() -> None:
    runs = [{"text": "rot ", "color": "red", "bold": True}, {"text": "<&>"}, {"text": "2", "script": "superscript"}]
    with pytest.raises(ToolInputError) as error:
        one("write_rich_text", cell="B2", runs=runs)
    assert error.value.code == "taken"
    edited = one("write_rich_text", cell="B2", runs=runs, overwrite=True)
    found = opened(edited.content, rich_text=True).worksheets[0]["B2"].value
    assert isinstance(found, CellRichText)
    assert str(found) == "rot <&>2"
    assert found[0].font.b
    assert found[0].font.color.rgb == "FFFF0000"
    assert found[0].font.rFont == "Calibri"
    assert found[2].font.vertAlign == "superscript"
    assert [(h.before, h.after) for h in edited.hunks if h.kind == "cell"] == [("1234.5", "rot <&>2")]
    with pytest.raises(ToolInputError, match="runs"):
        one("write_rich_text", cell="D9", runs=[{"text": ""}])


def test_a_link_and_its_removal() -> None:
    before = book({"Data": ROWS, "Sheet 2": [[1]]})
    edited = one("hyperlink", before, range="A2", url="https://example.org/a b?x=1#part", text="Seite", overwrite=True)
    found = cell(edited, "A2")
    assert (found.value, found.style) == ("Seite", "Hyperlink")
    assert found.hyperlink is not None
    assert (found.hyperlink.target, found.hyperlink.location) == ("https://example.org/a%20b?x=1", "part")
    place = one("hyperlink", edited.content, range="A2:A3", location="Sheet 2!A1", tooltip="dort")
    link = cell(place, "A3").hyperlink
    assert link is not None
    assert (link.location, link.tooltip) == ("'Sheet 2'!A1", "dort")
    assert "example.org" not in part(place.content, "xl/worksheets/_rels/sheet1.xml.rels")
    rest = one("remove_hyperlink", place.content, range="A2")
    assert cell(rest, "A3").hyperlink is not None
    assert cell(rest, "A2").hyperlink is None
    gone = one("remove_hyperlink", rest.content, range="A:A")
    assert "hyperlinks" not in part(gone.content)
    assert opened(gone.content).worksheets[0]["A2"].value == "Seite"


BAD_LINKS = [
    *("javascript:alert(1)", "JaVaScRiPt:x", "\\\\server\\share", "//server/x", "file:///etc/passwd", "C:\\x.xlsx"),
    *("data:text/html,x", "vbscript:x", "ms-excel:ofe|u|x", "/etc/passwd", "http://", "mailto:", "a\nb", "x" * 3000),
]


@pytest.mark.parametrize("url", BAD_LINKS)
def test_links_that_could_do_harm(url: str) -> None:
    with pytest.raises(ToolInputError) as error:
        one("hyperlink", range="A1", url=url)
    assert error.value.code == "url"


@pytest.mark.parametrize("url", ["mailto:a@b.de?subject=x", "../Plan 2026.xlsx", "http://localhost:80/", "docs/a.pdf"])
def test_links_that_are_fine(url: str) -> None:
    found = cell(one("hyperlink", range="D9", url=url), "D9").hyperlink
    assert found is not None
    assert found.target == url.replace(" ", "%20")


def test_a_place_that_is_not_there() -> None:
    with pytest.raises(ToolInputError) as error:
        one("hyperlink", range="A1", location="Datta!A1")
    assert error.value.code == "unknown_sheet"
    assert "'Data'" in error.value.hint


@pytest.mark.parametrize("file", thinned(FILES, 16), ids=lambda f: f.name)
def test_real_files(file: Path) -> None:
    before = file.read_bytes()
    sheet = excel.Workbook.open(before).worksheets[0]
    edited = edit(
        before,
        [
            {"op": "format_cells", "range": "B2:D9", "sheet": sheet.name, "style": "Total", "fill": "#12AB34"},
            {"op": "format_cells", "range": "F:G", "sheet": sheet.name, "number_format": "0.000", "border": "hair"},
            {"op": "format_cells", "range": "12:13", "sheet": sheet.name, "wrap": True, "size": 9},
        ],
    )
    assert changed(before, edited.content) <= {sheet.part, "xl/styles.xml", "xl/workbook.xml"}
    book = opened(edited.content)
    if sheet.name not in book.sheetnames or any("C3" in area for area in book[sheet.name].merged_cells.ranges):
        return  # openpyxl does not see it, or shows the look of the merged range
    found = book[sheet.name]
    assert found["C3"].fill.fgColor.rgb == "FF12AB34"
    assert found["C3"].font.b
    assert found.column_dimensions["F"].number_format == "0.000"
    assert found["B12"].alignment.wrap_text or found.row_dimensions[12].alignment.wrap_text


def test_a_sheet_that_is_protected_is_named() -> None:
    sheet = f'<worksheet xmlns="{MAIN}"><sheetData/><sheetProtection sheet="1"/></worksheet>'
    assert "is protected" in one("format_cells", raw(sheet), range="A1", bold=True).warnings[0]
