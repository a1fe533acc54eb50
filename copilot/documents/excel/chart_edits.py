"""Editing charts that are there: only the elements that the change is about, whoever made the chart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy
from functools import cached_property
from typing import Annotated

from lxml import etree
from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

from copilot.documents.excel import chart_types, drawings
from copilot.documents.excel.chart_parts import (
    Chart,
    find_chart,
    number_of,
    plots,
    ref_of,
    series_of,
    text_of,
    type_of,
)
from copilot.documents.excel.chart_sources import Sources
from copilot.documents.excel.chartxml import (
    Legend,
    Points,
    all_numbers,
    are_moments,
    fill_xml,
    legend_xml,
    name_xml,
    numbers_xml,
    rich_xml,
    texts_xml,
    title_xml,
)
from copilot.documents.excel.drawings import child, local
from copilot.documents.excel.refs import split_sheet
from copilot.documents.excel.verify import check_parts, signature_warning
from copilot.documents.excel.workbook import Sheet, Workbook
from copilot.documents.hunks import Edited, Hunk
from copilot.errors import ToolInputError


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


#: Where a child of a series goes: behind the last of those that come before it (CT_BarSer and its like, 21.2.2.170).
_SERIES_ORDER = _words(
    """idx order tx spPr invertIfNegative pictureOptions marker explosion dPt dLbls trendline errBars cat xVal val yVal
    smooth shape bubbleSize bubble3D extLst"""
)
_CHART_ORDER = _words(
    """title autoTitleDeleted pivotFmts view3D floor sideWall backWall plotArea legend plotVisOnly dispBlanksAs
    showDLblsOverMax extLst"""
)
_AXIS_ORDER = _words(
    """axId scaling delete axPos majorGridlines minorGridlines title numFmt majorTickMark minorTickMark tickLblPos spPr
    txPr crossAx"""
)
#: What a further series does not take over from the one that it is copied from.
_OWN = ("spPr", "dPt", "trendline", "errBars", "extLst", "pictureOptions", "explosion")


class SeriesChange(TypedDict, total=False):
    """A change of one series: `series` is its number or name; without it a series is added.

    `values` and `categories` are ranges or column names, `name` a text or a cell; `remove` takes the series out.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]

    series: int | str
    values: str
    categories: str
    name: str
    color: str
    remove: bool


def edit_chart(
    content: bytes,
    chart: int | str,
    sheet: str = "",
    *,
    title: str | None = None,
    series: Sequence[SeriesChange] = (),
    categories: str = "",
    x_title: str | None = None,
    y_title: str | None = None,
    type: chart_types.Changeable | None = None,
    legend: Legend | None = None,
) -> Edited:
    """Change a chart's title, series, ranges, axis titles, type or legend; its styling stays.

    `chart` is its number on the sheet, or its title. "" for a title takes it away. `categories` replaces the x values
    of all series. Raises ToolInputError: unknown chart or series, a pivot chart's ranges, a type that it can't take.
    """
    workbook = Workbook.open(content)
    found = find_chart(workbook, chart, sheet or None)
    editor = _Editor(workbook, found, [*(s.get("values", "") for s in series), categories])
    if found.extended:
        editor.refuse_extended(series, categories, x_title, y_title, type, legend)
    if title is not None:
        editor.title(title)
    for each in series:
        editor.series(each)
    if categories:
        editor.categories(categories)
    for axis, text in ((0, x_title), (1, y_title)):
        if text is not None:
            editor.axis_title(axis, text)
    if type is not None:
        editor.type(type)
    if legend is not None:
        editor.legend(legend)
    return editor.done()


