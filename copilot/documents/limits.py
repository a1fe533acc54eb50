"""How much a file may ask of us. Real documents stay far below; what exceeds a limit is refused with its name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one package. Sizes are in bytes."""

    file: int = 512 * 2**20  # the file on disk
    entries: int = 20_000  # zip entries
    part: int = 768 * 2**20  # one part, inflated
    total: int = 2 * 2**30  # all parts, inflated
    ratio: int = 400  # inflated / compressed, asked only of parts over `ratio_from`
    ratio_from: int = 32 * 2**20
    total_ratio: int = 250  # the same of all parts together, asked only when they are over `total_ratio_from`
    total_ratio_from: int = 64 * 2**20
    name: int = 1024  # characters in the name of an entry
    relationships: int = 65_536  # of one part
    dom: int = 192 * 2**20  # one part that is parsed into a tree
    attributes: int = 1000  # of one element: checking them against each other takes time by their square


DEFAULT = Limits()
