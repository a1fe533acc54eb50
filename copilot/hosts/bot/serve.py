"""Serving the app, until the process is told to stop; then what runs gets its time, and the rest is handed back."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from copilot.errors import SettingsError
from copilot.hosts.bot import logs
from copilot.hosts.bot.app import LIFE, METRICS, create_app, hosts_of
from copilot.hosts.bot.clouds import CLOUDS
from copilot.hosts.bot.connector import Connector
from copilot.hosts.bot.credentials import signing
from copilot.hosts.bot.inbox import Inbox
from copilot.hosts.bot.metrics import Metrics
from copilot.settings import Settings

log = logging.getLogger(__name__)

_BACKLOG = 1_024
_LAST_SECONDS = 5.0  # for requests that are being answered

#: Makes the inbox, once there is an event loop, of what sends its replies.
MakeInbox = Callable[[Connector], Awaitable[Inbox]]


@dataclass(frozen=True)
class Address:
    """Where it listens. Port 0: a free one."""

    host: str = "127.0.0.1"
    port: int = 3978

    @property
    def is_local(self) -> bool:
        """Whether only programs on this machine reach it."""
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return self.host == "localhost"


def check(settings: Settings, address: Address) -> None:
    """Raise SettingsError for a bot that anybody could talk to, or that could not answer."""
    if not settings.bot.app_id and not address.is_local:
        hint = "Set bot.app_id and its secret in copilot.toml, or leave --host out to try it on this machine."
        raise SettingsError(f"{address.host} can be reached from other machines, and bot.app_id is not set.", hint=hint)
    signing(settings.bot, CLOUDS[settings.bot.cloud])


def run(settings: Settings, address: Address, make_inbox: MakeInbox, told: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl+C; `told` gets one line when it listens. Raises SettingsError."""
    check(settings, address)
    asyncio.run(_serve(settings, address, make_inbox, told))


async def _serve(settings: Settings, address: Address, make_inbox: MakeInbox, told: Callable[[str], None]) -> None:
    metrics, cloud = Metrics(), CLOUDS[settings.bot.cloud]
    connector = Connector(signing(settings.bot, cloud), hosts_of(settings, cloud), metrics)
    inbox = await make_inbox(connector)
    app = create_app(settings, inbox, metrics=metrics)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_LAST_SECONDS)
    await runner.setup()
    try:
        told(f"The bot listens at {await _listen(runner, address)}/api/messages. Ctrl+C ends it.")
        await _until_told()
        await drain(app, inbox, settings.bot.drain_seconds)
    finally:
        await runner.cleanup()
        await connector.close()


async def drain(app: web.Application, inbox: Inbox, seconds: float) -> int:
    """Say "not ready", let what runs end for so many seconds, hand back the rest and return how many that were.

    What still arrives is kept: a channel does not send a message again that was refused.
    """
    app[LIFE].draining = True
    app[METRICS].draining.set(1)
    log.info("draining", extra=logs.told(seconds=seconds))
    back = await inbox.drain(seconds)
    log.info("drained", extra=logs.told(handed_back=back))
    return back


async def _listen(runner: web.AppRunner, address: Address) -> str:
    """Return the URL that it listens at; raises SettingsError when the port is taken, or not ours to take."""
    try:
        await web.TCPSite(runner, address.host.strip("[]"), address.port, backlog=_BACKLOG).start()
    except OSError as error:
        where = f"{address.host}:{address.port}"
        raise SettingsError(
            f"{where} can't be served: {error.strerror or error}.", hint="Take another --port."
        ) from error
    host, port = runner.addresses[0][:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _until_told() -> None:
    """Wait for SIGTERM or Ctrl+C; a second one ends the process at once."""
    told, loop = asyncio.Event(), asyncio.get_running_loop()
    if sys.platform == "win32":
        await told.wait()  # Ctrl+C cancels it
        return

    def stop(number: int) -> None:
        told.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    await told.wait()
