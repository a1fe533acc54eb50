"""Which text of a PDF page a person sees: a walk over the painting operators (ISO 32000-1, 8 and 9)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pypdf

Operation = tuple[Any, bytes]
Matrix = tuple[float, float, float, float, float, float]

_IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
_SHOW = frozenset({b"Tj", b"TJ", b"'", b'"'})
_FILL = frozenset({b"f", b"F", b"f*", b"B", b"B*", b"b", b"b*"})
_END_PATH = _FILL | {b"S", b"s", b"n"}
_SMALLEST = 2.0  # points: letters of this size and below can't be read
_INVISIBLE = (3, 7)  # text rendering modes that paint nothing (9.3.6, table 106)
_NEAR = 0.06  # of 1: colours that differ less can't be told apart
_SCAN = 0.25  # of the page: a picture from this size on may be a scan, over or under which stands what was recognised
_AREAS = 400  # painted areas that are remembered
_LETTER = 0.6  # of the font size: about the width of a letter

Box = tuple[float, float, float, float]
Color = tuple[float, float, float]


@dataclass(frozen=True)
class _State:
    """The graphics state as far as it decides what is seen. `color` is None for a pattern or an unknown space."""

    ctm: Matrix = _IDENTITY
    color: Color | None = (0.0, 0.0, 0.0)
    mode: int = 0
    size: float | None = None
    stretch: float = 1.0
    alpha: float = 1.0
    clip: Box | None = None


@dataclass(frozen=True, slots=True)
class _Area:
    """A painted area: `kind` is "fill", "image" or "form"; of what colour (None: unknown), and by which operation."""

    box: Box
    kind: str
    color: Color | None
    number: int
    opaque: bool


@dataclass(frozen=True)
class Form:
    """A form XObject that was painted: its name in the resources, and the state that it begins with (8.10)."""

    name: str
    stream: Any
    state: _State
    off: bool


@dataclass
class _Walk:
    box: Box
    resources: Any
    layers_off: frozenset[int]
    state: _State = field(default_factory=_State)
    stack: list[_State] = field(default_factory=list)
    tm: Matrix = _IDENTITY
    line: Matrix = _IDENTITY
    leading: float = 0.0
    path: list[tuple[float, float]] = field(default_factory=list)
    clips: bool = False
    areas: list[_Area] = field(default_factory=list)
    marks: list[bool] = field(default_factory=list)  # of marked content that is open: whether its layer is off
    forms: list[Form] = field(default_factory=list)
    number: int = 0


def split(
    operations: Sequence[Operation],
    page: pypdf.PageObject,
    layers_off: frozenset[int] = frozenset(),
    form: Form | None = None,
) -> tuple[list[Any], list[tuple[str, list[Any]]], list[Form]]:
    """Return the operations without the text that is not seen, for each reason those that paint only it, and the forms.

    Text that is invisible over a picture is what a scanner's text recognition wrote: it counts as seen. `layers_off`
    are the object numbers of optional content groups that are off (8.11); `form` says whose operations these are.
    """
    resources = _object(form.stream if form else page).get("/Resources", {}) or page.get("/Resources", {})
    walk = _Walk(_box(page), _object(resources), layers_off, form.state if form else _State())
    walk.marks = [True] if form is not None and form.off else []
    reasons: dict[int, str] = {}
    places: dict[int, tuple[float, float, float]] = {}
    for number, (operands, operator) in enumerate(operations):
        walk.number = number
        if operator in _SHOW:
            _before_show(walk, operands, operator)
            if why := _unseen(walk, _length(operands)):
                reasons[number] = why
            places[number] = _place(walk)
        else:
            _apply(walk, operands, operator)
    _refer(walk, reasons, places)
    shows = [n for n, (_, operator) in enumerate(operations) if operator in _SHOW]
    visible = _without(operations, set(reasons))
    unseen = [
        (why, _without(operations, {n for n in shows if reasons.get(n) != why}))
        for why in dict.fromkeys(reasons.values())
    ]
    return visible, unseen, walk.forms


def _refer(walk: _Walk, reasons: dict[int, str], places: dict[int, tuple[float, float, float]]) -> None:
    """Decide what depends on areas that are painted later: text under boxes and pictures, and what a scan explains."""
    whole = max((walk.box[2] - walk.box[0]) * (walk.box[3] - walk.box[1]), 1.0)
    scans = [a for a in walk.areas if a.kind == "image" and _extent(a.box) >= _SCAN * whole]
    covers = [a for a in walk.areas if a.opaque and a.kind != "form" and a not in scans]
    covers = sorted(covers, key=lambda a: -_extent(a.box))[:100]
    for number, (x, y, _) in places.items():
        if reasons.get(number) == "invisible text" and any(_holds(a.box, x, y) for a in scans):
            del reasons[number]
        elif number not in reasons and any(a.number > number and _holds(a.box, x, y, -0.5) for a in covers):
            reasons[number] = "covered text"


def _extent(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _holds(box: Box, x: float, y: float, margin: float = 1.0) -> bool:
    return box[0] - margin <= x <= box[2] + margin and box[1] - margin <= y <= box[3] + margin


def _object(value: Any) -> Any:
    found = value.get_object() if hasattr(value, "get_object") else value
    return found if hasattr(found, "get") else {}


def _without(operations: Iterable[Operation], numbers: set[int]) -> list[Any]:
    """Leave out these show operators; those that also move to the next line still do (9.4.3)."""
    kept: list[Any] = []
    for number, (operands, operator) in enumerate(operations):
        if number not in numbers:
            kept.append((operands, operator))
        elif operator in (b"'", b'"'):
            kept.append(([], b"T*"))
    return kept


def _box(page: pypdf.PageObject) -> Box:
    box = page.cropbox
    return float(box.left), float(box.bottom), float(box.right), float(box.top)


def _length(operands: Sequence[Any]) -> int:
    """Return about how many letters are shown."""
    shown = operands[-1] if operands else b""
    parts = shown if isinstance(shown, list) else [shown]
    return sum(len(part) for part in parts if isinstance(part, (bytes, str)))


def _place(walk: _Walk) -> tuple[float, float, float]:
    """Return the middle of the first letter, and the size of the letters, on the page in points."""
    matrix = _times(walk.tm, walk.state.ctm)
    size = (walk.state.size or 0.0) * max(abs(matrix[3]), abs(matrix[1]))
    return matrix[4] + size * 0.2, matrix[5] + size * 0.25, size


def _unseen(walk: _Walk, letters: int) -> str:
    """Return why the text that is painted now is not seen, "" when it is."""
    state = walk.state
    if any(walk.marks):
        return "layer that is off"
    if state.mode in _INVISIBLE:
        return "invisible text"
    x, y, size = _place(walk)
    if state.size is not None and (size <= _SMALLEST or abs(state.stretch) < 0.02):
        return "tiny text"
    left, bottom, right, top = walk.box
    if x > right + 1 or y > top + 1 or y < bottom - 1 - size or x + size * _LETTER * letters < left - size:
        return "text off the page"
    if state.clip is not None and _clipped(state.clip, x, y, size):
        return "clipped text"
    if state.alpha < 0.03:
        return "transparent text"
    return _faded(walk, x, y)


def _clipped(clip: Box, x: float, y: float, size: float) -> bool:
    left, bottom, right, top = clip
    return right - left < 0.5 or top - bottom < 0.5 or x > right + 1 or y > top + size or y < bottom - size


def _faded(walk: _Walk, x: float, y: float) -> str:
    color = walk.state.color
    if color is None:
        return ""
    below = next((a for a in reversed(walk.areas) if a.opaque and _holds(a.box, x, y)), None)
    if below is None:
        return "white text" if min(color) > 1 - _NEAR else ""
    if below.color is None or max(abs(a - b) for a, b in zip(color, below.color, strict=True)) > _NEAR:
        return ""
    return "white text" if min(color) > 1 - _NEAR else "text in the colour of its background"


def _before_show(walk: _Walk, operands: Sequence[Any], operator: bytes) -> None:
    if operator in (b"'", b'"'):
        _move(walk, 0.0, -walk.leading)


def _move(walk: _Walk, x: float, y: float) -> None:
    walk.line = walk.tm = _times((1.0, 0.0, 0.0, 1.0, x, y), walk.line)


def _apply(walk: _Walk, operands: Sequence[Any], operator: bytes) -> None:
    if operator == b"q":
        walk.stack.append(walk.state)
    elif operator == b"Q":
        walk.state = walk.stack.pop() if walk.stack else walk.state
    elif operator in (b"INLINE IMAGE", b"sh"):
        _cover_unit(walk, "image" if operator != b"sh" else "form", opaque=True)
    elif operator in (b"BT", b"T*"):
        _text_operator(walk, (), operator)
    elif operator == b"Do":
        _object_operator(walk, operands)
    elif operator == b"gs":
        _parameters(walk, operands)
    elif operator in (b"BDC", b"BMC", b"EMC"):
        _mark(walk, operands, operator)
    elif operator in (b"W", b"W*"):
        walk.clips = True
    elif operator in _END_PATH:
        _end_path(walk, operator)
    elif _numbers(operands) is not None:
        numbers = cast(tuple[float, ...], _numbers(operands))
        _text_operator(walk, numbers, operator)
        _graphics_operator(walk, numbers, operator)
    elif operator == b"Tf" and len(operands) == 2 and (size := _numbers(operands[1:])):
        walk.state = replace(walk.state, size=abs(size[0]))
    elif operator in (b"scn", b"sc"):
        walk.state = replace(walk.state, color=None)  # a pattern


def _text_operator(walk: _Walk, numbers: tuple[float, ...], operator: bytes) -> None:
    if operator == b"BT":
        walk.tm = walk.line = _IDENTITY
    elif operator == b"T*":
        _move(walk, 0.0, -walk.leading)
    elif operator in (b"Td", b"TD") and len(numbers) == 2:
        if operator == b"TD":
            walk.leading = -numbers[1]
        _move(walk, *numbers)
    elif operator == b"TL" and numbers:
        walk.leading = numbers[0]
    elif operator == b"Tm" and len(numbers) == 6:
        walk.tm = walk.line = numbers
    elif operator == b"Tr" and numbers:
        walk.state = replace(walk.state, mode=int(numbers[0]))
    elif operator == b"Tz" and numbers:
        walk.state = replace(walk.state, stretch=numbers[0] / 100)


def _graphics_operator(walk: _Walk, numbers: tuple[float, ...], operator: bytes) -> None:
    if operator == b"cm" and len(numbers) == 6:
        walk.state = replace(walk.state, ctm=_times(numbers, walk.state.ctm))
    elif operator in (b"g", b"rg", b"k", b"sc", b"scn"):
        walk.state = replace(walk.state, color=_rgb(numbers))
    elif operator == b"re" and len(numbers) == 4:
        x, y, width, height = numbers
        walk.path += [_point(walk, x, y), _point(walk, x + width, y + height), _point(walk, x, y + height)]
    elif operator in (b"m", b"l", b"c", b"v", b"y") and len(numbers) >= 2:
        walk.path.append(_point(walk, *numbers[-2:]))


def _rgb(numbers: tuple[float, ...]) -> Color | None:
    """Return a colour as light: gray and RGB as they are, CMYK by ink (8.6.4); None for other spaces."""
    if len(numbers) == 4:
        cyan, magenta, yellow, black = numbers
        red, green, blue = (1 - min(ink + black, 1.0) for ink in (cyan, magenta, yellow))
        return red, green, blue
    if len(numbers) == 3:
        return numbers[0], numbers[1], numbers[2]
    return (numbers[0],) * 3 if len(numbers) == 1 else None


def _end_path(walk: _Walk, operator: bytes) -> None:
    if walk.path and operator in _FILL:
        _paint(walk, walk.path, "fill", walk.state.color, opaque=walk.state.alpha > 0.9)
    if walk.path and walk.clips:
        box, old = _around(walk.path), walk.state.clip
        if old is not None:
            box = max(box[0], old[0]), max(box[1], old[1]), min(box[2], old[2]), min(box[3], old[3])
        walk.state = replace(walk.state, clip=box)
    walk.path, walk.clips = [], False


def _object_operator(walk: _Walk, operands: Sequence[Any]) -> None:
    """Paint an image, or remember a form, which may paint anything within its box (8.10.1)."""
    name = str(operands[0]) if operands else ""
    stream = _object(_object(walk.resources.get("/XObject", {})).get(name, {}))
    off = any(walk.marks) or _is_off(walk, stream.raw_get("/OC") if "/OC" in stream else None)
    if stream.get("/Subtype") != "/Form":
        masked = "/SMask" in stream or "/Mask" in stream or bool(stream.get("/ImageMask"))
        if not off:
            _cover_unit(walk, "image", opaque=not masked and walk.state.alpha > 0.9)
        return
    matrix = _numbers(stream.get("/Matrix", [])) or _IDENTITY
    ctm = _times(matrix, walk.state.ctm) if len(matrix) == 6 else walk.state.ctm
    state = replace(walk.state, ctm=ctm)
    box = _numbers(stream.get("/BBox", [])) or ()
    if len(box) == 4 and not off:
        corners = [_point_in(ctm, x, y) for x in (box[0], box[2]) for y in (box[1], box[3])]
        _paint(walk, corners, "form", None, opaque=True)
    walk.forms.append(Form(name, stream, state, off))


def _parameters(walk: _Walk, operands: Sequence[Any]) -> None:
    """Take alpha, and blending as half of it, from a dictionary of parameters (8.4.5)."""
    found = _object(_object(walk.resources.get("/ExtGState", {})).get(str(operands[0]) if operands else "", {}))
    alpha = _numbers([found.get("/ca")]) if "/ca" in found else None
    if alpha:
        walk.state = replace(walk.state, alpha=alpha[0])
    if found.get("/BM", "/Normal") not in ("/Normal", "/Compatible"):
        walk.state = replace(walk.state, alpha=min(walk.state.alpha, 0.5))


def _mark(walk: _Walk, operands: Sequence[Any], operator: bytes) -> None:
    if operator == b"EMC":
        del walk.marks[-1:]
        return
    off = False
    if operator == b"BDC" and len(operands) == 2 and operands[0] == "/OC":
        named = _object(walk.resources.get("/Properties", {}))
        off = _is_off(walk, named.raw_get(operands[1]) if operands[1] in named else None)
    walk.marks.append(off)


def _is_off(walk: _Walk, group: Any) -> bool:
    """Whether an optional content group is off, or all those that a membership dictionary names (8.11.2)."""
    if getattr(group, "idnum", -1) in walk.layers_off:
        return True
    members = _object(group).get("/OCGs", []) if group is not None else []
    found = members.get_object() if hasattr(members, "get_object") and not isinstance(members, list) else members
    several = list(found) if isinstance(found, list) else [members] if members else []
    return bool(several) and all(getattr(each, "idnum", -1) in walk.layers_off for each in several[:1000])


def _cover_unit(walk: _Walk, kind: str, *, opaque: bool) -> None:
    """An image paints the unit square of its space (8.9.5.1)."""
    corners = [_point(walk, x, y) for x in (0.0, 1.0) for y in (0.0, 1.0)]
    _paint(walk, corners, kind, None, opaque=opaque)


def _paint(walk: _Walk, points: Sequence[tuple[float, float]], kind: str, color: Color | None, *, opaque: bool) -> None:
    if not any(walk.marks):
        walk.areas.append(_Area(_around(points), kind, color, walk.number, opaque))
        if len(walk.areas) > 2 * _AREAS:
            walk.areas = sorted(walk.areas, key=lambda a: -_extent(a.box))[:_AREAS]
            walk.areas.sort(key=lambda a: a.number)


def _around(points: Sequence[tuple[float, float]]) -> Box:
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    return min(xs), min(ys), max(xs), max(ys)


def _point_in(matrix: Matrix, x: float, y: float) -> tuple[float, float]:
    a, b, c, d, e, f = matrix
    return a * x + c * y + e, b * x + d * y + f


def _point(walk: _Walk, x: float, y: float) -> tuple[float, float]:
    return _point_in(walk.state.ctm, x, y)


def _times(one: Matrix, other: Matrix) -> Matrix:
    a, b, c, d, e, f = one
    g, h, i, j, k, m = other
    return (a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m)


def _numbers(operands: Sequence[Any]) -> tuple[float, ...] | None:
    """Return the operands as numbers, None when there is none or one is something else."""
    try:
        return tuple(float(operand) for operand in operands) or None
    except (TypeError, ValueError):
        return None
