"""Tracked changes accepted or rejected: the marks of 17.13.5 taken out of a tree of elements, as Word does it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from copilot.documents.package import Package
from copilot.documents.word import order, redline_grid
from copilot.documents.word.names import WORD_NAMESPACES, Element, child, children, name, namespace, new, value, within

Verdict = Literal["accept", "reject"]
#: Says of a mark what becomes of it; None leaves it.
Decide = Callable[[Element], Verdict | None]

#: Changes of properties by their mark: children that stay as they are when the old ones are restored.
PROPERTY_MARKS: dict[str, frozenset[str]] = {
    "w:rPrChange": frozenset({"w:ins", "w:del", "w:moveFrom", "w:moveTo"}),
    "w:pPrChange": frozenset({"w:rPr", "w:sectPr"}),
    "w:sectPrChange": frozenset({"w:headerReference", "w:footerReference"}),
    "w:tblPrChange": frozenset(),
    "w:tblPrExChange": frozenset(),
    "w:trPrChange": frozenset({"w:ins", "w:del"}),
    "w:tcPrChange": frozenset({"w:cellIns", "w:cellDel", "w:cellMerge"}),
    "w:tblGridChange": frozenset(),
}
#: Everything that comes or goes, by its mark.
COMES = frozenset({"w:ins", "w:moveTo", "w:cellIns"})
GOES = frozenset({"w:del", "w:moveFrom", "w:cellDel"})
CELL_MARKS = frozenset({"w:cellIns", "w:cellDel", "w:cellMerge"})
#: Starts of ranges that belong to tracked changes; the ends have the same ids (17.13.5.4 to .11, .24, .28).
RANGE_MARKS = frozenset(
    {
        "w:moveFromRangeStart",
        "w:moveToRangeStart",
        *(f"w:customXml{kind}RangeStart" for kind in ("Ins", "Del", "MoveFrom", "MoveTo")),
    }
)
#: All marks of tracked changes that have an author of their own.
MARKS = frozenset({*COMES, *GOES, *PROPERTY_MARKS, *CELL_MARKS, *RANGE_MARKS, "w:numberingChange"})

_BACK = {"delText": "t", "delInstrText": "instrText"}
_HOLDERS = frozenset(
    {"w:hyperlink", "w:fldSimple", "w:smartTag", "w:dir", "w:bdo", "w:ins", "w:del", "w:moveTo", "w:moveFrom"}
)
_LOOSE = frozenset(
    {
        "w:proofErr",
        *(f"w:{kind}{end}" for kind in ("bookmark", "perm", "commentRange") for end in ("Start", "End")),
        *RANGE_MARKS,
        *(f"{start[:-5]}End" for start in RANGE_MARKS),
    }
)
_BLOCKS = frozenset({"w:p", "w:tbl", "w:sdt", "w:customXml", "w:altChunk"})
_CONTENT = frozenset({"w:r", "m:oMath", "m:oMathPara", "w:tbl", "w:altChunk"})
_REFERENCES = {"w:footnoteReference", "w:endnoteReference", "w:commentReference"}


@dataclass
class Resolved:
    """What was done in one tree: how many marks are gone, and the notes and comments whose reference went."""

    count: int = 0
    references: list[tuple[str, str]] = field(default_factory=list)  # (w:footnoteReference, id)


def resolve(root: Element, decide: Decide) -> Resolved:
    """Accept or reject the marks under `root`; `decide` is asked once for each, before anything is changed."""
    marks = [(each, verdict) for each in root.iter() if name(each) in MARKS and (verdict := decide(each))]
    done = Resolved(len(marks))
    if marks:
        _Resolver(root, dict(marks), done).run()
    return done


class _Resolver:
    """Works through the marks of one tree: properties, then text, then paragraphs, then rows and cells."""

    def __init__(self, root: Element, marks: dict[Element, Verdict], done: Resolved) -> None:
        self._root = root
        self._marks = marks
        self._done = done
        self._filled = _filled_bookmarks(root)
        self._joins: list[Element] = []
        self._moved: set[Element] = set()
        self._gone: list[Element] = []
        self._controls: list[Element] = []
        self._ranges: set[tuple[str, str]] = set()

    def run(self) -> None:
        for mark, verdict in self._marks.items():
            if _attached(mark, self._root):
                self._one(mark, verdict)
        self._drop_ranges()
        self._gone += self._moved_rows()
        narrowed = redline_grid.lost(self._gone)
        for element in self._gone:
            self._remove(element)
        for table, columns in narrowed.items():
            redline_grid.narrow(table, columns)
        self._drop_controls()
        for paragraph in self._joins:
            if _attached(paragraph, self._root):
                _join(paragraph)
        for bookmark in self._filled - _filled_bookmarks(self._root):
            _drop_bookmark(self._root, bookmark)

    def _one(self, mark: Element, verdict: Verdict) -> None:
        kind = name(mark)
        if kind in PROPERTY_MARKS:
            _properties(mark, verdict)
        elif kind in RANGE_MARKS:
            self._ranges.add((kind[: -len("Start")], value(mark, "id") or ""))
            after = mark.getnext()
            gone = "Del" in kind or "MoveFrom" in kind
            if kind.startswith("w:customXml") and gone == (verdict == "accept") and after is not None:
                self._controls += [after] if name(after) in ("w:sdt", "w:customXml") else []
            _detach(mark)
        elif kind == "w:numberingChange":
            _detach(mark)
        elif kind == "w:cellMerge":
            _merge(mark, verdict)
        else:
            self._change(mark, gone=(kind in GOES) == (verdict == "accept"))

    def _change(self, mark: Element, *, gone: bool) -> None:
        """Take out what is gone, or leave it without its mark: a paragraph's end, a row, a cell, a list, runs."""
        parent = mark.getparent()
        place = name(parent) if parent is not None else ""
        if place == "w:rPr" and parent is not None:
            self._paragraph_end(mark, parent, gone=gone)
        elif place in ("w:trPr", "w:tcPr") and parent is not None:
            _detach(mark)
            if gone and (owner := parent.getparent()) is not None:
                self._gone.append(owner)
            _prune(parent)
        elif place == "w:numPr" and parent is not None:
            _detach(parent if gone else mark)
        elif place == "m:ctrlPr" and parent is not None:
            _detach(mark)
            if gone and (owner := parent.getparent()) is not None and owner.getparent() is not None:
                self._gone.append(owner.getparent())  # type: ignore[arg-type]
        elif gone:
            self._remove(mark)
        else:
            _unwrap(mark)

    def _paragraph_end(self, mark: Element, properties: Element, *, gone: bool) -> None:
        owner = properties.getparent()
        _detach(mark)
        if owner is not None and name(owner) == "w:pPr":
            paragraph = owner.getparent()
            if gone and paragraph is not None:
                self._joins.append(paragraph)
                if name(mark) in ("w:moveFrom", "w:moveTo") and _next(paragraph) is None:
                    self._moved.add(paragraph)
            _prune(properties)
            _prune(owner)
        elif owner is not None and name(owner) == "m:ctrlPr":
            math = owner.getparent()
            if gone and math is not None and (whole := math.getparent()) is not None:
                self._gone.append(whole)

    def _moved_rows(self) -> list[Element]:
        """Return the rows that went: Word moves a row by marking the last paragraph of each of its cells as moved."""
        rows = dict.fromkeys(row for each in self._moved if (row := within(each, "w:tr")) is not None)
        return [row for row in rows if all(any(p in self._moved for p in cell) for cell in _cells(row))]

    def _remove(self, element: Element) -> None:
        """Remove an element; ends of ranges in it stay, and what held nothing else goes, too."""
        for each in element.iter():
            if name(each) in _REFERENCES:
                self._done.references.append((name(each), value(each, "id") or ""))
        _remove_up(element)

    def _drop_ranges(self) -> None:
        """Remove the ends of the ranges whose starts were resolved."""
        if not self._ranges:
            return
        for element in [e for e in self._root.iter() if name(e).endswith("RangeEnd")]:
            if (name(element)[: -len("End")], value(element, "id") or "") in self._ranges:
                _detach(element)

    def _drop_controls(self) -> None:
        """Remove the controls that a resolved range takes away; content that stays takes their place."""
        ended = set(map(id, self._joins))
        for control in self._controls:
            if not _attached(control, self._root):
                continue
            full = any(name(e) in _CONTENT or (name(e) == "w:p" and id(e) not in ended) for e in control.iter())
            if not full:
                _remove_up(control)
                continue
            inner = child(control, "w:sdtContent") if name(control) == "w:sdt" else control
            if inner is not None and inner is not control:
                _unwrap(inner)
                for each in list(children(control, "w:sdtPr", "w:sdtEndPr")):
                    _take(control, each)
            _unwrap(control)


