"""The inbox on durable workflows: each activity is one, of its own id, so that a second of the same is none.

The replica that an activity comes to works on it, when it is its turn in the conversation (line.py), on the event loop
that serves, where the connections to channels live. One whose replica ends or dies is put into a queue and taken up by
another (jobs/engine.py).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from copilot.hosts.bot import fence, logs
from copilot.hosts.bot.activities import channel_of, identity
from copilot.hosts.bot.inbox import Activity, Answer, Put
from copilot.hosts.bot.line import Line
from copilot.hosts.bot.people import key_of
from copilot.hosts.bot.signin import without_token
from copilot.jobs.database import is_away
from copilot.jobs.engine import ENDED, OPEN, Queue, Work, Worker, _dbos, not_ours, owner

if TYPE_CHECKING:
    from copilot.hosts.bot.turns import Turns
    from copilot.jobs.database import Database

log = logging.getLogger(__name__)

QUEUE = "everpilot-bot"
WORKFLOW = f"{QUEUE}/activity"
_PREFIX = "bot."
#: Activities that wait here before more are refused.
MOST = 5_000
_POLL = 0.5  # seconds between two looks into the queue
_LOOK = 0.05  # seconds between two looks for replies that are waited for

#: Seconds between two tries of a turn while the database is away, and how often; then it has failed.
_WAITS = (0.2, 0.5, 1.0, 2.0, *[5.0] * 60)


def conversation_key(activity: Activity) -> str:
    """Return what a conversation is called in tables."""
    return key_of("conversation", *identity(activity)[:2])


def turn_id(activity: Activity) -> str:
    """Return the id of the workflow that works on an activity."""
    return f"{_PREFIX}{key_of('activity', *identity(activity))}"


async def _work(activity: dict[str, Any], who: dict[str, Any]) -> str:
    """Work on an activity; run again, it goes on where it was."""
    hands, ours = _here[0], owner()
    if asyncio.get_running_loop() is hands.loop:
        return await hands.work(activity, who, ours)
    return await asyncio.wrap_future(hands.begin(activity, who, ours))


class _Hands:
    """Does the turns in this process, on the loop that serves."""

    def __init__(self, turns: Turns, worker: Worker, parallel: int) -> None:
        self.loop = asyncio.get_running_loop()
        self.line = Line(turns.keeping, parallel, lambda id: worker.client.status(id) in OPEN)
        self._turns, self._worker = turns, worker
        self._tasks: dict[asyncio.Task[Any], bool] = {}  # each with whether it is its turn
        self._placed: dict[str, asyncio.Event] = {}
        self._over = False

    def begin(self, activity: Activity, who: dict[str, Any], owner: str) -> Future[str]:
        """Begin a turn from another thread, and return its outcome to come; what `leave` breaks off never comes.

        `owner` is the token of the workflow's execution.
        """
        ahead: Future[str] = Future()
        self.loop.call_soon_threadsafe(self._begin, ahead, activity, who, owner)
        return ahead

    async def work(self, activity: Activity, who: dict[str, Any], owner: str) -> str:
        """Work on an activity, and return its outcome; what `leave` breaks off is cancelled: others go on with it."""
        task, id = asyncio.current_task(), turn_id(activity)
        assert task is not None
        if self._over:  # it was just being put when everything was broken off
            self._told(id)
            raise asyncio.CancelledError
        self._tasks[task] = False
        fence.put(before := fence.Fence(self._worker, id, owner))
        try:
            return await self._patiently(id, activity, who)
        except asyncio.CancelledError:
            if before.lost:
                raise not_ours(id) from None
            raise
        except Exception as error:
            log.exception("broken", exc_info=error, extra=told_of(activity))  # nobody else is told of it
            raise
        finally:
            del self._tasks[task]
            self._told(id)

    def expect(self, id: str) -> asyncio.Event:
        """Return what is set when a turn that is about to begin here has its number in its conversation, or ended."""
        placed = self._placed[id] = asyncio.Event()
        return placed

    def expected(self, id: str) -> asyncio.Event | None:
        """Return what is set when a turn has its number that is just being put, None if it is not."""
        return self._placed.get(id)

    def forget(self, id: str) -> None:
        """Expect a turn no more."""
        if (placed := self._placed.pop(id, None)) is not None:
            placed.set()

    @property
    def count(self) -> int:
        """How many turns are here, in work or waiting."""
        return len(self._tasks)

    async def leave(self, seconds: float = 0) -> None:
        """Break off what waits at once, and what runs after so many seconds, before others take it up."""
        self._over = True
        for task in [task for task, running in self._tasks.items() if not running]:
            task.cancel()
        if self._tasks and seconds > 0:
            await asyncio.wait(list(self._tasks), timeout=seconds)
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks))

    def _told(self, id: str) -> None:
        if (placed := self._placed.get(id)) is not None:
            placed.set()

    def _begin(self, ahead: Future[str], activity: Activity, who: dict[str, Any], owner: str) -> None:
        task = asyncio.create_task(self._done(ahead, activity, who, owner))
        self._tasks[task] = False

    async def _done(self, ahead: Future[str], activity: Activity, who: dict[str, Any], owner: str) -> None:
        try:
            ahead.set_result(await self.work(activity, who, owner))
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - it is the workflow's; `not_ours` is no Exception
            ahead.set_exception(error)

    async def _patiently(self, id: str, activity: Activity, who: dict[str, Any]) -> str:
        """Work on an activity; again, from where it was, when a database that was away is there again."""
        for wait in _WAITS:
            try:
                return await self._in_line(id, activity, who)
            except Exception as error:
                if not is_away(error):
                    raise
                log.warning("no database", extra=told_of(activity))
            self._told(id)
            await asyncio.sleep(wait)
        return await self._in_line(id, activity, who)

    async def _in_line(self, id: str, activity: Activity, who: dict[str, Any]) -> str:
        task = asyncio.current_task()
        assert task is not None
        whose = (conversation_key(activity), sender_of(activity, who))
        async with self.line.turn(id, *whose, partial(self._told, id)) as begun:
            if begun is None:
                return "done"
            self._tasks[task] = True
            return await self._turns.work(id, activity, who, begun)


#: What does the turns in this process.
_here: list[_Hands] = []


class DurableInbox:
    """The inbox of one replica, which is also a worker. `start` before it is used, `close` at the end."""

    def __init__(self, database: Database, turns: Turns, *, parallel: int, most: int = MOST) -> None:
        self._database, self._turns, self._parallel, self._most = database, turns, parallel, most
        self._worker = Worker(database, [Queue(QUEUE, poll=_POLL)])
        self._ended = False

    async def start(self) -> None:
        """Begin to work. Raises SettingsError when the database can't be used."""
        _here[:] = [_Hands(self._turns, self._worker, self._parallel)]
        dbos = await asyncio.to_thread(_dbos)
        if WORKFLOW not in _registered:
            _registered[WORKFLOW] = dbos.DBOS.workflow(name=WORKFLOW, max_recovery_attempts=None)(_work)
        await asyncio.to_thread(self._worker.start)
        await asyncio.to_thread(self._worker.client.open)

    async def close(self) -> None:
        """End at once what still runs; others go on with it."""
        await self.drain(0)

    # --- the inbox ------------------------------------------------------------------------------------------------

    async def put(self, activity: Activity, who: dict[str, Any]) -> Put:
        """Keep the activity, by its channel, conversation and id, so that a second one is "known"."""
        hands, id, given = _here[0], turn_id(activity), (without_token(activity), who)
        self._turns.connector.metrics.waiting.set(hands.line.count)
        if hands.count >= self._most:
            return "full"
        if self._ended:  # what still arrives is for others
            work = Work(WORKFLOW, QUEUE, id, given)
            new = await asyncio.to_thread(self._worker.client.put_new, work)
            await asyncio.to_thread(self._place, id, activity, who)
            return "new" if new else "known"
        while (placing := hands.expected(id)) is not None:  # the same one, a moment ago
            await placing.wait()
            await asyncio.sleep(0)  # let it be forgotten: a wait for what is set lets nobody else run
        placed = hands.expect(id)
        try:
            if not await self._worker.begin(_registered[WORKFLOW], id, *given):
                await asyncio.to_thread(self._place, id, activity, who)
                return "known"
            await placed.wait()
        finally:
            hands.forget(id)
        return "new"

    def _place(self, id: str, activity: Activity, who: Mapping[str, Any]) -> None:
        """Give a turn its number, if whoever kept it died before: what comes after is not to come first."""
        self._turns.keeping.begin(id, conversation_key(activity), sender_of(activity, who))

    async def replies(self, activity: Activity, who: dict[str, Any]) -> list[Activity] | None:
        """Put the activity, wait until its turn ended and return what the bot said; None: there is no room for it."""
        if await self.put(activity, who) == "full":
            return None
        id, keeping = turn_id(activity), self._turns.keeping
        while (found := await asyncio.to_thread(keeping.replies, id)) is None:
            await asyncio.sleep(_LOOK)
        return found

    async def answer(self, invoke: Activity, who: dict[str, Any]) -> Answer | None:
        """Return what an invoke is answered where that must be known at once."""
        return await self._turns.answer(invoke, who)

    async def stop(self, activity: Activity, who: dict[str, Any]) -> bool:
        """Stop the turns of the sender in the conversation, also those that wait; False if there is none."""
        return await self._turns.stop(conversation_key(activity), activity, who)

    async def trouble(self) -> str:
        """Return why nothing could be kept now, in a few words; "" when all is well."""
        try:
            await asyncio.to_thread(self._database.check)
        except Exception as error:  # whatever it is, the balancer is told to ask another replica
            log.warning("no database", exc_info=error)
            return "the database does not answer"
        return ""

    def waiting(self) -> int:
        """Return how many activities wait here for their turn."""
        return _here[0].line.count

    async def drain(self, seconds: float) -> int:
        """Begin no turn any more, let the running ones end for so long, hand back the rest and return how many."""
        if self._ended:
            return 0
        self._ended = True
        await _here[0].leave(seconds)
        await asyncio.to_thread(self._worker.stop)
        # The workers' threads, which DBOS had given to this loop, are gone with it.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())
        return self._worker.handed_back

    def forget(self, days: float) -> None:
        """Delete activities that came more than so many days ago and were worked on: what people said is in them."""
        moment = datetime.now(UTC) - timedelta(days=days)
        self._worker.client.forget(_PREFIX, moment.isoformat(), ENDED)


_registered: dict[str, Any] = {}


def sender_of(activity: Activity, who: Mapping[str, Any]) -> str:
    """Return whose turn an activity is, for those who say stop."""
    return str(who.get("user") or f"{channel_of(activity)}:{(activity.get('from') or {}).get('id', '')}")


def told_of(activity: Activity) -> Mapping[str, Any]:
    """Return what a log may say of an activity: ids alone."""
    channel, conversation, id = identity(activity)
    return logs.told(channel=channel, conversation=conversation, id=id)
