"""XML parts: parsed with everything dangerous off, serialised with their own prolog."""

from __future__ import annotations

import re

from lxml import etree

from copilot.errors import DocumentError

_PROLOG = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*(?:<\?.*?\?>\s*|<!--.*?-->\s*)*", re.DOTALL)
_ENCODING = re.compile(rb"""\A(?:\xef\xbb\xbf)?<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_PLAIN = re.compile(r"(?i)utf-?8|us-ascii|ascii|iso-8859-\d+|windows-125\d|latin-?1")
_DECLARATION = b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\r\n'


def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, strip_cdata=False
    )


def parse(data: bytes, name: str) -> etree._Element:
    """Return the root of an XML part.

    Raises DocumentError: "unsafe" for a DOCTYPE in any encoding, "broken" for malformed XML, too deep nesting
    included (libxml2's limits stay on). `name` is for the message.
    """
    text = utf8(data, name)
    if b"<!DOCTYPE" in _PROLOG.sub(b"", text, count=1)[:9]:
        raise DocumentError(f"The part {name!r} declares a DOCTYPE, which no Office file needs.", code="unsafe")
    try:
        root = etree.fromstring(text, _parser())
    except etree.XMLSyntaxError as error:
        raise DocumentError(f"The part {name!r} is not well-formed XML ({error}).", code="broken") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise DocumentError(f"The part {name!r} declares a DOCTYPE, which no Office file needs.", code="unsafe")
    return root


def utf8(data: bytes, name: str) -> bytes:
    """Return an XML part's bytes, re-encoded if it is UTF-16; other encodings than Office writes are refused."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:4]:
        try:
            text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else _guess(data))
        except UnicodeDecodeError:
            raise DocumentError(f"The part {name!r} is not readable as UTF-16.", code="broken") from None
        return re.sub(r"\A<\?xml.*?\?>", "", text, count=1, flags=re.DOTALL).encode()
    declared = _ENCODING.match(data)
    if declared and not _PLAIN.fullmatch(declared[1].decode()):
        raise DocumentError(f"The part {name!r} is in the encoding {declared[1].decode()}.", code="unsupported")
    return data


def _guess(data: bytes) -> str:
    return "utf-16-le" if data[1:2] == b"\0" else "utf-16-be"


def serialise(root: etree._Element, original: bytes) -> bytes:
    """Return a changed part's bytes behind the prolog (declaration, comments) that it had, UTF-8."""
    body = etree.tostring(root, encoding="UTF-8", xml_declaration=False, with_tail=False)
    prolog = _PROLOG.match(original)
    declared = _ENCODING.match(original)
    kept = prolog[0] if prolog and b"\0" not in original[:4] and original[:2] not in (b"\xff\xfe", b"\xfe\xff") else b""
    if not kept or (declared and not re.fullmatch(rb"(?i)utf-?8", declared[1])):
        kept = _DECLARATION
    return kept + body
