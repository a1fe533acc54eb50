"""Word: the notes."""

from __future__ import annotations

from _office.packing import saved, settle
from _office.word import document, header_footer, rich, table


def notes() -> bytes:
    made = document("Project Harbour: steering meeting", "Tom Okafor", "Minutes")
    header_footer(made, "Project Harbour", "Minutes no. 4", "Acme Ltd, 28 September 2026", 1)
    made.add_paragraph("Steering meeting, 28 September 2026", "Title")
    rich(made.add_paragraph(), "**Present:** Margaret Ellis (chair), Priya Nair, Tom Okafor (minutes), Claire Dubois")
    rich(made.add_paragraph(), "**Apologies:** Jan Nowak")
    made.add_paragraph("Decisions", "Heading 1")
    for text in (
        "The pilot starts at the Leeds site on 2 November 2026.",
        "The gateway firmware is frozen at version 4.2 until the pilot ends.",
        "Training is held on site, in groups of no more than eight.",
    ):
        made.add_paragraph(text, "List Number")
    made.add_paragraph("Discussion", "Heading 1")
    made.add_paragraph(
        "Priya reported that 44 of 60 sites have been surveyed. Six need new cabling, at an estimated cost of "
        "€18,400, which is "
        "not in the budget. Claire asked whether the customer could carry half of it. Margaret will raise it with "
        "David Osei."
    )
    made.add_paragraph(
        "The dashboard prototype was well received. The customer would like to see energy use beside flow, and a "
        "weekly summary "
        "by mail. Tom pointed out that the summary needs the reporting service that is planned for January."
    )
    made.add_paragraph("Actions", "Heading 1")
    table(
        made,
        (
            ("Action", "Owner", "Due"),
            ("Agree the cabling costs with Brightwater", "Margaret Ellis", "9 October 2026"),
            ("Finish the survey of the remaining 16 sites", "Priya Nair", "16 October 2026"),
            ("Book the training rooms in Leeds", "Claire Dubois", "16 October 2026"),
            ("Send the revised plan to all", "Tom Okafor", "5 October 2026"),
        ),
        (8.4, 3.8, 3.8),
    )
    made.add_paragraph()
    made.add_paragraph("Next meeting: 26 October 2026, 10:00, Bristol, room 3.")
    return settle(saved(made))
