"""Bodies of requests: compiled out of a document, and written for a call."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from copilot.errors import ToolInputError
from copilot.plugins.openapi.document import Document, Node
from copilot.plugins.openapi.model import Body
from copilot.plugins.openapi.parameters import pairs, written
from copilot.plugins.openapi.schemas import Lean, shortened
from copilot.slots import RoleKind

FORM, MULTIPART, OCTETS = "application/x-www-form-urlencoded", "multipart/form-data", "application/octet-stream"
#: Which of several media types is sent, the first that is offered.
_ORDER = (
    r"application/json\b",
    r"[\w./-]+\+json\b",
    re.escape(FORM),
    re.escape(MULTIPART),
    r"text/plain",
    r"text/",
    r"application/(?:[\w.-]+\+)?xml",
    r"\*/\*|application/\*",
)
_FILE = {"type": "string", "description": "A document of the workspace, by its path."}
#: Properties of an object that become arguments of their own; an object with more is one argument.
_MOST_FLAT = 60


class Add(Protocol):
    """Takes an argument: its name, place, schema and role; returns the name that it got."""

    def __call__(self, name: str, place: str, schema: dict[str, Any], role: RoleKind, *, required: bool = False) -> str:
        """See `_Arguments.add`."""
        ...


def preferred(offered: list[str]) -> str:
    """Return the media type that is sent: JSON, else forms, else text, else the first."""
    for pattern in _ORDER:
        if found := next((media for media in offered if re.match(pattern, media, re.IGNORECASE)), None):
            return found
    return offered[0]


def is_json(media: str) -> bool:
    """Return whether a media type is JSON (RFC 6839, section 3.1), or any that a client may choose."""
    return bool(re.match(r"(?:[\w.*/-]+\+json|application/json|\*/\*|application/\*)\s*(?:;|\Z)", media, re.IGNORECASE))


def compiled(document: Document, lean: Lean, node: Node, media: str, given: Mapping[str, Any], add: Add) -> Body:
    """Return how a body is made of arguments, which it adds; `given` is the Request Body Object (3.1.1, 4.8.13)."""
    required = given.get("required") is True
    schema = lean.merged(document.follow(node.child("schema")))
    kind = media.partition(";")[0].strip().lower()
    said = {"description": words} if (words := shortened(given.get("description"), 160)) else {}
    if not (is_json(media) or kind in (FORM, MULTIPART)):
        textual = kind.startswith("text/") or kind.endswith(("xml", "yaml", "csv", "graphql", "javascript", "html"))
        if textual and schema.map.get("format") != "binary":
            arg = add("body", "body", {"type": "string", **said}, "body", required=required)
            return Body(media, "text", arg, required=required)
        return Body(media, "file", add("file", "body", {**_FILE, **said}, "path", required=required), required=required)
    fields = list(lean.writable(schema))
    if _is_flat(schema) and 0 < len(fields) <= _MOST_FLAT:
        return _flat(document, lean, node, media, fields, required, add)
    whole = add("body", "body", {**lean.of(node.child("schema")), **said}, "body", required=required)
    return Body(media, "whole", whole, encoding=_encoding(node), required=required)


def _is_flat(schema: Node) -> bool:
    value = schema.map
    return value.get("type", "object") == "object" and not any(
        isinstance(value.get(key), dict | list) and value[key]
        for key in ("oneOf", "anyOf", "allOf", "additionalProperties", "not", "if")
    )


def _flat(
    document: Document,
    lean: Lean,
    node: Node,
    media: str,
    fields: list[tuple[str, Node, bool]],
    required: bool,
    add: Add,
) -> Body:
    names: dict[str, str] = {}
    files = []
    multipart = media.lower().startswith(MULTIPART)
    for name, each, needed in fields:
        binary = multipart and _is_file(document, each)
        made = lean.of(each)
        if binary:
            many = document.follow(each).map.get("type") == "array"
            words = str(made.get("description", "")).rstrip(".")
            said = {"description": f"{words}. {_FILE['description']}"} if words else {}
            made = {**_FILE, **said} if not many else {"type": "array", "items": _FILE}
            files.append(name)
        names[add(name, "body", made, "path" if binary else "body", required=needed and required)] = name
    return Body(media, "flat", fields=names, files=tuple(files), encoding=_encoding(node), required=required)


def _is_file(document: Document, node: Node) -> bool:
    value = document.follow(node)
    if value.map.get("type") == "array":
        value = document.follow(value.child("items"))
    binary = value.map.get("format") == "binary" or value.map.get("type") == "file"
    octets = isinstance(value.map.get("contentMediaType"), str) and "contentEncoding" not in value.map
    return binary or octets


def _encoding(node: Node) -> dict[str, dict[str, Any]]:
    told = ("contentType", "style", "explode", "allowReserved")
    found = node.child("encoding").map
    return {name: {k: each[k] for k in told if k in each} for name, each in found.items() if isinstance(each, dict)}


# --- writing ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Upload:
    """A document that goes out: its name and bytes."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Content:
    """A body as it is sent, its media type, and how a person reads it."""

    data: bytes
    media: str
    shown: str


