"""Names of files elsewhere as names on this disk, and back: not every name that a store allows is one here.

What can't be is written as %XX of its UTF-8 bytes (RFC 3986, section 2.1), also a % that would look like that; a name
that is too long is cut, with a part of its hash. Names that are one name on disks that ignore case are told apart.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from urllib.parse import unquote

#: Bytes that a name may have on the usual disks; some are left for the temporary files beside it.
_LONGEST = 200
_BAD = re.compile(r"[\x00-\x1f\x7f/\\]|%(?=[0-9A-Fa-f]{2})|[\ud800-\udfff]")
_NEVER = re.compile(r"[\x00-\x1f\x7f/\\]")
_BAD_WINDOWS = re.compile(r'[<>:"|?*]|[ .]$')
_DEVICES = re.compile(r"(?i)(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|\Z)")


def local(name: str, *, windows: bool = os.name == "nt") -> str:
    """Return a name on this disk for a name elsewhere; `local` of two names differs."""
    made = _BAD.sub(_coded, name)
    if name in ("", ".", ".."):
        made = "%" if not name else "".join(map(_code, name))
    if windows:
        made = _BAD_WINDOWS.sub(_coded, made)
        made = _code(made[0]) + made[1:] if _DEVICES.match(made) else made
    return made if len(os.fsencode(made)) <= _LONGEST else _cut(made, name)


def remote(name: str) -> str:
    """Return the name elsewhere that a new name on this disk stands for."""
    return "" if name == "%" else unquote(name, errors="surrogateescape")


def new(name: str) -> str:
    """Return the name on this disk of a new file that is to be called so elsewhere.

    What `local` would have made stays, so that it can be asked again; "%41.txt" is meant as it is written.
    """
    there = remote(name)
    made_here = there == name or (local(there) == name and not _NEVER.search(there))
    return name if made_here else local(name)


def apart(name: str, id: str) -> str:
    """Return another name for one that a sibling has, up to case."""
    stem, dot, suffix = name.rpartition(".")
    sign = hashlib.blake2b(id.encode("utf-8", "surrogatepass"), digest_size=3).hexdigest()
    return f"{stem}~{sign}.{suffix}" if dot and stem else f"{name}~{sign}"


def folded(name: str) -> str:
    """Return what two names have in common that are one name where case and composition do not count."""
    return unicodedata.normalize("NFC", name).casefold()


def _coded(match: re.Match[str]) -> str:
    return "".join(map(_code, match[0]))


def _code(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def _cut(made: str, name: str) -> str:
    sign = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    stem, dot, suffix = made.rpartition(".")
    end = f"~{sign}.{suffix}" if dot and stem and len(suffix) < 16 else f"~{sign}"
    kept = (stem if dot and stem and len(suffix) < 16 else made).encode("utf-8", "surrogatepass")
    return kept[: _LONGEST - len(end.encode())].decode("utf-8", "ignore") + end
