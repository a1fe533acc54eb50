"""One turn of one thread: what goes into the graph, and what comes out as events."""

from __future__ import annotations

import logging
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, StateSnapshot

from copilot.agent.checkpoints import is_fault
from copilot.agent.events import ApprovalEvent, ChangeEvent, Delta, Event, Final
from copilot.agent.plan import Runner, Step
from copilot.agent.state import LABEL, label_of, stamp_of
from copilot.agent.tool_step import calls_of, result_of
from copilot.errors import ApprovalError, EverpilotError
from copilot.models.builtin import PIPED
from copilot.trust.approvals import Answer, Card, check
from copilot.trust.labels import UNKNOWN, USER, Label, join

_log = logging.getLogger(__name__)
_STEPS = 400  # LangGraph's own limit, well above what MODEL_CALLS allows


class Turn:
    """A turn of the thread `thread`; the graph brings the checkpointer. `label` is that of the whole conversation."""

    def __init__(
        self,
        graph: CompiledStateGraph[Any, Any, Any, Any],
        thread: str,
        mode: str,
        runner: Runner,
        clock: Callable[[], datetime],
        user: str = "",
        label: Label | None = None,
    ) -> None:
        self._durability: Literal["async", "sync"] = "async"  # see `say`
        self._graph = graph
        self._thread = thread
        self._runner = runner
        self._clock = clock
        self._label = label
        self._user = user
        self._config: RunnableConfig = {
            "configurable": {"thread_id": thread, "mode": mode, "user": user},
            "recursion_limit": _STEPS,
        }

    async def say(
        self, message: str, files: Sequence[str], typed: str | None = None, *, id: str = ""
    ) -> AsyncIterator[Event]:
        """Yield the events of the turn that answers a person's message.

        `typed` is what of it they typed themselves; if None all but what was piped in. Anything else in it, also the
        names of files, is other people's words. With an `id` the message counts once: where the thread holds it
        already, the turn goes on where it was broken off, or its end is told again.
        """
        self._durability = "sync" if id else "async"  # who gives it an id goes on with it after a crash
        known = await self._messages()
        if id and any(m.id == f"user-{id}" for m in known):
            async for event in self.go_on():
                yield event
            return
        text = _with_files(message, files)
        words = message.partition(f"\n\n{PIPED}\n")[0] if typed is None else typed
        label = USER if words == text else USER | UNKNOWN
        said = HumanMessage(text, id=f"user-{id or uuid.uuid4().hex}", additional_kwargs={LABEL: label.to_dict()})
        mended = self._mended(known)
        results = [result_of(step) for step in mended]
        given = {
            "messages": [*results, said],
            "typed": [[words, list(files), self._user]],
            "label": join((step.label for step in mended), label | self._label if self._label else label).to_dict(),
        }
        async for event in self._run(given):
            yield event

    async def go_on(self, after: Sequence[str] = ()) -> AsyncIterator[Event]:
        """Yield the events of a turn that was broken off, from its last checkpoint on; its end, if it had ended.

        What the model had said before comes first, each message whole; with `after`, only what it said after the
        message with these calls.
        """
        for message in _said(await self._messages(), after):
            yield Delta(str(message.id), message.text)
        if (waiting := await self.pending()) is not None:
            yield waiting
            yield await self._end(None, [])
            return
        async for event in self._run(None):
            yield event

    async def answer(
        self, approve: bool | Sequence[str], message: str, shown: str = "", always: bool = False
    ) -> AsyncIterator[Event]:
        """Yield the events of the turn that goes on after an answer to the card with the digest `shown` (to any if "").

        `always`: what can be allowed of the approved calls is not asked again.

        Raises ApprovalError when none is awaited, or not one to this card.
        """
        waiting = await self.pending()
        if waiting is None:
            hint = "List the threads with: everpilot sessions"
            raise ApprovalError(f"Thread {self._thread} waits for no approval.", hint=hint, code="nothing_pending")
        card = Card.from_dict(waiting.card)
        if isinstance(approve, bool):
            answer = (Answer.all_of if approve else Answer.none_of)(card, message)
        else:
            answer = Answer(card.digest, tuple(approve), message)
        answer = replace(answer, card_digest=shown or card.digest, card_id=card.id, always=always)
        check(card, answer, self._clock())
        async for event in self._run(Command(resume=answer.to_dict())):
            yield event

    async def label(self) -> Label:
        """Return the label of everything that entered the thread."""
        return label_of((await self._graph.aget_state(self._config)).values)

    async def pending(self) -> ApprovalEvent | None:
        """Return the approval that the thread waits for, or None."""
        return _waiting(await self._graph.aget_state(self._config))

    async def _run(self, given: Any) -> AsyncIterator[Event]:
        error: EverpilotError | None = None
        written: list[dict[str, Any]] = []
        values: dict[str, Any] | None = None
        waiting: ApprovalEvent | None = None
        try:
            stream: AsyncIterator[Any] = self._graph.astream(
                given, self._config, stream_mode=["custom", "updates", "values"], durability=self._durability
            )
            async for mode, payload in stream:
                if mode == "values":
                    values = payload
                elif mode == "custom" and isinstance(payload, Event):
                    if isinstance(payload, ChangeEvent):
                        written.append(payload.change)
                    yield payload
                elif mode == "updates" and "__interrupt__" in payload:
                    for raised in payload["__interrupt__"]:
                        waiting = ApprovalEvent(raised.id, raised.value)
                        yield waiting
        except EverpilotError as explained:
            error = explained
        except Exception as unexpected:
            if is_fault(unexpected):
                raise
            _log.warning("a turn failed", exc_info=True)
            error = _unexpected(unexpected)
        if error is not None or values is None:  # what the last step gave may not be all that the thread holds
            yield await self._end(error, written)
        else:
            yield self._final(values, waiting, None, written)

    async def _end(self, error: EverpilotError | None, written: Sequence[dict[str, Any]]) -> Final:
        """Return how the turn ended, as the thread tells."""
        snapshot = await self._graph.aget_state(self._config)
        return self._final(snapshot.values, _waiting(snapshot), error, written)

    def _final(
        self,
        values: Mapping[str, Any],
        waiting: ApprovalEvent | None,
        error: EverpilotError | None,
        written: Sequence[dict[str, Any]],
    ) -> Final:
        turn = _turn(values.get("messages", []))
        answers = [m for m in turn if isinstance(m, AIMessage)]
        stamp = stamp_of(answers[-1]) if answers else {}
        changes = [c for m in turn if isinstance(m, ToolMessage) for c in (m.artifact or {}).get("changes", [])]
        changes = [c for c in written if c not in changes] + changes  # the messages of some may be summarised already
        return Final(
            text=answers[-1].text if answers and not error else "",
            thread=self._thread,
            served_by=str(stamp.get("served_by", "")),
            attempts=[a for m in answers for a in stamp_of(m).get("attempts", [])],
            changes=changes + (_proposed(waiting) if waiting else []),
            approvals=[waiting.card] if waiting else [],
            menu=list(stamp.get("menu", [])),
            usage=_usage(answers),
            error=error.to_dict() if error else _shortfall(turn, stamp),
            label=label_of(values).to_dict(),
        )

    def _mended(self, messages: Sequence[BaseMessage]) -> list[Step]:
        """Return outcomes of the calls that a broken-off turn left open: committed ones count, the rest did not run."""
        last = next((m for m in reversed(messages) if isinstance(m, AIMessage)), None)
        if last is None:
            return []
        answered = {m.tool_call_id for m in messages if isinstance(m, ToolMessage)}
        calls = [c for c in calls_of(last, self._thread) if c.id not in answered]
        return [self._runner.recall(call) for call in calls]

    async def _messages(self) -> list[BaseMessage]:
        saver = self._graph.checkpointer
        assert isinstance(saver, BaseCheckpointSaver)
        found = await saver.aget_tuple(self._config)
        return list(found.checkpoint["channel_values"].get("messages", [])) if found is not None else []


