"""One save, from the bytes in memory to the entry in the journal.

1. A row says what will lie where (`writing`), then the new file is written beside the document, down to the disk.
2. The row becomes `pending`, down to the disk: from here on the next process can tell what happened.
3. The two names are exchanged in one step. What was taken out of its place is looked at once more: if it is not what
   the change was made from, it goes back. So a writer that knows nothing of our locks loses nothing either.
4. The old file itself moves into the store: no byte of it is written a second time.
Where the system has no exchange, the disk is another one, or the journal is encrypted, the old bytes are copied into
the store, down to the disk, before step 2, and step 3 is a look and a rename.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from copilot.errors import ConflictError, EverpilotError
from copilot.workspace import known, recovery, save
from copilot.workspace.change import Change, sha256
from copilot.workspace.exchange import rename_new, swap
from copilot.workspace.journal import Entry, Journal, Row
from copilot.workspace.known import Known
from copilot.workspace.objects import Objects
from copilot.workspace.reading import read_bytes
from copilot.workspace.save import Stamp

T = TypeVar("T")
#: From this size on hashes are computed while the disk writes; below it a thread costs more than it saves.
_LARGE = 1 << 20
#: New bytes up to this size are kept at once, so that they can be restored even if somebody overwrites the file; larger
#: ones when the next change replaces them. They are in the document, so the copy need not reach the disk now.
_COPIED = 4 << 20


class Saver:
    """Writes changes into the files of one workspace. The caller holds the file's lock."""

    def __init__(self, journal: Journal, objects: Objects, known: Known, limit: int) -> None:
        self._journal = journal
        self._objects = objects
        self._known = known
        self._limit = limit

    def save(self, change: Change, row: Row, name: str, note: Callable[[Exception], None]) -> Entry:
        """Write the change, of which `row` is the plan, and return its entry.

        Raises ConflictError or OSError; then the file is as it was and the journal does not know of it. A fault that is
        met when the file has changed already, and can't be taken back, goes to `note`.
        """
        row = self._journal.begin(row)
        try:
            seen = Stamp.of(row.entry.path)
            row, moves = self._prepare(change, row, seen, name)
            self._journal.ready(row)
            self._happen(row, seen, moves, name)
        except BaseException as error:
            if not self._settled(row, note) or not isinstance(error, OSError):
                raise
            note(error)  # the file has changed, and the journal says so: that is what the caller must hear
            return row.entry
        self._remember(row)
        try:
            self._journal.done(row.entry.number, self._kept(row), _seconds(row.entry))
        except (EverpilotError, OSError) as error:
            note(error)  # it is `pending`, with everything on the disk: whoever opens the journal next says `done`
        return row.entry

    def _prepare(self, change: Change, row: Row, seen: Stamp | None, name: str) -> tuple[Row, bool]:
        """Bring everything onto the disk; return the row as it will stand, and whether the old file is moved."""
        path, temporary = row.entry.path, row.temporary
        moves = seen is not None and self._objects.can_adopt(path)
        size = max(len(change.content or b""), seen.size if seen else 0)
        with _beside_the_disk(size >= _LARGE) as start:
            inode = 0
            old = start(lambda: self._hash(path, name, copy=not moves) if seen else None)
            after = start(lambda: change.after)
            if change.content is not None:
                assert temporary is not None
                save.make_folders(path.parent)
                inode = save.write_beside(temporary, change.content, row.metadata)
            _refuse_other(change, old(), name)
            row = replace(row, entry=replace(row.entry, after=after()), sizes=_sizes(seen, change), inode=inode)
        if change.content is not None and len(change.content) <= _COPIED:
            self._copy(change.content, row.entry.after or "")
        return row, moves

    def _hash(self, path: Path, name: str, *, copy: bool) -> str:
        """Return the hash of the present file; with `copy` its bytes are in the store then, down to the disk."""
        if not copy and (digest := self._known.digest(path)):
            return digest
        content = read_bytes(path, name, limit=self._limit)
        return self._objects.put(content) if copy else sha256(content)

    def _copy(self, content: bytes, digest: str) -> None:
        try:
            self._objects.put(content, digest=digest, durable=False)
        except OSError:
            return  # no room: it is in the document itself

    def _happen(self, row: Row, seen: Stamp | None, moves: bool, name: str) -> None:
        path, temporary = row.entry.path, row.temporary
        assert temporary is not None
        if Path(os.path.realpath(path)) != path:
            raise save.changed(name)
        if row.entry.after is None:
            self._remove(row, temporary, seen, moves, name)
        elif seen is None:
            self._create(path, temporary, name)
        elif not self._exchange(row, temporary, seen, moves, name):
            self._replace(row, temporary, seen, moves, name)

    def _create(self, path: Path, temporary: Path, name: str) -> None:
        try:
            rename_new(temporary, path)
        except FileExistsError:
            raise save.changed(name) from None
        save.sync_folder(path.parent)

    def _exchange(self, row: Row, temporary: Path, seen: Stamp, moves: bool, name: str) -> bool:
        """Exchange the new and the old file; False if the system can't."""
        path, ours = row.entry.path, Stamp.of(temporary)
        save.refuse_changed(path, seen, name)  # cheap, and most conflicts are met here
        try:
            if not swap(temporary, path):
                return False
        except FileNotFoundError:
            raise save.changed(name) from None
        try:
            self._refuse_taken(row, temporary, seen, name)
            save.sync_folder(path.parent)
            self._put_away(row, temporary, moves)
        except (OSError, EverpilotError):
            if os.path.lexists(temporary):
                _swap_back(temporary, path, ours)
            raise
        return True

    def _replace(self, row: Row, temporary: Path, seen: Stamp, moves: bool, name: str) -> None:
        path = row.entry.path
        if moves:  # it was to be moved, and can't be: there is no exchange on this disk
            self._hash(path, name, copy=True)
        save.refuse_changed(path, seen, name)
        os.replace(temporary, path)
        save.sync_folder(path.parent)

    def _remove(self, row: Row, temporary: Path, seen: Stamp | None, moves: bool, name: str) -> None:
        path = row.entry.path
        assert seen is not None
        save.refuse_changed(path, seen, name)
        os.rename(path, temporary)
        try:
            self._refuse_taken(row, temporary, seen, name)
            save.sync_folder(path.parent)
            self._put_away(row, temporary, moves)
        except (OSError, EverpilotError):
            if os.path.lexists(temporary):
                rename_new(temporary, path)
            raise

    def _refuse_taken(self, row: Row, taken: Path, seen: Stamp, name: str) -> None:
        """Raise ConflictError if what was taken out is not what was looked at: somebody wrote in the same moment."""
        if Stamp.of(taken) != seen:
            raise save.changed(name)
        if known.is_certain(taken, seen.modified):
            return
        if sha256(read_bytes(taken, name, limit=self._limit)) != row.entry.before:  # written twice in one tick
            raise save.changed(name)

    def _put_away(self, row: Row, old: Path, moves: bool) -> None:
        """Move the old file into the store, or remove it if a copy is there."""
        if moves:
            self._objects.adopt(old, row.entry.before or "")
        else:
            old.unlink()

    def _settled(self, row: Row, note: Callable[[Exception], None]) -> bool:
        """Find out what a change is that met a fault; return whether it happened."""
        try:
            recovery.settle_path(self._journal, self._objects, row.entry.path)
            return self._journal.happened(row.entry.number)
        except (EverpilotError, OSError) as error:
            note(error)  # the next one to open the journal settles it
            return False

    def _remember(self, row: Row) -> None:
        place, digest, size = row.entry.path, row.entry.after, row.sizes[1]
        written = known.stamp(place)
        if digest is not None and written is not None and written[1:3] == (row.inode, size):
            self._known.note(place, written, digest)

    def _kept(self, row: Row) -> list[tuple[str, int]]:
        """Return what of the change is in the store: hash and bytes on the disk."""
        hashes = {digest for digest in (row.entry.before, row.entry.after) if digest}
        places = ((digest, self._objects.path(digest)) for digest in hashes)
        return [(digest, place.stat().st_size) for digest, place in places if place.is_file()]


