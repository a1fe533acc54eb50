"""Whether an answer may leave the router: it ended on purpose, its tool calls are whole, known and fit their schema."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from langchain_core.messages import AIMessage, AIMessageChunk, ToolCall
from langchain_core.messages.ai import add_ai_message_chunks

from copilot.models import dialects
from copilot.models.dialects import Dialect, Ending
from copilot.models.failures import AttemptFailed, Failure
from copilot.models.history.content import cleaned
from copilot.models.toolset import Toolset

#: How servers say that they are done, besides the words of all dialects.
_ALSO_GOOD = frozenset({"eos", "eos_token", "end", "complete", "finished"})
_ALSO_TOOL = frozenset({"tool_call"})


@dataclass(frozen=True, slots=True)
class RawCall:
    """A tool call as it came over the wire: `args` is text, or a dict where the protocol has no text."""

    name: str
    args: str | dict[str, Any]
    id: str | None


class Unusable(AttemptFailed):
    """A whole answer that may not be used. `feedback` goes back to its model once; `cut` is text to keep in need."""

    def __init__(
        self,
        text: str,
        *,
        again: bool = True,
        refused: bool = False,
        feedback: Feedback | None = None,
        cut: AIMessage | None = None,
    ) -> None:
        super().__init__(Failure("soft", text, again=again, refused=refused))
        self.feedback = feedback
        self.cut = cut


@dataclass(frozen=True, slots=True)
class Feedback:
    """A message with wrong tool calls, and for each call id what is wrong with it ("" for one that is right)."""

    message: AIMessage
    problems: dict[str, str]


def merge(chunks: Sequence[AIMessageChunk], dialect: Dialect) -> AIMessage:
    """Return the message that the chunks of a stream make, with the reason for its end as it was said.

    Raises:
        AttemptFailed: there was no chunk at all.
    """
    if not chunks:
        raise AttemptFailed(Failure("dead", "sent nothing"))
    whole = add_ai_message_chunks(chunks[0], *chunks[1:])
    # Merging adds equal keys of strings up: the last chunk that names a reason is the one to believe.
    said = next((c.response_metadata for c in reversed(chunks) if dialect.finish(c.response_metadata) is not None), {})
    return AIMessage(
        content=whole.content,
        additional_kwargs=whole.additional_kwargs,
        response_metadata={**whole.response_metadata, **said},
        usage_metadata=whole.usage_metadata,
    )


def raw_calls(chunks: Sequence[AIMessageChunk]) -> list[RawCall]:
    """Return the tool calls of a stream with their arguments as raw text, put together by index and id.

    LangChain's own merging completes JSON that was cut, and joins calls of servers that number all of them 0.
    """
    calls: list[dict[str, Any]] = []
    for piece in (piece for chunk in chunks for piece in chunk.tool_call_chunks):
        index, call_id = piece.get("index"), piece.get("id")
        same = [c for c in calls if c["index"] == index] if index is not None else calls[-1:] if not call_id else []
        current = same[-1] if same else None
        if current is None or (call_id and current["id"] and call_id != current["id"]):
            current = {"index": index, "id": call_id, "name": "", "args": ""}
            calls.append(current)
        current["id"] = current["id"] or call_id
        current["name"] = current["name"] or piece.get("name") or ""
        current["args"] += piece.get("args") or ""
    return [RawCall(c["name"], c["args"], c["id"]) for c in calls]


def raw_calls_of(message: AIMessage) -> list[RawCall]:
    """Return the tool calls of an answer that was not streamed, also those that its client could not parse."""
    texts = _wire_texts(message)
    good = [RawCall(c["name"], texts.get(c["id"] or "", c["args"]), c["id"]) for c in message.tool_calls]
    return good + [RawCall(c["name"] or "", c["args"] or "{", c["id"]) for c in message.invalid_tool_calls]


def _wire_texts(message: AIMessage) -> dict[str, str]:
    wire = message.additional_kwargs.get("tool_calls") or []
    found = {c.get("id"): (c.get("function") or {}).get("arguments") for c in wire if isinstance(c, dict)}
    return {key: text for key, text in found.items() if isinstance(key, str) and isinstance(text, str)}


def accepted(
    message: AIMessage, calls: Sequence[RawCall], dialect: Dialect, tools: Toolset, *, strict: bool
) -> AIMessage:
    """Return the answer with its parsed tool calls, ready for the state.

    `strict` asks for a reason for the end; classes of which nothing is known need not give one.

    Raises:
        Unusable: refused, filtered, cut by the length limit, empty, or a bad tool call.
        AttemptFailed: it broke off, or the vendor says that it failed.
    """
    _check_ending(message, dialect, strict)
    message.tool_calls = _parsed(message, calls, tools, dialect)
    message.invalid_tool_calls = []
    # Half a surrogate in a stored message would break every checkpoint and request to come.
    message.content = cleaned(message.content)
    if not message.tool_calls and not message.text.strip():
        raise Unusable("empty answer")
    return message


def ending(message: AIMessage, dialect: Dialect) -> Ending:
    """Return how an answer ended, also in the words of servers that speak a dialect with an accent."""
    found = dialect.ending(message.response_metadata)
    if found != "unknown":
        return found
    said = (dialect.finish(message.response_metadata) or "").lower()
    if said in _ALSO_GOOD | _ALSO_TOOL:
        return "good" if said in _ALSO_GOOD else "tool"
    # A gateway hands on the words of the vendor behind it.
    meanings = (dialects.get(name).meaning(said) for name in dialects.names())
    return next((meaning for meaning in meanings if meaning != "unknown"), "unknown")


def _check_ending(message: AIMessage, dialect: Dialect, strict: bool) -> None:
    if refusal(message):
        raise Unusable("refused to answer", again=False, refused=True)
    match ending(message, dialect):
        case "missing" if strict:
            raise AttemptFailed(Failure("dead", "ended without a finish reason"))
        case "length":
            text = message.text.strip() and not message.tool_calls and not message.invalid_tool_calls
            raise Unusable("cut at its output limit", again=False, cut=message if text else None)
        case "refusal":
            raise Unusable("refused to answer", again=False, refused=True)
        case "filter":
            raise Unusable("blocked by its content filter", again=False, refused=True)
        case "bad_call":
            raise Unusable("malformed tool call")
        case "failed" | "unknown":
            said = dialect.finish(message.response_metadata)
            raise AttemptFailed(Failure("dead", f"ended with {str(said)[:40]!r}"))
        case _:
            return


def refusal(message: AIMessage) -> bool:
    """Return whether the answer is a refusal that the vendor marks in the content instead of the finish reason."""
    blocks = message.content if isinstance(message.content, list) else []
    return bool(message.additional_kwargs.get("refusal")) or any(
        isinstance(block, dict) and block.get("type") == "refusal" for block in blocks
    )


def _parsed(message: AIMessage, raw: Sequence[RawCall], tools: Toolset, dialect: Dialect) -> list[ToolCall]:
    for call in raw:
        bare = isinstance(call.args, str) and not call.args.strip()
        if bare and not (dialect.empty_arguments or tools.takes_nothing(call.name)):
            raise Unusable("cut or malformed tool arguments")
    calls = [ToolCall(name=c.name, args=_arguments(c), id=c.id, type="tool_call") for c in raw]
    _name_all(calls)
    problems = {str(call["id"]): tools.problem(call["name"], call["args"]) for call in calls}
    if any(problems.values()):
        message.tool_calls = calls
        unknown = next((call["name"] for call in calls if call["name"] not in tools.names), None)
        text = f"called a tool that does not exist ({unknown!r})" if unknown is not None else "wrong tool arguments"
        raise Unusable(text[:80], feedback=Feedback(message, problems))
    return calls


def _name_all(calls: list[ToolCall]) -> None:
    """Give an id to calls without one and to doubles, so that every call gets its own result."""
    seen: set[str] = set()
    for call in calls:
        if not call["id"] or call["id"] in seen:
            call["id"] = f"call_{uuid.uuid4().hex[:24]}"
        seen.add(str(call["id"]))


def _arguments(call: RawCall) -> dict[str, Any]:
    """Return the arguments as JSON has them: also an object that a client parsed may hold what is none (NaN)."""
    try:
        text = call.args if isinstance(call.args, str) else json.dumps(call.args)
        found = json.loads(text, parse_constant=_no_constant) if text.strip() else {}
    except (ValueError, TypeError, RecursionError):
        raise Unusable("cut or malformed tool arguments") from None
    if not isinstance(found, dict):
        raise Unusable("malformed tool arguments")
    return dict(cleaned(found))


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
