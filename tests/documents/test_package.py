"""The package layer: what was not touched keeps its bytes, what is not sound is refused with a reason."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

import pytest
from docx import Document
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook
from pptx import Presentation

from copilot.documents.archive import Archive
from copilot.documents.limits import Limits
from copilot.documents.package import Package
from copilot.errors import DocumentError
from tests.conftest import CORPUS

REAL = sorted(p for p in CORPUS.glob("*.*x") if p.suffix != ".tsv") if CORPUS.is_dir() else []


def made(kind: str) -> bytes:
    out = io.BytesIO()
    {"word": Document, "excel": Workbook, "powerpoint": Presentation}[kind]().save(out)
    return out.getvalue()


def raw_entries(content: bytes) -> dict[str, bytes]:
    """The compressed bytes of every entry, read by the standard library's directory and our own eyes."""
    entries = {}
    for info in zipfile.ZipFile(io.BytesIO(content)).infolist():
        name, extra = struct.unpack_from("<2H", content, info.header_offset + 26)
        start = info.header_offset + 30 + name + extra
        entries[info.filename] = content[start : start + info.compress_size]
    return entries


def zipped(entries: list[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["word", "excel", "powerpoint"])
def test_an_edit_of_one_part_copies_all_others_raw(kind: str) -> None:
    content = made(kind)
    package = Package.open(content)
    assert package.kind == kind
    package.touch(package.main) if package.xml(package.main) is not None else None
    package.xml(package.main).set("edited", "yes")
    saved = package.save()
    before, after = raw_entries(content), raw_entries(saved)
    assert list(before) == list(after)
    assert {n for n in before if before[n] != after[n]} == {package.main}
    assert b'edited="yes"' in zipfile.ZipFile(io.BytesIO(saved)).read(package.main)


@pytest.mark.parametrize("path", REAL, ids=lambda p: p.name)
def test_real_files_survive_a_touch(path: Path) -> None:
    content = path.read_bytes()
    package = Package.open(content)
    assert package.save() is content
    package.xml(package.main)
    package.touch(package.main)
    saved = package.save()
    assert zipfile.ZipFile(io.BytesIO(saved)).testzip() is None
    before, after = raw_entries(content), raw_entries(saved)
    assert {n for n in before if before[n] != after[n]} <= {package.main}


def test_saving_is_deterministic() -> None:
    content = made("word")

    def edited() -> bytes:
        package = Package.open(content)
        package.add("custom/note.xml", b"<note/>", "application/xml")
        package.relate(package.main, "customXml", "custom/note.xml")
        return package.save()

    assert edited() == edited()


def test_a_part_is_added_with_type_and_relationship_and_removed_again() -> None:
    package = Package.open(made("word"))
    name = package.unused_name("word/media/image{}.png")
    package.add(name, b"\x89PNG", "image/png")
    rid = package.relate(package.main, "image", name)
    again = Package.open(package.save())
    assert again.content_type(name) == "image/png"
    assert [(r.id, r.short_type) for r in again.relationships(again.main) if r.target == name] == [(rid, "image")]
    assert again.relate(again.main, "image", name) == rid, "a relationship is not made twice"
    again.unrelate(again.main, name)
    again.remove(name)
    last = Package.open(again.save())
    assert not last.has(name)
    assert name not in [r.target for r in last.relationships(last.main)]


def test_part_names_compare_without_case() -> None:
    package = Package.open(made("word"))
    assert package.read("WORD/Document.XML") == package.read("word/document.xml")


def test_a_big_part_is_written_from_pieces() -> None:
    package = Package.open(made("excel"))
    package.write("xl/workbook.xml", (bytes([65 + i % 26]) * 1000 for i in range(500)))
    assert zipfile.ZipFile(io.BytesIO(package.save())).read("xl/workbook.xml") == package.read("xl/workbook.xml")
    assert package.size("xl/workbook.xml") == 500_000


@given(st.binary(max_size=3000), st.booleans())
def test_any_bytes_come_back(data: bytes, pieces: bool) -> None:
    archive = Archive(zipped([("a", b"1"), ("b", b"2")]))
    archive.write("b", iter([data[:7], data[7:]]) if pieces else data)
    saved = Archive(archive.save())
    assert (saved.read("a"), saved.read("b")) == (b"1", data)


OLE = bytes.fromhex("D0CF11E0A1B11AE1")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"hello", "broken"),
        (made("word")[:2000], "broken"),
        (OLE + b"\0" * 600, "legacy"),
        (OLE + "EncryptedPackage".encode("utf-16-le") + b"\0" * 600, "encrypted"),
        (zipped([("notes.txt", b"hi")]), "unsupported"),
        (zipped([("[Content_Types].xml", b"<Types/>")]), "broken"),
        (zipped([("../evil", b"x")]), "unsafe"),
        (zipped([("/etc/evil", b"x")]), "unsafe"),
        (zipped([("a/..\\..\\evil", b"x")]), "unsafe"),
    ],
)
def test_what_is_no_sound_office_file_is_refused(content: bytes, code: str) -> None:
    with pytest.raises(DocumentError) as caught:
        Package.open(content)
    assert caught.value.code == code


