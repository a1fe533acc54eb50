"""Small Word files from XML snippets, transitional or strict, and a comparison of what an edit left alone."""

from __future__ import annotations

import io
import struct
import zipfile
from collections import Counter

from lxml import etree

TRANSITIONAL = {
    "w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "r": "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
    "m": "http://schemas.openxmlformats.org/officeDocument/2006/math",
    "wp": "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing",
    "a": "http://schemas.openxmlformats.org/drawingml/2006/main",
    "pic": "http://schemas.openxmlformats.org/drawingml/2006/picture",
}
STRICT = {
    "w": "http://purl.oclc.org/ooxml/wordprocessingml/main",
    "r": "http://purl.oclc.org/ooxml/officeDocument/relationships",
    "m": "http://purl.oclc.org/ooxml/officeDocument/math",
    "wp": "http://purl.oclc.org/ooxml/drawingml/wordprocessingDrawing",
    "a": "http://purl.oclc.org/ooxml/drawingml/main",
    "pic": "http://purl.oclc.org/ooxml/drawingml/picture",
}
_BOTH = {
    "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
    "wps": "http://schemas.microsoft.com/office/word/2010/wordprocessingShape",
    "w14": "http://schemas.microsoft.com/office/word/2010/wordml",
    "v": "urn:schemas-microsoft-com:vml",
}
_TYPES = "application/vnd.openxmlformats-officedocument.wordprocessingml"
_RELS = "http://schemas.openxmlformats.org/package/2006/relationships"
_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\r\n'
SECTION = '<w:sectPr><w:pgSz w:w="11906" w:h="16838"/><w:pgMar w:left="1440" w:right="1440"/></w:sectPr>'
STYLES = """
<w:style w:type="paragraph" w:default="1" w:styleId="Standard"><w:name w:val="Normal"/></w:style>
<w:style w:type="paragraph" w:styleId="berschrift1"><w:name w:val="heading 1"/><w:basedOn w:val="Standard"/>
  <w:pPr><w:outlineLvl w:val="0"/></w:pPr></w:style>
<w:style w:type="paragraph" w:styleId="berschrift2"><w:name w:val="heading 2"/><w:basedOn w:val="Standard"/>
  <w:pPr><w:outlineLvl w:val="1"/></w:pPr></w:style>
<w:style w:type="paragraph" w:styleId="Klausel"><w:name w:val="Clause Heading"/>
  <w:basedOn w:val="berschrift2"/></w:style>
<w:style w:type="paragraph" w:styleId="Titel"><w:name w:val="Title"/></w:style>
<w:style w:type="paragraph" w:styleId="Zitat"><w:name w:val="Quote"/></w:style>
<w:style w:type="character" w:styleId="Leise"><w:name w:val="Quiet"/><w:rPr><w:vanish/></w:rPr></w:style>
<w:style w:type="table" w:styleId="Raster"><w:name w:val="Table Grid"/></w:style>
<w:style w:type="table" w:styleId="Dunkel"><w:name w:val="Dark"/>
  <w:tblStylePr w:type="firstRow"><w:tcPr><w:shd w:val="clear" w:fill="112233"/></w:tcPr></w:tblStylePr></w:style>
"""
NUMBERING = """
<w:abstractNum w:abstractNumId="4"><w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/>
  <w:lvlText w:val="%1."/></w:lvl><w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="lowerLetter"/>
  <w:lvlText w:val="%1.%2)"/></w:lvl></w:abstractNum>
<w:abstractNum w:abstractNumId="5"><w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/><w:lvlText w:val="-"/></w:lvl>
</w:abstractNum>
<w:num w:numId="1"><w:abstractNumId w:val="4"/></w:num>
<w:num w:numId="2"><w:abstractNumId w:val="5"/></w:num>
<w:num w:numId="3"><w:abstractNumId w:val="4"/>
  <w:lvlOverride w:ilvl="0"><w:startOverride w:val="7"/></w:lvlOverride></w:num>
"""
_ROOTS = {
    "styles": "styles",
    "numbering": "numbering",
    "header1": "hdr",
    "header2": "hdr",
    "footer1": "ftr",
    "footnotes": "footnotes",
    "endnotes": "endnotes",
    "comments": "comments",
    "settings": "settings",
}


def p(*runs: str, style: str = "", properties: str = "") -> str:
    """A paragraph; a run that starts with < is XML, other ones are text."""
    named = f'<w:pStyle w:val="{style}"/>' if style else ""
    inner = "".join(run if run.startswith("<") else r(run) for run in runs)
    start = f"<w:pPr>{named}{properties}</w:pPr>" if named or properties else ""
    return f"<w:p>{start}{inner}</w:p>"


def r(text: str, properties: str = "") -> str:
    """A run."""
    start = f"<w:rPr>{properties}</w:rPr>" if properties else ""
    return f'<w:r>{start}<w:t xml:space="preserve">{text}</w:t></w:r>'


