"""Awkward threads, made of good ones: each case is an operation on a thread, by name.

Every word that must arrive is a mark (USER-1, SAID-2, RESULT-3, RULE-4); `reasoned` marks (THOUGHT-1) must not leave
the vendor whose they are. A case of an `origin` holds what only that dialect's vendor writes.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    InvalidToolCall,
    RemoveMessage,
    SystemMessage,
    ToolCall,
    ToolMessage,
)

from tests.vendors import anthropic_rules

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
GIF = base64.b64encode(b"GIF89a\x01\x00\x01\x00\x00\x00\x00;").decode()
PDF = base64.b64encode(b"%PDF-1.4\n%%EOF\n").decode()
MARK = re.compile(r"(?:USER|SAID|RESULT|RULE|THOUGHT)-\d+")
#: What the vendors' own blocks are signed for.
MODELS = {"anthropic": "claude-test"}


@dataclass(frozen=True)
class Case:
    """A thread, whose private blocks it holds ("" for nobody's), and marks that are rightly left out."""

    name: str
    messages: list[BaseMessage]
    origin: str = ""
    lost: frozenset[str] = frozenset()

    @property
    def family(self) -> str:
        return self.name.partition(":")[0]

    def marks(self, *kinds: str) -> list[str]:
        """Return the marks of these kinds in the order of the thread, each once."""
        found = (mark for message in self.messages for mark in MARK.findall(_shown(message)))
        return [mark for mark in dict.fromkeys(found) if mark.startswith(kinds) and mark not in self.lost]


def _shown(message: BaseMessage) -> str:
    blocks = [message.content] if isinstance(message.content, str) else message.content
    words = [block if isinstance(block, str) else _words(block) for block in blocks]
    return " ".join([*words, *_thoughts(message)])


def _words(block: dict[str, Any]) -> str:
    return str(block)


def _thoughts(message: BaseMessage) -> list[str]:
    return [str(message.additional_kwargs)] if message.additional_kwargs else []


def call(call_id: Any = "call_1", name: str = "excel_read", **args: Any) -> ToolCall:
    return ToolCall(name=name, args=args or {"sheet": "A"}, id=call_id, type="tool_call")


def said(content: Any = "", *calls: ToolCall, **more: Any) -> AIMessage:
    return AIMessage(content=content, tool_calls=list(calls), **more)


def result(call_id: Any = "call_1", content: Any = "RESULT-1", **more: Any) -> ToolMessage:
    return ToolMessage(content, tool_call_id=call_id, **more)


def finished() -> list[BaseMessage]:
    """Return a thread of a finished turn with two calls, and a question that follows it."""
    return [
        SystemMessage("RULE-1"),
        HumanMessage("USER-1"),
        said("SAID-1", call("call_1"), call("call_2", sheet="B")),
        result("call_1", "RESULT-1"),
        result("call_2", "RESULT-2"),
        said("SAID-2"),
        HumanMessage("USER-2"),
    ]


def running() -> list[BaseMessage]:
    """Return a thread in the middle of a turn."""
    return finished()[:5]


BASES: dict[str, Callable[[], list[BaseMessage]]] = {"finished": finished, "running": running}


# --- contents ---------------------------------------------------------------------------------------------------------

TEXT = {"type": "text", "text": "beside"}
_URL = f"data:image/png;base64,{PNG}"
MEDIA: dict[str, dict[str, Any]] = {
    "openai image": {"type": "image_url", "image_url": {"url": _URL, "detail": "low"}},
    "openai image, short": {"type": "image_url", "image_url": _URL},
    "image address": {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    "responses image": {"type": "input_image", "image_url": _URL, "detail": "auto"},
    "anthropic image": {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
    "anthropic image address": {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
    "anthropic file id": {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
    "v0 image": {"type": "image", "source_type": "base64", "data": PNG, "mime_type": "image/png"},
    "v0 image address": {"type": "image", "source_type": "url", "url": "https://example.com/a.png"},
    "v1 image": {"type": "image", "base64": PNG, "mime_type": "image/png"},
    "v1 image address": {"type": "image", "url": "https://example.com/a.png"},
    "v1 image id": {"type": "image", "file_id": "file-1"},
    "google media": {"type": "media", "mime_type": "image/png", "data": base64.b64decode(PNG)},
    "google media uri": {"type": "media", "mime_type": "image/png", "file_uri": "gs://a/b.png"},
    "bedrock image": {"image": {"format": "png", "source": {"bytes": base64.b64decode(PNG)}}},
    "gif": {"type": "image", "base64": GIF, "mime_type": "image/gif"},
    "svg": {"type": "image", "base64": base64.b64encode(b"<svg/>").decode(), "mime_type": "image/svg+xml"},
    "tiff": {"type": "image", "base64": base64.b64encode(b"II*\x00").decode(), "mime_type": "image/tiff"},
    "jpg as a type": {"type": "image", "base64": "/9j/4AAQSkZJRg==", "mime_type": "image/jpg"},
    "png called jpeg": {"type": "image", "base64": PNG, "mime_type": "image/jpeg"},
    "image without a type": {"type": "image", "base64": PNG},
    "image with line breaks": {"type": "image", "base64": f"{PNG[:60]}\n{PNG[60:]}\n", "mime_type": "image/png"},
    "image that is none": {"type": "image", "base64": "no base64!", "mime_type": "image/png"},
    "image of no bytes": {"type": "image", "base64": "", "mime_type": "image/png"},
    "openai pdf": {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}},
    "responses pdf": {"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"},
    "anthropic pdf": {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}},
    "anthropic text": {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "in a file"}},
    "anthropic blocks": {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "x"}]}},
    "v0 pdf": {"type": "file", "source_type": "base64", "data": PDF, "mime_type": "application/pdf"},
    "v1 pdf": {"type": "file", "base64": PDF, "mime_type": "application/pdf", "filename": "Bericht für Ä.pdf"},
    "pdf that is none": {"type": "file", "base64": PNG, "mime_type": "application/pdf", "filename": "a.pdf"},
    "v1 docx": {"type": "file", "base64": "UEsDBA==", "mime_type": "application/vnd.ms-word", "filename": "a.docx"},
    "v1 text": {"type": "text-plain", "text": "in a file", "mime_type": "text/plain"},
    "file with half a letter": {
        "type": "file",
        "base64": PDF,
        "mime_type": "application/pdf",
        "filename": "a\ud83d.pdf",
    },
    "audio": {"type": "audio", "base64": PNG, "mime_type": "audio/wav"},
    "openai audio": {"type": "input_audio", "input_audio": {"data": PNG, "format": "wav"}},
    "video": {"type": "video", "url": "https://example.com/a.mp4"},
    "cache point": {"cachePoint": {"type": "default"}},
    "unheard of": {"type": "hologram", "payload": {"x": [1]}},
}
WORDS: dict[str, Any] = {
    "blank": " \n\t",
    "null words": "None",
    "half a letter": "half \ud83d of it",
    "both halves": "a \ud83d\ude00 b",
    "control characters": "a\x00b\x07c\x1b[31m",
    "zero width": "\u200b\ufeff",
    "no list": [],
    "list of blanks": [{"type": "text", "text": ""}, "", " "],
    "list of strings": ["one", "two"],
    "text without text": [{"type": "text"}],
    "text of None": [{"type": "text", "text": None}],
    "text with an id": [{"type": "text", "text": "x", "id": "lc_1", "index": 0, "annotations": [], "extras": {"a": 1}}],
    "text to be cached": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}],
    "huge": "long " * 20_000,
    "looks like json": '{"type": "tool_use", "id": "x"}',
    "special tokens": "<|im_start|>system [INST] </s>",
}


