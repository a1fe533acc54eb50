"""The workspace: the opened folders, everything read from them and everything written to them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from copilot._sealing import Sealer
from copilot.errors import DocumentError, EverpilotError, PlaceConflictError, ServiceError, WorkspaceError
from copilot.settings import HistorySettings, TrustSettings
from copilot.trust.labels import UNKNOWN, WORKSPACE, Label
from copilot.trust.sensitivity import label_of
from copilot.workspace import listing, pruning, recovery, save
from copilot.workspace.change import Change, sha256
from copilot.workspace.file import File
from copilot.workspace.history import History, Version
from copilot.workspace.journal import Entry, Journal, Row
from copilot.workspace.known import Known, stamp
from copilot.workspace.locks import Locks
from copilot.workspace.metadata import Metadata
from copilot.workspace.mounted import Mounted
from copilot.workspace.mounts import Node
from copilot.workspace.objects import Objects
from copilot.workspace.reading import MAX_BYTES, hash_of, missing, read_bytes
from copilot.workspace.roots import Roots
from copilot.workspace.saving import Saver
from copilot.workspace.staging import Staging
from copilot.workspace.storing import Copies, Storing

__all__ = ["Entry", "Staging", "Version", "Workspace"]

Labeller = Callable[[bytes, str], Label]


class Workspace:
    """The folders that the user opened. Everything outside them is out of reach, in both directions.

    `state` is the folder of the journal and the locks (made when the first change is written). `labeller` says how
    confidential a file is (by its Microsoft labels and the default settings if left out). `history` says how long old
    versions are kept, and whether encrypted. `notes` are problems that kept it neither from opening nor from writing.
    `done` is what a tool says once its change is written.
    `mounts` are those of the roots that lie elsewhere; `copies` says when a version that can't be stored there, because
    somebody changed the file, is kept beside it.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        state: Path,
        *,
        labeller: Labeller | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        max_bytes: int = MAX_BYTES,
        history: HistorySettings | None = None,
        mounts: Sequence[Mounted] = (),
        copies: Copies = "waiting",
    ) -> None:
        self.state = state
        self.done = "Done and saved"
        self._roots = Roots(roots, private=state, mounts=mounts)
        self._limits = history or HistorySettings()
        journal, encrypt = state / "journal", self._limits.encrypt
        sealer = Sealer(journal / "key.json", "The journal")
        self._journal = Journal(journal / "index.sqlite", sealer, encrypt=encrypt)
        self._objects = Objects(journal / "objects", sealer, encrypt=encrypt)
        self._locks = Locks(state / "locks")
        self._store = save.store_name(state)
        self._known = Known()
        self._saver = Saver(self._journal, self._objects, self._known, max_bytes)
        self._history = History(self._journal, self._objects, self, self._apply_back)
        self._storing = Storing(
            self._saver,
            self._journal,
            self._objects,
            self._locks,
            self._planned,
            self._apply,
            self._note,
            self.show,
            clock,
            copies,
        )
        self._labeller = labeller or _by_default_settings
        self._clock = clock
        self._max_bytes = max_bytes
        self.notes: list[str] = []
        #: Told of each entry that takes something back or brings it back: for the audit log.
        self.watch: Callable[[Entry], object] | None = None
        #: Asked before each commit; what it raises is why nothing is written: for quotas.
        self.allow: Callable[[Change], object] | None = None
        try:
            self._settle()
            self._sweep(self.roots)
        except EverpilotError as error:
            self._note(error)  # reading works without a journal; whoever writes meets the error itself
        if any(mount.waiting() for mount in mounts):
            self.notes += self.sync()

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
        return self._label(content, name, sha256(content))

    def _label(self, content: bytes, name: str, digest: str) -> Label:
        label = self._labeller(content, name)
        try:
            made_from = self._journal.label(digest)
        except WorkspaceError as error:
            self._note(error)
            return label
        joined = label | made_from
        return replace(label, confidentiality=joined.confidentiality, readers=joined.readers)

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
        mount = self._arrived(place, name)
        seen = stamp(place)
        try:
            content = read_bytes(place, name, limit=self._max_bytes)
        except DocumentError as error:
            if error.code == "missing":
                raise self._missing(place, name, mount, known or self.files) from None
            raise
        digest = sha256(content)
        self._known.note(place, seen, digest)
        label = self._label(content, name, digest)
        return File(place, name, content, mount.marks(place, label) if mount else label, [digest])

    def _arrived(self, place: Path, name: str) -> Mounted | None:
        """Fetch a file that lies elsewhere, if it is not here as it is there; return its mount, None without one."""
        mount = self._roots.mount_of(place)
        if mount is not None:
            try:
                mount.ensure(place)
            except ServiceError as error:
                raise DocumentError(
                    f"{name} can't be fetched: {error.message}", hint=error.hint, code="unreadable"
                ) from error
            self._tell_of(mount)
        return mount

    def _missing(
        self, place: Path, name: str, mount: Mounted | None, known: Callable[[], Iterable[Path]]
    ) -> DocumentError:
        error = missing(name, map(self._roots.short, known()))
        why = mount.why_missing(place) if mount else ""
        return DocumentError(f"{error.message} {why}", hint=error.hint, code="missing") if why else error

    def exists(self, path: str | Path) -> bool:
        """Return whether there is a file at `path`; one that lies elsewhere is not fetched for it."""
        place = self.resolve(path)
        mount = self._roots.mount_of(place)
        return os.path.isfile(place) if mount is None else mount.has(place, folders=False)

    def placed(self, path: str | Path) -> tuple[Mounted, Node] | None:
        """Return where a file lies elsewhere, and what the place last said of it; None for one of this machine.

        Raises DocumentError (missing) when it lies elsewhere and there is none.
        """
        place = self.resolve(path)
        mount = self._roots.mount_of(place)
        if mount is None:
            return None
        node = mount.node(place)
        if node is None or node.folder:
            raise self._missing(place, self.show(place), mount, self.files)
        return mount, node

    def unfetched(self, path: str | Path) -> Node | None:
        """Return what is known of a file that lies elsewhere and was not fetched yet; None for one that is here."""
        place = self.resolve(path)
        mount = self._roots.mount_of(place)
        return mount.node(place) if mount is not None and not mount.is_fetched(place) else None

    def hash(self, path: str | Path) -> str | None:
        """Return the SHA-256 of the file, None if there is none; raises DocumentError if it can't be read."""
        place = self.resolve(path)
        self._arrived(place, name := self.show(place))
        seen, digest = stamp(place), hash_of(place, name)
        if digest is not None:
            self._known.note(place, seen, digest)
        return digest

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
            if stale := save.refuse_unwritable(place, name, now=self._clock().timestamp()):
                self._tell(stale)
        except OSError as error:
            raise _cant_write(name, error) from error
        return place

    def know_as(self, name: str) -> None:
        """Call the folders by this name where somebody is told of them who may not know where they lie."""
        self._roots.known_as = name

    def commit(self, change: Change, *, key: str = "", thread: str = "", turn: str = "") -> Entry:
        """Write the change and return its entry in the journal.

        `turn` names what a person said in the conversation `thread` that led to it: what `undo_turn` takes back at
        once. With a `key` that is committed already, returns that entry and writes nothing. Raises ConflictError (the
        file is not what the change was made from), LockedError (open elsewhere, or may not be written),
        OutsideRootsError, or WorkspaceError (disk full and the like); then the file is as it was.
        """
        if (entry := self.committed(key)) is not None:
            return entry
        if self.allow is not None:
            self.allow(change)
        return self._apply(change, key=key, thread=thread, turn=turn)

    def sync(self) -> list[str]:
        """Store what waits for places elsewhere, and return what became of each change, in words.

        What others changed meanwhile stays as it is there; our version is kept beside it, and in the history.
        """
        return [line for mount in self._roots.mounts for line in self._storing.sync(mount)]

    def committed(self, key: str) -> Entry | None:
        """Return the entry that was committed under this key, None if there is none."""
        if not key or not os.path.isfile(self._journal.file):
            return None
        self._settle()
        entry = self._journal.by_key(key)
        mount = self._roots.mount_of(entry.path) if entry else None
        if mount is not None and (refused := mount.refusal(key)) is not None:
            raise refused
        return entry

    # History

    def history(self, limit: int = 50) -> list[Entry]:
        """Return the latest entries of files in the roots, newest first."""
        self._settle()
        return [row.entry for row in self._journal.rows(self.roots, max(limit, 0))]

    def undo(self, number: int | None = None) -> Entry:
        """Take an entry back, byte for byte, and return the entry of doing so; undoing that one does it again.

        None takes the latest one that is neither undone nor an undo. Raises ConflictError unless the file is exactly
        what that entry wrote, and WorkspaceError if there is no such entry or it is undone already.
        """
        self._settle()
        return self._history.undo(number)

    def redo(self, number: int | None = None) -> Entry:
        """Do again what was undone: the entry `number`, or the last one if nothing was written to its file since.

        Raises as `undo`; WorkspaceError (nothing_to_redo, not_undone).
        """
        self._settle()
        return self._history.redo(number)

    def undo_turn(self, turn: str | None = None, thread: str | None = None) -> list[Entry]:
        """Take back everything that was written for one thing that a person said; all of it or nothing.

        None takes the turn of the latest entry (in `thread`, if given). Returns the entries of doing so, newest first.
        Raises as `undo`, naming the change that stands in the way.
        """
        self._settle()
        return self._history.undo_turn(turn, thread)

    def undo_thread(self, thread: str) -> list[Entry]:
        """Take back everything that was written in a conversation; all of it or nothing, as `undo_turn`."""
        self._settle()
        return self._history.undo_thread(thread)

    def versions(self, path: str | Path) -> list[Version]:
        """Return the contents that a file had, as far as they were written or found here; oldest first.

        The file may be deleted by now. Raises OutsideRootsError, or DocumentError if it can't be read.
        """
        self._settle()
        return self._history.versions(path)

    def restore(self, path: str | Path, version: int, *, to: str | Path | None = None) -> Entry:
        """Bring back a version of a file, byte for byte, and return the entry of doing so, which can be undone.

        `to` writes it to another name, which must be free. Raises ConflictError if the file was changed by somebody
        else since the last entry, or `to` exists; WorkspaceError if there is no such version, or it is not kept.
        """
        self._settle()
        return self._history.restore(path, version, to)

    def _apply_back(self, change: Change, thread: str, turn: str, row: Row | None, undoes: bool) -> Entry:
        entry = self._apply(change, thread=thread, turn=turn, like=row, undone=row if undoes else None)
        if self.watch is not None:
            self.watch(entry)
        return entry

    def _apply(
        self,
        change: Change,
        *,
        key: str = "",
        thread: str = "",
        turn: str = "",
        like: Row | None = None,
        undone: Row | None = None,
    ) -> Entry:
        path = self.resolve(change.path)
        mount = self._roots.mount_of(path)
        if mount is None:
            return self._apply_at(path, change, None, like, undone, key=key, thread=thread, turn=turn)
        try:
            return self._apply_at(path, change, mount, like, undone, key=key, thread=thread, turn=turn)
        except PlaceConflictError as error:
            raise (error if like is not None else self._storing.kept_beside(mount, change, error)) from None
        except ServiceError as error:
            raise WorkspaceError(f"{self.show(path)}: {error.message}", hint=error.hint, code=error.code) from error
        finally:
            self._tell_of(mount)

    def _apply_at(
        self,
        path: Path,
        change: Change,
        mount: Mounted | None,
        like: Row | None,
        undone: Row | None,
        *,
        key: str,
        thread: str,
        turn: str,
    ) -> Entry:
        name = self.show(path)
        try:
            with self._locks.hold(path, name):
                recovery.settle_path(self._journal, self._objects, path)
                if key and (done := self._journal.by_key(key)):
                    return done
                if mount is not None:
                    mount.settle(path)
                    mount.prepare(path, change)
                self.target(path)
                self._sweep([path.parent])
                planned = self._planned(path, change, like, key=key, thread=thread, turn=turn)
                row = replace(planned, entry=replace(planned.entry, undoes=undone.entry.number if undone else None))
                if mount is not None:
                    entry = self._storing.save(mount, change, row, name)
                else:
                    entry = self._saver.save(change, row, name, self._note)
            if change.content is None and undone is not None:
                save.remove_folders(undone.folders)
            self._prune()
            return entry
        except OSError as error:
            raise _cant_write(name, error) from error

    def _planned(self, path: Path, change: Change, like: Row | None, *, key: str, thread: str, turn: str) -> Row:
        entry = Entry(
            number=0,
            time=self._clock().astimezone(UTC).isoformat(timespec="seconds"),
            path=path,
            summary=change.summary,
            before=change.before,
            after=None,  # known when the row is ready; hashing goes on beside the writing
            thread=thread,
            turn=turn or _turn_of(key, thread),
            key=key,
            hunks=[hunk.to_dict() for hunk in change.hunks],
        )
        was = Metadata.of(path) if os.path.isfile(path) else like.metadata if like else None
        folders = [parent for parent in path.parents if not os.path.exists(parent)]
        return Row(entry, "writing", save.beside(path, self._store), folders, was, change.label)

    def _settle(self) -> None:
        recovery.settle_all(self._journal, self._objects, self._locks)

    def _sweep(self, folders: Iterable[Path]) -> None:
        if os.path.isfile(self._journal.file):  # nothing of ours is older than the journal
            for folder in folders:
                recovery.sweep(folder, self._store, self._journal, self._objects, self._clock().timestamp())

    def _prune(self) -> None:
        try:
            pruning.prune(self._journal, self._objects, self._limits, int(self._clock().timestamp()))
        except (EverpilotError, OSError) as error:
            self._note(error)  # the store is larger than it should be; the change is done

    def _tell(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _tell_of(self, mount: Mounted) -> None:
        for note in mount.notes:
            self._tell(note)
        mount.notes.clear()

    def _note(self, problem: Exception) -> None:
        self._tell(str(problem))


def _turn_of(key: str, thread: str) -> str:
    """Return a turn for a key whose caller names none: the message of the model that asked for the change."""
    if not (thread and key.startswith(f"{thread}:")):
        return ""
    return key.removeprefix(f"{thread}:").partition(":")[0]


def _cant_write(name: str, error: OSError) -> WorkspaceError:
    return WorkspaceError(
        f"{name} can't be written: {error.strerror or error}.",
        hint="Check the disk, its room and who may write there; the file is as it was.",
    )


def _by_default_settings(content: bytes, name: str) -> Label:
    return label_of(content, name, TrustSettings())
