from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import openpyxl
import pytest

from copilot.documents import excel
from copilot.documents.excel.edits import edit
from copilot.documents.excel.pictures import picture_of
from copilot.documents.excel.workbook import Workbook
from copilot.errors import ToolInputError

from .books import book, changed, part

DRAWING = "xl/drawings/drawing1.xml"


def png(width: int = 3, height: int = 2) -> bytes:
    """Return a grey picture of that size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"\x80" * width for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


JPEG = bytes.fromhex("FFD8FFE000104A46494600010100000100010000FFC0000B080005000701011100FFD9")
GIF = b"GIF89a" + struct.pack("<HH", 9, 4) + b"\0\0\0;"
BMP = b"BM" + b"\0" * 12 + struct.pack("<Iii", 40, 6, -8)


@pytest.mark.parametrize(
    ("data", "kind", "size"),
    [(png(30, 20), "PNG", (30, 20)), (JPEG, "JPEG", (7, 5)), (GIF, "GIF", (9, 4)), (BMP, "BMP", (6, 8))],
)
def test_kind_and_size(data: bytes, kind: str, size: tuple[int, int]) -> None:
    found = picture_of(data)
    assert (found.kind, found.width, found.height) == (kind, *size)


@pytest.mark.parametrize("data", [b"", b"<svg/>", b"\x89PNG\r\n\x1a\nxx", JPEG[:12], b"GIF89a", b"BM"])
def test_no_picture(data: bytes) -> None:
    with pytest.raises(ToolInputError) as error:
        picture_of(data)
    assert error.value.code == "image"


@pytest.fixture(scope="module")
def content() -> bytes:
    return book({"Data": [["A", "B"], [1, 2]], "Other": [[1]]})


def test_a_picture_is_put_in_listed_described_and_taken_out(content: bytes) -> None:
    one = excel.insert_image(content, png(), "D2", alt="A grey <box>")
    (image,) = excel.list_images(Workbook.open(one.content))
    assert (image.number, image.sheet, image.name, image.alt) == (1, "Data", "Picture 2", "A grey <box>")
    assert image.placed.area.top, image.placed.area.left == (2, 4)
    assert not one.warnings
    (shown,) = openpyxl.load_workbook(io.BytesIO(one.content))["Data"]._images  # type: ignore[attr-defined]
    assert (shown.width, shown.height) == (3, 2)
    two = excel.set_alt_text(one.content, "Better words", 1)
    assert changed(one.content, two.content) == {DRAWING}
    assert [(h.before, h.after) for h in two.hunks] == [("A grey <box>", "Better words")]
    gone = excel.delete_image(two.content, "better words")
    assert excel.list_images(Workbook.open(gone.content)) == []
    assert "xl/media/image1.png" in changed(two.content, gone.content)


def test_the_same_bytes_are_kept_once_and_go_with_the_last(content: bytes) -> None:
    one = excel.insert_image(content, png(), "D2", alt="x").content
    two = excel.insert_image(one, png(), "A1", "Other", alt="y").content
    assert len([n for n in Workbook.open(two).package.names() if "media" in n]) == 1
    left = excel.delete_image(two, 1, "Data").content
    assert Workbook.open(left).package.has("xl/media/image1.png")
    assert len(openpyxl.load_workbook(io.BytesIO(left))["Other"]._images) == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("given", "size"),
    [({}, (640, 320)), ({"width": 200}, (200, 100)), ({"height": 50}, (100, 50)), ({"width": 9, "height": 9}, (9, 9))],
)
def test_sizes(content: bytes, given: dict[str, int], size: tuple[int, int]) -> None:
    xml = part(excel.insert_image(content, png(2000, 1000), "D2", **given).content, DRAWING)
    assert f'<xdr:ext cx="{size[0] * 9525}" cy="{size[1] * 9525}"/>' in xml


def test_without_a_cell_it_covers_nothing(content: bytes) -> None:
    chart = excel.add_chart(content, "Data", "column", None, ["B1:B2"]).content
    edited = excel.insert_image(chart, png(100, 100))
    assert edited.hunks[0].where == "Data!D18:E22"
    assert any("alternative text" in w for w in edited.warnings)


def test_charts_have_alternative_text_too(content: bytes) -> None:
    chart = excel.add_chart(content, "Data", "column", None, ["B1:B2"], title="T").content
    edited = excel.set_alt_text(chart, "One column", "T", kind="chart")
    assert 'descr="One column"' in part(edited.content, DRAWING)


def test_in_a_batch_the_file_is_named(content: bytes) -> None:
    batch = [{"op": "insert_image", "picture": "logo.png", "cell": "D2", "alt": "Logo"}]
    edited = edit(content, batch, opener=lambda name: {"logo.png": png()}[name])
    assert len(excel.list_images(Workbook.open(edited.content))) == 1


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda c: excel.insert_image(c, b"no picture", "A1"), "image"),
        (lambda c: excel.insert_image(c, png(), "A0"), "address"),
        (lambda c: excel.delete_image(c, 1), "unknown_image"),
        (lambda c: excel.set_alt_text(c, "x", 1, kind="chart"), "unknown_chart"),
        (lambda c: excel.delete_image(excel.insert_image(c, png(), "A1").content, 2), "unknown_image"),
    ],
)
def test_what_is_refused(content: bytes, call: Any, code: str) -> None:
    with pytest.raises(ToolInputError) as error:
        call(content)
    assert error.value.code == code
