"""The plan as a LangChain middleware: one interrupt for everything that a person must decide."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from langchain.agents.middleware import AgentMiddleware
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.config import get_config
from langgraph.errors import GraphInterrupt
from langgraph.runtime import Runtime
from langgraph.types import interrupt

from copilot.agent.events import ChangeEvent, Event, ToolEvent
from copilot.agent.plan import By, Call, Runner, Settled, Step, joined
from copilot.agent.state import LABEL, State, label_of, leads_of, moment_of, stamp_of, typed_of
from copilot.errors import ApprovalError
from copilot.plugins.tools import public_name
from copilot.trust.approvals import Answer, Card, check
from copilot.trust.labels import Label

Emit = Callable[[Event], None]

#: How often a change is shown again because it is another than the one that was approved, before it is given up.
_STALE_ANSWERS = 3
#: Characters of a tool's result that a model is given: the scripts and hosts get all of it.
_MODEL_READS = 60_000


class ToolStep(AgentMiddleware[State, None, Any]):
    """Runs every tool call itself, right after the model; the graph's own tool node never has anything to do."""

    state_schema = State

    def __init__(self, runner: Runner, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__()
        self._runner = runner
        self._clock = clock

    async def aafter_model(self, state: State, runtime: Runtime[None]) -> dict[str, Any] | None:
        """Return the results of the calls in the last message; waits (interrupts) where a person must decide."""
        message = state["messages"][-1]
        if not isinstance(message, AIMessage) or not message.tool_calls:
            return None
        chosen = get_config()["configurable"]
        thread, mode = str(chosen["thread_id"]), str(chosen.get("mode", "ask"))
        calls = calls_of(message, thread)
        actor, model = str(chosen.get("user", "")), str(stamp_of(message).get("served_by", ""))
        said = next((m.id or "" for m in reversed(state["messages"]) if isinstance(m, HumanMessage)), "")
        by = By(thread, actor, model, typed_of(state, actor), said, moment_of(message), leads_of(state))
        emit: Emit = runtime.stream_writer
        for call in calls:
            emit(ToolEvent(call.id, public_name(call.name), call.args, "started"))
        steps, card = await self._decided(calls, by, mode, label_of(state), emit)
        for settled in await asyncio.shield(asyncio.to_thread(self._done, steps, by, card)):
            emit(ChangeEvent(settled.change, settled.entry))
        for step in steps:
            emit(ToolEvent(step.call.id, public_name(step.call.name), step.call.args, _shown_status(step), step.text))
        return {"messages": [result_of(step) for step in steps], "label": joined(steps).to_dict()}

    def _done(self, steps: list[Step], by: By, card: Card | None) -> Sequence[Settled]:
        """Do what was decided, and return what became of it; then the answer to the card is used up."""
        approval = card.digest if card else ""
        try:
            self._runner.record(steps, by=by, approval=approval)
            return self._runner.commit(steps, thread=by.thread, by=by, approval=approval)
        finally:
            if card is not None:
                self._runner.finish(card.id)

    async def _decided(
        self, calls: Sequence[Call], by: By, mode: str, label: Label, emit: Emit
    ) -> tuple[list[Step], Card | None]:
        """Return the staged steps once nothing is left to ask, and the card that was approved, if one was.

        A stale or used answer leads to a new question, not a write.
        """
        rejected: dict[str, str] = {}
        approved: set[str] = set()
        answered: tuple[Card, Answer] | None = None
        stale = 0
        while True:
            steps = await asyncio.to_thread(
                self._runner.stage,
                calls,
                mode=mode,
                label=label,
                by=by,
                rejected=rejected,
                progress=lambda c, text: emit(ToolEvent(c.id, public_name(c.name), c.args, "progress", text)),
            )
            card = self._runner.card(steps, thread=by.thread, created=self._clock(), changed=stale > 0)
            if card is None:
                return steps, None
            if answered is not None and approved == {item.digest for item in card.items}:
                if self._used(*answered, steps):
                    return steps, answered[0]
                answered = None
            if stale == _STALE_ANSWERS:
                return self._runner.given_up(steps), None
            answer = self._ask(card, steps, by)
            if answer is None:
                stale += 1
                continue
            answered = card, answer
            approved = {item.digest for item in card.items if item.call_id in answer.approved}
            rejected |= {i.call_id: answer.message for i in card.items if i.call_id not in answer.approved}

    def _used(self, card: Card, answer: Answer, steps: Sequence[Step]) -> bool:
        """Use the answer up; return False when it was used before, by whoever."""
        if not self._runner.use(card, steps):
            return False
        if answer.always:
            self._runner.allow_always(card, answer.approved)
        return True

    def _ask(self, card: Card, steps: Sequence[Step], by: By) -> Answer | None:
        try:
            given = interrupt(card.to_dict())
        except GraphInterrupt:
            self._runner.record(steps, by=by)  # once: when the turn goes on, interrupt returns
            raise
        answer = Answer.from_dict(given)
        try:
            check(card, answer, self._clock())
        except ApprovalError:
            return None  # the document changed since the card was shown: it is shown again as it would be now
        return answer


def calls_of(message: AIMessage, thread: str) -> list[Call]:
    """Return a message's tool calls with the keys under which they are committed; some servers repeat the ids."""
    return [
        Call(str(c["id"]), c["name"], c["args"], f"{thread}:{message.id}:{number}:{c['id']}")
        for number, c in enumerate(message.tool_calls)
    ]


def result_of(step: Step) -> ToolMessage:
    """Return what the model is told of a step; the rest travels as artifact for hosts and scripts."""
    failed = step.status in ("failed", "denied", "rejected")
    return ToolMessage(
        content=_readable(step.text) or "(empty)",
        tool_call_id=step.call.id,
        name=step.call.name,
        status="error" if failed else "success",
        artifact={
            "status": step.status,
            "changes": step.shown,
            "data": step.data,
            "sources": list(step.sources),
            **({"leads": list(step.leads)} if step.leads else {}),
            "error": step.error,
        },
        additional_kwargs={LABEL: step.label.to_dict()},
    )


def _readable(text: str) -> str:
    """Return the text in characters that every vendor takes, cut where it would crowd out everything else."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    if len(text) <= _MODEL_READS:
        return text
    note = f"[cut: the first {_MODEL_READS:,} of {len(text):,} characters; ask for a part of it to see more]"
    return f"{text[:_MODEL_READS]}\n{note}"


def _shown_status(step: Step) -> str:
    return {"ask": "done", "dry-run": "done", "denied": "failed"}.get(step.status, step.status)
