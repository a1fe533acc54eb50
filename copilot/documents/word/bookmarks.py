"""Bookmarks (17.13.6): listed, added, renamed, deleted, with the fields and links that refer to them."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from copilot.documents.hunks import Hunk
from copilot.documents.word import spans
from copilot.documents.word.blocks import Block
from copilot.documents.word.document import Document, shortened
from copilot.documents.word.editing import Edit, editor
from copilot.documents.word.fieldcodes import FieldCode, fields
from copilot.documents.word.names import Element, every, name, namespace, new, number, value, within
from copilot.documents.word.remove import unlink
from copilot.errors import ToolInputError

_NAME = re.compile(r"[^\W\d_]\w{0,39}\Z")
#: Fields whose first word is the name of a bookmark.
_REFERRING = frozenset({"REF", "PAGEREF", "NOTEREF"})
#: Stands between the paragraphs of a text.
PARAGRAPH = "\u2029"
_UNUSED = "_GoBack"  # where the cursor was last


@dataclass(frozen=True, slots=True)
class Bookmark:
    """A bookmark: its name, the text that it marks, the paragraph where it begins, how many places refer to it."""

    name: str
    text: str
    address: str
    uses: int

    def to_dict(self) -> dict[str, Any]:
        """Return the bookmark as JSON types."""
        return asdict(self)


def list_bookmarks(content: bytes) -> list[Bookmark]:
    """Return a document's bookmarks in order, those that Word makes for itself ("_Ref...") too. Raises DocumentError.

    The cursor's last place is left out.
    """
    document = Document(content)
    found = []
    uses = Counter(name_ for name_, _, _ in _referring(document))
    for start in starts(document):
        title = value(start, "name") or ""
        block = None
        paragraph = _paragraph(start)
        if paragraph is not None:
            block = document.block_of(paragraph)
        address = "" if block is None else document.address(block)
        found.append(Bookmark(title, text_of(start).replace(PARAGRAPH, "\n"), address, uses[title.casefold()]))
    return found


def parts(document: Document) -> list[str]:
    """Return the parts of the document's text."""
    return list(dict.fromkeys([document.main, *(story.part for story in document.stories)]))


def starts(document: Document) -> Iterator[Element]:
    """Yield where each bookmark begins."""
    for part in parts(document):
        for each in every(document.package.xml(part), "bookmarkStart"):
            if value(each, "name") and value(each, "name") != _UNUSED:
                yield each


def start_of(document: Document, title: str) -> Element | None:
    """Return where the bookmark of that name (any case) begins, None if there is none."""
    return next((e for e in starts(document) if (value(e, "name") or "").casefold() == title.casefold()), None)


def by_name(document: Document) -> dict[str, Element]:
    """Return where each bookmark begins, by its name in small letters."""
    found: dict[str, Element] = {}
    for each in starts(document):
        found.setdefault((value(each, "name") or "").casefold(), each)
    return found


def _following(element: Element) -> Iterator[Element]:
    """Yield what stands behind an element, in document order."""
    here: Element | None = element
    while here is not None:
        for each in here.itersiblings():
            yield from each.iter()
        here = here.getparent()


def _end(start: Element) -> Element | None:
    ends = (e for e in _following(start) if name(e) == "w:bookmarkEnd")
    return next((e for e in ends if value(e, "id") == value(start, "id")), None)


def _paragraph(start: Element) -> Element | None:
    """Return the paragraph that a bookmark begins in, or before."""
    found = within(start, "w:p")
    if found is None:
        following = (p for each in start.itersiblings() for p in every(each, "p"))
        found = next(following, None)
    return found


def text_of(start: Element) -> str:
    """Return the text that a bookmark marks, deletions and the codes of fields left out, PARAGRAPH between two."""
    said: list[str] = []
    box = within(start, "w:txbxContent")
    for each in _following(start):
        kind = name(each)
        if kind == "w:bookmarkEnd" and value(each, "id") == value(start, "id"):
            break
        if kind in ("w:t", "w:p") and within(each, "w:txbxContent") is not box:
            continue
        if kind == "w:t" and within(each, "w:del", "w:moveFrom") is None:
            said.append(each.text or "")
        elif kind in ("w:tab", "w:br") and within(each, "w:pPr") is None:
            said.append("\t" if kind == "w:tab" else "\n")
        elif kind == "w:p":
            said.append(PARAGRAPH)
    return "".join(said).strip(f"\n{PARAGRAPH}")


# Using


def _referring(document: Document) -> Iterator[tuple[str, str, Element | FieldCode]]:
    """Yield the links and fields that refer to a bookmark: its name in small letters, their part, and themselves."""
    for part in parts(document):
        root = document.package.xml(part)
        for link in every(root, "hyperlink"):
            if anchor := value(link, "anchor"):
                yield anchor.casefold(), part, link
        for each in fields(root):
            own = each.option("\\l") if each.kind == "HYPERLINK" else each.argument if each.kind in _REFERRING else ""
            if own:
                yield own.casefold(), part, each


def _uses(document: Document, title: str) -> list[tuple[str, Element | FieldCode]]:
    """Return the links and fields that refer to one bookmark, each with its part."""
    return [(part, use) for name_, part, use in _referring(document) if name_ == title.casefold()]


class Namer:
    """Gives names and ids that no bookmark of the document has; asked once for many of them."""

    def __init__(self, document: Document) -> None:
        known = [e for part in parts(document) for e in every(document.package.xml(part), "bookmarkStart")]
        self._names = {(value(e, "name") or "").casefold() for e in known}
        self._next = 1 + max((number(e, "id") or 0 for e in known), default=-1)

    def id(self) -> str:
        """Return a new id."""
        self._next += 1
        return str(self._next - 1)

    def hidden(self, seed: str, prefix: str) -> str:
        """Return a name such as "_Ref123456789" that is derived from `seed`."""
        count = 100_000_000 + int(hashlib.sha256(seed.encode()).hexdigest()[:8], 16) % 900_000_000
        while f"{prefix}{count}".casefold() in self._names:
            count += 1
        self._names.add(f"{prefix}{count}".casefold())
        return f"{prefix}{count}"


