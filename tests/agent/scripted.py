"""A chat model that says what its script says: the n-th answer of a thread is the script's n-th entry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult


class Scripted(BaseChatModel):
    """`script` entries are texts, or lists of (tool name on the wire, arguments)."""

    script: list[Any]
    seen: list[Any] = []  # noqa: RUF012 - pydantic copies it

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> Scripted:  # type: ignore[override]
        return self

    def _generate(self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **_: Any) -> ChatResult:
        self.seen.append(list(messages))
        said = sum(isinstance(m, AIMessage) for m in messages)
        entry = self.script[min(said, len(self.script) - 1)]
        usage = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
        if isinstance(entry, str):
            message = AIMessage(entry, response_metadata={"finish_reason": "stop"}, usage_metadata=usage)
        else:
            calls = [
                {"name": n, "args": a, "id": f"call_{said}_{i}", "type": "tool_call"} for i, (n, a) in enumerate(entry)
            ]
            message = AIMessage(
                "", tool_calls=calls, response_metadata={"finish_reason": "tool_calls"}, usage_metadata=usage
            )
        return ChatResult(generations=[ChatGeneration(message=message)])
