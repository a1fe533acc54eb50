"""New paragraphs, list items and tables as XML, made to look like what the document has already."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence

from copilot.documents.word import text
from copilot.documents.word.blocks import MAX_SPAN, Block, block_elements
from copilot.documents.word.document import Document
from copilot.documents.word.names import (
    Element,
    add,
    child,
    children,
    descend,
    descendants,
    every,
    first,
    is_strict,
    name,
    new,
    number,
    value,
)
from copilot.documents.word.order import put
from copilot.documents.word.styles import style_id
from copilot.errors import ToolInputError

#: What no new paragraph takes over from the one that it is made to look like.
_OWN = frozenset({"w:sectPr", "w:pPrChange", "w:pageBreakBefore", "w:framePr", "w:outlineLvl", "w:cnfStyle", "w:divId"})
_RUN_OWN = frozenset({"w:rPrChange", "w:ins", "w:del", "w:moveFrom", "w:moveTo", "w:vanish", "w:rStyle"})
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_PAGE = 12240 - 2 * 1440  # width of the text on a US Letter page, twentieths of a point
#: Words in the names of styles that are not for body text.
_SPECIAL = ("caption", "toc ", "subtitle", "list", "footnote", "quote", "code", "macro", "preformatted")
_MOST_COLUMNS = 45  # of text on a page (17.6.4)
_ODD = 2  # that many alike, and a different one is odd
_LOOKS = 50  # paragraphs that are asked for the usual look


def clean(words: str, argument: str) -> str:
    """Return the text with uniform line ends; raises ToolInputError for characters that XML can't hold."""
    words = words.replace("\r\n", "\n").replace("\r", "\n").replace("\v", "\n")
    if bad := _ILLEGAL.search(words):
        raise ToolInputError(f"{argument} holds the control character U+{ord(bad[0]):04X}, which no document can hold.")
    return words


def lines(words: str, argument: str = "text") -> list[str]:
    """Return the paragraphs of a text, one a line, blank ones left out; raises ToolInputError when there is none."""
    found = [line.strip() for line in clean(words, argument).split("\n") if line.strip()]
    if not found:
        raise ToolInputError(f"{argument} is empty.")
    return found


def paragraph(near: Element, words: str, *, style: str | None = None, like: Element | None = None) -> Element:
    """Return a new paragraph of a part: with a style (by id), or with the look of the paragraph `like`."""
    made = new(near, "p")
    run_properties = None
    if like is not None:
        run_properties = _take_look(made, like)
    if style is not None:
        first(first(made, "pPr"), "pStyle").set(_attribute(made, "val"), style)
    if words:
        run = add(made, "r")
        if run_properties is not None:
            run.append(run_properties)
        text.set_text(run, words)
    return made


def _take_look(made: Element, like: Element) -> Element | None:
    """Give `made` the paragraph properties of `like`; return a copy of its longest run's properties."""
    properties = child(like, "w:pPr")
    if properties is not None:
        taken = copy.deepcopy(properties)
        taken.tail = None
        for each in list(taken):
            if name(each) in _OWN:
                taken.remove(each)
        _drop(child(taken, "w:rPr"), _RUN_OWN)
        made.append(taken)
    own = child(_main_run(like), "w:rPr")
    if own is None:
        return None
    kept = copy.deepcopy(own)
    kept.tail = None
    _drop(kept, _RUN_OWN)
    return kept


def _main_run(like: Element) -> Element | None:
    """Return the run with the most text: a paragraph often begins with a bold word or two."""
    runs = [r for r in every(like, "r") if child(r, "w:t") is not None]
    return max(runs, key=lambda r: sum(len(t.text or "") for t in children(r, "w:t")), default=None)


def _drop(properties: Element | None, names: frozenset[str]) -> None:
    for each in list(properties) if properties is not None else []:
        if name(each) in names and properties is not None:
            properties.remove(each)


def _attribute(near: Element, local: str) -> str:
    return f"{{{near.tag.rpartition('}')[0][1:]}}}{local}" if isinstance(near.tag, str) else local


def set_style(block: Element, style: str, *, table: bool = False) -> None:
    """Give a paragraph or a table a style by id."""
    properties = first(block, "tblPr" if table else "pPr")
    first(properties, "tblStyle" if table else "pStyle").set(_attribute(properties, "val"), style)


def list_item(document: Document, near: Element, words: str, list_id: str, level: int, like: Element | None) -> Element:
    """Return a new list paragraph in the list `list_id`."""
    style = None
    if like is None:
        style = document.styles.id_of("List Paragraph", "paragraph")
    made = paragraph(near, words, style=style, like=like)
    properties = first(made, "pPr")
    numbering = new(made, "numPr")
    add(numbering, "ilvl", val=str(level))
    add(numbering, "numId", val=list_id)
    put(properties, numbering)
    return made


