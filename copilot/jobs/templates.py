"""One document for all rows of a table (a mail merge): what each row makes of it becomes a file of its own."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from copilot.jobs.job import Edit, Outcome, Source
from copilot.jobs.sources.table import document_column, row_number
from copilot.jobs.store import Run

#: The column that names the files.
OUTPUT = "output"
_LONGEST = 120  # bytes of a name without its ending
_BARRED = re.compile(r'[\\/:*?"<>|]')
_DEVICES = re.compile(r"(?i)(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|\Z)")


def is_template(run: Run, source: Source) -> bool:
    """Return whether the document of a source is the one that all rows of the run's table share."""
    return bool(run.place.get("rows") and source.path and source.values) and document_column(source.values) is None


def renamed(run: Run, source: Source, outcome: Outcome) -> Outcome:
    """Return the outcome with what became of a template as a new file: the template itself stays as it is.

    The file lies beside the template, and is called as the row's column `output` says, else after the template and the
    number of the row. A name that is taken is refused when the file is saved.
    """
    if not is_template(run, source) or not outcome.edits:
        return outcome
    path = PurePosixPath(source.path)
    new = str(path.with_name(name_of(path.stem, path.suffix, source)))
    edits = [_as_new(each, new) if each.path == source.path else each for each in outcome.edits]
    return outcome.model_copy(update={"edits": edits})


def _as_new(edit: Edit, path: str) -> Edit:
    return edit.model_copy(update={"path": path, "before": ""})


def name_of(stem: str, suffix: str, source: Source) -> str:
    """Return the name of the file that a row makes: one on every disk, without a path, ending as the template does."""
    given = plain(str(_output(source.values) or ""), suffix)
    return f"{given or f'{stem} {row_number(source.key)}'}{suffix}"


def _output(values: Mapping[str, Any]) -> Any:
    return next((values[name] for name in values if name.strip().casefold() == OUTPUT), "")


def plain(name: str, suffix: str) -> str:
    """Return a name that somebody wrote into a table as the stem of a file, "" where nothing is left of it."""
    shown = "".join(c for c in unicodedata.normalize("NFC", name) if c.isprintable())
    shown = _BARRED.sub("_", shown).strip(" .~$")
    shown = shown[: -len(suffix)] if suffix and shown.lower().endswith(suffix.lower()) else shown
    while len(shown.encode("utf-8", "replace")) > _LONGEST:
        shown = shown[:-1]
    shown = shown.strip(" .")
    return f"_{shown}" if _DEVICES.match(shown) else shown
