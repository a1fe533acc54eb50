"""Mail messages (RFC 5322, MIME by RFC 2045 and 2047): headers, text, what HTML hides, and the attachments.

The standard library's parser reads them. Nothing is fetched: remote images and links are told with their full target.
"""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from email.message import EmailMessage, MIMEPart
from email.policy import default
from typing import cast

from copilot.documents.htmltext import read_html
from copilot.documents.segments import Heading, Outline, Reading, Segment
from copilot.errors import DocumentError


@dataclass(frozen=True, slots=True)
class MailLimits:
    """How much of a message is read. Sizes in bytes."""

    file: int = 64 << 20
    headers: int = 256 << 10  # all headers of the message together
    header: int = 8 << 10  # one header; longer ones are handed over as they are written
    parts: int = 500
    depth: int = 20
    attachments: int = 20  # that are read; all are listed


LIMITS = MailLimits()
_SHOWN = ("from", "sender", "to", "cc", "reply-to", "date")
_QUIET = frozenset({"content-type", "content-transfer-encoding", "mime-version", "content-disposition", "subject"})
_PROGRAMS = re.compile(
    r"\.(exe|scr|com|pif|bat|cmd|js|jse|vbs|vbe|wsf|hta|ps1|lnk|iso|img|jar|msi|reg|chm|cpl)\Z", re.IGNORECASE
)
_REMOTE = re.compile(r"\s*(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
#: What a malformed message makes the parser raise.
_FAULTS = (ValueError, KeyError, TypeError, AttributeError, IndexError, LookupError, RecursionError, AssertionError)


@dataclass
class _Mail:
    """A message while it is read."""

    nested: bool
    segments: list[Segment] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    omitted: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)  # of the HTML that was shown
    attachments: int = 0

    def add(self, text: str, where: str, kind: str = "paragraph", hidden: str = "", level: int = 0) -> None:
        if text.strip():
            self.segments.append(Segment(text.strip(), where, kind, "", level, hidden))


def read(content: bytes, *, nested: bool = False) -> Reading:
    """Return a message: its headers, its text, and its attachments, those read as documents one level deep.

    A `nested` message lists its attachments without reading them. Raises DocumentError: broken, encrypted, too_large.
    """
    message = _parsed(content)
    parts = _checked(message)
    mail = _Mail(nested)
    subject = _headers(mail, message)
    chosen = [part for part in parts if part.get_content_maintype() != "multipart" or not part.is_multipart()]
    for part in sorted(chosen, key=_rank):
        _part(mail, part, alone=len(chosen) == 1)
    for part in parts:
        _around(mail, part)
    if any(s.hidden and s.kind == "paragraph" and s.hidden not in _NOT_FLAGGED for s in mail.segments):
        mail.flags.append("hidden-text")
    properties = {"subject": subject} if subject else {}
    flags = tuple(dict.fromkeys(mail.flags))
    return Reading("mail", tuple(mail.segments), _markdown(mail), flags, tuple(mail.omitted), subject, properties)


_NOT_FLAGGED = ("plain text version", "alternative text", "page title", "HTML comment", "text outside of the parts")


def outline(content: bytes) -> Outline:
    """Return the subject as title and heading. Raises DocumentError like `read`."""
    subject = _header(_parsed(content), "subject")
    return Outline("mail", subject, (Heading(subject, 1, "subject"),) if subject else ())


def _parsed(content: bytes) -> EmailMessage:
    if len(content) > LIMITS.file:
        raise DocumentError(f"The message is larger than {LIMITS.file >> 20} MiB.", code="too_large")
    end = re.search(rb"\r?\n\r?\n|\r\r", content)
    if (end.start() if end else len(content)) > LIMITS.headers:
        raise DocumentError(f"The headers are longer than {LIMITS.headers >> 10} KiB.", code="too_large")
    if content.lower().count(b"\ncontent-type:") > LIMITS.parts:
        raise DocumentError(f"The message has more than {LIMITS.parts} parts.", code="too_large")
    folded = content.lower()
    if folded.count(b"boundary=") > 2 * LIMITS.parts or folded.count(b"message/rfc822") > LIMITS.parts:
        raise DocumentError("The message is nested too deep.", code="too_large")
    try:
        message = email.message_from_bytes(content, policy=default)
    except RecursionError as error:
        raise DocumentError("The message is nested too deep.", code="too_large") from error
    except _FAULTS as error:
        raise DocumentError(f"The message can't be read ({type(error).__name__}).", code="broken") from error
    if not message.keys():
        raise DocumentError("This is no mail message: it has no headers.", code="broken")
    return message


