"""How a sheet is looked at: frozen panes, zoom, gridlines, headings (ECMA-376 part 1, 18.3.1.87)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from copilot.documents.excel import elements, markup
from copilot.documents.excel.cells import SheetReader
from copilot.documents.excel.layout import written
from copilot.documents.excel.places import cell_at
from copilot.documents.excel.refs import address
from copilot.documents.excel.splice import SheetXml
from copilot.documents.excel.stylesheet import attributes_of, element, parts_of, with_parts
from copilot.documents.excel.workbook import Workbook
from copilot.documents.hunks import Edited, Hunk
from copilot.errors import ToolInputError

Count = Annotated[int, Field(ge=0, le=1000)]
Zoom = Annotated[int, Field(ge=10, le=400)]
_ORDER = (b"pane", b"selection", b"pivotSelection", b"extLst")


def freeze_panes(content: bytes, *, sheet: str = "", cell: str = "", rows: Count = 0, columns: Count = 0) -> Edited:
    """Keep rows and columns in sight: those above and left of `cell` ("B2"), or the first `rows` and `columns`.

    None of them unfreezes. Raises ToolInputError "unchanged" where the sheet is frozen there already.
    """
    workbook = Workbook.open(content)
    found = workbook.sheet(sheet or None)
    if cell:
        if rows or columns:
            raise ToolInputError("Give either `cell` or `rows` and `columns`.", code="arguments")
        found, (row, column) = cell_at(workbook, cell, sheet)
        rows, columns = row - 1, column - 1
        if not rows and not columns:
            hint = "Name the first cell that still moves (B2), or nothing to unfreeze."
            raise ToolInputError(f"Nothing lies above or left of {cell}.", hint=hint, code="address")
    xml = SheetReader(workbook, found).xml
    view = view_of(xml)
    before = _frozen_words(view, xml.prefix)
    made = _frozen(view, xml.prefix, rows, columns)
    data = _with_view(xml, made) if _frozen_words(made, xml.prefix) != before else xml.data
    hunk = Hunk(f"sheet {found.name}", before, _frozen_words(made, xml.prefix), "format")
    return written(workbook, found, xml.data, data, [hunk])


def sheet_view(
    content: bytes,
    *,
    sheet: str = "",
    zoom: Zoom | None = None,
    gridlines: bool | None = None,
    headings: bool | None = None,
    zeros: bool | None = None,
    formulas: bool | None = None,
) -> Edited:
    """Set how a sheet is shown: `zoom` in percent, gridlines, row and column headings, zeros, formulas as text."""
    workbook = Workbook.open(content)
    found = workbook.sheet(sheet or None)
    xml = SheetReader(workbook, found).xml
    view = view_of(xml)
    before = attributes_of(view)
    wanted: dict[str, str] = {}
    if zoom is not None:
        wanted |= {"zoomScale": str(zoom), "zoomScaleNormal": str(zoom)}
    switches = {"showGridLines": gridlines, "showRowColHeaders": headings, "showZeros": zeros, "showFormulas": formulas}
    wanted |= {name: "1" if on else "0" for name, on in switches.items() if on is not None}
    changes = {name: value for name, value in wanted.items() if _value(before, name) != value}
    made = view
    for name, value in changes.items():
        tag = made[: made.index(b">") + 1]
        made = markup.with_attribute(tag, name.encode(), value) + made[len(tag) :]
    words = [", ".join(_words(each, n) for n in changes if n in _SAID) for each in (before, wanted)]
    hunk = Hunk(f"sheet {found.name}", words[0], words[1], "format")
    return written(workbook, found, xml.data, _with_view(xml, made) if changes else xml.data, [hunk])


_SAID = {
    "zoomScale": "zoom",
    "showGridLines": "gridlines",
    "showRowColHeaders": "headings",
    "showZeros": "zeros",
    "showFormulas": "formulas",
}
_DEFAULTS = {"zoomScale": "100", "zoomScaleNormal": "0", "showFormulas": "0"}


def _words(given: dict[str, str], name: str) -> str:
    """Return a setting as people read it: "zoom 80", "gridlines off"."""
    value = _value(given, name)
    return f"{_SAID[name]} {value if name == 'zoomScale' else 'on' if value == '1' else 'off'}"


def _value(given: dict[str, str], name: str) -> str:
    value = given.get(name, _DEFAULTS.get(name, "1"))
    return {"true": "1", "false": "0"}.get(value, value)


def view_of(xml: SheetXml) -> bytes:
    """Return the sheet's first view as bytes; a fresh one where there is none."""
    group = elements.get(xml.data, xml.prefix, b"sheetViews")
    name = xml.prefix + b"sheetView"
    found = markup.find(xml.data, name, group.inner, group.close) if group else None
    return xml.data[found.start : found.end] if found else element(xml.prefix, "sheetView", {"workbookViewId": "0"})


