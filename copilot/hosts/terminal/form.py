"""What an MCP server wants to know in the middle of a call, asked of the person (MCP 2025-11-25, "Elicitation").

Who asks stands above every question, and that it is not Everpilot: what is typed goes to them. Nothing is sent before
the person said so, and no address is opened before they agreed to it.
"""

from __future__ import annotations

import sys
import webbrowser
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from rich.console import Console
from rich.text import Text

from copilot.hosts import render
from copilot.plugins.mcp.elicitation import Answer, Question
from copilot.trust.sanitise import safe_text

#: Fields of one form, and characters of a text of the server that are shown.
_MOST_FIELDS, _MOST_SHOWN = 30, 600
_YES, _NO = frozenset({"y", "yes", "true"}), frozenset({"n", "no", "false"})
#: What a person is told to type, by the field's type.
_HOW = {"boolean": "y or n", "integer": "a whole number", "number": "a number"}

#: Returns what was typed after a question. Raises KeyboardInterrupt and EOFError.
Line = Callable[[str], str]


class Form:
    """Asks in the terminal. `paused` gives the screen to a question while an answer grows on it."""

    def __init__(
        self,
        console: Console | None = None,
        *,
        line: Line | None = None,
        browse: Callable[[str], bool] = webbrowser.open,
        paused: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self._console = console or render.console()
        self._line = line or _typed
        self._browse = browse
        self.paused = paused

    def __call__(self, question: Question) -> Answer:
        """Return what the person answers: Ctrl-D declines, Ctrl-C leaves it open ("cancel")."""
        with self.paused():
            try:
                return self._asked(question)
            except KeyboardInterrupt:
                return Answer("cancel")
            except EOFError:
                return Answer("decline")

    def _asked(self, question: Question) -> Answer:
        head = f"\nThe MCP server {_shown(question.server)} asks (not Everpilot; what you answer goes to it):"
        self._console.print(Text(head, style="bold yellow"))
        self._console.print(Text(_shown(question.message)))
        if question.url:
            return self._sent_to(question.url)
        fields = _fields(question.schema)
        if not fields:
            return Answer("accept", {}) if self._agreed("Agree?") else Answer("decline")
        self._note("No passwords, keys or card numbers: no server may ask for them here. Ctrl-D declines.")
        required = _names(question.schema.get("required"))
        given = {name: value for name, value in self._filled(fields, required) if value is not None}
        self._note("; ".join(f"{_shown(name)} = {_shown(str(value))}" for name, value in given.items()) or "nothing")
        return (
            Answer("accept", given) if self._agreed(f"Send this to {_shown(question.server)}?") else Answer("decline")
        )

    def _sent_to(self, url: str) -> Answer:
        self._console.print(Text(f"  {url}", style="bold"), soft_wrap=True)
        if not self._agreed("Open this page in your browser?"):
            return Answer("decline")
        if not self._browse(url):
            self._note("No browser could be opened: go to the address yourself.")
        return Answer("accept")

    def _agreed(self, question: str) -> bool:
        while (typed := self._line(f"{question} [y/n] ").strip().lower()) not in _YES | _NO:
            continue
        return typed in _YES

    def _filled(self, fields: Sequence[tuple[str, Mapping[str, Any]]], required: frozenset[str]) -> Iterator[Any]:
        for name, field in fields:
            yield name, self._field(name, field, needed=name in required)

    def _field(self, name: str, field: Mapping[str, Any], *, needed: bool) -> Any:
        """Return what was typed for a field, its default for nothing, None for one that is left out."""
        title = _shown(str(field.get("title") or name))
        if field.get("description"):
            self._note(f"{title}: {_shown(str(field['description']))}")
        choices = _choices(field)
        for number, (_, label) in enumerate(choices, 1):
            self._console.print(Text(f"  {number}. {label}"))
        default = field.get("default")
        how = _how(field, choices)
        told = f" ({how})" if how else ""
        told += f" [{_shown(str(default))}]" if default is not None else "" if needed else " [leave out]"
        while True:
            typed = self._line(f"{title}{told}: ").strip()
            if not typed and (default is not None or not needed):
                return default
            value = _value(typed, field, choices)
            if value is not None:
                return value
            self._note(f"That is not {how or 'an answer'}." if typed else "This one is needed.")

    def _note(self, text: str) -> None:
        self._console.print(Text(text, style="dim"))


def _typed(question: str) -> str:
    """Return a line from the terminal; what was typed before the question was there is no answer."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.input import create_input
    from prompt_toolkit.input.typeahead import clear_typeahead

    from copilot.hosts.terminal.keys import forget_typed

    clear_typeahead(create_input())
    forget_typed()
    asking: PromptSession[str] = PromptSession()
    return asking.prompt(question)


def here(*, wanted: bool = True) -> Form | None:
    """Return what asks, where a person sits at a terminal and `wanted` is true; else None."""
    return Form() if wanted and sys.stdin and sys.stdin.isatty() and sys.stdout.isatty() else None


def _shown(text: str) -> str:
    return safe_text(text)[:_MOST_SHOWN]


def _fields(schema: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    found = schema.get("properties")
    pairs = found.items() if isinstance(found, Mapping) else ()
    return [(name, field) for name, field in pairs if isinstance(field, Mapping)][:_MOST_FIELDS]


def _names(given: Any) -> frozenset[str]:
    return frozenset(each for each in given if isinstance(each, str)) if isinstance(given, list) else frozenset()


def _choices(field: Mapping[str, Any]) -> list[tuple[Any, str]]:
    """Return the values that a field may have, each as it is shown; of a list those of its entries."""
    items = field.get("items")
    of = items if isinstance(items, Mapping) else field
    titled = next((of[key] for key in ("oneOf", "anyOf") if isinstance(of.get(key), list)), None)
    if titled is not None:
        return [(e["const"], _shown(str(e.get("title") or e["const"]))) for e in titled if _is_constant(e)]
    values, names = _list(of.get("enum")), _list(of.get("enumNames"))
    return [(v, _shown(str(names[n] if n < len(names) else v))) for n, v in enumerate(values)]


def _list(given: Any) -> list[Any]:
    return given if isinstance(given, list) else []


def _is_constant(entry: Any) -> bool:
    return isinstance(entry, Mapping) and "const" in entry


def _how(field: Mapping[str, Any], choices: Sequence[object]) -> str:
    if choices:
        return "numbers, as in 1,3" if field.get("type") == "array" else f"1 to {len(choices)}"
    kind = field.get("type")
    return _HOW.get(kind, "") if isinstance(kind, str) else ""


def _value(typed: str, field: Mapping[str, Any], choices: Sequence[tuple[Any, str]]) -> Any:
    """Return what was typed as the field's type wants it, None for what does not fit."""
    kind = field.get("type")
    if choices:
        chosen = [_chosen(word, choices) for word in (typed.split(",") if kind == "array" else [typed])]
        if any(each is None for each in chosen):
            return None
        return chosen if kind == "array" else chosen[0]
    if kind == "boolean":
        return True if typed.lower() in _YES else False if typed.lower() in _NO else None
    try:
        return int(typed) if kind == "integer" else float(typed) if kind == "number" else typed or None
    except ValueError:
        return None


def _chosen(word: str, choices: Sequence[tuple[Any, str]]) -> Any:
    """Return the choice of that number, or of that name."""
    plain = word.strip()
    if plain.isdecimal() and 1 <= int(plain) <= len(choices):
        return choices[int(plain) - 1][0]
    return next((value for value, label in choices if plain in (str(value), label)), None)
