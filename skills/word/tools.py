"""The tools of the skill `word`."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Annotated, Any, Literal

from pydantic import Field

from copilot.documents import word
from copilot.documents.hunks import Edited
from copilot.errors import ToolInputError
from copilot.plugins.context import ToolContext
from copilot.plugins.tools import Result, tool
from copilot.slots import EXCEL_SUFFIXES, WORD_SUFFIXES, Slot, WordPath
from copilot.workspace.change import Change
from copilot.workspace.file import File

from .merging import merge_rows
from .show import comments_text, fields_text, outline_text, reading_text, revisions_text

_READ = 24_000  # characters of Markdown in one result
_FOUND = 30  # places that one search shows
_MERGED = 500  # documents that one merge may make

Words = Annotated[str, Field(coerce_numbers_to_str=True)]  # a model may write 5 for "5"
Text = Annotated[Words, Slot("text"), Field(description="A paragraph a line.")]
Place = Annotated[str, Slot("heading"), Field(description="Heading or address; else the end.")]
Position = Annotated[Literal["after", "before", "end_of_section"], Slot("choice")]
Address = Annotated[str, Slot("address"), Field(description='Such as "p12:3fa2".')]
Addresses = Annotated[list[str], Slot("address", many=True), Field(description="Addresses or headings.", min_length=1)]
Table = Annotated[Words, Slot("number", cues=("table",)), Field(description="Address or number.")]
Row = Annotated[int, Slot("number", cues=("row",)), Field(description="From 1, header included.", ge=1)]
Style = Annotated[str, Slot("style", cues=("style",)), Field(description="Name of a style.")]


def _edited(context: ToolContext, file: File, op: str, **fields: object) -> Edited:
    """Make one edit: as a tracked change where the document has Track Changes on."""
    return word.edit(file.content, [{"op": op, **fields}], author=_author(context), date=context.moment)


def _author(context: ToolContext) -> str:
    return context.author or "Everpilot"


@tool(
    examples=[
        "read contract.docx",
        "show me the text of the agreement",
        "what does section Termination of contract.docx say?",
        "open the offer letter",
        "show the paragraphs of report.docx with their addresses",
    ],
    cues=["read", "show", "open", "text", "content", "what does it say", "print"],
)
def read(
    context: ToolContext,
    path: WordPath,
    at: Annotated[str, Slot("heading"), Field(description="Read this heading's section, or from this address.")] = "",
    marks: Annotated[
        Literal["all", "clean", "original"],
        Slot("choice"),
        Field(description="clean: changes accepted."),
    ] = "all",
) -> Result:
    """Read a Word document as Markdown with addresses. Long ones come in parts."""
    file = context.open(path)
    reading, following = word.excerpt(file.content, at=at, budget=_READ, marks=marks)
    outline = word.outline(file.content) if following and not at else None
    markdown = reading_text(file.name, reading, outline, following)
    places = tuple(f"{file.name}, {s.where}" for s in reading.segments if s.kind not in ("property", "picture"))
    data = {
        "segments": [segment.to_dict() for segment in reading.segments],
        "flags": list(reading.flags),
        "omitted": list(reading.omitted),
        "next": following,
    }
    return Result(markdown, data, tuple(dict.fromkeys(places)))


@tool(
    examples=[
        "outline of contract.docx",
        "list the headings of the report",
        "what sections does the agreement have?",
        "show me the structure of handbook.docx",
        "show the outline of the report",
    ],
    cues=["outline", "headings", "sections", "structure", "chapters", "table of contents"],
)
def outline(context: ToolContext, path: WordPath) -> Result:
    """List the headings with their addresses, and the styles in use by name."""
    file = context.open(path)
    found = word.outline(file.content)
    data = {
        "title": found.title,
        "headings": [{"text": h.text, "level": h.level, "address": h.address} for h in found.headings],
        "styles": (used := word.styles_in_use(file.content)),
    }
    return Result(
        outline_text(file.name, replace(found, styles=tuple(used))),
        data,
        tuple(f"{file.name}, {h.where}" for h in found.headings),
    )


@tool(
    examples=[
        'find "liability" in contract.docx',
        "where does the agreement mention Contoso?",
        'how often does "renewal" occur in terms.docx',
        "search the report for budget",
    ],
    cues=["find", "where", "search", "mention", "occur", "how often", "count", "contains"],
)
def find(
    context: ToolContext,
    path: WordPath,
    query: Annotated[str, Slot("query"), Field(description="Words as they stand in the text.")],
    match_case: bool = False,
    whole_word: bool = False,
    regex: bool = False,
) -> Result:
    """Find words in a Word document: every place with its address and the passage."""
    file = context.open(path)
    found = word.find(file.content, query, match_case=match_case, whole_word=whole_word, regex=regex)
    data = [{"where": p.where, "address": p.address, "text": p.text} for p in found]
    if not found:
        return Result(f"{file.name} does not contain {query!r}.", data)
    lines = [f"- {p.where} {{{p.address}}}: {p.text}" for p in found[:_FOUND]]
    more = [f"and {len(found) - _FOUND} more"] if len(found) > _FOUND else []
    count = "1 place" if len(found) == 1 else f"{len(found)} places"
    head = f"{query!r} stands in {file.name} at {count}:"
    sources = tuple(dict.fromkeys(f"{file.name}, {p.where}" for p in found[:_FOUND]))
    return Result("\n".join([head, *lines, *more]), data, sources)


@tool(
    effect="write",
    examples=[
        "replace Acme with Contoso in contract.docx",
        'change "30 days" to "60 days" in the agreement',
        "rename Fabrikam to Northwind everywhere in proposal.docx",
        'swap "Mr. Smith" for "Ms. Jones" in letter.docx',
        "correct the word recieve to receive in notes.docx",
        'in offer.docx put "Berlin" instead of "Munich"',
    ],
    cues=["replace", "change", "rename", "swap", "substitute", "correct", "instead of", "everywhere", "update"],
)
def replace_text(
    context: ToolContext,
    path: WordPath,
    find: Annotated[str, Slot("found_text"), Field(description="The exact words in the document.")],
    replace: Annotated[Words, Slot("text", cues=("with", "by", "to", "into")), Field(description="The new words.")],
    match_case: bool = True,
    whole_word: bool = False,
    all: Annotated[bool, Field(description="False: the first place only.")] = True,
) -> Change:
    """Replace words everywhere in a Word document, keeping the formatting."""
    file = context.open(path)
    how = {"match_case": match_case, "whole_word": whole_word, "all": all}
    edited = _edited(context, file, "replace_text", find=find, replace=replace, **how)
    return context.edit(file, edited, f"Replace {find!r} with {replace!r} in {file.name}")


@tool(
    effect="write",
    examples=[
        'change paragraph 3 of letter.docx to "We accept the offer."',
        'rewrite the second paragraph of memo.docx as "Delivery is free."',
        'set the text of paragraph 12 in contract.docx to "Intentionally left blank"',
    ],
    cues=["rewrite", "paragraph", "change paragraph", "reword", "set the text", "replace paragraph"],
)
def replace_paragraph(
    context: ToolContext,
    path: WordPath,
    address: Address,
    text: Annotated[Words, Slot("text", cues=("to", "as", "with")), Field(description="The whole new text.")],
) -> Change:
    """Rewrite one paragraph (or cell); words that stay keep their formatting."""
    file = context.open(path)
    edited = _edited(context, file, "replace_paragraph", address=address, text=text)
    return context.edit(file, edited, f"Rewrite {edited.hunks[0].where} of {file.name}")


@tool(
    effect="write",
    examples=[
        'insert "Payment is due in 14 days." after the heading Payment in contract.docx',
        'add the sentence "Shipping is free." to the section Delivery of offer.docx',
        'put a paragraph "See annex A" before Definitions in agreement.docx',
        'add "Approved by the board." under Summary in report.docx',
    ],
    cues=["insert", "add", "put", "paragraph", "sentence", "under", "after", "before", "section"],
)
def insert(
    context: ToolContext,
    path: WordPath,
    text: Text,
    at: Annotated[
        str,
        Slot("heading", cues=("after", "before", "under", "section")),
        Field(description="A heading or an address."),
    ],
    position: Position = "after",
    style: Style = "",
) -> Change:
    """Insert paragraphs at a heading or an address."""
    if not at.strip():
        raise ToolInputError("at is empty.", hint="Give a heading or an address, or use word.append for the end.")
    file = context.open(path)
    edited = _edited(context, file, "insert_paragraphs", text=text, at=at, position=position, style=style or None)
    return context.edit(file, edited, f"Insert text {edited.hunks[0].where} in {file.name}")


@tool(
    effect="write",
    examples=[
        'add "Signed in Berlin." at the end of contract.docx',
        'append "Next review: March" to notes.docx',
        'add a closing paragraph "Thank you for your trust." to letter.docx',
        'write "End of report" at the bottom of report.docx',
    ],
    cues=["append", "at the end", "end of", "bottom", "closing", "add", "write"],
)
def append(context: ToolContext, path: WordPath, text: Text, style: Style = "") -> Change:
    """Add paragraphs at the end of a Word document."""
    file = context.open(path)
    edited = _edited(context, file, "insert_paragraphs", text=text, style=style or None)
    return context.edit(file, edited, f"Add text at the end of {file.name}")


@tool(
    effect="write",
    examples=[
        'add a heading "Annex B" at the end of contract.docx',
        'insert the level 2 heading "Risks" after Summary in report.docx',
        'add a new section called "Confidentiality" to agreement.docx',
        'put a subheading "Prices" before Delivery in offer.docx',
    ],
    cues=["heading", "subheading", "section", "chapter", "new section", "title"],
)
def add_heading(
    context: ToolContext,
    path: WordPath,
    text: Annotated[
        str, Slot("text", cues=("heading", "called", "named", "titled")), Field(description="The heading.")
    ],
    level: Annotated[int, Slot("number", cues=("level",)), Field(ge=1, le=9)] = 1,
    at: Place = "",
    position: Position = "after",
) -> Change:
    """Insert a heading in the document's own heading style."""
    file = context.open(path)
    edited = _edited(context, file, "insert_heading", text=text, level=level, at=at, position=position)
    return context.edit(file, edited, f"Add the heading {text!r} {edited.hunks[0].where} in {file.name}")


