"""Two versions of a document as one with tracked changes: rejecting them gives the old one, accepting the new one."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime
from typing import cast

from lxml import etree

from copilot.documents import xml
from copilot.documents.hunks import Edited, Hunk
from copilot.documents.package import Package
from copilot.documents.word import redline_margins as margins
from copilot.documents.word.ink import Ink, attributes, signature
from copilot.documents.word.names import Element, child, every, is_strict, name, value
from copilot.documents.word.redline_adopt import HOMES, Adopter, numbered, resolver
from copilot.documents.word.redline_blocks import Blocks, Place
from copilot.documents.word.redline_diff import Fate
from copilot.documents.word.redline_items import RANGES, Reader, words_of
from copilot.documents.word.redline_text import Desk, keep_margins, last_section
from copilot.documents.word.redline_window import Window, window
from copilot.documents.word.resolve import has_marks, text_parts
from copilot.errors import DocumentError, ToolInputError

_IDS = re.compile(rb'id="(\d{1,9})"')
_QUOTED_IDS = re.compile(rb"id\s*=\s*[\"'](\d{1,9})[\"']")
_HUGE = 2**31 - 2**24  # ids from here on are random ones of pictures; marks stay below
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Ignorable"
#: Parts that no tracked change can hold, by the type of their relationship, and what they are called.
_DIRECT = {"styles": "Styles", "numbering": "List definitions", "theme": "The theme", "fontTable": "The font table"}
_LABELS = {"w:footnoteReference": "footnote", "w:endnoteReference": "endnote", "w:commentReference": "comment"}


def redline(
    before: bytes, after: bytes | Package, *, author: str = "Everpilot", date: datetime | None = None
) -> Edited:
    """Return the document `after` with every difference from `before` over it as a tracked change (17.13.5).

    Rejecting all changes of `author` gives `before`, accepting them gives `after`, up to how text is cut into runs.
    Changes that others had tracked stay theirs; what `author` had inserted before and `after` lacks just goes. The
    hunks are the list of changes; what can't be tracked is as in `after` and told in the warnings. `date` (UTC) is
    written on each change, none when it is None. Raises ToolInputError for an empty author, and DocumentError for a
    file that can't be read or when one file is strict OOXML and the other is not.
    """
    return _Redline(_opened(before), _opened(after), _named(author), date).run()


def _named(author: str) -> str:
    if not author.strip():
        raise ToolInputError("author is empty: a tracked change needs a name.", code="arguments")
    return author.strip()


def compare(a: bytes, b: bytes, *, author: str = "Everpilot", date: datetime | None = None) -> Edited:
    """Return `b` as a redline against `a`, with the list of changes as hunks; see `redline`.

    When `a` has no tracked changes, those of others in `b` stay theirs, so that ours are the ones that nobody marked.
    Raises ToolInputError, "unchanged", when the documents say the same.
    """
    before = _opened(a)
    theirs = not any(has_marks(before, part) for part in text_parts(before))
    found = _Redline(before, _opened(b), _named(author), date, theirs=theirs).run()
    if not found.hunks and not found.warnings:
        raise ToolInputError("The documents say the same: there is nothing to mark.", code="unchanged")
    return found


def _opened(content: bytes | Package) -> Package:
    package = content if isinstance(content, Package) else Package.open(content)
    if package.kind != "word":
        message = f"This is no Word document: its content is of the kind {package.kind!r}."
        raise DocumentError(message, code="unsupported")
    return package


class _Redline:
    """One comparison: two packages, one pen."""

    def __init__(
        self, before: Package, after: Package, author: str, date: datetime | None, *, theirs: bool = False
    ) -> None:
        self._theirs = theirs
        self._before = before
        self._after = after
        main = before.main, after.main
        self._window = window(before.read(main[0]), after.read(main[1])) if self._differ(*main) else None
        known = _ids_in(self._window.before) if self._window else _highest(before)
        self._ink = Ink(author, date, 1 + max(known, _highest(after)))
        self._warnings: dict[str, None] = {}
        self._hunks: list[Hunk] = []
        self._adopter = Adopter(before, after, self._ink, self._warn)
        self._notes: dict[str, tuple[dict[str, Element], dict[str, Element]]] = {}
        self._handled: set[tuple[str, str]] = set()

    def _warn(self, words: str) -> None:
        self._warnings[words] = None

    def run(self) -> Edited:
        """Return the redline."""
        main = self._before.main, self._after.main
        if self._differ(*main):
            self._main(*main)
        self._margins()
        for kind in HOMES:
            self._referred(kind)
        self._drop_lost_ranges()
        self._tell_direct()
        return Edited.of(self._after.save(), self._hunks, self._warnings)

    def _differ(self, old: str, now: str) -> bool:
        return self._before.read(old) != self._after.read(now)

    def _main(self, old: str, now: str) -> None:
        roots, found = self._bodies(old, now)
        if is_strict(roots[0]) != is_strict(roots[1]):
            hint = "Save both in the same format in Word."
            raise DocumentError("One file is strict OOXML, the other is not.", hint=hint, code="unsupported")
        bodies = child(roots[0], "w:body"), child(roots[1], "w:body")
        if bodies[0] is None or bodies[1] is None:
            raise DocumentError("The document has no body: it is damaged.", code="broken")
        desk, blocks = self._desk(old, now, roots)
        passed = Counter[str]() if found is None else found.passed
        blocks.container(bodies[0], bodies[1], Place(old=passed.copy(), new=passed.copy()))
        last_section(desk, bodies[0], bodies[1])
        keep_margins(desk, bodies[1])
        if found is None:
            self._after.touch(now)
        else:
            edited = etree.tostring(roots[1], encoding="UTF-8", xml_declaration=False)
            self._after.write(now, iter([found.joined(edited)]))

    def _bodies(self, old: str, now: str) -> tuple[tuple[Element, Element], Window | None]:
        """Return the main parts' roots, of what differs only where that can be told."""
        if (found := self._window) is not None:
            try:
                return (xml.parse(found.before, old), xml.parse(found.after, now)), found
            except DocumentError:
                self._window = None  # something that looks like a tag misled it
        return self._roots(old, now), None

    def _part(self, old: str, now: str, label: str) -> None:
        roots = self._roots(old, now)
        known = self._ink.count
        _, blocks = self._desk(old, now)
        blocks.container(*roots, Place(label))
        if self._ink.count > known:
            self._after.touch(now)

    def _roots(self, old: str, now: str) -> tuple[Element, Element]:
        """Return both parts' roots; the new one ignores all that the old one does, which text may come from."""
        before, after = self._before.xml(old), self._after.xml(now)
        if (grown := _grown(before, after)) is not None:
            self._after.write(now, xml.serialise(grown, self._after.read(now)))
            after = self._after.xml(now)
        return before, after

    def _desk(self, old: str, now: str, roots: tuple[Element, Element] | None = None) -> tuple[Desk, Blocks]:
        before, after = roots or (self._before.xml(old), self._after.xml(now))
        readers = (
            Reader(resolver(self._before, old), lambda e: self._note_key(e, 0), before),
            Reader(resolver(self._after, now), lambda e: self._note_key(e, 1), after, theirs=self._theirs),
        )

        def adopt(element: Element) -> Element:
            return self._adopter.element(old, now, element)

        def boxes(a: Element, b: Element) -> None:
            pairs = list(every(a, "txbxContent")), list(every(b, "txbxContent"))
            for one, other in zip(*pairs, strict=False) if len(pairs[0]) == len(pairs[1]) else ():
                if readers[0].signature(one) != readers[1].signature(other):
                    blocks.container(one, other, Place("text box"))

        ranges = frozenset(readers[1].range_key(e) for e in after.iter() if name(e) in RANGES)
        desk = Desk(self._ink, *readers, adopt, boxes, self._note, ranges, self._warnings, self._theirs)
        blocks = Blocks(desk, self._hunks)
        return desk, blocks

    # Notes and comments

    def _note_key(self, element: Element, side: int) -> str:
        """Return how a reference is compared: by its id where both files number alike, else by what it refers to."""
        id_, kind = value(element, "id") or "", name(element)
        pair = self._note_pair(kind)
        if _lineage(*pair):
            return id_
        found = pair[side].get(id_)
        return id_ if found is None else "".join(e.text or "" for e in every(found, "t"))

    def _note_pair(self, kind: str) -> tuple[dict[str, Element], dict[str, Element]]:
        if kind not in self._notes:
            self._notes[kind] = numbered(self._before, *HOMES[kind])[1], numbered(self._after, *HOMES[kind])[1]
        return self._notes[kind]

    def _note(self, reference: Element, fate: Fate) -> None:
        """Bring over or mark the content of a note whose reference goes or comes."""
        kind, id_ = name(reference), value(reference, "id") or ""
        old, now = self._note_pair(kind)
        if fate == "+" and kind != "w:commentReference" and id_ in now and id_ not in old:
            self._marked(kind, id_, now[id_])
        if fate in "-<" and id_ in old and (kind, id_) not in self._handled:
            self._handled.add((kind, id_))
            self._kept(kind, id_, old[id_])

    def _marked(self, kind: str, id_: str, note: Element) -> None:
        if (kind, f"+{id_}") in self._handled:
            return
        self._handled.add((kind, f"+{id_}"))
        part, _ = numbered(self._after, *HOMES[kind])
        _, blocks = self._desk(part, part) if self._before.has(part) else self._desk(self._before.main, part)
        parent = note.getparent()
        if parent is not None:
            parent.replace(note, blocks.everything(note, "+"))
            self._after.touch(part)

    def _kept(self, kind: str, id_: str, note: Element) -> None:
        new_id = self._adopter.reference(kind, id_)
        root = self._adopter.home(kind)
        here, now = numbered(self._after, *HOMES[kind])
        if root is None or new_id in now:
            return
        source, _ = numbered(self._before, *HOMES[kind])
        _, blocks = self._desk(source, here)
        made = self._adopter.element(source, here, note)
        if kind != "w:commentReference":
            made = blocks.everything(note, "-")
        made.set(f"{{{made.tag[1:].partition('}')[0]}}}id", new_id)
        root.append(made)

    def _referred(self, kind: str) -> None:
        """Compare the notes or comments that both files have."""
        places = [next(iter(p.related(p.main, HOMES[kind][0])), "") for p in (self._before, self._after)]
        if not (self._before.has(places[0]) and self._after.has(places[1]) and self._differ(*places)):
            return
        if not _lineage(*self._note_pair(kind)):
            return
        old_part, old = numbered(self._before, *HOMES[kind])
        part, now = numbered(self._after, *HOMES[kind])
        _, blocks = self._desk(old_part, part)
        for id_, note in now.items():
            if id_ in old and (kind, id_) not in self._handled and signature(note, str) != signature(old[id_], str):
                blocks.container(old[id_], note, Place(f"{_LABELS[kind]} {id_}"))
                self._after.touch(part)

    def _drop_lost_ranges(self) -> None:
        """Take out the ranges of old comments whose reference was not kept."""
        lost = [e for e in self._adopter.ranges if name(e) != "w:commentReference"]
        held = {value(e, "id") for e in self._adopter.ranges if name(e) == "w:commentReference"}
        for element in lost:
            parent = element.getparent()
            if parent is not None and value(element, "id") not in held:
                parent.remove(element)

    # Headers and footers

    def _margins(self) -> None:
        """Compare the headers and footers of both files that belong together; others come or go as a whole."""
        if not margins.differ(self._before, self._after):
            return
        for each in margins.paired(self._before, self._after):
            if each.old and each.now:
                if self._differ(each.old, each.now):
                    self._part(each.old, each.now, each.label)
            elif not each.alone:
                self._warn(f"The {each.label} is {'new' if each.now else 'gone'}; that can't be tracked.")
            else:
                self._lone_margin(each)

    def _lone_margin(self, margin: margins.Margin) -> None:
        """Mark all of a header that only one version has: the other one is then an empty one."""
        fate: Fate = "+" if margin.now else "-"
        part = margin.now or margins.carry(self._before, self._after, margin)
        _, blocks = self._desk(margin.old or self._before.main, part)
        root = self._after.xml(part)
        made = blocks.everything(self._before.xml(margin.old) if fate == "-" else root, fate)
        root[:] = list(made)
        self._after.touch(part)
        said = "\n".join(words_of(each) for each in every(root, "p")) if fate == "+" else _said_deleted(root)
        self._hunks.append(Hunk(margin.label, *(("", said) if fate == "+" else (said, "")), "structure"))

    def _tell_direct(self) -> None:
        for kind, words in _DIRECT.items():
            parts = [next(iter(p.related(p.main, kind)), "") for p in (self._before, self._after)]
            has = [bool(part) and p.has(part) for part, p in zip(parts, (self._before, self._after), strict=True)]
            if has[0] and has[1] and self._differ(*parts) and not self._same_xml(*parts):
                self._warn(f"{words} differ; that can't be tracked and is changed directly.")

    def _same_xml(self, old: str, now: str) -> bool:
        return signature(self._before.xml(old), str) == signature(self._after.xml(now), str)


