"""Data validation (18.3.1.32): what may be typed into cells; put on a range, taken off it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Annotated, Literal

from pydantic import BeforeValidator

from copilot.documents.excel import elements, markup
from copilot.documents.excel.cells import SheetReader
from copilot.documents.excel.checking import check_rules
from copilot.documents.excel.formulas import checked_formula
from copilot.documents.excel.names import written
from copilot.documents.excel.places import place
from copilot.documents.excel.refs import Area, quote_sheet, split_sheet
from copilot.documents.excel.saving import saved
from copilot.documents.excel.spellings import listed, operator_of
from copilot.documents.excel.sqrefs import Rule, classic, extended, recounted, spelled
from copilot.documents.excel.stylesheet import element
from copilot.documents.excel.values import Scalar, to_serial, typed
from copilot.documents.excel.workbook import Sheet, Workbook
from copilot.documents.hunks import Edited, Hunk
from copilot.errors import ToolInputError

Kind = Literal["list", "whole", "decimal", "date", "time", "text_length", "custom"]
Comparison = Annotated[
    Literal["between", "not_between", "equal", "not_equal", "greater", "greater_or_equal", "less", "less_or_equal"],
    BeforeValidator(operator_of),
]
Values = Annotated[list[str | int | float | bool], BeforeValidator(listed)]
#: How the file spells kinds (18.18.21) and operators (18.18.22).
_KINDS = {"text_length": "textLength"}
OPERATORS: dict[str, str] = {
    "between": "between",
    "not_between": "notBetween",
    "equal": "equal",
    "not_equal": "notEqual",
    "greater": "greaterThan",
    "greater_or_equal": "greaterThanOrEqual",
    "less": "lessThan",
    "less_or_equal": "lessThanOrEqual",
}
_TESTS: dict[str, Callable[[float, float, float], bool]] = {
    "between": lambda x, a, b: a <= x <= b,
    "not_between": lambda x, a, b: not a <= x <= b,
    "equal": lambda x, a, _: x == a,
    "not_equal": lambda x, a, _: x != a,
    "greater": lambda x, a, _: x > a,
    "greater_or_equal": lambda x, a, _: x >= a,
    "less": lambda x, a, _: x < a,
    "less_or_equal": lambda x, a, _: x <= a,
}
#: The extension that holds validations whose ranges Excel 2007 could not name ([MS-XLSX] 2.3.4).
URI = "{CCE6A557-97BC-4b89-ADB6-D9C93CAAB3DF}"
_GROUP = b"dataValidations"
MAX_LIST = 255


def data_validation(
    content: bytes,
    range: str,
    kind: Kind,
    sheet: str = "",
    operator: Comparison = "between",
    values: Values | None = None,
    source: str = "",
    formula: str = "",
    allow_blank: bool = True,
    error_title: str = "",
    error: str = "",
    style: Literal["stop", "warning", "information"] = "stop",
    prompt_title: str = "",
    prompt: str = "",
) -> Edited:
    """Limit what may be typed into a range: a list, numbers, dates, times or text lengths between bounds, a formula.

    A list is given by `values`, or by `source` (a range, "=Name" or a formula); the others by `operator` and one or
    two `values` (a number, a date, "=A1"), custom by `formula` as it reads in the first cell. What applied to these
    cells before is taken off them. Values that break the rule are counted in a warning. Raises ToolInputError: a list
    of more than 255 letters, a missing or wrong bound.
    """
    workbook = Workbook.open(content)
    found, area = place(workbook, range, sheet or None, most=0)
    test = formula if not formula or formula.startswith("=") else f"={formula}"
    check_rules(workbook, found, (area.top, area.left), [*(values or []), source, test])
    texts = _formulas(workbook, found, kind, operator, values or [], source, formula)
    message = {"errorTitle": (error_title, 32), "error": (error, 255), "promptTitle": (prompt_title, 32)}
    told = _messages({**message, "prompt": (prompt, 255)})
    data, prefix, _ = _without(workbook, found, area)
    made = _element(prefix, kind, operator, texts, spelled([area]), allow_blank, style, told)
    data = _put(data, prefix, made)
    workbook.package.write(found.part, data)
    allowed = values or _listed_in(workbook, found, kind, source)
    warnings = _broken(workbook, found, area, kind, operator, allowed)
    words = _words(kind, operator, texts)
    return saved(workbook, [Hunk(f"{found.name}!{area}", "", words, "format")], [found.part], warnings)


def _messages(given: dict[str, tuple[str, int]]) -> dict[str, str]:
    for name, (text, most) in given.items():
        if len(text) > most:
            words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
            message = f"The {words} has {len(text)} characters, and at most {most} are allowed."
            raise ToolInputError(message, hint="Shorten it.", code="value")
    return {name: markup.encode_xstring(text) for name, (text, _) in given.items() if text}


def _formulas(
    workbook: Workbook,
    sheet: Sheet,
    kind: str,
    operator: str,
    values: list[str | int | float | bool],
    source: str,
    formula: str,
) -> list[str]:
    """Return the one or two formulas of the rule as the file stores them."""
    if kind == "custom":
        if not formula:
            raise ToolInputError("A custom rule needs a formula.", hint='Such as "=ISNUMBER(A1)".', code="arguments")
        return [checked_formula(formula if formula.startswith("=") else f"={formula}")[1:]]
    if kind == "list":
        return [_source(workbook, sheet, source or formula) if source or formula else _list(values)]
    wanted = 2 if operator in ("between", "not_between") else 1
    if len(values) != wanted:
        message = f"{operator} needs {wanted} value{'s' if wanted > 1 else ''}, and {len(values)} are given."
        raise ToolInputError(
            message, hint='A value is a number, a date such as "2026-03-01", or "=B2".', code="arguments"
        )
    bounds = [bound(value, kind, date1904=workbook.date1904) for value in values]
    numbers = [float(text) for text in bounds if re.fullmatch(r"-?[\d.]+(?:[eE][+-]?\d+)?", text)]
    if len(numbers) == 2 and numbers[0] > numbers[1]:
        message = f"The lower bound {values[0]} is above the upper one {values[1]}."
        raise ToolInputError(message, hint="Exchange them.", code="value")
    return bounds


def _list(values: list[str | int | float | bool]) -> str:
    """Return the items of a list as the file stores them: in one string, which can't hold commas within an item."""
    items = [_item(value) for value in values]
    if not items:
        raise ToolInputError("The list is empty.", hint="Give values, or a range as source.", code="arguments")
    text = ",".join(items)
    if len(text) > MAX_LIST:
        hint = "Write the items into cells and give that range as source."
        message = f"The list has {len(text)} letters, and Excel takes at most {MAX_LIST}."
        raise ToolInputError(message, hint=hint, code="list_too_long")
    wrong = next((item for item in items if "," in item or item != item.strip() or not item), None)
    if wrong is not None:
        hint = "Write the items into cells and give that range as source."
        raise ToolInputError(f"The item {wrong!r} can't stand in a list like this.", hint=hint, code="value")
    return '"' + text.replace('"', '""') + '"'


