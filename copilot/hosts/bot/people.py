"""Who speaks: told by the channel and by the token that it came with, never by the words of a message.

What is believed depends on who vouches. Teams and Microsoft 365 (and the agents that the settings name) say who a
person is in Entra ID: tenant and object ID. Other channels pass on what a client sent, which can be anything, so only
their own id of the person counts there, and persons of one channel are none of another.

Sources: Microsoft Teams, "Get Teams context", "Channel and group chat conversations with a bot"; Bot Framework --
Activity, "Channel account", "Conversation account", "Mention entity".
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from copilot.hosts.bot.activities import channel_of
from copilot.hosts.bot.inbox import Activity
from copilot.hosts.bot.mentions import is_addressed
from copilot.hosts.bot.words import WORDS, Words
from copilot.sections.bot import BotSettings
from copilot.trust.sanitise import safe_text

if TYPE_CHECKING:
    from copilot.hosts.bot.connector import Connector

#: Channels of Microsoft's that say who a person is in Entra ID.
_ENTRA = frozenset({"msteams", "m365extensions", "agents", "outlook"})
#: Domains in which whoever writes the client writes the person's id, too.
_CHOSEN = frozenset({"channel directline", "channel webchat", "channel emulator", "channel console", "channel test"})
#: Every tenant, where `bot.tenants` says so.
EVERYBODY = "*"
#: Seconds for which it is remembered what a channel says of a member, and of how many.
_FRESH, _MOST = 3_600.0, 10_000
_OUTSIDERS = frozenset({"guest", "anonymous"})
_LONGEST_NAME = 80

Why = Literal["unaddressed", "bot", "nobody", "tenant", "user", "later"]


@dataclass(frozen=True)
class Refusal:
    """Why somebody is not served. `text` is what to answer, "" for nothing at all."""

    why: Why
    text: str = ""


@dataclass(frozen=True)
class Person:
    """Who speaks, and where. `domain` is who vouches for `id`: "entra", or a channel.

    Ids of Entra ID and `channel_id`, which is only compared, are in lower case; another `id` is as its channel spells
    it: two that differ in case, or by a letter that has the same small one, are two persons. `conversation` is
    without the thread of a channel, which `thread_of` has. `guest` is whoever is not of the tenant, as far as that is
    known.
    """

    domain: str
    channel: str
    tenant: str
    id: str
    channel_id: str
    conversation: str
    thread_of: str = ""
    object_id: str = ""
    name: str = ""
    addresses: frozenset[str] = frozenset()
    group: bool = False
    guest: bool = False

    @property
    def key(self) -> str:
        """What the person is called in paths, budgets and tables: the same in all conversations of the tenant."""
        return key_of("person", self.domain, self.tenant, self.id)

    @property
    def tenant_key(self) -> str:
        """What the tenant is called there."""
        return key_of("tenant", self.domain, self.tenant)

    @property
    def room_key(self) -> str:
        """What the room is called: one's own, or that of a group. A guest has one of their own in each group."""
        if not self.group:
            return key_of("personal", self.domain, self.tenant, self.id)
        whose = ("guest", self.id) if self.guest else ("group",)
        return key_of(self.domain, self.channel, self.tenant, self.conversation, *whose)

    @property
    def thread(self) -> str:
        """The id of what was said before: of the conversation, of each thread of a channel, of a guest apart."""
        return key_of("thread", self.room_key, self.channel, self.conversation, self.thread_of)

    def packed(self) -> str:
        """Return the person as JSON, for a table."""
        return json.dumps({**vars(self), "addresses": sorted(self.addresses)})

    @classmethod
    def unpacked(cls, text: str) -> Person:
        """Return the person that `packed` wrote."""
        told = json.loads(text)
        return cls(**{**told, "addresses": frozenset(told["addresses"])})

    @property
    def ids(self) -> frozenset[str]:
        """All that the person is known by where they speak."""
        return frozenset(each for each in (self.channel_id, self.object_id, *self.addresses) if each)

    @property
    def named(self) -> frozenset[str]:
        """All that settings may name the person by; an id that a client may have chosen itself names nobody."""
        chosen = {self.channel_id} if self.domain in _CHOSEN else set()
        return self.ids - (chosen - {self.object_id})


def key_of(*parts: str) -> str:
    """Return a name for paths that no other parts lead to: the first half of a SHA-256, in hex.

    The length of each part is in it, so that ("a", "bc") is not ("ab", "c").
    """
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def person(activity: Activity, who: Mapping[str, Any], bot: BotSettings, words: Words = WORDS) -> Person | Refusal:
    """Return who sent an activity, or why they are not served, as far as the activity and its token tell.

    `who` is what the inbox was told of the token. A message in a group that is not for the bot is refused in silence.
    """
    found = _person(activity, who)
    if isinstance(found, Refusal):
        return found
    if found.group and activity["type"] == "message" and not is_addressed(activity):
        return Refusal("unaddressed")
    if not _is_let_in(found, str(who.get("kind")), bot):
        return Refusal("tenant", words.not_your_tenant)
    return found


