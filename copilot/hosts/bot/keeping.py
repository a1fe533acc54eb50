"""What is kept of turns: how far each was shown, the cards that wait for an answer, who said stop, replies to be sent.

The tables lie in the database that all replicas share, so that whichever goes on with a turn knows what was shown.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from copilot.hosts.bot.card_answers import Asked
from copilot.hosts.bot.cards import Settled
from copilot.hosts.bot.inbox import Activity

if TYPE_CHECKING:
    from copilot.jobs.database import Database

_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 7165431195))"
#: Replies of one conversation that are kept for its next message.
_MOST_KEPT = 20


@dataclass(frozen=True)
class _Tables:
    metadata: Any
    turns: Any
    cards: Any
    kept: Any


@cache
def _tables() -> _Tables:
    import sqlalchemy as sa

    metadata = sa.MetaData()

    def text(name: str, **more: Any) -> Any:
        return sa.Column(name, sa.Text, nullable=False, **(more or {"server_default": ""}))

    def moment(name: str) -> Any:
        return sa.Column(name, sa.Float, nullable=False, server_default="0")

    turns = sa.Table(
        "everpilot_bot_turns",
        metadata,
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        text("id", unique=True),
        *map(text, ("conversation", "person", "shown", "replies")),
        moment("begun"),
        moment("ended"),
        moment("stopped"),
        sa.Index("everpilot_bot_turns_open", "conversation", "ended"),
    )
    cards = sa.Table(
        "everpilot_bot_cards",
        metadata,
        text("id", primary_key=True),
        *map(text, ("conversation", "thread", "activity", "asked", "settled", "settled_by", "person")),
        moment("made"),
        sa.Index("everpilot_bot_cards_open", "conversation", "settled"),
    )
    kept = sa.Table(
        "everpilot_bot_kept",
        metadata,
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        *map(text, ("conversation", "turn", "activity")),
        moment("made"),
    )
    return _Tables(metadata, turns, cards, kept)


@dataclass(frozen=True)
class Kept:
    """A reply that could not be delivered."""

    number: int
    activity: Activity


@dataclass(frozen=True)
class OpenCard:
    """A card that was shown: how it was asked, in which thread, as which activity, and of whom (JSON)."""

    asked: Asked
    thread: str
    activity: str
    settled_by: str = ""
    person: str = ""


@dataclass(frozen=True)
class Begun:
    """How a turn stands: `first` when it is its turn, `shown` is what was shown of it before.

    `stopped` tells whether somebody said stop.

    For the first one also the replies that are `kept` for its conversation, and the `cards` that wait for an answer,
    the newest last.
    """

    number: int
    first: bool
    shown: Mapping[str, Any]
    stopped: bool
    kept: tuple[Kept, ...] = ()
    cards: tuple[OpenCard, ...] = ()


class Keeping:
    """The tables of turns, made when they are not there. `clock` says Unix seconds."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self.database, self._clock = database, clock
        self._t = _tables()
        self._prepare()
        with database.begin() as link:
            if database.is_postgres:
                link.exec_driver_sql("SELECT pg_advisory_xact_lock(7165431193)")
            self._t.metadata.create_all(link)

    def _prepare(self) -> None:
        """Make the statements of every turn once: that costs more than to run them."""
        import sqlalchemy as sa

        turns, cards, kept = self._t.turns, self._t.cards, self._t.kept
        place: sa.BindParameter[str] = sa.bindparam("place")
        mine = turns.c.id == sa.bindparam("turn")
        self._found = turns.select().where(mine)
        self._new = turns.insert().returning(turns.c.number)
        self._first = sa.select(sa.func.min(turns.c.number)).where(turns.c.conversation == place, turns.c.ended == 0)
        self._kept = kept.select().where(kept.c.conversation == place).order_by(kept.c.number)
        self._open = cards.select().where(cards.c.conversation == place, cards.c.settled == "").order_by(cards.c.made)
        self._changed = turns.update().where(mine)

    # --- turns ----------------------------------------------------------------------------------------------------

    def begin(self, id: str, conversation: str, person: str) -> Begun | None:
        """Give a turn its number, and return how it stands in its conversation; None: it ended before."""
        with self.database.begin() as link:
            if self.database.is_postgres:  # numbers of a conversation are given one after the other
                link.exec_driver_sql(_ONE_AT_A_TIME, (conversation,))
            found = link.execute(self._found, {"turn": id}).one_or_none()
            if found is None:
                row = {"id": id, "conversation": conversation, "person": person, "begun": self._clock()}
                number = int(link.execute(self._new, row).scalar_one())
            elif found.ended:
                return None
            else:
                number = int(found.number)
            first = int(link.execute(self._first, {"place": conversation}).scalar_one()) == number
            kept = link.execute(self._kept, {"place": conversation}).all() if first else ()
            open_ones = link.execute(self._open, {"place": conversation}).all() if first else ()
        return Begun(
            number=number,
            first=first,
            shown=json.loads(found.shown) if found is not None and found.shown else {},
            stopped=found is not None and bool(found.stopped),
            kept=tuple(Kept(row.number, json.loads(row.activity)) for row in kept),
            cards=tuple(map(_card, open_ones)),
        )

    def show(self, id: str, shown: Mapping[str, Any]) -> None:
        """Note what was shown of a turn."""
        self._turn(id, shown=json.dumps(shown))

    def end(self, id: str, replies: Sequence[Activity] = ()) -> None:
        """Note that a turn ended; `replies` are those that were asked for in one answer."""
        self._turn(id, ended=self._clock(), replies=json.dumps(replies) if replies else "")

    def replies(self, id: str) -> list[Activity] | None:
        """Return the replies of a turn that was asked for all in one answer, None while it runs."""
        turns = self._t.turns
        with self.database.one() as link:
            found = link.execute(turns.select().where(turns.c.id == id)).one_or_none()
        if found is None or not found.ended:
            return None
        return json.loads(found.replies) if found.replies else []

    def running(self, conversation: str) -> dict[str, str]:
        """Return the turns that run in a conversation: their ids, each with whose it is."""
        turns = self._t.turns
        open_ones = turns.select().where(turns.c.conversation == conversation, turns.c.ended == 0)
        with self.database.one() as link:
            return {row.id: row.person for row in link.execute(open_ones)}

    def stop(self, id: str) -> None:
        """Have a turn stopped, wherever it runs."""
        self._turn(id, stopped=self._clock())

    def is_stopped(self, id: str) -> bool:
        """Return whether somebody said stop."""
        turns = self._t.turns
        with self.database.one() as link:
            found = link.execute(turns.select().with_only_columns(turns.c.stopped).where(turns.c.id == id)).scalar()
        return bool(found)

    def _turn(self, id: str, **values: Any) -> None:
        with self.database.one() as link:
            link.execute(self._changed, {"turn": id, **values})

    # --- cards ----------------------------------------------------------------------------------------------------

    def ask(self, asked: Asked, *, conversation: str, thread: str, activity: str, person: str) -> None:
        """Keep a card that was shown; shown again, it is the same one."""
        cards, id = self._t.cards, str(asked.card["id"])
        values = {"conversation": conversation, "thread": thread, "activity": activity, "person": person}
        with self.database.begin() as link:
            if link.execute(cards.update().where(cards.c.id == id).values(activity=activity)).rowcount:
                return
            link.execute(cards.insert().values(id=id, asked=_packed(asked), made=self._clock(), **values))

    def card(self, id: str) -> OpenCard | None:
        """Return a card as it stands, None for one that is not known."""
        cards = self._t.cards
        with self.database.one() as link:
            found = link.execute(cards.select().where(cards.c.id == id)).one_or_none()
        return _card(found) if found is not None else None

    def settle(self, id: str, settled: Settled, by: str) -> bool:
        """Say what came of a card, once; True also for the turn `by` that said so before."""
        cards = self._t.cards
        open_one = cards.update().where(cards.c.id == id, cards.c.settled == "")
        with self.database.begin() as link:
            if link.execute(open_one.values(settled=_packed_settled(settled), settled_by=by)).rowcount:
                return True
            said = link.execute(cards.select().where(cards.c.id == id)).one_or_none()
        return said is not None and said.settled_by == by

    def resettle(self, id: str, settled: Settled) -> None:
        """Say how what was being done ended."""
        cards = self._t.cards
        with self.database.one() as link:
            link.execute(cards.update().where(cards.c.id == id).values(settled=_packed_settled(settled)))

    # --- replies that could not be delivered ------------------------------------------------------------------------

    def keep(self, conversation: str, turn: str, activity: Activity) -> None:
        """Keep a reply for the next message of its conversation; the oldest of too many are dropped."""
        kept = self._t.kept
        with self.database.begin() as link:
            row = {"conversation": conversation, "turn": turn, "activity": json.dumps(activity), "made": self._clock()}
            link.execute(kept.insert().values(**row))
            chosen = kept.select().where(kept.c.conversation == conversation).order_by(kept.c.number.desc())
            for old in link.execute(chosen.offset(_MOST_KEPT)).all():
                link.execute(kept.delete().where(kept.c.number == old.number))

    def delivered(self, number: int) -> None:
        """Forget a reply that was delivered."""
        kept = self._t.kept
        with self.database.one() as link:
            link.execute(kept.delete().where(kept.c.number == number))

    def sweep(self, days: int) -> int:
        """Forget what is older than so many days; returns how many turns that were."""
        before = self._clock() - days * 86_400
        with self.database.begin() as link:
            link.execute(self._t.cards.delete().where(self._t.cards.c.made < before))
            link.execute(self._t.kept.delete().where(self._t.kept.c.made < before))
            return int(link.execute(self._t.turns.delete().where(self._t.turns.c.begun < before)).rowcount)


