"""Styles by the name that a person knows, heading levels, and the formatting that makes text invisible."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from copilot.documents.package import Package
from copilot.documents.word import builtin
from copilot.documents.word.names import Element, add, child, children, descend, is_on, name, number, side, value
from copilot.errors import ToolInputError

PART_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.styles+xml"
MAX_LEVEL = 9

_HEADING = re.compile(r"heading ([1-9])\Z", re.IGNORECASE)
_EMPTY = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\r\n<w:styles xmlns:w="{}"/>'
#: Half points of the headings that we add, by level.
_SIZES = {1: 32, 2: 28, 3: 26, 4: 24, 5: 22, 6: 22, 7: 22, 8: 22, 9: 22}


@dataclass(frozen=True, slots=True)
class Look:
    """What can make text invisible; None where nothing is said."""

    vanish: bool | None = None
    color: str | None = None
    size: int | None = None  # half points
    fill: str | None = None
    clear: bool | None = None  # filled with nothing (w14:textFill)

    def over(self, base: Look) -> Look:
        """Return this look where it says something, else the base's."""
        return Look(
            base.vanish if self.vanish is None else self.vanish,
            self.color or base.color,
            base.size if self.size is None else self.size,
            self.fill or base.fill,
            base.clear if self.clear is None else self.clear,
        )


class Styles:
    """The styles of a document. Nothing is written before `heading` or `ensure` is asked for a missing one."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._looks: dict[str, Look] = {}

    @cached_property
    def part(self) -> str:
        """The name of the styles part, "" if there is none."""
        found = (p for p in self._package.related(self._package.main, "styles") if self._package.has(p))
        return next(found, "")

    @cached_property
    def _by_id(self) -> dict[str, Element]:
        if not self.part:
            return {}
        styles = children(self._package.xml(self.part), "w:style")
        return {value(style, "styleId") or "": style for style in styles}

    def get(self, style_id: str | None) -> Element | None:
        """Return the style element of an id."""
        return self._by_id.get(style_id or "")

    def name(self, style_id: str | None) -> str:
        """Return the name that Word shows for a style id; the id itself when it is not defined."""
        style = self.get(style_id)
        return shown(value(child(style, "w:name")) or style_id or "") if style is not None else (style_id or "")

    def chain(self, style_id: str | None) -> Iterator[Element]:
        """Yield the style and those that it is based on."""
        seen: set[str] = set()
        while style_id and style_id not in seen and (style := self.get(style_id)) is not None:
            seen.add(style_id)
            yield style
            style_id = value(child(style, "w:basedOn"))

    def default(self, kind: str = "paragraph") -> str | None:
        """Return the id of the default style of a kind."""
        for style_id, style in self._by_id.items():
            if value(style, "type") == kind and value(style, "default") in ("1", "true", "on"):
                return style_id
        return None

    def names(self, *kinds: str) -> list[str]:
        """Return the names of the styles of these kinds ("paragraph", "table", "character"), sorted."""
        return sorted({self.name(i) for i, s in self._by_id.items() if value(s, "type") in kinds and i}, key=str.lower)

    def id_of(self, wanted: str, kind: str) -> str | None:
        """Return the id of the style with that name (any case), alias or id."""
        folded = wanted.strip().casefold()
        alias = None
        for style_id, style in self._by_id.items():
            if value(style, "type") != kind:
                continue
            if folded in (self.name(style_id).casefold(), (value(child(style, "w:name")) or "").casefold()):
                return style_id
            aliases = (value(child(style, "w:aliases")) or "").casefold().split(",")
            if folded == style_id.casefold() or folded in aliases:
                alias = alias or style_id
        return alias

    def require(self, wanted: str, kind: str) -> str:
        """Return the id of a style, adding it if it is one of Word's own; raises ToolInputError for unknown ones."""
        if (found := self.id_of(wanted, kind)) is not None:
            return found
        if (own := builtin.named(wanted, kind)) is not None:
            return builtin.ensure(self, own.name, own.kind)
        if kind == "paragraph" and (level := _HEADING.match(wanted.strip())):
            return self.heading(int(level[1]))
        known = self.names(kind)
        own_names = [each for each in builtin.names(kind) if each.casefold() not in {k.casefold() for k in known}]
        raise ToolInputError.unknown(f"{kind} style", wanted, [*known, *own_names])

    # Headings

    def level(self, paragraph: Element) -> int:
        """Return a paragraph's heading level from 1 to 9, 0 for body text."""
        own = number(descend(paragraph, "w:pPr", "w:outlineLvl"))
        if own is not None:
            return own + 1 if 0 <= own < MAX_LEVEL else 0
        return self._style_level(style_id(paragraph))

    def _style_level(self, style: str | None) -> int:
        for each in self.chain(style):
            level = number(descend(each, "w:pPr", "w:outlineLvl"))
            if level is not None:
                return level + 1 if 0 <= level < MAX_LEVEL else 0
            named = _HEADING.match(value(child(each, "w:name")) or "")
            if named:
                return int(named[1])
        # A style that is used without being defined goes by its built-in id.
        undefined = re.fullmatch(r"Heading([1-9])", style or "") if self.get(style) is None else None
        return int(undefined[1]) if undefined else 0

    def is_title(self, paragraph: Element) -> bool:
        """Return whether the paragraph has the style Title, or one that is based on it."""
        style = style_id(paragraph)
        names = [value(child(each, "w:name")) or "" for each in self.chain(style)] or [style or ""]
        return any(each.casefold() == "title" for each in names)

    def heading(self, level: int) -> str:
        """Return the id of the style of headings at `level` (1 to 9), added when the document has none."""
        if (found := self.id_of(f"heading {level}", "paragraph")) is not None:
            return found
        root = self._root()
        style_id_ = self._free_id(f"Heading{level}")
        style = add(root, "style", type="paragraph", styleId=style_id_)
        add(style, "name", val=f"heading {level}")
        normal = self.default()
        if normal:
            add(style, "basedOn", val=normal)
            add(style, "next", val=normal)
        add(style, "uiPriority", val="9")
        add(style, "qFormat")
        paragraph = add(style, "pPr")
        add(paragraph, "keepNext")
        add(paragraph, "keepLines")
        add(paragraph, "spacing", before="360" if level == 1 else "240", after="80")
        add(paragraph, "outlineLvl", val=str(level - 1))
        run = add(style, "rPr")
        add(run, "b")
        add(run, "sz", val=str(_SIZES[level]))
        return self._added(style_id_, style)

    def table_grid(self) -> str:
        """Return the id of the style "Table Grid" (thin lines around all cells), added when it is missing."""
        if (found := self.id_of("Table Grid", "table")) is not None:
            return found
        root = self._root()
        style_id_ = self._free_id("TableGrid")
        style = add(root, "style", type="table", styleId=style_id_)
        add(style, "name", val="Table Grid")
        if (base := self.default("table")) is not None:
            add(style, "basedOn", val=base)
        add(style, "uiPriority", val="39")
        borders = add(add(style, "tblPr"), "tblBorders")
        for edge in ("top", "left", "bottom", "right", "insideH", "insideV"):
            add(borders, side(borders, edge), val="single", sz="4", space="0", color="auto")
        return self._added(style_id_, style)

    def define(self, kind: str, style_name: str, wanted: str) -> Element:
        """Return a new style with that name and nothing else, under the id `wanted` or one like it."""
        style_id_ = self._free_id(wanted)
        style = add(self._root(), "style", type=kind, styleId=style_id_)
        add(style, "name", val=style_name)
        self._added(style_id_, style)
        return style

    def changed(self) -> None:
        """Note that an edit has changed styles that were there."""
        self._looks.clear()
        self._package.touch(self.part)

    @property
    def themed(self) -> bool:
        """Whether the document has a theme, which styles take fonts and colours from."""
        return any(self._package.has(part) for part in self._package.related(self._package.main, "theme"))

    def _root(self) -> Element:
        if not self.part:
            part = free_part(self._package, "word/styles.xml")
            main = self._package.xml(self._package.main)
            space = main.tag.rpartition("}")[0][1:] if isinstance(main.tag, str) else ""
            self._package.add(part, _EMPTY.format(space).encode(), PART_TYPE)
            self._package.relate(self._package.main, "styles", part)
            self.__dict__["part"] = part
            self.__dict__.pop("_by_id", None)
        return self._package.xml(self.part)

    def _free_id(self, wanted: str) -> str:
        return next(i for i in (wanted, *(f"{wanted}{n}" for n in range(2, 10_000))) if i not in self._by_id)

    def _added(self, style_id_: str, style: Element) -> str:
        self._by_id[style_id_] = style
        self._package.touch(self.part)
        return style_id_

    # Looks

    def look(self, style: str | None) -> Look:
        """Return what a style and its bases say about visibility."""
        if style is None:
            return Look()
        if style not in self._looks:
            found = Look()
            for each in self.chain(style):
                fill = value(descend(each, "w:pPr", "w:shd"), "fill")
                found = found.over(run_look(child(each, "w:rPr"))).over(Look(fill=fill))
            self._looks[style] = found
        return self._looks[style]

    @cached_property
    def defaults(self) -> Look:
        """What the document defaults (`w:docDefaults`) say about visibility."""
        root = self._package.xml(self.part) if self.part else None
        return run_look(descend(root, "w:docDefaults", "w:rPrDefault", "w:rPr"))


