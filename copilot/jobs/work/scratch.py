"""The private copy of one document, and a workspace over it that writes into no one's history.

    <state>/jobs/scratch/<run>/<document>/files/    what the agent sees: the document under its own name
    <state>/jobs/scratch/<run>/<document>/kept/     the document as it was, and what was written, for going on

A crash of the process loses nothing of it. After a power cut it may: then the document is begun anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from copilot.errors import DocumentError, WorkspaceError
from copilot.settings import TrustSettings
from copilot.trust.labels import UNKNOWN, Label
from copilot.trust.sensitivity import label_of
from copilot.workspace.change import Change, sha256
from copilot.workspace.file import File
from copilot.workspace.journal import Entry
from copilot.workspace.reading import read_bytes
from copilot.workspace.save import make_private
from copilot.workspace.workspace import Workspace

if TYPE_CHECKING:
    from copilot.jobs.work.threads import FileSaver

FOLDER = Path("jobs") / "scratch"
_FILES, _KEPT, _META, _LINES, _WAS, _THREAD = "files", "kept", "origin.json", "written.jsonl", "was", "thread"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the document of a scratch comes from: `path` as the source names it, `place` its absolute path ("" where
    there is no document), `name` in the scratch, SHA-256 and label of what was read."""

    path: str = ""
    place: str = ""
    name: str = ""
    sha256: str = ""
    label: Label = UNKNOWN

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types."""
        told = {"path": self.path, "place": self.place, "name": self.name, "sha256": self.sha256}
        return {**told, "label": self.label.to_dict()}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Origin:
        """Return what `to_dict` wrote; raises KeyError or TypeError for anything else."""
        return cls(data["path"], data["place"], data["name"], data["sha256"], Label.from_dict(data["label"]))


@dataclass(frozen=True, slots=True)
class Written:
    """A change that was written into a scratch, what it warned about, and the label of what it was made from."""

    entry: Entry
    warnings: list[str]
    label: Label = UNKNOWN

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types."""
        names = ("number", "time", "summary", "before", "after", "thread", "turn", "key", "hunks")
        told = {"path": str(self.entry.path), **{name: getattr(self.entry, name) for name in names}}
        return {"entry": told, "warnings": self.warnings, "label": self.label.to_dict()}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Written:
        """Return what `to_dict` wrote; raises KeyError or TypeError for anything else."""
        told = data["entry"]
        entry = Entry(**{**told, "path": Path(told["path"])})
        return cls(entry, [str(each) for each in data["warnings"]], Label.from_dict(data["label"]))


class ScratchWorkspace(Workspace):
    """A workspace over a folder that nobody else has: what is committed is written at once, kept in a list instead of
    a journal, and flushed to no disk. Labels are those of the document, whatever is written."""

    def __init__(self, folder: Path, kept: Path, origin: Origin, trust: TrustSettings) -> None:
        label = origin.label

        def labeller(content: bytes, name: str) -> Label:
            return label_of(content, name, trust) | replace(label, sources=())

        super().__init__([folder], kept, labeller=labeller)
        self._lines = kept / _LINES
        self._writing = threading.Lock()
        self._origin = origin

    @cached_property
    def written(self) -> list[Written]:
        """What was written, oldest first. What a crash kept from the file is left out."""
        return _settled(_read_lines(self._lines))

    def commit(self, change: Change, *, key: str = "", thread: str = "", turn: str = "") -> Entry:
        """Write the change and return its entry; see `Workspace.commit`, also for the errors."""
        with self._writing:
            if (done := self.committed(key)) is not None:
                return done
            place = self.resolve(change.path)
            self.staging().put(replace(change, path=place))  # refuses what does not fit the file as it is
            made = Written(self._entry(change, place, key, thread, turn), list(change.warnings), change.label)
            try:
                self._write(made, change.content)
            except OSError as error:
                why = error.strerror or str(error)
                raise WorkspaceError(f"{self.show(place)} can't be written: {why}.", hint="Check the disk.") from error
            self.written.append(made)
            return made.entry

    def _entry(self, change: Change, place: Path, key: str, thread: str, turn: str) -> Entry:
        return Entry(
            number=len(self.written) + 1,
            time=datetime.now(UTC).isoformat(timespec="seconds"),
            path=place,
            summary=change.summary,
            before=change.before,
            after=change.after,
            thread=thread,
            turn=turn,
            key=key,
            hunks=[hunk.to_dict() for hunk in change.hunks],
        )

    def _write(self, made: Written, content: bytes | None) -> None:
        """Note what will stand in the file, and put it there in one step."""
        append(self._lines, json.dumps(made.to_dict()).encode() + b"\n", _whole(self._lines))
        path = made.entry.path
        if content is None:
            path.unlink()
            return
        make_private(path.parent)
        put(path, content)

    def committed(self, key: str) -> Entry | None:
        """Return the entry that was committed under this key, None if there is none."""
        return next((each.entry for each in self.written if key and each.entry.key == key), None)

    def label_of(self, entry: Entry) -> Label:
        """Return the label of what the file held once `entry` was written: that of the document."""
        return UNKNOWN | self._origin.label


