"""A file of secrets, encrypted with a key that lies elsewhere: in the keyring, or in EVERPILOT_KEY."""

from __future__ import annotations

import base64
import json
import logging
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from copilot import _sealing
from copilot._sealing import VARIABLE

log = logging.getLogger(__name__)

_SALT = 16  # bytes


@dataclass(frozen=True)
class SealedFile:
    """One text in a file that only its owner may read; `plain`: it is not encrypted, because its owner says so."""

    path: Path
    plain: bool = False

    def check(self) -> None:
        """Raise SettingsError when there is nothing to encrypt with."""
        if not self.plain:
            _key()

    def read(self) -> str:
        """Return the text; empty when there is none, or it was written with another key.

        Raises:
            SettingsError: there is nothing to decrypt with.
        """
        try:
            found = self.path.read_text("utf-8")
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            log.warning("%s can't be read (%s); it counts as empty.", self.path, error)
            return ""
        if self.plain:
            return "" if _is_sealed(found) else found
        return self._opened(found) if _is_sealed(found) else ""

    def _opened(self, found: str) -> str:
        from cryptography.fernet import Fernet, InvalidToken

        stored = json.loads(found)
        try:
            key = _derived(_key(), base64.b64decode(stored["salt"]))
            return Fernet(key).decrypt(stored["sealed"]).decode()
        except (InvalidToken, ValueError, TypeError):
            log.warning("%s was encrypted with another key, or is broken; it counts as empty.", self.path)
            return ""

    def write(self, text: str) -> None:
        """Write the text, whole or not at all, for its owner only (0600). Raises as `check`, or OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = self.path.with_suffix(f".{secrets.token_hex(4)}.tmp")
        content = text if self.plain else _sealed(text)
        try:
            with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                file.write(content)
            beside.replace(self.path)
        finally:
            beside.unlink(missing_ok=True)


def _is_sealed(text: str) -> bool:
    try:
        found = json.loads(text)
    except ValueError:
        return False
    return isinstance(found, dict) and {"salt", "sealed"} <= set(found)


def _sealed(text: str) -> str:
    from cryptography.fernet import Fernet

    salt = secrets.token_bytes(_SALT)
    sealed = Fernet(_derived(_key(), salt)).encrypt(text.encode())
    return json.dumps({"salt": base64.b64encode(salt).decode(), "sealed": sealed.decode()})


def _derived(secret: str, salt: bytes) -> bytes:
    return base64.urlsafe_b64encode(_sealing.derived(secret, salt))


def _key() -> str:
    hint = f'Set {VARIABLE} to a long secret, run: pip install "everpilot[keyring]", or allow plaintext_cache.'
    return _sealing.secret("The sign-in can't be kept", hint)
