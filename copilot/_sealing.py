"""Encryption at rest: one secret (EVERPILOT_KEY, else the keyring's), and a sealer for the files of one folder.

A sealer's key is derived with scrypt (RFC 7914) from the secret and a salt that lies in the folder; each piece is
AES-256-GCM (NIST SP 800-38D) with a random nonce of 96 bits, bound to what it belongs to by the associated data.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot import _keyring
from copilot.errors import SettingsError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VARIABLE = "EVERPILOT_KEY"
_SERVICE, _USER = "everpilot", "sealed-files"
_SALT = 16  # bytes
_NONCE = 12
_COST = 2**14  # of scrypt: about 50 ms
_MAGIC = b"EVS1"
_CHECK = b"everpilot"
_LIBRARY_HINT = 'Run: pip install "everpilot[encryption]"'


_NO_SECRET_HINT = f'Set {VARIABLE} to a long secret, or run: pip install "everpilot[keyring]"'


def secret(what: str, hint: str = _NO_SECRET_HINT) -> str:
    """Return the secret of EVERPILOT_KEY, else the keyring's, which is made when it is first needed.

    `what` can't be done without it, in the words of the error. Raises SettingsError when there is neither.
    """
    if given := os.environ.get(VARIABLE, "").strip():
        return given
    try:
        found = _keyring.read(_SERVICE, _USER)
        if not found:
            found = secrets.token_urlsafe(32)
            _keyring.write(_SERVICE, _USER, found)
        return found
    except SettingsError as trouble:
        raise SettingsError(
            f"{what}: there is nothing to encrypt it with. {trouble.message}",
            hint=hint,
        ) from trouble


def derived(given: str, salt: bytes) -> bytes:
    """Return 32 bytes of key for a secret and a salt. Raises SettingsError where the library is missing."""
    try:
        from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
    except ImportError as error:
        raise SettingsError(
            f"Encryption needs a library that is not installed ({error}).", hint=_LIBRARY_HINT
        ) from error
    return Scrypt(salt=salt, length=32, n=_COST, r=8, p=1).derive(given.encode())


@dataclass(frozen=True)
class Sealer:
    """Seals bytes with the key of the file `key_file` (salt and a check of the secret), made at the first sealing.

    `what` is called so in errors: "The journal". Nothing is derived before it is needed.
    """

    key_file: Path
    what: str

    def seal(self, content: bytes, about: bytes = b"") -> bytes:
        """Return `content` encrypted and bound to `about`. Raises SettingsError without a key, or with another one."""
        nonce = secrets.token_bytes(_NONCE)
        return _MAGIC + nonce + self._cipher.encrypt(nonce, content, about)

    def open(self, sealed: bytes, about: bytes = b"") -> bytes:
        """Return what was sealed. Raises SettingsError without its key, ValueError if it is damaged."""
        from cryptography.exceptions import InvalidTag

        if not is_sealed(sealed):
            raise ValueError("this is nothing that was sealed")
        start = len(_MAGIC) + _NONCE
        try:
            return self._cipher.decrypt(sealed[len(_MAGIC) : start], sealed[start:], about)
        except InvalidTag:
            raise ValueError("this is damaged, or of another place") from None

    @cached_property
    def _cipher(self) -> AESGCM:
        given = secret(f"{self.what} can't be read or written")
        kept = self._kept()
        key = derived(given, base64.b64decode(kept["salt"]) if kept else (salt := secrets.token_bytes(_SALT)))
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        cipher = AESGCM(key)
        if kept:
            self._check(cipher, base64.b64decode(kept["check"]))
            return cipher
        nonce = secrets.token_bytes(_NONCE)
        check = nonce + cipher.encrypt(nonce, _CHECK, b"")
        if self._keep({"salt": base64.b64encode(salt).decode(), "check": base64.b64encode(check).decode()}):
            return cipher
        return self._again()

    def _again(self) -> AESGCM:
        """Return the cipher of the key file that another process made in the same moment."""
        return Sealer(self.key_file, self.what)._cipher

    def _check(self, cipher: AESGCM, check: bytes) -> None:
        from cryptography.exceptions import InvalidTag

        try:
            cipher.decrypt(check[:_NONCE], check[_NONCE:], b"")
        except InvalidTag:
            raise SettingsError(
                f"{self.what} is encrypted with another key than the one that is given.",
                hint=f"Set {VARIABLE} to the secret it was made with; {self.key_file} belongs to that one.",
            ) from None

    def _kept(self) -> dict[str, Any] | None:
        try:
            found = json.loads(self.key_file.read_text("utf-8"))
            base64.b64decode(found["salt"]), base64.b64decode(found["check"])
            return dict(found)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SettingsError(
                f"{self.key_file} can't be read ({error}); without it {self.what.lower()} can't be decrypted.",
                hint="Bring it back from a backup; nothing is written meanwhile.",
            ) from error

    def _keep(self, kept: dict[str, str]) -> bool:
        """Write the key file, whole or not at all; False if there is one already."""
        _make_private(self.key_file.parent)
        beside = self.key_file.with_name(f".{self.key_file.name}-{secrets.token_hex(4)}.tmp")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(descriptor, "w", encoding="utf-8") as stream:
                json.dump(kept, stream)
                stream.flush()
                os.fsync(stream.fileno())
            os.link(beside, self.key_file)  # unlike a rename it never takes the place of another process's file
            return True
        except FileExistsError:
            return False
        finally:
            beside.unlink(missing_ok=True)


def _make_private(folder: Path) -> None:
    """Make a folder and those above it for our eyes only: `mkdir(parents=True)` opens the upper ones."""
    if not folder.is_dir():
        _make_private(folder.parent)
        folder.mkdir(exist_ok=True, mode=0o700)


def is_sealed(content: bytes) -> bool:
    """Return whether these bytes were sealed."""
    return content.startswith(_MAGIC)
