"""Where bytes and answers of a run are kept: what the store of runs implements, and files for where there is none."""

from __future__ import annotations

import json
import os
import re
import secrets
from pathlib import Path
from typing import Any, Protocol

from copilot.errors import WorkspaceError
from copilot.workspace.change import sha256
from copilot.workspace.save import make_private

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


class Blobs(Protocol):
    """Bytes under their SHA-256."""

    def put(self, content: bytes) -> str:
        """Keep the bytes, and return their SHA-256 in lower-case hex."""

    def get(self, digest: str) -> bytes:
        """Return the bytes. Raises WorkspaceError when they are not there."""


class Answers(Protocol):
    """Outcomes of identical requests over identical content (`Job.reuse`)."""

    def get(self, key: str) -> dict[str, Any] | None:
        """Return what was put under this key, None if there is nothing."""

    def put(self, key: str, value: dict[str, Any]) -> None:
        """Keep JSON types under a key; what was there before stays."""


class FolderBlobs:
    """Blobs as files of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, content: bytes) -> str:
        """Keep the bytes, and return their SHA-256. Raises WorkspaceError when they can't be written."""
        digest = sha256(content)
        if not self._place(digest).exists():
            _write(self._place(digest), content)
        return digest

    def get(self, digest: str) -> bytes:
        """Return the bytes. Raises WorkspaceError when they are not there."""
        try:
            content = self._place(digest).read_bytes()
        except OSError:
            content = b""
        if sha256(content) != digest:
            raise WorkspaceError(f"The new content {digest[:12]} is not kept any more.", hint="Run it again.")
        return content

    def _place(self, digest: str) -> Path:
        if not _DIGEST.match(digest):
            raise WorkspaceError(f"{digest[:80]!r} is no SHA-256.")
        return self._folder / digest[:2] / digest


class FolderAnswers:
    """Answers as files of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str) -> dict[str, Any] | None:
        """Return what was put under this key; None also for what is damaged."""
        try:
            found = json.loads((self._folder / sha256(key.encode())).read_bytes())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def put(self, key: str, value: dict[str, Any]) -> None:
        """Keep JSON types under a key. Raises WorkspaceError when they can't be written."""
        _write(self._folder / sha256(key.encode()), json.dumps(value).encode())


def _write(place: Path, content: bytes) -> None:
    beside = place.with_name(f".{secrets.token_hex(8)}.new")
    try:
        make_private(place.parent)
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        os.replace(beside, place)
    except OSError as error:
        beside.unlink(missing_ok=True)
        why = error.strerror or str(error)
        raise WorkspaceError(f"{place.parent} can't be written: {why}.", hint="Check the disk and its room.") from error
