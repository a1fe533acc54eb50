"""One door to all sources."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import cast

from copilot.errors import PluginError
from copilot.plugins.sources.source import Fetched, Kind, Progress, Source, silent

#: What fetches each kind. A marketplace is looked up before: it names one of these (sources/marketplaces.py).
_FETCHERS: dict[Kind, str] = {
    "folder": "copilot.plugins.sources.local:folder",
    "archive": "copilot.plugins.sources.local:archive",
    "file": "copilot.plugins.sources.local:file",
    "git": "copilot.plugins.sources.git:fetch",
    "pypi": "copilot.plugins.sources.pypi:fetch",
}


def fetch(source: Source, into: Path, progress: Progress = silent) -> Fetched:
    """Return what a source gives, below the private folder `into`. Nothing of it is run. Raises PluginError."""
    module, _, name = _FETCHERS[source.kind].partition(":")
    fetcher = cast("Callable[[Source, Path, Progress], Fetched]", getattr(importlib.import_module(module), name))
    try:
        return fetcher(source, into, progress)
    except OSError as error:
        raise PluginError(f"{source.text} can't be fetched: {error.strerror or error}.") from error
