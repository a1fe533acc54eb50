"""PDF: paragraphs from lines, and what a person does not see."""

from __future__ import annotations

import io
from itertools import count

import pypdf
import pytest

from copilot.documents.pdf import PdfLimits, outline, read
from copilot.documents.pdf_lines import join
from copilot.errors import DocumentError
from tests.documents.makers import lines, pdf


def texts(content: bytes, kind: str = "paragraph") -> list[str]:
    return [s.text for s in read(content).segments if s.kind == kind and not s.hidden]


def test_wrapped_lines_become_paragraphs() -> None:
    page = lines(
        "The agreement continues for an initial term of twenty-four months and",
        "then from year to year, until one of the parties gives notice in wri-",
        "ting to the other one.",
        top=780,
    ) + lines("A second paragraph stands after a gap.", top=700)
    assert texts(pdf([page])) == [
        "The agreement continues for an initial term of twenty-four months and then from year to year, until one of "
        "the parties gives notice in writing to the other one.",
        "A second paragraph stands after a gap.",
    ]


def test_headings_items_and_places() -> None:
    first = lines("Report", size=20) + lines("Body text that is set in the ordinary size.", top=740)
    second = (
        lines("2.1 Scope", top=780) + lines("- one item", "- another item", top=740) + lines("More body text.", top=650)
    )
    segments = read(pdf([first, second])).segments
    assert [(s.kind, s.text, s.where) for s in segments] == [
        ("heading", "Report", "page 1"),
        ("paragraph", "Body text that is set in the ordinary size.", "page 1"),
        ("heading", "2.1 Scope", "page 2"),
        ("list", "- one item", "page 2"),
        ("list", "- another item", "page 2"),
        ("paragraph", "More body text.", "page 2"),
    ]
    assert [h.text for h in outline(pdf([first, second])).headings] == ["Report", "2.1 Scope"]


def test_lines_at_the_edge_of_every_page_are_headers_and_footers() -> None:
    pages = [
        lines("Acme Ltd", top=800) + lines(f"Words of the page that differ: {w}.", top=400) + lines(f"Page {n}", top=40)
        for n, w in enumerate(("alpha", "beta", "gamma", "delta"), start=1)
    ]
    segments = read(pdf(pages)).segments
    assert [s.where for s in segments if s.kind == "header"] == [f"page {n}, header" for n in range(1, 5)]
    assert [s.text for s in segments if s.kind == "footer"] == [f"Page {n}" for n in range(1, 5)]
    assert len([s for s in segments if s.kind == "paragraph"]) == 4


@pytest.mark.parametrize(
    ("stream", "why"),
    [
        ("BT /F1 11 Tf 3 Tr 72 600 Td (unseen) Tj ET", "invisible text"),
        ("1 g BT /F1 11 Tf 72 600 Td (unseen) Tj ET", "white text"),
        ("1 1 1 rg BT /F1 11 Tf 72 600 Td (unseen) Tj ET", "white text"),
        ("0 0 0 0 k BT /F1 11 Tf 72 600 Td (unseen) Tj ET", "white text"),
        ("BT /F1 1 Tf 72 600 Td (unseen) Tj ET", "tiny text"),
        ("q 0.1 0 0 0.1 0 0 cm BT /F1 11 Tf 720 6000 Td (unseen) Tj ET Q", "tiny text"),
        ("BT /F1 11 Tf 72 -300 Td (unseen) Tj ET", "text off the page"),
        ("BT /F1 11 Tf 900 600 Td (unseen) Tj ET", "text off the page"),
    ],
)
def test_unseen_text_is_marked_and_kept(stream: str, why: str) -> None:
    reading = read(pdf([lines("What everybody sees.") + stream]))
    assert [(s.text, s.hidden) for s in reading.segments] == [("What everybody sees.", ""), ("unseen", why)]
    assert "hidden-text" in reading.flags


@pytest.mark.parametrize(
    "stream",
    [
        "0 0 0.5 rg 60 590 300 40 re f 1 g BT /F1 11 Tf 72 600 Td (seen) Tj ET",
        "1 g q 0 g Q 0 g BT /F1 11 Tf 72 600 Td (seen) Tj ET",
        "q 1 g Q BT /F1 11 Tf 72 600 Td (seen) Tj ET",
        "q 0.1 0 0 0.1 0 0 cm BT /F1 110 Tf 720 6000 Td (seen) Tj ET Q",
    ],
    ids=["white on blue", "black again", "restored", "scaled"],
)
def test_seen_text_is_not_marked(stream: str) -> None:
    assert [(s.text, s.hidden) for s in read(pdf([stream])).segments] == [("seen", "")]


