"""A long text in parts that a model can take."""

from __future__ import annotations

from copilot.errors import ToolInputError

BUDGET = 16_000  # characters of a part: about 4,000 tokens


def parts(markdown: str, budget: int = BUDGET) -> list[str]:
    """Return the text in parts of at most `budget` characters, cut between blocks, else lines, else anywhere."""
    found: list[str] = []
    current = ""
    for piece in _pieces(markdown, budget):
        if current and len(current) + len(piece) > budget:
            found.append(current.strip("\n"))
            current = ""
        current += piece
    return [*found, current.strip("\n")]


def _pieces(text: str, budget: int) -> list[str]:
    pieces: list[str] = []
    for block in text.split("\n\n"):
        whole = f"{block}\n\n"
        lines = [whole] if len(whole) <= budget else [f"{line}\n" for line in block.split("\n")] + ["\n"]
        pieces += [line[at : at + budget] for line in lines for at in range(0, len(line), budget)]
    return pieces


def part_of(markdown: str, number: int) -> tuple[str, int]:
    """Return part `number` (from 1) and how many there are; raises ToolInputError for one that is not there."""
    every = parts(markdown)
    if number > len(every):
        raise ToolInputError(f"There is no part {number}.", hint=f"The text has {len(every)}.", code="unknown_part")
    return every[number - 1], len(every)
