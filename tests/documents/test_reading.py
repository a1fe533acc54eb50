"""Any file gets a reading or a reason."""

from __future__ import annotations

import io
import random
import zipfile
from pathlib import Path

import pytest
from docx import Document
from openpyxl import Workbook
from pptx import Presentation

from copilot.documents.reading import kind_of, outline, read
from copilot.errors import DOCUMENT_CODES, DocumentError
from tests.conftest import CORPUS
from tests.documents.makers import lines, ole, pdf, rezipped, zipped

REAL = sorted(p for p in CORPUS.glob("*.*") if p.suffix[1:2] in "dxp" and p.suffix != ".tsv") if CORPUS.is_dir() else []


def made(kind: str) -> bytes:
    out = io.BytesIO()
    {"docx": Document, "xlsx": Workbook, "pptx": Presentation}[kind]().save(out)
    return out.getvalue()


def docx(*paragraphs: str) -> bytes:
    document = Document()
    for text in paragraphs:
        document.add_paragraph(text)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "name", "kind"),
    [
        (made("docx"), "a.docx", "word"),
        (made("xlsx"), "a.xlsx", "excel"),
        (made("pptx"), "a.pptx", "powerpoint"),
        (made("docx"), "a.xlsx", "word"),
        (made("pptx"), "no suffix", "powerpoint"),
        (pdf([lines("Hello")]), "a.docx", "pdf"),
        (b"\xef\xbb\xbf\n%PDF-1.4 junk before the header is allowed (ISO 32000-1, Annex H.3.4.1)", "a.pdf", "pdf"),
        (b"hello", "a.txt", "text"),
        ("größer".encode("utf-16"), "a.txt", "text"),
        (b"MZ is a country code", "a.txt", "text"),
        (b'{"a": 1}', "a.json", "text"),
        (b"<html><p>notes</p></html>", "a.txt", "text"),
    ],
)
def test_kind_by_content(content: bytes, name: str, kind: str) -> None:
    assert kind_of(content, name) == kind


