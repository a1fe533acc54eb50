"""Mail merge: a template filled once for each row of data, into a document each or into one of them all."""

from __future__ import annotations

import copy
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from copilot.documents.hunks import Edited, Hunk
from copilot.documents.word.document import Document
from copilot.documents.word.names import Element, add, child, descend, every, name, namespace, new, relationship, value
from copilot.documents.word.order import ensure, put, set_child
from copilot.documents.word.templates import Template, Unfilled
from copilot.documents.word.templates.filling import Missing
from copilot.documents.word.templates.values import MISSING, Scope, plain, written
from copilot.errors import ToolInputError

Row = Mapping[str, Any]

_MAIN = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
_PLACE = re.compile(r"\{([^{}:]+)(?::(\d{1,2}))?\}")
_UNSAFE = re.compile(r'[\\/:*?"<>|\x00-\x1f\x7f]+')
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|\Z)")
_LONGEST = 120  # bytes of a file's name without its ending; systems allow 255 in all
_KEPT = 200  # places that a report names


@dataclass(frozen=True, slots=True)
class Merged:
    """The document of one row (`row` counts from 1): the name for its file, and what stayed unfilled in it."""

    name: str
    edited: Edited
    unfilled: tuple[Unfilled, ...]
    row: int


@dataclass
class Report:
    """What became of a merge so far.

    `done`: rows that gave a document. `unfilled`: in how many rows each mark stayed unfilled. `skipped`: row and why.
    """

    done: int = 0
    unfilled: dict[Unfilled, int] = field(default_factory=dict)
    skipped: list[tuple[int, str]] = field(default_factory=list)

    def count(self, unfilled: Iterable[Unfilled]) -> None:
        """Note a row that gave a document."""
        self.done += 1
        for each in unfilled:
            self.unfilled[each] = self.unfilled.get(each, 0) + 1

    def lines(self) -> list[str]:
        """Return the report as sentences for a person."""
        found = [f"{_rows(self.done)} merged."]
        found += [f"{u.mark} in {u.where} stayed unfilled in {_rows(n)}." for u, n in [*self.unfilled.items()][:_KEPT]]
        found += [f"Row {row} was skipped: {reason}" for row, reason in self.skipped[:_KEPT]]
        return found


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


class Merge(Iterator[Merged]):
    """The documents of a merge, made one at a time as they are asked for; `report` tells of those made so far."""

    def __init__(self, template: Template, rows: Iterable[Row], pattern: str, missing: Missing) -> None:
        self._template = template
        self._names = _Names(pattern, macros=template.document().package.macros)
        self._rows = enumerate(rows, 1)
        self._missing: Missing = missing
        self.report = Report()

    def __next__(self) -> Merged:
        for number, row in self._rows:
            made = self._merged(number, row)
            if made is not None:
                self.report.count(made.unfilled)
                return made
        raise StopIteration

    def _merged(self, number: int, row: Row) -> Merged | None:
        if _is_blank(row):
            self.report.skipped.append((number, "it is empty."))
            return None
        document = self._template.document()
        filling = self._template.filling(document, self._missing)
        try:
            filling.run(row)
        except ToolInputError as error:
            self.report.skipped.append((number, str(error)))
            return None
        _detach(document)
        edited = document.finish(filling.hunks)
        return Merged(self._names.of(number, row), edited, tuple(filling.unfilled), number)


def merge(
    template: bytes, rows: Iterable[Row], *, name: str = "{n:03}-{name}.docx", missing: Missing = "keep"
) -> Merge:
    """Return an iterator over the documents of a template, one for each row, with a `report`.

    `name` makes their files' names: `{n}` is the row's number (`{n:03}` with zeros), `{column}` a value of the row;
    what no file's name can hold is left out, and names are unique. Rows that are empty or can't be filled are skipped,
    which the report tells. Rows hold typed values; `templates.Shown` gives one the text that its workbook shows. Only
    one document is held at a time. Raises ToolInputError for a template that can't be filled at all, DocumentError.
    """
    return Merge(Template(template), rows, name, missing)


