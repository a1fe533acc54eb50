"""What the messages of a thread tell: the request, what was already done for it, the last files, an open menu."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from copilot.models.builtin.words import ORDINALS
from copilot.plugins.tools import public_name

#: Under this key of a reply's `response_metadata` lies what the planner offers.
METADATA = "everpilot"


@dataclass(frozen=True)
class Done:
    """A call of this turn and what came of it; `result` is None when there is none (it was cut off)."""

    name: str
    args: dict[str, Any]
    result: ToolMessage | None


@dataclass(frozen=True)
class Memory:
    """The thread as the planner needs it."""

    request: str
    turn: int  # how many requests came before
    done: tuple[Done, ...] = ()  # calls made for this request
    calls: tuple[tuple[str, dict[str, Any]], ...] = ()  # calls of earlier turns, the last one last; wire names
    menu: tuple[dict[str, Any], ...] = ()  # what the last reply offered
    remarks: tuple[str, ...] = field(default=())  # what another model said in this turn before it failed


def remember(messages: Sequence[BaseMessage]) -> Memory:
    """Return what the messages tell."""
    last = next((i for i in range(len(messages) - 1, -1, -1) if isinstance(messages[i], HumanMessage)), -1)
    request = text_of(messages[last]) if last >= 0 else ""
    results = {m.tool_call_id: m for m in messages if isinstance(m, ToolMessage)}
    done = []
    remarks = []
    for message in messages[last + 1 :]:
        if isinstance(message, AIMessage):
            done += [Done(c["name"], dict(c["args"]), results.get(c["id"] or "")) for c in message.tool_calls]
            remarks += [text_of(message)] if text_of(message).strip() else []
    calls = [
        (c["name"], dict(c["args"])) for m in messages[: max(last, 0)] if isinstance(m, AIMessage) for c in m.tool_calls
    ]
    turn = sum(isinstance(m, HumanMessage) for m in messages[: max(last, 0)])
    return Memory(request, turn, tuple(done), tuple(calls), _menu(messages[: max(last, 0)]), tuple(remarks))


def text_of(message: BaseMessage) -> str:
    """Return a message's text, whatever its content is made of."""
    if isinstance(message.content, str):
        return message.content
    parts = [b if isinstance(b, str) else str(b.get("text", "")) for b in message.content if isinstance(b, (str, dict))]
    return "\n".join(p for p in parts if p)


def _menu(messages: Sequence[BaseMessage]) -> tuple[dict[str, Any], ...]:
    """Return the menu of the last reply, when nothing came after it."""
    for message in reversed(messages):
        if isinstance(message, AIMessage):
            offered = message.response_metadata.get(METADATA, {})
            menu = offered.get("menu", ()) if isinstance(offered, dict) else ()
            return tuple(e for e in menu if isinstance(e, dict) and "tool" in e and isinstance(e.get("args"), dict))
    return ()


_PICK = re.compile(
    r"(?:ok(?:ay)?,? |yes,? |please |do |take |pick |choose |i mean |run |use |go with )*"
    r"(?:the |number |option |no\.? |#)*"
    r"(?P<which>\d|one|two|three|first|second|third|last)(?: one| option)?(?:,? please)?[.!)]*\Z",
    re.IGNORECASE,
)
_YES = re.compile(
    r"(?:yes|yep|yeah|ok(?:ay)?|sure|do it|please do|go ahead|that one|exactly)(?:,? please)?[.!]*\Z", re.I
)


def picked(request: str, menu: Sequence[dict[str, Any]]) -> int | None:
    """Return the index that a short answer picks from a menu; None when it is no pick."""
    text = request.strip()
    if not menu:
        return None
    if _YES.match(text):
        return 0 if len(menu) == 1 else None
    match = _PICK.match(text)
    if not match:
        return None
    word = match["which"].lower()
    number = ORDINALS.get(word) or {"one": 1, "two": 2, "three": 3}.get(word) or int(word)
    index = len(menu) - 1 if number == -1 else number - 1
    return index if 0 <= index < len(menu) else None


def files_in(calls: Sequence[tuple[str, dict[str, Any]]], known: Sequence[str]) -> list[str]:
    """Return the files that earlier calls named, the last one first."""
    there = {k.lower(): k for k in known}
    found = []
    for _, args in reversed(calls):
        for value in args.values():
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, str) and one.lower() in there:
                    found.append(there[one.lower()])
    return list(dict.fromkeys(found))


def shown_name(wire: str) -> str:
    """Return the public name of a tool for a person."""
    return public_name(wire)
