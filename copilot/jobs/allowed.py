"""Which folders a worker opens for runs: whoever can write to the database says where a run's documents lie.

A run's row names folders, tables and reports by their paths, and a worker reads and writes them with its own rights. So
a worker that shares a database with others is told by its own settings (`jobs.folders`) how far that goes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from copilot.errors import JobError
from copilot.plugins import connectors

#: What else of a run's place is a path that is read or written.
_FILES = ("rows", "table", "report", "recipe")


def refuse(place: Mapping[str, Any], allowed: Sequence[str]) -> None:
    """Raise JobError ("denied") for a run that lies in none of the allowed folders; without any, all are.

    An entry is a folder with all below it, links followed, or a place of a connector with all below it.
    """
    for named in _named(place) if allowed else ():
        if not any(_is_below(named, each) for each in allowed):
            hint = "Add the folder to jobs.folders of the worker's own settings, if it may go there."
            raise JobError(f"This worker opens no {named}.", hint=hint, code="denied")


def _named(place: Mapping[str, Any]) -> Iterator[str]:
    yield str(place.get("folder", ""))
    yield from map(str, place.get("folders") or ())
    yield from (str(place[name]) for name in _FILES if place.get(name))


def _is_below(named: str, entry: str) -> bool:
    if _is_elsewhere(named) or _is_elsewhere(entry):
        top = entry.rstrip("/")
        return ".." not in named.split("/") and (named == top or named.startswith(f"{top}/"))
    place = Path(os.path.realpath(named))
    return bool(named) and place.is_relative_to(os.path.realpath(os.path.expanduser(entry)))


def _is_elsewhere(text: str) -> bool:
    name, _ = connectors.parted(text)
    return name in connectors.known() and name != "folder"
