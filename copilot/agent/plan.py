"""The tool step: the calls of one model message are staged, decided on together, and committed in order.

Staging is pure, so it is done again after an approval, perhaps days later and in another process; the approval
is bound to what was shown, and a call that was committed before a crash is recognised by its key.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from copilot.errors import DocumentError, EverpilotError, ToolInputError
from copilot.plugins.context import ToolContext
from copilot.plugins.tools import Effect, Result, Tool, public_name
from copilot.trust.approvals import Card, Item
from copilot.trust.labels import Label, join
from copilot.trust.policy import Verdict, decide
from copilot.workspace.change import Change
from copilot.workspace.journal import Entry
from copilot.workspace.workspace import Staging, Workspace

Status = Literal["done", "failed", "ask", "denied", "rejected", "dry-run"]
Progress = Callable[["Call", str], None]
#: What is put around the run of a call, to see it in traces.
Around = Callable[["Call"], AbstractContextManager[None]]

_log = logging.getLogger(__name__)
_CHANGED = "It is not any more what you were shown: the file, or what the tool makes of it, has changed since."


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call of a model: `key` names it for ever, so that it is committed at most once."""

    id: str
    name: str
    args: dict[str, Any]
    key: str = ""


@dataclass
class Step:
    """What became of one call."""

    call: Call
    status: Status
    text: str
    tool: Tool | None = None
    changes: list[Change] = field(default_factory=list)
    shown: list[dict[str, Any]] = field(default_factory=list)
    data: Any = None
    sources: tuple[str, ...] = ()
    label: Label = field(default_factory=Label)
    verdict: Verdict | None = None
    error: dict[str, str] | None = None


@dataclass(frozen=True)
class Settled:
    """A change that is on disk: how it is shown, and the journal's number that undoes it."""

    change: dict[str, Any]
    entry: int


