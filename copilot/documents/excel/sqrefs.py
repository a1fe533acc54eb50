"""Ranges of rules (`sqref`, 18.18.76): cut, and the formulas of a rule moved along with its first cell."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from copilot.documents.excel import elements, markup
from copilot.documents.excel.cells import translate
from copilot.documents.excel.refs import Area
from copilot.errors import ToolInputError

_FORMULA = re.compile(
    rb"<(?:[\w.-]+:)?(?:f|formula[12]?)(?:\s(?:[^>\"']|\"[^\"]*\"|'[^']*')*)?>([^<]+)</(?:[\w.-]+:)?(?:f|formula[12]?)\s*>"
)
_SQREF = re.compile(rb"<(?:[\w.-]+:)?sqref(?:\s[^>]*)?>([^<]*)</")
_UID = re.compile(rb"""\s[\w.-]+:uid\s*=\s*(?:"[^"]*"|'[^']*')""")


def areas_of(sqref: str) -> list[Area]:
    """Return the areas of an `sqref`; what is no area is left out."""
    found = []
    for word in sqref.split():
        try:
            found.append(Area.parse(word))
        except ToolInputError:
            continue
    return found


def spelled(areas: Iterable[Area]) -> str:
    """Return areas as an `sqref`."""
    return " ".join(str(area) for area in areas)


def minus(areas: Sequence[Area], gone: Area) -> list[Area]:
    """Return what is left of areas without another one: of each at most four rectangles, the upper and left first."""
    return [piece for area in areas for piece in (_around(area, gone) if area.overlaps(gone) else [area])]


def _around(area: Area, gone: Area) -> Iterator[Area]:
    top, bottom = max(area.top, gone.top), min(area.bottom, gone.bottom)
    if area.top < top:
        yield Area(area.top, area.left, top - 1, area.right)
    if area.left < gone.left:
        yield Area(top, area.left, bottom, gone.left - 1)
    if gone.right < area.right:
        yield Area(top, gone.right + 1, bottom, area.right)
    if bottom < area.bottom:
        yield Area(bottom + 1, area.left, area.bottom, area.right)


def relative(formula: str) -> bool:
    """Return whether a formula means other cells when it stands elsewhere."""
    return translate(formula, 1000, 100, 1001, 101) != formula


def base_of(areas: Sequence[Area]) -> tuple[int, int]:
    """Return the cell that the relative references of a rule's formulas count from: the upper left one of all."""
    return min(a.top for a in areas), min(a.left for a in areas)


@dataclass(frozen=True, slots=True)
class Rule:
    """An element with a range (`dataValidation`, `conditionalFormatting`, classic or of the 2010 extension)."""

    raw: bytes
    extended: bool

    @property
    def sqref(self) -> str:
        """Its range as it is written."""
        if self.extended:
            found = _SQREF.search(self.raw)
            return found[1].decode() if found else ""
        return markup.attribute(self.raw[: self.raw.index(b">") + 1], b"sqref") or ""

    @property
    def areas(self) -> list[Area]:
        """The areas of its range."""
        return areas_of(self.sqref)

    def at(self, areas: Sequence[Area], *, copy: bool = False) -> bytes:
        """Return it with another range, its formulas moved with the first cell; a `copy` has no id of its own."""
        raw = _moved(self.raw, base_of(self.areas), base_of(areas))
        written = spelled(areas).encode()
        if self.extended:
            found = _SQREF.search(raw)
            if found is None:
                raise AssertionError("a rule with a range says it")
            raw = raw[: found.start(1)] + written + raw[found.end(1) :]
        else:
            end = raw.index(b">") + 1
            raw = markup.with_attribute(raw[:end], b"sqref", written.decode()) + raw[end:]
        return _UID.sub(b"", raw) if copy else raw

    def without(self, gone: Area, moving: Callable[[Rule], tuple[bytes, bytes]]) -> list[bytes]:
        """Return what is left of it without an area: elements that say the same of the other cells as before.

        Formulas count from the first cell. Where that goes, each rectangle that is left gets an element of its own, so
        that no reader can count from another cell; `moving` gives the part with such formulas and the one without.
        """
        left = minus(self.areas, gone)
        if not left:
            return []
        same_base = (left[0].top, left[0].left) == base_of(self.areas) == base_of(left)
        if same_base or not self.relative:
            return [self._resized(left)]
        own, others = moving(self)
        made = [Rule(others, self.extended)._resized(left)] if others else []
        return made + [Rule(own, self.extended).at([area], copy=n > 0) for n, area in enumerate(left)]

    def _resized(self, areas: Sequence[Area]) -> bytes:
        """Return it with another range, its formulas as they are."""
        made = Rule(_FORMULA.sub(b"", self.raw), self.extended).at(areas)
        if self.extended:
            found = _SQREF.search(self.raw)
            new = _SQREF.search(made)
            if found is None or new is None:
                raise AssertionError("a rule with a range says it")
            return self.raw[: found.start(1)] + new[1] + self.raw[found.end(1) :]
        return made[: made.index(b">") + 1] + self.raw[self.raw.index(b">") + 1 :]

    @property
    def relative(self) -> bool:
        """Whether a formula of it counts from the first cell."""
        return has_relative(self.raw)


