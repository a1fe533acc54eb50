"""Paragraphs, tables, rows and cells of two versions, compared story by story and written with their changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from copilot.documents.hunks import Hunk
from copilot.documents.word import order, redline_grid
from copilot.documents.word.blocks import block_elements
from copilot.documents.word.ink import RUN_MARKS, change_properties, hollow, local_name, twin_of
from copilot.documents.word.names import Element, child, children, every, first, name, namespace, new, value
from copilot.documents.word.redline_diff import Fate, paired
from copilot.documents.word.redline_items import PROPERTIES, RANGES, words_of
from copilot.documents.word.redline_text import Desk, framed, paragraphs

_BLOCKS = frozenset({"w:p", "w:tbl", "w:sdt", "w:customXml", "w:altChunk", "mc:AlternateContent", *RUN_MARKS})
_NESTED = frozenset({"w:sdt", "w:customXml"})
_ALIKE = frozenset({"w:p", "w:tbl", "w:tr", "w:tc"})
_ROW_SKIP = frozenset({"w:ins", "w:del", "w:trPrChange"})
_CELL_SKIP = frozenset({"w:cellIns", "w:cellDel", "w:cellMerge", "w:tcPrChange"})
_BETTER = 0.1  # by how much a split or joined paragraph must be more like the other side to be taken for one
_MOVED = 20  # characters of a paragraph from which on it is told as moved
_OPAQUE = "Imported or alternative content can't be compared; it is changed directly."


@dataclass(slots=True)
class Place:
    """Where a comparison is, for people: the label of what it is in, and how many blocks went by on each side."""

    label: str = ""
    old: Counter[str] = field(default_factory=Counter)
    new: Counter[str] = field(default_factory=Counter)

    def passed(self, blocks: Sequence[Element], *, old: bool) -> None:
        """Count blocks; those in a content control count as if it were not there."""
        counts = self.old if old else self.new
        for each in blocks:
            inner = [each] if name(each) in ("w:p", "w:tbl") else block_elements(each)
            counts.update(name(block) for block in inner)

    def here(self, kind: str, *, old: bool) -> str:
        """Return the label of the block that was counted last."""
        count = (self.old if old else self.new)[kind]
        word = f"{'table' if kind == 'w:tbl' else 'paragraph'} {count}"
        return f"{self.label}, {word}" if self.label else word


@dataclass(slots=True)
class _Step:
    """Blocks of the old version that became blocks of the new one; one side may be empty."""

    old: list[Element]
    new: list[Element]
    same: bool = False
    moved: str = ""

    @property
    def plain(self) -> bool:
        """Whether it is about paragraphs only."""
        return all(name(each) == "w:p" for each in (*self.old, *self.new))

    @property
    def changed(self) -> bool:
        return bool(self.old and self.new)


class Blocks:
    """Compares containers of one part; the new version's tree becomes the one with the changes."""

    def __init__(self, desk: Desk, hunks: list[Hunk]) -> None:
        self._desk = desk
        self._hunks = hunks

    def container(self, old: Element, now: Element, place: Place) -> None:
        """Write what changed from `old` into the container `now`: a body, a header, a note, a cell, a text box."""
        before, after = _blocks(old), _blocks(now)
        steps = self._steps(before, after)
        cursor = _Cursor(now, after)
        written: dict[Element, Element | None] = {}
        moves = self._moves(steps)
        for index, step in enumerate(steps):
            if not (step.changed and name(step.new[0]) in _NESTED) or step.same:
                place.passed(step.old, old=True)
                place.passed(step.new, old=False)
            if step.same:
                cursor.past(step.new[0])
            else:
                cursor.replace(
                    step.new, self._made(step, place, last=index == len(steps) - 1, move=moves.get(id(step)))
                )
            for each in step.old:
                written[each] = cursor.at
        self._keep_ranges(old, now, written)

    def everything(self, container: Element, fate: Fate) -> Element:
        """Return a copy of a container, a note for example, with all of it marked as what comes or goes."""
        made = hollow(container)
        for each in container:
            made.extend(self._whole(each, fate))
        _ends_plainly(made, self._desk.ink.author)
        return made

    # What belongs to what

    def _steps(self, before: list[Element], after: list[Element]) -> list[_Step]:
        desk = self._desk
        keys = [desk.before.signature(e) for e in before], [desk.after.signature(e) for e in after]
        words = [_described(e) for e in before], [_described(e) for e in after]
        steps = []
        for i, k in paired(*keys, words):
            old, new_ = ([before[i]] if i >= 0 else []), ([after[k]] if k >= 0 else [])
            same = bool(old and new_) and keys[0][i] == keys[1][k]
            if old and new_ and not same and not self._comparable(old[0], new_[0]):
                steps += [_Step(old, []), _Step([], new_)]
            else:
                steps.append(_Step(old, new_, same))
        return _tail(_regrouped(steps))

    def _comparable(self, old: Element, new_: Element) -> bool:
        if name(old) not in _NESTED or name(old) != name(new_):
            return name(old) == name(new_) and name(old) in _ALIKE
        return self._shell_key(old, old=True) == self._shell_key(new_, old=False)

    def _shell_key(self, element: Element, *, old: bool) -> str:
        reader = self._desk.before if old else self._desk.after
        return "".join(reader.signature(each) for each in element if name(each) in PROPERTIES) + str(element.attrib)

    def _moves(self, steps: list[_Step]) -> dict[int, str]:
        """Return the names of moves by the step: whole paragraphs that went here and came there, one of each."""
        gone = {self._desk.before.signature(s.old[0]): s for s in steps if not s.new and _movable(s.old)}
        come = {self._desk.after.signature(s.new[0]): s for s in steps if not s.old and _movable(s.new)}
        found: dict[int, str] = {}
        for said, step in gone.items():
            if said in come:
                step.moved, come[said].moved = "<", ">"
                found[id(step)] = found[id(come[said])] = f"move{self._desk.ink.fresh()}"
        return found

    # Writing

    def _made(self, step: _Step, place: Place, *, last: bool, move: str | None) -> list[Element]:
        desk = self._desk
        if step.plain:
            known = desk.ink.count
            made = paragraphs(desk, step.old, step.new, last=last, moved=step.moved)
            if desk.ink.count > known:
                self._tell(step, place)
            return _moving(desk, made, step.moved, move) if move else made
        if step.changed:
            return [self._compared(step.old[0], step.new[0], place)]
        self._tell(step, place)
        fate: Fate = "-" if step.old else "+"
        return [each for block in (step.old or step.new) for each in self._whole(block, fate)]

    def _compared(self, old: Element, now: Element, place: Place) -> Element:
        if name(old) == "w:tbl":
            self._table(old, now, Place(place.here("w:tbl", old=False)))
        else:
            inner = _inside(old, now)
            if inner is not None:
                self.container(*inner, place)
        return now

    def _tell(self, step: _Step, place: Place) -> None:
        kind = name((step.new or step.old)[0])
        before, after = ("\n".join(_shown(each) for each in side) for side in (step.old, step.new))
        where = place.here("w:tbl" if kind == "w:tbl" else "w:p", old=not step.new)
        if step.changed:
            self._hunks.append(Hunk(where, before, after, "format" if before == after else "text"))
        else:
            self._hunks.append(Hunk(where, before, after, "structure"))

    def _whole(self, element: Element, fate: Fate) -> list[Element]:
        """Return a block, row or cell with all of it marked as one that comes or goes."""
        kind, desk = name(element), self._desk
        if kind == "w:p":
            sides = ([element], []) if fate == "-" else ([], [element])
            return paragraphs(desk, *sides, last=False)
        if kind in _NESTED:
            return framed(desk.ink, self._rebuilt(element, fate), fate)
        if kind in ("w:tbl", "w:tr", "w:tc", "w:sdtContent"):
            return [self._rebuilt(element, fate)]
        if kind in RANGES and fate == "-":
            return []
        if kind in _BLOCKS:
            desk.warn(_OPAQUE)
            return [] if fate == "-" else [element]
        return [desk.adopt(element) if fate == "-" else twin_of(element)] if kind else []

    def _rebuilt(self, element: Element, fate: Fate) -> Element:
        kind = name(element)
        made = hollow(element)
        for each in element:
            made.extend(self._whole(each, fate))
        if kind == "w:tr":
            _mark_row(self._desk, made, fate)
        elif kind == "w:tc":
            _ends_plainly(made, self._desk.ink.author)
        return made

    def _keep_ranges(self, old: Element, now: Element, written: dict[Element, Element | None]) -> None:
        """Bring over the ends of ranges that stand between blocks and belong to something that is still there."""
        last: Element | None = None
        for each in old:
            if each in written:
                last = written[each]
            elif name(each)[:10] in ("w:bookmark", "w:permStar", "w:permEnd"):
                key = self._desk.before.range_key(each)
                if key not in self._desk.ranges:
                    now.insert(now.index(last) + 1 if last is not None else _start(now), self._desk.adopt(each))

    # Tables

    def _table(self, old: Element, now: Element, place: Place) -> None:
        skip = frozenset({"w:tblPrChange"})
        self._properties(now, child(old, "w:tblPr"), "tblPr", skip)
        grids = child(old, "w:tblGrid"), child(now, "w:tblGrid")
        if grids[0] is not None and grids[1] is not None and child(grids[1], "w:tblGridChange") is None:
            _compare_grids(self._desk, grids[0], grids[1])
        self._rows(old, now, place)
        redline_grid.widen(now)

    def _properties(self, now: Element, former: Element | None, local: str, skip: frozenset[str]) -> bool:
        old = None if former is None else self._desk.adopt(former)
        own, theirs = child(now, f"w:{local}"), self._desk.theirs
        noted = change_properties(self._desk.ink, own, old, now, local, skip, theirs=theirs)
        if noted is None:
            self._desk.warn("The format of a table was changed already as a tracked change; the new one stands.")
        if noted and (made := child(now, f"w:{local}")) is not None and now.index(made) and local in ("tcPr", "tblPr"):
            now.insert(0, made)
        return bool(noted)

    def _rows(self, old: Element, now: Element, place: Place) -> None:
        known = ("w:tr", *_NESTED, *RUN_MARKS)
        before, after = list(children(old, *known)), list(children(now, *known))
        cursor = _Cursor(now, after)
        count = 0
        for a, b in self._pairs(before, after):
            count += b is not None
            at = f"{place.label}, row {count or 1}"
            if a is not None and b is not None:
                self._row_like(a, b, at)
                cursor.past(b)
            else:
                gone, come = (_shown(x) if x is not None else "" for x in (a, b))
                self._hunks.append(Hunk(at, gone, come, "structure"))
                cursor.replace([] if b is None else [b], self._whole(a if b is None else b, "-" if b is None else "+"))  # type: ignore[arg-type]

    def _pairs(self, before: list[Element], after: list[Element]) -> Iterator[tuple[Element | None, Element | None]]:
        """Yield what became what among rows or cells; None stands for what has no partner."""
        keys = [self._desk.before.signature(e) for e in before], [self._desk.after.signature(e) for e in after]
        words = [_described(e) for e in before], [_described(e) for e in after]
        for i, k in paired(*keys, words):
            a, b = (before[i] if i >= 0 else None), (after[k] if k >= 0 else None)
            if a is None or b is None or keys[0][i] == keys[1][k] or self._comparable(a, b):
                yield a, b
            else:
                yield a, None
                yield None, b

    def _row_like(self, old: Element, now: Element, at: str) -> None:
        if self._desk.before.signature(old) == self._desk.after.signature(now):
            return
        if name(old) == "w:tr":
            self._row(old, now, at)
        elif (inner := _inside(old, now)) is not None:
            self._rows(*inner, Place(at))

    def _row(self, old: Element, now: Element, at: str) -> None:
        formatted = self._properties(now, child(old, "w:trPr"), "trPr", _ROW_SKIP)
        if self._cells(old, now, at) or formatted:
            self._hunks.append(Hunk(at, _shown(old), _shown(now), "format"))

    def _cells(self, old: Element, now: Element, at: str, passed: int = 0) -> bool:
        """Compare the cells of a row, or those in a control of it; return whether the format of one is another."""
        known = ("w:tc", *_NESTED)
        before, after = list(children(old, *known)), list(children(now, *known))
        if len(before) == len(after) and all(map(self._comparable, before, after)):
            pairs: Iterable[tuple[Element | None, Element | None]] = zip(before, after, strict=True)
        else:
            pairs = self._pairs(before, after)
        cursor = _Cursor(now, after)
        formatted = False
        for column, (a, b) in enumerate(pairs, passed + 1):
            where = f"{at}, column {column}"
            if a is not None and b is not None:
                formatted |= self._cell(a, b, at, column)
                cursor.past(b)
            elif b is not None:
                cursor.replace([b], self._lone_cell(b, "+", where))
            elif a is not None:
                cursor.replace([], self._lone_cell(a, "-", where))
        return formatted

    def _cell(self, old: Element, now: Element, at: str, column: int) -> bool:
        if name(old) != "w:tc":
            inner = _inside(old, now)
            return inner is not None and self._cells(*inner, at, column - 1)
        formatted = self._properties(now, child(old, "w:tcPr"), "tcPr", _CELL_SKIP)
        self.container(old, now, Place(f"{at}, column {column}"))
        return formatted

    def _lone_cell(self, cell: Element, fate: Fate, where: str) -> list[Element]:
        """Return a cell as one that was added to its row or taken out of it (17.13.5.2, 17.13.5.1)."""
        words = _shown(cell)
        self._hunks.append(Hunk(where, words if fate == "-" else "", words if fate == "+" else "", "structure"))
        made = self._whole(cell, fate)
        for each in made:
            for one in [each] if name(each) == "w:tc" else children(child(each, "w:sdtContent"), "w:tc"):
                order.put(first(one, "tcPr"), self._desk.ink.mark(one, "cellDel" if fate == "-" else "cellIns"))
        return made


