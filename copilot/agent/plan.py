"""The tool step: the calls of one model message are staged, decided on together, and committed in order.

Staging is pure, so it is done again after an approval, perhaps days later and in another process; the approval
is bound to what was shown, and a call that was committed before a crash is recognised by its key.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import zip_longest
from typing import Any

from copilot._redaction import redacted
from copilot.agent.requests import Asked, Requests
from copilot.agent.sending import sent
from copilot.agent.step import By, Call, Settled, Status, Step, declined, described, key_of, partly, told
from copilot.errors import ApprovalError, DeniedError, DocumentError, EverpilotError, PluginError, ToolInputError
from copilot.plugins.connections import Connections
from copilot.plugins.context import ToolContext
from copilot.plugins.tools import Effect, Outcome, Result, Tool, public_name
from copilot.settings import TrustSettings
from copilot.trust.approvals import Card, Item
from copilot.trust.guard import Guard
from copilot.trust.labels import UNKNOWN, WORKSPACE, Confidentiality, Label, join
from copilot.trust.outgoing import Outgoing
from copilot.trust.policy import Request
from copilot.workspace.change import Change
from copilot.workspace.file import File
from copilot.workspace.journal import Entry
from copilot.workspace.workspace import Workspace

__all__ = ["Audit", "By", "Call", "Runner", "Settled", "Status", "Step", "joined"]

Progress = Callable[["Call", str], None]
#: What is put around the run of a call, to see it in traces.
Around = Callable[["Call"], AbstractContextManager[None]]
#: What is told of each decision and each commit; see `Runner.record`.
Audit = Callable[[dict[str, Any]], None]

_log = logging.getLogger(__name__)
_CHANGED = "It is not any more what you were shown: the file, or what the tool makes of it, has changed since."
#: Effects that a tool's outcome may have, by what it returns.
_WRITES = frozenset({Effect.WRITE, Effect.DELETE, Effect.MOVE})
_READS = frozenset({Effect.READ, Effect.FETCH})


def untraced(call: Call) -> AbstractContextManager[None]:
    """Return what is put around the run of a call where nobody looks."""
    return nullcontext()


class Runner:
    """Stages and commits tool calls over one workspace.

    `guard` decides (by default settings if left out). `audit` is called with one dict of JSON types for each decision
    and each commit, before the turn goes on; what it raises ends the turn, so that nothing is done unrecorded:

        {"event": "decision", "time", "actor", "thread", "model", "call", "tool", "effect", "args", "read", "carried",
         "verdict", "rule", "approval", "status"}
        {"event": "commit", ..., "status", "before", "after", "path", "entry"}

    `args` is the SHA-256 of the arguments as canonical JSON, `read` and `carried` are labels, `approval` is the digest
    of the card that a person answered ("" where nobody was asked), `before` and `after` are hashes of a file's bytes
    (None: there is none), and for what is sent `after` is the digest of all that went out. No text of documents is
    in it.
    """

    def __init__(
        self,
        tools: Mapping[str, Tool],
        workspace: Workspace,
        around: Around = untraced,
        *,
        guard: Guard | None = None,
        audit: Audit | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        connections: Connections | None = None,
    ) -> None:
        self._connections = connections
        self._tools = {name: self._placed(tool) for name, tool in tools.items()}
        self._by_wire = {tool.wire_name: tool for tool in reversed(self._tools.values())}  # of two the first counts
        self._workspace = workspace
        self._around = around
        self._guard = guard or Guard(TrustSettings(), workspace.state, workspace.roots)
        self._requests = Requests(workspace, self._guard)
        self._audit = audit
        self._clock = clock

    def _placed(self, tool: Tool) -> Tool:
        """Return the tool; one that goes to the web knows where that is, by the settings."""
        if not tool.on_web or self._connections is None:
            return tool
        web = self._connections
        return replace(tool, whom=lambda args: web.web.whom(args))

    def stage(
        self,
        calls: Sequence[Call],
        *,
        mode: str,
        label: Label,
        by: By = By(),  # noqa: B008 - frozen
        rejected: Mapping[str, str] | None = None,
        progress: Progress = lambda call, message: None,
    ) -> list[Step]:
        """Return the outcome of each call, as far as it goes without writing; a later call sees the earlier edits.

        `label` is what the model had seen when it made the calls: none of them knows what another one read, except
        through a file that it wrote. `rejected` are the ids of calls that the person declined, with the words they said
        to it ("" for none).
        """
        staging = self._workspace.staging()
        planned: Counter[str] = Counter()
        steps = []
        for call in calls:
            if rejected and call.id in rejected:
                steps.append(Step(call, "rejected", declined(rejected[call.id])))
                continue
            context = ToolContext(
                staging,
                partial(progress, call),
                author=by.actor,
                moment=by.moment,
                seen=label,
                connections=self._connections,
            )
            with self._around(call):
                steps.append(self._stage_one(call, context, mode, label, by, planned))
            if (outgoing := steps[-1].outgoing) is not None:
                planned.update(name.lower() for name in outgoing.recipients)
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

        Its id is new after every answer that was acted on. `changed` says that it was asked before, and is not any more
        what it was then.
        """
        asked = [step for step in steps if step.status == "ask"]
        if not asked:
            return None
        again = [_CHANGED] if changed else []
        why = " ".join(dict.fromkeys(again + [step.verdict.why for step in asked if step.verdict]))
        items = (item for step in asked for item in self._items(step))
        prefix = _prefix(thread, steps)
        return Card.of(f"{prefix}-{self._guard.once.uses(prefix)}", thread, items, why, created)

    def use(self, card: Card, steps: Sequence[Step]) -> bool:
        """Record that the answer to this card is acted on, until `finish`; return False when one was already."""
        try:
            self._guard.once.begin(card.id, _prefix(card.thread, steps), card.digest)
        except ApprovalError:
            return False
        return True

    def finish(self, card: str) -> None:
        """Record that everything was tried that the answer to the card with this id allowed."""
        self._guard.once.finish(card)

    def allow_always(self, card: Card, approved: Sequence[str]) -> list[str]:
        """Allow the approved tools on the card from now on, each below the folder of its file; return their names.

        What is always asked, and what was not asked for a reason that can be allowed, is left out.
        """
        made = []
        for item in card.items:
            if item.call_id in approved and item.grantable and item.path:
                folder = self._workspace.resolve(item.path).parent
                made.append(self._guard.grants.allow(item.tool, str(folder)).tool)
        return list(dict.fromkeys(made))

    def given_up(self, steps: Sequence[Step]) -> list[Step]:
        """Return the steps with those failed that wait for a person and are another each time they are staged."""
        text = "It came out different each time it was made, so what was approved can't be written. Nothing was."
        error = {"code": "not_repeatable", "message": text}
        return [
            Step(s.call, "failed", text, s.tool, label=s.label, error=error) if s.status == "ask" else s for s in steps
        ]

    def commit(self, steps: Sequence[Step], *, thread: str, by: By | None = None, approval: str = "") -> list[Settled]:
        """Write and send what every step may, in order, and put the outcome into the steps.

        `approval` is the digest of the card that the person approved, for the audit log.
        """
        by = by or By(thread)
        settled = []
        for step in steps:
            done = self._commit_one(step, thread, by.turn)
            settled += done
            for (before, after), file in zip_longest(step.written, done):  # what is sent is no file
                which = {"path": file.change["path"], "entry": file.entry} if file else {}
                self._tell("commit", step, by, approval, before=before, after=after, **which)
        return settled

    def record(self, steps: Sequence[Step], *, by: By, approval: str = "") -> None:
        """Tell the audit log what was decided on each step; `approval` is the digest of the card that was answered."""
        for step in steps:
            self._tell("decision", step, by, approval)

    def shown(self, change: Change, *, committed: bool) -> dict[str, Any]:
        """Return a change as a person or a script sees it."""
        return {**change.to_dict(committed=committed), "path": self._workspace.show(change.path)}

    def _tell(self, event: str, step: Step, by: By, approval: str, **more: Any) -> None:
        if self._audit is None:
            return
        verdict, carried = step.verdict, step.carried or step.label
        self._audit(
            {
                "event": event,
                "time": self._clock().astimezone(UTC).isoformat(),
                "actor": by.actor,
                "thread": by.thread,
                "model": by.model,
                "call": step.call.key or step.call.id,
                "tool": step.tool.name if step.tool else public_name(step.call.name),
                "effect": step.tool.effect.value if step.tool else "",
                "args": step.call.hash(),
                "read": step.label.to_dict(),
                "carried": carried.to_dict(),
                "verdict": verdict.verdict if verdict else "",
                "rule": verdict.rule if verdict else (step.error or {}).get("code", ""),
                "approval": approval if verdict and verdict.verdict == "ask" else "",
                "status": step.status,
                **more,
            }
        )

    # --- what was done before -------------------------------------------------------------------------------------

    def _settled(self, call: Call) -> Step | None:
        """Return the stored outcome of a call that was committed, whole or in part, before the process died."""
        tool = self._known(call.name)
        if call.key and (delivery := self._guard.once.delivery(key_of(call, None))) is not None:
            return sent(Step(call, "done", "", tool), delivery)
        entries: list[Entry] = []
        while call.key and (entry := self._workspace.committed(key_of(call, len(entries)))) is not None:
            entries.append(entry)
        last = self._workspace.committed(key_of(call, None)) if call.key else None
        if last is None and not entries:
            return None
        entries += [last] if last else []
        shown = [self._recorded(entry) for entry in entries]
        label = join(self._workspace.label_of(entry) for entry in entries)
        text = f"{self._workspace.done}: {told(shown)}"
        if last is not None:
            return Step(call, "done", text, tool, shown=shown, label=label)
        text = f"Interrupted; only this much is saved, the rest did not happen:\n{told(shown)}"
        error = {"code": "interrupted", "message": text}
        return Step(call, "failed", text, tool, shown=shown, label=label, error=error)

    def _recorded(self, entry: Entry) -> dict[str, Any]:
        path = self._workspace.show(entry.path)
        return {"path": path, "summary": entry.summary, "hunks": entry.hunks, "warnings": [], "committed": True}

    # --- staging --------------------------------------------------------------------------------------------------

    def _stage_one(
        self, call: Call, context: ToolContext, mode: str, label: Label, by: By, planned: Mapping[str, int]
    ) -> Step:
        step = Step(call, "done", "", label=context.label)
        try:
            step.tool = self._tool(call.name)
            if self._guard.denies:
                context.permit = partial(self._permit, step.tool, mode)
            if step.tool.effect not in _READS and (done := self._settled(call)):
                return done
            return self._staged(step, context, Asked(step.tool, call.args, label, mode, by), planned)
        except EverpilotError as error:
            shown = context.explained(error) if isinstance(error, DocumentError) else error
            return Step(call, "failed", str(shown), step.tool, label=context.label, error=shown.to_dict())
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin's tool may raise anything; the turn goes on
            _log.warning("tool %s failed", call.name, exc_info=True)
            reason = f"{type(error).__name__}: {redacted(str(error))}"
            text = f"{public_name(call.name)} failed inside ({reason}). Nothing was written."
            error_ = {"code": "tool_crashed", "message": text}
            return Step(call, "failed", text, step.tool, label=context.label, error=error_)

    def _permit(self, tool: Tool, mode: str, file: File) -> None:
        """Raise DeniedError where the settings deny a tool this file: a search opens what no argument names."""
        request = Request(tool.effect.value, file.label, mode, tool=tool.name, paths=(str(file.path),))
        if (forbidden := self._guard.forbids(request)) is not None:
            hint = "See: everpilot policy show"
            raise DeniedError(f"{tool.name} may not read {file.name}: {forbidden.why}", hint=hint, code=forbidden.rule)

    def _tool(self, name: str) -> Tool:
        found = self._known(name)
        if found is None:
            raise ToolInputError.unknown("tool", public_name(name), self._tools)
        return found

    def _known(self, name: str) -> Tool | None:
        """Return the tool that is called so, by its public name or by the one that vendors are given."""
        return self._tools.get(public_name(name)) or self._tools.get(name) or self._by_wire.get(name)

    def _staged(self, step: Step, context: ToolContext, asked: Asked, planned: Mapping[str, int]) -> Step:
        """Decide before the tool runs what can be decided by its call, and then on what it would do."""
        tool = asked.tool
        if tool.effect is Effect.SEND and not _declares_all(tool):
            return _unsent(step)
        tool.validate(step.call.args)
        if tool.effect in _READS or self._guard.denies:
            step.request = self._requests.before(asked)
            if (forbidden := self._guard.forbids(step.request)) is not None:
                return step.refuse(forbidden)

        def run() -> Outcome:
            return tool.stage(context, step.call.args)

        if tool.effect in _READS and step.request is not None:
            return self._read(step, context, step.request, run)
        outcome = run()
        step.label = context.label
        if isinstance(outcome, Result):
            return _told_result(step, outcome, context)
        if isinstance(outcome, Outgoing):
            return self._to_send(step, asked, outcome, join(context.labels), planned)
        return self._to_write(step, asked, outcome, context)

    def _read(self, step: Step, context: ToolContext, request: Request, run: Callable[[], Outcome]) -> Step:
        step.carried, step.verdict = request.label, self._guard.judge(request)
        if step.verdict.verdict == "deny":
            return step.refuse(step.verdict)

        def finish() -> Outcome:
            outcome = run()
            step.label = context.label
            if not isinstance(outcome, Result):
                return outcome
            _told_result(step, outcome, context)
            return outcome

        if step.verdict.verdict == "ask":
            step.status, step.run = "ask", finish
            return step
        outcome = finish()
        if isinstance(outcome, list) and not outcome:
            step.text = "There is nothing to change."
        elif not isinstance(outcome, Result):
            step.status = "denied"
            step.text = f"{request.tool} is declared to {request.effect}, but wants to do more; that is refused."
            step.error = {"code": "effect", "message": step.text}
        return step

    def _to_send(self, step: Step, asked: Asked, outgoing: Outgoing, read: Label, planned: Mapping[str, int]) -> Step:
        if asked.tool.effect is not Effect.SEND:
            return _unsent(step)
        request = self._requests.send(asked, outgoing, read, planned)
        step.request, step.carried, step.verdict = request, request.label, self._guard.judge(request)
        step.outgoing, step.shown = outgoing, [outgoing.to_dict(committed=False)]
        return self._put(step)

    def _to_write(self, step: Step, asked: Asked, changes: list[Change], context: ToolContext) -> Step:
        if not changes:
            step.text = "There is nothing to change."
            return step
        if asked.tool.effect not in _WRITES:
            return _unsent(step)
        request = self._requests.change(asked, changes, context.label)
        step.request, step.verdict = request, self._guard.judge(request)
        step.carried = asked.label | context.label
        # A model may put whatever the thread has read into a file: the file is as confidential as the thread.
        step.changes = [replace(c, label=c.label | step.carried) for c in changes]
        step.shown = [self.shown(c, committed=False) for c in changes]
        if step.verdict.verdict != "deny" or step.verdict.rule == "dry-run":
            for change in step.changes:
                context.staging.put(change)
        return self._put(step)

    def _put(self, step: Step) -> Step:
        """Say what the verdict makes of a staged step."""
        assert step.verdict is not None
        if step.verdict.rule == "dry-run":
            step.status = "dry-run"
            step.text = "Dry run, nothing was written. It would do this:\n" + described(step.shown)
        elif step.verdict.verdict == "deny":
            step.outgoing = None
            step.refuse(step.verdict)
        elif step.verdict.verdict == "ask":
            step.status = "ask"
        return step

    # --- asking ---------------------------------------------------------------------------------------------------

    def _items(self, step: Step) -> list[Item]:
        assert step.tool is not None
        return [
            Item(
                call_id=step.call.id,
                tool=step.tool.name,
                args=step.call.args,
                effect=step.outgoing.effect if step.outgoing else step.tool.effect.value,
                summary=shown["summary"],
                path=shown["path"],
                hunks=shown["hunks"],
                warnings=shown["warnings"],
                digest=digest,
                label=(step.carried or step.label).to_dict(),
                grantable=bool(step.verdict and step.verdict.grantable),
            )
            for shown, digest in _shown(step)
        ]

    # --- committing -----------------------------------------------------------------------------------------------

    def _commit_one(self, step: Step, thread: str, turn: str) -> list[Settled]:
        if step.status not in ("done", "ask"):
            return []
        if step.run is not None and step.status == "ask":
            return self._run_asked(step, step.run)
        if step.outgoing is not None:
            return self._deliver(step, step.outgoing, thread)
        return self._write(step, thread, turn) if step.changes else []

    def _run_asked(self, step: Step, run: Callable[[], Outcome]) -> list[Settled]:
        step.status = "done"
        try:
            if not isinstance(run(), Result):
                raise PluginError(f"{step.call.name} is declared to read, but wants to write; that is refused.")
        except EverpilotError as error:
            step.status, step.text, step.error = "failed", str(error), error.to_dict()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - as in staging: a plugin's tool may raise anything
            step.status = "failed"
            step.text = f"{public_name(step.call.name)} failed inside ({type(error).__name__}: {redacted(str(error))})."
            step.error = {"code": "tool_crashed", "message": step.text}
        return []

    def _deliver(self, step: Step, outgoing: Outgoing, thread: str) -> list[Settled]:
        key = key_of(step.call, None) if step.call.key else f"{outgoing.digest()}:{self._clock().isoformat()}"
        step.written = [(None, outgoing.digest())]
        try:
            delivery = self._guard.once.deliver(outgoing, key=key, thread=thread)
        except EverpilotError as error:
            step.status, step.error, step.shown = "failed", error.to_dict(), []
            step.text = f"{error} Nothing was sent."
            return []
        except Exception as error:
            _log.warning("delivery of %s failed", step.call.name, exc_info=True)
            begun = self._guard.once.delivery(key)
            if begun is None:
                raise
            delivery = replace(begun, receipt=f"{type(error).__name__}: {error}")
        step.shown = [outgoing.to_dict(committed=delivery.status == "sent")]
        sent(step, delivery)
        return [Settled(step.shown[0], None)] if delivery.status == "sent" else []

    def _write(self, step: Step, thread: str, turn: str) -> list[Settled]:
        settled: list[Settled] = []
        try:
            for i, change in enumerate(step.changes):
                last = i == len(step.changes) - 1
                key = key_of(step.call, None if last else i) if step.call.key else ""
                entry = self._workspace.commit(change, key=key, thread=thread, turn=turn)
                step.written.append((change.before, change.after))
                step.shown[i] = self.shown(change, committed=True)
                settled.append(Settled(step.shown[i], entry.number))
        except EverpilotError as error:
            step.status, step.error = "failed", error.to_dict()
            step.text = f"{error} {partly(settled)}".strip()
            step.shown = [each.change for each in settled]  # what was not written is not shown as if it were
            return settled
        step.status, step.text = "done", f"{self._workspace.done}: {told(step.shown)}"
        return settled


