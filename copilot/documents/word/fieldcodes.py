"""Fields as they stand in a part (17.16): their codes and results, found, made and set."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from copilot.documents.word import text
from copilot.documents.word.names import Element, add, every, name, namespace, new, value, within

_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|(\\?[^\s"\\]+|\\.)')
#: What of a run's children is text of a result; anything else (a picture) keeps a result from being set.
_TEXTUAL = frozenset({"w:t", "w:tab", "w:br", "w:cr", "w:noBreakHyphen", "w:softHyphen", "w:rPr", ""})


@dataclass
class FieldCode:
    """A field: `marks` are its `w:fldChar` elements, or the one `w:fldSimple` that it is.

    `result` are the children of runs that show its result, those of fields inside of it included.
    """

    marks: list[Element]
    code_parts: list[Element] = field(default_factory=list)
    result: list[Element] = field(default_factory=list)
    simple: bool = False

    @property
    def code(self) -> str:
        """The instruction as it is written, such as 'REF _Ref1 \\h'."""
        if self.simple:
            return (value(self.marks[0], "instr") or "").strip()
        return "".join(part.text or "" for part in self.code_parts).strip()

    @property
    def words(self) -> list[str]:
        """The instruction in words, quotes taken off."""
        return [(quoted or plain).replace('\\"', '"') for quoted, plain in _WORD.findall(self.code)]

    @property
    def kind(self) -> str:
        """What the field is, in capitals: "REF", "SEQ" ...; "" when it says nothing."""
        words = self.words
        return words[0].upper() if words else ""

    @property
    def argument(self) -> str:
        """The first word behind the kind that is no switch, "" if there is none."""
        return next((word for word in self.words[1:2] if not word.startswith("\\")), "")

    def has(self, switch: str) -> bool:
        r"""Return whether a switch such as "\\h" is given."""
        return any(word.lower() == switch for word in self.words[1:])

    def option(self, switch: str) -> str:
        r"""Return the word behind a switch such as "\\o", "" when it is missing."""
        words = self.words
        for at, word in enumerate(words[1:-1], 1):
            if word.lower() == switch and not words[at + 1].startswith("\\"):
                return words[at + 1]
        return ""

    @property
    def shown(self) -> str:
        """The text of its result."""
        marks = {"w:tab": "\t", "w:br": "\n", "w:cr": "\n", "w:noBreakHyphen": "\u2011"}
        return "".join((e.text or "") if name(e) == "w:t" else marks.get(name(e), "") for e in self.result)

    def set_code(self, code: str) -> None:
        """Write another instruction."""
        if self.simple:
            self.marks[0].set(f"{{{namespace(self.marks[0])}}}instr", code)
            return
        text.fill(self.code_parts[0], f" {code} ")
        for part in self.code_parts[1:]:
            text.fill(part, "")

    def set_dirty(self) -> None:
        """Let Word compute the result anew when it opens the file (17.16.18)."""
        self.marks[0].set(f"{{{namespace(self.marks[0])}}}dirty", "true")

    def set_result(self, words: str) -> bool:
        """Show another result in the formatting of the old one; False for a result that is more than a text."""
        if any(name(each) not in _TEXTUAL for each in self.result) or self._is_spread():
            return False
        shown = [each for each in self.result if name(each) == "w:t"]
        target = shown[0] if shown else self._room()
        if target is None:
            return False
        for each in self.result:
            holder = each.getparent()
            if each is not target and name(each) not in ("w:rPr", "") and holder is not None:
                holder.remove(each)
                _drop_empty(holder)
        text.write(target, words)
        return True

    def _is_spread(self) -> bool:
        return len({paragraph for each in self.result if (paragraph := within(each, "w:p")) is not None}) > 1

    def _room(self) -> Element | None:
        """Return a new text in the place of the result."""
        if self.simple:
            return add(add(self.marks[0], "r"), "t")
        last = self.marks[-1].getparent()
        if last is None or value(self.marks[-1], "fldCharType") != "end":
            return None
        if len(self.marks) == 2:
            run = new(last, "r")
            self.marks.insert(1, add(run, "fldChar", fldCharType="separate"))
            last.addprevious(run)
        run = new(last, "r")
        last.addprevious(run)
        return add(run, "t")


def _drop_empty(run: Element) -> None:
    parent = run.getparent()
    if parent is not None and name(run) == "w:r" and all(name(each) in ("w:rPr", "") for each in run):
        run.tail = None
        parent.remove(run)


def fields(root: Element) -> list[FieldCode]:
    """Return the fields of a part that are whole and not deleted, in the order in which they begin."""
    found: list[FieldCode] = []
    open_: list[FieldCode] = []
    separated: list[bool] = []
    simple: list[FieldCode] = []
    for each in root.iter():
        kind = name(each)
        if kind == "w:fldSimple":
            made = FieldCode([each], result=[e for run in every(each, "r") for e in run], simple=True)
            simple.append(made)
            found.append(made)
        elif kind == "w:fldChar":
            _mark(each, open_, separated, found)
        elif kind == "w:instrText" and open_:
            open_[-1].code_parts.append(each)
        elif open_ and (parent := each.getparent()) is not None and name(parent) == "w:r":
            for one, is_result in zip(open_, separated, strict=True):
                if is_result:
                    one.result.append(each)
    whole = [f for f in found if f.simple or value(f.marks[-1], "fldCharType") == "end"]
    return [f for f in whole if f.simple or f.code_parts]


def _mark(mark: Element, open_: list[FieldCode], separated: list[bool], found: list[FieldCode]) -> None:
    kind = value(mark, "fldCharType")
    if kind == "begin":
        made = FieldCode([mark])
        open_.append(made)
        separated.append(False)
        found.append(made)
    elif kind == "separate" and open_:
        open_[-1].marks.append(mark)
        separated[-1] = True
    elif kind == "end" and open_:
        open_.pop().marks.append(mark)
        separated.pop()


def made(near: Element, code: str, result: str, *, dirty: bool = False, style: str = "") -> list[Element]:
    """Return the runs of a new field with this instruction and result, `style` the id of a character style."""
    runs = [new(near, "r") for _ in range(5)]
    for run in runs:
        if style:
            add(add(run, "rPr"), "rStyle", val=style)
    begin = add(runs[0], "fldChar", fldCharType="begin")
    if dirty:
        begin.set(f"{{{namespace(near)}}}dirty", "true")
    text.fill(add(runs[1], "instrText"), f" {code} ")
    add(runs[2], "fldChar", fldCharType="separate")
    if result:
        text.set_text(runs[3], result)
    else:
        add(runs[3], "t")
    add(runs[4], "fldChar", fldCharType="end")
    return runs


def remove(given: FieldCode) -> None:
    """Take a field away and leave what it shows."""
    if given.simple:
        unwrap(given.marks[0])
        return
    for part in [*given.marks, *given.code_parts]:
        run = part.getparent()
        if run is not None:
            run.remove(part)
            _drop_empty(run)


def unwrap(element: Element) -> None:
    """Put what an element holds in its place, its properties left out."""
    for each in [e for e in element if not name(e).endswith("Pr")]:
        element.addprevious(each)
    parent = element.getparent()
    if parent is not None:
        element.tail = None
        parent.remove(element)