class _Cursor:
    """Where the next block goes: behind the last one."""

    def __init__(self, parent: Element, blocks: list[Element]) -> None:
        self._parent = parent
        self.at: Element | None = None
        self._first = parent.index(blocks[0]) if blocks else _start(parent)

    def past(self, block: Element) -> None:
        self.at = block

    def replace(self, old: list[Element], made: list[Element]) -> None:
        """Put `made` where `old` stands, or behind the last block when there is nothing to replace."""
        keep = set(map(id, made))
        index = self._parent.index(self.at) + 1 if self.at is not None else self._first
        if old:
            index = self._parent.index(old[0])
        for each in made:
            if each.getparent() is not self._parent:
                self._parent.insert(index, each)
            index = self._parent.index(each) + 1
            self.at = each
        for each in old:
            if id(each) not in keep:
                each.tail = None
                self._parent.remove(each)


def _start(parent: Element) -> int:
    """Return the index behind the properties that a container begins with."""
    known = ("w:tcPr", "w:tblPr", "w:tblGrid", "w:trPr", "w:tblPrEx", *PROPERTIES)
    return max((at + 1 for at, each in enumerate(parent) if name(each) in known), default=0)


def _blocks(container: Element) -> list[Element]:
    return [each for each in container if name(each) in _BLOCKS]