def _said_deleted(root: Element) -> str:
    return "\n".join("".join(t.text or "" for t in every(each, "delText")) for each in every(root, "p"))


def _highest(package: Package) -> int:
    """Return the highest number that is an id in the parts of the text."""
    return max(_ids_in(package.read(part)) for part in text_parts(package))


def _ids_in(data: bytes) -> int:
    numbers = (_QUOTED_IDS if b"id='" in data or b"id =" in data else _IDS).findall(data)
    return max((n for n in map(int, numbers) if n < _HUGE), default=0)


def _lineage(old: dict[str, Element], now: dict[str, Element]) -> bool:
    """Return whether the ids of notes mean the same in both files: most of those in common say much the same."""
    common = [id_ for id_ in old if id_ in now]
    return 2 * sum(_much(_said(old[id_]), _said(now[id_])) for id_ in common) >= len(common)


def _much(one: str, other: str) -> bool:
    bags = Counter(one.split()), Counter(other.split())
    return 2 * sum((bags[0] & bags[1]).values()) >= max(sum(bags[0].values()), sum(bags[1].values()))


def _said(note: Element) -> str:
    return "".join(each.text or "" for each in every(note, "t"))


def _grown(before: Element, after: Element) -> Element | None:
    """Return a copy of the new root that also ignores the namespaces that the old one ignores; None if it does."""
    prefixes = (before.get(_MC) or "").split()
    ignored = {after.nsmap.get(p) for p in (after.get(_MC) or "").split()}
    missing = {p: uri for p in prefixes if (uri := before.nsmap.get(p)) is not None and uri not in ignored}
    if not missing:
        return None
    spaces: dict[str | None, str] = dict(after.nsmap)
    named = []
    for prefix, uri in missing.items():
        free: str = prefix if spaces.get(prefix, uri) == uri else f"{prefix}x"
        spaces[free] = uri
        named.append(free)
    grown = after.makeelement(after.tag, nsmap=cast("dict[str, str]", spaces))
    for key, given in attributes(after):
        grown.set(key, given)
    grown.set(_MC, " ".join([*(after.get(_MC) or "").split(), *named]))
    grown.text = after.text
    grown.extend(list(after))
    return grown


__all__: list[str] = ["compare", "redline"]