def _checked(message: EmailMessage) -> list[MIMEPart]:
    """Return the parts in their order, without those inside of attached messages."""
    found: list[MIMEPart] = []
    stack: list[tuple[MIMEPart, int]] = [(message, 0)]
    while stack:
        part, depth = stack.pop()
        found.append(part)
        if len(found) > LIMITS.parts:
            raise DocumentError(f"The message has more than {LIMITS.parts} parts.", code="too_large")
        if depth > LIMITS.depth:
            raise DocumentError("The message is nested too deep.", code="too_large")
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            inner = cast(list[MIMEPart], part.get_payload())
            stack += [(each, depth + 1) for each in reversed(inner)]
    sealed = ("multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime")
    if message.get_content_type() in sealed and "signed-data" not in str(message.get("content-type", "")):
        hint = "Open it in the mail program that holds the key and save its text."
        raise DocumentError("The message is encrypted.", hint=hint, code="encrypted")
    return found


def _headers(mail: _Mail, message: EmailMessage) -> str:
    subject = _header(message, "subject")
    mail.add(subject, "subject", "heading", level=1)
    for name in _SHOWN:
        if text := _header(message, name):
            mail.add(f"{name.title()}: {text}", f"header {name.title()}", "mail-header")
    for name, value in list(message.raw_items())[:200]:
        if name.lower() not in (*_SHOWN, *_QUIET):
            text = " ".join(str(value).split())[: LIMITS.header]
            mail.add(f"{name}: {text}", f"header {name}", "mail-header", "mail header")
    if message.get_content_type() == "multipart/signed" or "signed-data" in str(message.get("content-type", "")):
        mail.flags.append("signed")
    return subject


def _rank(part: MIMEPart) -> int:
    """The order of reading: HTML first, since what plain text says more than it is hidden; then attachments."""
    kinds = ("text/html", "text/plain")
    kind = part.get_content_type()
    is_body = kind in kinds and not _file_name(part) and part.get_content_disposition() != "attachment"
    return kinds.index(kind) if is_body else len(kinds)


def _header(message: EmailMessage, name: str) -> str:
    """Return a header decoded; one that is long or malformed as it is written."""
    for key, value in message.raw_items():
        if key.lower() == name:
            written = str(value)
            if len(written) > LIMITS.header or written.count("(") + written.count("=?") > 200:
                return " ".join(written.split())[: LIMITS.header]
            try:
                return " ".join(str(message.policy.header_fetch_parse(key, value)).split())
            except _FAULTS:
                return " ".join(written.split())
    return ""


def _part(mail: _Mail, part: MIMEPart, *, alone: bool) -> None:
    kind, name = part.get_content_type(), _file_name(part)
    if kind == "message/rfc822" or part.get_content_maintype() == "message":
        _attachment(mail, part, name or "message.eml")
    elif kind in ("text/plain", "text/html") and not name and part.get_content_disposition() != "attachment":
        text = _text(part)
        if kind == "text/html":
            _html(mail, text)
        else:
            _plain(mail, text)
    elif alone and not name and part.get_content_maintype() == "text":
        _plain(mail, _text(part))
    else:
        _attachment(mail, part, name or f"part.{part.get_content_subtype()}"[:60])


def _file_name(part: MIMEPart) -> str:
    try:
        return " ".join((part.get_filename() or "").split())[:300]
    except _FAULTS:
        return ""


def _text(part: MIMEPart) -> str:
    data = _bytes(part)
    try:
        return data.decode(part.get_content_charset("utf-8") or "utf-8", "replace")
    except (LookupError, *_FAULTS):
        return data.decode("utf-8", "replace")


def _bytes(part: MIMEPart) -> bytes:
    try:
        data = part.get_payload(decode=True)
    except _FAULTS:
        data = str(part.get_payload()).encode("utf-8", "replace")
    return data if isinstance(data, bytes) else b""