def _inside(old: Element, now: Element) -> tuple[Element, Element] | None:
    """Return what two controls hold, None when one of them has no content."""
    one, other = (child(e, "w:sdtContent") if name(e) == "w:sdt" else e for e in (old, now))
    return None if one is None or other is None else (one, other)


def _described(element: Element) -> str:
    return f"{local_name(str(element.tag))} {' '.join(words_of(each) for each in every(element, 'p'))}"


def _shown(element: Element) -> str:
    if name(element) == "w:p":
        return words_of(element)
    if name(element) in ("w:tr", "w:tc"):
        parts = list(children(element, "w:tc")) if name(element) == "w:tr" else _blocks(element)
        return ("\t" if name(element) == "w:tr" else "\n").join(_shown(each) for each in parts)
    return "\n".join(_shown(each) for each in every(element, "tr" if name(element) == "w:tbl" else "p"))


def _movable(blocks: list[Element]) -> bool:
    if len(blocks) != 1 or name(blocks[0]) != "w:p" or len(words_of(blocks[0])) < _MOVED:
        return False
    unwanted = (*RUN_MARKS, "w:sectPr", *RANGES)
    return not any(name(each) in unwanted for each in blocks[0].iter())


def _moving(desk: Desk, made: list[Element], fate: str, moved: str) -> list[Element]:
    """Return a moved paragraph with the ends of the range that ties its two places together (17.13.5.23 to .28)."""
    kind = "moveFromRange" if fate == "<" else "moveToRange"
    start = desk.ink.mark(made[0], f"{kind}Start")
    start.set(f"{{{namespace(made[0])}}}name", moved)
    made[0].insert(1 if child(made[0], "w:pPr") is not None else 0, start)
    return [*made, new(made[0], f"{kind}End", id=value(start, "id") or "")]