def test_pages_without_text_are_listed() -> None:
    picture = "0 0 1 rg 0 0 100 100 re f"
    reading = read(pdf([picture, lines("Text."), picture, picture]))
    assert any(o.startswith("pages 1, 3-4: no text") for o in reading.omitted)


def test_limits_name_what_was_left_out() -> None:
    content = pdf([lines(f"Page {n}.") for n in range(5)])
    assert "pages 3-5: too many pages" in read(content, limits=PdfLimits(pages=2)).omitted
    ticks = count(step=10)
    assert (
        "pages 3-5: reading took too long"
        in read(content, limits=PdfLimits(seconds=25), clock=lambda: next(ticks)).omitted
    )
    assert "page 1: larger than the limit for one page" in read(content, limits=PdfLimits(page_content=10)).omitted


def test_scripts_links_and_comments() -> None:
    objects = [
        "<< /Type /Annot /Subtype /Link /Rect [0 0 1 1] /A << /S /URI /URI (https://evil.example/x) >> >>",
        "<< /Type /Annot /Subtype /Text /Rect [0 0 1 1] /T (Ann) /Contents (Please check) >>",
    ]
    content = pdf(
        [lines("Text.")],
        catalog="/OpenAction << /S /JavaScript /JS (app.alert\\(1\\)) >> /Names << /EmbeddedFiles << /Names [] >> >>",
        page="/Annots [4 0 R 5 0 R]",
        objects=objects,
    )
    reading = read(content)
    assert {"javascript", "embedded-files", "external-links", "comments"} <= set(reading.flags)
    assert [(s.text, s.where) for s in reading.segments if s.hidden] == [
        ("https://evil.example/x", "page 1, link"),
        ("Please check", "page 1, comment by Ann"),
    ]


def test_a_plain_pdf_has_no_flags() -> None:
    assert read(pdf([lines("Text.")])).flags == ()


@pytest.mark.parametrize(("password", "readable"), [("", True), ("secret", False)])
def test_encryption(password: str, readable: bool) -> None:
    writer = pypdf.PdfWriter(io.BytesIO(pdf([lines("Guarded words.")])))
    writer.encrypt(password, "owner", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    if readable:
        assert texts(out.getvalue()) == ["Guarded words."]
        return
    with pytest.raises(DocumentError) as caught:
        read(out.getvalue())
    assert caught.value.code == "encrypted"


@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
def test_a_cut_file_is_broken(share: float) -> None:
    content = pdf([lines(f"Page {n} of a file that was cut off while it was copied.") for n in range(20)])
    with pytest.raises(DocumentError) as caught:
        read(content[: int(len(content) * share)])
    assert caught.value.code == "broken"


def test_bytes_behind_the_end_do_no_harm() -> None:
    assert texts(pdf([lines("Text.")]) + b"\r\n" + bytes(300)) == ["Text."]


def test_rows_of_an_invoice_stay_apart() -> None:
    page = lines(
        "Calibration of 24 sensors, on site   EUR 2,160.00",
        "Test certificates, 24 pieces   EUR 288.00",
        "Payment is due within thirty days of the date of this invoice, by bank transfer, without deduction.",
    )
    assert len(texts(pdf([page]))) == 3


def test_bookmarks_are_the_outline() -> None:
    writer = pypdf.PdfWriter(io.BytesIO(pdf([lines("First"), lines("Second")])))
    top = writer.add_outline_item(title="Part one", page_number=0)
    writer.add_outline_item(title="Detail", page_number=1, parent=top)
    writer.add_outline_item(title="Part two", page_number=1)
    out = io.BytesIO()
    writer.write(out)
    assert [(h.text, h.level, h.where) for h in outline(out.getvalue()).headings] == [
        ("Part one", 1, "page 1"),
        ("Detail", 2, "page 2"),
        ("Part two", 1, "page 2"),
    ]


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        (["termi-", "nation"], "termination"),
        (["Anglo-", "American"], "Anglo-American"),
        (["so\u00ad", "ft"], "soft"),
        (["one -", "two"], "one - two"),
        (["a", "b"], "a b"),
    ],
)
def test_join(parts: list[str], whole: str) -> None:
    assert join(parts) == whole
