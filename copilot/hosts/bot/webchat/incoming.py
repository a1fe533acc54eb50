"""What a browser posts, made into an activity as any channel's: who sent it is ours to say, and files are ours."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from copilot.hosts.bot.activities import MOST_BYTES, Malformed, parsed
from copilot.hosts.bot.inbox import Activity
from copilot.hosts.bot.webchat.files import SCHEME, File
from copilot.hosts.bot.webchat.signing import Holder

CHANNEL_ID = "webchat"
SERVICE_URL = "urn:everpilot:webchat"
BOT = {"id": "everpilot", "name": "Everpilot", "role": "bot"}

#: What a browser may say, besides text: all else (who sent it, where, when, for which tenant) is ours.
_TYPES = frozenset({"message", "event", "invoke", "messageReaction"})
_KEPT = ("type", "text", "textFormat", "locale", "localTimestamp", "localTimezone", "name", "value", "replyToId")
_KEPT_TOO = ("reactionsAdded", "reactionsRemoved", "inputHint")
_DATA = ("clientActivityID", "postBack", "messageBack", "attachmentSizes", "clientTimestamp")
_TEXTS = ("textFormat", "locale", "localTimestamp", "localTimezone", "inputHint")
_CLIENT_ID = re.compile(r"[\x21-\x7e]{1,100}")
_LONGEST = 200


def read(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a body; raises Malformed."""
    if len(body) > MOST_BYTES:
        raise Malformed(f"the body is larger than {MOST_BYTES:,} bytes", 413)
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Malformed("the body is not JSON") from error
    if not isinstance(found, dict):
        raise Malformed("the body is not a JSON object")
    return found


def taken(type: object) -> bool:
    """Return whether activities of this type are handed on; others (typing) pass."""
    return isinstance(type, str) and type in _TYPES


def activity_of(given: dict[str, Any], holder: Holder, files: list[File], clock: Callable[[], float]) -> Activity:
    """Return the activity as it is kept and handed on, without an id yet; raises Malformed."""
    activity = {name: given[name] for name in (*_KEPT, *_KEPT_TOO) if given.get(name) is not None}
    for name in _TEXTS:
        if not isinstance(activity.get(name, ""), str) or len(activity.get(name, "")) > _LONGEST:
            del activity[name]
    activity |= _ours(holder, clock())
    data = given.get("channelData")
    activity["channelData"] = {n: data[n] for n in _DATA if n in data} if isinstance(data, dict) else {}
    activity["attachments"] = [file.attachment() for file in files]
    # What is no activity is refused as at the other door; its rules want an id, which the transcript gives.
    checked = parsed(json.dumps({**activity, "id": "new"}).encode())
    del checked["id"]
    return checked


def named(given: dict[str, Any]) -> list[str]:
    """Return the files that the browser's activity names; others are never fetched: Malformed says how to send them."""
    attachments = given.get("attachments")
    listed = attachments if isinstance(attachments, list) else []
    found = [each.get("contentUrl") for each in listed if isinstance(each, dict)]
    urls = [url for url in found if isinstance(url, str) and url][:50]
    if not all(url.startswith(SCHEME) for url in urls):
        raise Malformed("attachments: files are not fetched from addresses; send them by .../upload")
    return urls


def dedupe_key(activity: Activity) -> str:
    """Return what makes a posted activity one: the browser's own id of it, "" where it gave none."""
    given = activity["channelData"].get("clientActivityID")
    if not isinstance(given, str) or not _CLIENT_ID.fullmatch(given):
        return ""
    return "in:" + hashlib.sha256(given.encode()).hexdigest()


def who(holder: Holder) -> dict[str, Any]:
    """Return for whom a token speaks, as the inbox is told."""
    return {"kind": "webchat", "user": holder.person, "tenant": "", "app": "", "service_url": SERVICE_URL}


def stamped(activity: Activity, conversation: str, now: float) -> Activity:
    """Return an activity of ours with the time and the names of both ends."""
    more = {"timestamp": _time(now), "channelId": CHANNEL_ID, "from": BOT, "conversation": {"id": conversation}}
    return {**activity, **more}


def _ours(holder: Holder, now: float) -> Activity:
    return {
        "channelId": CHANNEL_ID,
        "serviceUrl": SERVICE_URL,
        "conversation": {"id": holder.conversation, "conversationType": "personal"},
        "from": {"id": holder.person, "name": holder.name, "role": "user"},
        "recipient": BOT,
        "timestamp": _time(now),
    }


def _time(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
