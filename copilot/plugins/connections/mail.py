"""Mail: what a connector serves under the kind "mail", in plain words and values.

Everything in here that somebody else wrote (names, subjects, texts, file names) is untrusted. `mailbox` is the address
of a mailbox that is shared with the account, "" for its own. Ids stay good when a message is moved. All methods raise
ServiceError, whose code says why; "uncertain" means that it may have been done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

#: What a folder is for, where the server says so (RFC 6154; Graph's well-known names).
FolderRole = Literal["inbox", "sent", "drafts", "trash", "junk", "archive", ""]
PartKind = Literal["file", "message", "link"]
Answers = Literal["", "reply", "reply_all", "forward"]
#: Bytes that one attachment may have, and all of a letter together.
MOST_FILE, MOST_LETTER = 64 * 2**20, 25 * 2**20


@dataclass(frozen=True, slots=True)
class Address:
    """Who writes or is written to. The name is what they call themselves: to be shown, never to decide by."""

    address: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.name and self.name != self.address else self.address


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of a mailbox; `path` is its name below those that it lies in, "Projects/Budget"."""

    id: str
    path: str
    role: FolderRole = ""
    unread: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Protection:
    """How confidential a message says that it is.

    `labels` is the header msip_labels as it was written (Microsoft's sensitivity labels); `private` that its sender
    marked it as private or confidential (RFC 4021, section 2.1.55 "Sensitivity").
    """

    labels: str = ""
    private: bool = False


@dataclass(frozen=True, slots=True)
class Headline:
    """A message as a list shows it. `headers` holds those that tell bulk mail from letters, by lower-case names."""

    id: str
    subject: str
    sender: Address
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    moment: datetime | None = None
    thread: str = ""
    folder: str = ""
    preview: str = ""
    unread: bool = False
    flagged: bool = False
    draft: bool = False
    attachments: bool = False
    important: bool = False
    categories: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    protection: Protection = Protection()

    @property
    def participants(self) -> tuple[Address, ...]:
        """Who wrote it, and who got it."""
        return (self.sender, *self.to, *self.cc)


@dataclass(frozen=True, slots=True)
class Part:
    """An attachment; `size` is in bytes, about. A link leads to a file elsewhere and has no content here."""

    id: str
    name: str
    media: str = "application/octet-stream"
    size: int = 0
    inline: bool = False
    kind: PartKind = "file"


@dataclass(frozen=True, slots=True)
class Message:
    """A whole message. Its text is `html` where it has that, else `text`; `odd` says what could not be read."""

    head: Headline
    html: str = ""
    text: str = ""
    bcc: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    parts: tuple[Part, ...] = ()
    odd: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for; all of it must fit, and what is left out fits everything.

    `words` are looked for in subject, text and addresses, phrases in double quotes as they are. `sender` and `to` are
    names or addresses, or parts of them. `since` and `until` are moments with a zone, `until` is not included.
    """

    words: str = ""
    sender: str = ""
    to: str = ""
    subject: str = ""
    attachment: bool | None = None
    unread: bool | None = None
    flagged: bool | None = None
    since: datetime | None = None
    until: datetime | None = None
    folder: str = ""
    category: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """Messages, the newest first; `page` is what to ask for the next ones with, "" when there are none."""

    items: tuple[Headline, ...]
    page: str = ""


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A file that goes out with a letter."""

    name: str
    content: bytes = field(repr=False)
    media: str = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that is to be written: `text` and `html` say the same. `answered` is the message that it answers."""

    to: tuple[Address, ...]
    subject: str
    text: str
    html: str
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    files: tuple[Enclosure, ...] = ()
    answers: Answers = ""
    answered: str = ""


@dataclass(frozen=True, slots=True)
class Marks:
    """What is changed about messages; None leaves it as it is."""

    read: bool | None = None
    flagged: bool | None = None
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the mailbox, in words: when it applies, and what it does."""

    name: str
    enabled: bool = True
    when: tuple[str, ...] = ()
    then: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Absence:
    """The automatic reply; between `start` and `end` where it is scheduled."""

    on: bool
    start: datetime | None = None
    end: datetime | None = None
    inside: str = ""
    outside: str = ""


class Mail(Protocol):
    """The mail of one account."""

    @property
    def me(self) -> Address:
        """Whose it is; the address is "" where that is not known."""
        ...

    @property
    def account(self) -> str:
        """The account's name in the settings."""
        ...

    def folders(self, mailbox: str = "") -> list[Folder]:
        """Return the folders, those within others after them."""
        ...

    def search(self, query: Query, limit: int = 25, page: str = "", mailbox: str = "") -> Found:
        """Return the messages that a query fits. `page` goes on from an earlier answer to the same query."""
        ...

    def read(self, id: str, mailbox: str = "") -> Message:
        """Return a message. It stays unread if it was."""
        ...

    def thread(self, id: str, limit: int = 50, mailbox: str = "") -> list[Headline]:
        """Return the messages of the conversation that a message belongs to, the oldest first."""
        ...

    def content(self, id: str, part: str, limit: int = MOST_FILE, mailbox: str = "") -> bytes:
        """Return an attachment's bytes; a message within is as RFC 5322 has it. Code "full": more than `limit`."""
        ...

    def people(self, name: str) -> list[Address]:
        """Return who may be meant by a name: of the directory and the contacts first, then whom one wrote to."""
        ...

    def draft(self, letter: Letter, key: str, mailbox: str = "") -> str:
        """Return the id of the draft that keeps a letter; with the same key there is one, however often it is made."""
        ...

    def send(self, letter: Letter, key: str, mailbox: str = "") -> str:
        """Send a letter and return a receipt; with the same key it goes out once."""
        ...

    def send_draft(self, id: str, key: str, mailbox: str = "") -> str:
        """Send a draft as it is and return a receipt."""
        ...

    def mark(self, ids: Sequence[str], marks: Marks, mailbox: str = "") -> None:
        """Change what is noted about messages."""
        ...

    def move(self, ids: Sequence[str], folder: str, mailbox: str = "") -> None:
        """Move messages into a folder, by its id."""
        ...

    def rules(self, mailbox: str = "") -> list[Rule]:
        """Return the rules of the inbox, in their order."""
        ...

    def absence(self, mailbox: str = "") -> Absence:
        """Return the automatic reply."""
        ...
