"""What the Anthropic messages API refuses, with its own words.

Source: the API reference of messages, the tool-use and extended-thinking guides, and error bodies that the API answers
with. The trailing-assistant rule is that of the models that take no prefill any more.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

from tests.vendors.server import Refusal

FIELDS = frozenset(
    [
        "model",
        "messages",
        "max_tokens",
        "system",
        "stream",
        "temperature",
        "top_k",
        "top_p",
        "stop_sequences",
        "tools",
        "tool_choice",
        "metadata",
        "thinking",
        "service_tier",
        "output_config",
        "context_management",
        "container",
        "mcp_servers",
        "cache_control",
    ]
)
BLOCK_FIELDS = {
    "text": {"type", "text", "cache_control", "citations"},
    "image": {"type", "source", "cache_control"},
    "document": {"type", "source", "cache_control", "title", "context", "citations"},
    "tool_use": {"type", "id", "name", "input", "cache_control", "caller"},
    "tool_result": {"type", "tool_use_id", "content", "is_error", "cache_control"},
    "thinking": {"type", "thinking", "signature"},
    "redacted_thinking": {"type", "data"},
    "server_tool_use": {"type", "id", "name", "input", "cache_control", "caller"},
    "web_search_tool_result": {"type", "tool_use_id", "content", "cache_control", "caller"},
    "web_fetch_tool_result": {"type", "tool_use_id", "content", "cache_control", "caller"},
    "code_execution_tool_result": {"type", "tool_use_id", "content", "cache_control"},
    "bash_code_execution_tool_result": {"type", "tool_use_id", "content", "cache_control"},
    "text_editor_code_execution_tool_result": {"type", "tool_use_id", "content", "cache_control"},
}
#: What runs at the vendor: the call and its result stand in one message.
SERVER_RESULTS = {kind for kind in BLOCK_FIELDS if kind.endswith("_tool_result")}
BLOCKS = {
    "user": {"text", "image", "document", "tool_result"},
    "assistant": {"text", "tool_use", "thinking", "redacted_thinking", "server_tool_use", *SERVER_RESULTS},
    "result": {"text", "image", "document"},
}
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
CALL_ID = re.compile(r"[a-zA-Z0-9_-]+")
SERVER_CALL_ID = re.compile(r"srvtoolu_[a-zA-Z0-9_]+")
#: Bytes of an image, as they are before base64.
IMAGE_MAX = 5 * 1024 * 1024
MAGIC = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
    "application/pdf": b"%PDF-",
}


def sign(thinking: str, model: str = "claude-test") -> str:
    """Return the signature that a model gives, and later asks, for its thinking."""
    return "sig" + hashlib.sha256(f"{model} {thinking}".encode()).hexdigest()[:24]


def redact(thinking: str, model: str = "claude-test") -> str:
    """Return the data of a redacted thinking block of a model."""
    return f"{sign(thinking, model)}.{thinking.encode().hex()}"


def bytes_of(data: str) -> bytes | None:
    """Return what base64 holds, or None: it is none."""
    try:
        return base64.b64decode(data, validate=True)
    except ValueError:
        return None


def check(body: dict[str, Any]) -> Refusal | None:
    """Return why the API would refuse the body of a request, or None."""
    for field in ("model", "max_tokens", "messages"):
        if field not in body:
            return Refusal(f"{field}: Field required")
    for field in body:
        if field not in FIELDS:
            return Refusal(f"{field}: Extra inputs are not permitted")
    messages = body["messages"]
    if not messages:
        return Refusal("messages: at least one message is required")
    checks = (_budget, _system, _tools, lambda body: _each(body["messages"]), lambda body: _order(body["messages"]))
    return next((found for check in (*checks, _thread, _reasoning) if (found := check(body))), None)


def _budget(body: dict[str, Any]) -> Refusal | None:
    thinking = body.get("thinking") or {}
    if not isinstance(body["max_tokens"], int) or body["max_tokens"] < 1:
        return Refusal("max_tokens: Input should be greater than or equal to 1")
    if thinking.get("type") == "enabled" and thinking.get("budget_tokens", 0) >= body["max_tokens"]:
        return Refusal("`max_tokens` must be greater than `thinking.budget_tokens`.")
    return None


def _system(body: dict[str, Any]) -> Refusal | None:
    blocks = body.get("system")
    if blocks is None or isinstance(blocks, str):
        return None
    return next((found for n, block in enumerate(blocks) if (found := _block(block, {"text"}, f"system.{n}"))), None)


def _tools(body: dict[str, Any]) -> Refusal | None:
    seen: set[str] = set()
    for at, tool in enumerate(body.get("tools") or []):
        name = tool.get("name", "")
        if not TOOL_NAME.fullmatch(name):
            return Refusal(f"tools.{at}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
        if name in seen:
            return Refusal("tools: Tool names must be unique.")
        seen.add(name)
        extra = set(tool) - {"name", "description", "input_schema", "cache_control", "type", "strict"}
        if extra or tool.get("input_schema", {}).get("type") != "object":
            return Refusal(
                f"tools.{at}.custom.{min(extra, default='input_schema.type')}: Extra inputs are not permitted"
            )
    forced = (body.get("tool_choice") or {}).get("type") in ("any", "tool")
    if forced and (body.get("thinking") or {}).get("type") == "enabled":
        return Refusal("Thinking may not be enabled when tool_choice forces tool use.")
    if body.get("tool_choice") and not seen:
        return Refusal("tool_choice: may only be specified while providing `tools`.")
    return None


def _each(messages: list[dict[str, Any]]) -> Refusal | None:
    return next((found for at, message in enumerate(messages) if (found := _message(message, at))), None)


def _message(message: dict[str, Any], at: int) -> Refusal | None:
    role, content, where = message.get("role"), message.get("content"), f"messages.{at}"
    if role not in ("user", "assistant"):
        return Refusal(f"{where}.role: Input should be 'user' or 'assistant'")
    if set(message) - {"role", "content"}:
        return Refusal(f"{where}.{min(set(message) - {'role', 'content'})}: Extra inputs are not permitted")
    if not content:
        return Refusal(
            f"{where}: all messages must have non-empty content except for the optional final assistant message"
        )
    if isinstance(content, str):
        return None if content.strip() else Refusal("messages: text content blocks must contain non-whitespace text")
    return next(
        (found for n, block in enumerate(content) if (found := _block(block, BLOCKS[role], f"{where}.content.{n}"))),
        None,
    )


def _block(block: dict[str, Any], allowed: set[str], where: str) -> Refusal | None:
    kind = block.get("type")
    if kind not in allowed:
        listed = ", ".join(f"'{one}'" for one in sorted(allowed))
        return Refusal(
            f"{where}: Input tag '{kind}' found using 'type' does not match any of the expected tags: {listed}"
        )
    extra = set(block) - BLOCK_FIELDS[kind]
    if extra:
        return Refusal(f"{where}.{kind}.{min(extra)}: Extra inputs are not permitted")
    match kind:
        case "text":
            return _text(block)
        case "image" | "document":
            return _source(block, where)
        case "tool_use":
            return _tool_use(block, where)
        case "tool_result":
            return _tool_result(block, where)
        case "server_tool_use":
            known = SERVER_CALL_ID.fullmatch(block.get("id") or "") and isinstance(block.get("input"), dict)
            pattern = "String should match pattern '^srvtoolu_[a-zA-Z0-9_]+$'"
            return None if known else Refusal(f"{where}.server_tool_use.id: {pattern}")
    return None


def _text(block: dict[str, Any]) -> Refusal | None:
    if not block.get("text"):
        return Refusal("messages: text content blocks must be non-empty")
    return None if block["text"].strip() else Refusal("messages: text content blocks must contain non-whitespace text")


def _source(block: dict[str, Any], where: str) -> Refusal | None:
    source = block.get("source") or {}
    fields = {"base64": {"type", "media_type", "data"}, "url": {"type", "url"}, "text": {"type", "media_type", "data"}}
    wanted = fields.get(source.get("type", ""))
    if wanted is None or set(source) != wanted:
        return Refusal(f"{where}.{block['type']}.source: Input does not match any of the expected sources")
    images = ("image/jpeg", "image/png", "image/gif", "image/webp")
    if block["type"] == "image" and source["type"] == "base64" and source["media_type"] not in images:
        return Refusal(f"{where}.image.source.base64.media_type: Input should be {', '.join(map(repr, images))}")
    if block["type"] == "document" and source["type"] == "base64" and source["media_type"] != "application/pdf":
        return Refusal(f"{where}.document.source.base64.media_type: Input should be 'application/pdf'")
    return _data(source, where) if source["type"] == "base64" else None


def _data(source: dict[str, Any], where: str) -> Refusal | None:
    data = bytes_of(source["data"])
    if not data:
        return Refusal(f"{where}.source.base64.data: Input should be a valid base64 string")
    if not data.startswith(MAGIC[source["media_type"]]):
        return Refusal(f"{where}.source.base64.data: The file was specified as {source['media_type']}, but is none")
    if len(data) > IMAGE_MAX and source["media_type"] != "application/pdf":
        return Refusal(f"{where}.source.base64: image exceeds 5 MB maximum: {len(data)} bytes > {IMAGE_MAX} bytes")
    return None


def _tool_use(block: dict[str, Any], where: str) -> Refusal | None:
    if not CALL_ID.fullmatch(block.get("id") or ""):
        return Refusal(f"{where}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
    if not TOOL_NAME.fullmatch(block.get("name") or ""):
        return Refusal(f"{where}.tool_use.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
    if not isinstance(block.get("input"), dict):
        return Refusal(f"{where}.tool_use.input: Input should be a valid dictionary")
    return None


def _tool_result(block: dict[str, Any], where: str) -> Refusal | None:
    if not CALL_ID.fullmatch(block.get("tool_use_id") or ""):
        return Refusal(f"{where}.tool_result.tool_use_id: String should match pattern '^[a-zA-Z0-9_-]+$'")
    content = block.get("content")
    if content is None or isinstance(content, str):
        return None
    return next(
        (f for n, inner in enumerate(content) if (f := _block(inner, BLOCKS["result"], f"{where}.content.{n}"))), None
    )


def _reasoning(body: dict[str, Any]) -> Refusal | None:
    """Return whether reasoning is not the model's own, or what ran at the vendor is not whole."""
    for at, message in enumerate(body["messages"]):
        content = message["content"] if isinstance(message["content"], list) else []
        for n, block in enumerate(content):
            if not _is_signed(block, body["model"]):
                return Refusal(f"messages.{at}.content.{n}: Invalid `signature` in `{block['type']}` block")
        if message["role"] == "assistant" and content and content[-1]["type"] in ("thinking", "redacted_thinking"):
            return Refusal(f"messages.{at}: The final block in an assistant message cannot be `{content[-1]['type']}`.")
        if refusal := _at_the_vendor(content, at):
            return refusal
    return None


