"""What was said in conversations of the page, kept where every replica sees it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from copilot.hosts.bot.inbox import Activity
from copilot.hosts.bot.webchat.bell import CHANNEL, Bell

if TYPE_CHECKING:
    import sqlalchemy as sa

    from copilot.jobs.database import Database

#: Activities handed over at once.
BATCH = 200
#: The id of the one activity that says that somebody is writing.
TYPING = "typing"
#: A stream that ended: no piece of it comes after.
ENDED = 2**62
#: What stands in the place of an activity that was taken back: it is shown nowhere.
_GONE: Activity = {"type": "event", "name": "everpilot/deleted"}


@dataclass(frozen=True)
class Placed:
    """Where an activity was put. `new` is False when one with this dedupe key was there before."""

    id: str
    watermark: int
    new: bool = True


@dataclass(frozen=True)
class Batch:
    """Activities in the order of their newest state, and the watermark up to which they reach."""

    activities: list[Activity]
    watermark: int


class Transcript(Protocol):
    """The conversations of the page. Watermarks are numbers that grow with each change of a conversation."""

    async def open(self, conversation: str, person: str) -> bool:
        """Begin the conversation of a person; False if it is there already."""
        ...

    async def owner(self, conversation: str) -> str:
        """Return whose conversation it is, "" if there is none."""
        ...

    async def append(self, conversation: str, activity: Activity, dedupe: str = "", *, rank: int = 0) -> Placed:
        """Put an activity at the end, unless one with this dedupe key is there; raises KeyError: no conversation."""
        ...

    async def replace(
        self, conversation: str, id: str, activity: Activity, *, rank: int = 0, anew: bool = False
    ) -> bool:
        """Put an activity in the place of another; False if there is none, or only one of a higher rank.

        With `anew` a stream begins again: only what has ended stays.
        """
        ...

    async def remove(self, conversation: str, id: str) -> bool:
        """Take an activity back."""
        ...

    async def typing(self, conversation: str, activity: Activity) -> None:
        """Say that somebody is writing: only to who listens now."""
        ...

    async def since(self, conversation: str, watermark: int) -> Batch:
        """Return what is new after the watermark, at most BATCH activities; 0 is the beginning."""
        ...

    async def wait(self, conversation: str, watermark: int, seconds: float) -> bool:
        """Wait until there is something after the watermark; False if there was nothing for so long."""
        ...


class Kept:
    """The transcript in the database: one row for each activity, replaced in place, so that it does not grow by edits.

    Any number of processes may write and read, on any event loop.
    """

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.time, bell: Bell | None = None) -> None:
        self._database = database
        self._clock = clock
        self._bell = bell or Bell(database)

    def close(self) -> None:
        """Wait for nobody any more."""
        self._bell.close()

    # --- the interface ------------------------------------------------------------------------------------------------

    async def open(self, conversation: str, person: str) -> bool:
        """Begin the conversation of a person; False if it is there already."""
        return await asyncio.to_thread(self._open, conversation, person)

    async def owner(self, conversation: str) -> str:
        """Return whose conversation it is, "" if there is none."""
        return await asyncio.to_thread(self._owner, conversation)

    async def append(self, conversation: str, activity: Activity, dedupe: str = "", *, rank: int = 0) -> Placed:
        """Put an activity at the end, unless one with this dedupe key is there; raises KeyError: no conversation."""
        placed = await asyncio.to_thread(self._append, conversation, activity, dedupe, rank)
        self._bell.ring(conversation)
        return placed

    async def replace(
        self, conversation: str, id: str, activity: Activity, *, rank: int = 0, anew: bool = False
    ) -> bool:
        """Put an activity in the place of another; False if there is none, or only one of a higher rank.

        With `anew` a stream begins again: only what has ended stays.
        """
        most = max(rank, ENDED - 1) if anew else rank
        done = await asyncio.to_thread(self._replace, conversation, id, activity, rank, most)
        self._bell.ring(conversation)
        return done

    async def remove(self, conversation: str, id: str) -> bool:
        """Take an activity back: what stands in its place is shown nowhere."""
        return await self.replace(conversation, id, _GONE, rank=ENDED)

    async def typing(self, conversation: str, activity: Activity) -> None:
        """Say that somebody is writing: one row a conversation, left out for who comes later."""
        await asyncio.to_thread(self._typing, conversation, activity)
        self._bell.ring(conversation)

    async def since(self, conversation: str, watermark: int) -> Batch:
        """Return what is new after the watermark, at most BATCH activities; 0 is the beginning."""
        return await asyncio.to_thread(self._since, conversation, watermark)

    async def wait(self, conversation: str, watermark: int, seconds: float) -> bool:
        """Wait until there is something after the watermark; False if there was nothing for so long."""
        with self._bell.listen(conversation) as rung:
            if await asyncio.to_thread(self._newest, conversation) > watermark:
                return True
            return await rung(seconds)

    # --- the rows -----------------------------------------------------------------------------------------------------

    def _open(self, conversation: str, person: str) -> bool:
        import sqlalchemy as sa

        from copilot.hosts.bot.webchat.tables import CONVERSATIONS

        row = {"id": conversation, "person": person, "counter": 0, "touched": self._clock()}
        try:
            with self._database.engine.begin() as link:
                link.execute(CONVERSATIONS.insert().values(row))
        except sa.exc.IntegrityError:
            return False
        return True

    def _owner(self, conversation: str) -> str:
        import sqlalchemy as sa

        from copilot.hosts.bot.webchat.tables import CONVERSATIONS

        with self._database.engine.connect() as link:
            found = link.execute(sa.select(CONVERSATIONS.c.person).where(CONVERSATIONS.c.id == conversation))
            return str(found.scalar() or "")

    def _newest(self, conversation: str) -> int:
        import sqlalchemy as sa

        from copilot.hosts.bot.webchat.tables import CONVERSATIONS

        with self._database.engine.connect() as link:
            found = link.execute(sa.select(CONVERSATIONS.c.counter).where(CONVERSATIONS.c.id == conversation))
            return int(found.scalar() or 0)

    def _raise(self, link: sa.Connection, conversation: str) -> int:
        """Return the next watermark; from here to the end of the transaction nobody else writes there."""
        import sqlalchemy as sa

        from copilot.hosts.bot.webchat.tables import CONVERSATIONS

        table = CONVERSATIONS
        values = {"counter": table.c.counter + 1, "touched": self._clock()}
        found = link.execute(table.update().where(table.c.id == conversation).values(values).returning(table.c.counter))
        number = found.scalar()
        if number is None:
            raise KeyError(conversation)
        if self._database.is_postgres:
            link.execute(sa.select(sa.func.pg_notify(CHANNEL, conversation)))
        return int(number)

    def _append(self, conversation: str, activity: Activity, dedupe: str, rank: int) -> Placed:
        from copilot.hosts.bot.webchat.tables import ACTIVITIES

        with self._database.engine.begin() as link:
            number = self._raise(link, conversation)
            if dedupe and (known := _known(link, conversation, dedupe)):
                return known
            id = f"{conversation}|{number:07d}"
            row = {"conversation": conversation, "id": id, "place": number, "version": number, "rank": rank}
            more = {"dedupe": dedupe or None, "passing": False, "body": _written(activity)}
            link.execute(ACTIVITIES.insert().values({**row, **more}))
        return Placed(id, number)

    def _replace(self, conversation: str, id: str, activity: Activity, rank: int, most: int) -> bool:
        from copilot.hosts.bot.webchat.tables import ACTIVITIES

        table = ACTIVITIES
        with self._database.engine.begin() as link:
            values = {"version": self._raise(link, conversation), "rank": rank, "body": _written(activity)}
            which = (table.c.conversation == conversation) & (table.c.id == id) & (table.c.rank <= most)
            return bool(link.execute(table.update().where(which).values(values)).rowcount)

    def _typing(self, conversation: str, activity: Activity) -> None:
        from copilot.hosts.bot.webchat.tables import ACTIVITIES

        table = ACTIVITIES
        with self._database.engine.begin() as link:
            number = self._raise(link, conversation)
            values = {"version": number, "place": number, "body": _written(activity)}
            which = (table.c.conversation == conversation) & (table.c.id == TYPING)
            if not link.execute(table.update().where(which).values(values)).rowcount:
                row = {"conversation": conversation, "id": TYPING, "rank": 0, "passing": True, **values}
                link.execute(table.insert().values(row))

    def _since(self, conversation: str, watermark: int) -> Batch:
        import sqlalchemy as sa

        from copilot.hosts.bot.webchat.tables import ACTIVITIES, CONVERSATIONS

        table = ACTIVITIES
        which = (table.c.conversation == conversation) & (table.c.version > watermark)
        if not watermark:
            which &= ~table.c.passing
        with self._database.engine.connect() as link:
            counter = link.execute(sa.select(CONVERSATIONS.c.counter).where(CONVERSATIONS.c.id == conversation))
            newest = int(counter.scalar() or 0)
            rows = link.execute(sa.select(table).where(which).order_by(table.c.version).limit(BATCH)).all()
        last = int(rows[-1].version) if rows else 0
        return Batch([_read(row) for row in rows], last if len(rows) == BATCH else max(newest, last, watermark))


def _known(link: sa.Connection, conversation: str, dedupe: str) -> Placed | None:
    import sqlalchemy as sa

    from copilot.hosts.bot.webchat.tables import ACTIVITIES

    table = ACTIVITIES
    which = (table.c.conversation == conversation) & (table.c.dedupe == dedupe)
    row = link.execute(sa.select(table.c.id, table.c.version).where(which)).first()
    return Placed(row.id, int(row.version), new=False) if row else None


def _written(activity: Activity) -> str:
    return json.dumps(activity, ensure_ascii=False, separators=(",", ":")).replace("\\u0000", "\\ufffd")


def _read(row: Any) -> Activity:
    """Return an activity as it goes to the page: with its id, and its place, by which Web Chat sorts (SORTING.md)."""
    activity: Activity = json.loads(row.body)
    data = activity.get("channelData")
    activity["channelData"] = {**(data if isinstance(data, dict) else {}), "webchat:sequence-id": int(row.place)}
    return {**activity, "id": row.id, "conversation": {"id": row.conversation}}