def joined(steps: Sequence[Step]) -> Label:
    """Return the label of everything that the steps read."""
    return join(step.label for step in steps)


def _prefix(thread: str, steps: Sequence[Step]) -> str:
    """Return what the cards of one plan have in common: the thread and the plan's first call."""
    first = steps[0].call
    return f"{thread}-{first.key or first.id}"


def _declares_all(tool: Tool) -> bool:
    """Whether a tool that sends says of every parameter what it matters."""
    return None not in tool.roles.values()


def _unsent(step: Step) -> Step:
    """Return the refusal of what can't be shown before it happens, or is another thing than the tool declares."""
    assert step.tool is not None
    does = "sends something out" if step.tool.effect is Effect.SEND else f"is declared to {step.tool.effect.value}"
    step.status = "denied"
    step.text = f"{step.tool.name} {does}; what it does can't be shown before it happens, and is refused."
    step.error = {"code": "effect", "message": step.text}
    return step


def _told_result(step: Step, result: Result, context: ToolContext) -> Step:
    if step.tool is not None and step.tool.effect is Effect.SEND:
        return _unsent(step)
    step.label = context.label | _answered(step, bool(context.labels))
    step.text, step.data, step.sources = result.markdown, result.data, result.sources
    if step.tool is not None and step.tool.on_web and step.label.confidentiality is Confidentiality.PUBLIC:
        step.leads = result.leads
    return step


def _answered(step: Step, labelled: bool) -> Label:
    """Return what the answer of another machine adds to the label of a result: it is untrusted, and internal where the
    tool of a service does not say how confidential it is (`labelled`).
    """
    if step.tool is None or step.tool.effect is not Effect.FETCH:
        return WORKSPACE
    service = step.tool.service_for(step.call.args)
    if service is None:
        return UNKNOWN
    source = service.source
    return replace(source, confidentiality=Confidentiality.PUBLIC) if labelled else source


def _shown(step: Step) -> list[tuple[dict[str, Any], str]]:
    """Return what a card shows of a step, each with the digest that the approval is bound to."""
    if step.outgoing is not None:
        return [(step.shown[0], step.outgoing.digest())]
    if step.changes:
        return [(shown, c.digest()) for c, shown in zip(step.changes, step.shown, strict=True)]
    args = json.dumps(step.call.args, ensure_ascii=False, sort_keys=True, default=repr)
    hunk = {"where": "With", "before": "", "after": args, "kind": "text"}
    shown = {"path": "", "summary": f"Run {public_name(step.call.name)}", "hunks": [hunk], "warnings": []}
    return [(shown, step.call.hash())]
