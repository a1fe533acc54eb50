"""The content of a message, whichever client or vendor wrote it, as plain LangChain v1 blocks: text, image, file."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from copilot.models.dialects import Dialect

#: A plain block: {"type": "text", "text"}, {"type": "image", "base64" and "mime_type", or "url"}, or
#: {"type": "file", "base64", "mime_type", "filename"}.
Block = dict[str, Any]
Content = str | list[str | dict[Any, Any]]

_DATA_URL = re.compile(r"data:(?P<mime>[^;,]+)[^,]*;base64,(?P<data>.+)", re.DOTALL)
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_BLANKS = re.compile(r"\s+")
_BEGINNING = 1368  # characters: a PDF may begin with up to 1,024 bytes of something else (ISO 32000-1, annex H.3.4.1)
_MAGIC = {
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
    "application/pdf": re.compile(rb".{0,1019}%PDF-", re.DOTALL),
}
_TEXTUAL = re.compile(r"text/.+|application/(json|xml|.+\+json|.+\+xml)")


def text_block(text: str) -> Block:
    """Return a plain block of text."""
    return {"type": "text", "text": clean(text)}


def clean(text: str) -> str:
    """Return `text` without half surrogates, which no JSON body can carry; halves that a stream parted are joined."""
    if text.isascii():
        return text
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return whole.encode("utf-8", "replace").decode()


def cleaned(value: Any) -> Any:
    """Return a value with every text in it, however deep, as `clean` gives it; objects that JSON has none of stay."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {cleaned(key): cleaned(item) for key, item in value.items()}
    return [cleaned(item) for item in value] if isinstance(value, list) else value


def sendable(args: dict[str, Any]) -> dict[str, Any]:
    """Return a call's arguments, with what JSON can't carry (NaN, half surrogates, foreign objects) as text."""
    try:
        text = json.dumps(args, allow_nan=False, ensure_ascii=False)
        text.encode("utf-8")
    except (ValueError, TypeError):
        text = clean(json.dumps(args, ensure_ascii=False, default=str))
    found = dict(json.loads(text, parse_constant=str))
    return args if found == args else found  # JSON has no tuples, and no keys but texts


def plain(content: object) -> list[Block]:
    """Return a message's content as plain blocks; reasoning, signatures and a vendor's private blocks are left out."""
    if isinstance(content, str):
        return [text_block(content)] if content.strip() else []
    blocks = content if isinstance(content, list) else []
    return [
        found
        for block in blocks
        for found in ([text_block(block)] if isinstance(block, str) else _plain(block))
        if found["type"] != "text" or found["text"].strip()
    ]


def _plain(block: object) -> list[Block]:
    if not isinstance(block, Mapping):
        return []
    match block.get("type"):
        case "text" | "output_text" | "input_text":
            return [text_block(str(block.get("text") or ""))]
        case "refusal":
            return [text_block(str(block.get("refusal") or ""))]
        case "image" | "image_url" | "input_image":
            return [_media("image", block)]
        case "media":
            return [_media("image" if str(block.get("mime_type", "")).startswith("image/") else "file", block)]
        case "file" | "document" | "input_file" | "text-plain":
            inner = block.get("source")
            parts = plain(inner.get("content")) if isinstance(inner, Mapping) and inner.get("type") == "content" else []
            return parts or [_media("file", block)]
        case "audio" | "video" | "input_audio":
            return [text_block(f"[{block['type'].removeprefix('input_')} left out]")]
        case "non_standard":
            return _plain(block.get("value"))
        case None if isinstance(block.get("text"), str):  # as Google and Bedrock write it
            return [text_block(block["text"])]
    return []


def _media(kind: str, block: Mapping[str, Any]) -> Block:
    """Return an image or file in the one form that every client understands, or what is known of it as text."""
    inner = _inner(block)
    name = inner.get("filename") or inner.get("name") or block.get("title") or "document"
    mime = inner.get("mime_type") or inner.get("media_type") or ""
    data = inner.get("base64") or inner.get("data") or inner.get("file_data")
    text = inner.get("text")
    address = str(inner.get("url") or inner.get("image_url") or inner.get("file_url") or "")
    found = _DATA_URL.fullmatch(str(data or address))
    if found:
        mime, data = found["mime"], found["data"]
    if isinstance(data, bytes):
        data = base64.b64encode(data).decode("ascii")
    name = clean(str(name))
    if kind == "file" and (isinstance(text, str) or _TEXTUAL.fullmatch(mime)):
        return text_block(f"[file {name}]\n{text if isinstance(text, str) else _decoded(str(data), block)}")
    data = _BLANKS.sub("", data) if isinstance(data, str) else ""
    mime = _told(data, mime)
    if data and mime:
        extra = {"filename": name} if kind == "file" else {}
        return {"type": kind, "base64": data, "mime_type": mime, **extra}
    if kind == "image" and address.startswith(("https://", "http://")):
        return {"type": "image", "url": address}
    return text_block(f"[{kind} left out: {name if _DATA_URL.match(address) else address or name}]")


def _told(data: str, mime: str) -> str:
    """Return the type that bytes in base64 really are, or "": they are no such thing. Vendors look, too, and refuse."""
    if len(data) % 4 or not _BASE64.fullmatch(data):
        return ""
    start = base64.b64decode(data[:_BEGINNING])
    found = next((known for known, magic in _MAGIC.items() if magic.match(start)), None)
    return found or ("" if mime in _MAGIC else mime)


def _inner(block: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return where the facts of a media block stand: in itself, or one level down with most vendors."""
    for key in ("source", "file", "image_url"):
        if isinstance(block.get(key), Mapping):
            return {**{k: v for k, v in block.items() if k != key}, **block[key]}
    return block


def _decoded(data: str, block: Mapping[str, Any]) -> str:
    source = block.get("source")
    if isinstance(source, Mapping) and source.get("type") == "text":
        return data
    try:
        return base64.b64decode(data, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return data


def fitted(blocks: Iterable[Block], dialect: Dialect) -> list[Block]:
    """Return the blocks with those that the dialect's user messages can't hold replaced by a note."""
    return [block if _fits(block, dialect) else _note(block) for block in blocks]


def _fits(block: Block, dialect: Dialect) -> bool:
    match block["type"]:
        case "image":
            known = not dialect.image_types or block.get("mime_type", "") in ("", *dialect.image_types)
            small = not dialect.image_bytes or len(block.get("base64", "")) * 3 // 4 <= dialect.image_bytes
            return dialect.images and known and small and (dialect.image_urls or "url" not in block)
        case "file":
            # Other files than PDF are read by our tools; vendors refuse them.
            return dialect.files and block["mime_type"] == "application/pdf"
    return True


def _note(block: Block) -> Block:
    what = block.get("filename") or block.get("url") or block.get("mime_type")
    return text_block(f"[{block['type']} left out: {what}]")


def text_of(blocks: Iterable[Block]) -> str:
    """Return the text of plain blocks, a line break between them."""
    return "\n".join(block["text"] for block in blocks if block["type"] == "text")


def joined(blocks: list[Block]) -> Content:
    """Return plain blocks as a message's content: one string when all is text, which every server understands."""
    return text_of(blocks) if all(block["type"] == "text" for block in blocks) else [dict(block) for block in blocks]
