"""Put new paragraphs, headings and lists into a document."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from copilot.documents.hunks import Hunk
from copilot.documents.word import build
from copilot.documents.word.blocks import Block, Story
from copilot.documents.word.document import Document, section_blocks
from copilot.documents.word.editing import Edit, Words, editor
from copilot.documents.word.names import Element, child, name, new, within
from copilot.documents.word.styles import style_id
from copilot.errors import ToolInputError

Position = Literal["after", "before", "end_of_section"]
ListKind = Literal["bulleted", "numbered"]
ListMaker = Callable[[str, int], Element]

MAX_DEPTH = 9
#: What says that a content control holds one value, which a program that fills it writes as a whole.
_SINGLE = frozenset(
    {
        "w:text", "w:date", "w:dropDownList", "w:comboBox", "w:picture", "w:dataBinding", "w14:checkbox",
        "w15:dataBinding",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Spot:
    """Where new blocks go: put before or after `element`, in `story`; `beside` is what they should look like."""

    element: Element
    before: bool
    story: Story
    beside: Block | None
    where: str

    def put(self, blocks: Sequence[Element]) -> None:
        """Insert the blocks in order."""
        if self.before:
            for block in blocks:
                self.element.addprevious(block)
        else:
            for block in reversed(blocks):
                _add_after(self.element, block)


def _add_after(element: Element, block: Element) -> None:
    """Insert behind an element without taking its tail (white space between the elements) along."""
    tail, element.tail = element.tail, None
    element.addnext(block)
    block.tail, element.tail = None, tail


def spot(document: Document, at: str, position: Position = "after") -> Spot:
    """Return the spot at a heading or an address, the end of the document for "".

    "end_of_section": behind everything up to the next heading that is not deeper. Raises ToolInputError.
    """
    if not at.strip():
        return _end(document)
    block = document.place(at)
    if block.kind == "row":
        raise ToolInputError(f"{at!r} is a row of a table.", hint="Add rows with add_rows.", code="address")
    if block.kind == "cell":
        return _in_cell(document, block)
    if position == "end_of_section" and block.kind == "paragraph":
        if not document.styles.level(block.element) or block.depth or block.story.kind != "body":
            raise ToolInputError(f"{document.quoted(block)} is no heading, so it has no section.", code="address")
        block = section_blocks(document, block)[-1]
        return Spot(block.element, False, block.story, block, f"after {block.where}")
    before = position == "before"
    return Spot(whole(block.element), before, block.story, block, f"{'before' if before else 'after'} {block.where}")


def whole(element: Element) -> Element:
    """Return the block, or the content control around it when that has room for its one value only (17.5.2)."""
    found = element
    while (content := element.getparent()) is not None and name(content) == "w:sdtContent":
        control = content.getparent()
        if control is None:
            break
        properties = child(control, "w:sdtPr")
        if properties is not None and any(name(each) in _SINGLE for each in properties):
            found = control
        element = control
    return found


def _end(document: Document) -> Spot:
    """Return the end of the body: before its section properties, which stay last."""
    story = document.stories[0]
    top = [b for b in document.blocks if b.story.kind == "body" and b.depth == 0]
    section = child(document.body, "w:sectPr")
    beside = top[-1] if top else None
    if section is not None:
        return Spot(section, True, story, beside, "at the end")
    if len(document.body):
        return Spot(document.body[-1], False, story, beside, "at the end")
    empty = new(document.body, "p")
    document.body.append(empty)
    return Spot(empty, False, story, None, "at the end")


def _in_cell(document: Document, cell: Block) -> Spot:
    inside = [b for b in document.blocks if b.path.startswith(f"{cell.path}.") and b.depth == cell.depth + 1]
    last = next((b for b in reversed(inside) if b.kind == "paragraph"), None)
    if last is None:
        raise ToolInputError(f"The cell {cell.path} holds no paragraph to add to.", code="address")
    return Spot(last.element, False, cell.story, last, f"in {cell.where}")


@editor
def insert_paragraphs(
    document: Document, text: Words, *, at: str = "", position: Position = "after", style: str | None = None
) -> Edit:
    """Insert the lines of `text` as paragraphs at a heading or an address; at the end when `at` is "".

    Without `style` they look like the plain text beside them (like the list, beside a list item). Raises
    ToolInputError, DocumentError.
    """
    words = build.lines(text)
    place = spot(document, at, position)
    style_of = document.styles.require(style, "paragraph") if style else None
    like = None if style_of else _look(document, place)
    made = [build.paragraph(place.element, line, style=style_of, like=like) for line in words]
    return inserted(document, place, made, words)


def _look(document: Document, place: Spot) -> Element | None:
    beside = place.beside
    if beside is None or (place.where == "at the end" and beside.kind == "paragraph" and _is_list(document, beside)):
        return build.body_look(document, beside) if beside else None
    return beside.element if _is_list(document, beside) else build.body_look(document, beside)


def _is_list(document: Document, block: Block) -> bool:
    if block.kind != "paragraph" or document.styles.level(block.element):
        return False
    return document.numbering.of(block.element) is not None


@editor
def insert_heading(
    document: Document, text: Words, level: int = 1, *, at: str = "", position: Position = "after"
) -> Edit:
    """Insert a heading of `level` 1 to 9, in the style that the document's headings have.

    Raises ToolInputError, DocumentError.
    """
    if not 1 <= level <= MAX_DEPTH:
        raise ToolInputError(f"level is {level}; headings have a level from 1 to {MAX_DEPTH}.")
    words = " ".join(build.lines(text))
    place = spot(document, at, position)
    made = build.paragraph(place.element, words, style=heading_style(document, level))
    return inserted(document, place, [made], [words])


def heading_style(document: Document, level: int) -> str:
    """Return the id of the style that most headings of this level have, else Word's own."""
    styles = document.styles
    used = [style_id(b.element) for b, depth in document.headings() if depth == level]
    known = [s for s in used if s and styles.get(s) is not None and _level_of(document, s) == level]
    return max(known, key=known.count) if known else styles.heading(level)


