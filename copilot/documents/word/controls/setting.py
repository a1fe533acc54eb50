"""The value of a content control, checked and written as its kind wants it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from copilot.documents.word import runs, text
from copilot.documents.word.build import clean
from copilot.documents.word.controls.reading import (
    Choice,
    Located,
    choices_of,
    container,
    detail,
    is_checked,
    is_placeholder,
    kind_of,
    level_of,
    line_of,
)
from copilot.documents.word.document import Document
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
    value,
)
from copilot.documents.word.order import ensure, put
from copilot.documents.word.templates.drawn import media
from copilot.documents.word.templates.values import as_date, picture_bytes, plain, show_date, written
from copilot.errors import ToolInputError

_YES = ("true", "yes", "on", "x", "1", "checked", "\u2612", "\u2611")
_NO = ("false", "no", "off", "", "0", "unchecked", "\u2610")
_SYMBOL_FONTS = ("wingdings", "webdings", "symbol")
_BOXES = {True: ("2612", "MS Gothic"), False: ("2610", "MS Gothic")}


@dataclass(frozen=True, slots=True)
class Written:
    """What a control is to show, and what goes into the data that it is bound to."""

    shown: str
    stored: str


def refused(found: Located, reason: str, hint: str = "", code: str = "value") -> ToolInputError:
    """Return the error that names a control and its place."""
    return ToolInputError(f"The content control {found.name!r} in {found.where} {reason}", hint=hint, code=code)


def written_as(found: Located, given: Any) -> Written:
    """Return a value as a control shows and stores it; raises ToolInputError for one that it can't take."""
    value_ = plain(given)
    kind = found.kind
    if isinstance(value_, dict | list | tuple | bytes):
        raise refused(found, f"holds one text ({kind}), not {type(value_).__name__}.")
    if kind == "checkbox":
        checked = _checked(found, value_)
        return Written("true" if checked else "false", "true" if checked else "false")
    if kind in ("dropdown", "combo"):
        return _chosen(found, written(value_) if value_ is not None else "")
    if kind == "date":
        return _dated(found, value_)
    if kind not in ("text", "rich_text"):
        hint = "Fill the controls inside of it." if kind in ("group", "repeated_item") else ""
        raise refused(found, f"is of the kind {kind}, which no text fills.", hint)
    shown = getattr(given, "text", None) if given is not value_ else None
    words = clean(shown or (written(value_) if value_ is not None else ""), f"The value of {found.name!r}")
    if kind == "text" and "\n" in words and not is_multiline(found.element):
        raise refused(found, "holds one line only.", "Give a text without line breaks.")
    return Written(words, words)


def is_multiline(element: Element) -> bool:
    """Return whether a plain text control takes line breaks (17.5.2.44)."""
    given = (value(detail(element, "text"), "multiLine") or "0").lower()
    return given in ("1", "true", "on")


def _checked(found: Located, given: Any) -> bool:
    if isinstance(given, bool):
        return given
    word = ("" if given is None else str(given)).strip().casefold()
    if word in _YES or word in _NO:
        return word in _YES
    raise refused(found, f"is a checkbox, which {given!r} is no state of.", "Give true or false.")


def _chosen(found: Located, given: str) -> Written:
    choices = choices_of(found.element)
    for wanted in (given, given.strip().casefold()):
        for choice in choices:
            if wanted in (choice.shown, choice.value, choice.shown.casefold(), choice.value.casefold()):
                return _choice(choice)
    if found.kind == "combo" or not given.strip():
        words = clean(given, f"The value of {found.name!r}")
        return Written(words, words)
    error = ToolInputError.unknown("choice", given, [c.shown for c in choices], where=f"{found.name!r} ({found.where})")
    raise ToolInputError(error.message, hint=error.hint, code="choice")


def _choice(choice: Choice) -> Written:
    return Written(choice.shown, choice.value or choice.shown)


def _dated(found: Located, given: Any) -> Written:
    if given in (None, ""):
        return Written("", "")
    moment = as_date(given)
    if moment is None:
        raise refused(found, f"holds a date, which {given!r} is not.", "Give it as 2026-03-01.")
    date = detail(found.element, "date")
    picture = value(child(date, "w:dateFormat")) or "yyyy-MM-dd"
    shown = show_date(moment, picture, value(child(date, "w:lid")) or "")
    form = value(child(date, "w:storeMappedDataAs")) or "dateTime"
    stored = {"date": moment.strftime("%Y-%m-%d"), "text": shown}.get(form, moment.strftime("%Y-%m-%dT%H:%M:%S"))
    return Written(shown, stored)


