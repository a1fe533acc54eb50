"""The second look at an Office file: what no reader shows, and what deserves a warning.

The readers show a document; this looks at its package. Every entry is inflated once against its checksum, no XML part
may declare a DOCTYPE, relationships that leave the file and active content are flagged, and text that stands in some
part but in no segment is handed over as hidden. It costs about as much again as reading does, so `inspect` and the
guarded reading do it, and a chat over a person's own files does not.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from lxml import etree

from copilot.documents import xml
from copilot.documents.htmltext import read_html
from copilot.documents.invisible import invisible
from copilot.documents.package import Package
from copilot.documents.segments import Reading, Segment
from copilot.errors import DocumentError

_OFFICE = ("word", "excel", "powerpoint")
_XML = (".xml", ".rels", ".vml")
_HEAD = 64 << 10
_PART = 16 << 20  # a larger part has been read by its reader, or is data
_TARGETS = 500  # external targets that are told
_VERSIONS = 3  # earlier versions of a PDF that are looked into
_LEFT = 2000  # pieces of unread text that are told

#: Relationships that leave the file, by the last segment of their type: what they load when the file is opened.
_EXTERNAL = {
    "attachedTemplate": "remote-template",
    "externalLinkPath": "external-workbooks",
    "externalLinkLongPath": "external-workbooks",
    "oleObject": "ole-objects",
    "image": "remote-images",
    "mailMergeSource": "data-sources",
    "queryTable": "web-queries",
}
#: What relationships inside the file lead to.
_INTERNAL = {
    "vbaProject": "macros",
    "xlMacrosheet": "macros",
    "xlIntlMacrosheet": "macros",
    "wordVbaData": "macros",
    "control": "activex",
    "activeXControlBinary": "activex",
    "oleObject": "ole-objects",
    "aFChunk": "imported-content",
    "connections": "connections",
    "externalLink": "external-workbooks",
    "origin": "signed",
    "webextension": "web-extensions",
    "taskpane": "web-extensions",
    "attachedToolbars": "macros",
    "keyMapCustomizations": "",
}
_PARTS = (
    (re.compile(r"(^|/)(vbaProject|vbaData)\.(bin|xml)$", re.IGNORECASE), "macros"),
    (re.compile(r"(^|/)(intl)?macrosheets?/", re.IGNORECASE), "macros"),
    (re.compile(r"(^|/)activeX/", re.IGNORECASE), "activex"),
    (re.compile(r"(^|/)embeddings/.*\.(bin|exe|vbs|js|scr|bat|cmd|ps1|lnk|hta)$", re.IGNORECASE), "ole-objects"),
    (re.compile(r"^_xmlsignatures/", re.IGNORECASE), "signed"),
)
_PLAIN_LINK = re.compile(r"\s*(?:https?|mailto|tel|sip|onenote):|[\w%][^:\\]*\Z|[#?./][^:\\]*\Z", re.IGNORECASE)
_UNC = re.compile(r"\s*(?:\\\\|//)")
_DDE = re.compile(r"\s*(?:DDE|DDEAUTO)\b", re.IGNORECASE)
_LOADS = re.compile(r"\s*(?:INCLUDETEXT|INCLUDEPICTURE|INCLUDE|IMPORT|RD|LINK|DATABASE)\b", re.IGNORECASE)
#: Formulas that run a program, call out, or send what they are given (`cmd|'/c calc'!A1` is a DDE link).
_FORMULA = re.compile(
    r"\w\s*\|\s*'?[^'\n]*'?\s*!|\b(?:WEBSERVICE|RTD|CALL|REGISTER(?:\.ID)?|EXEC|FILTERXML|IMPORTDATA|IMPORTXML|"
    r"IMPORTHTML|IMPORTFEED|IMPORTRANGE|IMAGE)\s*\(|\bHYPERLINK\s*\([^,)]*[&(]",
    re.IGNORECASE,
)
_FORMULA_TAGS = ("f", "formula", "formula1", "formula2", "definedName", "calculatedColumnFormula")
_TEXT_TAGS = frozenset(("t", "delText", "instrText", "delInstrText", "v", "text", "oddHeader", "oddFooter"))
_FOLDERS = re.compile(r"^(?:word|xl|ppt)/", re.IGNORECASE)
#: Parts whose texts are no content: names of styles and fonts, samples of layouts, settings.
_NOT_CONTENT = re.compile(
    r"(?:^|/)(?:styles|stylesWithEffects|fontTable|theme\w*|webSettings|numbering|sharedStrings|calcChain|viewProps|"
    r"presProps|tableStyles|workbook|sheet\d+|metadata|item\w*Props\d*)\.xml$|/theme/|/pivotCache/|/(?:charts|diagrams)/"
    r"(?:colors|style|layout|quickStyle)\d*\.xml$|/worksheets/|\.rels$",
    re.IGNORECASE,
)
_PLACES = (
    ("slideMaster", "slide master"), ("slideLayout", "slide layout"), ("notesMaster", "notes master"),
    ("handoutMaster", "handout master"), ("glossary", "building block"), ("drawing", "drawing"),
    ("diagrams", "diagram"), ("charts", "chart"), ("comment", "comment"), ("queryTable", "web query"),
)  # fmt: skip


def survey(content: bytes, reading: Reading) -> Reading:
    """Return `reading` with the flags and the hidden segments that the package behind it asks for.

    A reading of other kinds than Office files gets the flags for invisible characters only. Raises DocumentError for
    damaged entries, a DOCTYPE in any part, and contents larger than declared.
    """
    segments: list[Segment] = []
    flags: list[str] = []
    if reading.kind in _OFFICE:
        package = Package.open(content)
        package.verify()
        _refuse_doctypes(package)
        flags += _part_flags(package)
        for segment, flag in _outside(package):
            segments.append(segment)
            flags += flag
        segments += _properties(package, reading)
        flags += _formula_flags(package) if reading.kind == "excel" else []
        left = list(_left(package, (*reading.segments, *segments)))
        segments += left
        flags += [flag for s in left if s.hidden == "field code" for flag in _field_flags(s.text)]
    elif reading.kind == "pdf":
        segments += _pdf_properties(reading)
        segments += _earlier(content, reading)
        flags += ["hidden-text"] if any(s.kind == "hidden" for s in segments) else []
    marks = [flag for s in (*reading.segments, *segments) for flag in invisible(s.text)]
    return replace(
        reading,
        segments=(*reading.segments, *segments),
        flags=tuple(dict.fromkeys((*reading.flags, *flags, *marks))),
    )


def _pdf_properties(reading: Reading) -> Iterator[Segment]:
    for key in ("title", "author", "subject", "keywords"):
        if text := reading.properties.get(key):
            yield Segment(text, f"property {key}", "property", hidden="document property")


def _earlier(content: bytes, reading: Reading) -> Iterator[Segment]:
    """Yield the text that an update of a PDF took away: the file still holds it (ISO 32000-1, 7.5.6)."""
    from copilot.documents import pdf

    ends = [match.end() for match in re.finditer(rb"%%EOF", content)][:-1]
    if b"/Linearized" in content[:2048]:
        ends = ends[1:]  # the first end mark of a file that is made for the web is no end of a version
    shown = _squeezed("".join(s.text for s in reading.segments))
    for number, end in enumerate(ends[-_VERSIONS:], 1):
        try:
            earlier = pdf.read(content[:end])
        except DocumentError:
            continue
        for segment in earlier.segments:
            if (words := _squeezed(segment.text)) and words not in shown:
                shown += words
                yield replace(segment, kind="hidden", hidden=f"earlier version {number}")


def _xml_parts(package: Package) -> Iterator[str]:
    yield from (name for name in package.names() if name.lower().endswith(_XML))


def _refuse_doctypes(package: Package) -> None:
    for name in _xml_parts(package):
        head = b""
        for chunk in package.stream(name):
            head += chunk
            if len(head) >= _HEAD and not xml.in_prolog(head):
                break
        if head.strip(b"\xef\xbb\xbf \t\r\n"):
            xml.refuse_doctype(xml.utf8(head, name), name)


def _part_flags(package: Package) -> Iterator[str]:
    for name in package.names():
        yield from (flag for pattern, flag in _PARTS if pattern.search(name))
        for relation in _relations(package, name):
            short = relation.get("Type", "").rpartition("/")[2]
            if relation.get("TargetMode") == "External":
                continue
            if flag := _INTERNAL.get(short):
                yield flag
            elif short == "package" and "/charts/" not in name:  # behind a chart stands the workbook of its data
                yield "embedded-files"
    for name in package.names():
        if name.lower().endswith("connections.xml") and b"webPr" in package.read(name):
            yield "web-queries"


def _relations(package: Package, name: str) -> Iterable[etree._Element]:
    return [e for e in package.xml(name) if isinstance(e.tag, str)] if name.endswith(".rels") else []


def _outside(package: Package) -> Iterator[tuple[Segment, list[str]]]:
    """Yield every target outside of the file with the flags for it; an ordinary hyperlink gets none."""
    count = 0
    for name in package.names():
        for relation in _relations(package, name):
            short, target = relation.get("Type", "").rpartition("/")[2], relation.get("Target", "")
            unc = _UNC.match(target) is not None and short != "hyperlink"
            if relation.get("TargetMode") != "External" and not unc and "://" not in target:
                continue
            count += 1
            flags = (
                _link_flags(target) if short == "hyperlink" else ["external-relationships", _EXTERNAL.get(short, "")]
            )
            if count <= _TARGETS:
                source = posixpath.basename(name).removesuffix(".rels") or "package"
                segment = Segment(target[:4000], f"{source}, {short}", "link", hidden="link target")
                yield segment, [flag for flag in flags if flag]


def _link_flags(target: str) -> list[str]:
    """Return the flags for a hyperlink: a program's own scheme, a script or a share on some server is no plain link."""
    if _UNC.match(target) or not _PLAIN_LINK.match(target):
        return [] if target.lower().startswith("file:///") and "\\\\" not in target else ["external-relationships"]
    return []


