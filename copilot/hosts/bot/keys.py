"""The public keys that tokens are signed with, as an issuer publishes them: OpenID Connect Discovery 1.0, RFC 7517.

They are fetched when first needed, once a day, and when a token names one that is not known, at most each five minutes:
a stranger can make up names of keys, and must not make us ask for each. What can't be fetched anew holds for five days,
as Microsoft's own libraries have it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from copilot.hosts.bot.logs import told

log = logging.getLogger(__name__)

Fetch = Callable[[str], Awaitable[bytes]]

_FRESH = 24 * 3600.0
_OLDEST = 5 * 24 * 3600.0
_BETWEEN = 300.0
_AFTER_FAILURE = 10.0
_MOST_BYTES = 2_000_000
_SECONDS = 10.0
_SMALLEST = 2048  # bits; NIST SP 800-131A


class Unavailable(Exception):
    """The issuer's keys can't be had at the moment: a token can be neither trusted nor refused."""


@dataclass(frozen=True)
class Key:
    """A public key; `endorsements` are the channels that it may sign for, `issuer` whose tokens it signs, if told."""

    public: Any
    endorsements: frozenset[str] = frozenset()
    issuer: str = ""


@dataclass
class Keys:
    """The keys of one issuer: `url` is that of its OpenID configuration, `issuer` what that must say, if given."""

    url: str
    fetch: Fetch
    issuer: str = ""
    clock: Callable[[], float] = time.monotonic
    _keys: dict[str, Key] = field(default_factory=dict, init=False)
    _got: float = field(default=float("-inf"), init=False)
    _tried: float = field(default=float("-inf"), init=False)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def find(self, name: str) -> Key | None:
        """Return the key of that name (`kid`), None if the issuer has none. Raises Unavailable."""
        if self._wanted(name) and not (name in self._keys and self._lock.locked()):
            async with self._lock:  # whoever waited here finds what the first one fetched
                if self._wanted(name):
                    await self._renew()
        if self.clock() - self._got > _OLDEST:
            raise Unavailable(self.url)
        return self._keys.get(name)

    def _wanted(self, name: str) -> bool:
        now = self.clock()
        if now - self._got > _FRESH:
            return now - self._tried > _AFTER_FAILURE
        return name not in self._keys and now - self._tried > _BETWEEN

    async def _renew(self) -> None:
        try:
            found = json.loads(await self.fetch(self.url))
            self._agrees(found)
            keys = _read(json.loads(await self.fetch(found["jwks_uri"])))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with an issuer's answer, the old keys hold
            log.warning("keys_not_fetched", extra=told(url=self.url, error=type(error).__name__))
        else:
            self._keys, self._got = keys or self._keys, self.clock() if keys else self._got
        self._tried = self.clock()  # only now: until then, whoever comes waits for what this one brings

    def _agrees(self, found: dict[str, Any]) -> None:
        """Raise ValueError for a configuration of another issuer, or one whose keys lie elsewhere."""
        if self.issuer and found["issuer"] != self.issuer:
            raise ValueError("issuer")
        if _origin(found["jwks_uri"]) != _origin(self.url):
            raise ValueError("jwks_uri")


def fetcher() -> tuple[Fetch, Callable[[], Awaitable[None]]]:
    """Return a function that fetches a small file over HTTP, following nothing, and one that closes its connections."""
    import aiohttp

    sessions: list[aiohttp.ClientSession] = []

    async def fetch(url: str) -> bytes:
        if not sessions:
            sessions.append(aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_SECONDS)))
        async with sessions[0].get(url, allow_redirects=False) as response:
            if response.status != 200:
                raise ValueError(f"HTTP {response.status}")
            body = await response.content.read(_MOST_BYTES)
            while len(body) < _MOST_BYTES and (more := await response.content.read(_MOST_BYTES - len(body))):
                body += more
            return body

    async def close() -> None:
        while sessions:
            await sessions.pop().close()

    return fetch, close


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def _read(found: dict[str, Any]) -> dict[str, Key]:
    """Return the RSA keys for signatures; others, and broken ones, are left out: RFC 7517, section 5."""
    listed: Iterable[Any] = found["keys"]
    made = ((str(each.get("kid")), _key(each)) for each in listed if isinstance(each, dict) and each.get("kid"))
    return {name: key for name, key in made if key is not None}


def _key(given: dict[str, Any]) -> Key | None:
    from jwt import PyJWTError
    from jwt.algorithms import RSAAlgorithm

    if given.get("kty") != "RSA" or given.get("use", "sig") != "sig" or given.get("alg", "RS256") != "RS256":
        return None
    try:
        public = RSAAlgorithm.from_jwk({"kty": "RSA", "n": given["n"], "e": given["e"]})
    except (PyJWTError, ValueError, KeyError, TypeError):
        return None
    endorsements = given.get("endorsements")
    channels = [each for each in endorsements if isinstance(each, str)] if isinstance(endorsements, list) else []
    issuer = given.get("issuer")
    small = public.key_size < _SMALLEST
    return None if small else Key(public, frozenset(channels), issuer if isinstance(issuer, str) else "")
