"""Word: the contract."""

from __future__ import annotations

from typing import Any

from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from docx.shared import Pt

from _office.packing import saved, settle
from _office.word import document, header_footer, rich, table

LEVELS = (("Heading 1", "%1.", 567, 567), ("Clause", "%1.%2", 567, 567), ("Subclause", "(%3)", 1134, 567))
CONTRACT: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "Definitions",
        (
            "In this Agreement the following terms have these meanings:",
            "(**“Charges”** means the fees set out in Schedule 1, exclusive of VAT.",
            "(**“Confidential Information”** means any information that a reasonable person would regard as "
            "confidential.",
            "(**“Deliverables”** means the reports, configurations and software that Ac|me produces for the Customer.",
            "(**“Services”** means the monitoring and maintenance services described in Schedule 1.",
            "(**“Working Day”** means a day other than a Saturday, a Sunday or a public holiday in England.",
            "Headings are for convenience only and do not affect the interpretation of this Agreement.",
        ),
    ),
    (
        "Services",
        (
            "**Acme** shall provide the Services from 1 November 2026 (the **“Start Date”**) with reasonable skill "
            "and care.",
            "Acme shall appoint a service manager, who is the Customer’s first point of contact, and shall not replace "
            "that person without ten (10) Working Days’ notice.",
            "The Customer shall give A|cme the access to its sites and systems that Acme reasonably needs. "
            "Acme is not in breach where a delay is caused by the Customer.",
        ),
    ),
    (
        "Charges and payment",
        (
            "The Customer shall pay the Charges to Acme in the amounts set out in Schedule 1.",
            "Acme shall invoice monthly in arrears. Each invoice is payable **within 30 days** of its date, in "
            "euros, by "
            "bank transfer to the account stated on the invoice.",
            "If a payment is late, Acme may charge interest at 4 % a year above the base rate of the Bank of England, "
            "from the due date until payment.",
            "Acme may increase the Charges once a year, on each anniversary of the Start Date, by no more than the "
            "rise "
            "in the consumer prices index over the preceding twelve months.",
        ),
    ),
    (
        "Intellectual property",
        (
            "All intellectual property rights in the Deliverables belong to Acme until the Charges for them are paid "
            "in "
            "full, and to the Customer from then on.",
            "Acme’s pre-existing tools and know-how remain the property of Acme. The Customer receives a "
            "non-exclusive, perpetual licence to use them as part of the Deliverables.",
        ),
    ),
    (
        "Confidentiality and data protection",
        (
            "Each party shall keep the other’s Confidential Information secret for five (5) years after it is "
            "received, and shall use it only for the purposes of this Agreement.",
            "Where Acme processes personal data on behalf of the Customer, it shall do so only on documented "
            "instructions, and shall notify the Customer of any breach within 24 hours of becoming aware of it.",
        ),
    ),
    (
        "Liability",
        (
            "Nothing in this Agreement limits liability for death or personal injury caused by negligence, for "
            "fraud, or "
            "for anything that cannot be limited by law.",
            "Subject to clause 6.1, the total liability of Acme in each contract year is limited to 125 % of the "
            "Charges "
            "paid or payable in that year.",
            "Neither party is liable for loss of profit, loss of business or any indirect or consequential loss.",
        ),
    ),
    (
        "Term and termination",
        (
            "This Agreement starts on the Start Date and continues for an initial term of twenty-four (24) months. "
            "After "
            "that it continues until either party gives ninety (90) days’ written notice.",
            "Either party may terminate this Agreement at once by written notice if the other:",
            "(commits a material breach and does not remedy it within thirty (30) days of being asked to; or",
            "(becomes insolvent, or enters into an arrangement with its creditors.",
            "On termination **Acme Ltd** shall return the Customer’s data in a common format within fourteen (14) "
            "days, "
            "and the Customer shall pay for all Services performed up to that date.",
        ),
    ),
    (
        "General",
        (
            "Neither party may assign this Agreement without the written consent of the other, which shall not be "
            "unreasonably withheld.",
            "Notices must be in writing and sent to the address of the other party given above, for Acme marked for "
            "the "
            "attention of the Legal Department.",
            "This Agreement, with its Schedule, is the entire agreement between Acme and the Customer about its "
            "subject.",
            "This Agreement is governed by the **law of England and Wales**, and the courts of England have exclusive "
            "jurisdiction.",
        ),
    ),
)
FEES = (
    ("Item", "Provided by", "Unit", "Rate", "Monthly charge"),
    ("Remote monitoring", "Acme Ltd", "60 sites", "€45.00", "€2,700.00"),
    ("Preventive maintenance", "Acme Ltd", "12 visits", "€310.00", "€3,720.00"),
    ("Spare parts pool", "Ac|me Parts GmbH", "flat", "€850.00", "€850.00"),
    ("Service desk, 24/7", "Acme Ltd", "flat", "€1,480.00", "€1,480.00"),
    ("Total", "", "", "", "€8,750.00"),
)