class Runner:
    """Stages and commits tool calls over one workspace."""

    def __init__(
        self, tools: Mapping[str, Tool], workspace: Workspace, around: Around = lambda call: nullcontext()
    ) -> None:
        self._tools = dict(tools)
        self._workspace = workspace
        self._around = around

    def stage(
        self,
        calls: Sequence[Call],
        *,
        mode: str,
        label: Label,
        rejected: Mapping[str, str] | None = None,
        progress: Progress = lambda call, message: None,
    ) -> list[Step]:
        """Return the outcome of each call, as far as it goes without writing; a later call sees the earlier edits.

        `rejected` are the ids of calls that the person declined, with the words they said to it ("" for none).
        """
        staging = self._workspace.staging()
        steps = []
        for call in calls:
            if rejected and call.id in rejected:
                steps.append(Step(call, "rejected", _declined(rejected[call.id])))
                continue
            with self._around(call):
                step = self._stage_one(call, staging, mode, label, progress)
            label = label | step.label
            steps.append(step)
        return steps

    def recall(self, call: Call) -> Step:
        """Return what is known of a call whose turn broke off: its committed outcome, or that it did not run."""
        try:
            done = self._settled(call)
        except EverpilotError as error:
            text = f"Interrupted, and whether it wrote anything can't be looked up. {error}"
            return Step(call, "failed", text, error=error.to_dict())
        return done or Step(call, "rejected", "Interrupted before it ran; nothing was written.")

    def card(self, steps: Sequence[Step], *, thread: str, created: datetime, changed: bool = False) -> Card | None:
        """Return the one card that asks for everything in the plan that needs a person, or None.

        `changed` says that it was asked before, and is not any more what it was then.
        """
        asked = [step for step in steps if step.status == "ask"]
        if not asked:
            return None
        again = [_CHANGED] if changed else []
        why = " ".join(dict.fromkeys(again + [step.verdict.why for step in asked if step.verdict]))
        items = (item for step in asked for item in self._items(step))
        return Card.of(f"{thread}-{asked[0].call.id}", thread, items, why, created)

    def given_up(self, steps: Sequence[Step]) -> list[Step]:
        """Return the steps with those failed that wait for a person and are another each time they are staged."""
        text = "It came out different each time it was made, so what was approved can't be written. Nothing was."
        error = {"code": "not_repeatable", "message": text}
        return [
            Step(s.call, "failed", text, s.tool, label=s.label, error=error) if s.status == "ask" else s for s in steps
        ]

    def commit(self, steps: Sequence[Step], *, thread: str) -> list[Settled]:
        """Write the staged changes of every step that may, in order, and put the outcome into the steps."""
        return [settled for step in steps for settled in self._commit_one(step, thread)]

    def shown(self, change: Change, *, committed: bool) -> dict[str, Any]:
        """Return a change as a person or a script sees it."""
        return {**change.to_dict(committed=committed), "path": self._workspace.show(change.path)}

    def _settled(self, call: Call) -> Step | None:
        """Return the stored outcome of a call that was committed, whole or in part, before the process died."""
        entries: list[Entry] = []
        while call.key and (entry := self._workspace.committed(_key(call, len(entries)))) is not None:
            entries.append(entry)
        last = self._workspace.committed(_key(call, None)) if call.key else None
        if last is None and not entries:
            return None
        entries += [last] if last else []
        tool = self._tools.get(public_name(call.name))
        shown = [self._recorded(entry) for entry in entries]
        label = join(self._workspace.label_of(entry) for entry in entries)
        text = "Done and saved: " + _told(shown)
        if last is not None:
            return Step(call, "done", text, tool, shown=shown, label=label)
        text = f"Interrupted; only this much is saved, the rest did not happen:\n{_told(shown)}"
        error = {"code": "interrupted", "message": text}
        return Step(call, "failed", text, tool, shown=shown, label=label, error=error)

    def _recorded(self, entry: Entry) -> dict[str, Any]:
        path = self._workspace.show(entry.path)
        return {"path": path, "summary": entry.summary, "hunks": entry.hunks, "warnings": [], "committed": True}

    def _stage_one(self, call: Call, staging: Staging, mode: str, label: Label, progress: Progress) -> Step:
        context = ToolContext(staging, lambda message: progress(call, message))
        try:
            tool = self._tool(call.name)
            if tool.effect is not Effect.READ and (done := self._settled(call)):
                return done
            if tool.effect is Effect.SEND:
                return _unsent(call, tool)
            outcome = tool.stage(context, call.args)
            if isinstance(outcome, Result):
                return Step(
                    call,
                    "done",
                    outcome.markdown,
                    tool,
                    data=outcome.data,
                    sources=outcome.sources,
                    label=context.label,
                )
            return self._staged(call, tool, outcome, staging, context.label, mode, label | context.label)
        except EverpilotError as error:
            told = context.explained(error) if isinstance(error, DocumentError) else error
            return Step(call, "failed", str(told), label=context.label, error=told.to_dict())
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin's tool may raise anything; the turn goes on
            _log.warning("tool %s failed", call.name, exc_info=True)
            text = f"{public_name(call.name)} failed inside ({type(error).__name__}: {error}). Nothing was written."
            return Step(call, "failed", text, label=context.label, error={"code": "tool_crashed", "message": text})

    def _tool(self, name: str) -> Tool:
        found = self._tools.get(public_name(name)) or self._tools.get(name)
        if found is None:
            raise ToolInputError.unknown("tool", public_name(name), self._tools)
        return found

    def _staged(
        self, call: Call, tool: Tool, changes: list[Change], staging: Staging, read: Label, mode: str, label: Label
    ) -> Step:
        if not changes:
            return Step(call, "done", "There is nothing to change.", tool, label=read)
        if tool.effect is Effect.READ:
            text = f"{tool.name} is declared to read, but wants to write; that is refused."
            return Step(call, "denied", text, tool, label=read, error={"code": "effect", "message": text})
        overwrites = any(c.before is not None and any(h.kind == "file" for h in c.hunks) for c in changes)
        # A model may put whatever the thread has read into a file: the file is as confidential as the thread.
        changes = [replace(c, label=c.label | label) for c in changes]
        effect = Effect.DELETE if any(c.content is None for c in changes) else tool.effect
        verdict = decide(effect.value, label, mode, overwrites=overwrites)
        step = Step(call, "done", "", tool, changes, label=read, verdict=verdict)
        step.shown = [self.shown(c, committed=False) for c in changes]
        if verdict.verdict == "deny" and verdict.rule != "dry-run":
            step.status, step.text = "denied", f"Not allowed: {verdict.why} Nothing was written."
            step.error = {"code": verdict.rule, "message": step.text}
            return step
        for change in changes:
            staging.put(change)
        if verdict.rule == "dry-run":
            step.status = "dry-run"
            step.text = "Dry run, nothing was written. It would do this:\n" + _described(step.shown)
        elif verdict.verdict == "ask":
            step.status = "ask"
        return step

    def _items(self, step: Step) -> list[Item]:
        assert step.tool is not None
        return [
            Item(
                call_id=step.call.id,
                tool=step.tool.name,
                args=step.call.args,
                effect=step.tool.effect.value,
                summary=change.summary,
                path=shown["path"],
                hunks=shown["hunks"],
                warnings=shown["warnings"],
                digest=change.digest(),
                label=step.label.to_dict(),
            )
            for change, shown in zip(step.changes, step.shown, strict=True)
        ]

    def _commit_one(self, step: Step, thread: str) -> list[Settled]:
        if step.status not in ("done", "ask") or not step.changes:
            return []
        settled = []
        try:
            for i, change in enumerate(step.changes):
                last = i == len(step.changes) - 1
                key = _key(step.call, None if last else i) if step.call.key else ""
                entry = self._workspace.commit(change, key=key, thread=thread)
                step.shown[i] = self.shown(change, committed=True)
                settled.append(Settled(step.shown[i], entry.number))
        except EverpilotError as error:
            step.status, step.error = "failed", error.to_dict()
            step.text = f"{error} {_partly(settled)}".strip()
            step.shown = [each.change for each in settled]  # what was not written is not shown as if it were
            return settled
        step.status, step.text = "done", "Done and saved: " + _told(step.shown)
        return settled


