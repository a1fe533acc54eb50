"""Looks at what a run left: the answer, the calls of tools, the files. Each check says what is wrong, or nothing."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import regex

from copilot.errors import EverpilotError, PluginError
from copilot.plugins.evals import Check
from copilot.plugins.files import PluginFiles

_REGEX_SECONDS = 2.0
_COMMAND_SECONDS = 60.0
_SHOWN = 120


@dataclass(frozen=True)
class Run:
    """What a run left: its folder, the answer, the calls of tools (name, arguments), and the files' hashes before.

    `commands`: whether checks may run commands; they run as the person does.
    """

    folder: Path
    answer: str
    calls: Sequence[tuple[str, Mapping[str, Any]]] = ()
    before: Mapping[str, str] = field(default_factory=dict)
    commands: bool = False

    def path(self, name: str) -> Path:
        """Return a file of the run; raises PluginError for one outside of its folder."""
        return PluginFiles(self.folder).path(name)


class NotChecked(Exception):
    """A check was not made; the message says why."""


def wrong(check: Check, run: Run) -> str:
    """Return what is wrong, "" if nothing is; raises NotChecked when it can't be told."""
    try:
        return _LOOKS[check.kind](check.fields, run)
    except EverpilotError as error:
        return str(error)
    except OSError as error:
        return f"{error.strerror}"


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of the files below a folder, by their names in it."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _answer_contains(fields: Mapping[str, Any], run: Run) -> str:
    return "" if fields["text"].casefold() in run.answer.casefold() else f"the answer does not say {fields['text']!r}"


def _answer_lacks(fields: Mapping[str, Any], run: Run) -> str:
    return f"the answer says {fields['text']!r}" if fields["text"].casefold() in run.answer.casefold() else ""


def _answer_matches(fields: Mapping[str, Any], run: Run) -> str:
    try:
        found = regex.search(fields["pattern"], run.answer, timeout=_REGEX_SECONDS)
    except (regex.error, TimeoutError) as error:
        raise NotChecked(f"the pattern can't be used: {error}") from None
    return "" if found else f"the answer does not match {fields['pattern']!r}: {run.answer[:_SHOWN]!r}"


def _called(fields: Mapping[str, Any], run: Run) -> bool:
    wanted = fields.get("args") or {}
    fits = (args for name, args in run.calls if name in (fields["tool"], fields["tool"].replace(".", "__")))
    return any(all(args.get(key) == value for key, value in wanted.items()) for args in fits)


def _tool_called(fields: Mapping[str, Any], run: Run) -> str:
    made = ", ".join(name for name, _ in run.calls) or "none"
    return "" if _called(fields, run) else f"{fields['tool']} was not called like this; called: {made}"


def _tool_not_called(fields: Mapping[str, Any], run: Run) -> str:
    return f"{fields['tool']} was called" if _called(fields, run) else ""


def _unchanged(fields: Mapping[str, Any], run: Run) -> str:
    path, before = run.path(fields["file"]), run.before.get(fields["file"])
    if before is None:
        return f"there was no {fields['file']} before"
    now = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    return "" if now == before else f"{fields['file']} {'changed' if now else 'is gone'}"


def _exists(fields: Mapping[str, Any], run: Run) -> str:
    return "" if run.path(fields["file"]).is_file() else f"there is no {fields['file']}"


def _missing(fields: Mapping[str, Any], run: Run) -> str:
    return f"{fields['file']} is there" if run.path(fields["file"]).exists() else ""


def _contains(fields: Mapping[str, Any], run: Run) -> str:
    there = _squeezed(fields["text"]) in _squeezed(_text(run.path(fields["file"]), fields["file"]))
    return "" if there else f"{fields['file']} does not contain {fields['text']!r}"


def _lacks(fields: Mapping[str, Any], run: Run) -> str:
    there = _squeezed(fields["text"]) in _squeezed(_text(run.path(fields["file"]), fields["file"]))
    return f"{fields['file']} contains {fields['text']!r}" if there else ""


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def _text(path: Path, name: str) -> str:
    """Return all text of a document; raises DocumentError, PluginError when there is none."""
    from copilot.documents.reading import read

    if not path.is_file():
        raise PluginError(f"there is no {name}")
    return "\n".join(segment.text for segment in read(path.read_bytes(), name).segments)


def _cell_equals(fields: Mapping[str, Any], run: Run) -> str:
    found = _cell(run.path(fields["file"]), fields)
    wanted = fields["value"]
    if _number(found) is not None and _number(wanted) is not None:
        near = abs(float(found) - float(wanted)) <= float(fields.get("tolerance", 1e-9))
    else:
        near = str(found if found is not None else "") == str(wanted if wanted is not None else "")
    return "" if near else f"{fields['cell']} of {fields['file']} is {found!r}, not {wanted!r}"


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _cell(path: Path, fields: Mapping[str, Any]) -> Any:
    """Return the value of a cell as it is stored, of a formula what it came to. Raises PluginError."""
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    broken = (KeyError, ValueError, IndexError, AttributeError, OSError, BadZipFile, InvalidFileException)
    try:
        book = openpyxl.load_workbook(path, data_only=True, read_only=False)
        sheet = book[fields["sheet"]] if fields.get("sheet") else book.worksheets[0]
        return sheet[fields["cell"]].value
    except broken as error:
        raise PluginError(f"{fields['cell']} of {fields['file']} can't be read: {error}") from None


def _command(fields: Mapping[str, Any], run: Run) -> str:
    if not run.commands:
        raise NotChecked("commands are run with --commands only")
    seconds = min(float(fields.get("seconds", _COMMAND_SECONDS)), _COMMAND_SECONDS)
    try:
        done = subprocess.run(
            fields["run"], cwd=run.folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False
        )
    except (subprocess.TimeoutExpired, ValueError) as error:
        return f"{fields['run'][0]} did not end well: {error}"
    wanted = fields.get("exit", 0)
    told = (done.stderr or done.stdout).decode("utf-8", "replace").strip()[-_SHOWN:]
    return "" if done.returncode == wanted else f"{fields['run'][0]} ended with {done.returncode}, not {wanted}: {told}"


_LOOKS: dict[str, Callable[[Mapping[str, Any], Run], str]] = {
    "answer_contains": _answer_contains,
    "answer_lacks": _answer_lacks,
    "answer_matches": _answer_matches,
    "tool_called": _tool_called,
    "tool_not_called": _tool_not_called,
    "unchanged": _unchanged,
    "exists": _exists,
    "missing": _missing,
    "contains": _contains,
    "lacks": _lacks,
    "cell_equals": _cell_equals,
    "command": _command,
}
