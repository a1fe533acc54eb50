"""quickXorHash, by which OneDrive and SharePoint name content. Source: Microsoft, "QuickXorHash algorithm"."""

from __future__ import annotations

import base64

_BITS, _SHIFT = 160, 11


def quick_xor_hash(data: bytes) -> str:
    """Return the hash in base64: byte i is rotated left by 11 i bits of 160 and xored in; the length on the last 8.

    After 160 bytes the places come round again, so that bytes are first xored in columns of 160.
    """
    columns = 0
    for start in range(0, len(data), _BITS):
        columns ^= int.from_bytes(data[start : start + _BITS].ljust(_BITS, b"\0"), "little")
    mixed = 0
    for index, byte in enumerate(columns.to_bytes(_BITS, "little")):
        mixed ^= byte << (index * _SHIFT % _BITS)
    folded = (mixed & ((1 << _BITS) - 1)) ^ (mixed >> _BITS) ^ (len(data) << 96)
    return base64.b64encode(folded.to_bytes(_BITS // 8, "little")).decode()
