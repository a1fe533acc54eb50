"""What a worksheet says of its places outside of the cells, when its rows or columns are shifted.

Which elements hold places is data: see PLACES. Formulas in these elements are `formula_places`' business, but those
of formats and validations, which are relative to the first cell of the place, are taken along here.
"""

from __future__ import annotations

from collections.abc import Callable

from copilot.documents.excel.formula_places import Formulas, formula_elements
from copilot.documents.excel.nodes import Node, Nodes
from copilot.documents.excel.refs import Area, address, parse_cell
from copilot.documents.excel.shift import Shift
from copilot.errors import ToolInputError

#: Attributes that hold places (18.3.1, 18.3.2), by element. Where all of the place is gone, the element goes.
PLACES = {
    "protectedRange": "sqref",
    "inputCells": "r",
    "autoFilter": "ref",
    "sortState": "ref",
    "sortCondition": "ref",
    "mergeCell": "ref",
    "hyperlink": "ref",
    "conditionalFormatting": "sqref",
    "dataValidation": "sqref",
    "cellWatch": "r",
    "ignoredError": "sqref",
    "cellSmartTags": "r",
    "webPublishItem": "sourceRef",
    "singleXmlCell": "r",
    "comment": "ref",
    "threadedComment": "ref",
}
#: Attributes of views: a place that is gone gives way to the next one.
_VIEWS = {"sheetView": ("topLeftCell",), "pane": ("topLeftCell",), "selection": ("activeCell", "sqref")}
#: Elements that may not be empty.
_HOLDERS = frozenset(
    (
        "protectedRanges",
        "scenario",
        "scenarios",
        "mergeCells",
        "hyperlinks",
        "conditionalFormattings",
        "dataValidations",
        "cellWatches",
        "ignoredErrors",
        "smartTags",
        "webPublishItems",
        "sparklines",
        "sparklineGroup",
        "sparklineGroups",
        "rowBreaks",
        "colBreaks",
        "cols",
        "ext",
        "extLst",
    )
)


def shifted_areas(text: str, shift: Shift) -> str:
    """Return a list of places (ST_Sqref, 18.18.76) afterwards, "" when none is left; what is no place stays."""
    found = []
    for part in text.split():
        try:
            old = Area.parse(part)
        except ToolInputError:
            found.append(part)
            continue
        new = shift.area(old)
        if new is not None:
            found.append(part if new == old else str(new))
    return " ".join(found)


def drop(nodes: Nodes, node: Node) -> None:
    """Remove an element, and those around it that may not be empty."""
    nodes.remove(node)
    parent = node.parent
    while parent is not None and parent.name in _HOLDERS and not parent.left:
        nodes.remove(parent)
        parent = parent.parent
    if parent is not None and nodes.get(parent, "count") is not None and not parent.gone:
        nodes.set(parent, "count", str(len(parent.left)))
    if parent is not None and nodes.get(parent, "manualBreakCount") is not None and not parent.gone:
        manual = sum(nodes.get(child, "man") in ("1", "true") for child in parent.left)
        nodes.set(parent, "manualBreakCount", str(manual))


