"""The bar of the planner with the bundled skills, on requests of many people over folders of several trades.

The requests over law, school, shop and most of office in `more_requests.jsonl` were written before the planner was
looked at. All were looked at since: these floors guard what works and say little about requests that nobody has seen.

A line is a request over one of the folders, the calls that are right (any of `wants`; none: nothing may be written;
"*": any value), what the answer must say, and what follows it in the same thread.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from copilot.models.builtin.planner import BuiltinPlanner
from copilot.plugins import loader
from tests.thinning import ALL, thinned

from . import more_folders
from .scoring import called, menu, planner

HERE = Path(__file__).parent
OFFICE = HERE.parents[2] / "examples" / "office"
#: Arguments that make another call of it when they are there without being wanted.
TELLING = ("where_column", "where_value", "group_by", "slide", "section", "focus", "descending", "lowest", "target")
FILES = ("path", "old", "new", "source")

Call = tuple[str, dict[str, Any]]


@dataclass
class Tally:
    """How many turns there were of a kind, and what went otherwise."""

    to_do: int = 0
    right: int = 0
    in_menu: int = 0
    not_to_do: int = 0
    notes: list[str] = field(default_factory=list)
    wrong_writes: list[str] = field(default_factory=list)
    acted: list[str] = field(default_factory=list)


def plain(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, str):
        try:
            return float(value.replace(",", ""))
        except ValueError:
            return value.casefold().strip().rstrip(".")
    if isinstance(value, dict):
        return {plain(k): plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, list) else float(value)


def fits(wanted: list[Any], call: Call) -> bool:
    (tool, arguments), (name, given) = wanted, call
    if tool != name or any(given.get(k) and k not in arguments for k in TELLING):
        return False
    for key, value in arguments.items():
        got = given.get(key, {"type": "column", "kind": "any", "where_operator": "="}.get(key))
        if value == "*":
            same = bool(got)
        elif key in FILES:
            same = str(got).casefold().startswith(value.casefold())
        else:
            same = plain(got) == plain(value)
        if not same:
            return False
    return True


def turns(model: BuiltinPlanner, line: dict[str, Any]) -> list[tuple[str, list[Any], AIMessage]]:
    """Ask one after the other in one thread; the calls are answered as done."""
    thread: list[BaseMessage] = []
    found = []
    for text, wants in [(line["say"], line["wants"]), *((t, [w]) for t, w in line.get("then", ()))]:
        thread.append(HumanMessage(text))
        reply = model.invoke(thread)
        assert isinstance(reply, AIMessage)
        found.append((text, wants, reply))
        results = [ToolMessage("done", tool_call_id=str(c["id"])) for c in reply.tool_calls]
        thread += [reply, *results, *([AIMessage("done")] if results else [])]
    return found


def count(tally: Tally, line: dict[str, Any], text: str, wants: list[Any], reply: AIMessage, reads: set[str]) -> None:
    calls, offered = called(reply), menu(reply)
    note = f"{text!r}\n   got {calls or reply.text!r}\n  menu {offered}\n  want {wants}"
    right = any(w and len(w) == len(calls) and all(fits(*p) for p in zip(w, calls, strict=True)) for w in wants)
    writes = [c for c in calls if c[0] not in reads]
    if [] in wants:
        tally.not_to_do += 1
        if (writes and not right) or line.get("says", "") not in reply.text:
            tally.acted.append(note)
        return
    tally.to_do += 1
    tally.right += right
    tally.in_menu += right or any(fits(step, offer) for w in wants for step in w for offer in offered)
    if not right:
        tally.notes.append(note)
        tally.wrong_writes += [note] if writes else []


@pytest.fixture(scope="module")
def tally(tmp_path_factory: pytest.TempPathFactory) -> Tally:
    tools = [t for skill in loader.load().skills for t in skill.tools]
    reads = {t.name for t in tools if t.effect.value == "read"}
    made = {name: tmp_path_factory.mktemp(name) for name in ("law", "school", "shop", "site", "office")}
    for name, folder in made.items():
        if name == "office":
            shutil.copytree(OFFICE, folder, dirs_exist_ok=True)
        else:
            getattr(more_folders, name)(folder)
    models = {name: planner(folder, tools) for name, folder in made.items()}
    result = Tally()
    for text in thinned((HERE / "more_requests.jsonl").read_text("utf-8").splitlines(), 2):
        line = json.loads(text)
        for said, wants, reply in turns(models[line["in"]], line):
            count(result, line, said, wants, reply, reads)
    return result


def test_no_write_is_wrong(tally: Tally) -> None:
    assert not tally.wrong_writes, "\n".join(tally.wrong_writes)


def test_what_must_not_be_done_is_not_done(tally: Tally) -> None:
    assert not tally.acted, "\n".join(tally.acted)
    assert tally.not_to_do >= (120 if ALL else 50)


def test_most_requests_are_done_right(tally: Tally) -> None:
    assert tally.right >= 0.9 * tally.to_do, "\n".join(tally.notes)
    assert tally.in_menu >= 0.92 * tally.to_do, "\n".join(tally.notes)
