"""One message that grows: streamed where the channel can, else edited or sent whole; resumable by another process.

Protocol (Teams, Stream bot messages; Web Chat, Livestreaming): typing activities with a `streaminfo` entity, numbered
from 1 on, the first without an id, those after it with the id that it was given; informative ones come before the text;
each holds the whole text so far; then one message with `streamType` final and no number. One request at a time, not
more often than the profile says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

from copilot.hosts.bot.channels import ChannelProfile, Keyed, StreamRefused
from copilot.hosts.bot.inbox import Activity, Channel
from copilot.hosts.bot.words import Words

#: An informative update has at most 1 KB.
MOST_INFORMATIVE = 250
Mode = Literal["new", "stream", "edit"]
_FORMATS = {"teams": "markdown", "full": "markdown", "plain": "plain"}


@dataclass
class Shown:
    """What the channel has of the message: enough for another process to go on.

    `text` is what it shows: a stream may have to go on from exactly that. `number` counts the messages of the turn.
    """

    mode: Mode = "new"
    id: str = ""
    sequence: int = 0
    text: str = ""
    number: int = 0

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Shown:
        """Return what `to_dict` wrote."""
        return cls(**{key: data[key] for key in ("mode", "id", "sequence", "text", "number") if key in data})

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return asdict(self)


class Stream:
    """The message that grows. `stopped` tells that the person wants no more of it."""

    def __init__(
        self, channel: Channel, profile: ChannelProfile, words: Words, clock: Callable[[], float], shown: Shown
    ) -> None:
        self.shown = shown
        self.stopped = False
        self._channel = channel
        self._profile = profile
        self._words = words
        self._clock = clock
        self._streams = profile.streams
        self._began = clock()
        self._last = float("-inf")

    @property
    def open(self) -> bool:
        """Whether the channel shows something that has to be finished."""
        return self.shown.mode != "new"

    @property
    def grows(self) -> bool:
        """Whether a text can be shown before it is whole."""
        return not self.stopped and (self._streams or self.shown.mode == "edit")

    def ready_in(self) -> float:
        """Return how many seconds must pass before more is sent."""
        every = self._profile.edit_every if self.shown.mode == "edit" else self._profile.stream_every
        return max(self._last + every - self._clock(), 0.0)

    def left(self) -> float:
        """Return how many seconds the channel's limit leaves to the stream."""
        if self.shown.mode != "stream":
            return float("inf")
        return max(self._began + self._profile.stream_seconds - self._clock(), 0.0)

    async def inform(self, text: str) -> None:
        """Say what is going on, where no text is shown yet or it may be replaced."""
        if not self.grows or self.shown.mode == "edit" or (self.shown.text and not self._profile.restarts):
            return
        await self._part("informative", text[:MOST_INFORMATIVE])

    async def grow(self, text: str) -> None:
        """Show the text so far."""
        if not self.grows:
            return
        if self.shown.mode == "stream" and not self._fits(text):
            await self.give_up(self._words.broken_off)
        if self.shown.mode == "edit":
            await self._edit(self.message(text))
            self.shown.text = text
        elif self._streams:
            await self._part("streaming", text)

    async def give_up(self, note: str) -> None:
        """End the stream, but not the message: the channel's time is over, or what is shown is void.

        What was shown stays with a note below it until it is replaced; where nothing can be, the next text is a message
        of its own.
        """
        if self.shown.mode != "stream":
            return
        text = f"{self.shown.text}\n\n{note}" if self.shown.text else note
        await self._end(self.message(text))
        if self.shown.id and self._profile.edits:
            self.shown.mode = "edit"
        else:
            self.shown = Shown(number=self.shown.number + 1)
        self.shown.text = ""

    async def finish(self, activity: Activity, text: str) -> str:
        """Make an activity, whose text is `text`, of the message and return its id; the next one is a new message."""
        if self.shown.mode == "stream" and not self._fits(text):
            await self.give_up(self._words.broken_off)
        if self.stopped:
            return ""
        id = self.shown.id
        if self.shown.mode == "stream":
            id = await self._end(activity)
        elif self.shown.mode == "edit":
            await self._edit(activity)
        else:
            id = await self._send(activity)
        self.shown = Shown(number=self.shown.number + 1)
        return id

    def message(self, text: str) -> Activity:
        """Return a message with this text, in the channel's format."""
        return {"type": "message", "text": text, "textFormat": _FORMATS[self._profile.dialect]}

    def _fits(self, text: str) -> bool:
        return self._profile.restarts or text.startswith(self.shown.text)

    async def _part(self, kind: Literal["informative", "streaming"], text: str) -> None:
        """Send one activity of the stream."""
        number = self.shown.sequence + 1
        info = {"type": "streaminfo", "streamType": kind, "streamSequence": number, **self._stream_id()}
        activity: Activity = {"type": "typing", "text": text, "entities": [info]}
        if self.shown.mode == "new":
            self._began = self._clock()
        self._last = self._clock()
        try:
            id = await self._send(activity)
        except StreamRefused as refused:
            self._refused(refused)
            return
        self.shown.mode, self.shown.id, self.shown.sequence = "stream", self.shown.id or id, number
        self.shown.text = text if kind == "streaming" else ""

    async def _end(self, activity: Activity) -> str:
        """Send the activity that ends the stream, or put it in its place if the channel ended it before."""
        info = {"type": "streaminfo", "streamType": "final", **self._stream_id()}
        final = {**activity, "entities": [info, *activity.get("entities", [])]}
        try:
            given = await self._send(final)
        except StreamRefused as refused:
            id = self.shown.id
            self._refused(refused)
            if self.stopped:
                return id
            if self.shown.mode == "edit":
                await self._edit(activity)
                return id
            return await self._send(activity)
        return self.shown.id or given

    async def _edit(self, activity: Activity) -> None:
        self._last = self._clock()
        await self._channel.update(self.shown.id, {**activity, "id": self.shown.id})

    def _refused(self, refused: StreamRefused) -> None:
        """Note what can be done without the stream."""
        self._streams = False
        self.stopped = refused.reason == "stopped"
        if self.shown.id and self._profile.edits and refused.reason != "unsupported":
            self.shown.mode = "edit"
        else:
            self.shown = Shown(number=self.shown.number)

    async def _send(self, activity: Activity) -> str:
        if self._profile.keyed:
            return await cast(Keyed, self._channel).send(activity, f"m{self.shown.number}")
        return await self._channel.send(activity)

    def _stream_id(self) -> dict[str, str]:
        return {"streamId": self.shown.id} if self.shown.id else {}