def _with_view(xml: SheetXml, made: bytes) -> bytes:
    group = elements.get(xml.data, xml.prefix, b"sheetViews")
    name = xml.prefix + b"sheetView"
    found = markup.find(xml.data, name, group.inner, group.close) if group else None
    if found is not None:
        return xml.data[: found.start] + made + xml.data[found.end :]
    return elements.put(xml.data, xml.prefix, b"sheetViews", element(xml.prefix, "sheetViews", None, made))


def _frozen(view: bytes, prefix: bytes, rows: int, columns: int) -> bytes:
    """Return a view with its first rows and columns frozen (18.3.1.66), selections sorted into the panes."""
    tag = view[: view.index(b">") + 1]
    cleared = markup.with_attribute(tag, b"topLeftCell", None)  # frozen rows count from there
    if markup.attribute(tag, b"view") == "pageLayout":  # which has no panes
        cleared = markup.with_attribute(cleared, b"view", None)
    view = cleared + view[len(tag) :]
    active = _active_selection(view, prefix)
    kept = with_parts(view, prefix, _ORDER, {b"pane": None, b"selection": None, b"pivotSelection": None})
    pane, names = _pane(prefix, rows, columns)
    selections = b"".join(element(prefix, "selection", {"pane": name}) for name in names[:-1])
    own = {**active, "pane": names[-1]} if names else active
    selections += element(prefix, "selection", own) if own else b""
    end = kept.index(b">") + 1
    opened = kept[: end - 2].rstrip() + b">" if kept[:end].endswith(b"/>") else kept[:end]
    close = b"</" + prefix + b"sheetView>" if kept[:end].endswith(b"/>") else b""
    inner = pane + selections
    return opened + inner + kept[end:] + close if inner else kept


def _pane(prefix: bytes, rows: int, columns: int) -> tuple[bytes, list[str]]:
    """Return the pane element and the names of the panes beside the first one, the active one last."""
    if not rows and not columns:
        return b"", []
    names = [*(["topRight"] if columns else []), *(["bottomLeft"] if rows else [])]
    names += ["bottomRight"] if rows and columns else []
    attributes = {
        "xSplit": str(columns) if columns else None,
        "ySplit": str(rows) if rows else None,
        "topLeftCell": address(rows + 1, columns + 1),
        "activePane": names[-1],
        "state": "frozen",
    }
    return element(prefix, "pane", attributes), names


def _active_selection(view: bytes, prefix: bytes) -> dict[str, str]:
    """Return what is selected: the selection of the active pane, without the pane."""
    parts = parts_of(view, prefix)
    pane = next((attributes_of(raw) for name, raw in parts if name == b"pane"), {})
    active = pane.get("activePane", "topLeft")
    selections = [attributes_of(raw) for name, raw in parts if name == b"selection"]
    found = next((s for s in selections if s.get("pane", "topLeft") == active), selections[0] if selections else {})
    return {name: value for name, value in found.items() if name != "pane"}


def _frozen_words(view: bytes, prefix: bytes) -> str:
    pane = next((attributes_of(raw) for name, raw in parts_of(view, prefix) if name == b"pane"), {})
    if pane.get("state", "split" if pane else "") not in ("frozen", "frozenSplit"):
        return "split panes" if pane else "not frozen"
    rows, columns = (int(float(pane.get(name, "0") or 0)) for name in ("ySplit", "xSplit"))
    return f"frozen: {_counted(rows, 'row')}, {_counted(columns, 'column')}"


def _counted(count: int, word: str) -> str:
    return f"{count or 'no'} {word}{'' if count == 1 else 's'}"


#: The operations of this module.
OPERATIONS = (freeze_panes, sheet_view)
