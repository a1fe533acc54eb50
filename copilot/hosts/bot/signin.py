"""Signing in within the chat: Teams hands over a token of the person, and the account `bot.account` works for it.

The token that a client brings (`signin/tokenExchange`) says whose it is; that must be who the channel says has sent it.
It is worth nothing before Entra ID has taken it for another one on behalf of the person, which only a real one is; then
it is kept, sealed, apart for each person, until it expires (about an hour), when Teams brings another one silently.

The core knows no connector by name: an account can be used so when its connector has `on_behalf_of(account, assertion)`
and a connection may have `check()`, which asks for a token now.

Sources: Microsoft Teams, "Enable SSO in your bot app": the OAuth card, `tokenExchangeResource`, the invokes and their
answers; Microsoft identity platform, "OAuth 2.0 On-Behalf-Of flow", "Access tokens" (aud, tid, oid, scp).
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from copilot._redaction import remember
from copilot.errors import ServiceError, SettingsError
from copilot.hosts.bot import logs
from copilot.hosts.bot.clouds import CLOUDS
from copilot.hosts.bot.inbox import Activity, Answer
from copilot.hosts.bot.people import Person, key_of
from copilot.hosts.bot.words import WORDS, Words
from copilot.plugins import connectors
from copilot.settings import Settings

if TYPE_CHECKING:
    from copilot.models.credentials.sealed import SealedFile
    from copilot.plugins.connections import Account, Connection, Connections

log = logging.getLogger(__name__)

EXCHANGE, VERIFY, FAILURE = "signin/tokenExchange", "signin/verifyState", "signin/failure"
CARD = "application/vnd.microsoft.card.oauth"
_SKEW = 60.0
_LONGEST = 16_000  # characters of a token
#: Why a client has to ask the person: consent is missing, or another factor.
_ASKS = frozenset({"signed_out", "scope", "denied"})


@dataclass(frozen=True)
class _Kept:
    """What is kept of a sign-in: the token, until when it holds, and the address that it names."""

    assertion: str
    until: float
    address: str = ""


class SignIns:
    """The sign-ins of a host's people, in `folder`, which all replicas share. `clock` says Unix seconds.

    Where there is nothing to seal them with (EVERPILOT_KEY, a keyring), they are in memory only.
    """

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        *,
        words: Words = WORDS,
        clock: Callable[[], float] = time.time,
        connector: Callable[[str], Any] = connectors.connector,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._settings, self._folder, self._words, self._clock = settings, folder, words, clock
        self._connector, self._env = connector, os.environ if env is None else env
        self._memory: dict[str, _Kept] = {}
        self._read: dict[str, tuple[str, _Kept | None]] = {}
        self._lock = threading.Lock()

    # --- asking -------------------------------------------------------------------------------------------------------

    def can_ask(self, person: Person) -> bool:
        """Return whether a person can sign in here: in Teams, in their own chat, where an account acts for people."""
        alone = person.channel == "msteams" and not person.group and bool(person.object_id)
        return bool(self._settings.bot.account) and alone

    def card(self, person: Person) -> Activity:
        """Return the message that asks a person to sign in: Teams answers it by itself where consent was given."""
        if not self.can_ask(person):
            return {"type": "message", "text": self._words.sign_in_alone}
        bot = self._settings.bot
        login = CLOUDS[bot.cloud].login
        consent = f"{login}/{quote(person.tenant, safe='')}/adminconsent?client_id={quote(bot.app_id, safe='')}"
        content = {
            "text": self._words.sign_in,
            "connectionName": bot.account,
            "buttons": [{"type": "signin", "title": self._words.sign_in_button, "value": consent}],
            "tokenExchangeResource": {
                "id": key_of("sign-in", person.key, str(int(self._clock() // 60))),
                "uri": f"api://botid-{bot.app_id}",
            },
        }
        return {"type": "message", "attachments": [{"contentType": CARD, "content": content}]}

    # --- what clients answer ------------------------------------------------------------------------------------------

    async def answer(self, invoke: Activity, person: Person) -> Answer | None:
        """Return what a sign-in invoke is answered at once; None for another one. The same again does the same.

        412 makes Teams ask the person for consent.
        """
        if invoke.get("name") == EXCHANGE:
            return await asyncio.to_thread(self._exchanged, _map(invoke.get("value")), person)
        if invoke.get("name") in (VERIFY, FAILURE):
            return Answer(200, {})
        return None

    def told(self, invoke: Activity) -> str:
        """Return what to say to the person about a sign-in that did not come about, "" for nothing."""
        if invoke.get("name") == FAILURE:
            value = _map(invoke.get("value"))
            log.warning("sign_in_failed", extra=logs.told(code=str(value.get("code"))[:80]))
            return self._words.sign_in_failed.format(reason=_FAILED)
        return self._words.sign_in_failed.format(reason=_FAILED) if invoke.get("name") == VERIFY else ""

    def _exchanged(self, value: Mapping[str, Any], person: Person) -> Answer:
        echo = {"id": _text(value.get("id")), "connectionName": _text(value.get("connectionName"))}
        token = _text(value.get("token"))
        try:
            self._taken(token, person)
        except ServiceError as error:
            log.info("sign_in_refused", extra=logs.told(code=error.code, person=person.key))
            status = 412 if error.code in _ASKS else 503
            return Answer(status, {**echo, "failureDetail": _DETAILS.get(error.code, "Try again later.")})
        return Answer(200, echo)

    def _taken(self, token: str, person: Person) -> None:
        """Keep a token after it was tried. Raises ServiceError."""
        until, address = self._checked(token, person)
        remember(token)
        try:
            connection = self._connect(self._account(person), token)
            if (check := getattr(connection, "check", None)) is not None:
                check()
        except SettingsError as error:
            log.warning("sign_in_settings", extra=logs.told(why=str(error)))
            raise ServiceError("The account is not set up.", code="broken") from error
        self._keep(person, _Kept(token, until, address))

    def _checked(self, token: str, person: Person) -> tuple[float, str]:
        """Return until when a token holds, and its address. Raises ServiceError for one that is not of this person."""
        import jwt

        if not token or len(token) > _LONGEST or not person.object_id or not person.tenant:
            raise ServiceError("This is no sign-in of the person.", code="invalid")
        try:
            said = jwt.decode(token, options={"verify_signature": False})  # Entra ID verifies it in a moment
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise ServiceError("The token is none.", code="invalid") from error
        whose = (_text(said.get("tid")).lower(), _text(said.get("oid")).lower())
        until = said.get("exp")
        if whose != (person.tenant, person.object_id) or not _text(said.get("scp")):
            raise ServiceError("The token is somebody else's.", code="invalid")
        if not _is_for(_text(said.get("aud")), self._settings.bot.app_id):
            raise ServiceError("The token is for another app.", code="invalid")
        if not isinstance(until, (int, float)) or isinstance(until, bool) or until <= self._clock():
            raise ServiceError("The token has expired.", code="invalid")
        return float(until), (_text(said.get("preferred_username")) or _text(said.get("upn"))).lower()

    # --- what is kept -------------------------------------------------------------------------------------------------

    def is_signed_in(self, person: Person) -> bool:
        """Return whether there is a token of a person that holds."""
        return bool(self.assertion(person))

    def assertion(self, person: Person) -> str:
        """Return the token of a person, "" when there is none that holds."""
        kept = self._found(person)
        return kept.assertion if kept and kept.until - _SKEW > self._clock() else ""

    def address(self, person: Person) -> str:
        """Return the address that a person signed in with, "" when they did not."""
        kept = self._found(person)
        return kept.address if kept else ""

    def stamp(self, person: Person) -> str:
        """Return a text that is another one after each sign-in and sign-out."""
        held = self._memory.get(person.key)
        return f"{self._changed(person)} {held.until if held else ''}"

    def sign_out(self, person: Person) -> bool:
        """Forget the sign-in of a person; False when there was none."""
        with self._lock:
            held = self._memory.pop(person.key, None) is not None
            self._read.pop(person.key, None)
            there = self._changed(person) != "0"
            self._file(person).path.unlink(missing_ok=True)
        return held or there

    def clean(self) -> int:
        """Remove the sign-ins that are older than a day, and what connectors kept beside them; return how many."""
        before, gone = self._clock() - 86_400, 0
        for path in self._folder.glob("*/*.json") if self._folder.is_dir() else ():
            if path.stat().st_mtime < before:
                path.unlink(missing_ok=True)
                shutil.rmtree(path.with_suffix(""), ignore_errors=True)
                gone += 1
        return gone

    def _keep(self, person: Person, kept: _Kept) -> None:
        with self._lock:
            try:
                self._file(person).write(json.dumps(vars(kept)))
                self._memory.pop(person.key, None)
            except (SettingsError, OSError) as error:
                log.info("sign_in_in_memory", extra=logs.told(why=str(error)))
                self._memory[person.key] = kept

    def _found(self, person: Person) -> _Kept | None:
        """Return what is kept; it is decrypted again only when the file has changed."""
        if (held := self._memory.get(person.key)) is not None:
            return held
        changed = self._changed(person)
        if changed == "0":
            return None
        with self._lock:
            seen = self._read.get(person.key)
            if seen is None or seen[0] != changed:
                seen = self._read[person.key] = (changed, self._opened(person))
        return seen[1]

    def _opened(self, person: Person) -> _Kept | None:
        try:
            found = _Kept(**json.loads(self._file(person).read() or "null"))
        except (SettingsError, ValueError, TypeError):
            return None
        remember(found.assertion)
        return found

    def _changed(self, person: Person) -> str:
        try:
            return str(self._file(person).path.stat().st_mtime_ns)
        except OSError:
            return "0"

    def _file(self, person: Person) -> SealedFile:
        from copilot.models.credentials.sealed import SealedFile

        return SealedFile(self._folder / person.tenant_key / f"{person.key}.json")

    # --- the account as the person ------------------------------------------------------------------------------------

    def connections(self, person: Person, settings: Settings, env: Mapping[str, str]) -> Connections:
        """Return the accounts of these settings as a person has them; nobody else's sign-in is ever used."""
        from copilot.plugins.connections import Connections

        def connector(name: str) -> Any:
            return _AsPerson(self._connector(name), lambda account: self._connect(account, self.assertion(person)))

        state = self._folder / person.tenant_key / person.key
        hosts = settings.trust.hosts
        return Connections(settings.accounts, state, env, connector, web=settings.web, hosts=hosts)

    def _account(self, person: Person) -> Account:
        from copilot.plugins.connections import Account

        name = self._settings.bot.account
        if name not in self._settings.accounts:
            raise SettingsError(f"bot.account: there is no account {name!r}.", hint="Add it under [accounts].")
        return Account(name, self._settings.accounts[name], self._folder / person.tenant_key / person.key, self._env)

    def _connect(self, account: Account, assertion: str) -> Connection:
        """Return an account's connection for the person of a token. Raises ServiceError, SettingsError."""
        connector = self._connector(account.settings.connector)
        acts = getattr(connector, "on_behalf_of", None)
        if acts is None:
            raise ServiceError("This kind of account works for nobody but its owner.", code="unsupported")
        if not assertion:
            raise ServiceError(
                "You have not signed in.", hint="Sign in with the card in our own chat.", code="signed_out"
            )
        found: Connection = acts(account, assertion)
        return found


