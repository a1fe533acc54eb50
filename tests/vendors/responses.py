"""A server that speaks OpenAI's Responses protocol.

Source: the API reference of responses, and error bodies that the API answers with.
"""

from __future__ import annotations

import hashlib
import re
from types import MappingProxyType
from typing import Any

from tests.vendors.openai import OpenAIServer
from tests.vendors.openai_rules import TOOL_NAME, image
from tests.vendors.replies import Reply, Request
from tests.vendors.server import Refusal, Stream, event, pieces

PATHS = re.compile(r"(/v1|/openai/v1)/responses(?P<deployment>)(\?.*)?")
FIELDS = frozenset(
    {
        "model",
        "input",
        "instructions",
        "stream",
        "temperature",
        "top_p",
        "max_output_tokens",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "reasoning",
        "store",
        "include",
        "text",
        "truncation",
        "metadata",
        "user",
        "previous_response_id",
        "service_tier",
        "prompt_cache_key",
    }
)
#: What may come behind a reasoning item.
FOLLOW = frozenset(
    ["message", "function_call", "reasoning", "web_search_call", "code_interpreter_call", "mcp_call", "mcp_list_tools"]
)
PARTS = {
    "user": {"input_text", "input_image", "input_file"},
    "system": {"input_text"},
    "developer": {"input_text"},
    "assistant": {"output_text", "refusal"},
}
ITEM_FIELDS = {
    "message": {"type", "role", "content", "id", "status", "phase"},
    "function_call": {"type", "call_id", "name", "arguments", "id", "status"},
    "function_call_output": {"type", "call_id", "output", "id", "status"},
    "reasoning": {"type", "id", "summary", "encrypted_content", "content", "status"},
    "web_search_call": {"type", "id", "status", "action"},
    "code_interpreter_call": {"type", "id", "status", "code", "container_id", "outputs"},
    "mcp_call": {"type", "id", "status", "name", "server_label", "arguments", "output", "error", "approval_request_id"},
    "mcp_list_tools": {"type", "id", "server_label", "tools", "error"},
}
#: What the server gives its own items, and so the only ids that it takes back.
OWN_ID = {
    "message": "msg_",
    "function_call": "fc_",
    "reasoning": "rs_",
    "web_search_call": "ws_",
    "code_interpreter_call": "ci_",
    "mcp_call": "mcp_",
    "mcp_list_tools": "mcpl_",
}


def seal(reasoning_id: str) -> str:
    """Return the encrypted content of a reasoning item, which the server can open without having kept the item."""
    return "gAAAA" + hashlib.sha256(reasoning_id.encode()).hexdigest()