def _is_blank(row: Row) -> bool:
    return all(plain(each) is None or not str(plain(each)).strip() for each in row.values())


class _Names:
    """File names after a pattern, each of them once."""

    def __init__(self, pattern: str, *, macros: bool) -> None:
        stem, ending = posixpath.splitext(pattern)
        if ending.lower() not in (".docx", ".docm", ""):
            raise ToolInputError(f"name is {pattern!r}, but Word documents end in .docx.", code="name")
        self._stem = stem
        self._ending = ".docm" if macros else ".docx"
        self._taken: set[str] = set()

    def of(self, number: int, row: Row) -> str:
        """Return the name for a row."""
        scope = Scope(row)
        stem = _safe(_PLACE.sub(lambda found: _part(found, number, scope), self._stem)) or f"{number:03}"
        made, count = stem, 1
        while made.casefold() in self._taken:
            count += 1
            made = f"{stem} ({count})"
        self._taken.add(made.casefold())
        return made + self._ending


def _part(found: re.Match[str], number: int, scope: Scope) -> str:
    value_, _ = (number, ()) if found[1] == "n" else scope.find(found[1])
    if value_ is MISSING or isinstance(plain(value_), Mapping | list | bytes):
        return ""
    text = getattr(value_, "text", None) or written(plain(value_)) if plain(value_) is not None else ""
    return text.zfill(int(found[2])) if found[2] else text


def _safe(stem: str) -> str:
    """Return what a file may be called on every system."""
    found = _UNSAFE.sub("-", " ".join(stem.split())).strip(" .-")
    found = found.encode("utf-8", "ignore")[:_LONGEST].decode("utf-8", "ignore").rstrip(" .-")
    return f"_{found}" if _RESERVED.match(found) else found


def _detach(document: Document) -> None:
    """Make a merged document one of its own: no main document of a mail merge, no template (17.14.20)."""
    package = document.package
    for part in package.related(document.main, "settings"):
        root = package.xml(part) if package.has(part) else None
        found = child(root, "w:mailMerge")
        if found is not None and root is not None:
            root.remove(found)
            package.touch(part)
    if "template.main" in package.content_type(document.main):
        package.add(document.main, package.read(document.main), _MAIN)


# Into one document


@dataclass(frozen=True, slots=True)
class Combined:
    """A document that holds the pages of every row, each in sections of its own, and the report of the merge."""

    edited: Edited
    report: Report


def combine(template: bytes, rows: Iterable[Row], *, missing: Missing = "keep") -> Combined:
    """Return one document with the template filled once for each row.

    Every row begins on a new page in a section of its own, with its own headers and footers where these hold marks;
    page numbers and numbered lists begin anew. Raises ToolInputError as `merge` does, also when no row is left;
    DocumentError.
    """
    made = _Combining(Template(template), missing)
    for number, row in enumerate(rows, 1):
        made.add(number, row)
    return made.done()


