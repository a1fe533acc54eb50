"""What a file is: by its content first, then by its name."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from pathlib import PurePath

from copilot.documents.segments import DocumentKind
from copilot.errors import DocumentError

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")

#: Kind of file by suffix: what the name promises.
SUFFIX_KINDS: dict[str, DocumentKind] = {
    **dict.fromkeys((".docx", ".docm", ".dotx", ".dotm"), "word"),
    **dict.fromkeys((".xlsx", ".xlsm", ".xltx", ".xltm"), "excel"),
    **dict.fromkeys((".pptx", ".pptm", ".potx", ".potm", ".ppsx", ".ppsm"), "powerpoint"),
    ".pdf": "pdf",
    **dict.fromkeys((".txt", ".md", ".markdown", ".csv", ".tsv", ".text", ".log"), "text"),
}

_NOUNS: dict[DocumentKind, str] = {
    "word": "Word document",
    "excel": "Excel workbook",
    "powerpoint": "PowerPoint presentation",
    "pdf": "PDF",
    "text": "text file",
}
_SAVE_AS: dict[DocumentKind, str] = {"word": ".docx", "excel": ".xlsx", "powerpoint": ".pptx"}

# Main content types of ECMA-376 part 1, annex and [MS-OFFMACRO2]; the words before ".main+xml" tell the kind.
_MAIN_TYPE = re.compile(
    rb'ContentType\s*=\s*["\']application/vnd\.(?:openxmlformats-officedocument\.|ms-)'
    rb"(wordprocessingml|word|spreadsheetml|excel|presentationml|powerpoint)\.[A-Za-z.]*?(binary[A-Za-z.]*)?\.?main(\+xml)?[\"']",
    re.IGNORECASE,
)
_MAIN_KINDS: dict[bytes, DocumentKind] = {
    b"wordprocessingml": "word",
    b"word": "word",
    b"spreadsheetml": "excel",
    b"excel": "excel",
    b"presentationml": "powerpoint",
    b"powerpoint": "powerpoint",
}

# Names of streams in an OLE file ([MS-DOC] 2.1, [MS-XLS] 2.1, [MS-PPT] 2.1, [MS-OFFCRYPTO] 2.3.1, [MS-OXMSG] 2.2).
_OLE_STREAMS: tuple[tuple[str, str], ...] = (
    ("EncryptedPackage", "encrypted"),
    ("EncryptionInfo", "encrypted"),
    ("WordDocument", "word"),
    ("Workbook", "excel"),
    ("Book", "excel"),
    ("PowerPoint Document", "powerpoint"),
    ("__properties_version1.0", "msg"),
)

# First bytes of files that people hand over although no reader takes them.
_FOREIGN: tuple[tuple[bytes, str, str], ...] = (
    (b"{\\rtf", "an RTF document", "Open it in Word and save it as .docx."),
    (b"\x89PNG", "a PNG picture", "There is no text in it to read."),
    (b"\xff\xd8\xff", "a JPEG picture", "There is no text in it to read."),
    (b"GIF8", "a GIF picture", "There is no text in it to read."),
    (b"II*\x00", "a TIFF picture", "There is no text in it to read."),
    (b"MM\x00*", "a TIFF picture", "There is no text in it to read."),
    (b"Rar!", "a RAR archive", "Unpack it and open the files inside."),
    (b"7z\xbc\xaf", "a 7-Zip archive", "Unpack it and open the files inside."),
    (b"\x1f\x8b", "a gzip archive", "Unpack it and open the file inside."),
    (b"MZ", "a program", "Programs are not opened."),
    (b"\x7fELF", "a program", "Programs are not opened."),
    (b"SQLite format 3", "a SQLite database", "Export the table that you need as .csv."),
)
_OPENDOCUMENT = {
    b"text": ("an OpenDocument text", ".docx"),
    b"spreadsheet": ("an OpenDocument spreadsheet", ".xlsx"),
    b"presentation": ("an OpenDocument presentation", ".pptx"),
}
_MAX_TYPES = 4 << 20  # bytes of [Content_Types].xml that are looked at: real ones have under 100 kB


def kind_of(content: bytes, name: str) -> DocumentKind:
    """Return what `content` is; `name` only decides between kinds of text.

    Raises DocumentError: empty, encrypted, legacy, broken, or unsupported with the kind of file named.
    """
    if not content:
        raise DocumentError(f"{name} is empty: it has no bytes at all.", hint="Ask for it again.", code="empty")
    if content.startswith(_OLE):
        raise _ole(content, name)
    if content.startswith(_ZIP):
        return _zip_kind(content, name)
    if b"%PDF-" in content[:1024]:
        return "pdf"
    for magic, what, hint in _FOREIGN:
        if content.startswith(magic) and not (magic == b"MZ" and _looks_like_text(content)):
            raise DocumentError(f"{name} is {what}, which can't be read.", hint=hint, code="unsupported")
    return _text_kind(content, name)


def promised_kind(name: str) -> DocumentKind | None:
    """Return the kind that the suffix of `name` promises, None for an unknown one."""
    return SUFFIX_KINDS.get(PurePath(name).suffix.lower())


def noun(kind: DocumentKind) -> str:
    """Return the kind in words: "Word document"."""
    return _NOUNS[kind]


def _ole(content: bytes, name: str) -> DocumentError:
    found = next((what for stream, what in _OLE_STREAMS if _has_stream(content, stream)), "")
    if found == "encrypted":
        return DocumentError(
            f"{name} is protected by a password.",
            hint="Open it in Office, remove the password (File, Info, Protect) and save it.",
            code="encrypted",
        )
    if found == "msg":
        return DocumentError(
            f"{name} is an Outlook message, which can't be read.",
            hint="Save its text or its attachments as files.",
            code="unsupported",
        )
    kinds: dict[str, DocumentKind] = {"word": "word", "excel": "excel", "powerpoint": "powerpoint"}
    kind = kinds.get(found) or promised_kind(name) or {".doc": "word", ".xls": "excel", ".ppt": "powerpoint"}.get(
        PurePath(name).suffix.lower()
    )
    target = _SAVE_AS.get(kind, "") if kind else ""  # type: ignore[call-overload]
    what = f"a binary {_NOUNS[kind]} from before 2007" if target and kind in _NOUNS else "a binary file from before 2007"
    return DocumentError(
        f"{name} is {what}.",
        hint=f"Open it in Office and save it as {target or '.docx, .xlsx or .pptx'}.",
        code="legacy",
    )


def _has_stream(content: bytes, stream: str) -> bool:
    """Whether an OLE directory entry has this name: entries are 128 bytes long and begin with it ([MS-CFB] 2.6.1)."""
    wanted = (stream + "\0").encode("utf-16-le")
    at = content.find(wanted)
    while at >= 0:
        if at % 128 == 0:
            return True
        at = content.find(wanted, at + 1)
    return False


def _zip_kind(content: bytes, name: str) -> DocumentKind:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = set(archive.namelist())
            types = _head(archive, "[Content_Types].xml", _MAX_TYPES) if "[Content_Types].xml" in names else b""
            mimetype = _head(archive, "mimetype", 200) if "mimetype" in names else b""
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        raise DocumentError(
            f"{name} is damaged: it begins like an Office file, but its table of contents can't be read.",
            hint="It was probably cut off while it was copied or downloaded; ask for it again.",
            code="broken",
        ) from error
    if types:
        return _package_kind(types, name)
    for word, (what, target) in _OPENDOCUMENT.items():
        if mimetype.startswith(b"application/vnd.oasis.opendocument." + word):
            raise DocumentError(
                f"{name} is {what}, which can't be read.", hint=f"Save it as {target}.", code="unsupported"
            )
    if promised_kind(name) in _SAVE_AS:
        raise DocumentError(
            f"{name} is damaged: it has no list of its parts ([Content_Types].xml).",
            hint="Ask for it again, or let Office repair it.",
            code="broken",
        )
    raise DocumentError(
        f"{name} is a zip archive and no Office file.", hint="Unpack it and open the files inside.", code="unsupported"
    )


def _head(archive: zipfile.ZipFile, name: str, size: int) -> bytes:
    """Return the first `size` bytes of an entry, whatever length it claims."""
    with archive.open(name) as entry:
        return entry.read(size)


def _package_kind(types: bytes, name: str) -> DocumentKind:
    if types.startswith(_UTF16):
        types = types.decode("utf-16", "replace").encode()
    matches = list(_MAIN_TYPE.finditer(types))
    for match in matches:
        if match.group(2):
            raise DocumentError(
                f"{name} is a binary Excel workbook (.xlsb), which can't be read.",
                hint="Open it in Excel and save it as .xlsx.",
                code="unsupported",
            )
        return _MAIN_KINDS[match.group(1).lower()]
    if promised := promised_kind(name):
        # The main part may be declared by a Default, or not at all: the package layer says what is wrong.
        if promised in _SAVE_AS:
            return promised
    raise DocumentError(
        f"{name} is an Office package of a kind that can't be read.",
        hint="Word, Excel and PowerPoint files from 2007 on, PDF and text can be read.",
        code="unsupported",
    )


def _text_kind(content: bytes, name: str) -> DocumentKind:
    promised = promised_kind(name)
    head = content[:2048].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    markup = head.startswith((b"<!doctype html", b"<html")) or b"mso-application" in head[:400] or b"<html" in head[:400]
    if promised != "text" and markup:
        raise DocumentError(
            f"{name} is a web page or an XML file, whatever its name says, and can't be read.",
            hint="Open it in Office and save it as .docx, .xlsx or .pptx.",
            code="unsupported",
        )
    if promised is not None and promised != "text":
        raise DocumentError(
            f"{name} is no {_NOUNS[promised]}: its content is something else or damaged.",
            hint="Ask for it again, or check what it was saved as.",
            code="broken",
        )
    if not _looks_like_text(content):
        raise DocumentError(
            f"{name} is a binary file of an unknown kind, which can't be read.",
            hint="Word, Excel and PowerPoint files from 2007 on, PDF and text can be read.",
            code="unsupported" if promised is None else "broken",
        )
    return "text"


def _looks_like_text(content: bytes) -> bool:
    """Whether the beginning holds hardly any control characters; UTF-16 counts as text."""
    head = content[:8192]
    if head.startswith(_UTF16):
        return True
    if b"\0" in head:
        even, odd = head[::2].count(0), head[1::2].count(0)
        return max(even, odd) > 0.3 * len(head) / 2 and min(even, odd) < 0.05 * len(head) / 2
    control = sum(byte < 32 and byte not in (9, 10, 12, 13, 27) for byte in head)
    return control <= len(head) / 200
