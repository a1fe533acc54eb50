"""Conditional formats (18.3.1.18), classic and of Excel 2010: put on a range, moved, taken off it."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from copilot.documents.excel import dxf, elements, markup, rulekinds
from copilot.documents.excel.checking import check_rules
from copilot.documents.excel.places import place
from copilot.documents.excel.refs import Area, address
from copilot.documents.excel.reftext import Reference, pieces
from copilot.documents.excel.rulekinds import Period, RuleKind
from copilot.documents.excel.saving import saved
from copilot.documents.excel.sqrefs import (
    X14,
    XM,
    Rule,
    classic,
    extended,
    has_relative,
    put_extended,
    recounted,
    spelled,
)
from copilot.documents.excel.stylesheet import StyleSheet, element
from copilot.documents.excel.validation import Comparison, Values
from copilot.documents.excel.workbook import Sheet, Workbook
from copilot.documents.hunks import Edited, Hunk
from copilot.errors import ToolInputError

#: The extension that holds rules which Excel 2007 did not know ([MS-XLSX] 2.3.1), and that of a rule with such a part.
URI = "{78C0D931-6437-407d-A8EE-F0AAD7539E65}"
RULE_URI = "{B025F937-C7B1-47D3-B67F-A62EFF666E3E}"
_NAME = b"conditionalFormatting"
_RULE = re.compile(rb"<(?:[\w.-]+:)?cfRule(?=[\s>])(?:[^>\"']|\"[^\"]*\"|'[^']*')*>")
_IDS = uuid.UUID("6f5ad0b2-3c1e-4f5b-9d65-0b8a1c2d3e4f")


@dataclass
class _Made:
    """A rule as it is written: `plain` the classic one, `new` that of the extension, each "" where there is none."""

    plain: bytes = b""
    new: bytes = b""


def conditional_format(
    content: bytes,
    range: str,
    rule: RuleKind,
    sheet: str = "",
    operator: Comparison = "equal",
    values: Values | None = None,
    formula: str = "",
    text: str = "",
    rank: Annotated[int, Field(ge=1, le=1000)] = 10,
    percent: bool = False,
    period: Period = "today",
    format: dict[str, str | bool] | None = None,
    colors: list[str] | None = None,
    icons: str = "3TrafficLights1",
    bounds: list[str | int | float] | None = None,
    reverse: bool = False,
    show_value: bool = True,
    gradient: bool = True,
    negative_color: str = "#FF0000",
    stop: bool = False,
    position: Literal["first", "last"] = "first",
) -> Edited:
    """Format the cells of a range by a rule: values, a formula, colour scale, data bar, icons, top or bottom, texts.

    cell_is takes `operator` and `values`; formula the `formula` of the first cell; texts `text`; top and bottom
    `rank` and `percent`; dates `period`. `format` holds bold, italic, underline, strike, color, fill, border,
    number_format. Scales, bars and icons take `colors`, `icons` and `bounds` (min, max, 50, "50%", "p90", "=B2").
    The new rule comes before the others or behind them. Raises ToolInputError for what does not fit together.
    """
    workbook = Workbook.open(content)
    found, area = place(workbook, range, sheet or None, most=0)
    data = markup.plain(workbook.package.read(found.part), found.part)
    prefix = markup.prefix_of(data)
    cell = address(area.top, area.left)
    test = formula if not formula or formula.startswith("=") else f"={formula}"
    check_rules(workbook, found, (area.top, area.left), [*(values or []), *(bounds or []), test])
    data, priority = _priority(data, position)
    common: dict[str, str | None] = {"priority": str(priority), "stopIfTrue": "1" if stop else None}
    identity = _identity(found, area, rule, data)
    bounds, colors = bounds or [], colors or []
    if rule == "data_bar":
        color = colors[0] if colors else "#638EC6"
        bar = rulekinds.data_bar(prefix, color, bounds, show_value=show_value)
        new = rulekinds.data_bar_2010(color, bounds, gradient=gradient, negative=negative_color, show_value=show_value)
        made = _linked(prefix, common, bar, new, identity)
    elif rule == "icon_set":
        icon = rulekinds.icon_set(prefix, icons, bounds, reverse=reverse, show_value=show_value)
        made = _pictured(prefix, "iconSet", common, icon, identity)
    elif rule == "color_scale":
        made = _pictured(prefix, "colorScale", common, rulekinds.color_scale(prefix, colors, bounds), identity)
    else:
        parts = _looked(workbook, rule, operator, values or [], formula, text, rank, period, cell, percent=percent)
        made = _formatted(workbook, found, prefix, parts, common, format or dxf.DEFAULT, identity)
    data = _put(data, prefix, made, area)
    workbook.package.write(found.part, data)
    words = _words(rule, operator, values or [], formula, text, format)
    parts_touched = [found.part, workbook.styles.part]
    return saved(workbook, [Hunk(f"{found.name}!{area}", "", words, "format")], parts_touched)


def _words(
    rule: str,
    operator: str,
    values: list[str | int | float | bool],
    formula: str,
    text: str,
    look: dict[str, str | bool] | None,
) -> str:
    shown = [rule.replace("_", " ")]
    if rule == "cell_is":
        shown += [operator.replace("_", " "), " and ".join(str(v) for v in values)]
    shown += [formula] if formula and rule == "formula" else []
    shown += [repr(text)] if text else []
    if rule not in rulekinds.PICTURES:
        shown.append(f"({dxf.words(look or dxf.DEFAULT)})")
    return " ".join(shown)


def _priority(data: bytes, position: str) -> tuple[bytes, int]:
    """Return the sheet with room for a rule, and its priority: 1 with all others one further down, or the last."""
    rules = list(_RULE.finditer(data, data.find(b"sheetData")))
    taken = [int(p) for m in rules if (p := markup.attribute(m[0], b"priority") or "").lstrip("-").isdigit()]
    if position == "last" or not taken:
        return data, max(taken, default=0) + 1
    if min(taken) > 1:
        return data, min(taken) - 1
    for match in reversed(rules):
        given = markup.attribute(match[0], b"priority") or ""
        if given.isdigit():
            tag = markup.with_attribute(match[0], b"priority", str(int(given) + 1))
            data = data[: match.start()] + tag + data[match.end() :]
    return data, 1


def _identity(sheet: Sheet, area: Area, rule: str, data: bytes) -> str:
    """Return an id for a rule of the extension: derived from where and what it is, and not taken on the sheet."""
    number = 0
    while True:
        made = f"{{{str(uuid.uuid5(_IDS, f'{sheet.name}!{area}:{rule}:{number}')).upper()}}}"
        if made.encode() not in data:
            return made
        number += 1


def _linked(prefix: bytes, common: dict[str, str | None], bar: bytes, new: bytes, identity: str) -> _Made:
    """Return a data bar as Excel writes it: the classic rule names the one of the extension by its id."""
    named = f'<x14:id xmlns:x14="{X14}">{identity}</x14:id>'.encode()
    link = element(prefix, "extLst", None, element(prefix, "ext", {"uri": RULE_URI}, named))
    plain = element(prefix, "cfRule", {"type": "dataBar", **common}, bar + link)
    return _Made(plain, element(b"x14:", "cfRule", {"type": "dataBar", "id": identity}, new))


def _pictured(prefix: bytes, kind: str, common: dict[str, str | None], inner: bytes, identity: str) -> _Made:
    if inner.startswith(b"<x14:"):
        return _Made(new=element(b"x14:", "cfRule", {"type": kind, **common, "id": identity}, inner))
    return _Made(element(prefix, "cfRule", {"type": kind, **common}, inner))


@dataclass(frozen=True)
class _Looked:
    """A rule that gives a format: its attributes and formulas."""

    attributes: dict[str, str | None]
    formulas: list[str]


def _looked(
    workbook: Workbook,
    rule: str,
    operator: str,
    values: list[str | int | float | bool],
    formula: str,
    text: str,
    rank: int,
    period: str,
    cell: str,
    *,
    percent: bool,
) -> _Looked:
    if rule == "cell_is":
        spelling, texts = rulekinds.compared(operator, values, date1904=workbook.date1904)
        return _Looked({"type": "cellIs", "operator": spelling}, texts)
    if rule == "formula":
        return _Looked({"type": "expression"}, [rulekinds.expression(formula)])
    if rule in ("contains_text", "not_contains_text", "begins_with", "ends_with"):
        return _Looked(*rulekinds.text_rule(rule, text, cell))
    state = rulekinds.state_rule(rule, period, cell)
    return _Looked(*state) if state else _Looked(rulekinds.set_rule(rule, rank, percent=percent), [])


def _formatted(
    workbook: Workbook,
    sheet: Sheet,
    prefix: bytes,
    rule: _Looked,
    common: dict[str, str | None],
    look: dxf.Look,
    identity: str,
) -> _Made:
    """Return the rule with its format: in the styles part, or inside of a rule of the extension.

    Formulas that refer to other sheets can't stand in a classic rule ([MS-XLSX] 2.1.21).
    """
    if any(_leaves(text, sheet) for text in rule.formulas):
        inner = "".join(f"<xm:f>{markup.escape(text)}</xm:f>" for text in rule.formulas).encode()
        main = dxf.dxf(prefix, look)
        inside = b"<x14:dxf>" + main[main.index(b">") + 1 : main.rindex(b"</")] + b"</x14:dxf>"
        return _Made(new=element(b"x14:", "cfRule", {**rule.attributes, **common, "id": identity}, inner + inside))
    styles = StyleSheet(workbook)
    number = styles.dxf(dxf.dxf(styles.prefix, look, styles))
    styles.save()
    kind = {"type": rule.attributes["type"], "dxfId": str(number), **common}
    return _Made(element(prefix, "cfRule", {**kind, **rule.attributes}, rulekinds.formulas_of(prefix, rule.formulas)))


def _leaves(text: str, sheet: Sheet) -> bool:
    """Return whether a formula refers to another sheet."""
    found = (piece.sheet for piece in pieces(text) if isinstance(piece, Reference))
    return any(name and name.casefold() != sheet.name.casefold() for name in found)


def _put(data: bytes, prefix: bytes, made: _Made, area: Area) -> bytes:
    sqref = spelled([area])
    if made.plain:
        data = elements.add(data, prefix, _NAME, element(prefix, _NAME.decode(), {"sqref": sqref}, made.plain))
    if made.new:
        ranged = made.new + f"<xm:sqref>{sqref}</xm:sqref>".encode()
        whole = element(b"x14:", _NAME.decode(), {"xmlns:x14": X14, "xmlns:xm": XM}, ranged)
        data = put_extended(data, prefix, URI, "conditionalFormattings", whole)
    return data


def _rules(raw: bytes) -> list[tuple[bytes, bytes]]:
    """Return (name, bytes) of the children of a conditional format."""
    inner = raw.index(b">") + 1
    found = []
    for name, start in markup.children(raw, inner, len(raw)):
        whole = elements.whole(raw, name, start)
        found.append((name, raw[whole.start : whole.end]))
    return found


def _moving(rule: Rule) -> tuple[bytes, bytes]:
    """Return a conditional format with its rules whose formulas count from the first cell, and with the others.

    The others may look at all cells together (top 10, colour scales): they must stay in one element.
    """
    parts = _rules(rule.raw)
    opening, closing = rule.raw[: rule.raw.index(b">") + 1], rule.raw[rule.raw.rindex(b"</") :]

    def kept(relative: bool) -> bytes:
        chosen = [p for n, p in parts if not n.endswith(b"cfRule") or has_relative(p) == relative]
        found = any(n.endswith(b"cfRule") and has_relative(p) == relative for n, p in parts)
        return opening + b"".join(chosen) + closing if found else b""

    return kept(True), kept(False)


def _changed(workbook: Workbook, sheet: Sheet, area: Area, to: Area | None) -> tuple[bytes, list[Rule]]:
    """Return the sheet's part with the conditional formats of an area taken off or put on another, and which."""
    data = markup.plain(workbook.package.read(sheet.part), sheet.part)
    prefix = markup.prefix_of(data)
    touched = []
    for of_2010 in (True, False):  # the extension lies behind: positions before it stay
        found = extended(data, prefix, URI, _NAME) if of_2010 else classic(data, prefix, _NAME)
        for where, rule in reversed(found):
            hit = rule.areas == [area] if to else any(a.overlaps(area) for a in rule.areas)
            if hit:
                touched.append(rule)
                new = rule.at([to]) if to else b"".join(rule.without(area, _moving))
                data = data[: where.start] + new + data[where.end :]
        data = recounted(data, prefix, URI) if of_2010 else data
    return data, touched