def make(body: Body, args: Mapping[str, Any], files: Mapping[str, list[Upload]]) -> Content | None:
    """Return the body for the arguments of a call, None where none of them is of the body and it is not needed.

    `files` are the documents named by arguments, by their property ("" for a body that is one file). Raises
    ToolInputError.
    """
    if body.mode == "file":
        found = files.get("", [])
        return (
            Content(found[0].content, _whole_media(body.media, OCTETS), f"(the bytes of {found[0].name})")
            if found
            else None
        )
    if body.mode == "text":
        text = args.get(body.arg)
        return (
            None
            if text is None
            else Content(str(text).encode(), f"{_whole_media(body.media, 'text/plain')}; charset=utf-8", str(text))
        )
    value = args.get(body.arg) if body.mode == "whole" else {n: args[a] for a, n in body.fields.items() if a in args}
    if value is None or (value == {} and not body.required):
        return None
    kind = body.media.partition(";")[0].strip().lower()
    if kind == FORM:
        return _form(value, body)
    if kind == MULTIPART:
        return _multipart(value, body, files)
    shown = json.dumps(value, ensure_ascii=False, indent=1)
    return Content(json.dumps(value, ensure_ascii=False).encode(), _whole_media(body.media, "application/json"), shown)


def _whole_media(media: str, otherwise: str) -> str:
    plain = re.fullmatch(r"[\w.+-]+/[\w.+-]+(?:\s*;[\x20-\x7e]*)?", media)
    return media if plain and "*" not in media else otherwise


def _form(value: Any, body: Body) -> Content:
    """Return a form (OpenAPI 3.1.1, section 4.8.15.1.1): objects and arrays by `encoding`, or as JSON."""
    if not isinstance(value, dict):
        raise ToolInputError("The body of a form is an object of its fields.", code="arguments")
    found = [pair for name, each in value.items() for pair in _fields(name, each, body.encoding.get(name, {}))]
    text = "&".join(f"{_plus(name)}={_plus(each)}" for name, each in found)
    return Content(text.encode("ascii"), FORM, "\n".join(f"{name}: {each}" for name, each in found))


def _plus(text: str) -> str:
    return quote(text, safe="*-._ ").replace(" ", "+")


def _fields(name: str, value: Any, encoding: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if str(encoding.get("contentType", "")).startswith("application/json"):
        yield name, json.dumps(value, ensure_ascii=False)
        return
    style = str(encoding.get("style", "form"))
    yield from pairs(name, value, style, encoding.get("explode") is not False)


def _multipart(value: Any, body: Body, files: Mapping[str, list[Upload]]) -> Content:
    """Return a form of parts (RFC 7578); objects are JSON, arrays one part for each item (3.1.1, 4.8.15.1.3)."""
    if not isinstance(value, dict):
        raise ToolInputError("The body of a form is an object of its fields.", code="arguments")
    boundary = f"everpilot-{secrets.token_hex(12)}"
    parts, shown = [], []
    for name, each in value.items():
        for upload in files.get(name, []) if name in body.files else []:
            media = str(body.encoding.get(name, {}).get("contentType", OCTETS)).partition(",")[0]
            parts.append(_part(boundary, name, upload.content, _whole_media(media, OCTETS), upload.name))
            shown.append(f"{name}: (the bytes of {upload.name})")
        if name not in body.files:
            for item in each if isinstance(each, list) else [each]:
                complex_ = isinstance(item, dict | list)
                text = json.dumps(item, ensure_ascii=False) if complex_ else written(item)
                parts.append(_part(boundary, name, text.encode(), "application/json" if complex_ else ""))
                shown.append(f"{name}: {text}")
    data = b"".join(parts) + f"--{boundary}--\r\n".encode()
    return Content(data, f"{MULTIPART}; boundary={boundary}", "\n".join(shown))


def _part(boundary: str, name: str, content: bytes, media: str = "", file: str = "") -> bytes:
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"'
    head += f'; filename="{_quoted(file.rpartition("/")[2])}"' if file else ""
    head += f"\r\nContent-Type: {media}" if media else ""
    return f"{head}\r\n\r\n".encode() + content + b"\r\n"


def _quoted(text: str) -> str:
    """Escape a name as HTML's multipart encoding does (RFC 7578, section 5.1)."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
