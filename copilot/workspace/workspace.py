"""The workspace: the opened folders, everything read from them and everything written to them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from copilot.documents.hunks import Hunk
from copilot.errors import ConflictError, DocumentError, EverpilotError, WorkspaceError
from copilot.settings import TrustSettings
from copilot.trust.labels import UNKNOWN, WORKSPACE, Label
from copilot.trust.sensitivity import label_of
from copilot.workspace import listing, recovery, save
from copilot.workspace.change import Change, sha256
from copilot.workspace.file import File
from copilot.workspace.journal import Entry, Journal, Row
from copilot.workspace.locks import Locks
from copilot.workspace.objects import Objects
from copilot.workspace.reading import MAX_BYTES, hash_of, missing, read_bytes
from copilot.workspace.roots import Roots
from copilot.workspace.staging import Staging

__all__ = ["Entry", "Staging", "Workspace"]

Labeller = Callable[[bytes, str], Label]


class Workspace:
    """The folders that the user opened. Everything outside them is out of reach, in both directions.

    `state` is the folder of the journal and the locks (made when the first change is written). `labeller` says how
    confidential a file is (by its Microsoft labels and the default settings if left out). `notes` are problems that
    did not keep it from opening.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        state: Path,
        *,
        labeller: Labeller | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._roots = Roots(roots, private=state)
        self._journal = Journal(state / "journal" / "index.sqlite")
        self._objects = Objects(state / "journal" / "objects")
        self._locks = Locks(state / "locks")
        self._labeller = labeller or _by_default_settings
        self._clock = clock
        self._max_bytes = max_bytes
        self.notes: list[str] = []
        try:
            recovery.settle_all(self._journal, self._locks)
        except EverpilotError as error:
            self._note(error)  # reading works without a journal; whoever writes meets the error itself

    # Reading

    @property
    def roots(self) -> tuple[Path, ...]:
        """The opened folders, absolute and without links."""
        return self._roots.folders

    def staging(self) -> Staging:
        """Return an empty overlay for one plan."""
        return Staging(self)

    def listing(self, suffixes: Sequence[str] = ()) -> listing.Listing:
        """Return the documents with one of these suffixes (all if none), and whether these are all."""
        return listing.walk(self._roots, suffixes)

    def files(self, suffixes: Sequence[str] = ()) -> list[Path]:
        """Return the documents with one of these suffixes (all if none), sorted."""
        return self.listing(suffixes).paths

    def resolve(self, path: str | Path) -> Path:
        """Return where `path` lies: relative to the first root that has it, or absolute inside one; links followed.

        Raises OutsideRootsError, which names the roots.
        """
        return self._roots.resolve(path)

    def show(self, path: Path) -> str:
        """Return the path as a person writes it: relative to its root."""
        return self._roots.show(path)

    def label(self, content: bytes, name: str) -> Label:
        """Return the label of a file with these bytes.

        What we wrote from confidential files stays as confidential as they are, also in formats that hold no label.
        """
        label = self._labeller(content, name)
        try:
            made_from = self._journal.label(sha256(content))
        except WorkspaceError as error:
            self._note(error)
            return label
        return replace(label, confidentiality=max(label.confidentiality, made_from.confidentiality))

    def label_of(self, entry: Entry) -> Label:
        """Return the label of what the file held once `entry` was written."""
        made_from = self._journal.label(entry.after) if entry.after else WORKSPACE
        return UNKNOWN | made_from

    def read(self, path: str | Path, *, known: Callable[[], Iterable[Path]] | None = None) -> File:
        """Return the file at `path`; its name is the place that links lead to.

        Raises OutsideRootsError, or DocumentError: missing (with the closest names of `known`), folder, unreadable,
        too_large.
        """
        place = self.resolve(path)
        name = self.show(place)
        try:
            content = read_bytes(place, name, limit=self._max_bytes)
        except DocumentError as error:
            if error.code == "missing":
                raise missing(name, map(self._roots.short, (known or self.files)())) from None
            raise
        return File(place, name, content, self.label(content, name))

    def hash(self, path: str | Path) -> str | None:
        """Return the SHA-256 of the file, None if there is none; raises DocumentError if it can't be read."""
        place = self.resolve(path)
        return hash_of(place, self.show(place))

    # Writing

    def target(self, path: str | Path) -> Path:
        """Return where a change of `path` would be written, if it could be just now.

        Raises OutsideRootsError, LockedError (open elsewhere, read-only), or WorkspaceError for hidden places.
        """
        place = self._roots.resolve(path)
        name = self.show(place)
        if hidden := [part for part in self._roots.relative(place).parts if listing.is_hidden(part)]:
            raise WorkspaceError(
                f"{name} is hidden ({hidden[0]}); hidden files and folders are not written.",
                hint="Choose another name.",
                code="hidden",
            )
        try:
            save.refuse_unwritable(place, name)
        except OSError as error:
            raise _cant_write(name, error) from error
        return place

    def commit(self, change: Change, *, key: str = "", thread: str = "") -> Entry:
        """Write the change and return its entry in the journal.

        With a `key` that is committed already, returns that entry and writes nothing. Raises ConflictError (the file
        is not what the change was made from), LockedError (open elsewhere, or may not be written), OutsideRootsError,
        or WorkspaceError (disk full and the like); then the file is as it was.
        """
        return self.committed(key) or self._apply(change, key=key, thread=thread)

    def committed(self, key: str) -> Entry | None:
        """Return the entry that was committed under this key, None if there is none."""
        if not key or not os.path.isfile(self._journal.file):
            return None
        recovery.settle_all(self._journal, self._locks)
        return self._journal.by_key(key)

    def history(self, limit: int = 50) -> list[Entry]:
        """Return the latest entries of files in the roots, newest first."""
        recovery.settle_all(self._journal, self._locks)
        return [row.entry for row in self._journal.rows(self.roots, max(limit, 0))]

    def undo(self, number: int | None = None) -> Entry:
        """Take an entry back, byte for byte, and return the entry of doing so; undoing that one does it again.

        None takes the latest one that is neither undone nor an undo. Raises ConflictError unless the file is exactly
        what that entry wrote, and WorkspaceError if there is no such entry or it is undone already.
        """
        recovery.settle_all(self._journal, self._locks)
        row = self._latest() if number is None else self._numbered(number)
        entry, name = row.entry, self.show(row.entry.path)
        if self.hash(entry.path) != entry.after:
            raise self._changed_since(entry, name)
        content = None if entry.before is None else self._objects.get(entry.before)
        hunks = tuple(Hunk(h["where"], h["after"], h["before"], h["kind"]) for h in entry.hunks)
        # The label adds nothing: the restored bytes have the one that they had.
        change = Change(entry.path, entry.after, content, hunks, _undo_summary(entry), label=WORKSPACE)
        return self._apply(change, thread=entry.thread, undone=row)

    def _latest(self) -> Row:
        for row in self._journal.rows(self.roots):
            if row.entry.undoes is None and row.entry.undone_by is None:
                return row
        raise WorkspaceError("There is nothing to undo in these folders.", code="nothing_to_undo")

    def _numbered(self, number: int) -> Row:
        row = self._journal.row(number, self.roots)
        if row is None:
            raise WorkspaceError(
                f"There is no edit {number} in these folders.", hint="`everpilot undo --list` shows them.", code="entry"
            )
        if (by := row.entry.undone_by) is not None:
            raise WorkspaceError(f"Edit {number} is undone already.", hint=f"Undo {by} does it again.", code="undone")
        return row

    def _changed_since(self, entry: Entry, name: str) -> ConflictError:
        later = next((r.entry.number for r in self._journal.rows(self.roots) if r.entry.path == entry.path), 0)
        if later > entry.number:
            hint = f"Undo the later edits of it first; the latest is {later}."
        elif entry.before is None:
            hint = "Delete it yourself if it is not needed."
        else:
            hint = f"The version before the edit is kept in {self._objects.path(entry.before)}."
        return ConflictError(f"{name} changed after edit {entry.number}; nothing was written.", hint=hint)

    def _apply(self, change: Change, *, key: str = "", thread: str = "", undone: Row | None = None) -> Entry:
        path = self.resolve(change.path)
        name = self.show(path)
        try:
            with self._locks.hold(path, name):
                recovery.settle_path(self._journal, path)
                if key and (done := self._journal.by_key(key)):
                    return done
                self.target(path)
                stamp = save.Stamp.of(path)
                before = self._unchanged(path, name, change)
                row = self._planned(path, change, key, thread, undone)
                return self._write(row, before, change.content, stamp, undone)
        except OSError as error:
            raise _cant_write(name, error) from error

    def _unchanged(self, path: Path, name: str, change: Change) -> bytes | None:
        """Return the present bytes of the file if the change was made from them; raises ConflictError."""
        content = read_bytes(path, name, limit=self._max_bytes) if save.Stamp.of(path) else None
        if (None if content is None else sha256(content)) == change.before:
            if content is None and change.content is None:
                raise ConflictError(f"There is no {name} to delete.")
            return content
        if change.before is None:
            raise ConflictError(f"{name} exists already.", hint="Read it, or choose another name.")
        what = "is gone" if content is None else "changed since it was read"
        raise ConflictError(f"{name} {what}; nothing was written.", hint="Read it again and repeat the edit.")

    def _planned(self, path: Path, change: Change, key: str, thread: str, undone: Row | None) -> Row:
        entry = Entry(
            number=0,
            time=self._clock().astimezone(UTC).isoformat(timespec="seconds"),
            path=path,
            summary=change.summary,
            before=change.before,
            after=change.after,
            thread=thread,
            key=key,
            undoes=undone.entry.number if undone else None,
            hunks=[hunk.to_dict() for hunk in change.hunks],
        )
        mode = path.stat().st_mode & 0o7777 if change.before is not None else undone.mode if undone else None
        folders = [parent for parent in path.parents if not os.path.exists(parent)]
        return Row(entry, "writing", save.beside(path), folders, mode, change.label)

    def _write(
        self, row: Row, before: bytes | None, after: bytes | None, stamp: save.Stamp | None, undone: Row | None
    ) -> Entry:
        """Journal the old and the new bytes, then exchange the file; on any fault find out which one it is now."""
        try:
            for content in (before, after):
                if content is not None:
                    self._objects.put(content)
            row = self._journal.begin(row)
            self._exchange(row, after, stamp)
            self._journal.mark(row.entry.number, "done")
            if after is None and undone is not None:
                save.remove_folders(undone.folders)
        except BaseException:
            self._settle_failed(row.entry.path)
            raise
        return row.entry

    def _exchange(self, row: Row, content: bytes | None, stamp: save.Stamp | None) -> None:
        path, temporary, number = row.entry.path, row.temporary, row.entry.number
        name = self.show(path)
        if content is None or temporary is None:
            self._journal.mark(number, "pending")
            save.remove(path, stamp, name)
            return
        save.make_folders(path.parent)
        save.write_beside(temporary, content, path if stamp else None, row.mode)
        self._journal.mark(number, "pending")
        save.replace(temporary, path, stamp, name)

    def _settle_failed(self, path: Path) -> None:
        try:
            recovery.settle_path(self._journal, path)
        except (EverpilotError, OSError) as error:
            self._note(error)  # the next one to open the journal settles it

    def _note(self, problem: Exception) -> None:
        if str(problem) not in self.notes:
            self.notes.append(str(problem))


def _undo_summary(entry: Entry) -> str:
    undoing = f"Undo {entry.undoes}: "
    if entry.summary.startswith(undoing):
        return f"Redo {entry.undoes}: {entry.summary.removeprefix(undoing)}"
    return f"Undo {entry.number}: {entry.summary}"


def _cant_write(name: str, error: OSError) -> WorkspaceError:
    return WorkspaceError(
        f"{name} can't be written: {error.strerror or error}.",
        hint="Check the disk, its room and who may write there; the file is as it was.",
    )


def _by_default_settings(content: bytes, name: str) -> Label:
    return label_of(content, name, TrustSettings())
