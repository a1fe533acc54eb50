"""Chats: what a connector serves under the kind "chat", in plain words and values.

A place is a chat or a channel. Everything in here that somebody else wrote (names, titles, texts, file names) is
untrusted. Moments have a zone. All methods raise ServiceError, whose code says why; "uncertain" means that it may have
been done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

PlaceKind = Literal["one", "group", "meeting", "channel"]
Importance = Literal["normal", "high", "urgent"]


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in a chat. The name is what they call themselves; `address` is "" where it is not known."""

    id: str
    name: str = ""
    address: str = ""

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.name and self.address else self.name or self.address or self.id


@dataclass(frozen=True, slots=True)
class Place:
    """A chat or a channel: `team` is that of a channel, `last` when it was last used, `unread` whether that is new.

    `read` is up to when it was read. `members` are those of a chat; of a channel they are not listed.
    """

    id: str
    kind: PlaceKind
    title: str
    team: str = ""
    members: tuple[Member, ...] = ()
    last: datetime | None = None
    preview: str = ""
    read: datetime | None = None
    unread: bool = False
    url: str = ""

    @property
    def name(self) -> str:
        """What it is called: "Finance / General" for a channel."""
        return f"{self.team} / {self.title}" if self.team else self.title


@dataclass(frozen=True, slots=True)
class Attached:
    """What hangs on a message: a file, by its address; a card or a quoted message, by its text."""

    name: str
    url: str = ""
    kind: Literal["file", "card", "quote", "other"] = "file"
    text: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """A message. `markdown` is its text, with hidden parts marked; `hidden` says that there are some.

    `answers` is the message that it replies to, `replies` those under it. `deleted` ones have no text; `system` ones
    tell what happened ("members added").
    """

    id: str
    author: Member
    moment: datetime | None
    markdown: str
    subject: str = ""
    answers: str = ""
    replies: tuple[Said, ...] = ()
    reactions: tuple[str, ...] = ()
    mentions: tuple[Member, ...] = ()
    attached: tuple[Attached, ...] = ()
    importance: Importance = "normal"
    edited: bool = False
    deleted: bool = False
    system: bool = False
    hidden: bool = False
    url: str = ""


@dataclass(frozen=True, slots=True)
class Talk:
    """Messages, the newest last; `page` is what to ask for earlier ones with, "" when there are none."""

    items: tuple[Said, ...]
    page: str = ""


@dataclass(frozen=True, slots=True)
class Post:
    """What is to be said. `mentions` are people whose "@name" in the Markdown becomes a mention."""

    markdown: str
    mentions: tuple[Member, ...] = ()
    importance: Importance = "normal"
    subject: str = ""
    answers: str = ""


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether somebody can be reached: the service's words ("Available", "InAMeeting"), and what they note of it."""

    member: str
    availability: str
    activity: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Missed:
    """What somebody has not read in one place; `mentioned` that they were named in it."""

    place: Place
    items: tuple[Said, ...]
    mentioned: bool = False


@dataclass(frozen=True, slots=True)
class News:
    """What was missed, and what could not be looked at, in words that name the next step."""

    missed: tuple[Missed, ...]
    notes: tuple[str, ...] = field(default=())


class Chat(Protocol):
    """The chats and channels of one account."""

    @property
    def account(self) -> str:
        """The account's name in the settings."""
        ...

    @property
    def me(self) -> Member:
        """Whose it is."""
        ...

    def chats(self, limit: int = 50) -> list[Place]:
        """Return the chats, those in which something was said last first."""
        ...

    def channels(self) -> list[Place]:
        """Return the channels of the teams that one is in."""
        ...

    def messages(self, place: str, since: datetime | None = None, limit: int = 30, page: str = "") -> Talk:
        """Return the last messages of a place; replies in a channel stand under what they answer.

        `page` goes on into the past from an earlier answer. Code "missing": the place was deleted.
        """
        ...

    def message(self, place: str, id: str) -> Said:
        """Return one message with its replies."""
        ...

    def news(self, since: datetime | None = None, limit: int = 20) -> News:
        """Return what others said in chats and was not read, and where one was mentioned in channels since a moment."""
        ...

    def between(self, addresses: Sequence[str]) -> Place | None:
        """Return the chat that has exactly these people and oneself in it; the untitled one, if there are several."""
        ...

    def people(self, name: str) -> list[Member]:
        """Return who may be meant by a name or an address."""
        ...

    def presence(self, members: Sequence[Member]) -> list[Presence]:
        """Return whether people can be reached."""
        ...

    def post(self, place: str, post: Post, key: str) -> str:
        """Say something in a place, once, and return a receipt."""
        ...

    def start(self, members: Sequence[Member], title: str, post: Post, key: str) -> str:
        """Say something to people with whom there is no chat yet: it is made. Return a receipt."""
        ...
