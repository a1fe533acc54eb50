"""Replies, to the channel's service: sent in the words of the Bot Connector API, and again where that helps.

The SDK's own client is not used for it: it puts ids into addresses as they came, cuts a conversation's id at 150
characters, opens a connection for each turn, and waits for nobody's `Retry-After`. Its connections are: they lead to no
private address, whatever a name resolves to.

Sources: Azure AI Bot Service, "API reference for the Bot Framework Connector service"; Microsoft Teams, "Optimize your
bot with rate limiting", which names the statuses that are tried again; RFC 9110, section 10.2.3, Retry-After.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from copilot.errors import ServiceError, SettingsError
from copilot.hosts.bot import channels, fence, logs
from copilot.hosts.bot.activities import short
from copilot.hosts.bot.credentials import Signing
from copilot.hosts.bot.hosts import Hosts
from copilot.hosts.bot.inbox import Activity
from copilot.hosts.bot.metrics import Metrics

if TYPE_CHECKING:
    from aiohttp import ClientSession

log = logging.getLogger(__name__)

_TRIES = 5
_PATIENCE = 40.0  # seconds of waiting for one reply; what a channel wants beyond is for the caller to keep
_CONNECT, _TOTAL = 5.0, 20.0
_AGAIN = frozenset({412, 429, 502, 503, 504})
_MOST_ANSWER = 65_536
#: What a status means, as ServiceError.code.
_CODES = {400: "invalid", 401: "denied", 403: "denied", 404: "missing", 409: "conflict", 410: "missing", 413: "full"}

Sleep = Callable[[float], Awaitable[None]]


class Refused(ServiceError):
    """A reply could not be delivered; `code` is one of errors.SERVICE_CODES, `retry_after` as the channel said.

    "throttled", "slow" and "unreachable": it was not delivered, and may be later. "uncertain": it may have been, the
    answer got lost. Others: never. `status` and `told` are the channel's answer, 0 and {} where there was none.
    """

    status: int = 0
    told: Mapping[str, Any] = {}

    @property
    def later(self) -> bool:
        """Whether the same reply may be taken another time, so that it is worth keeping."""
        return self.code in ("throttled", "slow", "unreachable", "signed_out")


@dataclass
class Connector:
    """Sends to channels. Made once for the process; `close` ends its connections.

    `signed_for` makes what signs requests to another agent (its app ID), which wants tokens made out to itself.
    """

    signing: Signing
    hosts: Hosts
    metrics: Metrics
    sleep: Sleep = asyncio.sleep
    signed_for: Callable[[str], Signing] | None = None
    _session: ClientSession | None = field(default=None, init=False)
    _agents: dict[str, Signing] = field(default_factory=dict, init=False)

    def channel(self, activity: Activity, who: Mapping[str, Any] | None = None) -> ServiceChannel:
        """Return where the replies to an activity go; `who` sent it, as the inbox was told.

        Raises Refused for a service that may not be answered.
        """
        if not self.hosts.allows(activity["serviceUrl"]):
            raise Refused("The bot answers only to Microsoft's hosts and those of bot.service_hosts.", code="denied")
        return ServiceChannel(self, activity, self._signing(who or {}))

    def _signing(self, who: Mapping[str, Any]) -> Signing:
        agent = str(who.get("app") or "")
        if who.get("kind") != "agent" or not agent or self.signed_for is None:
            return self.signing
        if agent not in self._agents:
            self._agents[agent] = self.signed_for(agent)  # few: those of bot.agents
        return self._agents[agent]

    async def call(
        self, method: str, url: str, body: Activity | None = None, *, tries: int = _TRIES, by: Signing | None = None
    ) -> dict[str, Any]:
        """Return what the service answered. Raises Refused when it took nothing, after having tried again."""
        signing = by or self.signing
        waited, renewed = 0.0, False
        for left in reversed(range(tries)):
            await fence.check()
            status, told, after = await self._once(method, url, body, signing)
            if 200 <= status < 300:
                self.metrics.reply("sent")
                return told
            if status == 401 and not renewed:
                signing.renew()
                renewed = True
                continue
            wait = after if after is not None else 2.0 ** (tries - 1 - left) * random.uniform(0.5, 1.0)
            if not _helps(status, method) or not left or waited + wait > _PATIENCE:
                break
            self.metrics.retry(str(status) if status > 0 else "connection")
            waited += wait
            await self.sleep(wait)
        refusal = self._gave_up(status, method, after)
        refusal.status, refusal.told = max(status, 0), told
        raise refusal

    def warm(self) -> None:
        """Import what sending needs, which takes a second or two, before anybody waits for it. Raises Refused."""
        self._open()

    async def close(self) -> None:
        """End the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _once(
        self, method: str, url: str, body: Activity | None, signing: Signing
    ) -> tuple[int, dict[str, Any], float | None]:
        """Return a status, the answer and the seconds to wait; 0: not reached, -1: lost on the way."""
        import aiohttp
        from yarl import URL

        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        try:
            if token := await signing.token():
                headers["Authorization"] = f"Bearer {token}"
            data = None if body is None else json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
            session, place = self._open(), URL(url, encoded=True)
            async with session.request(method, place, data=data, headers=headers, allow_redirects=False) as response:
                told = await response.content.read(_MOST_ANSWER)
                return response.status, _object(told), _seconds(response.headers.get("Retry-After"))
        except SettingsError as error:
            log.warning("no_token", extra=logs.told(why=str(error)))
            raise Refused(str(error), code="signed_out") from error
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            return 0, {}, None
        except (aiohttp.ClientError, TimeoutError, OSError):
            return -1, {}, None
        except ValueError as error:  # the SDK's guard: the name leads into a private network
            raise Refused("The channel's address is not one that may be answered.", code="denied") from error

    def _open(self) -> ClientSession:
        if self._session is None:
            import aiohttp

            limits = aiohttp.ClientTimeout(total=_TOTAL, sock_connect=_CONNECT)
            self._session = aiohttp.ClientSession(timeout=limits) if self.hosts.here else _guarded(self.hosts, limits)
        return self._session

    def _gave_up(self, status: int, method: str, after: float | None) -> Refused:
        self.metrics.reply("refused")
        log.warning("reply_refused", extra=logs.told(status=status, method=method))
        if status == 0:
            return Refused("The channel was not reached.", code="unreachable")
        if status == -1:
            return Refused("The channel's answer got lost.", code="uncertain" if method == "POST" else "unreachable")
        code = "throttled" if status in _AGAIN else _CODES.get(status, "broken")
        return Refused(f"The channel refused a reply (HTTP {status}).", code=code, retry_after=after)


