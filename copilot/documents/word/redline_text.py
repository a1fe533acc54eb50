"""Paragraphs written with their changes over them: runs in `w:ins` and `w:del`, properties with how they were."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from copilot.documents.word import order
from copilot.documents.word.ink import ADDED, REMOVED, Ink, change_properties, hollow, look, twin_of
from copilot.documents.word.names import XML_SPACE, Element, child, children, every, first, name, new, value, within
from copilot.documents.word.redline_diff import Fate, item_opcodes
from copilot.documents.word.redline_items import LOOK_SKIP, PROPERTIES, Group, Item, Leaf, Reader

#: Children of paragraph properties that `w:pPrChange` does not hold: they have marks of their own (17.13.5.29).
PARAGRAPH_SKIP = frozenset({"w:rPr", "w:sectPr", "w:pPrChange"})
#: The same of section properties: which headers a section has can't be tracked (17.13.5.32).
SECTION_SKIP = frozenset({"w:headerReference", "w:footerReference", "w:sectPrChange"})
_WRAP: dict[Fate, str] = {"-": "del", "+": "ins", "<": "moveFrom", ">": "moveTo"}
#: Signs in the text that stand for content in another part.
REFERENCES = frozenset({"w:footnoteReference", "w:endnoteReference", "w:commentReference"})
_GONE = {"w:t": "delText", "w:instrText": "delInstrText"}

#: An item with what becomes of it; the second is its partner in the old version, for one that stays.
Fated = tuple[Fate, Item, Item | None]


@dataclass
class Desk:
    """What writing needs: the pen, both readers, and how things of the old version are brought over."""

    ink: Ink
    before: Reader
    after: Reader
    adopt: Callable[[Element], Element]  # a copy of an element of the old version, its references mended
    boxes: Callable[[Element, Element], None]  # compares the text boxes in an old element and a copy of the new one
    note: Callable[[Element, Fate], None]  # told of each reference to a note or comment that comes or goes
    ranges: frozenset[str] = frozenset()  # keys of the range ends that the new version has
    warnings: dict[str, None] = field(default_factory=dict)
    theirs: bool = False  # what others changed in the new version only stays their change
    sections: list[tuple[Element, Element]] = field(default_factory=list)  # new properties of sections, and the old

    def warn(self, words: str) -> None:
        """Note something that is changed without a mark."""
        self.warnings[words] = None


def paragraphs(
    desk: Desk, old: Sequence[Element], new_: Sequence[Element], *, last: bool, moved: str = ""
) -> list[Element]:
    """Return the paragraphs that read as `old` when rejected and as `new_` when accepted.

    One of both may be empty. `last`: nothing follows in the container, so the end of the last one must stay. `moved`
    is "<" or ">" for a paragraph that is moved as a whole.
    """
    before = [item for each in old for item in desk.before.items(each)]
    after = [item for each in new_ for item in desk.after.items(each)]
    fated = list(_fates(before, after, last=last))
    if moved:
        fated = [("<" if fate == "-" else ">", item, None) for fate, item, _ in fated]
    return list(_written(desk, fated))


def _fates(before: list[Item], after: list[Item], *, last: bool) -> Iterator[Fated]:
    if not before or not after:
        yield from ((("-", item, None) for item in before) if before else (("+", item, None) for item in after))
        return
    end_a, end_b = before[-1], after[-1]
    yield from diff(before[:-1], after[:-1])
    if end_a.key == end_b.key or last:
        yield "=", end_b, end_a
    else:  # one of them ends a section: marks are exchanged, as a section's end can't be changed with a mark
        yield "+", end_b, None
        yield "-", end_a, None


def diff(old: Sequence[Item], new_: Sequence[Item]) -> Iterator[Fated]:
    """Yield the items of both in the order in which they are written: what goes before what comes."""
    for tag, i, j, k, m in item_opcodes(old, new_):
        if tag == "equal":
            yield from (("=", b, a) for a, b in zip(old[i:j], new_[k:m], strict=True))
            continue
        yield from (("-", item, None) for item in old[i:j])
        yield from (("+", item, None) for item in new_[k:m])


def _written(desk: Desk, fated: Sequence[Fated]) -> Iterator[Element]:
    """Yield the finished paragraphs; each mark in the items ends one."""
    content: list[Fated] = []
    for fate, item, partner in fated:
        if not (isinstance(item, Leaf) and item.kind == "mark"):
            content.append((fate, item, partner))
            continue
        if fate == "-" and _own(desk, _mark_of(item.element, ADDED)):
            continue  # the end of a paragraph that we ourselves inserted just goes
        made = _shell(desk, fate, item.element, partner.element if isinstance(partner, Leaf) else None)
        Sink(desk, made).put_all(content)
        content = []
        yield made


def _mark_of(paragraph: Element, kinds: frozenset[str]) -> Element | None:
    return next(children(child(child(paragraph, "w:pPr"), "w:rPr"), *kinds), None)


def _own(desk: Desk, mark: Element | None) -> bool:
    return mark is not None and value(mark, "author") == desk.ink.author and name(mark) == "w:ins"


def _shell(desk: Desk, fate: Fate, source: Element, old: Element | None) -> Element:
    """Return a paragraph without its text; its properties say what becomes of its end and how they were before."""
    made = hollow(source)
    properties = child(source, "w:pPr")
    if properties is not None:
        made.append(desk.adopt(properties) if fate in "-<" else twin_of(properties))
    if fate == "=":
        assert old is not None
        _compare_properties(desk, made, old)
    elif not _marked_already(desk, fate, source):
        marks = order.ensure(first(made, "pPr"), "rPr")
        for each in list(children(marks, *ADDED)) if fate in "+>" else []:
            marks.remove(each)
        order.put(marks, desk.ink.mark(made, _WRAP[fate]))
    return made


def _marked_already(desk: Desk, fate: Fate, paragraph: Element) -> bool:
    """Return whether somebody's mark on a paragraph's end says what becomes of it."""
    if fate == "-":
        return _mark_of(paragraph, REMOVED) is not None
    return desk.theirs and _mark_of(paragraph, ADDED) is not None


def _compare_properties(desk: Desk, made: Element, old: Element) -> None:
    properties, former = child(made, "w:pPr"), _adopted(desk, child(old, "w:pPr"))
    noted = change_properties(desk.ink, properties, former, made, "pPr", PARAGRAPH_SKIP, theirs=desk.theirs)
    if noted is None:
        desk.warn("A paragraph's format was changed already as a tracked change; the new one takes its place.")
    if look(child(former, "w:rPr"), LOOK_SKIP):
        first(made, "pPr")
    properties = child(made, "w:pPr")
    if properties is None:
        return
    looks = change_properties(
        desk.ink,
        child(properties, "w:rPr"),
        child(former, "w:rPr"),
        properties,
        "rPr",
        LOOK_SKIP,
        theirs=desk.theirs,
    )
    if looks is None:
        desk.warn("The format of a paragraph's end was changed already as a tracked change.")
    section(desk, properties, child(former, "w:sectPr"))


def _adopted(desk: Desk, properties: Element | None) -> Element | None:
    return None if properties is None else desk.adopt(properties)


def section(desk: Desk, parent: Element, old: Element | None) -> None:
    """Note how the section properties in `parent` were before."""
    now = child(parent, "w:sectPr")
    if (now is None) != (old is None):
        desk.warn("A section's end can't be changed with a mark here; it is changed directly.")
    elif now is not None and old is not None:
        desk.sections.append((now, old))
        if change_properties(desk.ink, now, old, parent, "sectPr", SECTION_SKIP, theirs=desk.theirs) is None:
            desk.warn("A section's layout was changed already as a tracked change; the new one takes its place.")


def last_section(desk: Desk, old: Element, now: Element) -> None:
    """Note how the properties of a body's last section were; a body without any has the usual ones (17.6.17)."""
    former = child(old, "w:sectPr")
    if former is None and child(now, "w:sectPr") is None:
        return
    order.ensure(now, "sectPr")
    section(desk, now, new(now, "sectPr") if former is None else former)


