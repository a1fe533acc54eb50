"""The tracked changes of a document: listed as a person sees them, accepted and rejected, compared into."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from lxml import etree

from copilot.documents.hunks import Hunk
from copilot.documents.word import order
from copilot.documents.word.blocks import Block, Story, parse_address
from copilot.documents.word.document import Document, shortened
from copilot.documents.word.editing import Edit, editor
from copilot.documents.word.ink import LISTED_SKIP, signature
from copilot.documents.word.names import (
    WORD_NAMESPACES,
    Element,
    child,
    children,
    every,
    is_on,
    name,
    new,
    value,
    within,
)
from copilot.documents.word.redline_adopt import HOMES, numbered
from copilot.documents.word.resolve import MARKS, PROPERTY_MARKS, RANGE_MARKS, Decide, Verdict, has_marks, resolve
from copilot.errors import ToolInputError

_CONTEXT = 80  # characters of a paragraph that are shown around a change
_KINDS = {
    "w:ins": "insertion",
    "w:del": "deletion",
    "w:moveFrom": "move away",
    "w:moveTo": "move here",
    "w:rPrChange": "format",
    "w:pPrChange": "paragraph format",
    "w:numberingChange": "numbering",
    "w:sectPrChange": "section format",
    "w:tblPrChange": "table format",
    "w:tblPrExChange": "table format",
    "w:tblGridChange": "column widths",
    "w:trPrChange": "row format",
    "w:tcPrChange": "cell format",
    "w:cellIns": "cell insertion",
    "w:cellDel": "cell deletion",
    "w:cellMerge": "cell merge",
    **{
        f"w:customXml{kind}RangeStart": f"content control {word}"
        for kind, word in (
            ("Ins", "insertion"),
            ("Del", "deletion"),
            ("MoveFrom", "move away"),
            ("MoveTo", "move here"),
        )
    },
}
_GONE = frozenset({"deletion", "move away", "row deletion", "cell deletion", "content control deletion"})
_CAME = frozenset({"insertion", "move here", "row insertion", "cell insertion", "content control insertion"})
_SETTINGS = "application/vnd.openxmlformats-officedocument.wordprocessingml.settings+xml"


@dataclass(frozen=True, slots=True)
class Revision:
    """One tracked change as a person sees it: an insertion over many runs is one.

    `id` names it for `accept` and `reject`; `ids` are all the `w:id` that it is made of. `date` is as the file has it,
    "" if it is missing, like `author`. `before` is the text that goes, `after` the text that comes (a paragraph's end
    is a line break); for formats both are the text that looks different and `details` names the properties.
    """

    id: str
    ids: tuple[str, ...]
    kind: str
    author: str
    date: str
    before: str
    after: str
    address: str
    where: str
    context: str
    details: str = ""


@dataclass(slots=True)
class _Found:
    """A change while it is gathered: its marks and text, and the block that it begins in."""

    kind: str
    author: str
    date: str
    part: str
    block: Block | None
    marks: list[Element] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    details: str = ""


def revisions(content: bytes) -> tuple[Revision, ...]:
    """Return every tracked change of a document, story by story; raises DocumentError for what can't be read."""
    document = Document(content)
    return tuple(revision for revision, _ in _listed(document))


def _listed(document: Document) -> list[tuple[Revision, _Found]]:
    known: Counter[str] = Counter()
    return [(_public(document, found, known), found) for found in _gather(document)]


def _public(document: Document, found: _Found, known: Counter[str]) -> Revision:
    ids = tuple(dict.fromkeys(value(mark, "id") or "" for mark in found.marks))
    known[ids[0]] += 1
    named = ids[0] if known[ids[0]] == 1 else f"{ids[0]}#{known[ids[0]]}"
    text = "".join(found.text)
    block = found.block
    return Revision(
        named, ids, found.kind, found.author, found.date,
        "" if found.kind in _CAME else text,
        "" if found.kind in _GONE else text,
        "" if block is None else document.address(block),
        "the last section" if block is None else block.where,
        "" if block is None else shortened(document.text(block), _CONTEXT),
        found.details,
    )  # fmt: skip


# Gathering


def _gather(document: Document) -> Iterator[_Found]:
    """Yield the changes of the stories that hold any, in the order of the text."""
    marked = {part for part in _parts(document) if has_marks(document.package, part)}
    for story in document.stories:
        if story.part in marked:
            blocks = [b for b in document.blocks if b.story.prefix == story.prefix and b.story.part == story.part]
            yield from _Gatherer(story).run(blocks)


def _parts(document: Document) -> list[str]:
    return list(dict.fromkeys(story.part for story in document.stories))


