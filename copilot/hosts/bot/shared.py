"""Files that people attach in a group: Teams hands bots none of them, so the message is looked up as who sent it.

What a bot gets of such a message is its text alone, mostly without a trace of the file. Whoever has signed in may read
their own message, and what hangs on it is where it lies in OneDrive or SharePoint; from there it is fetched as theirs.

Sources: Microsoft Teams, "Send and receive files using a bot": the bot's own way is for personal chats; Microsoft
Graph, "Get chatMessage in a channel or chat": an attachment of the type "reference".
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from copilot.errors import EverpilotError
from copilot.hosts.bot import logs
from copilot.hosts.bot.inbox import Activity
from copilot.hosts.bot.people import Person

if TYPE_CHECKING:
    from copilot.plugins.connections import Connections
    from copilot.plugins.connections.chat import Attached, Chat, Said

log = logging.getLogger(__name__)

#: What stands for a file in a message's HTML, where it is not left out: a GUID; a quoted message has a number.
_TAG = re.compile(r"<attachment\s[^>]{0,200}?\bid=[\"']?\{?[0-9a-f]{8}-?[0-9a-f]{4}-", re.IGNORECASE)


def may_have_files(person: Person) -> bool:
    """Return whether people attach files where Teams hands them to no bot."""
    return person.channel == "msteams" and person.group and person.domain == "entra" and not person.guest


def is_marked(activity: Activity) -> bool:
    """Return whether the HTML of a message says that a file hangs on it."""
    pages = (each.get("content") for each in activity.get("attachments") or ())
    return any(_TAG.search(page) is not None for page in pages if isinstance(page, str))


def attached(connections: Connections, account: str, activity: Activity, person: Person) -> list[Attached] | None:
    """Return the files that hang on a message, by their addresses; None where it can't be looked up as the person."""
    place = _place(activity, person)
    if not place or not activity.get("id"):
        return None
    try:
        chat: Chat = connections.of("chat", account)
        found = _message(chat, place, str(activity["id"]), person.thread_of)
    except EverpilotError as error:
        log.info("message_not_looked_up", extra=logs.told(code=getattr(error, "code", type(error).__name__)))
        return None
    return [each for each in found.attached if each.kind == "file" and each.url] if found else []


def _message(chat: Chat, place: str, id: str, root: str) -> Said | None:
    """Return a message; one in a channel's thread comes with the message that it answers."""
    found = chat.message(place, root or id)
    return found if found.id == id else next((each for each in found.replies if each.id == id), None)


def _place(activity: Activity, person: Person) -> str:
    """Return what a chat is called by connectors: its id, of a channel those of its team and itself."""
    conversation, data = _map(activity.get("conversation")), _map(activity.get("channelData"))
    if str(conversation.get("conversationType") or "").lower() != "channel":
        return person.conversation
    team = str(_map(data.get("team")).get("aadGroupId") or "")
    return f"{team}/{person.conversation}" if team and "/" not in team else ""


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
