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
_SMALLEST = 2.0  # points: letters below can't be read
_INVISIBLE = 3  # text rendering mode (9.3.6, table 106)


@dataclass(frozen=True)
class _State:
    """The graphics state as far as it decides what is seen."""

    ctm: Matrix = _IDENTITY
    white: bool = False
    mode: int = 0
    size: float = 0.0


@dataclass
class _Walk:
    box: tuple[float, float, float, float]
    state: _State = field(default_factory=_State)
    stack: list[_State] = field(default_factory=list)
    tm: Matrix = _IDENTITY
    line: Matrix = _IDENTITY
    leading: float = 0.0
    path: list[tuple[float, float]] = field(default_factory=list)
    painted: list[tuple[float, float, float, float]] = field(default_factory=list)  # areas that are not white
    picture: bool = False


def split(operations: Sequence[Operation], page: pypdf.PageObject) -> tuple[list[Any], list[tuple[str, list[Any]]]]:
    """Return the operations without the text that is not seen, and for each reason those that paint only it.

    Text that is invisible over a picture is what a scanner's text recognition wrote: it counts as seen.
    """
    walk = _Walk(_box(page))
    reasons: dict[int, str] = {}
    for number, (operands, operator) in enumerate(operations):
        if operator in _SHOW:
            _before_show(walk, operands, operator)
            if why := _unseen(walk):
                reasons[number] = why
        else:
            _apply(walk, operands, operator)
    if walk.picture:
        reasons = {n: why for n, why in reasons.items() if why != "invisible text"}
    shows = [n for n, (_, operator) in enumerate(operations) if operator in _SHOW]
    visible = _without(operations, set(reasons))
    unseen = [
        (why, _without(operations, {n for n in shows if reasons.get(n) != why}))
        for why in dict.fromkeys(reasons.values())
    ]
    return visible, unseen


def _without(operations: Iterable[Operation], numbers: set[int]) -> list[Any]:
    """Leave out these show operators; those that also move to the next line still do (9.4.3)."""
    kept: list[Any] = []
    for number, (operands, operator) in enumerate(operations):
        if number not in numbers:
            kept.append((operands, operator))
        elif operator in (b"'", b'"'):
            kept.append(([], b"T*"))
    return kept


def _box(page: pypdf.PageObject) -> tuple[float, float, float, float]:
    box = page.cropbox
    return float(box.left), float(box.bottom), float(box.right), float(box.top)


def _unseen(walk: _Walk) -> str:
    """Return why the text that is painted now is not seen, "" when it is."""
    state = walk.state
    if state.mode == _INVISIBLE:
        return "invisible text"
    matrix = _times(walk.tm, state.ctm)
    scale = max(abs(matrix[3]), abs(matrix[1]))
    if 0 < state.size * scale < _SMALLEST:
        return "tiny text"
    x, y = matrix[4], matrix[5]
    _, bottom, right, top = walk.box
    if x > right + 1 or y > top + 1 or y < bottom - 1 - state.size * scale:
        return "text off the page"
    if state.white and not any(a - 1 <= x <= c + 1 and b - 1 <= y <= d + 1 for a, b, c, d in walk.painted):
        return "white text"
    return ""


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
    elif operator == b"INLINE IMAGE":
        _cover_unit(walk)
    elif operator in (b"BT", b"T*"):
        _text_operator(walk, (), operator)
    elif operator in (b"Do", b"sh"):
        _cover_unit(walk)
    elif operator in _END_PATH:
        _end_path(walk, operator)
    elif _numbers(operands) is not None:
        numbers = cast(tuple[float, ...], _numbers(operands))
        _text_operator(walk, numbers, operator)
        _graphics_operator(walk, numbers, operator)
    elif operator == b"Tf" and len(operands) == 2 and (size := _numbers(operands[1:])):
        walk.state = replace(walk.state, size=abs(size[0]))
    elif operator in (b"scn", b"sc"):
        walk.state = replace(walk.state, white=False)  # a pattern


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


def _graphics_operator(walk: _Walk, numbers: tuple[float, ...], operator: bytes) -> None:
    if operator == b"cm" and len(numbers) == 6:
        walk.state = replace(walk.state, ctm=_times(numbers, walk.state.ctm))
    elif operator in (b"g", b"rg", b"k", b"sc", b"scn"):
        walk.state = replace(walk.state, white=_is_white(numbers))
    elif operator == b"re" and len(numbers) == 4:
        x, y, width, height = numbers
        walk.path += [_point(walk, x, y), _point(walk, x + width, y + height), _point(walk, x, y + height)]
    elif operator in (b"m", b"l", b"c", b"v", b"y") and len(numbers) >= 2:
        walk.path.append(_point(walk, *numbers[-2:]))


def _is_white(numbers: tuple[float, ...]) -> bool:
    """Whether a colour is white: gray and RGB by light, CMYK by ink (8.6.4)."""
    if len(numbers) == 4:
        return max(numbers) < 0.03
    return bool(numbers) and min(numbers) > 0.97


def _end_path(walk: _Walk, operator: bytes) -> None:
    if operator in _FILL and walk.path and not walk.state.white:
        _paint(walk, walk.path)
    walk.path = []


def _cover_unit(walk: _Walk) -> None:
    """An image or form paints the unit square of its space; a form may paint more, and is taken for a picture."""
    walk.picture = True
    corners = [_point(walk, x, y) for x in (0.0, 1.0) for y in (0.0, 1.0)]
    _paint(walk, corners)


def _paint(walk: _Walk, points: Sequence[tuple[float, float]]) -> None:
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    walk.painted.append((min(xs), min(ys), max(xs), max(ys)))


def _point(walk: _Walk, x: float, y: float) -> tuple[float, float]:
    a, b, c, d, e, f = walk.state.ctm
    return a * x + c * y + e, b * x + d * y + f


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
