"""Who waits for something new in a conversation, woken by this process, by Postgres, or by looking now and then."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg

    from copilot.jobs.database import Database

log = logging.getLogger(__name__)

#: What Postgres is asked to tell about; the payload is the conversation.
CHANNEL = "everpilot_webchat"
#: Seconds between two looks at what other processes wrote. A file tells nobody; Postgres does, and is looked at besides
#: in case that a proxy in between keeps no session for LISTEN.
_EACH_FILE, _EACH_POSTGRES = 0.3, 1.0
_AFTER_TROUBLE = 2.0
_IDLE = 60  # looks for nobody, after which the connection to Postgres is given back


class _Waiter:
    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.event = asyncio.Event()

    def ring(self) -> None:
        with suppress(RuntimeError):  # its loop is closed: nobody waits there any more
            self.loop.call_soon_threadsafe(self.event.set)

    async def wait(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self.event.wait()
        except TimeoutError:
            return False
        return True


class Bell:
    """Wakes who waits. One thread of the process looks for all of them, and only while somebody waits."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[str, set[_Waiter]] = {}
        self._seen: dict[str, int] = {}
        self._lock = threading.Lock()
        self._wanted, self._closed = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def listen(self, conversation: str) -> Iterator[Callable[[float], Awaitable[bool]]]:
        """Listen from here on; what comes back waits so many seconds at most and says whether it rang."""
        waiter = _Waiter()
        with self._lock:
            self._waiting.setdefault(conversation, set()).add(waiter)
            self._begin()
        try:
            yield waiter.wait
        finally:
            with self._lock:
                self._leave(conversation, waiter)

    def ring(self, conversation: str) -> None:
        """Wake who waits for the conversation."""
        with self._lock:
            waiters = list(self._waiting.get(conversation, ()))
        for waiter in waiters:
            waiter.ring()

    def close(self) -> None:
        """End the thread; who waits is woken."""
        self._closed.set()
        self._wanted.set()
        for conversation in list(self._waiting):
            self.ring(conversation)
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _begin(self) -> None:
        self._wanted.set()
        if self._thread is None and not self._closed.is_set():
            self._thread = threading.Thread(target=self._watch, name="everpilot-webchat", daemon=True)
            self._thread.start()

    def _leave(self, conversation: str, waiter: _Waiter) -> None:
        waiters = self._waiting[conversation]
        waiters.discard(waiter)
        if not waiters:
            del self._waiting[conversation]
            self._seen.pop(conversation, None)
        if not self._waiting:
            self._wanted.clear()

    # --- the thread ---------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        from sqlalchemy.exc import SQLAlchemyError

        while not self._closed.is_set():
            self._wanted.wait()
            try:
                self._told() if self._database.is_postgres else self._looking()
            except (SQLAlchemyError, OSError) as error:
                log.warning("webchat: the database does not answer (%s)", type(error).__name__)
                self._closed.wait(_AFTER_TROUBLE)

    def _looking(self) -> None:
        while self._wanted.is_set() and not self._closed.wait(_EACH_FILE):
            self._look()

    def _told(self) -> None:
        import psycopg

        try:
            with psycopg.connect(self._database.dsn, autocommit=True, connect_timeout=10) as link:
                link.execute(f"LISTEN {CHANNEL}")
                self._look()  # what was written before we listened
                self._listening(link)
        except psycopg.Error as error:
            raise OSError(str(error)) from error

    def _listening(self, link: psycopg.Connection[tuple[object, ...]]) -> None:
        idle = 0  # a stream leaves for a moment with each message: that is no reason to hang up
        while idle < _IDLE and not self._closed.is_set():
            idle = 0 if self._wanted.is_set() else idle + 1
            for notice in link.notifies(timeout=_EACH_POSTGRES, stop_after=1):
                self.ring(notice.payload)
                break
            else:
                self._look()

    def _look(self) -> None:
        """Ring for conversations that somebody wrote to since the last look."""
        import sqlalchemy as sa

        from copilot.hosts.bot.webchat.tables import CONVERSATIONS

        table = CONVERSATIONS
        with self._lock:
            names = list(self._waiting)
        with self._database.engine.connect() as link:
            rows = link.execute(sa.select(table.c.id, table.c.counter).where(table.c.id.in_(names))).all()
        for name, counter in rows:
            if self._seen.get(name) != counter:
                self._seen[name] = counter
                self.ring(name)
