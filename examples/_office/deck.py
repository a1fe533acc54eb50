"""PowerPoint: the deck of a kickoff."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from pptx.chart.data import CategoryChartData
from pptx.dml.color import RGBColor
from pptx.enum.chart import XL_CHART_TYPE, XL_LEGEND_POSITION
from pptx.enum.text import MSO_ANCHOR
from pptx.util import Emu, Pt

from _office.packing import WRITTEN, settle
from copilot.documents.powerpoint.template import default_deck


def deck() -> bytes:
    made = default_deck()
    core = made.core_properties
    core.title, core.author, core.last_modified_by = "Project Harbour: kickoff", "Tom Okafor", "Tom Okafor"
    core.created = core.modified = WRITTEN
    layouts = {layout.name: layout for layout in made.slide_layouts}

    def slide(layout: str, title: str, *bodies: Sequence[str], notes: str = "") -> Any:
        page = made.slides.add_slide(layouts[layout])
        page.shapes.title.text = title
        for place, lines in zip([p for p in page.placeholders if p.placeholder_format.idx], bodies, strict=False):
            fill(place.text_frame, lines)
        if notes:
            page.notes_slide.notes_text_frame.text = notes
        return page

    slide(
        "Title Slide",
        "Project Harbour",
        ("Kickoff with Brightwater Foods", "12 October 2026"),
        notes="Welcome everybody. Introduce David Osei and his team. Keep it to five minutes.",
    )
    slide(
        "Title and Content",
        "Agenda",
        ("Why we are here", "Scope and approach", "Timeline", "Team and ways of working", "Budget", "Next steps"),
    )
    slide(
        "Title and Content",
        "Why we are here",
        (
            "Sixty sites, four control systems, no common view",
            "  Faults are found by walking past them",
            "  Each site keeps its own spare parts",
            "Energy costs rose by 31 % in two years",
            "Brightwater wants one view of flow, energy and faults by summer 2027",
        ),
        notes="The 31 % is from Brightwater's annual report 2025, page 18.",
    )
    slide(
        "Comparison",
        "Scope",
        ("In scope",),
        ("Sensors and gateways at 60 sites", "Dashboard and weekly summary", "Training for 120 people"),
        ("Out of scope",),
        ("Replacement of pumps", "Changes to the ERP system", "Sites outside the United Kingdom"),
    )
    timeline(
        slide(
            "Title Only", "Timeline", notes="The pilot is the gate: no rollout before the Board has seen its results."
        )
    )
    costs(slide("Title Only", "Cost by phase"))
    slide(
        "Title and Content",
        "Ways of working",
        (
            "Steering meeting on the last Monday of the month",
            "One shared plan, updated every Friday",
            "Decisions are written down within two days",
            "Questions to harbour@acme.example",
        ),
    )
    slide(
        "Title and Content",
        "Next steps",
        (
            "Sign the services agreement",
            "Survey the remaining 16 sites by 16 October",
            "Start the pilot in Leeds on 2 November",
        ),
        notes="Ask for a named contact at every site before the end of the meeting.",
    )
    stream = io.BytesIO()
    made.save(stream)
    return settle(stream.getvalue())


def fill(frame: Any, lines: Sequence[str]) -> None:
    for number, line in enumerate(lines):
        paragraph = frame.paragraphs[0] if number == 0 else frame.add_paragraph()
        paragraph.text = line.strip()
        paragraph.level = 1 if line.startswith("  ") else 0


def timeline(page: Any) -> None:
    rows = (
        ("Phase", "Start", "End", "Result", "Owner"),
        ("Survey", "1 Sep 2026", "16 Oct 2026", "Site list with findings", "Priya Nair"),
        ("Pilot in Leeds", "2 Nov 2026", "18 Dec 2026", "One site in full operation", "Tom Okafor"),
        ("Rollout, wave 1", "11 Jan 2027", "26 Mar 2027", "30 sites connected", "Jan Nowak"),
        ("Rollout, wave 2", "6 Apr 2027", "11 Jun 2027", "60 sites connected", "Jan Nowak"),
        ("Handover", "14 Jun 2027", "30 Jun 2027", "Acceptance signed", "Claire Dubois"),
    )
    frame = page.shapes.add_table(len(rows), len(rows[0]), Emu(731520), Emu(1645920), Emu(10728960), Emu(3200400))
    frame.name = "Timeline"
    for r, row in enumerate(rows):
        for c, text in enumerate(row):
            cell = frame.table.cell(r, c)
            cell.text = text
            cell.vertical_anchor = MSO_ANCHOR.MIDDLE
            cell.text_frame.paragraphs[0].runs[0].font.size = Pt(14)
    for column, width in enumerate((2286000, 1828800, 1828800, 2956560, 1828800)):
        frame.table.columns[column].width = Emu(width)


def costs(page: Any) -> None:
    data = CategoryChartData(number_format="#,##0")
    data.categories = ("Survey", "Pilot", "Wave 1", "Wave 2", "Handover")
    data.add_series("Hardware", (0, 14500, 212000, 198000, 0))
    data.add_series("Services", (21800, 32400, 96500, 88200, 17400))
    kind = XL_CHART_TYPE.COLUMN_STACKED
    frame = page.shapes.add_chart(kind, Emu(731520), Emu(1600200), Emu(10728960), Emu(4480560), data)
    frame.name = "Cost by phase"
    frame.chart.has_legend = True
    frame.chart.legend.position = XL_LEGEND_POSITION.BOTTOM
    frame.chart.legend.include_in_layout = False
    frame.chart.font.size = Pt(14)
    frame.chart.plots[0].gap_width = 60
    frame.chart.value_axis.major_gridlines.format.line.color.rgb = RGBColor(0xD9, 0xD9, 0xD9)
    frame.chart.value_axis.tick_labels.number_format = "#,##0"
    frame.chart.value_axis.tick_labels.number_format_is_linked = False
