"""Tracked changes listed, accepted and rejected: each kind of 17.13.5, by id, author, place and all."""

from __future__ import annotations

import re

import pytest

from copilot.documents.word.revisions import accept, reject, revisions, track
from copilot.errors import ToolInputError

from .make import docx, p, part, r, table

_WHO = 'w:author="A" w:date="2020-01-01T00:00:00Z"'
_GONE = r("gone").replace("w:t", "w:delText")


def _mark(kind: str, inner: str = "", number: int = 1, who: str = _WHO) -> str:
    return f'<w:{kind} w:id="{number}" {who}>{inner}</w:{kind}>'


def _end(kind: str, number: int = 1) -> str:
    return f"<w:rPr>{_mark(kind, number=number)}</w:rPr>"


def _body(content: bytes) -> str:
    text = part(content)
    inner = text[text.index("<w:body>") + 8 : text.index("<w:sectPr")]
    return inner.replace(' xml:space="preserve"', "")


def _plain(*blocks: str) -> str:
    return _body(docx(*blocks))


_B = "<w:b/>"
_MOVED = (
    p(f'<w:moveFromRangeStart w:id="8" {_WHO} w:name="m"/>', _mark("moveFrom", r("it")), properties=_end("moveFrom", 2))
    + '<w:moveFromRangeEnd w:id="8"/>'
    + p("x")
    + p(f'<w:moveToRangeStart w:id="9" {_WHO} w:name="m"/>', _mark("moveTo", r("it"), 3), properties=_end("moveTo", 4))
    + '<w:moveToRangeEnd w:id="9"/>'
    + p("y")
)
_ROW = table(["a"], ["b"]).replace("<w:tr>", "<w:tr><w:trPr>{}</w:trPr>", 1)
_CELL = table(["a", "b"]).replace("<w:tc>", "<w:tc><w:tcPr>{}</w:tcPr>", 1)
_GRID = "<w:tblGrid><w:gridCol/></w:tblGrid>"


def _moved_row(kind: str, number: int) -> list[str]:
    """A row as Word moves it: nothing on the row, a mark on the end of each of its cells."""
    return [p(_mark(kind, r(text), number + n), properties=_end(kind, number + 5 + n)) for n, text in enumerate("ab")]


