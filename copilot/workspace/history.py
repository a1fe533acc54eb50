"""What was written, and the ways back: undo and redo of changes, turns and threads; any version of a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from copilot.documents.hunks import Hunk
from copilot.errors import ConflictError, EverpilotError, WorkspaceError
from copilot.trust.labels import WORKSPACE
from copilot.workspace.change import Change
from copilot.workspace.journal import Entry, Journal, Row
from copilot.workspace.objects import Objects


@dataclass(frozen=True)
class Version:
    """One content that a file had: `number` counts from the oldest, 1.

    `change` is the change that made it, None for what was found (the file before the first change, or after somebody
    else wrote it; `time` is then when it was found). `time` is ISO 8601 in UTC; `size` is in bytes, None if not known
    or for a deletion, whose `sha256` is None. `present`: the file is this now; `restorable`: its bytes are kept.
    """

    number: int
    time: str
    summary: str
    thread: str
    turn: str
    change: int | None
    sha256: str | None
    size: int | None
    present: bool
    restorable: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the version as JSON types."""
        return asdict(self)


class Files(Protocol):
    """What of the workspace the ways back need."""

    @property
    def roots(self) -> tuple[Path, ...]:
        """The opened folders."""

    def show(self, path: Path) -> str:
        """Return the path as a person writes it."""

    def resolve(self, path: str | Path) -> Path:
        """Return where a path lies."""

    def hash(self, path: str | Path) -> str | None:
        """Return the hash of a file."""

    def target(self, path: str | Path) -> Path:
        """Return where a change of a path would be written, if it could be."""


#: Writes a change; the row is the one whose metadata and folders count, and whether that row is thereby undone.
Apply = Callable[[Change, str, str, Row | None, bool], Entry]


