"""What arrives, looked at before anybody works on it: the Activity schema of the Bot Framework, as far as it counts.

Source: "Bot Framework -- Activity", sections "Basic activity structure", "Message activity", "Invoke activity".
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable
from typing import Any

from copilot.hosts.bot.inbox import Activity

#: Bytes of one activity.
MOST_BYTES = 1_048_576
#: Objects and lists inside each other; Adaptive Cards stay below twenty.
_DEEPEST = 64
_LONGEST_ID = 1_024
_MOST_ATTACHMENTS = 50
_MOST_ENTITIES = 500

#: Activities that somebody works on.
HANDLED = frozenset(
    {
        "message",
        "messageUpdate",
        "messageDelete",
        "messageReaction",
        "conversationUpdate",
        "installationUpdate",
        "event",
        "invoke",
    }
)
_OF_A_MESSAGE = frozenset({"messageUpdate", "messageDelete", "messageReaction"})
#: Channels whose people can be served; a part after a colon names a product within one: "msteams:COPILOT".
CHANNELS = frozenset(
    {
        "agents",
        "console",
        "directline",
        "email",
        "emulator",
        "facebook",
        "groupme",
        "line",
        "m365extensions",
        "msteams",
        "outlook",
        "slack",
        "sms",
        "telegram",
        "test",
        "twilio-sms",
        "webchat",
    }
)
#: What a person types to stop a turn. As few words as can be: each of them could be meant otherwise.
_STOP = frozenset({"stop", "/stop", "cancel", "/cancel"})
_STOP_EVENT = "everpilot/stop"
_MENTION = re.compile(r"<at[^>]{0,200}>[^<]{0,200}</at>")


class Malformed(Exception):
    """The body is no activity; `str(error)` says why, in words for the sender."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


def parsed(body: bytes) -> Activity:
    """Return the activity of a request's body; raises Malformed.

    What no database keeps (NUL, half of a surrogate pair) is replaced by U+FFFD; news that come without an id get one.
    """
    if len(body) > MOST_BYTES:
        raise Malformed(f"the body is larger than {MOST_BYTES:,} bytes", 413)
    try:
        found: Any = json.loads(body.decode("utf-8-sig"), parse_constant=_no_number, parse_float=_finite)
    except UnicodeDecodeError as error:
        raise Malformed("the body is not UTF-8") from error
    except RecursionError as error:
        raise Malformed("the body is nested too deeply") from error
    except ValueError as error:
        raise Malformed("the body is not JSON") from error
    if not isinstance(found, dict):
        raise Malformed("the body is not a JSON object")
    if body.count(b"{") + body.count(b"[") > _DEEPEST and _depth(found) > _DEEPEST:
        raise Malformed("the body is nested too deeply")
    if b"\\u0000" in body or b"\\ud" in body or b"\\uD" in body:
        found = _storable(found)
    activity: Activity = found
    _check(activity)
    if not activity.get("id"):  # seen of news about a conversation: the same news again is the same activity
        activity["id"] = f"made:{hashlib.sha256(body).hexdigest()}"
    return activity


def channel_of(activity: Activity) -> str:
    """Return the channel without the product within it: "msteams" of "msteams:COPILOT"."""
    return str(activity["channelId"]).partition(":")[0]


def tenants_of(activity: Activity) -> list[str]:
    """Return the tenants that the activity says its conversation is of, in lower case."""
    data = activity.get("channelData")
    told = data.get("tenant") if isinstance(data, dict) else None
    found = (activity["conversation"].get("tenantId"), told.get("id") if isinstance(told, dict) else None)
    return [each.lower() for each in found if isinstance(each, str) and each]


def ignored(activity: Activity) -> str:
    """Return why nobody works on the activity, "" if somebody does."""
    if activity["type"] not in HANDLED:
        return "type"
    return "" if channel_of(activity) in CHANNELS else "channel"


def is_stop(activity: Activity) -> bool:
    """Return whether a person asks for the running turn to be stopped, and for nothing else."""
    if activity["type"] == "event":
        return activity.get("name") == _STOP_EVENT
    text = activity.get("text") or ""
    if activity["type"] != "message" or len(text) > 500 or activity.get("attachments"):
        return False
    return _MENTION.sub("", text).strip().rstrip(".!").casefold() in _STOP


