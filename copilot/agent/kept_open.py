"""Databases of threads that a host with one event loop keeps open between turns."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata, CheckpointTuple
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.sqlite import SqliteSaver

from copilot.agent.holding import Holding

#: Milliseconds for which another process may hold the file.
_BUSY = 10_000
#: What a turn that begins makes needless: the checkpoints before the one that it goes on from.
_OLDER = "thread_id = ? AND checkpoint_ns = '' AND checkpoint_id < ?"


class _Inline(SqliteSaver):
    """Checkpoints in a file, read and written on the event loop itself.

    A statement takes a fraction of a millisecond, less than handing it to another thread and back. Of a thread the
    newest turn is kept, and the state that it began with.
    """

    _begun: tuple[str, str] | None = None  # a thread, and the checkpoint that its turn began with

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return a checkpoint; see `SqliteSaver.get_tuple`."""
        return self.get_tuple(config)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Yield checkpoints; see `SqliteSaver.list`."""
        for each in self.list(config, filter=filter, before=before, limit=limit):
            yield each

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Write a checkpoint; see `SqliteSaver.put`."""
        begun, self._begun = self._begun, None
        if begun is not None:
            with self.cursor() as cursor:
                for table in ("checkpoints", "writes"):
                    cursor.execute(f"DELETE FROM {table} WHERE {_OLDER}", begun)
        return self.put(config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Write what a task gave; see `SqliteSaver.put_writes`."""
        self.put_writes(config, writes, task_id, task_path)

    async def adelete_thread(self, thread_id: str) -> None:
        """Delete a thread; see `SqliteSaver.delete_thread`."""
        self.delete_thread(thread_id)


class InlineSaver(Holding, _Inline):
    """The same for one turn, with fewer of them."""

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Write a checkpoint, or hold it back; see `Holding.aput`."""
        where = config["configurable"]
        if metadata.get("source") == "input" and (last := where.get("checkpoint_id")):
            self._begun = (str(where["thread_id"]), str(last))
        return await super().aput(config, checkpoint, metadata, new_versions)


class KeptOpen:
    """What is open: a file, or connections to a Postgres. All of it belongs to one event loop."""

    def __init__(self, most: int = 32) -> None:
        self._most = most
        self._idle: list[Any] = []
        self._files: dict[Path, sqlite3.Connection] = {}

    def file(self, path: Path, serde: SerializerProtocol | None) -> InlineSaver:
        """Return what reads and writes the threads in a file, made if it is not there.

        Raises sqlite3.Error and OSError.
        """
        link = self._files.get(path)
        saver = InlineSaver(link if link is not None else _opened(path), serde=serde)
        saver.is_setup = link is not None
        saver.setup()
        self._files[path] = saver.conn
        return saver

    async def take(self, dsn: str) -> Any:
        """Return a connection to a Postgres, which is the caller's until it is given back. Raises psycopg.Error."""
        while self._idle:
            db = self._idle.pop()
            if not db.closed:
                return db
        return await _connected(dsn)

    async def give(self, db: Any) -> None:
        """Take a connection back; one that broke, or was left in the middle of something, is closed."""
        from psycopg.pq import TransactionStatus

        if db.info.transaction_status == TransactionStatus.IDLE and len(self._idle) < self._most:
            self._idle.append(db)
        else:
            await db.close()

    async def close(self) -> None:
        """Close all that nobody uses."""
        while self._idle:
            await self._idle.pop().close()
        while self._files:
            self._files.popitem()[1].close()


def _opened(path: Path) -> sqlite3.Connection:
    path.touch(mode=0o600)
    link = sqlite3.connect(path, check_same_thread=False)
    for pragma in (f"busy_timeout={_BUSY}", "synchronous=NORMAL"):
        link.execute(f"PRAGMA {pragma}")
    return link


async def _connected(dsn: str) -> Any:
    import psycopg
    from psycopg.rows import dict_row

    how: Any = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    return await psycopg.AsyncConnection.connect(dsn, **how)