def write(document: Document, found: Located, new_value: Written, given: Any) -> bool:
    """Let a control show a value; return whether that changed it. Raises ToolInputError where it can't."""
    before = _state(found)
    if found.kind == "checkbox":
        _check(found.element, checked=new_value.shown == "true")
    else:
        if found.kind == "date":
            _set_date(found.element, given)
        _set_text(document, found, new_value.shown)
        _set_last(found.element, new_value.stored)
    _show_content(found.element)
    return _state(found) != before


def _state(found: Located) -> bytes:
    from lxml import etree

    return etree.tostring(found.element, method="c14n")


def _show_content(element: Element) -> None:
    """Note that a control shows its content, not its placeholder."""
    properties = child(element, "w:sdtPr")
    for each in list(children(properties, "w:showingPlcHdr")):
        _remove(each)


def _set_date(element: Element, given: Any) -> None:
    date = detail(element, "date")
    moment = as_date(plain(given))
    key = f"{{{namespace(element)}}}fullDate"
    if date is not None and moment is not None:
        date.set(key, moment.strftime("%Y-%m-%dT%H:%M:%SZ"))
    elif date is not None and key in date.attrib:
        del date.attrib[key]


def _set_last(element: Element, stored: str) -> None:
    for local in ("dropDownList", "comboBox"):
        listed = detail(element, local)
        if listed is not None and value(listed, "lastValue") is not None:
            listed.set(f"{{{namespace(listed)}}}lastValue", stored)


def _check(element: Element, *, checked: bool) -> None:
    """Set a checkbox and its sign, in the font that it names ([MS-DOCX] 2.6.1.1 to 2.6.1.8)."""
    box = detail(element, "checkbox")
    content = container(element)
    if box is None or content is None:
        return
    space = box.tag.rpartition("}")[0] + "}"
    state = next((e for e in box if e.tag == f"{space}checked"), None)
    if state is None:
        state = box.makeelement(f"{space}checked")
        box.insert(0, state)
    if is_checked(element) == checked and not is_placeholder(element) and next(every(content, "r"), None) is not None:
        return
    state.set(f"{space}val", "1" if checked else "0")
    code, font = _BOXES[checked]
    sign = next((e for e in box if e.tag == f"{space}{'checkedState' if checked else 'uncheckedState'}"), None)
    if sign is not None:
        code, font = value(sign) or code, value(sign, "font") or font
    _put_sign(_only_run(element, content), code, font)


def _put_sign(run: Element, code: str, font: str) -> None:
    if font.lower().startswith(_SYMBOL_FONTS):
        add(run, "sym", font=font, char=code)
        return
    text.set_text(run, chr(int(code, 16)))
    fonts = new(run, "rFonts", ascii=font, eastAsia=font, hAnsi=font, hint="eastAsia")
    put(ensure(run, "rPr"), fonts)


def _only_run(element: Element, content: Element) -> Element:
    """Return the one run that a control keeps, emptied."""
    found = list(every(content, "r"))
    run = found[0] if found else _new_run(element, content)
    for each in found[1:]:
        _remove(each)
    for each in [e for e in run if name(e) != "w:rPr"]:
        run.remove(each)
    _unmark(run, element)
    return run


def _new_run(element: Element, content: Element) -> Element:
    into = next(every(content, "p"), content)
    if into is content and level_of(element) != "run":
        into = add(content, "p")
    return add(into, "r")


def _unmark(run: Element, element: Element) -> None:
    """Take the look of a placeholder from a run; the look of the control's text comes in its place (17.5.2.27)."""
    properties = child(run, "w:rPr")
    style = child(properties, "w:rStyle")
    if properties is None or style is None or not is_placeholder(element):
        if properties is None and is_placeholder(element):
            _take_look(run, element)
        return
    _remove(properties)
    kept = [e for e in properties if name(e) != "w:rStyle"]
    if not _take_look(run, element) and kept:
        properties.remove(style)
        run.insert(0, properties)


def _take_look(run: Element, element: Element) -> bool:
    own = descend(element, "w:sdtPr", "w:rPr")
    if own is None:
        return False
    made = copy.deepcopy(own)
    made.tail = None
    run.insert(0, made)
    return True


# Texts


