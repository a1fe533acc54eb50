"""Formulas that cover other cells than before, or have lost them: their values, and what depends on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from copilot.documents.excel import markup
from copilot.documents.excel.calc import recalculate
from copilot.documents.excel.calcchain import set_full_calculation
from copilot.documents.excel.cells import SheetReader
from copilot.documents.excel.refs import address
from copilot.documents.excel.splice import Render, SheetXml
from copilot.documents.excel.values import Scalar, show
from copilot.documents.excel.workbook import Workbook
from copilot.documents.hunks import Edited, Hunk
from copilot.errors import ToolInputError

#: Formulas whose ranges changed that are computed at once; above, Excel does it when it opens the file.
MAX_RESHAPED = 2_000
#: New values that a change shows one by one.
MAX_SHOWN = 40

At = tuple[int, int]


def drop_chain(workbook: Workbook) -> None:
    """Remove the calculation chain (18.6), which names formulas by their places: Excel makes a new one."""
    package = workbook.package
    for part in package.related(package.main, "calcChain"):
        if package.has(part):
            package.unrelate(package.main, part)
            package.remove(part)


def recalculated(content: bytes, reshaped: Mapping[str, Sequence[At]]) -> tuple[bytes, Edited]:
    """Return the file with new values for `reshaped` formulas, by sheet, and for those that depend on them.

    Their texts are new already, their values still those of before. The second is what changed, with warnings.
    """
    places = {name: sorted(set(cells)) for name, cells in reshaped.items() if cells}
    count = sum(map(len, places.values()))
    if not count:
        return content, Edited.of(content, ())
    workbook = Workbook.open(content)
    if count > MAX_RESHAPED:
        return _left_to_excel(content, f"{count:,} formulas cover other cells than before")
    try:
        result = recalculate(_with_constants(content, places), workbook, places)
    except ToolInputError as error:  # a circle, a spill in the way: the file had it before, or gets it as in Excel
        return _left_to_excel(content, error.message.rstrip("."))
    if result.incomplete:
        set_full_calculation(workbook)
    hunks = new_values(Workbook.open(content), result.values)
    return workbook.package.save(), Edited.of(content, [*hunks[:MAX_SHOWN], *result.hunks], result.warnings)


def _left_to_excel(content: bytes, why: str) -> tuple[bytes, Edited]:
    workbook = Workbook.open(content)
    set_full_calculation(workbook)
    warning = f"{why}: values of formulas are brought up to date when Excel opens the file, not before."
    return workbook.package.save(), Edited.of(content, (), [warning])


def new_values(before: Workbook, updates: Mapping[str, Mapping[At, Scalar]]) -> list[Hunk]:
    """Return what people see of formulas that have other values now than in the workbook `before`."""
    return [
        hunk for name, values in updates.items() for hunk in _changed(SheetReader(before, before.sheet(name)), values)
    ]


def _changed(reader: SheetReader, values: Mapping[At, Scalar]) -> Iterator[Hunk]:
    for at, value in values.items():
        raw = reader.xml.cell(*at)
        cell = reader.parse(raw, *at) if raw is not None else None
        if cell is not None and cell.value != value and not (cell.value is None and value in (0, "")):
            shown = reader.show(cell), show(value)
            if shown[0] != shown[1]:
                yield Hunk(f"{reader.sheet.name}!{address(*at)}", *shown, "cell")


def _with_constants(content: bytes, places: dict[str, list[tuple[int, int]]]) -> bytes:
    """Return the file with the values of formulas in their place: what it was computed from before.

    The engine is trusted for a dependent formula where it gets the file's value from the values of before; their
    addresses are those of after the shift.
    """
    workbook = Workbook.open(content)
    for name, cells in places.items():
        sheet = workbook.sheet(name)
        xml = SheetXml(workbook.package.read(sheet.part), sheet.part)
        renders: dict[int, dict[int, Render]] = {}
        for row, column in cells:
            renders.setdefault(row, {})[column] = _constant(xml.prefix)
        workbook.package.write(sheet.part, xml.pieces(renders))
    return workbook.package.save()


def _constant(prefix: bytes) -> Render:
    def render(raw: bytes | None) -> bytes:
        found = markup.find(raw or b"", prefix + b"f")
        return (raw or b"") if found is None or raw is None else raw[: found.start] + raw[found.end :]

    return render
