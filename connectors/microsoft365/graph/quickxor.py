"""QuickXorHash, by which OneDrive and SharePoint name the content of a file.

Written from Microsoft's description ("Code Snippets: QuickXorHash Algorithm"): each byte is XORed into 160 bits, 11
bits further on than the one before, round and round; the length is XORed into the last 8 bytes. It protects against
nothing but mistakes.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path

_BITS, _SHIFT = 160, 11
#: Bytes after which a byte falls on the same bits again: 160 and 11 have no common divisor.
_ROW = 160


class QuickXor:
    """The hash of what was given to `update` so far."""

    def __init__(self) -> None:
        self._columns = 0  # the XOR of all rows of 160 bytes, the first byte lowest
        self._length = 0

    def update(self, data: bytes) -> None:
        """Take in more bytes."""
        place = self._length % _ROW
        self._columns ^= _folded(int.from_bytes(data, "little") << 8 * place, len(data) + place)
        self._length += len(data)

    def digest(self) -> bytes:
        """Return the 20 bytes of the hash."""
        found = 0
        for place, byte in enumerate(self._columns.to_bytes(_ROW, "little")):
            found ^= byte << place * _SHIFT % _BITS
        found = found & (1 << _BITS) - 1 ^ found >> _BITS  # what went over the end comes in at the beginning
        return (found ^ self._length << _BITS - 64).to_bytes(_BITS // 8, "little")

    def text(self) -> str:
        """Return the hash as Graph writes it, in base64."""
        return base64.b64encode(self.digest()).decode()


def _folded(rows: int, size: int) -> int:
    """Return the XOR of all rows of a number of so many bytes: halves are laid on each other until one row is left."""
    while size > _ROW:
        half = -(-size // _ROW) // 2 * _ROW
        rows = rows >> 8 * half ^ rows & (1 << 8 * half) - 1
        size -= half
        size = max(size, half)
    return rows


def of(pieces: Iterable[bytes]) -> str:
    """Return the hash of pieces that follow each other, in base64."""
    found = QuickXor()
    for piece in pieces:
        found.update(piece)
    return found.text()


def of_file(path: Path) -> str:
    """Return the hash of a file, in base64. Raises OSError."""
    with path.open("rb") as file:
        return of(iter(lambda: file.read(1 << 20), b""))
