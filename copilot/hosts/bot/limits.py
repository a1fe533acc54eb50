"""How many messages a person may send: so many a minute, shared by all replicas where they share a Postgres.

The generic cell rate algorithm (ITU-T I.371): one number for each person, the moment at which all that they said would
have come at the regular pace. Being ahead of it by up to a minute is allowed.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlalchemy as sa

    from copilot.jobs.database import Database

_WINDOW = 60.0
_MOST = 50_000  # people that one process remembers


@dataclass(frozen=True)
class Taken:
    """Whether a message is taken; if not, in how many seconds one is, and whether to say so: once in a minute."""

    ok: bool
    seconds: int = 0
    tell: bool = False


class Limits:
    """The pace of each person, by `Person.key`. `clock` says Unix seconds, the same for all replicas."""

    def __init__(
        self, per_minute: int, database: Database | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._step = _WINDOW / per_minute
        self._clock = clock
        self._shared = database if database is not None and database.is_postgres else None
        self._due: OrderedDict[str, tuple[float, float]] = OrderedDict()
        if self._shared is not None:
            _make(self._shared)

    async def take(self, person: str) -> Taken:
        """Count a message of a person, if it is taken."""
        if self._shared is not None:
            return await asyncio.to_thread(self._take_shared, self._shared, person)
        return self._take(person)

    def _take(self, person: str) -> Taken:
        now = self._clock()
        due, told = self._due.pop(person, (now, -math.inf))
        if due > now + _WINDOW:  # the clock was put back: who is as far ahead as can be has room for one all the same
            due, told = now + _WINDOW - self._step, -math.inf
        if (ok := self._fits(due, now)) is True:
            due = max(due, now) + self._step
        tell = not ok and now - told >= _WINDOW
        self._due[person] = (due, now if tell else told)
        if len(self._due) > _MOST:
            self._due.popitem(last=False)
        return Taken(True) if ok else Taken(False, self._wait(due, now), tell)

    def _fits(self, due: float, now: float) -> bool:
        return max(due, now) + self._step - now <= _WINDOW + 1e-6

    def _wait(self, due: float, now: float) -> int:
        return max(1, math.ceil(due + self._step - now - _WINDOW))

    def _take_shared(self, database: Database, person: str) -> Taken:
        import sqlalchemy as sa

        from copilot.hosts.bot.tables import PACES as table

        now = self._clock()
        mine = table.c.person == person
        begun = sa.case((table.c.due > now, table.c.due), else_=now)
        counted = table.update().where(mine, begun + self._step - now <= _WINDOW + 1e-6).values(due=begun + self._step)
        with database.begin() as link:
            if link.execute(counted).rowcount or self._is_new(link, person, now):
                return Taken(True)
            ahead = table.update().where(mine, table.c.due > now + _WINDOW)  # the clock was put back
            if link.execute(ahead.values(due=now + _WINDOW, told=0.0)).rowcount:
                return Taken(True)
            told = link.execute(table.update().where(mine, table.c.told <= now - _WINDOW).values(told=now)).rowcount
            due = float(link.execute(sa.select(table.c.due).where(mine)).scalar_one())
        return Taken(False, self._wait(due, now), bool(told))

    def _is_new(self, link: sa.Connection, person: str, now: float) -> bool:
        """Write down somebody who says something for the first time; False for one who is known."""
        from sqlalchemy.dialects.postgresql import insert

        from copilot.hosts.bot.tables import PACES as table

        row = insert(table).values(person=person, due=now + self._step, told=0.0).on_conflict_do_nothing()
        return link.execute(row.returning(table.c.person)).first() is not None

    def forget(self, older: float) -> int:
        """Remove from the database who has said nothing for so many seconds; return how many."""
        from copilot.hosts.bot.tables import PACES as table

        if self._shared is None:
            return 0
        with self._shared.begin() as link:
            return int(link.execute(table.delete().where(table.c.due < self._clock() - older)).rowcount)


def _make(database: Database) -> None:
    from copilot.hosts.bot.tables import make

    make(database)
