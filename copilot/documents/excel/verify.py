"""The last look at what was written: a part that is no XML any more must never leave this package."""

from __future__ import annotations

from collections.abc import Iterable
from xml.parsers import expat

from copilot.documents.package import Package
from copilot.errors import DocumentError

#: Bytes above which a part is not parsed again: there the check would cost more than the edit.
MAX_BYTES = 16_000_000


def check_parts(package: Package, names: Iterable[str]) -> None:
    """Raise DocumentError when one of the edited parts is not well-formed: the file was damaged, or can't be edited."""
    for name in dict.fromkeys(names):
        if not package.has(name) or package.size(name) > MAX_BYTES:
            continue
        try:
            expat.ParserCreate(namespace_separator=" ").Parse(package.read(name), True)
        except expat.ExpatError as error:
            message = f"The part {name!r} would not be well-formed after the edit ({error})."
            hint = "Open the file in Excel, let it repair the file and save it again."
            raise DocumentError(message, hint=hint, code="broken") from None


def signature_warning(package: Package) -> list[str]:
    """Return the warning that an edit breaks the file's digital signature, if it has one."""
    return ["The file is digitally signed: the edit makes the signature invalid."] if package.signed else []
