"""A workbook's parts by what they are: sheets, tables, names, shared strings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

from lxml import etree

from copilot.documents.excel import markup
from copilot.documents.excel.refs import Area
from copilot.documents.excel.styles import Styles
from copilot.documents.package import Package
from copilot.errors import DocumentError, ToolInputError


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet: `state` is "visible", "hidden" or "veryHidden", `id` its sheetId, `index` its place from 0.

    `kind` is "worksheet", "chartsheet", "dialogsheet" ...: only a worksheet has cells.
    """

    name: str
    part: str
    state: str
    id: str
    index: int
    kind: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table (list object): `area` with its header and totals rows."""

    name: str
    sheet: str
    part: str
    area: Area
    columns: tuple[str, ...]
    header_rows: int
    totals_rows: int

    @property
    def data(self) -> Area | None:
        """The rows of data, None when there are none."""
        top, bottom = self.area.top + self.header_rows, self.area.bottom - self.totals_rows
        return Area(top, self.area.left, bottom, self.area.right) if top <= bottom else None


@dataclass(frozen=True, slots=True)
class Name:
    """A defined name: `sheet` is where it is visible, None for everywhere."""

    name: str
    refers_to: str
    sheet: str | None
    hidden: bool


def _local(element: etree._Element) -> str:
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


class Workbook:
    """What a reader or an editor asks of a workbook before it comes to cells."""

    def __init__(self, package: Package, content: bytes = b"") -> None:
        if package.kind != "excel":
            hint = "Use the tool for that kind of document."
            raise DocumentError(f"This is a {package.kind} file, not a workbook.", hint=hint, code="unsupported")
        self.package = package
        self.content = content

    @classmethod
    def open(cls, content: bytes) -> Workbook:
        """Return the workbook in `content`; raises DocumentError for what is none."""
        return cls(Package.open(content), content)

    @property
    def root(self) -> etree._Element:
        """The root of the workbook part."""
        return self.package.xml(self.package.main)

    def child(self, name: str) -> etree._Element | None:
        """Return the workbook's child element of that local name."""
        return next((e for e in self.root if _local(e) == name), None)

    def _children(self, name: str) -> list[etree._Element]:
        """Return the elements in a child of the workbook, none where there is no such child."""
        group = self.child(name)
        return [e for e in group if _local(e)] if group is not None else []

    @cached_property
    def date1904(self) -> bool:
        """Whether day 0 is 1904-01-01 (ECMA-376 part 1, 18.2.28)."""
        properties = self.child("workbookPr")
        return properties is not None and properties.get("date1904", "0") in ("1", "true", "on")

    @cached_property
    def sheets(self) -> tuple[Sheet, ...]:
        """All sheets in the order of their tabs."""
        targets = {r.id: r for r in self.package.relationships(self.package.main)}
        found = []
        for index, element in enumerate(self._children("sheets")):
            relation = next((v for k, v in element.attrib.items() if str(k).endswith("}id")), "")
            target = targets.get(str(relation))
            if target is None or not self.package.has(target.target):
                continue  # Excel, too, opens a workbook that names a sheet that is not there
            state = element.get("state", "visible")
            kind = target.short_type
            found.append(Sheet(element.get("name", ""), target.target, state, element.get("sheetId", ""), index, kind))
        if not found:
            raise DocumentError("The workbook has no sheet: it is damaged.", code="broken")
        return tuple(found)

    def listed(self, attribute: str) -> list[str]:
        """Return an attribute ("name", "sheetId") of every sheet in the list, also of those whose part is missing."""
        return [element.get(attribute, "") for element in self._children("sheets")]

    @property
    def worksheets(self) -> tuple[Sheet, ...]:
        """The sheets that have cells."""
        return tuple(s for s in self.sheets if s.kind == "worksheet")

    def sheet(self, name: str | None) -> Sheet:
        """Return the worksheet of that name (case does not matter); the first visible one for None.

        Raises ToolInputError with the closest names.
        """
        if not name:
            self.refuse_guess()
            visible = [s for s in self.worksheets if s.state == "visible"]
            if not (visible or self.worksheets):
                raise ToolInputError("The workbook has no sheet with cells.", code="unknown_sheet")
            return (visible or list(self.worksheets))[0]
        wanted = name.strip().casefold()
        for sheet in self.worksheets:
            if sheet.name.casefold() == wanted:
                return sheet
        other = next((s for s in self.sheets if s.name.casefold() == wanted), None)
        if other is not None:
            raise ToolInputError(f"{other.name!r} is a {other.kind}: it has no cells.", code="unknown_sheet")
        if any(listed.casefold() == wanted for listed in self.listed("name")):
            raise DocumentError(f"The sheet {name!r} is listed, but its part is missing from the file.", code="broken")
        raise ToolInputError.unknown("sheet", name, [s.name for s in self.worksheets])

    @property
    def lost(self) -> list[str]:
        """The names of sheets that the workbook lists without holding them."""
        there = {s.name for s in self.sheets}
        return [name for name in self.listed("name") if name not in there]

    def refuse_guess(self) -> None:
        """Raise ToolInputError when no sheet is named and one is lost: the lost one may be the one that is meant."""
        if self.lost and self.worksheets:
            there = ", ".join(repr(s.name) for s in self.worksheets)
            message = f"The file is damaged: its sheet {self.lost[0]!r} is missing."
            raise ToolInputError(message, hint=f"Say which sheet is meant. There is: {there}.", code="lost_sheet")

    @cached_property
    def tables(self) -> tuple[Table, ...]:
        """All tables, sheet by sheet."""
        return tuple(
            table
            for sheet in self.worksheets
            for part in self.package.related(sheet.part, "table")
            if self.package.has(part) and (table := self._table(sheet, part)) is not None
        )

    def _table(self, sheet: Sheet, part: str) -> Table | None:
        root = self.package.xml(part)
        columns = next((e for e in root if _local(e) == "tableColumns"), None)
        names = [markup.decode_xstring(c.get("name", "")) for c in columns if _local(c)] if columns is not None else []
        try:
            area = Area.parse(root.get("ref", ""))
        except ToolInputError:
            return None
        name = root.get("displayName") or root.get("name") or ""
        header, totals = int(root.get("headerRowCount", "1")), int(root.get("totalsRowCount", "0"))
        return Table(name, sheet.name, part, area, tuple(names), header, totals)

    def table(self, name: str) -> Table:
        """Return the table of that name (case does not matter); raises ToolInputError with the closest names."""
        for table in self.tables:
            if table.name.casefold() == name.strip().casefold():
                return table
        raise ToolInputError.unknown("table", name, [t.name for t in self.tables])

    def tables_on(self, sheet: Sheet) -> list[Table]:
        """Return the tables of one sheet."""
        return [t for t in self.tables if t.sheet == sheet.name]

    @cached_property
    def names(self) -> tuple[Name, ...]:
        """The defined names, those that Excel keeps for itself (_xlnm.*) included."""
        found = []
        for element in self._children("definedNames"):
            local = element.get("localSheetId")
            known = {str(s.index): s.name for s in self.sheets}
            hidden = element.get("hidden", "0") in ("1", "true")
            found.append(Name(element.get("name", ""), element.text or "", known.get(local or ""), hidden))
        return tuple(found)

    @cached_property
    def styles(self) -> Styles:
        """The cell formats."""
        parts = self.package.related(self.package.main, "styles")
        root = self.package.xml(parts[0]) if parts and self.package.has(parts[0]) else None
        return Styles(root, parts[0] if root is not None else "")

    @cached_property
    def strings(self) -> list[str]:
        """The shared strings as plain text: runs joined, phonetic hints left out (18.4.8)."""
        parts = self.package.related(self.package.main, "sharedStrings")
        if not parts or not self.package.has(parts[0]):
            return []
        data = markup.plain(self.package.read(parts[0]), parts[0])
        prefix = markup.prefix_of(data)
        return [string_text(data[e.inner : e.close], prefix) for e in markup.find_all(data, prefix + b"si")]

    def string(self, index: str) -> str | None:
        """Return the shared string that a cell refers to, None if it refers to nothing.

        Raises DocumentError when the list of shared strings is missing: every text of the workbook is then lost.
        """
        at = int(index) if index.strip().isdigit() else -1
        if at >= 0 and not self.strings:
            raise DocumentError("The list of the workbook's texts (shared strings) is missing.", code="broken")
        return self.strings[at] if 0 <= at < len(self.strings) else None


@lru_cache(maxsize=8)
def _usual_text(prefix: bytes) -> re.Pattern[bytes]:
    t = re.escape(prefix) + b"t"
    return re.compile(rb'<%b(?: xml:space="preserve")?>([^<]*)</%b>' % (t, t))


def string_text(inner: bytes, prefix: bytes) -> str:
    """Return the text of the inside of an `si` or `is` element."""
    usual = _usual_text(prefix).fullmatch(inner)
    if usual is not None:
        return markup.decode_xstring(markup.unescape(usual[1].decode("utf-8", "replace").replace("\r\n", "\n")))
    if b"rPh" in inner:
        for hint in reversed(list(markup.find_all(inner, prefix + b"rPh"))):
            inner = inner[: hint.start] + inner[hint.end :]
    pieces = [inner[e.inner : e.close].decode("utf-8", "replace") for e in markup.find_all(inner, prefix + b"t")]
    return markup.decode_xstring(markup.unescape("".join(pieces).replace("\r\n", "\n")))
