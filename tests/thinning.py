"""Cases by the thousand are run in part by `make test` and in full by `make test-all`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

#: Read when the tests are collected: a test's own environment has none of our variables.
ALL = bool(os.environ.get("EVERPILOT_ALL_CASES"))


def thinned(cases: Sequence[T], step: int) -> list[T]:
    """Return every `step`-th case, spread over all of them; all when everything is wanted."""
    return list(cases) if ALL else list(cases)[::step]


def examples(count: int, share: int = 4) -> int:
    """Return how many examples a property is tried with: `count` when everything is wanted, else one in `share`."""
    return count if ALL else max(count // share, 1)