def _regrouped(steps: list[_Step]) -> list[_Step]:
    """Return the steps with paragraphs that were split or joined as one step each."""
    found: list[_Step] = []
    for step in steps:
        last = found[-1] if found else None
        if last is not None and not (last.same or step.same) and last.plain and step.plain and _belong(last, step):
            last.old += step.old
            last.new += step.new
        else:
            found.append(step)
    return found


def _belong(last: _Step, step: _Step) -> bool:
    if last.changed == step.changed:
        return False
    alone = last if last.changed else step
    return _fit([*last.old, *step.old], [*last.new, *step.new]) > _fit(alone.old, alone.new) + _BETTER


def _fit(old: list[Element], new_: list[Element]) -> float:
    bags = [Counter(" ".join(words_of(each) for each in side).split()) for side in (old, new_)]
    total = sum(bags[0].values()) + sum(bags[1].values())
    return 2 * sum((bags[0] & bags[1]).values()) / total if total else 0.0


def _tail(steps: list[_Step]) -> list[_Step]:
    """Return the steps so that the end of the last paragraph stays: it can't be deleted or inserted.

    When paragraphs behind the last common one went or came, it is the ends before them that do.
    """
    if not steps or steps[-1].changed:
        return steps
    at = len(steps)
    while at and not steps[at - 1].changed and steps[at - 1].plain:
        at -= 1
    loose = steps[at:]
    gone, come = [e for s in loose for e in s.old], [e for s in loose for e in s.new]
    if gone and come:
        return [*steps[:at], _Step(gone, come)]
    if at and loose and steps[at - 1].changed and steps[at - 1].plain:
        kept = steps[at - 1]
        return [*steps[: at - 1], _Step([*kept.old, *gone], [*kept.new, *come])]
    return steps


