"""An accepted answer as the chunks of a LangChain stream: text piece by piece, a chunk for each call, the rest last."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk

_SHORTEST = 24  # characters of a piece
_MOST = 24  # pieces of a text: each costs the caller's callbacks their time
_CALLS = frozenset({"tool_use", "function_call", "tool_call"})


def pieces(message: AIMessage) -> Iterator[ChatGenerationChunk]:
    """Yield the message in chunks that add up to it.

    The last one holds what belongs to the whole of it (tokens, metadata) and says so: `chunk_position="last"`.
    """
    first = int(isinstance(message.content, str) and bool(message.content))  # LangChain numbers such a text 0
    calls = {call["id"]: _call_chunk(at, call) for at, call in enumerate(message.tool_calls, first)}
    fields = message.model_dump(exclude={"type", "content", "tool_calls", "invalid_tool_calls", "additional_kwargs"})
    # LangChain reads blocks by whose they are, in every chunk.
    by = {name: value for name, value in message.response_metadata.items() if name == "model_provider"}
    more = message.additional_kwargs
    for content, call in [*_contents(message.content, calls), *(("", call) for call in calls.values())]:
        common: dict[str, Any] = {"id": message.id, "response_metadata": dict(by)}
        if call:  # what vendors say there repeats the calls: in a chunk without one, LangChain would count them again
            common["additional_kwargs"], more = more, {}
        yield ChatGenerationChunk(
            message=AIMessageChunk(content=content, tool_call_chunks=[call] if call else [], **common)
        )
    empty: Any = "" if isinstance(message.content, str) else []
    yield ChatGenerationChunk(
        message=AIMessageChunk(content=empty, additional_kwargs=more, **fields, chunk_position="last")
    )


def _call_chunk(at: int, call: Mapping[str, Any]) -> Any:
    args = json.dumps(call["args"], ensure_ascii=False)
    return tool_call_chunk(name=call["name"], args=args, id=call["id"], index=at)


def _contents(content: str | list[Any], calls: dict[str | None, Any]) -> Iterator[tuple[Any, Any]]:
    """Yield the content in pieces, each with the call that it stands for; such calls are taken out of `calls`."""
    if isinstance(content, str):
        yield from ((piece, None) for piece in _split(content))
        return
    for at, block in enumerate({"type": "text", "text": b} if isinstance(b, str) else b for b in content):
        numbered = {**block, "index": at}
        if block.get("type") == "text" and isinstance(block.get("text"), str):
            first, *others = _split(block["text"]) or [""]
            yield [{**numbered, "text": first}], None
            yield from (([{"type": "text", "text": piece, "index": at}], None) for piece in others)
        elif block.get("type") in _CALLS:
            call = calls.pop(block.get("call_id") or block.get("id"), None)
            yield [numbered], call and {**call, "index": at}
        else:
            yield [numbered], None


def _split(text: str) -> list[str]:
    size = max(_SHORTEST, -(-len(text) // _MOST))
    return [text[at : at + size] for at in range(0, len(text), size)]
