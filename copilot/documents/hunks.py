"""What an edit changes, in a form that a person can read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

HunkKind = Literal["text", "cell", "format", "structure", "file"]


@dataclass(frozen=True, slots=True)
class Hunk:
    """One place that an edit changes.

    `where` is a location that a citation can use ("paragraph 12", "Budget!D4", "slide 3, title"); `before` is
    empty for something added, `after` for something removed. `kind`: "text" (compare as words), "cell" (a
    value or formula), "format" (only how it looks), "structure" (a paragraph, row, sheet, slide, chart as a
    whole), "file" (the file itself is created, replaced or deleted).
    """

    where: str
    before: str
    after: str
    kind: HunkKind = "text"

    def to_dict(self) -> dict[str, Any]:
        """Return the hunk as JSON types."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Edited:
    """A document after an edit, not yet written anywhere: its bytes, what changed, and what to warn about."""

    content: bytes
    hunks: tuple[Hunk, ...]
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, content: bytes, hunks: Iterable[Hunk], warnings: Iterable[str] = ()) -> Edited:
        """Return the edit from any iterables."""
        return cls(content, tuple(hunks), tuple(warnings))
