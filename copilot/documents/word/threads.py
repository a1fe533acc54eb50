"""The parts that modern Word keeps comments in: who answers whom, what is done, lasting ids, people ([MS-DOCX] 2.5).

A comment is named in them by the `paraId` of its last paragraph. Parts that are missing are made when first needed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from lxml import etree

from copilot.documents.word import bodies
from copilot.documents.word.document import Document
from copilot.documents.word.names import Element, every, namespace
from copilot.documents.word.styles import free_part

_MICROSOFT = "http://schemas.microsoft.com/office"
W14 = f"{_MICROSOFT}/word/2010/wordml"
_W15 = f"{_MICROSOFT}/word/2012/wordml"
_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.{}+xml"
_PARA_ID = f"{{{W14}}}paraId"
_TEXT_ID = f"{{{W14}}}textId"
_LIMIT = 0x80000000  # ids of paragraphs and comments are less than that ([MS-DOCX] 2.6.2.3)


@dataclass(frozen=True, slots=True)
class _List:
    """One of the parts beside the comments: its relationship and namespace, and its elements."""

    relation: str
    space: str
    prefix: str
    root: str
    entry: str
    key: str

    def attribute(self, local: str) -> str:
        return f"{{{self.space}}}{local}"


_EXTENDED = _List(f"{_MICROSOFT}/2011/relationships/commentsExtended", _W15, "w15", "commentsEx", "commentEx", "paraId")
_IDS = _List(
    f"{_MICROSOFT}/2016/09/relationships/commentsIds",
    f"{_MICROSOFT}/word/2016/wordml/cid",
    "w16cid",
    "commentsIds",
    "commentId",
    "paraId",
)
_EXTENSIBLE = _List(
    f"{_MICROSOFT}/2018/08/relationships/commentsExtensible",
    f"{_MICROSOFT}/word/2018/wordml/cex",
    "w16cex",
    "commentsExtensible",
    "commentExtensible",
    "durableId",
)
_PEOPLE = _List(f"{_MICROSOFT}/2011/relationships/people", _W15, "w15", "people", "person", "author")


class Threads:
    """The comments part of a document with its sidecars. Only `comments`, `parent` and `is_done` change nothing."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._package = document.package

    @property
    def part(self) -> str:
        """The name of the comments part, "" if there is none."""
        return next((p for p in self._package.related(self._document.main, "comments") if self._package.has(p)), "")

    def root(self) -> Element:
        """Return the root of the comments part, made when it is missing (17.13.4.6)."""
        if not self.part:
            space = namespace(self._package.xml(self._document.main))
            part = free_part(self._package, "word/comments.xml")
            self._package.add(part, f'<w:comments xmlns:w="{space}"/>'.encode(), _TYPE.format("comments"))
            self._package.relate(self._document.main, "comments", part)
        return self._package.xml(self.part)

    # Reading

    def parent(self, comment: Element) -> str:
        """Return the `paraId` of the comment that this one answers, "" when it begins a thread."""
        entry = self._entry(_EXTENDED, self.known_mark(comment))
        return "" if entry is None else (entry.get(_EXTENDED.attribute("paraIdParent")) or "").upper()

    def is_done(self, comment: Element) -> bool:
        """Return whether the thread is marked as resolved."""
        entry = self._entry(_EXTENDED, self.known_mark(comment))
        return entry is not None and entry.get(_EXTENDED.attribute("done")) in ("1", "true", "on")

    @staticmethod
    def known_mark(comment: Element) -> str:
        """Return the `paraId` that names a comment, "" when it has none."""
        paragraphs = list(every(comment, "p"))
        return (paragraphs[-1].get(_PARA_ID) or "").upper() if paragraphs else ""

    # Writing

    def mark(self, comment: Element) -> str:
        """Return the `paraId` that names a comment, given when it has none: derived from the comment, not by chance."""
        if known := self.known_mark(comment):
            return known
        self._package.declare(self.part, {"w14": W14})
        paragraph = bodies.last_paragraph(comment)
        made = self._free(etree.tostring(comment), self._paragraph_ids)
        self._paragraph_ids.add(made)
        paragraph.set(_PARA_ID, made)
        paragraph.set(_TEXT_ID, "77777777")
        self._package.touch(self.part)
        return made

    def keep_mark(self, comment: Element, mark: str) -> None:
        """Let a comment whose paragraphs have changed go on with the `paraId` that names it."""
        if mark and self.known_mark(comment) != mark:
            for each in every(comment, "p"):
                if (each.get(_PARA_ID) or "").upper() == mark:
                    each.attrib.pop(_PARA_ID)
                    each.attrib.pop(_TEXT_ID, "")
            bodies.last_paragraph(comment).set(_PARA_ID, mark)
            self._package.touch(self.part)

    def enlist(self, comment: Element, *, parent: Element | None = None, date: str = "") -> None:
        """Write a comment into the lists beside the part, as an answer to `parent`; one that is there stays as it is.

        `date`: when it was written, UTC.
        """
        mark = self.mark(comment)
        if self._entry(_EXTENDED, mark) is None:
            answered = {_EXTENDED.attribute("paraIdParent"): self.mark(parent)} if parent is not None else {}
            entry = self._add(_EXTENDED, mark, answered)
            entry.set(_EXTENDED.attribute("done"), "1" if parent is not None and self.is_done(parent) else "0")
        if self._entry(_IDS, mark) is not None:
            return
        known = [each.get(_IDS.attribute("durableId")) or "" for each in self._entries(_IDS)]
        durable = self._free(f"durable {mark}".encode(), {each.upper() for each in known})
        self._add(_IDS, mark, {_IDS.attribute("durableId"): durable})
        if date:
            self._add(_EXTENSIBLE, durable, {_EXTENSIBLE.attribute("dateUtc"): date})

    def set_done(self, comment: Element, done: bool) -> None:
        """Mark a comment as resolved or as open again."""
        entry = self._entry(_EXTENDED, self.mark(comment))
        if entry is not None:
            entry.set(_EXTENDED.attribute("done"), "1" if done else "0")
            self._touch(_EXTENDED)

    def delist(self, comment: Element) -> None:
        """Take a comment out of all lists."""
        mark = self.known_mark(comment)
        ids = self._entry(_IDS, mark)
        durable = "" if ids is None else ids.get(_IDS.attribute("durableId")) or ""
        for kind, key in ((_EXTENDED, mark), (_IDS, mark), (_EXTENSIBLE, durable)):
            entry = self._entry(kind, key)
            if entry is not None and (holder := entry.getparent()) is not None:
                holder.remove(entry)
                self._touch(kind)

    def know(self, author: str) -> None:
        """Name an author among the people of the document ([MS-DOCX] 2.5.3.4)."""
        if any(each.get(_PEOPLE.attribute("author")) == author for each in self._entries(_PEOPLE)):
            return
        person = self._add(_PEOPLE, author, {})
        presence = {_PEOPLE.attribute("providerId"): "None", _PEOPLE.attribute("userId"): author}
        etree.SubElement(person, _PEOPLE.attribute("presenceInfo"), presence)

    # Parts

    def _part(self, kind: _List) -> str:
        short = kind.relation.rpartition("/")[2]
        return next((p for p in self._package.related(self._document.main, short) if self._package.has(p)), "")

    def _touch(self, kind: _List) -> None:
        self._package.touch(self._part(kind))

    def _entries(self, kind: _List) -> Iterator[Element]:
        part = self._part(kind)
        yield from self._package.xml(part).iter(kind.attribute(kind.entry)) if part else ()

    def _entry(self, kind: _List, key: str) -> Element | None:
        wanted = key.upper()
        found = (e for e in self._entries(kind) if (e.get(kind.attribute(kind.key)) or "").upper() == wanted)
        return next(found, None) if wanted else None

    def _add(self, kind: _List, key: str, more: dict[str, str]) -> Element:
        part = self._part(kind) or self._made(kind)
        root = self._package.xml(part)
        entry = etree.SubElement(root, kind.attribute(kind.entry), {kind.attribute(kind.key): key, **more})
        self._package.touch(part)
        return entry

    def _made(self, kind: _List) -> str:
        short = kind.relation.rpartition("/")[2]
        part = free_part(self._package, f"word/{short}.xml")
        root = f'<{kind.prefix}:{kind.root} xmlns:{kind.prefix}="{kind.space}"/>'
        self._package.add(part, root.encode(), _TYPE.format(short))
        self._package.relate(self._document.main, kind.relation, part)
        return part

    @cached_property
    def _paragraph_ids(self) -> set[str]:
        """The `paraId` values of all stories: each is used once in a document."""
        parts = dict.fromkeys([self._document.main, *(story.part for story in self._document.stories)])
        found = (p.get(_PARA_ID) for part in parts for p in every(self._package.xml(part), "p"))
        return {each.upper() for each in found if each}

    @staticmethod
    def _free(seed: bytes, taken: set[str]) -> str:
        number = int(hashlib.sha256(seed).hexdigest()[:8], 16) % (_LIMIT - 1) + 1
        while (made := f"{number:08X}") in taken:
            number = number % (_LIMIT - 1) + 1
        return made
