"""What a sheet holds besides its cells: comments, rules, charts, pivots, pictures, print margins."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from copilot.documents.excel import markup
from copilot.documents.excel.cells import SheetReader
from copilot.documents.excel.workbook import Sheet, Workbook, string_text

#: What a relationship's type stands for, in words (ECMA-376 part 1, 12.3; [MS-XLSX] 2.2).
PARTS = {
    "chart": "chart",
    "chartEx": "chart",
    "image": "picture",
    "diagramData": "SmartArt diagram",
    "oleObject": "embedded object",
    "ctrlProp": "form control",
    "package": "embedded file",
    "slicer": "slicer",
    "timeline": "timeline",
    "pivotTable": "pivot table",
    "queryTable": "query table",
}


@dataclass(frozen=True, slots=True)
class Annotation:
    """Something on a sheet: `kind` as a segment's, `where` a range ("" for the sheet as a whole)."""

    kind: str
    where: str
    text: str


def annotations_of(reader: SheetReader) -> Iterator[Annotation]:
    """Yield all that is not in the cells, what can be told of it in words."""
    workbook, sheet = reader.workbook, reader.sheet
    for where, text in comments(workbook, sheet):
        yield Annotation("comment", where, text)
    for where, text in validations(reader):
        yield Annotation("validation", where, text)
    for where, text in conditional_formats(reader):
        yield Annotation("conditional format", where, text)
    for text in charts(workbook, sheet):
        yield Annotation("chart", "", text)
    for where, text in pivots(workbook, sheet):
        yield Annotation("pivot table", where, text)
    for text in pictures(workbook, sheet):
        yield Annotation("picture", "", text)
    for margin, text in margins(reader):
        yield Annotation(margin, "", text)


def parts_of(workbook: Workbook, sheet: Sheet) -> dict[str, int]:
    """Return what hangs on a sheet and its drawings, in words, and how many of each."""
    counts: dict[str, int] = {}
    for part in (sheet.part, *workbook.package.related(sheet.part, "drawing")):
        for relation in workbook.package.relationships(part):
            if word := PARTS.get(relation.short_type):
                counts[word] = counts.get(word, 0) + 1
    return counts


def comments(workbook: Workbook, sheet: Sheet) -> Iterator[tuple[str, str]]:
    """Yield (address, text with author) of comments; the threaded ones, and what is not their shadow."""
    package = workbook.package
    seen = set()
    people = {
        e.get("id", ""): e.get("displayName", "")
        for part in package.related(package.main, "person")
        if package.has(part)
        for e in package.xml(part)
        if isinstance(e.tag, str)
    }
    for part in package.related(sheet.part, "threadedComment"):
        for comment in package.xml(part) if package.has(part) else ():
            if isinstance(comment.tag, str):
                text = "".join(t.text or "" for t in comment if str(t.tag).endswith("}text"))
                seen.add(comment.get("ref", ""))
                done = " (resolved)" if comment.get("done") in ("1", "true") else ""
                who = people.get(comment.get("personId", ""), "")
                yield comment.get("ref", ""), f"{who}: {text}".removeprefix(": ") + done
    for part in package.related(sheet.part, "comments"):
        if package.has(part):
            yield from ((where, text) for where, text in _notes(package.read(part), part) if where not in seen)


def _notes(content: bytes, part: str) -> Iterator[tuple[str, str]]:
    data = markup.plain(content, part)
    prefix = markup.prefix_of(data)
    authors = [markup.unescape(data[e.inner : e.close].decode()) for e in markup.find_all(data, prefix + b"author")]
    for element in markup.find_all(data, prefix + b"comment"):
        tag = data[element.start : element.inner]
        where, author = markup.attribute(tag, b"ref") or "", markup.attribute(tag, b"authorId") or ""
        text = string_text(data[element.inner : element.close], prefix)
        who = authors[int(author)] if author.isdigit() and int(author) < len(authors) else ""
        yield where, f"{who}: {text}" if who and not text.startswith(who) else text


_MARGIN = re.compile(rb"<(?:\w+:)?(?:odd|even|first)(Header|Footer)(?:\s[^>]*)?>([^<]+)<")
_MARGIN_CODES = re.compile(r'&(?:"[^"]*"|K[0-9A-F]{6}|\d+|[LCRBIUESXYPNDTFZAGO])')


def margins(reader: SheetReader) -> Iterator[tuple[str, str]]:
    """Yield ("header" or "footer", text) of the printed pages, without the codes of 18.3.1.46."""
    for match in _MARGIN.finditer(reader.xml.data, reader.xml.close):
        text = " ".join(_MARGIN_CODES.sub(" ", _text(match[2])).split())
        if text:
            yield match[1].decode().lower(), text


def _text(raw: bytes) -> str:
    return markup.unescape(raw.decode("utf-8", "replace"))


_VALIDATION = re.compile(rb"<(?:(\w+):)?dataValidation\s([^>]*)>(.*?)</(?:\w+:)?dataValidation>", re.DOTALL)
_OPERAND = re.compile(rb"<(?:\w+:)?formula[12](?:\s[^>]*)?>(?:<\w+:f>)?([^<]*)<")
_SQREF = re.compile(rb"<\w+:sqref>([^<]*)<")


