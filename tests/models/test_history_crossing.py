"""A turn that one vendor began is continued by any other: real answers, real clients, strict servers."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from copilot.models import dialects, history
from tests.vendors import Call, Reply, VendorServer
from tests.vendors.clients import SERVERS, client

TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "excel_read", "description": "Reads.", "parameters": {"type": "object", "properties": {}}},
}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
ASKED = Reply("Let me look.", (Call("excel_read", {"n": 1}), Call("excel_read", {"n": 2})), thinking="Two sheets.")
QUESTION = HumanMessage("What is in the sheets?")
_ON = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
THINKING: dict[str, dict[str, Any]] = {"anthropic": _ON, "bedrock": {"additional_model_request_fields": _ON}}


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("target", SERVERS)
@pytest.mark.parametrize("source", SERVERS)
def test_a_turn_goes_on_with_any_vendor(source: str, target: str, streams: bool) -> None:
    asked = _asked(source, streams)
    stamped = history.stamp(asked, provider=source, model="m", dialect=source)
    thread = [SystemMessage("You help."), QUESTION, stamped, *_results(asked)]
    with SERVERS[target](["It is 42."]) as server:
        plan = history.prepare(thread, dialects.get(target), provider=target, model="m", tools=True)
        off = dialects.get(target).thinking_off if plan.thinking_off else {}
        answer = _ask(target, server, plan.messages, streams=streams, **off)
    assert server.refused == []
    assert answer.text == "It is 42."
    sent = str(server.requests[0].body)
    assert "It says 1" in sent
    assert "It says 2" in sent
    # These vendors hand their reasoning out and want it back; nobody else is told what another one thought.
    assert ("Two sheets." in sent) == (source == target and target in {*THINKING, "openai_responses", "google"})
    assert plan.thinking_off == (target in THINKING and target != source)


@pytest.mark.parametrize("target", SERVERS)
def test_calls_of_a_tool_that_is_not_sent_any_more_are_taken(target: str) -> None:
    """It was found by a search, or its plugin is gone: the thread tells of it, and other tools are sent."""
    call = {"name": "crm__refund", "args": {"amount": 5}, "id": "call_1", "type": "tool_call"}
    thread = [QUESTION, AIMessage("", tool_calls=[call]), ToolMessage("Paid.", tool_call_id="call_1"), QUESTION]
    with SERVERS[target](["It is 42."]) as server:
        plan = history.prepare(thread, dialects.get(target), provider=target, model="m", tools=True)
        off = dialects.get(target).thinking_off if plan.thinking_off else {}
        answer = _ask(target, server, plan.messages, streams=False, **off)
    assert (answer.text, server.refused) == ("It is 42.", [])
    request = server.requests[0].body
    assert "crm__refund" in str(request)
    assert "crm__refund" not in str(request.get("tools") or request.get("toolConfig"))


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
def test_reasoning_goes_back_to_the_model_it_came_from(streams: bool) -> None:
    asked = _asked("openai_responses", streams)
    stamped = history.stamp(asked, provider="p", model="m", dialect="openai_responses")
    thread = [QUESTION, stamped, *_results(asked)]
    for model, kept in (("m", True), ("another", False)):
        with SERVERS["openai_responses"](["It is 42."]) as server:
            sent = history.repair(thread, dialects.get("openai_responses"), provider="p", model=model, tools=True)
            _ask("openai_responses", server, sent, streams=streams)
        kinds = [item.get("type") for item in server.requests[0].body["input"]]
        assert ("reasoning" in kinds) is kept
        assert kinds.count("function_call") == 2


@cache
def _asked(source: str, streams: bool) -> AIMessage:
    with SERVERS[source]([ASKED]) as server:
        return _ask(source, server, [QUESTION], streams=streams)


def _results(asked: AIMessage) -> list[BaseMessage]:
    """Return the results in the wrong order, one with an image."""
    first, second = asked.tool_calls
    image = {"type": "image", "base64": PNG, "mime_type": "image/png"}
    return [
        ToolMessage([{"type": "text", "text": "It says 2"}, image], tool_call_id=second["id"]),
        ToolMessage("It says 1", tool_call_id=first["id"], additional_kwargs={"everpilot_label": {}}),
    ]


def _ask(name: str, server: VendorServer, thread: list[BaseMessage], *, streams: bool, **fields: Any) -> AIMessage:
    maker = client(name, server, **THINKING.get(name, {})).model_copy(update=fields)
    model = maker.bind_tools([deepcopy(TOOL)])
    if not streams:
        return model.invoke(thread)
    chunks = [chunk for chunk in model.stream(thread) if isinstance(chunk, AIMessageChunk)]
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    return whole
