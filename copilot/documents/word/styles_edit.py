"""Styles (17.7): made, changed, renamed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from lxml import etree
from pydantic import Field

from copilot.documents.hunks import Hunk
from copilot.documents.word import builtin
from copilot.documents.word.build import clean
from copilot.documents.word.colors import Color, digits
from copilot.documents.word.document import Document
from copilot.documents.word.editing import Edit, editor
from copilot.documents.word.formatting import (
    Alignment,
    Border,
    Points,
    Size,
    Underline,
    said,
    set_paragraph_properties,
    set_run_properties,
)
from copilot.documents.word.names import Element, add, child, children, new, side, value
from copilot.documents.word.order import ensure, insert, put, set_child
from copilot.errors import ToolInputError

Kind = Literal["paragraph", "character", "table"]
Space = Annotated[float, Field(ge=0, le=1584)]
Lines = Annotated[float, Field(ge=0.1, le=132)]
Level = Annotated[int, Field(ge=0, le=9)]
_RUN = ("font", "size", "bold", "italic", "underline", "strike", "color", "small_caps", "all_caps")
_ILLEGAL = re.compile(r"[\\;,{}\n]")
_LENGTH = 253  # characters of a style's name in Word
_EDGES = ("top", "left", "bottom", "right", "insideH", "insideV")


@editor
def create_style(
    document: Document,
    name: str,
    kind: Kind = "paragraph",
    *,
    based_on: str = "",
    next: str = "",
    font: str | None = None,
    size: Size | None = None,
    bold: bool | None = None,
    italic: bool | None = None,
    underline: Underline | None = None,
    strike: bool | None = None,
    color: Color | None = None,
    small_caps: bool | None = None,
    all_caps: bool | None = None,
    alignment: Alignment | None = None,
    indent_left: Points | None = None,
    indent_right: Points | None = None,
    first_line: Points | None = None,
    space_before: Space | None = None,
    space_after: Space | None = None,
    line_spacing: Lines | None = None,
    keep_with_next: bool | None = None,
    keep_lines: bool | None = None,
    page_break_before: bool | None = None,
    border: Border | None = None,
    shading: Color | None = None,
    outline_level: Level | None = None,
    grid: bool | None = None,
    header_shading: Color | None = None,
) -> Edit:
    """Create a paragraph, character or table style; `based_on` and `next` (the style that follows) are names.

    Formatting is that of `format_text` and `format_paragraph`; `outline_level` 1 to 9 makes headings, `grid` and
    `header_shading` are for tables. Raises ToolInputError for a name that is taken, an unknown style, or formatting
    that the kind can't have.
    """
    given = _given(
        font=font, size=size, bold=bold, italic=italic, underline=underline, strike=strike, color=color,
        small_caps=small_caps, all_caps=all_caps, alignment=alignment, indent_left=indent_left,
        indent_right=indent_right, first_line=first_line, space_before=space_before, space_after=space_after,
        line_spacing=line_spacing, keep_with_next=keep_with_next, keep_lines=keep_lines,
        page_break_before=page_break_before, border=border, shading=shading, outline_level=outline_level,
        grid=grid, header_shading=header_shading,
    )  # fmt: skip
    _refuse_unfit(kind, given)
    title = _free_name(document, name)
    styles = document.styles
    base = styles.require(based_on, kind) if based_on else styles.default(kind)
    following = styles.require(next, "paragraph") if next else None
    style = styles.define(kind, title, "".join(c for c in title if c.isalnum() and c.isascii()) or "Style")
    style.set(f"{str(style.tag).rpartition('}')[0]}}}customStyle", "1")
    if base is not None:
        add(style, "basedOn", val=base)
    if following is not None:
        add(style, "next", val=following)
    add(style, "qFormat")
    _apply(style, given)
    about = [f"{kind} style", *([f"based on {styles.name(base)}"] if base else []), *([said(given)] if given else [])]
    return Edit.of([Hunk(f"style {title}", "", ", ".join(about), "format")])


@editor
def modify_style(
    document: Document,
    name: str,
    kind: Kind = "paragraph",
    *,
    based_on: str | None = None,
    next: str | None = None,
    font: str | None = None,
    size: Size | None = None,
    bold: bool | None = None,
    italic: bool | None = None,
    underline: Underline | None = None,
    strike: bool | None = None,
    color: Color | None = None,
    small_caps: bool | None = None,
    all_caps: bool | None = None,
    alignment: Alignment | None = None,
    indent_left: Points | None = None,
    indent_right: Points | None = None,
    first_line: Points | None = None,
    space_before: Space | None = None,
    space_after: Space | None = None,
    line_spacing: Lines | None = None,
    keep_with_next: bool | None = None,
    keep_lines: bool | None = None,
    page_break_before: bool | None = None,
    border: Border | None = None,
    shading: Color | None = None,
    outline_level: Level | None = None,
    grid: bool | None = None,
    header_shading: Color | None = None,
) -> Edit:
    """Change a style and so all that is in it; what is not given stays. The fields are those of `create_style`.

    Raises ToolInputError for an unknown style, a circle of styles, or when it is so already.
    """
    given = _given(
        font=font, size=size, bold=bold, italic=italic, underline=underline, strike=strike, color=color,
        small_caps=small_caps, all_caps=all_caps, alignment=alignment, indent_left=indent_left,
        indent_right=indent_right, first_line=first_line, space_before=space_before, space_after=space_after,
        line_spacing=line_spacing, keep_with_next=keep_with_next, keep_lines=keep_lines,
        page_break_before=page_break_before, border=border, shading=shading, outline_level=outline_level,
        grid=grid, header_shading=header_shading,
    )  # fmt: skip
    _refuse_unfit(kind, given)
    styles = document.styles
    key = styles.require(name, kind)
    style = _required(document, key)
    before = etree.tostring(style)
    if based_on is not None:
        _base(document, style, key, styles.require(based_on, kind))
    if next is not None:
        set_child(style, "next", val=styles.require(next, "paragraph"))
    _apply(style, given)
    if etree.tostring(style) == before:
        raise ToolInputError(f"The style {styles.name(key)!r} is so already: nothing would change.", code="unchanged")
    _follow(document, style, given)
    styles.changed()
    changes = [*([f"based on {based_on}"] if based_on else []), *([f"next {next}"] if next else []), said(given)]
    return Edit.of([Hunk(f"style {styles.name(key)}", "", ", ".join(each for each in changes if each), "format")])


@editor
def rename_style(document: Document, name: str, new_name: str, kind: Kind = "paragraph") -> Edit:
    """Give a style another name; what is in it stays so. Raises ToolInputError for Word's own styles."""
    styles = document.styles
    key = styles.id_of(name, kind)
    if key is None:
        raise ToolInputError.unknown(f"{kind} style", name, styles.names(kind))
    style = _required(document, key)
    old = value(child(style, "w:name")) or ""
    own = value(style, "customStyle") not in ("1", "true", "on")
    if own and (builtin.named(old, kind) or re.match(r"heading [1-9]\Z|Normal", old, re.IGNORECASE)):
        hint = "Create a style that is based on it."
        raise ToolInputError(f"{old!r} is one of Word's own styles, whose names are fixed.", hint=hint, code="builtin")
    title = _free_name(document, new_name)
    set_child(style, "name", val=title)
    styles.changed()
    return Edit.of([Hunk(f"style {old}", old, title, "format")])


