"""Numbering: what a list paragraph's number reads, and new list definitions (ECMA-376 part 1, 17.9)."""

from __future__ import annotations

import copy
import hashlib
import re
from dataclasses import dataclass, field
from functools import cached_property

from copilot.documents.package import Package
from copilot.documents.word.names import (
    Element,
    add,
    child,
    children,
    descend,
    every,
    is_on,
    name,
    namespace,
    new,
    number,
    side,
    value,
)
from copilot.documents.word.numerals import formatted
from copilot.documents.word.styles import Styles, free_part, style_id

PART_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.numbering+xml"
BULLET = "\u2022"
LEVELS = 9

_EMPTY = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\r\n<w:numbering xmlns:w="{}"/>'
_INDENT = 720  # twentieths of a point for each level; the number hangs by half of it
_FORMATS = ("decimal", "lowerLetter", "lowerRoman")
_BULLETS = ("\u2022", "\u25e6", "\u25aa")


@dataclass(frozen=True, slots=True)
class Numbered:
    """A list paragraph: its depth from 0, whether it has a bullet, and what its number reads ("2.1", "(a)")."""

    level: int
    bullet: bool
    label: str
    list_id: str


@dataclass
class _List:
    """A `w:num`: its abstract definition, what it overrides, and its counters (shared between nums of one abstract)."""

    levels: dict[int, Element]
    starts: dict[int, int]
    counts: dict[int, int]
    restarted: set[int] = field(default_factory=set)


