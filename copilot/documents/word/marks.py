"""What stands between the words of a part and is shown as a mark: breaks, bookmarks, controls, form fields, sections.

A part is searched once; paragraphs that hold nothing of this cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from copilot.documents.word.names import (
    WORD_NAMESPACES,
    Element,
    child,
    children,
    descend,
    every,
    is_on,
    name,
    number,
    value,
    within,
)

_LOOKED_FOR = ("br", "bookmarkStart", "sdt", "fldChar", "fldSimple", "ruby", "altChunk", "subDoc", "sectPr")
_TAGS = tuple(f"{{{space}}}{local}" for space in WORD_NAMESPACES for local in _LOOKED_FOR)
_BREAKS = {"page": "[page break]", "column": "[column break]"}
#: How the next section begins (17.18.77); a new page is the default (17.6.22).
_SECTIONS = {
    None: "on a new page",
    "nextPage": "on a new page",
    "continuous": "on the same page",
    "evenPage": "on the next even page",
    "oddPage": "on the next odd page",
    "nextColumn": "in the next column",
}
#: The element that says which kind of content control it is (17.5.2), and the word for it.
_CONTROLS = {
    "w:dropDownList": "drop-down",
    "w:comboBox": "combo box",
    "w:date": "date",
    "w:picture": "picture",
    "w14:checkbox": "checkbox",
    "w15:repeatingSection": "repeating section",
}
_MOST_CHOICES = 12
#: Fields that show nothing by design (17.16.5): entries of an index or a table of contents, and the like.
SILENT = frozenset({"XE", "TC", "RD", "TA", "PRIVATE", "ADVANCE", "SET", "ASK", "ADDIN"})


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark before (or after) everything in an element; `lines` stand on a line of their own."""

    element: Element
    text: str
    after: bool = False


class Marks:
    """The marks of one part, by paragraph. `silent` are the codes of fields that show nothing."""

    def __init__(self, root: Element, targets: frozenset[str] = frozenset()) -> None:
        self._targets = targets
        self._by: dict[Element, list[Mark]] = {}
        self.silent: list[str] = []
        self.imported: list[str] = []
        begun: list[_Field] = []
        for element in root.iter(*_TAGS):
            kind = name(element)
            if kind == "w:fldChar":
                self._field(element, begun)
            elif kind in _FORMS:
                for mark in _FORMS[kind](self, element):
                    self._put(mark)

    def of(self, paragraph: Element) -> list[Mark]:
        """Return the marks in a paragraph, in document order."""
        return self._by.get(paragraph, [])

    def _put(self, mark: Mark) -> None:
        held = mark.element if name(mark.element) == "w:p" else within(mark.element, "w:p")
        if held is not None:
            self._by.setdefault(held, []).append(mark)

    def _break(self, element: Element) -> Iterator[Mark]:
        if text := _BREAKS.get(value(element, "type") or ""):
            yield Mark(element, text)

    def _bookmark(self, element: Element) -> Iterator[Mark]:
        """Yield a bookmark that a person made, or to which something in the document leads."""
        named = value(element, "name") or ""
        if named and (not named.startswith("_") or (named in self._targets and not named.startswith("_Toc"))):
            yield Mark(element, f"[bookmark {named}] ")

    def _control(self, element: Element) -> Iterator[Mark]:
        content = child(element, "w:sdtContent")
        said = _described(child(element, "w:sdtPr"))
        if content is None or not said:
            return
        held = list(every(content, "p"))
        if not held:
            yield Mark(element, f"[{said}: ")
            yield Mark(element, "]", after=True)
        elif len(held) == 1:
            yield Mark(held[0], f"[{said}: ")
            yield Mark(held[0], "]", after=True)
        else:
            yield Mark(held[0], f"[{said} begins] ")
            yield Mark(held[-1], f" [{said.split(', ')[0]} ends]", after=True)

    def _section(self, element: Element) -> Iterator[Mark]:
        above, paragraph = element.getparent(), within(element, "w:p")
        if above is not None and name(above) == "w:pPr" and paragraph is not None:
            yield Mark(paragraph, _ended(element), after=True)

    def _ruby(self, element: Element) -> Iterator[Mark]:
        words = "".join(each.text or "" for above in children(element, "w:rt") for each in every(above, "t"))
        if words:
            yield Mark(element, f"({words})", after=True)

    def _imported(self, element: Element) -> Iterator[Mark]:
        self.imported.append(name(element))
        yield Mark(element, "[imported document]")

    def _simple(self, element: Element) -> Iterator[Mark]:
        code = (value(element, "instr") or "").strip()
        if code and not any(each.text for each in every(element, "t")):
            yield from self._empty(element, code)

    def _empty(self, element: Element, code: str) -> Iterator[Mark]:
        if code.split()[0].upper() in SILENT:
            self.silent.append(code)
        else:
            yield Mark(element, f"[field {code}]")

    def _field(self, element: Element, begun: list[_Field]) -> None:
        kind = value(element, "fldCharType")
        if kind == "begin":
            begun.append(_Field(element))
        elif kind == "separate" and begun:
            begun[-1].separate = element
        elif kind == "end" and begun:
            for mark in self._ended_field(begun.pop(), element):
                self._put(mark)

    def _ended_field(self, field: _Field, end: Element) -> Iterator[Mark]:
        form = child(field.begin, "w:ffData")
        if form is not None:
            yield Mark(field.begin, _form_field(form))
        elif (field.separate is None or _is_empty(field.separate, end)) and (code := _code(field.begin, end)):
            yield from self._empty(end, code)