def _given(**settings: Any) -> dict[str, Any]:
    return {key: setting for key, setting in settings.items() if setting is not None}


def _refuse_unfit(kind: Kind, given: Mapping[str, Any]) -> None:
    for_tables = [key for key in given if key in ("grid", "header_shading")]
    for_paragraphs = [key for key in given if key not in _RUN and key not in for_tables]
    unfit = for_paragraphs if kind == "character" else []
    unfit += for_tables if kind != "table" else []
    if kind == "table" and "outline_level" in given:
        unfit.append("outline_level")
    if unfit:
        raise ToolInputError(f"A {kind} style can't have {', '.join(dict.fromkeys(unfit))}.", code="arguments")


def _free_name(document: Document, name: str) -> str:
    title = " ".join(clean(name, "name").split())
    if not title or _ILLEGAL.search(title) or len(title) > _LENGTH:
        hint = f"It has 1 to {_LENGTH} characters, none of them a comma, semicolon, backslash or curly bracket."
        raise ToolInputError(f"{name!r} can't be the name of a style.", hint=hint, code="name")
    for kind in ("paragraph", "character", "table", "numbering"):
        if document.styles.id_of(title, kind) is not None or builtin.named(title, kind):
            hint = "Change it with modify_style."
            raise ToolInputError(f"There is a {kind} style {title!r} already.", hint=hint, code="name")
    return title


def _required(document: Document, key: str) -> Element:
    style = document.styles.get(key)
    if style is None:  # `require` has just found it
        raise ToolInputError.unknown("style", key, [])
    return style


def _base(document: Document, style: Element, key: str, base: str) -> None:
    if any(value(each, "styleId") == key for each in document.styles.chain(base)):
        names = document.styles.name(key), document.styles.name(base)
        raise ToolInputError(f"{names[1]!r} is based on {names[0]!r}, so it can't be the other way.", code="circle")
    set_child(style, "basedOn", val=base)


def _apply(style: Element, given: Mapping[str, Any]) -> None:
    """Write formatting into a style's properties, each at its place by the schema (17.7.4.17)."""
    run = {key: setting for key, setting in given.items() if key in _RUN}
    others = ("outline_level", "grid", "header_shading")
    paragraph = {key: setting for key, setting in given.items() if key not in _RUN and key not in others}
    if paragraph:
        set_paragraph_properties(ensure(style, "pPr"), paragraph)
    if "outline_level" in given:
        level = given["outline_level"]
        set_child(ensure(style, "pPr"), "outlineLvl", val=str(level - 1 if level else 9))
    if run:
        set_run_properties(ensure(style, "rPr"), run)
    if "grid" in given:
        _grid(ensure(style, "tblPr"), given["grid"])
    if "header_shading" in given:
        _header(style, given["header_shading"])


def _grid(properties: Element, on: bool) -> None:
    borders = new(properties, "tblBorders")
    line = {"val": "single", "sz": "4", "space": "0", "color": "auto"} if on else {"val": "none"}
    for edge in _EDGES:
        insert(borders, new(borders, side(borders, edge), **line))
    put(properties, borders)


def _header(style: Element, fill: str) -> None:
    """Let the first row of tables stand out (17.7.6.6)."""
    found = [part for part in children(style, "w:tblStylePr") if value(part, "type") == "firstRow"]
    part = found[0] if found else add(style, "tblStylePr", type="firstRow")
    set_child(ensure(part, "rPr"), "b")
    set_child(ensure(part, "tcPr"), "shd", val="clear", color="auto", fill=digits(fill))


def _follow(document: Document, style: Element, given: Mapping[str, Any]) -> None:
    """Give the character style that is linked to a paragraph style the same text (17.7.4.6)."""
    linked = document.styles.get(value(child(style, "w:link")))
    run = {key: setting for key, setting in given.items() if key in _RUN}
    if linked is not None and run:
        set_run_properties(ensure(linked, "rPr"), run)


#: The operations of this module.
OPERATIONS = (create_style, modify_style, rename_style)
