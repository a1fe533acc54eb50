"""Excel: the looks that the workbooks share."""

from __future__ import annotations

import io
from typing import Any

import xlsxwriter

from _office.look import DARK, PALE


def workbook() -> tuple[Any, io.BytesIO, dict[str, Any]]:
    stream = io.BytesIO()
    book = xlsxwriter.Workbook(stream, {"in_memory": True})
    base = {"font_name": "Arial", "font_size": 10}
    book.formats[0].set_font_name("Arial")
    book.formats[0].set_font_size(10)
    head = {**base, "bold": True, "font_color": "white", "bg_color": f"#{DARK}", "align": "center", "valign": "vcenter"}
    sums = {**base, "bold": True, "top": 1, "bg_color": f"#{PALE}"}
    euros = {"num_format": "#,##0;[Red]-#,##0"}
    looks = {
        "title": {**base, "font_size": 16, "bold": True, "font_color": f"#{DARK}"},
        "note": {**base, "italic": True, "font_color": "#5B6B78"},
        "head": {**head, "text_wrap": True},
        "left": {**head, "align": "left"},
        "text": base,
        "euros": {**base, **euros},
        "cents": {**base, "num_format": "#,##0.00"},
        "date": {**base, "num_format": "yyyy-mm-dd", "align": "left"},
        "percent": {**base, "num_format": "0.0%"},
        "input": {**base, "num_format": "0.0%", "font_color": "#0000C8", "bg_color": "#FFF8E1"},
        "rate": {**base, "num_format": "0.00", "font_color": "#0000C8", "bg_color": "#FFF8E1"},
        "sum": sums,
        "sum_euros": {**sums, **euros},
        "sum_cents": {**sums, "num_format": "#,##0.00"},
        "sum_percent": {**sums, "num_format": "0.0%"},
    }
    return book, stream, {name: book.add_format(look) for name, look in looks.items()}


def page(sheet: Any) -> None:
    """Print a sheet on landscape A4, as wide as one page."""
    sheet.set_paper(9)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
