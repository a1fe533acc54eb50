"""Who is in a chat, as its channel says: whom a file of the chat may be shown to, and whether somebody is still there.

Source: Microsoft Teams, "Get Teams-specific context for your bot": pages of the roster, a single member.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from copilot.hosts.bot.inbox import Activity
from copilot.hosts.bot.people import Person, with_roster

if TYPE_CHECKING:
    from copilot.hosts.bot.connector import Connector

#: People of a chat who are counted; of more of them, nobody is named.
MOST = 100
#: Members of one page: the least that Teams takes, as what it answers is read up to a limit.
_PAGE = 50
_PAGES = 20
#: What a roster answers of somebody who is not in it.
_NOT_THERE = frozenset({"missing", "denied", "invalid"})


@dataclass(frozen=True)
class Crowd:
    """The other people of a chat who are no guests of it: their addresses; `many`: more than MOST, and none named."""

    addresses: tuple[str, ...] = ()
    many: bool = False


class Roster:
    """Asks the channel who is in its chats."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector

    async def crowd(self, activity: Activity, person: Person) -> Crowd:
        """Return who is in the chat of an activity beside a person. Raises Refused."""
        found: dict[str, None] = {}
        token = ""
        for _ in range(_PAGES):
            asked = urlencode({"pageSize": _PAGE, **({"continuationToken": token} if token else {})})
            told = await self._connector.call("GET", f"{_place(activity, person)}/pagedmembers?{asked}", tries=2)
            found |= dict.fromkeys(filter(None, (_address(each, person) for each in _list(told.get("members")))))
            token = str(told.get("continuationToken") or "")
            if not token and len(found) <= MOST:
                return Crowd(tuple(found))
            if not token or len(found) > MOST:
                break
        return Crowd(many=True)

    async def has(self, activity: Activity, person: Person) -> bool:
        """Return whether a person is in their group now, and no guest; `activity` came from the same service.

        Raises Refused where the channel does not say.
        """
        from copilot.hosts.bot.connector import Refused

        place = f"{_place(activity, person)}/members/{quote(person.object_id or person.id, safe='')}"
        try:
            said = await self._connector.call("GET", place, tries=2)
        except Refused as refusal:
            if refusal.code in _NOT_THERE:
                return False
            raise
        return not with_roster(replace(person, guest=False), said).guest

    async def id_of(self, activity: Activity, person: Person) -> str:
        """Return what the channel calls a person, as it spells it, "" where it does not say. Raises Refused."""
        sender = activity.get("from")
        id = str(sender.get("id") or "") if isinstance(sender, Mapping) else ""
        if id.lower() == person.channel_id:
            return id
        place = f"{_place(activity, person)}/members/{quote(person.object_id or person.id, safe='')}"
        return str((await self._connector.call("GET", place, tries=2)).get("id") or "")


def _place(activity: Activity, person: Person) -> str:
    base = str(activity["serviceUrl"]).rstrip("/")
    return f"{base}/v3/conversations/{quote(person.conversation, safe='')}"


def _address(member: Any, person: Person) -> str:
    """Return the address of a member, "" for the person, for whoever has none or is not surely of the tenant."""
    if not isinstance(member, Mapping) or str(member.get("tenantId") or "").lower() != person.tenant:
        return ""
    object_id = str(member.get("aadObjectId") or member.get("objectId") or "").lower()
    if not object_id or object_id == person.object_id:
        return ""
    # Of themselves, so that what is said of their tenant and role is all that counts.
    other = replace(person, object_id=object_id, guest=False, addresses=frozenset())
    found = with_roster(other, member).addresses
    named = str(member.get("userPrincipalName") or member.get("email") or "").lower()
    return named if named in found else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
