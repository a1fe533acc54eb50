"""After a crash: what became of a change whose process did not live to say so.

The hash of the document decides, together with what lies beside it under the row's temporary name: the new file (the
change did not happen), the old one (it did: the two were exchanged), or what somebody wrote in the very moment of the
exchange (it is given its place back). No content is thrown away that is not in the store or in its place.
"""

from __future__ import annotations

import os
from pathlib import Path

from copilot.errors import DocumentError
from copilot.workspace.exchange import swap
from copilot.workspace.journal import Journal, Row
from copilot.workspace.locks import Locks
from copilot.workspace.objects import Objects
from copilot.workspace.reading import hash_of
from copilot.workspace.save import is_beside, remove_folders, sync_folder

#: Seconds after which what another state folder left beside a document is taken in: its process is long dead.
_ABANDONED = 7 * 24 * 3600


def settle_all(journal: Journal, objects: Objects, locks: Locks) -> None:
    """Settle every change that nobody is making any more: its file's lock is free, so its process is dead."""
    for row in journal.unsettled():
        with locks.attempt(row.entry.path) as free:
            if free:
                settle(journal, objects, row)


def settle_path(journal: Journal, objects: Objects, path: Path) -> None:
    """Settle the changes of one file, whose lock the caller holds."""
    for row in journal.unsettled():
        if row.entry.path == path:
            settle(journal, objects, row)


def settle(journal: Journal, objects: Objects, row: Row) -> None:
    """Find out whether the change happened, record it, and clear its temporary file away."""
    entry, temporary = row.entry, row.temporary
    if row.status == "pending" and not os.path.isdir(entry.path.parent):
        return  # a drive that is not there now: it stays unsettled until it is
    if all(other.entry.number != entry.number for other in journal.unsettled()):
        return  # another process settled it between our look and our lock
    try:
        present = _present(entry.path)
        beside = None if temporary is None else _present(temporary)
    except DocumentError:
        return  # the same for what can't be read now
    happened = row.status == "pending" and _happened(row, present, beside)
    try:
        if temporary is not None and beside is not None and is_beside(temporary):
            _clear(objects, row, present, beside, temporary)
    except OSError:
        return  # a folder that may not be written now
    if happened:
        journal.done(entry.number)
    else:
        journal.drop(entry.number)
        remove_folders(row.folders)


def _happened(row: Row, present: str | None, beside: str | None) -> bool:
    before, after = row.entry.before, row.entry.after
    if beside is None:
        return present == after or present != before
    if beside == before:
        return present != before  # the old one was taken out of its place
    if beside == after:
        return present == after  # a second link, or a change that changes nothing
    return present != after  # somebody else's, and somebody wrote again since: both stay


def _clear(objects: Objects, row: Row, present: str | None, beside: str, temporary: Path) -> None:
    """Bring what lies beside the document where it belongs."""
    before, after, path = row.entry.before, row.entry.after, row.entry.path
    if row.status == "pending" and beside == before and present != before:
        objects.adopt(temporary, beside)
    elif row.status == "writing" or beside in (before, after):
        temporary.unlink()
    elif present == after and swap(temporary, path):
        sync_folder(path.parent)
        temporary.unlink()
    elif present is None and after is None:
        os.rename(temporary, path)  # it was deleted while somebody wrote it
    else:
        objects.adopt(temporary, beside)


def sweep(folder: Path, store: str, journal: Journal, objects: Objects, now: float) -> None:
    """Take in the temporary files in `folder` that no change is about: a power cut may have lost the row of one.

    Those of our own `store` (see `save.beside`) at once; others' when they are a week old. What is known to the journal
    or unknown is kept as an object, so that nothing that was ever a document is lost; what is empty is removed.
    """
    strays = [path for path in _strays(folder) if _is_ours(path, store) or _is_abandoned(path, now)]
    if not strays:
        return
    busy = {row.temporary for row in journal.unsettled()}
    for path in strays:
        if path in busy:
            continue
        try:
            if path.stat().st_size == 0:
                path.unlink()
            elif digest := hash_of(path, str(path)):
                objects.adopt(path, digest)
        except (OSError, DocumentError):
            continue  # not now, then; it harms nobody


def _strays(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as found:
            names = [entry.name for entry in found if entry.name.startswith(".everpilot-")]
    except OSError:
        return []
    return [path for name in names if is_beside(path := folder / name) and path.is_file() and not path.is_symlink()]


def _is_ours(path: Path, store: str) -> bool:
    return bool(store) and path.name.startswith(f".everpilot-{store}")


def _is_abandoned(path: Path, now: float) -> bool:
    try:
        status = path.stat()
    except OSError:
        return False
    return max(status.st_mtime, status.st_ctime) < now - _ABANDONED  # ctime: when it was renamed


def _present(path: Path) -> str | None:
    return "a folder" if os.path.isdir(path) else hash_of(path, str(path))
