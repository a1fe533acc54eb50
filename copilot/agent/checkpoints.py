"""The database of conversations, and its encryption (`[records] encrypt`)."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import aiosqlite
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.serde.base import CipherProtocol
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from copilot._redaction import redacted
from copilot._sealing import Sealer
from copilot.agent.holding import Holding
from copilot.agent.kept_open import KeptOpen
from copilot.agent.threads import what_to_do
from copilot.errors import EverpilotError, SettingsError

KEY_FILE = "threads.key"
_PATIENCE = 30.0  # seconds for which another process may hold the file
_LAST = 5.0  # seconds in which what is held has to be written when a turn is broken off
_CIPHER = "everpilot"  # stands in the database with each encrypted value


class _Cipher(CipherProtocol):
    """LangGraph's idea of a cipher, over a sealer."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        """Return our name and the sealed bytes. Raises SettingsError without a key."""
        return _CIPHER, self._sealer.seal(plaintext)

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        """Return what was sealed. Raises SettingsError without its key, EverpilotError if it is damaged."""
        try:
            if ciphername != _CIPHER:
                raise ValueError(f"it is encrypted by {ciphername!r}, which is not ours")
            return self._sealer.open(ciphertext)
        except ValueError as error:
            text = f"This conversation can't be decrypted: {error}."
            raise EverpilotError(
                text, hint="Begin a new one, or bring the state folder back.", code="threads"
            ) from error


class Serializer(EncryptedSerializer):
    """Reads plain and encrypted values, whichever lie there; writes encrypted ones if `encrypt`."""

    def __init__(self, sealer: Sealer, *, encrypt: bool) -> None:
        # Not the default one: how strict that is was settled when somebody imported langgraph, perhaps before us.
        super().__init__(_Cipher(sealer), JsonPlusSerializer(allowed_msgpack_modules=None))
        self._encrypt = encrypt

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Return the kind and the bytes of a value, as they are written."""
        return super().dumps_typed(obj) if self._encrypt else self.serde.dumps_typed(obj)


def serializer(state: Path, *, encrypt: bool) -> Serializer:
    """Return the serializer for the conversations of a state folder.

    Raises SettingsError when they are to be encrypted and there is no key, or another one than before: before anything
    is written.
    """
    sealer = Sealer(state / KEY_FILE, "The conversations")
    if encrypt:
        sealer.seal(b"")
    return Serializer(sealer, encrypt=encrypt)


def is_fault(error: BaseException) -> bool:
    """Return whether an error is the database's own: then there is no thread to read the end of a turn from."""
    return isinstance(error, aiosqlite.Error) or type(error).__module__.partition(".")[0] == "psycopg"


@asynccontextmanager
async def checkpoints(
    path: Path, serde: Serializer | None = None, dsn: str = "", kept: KeptOpen | None = None
) -> AsyncIterator[BaseCheckpointSaver[Any]]:
    """Open the database of threads: the Postgres at `dsn`, else a file, readable by its owner alone.

    `kept` is what a host keeps open between turns.

    Raises EverpilotError when it can't be used, SettingsError without the packages for Postgres.
    """
    if dsn:
        async with _in_postgres(dsn, serde, kept or KeptOpen(0)) as shared:
            yield shared
        return
    try:
        if kept is not None:
            async with _released(kept.file(path, serde)) as inline:
                yield inline
            return
        path.touch(mode=0o600)
        async with aiosqlite.connect(path) as db:
            saver = AsyncSqliteSaver(db, serde=serde)
            await saver.setup()
            yield saver
    except (aiosqlite.Error, OSError) as error:
        hint = what_to_do(error, "the threads are lost, the documents and undo are not")
        raise EverpilotError(f"The threads in {path} can't be used: {error}.", hint=hint, code="threads") from error


_ready: set[str] = set()  # addresses whose tables were brought up to date by this process
_MINE = "SELECT pg_try_advisory_lock(7165431194) AS mine"
_LOOK = 0.05  # seconds


async def _alone(db: Any) -> None:
    """Wait until nobody else makes the tables; that is given back with the connection's end, or by unlocking.

    A statement that waited for it would be one that CREATE INDEX CONCURRENTLY, which the saver uses, waits for.
    """
    while True:
        row = await (await db.execute(_MINE)).fetchone()
        if row["mine"]:
            return
        await asyncio.sleep(_LOOK)


