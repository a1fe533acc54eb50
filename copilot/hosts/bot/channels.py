"""What each channel can do, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

#: How a channel reads the text of a message: Teams knows no headings and no tables in it; "full" is CommonMark with
#: tables; "plain" shows what stands there.
Dialect = Literal["teams", "full", "plain"]


Refusal = Literal["time", "stopped", "done", "unsupported"]


class StreamRefused(Exception):
    """The channel takes no more of a stream: raised by `Channel.send` for an activity with a `streaminfo` entity.

    `reason`: "time" (Teams: two minutes are over), "stopped" (the person pressed Stop), "done" (it was finalised
    before), or "unsupported" (the channel streams not at all, or not here).
    """

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason)
        self.reason = reason


#: What Teams says of a stream that it takes no more of, in the order that they are looked for (Stream bot messages,
#: Error codes), and what it means.
_REFUSALS: tuple[tuple[str, Refusal], ...] = (
    ("exceeded streaming time", "time"),
    ("message size too large", "time"),
    ("already completed", "done"),
    ("cancel", "stopped"),
    ("stopped", "stopped"),
    ("not allowed", "unsupported"),
    ("not enabled", "unsupported"),
)


def refusal(status: int, told: Mapping[str, Any]) -> StreamRefused | None:
    """Return what an HTTP status and its body mean for a stream whose activity was sent; None: nothing special."""
    error = _map(told.get("error"))
    code, text = str(error.get("code") or ""), str(error.get("message") or "").lower()
    if status not in (400, 403) or not (code or text):
        return None
    reason = next((reason for words, reason in _REFUSALS if words in text), None)
    if reason is None and status == 403:
        return None
    # A piece that Teams can't take, since another process sent more of it, say: the message is replaced instead.
    return StreamRefused(reason or "done")


class Keyed(Protocol):
    """A channel that takes a reply once: a second one with the same key takes the place of the first."""

    async def send(self, activity: dict[str, Any], key: str = "") -> str:
        """Send an activity, or put it in the place of that with this key; return its id."""


@dataclass(frozen=True)
class ChannelProfile:
    """What a channel can do in one kind of conversation. Sizes are bytes, times are seconds.

    `text_bytes` count the text of a message in UTF-16, `card_bytes` a card as JSON. `restarts` says that the text of
    a stream may be another one than before; where not, each must begin with what was shown. `edits` says that a sent
    message can be replaced, `keyed` that the channel is a `Keyed` one, `views` that a card can look different to each
    person. `pictures` are the bytes of pictures that a message can have. `suggestions` is how many prompts are shown.
    """

    streams: bool = False
    restarts: bool = False
    stream_every: float = 1.0
    stream_seconds: float = 100.0
    edits: bool = False
    keyed: bool = False
    edit_every: float = 3.0
    typing_every: float = 3.0
    dialect: Dialect = "plain"
    text_bytes: int = 28_000
    card_bytes: int = 28_000
    cards: bool = True
    views: bool = False
    pictures: int = 0
    annotations: bool = False
    feedback: bool = False
    suggestions: int = 0


#: Teams: a stream lives two minutes and only in a chat of two; its text must begin with what was shown (Stream bot
#: messages). A message is at most 100 KB in UTF-16, 80 KB to be sure, and was 28 and 40 KB before (Format your bot
#: messages): who reads more than 14,000 characters in one bubble? A card is at most 28 KB. Three suggestions are shown.
#: Pictures in base64 don't count there; one may have 1 MB (Send and receive messages, "Use picture messages").
_TEAMS = ChannelProfile(edits=True, dialect="teams", views=True, pictures=1_000_000, annotations=True, feedback=True)
_TEAMS_CHAT = ChannelProfile(
    streams=True, edits=True, dialect="teams", pictures=1_000_000, annotations=True, feedback=True, suggestions=3
)
#: Microsoft 365 Copilot takes messages of the Teams channel, but no edits of what was sent.
_COPILOT = ChannelProfile(streams=True, dialect="full", annotations=True, feedback=True, suggestions=3)
#: Web Chat shows of a stream the newest activity, whatever it says (Livestreaming). Our own page takes edits: a newer
#: activity of the same id replaces the older one. Direct Line does not.
_WEB_CHAT = ChannelProfile(
    streams=True,
    restarts=True,
    stream_every=0.5,
    stream_seconds=float("inf"),
    edits=True,
    keyed=True,
    dialect="full",
    card_bytes=200_000,
    pictures=4_000_000,
    annotations=True,
    suggestions=6,
)
#: An activity has at most 256 KB (Direct Line API, "Send a message").
_DIRECT_LINE = ChannelProfile(
    streams=True,
    restarts=True,
    stream_every=0.5,
    stream_seconds=float("inf"),
    dialect="full",
    pictures=150_000,
    annotations=True,
)
PROFILES: Mapping[tuple[str, str], ChannelProfile] = {
    ("msteams", "personal"): _TEAMS_CHAT,
    ("msteams", ""): _TEAMS,
    ("msteams:copilot", ""): _COPILOT,
    ("webchat", ""): _WEB_CHAT,
    ("directline", ""): _DIRECT_LINE,
    ("emulator", ""): ChannelProfile(dialect="full", card_bytes=200_000, pictures=150_000),
}
#: Where nothing is known: whole messages, no cards.
ANY = ChannelProfile(cards=False, text_bytes=8_000)


def profile_of(activity: Mapping[str, Any]) -> ChannelProfile:
    """Return what can be done in the conversation of an activity that came in.

    With `deliveryMode` "expectReplies" all replies go back in one answer: nothing is streamed and nothing edited.
    """
    channel = str(activity.get("channelId") or "").lower()
    conversation, data = _map(activity.get("conversation")), _map(activity.get("channelData"))
    if str(data.get("productContext") or "").lower() == "copilot":
        channel = f"{channel.partition(':')[0]}:copilot"
    kind = str(conversation.get("conversationType") or "").lower()
    profile = PROFILES.get((channel, kind)) or PROFILES.get((channel, "")) or ANY
    if activity.get("deliveryMode") == "expectReplies":
        return _buffered(profile)
    return profile


def _buffered(profile: ChannelProfile) -> ChannelProfile:
    return replace(profile, streams=False, edits=False, views=False, pictures=0, typing_every=float("inf"))


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