@dataclass(slots=True)
class _Field:
    begin: Element
    separate: Element | None = None


_FORMS = {
    "w:br": Marks._break,
    "w:bookmarkStart": Marks._bookmark,
    "w:sdt": Marks._control,
    "w:sectPr": Marks._section,
    "w:ruby": Marks._ruby,
    "w:fldSimple": Marks._simple,
    "w:altChunk": Marks._imported,
    "w:subDoc": Marks._imported,
}


def _between(start: Element, end: Element) -> Iterator[Element]:
    """Yield the elements of the runs from one field character to another, if both stand in one parent."""
    first, last = start.getparent(), end.getparent()
    if first is None or last is None:
        return
    run: Element | None = first
    while run is not None:
        for each in run:
            yield each
            if each is end:
                return
        run = None if run is last else run.getnext()


def _is_empty(separate: Element, end: Element) -> bool:
    """Return whether nothing stands between a field's separator and its end, both in the same parent."""
    seen, ended = False, False
    for each in _between(separate, end):
        if each is separate:
            seen = True
        elif each is end:
            ended = True
        elif seen and name(each) != "w:rPr" and (name(each) != "w:t" or each.text):
            return False
    return ended


def _code(begin: Element, end: Element) -> str:
    return "".join(each.text or "" for each in _between(begin, end) if name(each) == "w:instrText").strip()


def _form_field(form: Element) -> str:
    """Return what an old form field holds (17.16.17); a text field's words stand behind the mark."""
    named = value(child(form, "w:name")) or ""
    said = f"form field {named}".strip()
    if (box := child(form, "w:checkBox")) is not None:
        checked = child(box, "w:checked")
        state = is_on(checked if checked is not None else child(box, "w:default"))
        return f"[{said}: {'☒' if state else '☐'}]"
    if (choices := child(form, "w:ddList")) is not None:
        entries = [value(each) or "" for each in children(choices, "w:listEntry")]
        chosen = number(child(choices, "w:result")) or number(child(choices, "w:default")) or 0
        picked = entries[chosen] if 0 <= chosen < len(entries) else ""
        return f"[{said}: {picked}; choices: {_listed(entries)}]"
    return f"[{said}] "


def _described(properties: Element | None) -> str:
    """Return what a content control is called and is, "" for one that says nothing of itself."""
    if properties is None:
        return ""
    title, tag = value(child(properties, "w:alias")) or "", value(child(properties, "w:tag")) or ""
    kinds = {_plain(each): each for each in properties}
    kind = next((word for each, word in _CONTROLS.items() if each in kinds), "")
    gallery = value(descend(properties, "w:docPartObj", "w:docPartGallery")) or ""
    called = title or tag or gallery
    if not called and not kind:
        return ""
    parts = [f"control {called}".strip() + (f" ({tag})" if tag and title and tag != title else "")]
    parts += [kind] if kind else []
    choices = kinds.get("w:dropDownList", kinds.get("w:comboBox"))
    entries = [value(e, "displayText") or value(e, "value") or "" for e in children(choices, "w:listItem")]
    parts += [f"choices {_listed([e for e in entries if e])}"] if entries else []
    parts += ["bound to data"] if "w:dataBinding" in kinds else []
    return ", ".join([*parts, *(["not filled in"] if is_on(kinds.get("w:showingPlcHdr")) else [])])


def _plain(element: Element) -> str:
    kind = name(element)
    return f"w15:{kind[2:]}" if kind.startswith("?:") else kind


def _listed(choices: list[str]) -> str:
    more = f" … {len(choices)} in all" if len(choices) > _MOST_CHOICES else ""
    return " | ".join(choices[:_MOST_CHOICES]) + more


def _ended(section: Element) -> str:
    """Return the mark of a section's end; how the next one begins is said by that one (17.6.22)."""
    sections = [s for s in every(section.getroottree().getroot(), "sectPr") if not is_old(s)]
    at = sections.index(section)
    following = sections[at + 1] if at + 1 < len(sections) else None
    how = _SECTIONS.get(value(child(following, "w:type")), "on a new page")
    return f" [section {at + 1} ends; the next begins {how}{_shape(following)}]"


def is_old(section: Element) -> bool:
    """Return whether this is how a section looked before a tracked change (17.13.5.32)."""
    above = section.getparent()
    return above is not None and name(above) == "w:sectPrChange"


def _shape(section: Element | None) -> str:
    landscape = value(child(section, "w:pgSz"), "orient") == "landscape"
    columns = number(child(section, "w:cols"), "num") or 1
    return (", landscape" if landscape else "") + (f", {columns} columns" if columns > 1 else "")


def targets(roots: list[Element]) -> frozenset[str]:
    """Return the names of the bookmarks that links and references of these parts lead to."""
    found = {value(link, "anchor") or "" for root in roots for link in every(root, "hyperlink")}
    for root in roots:
        codes = [each.text or "" for each in every(root, "instrText")]
        codes += [value(each, "instr") or "" for each in every(root, "fldSimple")]
        for code in codes:
            words = code.split()
            if len(words) > 1 and words[0].upper() in ("REF", "PAGEREF", "NOTEREF"):
                found.add(words[1].strip('"'))
    return frozenset(found - {""})