class Numbering:
    """The list definitions of a document. `label` is asked for the paragraphs in document order."""

    def __init__(self, package: Package, styles: Styles) -> None:
        self._package = package
        self._styles = styles
        self._lists: dict[str, _List | None] = {}
        self._counts: dict[str, dict[int, int]] = {}
        self._styled: dict[str | None, tuple[str, int] | None] = {}  # while labels are asked for, see `restart`

    @cached_property
    def part(self) -> str:
        """The name of the numbering part, "" if there is none."""
        found = (p for p in self._package.related(self._package.main, "numbering") if self._package.has(p))
        return next(found, "")

    @cached_property
    def _root(self) -> Element | None:
        return self._package.xml(self.part) if self.part else None

    def restart(self) -> None:
        """Count from the beginning again."""
        self._lists.clear()
        self._counts.clear()
        self._styled.clear()

    def of(self, paragraph: Element) -> tuple[str, int] | None:
        """Return `numId` and level of a list paragraph, by itself or by its style; None for others."""
        own = descend(paragraph, "w:pPr", "w:numPr")
        list_id, level = value(child(own, "w:numId")), number(child(own, "w:ilvl"))
        style = style_id(paragraph) or self._styles.default()
        if list_id is None:
            for each in self._styles.chain(style):
                properties = descend(each, "w:pPr", "w:numPr")
                if (list_id := value(child(properties, "w:numId"))) is not None:
                    level = level if level is not None else number(child(properties, "w:ilvl"))
                    level = level if level is not None else self._level_of_style(list_id, each)
                    break
        if list_id is None or list_id == "0":
            return None
        return list_id, min(max(level or 0, 0), LEVELS - 1)

    def label(self, paragraph: Element) -> Numbered | None:
        """Return a paragraph's number and count it; None when it is not in a list."""
        if self._root is None or (found := self._known(paragraph)) is None:
            return None
        list_id, level = found
        numbered = self._list(list_id)
        if numbered is None:
            return None
        self._count(numbered, level)
        definition = numbered.levels.get(level)
        form = self._format(definition)
        if form == "bullet":
            return Numbered(level, True, BULLET, list_id)
        return Numbered(level, False, self._text(numbered, level, definition), list_id)

    def _known(self, paragraph: Element) -> tuple[str, int] | None:
        """Return what `of` does; asked once for each style where a paragraph says nothing of its own."""
        properties = child(paragraph, "w:pPr")
        if properties is not None and child(properties, "w:numPr") is not None:
            return self.of(paragraph)
        style = None if properties is None else style_id(paragraph)
        if style not in self._styled:
            self._styled[style] = self.of(paragraph)
        return self._styled[style]

    def bullets(self, list_id: str) -> bool | None:
        """Return whether the first level of a list has bullets; None for an unknown list."""
        found = self._list(list_id)
        return None if found is None else self._format(found.levels.get(0)) == "bullet"

    def start_of(self, list_id: str, level: int = 0) -> int:
        """Return the number that a level of a list starts with; 1 for an unknown list."""
        found = self._list(list_id)
        return 1 if found is None else self._start(found, level)

    def _level_of_style(self, list_id: str, style: Element) -> int:
        found = self._list(list_id)
        wanted = value(style, "styleId")
        levels = found.levels.items() if found else ()
        return next((i for i, level in levels if value(child(level, "w:pStyle")) == wanted), 0)

    def _list(self, list_id: str) -> _List | None:
        if list_id not in self._lists:
            nums = children(self._root, "w:num")
            num = next((n for n in nums if value(n, "numId") == list_id), None)
            self._lists[list_id] = None if num is None else self._read(num)
        return self._lists[list_id]

    def _read(self, num: Element) -> _List | None:
        abstract_id = value(child(num, "w:abstractNumId")) or ""
        abstract = self._abstract(abstract_id)
        if abstract is None:
            return None
        levels = {number(level, "ilvl") or 0: level for level in children(abstract, "w:lvl")}
        starts = {}
        for override in children(num, "w:lvlOverride"):
            at = number(override, "ilvl") or 0
            if (replaced := child(override, "w:lvl")) is not None:
                levels[at] = replaced
            if (start := number(child(override, "w:startOverride"))) is not None:
                starts[at] = start
        return _List(levels, starts, self._counts.setdefault(abstract_id, {}))

    def _abstract(self, abstract_id: str, depth: int = 0) -> Element | None:
        found = children(self._root, "w:abstractNum")
        abstract = next((a for a in found if value(a, "abstractNumId") == abstract_id), None)
        link = value(child(abstract, "w:numStyleLink"))
        if link is None or depth > LEVELS:
            return abstract
        # A list style: its own w:num names the definition (17.9.21).
        list_id = value(descend(self._styles.get(link), "w:pPr", "w:numPr", "w:numId"))
        num = next((n for n in children(self._root, "w:num") if value(n, "numId") == list_id), None)
        linked = value(child(num, "w:abstractNumId"))
        return abstract if linked is None or linked == abstract_id else self._abstract(linked, depth + 1)

    def _count(self, numbered: _List, level: int) -> None:
        counts = numbered.counts
        if level in numbered.starts and level not in numbered.restarted:
            counts[level] = numbered.starts[level] - 1
        numbered.restarted.add(level)
        for above in range(level):
            counts.setdefault(above, self._start(numbered, above))
        counts[level] = counts.get(level, self._start(numbered, level) - 1) + 1
        for below in [b for b in counts if b > level]:
            restart = number(child(numbered.levels.get(below), "w:lvlRestart"))
            if restart is None or level < restart:
                del counts[below]

    def _start(self, numbered: _List, level: int) -> int:
        own = number(child(numbered.levels.get(level), "w:start"))
        return numbered.starts.get(level, 1 if own is None else own)

    def _format(self, level: Element | None) -> str:
        return value(_number_format(level)) or "decimal"

    def _text(self, numbered: _List, level: int, definition: Element | None) -> str:
        template = value(child(definition, "w:lvlText"))
        legal = bool(is_on(child(definition, "w:isLgl")))

        def counted(match: re.Match[str]) -> str:
            at = int(match[1]) - 1
            definition = numbered.levels.get(at)
            form = self._format(definition)
            legal_form = "decimal" if legal and form != "none" else form
            return formatted(numbered.counts.get(at, 1), legal_form, value(_number_format(definition), "format") or "")

        return re.sub(r"%([1-9])", counted, f"%{level + 1}." if template is None else template).strip()

    # New definitions

    def start_list(
        self, *, numbered: bool, like: str | None, start: int = 1, level: int = 0, form: str = "decimal"
    ) -> str:
        """Return the `numId` of a new list that starts at `start` in a level, with numbers of a format (17.18.59).

        It looks like the list `like` (a `numId` of this document) when that is given, else by a new definition.
        Bulleted lists need no counter of their own: `like` itself comes back.
        """
        if like is not None and not numbered:
            return like
        root = self._writable()
        abstract_id = None
        if like is not None:
            num = next((n for n in children(root, "w:num") if value(n, "numId") == like), None)
            abstract_id = value(child(num, "w:abstractNumId"))
        if abstract_id is None:
            abstract_id = self._define(root, numbered=numbered, form=form)
        starts = {at: start if at == level else 1 for at in range(LEVELS)} if numbered else {}
        return self._instance(root, abstract_id, starts)

    def restarted(self, list_id: str, level: int, start: int) -> str:
        """Return the `numId` of a list that looks like another one and starts anew at `level`, and below it at 1."""
        root = self._writable()
        num = next((n for n in children(root, "w:num") if value(n, "numId") == list_id), None)
        abstract_id = value(child(num, "w:abstractNumId")) or ""
        return self._instance(root, abstract_id, {level: start}, like=num)

    def _instance(self, root: Element, abstract_id: str, starts: dict[int, int], like: Element | None = None) -> str:
        """Return the `numId` of a new `w:num`; `like` is one whose other overrides it takes over (17.9.8)."""
        ids = [number(n, "numId") or 0 for n in children(root, "w:num")]
        list_id = str(max(ids, default=0) + 1)
        num = new(root, "num", numId=list_id)
        add(num, "abstractNumId", val=abstract_id)
        taken = {number(each, "ilvl") or 0: each for each in children(like, "w:lvlOverride")}
        for level in sorted({*starts, *taken}):
            override = add(num, "lvlOverride", ilvl=str(level))
            if level in starts:
                add(override, "startOverride", val=str(starts[level]))
            for each in children(taken.get(level), "w:lvl") if level in taken else ():
                override.append(copy.deepcopy(each))
        _insert(root, num, after=("w:num", "w:abstractNum", "w:numPicBullet"))
        self._package.touch(self.part)
        self.restart()
        return list_id

    def _define(self, root: Element, *, numbered: bool, form: str = "decimal") -> str:
        ids = [number(a, "abstractNumId") or 0 for a in children(root, "w:abstractNum")]
        abstract_id = str(max(ids, default=-1) + 1)
        abstract = new(root, "abstractNum", abstractNumId=abstract_id)
        seed = hashlib.sha256(f"{abstract_id} {numbered}".encode()).hexdigest()[:8].upper()
        add(abstract, "nsid", val=seed)
        add(abstract, "multiLevelType", val="hybridMultilevel")
        for at in range(LEVELS):
            level = add(abstract, "lvl", ilvl=str(at))
            add(level, "start", val="1")
            add(level, "numFmt", val=self._form(at, form) if numbered else "bullet")
            add(level, "lvlText", val=f"%{at + 1}." if numbered else _BULLETS[at % len(_BULLETS)])
            add(level, "lvlJc", val=side(level, "left"))
            indent = {side(level, "left"): str(_INDENT * (at + 1)), "hanging": str(_INDENT // 2)}
            add(add(level, "pPr"), "ind", **indent)
        _insert(root, abstract, after=("w:abstractNum", "w:numPicBullet"))
        return abstract_id

    @staticmethod
    def _form(level: int, first: str) -> str:
        return _FORMATS[level % len(_FORMATS)] if level else first

    def _writable(self) -> Element:
        if self._root is None:
            part = free_part(self._package, "word/numbering.xml")
            space = namespace(self._package.xml(self._package.main))
            self._package.add(part, _EMPTY.format(space).encode(), PART_TYPE)
            self._package.relate(self._package.main, "numbering", part)
            self.__dict__["part"] = part
            self.__dict__["_root"] = self._package.xml(part)
        assert self._root is not None
        return self._root


def _number_format(level: Element | None) -> Element | None:
    """Return a level's `w:numFmt`; a custom one stands in a choice beside its fallback ([MS-DOCX] 2.2.3)."""
    found = child(level, "w:numFmt")
    return found if found is not None or level is None else next(every(level, "numFmt"), None)


def _insert(root: Element, element: Element, *, after: tuple[str, ...]) -> None:
    """Put a definition behind the last of its kind: the schema wants all `w:abstractNum` before all `w:num`."""
    for kind in after:
        same = [each for each in root if name(each) == kind]
        if same:
            same[-1].addnext(element)
            return
    root.insert(0, element)
