"""The model node's surroundings: the router's events reach the host, and labels outlive the messages."""

from __future__ import annotations

import contextvars
from collections.abc import Awaitable, Callable
from typing import Any

from langchain.agents.middleware import (
    AgentMiddleware,
    ModelCallLimitMiddleware,
    ModelRequest,
    ModelResponse,
    SummarizationMiddleware,
    hook_config,
)
from langchain_core.messages import AIMessage, AnyMessage, ToolMessage
from langgraph.runtime import Runtime

from copilot.agent import events
from copilot.agent.state import STAMP, State, label_of
from copilot.errors import NoModelError
from copilot.models import listening
from copilot.models.clearance import labelled

Handler = Callable[[ModelRequest[None]], Awaitable[ModelResponse[Any]]]

_KEPT = 400  # characters of an old tool result that stay when a thread is too long for every model


class ModelStep(AgentMiddleware[State, None, Any]):
    """Turns what the router tells into events, holds the thread's label over the call, shortens what is too long."""

    state_schema = State

    async def awrap_model_call(self, request: ModelRequest[None], handler: Handler) -> ModelResponse[Any]:
        """Return the model's answer; raises NoModelError when no model may, can or will answer."""
        write = request.runtime.stream_writer
        node = contextvars.copy_context()  # the writer finds its stream by the node's context

        def tell(event: listening.ModelEvent) -> None:
            node.run(write, _event(event))

        with listening.listening(tell), labelled(label_of(request.state)):
            try:
                return await handler(request)
            except NoModelError as error:
                if error.code != "too_long" or (shorter := _shortened(request.messages)) == request.messages:
                    raise
                return await handler(request.override(messages=shorter))


class Compaction(SummarizationMiddleware):
    """LangChain's summarization; the summary's model call is gated by the thread's label like any other."""

    async def abefore_model(self, state: Any, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Return the shortened messages when the thread has grown past the limit."""
        with labelled(label_of(state)):
            return await super().abefore_model(state, runtime)


class CallLimit(ModelCallLimitMiddleware):
    """LangChain's limit of model calls in a turn, told in words that say what to do."""

    @hook_config(can_jump_to=["end"])
    async def abefore_model(self, state: Any, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Return the end of the turn when the model has been called too often in it."""
        ended = await super().abefore_model(state, runtime)
        if ended is None:
            return None
        text = (
            f"I stopped after {self.run_limit} steps, the limit of one turn: the model came to no end. "
            "What was approved is done; ask for less at a time, say “go on”, or choose another model."
        )
        return {**ended, "messages": [AIMessage(text, response_metadata={STAMP: {"unserved": "call_limit"}})]}


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