@dataclass
class ServiceChannel:
    """The conversation of one activity, by its channel's service."""

    connector: Connector
    activity: Activity
    signing: Signing

    async def send(self, activity: Activity) -> str:
        """Send a reply and return its id. Raises Refused; StreamRefused for a piece of a stream that takes no more."""
        reply = self._addressed(activity)
        try:
            told = await self.connector.call(
                "POST", self._url(str(reply.get("replyToId") or "")), reply, by=self.signing
            )
        except Refused as refusal:
            ended = channels.refusal(refusal.status, refusal.told) if _is_streamed(reply) else None
            raise ended or refusal from refusal
        return str(told.get("id") or "")

    async def update(self, id: str, activity: Activity) -> None:
        """Put the activity in the place of the one that was sent. Raises Refused."""
        await self.connector.call("PUT", self._url(id), {**self._addressed(activity), "id": id}, by=self.signing)

    async def delete(self, id: str) -> None:
        """Take back what was sent. Raises Refused, unless it is gone."""
        try:
            await self.connector.call("DELETE", self._url(id), by=self.signing)
        except Refused as refusal:
            if refusal.code != "missing":
                raise

    async def typing(self) -> None:
        """Show that something is being written: tried once, and nobody is told when it fails."""
        try:
            await self.connector.call(
                "POST", self._url(), self._addressed({"type": "typing"}), tries=1, by=self.signing
            )
        except Refused as refusal:
            log.info("typing_refused", extra=logs.told(code=refusal.code))

    async def alone(self, id: str, tenant: str) -> ServiceChannel | None:
        """Return the chat with one person, by the channel's id of them; asked for again, it is the same one.

        None where another agent is answered, and where the app is not installed for the person. Raises Refused.
        """
        if self.signing is not self.connector.signing or not id:
            return None
        base, asked = str(self.activity["serviceUrl"]).rstrip("/"), self.activity
        who = {"isGroup": False, "bot": asked.get("recipient"), "members": [{"id": id}], "tenantId": tenant}
        body = {**who, "channelData": {"tenant": {"id": tenant}}}
        told = await self.connector.call("POST", f"{base}/v3/conversations", body, by=self.signing)
        if not (found := str(told.get("id") or "")):
            return None
        kept = {name: asked.get(name) for name in ("serviceUrl", "recipient", "locale")}
        place = {"id": found, "conversationType": "personal", "tenantId": tenant, "isGroup": False}
        # A reply goes from who was asked to who is written to now; it is no answer to what was said elsewhere.
        there = {**kept, "channelId": "msteams", "conversation": place, "from": {"id": id}}
        return replace(self, activity=there)

    def _addressed(self, activity: Activity) -> Activity:
        """Return a reply with the fields that say where it belongs; its own come first, its id is the channel's."""
        asked = self.activity
        belongs = {
            "type": "message",
            "channelId": asked["channelId"],
            "serviceUrl": asked["serviceUrl"],
            "conversation": asked["conversation"],
            "from": asked.get("recipient"),
            "recipient": asked.get("from"),
            "replyToId": asked.get("id"),
            "locale": asked.get("locale"),
        }
        found = {**belongs, **activity}
        found.pop("id", None)
        return {name: value for name, value in found.items() if value is not None}

    def _url(self, id: str = "") -> str:
        base = str(self.activity["serviceUrl"]).rstrip("/")
        place = f"{base}/v3/conversations/{_segment(self.activity['conversation']['id'])}/activities"
        return f"{place}/{_segment(id)}" if id else place