def _properties(package: Package, reading: Reading) -> Iterator[Segment]:
    """Yield the document properties that the reading does not show: nobody sees them on the page."""
    known = {s.text for s in reading.segments if s.kind == "property"}
    for kind in ("core-properties", "extended-properties", "custom-properties"):
        for part in package.related("", kind):
            for element in package.xml(part) if package.has(part) else ():
                name = element.get("name") or str(element.tag).rpartition("}")[2]
                text = " ".join(" ".join(map(str, element.itertext())).split())
                if (
                    text
                    and text not in known
                    and name not in ("TitlesOfParts", "HeadingPairs")
                    and not _is_figure(text)
                ):
                    yield Segment(text[:4000], f"property {name}", "property", hidden="document property")


def _is_figure(text: str) -> bool:
    return re.fullmatch(r"[\d.,:TZ+-]*|true|false", text) is not None


def _field_flags(code: str) -> list[str]:
    if _DDE.match(code):
        return ["dde", "external-content"]
    loads = _LOADS.match(code) is not None
    remote = "://" in code or "\\\\" in code
    return ["external-content"] if loads and (remote or code.strip().upper().startswith("LINK")) else []


def _formula_flags(package: Package) -> list[str]:
    for name in _xml_parts(package):
        if _FOLDERS.match(name) and package.size(name) <= 4 * _PART:
            tail = b""
            for chunk in package.stream(name):
                if _is_dangerous(tail + chunk, strings=name.lower().endswith("sharedstrings.xml")):
                    return ["formula-injection"]
                tail = chunk[-4096:]
    return []


