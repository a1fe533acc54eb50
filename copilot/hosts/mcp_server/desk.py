"""One served workspace: an order is looked at, and done once nothing is left to ask."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from copilot.agent.copilot import Copilot
from copilot.agent.plan import Runner
from copilot.agent.step import Step
from copilot.errors import ApprovalError, EverpilotError
from copilot.hosts.mcp_server import undoing
from copilot.hosts.mcp_server.orders import Look, Order, Outcome
from copilot.plugins.tools import Tool
from copilot.settings import Settings
from copilot.trust.guard import Guard
from copilot.trust.labels import Confidentiality, Integrity, Label
from copilot.trust.policy import Request, Verdict

_CLEARANCE = "client-clearance"


class ClientGuard(Guard):
    """The policy of the settings, and what the client may be given: a file above `level` is not read for it."""

    level = Confidentiality.INTERNAL

    @property
    def denies(self) -> bool:
        """True: every file is looked at before a tool gets it."""
        return True

    def forbids(self, request: Request) -> Verdict | None:
        """Return the denial of a request before a tool runs, None when there is none."""
        return above(request.label, self.level) or super().forbids(request)


def first_seen(settings: Settings, level: Confidentiality) -> Seen:
    """Return what counts as seen at the start: that of a document without a label, or as much as may be given."""
    return Seen(min(Confidentiality.parse(settings.trust.default_confidentiality), level))


def above(label: Label, level: Confidentiality) -> Verdict | None:
    """Return the denial of data that is more confidential than the client may be given, None for other data."""
    if label.confidentiality <= level:
        return None
    what, most = label.confidentiality.name.lower(), level.name.lower()
    return Verdict("deny", _CLEARANCE, f"It is {what}, and this client may be given no more than {most} data.")


class Seen:
    """What the clients' models have been given so far, all clients of a server together.

    Whatever they ask for is as confidential, and documents had a part in it.
    """

    def __init__(self, start: Confidentiality) -> None:
        self._label = Label(Integrity.UNTRUSTED, start)
        self._lock = threading.Lock()

    @property
    def label(self) -> Label:
        """The join of everything that was handed over."""
        return self._label

    def add(self, label: Label) -> None:
        """Note that a client was given data with this label."""
        with self._lock:
            joined = self._label | replace(label, sources=())
            self._label = replace(joined, integrity=Integrity.UNTRUSTED)


class Desk:
    """Runs orders over the folders of one `copilot`, with the tools that are served; `seen` is shared by all desks."""

    def __init__(
        self, copilot: Copilot, tools: Mapping[str, Tool], level: Confidentiality, thread: str, seen: Seen
    ) -> None:
        self.copilot = copilot
        self.thread = thread
        self.level = level
        workspace = copilot.workspace
        self.guard = ClientGuard(copilot.settings.trust, copilot.state, workspace.roots)
        self.guard.level = level
        accounts = copilot.connections
        self.runner = Runner(tools, workspace, guard=self.guard, audit=self.record, connections=accounts)
        self.seen = seen

    def record(self, event: dict[str, Any]) -> None:
        """Write a record of the audit log."""
        self.copilot.audit.record({"folder": str(self.copilot.folder), **event})

    def order(self, tool: str, args: dict[str, Any], client: str) -> Order:
        """Return a new order of a client."""
        return Order.new(tool, args, self.thread, self.copilot.mode, self.seen.label, client)

    def look(self, order: Order, progress: Callable[[str], None] = lambda message: None) -> Look:
        """Return how far the order goes without writing, and what has to be asked; never raises for a wrong call."""
        if order.tool == undoing.NAME:
            return undoing.look(self, order)
        steps = self.runner.stage(
            [order.call()],
            mode=order.mode,
            label=order.label,
            by=order.by(self.copilot.user),
            progress=lambda call, message: progress(message),
        )
        for step in steps:
            self._withhold(step)
        return Look(order, steps, self.runner.card(steps, thread=order.thread, created=datetime.now(UTC)))

    def do(self, look: Look, approval: str = "") -> Outcome:
        """Write and send what the order may, and return what the client is told.

        `approval` is the digest of the card that the person approved.
        """
        if look.entry is not None:
            return undoing.do(self, look, approval)
        by = look.order.by(self.copilot.user)
        self.runner.record(look.steps, by=by, approval=approval)
        self.runner.commit(look.steps, thread=look.order.thread, by=by, approval=approval)
        for step in look.steps:
            self._withhold(step)
        outcome = told(look.steps[0])
        self.seen.add(outcome.label)
        return outcome

    def use(self, look: Look) -> bool:
        """Use the approval of the card up; False when it was used before."""
        assert look.card is not None
        call = look.order.call()
        try:
            self.guard.once.use(look.card.id, f"{look.order.thread}-{call.key}", look.card.digest)
        except ApprovalError:
            return False
        return True

    def asked(self, look: Look) -> None:
        """Record that the order waits for a person."""
        if look.steps:
            self.runner.record(look.steps, by=look.order.by(self.copilot.user))

    def _withhold(self, step: Step) -> None:
        """Refuse what read more than the client may be given, by whatever way it came."""
        denied = above(step.label, self.level)
        if denied is not None and step.status in ("done", "ask", "dry-run") and not step.written:
            step.changes, step.outgoing, step.run, step.shown = [], None, None, []
            step.data, step.sources = None, ()
            step.refuse(denied)


def told(step: Step) -> Outcome:
    """Return what a client is told of a step."""
    return Outcome(
        status=step.status,
        text=step.text,
        data=step.data,
        sources=step.sources,
        changes=tuple(step.shown),
        error=step.error,
        label=step.label,
        touched=tuple(change["path"] for change in step.shown if change.get("committed") and change.get("path")),
        listed=any(None in pair for pair in step.written),
    )


def failure(error: EverpilotError) -> Outcome:
    """Return what a client is told of an error."""
    return Outcome("failed", str(error), error=error.to_dict())
