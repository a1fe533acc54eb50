"""Who has a document open: the owner files that Office and LibreOffice lay beside it.

Word, Excel and PowerPoint write `~$` and the document's name. Word drops the first letters of the name to keep it
short: two of eight or more (without the suffix), one of seven. LibreOffice writes `.~lock.NAME#`.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from pathlib import Path

_WORD = frozenset({".doc", ".docx", ".docm", ".dot", ".dotx", ".dotm", ".rtf"})
_MAX_SIZE = 4096
_DAY = 24 * 3600.0
#: Seconds after which an owner file is one that was forgotten: nobody keeps a document open for so long.
_FORGOTTEN = 7 * _DAY
_LIBREOFFICE = frozenset({"soffice.bin", "oosplash", "soffice"})


@dataclass(frozen=True, slots=True)
class Owner:
    """Somebody who has the document open: the name if the owner file tells it, and that file.

    `since` is when it was written, in Unix seconds; `host` the machine, where it says so (LibreOffice).
    """

    name: str
    lock: Path
    since: float = inf
    host: str = ""

    def stale(self, now: float) -> str:
        """Return why the owner file is one that a crash left behind, "" if it may be in use."""
        if self.host and self.host == socket.gethostname() and _runs_no_libreoffice():
            return "it is of this machine, where no LibreOffice runs"
        if now - self.since > _FORGOTTEN:
            return f"it is {(now - self.since) / _DAY:.0f} days old"
        return ""


def owner_of(path: Path) -> Owner | None:
    """Return who has the document open, None if nobody says so."""
    for lock, read_name in _candidates(path):
        if not os.path.isfile(lock):
            continue
        try:
            with lock.open("rb") as stream:
                data, since = stream.read(_MAX_SIZE), os.fstat(stream.fileno()).st_mtime
                return Owner(read_name(data), lock, since, _host(data) if read_name is _libreoffice else "")
        except OSError:
            return Owner("", lock)  # Word keeps its owner file locked on Windows: there, but not to be read
    return None


def _candidates(path: Path) -> Iterator[tuple[Path, Callable[[bytes], str]]]:
    yield path.with_name(f".~lock.{path.name}#"), _libreoffice
    yield path.with_name(f"~${path.name}"), _office
    if path.suffix.lower() in _WORD and len(path.stem) >= 7:
        yield path.with_name(f"~${path.name[2 if len(path.stem) >= 8 else 1 :]}"), _office


def _office(data: bytes) -> str:
    """Return the user's name: a length, the name in the local code page, a length in 16 bits, the name in UTF-16.

    Both names stand in fields of the same number of characters, 53 in Word's files (162 bytes) and 54 in those of
    Excel and PowerPoint (165 bytes).
    """
    width = (len(data) - 3) // 3
    if width < 1:
        return ""
    long = int.from_bytes(data[1 + width : 3 + width], "little")
    wide = data[3 + width : 3 + width + 2 * long].decode("utf-16-le", "replace") if long <= width else ""
    return _clean(wide) or _clean(data[1 : 1 + min(data[0], width)].decode("cp1252", "replace"))


def _runs_no_libreoffice() -> bool:
    """Return whether it is certain that none runs: the system lists its processes, and none is called so."""
    try:
        running = [name for name in os.listdir("/proc") if name.isdecimal()]
    except OSError:
        return False
    return bool(running) and not any(_command(number) in _LIBREOFFICE for number in running)


def _command(number: str) -> str:
    try:
        with open(f"/proc/{number}/comm", encoding="utf-8", errors="replace") as stream:
            return stream.read().strip()
    except OSError:
        return ""  # it ended just now


def _fields(data: bytes) -> list[str]:
    return [re.sub(r"\\(.)", r"\1", field) for field in re.split(r"(?<!\\),", data.decode("utf-8", "replace"))]


def _host(data: bytes) -> str:
    fields = _fields(data)
    return _clean(fields[2]) if len(fields) > 2 else ""


def _libreoffice(data: bytes) -> str:
    """Return the user's name, or the login name: the first fields of `name,login,host,time,profile;`."""
    fields = _fields(data)
    name = next((_clean(field) for field in fields[:2] if _clean(field)), "")
    host = _clean(fields[2]) if len(fields) > 2 else ""
    return f"{name} on {host}" if name and host else name or host


def _clean(text: str) -> str:
    return "".join(c for c in text if c.isprintable()).strip()[:80]
