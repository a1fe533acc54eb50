"""Who sends an activity: the token that comes with it, checked against all that its issuer and the settings say.

Two kinds are taken. Tokens of the Bot Framework say that a channel of Microsoft's passes on what its people wrote:
issuer, audience, signature, lifetime, the service URL, and that the key may sign for the channel (endorsements). Tokens
of Entra ID say that another agent asks, which could put any words into anybody's mouth: only those that the settings
name may, and the bot itself.

Sources: Azure AI Bot Service, "Authentication with the Bot Connector API", step 3 and 4; RFC 7519, sections 4.1, 7.2;
RFC 8725, sections 3.1, 3.9 and 3.10; Microsoft identity platform, "Access tokens", "Validate the issuer".
"""

from __future__ import annotations

import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from copilot.hosts.bot.activities import channel_of, tenants_of
from copilot.hosts.bot.clouds import Cloud
from copilot.hosts.bot.inbox import Activity
from copilot.hosts.bot.keys import Fetch, Key, Keys
from copilot.sections.bot import BotSettings

#: Seconds that clocks may differ by.
SKEW = 300
_ALGORITHM = "RS256"
_LONGEST = 8_000  # characters of a token
_KEPT = 2_048  # tokens that are remembered: a channel sends the same one for an hour
_KEPT_SECONDS = 300.0
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class NotAllowed(Exception):
    """Nobody who may send: an HTTP status, and a reason of one or two words for the log, never for the sender."""

    def __init__(self, reason: str, status: int = 401) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


@dataclass(frozen=True)
class Who:
    """For whom a token speaks: what it says, and for which channels its key may sign (None: that is not said)."""

    kind: str
    app: str = ""
    tenant: str = ""
    service_url: str = ""
    channels: frozenset[str] | None = None
    until: float = 0.0

    def speaks_for(self, activity: Activity) -> None:
        """Raise NotAllowed (403) for an activity of another service, channel or tenant than the token's."""
        if self.service_url and _plain(activity["serviceUrl"]) != _plain(self.service_url):
            raise NotAllowed("service url", 403)
        if self.channels is not None and channel_of(activity) not in self.channels:
            raise NotAllowed("endorsement", 403)
        if self.tenant and any(each != self.tenant for each in tenants_of(activity)):
            raise NotAllowed("tenant", 403)  # another tenant's people are not an agent's to speak for

    def to_dict(self) -> dict[str, Any]:
        """Return what the inbox keeps of it."""
        return {"kind": self.kind, "app": self.app, "tenant": self.tenant, "service_url": self.service_url}


#: Anybody on this machine, where no app is set up.
LOCAL = Who("local")


