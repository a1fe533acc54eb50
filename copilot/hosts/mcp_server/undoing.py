"""Taking back a change for a client: shown, asked and recorded like any other change."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from copilot.agent.step import Step
from copilot.errors import EverpilotError, ToolInputError
from copilot.hosts.mcp_server.orders import Look, Order, Outcome
from copilot.trust.approvals import Card, Item
from copilot.trust.labels import Label
from copilot.trust.policy import Request, Verdict
from copilot.workspace.journal import Entry

if TYPE_CHECKING:
    from copilot.hosts.mcp_server.desk import Desk

NAME = "everpilot.undo"
_LOOKED_AT = 1000  # entries of the journal, newest first


def look(desk: Desk, order: Order) -> Look:
    """Return what would be taken back; a refusal is a step that says why."""
    try:
        entry = _entry(desk, order)
        label = order.label | desk.copilot.workspace.label_of(entry)
        verdict = _verdict(desk, order, entry, label)
    except EverpilotError as error:
        return Look(order, [Step(order.call(), "failed", str(error), error=error.to_dict())])
    if verdict.verdict == "deny":
        return Look(order, [Step(order.call(), "denied", "", label=label).refuse(verdict)])
    if verdict.verdict == "allow":
        return Look(order, entry=entry)
    prefix = f"{order.thread}-{order.call().key}"
    item = _item(desk, order, entry, label)
    number = desk.guard.once.uses(prefix)
    card = Card.of(f"{prefix}-{number}", order.thread, [item], verdict.why, datetime.now(UTC))
    return Look(order, card=card, entry=entry)


def do(desk: Desk, look: Look, approval: str) -> Outcome:
    """Take it back, byte for byte, and return what the client is told; the workspace tells the audit log."""
    assert look.entry is not None
    try:
        done = desk.copilot.workspace.undo(look.entry.number)
    except EverpilotError as error:
        return Outcome("failed", str(error), error=error.to_dict())
    name = desk.copilot.workspace.show(done.path)
    change = {**_shown(desk, look.entry), "committed": True}
    text = f"Undone: {name} is as it was before change {look.entry.number}. This is change {done.number}."
    label = desk.copilot.workspace.label_of(look.entry)
    return Outcome(
        "done", text, changes=(change,), label=label, touched=(name,), listed=None in (done.before, done.after)
    )


def _entry(desk: Desk, order: Order) -> Entry:
    """Return the change that is meant: the one of that number, else the last one made through this server."""
    number = order.args.get("number")
    if number is not None and (not isinstance(number, int) or isinstance(number, bool)):
        raise ToolInputError("number must be the number of a change.", hint="Leave it out for the last one.")
    entries = desk.copilot.workspace.history(_LOOKED_AT)
    open_ = [e for e in entries if e.undoes is None and e.undone_by is None]
    if number is None:
        found = next((e for e in open_ if e.thread == order.thread), None)
    else:
        found = next((e for e in open_ if e.number == number), None)
    if found is None:
        which = "made here" if number is None else f"with the number {number}"
        raise ToolInputError(f"There is no change {which} that could be taken back.", code="nothing_to_undo")
    return found


def _verdict(desk: Desk, order: Order, entry: Entry, label: Label) -> Verdict:
    from copilot.hosts.mcp_server.desk import above

    request = Request("write", label, order.mode, tool=NAME, paths=(str(entry.path),))
    return above(label, desk.level) or desk.guard.judge(request)


def _item(desk: Desk, order: Order, entry: Entry, label: Label) -> Item:
    shown = _shown(desk, entry)
    what = json.dumps([entry.number, str(entry.path), entry.after, entry.before], ensure_ascii=True)
    digest = hashlib.sha256(what.encode("ascii")).hexdigest()
    return Item(
        call_id=order.id,
        tool=NAME,
        args=order.args,
        effect="write",
        summary=shown["summary"],
        path=shown["path"],
        hunks=shown["hunks"],
        digest=digest,
        label=label.to_dict(),
    )


def _shown(desk: Desk, entry: Entry) -> dict[str, Any]:
    """Return the undo as a change: the entry's own, read backwards."""
    hunks = [{**hunk, "before": hunk["after"], "after": hunk["before"]} for hunk in entry.hunks]
    path = desk.copilot.workspace.show(entry.path)
    summary = f"Take back change {entry.number}: {entry.summary}"
    return {"path": path, "summary": summary, "hunks": hunks, "warnings": [], "committed": False}