def _cells(row: Element) -> Iterator[Element]:
    """Yield the cells of a row, those in controls too."""
    for each in row:
        if name(each) == "w:tc":
            yield each
        elif name(each) in ("w:sdt", "w:sdtContent", "w:customXml"):
            yield from _cells(each)


def _attached(element: Element, root: Element) -> bool:
    while (parent := element.getparent()) is not None:
        element = parent
        if element is root:
            return True
    return element is root


def _detach(element: Element) -> None:
    if (parent := element.getparent()) is not None:
        _take(parent, element)


def _take(parent: Element, element: Element) -> None:
    """Remove a child without the text that follows it, if there is any but blanks."""
    element.tail = None
    parent.remove(element)


def _prune(element: Element) -> None:
    """Remove properties that say nothing any more."""
    if not len(element) and not element.attrib:
        _detach(element)


def _properties(mark: Element, verdict: Verdict) -> None:
    """Let new properties stand, or put the old ones that the mark holds in their place."""
    owner = mark.getparent()
    if owner is None:
        return
    _take(owner, mark)
    if verdict == "reject":
        stay = PROPERTY_MARKS[name(mark)]
        for each in list(owner):
            if name(each) not in stay:
                _take(owner, each)
        former = next(iter(mark), None)
        for each in list(former) if former is not None else []:
            order.insert(owner, each)
    if name(owner) in ("w:rPr", "w:pPr", "w:trPr", "w:tblPrEx"):
        _prune(owner)


