from __future__ import annotations

from copy import deepcopy

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk

from copilot.errors import SettingsError
from copilot.models import dialects
from tests.vendors import Call, Reply
from tests.vendors.clients import SERVERS, client

TOOL = {
    "type": "function",
    "function": {"name": "excel_read", "description": "Reads.", "parameters": {"type": "object", "properties": {}}},
}


def test_unknown_dialect_names_those_there_are() -> None:
    with pytest.raises(SettingsError, match=r"No dialect named 'klingon'.*openai"):
        dialects.get("klingon")


def test_every_dialect_loads() -> None:
    assert set(dialects.names()) == {
        "openai",
        "openai_responses",
        "anthropic",
        "mistral",
        "google",
        "ollama",
        "bedrock",
        "builtin",
    }
    assert all(dialects.get(name).name == name for name in dialects.names())


@pytest.mark.parametrize("name", dialects.names())
def test_no_reason_means_two_things(name: str) -> None:
    dialect = dialects.get(name)
    reasons = [reason for _, known in dialect._endings() for reason in known]
    assert len(reasons) == len(set(reasons))


CALLS = (Call("excel_read", {"sheet": "A"}),)
#: What the server answers, and how that must be understood; some vendors end calls like any answer.
ENDINGS: list[tuple[str | None, Reply, str]] = [
    (None, Reply("Hello there"), "good"),
    (None, Reply("Hello there", CALLS), "tool"),
    ("length", Reply("Hello there"), "length"),
    ("no_finish_reason", Reply("Hello there"), "missing"),
    ("no_finish_reason", Reply("Hello there", CALLS), "missing"),
]


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("fault", "reply", "ending"), ENDINGS)
@pytest.mark.parametrize("name", SERVERS)
def test_the_real_client_tells_how_an_answer_ended(
    name: str, fault: str | None, reply: Reply, ending: str, streams: bool
) -> None:
    dialect = dialects.get(name)
    with SERVERS[name]([reply], faults=[fault]) as server:
        message = _ask(name, server, streams)
    wanted = "good" if ending == "tool" and not dialect.tool_finish else ending
    assert dialect.ending(message.response_metadata) == wanted


@pytest.mark.parametrize("name", ["openai", "anthropic", "mistral", "google"])
def test_a_stream_that_a_proxy_closed_politely_has_no_end(name: str) -> None:
    with SERVERS[name]([Reply("A long answer that is cut in the middle")], faults=["polite_close"]) as server:
        message = _ask(name, server, streams=True)
    assert message.text
    assert dialects.get(name).ending(message.response_metadata) == "missing"


@pytest.mark.parametrize(
    ("name", "metadata", "ending"),
    [
        ("openai", {"finish_reason": "content_filter"}, "filter"),
        ("openai", {"finish_reason": "stopstop"}, "good"),
        ("openai", {"finish_reason": "tool_callstool_calls"}, "tool"),
        ("openai", {"finish_reason": ""}, "missing"),
        ("openai", {"finish_reason": None}, "missing"),
        ("openai", {"finish_reason": "invented"}, "unknown"),
        ("openai_responses", {"status": "completed"}, "good"),
        ("openai_responses", {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ("openai_responses", {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "filter"),
        ("openai_responses", {"status": "incomplete"}, "failed"),
        ("openai_responses", {"status": "failed"}, "failed"),
        ("anthropic", {"stop_reason": "refusal"}, "refusal"),
        ("anthropic", {"stop_reason": "model_context_window_exceeded"}, "length"),
        ("anthropic", {"stop_reason": "pause_turn"}, "failed"),
        ("mistral", {"finish_reason": "model_length"}, "length"),
        ("mistral", {"finish_reason": "error"}, "failed"),
        ("google", {"finish_reason": "SAFETY"}, "filter"),
        ("google", {"finish_reason": "STOPSTOP"}, "good"),
        ("google", {"finish_reason": "MALFORMED_FUNCTION_CALL"}, "bad_call"),
        ("google", {"prompt_feedback": {"block_reason": "PROHIBITED_CONTENT"}}, "filter"),
        ("ollama", {"done_reason": "load", "done": True}, "failed"),
        ("bedrock", {"stopReason": "stop_sequence"}, "good"),
        ("bedrock", {"stopReason": "tool_use"}, "tool"),
        ("bedrock", {"stopReason": "model_context_window_exceeded"}, "length"),
        ("bedrock", {"stopReason": "guardrail_intervened"}, "filter"),
        ("bedrock", {"stopReason": "malformed_tool_use"}, "bad_call"),
        ("bedrock", {"stopReason": "malformed_model_output"}, "failed"),
        ("builtin", {"finish_reason": "tool_calls"}, "tool"),
    ],
)
def test_endings(name: str, metadata: dict[str, object], ending: str) -> None:
    assert dialects.get(name).ending(metadata) == ending


@pytest.mark.parametrize(
    ("name", "call_id", "accepted"),
    [
        ("openai", "call_" + "a" * 35, True),
        ("openai", "call_" + "a" * 36, False),
        ("openai", "", False),
        ("anthropic", "toolu_01A-b", True),
        ("anthropic", "functions.read:0", False),
        ("mistral", "abcDEF123", True),
        ("mistral", "abcDEF1234", False),
        ("mistral", "abc_EF123", False),
        ("mistral", "abcDEF123\n", False),
        ("bedrock", "tooluse_abcDEF-123", True),
        ("bedrock", "functions.read:0", False),
        ("bedrock", "t" * 65, False),
    ],
)
def test_ids_of_calls(name: str, call_id: str, accepted: bool) -> None:
    assert dialects.get(name).tool_call_id.accepts(call_id) is accepted


def _ask(name: str, server: object, streams: bool) -> AIMessage:
    model = client(name, server).bind_tools([deepcopy(TOOL)])  # type: ignore[arg-type]
    if not streams:
        return model.invoke("Hi")
    chunks = [chunk for chunk in model.stream("Hi") if isinstance(chunk, AIMessageChunk)]
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    return whole
