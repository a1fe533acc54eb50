"""The bot as an application of aiohttp, to serve or to mount in one's own server."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import AsyncIterator, Iterable

from aiohttp import web

from copilot.errors import SettingsError
from copilot.hosts.bot import activities, gate
from copilot.hosts.bot.clouds import CLOUDS, Cloud
from copilot.hosts.bot.door import Door, Life
from copilot.hosts.bot.health import Health
from copilot.hosts.bot.hosts import Hosts
from copilot.hosts.bot.inbox import Inbox
from copilot.hosts.bot.keys import Fetch, fetcher
from copilot.hosts.bot.metrics import Metrics
from copilot.hosts.bot.tokens import Tokens
from copilot.settings import Settings

#: Where an app keeps what `serve` and other parts need of it.
LIFE = web.AppKey("life", Life)
METRICS = web.AppKey("metrics", Metrics)


def create_app(
    settings: Settings,
    inbox: Inbox,
    *,
    routes: Iterable[web.AbstractRouteDef] = (),
    cloud: Cloud | None = None,
    fetch: Fetch | None = None,
    metrics: Metrics | None = None,
) -> web.Application:
    """Return the application: POST /api/messages, /health, /ready, /metrics, and the routes that are given.

    Without `bot.app_id` it takes activities of this machine alone. `cloud` is that of the settings, `fetch` an HTTP
    client for the issuers' keys, unless given. Raises SettingsError for settings that contradict each other.
    """
    chosen, life = cloud or CLOUDS[settings.bot.cloud], Life()
    app = web.Application(client_max_size=activities.MOST_BYTES)
    app[LIFE], app[METRICS] = life, metrics or Metrics()
    door = Door(inbox, _tokens(app, settings, chosen, fetch), hosts_of(settings, chosen), app[METRICS], life)
    door.seconds = settings.bot.seconds
    key = gate.key_in("bot.metrics_key_env", settings.bot.metrics_key_env, os.environ)
    health = Health(inbox, app[METRICS], life, key)
    app.add_routes(
        [
            web.post("/api/messages", door.messages),
            web.get("/health", health.alive),
            web.get("/ready", health.ready),
            web.get("/metrics", health.metrics_),
            *routes,
        ]
    )
    return app


def hosts_of(settings: Settings, cloud: Cloud | None = None) -> Hosts:
    """Return where answers may go; this machine too, as long as no app is set up."""
    names = (cloud or CLOUDS[settings.bot.cloud]).hosts
    return Hosts((*names, *settings.bot.service_hosts), here=not settings.bot.app_id)


def _tokens(app: web.Application, settings: Settings, cloud: Cloud, fetch: Fetch | None) -> Tokens | None:
    bot = settings.bot
    if not bot.app_id:
        if bot.secret_env or bot.certificate or bot.tenant or bot.agents:
            raise SettingsError(
                "bot.app_id is missing.", hint="It is the client ID of the bot's registration in Entra."
            )
        return None
    _needed("jwt", "cryptography", "microsoft_agents")
    if fetch is None:
        fetch, close = fetcher()

        async def closing(_: web.Application) -> AsyncIterator[None]:
            yield
            await close()

        app.cleanup_ctx.append(closing)
    return Tokens(bot, cloud, fetch)


def _needed(*modules: str) -> None:
    """Raise SettingsError for a library that is not installed, now rather than when a message comes."""
    if missing := [name for name in modules if importlib.util.find_spec(name) is None]:
        raise SettingsError(f"The bot needs {missing[0]}.", hint='Run: pip install "everpilot[bot]"')
