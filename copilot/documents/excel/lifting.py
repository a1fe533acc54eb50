"""Functions of one value that are given ranges: spread out over helper cells, for the engine takes only their first.

In an array formula, and in functions that work on arrays by themselves, `LEN(A1:A3)` is three lengths (ECMA-376 part 1,
18.17.2.7). The engine does that for operators and IF alone. So such a call is replaced by a range of helper cells, in
each of which it stands for one place: `LEN(A1)`, `LEN(A2)`, `LEN(A3)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from copilot.documents.excel.arrays import one_value, works_on_arrays
from copilot.documents.excel.formula_tokens import Token, operand, tokens
from copilot.documents.excel.functions import known
from copilot.documents.excel.refs import Area, address
from copilot.errors import ToolInputError

#: Cells that the helpers of one formula may take.
MOST_CELLS = 20_000
#: What the engine spreads over arrays itself.
_NATIVE = frozenset({"IF", "IFERROR", "IFNA"})
#: Functions whose results may be arrays of a size that is not seen in the formula, or that mean places by other ways.
_UNSEEN = frozenset(
    {"INDIRECT", "OFFSET", "CHOOSE", "LET", "LAMBDA", "CELL", "SINGLE", "ANCHORARRAY", "FORMULATEXT", "SHEET", "SHEETS"}
)
_PLACES = frozenset({"ROW", "COLUMN"})

Shape: TypeAlias = tuple[int, int]
#: Puts texts of formulas (row by row) into helper cells and returns the range that they are; what has the same key (the
#: first argument) has the same texts.
Room: TypeAlias = Callable[[str, Callable[[], list[list[str]]]], str]


class NotSeen(Exception):
    """An array whose size is not seen in the formula: what it gives can't be told here."""


@dataclass(eq=False)
class Call:
    """A call, a bracket (`name` "") or an array constant (`name` "{"): `opening` and the items of each argument."""

    opening: Token
    name: str
    arguments: list[list[Item]] = field(default_factory=lambda: [[]])
    separators: list[str] = field(default_factory=list)
    closing: str = ")"


Item: TypeAlias = Token | Call


def parsed(formula: str) -> list[Item]:
    """Return a formula (with "=") as items; raises ToolInputError where it can't be cut."""
    root = Call(Token("", "", ""), "")
    stack = [root]
    for token in tokens(formula):
        if token.kind == "ARRAYROW":
            continue
        if token.opens:
            name = "{" if token.kind == "ARRAY" else token.function if token.kind == "FUNC" else ""
            stack[-1].arguments[-1].append(made := Call(token, name))
            stack.append(made)
        elif token.closes and len(stack) > 1:
            stack.pop().closing = token.text
        elif token.kind == "SEP" and len(stack) > 1:
            stack[-1].separators.append(token.text)
            stack[-1].arguments.append([])
        else:
            stack[-1].arguments[-1].append(token)
    return root.arguments[0]


def lifted(formula: str, at: tuple[int, int], room: Room, *, array: bool) -> str:
    """Return a formula whose addresses all name their sheets, as the engine computes it right at (row, column).

    `array`: it is an array formula. Raises NotSeen for what can't be spread out.
    """
    try:
        items = parsed(formula)
    except ToolInputError:
        return formula
    return "=" + _Lift(at, room).text(items, array)


def can_be_lifted(formula: str, *, array: bool) -> bool:
    """Return whether the engine may be asked for a formula: it needs no helpers, or they can be laid out."""
    if array and "INDIRECT(" in formula.upper():  # its addresses would be those of a helper's sheet
        return False
    try:
        lifted(formula, (1, 1), lambda key, make: "Z!A1", array=array)
    except NotSeen:
        return False
    return True


class _Lift:
    """One formula on its way: `at` is its cell."""

    def __init__(self, at: tuple[int, int], room: Room) -> None:
        self._at, self._room = at, room
        self._left = MOST_CELLS
        self._whole: dict[int, str] = {}  # the texts of arguments that are taken whole

    def text(self, items: Sequence[Item], array: bool) -> str:
        """Return the text of an expression; in an array formula, calls that the engine gets wrong become ranges."""
        return "".join(item.text if isinstance(item, Token) else self._call(item, array) for item in items)

    def _call(self, call: Call, array: bool) -> str:
        if array and _spreads(call):
            return self._block(call)
        inside = array or works_on_arrays(call.name)
        texts = [self.text(argument, inside) for argument in call.arguments]
        if call.name == "SUMPRODUCT":  # logical values count as 0 there, but not to the engine
            pairs = zip(texts, call.arguments, strict=True)
            texts = [f"(({text})*0)" if _logical(argument) else text for text, argument in pairs]
        return _written(call, texts)

    def _block(self, call: Call) -> str:
        """Return the range of helpers that a call becomes, one for each place of its result."""
        height, width = _item_shape(call)
        self._left -= height * width
        if self._left < 0:
            raise NotSeen
        self._prepare(call)
        key = f"{_raw(call)} {self._at if any(f'{name}()' in _raw(call).upper() for name in _PLACES) else ''}"
        return self._room(key, lambda: [["=" + self._one(call, i, j) for j in range(width)] for i in range(height)])

    def _prepare(self, call: Call) -> None:
        """Write the arguments that are taken whole: they are the same for each place."""
        for n, argument in enumerate(call.arguments):
            if not _one_value(call.name, n):
                self._whole[id(argument)] = self.text(argument, True)
                continue
            for inner in argument:
                if isinstance(inner, Call):
                    self._prepare(inner)

    def _one(self, item: Item, i: int, j: int) -> str:
        """Return the text of a piece of an expression for one place of its array."""
        if isinstance(item, Token):
            return _cell(item, i, j)
        if item.name == "{":
            return _constant(item, i, j)
        if item.name in _PLACES and not any(item.arguments):
            return str(self._at[item.name == "COLUMN"])
        texts = [
            "".join(self._one(each, i, j) for each in argument)
            if _one_value(item.name, n)
            else self._whole[id(argument)]
            for n, argument in enumerate(item.arguments)
        ]
        return _written(item, texts)


