"""New sheets and new workbooks, from rows of values. The same rows give the same bytes."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace

from copilot.documents.excel import markup, styles
from copilot.documents.excel.cells import value_content
from copilot.documents.excel.chartxml import STRICT, TRANSITIONAL
from copilot.documents.excel.refs import MAX_COLUMN, MAX_ROW, Area, address
from copilot.documents.excel.values import show
from copilot.documents.excel.verify import signature_warning
from copilot.documents.excel.workbook import Workbook
from copilot.documents.excel.write import Entry, SheetEdit, entry_of, finish, wanted_format
from copilot.documents.hunks import Edited, Hunk
from copilot.errors import ToolInputError

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
STRICT_MAIN = "http://purl.oclc.org/ooxml/spreadsheetml/main"
_CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"
_DECLARATION = b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_FORBIDDEN = re.compile(r"[\[\]:*?/\\\x00-\x1f]")

Rows = Sequence[Sequence[object]]


def checked_name(name: str, taken: Sequence[str]) -> str:
    """Return a sheet name that Excel accepts; raises ToolInputError that says why one is not."""
    name = name.strip()
    if not name:
        why = "is empty"
    elif len(name) > 31:
        why = f"has {len(name)} characters, and at most 31 are allowed"
    elif found := _FORBIDDEN.search(name):
        why = f"holds {found[0]!r}, which is not allowed"
    elif name.startswith("'") or name.endswith("'"):
        why = "begins or ends with an apostrophe"
    elif name.casefold() == "history":
        why = "is kept by Excel for itself"
    elif name.casefold() in {t.casefold() for t in taken}:
        why = "is taken"
    else:
        return name
    raise ToolInputError(f"The sheet name {name!r} {why}.", hint="Choose another name.", code="sheet_name")


def add_sheet(content: bytes, name: str, rows: Rows = (), *, header: bool = True, formulas: bool = False) -> Edited:
    """Add a worksheet behind the others, filled with `rows`; the first one bold if it is a header.

    Text that starts with "=" stays text unless `formulas`. Raises ToolInputError for a bad or taken name.
    """
    workbook = Workbook.open(content)
    name = checked_name(name, workbook.listed("name"))
    made, entries = _added(workbook, name, rows, header=header, formulas=formulas)
    return _finished(made, {name: (rows, entries)})


def _added(
    workbook: Workbook, name: str, rows: Rows, *, header: bool, formulas: bool
) -> tuple[bytes, dict[tuple[int, int], Entry]]:
    """Return the workbook with one more sheet that holds the values of `rows`, and all their entries."""
    package = workbook.package
    part = package.unused_name("xl/worksheets/sheet{}.xml")
    data, entries = _made(workbook, rows, header=header and len(rows) > 1, formulas=formulas)
    package.add(part, data, _CONTENT_TYPE)
    list_sheet(workbook, name, package.relate(package.main, "worksheet", part))
    return package.save(), entries


def _made(
    workbook: Workbook, rows: Rows, *, header: bool, formulas: bool
) -> tuple[bytes, dict[tuple[int, int], Entry]]:
    """Return a sheet's part that holds the values of `rows`, and all their entries; the styles follow."""
    entries = _entries(rows, formulas=formulas)
    _format(workbook, entries, header=header)
    return _sheet_xml(workbook, rows, entries, header=header), entries


def _finished(made: bytes, sheets: Mapping[str, tuple[Rows, dict[tuple[int, int], Entry]]]) -> Edited:
    """Write the formulas in a second step: the sheets must be there for them to be checked, and to spill."""
    workbook = Workbook.open(made)
    edits = [
        SheetEdit(workbook, workbook.sheet(name), formulas)
        for name, (_, entries) in sheets.items()
        if (formulas := {at: entry for at, entry in entries.items() if entry.formula})
    ]
    for edit in edits:
        edit.apply()
    done = finish(made, workbook, edits) if edits else Edited.of(made, (), signature_warning(workbook.package))
    computed = {hunk.where: hunk for hunk in done.hunks}
    hunks: list[Hunk] = []
    for name, (rows, entries) in sheets.items():
        hunks += [Hunk(f"sheet {name}", "", _summary(rows), "structure"), *_hunks(name, entries, computed)]
    own = {f"{edit.sheet.name}!{address(*at)}" for edit in edits for at in edit.entries}
    return Edited.of(done.content, [*hunks, *(h for h in done.hunks if h.where not in own)], done.warnings)


