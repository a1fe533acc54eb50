"""The kind and the size of a picture, from the first bytes of its file; nothing is decoded."""

from __future__ import annotations

from dataclasses import dataclass

from copilot.errors import ToolInputError

#: Bytes of the largest picture that is put into a workbook.
MAX_BYTES = 20_000_000
_SOF = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))  # frame headers (ITU T.81, B.1)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture: its kind in words, its size in pixels, how its part ends and what its content type is."""

    kind: str
    width: int
    height: int
    ending: str
    content_type: str


def picture_of(data: bytes) -> Picture:
    """Return what the bytes of a PNG, JPEG, GIF or BMP file are; raises ToolInputError for anything else."""
    if len(data) > MAX_BYTES:
        message = f"The picture has {len(data):,} bytes: more than {MAX_BYTES:,}."
        raise ToolInputError(message, hint="Make it smaller.", code="image")
    for start, kind, size, ending, content_type in _KINDS:
        if data.startswith(start):
            width, height = size(data)
            if not (0 < width < 100_000 and 0 < height < 100_000):
                raise ToolInputError(f"The {kind} picture is damaged: it says no size.", code="image")
            return Picture(kind, width, height, ending, content_type)
    hint = "Give the bytes of a PNG, JPEG, GIF or BMP file."
    raise ToolInputError("That is no picture that can be put into a workbook.", hint=hint, code="image")


def _png(data: bytes) -> tuple[int, int]:
    """Return the size in the header chunk, which comes first (PNG, 11.2.2); (0, 0) where it is not there."""
    if data[12:16] != b"IHDR" or len(data) < 33 or b"IEND" not in data:
        return 0, 0
    return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])


def _gif(data: bytes) -> tuple[int, int]:
    return int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")


def _bmp(data: bytes) -> tuple[int, int]:
    width, height = data[18:22], data[22:26]
    return int.from_bytes(width, "little", signed=True), abs(int.from_bytes(height, "little", signed=True))


def _jpeg(data: bytes) -> tuple[int, int]:
    """Return the size in the first frame header; the segments before it are skipped by their lengths."""
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _SOF:
            return int.from_bytes(data[at + 7 : at + 9]), int.from_bytes(data[at + 5 : at + 7])
        if marker == 0xFF or 0xD0 <= marker <= 0xD8 or marker == 0x01:  # filling, or a marker without a segment
            at += 1 if marker == 0xFF else 2
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return 0, 0


_KINDS = (
    (b"\x89PNG\r\n\x1a\n", "PNG", _png, "png", "image/png"),
    (b"\xff\xd8\xff", "JPEG", _jpeg, "jpeg", "image/jpeg"),
    (b"GIF87a", "GIF", _gif, "gif", "image/gif"),
    (b"GIF89a", "GIF", _gif, "gif", "image/gif"),
    (b"BM", "BMP", _bmp, "bmp", "image/bmp"),
)
