"""What runs of scripts left: kept in the state folder (0700, files 0600) until newer runs take their place."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from copilot.errors import PluginError, ToolInputError
from copilot.plugins.sandbox.outputs import Left, Outputs
from copilot.plugins.trusting import Content
from copilot.trust.labels import Label
from copilot.workspace.save import make_private

FOLDER = "scripts"
#: Runs whose files are kept; the oldest go first.
KEPT_RUNS = 30
_ID = re.compile(r"[0-9a-f]{12}\Z")


@dataclass(frozen=True)
class Kept:
    """A run: its id, the label of all that had a part in it, and the files that it left."""

    id: str
    label: Label
    files: tuple[Left, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the run as JSON types."""
        files = [{"name": each.name, "size": each.size, "sha256": each.sha256} for each in self.files]
        return {"id": self.id, "label": self.label.to_dict(), "files": files}


class Runs:
    """The runs of one state folder. Each has `skill` and `work` while it runs, and `left` and `run.json` after."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._folder = state / FOLDER

    def begin(self, key: str, label: Label) -> tuple[Kept, Path]:
        """Return a new run, named by the key of its delivery for ever, and its empty folder to work in."""
        kept = Kept(hashlib.sha256(key.encode()).hexdigest()[:12], label)
        self._forget()
        place = self._folder / kept.id
        shutil.rmtree(place, ignore_errors=True)
        make_private(self._state)
        make_private(self._folder)
        make_private(place)
        make_private(place / "work")
        return kept, place / "work"

    def copy_skill(self, kept: Kept, content: Content) -> Path:
        """Return a folder that holds exactly the files that were hashed."""
        folder = self._folder / kept.id / "skill"
        make_private(folder)
        for name, data in content.files.items():
            _write(folder / name, data)
        return folder

    def give(self, kept: Kept, files: Mapping[str, bytes]) -> dict[str, str]:
        """Put copies of files into the run's working folder; return their names and SHA-256."""
        for name, data in files.items():
            _write(self._folder / kept.id / "work" / name, data)
        return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}

    def keep(self, kept: Kept, left: Outputs) -> Kept:
        """Keep what the run left, and return the run with it."""
        place = self._folder / kept.id
        for file, content in left.files:
            _write(place / "left" / file.sha256, content)
        made = replace(kept, files=tuple(file for file, _ in left.files))
        _write(place / "run.json", json.dumps(made.to_dict()).encode())
        return made

    def clear(self, kept: Kept) -> None:
        """Remove what only the running program needed."""
        for name in ("skill", "work", "root"):
            _remove(self._folder / kept.id / name)

    def get(self, run: str) -> Kept:
        """Return a run by its id; raises ToolInputError for one that is not kept."""
        try:
            if not _ID.match(run):
                raise FileNotFoundError(run)
            told = json.loads((self._folder / run / "run.json").read_text("utf-8"))
            files = tuple(Left(str(f["name"]), int(f["size"]), str(f["sha256"])) for f in told["files"])
            return Kept(run, Label.from_dict(told["label"]), files)
        except (OSError, ValueError, KeyError, TypeError):
            known = [place.name for place in self._all()]
            raise ToolInputError.unknown("run", run, known) from None

    def read(self, kept: Kept, file: str) -> bytes:
        """Return a file that a run left; raises ToolInputError for one that it did not, PluginError when it is gone."""
        found = next((each for each in kept.files if each.name == file), None)
        if found is None:
            raise ToolInputError.unknown("file", file, [f.name for f in kept.files], where=f"the run {kept.id}")
        try:
            content = (self._folder / kept.id / "left" / found.sha256).read_bytes()
        except OSError as error:
            raise PluginError(f"{file} of the run {kept.id} can't be read: {error.strerror}.") from error
        if hashlib.sha256(content).hexdigest() != found.sha256:
            raise PluginError(f"{file} of the run {kept.id} was altered since.", hint="Run the script again.")
        return content

    def _all(self) -> list[Path]:
        """Return the folders of runs, the oldest first."""
        if not self._folder.is_dir():
            return []
        places = [place for place in self._folder.iterdir() if _ID.match(place.name)]
        return sorted(places, key=lambda place: (place.stat().st_mtime_ns, place.name))

    def _forget(self) -> None:
        for place in self._all()[: -KEPT_RUNS + 1]:
            _remove(place)


def _write(path: Path, content: bytes) -> None:
    make_private(path.parent)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o600), "wb") as file:
        file.write(content)


def _remove(place: Path) -> None:
    """Remove a folder, also one of which a program has shut the inner ones; links are not followed."""
    if not place.is_dir() or place.is_symlink():
        return
    _open_up(place)
    shutil.rmtree(place, ignore_errors=True)


def _open_up(folder: Path) -> None:
    folders = [str(folder)]
    while folders:
        each = folders.pop()
        with contextlib.suppress(OSError):
            os.chmod(each, 0o700)
            folders += [e.path for e in os.scandir(each) if e.is_dir(follow_symlinks=False)]
