"""A thread as it was: who said what, and which result answers which call. Nothing of a vendor's rules is here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)


@dataclass(slots=True)
class Call:
    """A tool call with its result, or None: it was interrupted."""

    id: str
    name: str
    args: dict[str, Any]
    result: ToolMessage | None = None


@dataclass(slots=True)
class Answer:
    """What a model said, with its calls in order."""

    message: AIMessage
    calls: list[Call] = field(default_factory=list)


Entry = Answer | HumanMessage | SystemMessage


def read(messages: Sequence[BaseMessage]) -> list[Entry]:
    """Return the thread with every result at its call; results without a call, and second ones, are left out.

    A result belongs to the last call before it that bears its id and has none yet: some vendors count their ids from
    zero in every turn.
    """
    entries: list[Entry] = []
    for message in messages:
        if isinstance(message, ToolMessage):
            call = _waiting(entries, message.tool_call_id)
            if call:
                call.result = message
        elif (entry := _entry(message)) is not None:
            entries.append(entry)
    return entries


def singly(entry: Entry) -> list[Entry]:
    """Return the entry, an answer with several calls as an answer for each; the first one has the words."""
    if not isinstance(entry, Answer) or len(entry.calls) < 2:
        return [entry]
    words = [entry.message.content, *[""] * (len(entry.calls) - 1)]
    return [Answer(AIMessage(content=said), [call]) for said, call in zip(words, entry.calls, strict=True)]


def _waiting(entries: Sequence[Entry], call_id: str) -> Call | None:
    for entry in reversed(entries):
        for call in entry.calls if isinstance(entry, Answer) else ():
            if call.id == call_id and call.result is None:
                return call
    return None


def _entry(message: BaseMessage) -> Entry | None:
    if isinstance(message, AIMessage):
        calls = [Call(call["id"] or "", call["name"], call["args"]) for call in message.tool_calls]
        return Answer(message, calls)
    if isinstance(message, HumanMessage | SystemMessage):
        return message
    if isinstance(message, ChatMessage):
        return _entry(_BY_ROLE.get(message.role, HumanMessage)(content=message.content))
    # RemoveMessage and FunctionMessage are no part of what is said to a model today.
    return None


_BY_ROLE: dict[str, type[BaseMessage]] = {
    "assistant": AIMessage,
    "ai": AIMessage,
    "model": AIMessage,
    "system": SystemMessage,
    "developer": SystemMessage,
}
