"""Zip files with a plugin in them, unpacked into a private folder: nothing leaves it, and nothing fills the disk.

The reader of documents' archives (documents/archive.py) refuses what lies about its entries; here the names are looked
at too, since they become files on any of the three systems.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import unicodedata
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from copilot.documents.archive import Archive
from copilot.documents.limits import Limits
from copilot.errors import DocumentError, PluginError
from copilot.workspace.save import make_private

#: More is no plugin, or is meant to keep us busy. Sizes in bytes.
LIMITS = Limits(
    file=64 * 2**20,
    entries=5_000,
    part=32 * 2**20,
    total=200 * 2**20,
    ratio=200,
    ratio_from=2**20,
    total_ratio=100,
    total_ratio_from=8 * 2**20,
    name=512,
)
#: Where in the state folder they are unpacked to.
UNPACKED = "unpacked"
_DEEPEST = 24  # folders below each other
_LONGEST = 200  # bytes of one name; systems take 255, and temporary names are longer
#: Names that Windows takes for devices, with any ending ("Naming Files, Paths, and Namespaces").
_DEVICES = frozenset(
    {
        "con",
        "prn",
        "aux",
        "nul",
        "conin$",
        "conout$",
        *(f"{port}{n}" for port in ("com", "lpt") for n in "123456789¹²³"),
    }
)
_FORBIDDEN = frozenset('<>:"|?*\\')
#: Control, format, surrogate and separator characters: what is shown is not what is written.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"  # which words of some scripts, and emoji, need
#: What tools leave behind: never part of a plugin.
LEFT_OUT = frozenset(
    {"__MACOSX", "__pycache__", ".DS_Store", "Thumbs.db", ".git", ".hg", ".svn"}
    | {".pytest_cache", ".mypy_cache", ".ruff_cache"}  # left by the tests that a publisher just ran
)


def unpack(source: bytes | Path, into: Path, *, limits: Limits = LIMITS, name: str = "") -> list[str]:
    """Write the files of a zip below `into`, which is made 0700 (files 0600), and return their names in it.

    Raises PluginError that names the archive and the entry: too large, damaged, encrypted, or an entry whose name leads
    out of the folder, is a link or a device, or clashes with another one on a system that ignores case.
    """
    called = name or (source.name if isinstance(source, Path) else "the archive")
    content = source if isinstance(source, bytes) else _read(source, limits.file)
    try:
        archive = Archive(content, limits)
        names = [each for each in archive.names() if LEFT_OUT.isdisjoint(each.split("/"))]
        check_names(names, called)
        for each in names:
            _write(into / each, archive, each)
    except DocumentError as error:
        raise PluginError(f"{called} can't be unpacked: {_plain(error)}") from None
    except OSError as error:
        raise PluginError(f"{called} can't be unpacked to {into}: {error.strerror}.") from error
    return names


def unpacked(archive: Path, home: Path) -> Path:
    """Return a private folder (or the only file) with what a zip holds, kept in the state folder by the zip's content.

    Raises PluginError as `unpack` does.
    """
    content = _read(archive, LIMITS.file)
    place = home / UNPACKED / hashlib.sha256(content).hexdigest()[:32]
    if not place.is_dir():
        beside = place.with_name(f"{place.name}.{secrets.token_hex(4)}")
        make_private(beside)
        try:
            unpack(content, beside, name=str(archive))
            _in_place(beside, place)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    return top_of(place)


def _in_place(beside: Path, place: Path) -> None:
    try:
        beside.rename(place)
    except OSError as error:
        if not place.is_dir():  # another process may have been as fast: it unpacked the same bytes
            raise PluginError(f"{place} can't be made: {error.strerror}.") from error


def top_of(folder: Path) -> Path:
    """Return what holds the plugin: the one thing that lies in `folder`, as in GitHub's downloads, else `folder`."""
    inside = list(folder.iterdir())
    return inside[0] if len(inside) == 1 and not inside[0].name.startswith(".") else folder


def check_names(names: Iterable[str], where: str) -> None:
    """Raise PluginError, which begins with `where`, for the first name that not every system can hold.

    Folders are separated by /.
    """
    files: dict[str, str] = {}
    folders: dict[str, str] = {}
    for name in names:
        if why := _unsafe(name):
            raise PluginError(f"{where} holds a file that can't be written safely: {name[:200]!r} {why}.")
        for folder in PurePosixPath(name).parents:
            _must_be_one(folders, str(folder), where)
        _must_be_one(files, name, where)
    for both in sorted(files.keys() & folders.keys()):
        raise PluginError(f"{where} holds {files[both]!r} both as a file and as a folder.")


def _must_be_one(known: dict[str, str], name: str, where: str) -> None:
    spelled = known.setdefault(unicodedata.normalize("NFC", name.casefold()), name)
    if spelled != name:
        raise PluginError(f"{where} holds {spelled!r} and {name!r}, which are one name on many systems.")


def _unsafe(name: str) -> str:
    """Return why a name is not safe, "" if it is."""
    parts = name.split("/")
    if name.startswith("/") or any(part in ("", ".", "..") for part in parts):
        return "leads out of its folder"
    if len(parts) > _DEEPEST:
        return f"lies deeper than {_DEEPEST} folders"
    return next((why for part in parts if (why := _unsafe_part(part))), "")


def _unsafe_part(part: str) -> str:
    if len(part.encode("utf-8", "replace")) > _LONGEST:
        return f"has a name of more than {_LONGEST} bytes"
    if any(c in _FORBIDDEN or (unicodedata.category(c) in _UNSEEN and c not in _JOINERS) for c in part):
        return "has a character that names can't have"
    if part != part.rstrip(". "):
        return "ends with a dot or a space"
    return "is the name of a device" if part.partition(".")[0].rstrip().casefold() in _DEVICES else ""


def _read(path: Path, most: int) -> bytes:
    try:
        with open(path, "rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise PluginError(f"{path} can't be read: {error.strerror}.") from error
    if len(content) > most:
        raise PluginError(f"{path} is too large for a plugin: over {most // 2**20} MB.")
    return content


def _write(target: Path, archive: Archive, name: str) -> None:
    make_private(target.parent)
    with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        for chunk in archive.chunks(name):
            file.write(chunk)


def _plain(error: DocumentError) -> str:
    """Return the reader's words for an archive that is no document."""
    if error.code == "unsupported":
        return "an entry is compressed by a method other than deflate. Pack it again as an ordinary zip."
    return error.message