def _raw(call: Call) -> str:
    texts = ["".join(i.text if isinstance(i, Token) else _raw(i) for i in argument) for argument in call.arguments]
    return _written(call, texts)


def _written(call: Call, texts: Sequence[str]) -> str:
    if call.name == "{":
        return _array_text(call)
    pieces = [text for pair in zip(texts, [*call.separators, ""], strict=True) for text in pair]
    return call.opening.text + "".join(pieces) + call.closing


def _array_text(call: Call) -> str:
    texts = ["".join(t.text for t in items if isinstance(t, Token)) for items in call.arguments]
    return "{" + "".join(t + s for t, s in zip(texts, [*call.separators, ""], strict=True)) + "}"


def _rows(call: Call) -> list[list[str]]:
    """Return the texts of an array constant."""
    rows: list[list[str]] = [[]]
    for items, separator in zip(call.arguments, [*call.separators, ""], strict=True):
        rows[-1].append("".join(each.text for each in items if isinstance(each, Token)))
        if separator == ";":
            rows.append([])
    return rows


def _constant(call: Call, i: int, j: int) -> str:
    rows = _rows(call)
    row = rows[0] if len(rows) == 1 else rows[i] if i < len(rows) else []
    return row[0] if len(row) == 1 else row[j] if j < len(row) else "NA()"


def _cell(token: Token, i: int, j: int) -> str:
    """Return an operand for one place: of a range its cell, #N/A beyond it; one row or column is repeated."""
    area = _area(token)
    if area is None:
        return token.text
    i, j = (0 if area.height == 1 else i), (0 if area.width == 1 else j)
    if i >= area.height or j >= area.width:
        return "NA()"
    sheet = token.text[: token.text.rindex("!") + 1] if "!" in token.text else ""
    return sheet + address(area.top + i, area.left + j)


def _area(token: Token) -> Area | None:
    if not token.refers:
        return None
    found = operand(token.text)
    return found.area if found.kind == "area" else None


def _one_value(name: str, argument: int) -> bool:
    """Return whether a function takes one value as that argument, so that an array makes its result an array."""
    function = known().get(name)
    if not name or name in _PLACES or function is None:
        return True
    return not function.takes_ranges or one_value(name, argument)


def _logical(items: Sequence[Item]) -> bool:
    """Return whether an expression is a comparison, or a call that says yes or no."""
    if len(items) == 1 and isinstance(items[0], Call):
        return (items[0].name.startswith("IS") and items[0].name != "ISOWEEKNUM") or items[0].name in ("EXACT", "NOT")
    signs = [item.text.strip() for item in items if isinstance(item, Token) and item.kind == "OPERATOR-INFIX"]
    return any(sign in ("=", "<>", "<", ">", "<=", ">=") for sign in signs)


def _spreads(call: Call) -> bool:
    """Return whether a call is given arrays where it takes one value, and the engine would not work through them."""
    if call.name in ("", "{") or call.name in _NATIVE:
        return False
    inner = [argument for n, argument in enumerate(call.arguments) if _one_value(call.name, n)]
    return any(_shape(argument) != (1, 1) for argument in inner)


def _shape(items: Sequence[Item]) -> Shape:
    """Return the height and width of what an expression gives in an array formula; raises NotSeen."""
    shapes = [_item_shape(item) for item in items]
    return max((h for h, _ in shapes), default=1), max((w for _, w in shapes), default=1)


def _item_shape(item: Item) -> Shape:
    if isinstance(item, Token):
        return _token_shape(item)
    if item.name == "{":
        rows = _rows(item)
        return len(rows), max(map(len, rows))
    function = known().get(item.name)
    if item.name in _UNSEEN or (item.name and (function is None or function.spills)) or not _seen(item):
        raise NotSeen
    shape = _shape([each for n, argument in enumerate(item.arguments) if _one_value(item.name, n) for each in argument])
    if item.name in _PLACES:
        return (shape[0], 1) if item.name == "ROW" else (1, shape[1])
    return shape


def _seen(call: Call) -> bool:
    """Return whether a call gives as many values as its arguments say: not a union, no whole row of INDEX, XLOOKUP."""
    if not call.name:
        return len(call.arguments) == 1
    if call.name == "INDEX":
        texts = ["".join(t.text if isinstance(t, Token) else "()" for t in each).strip() for each in call.arguments]
        return len(texts) > 1 and not any(text in ("", "0") for text in texts[1:3])
    if call.name == "XLOOKUP" and len(call.arguments) > 2:
        return 1 in _shape(call.arguments[2])
    return True


def _token_shape(token: Token) -> Shape:
    if token.kind == "OPERATOR-INFIX" and token.text.strip() in ("", ":", ",", "#"):
        raise NotSeen
    if not token.refers:
        return 1, 1
    area = _area(token)
    if area is None or token.text.startswith("@"):
        raise NotSeen
    return area.height, area.width
