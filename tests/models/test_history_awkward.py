"""Awkward threads against strict servers: each is taken, nothing that was said is lost, and what is stored stays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.runnables import Runnable
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from copilot.models import dialects, history
from tests.models.awkward import MARK, Case, cases
from tests.thinning import thinned
from tests.vendors.clients import SERVERS, client
from tests.vendors.server import VendorServer

TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "excel_read", "description": "Reads.", "parameters": {"type": "object", "properties": {}}},
}
CASES = cases()
#: Here every thread goes to every vendor both as its own and as another's; elsewhere to half of them, as one of the
#: two, in turns.
BOTH = ("private", "order")
FAMILIES = list(dict.fromkeys(case.family for case in CASES))
THINKING = {"anthropic": {"thinking": {"type": "enabled", "budget_tokens": 1024}}}


def test_there_are_many_and_each_has_a_name() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 300


@pytest.fixture(scope="module", params=SERVERS)
def vendor(request: pytest.FixtureRequest) -> Iterator[tuple[str, VendorServer]]:
    with SERVERS[request.param](lambda asked: "Well.") as server:
        yield request.param, server
        _client.cache_clear()


@pytest.mark.parametrize("family", FAMILIES)
def test_every_vendor_takes_it(vendor: tuple[str, VendorServer], family: str) -> None:
    name, server = vendor
    found = thinned([case for case in CASES if case.family == family], 4)
    problems = [
        p for n, case in enumerate(found) for own in (False, True) for p in _problems(name, server, case, own, n)
    ]
    assert not problems, "\n".join(problems)


def _problems(name: str, server: VendorServer, case: Case, own: bool, number: int) -> Iterator[str]:
    at = list(SERVERS).index(name)
    turn = (number + at) % 2 == own and (number // 2 + at // 2) % 2 == 0
    if (own and case.origin not in ("", name)) or not (turn or case.family in BOTH or case.origin):
        return
    where = f"{case.name} ({'own' if own else 'foreign'})"
    thread = [_stamped(message, name, own) for message in case.messages]
    before = deepcopy(thread)
    tools, streamed = number % 4 != 3, (number // 2 + own) % 2 == 0
    plan = history.prepare(thread, dialects.get(name), provider="p", model="m", tools=tools)
    if repr(thread) != repr(before):
        yield f"{where}: the stored thread was changed"
    if problem := _unpaired(plan.messages):
        yield f"{where}: {problem}"
    server.requests.clear()
    server.refused.clear()
    try:
        _ask(_client(name, server, not plan.thinking_off, tools), plan.messages, streamed)
    except Exception as error:  # noqa: BLE001 - all problems of a family are told at once
        refused = server.refused[0][1].message if server.refused else ""
        yield f"{where}: {refused or repr(error)[:300]}"
        return
    yield from (f"{where}: {problem}" for problem in _unheard(case, server.requests[-1].body, own))


def _stamped(message: BaseMessage, name: str, own: bool) -> BaseMessage:
    if not isinstance(message, AIMessage):
        return message
    return history.stamp(message, provider="p" if own else "q", model="m", dialect=name if own else "openai")


def _unpaired(sent: list[BaseMessage]) -> str:
    """Return what is wrong with calls and results: each call is followed by its one result, in order."""
    waiting: list[Any] = []
    for message in sent:
        if isinstance(message, ToolMessage):
            if not waiting or waiting.pop(0) != message.tool_call_id:
                return f"result {message.tool_call_id} stands in the wrong place"
        elif waiting:
            return f"{waiting} without results"
        elif isinstance(message, AIMessage):
            waiting = [call["id"] for call in message.tool_calls]
    return f"{waiting} without results" if waiting else ""


def _unheard(case: Case, body: dict[str, Any], own: bool) -> Iterator[str]:
    text = json.dumps(body, default=str)
    for mark in case.marks("USER", "SAID", "RESULT", "RULE"):
        if text.count(mark) == 0:
            yield f"{mark} is lost"
    told = [m for m in dict.fromkeys(MARK.findall(text)) if m.startswith(("USER", "SAID"))]
    if told != case.marks("USER", "SAID"):
        yield f"told in the order {told}"
    thought = [m for m in MARK.findall(text) if m.startswith("THOUGHT")]
    if thought and not own:
        yield f"reasoning of others was sent: {thought}"
    if "everpilot" in text:
        yield "what is ours alone was sent"


@cache
def _client(name: str, server: VendorServer, thinks: bool, tools: bool) -> Runnable[Any, AIMessage]:
    model = client(name, server, **(THINKING.get(name, {}) if thinks else {}))
    return model.bind_tools([deepcopy(TOOL)]) if tools else model


def _ask(model: Runnable[Any, AIMessage], sent: list[BaseMessage], streamed: bool) -> None:
    if streamed:
        assert list(model.stream(sent))
    else:
        model.invoke(sent)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_thread_out_of_a_checkpoint_is_repaired_alike(family: str) -> None:
    serde = JsonPlusSerializer()
    for case in (case for case in CASES if case.family == family):
        kept = _kept(serde, case.messages)
        for name in SERVERS:
            sent, again = (
                history.repair(thread, dialects.get(name), provider="p", model="m", tools=True)
                for thread in (case.messages, kept)
            )
            assert _contents(again) == _contents(sent), case.name


def _kept(serde: JsonPlusSerializer, messages: list[BaseMessage]) -> list[BaseMessage]:
    if "\\ud83d" in repr(messages):  # a checkpoint holds a question mark in its place
        return messages
    try:
        return list(serde.loads_typed(serde.dumps_typed(messages)))
    except (TypeError, ValueError):  # what no checkpoint can hold comes out of none
        return messages


def _contents(messages: list[BaseMessage]) -> list[Any]:
    return [
        (m.type, repr(m.content), getattr(m, "tool_call_id", ""), len(getattr(m, "tool_calls", ()))) for m in messages
    ]
