"""Where our state lies. Kept apart from the settings, whose models are slow to import, for the chat's first prompt."""

from __future__ import annotations

import os
import re
import stat
import sys
from pathlib import Path

from copilot.errors import SettingsError


def home() -> Path:
    """Return the folder of our state (`EVERPILOT_HOME`, else the platform's user-data folder), made 0700."""
    import platformdirs

    chosen = os.environ.get("EVERPILOT_HOME")
    folder = Path(chosen).expanduser() if chosen else Path(platformdirs.user_data_dir("everpilot", appauthor=False))
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise SettingsError(
            f"The state folder {folder} can't be made: {error.strerror}.",
            hint="Set EVERPILOT_HOME to a folder that you may write.",
        ) from error
    return keep_private(folder)


_looked: set[Path] = set()
#: What holds conversations, usage, decisions or keys; other files in the folder are the person's.
_OURS = re.compile(r".*\.(sqlite(-wal|-shm|-journal)?|json|jsonl|key)|history|audit|journal|objects|locks")


def keep_private(folder: Path) -> Path:
    """Return the folder, after whatever of it others could read was made ours alone (0700, files 0600), and told.

    Done once a process for each folder. What is not ours, the home folder and shared ones (sticky, like /tmp) are left.
    """
    if os.name == "nt" or folder in _looked or not folder.is_dir():
        return folder
    _looked.add(folder)
    status = folder.stat()
    if status.st_uid != os.geteuid() or status.st_mode & stat.S_ISVTX or folder.resolve() == Path.home():
        return folder
    try:
        ours = (place for place in folder.iterdir() if _OURS.fullmatch(place.name))
        wider = [place for place in (folder, *ours) if _is_open(place)]
        for place in wider:
            place.chmod(0o700 if place.is_dir() else 0o600)
    except OSError as error:
        print(f"everpilot: {folder} can't be kept from others on this machine: {error.strerror}.", file=sys.stderr)
        return folder
    if wider:
        names = ", ".join(place.name for place in wider[:5]) + (" and more" if len(wider) > 5 else "")
        print(
            f"everpilot: others on this machine could read {names} in {folder.parent}; not any more.", file=sys.stderr
        )
    return folder


def _is_open(place: Path) -> bool:
    """Return whether others may read or write what is ours; of a folder, only its own mode is looked at."""
    status = place.lstat()
    known = stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
    return known and status.st_uid == os.geteuid() and bool(status.st_mode & 0o077)


def login() -> str:
    """Return the name of the account that we run as, "" where the system knows none."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
