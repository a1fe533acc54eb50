"""Formula texts: checked before they are written, and searched for what they refer to."""

from __future__ import annotations

import re

from copilot.errors import ToolInputError

MAX_FORMULA = 8_192

#: Functions that came after 2007 carry a prefix in the file ([MS-XLSX] 2.2.2): without it Excel shows #NAME?.
_FUTURE = frozenset(
    [
        "ACOT",
        "ACOTH",
        "AGGREGATE",
        "ARABIC",
        "BASE",
        "BETA.DIST",
        "BETA.INV",
        "BINOM.DIST",
        "BINOM.DIST.RANGE",
        "BINOM.INV",
        "BITAND",
        "BITLSHIFT",
        "BITOR",
        "BITRSHIFT",
        "BITXOR",
        "BYCOL",
        "BYROW",
        "CEILING.MATH",
        "CEILING.PRECISE",
        "CHISQ.DIST",
        "CHISQ.DIST.RT",
        "CHISQ.INV",
        "CHISQ.INV.RT",
        "CHISQ.TEST",
        "CHOOSECOLS",
        "CHOOSEROWS",
        "COMBINA",
        "CONCAT",
        "CONFIDENCE.NORM",
        "CONFIDENCE.T",
        "COT",
        "COTH",
        "COVARIANCE.P",
        "COVARIANCE.S",
        "CSC",
        "CSCH",
        "DAYS",
        "DECIMAL",
        "DROP",
        "ENCODEURL",
        "ERF.PRECISE",
        "ERFC.PRECISE",
        "EXPAND",
        "EXPON.DIST",
        "F.DIST",
        "F.DIST.RT",
        "F.INV",
        "F.INV.RT",
        "F.TEST",
        "FILTERXML",
        "FLOOR.MATH",
        "FLOOR.PRECISE",
        "FORECAST.ETS",
        "FORECAST.LINEAR",
        "FORMULATEXT",
        "GAMMA",
        "GAMMA.DIST",
        "GAMMA.INV",
        "GAMMALN.PRECISE",
        "GAUSS",
        "HSTACK",
        "HYPGEOM.DIST",
        "IFNA",
        "IFS",
        "IMCOSH",
        "IMCOT",
        "IMCSC",
        "IMCSCH",
        "IMSEC",
        "IMSECH",
        "IMSINH",
        "IMTAN",
        "ISFORMULA",
        "ISOMITTED",
        "ISOWEEKNUM",
        "LAMBDA",
        "LET",
        "LOGNORM.DIST",
        "LOGNORM.INV",
        "MAKEARRAY",
        "MAP",
        "MAXIFS",
        "MINIFS",
        "MODE.MULT",
        "MODE.SNGL",
        "MUNIT",
        "NEGBINOM.DIST",
        "NETWORKDAYS.INTL",
        "NORM.DIST",
        "NORM.INV",
        "NORM.S.DIST",
        "NORM.S.INV",
        "NUMBERVALUE",
        "PDURATION",
        "PERCENTILE.EXC",
        "PERCENTILE.INC",
        "PERCENTRANK.EXC",
        "PERCENTRANK.INC",
        "PERMUTATIONA",
        "PHI",
        "POISSON.DIST",
        "QUARTILE.EXC",
        "QUARTILE.INC",
        "RANDARRAY",
        "RANK.AVG",
        "RANK.EQ",
        "REDUCE",
        "RRI",
        "SCAN",
        "SEC",
        "SECH",
        "SEQUENCE",
        "SHEET",
        "SHEETS",
        "SKEW.P",
        "SORTBY",
        "STDEV.P",
        "STDEV.S",
        "SWITCH",
        "T.DIST",
        "T.DIST.2T",
        "T.DIST.RT",
        "T.INV",
        "T.INV.2T",
        "T.TEST",
        "TAKE",
        "TEXTAFTER",
        "TEXTBEFORE",
        "TEXTJOIN",
        "TEXTSPLIT",
        "TOCOL",
        "TOROW",
        "UNICHAR",
        "UNICODE",
        "UNIQUE",
        "VAR.P",
        "VAR.S",
        "VSTACK",
        "WEIBULL.DIST",
        "WORKDAY.INTL",
        "WRAPCOLS",
        "WRAPROWS",
        "XLOOKUP",
        "XMATCH",
        "XOR",
        "Z.TEST",
    ]
)
_FUTURE_WORKSHEET = frozenset(("FILTER", "SORT"))
#: Functions that find their cells only when they are computed.
LATE = re.compile(r"(?i)\b(?:INDIRECT|OFFSET|CELL|INFO)\s*\(")
#: These, and functions whose value changes without an edit.
VOLATILE = re.compile(r"(?i)\b(?:TODAY|NOW|RAND|RANDBETWEEN|RANDARRAY|INDIRECT|OFFSET|CELL|INFO)\s*\(")
_STRING = re.compile(r'"(?:[^"]|"")*"|\'(?:[^\']|\'\')*\'(?=!)')
_CALL = re.compile(r"(?<![\w.])([A-Za-z][A-Za-z0-9.]*)\(")


def checked_formula(text: str) -> str:
    """Return a formula as the file stores it (newer functions with their prefix).

    Raises ToolInputError for one that can't be parsed, is too long, or starts a program (DDE).
    """
    formula = "=" + text.strip()[1:].strip()
    if len(formula) > MAX_FORMULA:
        raise ToolInputError(f"The formula is longer than {MAX_FORMULA:,} characters.", code="formula")
    if re.search(r"\w\s*\|", _STRING.sub('""', formula)):
        raise ToolInputError(f"{text!r} would start another program.", hint="Leave that out.", code="formula")
    _parse(formula)
    return with_prefixes(formula)


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
    name = match[1].upper()
    if name in _FUTURE_WORKSHEET:
        return f"_xlfn._xlws.{name}("
    return f"_xlfn.{name}(" if name in _FUTURE else match[0]


def without_prefixes(formula: str) -> str:
    """Return the formula as Excel shows it."""
    return re.sub(r"_xlfn\.(?:_xlws\.)?|_xlws\.", "", formula)


def bare(formula: str) -> str:
    """Return the formula with its string literals emptied, to search for references."""
    return re.sub(r'"(?:[^"]|"")*"', '""', formula)
