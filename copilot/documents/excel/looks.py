"""How a cell looks, as it is asked for: laid over a cell format (`xf`, 18.8.45), and said in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from copilot.documents.excel import markup
from copilot.documents.excel.cellstyles import style_index
from copilot.documents.excel.colors import color_words
from copilot.documents.excel.number_formats import BUILTIN
from copilot.documents.excel.stylesheet import FONT_ORDER, StyleSheet, attributes_of, element, parts_of, with_parts

BORDER_ORDER = tuple(b"start left end right top bottom diagonal vertical horizontal".split())
XF_ORDER = (b"alignment", b"protection", b"extLst")
SIDES = ("left", "right", "top", "bottom")
_STRICT_SIDES = {"left": "start", "right": "end"}
#: The parts of a cell format: the attribute with its index, its group, and the flag that says that it counts.
PIECES = (
    ("numFmtId", "applyNumberFormat"),
    ("fontId", "applyFont"),
    ("fillId", "applyFill"),
    ("borderId", "applyBorder"),
)


@dataclass(frozen=True)
class Look:
    """What is to change in a cell format; what is None or empty stays. Colours are attributes of `color` elements.

    `font` maps the children of a font to their attributes (None: the child goes); `fill` is a fill element without
    prefixes; `borders` maps sides to (style, colour); `number` is a number format's id.
    """

    number: int | None = None
    font: Mapping[str, Mapping[str, str] | None] = field(default_factory=dict)
    fill: Mapping[str, str] | None = None
    no_fill: bool = False
    alignment: Mapping[str, str | None] = field(default_factory=dict)
    protection: Mapping[str, str] = field(default_factory=dict)
    style: str = ""


Borders = tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...]


class Dresser:
    """Gives cell formats a look. The same format and borders give the same index, which is looked up once."""

    def __init__(self, sheet: StyleSheet, look: Look) -> None:
        self._sheet = sheet
        self._look = look
        self._known: dict[tuple[int, Borders], int] = {}

    def dressed(self, base: int, borders: Borders = ()) -> int:
        """Return the index in cellXfs of the format `base` with the look and these (side, style, colour) borders."""
        key = (base, borders)
        if key not in self._known:
            raw = self._sheet.item(b"cellXfs", base)
            made = self._made(raw, borders)
            self._known[key] = base if made == raw else self._sheet.add(b"cellXfs", made)
        return self._known[key]

    @property
    def changes(self) -> dict[tuple[int, int], None]:
        """The pairs (format before, format after) that have been asked for, in their order."""
        return {(base, made): None for (base, _), made in self._known.items()}

    def _made(self, raw: bytes, borders: Borders) -> bytes:
        sheet, look = self._sheet, self._look
        if look.style:
            raw = styled(sheet, raw, style_index(sheet, look.style))
        if look.number is not None:
            raw = _with(raw, "numFmtId", look.number)
        if look.font:
            font = with_font(sheet, sheet.item(b"fonts", _index(raw, "fontId")), look.font)
            raw = _with(raw, "fontId", sheet.add(b"fonts", font))
        if look.fill is not None or look.no_fill:
            raw = _with(raw, "fillId", sheet.add(b"fills", solid_fill(sheet.prefix, look.fill)))
        if borders:
            border = with_borders(sheet, sheet.item(b"borders", _index(raw, "borderId")), borders)
            raw = _with(raw, "borderId", sheet.add(b"borders", border))
        for name, wanted in (("alignment", look.alignment), ("protection", look.protection)):
            raw = _with_child(raw, sheet.prefix, name, wanted) if wanted else raw
        return raw


def _index(raw: bytes, name: str) -> int:
    return int(attributes_of(raw).get(name, "0") or 0)


def _with(raw: bytes, name: str, index: int) -> bytes:
    """Return an xf with another index, and the flag that makes it count; the same bytes where it is that already."""
    flag = dict(PIECES)[name]
    given = attributes_of(raw)
    if given.get(name, "0") == str(index) and given.get(flag, "1") not in ("0", "false"):
        return raw
    return with_attributes(raw, {name: str(index), flag: "1"})


def with_attributes(raw: bytes, attributes: Mapping[str, str | None]) -> bytes:
    """Return an element with attributes of its start tag set, or taken out for None."""
    end = raw.index(b">") + 1
    tag = raw[:end]
    for name, value in attributes.items():
        tag = markup.with_attribute(tag, name.encode(), value)
    return tag + raw[end:]


def _with_child(raw: bytes, prefix: bytes, name: str, wanted: Mapping[str, str | None]) -> bytes:
    present = dict(parts_of(raw, prefix)).get(name.encode())
    old = attributes_of(present) if present else {}
    new = {key: value for key, value in {**old, **_settled(old, wanted)}.items() if value is not None}
    if new == old:
        return raw
    made = element(prefix, name, new) if new else None
    raw = with_parts(raw, prefix, XF_ORDER, {name.encode(): made})
    return with_attributes(raw, {f"apply{name.capitalize()}": "1"})


def _settled(old: Mapping[str, str], wanted: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return the attributes with what follows: an indent counts from the left, right or distributed (18.8.1)."""
    horizontal = wanted.get("horizontal", old.get("horizontal"))
    if wanted.get("indent") and horizontal not in ("left", "right", "distributed"):
        return {**wanted, "horizontal": "left"}
    return dict(wanted)


