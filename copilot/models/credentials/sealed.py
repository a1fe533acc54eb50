"""A file of secrets, encrypted with a key that lies elsewhere: in the keyring, or in EVERPILOT_KEY."""

from __future__ import annotations

import base64
import json
import logging
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from copilot.errors import SettingsError
from copilot.models.credentials import store

log = logging.getLogger(__name__)

VARIABLE = "EVERPILOT_KEY"
_SERVICE, _USER = "everpilot", "sealed-files"
_SALT = 16  # bytes
_COST = 2**14  # of scrypt: about 50 ms, once for each reading and writing (RFC 7914)


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
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    return base64.urlsafe_b64encode(Scrypt(salt=salt, length=32, n=_COST, r=8, p=1).derive(secret.encode()))


def _key() -> str:
    """Return the secret of EVERPILOT_KEY, else the keyring's, which is made when it is first needed."""
    if given := os.environ.get(VARIABLE, "").strip():
        return given
    try:
        found = store.read(_SERVICE, _USER)
        if not found:
            found = secrets.token_urlsafe(32)
            store.write(_SERVICE, _USER, found)
        return found
    except SettingsError as trouble:
        raise SettingsError(
            f"The sign-in can't be kept: there is nothing to encrypt it with. {trouble.message}",
            hint=f'Set {VARIABLE} to a long secret, run: pip install "everpilot[keyring]", or allow plaintext_cache.',
        ) from trouble
