"""Messages as the mail interface has them, out of MIME, however malformed (RFC 5322, 2045, 2047, 2231).

The standard library's parser reads them; what it stumbles over is read as it is written. Parts are named by their
place, "2.1", as IMAP names them (RFC 3501, section 6.4.5).
"""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message as Mime
from email.policy import compat32, default
from email.utils import getaddresses, parsedate_to_datetime
from typing import Any

from copilot.plugins.connections.mail import Address, Headline, Message, Part, Protection

#: What a malformed message makes the parser raise.
FAULTS = (ValueError, KeyError, TypeError, AttributeError, IndexError, LookupError, RecursionError, AssertionError)
_MOST_PARTS, _DEEPEST, _LONGEST = 500, 20, 8 << 10
_KEPT = ("list-id", "list-unsubscribe", "precedence", "auto-submitted", "message-id", "in-reply-to", "references")
_ADDRESS = re.compile(r"[^\s<>,;:\"]{1,64}@[^\s<>,;:\"]{1,255}")
_PREVIEW = 255


@dataclass
class _Read:
    html: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)


def parsed(content: bytes) -> Mime:
    """Return a message; what can't be parsed at all is one with all of it as its text."""
    try:
        if content.lower().count(b"boundary=") <= 2 * _MOST_PARTS:
            return email.message_from_bytes(content, policy=compat32)  # the other one takes ten times as long
    except FAULTS:
        pass
    made = Mime()
    made.set_payload(content.decode("latin-1"))
    return made


def message(content: bytes, head: Headline) -> Message:
    """Return a whole message; `head` is what a list knows of it."""
    whole, read = parsed(content), _Read()
    for place, part in walked(whole, read.odd):
        _take(read, place, part)
    if whole.defects or any(part.defects for _, part in walked(whole, [])):
        read.odd.append("It is malformed; it was read as far as that goes.")
    return Message(
        head,
        html="\n".join(read.html),
        text="\n".join(read.text),
        bcc=addresses(whole, "bcc"),
        reply_to=addresses(whole, "reply-to"),
        parts=tuple(read.parts),
        odd=tuple(dict.fromkeys(read.odd)),
    )


def headline(content: bytes, id: str, **known: Any) -> Headline:
    """Return a message as a list shows it, out of its beginning; `known` are the fields that the server says."""
    whole, read = parsed(content), _Read()
    for place, part in walked(whole, read.odd):
        _take(read, place, part)
    text = "\n".join(read.text) or re.sub(
        r"(?is)<(style|script|head)\b.*?(</\1>|\Z)|<[^>]*>", " ", "\n".join(read.html)
    )
    headers = {name: value for name in _KEPT if (value := header(whole, name))}
    references = headers.get("references", "").split() or headers.get("in-reply-to", "").split()
    sender = addresses(whole, "from") or addresses(whole, "sender") or (Address(""),)
    fields: dict[str, Any] = {
        "moment": date(whole),
        "thread": (references or [headers.get("message-id", "")])[0],
        "preview": " ".join(text.split())[:_PREVIEW],
        "attachments": any(not part.inline for part in read.parts),
        "important": header(whole, "importance").lower() == "high" or header(whole, "x-priority")[:1] in ("1", "2"),
        "protection": protection(whole),
        **known,
    }
    return Headline(
        id,
        header(whole, "subject"),
        sender[0],
        addresses(whole, "to"),
        addresses(whole, "cc"),
        headers=headers,
        **fields,
    )


def content_of(content: bytes, place: str) -> bytes:
    """Return the bytes of the part at a place; a message within is as it was written. Raises KeyError."""
    for found, part in walked(parsed(content), []):
        if found == place:
            return _message_bytes(part) if part.get_content_maintype() == "message" else bytes_of(part)
    raise KeyError(place)


def walked(whole: Mime, odd: list[str]) -> Iterator[tuple[str, Mime]]:
    """Yield the parts that hold something, with their places; what is too many or nested too deep is told in `odd`."""
    stack: list[tuple[str, Mime, int]] = [("", whole, 0)]
    count = 0
    while stack:
        place, part, depth = stack.pop()
        count += 1
        if count > _MOST_PARTS or depth > _DEEPEST:
            odd.append("It has too many parts, or they are nested too deep; the rest is left out.")
            return
        inner = part.get_payload() if part.get_content_maintype() == "multipart" else None
        if isinstance(inner, list):
            listed = [(f"{place}.{n}".lstrip("."), each, depth + 1) for n, each in enumerate(inner, 1)]
            stack += [each for each in reversed(listed) if isinstance(each[1], Mime)]
        else:
            yield place or "1", part


