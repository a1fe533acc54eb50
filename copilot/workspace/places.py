"""Where the folders of places elsewhere lie in the state folder, and which place such a folder is of."""

from __future__ import annotations

from pathlib import Path

#: The folder of all places in the state folder.
FOLDER = "places"


def place_of(folder: Path) -> str:
    """Return the place whose private folder this is, as it was opened; "" if it is none.

    A thread remembers the folder it was held in: opened again, it is the place that is meant.
    """
    if folder.name != "files" or folder.parent.parent.name != FOLDER:
        return ""
    try:
        return (folder.parent / "place").read_text("utf-8")
    except OSError:
        return ""