def clear_conditional_formats(content: bytes, range: str, sheet: str = "") -> Edited:
    """Take the conditional formats off a range; other cells of the same rules keep them.

    Raises ToolInputError when there is none.
    """
    workbook = Workbook.open(content)
    found, area = place(workbook, range, sheet or None, most=0)
    data, touched = _changed(workbook, found, area, None)
    if not touched:
        raise ToolInputError(f"{found.name}!{area} has no conditional format.", code="unchanged")
    workbook.package.write(found.part, data)
    before = ", ".join(f"{_kinds(rule)} on {rule.sqref}" for rule in touched)[:300]
    return saved(workbook, [Hunk(f"{found.name}!{area}", before, "", "format")], [found.part])


def _kinds(rule: Rule) -> str:
    kinds = [markup.attribute(m[0], b"type") or "rule" for m in _RULE.finditer(rule.raw)]
    return ", ".join(dict.fromkeys(kinds)) or "nothing"


def move_conditional_formats(content: bytes, range: str, to: str, sheet: str = "") -> Edited:
    """Let the conditional formats that apply to exactly this range apply to another one of the sheet instead.

    Their formulas count from the new first cell. Raises ToolInputError when there is none, naming those there are.
    """
    workbook = Workbook.open(content)
    found, area = place(workbook, range, sheet or None, most=0)
    _, target = place(workbook, to, found.name, most=0)
    if area == target:
        raise ToolInputError(f"They apply to {area} already.", code="unchanged")
    data, touched = _changed(workbook, found, area, target)
    if not touched:
        there = markup.plain(workbook.package.read(found.part), found.part)
        known = [rule.sqref for _, rule in classic(there, markup.prefix_of(there), _NAME)]
        hint = f"There are some on: {', '.join(known[:10])}." if known else "The sheet has none."
        raise ToolInputError(f"No conditional format applies to exactly {area}.", hint=hint, code="unknown_range")
    workbook.package.write(found.part, data)
    return saved(workbook, [Hunk(f"{found.name}!{area}", f"on {area}", f"on {target}", "format")], [found.part])


#: The operations of this module.
OPERATIONS = (conditional_format, clear_conditional_formats, move_conditional_formats)
