"""The app's icons, drawn here: a paper plane. PNG files by the standard library alone.

Rules of Microsoft Teams ("Teams app package", app icons): the colour icon has 192 x 192 pixels on a plain square with
the symbol in its middle 96 x 96; the outline icon has 32 x 32, white on transparent, with no room around the symbol.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise

#: The colour behind the plane, also the app's accent colour.
ACCENT = (0x1B, 0x5E, 0x63)
_WHITE, _SHADE, _LIGHT = (255, 255, 255), (0xA9, 0xD3, 0xD0), (0x4C, 0x9F, 0x9B)

Point = tuple[float, float]
Pixel = tuple[int, int, int, int]  # red, green, blue, alpha: 0 to 255 each

# The plane in a square of side 1, the origin at the top left: its nose, the tips of both wings, where it is folded.
_NOSE, _LEFT, _RIGHT, _FOLD = (1.0, 0.0), (0.0, 0.36), (0.64, 1.0), (0.36, 0.64)
_UPPER, _LOWER = (_LEFT, _NOSE, _FOLD), (_NOSE, _RIGHT, _FOLD)


@cache
def color() -> bytes:
    """Return the colour icon."""
    wings = [(_placed(_UPPER, 48, 96), _WHITE), (_placed(_LOWER, 48, 96), _SHADE)]

    def at(point: Point) -> Pixel:
        mixed: tuple[float, ...] = ACCENT
        for wing, tint in wings if _is_near(point, 48, 144) else ():
            share = _inside(point, wing)
            mixed = tuple(old + (new - old) * share for old, new in zip(mixed, tint, strict=True))
        red, green, blue = map(round, mixed)
        return red, green, blue, 255

    return png(192, at)


@cache
def outline() -> bytes:
    """Return the outline icon: every pixel is white, and more or less transparent."""
    line = 2.5
    corners = _placed((_LEFT, _NOSE, _RIGHT, _FOLD, _LEFT), line / 2, 32 - line)
    strokes = [*pairwise(corners), (corners[3], corners[1])]

    def at(point: Point) -> Pixel:
        away = min(_away(point, *stroke) for stroke in strokes)
        return (*_WHITE, round(255 * _share(line / 2 - away)))

    return png(32, at)


@cache
def small() -> bytes:
    """Return the colour icon of 32 x 32 pixels, on transparent: where Outlook and Microsoft 365 pin the app."""
    whole, lower = _placed((_LEFT, _NOSE, _RIGHT, _FOLD), 1, 30), _placed(_LOWER, 1, 30)

    def at(point: Point) -> Pixel:
        tint = _LIGHT if _inside(point, lower) > 0.5 else ACCENT
        return (*tint, round(255 * _inside(point, whole)))

    return png(32, at)


def png(size: int, at: Callable[[Point], Pixel]) -> bytes:
    """Return a square picture as a PNG file (RFC 2083), 8 bits a channel, with transparency.

    `at` gets the middle of a pixel, in pixels from the top left.
    """
    rows = b"".join(
        b"\0" + b"".join(bytes(at((x + 0.5, y + 0.5))) for x in range(size)) for y in range(size)
    )  # each row begins with its filter: none
    head = struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def _placed(points: Sequence[Point], start: float, side: float) -> list[Point]:
    return [(start + x * side, start + y * side) for x, y in points]


def _is_near(point: Point, low: float, high: float) -> bool:
    return all(low - 1 <= each <= high + 1 for each in point)


def _share(depth: float) -> float:
    """Return how much of a pixel is covered whose middle lies so deep inside an edge, outside if negative."""
    return min(max(depth + 0.5, 0.0), 1.0)


def _inside(point: Point, corners: Sequence[Point]) -> float:
    """Return how much of the pixel around a point a polygon covers."""
    edges = list(pairwise([*corners, corners[0]]))
    crossed = sum(_is_crossed(point, *edge) for edge in edges)
    depth = min(_away(point, *edge) for edge in edges)
    return _share(depth if crossed % 2 else -depth)


def _is_crossed(point: Point, start: Point, end: Point) -> bool:
    """Return whether a ray from the point to the right meets the edge."""
    (x, y), (x1, y1), (x2, y2) = point, start, end
    return (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1


def _away(point: Point, start: Point, end: Point) -> float:
    """Return the distance of a point from a line between two others."""
    (x, y), (x1, y1), (x2, y2) = point, start, end
    along = ((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / ((x2 - x1) ** 2 + (y2 - y1) ** 2)
    part = min(max(along, 0.0), 1.0)
    return math.hypot(x - x1 - part * (x2 - x1), y - y1 - part * (y2 - y1))
