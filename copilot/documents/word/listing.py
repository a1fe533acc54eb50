"""Paragraphs made items of lists, and their numbers restarted, continued, moved in and out (17.9)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from copilot.documents.hunks import Hunk
from copilot.documents.word.blocks import Block, twin
from copilot.documents.word.document import Document, shortened
from copilot.documents.word.editing import Edit, editor
from copilot.documents.word.insert import existing_list
from copilot.documents.word.lists import LEVELS
from copilot.documents.word.names import Element, add, child, children, descend, new
from copilot.documents.word.order import ensure, put
from copilot.errors import ToolInputError

Addresses = Annotated[list[str], Field(min_length=1)]
ListFormat = Literal["decimal", "lowerLetter", "upperLetter", "lowerRoman", "upperRoman"]
Start = Annotated[int, Field(ge=0, le=32767)]


@editor
def set_list(
    document: Document,
    addresses: Addresses,
    kind: Literal["bulleted", "numbered", "none"],
    *,
    level: Annotated[int, Field(ge=0, lt=LEVELS)] | None = None,
    start: Start = 1,
    format: ListFormat | None = None,
) -> Edit:
    """Make paragraphs one list, bulleted or numbered from `start`; "none" makes them plain paragraphs again.

    Items keep their depth unless `level` (from 0) is given. The list looks like one of its kind that the document has
    unless `format` is given. Raises ToolInputError for a stale address or when nothing would change.
    """
    blocks = _paragraphs(document, addresses)
    before = _labels(document)
    if kind == "none":
        for block in blocks:
            for element in _both(block):
                _unlist(document, element)
    else:
        like = None if format else existing_list(document, numbered=kind == "numbered")
        depths = [_depth(document, block) if level is None else level for block in blocks]
        list_id = document.numbering.start_list(
            numbered=kind == "numbered",
            like=like[0] if like else None,
            start=start,
            level=min(depths),
            form=format or "decimal",
        )
        for block, depth in zip(blocks, depths, strict=True):
            for element in _both(block):
                _enlist(element, list_id, depth)
    return _edit(document, blocks, before)


@editor
def restart_list(document: Document, address: str, start: Start = 1) -> Edit:
    """Let the numbers of a list begin anew at this item with `start`; the items behind it go on from there.

    Raises ToolInputError when the paragraph is no item of a numbered list.
    """
    block = _item(document, address)
    list_id, level = _list_of(document, block)
    before = _labels(document)
    made = document.numbering.restarted(list_id, level, start)
    followers = _from_here(document, block, list_id)
    for each in followers:
        depth = _list_of(document, each)[1]
        for element in _both(each):
            _enlist(element, made, depth)
    return _edit(document, followers, before)


@editor
def continue_list(document: Document, address: str, previous: str = "") -> Edit:
    """Let a list go on with the numbers of the list before it, or of the one that the item `previous` is in.

    Raises ToolInputError when the paragraph is no list item, or there is no other list of its kind before it.
    """
    block = _item(document, address)
    list_id, _ = _list_of(document, block)
    source = _list_of(document, _item(document, previous))[0] if previous else _list_before(document, block, list_id)
    before = _labels(document)
    followers = _from_here(document, block, list_id)
    for each in followers:
        depth = _list_of(document, each)[1]
        for element in _both(each):
            _enlist(element, source, depth)
    return _edit(document, followers, before)


@editor
def indent_list(document: Document, addresses: Addresses, by: Annotated[int, Field(ge=-8, le=8)] = 1) -> Edit:
    """Move list items `by` levels deeper (out again when it is negative), from the first to the ninth level.

    Raises ToolInputError for paragraphs that are in no list, or when they are as deep as can be.
    """
    blocks = [_listed(document, block) for block in _paragraphs(document, addresses)]
    before = _labels(document)
    for block in blocks:
        list_id, level = _list_of(document, block)
        for element in _both(block):
            _enlist(element, list_id, min(max(level + by, 0), LEVELS - 1))
    return _edit(document, blocks, before)


def _depth(document: Document, block: Block) -> int:
    own = document.numbering.of(block.element)
    return own[1] if own else 0


def _enlist(paragraph: Element, list_id: str, level: int) -> None:
    made = new(paragraph, "numPr")
    add(made, "ilvl", val=str(level))
    add(made, "numId", val=list_id)
    old = descend(paragraph, "w:pPr", "w:numPr")
    for each in children(old, "w:ins", "w:numberingChange"):
        made.append(each)
    put(ensure(paragraph, "pPr"), made)


def _unlist(document: Document, paragraph: Element) -> None:
    """Take a paragraph out of its list; one that is in it by its style says so with the list 0 (17.9.18)."""
    properties = child(paragraph, "w:pPr")
    for each in list(children(properties, "w:numPr")):
        if properties is not None:
            properties.remove(each)
    if document.numbering.of(paragraph) is not None:
        _enlist(paragraph, "0", 0)


# Looking


def _paragraphs(document: Document, addresses: Sequence[str]) -> list[Block]:
    blocks = document.places(addresses)
    for block in blocks:
        if block.kind != "paragraph":
            raise ToolInputError(f"{block.path} is a {block.kind}, no paragraph.", code="address")
    wanted = {block.path for block in blocks}
    return [block for block in document.blocks if block.path in wanted]


def _item(document: Document, address: str) -> Block:
    return _listed(document, _paragraphs(document, [address])[0])


def _listed(document: Document, block: Block) -> Block:
    if document.numbering.of(block.element) is None:
        reason = f"{document.quoted(block)} is in no list."
        raise ToolInputError(reason, hint="Make it an item with set_list.", code="no_list")
    return block


def _list_of(document: Document, block: Block) -> tuple[str, int]:
    """Return list and level of an item; raises ToolInputError "numbering" for a list that is not defined."""
    found = document.numbering.of(block.element)
    if found is None or document.numbering.bullets(found[0]) is None:
        reason = f"{block.where} is in a list that the document does not define: its numbering is broken."
        raise ToolInputError(reason, hint="Make the items a new list with set_list.", code="numbering")
    return found


def _from_here(document: Document, block: Block, list_id: str) -> list[Block]:
    """Return an item and those of its list that follow in its story."""
    blocks = document.blocks
    at = next(index for index, each in enumerate(blocks) if each.path == block.path)
    same = [b for b in blocks[at:] if b.kind == "paragraph" and b.story.prefix == block.story.prefix]
    return [b for b in same if (found := document.numbering.of(b.element)) is not None and found[0] == list_id]


def _list_before(document: Document, block: Block, list_id: str) -> str:
    bullets = document.numbering.bullets(list_id)
    last = None
    for each in document.blocks:
        if each.path == block.path:
            break
        found = document.numbering.of(each.element) if each.kind == "paragraph" else None
        if found and found[0] != list_id and document.numbering.bullets(found[0]) is bullets:
            last = found[0]
    if last is None:
        raise ToolInputError(f"No other list of its kind stands before {block.where}.", code="no_list")
    return last


def _both(block: Block) -> list[Element]:
    return [element for element in (block.element, twin(block.element)) if element is not None]


def _labels(document: Document) -> dict[str, str]:
    """Return how every list item is shown, by path: "1.", "  a)", "-"."""
    document.numbering.restart()
    found = {}
    for block in document.blocks:
        numbered = document.numbering.label(block.element) if block.kind == "paragraph" else None
        if numbered is not None:
            found[block.path] = f"{'  ' * numbered.level}{'-' if numbered.bullet else numbered.label}"
    return found


def _edit(document: Document, blocks: Sequence[Block], before: dict[str, str]) -> Edit:
    document.numbering.restart()
    after = _labels(document)
    hunks = []
    for block in blocks:
        words = shortened(document.text(block))
        old, made = (" ".join(filter(None, (labels.get(block.path), words))) for labels in (before, after))
        if old != made:
            hunks.append(Hunk(block.where, old, made, "format"))
    if not hunks:
        raise ToolInputError("It is so already: nothing would change.", code="unchanged")
    for block in blocks:
        document.touch(block.story)
    return Edit.of(hunks)


#: The operations of this module.
OPERATIONS = (set_list, restart_list, continue_list, indent_list)