def _beside(mark: str, content: Any) -> Any:
    """Return a content with a mark in front of what is awkward."""
    if isinstance(content, str):
        return f"{mark} {content}"
    return [{"type": "text", "text": mark}, *(content if isinstance(content, list) else [content])]


def _replaced(base: list[BaseMessage], at: int, message: BaseMessage) -> list[BaseMessage]:
    return [*base[:at], message, *base[at + 1 :]]


def _contents() -> Iterator[Case]:
    every = {**MEDIA, **WORDS}
    for name, content in every.items():
        for base, make in BASES.items():
            yield Case(f"result:{name}, {base}", _replaced(make(), 4, result("call_2", _beside("RESULT-2", content))))
        yield Case(f"user:{name}", _replaced(finished(), 1, HumanMessage(_beside("USER-1", content))))
        yield Case(f"assistant:{name}", _replaced(finished(), 5, said(_beside("SAID-2", content))))
    for name, content in WORDS.items():
        yield Case(f"user alone:{name}", _replaced(finished(), 6, HumanMessage(content)))
        yield Case(f"assistant alone:{name}", _replaced(finished(), 5, said(content)))
        yield Case(f"assistant alone:{name}, with calls", [*running()[:2], said(content, call()), result()])
        yield Case(f"result alone:{name}", _replaced(running(), 4, result("call_2", content)))
        yield Case(f"rules:{name}", _replaced(finished(), 0, SystemMessage(content)))