def test_duplicate_entries_are_refused() -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        content = zipped([("word/document.xml", b"<a/>"), ("word/document.xml", b"<b/>")])
    with pytest.raises(DocumentError) as caught:
        Archive(content)
    assert caught.value.code == "unsafe"


def test_a_wrong_checksum_is_found() -> None:
    content = bytearray(zipped([("a", b"hello" * 50)], zipfile.ZIP_STORED))
    content[content.index(b"hello")] ^= 1
    with pytest.raises(DocumentError, match="checksum"):
        Archive(bytes(content)).read("a")


def test_a_part_larger_than_declared_is_stopped() -> None:
    data = b"\0" * 5_000_000
    content = bytearray(zipped([("bomb", data)]))
    central = content.index(b"PK\x01\x02")
    struct.pack_into("<I", content, central + 24, 100)
    struct.pack_into("<I", content, 22, 100)
    archive = Archive(bytes(content))
    with pytest.raises(DocumentError) as caught:
        archive.read("bomb")
    assert caught.value.code == "unsafe"


@pytest.mark.parametrize(
    "limits", [Limits(entries=1), Limits(total=10), Limits(part=10), Limits(ratio=2, ratio_from=1)], ids=str
)
def test_limits_are_kept(limits: Limits) -> None:
    with pytest.raises(DocumentError) as caught:
        Archive(zipped([("a", b"x" * 100), ("b", b"")]), limits)
    assert caught.value.code == "too_large"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("lead", ["", '<?xml version="1.0"?>', "<!-- c -->\n"])
def test_a_doctype_is_refused_in_any_encoding(encoding: str, lead: str) -> None:
    evil = (lead + '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>').encode(encoding)
    package = Package.open(made("word"))
    package.write("word/document.xml", evil)
    with pytest.raises(DocumentError) as caught:
        package.xml("word/document.xml")
    assert caught.value.code == "unsafe"


def test_ebcdic_and_other_disguises_are_refused() -> None:
    package = Package.open(made("word"))
    package.write("word/document.xml", b'<?xml version="1.0" encoding="UTF-7"?><x/>')
    with pytest.raises(DocumentError) as caught:
        package.xml("word/document.xml")
    assert caught.value.code == "unsafe"
    package.write("word/document.xml", '<?xml version="1.0" encoding="cp037"?><x/>'.encode("cp037"))
    with pytest.raises(DocumentError):
        package.xml("word/document.xml")


def test_a_cut_file_is_not_taken_for_the_workbook_inside_it() -> None:
    inner = made("excel")
    whole = zipped([("a", b"x" * 500), ("embedded.xlsx", inner), ("z", b"1")], zipfile.ZIP_STORED)
    cut = whole[: whole.index(inner) + len(inner)]
    with pytest.raises(DocumentError) as caught:
        Archive(cut)
    assert caught.value.code == "broken"


def test_nesting_has_an_end() -> None:
    package = Package.open(made("word"))
    package.write("word/document.xml", b"<a>" * 100_000 + b"</a>" * 100_000)
    with pytest.raises(DocumentError) as caught:
        package.xml("word/document.xml")
    assert caught.value.code == "too_large"


def test_a_data_descriptor_and_a_zip_comment_survive() -> None:
    """Entries written to a pipe have their sizes behind the data (APPNOTE 4.3.9)."""

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.data = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:  # type: ignore[override]
            self.data += data
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[arg-type]
        archive.comment = b"made by a test"
        for name, data in [("a", b"1" * 999), ("b", b"2"), ("c/", b"")]:
            archive.writestr(name, data)
    content = bytes(pipe.data)
    ours = Archive(content)
    ours.write("b", b"changed")
    saved = zipfile.ZipFile(io.BytesIO(ours.save()))
    assert saved.testzip() is None
    assert (saved.comment, saved.read("a"), saved.read("b")) == (b"made by a test", b"1" * 999, b"changed")
    assert raw_entries(content)["a"] == zlib.compress(b"1" * 999, 6, -15)
    assert raw_entries(ours.save())["a"] == raw_entries(content)["a"]
