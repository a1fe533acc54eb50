"""What servers offered when they were last asked, so that a start needs none of them."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from contextlib import suppress
from pathlib import Path

from copilot.plugins.mcp import limits
from copilot.plugins.mcp.config import Server
from copilot.plugins.mcp.listing import Listing
from copilot.workspace.save import make_private

FOLDER = "mcp"
#: Starts that are counted at which a server was not there: from here on the time it is given is the least.
_MOST_MISSED = 10


class Cache:
    """The listings in a state folder (0600). They decide nothing: tools are offered as they were trusted (pins.py)."""

    def __init__(self, state: Path) -> None:
        self._folder = state / FOLDER
        self._kept: dict[str, Listing] = {}

    def load(self, server: Server) -> Listing | None:
        """Return what the server offered last, None when that is not known, or can't be read."""
        try:
            with self._file(server).open("rb") as file:
                found = json.loads(file.read(limits.MESSAGE))
            return Listing.from_dict(found)
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None

    def keep(self, server: Server, listing: Listing) -> None:
        """Remember what the server offers. Where that can't be written, the next start asks again."""
        if self._kept.get(server.key) is listing:
            return
        self._kept[server.key] = listing
        with suppress(OSError):
            self._write(self._file(server), json.dumps(listing.to_dict()))
            self._file(server, "late").unlink(missing_ok=True)

    def missed(self, server: Server) -> int:
        """Return at how many starts, one after the other, the server was not there in time, as its entry is now."""
        try:
            digest, count = self._file(server, "late").read_text(encoding="ascii").split()
            return min(int(count), _MOST_MISSED) if digest == _digest(server) else 0
        except (OSError, ValueError):
            return 0

    def miss(self, server: Server) -> None:
        """Remember that it was not there in time, until it is."""
        with suppress(OSError):
            self._write(self._file(server, "late"), f"{_digest(server)} {self.missed(server) + 1}")

    def _write(self, file: Path, text: str) -> None:
        make_private(self._folder)
        beside = self._folder / f".{secrets.token_hex(8)}.tmp"
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
            opened.write(text)
        beside.replace(file)

    def _file(self, server: Server, kind: str = "json") -> Path:
        return self._folder / f"{hashlib.sha256(server.key.encode('utf-8', 'replace')).hexdigest()[:32]}.{kind}"


def _digest(server: Server) -> str:
    written = json.dumps(server.entry, sort_keys=True, default=str)
    return hashlib.sha256(written.encode("utf-8", "replace")).hexdigest()[:16]
