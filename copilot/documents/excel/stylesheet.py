"""The styles part as bytes: fonts, fills, borders and formats found or appended, never renumbered or rewritten."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from copilot.documents.excel import elements, markup, styles
from copilot.documents.excel.workbook import Workbook

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
STRICT_MAIN = "http://purl.oclc.org/ooxml/spreadsheetml/main"
_CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"
_DECLARATION = b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
#: The children of a font (18.8.22) in the order that Excel writes and wants.
FONT_ORDER = tuple(b"b i strike condense extend outline shadow u vertAlign sz color name family charset scheme".split())
_SIDES = b"<left/><right/><top/><bottom/><diagonal/>"
_XF = b'<xf numFmtId="0" fontId="0" fillId="0" borderId="0"/>'

#: Each group's children, and those that must be there before anything can be appended (18.8).
GROUPS: dict[bytes, tuple[bytes, tuple[bytes, ...]]] = {
    b"numFmts": (b"numFmt", ()),
    b"fonts": (b"font", (b'<font><sz val="11"/><name val="Calibri"/><family val="2"/></font>',)),
    b"fills": (
        b"fill",
        (b'<fill><patternFill patternType="none"/></fill>', b'<fill><patternFill patternType="gray125"/></fill>'),
    ),
    b"borders": (b"border", (b"<border>" + _SIDES + b"</border>",)),
    b"cellStyleXfs": (b"xf", (_XF,)),
    b"cellXfs": (b"xf", (b'<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>',)),
    b"cellStyles": (b"cellStyle", (b'<cellStyle name="Normal" xfId="0" builtinId="0"/>',)),
    b"dxfs": (b"dxf", ()),
}


def prefixed(fragment: bytes, prefix: bytes) -> bytes:
    """Return XML without prefixes with one before each element."""
    return re.sub(rb"<(/?)(?=\w)", rb"<\1" + prefix, fragment) if prefix else fragment


def element(prefix: bytes, name: str, attributes: Mapping[str, str | None] | None = None, inner: bytes = b"") -> bytes:
    """Return an element written out; attributes that are None are left out."""
    full = prefix + name.encode()
    given = (attributes or {}).items()
    tag = "".join(f' {key}="{markup.escape(value, quote=True)}"' for key, value in given if value is not None)
    opened = b"<" + full + tag.encode()
    return opened + (b">" + inner + b"</" + full + b">" if inner else b"/>")


def attributes_of(tag: bytes) -> dict[str, str]:
    """Return the attributes of an element's start tag; those with a prefix, too."""
    start = tag[: tag.index(b">") + 1]
    found = re.finditer(rb"""\s([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""", start)
    return {m[1].decode(): markup.unescape((m[2] if m[2] is not None else m[3]).decode()) for m in found}


def parts_of(raw: bytes, prefix: bytes) -> list[tuple[bytes, bytes]]:
    """Return (local name, bytes) of an element's children; the name keeps a prefix that is not the part's own."""
    inner = raw.index(b">") + 1
    found = []
    for name, start in markup.children(raw, inner, len(raw)) if not raw[:inner].endswith(b"/>") else ():
        whole = elements.whole(raw, name, start)
        found.append((name.removeprefix(prefix), raw[whole.start : whole.end]))
    return found


def with_parts(raw: bytes, prefix: bytes, order: Sequence[bytes], changes: Mapping[bytes, bytes | None]) -> bytes:
    """Return an element with children replaced, put in where `order` (local names) wants them, or taken out (None)."""
    kept = [(name, part) for name, part in parts_of(raw, prefix) if name not in changes]
    for name, part in changes.items():
        if part is not None:
            later = set(order[order.index(name) + 1 :])
            at = next((i for i, (other, _) in enumerate(kept) if other in later), len(kept))
            kept.insert(at, (name, part))
    tag = raw[: raw.index(b">") + 1]
    name = tag[1:].split(b">")[0].split()[0].rstrip(b"/")
    inner = b"".join(part for _, part in kept)
    opened = tag[:-2].rstrip() if tag.endswith(b"/>") else tag[:-1]
    return opened + (b">" + inner + b"</" + name + b">" if inner else b"/>")