def _merge(mark: Element, verdict: Verdict) -> None:
    """Merge or separate a cell as `w:cellMerge` says (17.13.5.3, 17.18.1)."""
    properties = mark.getparent()
    if properties is None:
        return
    wanted = value(mark, "vMerge" if verdict == "accept" else "vMergeOrig")
    _take(properties, mark)
    for each in list(children(properties, "w:vMerge")):
        _take(properties, each)
    if wanted in ("cont", "continue"):
        order.insert(properties, new(properties, "vMerge"))
    elif wanted in ("rest", "restart") and verdict == "accept":
        order.insert(properties, new(properties, "vMerge", val="restart"))


def _unwrap(mark: Element) -> None:
    """Put what a mark holds in its place; deleted text is text again."""
    parent = mark.getparent()
    if parent is None:
        return
    if name(mark) == "w:del" and not _deleted(parent):
        for each in mark.iter():
            local = name(each)[2:]
            if local in _BACK and not _inside_other(each, mark):
                each.tag = f"{{{namespace(each)}}}{_BACK[local]}"
    index = parent.index(mark)
    for each in list(mark):
        parent.insert(index, each)
        index += 1
    _take(parent, mark)


def _deleted(element: Element) -> bool:
    return any(name(each) == "w:del" for each in (element, *element.iterancestors()))


def _inside_other(element: Element, mark: Element) -> bool:
    for each in element.iterancestors():
        if each is mark:
            return False
        if name(each) == "w:del":
            return True
    return False


