"""The text of a paragraph over all its runs, and edits to it that leave the runs as they are.

A paragraph's text is cut into pieces: a `w:t`, a tab, a line break, an equation. Text is matched over the joined
pieces and written back into the first one it touches, so that formatting and everything between the runs stays.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from copilot.documents.word import maths
from copilot.documents.word.names import XML_SPACE, Element, add, children, every, name, new, value

#: What `field_parts` returns.
Fields = Mapping[Element, str | None]
PieceKind = Literal["text", "mark", "fixed", "anchor"]

_MARKS = {
    "w:tab": "\t",
    "w:ptab": "\t",
    "w:cr": "\n",
    "w:noBreakHyphen": "\u2011",
    "w:softHyphen": "\u00ad",
}
_ANCHORS = frozenset(
    {
        "w:footnoteReference",
        "w:endnoteReference",
        "w:commentReference",
        "w:drawing",
        "w:pict",
        "w:object",
        "w:contentPart",
    }
)
_CONTAINERS = frozenset({"w:smartTag", "w:customXml", "w:dir", "w:bdo", "w:sdtContent", "w:rubyBase", "w:ruby"})
# Word shows tab and line feed characters inside of a `w:t` as spaces. While a text is edited they are noncharacters,
# so that those which stay are told from new ones, which become elements.
_HIDE = str.maketrans("\t\r\n", "\ufdd0\ufdd1\ufdd2")
_SHOW = str.maketrans("\ufdd0\ufdd1\ufdd2", "   ")
_BACK = str.maketrans("\ufdd0\ufdd1\ufdd2", "\t\r\n")
_TOKENS = re.compile(r"\w+|\s+|[^\w\s]")
_SIMILAR = 0.5  # below this, two texts share no more than chance words: one replacement reads better than many
_PRIVATE_USE = range(0xE000, 0xF900)


@dataclass(frozen=True, slots=True)
class Trail:
    """What a piece stands in: the nearest element of each kind, None outside of one."""

    deleted: Element | None = None
    inserted: Element | None = None
    link: Element | None = None
    control: Element | None = None
    field: str = ""  # the instruction of the field that shows it
    fixed: bool = False


@dataclass(slots=True)
class Piece:
    """A stretch of text: `start` is its offset in the paragraph's text as it was read.

    `kind`: "text" (a `w:t`), "mark" (one character such as a tab), "fixed" (can't be edited here: an equation),
    "anchor" (no text: a picture, a note reference).
    """

    element: Element
    run: Element | None
    text: str
    kind: PieceKind
    trail: Trail
    start: int = 0
    length: int = 0
    raw: str = ""  # of a text: as it is written back, see _HIDE

    @property
    def end(self) -> int:
        """The offset after the piece, in the text as it was read."""
        return self.start + self.length


@dataclass
class Line:
    """A paragraph's pieces in order, deleted ones left out, and the edits made to them."""

    paragraph: Element
    pieces: list[Piece]
    text: str = ""
    _dirty: list[Piece] = field(default_factory=list)

    def __post_init__(self) -> None:
        offset = 0
        for piece in self.pieces:
            piece.start, piece.length = offset, len(piece.text)
            offset += piece.length
        self.text = "".join(piece.text for piece in self.pieces)

    def touched(self, start: int, end: int) -> list[Piece]:
        """Return the pieces that hold characters of [start, end)."""
        return [p for p in self.pieces if p.length and p.start < end and p.end > start]

    def is_free(self, start: int, end: int) -> bool:
        """Return whether [start, end) can be edited: it touches nothing fixed."""
        return all(piece.kind != "fixed" for piece in self.touched(start, end))

    def splice(self, start: int, end: int, text: str) -> None:
        """Put `text` in place of [start, end). Several edits go from the last to the first; then call `flush`."""
        touched = self.touched(start, end)
        target = next((p for p in touched if p.kind == "text"), None)
        if target is None:
            target = self._room(start, touched)
        for piece in touched:
            if piece is not target:
                self._cut(piece, start, end)
        head, tail = max(start - target.start, 0), max(min(end, target.end) - target.start, 0)
        target.raw = target.raw[:head] + text + target.raw[max(head, tail) :]
        target.text = target.raw.translate(_SHOW)
        self._dirty.append(target)

    def flush(self) -> None:
        """Write the edited pieces into the XML."""
        for piece in {id(p): p for p in self._dirty}.values():
            if piece.kind == "text":
                write(piece.element, piece.raw)
            elif not piece.text and (parent := piece.element.getparent()) is not None:
                parent.remove(piece.element)
        self._dirty.clear()

    def _cut(self, piece: Piece, start: int, end: int) -> None:
        head, tail = max(start - piece.start, 0), min(end, piece.end) - piece.start
        piece.text, piece.raw = piece.text[:head] + piece.text[tail:], piece.raw[:head] + piece.raw[tail:]
        self._dirty.append(piece)

    def _room(self, start: int, touched: list[Piece]) -> Piece:
        """Return a text piece that can take text at `start`: the neighbour's, else a new one beside a mark."""
        if not touched:
            for piece in self.pieces:
                if piece.kind == "text" and piece.start <= start <= piece.end:
                    return piece
        beside = touched[0] if touched else next((p for p in self.pieces if p.run is not None and p.length), None)
        made = self._new_text(beside, before=bool(touched) or start == 0)
        piece = Piece(made, made.getparent(), "", "text", Trail(), start, 0)
        self.pieces.append(piece)
        return piece

    def _new_text(self, beside: Piece | None, *, before: bool) -> Element:
        if beside is None or beside.kind == "fixed":
            run = add(self.paragraph, "r")
            return add(run, "t")
        made = new(self.paragraph, "t")
        (beside.element.addprevious if before else beside.element.addnext)(made)
        return made


def write(element: Element, text: str) -> None:
    """Set the text of a `w:t`; tabs and line breaks become elements behind it (17.3.3)."""
    parts = re.split(r"([\t\n])", text)
    fill(element, parts[0])
    last = element
    for part in parts[1:]:
        if not part:
            continue
        made = new(element, {"\t": "tab", "\n": "br"}.get(part, "t"))
        if part not in "\t\n":
            fill(made, part)
        last.addnext(made)
        last = made


def _own_text(element: Element) -> str:
    """Return the text of a `w:t`; XML comments may stand in it."""
    text = element.text or ""
    return text + "".join(each.tail or "" for each in element) if len(element) else text


def fill(element: Element, text: str) -> None:
    """Set the text of a `w:t` from a piece's `raw`."""
    for each in list(element):
        element.remove(each)
    element.text = text = text.translate(_BACK)
    if text != text.strip():
        element.set(XML_SPACE, "preserve")


def set_text(run: Element, text: str) -> None:
    """Append `text` to a run."""
    write(add(run, "t"), text)


def line(paragraph: Element, fields: Fields) -> Line:
    """Return the paragraph's text as it stands: insertions in, deletions and field codes out."""
    return Line(paragraph, [p for p in pieces(paragraph, fields) if p.trail.deleted is None])


def pieces(paragraph: Element, fields: Fields) -> Iterator[Piece]:
    """Yield all pieces of a paragraph in order, tracked deletions included. `fields` comes from `field_parts`."""
    yield from _inline(paragraph, Trail(), fields)


def _inline(parent: Element, trail: Trail, fields: Fields) -> Iterator[Piece]:
    for each in parent:
        kind = name(each)
        if kind == "w:r":
            yield from _run(each, each, trail, fields)
        elif kind in ("m:oMath", "m:oMathPara"):
            yield Piece(each, None, maths.linear(each), "fixed", trail)
        elif kind == "mc:AlternateContent":
            yield from _inline(_branch(each), replace(trail, fixed=True), fields)
        elif (inner := _entered(each, kind, trail)) is not None:
            yield from _inline(each, inner, fields)


def _entered(element: Element, kind: str, trail: Trail) -> Trail | None:
    """Return the trail inside a container of runs, None for what is none."""
    if kind in _CONTAINERS:
        return trail
    if kind in ("w:del", "w:moveFrom"):
        return replace(trail, deleted=element)
    if kind in ("w:ins", "w:moveTo"):
        return replace(trail, inserted=element)
    if kind == "w:hyperlink":
        return replace(trail, link=element)
    if kind == "w:sdt":
        return replace(trail, control=element)
    return replace(trail, field=value(element, "instr") or "?") if kind == "w:fldSimple" else None


def _run(parent: Element, run: Element, outer: Trail, fields: Fields) -> Iterator[Piece]:
    for each in parent:
        kind = name(each)
        instruction = fields.get(each, "")
        if instruction is None:
            continue
        trail = replace(outer, field=instruction) if instruction else outer
        if kind in ("w:t", "w:delText"):
            shown = raw = _own_text(each)
            if not shown.isprintable():
                raw = raw.translate(_HIDE)
                shown = raw.translate(_SHOW)
            yield Piece(each, run, shown, "fixed" if trail.fixed else "text", trail, raw=raw)
        elif (mark := _mark(each, kind)) is not None:
            yield Piece(each, run, mark, "fixed" if trail.fixed else "mark", trail)
        elif kind in _ANCHORS:
            yield Piece(each, run, "", "anchor", trail)
        elif kind == "mc:AlternateContent":
            yield from _run(_branch(each), run, replace(trail, fixed=True), fields)
        elif kind == "w:ruby":
            for base in children(each, "w:rubyBase"):
                yield from _inline(base, trail, fields)
        elif kind == "w16se:symEx":
            yield Piece(each, run, _character(value(each, "char")), "fixed", trail)


def _mark(element: Element, kind: str) -> str | None:
    if kind == "w:br":
        return "\n" if value(element, "type") in (None, "textWrapping") else None
    if kind == "w:sym":
        return _character(value(element, "char"))
    return _MARKS.get(kind)


def _character(code: str | None) -> str:
    """Return the character of a `w:sym`; symbol fonts live in the private use area, where only a sign is known."""
    try:
        point = int(code or "", 16)
        return "\u25a1" if point in _PRIVATE_USE else chr(point)
    except (ValueError, OverflowError):
        return "\u25a1"


def _branch(alternate: Element) -> Element:
    """Return the branch of `mc:AlternateContent` that holds something: the first choice, else the fallback."""
    branches = list(children(alternate, "mc:Choice", "mc:Fallback"))
    return next((b for b in branches if len(b)), branches[0] if branches else alternate)


def field_parts(root: Element) -> dict[Element, str | None]:
    """Return the children of runs that belong to complex fields (17.16.18).

    The value is None for the instruction, which is not shown, and the instruction's words for the result. A field that
    is never ended is treated as text: hiding the rest of a damaged document helps nobody.
    """
    parts: dict[Element, str | None] = {}
    stack: list[_OpenField] = []
    for run in every(root, "r"):
        for each in run:
            mark = value(each, "fldCharType") if name(each) == "w:fldChar" else None
            if mark == "begin":
                stack.append(_OpenField())
            elif mark == "separate" and stack:
                stack[-1].separated = True
            elif mark == "end" and stack:
                done = stack.pop()
                instruction = "".join(part.text or "" for part in done.code if name(part) == "w:instrText").strip()
                parts.update({part: instruction or "?" for part in done.result if part not in parts})
                parts.update(dict.fromkeys(done.code))
            elif mark is None:
                for field_ in stack:
                    (field_.result if field_.separated else field_.code).append(each)
    return parts


@dataclass
class _OpenField:
    separated: bool = False
    code: list[Element] = field(default_factory=list)
    result: list[Element] = field(default_factory=list)


def rewrite(old: Line, text: str) -> bool:
    """Make the paragraph read `text`, changing as few words as possible; False when something fixed is in the way.

    Words that stay keep their formatting; where the texts have little in common the whole is replaced.
    """
    edits = list(_word_edits(old.text, text, whole=old.is_free(0, len(old.text))))
    if not all(old.is_free(start, end) for start, end, _ in edits):
        return False
    for start, end, words in reversed(edits):
        old.splice(start, end, words)
    old.flush()
    return True


def _word_edits(old: str, text: str, *, whole: bool) -> Iterable[tuple[int, int, str]]:
    before, after = _TOKENS.findall(old), _TOKENS.findall(text)
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    if old and whole and matcher.ratio() < _SIMILAR:
        return [trimmed(0, old, text)]
    offsets = [0]
    for token in before:
        offsets.append(offsets[-1] + len(token))
    return [
        (offsets[a], offsets[b], "".join(after[c:d])) for kind, a, b, c, d in matcher.get_opcodes() if kind != "equal"
    ]


def trimmed(start: int, old: str, text: str) -> tuple[int, int, str]:
    """Return the edit old -> text at `start` without the whole words that both begin and end with."""
    before, after = _TOKENS.findall(old), _TOKENS.findall(text)
    head = 0
    while head < min(len(before), len(after)) and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < min(len(before), len(after)) - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    skipped = sum(map(len, before[:head]))
    dropped = sum(map(len, before[len(before) - tail :]))
    return start + skipped, start + len(old) - dropped, "".join(after[head : len(after) - tail])
