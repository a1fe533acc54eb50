"""XML parts: parsed with everything dangerous off, serialised with their own prolog."""

from __future__ import annotations

import re

from lxml import etree

from copilot.documents.limits import DEFAULT
from copilot.errors import DocumentError

_PROLOG = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*(?:<\?.*?\?>\s*|<!--.*?-->\s*)*", re.DOTALL)
_ENCODING = re.compile(rb"""\A(?:\xef\xbb\xbf)?<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_PLAIN = re.compile(r"(?i)utf-?8|us-ascii|ascii|iso-8859-\d+|windows-125\d|latin-?1")
_EBCDIC = (b"\x4c\x6f\xa7\x94", b"\x4c\x5a")  # "<?xm" and "<!" in EBCDIC (XML 1.0, F.1)
_UTF32 = (b"\xff\xfe\0\0", b"\0\0\xfe\xff", b"<\0\0\0", b"\0\0\0<")
_LONG_TAG = 16_384  # bytes: longer ones are looked at for their number of attributes
_LIMITS = ("Excessive depth", "huge input lookup", "xmlSAX2Characters", "too long", "XML_PARSE_HUGE")
_DECLARATION = b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\r\n'


def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, strip_cdata=False
    )


def parse(data: bytes, name: str) -> etree._Element:
    """Return the root of an XML part.

    Raises DocumentError: "unsafe" for a DOCTYPE in any encoding, "broken" for malformed XML, "too_large" for nesting,
    names or texts beyond libxml2's limits and for too many attributes. `name` is for the message.
    """
    text = utf8(data, name)
    refuse_doctype(text, name)
    _refuse_attributes(text, name)
    try:
        root = etree.fromstring(text, _parser())
    except etree.XMLSyntaxError as error:
        if any(word in str(error) for word in _LIMITS):
            raise DocumentError(
                f"The part {name!r} is nested too deep or too long to read.", code="too_large"
            ) from None
        raise DocumentError(f"The part {name!r} is not well-formed XML ({error}).", code="broken") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise _doctype(name)
    return root


def refuse_doctype(text: bytes, name: str) -> None:
    """Raise DocumentError "unsafe" when a DOCTYPE stands before the root element of UTF-8 text."""
    prolog = _PROLOG.match(text)
    at = prolog.end() if prolog else 0
    if text[at : at + 9].upper() == b"<!DOCTYPE":
        raise _doctype(name)


def in_prolog(head: bytes) -> bool:
    """Return whether the beginning of a part ends before its root element (or its DOCTYPE) begins."""
    text = head.decode("utf-16", "ignore").encode() if head[:2] in (b"\xff\xfe", b"\xfe\xff") else head
    prolog = _PROLOG.match(text)
    return prolog is None or text[prolog.end() :].startswith((b"<!--", b"<?")) or prolog.end() >= len(text) - 9


def _doctype(name: str) -> DocumentError:
    return DocumentError(f"The part {name!r} declares a DOCTYPE, which no Office file needs.", code="unsafe")


def _refuse_attributes(text: bytes, name: str) -> None:
    for piece in text.split(b"<") if len(text) > _LONG_TAG else ():
        if len(piece) > _LONG_TAG and piece.partition(b">")[0].count(b"=") > DEFAULT.attributes:
            message = f"An element of the part {name!r} has more than {DEFAULT.attributes:,} attributes."
            raise DocumentError(message, code="too_large")


def utf8(data: bytes, name: str) -> bytes:
    """Return an XML part's bytes, re-encoded if it is UTF-16; other encodings than Office writes are refused."""
    if data.startswith(_EBCDIC) or data.startswith(_UTF32):
        raise DocumentError(f"The part {name!r} is in an encoding that hides what it says.", code="unsafe")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:4]:
        try:
            text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else _guess(data))
        except UnicodeDecodeError:
            raise DocumentError(f"The part {name!r} is not readable as UTF-16.", code="broken") from None
        return re.sub(r"\A<\?xml.*?\?>", "", text, count=1, flags=re.DOTALL).encode()
    declared = _ENCODING.match(data)
    if declared and not _PLAIN.fullmatch(declared[1].decode()):
        raise DocumentError(
            f"The part {name!r} is in the encoding {declared[1].decode()}, which hides what it says.", code="unsafe"
        )
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