@tool(
    effect="write",
    examples=[
        'add a bulleted list "Apples", "Pears", "Plums" to shopping.docx',
        'add a numbered list with "Sign", "Scan", "Send" under Procedure in manual.docx',
        'append bullet points "fast", "cheap" to pitch.docx',
        "add a list at the end of notes.docx: eggs, milk, bread",
    ],
    cues=["list", "bullet", "bullets", "bullet points", "numbered", "items", "steps"],
)
def add_list(
    context: ToolContext,
    path: WordPath,
    items: Annotated[
        list[Words], Slot("text", many=True), Field(description="Two spaces in front: a level deeper.", min_length=1)
    ],
    kind: Annotated[Literal["bulleted", "numbered"], Slot("choice")] = "bulleted",
    at: Place = "",
    position: Position = "after",
) -> Change:
    """Insert a bulleted or numbered list."""
    file = context.open(path)
    edited = _edited(context, file, "add_list", items=items, kind=kind, at=at, position=position)
    return context.edit(file, edited, f"Add a {kind} list {edited.hunks[0].where} in {file.name}")


@tool(
    effect="write",
    examples=[
        "add a table with the columns Name and Price to offer.docx",
        "insert a table with the header Item, Qty after Scope in proposal.docx",
        "append a 3 column table Date, Owner, Task to minutes.docx",
        "add a new table with the columns Risk and Measure at the end of plan.docx",
    ],
    cues=["table", "columns", "header", "insert table", "new table"],
)
def add_table(
    context: ToolContext,
    path: WordPath,
    rows: Annotated[
        list[list[Words]], Slot("row_values", many=True), Field(description="The header row first.", min_length=1)
    ],
    at: Place = "",
    position: Position = "after",
    style: Style = "",
    header: bool = True,
) -> Change:
    """Insert a table that looks like the document's others, or in a table style."""
    file = context.open(path)
    edited = _edited(
        context, file, "add_table", rows=rows, at=at, position=position, style=style or None, header=header
    )
    return context.edit(file, edited, f"Add a table {edited.hunks[0].where} in {file.name}")