_FORMULAS = re.compile(rb"<(?:\w+:)?(?:" + "|".join(_FORMULA_TAGS).encode() + rb")(?:\s[^>]*)?>([^<]*)<")
_STRINGS = re.compile(rb"<(?:\w+:)?t(?:\s[^>]*)?>\s*([=+@-][^<]*)<")
_HINTS = re.compile(rb"(?i)\|[^<]*!|WEBSERVICE|RTD|CALL|REGISTER|EXEC|FILTERXML|IMPORT|IMAGE|HYPERLINK", re.DOTALL)


def _is_dangerous(data: bytes, *, strings: bool) -> bool:
    if not _HINTS.search(data):
        return False
    found = (_STRINGS if strings else _FORMULAS).finditer(data)
    return any(_FORMULA.search(_text_of(match[1])) for match in found)


def _text_of(raw: bytes) -> str:
    from copilot.documents.excel.markup import unescape

    return unescape(raw.decode("utf-8", "replace"))[:100_000]


def _left(package: Package, segments: tuple[Segment, ...]) -> Iterator[Segment]:
    """Yield the texts of all parts that stand in no segment, with their part as the place."""
    shown = _squeezed("".join(s.text for s in segments))
    seen: set[str] = set()
    for name in _xml_parts(package):
        if _NOT_CONTENT.search(name) or package.size(name) > _PART or name == "[Content_Types].xml":
            continue
        if name.startswith("docProps/") or name.startswith("docMetadata/"):
            continue
        for text, why in _texts(package, name):
            words = _squeezed(text)
            if words and words not in shown and words not in seen:
                seen.add(words)
                yield Segment(text[:20_000], name, "paragraph", hidden=why)
                if len(seen) >= _LEFT:
                    return


