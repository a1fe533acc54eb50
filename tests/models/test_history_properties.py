"""Whatever lies in a thread, every vendor takes what is sent of it: the real client against the strict server."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    InvalidToolCall,
    SystemMessage,
    ToolCall,
    ToolMessage,
)
from langchain_core.runnables import Runnable

from copilot.models import dialects, history
from tests.thinning import examples
from tests.vendors import anthropic_rules, bedrock_rules
from tests.vendors.clients import SERVERS, client
from tests.vendors.server import VendorServer

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(16)).decode()
TOOL = {
    "type": "function",
    "function": {"name": "excel_read", "description": "Reads.", "parameters": {"type": "object", "properties": {}}},
}
EXAMPLES = examples(80, 2)
_ON = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
THINKING: dict[str, dict[str, Any]] = {"anthropic": _ON, "bedrock": {"additional_model_request_fields": _ON}}
IDS = ["call_1", "call_2", "abcDEF123", "toolu_01AbCd", "functions.read:0", "x" * 60, "fc/é", "", "123456789"]
NAMES = ["excel_read", "word_replace", "excel.write_cells", "n" * 90, "läse", "7up", ""]

texts = st.sampled_from(
    ["", " ", "\n", "Hello.", "Größe: 4 €", "two\nlines", "half \ud83d", "{}", "[1, 2]", "null", "7"]
)
ids = st.sampled_from(IDS)
names = st.sampled_from(NAMES)
args = st.dictionaries(
    st.sampled_from(["sheet", "value"]),
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.floats(), texts, st.lists(texts, max_size=2)),
    max_size=2,
)
media = st.sampled_from(
    [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        {"type": "image_url", "image_url": "https://example.com/a.png"},
        {"type": "image", "base64": PNG, "mime_type": "image/png"},
        {"type": "image", "url": "https://example.com/a.png"},
        {"type": "image", "file_id": "file-1"},
        {"type": "image", "source_type": "base64", "data": PNG, "mime_type": "image/png"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"},
        {"type": "media", "mime_type": "image/png", "data": PNG},
        {"type": "file", "base64": PNG, "mime_type": "application/pdf", "extras": {"filename": "a.pdf"}},
        {"type": "file", "base64": PNG, "mime_type": "application/zip"},
        {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PNG}", "filename": "a.pdf"}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}},
        {"type": "text-plain", "text": "words", "mime_type": "text/plain"},
        {"type": "audio", "base64": PNG, "mime_type": "audio/wav"},
    ]
)
text_blocks = texts.map(lambda text: {"type": "text", "text": text, "id": "lc_1"})
private_blocks = st.sampled_from(
    [
        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "c2ln"},
        {"type": "reasoning", "reasoning": "hm", "extras": {"signature": "c2ln"}},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "c2ln"},
        {"type": "reasoning_content", "text": "hm"},
        {"type": "tool_use", "id": "call_1", "name": "excel_read", "input": {}},
        {"type": "tool_use", "id": "toolu_partial", "name": "excel_read", "input": {}, "partial_json": '{"a": '},
        {"type": "function_call", "call_id": "call_2", "name": "excel_read", "arguments": "{}", "id": "fc_1"},
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
        {"type": "refusal", "refusal": "I can't."},
        {"type": "non_standard", "value": {"type": "odd"}},
        {"type": "invented_next_year", "payload": 1},
    ]
)
contents = st.one_of(texts, st.lists(st.one_of(texts, text_blocks, media), max_size=3))
calls = st.lists(
    st.builds(lambda i, n, a: ToolCall(id=i, name=n, args=a, type="tool_call"), ids, names, args), max_size=3
)
invalid = st.lists(
    st.builds(
        lambda i, n: InvalidToolCall(id=i, name=n, args='{"a": ', error=None, type="invalid_tool_call"),
        st.none() | ids,
        st.none() | names,
    ),
    max_size=1,
)
origins = st.sampled_from(
    [
        {},
        {"everpilot": {"provider": "other", "model": "m", "dialect": "openai"}, "model_provider": "openai"},
        {"everpilot": {"provider": "claude", "model": "m", "dialect": "anthropic"}, "model_provider": "anthropic"},
        {"output_version": "v1", "model_provider": "google_genai"},
    ]
)
strangers = st.builds(
    lambda content, tool_calls, broken, metadata, name: AIMessage(
        content=content,
        tool_calls=tool_calls,
        invalid_tool_calls=broken,
        response_metadata=metadata,
        name=name,
        additional_kwargs={
            "everpilot_label": {"confidentiality": "internal"},
            "reasoning_content": "hm",
            "function_call": {"name": "old", "arguments": "{}"},
        },
    ),
    st.one_of(texts, st.lists(st.one_of(texts, text_blocks, media, private_blocks), max_size=4)),
    calls,
    invalid,
    origins,
    st.sampled_from([None, "the agent"]),
)
others = st.one_of(
    st.builds(lambda content: HumanMessage(content=content, name="a b"), contents),
    st.builds(lambda content: SystemMessage(content=content), st.one_of(texts, st.lists(text_blocks, max_size=2))),
    st.builds(
        lambda content, call_id, status: ToolMessage(
            content=content, tool_call_id=call_id, status=status, additional_kwargs={"everpilot_label": {}}
        ),
        contents,
        ids,
        st.sampled_from(["success", "error"]),
    ),
    st.builds(
        lambda role, content: ChatMessage(role=role, content=content), st.sampled_from(["user", "assistant"]), texts
    ),
)


def own(dialect: str) -> st.SearchStrategy[BaseMessage]:
    """Answers as the vendor of `dialect` itself gives them, some called on by an interruption later."""
    return st.builds(lambda *parts: _own(dialect, *parts), texts, st.booleans(), calls)


def _own(dialect: str, text: str, thinks: bool, tool_calls: list[ToolCall]) -> AIMessage:
    content: Any = text.encode("utf-8", "replace").decode()
    if dialect == "anthropic":
        content = [{"type": "text", "text": content}]
        content += [{"type": "tool_use", "id": c["id"], "name": c["name"], "input": c["args"]} for c in tool_calls]
        if thinks:
            content = [{"type": "thinking", "thinking": "hm", "signature": anthropic_rules.sign("hm")}, *content]
    if dialect == "bedrock" and thinks:
        thought = {"text": "hm", "signature": bedrock_rules.sign("hm")}
        said = [{"type": "text", "text": content}] if content.strip() else []
        content = [{"type": "reasoning_content", "reasoning_content": thought}, *said]
    message = AIMessage(content=content, tool_calls=tool_calls, additional_kwargs={"everpilot_label": {}})
    return history.stamp(message, provider="p", model="m", dialect=dialect)


@pytest.fixture(scope="module", params=SERVERS)
def vendor(request: pytest.FixtureRequest) -> Iterator[tuple[str, VendorServer]]:
    with SERVERS[request.param]() as server:
        yield request.param, server


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_every_vendor_takes_every_thread(vendor: tuple[str, VendorServer], data: st.DataObject) -> None:
    name, server = vendor
    dialect = dialects.get(name)
    thread = data.draw(st.lists(st.one_of(strangers, others, own(name)), max_size=9))
    tools = data.draw(st.booleans())
    before = [message.model_copy(deep=True) for message in thread]

    sent = history.prepare(thread, dialect, provider="p", model="m", tools=tools)

    assert _same(thread, before), "the stored thread was changed"
    again = history.prepare(thread, dialect, provider="p", model="m", tools=tools)
    assert _same(again.messages, sent.messages), "two repairs of one thread differ"
    model = _model(name, server, name in THINKING and not sent.thinking_off, tools)
    server.refused.clear()
    model.invoke(sent.messages)
    assert server.refused == []
    assert "everpilot" not in str(server.requests[-1].body)


@cache
def _model(name: str, server: VendorServer, thinks: bool, tools: bool) -> Runnable[Any, Any]:
    model = client(name, server, **(THINKING[name] if thinks else {}))
    return model.bind_tools([deepcopy(TOOL)]) if tools else model


def _same(one: list[BaseMessage], other: list[BaseMessage]) -> bool:
    # By their text: NaN in a call's arguments is not equal to itself.
    return repr(one) == repr(other)
