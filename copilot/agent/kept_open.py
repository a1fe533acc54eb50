"""Databases of threads that a host with one event loop keeps open between turns."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata, CheckpointTuple
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.sqlite import SqliteSaver

#: Milliseconds for which another process may hold the file.
_BUSY = 10_000
#: What a turn that begins makes needless: the checkpoints before the one that it goes on from.
_OLDER = "thread_id = ? AND checkpoint_ns = '' AND checkpoint_id < ?"


@dataclass
class _Held:
    """A checkpoint that is not written yet, with what tasks gave since, and what it makes needless."""

    config: RunnableConfig
    checkpoint: Checkpoint
    metadata: CheckpointMetadata
    versions: ChannelVersions
    writes: list[tuple[Sequence[tuple[str, Any]], str, str]] = field(default_factory=list)


class InlineSaver(SqliteSaver):
    """Checkpoints of one turn in a file, read and written on the event loop itself.

    A statement takes a fraction of a millisecond, less than handing it to another thread and back. Each checkpoint
    holds the whole thread, so those from before the model's first words are held back until `arelease`: where the
    process dies, the turn begins anew, and nothing was done in it. Of a thread the newest turn is kept, and the state
    that it began with.
    """

    _held: _Held | None = None
    _begun: tuple[str, str] | None = None  # a thread, and the checkpoint that its turn began with
    _read: tuple[dict[str, Any], CheckpointTuple | None] | None = None

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return a checkpoint; see `SqliteSaver.get_tuple`. What was just read is read again once for nothing."""
        where, read = _where(config), self._read
        self._read = None
        if self._held is not None:
            self._write_held()
        elif read is not None and read[0] == where:
            return read[1]
        found = self.get_tuple(config)
        self._read = (where, found)
        return found

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Yield checkpoints; see `SqliteSaver.list`."""
        self._write_held()
        for each in self.list(config, filter=filter, before=before, limit=limit):
            yield each

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Write a checkpoint, or hold it back; see `SqliteSaver.put`."""
        self._read, self._held = None, None  # this one has all that was held
        where = config["configurable"]
        if metadata.get("source") == "input" and (last := where.get("checkpoint_id")):
            self._begun = (str(where["thread_id"]), str(last))
        if not where.get("checkpoint_ns") and _is_begun_only(checkpoint, metadata):
            self._held = _Held(config, checkpoint, metadata, new_versions)
            ids = {"thread_id": where["thread_id"], "checkpoint_ns": "", "checkpoint_id": checkpoint["id"]}
            return {"configurable": ids}
        return self._written(config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Write what a task gave, or hold it back with its checkpoint; see `SqliteSaver.put_writes`."""
        self._read = None
        if self._held is not None and config["configurable"].get("checkpoint_id") == self._held.checkpoint["id"]:
            self._held.writes.append((writes, task_id, task_path))
        else:
            self.put_writes(config, writes, task_id, task_path)

    async def adelete_thread(self, thread_id: str) -> None:
        """Delete a thread; see `SqliteSaver.delete_thread`."""
        self._read, self._held = None, None
        self.delete_thread(thread_id)

    async def arelease(self) -> None:
        """Write what is held: the turn ended, was stopped or failed before the model said anything."""
        self._write_held()

    def _write_held(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            config = self._written(held.config, held.checkpoint, held.metadata, held.versions)
            for writes, task, path in held.writes:
                self.put_writes(config, writes, task, path)

    def _written(
        self, config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata, versions: ChannelVersions
    ) -> RunnableConfig:
        begun, self._begun = self._begun, None
        if begun is not None:
            with self.cursor() as cursor:
                for table in ("checkpoints", "writes"):
                    cursor.execute(f"DELETE FROM {table} WHERE {_OLDER}", begun)
        return self.put(config, checkpoint, metadata, versions)


def _where(config: RunnableConfig) -> dict[str, Any]:
    names = ("thread_id", "checkpoint_ns", "checkpoint_id")
    return {name: config["configurable"].get(name) or "" for name in names}


def _is_begun_only(checkpoint: Checkpoint, metadata: CheckpointMetadata) -> bool:
    """Return whether nothing happened in the turn yet but that a person said something."""
    if metadata.get("source") == "input":
        return True
    messages = checkpoint["channel_values"].get("messages") or [None]
    return isinstance(messages[-1], HumanMessage)


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