class _Gatherer:
    """Walks the blocks of a story; changes that go on from run to run, and over a paragraph's end, stay open."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._open: dict[tuple[str, str, str], _Found] = {}
        self._done: list[_Found] = []
        self._seen: set[Element] = set()

    def run(self, blocks: Sequence[Block]) -> list[_Found]:
        """Return the changes of the story."""
        for block in blocks:
            if block.kind == "paragraph":
                self._paragraph(block)
            else:
                self._table_part(block)
        section = child(self._story.container, "w:sectPr")
        if section is not None:
            self._alone(None, section, "")
        for mark in self._story.container.iter():
            if name(mark) in MARKS and mark not in self._seen and name(mark) not in _MOVE_RANGES:
                self._add(mark, None, "", closed=True)
        return self._done

    def _table_part(self, block: Block) -> None:
        self._open.clear()
        names = {"table": ("w:tblPr", "w:tblGrid"), "row": ("w:trPr", "w:tblPrEx"), "cell": ("w:tcPr",)}[block.kind]
        text = "" if block.kind == "table" else "\t".join(_text(p) for p in every(block.element, "p"))
        for properties in children(block.element, *names):
            self._alone(block, properties, text)

    def _alone(self, block: Block | None, properties: Element, text: str) -> None:
        for mark in [m for m in properties if name(m) in MARKS]:
            self._add(mark, block, text, closed=True)

    def _paragraph(self, block: Block) -> None:
        properties = child(block.element, "w:pPr")
        for run, chain in _runs(block.element, ()):
            self._step(block, chain, _text(run))
        for mark in [m for m in properties.iter() if name(m) in PROPERTY_MARKS] if properties is not None else []:
            if mark.getparent() is properties or name(mark) == "w:sectPrChange":
                self._add(mark, block, _text(block.element), closed=True)
        end = child(properties, "w:rPr")
        ends = [] if end is None else [m for m in end if name(m) in MARKS]
        self._step(block, tuple(ends), "\n")

    def _step(self, block: Block, chain: tuple[Element, ...], text: str) -> None:
        """Go over a run (or a paragraph's end) that stands in these marks."""
        keys = {_key(mark): mark for mark in chain}
        for key in [k for k in self._open if k not in keys]:
            del self._open[key]
        for mark in chain:
            self._add(mark, block, text, closed=False)

    def _add(self, mark: Element, block: Block | None, text: str, *, closed: bool) -> None:
        key = _key(mark)
        found = None if closed else self._open.get(key)
        if found is None:
            kind = _row_kind(mark) or _KINDS[name(mark)]
            found = _Found(kind, key[1], key[2], self._story.part, block, details=_details(mark))
            self._done.append(found)
            if not closed:
                self._open[key] = found
        if mark not in self._seen:
            found.marks.append(mark)
            self._seen.add(mark)
        elif not found.marks:
            found.marks.append(mark)
        found.text.append(text)


_MOVE_RANGES = frozenset({"w:moveFromRangeStart", "w:moveToRangeStart"})


def _key(mark: Element) -> tuple[str, str, str]:
    return name(mark) + _details(mark), value(mark, "author") or "", value(mark, "date") or ""


def _row_kind(mark: Element) -> str:
    parent = mark.getparent()
    if parent is not None and name(parent) == "w:trPr" and name(mark) in ("w:ins", "w:del"):
        return f"row {_KINDS[name(mark)]}"
    return ""


def _runs(parent: Element, chain: tuple[Element, ...]) -> Iterator[tuple[Element, tuple[Element, ...]]]:
    """Yield the runs and equations of a paragraph with the marks around and on them; text boxes have their own."""
    for each in parent:
        kind = name(each)
        if kind == "w:r":
            change = child(child(each, "w:rPr"), "w:rPrChange")
            yield each, chain if change is None else (*chain, change)
        elif kind == "m:oMath":
            yield each, chain
        elif kind in ("w:ins", "w:del", "w:moveFrom", "w:moveTo"):
            yield from _runs(each, (*chain, each))
        elif kind and kind != "w:pPr":
            yield from _runs(each, chain)


def _text(element: Element) -> str:
    parts = []
    for each in element.iter():
        if name(each) in ("w:t", "w:delText", "m:t"):
            parts.append(each.text or "")
        elif name(each) in ("w:tab", "w:br", "w:cr") and name(each.getparent()) == "w:r":  # type: ignore[arg-type]
            parts.append("\t" if name(each) == "w:tab" else "\n")
    return "".join(parts)


def _details(mark: Element) -> str:
    """Return the names of the properties that a change of format sets, changes or takes away."""
    owner, former = mark.getparent(), next(iter(mark), None)
    if name(mark) not in PROPERTY_MARKS or owner is None or name(mark) == "w:tblGridChange":
        return ""
    skip = LISTED_SKIP | PROPERTY_MARKS[name(mark)]
    now = {name(e): signature(e, str) for e in owner if name(e) not in skip}
    old = {name(e): signature(e, str) for e in former if name(e) not in skip} if former is not None else {}
    return ", ".join(sorted(k.partition(":")[2] for k in {*now, *old} if now.get(k) != old.get(k)))


# Accepting and rejecting


@editor
def accept(
    document: Document, *, ids: list[str] | None = None, author: str = "", address: str = "", everything: bool = False
) -> Edit:
    """Accept tracked changes: those with these ids, of an author, in a block (or "first..last"), or all.

    Conditions are joined: an author and an address mean that author's changes there. Both halves of a move go
    together. Raises ToolInputError for no condition, an unknown id or author, and "unchanged" when nothing matches.
    """
    return _settle(document, "accept", ids, author, address, everything)


@editor
def reject(
    document: Document, *, ids: list[str] | None = None, author: str = "", address: str = "", everything: bool = False
) -> Edit:
    """Reject tracked changes: those with these ids, of an author, in a block (or "first..last"), or all.

    What was inserted goes, what was deleted is back, formats are as they were. Errors as for `accept`.
    """
    return _settle(document, "reject", ids, author, address, everything)


def _settle(
    document: Document, verdict: Verdict, ids: list[str] | None, author: str, address: str, everything: bool
) -> Edit:
    listed = _listed(document)
    chosen = list(_chosen(document, listed, ids, author, address, everything))
    if not chosen and not (everything and _left(document)):
        raise ToolInputError("No tracked change is there to " + verdict + ".", code="unchanged")
    total = everything and not (ids or author or address)
    marks = {mark for _, found in chosen for mark in found.marks}
    parts = [*_parts(document), *(_others(document) if total else [])]
    touched = []
    gone: list[tuple[str, str]] = []
    for part in parts:
        root = document.package.xml(part)
        decide = _decider(root, marks, verdict, total=total, author=author if not (ids or address) else "")
        done = resolve(root, decide)
        if done.count:
            touched.append(part)
            gone += done.references
    for part in touched:
        document.package.touch(part)
    for story in list(document.stories):
        if story.part in touched:
            document.touch(story)
    _drop_notes(document, gone)
    return Edit.of(_hunk(revision, verdict) for revision, _ in chosen)


def _left(document: Document) -> bool:
    return any(has_marks(document.package, part) for part in [*_parts(document), *_others(document)])


def _others(document: Document) -> list[str]:
    """Return the parts besides the text that may hold changes of formats."""
    package = document.package
    found = [p for kind in ("styles", "numbering") for p in package.related(document.main, kind) if package.has(p)]
    return [part for part in found if b"Change" in package.read(part)]


def _chosen(
    document: Document,
    listed: list[tuple[Revision, _Found]],
    ids: list[str] | None,
    author: str,
    address: str,
    everything: bool,
) -> Iterator[tuple[Revision, _Found]]:
    if not (ids or author or address or everything):
        hint = "Give ids, author, address or everything."
        raise ToolInputError("It isn't said which tracked changes.", hint=hint, code="arguments")
    wanted = set(ids or ())
    known = {r.id for r, _ in listed} | {i for r, _ in listed for i in r.ids}
    for each in sorted(wanted - known):
        raise ToolInputError.unknown("tracked change", each, sorted(known))
    authors = {r.author for r, _ in listed}
    if author and author not in authors:
        raise ToolInputError.unknown("author", author, sorted(authors))
    paths = _range(document, address)
    for revision, found in listed:
        named = not wanted or bool(wanted & {revision.id, *revision.ids})
        if named and author in ("", revision.author) and (paths is None or _inside(found.block, paths)):
            yield revision, found


def _range(document: Document, address: str) -> list[str] | None:
    """Return the paths of the blocks from one address to another ("p3:1a2b..p7:9f00"), None for no address."""
    if not address:
        return None
    first, _, last = address.partition("..")
    blocks = document.blocks
    start = blocks.index(document.at(first))
    if last and parse_address(last) is None:
        raise ToolInputError(f"{last!r} is no address.", code="address")
    end = blocks.index(document.at(last)) if last else start
    return [block.path for block in blocks[min(start, end) : max(start, end) + 1]]


def _inside(block: Block | None, paths: Iterable[str]) -> bool:
    return block is not None and any(block.path == path or block.path.startswith(f"{path}.") for path in paths)


def _decider(root: Element, marks: set[Element], verdict: Verdict, *, total: bool, author: str) -> Decide:
    """Return what says of each mark of a tree whether it is meant; a move's halves and its range go together."""
    if total:
        return lambda mark: verdict
    if author:
        return lambda mark: verdict if _author(mark) == author else None
    meant = set(marks)
    for group in _moves(root):
        if not meant.isdisjoint(group):
            meant |= group
    return lambda mark: verdict if mark in meant else None


def _author(mark: Element) -> str:
    """Return who made a change; new column widths bear no name and are of who changed the table (17.13.5.35)."""
    given = value(mark, "author") or ""
    table = within(mark, "w:tbl") if not given and name(mark) == "w:tblGridChange" else None
    others = () if table is None else (value(m, "author") for m in table.iter() if name(m) in MARKS)
    return given or next((each for each in others if each), "")


def _moves(root: Element) -> list[set[Element]]:
    """Return the marks of each named move: those between the ends of its two ranges, and the starts (17.13.5.24)."""
    groups: dict[str, set[Element]] = {}
    open_: dict[tuple[str, str], str] = {}
    for each in root.iter():
        kind = name(each)
        key = (kind.removesuffix("Start").removesuffix("End"), value(each, "id") or "")
        if kind in _MOVE_RANGES:
            open_[key] = value(each, "name") or ""
            groups.setdefault(open_[key], set()).add(each)
            if (paragraph := each.getparent()) is not None and name(paragraph) == "w:p":
                ends = child(child(paragraph, "w:pPr"), "w:rPr")
                groups[open_[key]].update(children(ends, "w:moveFrom", "w:moveTo"))
        elif kind in ("w:moveFromRangeEnd", "w:moveToRangeEnd"):
            open_.pop(key, None)
        elif kind in ("w:moveFrom", "w:moveTo"):
            for (range_, _), named in open_.items():
                if range_ == f"{kind}Range":
                    groups[named].add(each)
    return list(groups.values())


def _drop_notes(document: Document, gone: list[tuple[str, str]]) -> None:
    """Remove the notes and comments whose last reference went, and the ranges of those comments."""
    if not gone:
        return
    package = document.package
    kept = {
        (name(e), value(e, "id"))
        for part in _parts(document)
        for local in ("footnoteReference", "endnoteReference", "commentReference")
        for e in every(package.xml(part), local)
    }
    for kind, id_ in dict.fromkeys(gone):
        if (kind, id_) in kept:
            continue
        part, notes = numbered(package, *HOMES[kind])
        if (note := notes.get(id_)) is not None and (parent := note.getparent()) is not None:
            parent.remove(note)
            package.touch(part)
        if kind == "w:commentReference":
            _drop_comment_ranges(document, id_)
    for story in list(document.stories):
        if package.has(story.part) and gone:
            document.touch(story) if story.kind == "body" else None


def _drop_comment_ranges(document: Document, id_: str) -> None:
    for part in _parts(document):
        for local in ("commentRangeStart", "commentRangeEnd"):
            for each in [e for e in every(document.package.xml(part), local) if value(e, "id") == id_]:
                if (parent := each.getparent()) is not None:
                    parent.remove(each)
                    document.package.touch(part)


def _hunk(revision: Revision, verdict: Verdict) -> Hunk:
    """Return what the text is after the change is settled, against what it would have been."""
    sides = (revision.before, revision.after) if verdict == "accept" else (revision.after, revision.before)
    words = f"{revision.kind} by {revision.author or 'an unknown author'} {verdict}ed"
    where = f"{revision.where} ({words})"
    return Hunk(where, *sides, "format" if revision.before == revision.after else "text")


# The mode


@editor
def track(document: Document, on: bool) -> Edit:
    """Turn Track Changes on or off for everybody who opens the document (17.15.1.90)."""
    package = document.package
    part = next((p for p in package.related(document.main, "settings") if package.has(p)), "")
    before = is_on(document.setting("w:trackRevisions")) or False
    if before == on:
        raise ToolInputError(f"Track Changes is {'on' if on else 'off'} already.", code="unchanged")
    if not part:
        part = _new_settings(document)
    root = package.xml(part)
    for each in list(children(root, "w:trackRevisions")):
        root.remove(each)
    if on:
        order.put(root, new(root, "trackRevisions"))
    package.touch(part)
    words = ("Track Changes off", "Track Changes on")
    return Edit.of([Hunk("the document's settings", words[before], words[on], "structure")])


def _new_settings(document: Document) -> str:
    package = document.package
    ns = WORD_NAMESPACES[1] if package.strict else WORD_NAMESPACES[0]
    part = package.unused_name("word/settings{}.xml") if package.has("word/settings.xml") else "word/settings.xml"
    package.add(part, etree.tostring(etree.Element(f"{{{ns}}}settings", nsmap={"w": ns})), _SETTINGS)
    package.relate(document.main, "settings", part)
    return part


OPERATIONS = (accept, reject, track)

__all__ = ["OPERATIONS", "RANGE_MARKS", "Revision", "accept", "reject", "revisions", "track"]
