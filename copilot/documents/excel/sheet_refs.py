"""Every place in a workbook that names a sheet: found, renamed, or broken when the sheet goes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from copilot.documents.excel import markup
from copilot.documents.excel.cells import inflated
from copilot.documents.excel.formula_places import Formulas, formula_parts, homes
from copilot.documents.excel.nodes import Node, Nodes
from copilot.documents.excel.refs import address
from copilot.documents.excel.reftext import REF_ERROR, Change, Reference, joined, pieces, replaced
from copilot.documents.excel.shifting_parts import follow_sources
from copilot.documents.excel.splice import SheetXml
from copilot.documents.excel.workbook import Sheet, Workbook
from copilot.errors import DocumentError

_INDIRECT = re.compile(r"(?i)\bINDIRECT\s*\(")
_RELATIONSHIPS = re.compile(r"(?:.*/)?_rels/[^/]+\.rels\Z")


def renaming(old: str, new: str) -> Change:
    """Return what a new name of a sheet makes of a reference."""
    folded = old.casefold()

    def change(reference: Reference) -> Reference:
        first, last = (new if s.casefold() == folded else s for s in (reference.sheet, reference.last))
        if not reference.prefix or (first, last) == (reference.sheet, reference.last):
            return reference
        return reference.on(first, last)

    return change


def removing(name: str, order: Iterable[str]) -> Change:
    """Return what is left of a reference when a sheet goes: #REF!, or fewer sheets of several (18.17.2.3)."""
    folded, names = name.casefold(), list(order)
    places = {n.casefold(): index for index, n in enumerate(names)}

    def change(reference: Reference) -> Reference | str:
        ends = (reference.sheet.casefold(), reference.last.casefold())
        if not reference.prefix or folded not in ends:
            return reference
        if ends[0] == ends[1] or not set(ends) <= places.keys():
            return REF_ERROR
        low, high = places[ends[0]], places[ends[1]]
        step = 1 if low < high else -1
        if ends[0] == folded:
            low += step
        else:
            high -= step
        return reference.on(names[low], names[high])

    return change


@dataclass
class SheetReferences:
    """All formulas of a workbook, sent through a change of references.

    `touched` names what changed: cells ("Budget!B2"), names, charts; `cells` are the changed cells by sheet;
    `indirect` those that build an address from a text with `word` in it. Parts in `skip` are left alone.
    """

    workbook: Workbook
    change: Change
    word: str = ""
    skip: frozenset[str] = frozenset()
    touched: list[str] = field(default_factory=list)
    cells: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    indirect: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)

    def text(self, text: str) -> str:
        """Return a formula's text afterwards."""
        return joined(replaced(pieces(text), self.change)) if "!" in text else text

    def follow(self) -> None:
        """Change every formula of the workbook, and write the parts that change."""
        owners = homes(self.workbook)
        for sheet in self.workbook.worksheets:
            if sheet.part not in self.skip:
                self._sheet(sheet)
        done = {sheet.part for sheet in self.workbook.worksheets} | self.skip
        for part in formula_parts(self.workbook):
            if part not in done:
                self._part(part, owners.get(part, ""))

    def _sheet(self, sheet: Sheet) -> None:
        xml = SheetXml(inflated(self.workbook.package, sheet.part), sheet.part)
        if b"!" not in xml.data and not self.word:
            return
        patches = list(self._cells(xml, sheet))
        head = Nodes(xml.data, 0, cell_data(xml))
        tail = Nodes(xml.data, xml.close)
        for nodes in (head, tail):
            self._nodes(nodes, f"{sheet.name} (formats, validations, links)")
        self._write(sheet.part, xml.data, [*head.patches(), *patches, *tail.patches()])

    def _cells(self, xml: SheetXml, sheet: Sheet) -> Iterator[tuple[int, int, bytes]]:
        name = xml.prefix + b"f"
        mark = b"<" + name
        for row in xml.rows():
            if xml.data.find(mark, row.start, row.end) < 0:
                continue
            for cell in xml.cells(row):
                found = markup.find(xml.data, name, cell.start, cell.end)
                if found is None or found.inner >= found.close:
                    continue
                old = markup.unescape(xml.data[found.inner : found.close].decode())
                where = f"{sheet.name}!{address(row.number, cell.column)}"
                if self.word and _INDIRECT.search(old) and self.word.casefold() in old.casefold():
                    self.indirect.append(where)
                new = self.text(old)
                if new != old:
                    self.touched.append(where)
                    self.cells.setdefault(sheet.name, []).append((row.number, cell.column))
                    yield found.inner, found.close, markup.escape(new).encode()

    def _nodes(self, nodes: Nodes, where: str) -> None:
        before = len(nodes.patches())
        Formulas(lambda text, _: self.text(text)).rewrite(nodes)
        if len(nodes.patches()) > before:
            self.touched.append(where)

    def _part(self, part: str, owner: str) -> None:
        data = self.workbook.package.read(part)
        if b"!" not in data and b"\0" not in data[:4]:
            return
        try:
            nodes = Nodes(markup.plain(data, part))
        except DocumentError:
            if part.endswith(".vml"):
                return
            raise
        if part == self.workbook.package.main:
            self._names(nodes)
        else:
            self._nodes(nodes, f"{owner} ({part.rpartition('/')[2]})" if owner else part)
        self._write(part, nodes.data, nodes.patches())

    def _names(self, nodes: Nodes) -> None:
        for node in nodes.named("definedName"):
            old = nodes.text(node)
            if (new := self.text(old)) != old:
                nodes.write(node, new)
                self.touched.append(f"the name {nodes.get(node, 'name')}")

    def _write(self, part: str, data: bytes, patches: list[tuple[int, int, bytes]]) -> None:
        if patches:
            self.workbook.package.write(part, markup.patched(data, patches))
            self.parts.append(part)