class Elements:
    """The elements of the shifted sheet in front of its cells, and behind them."""

    def __init__(self, nodes: Nodes, shift: Shift, formulas: Formulas) -> None:
        self._nodes, self._shift, self._formulas = nodes, shift, formulas

    def follow(self) -> None:
        """Bring every place and formula in line."""
        anchored = self._rules()
        self._formulas.rewrite(self._nodes, skip=anchored)
        self._places()
        self._views()
        self._breaks()
        if not self._shift.rows:
            self._columns()
            for node in self._nodes.named("autoFilter"):
                self._filter_columns(node)

    def _rules(self) -> set[int]:
        """Rewrite the formulas of formats and validations as they read at the first cell that is left of the place."""
        done: set[int] = set()
        for node in self._nodes.named("conditionalFormatting", "dataValidation"):
            place = next((c for c in node.children if c.name == "sqref"), None)
            text = self._nodes.text(place) if place is not None else self._nodes.get(node, "sqref")
            offset = _offset(text or "", self._shift)
            for inner in formula_elements(node):
                done.add(id(inner))
                self._formulas.rewrite_text(self._nodes, inner, offset)
        return done

    def _places(self) -> None:
        nodes, shift = self._nodes, self._shift
        for node in nodes.named("dimension"):
            nodes.set(node, "ref", shifted_areas(nodes.get(node, "ref") or "A1", shift) or "A1")
        for node in nodes:
            attribute = PLACES.get(node.name)
            old = nodes.get(node, attribute) if attribute else None
            if attribute and old is not None:
                self._place(node, old, lambda new, n=node, a=attribute: nodes.set(n, a, new))  # type: ignore[misc]
            elif node.name == "sqref" and node.parent is not None:
                self._place(node.parent, nodes.text(node), lambda new, n=node: nodes.write(n, new))  # type: ignore[misc]
        for node in nodes.named("scenarios"):
            if (old := nodes.get(node, "sqref")) is not None:
                nodes.set(node, "sqref", shifted_areas(old, shift) or None)

    def _place(self, node: Node, old: str, write: Callable[[str], None]) -> None:
        new = shifted_areas(old, self._shift)
        single = node.name == "mergeCell" and ":" not in new
        if not new or (single and ":" in old):
            drop(self._nodes, node)
        elif new != old:
            write(new)

    def _views(self) -> None:
        for node in self._nodes.named(*_VIEWS):
            for attribute in _VIEWS[node.name]:
                old = self._nodes.get(node, attribute)
                if old:
                    self._nodes.set(node, attribute, self._seen(old, whole=attribute == "sqref"))
            if node.name == "pane":
                self._pane(node)

    def _seen(self, old: str, *, whole: bool) -> str:
        new = shifted_areas(old, self._shift)
        if new or not old:
            return new or old
        row, column = parse_cell(old.split()[0].partition(":")[0]) if not whole or old[0].isalpha() else (1, 1)
        return address(self._shift.near(row), column) if self._shift.rows else address(row, self._shift.near(column))

    def _pane(self, node: Node) -> None:
        """Keep the frozen rows or columns (18.3.1.66): those that are inserted among them are frozen, too."""
        if self._nodes.get(node, "state") not in ("frozen", "frozenSplit"):
            return
        name = "ySplit" if self._shift.rows else "xSplit"
        written = self._nodes.get(node, name)
        count = int(float(written)) if written else 0
        if count < 1:
            return
        corner = self._nodes.get(node.parent, "topLeftCell") if node.parent is not None else None
        first = (parse_cell(corner)[0 if self._shift.rows else 1]) if corner else 1
        span = self._shift.span(first, first + count - 1)
        new = span[1] - span[0] + 1 if span else 1
        if new != count:
            self._nodes.set(node, name, str(new))

    def _breaks(self) -> None:
        """Move page breaks (18.3.1.3), which lie behind the row or column `id`; `max` is the sheet's other end."""
        for node in self._nodes.named("brk"):
            holder = node.parent.name if node.parent is not None else ""
            if holder != ("rowBreaks" if self._shift.rows else "colBreaks"):
                continue
            number = int(self._nodes.get(node, "id") or 0)
            new = self._shift.index(number + 1)  # the row below the break stays below it
            if new is None or new < 2:
                drop(self._nodes, node)
            elif new != number + 1:
                self._nodes.set(node, "id", str(new - 1))

    def _columns(self) -> None:
        """Renumber the formats of columns (18.3.1.13); new ones take the format of the column to the left."""
        for node in self._nodes.named("col"):
            low, high = (int(self._nodes.get(node, name) or 0) for name in ("min", "max"))
            spans = _column_spans(low, high, self._shift, self._nodes.get(node, "hidden") in ("1", "true"))
            if not spans:
                drop(self._nodes, node)
                continue
            for span in spans[:-1]:
                self._nodes.insert_before(node, self._column(node, span))
            self._nodes.set(node, "min", str(spans[-1][0]))
            self._nodes.set(node, "max", str(spans[-1][1]))

    def _column(self, node: Node, span: tuple[int, int]) -> bytes:
        copy = Nodes(self._nodes.data[node.start : node.end])
        copy.set(copy.all[0], "min", str(span[0]))
        copy.set(copy.all[0], "max", str(span[1]))
        return copy.result()

    def _filter_columns(self, node: Node) -> None:
        filter_columns(self._nodes, node, self._shift)


def _offset(places: str, shift: Shift) -> tuple[int, int]:
    """Return how far the first cell of a place that is left lies from the first one there was."""
    old, new = _corner(places), _corner(shifted_areas(places, shift))
    if old is None or new is None:
        return 0, 0
    if shift.rows:
        return shift.back(new[0]) - old[0], 0
    return 0, shift.back(new[1]) - old[1]


def _corner(places: str) -> tuple[int, int] | None:
    try:
        areas = [Area.parse(part) for part in places.split()]
    except ToolInputError:
        return None
    return (min(a.top for a in areas), min(a.left for a in areas)) if areas else None


def _column_spans(low: int, high: int, shift: Shift, hidden: bool) -> list[tuple[int, int]]:
    """Return the columns that a format is for afterwards; hidden ones do not hide what is inserted beside them."""
    if shift.deletes:
        span = shift.span(low, high) if (low, high) != (1, shift.limit) else (low, high)
        return [span] if span else []
    if high < shift.at - 1 or (hidden and high < shift.at):
        return [(low, high)]
    if low >= shift.at:
        return [(low + shift.count, min(high + shift.count, shift.limit))] if low + shift.count <= shift.limit else []
    end = min(high + shift.count, shift.limit)
    if not hidden:
        return [(low, end)]
    return [(low, shift.at - 1), (shift.at + shift.count, end)]


def filter_columns(nodes: Nodes, node: Node, shift: Shift) -> None:
    """Renumber the columns of a filter (18.3.2.7), counted from its first one; `node` has its place afterwards."""
    areas = Nodes(nodes.data[node.start : node.inner])
    old, new = areas.get(areas.all[0], "ref"), nodes.get(node, "ref")
    if node.gone or not old or not new or shift.rows:
        return
    before, after = Area.parse(old), Area.parse(new)
    for child in node.left:
        if child.name != "filterColumn":
            continue
        column = shift.index(before.left + int(nodes.get(child, "colId") or 0))
        if column is None:
            nodes.remove(child)
        else:
            nodes.set(child, "colId", str(column - after.left))