def validations(reader: SheetReader) -> Iterator[tuple[str, str]]:
    """Yield (range, rule in words) of the data validations, those of the 2010 extension included."""
    for match in _VALIDATION.finditer(reader.xml.data, reader.xml.close):
        tag = b"<dataValidation " + match[2] + b">"
        operands = _OPERAND.findall(match[3])
        where = markup.attribute(tag, b"sqref") or "".join(t.decode() for t in _SQREF.findall(match[3]))
        kind = markup.attribute(tag, b"type") or "any"
        operator = markup.attribute(tag, b"operator") or ("between" if len(operands) > 1 else "")
        keys = (b"promptTitle", b"prompt", b"errorTitle", b"error")
        told = [words for key in keys if (words := markup.attribute(tag, key))]
        rule = " and ".join(_text(o) for o in operands)
        yield where, " ".join(x for x in (kind, operator if kind != "list" else "", rule, *told) if x)


_FORMAT = re.compile(rb"<(?:(\w+):)?conditionalFormatting(\s[^>]*)?>(.*?)</(?:\w+:)?conditionalFormatting>", re.DOTALL)
_RULE = re.compile(rb"<(?:\w+:)?cfRule\s([^>]*?)(?:/>|>(.*?)</(?:\w+:)?cfRule>)", re.DOTALL)
_RULE_FORMULA = re.compile(rb"<(?:\w+:)?(?:formula|f)(?:\s[^>]*)?>([^<]*)<")


def conditional_formats(reader: SheetReader) -> Iterator[tuple[str, str]]:
    """Yield (range, rule in words) of the conditional formats (18.3.1.10), those of the 2010 extension included."""
    for match in _FORMAT.finditer(reader.xml.data, reader.xml.close):
        tag = b"<a " + (match[2] or b"") + b">"
        where = markup.attribute(tag, b"sqref") or "".join(t.decode() for t in _SQREF.findall(match[3]))
        for rule in _RULE.finditer(match[3]):
            inner = rule[2] or b""
            named = [markup.attribute(b"<a " + rule[1] + b">", key) for key in (b"type", b"operator", b"text", b"rank")]
            formulas = " and ".join(_text(f) for f in _RULE_FORMULA.findall(inner))
            yield where, " ".join(x for x in (*named, formulas) if x)


# --- charts, pivots, pictures -----------------------------------------------------------------------------------


def _local(element: etree._Element) -> str:
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def _all(root: etree._Element, *names: str) -> Iterator[etree._Element]:
    return (e for e in root.iter() if _local(e) in names)


def _roots(workbook: Workbook, sheet: Sheet, kind: str) -> Iterator[etree._Element]:
    """Yield the roots of the parts of a kind on a sheet's drawings; ones that can't be parsed are left out."""
    package = workbook.package
    for drawing in package.related(sheet.part, "drawing"):
        for part in package.related(drawing, kind) if package.has(drawing) else ():
            if package.has(part):
                yield package.xml(part)


def charts(workbook: Workbook, sheet: Sheet) -> Iterator[str]:
    """Yield the charts of a sheet in words: type, title, the ranges of their series."""
    for root in _roots(workbook, sheet, "chart"):
        kinds = dict.fromkeys(_local(e).removesuffix("Chart") for e in root.iter() if _local(e).endswith("Chart"))
        title = next(_all(root, "title"), None)
        words = "".join(t.text or "" for t in _all(title, "t", "v")) if title is not None else ""
        ranges = list(dict.fromkeys(e.text or "" for e in _all(root, "f") if e.text))
        shown = ", ".join(ranges[:12]) + (f" and {len(ranges) - 12} more" if len(ranges) > 12 else "")
        yield " ".join(x for x in (" and ".join(k for k in kinds if k), f'"{words}"' if words else "", shown) if x)


def pivots(workbook: Workbook, sheet: Sheet) -> Iterator[tuple[str, str]]:
    """Yield (range, name and source in words) of the pivot tables of a sheet."""
    package = workbook.package
    for part in package.related(sheet.part, "pivotTable"):
        if not package.has(part):
            continue
        root = package.xml(part)
        place = next(_all(root, "location"), None)
        source = ""
        for cache in package.related(part, "pivotCacheDefinition"):
            found = next(_all(package.xml(cache), "worksheetSource"), None) if package.has(cache) else None
            if found is not None:
                source = found.get("name") or f"{found.get('sheet', '')}!{found.get('ref', '')}".strip("!")
        yield (
            (place.get("ref", "") if place is not None else ""),
            f"{root.get('name', '')} of {source}".removesuffix(" of "),
        )


def pictures(workbook: Workbook, sheet: Sheet) -> Iterator[str]:
    """Yield the names of the pictures of a sheet, with the text that stands for them."""
    package = workbook.package
    for drawing in package.related(sheet.part, "drawing"):
        for picture in _all(package.xml(drawing), "pic") if package.has(drawing) else ():
            for properties in _all(picture, "cNvPr"):
                words = properties.get("descr") or properties.get("title") or ""
                yield f"{properties.get('name', '')}: {words}".removesuffix(": ")
