"""Cell formats: which numbers are dates, and a format for a new one, appended (never renumbered)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from lxml import etree

from copilot.documents.excel import markup

FormatKind = Literal["general", "number", "percent", "date", "datetime", "time", "duration", "text"]

# Built-in number formats (ECMA-376 part 1, 18.8.30) that are no plain numbers; 27-36 and 50-58 are East Asian dates.
_BUILTIN: dict[int, FormatKind] = {
    0: "general",
    9: "percent",
    10: "percent",
    **dict.fromkeys((14, 15, 16, 17, *range(27, 32), 36, *range(50, 59)), "date"),
    **dict.fromkeys((18, 19, 20, 21, 32, 33, 34, 35, 45, 47), "time"),
    22: "datetime",
    46: "duration",
    49: "text",
}
_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)


def kind_of_format(code: str) -> FormatKind:
    """Return what a custom format code shows (18.8.31): only the first section is looked at."""
    bare = _LITERAL.sub("", code.split(";")[0])
    low = bare.lower()
    if low.strip() in ("general", ""):
        return "general"
    if bare.strip() == "@":
        return "text"
    if re.search(r"\[[hms]+\]", low):
        return "duration"
    day, clock = bool(re.search(r"[ydge]", low)), bool(re.search(r"[hs]", low))
    if re.search(r"e[+-]", low) and not re.search(r"[yd]", low):
        day = False
    if "m" in low and not clock:
        day = True
    if day:
        return "datetime" if clock else "date"
    if clock:
        return "time"
    return "percent" if "%" in bare else "number"


def _members(group: etree._Element) -> Iterator[etree._Element]:
    """Yield the elements of a group as Excel counts them: of `mc:AlternateContent` those of its fallback."""
    for element in group:
        local = etree.QName(element).localname if isinstance(element.tag, str) else ""
        if local == "AlternateContent":
            yield from _members(element[-1])
        elif local:
            yield element


class Styles:
    """The formats of a workbook; `root` is the parsed styles part, or None where a workbook has none."""

    def __init__(self, root: etree._Element | None, part: str) -> None:
        self.part = part
        self._codes: dict[int, str] = {}
        self._formats: list[int] = []
        for group in root if root is not None else ():
            local = etree.QName(group).localname if isinstance(group.tag, str) else ""
            if local == "numFmts":
                self._codes = {int(e.get("numFmtId", "0")): e.get("formatCode", "") for e in group if len(e.attrib)}
            elif local == "cellXfs":
                self._formats = [int(e.get("numFmtId", "0")) for e in _members(group)]
        self._kinds = [self._kind(number) for number in self._formats]

    def _kind(self, number: int) -> FormatKind:
        if number in self._codes:
            return kind_of_format(self._codes[number])
        return _BUILTIN.get(number, "number")

    def kind(self, style: int) -> FormatKind:
        """Return what the cell format `style` (an index into cellXfs) shows; "general" for one that is not there."""
        return self._kinds[style] if 0 <= style < len(self._kinds) else "general"

    def code(self, style: int) -> str:
        """Return the format code, "" for a built-in format."""
        return self._codes.get(self._formats[style], "") if 0 <= style < len(self._formats) else ""

    def number(self, style: int) -> int:
        """Return the id of the number format (18.8.30), 0 for a cell format that is not there."""
        return self._formats[style] if 0 <= style < len(self._formats) else 0

    def decimals(self, style: int) -> int | None:
        """Return how many decimals the format shows, None where it leaves that open."""
        if not 0 <= style < len(self._formats):
            return None
        number = self._formats[style]
        builtin = {1: 0, 2: 2, 3: 0, 4: 2, 9: 0, 10: 2}
        if number in self._codes:
            match = re.search(r"[0#?](?:\.([0#?]+))?", _LITERAL.sub("", self._codes[number].split(";")[0])[::1])
            places = re.search(r"\.([0#?]+)", _LITERAL.sub("", self._codes[number].split(";")[0]))
            return len(places[1]) if places else (0 if match else None)
        return builtin.get(number)


#: The built-in format (18.8.30) of each kind that we give to a cell that has none.
NUMBER_FORMATS: dict[str, int] = {"date": 14, "datetime": 22, "time": 21, "percent": 9, "percent2": 10, "text": 49}


def with_format(data: bytes, base: int, number: int) -> tuple[bytes, int]:
    """Return the styles part with a cell format like `base` but with the built-in number format `number`.

    An equal one that is there is taken; else it is appended to cellXfs. The int is its index.
    """
    return _with_xf(data, base, {b"numFmtId": str(number), b"applyNumberFormat": "1"})


def with_quote_prefix(data: bytes, base: int) -> tuple[bytes, int]:
    """Return the styles part with a cell format like `base` whose text stays text when it is entered again (18.8.45).

    An equal one that is there is taken; else it is appended to cellXfs. The int is its index.
    """
    return _with_xf(data, base, {b"quotePrefix": "1"})


def unlocked(data: bytes, style: int) -> bool:
    """Return whether a cell format says that its cells may be written on a protected sheet (18.8.33)."""
    prefix = markup.prefix_of(data)
    group = markup.find(data, prefix + b"cellXfs")
    formats = listed(data, prefix + b"xf", group.inner, group.close) if group is not None else []
    raw = formats[style] if 0 <= style < len(formats) else b""
    found = markup.find(raw, prefix + b"protection")
    return found is not None and markup.attribute(raw[found.start : found.inner], b"locked") in ("0", "false", "off")


def _with_xf(data: bytes, base: int, attributes: dict[bytes, str]) -> tuple[bytes, int]:
    prefix = markup.prefix_of(data)
    group = markup.find(data, prefix + b"cellXfs")
    if group is None or group.empty:
        return data, base
    formats = listed(data, prefix + b"xf", group.inner, group.close)
    source = formats[base] if 0 <= base < len(formats) else b"<" + prefix + b'xf numFmtId="0" xfId="0"/>'
    match = markup.tag_pattern(prefix + b"xf").match(source)
    tag = made = match[0] if match else source
    for name, value in attributes.items():
        made = markup.with_attribute(made, name, value)
    made += source[len(tag) :]
    if made in formats:
        return data, formats.index(made)
    opening = markup.with_attribute(data[group.start : group.inner], b"count", str(len(formats) + 1))
    written = data[: group.start] + opening + data[group.inner : group.close] + made + data[group.close :]
    return written, len(formats)


def listed(data: bytes, name: bytes, start: int, end: int) -> list[bytes]:
    """Return the elements `name` of a group as Excel counts them; see `_members`."""
    found: list[bytes] = []
    for kind, at in markup.children(data, start, end):
        if kind == name and (element := markup.find(data, name, at, end)) is not None:
            found.append(data[element.start : element.end])
        elif kind.endswith(b":AlternateContent") and (whole := markup.find(data, kind, at, end)) is not None:
            branches = list(markup.children(data, whole.inner, whole.close))
            inside = markup.find(data, branches[-1][0], branches[-1][1], whole.close) if branches else None
            found += listed(data, name, inside.inner, inside.close) if inside else []
    return found


def with_bold(data: bytes) -> tuple[bytes, int]:
    """Return the styles part with a cell format like the first one in bold; the int is its index."""
    prefix = markup.prefix_of(data)
    fonts = markup.find(data, prefix + b"fonts")
    if fonts is None or fonts.empty:
        return data, 0
    known = listed(data, prefix + b"font", fonts.inner, fonts.close)
    first = markup.find(known[0], prefix + b"font") if known else None
    inner = known[0][first.inner : first.close] if first else b""
    font, mark = prefix + b"font>", b"<" + prefix + b"b/>"
    bold = b"<" + font + mark + inner.replace(mark, b"") + b"</" + font
    if bold not in known:
        tag = markup.with_attribute(data[fonts.start : fonts.inner], b"count", str(len(known) + 1))
        data = data[: fonts.start] + tag + data[fonts.inner : fonts.close] + bold + data[fonts.close :]
        known.append(bold)
    return _with_xf(data, 0, {b"fontId": str(known.index(bold)), b"applyFont": "1"})
