"""Which items, paragraphs and rows of two versions are the same ones."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from typing import Literal, TypeVar

from copilot.documents.word.redline_items import Item, Leaf

T = TypeVar("T")
#: What becomes of an item: it stays, goes, comes; or is moved from here, to here.
Fate = Literal["=", "-", "+", "<", ">"]
#: (tag, start and end in the old sequence, start and end in the new one) as difflib has it.
Opcode = tuple[str, int, int, int, int]

_LIKE = 0.4  # share of common words from which on two blocks are one that was changed
_SAME = 1.1  # what a block counts that was not changed at all
_FEW = 4_000  # pairs of blocks up to which all are compared by their words
_CHANCE = 0.25  # share of equal words below which they are equal by chance: one replacement reads better
_WIDE = 40_000  # pairs of blocks that are compared one by one; beyond, only those near the diagonal
_BAND = 60


def opcodes(old: Sequence[Hashable], new: Sequence[Hashable], *, junk: bool = False) -> list[Opcode]:
    """Return how `old` becomes `new`; `junk` lets what stands everywhere not anchor anything in long sequences."""
    head = 0
    most = min(len(old), len(new))
    while head < most and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < most - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    a, b = old[head : len(old) - tail], new[head : len(new) - tail]
    found: list[Opcode] = [("equal", 0, head, 0, head)] if head else []
    if a or b:
        matcher = difflib.SequenceMatcher(None, a, b, autojunk=junk)
        found += [(tag, i + head, j + head, k + head, m + head) for tag, i, j, k, m in matcher.get_opcodes()]
    if tail:
        found.append(("equal", len(old) - tail, len(old), len(new) - tail, len(new)))
    return found


def item_opcodes(old: Sequence[Item], new: Sequence[Item]) -> list[Opcode]:
    """Return how the items of a paragraph change, so that it reads well: no lone blanks between replaced words."""
    keys = [item.key for item in old], [item.key for item in new]
    codes = opcodes(*keys, junk=max(len(old), len(new)) > 4000)
    if _by_chance(codes, old, new):
        return _whole(old, new)
    return list(_joined([_blank(code, old, codes, at) for at, code in enumerate(codes)]))


def _blank(code: Opcode, old: Sequence[Item], codes: list[Opcode], at: int) -> Opcode:
    tag, i, j, k, m = code
    between = 0 < at < len(codes) - 1 and codes[at - 1][0] == codes[at + 1][0] == "replace"
    if (
        tag == "equal"
        and between
        and all(isinstance(x, Leaf) and x.kind == "text" and x.text.isspace() for x in old[i:j])
    ):
        return "replace", i, j, k, m
    return code


def _joined(codes: list[Opcode]) -> Iterator[Opcode]:
    last: Opcode | None = None
    for code in codes:
        if last is not None and last[0] == code[0] == "replace":
            last = ("replace", last[1], code[2], last[3], code[4])
            continue
        if last is not None:
            yield last
        last = code
    if last is not None:
        yield last


def _words(items: Sequence[Item]) -> int:
    return sum(isinstance(x, Leaf) and x.kind == "text" and x.text.isalnum() for x in items)


def _by_chance(codes: list[Opcode], old: Sequence[Item], new: Sequence[Item]) -> bool:
    """Return whether little more than chance words is equal: nothing but text, one paragraph on each side."""
    if any(not isinstance(x, Leaf) or x.kind != "text" for x in (*old, *new)):
        return False
    most = max(_words(old), _words(new))
    equal = sum(_words(old[i:j]) for tag, i, j, _, _ in codes if tag == "equal")
    return min(_words(old), _words(new)) > 0 and equal < _CHANCE * most


def _whole(old: Sequence[Item], new: Sequence[Item]) -> list[Opcode]:
    return [("replace", 0, len(old), 0, len(new))]


def paired(old: Sequence[str], new: Sequence[str], words: tuple[Sequence[str], Sequence[str]]) -> list[tuple[int, int]]:
    """Return the pairs (old, new) of blocks that are the same or alike, in order; either is -1 for one without a pair.

    `old` and `new` are keys of the blocks (same key: same block), `words` their texts, each with its kind before it.
    """
    found: list[tuple[int, int]] = []
    for tag, i, j, k, m in _stretches(old, new):
        if tag == "equal":
            found += zip(range(i, j), range(k, m), strict=True)
        else:
            bags = (
                [_bag(words[0][x], old[x]) for x in range(i, j)],
                [_bag(words[1][x], new[x]) for x in range(k, m)],
            )
            found += ((a + i if a >= 0 else -1, b + k if b >= 0 else -1) for a, b in _alike(*bags))
    return found


def _stretches(old: Sequence[str], new: Sequence[str]) -> list[Opcode]:
    """Return what is equal at both ends and the rest as one change; a long rest is cut at equal blocks.

    Among few blocks the likeness of all is weighed at once: a single one that was moved is no fixed point then.
    """
    found = opcodes(old, new, junk=True)
    inner = found[found[0][0] == "equal" :]
    inner = inner[: len(inner) - (bool(inner) and inner[-1][0] == "equal")]
    if not inner or (inner[-1][2] - inner[0][1]) * (inner[-1][4] - inner[0][3]) > _FEW:
        return found
    at = found.index(inner[0])
    whole = ("replace", inner[0][1], inner[-1][2], inner[0][3], inner[-1][4])
    return [*found[:at], whole, *found[at + len(inner) :]]


_Bag = tuple[str, Counter[str], int, str]


def _bag(said: str, key: str) -> _Bag:
    kind, _, text = said.partition(" ")
    bag = Counter(text.split())
    return kind, bag, sum(bag.values()), key


def _likeness(a: _Bag, b: _Bag) -> float:
    if a[3] == b[3]:
        return _SAME
    if a[0] != b[0]:
        return 0.0
    if not a[2] or not b[2]:
        return 0.5 if a[2] == b[2] else 0.0
    common = sum(min(count, b[1][word]) for word, count in a[1].items() if word in b[1])
    ratio = 2 * common / (a[2] + b[2])
    return ratio if ratio >= _LIKE else 0.0


def _alike(old: list[_Bag], new: list[_Bag]) -> Iterator[tuple[int, int]]:
    """Yield pairs with the greatest sum of likeness that keep the order; deleted blocks before inserted ones."""
    if len(old) == len(new) == 1 and old[0][0] == new[0][0]:
        yield 0, 0
        return
    matched = _best(old, new) if old and new else []
    a = b = 0
    for i, k in [*matched, (len(old), len(new))]:
        yield from ((x, -1) for x in range(a, i))
        yield from ((-1, x) for x in range(b, k))
        if i < len(old):
            yield i, k
        a, b = i + 1, k + 1


def _best(old: list[_Bag], new: list[_Bag]) -> list[tuple[int, int]]:
    n, m = len(old), len(new)
    wide = n * m > _WIDE
    best = [[0.0] * (m + 1) for _ in range(n + 1)]
    like: dict[tuple[int, int], float] = {}
    for i in range(n - 1, -1, -1):
        for k in range(m - 1, -1, -1):
            near = not wide or abs(i * m // n - k) <= _BAND
            score = _likeness(old[i], new[k]) if near else 0.0
            if score:
                like[i, k] = score
            best[i][k] = max(best[i + 1][k], best[i][k + 1], best[i + 1][k + 1] + score if score else 0.0)
    return _traced(best, like, n, m)


def _traced(best: list[list[float]], like: dict[tuple[int, int], float], n: int, m: int) -> list[tuple[int, int]]:
    found = []
    i = k = 0
    while i < n and k < m:
        if (score := like.get((i, k))) and best[i][k] == best[i + 1][k + 1] + score:
            found.append((i, k))
            i, k = i + 1, k + 1
        elif best[i][k] == best[i + 1][k]:
            i += 1
        else:
            k += 1
    return found