# --- reasoning and what runs at the vendor ----------------------------------------------------------------------------


def _signed(text: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": text, "signature": anthropic_rules.sign(text)}


_SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
_FOUND: dict[str, Any] = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
_CITED = {"type": "web_search_result_location", "url": "https://a.example", "title": "A", "encrypted_index": "e"}
_USE = {"type": "tool_use", "id": "call_1", "name": "excel_read", "input": {"sheet": "A"}}
_CALLED = {
    "type": "function_call",
    "call_id": "call_1",
    "name": "excel_read",
    "arguments": '{"sheet": "A"}',
    "id": "fc_9",
}
_SAID = {"type": "text", "text": "SAID-1"}

#: The content of an answer that calls `call_1`, by the dialect that writes such.
PRIVATE: dict[str, tuple[str, list[Any] | str, dict[str, Any]]] = {
    "thinking": ("anthropic", [_signed("THOUGHT-1"), _SAID, _USE], {}),
    "redacted thinking": (
        "anthropic",
        [{"type": "redacted_thinking", "data": anthropic_rules.redact("THOUGHT-1")}, _SAID, _USE],
        {},
    ),
    "thinking twice": ("anthropic", [_signed("THOUGHT-1"), _signed("THOUGHT-2"), _SAID, _USE], {}),
    "thinking between": ("anthropic", [_signed("THOUGHT-1"), _SAID, _signed("THOUGHT-2"), _USE], {}),
    "thinking, no words": ("anthropic", [_signed("THOUGHT-1"), _USE], {}),
    "thinking, blank words": ("anthropic", [_signed("THOUGHT-1"), {"type": "text", "text": "\n\n"}, _USE], {}),
    "web search": ("anthropic", [_SEARCH, _FOUND, {**_SAID, "citations": [_CITED]}, _USE], {}),
    "web search cut": ("anthropic", [_SAID, _SEARCH, _USE], {}),
    "code run": (
        "anthropic",
        [
            {"type": "server_tool_use", "id": "srvtoolu_2", "name": "code_execution", "input": {"code": "1"}},
            {"type": "code_execution_tool_result", "tool_use_id": "srvtoolu_2", "content": {"stdout": "1"}},
            _SAID,
            _USE,
        ],
        {},
    ),
    "mcp": (
        "anthropic beta",
        [
            {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "x", "server_name": "s", "input": {}},
            {"type": "mcp_tool_result", "tool_use_id": "mcptoolu_1", "is_error": False, "content": []},
            _SAID,
            _USE,
        ],
        {},
    ),
    "parts of a stream": (
        "anthropic",
        [{**_SAID, "index": 0}, {**_USE, "index": 1, "partial_json": '{"sheet": "A"}'}],
        {},
    ),
    "responses reasoning": (
        "openai_responses of another",
        [
            {"type": "reasoning", "id": "rs_9", "summary": [{"type": "summary_text", "text": "THOUGHT-1"}]},
            {**_SAID, "id": "msg_9"},
            _CALLED,
        ],
        {},
    ),
    "responses reasoning, sealed": (
        "openai_responses of another",
        [{"type": "reasoning", "id": "rs_9", "summary": [], "encrypted_content": "THOUGHT-1"}, _SAID, _CALLED],
        {},
    ),
    "responses v0 reasoning": (
        "openai_responses of another",
        [_SAID],
        {
            "reasoning": {"id": "rs_9", "summary": [{"text": "THOUGHT-1"}]},
            "__openai_function_call_ids__": {"call_1": "fc_9"},
        },
    ),
    "responses search": (
        "openai_responses",
        [
            {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}},
            _SAID,
            _CALLED,
        ],
        {},
    ),
    "responses citations": (
        "openai_responses",
        [{**_SAID, "annotations": [{"type": "url_citation", "url": "https://a.example", "start_index": 0}]}, _CALLED],
        {},
    ),
    "responses refusal": ("openai_responses", [{"type": "refusal", "refusal": "SAID-1"}, _CALLED], {}),
    "gemini thoughts": (
        "google of another",
        [{"type": "thinking", "thinking": "THOUGHT-1", "signature": "c2lnbmVk"}, _SAID],
        {"__gemini_function_call_thought_signatures__": {"call_1": "c2lnbmVk"}},
    ),
    "gemini code": (
        "google of another",
        [
            {"type": "executable_code", "executable_code": "1", "language": "PYTHON"},
            {"type": "code_execution_result", "code_execution_result": "1", "outcome": 1},
            _SAID,
        ],
        {},
    ),
    "mistral thinking": (
        "mistral of another",
        [{"type": "thinking", "thinking": [{"type": "text", "text": "THOUGHT-1"}]}, _SAID],
        {},
    ),
    "mistral reference": ("mistral of another", [_SAID, {"type": "reference", "reference_ids": [1]}], {}),
    "reasoning content": ("ollama", "SAID-1", {"reasoning_content": "THOUGHT-1"}),
    "reasoning text": ("openai", "SAID-1", {"reasoning": "THOUGHT-1", "reasoning_details": [{"text": "THOUGHT-2"}]}),
    "bedrock reasoning": (
        "bedrock of another",
        [{"type": "reasoning_content", "reasoning_content": {"text": "THOUGHT-1", "signature": "x"}}, _SAID, _USE],
        {},
    ),
    "v1 reasoning": (
        "v1",
        [
            {"type": "reasoning", "reasoning": "THOUGHT-1", "extras": {"signature": "x"}},
            _SAID,
            {**call(), "extras": {}},
        ],
        {},
    ),
    "v1 server tools": (
        "v1",
        [
            {"type": "server_tool_call", "id": "srvtoolu_1", "name": "web_search", "args": {}},
            {"type": "server_tool_result", "tool_call_id": "srvtoolu_1", "status": "success", "output": []},
            {**_SAID, "annotations": [{"type": "citation", "url": "https://a.example"}]},
            call(),
        ],
        {},
    ),
    "v1 not standard": ("v1", [{"type": "non_standard", "value": {"type": "odd"}}, _SAID], {}),
    "v1 wrapped words": ("v1", [{"type": "non_standard", "value": {"type": "text", "text": "SAID-1"}}], {}),
    "old function call": ("openai", "SAID-1", {"function_call": {"name": "old", "arguments": "{}"}}),
    "wire calls": (
        "openai",
        "SAID-1",
        {"tool_calls": [{"id": "other", "type": "function", "function": {"name": "x", "arguments": "{"}}]},
    ),
    "audio answer": ("openai", "SAID-1", {"audio": {"id": "audio_1", "transcript": "heard"}}),
    "refusal kept": ("openai", "SAID-1", {"refusal": None}),
}


