"""Excel: the sales workbook."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from _office.excel import page, workbook
from _office.figures import PRODUCTS, REGIONS, Sale, sales
from _office.look import ACCENT, DARK
from _office.packing import WRITTEN, settle


def sales_book() -> bytes:
    book, stream, look = workbook()
    book.set_properties({"title": "Sales 2026", "author": "Hannah Weiss", "company": "Acme Ltd", "created": WRITTEN})
    rows = sales()
    sheet, summary = book.add_worksheet("Sales"), book.add_worksheet("Summary")
    last = len(rows) + 1
    columns = [
        {"header": "Date", "format": look["date"]},
        {"header": "Region"},
        {"header": "Product"},
        {"header": "Rep"},
        {"header": "Units", "format": look["euros"]},
        {"header": "Unit price", "format": look["cents"]},
        {"header": "Revenue", "format": look["cents"], "formula": "=[@Units]*[@[Unit price]]"},
    ]
    sheet.add_table(f"A1:G{last}", {"name": "Sales", "columns": columns, "style": "Table Style Medium 2"})
    for row, sale in enumerate(rows, start=1):
        sheet.write_datetime(row, 0, datetime.combine(sale.day, datetime.min.time()), look["date"])
        for column, value in enumerate((sale.region, sale.product, sale.rep), start=1):
            sheet.write_string(row, column, value, look["text"])
        sheet.write_number(row, 4, sale.units, look["euros"])
        sheet.write_number(row, 5, sale.price, look["cents"])
        formula = "=Sales[[#This Row],[Units]]*Sales[[#This Row],[Unit price]]"
        sheet.write_formula(row, 6, formula, look["cents"], sale.revenue)
    for span, width in (("A:A", 12), ("B:B", 10), ("C:D", 16), ("E:E", 9), ("F:F", 12), ("G:G", 14)):
        sheet.set_column(span, width)
    sheet.freeze_panes(1, 0)
    page(sheet)
    sheet.set_portrait()
    sheet.repeat_rows(0)
    page(summary)
    summary_sheet(book, summary, look, rows)
    book.close()
    return settle(stream.getvalue())


def summary_sheet(book: Any, sheet: Any, look: dict[str, Any], rows: list[Sale]) -> None:
    sheet.write("A1", "Sales 2026, January to September", look["title"])
    for column, text in enumerate(("Region", "Units", "Revenue", "Share", "Average sale")):
        sheet.write(2, column, text, look["left" if column == 0 else "head"])
    everything = sum(s.revenue for s in rows)
    for row, region in enumerate(REGIONS, start=4):
        own = [s for s in rows if s.region == region]
        revenue = round(sum(s.revenue for s in own), 2)
        sheet.write(f"A{row}", region, look["text"])
        units = sum(s.units for s in own)
        sheet.write_formula(f"B{row}", f"=SUMIFS(Sales[Units],Sales[Region],A{row})", look["euros"], units)
        sheet.write_formula(f"C{row}", f"=SUMIFS(Sales[Revenue],Sales[Region],A{row})", look["cents"], revenue)
        sheet.write_formula(f"D{row}", f"=C{row}/$C$8", look["percent"], revenue / everything)
        average = f"=AVERAGEIFS(Sales[Revenue],Sales[Region],A{row})"
        sheet.write_formula(f"E{row}", average, look["cents"], revenue / len(own))
    sheet.write("A8", "Total", look["sum"])
    sheet.write_formula("B8", "=SUM(B4:B7)", look["sum_euros"], sum(s.units for s in rows))
    sheet.write_formula("C8", "=SUM(C4:C7)", look["sum_cents"], round(everything, 2))
    sheet.write_formula("D8", "=SUM(D4:D7)", look["sum_percent"], 1)
    sheet.write("E8", "", look["sum"])
    product_block(sheet, look, rows)
    sheet.set_column("A:A", 18)
    sheet.set_column("B:E", 14)
    chart = book.add_chart({"type": "column"})
    chart.add_series(
        {
            "name": "Revenue",
            "categories": "=Summary!$A$4:$A$7",
            "values": "=Summary!$C$4:$C$7",
            "fill": {"color": f"#{ACCENT}"},
            "gap": 80,
            "data_labels": {"value": True, "num_format": "#,##0"},
        }
    )
    chart.set_title({"name": "Revenue by region", "name_font": {"size": 13, "color": f"#{DARK}"}})
    chart.set_y_axis({"num_format": "#,##0", "major_gridlines": {"visible": True, "line": {"color": "#D9D9D9"}}})
    chart.set_legend({"none": True})
    chart.set_size({"width": 560, "height": 320})
    sheet.insert_chart("G3", chart, {"description": "Columns: revenue by region, January to September 2026"})


def product_block(sheet: Any, look: dict[str, Any], rows: list[Sale]) -> None:
    for column, text in enumerate(("Product", "Units", "Revenue")):
        sheet.write(10, column, text, look["left" if column == 0 else "head"])
    for row, product in enumerate(PRODUCTS, start=12):
        own = [s for s in rows if s.product == product]
        sheet.write(f"A{row}", product, look["text"])
        units = f"=SUMIFS(Sales[Units],Sales[Product],A{row})"
        sheet.write_formula(f"B{row}", units, look["euros"], sum(s.units for s in own))
        revenue = f"=SUMIFS(Sales[Revenue],Sales[Product],A{row})"
        sheet.write_formula(f"C{row}", revenue, look["cents"], round(sum(s.revenue for s in own), 2))
