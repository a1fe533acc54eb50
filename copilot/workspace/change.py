"""A change to one file: computed in full, not yet written."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from copilot.documents.hunks import Hunk
from copilot.trust.labels import UNKNOWN, Label


def sha256(data: bytes) -> str:
    """Return the lower-case hex SHA-256 of `data`."""
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True, slots=True)
class Change:
    """What an editing tool returns instead of writing.

    `path` is absolute; `before` is the SHA-256 of the file that was read (None: there was none) and `content`
    the whole new file (None: delete it). Nothing is on disk until `Workspace.commit`.
    """

    path: Path
    before: str | None
    content: bytes | None
    hunks: tuple[Hunk, ...]
    summary: str
    warnings: tuple[str, ...] = ()
    label: Label = UNKNOWN
    _after: list[str] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def after(self) -> str | None:
        """The SHA-256 of the new content, None for a deletion; computed once."""
        if self.content is not None and not self._after:
            self._after.append(sha256(self.content))
        return self._after[0] if self._after else None

    def digest(self) -> str:
        """Return the SHA-256 that an approval of this change is bound to: path, bytes before, what is shown."""
        shown = {
            "path": str(self.path),
            "before": self.before,
            "after": self.after,
            "hunks": [h.to_dict() for h in self.hunks],
        }
        return sha256(json.dumps(shown, sort_keys=True, ensure_ascii=False).encode())

    def to_dict(self, *, committed: bool, root: Path | None = None) -> dict[str, Any]:
        """Return the change for a person or a script: path (below `root` if given), hunks, whether it is written."""
        path = self.path.relative_to(root) if root and self.path.is_relative_to(root) else self.path
        return {
            "path": path.as_posix(),
            "summary": self.summary,
            "hunks": [h.to_dict() for h in self.hunks],
            "warnings": list(self.warnings),
            "committed": committed,
        }
