"""Tool calls for models whose chat template knows no tools: an instruction, and an answer that is held to a schema.

The answer is one JSON object, {"reply": "..."} or {"tool": "name", "arguments": {...}}; `Reader` turns it into text and
real tool calls while it comes.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage, merge_message_runs
from langchain_core.messages.tool import ToolCallChunk, tool_call_chunk

from copilot.models.failures import AttemptFailed, Failure

Schema = dict[str, Any]

_INSTRUCTION = """\
You can use these tools:
{tools}
{choice} with one JSON object:
- to use a tool: {{"tool": "<its name>", "arguments": {{...}}}}{reply}
One tool at a time; its result comes in the next message."""
_REPLY = '\n- to answer the user: {"reply": "<your answer>"}'
_ANY = frozenset({"any", "required", True})


@dataclass(frozen=True, slots=True)
class Choice:
    """Which tools may be called (OpenAI's form), and whether one must be."""

    tools: tuple[Schema, ...]
    must: bool = False

    @classmethod
    def of(cls, tools: Sequence[Schema], choice: Any = None) -> Choice:
        """Return what `tool_choice` leaves of the tools: all, none, any one, or one that it names."""
        functions = tuple(tool["function"] for tool in tools if isinstance(tool.get("function"), dict))
        if isinstance(choice, Mapping):
            choice = (choice.get("function") or {}).get("name", "any")
        if choice == "none" or choice is False:
            return cls(())
        named = tuple(f for f in functions if f["name"] == choice)
        return cls(named or functions, bool(named) or choice in _ANY)

    @property
    def instruction(self) -> str:
        """What the model is told of the tools."""
        lines = [
            f"- {f['name']}: {f.get('description') or ''} Arguments: {json.dumps(f.get('parameters') or {})}"
            for f in self.tools
        ]
        reply = "" if self.must else _REPLY
        return _INSTRUCTION.format(tools="\n".join(lines), choice="Answer" if reply else "Now answer", reply=reply)

    @property
    def schema(self) -> Schema:
        """The JSON schema of an answer."""
        definitions: dict[str, Any] = {}
        calls = [
            _object(tool={"const": f["name"]}, arguments=_hoisted(f["name"], f.get("parameters"), definitions))
            for f in self.tools
        ]
        answers = calls if self.must else [*calls, _object(reply={"type": "string"})]
        return {"anyOf": answers, **({"$defs": definitions} if definitions else {})}


def _object(**properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _hoisted(name: str, parameters: Schema | None, definitions: dict[str, Any]) -> Schema:
    """Return a tool's parameters with their definitions moved to `definitions`, where references find them."""
    own = dict(parameters or {"type": "object", "properties": {}})
    own.setdefault("type", "object")
    if own["type"] == "object" and not own.get("properties") and "additionalProperties" not in own:
        own["additionalProperties"] = False
    for place in ("$defs", "definitions"):
        for key, value in (own.pop(place, None) or {}).items():
            definitions[f"{name}.{key}"] = _pointed(name, value)
    found = _pointed(name, own)
    assert isinstance(found, dict)
    return found


def _pointed(name: str, value: Any) -> Any:
    """Return a schema with its references pointing to the definitions of the tool `name`."""
    if isinstance(value, list):
        return [_pointed(name, item) for item in value]
    if not isinstance(value, dict):
        return value
    reference = value.get("$ref")
    moved = re.fullmatch(r"#/(?:\$defs|definitions)/([^/]+)", reference) if isinstance(reference, str) else None
    found = {key: _pointed(name, item) for key, item in value.items()}
    return {**found, "$ref": f"#/$defs/{name}.{moved[1]}"} if moved else found


# --- what is sent -----------------------------------------------------------------------------------------------------


def plain_history(
    messages: Sequence[BaseMessage], instruction: str = "", *, system_role: bool = True
) -> list[BaseMessage]:
    """Return the messages as a template without tools takes them: system first, then user and assistant in turn.

    Calls and results become text in the form that the instruction speaks of. With `system_role` off, what the system
    says stands before the first words of the user.
    """
    told = [str(m.text) for m in messages if isinstance(m, SystemMessage)]
    system = "\n\n".join(filter(None, [*told, instruction]))
    rest: list[BaseMessage] = [_plain(m, messages) for m in messages if not isinstance(m, SystemMessage)]
    if system and not system_role:
        rest.insert(0, HumanMessage(system))
        system = ""
    merged = merge_message_runs(rest)
    return [SystemMessage(system), *merged] if system else list(merged)


def _plain(message: BaseMessage, all_of_them: Sequence[BaseMessage]) -> BaseMessage:
    if isinstance(message, ToolMessage):
        return HumanMessage(f"Result of {_name_of(message, all_of_them)}: {message.text}")
    if isinstance(message, AIMessage):
        calls = [json.dumps({"tool": c["name"], "arguments": c["args"]}, default=str) for c in message.tool_calls]
        return AIMessage("\n".join(filter(None, [str(message.text), *calls])))
    return HumanMessage(message.content)


def _name_of(result: ToolMessage, messages: Sequence[BaseMessage]) -> str:
    calls = (c for m in messages if isinstance(m, AIMessage) for c in m.tool_calls)
    return result.name or next((c["name"] for c in calls if c["id"] == result.tool_call_id), "the tool")


# --- what comes back --------------------------------------------------------------------------------------------------

_OPENING_REPLY = re.compile(r'\s*\{\s*"reply"\s*:\s*"')
_OPENING_CALL = re.compile(r'\s*\{\s*"tool"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"arguments"\s*:\s*')
_WHOLE_PART = re.compile(
    r'(?:[^"\\]|\\u(?![dD][89abAB])[0-9a-fA-F]{4}|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[0-9a-fA-F]{4}|\\[^u])*'
)


@dataclass
class Reader:
    """Reads an answer while it comes. `called` says whether it is a call; `whole` whether it is complete."""

    _seen: str = ""
    _opening: re.Match[str] | None = None
    _read: int = 0
    called: bool = False
    _call_id: str = field(default_factory=lambda: f"call_{uuid.uuid4().hex[:24]}")

    def feed(self, piece: str) -> tuple[str, list[ToolCallChunk]]:
        """Return what a further piece of the answer adds: text for the person, and pieces of the call."""
        self._seen += piece
        if self._opening is None:
            return self._opened()
        return self._going_on()

    def _opened(self) -> tuple[str, list[ToolCallChunk]]:
        self._opening = _OPENING_REPLY.match(self._seen) or _OPENING_CALL.match(self._seen)
        if self._opening is None:
            return "", []
        self._read = self._opening.end()
        self.called = self._opening.re is _OPENING_CALL
        text, more = self._going_on()
        if not self.called:
            return text, more
        name = str(json.loads(self._opening[1]))
        return "", [tool_call_chunk(name=name, args="", id=self._call_id, index=0), *more]

    def _going_on(self) -> tuple[str, list[ToolCallChunk]]:
        if not self.called:
            return self._text(), []
        # The last brace closes the answer and not the arguments: it is held back until more comes.
        end = len(self._seen.rstrip()) - 1
        piece = self._seen[self._read : end] if self._seen.rstrip().endswith("}") else self._seen[self._read :]
        self._read += len(piece)
        return "", [tool_call_chunk(name=None, args=piece, id=None, index=0)] if piece else []

    def _text(self) -> str:
        found = _WHOLE_PART.match(self._seen, self._read)
        piece = found[0] if found else ""
        self._read += len(piece)
        return str(json.loads(f'"{piece}"', strict=False)) if piece else ""

    def check(self) -> None:
        """Look whether the answer is complete.

        Raises:
            AttemptFailed: it is not, or it is none of ours.
        """
        try:
            json.loads(self._seen, strict=False)
        except ValueError:
            raise AttemptFailed(Failure("soft", "malformed tool call")) from None
        if self._opening is None:
            raise AttemptFailed(Failure("soft", "malformed tool call"))