def _is_signed(block: dict[str, Any], model: str) -> bool:
    if block["type"] == "thinking":
        return bool(block.get("signature") == sign(block.get("thinking", ""), model))
    if block["type"] == "redacted_thinking":
        signature, _, data = str(block.get("data")).partition(".")
        return bool(re.fullmatch("([0-9a-f]{2})+", data)) and signature == sign(bytes.fromhex(data).decode(), model)
    return True


def _at_the_vendor(content: list[dict[str, Any]], at: int) -> Refusal | None:
    waiting: dict[str, str] = {}
    for n, block in enumerate(content):
        if block["type"] == "server_tool_use":
            waiting[block["id"]] = block["name"]
        elif block["type"] in SERVER_RESULTS and waiting.pop(block.get("tool_use_id", ""), None) is None:
            return Refusal(
                f"messages.{at}.content.{n}: unexpected `tool_use_id` found in `{block['type']}` blocks: "
                f"{block.get('tool_use_id')}. Each result must have a corresponding `server_tool_use` block before it."
            )
    for call_id, name in waiting.items():
        return Refusal(
            f"messages.{at}: `{name}` tool use with id `{call_id}` was found without a corresponding "
            f"`{name}_tool_result` block"
        )
    return None


def _order(messages: list[dict[str, Any]]) -> Refusal | None:
    if messages[0]["role"] != "user":
        return Refusal('messages: first message must use the "user" role')
    if messages[-1]["role"] == "assistant":
        return Refusal(
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )
    seen: set[str] = set()
    asked: list[str] = []
    for at, (role, content) in enumerate(_joined(messages)):
        answered = [block["tool_use_id"] for block in content if block["type"] == "tool_result"]
        refusal = _answers(asked, answered, content, at)
        if refusal:
            return refusal
        asked = [block["id"] for block in content if block["type"] == "tool_use"] if role == "assistant" else []
        if len(set(asked)) != len(asked) or seen & set(asked):
            return Refusal("messages: `tool_use` ids must be unique")
        seen.update(asked)
    return _unanswered(asked, len(messages)) if asked else None