def _take(read: _Read, place: str, part: Mime) -> None:
    kind, name = part.get_content_type(), file_name(part)
    is_text = kind in ("text/plain", "text/html") or (
        part.get_content_maintype() in ("text", "multipart") and place == "1"
    )
    if is_text and not name and disposition(part) != "attachment":
        (read.html if kind == "text/html" else read.text).append(text_of(part, read.odd))
        return
    kinds = {"message/rfc822": "message", "message/global": "message"}
    read.parts.append(
        Part(
            place,
            name or ("message.eml" if kind in kinds else f"part-{place}.{part.get_content_subtype()[:20]}"),
            kind,
            0 if kind in kinds else len(bytes_of(part)),
            inline=disposition(part) == "inline" and bool("content-id" in part),
            kind="message" if kind in kinds else "file",
        )
    )


# --- headers ----------------------------------------------------------------------------------------------------------


def header(part: Mime, name: str) -> str:
    """Return a header decoded, on one line; one that is long or malformed as it is written."""
    for key, value in part.raw_items():
        if key.lower() == name:
            written = _utf8(str(value))
            if len(written) <= _LONGEST and written.count("(") + written.count("=?") <= 200:
                with suppress(*FAULTS):
                    written = str(default.header_fetch_parse(key, written))
            return " ".join(written.split())[:_LONGEST]
    return ""


def _utf8(text: str) -> str:
    """Return a text whose raw bytes, which belong in no header, are read as UTF-8, else as Latin-1."""
    raw = text.encode("utf-8", "surrogateescape")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def addresses(part: Mime, name: str) -> tuple[Address, ...]:
    """Return the people of a header, at most 500."""
    values = [_utf8(str(value)) for key, value in part.raw_items() if key.lower() == name]
    text = ", ".join(each[: 8 * _LONGEST] for each in values).replace("\r", " ").replace("\n", " ")
    try:
        found = getaddresses([text]) if text.count("(") < 200 else []
    except FAULTS:
        found = []
    known = [Address(address, _decoded(called)) for called, address in found if address]
    return tuple(known or [Address(each) for each in _ADDRESS.findall(text)])[:500]


def _decoded(text: str) -> str:
    """Return encoded words decoded (RFC 2047)."""
    from email.header import decode_header, make_header

    try:
        return " ".join(str(make_header(decode_header(text))).split())
    except (*FAULTS, UnicodeError):
        return " ".join(text.split())


def date(part: Mime) -> datetime | None:
    """Return when a message says that it was written, None when it does not."""
    try:
        found = parsedate_to_datetime(header(part, "date"))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (*FAULTS, OverflowError):
        return None


def protection(part: Mime) -> Protection:
    """Return how confidential a message says that it is."""
    level = header(part, "sensitivity").lower()
    sealed = part.get_content_type() in ("multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime")
    return Protection(header(part, "msip_labels"), private=level not in ("", "normal") or sealed)


def file_name(part: Mime) -> str:
    """Return the file name of a part, "" if it has none."""
    try:
        return _decoded(_utf8(part.get_filename() or ""))[:300]
    except (*FAULTS, UnicodeError):
        return ""


def disposition(part: Mime) -> str:
    """Return "attachment", "inline" or ""."""
    try:
        return str(part.get_content_disposition() or "")
    except FAULTS:
        return ""


# --- bodies -----------------------------------------------------------------------------------------------------------


def text_of(part: Mime, odd: list[str]) -> str:
    """Return the text of a part, with plain line ends; an unknown charset is told in `odd`."""
    return _decoded_text(part, odd).replace("\r\n", "\n")


def _decoded_text(part: Mime, odd: list[str]) -> str:
    data = bytes_of(part)
    try:
        charset = str(part.get_content_charset("utf-8") or "utf-8")
    except FAULTS:
        charset = "utf-8"
    try:
        return data.decode(charset)
    except UnicodeDecodeError:
        return _replaced(data, "cp1252" if charset in ("utf-8", "us-ascii", "ascii", "iso-8859-1") else charset)
    except (LookupError, *FAULTS):
        odd.append("Its charset is none that is known; it was read as UTF-8.")
        return data.decode("utf-8", "replace")


def _replaced(data: bytes, charset: str) -> str:
    try:
        return data.decode(charset, "replace")
    except FAULTS:  # a codec that replaces nothing, such as punycode
        return data.decode("utf-8", "replace")


def bytes_of(part: Mime) -> bytes:
    """Return the bytes of a part, its transfer encoding taken off."""
    try:
        data = part.get_payload(decode=True)
    except FAULTS:
        data = str(part.get_payload()).encode("utf-8", "replace")
    return data if isinstance(data, bytes) else b""


def _message_bytes(part: Mime) -> bytes:
    inner = part.get_payload()
    first = inner[0] if isinstance(inner, list) and inner else None
    if not isinstance(first, Mime):
        return str(inner).encode("utf-8", "replace")
    try:
        return first.as_bytes()
    except FAULTS:  # nested too deep, or no text that can be written: its headers are left
        return "".join(f"{name}: {_utf8(str(value))}\n" for name, value in first.raw_items()).encode("utf-8", "replace")
