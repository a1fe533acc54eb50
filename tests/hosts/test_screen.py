"""Events in, text out: what a turn leaves on the terminal."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from copilot.agent.events import (
    ApprovalEvent,
    ChangeEvent,
    Delta,
    Discard,
    Event,
    Final,
    Switched,
    ToolEvent,
    Usage,
)
from copilot.hosts.terminal.growing import Growing
from copilot.hosts.terminal.screen import Screen

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def piped(width: int = 80, height: int = 24) -> Console:
    """A console that keeps what is printed for good, without the frames in between."""
    return Console(file=io.StringIO(), width=width, height=height, highlight=False)


def shown(events: list[Event], console: Console | None = None) -> str:
    screen = Screen(console or piped())
    screen.show(iter(events))
    assert isinstance(screen.console.file, io.StringIO)
    return screen.console.file.getvalue()


def item(call: str = "c1", places: int = 1, **more: Any) -> dict[str, Any]:
    hunks = [
        {"kind": "text", "where": f"paragraph {n}", "before": f"old {n}", "after": f"new {n}"} for n in range(places)
    ]
    plain = {"call_id": call, "path": "contract.docx", "summary": "Replace old", "hunks": hunks, "warnings": []}
    return {**plain, **more}


def card(*items: dict[str, Any]) -> dict[str, Any]:
    return {"items": list(items), "why": "It changes a file.", "digest": "d", "id": "i", "thread": "t"}


def final(text: str = "", **more: Any) -> Final:
    return Final(text, "t", **{"served_by": "claude", **more})


WORDS = st.lists(st.sampled_from(["plain", "**bold**", "`code`", "日本語", "مرحبا", "🎉", "\x1b[31m", "[a](http://b)"]))


@given(words=WORDS, cuts=st.lists(st.integers(0, 200), max_size=12))
@settings(max_examples=60, deadline=None)
def test_however_an_answer_is_cut_into_pieces_it_is_shown_once(words: list[str], cuts: list[int]) -> None:
    text = " ".join(["Begin", *words, "End"])
    places = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    pieces = [text[a:b] for a, b in pairwise(places)]
    whole = shown([Delta("m", text), final(text)])
    assert shown([*(Delta("m", piece) for piece in pieces), final(text)]) == whole
    assert whole.count("Begin") == whole.count("End") == 1
    assert "\x1b" not in whole


def test_a_long_answer_is_left_whole_and_once() -> None:
    text = "\n\n".join(f"Paragraph {n}." for n in range(400))
    events: list[Event] = [Delta("m", text[at : at + 7]) for at in range(0, len(text), 7)]
    seen = shown([*events, final(text)])
    assert re.findall(r"Paragraph (\d+)\.", seen) == [str(n) for n in range(400)]


@pytest.mark.parametrize("height", [8, 12, 50])
def test_the_frames_of_a_growing_answer_fit_the_screen_and_show_its_end(height: int) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=40, height=height, highlight=False)
    growing = Growing(console)
    for text in ("```\n" + "\n\n".join(f"line {n} " + "word " * 20 for n in range(3000)), " the end"):
        growing.add("m", text)
        frame = console.render_lines(growing._frame(), pad=False)
        assert 0 < len(frame) < height
    assert "the end" in "".join(segment.text for line in frame[-4:] for segment in line)


def test_what_a_dead_vendor_said_is_taken_back_and_one_line_says_why() -> None:
    seen = shown(
        [
            Delta("m1", "It ends in 20"),
            Discard("m1"),
            Switched("claude", "azure", "Anthropic: overloaded"),
            Delta("m2", "It ends in 30 days."),
            final("It ends in 30 days.", served_by="azure"),
        ]
    )
    assert seen.count("It ends in") == 1
    assert "Anthropic: overloaded, continued on azure\n" in seen


def test_an_answer_that_was_not_streamed_is_shown_too() -> None:
    assert "All **set**." in shown([final("All **set**.")])


def test_tools_changes_and_cost_have_a_line_each() -> None:
    call = ("c1", "word.replace_text", {"path": "contract.docx", "find": "x" * 300})
    change = {**item(), "committed": True}
    seen = shown(
        [
            ToolEvent(*call, "started"),
            ToolEvent(*call, "progress", "page 3 of 9"),
            ChangeEvent(change, 7),
            ToolEvent(*call, "done"),
            ToolEvent(*call, "failed", "No such \x1b[2Jsheet."),
            Usage("claude", 1200, 34, 0.5),
            final("Done.", usage={"input_tokens": 1200, "output_tokens": 34, "cost": 0.5}),
        ]
    )
    assert "✓ contract.docx" in seen
    assert "/undo 7 takes it back" in seen
    assert all(len(line) <= 80 for line in seen.splitlines())
    assert seen.count("· word.replace_text path=contract.docx") == 1
    assert "· word.replace_text: No such sheet." in seen
    assert "— claude · 1,234 tokens · $0.5000" in seen


def test_an_error_is_one_line_and_the_answer_of_a_failed_turn_stays_visible() -> None:
    seen = shown([Delta("m", "I was about to"), final(error={"code": "no_model", "message": "No model\nanswered."})])
    assert "I was about to" in seen
    assert seen.splitlines()[-1] == "! No model answered."


@pytest.mark.parametrize("height", [12, 15, 40])
def test_a_card_never_scrolls_off_and_all_of_it_can_be_seen(height: int) -> None:
    screen = Screen(piped(60, height))
    screen.approval(card(item(places=100)))
    assert isinstance(screen.console.file, io.StringIO)
    first = screen.console.file.getvalue()
    assert len(first.splitlines()) <= height - 2
    assert "contract.docx  Replace old · 100 places" in first
    assert "more lines of this" in first
    asked: list[int] = []
    screen.page(card(item(places=100)), lambda left: asked.append(left) or True)  # type: ignore[func-returns-value]
    rest = screen.console.file.getvalue()[len(first) :]
    assert re.findall(r"\+ new (\d+)", rest) == [str(n) for n in range(100)]
    assert asked == sorted(asked, reverse=True)
    assert asked[-1] <= height


def test_a_short_card_is_shown_whole_and_its_steps_are_numbered() -> None:
    seen = shown([ApprovalEvent("a", card(item("c1"), item("c2", path="b.docx"))), final(approvals=[card(item())])])
    assert "1. contract.docx" in seen
    assert "2. b.docx" in seen
    assert "more lines" not in seen


def test_a_change_that_was_just_approved_is_not_shown_again() -> None:
    screen = Screen(piped())
    screen.approval(card(item()))
    assert isinstance(screen.console.file, io.StringIO)
    first = len(screen.console.file.getvalue())
    screen.show(iter([ChangeEvent({**item(), "committed": True}, 1), final("Done.")]))
    assert "+ new 0" not in screen.console.file.getvalue()[first:]


def test_a_turn_that_is_broken_off_is_closed() -> None:
    closed = []

    def events() -> Iterator[Event]:
        try:
            yield Delta("m", "half")
            raise KeyboardInterrupt
        finally:
            closed.append(True)

    screen = Screen(piped())
    with pytest.raises(KeyboardInterrupt):
        screen.show(events())
    assert closed
    assert isinstance(screen.console.file, io.StringIO)
    assert "half" in screen.console.file.getvalue(), "what was said before Ctrl-C stays readable"


def test_a_terminal_is_left_as_it_was() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=60, height=20)
    shown([Delta("m", "hello"), final("hello")], console)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().count("\x1b[?25l") == console.file.getvalue().count("\x1b[?25h"), "the cursor"
    assert "hello" in CONTROL.sub("", console.file.getvalue())