class _Combining:
    def __init__(self, template: Template, missing: Missing) -> None:
        self._template = template
        self._document = template.document()
        self._filling = template.filling(self._document, missing)
        body = self._document.body
        section = child(body, "w:sectPr")
        self._section = add(body, "sectPr") if section is None else section
        self._pattern = [copy.deepcopy(each) for each in body if each is not self._section]
        self._pristine = copy.deepcopy(self._section)
        self._shared = [p for p in template.compiled.parts if p != self._document.main]
        self._originals = {part: copy.deepcopy(self._document.package.xml(part)) for part in self._shared}
        for each in [e for e in body if e is not self._section]:
            body.remove(each)
        self._filling.copier.remember_notes()
        self._report = Report()
        self._hunks: list[Hunk] = []

    def add(self, number: int, row: Row) -> None:
        """Add the pages of a row."""
        if _is_blank(row):
            self._report.skipped.append((number, "it is empty."))
            return
        before = dict(self._filling.unfilled)
        self._filling.unfilled.clear()
        first = not self._report.done
        copies = [copy.deepcopy(each) for each in self._pattern] if first else self._copies()
        if not first:
            self._close_section()
        for each in copies:
            self._section.addprevious(each)
        try:
            self._fill(copies, row, first=first)
        except ToolInputError as error:
            raise ToolInputError(f"Row {number}: {error.message}", hint=error.hint, code=error.code) from None
        self._report.count(self._filling.unfilled)
        self._filling.unfilled.update(before)
        self._hunks.append(Hunk(f"row {number}", "", ", ".join(str(plain(each)) for each in row.values()), "structure"))

    def _copies(self) -> list[Element]:
        made = self._filling.copier.copies(self._pattern)
        _restart_lists(self._document, made)
        return made

    def _fill(self, copies: list[Element], row: Row, *, first: bool) -> None:
        scope = Scope(row)
        self._filling.fill_copy(copies, scope)
        sections = [self._section, *(e for each in copies for e in every(each, "sectPr"))]
        for part in self._shared:
            made = part if first else self._own_part(part, sections)
            if made is not None:
                root = self._document.package.xml(made)
                self._filling.fill_copy([root], scope)
                self._document.package.touch(made)

    def _close_section(self) -> None:
        """End the section of the row before, and let that of the next one begin on a new page (17.6.22)."""
        section = copy.deepcopy(self._section)
        section.tail = None
        last = self._section.getprevious()
        if last is None or name(last) != "w:p" or descend(last, "w:pPr", "w:sectPr") is not None:
            last = new(self._section, "p")
            self._section.addprevious(last)
        put(ensure(last, "pPr"), section)
        fresh = copy.deepcopy(self._pristine)
        body = self._document.body
        body.replace(self._section, fresh)
        self._section = fresh
        if value(child(fresh, "w:type")) == "continuous":
            set_child(fresh, "type", val="nextPage")
        numbers = ensure(fresh, "pgNumType")
        if value(numbers, "start") is None:
            numbers.set(f"{{{namespace(numbers)}}}start", "1")

    def _own_part(self, part: str, sections: list[Element]) -> str | None:
        """Return a copy of a header or footer for the sections of a row; None for one that they don't show."""
        package, main = self._document.package, self._document.main
        relations = {r.id: r for r in package.relationships(main) if r.target == part}
        kinds = ("headerReference", "footerReference")
        asking = [e for s in sections for k in kinds for e in every(s, k) if relationship(e) in relations]
        if not asking:
            return None
        folder, _, file = part.rpartition("/")
        made = package.unused_name(f"{folder}/{re.sub(r'[0-9]*[.]xml$', '', file)}{{}}.xml")
        package.add(made, package.read(part), package.content_type(part))
        root = copy.deepcopy(self._originals[part])
        package.adopt(made, root)
        self._filling.homes[root] = made
        rels = f"{folder}/_rels/{file}.rels"
        if package.has(rels):
            package.write(f"{folder}/_rels/{made.rpartition('/')[2]}.rels", package.read(rels))
        link = package.relate(main, next(iter(relations.values())).type, made)
        for each in asking:
            for key in [k for k in each.attrib if str(k).endswith("}id")]:
                each.set(key, link)
        return made

    def done(self) -> Combined:
        """Return the document; raises ToolInputError when no row gave a page."""
        if not self._report.done:
            raise ToolInputError("There is no row to merge.", hint="Give at least one that is not empty.", code="rows")
        self._filling.tidy()
        self._document.touch(self._document.stories[0])
        _detach(self._document)
        return Combined(self._document.finish(self._hunks), self._report)


def _restart_lists(document: Document, elements: Iterable[Element]) -> None:
    """Give the numbered lists of a copy instances of their own, so that they count from the beginning (17.9.15).

    Paragraphs that are in a list by their style get the new one by themselves.
    """
    numbering = document.numbering
    lists: dict[str, str] = {}
    for paragraph in [e for made in elements for e in every(made, "p")]:
        found = numbering.of(paragraph)
        if found is None or numbering.bullets(found[0]) is not False:
            continue
        old, level = found
        if old not in lists:
            lists[old] = numbering.restarted(old, 0, numbering.start_of(old))
        made = new(paragraph, "numPr")
        add(made, "ilvl", val=str(level))
        add(made, "numId", val=lists[old])
        put(ensure(paragraph, "pPr"), made)