@tool(
    effect="write",
    examples=[
        'add a row "Laptop", "2", "1,400" to table 1 in offer.docx',
        'append "Maria", "Sales" to the first table of team.docx',
        "add a row to the second table of minutes.docx with Anna, review, Friday",
    ],
    cues=["row", "add a row", "new row", "table", "append row"],
)
def add_table_row(
    context: ToolContext,
    path: WordPath,
    values: Annotated[
        list[Words] | dict[str, Words], Slot("row_values"), Field(description="Texts in order, or by column header.")
    ],
    table: Table = "1",
    after: Annotated[
        int | None, Slot("number", cues=("after row", "below row")), Field(description="A row number.")
    ] = None,
) -> Change:
    """Add a row to a table, by default below the last."""
    file = context.open(path)
    edited = _edited(context, file, "add_table_row", table=table, values=values, after=after)
    return context.edit(file, edited, f"Add {edited.hunks[0].where} in {file.name}")


@tool(
    effect="write",
    examples=[
        'set row 2, column 3 of table 1 in offer.docx to "1,200"',
        'put "Done" in the Status column of row 4 in tasks.docx',
        'change the cell in row 3, column Price of the first table of quote.docx to "90 EUR"',
    ],
    cues=["cell", "row", "column", "table", "set", "fill in"],
)
def set_cell(
    context: ToolContext,
    path: WordPath,
    row: Row,
    column: Annotated[str | int, Slot("number", cues=("column",)), Field(description="Number or header.")],
    text: Annotated[Words, Slot("text", cues=("to", "put")), Field(description="The new text.")],
    table: Table = "1",
) -> Change:
    """Set the text of one table cell, keeping its formatting."""
    file = context.open(path)
    edited = _edited(context, file, "set_table_cell", table=table, row=row, column=column, text=text)
    return context.edit(file, edited, f"Set {edited.hunks[0].where} in {file.name} to {text!r}")


