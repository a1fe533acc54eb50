"""The Excel formula that gives the same as an analysis: SUMIFS and its kin where they can, else FILTER."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta

from copilot.documents.excel.analysis.conditions import Rule
from copilot.documents.excel.analysis.frame import Frame, Origin
from copilot.documents.excel.values import CellError, Percent, Scalar, show

_PLAIN = {
    "sum": "SUM({0})",
    "average": "AVERAGE({0})",
    "count": "COUNTA({0})",
    "min": "MIN({0})",
    "max": "MAX({0})",
    "median": "MEDIAN({0})",
    "stdev": "STDEV.S({0})",
    "variance": "VAR.S({0})",
    "blanks": "COUNTBLANK({0})",
}
_IFS = {"sum": "SUMIFS", "average": "AVERAGEIFS", "min": "MINIFS", "max": "MAXIFS"}
_LONGEST = 255  # characters of a text in a formula, and of a criterion


def figure_formula(frame: Frame, function: str, index: int | None, rules: Sequence[Rule]) -> str:
    """Return the formula for a figure over a column (None: rows) under conditions, "" where there is no short one."""
    origin = frame.origin
    if origin is None or origin.broken or not origin.here or any(rule.odd for rule in rules):
        return ""
    column = origin.place(index) if index is not None else ""
    if not rules:
        if not column:
            return f"=ROWS({origin.place(0)})" if function == "count" else ""
        return f"={_PLAIN[function].format(column)}" if function in _PLAIN else ""
    pairs = _all(_pairs(rule, origin) for rule in rules)
    if pairs is not None and function == "count":
        return f"=COUNTIFS({','.join([*pairs, *([column, _quoted('<>')] if column else [])])})"
    if pairs is not None and function in _IFS:
        return f"={_IFS[function]}({','.join([column, *pairs])})"
    masks = _all((mask,) if (mask := _mask(rule, origin)) else None for rule in rules)
    return _masked(function, column, "*".join(masks)) if masks else ""


def _masked(function: str, column: str, mask: str) -> str:
    if function == "count":
        return f'=SUMPRODUCT({mask}*({column}<>""))' if column else f"=SUMPRODUCT({mask}*1)"
    inner = _PLAIN.get(function)
    return f"={inner.format(f'FILTER({column},{mask})')}" if inner and function != "blanks" else ""


def _all(parts: object) -> list[str] | None:
    found: list[str] = []
    for part in parts:  # type: ignore[attr-defined]
        if part is None:
            return None
        found += part
    return found


def _pairs(rule: Rule, origin: Origin) -> list[str] | None:
    """Return a rule as ranges and criteria of SUMIFS; None where these can't say it."""
    if rule.operator == "all":
        return _all(_pairs(part, origin) for part in rule.parts)
    if rule.operator in ("any", "in", "not in"):
        return None
    place = origin.place(rule.index)
    criteria = _criteria(rule)
    if criteria is None or any(len(c) > _LONGEST for c in criteria):
        return None
    return [piece for criterion in criteria for piece in (place, criterion)]


_SIGNS = {"!=": "<>", "=": "=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_WILD: dict[str, Callable[[str], str]] = {
    "contains": lambda text: f"*{text}*",
    "not contains": lambda text: f"<>*{text}*",
    "starts with": lambda text: f"{text}*",
    "ends with": lambda text: f"*{text}",
}


def _settled(rule: Rule) -> tuple[str, tuple[Scalar, ...]]:
    """Return operator and values with whole days as spans: a day also means the moments in it."""
    operator, wanted = rule.operator, rule.wanted
    last = wanted[-1] if wanted else None
    if type(last) is not date or operator in ("in", "not in"):
        return operator, wanted
    after = last + timedelta(days=1) if last < date.max else last
    if operator == "=":
        return "from", (last, after)
    if operator == "between":
        return "from", (wanted[0], after)
    return {"<=": ("<", (after,)), ">": (">=", (after,))}.get(operator, (operator, wanted))


