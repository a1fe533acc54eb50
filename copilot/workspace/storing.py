"""Saving in a folder that lies elsewhere: the file is saved here as any other, then stored at its place.

What is refused there is taken back here, as a step of the history like any undo, so that both are one again and nothing
is lost. What can't be stored just now waits; what others changed meanwhile stays as they left it, ours is kept beside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

from copilot.documents.hunks import Hunk
from copilot.errors import ConflictError, EverpilotError, LockedError, PlaceConflictError, WorkspaceError
from copilot.trust.labels import UNKNOWN, WORKSPACE
from copilot.workspace import recovery
from copilot.workspace.change import Change, sha256
from copilot.workspace.journal import Entry, Journal, Row
from copilot.workspace.locks import Locks
from copilot.workspace.mounted import Mounted
from copilot.workspace.mounts import Node
from copilot.workspace.objects import Objects
from copilot.workspace.outbox import Waiting
from copilot.workspace.reading import read_bytes
from copilot.workspace.saving import Saver

#: When a version that can't be stored is kept as a file beside: when it waited, whenever it is refused, or not at all.
Copies = Literal["waiting", "always", "never"]
_BAD = str.maketrans(dict.fromkeys('"*:<>?/\\|%', "_"))


class Plan(Protocol):
    """Makes the row of a change, as far as it is known before it is written."""

    def __call__(self, path: Path, change: Change, like: Row | None, *, key: str, thread: str, turn: str) -> Row:
        """Return the row."""


@dataclass(frozen=True)
class Storing:
    """What a workspace needs to save in places elsewhere. `commit` writes a change under a lock of its own."""

    saver: Saver
    journal: Journal
    objects: Objects
    locks: Locks
    plan: Plan
    commit: Callable[[Change], Entry]
    note: Callable[[Exception], None]
    show: Callable[[Path], str]
    clock: Callable[[], datetime]
    copies: Copies = "waiting"

    def save(self, mount: Mounted, change: Change, row: Row, name: str) -> Entry:
        """Save a change here and store it at the place; the caller holds the file's lock.

        Raises ConflictError, LockedError or WorkspaceError; then the file is as it was, here and there. A place that
        can't be reached takes it later (`mount.notes` say so).
        """
        path = row.entry.path
        before = mount.intend(path, change)
        try:
            entry = self.saver.save(change, row, name, self.note)
        except BaseException:
            mount.settle(path)
            raise
        mount.written(path)
        try:
            mount.deliver(path)
        except WorkspaceError as refusal:
            error: WorkspaceError = refusal
            try:
                may = isinstance(refusal, LockedError) and before is None
                opened = self._in_the_open_file(mount, change, entry, row, name) if may else None
                if opened is not None:
                    return opened
            except WorkspaceError as worse:
                error = worse
            mount.refuse(entry.key, error)
            self._take_back(mount, entry, row, before, name)
            raise error from refusal
        return entry

    def _take_back(self, mount: Mounted, entry: Entry, row: Row, before: Waiting | None, name: str) -> bool:
        """Undo what was saved here and refused there; what can't be undone now waits, and is settled by `sync`."""
        try:
            content = None if entry.before is None else self.objects.get(entry.before)
            hunks = tuple(Hunk(h["where"], h["after"], h["before"], h["kind"]) for h in entry.hunks)
            summary = f"Undo {entry.number}: {entry.summary}"
            back = Change(entry.path, entry.after, content, hunks, summary, label=WORKSPACE)
            planned = self.plan(entry.path, back, row, key="", thread=entry.thread, turn=entry.turn)
            undoing = replace(planned, entry=replace(planned.entry, undoes=entry.number))
            self.saver.save(back, undoing, name, self.note)
        except (EverpilotError, OSError) as trouble:
            self.note(trouble)
            return False
        mount.give_up(entry.path, before)
        return True

    def _in_the_open_file(self, mount: Mounted, change: Change, entry: Entry, row: Row, name: str) -> Entry | None:
        """Make the change in the file that people have open, cell by cell; None where that can't be."""
        if not change.hunks or entry.before is None or any(hunk.kind != "cell" for hunk in change.hunks):
            return None
        made = mount.write_open(entry.path, change, self.objects.get(entry.before))
        if made is None:
            return None
        content, node = made
        if not self._take_back(mount, entry, row, None, name):
            return entry
        summary = f"{change.summary} (in the open file at {mount.name})"
        there = replace(change, content=content, summary=summary)
        planned = self.plan(entry.path, there, row, key="", thread=entry.thread, turn=entry.turn)
        mount.intend(entry.path, there)
        written = self.saver.save(there, planned, name, self.note)
        mount.written(entry.path)
        mount.replaced(entry.path, node)
        return written

    # --- what waits ---------------------------------------------------------------------------------------------------

    def sync(self, mount: Mounted) -> list[str]:
        """Store what waits, in its order, and return what became of each; it ends where the place can't be had."""
        told: list[str] = []
        for path in mount.waiting():
            name = self.show(path)
            try:
                with self.locks.attempt(path) as free:
                    done = self._sync_one(mount, path) if free else None
            except PlaceConflictError as error:
                told.append(self._give_way(mount, path, name, error))
                continue
            except EverpilotError as error:
                told.append(f"{name} waits still: {error}")
                continue
            if done:
                told.append(f"{name} is stored at {mount.name} now.")
            elif done is False:
                told.append(f"{name} waits still: {mount.name} can't take it now.")
                break
        return told

    def _sync_one(self, mount: Mounted, path: Path) -> bool | None:
        """Return whether what waits of a file is stored now, None when nothing waited; the lock is held."""
        recovery.settle_path(self.journal, self.objects, path)
        mount.settle(path)
        return mount.deliver(path) if path in mount.waiting() else None

    def _give_way(self, mount: Mounted, path: Path, name: str, error: ConflictError) -> str:
        """Let what others wrote have its place, and keep ours beside it and in the history; return what was done."""
        try:
            there = mount.present(path)  # first: where the place can't be had, no copy is made in vain
            ours = read_bytes(path, name) if path.is_file() else None
            copy = self._copy(mount, path, ours) if ours is not None and self.copies != "never" else ""
            with self.locks.hold(path, name):
                self._exchange(mount, path, name, ours, there)
        except (EverpilotError, OSError) as trouble:
            return f"{name} waits still: {error.message} {trouble}"
        where = f"Yours is kept as {copy}" if copy else "Yours is kept in the history"
        return f"{error.message} {where if ours is not None else 'It was not deleted'}."

    def _exchange(
        self, mount: Mounted, path: Path, name: str, ours: bytes | None, there: tuple[bytes, Node] | None
    ) -> None:
        if ours is None:
            mount.give_up(path, None)
            return
        content, node = there if there is not None else (None, None)
        hunk = Hunk(name, "what waited here", f"what is at {mount.name}", "file")
        summary = f"What is at {mount.name} took the place of what waited"
        change = Change(path, sha256(ours), content, (hunk,), summary, label=WORKSPACE)
        planned = self.plan(path, change, None, key="", thread="", turn="")
        self.saver.save(change, planned, name, self.note)
        mount.replaced(path, node)

    def kept_beside(self, mount: Mounted, change: Change, error: PlaceConflictError) -> PlaceConflictError:
        """Return the error for a change that was refused, after its version was kept beside, where that is wanted."""
        if self.copies != "always" or change.content is None:
            return error
        try:
            copy = self._copy(mount, change.path, change.content, change)
        except EverpilotError as trouble:
            self.note(trouble)
            return error
        return PlaceConflictError(error.message, hint=f"Your version is kept as {copy}. {error.hint}")

    def _copy(self, mount: Mounted, path: Path, content: bytes, change: Change | None = None) -> str:
        """Return the name under which a version is kept beside its file; it is stored at the place as any new file."""
        digest = sha256(content)
        day = self.clock().date().isoformat()
        who = " ".join(filter(None, ["conflict", day, mount.mount.account.translate(_BAD)]))
        for number in range(1, 100):
            more = f" {number}" if number > 1 else ""
            target = path.with_name(f"{path.stem} ({who}){more}{path.suffix}")
            if not mount.has(target):
                break
            if mount.digest(target) == digest:
                return self.show(target)  # of an earlier try, which did not come to its end
        name = self.show(target)
        hunk = Hunk(name, "", f"the version of {self.show(path)} that could not be stored", "file")
        label = change.label if change else UNKNOWN | self.journal.label(digest)
        self.commit(Change(target, None, content, (hunk,), f"Keep {name} beside", label=label))
        return name