class StyleSheet:
    """The styles part of a workbook, made if there is none. Nothing is written before `save`."""

    def __init__(self, workbook: Workbook) -> None:
        self._workbook = workbook
        self.part = workbook.styles.part
        package = workbook.package
        empty = element(b"", "styleSheet", {"xmlns": STRICT_MAIN if package.strict else MAIN})
        self.data = markup.plain(package.read(self.part), self.part) if self.part else _DECLARATION + empty
        self._before = self.data
        self.prefix = markup.prefix_of(self.data)
        self._items: dict[bytes, list[bytes]] = {}

    def items(self, group: bytes) -> list[bytes]:
        """Return the elements of a group ("fonts") as Excel counts them; the ones it must have where it is empty."""
        if group not in self._items:
            found = elements.get(self.data, self.prefix, group)
            child, first = GROUPS[group]
            listed = styles.listed(self.data, self.prefix + child, found.inner, found.close) if found else []
            self._items[group] = listed or [prefixed(each, self.prefix) for each in first]
        return self._items[group]

    def item(self, group: bytes, index: int) -> bytes:
        """Return one element of a group; the first one for an index that is not there, as Excel takes it."""
        items = self.items(group)
        return items[index] if 0 <= index < len(items) else items[0]

    def add(self, group: bytes, made: bytes) -> int:
        """Return the index of an element of a group that is equal to `made`; it is appended where there is none."""
        items = self.items(group)
        return items.index(made) if made in items else self.append(group, made)

    def append(self, group: bytes, made: bytes) -> int:
        """Return the index of a new element of a group, put behind the others even if one of them is equal."""
        items = self.items(group)
        self._append(group, made)
        items.append(made)
        return len(items) - 1

    def _append(self, group: bytes, made: bytes) -> None:
        found = elements.get(self.data, self.prefix, group)
        items = self.items(group)
        child, _ = GROUPS[group]
        present = styles.listed(self.data, self.prefix + child, found.inner, found.close) if found else []
        tag = self.data[found.start : found.inner] if found else b"<" + self.prefix + group + b">"
        opened = tag[:-2].rstrip() + b">" if tag.endswith(b"/>") else tag
        opened = markup.with_attribute(opened, b"count", str(len(items) + 1))
        inside = self.data[found.inner : found.close] if found else b""
        new = made if present else b"".join([*items, made])
        whole = opened + inside + new + b"</" + self.prefix + group + b">"
        self.data = elements.put(self.data, self.prefix, group, whole)

    def number_format(self, code: str) -> int:
        """Return the id of a custom number format with this code, a new one from 164 on (18.8.30) if there is none."""
        known = {}
        for raw in self.items(b"numFmts"):
            given = attributes_of(raw)
            known[given.get("formatCode", "")] = int(given.get("numFmtId", "0") or 0)
        if code not in known:
            known[code] = max([163, *known.values()]) + 1
            numbered = {"numFmtId": str(known[code]), "formatCode": code}
            self.add(b"numFmts", element(self.prefix, "numFmt", numbered))
        return known[code]

    def dxf(self, made: bytes) -> int:
        """Return the index of a differential format (18.8.14), appended if there is none like it."""
        return self.add(b"dxfs", made)

    def save(self) -> None:
        """Write the part into the package if it has changed; a new one gets its relationship."""
        if self.data == self._before:
            return
        package = self._workbook.package
        if self.part:
            package.write(self.part, self.data)
        else:
            self.part = "xl/styles.xml"
            self._complete()
            package.add(self.part, self.data, _CONTENT_TYPE)
            package.relate(package.main, "styles", self.part)
        self._workbook.__dict__.pop("styles", None)
        self._before = self.data

    def _complete(self) -> None:
        """Give a new style sheet the groups that every one has, so that index 0 means something in each."""
        for group in (b"fonts", b"fills", b"borders", b"cellStyleXfs", b"cellXfs", b"cellStyles"):
            if elements.get(self.data, self.prefix, group) is None:
                items = self.items(group)
                made = element(self.prefix, group.decode(), {"count": str(len(items))}, b"".join(items))
                self.data = elements.put(self.data, self.prefix, group, made)
