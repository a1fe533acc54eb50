"""The key that seals the audit log: in the keyring where there is one, else in a file of the state folder (0600).

The file keeps out whoever can write the log but not read the state folder: a tool that is confined to the documents,
another user, a copy that was tampered with elsewhere. It does not keep out a program that runs as the same user; the
keyring does as long as it is locked, or asks.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from copilot import _keyring
from copilot.errors import SettingsError
from copilot.workspace.save import make_private

FILE, MARK = "key", "key-is-in-keyring"
_SERVICE = "everpilot"


@dataclass(frozen=True, slots=True)
class Key:
    """A secret, where it lies ("file", "keyring"), and the id under which records name it."""

    secret: bytes
    place: str

    @property
    def id(self) -> str:
        """Its place and the beginning of its hash: "file:1f2e3d4c"."""
        return f"{self.place}:{hashlib.sha256(self.secret).hexdigest()[:8]}"


class Keys:
    """The keys of one log. `keyring`: whether it is looked at."""

    def __init__(self, folder: Path, *, keyring: bool = True) -> None:
        self._folder = folder
        self._keyring = keyring
        self._signing: Key | None = None

    def signing(self) -> Key:
        """Return the key for new records; makes one when there is none. Raises OSError.

        A log that has one in a file keeps it. Where the keyring holds it and is out of reach, one in a file takes over,
        which `verify` tells.
        """
        if self._signing is None:
            self._signing = self._found() or self._new_in_keyring() or self._new_file()
        return self._signing

    def all(self) -> dict[str, Key]:
        """Return every key that can be reached, by id."""
        found = (self._in_file(), self._in_keyring())
        return {key.id: key for key in found if key is not None}

    def _found(self) -> Key | None:
        if self._keyring and (self._folder / MARK).exists() and (key := self._in_keyring()):
            return key
        return self._in_file()

    def _in_file(self) -> Key | None:
        try:
            return Key(bytes.fromhex((self._folder / FILE).read_text("ascii")), "file")
        except (FileNotFoundError, ValueError):
            return None

    def _new_file(self) -> Key:
        make_private(self._folder)
        made = secrets.token_hex(32)
        beside = self._folder / f"{FILE}.{secrets.token_hex(4)}"
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(made)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._folder / FILE)
        return Key(bytes.fromhex(made), "file")

    def _in_keyring(self) -> Key | None:
        if not self._keyring:
            return None
        try:
            found = _keyring.read(_SERVICE, self._user)
        except SettingsError:
            return None
        return Key(found.encode(), "keyring") if found else None

    def _new_in_keyring(self) -> Key | None:
        if not self._keyring or (self._folder / MARK).exists():
            return None
        try:
            if not (found := _keyring.read(_SERVICE, self._user)):
                found = secrets.token_urlsafe(32)
                _keyring.write(_SERVICE, self._user, found)
        except SettingsError:
            return None
        make_private(self._folder)
        (self._folder / MARK).touch(mode=0o600)
        return Key(found.encode(), "keyring")

    @property
    def _user(self) -> str:
        """The entry's name: each state folder has a key of its own."""
        return f"audit-{hashlib.sha256(os.fsencode(self._folder.resolve())).hexdigest()[:12]}"