def _private() -> Iterator[Case]:
    for name, (origin, content, kwargs) in PRIVATE.items():
        metadata = {"output_version": "v1", "model_provider": "openai"} if origin == "v1" else {}
        answer = said(content, call(), additional_kwargs=kwargs, response_metadata=metadata)
        running = [HumanMessage("USER-1"), answer, result()]
        yield Case(f"private:{name}, running", running, origin)
        yield Case(f"private:{name}, finished", [*running, said("SAID-2"), HumanMessage("USER-2")], origin)
        yield Case(f"private:{name}, no result", [*running[:2], HumanMessage("USER-2")], origin)
        yield Case(f"private:{name}, dangling", running[:2], origin)
        second = said(content, call("call_9"), additional_kwargs=kwargs, response_metadata=metadata)
        if not isinstance(content, list) or all("call_1" not in str(block) for block in content):
            yield Case(f"private:{name}, twice", [*running, second, result("call_9", "RESULT-2")], origin)
        calls_none = [b for b in content if b not in (_USE, _CALLED)] if isinstance(content, list) else content
        if "{'type': 'tool_call'" not in str(content) and "'name': 'excel_read', 'args'" not in str(content):
            silent = said(calls_none, additional_kwargs=kwargs, response_metadata=metadata)
            yield Case(f"private:{name}, no call", [HumanMessage("USER-1"), silent, HumanMessage("USER-2")], origin)


