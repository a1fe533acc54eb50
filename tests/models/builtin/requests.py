"""Requests with what should come of them: calls, or no act at all.

`DEVELOPED` was looked at while the planner was made; `HELD_OUT` only as figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Call = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Case:
    """A request over a folder; `calls` is what is right, empty where nothing may be done."""

    request: str
    calls: tuple[Call, ...] = ()
    folder: str = "office"
    before: tuple[Call, ...] = ()  # calls of the turn before
    asks: bool = False  # right only as an offer: acting on it would be a guess


def do(request: str, *calls: Call, folder: str = "office", before: tuple[Call, ...] = ()) -> Case:
    return Case(request, calls, folder, before)


def ask(request: str, *calls: Call, folder: str = "office", before: tuple[Call, ...] = ()) -> Case:
    return Case(request, calls, folder, before, asks=True)


def no(request: str, folder: str = "office", before: tuple[Call, ...] = ()) -> Case:
    return Case(request, (), folder, before, asks=True)


def replace(path: str, find: str, new: str) -> Call:
    return "word.replace_text", {"path": path, "find": find, "replace": new}


def total(path: str, column: str, function: str = "sum", **more: Any) -> Call:
    return "excel.aggregate", {"path": path, "column": column, "function": function, **more}


def cells(path: str, values: dict[str, Any], **more: Any) -> Call:
    return "excel.write_cells", {"path": path, "cells": values, **more}


ACME = replace("contract.docx", "Acme", "Contoso")
BY_REGION = total("sales.xlsx", "Amount", by="Region")

DEVELOPED = [
    do("replace Acme with Contoso in contract.docx", ACME),
    do("Please replace 'Acme' by 'Contoso' in the contract", ACME),
    do("can you replace acme with Contoso in contract.docx", ACME),
    do("In contract.docx, replace Acme with Contoso.", ACME),
    do("change the due date in the contract from 30 days to 45 days", replace("contract.docx", "30 days", "45 days")),
    do("change “30 days” to “45 days” in the contract", replace("contract.docx", "30 days", "45 days")),
    do(
        "replace Acme with Contoso and 30 days with 45 days in contract.docx",
        ACME,
        replace("contract.docx", "30 days", "45 days"),
    ),
    do(
        "replace Acme with Contoso in the contract and in the quarterly report",
        ACME,
        replace("quarterly-report.docx", "Acme", "Contoso"),
    ),
    do("what is the total of Amount in sales.xlsx", total("sales.xlsx", "Amount")),
    do("sum of Amount by Region", BY_REGION),
    do("average amount per product in the sales workbook", total("sales.xlsx", "Amount", "average", by="Product")),
    do("What's the highest revenue in the budget?", total("budget.xlsx", "Revenue", "max")),
    do(
        "show orders over 1000 in the sales workbook",
        ("excel.filter_rows", {"path": "sales.xlsx", "column": "Amount", "operator": ">", "value": 1000}),
    ),
    do(
        "list the rows where Region is North in sales.xlsx",
        ("excel.filter_rows", {"path": "sales.xlsx", "column": "Region", "operator": "=", "value": "North"}),
    ),
    do(
        "top 2 by Amount in sales",
        ("excel.sort_rows", {"path": "sales.xlsx", "by": "Amount", "descending": True, "limit": 2}),
    ),
    do(
        "make a column chart of revenue by month in the budget",
        ("excel.add_chart", {"path": "budget.xlsx", "values": "Revenue", "categories": "Month", "kind": "column"}),
    ),
    do("summarise the quarterly report", ("documents.key_sentences", {"path": "quarterly-report.docx"})),
    do("give me the key points of contract.docx", ("documents.key_sentences", {"path": "contract.docx"})),
    do("set B4 to 42 in budget.xlsx", cells("budget.xlsx", {"B4": 42})),
    do("put 42 in B4 and 17 in C4 of budget.xlsx", cells("budget.xlsx", {"B4": 42, "C4": 17})),
    do("put =SUM(B2:B4) in B5 of the budget", cells("budget.xlsx", {"B5": "=SUM(B2:B4)"})),
    do("write 'Done' into C3 on the Notes sheet of budget.xlsx", cells("budget.xlsx", {"C3": "Done"}, sheet="Notes")),
    do(
        "add a row to the Orders table: 2026-03-01, North, Lamp, 120",
        ("excel.add_row", {"path": "sales.xlsx", "table": "Orders", "values": ["2026-03-01", "North", "Lamp", 120]}),
    ),
    do(
        "add a row to Orders: Region=West, Amount=75, Product=Chair, Date=2026-03-02",
        (
            "excel.add_row",
            {
                "path": "sales.xlsx",
                "table": "Orders",
                "values": {"Region": "West", "Amount": 75, "Product": "Chair", "Date": "2026-03-02"},
            },
        ),
    ),
    do(
        "add a heading 'Risks' to quarterly-report.docx and a paragraph below it saying 'None known.'",
        ("word.add_heading", {"path": "quarterly-report.docx", "text": "Risks"}),
        ("word.add_paragraph", {"path": "quarterly-report.docx", "text": "None known.", "under": "Risks"}),
    ),
    do(
        "add a heading 'Risks' after Scope in the quarterly report",
        ("word.add_heading", {"path": "quarterly-report.docx", "text": "Risks", "after": "Scope"}),
    ),
    do(
        "create a deck from quarterly-report.docx",
        ("powerpoint.create_from_document", {"source": "quarterly-report.docx"}),
    ),
    do(
        "make a presentation called q3.pptx from the quarterly report",
        ("powerpoint.create_from_document", {"source": "quarterly-report.docx", "path": "q3.pptx"}),
    ),
    do(
        "what does the contract say about termination?",
        ("documents.answer", {"query": "termination", "path": "contract.docx"}),
    ),
    do("which files mention Contoso?", ("documents.search", {"query": "Contoso"})),
    do("list the sheets of budget.xlsx", ("excel.list_sheets", {"path": "budget.xlsx"})),
    do("what are the columns in sales.xlsx", ("excel.describe_columns", {"path": "sales.xlsx"})),
    do(
        "what are the columns in the Notes sheet of the budget",
        ("excel.describe_columns", {"path": "budget.xlsx", "sheet": "Notes"}),
    ),
    do(
        "compare contract.docx and quarterly-report.docx",
        ("documents.compare", {"first": "contract.docx", "second": "quarterly-report.docx"}),
    ),
    do("convert the contract to markdown", ("documents.to_markdown", {"path": "contract.docx"})),
    do("what is in B4 of the budget?", ("excel.read_range", {"path": "budget.xlsx", "range": "B4"})),
    do(
        "Don't change anything, just show me B4 in budget.xlsx",
        ("excel.read_range", {"path": "budget.xlsx", "range": "B4"}),
    ),
    do("show B4 of the budget without changing anything", ("excel.read_range", {"path": "budget.xlsx", "range": "B4"})),
    do("what files are here?", ("documents.list_files", {})),
    do(
        "replace Acme with Contoso in the deck",
        ("powerpoint.replace_in_slides", {"path": "deck.pptx", "find": "Acme", "replace": "Contoso"}),
    ),
    do(
        "add the note 'Smile' to slide 2 of the deck",
        ("powerpoint.set_notes", {"path": "deck.pptx", "slide": 2, "text": "Smile"}),
    ),
    do("show the headings of contract.docx", ("word.outline", {"path": "contract.docx"})),
    do(
        "list the sheets of budget.xlsx and summarise the contract",
        ("excel.list_sheets", {"path": "budget.xlsx"}),
        ("documents.key_sentences", {"path": "contract.docx"}),
    ),
    do("and by product?", total("sales.xlsx", "Amount", by="Product"), before=(BY_REGION,)),
    do("what about the average?", total("sales.xlsx", "Amount", "average", by="Region"), before=(BY_REGION,)),
    do("now do the same in the quarterly report", replace("quarterly-report.docx", "Acme", "Contoso"), before=(ACME,)),
    do("summarise it", ("documents.key_sentences", {"path": "contract.docx"}), before=(ACME,)),
    do("replace Berlin with Hamburg in it", replace("contract.docx", "Berlin", "Hamburg"), before=(ACME,)),
    do(
        'replace "Acme GmbH" with "Contoso AG" in contract.docx. Don\'t touch anything else.',
        replace("contract.docx", "Acme GmbH", "Contoso AG"),
    ),
    do("open contract.docx and replace Berlin with Hamburg", replace("contract.docx", "Berlin", "Hamburg")),
    ask("should I replace Acme with Contoso in contract.docx?", ACME),
    ask("replace Acme with Contoso", ACME),
    ask("change the due date in the contract to 45 days"),
    no("how do I replace Acme with Contoso in contract.docx?"),
    no("what would happen if I replaced Acme with Contoso in contract.docx?"),
    no("don't replace Acme with Contoso in contract.docx"),
    no("do not add a heading 'Risks' to contract.docx"),
    no("if B4 is over 100, set B4 to 0 in budget.xlsx"),
    no("Could you explain how to set B4 to 42 in budget.xlsx?"),
    no("I replaced Acme with Contoso in contract.docx yesterday"),
    no("delete it"),
    no("delete it", before=(ACME,)),
    no("write a poem"),
    no("translate contract.docx into German"),
    no("ersetze Acme durch Contoso in contract.docx"),
    no("improve the wording of the contract"),
    no("replace Initech with Contoso in contract.docx"),
    no("replace Acme with Contoso in missing.docx"),
    no("set B4 to it in budget.xlsx"),
    no("replace Acme with something better in contract.docx"),
    no("replace Acme with Contoso only in the header of contract.docx"),
    no("replace the second Acme with Contoso in contract.docx"),
    no("set B4 in budget.xlsx"),
    no("send contract.docx to kim@example.com"),
    no("format the first column in bold in budget.xlsx"),
    no("write an introduction for the quarterly report"),
    no("undo that"),
]

_P = "practice"
LEASE = "Lease Agreement 2024.docx"

HELD_OUT = [
    do(
        "swap Brightwater Estates for Stonegate Homes in the lease agreement",
        replace(LEASE, "Brightwater Estates", "Stonegate Homes"),
        folder=_P,
    ),
    do(
        "update the rent from '2,400 euros' to '2,550 euros' in the lease",
        replace(LEASE, "2,400 euros", "2,550 euros"),
        folder=_P,
    ),
    do(
        "Change Dana Wood to Dana Woods in the meeting minutes please",
        replace("meeting_minutes.docx", "Dana Wood", "Dana Woods"),
        folder=_P,
    ),
    do("how many hours per project in staff_hours.xlsx?", total("staff_hours.xlsx", "Hours", by="Project"), folder=_P),
    do("total quantity by warehouse", total("inventory.xlsx", "Quantity", by="Warehouse"), folder=_P),
    do("what's the average unit price in the inventory", total("inventory.xlsx", "Unit price", "average"), folder=_P),
    do(
        "show me items with Quantity below 20 in inventory.xlsx",
        ("excel.filter_rows", {"path": "inventory.xlsx", "column": "Quantity", "operator": "<", "value": 20}),
        folder=_P,
    ),
    do(
        "which rows in the inventory have Warehouse equal to Lyon?",
        ("excel.filter_rows", {"path": "inventory.xlsx", "column": "Warehouse", "operator": "=", "value": "Lyon"}),
        folder=_P,
    ),
    do("sort staff hours by Employee", ("excel.sort_rows", {"path": "staff_hours.xlsx", "by": "Employee"}), folder=_P),
    do(
        "draw a pie chart of Quantity by Item in inventory.xlsx",
        ("excel.add_chart", {"path": "inventory.xlsx", "values": "Quantity", "categories": "Item", "kind": "pie"}),
        folder=_P,
    ),
    do("summarize the annual report", ("documents.key_sentences", {"path": "annual_report.docx"}), folder=_P),
    do(
        "what are the main points of the minutes?",
        ("documents.key_sentences", {"path": "meeting_minutes.docx"}),
        folder=_P,
    ),
    do("enter 44 in C2 of inventory.xlsx", cells("inventory.xlsx", {"C2": 44}), folder=_P),
    do("set D4 to =C4*2 in staff_hours.xlsx", cells("staff_hours.xlsx", {"D4": "=C4*2"}), folder=_P),
    do(
        "append a row to the Stock table with Shelf, Lyon, 9, 80",
        ("excel.add_row", {"path": "inventory.xlsx", "table": "Stock", "values": ["Shelf", "Lyon", 9, 80]}),
        folder=_P,
    ),
    do(
        'insert a heading called "Actions" after Decisions in the minutes',
        ("word.add_heading", {"path": "meeting_minutes.docx", "text": "Actions", "after": "Decisions"}),
        folder=_P,
    ),
    do(
        'append a paragraph saying "Approved by the board." to the annual report',
        ("word.add_paragraph", {"path": "annual_report.docx", "text": "Approved by the board."}),
        folder=_P,
    ),
    do(
        "turn the annual report into a presentation",
        ("powerpoint.create_from_document", {"source": "annual_report.docx"}),
        folder=_P,
    ),
    do(
        "what does the lease say about the deposit?",
        ("documents.answer", {"query": "deposit", "path": LEASE}),
        folder=_P,
    ),
    do("find every document that mentions Mill Lane", ("documents.search", {"query": "Mill Lane"}), folder=_P),
    do("which tabs does the inventory workbook have?", ("excel.list_sheets", {"path": "inventory.xlsx"}), folder=_P),
    do("columns of staff_hours.xlsx", ("excel.describe_columns", {"path": "staff_hours.xlsx"}), folder=_P),
    do("show A1:C3 of inventory.xlsx", ("excel.read_range", {"path": "inventory.xlsx", "range": "A1:C3"}), folder=_P),
    do(
        "what is the difference between the annual report and the minutes?",
        ("documents.compare", {"first": "annual_report.docx", "second": "meeting_minutes.docx"}),
        folder=_P,
    ),
    do("export the minutes as markdown", ("documents.to_markdown", {"path": "meeting_minutes.docx"}), folder=_P),
    do(
        "add a sheet named 'Returns' to inventory.xlsx",
        ("excel.add_sheet", {"path": "inventory.xlsx", "name": "Returns"}),
        folder=_P,
    ),
    do(
        "how about the maximum?",
        total("inventory.xlsx", "Quantity", "max"),
        folder=_P,
        before=(total("inventory.xlsx", "Quantity"),),
    ),
    do(
        "replace Harbor Studio with Harbour Studio in the pitch and the annual report",
        ("powerpoint.replace_in_slides", {"path": "pitch.pptx", "find": "Harbor Studio", "replace": "Harbour Studio"}),
        replace("annual_report.docx", "Harbor Studio", "Harbour Studio"),
        folder=_P,
    ),
    no("never replace Brightwater in the lease", folder=_P),
    no("would it be ok to change the rent to 3,000 euros?", folder=_P),
    no("is it possible to delete the minutes?", folder=_P),
    no("what if we raised the rent to 3,000 euros in the lease", folder=_P),
    no("write a nicer introduction to the annual report", folder=_P),
    no("remove all the staff", folder=_P),
    no("can I change C2 to 44 in inventory.xlsx?", folder=_P),
    no("when the board approves, set C2 to 44 in inventory.xlsx", folder=_P),
    no("replace Stonegate with Brightwater in the lease", folder=_P),
    no("change everything to uppercase in the minutes", folder=_P),
    no("remplace Lyon par Paris dans inventory.xlsx", folder=_P),
    no("fill in the missing values in staff_hours.xlsx", folder=_P),
]