#: kind, body, body accepted, body rejected
CASES: dict[str, tuple[str, str, str, str]] = {
    "insertion": ("insertion", p("a", _mark("ins", r("b"))), p("a", "b"), p("a")),
    "moved row": (
        "move away",
        table(_moved_row("moveFrom", 20), ["c", "d"], _moved_row("moveTo", 40)) + p("e"),
        table(["c", "d"], ["a", "b"]) + p("e"),
        table(["a", "b"], ["c", "d"]) + p("e"),
    ),
    "deletion": ("deletion", p("a", _mark("del", _GONE)), p("a"), p("a", "gone")),
    "nested": ("insertion", p(_mark("ins", r("a") + _mark("del", _GONE, 2))), p("a"), p()),
    "format": (
        "format", p(r("a", _B + _mark("rPrChange", "<w:rPr><w:i/></w:rPr>"))), p(r("a", _B)), p(r("a", "<w:i/>"))),
    "paragraph format": (
        "paragraph format",
        p("a", properties=f'<w:keepNext/>{_mark("pPrChange", "<w:pPr><w:keepLines/></w:pPr>")}'),
        p("a", properties="<w:keepNext/>"),
        p("a", properties="<w:keepLines/>"),
    ),
    "end inserted": ("insertion", p("a", properties=_end("ins")) + p("b"), p("a") + p("b"), p("a", "b")),
    "end deleted": (
        "deletion", p("a", style="T", properties=_end("del")) + p("b"), p("a", "b"), p("a", style="T") + p("b")),
    "paragraph deleted": (
        "deletion",
        p(_mark("del", _GONE, 2), properties=_end("del")) + table(["a"]) + p(),
        table(["a"]) + p(),
        p("gone") + table(["a"]) + p(),
    ),
    "numbering": (
        "insertion",
        p("a", properties=f'<w:numPr><w:numId w:val="1"/>{_mark("ins")}</w:numPr>'),
        p("a", properties='<w:numPr><w:numId w:val="1"/></w:numPr>'),
        "<w:p><w:pPr/>" + r("a").replace(' xml:space="preserve"', "") + "</w:p>",
    ),
    "move": ("move away", _MOVED, p("x") + p("it") + p("y"), p("it") + p("x") + p("y")),
    "row inserted": ("row insertion", _ROW.format(_mark("ins")), table(["a"], ["b"]), table(["b"])),
    "row deleted": ("row deletion", _ROW.format(_mark("del")), table(["b"]), table(["a"], ["b"])),
    "cell inserted": ("cell insertion", _CELL.format(_mark("cellIns")), table(["a", "b"]), table(["b", "b"]).replace(
        f"<w:tc>{p('b')}</w:tc>", "", 1).replace("<w:gridCol/>", "", 1)),
    "equation": (
        "insertion", p("a", _mark("ins", "<m:oMath><m:r><m:t>x</m:t></m:r></m:oMath>")),
        p("a", "<m:oMath><m:r><m:t>x</m:t></m:r></m:oMath>"), p("a"),
    ),
    "link": ("deletion", p("a", f'<w:hyperlink w:anchor="x">{_mark("del", _GONE)}</w:hyperlink>'), p("a"),
             p("a", f'<w:hyperlink w:anchor="x">{r("gone")}</w:hyperlink>')),
    "bookmark": (
        "deletion",
        p("a", '<w:bookmarkStart w:id="5" w:name="n"/>', _mark("del", _GONE), '<w:bookmarkEnd w:id="5"/>'),
        p("a"),
        p("a", '<w:bookmarkStart w:id="5" w:name="n"/>', "gone", '<w:bookmarkEnd w:id="5"/>'),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("strict", [False, True], ids=["transitional", "strict"])
def test_each_kind_is_listed_accepted_and_rejected(case: str, strict: bool) -> None:
    kind, body, accepted, rejected = CASES[case]
    content = docx(body, strict=strict)
    listed = revisions(content)
    assert listed[0].kind == kind
    assert (listed[0].author, listed[0].date) == ("A", "2020-01-01T00:00:00Z")
    for settle, expected in ((accept, accepted), (reject, rejected)):
        done = settle(content, everything=True).content
        assert _empty_properties(_body(done)) == _empty_properties(_plain(expected))
        assert not revisions(done)
        by_author = settle(content, author="A").content
        assert _empty_properties(_body(by_author)) == _empty_properties(_plain(expected))


def _empty_properties(text: str) -> str:
    return re.sub(r"<w:(trPr|tcPr|pPr|tblPr)/>", "", text).replace("<w:p></w:p>", "<w:p/>")


def test_an_insertion_over_runs_and_paragraphs_is_one() -> None:
    body = p("a ", _mark("ins", r("b") + r("c", _B)), _mark("ins", r("d"), 2), properties=_end("ins", 3))
    listed = revisions(docx(body + p(_mark("ins", r("e"), 4), "f")))
    assert [(x.id, x.ids, x.after, x.where) for x in listed] == [("1", ("1", "2", "3", "4"), "bcd\ne", "paragraph 1")]


def test_changes_are_chosen_by_id_author_and_place() -> None:
    other = 'w:author="B"'
    content = docx(
        p("x", _mark("ins", r("a"), 1)), p("y", _mark("ins", r("b"), 2, other)), p("z", _mark("ins", r("c"), 3))
    )
    listed = revisions(content)
    assert [(x.id, x.author, x.date) for x in listed][1] == ("2", "B", "")
    assert [x.id for x in revisions(accept(content, ids=["1"]).content)] == ["2", "3"]
    assert [x.id for x in revisions(reject(content, author="B").content)] == ["1", "3"]
    span = f"{listed[1].address}..{listed[2].address}"
    assert [x.id for x in revisions(accept(content, address=span).content)] == ["1"]
    assert [x.id for x in revisions(accept(content, address=span, author="B").content)] == ["1", "3"]


def test_both_halves_of_a_move_go_together() -> None:
    content = docx(_MOVED)
    assert not revisions(accept(content, ids=["3"]).content)
    assert "RangeStart" not in _body(reject(content, ids=["1"]).content)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [({}, "arguments"), ({"ids": ["99"]}, "unknown_tracked_change"), ({"author": "Nobody"}, "unknown_author")],
)
def test_what_is_not_there_is_refused(arguments: dict[str, object], code: str) -> None:
    with pytest.raises(ToolInputError) as error:
        accept(docx(p(_mark("ins", r("a")))), **arguments)  # type: ignore[arg-type]
    assert error.value.code == code


def test_nothing_to_accept_is_unchanged() -> None:
    with pytest.raises(ToolInputError) as error:
        accept(docx(p("a")), everything=True)
    assert error.value.code == "unchanged"


def test_headers_and_notes_count() -> None:
    notes = f'<w:footnote w:id="1">{p(_mark("ins", r("n"), 2))}</w:footnote>'
    content = docx(p('<w:r><w:footnoteReference w:id="1"/></w:r>'), footnotes=notes, header1=p(_mark("del", _GONE, 3)))
    assert {(x.kind, x.where.split(" ")[0]) for x in revisions(content)} == {
        ("insertion", "footnote"),
        ("deletion", "header"),
    }
    assert not revisions(reject(content, everything=True).content)


@pytest.mark.parametrize("settings", [{}, {"settings": '<w:zoom w:percent="90"/><w:compat/>'}])
def test_track_changes_is_turned_on_and_off(settings: dict[str, str]) -> None:
    on = track(docx(p("a"), **settings), True)
    text = part(on.content, "word/settings.xml")
    assert "<w:trackRevisions/>" in text
    assert "w:compat" not in text or text.index("trackRevisions") < text.index("w:compat")
    assert "trackRevisions" not in part(track(on.content, False).content, "word/settings.xml")
    with pytest.raises(ToolInputError, match="on already"):
        track(on.content, True)
