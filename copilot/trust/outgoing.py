"""What a tool with the effect `send` returns instead of sending: everything that would go out, and how."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from copilot.trust.labels import UNKNOWN, Label

Kind = Literal["mail", "post", "share", "invite", "upload", "delete", "move", "permissions", "change", "run"]
#: Kinds that send nothing, but change or remove what lies elsewhere: they are always asked.
_ALTERS = frozenset({"delete", "move", "permissions", "change"})
KINDS = frozenset({"mail", "post", "share", "invite", "upload", "run"}) | _ALTERS


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes out: its name as the workspace shows it, the SHA-256 of its bytes, and its size in bytes."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Something that would leave this computer: computed in full, not yet sent.

    `recipients` are resolved: the addresses, handles or accounts that it goes to, not the names they were looked up by.
    `hosts` are web addresses that data is uploaded to. `body` is the whole text. `deliver` is called at most once, with
    a key that names this delivery for ever, and returns what to tell (a receipt); it raises EverpilotError when nothing
    was sent. It sends what is shown here and nothing else: it is made from the same values. With the kind "run" nothing
    leaves: a program is run in the sandbox, `subject` says which. `ways` says of recipients how each gets it, where
    that is another way than "To": "Cc", or "Bcc", which the others do not see.
    """

    kind: Kind
    recipients: tuple[str, ...]
    body: str
    deliver: Callable[[str], str]
    subject: str = ""
    attachments: tuple[Attachment, ...] = ()
    hosts: tuple[str, ...] = ()
    label: Label = UNKNOWN
    ways: Mapping[str, str] = field(default_factory=dict)

    @property
    def effect(self) -> str:
        """The policy's word for it."""
        if self.kind == "run":
            return "run"
        return "alter" if self.kind in _ALTERS else "upload" if self.hosts or self.kind == "upload" else "send"

    @property
    def summary(self) -> str:
        """What would be done, in a line."""
        whom = ", ".join(self.recipients or self.hosts) or "nobody"
        files = f" with {len(self.attachments)} attachment(s)" if self.attachments else ""
        if self.kind == "run":
            return f"Run {self.subject}{files}"
        return f"{self.kind.capitalize()} to {whom}{files}"

    def digest(self) -> str:
        """Return the SHA-256 that an approval is bound to: everything that goes out, and to whom."""
        text = json.dumps([self.kind, self.shown()], sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode("ascii")).hexdigest()

    def shown(self) -> list[dict[str, Any]]:
        """Return all of it as hunks (`Hunk.to_dict`): each recipient, the whole body, each attachment with its hash."""
        files = [f"{each.name} ({each.size:,} bytes, SHA-256 {each.sha256})" for each in self.attachments]
        lines = [
            *((self.ways.get(who, "To"), who) for who in self.recipients),
            *(("Host", host) for host in self.hosts),
            *([("Subject", self.subject)] if self.subject else []),
            ("Text", self.body),
            *(("Attachment", file) for file in files),
        ]
        return [{"where": where, "before": "", "after": after, "kind": "text"} for where, after in lines]

    def to_dict(self, *, committed: bool) -> dict[str, Any]:
        """Return it for a person or a script, in the form of a change: it has no path, but a summary and hunks."""
        return {
            "path": "",
            "summary": self.summary,
            "hunks": self.shown(),
            "warnings": [],
            "committed": committed,
        }