def _level_of(document: Document, style: str) -> int:
    return document.styles.level(build.paragraph(document.body, "", style=style))


@editor
def add_list(
    document: Document,
    items: Sequence[Words],
    *,
    kind: ListKind = "bulleted",
    at: str = "",
    position: Position = "after",
) -> Edit:
    """Insert a list; an item indented by two spaces or a tab for each step is that much deeper.

    The list looks like one of its kind that the document has, else gets a definition of its own; numbers start at 1.
    Raises ToolInputError, DocumentError.
    """
    entries = [(depth_of(item), build.clean(item, "items").strip()) for item in items if item.strip()]
    if not entries:
        raise ToolInputError("items is empty: a list needs at least one item.")
    place = spot(document, at, position)
    make = list_maker(document, place.element, kind == "numbered")
    made = [make(words, depth) for depth, words in entries]
    marks = [f"{'  ' * depth}{'-' if kind == 'bulleted' else '#.'} {words}" for depth, words in entries]
    return inserted(document, place, made, marks)


def depth_of(item: str) -> int:
    """Return how deep an item is by its indentation: two spaces or a tab a step."""
    indent = item[: len(item) - len(item.lstrip())].replace("\t", "  ")
    return min(len(indent) // 2, MAX_DEPTH - 1)


def list_maker(document: Document, near: Element, numbered: bool) -> ListMaker:
    """Return a function that makes the items of one new list from text and depth."""
    found = existing_list(document, numbered=numbered)
    like_id, like = found if found else (None, None)
    list_id = document.numbering.start_list(numbered=numbered, like=like_id)

    def make(words: str, depth: int) -> Element:
        return build.list_item(document, near, words, list_id, depth, like)

    return make


def existing_list(document: Document, *, numbered: bool) -> tuple[str, Element] | None:
    """Return list and paragraph of the first item of that kind in the body, headings left out."""
    for block in document.blocks:
        if block.story.kind != "body" or block.kind != "paragraph" or not _is_list(document, block):
            continue
        found = document.numbering.of(block.element)
        if found is None or found[1] or not document.line(block).text.strip():
            continue
        if document.numbering.bullets(found[0]) is (not numbered):
            return found[0], block.element
    return None


def parted(place: Spot, table: Element) -> list[Element]:
    """Return the table with empty paragraphs where it would touch another one, or end a cell or the document.

    Word merges tables that touch, and wants a paragraph at the end of a cell (17.4.65).
    """
    following = place.element if place.before else place.element.getnext()
    preceding = place.element.getprevious() if place.before else place.element
    made = [table]
    if preceding is not None and name(preceding) == "w:tbl":
        made.insert(0, new(table, "p"))
    if following is None or name(following) in ("w:tbl", "w:sectPr"):
        made.append(new(table, "p"))
    return made


def inserted(document: Document, place: Spot, made: Sequence[Element], shown: Sequence[str]) -> Edit:
    """Put new blocks at a place and return the edit; `shown` is what a person sees of them."""
    warnings = []
    if place.beside is not None and within(place.element, "w:sdtContent") is not None:
        warnings.append(f"It is put into the content control around {place.beside.where}.")
    if within(place.element, "mc:AlternateContent") is not None:
        warnings.append("The text box has a copy for programs older than Word 2010, which stays as it was.")
    place.put(made)
    document.touch(place.story)
    hunks = [Hunk(place.where, "", "\n".join(shown), "structure")]
    return Edit.of(hunks, warnings)


#: The operations of this module.
OPERATIONS = (insert_paragraphs, insert_heading, add_list)
