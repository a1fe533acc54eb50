"""The one place where the bot is put together: what is behind the door of one replica."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from contextvars import Context
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot.agent.kept_open import KeptOpen
from copilot.hosts.bot.app import hosts_of
from copilot.hosts.bot.clouds import CLOUDS
from copilot.hosts.bot.connector import Connector
from copilot.hosts.bot.consent import Offers
from copilot.hosts.bot.durable import DurableInbox
from copilot.hosts.bot.files import Receiver
from copilot.hosts.bot.keeping import Keeping
from copilot.hosts.bot.limits import Limits
from copilot.hosts.bot.people import People
from copilot.hosts.bot.pictures import Pictures
from copilot.hosts.bot.rooms import Rooms, clean, folder_of
from copilot.hosts.bot.roster import Roster
from copilot.hosts.bot.serve import Behind
from copilot.hosts.bot.signin import SignIns
from copilot.hosts.bot.turns import Turns
from copilot.hosts.bot.webchat.host import WebChat
from copilot.jobs.database import Database
from copilot.models import background
from copilot.settings import Settings

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

log = logging.getLogger(__name__)

_DAY = 86_400.0
_ROOMS = "^[0-9a-f]{32}$"  # the threads of rooms, among those of others


@asynccontextmanager
async def assistant(
    settings: Settings,
    state: Path,
    connector: Connector,
    *,
    env: Mapping[str, str] | None = None,
    model: str | BaseChatModel | None = None,
) -> AsyncIterator[Behind]:
    """Open what is behind the door: the durable inbox, which is also a worker, and the page if `bot.webchat` is on.

    `state` is the host's state folder; `model` one of the caller's own. Raises SettingsError, WorkspaceError.
    """
    bot, env = settings.bot, os.environ if env is None else env
    async with AsyncExitStack() as stack:
        stack.enter_context(background.on_this_loop())
        stack.enter_context(_untraced_here())
        database = await asyncio.to_thread(_opened, settings, state, env)
        stack.callback(database.close)
        webchat = await asyncio.to_thread(_webchat, settings, database) if bot.webchat else None
        if webchat is not None:
            stack.push_async_callback(webchat.close)
        hosts = hosts_of(settings, CLOUDS[bot.cloud])
        signins = SignIns(settings, folder_of(settings, state) / "sign-ins", env=env)
        rooms = Rooms(settings, state, signins=signins, env=env, model=model)
        stack.callback(rooms.close)
        rooms.kept_open = KeptOpen(2 * bot.parallel)
        stack.push_async_callback(rooms.kept_open.close)
        receiver = Receiver(settings, hosts, connector.signing, webchat.files if webchat else None)
        stack.callback(receiver.close)
        keeping = await asyncio.to_thread(Keeping, database)
        pictures = Pictures(keeping)
        stack.push_async_callback(pictures.close)
        turns = Turns(
            bot=bot,
            connector=connector,
            keeping=keeping,
            people=People(bot, connector),
            rooms=rooms,
            limits=await asyncio.to_thread(Limits, bot.per_minute, database),
            receiver=receiver,
            offers=await asyncio.to_thread(Offers, settings, database, hosts, signins, Roster(connector)),
            signins=signins,
            webchat=webchat,
            pictures=pictures,
        )
        await asyncio.to_thread(rooms.prepare)
        stack.enter_context(_frozen())
        inbox = DurableInbox(database, turns, parallel=bot.parallel)
        await inbox.start()
        stack.push_async_callback(inbox.close)
        sweeping = asyncio.create_task(_sweep(settings, state, turns, database, inbox))
        stack.push_async_callback(_ended, sweeping)
        yield Behind(inbox, webchat.routes(bot, inbox, env) if webchat else ())


@contextmanager
def _untraced_here() -> Iterator[None]:
    """Let LangSmith find out on the loop itself that nothing is traced: its own way takes two threads for each hook."""
    import langsmith
    from langsmith.utils import tracing_is_enabled

    async def look(in_thread: Any, context: Context, function: Callable[..., Any], /, *args: Any, **more: Any) -> Any:
        if tracing_is_enabled():
            return await in_thread(context, function, *args, **more)
        return context.run(function, *args, **more)

    langsmith.set_runtime_overrides(aio_to_thread=look)
    try:
        yield
    finally:
        langsmith.set_runtime_overrides()


@contextmanager
def _frozen() -> Iterator[None]:
    """Let the garbage collector pass over what is loaded by now: to look through it all holds up every turn."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _opened(settings: Settings, state: Path, env: Mapping[str, str]) -> Database:
    database = Database(settings.database, state, env)
    database.check()
    return database


def _webchat(settings: Settings, database: Database) -> WebChat:
    return WebChat(database, quota=settings.bot.quota_mb * 2**20)


async def _sweep(settings: Settings, state: Path, turns: Turns, database: Database, inbox: DurableInbox) -> None:
    """Remove, once a day, what is older than `bot.keep_days`."""
    days = settings.bot.keep_days
    while True:
        try:
            await asyncio.to_thread(clean, settings, state)
            await asyncio.to_thread(turns.keeping.sweep, days)
            await asyncio.to_thread(inbox.forget, days)
            await asyncio.to_thread(turns.limits.forget, days * _DAY)
            await asyncio.to_thread(turns.signins.clean)
            await _forget_threads(database, turns.rooms.conversations, days)
            if turns.webchat is not None:
                await asyncio.to_thread(turns.webchat.sweep, days)
        except Exception as error:  # tomorrow is another day; the bot goes on meanwhile
            log.warning("the clean-up failed", exc_info=error)
        await asyncio.sleep(_DAY)


async def _forget_threads(database: Database, file: Path, days: int) -> None:
    """Delete the conversations of rooms in which nothing was said for so long, and the past steps of the others."""
    from copilot.agent.checkpoints import forget_older, forget_older_in, prune

    moment = datetime.now(UTC) - timedelta(days=days)
    if database.dsn:
        await forget_older(database.dsn, moment, _ROOMS)
        await prune(database.dsn, _ROOMS)
    else:
        await asyncio.to_thread(forget_older_in, file, moment)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
