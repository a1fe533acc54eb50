"""Serving the app, until the process is told to stop; then what runs gets its time, and the rest is handed back."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
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
_NOTICED = 5.0  # seconds in which a balancer sees that it is not ready, and until then it is still listened


@dataclass(frozen=True)
class Behind:
    """What is behind the door: the inbox, and further pages that are served beside it."""

    inbox: Inbox
    routes: Sequence[web.AbstractRouteDef] = ()


#: Opens what is behind the door, of what sends its replies, and closes it again.
Open = Callable[[Connector], AbstractAsyncContextManager[Behind]]


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


def run(settings: Settings, address: Address, opened: Open, told: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl+C; `told` gets one line when it listens. Raises SettingsError."""
    check(settings, address)
    asyncio.run(_serve(settings, address, opened, told))


def connector_of(settings: Settings, metrics: Metrics) -> Connector:
    """Return what sends the bot's replies. Raises SettingsError for settings that lack a proof of who it is."""
    bot, cloud = settings.bot, CLOUDS[settings.bot.cloud]
    made = Connector(signing(bot, cloud), hosts_of(settings, cloud), metrics)
    made.signed_for = lambda agent: signing(bot, cloud, agent)
    return made


async def _serve(settings: Settings, address: Address, opened: Open, told: Callable[[str], None]) -> None:
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        connector = connector_of(settings, metrics)
        stack.push_async_callback(connector.close)
        connector.warm()
        behind = await stack.enter_async_context(opened(connector))
        app = create_app(settings, behind.inbox, routes=behind.routes, metrics=metrics)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_LAST_SECONDS)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        told(f"The bot listens at {await _listen(runner, address)}/api/messages. Ctrl+C ends it.")
        await _until_told()
        noticed = asyncio.get_running_loop().time() + (0 if address.is_local else _NOTICED)
        await drain(app, behind.inbox, settings.bot.drain_seconds)
        await asyncio.sleep(noticed - asyncio.get_running_loop().time())


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
