"""Where our state lies. Kept apart from the settings, whose models are slow to import, for the chat's first prompt."""

from __future__ import annotations

import os
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
    return folder
