"""Headers, footers and page numbers (ECMA-376 part 1, 17.10 and 17.6.12)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from copilot.documents.hunks import Hunk
from copilot.documents.word import build, fieldtext, order, text
from copilot.documents.word.blocks import block_elements, cell_text
from copilot.documents.word.document import Document
from copilot.documents.word.drawings import release
from copilot.documents.word.editing import Edit, Words, editor
from copilot.documents.word.margin_parts import Kind, MarginParts, Side
from copilot.documents.word.names import Element, child, children, descend, descendants, name, new, value
from copilot.documents.word.sections import Section, SectionRef, section_at, text_size
from copilot.documents.word.styles import style_id
from copilot.documents.word.tables.looks import align_paragraph
from copilot.errors import ToolInputError

Align = Literal["left", "center", "right"]
NumberFormat = Literal["arabic", "roman", "upper_roman", "letter", "upper_letter"]

_FORMATS = {
    "arabic": "decimal",
    "roman": "lowerRoman",
    "upper_roman": "upperRoman",
    "letter": "lowerLetter",
    "upper_letter": "upperLetter",
}
_PAGES: dict[Kind, str] = {"default": "", "first": "first-page ", "even": "even-page "}


@editor
def set_header(
    document: Document,
    text: Words,
    *,
    section: SectionRef | None = None,
    kind: Kind = "default",
    align: Align | None = None,
    append: bool = False,
) -> Edit:
    """Set the header of all sections, or of one (number, heading or address in it); `append` adds to what is there.

    Lines become paragraphs, a tab goes to the middle and then to the right; {PAGE}, {NUMPAGES}, {SECTION},
    {SECTIONPAGES}, {DATE}, {TIME}, {FILENAME}, {TITLE} and {AUTHOR} become fields; "" empties it. `kind` "first" is
    for the first page (of section 1 unless `section` is given), "even" for even pages. Raises ToolInputError
    "section", "unknown_field" or "unchanged"; DocumentError.
    """
    return _set_side(document, "header", text, section, kind, align, append=append)


@editor
def set_footer(
    document: Document,
    text: Words,
    *,
    section: SectionRef | None = None,
    kind: Kind = "default",
    align: Align | None = None,
    append: bool = False,
) -> Edit:
    """Set the footer of all sections, or of one (number, heading or address in it); see `set_header`.

    Raises ToolInputError "section", "unknown_field" or "unchanged"; DocumentError.
    """
    return _set_side(document, "footer", text, section, kind, align, append=append)


def _set_side(
    document: Document,
    side: Side,
    words: str,
    section: SectionRef | None,
    kind: Kind,
    align: Align | None,
    *,
    append: bool,
) -> Edit:
    lines = build.clean(words, "text").split("\n")
    parts = MarginParts(document)
    aimed = _aimed(document, parts, section, kind)
    if kind == "even":
        parts.set_even()
    hunks: list[Hunk] = []
    warnings: list[str] = []
    shown = {each.number: parts.shown(each.number, side, kind) for each in aimed or ()}
    said = {number: _Writer(document, side, part, parts.sections[0]).text() for number, part in shown.items() if part}
    for home, part in _writable(parts, aimed, side, kind, keep=append):
        where = f"{_PAGES[kind]}{side} of section {home.number}"
        done = _Writer(document, side, part, home).write(lines, align, append=append)
        warnings += done[1]
        if done[0] is not None:
            hunks.append(Hunk(where, said.get(home.number, done[0][0]), done[0][1], "structure"))
    if kind == "first":
        for each in aimed or ():
            if not parts.is_titled(each):
                parts.set_titled(each, side)
                hunks = hunks or [Hunk(f"section {each.number}", "", f"[first page with its own {side}]", "format")]
    if not hunks:
        raise ToolInputError(f"The {_PAGES[kind]}{side} reads so already: nothing would change.", code="unchanged")
    document.touch(document.stories[0])
    return Edit.of(hunks, [*warnings, *_unseen(parts, aimed or parts.sections, side, kind)])


def _aimed(document: Document, parts: MarginParts, section: SectionRef | None, kind: Kind) -> list[Section] | None:
    """Return the sections that an operation names, None for all of them."""
    if section is None:
        return [parts.sections[0]] if kind == "first" else None
    found = section_at(document, section)
    return [parts.sections[found.number - 1]]


def _writable(
    parts: MarginParts, aimed: Sequence[Section] | None, side: Side, kind: Kind, *, keep: bool
) -> list[tuple[Section, str]]:
    """Return the parts to write into, each with the section that it is of."""
    if aimed is None:
        return parts.everywhere(side, kind)
    return [(each, parts.alone(each, side, kind, keep=keep)) for each in aimed]


def _unseen(parts: MarginParts, aimed: Sequence[Section], side: Side, kind: Kind) -> list[str]:
    """Return warnings of pages that don't show a default header or footer."""
    if kind != "default":
        return []
    titled = [str(each.number) for each in aimed if parts.is_titled(each)]
    found = [f"The first page of section {', '.join(titled)} has a {side} of its own, which stays."] if titled else []
    return [*found, *([f"Even pages have a {side} of their own, which stays."] if parts.is_even else [])]