def _set_text(document: Document, found: Located, words: str) -> None:
    element, inside = found.element, container(found.element)
    if inside is None:
        inside = add(element, "sdtContent")
    _refuse_more(found, inside)
    level = level_of(element)
    if level == "row":
        raise refused(found, "holds rows, no text.", "Fill the controls or cells in them.")
    placeholder = is_placeholder(element)
    if level == "run":
        _set_line(found, inside, inside, document, words, fresh=placeholder)
        return
    plain_text = kind_of(element) != "rich_text"
    lines = [words] if plain_text else words.split("\n")
    paragraphs = list(children(inside, "w:p")) or [add(inside, "p")]
    for paragraph in paragraphs[len(lines) :]:
        _remove(paragraph)
    while len(paragraphs) < len(lines):
        paragraphs.append(_another(paragraphs[-1]))
    for paragraph, line in zip(paragraphs, lines, strict=False):
        _set_line(found, paragraph, paragraph, document, line, fresh=placeholder)


def _refuse_more(found: Located, inside: Element) -> None:
    """Raise ToolInputError for a control that holds what a text would wipe out."""
    kinds = {name(each) for each in inside.iter()}
    for wanted, words in (("w:sdt", "other controls"), ("w:tbl", "a table"), ("w:drawing", "a picture")):
        if wanted in kinds and not is_placeholder(found.element):
            raise refused(found, f"holds {words}, which a text would remove.", "Change what is in it by its address.")


def _another(paragraph: Element) -> Element:
    made = new(paragraph, "p")
    properties = child(paragraph, "w:pPr")
    if properties is not None:
        made.append(copy.deepcopy(properties))
    first = next(every(paragraph, "r"), None)
    if first is not None:
        made.append(runs.like(first))
    tail, paragraph.tail = paragraph.tail, None
    paragraph.addnext(made)
    made.tail = tail
    return made


def _set_line(
    found: Located, paragraph: Element, holder: Element, document: Document, words: str, *, fresh: bool
) -> None:
    line = line_of(paragraph, document.fresh_fields(found.story.part))
    if not fresh and line.text == words:
        return
    if not fresh and line.text and words and found.kind == "rich_text" and text.rewrite(line, words):
        return
    inside = list(every(holder, "r"))
    run = next((r for r in inside if next(every(r, "t"), None) is not None), inside[0] if inside else None)
    for each in [e for e in holder if name(e) not in ("w:pPr", "") and not name(e).endswith(("Start", "End"))]:
        holder.remove(each)
    if run is None:
        run = new(holder, "r")
    for each in [e for e in run if name(e) != "w:rPr"]:
        run.remove(each)
    run.tail = None
    holder.append(run)
    if fresh or child(run, "w:rPr") is None:
        _unmark(run, found.element)
    if words:
        text.set_text(run, words)


def _remove(element: Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


# Pictures


def write_picture(document: Document, found: Located, given: Any) -> bool:
    """Show another picture in a picture control, as large as the one before; raises ToolInputError."""
    from copilot.documents.excel.pictures import picture_of

    data = picture_bytes(given)
    if data is None:
        raise refused(found, "holds a picture.", 'Give its bytes, or "data:image/png;base64,...".')
    blips = [e for e in found.element.iter() if name(e) == "a:blip"]
    if not blips:
        raise refused(found, "has no picture that could be replaced.", code="picture")
    part = media(document, data[0], picture_of(data[0]))
    link = document.package.relate(found.story.part, "image", part)
    before = _state(found)
    for key in [k for k in blips[0].attrib if str(k).endswith(("}embed", "}link"))]:
        if str(key).endswith("}embed"):
            blips[0].set(key, link)
        else:
            del blips[0].attrib[key]
    for each in found.element.iter():
        if name(each) == "wp:docPr" and data[1]:
            each.set("descr", data[1])
    _show_content(found.element)
    return _state(found) != before


def is_temporary(element: Element) -> bool:
    """Return whether a control goes away once it is filled (17.5.2.43)."""
    return bool(is_on(child(child(element, "w:sdtPr"), "w:temporary")))


def unwrap(element: Element) -> list[Element]:
    """Remove a control and leave what it holds; return that."""
    content = child(element, "w:sdtContent")
    inner: Sequence[Element] = list(content) if content is not None else []
    for each in inner:
        element.addprevious(each)
    tail, before = element.tail, element.getprevious()
    if tail and before is not None:
        before.tail = (before.tail or "") + tail
    element.tail = None
    _remove(element)
    return list(inner)