def identity(activity: Activity) -> tuple[str, str, str]:
    """Return what makes the activity one of its kind: channel, conversation, id.

    News of a message (it was edited, deleted, liked) come with the message's own id, and are not that message.
    """
    about = f"{activity['type']}:" if activity["type"] in _OF_A_MESSAGE else ""
    return str(activity["channelId"]), str(activity["conversation"]["id"]), f"{about}{activity.get('id') or ''}"


def short(value: Any) -> str:
    """Return an id as it is logged: text, cut."""
    return str(value)[:200] if isinstance(value, (str, int)) else ""


# --- the schema -------------------------------------------------------------------------------------------------------


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _maybe(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _id(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_ID and bool(value.strip("."))


def _object(value: Any) -> bool:
    return isinstance(value, dict)


def _account(value: Any) -> bool:
    return isinstance(value, dict) and _id(value.get("id")) and all(_maybe(value.get(n)) for n in _ACCOUNT_TEXTS)


def _objects(most: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and len(value) <= most and all(isinstance(v, dict) for v in value)


_ACCOUNT_TEXTS = ("name", "aadObjectId", "role", "tenantId", "conversationType")
#: What must be there, and what is looked at where it is there: the name, how it must be, and that in words.
_NEEDED: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("type", _id, "a text"),
    ("channelId", _id, "a text"),
    ("conversation", _account, "an object with an id"),
    ("serviceUrl", _id, "a URL"),
)
_SAID = frozenset({"message", "invoke"})
_NEEDED_OF_WORDS = (("id", _id, "a text"), ("from", _account, "an object with an id"))
_KNOWN: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("id", _id, "a text"),
    ("from", _account, "an object with an id"),
    ("recipient", _account, "an object with an id"),
    ("text", _text, "a text"),
    ("name", _text, "a text"),
    ("locale", _text, "a text"),
    ("textFormat", _text, "a text"),
    ("replyToId", _text, "a text"),
    ("deliveryMode", _text, "a text"),
    ("timestamp", _text, "a text"),
    ("attachments", _objects(_MOST_ATTACHMENTS), f"a list of at most {_MOST_ATTACHMENTS} objects"),
    ("entities", _objects(_MOST_ENTITIES), f"a list of at most {_MOST_ENTITIES} objects"),
    ("membersAdded", _objects(_MOST_ENTITIES), f"a list of at most {_MOST_ENTITIES} objects"),
    ("membersRemoved", _objects(_MOST_ENTITIES), f"a list of at most {_MOST_ENTITIES} objects"),
    ("channelData", lambda value: not isinstance(value, (list, bool)), "an object"),
)
_ATTACHMENT_TEXTS = ("contentType", "contentUrl", "name")


def _check(activity: Activity) -> None:
    _all(_NEEDED, activity, needed=True)
    if activity["type"] in _SAID:
        _all(_NEEDED_OF_WORDS, activity, needed=True)
    _all(_KNOWN, activity, needed=False)
    if activity["type"] == "invoke" and not activity.get("name"):
        raise Malformed("name is missing: an invoke has one")
    for attachment in activity.get("attachments") or ():
        if not all(_maybe(attachment.get(name)) for name in _ATTACHMENT_TEXTS):
            raise Malformed("attachments: contentType, contentUrl and name are texts")


def _all(rules: Iterable[tuple[str, Callable[[Any], bool], str]], activity: Activity, *, needed: bool) -> None:
    for name, fits, words in rules:
        value = activity.get(name)
        if value is None and needed:
            raise Malformed(f"{name} is missing")
        if value is not None and not fits(value):
            raise Malformed(f"{name} is not {words}")


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _finite(word: str) -> float:
    found = float(word)
    return found if math.isfinite(found) else float(_no_number(word))


def _depth(value: Any) -> int:
    """Return how deeply objects and lists lie in each other, without recursion."""
    deepest, level = 0, [value]
    while level := [inner for outer in level for inner in _inner(outer)]:
        deepest += 1
        if deepest > _DEEPEST:
            break
    return deepest + 1


def _inner(value: Any) -> Iterable[Any]:
    inside = value.values() if isinstance(value, dict) else value
    return [each for each in inside if isinstance(each, (dict, list))]


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return (
            value.encode("utf-16", "surrogatepass")
            .decode("utf-16", "replace")
            .replace("\0", "\N{REPLACEMENT CHARACTER}")
        )
    if isinstance(value, dict):
        return {_storable(name): _storable(inner) for name, inner in value.items()}
    return [_storable(inner) for inner in value] if isinstance(value, list) else value
