"""The servers of the tests are as strict as the vendors, and their faults are what they say."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolCall, ToolMessage

from tests.vendors import (
    FAULTS,
    AnthropicServer,
    Call,
    OpenAIServer,
    Reply,
    Request,
    VendorServer,
    anthropic_rules,
    bedrock_rules,
    gemini,
    mistral,
    openai_rules,
    unused_url,
)
from tests.vendors.clients import SERVERS, client
from tests.vendors.faults import CONTENT, Fault

HANGING = ("hang_before_first_byte", "hang_after_headers", "stall_mid_stream", "slow_drip")
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "f", "description": "F.", "parameters": {"type": "object", "properties": {}}},
}
CLAUDE_TOOL = {"name": "f", "input_schema": {"type": "object", "properties": {}}}


def user(content: Any = "Hi") -> dict[str, Any]:
    return {"role": "user", "content": content}


def assistant(content: Any = None, *ids: str, name: str = "f") -> dict[str, Any]:
    calls = [{"id": one, "type": "function", "function": {"name": name, "arguments": "{}"}} for one in ids]
    return {"role": "assistant", "content": content, **({"tool_calls": calls} if calls else {})}


def tool(call_id: str, content: Any = "42") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([user(), assistant("x", "a"), tool("a")], None),
        ([user(), assistant("x", "a", "b"), tool("b"), tool("a"), user()], None),
        ([user([{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}])], None),
        ([], "empty array"),
        ([user(), assistant("x", "a")], "must be followed by tool messages"),
        ([user(), assistant("x", "a"), user()], "did not have response messages: a"),
        ([user(), tool("a")], "must be a response to a preceeding message"),
        ([user(), assistant("x", "a"), tool("b")], "must be a response to a preceeding message"),
        ([user(), assistant("x", "a"), tool("a"), tool("a")], "must be a response to a preceeding message"),
        ([user(), assistant("x", "a" * 41), tool("a" * 41)], "maximum length 40"),
        ([user(), assistant("x", "a", name="excel.read"), tool("a")], "does not match pattern"),
        ([user(), assistant(None)], "expected a string, got null"),
        ([user(), assistant([{"type": "thinking", "thinking": "hm"}])], "Invalid value: 'thinking'"),
        ([user([{"type": "tool_use", "id": "a"}])], "Invalid value: 'tool_use'"),
        ([user([{"type": "text", "text": "a", "id": "lc_1"}])], "Unknown parameter"),
        ([user(), assistant("x", "a"), tool("a", [{"type": "image_url"}])], "Image URLs are only allowed"),
        ([{**user(), "everpilot_label": {}}], "Additional properties are not allowed"),
        ([{**user(), "name": "a b"}], "does not match pattern"),
    ],
)
def test_openai_refuses(messages: list[dict[str, Any]], words: str | None) -> None:
    refusal = openai_rules.check({"model": "m", "messages": messages, "tools": [TOOL]})
    assert (refusal is None) if words is None else refusal and words in refusal.message


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"invented": 1}, "Unrecognized request argument"),
        ({"tools": []}, "empty array"),
        ({"tool_choice": "auto"}, "only allowed when 'tools'"),
        ({"stream_options": {"include_usage": True}}, "only allowed when 'stream'"),
        ({"tools": [TOOL, TOOL]}, "Duplicate function name"),
    ],
)
def test_openai_refuses_fields(fields: dict[str, Any], words: str) -> None:
    refusal = openai_rules.check({"model": "m", "messages": [user()], **fields})
    assert refusal
    assert words in refusal.message


def use(call_id: str = "a") -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": "f", "input": {}}


def used(call_id: str = "a") -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": "42"}


def claude(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


TEXT = {"type": "text", "text": "Hi"}
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": anthropic_rules.sign("hm", "m")}
THINKING = {"thinking": {"type": "enabled", "budget_tokens": 10}}


@pytest.mark.parametrize(
    ("messages", "fields", "words"),
    [
        ([user(), claude(use()), user([used()])], {}, None),
        ([user(), claude(use()), user([used()]), user()], {}, None),
        ([user(), claude(THOUGHT, use()), user([used()])], THINKING, None),
        ([user(), claude(use()), user([used()]), claude(TEXT), user()], THINKING, None),
        ([user(), claude(use()), user([used()])], THINKING, "Expected `thinking`"),
        ([user(), claude({**THOUGHT, "signature": "forged"}, TEXT), user()], {}, "Invalid `signature`"),
        ([user(), claude(use()), user([used()])], {"tools": []}, "must define tools"),
        ([user(), claude(use())], {}, "must end with a user message"),
        ([user(), claude(use()), user()], {}, "without `tool_result` blocks immediately after: a"),
        ([user(), claude(use()), user([TEXT, used()])], {}, "without `tool_result` blocks"),
        ([user(), user([used()])], {}, "unexpected `tool_use_id`"),
        ([user(), claude(use()), user([used(), used()])], {}, "single result"),
        ([user(), claude(use()), user([used()]), claude(use()), user([used()])], {}, "ids must be unique"),
        ([user(), claude(use("a:0")), user([used("a:0")])], {}, "should match pattern"),
        ([claude(TEXT), user()], {}, "first message must use"),
        ([user(), claude(TEXT)], {}, "does not support assistant message prefill"),
        ([user([{"type": "text", "text": ""}])], {}, "must be non-empty"),
        ([user(" ")], {}, "non-whitespace"),
        ([user("")], {}, "non-empty content"),
        ([user([{**TEXT, "id": "lc_1"}])], {}, "Extra inputs are not permitted"),
        ([user([{"type": "image_url", "image_url": {}}])], {}, "does not match any of the expected tags"),
        ([{"role": "system", "content": "x"}, user()], {}, "Input should be 'user' or 'assistant'"),
        ([user()], {"invented": 1}, "Extra inputs are not permitted"),
    ],
)
def test_anthropic_refuses(messages: list[dict[str, Any]], fields: dict[str, Any], words: str | None) -> None:
    body = {"model": "m", "max_tokens": 100, "messages": messages, "tools": [CLAUDE_TOOL], **fields}
    refusal = anthropic_rules.check(body)
    assert (refusal is None) if words is None else refusal and words in refusal.message


def test_anthropic_wants_max_tokens() -> None:
    refusal = anthropic_rules.check({"model": "m", "messages": [user()]})
    assert refusal
    assert refusal.message == "max_tokens: Field required"


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([user(), assistant("", "abcDEF123"), tool("abcDEF123")], None),
        ([user(), assistant("", "abcDEF123"), tool("abcDEF123"), user()], "Unexpected role 'user' after role 'tool'"),
        ([user(), assistant("", "call_1"), tool("call_1")], "with a length of 9"),
        ([user(), assistant("x")], "Expected last role User or Tool"),
        ([user(), assistant("", "abcDEF123"), user()], "Not the same number of function calls and responses"),
        ([user(), assistant("")], "either content or tool_calls"),
    ],
)
def test_mistral_refuses(messages: list[dict[str, Any]], words: str | None) -> None:
    refusal = mistral.check({"model": "m", "messages": messages})
    assert (refusal is None) if words is None else refusal and words in refusal.message


SPEC = {"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object"}}}}
SAID = {"text": "Hi"}


def asks(*ids: str) -> dict[str, Any]:
    return {"role": "assistant", "content": [{"toolUse": {"toolUseId": i, "name": "f", "input": {}}} for i in ids]}


def gets(*ids: str) -> dict[str, Any]:
    return user([{"toolResult": {"toolUseId": i, "content": [{"text": "42"}]}} for i in ids])


def pdf(name: str) -> dict[str, Any]:
    return {"document": {"format": "pdf", "name": name, "source": {"bytes": "JVBERg=="}}}


@pytest.mark.parametrize(
    ("messages", "fields", "words"),
    [
        ([user([SAID]), asks("a", "b"), gets("b", "a")], {}, None),
        ([], {}, "messages field is empty"),
        ([claude(SAID), user([SAID])], {}, "A conversation must start with a user message"),
        ([user([SAID]), user([SAID])], {}, "must alternate between user and assistant roles"),
        ([user([SAID]), claude(SAID)], {}, "does not support assistant message prefill"),
        ([user([{"text": " "}])], {}, "ContentBlock object at messages.0.content.0 is blank"),
        ([user([SAID]), asks("a"), gets("a", "b")], {}, "exceeds the number of toolUse blocks of previous turn"),
        ([user([SAID]), asks("a", "b"), gets("a")], {}, "at messages.2.content for the following Ids: b"),
        ([user([SAID]), asks("a:0"), gets("a:0")], {}, "must satisfy regular expression"),
        ([user([SAID]), asks("a"), user([*gets("a")["content"], SAID])], {}, "cannot be provided in the same turn"),
        ([user([SAID]), asks("a"), gets("a")], {"toolConfig": None}, "The toolConfig field must be defined"),
        ([user([SAID])], {"toolConfig": {"tools": []}}, "length greater than or equal to 1"),
        ([user([SAID])], {"invented": 1}, "Extra inputs are not permitted"),
        ([user([SAID, pdf("a.pdf")])], {}, "The document file name can only contain"),
        ([user([SAID, pdf("a"), pdf("a")])], {}, "duplicate document names"),
        ([user([pdf("a")])], {}, "at least one text block"),
        ([user([{"image": {"format": "bmp", "source": {"bytes": "AA=="}}}])], {}, "Could not process image"),
    ],
)
def test_bedrock_refuses(messages: list[dict[str, Any]], fields: dict[str, Any], words: str | None) -> None:
    body = {"messages": messages, "toolConfig": {"tools": [SPEC]}, **fields}
    refusal = bedrock_rules.check({key: value for key, value in body.items() if value is not None})
    assert (refusal is None) if words is None else refusal and words in refusal.message


def turn(role: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": role, "parts": list(parts)}


ASK = {"functionCall": {"name": "f", "args": {}}}
TOLD = {"functionResponse": {"name": "f", "response": {"output": 1}}}


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        ([turn("user", {"text": "Hi"}), turn("model", ASK), turn("user", TOLD)], None),
        ([turn("user", {"text": "Hi"}), turn("model", ASK, ASK), turn("user", TOLD)], "number of function response"),
        ([turn("user", {"text": "Hi"}), turn("model", ASK)], "comes immediately after a function call turn"),
        ([turn("model", ASK), turn("user", TOLD)], "immediately after a user turn"),
        ([turn("user")], "must not be empty"),
        ([turn("user", {"text": "Hi"}), turn("model", {"text": "x"})], "end with a user role"),
    ],
)
def test_gemini_refuses(contents: list[dict[str, Any]], words: str | None) -> None:
    refusal = gemini.check({"contents": contents})
    assert (refusal is None) if words is None else refusal and words in refusal.message


@pytest.fixture(params=["openai", "anthropic", "bedrock"])
def vendor(request: pytest.FixtureRequest) -> Iterator[tuple[str, VendorServer]]:
    with SERVERS[request.param]() as server:
        yield request.param, server


def test_the_wrong_key_is_refused(vendor: tuple[str, VendorServer]) -> None:
    name, server = vendor
    model = client(name, server)
    server.api_key = "another"
    with pytest.raises(Exception, match=r"401|AccessDenied"):
        model.invoke("Hi")


def test_a_model_that_is_not_there_is_refused(vendor: tuple[str, VendorServer]) -> None:
    name, server = vendor
    server.models = frozenset({"another"})
    with pytest.raises(Exception, match=r"404|model identifier is invalid"):
        client(name, server).invoke("Hi")


def test_azure_paths_and_keys_are_those_of_azure() -> None:
    with OpenAIServer() as server:
        answer = httpx.post(
            f"{server.azure_endpoint}/openai/deployments/mine/chat/completions?api-version=2024-10-21",
            json={"messages": [user()]},
            headers={"api-key": server.api_key},
        )
        assert answer.json()["choices"][0]["message"]["content"] == "Echo: Hi"
        assert httpx.post(f"{server.url}/elsewhere", json={}).status_code == 404


def test_a_tool_loop_through_the_real_clients(vendor: tuple[str, VendorServer]) -> None:
    name, server = vendor
    server.answer = lambda request: (
        Reply("It is 42.")
        if len(request.messages) > 2
        else Reply("Looking.", (Call("f", {"a": 1}), Call("f", {"a": 2})))
    )
    model = client(name, server).bind_tools([TOOL])
    thread: list[BaseMessage] = [HumanMessage("Hi")]
    asked = _streamed(model, thread)
    assert [call["args"] for call in asked.tool_calls] == [{"a": 1}, {"a": 2}]
    thread += [asked, *(ToolMessage("42", tool_call_id=call["id"]) for call in asked.tool_calls)]
    assert model.invoke(thread).text == "It is 42."
    assert server.refused == []
    assert [request.tools for request in server.requests] == [["f"], ["f"]]


def test_the_real_client_is_told_off_for_a_call_without_a_result(vendor: tuple[str, VendorServer]) -> None:
    name, server = vendor
    asked = AIMessage("", tool_calls=[ToolCall(name="f", args={}, id="a", type="tool_call")])
    with pytest.raises(Exception, match=r"400|ValidationException"):
        client(name, server).bind_tools([TOOL]).invoke([HumanMessage("Hi"), asked, HumanMessage("So?")])
    assert len(server.refused) == 1


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault not in HANGING])
def test_a_fault_is_met_once_and_uses_up_no_reply(vendor: tuple[str, VendorServer], fault: str, streams: bool) -> None:
    name, server = vendor
    server.answer = None
    server.replies.append(Reply("Hello", (Call("f", {"value": 42}),)))
    server.faults.append(fault)
    model = client(name, server).bind_tools([TOOL])
    answered = True
    try:
        _ = _streamed(model, "Hi") if streams else model.invoke("Hi")
    except Exception:  # noqa: BLE001 - each client has its own errors; what matters is that there is one
        answered = False
    assert not answered or Fault.of(fault).kind in CONTENT | {"polite_close"}
    whole = model.invoke("Hi")
    assert [call["args"] for call in whole.tool_calls] == [{"value": 42}]
    assert len(server.requests) == 2


def _streamed(model: Any, thread: Any) -> AIMessage:
    whole: AIMessageChunk | None = None
    for chunk in model.stream(thread):
        whole = chunk if whole is None else whole + chunk
    assert whole is not None
    return AIMessage(content=whole.content, tool_calls=whole.tool_calls, response_metadata=whole.response_metadata)


def test_the_mending_of_cut_arguments_is_what_a_router_must_not_trust(vendor: tuple[str, VendorServer]) -> None:
    name, server = vendor
    server.answer = lambda _: Reply(calls=(Call("f", {"value": 42}),))
    server.faults.append("truncated_tool_arguments")
    asked = _streamed(client(name, server).bind_tools([TOOL]), "Hi")
    assert [call["args"] for call in asked.tool_calls] == [{"value": 4}]


@pytest.mark.parametrize("fault", HANGING)
@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
def test_a_hanging_server_stops_at_once(vendor: tuple[str, VendorServer], fault: str, streams: bool) -> None:
    name, server = vendor
    server.faults.append(fault)
    model = client(name, server)
    failures: list[Exception] = []

    def ask() -> None:
        try:
            _streamed(model, "Hi") if streams else model.invoke("Hi")
        except Exception as error:  # noqa: BLE001 - whatever the client makes of a server that goes away
            failures.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    assert server.arrived.acquire(timeout=30)
    server.stop()
    asking.join(timeout=30)
    assert not asking.is_alive()
    assert len(failures) == 1


def test_a_stopped_server_refuses_connections(vendor: tuple[str, VendorServer]) -> None:
    name, server = vendor
    model = client(name, server)
    server.stop()
    with pytest.raises(Exception, match=r"(?i)connection|could not connect"):
        model.invoke("Hi")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(unused_url().rsplit(":", 1)[1])))


def test_headers_of_a_fault_arrive() -> None:
    with AnthropicServer(faults=["429 retry-after=3600"]) as server:
        headers = {"x-api-key": server.api_key, "anthropic-version": "2023-06-01"}
        body = {"model": "m", "max_tokens": 1, "messages": [user()]}
        answer = httpx.post(f"{server.url}/v1/messages", json=body, headers=headers)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3600")
    assert answer.json()["error"]["type"] == "rate_limit_error"


def test_a_script_at_its_end_says_so() -> None:
    with OpenAIServer(["one"]) as server:
        model = client("openai", server)
        assert model.invoke("Hi").text == "one"
        with pytest.raises(Exception, match="script of this server is at its end"):
            model.invoke("Hi")


def test_a_function_may_answer() -> None:
    def answer(request: Request) -> str:
        return f"{len(request.messages)} messages, last: {request.last_text}"

    with AnthropicServer(answer, always=None) as server:
        assert client("anthropic", server).invoke("Hi").text == "1 messages, last: Hi"


def test_a_mistake_in_the_script_is_told() -> None:
    with OpenAIServer(lambda request: request.body["no such key"]) as server:
        with pytest.raises(Exception, match="no such key"):
            client("openai", server).invoke("Hi")
        assert [type(mistake) for mistake in server.mistakes] == [KeyError]


@pytest.mark.parametrize(("spec", "said"), [("polite_close:1", "Hell"), ("polite_close:-1", "Hello th")])
def test_a_stream_breaks_where_it_is_told_to(spec: str, said: str) -> None:
    with OpenAIServer(["Hello there"], faults=[spec]) as server:
        assert _streamed(client("openai", server), "Hi").text == said


def test_unknown_faults_are_named() -> None:
    with pytest.raises(ValueError, match="No fault named 'fire'"):
        Fault.of("fire")
