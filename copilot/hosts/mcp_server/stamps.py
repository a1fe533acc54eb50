"""What tells whether something changed on the disk, without reading it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from copilot import _roots
from copilot.settings import home

_FILES = ("SKILL.md", "tools.py")


def skills_stamp(paths: Sequence[str]) -> Mapping[str, int]:
    """Return what differs when skills came, went or changed: the times of the files that make them.

    `paths` are folders of skills beside those that are always looked in.
    """
    folders = [Path(root) for root in _roots.roots("skills")]
    folders += [Path(path).expanduser() for path in paths] + [home() / "skills"]
    return {name: time for folder in dict.fromkeys(folders) for name, time in _times(folder)}


def file_stamp(path: Path) -> tuple[int, ...] | None:
    """Return what differs when a file was written; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _times(folder: Path) -> Iterator[tuple[str, int]]:
    try:
        names = sorted(entry.path for entry in os.scandir(folder))
    except OSError:
        return  # a folder that is not there, or may not be looked into, has no skills
    for name in names:
        for file in _FILES:
            place = os.path.join(name, file)
            if (stamp := file_stamp(Path(place))) is not None:
                yield place, stamp[0]