@tool(
    effect="write",
    examples=[
        "delete paragraph 4 of letter.docx",
        "remove the second table from report.docx",
        "delete the heading Draft in notes.docx",
    ],
    cues=["delete", "remove", "drop", "erase", "get rid of"],
)
def delete(context: ToolContext, path: WordPath, addresses: Addresses) -> Change:
    """Delete paragraphs, tables or rows."""
    file = context.open(path)
    edited = _edited(context, file, "delete_blocks", addresses=addresses)
    return context.edit(file, edited, f"Delete {', '.join(h.where for h in edited.hunks[:4])} in {file.name}")


@tool(
    effect="write",
    examples=[
        "make paragraph 2 of report.docx a Heading 2",
        "apply the style Quote to paragraph 7 in essay.docx",
        "format table 1 of offer.docx with the style Table Grid",
        "set the style of Summary in report.docx to Heading 1",
    ],
    cues=["style", "apply", "format", "make", "heading style", "look"],
)
def apply_style(context: ToolContext, path: WordPath, addresses: Addresses, style: Style) -> Change:
    """Give paragraphs or tables a style by name."""
    file = context.open(path)
    edited = _edited(context, file, "apply_style", addresses=addresses, style=style)
    return context.edit(
        file, edited, f"Apply {style!r} to {', '.join(h.where for h in edited.hunks[:4])} in {file.name}"
    )


@tool(
    examples=[
        "list the styles of report.docx",
        "which styles does the contract have?",
        "show available styles in memo.docx",
    ],
    cues=["styles", "which styles", "list styles"],
)
def list_styles(context: ToolContext, path: WordPath) -> Result:
    """List all styles of a Word document."""
    file = context.open(path)
    styles = word.style_names(file.content)
    lines = [f"- {kind}: {', '.join(names)}" for kind, names in styles.items() if names]
    return Result("\n".join([f"Styles of {file.name}:", *lines]), styles, (file.name,))


