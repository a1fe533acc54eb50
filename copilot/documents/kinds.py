"""What a file is: by its content first, then by its name."""

from __future__ import annotations

import io
import zipfile
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
    ".eml": "mail",
    **dict.fromkeys((".txt", ".md", ".markdown", ".csv", ".tsv", ".text", ".log"), "text"),
}

_OFFICE: tuple[DocumentKind, ...] = ("word", "excel", "powerpoint")
_NOUNS: dict[DocumentKind, str] = {
    "word": "Word document",
    "excel": "Excel workbook",
    "powerpoint": "PowerPoint presentation",
    "pdf": "PDF",
    "text": "text file",
    "mail": "mail message",
}
_SAVE_AS: dict[str, str] = {"word": ".docx", "excel": ".xlsx", "powerpoint": ".pptx"}
_LEGACY_SUFFIXES = {".doc": "word", ".dot": "word", ".xls": "excel", ".xlt": "excel", ".ppt": "powerpoint"}
_LEGACY: dict[str, tuple[str, str]] = {kind: (_NOUNS[kind], _SAVE_AS[kind]) for kind in _OFFICE}

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
_ASK = "Ask the sender what this is."
_FOLDERS = ("word/", "xl/", "ppt/")
_OPENDOCUMENT = {
    b"text": ("an OpenDocument text", ".docx"),
    b"spreadsheet": ("an OpenDocument spreadsheet", ".xlsx"),
    b"presentation": ("an OpenDocument presentation", ".pptx"),
}


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
        _refuse_two_in_one(content, name)
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
            f"{name} is an Outlook message in its binary format, which can't be read.",
            hint="Save it as .eml or as text, or save its attachments as files.",
            code="legacy",
        )
    kind = found or promised_kind(name) or _LEGACY_SUFFIXES.get(PurePath(name).suffix.lower(), "")
    what, target = _LEGACY.get(kind, ("binary Office file", ".docx, .xlsx or .pptx"))
    hint = f"Open it in Office and save it as {target}."
    article = "an" if what[0] in "AEIOU" else "a"
    return DocumentError(f"{name} is {article} {what} in the format from before 2007.", hint=hint, code="legacy")


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
    from copilot.documents.archive import Archive
    from copilot.documents.package import Package

    try:
        archive = Archive(content)
        if b"%PDF-" in content[:1024]:
            raise DocumentError("The file is a zip archive and a PDF at once, which hides content.", code="unsafe")
        if archive.start > 0:  # the directory is that of a file inside: half a document that holds a whole workbook
            raise DocumentError("The file is cut off.", hint="Get it again from where it came.", code="broken")
        if archive.find("[Content_Types].xml") is not None:
            return Package(archive).kind
        mimetype = next(archive.chunks("mimetype"), b"")[:200] if archive.find("mimetype") is not None else b""
    except DocumentError as error:
        raise DocumentError(f"{name}: {error.message}", hint=error.hint, code=error.code) from error
    raise _no_package(mimetype, name, any(part.startswith(_FOLDERS) for part in archive.names()))


def _refuse_two_in_one(content: bytes, name: str) -> None:
    """Refuse a PDF that is a zip archive as well: programs would not agree on what it says."""
    end = content.rfind(b"PK\x05\x06")
    if end >= 0 and not content[end + 22 :].strip(b"\0\r\n\t ") and zipfile.is_zipfile(io.BytesIO(content)):
        raise DocumentError(
            f"{name} is a PDF and a zip archive at once, which hides content.", hint=_ASK, code="unsafe"
        )


def _no_package(mimetype: bytes, name: str, office: bool) -> DocumentError:
    for word, (what, target) in _OPENDOCUMENT.items():
        if mimetype.startswith(b"application/vnd.oasis.opendocument." + word):
            hint = f"Save it as {target}."
            return DocumentError(f"{name} is {what}, which can't be read.", hint=hint, code="unsupported")
    if promised_kind(name) in _OFFICE:
        return DocumentError(
            f"{name} is no Office file: the zip has no list of its parts ([Content_Types].xml).",
            hint="Ask for it again, or let Office repair it.",
            code="broken" if office else "unsupported",
        )
    hint = "Unpack it and open the files inside."
    return DocumentError(f"{name} is a zip archive and no Office file.", hint=hint, code="unsupported")


def _text_kind(content: bytes, name: str) -> DocumentKind:
    promised = promised_kind(name)
    if promised == "mail" and _looks_like_text(content) and _is_mail(content):
        return "mail"
    head = content[:2048].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    markup = (
        head.startswith((b"<!doctype html", b"<html")) or b"mso-application" in head[:400] or b"<html" in head[:400]
    )
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


def _is_mail(content: bytes) -> bool:
    """Whether the bytes begin with headers of a message (RFC 5322, 3.6; trace headers and MIME's among them)."""
    from copilot.documents.eml import headers_first

    names = set(headers_first(content))
    return bool(names & {"from", "to", "subject", "date", "received", "message-id", "mime-version", "return-path"})


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
