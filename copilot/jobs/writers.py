"""Who writes into a file of SQLite waits for the others of this process without sleeping.

SQLite itself lets a writer that finds another one sleep for longer and longer, up to a tenth of a second at a time, so
that on a busy process somebody waits for a second while the file is free. Other processes are waited for as ever.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlalchemy as sa

_WRITES = re.compile(r"\s*(?:INSERT|UPDATE|DELETE|REPLACE|BEGIN IMMEDIATE)\b", re.IGNORECASE)
#: Seconds after which SQLite is asked all the same: it then says who is to blame.
_PATIENCE = 30.0
_HELD = "everpilot_writes"


class Line:
    """A lock that goes to whoever has waited for the longest."""

    def __init__(self) -> None:
        self._inner = threading.Lock()
        self.waiting: deque[threading.Lock] = deque()
        self._held = False

    def acquire(self, seconds: float) -> bool:
        """Return whether it is ours, after so many seconds at most."""
        with self._inner:
            if not self._held:
                self._held = True
                return True
            mine = threading.Lock()
            mine.acquire()
            self.waiting.append(mine)
        if mine.acquire(timeout=seconds):
            return True
        with self._inner:
            if mine in self.waiting:
                self.waiting.remove(mine)
                return False
        return True  # it came at the last moment

    def release(self) -> None:
        """Give it to the next one."""
        with self._inner:
            if self.waiting:
                self.waiting.popleft().release()
            else:
                self._held = False


def one_at_a_time(engine: sa.Engine) -> Line:
    """Let only one connection of an engine write at a time, and return where they wait; reading is free."""
    from sqlalchemy import event

    line = Line()

    @event.listens_for(engine, "before_cursor_execute")
    def take(connection: sa.Connection, cursor: Any, statement: str, *more: Any) -> None:
        if _HELD not in connection.info and _WRITES.match(statement):
            connection.info[_HELD] = line.acquire(_PATIENCE)

    def give(connection: Any, record: Any) -> None:
        if record.info.pop(_HELD, False):
            line.release()

    event.listen(engine, "checkin", give)  # only then it is committed, or rolled back
    event.listen(engine, "close", give)
    return line