def _entries(rows: Rows, *, formulas: bool) -> dict[tuple[int, int], Entry]:
    if len(rows) > MAX_ROW or any(len(row) > MAX_COLUMN for row in rows):
        raise ToolInputError("That is more than a sheet holds.", code="value")
    return {
        (r, c): entry_of(value, formulas=formulas)
        for r, row in enumerate(rows, 1)
        for c, value in enumerate(row, 1)
        if value is not None and value != ""
    }


def _format(workbook: Workbook, entries: dict[tuple[int, int], Entry], *, header: bool) -> None:
    """Give dates, percents and the header their formats; the styles part grows by what is missing."""
    part = workbook.styles.part
    if not part:
        return
    before = data = markup.plain(workbook.package.read(part), part)
    made: dict[object, int] = {}
    for at, entry in entries.items():
        wanted = "bold" if header and at[0] == 1 else wanted_format(entry)
        if wanted is None:
            continue
        if wanted not in made:
            if wanted == "bold":
                data, made[wanted] = styles.with_bold(data)
            else:
                data, made[wanted] = styles.with_format(data, 0, styles.NUMBER_FORMATS[wanted])
        entries[at] = replace(entry, style=made[wanted])
    if data != before:
        workbook.package.write(part, data)
        del workbook.styles


def _sheet_xml(workbook: Workbook, rows: Rows, entries: dict[tuple[int, int], Entry], *, header: bool) -> bytes:
    used = Area.around(iter(entries))
    pane = ""
    if header:
        pane = '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
    namespace = STRICT_MAIN if workbook.package.strict else MAIN
    parts = [
        _DECLARATION.decode(),
        f'<worksheet xmlns="{namespace}"><dimension ref="{used or "A1"}"/>',
        f'<sheetViews><sheetView workbookViewId="0">{pane}</sheetView></sheetViews>',
        '<sheetFormatPr defaultRowHeight="15"/>',
        _widths(rows),
    ]
    data = b"".join(_row_xml(workbook, number, entries, len(row)) for number, row in enumerate(rows, 1))
    return "".join(parts).encode() + b"<sheetData>" + data + b"</sheetData></worksheet>"


def _row_xml(workbook: Workbook, number: int, entries: dict[tuple[int, int], Entry], width: int) -> bytes:
    cells = []
    for column in range(1, width + 1):
        entry = entries.get((number, column))
        if entry is None or entry.formula:
            continue
        kind, inner = value_content(entry.value, b"", date1904=workbook.date1904)
        style = f' s="{entry.style}"' if entry.style else ""
        shown = f' t="{kind}"' if kind else ""
        cells.append(f'<c r="{address(number, column)}"{style}{shown}>'.encode() + inner + b"</c>")
    return b'<row r="%d">' % number + b"".join(cells) + b"</row>" if cells else b""


def _widths(rows: Rows) -> str:
    """Return `cols` with widths, in characters, that show most of what is there."""
    width = max((len(row) for row in rows), default=0)
    longest = [0] * width
    for row in rows[:200]:
        for index, value in enumerate(row):
            text = "" if value is None or (isinstance(value, str) and value.startswith("=")) else str(value)
            longest[index] = max(longest[index], max((len(line) for line in text.splitlines()), default=0))
    cols = "".join(
        f'<col min="{i}" max="{i}" width="{min(max(n + 2, 9), 50)}" customWidth="1"/>' for i, n in enumerate(longest, 1)
    )
    return f"<cols>{cols}</cols>" if cols else ""


