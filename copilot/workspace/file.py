"""A file as it was read."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from copilot.trust.labels import Label
from copilot.workspace.change import sha256


@dataclass(frozen=True, slots=True)
class File:
    """A file as it was read: its absolute path, the name to show, its bytes and label."""

    path: Path
    name: str
    content: bytes
    label: Label
    _sha256: list[str] = field(default_factory=list, repr=False, compare=False)

    @property
    def sha256(self) -> str:
        """The hash that a change of this file is bound to; computed once."""
        if not self._sha256:
            self._sha256.append(sha256(self.content))
        return self._sha256[0]
