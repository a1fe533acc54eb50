"""The merge fields of a template: MERGEFIELD with its switches (ECMA-376 part 1, 17.16.5.35 and 17.16.4)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from copilot.documents.word import runs
from copilot.documents.word.names import Element, every, name, value
from copilot.documents.word.templates.marks import Filter

#: Fields of a mail merge that need Word to be worked out.
_OTHERS = frozenset(
    {"NEXT", "NEXTIF", "SKIPIF", "IF", "ASK", "FILLIN", "SET", "ADDRESSBLOCK", "GREETINGLINE", "MERGEREC", "MERGESEQ"}
)
_TOKENS = re.compile(r'\\[^\s"]|"((?:\\"|[^"])*)"|\u201c([^\u201d]*)\u201d|[^\s"]+')
_LETTERS = {"upper": "upper", "lower": "lower", "firstcap": "first", "caps": "title"}
_ARGUMENTS = {"@": "date", "#": "number", "b": "before", "f": "after", "*": ""}


@dataclass(frozen=True, slots=True)
class Asked:
    """A field of a mail merge: its code, its elements (siblings, in order), and what it asks for if that is known."""

    code: str
    elements: list[Element]
    name: str = ""
    filters: tuple[Filter, ...] = ()
    known: bool = False


@dataclass
class _Open:
    begin: Element
    code: str = ""
    separated: bool = False
    inner: bool = False


def fields(root: Element) -> list[Asked]:
    """Return the merge fields of a part, in order; those that hold others, and those of other kinds, as not known."""
    return [*_simple(root), *_complex(root)]


def _simple(root: Element) -> Iterator[Asked]:
    for each in list(every(root, "fldSimple")):
        found = _asked(value(each, "instr") or "", [each])
        if found is not None:
            yield found


def _complex(root: Element) -> Iterator[Asked]:
    stack: list[_Open] = []
    if next(every(root, "instrText"), None) is None:
        return
    for mark in [e for run in list(every(root, "r")) for e in list(run)]:
        kind = value(mark, "fldCharType") if name(mark) == "w:fldChar" else None
        if kind == "begin":
            for outer in stack:
                outer.inner = True
            stack.append(_Open(mark))
        elif kind == "separate" and stack:
            stack[-1].separated = True
        elif kind == "end" and stack:
            field = stack.pop()
            found = None if stack else _closed(field, mark)
            if found is not None:
                yield found
        elif stack and not stack[-1].separated and name(mark) == "w:instrText":
            stack[-1].code += mark.text or ""


def _closed(field: _Open, end: Element) -> Asked | None:
    found = _asked(field.code, [])
    if found is None:
        return None
    elements = [] if field.inner or not found.known else _between(field.begin, end)
    if not elements:
        run = field.begin.getparent()
        return Asked(found.code, [run if run is not None else field.begin])
    return Asked(found.code, elements, found.name, found.filters, known=True)


def _between(begin: Element, end: Element) -> list[Element]:
    """Return the siblings from the run that begins a field to that which ends it, cut so that they hold nothing else.

    Nothing when they are no siblings: the field goes over paragraphs, or in and out of links.
    """
    first, last = begin.getparent(), end.getparent()
    if first is None or last is None or first.getparent() is not last.getparent():
        return []
    if (behind := end.getnext()) is not None:
        _cut(behind)
    if any(name(each) not in ("w:rPr", "") for each in begin.itersiblings(preceding=True)):
        same = first is last
        first = _cut(begin)
        last = first if same else last
    found = [first]
    while found[-1] is not last:
        following = found[-1].getnext()
        if following is None:
            return []
        found.append(following)
    return found


def _cut(first: Element) -> Element:
    """Move an element of a run and those behind it into a new run behind it, which comes back."""
    run = first.getparent()
    assert run is not None
    made = runs.like(run)
    following = [first, *first.itersiblings()]
    tail, run.tail = run.tail, None
    run.addnext(made)
    made.tail = tail
    made.extend(following)
    return made


def _asked(code: str, elements: list[Element]) -> Asked | None:
    words = [_unquoted(found) for found in _TOKENS.finditer(code)]
    kind = words[0].upper() if words else ""
    shown = " ".join(code.split())
    if kind in _OTHERS:
        return Asked(shown, elements)
    if kind != "MERGEFIELD" or len(words) < 2:
        return None
    return Asked(shown, elements, words[1], tuple(_switches(words[2:])), known=True)


def _unquoted(found: re.Match[str]) -> str:
    quoted = found[1] if found[1] is not None else found[2]
    return found[0] if quoted is None else quoted.replace('\\"', '"')


def _switches(words: list[str]) -> Iterator[Filter]:
    for switch, argument in zip(words, [*words[1:], ""], strict=False):
        kind = _ARGUMENTS.get(switch[1:2].lower()) if len(switch) == 2 and switch[0] == "\\" else None
        if kind:
            yield Filter(kind, argument)
        elif kind == "" and argument.lower() in _LETTERS:
            yield Filter(_LETTERS[argument.lower()])
