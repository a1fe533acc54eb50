"""What a persona adds to the loop: answers of its author before any model, and none without a source."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse, hook_config
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langgraph.runtime import Runtime

from copilot.agent.events import Delta, Discard
from copilot.agent.state import STAMP, State, label_of, stamp_of
from copilot.models.builtin import PIPED
from copilot.plugins.declarative.editorial import as_hint, ranked
from copilot.plugins.persona import EditorialAnswer, Persona

Handler = Callable[[ModelRequest[None]], Awaitable[ModelResponse[Any]]]

_HINTS = 3  # similar questions that a model is shown
NO_SOURCE = "I answer only from sources, and nothing was read for this. Name a document, or ask for what I have."


class PersonaStep(AgentMiddleware[State, None, Any]):
    """Gives editorial answers, shows close ones to the model, withholds what rests on the model's knowledge alone."""

    state_schema = State

    def __init__(self, persona: Persona) -> None:
        super().__init__()
        self._persona = persona

    @hook_config(can_jump_to=["end"])
    async def abefore_agent(self, state: State, runtime: Runtime[None]) -> dict[str, Any] | None:
        """Return the author's answer and the end of the turn where the question is one that the author answered."""
        found = self._close(state)
        if not found or found[0][0] < found[0][1].certain:
            return None
        answer = found[0][1].answer
        message = AIMessage(answer, id=f"editorial-{uuid.uuid4().hex}")
        message.response_metadata = {STAMP: {"served_by": f"editorial answer of {self._persona.name}"}}
        runtime.stream_writer(Delta(str(message.id), answer))
        return {"messages": [message], "jump_to": "end"}

    async def awrap_model_call(self, request: ModelRequest[None], handler: Handler) -> ModelResponse[Any]:
        """Return the model's answer; answers to similar questions stand in its system prompt."""
        close = [answer for _, answer in self._close(request.state)[:_HINTS]]
        if not close:
            return await handler(request)
        prompt = request.system_message.text if request.system_message else ""
        return await handler(request.override(system_message=SystemMessage(f"{prompt}\n\n{as_hint(close)}")))

    async def aafter_model(self, state: State, runtime: Runtime[None]) -> dict[str, Any] | None:
        """Return what takes the place of an answer that rests on no source, where the persona wants one."""
        message = state["messages"][-1]
        if not self._persona.sources_only or not isinstance(message, AIMessage) or message.tool_calls:
            return None
        stamp = stamp_of(message)
        asks_back = message.text.rstrip().endswith(("?", "？"))
        if stamp.get("served_by") == "builtin" or asks_back or _has_source(state):
            return None
        runtime.stream_writer(Discard(str(message.id)))
        replaced = AIMessage(NO_SOURCE, id=message.id, response_metadata={STAMP: {**stamp, "unserved": "no_source"}})
        return {"messages": [replaced]}

    def _close(self, state: Any) -> list[tuple[float, EditorialAnswer]]:
        """Return the author's answers that are close to what the person asked last, files and pipes left out."""
        said = next((m for m in reversed(state["messages"]) if isinstance(m, HumanMessage)), None)
        if said is None or not self._persona.answers:
            return []
        named = (state.get("typed") or [["", []]])[-1][1]
        text = said.text
        return [] if named or PIPED in text else ranked(text, self._persona.answers)


def _has_source(state: State) -> bool:
    """Whether anything was read in the thread; labels outlive the messages of a thread that was summarised."""
    read = any(isinstance(m, ToolMessage) and m.status == "success" for m in state["messages"])
    return read or bool(label_of(state).sources)
