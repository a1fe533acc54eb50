"""Excel workbooks: read, analysed and edited at the level of their parts. Bytes in, `Reading` or `Edited` out."""

from copilot.documents.excel.analysis import (
    ANALYSES,
    FUNCTIONS,
    OPERATORS,
    Aggregate,
    Analysis,
    ColumnFacts,
    Function,
    Operator,
    Rows,
    Where,
    aggregate,
    analyse,
    describe,
    select,
    sort,
    top,
)
from copilot.documents.excel.chart_edits import delete_chart, edit_chart, move_chart
from copilot.documents.excel.chart_parts import Chart, list_charts
from copilot.documents.excel.charts import add_chart
from copilot.documents.excel.chartxml import CHART_TYPES, ChartType
from copilot.documents.excel.comments import Comment, add_comment, delete_comment, reply_comment, resolve_comment
from copilot.documents.excel.conditional import clear_conditional_formats, conditional_format, move_conditional_formats
from copilot.documents.excel.explain import Explanation, Source, explain_formula
from copilot.documents.excel.filters import auto_filter
from copilot.documents.excel.formats import format_cells
from copilot.documents.excel.images import Image, delete_image, insert_image, list_images, set_alt_text
from copilot.documents.excel.layout import (
    column_width,
    group_columns,
    group_rows,
    hide_columns,
    hide_rows,
    row_height,
    show_columns,
    show_rows,
    ungroup_columns,
    ungroup_rows,
)
from copilot.documents.excel.links import hyperlink, remove_hyperlink
from copilot.documents.excel.merges import merge_cells, unmerge_cells
from copilot.documents.excel.names import define_name, delete_name, rename_name
from copilot.documents.excel.pivot_read import Pivot, list_pivots
from copilot.documents.excel.pivot_refresh import refresh_pivot
from copilot.documents.excel.pivots import create_pivot
from copilot.documents.excel.printing import page_setup
from copilot.documents.excel.protection import protect_sheet, protect_workbook, unprotect_sheet, unprotect_workbook
from copilot.documents.excel.read import RangeReading, outline, read, read_range, tables
from copilot.documents.excel.recalculation import Problem, errors, recalculate_workbook
from copilot.documents.excel.regions import Region, find_region, regions
from copilot.documents.excel.replacing import find_replace
from copilot.documents.excel.richtext import Run, write_rich_text
from copilot.documents.excel.rows import add_row, add_table_row, append_row
from copilot.documents.excel.sheet_edits import (
    copy_sheet,
    delete_sheet,
    hide_sheet,
    move_sheet,
    rename_sheet,
    show_sheet,
    tab_color,
)
from copilot.documents.excel.sheets import add_sheet, create
from copilot.documents.excel.shifting import delete_columns, delete_rows, insert_columns, insert_rows
from copilot.documents.excel.sorting import remove_duplicates, sort_range
from copilot.documents.excel.sparklines import Sparkline, add_sparklines, delete_sparklines, list_sparklines
from copilot.documents.excel.table_columns import add_table_column, calculated_column, rename_column, table_totals
from copilot.documents.excel.table_edits import create_table, delete_table, rename_table, resize_table, table_style
from copilot.documents.excel.validation import clear_validation, data_validation
from copilot.documents.excel.views import freeze_panes, sheet_view
from copilot.documents.excel.workbook import Sheet, Table, Workbook
from copilot.documents.excel.write import write_cells, write_formula

__all__ = [
    "ANALYSES",
    "CHART_TYPES",
    "FUNCTIONS",
    "OPERATORS",
    "Aggregate",
    "Analysis",
    "Chart",
    "ChartType",
    "ColumnFacts",
    "Comment",
    "Explanation",
    "Function",
    "Image",
    "Operator",
    "Pivot",
    "Problem",
    "RangeReading",
    "Region",
    "Rows",
    "Run",
    "Sheet",
    "Source",
    "Sparkline",
    "Table",
    "Where",
    "Workbook",
    "add_chart",
    "add_comment",
    "add_row",
    "add_sheet",
    "add_sparklines",
    "add_table_column",
    "add_table_row",
    "aggregate",
    "analyse",
    "append_row",
    "auto_filter",
    "calculated_column",
    "clear_conditional_formats",
    "clear_validation",
    "column_width",
    "conditional_format",
    "copy_sheet",
    "create",
    "create_pivot",
    "create_table",
    "data_validation",
    "define_name",
    "delete_chart",
    "delete_columns",
    "delete_comment",
    "delete_image",
    "delete_name",
    "delete_rows",
    "delete_sheet",
    "delete_sparklines",
    "delete_table",
    "describe",
    "edit_chart",
    "errors",
    "explain_formula",
    "find_region",
    "find_replace",
    "format_cells",
    "freeze_panes",
    "group_columns",
    "group_rows",
    "hide_columns",
    "hide_rows",
    "hide_sheet",
    "hyperlink",
    "insert_columns",
    "insert_image",
    "insert_rows",
    "list_charts",
    "list_images",
    "list_pivots",
    "list_sparklines",
    "merge_cells",
    "move_chart",
    "move_conditional_formats",
    "move_sheet",
    "outline",
    "page_setup",
    "protect_sheet",
    "protect_workbook",
    "read",
    "read_range",
    "recalculate_workbook",
    "refresh_pivot",
    "regions",
    "remove_duplicates",
    "remove_hyperlink",
    "rename_column",
    "rename_name",
    "rename_sheet",
    "rename_table",
    "reply_comment",
    "resize_table",
    "resolve_comment",
    "row_height",
    "select",
    "set_alt_text",
    "sheet_view",
    "show_columns",
    "show_rows",
    "show_sheet",
    "sort",
    "sort_range",
    "tab_color",
    "table_style",
    "table_totals",
    "tables",
    "top",
    "ungroup_columns",
    "ungroup_rows",
    "unmerge_cells",
    "unprotect_sheet",
    "unprotect_workbook",
    "write_cells",
    "write_formula",
    "write_rich_text",
]
