"""What a Word file must keep to (ECMA-376 parts 1 and 2), checked without the code under test."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from collections import Counter
from collections.abc import Iterator

from lxml import etree

from copilot.documents.word.order import ORDER

_REL = "{http://schemas.openxmlformats.org/package/2006/relationships}"
_CT = "{http://schemas.openxmlformats.org/package/2006/content-types}"
_CHECKED = ("pPr", "rPr", "tblPr", "trPr", "tcPr", "sectPr", "tblBorders", "tcBorders", "tbl", "tr", "tc", "p", "r")


def problems(content: bytes) -> Counter[str]:
    """What is wrong with a file: broken links, parts without a type, ids twice, wrong order, tables that don't fit."""
    archive = zipfile.ZipFile(io.BytesIO(content))
    names = set(archive.namelist())
    assert len(names) == len(archive.namelist()), "an entry twice"
    found: Counter[str] = Counter()
    trees = {name: etree.fromstring(archive.read(name)) for name in names if name.endswith((".xml", ".rels"))}
    found.update(_types(trees, names))
    stories = [n for n in trees if re.match(r"word/(document|header|footer|footnotes|endnotes|comments)\d*\.xml", n)]
    ids: Counter[str] = Counter()
    for name in stories:
        root = trees[name]
        found.update(_links(name, root, trees, names))
        found.update(_order(root))
        found.update(_tables(root))
        ids.update(e.get("id", "") for e in root.iter() if local(e) == "docPr" and not _fallback(e))
    found.update({f"docPr id {key} twice": 1 for key, count in ids.items() if count > 1})
    return found


def local(element: etree._Element) -> str:
    """The name of an element without its namespace."""
    return str(element.tag).rpartition("}")[2] if isinstance(element.tag, str) else ""


def given(element: etree._Element | None, key: str = "val") -> str | None:
    """An attribute whatever its namespace."""
    attributes = element.attrib.items() if element is not None else ()
    return next((str(v) for k, v in attributes if str(k).rpartition("}")[2] == key), None)


def _fallback(element: etree._Element) -> bool:
    return any(local(each) == "Fallback" for each in element.iterancestors())


def _types(trees: dict[str, etree._Element], names: set[str]) -> Iterator[str]:
    types = trees["[Content_Types].xml"]
    defaults = {e.get("Extension", "").lower() for e in types.iter(f"{_CT}Default")}
    overrides = {e.get("PartName", "").lstrip("/").lower() for e in types.iter(f"{_CT}Override")}
    for name in names - {"[Content_Types].xml"}:
        if name.rpartition(".")[2].lower() not in defaults and name.lower() not in overrides and not name.endswith("/"):
            yield f"no content type for {name}"
    for name in overrides - {n.lower() for n in names}:
        yield f"a content type for the missing {name}"


def _links(name: str, root: etree._Element, trees: dict[str, etree._Element], names: set[str]) -> Iterator[str]:
    folder, base = posixpath.split(name)
    links = trees.get(posixpath.join(folder, "_rels", f"{base}.rels"))
    known = {}
    for each in links.iter(f"{_REL}Relationship") if links is not None else ():
        known[each.get("Id")] = each
        target = posixpath.normpath(posixpath.join("/", folder, each.get("Target", ""))).lstrip("/")
        if each.get("TargetMode") != "External" and target not in names and "#" not in target:
            yield f"{name}: a relationship to the missing {target}"
    for element in root.iter():
        for key, value in element.attrib.items():
            if "/relationships}" in str(key) and value and value not in known:
                yield f"{name}: no relationship {value} for {local(element)}"


def _order(root: etree._Element) -> Iterator[str]:
    for each in root.iter():
        kind = local(each)
        if kind not in _CHECKED or "wordprocessingml" not in str(each.tag):
            continue
        ranks = {n: at for at, mixed in enumerate(ORDER[kind].split()) for n in mixed.split("|")}
        there = [
            ranks.get(local(child), len(ranks) if kind in ("tbl", "tr", "tc", "p", "r") else None) for child in each
        ]
        wanted = [rank for rank in there if rank is not None]
        if wanted != sorted(wanted):
            yield f"order in {kind}: {[local(child) for child in each][:8]}"
        singles = Counter(
            local(child) for child in each if local(child) in ranks and not local(child).endswith("Reference")
        )
        if any(count > 1 for count in singles.values()) and kind not in ("r",):
            yield f"twice in {kind}: {[n for n, count in singles.items() if count > 1]}"


def _tables(root: etree._Element) -> Iterator[str]:
    for number, table in enumerate((e for e in root.iter() if local(e) == "tbl"), 1):
        grid = next((e for e in table if local(e) == "tblGrid"), None)
        columns = sum(1 for e in grid if local(e) == "gridCol") if grid is not None else 0
        open_: set[tuple[int, int]] = set()
        for at, row in enumerate(_inner(table, "tr"), 1):
            spans = list(_spans(row))
            width = spans[-1][1] if spans else 0
            if width != columns:
                yield f"table {number}, row {at}: {width} of {columns} columns"
            merged = {(s, e) for s, e, kind in spans if kind is not None}
            for start, end, kind in spans:
                if kind == "continue" and (start, end) not in open_:
                    yield f"table {number}, row {at}: a merged cell without a beginning"
            open_ = merged
            cells = list(_inner(row, "tc"))
            if not cells:
                yield f"table {number}, row {at}: no cells"
            for cell in cells:
                blocks = [e for e in cell if local(e) in ("p", "tbl", "sdt")]
                if not blocks or local(blocks[-1]) == "tbl":
                    yield f"table {number}, row {at}: a cell that ends without a paragraph"


def _inner(parent: etree._Element, wanted: str) -> Iterator[etree._Element]:
    for each in parent:
        if local(each) == wanted:
            yield each
        elif local(each) in ("sdt", "sdtContent", "customXml", "ins"):
            yield from _inner(each, wanted)


def _spans(row: etree._Element) -> Iterator[tuple[int, int, str | None]]:
    properties = next((e for e in row if local(e) == "trPr"), None)
    skipped = (
        {local(e): int(given(e) or 0) for e in properties if local(e).startswith("grid")}
        if properties is not None
        else {}
    )
    at = skipped.get("gridBefore", 0)
    if at:
        yield 0, at, None
    for cell in _inner(row, "tc"):
        own = next((e for e in cell if local(e) == "tcPr"), None)
        found = {local(e): e for e in own} if own is not None else {}
        span = int(given(found.get("gridSpan")) or 1)
        merge = None if "vMerge" not in found else given(found["vMerge"]) or "continue"
        yield at, at + span, merge
        at += span
    if skipped.get("gridAfter"):
        yield at, at + skipped["gridAfter"], None
