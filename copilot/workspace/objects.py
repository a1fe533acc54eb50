"""The bytes of old and new versions, each kept once under its hash."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from copilot.errors import WorkspaceError
from copilot.workspace.change import sha256
from copilot.workspace.save import make_private, sync_folder, write_beside


class Objects:
    """A folder of byte strings named by their SHA-256. A name that is there is complete: it came by a rename."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, digest: str) -> Path:
        """Return where the bytes with this hash lie, or would."""
        return self._folder / digest[:2] / digest

    def put(self, content: bytes) -> str:
        """Keep `content`, down to the disk, and return its hash. Raises OSError."""
        digest = sha256(content)
        target = self.path(digest)
        if target.is_file() and target.stat().st_size == len(content):
            return digest
        make_private(target.parent)
        temporary = target.with_name(f".{digest}-{secrets.token_hex(4)}.tmp")
        try:
            write_beside(temporary, content, None, 0o600)
            os.replace(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(target.parent)
        return digest

    def get(self, digest: str) -> bytes:
        """Return the bytes with this hash; raises WorkspaceError if they are gone or damaged."""
        try:
            content = self.path(digest).read_bytes()
        except OSError as error:
            raise WorkspaceError(
                f"The kept version {self.path(digest)} can't be read: {error.strerror}.",
                hint="It can't be restored; look for a backup.",
            ) from error
        if sha256(content) != digest:
            raise WorkspaceError(
                f"The kept version {self.path(digest)} is damaged.", hint="It can't be restored; look for a backup."
            )
        return content