class _AsPerson:
    """A connector whose accounts are connected for a person; all else is its own."""

    def __init__(self, connector: Any, connect: Callable[[Account], Connection]) -> None:
        self._inner = connector
        self.connect = connect

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def without_token(invoke: Activity) -> Activity:
    """Return an invoke as it may be kept and logged: a token that it brings is left out."""
    value = invoke.get("value")
    if invoke.get("name") not in (EXCHANGE, VERIFY) or not isinstance(value, dict):
        return invoke
    return {**invoke, "value": {name: each for name, each in value.items() if name not in ("token", "state")}}


_FAILED = (
    "Teams could not get a token. An administrator has to agree to the app, and to set its resource (docs/teams.md)."
)
#: Said in the answer to a client, which logs it; no word of an authority's.
_DETAILS = {
    "invalid": "The token is not of this person, or has expired.",
    "signed_out": "Consent is needed.",
    "scope": "Consent is needed.",
    "denied": "Consent is needed.",
}


def _is_for(audience: str, app: str) -> bool:
    """Return whether a token is for the bot: its app ID, or its URI, "api://…botid-APP" or "api://APP"."""
    given, app = audience.lower(), app.lower()
    last = given.rpartition("/")[2]
    return bool(app) and (given == app or (given.startswith("api://") and last in (app, f"botid-{app}")))


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
