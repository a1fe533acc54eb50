"""Word: the report."""

from __future__ import annotations

from typing import Any

from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from docx.shared import Pt
from lxml import etree
from pptx.chart.chart import Chart
from pptx.chart.data import CategoryChartData
from pptx.chart.xlsx import CategoryWorkbookWriter
from pptx.chart.xmlwriter import ChartXmlWriter
from pptx.dml.color import RGBColor
from pptx.enum.chart import XL_CHART_TYPE, XL_LEGEND_POSITION
from pptx.oxml import parse_xml as parse_slide_xml

from _office.figures import PRODUCTS, REGIONS, Sale, by_product, by_region, change, money, sales
from _office.look import ACCENT
from _office.packing import saved, settle
from _office.word import caption, document, header_footer, rich, table

KIND = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"


def report() -> bytes:
    rows = sales()
    now, before = by_region(rows, range(7, 10)), by_region(rows, range(4, 7))
    total, earlier = sum(now.values()), sum(before.values())
    best = max(REGIONS, key=lambda r: now[r] / before[r])
    worst = min(REGIONS, key=lambda r: now[r] / before[r])
    made = document("Quarterly Report Q3 2026", "Elena Petrova", "Results for July to September 2026")
    header_footer(made, "Acme Ltd · Quarterly Report Q3 2026", "Internal", "Finance, 5 October 2026", 3)
    made.add_paragraph("Quarterly Report Q3 2026", "Title")
    made.add_paragraph("Results for July to September 2026, for the Board", "Subtitle")
    made.add_paragraph("Summary", "Heading 1")
    grew = "grew" if total > earlier else "fell"
    rich(
        made.add_paragraph(),
        f"Revenue {grew} to **{money(total)}**, {change(total, earlier)} on the second quarter. The {best} region "
        "contributed "
        f"most to the change ({change(now[best], before[best])}); the {worst} region was weakest "
        f"({change(now[worst], before[worst])}). Gross margin was **41.8 %**, 0.6 points above plan, because the "
        "Gateway "
        "is now assembled in Bristol. Operating costs stayed within the budget.",
    )
    rich(
        made.add_paragraph(),
        "We recommend that the Board **confirms the full-year forecast** and releases the second tranche of the "
        "service desk "
        "investment in November.",
    )
    made.add_paragraph("Revenue by region", "Heading 1")
    table(made, region_rows(now, before), (4.2, 3.6, 3.6, 3.2), total=True)
    caption(made, "Table 1: Revenue by region, in euros")
    chart(made, now, before)
    caption(made, "Figure 1: Second and third quarter compared")
    products(made, rows)
    made.add_paragraph("Highlights", "Heading 1")
    for text in (
        "Brightwater Foods signed a services agreement for sixty sites, worth €105,000 a year.",
        "The customer portal went live on 14 September; 38 % of orders already come through it.",
        "Average delivery time fell from 9.4 to 7.1 days.",
        "Eleven engineers completed the safety certification that the rail sector asks for.",
    ):
        made.add_paragraph(text, "List Bullet")
    sections(made)
    return settle(saved(made))


def region_rows(now: dict[str, float], before: dict[str, float]) -> list[tuple[str, ...]]:
    rows = [("Region", "Q2 2026", "Q3 2026", "Change")]
    rows += [(r, money(before[r]), money(now[r]), change(now[r], before[r])) for r in REGIONS]
    totals = sum(before.values()), sum(now.values())
    return [*rows, ("Total", money(totals[0]), money(totals[1]), change(totals[1], totals[0]))]


def products(made: Any, rows: list[Sale]) -> None:
    now, before = by_product(rows, range(7, 10)), by_product(rows, range(4, 7))
    top = max(PRODUCTS, key=lambda p: now[p])
    made.add_paragraph("Revenue by product", "Heading 1").paragraph_format.page_break_before = True
    made.add_paragraph(
        f"{top}s remain the strongest product with {now[top] / sum(now.values()) * 100:.0f} % of revenue. Service "
        "plans "
        "matter more than their share suggests: nine of ten customers who have one order again within a year. The "
        "valve "
        "kit is being redesigned, and the new version replaces the present one in the first quarter of 2027."
    )
    lines = [(p, money(before[p]), money(now[p]), change(now[p], before[p])) for p in PRODUCTS]
    table(made, (("Product", "Q2 2026", "Q3 2026", "Change"), *lines), (4.2, 3.6, 3.6, 3.2))
    caption(made, "Table 2: Revenue by product, in euros")


