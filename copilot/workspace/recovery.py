"""After a crash: what became of a change whose process did not live to say so."""

from __future__ import annotations

import os
from pathlib import Path

from copilot.errors import DocumentError
from copilot.workspace.journal import Journal, Row
from copilot.workspace.locks import Locks
from copilot.workspace.reading import hash_of
from copilot.workspace.save import is_beside, remove_folders


def settle_all(journal: Journal, locks: Locks) -> None:
    """Settle every change that nobody is making any more: its file's lock is free, so its process is dead."""
    for row in journal.unsettled():
        with locks.attempt(row.entry.path) as free:
            if free:
                settle(journal, row)


def settle_path(journal: Journal, path: Path) -> None:
    """Settle the changes of one file, whose lock the caller holds."""
    for row in journal.unsettled():
        if row.entry.path == path:
            settle(journal, row)


def settle(journal: Journal, row: Row) -> None:
    """Find out whether the change happened, record it, and clear its temporary file away.

    The hash of the file decides. If somebody has changed it since, the temporary file does: it is complete before the
    row is `pending`, so it is gone only when it took the file's place.
    """
    entry = row.entry
    if row.status == "pending" and not os.path.isdir(entry.path.parent):
        return  # a drive that is not there now: it stays unsettled until it is
    try:
        present = _present(entry.path)
    except DocumentError:
        return  # the same for what can't be read now
    waiting = row.temporary is not None and os.path.lexists(row.temporary)
    happened = row.status == "pending" and (present == entry.after or (present != entry.before and not waiting))
    if row.temporary is not None and is_beside(row.temporary):
        try:
            row.temporary.unlink(missing_ok=True)
        except OSError:
            return  # a folder that may not be written now
    if happened:
        journal.mark(entry.number, "done")
    else:
        journal.drop(entry.number)
        remove_folders(row.folders)


def _present(path: Path) -> str | None:
    return "a folder" if os.path.isdir(path) else hash_of(path, str(path))
