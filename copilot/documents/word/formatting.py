"""Direct formatting of text (17.3.2) and of paragraphs (17.3.1): set, and cleared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from lxml import etree
from pydantic import Field

from copilot.documents.hunks import Hunk
from copilot.documents.word import runs, text
from copilot.documents.word.blocks import Block, twin
from copilot.documents.word.colors import Color, digits
from copilot.documents.word.document import Document, shortened
from copilot.documents.word.editing import Edit, editor
from copilot.documents.word.names import Element, child, name, new, side
from copilot.documents.word.order import ensure, insert, put, set_child
from copilot.documents.word.search import Place, Search, lines, not_found, wanted
from copilot.errors import ToolInputError

Points = Annotated[float, Field(ge=-1584, le=1584)]
Size = Annotated[float, Field(ge=1, le=1638)]
Underline = Literal["single", "double", "thick", "dotted", "dash", "wave", "words", "none"] | bool
Alignment = Literal["left", "center", "right", "justify"]
Script = Literal["superscript", "subscript", "baseline"]
Border = Literal["box", "top", "bottom", "left", "right", "none"]
Highlight = Literal[
    "yellow", "green", "cyan", "magenta", "blue", "red", "darkBlue", "darkCyan", "darkGreen", "darkMagenta", "darkRed",
    "darkYellow", "darkGray", "lightGray", "black", "white", "none",
]  # fmt: skip

#: Elements of the on/off properties by parameter; some have a second one for complex scripts (17.3.2.2).
_SWITCHES = {
    "bold": ("b", "bCs"),
    "italic": ("i", "iCs"),
    "strike": ("strike",),
    "small_caps": ("smallCaps",),
    "all_caps": ("caps",),
    "hidden": ("vanish",),
}
_PARAGRAPH_SWITCHES = {
    "keep_with_next": "keepNext",
    "keep_lines": "keepLines",
    "page_break_before": "pageBreakBefore",
}
_FACES = ("ascii", "hAnsi", "cs")
#: What `clear_formatting` leaves: styles, language, what is hidden, and what is no formatting at all.
_TEXT_KEPT = frozenset(
    {
        "w:rStyle", "w:lang", "w:noProof", "w:vanish", "w:webHidden", "w:specVanish", "w:rtl", "w:cs", "w:oMath",
        "w:ins", "w:del", "w:moveFrom", "w:moveTo", "w:rPrChange",
    }
)  # fmt: skip
_PARAGRAPH_CLEARED = frozenset(
    {
        "w:keepNext", "w:keepLines", "w:pageBreakBefore", "w:widowControl", "w:pBdr", "w:shd", "w:tabs", "w:spacing",
        "w:ind", "w:contextualSpacing", "w:mirrorIndents", "w:jc", "w:textAlignment", "w:suppressAutoHyphens",
    }
)  # fmt: skip

Setter = Callable[[Element], None]
#: Formatting that is given in points.
_IN_POINTS = frozenset({"size", "indent_left", "indent_right", "first_line", "space_before", "space_after"})


@editor
def format_text(
    document: Document,
    addresses: list[str] | None = None,
    *,
    find: str = "",
    within: list[str] | None = None,
    match_case: bool = True,
    whole_word: bool = False,
    regex: bool = False,
    bold: bool | None = None,
    italic: bool | None = None,
    underline: Underline | None = None,
    strike: bool | None = None,
    small_caps: bool | None = None,
    all_caps: bool | None = None,
    hidden: bool | None = None,
    color: Color | None = None,
    highlight: Highlight | None = None,
    size: Size | None = None,
    font: str | None = None,
    script: Script | None = None,
    style: str | None = None,
) -> Edit:
    """Format whole paragraphs at `addresses`, or every place where `find` stands; what is not given stays.

    `size` is in points, `color` "#FF0000", "dark red" or "auto", `style` the name of a character style; `within` and
    the search options are those of `replace_text`. Raises ToolInputError when the text is not there or looks so
    already.
    """
    given: dict[str, Any] = {
        "bold": bold, "italic": italic, "strike": strike, "small_caps": small_caps, "all_caps": all_caps,
        "hidden": hidden, "underline": underline, "color": color, "highlight": highlight, "size": size, "font": font,
        "script": script, "style": document.styles.require(style, "character") if style else None,
    }  # fmt: skip
    given = {key: setting for key, setting in given.items() if setting is not None}
    if not given:
        raise ToolInputError("No formatting is given, such as bold=true.", code="arguments")
    if bool(addresses) == bool(find):
        raise ToolInputError("Give either addresses (whole paragraphs) or find (words).", code="arguments")
    if addresses:
        return _format_whole(document, _paragraphs(document, addresses), lambda run: _set_text(run, given), given)
    search = Search(wanted(find, "find"), match_case, whole_word, regex)
    return _format_places(document, search, within or [], given)


def _format_places(document: Document, search: Search, within: Sequence[str], given: Mapping[str, Any]) -> Edit:
    hunks = []
    found = False
    for block, line in list(lines(document, within=within)):
        places = search.places(line.text)
        if not places or (block.story.kind == "comment" and not within):
            continue
        found = True
        changed = _format_line(document, block, block.element, places, given)
        copied = twin(block.element)
        if changed and copied is not None:
            other = text.line(copied, document.fields(block.story.part)).text
            _format_line(document, block, copied, search.places(other), given)
        if changed:
            words = ", ".join(dict.fromkeys(line.text[p.start : p.end] for p in places))
            hunks.append(Hunk(block.where, shortened(words), f"{shortened(words)} [{said(given)}]", "format"))
            document.touch(block.story)
    if not found:
        raise not_found(document, search.find, regex=search.regex)
    return _edit(hunks)


def _format_line(
    document: Document, block: Block, element: Element, places: Sequence[Place], given: Mapping[str, Any]
) -> bool:
    changed = False
    for place in reversed(places):
        found = runs.stretch(element, document.fresh_fields(block.story.part), place.start, place.end, block.where)
        changed |= _any_altered(found, lambda run: _set_text(run, given))
    return changed


@editor
def format_paragraph(
    document: Document,
    addresses: Annotated[list[str], Field(min_length=1)],
    *,
    alignment: Alignment | None = None,
    indent_left: Points | None = None,
    indent_right: Points | None = None,
    first_line: Points | None = None,
    space_before: Annotated[float, Field(ge=0, le=1584)] | None = None,
    space_after: Annotated[float, Field(ge=0, le=1584)] | None = None,
    line_spacing: Annotated[float, Field(ge=0.1, le=132)] | None = None,
    keep_with_next: bool | None = None,
    keep_lines: bool | None = None,
    page_break_before: bool | None = None,
    border: Border | None = None,
    shading: Color | None = None,
) -> Edit:
    """Set how whole paragraphs stand: alignment, indents, spacing, page breaks, border, shading.

    Lengths are in points (a negative `first_line` hangs), `line_spacing` in lines, `shading` "#FFFF00", "yellow" or
    "none". What is not given stays. Raises ToolInputError for a stale address or when they stand so already.
    """
    given: dict[str, Any] = {
        "alignment": alignment, "indent_left": indent_left, "indent_right": indent_right, "first_line": first_line,
        "space_before": space_before, "space_after": space_after, "line_spacing": line_spacing,
        "keep_with_next": keep_with_next, "keep_lines": keep_lines, "page_break_before": page_break_before,
        "border": border, "shading": shading,
    }  # fmt: skip
    given = {key: setting for key, setting in given.items() if setting is not None}
    if not given:
        raise ToolInputError('No formatting is given, such as alignment="center".', code="arguments")
    hunks = []
    for block in _paragraphs(document, addresses):
        copied = twin(block.element)
        changed = _altered(block.element, lambda paragraph: _set_paragraph(paragraph, given))
        if changed and copied is not None:
            _set_paragraph(copied, given)
        if changed:
            hunks.append(_hunk(document, block, said(given)))
            document.touch(block.story)
    return _edit(hunks)


@editor
def clear_formatting(document: Document, addresses: Annotated[list[str], Field(min_length=1)]) -> Edit:
    """Take the direct formatting of text and paragraphs away; styles, lists and language stay.

    Raises ToolInputError for a stale address or when there is none.
    """

    def clear(element: Element) -> None:
        properties = child(element, "w:rPr")
        _drop(properties, lambda kind: kind not in _TEXT_KEPT)
        if properties is not None and not len(properties):
            element.remove(properties)
        _drop(child(element, "w:pPr"), lambda kind: kind in _PARAGRAPH_CLEARED)

    return _format_whole(document, _paragraphs(document, addresses), clear, {"direct formatting": False})


def _drop(properties: Element | None, goes: Callable[[str], bool]) -> None:
    for each in [e for e in properties if goes(name(e))] if properties is not None else ():
        properties.remove(each)  # type: ignore[union-attr]


# Whole paragraphs


def _format_whole(document: Document, blocks: Sequence[Block], change: Setter, given: Mapping[str, Any]) -> Edit:
    hunks = []
    for block in blocks:
        changed = False
        for element in (block.element, twin(block.element)):
            if element is not None:
                changed |= _any_altered(_parts(document, block, element), change)
        if changed:
            hunks.append(_hunk(document, block, said(given)))
            document.touch(block.story)
    return _edit(hunks)


def _parts(document: Document, block: Block, element: Element) -> Iterator[Element]:
    """Yield the paragraph, whose properties hold those of its mark, and its runs that are shown as text."""
    yield element
    pieces = text.line(element, document.fresh_fields(block.story.part)).pieces
    yield from dict.fromkeys(piece.run for piece in pieces if piece.run is not None and piece.kind != "fixed")


def _paragraphs(document: Document, addresses: Sequence[str]) -> list[Block]:
    """Return the paragraphs at these addresses, those inside of tables, rows and cells included."""
    paths = {block.path for block in document.places(addresses)}
    inside = [b for b in document.blocks if b.kind == "paragraph"]
    return [b for b in inside if b.path in paths or _is_held(b.path, paths)]


def _is_held(path: str, paths: set[str]) -> bool:
    """Whether a paragraph lies in one of these tables, rows or cells; a text box is no part of its paragraph here."""
    return any(path.startswith(f"{each}.") and not path[len(each) :].startswith(".x") for each in paths)


def _hunk(document: Document, block: Block, said: str) -> Hunk:
    words = shortened(document.text(block))
    return Hunk(block.where, words, f"{words} [{said}]", "format")


def said(given: Mapping[str, Any]) -> str:
    """Return formatting in words: "bold, size 12 pt, no italic"."""
    return ", ".join(_said_one(key, setting) for key, setting in given.items())


def _said_one(key: str, setting: Any) -> str:
    words = key.replace("_", " ")
    if isinstance(setting, bool):
        return words if setting else f"no {words}"
    if isinstance(setting, int | float):
        return f"{words} {setting:g}{' pt' if key in _IN_POINTS else ''}"
    return f"{words} {setting}"


def _edit(hunks: Sequence[Hunk]) -> Edit:
    if not hunks:
        raise ToolInputError("It looks so already: nothing would change.", code="unchanged")
    return Edit.of(hunks)


def _any_altered(elements: Iterable[Element], change: Setter) -> bool:
    return sum(_altered(element, change) for element in elements) > 0


def _altered(element: Element, change: Setter) -> bool:
    before = etree.tostring(element)
    change(element)
    return etree.tostring(element) != before


# Setting


def _set_text(element: Element, given: Mapping[str, Any]) -> None:
    """Set the properties of a run, or of the mark of a paragraph (17.3.1.29)."""
    holder = element if name(element) == "w:r" else ensure(element, "pPr")
    set_run_properties(ensure(holder, "rPr"), given)


def set_run_properties(properties: Element, given: Mapping[str, Any]) -> None:
    """Set properties of text in a `w:rPr`, by the names of the parameters of `format_text`."""
    for key, setting in given.items():
        if key in _SWITCHES:
            for local in _SWITCHES[key]:
                _switch(properties, local, setting)
        else:
            _TEXT[key](properties, setting)


def _switch(properties: Element, local: str, on: bool) -> None:
    set_child(properties, local, **({} if on else {"val": "0"}))


def _set_size(properties: Element, points: float) -> None:
    for local in ("sz", "szCs"):
        set_child(properties, local, val=str(round(points * 2)))


def _set_font(properties: Element, font: str) -> None:
    fonts = ensure(properties, "rFonts")
    for key in [k for k in fonts.attrib if str(k).rpartition("}")[2].removesuffix("Theme") in (*_FACES, "asciiTheme")]:
        del fonts.attrib[key]
    space = str(fonts.tag).rpartition("}")[0][1:]
    for face in _FACES:
        fonts.set(f"{{{space}}}{face}", font)


def _underline(properties: Element, line: str | bool) -> None:
    set_child(properties, "u", val={True: "single", False: "none"}[line] if isinstance(line, bool) else line)


_TEXT: dict[str, Callable[[Element, Any], object]] = {
    "underline": _underline,
    "color": lambda p, color: set_child(p, "color", val=digits(color)),
    "highlight": lambda p, color: set_child(p, "highlight", val=color),
    "size": _set_size,
    "font": _set_font,
    "script": lambda p, where: set_child(p, "vertAlign", val=where),
    "style": lambda p, style: set_child(p, "rStyle", val=style),
}


def _set_paragraph(paragraph: Element, given: Mapping[str, Any]) -> None:
    set_paragraph_properties(ensure(paragraph, "pPr"), given)


def set_paragraph_properties(properties: Element, given: Mapping[str, Any]) -> None:
    """Set properties in a `w:pPr`, by the names of the parameters of `format_paragraph`."""
    for key, setting in given.items():
        if key in _PARAGRAPH_SWITCHES:
            _switch(properties, _PARAGRAPH_SWITCHES[key], setting)
        else:
            _PARAGRAPH[key](properties, setting)


def _align(properties: Element, alignment: str) -> None:
    set_child(properties, "jc", val="both" if alignment == "justify" else side(properties, alignment))


def _set(properties: Element, local: str, drop: Sequence[str] = (), **attributes: str) -> None:
    """Set attributes of a property and leave its other ones, but for those in `drop`."""
    element = ensure(properties, local)
    space = str(element.tag).rpartition("}")[0][1:]
    for key in drop:
        if f"{{{space}}}{key}" in element.attrib:
            del element.attrib[f"{{{space}}}{key}"]
    for key, given in attributes.items():
        element.set(f"{{{space}}}{key}", given)


def _indent(properties: Element, given: str, points: float) -> None:
    key = side(properties, given)
    _set(properties, "ind", (f"{key}Chars", f"{given}Chars"), **{key: _twips(points)})


def _first_line(properties: Element, points: float) -> None:
    drop = ("firstLine", "hanging", "firstLineChars", "hangingChars")
    _set(properties, "ind", drop, **{"hanging" if points < 0 else "firstLine": _twips(abs(points))})


def _border(properties: Element, which: str) -> None:
    borders = new(properties, "pBdr")
    for edge in ("top", "left", "bottom", "right") if which == "box" else (which,) if which != "none" else ():
        insert(borders, new(borders, edge, val="single", sz="4", space="1", color="auto"))
    if len(borders):
        put(properties, borders)
    elif (old := child(properties, "w:pBdr")) is not None:
        properties.remove(old)


def _shade(properties: Element, fill: str) -> None:
    set_child(properties, "shd", val="clear", color="auto", fill=digits(fill))


def _twips(points: float) -> str:
    return str(round(points * 20))


_PARAGRAPH: dict[str, Callable[[Element, Any], None]] = {
    "alignment": _align,
    "indent_left": lambda p, points: _indent(p, "left", points),
    "indent_right": lambda p, points: _indent(p, "right", points),
    "first_line": _first_line,
    "space_before": lambda p, v: _set(p, "spacing", ("beforeLines", "beforeAutospacing"), before=_twips(v)),
    "space_after": lambda p, v: _set(p, "spacing", ("afterLines", "afterAutospacing"), after=_twips(v)),
    "line_spacing": lambda p, lines_: _set(p, "spacing", line=str(round(lines_ * 240)), lineRule="auto"),
    "border": _border,
    "shading": _shade,
}

#: The operations of this module.
OPERATIONS = (format_text, format_paragraph, clear_formatting)