def place(document: Document, at: spans.Span, title: str, namer: Namer | None = None) -> None:
    """Put a bookmark around words, with an id that no other one has."""
    near = at.block.element
    key = (namer or Namer(document)).id()
    start = new(near, "bookmarkStart", id=key, name=title)
    spans.enclose(document, at, start, new(near, "bookmarkEnd", id=key))


def hidden(document: Document, at: spans.Span, prefix: str, namer: Namer | None = None) -> str:
    """Return a bookmark for Word's own use around words ("_Ref", "_Toc"), the one that is there or a new one.

    Its name is derived from the place, so that the same edit always gives the same one.
    """
    for each in every(at.block.element, "bookmarkStart") if at.whole else ():
        title = value(each, "name") or ""
        if title.startswith(prefix) and _is_here(each, at) and text_of(each).strip() == at.words.strip():
            return title
    namer = namer or Namer(document)
    title = namer.hidden(f"{at.block.path} {at.start} {at.words}", prefix)
    place(document, at, title, namer)
    return title


def around(document: Document, block: Block, run: Element, seed: str) -> str:
    """Put a bookmark for Word's own use ("_Ref") around one run; return its name."""
    namer = Namer(document)
    title, key = namer.hidden(seed, "_Ref"), namer.id()
    run.addprevious(new(run, "bookmarkStart", id=key, name=title))
    spans.add_behind(run, new(run, "bookmarkEnd", id=key))
    document.touch(block.story)
    return title


def _is_here(start: Element, at: spans.Span) -> bool:
    end = _end(start)
    return end is not None and within(end, "w:p") is at.block.element


def checked(document: Document, title: str) -> str:
    """Return a name for a new bookmark; raises ToolInputError for one that is taken or that Word can't take."""
    title = title.strip()
    if not _NAME.match(title):
        hint = "It is a letter, then up to 39 letters, digits and underscores, with no spaces."
        raise ToolInputError(f"{title!r} can't be the name of a bookmark.", hint=hint, code="name")
    if start_of(document, title) is not None:
        raise ToolInputError(f"There is a bookmark {title!r} already.", hint="Choose another name.", code="name")
    return title


def required(document: Document, title: str) -> Element:
    """Return where a bookmark begins; raises ToolInputError "unknown_bookmark" with the closest names."""
    found = start_of(document, title)
    if found is None:
        raise ToolInputError.unknown("bookmark", title, [value(e, "name") or "" for e in starts(document)])
    return found


@editor
def add_bookmark(document: Document, name: str, address: str, words: str = "") -> Edit:
    """Mark words of a paragraph, or all of it, as a bookmark: a letter, then up to 39 letters, digits, underscores.

    Raises ToolInputError for a name that is taken or can't be, a stale address, or words that are not there.
    """
    title = checked(document, name)
    at = spans.span(document, address, words)
    place(document, at, title)
    document.touch(at.block.story)
    return Edit.of([Hunk(at.block.where, "", f"bookmark {title}: {shortened(at.words)}", "structure")])


@editor
def rename_bookmark(document: Document, name: str, new_name: str) -> Edit:
    """Give a bookmark another name; fields and links that refer to it follow. Raises ToolInputError."""
    start = required(document, name)
    old = value(start, "name") or ""
    title = new_name.strip() if new_name.strip().casefold() == old.casefold() else checked(document, new_name)
    if title == old:
        raise ToolInputError(f"The bookmark has the name {old!r} already: nothing would change.", code="unchanged")
    changed = {_part_of(document, start)}
    for part, use in _uses(document, old):
        changed.add(part)
        if isinstance(use, FieldCode):
            use.set_code(re.sub(rf"(?<!\w){re.escape(old)}(?!\w)", title, use.code, count=1, flags=re.IGNORECASE))
        else:
            use.set(f"{{{namespace(use)}}}anchor", title)
    start.set(f"{{{namespace(start)}}}name", title)
    _touch(document, changed)
    return Edit.of([Hunk(f"bookmark {old}", old, title, "structure")])


@editor
def delete_bookmark(document: Document, name: str, used: bool = False) -> Edit:
    """Delete a bookmark and leave its text; one that fields or links refer to only when `used` is true.

    Raises ToolInputError for an unknown bookmark, or "used".
    """
    start = required(document, name)
    title = value(start, "name") or ""
    uses = _uses(document, title)
    if uses and not used:
        hint = "Change those first, or pass used=true: they lead nowhere then."
        raise ToolInputError(f"{len(uses)} fields or links refer to {title!r}.", hint=hint, code="used")
    said = shortened(text_of(start))
    end = _end(start)
    part = _part_of(document, start)
    for each in (start, end):
        if each is not None:
            unlink(each)
    _touch(document, {part})
    warnings = [f"{len(uses)} fields or links that referred to {title} lead nowhere now."] if uses else []
    return Edit.of([Hunk(f"bookmark {title}", said, "", "structure")], warnings)


def _part_of(document: Document, element: Element) -> str:
    root = element.getroottree().getroot()
    return next(part for part in parts(document) if document.package.xml(part) is root)


def _touch(document: Document, changed: set[str]) -> None:
    for story in {s.part: s for s in document.stories}.values():
        if story.part in changed:
            document.touch(story)


#: The operations of this module.
OPERATIONS = (add_bookmark, rename_bookmark, delete_bookmark)