class Scratch:
    """The folder of one document of a run."""

    def __init__(self, folder: Path, origin: Origin, trust: TrustSettings) -> None:
        self.folder, self.origin = folder, origin
        self.files = folder / _FILES
        self.thread_file = folder / _KEPT / _THREAD
        self.saver: FileSaver | None = None  # of its thread, once it is read
        self._trust = trust

    @cached_property
    def workspace(self) -> ScratchWorkspace:
        """The workspace over the copy."""
        return ScratchWorkspace(self.files, self.folder / _KEPT, self.origin, self._trust)

    @property
    def document(self) -> Path | None:
        """Where the copy lies, None where the source has no document."""
        return self.files / self.origin.name if self.origin.name else None

    def before(self) -> bytes:
        """Return the bytes of the document as it was."""
        return (self.folder / _KEPT / _WAS).read_bytes()

    def real(self, path: str | Path) -> str:
        """Return which path outside is meant by one in the scratch: beside the document, as it was opened."""
        place = Path(path)
        if not place.is_relative_to(self.files) or not self.origin.place:
            return str(path)
        below = place.relative_to(self.files)
        return self.origin.place if below == Path(self.origin.name) else str(Path(self.origin.place).parent / below)

    def shown(self, path: Path) -> str:
        """Return the path of an edit, as the source names paths: a new file lies beside the document."""
        below = path.relative_to(self.files).as_posix()
        if self.origin.name and below == self.origin.name:
            return self.origin.path
        return str(PurePosixPath(self.origin.path).parent / below) if self.origin.path else below

    def remove(self) -> None:
        """Remove it; what can't be removed is left to `sweep`."""
        shutil.rmtree(self.folder, ignore_errors=True)


def place_for(state: Path, run: str, key: str) -> Path:
    """Return the folder of a document of a run: the same one in every process."""
    return state / FOLDER / _hash(run)[:24] / _hash(key)[:24]


def found(state: Path, run: str, key: str, trust: TrustSettings) -> Scratch | None:
    """Return the scratch that was begun for a document, None where there is none that is whole."""
    folder = place_for(state, run, key)
    try:
        origin = Origin.from_dict(json.loads((folder / _KEPT / _META).read_bytes()))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    scratch = Scratch(Path(os.path.realpath(folder)), origin, trust)  # as `made`: paths of calls come without links
    try:
        whole = not origin.name or sha256(scratch.before()) == origin.sha256
    except OSError:
        return None
    return scratch if whole and scratch.files.is_dir() else None


def made(state: Path, run: str, key: str, path: str, file: File | None, trust: TrustSettings) -> Scratch:
    """Return a new scratch with a copy of the file, if there is one; what was begun before is removed.

    Raises WorkspaceError when it can't be written.
    """
    folder = place_for(state, run, key)
    shutil.rmtree(folder, ignore_errors=True)
    origin = Origin(path, label=UNKNOWN) if file is None else _origin(path, file)
    try:
        for part in (_FILES, _KEPT):
            make_private(folder / part)
        if file is not None:
            (folder / _KEPT / _WAS).write_bytes(file.content)
            put(folder / _FILES / origin.name, file.content)
        put(folder / _KEPT / _META, json.dumps(origin.to_dict()).encode())  # last: then the scratch is whole
    except OSError as error:
        why = error.strerror or str(error)
        raise WorkspaceError(f"{folder} can't be written: {why}.", hint="Check the disk and its room.") from error
    return Scratch(Path(os.path.realpath(folder)), origin, trust)


def clear(state: Path, run: str) -> None:
    """Remove the scratches of a run."""
    shutil.rmtree(state / FOLDER / _hash(run)[:24], ignore_errors=True)


def sweep(state: Path, keep: Callable[[], Iterable[str]]) -> int:
    """Remove the scratches of all runs but those that `keep` names, and return of how many runs.

    `keep` is asked after the folder was looked at: a run that another process begins meanwhile loses nothing.
    """
    try:
        there = list((state / FOLDER).iterdir())
    except OSError:
        return 0
    kept = {_hash(run)[:24] for run in keep()}
    old = [entry for entry in there if entry.name not in kept]
    for folder in old:
        shutil.rmtree(folder, ignore_errors=True)
    return len(old)


def _origin(path: str, file: File) -> Origin:
    return Origin(path, str(file.path), file.path.name, file.sha256, file.label)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def put(path: Path, content: bytes) -> None:
    """Put the bytes into a file, in one step. Raises OSError."""
    beside = path.with_name(f".{path.name[:80]}.new")
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    os.replace(beside, path)


def append(path: Path, data: bytes, whole: int) -> int:
    """Append to the first `whole` bytes of a file, all or nothing, and return how many it has then. Raises OSError.

    What a crash, or a disk without room, left behind those bytes goes: whatever came after it could not be read.
    """
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb", buffering=0) as file:
        file.truncate(whole)
        file.seek(whole)
        try:
            left = memoryview(data)
            while left:
                left = left[file.write(left) or 0 :]
        except OSError:
            file.truncate(whole)
            raise
    return whole + len(data)


def _whole(lines: Path) -> int:
    """Return how many bytes of a file of lines are whole lines."""
    try:
        return lines.read_bytes().rfind(b"\n") + 1
    except FileNotFoundError:
        return 0


def _read_lines(path: Path) -> Iterable[Written]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return
    for line in lines:
        try:
            yield Written.from_dict(json.loads(line))
        except (ValueError, TypeError, KeyError):
            return  # the line that a crash cut


def _settled(lines: Iterable[Written]) -> list[Written]:
    """Leave out the last line of each file that is not what stands in it: the process ended before it was written."""
    kept = list(lines)
    for path in {each.entry.path for each in kept}:
        last = max(n for n, each in enumerate(kept) if each.entry.path == path)
        if _standing(path) != kept[last].entry.after:
            del kept[last]
    return kept


def _standing(path: Path) -> str | None:
    try:
        return sha256(read_bytes(path, path.name))
    except DocumentError:
        return None
