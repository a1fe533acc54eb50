"""Files that can't be used, each made from a good one by the one fault that its name tells."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable

Spoil = Callable[[str, bytes], "bytes | None"]


def rewritten(content: bytes, spoil: Spoil) -> bytes:
    """Return an Office file with every part sent through `spoil` (name, bytes); None leaves the part out."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            data = spoil(info.filename, old.read(info))
            if data is not None:
                new.writestr(info.filename, data)
    return out.getvalue()


def without(part: str) -> Callable[[bytes], bytes]:
    return lambda content: rewritten(content, lambda name, data: None if name == part else data)


def changed(part: str, change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    return lambda content: rewritten(content, lambda name, data: change(data) if name == part else data)


def compound(*streams: str) -> bytes:
    """An OLE compound file ([MS-CFB]) as far as a reader looks: its header, and a directory with these streams."""
    directory = b"".join(name.encode("utf-16-le").ljust(128, b"\0") for name in ("Root Entry", *streams))
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + directory.ljust(1024, b"\0")


def opendocument(_: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as new:
        new.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        new.writestr("content.xml", "<office/>")
    return out.getvalue()


def flipped(part: str) -> Callable[[bytes], bytes]:
    """One byte in the middle of a part's compressed data is another one: its checksum no longer fits."""

    def spoil(content: bytes) -> bytes:
        with zipfile.ZipFile(io.BytesIO(content)) as old:
            info = old.getinfo(part)
        name, extra = struct.unpack_from("<2H", content, info.header_offset + 26)
        middle = info.header_offset + 30 + name + extra + info.compress_size // 2
        return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]

    return spoil


def doctype(data: bytes) -> bytes:
    return b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]>' + data.split(b"?>", 1)[1]


def bomb(data: bytes) -> bytes:
    return data.replace(b"<w:body>", b"<w:body>" + b"<w:p/>" * 6_000_000)


def binary_workbook(data: bytes) -> bytes:
    main = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
    return data.replace(main, b"application/vnd.ms-excel.sheet.binary.macroEnabled.main")


NOISE = bytes((i * 7919 + i * i) % 251 for i in range(5000))
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n%%EOF"

#: name of the file: what it is made from, how, the code of the refusal, and words of it.
FILES: dict[str, tuple[str, Callable[[bytes], bytes], str, str]] = {
    "empty.docx": ("contract.docx", lambda c: b"", "empty", "no bytes"),
    "half.docx": ("contract.docx", lambda c: c[: len(c) // 2], "broken", "cut off"),
    "noise.docx": ("contract.docx", lambda c: NOISE, "broken", "no Word document"),
    "text.docx": ("contract.docx", lambda c: b"Dear all,", "broken", "no Word document"),
    "page.docx": ("contract.docx", lambda c: b"<html><body>404</body></html>", "unsupported", "web page"),
    "really-a-pdf.docx": ("contract.docx", lambda c: PDF, "unsupported", "is a PDF, whatever its name says"),
    "secret.docx": (
        "contract.docx",
        lambda c: compound("EncryptionInfo", "EncryptedPackage"),
        "encrypted",
        "remove the password",
    ),
    "old.doc": ("contract.docx", lambda c: compound("WordDocument"), "legacy", "save it as .docx"),
    "old.xls": ("sales.xlsx", lambda c: compound("Workbook"), "legacy", "save it as .xlsx"),
    "old.ppt": ("kickoff-deck.pptx", lambda c: compound("PowerPoint Document"), "legacy", "save it as .pptx"),
    "libre.odt": ("contract.docx", opendocument, "unsupported", "OpenDocument text"),
    "binary.xlsb": ("sales.xlsx", changed("[Content_Types].xml", binary_workbook), "unsupported", "Save it as .xlsx"),
    "bomb.docx": ("contract.docx", changed("word/document.xml", bomb), "too_large", "zip bomb"),
    "doctype.docx": ("contract.docx", changed("word/document.xml", doctype), "unsafe", "DOCTYPE"),
    "cut-xml.docx": ("contract.docx", changed("word/document.xml", lambda d: d[:-200]), "broken", "well-formed"),
    "no-document.docx": ("contract.docx", without("word/document.xml"), "broken", "no main part"),
    "no-types.docx": ("contract.docx", without("[Content_Types].xml"), "broken", "list of its parts"),
    "checksum.docx": ("contract.docx", flipped("word/document.xml"), "broken", "damaged"),
    "no-workbook.xlsx": ("sales.xlsx", without("xl/workbook.xml"), "broken", "no main part"),
    "no-texts.xlsx": ("sales.xlsx", without("xl/sharedStrings.xml"), "broken", "shared strings"),
    "no-sheet.xlsx": ("sales.xlsx", without("xl/worksheets/sheet1.xml"), "broken", "its part is missing"),
    "cut-sheet.xlsx": (
        "sales.xlsx",
        changed("xl/worksheets/sheet1.xml", lambda d: d[: len(d) // 2]),
        "broken",
        "cut off",
    ),
    "noise.pptx": ("kickoff-deck.pptx", lambda c: NOISE, "broken", "no PowerPoint presentation"),
}

_TOOLS: dict[str, tuple[tuple[str, dict[str, object]], ...]] = {
    "contract.docx": (("word.read", {}), ("word.replace_text", {"find": "Acme", "replace": "Contoso"})),
    "sales.xlsx": (
        ("excel.read_range", {"sheet": "Sales", "range": "A1:B9"}),
        ("excel.write_cells", {"sheet": "Sales", "cells": {"A1": 1}}),
    ),
    "kickoff-deck.pptx": (("powerpoint.read", {}), ("powerpoint.replace_text", {"find": "the", "replace": "a"})),
}


def tools_for(source: str) -> tuple[tuple[str, dict[str, object]], ...]:
    """Return a reading and an editing call for files of this kind, without their path."""
    return _TOOLS[source]