def style_id(paragraph: Element) -> str | None:
    """Return the id of a paragraph's style, None for the default one."""
    return value(descend(paragraph, "w:pPr", "w:pStyle"))


def run_look(properties: Element | None) -> Look:
    """Return what a `w:rPr` says about visibility."""
    if properties is None or not len(properties):
        return Look()
    found: dict[str, Element] = {name(each): each for each in properties}
    color = found.get("w:color")
    theme = value(color, "themeColor")
    mixed = value(color, "themeShade") or value(color, "themeTint")
    # Mixed theme colours are written out beside their name; a plain one is what the theme says (17.3.2.6).
    painted = f"@{theme}" if theme and not mixed else value(color)
    clear = next((True for each in properties if name(each) == "w14:textFill" and _is_clear(each)), None)
    fill = value(found.get("w:shd"), "fill") or value(found.get("w:highlight"))
    return Look(is_on(found.get("w:vanish")), painted, number(found.get("w:sz")), fill, clear)


def _is_clear(fill: Element) -> bool:
    """Return whether a text is filled with nothing, or with something wholly transparent ([MS-DOCX] 2.6.1.7)."""
    kinds = {str(each.tag).rpartition("}")[2]: each for each in fill.iter() if isinstance(each.tag, str)}
    alpha = next((str(said) for said in kinds["alpha"].attrib.values()), "") if "alpha" in kinds else ""
    return "noFill" in kinds or (alpha.isdigit() and int(alpha) >= 98_000)


def shown(style_name: str) -> str:
    """Return the name as Word's own list shows it: "Heading 1" for "heading 1"."""
    return style_name[:1].upper() + style_name[1:] if _HEADING.match(style_name) else style_name


def free_part(package: Package, wanted: str) -> str:
    """Return the part name, or the first free one with a number in it."""
    stem, _, suffix = wanted.rpartition(".")
    return package.unused_name(f"{stem}{{}}.{suffix}") if package.has(wanted) else wanted
