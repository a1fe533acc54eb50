"""What a run may cost and how fast vendors are asked: shared by all workers, in one row of the database."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from copilot.jobs.database import Database
from copilot.jobs.job import Status

if TYPE_CHECKING:
    import sqlalchemy as sa

    from copilot.jobs.store import Document

#: The part of a budget that the first documents may cost before they ask for more.
_FIRST = 1e-3
#: Seconds in which a vendor counts calls, and that one of them may be on its way longer than another.
MINUTE, _LATE = 60.0, 2.0
_CENT = 1e-9  # US dollars that are none: sums of fractions are not exact


class Money:
    """The part of the store that keeps budgets and rates."""

    database: Database
    _clock: Callable[[], float]
    _t: Any
    _sa: Any
    _select: Callable[..., Any]
    _this: Callable[[str, int, int], tuple[Any, ...]]
    _insert_new: Callable[[Any], Any]

    def allowance(self, document: Document) -> float | None:
        """Return the US dollars that a document may cost for now, kept for it until its end; None where the run has no
        limit. It is what the dearest one so far took, twice; `more` gives more.

        0.0: nothing is left but what others keep; a negative number: nothing is left at all. What an attempt that
        broke off had been allowed counts as spent: nobody knows what its vendor bills.
        """
        t = self._t
        mine = self._going(document)
        with self.database.begin() as connection:
            limit = self._select(t.runs.c.budget).where(t.runs.c.id == document.run)
            if connection.execute(limit).scalar() is None:
                return None
            budget, spent, reserved = self._money(connection, document.run)
            budget = 0.0 if budget is None else budget  # a limit is raised, never lifted
            kept = connection.execute(self._select(t.documents.c.reserved).where(*mine)).scalar()
            if kept is None:  # somebody else has ended it
                return -1.0
            lost = float(kept)
            spent, reserved = spent + lost, reserved - lost
            dearest = self._select(t.runs.c.dearest).where(t.runs.c.id == document.run)
            usual = 2 * float(connection.execute(dearest).scalar() or 0.0)
            left = budget - spent - reserved
            kept = max(min(usual or budget * _FIRST, left), 0.0)
            self._set_money(connection, document.run, spent, reserved + kept)
            values = {"reserved": kept, "before": t.documents.c.before + lost}
            connection.execute(t.documents.update().where(*mine).values(**values))
        return kept if left > _CENT else (-1.0 if reserved <= _CENT else 0.0)

    def more(self, document: Document, needed: float) -> float:
        """Return what a document may cost from now on: `needed` US dollars, if there is so much, else as before."""
        t = self._t
        mine = self._going(document)
        with self.database.begin() as connection:
            budget, spent, reserved = self._money(connection, document.run)
            kept = connection.execute(self._select(t.documents.c.reserved).where(*mine)).scalar()
            if kept is None:  # somebody else has ended it
                return 0.0
            has = float(kept)
            if budget is None or needed <= has:
                return max(needed, has)
            if needed - has > budget - spent - reserved:
                return has
            self._set_money(connection, document.run, spent, reserved + needed - has)
            connection.execute(t.documents.update().where(*mine).values(reserved=needed))
        return needed

    def _going(self, document: Document) -> tuple[Any, ...]:
        """Return where to find an attempt that is still under way."""
        mine = self._this(document.run, document.number, document.attempt)
        return (*mine, self._t.documents.c.status == Status.RUNNING.value)

    def _money(self, connection: sa.Connection, run: str) -> tuple[float | None, float, float]:
        """Return budget, what is spent and what is kept of a run; nobody else changes them in this transaction."""
        runs = self._t.runs
        self._lock(connection, run)
        row = self._select(runs.c.budget, runs.c.spent, runs.c.reserved).where(runs.c.id == run)
        budget, spent, reserved = connection.execute(row).one()
        return budget, spent, reserved

    def _lock(self, connection: sa.Connection, run: str) -> None:
        """Let nobody else change a run until the transaction ends. In SQLite a transaction begins with its first write:
        what was read before that may be old."""
        runs = self._t.runs
        if self.database.is_postgres:
            connection.execute(self._select(runs.c.id).where(runs.c.id == run).with_for_update())
        else:
            connection.execute(runs.update().where(runs.c.id == run).values(spent=runs.c.spent))

    def _set_money(self, connection: sa.Connection, run: str, spent: float, reserved: float) -> None:
        runs = self._t.runs
        connection.execute(runs.update().where(runs.c.id == run).values(spent=spent, reserved=reserved))

    def bury(self, worker: str) -> None:
        """Count what a worker that is gone had been allowed as spent, so that nobody waits for it."""
        t = self._t
        going = self._select(t.runs.c.id).where(t.runs.c.ended == "")
        under_way = [Status.RUNNING.value, Status.SAVING.value]
        theirs: tuple[Any, ...] = (t.documents.c.run.in_(going), t.documents.c.status.in_(under_way))
        theirs = (*theirs, t.documents.c.worker == worker, t.documents.c.reserved > 0.0)
        with self.database.begin() as connection:
            runs = connection.execute(self._select(t.documents.c.run).where(*theirs).distinct()).scalars().all()
            for run in sorted(runs):
                _, spent, reserved = self._money(connection, run)
                here = (*theirs, t.documents.c.run == run)
                lost = connection.execute(self._select(self._sa.func.sum(t.documents.c.reserved)).where(*here)).scalar()
                self._set_money(connection, run, spent + float(lost or 0.0), reserved - float(lost or 0.0))
                values = {"before": t.documents.c.before + t.documents.c.reserved, "reserved": 0.0}
                connection.execute(t.documents.update().where(*here).values(**values))

    def is_shared(self, document: Document) -> bool:
        """Return whether others keep some of the run's budget now, which may be free in a moment."""
        t = self._t
        mine = self._this(document.run, document.number, document.attempt)
        with self.database.begin() as connection:
            reserved = self._money(connection, document.run)[2]
            own = float(connection.execute(self._select(t.documents.c.reserved).where(*mine)).scalar() or 0.0)
        return reserved - own > _CENT

    def reserve(self, document: Document, dollars: float) -> str:
        """Keep US dollars for a document until `release` or its end; what was kept for it before is given back first.

        Returns "kept", "full" where the budget has room only once what others keep is free, or "spent".
        """
        t, mine = self._t, self._this(document.run, document.number, document.attempt)
        with self.database.begin() as connection:
            budget, spent, reserved = self._money(connection, document.run)
            reserved -= float(connection.execute(self._select(t.documents.c.reserved).where(*mine)).scalar() or 0.0)
            if budget is not None and spent + reserved + dollars > budget:
                return "spent" if spent + dollars > budget else "full"
            self._set_money(connection, document.run, spent, reserved + dollars)
            connection.execute(t.documents.update().where(*mine).values(reserved=dollars))
        return "kept"

    def release(self, document: Document, cost: float) -> None:
        """Give back what was kept for a document, and count what it cost all the same; once."""
        t, mine = self._t, self._this(document.run, document.number, document.attempt)
        with self.database.begin() as connection:
            _, spent, reserved = self._money(connection, document.run)
            kept = float(connection.execute(self._select(t.documents.c.reserved).where(*mine)).scalar() or 0.0)
            if kept:
                self._set_money(connection, document.run, spent + cost, reserved - kept)
                paid = {"reserved": 0.0, "before": t.documents.c.before + cost}
                connection.execute(t.documents.update().where(*mine).values(**paid))

    def wait(self, name: str, per_minute: int) -> float:
        """Return the seconds until the next call under a limit that all workers share: no minute has more calls.

        The Generic Cell Rate Algorithm of ITU-T I.371, annex A: a tenth of the calls may come at once, and the others
        are spaced such that those and these together are `per_minute`. A call may be late by `_LATE` s.
        """
        rates, burst = self._t.rates, max(per_minute // 10, 1)
        step = (MINUTE + _LATE) / (per_minute - burst + 1)
        with self.database.begin() as connection:
            now = self._moment(connection)
            connection.execute(self._insert_new(rates).values(name=name, due=0.0))
            mine = rates.update().where(rates.c.name == name)
            due = connection.execute(mine.values(due=rates.c.due).returning(rates.c.due)).scalar_one()  # locked
            start = max(float(due), now - (burst - 1) * step)
            connection.execute(mine.values(due=start + step))
        return max(start - now, 0.0)

    def _moment(self, connection: sa.Connection) -> float:
        """Return the time by a clock that all workers share: in Postgres that of the server."""
        if self._clock is not time.time or not self.database.is_postgres:
            return self._clock()
        return float(connection.exec_driver_sql("SELECT extract(epoch FROM clock_timestamp())").scalar_one())