async def prune(dsn: str, like: str) -> int:
    """Keep of each thread in a Postgres the newest checkpoint alone; returns how many threads that changed.

    Only those are looked at whose ids fit the regular expression `like`. One that is just used has to wait for the next
    time. Raises EverpilotError.
    """
    import psycopg

    long = "SELECT thread_id FROM checkpoints WHERE thread_id ~ %s GROUP BY thread_id HAVING count(*) > 1"
    count = 0
    async with _in_postgres(dsn, None, KeptOpen(0)) as saver:
        found = await (await saver.conn.execute(long, (like,))).fetchall()  # type: ignore[attr-defined]
        for row in found:
            with suppress(psycopg.OperationalError):  # a turn of it writes meanwhile
                await saver.aprune([row["thread_id"]], strategy="keep_latest")
                count += 1
    return count


async def forget_older(dsn: str, moment: datetime, like: str) -> int:
    """Delete the threads in a Postgres in which nothing was said since a moment; returns how many.

    Only those are looked at whose ids fit the regular expression `like`. Raises EverpilotError.
    """
    old = "SELECT thread_id FROM checkpoints WHERE thread_id ~ %s GROUP BY thread_id HAVING max(checkpoint->>'ts') < %s"
    async with _in_postgres(dsn, None, KeptOpen(0)) as saver:
        found = await (await saver.conn.execute(old, (like, moment.isoformat()))).fetchall()  # type: ignore[attr-defined]
        for row in found:
            await saver.adelete_thread(row["thread_id"])
    return len(found)


def forget_older_in(path: Path, moment: datetime) -> int:
    """Delete the threads in a file in which nothing was said since a moment; returns how many. Raises sqlite3.Error."""
    old = "SELECT thread_id FROM checkpoints GROUP BY thread_id HAVING max(checkpoint_id) < ?"
    if not path.is_file():
        return 0
    with closing(sqlite3.connect(path, timeout=_PATIENCE)) as link:
        found = [row[0] for row in link.execute(old, (_uuid6(moment),))]
        for thread in found:
            with link:
                for table in ("checkpoints", "writes"):
                    link.execute(f"DELETE FROM {table} WHERE thread_id = ?", (thread,))
    return len(found)


def _uuid6(moment: datetime) -> str:
    """Return how the ids of checkpoints begin at a moment: RFC 9562, section 5.6, in which they follow the time."""
    ticks = int((moment - datetime(1582, 10, 15, tzinfo=UTC)) / timedelta(microseconds=1)) * 10
    digits = f"{ticks >> 12:012x}"
    return f"{digits[:8]}-{digits[8:]}-6"


@cache
def _postgres_saver() -> Any:
    """Return the class of savers in Postgres, which is imported where it is needed."""
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

    class InPostgres(Holding, AsyncPostgresSaver):
        """Checkpoints of one turn, fewer than there are steps."""

    return InPostgres


@asynccontextmanager
async def _released(saver: Holding) -> AsyncIterator[Holding]:
    """Have what a saver holds written at the end, also of a turn that is broken off, as far as that can still be."""
    try:
        yield saver
    except BaseException as error:
        if not is_fault(error):  # else nothing can be written
            with suppress(Exception):  # what broke it off counts
                async with asyncio.timeout(_LAST):
                    await saver.arelease()
        raise
    await saver.arelease()


@asynccontextmanager
async def _in_postgres(dsn: str, serde: Serializer | None, kept: KeptOpen) -> AsyncIterator[BaseCheckpointSaver[Any]]:
    try:
        import psycopg

        made = _postgres_saver()
    except ImportError as error:
        raise SettingsError('Threads in Postgres need more packages: pip install "everpilot[jobs]"') from error
    try:
        db = await kept.take(dsn)
        try:
            saver = made(db, serde=serde)
            if dsn not in _ready:
                await _alone(db)
                await saver.setup()
                await db.execute("SELECT pg_advisory_unlock_all()")
                _ready.add(dsn)
            async with _released(saver):
                yield saver
        finally:
            await kept.give(db)
    except psycopg.Error as error:
        why = redacted(str(error).strip().partition("\n")[0])
        hint = "Check the setting `database`, that its server runs, and the password ($PGPASSWORD or ~/.pgpass)."
        raise EverpilotError(f"The threads in the database can't be used: {why}.", hint=hint, code="threads") from error
