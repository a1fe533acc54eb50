"""Where a turn's replies go when the person sits at the page: into the transcript, wherever the turn runs."""

from __future__ import annotations

import time
from collections.abc import AsyncIterable, Callable
from copy import copy
from typing import Any

from copilot.hosts.bot import fence
from copilot.hosts.bot.inbox import Activity
from copilot.hosts.bot.webchat.files import File, Files
from copilot.hosts.bot.webchat.incoming import stamped
from copilot.hosts.bot.webchat.transcript import ENDED, Transcript

#: What a stream is: channelData of these, or an entity `streaminfo` with them (Livestreaming; Stream bot messages).
_STREAM = ("streamId", "streamType", "streamSequence")


class WebChatChannel:
    """One conversation of the page, as a `Channel`.

    Web Chat shows an activity with the id of an earlier one in its place. So a stream is one activity that is replaced:
    its first piece is sent, later ones and the final message take its place, whichever replica writes them. Until then
    it is of type "typing", with a text: shown as a message, and not yet read out to who can't see it. A piece
    that is older than what stands there changes nothing, and nothing changes a stream that has ended but `update`.

    With `turn`, `send` is idempotent by `key`: a turn that is resumed and sends again gets the id of what stands there.
    """

    def __init__(
        self,
        transcript: Transcript,
        conversation: str,
        *,
        turn: str = "",
        files: Files | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._transcript = transcript
        self._conversation = conversation
        self._turn = turn
        self._files = files
        self._clock = clock
        self._key = ""

    def once(self, key: str) -> WebChatChannel:
        """Return the same channel, for one message more of the turn: sent again, it is the same one."""
        made = copy(self)
        made._key = key
        return made

    async def send(self, activity: Activity, key: str = "") -> str:
        """Show an activity and return its id; a piece of a stream goes where the stream is."""
        await fence.check()
        stream = _stream(activity)
        made, rank = self._made(activity), _rank(stream)
        if id := str(stream.get("streamId") or ""):
            await self._transcript.replace(self._conversation, id, made, rank=rank)
            return id
        if activity.get("type") == "typing" and not stream:
            await self.typing()
            return ""
        key = key or self._key
        dedupe = f"out:{self._turn}:{key}" if key and self._turn else ""
        placed = await self._transcript.append(self._conversation, made, dedupe, rank=rank)
        if not placed.new:
            await self._transcript.replace(self._conversation, placed.id, made, rank=rank, anew=True)
        return placed.id

    async def update(self, id: str, activity: Activity) -> None:
        """Show an activity in the place of one that was sent."""
        await fence.check()
        await self._transcript.replace(self._conversation, id, self._made(activity), rank=ENDED)

    async def delete(self, id: str) -> None:
        """Take an activity back."""
        await fence.check()
        await self._transcript.remove(self._conversation, id)

    async def typing(self) -> None:
        """Show that something is being written, for some seconds."""
        await self._transcript.typing(
            self._conversation, stamped({"type": "typing"}, self._conversation, self._clock())
        )

    async def file(self, name: str, type: str, data: bytes | AsyncIterable[bytes]) -> File:
        """Keep a file that the person may fetch; `attachment()` of it goes into an activity. Raises TooLarge."""
        if self._files is None:
            raise ValueError("this channel was made without files")
        return await self._files.put(self._conversation, name, type, data)

    def _made(self, activity: Activity) -> Activity:
        return stamped(for_page(activity), self._conversation, self._clock())


def for_page(activity: Activity) -> Activity:
    """Return an activity as Web Chat shows it: pieces of a stream without their numbers, cards with Action.Submit."""
    stream = _stream(activity)
    data = {n: v for n, v in _map(activity.get("channelData")).items() if n not in _STREAM}
    made = {**activity, "type": activity.get("type", "message"), "channelData": data}
    if stream:
        writing = stream["streamType"] != "final"
        data |= {"everpilot:writing": True} if writing else {}
        made["type"] = "typing" if writing else "message"
        made["entities"] = [e for e in _list(activity.get("entities")) if _map(e).get("type") != "streaminfo"]
    if made.get("attachments"):
        made["attachments"] = [_shown(each) for each in _list(made["attachments"])]
    return made


def _shown(attachment: Any) -> Any:
    content = _map(attachment).get("content")
    if not isinstance(content, dict) or content.get("type") != "AdaptiveCard":
        return attachment
    return {**attachment, "content": _submits({name: v for name, v in content.items() if name != "refresh"})}


def _submits(value: Any) -> Any:
    """Return a part of a card with Action.Submit for Action.Execute: Web Chat does nothing on the latter."""
    if isinstance(value, list):
        return [_submits(each) for each in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") != "Action.Execute":
        return {name: _submits(each) for name, each in value.items()}
    fallback = value.get("fallback")
    if isinstance(fallback, dict) and fallback.get("type") == "Action.Submit":
        return fallback
    data = {**_map(value.get("data")), "verb": value.get("verb", "")}
    return {**{n: v for n, v in value.items() if n not in ("verb", "fallback")}, "type": "Action.Submit", "data": data}


def _stream(activity: Activity) -> dict[str, Any]:
    """Return what an activity says of its stream, {} if it is of none."""
    entities = [e for e in _list(activity.get("entities")) if _map(e).get("type") == "streaminfo"]
    found = {n: v for each in (*entities, _map(activity.get("channelData"))) for n, v in each.items() if n in _STREAM}
    return found if found.get("streamType") else {}


def _rank(stream: dict[str, Any]) -> int:
    if stream.get("streamType") == "final":
        return ENDED
    sequence = stream.get("streamSequence")
    return sequence if isinstance(sequence, int) and 0 < sequence < ENDED else 0


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
