"""Workbooks by their cells: sessions, sheets, ranges, tables. What is written goes into the file's real bytes.

It works while people have the workbook open (when storing the file is a 423): that is what sessions are for.
Source: Microsoft Graph v1.0, "Working with Excel in Microsoft Graph", "workbookRange".
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

from copilot.demo.microsoft365.call import Body, Call, created
from copilot.demo.microsoft365.drive_access import READ, WRITE, by, item_of
from copilot.demo.microsoft365.odata import page, shape
from copilot.demo.microsoft365.refusals import Refusal, bad_request, not_found
from copilot.demo.microsoft365.routing import Routes
from copilot.demo.microsoft365.state import Resource, read_moment, written
from copilot.documents import excel
from copilot.documents.excel.grid import Grid
from copilot.documents.excel.read import as_excel
from copilot.documents.excel.refs import Area, address, quote_sheet
from copilot.documents.excel.values import CellError, Scalar, to_serial
from copilot.errors import DocumentError, ToolInputError

routes = Routes()

#: Cells in one range at the most; Graph answers larger ones with a 413-like error of its own.
MOST_CELLS = 200_000
#: For how long a session is good after its last call.
_LASTS = {True: timedelta(minutes=5), False: timedelta(minutes=7)}
_HEADER = "workbook-session-id"
_BOOK = "/drives/{drive}/items/{item}/workbook"


class Book:
    """The workbook that a call means: of the file, or of a session that keeps its changes to itself."""

    def __init__(self, call: Call, *, write: bool = False) -> None:
        self.call = call
        self.drive, self.item = item_of(call, "write" if write else "read")
        if not str(self.item["name"]).lower().endswith((".xlsx", ".xlsm")):
            raise Refusal(400, "BadRequest", "The file is not a workbook.")
        self.session = _session(call, self.item) if _HEADER in call.headers else None
        own = self.session["_blob"] if self.session else ""
        self.content = call.state.blobs.get(own or self.item["_blob"])
        self.workbook = _read(excel.Workbook.open, self.content)

    @property
    def sheet(self) -> excel.Sheet:
        """The sheet that the path names, by its name or its id ("{00000000-...}"). Raises the 404."""
        wanted = self.call.params.get("sheet", "")
        worksheets: tuple[excel.Sheet, ...] = self.workbook.worksheets
        for each in worksheets:
            if wanted in (each.name, sheet_id(each)) or wanted.casefold() == each.name.casefold():
                return each
        raise _missing()

    @property
    def table(self) -> excel.Table:
        """The table that the path names, by its name or its number. Raises the 404."""
        wanted = self.call.params["table"]
        tables: tuple[excel.Table, ...] = self.workbook.tables
        for number, each in enumerate(tables, 1):
            if wanted.casefold() in (each.name.casefold(), str(number)):
                return each
        raise _missing()

    def store(self, edited: bytes) -> None:
        """Keep what was written: in the session, or as the file; one session makes one version."""
        if self.session and not self.session["persistChanges"]:
            self.session["_blob"] = self.call.state.blobs.put(edited)
            return
        self.drive.not_checked_out(self.item, by(self.call))
        again = bool(self.session and self.session["_wrote"])
        self.drive.put(self.item, edited, by(self.call), same_version=again)
        if self.session:
            self.session["_wrote"] = True


def sheet_id(sheet: excel.Sheet) -> str:
    """Return a sheet's id, as Graph makes them."""
    return f"{{00000000-0001-0000-{sheet.index:04X}-000000000000}}"


def _missing() -> Refusal:
    return not_found("The requested resource doesn't exist.", "ItemNotFound")


