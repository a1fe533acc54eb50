"""The text of a note or comment: made, and set anew with its formatting kept."""

from __future__ import annotations

import re
from collections.abc import Sequence

from copilot.documents.word import build, runs, splitting, text
from copilot.documents.word.blocks import Block, Story, block_elements
from copilot.documents.word.document import Document
from copilot.documents.word.names import Element, add, every, name, new, value
from copilot.documents.word.remove import unlink
from copilot.errors import ToolInputError

_LABELS = {"fn": "footnote", "en": "endnote", "cm": "comment"}


def story(document: Document, given: str, *kinds: str) -> Story:
    """Return the note or comment of one of these kinds ("fn", "en", "cm") that is named "fn2", "footnote 2" ...

    An address in it will do, too; a number alone when there is one kind. Raises ToolInputError "unknown_note" or
    "unknown_comment", with those that there are.
    """
    folded = " ".join(given.strip("[]{}^ ").casefold().split())
    for prefix in kinds:
        for spoken in (prefix, f"{_LABELS[prefix]} ", f"{_LABELS[prefix]}"):
            rest = folded.removeprefix(spoken)
            if (rest != folded or len(kinds) == 1) and (number := re.match(r"#?(\d+)(?:\Z|\.)", rest)):
                found = _story(document, f"{prefix}{number[1]}", folded)
                if found is not None:
                    return found
    known = [s for s in document.stories if re.sub(r"\d+\Z", "", s.prefix) in kinds]
    what = _LABELS[kinds[0]] if len(kinds) == 1 else "note"
    offered = "; ".join(f"{s.prefix} {said(s)[:60]!r}" for s in known[:10])
    hint = f"There is: {offered}." if offered else "There is none."
    raise ToolInputError(f"No {what} {given!r}.", hint=hint, code=f"unknown_{'comment' if 'cm' in kinds else 'note'}")


def _story(document: Document, prefix: str, address: str) -> Story | None:
    """Return the story that had this prefix when the batch began."""
    if document.is_frozen or ":" in address:
        block = document.at(address) if ":" in address else document.named(f"{prefix}.p1")
        if block is not None:
            return block.story
    return next((s for s in document.stories if s.prefix == prefix), None)


def said(place: Story) -> str:
    """Return the text of a note or comment, a line for each of its paragraphs."""
    return "\n".join(line.text.strip() for line in _lines(place))


def _lines(place: Story) -> list[text.Line]:
    fields = text.field_parts(place.container)
    paragraphs = [e for e in block_elements(place.container) if name(e) == "w:p"]
    return [text.line(each, fields) for each in paragraphs]


def paragraphs(near: Element, words: Sequence[str], style: str, mark: Element) -> list[Element]:
    """Return new paragraphs with these texts in a style (by id); `mark` stands at the beginning of the first one."""
    made = [build.paragraph(near, line, style=style) for line in words]
    properties = next(iter(made[0]))
    properties.addnext(mark)
    return made


def mark(near: Element, local: str, style: str) -> Element:
    """Return a run with the sign `w:local` in a character style (by id): `w:footnoteRef`, `w:annotationRef` ..."""
    run = new(near, "r")
    add(add(run, "rPr"), "rStyle", val=style)
    add(run, local)
    return run


def rewrite(place: Story, words: str, argument: str = "text") -> tuple[str, str]:
    """Make a note or comment read `words`, a paragraph a line; return what it read before and reads now.

    Words that stay keep their formatting. Raises ToolInputError "unchanged", or "fixed" for an equation in the way.
    """
    wanted = build.lines(words, argument)
    old = _lines(place)
    before = "\n".join(line.text.strip() for line in old)
    if [line.text.strip() for line in old] == wanted:
        raise ToolInputError(f"{place.label} reads so already: nothing would change.", code="unchanged")
    if not old:
        raise ToolInputError(f"{place.label} holds no paragraph.", code="address")
    for line, new_words in zip(old, wanted, strict=False):
        lead = line.text[: len(line.text) - len(line.text.lstrip())] if line.text.strip() else " "
        lead = lead if line is old[0] else ""
        if not text.rewrite(line, lead + new_words):
            reason = f"An equation or symbol stands in the way in {place.label}."
            raise ToolInputError(reason, hint="Change the words around it with replace_text.", code="fixed")
    _fit(old, wanted)
    return before, "\n".join(wanted)


def _fit(old: Sequence[text.Line], wanted: Sequence[str]) -> None:
    """Add the paragraphs that are missing, and take away those that are too many: the last one stays the last."""
    last = old[min(len(old), len(wanted)) - 1].paragraph
    for words in wanted[len(old) :]:
        made = splitting.sibling(last)
        like = [run for run in every(last, "r") if any(name(each) == "w:t" for each in run)]
        run = runs.like(like[-1]) if like else new(last, "r")
        made.append(run)
        text.set_text(run, words)
        last.addnext(made)
        last = made
    for line in old[len(wanted) :]:
        unlink(line.paragraph)


def last_paragraph(container: Element) -> Element:
    """Return the last paragraph of a comment, whose `paraId` names it ([MS-DOCX] 2.5.3.1); made if there is none."""
    found = [e for e in block_elements(container) if name(e) == "w:p"]
    return found[-1] if found else add(container, "p")


def next_id(elements: Sequence[Element], least: int) -> str:
    """Return an id that none of these elements has, from `least` on."""
    taken = [int(v) for each in elements if (v := value(each, "id") or "").lstrip("-").isdigit()]
    return str(max([least - 1, *taken]) + 1)


def refuse_place(block: Block, what: str, *kinds: str) -> None:
    """Raise ToolInputError "place" for a block of a story in which Word allows no such thing."""
    if block.story.kind not in kinds:
        hint = "Choose a place in the text."
        raise ToolInputError(f"Word allows no {what} in the {block.story.label}.", hint=hint, code="place")
