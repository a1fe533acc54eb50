"""Search: what a connector serves under the kind "search": one question to files, mail, events, chats, people, sites.

Titles, summaries and passages are other people's words: untrusted. All methods raise ServiceError.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol, get_args

HitKind = Literal["file", "mail", "event", "chat", "person", "site", "list"]
HIT_KINDS: tuple[HitKind, ...] = get_args(HitKind)


@dataclass(frozen=True, slots=True)
class Sought:
    """What is looked for; all of it must fit. Words are looked for anywhere, phrases in double quotes as they are.

    `author` is who wrote or sent it, `file_type` an ending without its dot, `place` the address of a site or folder.
    `until` is included. What a kind of hit does not know (the file type of a mail) leaves that kind out.
    """

    words: str
    author: str = ""
    title: str = ""
    file_type: str = ""
    place: str = ""
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that was found: where it lies (`where`), what to open it by (`id`, `url`), and who may know of it.

    `labels` are its sensitivity labels by their GUIDs; `drive` is the drive of a file. `moment` is when it was changed
    last, sent, or begins.
    """

    kind: HitKind
    title: str
    summary: str = ""
    where: str = ""
    url: str = ""
    id: str = ""
    drive: str = ""
    author: str = ""
    moment: datetime | None = None
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hits:
    """Hits, the likeliest first. `total` is about how many there are; `page` goes on, "" at the end.

    `notes` say where it could not be looked, and what to do about it.
    """

    items: tuple[Hit, ...]
    total: int = 0
    page: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a document that may answer a question."""

    text: str
    title: str
    url: str = ""
    author: str = ""
    score: float = 0.0
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Passages:
    """Passages, the best first. `notes` say when they are summaries of hits instead, and why."""

    items: tuple[Passage, ...]
    notes: tuple[str, ...] = ()


class Search(Protocol):
    """The search of one account: it finds what its person may see."""

    @property
    def account(self) -> str:
        """The account's name in the settings."""
        ...

    def find(
        self, sought: Sought, kinds: tuple[HitKind, ...] = ("file", "mail", "chat"), limit: int = 15, page: str = ""
    ) -> Hits:
        """Return what is found, of all kinds together. `page` goes on from an earlier answer to the same question."""
        ...

    def passages(self, question: str, limit: int = 10, place: str = "") -> Passages:
        """Return stretches of documents that may answer a question in whole words."""
        ...
