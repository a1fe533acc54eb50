"""A Word document as a model would be given it: structural Markdown with addresses, segments, what is hidden."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from copilot.documents.package import Package
from copilot.documents.segments import Heading, Outline, Reading, Segment
from copilot.documents.word.blocks import Block
from copilot.documents.word.document import Document, section_blocks, shortened
from copilot.documents.word.items import Item, Reader, joined
from copilot.documents.word.names import Element, every, value, within
from copilot.documents.word.properties import core_properties
from copilot.documents.word.revised import View
from copilot.documents.word.table_items import fitting
from copilot.errors import ToolInputError

_DYNAMIC = ("DDE", "DDEAUTO", "INCLUDETEXT", "INCLUDEPICTURE", "LINK")
#: Types of the relationships to parts that hold text.
_STORIES = ("header", "footer", "footnotes", "endnotes", "comments")
_CUT_FROM = 2_000  # characters: a shorter table is not cut
_ON = "from "  # before the address of a heading at which reading goes on


def read(content: bytes, *, marks: View = "all") -> Reading:
    """Return the whole document: segments, Markdown with addresses, flags, and what could not be shown.

    `marks`: "all" shows tracked changes as such, "clean" the text once all are accepted, "original" as it was before.
    Raises DocumentError.
    """
    reader = Reader(Document(content), marks)
    return _reading(reader, list(reader.items()))


def excerpt(content: bytes, *, at: str = "", budget: int = 20_000, marks: View = "all") -> tuple[Reading, str]:
    """Return a part of a document, and where to read on, to be given as the next `at` ("" at the end).

    `at` is a heading, whose section is read, or the address of the first block (or row of a table) to read; without it
    reading starts at the beginning. `budget` is about how many characters of Markdown come back, at least one block; a
    table that is longer goes on with its first row repeated. `marks` as in `read`. Raises ToolInputError for an
    unknown heading or address, DocumentError.
    """
    reader = Reader(Document(content), marks)
    items = list(reader.items())
    row = 0
    if at:
        items, row = _from(reader.document, items, at)
    shown, following = _within(reader.document, items, row, budget)
    return _reading(reader, shown), following


def _within(document: Document, items: list[Item], row: int, budget: int) -> tuple[list[Item], str]:
    """Return the items that fit into the budget, the first one from its row `row` on, and where the rest begins."""
    shown: list[Item] = []
    used = 0
    for index, item in enumerate(items):
        first = 0 if index else row
        if first or (len(item.markdown) > budget - used and len(item.markdown) > _CUT_FROM and len(item.rows) > 1):
            last = fitting(item.rows, first, budget - used)
            if last < len(item.rows):
                if used and last <= first + 1:
                    return shown, _following(document, item)
                return [*shown, item.cut(first, last)], document.address(item.rows[last].block)
            item = item.cut(first, last) if first else item
        if shown and used + len(item.markdown) > budget:
            return shown, _following(document, item)
        used += len(item.markdown)
        shown.append(item)
    return shown, ""


def _following(document: Document, item: Item) -> str:
    """Return the word that names an item as the place to read on from, not as a section of its own."""
    address = document.address(item.block)
    is_heading = item.block.kind == "paragraph" and document.styles.level(item.block.element) > 0
    return f"{_ON}{address}" if is_heading else address


def _from(document: Document, items: list[Item], at: str) -> tuple[list[Item], int]:
    """Return the items from a place on, and the row that the first of them begins with."""
    goes_on = at.strip().lower().startswith(_ON) and document.is_address(at.strip()[len(_ON) :])
    place = document.place(at.strip()[len(_ON) :] if goes_on else at)
    order = {block.path: index for index, block in enumerate(document.blocks)}
    if place.kind == "cell":
        raise ToolInputError(f"{at!r} lies in a table; read the table.", code="address")
    if place.kind == "row":
        table = place.path.rpartition(".")[0]
        start = next(index for index, item in enumerate(items) if item.block.path == table)
        return items[start:], place.row - 1
    if not goes_on and place.kind == "paragraph" and place.depth == 0 and document.styles.level(place.element):
        section = {b.path for b in section_blocks(document, place)}
        return [i for i in items if _top(i.block) in section and i.block.story.kind == "body"], 0
    return [item for item in items if order[item.block.path] >= order[place.path]], 0


def _top(block: Block) -> str:
    return block.path.split(".")[0]


def _reading(reader: Reader, items: list[Item]) -> Reading:
    document = reader.document
    properties = core_properties(document.package)
    segments = [segment for item in items for segment in item.segments]
    segments += [Segment(words, f"property {key}", "property") for key, words in properties.items()]
    omitted = [missing for item in items for missing in item.omitted] + list(_unread(reader))
    return Reading(
        "word",
        tuple(segments),
        joined(items),
        tuple(sorted(reader.renderer.flags | set(_flags(document)))),
        tuple(dict.fromkeys(omitted)),
        _title(document, properties),
        properties,
    )


def outline(content: bytes) -> Outline:
    """Return the title, the headings with what their sections hold, and the names of paragraph and table styles."""
    document = Document(content)
    headings = [(b, level, document.text(b).strip()) for b, level in document.headings()]
    sizes = _sizes(document, [block for block, _, _ in headings])
    return Outline(
        "word",
        _title(document, core_properties(document.package)),
        tuple(
            Heading(words, level, b.where, document.address(b), *sizes[b.path]) for b, level, words in headings if words
        ),
        (),
        tuple(document.styles.names("paragraph", "table")),
    )


def _sizes(document: Document, headings: list[Block]) -> dict[str, tuple[int, int, int]]:
    """Return the words, tables and pictures below each heading, up to the next one of whatever level."""
    found = {heading.path: [0, 0, 0] for heading in headings}
    current: list[int] = [0, 0, 0]
    for block in document.blocks:
        if block.story.kind != "body":
            break
        if block.depth:
            continue
        current = found.get(block.path, current)
        tables = 1 if block.kind == "table" else 0
        for paragraph in every(block.element, "p"):
            current[0] += len("".join(t.text or "" for t in every(paragraph, "t")).split())
        current[1] += tables
        current[2] += sum(1 for local in ("drawing", "pict") for _ in every(block.element, local))
    return {path: (words, tables, pictures) for path, (words, tables, pictures) in found.items()}


def _title(document: Document, properties: dict[str, str]) -> str:
    for block in document.blocks:
        if block.story.kind != "body" or block.kind != "paragraph":
            break
        if document.styles.is_title(block.element) and (words := document.text(block).strip()):
            return shortened(words, 200)
    if properties.get("title"):
        return properties["title"]
    return next((shortened(words, 200) for b, _ in document.headings() if (words := document.text(b).strip())), "")


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


def _unread(reader: Reader) -> Iterator[str]:
    """Say what of the document no item shows."""
    document = reader.document
    for part in dict.fromkeys(story.part for story in document.stories):
        marks = reader.renderer.marks(part)
        for kind, count in Counter(marks.imported).items():
            yield f"imported content ({kind})" + (f", {count} times" if count > 1 else "") + f" in {part}"
        for code, count in Counter(code.split()[0].upper() for code in marks.silent).items():
            yield f"{count} {code} field{'s' if count > 1 else ''} (entries that show nothing) in {part}"
        if words := _unwalked(document, part):
            yield f"{words} words outside of the known structure in {part}"
    for kind in _STORIES:
        parts = dict.fromkeys(document.package.related(document.main, kind))
        yield from (f"{kind} ({part} is missing)" for part in parts if not document.package.has(part))
    if any(name_.startswith("word/glossary/") for name_ in document.package.names()):
        yield "the building blocks (glossary document)"
    if document.package.macros:
        yield "the macros (VBA project)"


def _unwalked(document: Document, part: str) -> int:
    """Return how many words of a part stand in paragraphs that are no blocks, fallbacks for old programs left out."""
    known = {block.element for block in document.blocks if block.story.part == part and block.kind == "paragraph"}
    lost = 0
    for paragraph in every(document.package.xml(part), "p"):
        if paragraph not in known and within(paragraph, "mc:AlternateContent") is None and not _is_other(paragraph):
            lost += len("".join(t.text or "" for t in every(paragraph, "t")).split())
    return lost


def _is_other(paragraph: Element) -> bool:
    """Return whether a paragraph belongs to a note that is no text: a separator, or one that nothing refers to."""
    note = within(paragraph, "w:footnote", "w:endnote")
    return note is not None and value(note, "type") not in (None, "normal")


def style_names(content: bytes) -> dict[str, list[str]]:
    """Return the names of a document's styles by kind: paragraph, table, character. Raises DocumentError."""
    styles = Document(content).styles
    return {kind: styles.names(kind) for kind in ("paragraph", "table", "character")}


def styles_in_use(content: bytes) -> list[str]:
    """Return the names of the styles that paragraphs, words or tables have, sorted. Raises DocumentError."""
    document = Document(content)
    kinds = {"pStyle": "paragraph", "rStyle": "character", "tblStyle": "table"}
    used = {document.styles.default()}
    for part in dict.fromkeys(story.part for story in document.stories):
        root = document.package.xml(part)
        used |= {value(each) for local in kinds for each in every(root, local)}
    return sorted({document.styles.name(style) for style in used if style} - {""})