def numbering(made: Any) -> None:
    """Link Heading 1, Clause and Subclause to one multilevel list: 1. / 1.1 / (a)."""
    part = made.part.numbering_part.element
    levels = "".join(
        f'<w:lvl w:ilvl="{i}"><w:start w:val="1"/><w:numFmt w:val="{"lowerLetter" if i == 2 else "decimal"}"/>'
        f'<w:pStyle w:val="{name.replace(" ", "")}"/><w:lvlText w:val="{text}"/><w:lvlJc w:val="left"/>'
        f'<w:pPr><w:ind w:left="{left}" w:hanging="{hanging}"/></w:pPr></w:lvl>'
        for i, (name, text, left, hanging) in enumerate(LEVELS)
    )
    part.insert(
        0,
        parse_xml(
            f'<w:abstractNum {nsdecls("w")} w:abstractNumId="90"><w:multiLevelType w:val="multilevel"/>{levels}'
            "</w:abstractNum>"
        ),
    )
    part.append(parse_xml(f'<w:num {nsdecls("w")} w:numId="90"><w:abstractNumId w:val="90"/></w:num>'))
    for i, (name, *_rest) in enumerate(LEVELS):
        if name not in [s.name for s in made.styles]:
            style = made.styles.add_style(name, 1)
            style.base_style = made.styles["Normal"]
            style.paragraph_format.alignment = WD_ALIGN_PARAGRAPH.JUSTIFY
        made.styles[name].element.get_or_add_pPr().append(
            parse_xml(f'<w:numPr {nsdecls("w")}><w:ilvl w:val="{i}"/><w:numId w:val="90"/></w:numPr>')
        )


def contract() -> bytes:
    made = document("Services Agreement", "Acme Ltd, Legal Department", "Acme Ltd and Brightwater Foods plc")
    numbering(made)
    header_footer(made, "Services Agreement", "Acme Ltd · Confidential", "© 2026 Acme Ltd, ref. SA-2026-118", 3)
    made.add_paragraph("Services Agreement", "Title")
    made.add_paragraph("between Acme Ltd and Brightwater Foods plc", "Subtitle")
    rich(made.add_paragraph(), "This Agreement is dated **12 October 2026** and made between:")
    for party in (
        "**Acme Ltd**, a company registered in England and Wales (no. 07315542), whose registered office is at 14 Quay "
        "Street, Bristol BS1 4DJ (**“Acme”**); and",
        "**Brightwater Foods plc**, a company registered in England and Wales (no. 04471903), whose registered "
        "office is "
        "at 2 Orchard Way, Leeds LS11 5QT (the **“Customer”**).",
    ):
        rich(made.add_paragraph(style="List Number"), party)
    for title, clauses in CONTRACT:
        made.add_paragraph(title, "Heading 1")
        for clause in clauses:
            style = "Subclause" if clause.startswith("(") else "Clause"
            rich(made.add_paragraph(style=style), clause.removeprefix("("))
    schedule(made)
    signatures(made)
    return settle(saved(made))


def schedule(made: Any) -> None:
    title = made.add_paragraph("Schedule 1: Services and Charges", "Heading 2")
    title.paragraph_format.page_break_before = True
    made.add_paragraph(
        "Acme provides the following Services to the Customer at its sixty production and storage sites:"
    )
    table(made, FEES, (4.6, 3.6, 2.4, 2.4, 3.2), total=True)
    made.add_paragraph().paragraph_format.space_after = Pt(0)
    rich(
        made.add_paragraph(),
        "Work outside this Schedule is charged at €96.00 an hour and needs the Customer’s written order. Travel "
        "within the "
        "United Kingdom is included. Acme credits **5 % of the monthly charge** for each full hour by which the "
        "service "
        "desk exceeds its response time of four hours.",
    )


def signatures(made: Any) -> None:
    heading = made.add_paragraph("Signatures", "Heading 2")
    heading.paragraph_format.space_before = Pt(18)
    made.add_paragraph(
        "Signed by the authorised representatives of the parties:"
    ).paragraph_format.keep_with_next = True
    block = made.add_table(4, 2)
    for column, lines in enumerate(
        (
            (
                "For Acme Ltd",
                "______________________________",
                "Margaret Ellis, Managing Director",
                "Date: ____________",
            ),
            (
                "For Brightwater Foods plc",
                "______________________________",
                "David Osei, Chief Operating Officer",
                "Date: ____________",
            ),
        )
    ):
        for row, line in enumerate(lines):
            run = block.cell(row, column).paragraphs[0].add_run(line)
            run.bold = row == 0
            block.cell(row, column).paragraphs[0].paragraph_format.space_before = Pt(14 if row == 1 else 0)
            block.cell(row, column).paragraphs[0].paragraph_format.keep_with_next = row < 3