def _criteria(rule: Rule) -> list[str] | None:
    operator, wanted = _settled(rule)
    if operator in ("blank", "not blank"):
        return ['"="' if operator == "blank" else '"<>"']
    if operator in _WILD:
        return [_quoted(_WILD[operator](_escaped(str(wanted[0]))))]
    if operator == "like":
        return [_quoted(str(wanted[0]))]
    if operator in ("between", "from"):
        low = _criterion(">=", wanted[0])
        high = _criterion("<=" if operator == "between" else "<", wanted[1])
        return [low, high] if low and high else None
    made = _criterion(_SIGNS[operator], wanted[0])
    return [made] if made else None


def _criterion(sign: str, value: Scalar) -> str:
    """Return one criterion, "" where SUMIFS would compare in another way than we do."""
    if value is None or value == "":
        return f'"{sign}"' if sign in ("=", "<>") else ""
    if isinstance(value, (bool, CellError, timedelta)):
        return ""
    if isinstance(value, (date, time)):
        return _call(value) if sign == "=" else f'"{sign}"&{_call(value)}'
    if isinstance(value, (int, float)):
        return _number(value) if sign == "=" else f'"{sign}{_number(value)}"'
    text = _escaped(value)
    needs_sign = sign != "=" or text[:1] in "<>="
    return _quoted(f"{sign}{text}" if needs_sign else text)


def _call(value: Scalar) -> str:
    if isinstance(value, datetime):
        return f"(DATE({value.year},{value.month},{value.day})+TIME({value.hour},{value.minute},{value.second}))"
    if isinstance(value, date):
        return f"DATE({value.year},{value.month},{value.day})"
    return f"TIME({value.hour},{value.minute},{value.second})" if isinstance(value, time) else literal(value)


def _number(value: float) -> str:
    return show(float(value) if isinstance(value, Percent) else value)


def _escaped(text: str) -> str:
    return "".join(f"~{c}" if c in "*?~" else c for c in text)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def literal(value: Scalar) -> str:
    """Return a value as a formula writes it."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, (int, float)):
        return _number(value)
    return _call(value) if isinstance(value, (date, time)) else _quoted(show(value))


def _mask(rule: Rule, origin: Origin) -> str:
    """Return a rule as a formula that is 1 (or TRUE) row by row, "" where there is none."""
    if rule.operator in ("any", "all"):
        parts = [_mask(part, origin) for part in rule.parts]
        joined = ("+" if rule.operator == "any" else "*").join(parts)
        return "" if not all(parts) else f"(({joined})>0)" if rule.operator == "any" else f"({joined})"
    place = origin.place(rule.index)
    if rule.operator in ("in", "not in"):
        equal = "+".join(f"({place}={literal(v)})" for v in rule.wanted)
        return f"(({equal}){'>' if rule.operator == 'in' else '='}0)"
    if rule.operator in ("blank", "not blank"):
        return f'({place}{"=" if rule.operator == "blank" else "<>"}"")'
    return _mask_of_one(*_settled(rule), place)


def _mask_of_one(operator: str, wanted: Sequence[Scalar], place: str) -> str:
    if operator in ("contains", "not contains"):
        found = f"ISNUMBER(SEARCH({_quoted(_escaped(str(wanted[0])))},{place}))"
        return f"({found}*1)" if operator == "contains" else f"(1-{found})"
    if operator in ("starts with", "ends with"):
        side = "LEFT" if operator == "starts with" else "RIGHT"
        return f"({side}({place},{len(str(wanted[0]))})={_quoted(str(wanted[0]))})"
    if operator in ("between", "from"):
        return f"({place}>={literal(wanted[0])})*({place}{'<=' if operator == 'between' else '<'}{literal(wanted[1])})"
    if operator == "like":
        return ""
    if isinstance(wanted[0], str) and operator not in ("=", "!="):
        return ""
    guard = f"*ISNUMBER({place})" if operator not in ("=", "!=") else ""
    return f"({place}{_SIGNS[operator]}{literal(wanted[0])}){guard}"
