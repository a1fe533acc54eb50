"""`everpilot bot`: the assistant in Teams and other chats."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from copilot import settings
from copilot.cli import DONE
from copilot.errors import SettingsError
from copilot.hosts.output import say

if TYPE_CHECKING:
    from copilot.hosts.bot.connector import Connector
    from copilot.hosts.bot.serve import Behind


def bot(parsed: argparse.Namespace) -> int:
    """Serve the bot until it is told to stop, write its app package, or check what it needs."""
    if parsed.action != "serve":
        from copilot.hosts import bot_setup

        return {"package": bot_setup.package, "check": bot_setup.check}[parsed.action](parsed)
    try:
        from copilot.hosts.bot import logs, serve
    except ImportError as error:
        raise SettingsError(
            f"The bot needs a library that is not installed ({error}).", hint='Run: pip install "everpilot[bot]"'
        ) from error
    chosen = settings.load(Path(parsed.dir or "."))
    make = _echo if parsed.echo else partial(_assistant, chosen)
    logs.to()
    serve.run(chosen, serve.Address(parsed.host, parsed.port), make, say)
    return DONE


@asynccontextmanager
async def _echo(connector: Connector) -> AsyncIterator[Behind]:
    from copilot.hosts.bot.echo import Echo
    from copilot.hosts.bot.serve import Behind

    yield Behind(Echo(connector))


@asynccontextmanager
async def _assistant(chosen: settings.Settings, connector: Connector) -> AsyncIterator[Behind]:
    from copilot.hosts.bot.assembly import assistant

    async with assistant(chosen, settings.home(), connector) as behind:
        yield behind
