"""Excel workbooks: read, analysed and edited at the level of their parts. Bytes in, `Reading` or `Edited` out.

Everything public is listed in `__all__` and loaded when it is first used.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from copilot.documents.excel.analysis import ANALYSES as ANALYSES
    from copilot.documents.excel.analysis import FUNCTIONS as FUNCTIONS
    from copilot.documents.excel.analysis import OPERATORS as OPERATORS
    from copilot.documents.excel.analysis import Aggregate as Aggregate
    from copilot.documents.excel.analysis import Analysis as Analysis
    from copilot.documents.excel.analysis import ColumnFacts as ColumnFacts
    from copilot.documents.excel.analysis import Function as Function
    from copilot.documents.excel.analysis import Operator as Operator
    from copilot.documents.excel.analysis import Rows as Rows
    from copilot.documents.excel.analysis import Where as Where
    from copilot.documents.excel.analysis import aggregate as aggregate
    from copilot.documents.excel.analysis import analyse as analyse
    from copilot.documents.excel.analysis import describe as describe
    from copilot.documents.excel.analysis import select as select
    from copilot.documents.excel.analysis import sort as sort
    from copilot.documents.excel.analysis import top as top
    from copilot.documents.excel.chart_edits import delete_chart as delete_chart
    from copilot.documents.excel.chart_edits import edit_chart as edit_chart
    from copilot.documents.excel.chart_edits import move_chart as move_chart
    from copilot.documents.excel.chart_parts import Chart as Chart
    from copilot.documents.excel.chart_parts import list_charts as list_charts
    from copilot.documents.excel.charts import add_chart as add_chart
    from copilot.documents.excel.chartxml import CHART_TYPES as CHART_TYPES
    from copilot.documents.excel.chartxml import ChartType as ChartType
    from copilot.documents.excel.comments import Comment as Comment
    from copilot.documents.excel.comments import add_comment as add_comment
    from copilot.documents.excel.comments import delete_comment as delete_comment
    from copilot.documents.excel.comments import reply_comment as reply_comment
    from copilot.documents.excel.comments import resolve_comment as resolve_comment
    from copilot.documents.excel.conditional import clear_conditional_formats as clear_conditional_formats
    from copilot.documents.excel.conditional import conditional_format as conditional_format
    from copilot.documents.excel.conditional import move_conditional_formats as move_conditional_formats
    from copilot.documents.excel.copying import copy_range as copy_range
    from copilot.documents.excel.edits import edit as edit
    from copilot.documents.excel.edits import operations as operations
    from copilot.documents.excel.explain import Explanation as Explanation
    from copilot.documents.excel.explain import Source as Source
    from copilot.documents.excel.explain import explain_formula as explain_formula
    from copilot.documents.excel.filling import fill_series as fill_series
    from copilot.documents.excel.filling import split_column as split_column
    from copilot.documents.excel.filters import auto_filter as auto_filter
    from copilot.documents.excel.formats import format_cells as format_cells
    from copilot.documents.excel.images import Image as Image
    from copilot.documents.excel.images import delete_image as delete_image
    from copilot.documents.excel.images import insert_image as insert_image
    from copilot.documents.excel.images import list_images as list_images
    from copilot.documents.excel.images import set_alt_text as set_alt_text
    from copilot.documents.excel.layout import column_width as column_width
    from copilot.documents.excel.layout import group_columns as group_columns
    from copilot.documents.excel.layout import group_rows as group_rows
    from copilot.documents.excel.layout import hide_columns as hide_columns
    from copilot.documents.excel.layout import hide_rows as hide_rows
    from copilot.documents.excel.layout import row_height as row_height
    from copilot.documents.excel.layout import show_columns as show_columns
    from copilot.documents.excel.layout import show_rows as show_rows
    from copilot.documents.excel.layout import ungroup_columns as ungroup_columns
    from copilot.documents.excel.layout import ungroup_rows as ungroup_rows
    from copilot.documents.excel.links import hyperlink as hyperlink
    from copilot.documents.excel.links import remove_hyperlink as remove_hyperlink
    from copilot.documents.excel.merges import merge_cells as merge_cells
    from copilot.documents.excel.merges import unmerge_cells as unmerge_cells
    from copilot.documents.excel.names import define_name as define_name
    from copilot.documents.excel.names import delete_name as delete_name
    from copilot.documents.excel.names import rename_name as rename_name
    from copilot.documents.excel.pivot_read import Pivot as Pivot
    from copilot.documents.excel.pivot_read import list_pivots as list_pivots
    from copilot.documents.excel.pivot_refresh import refresh_pivot as refresh_pivot
    from copilot.documents.excel.pivots import create_pivot as create_pivot
    from copilot.documents.excel.printing import page_setup as page_setup
    from copilot.documents.excel.protection import protect_sheet as protect_sheet
    from copilot.documents.excel.protection import protect_workbook as protect_workbook
    from copilot.documents.excel.protection import unprotect_sheet as unprotect_sheet
    from copilot.documents.excel.protection import unprotect_workbook as unprotect_workbook
    from copilot.documents.excel.ranges import clear_range as clear_range
    from copilot.documents.excel.ranges import write_range as write_range
    from copilot.documents.excel.read import RangeReading as RangeReading
    from copilot.documents.excel.read import outline as outline
    from copilot.documents.excel.read import read as read
    from copilot.documents.excel.read import read_range as read_range
    from copilot.documents.excel.read import tables as tables
    from copilot.documents.excel.recalculation import Problem as Problem
    from copilot.documents.excel.recalculation import errors as errors
    from copilot.documents.excel.recalculation import recalculate_workbook as recalculate_workbook
    from copilot.documents.excel.regions import Region as Region
    from copilot.documents.excel.regions import find_region as find_region
    from copilot.documents.excel.regions import regions as regions
    from copilot.documents.excel.replacing import find_replace as find_replace
    from copilot.documents.excel.results import write_analysis as write_analysis
    from copilot.documents.excel.richtext import Run as Run
    from copilot.documents.excel.richtext import write_rich_text as write_rich_text
    from copilot.documents.excel.rowdeletes import delete_rows_where as delete_rows_where
    from copilot.documents.excel.rows import add_row as add_row
    from copilot.documents.excel.rows import add_table_row as add_table_row
    from copilot.documents.excel.rows import append_row as append_row
    from copilot.documents.excel.sheet_edits import copy_sheet as copy_sheet
    from copilot.documents.excel.sheet_edits import delete_sheet as delete_sheet
    from copilot.documents.excel.sheet_edits import hide_sheet as hide_sheet
    from copilot.documents.excel.sheet_edits import move_sheet as move_sheet
    from copilot.documents.excel.sheet_edits import rename_sheet as rename_sheet
    from copilot.documents.excel.sheet_edits import show_sheet as show_sheet
    from copilot.documents.excel.sheet_edits import tab_color as tab_color
    from copilot.documents.excel.sheets import add_sheet as add_sheet
    from copilot.documents.excel.sheets import create as create
    from copilot.documents.excel.shifting import delete_columns as delete_columns
    from copilot.documents.excel.shifting import delete_rows as delete_rows
    from copilot.documents.excel.shifting import insert_columns as insert_columns
    from copilot.documents.excel.shifting import insert_rows as insert_rows
    from copilot.documents.excel.sorting import remove_duplicates as remove_duplicates
    from copilot.documents.excel.sorting import sort_range as sort_range
    from copilot.documents.excel.sparklines import Sparkline as Sparkline
    from copilot.documents.excel.sparklines import add_sparklines as add_sparklines
    from copilot.documents.excel.sparklines import delete_sparklines as delete_sparklines
    from copilot.documents.excel.sparklines import list_sparklines as list_sparklines
    from copilot.documents.excel.table_columns import add_table_column as add_table_column
    from copilot.documents.excel.table_columns import calculated_column as calculated_column
    from copilot.documents.excel.table_columns import rename_column as rename_column
    from copilot.documents.excel.table_columns import table_totals as table_totals
    from copilot.documents.excel.table_edits import create_table as create_table
    from copilot.documents.excel.table_edits import delete_table as delete_table
    from copilot.documents.excel.table_edits import rename_table as rename_table
    from copilot.documents.excel.table_edits import resize_table as resize_table
    from copilot.documents.excel.table_edits import table_style as table_style
    from copilot.documents.excel.validation import clear_validation as clear_validation
    from copilot.documents.excel.validation import data_validation as data_validation
    from copilot.documents.excel.views import freeze_panes as freeze_panes
    from copilot.documents.excel.views import sheet_view as sheet_view
    from copilot.documents.excel.workbook import Sheet as Sheet
    from copilot.documents.excel.workbook import Table as Table
    from copilot.documents.excel.workbook import Workbook as Workbook
    from copilot.documents.excel.write import write_cells as write_cells
    from copilot.documents.excel.write import write_formula as write_formula

#: The public names by the module that defines them.
_NAMES = {
    "analysis": (
        "ANALYSES",
        "FUNCTIONS",
        "OPERATORS",
        "Aggregate",
        "Analysis",
        "ColumnFacts",
        "Function",
        "Operator",
        "Rows",
        "Where",
        "aggregate",
        "analyse",
        "describe",
        "select",
        "sort",
        "top",
    ),
    "chart_edits": ("delete_chart", "edit_chart", "move_chart"),
    "chart_parts": ("Chart", "list_charts"),
    "charts": ("add_chart",),
    "chartxml": ("CHART_TYPES", "ChartType"),
    "comments": ("Comment", "add_comment", "delete_comment", "reply_comment", "resolve_comment"),
    "conditional": ("clear_conditional_formats", "conditional_format", "move_conditional_formats"),
    "copying": ("copy_range",),
    "edits": ("edit", "operations"),
    "explain": ("Explanation", "Source", "explain_formula"),
    "filling": ("fill_series", "split_column"),
    "filters": ("auto_filter",),
    "formats": ("format_cells",),
    "images": ("Image", "delete_image", "insert_image", "list_images", "set_alt_text"),
    "layout": (
        "column_width",
        "group_columns",
        "group_rows",
        "hide_columns",
        "hide_rows",
        "row_height",
        "show_columns",
        "show_rows",
        "ungroup_columns",
        "ungroup_rows",
    ),
    "links": ("hyperlink", "remove_hyperlink"),
    "merges": ("merge_cells", "unmerge_cells"),
    "names": ("define_name", "delete_name", "rename_name"),
    "pivot_read": ("Pivot", "list_pivots"),
    "pivot_refresh": ("refresh_pivot",),
    "pivots": ("create_pivot",),
    "printing": ("page_setup",),
    "protection": ("protect_sheet", "protect_workbook", "unprotect_sheet", "unprotect_workbook"),
    "ranges": ("clear_range", "write_range"),
    "read": ("RangeReading", "outline", "read", "read_range", "tables"),
    "recalculation": ("Problem", "errors", "recalculate_workbook"),
    "regions": ("Region", "find_region", "regions"),
    "replacing": ("find_replace",),
    "results": ("write_analysis",),
    "richtext": ("Run", "write_rich_text"),
    "rowdeletes": ("delete_rows_where",),
    "rows": ("add_row", "add_table_row", "append_row"),
    "sheet_edits": (
        "copy_sheet",
        "delete_sheet",
        "hide_sheet",
        "move_sheet",
        "rename_sheet",
        "show_sheet",
        "tab_color",
    ),
    "sheets": ("add_sheet", "create"),
    "shifting": ("delete_columns", "delete_rows", "insert_columns", "insert_rows"),
    "sorting": ("remove_duplicates", "sort_range"),
    "sparklines": ("Sparkline", "add_sparklines", "delete_sparklines", "list_sparklines"),
    "table_columns": ("add_table_column", "calculated_column", "rename_column", "table_totals"),
    "table_edits": ("create_table", "delete_table", "rename_table", "resize_table", "table_style"),
    "validation": ("clear_validation", "data_validation"),
    "views": ("freeze_panes", "sheet_view"),
    "workbook": ("Sheet", "Table", "Workbook"),
    "write": ("write_cells", "write_formula"),
}
_WHERE = {name: module for module, names in _NAMES.items() for name in names}

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
    "clear_range",
    "clear_validation",
    "column_width",
    "conditional_format",
    "copy_range",
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
    "delete_rows_where",
    "delete_sheet",
    "delete_sparklines",
    "delete_table",
    "describe",
    "edit",
    "edit_chart",
    "errors",
    "explain_formula",
    "fill_series",
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
    "operations",
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
    "split_column",
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
    "write_analysis",
    "write_cells",
    "write_formula",
    "write_range",
    "write_rich_text",
]


class _Package(ModuleType):
    """This package; `read` and `regions` stay functions, though importing binds the modules of that name here."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (isinstance(value, ModuleType) and name in _WHERE):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
