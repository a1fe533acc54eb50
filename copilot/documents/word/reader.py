"""A Word document as a model would be given it: structural Markdown with addresses, segments, what is hidden."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from copilot.documents.package import Package
from copilot.documents.segments import Heading, Outline, Reading, Segment
from copilot.documents.tables import markdown_table
from copilot.documents.word.blocks import (
    Block,
    is_deleted_row,
)
from copilot.documents.word.document import Document, section_blocks, shortened
from copilot.documents.word.names import children, every, name, value
from copilot.documents.word.render import DELETED, Renderer
from copilot.errors import ToolInputError

LEFT, UP = "←", "↑"  # what stands in the place of a cell merged with its neighbour

_DYNAMIC = ("DDE", "DDEAUTO", "INCLUDETEXT", "INCLUDEPICTURE", "LINK")
_PROPERTIES = frozenset(
    ["title", "subject", "creator", "keywords", "description", "category", "lastModifiedBy", "created", "modified"]
)


@dataclass(frozen=True, slots=True)
class Item:
    """One block as it is shown: its segments and its Markdown."""

    block: Block
    segments: tuple[Segment, ...]
    markdown: str
    omitted: tuple[str, ...] = ()
    is_list: bool = False


_Row = list[tuple[Block, str]]


class Reader:
    """Turns the blocks of a document into items, in order."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.renderer = Renderer(document)
        self._inside: dict[str, list[Block]] = {}
        for block in document.blocks:
            self._inside.setdefault(block.path.rpartition(".")[0], []).append(block)

    def items(self) -> Iterator[Item]:
        """Yield every block that shows something; what a table holds comes with the table."""
        self.document.numbering.restart()
        inside: str | None = None
        for block in self.document.blocks:
            nested = block.kind in ("row", "cell") or (inside is not None and block.path.startswith(inside))
            if block.kind == "table":
                inside = f"{block.path}." if not nested else inside
                yield self._table(block)
            elif block.kind == "paragraph" and (not nested or ".x" in block.path):
                inside = inside if nested else None
                item = self._paragraph(block)
                if item.markdown or item.segments:
                    yield item

    def _paragraph(self, block: Block) -> Item:
        shown = self.renderer.paragraph(block)
        level = self.document.styles.level(block.element)
        title = self.document.styles.is_title(block.element)
        numbered = self.document.numbering.label(block.element)
        story = block.story.kind
        kind = "heading" if level else "title" if title else "list" if numbered else "paragraph"
        if story != "body":
            kind = {"footnote": "note", "endnote": "note"}.get(story, story)
        address = self.document.address(block)
        hidden = tuple(replace(s, address=address) for s in (*shown.inserted, *shown.hidden))
        words = shown.visible.strip()
        own = (Segment(words, block.where, kind, address, level),) if words else ()
        if not words and not hidden and not shown.markdown.strip():
            return Item(block, (), "", shown.omitted)
        body = shown.markdown.strip().replace("\n", "  \n")
        mark = "" if numbered is None else "-" if numbered.bullet else numbered.label
        if level:
            body = f"{'#' * min(level, 6)} {mark + ' ' if mark and mark != '-' else ''}{body}"
        elif title:
            body = f"# {body}"
        elif numbered:
            body = f"{'  ' * numbered.level}{mark or '-'} {body}"
        is_list = numbered is not None and not level
        return Item(block, own + hidden, f"{self._story(block)}{body} {{{address}}}", shown.omitted, is_list)

    def _story(self, block: Block) -> str:
        if block.story.kind == "body":
            return f"({block.where}) " if block.boxed else ""
        if block.story.kind == "comment":
            return f"({block.story.label}{_comment_by(block)}) "
        label = {"footnote": "[^{}]: ", "endnote": "[^e{}]: "}.get(block.story.kind)
        return label.format(block.story.prefix[2:]) if label else f"({block.where}) "

    def _table(self, table: Block) -> Item:
        address = self.document.address(table)
        hidden: list[Segment] = []
        omitted: list[str] = []
        plain: list[_Row] = []
        marked: list[_Row] = []
        for row in (b for b in self._inside.get(table.path, ()) if b.kind == "row"):
            texts, shown = self._row(row, hidden, omitted)
            plain += [texts] if texts else []
            marked += [shown] if shown else []
        label = f"{table.where[:1].upper()}{table.where[1:]} {{{address}}}"
        body = _shown_rows(marked)
        segments = (Segment(_shown_rows(plain), table.where, "table", address), *hidden)
        return Item(table, segments, f"{label}\n\n{body}" if body else label, tuple(omitted))

    def _row(self, row: Block, hidden: list[Segment], omitted: list[str]) -> tuple[_Row, _Row]:
        """Return a row's cells as plain and as marked texts; add what is hidden or can't be shown to the lists."""
        plain: _Row = []
        marked: _Row = []
        deleted = is_deleted_row(row.element)
        for cell in (b for b in self._inside.get(row.path, ()) if b.kind == "cell"):
            text, shown, segments, missing = self._cell(self._inside.get(cell.path, ()))
            plain.append((cell, UP if cell.merged and not text else text))
            marked.append((cell, UP if cell.merged and not shown else shown))
            hidden += [replace(s, hidden=DELETED) for s in segments] if deleted else segments
            omitted += missing
        if not deleted or not marked:
            return plain, marked
        if words := "\t".join(text for _, text in plain).strip():
            hidden.append(Segment(words, row.where, "revision", "", 0, DELETED))
        return [], [(marked[0][0], f"[deleted row] {marked[0][1]}"), *marked[1:]]

    def _cell(self, inside: Iterable[Block]) -> tuple[str, str, list[Segment], list[str]]:
        text, marked = [], []
        segments: list[Segment] = []
        omitted: list[str] = []
        for block in inside:
            if block.kind == "table":
                marked.append(f"[{block.where.rpartition(', ')[2]} inside: {block.path}]")
                continue
            item = self.renderer.paragraph(block)
            numbered = self.document.numbering.label(block.element)
            mark = "" if numbered is None else f"{'-' if numbered.bullet else numbered.label} "
            text += [item.visible.strip()] if item.visible.strip() else []
            marked += [mark + item.markdown.strip().replace("\n", "<br>")] if item.markdown.strip() else []
            address = self.document.address(block) if item.hidden or item.inserted else ""
            segments += [replace(s, address=address) for s in (*item.inserted, *item.hidden)]
            omitted += item.omitted
        return "\n".join(text), "<br>".join(marked), segments, omitted


