"""Excel workbooks: read, analysed and edited at the level of their parts. Bytes in, `Reading` or `Edited` out."""

from copilot.documents.excel.analysis import (
    FUNCTIONS,
    OPERATORS,
    Aggregate,
    ColumnFacts,
    Function,
    Operator,
    Rows,
    Where,
    aggregate,
    describe,
    select,
    sort,
    top,
)
from copilot.documents.excel.charts import add_chart
from copilot.documents.excel.chartxml import CHART_TYPES, ChartType
from copilot.documents.excel.read import RangeReading, outline, read, read_range, tables
from copilot.documents.excel.regions import Region, find_region, regions
from copilot.documents.excel.rows import add_row, add_table_row, append_row
from copilot.documents.excel.sheets import add_sheet, create
from copilot.documents.excel.workbook import Sheet, Table, Workbook
from copilot.documents.excel.write import write_cells, write_formula

__all__ = [
    "CHART_TYPES",
    "FUNCTIONS",
    "OPERATORS",
    "Aggregate",
    "ChartType",
    "ColumnFacts",
    "Function",
    "Operator",
    "RangeReading",
    "Region",
    "Rows",
    "Sheet",
    "Table",
    "Where",
    "Workbook",
    "add_chart",
    "add_row",
    "add_sheet",
    "add_table_row",
    "aggregate",
    "append_row",
    "create",
    "describe",
    "find_region",
    "outline",
    "read",
    "read_range",
    "regions",
    "select",
    "sort",
    "tables",
    "top",
    "write_cells",
    "write_formula",
]