def _sizes(seen: Stamp | None, change: Change) -> tuple[int | None, int | None]:
    return seen.size if seen else None, None if change.content is None else len(change.content)


def _refuse_other(change: Change, present: str | None, name: str) -> None:
    """Raise ConflictError unless the file is what the change was made from."""
    if present == change.before:
        if present is None and change.content is None:
            raise ConflictError(f"There is no {name} to delete.")
        return
    if change.before is None:
        raise ConflictError(f"{name} exists already.", hint="Read it, or choose another name.")
    what = "is gone" if present is None else "changed since it was read"
    raise ConflictError(f"{name} {what}; nothing was written.", hint="Read it again and repeat the edit.")


def _swap_back(temporary: Path, path: Path, ours: Stamp | None) -> None:
    """Give back what was taken out. What was written over ours in that moment stays: it is the newest."""
    if Stamp.of(path) == ours:
        swap(temporary, path)


@contextmanager
def _beside_the_disk(large: bool) -> Iterator[Callable[[Callable[[], T]], Callable[[], T]]]:
    """Yield how to start a computation whose result is asked for later: in a thread if the files are `large`.

    Hashing lets other threads run, and a save mostly waits for the disk: the two take the time of the longer one.
    """
    if not large:
        yield _at_once
        return
    with ThreadPoolExecutor(2, thread_name_prefix="everpilot-hash") as pool:
        yield lambda work: pool.submit(work).result


def _at_once(work: Callable[[], T]) -> Callable[[], T]:
    result = work()
    return lambda: result


def _seconds(entry: Entry) -> int:
    return int(datetime.fromisoformat(entry.time).timestamp())