def _remove_up(element: Element) -> None:
    """Remove an element and every link, field or table that it was all of; ends of ranges in it stay in its place."""
    parent = element.getparent()
    if parent is None:
        return
    index = parent.index(element)
    if name(element) not in ("w:tr", "w:tc", "w:tbl"):
        for each in [e for e in element.iter() if name(e) in _LOOSE and name(e) != "w:proofErr"]:
            parent.insert(index, each)
            index += 1
    _take(parent, element)
    kind = name(parent)
    if (
        (kind in _HOLDERS and not any(name(e) for e in parent))
        or (kind == "w:tbl" and not _has(parent, "w:tr"))
        or (kind == "w:tr" and not _has(parent, "w:tc"))
    ):
        _remove_up(parent)
    elif kind in _HOLDERS and all(name(e) in _LOOSE for e in parent):
        _unwrap(parent)


def _has(parent: Element, wanted: str) -> bool:
    return any(name(e) in (wanted, "w:sdt", "w:customXml", "w:ins") for e in parent)


def _join(paragraph: Element) -> None:
    """Take a paragraph's end away: its text goes before that of the next one, whose properties stand (17.13.5.15).

    Where no paragraph follows, an empty one goes, unless its container needs one; one with text keeps its end.
    """
    following = _next(paragraph)
    content = [each for each in paragraph if name(each) != "w:pPr"]
    if following is not None and name(following) == "w:p":
        between = _between(paragraph, following)
        at = 1 if child(following, "w:pPr") is not None else 0
        for each in [*content, *between]:
            following.insert(at, each)
            at += 1
        _detach(paragraph)
    elif not any(name(each) and name(each) not in _LOOSE for each in content) and _spare(paragraph):
        parent = paragraph.getparent()
        index = parent.index(paragraph) if parent is not None else 0
        for each in content if parent is not None else ():
            parent.insert(index, each)  # type: ignore[union-attr]
            index += 1
        _detach(paragraph)


def _next(paragraph: Element) -> Element | None:
    return next((e for e in paragraph.itersiblings() if name(e) in _BLOCKS), None)


def _between(paragraph: Element, following: Element) -> list[Element]:
    found = []
    for each in paragraph.itersiblings():
        if each is following:
            break
        if name(each):
            found.append(each)
    return found


def _spare(paragraph: Element) -> bool:
    """Return whether a container does without this paragraph: something is left, and no table ends a cell (17.4.65)."""
    if _next(paragraph) is not None:
        return True
    before = next((e for e in paragraph.itersiblings(preceding=True) if name(e) in _BLOCKS), None)
    if before is None:
        return False
    return name(before) != "w:tbl" or name(paragraph.getparent()) == "w:body"  # type: ignore[arg-type]


def _filled_bookmarks(root: Element) -> set[str]:
    """Return the ids of the bookmarks that hold something."""
    ids: dict[str, bool] = {}
    for each in root.iter():
        kind = name(each)
        if kind == "w:bookmarkStart":
            ids.setdefault(value(each, "id") or "", False)
        elif kind == "w:bookmarkEnd" and (id_ := value(each, "id") or "") in ids and not ids[id_]:
            del ids[id_]
        elif kind in ("w:r", "w:tc", "m:oMath") and ids:
            ids.update(dict.fromkeys(ids, True))
    return {id_ for id_, filled in ids.items() if filled}


def _drop_bookmark(root: Element, id_: str) -> None:
    for each in [e for e in root.iter() if name(e) in ("w:bookmarkStart", "w:bookmarkEnd")]:
        if value(each, "id") == id_:
            _detach(each)


def text_parts(package: Package) -> list[str]:
    """Return the parts of a document that hold text: the main one, headers, footers, notes and comments."""
    kinds = ("header", "footer", "footnotes", "endnotes", "comments")
    found = [package.main, *(part for kind in kinds for part in package.related(package.main, kind))]
    return [part for part in dict.fromkeys(found) if package.has(part)]


def has_marks(package: Package, part: str) -> bool:
    """Return whether a part holds tracked changes."""
    tags = [f"{{{ns}}}{mark[2:]}" for ns in WORD_NAMESPACES for mark in MARKS]
    return next(package.xml(part).iter(*tags), None) is not None
