"""The inbox on durable workflows: each activity is one, of its own id, so that a second of the same is none.

They wait in a queue with a key for each conversation: of one conversation one runs at a time, in their order, in
whichever replica is free; one whose replica dies is taken up by another (jobs/engine.py). The work itself is done on
the event loop that serves, where the connections to channels live.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from copilot.hosts.bot import logs
from copilot.hosts.bot.activities import identity
from copilot.hosts.bot.inbox import Activity, Answer, Put
from copilot.hosts.bot.people import key_of
from copilot.hosts.bot.signin import without_token
from copilot.jobs.database import is_away
from copilot.jobs.engine import Queue, Work, Worker, _dbos

if TYPE_CHECKING:
    from copilot.hosts.bot.turns import Turns
    from copilot.jobs.database import Database

log = logging.getLogger(__name__)

QUEUE, WORKFLOW = "everpilot-bot", "everpilot-bot-activity"
#: Activities that wait before more are refused.
MOST = 5_000
_POLL = 0.5  # seconds between two looks into the queue; for what comes to this replica it is looked at once
_LOOK = 0.05  # seconds between two looks for replies that are waited for
_COUNTED = 1.0  # seconds for which a count of what waits is good enough

#: Seconds after a turn until its workflow is written down as ended, mostly and on a busy machine: then the next of its
#: conversation can begin.
_WRITTEN = (0.03, 0.15)
#: Seconds between two tries of a turn while the database is away, and how often; then it has failed.
_WAITS = (0.2, 0.5, 1.0, 2.0, *[5.0] * 60)


def conversation_key(activity: Activity) -> str:
    """Return what a conversation is called in tables and as the key of the queue."""
    return key_of("conversation", *identity(activity)[:2])


def turn_id(activity: Activity) -> str:
    """Return the id of the workflow that works on an activity."""
    return f"bot.{key_of('activity', *identity(activity))}"


async def _work(activity: dict[str, Any], who: dict[str, Any]) -> str:
    """Work on an activity, as one step; run again, it goes on where it was."""
    return str(await _dbos().DBOS.run_step_async({"name": "turn"}, _turn, activity, who))


async def _turn(activity: dict[str, Any], who: dict[str, Any]) -> str:
    return await asyncio.wrap_future(_here[0].begin(activity, who))


class _Hands:
    """Does the turns in this process, on the loop that serves."""

    def __init__(self, turns: Turns, worker: Worker) -> None:
        self._turns, self._worker = turns, worker
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, activity: Activity, who: dict[str, Any]) -> Future[str]:
        """Begin a turn, and return its outcome to come; what `leave` breaks off never comes: others go on with it."""
        ahead: Future[str] = Future()
        self._loop.call_soon_threadsafe(self._begin, ahead, activity, who)
        return ahead

    def leave(self) -> None:
        """Break off what still runs, from another thread, before others take it up."""
        asyncio.run_coroutine_threadsafe(self._leave(), self._loop).result()

    def _begin(self, ahead: Future[str], activity: Activity, who: dict[str, Any]) -> None:
        task = asyncio.create_task(self._done(ahead, activity, who))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _done(self, ahead: Future[str], activity: Activity, who: dict[str, Any]) -> None:
        try:
            ahead.set_result(await self._patiently(activity, who))
        except Exception as error:  # noqa: BLE001 - it is the workflow's
            ahead.set_exception(error)
        for seconds in _WRITTEN:
            self._loop.call_later(seconds, self._worker.wake)

    async def _patiently(self, activity: Activity, who: dict[str, Any]) -> str:
        """Work on an activity; again, from where it was, when a database that was away is there again."""
        for wait in _WAITS:
            try:
                return await self._turns.work(turn_id(activity), activity, who)
            except Exception as error:
                if not is_away(error):
                    raise
                log.warning("no database", extra=told_of(activity))
            await asyncio.sleep(wait)
        return await self._turns.work(turn_id(activity), activity, who)

    async def _leave(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


#: What does the turns in this process.
_here: list[_Hands] = []


class DurableInbox:
    """The inbox of one replica, which is also a worker. `start` before it is used, `close` at the end."""

    def __init__(self, database: Database, turns: Turns, *, parallel: int, most: int = MOST) -> None:
        self._database, self._turns, self._most = database, turns, most
        self._worker = Worker(database, [Queue(QUEUE, here=parallel, each=1, poll=_POLL)])
        self._waiting, self._counted = 0, 0.0
        self._ended = False

    async def start(self) -> None:
        """Begin to work. Raises SettingsError when the database can't be used."""
        _here[:] = [hands := _Hands(self._turns, self._worker)]
        self._worker.leaving = hands.leave
        dbos = await asyncio.to_thread(_dbos)
        if not _registered:
            dbos.DBOS.workflow(name=WORKFLOW, max_recovery_attempts=None)(_work)
            _registered.append(WORKFLOW)
        await asyncio.to_thread(self._worker.start)
        await asyncio.to_thread(self._worker.client.open)

    async def close(self) -> None:
        """End at once what still runs; others go on with it."""
        if not self._ended:
            self._ended = True
            await asyncio.to_thread(self._worker.stop, 0)

    # --- the inbox ------------------------------------------------------------------------------------------------

    async def put(self, activity: Activity, who: dict[str, Any]) -> Put:
        """Keep the activity, by its channel, conversation and id, so that a second one is "known"."""
        if await self._is_full():
            return "full"
        kept = without_token(activity)
        work = Work(WORKFLOW, QUEUE, turn_id(activity), (kept, who), key=conversation_key(activity))
        if not await asyncio.to_thread(self._worker.client.put_new, work):
            return "known"
        self._worker.wake()
        return "new"

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
        """Stop the turns of the sender that run in the conversation; False if there is none."""
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
        """Return how many activities are kept and not begun, as of a moment ago."""
        return self._waiting

    async def drain(self, seconds: float) -> int:
        """Begin no turn any more, let the running ones end for so long, hand back the rest and return how many."""
        if self._ended:
            return 0
        self._ended = True
        await asyncio.to_thread(self._worker.stop, max(int(seconds), 0))
        return self._worker.handed_back

    async def _is_full(self) -> bool:
        now = asyncio.get_running_loop().time()
        if now - self._counted >= _COUNTED:
            self._counted = now
            self._waiting = await asyncio.to_thread(self._worker.client.waiting, QUEUE, self._most)
            self._turns.connector.metrics.waiting.set(self._waiting)
        return self._waiting >= self._most


_registered: list[str] = []


def told_of(activity: Activity) -> Mapping[str, Any]:
    """Return what a log may say of an activity: ids alone."""
    channel, conversation, id = identity(activity)
    return logs.told(channel=channel, conversation=conversation, id=id)
