"""Equations (Office Math, ECMA-376 part 1, 22.1) as LaTeX, and as linear text for searching."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable

from copilot.documents.word import maths_signs as signs
from copilot.documents.word.names import Element, child, children, descend, is_on, name, value

_DEPTH = 60  # deeper nesting is shown as its bare characters
_COMMAND = re.compile(r"\\[A-Za-z]+\Z")
_NEXT_LINE = " \\\\ "
_WORD = re.compile(r"[A-Za-z]+\Z")


def linear(element: Element, depth: int = 0) -> str:
    """Return an equation in one line: fractions as (a)/(b), powers as x^(2), roots as √(x)."""
    kind = name(element)
    if kind in ("m:t", "w:t"):
        return element.text or ""
    if depth > _DEPTH:
        return "".join(str(t) for t in element.itertext())
    return _shaped(element, kind, depth + 1)


def _shaped(element: Element, kind: str, depth: int) -> str:
    def part(wanted: str) -> str:
        found = child(element, f"m:{wanted}")
        return "" if found is None else linear(found, depth)

    if kind == "m:f":
        return f"{_group(part('num'))}/{_group(part('den'))}"
    if kind in ("m:sSup", "m:sSub", "m:sSubSup", "m:nary", "m:limLow", "m:limUpp"):
        below, above = part("sub") or (part("lim") if kind == "m:limLow" else ""), part("sup")
        above = above or (part("lim") if kind == "m:limUpp" else "")
        scripts = (f"_{_group(below)}" if below else "") + (f"^{_group(above)}" if above else "")
        return f"{_sign(element)}{scripts} {part('e')}" if kind == "m:nary" else f"{part('e')}{scripts}"
    if kind == "m:rad":
        return f"{part('deg')}√{_group(part('e'), always=True)}"
    if kind == "m:d":
        inner = "|".join(linear(e, depth) for e in children(element, "m:e"))
        return f"({inner})"
    if kind in ("m:m", "m:eqArr"):
        return "; ".join(linear(row, depth) for row in children(element, "m:mr", "m:e"))
    if kind.endswith("Pr") or kind == "w:del":
        return ""
    return "".join(linear(each, depth) for each in element)


def _group(text: str, *, always: bool = False) -> str:
    return text if len(text) <= 1 and not always else f"({text})"


def _sign(element: Element) -> str:
    """Return the operator of a sum, product or integral; the integral is the default (22.1.2.20)."""
    return value(child(child(element, "m:naryPr"), "m:chr")) or "∫"


# LaTeX


def latex(element: Element) -> str:
    """Return an equation (`m:oMath` or `m:oMathPara`) as LaTeX without its dollar signs, "" for an empty one.

    Several equations of one paragraph stand on lines of their own ("\\\\"). What lies too deep, or is none of the
    elements of 22.1.2, comes as its characters.
    """
    if name(element) == "m:oMathPara":
        lines = [_latex(each, 0).strip() for each in children(element, "m:oMath")]
        return _NEXT_LINE.join(line for line in lines if line)
    return _latex(element, 0).strip()


def _latex(element: Element | None, depth: int) -> str:
    """Return an element as LaTeX, "" for a missing one."""
    if element is None:
        return ""
    kind = name(element)
    if depth > _DEPTH:
        return _characters("".join(str(text) for text in element.itertext()))
    if (form := _FORMS.get(kind)) is not None:
        return form(element, depth + 1)
    if kind.endswith("Pr") or kind in ("w:del", "w:moveFrom", ""):
        return ""
    return _inside(element, depth + 1)


def _inside(element: Element, depth: int) -> str:
    return _joined(_latex(each, depth) for each in element)


def _joined(parts: Iterable[str]) -> str:
    """Return pieces side by side; a command is kept apart from a letter behind it."""
    text = ""
    for part in parts:
        apart = part[:1].isalnum() and _COMMAND.search(text) is not None
        text += f" {part}" if apart else part
    return text


def _part(element: Element, wanted: str, depth: int) -> str:
    return _latex(child(element, f"m:{wanted}"), depth).strip()


def _setting(element: Element, wanted: str, default: str) -> str:
    """Return a property (`m:fPr`'s `m:type` ...); an empty one is a choice, too (22.1.2.14: no delimiter)."""
    found = descend(element, f"{name(element)}Pr", f"m:{wanted}")
    given = value(found)
    return default if found is None else "" if given is None else given


def _is_set(element: Element, wanted: str) -> bool:
    return bool(is_on(descend(element, f"{name(element)}Pr", f"m:{wanted}")))


def _characters(text: str) -> str:
    """Return characters as LaTeX writes them: Greek and signs as commands, its own special ones escaped."""
    plain = (c if c in signs.SYMBOLS else unicodedata.normalize("NFKC", c) for c in text)
    return _joined(signs.SYMBOLS.get(c, c) for c in "".join(plain))


def _run(element: Element, depth: int) -> str:
    """Return a run: upright text as it is, else with its alphabet (22.1.2.87, 22.1.2.96, 22.1.2.111)."""
    text = "".join(each.text or "" for each in children(element, "m:t", "w:t"))
    properties = child(element, "m:rPr")
    if text and (name(element) == "w:r" or is_on(child(properties, "m:nor"))):
        return f"\\text{{{signs.escaped(text)}}}"
    shown = _characters(text)
    alphabet = signs.ALPHABETS.get(value(child(properties, "m:scr")) or "")
    if not alphabet and value(child(properties, "m:sty")) in ("b", "bi"):
        alphabet = "boldsymbol" if "\\" in shown else "mathbf"
    return f"\\{alphabet}{{{shown.strip()}}}" if alphabet and shown.strip() else shown


def _fraction(element: Element, depth: int) -> str:
    over, under = _part(element, "num", depth), _part(element, "den", depth)
    kind = _setting(element, "type", "bar")
    if kind in ("lin", "skw"):
        return f"{{{over}}}/{{{under}}}"
    return f"\\genfrac{{}}{{}}{{0pt}}{{}}{{{over}}}{{{under}}}" if kind == "noBar" else f"\\frac{{{over}}}{{{under}}}"


def _scripts(element: Element, depth: int) -> str:
    below, above = _part(element, "sub", depth), _part(element, "sup", depth)
    scripts = (f"_{{{below}}}" if below else "") + (f"^{{{above}}}" if above else "")
    base = _part(element, "e", depth)
    if name(element) == "m:sPre":
        return f"{{}}{scripts}{base}"
    return f"{base}{scripts}" if len(base) == 1 or _COMMAND.fullmatch(base) else f"{{{base}}}{scripts}"


def _radical(element: Element, depth: int) -> str:
    degree = "" if _is_set(element, "degHide") else _part(element, "deg", depth)
    return f"\\sqrt{f'[{degree}]' if degree else ''}{{{_part(element, 'e', depth)}}}"


def _nary(element: Element, depth: int) -> str:
    sign = _setting(element, "chr", "∫") or "∫"
    shown = signs.OPERATORS.get(sign) or _characters(sign)
    integral = sign in "∫∬∭∮∯∰"
    limits = "\\limits" if integral and _setting(element, "limLoc", "subSup") == "undOvr" else ""
    below = "" if _is_set(element, "subHide") else _part(element, "sub", depth)
    above = "" if _is_set(element, "supHide") else _part(element, "sup", depth)
    scripts = (f"_{{{below}}}" if below else "") + (f"^{{{above}}}" if above else "")
    return f"{shown}{limits if scripts else ''}{scripts} {_part(element, 'e', depth)}"


def _delimited(element: Element, depth: int) -> str:
    begin, end = _setting(element, "begChr", "("), _setting(element, "endChr", ")")
    inner = list(children(element, "m:e"))
    alone = _only(inner[0]) if len(inner) == 1 else None
    kind = name(alone) if alone is not None else ""
    if alone is not None and kind == "m:m" and (matrix := signs.MATRICES.get(begin + end)):
        return _grid(alone, matrix, depth)
    if alone is not None and kind == "m:eqArr" and (begin, end) == ("{", ""):
        return _grid(alone, "cases", depth)
    if alone is not None and kind == "m:f" and begin + end == "()" and _setting(alone, "type", "bar") == "noBar":
        return f"\\binom{{{_part(alone, 'num', depth)}}}{{{_part(alone, 'den', depth)}}}"
    separator = _characters(_setting(element, "sepChr", "|"))
    middle = f" \\middle{separator} " if separator in ("|", "/") else separator
    shown = middle.join(_latex(each, depth).strip() for each in inner)
    if begin and end and "\\" not in shown:  # nothing in it is tall
        return _joined([_delimiter(begin), shown, _delimiter(end)])
    return _joined([f"\\left{_delimiter(begin)}", f"{shown}\\right{_delimiter(end)}"])


def _only(element: Element) -> Element | None:
    """Return the one thing that an argument holds, None when there are several."""
    held = [each for each in element if not name(each).endswith("Pr") and name(each)]
    return held[0] if len(held) == 1 else None


def _delimiter(sign: str) -> str:
    plain = unicodedata.normalize("NFKC", sign)
    return signs.DELIMITERS.get(plain, _characters(plain)) if sign else "."


def _grid(element: Element, environment: str, depth: int) -> str:
    """Return the rows of a matrix or an array; an `&` in the lines of an array aligns them (22.1.2.34)."""
    rows = []
    for row in children(element, "m:mr", "m:e"):
        if name(row) == "m:mr":
            rows.append(" & ".join(_latex(cell, depth).strip() for cell in children(row, "m:e")))
        else:
            rows.append(_latex(row, depth).strip().replace("\\&", "&"))
    return f"\\begin{{{environment}}}{_NEXT_LINE.join(rows)}\\end{{{environment}}}"


def _matrix(element: Element, depth: int) -> str:
    return _grid(element, "matrix", depth)


def _array(element: Element, depth: int) -> str:
    return _grid(element, "aligned", depth)


def _accent(element: Element, depth: int) -> str:
    sign = _setting(element, "chr", "\u0302") or "\u0302"
    inner = _part(element, "e", depth)
    command = signs.ACCENTS.get(sign)
    if command is None:
        return f"\\overset{{{_characters(sign)}}}{{{inner}}}"
    return f"\\{signs.WIDE.get(command, command) if len(inner) > 1 and inner[0] != chr(92) else command}{{{inner}}}"


def _bar(element: Element, depth: int) -> str:
    """Return a line above or below; below is the default (22.1.2.7)."""
    command = "overline" if _setting(element, "pos", "bot") == "top" else "underline"
    return f"\\{command}{{{_part(element, 'e', depth)}}}"


def _grouped(element: Element, depth: int) -> str:
    """Return what has a sign above or below it: by default a brace below (22.1.2.41)."""
    sign, above = _setting(element, "chr", "\u23df"), _setting(element, "pos", "bot") == "top"
    inner = _part(element, "e", depth)
    if command := signs.BRACES.get(sign):
        return f"\\{command}{{{inner}}}"
    return f"\\{'overset' if above else 'underset'}{{{_characters(sign).strip()}}}{{{inner}}}" if sign else inner


def _limit(element: Element, depth: int) -> str:
    base, limit = _part(element, "e", depth), _part(element, "lim", depth)
    low = name(element) == "m:limLow"
    braced = base.startswith(("\\underbrace", "\\overbrace"))
    named = _named(base) if _WORD.match(base) else base
    if braced or named.lstrip("\\") in signs.LIMITS:
        return f"{named}{'_' if low else '^'}{{{limit}}}"
    return f"\\{'underset' if low else 'overset'}{{{limit}}}{{{base}}}"


def _function(element: Element, depth: int) -> str:
    called = _part(element, "fName", depth)
    return f"{_named(called) if _WORD.match(called) else called} {_part(element, 'e', depth)}"


def _named(word: str) -> str:
    """Return the name of a function: a command of LaTeX where there is one."""
    return f"\\{word}" if word in signs.FUNCTIONS else f"\\operatorname{{{word}}}"


def _phantom(element: Element, depth: int) -> str:
    """Return what takes room without being shown; `m:show` is on by default (22.1.2.81)."""
    inner, show = _part(element, "e", depth), descend(element, "m:phantPr", "m:show")
    return f"\\phantom{{{inner}}}" if is_on(show) is False else inner


def _boxed(element: Element, depth: int) -> str:
    return f"\\boxed{{{_part(element, 'e', depth)}}}"


_FORMS: dict[str, Callable[[Element, int], str]] = {
    "m:r": _run,
    "w:r": _run,
    "m:f": _fraction,
    **dict.fromkeys(("m:sSup", "m:sSub", "m:sSubSup", "m:sPre"), _scripts),
    "m:rad": _radical,
    "m:nary": _nary,
    "m:d": _delimited,
    "m:m": _matrix,
    "m:eqArr": _array,
    "m:acc": _accent,
    "m:bar": _bar,
    "m:groupChr": _grouped,
    "m:limLow": _limit,
    "m:limUpp": _limit,
    "m:func": _function,
    "m:phant": _phantom,
    "m:borderBox": _boxed,
}
