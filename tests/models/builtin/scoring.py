"""Runs requests through the planner and counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from copilot.models.builtin.ground import Ground
from copilot.models.builtin.planner import BuiltinPlanner
from copilot.plugins.langchain import as_langchain
from copilot.plugins.tools import Tool, wire_name

from .folders import OnDisk
from .requests import Call, Case


@dataclass
class Score:
    """Counts over cases; `notes` tells what went otherwise."""

    right: int = 0
    in_menu: int = 0
    to_do: int = 0
    respected: int = 0
    not_to_do: int = 0
    wrong_writes: int = 0
    wrong_reads: int = 0
    notes: list[str] = field(default_factory=list)


def planner(root: Path, tools: Sequence[Tool]) -> BuiltinPlanner:
    return BuiltinPlanner(ground=Ground(OnDisk(root))).bind_tools([as_langchain(t) for t in tools])


def thread(case: Case) -> list[BaseMessage]:
    """The messages of a case: the turn before, if any, and the request."""
    messages: list[BaseMessage] = []
    if case.before:
        calls = [
            {"name": wire_name(n), "args": a, "id": f"c{i}", "type": "tool_call"}
            for i, (n, a) in enumerate(case.before)
        ]
        messages = [HumanMessage("before"), AIMessage("", tool_calls=calls),
                    *(ToolMessage("done", tool_call_id=str(c["id"])) for c in calls), AIMessage("done")]  # fmt: skip
    return [*messages, HumanMessage(case.request)]


def called(message: AIMessage) -> list[Call]:
    return [(c["name"].replace("__", "."), c["args"]) for c in message.tool_calls]


def menu(message: AIMessage) -> list[Call]:
    return [(e["tool"], e["args"]) for e in message.response_metadata["everpilot"]["menu"]]


def _plain(call: Call) -> Call:
    """The call without a sheet that is the workbook's first one: naming it changes nothing."""
    name, args = call
    return name, {k: v for k, v in args.items() if (k, v) not in FIRST_SHEETS}


FIRST_SHEETS = [("sheet", "Plan"), ("sheet", "Orders"), ("sheet", "Stock"), ("sheet", "Hours")]


def score(cases: Sequence[Case], folders: dict[str, Path], tools: Sequence[Tool]) -> Score:
    effects = {t.name: t.effect.value for t in tools}
    asked = {name: planner(root, tools) for name, root in folders.items()}
    result = Score()
    for case in cases:
        reply = asked[case.folder].invoke(thread(case))
        _count(case, reply, effects, result)
    return result


def _count(case: Case, reply: Any, effects: dict[str, str], result: Score) -> None:
    calls, offered = [_plain(c) for c in called(reply)], [_plain(c) for c in menu(reply)]
    wanted = list(case.calls)
    writes = [c for c in calls if effects.get(c[0]) != "read"]
    note = f"{case.request!r}\n     got {calls or reply.content!r}\n    menu {offered}\n    want {wanted}"
    if case.asks:
        result.not_to_do += 1
        result.respected += not writes
        result.wrong_writes += bool(writes)
        if writes:
            result.notes.append("ACTED " + note)
        return
    result.to_do += 1
    right = all(w in calls for w in wanted) and all(w in wanted for w in writes) and bool(wanted)
    result.right += right
    result.in_menu += right or any(w in offered for w in wanted)
    if not right:
        result.wrong_writes += any(w not in wanted for w in writes)
        result.wrong_reads += bool(calls) and not writes
        result.notes.append(("WRITE " if writes else "READ " if calls else "ASKED ") + note)
