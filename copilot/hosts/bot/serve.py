"""Serving the app, until the process is told to stop; then what runs gets its time, and the rest is handed back."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from copilot.errors import SettingsError
from copilot.hosts.bot import gate, logs
from copilot.hosts.bot.app import LIFE, METRICS, create_app, hosts_of
from copilot.hosts.bot.clouds import CLOUDS
from copilot.hosts.bot.connector import Connector
from copilot.hosts.bot.credentials import signing
from copilot.hosts.bot.inbox import Inbox
from copilot.hosts.bot.metrics import Metrics
from copilot.hosts.bot.package import app_id_problem
from copilot.hosts.bot.webchat.access import key_of
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
    """Raise SettingsError for a bot that anybody could talk to, that could not answer, or that lacks a key."""
    bot = settings.bot
    if bot.app_id and (why := app_id_problem(bot.app_id)):
        raise SettingsError(f"{why}.", hint="Copy it from the registration's overview in Entra.")
    if bot.webchat:
        key_of(bot, os.environ)
    gate.key_in("bot.metrics_key_env", bot.metrics_key_env, os.environ)
    if not bot.app_id and not address.is_local:
        hint = "Set bot.app_id and its secret in copilot.toml, or leave --host out to try it on this machine."
        raise SettingsError(f"{address.host} can be reached from other machines, and bot.app_id is not set.", hint=hint)
    signing(bot, CLOUDS[bot.cloud])


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
        taken = [stack.enter_context(each) for each in _taken(address)]
        connector = connector_of(settings, metrics)
        stack.push_async_callback(connector.close)
        connector.warm()
        behind = await stack.enter_async_context(opened(connector))
        app = create_app(settings, behind.inbox, routes=behind.routes, metrics=metrics)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_LAST_SECONDS)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        url = await _listen(runner, taken)
        page = f" The page is at {url}/." if any(getattr(each, "path", "") == "/" for each in behind.routes) else ""
        told(f"The bot listens at {url}/api/messages.{page} Ctrl+C ends it.")
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


def _taken(address: Address) -> list[socket.socket]:
    """Return the sockets of the address, which do not listen yet; raises SettingsError when it can't be had.

    That is looked at before a database is opened and all that takes seconds. `localhost` is often two addresses.
    """
    host, port = address.host.strip("[]"), address.port
    try:
        if not 0 <= port <= 65_535:  # some systems take what is left of it
            raise OverflowError("there is no such port")
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        ends = list(dict.fromkeys((family, where) for family, _, _, _, where in found))
        return _bound(ends if port else ends[:1])
    except (OSError, OverflowError, UnicodeError) as error:
        raise _not_served(f"{address.host}:{port}", error) from error


def _not_served(where: str, error: Exception) -> SettingsError:
    why = getattr(error, "strerror", None) or str(error)
    return SettingsError(f"{where} can't be served: {why}.", hint="Look at --host, and take another --port.")


def _bound(ends: Sequence[tuple[int, Any]]) -> list[socket.socket]:
    """Return a socket for each end that this machine has (IPv6 may be off); raises OSError."""
    with ExitStack() as stack:
        made, lacking = [], OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
        for family, where in ends:
            one = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
            try:
                _bind(one, where)
                made.append(one)
            except OSError as error:
                if error.errno != errno.EADDRNOTAVAIL:
                    raise
        if not made:
            raise lacking
        stack.pop_all()
    return made


def _bind(one: socket.socket, where: Any) -> None:
    if sys.platform != "win32":  # there it would share the port of another program
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if one.family == socket.AF_INET6:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    one.bind(where)


async def _listen(runner: web.AppRunner, taken: Sequence[socket.socket]) -> str:
    """Return the URL that it listens at; raises SettingsError where another program was faster."""
    host, port = taken[0].getsockname()[:2]
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        for each in taken:
            await web.SockSite(runner, each, backlog=_BACKLOG).start()
    except OSError as error:
        raise _not_served(shown, error) from error
    return f"http://{shown}"


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