@tool(
    effect="write",
    examples=[
        'create a Word document minutes.docx with the text "Minutes of the meeting"',
        'make a new document letter.docx saying "Dear customer"',
        'write "Hello" into a new file hello.docx',
    ],
    cues=["create", "new document", "new file", "make", "write a document", "draft"],
)
def create(
    context: ToolContext,
    path: Annotated[str, Slot("new_document", WORD_SUFFIXES), Field(description="Ends in .docx.")],
    markdown: Annotated[str, Slot("text", cues=("saying", "with the text")), Field(description="The whole content.")],
    title: Annotated[str, Slot("text", cues=("titled", "title")), Field(description="Title above all else.")] = "",
) -> Change:
    """Create a Word document from Markdown."""
    if not path.lower().endswith(".docx"):
        raise ToolInputError(f"{path!r} does not end in .docx.", hint="New Word documents are .docx files.")
    content = word.create(markdown, title=title)
    return context.create(path, content, f"Create {path}", word.contents(content))


@tool(
    effect="write",
    examples=[
        "replace 30 days with 60 days in contract.docx as a tracked change",
        "make the words Effective Date bold in contract.docx",
        "add a footnote to paragraph 3 of report.docx",
        "add page numbers to report.docx",
        "comment on paragraph 5 of the agreement",
    ],
    cues=[
        "tracked",
        "track changes",
        "bold",
        "footnote",
        "page numbers",
        "comment",
        "merge cells",
        "bookmark",
        "caption",
    ],
)
def edit(
    context: ToolContext,
    path: WordPath,
    operations: Annotated[
        list[dict[str, Any]],
        Slot("operations", many=True),
        Field(description='[{"op": "format_text", "find": "Fee", "bold": true}, ...]', min_length=1),
    ],
    track: Annotated[word.Track, Field(description="Tracked; follow: as the document says.")] = "follow",
) -> Change:
    """Change anything else, by the operations in the skill's instructions. Addresses mean the document as read."""
    file = context.open(path)
    edited = word.edit(
        file.content,
        operations,
        track=track,
        author=_author(context),
        date=context.moment,
        opener=lambda name: context.open(name).content,
    )
    names = list(dict.fromkeys(str(each.get("op")).replace("_", " ") for each in operations))
    return context.edit(file, edited, f"{', '.join(names[:3])}{' ...' if len(names) > 3 else ''} in {file.name}")


@tool(
    examples=[
        "list the tracked changes in contract.docx",
        "what did Anna change in the agreement?",
        "show the revisions of report.docx",
        "list the comments in contract.docx",
        "which comments are still open in the agreement?",
    ],
    cues=["tracked changes", "revisions", "changed by", "insertions", "deletions", "comments"],
)
def revisions(context: ToolContext, path: WordPath) -> Result:
    """List the tracked changes and comments with their ids, authors and places."""
    file = context.open(path)
    found, comments = word.list_revisions(file.content), word.list_comments(file.content)
    text = "\n\n".join([revisions_text(file.name, found), *comments_text(file.name, comments)])
    data = {"changes": [asdict(each) for each in found], "comments": [each.to_dict() for each in comments]}
    return Result(text, data, tuple(dict.fromkeys(f"{file.name}, {r.where}" for r in found)) or (file.name,))


@tool(
    effect="write",
    examples=[
        "accept all changes in contract.docx",
        "reject the changes by Bob in agreement.docx",
        "accept change 14 in contract.docx",
    ],
    cues=["accept", "reject", "accept all", "reject all", "tracked changes", "revisions"],
)
def review(
    context: ToolContext,
    path: WordPath,
    action: Annotated[Literal["accept", "reject"], Slot("choice")],
    author: Annotated[str, Slot("text", cues=("by", "of", "from")), Field(description="Only this author's.")] = "",
    ids: Annotated[list[str], Slot("number", many=True), Field(description="Only these; all if empty.")] = [],  # noqa: B006
) -> Change:
    """Accept or reject tracked changes."""
    file = context.open(path)
    chosen: dict[str, Any] = {"ids": ids} if ids else {}
    chosen |= {"author": author} if author else {}
    edited = word.edit(file.content, [{"op": action, **(chosen or {"everything": True})}], track="off")
    return context.edit(file, edited, f"{action.title()} tracked changes in {file.name}")


