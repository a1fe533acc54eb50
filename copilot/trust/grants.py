"""What a person always allows: tools, by name and folder, in a list that can be looked at and taken back."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from copilot.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Grant:
    """A tool (its whole name) that is not asked about any more, below `folder` (absolute; everywhere if "")."""

    number: int
    tool: str
    folder: str
    time: str


class Grants:
    """The grants of one state folder. They never open what is always asked, denied, or sent with documents in it."""

    def __init__(self, file: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._file = file
        self._clock = clock
        self._seen: tuple[object, list[Grant]] = (None, [])
        #: Told of "allow" or "revoke" and the grant, before it is written: for the audit log.
        self.watch: Callable[[str, Grant], object] = lambda action, grant: None

    def all(self) -> list[Grant]:
        """Return the grants in their order; raises SettingsError when the file can't be read."""
        try:
            status = os.stat(self._file)
        except FileNotFoundError:
            return []
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        if self._seen[0] != stamp:
            self._seen = (stamp, self._read())
        return self._seen[1]

    def allow(self, tool: str, folder: str = "") -> Grant:
        """Add a grant, or return the one that is there already."""
        present = self.all()
        for grant in present:
            if (grant.tool, grant.folder) == (tool, folder):
                return grant
        number = max((grant.number for grant in present), default=0) + 1
        made = Grant(number, tool, folder, self._clock().astimezone(UTC).isoformat(timespec="seconds"))
        self.watch("allow", made)
        self._write([*present, made])
        return made

    def revoke(self, number: int) -> Grant:
        """Take a grant back and return it; raises SettingsError when there is none with this number."""
        present = self.all()
        for grant in present:
            if grant.number == number:
                self.watch("revoke", grant)
                self._write([each for each in present if each is not grant])
                return grant
        raise SettingsError(f"There is no grant {number}.", hint="List them with: everpilot policy list")

    def _read(self) -> list[Grant]:
        try:
            return [Grant(**each) for each in json.loads(self._file.read_text("utf-8"))]
        except (OSError, ValueError, TypeError) as error:
            hint = "Move it away to begin anew; nothing is allowed by it until then."
            raise SettingsError(f"{self._file} can't be read: {error}.", hint=hint) from error

    def _write(self, grants: list[Grant]) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = self._file.with_suffix(f".{secrets.token_hex(4)}.tmp")
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
            json.dump([asdict(grant) for grant in grants], stream, indent=1)
        os.replace(beside, self._file)