def item(text: str, list_id: int = 1, level: int = 0) -> str:
    """A list paragraph."""
    return p(text, properties=f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{list_id}"/></w:numPr>')


def table(*rows: list[str], style: str = "") -> str:
    """A table; a cell that starts with < is XML of its content."""
    named = f'<w:tblPr><w:tblStyle w:val="{style}"/></w:tblPr>' if style else "<w:tblPr/>"
    grid = "<w:tblGrid>" + "<w:gridCol/>" * max(len(row) for row in rows) + "</w:tblGrid>"
    made = ""
    for row in rows:
        cells = "".join(
            c if c.startswith("<w:tc>") else f"<w:tc>{c if c.startswith('<') else p(c)}</w:tc>" for c in row
        )
        made += f"<w:tr>{cells}</w:tr>"
    return f"<w:tbl>{named}{grid}{made}</w:tbl>"


def text_box(inner: str) -> str:
    """A run with a text box as Word writes it: a choice for new programs, a fallback for old ones."""
    box = f"<w:txbxContent>{inner}</w:txbxContent>"
    return (
        '<w:r><mc:AlternateContent><mc:Choice Requires="wps"><w:drawing><wp:inline><a:graphic><a:graphicData>'
        f"<wps:wsp><wps:txbx>{box}</wps:txbx></wps:wsp></a:graphicData></a:graphic></wp:inline></w:drawing></mc:Choice>"
        f"<mc:Fallback><w:pict><v:textbox>{box}</v:textbox></w:pict></mc:Fallback></mc:AlternateContent></w:r>"
    )


def field(code: str, result: str) -> str:
    """A complex field."""
    return (
        '<w:r><w:fldChar w:fldCharType="begin"/></w:r>'
        f"<w:r><w:instrText>{code}</w:instrText></w:r>"
        f'<w:r><w:fldChar w:fldCharType="separate"/></w:r>{r(result)}<w:r><w:fldChar w:fldCharType="end"/></w:r>'
    )


def docx(
    *blocks: str,
    section: str = SECTION,
    strict: bool = False,
    links: dict[str, str] | None = None,
    extra: dict[str, str] | None = None,
    **parts: str,
) -> bytes:
    """A document with this body. `parts` are the contents of styles, numbering, header1, footnotes ...

    `links` are external hyperlinks by relationship id; `extra` further zip entries.
    """
    names = {**(STRICT if strict else TRANSITIONAL), **_BOTH}
    spaces = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in names.items())
    content = {"styles": STYLES, **parts}
    base = names["r"]
    body = f"<w:body>{''.join(blocks)}{section}</w:body>"
    files = {"word/document.xml": f'<w:document {spaces} mc:Ignorable="w14">{body}</w:document>'}
    overrides = f'<Override PartName="/word/document.xml" ContentType="{_TYPES}.document.main+xml"/>'
    relations = ""
    for index, (part, inner) in enumerate(content.items(), 1):
        root = _ROOTS[part]
        kind = part.rstrip("0123456789")
        files[f"word/{part}.xml"] = f'<w:{root} {spaces} mc:Ignorable="w14">{inner}</w:{root}>'
        overrides += f'<Override PartName="/word/{part}.xml" ContentType="{_TYPES}.{kind}+xml"/>'
        relations += f'<Relationship Id="rId{index}" Type="{base}/{kind}" Target="{part}.xml"/>'
    for key, target in (links or {}).items():
        relations += f'<Relationship Id="{key}" Type="{base}/hyperlink" Target="{target}" TargetMode="External"/>'
    main = f'<Relationship Id="rId1" Type="{base}/officeDocument" Target="word/document.xml"/>'
    everything = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>',
        "_rels/.rels": f'<Relationships xmlns="{_RELS}">{main}</Relationships>',
        **files,
        "word/_rels/document.xml.rels": f'<Relationships xmlns="{_RELS}">{relations}</Relationships>',
        **(extra or {}),
    }
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for name, text in everything.items():
            target.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), _DECLARATION + text)
    return made.getvalue()


def part(content: bytes, name: str = "word/document.xml") -> str:
    """A part of a file as text."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(name).decode()


def names(content: bytes) -> list[str]:
    """The names of the zip entries in order."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.namelist()


def raw_entries(content: bytes) -> dict[str, bytes]:
    """Every zip entry's compressed bytes."""
    found = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for info in archive.infolist():
            name, extra = struct.unpack("<HH", content[info.header_offset + 26 : info.header_offset + 30])
            start = info.header_offset + 30 + name + extra
            found[info.filename] = content[start : start + info.compress_size]
    return found


def changed_parts(before: bytes, after: bytes) -> set[str]:
    """The entries whose compressed bytes differ, new ones included; fails when one is gone."""
    old, new = raw_entries(before), raw_entries(after)
    assert set(old) <= set(new), "a part was lost"
    return {name for name in new if new[name] != old.get(name)}


def elements(xml: str) -> Counter[tuple[str, tuple[tuple[str, str], ...], str]]:
    """Every element with its attributes and text, counted."""
    root = etree.fromstring(xml.encode())
    return Counter(
        (str(e.tag), tuple(sorted((str(k), str(v)) for k, v in e.attrib.items())), e.text or "")
        for e in root.iter()
        if isinstance(e.tag, str)
    )


def lost(
    before: bytes, after: bytes, name: str = "word/document.xml"
) -> Counter[tuple[str, tuple[tuple[str, str], ...], str]]:
    """The elements of a part that an edit took away or altered."""
    return elements(part(before, name)) - elements(part(after, name))