def _item(value: str | int | float | bool) -> str:
    return (
        str(value).upper() if isinstance(value, bool) else f"{value:.15g}" if isinstance(value, float) else str(value)
    )


def _source(workbook: Workbook, sheet: Sheet, source: str) -> str:
    if source.startswith("="):
        return checked_formula(source)[1:]
    own, bare = split_sheet(source)
    found, area = workbook.sheet(own or sheet.name), Area.parse(bare)
    if area.height > 1 and area.width > 1:
        message = f"A list comes from one column or one row, and {source!r} is neither."
        raise ToolInputError(message, hint="Choose one column of it.", code="address")
    named = "" if found.name == sheet.name else f"{quote_sheet(found.name)}!"
    return named + written(area)


def bound(value: str | int | float | bool, kind: str, *, date1904: bool) -> str:
    """Return a bound as a formula: "=B2" without its sign, a number or date as its serial number.

    Raises ToolInputError for what is none of the kind.
    """
    if isinstance(value, str) and value.startswith("="):
        return checked_formula(value)[1:]
    found: Scalar = typed(value)
    if isinstance(found, (date, datetime, time)) and kind in ("date", "time", "decimal"):
        found = to_serial(found, date1904=date1904)
    whole = kind in ("whole", "text_length")
    if isinstance(found, bool) or not isinstance(found, (int, float)) or (whole and found != int(found)):
        words = {"whole": "whole number", "text_length": "whole number", "decimal": "number"}.get(kind, kind)
        raise ToolInputError(f"{value!r} is no {words}.", hint='Give one, or a formula such as "=B2".', code="value")
    return str(int(found)) if found == int(found) else repr(float(found))


def _listed_in(workbook: Workbook, sheet: Sheet, kind: str, source: str) -> list[str | int | float | bool]:
    """Return what stands in the range that a list comes from; nothing for a name or a formula."""
    if kind != "list" or not source or source.startswith("="):
        return []
    own, bare = split_sheet(source)
    reader = SheetReader(workbook, workbook.sheet(own or sheet.name))
    found = [cell.value for _, cells in reader.rows(Area.parse(bare)) for cell in cells]
    return [value if isinstance(value, (str, int, float, bool)) else str(value) for value in found]


def _element(
    prefix: bytes,
    kind: str,
    operator: str,
    texts: list[str],
    sqref: str,
    blank: bool,
    style: str,
    told: dict[str, str],
) -> bytes:
    compared = kind not in ("list", "custom") and operator != "between"
    attributes = {
        "type": _KINDS.get(kind, kind),
        "errorStyle": style if style != "stop" else None,
        "operator": OPERATORS[operator] if compared else None,
        "allowBlank": "1" if blank else None,
        "showInputMessage": "1",
        "showErrorMessage": "1",
        **told,
        "sqref": sqref,
    }
    inner = b"".join(
        element(prefix, f"formula{n}", None, markup.escape(markup.encode_xstring(text)).encode())
        for n, text in enumerate(texts, 1)
    )
    return element(prefix, "dataValidation", attributes, inner)


