"""Where a workbook holds formulas outside of its cells: as data, for everything that moves or renames references.

Formats, validations, sparklines, links, controls, charts, tables, names, cameras, pivot tables' sources.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from copilot.documents.excel.nodes import Node, Nodes
from copilot.documents.excel.workbook import Workbook

#: Elements whose text is a formula, in any part but a pivot table (18.3, 18.5, 21.2; [MS-XLSX] 2.3; VML: x:Fmla*).
TEXTS = frozenset(
    (
        "formula",
        "formula1",
        "formula2",
        "f",
        "calculatedColumnFormula",
        "totalsRowFormula",
        "definedName",
        "FmlaLink",
        "FmlaRange",
        "FmlaTxbx",
        "FmlaGroup",
        "FmlaPict",
    )
)
#: Attributes that hold a formula, by element.
ATTRIBUTES = {
    "hyperlink": ("location",),
    "cfvo": ("val",),
    "controlPr": ("linkedCell", "listFillRange"),
    "formControlPr": ("fmlaLink", "fmlaRange", "fmlaTxbx", "fmlaGroup"),
    "sp": ("textlink",),
    "cameraTool": ("cellRange",),
    "parameter": ("cell",),
}
#: Kinds of parts that hold formulas, by the end of their content type.
_KINDS = (
    "worksheet+xml",
    "chartsheet+xml",
    "dialogsheet+xml",
    "drawing+xml",
    "chart+xml",
    "chartex+xml",
    "table+xml",
    "sheet.main+xml",
    "template.main+xml",
    "addin.macroenabled.main+xml",
    "sheet.macroenabled.main+xml",
    "template.macroenabled.main+xml",
    "controlproperties+xml",
    "vmldrawing",
    "connections+xml",
)


def is_formula(node: Node) -> bool:
    """Return whether an element's text or one of its attributes is a formula."""
    return node.name in TEXTS or node.name in ATTRIBUTES or (node.name == "sqref" and node.prefix == b"c15:")


def formula_elements(node: Node) -> Iterator[Node]:
    """Yield the elements in `node` whose text is a formula, and those with an attribute that is one."""
    for child in node.children:
        if is_formula(child):
            yield child
        yield from formula_elements(child)


@dataclass
class Formulas:
    """What becomes of formulas in one part: `change` takes a text and by how much it is copied further before."""

    change: Callable[[str, tuple[int, int]], str]
    name: Callable[[str], str] | None = None

    def rewrite(self, nodes: Nodes, skip: Collection[int] = ()) -> None:
        """Rewrite every formula of the part, but those in the elements `skip` (by id)."""
        for node in nodes:
            if is_formula(node) and id(node) not in skip:
                self.rewrite_text(nodes, node)

    def rewrite_text(self, nodes: Nodes, node: Node, offset: tuple[int, int] = (0, 0)) -> None:
        """Rewrite the formulas of one element."""
        for attribute in ATTRIBUTES.get(node.name, ()):
            old = nodes.get(node, attribute)
            if old and (new := self._link(old) if attribute == "location" else self.change(old, offset)) != old:
                nodes.set(node, attribute, new)
        if node.name not in ATTRIBUTES and not node.children:
            old = nodes.text(node)
            new = self.name(old) if node.name == "definedName" and self.name else self.change(old, offset)
            if old.strip() and new != old:
                nodes.write(node, new)

    def _link(self, old: str) -> str:
        """Return where a link leads afterwards; one whose place is gone stays as it is, and leads nowhere."""
        new = self.change(old, (0, 0))
        return old if "#REF!" in new else new


def homes(workbook: Workbook) -> dict[str, str]:
    """Return the sheet that each part belongs to, by part: drawings, charts, tables, comments, controls."""
    found: dict[str, str] = {}
    for sheet in workbook.sheets:
        front = [sheet.part]
        while front:
            part = front.pop()
            if part in found or not workbook.package.has(part) or part == workbook.package.main:
                continue
            found[part] = sheet.name
            front += [r.target for r in workbook.package.relationships(part) if not r.external]
    return found


def content_types(workbook: Workbook) -> dict[str, str]:
    """Return every part's content type, in small letters."""
    root = workbook.package.xml("[Content_Types].xml")
    named = {e.get("PartName", "").lstrip("/").casefold(): e.get("ContentType", "") for e in root}
    by_end = {e.get("Extension", "").casefold(): e.get("ContentType", "") for e in root if e.get("Extension")}
    return {
        name: (named.get(name.casefold()) or by_end.get(name.rpartition(".")[2].casefold(), "")).casefold()
        for name in workbook.package.names()
    }


def formula_parts(workbook: Workbook) -> list[str]:
    """Return the parts that may hold formulas, in the order of the file."""
    return [name for name, kind in content_types(workbook).items() if kind.endswith(_KINDS)]
