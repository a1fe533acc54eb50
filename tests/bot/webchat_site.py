"""The page served on 127.0.0.1 for tests, with an inbox that talks back through the page's own channel."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from copilot.hosts.bot.inbox import Activity, Put
from copilot.hosts.bot.webchat.access import Tries
from copilot.hosts.bot.webchat.host import WebChat
from copilot.jobs.database import Database
from copilot.sections.bot import BotSettings

Speaker = Callable[["Stub", Activity, dict[str, Any]], Any]


class Stub:
    """Keeps what it is given, once for each id, and has `speaker` answer it."""

    def __init__(self, chat: WebChat, speaker: Speaker | None = None) -> None:
        self.chat, self.speaker = chat, speaker
        self.heard: list[tuple[Activity, dict[str, Any]]] = []
        self.stopped: list[Activity] = []
        self.outcome = "new"
        self._tasks: set[asyncio.Task[Any]] = set()

    async def put(self, activity: Activity, who: dict[str, Any]) -> Put:
        if self.outcome == "full":
            return "full"
        if self.outcome == "broken":
            raise SQLAlchemyError("away")
        if any(known["id"] == activity["id"] for known, _ in self.heard):
            return "known"
        self.heard.append((activity, who))
        if self.speaker is not None:
            task = asyncio.create_task(self.speaker(self, activity, who))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return "new"

    async def stop(self, activity: Activity, who: dict[str, Any]) -> bool:
        self.stopped.append(activity)
        return True


class Site:
    """One replica: its own thread, event loop and connections, on a port that stays over `stop` and `start`."""

    def __init__(
        self,
        database: Callable[[], Database],
        speaker: Speaker | None = None,
        *,
        settings: BotSettings | None = None,
        env: dict[str, str] | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._database, self._speaker = database, speaker
        self._settings, self._env = settings or BotSettings(webchat=True), env or {}
        self._clock = {"clock": clock} if clock else {}
        self.port = _free()
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(20)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(20)

    def run(self, made: Any) -> Any:
        """Run a coroutine on this replica's loop, as a turn does that this replica works on."""
        return asyncio.run_coroutine_threadsafe(made, self._loop).result(20)

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        database = self._database()
        self.chat = WebChat(database, quota=100_000_000, **self._clock)  # type: ignore[arg-type]
        self.inbox = Stub(self.chat, self._speaker)
        app = web.Application(client_max_size=1_048_576)
        self.tries = Tries()
        app.add_routes(self.chat.routes(self._settings, self.inbox, self._env, self.tries))  # type: ignore[arg-type]
        app.on_shutdown.append(self._close)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port, reuse_address=True).start()
        self._ready.set()
        await self._over.wait()
        await runner.cleanup()
        database.close()

    async def _close(self, app: web.Application) -> None:
        await self.chat.close()


@contextlib.contextmanager
def served(database: Callable[[], Database], speaker: Speaker | None = None, **more: Any) -> Iterator[Site]:
    site = Site(database, speaker, **more)
    try:
        yield site
    finally:
        site.stop()


def in_folder(folder: Path) -> Callable[[], Database]:
    return lambda: Database("", folder)


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
