"""How the skill shows what it found to a model and a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from copilot.documents import excel
from copilot.documents.excel.values import show, show_number
from copilot.documents.segments import Outline
from copilot.plugins.tools import Result

from .parameters import Scalar

_SHOWN = 100  # rows of one result


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = ["| " + " | ".join(_cell(c) for c in columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(_cell(v) for v in row) + " |" for row in rows]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", "<br>")


def sheets(name: str, outline: Outline) -> str:
    """Return the sheets with their ranges, columns and tables."""
    lines = [f"{name} has {_count(len(outline.sheets), 'sheet')}:"]
    for sheet in outline.sheets:
        hidden = " (hidden)" if sheet.hidden else ""
        columns = f"; columns: {', '.join(sheet.columns)}" if sheet.columns else ""
        lines.append(f"- **{sheet.name}**{hidden}: {sheet.used or 'empty'}{columns}")
        lines += [f"  - {what}" for what in sheet.holds]
        lines += [f"  - table {t.name} at {t.ref}: {', '.join(t.columns)}" for t in sheet.tables]
    return "\n".join(lines)


def rows(name: str, found: excel.Rows, what: str) -> str:
    """Return rows with their row numbers in the sheet, the first hundred of them."""
    region = found.region
    place = f"{name}, {region.table or region.where}"
    shown = excel.Rows(region, found.rows[:_SHOWN], found.matched)
    texts = [[str(n), *row] for n, row in zip(shown.rows, shown.texts(), strict=True)]
    parts = [f"{what} in {place}:", table(["row", *region.columns], texts)] if texts else [f"{what} in {place}."]
    if len(found.rows) > _SHOWN:
        parts.append(f"The first {_SHOWN} of {len(found.rows)} rows.")
    return "\n\n".join([*parts, *found.notes, *region.grid.notes])


def facts(columns: Sequence[excel.ColumnFacts]) -> str:
    """Return what each column holds as a table."""
    head = ["column", "type", "filled", "blank", "distinct", "min", "max", "mean", "examples"]
    lines = [
        [
            f"{c.name} ({c.letter})",
            c.kind + (f", {c.formulas} formulas" if c.formulas else ""),
            str(c.count),
            str(c.blank),
            str(c.distinct),
            show(c.minimum),
            show(c.maximum),
            show(c.mean),
            ", ".join(c.examples)[:120],
        ]
        for c in columns
    ]
    return table(head, lines)


def figure(name: str, region: excel.Region, found: excel.Aggregate) -> str:
    """Return a computed figure with its place, what was left out, and the formula that gives the same."""
    of = "rows" if found.column == "rows" else found.column
    condition = f" where {found.where}" if found.where else ""
    place = f"{name}, {region.table or region.where}, {_count(found.rows, 'row')}"
    value = "no value" if found.value is None else _value(found.value)
    head = f"{_word(found.function)} of {of}{condition}: **{value}** ({place})"
    parts = [head]
    if found.groups:
        parts.append(table(["group", found.function, "rows"], [[g, _value(v), str(n)] for g, v, n in found.groups]))
    if found.formula:
        parts.append(f"The same in Excel: `{found.formula}`")
    return "\n\n".join([*parts, *found.notes, *region.grid.notes])


def _value(value: object) -> str:
    if isinstance(value, float):
        return show_number(value)
    return show(value)  # type: ignore[arg-type]


def _word(function: str) -> str:
    return function.replace("_", " ").capitalize()


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def problems(name: str, found: Sequence[excel.Problem]) -> str:
    """Return the cells that show an error, and that every formula is up to date."""
    if not found:
        return f"All formulas of {name} are up to date, and none shows an error."
    lines = [f"- {p.where} shows {p.error}{f': `{p.formula}`' if p.formula else ''}" for p in found[:_SHOWN]]
    more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    return "\n".join(
        [f"All formulas of {name} are up to date; {_count(len(found), 'cell')} with an error:", *lines, *more]
    )


def analysis(name: str, found: excel.Analysis) -> str:
    """Return the result of an analysis as a table, with the formula that gives the same, notes and sources."""
    formula = f"The same in Excel: `{found.formula}`" if found.formula else ""
    source = f"From {name}: {'; '.join(found.sources)}." if found.sources else ""
    return "\n\n".join(text for text in (found.markdown(_SHOWN), formula, *found.notes, source) if text)


def named_files(steps: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the other workbooks that the steps of an analysis name."""
    sources = [step.get("right") for step in steps]
    names = [source.get("file") for source in (*sources, *steps) if isinstance(source, Mapping)]
    return list(dict.fromkeys(name for name in names if isinstance(name, str) and name))


def row_result(name: str, found: excel.Rows, what: str) -> Result:
    """Return rows as what a tool returns: a table for people, values by column for scripts."""
    data = {
        "sheet": found.region.sheet,
        "columns": list(found.region.columns),
        "rows": found.values(),
        "row_numbers": list(found.rows),
        "matched": found.matched,
        "notes": [*found.notes, *found.region.grid.notes],
    }
    return Result(rows(name, found, what), data, (f"{name}, {found.region.where}",))


def plain(value: object) -> Scalar:
    """Return a value as a JSON type: dates and times as words."""
    return value if value is None or isinstance(value, (bool, int, float, str)) else show(value)  # type: ignore[arg-type]
