"""Word's own styles as data: what a document that was not made to use them gets when it first does (17.7.4)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from lxml import etree

from copilot.documents.word.names import Element, add, name, namespace, side, value

if TYPE_CHECKING:
    from copilot.documents.word.styles import Styles

StyleKind = Literal["paragraph", "character", "table"]

_THEMED = ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme", "themeColor", "themeTint", "themeShade")
_MAJOR = (
    '<w:rFonts w:asciiTheme="majorHAnsi" w:eastAsiaTheme="majorEastAsia" w:hAnsiTheme="majorHAnsi"'
    ' w:cstheme="majorBidi"/>'
)
_TIGHT = '<w:spacing w:after="0" w:line="240" w:lineRule="auto"/>'
_MARGIN_TABS = '<w:tabs><w:tab w:val="center" w:pos="4680"/><w:tab w:val="right" w:pos="9360"/></w:tabs>'
_ACCENT = '<w:color w:val="4472C4" w:themeColor="accent1"/>'


@dataclass(frozen=True, slots=True)
class Builtin:
    """One of Word's styles: its name in the file, and its properties as children of `w:pPr` and `w:rPr`.

    `based_on` and `next` are names of styles, "" for none; "Normal" stands for the document's default paragraph style.
    `hidden`: not in the gallery before it is used (17.7.4.16, 17.7.4.20).
    """

    name: str
    kind: StyleKind
    id: str
    priority: int
    paragraph: str = ""
    run: str = ""
    based_on: str = "Normal"
    next: str = ""
    quick: bool = False
    hidden: bool = False


def _character(
    style: str, style_id: str, priority: int, run: str, *, quick: bool = False, hidden: bool = False
) -> Builtin:
    return Builtin(style, "character", style_id, priority, run=run, based_on="", quick=quick, hidden=hidden)


def _toc(level: int) -> Builtin:
    indent = f'<w:ind w:left="{220 * (level - 1)}"/>' if level > 1 else ""
    spacing = f'<w:spacing w:after="100"/>{indent}'
    return Builtin(f"toc {level}", "paragraph", f"TOC{level}", 39, spacing, next="Normal", hidden=True)


_SUPERSCRIPT = '<w:vertAlign w:val="superscript"/>'
_SMALL = '<w:sz w:val="20"/><w:szCs w:val="20"/>'
_ITALIC = "<w:i/><w:iCs/>"
_BOLD = "<w:b/><w:bCs/>"

_ALL = (
    Builtin(
        "Title", "paragraph", "Title", 10, f"{_TIGHT}<w:contextualSpacing/>",
        f'{_MAJOR}<w:spacing w:val="-10"/><w:kern w:val="28"/><w:sz w:val="56"/><w:szCs w:val="56"/>',
        next="Normal", quick=True,
    ),
    Builtin(
        "Subtitle", "paragraph", "Subtitle", 11, "",
        '<w:color w:val="5A5A5A" w:themeColor="text1" w:themeTint="A5"/><w:spacing w:val="15"/>',
        next="Normal", quick=True,
    ),
    Builtin(
        "Quote", "paragraph", "Quote", 29,
        '<w:spacing w:before="200" w:after="160"/><w:ind w:left="864" w:right="864"/><w:jc w:val="center"/>',
        f'{_ITALIC}<w:color w:val="404040" w:themeColor="text1" w:themeTint="BF"/>', next="Normal", quick=True,
    ),
    Builtin(
        "Intense Quote", "paragraph", "IntenseQuote", 30,
        '<w:pBdr><w:top w:val="single" w:sz="4" w:space="10" w:color="4472C4" w:themeColor="accent1"/>'
        '<w:bottom w:val="single" w:sz="4" w:space="10" w:color="4472C4" w:themeColor="accent1"/></w:pBdr>'
        '<w:spacing w:before="360" w:after="360"/><w:ind w:left="864" w:right="864"/><w:jc w:val="center"/>',
        f"{_ITALIC}{_ACCENT}", next="Normal", quick=True,
    ),
    Builtin(
        "caption", "paragraph", "Caption", 35, '<w:spacing w:after="200" w:line="240" w:lineRule="auto"/>',
        f'{_ITALIC}<w:color w:val="44546A" w:themeColor="text2"/><w:sz w:val="18"/><w:szCs w:val="18"/>',
        next="Normal", quick=True, hidden=True,
    ),
    Builtin(
        "List Paragraph", "paragraph", "ListParagraph", 34, '<w:ind w:left="720"/><w:contextualSpacing/>', quick=True
    ),
    Builtin("No Spacing", "paragraph", "NoSpacing", 1, _TIGHT, based_on="", quick=True),
    Builtin("Body Text", "paragraph", "BodyText", 99, '<w:spacing w:after="120"/>', hidden=True),
    Builtin("header", "paragraph", "Header", 99, f"{_MARGIN_TABS}{_TIGHT}", hidden=True),
    Builtin("footer", "paragraph", "Footer", 99, f"{_MARGIN_TABS}{_TIGHT}", hidden=True),
    Builtin("footnote text", "paragraph", "FootnoteText", 99, _TIGHT, _SMALL, hidden=True),
    Builtin("endnote text", "paragraph", "EndnoteText", 99, _TIGHT, _SMALL, hidden=True),
    Builtin(
        "annotation text", "paragraph", "CommentText", 99, '<w:spacing w:line="240" w:lineRule="auto"/>', _SMALL,
        hidden=True,
    ),
    Builtin(
        "TOC Heading", "paragraph", "TOCHeading", 39, '<w:outlineLvl w:val="9"/>', based_on="heading 1", next="Normal",
        quick=True, hidden=True,
    ),
    Builtin(
        "table of figures", "paragraph", "TableofFigures", 99, '<w:spacing w:after="0"/>', next="Normal", hidden=True
    ),
    *(_toc(level) for level in range(1, 10)),
    _character("Strong", "Strong", 22, _BOLD, quick=True),
    _character("Emphasis", "Emphasis", 20, _ITALIC, quick=True),
    _character(
        "Subtle Emphasis", "SubtleEmphasis", 19,
        f'{_ITALIC}<w:color w:val="404040" w:themeColor="text1" w:themeTint="BF"/>', quick=True,
    ),
    _character("Intense Emphasis", "IntenseEmphasis", 21, f"{_ITALIC}{_ACCENT}", quick=True),
    _character(
        "Subtle Reference", "SubtleReference", 31,
        '<w:smallCaps/><w:color w:val="5A5A5A" w:themeColor="text1" w:themeTint="A5"/>', quick=True,
    ),
    _character(
        "Intense Reference", "IntenseReference", 32, f'{_BOLD}<w:smallCaps/>{_ACCENT}<w:spacing w:val="5"/>', quick=True
    ),
    _character("Book Title", "BookTitle", 33, f'{_BOLD}{_ITALIC}<w:spacing w:val="5"/>', quick=True),
    _character(
        "Hyperlink", "Hyperlink", 99, '<w:color w:val="0563C1" w:themeColor="hyperlink"/><w:u w:val="single"/>',
        hidden=True,
    ),
    _character(
        "FollowedHyperlink", "FollowedHyperlink", 99,
        '<w:color w:val="954F72" w:themeColor="followedHyperlink"/><w:u w:val="single"/>', hidden=True,
    ),
    _character("footnote reference", "FootnoteReference", 99, _SUPERSCRIPT, hidden=True),
    _character("endnote reference", "EndnoteReference", 99, _SUPERSCRIPT, hidden=True),
    _character("annotation reference", "CommentReference", 99, '<w:sz w:val="16"/><w:szCs w:val="16"/>', hidden=True),
    _character("Placeholder Text", "PlaceholderText", 99, '<w:color w:val="808080"/>', hidden=True),
    _character("page number", "PageNumber", 99, "", hidden=True),
)  # fmt: skip

_BY_NAME: dict[tuple[str, str], Builtin] = {(each.kind, each.name.casefold()): each for each in _ALL}
#: What Word calls some of its styles in its own lists, by the name in the file.
_SPOKEN = {"comment text": "annotation text", "comment reference": "annotation reference"}


def named(wanted: str, kind: str) -> Builtin | None:
    """Return Word's own style of that name (any case) and kind, None for a name that is not one of Word's."""
    folded = wanted.strip().casefold()
    return _BY_NAME.get((kind, _SPOKEN.get(folded, folded)))


def names(kind: str) -> list[str]:
    """Return the names of Word's own styles of a kind that can be made."""
    return [each.name for each in _ALL if each.kind == kind]