def _answers(asked: list[str], answered: list[str], content: list[dict[str, Any]], at: int) -> Refusal | None:
    stray = [one for one in answered if one not in asked]
    if stray:
        return Refusal(
            f"messages.{at}.content.0: unexpected `tool_use_id` found in `tool_result` blocks: {', '.join(stray)}. "
            "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
        )
    if len(set(answered)) != len(answered):
        return Refusal(
            f"messages.{at}.content: each tool_use must have a single result. Found multiple `tool_result` blocks "
            f"with id: {answered[0]}"
        )
    missing = [one for one in asked if one not in answered]
    if missing:
        return _unanswered(missing, at)
    # Other content may come only after all results.
    if any(block["type"] != "tool_result" for block in content[: len(answered)]):
        return _unanswered(asked, at)
    return None


def _unanswered(ids: list[str], at: int) -> Refusal:
    return Refusal(
        f"messages.{at - 1}: `tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(ids)}"
        ". Each `tool_use` block must have a corresponding `tool_result` block in the next message."
    )


def _joined(messages: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return the turns, messages of one role in a row joined as the API joins them."""
    turns: list[tuple[str, list[dict[str, Any]]]] = []
    for message in messages:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
        if turns and turns[-1][0] == message["role"]:
            turns[-1][1].extend(blocks)
        else:
            turns.append((message["role"], blocks))
    return turns


def _thread(body: dict[str, Any]) -> Refusal | None:
    turns = _joined(body["messages"])
    kinds = {block["type"] for _, content in turns for block in content}
    if kinds & {"tool_use", "tool_result"} and not body.get("tools"):
        return Refusal("Requests which include `tool_use` or `tool_result` blocks must define tools")
    if (body.get("thinking") or {}).get("type") != "enabled":
        return None
    return _thinking(turns)


def _thinking(turns: list[tuple[str, list[dict[str, Any]]]]) -> Refusal | None:
    """Return whether a tool call of the running turn lacks its thinking block."""
    for at in range(len(turns) - 1, -1, -1):
        role, content = turns[at]
        kinds = [block["type"] for block in content]
        if role == "user" and "tool_result" not in kinds:
            return None
        if role == "assistant" and "tool_use" in kinds and kinds[0] not in ("thinking", "redacted_thinking"):
            return Refusal(
                f"messages.{at}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{kinds[0]}`. "
                "When `thinking` is enabled, a final `assistant` message must start with a thinking block (preceeding "
                "the lastmost set of `tool_use` and `tool_result` blocks)."
            )
    return None