def _with_files(message: str, files: Sequence[str]) -> str:
    """Return the message with a line of the files it is about, before any text that was piped in behind it."""
    said, marker, piped = message.partition(f"\n\n{PIPED}\n")
    return f"{said}\n\nFiles: {', '.join(files)}{marker}{piped}" if files else message


def _unexpected(error: Exception) -> EverpilotError:
    text = f"Something unexpected went wrong ({type(error).__name__}: {error})."
    hint = "What was approved before is written, nothing is half written. Set EVERPILOT_DEBUG=1 to see where."
    return EverpilotError(text, hint=hint, code="unexpected")


def _waiting(snapshot: StateSnapshot) -> ApprovalEvent | None:
    for task in snapshot.tasks:
        for raised in task.interrupts:
            return ApprovalEvent(raised.id, raised.value)
    return None


def _turn(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return the messages after the person's last one."""
    start = max((i for i, m in enumerate(messages) if isinstance(m, HumanMessage)), default=-1)
    return list(messages[start + 1 :])


def _said(messages: Sequence[BaseMessage], after: Sequence[str]) -> list[AIMessage]:
    """Return what the model said in this turn, after the message with these calls if there are any."""
    said = [m for m in _turn(messages) if isinstance(m, AIMessage)]
    asked = [i for i, m in enumerate(said) if any(call["id"] in after for call in m.tool_calls)]
    return [m for m in said[asked[-1] + 1 if asked else 0 :] if m.text.strip()]


#: What it means for a script that a turn did not do what was asked; its text says more.
_UNSERVED = {
    "asked": "Nothing was done yet: an answer is needed.",
    "needs_model": "Nothing was done: this needs a language model.",
    "no_source": "Nothing was answered: no source was read, and this agent answers from sources only.",
    "call_limit": "The turn was stopped: the model reached the limit of steps without an answer.",
}


def _shortfall(turn: Sequence[BaseMessage], stamp: dict[str, Any]) -> dict[str, Any] | None:
    """Return why a turn that ended in words did not do what was asked: no model could, or all its last calls failed."""
    if (unserved := stamp.get("unserved")) in _UNSERVED:
        return {"code": unserved, "message": _UNSERVED[unserved]}
    last = max((i for i, m in enumerate(turn) if isinstance(m, AIMessage) and m.tool_calls), default=len(turn))
    outcomes = [m.artifact or {} for m in turn[last:] if isinstance(m, ToolMessage)]
    failed = [o["error"] for o in outcomes if o.get("status") in ("failed", "denied") and o.get("error")]
    return failed[0] if failed and len(failed) == len(outcomes) else None


def _proposed(waiting: ApprovalEvent) -> list[dict[str, Any]]:
    return [
        {
            "path": item["path"],
            "summary": item["summary"],
            "hunks": item["hunks"],
            "warnings": item["warnings"],
            "committed": False,
        }
        for item in waiting.card["items"]
    ]


def _usage(answers: Sequence[AIMessage]) -> dict[str, Any]:
    used = [u for m in answers if isinstance(u := stamp_of(m).get("usage"), dict)]
    costs = [u["cost"] for u in used if u.get("cost") is not None]
    return {
        "input_tokens": sum(u.get("input_tokens", 0) for u in used),
        "output_tokens": sum(u.get("output_tokens", 0) for u in used),
        "cost": sum(costs) if costs else None,
    }