def _mark_row(desk: Desk, row: Element, fate: Fate) -> None:
    properties = child(row, "w:trPr")
    if properties is None:
        properties = new(row, "trPr")
        row.insert(1 if child(row, "w:tblPrEx") is not None else 0, properties)
    standing = child(properties, "w:ins" if fate == "+" else "w:del")
    if standing is None or (fate == "+" and not desk.theirs):
        order.put(properties, desk.ink.mark(row, "ins" if fate == "+" else "del"))


def _ends_plainly(container: Element, author: str) -> None:
    """Take our mark off the end of a container's last paragraph, which must stay; a cell gets one if it has none."""
    blocks = _blocks(container)
    if name(container) == "w:tc" and (not blocks or name(blocks[-1]) not in ("w:p", *_NESTED)):
        container.append(new(container, "p"))
        return
    if blocks and name(blocks[-1]) == "w:p":
        marks = child(child(blocks[-1], "w:pPr"), "w:rPr")
        for each in list(children(marks, "w:ins", "w:del")):
            if marks is not None and value(each, "author") == author:
                marks.remove(each)
        _prune(marks)
        _prune(child(blocks[-1], "w:pPr"))


def _prune(properties: Element | None) -> None:
    if properties is not None and not len(properties) and (parent := properties.getparent()) is not None:
        parent.remove(properties)


def _compare_grids(desk: Desk, old: Element, now: Element) -> None:
    widths = [[value(each, "w") for each in children(grid, "w:gridCol")] for grid in (old, now)]
    if widths[0] == widths[1]:
        return
    change = new(now, "tblGridChange", id=desk.ink.fresh())
    desk.ink.count += 1
    former = new(now, "tblGrid")
    former.extend(twin_of(each) for each in children(old, "w:gridCol"))
    change.append(former)
    now.append(change)
