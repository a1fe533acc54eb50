"""The kind, the size and the resolution of a picture, from the first bytes of its file; nothing is decoded."""

from __future__ import annotations

from dataclasses import dataclass

from copilot.errors import ToolInputError

#: Bytes of the largest picture that is put into a document.
MAX_BYTES = 20_000_000
_MOST = 100_000  # pixels on a side: more is a damaged header
_USUAL = 96.0  # dots an inch of a picture that does not say it, as Office takes it
_SOF = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))  # frame headers (ITU T.81, B.1)

#: Width and height in pixels, dots an inch (0 when it is not said).
Facts = tuple[int, int, float]


@dataclass(frozen=True, slots=True)
class Raster:
    """A picture: its kind in words, its size in pixels, dots an inch, how its part ends and its content type."""

    kind: str
    width: int
    height: int
    dpi: float
    ending: str
    content_type: str

    @property
    def inches(self) -> tuple[float, float]:
        """Width and height at its own resolution."""
        return self.width / self.dpi, self.height / self.dpi


def raster_of(data: bytes) -> Raster:
    """Return what the bytes of a PNG, JPEG, GIF, BMP or TIFF file are; raises ToolInputError "image" for others."""
    if len(data) > MAX_BYTES:
        message = f"The picture has {len(data):,} bytes: more than {MAX_BYTES:,}."
        raise ToolInputError(message, hint="Make it smaller.", code="image")
    for start, kind, facts, ending, content_type in _KINDS:
        if data.startswith(start):
            width, height, dpi = facts(data)
            if not (0 < width < _MOST and 0 < height < _MOST):
                raise ToolInputError(f"The {kind} picture is damaged: it says no size.", code="image")
            return Raster(kind, width, height, dpi if 20 <= dpi <= 2400 else _USUAL, ending, content_type)
    hint = "Give a PNG, JPEG, GIF, BMP or TIFF file."
    raise ToolInputError("That is no picture that a document can hold.", hint=hint, code="image")


def _png(data: bytes) -> Facts:
    """Read the header chunk, which comes first (PNG, 11.2.2), and the one that says the resolution (11.3.4.3)."""
    if data[12:16] != b"IHDR" or len(data) < 33 or b"IEND" not in data:
        return 0, 0, 0
    at = data.find(b"pHYs", 33)
    said = at > 0 and len(data) > at + 13 and data[at + 12] == 1
    dpi = int.from_bytes(data[at + 4 : at + 8]) * 0.0254 if said else 0.0
    return int.from_bytes(data[16:20]), int.from_bytes(data[20:24]), round(dpi, 1)


def _gif(data: bytes) -> Facts:
    return int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little"), 0


def _bmp(data: bytes) -> Facts:
    width, height = (int.from_bytes(data[at : at + 4], "little", signed=True) for at in (18, 22))
    return width, abs(height), round(int.from_bytes(data[38:42], "little") * 0.0254, 1)


def _jpeg(data: bytes) -> Facts:
    """Return the size in the first frame header; the segments before it are skipped by their lengths."""
    at, dpi = 2, 0.0
    while at + 9 < len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _SOF:
            return int.from_bytes(data[at + 7 : at + 9]), int.from_bytes(data[at + 5 : at + 7]), dpi
        if marker == 0xE0 and data[at + 4 : at + 9] == b"JFIF\0":  # density in dots an inch or a centimetre
            dpi = int.from_bytes(data[at + 12 : at + 14]) * {1: 1.0, 2: 2.54}.get(data[at + 11], 0.0)
        if marker == 0xFF or 0xD0 <= marker <= 0xD8 or marker == 0x01:  # filling, or a marker without a segment
            at += 1 if marker == 0xFF else 2
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return 0, 0, 0


def _tiff(data: bytes) -> Facts:
    """Read the first directory: width, height, resolution and its unit (TIFF 6.0, section 8)."""
    order = "little" if data[:2] == b"II" else "big"

    def number(at: int, length: int) -> int:
        return int.from_bytes(data[at : at + length], order)  # type: ignore[arg-type]

    start = number(4, 4)
    found: dict[int, int] = {}
    for entry in range(start + 2, start + 2 + 12 * min(number(start, 2), 200), 12):
        kind, at = number(entry + 2, 2), entry + 8
        found[number(entry, 2)] = number(at, 2) if kind == 3 else number(at, 4)
    dots, parts = (number(found.get(282, len(data)) + skip, 4) for skip in (0, 4))
    dpi = dots / parts * {2: 1.0, 3: 2.54}.get(found.get(296, 2), 0.0) if parts else 0.0
    return found.get(256, 0), found.get(257, 0), dpi


_KINDS = (
    (b"\x89PNG\r\n\x1a\n", "PNG", _png, "png", "image/png"),
    (b"\xff\xd8\xff", "JPEG", _jpeg, "jpeg", "image/jpeg"),
    (b"GIF87a", "GIF", _gif, "gif", "image/gif"),
    (b"GIF89a", "GIF", _gif, "gif", "image/gif"),
    (b"BM", "BMP", _bmp, "bmp", "image/bmp"),
    (b"II*\0", "TIFF", _tiff, "tiff", "image/tiff"),
    (b"MM\0*", "TIFF", _tiff, "tiff", "image/tiff"),
)
