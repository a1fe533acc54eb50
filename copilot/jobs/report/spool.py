"""HTML that waits for its place in a page: small in memory, large on disk, in pages that a browser opens with ease."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

#: Bytes that stay in memory; what grows beyond lies in a temporary file without a name.
_MEMORY = 64 * 1024
_PIECE = 256 * 1024


def _file() -> IO[bytes]:
    return tempfile.SpooledTemporaryFile(_MEMORY)


@dataclass
class Spool:
    """Text that is written piece by piece and read once, page by page.

    A new page begins where one has `most` entries, or `room` bytes. Half of a surrogate pair becomes a question mark.
    """

    most: int = 1_000_000_000
    room: int = 1_000_000_000
    count: int = 0
    _starts: list[int] = field(default_factory=lambda: [0])
    _entries: int = 0
    _size: int = 0
    _held: IO[bytes] = field(default_factory=_file)

    @property
    def page(self) -> int:
        """The number of the page, from 1, that the next entry would stand on if it fits."""
        return len(self._starts)

    def turn(self) -> int:
        """Begin a new page if this one is full; return the number of the page of the next entry."""
        if self._entries >= self.most or self._size - self._starts[-1] >= self.room:
            self._starts.append(self._size)
            self._entries = 0
        return self.page

    def add(self, entry: str) -> None:
        """Write an entry."""
        self.turn()
        data = entry.encode("utf-8", "replace")
        self._held.write(data)
        self._size += len(data)
        self._entries += 1
        self.count += 1

    def read(self, page: int = 1) -> Iterator[bytes]:
        """Yield what stands on a page."""
        start, *rest = [*self._starts, self._size][page - 1 :]
        self._held.seek(start)
        left = rest[0] - start
        while left and (piece := self._held.read(min(left, _PIECE))):
            left -= len(piece)
            yield piece

    def close(self) -> None:
        """Forget everything."""
        self._held.close()