def _shown_rows(rows: list[_Row]) -> str:
    """Return a table as Markdown; a form with more merged than real cells as lines that name the columns."""
    cells = [cell for row in rows for cell, _ in row]
    fillers = sum(cell.span - 1 for cell in cells)
    if fillers > len(cells):
        lines = ["; ".join(f"c{cell.column}: {text}".rstrip() for cell, text in row) for row in rows]
        return "\n".join(f"- r{row[0][0].row}: {line}" for row, line in zip(rows, lines, strict=True) if row)
    grid: list[list[str]] = []
    for row in rows:
        texts: list[str] = []
        for cell, text in row:
            texts += [""] * (cell.column - 1 - len(texts)) + [text] + [LEFT] * (cell.span - 1)
        grid.append(texts)
    return markdown_table(grid)


def _comment_by(block: Block) -> str:
    comment = block.story.container
    author, date = value(comment, "author"), (value(comment, "date") or "")[:10]
    return f" by {author or 'somebody'}{f', {date}' if date else ''}"


def read(content: bytes) -> Reading:
    """Return the whole document: segments, Markdown with addresses, flags, and what could not be shown.

    Raises DocumentError.
    """
    reader = Reader(Document(content))
    return _reading(reader, list(reader.items()))


def excerpt(content: bytes, *, at: str = "", budget: int = 20_000) -> tuple[Reading, str]:
    """Return a part of a document, and the address where to read on ("" at the end).

    `at` is a heading, whose section is read, or the address of the first block to read; without it reading starts at
    the beginning. `budget` is about how many characters of Markdown come back, at least one block. Raises
    ToolInputError for an unknown heading or address, DocumentError.
    """
    reader = Reader(Document(content))
    items = list(reader.items())
    if at:
        items = _from(reader.document, items, at)
    used, count = 0, 0
    for item in items:
        used += len(item.markdown)
        if count and used > budget:
            break
        count += 1
    following = reader.document.address(items[count].block) if count < len(items) else ""
    return _reading(reader, items[:count]), following