def styled(sheet: StyleSheet, raw: bytes, index: int) -> bytes:
    """Return a cell format with the named style `index` of cellStyleXfs: its pieces, where the style includes them."""
    style = sheet.item(b"cellStyleXfs", index)
    given = attributes_of(style)
    changes: dict[str, str | None] = {"xfId": str(index)}
    for name, flag in PIECES:
        if given.get(flag, "1") not in ("0", "false"):
            changes |= {name: given.get(name, "0"), flag: "1" if index else None}
    raw = with_attributes(raw, changes)
    children = dict(parts_of(style, sheet.prefix))
    for name in ("alignment", "protection"):
        if given.get(f"apply{name.capitalize()}", "1") not in ("0", "false"):
            raw = with_parts(raw, sheet.prefix, XF_ORDER, {name.encode(): children.get(name.encode())})
    return raw


def with_font(sheet: StyleSheet, font: bytes, changes: Mapping[str, Mapping[str, str] | None]) -> bytes:
    """Return a font (18.8.22) with children set or taken out; a new name leaves the theme's font scheme."""
    made: dict[bytes, bytes | None] = {}
    for name, attributes in changes.items():
        made[name.encode()] = None if attributes is None else element(sheet.prefix, name, attributes)
    present = dict(parts_of(font, sheet.prefix))
    made = {name: part for name, part in made.items() if part != present.get(name)}
    return with_parts(font, sheet.prefix, FONT_ORDER, made) if made else font


def solid_fill(prefix: bytes, color: Mapping[str, str] | None) -> bytes:
    """Return a fill (18.8.20) of one colour, or of none."""
    if color is None:
        return element(prefix, "fill", None, element(prefix, "patternFill", {"patternType": "none"}))
    inner = element(prefix, "fgColor", color) + element(prefix, "bgColor", {"indexed": "64"})
    return element(prefix, "fill", None, element(prefix, "patternFill", {"patternType": "solid"}, inner))


def with_borders(sheet: StyleSheet, border: bytes, borders: Borders) -> bytes:
    """Return a border (18.8.4) with sides set; strict files may call left and right start and end."""
    present = dict(parts_of(border, sheet.prefix))
    made: dict[bytes, bytes | None] = {}
    for side, style, color in borders:
        name = _STRICT_SIDES.get(side, side) if b"start" in present or b"end" in present else side
        shown = element(sheet.prefix, "color", dict(color) or {"auto": "1"})
        made[name.encode()] = (
            element(sheet.prefix, name) if style == "none" else element(sheet.prefix, name, {"style": style}, shown)
        )
    return with_parts(border, sheet.prefix, BORDER_ORDER, made)


def words(sheet: StyleSheet, index: int) -> dict[str, str]:
    """Return how a cell format looks, aspect by aspect, in words: {"bold": "yes", "fill": "#FFFF00", ...}."""
    raw = sheet.item(b"cellXfs", index)
    children = dict(parts_of(raw, sheet.prefix))
    found = {"style": _style_name(sheet, _index(raw, "xfId")), "number format": code_of(sheet, index)}
    found |= _font_words(sheet, sheet.item(b"fonts", _index(raw, "fontId")))
    found["fill"] = _fill_words(sheet, sheet.item(b"fills", _index(raw, "fillId")))
    found |= _border_words(sheet, sheet.item(b"borders", _index(raw, "borderId")))
    for name, defaults in (("alignment", _ALIGNMENT), ("protection", _PROTECTION)):
        given = attributes_of(children[name.encode()]) if name.encode() in children else {}
        for key, (said, default) in defaults.items():
            value = given.get(key, default)
            found[said] = value if key in ("indent", "textRotation") else _yes(value)
    return found | {"rotation": _angle(found["rotation"])}


