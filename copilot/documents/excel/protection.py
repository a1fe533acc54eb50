"""Protection of sheets and workbooks: a lock on the door, not a safe (ECMA-376 part 1, 18.3.1.85 and 18.2.29)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from copilot.documents.excel import elements, markup
from copilot.documents.excel.cells import SheetReader
from copilot.documents.excel.layout import written
from copilot.documents.excel.stylesheet import attributes_of, element
from copilot.documents.excel.verify import check_parts, signature_warning
from copilot.documents.excel.workbook import Workbook
from copilot.documents.hunks import Edited, Hunk
from copilot.errors import DocumentError, ToolInputError

Password = Annotated[str, Field(max_length=255)]
Allowed = Literal[
    "select_locked",
    "select_unlocked",
    "format_cells",
    "format_columns",
    "format_rows",
    "insert_columns",
    "insert_rows",
    "insert_hyperlinks",
    "delete_columns",
    "delete_rows",
    "sort",
    "filter",
    "pivot_tables",
    "edit_objects",
    "edit_scenarios",
]
SPINS = 100_000
_MOST_SPINS = 10_000_000  # the standard's own limit
_HASHES = {
    **{"MD5": hashlib.md5, "SHA-1": hashlib.sha1, "SHA-256": hashlib.sha256},
    **{"SHA-384": hashlib.sha384, "SHA-512": hashlib.sha512},
}
_ALLOWED: dict[str, str] = {
    **{"select_locked": "selectLockedCells", "select_unlocked": "selectUnlockedCells", "format_cells": "formatCells"},
    **{"format_columns": "formatColumns", "format_rows": "formatRows", "insert_columns": "insertColumns"},
    **{"insert_rows": "insertRows", "insert_hyperlinks": "insertHyperlinks", "delete_columns": "deleteColumns"},
    **{"delete_rows": "deleteRows", "sort": "sort", "filter": "autoFilter", "pivot_tables": "pivotTables"},
    **{"edit_objects": "objects", "edit_scenarios": "scenarios"},
}
#: Forbidden only where the attribute says so; everything else is forbidden unless it says otherwise.
_FREE = ("selectLockedCells", "selectUnlockedCells", "objects", "scenarios")


def protect_sheet(
    content: bytes,
    *,
    sheet: str = "",
    password: Password = "",
    allow: Sequence[Allowed] = ("select_locked", "select_unlocked"),
) -> Edited:
    """Protect a sheet: its locked cells can't be changed; `allow` says what still can be done.

    All cells are locked unless format_cells{locked: false} says otherwise. The password is hashed with SHA-512; it
    keeps honest people out, it encrypts nothing. Raises ToolInputError "protected" for a sheet that is so already.
    """
    workbook = Workbook.open(content)
    found = workbook.sheet(sheet or None)
    xml = SheetReader(workbook, found).xml
    present = elements.get(xml.data, xml.prefix, b"sheetProtection")
    if present is not None and xml.attribute(present, b"sheet") in ("1", "true", "on"):
        hint = "Use unprotect_sheet first."
        raise ToolInputError(f"The sheet {found.name!r} is protected already.", hint=hint, code="protected")
    attributes = _hashed(password, "", xml.data + found.name.encode()) if password else {}
    attributes["sheet"] = "1"
    for word, name in _ALLOWED.items():
        allowed = word in allow
        if allowed != (name in _FREE):
            attributes[name] = "0" if allowed else "1"
    data = elements.put(xml.data, xml.prefix, b"sheetProtection", element(xml.prefix, "sheetProtection", attributes))
    secret = "with a password" if password else "without a password"
    after = f"protected {secret}; allowed: {', '.join(allow) or 'nothing'}"
    hunk = Hunk(f"sheet {found.name}", "not protected", after, "structure")
    return replace(
        written(workbook, found, xml.data, data, [hunk]), warnings=tuple(signature_warning(workbook.package))
    )


def unprotect_sheet(content: bytes, *, sheet: str = "", password: Password = "") -> Edited:
    """Take the protection off a sheet; one with a password needs it.

    Raises ToolInputError "password" for a wrong one, "unchanged" where the sheet is not protected.
    """
    workbook = Workbook.open(content)
    found = workbook.sheet(sheet or None)
    xml = SheetReader(workbook, found).xml
    present = elements.get(xml.data, xml.prefix, b"sheetProtection")
    given = attributes_of(xml.data[present.start : present.inner]) if present else {}
    if given.get("sheet") not in ("1", "true", "on"):
        raise ToolInputError(f"The sheet {found.name!r} is not protected.", code="unchanged")
    _check_password(given, "", password, f"The sheet {found.name!r}")
    data = elements.drop(xml.data, xml.prefix, b"sheetProtection")
    hunk = Hunk(f"sheet {found.name}", "protected", "not protected", "structure")
    return written(workbook, found, xml.data, data, [hunk])


def protect_workbook(content: bytes, *, password: Password = "", windows: bool = False) -> Edited:
    """Protect a workbook's structure: sheets can't be added, deleted, renamed, moved or shown; cells still can change.

    Raises ToolInputError "protected" for a workbook that is so already.
    """
    workbook = Workbook.open(content)
    given, data, prefix = _workbook_lock(workbook)
    if _locked(given):
        raise ToolInputError("The workbook is protected already.", hint="Unprotect it first.", code="protected")
    attributes = _hashed(password, "workbook", data) if password else {}
    attributes |= {"lockStructure": "1", **({"lockWindows": "1"} if windows else {})}
    data = elements.put(data, prefix, b"workbookProtection", element(prefix, "workbookProtection", attributes))
    after = f"structure protected {'with' if password else 'without'} a password"
    return _workbook_written(workbook, data, Hunk("workbook", "not protected", after, "structure"))


def unprotect_workbook(content: bytes, *, password: Password = "") -> Edited:
    """Take the protection off a workbook's structure; one with a password needs it."""
    workbook = Workbook.open(content)
    given, data, prefix = _workbook_lock(workbook)
    if not _locked(given):
        raise ToolInputError("The workbook is not protected.", code="unchanged")
    _check_password(given, "workbook", password, "The workbook")
    data = elements.drop(data, prefix, b"workbookProtection")
    return _workbook_written(workbook, data, Hunk("workbook", "structure protected", "not protected", "structure"))


