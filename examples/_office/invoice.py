"""PDF: an invoice, written by hand."""

from __future__ import annotations

INVOICE = (
    (18, "Invoice 2026-0417"),
    (11, "Halden Calibration GmbH, Werftstrasse 8, 24148 Kiel, Germany"),
    (11, "To: Acme Ltd, 14 Quay Street, Bristol BS1 4DJ, United Kingdom"),
    (11, "Date: 22 September 2026        Order: PO-88214        Payable within 30 days"),
    (11, ""),
    (11, "Calibration of 24 flow sensors, on site                              EUR 2,160.00"),
    (11, "Test certificates, 24 pieces                                         EUR   288.00"),
    (11, "Travel and accommodation                                             EUR   410.00"),
    (11, "Total without VAT                                                    EUR 2,858.00"),
    (11, "VAT (reverse charge, 0 %)                                            EUR     0.00"),
    (11, "Amount due                                                           EUR 2,858.00"),
    (11, ""),
    (11, "Please transfer the amount to IBAN DE02 1203 0000 0000 2020 51 by 22 October 2026."),
    (11, "Late payment is charged at nine percentage points above the base rate."),
    (11, "Questions: accounts@halden.example, +49 431 555 0140"),
)


def invoice() -> bytes:
    """Return a one-page PDF 1.4 with the standard font Courier: five objects, written by hand."""
    lines, y = [], 780
    for size, text in INVOICE:
        shown = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        font = "F2" if size > 11 else "F1"
        lines.append(f"BT /{font} {size if size > 11 else 9.5} Tf 56 {y} Td ({shown}) Tj ET")
        y -= 34 if size > 11 else 19
    content = "\n".join(lines).encode("latin-1")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R /F2 6 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Courier /Encoding /WinAnsiEncoding >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
        b"<< /Title (Invoice 2026-0417) /Author (Halden Calibration GmbH) /CreationDate (D:20260922080000Z) >>",
    ]
    out, starts = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"), []
    for number, body in enumerate(objects, start=1):
        starts.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table_at = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % start for start in starts)
    out += b"trailer\n<< /Size %d /Root 1 0 R /Info 7 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table_at)
    return bytes(out)
