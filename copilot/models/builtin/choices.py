"""Filling choices: an enum's value by its word, a yes/no by what says it."""

from __future__ import annotations

from copilot.documents.terms import stem
from copilot.models.builtin.state import State
from copilot.models.builtin.toolview import Parameter
from copilot.models.builtin.words import FILE_NOUNS, KIND_WORDS


def fill_choices(state: State) -> None:
    """Fill enum and yes/no slots that the request names by their word."""
    for parameter in state.open("choice"):
        if parameter.choices:
            _fill_enum(state, parameter)
        elif parameter.name == "overwrite":
            state.give(parameter, True, [])  # who names a place and what goes there means to replace what stands there
        elif bool in parameter.types:
            words = parameter.words.split()
            run = next((r for w in (parameter.words, *parameter.slot.cues) for r in state.phrases(w)), None)
            run = run or next((r for w in _YES.get(words[0], ()) for r in state.phrases(w)), None)
            if run is not None and all(state.free(i) for i in run):
                state.give(parameter, True, run)
        if parameter.required and parameter.name not in state.args:
            state.missing[parameter.name] = f"which {parameter.words}: {', '.join(map(str, parameter.choices))}?"


_YES = {
    "descending": (
        "descending",
        "desc",
        "highest first",
        "largest first",
        "biggest first",
        "newest first",
        "latest first",
        "most expensive first",
        "dearest first",
        "best first",
        "high to low",
        "from highest to lowest",
        "highest to lowest",
        "z to a",
        "most first",
        "highest",
        "largest",
        "biggest",
        "top",
    ),
    "lowest": (
        "lowest",
        "cheapest",
        "smallest",
        "least",
        "fewest",
        "worst",
        "bottom",
        "earliest",
        "oldest",
        "shortest",
        "weakest",
        "lightest",
        "youngest",
    ),
    "reverse": ("descending", "highest first"),
    "ascending": ("ascending", "lowest first", "smallest first"),
}


def _fill_enum(state: State, parameter: Parameter) -> None:
    for choice in sorted(parameter.choices, key=lambda c: -len(str(c))):
        kinds = [k for k in KIND_WORDS.get(str(choice), ()) if " " not in k and k not in FILE_NOUNS]
        plurals = [f"{k} files" for k in kinds] + [f"{k}s" for k in kinds]
        forms = dict.fromkeys((*plurals, str(choice).replace("_", " ").lower(), str(choice).lower()))
        for run in (r for form in forms for r in state.phrases(form)):
            if all(state.free(i) for i in run):
                state.give(parameter, choice, run)
                return
        for index, token in enumerate(state.tokens):
            if index and state.free(index) and token.kind == "word" and stem(token.lower) == stem(str(choice).lower()):
                state.give(parameter, choice, [index])
                return
