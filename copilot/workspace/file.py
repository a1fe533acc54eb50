"""A file as it was read."""

from __future__ import annotations

from dataclasses import dataclass
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

    @property
    def sha256(self) -> str:
        """The hash that a change of this file is bound to."""
        return sha256(self.content)