# --- ids, names, arguments --------------------------------------------------------------------------------------------

IDS: dict[str, Any] = {
    "none": None,
    "empty": "",
    "blank": " ",
    "nine": "abcDEF123",
    "forty": "c" * 40,
    "forty-one": "c" * 41,
    "sixty-five": "c" * 65,
    "thousand": "c" * 1000,
    "colon": "functions.read:0",
    "slash": "fc/1|rs_2",
    "letters": "äöü",
    "half a letter": "a\ud83d",
    "line break": "a\nb",
    "number": "0",
    "uuid": "6f1c2b0e-1e9b-4d6f-9d3a-0c3f5b1a2d3e",
    "toolu": "toolu_01ABCdefGHIjklMNOpqrSTU",
    "fc": "fc_68a0d1e2",
}
TOOL_NAMES = {
    "dots": "excel.read_cells",
    "letters": "läse_blatt",
    "long": "n" * 200,
    "empty": "",
    "digit": "7up",
    "dash": "-x",
    "blank": "excel read",
    "half a letter": "a\ud83d",
    "slash": "mcp/server:tool",
}


class _Odd:
    """Something that no JSON can hold."""

    def __repr__(self) -> str:
        return "odd"


ARGUMENTS: dict[str, Any] = {
    "not a number": float("nan"),
    "endless": float("-inf"),
    "half a letter": "\ud83d",
    "bytes": b"\x00\xff",
    "a set": {1},
    "decimal": Decimal("4.20"),
    "object": _Odd(),
    "deep": [[[[[{"a": [None, True, 1e308]}]]]]],
    "huge": "x" * 100_000,
    "big number": 10**40,
    "odd keys": {1: "a", None: "b"},
    "tuple": (1, 2),
    "null": None,
}


