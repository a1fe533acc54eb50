"""Words that an operation takes in more than one spelling: operators as signs, one value in place of a list."""

from __future__ import annotations

import re

_SIGNS = {
    "=": "equal",
    "==": "equal",
    "!=": "not_equal",
    "<>": "not_equal",
    ">": "greater",
    ">=": "greater_or_equal",
    "<": "less",
    "<=": "less_or_equal",
}
#: Words without spaces and _, as SpreadsheetML (18.18.22) and the conditions of an analysis spell them.
_WORDS = {
    "equals": "equal",
    "equalto": "equal",
    "notequal": "not_equal",
    "greaterthan": "greater",
    "greaterorequal": "greater_or_equal",
    "greaterthanorequal": "greater_or_equal",
    "lessthan": "less",
    "lessorequal": "less_or_equal",
    "lessthanorequal": "less_or_equal",
    "notbetween": "not_between",
    "notcontains": "not_contains",
    "startswith": "begins_with",
    "beginswith": "begins_with",
    "endswith": "ends_with",
    "notblank": "not_blank",
}


def operator_of(given: object) -> object:
    """Return an operator's own name ("greater") for a sign (">") or another spelling; anything else as it is."""
    if not isinstance(given, str):
        return given
    text = given.strip().lower()
    return _SIGNS.get(text) or _WORDS.get(re.sub(r"[\s_]", "", text)) or text


def sign_of(given: object) -> object:
    """Return an operator as a condition of an analysis spells it (">", "starts with"); anything else as it is."""
    name = operator_of(given)
    if not isinstance(name, str):
        return given
    signs = {known: sign for sign, known in reversed(_SIGNS.items())}
    return signs.get(name, "starts with" if name == "begins_with" else name.replace("_", " "))


def sort_keys(given: object) -> object:
    """Return columns to sort by, each given as a mapping or by its name alone, as mappings."""
    keys = listed(given)
    return [{"column": key} if isinstance(key, str) else key for key in keys] if isinstance(keys, list) else keys


def listed(given: object) -> object:
    """Return one value as a list of it; lists and None as they are."""
    return [given] if isinstance(given, (str, int, float)) else given