def sections(made: Any) -> None:
    made.add_paragraph("Risks", "Heading 1")
    for name, text in (
        (
            "Supply of control units",
            "One supplier delivers 70 % of the boards. A second source is being qualified and "
            "should be approved by February 2027.",
        ),
        ("Currency", "A fifth of purchases is paid in US dollars. The rate is hedged until March 2027 at 1.09."),
        ("Staff", "Four of nine open positions in field service have been vacant for more than three months."),
    ):
        made.add_paragraph(name, "Heading 2")
        made.add_paragraph(text)
    made.add_paragraph("Operations", "Heading 1")
    made.add_paragraph(
        "The Bristol plant ran at 87 % of its capacity. Scrap fell to 1.9 % after the new test bench was installed in "
        "July. One accident with lost time was recorded, in August; the cause, an unsecured pallet, has been removed "
        "in "
        "all halls. The move of the spare parts store to Avonmouth is on schedule and will be finished in November."
    )
    made.add_paragraph(
        "Field service completed 1,264 visits, 6 % more than in the second quarter, and solved 91 % of the faults on "
        "the "
        "first visit. The service desk answered 82 % of calls within 30 seconds; the target of 85 % was missed because "
        "of holidays in August."
    )
    made.add_paragraph("Outlook", "Heading 1").paragraph_format.page_break_before = True
    made.add_paragraph(
        "Orders in hand cover 82 % of the fourth-quarter plan. We expect revenue for the full year at the upper end "
        "of the "
        "range given in March, and an operating margin of 11 to 12 %. The budget for 2027 will be presented to the "
        "Board "
        "on 3 December 2026."
    )
    table(
        made,
        (
            ("Measure", "Plan 2026", "Forecast 2026"),
            ("Operating margin", "11.0 %", "11.6 %"),
            ("Capital expenditure", "€420,000", "€395,000"),
            ("Employees at year end", "148", "143"),
        ),
        (5.6, 4.2, 4.2),
    )
    caption(made, "Table 3: Plan and forecast")


def chart(made: Any, now: dict[str, float], before: dict[str, float]) -> None:
    """Put a native column chart with its workbook into the text: the chart XML is what python-pptx writes."""
    data = CategoryChartData(number_format="#,##0")
    data.categories = REGIONS
    data.add_series("Q2 2026", [before[r] for r in REGIONS])
    data.add_series("Q3 2026", [now[r] for r in REGIONS])
    root = parse_slide_xml(ChartXmlWriter(XL_CHART_TYPE.COLUMN_CLUSTERED, data).xml.encode())
    paint(Chart(root, None))
    source = etree.SubElement(root, f"{{{root.nsmap['c']}}}externalData", {f"{{{KIND[:-1]}}}id": "rId1"})
    etree.SubElement(source, f"{{{root.nsmap['c']}}}autoUpdate", val="0")
    main = "application/vnd.openxmlformats-officedocument."
    package = made.part.package
    part = Part(
        PackURI("/word/charts/chart1.xml"),
        main + "drawingml.chart+xml",
        etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True),
        package,
    )
    book = CategoryWorkbookWriter(data).xlsx_blob
    part.relate_to(
        Part(PackURI("/word/embeddings/chart1.xlsx"), main + "spreadsheetml.sheet", book, package), KIND + "package"
    )
    link = made.part.relate_to(part, KIND + "chart")
    line = made.add_paragraph()
    line.alignment = WD_ALIGN_PARAGRAPH.CENTER
    line.paragraph_format.keep_with_next = True
    drawing = (
        f'<w:drawing {nsdecls("w", "wp", "a", "r")}><wp:inline distT="0" distB="0" distL="0" distR="0">'
        '<wp:extent cx="5580000" cy="2700000"/><wp:docPr id="40" name="Chart 1" descr="Column chart: revenue by '
        "region in "
        'the second and third quarter of 2026"/><a:graphic>'
        '<a:graphicData uri="http://schemas.openxmlformats.org/drawingml/2006/chart">'
        '<c:chart xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart" '
        f'r:id="{link}"/></a:graphicData></a:graphic></wp:inline></w:drawing>'
    )
    line.add_run()._r.append(parse_xml(drawing))


def paint(figure: Any) -> None:
    figure.font.size, figure.font.name = Pt(9), "Arial"
    figure.has_title = False
    figure.has_legend = True
    figure.legend.position, figure.legend.include_in_layout = XL_LEGEND_POSITION.BOTTOM, False
    figure.plots[0].gap_width, figure.plots[0].overlap = 80, -5
    figure.value_axis.major_gridlines.format.line.color.rgb = RGBColor(0xD9, 0xD9, 0xD9)
    figure.value_axis.tick_labels.number_format = "#,##0"
    figure.value_axis.tick_labels.number_format_is_linked = False
    for series, colour in zip(figure.plots[0].series, ("9DB2BF", ACCENT), strict=True):
        series.format.fill.solid()
        series.format.fill.fore_color.rgb = RGBColor.from_string(colour)