class ResponsesServer(OpenAIServer):
    """`base_url` is what a client is given."""

    words = MappingProxyType({"refusal": "", "content_filter": "content_filter", "length": "max_output_tokens"})
    paths = PATHS

    def rules(self, body: dict[str, Any]) -> Refusal | None:
        return check(body) or _owned(body, self.reasoned)

    @property
    def reasoned(self) -> dict[str, str]:
        """The ids of items that the server made, each with that of the reasoning which led to it, or ""."""
        return self.__dict__.setdefault("_reasoned", {})

    def whole(self, reply: Reply, request: Request) -> dict[str, Any]:
        cut = reply.finish or None
        return {
            **self._response(request),
            "status": "incomplete" if cut else "completed",
            "incomplete_details": {"reason": cut} if cut else None,
            "output": self._items(reply),
            "usage": {
                "input_tokens": reply.input_tokens,
                "input_tokens_details": {"cached_tokens": reply.cached_tokens},
                "output_tokens": reply.output_tokens,
                "output_tokens_details": {"reasoning_tokens": reply.reasoning_tokens},
                "total_tokens": reply.input_tokens + reply.output_tokens,
            },
        }

    def without_reason(self, body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "status": None}

    def stream(self, reply: Reply, request: Request) -> Stream:
        events = [self._event("response.created", response={**self._response(request), "output": []})]
        for at, item in enumerate(self._items(reply)):
            events += self._streamed(at, item)
        whole = self.whole(reply, request)
        end = self._event(f"response.{whole['status']}", response=whole)
        return Stream(3, events, [end], [])

    def filler(self) -> bytes:
        return self._event("response.output_text.delta", output_index=0, content_index=0, item_id="msg_1", delta=".")

    def error_event(self) -> bytes:
        return self._event("error", code="server_error", message="The server had an error.", param=None)

    def _response(self, request: Request) -> dict[str, Any]:
        return {
            "id": f"resp_{len(self.requests)}",
            "object": "response",
            "created_at": 1_700_000_000,
            "model": request.body.get("model"),
            "status": "in_progress",
            "error": None,
            "incomplete_details": None,
            "output": [],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
        }

    def _items(self, reply: Reply) -> list[dict[str, Any]]:
        turn = len(self.requests)
        items: list[dict[str, Any]] = []
        if reply.thinking:
            summary = [{"type": "summary_text", "text": reply.thinking}]
            sealed = seal(f"rs_{turn}")
            items.append({"type": "reasoning", "id": f"rs_{turn}", "summary": summary, "encrypted_content": sealed})
        part = {"type": "output_text", "text": reply.text, "annotations": []}
        if reply.refusal:
            part = {"type": "refusal", "refusal": reply.refusal}
        if reply.text or reply.refusal:
            message = {"type": "message", "id": f"msg_{turn}", "role": "assistant", "status": "completed"}
            items.append({**message, "content": [part]})
        for at, call in enumerate(self.calls(reply)):
            item = {"type": "function_call", "id": f"fc_{turn}_{at}", "call_id": call["id"], "status": "completed"}
            items.append({**item, **call["function"]})
        led = f"rs_{turn}" if reply.thinking else ""
        self.reasoned.update({item["id"]: led if item["type"] != "reasoning" else "" for item in items})
        return items

    def _streamed(self, at: int, item: dict[str, Any]) -> list[bytes]:
        added, done = "response.output_item.added", self._event("response.output_item.done", output_index=at, item=item)
        if item["type"] == "reasoning":
            return [self._event(added, output_index=at, item=item), done]
        place = {"output_index": at, "item_id": item["id"]}
        if item["type"] == "function_call" and not isinstance(item["arguments"], str):
            return [self._event(added, output_index=at, item=item), done]
        if item["type"] == "function_call":
            deltas = [
                self._event("response.function_call_arguments.delta", **place, delta=one)
                for one in pieces(item["arguments"], 6)
            ]
            return [self._event(added, output_index=at, item={**item, "arguments": ""}), *deltas, done]
        part, place = item["content"][0], {**place, "content_index": 0}
        kind = "refusal" if part["type"] == "refusal" else "output_text"
        key = "refusal" if kind == "refusal" else "text"
        said = [self._event(f"response.{kind}.delta", **place, delta=one) for one in pieces(part[key])]
        end = self._event(f"response.{kind}.done", **place, **{key: part[key]})
        return [self._event(added, output_index=at, item={**item, "content": []}), *said, end, done]

    def _event(self, kind: str, **data: Any) -> bytes:
        return event({"type": kind, "sequence_number": 1, "logprobs": [], **data}, kind)


def check(body: dict[str, Any]) -> Refusal | None:
    """Return why the API would refuse the body of a request, or None."""
    for field in body:
        if field not in FIELDS:
            return Refusal(f"Unknown parameter: '{field}'.", param=field, code="unknown_parameter")
    items = body.get("input")
    if not items:
        return Refusal('One of "input" or "previous_response_id" or \'prompt\' must be provided.', param="input")
    return next((f for at, one in enumerate(items) if (f := _item(one, f"input[{at}]"))), None) or _answered(items)


