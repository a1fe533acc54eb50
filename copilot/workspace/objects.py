"""The bytes of old and new versions, each kept once under its hash.

A version lies as it is (`HASH`), compressed (`HASH.z`, zlib, RFC 1950), or sealed (`HASH.sealed`, see _sealing.py; what
is sealed says in its first byte whether it is compressed). Readers take whichever there is, so that a store may change
its mind: what was written before encryption was switched on stays readable.
"""

from __future__ import annotations

import os
import secrets
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from copilot._sealing import Sealer
from copilot.errors import WorkspaceError
from copilot.workspace import metadata
from copilot.workspace.change import sha256
from copilot.workspace.save import make_private, sync_folder, write_beside

#: What is compressed at once: smaller gains nothing, larger costs more time than the disk saves (zlib: 60 MB/s).
_LEAST, _MOST = 4 << 10, 1 << 20
_SAMPLE = 16 << 10
_PAYS = 0.75  # of the size, at most
_LEVEL = 1
_SUFFIXES = ("", ".z", ".sealed")
_PLAIN, _ZLIB = b"\0", b"\1"


@dataclass(frozen=True, slots=True)
class Kept:
    """A version in the store: its hash, where it lies, bytes on the disk, when it was written (seconds, Unix time)."""

    digest: str
    path: Path
    size: int
    written: float


class Objects:
    """A folder of byte strings named by their SHA-256. A name that is there is complete: it came by a rename.

    With a `sealer` everything new is encrypted, or not written at all.
    """

    def __init__(self, folder: Path, sealer: Sealer | None = None, *, encrypt: bool = False) -> None:
        self._folder = folder
        self._sealer = sealer
        self._encrypt = encrypt

    def path(self, digest: str) -> Path:
        """Return where the bytes with this hash lie, or would."""
        plain = self._folder / digest[:2] / digest
        found = (plain.with_name(digest + suffix) for suffix in _SUFFIXES)
        return next((place for place in found if place.is_file()), plain)

    def has(self, digest: str) -> bool:
        """Return whether there are bytes with this hash; `get` says whether they are undamaged."""
        return self.path(digest).is_file()

    def put(self, content: bytes, *, digest: str = "", durable: bool = True) -> str:
        """Keep `content`, down to the disk unless not `durable`, and return its hash (which the caller may know).

        Raises OSError, or SettingsError when it is to be encrypted and there is no key.
        """
        digest = digest or sha256(content)
        if self._is_whole(digest, durable):
            return digest
        suffix, stored = self._stored(content, digest)
        plain = self._folder / digest[:2] / digest
        make_private(plain.parent)
        temporary = plain.with_name(f".{digest}-{secrets.token_hex(4)}.tmp")
        try:
            write_beside(temporary, stored, metadata.PRIVATE, durable=durable)
            os.replace(temporary, plain.with_name(digest + suffix))
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        if durable:
            sync_folder(plain.parent)
        return digest

    def can_adopt(self, path: Path) -> bool:
        """Return whether the file at `path` could be moved here as it is: on our disk, ours, and not to be sealed."""
        if self._encrypt or not hasattr(os, "geteuid"):
            return False
        make_private(self._folder)
        status = path.stat()
        if status.st_uid != os.geteuid() or status.st_dev != self._folder.stat().st_dev:
            return False
        return not self._compressible(path, status.st_size)

    def adopt(self, file: Path, digest: str) -> None:
        """Take in a file with this hash, which is then gone from where it was. Raises OSError.

        A move within the disk writes no byte anew. It is not synced: until the disk has the new name it has the old
        one, and what lies there is found at the next start (see recovery.py).
        """
        target = self._folder / digest[:2] / digest
        make_private(target.parent)
        if not self.can_adopt(file):
            self.put(file.read_bytes(), digest=digest)
            file.unlink()
            return
        os.replace(file, target)
        metadata.strip(target)
        os.utime(target)  # for the pruner: kept since now

    def get(self, digest: str) -> bytes:
        """Return the bytes with this hash.

        Raises WorkspaceError if they are gone or damaged, SettingsError if they are sealed and there is no key.
        """
        place = self.path(digest)
        try:
            content = self._opened(place, digest)
        except OSError as error:
            raise WorkspaceError(
                f"The kept version {place} can't be read: {error.strerror}.",
                hint="It can't be restored; look for a backup.",
                code="not_kept",
            ) from error
        except (ValueError, zlib.error):
            content = b""
        if sha256(content) != digest:
            raise WorkspaceError(
                f"The kept version {place} is damaged.", hint="It can't be restored; look for a backup.", code="damaged"
            )
        return content

    def remove(self, digest: str) -> None:
        """Forget the bytes with this hash. Raises OSError."""
        for suffix in _SUFFIXES:
            (self._folder / digest[:2] / (digest + suffix)).unlink(missing_ok=True)

    def kept(self) -> Iterator[Kept]:
        """Yield everything that is kept."""
        for folder in _entries(self._folder):
            for entry in _entries(Path(folder)):
                status = entry.stat(follow_symlinks=False)
                digest = entry.name.partition(".")[0]
                if len(digest) == 64:
                    yield Kept(digest, Path(entry), status.st_size, status.st_mtime)

    def _is_whole(self, digest: str, durable: bool) -> bool:
        """Return whether the bytes are here, undamaged; what was written in haste before is synced if it must be."""
        place = self.path(digest)
        if not place.is_file() or (self._encrypt and place.suffix != ".sealed"):
            return False
        try:
            self.get(digest)
        except WorkspaceError:
            return False  # torn by a power cut: written again
        os.utime(place)
        if durable:
            _sync(place)
        return True

    def _stored(self, content: bytes, digest: str) -> tuple[str, bytes]:
        packed = zlib.compress(content, _LEVEL) if _LEAST <= len(content) <= _MOST and _pays(content) else None
        if self._encrypt:
            assert self._sealer is not None
            data = _PLAIN + content if packed is None else _ZLIB + packed
            return ".sealed", self._sealer.seal(data, digest.encode())
        return ("", content) if packed is None else (".z", packed)

    def _opened(self, place: Path, digest: str) -> bytes:
        stored = place.read_bytes()
        if place.suffix == ".z":
            return zlib.decompress(stored)
        if place.suffix != ".sealed":
            return stored
        if self._sealer is None:
            raise ValueError("sealed, and there is nothing to open it with")
        opened = self._sealer.open(stored, digest.encode())
        return zlib.decompress(opened[1:]) if opened[:1] == _ZLIB else opened[1:]

    def _compressible(self, path: Path, size: int) -> bool:
        if not _LEAST <= size <= _MOST:
            return False
        with path.open("rb") as stream:
            return _pays(stream.read(_SAMPLE))


def _pays(content: bytes) -> bool:
    """Return whether a sample shrinks well: documents of Office are zip files, and do not."""
    sample = content[:_SAMPLE]
    return not sample.startswith(b"PK\x03\x04") and len(zlib.compress(sample, _LEVEL)) <= _PAYS * len(sample)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _sync(path: Path) -> None:
    # Windows syncs through a descriptor that may write.
    descriptor = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_folder(path.parent)