class People:
    """Who is served; asks the channel's roster where the activity alone does not tell. `clock` says seconds."""

    def __init__(
        self,
        bot: BotSettings,
        connector: Connector | None = None,
        *,
        words: Words = WORDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bot, self._connector, self._words, self._clock = bot, connector, words, clock
        self._users = {each.strip().lower() for each in bot.users}
        self._known: OrderedDict[tuple[str, str], tuple[float, Mapping[str, Any]]] = OrderedDict()

    async def admit(self, activity: Activity, who: Mapping[str, Any]) -> Person | Refusal:
        """Return who sent an activity, or why they are not served."""
        found = person(activity, who, self._bot, self._words)
        if isinstance(found, Person) and self._must_ask(found, who):
            found = await self._asked(found, activity, who)
        if isinstance(found, Person) and who.get("kind") in ("channel", "agent") and not self._may(found):
            return Refusal("user", self._words.not_you_here)
        return found

    def _may(self, found: Person) -> bool:
        return not self._users or bool(self._users & found.named)

    def _must_ask(self, found: Person, who: Mapping[str, Any]) -> bool:
        """Whether the roster is needed: for who is a guest in a group, and for the address that settings name."""
        if self._connector is None or who.get("kind") != "channel" or found.channel != "msteams":
            return False
        named = any("@" in each for each in self._users) and not self._may(found)
        return named or (found.group and not found.guest)

    async def _asked(self, found: Person, activity: Activity, who: Mapping[str, Any]) -> Person | Refusal:
        from copilot.hosts.bot.connector import Refused

        key = (found.conversation, found.channel_id)
        until, said = self._known.get(key, (0.0, {}))
        if self._clock() >= until:
            try:
                said = await self._member(activity)
            except Refused as refusal:
                if refusal.code not in ("missing", "denied", "invalid"):
                    return Refusal("later", self._words.roster_silent)
                said = {"userRole": "guest"}  # nobody that the channel knows as a member
            self._remember(key, said)
        return with_roster(found, said)

    async def _member(self, activity: Activity) -> Mapping[str, Any]:
        assert self._connector is not None
        base, sender = str(activity["serviceUrl"]).rstrip("/"), str(activity["from"]["id"])
        conversation = str(activity["conversation"]["id"]).partition(";messageid=")[0]
        place = f"{base}/v3/conversations/{quote(conversation, safe='')}/members/{quote(sender, safe='')}"
        return await self._connector.call("GET", place, tries=2)

    def _remember(self, key: tuple[str, str], said: Mapping[str, Any]) -> None:
        self._known[key] = (self._clock() + _FRESH, said)
        self._known.move_to_end(key)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)


def with_roster(found: Person, said: Mapping[str, Any]) -> Person:
    """Return a person with what the roster says of them: addresses, and whether they are a guest."""
    told = {_text(said.get(name)).lower() for name in ("email", "userPrincipalName")} - {""}
    object_id = (_text(said.get("aadObjectId")) or _text(said.get("objectId"))).lower()
    home = _text(said.get("tenantId")).lower()
    outside = (
        _text(said.get("userRole")).lower() in _OUTSIDERS
        or any("#ext#" in each for each in told)
        or (home and home != found.tenant)
        or object_id != found.object_id
    )
    # An address is the tenant's to give: what a guest's home says is not taken for it.
    return replace(found, guest=found.guest or bool(outside), addresses=frozenset() if outside else frozenset(told))


def _person(activity: Activity, who: Mapping[str, Any]) -> Person | Refusal:
    sender, conversation = _map(activity.get("from")), _map(activity.get("conversation"))
    kind, channel = str(who.get("kind")), channel_of(activity).lower()
    if _text(sender.get("role")).lower() in ("bot", "skill") or _same(sender, activity.get("recipient")):
        return Refusal("bot")
    own_id = str(who.get("user") or _text(sender.get("id")))
    channel_id = own_id.lower()
    if not channel_id:
        return Refusal("nobody")
    whole = _text(conversation.get("id"))
    place, _, thread = whole.partition(";messageid=")
    group = _is_group(conversation, channel)
    made = Person(kind, channel, "", own_id, channel_id, place, thread, name=_name(sender), group=group)
    if kind == "channel" and channel not in _ENTRA:
        return replace(made, domain=f"channel {channel}")
    return (
        _of_entra(made, activity, kind) if kind in ("channel", "agent") else replace(made, domain=f"{kind} {channel}")
    )


def _of_entra(made: Person, activity: Activity, kind: str) -> Person | Refusal:
    """Return a person with what Entra ID knows them by; without an object ID they are a guest of the channel."""
    sender, conversation = _map(activity.get("from")), _map(activity.get("conversation"))
    told = _text(_map(_map(activity.get("channelData")).get("tenant")).get("id")).lower()
    tenant = _text(conversation.get("tenantId")).lower() or told
    home = _text(sender.get("tenantId")).lower() or told or tenant
    object_id = _text(sender.get("aadObjectId")).lower()
    if not tenant:
        return Refusal("nobody")
    guest = not object_id or home != tenant or _text(sender.get("userRole")).lower() in _OUTSIDERS
    domain = "entra" if object_id else f"{kind} {made.channel}"
    return replace(made, domain=domain, tenant=tenant, id=object_id or made.id, object_id=object_id, guest=guest)


def _is_let_in(found: Person, kind: str, bot: BotSettings) -> bool:
    """Return whether the tenant is among those that are served; who has the page's key, or is on this machine, is."""
    if kind not in ("channel", "agent"):
        return True
    allowed = {each.strip().lower() for each in bot.tenants or [bot.tenant] if each.strip()}
    return EVERYBODY in allowed or (bool(found.tenant) and found.tenant in allowed)


def _is_group(conversation: Mapping[str, Any], channel: str) -> bool:
    """Return whether others hear it. What Teams does not say to be personal is not."""
    kind = _text(conversation.get("conversationType")).lower()
    if kind:
        return kind != "personal"
    return conversation.get("isGroup") is True or (channel == "msteams" and conversation.get("isGroup") is not False)


def _same(sender: Mapping[str, Any], recipient: Any) -> bool:
    return bool(sender.get("id")) and sender.get("id") == _map(recipient).get("id")


def _name(sender: Mapping[str, Any]) -> str:
    return " ".join(safe_text(_text(sender.get("name"))).split())[:_LONGEST_NAME]


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
