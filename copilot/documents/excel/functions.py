"""Excel's worksheet functions as data: how each is stored, how many arguments it takes, what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

MOST_ARGUMENTS = 255


@dataclass(frozen=True, slots=True)
class Known:
    """One function: the fewest and the most arguments, its `flags` (see functions.txt) and `phrase`, what it gives."""

    name: str
    fewest: int
    most: int
    flags: str
    phrase: str

    @property
    def prefix(self) -> str:
        """What stands before the name in a file ([MS-XLSX] 2.2.2): without it Excel shows #NAME?."""
        return "_xlfn._xlws." if "w" in self.flags else "_xlfn." if "x" in self.flags else ""

    @property
    def spills(self) -> bool:
        """Whether its result is an array that spills over several cells."""
        return "s" in self.flags

    @property
    def takes_ranges(self) -> bool:
        """Whether it takes a range as a whole; where not, Excel works on each of its cells, or on one of them."""
        return "a" in self.flags

    @property
    def exact(self) -> bool:
        """Whether the engine computes it as Excel does, so that its value may replace one that the file holds."""
        return "e" in self.flags

    @property
    def takes(self) -> str:
        """Its number of arguments in words."""
        if self.fewest == self.most:
            return f"{self.most or 'no'} argument{'' if self.most == 1 else 's'}"
        if self.most == MOST_ARGUMENTS:
            return f"at least {self.fewest} argument{'' if self.fewest == 1 else 's'}"
        return f"{self.fewest} to {self.most} arguments"


@cache
def known() -> dict[str, Known]:
    """Return all functions of Excel by their names in capitals."""
    found = {}
    for line in Path(__file__).with_suffix(".txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            name, fewest, most, flags, phrase = line.split(" ", 4)
            found[name] = Known(
                name, int(fewest), MOST_ARGUMENTS if most == "*" else int(most), flags.strip("-"), phrase
            )
    return found