class History:
    """The ways back over one journal. Every step is itself a change: in the journal, and undone like any other."""

    def __init__(self, journal: Journal, objects: Objects, files: Files, apply: Apply) -> None:
        self._journal = journal
        self._objects = objects
        self._files = files
        self._apply = apply

    def undo(self, number: int | None) -> Entry:
        """Take one change back; see `Workspace.undo`."""
        return self._take_back(self._latest() if number is None else self._numbered(number))

    def redo(self, number: int | None) -> Entry:
        """Do an undone change again; see `Workspace.redo`."""
        return self._take_back(self._latest_undo() if number is None else self._undo_of(number))

    def undo_turn(self, turn: str | None, thread: str | None) -> list[Entry]:
        """Take back what was written for one thing that a person said; see `Workspace.undo_turn`."""
        if turn is None:
            last = self._latest(thread)
            turn, thread = last.entry.turn, last.entry.thread
            if not turn:  # written by a script, or by a version that did not know of turns
                return [self._take_back(last)]
        rows = [row for row in self._journal.rows(self._files.roots) if row.entry.turn == turn]
        rows = [row for row in rows if thread is None or row.entry.thread == thread]
        return self._all_back(rows, f"turn {turn}")

    def undo_thread(self, thread: str) -> list[Entry]:
        """Take back what was written in a conversation; see `Workspace.undo_thread`."""
        return self._all_back(self._journal.of_thread(thread, None, self._files.roots), f"thread {thread}")

    def versions(self, path: str | Path) -> list[Version]:
        """Return what a file was, oldest first; see `Workspace.versions`."""
        place = self._files.resolve(path)
        present = self._files.hash(place)
        size = place.stat().st_size if present is not None else None
        found = list(_steps(list(reversed(self._journal.of_path(place)))))
        last = max((i for i, step in enumerate(found) if step.digest == present), default=-1)
        return [self._version(i, step, present, size, last) for i, step in enumerate(found)]

    def restore(self, path: str | Path, number: int, to: str | Path | None) -> Entry:
        """Bring a version back; see `Workspace.restore`."""
        place = self._files.resolve(path)
        name = self._files.show(place)
        version = self._version_of(place, name, number)
        assert version.sha256 is not None
        summary = f"Restore version {number} of {name}"
        hunk = Hunk("file", "", f"version {number} ({version.time})", "file")
        target = place if to is None else self._files.resolve(to)
        before = self._replaceable(place, name, version) if target == place else None
        content = self._content(version, place)
        change = Change(target, before, content, (hunk,), summary, label=WORKSPACE)
        rows = self._journal.of_path(place)
        return self._apply(change, "", "", next((row for row in rows if row.metadata), None), False)

    # Undo and redo

    def _take_back(self, row: Row) -> Entry:
        entry, name = row.entry, self._files.show(row.entry.path)
        if self._files.hash(entry.path) != entry.after:
            raise self._changed_since(entry, name)
        content = None if entry.before is None else self._objects.get(entry.before)
        hunks = tuple(Hunk(h["where"], h["after"], h["before"], h["kind"]) for h in entry.hunks)
        # The label adds nothing: the restored bytes have the one that they had.
        change = Change(entry.path, entry.after, content, hunks, _undo_summary(entry), label=WORKSPACE)
        return self._apply(change, entry.thread, entry.turn, row, True)

    def _all_back(self, rows: Sequence[Row], what: str) -> list[Entry]:
        """Take back all rows (newest first) that are in force, or none; raises the first reason why not."""
        wanted = [row for row in rows if row.entry.undoes is None and row.entry.undone_by is None]
        if not wanted:
            raise WorkspaceError(f"There is nothing to undo in {what}.", code="nothing_to_undo")
        self._refuse_partly(wanted)
        done: list[Entry] = []
        try:
            for row in wanted:
                done.append(self._take_back(row))
        except BaseException:
            for entry in reversed(done):  # somebody wrote in the moment between the look and the step
                self._take_back(self._numbered(entry.number))
            raise
        return done

    def _refuse_partly(self, rows: Sequence[Row]) -> None:
        """Raise what would stop any of the undos, before the first of them is made."""
        states: dict[Path, str | None] = {}
        for row in rows:
            entry, name = row.entry, self._files.show(row.entry.path)
            try:
                now = states[entry.path] if entry.path in states else self._files.hash(entry.path)
                if now != entry.after:
                    raise self._changed_since(entry, name)
                self._files.target(entry.path)
                if entry.before is not None:
                    self._objects.get(entry.before)
            except EverpilotError as error:
                count = f"none of the {len(rows)} changes was undone" if len(rows) > 1 else "nothing was undone"
                raise type(error)(
                    f"Change {entry.number} of {name} can't be undone, so {count}. {error.message}",
                    hint=error.hint,
                    code=error.code,
                ) from None
            states[entry.path] = entry.before

    def _latest(self, thread: str | None = None) -> Row:
        """Return the change that was last made, or done again, and is in force."""
        rows = self._journal.rows(self._files.roots)
        numbered = {row.entry.number: row for row in rows}
        for row in rows:
            while row.entry.undoes in numbered:  # from a redo through the undo to the change itself
                row = numbered[row.entry.undoes]
            in_force = row.entry.undoes is None and row.entry.undone_by is None
            if in_force and (thread is None or row.entry.thread == thread):
                return row
        raise WorkspaceError("There is nothing to undo in these folders.", code="nothing_to_undo")

    def _numbered(self, number: int) -> Row:
        row = self._journal.row(number, self._files.roots)
        if row is None:
            raise WorkspaceError(
                f"There is no edit {number} in these folders.", hint="`everpilot undo --list` shows them.", code="entry"
            )
        if (by := row.entry.undone_by) is not None:
            raise WorkspaceError(f"Edit {number} is undone already.", hint=f"Undo {by} does it again.", code="undone")
        return row

    def _latest_undo(self) -> Row:
        """Return the newest undo that is in force, of a file that nothing else was written to since."""
        written: set[Path] = set()
        rows = self._journal.rows(self._files.roots)
        undos = {row.entry.number for row in rows if row.entry.undoes is not None}
        for row in rows:
            entry = row.entry
            if entry.undoes is None:
                if entry.undone_by is None:
                    written.add(entry.path)
            elif entry.undone_by is None and entry.undoes not in undos and entry.path not in written:
                return row
        raise WorkspaceError("There is nothing to redo in these folders.", code="nothing_to_redo")

    def _undo_of(self, number: int) -> Row:
        """Return the undo that is meant by its own number, or by that of the change it took back."""
        row = self._journal.row(number, self._files.roots)
        if row is not None and row.entry.undoes is None:
            if row.entry.undone_by is None:
                raise WorkspaceError(f"Edit {number} is not undone.", code="not_undone")
            return self._numbered(row.entry.undone_by)
        return self._numbered(number)

    def _changed_since(self, entry: Entry, name: str) -> ConflictError:
        later = next((row.entry.number for row in self._journal.of_path(entry.path)), 0)
        if later > entry.number:
            hint = f"Undo the later edits of it first; the latest is {later}."
        elif entry.before is None:
            hint = "Delete it yourself if it is not needed."
        else:
            hint = (
                f"To have it beside: everpilot restore {name} N --to OTHER (N as `everpilot history` lists it). "
                f"The version before the edit is kept in {self._objects.path(entry.before)}."
            )
        return ConflictError(f"{name} changed after edit {entry.number}; nothing was written.", hint=hint)

    # Versions

    def _version(self, index: int, step: _Step, present: str | None, size: int | None, last: int) -> Version:
        is_now = step.digest is not None and index == last
        kept = step.digest is not None and (step.digest == present or self._objects.has(step.digest))
        bytes_ = step.size if step.size is not None or step.digest != present else size
        entry = step.entry
        return Version(
            index + 1,
            entry.time,
            step.summary,
            entry.thread if step.made else "",
            entry.turn if step.made else "",
            entry.number if step.made else None,
            step.digest,
            bytes_,
            is_now,
            kept,
        )

    def _version_of(self, place: Path, name: str, number: int) -> Version:
        found = self.versions(place)
        hint = f"See: everpilot history {name}"
        if not found:
            raise WorkspaceError(f"Nothing was ever written to {name} from here.", code="version")
        if not 1 <= number <= len(found):
            raise WorkspaceError(f"{name} has no version {number}.", hint=hint, code="version")
        version = found[number - 1]
        if version.sha256 is None:
            raise WorkspaceError(f"Version {number} of {name} is its deletion.", hint=hint, code="version")
        if not version.restorable:
            raise WorkspaceError(f"Version {number} of {name} is not kept any more.", hint=hint, code="not_kept")
        return version

    def _replaceable(self, place: Path, name: str, version: Version) -> str | None:
        """Return the hash of the present file if a version may take its place; raises ConflictError."""
        present = self._files.hash(place)
        if present is None:
            return None
        if present == version.sha256:
            raise WorkspaceError(f"{name} is version {version.number} already.", code="same")
        latest = self._journal.of_path(place)[0].entry
        if present != latest.after:
            kept = self._objects.path(version.sha256 or "")
            raise ConflictError(
                f"{name} was changed by somebody else after edit {latest.number}; nothing was written.",
                hint=f"Restore it to another name: everpilot restore {name} {version.number} --to OTHER. "
                f"That version is kept in {kept}.",
            )
        return present

    def _content(self, version: Version, place: Path) -> bytes:
        assert version.sha256 is not None
        if not self._objects.has(version.sha256) and self._files.hash(place) == version.sha256:
            return place.read_bytes()  # a large file is in the store when the next change replaces it
        return self._objects.get(version.sha256)


@dataclass(frozen=True)
class _Step:
    """A content in a file's chain: made by the entry, or only found when it was made."""

    entry: Entry
    digest: str | None
    size: int | None
    summary: str
    made: bool


def _steps(rows: Sequence[Row]) -> Iterator[_Step]:
    """Yield the contents that rows (oldest first) tell of: what each wrote, and what it found that no row wrote."""
    last: str | None = None
    for row in rows:
        entry = row.entry
        if entry.before is not None and entry.before != last:
            yield _Step(entry, entry.before, row.sizes[0], f"As it was before change {entry.number}", made=False)
        yield _Step(entry, entry.after, row.sizes[1], entry.summary, made=True)
        last = entry.after


def _undo_summary(entry: Entry) -> str:
    undoing = f"Undo {entry.undoes}: "
    if entry.summary.startswith(undoing):
        return f"Redo {entry.undoes}: {entry.summary.removeprefix(undoing)}"
    return f"Undo {entry.number}: {entry.summary}"
