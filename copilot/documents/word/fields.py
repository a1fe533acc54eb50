"""Fields (17.16): inserted from those that only show something, and computed anew."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from lxml import etree

from copilot.documents.hunks import Hunk
from copilot.documents.word import bookmarks, fieldcodes, spans
from copilot.documents.word.build import clean
from copilot.documents.word.document import Document, shortened
from copilot.documents.word.editing import Edit, Words, editor
from copilot.documents.word.fieldcodes import FieldCode
from copilot.documents.word.names import WORD_NAMESPACES, Element, every, new, value, within
from copilot.documents.word.notes import settings
from copilot.documents.word.numerals import formatted
from copilot.documents.word.order import set_child
from copilot.documents.word.properties import core_properties
from copilot.errors import ToolInputError

#: Fields that show something of the document and load, run or ask nothing (17.16.5).
HARMLESS = frozenset(
    {
        "AUTHOR", "CITATION", "COMMENTS", "CREATEDATE", "DATE", "DOCPROPERTY", "EDITTIME", "EQ",
        "FILENAME", "FILESIZE", "KEYWORDS", "LASTSAVEDBY", "LISTNUM", "NOTEREF", "NUMCHARS", "NUMPAGES",
        "NUMWORDS", "PAGE", "PAGEREF", "PRINTDATE", "QUOTE", "REF", "REVNUM", "SAVEDATE",
        "SECTION", "SECTIONPAGES", "SEQ", "STYLEREF", "SUBJECT", "SYMBOL", "TC", "TIME",
        "TITLE", "XE",
    }
)  # fmt: skip
#: Fields that show a property, by the name that the core properties give it (17.16.5).
_PROPERTIES = {
    "AUTHOR": "creator",
    "COMMENTS": "description",
    "KEYWORDS": "keywords",
    "LASTSAVEDBY": "lastModifiedBy",
    "SUBJECT": "subject",
    "TITLE": "title",
}
_SPOKEN = {"author": "creator", "comments": "description", "last author": "lastModifiedBy"}
_NUMBERS = {
    "arabic": "decimal", "roman": "lowerRoman", "ROMAN": "upperRoman", "alphabetic": "lowerLetter",
    "ALPHABETIC": "upperLetter", "ordinal": "ordinal",
}  # fmt: skip
#: A computation over the cells of a table and numbers, with how it is shown (17.16.3): '=SUM(ABOVE) \\# "0.00"'.
_FORMULA = re.compile(r"""=[\w\s(),:;+\-*/^.%<>]+(?:\\# ?(?:"[^"\\]*"|[#0.,%]+))?""")
_REFERENCES = frozenset({"REF", "NOTEREF"})


@dataclass
class Values:
    """What fields show, computed from a document as it is now."""

    document: Document
    _counts: dict[str, int] = field(default_factory=dict)

    @cached_property
    def _properties(self) -> dict[str, str]:
        found = core_properties(self.document.package)
        return {key.removeprefix("custom ").casefold(): words for key, words in found.items()}

    @cached_property
    def _starts(self) -> dict[str, Element]:
        return bookmarks.by_name(self.document)

    @cached_property
    def labels(self) -> dict[Element, str]:
        """The numbers of numbered paragraphs, by paragraph, as the page shows them."""
        numbering = self.document.numbering
        numbering.restart()
        found = {}
        for block in self.document.blocks:
            numbered = numbering.label(block.element) if block.kind == "paragraph" else None
            if numbered is not None and not numbered.bullet and numbered.label:
                found[block.element] = numbered.label
        return found

    def of(self, given: FieldCode) -> str | None:
        """Return what a field shows, None when that can't be told here. SEQ fields are asked for in order."""
        if given.kind == "SEQ":
            return self._sequence(given)
        if given.kind in _REFERENCES:
            return self._reference(given)
        if given.kind in _PROPERTIES:
            words = self._properties.get(_PROPERTIES[given.kind].casefold())
            return None if words is None else _cased(words, given)
        if given.kind == "DOCPROPERTY":
            key = given.argument.casefold()
            words = self._properties.get(_SPOKEN.get(key, key).casefold())
            return None if words is None else _cased(words, given)
        return _cased(given.argument, given) if given.kind == "QUOTE" else None

    def _sequence(self, given: FieldCode) -> str | None:
        """Return the number of a SEQ field (17.16.5.56)."""
        key = given.argument.casefold()
        if not key or given.has("\\s"):
            return None
        reset = given.option("\\r")
        if reset.isdigit():
            self._counts[key] = int(reset)
        elif not given.has("\\c"):
            self._counts[key] = self._counts.get(key, 0) + 1
        count = self._counts.get(key, 0)
        return "" if given.has("\\h") else _numbered(count, given)

    def _reference(self, given: FieldCode) -> str | None:
        r"""Return the text or number that a REF or NOTEREF field refers to; None with "\p", "\f" and the like."""
        start = self._starts.get(given.argument.casefold())
        if start is None or given.has("\\p") or given.has("\\f") or given.has("\\d"):
            return None
        if given.kind == "NOTEREF":
            return self._note(start)
        if any(given.has(switch) for switch in ("\\n", "\\r", "\\w")):
            paragraph = within(start, "w:p")
            label = self.labels.get(paragraph) if paragraph is not None else None
            return None if label is None else label.rstrip(".")
        words = bookmarks.text_of(start)
        return None if bookmarks.PARAGRAPH in words or not words else _cased(words, given)

    def _note(self, start: Element) -> str | None:
        for local in ("footnoteReference", "endnoteReference"):
            for each in start.itersiblings():
                found = next(every(each, local), None)
                if found is not None:
                    numbers = self.document.note_numbers(f"w:{local.removesuffix('Reference')}")
                    return str(numbers.get(value(found, "id") or "", "")) or None
        return None


def _numbered(count: int, given: FieldCode) -> str:
    formats = [_NUMBERS.get(each) or _NUMBERS.get(each.lower()) for each in given.words]
    return formatted(count, next((each for each in formats if each), "decimal"))


def _cased(words: str, given: FieldCode) -> str:
    for each in given.words:
        if each.lower() == "upper":
            return words.upper()
        if each.lower() == "lower":
            return words.lower()
        if each.lower() == "firstcap":
            return words[:1].upper() + words[1:]
    return words


# Inserting


@editor
def insert_field(document: Document, address: str, code: Words, after: str = "", result: Words = "") -> Edit:
    """Insert a field such as "PAGE" or 'DOCPROPERTY "Client"' behind words of a paragraph, or at its end.

    In a table "=SUM(ABOVE)" and the like compute over its cells. What a field shows is computed where it can be, else
    `result`; Word computes it anew when it opens the file. Fields that load, run or ask something are refused. Raises
    ToolInputError.
    """
    code = _checked(document, code)
    at = spans.span(document, address, after)
    given = parsed(code)
    values = Values(document)
    shown = values.of(given) if given.kind != "SEQ" else None
    unknown = shown is None and not result and given.kind != "SEQ"
    made = fieldcodes.made(at.block.element, code, shown or result, dirty=unknown)
    spans.write_behind(document, at, made)
    document.touch(at.block.story)
    if given.kind == "SEQ" and not result:
        refresh(document, {"SEQ"}, {given.argument.casefold()})
    behind = f", behind {at.words!r}" if after else ""
    shown_now = next((f.shown for f in fieldcodes.fields(at.block.element) if f.code == code), "")
    return Edit.of([Hunk(f"{at.block.where}{behind}", "", f"{{{code}}} {shown_now}".rstrip(), "structure")])


def parsed(code: str) -> FieldCode:
    """Return a field that stands nowhere, to ask for the parts of its instruction."""
    near = etree.Element(f"{{{WORD_NAMESPACES[0]}}}p")
    return FieldCode([new(near, "fldSimple", instr=code)], simple=True)


def _checked(document: Document, code: str) -> str:
    code = " ".join(clean(code, "code").strip().strip("{}").split())
    given = parsed(code)
    if not (given.kind in HARMLESS or _FORMULA.fullmatch(code)) or "{" in code or "}" in code:
        known = ", ".join(sorted(HARMLESS))
        hint = f"Allowed are {known}, and =SUM(ABOVE) or the like; links and tables of contents have their operations."
        raise ToolInputError(f"The field {given.kind or code!r} can't be inserted.", hint=hint, code="field")
    if given.kind in ("REF", "PAGEREF", "NOTEREF"):
        bookmarks.required(document, given.argument)
    return code


# Updating


@editor
def update_fields(document: Document, on_open: bool = False) -> Edit:
    """Compute captions' numbers, cross-references, properties and tables of contents anew, as far as it can be done.

    Pages and dates are left; with `on_open` Word is told to update all fields when it opens the file (it asks first).
    Raises ToolInputError "unchanged" when all is up to date.
    """
    from copilot.documents.word.toc import update_all

    hunks = refresh(document, None)
    tables, warnings = update_all(document)
    hunks += tables
    warnings += _lost(document)
    if on_open and document.setting("w:updateFields") is None:
        part = settings(document)
        set_child(document.package.xml(part), "updateFields", val="true")
        document.package.touch(part)
        hunks.append(Hunk("settings", "", "fields are updated when the file is opened", "format"))
    if not hunks:
        told = f" {' '.join(warnings)}" if warnings else ""
        raise ToolInputError(f"The fields show what they should already.{told}", code="unchanged")
    return Edit.of(hunks, warnings)


def _each(document: Document) -> Iterator[tuple[str, FieldCode]]:
    for part in bookmarks.parts(document):
        for each in fieldcodes.fields(document.package.xml(part)):
            yield part, each


def refresh(document: Document, kinds: Iterable[str] | None, names: Iterable[str] | None = None) -> list[Hunk]:
    """Compute fields of these kinds (and with these first words, in small letters), SEQ fields first; say what changed.

    None takes all.
    """
    wanted, named = (None if each is None else frozenset(each) for each in (kinds, names))
    hunks = []
    for first in (True, False):
        values = Values(document)
        for part, each in list(_each(document)):
            shown = values.of(each) if (each.kind == "SEQ") is first else None
            if shown is None or (wanted is not None and each.kind not in wanted):
                continue
            if named is not None and each.argument.casefold() not in named:
                continue
            if shown != each.shown and (hunk := _set(document, part, each, shown)):
                hunks.append(hunk)
    return hunks


def _set(document: Document, part: str, given: FieldCode, shown: str) -> Hunk | None:
    before = given.shown
    paragraph = within(given.marks[0], "w:p")
    block = None if paragraph is None else document.block_of(paragraph)
    if not given.set_result(shown):
        return None
    story = next(s for s in document.stories if s.part == part)
    document.touch(block.story if block else story)
    where = block.where if block else story.label
    return Hunk(where, f"{{{given.code}}} {before}", f"{{{given.code}}} {shown}", "text")


def references(document: Document) -> dict[str, str]:
    """Return what each bookmark that fields refer to reads, by its name in small letters."""
    found = {}
    starts = bookmarks.by_name(document)
    for _, each in _each(document):
        if each.kind in _REFERENCES and (start := starts.get(each.argument.casefold())) is not None:
            found[each.argument.casefold()] = bookmarks.text_of(start)
    return found


def follow(document: Document, before: dict[str, str]) -> list[Hunk]:
    """Let the references to bookmarks that read something else than `before` follow; say what changed."""
    changed = {key for key, words in references(document).items() if before.get(key, words) != words}
    return refresh(document, _REFERENCES, changed) if changed else []


def _lost(document: Document) -> list[str]:
    lost = []
    starts = bookmarks.by_name(document)
    for _, each in _each(document):
        refers = each.kind in _REFERENCES or each.kind == "PAGEREF"
        if refers and each.argument and each.argument.casefold() not in starts:
            lost.append(each.argument)
    named = ", ".join(dict.fromkeys(shortened(each) for each in lost[:5]))
    return [f"{len(lost)} references lead to a bookmark that is not there: {named}."] if lost else []


#: The operations of this module.
OPERATIONS = (insert_field, update_fields)
