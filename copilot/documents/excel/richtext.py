"""Texts whose pieces look different: rich text in one cell, as inline string runs (ECMA-376 part 1, 18.4.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from copilot.documents.excel import markup
from copilot.documents.excel.cells import cell_element
from copilot.documents.excel.formats import Underline, font_changes
from copilot.documents.excel.places import cell_at
from copilot.documents.excel.refs import address
from copilot.documents.excel.splice import Render
from copilot.documents.excel.stylesheet import FONT_ORDER, StyleSheet, attributes_of, element, parts_of, with_parts
from copilot.documents.excel.values import MAX_TEXT
from copilot.documents.excel.workbook import Workbook
from copilot.documents.excel.write import Entry, SheetEdit, check_entries, finish
from copilot.documents.hunks import Edited, Hunk
from copilot.errors import ToolInputError

#: The children of a run's properties (18.4.7) as those of a font: only the font's name is called otherwise.
_RUN_ORDER = tuple(b"rFont" if name == b"name" else name for name in FONT_ORDER)


class Run(BaseModel):
    """A piece of a rich text and how it looks; what is not given is as in the cell's own font."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(min_length=1)]
    bold: bool | None = None
    italic: bool | None = None
    underline: bool | Underline | None = None
    strike: bool | None = None
    font: Annotated[str, Field(max_length=31)] = ""
    size: Annotated[float, Field(ge=1, le=409)] | None = None
    color: str = ""
    script: Literal["superscript", "subscript", "baseline"] | None = None


@dataclass
class _RichEdit(SheetEdit):
    """An edit that writes runs instead of a plain text."""

    runs: Mapping[tuple[int, int], bytes] = field(default_factory=dict)

    def _render(self, row: int, column: int, entry: Entry, style: int | None) -> Render:
        prefix, inner = self.xml.prefix, self.runs[row, column]
        return lambda raw: cell_element(raw, row, column, prefix, "inlineStr", inner, style)


def write_rich_text(
    content: bytes, cell: str, runs: Sequence[Run], *, sheet: str = "", overwrite: bool = False
) -> Edited:
    """Write a text into a cell whose pieces look different: each run has text and bold, italic, color, size ...

    `script` is superscript or subscript; `size` is in points. A cell that holds something is refused without
    `overwrite`. Raises ToolInputError ("taken", "value", an unknown colour, a place that can't be written).
    """
    workbook = Workbook.open(content)
    found, at = cell_at(workbook, cell, sheet)
    given = [run if isinstance(run, Run) else Run.model_validate(run) for run in runs]
    text = "".join(run.text for run in given)
    if not text or len(text) > MAX_TEXT:
        raise ToolInputError(f"A cell holds 1 to {MAX_TEXT:,} characters, not {len(text):,}.", code="value")
    edit = _RichEdit(workbook, found, {at: Entry(text)})
    check_entries(edit, overwrite=overwrite)
    sheets = StyleSheet(workbook)
    font = sheets.item(b"fonts", _font_of(sheets, edit, at))
    prefix = edit.xml.prefix
    inner = b"".join(_run(prefix, run, _as_run(font, sheets.prefix, prefix)) for run in given)
    edit.runs = {at: element(prefix, "is", None, inner)}
    edit.apply()
    where = f"{found.name}!{address(*at)}"
    looks = "; ".join(f"{run.text!r}: {words}" for run in given if (words := _words(run)))
    return finish(content, workbook, [edit], [Hunk(where, "", looks, "format")] if looks else [])


def _font_of(sheets: StyleSheet, edit: SheetEdit, at: tuple[int, int]) -> int:
    raw = sheets.item(b"cellXfs", edit.inherited(edit.before[at]))
    return int(attributes_of(raw).get("fontId", "0") or 0)


def _as_run(font: bytes, old: bytes, prefix: bytes) -> bytes:
    """Return a font of the style sheet as the properties of a run, with the prefix of the sheet."""
    inner = b""
    for name, part in parts_of(font, old):
        if name in FONT_ORDER:
            inner += element(prefix, "rFont" if name == b"name" else name.decode(), attributes_of(part))
    return element(prefix, "rPr", None, inner)


def _run(prefix: bytes, run: Run, base: bytes) -> bytes:
    changes = font_changes(run.bold, run.italic, run.underline, run.strike, run.font, run.size, run.color)
    if run.script is not None:
        changes["vertAlign"] = None if run.script == "baseline" else {"val": run.script}
    made: dict[bytes, bytes | None] = {}
    for name, attributes in changes.items():
        written = "rFont" if name == "name" else name
        made[written.encode()] = None if attributes is None else element(prefix, written, attributes)
    properties = with_parts(base, prefix, _RUN_ORDER, made)
    text = markup.escape(markup.encode_xstring(run.text)).encode()
    shown = b"<" + prefix + b't xml:space="preserve">' + text + b"</" + prefix + b"t>"
    return element(prefix, "r", None, (b"" if properties.endswith(b"rPr/>") else properties) + shown)


def _words(run: Run) -> str:
    given = run.model_dump(exclude={"text"}, exclude_defaults=True)
    return ", ".join(name if value is True else f"{name} {value}" for name, value in given.items())


#: The operations of this module.
OPERATIONS = (write_rich_text,)