class _Editor:
    """One chart's part while it is changed; `hunks` grows with each change."""

    def __init__(self, workbook: Workbook, chart: Chart, names: Iterable[str]) -> None:
        self.workbook = workbook
        self.chart = chart
        self.root = workbook.package.xml(chart.part)
        self.hunks: list[Hunk] = []
        self._names = [n for n in names if n]
        self.themed = any(workbook.package.has(p) for p in workbook.package.related(workbook.package.main, "theme"))

    @cached_property
    def sources(self) -> Sources:
        """What turns ranges and column names into cells."""
        return Sources(self.workbook, _home(self.workbook, self.chart), None, self._names)

    def done(self) -> Edited:
        """Return the edited file; raises ToolInputError when nothing changed."""
        if not self.hunks:
            raise ToolInputError(f"{self.chart.label} is like that already.", code="unchanged")
        package = self.workbook.package
        package.touch(self.chart.part)
        check_parts(package, [self.chart.part])
        warnings = self.sources.warnings if "sources" in vars(self) else []
        return Edited.of(package.save(), self.hunks, [*warnings, *signature_warning(package)])

    def refuse_extended(self, series: object, categories: object, *others: object) -> None:
        """Refuse what can't be changed in a chart of a newer kind: everything but its title."""
        if series or categories or any(o is not None for o in others):
            kind = ", ".join(self.chart.types) or "new kind of"
            message = f"{self.chart.label} is a {kind} chart: only its title can be changed here."
            raise ToolInputError(message, hint="Change the rest in Excel.", code="unsupported_chart")

    def _note(self, what: str, before: str, after: str) -> None:
        if before != after:
            where = f"{self.chart.sheet.name}, chart {self.chart.number}, {what}"
            self.hunks.append(Hunk(where, before, after, "structure"))

    def _parse(self, fragment: str) -> etree._Element:
        """Return an element from the fragment, in the namespaces of the chart."""
        names = drawings.namespaces(self.workbook)
        own = etree.QName(self.root).namespace or names.chart
        spaces = f'xmlns:c="{own}" xmlns:a="{names.main}" xmlns:r="{names.relationships}"'
        return etree.fromstring(f"<root {spaces}>{fragment}</root>")[0]

    def _put(self, parent: etree._Element, fragment: str, order: Sequence[str]) -> etree._Element:
        """Put an element into its parent in place of the one of its name, or where the schema wants it."""
        made = self._parse(fragment)
        present = child(parent, local(made))
        if present is not None:
            made.tail = present.tail
            parent.replace(present, made)
            return made
        before = order[: order.index(local(made)) + 1]
        at = max((i + 1 for i, e in enumerate(parent) if local(e) in before), default=0)
        parent.insert(at, made)
        return made

    # titles

    def title(self, text: str) -> None:
        """Give the chart a title, or take it away for ""."""
        holder = child(self.root, "chart")
        if holder is None:
            return
        before = text_of(child(holder, "title")) if not self.chart.extended else self.chart.title
        if self.chart.extended:
            self._extended_title(holder, text)
        elif not text:
            _remove(child(holder, "title"))
            self._put(holder, '<c:autoTitleDeleted val="1"/>', _CHART_ORDER)
            before = before or self.chart.title
        else:
            self._titled(holder, text, 1400, _CHART_ORDER)
            self._put(holder, '<c:autoTitleDeleted val="0"/>', _CHART_ORDER)
        self._note("title", before, text)

    def axis_title(self, number: int, text: str) -> None:
        """Give the first x axis (0) or y axis (1) a title, or take it away for ""."""
        axes = self._axes()
        if len(axes) < 2:
            raise ToolInputError(f"{self.chart.label} has no axes.", code="no_axis")
        axis = axes[number]
        before = text_of(child(axis, "title"))
        if not text:
            _remove(child(axis, "title"))
        else:
            self._titled(axis, text, 1000, _AXIS_ORDER)
        self._note(f"{'xy'[number]} axis title", before, text)

    def _axes(self) -> list[etree._Element]:
        """Return the axes of the first plot: across, then up."""
        area = child(self.root, "chart", "plotArea")
        first = plots(self.root)[:1]
        ids = [e.get("val") for plot in first for e in plot if local(e) == "axId"]
        known = (
            {(i.get("val") if (i := child(e, "axId")) is not None else ""): e for e in area if local(e)[-2:] == "Ax"}
            if area is not None
            else {}
        )
        return [known[i] for i in ids if i in known]

    def _titled(self, parent: etree._Element, text: str, size: int, order: Sequence[str]) -> None:
        """Exchange the words of a title and keep how they look; make the title where there is none."""
        title = child(parent, "title")
        if title is None:
            self._put(parent, title_xml(text, size, themed=self.themed), order)
            return
        rich = child(title, "tx", "rich")
        lines = [p for p in rich if local(p) == "p"] if rich is not None else []
        if rich is not None and lines and _reworded(lines, text.splitlines() or [""]):
            return
        self._put(title, rich_xml(text, size, themed=self.themed), ["tx", "layout", "overlay"])

    def _extended_title(self, holder: etree._Element, text: str) -> None:
        title = child(holder, "title")
        words = [e for e in title.iter() if local(e) in ("t", "v")] if title is not None else []
        if not words or not text:
            message = f"The title of {self.chart.label} can't be changed here: it is automatic."
            raise ToolInputError(message, hint="Change it in Excel.", code="unsupported_chart")
        for element in words:
            element.text = text if element is words[0] or local(element) == "v" else ""

    # series

    def _refuse_pivot(self) -> None:
        if child(self.root, "pivotSource") is not None:
            message = f"{self.chart.label} shows a pivot table, which alone says what its series are."
            raise ToolInputError(message, hint="Change the pivot table.", code="pivot_chart")

    def series(self, change: SeriesChange) -> None:
        """Change, add or remove one series."""
        self._refuse_pivot()
        known = series_of(self.root)
        if "series" not in change:
            self._added(known, change)
            return
        element = self._found(known, change["series"])
        if change.get("remove"):
            if len(known) == 1:
                hint = "Remove the chart with delete_chart."
                raise ToolInputError("The only series of a chart can't be removed.", hint=hint, code="value")
            self._note("series", _named(element), "")
            _remove(element)
            return
        before = _named(element)
        self._filled(element, change)
        self._note("series", before, _named(element))

    def _found(self, known: list[etree._Element], wanted: int | str) -> etree._Element:
        names = [text_of(e) for e in known]
        for index, name in enumerate(names):
            if name and name.casefold() == str(wanted).strip().casefold():
                return known[index]
        if str(wanted).isdigit() and 1 <= int(wanted) <= len(known):
            return known[int(wanted) - 1]
        raise ToolInputError.unknown("series", str(wanted), [n or str(i) for i, n in enumerate(names, 1)])

    def _added(self, known: list[etree._Element], change: SeriesChange) -> None:
        if "values" not in change:
            raise ToolInputError("A new series needs its values.", hint="Give a range or a column.", code="value")
        if not known:
            raise ToolInputError(f"{self.chart.label} has no series to take after.", code="unsupported_chart")
        last = known[-1]
        made = deepcopy(last)
        for element in list(made):
            if local(element) in _OWN:
                made.remove(element)
        _remove(child(made, "marker", "spPr"))
        _set(child(made, "idx"), max(number_of(child(e, "idx")) for e in known) + 1)
        _set(child(made, "order"), max(number_of(child(e, "order")) for e in known) + 1)
        _remove(child(made, "tx"))
        last.addnext(made)
        self._filled(made, change)
        self._note("series", "", _named(made))

    def _filled(self, element: etree._Element, change: SeriesChange) -> None:
        """Give a series what the change says: values with their cache, a name, x values, a colour."""
        measured = child(element, "yVal") is not None or child(element, "xVal") is not None
        if given := change.get("values"):
            name, points = self.sources.series(given)
            self._put(element, _wrapped("yVal" if measured else "val", numbers_xml(points)), _SERIES_ORDER)
            named = child(element, "tx") is not None and not ref_of(child(element, "tx"))  # by a text of its own
            if name and not named and "name" not in change:
                self._put(element, name_xml(name), _SERIES_ORDER)
        if given := change.get("categories"):
            self._across(element, self.sources.categories(given))
        if given := change.get("name"):
            self._put(element, name_xml(self.sources.name(given)), _SERIES_ORDER)
        if given := change.get("color"):
            self._colored(element, given)

    def categories(self, given: str) -> None:
        """Replace the x values of all series."""
        self._refuse_pivot()
        points = self.sources.categories(given)
        known = series_of(self.root)
        before = ", ".join(dict.fromkeys(ref_of(child(e, "cat")) or ref_of(child(e, "xVal")) for e in known))
        for element in known:
            self._across(element, points)
        self._note("categories", before, points.ref if points else "")

    def _across(self, element: etree._Element, points: Points | None) -> None:
        if points is None:
            return
        measured = child(element, "yVal") is not None
        numeric = all_numbers(points) if measured else are_moments(points)
        inside = numbers_xml(points) if numeric else texts_xml(points)
        self._put(element, _wrapped("xVal" if measured else "cat", inside), _SERIES_ORDER)

    def _colored(self, element: etree._Element, color: str) -> None:
        plot = element.getparent()
        lined = plot is not None and local(plot) in ("lineChart", "radarChart", "scatterChart", "line3DChart")
        fill = fill_xml(color)
        self._put(
            element, _wrapped("spPr", f'<a:ln w="28575" cap="rnd">{fill}</a:ln>' if lined else fill), _SERIES_ORDER
        )
        self._note("colour of a series", "", f"{text_of(element)}: {color}")

    # the rest

    def legend(self, side: str) -> None:
        """Put the legend at a side, or take it away for "none"."""
        holder = child(self.root, "chart")
        present = child(holder, "legend")
        position = child(present, "legendPos")
        sides = {"t": "top", "b": "bottom", "l": "left", "r": "right", "tr": "top right"}
        before = (
            sides.get(position.get("val", "r"), "right")
            if position is not None
            else "right"
            if present is not None
            else "none"
        )
        wanted = "bottom" if side == "auto" else side
        if wanted == "none":
            _remove(present)
        elif position is not None:
            position.set("val", wanted[0])
            _remove(child(present, "layout"))
        elif holder is not None:
            self._put(holder, legend_xml(wanted), _CHART_ORDER)
        self._note("legend", before, wanted)

    def type(self, wanted: chart_types.Changeable) -> None:
        """Turn the chart's only plot into one of another type."""
        found = plots(self.root)
        if len(found) != 1:
            message = f"{self.chart.label} combines several types."
            raise ToolInputError(message, hint="Add a new chart of the type instead.", code="unsupported_chart")
        before = type_of(found[0])
        made = chart_types.turned(found[0], wanted, self.chart.label)
        self._note("type", before, type_of(made))


