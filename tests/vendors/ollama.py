"""A server that speaks Ollama's /api/chat: a JSON line for each piece.

Source: the API documentation of Ollama; Go decodes each field into its type, and refuses what does not fit.
"""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import Any

from tests.vendors.anthropic_rules import MAGIC, bytes_of
from tests.vendors.faults import Fault
from tests.vendors.replies import Reply, Request
from tests.vendors.server import Refusal, Stream, VendorServer, pieces

IMAGES = ("image/png", "image/jpeg", "image/webp")
ROLES = {"system", "user", "assistant", "tool"}


class OllamaServer(VendorServer):
    """`base_url` is what a client is given. There is no key."""

    words = MappingProxyType({"refusal": "stop", "content_filter": "stop", "length": "length"})
    unmarked = frozenset({"refusal", "content_filter"})
    stream_type = "application/x-ndjson"
    served = "test"
    text_arguments = (False, False)

    @property
    def base_url(self) -> str:
        return self.url

    def streams(self, request: Request) -> bool:
        return request.body.get("stream", True) is not False

    def check(self, request: Request) -> Refusal | None:
        if request.path != "/api/chat":
            return Refusal("404 page not found", 404)
        if self.models and request.body.get("model") not in self.models:
            return Refusal(f"model '{request.body.get('model')}' not found", 404)
        self.served = str(request.body.get("model"))
        return check(request.body)

    def whole(self, reply: Reply, request: Request) -> dict[str, Any]:
        message = self._message(reply.text or reply.refusal, reply)
        return self._line(message, done=True, **self._end(reply))

    def without_reason(self, body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "done_reason": None}

    def stream(self, reply: Reply, request: Request) -> Stream:
        said = [_json(self._line({"role": "assistant", "content": one})) for one in pieces(reply.text or reply.refusal)]
        if reply.calls:
            said.append(_json(self._line(self._message("", reply))))
        end = self._line({"role": "assistant", "content": ""}, done=True, **self._end(reply))
        return Stream(0, said, [_json(end)], [])

    def filler(self) -> bytes:
        return _json(self._line({"role": "assistant", "content": "."}))

    def error_event(self) -> bytes:
        return _json({"error": "an error was encountered while running the model: CUDA error"})

    def error_body(self, refusal: Refusal) -> dict[str, Any]:
        return {"error": refusal.message}

    def status_refusal(self, fault: Fault) -> Refusal:
        if fault.kind == "context_length":
            return Refusal("the input length exceeds the context length")
        if fault.kind == "quota":
            return Refusal("you have reached your weekly usage limit, upgrade for higher limits", 429)
        status = fault.status or 500
        return Refusal("model 'gone' not found" if status == 404 else "llama runner process has terminated", status)

    def _message(self, text: str, reply: Reply) -> dict[str, Any]:
        calls = [{"function": {"name": call.name, "arguments": call.sent_args}} for call in reply.calls]
        thought = {"thinking": reply.thinking} if reply.thinking else {}
        return {"role": "assistant", "content": text, **thought, **({"tool_calls": calls} if calls else {})}

    def _line(self, message: dict[str, Any], *, done: bool = False, **more: Any) -> dict[str, Any]:
        return {"model": self.served, "created_at": "2026-01-01T00:00:00Z", "message": message, "done": done, **more}

    def _end(self, reply: Reply) -> dict[str, Any]:
        counts = {"prompt_eval_count": reply.input_tokens, "eval_count": reply.output_tokens, "eval_duration": 1}
        return {"done_reason": reply.finish or "stop", **counts}


def _json(line: dict[str, Any]) -> bytes:
    return json.dumps(line).encode() + b"\n"


def check(body: dict[str, Any]) -> Refusal | None:
    """Return why the server would refuse the body of a request, or None."""
    messages = body.get("messages") or []
    for message in messages:
        if message.get("role") not in ROLES or not isinstance(message.get("content", ""), str):
            return Refusal("json: cannot unmarshal array into Go struct field ChatRequest.messages of type string")
        for image in message.get("images") or []:
            data = bytes_of(image) if isinstance(image, str) else None
            if not data or not data.startswith(tuple(MAGIC[kind] for kind in IMAGES)):
                return Refusal("illegal base64 data at input byte 4" if data is None else "image: unknown format")
        calls = message.get("tool_calls") or []
        if any(not isinstance(call["function"]["arguments"], dict) for call in calls):
            return Refusal("json: cannot unmarshal string into Go struct field ToolCallFunction.arguments of type map")
    return None
