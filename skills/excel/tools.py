"""The tools of the skill `excel`."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Annotated, Any

from pydantic import Field

from copilot.documents import excel
from copilot.errors import ToolInputError
from copilot.plugins.context import ToolContext
from copilot.plugins.tools import Result, tool
from copilot.slots import EXCEL_SUFFIXES, ExcelPath, Slot
from copilot.workspace.change import Change

from .parameters import (
    READ_TOKENS,
    Cell,
    Count,
    Formulas,
    Grid,
    Overwrite,
    Range,
    Scalar,
    Sheet,
    Table,
    Values,
    WhereColumn,
    WhereOperator,
    WhereValue,
)
from .show import analysis, facts, figure, named_files, plain, problems, row_result, sheets


def _where(column: str, operator: excel.Operator, value: Scalar) -> list[excel.Where]:
    if not column:
        if value not in (None, ""):
            raise ToolInputError("where_value needs a where_column.", hint="Name the column.", code="arguments")
        return []
    return [excel.Where(column, operator, value)]


def _region(context: ToolContext, path: str, sheet: str, table: str, *columns: str) -> tuple[str, excel.Region]:
    file = context.open(path)
    workbook = excel.Workbook.open(file.content)
    return file.name, excel.find_region(workbook, sheet or None, table or None, [c for c in columns if c], reading=True)


@tool(
    examples=[
        "list the sheets of budget.xlsx",
        "what is in sales.xlsx?",
        "which sheets and tables does the workbook have?",
        "show me the structure of budget.xlsx",
        "what columns does sales.xlsx have?",
    ],
    cues=["sheets", "tabs", "tables", "columns", "structure", "headers", "what is in", "list", "overview"],
)
def list_sheets(context: ToolContext, path: ExcelPath) -> Result:
    """List the sheets of a workbook with their used ranges, column headers and tables."""
    file = context.open(path)
    found = excel.outline(file.content)
    data = [
        {
            "name": s.name,
            "used": s.used,
            "columns": list(s.columns),
            "hidden": s.hidden,
            "tables": [{"name": t.name, "range": t.ref, "columns": list(t.columns)} for t in s.tables],
        }
        for s in found.sheets
    ]
    return Result(sheets(file.name, found), data, tuple(f"{file.name}, sheet {s.name}" for s in found.sheets))


@tool(
    examples=[
        "read A1:D10 of budget.xlsx",
        "what is in cell B4 of budget.xlsx?",
        "show me the sheet Summary of sales.xlsx",
        "what does cell D7 on sheet Plan say?",
        "show the formulas in C2:C9 of budget.xlsx",
    ],
    cues=["read", "show", "cell", "cells", "range", "formula", "formulas", "value of", "what is in", "display"],
)
def read_range(context: ToolContext, path: ExcelPath, range: Range = "", sheet: Sheet = "") -> Result:
    """Read cells with their addresses, formulas beside their values."""
    file = context.open(path)
    found = excel.read_range(file.content, sheet or None, range or None, budget=READ_TOKENS)
    text = "\n\n".join([f"{file.name}, {found.where}", found.markdown, *found.notes])
    data = {
        "sheet": found.sheet,
        "range": str(found.area),
        "values": found.values,
        "shown": found.shown,
        "formulas": found.formulas,
        "notes": list(found.notes),
        "next": found.next,
    }
    return Result(text, data, (f"{file.name}, {found.where}",))


@tool(
    examples=[
        "show the table Sales of sales.xlsx",
        "read the data of budget.xlsx",
        "list all rows of the sheet Orders in sales.xlsx",
        "print the orders table",
        "show the first 5 rows of sales.xlsx",
        "the last 10 rows of the sheet Orders",
    ],
    cues=["table", "rows", "data", "records", "list", "show", "read", "entries", "first", "last"],
)
def read_table(
    context: ToolContext,
    path: ExcelPath,
    table: Table = "",
    sheet: Sheet = "",
    first: Annotated[int | None, Slot("number", cues=("first",)), Field(ge=1, description="Only so many.")] = None,
    last: Annotated[int | None, Slot("number", cues=("last",)), Field(ge=1)] = None,
) -> Result:
    """Read the rows of a table, or of the data on a sheet, under their column headers."""
    name, region = _region(context, path, sheet, table)
    found = excel.select(region, [])
    kept = found.rows[:first][-last:] if last else found.rows[:first]
    what = f"{len(kept)} of {len(found.rows)} rows" if len(kept) < len(found.rows) else f"{len(found.rows)} rows"
    return row_result(name, replace(found, rows=kept), what)


@tool(
    examples=[
        "describe sales.xlsx",
        "describe the columns of budget.xlsx",
        "what kind of data is in the sheet Orders?",
        "profile the data in sales.xlsx",
        "give me statistics for every column of sales.xlsx",
    ],
    cues=[
        "describe",
        "profile",
        "statistics",
        "columns",
        "types",
        "blanks",
        "missing",
        "distinct",
        "summary of the data",
    ],
)
def describe(context: ToolContext, path: ExcelPath, sheet: Sheet = "", table: Table = "") -> Result:
    """Describe every column: type, filled, blank and distinct cells, minimum, maximum, mean, examples."""
    name, region = _region(context, path, sheet, table)
    found = excel.describe(region)
    head = f"{name}, {region.table or region.where}: {len(region.rows)} rows of data"
    left = f"Left out as totals: rows {', '.join(map(str, region.totals))}." if region.totals else ""
    data = [
        {
            "name": c.name,
            "letter": c.letter,
            "type": c.kind,
            "count": c.count,
            "blank": c.blank,
            "distinct": c.distinct,
            "min": plain(c.minimum),
            "max": plain(c.maximum),
            "mean": plain(c.mean),
            "sum": plain(c.total),
            "examples": list(c.examples),
        }
        for c in found
    ]
    text = "\n\n".join(x for x in (head, facts(found), left, *region.grid.notes) if x)
    return Result(text, {"rows": len(region.rows), "columns": data}, (f"{name}, {region.where}",))


@tool(
    examples=[
        "what is the total of Amount in sales.xlsx?",
        "sum the column Amount in sales.xlsx",
        "total amount by region in sales.xlsx",
        "how many orders have status open?",
        "average price of sales.xlsx where Region is North",
        "what is the highest value in Actual of budget.xlsx?",
        "count the rows of sales.xlsx",
        "revenue per month in report.xlsx",
    ],
    cues=[
        *("total", "sum", "average", "mean", "median", "count", "how many", "how much"),
        *("minimum", "maximum", "lowest", "highest", "by", "per", "for each", "group"),
    ],
)
def aggregate(
    context: ToolContext,
    path: ExcelPath,
    function: Annotated[excel.Function, Slot("function")],
    column: Annotated[
        str, Slot("column", cues=("of", "in")), Field(description='A column header; may be empty for "count".')
    ] = "",
    group_by: Annotated[str, Slot("column", cues=("by", "per", "for each", "grouped by"))] = "",
    where_column: WhereColumn = "",
    where_operator: WhereOperator = "=",
    where_value: WhereValue = None,
    sheet: Sheet = "",
    table: Table = "",
) -> Result:
    """Compute a figure over a column, exactly: of all rows, of those that fulfil a condition, or for each group.

    Rows that only total others are left out.
    """
    name, region = _region(context, path, sheet, table, column, group_by, where_column)
    where = _where(where_column, where_operator, where_value)
    found = excel.aggregate(region, function, column or None, where=where, group_by=group_by or None)
    data = {
        "value": plain(found.value),
        "rows": found.rows,
        "groups": [{"group": g, "value": plain(v), "rows": n} for g, v, n in found.groups],
        "formula": found.formula,
        "notes": [*found.notes, *region.grid.notes],
    }
    return Result(figure(name, region, found), data, (f"{name}, {region.where}",))


@tool(
    examples=[
        "show the rows of sales.xlsx where Region is North",
        "filter sales.xlsx by Amount > 1000",
        "which orders have status open?",
        "list the items of budget.xlsx with Actual over 500",
        "show customers whose name contains GmbH",
    ],
    cues=[
        "filter",
        "where",
        "which",
        "rows",
        "only",
        "with",
        "whose",
        "contains",
        "greater than",
        *("less than", "more than", "at least", "at most", "over", "under", "before", "after"),
    ],
)
def filter_rows(
    context: ToolContext,
    path: ExcelPath,
    where_column: Annotated[str, Slot("column"), Field(description="The column to compare.")],
    where_operator: WhereOperator = "=",
    where_value: WhereValue = None,
    sheet: Sheet = "",
    table: Table = "",
) -> Result:
    """Show the rows that fulfil a condition. The file is not changed."""
    name, region = _region(context, path, sheet, table, where_column)
    found = excel.select(region, _where(where_column, where_operator, where_value))
    shown = "(blank)" if where_value in (None, "") else where_value
    return row_result(name, found, f"{found.matched} rows with {where_column} {where_operator} {shown}")


@tool(
    examples=[
        "sort sales.xlsx by Amount",
        "show the budget ordered by Actual descending",
        "list the orders by date, newest first",
        "show sales.xlsx sorted by customer",
    ],
    cues=["sort", "sorted", "order by", "ordered", "ascending", "descending", "newest first", "alphabetically"],
)
def sort_rows(
    context: ToolContext,
    path: ExcelPath,
    by: Annotated[str, Slot("column", cues=("by",)), Field(description="The column to sort by.")],
    descending: bool = False,
    sheet: Sheet = "",
    table: Table = "",
) -> Result:
    """Show the rows in the order of a column. The file is not changed."""
    name, region = _region(context, path, sheet, table, by)
    found = excel.sort(region, by, descending=descending)
    return row_result(name, found, f"{found.matched} rows by {by}{', descending' if descending else ''}")


@tool(
    examples=[
        "top 5 of sales.xlsx by Amount",
        "the three largest items of budget.xlsx by Actual",
        "which 10 customers have the highest revenue?",
        "show the 5 cheapest products by Price",
        "bottom 3 rows by Margin",
    ],
    cues=[
        "top",
        "largest",
        "highest",
        "biggest",
        "best",
        "most",
        "bottom",
        "lowest",
        "smallest",
        "cheapest",
        "least",
        "rank",
    ],
)
def top_rows(
    context: ToolContext,
    path: ExcelPath,
    by: Annotated[
        str, Slot("column", cues=("by", "highest", "largest", "lowest")), Field(description="The column to rank by.")
    ],
    count: Count = 10,
    lowest: Annotated[bool, Field(description="The lowest instead of the highest.")] = False,
    where_column: WhereColumn = "",
    where_operator: WhereOperator = "=",
    where_value: WhereValue = None,
    sheet: Sheet = "",
    table: Table = "",
) -> Result:
    """Show the rows with the highest (or lowest) values of a column."""
    name, region = _region(context, path, sheet, table, by, where_column)
    where = _where(where_column, where_operator, where_value)
    found = excel.top(region, by, count, descending=not lowest, where=where)
    return row_result(name, found, f"The {len(found.rows)} {'lowest' if lowest else 'highest'} by {by}")


@tool(
    effect="write",
    examples=[
        "set D4 to 6.5 in budget.xlsx",
        "write 1200 into B7 of budget.xlsx",
        "change cell C3 on sheet Plan to Done",
        "put 2026-03-01 in E2 of sales.xlsx",
        "clear cell F9 of budget.xlsx",
        "update B2 to 15% and B3 to 20%",
    ],
    cues=["set", "write", "put", "change", "update", "enter", "cell", "clear", "fill in"],
)
def write_cells(
    context: ToolContext,
    path: ExcelPath,
    cells: Annotated[
        dict[str, Scalar],
        Slot("cell_values"),
        Field(
            description='Address to value: {"B4": 6.5, "Plan!C2": "=B2*2", "D1": null}; null empties a cell.',
            min_length=1,
        ),
    ],
    sheet: Sheet = "",
    overwrite: Overwrite = False,
) -> Change:
    """Write values or formulas ("=...") into cells; their formats stay. Dates as "2026-03-01", percents as "12.5%"."""
    file = context.open(path)
    edited = excel.write_cells(file.content, sheet or None, cells, overwrite=overwrite)
    return context.edit(
        file, edited, f"Write {', '.join(list(cells)[:5])}{' ...' if len(cells) > 5 else ''} in {file.name}"
    )


@tool(
    effect="write",
    examples=[
        "write the formula =SUM(B2:B9) into B10 of budget.xlsx",
        "put =B2*C2 in D2:D20 of sales.xlsx",
        "add the formula =AVERAGE(C2:C9) to C10",
        "calculate =B4-C4 in D4 of budget.xlsx",
    ],
    cues=["formula", "calculate", "=", "write", "put", "fill down"],
)
def write_formula(
    context: ToolContext,
    path: ExcelPath,
    cell: Annotated[
        str, Slot("range", cues=("in", "into", "to")), Field(description="A cell, or a range to fill it into.")
    ],
    formula: Annotated[
        str, Slot("value"), Field(description='With "=", English function names and commas.', pattern="^=")
    ],
    sheet: Sheet = "",
    array: Annotated[bool, Field(description="One array formula over the range.")] = False,
    overwrite: Overwrite = False,
) -> Change:
    """Write a formula into a cell or, with its references moved along, into a range."""
    file = context.open(path)
    edited = excel.write_formula(file.content, sheet or None, cell, formula, array=array, overwrite=overwrite)
    return context.edit(file, edited, f"Write {formula} into {cell} of {file.name}")


@tool(
    effect="write",
    examples=[
        "add a row to sales.xlsx: North, 2026-03-01, 1200",
        "append Rent, 1000, 950 to budget.xlsx",
        "add a new order to the table Orders",
        "insert an entry with Item Travel and Plan 500 in budget.xlsx",
    ],
    cues=["add", "append", "row", "entry", "record", "new line", "insert"],
)
def add_row(
    context: ToolContext,
    path: ExcelPath,
    values: Values,
    table: Table = "",
    sheet: Sheet = "",
    formulas: Formulas = False,
) -> Change:
    """Add a row below the data of a table or sheet. Formulas and formats go on from the row above; totals move down."""
    file = context.open(path)
    edited = excel.add_row(file.content, values, sheet=sheet or None, table=table or None, formulas=formulas)
    return context.edit(file, edited, f"Add a row to {table or sheet or file.name}")


@tool(
    effect="write",
    examples=[
        "add a sheet named Notes to budget.xlsx",
        "create a new tab Summary in sales.xlsx",
        "add an empty sheet Q3",
        "new worksheet Archive in sales.xlsx",
    ],
    cues=["sheet", "tab", "worksheet", "new sheet", "new worksheet", "add", "create"],
)
def add_sheet(
    context: ToolContext,
    path: ExcelPath,
    name: Annotated[str, Slot("text", cues=("named", "called", "sheet", "tab"))],
    rows: Grid = [],  # noqa: B006 - never changed; pydantic copies it
    formulas: Formulas = False,
) -> Change:
    """Add a sheet behind the others, empty or with rows."""
    file = context.open(path)
    return context.edit(
        file, excel.add_sheet(file.content, name, rows, formulas=formulas), f"Add the sheet {name!r} to {file.name}"
    )


@tool(
    effect="write",
    examples=[
        "add a column chart of Amount by Region to sales.xlsx",
        "make a pie chart of Share by Product in sales.xlsx",
        "plot B2:B13 over A2:A13 as a line chart in budget.xlsx",
        "draw a bar chart of Plan and Actual by Item in budget.xlsx",
        "chart the revenue per month",
    ],
    cues=["chart", "graph", "plot", "diagram", "draw", "visualize", "pie", "line", "bar", "column chart", "scatter"],
)
def add_chart(
    context: ToolContext,
    path: ExcelPath,
    series: Annotated[
        list[str],
        Slot("column", cues=("of", "chart", "plot"), many=True),
        Field(description="Column headers or ranges with the values.", min_length=1),
    ],
    categories: Annotated[
        str,
        Slot("column", cues=("by", "over", "per", "against")),
        Field(description="Column header or range of the x values."),
    ] = "",
    type: Annotated[excel.ChartType, Slot("choice")] = "column",
    title: Annotated[str, Slot("text", cues=("titled", "title", "named"))] = "",
    sheet: Sheet = "",
    anchor: Annotated[
        str, Slot("cell", cues=("at",)), Field(description="Its top left cell; right of the data if empty.")
    ] = "",
) -> Change:
    """Add a native chart that follows its cells. It is drawn from cells as they are: it does not group or total."""
    file = context.open(path)
    edited = excel.add_chart(
        file.content, sheet or None, type, categories or None, series, title=title, anchor=anchor or None
    )
    return context.edit(file, edited, f"Add a {type} chart to {file.name}")


@tool(
    effect="write",
    examples=[
        "create a workbook expenses.xlsx with the columns Date, Item, Amount",
        "make a new Excel file plan.xlsx",
        "new spreadsheet inventory.xlsx",
    ],
    cues=["create", "new", "make", "workbook", "spreadsheet", "excel file"],
)
def create(
    context: ToolContext,
    path: Annotated[str, Slot("new_document", EXCEL_SUFFIXES), Field(description="Ends in .xlsx.")],
    rows: Grid = [],  # noqa: B006 - never changed; pydantic copies it
    sheet: Annotated[str, Slot("text", cues=("sheet",)), Field(description="Name of its sheet.")] = "Sheet1",
    formulas: Formulas = False,
) -> Change:
    """Create a workbook with one sheet of rows."""
    if not path.lower().endswith(".xlsx"):
        raise ToolInputError(f"A new workbook can't be named {path!r}.", hint="Let the name end in .xlsx.", code="path")
    edited = excel.create({sheet: rows}, formulas=formulas)
    return context.create(path, edited.content, f"Create {path}", edited.hunks)


@tool(
    examples=[
        "explain the formula in C7 of budget.xlsx",
        "how is D12 of sales.xlsx computed?",
        "where does the value in B9 come from?",
        "why does E4 of budget.xlsx show an error?",
        "trace the precedents of B10 in budget.xlsx",
    ],
    cues=["explain", "formula", "how is", "computed", "why", "trace", "precedents", "come from", "depends on"],
)
def explain_formula(context: ToolContext, path: ExcelPath, cell: Cell, sheet: Sheet = "") -> Result:
    """Explain a formula: what it reads, level by level with values, what depends on it, why it is an error."""
    file = context.open(path)
    found = excel.explain_formula(file.content, cell, sheet)
    return Result(f"{file.name}, {found}", asdict(found), (f"{file.name}, {found.where}",))


@tool(
    effect="write",
    examples=[
        "recalculate budget.xlsx",
        "bring all formulas of sales.xlsx up to date",
        "which cells of budget.xlsx show errors?",
        "refresh the values of the formulas in report.xlsx",
    ],
    cues=["recalculate", "refresh", "up to date", "errors", "compute again", "update the formulas"],
)
def recalculate(context: ToolContext, path: ExcelPath) -> Change | Result:
    """Bring the values of all formulas up to date; cells that show an error are listed."""
    file = context.open(path)
    try:
        edited = excel.recalculate_workbook(file.content)
    except ToolInputError as error:
        if error.code != "unchanged":
            raise
        found = excel.errors(file.content)
        data = [asdict(problem) for problem in found]
        return Result(problems(file.name, found), data, tuple(f"{file.name}, {p.where}" for p in found))
    return context.edit(file, edited, f"Recalculate {file.name}")


@tool(
    examples=[
        "cross table of amount by region and quarter in sales.xlsx",
        "compare revenue per month with last year in sales.xlsx",
        "find outliers in the column Amount of orders.xlsx",
        "which orders are missing in invoices.xlsx?",
    ],
    cues=["pivot", "cross table", "join", "match", "compare", "outliers", "histogram", "quantiles", "pareto", "trend"],
)
def analyse(
    context: ToolContext,
    path: ExcelPath,
    steps: Annotated[
        list[dict[str, Any]],
        Slot("operations", many=True),
        Field(description='Each on what the last made: [{"op": "filter", "where": [...]}, {"op": "pivot", ...}].'),
    ],
) -> Result:
    """Compute exactly: filter, aggregate, pivot, join, compare, periods, top, rank, pareto, cumulate, outliers,
    quantiles, histogram, profile. Their fields are in the skill's instructions."""
    file = context.open(path)
    found = excel.analyse(file.content, steps, {name: context.open(name).content for name in named_files(steps)})
    data = {
        "columns": list(found.columns),
        "rows": found.plain_rows(),
        "formulas": [list(row) for row in found.formulas],
        "notes": list(found.notes),
    }
    return Result(analysis(file.name, found), data, tuple(f"{file.name}, {s}" for s in found.sources))


@tool(
    effect="write",
    examples=[
        "insert a row above row 5 of budget.xlsx",
        "format B2:B9 of sales.xlsx as currency",
        "rename the sheet Plan to Budget in budget.xlsx",
        "freeze the first row of sales.xlsx",
        "make a table of A1:D20 in sales.xlsx",
    ],
    cues=["format", "insert", "delete", "merge", "freeze", "sort", "rename", "comment", "validation", "protect"],
)
def edit(
    context: ToolContext,
    path: ExcelPath,
    operations: Annotated[
        list[dict[str, Any]],
        Slot("operations", many=True),
        Field(description='In order: [{"op": "format_cells", "range": "A1:C1", "bold": true}, ...].', min_length=1),
    ],
) -> Change:
    """Change anything else of a workbook, by operations with the fields that the skill's instructions list."""
    file = context.open(path)
    edited = excel.edit(file.content, operations, opener=lambda name: context.open(name).content)
    names = list(dict.fromkeys(str(each.get("op")).replace("_", " ") for each in operations))
    return context.edit(file, edited, f"{', '.join(names[:3])}{' ...' if len(names) > 3 else ''} in {file.name}")