def rename_elsewhere(workbook: Workbook, old: str, new: str) -> list[str]:
    """Follow a new name where no formula names the sheet: pivot tables' sources, links of shapes, app.xml.

    Returns the parts that were written.
    """
    folded, written = old.casefold(), []

    def source(nodes: Nodes, node: Node) -> None:
        if (nodes.get(node, "sheet") or "").casefold() == folded and nodes.get(node, "r:id") is None:
            nodes.set(node, "sheet", new)

    follow_sources(workbook, source)
    change = renaming(old, new)
    for part in workbook.package.names():
        if _RELATIONSHIPS.match(part):
            follow = _links(change)
        elif part == "docProps/app.xml":
            follow = _titles(old, new)
        elif part.startswith("xl/charts/") and part.endswith(".xml"):
            follow = _pivot_names(change)
        else:
            continue
        nodes = Nodes(markup.plain(workbook.package.read(part), part))
        follow(nodes)
        if patches := nodes.patches():
            workbook.package.write(part, markup.patched(nodes.data, patches))
            written.append(part)
    return written


def _links(change: Change) -> Callable[[Nodes], None]:
    """Links of shapes and pictures to a place in the workbook: `Target="#Sheet1!A1"`."""

    def follow(nodes: Nodes) -> None:
        for node in nodes.named("Relationship"):
            target = nodes.get(node, "Target") or ""
            if target.startswith("#") and "!" in target:
                place = unquote(target[1:])
                if (moved := joined(replaced(pieces(place), change))) != place:
                    nodes.set(node, "Target", "#" + quote(moved, safe="!'$:()&,;=+@~/"))  # an address (OPC 6.5.3)

    return follow


def _titles(old: str, new: str) -> Callable[[Nodes], None]:
    def follow(nodes: Nodes) -> None:
        change = renaming(old, new)
        for node in nodes.named("lpstr"):
            text = nodes.text(node)
            nodes.write(node, new if text == old else joined(replaced(pieces(text), change)) if "!" in text else text)

    return follow


def _pivot_names(change: Change) -> Callable[[Nodes], None]:
    """The pivot table that a chart shows: "[Book.xlsx]Sheet1!PivotTable1" (21.2.2.144)."""

    def follow(nodes: Nodes) -> None:
        for node in nodes.named("pivotSource"):
            for child in node.children:
                book, bracket, place = nodes.text(child).rpartition("]")
                if child.name == "name" and "!" in place:
                    sheet, mark, pivot = place.rpartition("!")
                    moved = change(pieces(f"{_quoted(sheet)}!A1")[1])  # type: ignore[arg-type]
                    written = moved.sheet if isinstance(moved, Reference) else sheet
                    nodes.write(child, book + bracket + written + mark + pivot)

    return follow


def _quoted(sheet: str) -> str:
    return sheet if sheet.startswith("'") else "'" + sheet.replace("'", "''") + "'"


def cell_data(xml: SheetXml) -> int:
    """Return where the cell data of a sheet begin."""
    found = markup.tag_pattern(xml.prefix + b"sheetData").search(xml.data)
    return found.start() if found else 0