def _words(kind: str, operator: str, texts: list[str]) -> str:
    compared = "" if kind in ("list", "custom") else f" {operator.replace('_', ' ')}"
    return f"only {kind.replace('_', ' ')}{compared}: {' and '.join(texts)}"


def _put(data: bytes, prefix: bytes, made: bytes) -> bytes:
    group = elements.get(data, prefix, _GROUP)
    if group is None:
        return elements.put(data, prefix, _GROUP, element(prefix, _GROUP.decode(), {"count": "1"}, made))
    return _counted(markup.insert_into(data, group, prefix + _GROUP, made), prefix)


def _counted(data: bytes, prefix: bytes) -> bytes:
    """Return the sheet with the right count of validations, and without the group if it is empty."""
    group = elements.get(data, prefix, _GROUP)
    if group is None:
        return data
    count = len(list(markup.find_all(data, prefix + b"dataValidation", group.inner, group.close)))
    if count == 0:
        return elements.drop(data, prefix, _GROUP)
    return markup.replace_tag(data, group, markup.with_attribute(data[group.start : group.inner], b"count", str(count)))


def _all(rule: Rule) -> tuple[bytes, bytes]:
    return rule.raw, b""


def _without(workbook: Workbook, sheet: Sheet, area: Area) -> tuple[bytes, bytes, list[Rule]]:
    """Return the sheet's part with no validation on the area, its prefix, and the rules that lost cells."""
    data = markup.plain(workbook.package.read(sheet.part), sheet.part)
    prefix = markup.prefix_of(data)
    cut = []
    for of_2010 in (True, False):  # the extension lies behind: positions before it stay
        found = (
            extended(data, prefix, URI, b"dataValidation")
            if of_2010
            else classic(data, prefix, b"dataValidation", _GROUP)
        )
        for where, rule in reversed(found):
            if any(a.overlaps(area) for a in rule.areas):
                cut.append(rule)
                data = data[: where.start] + b"".join(rule.without(area, _all)) + data[where.end :]
        data = recounted(data, prefix, URI) if of_2010 else _counted(data, prefix)
    return data, prefix, cut


def clear_validation(content: bytes, range: str, sheet: str = "") -> Edited:
    """Take data validation off a range; other cells of the same rules keep it.

    Raises ToolInputError when there is none.
    """
    workbook = Workbook.open(content)
    found, area = place(workbook, range, sheet or None, most=0)
    data, _, cut = _without(workbook, found, area)
    if not cut:
        raise ToolInputError(f"{found.name}!{area} has no data validation.", code="unchanged")
    workbook.package.write(found.part, data)
    before = f"{len(cut)} rule{'s' if len(cut) > 1 else ''} on {', '.join(rule.sqref for rule in cut)[:200]}"
    return saved(workbook, [Hunk(f"{found.name}!{area}", before, "", "format")], [found.part])


def _broken(
    workbook: Workbook, sheet: Sheet, area: Area, kind: str, operator: str, values: list[str | int | float | bool]
) -> list[str]:
    """Return a warning that counts the cells whose value the rule would not let in; formulas are not judged."""
    if kind == "custom" or not values or any(isinstance(v, str) and v.startswith("=") for v in values):
        return []
    reader = SheetReader(workbook, sheet)
    wrong = [
        cell.address
        for _, cells in reader.rows(area)
        for cell in cells
        if not _fits(cell.value, kind, operator, values, date1904=workbook.date1904)
    ]
    if not wrong:
        return []
    more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
    word = "cell holds" if len(wrong) == 1 else "cells hold"
    return [f"{len(wrong)} {word} a value that the rule does not allow: {', '.join(wrong[:5])}{more}."]


def _fits(value: Scalar, kind: str, operator: str, values: list[str | int | float | bool], *, date1904: bool) -> bool:
    if kind == "list":
        shown = [_item(v).casefold() for v in values]
        return (_item(value) if isinstance(value, (str, float, bool)) else str(value)).casefold() in shown
    if kind == "text_length":
        number = float(len(str(value)))
    elif isinstance(value, (bool, str)) or value is None:
        return False
    else:
        number = float(value) if isinstance(value, (int, float)) else float(to_serial(value, date1904=date1904))
    if kind == "whole" and number != int(number):
        return False
    bounds = [float(bound(v, kind, date1904=date1904)) for v in values]
    return _TESTS[operator](number, bounds[0], bounds[-1])


#: The operations of this module.
OPERATIONS = (data_validation, clear_validation)
