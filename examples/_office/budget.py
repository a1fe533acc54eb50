"""Excel: the budget."""

from __future__ import annotations

from typing import Any

from _office.excel import page, workbook
from _office.look import ACCENT, DARK
from _office.packing import WRITTEN, settle

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Department: (monthly base in euros, rise a month, last year's actual)
DEPARTMENTS = {
    "Sales": (61200, 300, 742300),
    "Marketing": (24500, 150, 318900),
    "Field service": (88400, 450, 1029600),
    "Product development": (97300, 250, 1121000),
    "Manufacturing": (143800, 600, 1741500),
    "IT": (31900, 100, 402700),
    "Finance and legal": (27600, 0, 325800),
    "People": (18200, 50, 203400),
}
INFLATION, SALARIES, DOLLAR, RESERVE = 0.024, 0.031, 1.09, 0.05


def planned(department: str) -> list[int]:
    base, rise, _ = DEPARTMENTS[department]
    seasonal = (0, 0, 2, 0, 1, 3, -4, -6, 2, 3, 4, -2)
    return [round((base + rise * m) * (1 + seasonal[m] / 100) / 100) * 100 for m in range(12)]


def budget() -> bytes:
    book, stream, look = workbook()
    book.set_properties({"title": "Budget 2026", "author": "Elena Petrova", "company": "Acme Ltd", "created": WRITTEN})
    sheet, quarters, assumptions = (book.add_worksheet(n) for n in ("Budget", "Quarters", "Assumptions"))
    last = 4 + len(DEPARTMENTS)  # the row number, as Excel counts, of the last department
    for name, row in (("Inflation", 4), ("SalaryIncrease", 5), ("DollarRate", 6), ("Reserve", 7)):
        book.define_name(name, f"=Assumptions!$B${row}")
    sheet.write("A1", "Budget 2026", look["title"])
    sheet.write(
        "A2", "Acme Ltd, operating costs in euros; blue cells on the sheet Assumptions can be changed", look["note"]
    )
    sheet.write("A4", "Department", look["left"])
    for column, text in enumerate((*MONTHS, "Total 2026", "Actual 2025", "Change", "Outlook 2027"), start=1):
        sheet.write(3, column, text, look["head"])
    for i, name in enumerate(DEPARTMENTS):
        budget_row(sheet, look, 5 + i, name)
    budget_totals(sheet, look, last)
    sheet.conditional_format(
        f"P5:P{last}",
        {
            "type": "cell",
            "criteria": ">",
            "value": 0.06,
            "format": book.add_format({"font_color": "#9C0006", "bg_color": "#FFC7CE"}),
        },
    )
    sheet.conditional_format(
        f"P5:P{last}",
        {
            "type": "cell",
            "criteria": "<",
            "value": 0.02,
            "format": book.add_format({"font_color": "#006100", "bg_color": "#C6EFCE"}),
        },
    )
    sheet.set_row(3, 30)
    sheet.set_column("A:A", 22)
    sheet.set_column("B:M", 9.5)
    sheet.set_column("N:Q", 12.5)
    sheet.freeze_panes(4, 1)
    for each in (sheet, quarters, assumptions):
        page(each)
    sheet.repeat_rows(3)
    quarter_sheet(book, quarters, look)
    assumption_sheet(assumptions, look)
    book.close()
    return settle(stream.getvalue())


def budget_row(sheet: Any, look: dict[str, Any], row: int, name: str) -> None:
    months, actual = planned(name), DEPARTMENTS[name][2]
    total = sum(months)
    sheet.write(f"A{row}", name, look["text"])
    for month, value in enumerate(months, start=1):
        sheet.write(row - 1, month, value, look["euros"])
    sheet.write_formula(f"N{row}", f"=SUM(B{row}:M{row})", look["euros"], total)
    sheet.write(f"O{row}", actual, look["euros"])
    sheet.write_formula(f"P{row}", f"=N{row}/O{row}-1", look["percent"], total / actual - 1)
    sheet.write_formula(f"Q{row}", f"=ROUND(N{row}*(1+Inflation),0)", look["euros"], round(total * (1 + INFLATION)))


def budget_totals(sheet: Any, look: dict[str, Any], last: int) -> None:
    row = last + 1
    months = [planned(d) for d in DEPARTMENTS]
    columns = [sum(column) for column in zip(*months, strict=True)]
    total, actual = sum(columns), sum(d[2] for d in DEPARTMENTS.values())
    outlook = sum(round(sum(m) * (1 + INFLATION)) for m in months)
    sheet.write(f"A{row}", "Total", look["sum"])
    for i, value in enumerate([*columns, total, actual]):
        letter = chr(ord("B") + i)
        sheet.write_formula(f"{letter}{row}", f"=SUM({letter}5:{letter}{last})", look["sum_euros"], value)
    sheet.write_formula(f"P{row}", f"=N{row}/O{row}-1", look["sum_percent"], total / actual - 1)
    sheet.write_formula(f"Q{row}", f"=SUM(Q5:Q{last})", look["sum_euros"], outlook)
    sheet.write(f"A{row + 1}", "Reserve", look["text"])
    sheet.write_formula(f"N{row + 1}", f"=ROUND(N{row}*Reserve,0)", look["euros"], round(total * RESERVE))


def quarter_sheet(book: Any, sheet: Any, look: dict[str, Any]) -> None:
    sheet.write("A1", "Budget 2026 by quarter", look["title"])
    for column, text in enumerate(("Department", "Q1", "Q2", "Q3", "Q4", "Share")):
        sheet.write(2, column, text, look["left" if column == 0 else "head"])
    whole = sum(sum(planned(d)) for d in DEPARTMENTS)
    end = 3 + len(DEPARTMENTS)
    for i, name in enumerate(DEPARTMENTS):
        row, months = 4 + i, planned(name)
        sheet.write_formula(f"A{row}", f"=Budget!A{5 + i}", look["text"], name)
        for quarter, span in enumerate(("B{0}:D{0}", "E{0}:G{0}", "H{0}:J{0}", "K{0}:M{0}")):
            value = sum(months[3 * quarter : 3 * quarter + 3])
            sheet.write_formula(row - 1, 1 + quarter, f"=SUM(Budget!{span.format(5 + i)})", look["euros"], value)
        sheet.write_formula(f"F{row}", f"=SUM(B{row}:E{row})/SUM($B$4:$E${end})", look["percent"], sum(months) / whole)
    sheet.set_column("A:A", 22)
    sheet.set_column("B:F", 12)
    chart = book.add_chart({"type": "column", "subtype": "stacked"})
    palette = (DARK, ACCENT, "7FB3C4", "C9D9E0")
    for quarter, colour in enumerate(palette):
        chart.add_series(
            {
                "name": ["Quarters", 2, 1 + quarter],
                "categories": ["Quarters", 3, 0, end - 1, 0],
                "values": ["Quarters", 3, 1 + quarter, end - 1, 1 + quarter],
                "fill": {"color": f"#{colour}"},
                "gap": 60,
            }
        )
    chart.set_title({"name": "Operating costs by department", "name_font": {"size": 13, "color": f"#{DARK}"}})
    chart.set_y_axis({"num_format": "#,##0", "major_gridlines": {"visible": True, "line": {"color": "#D9D9D9"}}})
    chart.set_legend({"position": "bottom"})
    chart.set_size({"width": 760, "height": 360})
    sheet.insert_chart("A14", chart, {"description": "Stacked columns: operating costs by department and quarter"})


def assumption_sheet(sheet: Any, look: dict[str, Any]) -> None:
    sheet.write("A1", "Assumptions", look["title"])
    for column, text in enumerate(("Assumption", "Value", "Source")):
        sheet.write(2, column, text, look["head" if column == 1 else "left"])
    for row, (name, value, kind, source) in enumerate(
        (
            ("Inflation", INFLATION, "input", "Central bank forecast, September 2025"),
            ("Salary increase", SALARIES, "input", "Pay agreement of 1 July 2025"),
            ("Dollar rate (USD for 1 EUR)", DOLLAR, "rate", "Hedged until March 2027"),
            ("Reserve", RESERVE, "input", "Decision of the Board, 4 December 2025"),
        ),
        start=3,
    ):
        sheet.write(row, 0, name, look["text"])
        sheet.write(row, 1, value, look[kind])
        sheet.write(row, 2, source, look["text"])
    sheet.write_comment("B7", "Agreed by the Board; changes need its approval.", {"author": "Elena Petrova"})
    sheet.data_validation(
        "B4:B5",
        {
            "validate": "decimal",
            "criteria": "between",
            "minimum": -0.1,
            "maximum": 0.25,
            "error_title": "Out of range",
            "error_message": "Between -10 % and 25 %.",
        },
    )
    sheet.set_column("A:A", 28)
    sheet.set_column("B:B", 12)
    sheet.set_column("C:C", 42)