def _home(workbook: Workbook, chart: Chart) -> Sheet:
    """Return the sheet that a range without one means: where the chart's data is, else where the chart is."""
    known = {s.name: s for s in workbook.worksheets}
    for series in chart.series:
        sheet, _ = split_sheet(series.values)
        if sheet in known:
            return known[sheet]
    return known.get(chart.sheet.name) or workbook.sheet(None)


def _wrapped(tag: str, inside: str) -> str:
    return f"<c:{tag}>{inside}</c:{tag}>"


def _set(element: etree._Element | None, value: int) -> None:
    if element is not None:
        element.set("val", str(value))


def _remove(element: etree._Element | None) -> None:
    parent = element.getparent() if element is not None else None
    if element is not None and parent is not None:
        parent.remove(element)


def _reworded(lines: list[etree._Element], words: list[str]) -> bool:
    """Write words into the first runs of paragraphs, which keep their formats; False where one has no run."""
    runs = [[r for r in p if local(r) in ("r", "fld", "br")] for p in lines]
    texts = [child(group[0], "t") if group and local(group[0]) == "r" else None for group in runs]
    if any(t is None for t in texts[:1]) or len(words) > len(lines) or any(t is None for t in texts[: len(words)]):
        return False
    for index, line in enumerate(lines):
        if index >= len(words):
            _remove(line)
            continue
        text = texts[index]
        if text is not None:
            text.text = words[index]
        for run in runs[index][1:]:
            _remove(run)
    return True


