"""The marks of a template, read: `{{customer.name|upper}}`, `{{#each items}}`, `{{image:logo}}`.

The language can only look values up, show them and repeat what stands between two marks; nothing in it is run:

    {{name}} {{customer.address.city}}       a value; dots lead into values that hold others
    {{date|dd.MM.yyyy}} {{sum|#,##0.00}}     shown by a picture, which reads as it is to look (also "#.##0,00")
    {{name|upper}} lower title               letters; {{name|default:nobody}} for what is missing or empty
    {{#if x}} ... {{else}} ... {{/if}}       one or the other; empty texts and lists, 0, false, what is missing are no
    {{#each items}} ... {{/each}}            for each item of a list; its own values come first, then those around it
    {{@index}} {{@first}} {{@last}} {{this}}  number of the item from 1, whether it is first or last; the item itself
    {{image:logo|width:4cm}}                 a picture (`width`, `height` in cm, mm, in, pt or px)
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from copilot.errors import ToolInputError

MarkKind = Literal["value", "image", "each", "if", "else", "end", "field"]

#: A whole mark in the text of a paragraph.
MARK = re.compile(r"\{\{([^{}]*)\}\}")
#: One that is not closed in its paragraph.
_OPEN = re.compile(r"\{\{[^{}]*\Z")
_NAME = re.compile(r"@?[\w$][\w $.@'()/&%#+\-]*\Z|\.\Z")
_WORDS = ("upper", "lower", "title", "default", "width", "height")
_DATE = re.compile(r"(?:'[^']*'|[dDMyYHhms]+|(?i:am/pm)|[\s.,:/\-])+\Z")
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)\s*(cm|mm|in|pt|px)?\Z")
_EMU = {"cm": 360_000, "mm": 36_000, "in": 914_400, "pt": 12_700, "px": 9_525}
_QUOTES = "\"'\u201c\u201d\u201e\u201f\u2018\u2019"


@dataclass(frozen=True, slots=True)
class Filter:
    """How a value is shown.

    `kind`: upper, lower, title, first (letter as a capital), default, width, height, date, number, before, after.
    """

    kind: str
    argument: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark: its words as they stand in the template, what it looks up, and where it stands.

    `closes` is "each" or "if" for an end. `number` counts the marks of a document. `copy`: it stands in the copy of a
    text box that old programs read.
    """

    number: int
    text: str
    kind: MarkKind
    name: str
    where: str
    filters: tuple[Filter, ...] = ()
    closes: str = ""
    copy: bool = False

    def error(self, reason: str, *, hint: str = "", code: str = "mark") -> ToolInputError:
        """Return the error that names the mark and its place."""
        return ToolInputError(f"{self.text} in {self.where}: {reason}", hint=hint, code=code)


def read(text: str, number: int, where: str, *, copy: bool = False) -> Mark | None:
    """Return the mark that `{{...}}` is, None for an empty one; raises ToolInputError for one that can't be read."""
    inner = " ".join(text[2:-2].split())
    if not inner:
        return None
    blank = Mark(number, text, "else", "", where, copy=copy)
    if inner == "else":
        return blank
    if inner[0] in "#/":
        return _control(blank, inner)
    head, *pipes = inner.split("|")
    image = head.strip().lower().startswith("image:")
    named = head.partition(":")[2] if image else head
    made = replace(blank, kind="image" if image else "value", name=named.strip())
    _check_name(made)
    return replace(made, filters=tuple(_filter(made, pipe.strip()) for pipe in pipes))


def _control(mark: Mark, inner: str) -> Mark:
    word, _, name = inner[1:].strip().partition(" ")
    if word not in ("each", "if"):
        raise mark.error("there is no such mark.", hint="There is #each, #if, else, /each and /if.")
    if inner[0] == "/":
        return replace(mark, kind="end", closes=word)
    made = replace(mark, kind="each" if word == "each" else "if", name=name.strip())
    _check_name(made)
    return made


def _check_name(mark: Mark) -> None:
    if not _NAME.match(mark.name):
        hint = "A mark names a value, such as {{customer.name}}; there is nothing to compute with."
        raise mark.error(f"{mark.name!r} is no name of a value.", hint=hint)


def _filter(mark: Mark, given: str) -> Filter:
    word, argument = _parted(given)
    if word in ("width", "height"):
        if mark.kind != "image" or not _LENGTH.match(argument):
            raise mark.error(f"{given!r} fits pictures only, as in width:4cm.", code="filter")
        return Filter(word, argument)
    if word in _WORDS:
        return Filter(word, argument)
    if given and _DATE.match(given):
        return Filter("date", given)
    if any(sign in given for sign in "0#"):
        return Filter("number", given)
    unknown = ToolInputError.unknown("filter", given, list(_WORDS))
    hint = f"{unknown.hint} A date picture (dd.MM.yyyy) or a number picture (#,##0.00) does, too."
    raise mark.error(f"there is no filter {given!r}.", hint=hint.strip(), code="filter")


def _parted(given: str) -> tuple[str, str]:
    found = re.match(r"(\w+)\s*(?:[:\s]\s*(.*))?\Z", given, re.DOTALL)
    if found is None:
        return given, ""
    argument = (found[2] or "").strip()
    if len(argument) > 1 and argument[0] in _QUOTES and argument[-1] in _QUOTES:
        argument = argument[1:-1]
    return found[1].lower(), argument


def emu(length: str) -> int:
    """Return a length such as "4cm" (pixels without a unit) in English metric units (20.1.2.1)."""
    found = _LENGTH.match(length)
    return max(round(float(found[1]) * _EMU[found[2] or "px"]), 1) if found else 1


def refuse_unclosed(text: str, where: str) -> None:
    """Raise ToolInputError when a mark begins in the text of a paragraph that does not end there."""
    if found := _OPEN.search(MARK.sub("", text)):
        begun = found[0][:40]
        hint = "Write each mark in one paragraph, without a line break in it."
        raise ToolInputError(f"{begun!r} in {where} is not closed with }}}}.", hint=hint, code="mark")
