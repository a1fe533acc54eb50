"""A copy of a sheet: its part, and those around it that can't be shared."""

from __future__ import annotations

import posixpath
import re
import uuid
from dataclasses import dataclass, field

from copilot.documents.excel import markup
from copilot.documents.excel.formula_places import Formulas
from copilot.documents.excel.nodes import Nodes
from copilot.documents.excel.reftext import joined, pieces, replaced
from copilot.documents.excel.sheet_refs import renaming
from copilot.documents.excel.structured import renamed_tables
from copilot.documents.excel.workbook import Sheet, Workbook
from copilot.documents.package import Relationship
from copilot.errors import ToolInputError

#: Relationships whose parts belong to one sheet: they are copied with it. Others (images, themes) are shared.
_OWN = frozenset(
    (
        "drawing",
        "vmlDrawing",
        "comments",
        "threadedComment",
        "table",
        "chart",
        "chartEx",
        "chartUserShapes",
        "chartStyle",
        "chartColorStyle",
        "ctrlProp",
        "pivotTable",
        "control",
        "diagramData",
        "diagramLayout",
        "diagramQuickStyle",
        "diagramColors",
        "diagramDrawing",
    )
)
#: Relationships that a copy does without: a query fills one place, an XML map has one cell.
_LEFT_OUT = frozenset(("queryTable", "tableSingleCells"))
_REFUSED = {"slicer": "slicers", "timeline": "timelines"}
_GUID = re.compile(rb"\{[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}")
_NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")  # RFC 4122, appendix C


@dataclass
class SheetCopy:
    """One copy in the making: `part` is the new sheet's part afterwards, `tables` the new names of its tables."""

    workbook: Workbook
    source: Sheet
    name: str
    part: str = ""
    tables: dict[str, str] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)

    def make(self) -> str:
        """Add the copied parts to the package; return the part of the new sheet.

        Raises ToolInputError for a sheet with slicers or timelines: they are bound to one sheet.
        """
        package = self.workbook.package
        for relationship in package.relationships(self.source.part):
            if relationship.short_type in _REFUSED:
                what = _REFUSED[relationship.short_type]
                message = f"{self.source.name!r} has {what}, which can't be copied."
                raise ToolInputError(message, hint="Copy the sheet in Excel.", code="cell_in_the_way")
        self._name_tables()
        self._next_id = max((self._table_id(t.part) for t in self.workbook.tables), default=0)
        self.part = self._copied(self.source.part, "worksheet", {})
        return self.part

    def text(self, text: str) -> str:
        """Return a formula of the sheet as it reads on the copy."""
        change = renaming(self.source.name, self.name)
        found = joined(replaced(pieces(text), change))
        return renamed_tables(found, self.tables) if self.tables else found

    def _name_tables(self) -> None:
        names = {name.name.casefold() for name in self.workbook.names}
        taken = names | {t.name.casefold() for t in self.workbook.tables}
        for table in self.workbook.tables_on(self.source):
            stem = re.sub(r"_?\d+\Z", "", table.name) or table.name
            number = 2
            while f"{stem}_{number}".casefold() in taken:
                number += 1
            self.tables[table.name.casefold()] = f"{stem}_{number}"
            taken.add(f"{stem}_{number}".casefold())

    def _table_id(self, part: str) -> int:
        tag = re.search(rb'<(?:\w+:)?table\s[^>]*?\sid="(\d+)"', self.workbook.package.read(part))
        return int(tag[1]) if tag else 0

    def _copied(self, part: str, kind: str, done: dict[str, str]) -> str:
        """Copy a part with those that belong to it; return the name of the copy."""
        package = self.workbook.package
        if part in done:
            return done[part]
        stem, end = posixpath.splitext(part)
        new = package.unused_name(re.sub(r"\d+\Z", "", stem) + "{}" + end)
        done[part] = new
        data = package.read(part)
        package.add(new, self._changed(data, part, kind), package.content_type(part))
        self.written.append(new)
        self._relationships(part, new, done)
        return new

    def _relationships(self, part: str, new: str, done: dict[str, str]) -> None:
        package = self.workbook.package
        folder, name = posixpath.split(part)
        rels = posixpath.join(folder, "_rels", f"{name}.rels")
        if not package.has(rels):
            return
        nodes = Nodes(markup.plain(package.read(rels), rels))
        known = {r.id: r for r in package.relationships(part)}
        for node in nodes.named("Relationship"):
            relationship = known[nodes.get(node, "Id") or ""]
            if relationship.short_type in _LEFT_OUT:
                nodes.remove(node)
            elif not relationship.external:
                target = self._target(relationship, done)
                relative = posixpath.relpath(f"/{target}", f"/{posixpath.dirname(new)}")
                nodes.set(node, "Target", relative)
        folder, name = posixpath.split(new)
        package.write(posixpath.join(folder, "_rels", f"{name}.rels"), nodes.result())

    def _target(self, relationship: Relationship, done: dict[str, str]) -> str:
        own = relationship.short_type in _OWN and self.workbook.package.has(relationship.target)
        return self._copied(relationship.target, relationship.short_type, done) if own else relationship.target

    def _changed(self, data: bytes, part: str, kind: str) -> bytes:
        """Return a part's bytes for the copy: references to the sheet lead to the copy, ids are its own."""
        if not part.endswith((".xml", ".vml")):
            return data
        plain = markup.plain(data, part)
        if kind in ("comments", "threadedComment"):
            return _GUID.sub(self._guid, plain)
        nodes = Nodes(plain)
        Formulas(lambda text, _: self.text(text)).rewrite(nodes)
        if kind == "table":
            self._table(nodes)
        elif kind == "worksheet":
            self._sheet(nodes)
        elif kind == "chart":
            self._chart(nodes)
        return nodes.result()

    def _guid(self, match: re.Match[bytes]) -> bytes:
        """Return the id of a comment's copy: derived, so that the same copy has the same bytes."""
        made = uuid.uuid5(_NAMESPACE, f"{self.name}\n{match[0].decode().upper()}")
        return b"{" + str(made).upper().encode() + b"}"

    def _table(self, nodes: Nodes) -> None:
        root = nodes.all[0]
        name = self.tables[(nodes.get(root, "displayName") or nodes.get(root, "name") or "").casefold()]
        self._next_id += 1
        for attribute, value in (("id", str(self._next_id)), ("name", name), ("displayName", name)):
            nodes.set(root, attribute, value)
        nodes.set(root, "tableType", None)  # its query stays with the first one
        nodes.set(root, "connectionId", None)
        for node in nodes.named("tableColumn"):
            nodes.set(node, "queryTableFieldId", None)

    def _sheet(self, nodes: Nodes) -> None:
        for node in nodes.named("sheetPr"):
            nodes.set(node, "codeName", None)  # the name that macros call it by is unique
        for node in nodes.named("sheetView"):
            nodes.set(node, "tabSelected", None)

    def _chart(self, nodes: Nodes) -> None:
        for node in nodes.named("pivotSource"):
            for child in node.children:
                text = nodes.text(child)
                if child.name == "name" and f"]{self.source.name}!" in text:
                    nodes.write(child, text.replace(f"]{self.source.name}!", f"]{self.name}!", 1))