def has_relative(raw: bytes) -> bool:
    """Return whether an element holds a formula with relative references."""
    return any(relative(markup.unescape(m[1].decode("utf-8", "replace"))) for m in _FORMULA.finditer(raw))


def _moved(raw: bytes, old: tuple[int, int], new: tuple[int, int]) -> bytes:
    if old == new:
        return raw

    def change(match: re.Match[bytes]) -> bytes:
        text = translate(markup.unescape(match[1].decode("utf-8", "replace")), *old, *new)
        at = match.start(1) - match.start()
        return match[0][:at] + markup.escape(text).encode() + match[0][at + len(match[1]) :]

    return _FORMULA.sub(change, raw)


def classic(data: bytes, prefix: bytes, name: bytes, group: bytes = b"") -> list[tuple[markup.Element, Rule]]:
    """Return the rules `name` of a sheet with where they lie: children of `group`, or of the sheet itself."""
    if not group:
        found = [c.element for c in elements.children(data) if c.name == prefix + name]
    else:
        holder = elements.get(data, prefix, group)
        found = list(markup.find_all(data, prefix + name, holder.inner, holder.close)) if holder else []
    return [(e, Rule(data[e.start : e.end], False)) for e in found]


def extended(data: bytes, prefix: bytes, uri: str, name: bytes) -> list[tuple[markup.Element, Rule]]:
    """Return the rules `name` of the sheet's extension `uri` with where they lie."""
    holder = elements.extension(data, prefix, uri)
    group = next(markup.children(data, holder.inner, holder.close), None) if holder else None
    if holder is None or group is None:
        return []
    whole = elements.whole(data, *group)
    found = []
    for child, start in markup.children(data, whole.inner, whole.close) if not whole.empty else ():
        if child.rpartition(b":")[2] == name:
            element = elements.whole(data, child, start)
            found.append((element, Rule(data[element.start : element.end], True)))
    return found


def put_extended(data: bytes, prefix: bytes, uri: str, group: str, made: bytes) -> bytes:
    """Return the sheet with a rule put behind those of its extension `uri`, whose content is the element `group`."""
    holder = elements.extension(data, prefix, uri)
    inside = next(markup.children(data, holder.inner, holder.close), None) if holder else None
    if holder is None or inside is None:
        opened = f'<x14:{group} xmlns:xm="{XM}">'.encode()
        inner = opened + made + f"</x14:{group}>".encode()
        return recounted(elements.put_extension(data, prefix, uri, inner, {"x14": X14}), prefix, uri)
    whole = elements.whole(data, *inside)
    return recounted(markup.insert_into(data, whole, inside[0], made), prefix, uri)


def recounted(data: bytes, prefix: bytes, uri: str) -> bytes:
    """Return the sheet with the extension's `count` as it is, and without an extension that holds no rule any more."""
    holder = elements.extension(data, prefix, uri)
    inside = next(markup.children(data, holder.inner, holder.close), None) if holder else None
    if inside is None:
        return data
    whole = elements.whole(data, *inside)
    count = 0 if whole.empty else sum(1 for _ in markup.children(data, whole.inner, whole.close))
    if count == 0:
        return elements.drop_extension(data, prefix, uri)
    tag = data[whole.start : whole.inner]
    if markup.attribute(tag, b"count") is None and not inside[0].endswith(b"dataValidations"):
        return data
    return markup.replace_tag(data, whole, markup.with_attribute(tag, b"count", str(count)))


#: The namespaces of the rules of Excel 2010 ([MS-XLSX] 2.2.4).
X14 = "http://schemas.microsoft.com/office/spreadsheetml/2009/9/main"
XM = "http://schemas.microsoft.com/office/excel/2006/main"