def ensure(styles: Styles, wanted: str, kind: StyleKind = "paragraph") -> str:
    """Return the id of one of Word's own styles, added with Word's definition when the document lacks it."""
    if (found := styles.id_of(_SPOKEN.get(wanted.casefold(), wanted), kind)) is not None:
        return found
    style = named(wanted, kind)
    if style is None:
        raise KeyError(f"{wanted!r} is no {kind} style that Word has")
    base = _base(styles, style)
    made = styles.define(kind, style.name, style.id)
    if base:
        add(made, "basedOn", val=base)
    following = styles.default() if style.next else None
    if following:
        add(made, "next", val=following)
    add(made, "uiPriority", val=str(style.priority))
    if style.hidden:
        add(made, "unhideWhenUsed")
    if style.quick:
        add(made, "qFormat")
    for local, inner in (("pPr", style.paragraph), ("rPr", style.run)):
        if inner:
            _fill(add(made, local), inner, themed=styles.themed)
    return value(made, "styleId") or style.id


def _base(styles: Styles, style: Builtin) -> str | None:
    if style.kind == "character":
        return styles.default("character")
    if style.based_on.startswith("heading "):
        return styles.heading(int(style.based_on[-1]))
    return styles.default() if style.based_on else None


@lru_cache(maxsize=256)
def _parsed(inner: str, space: str) -> Element:
    return etree.fromstring(f'<w:x xmlns:w="{space}">{inner}</w:x>')


def _fill(properties: Element, inner: str, *, themed: bool) -> None:
    """Put properties into an element as its part spells them; what leads to a theme only when there is one."""
    space = namespace(properties)
    source = etree.fromstring(etree.tostring(_parsed(inner, space)))
    for each in source.iter():
        for key in list(each.attrib):
            local = str(key).rpartition("}")[2]
            if local in _THEMED and not themed:
                del each.attrib[key]
            elif name(each) == "w:ind" and local in ("left", "right"):
                each.set(f"{{{space}}}{side(properties, local)}", each.attrib.pop(key))
    for each in list(source):
        if name(each) != "w:rFonts" or each.attrib:
            properties.append(each)
