"""Number formats as they are asked for: words and codes, checked (ECMA-376 part 1, 18.8.30 and 18.8.31)."""

from __future__ import annotations

import re

from copilot.errors import ToolInputError

#: Words for built-in formats: their ids. Those of currency and dates follow the reader's own settings in Excel.
WORDS: dict[str, int] = {
    **{"general": 0, "integer": 1, "decimal": 2, "thousands": 3, "number": 4, "currency": 7, "accounting": 44},
    **{"percent": 10, "scientific": 11, "fraction": 12, "date": 14, "time": 21, "datetime": 22, "duration": 46},
    "text": 49,
}
#: The codes of built-in formats (18.8.30) as they read in en-US.
BUILTIN: dict[int, str] = {
    **{0: "General", 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00"},
    **{5: '"$"#,##0_);\\("$"#,##0\\)', 6: '"$"#,##0_);[Red]\\("$"#,##0\\)', 7: '"$"#,##0.00_);\\("$"#,##0.00\\)'},
    **{8: '"$"#,##0.00_);[Red]\\("$"#,##0.00\\)', 12: "# ?/?", 13: "# ??/??", 14: "m/d/yyyy", 15: "d-mmm-yy"},
    **{16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss"},
    **{22: "m/d/yyyy h:mm", 37: "#,##0_);(#,##0)", 38: "#,##0_);[Red](#,##0)", 39: "#,##0.00_);(#,##0.00)"},
    **{40: "#,##0.00_);[Red](#,##0.00)", 45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0", 49: "@"},
    41: '_(* #,##0_);_(* \\(#,##0\\);_(* "-"_);_(@_)',
    42: '_("$"* #,##0_);_("$"* \\(#,##0\\);_("$"* "-"_);_(@_)',
    43: '_(* #,##0.00_);_(* \\(#,##0.00\\);_(* "-"??_);_(@_)',
    44: '_("$"* #,##0.00_);_("$"* \\(#,##0.00\\);_("$"* "-"??_);_(@_)',
}
#: Built-in formats that mean the same in every language: their codes are stored as ids.
_SAME_EVERYWHERE = (0, 1, 2, 3, 4, 9, 10, 11, 12, 13, 15, 16, 17, 18, 19, 20, 21, 45, 46, 47, 48, 49)
_IDS = {BUILTIN[number].casefold(): number for number in _SAME_EVERYWHERE}

_TOKEN = re.compile(
    r"""(?P<text>"[^"]*")|(?P<escaped>\\.)|(?P<space>_.)|(?P<fill>\*.)|(?P<bracket>\[[^\]]*\])|(?P<general>general)
    |(?P<half>am/pm|a/p|上午/下午)|(?P<power>e[+-])|(?P<digit>[0#?])|(?P<date>d+|m+|y+|h+|s+|e+|g+|b+)|(?P<at>@)
    |(?P<mark>[.,%/])|(?P<other>[^A-Za-z"\\\[\]*_])""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_BRACKET = re.compile(
    r"""\[(?:h+|m+|s+|black|blue|cyan|green|magenta|red|white|yellow|color\s?(?:[1-9]|[1-4]\d|5[0-6])
    |(?:<=|>=|<>|<|>|=)\s*-?\d+(?:[.,]\d+)?(?:e[+-]?\d+)?|\$[^\]]*|dbnum[1-4]|natnum\d+[^\]]*|~[^\]]*|ENG|JPN)\]\Z""",
    re.IGNORECASE | re.VERBOSE,
)


def builtin_id(wanted: str) -> int | None:
    """Return the id of the built-in format that a word ("percent") or a code ("0.00%") means, None for a custom one."""
    low = wanted.strip().casefold()
    return WORDS[low] if low in WORDS else _IDS.get(wanted.casefold())


def checked_code(wanted: str) -> str:
    """Return a custom format code as it is stored; raises ToolInputError "number_format" that says what is wrong."""
    if len(wanted) > 255:
        raise _bad(wanted[:40], f"has {len(wanted)} characters, and at most 255 are allowed")
    if not wanted.strip() or not wanted.isprintable():
        raise _bad(wanted, "shows nothing that can be read")
    sections = [[]]  # type: list[list[str]]
    at = 0
    while at < len(wanted):
        found = _TOKEN.match(wanted, at)
        if found is None:
            raise _unreadable(wanted, at)
        _check_bracket(wanted, found)
        if found[0] == ";":
            sections.append([])
        else:
            sections[-1].append(str(found.lastgroup))
        at = found.end()
    if len(sections) > 4:
        raise _bad(wanted, f"has {len(sections)} sections, and at most 4 are allowed (positive;negative;zero;text)")
    for kinds in sections:
        _check_section(wanted, kinds)
    return wanted


def _check_bracket(wanted: str, found: re.Match[str]) -> None:
    if found.lastgroup == "bracket" and not _BRACKET.match(found[0]):
        hint = "In brackets stand a colour ([Red]), a condition ([>=100]), a currency ([$€-407]) or hours ([h])."
        raise _bad(wanted, f"holds {found[0]}, which means nothing", hint)


def _check_section(wanted: str, kinds: list[str]) -> None:
    """Refuse what Excel refuses in one section: text beside numbers or dates, an exponent beside a date."""
    dates = "date" in kinds
    if "general" in kinds and ("digit" in kinds or dates):
        raise _bad(wanted, "mixes General with other digits or dates")
    if "at" in kinds and ("digit" in kinds or dates):
        raise _bad(wanted, "mixes @ (text) with numbers or dates in one section", 'Separate sections with ";".')
    if dates and "power" in kinds:
        raise _bad(wanted, "mixes an exponent with a date")


def _unreadable(wanted: str, at: int) -> ToolInputError:
    letter = wanted[at]
    if letter in '"[':
        return _bad(wanted, f"opens a {letter} that is not closed")
    if letter in "\\_*":
        return _bad(wanted, f"ends in {letter}, which needs a character behind it")
    if letter == "]":
        return _bad(wanted, "closes a ] that is not open")
    hint = 'Put text in quotes (0.0 "kg"); the letters of dates are d m y h s in every language.'
    return _bad(wanted, f"holds the letter {letter!r}, which means nothing", hint)


def _bad(wanted: str, why: str, hint: str = "") -> ToolInputError:
    words = ", ".join(WORDS)
    hint = hint or f'Write a code such as "#,##0.00" or "yyyy-mm-dd", or one of: {words}.'
    return ToolInputError(f"The number format {wanted!r} {why}.", hint=hint, code="number_format")
