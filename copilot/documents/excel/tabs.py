"""The list of sheets in the workbook part (18.2.20), and what counts sheets by their place in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from copilot.documents.excel import markup
from copilot.documents.excel.nodes import Node, Nodes
from copilot.documents.excel.workbook import Sheet, Workbook
from copilot.errors import ToolInputError


def any_sheet(workbook: Workbook, name: str) -> Sheet:
    """Return a sheet of any kind by its name (case does not matter); raises ToolInputError with the closest names."""
    wanted = name.strip().casefold()
    for sheet in workbook.sheets:
        if sheet.name.casefold() == wanted:
            return sheet
    raise ToolInputError.unknown("sheet", name, [s.name for s in workbook.sheets])


class Tabs:
    """The workbook part, edited as bytes; places count from 0."""

    def __init__(self, workbook: Workbook) -> None:
        self._package = workbook.package
        part = workbook.package.main
        self._nodes = Nodes(markup.plain(workbook.package.read(part), part))
        self._holder = next(node for node in self._nodes if node.name == "sheets")

    @property
    def sheets(self) -> list[Node]:
        """The elements of the sheets, in order."""
        return [node for node in self._holder.children if node.name == "sheet" and not node.gone]

    def set(self, index: int, attribute: str, value: str | None) -> None:
        """Set an attribute of a sheet."""
        self._nodes.set(self.sheets[index], attribute, value)

    def visible(self) -> list[int]:
        """Return the places of the sheets that are shown."""
        return [n for n, node in enumerate(self.sheets) if (self._nodes.get(node, "state") or "visible") == "visible"]

    @property
    def active(self) -> int:
        """The place of the sheet that is in front (18.2.30)."""
        views = self._nodes.named("workbookView")
        return int(self._nodes.get(views[0], "activeTab") or 0) if views else 0

    def activate(self, index: int) -> None:
        """Put a sheet in front in every window."""
        for node in self._nodes.named("workbookView"):
            self._nodes.set(node, "activeTab", str(index) if index else None)

    def renumber(self, place: Callable[[int], int | None]) -> None:
        """Send every count of sheets through `place`: windows and local names; names of a sheet that is gone go."""
        for node in self._nodes.named("workbookView"):
            for attribute in ("activeTab", "firstSheet"):
                old = self._nodes.get(node, attribute)
                new = place(int(old)) if old else None
                if old and new != int(old):
                    self._nodes.set(node, attribute, str(new) if new else None)
        for node in self._nodes.named("definedName"):
            old = self._nodes.get(node, "localSheetId")
            new = place(int(old)) if old else 0
            if new is None:
                self._nodes.remove(node)
            elif old:
                self._nodes.set(node, "localSheetId", str(new))
        for node in self._nodes.named("definedNames"):
            if not node.left:
                self._nodes.remove(node)

    def remove(self, index: int) -> None:
        """Take a sheet out of the list."""
        self._nodes.remove(self.sheets[index])

    def reorder(self, order: Sequence[int]) -> None:
        """Put the sheets in another order: `order` are the old places; what lies between the elements stays."""
        sheets, data = self.sheets, self._nodes.data
        written = [data[sheets[old].start : sheets[old].end] for old in order]
        self.save([(node.start, node.end, new) for node, new in zip(sheets, written, strict=True)])

    def save(self, extra: Sequence[tuple[int, int, bytes]] = ()) -> None:
        """Write the part."""
        patches = sorted([*self._nodes.patches(), *extra], key=lambda patch: patch[:2])
        changes = [p for p in patches if self._nodes.data[p[0] : p[1]] != p[2]]
        if changes:
            self._package.write(self._package.main, markup.patched(self._nodes.data, changes))

    def local_names(self, index: int) -> list[tuple[bytes, str]]:
        """Return (element as written, formula) of the names that are local to a sheet."""
        return [
            (self._nodes.data[node.start : node.end], self._nodes.text(node))
            for node in self._nodes.named("definedName")
            if self._nodes.get(node, "localSheetId") == str(index)
        ]

    def add_names(self, elements: Sequence[bytes]) -> None:
        """Add names behind the others."""
        for node in self._nodes.named("definedNames"):
            self._nodes.append(node, b"".join(elements))
