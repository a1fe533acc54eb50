"""Files for tests, made by hand: PDFs from content streams, OLE files from stream names, zips from parts."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence

OLE = bytes.fromhex("D0CF11E0A1B11AE1")


def zipped(entries: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return out.getvalue()


def rezipped(content: bytes, changes: Mapping[str, bytes]) -> bytes:
    """The zip with entries replaced or added."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    return zipped({**entries, **changes})


def ole(*streams: str) -> bytes:
    """A compound file as far as its directory: a header sector, then 128-byte entries that begin with a name."""
    entries = [name.encode("utf-16-le").ljust(128, b"\0") for name in ("Root Entry", *streams)]
    return OLE.ljust(512, b"\0") + b"".join(entries).ljust(1024, b"\0")


def pdf(pages: Sequence[str], *, catalog: str = "", page: str = "", objects: Sequence[str] = ()) -> bytes:
    """A PDF of these content streams on A4, font /F1 Helvetica; `objects` get the numbers from 4 on."""
    first_page = 4 + len(objects)
    kids = " ".join(f"{first_page + 2 * n} 0 R" for n in range(len(pages)))
    bodies = [
        f"<< /Type /Catalog /Pages 2 0 R {catalog} >>".encode(),
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        *(each.encode("latin-1") for each in objects),
    ]
    for number, stream in enumerate(pages):
        data = stream.encode("cp1252")
        bodies.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> "
            f"/Contents {first_page + 2 * number + 1} 0 R {page} >>".encode()
        )
        bodies.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(data), data))
    return _with_references(bodies)


def _with_references(bodies: Sequence[bytes]) -> bytes:
    out = bytearray(b"%PDF-1.7\n")
    offsets = []
    for number, body in enumerate(bodies, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(bodies) + 1, start)
    return bytes(out)


def lines(*texts: str, size: int = 11, top: int = 780, leading: float = 1.3) -> str:
    """A content stream with one line of text under the other."""
    shown = " ".join(f"({text}) Tj T*" for text in texts)
    return f"BT /F1 {size} Tf {size * leading:.1f} TL 72 {top} Td {shown} ET\n"