def _from(document: Document, items: list[Item], at: str) -> list[Item]:
    place = document.place(at)
    if place.kind in ("row", "cell"):
        raise ToolInputError(f"{at!r} lies in a table; read the table.", code="address")
    if place.kind == "paragraph" and place.depth == 0 and document.styles.level(place.element):
        section = {b.path for b in section_blocks(document, place)}
        return [i for i in items if _top(i.block) in section and i.block.story.kind == "body"]
    order = {block.path: index for index, block in enumerate(document.blocks)}
    return [item for item in items if order[item.block.path] >= order[place.path]]


def _top(block: Block) -> str:
    return block.path.split(".")[0]


def _reading(reader: Reader, items: list[Item]) -> Reading:
    document = reader.document
    properties = core_properties(document.package)
    segments = [segment for item in items for segment in item.segments]
    segments += [Segment(words, f"property {key}", "property") for key, words in properties.items()]
    omitted = [missing for item in items for missing in item.omitted] + list(_unread(document))
    return Reading(
        "word",
        tuple(segments),
        _joined(items),
        tuple(sorted(reader.renderer.flags | set(_flags(document)))),
        tuple(dict.fromkeys(omitted)),
        _title(document, properties),
        properties,
    )


def _joined(items: list[Item]) -> str:
    parts: list[str] = []
    for index, item in enumerate(items):
        if index:
            parts.append("\n" if item.is_list and items[index - 1].is_list else "\n\n")
        parts.append(item.markdown)
    return "".join(parts)


def outline(content: bytes) -> Outline:
    """Return the title, the headings with addresses, and the names of paragraph and table styles."""
    document = Document(content)
    headings = [(b, level, document.text(b).strip()) for b, level in document.headings()]
    return Outline(
        "word",
        _title(document, core_properties(document.package)),
        tuple(Heading(words, level, b.where, document.address(b)) for b, level, words in headings if words),
        (),
        tuple(document.styles.names("paragraph", "table")),
    )


def _title(document: Document, properties: dict[str, str]) -> str:
    for block in document.blocks:
        if block.story.kind != "body" or block.kind != "paragraph":
            break
        if document.styles.is_title(block.element) and (words := document.text(block).strip()):
            return shortened(words, 200)
    if properties.get("title"):
        return properties["title"]
    return next((shortened(words, 200) for b, _ in document.headings() if (words := document.text(b).strip())), "")


def core_properties(package: Package) -> dict[str, str]:
    """Return the document's own properties that are filled (title, creator, keywords ...), custom ones by name."""
    found: dict[str, str] = {}
    for kind in ("core-properties", "custom-properties"):
        for part in package.related("", kind):
            for each in package.xml(part) if package.has(part) else ():
                key = each.tag.rpartition("}")[2] if isinstance(each.tag, str) else ""
                key = f"custom {each.get('name')}" if kind == "custom-properties" and key == "property" else key
                words = "".join(map(str, each.itertext())).strip()
                if words and (key in _PROPERTIES or key.startswith("custom ")):
                    found[key] = words
    return found


def _flags(document: Document) -> Iterator[str]:
    package = document.package
    if package.macros:
        yield "macros"
    if package.signed:
        yield "signed"
    if any(story.kind == "comment" for story in document.stories):
        yield "comments"
    external = [r for n in package.names() if n.endswith(".rels") for r in _external(package, n)]
    if external:
        yield "external-links"
    if any(kind != "hyperlink" for kind in external):
        yield "external-content"
    for part in {story.part for story in document.stories}:
        root = package.xml(part)
        codes = [(each.text or "").split() for each in every(root, "instrText")]
        codes += [(value(each, "instr") or "").split() for each in every(root, "fldSimple")]
        if any(codes):
            yield "fields"
        if any(code and code[0].upper() in _DYNAMIC for code in codes):
            yield "external-content"


def _external(package: Package, rels: str) -> Iterator[str]:
    """Yield the kinds of the external relationships in a .rels part."""
    for each in package.xml(rels):
        if each.get("TargetMode") == "External":
            yield (each.get("Type") or "").rpartition("/")[2]


def _unread(document: Document) -> Iterator[str]:
    """Say what of the document no item shows."""
    for story in document.stories:
        for each in children(story.container, "w:altChunk", "w:subDoc"):
            yield f"imported content ({name(each)}) in the {story.label or 'body'}"
    if document.package.macros:
        yield "the macros (VBA project)"


def style_names(content: bytes) -> dict[str, list[str]]:
    """Return the names of a document's styles by kind: paragraph, table, character. Raises DocumentError."""
    styles = Document(content).styles
    return {kind: styles.names(kind) for kind in ("paragraph", "table", "character")}
