"""The model node's surroundings: the router's events reach the host, labels outlive the messages, each call is known.

A call is known by its thread, turn and user (budgets and the usage table go by them), and by the kind of work at hand
(`[routing.steps]`, `[routing.skills]`).
"""

from __future__ import annotations

import contextvars
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import takewhile
from typing import Annotated, Any, NotRequired

from langchain.agents.middleware import (
    AgentMiddleware,
    ModelRequest,
    ModelResponse,
    SummarizationMiddleware,
    hook_config,
)
from langchain.agents.middleware.types import PrivateStateAttr
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, ToolMessage
from langgraph.channels import UntrackedValue
from langgraph.config import get_config
from langgraph.runtime import Runtime

from copilot.agent import events
from copilot.agent.plan import Audit
from copilot.agent.state import LABEL, STAMP, State, label_of
from copilot.errors import NoModelError
from copilot.models import listening
from copilot.models.clearance import labelled
from copilot.models.occasion import occasion
from copilot.models.watching import watched
from copilot.plugins.tools import Effect, Tool, public_name

Handler = Callable[[ModelRequest[None]], Awaitable[ModelResponse[Any]]]

_KEPT = 400  # characters of an old tool result that stay when a thread is too long for every model


class ModelStep(AgentMiddleware[State, None, Any]):
    """Turns what the router tells into events, holds the thread's label over the call, shortens what is too long."""

    state_schema = State

    def __init__(self, tools: Mapping[str, Tool], audit: Audit | None = None) -> None:
        super().__init__()
        self._tools = tools
        self._audit = audit

    async def awrap_model_call(self, request: ModelRequest[None], handler: Handler) -> ModelResponse[Any]:
        """Return the model's answer; raises NoModelError when no model may, can or will answer."""
        write = request.runtime.stream_writer
        node = contextvars.copy_context()  # the writer finds its stream by the node's context

        def tell(event: listening.ModelEvent) -> None:
            node.run(write, _event(event))

        known = {**_who(request.messages), **_work(request.messages, self._tools)}
        with listening.listening(tell), labelled(label_of(request.state)), occasion(**known), watched(self._audit):
            try:
                return await handler(request)
            except NoModelError as error:
                if error.code != "too_long" or (shorter := _shortened(request.messages)) == request.messages:
                    raise
                return await handler(request.override(messages=shorter))


class Bounded(State):
    """`calls` counts those of the model since a person said or approved something; it is not kept."""

    calls: NotRequired[Annotated[int, UntrackedValue, PrivateStateAttr]]


class Bounds(SummarizationMiddleware):
    """Keeps a turn within `calls` calls of the model, and a thread within its window.

    That is LangChain's summarization; the summary's model call is gated by the thread's label like any other, and told.
    """

    state_schema = Bounded

    def __init__(self, model: BaseChatModel, audit: Audit | None = None, *, calls: int, **settings: Any) -> None:
        super().__init__(model, **settings)
        self._audit = audit
        self._calls = calls

    @hook_config(can_jump_to=["end"])
    async def abefore_model(self, state: Any, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Return the shortened messages when the thread has grown past its limit, the end after too many calls."""
        if (count := state.get("calls", 0)) >= self._calls:
            return self._ended()
        counted = {"calls": count + 1}
        who = _who(state["messages"])
        with labelled(label_of(state)), occasion(**who, step="summary"), watched(self._audit):
            shortened = await super().abefore_model(state, runtime)
        if shortened is None:
            return counted
        held = label_of(state).to_dict()
        return {**shortened, "messages": [_labelled(message, held) for message in shortened["messages"]], **counted}

    def _ended(self) -> dict[str, Any]:
        text = (
            f"I stopped after {self._calls} steps, the limit of one turn: the model came to no end. "
            "What was approved is done; ask for less at a time, say “go on”, or choose another model."
        )
        said = AIMessage(text, response_metadata={STAMP: {"unserved": "call_limit"}})
        return {"jump_to": "end", "messages": [said]}


def _labelled(message: AnyMessage, label: dict[str, Any]) -> AnyMessage:
    """Return the message, the summary with the label of the thread that it was made from."""
    if not isinstance(message, HumanMessage) or LABEL in message.additional_kwargs:
        return message
    return message.model_copy(update={"additional_kwargs": {**message.additional_kwargs, LABEL: label}})


def _who(messages: Sequence[BaseMessage]) -> dict[str, str]:
    """Return thread, turn and user of the calls that are made here."""
    chosen = get_config().get("configurable", {})
    said = next((m for m in reversed(messages) if isinstance(m, HumanMessage)), None)
    return {
        "thread": str(chosen.get("thread_id", "")),
        "turn": said.id or "" if said else "",
        "user": str(chosen.get("user", "")),
    }


def _work(messages: Sequence[BaseMessage], tools: Mapping[str, Tool]) -> dict[str, str]:
    """Return the kind of work at hand: what tools have just read is worked on, or all else; and the last tool's skill.

    Source: docs/settings.md, `[routing.steps]`.
    """
    results = list(takewhile(lambda m: isinstance(m, ToolMessage), reversed(messages)))
    used = [public_name(m.name or "") for m in results]
    reads = [name in tools and tools[name].effect is Effect.READ for name in used]
    skill = used[0].partition(".")[0] if used else ""
    return {"step": "reading" if reads and all(reads) else "drafting", "skill": skill}


def _event(event: listening.ModelEvent) -> events.Event:
    match event:
        case listening.Token(message_id, text):
            return events.Delta(message_id, text)
        case listening.Discarded(message_id):
            return events.Discard(message_id)
        case listening.Switched(source, target, reason):
            return events.Switched(source, target, reason)
        case listening.Used(model, input_tokens, output_tokens, cost):
            return events.Usage(model, input_tokens, output_tokens, cost)


def _shortened(messages: list[AnyMessage]) -> list[AnyMessage]:
    """Return the messages with every tool result but the last one cut; what the state holds stays whole."""
    results = [m for m in messages if isinstance(m, ToolMessage)]
    last = results[-1].id if results else None
    return [_cut(m) if isinstance(m, ToolMessage) and m.id != last else m for m in messages]


def _cut(message: ToolMessage) -> ToolMessage:
    text = message.text
    if len(text) <= _KEPT:
        return message
    return message.model_copy(
        update={"content": f"{text[:_KEPT]}\n[cut: the thread is too long; read again if needed]"}
    )