def _squeezed(text: str) -> str:
    return re.sub(r"\W+", "", text)


def _texts(package: Package, name: str) -> Iterator[tuple[str, str]]:
    """Yield the texts of a part with the reason why they are not seen."""
    if not _FOLDERS.match(name):
        yield from ((text, "custom XML") for text in _plain_texts(package, name))
        return
    if name.lower().endswith((".htm", ".html")):
        yield read_html(package.read(name).decode("utf-8", "replace")).visible, "imported content"
        return
    why = next((said for word, said in _PLACES if word in name), "not shown")
    try:
        root = package.xml(name)
    except DocumentError as error:
        if error.code != "broken" or not name.lower().endswith(".vml"):
            raise
        return  # VML is often no XML, and every program takes that
    for block in _blocks(root):
        code = "".join(e.text or "" for e in block if _local(e) in ("instrText", "delInstrText"))
        text = "".join(e.text or "" for e in block if _local(e) not in ("instrText", "delInstrText"))
        if code.strip():
            yield code, "field code"
        if text.strip():
            yield text, why
    for element in root.iter():
        yield from _attribute_texts(element)


def _local(element: etree._Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _blocks(root: etree._Element) -> Iterator[list[etree._Element]]:
    """Yield the elements that hold text, those of one paragraph (or string) together."""
    block: list[etree._Element] = []
    holder: etree._Element | None = None
    for element in root.iter():
        if _local(element) in _TEXT_TAGS and element.text:
            above = next((a for a in element.iterancestors() if _local(a) in ("p", "si", "cm", "comment")), None)
            if above is not holder and block:
                yield block
                block = []
            holder = above
            block.append(element)
    if block:
        yield block


_TOLD = {
    "descr": "alternative text", "title": "alternative text", "alt": "alternative text", "instr": "field code",
    "prompt": "input message", "promptTitle": "input message", "error": "input message", "string": "shape text",
}  # fmt: skip


def _attribute_texts(element: etree._Element) -> Iterator[tuple[str, str]]:
    for key, value in element.attrib.items():
        name = str(key).rpartition("}")[2]
        if name in _TOLD and len(str(value).strip()) > 1:
            yield str(value), _TOLD[name]
    if _local(element) in ("docVar", "alias", "tag") and element.attrib:
        yield " ".join(map(str, element.attrib.values())), "document variable"


def _plain_texts(package: Package, name: str) -> Iterator[str]:
    if "Props" in posixpath.basename(name) or name.endswith(".rels") or package.size(name) > _PART:
        return
    try:
        root = package.xml(name)
    except DocumentError as error:
        if error.code == "unsafe":
            raise
        return
    for element in root.iter():
        if isinstance(element.tag, str) and element.text and element.text.strip():
            yield " ".join(element.text.split())
