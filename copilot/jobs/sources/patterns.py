"""Patterns of paths: `*`, `?`, `[a-z]` within a name, `**` for any number of folders, `{a,b}` for either."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from copilot.errors import ToolInputError

_MAGIC = re.compile(r"[*?\[{]")
_BRACES = re.compile(r"\{([^{}]*,[^{}]*)\}")
_ANY_DEPTH = "**"
#: In place of positions: everything below.
_ALL = -1
#: Patterns that braces may stand for.
_MOST = 256

Positions = frozenset[int]


def is_pattern(text: str) -> bool:
    """Return whether a text has a character that stands for others."""
    return bool(_MAGIC.search(text))


def split(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the folder that a pattern begins with ("" for none), and the parts from the first that is a pattern on.

    Raises ToolInputError for a part `..` behind a pattern, which could lead anywhere.
    """
    parts = text.split("/")
    first = next(n for n, part in enumerate(parts) if is_pattern(part))
    rest = tuple(part for part in parts[first:] if part not in ("", "."))
    if ".." in rest:
        raise ToolInputError(f"{text!r} has .. behind a pattern.", hint="Begin with the folder that is meant.")
    return "/".join(parts[:first]) or ("/" if first else ""), rest


def spread(text: str) -> list[str]:
    """Return what the braces of a pattern stand for: a.{docx,pdf} is a.docx and a.pdf. Raises ToolInputError."""
    waiting, done = [text], []
    while waiting:
        each = waiting.pop()
        match = _BRACES.search(each)
        if match is None:
            done.append(each)
        else:
            waiting += [each[: match.start()] + one + each[match.end() :] for one in match[1].split(",")][::-1]
        if len(waiting) + len(done) > _MOST:
            raise ToolInputError(f"The braces of {text[:80]!r} stand for more than {_MOST} patterns.")
    return list(dict.fromkeys(done))


@dataclass(frozen=True)
class Pattern:
    """The parts of a pattern. Where a path stands in it are positions: of the start, after each name, and so on down.

    A folder that fits the whole pattern means everything below it, as it does when a shell has put it in.
    """

    parts: tuple[str, ...]
    folds: bool = False

    def __post_init__(self) -> None:
        """A last `**` means the files below, not only the folders."""
        if self.parts[-1:] == (_ANY_DEPTH,):
            object.__setattr__(self, "parts", (*self.parts, "*"))

    @property
    def suffix(self) -> str:
        """The ending that the pattern itself asks for (".json" of "*.json"), "" if it leaves it open."""
        found = PurePosixPath(self.parts[-1]).suffix.lower() if self.parts else ""
        return "" if is_pattern(found) else found

    @cached_property
    def start(self) -> Positions:
        """Where every path begins."""
        return self._spread({0})

    def after(self, positions: Positions, name: str) -> Positions:
        """Return the positions after one more name; none if nothing below can fit."""
        if _ALL in positions:
            return positions
        ahead = {n for n in positions if n < len(self.parts) and self.parts[n] == _ANY_DEPTH}
        ahead |= {n + 1 for n in positions if n < len(self.parts) and self._fits(n, name)}
        return self._spread(ahead)

    def inside(self, positions: Positions) -> Positions:
        """Return the positions below a folder that is at `positions`."""
        return frozenset({_ALL}) if len(self.parts) in positions else positions

    def ends(self, positions: Positions) -> bool:
        """Return whether a path at these positions fits the whole pattern."""
        return _ALL in positions or len(self.parts) in positions

    def fits(self, names: Sequence[str]) -> bool:
        """Return whether a file with these parts of a path fits."""
        positions = self.start
        for name in names[:-1]:
            positions = self.inside(self.after(positions, name))
        return self.ends(self.after(positions, names[-1]))

    def _spread(self, positions: set[int]) -> Positions:
        return frozenset(after for n in positions for after in self._skipping(n))

    def _skipping(self, position: int) -> Iterator[int]:
        yield position
        while position < len(self.parts) and self.parts[position] == _ANY_DEPTH:
            position += 1
            yield position

    def _fits(self, position: int, name: str) -> bool:
        matcher = self._matchers[position]
        return matcher is not None and matcher.match(name) is not None

    @cached_property
    def _matchers(self) -> tuple[re.Pattern[str] | None, ...]:
        flags = re.IGNORECASE if self.folds else 0
        return tuple(None if p == _ANY_DEPTH else re.compile(fnmatch.translate(p), flags) for p in self.parts)


#: Everything below a folder.
EVERYTHING = Pattern((_ANY_DEPTH,))