def _calls() -> Iterator[Case]:
    for name, call_id in IDS.items():
        for base, make in BASES.items():
            thread = make()
            thread[2] = said("SAID-1", call(call_id), call("call_2", sheet="B"))
            thread[3] = result(call_id or "", "RESULT-1")
            yield Case(f"ids:{name}, {base}", thread)
        pair = [
            said("", call(call_id), call(call_id)),
            result(call_id or "", "RESULT-1"),
            result(call_id or "", "RESULT-2"),
        ]
        yield Case(f"ids:{name}, twice in one answer", [HumanMessage("USER-1"), *pair])
        again = [HumanMessage("USER-2"), said("", call(call_id)), result(call_id or "", "RESULT-2")]
        yield Case(
            f"ids:{name}, again in the next turn",
            [
                HumanMessage("USER-1"),
                said("", call(call_id)),
                result(call_id or "", "RESULT-1"),
                said("SAID-1"),
                *again,
            ],
        )
    for name, tool in TOOL_NAMES.items():
        for base, make in BASES.items():
            thread = make()
            thread[2] = said("SAID-1", call("call_1", tool), call("call_2", tool))
            yield Case(f"names:{name}, {base}", thread)
        named = [HumanMessage("USER-1", name=tool), said("SAID-1", call(), name=tool), result(name=tool)]
        yield Case(f"names:{name}, of speakers", named)
    for name, value in ARGUMENTS.items():
        for base, make in BASES.items():
            yield Case(
                f"arguments:{name}, {base}",
                _replaced(make(), 2, said("SAID-1", call("call_1", v=value), call("call_2"))),
            )
    for base, make in BASES.items():
        thread = make()
        thread[2] = AIMessage("SAID-1", tool_calls=[{**call("call_1"), "args": {}}, {**call("call_2"), "args": {}}])
        yield Case(f"arguments:none at all, {base}", thread)


# ruff: noqa: E501 - a thread a line
# --- who said what, and when ------------------------------------------------------------------------------------------


def _broken(call_id: str | None = "call_1", name: str | None = "excel_read") -> InvalidToolCall:
    return InvalidToolCall(id=call_id, name=name, args='{"a": ', error=None, type="invalid_tool_call")


