"""A server that speaks the Anthropic messages protocol; also under the path of Claude on Azure AI Foundry."""

from __future__ import annotations

import json
import re
from types import MappingProxyType
from typing import Any

from tests.vendors import anthropic_rules
from tests.vendors.faults import Fault
from tests.vendors.replies import Reply, Request
from tests.vendors.server import Refusal, Stream, VendorServer, event, pieces

PATHS = re.compile(r"(/anthropic)?/v1/messages(\?.*)?")
STATUS = {
    400: Refusal("Invalid request."),
    401: Refusal("invalid x-api-key", 401, "authentication_error"),
    403: Refusal("Your API key does not have permission to use the specified resource.", 403, "permission_error"),
    404: Refusal("model: claude-gone", 404, "not_found_error"),
    413: Refusal("Request exceeds the maximum size", 413, "request_too_large"),
    429: Refusal(
        "This request would exceed your organization's rate limit of 50 requests per minute.", 429, "rate_limit_error"
    ),
    529: Refusal("Overloaded", 529, "overloaded_error"),
}
QUOTA = Refusal(
    "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase "
    "credits."
)
TOO_LONG = Refusal("prompt is too long: 208310 tokens > 200000 maximum")


class AnthropicServer(VendorServer):
    """`base_url` is what a client is given."""

    words = MappingProxyType({"refusal": "refusal", "content_filter": "refusal", "length": "max_tokens"})
    text_arguments = (True, False)

    @property
    def base_url(self) -> str:
        return self.url

    def check(self, request: Request) -> Refusal | None:
        if not PATHS.fullmatch(request.path):
            return Refusal("Not Found", 404, "not_found_error")
        given = request.headers.get("x-api-key") or request.headers.get("api-key")
        if (given or request.headers.get("authorization", "").removeprefix("Bearer ")) != self.api_key:
            return STATUS[401]
        if "anthropic-version" not in request.headers:
            return Refusal("anthropic-version: header is required")
        model = request.body.get("model")
        if self.models and model not in self.models:
            return Refusal(f"model: {model}", 404, "not_found_error")
        return anthropic_rules.check(request.body)

    def whole(self, reply: Reply, request: Request) -> dict[str, Any]:
        return {
            **self._head(request),
            "content": [{k: v for k, v in block.items() if k != "raw"} for block in self._blocks(reply, request)],
            "stop_reason": _stop(reply),
            "stop_sequence": None,
            "usage": {**_read(reply), "output_tokens": reply.output_tokens},
        }

    def without_reason(self, body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "stop_reason": None}

    def stream(self, reply: Reply, request: Request) -> Stream:
        usage = {**_read(reply), "output_tokens": 1}
        head = {**self._head(request), "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
        body = [_event("message_start", message=head), _event("ping")]
        for at, block in enumerate(self._blocks(reply, request)):
            body += _streamed(at, block)
        delta = {"stop_reason": _stop(reply), "stop_sequence": None}
        counts = {**_read(reply), "output_tokens": reply.output_tokens}  # cumulative
        end = _event("message_delta", delta=delta, usage=counts)
        return Stream(3, body, [end, _event("message_stop")], [_event("message_stop")])

    def filler(self) -> bytes:
        return _event("ping")

    def error_event(self) -> bytes:
        return event(self.error_body(STATUS[529]), "error")

    def error_body(self, refusal: Refusal) -> dict[str, Any]:
        error = {"type": refusal.type, "message": refusal.message}
        return {"type": "error", "error": error, "request_id": f"req_{len(self.requests):024d}"}

    def status_refusal(self, fault: Fault) -> Refusal:
        if fault.kind == "quota":
            return QUOTA
        if fault.kind == "context_length":
            return TOO_LONG
        status = fault.status or 500
        return STATUS.get(status) or Refusal("Internal server error", status, "api_error")

    def _head(self, request: Request) -> dict[str, Any]:
        model = request.body.get("model")
        return {"id": f"msg_{len(self.requests):024d}", "type": "message", "role": "assistant", "model": model}

    def _blocks(self, reply: Reply, request: Request) -> list[dict[str, Any]]:
        blocks: list[dict[str, Any]] = []
        if reply.thinking:
            signature = anthropic_rules.sign(reply.thinking, request.body.get("model", ""))
            blocks.append({"type": "thinking", "thinking": reply.thinking, "signature": signature})
        text = reply.text or reply.refusal
        if text:
            blocks.append({"type": "text", "text": text})
        for at, call in enumerate(reply.calls):
            call_id = call.id or f"toolu_{len(self.requests):012d}{at:012d}"
            blocks.append(
                {"type": "tool_use", "id": call_id, "name": call.name, "input": call.sent_args, "raw": call.arguments}
            )
        return blocks


def _streamed(at: int, block: dict[str, Any]) -> list[bytes]:
    match block["type"]:
        case "thinking":
            start: dict[str, Any] = {"type": "thinking", "thinking": "", "signature": ""}
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces(block["thinking"])]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        case "text":
            start = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": piece} for piece in pieces(block["text"])]
        case _:
            start = {"type": "tool_use", "id": block["id"], "name": block["name"], "input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ["", *pieces(block["raw"], 6)]]
    events = [_event("content_block_delta", index=at, delta=delta) for delta in deltas]
    return [
        _event("content_block_start", index=at, content_block=start),
        *events,
        _event("content_block_stop", index=at),
    ]


def _event(kind: str, **data: Any) -> bytes:
    return event(json.dumps({"type": kind, **data}), kind)


def _read(reply: Reply) -> dict[str, int]:
    """Return the input's tokens: what was cached is counted beside the rest, not among it."""
    return {"input_tokens": reply.input_tokens - reply.cached_tokens, "cache_read_input_tokens": reply.cached_tokens}


def _stop(reply: Reply) -> str:
    return reply.finish or ("tool_use" if reply.calls else "end_turn")
