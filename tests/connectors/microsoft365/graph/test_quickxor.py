"""QuickXorHash against published values, and against its description word by word."""

from __future__ import annotations

import base64
import random
from pathlib import Path

import pytest

from copilot.connectors.microsoft365.graph import quickxor

#: Inputs and hashes in base64, made by Microsoft's own implementation.
PUBLISHED = [
    ("", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    ("Sg==", "SgAAAAAAAAAAAAAAAQAAAAAAAAA="),
    ("tbQ=", "taAFAAAAAAAAAAAAAgAAAAAAAAA="),
    ("0pZP", "0rDEEwAAAAAAAAAAAwAAAAAAAAA="),
    ("jRRDVA==", "jaDAEKgAAAAAAAAABAAAAAAAAAA="),
    ("luBZlaT6", "lgBHFipBCn0AAAAABgAAAAAAAAA="),
    ("/aNzzCFPS/A=", "/RjFHJgRgicsAR4ACAAAAAAAAAA="),
    ("aGVsbG8gd29ybGQ=", "aCgDG9jwBhDc4Q1yawMZAAAAAAA="),
]


def described(data: bytes) -> str:
    """The hash as its description reads, bit by bit."""
    block = 0
    for place, byte in enumerate(data):
        shift = place * 11 % 160
        whole = byte << shift
        block ^= (whole | whole >> 160) & (1 << 160) - 1
    block ^= len(data) << 96
    return base64.b64encode(block.to_bytes(20, "little")).decode()


@pytest.mark.parametrize(("given", "hashed"), PUBLISHED)
def test_published_values(given: str, hashed: str) -> None:
    assert quickxor.of([base64.b64decode(given)]) == hashed


def test_it_is_what_is_described_however_it_is_cut(tmp_path: Path) -> None:
    chance = random.Random(7)
    for size in (1, 20, 159, 160, 161, 319, 320, 321, 1000, 4801):
        data = chance.randbytes(size)
        cuts = sorted(chance.randrange(size + 1) for _ in range(5))
        pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, size], strict=True)]
        assert quickxor.of(pieces) == quickxor.of([data]) == described(data)
    (tmp_path / "file").write_bytes(data)
    assert quickxor.of_file(tmp_path / "file") == described(data)
