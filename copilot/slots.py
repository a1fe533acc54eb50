"""What a tool's argument means, so that the builtin planner can fill it from a request and the real files.

A skill annotates its parameters: `sheet: Annotated[str, Slot("sheet")]`, or uses the ready-made types below.
Nothing of this goes to a language model. A parameter without a slot is filled by its type and name, or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

SlotKind = Literal[
    "document",  # an existing file in the workspace; `suffixes` says which
    "new_document",  # a file name that may not exist yet
    "found_text",  # words that must occur in the document
    "text",  # words to write: only what the user quoted or clearly named
    "query",  # what to look for, as free words
    "sheet",  # a sheet of the workbook
    "table",  # a table of the workbook
    "column",  # a column header of the named sheet or table
    "cell",  # one cell address, "B4"
    "range",  # a range address, "A1:C9" or "Budget!A1:C9"
    "cell_values",  # a dict of cell address to value or formula
    "row_values",  # a list or dict of values for a row
    "value",  # a number, date or text to write or compare with
    "operator",  # a comparison: one of = != < <= > >= contains
    "function",  # sum, average, count, min, max, median
    "style",  # a style of the document, by name
    "heading",  # a heading of the document
    "address",  # a block address from a reading tool
    "number",  # a count or an index
    "operations",  # operations as data: the planner leaves tools that need them to language models
    "choice",  # one of the parameter's enum values, named by its word
]
SLOT_KINDS: frozenset[str] = frozenset(get_args(SlotKind))


@dataclass(frozen=True, slots=True)
class Slot:
    """The meaning of one parameter.

    `suffixes` limits documents (".docx"); `cues` are words that stand before the value in a request ("by", "into",
    "named"); `many` says that the parameter is a list of such values.
    """

    kind: SlotKind
    suffixes: tuple[str, ...] = ()
    cues: tuple[str, ...] = ()
    many: bool = False


RoleKind = Literal[
    "recipient",  # an address, a handle, a channel, an account: who gets what is sent
    "url",  # an address on the web, whole
    "path",  # a file that is changed, attached or moved
    "target",  # anything else that says what is acted on: an id, a name, a date, an amount
    "body",  # the words or the data that are written or sent
    "option",  # a switch or a choice that is harmless whatever it is
]
ROLE_KINDS: frozenset[str] = frozenset(get_args(RoleKind))


@dataclass(frozen=True, slots=True)
class Role:
    """What a parameter matters for where something is written, fetched or sent; the policy goes by it.

    A tool with the effect `send` or `fetch` declares a role for every parameter, as in
    `to: Annotated[str, Role("recipient")]`. For those that write, the slot says it; a parameter that says nothing is a
    target.
    """

    kind: RoleKind


#: What a slot means to the policy; every kind that is not here is a target.
_ROLES: dict[str, RoleKind] = {
    "document": "path",
    "new_document": "path",
    "text": "body",
    "value": "body",
    "row_values": "body",
    "choice": "option",
}


def role_of(metadata: Iterable[object]) -> RoleKind | None:
    """Return what a parameter with this metadata (of `Annotated`) declares to be, None if it declares nothing."""
    declared = [each for each in metadata if isinstance(each, Role | Slot)]
    for each in declared:
        if isinstance(each, Role):
            return each.kind
    return _ROLES.get(declared[0].kind, "target") if declared else None


WORD_SUFFIXES = (".docx", ".docm", ".dotx", ".dotm")
EXCEL_SUFFIXES = (".xlsx", ".xlsm", ".xltx", ".xltm")
POWERPOINT_SUFFIXES = (".pptx", ".pptm", ".potx", ".ppsx")
PDF_SUFFIXES = (".pdf",)
TEXT_SUFFIXES = (".txt", ".md", ".csv")
ALL_SUFFIXES = WORD_SUFFIXES + EXCEL_SUFFIXES + POWERPOINT_SUFFIXES + PDF_SUFFIXES + TEXT_SUFFIXES

WordPath = Annotated[str, Slot("document", WORD_SUFFIXES)]
ExcelPath = Annotated[str, Slot("document", EXCEL_SUFFIXES)]
PowerPointPath = Annotated[str, Slot("document", POWERPOINT_SUFFIXES)]
AnyPath = Annotated[str, Slot("document", ALL_SUFFIXES)]