def _read(do: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
    """Call the Excel reader; what it refuses is a 400."""
    try:
        return do(*arguments, **more)
    except (DocumentError, ToolInputError) as error:
        raise bad_request(str(error), "InvalidArgument") from None


# --- sessions ---------------------------------------------------------------------------------------------------------


@routes.post(f"{_BOOK}/createSession", needs=WRITE)
def begin(call: Call) -> Body:
    """Begin a session."""
    book = Book(call, write=True)
    persists = bool(call.json().get("persistChanges", True))
    session = call.state.collection("sessions").add(
        {
            "id": f"cluster=FAKE&session={call.state.new_id()}&usid={call.state.new_id()}",
            "persistChanges": persists,
            "_item": book.item["id"],
            "_blob": "" if persists else book.item["_blob"],
            "_wrote": False,
            "_ends": written(call.state.now() + _LASTS[persists]),
        }
    )
    return created(shape(call, session, "microsoft.graph.workbookSessionInfo"))


@routes.post(f"{_BOOK}/refreshSession", needs=READ)
def refresh(call: Call) -> Body:
    """Keep a session alive."""
    Book(call)
    return None


@routes.post(f"{_BOOK}/closeSession", needs=READ)
def end(call: Call) -> Body:
    """End a session."""
    book = Book(call)
    if book.session:
        call.state.collection("sessions").remove(book.session["id"])
    return None


def _session(call: Call, item: Resource) -> Resource:
    found = call.state.collection("sessions").get(call.headers[_HEADER])
    if found is None or found["_item"] != item["id"] or read_moment(found["_ends"]) <= call.state.now():
        raise Refusal(404, "InvalidSession", "The session is invalid or has expired.", inner={"code": "invalidSession"})
    found["_ends"] = written(call.state.now() + _LASTS[found["persistChanges"]])
    return found


# --- sheets -----------------------------------------------------------------------------------------------------------


@routes.get(f"{_BOOK}/worksheets", needs=READ)
def sheets(call: Call) -> Body:
    """List the sheets."""
    return page(call, [_sheet_view(each) for each in Book(call).workbook.worksheets], "workbook/worksheets")


@routes.get(_BOOK + "/worksheets/{sheet}", needs=READ)
def sheet(call: Call) -> Body:
    """Return a sheet."""
    return shape(call, _sheet_view(Book(call).sheet), "workbook/worksheets/$entity")


@routes.post(f"{_BOOK}/worksheets", needs=WRITE)
@routes.post(f"{_BOOK}/worksheets/add", needs=WRITE)
def add_sheet(call: Call) -> Body:
    """Add a sheet."""
    book = Book(call, write=True)
    name = str(call.json().get("name") or f"Sheet{len(book.workbook.sheets) + 1}")
    edited = _read(excel.add_sheet, book.content, name)
    book.store(edited.content)
    made = excel.Workbook.open(edited.content).sheet(name)
    return created(shape(call, _sheet_view(made), "workbook/worksheets/$entity"))


def _sheet_view(sheet: excel.Sheet) -> Resource:
    states = {"visible": "Visible", "hidden": "Hidden", "veryHidden": "VeryHidden"}
    shown = {"id": sheet_id(sheet), "name": sheet.name, "position": sheet.index}
    return {**shown, "visibility": states[sheet.state]}


# --- ranges -----------------------------------------------------------------------------------------------------------


@routes.get(_BOOK + "/worksheets/{sheet}/range", needs=READ)
@routes.get(_BOOK + "/worksheets/{sheet}/range()", needs=READ)
def cells(call: Call) -> Body:
    """Return a range: values, formulas and texts."""
    book = Book(call)
    return _range(call, book, book.sheet, _area(call, book, book.sheet))


@routes.get(_BOOK + "/worksheets/{sheet}/usedRange", needs=READ)
@routes.get(_BOOK + "/worksheets/{sheet}/usedRange()", needs=READ)
def used(call: Call) -> Body:
    """Return the range that is used."""
    book = Book(call)
    area = Grid.of(book.workbook, book.sheet, compute=False).used
    return _range(call, book, book.sheet, area or Area(1, 1, 1, 1))


@routes.patch(_BOOK + "/worksheets/{sheet}/range", needs=WRITE)
@routes.patch(_BOOK + "/worksheets/{sheet}/range()", needs=WRITE)
def write(call: Call) -> Body:
    """Write a range: `values` or `formulas`, a row of rows as large as the range; null leaves a cell as it is."""
    book = Book(call, write=True)
    found = book.sheet
    area = _area(call, book, found)
    rows = call.json().get("formulas") or call.json().get("values")
    if not isinstance(rows, list):
        rows = [[rows] * area.width] * area.height
    if len(rows) != area.height or any(not isinstance(r, list) or len(r) != area.width for r in rows):
        message = "The number of rows or columns in the input array doesn't match the size or dimensions of the range."
        raise bad_request(message, "InvalidArgument")
    wanted = {
        address(area.top + i, area.left + j): (None if value == "" else value)
        for i, row in enumerate(rows)
        for j, value in enumerate(row)
        if value is not None
    }
    if wanted:
        book.store(_read(excel.write_cells, book.content, found.name, wanted).content)
    again = Book(call)
    return _range(call, again, again.sheet, area)


def _area(call: Call, book: Book, sheet: excel.Sheet) -> Area:
    text = call.arguments.get("address", "").rpartition("!")[2]
    if not text:
        return Grid.of(book.workbook, sheet, compute=False).used or Area(1, 1, 1, 1)
    area: Area = _read(Area.parse, text)
    if area.height * area.width > MOST_CELLS:
        used = Grid.of(book.workbook, sheet, compute=False).used
        area = (area.clipped(used) if used else None) or Area(area.top, area.left, area.top, area.left)
    return area


def _range(call: Call, book: Book, sheet: excel.Sheet, area: Area) -> Resource:
    """Return a range as Graph shows it: everything in rows of the range's size."""
    grid = Grid.of(book.workbook, sheet, area=area)
    places = [[grid.get(r, c) for c in range(area.left, area.right + 1)] for r in range(area.top, area.bottom + 1)]
    plain = [[_value(cell.value if cell else None, book) for cell in row] for row in places]
    formulas = [
        [cell.formula.text if cell and cell.formula else value for cell, value in zip(row, values, strict=True)]
        for row, values in zip(places, plain, strict=True)
    ]
    where = f"{quote_sheet(sheet.name)}!{area}"
    styles = book.workbook.styles
    shown = {
        "address": where,
        "addressLocal": where,
        "cellCount": area.height * area.width,
        "columnCount": area.width,
        "columnHidden": False,
        "columnIndex": area.left - 1,
        "formulas": formulas,
        "formulasLocal": formulas,
        "hidden": False,
        "numberFormat": [[(styles.code(cell.style) if cell else "") or "General" for cell in row] for row in places],
        "rowCount": area.height,
        "rowHidden": False,
        "rowIndex": area.top - 1,
        "text": [[as_excel(grid, cell) for cell in row] for row in places],
        "values": plain,
        "valueTypes": [[_type(value) for value in row] for row in plain],
    }
    return shape(call, shown, "microsoft.graph.workbookRange")


def _value(value: Scalar, book: Book) -> Any:
    """Dates and times are their serial numbers, nothing is "" (workbookRange, values)."""
    if value is None:
        return ""
    if isinstance(value, datetime | date | time | timedelta):
        return to_serial(value, date1904=book.workbook.date1904)
    return str(value) if isinstance(value, CellError) else value


def _type(value: Any) -> str:
    if value == "" and isinstance(value, str):
        return "Empty"
    if isinstance(value, bool):
        return "Boolean"
    if isinstance(value, int | float):
        return "Double"
    return "Error" if str(value).startswith("#") else "String"


# --- tables -----------------------------------------------------------------------------------------------------------


@routes.get(f"{_BOOK}/tables", needs=READ)
@routes.get(_BOOK + "/worksheets/{sheet}/tables", needs=READ)
def tables(call: Call) -> Body:
    """List the tables of the workbook, or of a sheet."""
    book = Book(call)
    only = book.sheet.name if "sheet" in call.params else None
    listed = [_table_view(n, t) for n, t in enumerate(book.workbook.tables, 1) if only in (None, t.sheet)]
    return page(call, listed, "workbook/tables")


@routes.get(_BOOK + "/tables/{table}", needs=READ)
def table(call: Call) -> Body:
    """Return a table."""
    book = Book(call)
    return shape(call, _table_view(_number(book), book.table), "workbook/tables/$entity")


@routes.get(_BOOK + "/tables/{table}/range", needs=READ)
@routes.get(_BOOK + "/tables/{table}/dataBodyRange", needs=READ)
@routes.get(_BOOK + "/tables/{table}/headerRowRange", needs=READ)
def table_range(call: Call) -> Body:
    """Return the cells of a table: all, the data, or the headers."""
    book = Book(call)
    found = book.table
    part = call.path.rpartition("/")[2].partition("(")[0]
    top = Area(found.area.top, found.area.left, found.area.top, found.area.right)
    area = {"range": found.area, "dataBodyRange": found.data or top, "headerRowRange": top}[part]
    return _range(call, book, book.workbook.sheet(found.sheet), area)


@routes.get(_BOOK + "/tables/{table}/columns", needs=READ)
def columns(call: Call) -> Body:
    """List the columns of a table, with their values."""
    book = Book(call)
    values = _range(call, book, book.workbook.sheet(book.table.sheet), book.table.area)["values"]
    listed = [
        {"id": str(n + 1), "index": n, "name": name, "values": [[row[n]] for row in values]}
        for n, name in enumerate(book.table.columns)
    ]
    return page(call, listed, "workbook/tables/columns")


@routes.get(_BOOK + "/tables/{table}/rows", needs=READ)
def rows(call: Call) -> Body:
    """List the rows of a table."""
    book = Book(call)
    data = book.table.data
    values = _range(call, book, book.workbook.sheet(book.table.sheet), data)["values"] if data else []
    return page(call, [{"index": n, "values": [row]} for n, row in enumerate(values)], "workbook/tables/rows")


@routes.post(_BOOK + "/tables/{table}/rows", needs=WRITE)
@routes.post(_BOOK + "/tables/{table}/rows/add", needs=WRITE)
def add_rows(call: Call) -> Body:
    """Add rows under the data of a table."""
    book = Book(call, write=True)
    body = call.json()
    given = body.get("values")
    if not isinstance(given, list) or not all(isinstance(row, list) for row in given):
        raise bad_request("The values are not rows.", "InvalidArgument")
    if body.get("index") is not None:
        raise bad_request("Rows can be added at the end only.", "InvalidArgument")
    content, first = book.content, book.table.data
    for row in given:
        content = _read(excel.add_table_row, content, book.table.name, row, formulas=True).content
    book.store(content)
    made = {"index": (first.height if first else 0), "values": given}
    return created(shape(call, made, "workbook/tables/rows/$entity"))


def _number(book: Book) -> int:
    return next(n for n, each in enumerate(book.workbook.tables, 1) if each.name == book.table.name)


def _table_view(number: int, table: excel.Table) -> Resource:
    return {
        "highlightFirstColumn": False,
        "highlightLastColumn": False,
        "id": str(number),
        "name": table.name,
        "showBandedColumns": False,
        "showBandedRows": True,
        "showFilterButton": True,
        "showHeaders": table.header_rows > 0,
        "showTotals": table.totals_rows > 0,
        "style": "TableStyleMedium2",
    }


# --- names ------------------------------------------------------------------------------------------------------------


@routes.get(f"{_BOOK}/names", needs=READ)
def names(call: Call) -> Body:
    """List the defined names."""
    listed = [
        {
            "comment": "",
            "name": each.name,
            "scope": "Worksheet" if each.sheet else "Workbook",
            "type": "Range",
            "value": f"={each.refers_to.removeprefix('=')}",
            "visible": not each.hidden,
        }
        for each in Book(call).workbook.names
    ]
    return page(call, listed, "workbook/names")


@routes.post(f"{_BOOK}/application/calculate", needs=WRITE)
def calculate(call: Call) -> Body:
    """Compute the formulas; what was written here is computed already."""
    Book(call)
    return None
