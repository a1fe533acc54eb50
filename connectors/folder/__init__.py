"""Local folders."""

from __future__ import annotations

from pathlib import Path

from copilot.errors import WorkspaceError


class FolderConnector:
    """A folder on this machine, worked in where it is."""

    def mount(self, place: str) -> Path:
        """Return the folder itself; raises WorkspaceError when it is none or can't be read."""
        folder = Path(place).expanduser()
        if not folder.is_dir():
            what = "is a file, not a folder" if folder.exists() else "does not exist"
            raise WorkspaceError(f"{folder} {what}.", hint="Name a folder of documents with --dir.", code="missing")
        try:
            next(folder.iterdir(), None)
        except OSError as error:
            raise WorkspaceError(f"{folder} can't be read: {error.strerror}.", code="unreadable") from error
        return folder.resolve()


connector = FolderConnector()