def _owned(body: dict[str, Any], reasoned: dict[str, str]) -> Refusal | None:
    """Return why items that the server is to know can't be: it did not make them, or their reasoning is missing."""
    kept = body.get("store", True) is not False
    there: set[str] = set()
    for item in body["input"]:
        made = str(item.get("id") or "")
        if item.get("type") == "reasoning":
            there.add(made)
            sealed = item.get("encrypted_content")
            if sealed is not None and sealed != seal(made):
                return Refusal(f"The encrypted content for item {made} could not be verified.", param="input")
            if sealed is None and not (kept and made in reasoned):
                return Refusal(f"Item with id '{made}' not found.", 404, param="input")
        elif (led := reasoned.get(made)) and led not in there:
            kind = item.get("type", "message")
            return Refusal(
                f"Item '{made}' of type '{kind}' was provided without its required 'reasoning' item: '{led}'.",
                param="input",
            )
    return None


def _item(item: dict[str, Any], where: str) -> Refusal | None:
    kind = item.get("type", "message")
    if kind not in ITEM_FIELDS:
        return Refusal(f"Invalid value: '{kind}'.", param=where, code="invalid_value")
    extra = set(item) - ITEM_FIELDS[kind]
    if extra:
        return Refusal(f"Unknown parameter: '{where}.{min(extra)}'.", param=where, code="unknown_parameter")
    prefix = OWN_ID.get(kind)
    if prefix and item.get("id") is not None and not item["id"].startswith(prefix):
        return Refusal(f"Invalid '{where}.id': '{item['id']}'. Expected an ID that begins with '{prefix[:-1]}'.")
    if kind == "message":
        return _content(item, where)
    if kind in ("function_call", "function_call_output"):
        return _call(item, where)
    return None


def _call(item: dict[str, Any], where: str) -> Refusal | None:
    if not 1 <= len(item.get("call_id") or "") <= 64:
        return Refusal(f"Invalid '{where}.call_id': string too long or empty.", code="string_above_max_length")
    if item["type"] == "function_call":
        named = TOOL_NAME.fullmatch(item["name"]) and len(item["name"]) <= 64
        return None if named else Refusal(f"Invalid '{where}.name': string does not match pattern.")
    output = item.get("output")
    if isinstance(output, str) or all(part.get("type") in PARTS["user"] for part in output or [{}]):
        return None
    return Refusal(f"Invalid type for '{where}.output'.", code="invalid_type")


def _content(item: dict[str, Any], where: str) -> Refusal | None:
    content = item.get("content")
    if item.get("role") not in PARTS:
        return Refusal(f"Invalid value: '{item.get('role')}'.", param=f"{where}.role")
    if isinstance(content, str):
        return None
    for n, part in enumerate(content or []):
        if part.get("type") == "input_image" and (refusal := image(part.get("image_url"), f"{where}.content[{n}]")):
            return refusal
        if part.get("type") not in PARTS[item["role"]]:
            return Refusal(f"Invalid value: '{part.get('type')}'.", param=f"{where}.content[{n}]", code="invalid_value")
    return None if content else Refusal(f"Invalid '{where}.content': empty array.", code="empty_array")


def _answered(items: list[dict[str, Any]]) -> Refusal | None:
    calls = [item["call_id"] for item in items if item.get("type") == "function_call"]
    outputs = [item["call_id"] for item in items if item.get("type") == "function_call_output"]
    for call in calls:
        if call not in outputs:
            return Refusal(f"No tool output found for function call {call}.", param="input")
    for output in outputs:
        if output not in calls:
            return Refusal(f"No tool call found for function call output with call_id {output}.", param="input")
    if len(set(calls)) != len(calls) or len(set(outputs)) != len(outputs):
        return Refusal("Duplicate item found with call_id.", param="input")
    for before, after in zip(items, [*items[1:], {}], strict=True):
        # Vendor's words; the items that may follow are a message or call of the same answer.
        if before.get("type") == "reasoning" and after.get("type") not in FOLLOW:
            return Refusal(
                f"Item '{before['id']}' of type 'reasoning' was provided without its required following item."
            )
    return None
