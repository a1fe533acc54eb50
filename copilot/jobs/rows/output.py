"""Files that are written beside and put in place at the end, whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from copilot.errors import LockedError, WorkspaceError
from copilot.workspace.metadata import Metadata
from copilot.workspace.save import beside, refuse_unwritable, sync_folder


class Output:
    """The files of one result: each is written under a name of its own until `place` puts all of them in place.

    Raises LockedError when a file is open elsewhere or may not be written, WorkspaceError when the disk says no.
    """

    def __init__(self) -> None:
        self._files: dict[Path, Path] = {}

    def file(self, path: Path) -> Path:
        """Return the name to write what will be `path` under; its folder is made.

        A link keeps leading where it led, if that is below its own folder: one that came with a stranger's files could
        lead to any file of the person's. Raises LockedError for another.
        """
        target = Path(os.path.realpath(path))
        if os.path.islink(path) and not target.is_relative_to(os.path.realpath(path.parent)):
            hint = "Name the file that is meant, or remove the link."
            raise LockedError(f"{path} is a link that leads out of its folder, to {target}.", hint=hint)
        with refused(path):
            target.parent.mkdir(parents=True, exist_ok=True)
        refuse_unwritable(target, str(path))
        self._files[target] = beside(target)
        return self._files[target]

    def place(self) -> None:
        """Put the files in place, down to the disk, each with the rights of the one that was there."""
        for target, temporary in self._files.items():
            refuse_unwritable(target, str(target))
            with refused(target):
                if os.path.exists(target):
                    Metadata.of(target).apply(temporary)
                with temporary.open("rb+") as stream:
                    os.fsync(stream.fileno())
                os.replace(temporary, target)
                sync_folder(target.parent)

    def drop(self) -> None:
        """Remove what was not put in place."""
        for temporary in self._files.values():
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def refused(path: Path) -> Iterator[None]:
    """Make what the disk says an error that names the file, and says that nothing was written."""
    try:
        yield
    except OSError as error:
        why = error.strerror or type(error).__name__
        hint = "Nothing was put in its place. Check the disk, its room and who may write there."
        raise WorkspaceError(f"{path} can't be written: {why}.", hint=hint) from error