@tool(
    effect="write",
    examples=[
        "write a redline of contract-v1.docx and contract-v2.docx to redline.docx",
        "make a redline of old.docx against new.docx in changes.docx",
        "mark up the differences of offer-1.docx and offer-2.docx in markup.docx",
    ],
    cues=["redline", "blackline", "tracked comparison", "as tracked changes", "mark up"],
)
def redline(
    context: ToolContext,
    old: WordPath,
    new: WordPath,
    save_as: Annotated[str, Slot("new_document", WORD_SUFFIXES), Field(description="Ends in .docx.")],
) -> Change:
    """Write the differences of two versions as tracked changes into a new document."""
    if not save_as.lower().endswith(".docx"):
        raise ToolInputError(f"{save_as!r} does not end in .docx.", hint="The redline is a .docx file.")
    before, after = context.open(old), context.open(new)
    edited = word.compare(before.content, after.content, author=_author(context), date=context.moment)
    summary = f"Compare {before.name} with {after.name} in {save_as}"
    return context.create(save_as, edited.content, summary, edited.hunks)


@tool(
    examples=[
        "which fields does offer-template.docx have?",
        "what has to be filled in in the template letter.docx?",
        "list the placeholders of contract-template.docx",
    ],
    cues=["fields", "placeholders", "template", "filled in", "form", "content controls"],
)
def fields(context: ToolContext, path: WordPath) -> Result:
    """List what a template asks for: placeholders, loops, merge fields, content controls."""
    file = context.open(path)
    asked, controls = word.template_fields(file.content), word.list_controls(file.content)
    data = {"fields": [asdict(each) for each in asked], "controls": [asdict(each) for each in controls]}
    places = [f"{file.name}, {where}" for where in (*(f.where for f in asked), *(c.where for c in controls))]
    return Result(fields_text(file.name, asked, controls), data, tuple(dict.fromkeys(places)))


@tool(
    effect="write",
    examples=[
        "merge letter.docx with customers.xlsx",
        "make one letter for each row of customers.xlsx from letter.docx",
        "do a mail merge of invite.docx with guests.xlsx into the folder invites",
    ],
    cues=["merge", "mail merge", "serial letter", "for each row", "one document each"],
)
def merge(
    context: ToolContext,
    template: WordPath,
    data: Annotated[str, Slot("document", EXCEL_SUFFIXES), Field(description="A workbook with a header row.")],
    name: Annotated[str, Field(description="Of each file: row number, {column}, folders/.")] = "{n:03}.docx",
    sheet: Annotated[str, Slot("sheet")] = "",
    table: Annotated[str, Slot("table", cues=("table",))] = "",
) -> list[Change]:
    """Fill a template once for each row of a workbook, into a new document each."""
    source, rows = context.open(template), merge_rows(context.open(data).content, sheet, table)
    folder, _, pattern = name.rpartition("/")
    made = word.mail_merge(source.content, rows, name=pattern or name)
    changes: list[Change] = []
    for each in made:
        if len(changes) == _MERGED:
            hint = "Merge the rows in several parts, or in a script with copilot.documents.word.mail_merge."
            raise ToolInputError(f"{data} has more than {_MERGED} rows.", hint=hint, code="too_many")
        place = f"{folder}/{each.name}" if folder else each.name
        told = [f"{u.mark} in {u.where} stays unfilled." for u in each.unfilled]
        change = context.create(place, each.edited.content, f"Row {each.row}: {place}", each.edited.hunks)
        changes.append(replace(change, warnings=(*change.warnings, *each.edited.warnings, *told)))
    if not changes:
        raise ToolInputError(" ".join(made.report.lines()), hint="Nothing was written.", code="no_rows")
    return changes
