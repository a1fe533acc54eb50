"""Pictures put in, replaced, described, taken out (ECMA-376 part 1, 20.4; part 2 for their parts)."""

from __future__ import annotations

import io
import re
import struct
import zlib
from typing import Any

import pytest
from docx import Document as open_docx

from copilot.documents import word
from copilot.documents.images import raster_of
from copilot.documents.word.document import Document
from copilot.errors import ToolInputError

from .make import changed_parts, docx, names, p, part, table, text_box
from .validity import problems


def png(width: int = 96, height: int = 48, dots: int = 0, color: int = 0) -> bytes:
    """A PNG of one colour; `dots` a metre."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress((b"\0" + bytes([color]) * width) * height)
    size = chunk(b"pHYs", struct.pack(">IIB", dots, dots, 1)) if dots else b""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + size + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


JPEG = bytes.fromhex("ffd8ffe000104a4649460001010100c800c80000ffc0000b080064012c01011100ffd9") + bytes(9)
GIF = b"GIF89a" + struct.pack("<HH", 30, 20) + bytes(9)
BMP = b"BM" + bytes(16) + struct.pack("<ii", 40, -30) + bytes(30)
TIFF = b"II*\0\x08\0\0\0\x02\0" + struct.pack("<HHII", 256, 3, 1, 50) + struct.pack("<HHII", 257, 4, 1, 25) + bytes(4)


@pytest.mark.parametrize(
    ("data", "kind", "size", "dots"),
    [
        (png(), "PNG", (96, 48), 96),
        (png(dots=11811), "PNG", (96, 48), 300),
        (JPEG, "JPEG", (300, 100), 200),
        (GIF, "GIF", (30, 20), 96),
        (BMP, "BMP", (40, 30), 96),
        (TIFF, "TIFF", (50, 25), 96),
    ],
)
def test_kinds_of_pictures(data: bytes, kind: str, size: tuple[int, int], dots: int) -> None:
    found = raster_of(data)
    assert (found.kind, (found.width, found.height)) == (kind, size)
    assert round(found.dpi) == dots


@pytest.mark.parametrize(
    "data", [b"", b"<svg/>", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0\0\x04", b"%PDF-1.7", b"MM\0*"]
)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(ToolInputError) as caught:
        word.insert_picture(docx(p("x")), data)
    assert caught.value.code == "image"


def opened(content: bytes) -> Any:
    """The document as python-docx reads it, found valid before."""
    assert not problems(content)
    return open_docx(io.BytesIO(content))


@pytest.mark.parametrize("strict", [False, True])
def test_a_picture_is_put_in_with_its_part(strict: bool) -> None:
    content = docx(p("One"), p("Two"), strict=strict)
    done = word.insert_picture(content, png(), at="One", alt='A "red" <box>', width=4)
    assert not problems(done.content)
    assert changed_parts(content, done.content) == {
        "word/document.xml", "word/_rels/document.xml.rels", "[Content_Types].xml", "word/media/image1.png",
    }  # fmt: skip
    found = word.list_pictures(done.content)
    assert [(f.number, f.kind, f.alt, f.where, f.floating) for f in found] == [
        (1, "picture", 'A "red" <box>', "paragraph 2", False)
    ]
    assert (found[0].width, found[0].height) == pytest.approx((4, 2), abs=0.01)
    assert part(done.content, "word/_rels/document.xml.rels").count('relationships/image"') == 1
    if not strict:
        shape = opened(done.content).inline_shapes[0]
        assert shape.width.cm == pytest.approx(4, abs=0.01)


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({}, (2.54, 1.27)),  # 96 x 48 pixels at 96 dots an inch
        ({"height": "1in"}, (5.08, 2.54)),
        ({"width": "50%"}, (7.96, 3.98)),  # half of 9026 twentieths of a point
        ({"width": 3, "height": 3}, (3, 3)),
    ],
)
def test_sizes(fields: dict[str, Any], size: tuple[float, float]) -> None:
    found = word.list_pictures(word.insert_picture(docx(p("x")), png(), alt="a", **fields).content)[0]
    assert (found.width, found.height) == pytest.approx(size, abs=0.01)


def test_large_pictures_fit_the_text_and_the_cell() -> None:
    content = docx(table(["a", "b"]).replace("<w:tc>", '<w:tc><w:tcPr><w:tcW w:w="3216" w:type="dxa"/></w:tcPr>'))
    wide = word.list_pictures(word.insert_picture(docx(p("x")), png(3000, 100)).content)[0]
    assert wide.width == pytest.approx(9026 / 567, abs=0.05)
    document = Document(content)
    cell = next(document.address(b) for b in document.blocks if b.path == "t1.r1.c2")
    inside = word.list_pictures(word.insert_picture(content, png(3000, 100), at=cell).content)[0]
    assert inside.width == pytest.approx(3000 / 567, abs=0.05)


def test_the_same_bytes_are_kept_once_and_ids_are_unique() -> None:
    content = docx(p("x"), header1=p("Head"))
    twice = word.insert_picture(word.insert_picture(content, png()).content, png()).content
    third = word.insert_picture(twice, png(), at=_address(twice, "h1.p1")).content
    assert [name for name in names(third) if "media" in name] == ["word/media/image1.png"]
    assert not problems(third)
    assert len(word.list_pictures(third)) == 3
    assert "image1.png" in part(third, "word/_rels/header1.xml.rels")


def _address(content: bytes, path: str) -> str:
    document = Document(content)
    return next(document.address(b) for b in document.blocks if b.path == path)


def test_a_caption_takes_the_next_number() -> None:
    once = word.insert_picture(docx(p("x")), png(), alt="a", caption="First").content
    twice = word.insert_picture(once, png(), alt="b", caption="Second", align="center").content
    texts = [each.text for each in opened(twice).paragraphs]
    assert texts[-3:] == ["Figure 1: First", "", "Figure 2: Second"]
    assert part(twice).count("<w:keepNext/>") == 2


def test_replacing_keeps_size_and_place_and_drops_the_old_bytes() -> None:
    content = word.insert_picture(docx(p("x")), png(), alt="old", width=4).content
    done = word.replace_picture(content, "old", png(60, 60, color=9))
    assert not problems(done.content)
    assert "stretched" in done.warnings[0]
    assert [name for name in names(done.content) if "media" in name] == ["word/media/image2.png"]
    before, after = word.list_pictures(content)[0], word.list_pictures(done.content)[0]
    assert before == after
    square = word.list_pictures(word.replace_picture(content, 1, png(60, 60), proportional=True).content)[0]
    assert square.width == pytest.approx(square.height, abs=0.01)
    with pytest.raises(ToolInputError, match="already"):
        word.replace_picture(content, 1, png())


FLOATING = (
    '<w:r><w:drawing><wp:anchor><wp:extent cx="360000" cy="720000"/><wp:docPr id="7" name="Logo" descr="old"/>'
    '<a:graphic><a:graphicData uri="http://schemas.openxmlformats.org/drawingml/2006/picture"/></a:graphic>'
    "</wp:anchor></w:drawing></w:r>"
)
OLD = '<w:r><w:pict><v:shape id="s1" alt="stamp" style="position:absolute"><v:imagedata/></v:shape></w:pict></w:r>'


def test_floating_and_old_pictures_are_listed_and_described() -> None:
    content = docx(p("a", FLOATING), p("b", OLD), p("c", text_box(p("in a box"))))
    found = word.list_pictures(content)
    assert [(f.number, f.name, f.alt, f.floating) for f in found[:2]] == [
        (1, "Logo", "old", True), (2, "s1", "stamp", True),
    ]  # fmt: skip
    assert (found[0].width, found[0].height) == (1, 2)
    after = word.alt_text(word.alt_text(content, "logo", "The logo").content, 2, "A stamp").content
    assert [f.alt for f in word.list_pictures(after)[:2]] == ["The logo", "A stamp"]
    assert 'descr=""' not in part(word.alt_text(content, 1, "").content)
    assert part(word.insert_picture(content, png()).content).count('id="8"') == 2  # behind the highest
    with pytest.raises(ToolInputError, match="text of its own"):
        word.delete_picture(content, 3)


@pytest.mark.parametrize(
    ("picture", "code"), [(9, "unknown_picture"), ("x", "ambiguous_picture"), ("p1:0000", "stale_address")]
)
def test_pictures_that_are_not_there(picture: int | str, code: str) -> None:
    twice = word.insert_picture(word.insert_picture(docx(p("x")), png(), alt="x").content, png(), alt="x").content
    with pytest.raises(ToolInputError) as caught:
        word.alt_text(twice, picture, "new")
    assert caught.value.code == code


def test_deleting_takes_paragraph_and_bytes_along_but_not_what_is_shown_elsewhere() -> None:
    once = word.insert_picture(docx(p("x"), p("y")), png(), at="x", alt="one").content
    twice = word.insert_picture(once, png(), alt="two").content
    first = word.delete_picture(twice, "two").content
    assert [name for name in names(first) if "media" in name] == ["word/media/image1.png"]
    none = word.delete_picture(first, 1).content
    assert not problems(none)
    assert not [name for name in names(none) if "media" in name]
    assert [each.text for each in opened(none).paragraphs] == ["x", "y"]
    assert "image" not in part(none, "word/_rels/document.xml.rels")


def test_a_batch_names_files_and_can_be_tracked() -> None:
    content = docx(p("x"))
    asked: list[str] = []

    def opener(name: str) -> bytes:
        asked.append(name)
        return png()

    operations = [{"op": "insert_picture", "image": "logo.png", "alt": "Logo"}]
    done = word.edit(content, operations, opener=opener, track="on", author="Ann")
    assert asked == ["logo.png"]
    assert not problems(done.content)
    assert re.search(r'<w:ins [^>]*w:author="Ann"', part(done.content))
    assert len(word.list_pictures(word.accept(done.content, everything=True).content)) == 1
    assert not word.list_pictures(word.reject(done.content, everything=True).content)