@dataclass
class Tokens:
    """Checks tokens for one bot in one cloud. `clock` says Unix seconds."""

    bot: BotSettings
    cloud: Cloud
    fetch: Fetch
    clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        tenant = self.bot.tenant or "common"
        self._channel = Keys(self.cloud.metadata, self.fetch, self.cloud.issuer)
        self._entra = Keys(self.cloud.entra_metadata.replace("{tenant}", tenant), self.fetch)
        self._issuers = [
            re.compile(re.escape(each).replace(re.escape("{tenant}"), f"({_GUID.pattern})"))
            for each in self.cloud.entra_issuers
        ]
        self._tenants = {each.lower() for each in self.bot.tenants or [self.bot.tenant] if each}
        self._agents = {each.lower() for each in (*self.bot.agents, self.bot.app_id)}
        self._seen: OrderedDict[bytes, Who] = OrderedDict()

    async def check(self, header: str | None) -> Who:
        """Return for whom the value of an `Authorization` header speaks. Raises NotAllowed, and keys.Unavailable."""
        token = _bearer(header)
        key = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        if (known := self._seen.get(key)) is not None and self.clock() < known.until:
            return known
        found = await self._checked(token)
        self._seen[key] = found
        self._seen.move_to_end(key)
        if len(self._seen) > _KEPT:
            self._seen.popitem(last=False)
        return found

    async def _checked(self, token: str) -> Who:
        name, said = _looked_into(token)
        issuer = said.get("iss")
        if issuer == self.cloud.issuer:
            key = await self._key(self._channel, name)
            return self._from_channel(_verified(token, key, issuer, [self.bot.app_id]), key)
        tenant = self._tenant(issuer)
        key = await self._key(self._entra, name)
        app = self.bot.app_id
        return self._from_agent(_verified(token, key, str(issuer), [app, f"api://{app}"]), key, tenant)

    @staticmethod
    async def _key(keys: Keys, name: str) -> Key:
        if (key := await keys.find(name)) is None:
            raise NotAllowed("key")
        return key

    def _tenant(self, issuer: Any) -> str:
        """Return the directory that an issuer of Entra ID stands for."""
        found = [match[1] for each in self._issuers if isinstance(issuer, str) and (match := each.fullmatch(issuer))]
        if not found:
            raise NotAllowed("issuer")
        return found[0]

    def _from_channel(self, claims: dict[str, Any], key: Key) -> Who:
        service = claims.get("serviceurl") or claims.get("serviceUrl")
        if not isinstance(service, str) or not service:
            raise NotAllowed("claims", 403)
        return Who("channel", "", "", service, key.endorsements, self._until(claims))

    def _from_agent(self, claims: dict[str, Any], key: Key, tenant: str) -> Who:
        if str(claims.get("tid", "")).lower() != tenant or not _signs_for(key, tenant):
            raise NotAllowed("tenant")
        if self._tenants and tenant not in self._tenants:
            raise NotAllowed("tenant", 403)
        app = claims.get("azp") if claims.get("ver") == "2.0" else claims.get("appid")
        if not isinstance(app, str) or app.lower() not in self._agents or "scp" in claims:
            raise NotAllowed("caller", 403)  # a token with `scp` is a person's: it says nothing of who passes it on
        service = claims.get("serviceurl")
        return Who("agent", app, tenant, service if isinstance(service, str) else "", None, self._until(claims))

    def _until(self, claims: dict[str, Any]) -> float:
        return min(float(claims["exp"]) + SKEW, self.clock() + _KEPT_SECONDS)


def _bearer(header: str | None) -> str:
    """Return the token of a header: RFC 6750, section 2.1."""
    if not header:
        raise NotAllowed("no token")
    scheme, _, token = header.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or len(token) > _LONGEST or token.count(".") != 2:
        raise NotAllowed("no token")
    return token


def _looked_into(token: str) -> tuple[str, dict[str, Any]]:
    """Return the name of a token's key and what it claims, before anything of it is proved."""
    import jwt

    try:
        found = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise NotAllowed("malformed") from error
    header = found["header"]
    if header.get("alg") != _ALGORITHM or "crit" in header:
        raise NotAllowed("algorithm")
    if not isinstance(header.get("kid"), str):
        raise NotAllowed("key")
    return header["kid"], found["payload"]


def _verified(token: str, key: Key, issuer: str, audience: list[str]) -> dict[str, Any]:
    import jwt

    reasons: dict[type[Exception], str] = {
        jwt.ExpiredSignatureError: "expired",
        jwt.ImmatureSignatureError: "not yet",
        jwt.InvalidAudienceError: "audience",
        jwt.InvalidIssuerError: "issuer",
        jwt.InvalidSignatureError: "signature",
        jwt.MissingRequiredClaimError: "claims",
    }
    try:
        found: dict[str, Any] = jwt.decode(
            token,
            key.public,
            algorithms=[_ALGORITHM],
            audience=audience,
            issuer=issuer,
            leeway=SKEW,
            options={"require": ["exp", "nbf", "iss", "aud"]},
        )
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
        raise NotAllowed(reasons.get(type(error), "malformed")) from error
    return found


def _signs_for(key: Key, tenant: str) -> bool:
    """Return whether a key may sign for a directory: some sign for one alone, as their `issuer` says."""
    return not key.issuer or "{tenantid}" in key.issuer or f"/{tenant}/" in f"{key.issuer}/"


def _plain(url: str) -> str:
    return url.rstrip("/").casefold()