def _packed(asked: Asked) -> str:
    told = {"card": asked.card, "conversation": asked.conversation, "tenant": asked.tenant, "pages": asked.pages}
    who = {name: sorted(getattr(asked, name)) for name in ("askers", "approvers")}
    return json.dumps({**told, **who, "names": list(asked.names), "expires": asked.expires.isoformat()})


def _card(row: Any) -> OpenCard:
    told = json.loads(row.asked)
    settled = json.loads(row.settled) if row.settled else None
    asked = Asked(
        card=told["card"],
        askers=frozenset(told["askers"]),
        conversation=told["conversation"],
        expires=datetime.fromisoformat(told["expires"]),
        tenant=told["tenant"],
        approvers=frozenset(told["approvers"]),
        names=tuple(told["names"]),
        pages=told["pages"],
        settled=_settled(settled) if settled else None,
    )
    return OpenCard(asked, row.thread, row.activity, row.settled_by, row.person)


def _packed_settled(settled: Settled) -> str:
    when = settled.when.isoformat() if settled.when else None
    return json.dumps({"status": settled.status, "by": settled.by, "when": when, "steps": list(settled.steps)})


def _settled(told: Mapping[str, Any]) -> Settled:
    when = datetime.fromisoformat(told["when"]) if told["when"] else None
    return Settled(told["status"], told["by"], when, tuple(told["steps"]))
