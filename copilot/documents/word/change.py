"""Change what is there: the text of a paragraph or cell, its style; rows added; blocks removed."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence

from copilot.documents.hunks import Hunk
from copilot.documents.word import build, text
from copilot.documents.word.blocks import Block, cells, rows, twin
from copilot.documents.word.document import Document, shortened
from copilot.documents.word.doubts import Doubts
from copilot.documents.word.editing import Edit, Number, Words, editor
from copilot.documents.word.names import Element, child, children, descend, descendants, name, new, value
from copilot.documents.word.styles import style_id
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


def table_at(document: Document, table: str) -> Block:
    """Return a table by address, or by its number in the body ("2", "table 2"); raises ToolInputError."""
    digits = table.strip().lower().removeprefix("table").strip()
    block = document.at(f"t{int(digits)}" if digits.isdigit() else table)
    if block.kind in ("row", "cell"):
        path = block.path.rpartition(".r")[0]
        block = next(b for b in document.blocks if b.path == path)
    if block.kind != "table":
        raise ToolInputError(f"{table!r} is no table but a {block.kind}.", code="address")
    return block


@editor
def set_table_cell(document: Document, table: Words, row: Number, column: int | str, text: Words) -> Edit:
    """Set the text of a cell; its paragraph and character formatting stay.

    `row` counts from 1, the header included; `column` is a number from 1 or the header of the column. Lines become
    paragraphs. Raises ToolInputError for places that aren't there or are hidden under a merge, DocumentError.
    """
    return _set_cell(document, _cell(document, table_at(document, table), row, column), text)


def _cell(document: Document, table: Block, row: int, column: int | str) -> Block:
    inside = [b for b in document.blocks if b.kind == "cell" and b.path.rpartition(".r")[0] == table.path]
    count = max((b.row for b in inside), default=0)
    if not 1 <= row <= count:
        raise ToolInputError(f"{table.where} has no row {row}.", hint=f"It has {count} rows.", code="row")
    at = column if isinstance(column, int) else _column(document, inside, column)
    found = next((b for b in inside if b.row == row and b.column <= at < b.column + b.span), None)
    if found is None:
        width = max((b.column + b.span - 1 for b in inside if b.row == row), default=0)
        raise ToolInputError(f"Row {row} of {table.where} has no column {at}.", hint=f"It has {width}.", code="column")
    if found.merged:
        above = [b for b in inside if b.column == found.column and b.row < row and not b.merged]
        hint = f"Its text stands in row {above[-1].row}." if above else ""
        raise ToolInputError(f"{found.where} is merged with the cell above it.", hint=hint, code="merged")
    return found


def _column(document: Document, inside: list[Block], wanted: str) -> int:
    headers = {" ".join(document.text(b).split()): b.column for b in inside if b.row == 1}
    folded = {key.casefold(): at for key, at in headers.items()}
    words = " ".join(wanted.split()).casefold()
    if words in folded:
        return folded[words]
    if words.isdigit():
        return int(words)
    raise ToolInputError.unknown("column", wanted, [key for key in headers if key])


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


@editor
def add_table_row(
    document: Document, table: Words, values: list[Words] | dict[str, Words], *, after: Number | None = None
) -> Edit:
    """Add a row below row `after` (below the last one if None), formatted like it.

    `values` are the texts in the order of the columns, or by column header. Raises ToolInputError, DocumentError.
    """
    block = table_at(document, table)
    there = list(rows(block.element))
    at = len(there) if after is None else after
    if not 1 <= at <= len(there):
        raise ToolInputError(f"{block.where} has no row {at}.", hint=f"It has {len(there)} rows.", code="row")
    model = _model_row(there, at)
    texts = _texts(document, block, values, [(column, span) for _, column, span in cells(model)])
    made = _like_row(document, block, model, texts)
    there[at - 1].addnext(made)
    made.tail, there[at - 1].tail = there[at - 1].tail, None
    document.touch(block.story)
    warnings = [] if at == len(there) else list(_split_merge(there[at], block))
    where = f"{block.where}, row {at + 1}"
    return Edit.of([Hunk(where, "", "\t".join(texts), "structure")], warnings)


def _model_row(there: list[Element], at: int) -> Element:
    """Return the row that a new one is made like: the one above it, the one below if that is the header."""
    above = there[at - 1]
    header = descend(above, "w:trPr", "w:tblHeader") is not None or at == 1
    return there[at] if header and at < len(there) else above


def _split_merge(below: Element, table: Block) -> Iterator[str]:
    merges = [descend(cell, "w:tcPr", "w:vMerge") for cell, _, _ in cells(below)]
    if any(merge is not None and value(merge) != "restart" for merge in merges):
        yield f"The new row goes through a merged cell of {table.where}."


def _texts(
    document: Document, table: Block, values: Sequence[str] | Mapping[str, str], columns: list[tuple[int, int]]
) -> list[str]:
    """Return one text for each cell of the new row."""
    if isinstance(values, Mapping):
        inside = [b for b in document.blocks if b.kind == "cell" and b.path.rpartition(".r")[0] == table.path]
        by_column = {_column(document, inside, key): words for key, words in values.items()}
        found = [next((w for at, w in by_column.items() if c <= at < c + span), "") for c, span in columns]
    else:
        if len(values) > len(columns):
            raise ToolInputError(f"{len(values)} values for {len(columns)} columns of {table.where}.", code="values")
        found = [*values, *[""] * (len(columns) - len(values))]
    return [build.clean(words, "values") for words in found]


def _like_row(document: Document, table: Block, model: Element, texts: Sequence[str]) -> Element:
    """Return a new row with the cells of `model`, each with one paragraph that looks like the model's first."""
    made = copy.deepcopy(model)
    made.tail = None
    for attribute in list(made.attrib):
        if isinstance(attribute, str) and attribute.rpartition("}")[2] in ("paraId", "textId"):
            del made.attrib[attribute]
    for each in list(children(child(made, "w:trPr"), "w:ins", "w:del", "w:trPrChange", "w:tblHeader", "w:cnfStyle")):
        _parent(each).remove(each)
    for each in [e for e in made if name(e) in ("w:sdt", "w:customXml", "w:bookmarkStart", "w:bookmarkEnd")]:
        made.remove(each)
    originals = [cell for cell, _, _ in cells(model)]
    for each in list(children(made, "w:tc")):
        made.remove(each)
    for cell, words in zip(originals, texts, strict=True):
        made.append(_like_cell(made, cell, words))
    return made


def _like_cell(near: Element, model: Element, words: str) -> Element:
    cell = new(near, "tc")
    if (properties := child(model, "w:tcPr")) is not None:
        kept = copy.deepcopy(properties)
        kept.tail = None
        for each in list(children(kept, "w:vMerge", "w:cellIns", "w:cellDel", "w:cellMerge", "w:tcPrChange")):
            kept.remove(each)
        cell.append(kept)
    like = next((p for p in descendants(model, "w:p")), None)
    for line in words.split("\n"):
        cell.append(build.paragraph(near, line, like=like))
    return cell


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
        wanted = document.styles.require(style, block.kind)
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
    found = {block.path: block for block in (document.place(address) for address in addresses)}
    return list(found.values())


def _parent(element: Element) -> Element:
    parent = element.getparent()
    assert parent is not None
    return parent


#: The operations of this module.
OPERATIONS = (replace_paragraph, set_table_cell, add_table_row, apply_style)
