"""A server that speaks Mistral chat completions: OpenAI's form of answers, rules of its own.

Source: the API reference and the request validator that Mistral publishes with its tokenizer.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Any

from tests.vendors.openai import OpenAIServer, finish, usage
from tests.vendors.openai_rules import image
from tests.vendors.replies import Reply, Request
from tests.vendors.server import Refusal

FIELDS = frozenset(
    {
        "model",
        "messages",
        "stream",
        "temperature",
        "top_p",
        "max_tokens",
        "stop",
        "random_seed",
        "safe_prompt",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "response_format",
        "presence_penalty",
        "frequency_penalty",
        "n",
        "prompt_mode",
    }
)
MESSAGE_FIELDS = {
    "system": {"role", "content"},
    "user": {"role", "content"},
    "assistant": {"role", "content", "tool_calls", "prefix"},
    "tool": {"role", "content", "name", "tool_call_id"},
}
PARTS = {
    "system": {"text"},
    "user": {"text", "image_url"},
    "assistant": {"text", "thinking"},
    "tool": {"text"},
}
FOLLOWS = {
    "system": {"system", "user", "assistant"},
    "user": {"system", "user", "assistant"},
    "assistant": {"user", "assistant", "tool"},
    "tool": {"assistant", "tool"},
}
CALL_ID = re.compile(r"[a-zA-Z0-9]{9}")


class MistralServer(OpenAIServer):
    """`base_url` is what a client is given."""

    words = MappingProxyType({"refusal": "stop", "content_filter": "stop", "length": "length"})
    unmarked = frozenset({"refusal", "content_filter"})

    def rules(self, body: dict[str, Any]) -> Refusal | None:
        return check(body)

    def call_id(self, at: int) -> str:
        return f"{len(self.requests):06d}{at:03d}"

    def whole(self, reply: Reply, request: Request) -> dict[str, Any]:
        body = super().whole(reply, request)
        for choice in body["choices"]:
            choice["message"].pop("refusal")
        return body

    def call_deltas(self, reply: Reply) -> list[dict[str, Any]]:
        # Mistral streams the words and sends the calls whole.
        calls = [{**call, "index": at} for at, call in enumerate(self.calls(reply))]
        return [{"tool_calls": calls}] if calls else []

    def end_chunks(self, reply: Reply, request: Request) -> list[bytes]:
        return [self.chunk(request, {"content": ""}, finish(reply), usage=usage(reply))]

    def error_body(self, refusal: Refusal) -> dict[str, Any]:
        return {"object": "error", "message": refusal.message, "type": refusal.type, "param": None, "code": "3000"}


def check(body: dict[str, Any]) -> Refusal | None:
    """Return why the API would refuse the body of a request, or None."""
    for field in body:
        if field not in FIELDS:
            return _extra(field, "body")
    messages = body.get("messages") or []
    if not messages:
        return Refusal("Conversation must have at least one message", code="3230")
    return next((f for at, one in enumerate(messages) if (f := _message(one, at))), None) or _order(messages)


def _extra(field: str, where: str) -> Refusal:
    return Refusal(f"Extra inputs are not permitted: {where}.{field}", 422, "extra_forbidden")


def _message(message: dict[str, Any], at: int) -> Refusal | None:
    role, content = message.get("role", ""), message.get("content")
    if role not in MESSAGE_FIELDS:
        return Refusal(f"Unexpected role '{role}'", 422)
    extra = set(message) - MESSAGE_FIELDS[role]
    if extra:
        return _extra(min(extra), f"messages.{at}")
    if role == "assistant" and not content and not message.get("tool_calls"):
        return Refusal("Assistant message must have either content or tool_calls, but not none.")
    if role == "user" and not content:
        return Refusal("User message must have content")
    for part in content if isinstance(content, list) else []:
        if not isinstance(part, dict) or part.get("type") not in PARTS[role]:
            return Refusal(f"Input tag of messages.{at}.content does not match any of the expected tags", 422)
        if part["type"] == "image_url":
            url = part["image_url"]
            refusal = image(url.get("url") if isinstance(url, dict) else url, f"messages.{at}.content")
            if refusal:
                return refusal
        if part["type"] == "text" and set(part) != {"type", "text"}:
            return _extra(str(min(set(part))), f"messages.{at}.content")
    return _calls(message)


def _calls(message: dict[str, Any]) -> Refusal | None:
    ids = [call.get("id", "") for call in message.get("tool_calls") or []]
    names = [call["function"]["name"] for call in message.get("tool_calls") or []]
    for one in [*ids, *([message.get("tool_call_id", "")] if message["role"] == "tool" else [])]:
        if not CALL_ID.fullmatch(one):
            return Refusal(f"Tool call id was {one} but must be a-z, A-Z, 0-9, with a length of 9.", code="3280")
    for name in names:
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name):
            return Refusal(f"Function name was {name} but must be a-z, A-Z, 0-9, or contain underscores and dashes.")
    return Refusal("Duplicate tool call id in assistant message") if len(set(ids)) != len(ids) else None


def _order(messages: list[dict[str, Any]]) -> Refusal | None:
    waiting: list[str] = []
    before = "system"
    for message in messages:
        role = message["role"]
        if role not in FOLLOWS[before] or (before == "system" and role == "assistant"):
            return Refusal(f"Unexpected role '{role}' after role '{before}'", code="3230")
        if role == "tool":
            if message["tool_call_id"] not in waiting:
                return Refusal("Unexpected tool call id in tool message", code="3230")
            waiting.remove(message["tool_call_id"])
        elif waiting:
            return Refusal("Not the same number of function calls and responses", code="3230")
        waiting += [call["id"] for call in message.get("tool_calls") or []]
        before = role
    if waiting:
        return Refusal("Not the same number of function calls and responses", code="3230")
    if before not in ("user", "tool"):
        return Refusal(
            f"Expected last role User or Tool (or Assistant with prefix True) for serving but got {before}", code="3230"
        )
    return None
