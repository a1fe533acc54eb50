"""Who may open the page: people with its key, or, without one, this machine alone; and no other site for them."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from aiohttp import web

from copilot.hosts.bot import gate
from copilot.hosts.bot.webchat.signing import BROWSER, SESSION, Holder, Signer, Unsigned
from copilot.sections.bot import BotSettings

COOKIE = "everpilot_session"
DEVICE = "everpilot_browser"
#: Wrong keys a minute: of one address or known browser, and of all addresses together, for keys that people made up.
_EACH, _ALL = 5, 60
_NAMES = 10_000


class NotLetIn(Exception):
    """The request is refused: an HTTP status, and a sentence for who sent it."""

    def __init__(self, words: str, status: int = 403) -> None:
        super().__init__(words)
        self.status = status


def key_of(settings: BotSettings, env: Mapping[str, str]) -> str:
    """Return the key that opens the page, "" where it is for this machine alone. Raises SettingsError."""
    return gate.key_in("bot.webchat_key_env", settings.webchat_key_env, env)


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
    """Wrong keys, of addresses and of browsers that were let in before.

    Those browsers are counted apart: whoever tries keys from many addresses keeps nobody out who has been here.
    """

    def left(self, name: str, *, known: bool = False) -> bool:
        """Return whether this address, or known browser, may try again now."""
        return self.of(name) < _EACH and (known or self.of("") < _ALL)

    def failed(self, name: str, *, known: bool = False) -> None:
        """Count a wrong key."""
        self.add(name)
        if not known:
            self.add("")


@dataclass
class Access:
    """Lets people in. `key` "" lets in this machine alone."""

    key: str
    signer: Signer
    tries: Tries = field(default_factory=Tries)

    def check(self, request: web.Request) -> None:
        """Raise NotLetIn for another site in a person's browser, and for another machine where there is no key."""
        if not self.key and not gate.is_local(request):
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
        self._set(request, response, COOKIE, self.signer.session(holder.person), SESSION)
        return holder

    def opens(self, request: web.Request, given: str) -> bool:
        """Return whether this is the key; raises NotLetIn (429) after too many wrong ones."""
        browser = self._browser(request)
        name, known = browser or gate.asker(request), bool(browser)
        if not self.tries.left(name, known=known):
            raise NotLetIn("Too many wrong keys. Wait a minute and try again.", 429)
        if self.key and self.signer.same(given, self.key):
            return True
        self.tries.failed(name, known=known)
        return False

    def know(self, request: web.Request, response: web.StreamResponse) -> None:
        """Mark a browser that has shown the key, so that it is known when it signs in again."""
        self._set(request, response, DEVICE, self.signer.browser(secrets.token_urlsafe(16)), BROWSER)

    def _browser(self, request: web.Request) -> str:
        try:
            return self.signer.holder(request.cookies.get(DEVICE, ""), "browser").person
        except Unsigned:
            return ""

    @staticmethod
    def _set(request: web.Request, response: web.StreamResponse, name: str, value: str, seconds: int) -> None:
        secure = scheme_of(request) == "https"
        response.set_cookie(name, value, max_age=seconds, httponly=True, samesite="Strict", secure=secure)


def new_person() -> str:
    """Return an id for a person; Direct Line wants those that stand in tokens to begin with `dl_`."""
    return "dl_" + secrets.token_urlsafe(16)


def scheme_of(request: web.Request) -> str:
    """Return how the browser came here, also through a proxy that ends TLS."""
    told = request.headers.get("X-Forwarded-Proto", "").partition(",")[0].strip().lower()
    return told if told in ("http", "https") else request.scheme