def _named(series: etree._Element) -> str:
    """Return a series in words: its name, its values, its x values."""
    values = ref_of(child(series, "val")) or ref_of(child(series, "yVal"))
    across = ref_of(child(series, "cat")) or ref_of(child(series, "xVal"))
    return f"{text_of(series) or 'series'}: {values}" + (f" over {across}" if across else "")


# --- place -----------------------------------------------------------------------------------------------------------


def move_chart(
    content: bytes,
    chart: int | str,
    anchor: str,
    sheet: str = "",
    *,
    width: Annotated[int, Field(ge=0, le=100)] = 0,
    height: Annotated[int, Field(ge=0, le=200)] = 0,
) -> Edited:
    """Move a chart so that its top left corner lies at a cell; `width` and `height` in columns and rows resize it.

    Raises ToolInputError: unknown chart, one in a group or on a sheet of its own, a place outside of the sheet.
    """
    workbook = Workbook.open(content)
    found = find_chart(workbook, chart, sheet or None)
    _refuse_fixed(found)
    old = found.placed.area
    box = drawings.box_at(workbook, found.sheet, anchor, width or old.width, height or old.height)
    drawings.moved(found.placed.anchor, box, keep_size=not (width or height))
    after = next(p for p in drawings.placed(workbook, found.sheet) if p.frame is found.placed.frame)
    if after.area == old:
        raise ToolInputError(f"{found.label} lies there already.", code="unchanged")
    workbook.package.touch(found.placed.part)
    hunk = Hunk(f"{found.sheet.name}, chart {found.number}, place", str(old), str(after.area), "structure")
    warnings = [*drawings.covering(workbook, found.sheet, after.area), *signature_warning(workbook.package)]
    return Edited.of(workbook.package.save(), [hunk], warnings)


def delete_chart(content: bytes, chart: int | str, sheet: str = "") -> Edited:
    """Delete a chart with the parts that only it needs.

    Raises ToolInputError: unknown chart, one in a group or on a sheet of its own.
    """
    workbook = Workbook.open(content)
    found = find_chart(workbook, chart, sheet or None)
    _refuse_fixed(found)
    kinds = ", ".join(found.types)
    hunk = Hunk(found.placed.where, f"{kinds} chart {found.title or found.placed.name!r}", "", "structure")
    drawings.take_off(workbook, found.placed)
    return Edited.of(workbook.package.save(), [hunk], signature_warning(workbook.package))


def _refuse_fixed(chart: Chart) -> None:
    if chart.sheet.kind != "worksheet":
        message = f"{chart.label} fills the sheet {chart.sheet.name!r}."
        raise ToolInputError(message, hint="Delete or move the sheet.", code="chart_sheet")
    if chart.placed.grouped:
        message = f"{chart.label} is part of a group."
        raise ToolInputError(message, hint="Ungroup it in Excel first.", code="grouped")


#: What this module adds to the operations on a workbook.
OPERATIONS = (edit_chart, move_chart, delete_chart)
