"""What the OpenAI chat-completions API refuses, with its own words.

Source: the API reference of chat completions, and error bodies that the API answers with.
"""

from __future__ import annotations

import re
from typing import Any

from tests.vendors.anthropic_rules import MAGIC, bytes_of
from tests.vendors.server import Refusal

FIELDS = frozenset(
    [
        "model",
        "messages",
        "stream",
        "stream_options",
        "temperature",
        "top_p",
        "n",
        "max_tokens",
        "max_completion_tokens",
        "stop",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "response_format",
        "seed",
        "user",
        "logprobs",
        "top_logprobs",
        "logit_bias",
        "presence_penalty",
        "frequency_penalty",
        "reasoning_effort",
        "metadata",
        "store",
        "service_tier",
        "modalities",
        "audio",
        "prediction",
        "verbosity",
        "prompt_cache_key",
        "prompt_cache_retention",
        "safety_identifier",
        "web_search_options",
        "functions",
        "function_call",
    ]
)
MESSAGE_FIELDS = {
    "system": {"role", "content", "name"},
    "developer": {"role", "content", "name"},
    "user": {"role", "content", "name"},
    "assistant": {"role", "content", "name", "tool_calls", "refusal", "audio", "function_call"},
    "tool": {"role", "content", "tool_call_id"},
    "function": {"role", "content", "name"},
}
PARTS = {
    "system": ("text",),
    "developer": ("text",),
    "user": ("text", "image_url", "input_audio", "file"),
    "assistant": ("text", "refusal"),
    "tool": ("text",),
    "function": (),
}
PART_FIELDS = {
    "text": {"type", "text"},
    "image_url": {"type", "image_url"},
    "input_audio": {"type", "input_audio"},
    "file": {"type", "file"},
    "refusal": {"type", "refusal"},
}
IMAGES = ["image/png", "image/jpeg", "image/gif", "image/webp"]
DATA_URL = re.compile(r"data:(?P<mime>[a-z-]+/[a-z0-9.+-]+);base64,(?P<data>.*)")
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]+")
USER_NAME = re.compile(r"[^\s<|\\/>]+")


def check(body: dict[str, Any]) -> Refusal | None:
    """Return why the API would refuse the body of a request, or None."""
    for field in body:
        if field not in FIELDS:
            return Refusal(f"Unrecognized request argument supplied: {field}")
    messages = body.get("messages")
    if not body.get("model"):
        return Refusal("you must provide a model parameter")
    if not isinstance(messages, list) or not messages:
        return Refusal("Invalid 'messages': empty array. Expected an array with minimum length 1.", param="messages")
    if body.get("stream_options") and not body.get("stream"):
        return Refusal(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.", param="stream_options"
        )
    return _tools(body) or _each(messages) or _order(messages)


def _tools(body: dict[str, Any]) -> Refusal | None:
    if "tools" in body and not body["tools"]:
        return Refusal("Invalid 'tools': empty array. Expected an array with minimum length 1.", param="tools")
    if body.get("tool_choice") and not body.get("tools"):
        return Refusal("Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.")
    seen: set[str] = set()
    for at, tool in enumerate(body.get("tools", [])):
        name = tool.get("function", {}).get("name", "")
        refusal = _name(name, f"tools[{at}].function.name")
        if refusal or tool.get("type") != "function":
            return refusal or Refusal(f"Invalid value: '{tool.get('type')}'.", param=f"tools[{at}].type")
        if name in seen:
            return Refusal(f"Duplicate function name: {name}", param="tools")
        seen.add(name)
    return None


def _name(name: str, where: str) -> Refusal | None:
    if not TOOL_NAME.fullmatch(name):
        return Refusal(
            f"Invalid '{where}': string does not match pattern. Expected a string that matches the pattern "
            "'^[a-zA-Z0-9_-]+$'.",
            param=where,
            code="invalid_value",
        )
    return _length(name, where, 64)


def _length(text: str, where: str, most: int) -> Refusal | None:
    if len(text) <= most:
        return None
    return Refusal(
        f"Invalid '{where}': string too long. Expected a string with maximum length {most}, but got a string with "
        f"length {len(text)} instead.",
        param=where,
        code="string_above_max_length",
    )


def _each(messages: list[dict[str, Any]]) -> Refusal | None:
    return next((found for at, message in enumerate(messages) if (found := _message(message, at))), None)


def _message(message: dict[str, Any], at: int) -> Refusal | None:
    role = message.get("role")
    if role not in MESSAGE_FIELDS:
        return Refusal(f"Invalid value: '{role}'. Supported values are: {', '.join(map(repr, MESSAGE_FIELDS))}.")
    for field in message:
        if field not in MESSAGE_FIELDS[role]:
            return Refusal(f"Additional properties are not allowed ('{field}' was unexpected) - 'messages.{at}'")
    name = message.get("name")
    if name is not None and not USER_NAME.fullmatch(name):
        return Refusal(f"Invalid 'messages[{at}].name': string does not match pattern.", param=f"messages[{at}].name")
    return _content(message, at) or _calls(message, at)


