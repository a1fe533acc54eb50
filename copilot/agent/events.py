"""What happens in a turn, as one typed stream. Every host turns it into something a person sees."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a turn."""

    type: ClassVar[str] = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the event as JSON types, with its `type`."""
        return {"type": self.type, **asdict(self)}


@dataclass(frozen=True, slots=True)
class Delta(Event):
    """A piece of the answer `message_id`; it may still be discarded."""

    type: ClassVar[str] = "delta"
    message_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Discard(Event):
    """The pieces of `message_id` shown so far are void: its vendor failed in the middle."""

    type: ClassVar[str] = "discard"
    message_id: str


@dataclass(frozen=True, slots=True)
class Switched(Event):
    """The turn goes on with another model."""

    type: ClassVar[str] = "switched"
    source: str
    target: str
    reason: str


@dataclass(frozen=True, slots=True)
class ToolEvent(Event):
    """A tool call: `status` is "started", "done", "failed", "rejected" or "progress"; `text` its result or message."""

    type: ClassVar[str] = "tool"
    call_id: str
    name: str
    args: dict[str, Any]
    status: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class ApprovalEvent(Event):
    """The turn waits for a person: `card` is what would be done (trust/approvals.py, `Card.to_dict`)."""

    type: ClassVar[str] = "approval"
    approval_id: str
    card: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ChangeEvent(Event):
    """A file was changed, or would be: `change` is `Change.to_dict`, `entry` the number that undoes it."""

    type: ClassVar[str] = "change"
    change: dict[str, Any]
    entry: int | None = None


@dataclass(frozen=True, slots=True)
class Usage(Event):
    """Tokens and cost of one model call; `cost` is None where no price is known."""

    type: ClassVar[str] = "usage"
    model: str
    input_tokens: int
    output_tokens: int
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Final(Event):
    """The end of the turn; the same fields as `everpilot -p --output-format json`.

    `attempts` are the failed tries before the answer ({model, failure, reason, seconds}); `menu` the ready-filled
    calls that the builtin planner offers ({tool, args}); `approvals` the open ones; `error` is None, or
    {code, message}. `label` is for hosts: how confidential, how trusted and from where all is that entered the thread
    (`Label.to_dict`).
    """

    type: ClassVar[str] = "final"
    text: str
    thread: str
    served_by: str = ""
    attempts: list[dict[str, Any]] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    approvals: list[dict[str, Any]] = field(default_factory=list)
    menu: list[dict[str, Any]] = field(default_factory=list)
    usage: dict[str, Any] = field(default_factory=dict)
    error: dict[str, Any] | None = None
    label: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that are promised, as JSON types."""
        told = {"type": self.type, **asdict(self)}
        del told["label"]
        return told
