"""`${VAR}` and `${VAR:-default}` in the entries of `mcpServers` files."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from copilot.errors import PluginError

#: Takes a text and the name of its field; returns the text with its variables replaced, or raises PluginError.
Expand = Callable[[str, str], str]

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}")
_START = re.compile(r"\$\{|\{env:[A-Za-z_]")
_EDITORS = re.compile(r"\$?\{(env|input):([^}]*)\}")  # without the $ it is OpenCode's


def as_written(text: str, where: str) -> str:
    """Return the text as it is: for entries that were expanded by the rules of their own form."""
    return text


@dataclass(frozen=True)
class Variables:
    """Expands by the rules of `mcpServers` files: one pass, in an environment.

    An unset variable without a default is an error that names the field, so is a malformed `${`; a bare `$VAR` stays.
    `known` are variables of an editor ("workspaceFolder"); editors write `${env:VAR}`, and OpenCode `{env:VAR}`. `own`
    are those that the entry itself gives its program, for those that are not set otherwise.
    """

    env: Mapping[str, str] = field(repr=False)
    known: Mapping[str, str] = field(default_factory=dict)
    own: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __call__(self, text: str, where: str) -> str:
        """Return the expanded text; raises PluginError that names the field `where`."""
        parts: list[str] = []
        at = 0
        while start := _START.search(text, at):
            parts.append(text[at : start.start()])
            found, at = self._one(text, start.start(), where)
            parts.append(found)
        return "".join([*parts, text[at:]])

    def _one(self, text: str, start: int, where: str) -> tuple[str, int]:
        if found := _VARIABLE.match(text, start):
            return self._value(found[1], found[3], where), found.end()
        found = _EDITORS.match(text, start)
        if found and found[1] == "input":
            raise PluginError(
                f"{where} asks for the input {found[2]!r}, which only an editor can ask for.",
                hint="Write ${VARIABLE} in its place, and set that variable.",
            )
        if found:
            return self._value(found[2], None, where), found.end()
        raise PluginError(f"{where} holds a malformed variable at {text[start : start + 24]!r}.", hint="It is ${NAME}.")

    def _value(self, name: str, default: str | None, where: str) -> str:
        if name in self.known:
            return self.known[name]
        # As in a shell, an empty variable takes the default, too.
        if value := self.env.get(name) or self.own.get(name):
            return value
        if default is not None:
            return default
        if name in self.env:
            return ""
        raise PluginError(f"{where} needs the variable {name}, which is not set.", hint=f"Set {name}, and start again.")


def beside(expand: Expand, own: Mapping[str, str]) -> Expand:
    """Return what also knows the variables that an entry gives its program, where it knows any.

    Programs that take a header as an argument are written so: `args: ["Authorization:${KEY}"]`, `env: {KEY: ...}`.
    """
    return replace(expand, own=own) if isinstance(expand, Variables) else expand
