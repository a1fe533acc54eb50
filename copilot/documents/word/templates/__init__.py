"""Templates: documents with marks such as `{{customer.name}}`, loops, conditions and merge fields, filled from data.

The language of the marks is told in marks.py. Nothing in it is run, and a value that looks like a mark stays text.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from copilot.documents.operations import FileContents
from copilot.documents.word.document import Document
from copilot.documents.word.editing import Edit, editor
from copilot.documents.word.names import descend, value
from copilot.documents.word.templates.compiling import Compiled, compiled
from copilot.documents.word.templates.elements import TAG, number_of
from copilot.documents.word.templates.filling import Filled, Filling, Missing, Unfilled, unused
from copilot.documents.word.templates.marks import Mark
from copilot.documents.word.templates.values import Shown
from copilot.errors import ToolInputError

__all__ = [
    "OPERATIONS",
    "Field",
    "Filled",
    "Missing",
    "Shown",
    "Template",
    "Unfilled",
    "fields",
    "fill",
    "fill_template",
]

_KINDS = {"value": "text", "image": "picture", "each": "list", "if": "condition", "field": "merge field"}
_NAMED = 12  # that a warning names


@dataclass(frozen=True, slots=True)
class Field:
    """What a template asks for: a name, its kind, where it stands first, and its words there.

    `kind`: text, picture, list, condition, merge field. `inner` are the fields that a loop asks of each item (they may
    also come from what is around it); those inside of a condition stand beside it.
    """

    name: str
    kind: str
    where: str
    mark: str
    inner: tuple[Field, ...] = ()


class Template:
    """A template, parsed once, to be filled many times."""

    def __init__(self, content: bytes) -> None:
        """Read the marks of a document.

        Raises ToolInputError that names mark and place when one can't be read or is not closed, "no_marks" when there
        is none; DocumentError.
        """
        self._content = content
        document = Document(content)
        self.compiled = compiled(document)
        _refuse_plain(self.compiled)
        self._roots = {part: document.package.xml(part) for part in self.compiled.parts}
        self.language = language(document)

    def document(self) -> Document:
        """Return a document whose marks are elements, ready to be filled."""
        made = Document(self._content)
        for part, root in self._roots.items():
            made.package.adopt(part, copy.deepcopy(root))
        return made

    def filling(self, document: Document, missing: Missing = "keep") -> Filling:
        """Return a filling of a document that came from `document`."""
        return Filling(document, self.compiled, missing, self.language)

    def fill(self, data: Mapping[str, Any], *, missing: Missing = "keep") -> Filled:
        """Return the template filled with some data; raises ToolInputError that names mark and place."""
        return _filled(self.filling(self.document(), missing), data)


def fill(content: bytes, data: Mapping[str, Any], *, missing: Missing = "keep") -> Filled:
    """Return a template filled with `data`, with what stayed unfilled and what of the data was not used.

    Values are texts, numbers, truth values, dates (or their ISO texts), `Shown`, pictures (bytes, a data URI or
    {"data", "alt"}), mappings, and lists for loops. `missing`: what has no value stays as it is ("keep"), becomes
    nothing ("blank") or is refused ("error"). Raises ToolInputError that names mark and place, DocumentError.
    """
    document = Document(content)
    marks = compiled(document)
    _refuse_plain(marks)
    return _filled(Filling(document, marks, missing, language(document)), data)


def _filled(filling: Filling, data: Mapping[str, Any]) -> Filled:
    used = filling.run(data)
    edited = filling.document.finish(filling.hunks)
    return Filled(edited, tuple(filling.unfilled), unused(data, used))


def _refuse_plain(marks: Compiled) -> None:
    if not marks.marks:
        hint = (
            "A template holds marks such as {{name}} or merge fields; content controls are filled with fill_controls."
        )
        strange = f" It has fields that only Word can fill ({marks.strange[0][0]})." if marks.strange else ""
        raise ToolInputError(f"The document has no mark to fill.{strange}", hint=hint, code="no_marks")


def language(document: Document) -> str:
    """Return the language of a document's text ("de-DE"), by its defaults (17.7.5.1); "" if it says none."""
    for part in document.package.related(document.main, "styles"):
        if document.package.has(part):
            found = descend(document.package.xml(part), "w:docDefaults", "w:rPrDefault", "w:rPr", "w:lang")
            if found is not None and value(found):
                return value(found) or ""
    return value(document.setting("w:themeFontLang")) or ""


@editor
def fill_template(
    document: Document, values: dict[str, Any], *, pictures: FileContents = None, missing: Missing = "keep"
) -> Edit:
    """Fill {{marks}}, loops, conditions and merge fields with `values`; `missing`: keep, blank or error.

    Lists of objects fill {{#each ...}}; `pictures` are files for {{image:name}} by name. Warnings name what stayed
    unfilled or was not used. Raises ToolInputError that names mark and place.
    """
    marks = compiled(document)
    _refuse_plain(marks)
    filling = Filling(document, marks, missing, language(document))
    data = {**values, **(pictures or {})}
    used = filling.run(data)
    for story in [s for s in document.stories if s.part in filling.touched]:
        document.touch(story)
    if not filling.hunks:
        names = ", ".join(dict.fromkeys(each.name for each in filling.unfilled))
        raise ToolInputError(
            "None of the values fills a mark.", hint=f"The document asks for: {names}.", code="unchanged"
        )
    return Edit.of(filling.hunks, report(list(filling.unfilled), unused(data, used)))


def report(unfilled: Sequence[Unfilled], left: Sequence[str]) -> list[str]:
    """Return what to warn about after a filling."""
    found = []
    if unfilled:
        found.append(f"{len(unfilled)} unfilled: " + _listed([f"{u.mark} ({u.where})" for u in unfilled]))
    if left:
        found.append(f"{len(left)} value{'' if len(left) == 1 else 's'} not used: " + _listed(list(left)))
    return found


def _listed(words: list[str]) -> str:
    more = f" and {len(words) - _NAMED} more" if len(words) > _NAMED else ""
    return f"{', '.join(words[:_NAMED])}{more}."


# What a template asks for


def fields(content: bytes) -> tuple[Field, ...]:
    """Return what a template asks for, each name once at its level; raises what reading its marks raises.

    Fields of Word that ask for data in other ways (IF, NEXT, ASK) come with the kind "field of Word".
    """
    document = Document(content)
    marks = compiled(document)
    found: list[Field] = []
    for part in marks.parts:
        _gather(iter([marks.marks[number_of(e)] for e in document.package.xml(part).iter(TAG)]), found)
    found += [Field("", "field of Word", where, code) for code, where in marks.strange]
    return tuple(found)


def _gather(marks: Iterator[Mark], into: list[Field]) -> None:
    """Add the fields of marks up to the end of a loop."""
    for mark in marks:
        if mark.kind == "end" and mark.closes == "each":
            return
        if mark.kind in ("else", "end") or mark.name.startswith("@"):
            continue
        inner: list[Field] = []
        if mark.kind == "each":
            _gather(marks, inner)
        _note(into, Field(mark.name, _KINDS[mark.kind], mark.where, mark.text, tuple(inner)))


def _note(into: list[Field], found: Field) -> None:
    same = next((i for i, f in enumerate(into) if (f.name, f.kind) == (found.name, found.kind)), None)
    if same is None:
        into.append(found)
        return
    inner = list(into[same].inner)
    for each in found.inner:
        _note(inner, each)
    into[same] = replace(into[same], inner=tuple(inner))


#: The operations of this package.
OPERATIONS = (fill_template,)