def _declined(words: str) -> str:
    said = f" They said: {words}" if words else ""
    return f"The user did not approve this call; nothing was written.{said}"


def _unsent(call: Call, tool: Tool) -> Step:
    """Return the refusal of a tool that sends: to stage it would be to send, before anybody was asked."""
    text = f"{tool.name} sends something out; that can't be shown before it happens, and is refused."
    return Step(call, "denied", text, tool, error={"code": "effect", "message": text})


def _key(call: Call, index: int | None) -> str:
    """Return the key of a call's change number `index`; None is the last, which says that all are there."""
    return f"{call.key}:{'last' if index is None else index}"


def _partly(settled: list[Settled]) -> str:
    return f"Before that, {len(settled)} change(s) of this call were written." if settled else "Nothing was written."


def _told(shown: list[dict[str, Any]]) -> str:
    """Return saved changes in short: the person has seen them whole, and the model asked for them."""
    lines = []
    for change in shown:
        places = len(change["hunks"])
        lines.append(f"{change['path']}: {change['summary']}" + (f" ({places} places)" if places > 1 else ""))
        lines += [f"- note: {w}" for w in change["warnings"]]
    return "\n".join(lines)


def _described(shown: list[dict[str, Any]], most: int = 12) -> str:
    """Return changes in words for the model and the person: summary, hunks, warnings."""
    lines = []
    for change in shown:
        lines.append(f"{change['path']}: {change['summary']}")
        hunks = change["hunks"]
        lines += [f"- {h['where']}: {_short(h['before'])} → {_short(h['after'])}" for h in hunks[:most]]
        if len(hunks) > most:
            lines.append(f"- and {len(hunks) - most} more places")
        lines += [f"- note: {w}" for w in change["warnings"]]
    return "\n".join(lines)


def _short(text: str, most: int = 160) -> str:
    text = " ".join(text.split())
    return "(nothing)" if not text else text if len(text) <= most else text[: most - 1] + "…"


def joined(steps: Sequence[Step]) -> Label:
    """Return the label of everything that the steps read."""
    return join(step.label for step in steps)