class _Writer:
    """Writes the paragraphs of one header or footer."""

    def __init__(self, document: Document, side: Side, part: str, home: Section) -> None:
        self._document = document
        self._side = side
        self._part = part
        self._home = home
        self._root = document.package.xml(part)

    def write(
        self, lines: Sequence[str], align: str | None, *, append: bool
    ) -> tuple[tuple[str, str] | None, list[str]]:
        """Write lines; return the text before and after (None when nothing changed), and what to warn about."""
        before = self.text()
        there = [each for each in block_elements(self._root) if name(each) in ("w:p", "w:tbl")]
        like = next((each for each in there if name(each) == "w:p"), None)
        made = [self._paragraph(line, align, like) for line in lines]
        blank = not before.strip() and not any(_precious(each) for each in there)
        if not (append and not blank) and [_shape(e) for e in there] == [_shape(e) for e in made]:
            return None, []
        warnings = [] if append else list(self._losses())
        if not append or blank:
            for each in list(self._root):
                self._root.remove(each)
        self._root.extend(made)
        self._document.package.touch(self._part)
        for link in self._document.package.relationships(self._part):
            if not link.external:
                release(self._document, self._part, link.target)
        return (before, self.text()), warnings

    def text(self) -> str:
        """Return what it says."""
        fields = text.field_parts(self._root)
        return cell_text(self._root, lambda p: text.line(p, fields).text)

    def _losses(self) -> list[str]:
        count = sum(1 for _ in descendants(self._root, "w:drawing", "w:pict", "w:object"))
        words = f"{count} picture{'s' if count > 1 else ''} or shape{'s' if count > 1 else ''}"
        return (
            [f"{words} of the {self._side} of section {self._home.number} went with its old content."] if count else []
        )

    def _paragraph(self, line: str, align: str | None, like: Element | None) -> Element:
        look = None
        if like is not None and style_id(like):
            made = build.paragraph(self._root, "x", like=like)
            run = child(made, "w:r")
            look = child(run, "w:rPr")
            if run is not None:
                made.remove(run)
        else:
            style = self._document.styles.require(self._side, "paragraph")
            made = build.paragraph(self._root, "", style=style)
        fieldtext.fill(made, line)
        if look is not None:
            for run in children(made, "w:r"):
                run.insert(0, copy.deepcopy(look))
        if "\t" in line:
            self._tabs(made)
        if align is not None:
            align_paragraph(made, align)
        return made

    def _tabs(self, paragraph: Element) -> None:
        """Let tabs lead to the middle and the right edge of the text, instead of where the style has them."""
        width = text_size(self._home.properties)
        wanted = {"center": width // 2, "right": width}
        kept = {value(each, "pos"): value(each) for each in self._style_tabs(paragraph)}
        if {str(at): kind for kind, at in wanted.items()} == kept:
            return
        tabs = order.put(order.ensure(paragraph, "pPr"), new(paragraph, "tabs"))
        gone = [("clear", int(at)) for at in kept if at and at.lstrip("-").isdigit() and int(at) not in wanted.values()]
        for kind, at in sorted([*gone, *wanted.items()], key=lambda each: each[1]):
            tabs.append(new(tabs, "tab", val="end" if kind == "right" and _is_strict(tabs) else kind, pos=str(at)))

    def _style_tabs(self, paragraph: Element) -> list[Element]:
        chain = self._document.styles.chain(style_id(paragraph))
        return [tab for style in chain for tab in children(descend(style, "w:pPr", "w:tabs"), "w:tab")]


def _is_strict(element: Element) -> bool:
    return "purl.oclc.org" in str(element.tag)


def _precious(element: Element) -> bool:
    return any(name(each) in ("w:drawing", "w:pict", "w:object", "w:fldChar", "w:fldSimple") for each in element.iter())


def _shape(element: Element) -> str:
    """Return what two paragraphs are compared by."""
    return "".join(f"{name(e)}{sorted(e.attrib.values())}{e.text or ''}" for e in element.iter() if name(e) != "")


@editor
def page_numbers(
    document: Document,
    section: SectionRef | None = None,
    *,
    position: Side = "footer",
    align: Align = "center",
    format: NumberFormat | None = None,
    start: Annotated[int, Field(ge=0, le=32_767)] | None = None,
    of_total: bool = False,
    text: Words = "",
    first_page: bool = True,
) -> Edit:
    """Number the pages of all sections, or of one, in the footer or header; what stands there stays.

    `text` is what is shown, such as "Page {PAGE} of {NUMPAGES}"; `start` is the first number of the (first) section;
    `first_page` False leaves the first page of the document (or section) without one. Raises ToolInputError
    "section", "text" when {PAGE} is not in it, or "unchanged" when pages are numbered so; DocumentError.
    """
    template = build.clean(text, "text") or ("{PAGE} / {NUMPAGES}" if of_total else "{PAGE}")
    if "{PAGE}" not in template.upper():
        raise ToolInputError("text shows no page number.", hint='Write {PAGE} in it: "Page {PAGE}".', code="text")
    parts = MarginParts(document)
    aimed = _aimed(document, parts, section, "default")
    if not first_page:
        _leave_first(parts, (aimed or parts.sections)[0], position)
    hunks: list[Hunk] = []
    for kind in _kinds(parts, aimed or parts.sections, first_page=first_page):
        for home, part in _numbered(parts, aimed, position, kind):
            done, _ = _Writer(document, position, part, home).write([template], align, append=True)
            if done is not None:
                hunks.append(Hunk(f"{_PAGES[kind]}{position} of section {home.number}", *done, "structure"))
    hunks += _count(aimed or parts.sections, format, start)
    if not hunks:
        raise ToolInputError(f"Every {position} shows the page number already.", code="unchanged")
    document.touch(document.stories[0])
    return Edit.of(hunks)


def _leave_first(parts: MarginParts, section: Section, side: Side) -> None:
    """Give the first page a header and footer of its own, which are what it shows now."""
    if parts.is_titled(section):
        return
    usual = parts.shown(section.number, side, "default")
    parts.assign(section, side, "first", parts.copy(side, usual) if usual else parts.blank(side))
    parts.set_titled(section, side)


def _kinds(parts: MarginParts, aimed: Sequence[Section], *, first_page: bool) -> list[Kind]:
    kinds: list[Kind] = ["default"]
    if parts.is_even:
        kinds.append("even")
    if first_page and any(parts.is_titled(each) for each in aimed):
        kinds.append("first")
    return kinds


def _numbered(parts: MarginParts, aimed: Sequence[Section] | None, side: Side, kind: Kind) -> list[tuple[Section, str]]:
    """Return the parts that lack a page number."""
    package = parts.document.package
    if aimed is not None:
        shown = [parts.shown(each.number, side, kind) for each in aimed]
        lacking = [e for e, p in zip(aimed, shown, strict=True) if not p or not fieldtext.shows_page(package.xml(p))]
        return [(each, parts.alone(each, side, kind, keep=True)) for each in lacking]
    return [(s, p) for s, p in parts.everywhere(side, kind) if not fieldtext.shows_page(package.xml(p))]


def _count(aimed: Sequence[Section], format: NumberFormat | None, start: int | None) -> list[Hunk]:
    """Set how the pages of sections are counted (17.6.12)."""
    hunks = []
    for index, each in enumerate(aimed):
        given = {"fmt": _FORMATS[format]} if format else {}
        if start is not None and index == 0:
            given["start"] = str(start)
        found = child(each.properties, "w:pgNumType")
        if all(value(found, key) == wanted for key, wanted in given.items()):
            continue
        pages = order.ensure(each.properties, "pgNumType")
        space = str(pages.tag).rpartition("}")[0]
        for key, wanted in given.items():
            pages.set(f"{space}}}{key}", wanted)
        said = [*([format.replace("_", " ")] if format else []), *([f"from {start}"] if "start" in given else [])]
        hunks.append(Hunk(f"section {each.number}", "", f"[page numbers: {', '.join(said)}]", "format"))
    return hunks


#: The operations of this module.
OPERATIONS = (set_header, set_footer, page_numbers)
