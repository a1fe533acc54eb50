"""Skills of the tests: what a folder of documents needs, with the planner's declarations, never run."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from copilot.plugins.context import ToolContext
from copilot.plugins.tools import Result, Tool, build, tool
from copilot.slots import AnyPath, ExcelPath, PowerPointPath, Slot, WordPath

Sheet = Annotated[str | None, Slot("sheet")]
Function = Literal["sum", "average", "count", "min", "max", "median"]
Operator = Literal["=", "!=", "<", "<=", ">", ">=", "contains"]
NOT_RUN = Result("")


@tool(
    effect="write",
    examples=[
        "replace 'Northwind' with 'Fabrikam' in contract.docx",
        "change 30 days to 45 days in the contract",
        "change the payment term from 30 days to 45 days in the agreement",
        "substitute Ltd by Limited in the letter",
    ],
    cues=["replace", "change", "substitute", "every occurrence"],
)
def replace_text(
    context: ToolContext,
    path: WordPath,
    find: Annotated[str, Slot("found_text")],
    replace: Annotated[str, Slot("text", cues=("with", "by", "to", "into"))],
) -> Result:
    """Replace a text everywhere in a Word document, keeping the formatting."""
    return NOT_RUN


@tool(
    effect="write",
    examples=[
        "add a heading 'Next steps' to report.docx",
        "insert a heading called 'Budget' after 'Scope' in the plan",
        "append a heading Appendix to the memo",
    ],
    cues=["heading", "section title"],
)
def add_heading(
    context: ToolContext,
    path: WordPath,
    text: Annotated[str, Slot("text", cues=("heading", "called", "titled", "named"))],
    after: Annotated[str | None, Slot("heading", cues=("after", "below", "under"))] = None,
) -> Result:
    """Add a heading to a Word document, at the end or after another heading."""
    return NOT_RUN


@tool(
    effect="write",
    examples=[
        "add a paragraph 'All rights reserved.' to contract.docx",
        "append a paragraph saying 'See annex 2.' to the report",
        "insert a paragraph below it saying 'To be done.'",
        "add the paragraph 'Thank you.' under the heading Closing in the letter",
    ],
    cues=["paragraph", "sentence"],
)
def add_paragraph(
    context: ToolContext,
    path: WordPath,
    text: Annotated[str, Slot("text", cues=("paragraph", "saying", "that says", "with the text"))],
    under: Annotated[str | None, Slot("heading", cues=("under", "below", "after"))] = None,
) -> Result:
    """Add a paragraph to a Word document, at the end or under a heading."""
    return NOT_RUN


@tool(
    examples=["outline of report.docx", "what headings does the contract have", "list the headings of the memo"],
    cues=["outline", "headings", "structure"],
)
def outline(context: ToolContext, path: WordPath) -> Result:
    """List the headings of a Word document."""
    return NOT_RUN


@tool(
    examples=["list the sheets of budget.xlsx", "which sheets are in the sales workbook", "what tabs does it have"],
    cues=["sheets", "tabs", "worksheets"],
)
def list_sheets(context: ToolContext, path: ExcelPath) -> Result:
    """List the sheets of a workbook."""
    return NOT_RUN


@tool(
    examples=[
        "what are the columns in sales.xlsx",
        "describe the columns of the Orders sheet",
        "which columns are there",
    ],
    cues=["columns", "headers", "fields"],
)
def describe_columns(context: ToolContext, path: ExcelPath, sheet: Sheet = None) -> Result:
    """Describe the columns of a sheet."""
    return NOT_RUN


@tool(
    examples=["show B4 of budget.xlsx", "what is in cell C3", "read A1:C9 from the sales workbook", "show me A1:B2"],
    cues=["cell", "range", "value of"],
)
def read_range(
    context: ToolContext, path: ExcelPath, range: Annotated[str, Slot("range")], sheet: Sheet = None
) -> Result:
    """Read a cell or a range of a sheet."""
    return NOT_RUN


@tool(
    examples=[
        "what is the total of Amount in sales.xlsx",
        "sum of Revenue by Region",
        "average Price per Product in the orders",
        "how many Orders by Customer",
        "total Cost for each Department in costs.xlsx",
        "highest Salary in staff.xlsx",
    ],
    cues=["total", "sum", "average", "mean", "maximum", "minimum", "highest", "lowest", "count", "how many", "median"],
)
def aggregate(
    context: ToolContext,
    path: ExcelPath,
    column: Annotated[str, Slot("column", cues=("of", "total", "sum", "average"))],
    function: Annotated[Function, Slot("function")],
    by: Annotated[str | None, Slot("column", cues=("by", "per", "for each", "grouped by"))] = None,
    sheet: Sheet = None,
) -> Result:
    """Compute one figure over a column, in groups if asked."""
    return NOT_RUN


@tool(
    examples=[
        "show orders over 1000 in the sales workbook",
        "list the rows where Region is North in sales.xlsx",
        "filter costs.xlsx for Amount above 500",
        "which rows have Status equal to open",
    ],
    cues=["filter", "rows", "where", "over", "under", "above", "below"],
)
def filter_rows(
    context: ToolContext,
    path: ExcelPath,
    column: Annotated[str, Slot("column", cues=("where", "with", "whose", "for"))],
    operator: Annotated[Operator, Slot("operator")],
    value: Annotated[str | int | float, Slot("value")],
    sheet: Sheet = None,
) -> Result:
    """Show the rows of a sheet that meet a condition."""
    return NOT_RUN


@tool(
    examples=[
        "sort sales.xlsx by Amount",
        "top 5 by Revenue in the sales workbook",
        "show the rows sorted by Date descending",
    ],
    cues=["sort", "sorted", "top", "order"],
)
def sort_rows(
    context: ToolContext,
    path: ExcelPath,
    by: Annotated[str, Slot("column", cues=("by", "sorted by"))],
    descending: Annotated[bool, Slot("choice")] = False,
    limit: Annotated[int | None, Slot("number", cues=("top", "first"))] = None,
    sheet: Sheet = None,
) -> Result:
    """Show the rows of a sheet in order of a column."""
    return NOT_RUN


@tool(
    effect="write",
    examples=[
        "set B4 to 42 in budget.xlsx",
        "put =SUM(B2:B9) in B10",
        "write 'Done' into C3 of tasks.xlsx",
        "change D2 to 7",
    ],
    cues=["cell", "set"],
)
def write_cells(
    context: ToolContext,
    path: ExcelPath,
    cells: Annotated[dict[str, str | int | float], Slot("cell_values")],
    sheet: Sheet = None,
) -> Result:
    """Write values or formulas into cells."""
    return NOT_RUN


@tool(
    effect="write",
    examples=["add a row to the Orders table: 2026-03-01, North, 120", "append a row with 1, 2, 3 to costs.xlsx"],
    cues=["row", "record"],
)
def add_row(
    context: ToolContext,
    path: ExcelPath,
    table: Annotated[str, Slot("table")],
    values: Annotated[list[Any] | dict[str, Any], Slot("row_values")],
) -> Result:
    """Add a row to a table of a workbook."""
    return NOT_RUN


@tool(
    effect="write",
    examples=["add a sheet called 'Plan' to budget.xlsx", "create a new sheet named Notes"],
    cues=["sheet"],
)
def add_sheet(
    context: ToolContext, path: ExcelPath, name: Annotated[str, Slot("text", cues=("called", "named", "sheet"))]
) -> Result:
    """Add an empty sheet to a workbook."""
    return NOT_RUN


@tool(
    effect="write",
    examples=[
        "make a column chart of Revenue by Month in the budget",
        "create a line chart of Sales over Date in sales.xlsx",
        "draw a pie chart of Cost by Department",
        "add a bar chart of Amount per Region",
    ],
    cues=["chart", "plot", "graph", "diagram"],
)
def add_chart(
    context: ToolContext,
    path: ExcelPath,
    values: Annotated[str, Slot("column", cues=("of",))],
    categories: Annotated[str, Slot("column", cues=("by", "per", "over", "against"))],
    kind: Annotated[Literal["column", "bar", "line", "pie"], Slot("choice")] = "column",
    sheet: Sheet = None,
) -> Result:
    """Add a native chart to a sheet."""
    return NOT_RUN


@tool(
    effect="write",
    examples=["create a deck from report.docx", "make a presentation from the contract", "turn the report into slides"],
    cues=["deck", "presentation", "slides"],
)
def create_from_document(
    context: ToolContext,
    source: WordPath,
    path: Annotated[str | None, Slot("new_document", (".pptx",))] = None,
) -> Result:
    """Create a presentation from the headings and lists of a document."""
    return NOT_RUN


@tool(
    effect="write",
    examples=["replace Acme with Contoso in deck.pptx", "change 2024 to 2025 in the presentation"],
    cues=["replace", "change", "slides"],
)
def replace_in_slides(
    context: ToolContext,
    path: PowerPointPath,
    find: Annotated[str, Slot("found_text")],
    replace: Annotated[str, Slot("text", cues=("with", "by", "to", "into"))],
) -> Result:
    """Replace a text everywhere in a presentation."""
    return NOT_RUN


@tool(
    effect="write",
    examples=["add the note 'Mention the award' to slide 3 of deck.pptx", "set the notes of slide 2 to 'Pause here'"],
    cues=["notes", "note", "speaker notes"],
)
def set_notes(
    context: ToolContext,
    path: PowerPointPath,
    slide: Annotated[int, Slot("number", cues=("slide",))],
    text: Annotated[str, Slot("text", cues=("to", "note", "notes", "saying"))],
) -> Result:
    """Write the speaker notes of a slide."""
    return NOT_RUN


@tool(
    examples=[
        "summarise the quarterly report",
        "give me the key points of contract.docx",
        "what is the report about",
        "sum up the memo",
    ],
    cues=["summary", "summarise", "summarize", "key points", "gist"],
)
def key_sentences(
    context: ToolContext, path: AnyPath, count: Annotated[int, Slot("number", cues=("top",))] = 5
) -> Result:
    """Quote the key sentences of a document with their places."""
    return NOT_RUN


@tool(
    examples=[
        "what does the contract say about termination?",
        "when is the payment due according to the contract?",
        "who signed the agreement?",
        "find the delivery date in the offer",
        "how long is the notice period?",
    ],
    cues=["say about", "according to", "who", "when", "where", "how long"],
)
def answer(
    context: ToolContext,
    query: Annotated[str, Slot("query", cues=("about",))],
    path: Annotated[AnyPath | None, Slot("document")] = None,
) -> Result:
    """Quote the sentences that answer a question best, with their places."""
    return NOT_RUN


@tool(
    examples=[
        "which files mention Contoso?",
        "search all documents for warranty",
        "where is 'force majeure' mentioned",
    ],
    cues=["which files", "which documents", "search", "mention", "all files"],
)
def search(context: ToolContext, query: Annotated[str, Slot("query", cues=("mention", "for"))]) -> Result:
    """Search all documents of the folder and quote the passages."""
    return NOT_RUN


@tool(
    examples=["list the documents", "what files are here?", "which documents do I have"],
    cues=["list", "files", "folder", "documents"],
)
def list_files(context: ToolContext) -> Result:
    """List the documents of the folder."""
    return NOT_RUN


@tool(
    examples=[
        "compare a.docx and b.docx",
        "what changed between the draft and the final version",
        "diff the two contracts",
    ],
    cues=["compare", "differences", "differ", "changed between"],
)
def compare(context: ToolContext, first: AnyPath, second: AnyPath) -> Result:
    """Compare two documents."""
    return NOT_RUN


@tool(
    effect="write",
    examples=["convert report.docx to markdown", "save the contract as markdown", "export budget.xlsx to markdown"],
    cues=["markdown", "convert", "export"],
)
def to_markdown(
    context: ToolContext, path: AnyPath, output: Annotated[str | None, Slot("new_document", (".md",))] = None
) -> Result:
    """Write a document as a Markdown file."""
    return NOT_RUN


def tools() -> list[Tool]:
    """The sample tools under the names of their skills."""
    skills = {
        "word": (replace_text, add_heading, add_paragraph, outline),
        "excel": (list_sheets, describe_columns, read_range, aggregate, filter_rows, sort_rows, write_cells, add_row,
                  add_sheet, add_chart),
        "powerpoint": (create_from_document, replace_in_slides, set_notes),
        "documents": (key_sentences, answer, search, list_files, compare, to_markdown),
    }  # fmt: skip
    return [build(function, skill=skill) for skill, functions in skills.items() for function in functions]
