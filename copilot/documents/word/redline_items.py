"""A paragraph as items to compare: words, signs, pictures and marks, each in its run, grouped by links and fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from copilot.documents.word.ink import QUIET, REMOVED, RUN_MARKS, attributes, is_link, look, signature
from copilot.documents.word.names import Element, child, every, name, value

#: How the run properties of a word are compared: without what tracks changes in them.
LOOK_SKIP = frozenset({"w:rPrChange", "w:ins", "w:del", "w:moveFrom", "w:moveTo"})
#: What holds runs and is kept around them: links, fields, controls, tags (17.16.22, 17.16.19, 17.5).
GROUPS = frozenset({"w:hyperlink", "w:sdt", "w:fldSimple", "w:smartTag", "w:customXml", "w:dir", "w:bdo"})
#: Ends of ranges that run through the text (17.13.4 to 17.13.7): they are no content and never tracked.
RANGES = frozenset(
    {
        "w:bookmarkStart",
        "w:bookmarkEnd",
        "w:commentRangeStart",
        "w:commentRangeEnd",
        "w:permStart",
        "w:permEnd",
        *(f"w:{kind}Range{end}" for kind in ("moveFrom", "moveTo") for end in ("Start", "End")),
        *(f"w:customXml{k}Range{end}" for k in ("Ins", "Del", "MoveFrom", "MoveTo") for end in ("Start", "End")),
    }
)
TEXTS = {"w:t": "t", "w:delText": "t", "w:instrText": "code", "w:delInstrText": "code"}
NOTES = {"w:footnoteReference": "w:footnote", "w:endnoteReference": "w:endnote"}
_WORDS = re.compile(r"\d+(?:[.,]\d+)+|\w+|\s+|[^\w\s]")  # a number with its separators is one word
_BOX = frozenset({"w:txbxContent"})

Kind = Literal["text", "atom", "range", "mark"]


@dataclass(slots=True, eq=False)
class Leaf:
    """A word, a sign, a picture, a mark: the least that is inserted or deleted.

    `element` is the child of `run` that it is (or is a part of); run is None for what stands between runs. `outer` are
    the wrappers of tracked changes around it, outermost first. A "mark" is a paragraph's end: element is the paragraph.
    """

    key: str
    kind: Kind
    element: Element
    run: Element | None = None
    text: str = ""
    outer: tuple[Element, ...] = ()
    look: str = ""


@dataclass(slots=True, eq=False)
class Group:
    """Items in a container: `shell` is the link, control or simple field; None for a field of several runs."""

    key: str
    shell: Element | None
    items: list[Item] = field(default_factory=list)


Item = Leaf | Group


class Reader:
    """Cuts paragraphs of one part into items. `note` says how a reference to a note is compared.

    `theirs`: what others deleted counts as the text that it was, as the old version has no changes of its own.
    """

    def __init__(
        self, resolve: Callable[[str], str], note: Callable[[Element], str], root: Element, *, theirs: bool = False
    ) -> None:
        self._passed = REMOVED if theirs else frozenset()
        self._resolve = resolve
        self._note = note
        self.bookmarks = {value(e, "id") or "": value(e, "name") or "" for e in every(root, "bookmarkStart")}
        self._looks: dict[Element, str] = {}

    def signature(self, element: Element) -> str:
        """Return what an element says, relationships resolved."""
        return signature(element, self._resolve)

    def items(self, paragraph: Element) -> list[Item]:
        """Return the items of a paragraph, its end included."""
        properties = child(paragraph, "w:pPr")
        marks = child(properties, "w:rPr")
        states = [name(each) for each in marks if name(each) in RUN_MARKS] if marks is not None else []
        state = "" if self._passed.issuperset(states) else "".join(states)
        end = Leaf(f"¶{child(properties, 'w:sectPr') is not None}{state}", "mark", paragraph)
        return [*_fielded(self._inline(paragraph, ())), end]

    def _inline(self, parent: Element, outer: tuple[Element, ...]) -> Iterator[Item]:
        for each in parent:
            kind = name(each)
            if kind == "w:r":
                yield from self._run(each, outer)
            elif kind in RUN_MARKS:
                yield from self._inline(each, (*outer, each))
            elif kind in GROUPS:
                yield self._group(each, kind, outer)
            elif kind in RANGES:
                yield Leaf(self.range_key(each), "range", each)
            elif kind and kind != "w:pPr" and kind not in QUIET:
                yield Leaf(self._atom_key(each), "atom", each, outer=outer)

    def _group(self, element: Element, kind: str, outer: tuple[Element, ...]) -> Group:
        inner = child(element, "w:sdtContent") if kind == "w:sdt" else element
        said = "".join(self.signature(each) for each in element if name(each) in PROPERTIES)
        said += "".join(f"{k}={self._resolve(v) if is_link(k) else v}" for k, v in sorted(attributes(element)))
        made = Group(f"{kind} {said}", element)
        made.items = [] if inner is None else _fielded(self._inline(inner, outer))
        return made

    def _run(self, run: Element, outer: tuple[Element, ...]) -> Iterator[Leaf]:
        state = "" if self._passed.issuperset(map(name, outer)) else _state(outer)
        for each in run:
            kind = name(each)
            if kind in TEXTS:
                for word in _WORDS.findall(_said(each)):
                    yield Leaf(f"{TEXTS[kind]}{state}{word}", "text", each, run, word, outer, self._look(run))
            elif kind and kind != "w:rPr" and kind not in QUIET:
                yield Leaf(state + self._atom_key(each), "atom", each, run, "", outer, self._look(run))

    def _look(self, run: Element) -> str:
        properties = child(run, "w:rPr")
        if properties is None:
            return ""
        if properties not in self._looks:
            self._looks[properties] = look(properties, LOOK_SKIP)
        return self._looks[properties]

    def _atom_key(self, element: Element) -> str:
        if name(element) in NOTES:
            return f"{name(element)} {self._note(element)}"
        return signature(element, self._resolve, _BOX)

    def range_key(self, element: Element) -> str:
        """Return how the end of a range is compared: bookmarks by their names, all others by id (17.13.6.2)."""
        kind, id_ = name(element), value(element, "id") or ""
        return f"{kind} {self.bookmarks.get(id_, id_) if kind.startswith('w:bookmark') else id_}"


#: Children of a group that are about it, not in it.
PROPERTIES = frozenset({"w:sdtPr", "w:sdtEndPr", "w:smartTagPr", "w:customXmlPr", "w:fldData"})


def _state(outer: tuple[Element, ...]) -> str:
    """Return what tracked state text is in, so that a word that somebody deleted is not taken for one that stands."""
    return "".join(name(each)[2:] + " " for each in outer)


def _said(element: Element) -> str:
    return (element.text or "") + "".join(each.tail or "" for each in element)


def _fielded(items: Iterator[Item]) -> list[Item]:
    """Return the items with every complex field (17.16.18) that begins and ends among them as one group."""
    stack: list[list[Item]] = [[]]
    for item in items:
        mark = field_mark(item)
        if mark == "begin":
            stack.append([])
        stack[-1].append(item)
        if mark == "end" and len(stack) > 1:
            inner = stack.pop()
            stack[-1].append(Group(f"field {_code(inner)}", None, inner))
    while len(stack) > 1:  # never ended here: a table of contents, or damage
        rest = stack.pop()
        stack[-1].extend(rest)
    return stack[0]


def field_mark(item: Item) -> str:
    """Return "begin", "separate" or "end" for such a mark of a complex field, "" for other items."""
    if isinstance(item, Leaf) and name(item.element) == "w:fldChar":
        return value(item.element, "fldCharType") or ""
    return ""


def _code(items: list[Item]) -> str:
    keys = []
    for item in items:
        keys.append(item.key)
        if field_mark(item) == "separate":
            break
    return "|".join(keys)


def words_of(element: Element) -> str:
    """Return the text of a block as it stands, deletions left out, to compare blocks by."""
    return "".join(_said(each) for each in element.iter() if name(each) == "w:t")


def leaves(items: list[Item]) -> Iterator[Leaf]:
    """Yield the leaves of items, those in groups too."""
    for item in items:
        if isinstance(item, Leaf):
            yield item
        else:
            yield from leaves(item.items)
