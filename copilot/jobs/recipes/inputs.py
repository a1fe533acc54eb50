"""The inputs of a recipe: what is given, brought into the types that the recipe asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from copilot.errors import ToolInputError
from copilot.jobs.recipes import filters
from copilot.jobs.recipes.filters import closest
from copilot.jobs.recipes.recipe import Input, Recipe
from copilot.jobs.recipes.values import as_text, plain

_YES = {"yes": True, "true": True, "1": True, "on": True, "no": False, "false": False, "0": False, "off": False}
_MOST_BYTES = 1_000_000


def bound(recipe: Recipe, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a value for every input: given, or its default, in its type; null for one that need not be given.

    Raises ToolInputError (code "inputs") that names everything that is missing, unknown or of another type.
    """
    wrong = [
        f"there is no input {name!r}; {closest(name, list(recipe.inputs))}"
        for name in given
        if name not in recipe.inputs
    ]
    values: dict[str, Any] = {}
    for name, wanted in recipe.inputs.items():
        value = given.get(name)
        if value is None and (value := wanted.default) is None and wanted.must_be_given:
            wrong.append(f"{name} is missing{f' ({wanted.help})' if wanted.help else ''}")
            continue
        try:
            values[name] = None if value is None else plain(_TYPES[wanted.type](value, wanted))
        except ToolInputError as error:
            wrong.append(f"{name}: {error}")
    if wrong:
        hint = "Give them like this: --input name=value"
        raise ToolInputError(f"The inputs of {recipe.name} don't fit: {'; '.join(wrong)}.", hint=hint, code="inputs")
    return values


def _no(what: str, value: Any) -> ToolInputError:
    return ToolInputError(f"{as_text(value)[:60]!r} is no {what}", code="inputs")


def _text(value: Any, wanted: Input) -> str:
    if isinstance(value, list | Mapping):
        raise _no("text", value)
    return as_text(value)


def _number(value: Any, wanted: Input) -> int | float:
    return filters.number(value, "en")


def _integer(value: Any, wanted: Input) -> int:
    found = filters.number(value, "en")
    if found != int(found):
        raise _no("whole number", value)
    return int(found)


def _boolean(value: Any, wanted: Input) -> bool:
    found = _YES.get(as_text(value).strip().lower())
    if found is None:
        raise _no("yes or no", value)
    return found


def _date(value: Any, wanted: Input) -> str:
    return filters.as_date(value).isoformat()


def _choice(value: Any, wanted: Input) -> Any:
    found = [each for each in wanted.choices if as_text(each).casefold() == as_text(value).strip().casefold()]
    if not found:
        raise ToolInputError.unknown("choice", as_text(value), [as_text(each) for each in wanted.choices])
    return found[0]


def _list(value: Any, wanted: Input) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else filters.split(value)


def _table(value: Any, wanted: Input) -> list[Any]:
    if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
        raise ToolInputError("it is a table: rows by column, as @people.csv gives them", code="inputs")
    return value


_TYPES: dict[str, Callable[[Any, Input], Any]] = {
    "text": _text,
    "file": _text,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "date": _date,
    "choice": _choice,
    "list": _list,
    "table": _table,
}


def written(pairs: list[str], recipe: Recipe, folder: Path) -> dict[str, Any]:
    """Return inputs that were written as "name=value" or "name=@file" (the text of a file; the rows of a table).

    Raises ToolInputError (code "inputs") for one without "=" and DocumentError or that for a file that can't be read.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            hint = "Give it like this: --input name=value"
            raise ToolInputError(f"{pair!r} is no input.", hint=hint, code="inputs")
        found[name.strip()] = _from_file(folder / Path(value[1:]).expanduser()) if value.startswith("@") else value
    return found


def _from_file(path: Path) -> Any:
    reader = _TABLES.get(path.suffix.lower())
    return _rows(reader, path) if reader else _text_in(path)


def _rows(module: str, path: Path) -> list[dict[str, Any]]:
    from importlib import import_module

    from copilot.jobs.sources.found import Found

    report = Found()
    rows = [values for _, values in import_module(f"copilot.jobs.sources.{module}").rows(path, report)]
    if report.skipped:
        told = "; ".join(report.lines()[1:])
        raise ToolInputError(f"{path.name} has rows that can't be used: {told}.", code="inputs")
    return rows


def _text_in(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ToolInputError(f"{path} can't be read: {error.strerror}.", code="inputs") from error
    if len(content) > _MOST_BYTES or b"\0" in content:
        raise ToolInputError(f"{path} is no text of at most {_MOST_BYTES:,} bytes.", code="inputs")
    return content.decode("utf-8-sig", "replace")


#: Files that are read as rows by column, and the module of sources/ that reads them.
_TABLES = {
    **dict.fromkeys((".csv", ".tsv"), "delimited"),
    **dict.fromkeys((".xlsx", ".xlsm"), "sheets"),
    **dict.fromkeys((".jsonl", ".ndjson"), "jsonlines"),
}