@pytest.mark.parametrize(
    ("content", "name", "code", "said"),
    [
        (b"", "a.docx", "empty", "empty"),
        (ole("WordDocument"), "a.doc", "legacy", ".docx"),
        (ole("Workbook"), "a.xls", "legacy", ".xlsx"),
        (ole("Book"), "misnamed.docx", "legacy", ".xlsx"),
        (ole("PowerPoint Document"), "a.ppt", "legacy", ".pptx"),
        (ole("Something"), "a.doc", "legacy", ".docx"),
        (ole("EncryptionInfo", "EncryptedPackage"), "a.docx", "encrypted", "password"),
        (ole("__properties_version1.0"), "a.msg", "legacy", "Outlook"),
        (zipped({"mimetype": b"application/vnd.oasis.opendocument.text"}), "a.odt", "unsupported", "OpenDocument text"),
        (zipped({"mimetype": b"application/vnd.oasis.opendocument.spreadsheet"}), "a.ods", "unsupported", ".xlsx"),
        (zipped({"a.txt": b"x"}), "a.zip", "unsupported", "zip"),
        (zipped({"a.txt": b"x"}), "a.docx", "unsupported", "no Office file"),
        (zipped({"word/document.xml": b"x"}), "a.docx", "broken", "list of its parts"),
        (b"{\\rtf1 hello}", "a.doc", "unsupported", "RTF"),
        (b"<html xmlns:x='urn:schemas-microsoft-com:office:excel'>", "a.xls", "unsupported", "web page"),
        (b'<?xml version="1.0"?><?mso-application progid="Word.Document"?>', "a.doc", "unsupported", "XML"),
        (b"\x89PNG\r\n\x1a\n", "a.png", "unsupported", "picture"),
        (b"just text", "a.docx", "broken", "no Word document"),
        (bytes(random.Random(1).randbytes(5000)), "a.docx", "broken", "a.docx"),
        (bytes(random.Random(2).randbytes(5000)), "a.bin", "unsupported", "binary"),
        (bytes(random.Random(3).randbytes(5000)), "a.txt", "broken", "binary"),
        (b"PK\x03\x04", "a.docx", "broken", "a.docx"),
        (b"%PDF-1.7\n", "a.pdf", "broken", "a.pdf"),
    ],
)
def test_refused_with_the_reason(content: bytes, name: str, code: str, said: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read(content, name)
    assert caught.value.code == code
    assert said in str(caught.value)
    assert name in caught.value.message
    assert caught.value.hint


def test_binary_workbook_is_named() -> None:
    types = (
        b'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        b'<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        b'<Override PartName="/xl/workbook.bin" '
        b'ContentType="application/vnd.ms-excel.sheet.binary.macroEnabled.main"/></Types>'
    )
    rels = (
        b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" '
        b'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
        b'Target="xl/workbook.bin"/></Relationships>'
    )
    content = zipped({"[Content_Types].xml": types, "_rels/.rels": rels, "xl/workbook.bin": b"\0"})
    with pytest.raises(DocumentError, match="xlsb") as caught:
        read(content, "a.xlsb")
    assert caught.value.code == "unsupported"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"word/document.xml": b'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY e "x">]><d>&e;</d>'}, "unsafe"),
        ({"word/document.xml": '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE d><d/>'.encode("utf-16")}, "unsafe"),
        ({"word/document.xml": b"<w:document>"}, "broken"),
        ({"../../evil.xml": b"x"}, "unsafe"),
        ({"/etc/passwd": b"x"}, "unsafe"),
        ({"word/media/bomb.bin": bytes(48 << 20)}, "too_large"),
    ],
    ids=["doctype", "doctype in UTF-16", "malformed", "traversal", "absolute", "bomb"],
)
def test_hostile_packages_are_refused(changes: dict[str, bytes], code: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read(rezipped(docx("hello"), changes), "a.docx")
    assert caught.value.code == code
    assert "a.docx" in caught.value.message


@pytest.mark.parametrize("kind", ["docx", "xlsx", "pptx"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_cut_file_is_broken(kind: str, share: float) -> None:
    content = made(kind)
    with pytest.raises(DocumentError) as caught:
        read(content[: int(len(content) * share)], f"a.{kind}")
    assert caught.value.code == "broken"


def test_half_a_document_that_holds_a_whole_workbook_is_broken() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("word/embeddings/book.xlsx", made("xlsx"), zipfile.ZIP_STORED)
        end = out.tell()
        archive.writestr("word/document.xml", b"x" * 1000)
    with pytest.raises(DocumentError) as caught:
        read(out.getvalue()[:end], "a.docx")
    assert caught.value.code == "broken"


def test_what_no_reader_foresaw_becomes_a_typed_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from copilot.documents import pdf as module

    def fail(content: bytes) -> None:
        raise RecursionError("deep")

    monkeypatch.setattr(module, "read", fail)
    with pytest.raises(DocumentError, match=r"odd\.pdf .*RecursionError") as caught:
        read(pdf([lines("unlike any other test's file")]), "odd.pdf")
    assert caught.value.code == "broken"


def test_a_wrong_suffix_is_flagged_and_read_by_content() -> None:
    reading = read(pdf([lines("Hello from a PDF.")]), "report.docx")
    assert reading.kind == "pdf"
    assert "wrong-suffix" in reading.flags
    assert reading.properties["format"] == "PDF, although the name promises a Word document"
    assert "wrong-suffix" not in read(pdf([lines("Hello from a PDF.")]), "report.pdf").flags


def test_the_same_bytes_are_read_once() -> None:
    content = docx("cached")
    assert read(content, "a.docx") is read(bytes(bytearray(content)), "a.docx")
    assert outline(content, "a.docx") is outline(content, "a.docx")
    assert read(docx("other"), "a.docx").markdown != read(content, "a.docx").markdown


@pytest.mark.parametrize("path", REAL, ids=lambda p: p.name)
def test_real_files_read_whole_and_fail_cleanly_when_cut(path: Path) -> None:
    content = path.read_bytes()
    reading = read(content, path.name)
    assert {s.integrity for s in reading.segments} <= {"untrusted"}
    assert all(s.where for s in reading.segments)
    assert outline(content, path.name).kind == reading.kind
    with pytest.raises(DocumentError) as caught:
        read(content[: len(content) // 2], path.name)
    assert caught.value.code in DOCUMENT_CODES
