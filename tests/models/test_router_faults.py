"""Every fault of a vendor, through the real clients and real sockets: the answer comes from the next vendor, whole."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from copilot.models.listening import Discarded, ModelEvent, Switched, Token, Used, listening
from tests.models.routing import entry, read_cell, router, stamp
from tests.vendors import FAULTS, AnthropicServer, Call, OpenAIServer, Reply, VendorServer, unused_url

# The class of every fault that is not simply a dead vendor.
CLASSES = {
    "401": "auth",
    "403": "auth",
    "404": "config",
    "429": "rate",
    "429 retry-after=3600": "rate",
    "quota": "quota",
    "context_length": "too_long",
    "413": "too_long",
    "empty": "soft",
    "refusal": "soft",
    "content_filter": "soft",
    "length": "soft",
    "unknown_tool": "soft",
    "malformed_arguments": "soft",
    "truncated_tool_arguments": "soft",
    "hang_before_first_byte": "slow",
    "hang_after_headers": "slow",
    "stall_mid_stream": "slow",
    "slow_drip": "slow",
}
HANGING = {fault for fault, kind in CLASSES.items() if kind == "slow"}
EVERY = sorted({*FAULTS, "429 retry-after=3600", "413"})
TEXT = "What stands in B4 of the budget?"


def _seen(events: list[ModelEvent], message_id: str | None) -> str:
    return "".join(e.text for e in events if isinstance(e, Token) and e.message_id == message_id)


def _assert_served(answer: AIMessage, events: list[ModelEvent], fault: str) -> None:
    told = stamp(answer)
    assert told["served_by"] == "good"
    assert answer.text == f"Echo: {TEXT}"
    assert {a["failure"] for a in told["attempts"]} == {CLASSES.get(fault, "dead")}
    assert all(a["model"] == "bad" and a["reason"] for a in told["attempts"])
    if not events:
        return
    assert _seen(events, answer.id) == answer.text
    shown = {e.message_id for e in events if isinstance(e, Token)} - {answer.id}
    assert shown == {e.message_id for e in events if isinstance(e, Discarded)}
    assert [(e.source, e.target) for e in events if isinstance(e, Switched)] == [("bad", "good")]
    assert [e.model for e in events if isinstance(e, Used)] == ["good"]


def _pair(first: str) -> tuple[VendorServer, VendorServer]:
    return (OpenAIServer(), AnthropicServer()) if first == "openai" else (AnthropicServer(), OpenAIServer())


# The second one holds more than the first, or a request that is too long would stop there.
_MORE = {"good": {"window": 2_000_000}}


@pytest.mark.parametrize("first", ["openai", "anthropic"])
@pytest.mark.parametrize("fault", EVERY)
async def test_streamed(first: str, fault: str) -> None:
    bad, good = _pair(first)
    events: list[ModelEvent] = []
    with bad, good:
        bad.always = fault
        model = router([entry(bad, "bad"), entry(good, "good", **_MORE["good"])]).bind_tools([read_cell])
        with listening(events.append):
            answer = await model.ainvoke(TEXT)
        assert not good.refused
        assert len(bad.requests) <= 2
    _assert_served(answer, events, fault)


@pytest.mark.parametrize("first", ["openai", "anthropic"])
@pytest.mark.parametrize("fault", [f for f in EVERY if f not in HANGING or f == "hang_before_first_byte"])
def test_whole_and_sync(first: str, fault: str) -> None:
    bad, good = _pair(first)
    with bad, good:
        bad.always = fault
        model = router([entry(bad, "bad"), entry(good, "good", **_MORE["good"])]).bind_tools([read_cell])
        answer = model.invoke(TEXT)
        assert not good.refused
    _assert_served(answer, [], fault)


@pytest.mark.parametrize("watched", [True, False])
async def test_refused_connection(watched: bool) -> None:
    events: list[ModelEvent] = []
    with AnthropicServer() as good:
        model = router([entry(unused_url() + "/v1", "bad"), entry(good, "good")])
        if watched:
            with listening(events.append):
                answer = await model.ainvoke(TEXT)
        else:
            answer = await model.ainvoke(TEXT)
    _assert_served(answer, events, "refused")
    assert stamp(answer)["attempts"][0]["reason"] == "OpenAI: connection refused"


async def test_unknown_host() -> None:
    with AnthropicServer() as good:
        model = router([entry("http://nowhere.invalid/v1", "bad"), entry(good, "good")])
        answer = await model.ainvoke(TEXT)
    assert stamp(answer)["attempts"][0]["failure"] == "config"


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


@pytest.mark.parametrize("watched", [True, False])
@pytest.mark.parametrize(
    "fault", ["500", "429", "401", "cut_mid_stream", "polite_close", "truncated_tool_arguments", None]
)
async def test_mistral(fault: str | None, watched: bool) -> None:
    """Its client raises httpx's own errors; the server of the OpenAI protocol is close enough to it."""
    events: list[ModelEvent] = []
    with OpenAIServer() as bad, AnthropicServer() as good:
        bad.always = fault
        mistral = entry(bad, "bad" if fault else "good", provider="mistral", model="mistral-medium-latest")
        model = router([mistral, *([entry(good, "good")] if fault else [])]).bind_tools([read_cell])
        if watched:
            with listening(events.append):
                answer = await model.ainvoke(TEXT)
        else:
            answer = await model.ainvoke(TEXT)
    if fault:
        _assert_served(answer, events, fault)
    assert answer.text == f"Echo: {TEXT}"