def list_sheet(workbook: Workbook, name: str, relation: str) -> None:
    """Write the sheet into the workbook's list, with the prefix that the other sheets use for their relationship."""
    package = workbook.package
    data = markup.plain(package.read(package.main), package.main)
    prefix = markup.prefix_of(data)
    group = markup.find(data, prefix + b"sheets")
    if group is None:
        raise AssertionError("a workbook that was opened has sheets")
    inside = data[group.inner : group.close]
    root = markup.tag_pattern(prefix + b"workbook").search(data)
    used = re.search(rb"([\w.-]+):id\s*=", inside)
    name_space = used[1] if used else b"r"
    declared = root is not None and re.search(rb"\sxmlns:" + name_space + rb"\s*=", root[0])
    names = STRICT if package.strict else TRANSITIONAL
    declaration = b"" if declared else b" xmlns:" + name_space + b'="' + names.relationships.encode() + b'"'
    highest = max((int(i) for i in workbook.listed("sheetId") if i.isdigit()), default=0)
    attributes = f' name="{markup.escape(name, quote=True)}" sheetId="{highest + 1}" '.encode()
    made = b"<" + prefix + b"sheet" + declaration + attributes + name_space + b':id="' + relation.encode() + b'"/>'
    package.write(package.main, markup.insert_into(data, group, prefix + b"sheets", made))


def _summary(rows: Rows) -> str:
    width = max((len(row) for row in rows), default=0)
    return f"a new sheet with {len(rows)} rows and {width} columns" if rows else "a new, empty sheet"


def _hunks(name: str, entries: dict[tuple[int, int], Entry], computed: Mapping[str, Hunk]) -> list[Hunk]:
    """Return the first cells of the new sheet, so that a person can judge it; `computed` are those with a formula."""
    plain = {f"{name}!{address(*at)}": e for at, e in list(entries.items())[:60]}
    shown = [computed.get(where) or Hunk(where, "", show(e.value), "cell") for where, e in plain.items()]
    left = len(entries) - len(shown)
    return [*shown, Hunk(f"sheet {name}", "", f"and {left:,} more cells", "cell")] if left else shown


def create(sheets: Mapping[str, Rows], *, header: bool = True, formulas: bool = False) -> Edited:
    """Return a new workbook with these sheets of rows. Raises ToolInputError for a bad name or value."""
    if not sheets:
        sheets = {"Sheet1": []}
    names: list[str] = []
    for name in sheets:
        names.append(checked_name(name, names))
    content, made = _empty(names[0]), dict[str, tuple[Rows, dict[tuple[int, int], Entry]]]()
    for name, rows in zip(names, sheets.values(), strict=True):
        workbook = Workbook.open(content)
        if made:
            content, entries = _added(workbook, name, rows, header=header, formulas=formulas)
        else:
            data, entries = _made(workbook, rows, header=header and len(rows) > 1, formulas=formulas)
            workbook.package.write("xl/worksheets/sheet1.xml", data)
            content = workbook.package.save()
        made[name] = rows, entries
    return _finished(content, made)


def _empty(name: str) -> bytes:
    """Return the smallest workbook that Excel opens: one empty sheet, one font, one cell format."""
    from openpyxl.writer.theme import theme_xml

    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    spreadsheet = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{spreadsheet}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_CONTENT_TYPE}"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{spreadsheet}.styles+xml"/>'
        '<Override PartName="/xl/theme/theme1.xml" '
        'ContentType="application/vnd.openxmlformats-officedocument.theme+xml"/>'
        "</Types>",
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="rId1" Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{office}"><bookViews><workbookView/></bookViews>'
        f'<sheets><sheet name="{markup.escape(name, quote=True)}" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="rId1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="rId2" Type="{office}/styles" Target="styles.xml"/>'
        f'<Relationship Id="rId3" Type="{office}/theme" Target="theme/theme1.xml"/></Relationships>',
        "xl/theme/theme1.xml": theme_xml.partition("?>")[2].strip(),
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{MAIN}"><sheetData/></worksheet>',
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}">'
        '<fonts count="1"><font><sz val="11"/><name val="Calibri"/><family val="2"/></font></fonts>'
        '<fills count="2"><fill><patternFill patternType="none"/></fill>'
        '<fill><patternFill patternType="gray125"/></fill></fills>'
        '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
        '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
        '<cellXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/></cellXfs>'
        '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>',
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, text in parts.items():
            info = zipfile.ZipInfo(part, (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, _DECLARATION + text.encode())
    return out.getvalue()


OPERATIONS = (add_sheet,)