U1, U2, U3 = HumanMessage("USER-1"), HumanMessage("USER-2"), HumanMessage("USER-3")
ASKS, ASKS_TWO = said("SAID-1", call()), said("SAID-1", call("call_1"), call("call_2"))
R1, R2 = result("call_1", "RESULT-1"), result("call_2", "RESULT-2")
S2 = said("SAID-2")
ORDERS: dict[str, list[BaseMessage]] = {
    "nothing": [],
    "rules only": [SystemMessage("RULE-1")],
    "begins with an answer": [said("SAID-1"), U1],
    "begins with a call": [ASKS, R1, U1],
    "begins with a result": [R1, U1],
    "begins with rules and an answer": [SystemMessage("RULE-1"), said("SAID-1"), U1],
    "answer only": [said("SAID-1")],
    "result only": [R1],
    "two users": [U1, U2],
    "three users": [U1, U2, U3],
    "two answers": [U1, said("SAID-1"), S2, U2],
    "two answers with calls": [U1, ASKS, said("SAID-2", call("call_2")), R1, R2],
    "trailing answer": [U1, said("SAID-1")],
    "trailing answer with a blank": [U1, said("SAID-1 \n")],
    "trailing empty answer": [U1, said("")],
    "two trailing answers": [U1, said("SAID-1"), S2],
    "empty answer between": [U1, said(""), U2],
    "empty user between": [U1, said("SAID-1"), HumanMessage(""), S2, U2],
    "user behind a result": [U1, ASKS, R1, U2],
    "user between call and result": [U1, ASKS, U2, R1],
    "user between two results": [U1, ASKS_TWO, R1, U2, R2],
    "answer between call and result": [U1, ASKS, S2, R1, U2],
    "rules between call and result": [U1, ASKS, SystemMessage("RULE-1"), R1],
    "results in the other order": [U1, ASKS_TWO, R2, R1],
    "one result missing": [U1, ASKS_TWO, R1],
    "the other result missing": [U1, ASKS_TWO, R2, U2],
    "no result": [U1, ASKS],
    "no result, next turn": [U1, ASKS, U2],
    "no result in the first of two turns": [U1, ASKS, U2, said("SAID-2", call("call_2")), R2],
    "no result, then an answer": [U1, ASKS, S2, U2],
    "result before its call": [U1, R1, ASKS],
    "result two turns late": [U1, ASKS, U2, S2, U3, R1],
    "system in the middle": [U1, said("SAID-1"), SystemMessage("RULE-1"), U2],
    "system last": [U1, SystemMessage("RULE-1")],
    "system behind a result": [U1, ASKS, R1, SystemMessage("RULE-1")],
    "systems everywhere": [SystemMessage("RULE-1"), SystemMessage("RULE-2"), U1, SystemMessage("RULE-3"), S2, U2],
    "developer": [ChatMessage("RULE-1", role="developer"), U1],
    "developer in the middle": [U1, said("SAID-1"), ChatMessage("RULE-1", role="developer"), U2],
    "roles by name": [
        ChatMessage("RULE-1", role="system"),
        ChatMessage("USER-1", role="user"),
        ChatMessage("SAID-1", role="assistant"),
        ChatMessage("USER-2", role="human"),
        ChatMessage("SAID-2", role="model"),
        ChatMessage("USER-3", role="narrator"),
    ],
    "ai by name": [U1, ChatMessage("SAID-1", role="ai"), U2],
    "removed": [U1, RemoveMessage(id="gone"), said("SAID-1"), U2],
    "cut by compaction": [SystemMessage("RULE-1"), HumanMessage("USER-1"), R1, R2, S2, U2],
    "cut behind the calls": [SystemMessage("RULE-1"), ASKS_TWO, R1],
    "summary as the user's": [HumanMessage("USER-1 (summary)"), said("SAID-1"), U2],
    "failed result": [U1, ASKS, result(content="RESULT-1", status="error")],
    "result with an artifact": [U1, ASKS, result(content="RESULT-1", artifact={"x": _Odd()})],
    "unreadable call": [U1, said("SAID-1", invalid_tool_calls=[_broken()]), U2],
    "unreadable call alone": [U1, said("", invalid_tool_calls=[_broken()])],
    "unreadable call without anything": [U1, said("", invalid_tool_calls=[_broken(None, None)]), U2],
    "unreadable call beside a good one": [U1, said("SAID-1", call("call_2"), invalid_tool_calls=[_broken()]), R2],
    "three rounds": [U1, ASKS, R1, said("SAID-2", call("call_2")), R2, said("SAID-3", call("call_3")), result("call_3", "RESULT-3")],
    "forty calls": [U1, said("SAID-1", *(call(f"c{n}") for n in range(40))), *(result(f"c{n}", f"RESULT-{n}") for n in range(40))],
    "twenty turns": [m for n in range(20) for m in (HumanMessage(f"USER-{n}"), said(f"SAID-{n}"))] + [HumanMessage("USER-99")],
}  # fmt: skip
#: Results that answer nothing, or what has its result: there is nowhere to put them.
STRAY: dict[str, list[BaseMessage]] = {
    "orphan": [U1, result("nobody", "RESULT-9"), S2, U2],
    "orphan between a call and its result": [U1, ASKS, result("nobody", "RESULT-9"), R1],
    "two results": [U1, ASKS, R1, result("call_1", "RESULT-9")],
    "two results, the second one late": [U1, ASKS, R1, S2, U2, result("call_1", "RESULT-9")],
    "result of an unreadable call": [
        U1,
        said("SAID-1", invalid_tool_calls=[_broken()]),
        result("call_1", "RESULT-9"),
        U2,
    ],
    "old function result": [U1, said("SAID-1"), FunctionMessage("RESULT-9", name="f"), U2],
}


def _orders() -> Iterator[Case]:
    lost = {"begins with a result", "result only", "result before its call", "cut by compaction"}
    for name, thread in ORDERS.items():
        yield Case(f"order:{name}", thread, lost=frozenset({"RESULT-1", "RESULT-2"} if name in lost else ()))
        if thread and not isinstance(thread[-1], HumanMessage):
            yield Case(
                f"order:{name}, then the user",
                [*thread, HumanMessage("USER-98")],
                lost=frozenset({"RESULT-1", "RESULT-2"} if name in lost else ()),
            )
    for name, thread in STRAY.items():
        yield Case(f"stray:{name}", thread, lost=frozenset({"RESULT-9"}))


def cases() -> list[Case]:
    """Return all cases; their names are unique."""
    return [*_contents(), *_private(), *_calls(), *_orders()]
