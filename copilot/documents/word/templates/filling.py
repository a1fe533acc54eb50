"""Filling a template: its marks replaced by values, its loops repeated, its conditions decided."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from copilot.documents.hunks import Edited, Hunk, HunkKind
from copilot.documents.word.document import Document, shortened
from copilot.documents.word.names import Element, every, name, value, within
from copilot.documents.word.templates.compiling import Compiled
from copilot.documents.word.templates.copies import Copier
from copilot.documents.word.templates.drawn import drawing
from copilot.documents.word.templates.elements import TAG, WAS, all_marks, number_of, paragraphs_text, remove
from copilot.documents.word.templates.marks import Mark, emu
from copilot.documents.word.templates.values import (
    MISSING,
    Path,
    Scope,
    is_list,
    is_yes,
    leaves,
    picture_bytes,
    plain,
    shown,
)
from copilot.documents.word.templates.writing import (
    BLOCKS,
    drop_paragraph,
    drop_table,
    end_well,
    holds_blocks,
    part_tables,
    put_text,
    restore,
    show_content,
    take_out,
    unwrap_field,
)

#: What is done with marks whose value is missing: left as they are, filled with nothing, refused.
Missing = Literal["keep", "blank", "error"]

_NOTES = ("footnote", "endnote")
_SHOWN = 400  # characters of a loop's result that a change shows


@dataclass(frozen=True, slots=True)
class Unfilled:
    """A mark that got no value: the name it asks for, its words, and where it stands in the template."""

    name: str
    mark: str
    where: str


@dataclass(frozen=True, slots=True)
class Filled:
    """A filled template, with every mark that got no value and every value that no mark asked for (as a.b.c)."""

    edited: Edited
    unfilled: tuple[Unfilled, ...]
    unused: tuple[str, ...]


@dataclass
class Filling:
    """One filling of a document whose marks are elements already."""

    document: Document
    compiled: Compiled
    missing: Missing = "keep"
    language: str = ""
    unfilled: dict[Unfilled, None] = field(default_factory=dict)
    hunks: list[Hunk] = field(default_factory=list)
    _seen: set[Element] = field(default_factory=set)
    _emptied: dict[Element, None] = field(default_factory=dict)
    _around: dict[Element, None] = field(default_factory=dict)
    _copier: Copier | None = None
    #: Marks that stand in a paragraph which came back, and are not decided on themselves, by number.
    _left: dict[int, Element] = field(default_factory=dict)
    #: The parts in which a mark was filled.
    touched: dict[str, None] = field(default_factory=dict)
    #: The part that each root of marks belongs to.
    homes: dict[Element, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for part in self.compiled.parts:
            self.homes[self.document.package.xml(part)] = part

    def run(self, data: Mapping[str, Any]) -> set[Path]:
        """Fill every part and return the paths of the values that were looked up; raises ToolInputError."""
        scope = Scope(data)
        for part in self.compiled.parts:
            root = self.document.package.xml(part)
            self._fill(all_marks([root]), scope, top=True)
        for part in self.touched:
            self.document.package.touch(part)
        self.tidy()
        for code, where in self.compiled.strange:
            self.unfilled[Unfilled("", code, where)] = None
        return scope.used

    @property
    def copier(self) -> Copier:
        """What makes copies."""
        if self._copier is None:
            self._copier = Copier(self.document)
        return self._copier

    def _fill(self, marks: list[Element], scope: Scope, *, top: bool = False) -> None:
        for element in marks:
            if element in self._seen:
                continue
            self._seen.add(element)
            mark = self.compiled.marks[number_of(element)]
            if element.tag == WAS or mark.kind in ("else", "end"):
                take_out(element)
            elif mark.kind in ("each", "if"):
                self._block(element, mark, scope, top=top)
            elif mark.kind == "image":
                self._image(element, mark, scope)
            else:
                self._value(element, mark, scope, top=top)

    # Values

    def _value(self, element: Element, mark: Mark, scope: Scope, *, top: bool) -> None:
        found, _ = scope.find(mark.name)
        if found is MISSING:
            found = self._default(mark)
        if found is MISSING:
            self._miss(mark)
            if self.missing == "keep":
                restore(element, mark)
                return
            found = ""
        words = shown(found, mark, self.language)
        self.touched[self._part(element)] = None
        show_content(element)
        if top:
            self._say(mark, words)
        if mark.kind == "field":
            unwrap_field(element, words)
        else:
            put_text(element, words)

    def _say(self, mark: Mark, after: str, kind: HunkKind = "text") -> None:
        if not mark.copy:
            self.hunks.append(Hunk(mark.where, mark.text, after, kind))

    @staticmethod
    def _default(mark: Mark) -> Any:
        return next((each.argument for each in mark.filters if each.kind == "default"), MISSING)

    def _miss(self, mark: Mark) -> None:
        if self.missing == "error":
            hint = f'Give a value for {mark.name!r}, or pass missing="keep" or "blank".'
            raise mark.error("there is no value for it.", hint=hint, code="missing")
        if not mark.copy:
            self.unfilled[Unfilled(mark.name, mark.text, mark.where)] = None

    def _image(self, element: Element, mark: Mark, scope: Scope) -> None:
        found, _ = scope.find(mark.name)
        if found is MISSING:
            self._miss(mark)
            if self.missing == "keep":
                put_text(element, mark.text)
                return
            found = None
        self.touched[self._part(element)] = None
        if found is None:
            put_text(element, "")
            return
        picture = picture_bytes(found)
        if picture is None:
            hint = 'Give its bytes, or "data:image/png;base64,...".'
            raise mark.error(f"{mark.name!r} is no picture.", hint=hint, code="value")
        data, alt = picture
        sizes = {each.kind: emu(each.argument) for each in mark.filters if each.kind in ("width", "height")}
        number = self.copier.unique("docPr")
        element.addprevious(drawing(self.document, element, self._part(element), data, number, alt=alt, **sizes))
        self._say(mark, "a picture" + (f": {alt}" if alt else ""))
        take_out(element)

    def _part(self, element: Element) -> str:
        """Return the name of the part that an element stands in."""
        return self.homes[element.getroottree().getroot()]

    # Loops and conditions

    def _block(self, begin: Element, mark: Mark, scope: Scope, *, top: bool) -> None:
        body, middle, other, end = self._parts(begin, mark)
        found, path = scope.find(mark.name)
        if found is MISSING:
            if mark.kind == "each":
                self._miss(mark)
            if mark.kind == "each" and self.missing == "keep":
                self._keep([begin, *body, end])
                return
        self.touched[self._part(begin)] = None
        if mark.kind == "each":
            made = self._repeat(body, mark, scope.inside, _items(found, mark), path)
        else:
            made = self._choose(body, other, scope, yes=is_yes(found))
        if top:
            after = paragraphs_text(made) or _words(made)
            self._say(mark, shortened(after, _SHOWN), "structure")
        parent = begin.getparent()
        assert parent is not None
        self._around[parent] = None
        if name(parent) not in BLOCKS and (paragraph := _self_or_within(parent)) is not None:
            self._emptied[paragraph] = None
        for each in (begin, *middle, end):
            self._seen.update(all_marks([each]))
            self._go(each)

    def _parts(self, begin: Element, mark: Mark) -> tuple[list[Element], list[Element], list[Element], Element]:
        """Return what stands between a mark and its else (or end), the else, what stands behind it, and the end."""
        last, half = self.compiled.ends[mark.number], self.compiled.elses.get(mark.number)
        body: list[Element] = []
        middle: list[Element] = []
        other: list[Element] = []
        for each in begin.itersiblings():
            number = number_of(each) if each.tag == TAG else None
            if number == last:
                return body, middle, other, each
            into = other if middle else body
            (middle if number is not None and number == half else into).append(each)
        raise mark.error("its end is not beside it.", code="nesting")

    def _choose(self, body: list[Element], other: list[Element], scope: Scope, *, yes: bool) -> list[Element]:
        """Keep one branch of a condition, filled, and remove the other."""
        made, dropped = (body, other) if yes else (other, body)
        self._drop(dropped)
        self._fill(all_marks(made), scope)
        return made

    def _repeat(
        self, body: list[Element], mark: Mark, inside: Callable[..., Scope], items: Sequence[Any], path: Path
    ) -> list[Element]:
        """Return the body once for each item, filled: copies, and at last the body itself."""
        if not items:
            self._drop(body)
        made: list[Element] = []
        for number, item in enumerate(items, 1):
            copies = body if number == len(items) else self.copier.copies(body)
            for each in copies if copies is not body else ():
                body[0].addprevious(each)
            made += copies
            part_tables(copies)
            self.fill_copy(copies, inside(item, path, number, len(items)))
        return made

    def fill_copy(self, copies: list[Element], scope: Scope) -> None:
        """Fill elements, and the notes that they refer to, with the values of one item."""
        self._fill(all_marks(copies), scope)
        for reference in [e for c in copies for kind in _NOTES for e in every(c, f"{kind}Reference")]:
            note = self.copier.notes.get(reference)
            note = self._note(reference) if note is None else note
            if note is not None:
                self._fill(all_marks([note]), scope)

    def _note(self, reference: Element) -> Element | None:
        kind, wanted = name(reference)[2:].removesuffix("Reference"), value(reference, "id")
        for part in self.document.package.related(self.document.main, f"{kind}s"):
            for each in every(self.document.package.xml(part), kind):
                if value(each, "id") == wanted:
                    return each
        return None

    def _drop(self, elements: list[Element]) -> None:
        self._seen.update(all_marks(elements))
        for each in elements:
            remove(each)

    def _keep(self, elements: list[Element]) -> None:
        """Leave a loop as it stands: its marks become text again."""
        marks = all_marks(elements)
        kept = {number_of(each) for each in marks}
        for each in marks:
            self._seen.add(each)
            self._stay(each, kept)

    def _stay(self, element: Element, kept: set[int]) -> None:
        """Let a mark be text again; others of its paragraph that are not kept have yet to be decided on."""
        number = number_of(element)
        if (left := self._left.pop(number, None)) is not None:
            put_text(left, self.compiled.marks[number].text)
            remove(element)
            return
        inside = [each for each in element.iter(WAS) if each is not element]
        restore(element, self.compiled.marks[number])
        for each in inside:
            if number_of(each) in kept:
                put_text(each, self.compiled.marks[number_of(each)].text)
            else:
                self._left[number_of(each)] = each

    def _go(self, element: Element) -> None:
        """Take a mark out; the paragraph that it holds for others of it, too, goes to the next of them."""
        number = number_of(element)
        if (left := self._left.pop(number, None)) is not None:
            take_out(left)
        others = [number_of(each) for each in element.iter(WAS) if number_of(each) != number]
        heirs = [e for e in element.itersiblings() if others and e.tag == TAG and number_of(e) == others[0]]
        if heirs and not len(heirs[0]):
            for each in [e for e in element.iter(WAS) if number_of(e) == number]:
                take_out(each)
            heirs[0].extend(list(element))
        take_out(element)

    # Afterwards

    def tidy(self) -> None:
        """Remove paragraphs and tables of which nothing is left, and give what holds blocks the one it has to have."""
        for paragraph in self._emptied:
            drop_paragraph(paragraph)
        for parent in self._around:
            if name(parent) == "w:tbl" or (name(parent) == "w:sdtContent" and not holds_blocks(parent)):
                drop_table(parent)
            end_well(parent)


def _items(found: Any, mark: Mark) -> Sequence[Any]:
    items = plain(found)
    if items is MISSING or items is None:
        return ()
    if not is_list(items):
        hint = "Give a list, one item for each repetition."
        raise mark.error(f"{mark.name!r} is no list.", hint=hint, code="value")
    return cast(Sequence[Any], items)


def _words(elements: Iterable[Element]) -> str:
    return "".join(part.text or "" for each in elements for part in every(each, "t"))


def _self_or_within(element: Element) -> Element | None:
    return element if name(element) == "w:p" else within(element, "w:p")


def unused(data: Mapping[str, Any], used: set[Path]) -> tuple[str, ...]:
    """Return the names of the values that were never looked up."""
    found = dict.fromkeys(leaves(data))
    return tuple(".".join(path) for path in found if path not in used)
