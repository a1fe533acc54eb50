"""Content controls (ECMA-376 part 1, 17.5.2; [MS-DOCX] 2.6.1 and 2.6.4): which there are, and what they hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from copilot.documents.word import text
from copilot.documents.word.blocks import Block, Story
from copilot.documents.word.document import Document
from copilot.documents.word.names import Element, child, children, every, is_on, name, value, within

Kind = Literal[
    "text", "rich_text", "dropdown", "combo", "date", "checkbox", "picture", "repeating_section", "repeated_item",
    "group", "building_block", "other",
]  # fmt: skip

_KINDS: dict[str, Kind] = {
    "text": "text",
    "richText": "rich_text",
    "dropDownList": "dropdown",
    "comboBox": "combo",
    "date": "date",
    "checkbox": "checkbox",
    "picture": "picture",
    "repeatingSection": "repeating_section",
    "repeatingSectionItem": "repeated_item",
    "group": "group",
    "docPartObj": "building_block",
    "docPartList": "building_block",
    "equation": "other",
    "citation": "other",
    "bibliography": "other",
}
_STORIES = ("body", "header", "footer", "footnote", "endnote")
_YES = ("1", "true", "on")


@dataclass(frozen=True, slots=True)
class Choice:
    """One item of a drop-down: what is shown, and the value that goes into data."""

    shown: str
    value: str


@dataclass(frozen=True, slots=True)
class Control:
    """A content control as a person sees it.

    `level`: "block", "run", "row" or "cell". `value` is what it shows, "" while the placeholder is shown; of a
    checkbox "true" or "false". `bound`: the path to the data that fills it. `lock`: "", "content" (can't be filled),
    "control" (can't be removed) or "both". `address` is that of the first block it holds or stands in; `inside` the
    name of the control around it.
    """

    title: str
    tag: str
    id: str
    kind: Kind
    level: str
    value: str
    choices: tuple[Choice, ...]
    bound: str
    lock: str
    placeholder: bool
    address: str
    where: str
    inside: str

    @property
    def name(self) -> str:
        """What to call it: its title, else its tag, else its id."""
        return self.title or self.tag or self.id


def controls(content: bytes) -> tuple[Control, ...]:
    """Return the content controls of a document in order, headers, footers and notes included.

    Raises DocumentError for a file that can't be read.
    """
    document = Document(content)
    return tuple(_control(document, found) for found in located(document) if not found.copy)


@dataclass(frozen=True, slots=True)
class Located:
    """A control's element with its part, and the block that it is in or holds first; `copy`: in an old fallback."""

    element: Element
    story: Story
    block: Block | None
    copy: bool

    @property
    def properties(self) -> Element | None:
        """The `w:sdtPr`."""
        return child(self.element, "w:sdtPr")

    @property
    def kind(self) -> Kind:
        """What kind it is."""
        return kind_of(self.element)

    @property
    def where(self) -> str:
        """Its place, as a message has it."""
        return self.block.where if self.block is not None else self.story.label or "the document"

    @property
    def name(self) -> str:
        """What to call it in a message."""
        return name_of(self.element)

    @property
    def names(self) -> set[str]:
        """The texts that name it, without regard to case."""
        own = [value(child(self.properties, f"w:{local}")) or "" for local in ("tag", "alias", "id")]
        return {each.strip().casefold() for each in own if each.strip()}


def located(document: Document) -> list[Located]:
    """Return all controls of a document in order, outer ones first."""
    blocks = {block.element: block for block in document.blocks}
    found = []
    for story in document.stories:
        if story.kind in _STORIES:
            for element in every(story.container, "sdt"):
                copy = within(element, "mc:Fallback") is not None
                found.append(Located(element, story, _block(element, blocks), copy))
    return found


def _block(element: Element, blocks: dict[Element, Block]) -> Block | None:
    inner = (each for each in element.iter() if each in blocks)
    outer = (each for each in element.iterancestors() if each in blocks)
    found = next(outer, None) if level_of(element) == "run" else next(inner, None)
    return blocks[found] if found is not None else None


def kind_of(element: Element) -> Kind:
    """Return the kind of a control; one that says none holds rich text (17.5.2.38)."""
    found = (_KINDS[local] for each in _details(element) if (local := _local(each)) in _KINDS)
    return next(found, "rich_text")


def detail(element: Element, local: str) -> Element | None:
    """Return the child of a control's properties with this local name, whatever its namespace."""
    return next((each for each in _details(element) if _local(each) == local), None)


def _details(element: Element) -> list[Element]:
    properties = child(element, "w:sdtPr")
    return list(properties) if properties is not None else []


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2] if name(element) else ""


def name_of(element: Element) -> str:
    """Return a control's title, else its tag, else its id."""
    properties = child(element, "w:sdtPr")
    own = (value(child(properties, f"w:{local}")) for local in ("alias", "tag", "id"))
    return next((each for each in own if each), "without a name")


def level_of(element: Element) -> str:
    """Return what a control stands for: "row", "cell", "run" or "block" (17.5.2.29 to 17.5.2.32)."""
    content = child(element, "w:sdtContent")
    for each in content if content is not None else ():
        kind = name(each)
        if kind in ("w:tr", "w:tc"):
            return "row" if kind == "w:tr" else "cell"
        if kind in ("w:p", "w:tbl"):
            return "block"
        if kind == "w:sdt":
            return level_of(each)
    parent = element.getparent()
    around = name(parent) if parent is not None else ""
    if around in ("w:tbl", "w:tr"):
        return "row" if around == "w:tbl" else "cell"
    return "run" if within(element, "w:p", "w:txbxContent", "w:tc") is not None and _in_line(element) else "block"


def _in_line(element: Element) -> bool:
    nearest = within(element, "w:p", "w:txbxContent", "w:tc")
    return nearest is not None and name(nearest) == "w:p"


def container(element: Element) -> Element | None:
    """Return what holds a control's text: its content, or the cell in it."""
    content = child(element, "w:sdtContent")
    cell = child(content, "w:tc")
    return content if cell is None else cell


def is_placeholder(element: Element) -> bool:
    """Return whether a control shows its placeholder (17.5.2.39)."""
    return bool(is_on(child(child(element, "w:sdtPr"), "w:showingPlcHdr")))


def lock_of(element: Element) -> str:
    """Return what a control is locked against (17.5.2.23): "content", "control", "both", or ""."""
    found = value(child(child(element, "w:sdtPr"), "w:lock")) or ""
    return {"contentLocked": "content", "sdtLocked": "control", "sdtContentLocked": "both"}.get(found, "")


def choices_of(element: Element) -> tuple[Choice, ...]:
    """Return the items of a drop-down or combo box (17.5.2.21)."""
    found = []
    listed = detail(element, "dropDownList")
    listed = detail(element, "comboBox") if listed is None else listed
    for each in children(listed, "w:listItem"):
        stored = value(each, "value") or ""
        found.append(Choice(value(each, "displayText") or stored, stored))
    return tuple(found)


def is_checked(element: Element) -> bool:
    """Return the state of a checkbox ([MS-DOCX] 2.6.1.6)."""
    box = detail(element, "checkbox")
    states = [e for e in box if _local(e) == "checked"] if box is not None else []
    return bool(states) and (value(states[0]) or "").lower() in _YES


def text_of(document: Document, found: Located) -> str:
    """Return what a control shows."""
    inside = container(found.element)
    if inside is None:
        return ""
    fields = document.fields(found.story.part)
    if level_of(found.element) == "run":
        return line_of(inside, fields).text
    return "\n".join(text.line(p, fields).text for p in every(inside, "p"))


def line_of(content: Element, fields: text.Fields) -> text.Line:
    """Return the line of a control in a line of text."""
    return text.Line(content, [p for p in text.pieces(content, fields) if p.trail.deleted is None])


def _value(document: Document, found: Located) -> str:
    if found.kind == "checkbox":
        return "true" if is_checked(found.element) else "false"
    return "" if is_placeholder(found.element) else text_of(document, found)


def _control(document: Document, found: Located) -> Control:
    element, properties = found.element, found.properties
    outer = within(element, "w:sdt")
    binding = detail(element, "dataBinding")
    return Control(
        title=value(child(properties, "w:alias")) or "",
        tag=value(child(properties, "w:tag")) or "",
        id=value(child(properties, "w:id")) or "",
        kind=found.kind,
        level=level_of(element),
        value=_value(document, found),
        choices=choices_of(element),
        bound=next((str(v) for k, v in binding.attrib.items() if str(k).endswith("xpath")), "")
        if binding is not None
        else "",
        lock=lock_of(element),
        placeholder=is_placeholder(element),
        address=document.address(found.block) if found.block is not None else "",
        where=found.where,
        inside=name_of(outer) if outer is not None else "",
    )


def iter_inside(found: Located, all_controls: list[Located]) -> Iterator[Located]:
    """Yield the controls inside of another one."""
    inner = set(every(found.element, "sdt")) - {found.element}
    yield from (each for each in all_controls if each.element in inner)