def keep_margins(desk: Desk, body: Element) -> None:
    """Let sections that had headers of their own, and now take over those of the section before, name these (17.10.1).

    They look the same. But with a break that is rejected the section before it goes, and its headers would, too.
    """
    former = dict(desk.sections)
    above: dict[tuple[str, str], Element] = {}
    for each in [found for found in every(body, "sectPr") if within(found, "w:sectPrChange") is None]:
        own, had = _margins(each), _margins(former[each]) if each in former else {}
        for use in (use for use in had if use not in own and use in above):
            order.insert(each, twin_of(above[use]))
        above |= own


def _margins(section: Element) -> dict[tuple[str, str], Element]:
    found = children(section, "w:headerReference", "w:footerReference")
    return {(name(each), value(each, "type") or "default"): each for each in found}


class Sink:
    """Writes items into a parent, runs and marks of neighbours joined."""

    def __init__(self, desk: Desk, parent: Element) -> None:
        self._desk = desk
        self._parent = parent
        self._open: list[tuple[object, Element]] = []
        self._run: tuple[object, Element] | None = None
        self._text: tuple[Element, Element] | None = None

    def put_all(self, fated: Sequence[Fated]) -> None:
        """Write items in order."""
        for index, (fate, item, partner) in enumerate(fated):
            if isinstance(item, Group):
                self._put_group(fate, item, partner)
            elif item.kind == "range":
                self._put_range(fate, item)
            elif name(item.element) == "w:commentReference" and fate in "+-" and _alone(fated, index):
                if fate == "+":
                    self._put_leaf("=", item, None)
            else:
                self._put_leaf(fate, item, partner if isinstance(partner, Leaf) else None)

    def _put_range(self, fate: Fate, leaf: Leaf) -> None:
        """Write the end of a range: one of the old version only if what it belongs to is still there."""
        if fate in "-<" and (leaf.key in self._desk.ranges or not _keeps(leaf.element)):
            return
        if fate == "+" and not (_keeps(leaf.element) or self._desk.theirs):
            return  # a move of somebody else, which is ours to insert here
        self._close()
        self._parent.append(self._desk.adopt(leaf.element) if fate in "-<" else twin_of(leaf.element))

    def _put_group(self, fate: Fate, group: Group, partner: Item | None) -> None:
        inner: list[Fated] = [(fate, item, None) for item in group.items]
        if isinstance(partner, Group):
            inner = list(diff(partner.items, group.items))
        if group.shell is None:
            self.put_all(inner)
            return
        self._close()
        made, into = _copied(self._desk, group.shell, fate)
        Sink(self._desk, into).put_all(inner)
        if fate in "-<" and not len(into) and group.items:
            return  # all of it was our own insertion
        self._parent.extend(self._framed(made, fate) if name(made) == "w:sdt" and fate in "-+" else [made])

    def _framed(self, control: Element, fate: Fate) -> list[Element]:
        """Return a control between the marks that say that it comes or goes with its content (17.13.5.5, .9)."""
        return framed(self._desk.ink, control, fate)

    def _put_leaf(self, fate: Fate, leaf: Leaf, partner: Leaf | None) -> None:
        chain = self._chain(fate, leaf)
        if chain is None:
            return
        if name(leaf.element) in REFERENCES and fate != "=":
            self._desk.note(leaf.element, fate)
        into = self._into(chain)
        if leaf.run is not None:
            into = self._run_in(into, fate, leaf, partner)
        if leaf.kind == "text":
            self._write(into, fate, leaf)
            return
        self._text = None
        if leaf.run is None:
            self._run = None
        into.append(self._atom(fate, leaf, partner))

    def _atom(self, fate: Fate, leaf: Leaf, partner: Leaf | None) -> Element:
        if fate in "-<":
            return self._desk.adopt(leaf.element)
        made = twin_of(leaf.element)
        if partner is not None:
            self._desk.boxes(partner.element, made)
        return made

    def _chain(self, fate: Fate, leaf: Leaf) -> list[tuple[object, Element | None]] | None:
        """Return the marks around an item, outermost first; None for what we inserted ourselves and now goes."""
        outer: list[tuple[object, Element | None]] = [(_wrapper(each), each) for each in leaf.outer]
        theirs = fate == "+" and self._desk.theirs and any(name(each) in ADDED for each in leaf.outer)
        if fate == "=" or theirs:
            return outer
        ours: tuple[object, Element | None] = (fate, None)
        removed = [pair for pair in outer if name(pair[1]) in REMOVED]  # type: ignore[arg-type]
        if fate == "-":
            if removed:
                return outer
            if any(_own(self._desk, each) for each in leaf.outer):
                return None
            return [*outer, ours]
        return [ours, *removed] if fate == "+" else [ours]

    def _into(self, chain: list[tuple[object, Element | None]]) -> Element:
        """Return the element to write into, marks opened and closed as the chain wants."""
        same = 0
        while same < min(len(chain), len(self._open)) and chain[same][0] == self._open[same][0]:
            same += 1
        if same < len(self._open) or same < len(chain):
            del self._open[same:]
            self._run = self._text = None
        for key, wrapper in chain[same:]:
            into = self._open[-1][1] if self._open else self._parent
            made = self._desk.ink.piece(wrapper) if wrapper is not None else self._desk.ink.mark(into, _WRAP[key])  # type: ignore[index]
            into.append(made)
            self._open.append((key, made))
        return self._open[-1][1] if self._open else self._parent

    def _close(self) -> None:
        self._open.clear()
        self._run = self._text = None

    def _run_in(self, into: Element, fate: Fate, leaf: Leaf, partner: Leaf | None) -> Element:
        """Return the run to write into; a new one where the source, its look or what becomes of it is another one."""
        assert leaf.run is not None
        former = partner.look if partner is not None else leaf.look
        key = (id(leaf.run), fate, former)
        if self._run is not None and self._run[0] == key:
            return self._run[1]
        made = hollow(leaf.run)
        if (properties := child(leaf.run, "w:rPr")) is not None:
            made.append(self._desk.adopt(properties) if fate in "-<" else twin_of(properties))
        if partner is not None and (former != leaf.look or child(child(made, "w:rPr"), "w:rPrChange") is not None):
            old = _adopted(self._desk, child(partner.run, "w:rPr"))
            own = child(made, "w:rPr")
            desk = self._desk
            if change_properties(desk.ink, own, old, made, "rPr", LOOK_SKIP, theirs=desk.theirs) is None:
                desk.warn("The format of some text was changed already as a tracked change; the new one stands.")
        _lead(made)
        into.append(made)
        self._run, self._text = (key, made), None
        return made

    def _write(self, run: Element, fate: Fate, leaf: Leaf) -> None:
        if self._text is not None and self._text[0] is leaf.element:
            into = self._text[1]
            into.text = (into.text or "") + leaf.text
        else:
            gone = _GONE.get(name(leaf.element)) if fate == "-" else None
            into = new(run, gone) if gone else hollow(leaf.element)
            into.text = leaf.text
            run.append(into)
            self._text = (leaf.element, into)
        if into.text != into.text.strip():
            into.set(XML_SPACE, "preserve")


