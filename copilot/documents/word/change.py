"""Change what is there: the text of a paragraph or cell, its style."""

from __future__ import annotations

from collections.abc import Sequence

from copilot.documents.hunks import Hunk
from copilot.documents.word import build, text
from copilot.documents.word.blocks import Block, twin
from copilot.documents.word.document import Document, shortened
from copilot.documents.word.doubts import Doubts
from copilot.documents.word.editing import Edit, Number, Words, editor
from copilot.documents.word.names import Element, descend, name, value
from copilot.documents.word.styles import style_id
from copilot.documents.word.tables.places import cell_at, table_at
from copilot.documents.word.tables.styles import table_style_id
from copilot.errors import ToolInputError

_PRECIOUS = ("w:drawing", "w:pict", "w:object", "w:footnoteReference", "w:endnoteReference", "w:sdt", "w:fldChar")


@editor
def replace_paragraph(document: Document, address: str, text: Words) -> Edit:
    """Make the paragraph at `address` read `text`; words that stay keep their formatting, links and notes.

    A line break in `text` becomes one in the paragraph. Raises ToolInputError for a stale address, or when an equation
    is in the way; DocumentError.
    """
    block = document.place(address)
    if block.kind == "cell":
        return _set_cell(document, block, text)
    if block.kind != "paragraph":
        raise ToolInputError(f"{address!r} is a {block.kind}; only paragraphs and cells have a text.", code="address")
    hunk, warnings = _rewrite(document, block, build.clean(text, "text").strip("\n"))
    document.touch(block.story)
    return Edit.of([hunk], warnings)


def _rewrite(document: Document, block: Block, words: str) -> tuple[Hunk, list[str]]:
    line = document.line(block)
    if line.text == words:
        raise ToolInputError(f"{block.where} reads so already: nothing would change.", code="unchanged")
    doubts = _doubts(line, block)
    if not text.rewrite(line, words):
        reason = f"{block.where} holds an equation or symbol that the new text would remove."
        raise ToolInputError(reason, hint="Change the words around it with replace_text.", code="fixed")
    if (copied := twin(block.element)) is not None:
        other = text.line(copied, document.fields(block.story.part))
        if other.text == line.text:
            text.rewrite(other, words)
    return Hunk(block.where, line.text, words), list(doubts.warnings())


def _doubts(line: text.Line, block: Block) -> Doubts:
    doubts = Doubts()
    if any(piece.trail.field for piece in line.pieces):
        doubts.add("A field is part of it, and Word computes its text anew when fields are updated", block)
    doubts.add_controls(line.pieces[0].element if line.pieces else block.element, block)
    return doubts


# Tables


@editor
def set_table_cell(document: Document, table: Words, row: Number, column: int | str, text: Words) -> Edit:
    """Set the text of a cell; its paragraph and character formatting stay.

    `row` counts from 1, the header included; `column` is a number from 1 or the header of the column. Lines become
    paragraphs. Raises ToolInputError for places that aren't there or are hidden under a merge, DocumentError.
    """
    return _set_cell(document, cell_at(document, table_at(document, table), row, column), text)


def _set_cell(document: Document, cell: Block, words: str) -> Edit:
    before = document.text(cell)
    wanted = [line for line in build.clean(words, "text").split("\n") if line.strip()] or [""]
    if before == "\n".join(wanted):
        raise ToolInputError(f"{cell.where} reads so already: nothing would change.", code="unchanged")
    inside = [b for b in document.blocks if b.path.startswith(f"{cell.path}.") and b.depth == cell.depth + 1]
    paragraphs = [b for b in inside if b.kind == "paragraph"]
    _refuse_loss(cell, inside, paragraphs[len(wanted) :])
    warnings: list[str] = []
    for block, line in zip(paragraphs, wanted, strict=False):
        if document.line(block).text != line:
            warnings += _rewrite(document, block, line)[1]
    like = paragraphs[-1].element if paragraphs else None
    for line in reversed(wanted[len(paragraphs) :]):
        made = build.paragraph(cell.element, line, like=like)
        if like is None:  # a damaged cell: it lacks the paragraph that every cell ends with
            cell.element.append(made)
        else:
            like.addnext(made)
    for block in paragraphs[len(wanted) :]:
        _parent(block.element).remove(block.element)
    document.touch(cell.story)
    return Edit.of([Hunk(cell.where, before, "\n".join(wanted))], warnings)


def _refuse_loss(cell: Block, inside: list[Block], removed: list[Block]) -> None:
    if any(b.kind == "table" for b in inside):
        hint = "Change its paragraphs or the cells of the inner table by their addresses."
        raise ToolInputError(f"{cell.where} holds a table of its own.", hint=hint, code="nested")
    for block in removed:
        if any(name(each) in _PRECIOUS for each in block.element.iter()):
            hint = "Change its paragraphs one by one by their addresses."
            raise ToolInputError(f"{cell.where} holds a picture, note or field that would be lost.", hint=hint)


# Styles


@editor
def apply_style(document: Document, addresses: Sequence[str], style: str) -> Edit:
    """Give the paragraphs (or tables) at these addresses or headings a style by name.

    Raises ToolInputError for an unknown style, with the closest names, or a stale address; DocumentError.
    """
    blocks = _blocks(document, addresses)
    hunks = []
    for block in blocks:
        if block.kind not in ("paragraph", "table"):
            raise ToolInputError(f"{block.path} is a {block.kind}, which has no style of its own.", code="address")
        table = block.kind == "table"
        wanted = table_style_id(document, style) if table else document.styles.require(style, block.kind)
        before = _style_of(document, block)
        if wanted == (before or document.styles.default(block.kind)):
            continue
        build.set_style(block.element, wanted, table=table)
        if not table and (copied := twin(block.element)) is not None:
            build.set_style(copied, wanted)
        shown = f"{shortened(document.text(block))} "
        default = document.styles.name(document.styles.default(block.kind)) or "Normal"
        old = document.styles.name(before) if before else default
        hunks.append(Hunk(block.where, f"{shown}[{old}]", f"{shown}[{document.styles.name(wanted)}]", "format"))
    if not hunks:
        raise ToolInputError(f"It has the style {style!r} already: nothing would change.", code="unchanged")
    for block in blocks:
        document.package.touch(block.story.part)
    return Edit.of(hunks)


def _style_of(document: Document, block: Block) -> str | None:
    if block.kind == "table":
        return value(descend(block.element, "w:tblPr", "w:tblStyle"))
    return style_id(block.element)


def _blocks(document: Document, addresses: Sequence[str]) -> list[Block]:
    """Return the blocks at several addresses, each once; headings may be named by their words."""
    if not addresses:
        raise ToolInputError("addresses is empty.")
    return document.places(addresses)


def _parent(element: Element) -> Element:
    parent = element.getparent()
    assert parent is not None
    return parent


#: The operations of this module.
OPERATIONS = (replace_paragraph, set_table_cell, apply_style)
