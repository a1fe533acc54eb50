"""What a server answers, as Markdown for the model and the person, and as data for scripts."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from typing import Any

from copilot.errors import PluginError, ToolInputError
from copilot.plugins.mcp import limits
from copilot.plugins.mcp.config import Server
from copilot.plugins.tools import Result
from copilot.trust.sanitise import safe_text
from copilot.trust.sanitise.written import written


def result(server: Server, answer: Any, notes: Iterable[str] = ()) -> Result:
    """Return the answer of a tool (the SDK's CallToolResult). Raises ToolInputError where it calls itself an error."""
    text = "\n\n".join([*filter(None, map(_block, answer.content)), *notes])
    if answer.is_error:
        raise ToolInputError(
            f"{server.name} answered with an error: {_cut(text) or 'it says nothing.'}", code="mcp_error"
        )
    structured = answer.structured_content
    if structured is not None and not _says(text, structured):
        text = "\n\n".join(filter(None, [text, _fenced(structured)]))
    data = structured if structured is not None else _plain(answer)
    return Result(_cut(text) or "It answered nothing.", data=data, sources=(f"mcp {server.name}",))


def receipt(server: Server, answer: Any, notes: Iterable[str] = ()) -> str:
    """Return what is told of a call that was delivered: its answer, also where it is an error."""
    try:
        return result(server, answer, notes).markdown
    except ToolInputError as error:
        return error.message


def resource(contents: Iterable[Any]) -> str:
    """Return the contents of a resource (the SDK's TextResourceContents and BlobResourceContents) as Markdown."""
    return _cut("\n\n".join(_contents(each) for each in contents)) or "It is empty."


def resource_bytes(contents: Iterable[Any]) -> bytes:
    """Return the bytes of a resource, of all its parts one after the other. Raises PluginError for broken base64."""
    parts: list[bytes] = []
    for each in contents:
        if isinstance(text := getattr(each, "text", None), str):
            parts.append(text.encode())
            continue
        try:
            parts.append(base64.b64decode(each.blob, validate=True))
        except (binascii.Error, ValueError):
            raise PluginError(f"The resource {safe_text(str(each.uri))} is broken: it is no base64.") from None
    return b"".join(parts)


def prompt(answer: Any) -> str:
    """Return the words of a prompt (the SDK's GetPromptResult); who says what is told where there are several."""
    said = [(message.role, _block(message.content)) for message in answer.messages]
    if len(said) == 1:
        return _cut(said[0][1])
    return _cut("\n\n".join(f"{'You' if role == 'user' else 'Assistant'}: {text}" for role, text in said))


def _block(block: Any) -> str:
    """Return one piece of content as Markdown; pictures and sound are named, a model is given no bytes of them."""
    match block.type:
        case "text":
            return str(written(block.text))
        case "image" | "audio":
            return f"({block.type}, {_word(block.mime_type)}, {_size(block.data)})"
        case "resource_link":
            about = f": {_word(block.description)}" if block.description else ""
            return f"(resource {_word(block.uri)}{about})"
        case "resource":
            return _contents(block.resource)
        case kind:
            return f"(content of the kind {_word(kind)}, which can't be shown)"


def _contents(contents: Any) -> str:
    head = f"{_word(contents.uri)}:"
    if isinstance(text := getattr(contents, "text", None), str):
        return f"{head}\n\n{written(text)}"
    return f"{head} ({_word(contents.mime_type or 'application/octet-stream')}, {_size(contents.blob)})"


def _word(text: Any) -> str:
    return safe_text(str(text))[: limits.LOG_WIDTH]


def _size(data: str) -> str:
    return f"{len(data) * 3 // 4:,} bytes"


def _plain(answer: Any) -> Any:
    """Return the data of an answer that has none of its own: its text, parsed where it is JSON."""
    texts = [block.text for block in answer.content if block.type == "text"]
    if len(texts) != 1 or len(texts[0]) > limits.RESULT * 4:
        return texts or None
    try:
        return json.loads(texts[0])
    except (ValueError, RecursionError):
        return texts[0]


def _says(text: str, structured: Any) -> bool:
    """Whether the text holds the same data, as the standard asks of servers (MCP 2025-06-18, "Structured Content")."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        told = text
    return bool(told == structured or (isinstance(structured, dict) and list(structured.values()) == [told]))


def _fenced(value: Any) -> str:
    text = json.dumps(written(value), ensure_ascii=False, indent=1, default=str)
    fence = "`" * max(3, *(run + 1 for run in _runs(text)), 3)
    return f"{fence}json\n{text}\n{fence}"


def _runs(text: str) -> Iterator[int]:
    run = 0
    for letter in text:
        run = run + 1 if letter == "`" else 0
        yield run


def _cut(text: str) -> str:
    if len(text) <= limits.RESULT:
        return text
    return f"{text[: limits.RESULT]}\n\n(cut here: {len(text) - limits.RESULT:,} more characters; ask for less)"
