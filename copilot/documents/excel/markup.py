"""XML as bytes: find an element, read or set an attribute, without a tree and without touching anything else.

Everything here works on UTF-8 bytes without CDATA sections (`plain` makes them so). Names are matched with the
prefix that the part gives its main namespace, so that elements of extensions are not mistaken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from copilot.documents import xml
from copilot.errors import DocumentError

#: The attributes of a start tag, with the final / of an empty one.
ATTRIBUTES = rb"""[^>"']*(?:"[^"]*"[^>"']*|'[^']*'[^>"']*)*"""
_ROOT = re.compile(rb"<(?![?!])(?:([^\s:/>\"'=]+):)?([^\s:/>\"'=]+)")
_ENCODING = re.compile(rb"""\A()<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["'][^>]*\?>""")
_CDATA = re.compile(rb"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)
_REFERENCE = re.compile(r"&(#x[0-9A-Fa-f]+|#[0-9]+|lt|gt|amp|quot|apos);")
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
_XSTRING = re.compile(r"_x([0-9A-Fa-f]{4})_")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0d\x0e-\x1f\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Element:
    """Where an element lies: `start` to `inner` is its start tag, `inner` to `close` its content."""

    start: int
    inner: int
    close: int
    end: int

    @property
    def empty(self) -> bool:
        """Whether it is written `<a/>`."""
        return self.inner == self.end


def plain(data: bytes, name: str) -> bytes:
    """Return a part as UTF-8 without CDATA sections; the same bytes where that is so already.

    Raises DocumentError "unsafe" for a DOCTYPE and "broken" for bytes that are no text.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:4] or b"encoding" in data[:200] or data[:1] == b"\x4c":
        data = _recoded(xml.utf8(data, name), name)
    if b"<!" in data:
        xml.refuse_doctype(data, name)
        data = _CDATA.sub(lambda m: escape(m[1].decode()).encode(), data)
        data = _COMMENT.sub(b"", data)
    _refuse_cut(data, name)
    return data


def _refuse_cut(data: bytes, name: str) -> None:
    """Raise DocumentError for a part that ends before its root element does: what is missing would not be noticed."""
    root = _ROOT.search(data)
    if root is None:
        return  # `prefix_of` says so
    tag = (root[1] + b":" if root[1] else b"") + root[2]
    whole = re.search(rb"</" + re.escape(tag) + rb"\s*>\s*(?:<\?[^>]*\?>\s*)*\Z", data[-500:])
    empty = data.rstrip().endswith(b"/>") and data.count(b"<", root.start()) == 1
    if whole is None and not empty:
        hint = "Open the file in Excel, let it repair the file and save it again, or get it again from where it came."
        raise DocumentError(f"The part {name!r} is cut off.", hint=hint, code="broken")


def _recoded(data: bytes, name: str) -> bytes:
    """Return a part in a one-byte encoding as UTF-8, without the declaration that said otherwise."""
    declared = _ENCODING.match(data)
    if declared is None or declared[2].lower() in (b"utf-8", b"utf8"):
        return data
    try:
        return declared[1] + data[declared.end() :].decode(declared[2].decode()).encode()
    except (LookupError, UnicodeDecodeError):
        raise DocumentError(f"The part {name!r} is not in the encoding that it names.", code="broken") from None


def prefix_of(data: bytes) -> bytes:
    """Return the prefix of the root element with its colon: b"x:", or b"" for the default namespace."""
    match = _ROOT.search(data)
    if not match:
        raise DocumentError("A part of the file holds no XML: it is damaged.", code="broken")
    return match[1] + b":" if match[1] else b""


@lru_cache(maxsize=256)
def tag_pattern(name: bytes) -> re.Pattern[bytes]:
    """Return the pattern of a start tag; group 1 is its attributes, with a final / when it is empty."""
    return re.compile(b"<" + re.escape(name) + rb"(?=[\s/>])(" + ATTRIBUTES + b")>")


@lru_cache(maxsize=256)
def _closing(name: bytes) -> re.Pattern[bytes]:
    return re.compile(b"</" + re.escape(name) + rb"\s*>")


@lru_cache(maxsize=256)
def _attribute(name: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"\s" + re.escape(name) + rb"""\s*=\s*(?:"([^"]*)"|'([^']*)')""")


def attribute(tag: bytes, name: bytes) -> str | None:
    """Return an attribute of a start tag, None if it is not there."""
    match = _attribute(name).search(tag)
    if match is None:
        return None
    return unescape((match[1] if match[1] is not None else match[2]).decode())


def with_attribute(tag: bytes, name: bytes, value: str | None) -> bytes:
    """Return the start tag with the attribute set, or removed for None."""
    match = _attribute(name).search(tag)
    if value is None:
        written = b""
    else:
        written = b' %b="%b"' % (name, (value if value.isalnum() else escape(value, quote=True)).encode())
    if match:
        return tag[: match.start()] + written + tag[match.end() :]
    end = len(tag) - (2 if tag.endswith(b"/>") else 1)
    return tag[:end].rstrip() + written + tag[end:] if written else tag


def find(data: bytes, name: bytes, start: int = 0, end: int | None = None) -> Element | None:
    """Return the first element `name` (with prefix) from `start` on; it must not nest in itself."""
    match = tag_pattern(name).search(data, start, len(data) if end is None else end)
    return None if match is None else _whole(data, name, match)


def find_all(data: bytes, name: bytes, start: int = 0, end: int | None = None) -> Iterator[Element]:
    """Yield the elements `name` in their order."""
    stop = len(data) if end is None else end
    while (found := find(data, name, start, stop)) is not None:
        yield found
        start = found.end


def _whole(data: bytes, name: bytes, match: re.Match[bytes]) -> Element:
    if match[1].endswith(b"/"):
        return Element(match.start(), match.end(), match.end(), match.end())
    closing = _closing(name).search(data, match.end())
    if closing is None:
        raise DocumentError(f"The element {name.decode()} is not closed: the file is damaged.", code="broken")
    return Element(match.start(), match.end(), closing.start(), closing.end())


_ANY = re.compile(rb"<(?:!--.*?-->|\?.*?\?>|(/?)([^\s/>!?]+)(" + ATTRIBUTES + b")>)", re.DOTALL)


def children(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int]]:
    """Yield (name with prefix, offset) of the elements that lie side by side from `start` on, none inside others.

    Ends at `end`, or where the element around them is closed.
    """
    depth = 0
    for match in _ANY.finditer(data, start, end):
        if match[2] is None:
            continue
        if match[1]:
            depth -= 1
            if depth < 0:
                return
            continue
        if depth == 0:
            yield match[2], match.start()
        depth += not match[3].endswith(b"/")


def insert_into(data: bytes, element: Element, name: bytes, fragment: bytes) -> bytes:
    """Return `data` with `fragment` as the last child of `element`, opened if it was empty."""
    if not element.empty:
        return data[: element.close] + fragment + data[element.close :]
    tag = data[element.start : element.inner]
    opened = tag[:-2].rstrip() + b">" + fragment + b"</" + name + b">"
    return data[: element.start] + opened + data[element.end :]


def replace_tag(data: bytes, element: Element, tag: bytes) -> bytes:
    """Return `data` with the start tag of `element` exchanged."""
    return data[: element.start] + tag + data[element.inner :]


def patched(data: bytes, patches: Iterable[tuple[int, int, bytes]]) -> bytes:
    """Return data with the bytes from each patch's start to its end exchanged; patches must not overlap."""
    ordered = sorted(patches, key=lambda patch: patch[:2])
    if not ordered:
        return data
    pieces: list[bytes | memoryview] = []
    view, at = memoryview(data), 0  # slices of a big part are not copied
    for start, end, new in ordered:
        pieces += [view[at:start], new]
        at = end
    return b"".join([*pieces, view[at:]])


def escape(text: str, *, quote: bool = False) -> str:
    """Return text as XML writes it."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace('"', "&quot;").replace("\n", "&#10;") if quote else text


def unescape(text: str) -> str:
    """Return the text that XML character data means."""
    return _REFERENCE.sub(_referred, text) if "&" in text else text


def _referred(match: re.Match[str]) -> str:
    name = match[1]
    if name in _NAMED:
        return _NAMED[name]
    code = int(name[2:], 16) if name[1] == "x" else int(name[1:])
    return chr(code) if code < 0x110000 else "\ufffd"


def decode_xstring(text: str) -> str:
    """Return the text of an ST_Xstring: `_x000D_` is a carriage return (ECMA-376 part 1, 22.9.2.19)."""
    return _XSTRING.sub(lambda m: chr(int(m[1], 16)), text) if "_x" in text else text


def encode_xstring(text: str) -> str:
    """Return text as an ST_Xstring: what XML can't hold is written as `_xHHHH_`, and such a text itself escaped."""
    text = _XSTRING.sub(lambda m: f"_x005F_x{m[1]}_", text)
    return _FORBIDDEN.sub(lambda m: f"_x{ord(m[0]):04X}_", text)