def table(document: Document, near: Block, rows: Sequence[Sequence[str]], style: str, *, header: bool) -> Element:
    """Return a new table with these rows, as wide as the text; the first row repeats on every page if `header`."""
    columns = max((len(row) for row in rows), default=0)
    if not rows or not columns:
        raise ToolInputError("rows is empty: a table needs at least one row with one cell.")
    if columns > MAX_SPAN:
        raise ToolInputError(f"The table would have {columns} columns; Word allows {MAX_SPAN}.")
    width = text_width(document, near)
    made = new(near.element, "tbl")
    properties = add(made, "tblPr")
    add(properties, "tblStyle", val=style)
    add(properties, "tblW", w=str(width // columns * columns), type="dxa")
    flags = {"firstRow": "1" if header else "0", "lastRow": "0", "firstColumn": "0"}
    packed = {} if is_strict(made) else {"val": "0420" if header else "0400"}
    add(properties, "tblLook", **packed, **flags, lastColumn="0", noHBand="0", noVBand="1")
    grid = add(made, "tblGrid")
    for _ in range(columns):
        add(grid, "gridCol", w=str(width // columns))
    bold = header and not _styles_header(document, style)
    for index, row in enumerate(rows):
        made.append(_row(made, [*row, *[""] * (columns - len(row))], width // columns, header and index == 0, bold))
    return made


def _row(near: Element, texts: Sequence[str], width: int, header: bool, bold: bool) -> Element:
    row = new(near, "tr")
    if header:
        add(add(row, "trPr"), "tblHeader")
    for words in texts:
        cell = add(row, "tc")
        add(add(cell, "tcPr"), "tcW", w=str(width), type="dxa")
        cell.append(paragraph(near, clean(words, "rows")))
        if header and bold:
            for run in every(cell, "r"):
                add(first(run, "rPr"), "b")
    return row


def _styles_header(document: Document, style: str) -> bool:
    """Return whether a table style sets its first row apart by itself."""
    return any(
        value(part, "type") == "firstRow"
        for each in document.styles.chain(style)
        for part in children(each, "w:tblStylePr")
    )


def text_width(document: Document, near: Block) -> int:
    """Return the width of the text in twentieths of a point: of the cell, or of the column of the section around."""
    for each in near.element.iterancestors():
        if name(each) == "w:tc":
            return max((number(descend(each, "w:tcPr", "w:tcW"), "w") or 0) - 216, 1440)
    section = _section_around(document, near.element)
    page = number(child(section, "w:pgSz"), "w")
    margins = child(section, "w:pgMar")
    left, right = number(margins, "left"), number(margins, "right")
    if page is None or left is None or right is None or page - left - right < 1440:
        return _PAGE
    columns = child(section, "w:cols")
    count = min(max(number(columns, "num") or 1, 1), _MOST_COLUMNS)
    space = max(number(columns, "space") or 0, 0)
    return max((page - left - right - (count - 1) * space) // count, 1440)


def _section_around(document: Document, element: Element) -> Element | None:
    """Return the properties of the section that an element stands in: those that end it (17.6.18)."""
    body = document.body
    top = next((e for e in (element, *element.iterancestors()) if e.getparent() is body), None)
    for each in () if top is None else (top, *top.itersiblings()):
        found = each if name(each) == "w:sectPr" else descend(each, "w:pPr", "w:sectPr")
        if found is not None:
            return found
    return child(body, "w:sectPr")


def usual_table_style(document: Document) -> str:
    """Return the id of the style that most of the document's tables have, else of "Table Grid"."""
    used = [value(descend(t, "w:tblPr", "w:tblStyle")) for t in every(document.body, "tbl")]
    known = [s for s in used if s and document.styles.get(s) is not None]
    return max(known, key=known.count) if known else document.styles.table_grid()


def body_look(document: Document, anchor: Block) -> Element | None:
    """Return the paragraph that new body text near `anchor` should look like, None for the default style.

    The anchor itself when it is plain text; else the nearest one, first below, then above, unless nothing looks like
    it while several others look alike.
    """
    beside = [e for e in block_elements(_container(anchor.element)) if name(e) == "w:p"]
    if anchor.kind == "paragraph" and _is_plain(document, anchor.element):
        return anchor.element
    at = beside.index(anchor.element) if anchor.element in beside else len(beside)
    plain = [p for p in [*beside[at + 1 :], *reversed(beside[:at])] if _is_plain(document, p)]
    looks = [_look_key(p) for p in plain[:_LOOKS]]
    usual = max(looks, key=looks.count, default="")
    odd = looks.count(usual) > _ODD and looks.count(looks[0]) == 1
    return (plain[looks.index(usual)] if odd else plain[0]) if plain else None


def _look_key(element: Element) -> str:
    """Return what makes the look of a paragraph, to compare paragraphs by."""
    run = _main_run(element)
    properties = [p for p in (child(element, "w:pPr"), child(run, "w:rPr")) if p is not None]
    return "".join(f"{name(each)}{sorted(each.attrib.values())}" for p in properties for each in p.iter())


def _container(element: Element) -> Element:
    containers = ("w:body", "w:tc", "w:txbxContent", "w:hdr", "w:ftr", "w:footnote", "w:endnote", "w:comment")
    return next((each for each in element.iterancestors() if name(each) in containers), element)


def _is_plain(document: Document, element: Element) -> bool:
    styles = document.styles
    if styles.level(element) or styles.is_title(element) or document.numbering.of(element) is not None:
        return False
    style = styles.name(style_id(element)).casefold()
    if any(word in style for word in _SPECIAL):
        return False
    runs = [r for r in descendants(element, "w:r") if child(r, "w:t") is not None]
    return bool(runs) and not any(name(each) in ("w:fldChar", "w:drawing", "w:pict") for each in element.iter())
