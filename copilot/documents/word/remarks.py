"""What the reader says beside a text: the words a comment stands at, its thread, and where headers are used."""

from __future__ import annotations

from copilot.documents.word.document import Document, shortened
from copilot.documents.word.marks import is_old
from copilot.documents.word.names import WORD_NAMESPACES, Element, child, every, is_on, name, relationship, value

_ANCHOR = 80  # characters of the commented words that are shown
_IN_TEXT = ("commentRangeStart", "commentRangeEnd", "t", "tab", "br", "p")
_TAGS = tuple(f"{{{space}}}{local}" for space in WORD_NAMESPACES for local in _IN_TEXT)
_PARAGRAPH_IDS = "{http://schemas.microsoft.com/office/word/2010/wordml}paraId"
_THREADS = "{http://schemas.microsoft.com/office/word/2012/wordml}"
_KINDS = {"first": "first page", "even": "even pages"}


class Comments:
    """What is known of a document's comments beside their text."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._numbers = document.note_numbers("w:comment")
        self._words = _anchors(document)
        self._by_paragraph: dict[str, str] = {}
        self._threads: dict[str, tuple[str, bool]] = {}
        for part in document.package.related(document.main, "comments"):
            for comment in every(document.package.xml(part), "comment") if document.package.has(part) else ():
                for paragraph in every(comment, "p"):
                    self._by_paragraph[(paragraph.get(_PARAGRAPH_IDS) or "").upper()] = value(comment, "id") or ""
        for part in document.package.related(document.main, "commentsExtended"):
            for each in document.package.xml(part) if document.package.has(part) else ():
                self._thread(each)

    def _thread(self, extended: Element) -> None:
        """Note a comment's parent and whether it is resolved ([MS-DOCX] 2.5.3.1)."""
        comment = self._by_paragraph.get((extended.get(f"{_THREADS}paraId") or "").upper())
        parent = self._by_paragraph.get((extended.get(f"{_THREADS}paraIdParent") or "").upper(), "")
        if comment:
            self._threads[comment] = (parent, extended.get(f"{_THREADS}done") in ("1", "true"))

    def said(self, comment: Element) -> str:
        """Return what stands beside a comment: its author, the words it is about, its thread."""
        author, date = value(comment, "author"), (value(comment, "date") or "")[:10]
        key = value(comment, "id") or ""
        parent, done = self._threads.get(key, ("", False))
        words = shortened(self._words.get(key, ""), _ANCHOR)
        parts = [f" by {author or 'somebody'}{f', {date}' if date else ''}"]
        parts += [f"reply to comment {self._numbers.get(parent, '?')}"] if parent else []
        parts += [f"on {words!r}"] if words and not parent else []
        parts += ["resolved"] if done else []
        return ", ".join(parts)


def _anchors(document: Document) -> dict[str, str]:
    """Return the words between a comment's start and end, by its id (17.13.4.4)."""
    found: dict[str, str] = {}
    if not any(story.kind == "comment" for story in document.stories):
        return found
    open_: set[str] = set()
    for each in document.body.iter(*_TAGS):
        kind = name(each)
        if kind == "w:commentRangeStart":
            open_.add(value(each, "id") or "")
        elif kind == "w:commentRangeEnd":
            open_.discard(value(each, "id") or "")
        elif open_:
            for key in open_:
                found[key] = found.get(key, "") + (each.text or "" if kind == "w:t" else " ")
    return found


def margins(document: Document) -> dict[str, str]:
    """Return where each header and footer part is used: "section 1, first page" (17.10.5); inherited ones go on."""
    found: dict[str, list[str]] = {}
    targets = {r.id: r.target for r in document.package.relationships(document.main) if not r.external}
    even = bool(is_on(document.setting("w:evenAndOddHeaders")))
    sections = [each for each in every(document.body, "sectPr") if not is_old(each)]
    for number, section in enumerate(sections, 1):
        for each in section:
            if name(each) in ("w:headerReference", "w:footerReference"):
                kind = value(each, "type") or "default"
                unused = (kind == "first" and not is_on(child(section, "w:titlePg"))) or (kind == "even" and not even)
                words = [f"section {number}"] if len(sections) > 1 else []
                words += [_KINDS[kind]] if kind in _KINDS else []
                words += ["not in use"] if unused else []
                if words:
                    found.setdefault(targets.get(relationship(each), ""), []).append(", ".join(words))
    return {part: "; ".join(places) for part, places in found.items()}
