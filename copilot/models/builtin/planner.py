"""The builtin planner as a LangChain chat model: real tool calls, no weights, no network."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolCall, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import ConfigDict, Field, PrivateAttr

from copilot.models.builtin.ground import Ground
from copilot.models.builtin.memory import METADATA, Done, Memory, remember, text_of
from copilot.models.builtin.plan import Outcome, Planner
from copilot.models.builtin.replies import Call, failed_line, labelled, needs_model, report
from copilot.models.builtin.summary import is_summary_request, summarise
from copilot.models.builtin.toolview import views

NAME = "builtin"


class BuiltinPlanner(BaseChatModel):
    """Follows direct English commands over the files of `ground`, with whatever tools are bound.

    It answers with tool calls when every value comes from the request and fits the files, else with a text that says
    why, and a numbered menu of calls in `response_metadata["everpilot"]["menu"]`. `"unserved"` beside it is "asked"
    or "needs_model" when the text does not do what was asked. It never writes prose of its own.
    `failed` (a list of {model, failure, reason}) may be passed to a call: what failed before it was asked.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    ground: Ground
    tools: tuple[Any, ...] = Field(default=())
    _planner: Planner | None = PrivateAttr(default=None)

    @property
    def _llm_type(self) -> str:
        return NAME

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> BuiltinPlanner:
        """Return this model with tools: LangChain ones of ours or of strangers, or JSON schemas."""
        return BuiltinPlanner(ground=self.ground, tools=tuple(tools), callbacks=self.callbacks, tags=self.tags)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        message = self.reply(messages, kwargs.get("failed") or ())
        return ChatResult(generations=[ChatGeneration(message=message)])

    def reply(self, messages: Sequence[BaseMessage], failed: Sequence[dict[str, Any]] = ()) -> AIMessage:
        """Return the answer to a thread of messages; the same messages and files give the same answer."""
        memory = remember(messages)
        if not self.tools:
            return _message(_bare(messages, memory), memory, failed)
        if (messages and isinstance(messages[-1], ToolMessage)) or memory.done:
            return _message(self._next(memory) or Outcome(report(memory)), memory, failed)
        return _message(self._plan().plan(memory), memory, failed)

    def _next(self, memory: Memory) -> Outcome | None:
        """Return what else reads the answer, after the tool that comes first found none; None where nothing does."""
        planner = self._plan()
        first = {view.wire_name for view in planner.views if view.first}
        if not all(done.name in first and _found_nothing(done) for done in memory.done):
            return None
        others = Planner([view for view in planner.views if not view.first], self.ground)
        reading = {view.wire_name for view in others.views if not view.acts}
        outcome = others.plan(memory)
        return outcome if outcome.calls and all(call.wire_name in reading for call in outcome.calls) else None

    def _plan(self) -> Planner:
        if self._planner is None:
            self._planner = Planner(views(self.tools), self.ground)
        return self._planner


def _found_nothing(done: Done) -> bool:
    """Whether a call read all that it could, and no place of it holds what was asked for."""
    told = done.result.artifact if done.result is not None else None
    return isinstance(told, dict) and told.get("status") == "done" and not told.get("sources")


def _bare(messages: Sequence[BaseMessage], memory: Memory) -> Outcome:
    """Answer without tools: only a summary of the thread can be made."""
    if is_summary_request(memory.request):
        return Outcome(summarise(messages))
    return Outcome(needs_model("No tools are at hand."), unserved="needs_model")


def _message(outcome: Outcome, memory: Memory, failed: Sequence[dict[str, Any]]) -> AIMessage:
    usage = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    ours: dict[str, Any] = {"menu": [c.to_dict() for c in outcome.menu]}
    metadata: dict[str, Any] = {"model_name": NAME, METADATA: ours}
    if outcome.calls:
        calls = [_tool_call(call, memory, index) for index, call in enumerate(outcome.calls)]
        lead = "\n\n".join(line for line in (failed_line(failed), outcome.text) if line)
        return AIMessage(content=lead, tool_calls=calls, response_metadata=metadata, usage_metadata=usage)
    if outcome.unserved:
        ours["unserved"] = outcome.unserved
    lines = [failed_line(failed), outcome.text]
    text = labelled("\n\n".join(line for line in lines if line))
    return AIMessage(content=text, response_metadata=metadata, usage_metadata=usage)


def _tool_call(call: Call, memory: Memory, index: int) -> ToolCall:
    """Return the call with an id that is the same for the same place in the same thread."""
    key = json.dumps([memory.turn, index, call.wire_name, call.args, memory.request], sort_keys=True, default=str)
    return ToolCall(
        name=call.wire_name,
        args=call.args,
        id=f"builtin_{hashlib.sha256(key.encode()).hexdigest()[:16]}",
        type="tool_call",
    )


__all__ = ["NAME", "BuiltinPlanner", "Ground", "text_of"]
