"""A model that does what it is asked, by general rules: `OpenAIServer(competent)`, and so with every other server.

It calls the offered tool that it must, or that the words are about, and fills its schema from the words; answers in
text when it has the results; writes JSON where JSON is asked for, looks at images and files, and stops at stop words.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.vendors.replies import Call, Reply, Request, text_of

_IDLE = {"get", "tool", "the", "function", "for", "and", "make", "new"}


@dataclass(frozen=True)
class Tool:
    name: str
    schema: dict[str, Any]


@dataclass(frozen=True)
class Said:
    """A message in no vendor's form: `results` are the texts of tool results in it, `media` its images and files."""

    role: str
    text: str
    results: tuple[str, ...] = ()
    media: tuple[bytes, ...] = ()


def competent(request: Request) -> Reply:
    """Return what a good model would answer to the request."""
    body, said = request.body, list(_said(request.body))
    words = next((m.text for m in reversed(said) if m.role == "user" and m.text), "")
    results = [r for m in said[_last_words(said) :] for r in m.results]
    tokens = {"input_tokens": max(len(json.dumps(body)) // 4, 1), "output_tokens": 12}
    if (tool := _wanted(body, words, answered=bool(results))) is not None:
        return Reply(calls=(Call(tool.name, filled(tool.schema, words)),), **tokens)
    if (shape := _json(body)) is not None:
        return Reply(json.dumps(filled(shape, words) if shape else dict.fromkeys(_quoted(words), words)), **tokens)
    seen = [medium for m in said[_last_words(said) :] for medium in m.media]
    text = _text(words, results, seen)
    return Reply(_until(text, _stops(body)), **tokens)


def _last_words(said: list[Said]) -> int:
    return max((at for at, m in enumerate(said) if m.role == "user" and not m.results), default=0)


def _text(words: str, results: list[str], seen: list[bytes]) -> str:
    if seen:
        return "I see " + " and ".join(_described(medium) for medium in seen) + "."
    return f"The tools say: {'; '.join(results)}" if results else f"Hello! To the words: {words}"


def _described(medium: bytes) -> str:
    if medium.startswith(b"\x89PNG"):
        return f"a picture of {int.from_bytes(medium[16:20])} x {int.from_bytes(medium[20:24])}"
    return "a PDF" if medium.startswith(b"%PDF") else f"{len(medium)} bytes"


def _until(text: str, stops: list[str]) -> str:
    return min((text.partition(stop)[0] for stop in stops if stop), key=len, default=text)


# --- tools ------------------------------------------------------------------------------------------------------------


def _wanted(body: dict[str, Any], words: str, *, answered: bool) -> Tool | None:
    """Return the tool to call: the one that must be, any one, the one that the words are about, or None."""
    tools = [Tool(*found) for found in _tools(body)]
    mode, name = _choice(body)
    if told := re.search(r"Answer with a call of (?:the tool '(.+?)'|one of)", " ".join(_system(body))):
        mode, name = "any", told[1] or ""
    if mode == "none" or not tools:
        return None
    if name:
        return next(tool for tool in tools if tool.name == name)
    about = next((tool for tool in tools if _is_about(words, tool)), None)
    if mode == "any":
        return about or tools[0]
    return None if answered else about


def _is_about(words: str, tool: Tool) -> bool:
    parts = [part for part in re.split(r"[_\W]+", tool.name.lower()) if len(part) > 2 and part not in _IDLE]
    return any(part in words.lower() for part in parts)


def _tools(body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for tool in [*(body.get("tools") or []), *((body.get("toolConfig") or {}).get("tools") or [])]:
        for told in tool.get("functionDeclarations") or [tool.get("function") or tool.get("toolSpec") or tool]:
            schema = next((told[key] for key in _SCHEMAS if key in told), {})
            yield told["name"], schema.get("json", schema)


_SCHEMAS = ("parameters", "input_schema", "parametersJsonSchema", "inputSchema")


def _choice(body: dict[str, Any]) -> tuple[str, str]:
    """Return what is said about calls: "auto", "any" or "none", and the name of the tool that must be called."""
    config = body.get("toolConfig") or {}
    if calling := config.get("functionCallingConfig"):
        allowed = calling.get("allowedFunctionNames") or [""]
        mode = str(calling.get("mode", "AUTO")).lower()
        return mode, allowed[0] if len(allowed) == 1 and mode == "any" else ""
    told = body.get("tool_choice") or config.get("toolChoice") or "auto"
    if isinstance(told, str):
        return {"required": "any"}.get(told, told), ""
    inner = told.get("function") or told.get("tool") or told
    return told.get("type") or next(iter(told)), inner.get("name", "")


def _system(body: dict[str, Any]) -> Iterator[str]:
    yield text_of(body.get("system"))
    yield from (m.text for m in _said(body) if m.role == "system")


# --- filling a schema -------------------------------------------------------------------------------------------------


def filled(schema: dict[str, Any], words: str) -> Any:
    """Return a value that fits the schema, with numbers, names and places out of the words."""
    return _Form(schema, words).value(schema, "value")


class _Form:
    def __init__(self, root: dict[str, Any], words: str) -> None:
        self.root = root
        self.words = words
        self.numbers = iter([float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", words)])
        self.names = iter(_quoted(words) or re.findall(r"\bin ([A-Z][\w, ]*)", words))

    def value(self, schema: dict[str, Any], name: str) -> Any:
        while "$ref" in schema:
            found: Any = self.root
            for key in schema["$ref"].removeprefix("#/").split("/"):
                found = found[key]
            schema = found
        if options := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
            return self.value(next((o for o in options if o.get("type") != "null"), options[0]), name)
        if "enum" in schema or "const" in schema:
            options = schema.get("enum") or [schema["const"]]
            return next((o for o in options if str(o).lower() in self.words.lower()), options[0])
        kind = schema.get("type", "object" if "properties" in schema else "string")
        return self._of(next(k for k in kind if k != "null") if isinstance(kind, list) else kind, schema, name)

    def _of(self, kind: str, schema: dict[str, Any], name: str) -> Any:
        match kind.lower():
            case "object":
                return {n: self.value(s, n) for n, s in schema.get("properties", {}).items() if self._is_due(n, schema)}
            case "array":
                return [self.value(schema.get("items", {}), name)]
            case "integer":
                return int(next(self.numbers, 1))
            case "number":
                return next(self.numbers, 1.0)
            case "boolean":
                return True
            case "null":
                return None
        return next(self.names, f"{name} of {self.words}"[:80])

    def _is_due(self, name: str, schema: dict[str, Any]) -> bool:
        told = name.lower() in self.words.lower() and f"no {name.lower()}" not in self.words.lower()
        return name in schema.get("required", ()) or told


def _quoted(words: str) -> list[str]:
    return re.findall(r"'([^']+)'", words)


# --- what else is asked for -------------------------------------------------------------------------------------------


def _json(body: dict[str, Any]) -> dict[str, Any] | None:
    """Return the schema that the answer must have, {} for JSON of any shape, None for text."""
    config = body.get("generationConfig") or {}
    if config.get("responseMimeType") == "application/json":
        return dict(config.get("responseJsonSchema") or config.get("responseSchema") or {})
    if any("Answer with a JSON object" in text for text in _system(body)):
        return {}
    told = (
        body.get("response_format")
        or (body.get("text") or {}).get("format")
        or (body.get("output_config") or {}).get("format")
        or body.get("format")
    )
    if told == "json":
        return {}
    if not isinstance(told, dict) or told.get("type") == "text":
        return None
    if told.get("type") == "object":
        return told
    return dict((told.get("json_schema") or told).get("schema") or {})


def _stops(body: dict[str, Any]) -> list[str]:
    places = (body, body.get("options") or {}, body.get("generationConfig") or {}, body.get("inferenceConfig") or {})
    found = [place[key] for place in places for key in ("stop", "stop_sequences", "stopSequences") if place.get(key)]
    return [one for stops in found for one in ([stops] if isinstance(stops, str) else stops)]


# --- messages ---------------------------------------------------------------------------------------------------------


def _said(body: dict[str, Any]) -> Iterator[Said]:
    for item in body.get("messages") or body.get("input") or body.get("contents") or []:
        if item.get("type") == "function_call_output":
            yield Said("tool", "", (_flat(item["output"]),), tuple(_media(item["output"])))
        elif item.get("role") == "tool":
            yield Said("tool", "", (_flat(item.get("content")),), tuple(_media(item.get("content"))))
        elif "role" in item:
            blocks = item.get("parts") or item.get("content")
            results = tuple(_flat(found) for found in _results(blocks))
            pictures = [base64.b64decode(image) for image in item.get("images") or []]
            yield Said(item["role"], "" if results else _flat(blocks), results, (*_media(blocks), *pictures))


def _flat(content: Any) -> str:
    return text_of(content) or ("" if isinstance(content, list) else json.dumps(content) if content else "")


def _results(blocks: Any) -> Iterator[Any]:
    for block in blocks if isinstance(blocks, list) else []:
        if block.get("type") == "tool_result":
            yield block.get("content") or ""
        elif "functionResponse" in block:
            yield block["functionResponse"].get("response")
        elif "toolResult" in block:
            yield block["toolResult"].get("content")


def _media(value: Any) -> Iterator[bytes]:
    """Yield the images and files that are anywhere in a message's content, as bytes."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("data", "bytes", "file_data", "url", "image_url") and isinstance(inner, str):
                yield from _decoded(inner)
            else:
                yield from _media(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _media(inner)


def _decoded(text: str) -> Iterator[bytes]:
    if not text.startswith(("http://", "https://")):
        yield base64.b64decode(text.rpartition("base64,")[2])
