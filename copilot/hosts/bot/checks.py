"""`everpilot bot check`: what the bot needs, looked at one by one, each with what to do where it is not there.

Nothing is sent anywhere, but to the database that is set; with `online` the registration is tried against Entra ID, and
the public address is asked whether the bot answers there.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from copilot import settings as _settings
from copilot.errors import EverpilotError
from copilot.hosts.bot import gate
from copilot.hosts.bot.package import Listing, app_id_problem, manifest, resource, url_problem
from copilot.hosts.bot.people import EVERYBODY
from copilot.hosts.doctor import Check
from copilot.settings import Settings

_MODULES = {
    "bot": ("aiohttp", "microsoft_agents", "jwt", "cryptography", "msal", "prometheus_client"),
    "jobs": ("dbos", "sqlalchemy"),
}
_FOR_POSTGRES = ("psycopg", "langgraph.checkpoint.postgres")
_ROOM = 2**30  # bytes free: below that it is said
_SECONDS = 10.0

Found = Iterator[tuple[bool, str]]


@dataclass(frozen=True)
class Question:
    """What is looked at: the settings and the state folder; `url` is the public address, "" if it is not told."""

    settings: Settings
    state: Path
    url: str = ""
    online: bool = False
    env: Mapping[str, str] = field(default_factory=lambda: os.environ)


def checks(asked: Question) -> list[Check]:
    """Return all checks; one that fails with an explained error is a failed check, never an exception."""
    found: list[Check] = []
    for name, look in _LOOKS.items():
        try:
            found.extend(Check(name, ok, text) for ok, text in look(asked))
        except EverpilotError as error:
            found.append(Check(name, False, str(error)))
    return found


# --- what is looked at ------------------------------------------------------------------------------------------------


def _notes(asked: Question) -> Found:
    yield from ((False, note) for note in asked.settings.notes)
    own = _settings.user_file()
    yield True, f"{own}{'' if own.exists() else ' (not there yet)'}"


def _libraries(asked: Question) -> Found:
    for extra, modules in _MODULES.items():
        missing = [name for name in modules if not _is_there(name)]
        if missing:
            yield False, f'missing: {", ".join(missing)}; run: pip install "everpilot[{extra}]"'
        else:
            yield True, f"everpilot[{extra}]"


def _app(asked: Question) -> Found:
    bot = asked.settings.bot
    if not bot.app_id:
        yield False, f"{app_id_problem('')}. Until then only programs on this machine may talk to it (docs/teams.md)"
    elif why := app_id_problem(bot.app_id):
        yield False, f"{why}; copy it from the registration's overview"
    else:
        yield True, f"{bot.app_id}, cloud {bot.cloud}"


def _people(asked: Question) -> Found:
    bot = asked.settings.bot
    tenants = [each.strip() for each in bot.tenants or [bot.tenant] if each.strip()]
    wrong = [name for name in tenants if name != EVERYBODY and not _is_guid(name)]
    if wrong:
        yield False, f"{wrong[0]!r} is no tenant ID, and channels name tenants by ID: nobody of it would be let in"
    elif EVERYBODY in tenants and not bot.users:
        yield False, "bot.tenants has '*' and bot.users is empty: anybody may talk to it; name who may"
    elif tenants:
        whose = "any tenant" if EVERYBODY in tenants else ", ".join(tenants)
        yield True, f"{f'{len(bot.users):,} named' if bot.users else 'all'} of {whose}"
    elif bot.app_id:
        yield False, "bot.tenant and bot.tenants are empty, so nobody may talk to it; set the tenant's ID"


def _proof(asked: Question) -> Found:
    from copilot.hosts.bot.clouds import CLOUDS
    from copilot.hosts.bot.credentials import signing

    bot = asked.settings.bot
    if not bot.app_id:
        return
    signed = signing(bot, CLOUDS[bot.cloud])
    how = "managed identity" if bot.managed_identity else bot.secret_env or bot.certificate
    if not asked.online:
        yield True, f"{how} is there; whether Entra ID takes it: --online"
        return
    asyncio.run(signed.token())
    yield True, f"{how}: Entra ID gave a token"


def _models(asked: Question) -> Found:
    from copilot.agent.router import describe

    for row in describe(asked.settings, asked.state, asked.env):
        yield (
            not row["state"].startswith("missing"),
            f"{row['name']}: {row['provider']} {row['model']} ({row['state']})",
        )
    if not asked.settings.models:
        yield (
            False,
            "no model is set, and the built-in rules only answer simple requests; add [[models]] (docs/models.md)",
        )


def _database(asked: Question) -> Found:
    from copilot.jobs.database import Database

    database = Database(asked.settings.database, asked.state, asked.env)
    if database.is_postgres and (missing := [name for name in _FOR_POSTGRES if not _is_there(name)]):
        yield False, f'Postgres needs {", ".join(missing)}; run: pip install "everpilot[jobs]"'
        return
    try:
        database.check()
    finally:
        database.close()
    more = "" if database.is_postgres else " (for one replica; set `database` to a Postgres for several)"
    yield True, f"{database.shown}{more}"


def _files(asked: Question) -> Found:
    import shutil

    from copilot.hosts.bot.rooms import folder_of

    folder = folder_of(asked.settings, asked.state)
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        yield False, f"bot.files: {folder} can't be written: {error.strerror}"
        return
    free = shutil.disk_usage(folder).free
    yield (
        free >= _ROOM,
        f"{folder}: {free / 2**30:,.1f} GB are free, {asked.settings.bot.quota_mb:,} MB for each person",
    )


def _page(asked: Question) -> Found:
    from copilot.hosts.bot.webchat.access import key_of

    bot = asked.settings.bot
    if not bot.webchat:
        yield True, "off (bot.webchat)"
    elif key_of(bot, asked.env):
        yield True, f"opens with the key of {bot.webchat_key_env}"
    else:
        yield (
            not bot.app_id,
            "without a key it opens on this machine alone; set bot.webchat_key_env to open it to others",
        )


def _metrics(asked: Question) -> Found:
    variable = asked.settings.bot.metrics_key_env
    gate.key_in("bot.metrics_key_env", variable, asked.env)
    yield True, f"/metrics opens with the key of {variable}" if variable else "/metrics answers this machine alone"


def _sign_in(asked: Question) -> Found:
    from copilot.models.credentials.sealed import SealedFile

    settings = asked.settings
    name, bot = settings.bot.account, settings.bot
    if not name:
        yield True, "people can't sign in: no bot.account is set"
        return
    if name not in settings.accounts:
        yield False, f"bot.account is {name!r}, and there is no [accounts.{name}]"
        return
    options = settings.accounts[name].options
    if options.get("method") != "on_behalf_of":
        yield False, f'[accounts.{name}] must have method = "on_behalf_of": it acts for whoever signed in'
    if str(options.get("client_id", "")).lower() != bot.app_id.lower():
        yield False, f"[accounts.{name}] client_id must be bot.app_id: people's tokens are for the bot's registration"
    SealedFile(asked.state / "bot").check()
    yield True, f"account {name}; the registration's application ID URI must be {resource(bot.app_id)}"


def _package(asked: Question) -> Found:
    if not asked.url:
        yield True, "not looked at: tell the public address with --url"
        return
    made = manifest(asked.settings.bot, Listing(asked.url))
    yield True, f"app {made['id']}, version {made['version']}, manifest {made['manifestVersion']}"


def _address(asked: Question) -> Found:
    if not (asked.url and asked.online) or url_problem(asked.url):
        return
    import httpx

    place = f"{asked.url.rstrip('/')}/health"
    try:
        status = httpx.get(place, timeout=_SECONDS).status_code
    except httpx.HTTPError as error:
        yield False, f"{place} does not answer ({type(error).__name__}); is the bot, and what is before it, running?"
        return
    yield status == 200, f"{place} answers {status}"


_LOOKS: dict[str, Callable[[Question], Found]] = {
    "settings": _notes,
    "libraries": _libraries,
    "app": _app,
    "proof": _proof,
    "people": _people,
    "models": _models,
    "database": _database,
    "files": _files,
    "page": _page,
    "metrics": _metrics,
    "sign-in": _sign_in,
    "package": _package,
    "address": _address,
}


def question(folder: Path, *, url: str, online: bool) -> Question:
    """Return what is to be looked at for work in a folder. Raises SettingsError for settings that can't be read."""
    return Question(_settings.load(folder), _settings.home(), url, online)


def _is_there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # what it lies in is not there
        return False


def _is_guid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