def _workbook_lock(workbook: Workbook) -> tuple[dict[str, str], bytes, bytes]:
    package = workbook.package
    data = markup.plain(package.read(package.main), package.main)
    prefix = markup.prefix_of(data)
    present = elements.get(data, prefix, b"workbookProtection")
    return attributes_of(data[present.start : present.inner]) if present else {}, data, prefix


def _locked(given: dict[str, str]) -> bool:
    return any(given.get(name) in ("1", "true", "on") for name in ("lockStructure", "lockWindows"))


def _workbook_written(workbook: Workbook, data: bytes, hunk: Hunk) -> Edited:
    package = workbook.package
    package.write(package.main, data)
    check_parts(package, [package.main])
    return Edited.of(package.save(), [hunk], signature_warning(package))


def _hashed(password: str, word: str, seed: bytes) -> dict[str, str]:
    """Return the attributes of a password's hash. The salt comes from the file, so that the same edit is the same."""
    salt = hashlib.sha256(seed).digest()[:16]
    return {
        _named("algorithmName", word): "SHA-512",
        _named("hashValue", word): password_hash(password, salt, SPINS),
        _named("saltValue", word): base64.b64encode(salt).decode(),
        _named("spinCount", word): str(SPINS),
    }


def _named(name: str, word: str) -> str:
    return word + name[0].upper() + name[1:] if word else name


def password_hash(password: str, salt: bytes, spins: int, algorithm: str = "SHA-512") -> str:
    """Return the hash of a password in Base64 (18.3.1.85): that of salt + password, then of hash + counter again."""
    make = _HASHES[algorithm]
    digest: bytes = make(salt + password.encode("utf-16-le")).digest()
    for counter in range(spins):
        digest = make(digest + counter.to_bytes(4, "little")).digest()
    return base64.b64encode(digest).decode()


def legacy_hash(password: str) -> str:
    """Return the 16-bit hash of old files (part 4, 14.7.1) as four hexadecimal digits."""
    raw = password.encode("cp1252", "replace")[:15]
    value = 0
    for byte in reversed(raw):
        value = ((value >> 14) & 1 | (value << 1) & 0x7FFF) ^ byte
    value = ((value >> 14) & 1 | (value << 1) & 0x7FFF) ^ len(raw) ^ 0xCE4B
    return f"{value:04X}"


def _salt(given: dict[str, str], word: str) -> tuple[bytes, int]:
    """Return the salt and the number of rounds; raises DocumentError "broken" where they can't be read."""
    spins = given.get(_named("spinCount", word), "0")
    try:
        return base64.b64decode(given.get(_named("saltValue", word), "")), min(int(spins), _MOST_SPINS)
    except ValueError:
        raise DocumentError("The hash of the protection's password can't be read.", code="broken") from None


def _check_password(given: dict[str, str], word: str, password: str, what: str) -> None:
    """Raise ToolInputError "password" unless the password fits the hash that the file holds, if it holds one."""
    expected = given.get(_named("hashValue", word))
    legacy = given.get(f"{word}Password" if word else "password")
    if expected:
        algorithm = given.get(_named("algorithmName", word), "SHA-512")
        if algorithm not in _HASHES:
            raise ToolInputError(f"{what} has a password hashed with {algorithm!r}.", code="password")
        salt, spins = _salt(given, word)
        actual = password_hash(password, salt, spins, algorithm)
    elif legacy:
        expected, actual = legacy.upper().zfill(4), legacy_hash(password)
    else:
        return
    if not hmac.compare_digest(expected, actual):
        why = "needs a password" if not password else "has another password"
        raise ToolInputError(f"{what} {why}.", hint="Ask whoever protected it.", code="password")


#: The operations of this module.
OPERATIONS = (protect_sheet, unprotect_sheet, protect_workbook, unprotect_workbook)
