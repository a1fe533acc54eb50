"""What Converse refuses, with its own words.

Source: the API reference of Bedrock Runtime (shapes and lengths are those of its service model), the guide on tool use,
and messages of the service. Where models differ, the strictest counts: Claude asks for signatures and takes no trailing
assistant, Llama and Mistral want results and words apart.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from tests.vendors.server import Refusal

MODEL = re.compile(r"(arn:aws[a-z-]*:bedrock:[\w:/.-]+|[a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?)")
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
CALL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
FILE_NAME = re.compile(r"(?!.*\s\s)[a-zA-Z0-9\s\-()\[\]]{1,200}")
IMAGES = ("png", "jpeg", "gif", "webp")
FILES = ("pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md")
FIELDS = {
    "messages", "system", "inferenceConfig", "toolConfig", "guardrailConfig", "additionalModelRequestFields",
    "additionalModelResponseFieldPaths", "requestMetadata", "performanceConfig", "promptVariables", "serviceTier",
    "outputConfig",
}  # fmt: skip
BLOCKS = {
    "user": {"text", "image", "document", "toolResult", "cachePoint"},
    "assistant": {"text", "toolUse", "reasoningContent", "cachePoint"},
    "result": {"text", "json", "image", "document"},
}
BLANK = "The text field in the ContentBlock object at {} is blank. Add text to the text field, and try again."


def invalid(message: str) -> Refusal:
    return Refusal(message, 400, "ValidationException")


def sign(thinking: str) -> str:
    """Return the signature that the server gives, and later asks, for reasoning."""
    return "sig" + hashlib.sha256(thinking.encode()).hexdigest()[:24]


def check_model(model: str) -> Refusal | None:
    """Return why there is no such model."""
    return None if MODEL.fullmatch(model) else invalid("The provided model identifier is invalid.")


def check(body: dict[str, Any]) -> Refusal | None:
    """Return why the service would refuse the body of a request, or None."""
    if extra := set(body) - FIELDS:
        return invalid(f"The model returned the following errors: {min(extra)}: Extra inputs are not permitted")
    messages = body.get("messages") or []
    if not messages:
        return invalid("The messages field is empty. Add at least one message and try again.")
    return (
        _system(body.get("system") or [])
        or _tools(body.get("toolConfig"))
        or _each(messages)
        or _roles(messages)
        or _documents(messages)
        or _results(messages)
        or _thread(body)
    )


def _system(blocks: list[dict[str, Any]]) -> Refusal | None:
    for at, block in enumerate(blocks):
        if set(block) <= {"text"} and not str(block.get("text", "")).strip():
            return invalid(f"The text field in the SystemContentBlock object at system.{at} is blank.")
    return None


def _tools(config: dict[str, Any] | None) -> Refusal | None:
    if config is None:
        return None
    tools = config.get("tools") or []
    if not tools:
        return _constraint([], "toolConfig.tools", "Member must have length greater than or equal to 1")
    names = [tool["toolSpec"]["name"] for tool in tools if "toolSpec" in tool]
    for at, tool in enumerate(tools):
        if refusal := _tool(tool.get("toolSpec") or {}, f"toolConfig.tools.{at + 1}.member.toolSpec"):
            return refusal
    if len(set(names)) != len(names):
        return invalid("The tool names in toolConfig.tools must be unique.")
    return None


def _tool(spec: dict[str, Any], where: str) -> Refusal | None:
    if not TOOL_NAME.fullmatch(spec.get("name", "")):
        return _constraint(
            spec.get("name"), f"{where}.name", "Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+"
        )
    if "description" in spec and not spec["description"]:
        return _constraint("", f"{where}.description", "Member must have length greater than or equal to 1")
    if (spec.get("inputSchema") or {}).get("json", {}).get("type") != "object":
        return invalid(f"The value at {where}.inputSchema.json.type must be one of the following: object.")
    return None


def _constraint(value: object, where: str, words: str) -> Refusal:
    return invalid(f"1 validation error detected: Value '{value}' at '{where}' failed to satisfy constraint: {words}")


def _each(messages: list[dict[str, Any]]) -> Refusal | None:
    for at, message in enumerate(messages):
        role, content = message.get("role"), message.get("content")
        if role not in ("user", "assistant"):
            return _constraint(
                role, f"messages.{at + 1}.member.role", "Member must satisfy enum value set: [user, assistant]"
            )
        if set(message) - {"role", "content"} or not isinstance(content, list):
            return invalid(f"Malformed input request at messages.{at}, please reformat your input and try again.")
        if not content:
            return invalid(
                f"The content field in the Message object at messages.{at} is empty. Add a ContentBlock object to the "
                "content field and try again."
            )
        for n, block in enumerate(content):
            if refusal := _block(block, BLOCKS[role], f"messages.{at}.content.{n}"):
                return refusal
    return None


def _block(block: dict[str, Any], allowed: set[str], where: str) -> Refusal | None:
    kind = next(iter(block), "")
    if len(block) != 1 or kind not in allowed:
        return invalid(f"The ContentBlock object at {where} is not supported here: {', '.join(block)}.")
    value = block[kind]
    match kind:
        case "text":
            return None if value.strip() else invalid(BLANK.format(where))
        case "image":
            return (
                None if _bytes(value, IMAGES, {"format", "source"}) else invalid(f"Could not process image at {where}.")
            )
        case "document":
            return _document(value, where)
        case "toolUse":
            return _use(value, where)
        case "toolResult":
            return _result(value, where)
        case "reasoningContent":
            return _reasoning(value, where)
    return None


def _bytes(value: dict[str, Any], formats: tuple[str, ...], fields: set[str]) -> bool:
    return set(value) <= fields and value.get("format") in formats and set(value.get("source") or {}) == {"bytes"}


def _document(value: dict[str, Any], where: str) -> Refusal | None:
    if not _bytes(value, FILES, {"format", "name", "source", "citations", "context"}):
        return invalid(f"The document at {where} could not be read.")
    if not FILE_NAME.fullmatch(value.get("name", "")):
        return invalid(
            "The document file name can only contain alphanumeric characters, whitespace characters, hyphens, "
            "parentheses, and square brackets. The name can't contain more than one consecutive whitespace character."
        )
    return None


def _use(value: dict[str, Any], where: str) -> Refusal | None:
    for field, pattern in (("toolUseId", CALL_ID), ("name", TOOL_NAME)):
        if not pattern.fullmatch(value.get(field) or ""):
            words = f"Member must satisfy regular expression pattern: {pattern.pattern}"
            return _constraint(value.get(field), f"{where}.toolUse.{field}", words)
    if set(value) != {"toolUseId", "name", "input"} or not isinstance(value["input"], dict):
        return invalid(
            f"The format of the value at {where}.toolUse.input is invalid. Provide a json object for the field and try "
            "again."
        )
    return None


def _result(value: dict[str, Any], where: str) -> Refusal | None:
    if not value.get("content") or value.get("status") not in (None, "success", "error"):
        return invalid(f"The toolResult at {where} is invalid.")
    for n, inner in enumerate(value["content"]):
        if refusal := _block(inner, BLOCKS["result"], f"{where}.toolResult.content.{n}"):
            return refusal
    return None


def _reasoning(value: dict[str, Any], where: str) -> Refusal | None:
    told = value.get("reasoningText") or {}
    if "redactedContent" in value or told.get("signature") == sign(told.get("text", "")):
        return None
    return invalid(f"The model returned the following errors: {where}: Invalid `signature` in `thinking` block")


def _roles(messages: list[dict[str, Any]]) -> Refusal | None:
    roles = [message["role"] for message in messages]
    if roles[0] != "user":
        return invalid(
            "A conversation must start with a user message. Try again with a conversation that starts with a user "
            "message."
        )
    if any(one == other for one, other in pairwise(roles)):
        return invalid(
            "A conversation must alternate between user and assistant roles. Make sure the conversation alternates "
            "between user and assistant roles and try again."
        )
    if roles[-1] == "assistant":
        return invalid(
            "The model returned the following errors: This model does not support assistant message prefill. The "
            "conversation must end with a user message."
        )
    return None


def _documents(messages: list[dict[str, Any]]) -> Refusal | None:
    names: list[str] = []
    for message in messages:
        found = [block["document"]["name"] for block in _all_blocks(message["content"]) if "document" in block]
        if found and not any("text" in block for block in message["content"]):
            return invalid("The message must include at least one text block when documents are included.")
        names += found
    if len({name.lower() for name in names}) != len(names):
        return invalid("Messages can't contain duplicate document names. Rename the document and retry your request.")
    return None if len(names) <= 5 else invalid("You can't include more than 5 documents in a request.")


def _all_blocks(content: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for block in content:
        yield block
        yield from block.get("toolResult", {}).get("content", [])


def _results(messages: list[dict[str, Any]]) -> Refusal | None:
    asked: list[str] = []
    for at, message in enumerate(messages):
        content = message["content"]
        told = [block["toolResult"].get("toolUseId") for block in content if "toolResult" in block]
        if refusal := _answers(asked, told, content, at):
            return refusal
        asked = [block["toolUse"]["toolUseId"] for block in content if "toolUse" in block]
        if len(set(asked)) != len(asked):
            return invalid("The model returned the following errors: messages: `tool_use` ids must be unique")
    return None


def _answers(asked: list[str], told: list[Any], content: list[dict[str, Any]], at: int) -> Refusal | None:
    if len(told) > len(asked):
        return invalid(
            f"The number of toolResult blocks at messages.{at}.content exceeds the number of toolUse blocks of "
            "previous turn."
        )
    if missing := [one for one in asked if one not in told]:
        return invalid(
            f"Expected toolResult blocks at messages.{at}.content for the following Ids: {', '.join(missing)}"
        )
    if told and any("text" in block for block in content):
        return invalid(
            f"messages.{at}.content: Conversation blocks and tool result blocks cannot be provided in the same turn."
        )
    return None


def _thread(body: dict[str, Any]) -> Refusal | None:
    messages = body["messages"]
    kinds = {kind for message in messages for block in message["content"] for kind in block}
    if kinds & {"toolUse", "toolResult"} and "toolConfig" not in body:
        return invalid("The toolConfig field must be defined when using toolUse and toolResult content blocks.")
    thinking = (body.get("additionalModelRequestFields") or {}).get("thinking") or {}
    return _thinking(messages) if thinking.get("type") == "enabled" else None


def _thinking(messages: list[dict[str, Any]]) -> Refusal | None:
    """Return whether a tool call of the running turn lacks its reasoning."""
    for at in range(len(messages) - 1, -1, -1):
        kinds = [next(iter(block)) for block in messages[at]["content"]]
        if messages[at]["role"] == "user" and "toolResult" not in kinds:
            return None
        if "toolUse" in kinds and kinds[0] != "reasoningContent":
            return invalid(
                f"The model returned the following errors: messages.{at}.content.0.type: Expected `thinking` or "
                f"`redacted_thinking`, but found `{kinds[0]}`. When `thinking` is enabled, a final `assistant` message "
                "must start with a thinking block."
            )
    return None