_ALIGNMENT = {
    "horizontal": ("horizontal", "general"),
    "vertical": ("vertical", "bottom"),
    "wrapText": ("wrap", "off"),
    "indent": ("indent", "none"),
    "textRotation": ("rotation", "none"),
    "shrinkToFit": ("shrink", "off"),
}
_PROTECTION = {"locked": ("locked", "on"), "hidden": ("hidden formula", "off")}


def _yes(value: str) -> str:
    return {"1": "on", "true": "on", "0": "off", "false": "off"}.get(value, value)


def _angle(written: str) -> str:
    """Return a rotation in degrees, upwards: angles below the line are written as 90 and more (18.8.1)."""
    if not written.isdigit() or int(written) <= 90:
        return written
    return "vertical" if written == "255" else str(90 - int(written))


def _style_name(sheet: StyleSheet, index: int) -> str:
    named = (attributes_of(raw) for raw in sheet.items(b"cellStyles"))
    return next((given.get("name", "") for given in named if given.get("xfId") == str(index)), "Normal")


def code_of(sheet: StyleSheet, index: int) -> str:
    """Return the number format's code of a cell format; built-in ones as they read in en-US."""
    number = _index(sheet.item(b"cellXfs", index), "numFmtId")
    for raw in sheet.items(b"numFmts"):
        given = attributes_of(raw)
        if given.get("numFmtId") == str(number):
            return given.get("formatCode", "")
    return BUILTIN.get(number, f"built-in {number}")


def _font_words(sheet: StyleSheet, font: bytes) -> dict[str, str]:
    given = {name: attributes_of(part) for name, part in parts_of(font, sheet.prefix)}
    found = {
        said: "off" if name not in given else _yes(given[name].get("val", "1"))
        for name, said in ((b"b", "bold"), (b"i", "italic"), (b"strike", "strike"))
    }
    found["underline"] = given[b"u"].get("val", "single") if b"u" in given else "none"
    found["font"] = given.get(b"name", {}).get("val", "default")
    found["size"] = given.get(b"sz", {}).get("val", "default")
    found["color"] = color_words(given.get(b"color", {}))
    return found


def _fill_words(sheet: StyleSheet, fill: bytes) -> str:
    for _, pattern in parts_of(fill, sheet.prefix):
        kind = attributes_of(pattern).get("patternType", "none")
        colors = dict(parts_of(pattern, sheet.prefix))
        if kind != "solid":
            return "none" if kind == "none" else kind
        return color_words(attributes_of(colors[b"fgColor"]) if b"fgColor" in colors else {})
    return "none"


def _border_words(sheet: StyleSheet, border: bytes) -> dict[str, str]:
    given = dict(parts_of(border, sheet.prefix))
    found = {}
    for side in SIDES:
        part = given.get(side.encode()) or given.get(_STRICT_SIDES.get(side, side).encode())
        style = attributes_of(part).get("style", "none") if part else "none"
        colors = dict(parts_of(part, sheet.prefix)) if part and style != "none" else {}
        color = color_words(attributes_of(colors[b"color"])) if b"color" in colors else ""
        found[f"border {side}"] = f"{style} {color}".strip() if color != "automatic" else style
    return found


def differences(sheet: StyleSheet, pairs: Iterable[tuple[int, int]]) -> tuple[str, str]:
    """Return (before, after) in words: the aspects in which the pairs of formats differ, several values joined."""
    before: dict[str, dict[str, None]] = {}
    after: dict[str, dict[str, None]] = {}
    for old, new in pairs:
        was, becomes = words(sheet, old), words(sheet, new)
        for aspect in was:
            if was[aspect] != becomes[aspect]:
                before.setdefault(aspect, {})[was[aspect]] = None
                after.setdefault(aspect, {})[becomes[aspect]] = None
    return _joined(before), _joined(after)


def _joined(aspects: Mapping[str, Mapping[str, None]]) -> str:
    def some(values: Mapping[str, None]) -> str:
        return " / ".join([*list(values)[:4], *(["..."] if len(values) > 4 else [])])

    return "; ".join(f"{aspect}: {some(values)}" for aspect, values in aspects.items())
