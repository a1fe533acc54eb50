"""What a client asked for, in a form that can wait for a person, and what became of it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from copilot.agent.step import By, Call, Step
from copilot.trust.approvals import Card
from copilot.trust.labels import Label
from copilot.workspace.journal import Entry


@dataclass(frozen=True)
class Order:
    """One call of a client: `label` is what its model had been given when it made it, `moment` when that was.

    The same order is staged again after the person was asked, perhaps by another process: `id` is the same then, so
    that it is done once.
    """

    id: str
    tool: str
    args: dict[str, Any]
    thread: str
    mode: str
    label: Label
    moment: datetime
    client: str = ""

    @classmethod
    def new(cls, tool: str, args: dict[str, Any], thread: str, mode: str, label: Label, client: str) -> Order:
        """Return an order that was made just now."""
        moment = datetime.now(UTC).replace(microsecond=0)
        return cls(secrets.token_hex(5), tool, args, thread, mode, label, moment, client)

    def call(self) -> Call:
        """Return it as a call of a plan, whose key makes that it is committed at most once."""
        return Call(self.id, self.tool, self.args, f"{self.thread}:{self.id}")

    def by(self, actor: str) -> By:
        """Return who is behind it: nothing of it was typed to us, so no word of the person's endorses it."""
        return By(self.thread, actor, f"mcp:{self.client}" if self.client else "mcp", turn=self.id, moment=self.moment)

    def to_dict(self) -> dict[str, Any]:
        """Return the order as JSON types."""
        return {
            "id": self.id,
            "tool": self.tool,
            "args": self.args,
            "thread": self.thread,
            "mode": self.mode,
            "label": self.label.to_dict(),
            "moment": self.moment.isoformat(),
            "client": self.client,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Order:
        """Return the order that `to_dict` wrote; raises KeyError, TypeError or ValueError for anything else."""
        texts = {name: str(data[name]) for name in ("id", "tool", "thread", "mode", "client")}
        moment = datetime.fromisoformat(data["moment"])
        return cls(**texts, args=dict(data["args"]), label=Label.from_dict(data["label"]), moment=moment)


@dataclass
class Look:
    """An order as far as it goes without writing: `card` is what a person must be asked, None when nothing is.

    `entry` is the change that an undo would take back.
    """

    order: Order
    steps: list[Step] = field(default_factory=list)
    card: Card | None = None
    entry: Entry | None = None

    @property
    def digests(self) -> frozenset[str]:
        """What an approval is bound to: the digests of the card's items."""
        return frozenset(item.digest for item in self.card.items) if self.card else frozenset()


@dataclass(frozen=True)
class Given:
    """A person's answer to a card: counts for this card, and only while it shows the same."""

    card: str
    digests: frozenset[str]
    approved: bool

    def fits(self, look: Look) -> bool:
        """Return whether it is the answer to what `look` would do."""
        return look.card is not None and self.card == look.card.id and self.digests == look.digests


@dataclass(frozen=True)
class Outcome:
    """What the client is told: `status` is done, failed, denied, rejected, dry-run or needs_approval.

    `changes` are as in `Copilot.call`; `listed` says that files came or went, so that lists of them are old.
    """

    status: str
    text: str
    data: Any = None
    sources: tuple[str, ...] = ()
    changes: tuple[dict[str, Any], ...] = ()
    error: dict[str, str] | None = None
    label: Label = field(default_factory=Label)
    touched: tuple[str, ...] = ()
    listed: bool = False

    @property
    def failed(self) -> bool:
        """Whether the model is told that it did not work."""
        return self.status in ("failed", "denied", "rejected")
