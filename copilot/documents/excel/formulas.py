"""Formula texts: checked before they are written, and searched for what they refer to."""

from __future__ import annotations

import re

from copilot.documents.excel.functions import known
from copilot.errors import ToolInputError

MAX_FORMULA = 8_192

#: Functions that find their cells only when they are computed.
LATE = re.compile(r"(?i)\b(?:INDIRECT|OFFSET|CELL|INFO)\s*\(")
#: Functions whose value comes from the clock, from chance or from the machine.
CLOCK = re.compile(r"(?i)\b(?:TODAY|NOW|RAND|RANDBETWEEN|RANDARRAY|CELL|INFO|RTD|WEBSERVICE|STOCKHISTORY)\s*\(")
_STRING = re.compile(r'"(?:[^"]|"")*"|\'(?:[^\']|\'\')*\'(?=!)')
_CALL = re.compile(r"(?<![\w.])([A-Za-z][A-Za-z0-9.]*)\(")


def checked_formula(text: str) -> str:
    """Return a formula as the file stores it, as far as that can be told without the workbook.

    Newer functions get their prefix, `A1#` becomes ANCHORARRAY(A1). Raises ToolInputError for one that can't be
    parsed, is too long, or starts a program (DDE). What it refers to is for `checking.FormulaCheck`.
    """
    formula = _anchored("=" + text.strip()[1:].strip())
    if len(formula) > MAX_FORMULA:
        raise ToolInputError(f"The formula is longer than {MAX_FORMULA:,} characters.", code="formula")
    if re.search(r"\w\s*\|", _STRING.sub('""', formula)):
        raise ToolInputError(f"{text!r} would start another program.", hint="Leave that out.", code="formula")
    _parse(formula)
    return with_prefixes(formula)


def _anchored(formula: str) -> str:
    """Return the formula with `A1#`, the cells that A1 spills over, as files store it ([MS-XLSX] 2.2.2)."""
    if "#" not in formula:
        return formula
    pieces = re.split(r'("(?:[^"]|"")*")', formula)
    pieces[::2] = [_SPILL.sub(r"_xlfn.ANCHORARRAY(\1)", piece) for piece in pieces[::2]]  # what is no string
    return "".join(pieces)


_SPILL = re.compile(r"((?:'(?:[^']|'')+'!|[\w.]+!)?\$?[A-Za-z]{1,3}\$?[0-9]{1,7})#(?![\w/])")


def _parse(formula: str) -> None:
    problem = _tokenizer_problem(formula)
    try:
        import formualizer
    except ImportError:
        formualizer = None  # type: ignore[assignment]
    if not problem and formualizer is not None:
        try:
            formualizer.parse(formula)
        except (formualizer.ParserError, formualizer.TokenizerError) as error:
            problem = str(error)
    if problem:
        hint = "Use English function names, commas between arguments, and close every bracket and quote."
        raise ToolInputError(f"{formula!r} is no formula: {problem.rstrip('.')}.", hint=hint, code="formula")


def _tokenizer_problem(formula: str) -> str:
    from openpyxl.formula import Tokenizer
    from openpyxl.formula.tokenizer import TokenizerError

    try:
        tokens = Tokenizer(formula).items
    except (TokenizerError, IndexError) as error:
        return str(error) or "it breaks off"
    depth = 0
    for token in tokens:
        depth += {"OPEN": 1, "CLOSE": -1}.get(token.subtype, 0)
        if depth < 0:
            return "a bracket closes that was not opened"
    if depth:
        return "a bracket is not closed"
    last = [t for t in tokens if t.type != "WHITE-SPACE"]
    if not last or last[-1].type == "OPERATOR-INFIX":
        return "it ends with an operator" if last else "it is empty"
    return ""


def with_prefixes(formula: str) -> str:
    """Return the formula with `_xlfn.` before the functions that came after the file format."""
    kept: list[str] = []

    def hide(match: re.Match[str]) -> str:
        kept.append(match[0])
        return f"\x00{len(kept) - 1}\x01"

    hidden = _STRING.sub(hide, formula)
    prefixed = _CALL.sub(_prefixed, hidden)
    return re.sub("\x00(\\d+)\x01", lambda m: kept[int(m[1])], prefixed)


def _prefixed(match: re.Match[str]) -> str:
    function = known().get(match[1].upper())
    return f"{function.prefix}{function.name}(" if function is not None and function.prefix else match[0]


def without_prefixes(formula: str) -> str:
    """Return the formula as Excel shows it."""
    return re.sub(r"_xlfn\.(?:_xlws\.)?|_xlws\.|_xlpm\.|_xludf\.", "", formula)


def bare(formula: str) -> str:
    """Return the formula with its string literals emptied, to search for references."""
    return re.sub(r'"(?:[^"]|"")*"', '""', formula)
