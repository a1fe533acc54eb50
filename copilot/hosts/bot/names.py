"""Names of files that strangers chose, and where their bytes go: a new file each, unless it is there already."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path, PurePath

from copilot.documents.kinds import kind_of, promised_kind
from copilot.hosts.bot.webchat.files import plain_name
from copilot.workspace.change import sha256

#: Names that Windows keeps for devices, whatever follows the point.
_DEVICES = re.compile(r"(?i)(?:con|prn|aux|nul|com\d|lpt\d)\s*(?:\.|\Z)")
#: Beginnings that make a file hidden, or the mark that Office leaves beside an open one.
_MARKS = re.compile(r"\A(?:\.?~lock\.|[.~$\s])+")
_LONGEST = 150  # characters; some are left for a number
_MOST_COPIES = 1_000
_PICTURES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", ".png"),
    (b"\xff\xd8\xff", ".jpg"),
    (b"GIF8", ".gif"),
    (b"RIFF", ".webp"),
)
_SUFFIXES = {"word": ".docx", "excel": ".xlsx", "powerpoint": ".pptx", "pdf": ".pdf"}
_SAME = {".jpeg": ".jpg"}


def safe_name(name: str) -> str:
    """Return a name that is one on every disk, without a path, and neither hidden nor a device's."""
    made = _MARKS.sub("", plain_name(name)) or "file"
    if _DEVICES.match(made):
        made = f"_{made}"
    stem, suffix = PurePath(made).stem, PurePath(made).suffix
    if len(suffix) > 12:
        stem, suffix = made, ""
    while len(os.fsencode(stem + suffix)) > _LONGEST and stem:
        stem = stem[:-1]
    return f"{stem.rstrip(' .') or 'file'}{suffix}"


def picture(data: bytes) -> str:
    """Return the suffix of a picture, "" for what is none."""
    found = next((suffix for magic, suffix in _PICTURES if data.startswith(magic)), "")
    return "" if found == ".webp" and data[8:12] != b"WEBP" else found


def by_content(name: str, data: bytes) -> str:
    """Return the name with the suffix of what the bytes are, where it says something else.

    Raises DocumentError for what is neither a document nor a picture: empty, encrypted, legacy, an archive, a program.
    """
    suffix = PurePath(name).suffix.lower()
    if shown := picture(data):
        return name if _SAME.get(suffix, suffix) == shown else f"{name}{shown}"
    kind = kind_of(data, name)
    return name if promised_kind(name) == kind else f"{name}{_SUFFIXES.get(kind, '')}"


def keep(folder: Path, name: str, data: bytes) -> Path:
    """Write bytes under a name of their own, "Report (2).docx" where it is taken, and return where.

    The same bytes under the same name are not written twice: a turn that is done again receives nothing anew. Raises
    OSError.
    """
    digest = sha256(data)
    beside = folder / f".~{secrets.token_hex(8)}"
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        for place in _places(folder, name):
            if _placed(beside, place) or _holds(place, len(data), digest):
                return place
    finally:
        beside.unlink(missing_ok=True)
    raise FileExistsError(f"There are {_MOST_COPIES} files of that name.")


def _places(folder: Path, name: str) -> list[Path]:
    stem, suffix = PurePath(name).stem, PurePath(name).suffix
    return [folder / name, *(folder / f"{stem} ({number}){suffix}" for number in range(2, _MOST_COPIES))]


def _placed(beside: Path, place: Path) -> bool:
    """Give the file its name, if nothing has it; two processes never get the same one."""
    try:
        os.link(beside, place)
    except FileExistsError:
        return False
    except OSError:  # a disk without links
        if place.exists():
            return False
        beside.rename(place)
    return True


def _holds(place: Path, size: int, digest: str) -> bool:
    try:
        return not place.is_symlink() and place.stat().st_size == size and sha256(place.read_bytes()) == digest
    except OSError:
        return False
