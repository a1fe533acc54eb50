"""Documents of strangers, read in children with limits; as many at once as there are readers."""

from __future__ import annotations

import asyncio
import os
import queue
from collections.abc import Callable
from typing import TypeVar

from copilot.documents.guarded import Reader
from copilot.documents.segments import Reading

T = TypeVar("T")
_MOST = 4


class Readers:
    """A few guarded readers, each started when it is first needed. `close` ends them."""

    def __init__(self, most: int = min(_MOST, os.cpu_count() or 1)) -> None:
        self._all = [Reader() for _ in range(most)]
        self._free: queue.SimpleQueue[Reader] = queue.SimpleQueue()
        for reader in self._all:
            self._free.put(reader)

    async def read(self, content: bytes, name: str) -> Reading:
        """Return the document. Raises DocumentError for one that can't be read, or not within the limits."""
        return await asyncio.to_thread(self._with_one, lambda reader: reader.read(content, name))

    def _with_one(self, do: Callable[[Reader], T]) -> T:
        reader = self._free.get()
        try:
            return do(reader)
        finally:
            self._free.put(reader)

    def close(self) -> None:
        """End the children; those that read just now when they are done."""
        for _ in self._all:
            self._with_one(lambda reader: reader.close())
