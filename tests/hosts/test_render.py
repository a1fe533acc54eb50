"""Diffs, tables and Markdown: what is on the terminal is all that there is, and nothing that was not there."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console, RenderableType

from copilot.hosts import render


def text(renderable: RenderableType, width: int = 60, *, pipe: bool = False) -> str:
    out = Console(file=io.StringIO(), width=width, highlight=False, soft_wrap=pipe)
    out.print(renderable)
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


def change(*hunks: tuple[str, str, str, str], **more: Any) -> dict[str, Any]:
    keys = ("kind", "where", "before", "after")
    shown = [dict(zip(keys, hunk, strict=True)) for hunk in hunks]
    return {"path": "a.docx", "summary": "Change", "hunks": shown, "warnings": [], "committed": False, **more}


def test_both_sides_of_a_change_keep_what_differs() -> None:
    before = "start " + "same " * 60 + "OLD end"
    seen = text(render.changes([change(("text", "paragraph 1", before, before.replace("OLD", "NEW")))]), 200)
    old, new = (line for line in seen.splitlines() if line.startswith(("  - ", "  + ")))
    assert "OLD end" in old
    assert "NEW end" in new
    assert "…" in old, "what stays the same is cut"
    assert "samesame" not in old.replace(" ", "x"), "words are not cut in the middle"


def test_long_lines_hang_under_their_mark_on_a_terminal_and_stay_whole_in_a_pipe() -> None:
    shown = render.changes([change(("text", "p", "", "word " * 40))])
    wrapped = [line for line in text(shown).splitlines() if "word" in line]
    assert len(wrapped) > 1
    assert all(line.startswith(("  + ", "    ")) for line in wrapped)
    assert len([line for line in text(shown, pipe=True).splitlines() if "word" in line]) == 1


def test_the_places_left_out_are_counted() -> None:
    hunks = [("text", f"p{n}", "a", "b") for n in range(50)]
    assert "… and 10 more places" in text(render.changes([change(*hunks)]))
    assert "more places" not in text(render.changes([change(*hunks)], most=None))


def test_cells_are_a_table_with_both_values() -> None:
    seen = text(render.changes([change(("cell", "Sales!D2", "5", "=SUM(A1:A2)"), ("cell", "Sales!D3", "", "6"))]))
    assert [line.split() for line in seen.splitlines()[1:]] == [
        ["Cell", "Before", "After"],
        ["Sales!D2", "5", "=SUM(A1:A2)"],
        ["Sales!D3", "6"],
    ]


@pytest.mark.parametrize("pipe", [True, False])
@pytest.mark.parametrize("evil", ["\x1b[2J", "\x9b2J", "\u202e", "\r"])
def test_names_and_texts_of_documents_control_nothing(evil: str, pipe: bool) -> None:
    given = change(
        ("text", f"p{evil}", f"a{evil}", f"b{evil}"), ("cell", f"A{evil}1", evil, evil), path=f"x{evil}.docx"
    )
    shown = [render.changes([{**given, "warnings": [evil], "summary": evil}]), render.table([evil], [[evil]])]
    for one in shown[:1]:
        assert evil not in text(one, pipe=pipe)
    assert evil not in text(render.table(["Head"], [[evil]]), pipe=pipe)


def test_a_table_in_a_pipe_has_one_line_a_row_and_no_blanks_at_its_end() -> None:
    seen = text(render.table(("Tool", "What it does"), [("a", "word " * 60), ("日本", "x")]), pipe=True)
    lines = seen.splitlines()
    assert len(lines) == 3
    assert all(line == line.rstrip() for line in lines)
    assert lines[2] == "日本  x"


def test_html_in_an_answer_is_shown_as_text() -> None:
    seen = text(render.markdown("# Title\n\nSee <b>this</b>.\n\n<div>and this</div>\n"))
    assert "<b>this</b>" in seen
    assert "<div>and this</div>" in seen
    assert seen.startswith("Title"), "headings stay left"
