"""Plugins that lie on this machine: a folder, a zip, or a single manifest."""

from __future__ import annotations

from pathlib import Path

from copilot.errors import PluginError
from copilot.plugins.archives import LIMITS, top_of, unpack
from copilot.plugins.contents import copy_files
from copilot.plugins.files import read_bytes
from copilot.plugins.sources.source import Fetched, Progress, Source
from copilot.workspace.save import make_private


def folder(source: Source, into: Path, progress: Progress) -> Fetched:
    """Return a copy of a folder's files. Raises PluginError."""
    place = Path(source.place)
    progress(f"reading {place}")
    copy_files(place, into / "files")
    return Fetched(into / "files", name=place.name)


def archive(source: Source, into: Path, progress: Progress) -> Fetched:
    """Return what a zip holds. Raises PluginError."""
    place = Path(source.place)
    progress(f"unpacking {place}")
    if not unpack(place, into / "files"):
        raise PluginError(f"{place} holds no files.")
    top = top_of(into / "files")
    return Fetched(top, name=top.name if top.is_dir() and top != into / "files" else place.stem)


def file(source: Source, into: Path, progress: Progress) -> Fetched:
    """Return a copy of a single manifest, API description or file of MCP servers. Raises PluginError."""
    place = Path(source.place)
    progress(f"reading {place}")
    content = read_bytes(place, LIMITS.part)
    make_private(into / "files")
    copy = into / "files" / place.name
    copy.write_bytes(content)
    copy.chmod(0o600)
    return Fetched(copy, name=place.name.partition(".")[0] or place.name.strip("."))
