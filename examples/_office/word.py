"""Word: the styles, tables, fields and charts that the documents share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from docx import Document
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement, parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.shared import Cm, Pt, RGBColor

from _office.look import DARK, PALE
from _office.packing import WRITTEN


def document(title: str, author: str, subject: str) -> Any:
    """Return a document on A4 in our styles, with fixed properties."""
    made = Document()
    core = made.core_properties
    core.title, core.author, core.subject, core.last_modified_by = title, author, subject, author
    core.created = core.modified = WRITTEN
    core.comments, core.revision = "", 3
    page = made.sections[0]
    page.page_width, page.page_height = Cm(21), Cm(29.7)
    page.left_margin = page.right_margin = Cm(2.4)
    page.top_margin, page.bottom_margin = Cm(2.5), Cm(2.2)
    sizes = {"Normal": 10.5, "Title": 26, "Subtitle": 13, "Heading 1": 14, "Heading 2": 11.5}
    for name, size in sizes.items():
        style = made.styles[name]
        style.font.name, style.font.size = "Arial", Pt(size)
        fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
        for attribute in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
            fonts.attrib.pop(qn(f"w:{attribute}"), None)
        if name != "Normal":
            style.font.color.rgb = RGBColor.from_string(DARK)
            style.font.italic = False
    made.styles["Normal"].paragraph_format.space_after = Pt(6)
    made.styles["Normal"].paragraph_format.line_spacing = 1.15
    heading = made.styles["Heading 1"].paragraph_format
    heading.space_before, heading.space_after, heading.keep_with_next = Pt(16), Pt(6), True
    return made


def field(paragraph: Any, code: str, shown: str) -> None:
    """Add a complex field (begin, code, separate, result, end) with the result that Word would show."""
    for kind, text in (("begin", ""), ("", code), ("separate", ""), ("result", shown), ("end", "")):
        run = paragraph.add_run(shown if kind == "result" else "")
        if kind == "":
            run._r.append(parse_xml(f'<w:instrText {nsdecls("w")} xml:space="preserve"> {text} </w:instrText>'))
        elif kind != "result":
            mark = OxmlElement("w:fldChar")
            mark.set(qn("w:fldCharType"), kind)
            run._r.append(mark)


def header_footer(made: Any, left: str, right: str, foot: str, pages: int) -> None:
    section = made.sections[0]
    width = section.page_width - section.left_margin - section.right_margin
    for area, words, end in ((section.header, left, right), (section.footer, foot, None)):
        line = area.paragraphs[0]
        for tabs in line.style.element.iter(qn("w:tabs")):
            tabs.getparent().remove(tabs)
        line.paragraph_format.tab_stops.add_tab_stop(width, 2)
        line.add_run(f"{words}\t{end or ''}")
        if end is None:
            line.add_run("Page ")
            field(line, "PAGE", "1")
            line.add_run(" of ")
            field(line, "NUMPAGES", str(pages))
        for run in line.runs:
            run.font.size = Pt(8.5)
            run.font.color.rgb = RGBColor(0x5B, 0x6B, 0x78)


def rich(paragraph: Any, text: str) -> Any:
    """Add `text`: **bold** in stars, and a | where Word would have cut the run (after a spelling check)."""
    for piece in re.split(r"(\*\*.+?\*\*)", text):
        bold = piece.startswith("**")
        for part in piece.strip("*").split("|") if piece else []:
            paragraph.add_run(part).bold = bold or None
    return paragraph


def shade(cell: Any, colour: str) -> None:
    cell._tc.get_or_add_tcPr().append(
        parse_xml(f'<w:shd {nsdecls("w")} w:val="clear" w:color="auto" w:fill="{colour}"/>')
    )


def table(made: Any, rows: Sequence[Sequence[str]], widths: Sequence[float], *, total: bool = False) -> Any:
    """Add a table: dark header row that repeats, numbers to the right, the last row bold if it is a total."""
    grid = made.add_table(len(rows), len(rows[0]), "Table Grid")
    grid.alignment, grid.autofit = WD_TABLE_ALIGNMENT.CENTER, False
    for r, row in enumerate(rows):
        for c, text in enumerate(row):
            cell = grid.cell(r, c)
            cell.width = Cm(widths[c])
            line = rich(cell.paragraphs[0], text)
            line.paragraph_format.space_before = line.paragraph_format.space_after = Pt(2)
            if r and c and re.match(r"[€+−]|[\d.,]+(?: %)?$", text):
                line.alignment = WD_ALIGN_PARAGRAPH.RIGHT
            for run in line.runs:
                run.font.size = Pt(9.5)
                if r == 0:
                    run.bold, run.font.color.rgb = True, RGBColor(255, 255, 255)
                elif total and r == len(rows) - 1:
                    run.bold = True
            if r == 0 or (total and r == len(rows) - 1):
                shade(cell, DARK if r == 0 else PALE)
    for column, width in enumerate(widths):
        grid.columns[column].width = Cm(width)
    grid.rows[0]._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))
    return grid


def caption(made: Any, text: str) -> None:
    line = made.add_paragraph(text, "Caption")
    line.paragraph_format.space_before, line.paragraph_format.space_after = Pt(4), Pt(10)