def _wrapper(mark: Element) -> object:
    """Return what makes a mark of somebody the same one in both versions."""
    id_ = value(mark, "id")
    return id(mark) if id_ is None else (name(mark), id_, value(mark, "author"))


def _lead(run: Element) -> None:
    """Put the run properties first, where the schema wants them."""
    if (properties := child(run, "w:rPr")) is not None:
        run.insert(0, properties)


def _copied(desk: Desk, shell: Element, fate: Fate) -> tuple[Element, Element]:
    """Return a copy of a container without its items, and the element in it that they go into."""
    bare = hollow(shell)
    for each in shell:
        if name(each) in PROPERTIES:
            bare.append(twin_of(each))
    if name(shell) == "w:sdt":
        content = child(shell, "w:sdtContent")
        bare.append(new(shell, "sdtContent") if content is None else hollow(content))
    made = desk.adopt(bare) if fate in "-<" else bare
    return made, made[-1] if name(shell) == "w:sdt" else made


def framed(ink: Ink, control: Element, fate: Fate) -> list[Element]:
    """Return a control between the marks that say that it comes or goes with its content (17.13.5.5, 17.13.5.9)."""
    kind = "customXmlDelRange" if fate == "-" else "customXmlInsRange"
    start = ink.mark(control, f"{kind}Start")
    return [start, control, new(control, f"{kind}End", id=value(start, "id") or "")]


def _keeps(element: Element) -> bool:
    return name(element)[2:6] in ("book", "comm", "perm")


def _alone(fated: Sequence[Fated], index: int) -> bool:
    """Return whether a comment's reference comes or goes while the text that it stands by stays."""
    fate = fated[index][0]
    for step in (-1, 1):
        at = index + step
        while 0 <= at < len(fated) and isinstance(item := fated[at][1], Leaf) and item.kind == "range":
            at += step
        if 0 <= at < len(fated) and fated[at][0] == fate:
            return False
    return True