def _plain(mail: _Mail, text: str) -> None:
    """Add plain text; beside HTML, which mail programs show instead, only what that does not say, as hidden."""
    shown = _squeezed(" ".join(mail.texts))
    for number, block in enumerate(re.split(r"\n\s*\n", text.replace("\r\n", "\n")), 1):
        if not mail.texts:
            mail.add(block, f"body, paragraph {number}")
        elif (words := _squeezed(block)) and words not in shown:
            mail.add(block, f"body, paragraph {number}", hidden="plain text version")


def _squeezed(text: str) -> str:
    return re.sub(r"\W+", "", text).casefold()


def _html(mail: _Mail, text: str) -> None:
    page = read_html(text)
    mail.texts.append(page.visible)
    for number, stretch in enumerate(page.stretches, 1):
        mail.add(stretch.text, f"body, block {number}", hidden=stretch.hidden)
    for link in page.links[:500]:
        mail.add(link, "body, link", "link", "link target")
    remote = [source for source in page.images if _REMOTE.match(source)]
    for source in remote[:500]:
        mail.add(source, "body, remote image", "link", "remote image, which is not fetched")
    mail.flags += ["remote-images"] if remote else []
    mail.flags += ["javascript"] if page.scripts else []
    mail.omitted += ["the rest of a long HTML text"] if page.cut else []


def _attachment(mail: _Mail, part: MIMEPart, name: str) -> None:
    mail.attachments += 1
    is_message = part.get_content_maintype() == "message"
    data = b"" if mail.nested else _message_bytes(part) if is_message else _bytes(part)
    size = f", {len(data):,} bytes" if data else ""
    mail.add(f"{name} ({part.get_content_type()}{size})", f"attachment {name}", "attachment")
    if _PROGRAMS.search(name):
        mail.flags.append("program-attachments")
    if mail.nested or mail.attachments > LIMITS.attachments:
        mail.omitted.append(f"attachment {name}: listed, not read")
        return
    try:
        inner = read(data, nested=True) if is_message else _read_attached(data, name)
    except DocumentError as error:
        mail.omitted.append(f"attachment {name}: {error.message}")
        mail.flags += ["encrypted"] if error.code == "encrypted" else ["unsafe-attachments"] * (error.code == "unsafe")
        return
    mail.segments += [replace(s, where=f"attachment {name}: {s.where}", address="") for s in inner.segments]
    mail.flags += inner.flags
    mail.omitted += [f"attachment {name}: {what}" for what in inner.omitted]


def _read_attached(data: bytes, name: str) -> Reading:
    from copilot.documents.kinds import kind_of
    from copilot.documents.reading import read as read_document

    return read(data, nested=True) if kind_of(data, name) == "mail" else read_document(data, name)


def _message_bytes(part: MIMEPart) -> bytes:
    inner = part.get_payload()
    first = inner[0] if isinstance(inner, list) and inner else None
    try:
        return first.as_bytes() if isinstance(first, EmailMessage) else str(inner).encode("utf-8", "replace")
    except _FAULTS as error:
        raise DocumentError("The attached message can't be read.", code="broken") from error


def _around(mail: _Mail, part: MIMEPart) -> None:
    """Add what stands before and after the parts of a multipart, which no mail program shows (RFC 2046, 5.1.1)."""
    for text in (part.preamble, part.epilogue):
        if text and text.strip() and "multi-part message in MIME format" not in text:
            mail.add(text[: LIMITS.header], "body", hidden="text outside of the parts")


def _markdown(mail: _Mail) -> str:
    lines = []
    for s in mail.segments:
        if s.hidden in ("mail header", "link target"):
            continue
        mark = f"[hidden: {s.hidden}] " if s.hidden else ""
        place = f"({s.where}) " if s.where.startswith("attachment") and s.kind != "attachment" else ""
        lead = "# " if s.kind == "heading" and not place else "Attachment: " if s.kind == "attachment" else ""
        lines.append(f"{lead}{place}{mark}{s.text}")
    return "\n\n".join(lines)


def headers_first(content: bytes) -> Iterator[str]:
    """Yield the names of the headers that the bytes begin with, as far as they look like a message's."""
    for line in content[:4096].decode("latin-1").splitlines():
        match = re.match(r"([!-9;-~]+):", line)
        if match:
            yield match[1].lower()
        elif not line.startswith((" ", "\t")):
            return