def _content(message: dict[str, Any], at: int) -> Refusal | None:
    role, content, where = message["role"], message.get("content"), f"messages.[{at}].content"
    if content is None:
        if role == "assistant" and (message.get("tool_calls") or message.get("refusal") or message.get("audio")):
            return None
        return Refusal("Invalid value for 'content': expected a string, got null.", param=where)
    if isinstance(content, str):
        return None
    if not isinstance(content, list) or not content:
        return Refusal(f"Invalid '{where}': empty array. Expected an array with minimum length 1.", param=where)
    return next(
        (found for n, part in enumerate(content) if (found := _part(part, role, f"messages[{at}].content[{n}]"))), None
    )


def _part(part: Any, role: str, where: str) -> Refusal | None:
    allowed = PARTS[role]
    if not isinstance(part, dict):
        return Refusal(f"Invalid type for '{where}': expected an object.", param=where)
    kind = part.get("type")
    if kind not in allowed:
        listed = ", ".join(map(repr, allowed))
        if role == "tool" and kind == "image_url":
            return Refusal(
                "Image URLs are only allowed for messages with role 'user', but this message with role "
                "'tool' contains an image URL.",
                param=where,
            )
        return Refusal(f"Invalid value: '{kind}'. Supported values are: {listed}.", param=f"{where}.type")
    extra = set(part) - PART_FIELDS[kind]
    if extra:
        return Refusal(f"Unknown parameter: '{where}.{min(extra)}'.", param=where, code="unknown_parameter")
    if kind == "image_url" and (refusal := image(part["image_url"].get("url"), where)):
        return refusal
    if kind == "file":
        return _file(part["file"], where)
    if kind == "text" and not isinstance(part.get("text"), str):
        return Refusal(f"Missing required parameter: '{where}.text'.", param=where, code="missing_required_parameter")
    return None


def image(url: Any, where: str) -> Refusal | None:
    """Return why the API would refuse the address of an image."""
    if str(url).startswith(("https://", "http://")):
        return None
    found = DATA_URL.fullmatch(str(url))
    if not found or found["mime"] not in IMAGES:
        return Refusal(
            f"You uploaded an unsupported image. Please make sure your image is one of these formats: {IMAGES}.",
            param=where,
            code="invalid_image_format",
        )
    data = bytes_of(found["data"])
    if not data or not data.startswith(MAGIC[found["mime"]]):
        return Refusal(
            "The image data you provided does not represent a valid image.", param=where, code="invalid_image"
        )
    return None


def _file(file: dict[str, Any], where: str) -> Refusal | None:
    if file.get("file_id"):
        return None
    found = DATA_URL.fullmatch(str(file.get("file_data")))
    data = bytes_of(found["data"]) if found and found["mime"] == "application/pdf" else None
    if not data or not data.startswith(MAGIC["application/pdf"]) or not file.get("filename"):
        return Refusal(f"Invalid file data: '{where}.file.file_data'. Expected a base64-encoded PDF.", param=where)
    return None


def _calls(message: dict[str, Any], at: int) -> Refusal | None:
    calls = message.get("tool_calls")
    if calls is None:
        return _length(message.get("tool_call_id") or "", f"messages[{at}].tool_call_id", 40)
    if not calls:
        return Refusal(f"Invalid 'messages[{at}].tool_calls': empty array. Expected an array with minimum length 1.")
    for n, call in enumerate(calls):
        where = f"messages[{at}].tool_calls[{n}]"
        if set(call) != {"id", "type", "function"} or set(call["function"]) != {"name", "arguments"}:
            return Refusal(f"Missing required parameter or unknown one: '{where}'.", param=where)
        if not call["id"] or not isinstance(call["function"]["arguments"], str):
            return Refusal(f"Invalid type for '{where}': expected a string.", param=where, code="invalid_type")
        refusal = _length(call["id"], f"{where}.id", 40) or _name(call["function"]["name"], f"{where}.function.name")
        if refusal:
            return refusal
    return None


def _order(messages: list[dict[str, Any]]) -> Refusal | None:
    waiting: list[str] = []
    may_answer = False
    for at, message in enumerate(messages):
        if message["role"] == "tool":
            if not may_answer or message["tool_call_id"] not in waiting:
                return Refusal(
                    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
                    "'tool_calls'.",
                    param=f"messages.[{at}].role",
                )
            waiting.remove(message["tool_call_id"])
            continue
        if waiting:
            return _unanswered(waiting, at)
        waiting = [call["id"] for call in message.get("tool_calls") or []]
        may_answer = bool(waiting)
        if len(waiting) != len(set(waiting)):
            return Refusal("Duplicate value for 'tool_call_id'.", param=f"messages.[{at}].tool_calls")
    return _unanswered(waiting, len(messages)) if waiting else None


def _unanswered(waiting: list[str], at: int) -> Refusal:
    return Refusal(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
        f"The following tool_call_ids did not have response messages: {', '.join(waiting)}",
        param=f"messages.[{at}].role",
    )