class Collected:
    """The replies of a turn whose sender waits for them (`expectReplies`)."""

    def __init__(self) -> None:
        self._sent: dict[str, Activity] = {}
        self._count = 0

    @property
    def activities(self) -> list[Activity]:
        """What was said, as it stands now, in its order."""
        return list(self._sent.values())

    async def send(self, activity: Activity) -> str:
        """Keep a reply and return the id that it can be changed by; a sign that it is typing is not kept."""
        self._count += 1
        id = str(self._count)
        if activity.get("type") != "typing":
            self._sent[id] = {"type": "message", **activity}
        return id

    async def update(self, id: str, activity: Activity) -> None:
        """Put the activity in the place of one that was kept."""
        if id in self._sent:
            self._sent[id] = {"type": "message", **activity}

    async def delete(self, id: str) -> None:
        """Forget a reply."""
        self._sent.pop(id, None)

    async def typing(self) -> None:
        """Do nothing: nobody looks."""


def _guarded(hosts: Hosts, limits: Any) -> ClientSession:
    """Return connections that lead to the hosts alone, and to no private address: the SDK's `OutboundHostValidator`."""
    try:
        from microsoft_agents.hosting.core.security import OutboundHostValidator
    except ImportError as error:
        raise Refused(
            "The bot needs Microsoft's Agents SDK.", hint='Run: pip install "everpilot[bot]"', code="unsupported"
        ) from error
    guard = OutboundHostValidator(sorted(hosts.names), enabled=True, include_default_microsoft_hosts=False)
    return guard.client({"timeout": limits})


def _helps(status: int, method: str) -> bool:
    """Return whether to try again. A POST whose answer got lost may have been delivered: two of one reply are worse."""
    return status in _AGAIN or status == 0 or (status == -1 and method != "POST")


def _is_streamed(activity: Activity) -> bool:
    return any(each.get("type") == "streaminfo" for each in activity.get("entities") or ())


def _segment(id: str) -> str:
    """Return an id as one piece of a path. Raises Refused for one that would be another place."""
    if not id.strip("."):
        raise Refused(f"The channel's id {short(id)!r} can't be answered to.", code="invalid")
    return quote(id, safe="")


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _seconds(header: str | None) -> float | None:
    """Return what `Retry-After` says, in seconds, None where it says nothing."""
    if header is None:
        return None
    if header.strip().isascii() and header.strip().isdecimal():
        return float(header[:9])
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
