"""Content controls put around words, and taken away again (ECMA-376 part 1, 17.5.2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from copilot.documents.hunks import Hunk
from copilot.documents.word import runs, text
from copilot.documents.word.blocks import Block
from copilot.documents.word.build import clean
from copilot.documents.word.controls.reading import is_placeholder, level_of, located, lock_of, text_of
from copilot.documents.word.controls.setting import refused, unwrap
from copilot.documents.word.document import Document, shortened
from copilot.documents.word.editing import Edit, Words, editor
from copilot.documents.word.names import Element, add, child, descend, every, new, value
from copilot.documents.word.remove import refuse_halves
from copilot.documents.word.templates.copies import Copier
from copilot.errors import ToolInputError

NewKind = Literal["text", "rich_text", "dropdown", "combo", "date", "checkbox", "repeating_section"]

_W15 = "http://schemas.microsoft.com/office/word/2012/wordml"
_W14 = "http://schemas.microsoft.com/office/word/2010/wordml"
_PROMPT = "Click or tap here to enter text."


@editor
def add_control(
    document: Document,
    address: str,
    kind: NewKind,
    *,
    words: str = "",
    title: Words = "",
    tag: Words = "",
    choices: Annotated[list[Words], Field(max_length=1000)] | None = None,
    date_format: str = "yyyy-MM-dd",
) -> Edit:
    """Put a content control around `words` of a paragraph, or around all of it; an empty paragraph gets a prompt.

    `choices` are the items of a dropdown or combo. A checkbox stands before the words. A repeating section is put
    around a row, paragraph or table, which becomes its first item. Raises ToolInputError: the words aren't there or
    stand there twice, or a field, link or control is cut by them.
    """
    block = document.place(address)
    if kind == "repeating_section":
        return _repeating(document, block, clean(title, "title"), clean(tag, "tag"))
    if block.kind != "paragraph":
        raise ToolInputError(f"{address!r} is a {block.kind}; controls are put into paragraphs.", code="address")
    if kind in ("dropdown", "combo") and not choices:
        raise ToolInputError(f"A {kind} needs choices.", hint="Give the texts to choose from.", code="arguments")
    line = document.line(block)
    start, end = _place(line.text, words, block.where)
    made = new(block.element, "sdt")
    content = add(made, "sdtContent")
    held = runs.stretch(block.element, document.fields(block.story.part), start, end, block.where) if end else []
    if held:
        _take(made, content, held, only_before=kind == "checkbox", where=block.where)
    else:
        block.element.append(made)
    _describe(document, made, kind, clean(title, "title"), clean(tag, "tag"), choices or [], date_format)
    if kind == "checkbox":
        document.package.declare(block.story.part, {"w14": _W14})
        _draw_box(content)
    elif not held:
        _prompt(document, made, content)
    document.touch(block.story)
    after = f"[{title or tag or kind}: {line.text[start:end] or 'empty'}]"
    return Edit.of([Hunk(block.where, line.text[start:end], after, "structure")])


def _repeating(document: Document, block: Block, title: str, tag: str) -> Edit:
    """Put a repeating section with one item around a row, paragraph or table ([MS-DOCX] 2.5.3)."""
    element, where = block.element, block.where
    if block.kind == "cell" or descend(element, "w:pPr", "w:sectPr") is not None:
        what = "is a cell" if block.kind == "cell" else "ends a section"
        reason = f"{where} {what}, which can't be repeated."
        raise ToolInputError(reason, hint="Name a row, another paragraph or a table.", code="address")
    refuse_halves([block])
    copier = Copier(document)
    section, item = _shell(element, copier), _shell(element, copier)
    document.package.declare(block.story.part, {"w15": _W15})
    for made, local in ((section, "repeatingSection"), (item, "repeatingSectionItem")):
        made[0].append(made.makeelement(f"{{{_W15}}}{local}", nsmap={"w15": _W15}))
    for given, local in ((tag, "tag"), (title, "alias")):
        if given:
            section[0].insert(0, new(section, local, val=given))
    element.addprevious(section)
    section.tail, element.tail = element.tail, None
    section[1].append(item)
    item[1].append(element)
    document.touch(block.story)
    words = document.text(block)
    return Edit.of([Hunk(where, words, f"[{title or tag or 'repeating section'}: {words}]", "structure")])


def _shell(near: Element, copier: Copier) -> Element:
    """Return an empty control with an id."""
    made = new(near, "sdt")
    add(add(made, "sdtPr"), "id", val=str(copier.unique("sdt")))
    add(made, "sdtContent")
    return made


def _place(line: str, words: str, where: str) -> tuple[int, int]:
    if not words:
        return 0, len(line)
    count = line.count(words)
    if count != 1:
        hint = "Give words that stand there once." if count else f"It reads {shortened(line)!r}."
        raise ToolInputError(f"{words!r} stands {count} times in {where}.", hint=hint, code="not_found")
    return line.index(words), line.index(words) + len(words)


def _take(made: Element, content: Element, held: list[Element], *, only_before: bool, where: str) -> None:
    """Put a control around runs, or before them."""
    first, last, parent = held[0], held[-1], held[0].getparent()
    if last.getparent() is not parent or parent is None:
        hint = "Choose words inside or outside of it."
        raise ToolInputError(f"A link, field or control is cut by these words in {where}.", hint=hint, code="control")
    first.addprevious(made)
    if only_before:
        return
    inner = [first]
    while inner[-1] is not last:
        following = inner[-1].getnext()
        if following is None:
            break
        inner.append(following)
    depth = [value(e, "fldCharType") for each in inner for e in every(each, "fldChar")]
    if depth.count("begin") != depth.count("end"):
        raise ToolInputError(f"A field is cut by these words in {where}.", hint="Take in all of it.", code="field")
    tail, last.tail = last.tail, None
    content.extend(inner)
    made.tail = tail


def _describe(
    document: Document, made: Element, kind: NewKind, title: str, tag: str, choices: Iterable[str], date_format: str
) -> None:
    """Give a new control its properties, in the order of the schema (17.5.2.38)."""
    properties = new(made, "sdtPr")
    made.insert(0, properties)
    if title:
        add(properties, "alias", val=title)
    if tag:
        add(properties, "tag", val=tag)
    add(properties, "id", val=str(Copier(document).unique("sdt")))
    if kind == "checkbox":
        _box(properties)
    elif kind == "date":
        date = add(properties, "date")
        add(date, "dateFormat", val=date_format)
        add(date, "lid", val="en-US")
        add(date, "storeMappedDataAs", val="dateTime")
        add(date, "calendar", val="gregorian")
    else:
        local = {"rich_text": "richText", "dropdown": "dropDownList", "combo": "comboBox"}.get(kind, kind)
        listed = add(properties, local)
        for each in choices if kind in ("dropdown", "combo") else ():
            add(listed, "listItem", displayText=each, value=each)


def _box(properties: Element) -> None:
    box = properties.makeelement(f"{{{_W14}}}checkbox", nsmap={"w14": _W14})
    for local, attributes in (
        ("checked", {"val": "0"}),
        ("checkedState", {"val": "2612", "font": "MS Gothic"}),
        ("uncheckedState", {"val": "2610", "font": "MS Gothic"}),
    ):
        each = box.makeelement(f"{{{_W14}}}{local}")
        for key, given in attributes.items():
            each.set(f"{{{_W14}}}{key}", given)
        box.append(each)
    properties.append(box)


def _draw_box(content: Element) -> None:
    for each in list(content):
        content.remove(each)
    run = add(content, "r")
    look = add(run, "rPr")
    add(look, "rFonts", ascii="MS Gothic", eastAsia="MS Gothic", hAnsi="MS Gothic", hint="eastAsia")
    text.set_text(run, "\u2610")


def _prompt(document: Document, made: Element, content: Element) -> None:
    """Let a new control without text show a prompt."""
    properties = child(made, "w:sdtPr")
    if properties is not None:
        number = child(properties, "w:id")
        shown = new(made, "showingPlcHdr")
        (number.addnext if number is not None else properties.append)(shown)
    run = add(content, "r")
    style = document.styles.id_of("Placeholder Text", "character")
    if style:
        add(add(run, "rPr"), "rStyle", val=style)
    text.set_text(run, _PROMPT)


@editor
def remove_control(document: Document, control: Words, *, override_locks: bool = False) -> Edit:
    """Remove a content control by tag, title or id, and keep what it holds; the prompt of an empty one goes.

    Raises ToolInputError: unknown (with the closest), several of that name, or "locked" against deletion.
    """
    wanted = control.strip().casefold()
    everything = located(document)
    found = [each for each in everything if wanted in each.names and not each.copy]
    if not found:
        known = [each.name for each in everything if each.names]
        raise ToolInputError.unknown("content control", control, known)
    if len(found) > 1:
        ids = ", ".join(sorted(value(child(e.properties, "w:id")) or "?" for e in found))
        raise ToolInputError(
            f"{len(found)} controls are named {control!r}.", hint=f"Use an id: {ids}.", code="ambiguous"
        )
    one = found[0]
    if lock_of(one.element) in ("control", "both") and not override_locks:
        raise refused(one, "is locked against deletion.", "Pass override_locks to remove it.", "locked")
    before, prompt, level = text_of(document, one), is_placeholder(one.element), level_of(one.element)
    for each in unwrap(one.element):
        if prompt:
            _drop_prompt(each, level)
    document.touch(one.story)
    return Edit.of([Hunk(one.where, f"[{one.name}: {before}]", "" if prompt else before, "structure")])


def _drop_prompt(element: Element, level: str) -> None:
    """Remove the prompt of a control; paragraphs and cells stay, without text."""
    parent = element.getparent()
    if level == "run" and parent is not None:
        parent.remove(element)
        return
    for run in list(every(element, "r")):
        around = run.getparent()
        if around is not None:
            around.remove(run)
