"""The page put together: what `everpilot bot serve` mounts when `bot.webchat` is on."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from aiohttp import web

from copilot.hosts.bot.inbox import Inbox
from copilot.hosts.bot.webchat.access import Access, Tries, key_of
from copilot.hosts.bot.webchat.channel import WebChatChannel
from copilot.hosts.bot.webchat.cleaning import sweep
from copilot.hosts.bot.webchat.files import Files
from copilot.hosts.bot.webchat.page import Page
from copilot.hosts.bot.webchat.service import DirectLine
from copilot.hosts.bot.webchat.signing import Signer, shared_key
from copilot.hosts.bot.webchat.transcript import Kept
from copilot.sections.bot import BotSettings

if TYPE_CHECKING:
    from copilot.jobs.database import Database


class WebChat:
    """The page and its service on one database, which all replicas share.

    `quota` is how many bytes of files one person may have here, 0 for no limit (`BotSettings.quota_mb` in bytes).
    `transcript` and `files` are also what a worker without the page needs: `channel` makes the way back to a browser.
    """

    def __init__(self, database: Database, *, quota: int = 0, clock: Callable[[], float] = time.time) -> None:
        _make_tables(database)
        self._database, self._clock = database, clock
        self.transcript = Kept(database, clock=clock)
        self.files = Files(database, quota=quota, clock=clock)
        self._line: DirectLine | None = None

    def channel(self, conversation: str, turn: str = "") -> WebChatChannel:
        """Return where the replies of a turn go."""
        return WebChatChannel(self.transcript, conversation, turn=turn, files=self.files, clock=self._clock)

    def routes(
        self, settings: BotSettings, inbox: Inbox, env: Mapping[str, str] | None = None, tries: Tries | None = None
    ) -> list[web.RouteDef]:
        """Return the routes for `create_app(..., routes=...)`. Raises SettingsError for a key that is not set."""
        key = key_of(settings, os.environ if env is None else env)
        signer = Signer(shared_key(self._database), key, clock=self._clock)
        access = Access(key, signer, tries or Tries())
        self._line = DirectLine(inbox, self.transcript, self.files, signer, access, clock=self._clock)
        return [*Page(access).routes(), *self._line.routes()]

    def sweep(self, days: int) -> int:
        """Remove conversations in which nothing was said for so long, with their files; return how many."""
        return sweep(self._database, self._clock() - days * 86_400)

    async def close(self) -> None:
        """End the streams; browsers connect to another replica, or here again. Meant for `app.on_shutdown`."""
        if self._line is not None:
            await self._line.close()
        self.transcript.close()


def _make_tables(database: Database) -> None:
    """Make the tables that are not there; of replicas that start at once, one does and the others wait."""
    from copilot.hosts.bot.webchat.tables import METADATA

    alone = "SELECT pg_advisory_xact_lock(7165431191)" if database.is_postgres else "BEGIN IMMEDIATE"
    with database.begin() as link:
        link.exec_driver_sql(alone)
        METADATA.create_all(link)
