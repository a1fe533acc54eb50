"""A fault in the middle of a tool loop, and a call that its own vendor mends; every fault is in test_matrix.py."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from copilot.models.listening import ModelEvent, listening
from tests.models.routing import entry, read_cell, router, stamp
from tests.vendors import AnthropicServer, Call, OpenAIServer, Reply, VendorServer

TEXT = "What stands in B4 of the budget?"


def _pair(first: str) -> tuple[VendorServer, VendorServer]:
    return (OpenAIServer(), AnthropicServer()) if first == "openai" else (AnthropicServer(), OpenAIServer())


LOOP: list[Any] = [
    HumanMessage("Read B4, then C4."),
    AIMessage(
        "",
        tool_calls=[{"name": "read_cell", "args": {"cell": "B4"}, "id": "toolu_01ABCdefGHIjklMNOpqrSTUvwxYZ01234567"}],
    ),
    ToolMessage("B4 holds 41", tool_call_id="toolu_01ABCdefGHIjklMNOpqrSTUvwxYZ01234567"),
]


@pytest.mark.parametrize("first", ["openai", "anthropic"])
@pytest.mark.parametrize("fault", ["cut_mid_stream", "500", "polite_close", "truncated_tool_arguments", "401"])
async def test_in_the_middle_of_a_tool_loop(first: str, fault: str) -> None:
    bad, good = _pair(first)
    call = Call("read_cell", {"cell": "C4"})
    with bad, good:
        bad.replies.append(Reply("Now the other one.", calls=(call,)))
        bad.answer = None
        bad.always = fault
        good.answer = lambda request: Reply(calls=(call,))
        model = router([entry(bad, "bad"), entry(good, "good")]).bind_tools([read_cell])
        events: list[ModelEvent] = []
        with listening(events.append):
            answer = await model.ainvoke(LOOP)
        assert not good.refused, good.refused
        assert not bad.refused, bad.refused
        assert "B4 holds 41" in str(good.requests[-1].messages)
    assert [(c["name"], c["args"]) for c in answer.tool_calls] == [("read_cell", {"cell": "C4"})]
    assert stamp(answer)["served_by"] == "good"


@pytest.mark.parametrize("server", [OpenAIServer, AnthropicServer])
async def test_a_wrong_call_is_mended_by_the_same_vendor(server: type[VendorServer]) -> None:
    replies = [Reply(calls=(Call("read_cell", {"sheet": "A"}),)), Reply(calls=(Call("read_cell", {"cell": "B4"}),))]
    with server(replies) as vendor:
        answer = await router([entry(vendor, "one")]).bind_tools([read_cell]).ainvoke(TEXT)
        assert not vendor.refused
        assert "cell" in vendor.requests[1].last_text
        assert "Field required" in vendor.requests[1].last_text
    assert [c["args"] for c in answer.tool_calls] == [{"cell": "B4"}]
    assert stamp(answer)["attempts"][0]["reason"].endswith("wrong tool arguments")
