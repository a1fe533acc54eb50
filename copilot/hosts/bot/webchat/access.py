"""Who may open the page: people with its key, or, without one, this machine alone; and no other site for them."""

from __future__ import annotations

import ipaddress
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from aiohttp import web

from copilot.errors import SettingsError
from copilot.hosts.bot.webchat.signing import SESSION, Holder, Signer, Unsigned
from copilot.sections.bot import BotSettings

COOKIE = "everpilot_session"
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")
_HERE = frozenset({"127.0.0.1", "localhost", "::1"})
_SHORTEST_KEY = 16
#: Wrong keys a minute: of one address, and of all. An address behind a proxy is everybody's.
_EACH, _ALL = 5, 60
_NAMES = 10_000


class NotLetIn(Exception):
    """The request is refused: an HTTP status, and a sentence for who sent it."""

    def __init__(self, words: str, status: int = 403) -> None:
        super().__init__(words)
        self.status = status


def key_of(settings: BotSettings, env: Mapping[str, str]) -> str:
    """Return the key that opens the page, "" where it is for this machine alone. Raises SettingsError."""
    name = settings.webchat_key_env
    if not name:
        return ""
    key = env.get(name, "")
    if len(key) < _SHORTEST_KEY:
        what = "is not set" if not key else f"has fewer than {_SHORTEST_KEY} characters"
        hint = "Set it to a long random text, like one from: openssl rand -base64 24"
        raise SettingsError(f"bot.webchat_key_env: the environment variable {name} {what}.", hint=hint)
    return key


@dataclass
class Counts:
    """Counts by name in windows of a minute; in the memory of one replica, and at most so many names."""

    clock: Callable[[], float] = time.monotonic
    _counts: OrderedDict[str, tuple[int, int]] = field(default_factory=OrderedDict, init=False)

    def of(self, name: str) -> int:
        """Return how often this was counted in this minute."""
        minute, count = self._counts.get(name, (0, 0))
        return count if minute == self._minute() else 0

    def add(self, name: str) -> int:
        """Count once, and return how often that makes."""
        count = self.of(name) + 1
        self._counts[name] = (self._minute(), count)
        self._counts.move_to_end(name)
        if len(self._counts) > _NAMES:
            self._counts.popitem(last=False)
        return count

    def _minute(self) -> int:
        return int(self.clock() // 60)


class Tries(Counts):
    """Wrong keys."""

    def left(self, address: str) -> bool:
        """Return whether this address may try again now."""
        return self.of(address) < _EACH and self.of("") < _ALL

    def failed(self, address: str) -> None:
        """Count a wrong key."""
        self.add(address)
        self.add("")


@dataclass
class Access:
    """Lets people in. `key` "" lets in this machine alone."""

    key: str
    signer: Signer
    tries: Tries = field(default_factory=Tries)

    def check(self, request: web.Request) -> None:
        """Raise NotLetIn for another site in a person's browser, and for another machine where there is no key."""
        if not self.key and not is_local(request):
            raise NotLetIn("This page answers its own machine only. To open it to others, set bot.webchat_key_env.")
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc.lower() != request.host.lower():
            raise NotLetIn("Requests of other sites are not answered.")
        if request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site") and request.method != "GET":
            raise NotLetIn("Requests of other sites are not answered.")

    def session(self, request: web.Request) -> Holder | None:
        """Return whose browser it is; None if that one has to sign in first."""
        try:
            return self.signer.holder(request.cookies.get(COOKIE, ""), "session")
        except Unsigned:
            return None

    def begin(self, request: web.Request, response: web.StreamResponse, person: str = "") -> Holder:
        """Give the browser a session, of a new person unless one is given."""
        holder = Holder(person or new_person())
        response.set_cookie(
            COOKIE,
            self.signer.session(holder.person),
            max_age=SESSION,
            httponly=True,
            samesite="Strict",
            secure=scheme_of(request) == "https",
        )
        return holder

    def opens(self, request: web.Request, given: str) -> bool:
        """Return whether this is the key; raises NotLetIn (429) after too many wrong ones."""
        address = request.remote or "?"
        if not self.tries.left(address):
            raise NotLetIn("Too many wrong keys. Wait a minute and try again.", 429)
        if self.key and self.signer.same(given, self.key):
            return True
        self.tries.failed(address)
        return False


def new_person() -> str:
    """Return an id for a person; Direct Line wants those that stand in tokens to begin with `dl_`."""
    return "dl_" + secrets.token_urlsafe(16)


def scheme_of(request: web.Request) -> str:
    """Return how the browser came here, also through a proxy that ends TLS."""
    told = request.headers.get("X-Forwarded-Proto", "").partition(",")[0].strip().lower()
    return told if told in ("http", "https") else request.scheme


def is_local(request: web.Request) -> bool:
    """Return whether a program on this machine asks for this machine: not through a proxy, not by another name for it.

    A page elsewhere whose name leads to 127.0.0.1 would ask under its own name.
    """
    try:
        here = ipaddress.ip_address(request.remote or "").is_loopback
    except ValueError:
        return False
    named = (urlsplit(f"//{request.host}").hostname or "") in _HERE
    return here and named and not any(name in request.headers for name in _FORWARDED)
