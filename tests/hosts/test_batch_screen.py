"""The progress of a run: on a terminal, in a pipe, for a script; and how it ended."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from copilot.hosts.batch_screen import Pace, Progress, Screen, Summary, steps
from copilot.jobs.job import Status

COUNTS = {Status.DONE: 380, Status.FAILED: 12, Status.REVIEW: 20, Status.RUNNING: 4, Status.QUEUED: 584}
VENDORS = {"one": "ok", "two": "rests 40 s: too many calls", "three": "ok", "four": "ok", "five": "ok"}


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def console(width: int = 80, *, terminal: bool = True, **more: Any) -> Console:
    return Console(file=io.StringIO(), width=width, height=25, force_terminal=terminal, _environ={}, **more)


def written(out: Console) -> str:
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


def progress(**more: Any) -> Progress:
    given = {"cost": 1.234, "budget": 5.0, "last": [f"✓ contracts/{n}.docx" for n in range(9)], "vendors": VENDORS}
    return Progress(COUNTS, **{**given, **more})


def drawn(screen: Screen, out: Console) -> list[str]:
    with out.capture() as capture:
        out.print(screen.frame())
    return [line.rstrip() for line in capture.get().splitlines()]


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_a_frame_fits_the_terminal(width: int) -> None:
    out = console(width, color_system=None)
    clock = Clock()
    screen = Screen("Replace the address in all contracts of the year", console=out, clock=clock)
    screen._progress = progress(speed=42.0)
    lines = drawn(screen, out)
    assert all(cell_len(line) < width for line in lines)
    told = " ".join(lines)
    for part in ("412/1,000", "done 380", "failed 12", "waiting 20", "$1.23 of $5.00", "42/min", "about 14 min left"):
        assert part in told
    assert ("rests 40 s: too many calls" in told) == (width >= 40)
    assert "✓ contracts/8" in told
    assert "✓ contracts/3" not in told


def test_a_frame_keeps_its_height_while_documents_come_and_go() -> None:
    out = console()
    screen = Screen("t", console=out, clock=Clock())
    heights = set()
    for last in (["a"], ["a", "b"], list("abcdefgh")):
        screen._progress = progress(last=last, speed=1.0)
        heights.add(len(drawn(screen, out)))
    assert len(heights) == 1


@pytest.mark.parametrize(
    ("encoding", "environ", "signs"), [("utf-8", {}, "━─"), ("ascii", {}, "#-"), ("utf-8", {"NO_COLOR": "1"}, "━─")]
)
def test_a_bar_says_without_colours_how_far_it_is(encoding: str, environ: dict[str, str], signs: str) -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding)
    out = Console(file=file, width=60, force_terminal=True, _environ={"TERM": "xterm", **environ})
    screen = Screen(console=out, clock=Clock())
    screen._progress = Progress({Status.DONE: 5, Status.QUEUED: 5})
    (line, *_) = drawn(screen, out)
    assert {signs[0], signs[1]} <= set(line)
    assert ("\x1b[3" in line) == (not environ)


def test_what_comes_from_documents_controls_no_terminal() -> None:
    out = console(color_system=None)
    screen = Screen("t\x1b[2J", console=out, clock=Clock())
    evil = "\x1b]0;x\x07a\u202eb\nc"
    screen._progress = progress(last=[evil], vendors={evil: evil})
    text = "\n".join(drawn(screen, out))
    assert not set("\x1b\x07\u202e") & set(text)
    assert "ab c" in text


def test_a_live_screen_draws_in_place_and_cleans_up() -> None:
    err, out = console(), console(terminal=False)
    with Screen("Batch", console=err, out=out, clock=Clock()) as screen:
        screen.update(progress())
        screen.close(Summary("r-1", COUNTS, seconds=3))
    assert "\x1b[?25l" in written(err)
    assert written(err).rstrip().endswith("\x1b[2K")  # what was drawn is gone ...
    assert written(err).count("\x1b[?25h") >= 1  # ... and the cursor is back
    assert "Run r-1 has not ended" in written(out)  # some of it is open


def test_a_pipe_gets_a_line_at_most_every_five_seconds_and_at_the_end() -> None:
    clock, err = Clock(), console(terminal=False)
    screen = Screen(console=err, out=console(terminal=False), clock=clock)
    for second in range(13):
        clock.now = float(second)
        screen.update(Progress({Status.DONE: second, Status.QUEUED: 12 - second}))
    screen.close()
    screen.close()
    lines = written(err).splitlines()
    assert [line.split(" · ")[0] for line in lines] == ["0 of 12", "5 of 12", "10 of 12", "12 of 12"]
    assert lines[0].endswith("pace unknown · time left unknown")
    assert lines[1] == "5 of 12 · done 5 · 60/min · about 30 s left"
    assert lines[-1] == "12 of 12 · done 12"


def test_a_pipe_is_not_told_the_same_twice() -> None:
    clock, err = Clock(), console(terminal=False)
    screen = Screen(console=err, clock=clock)
    for second in range(100):
        clock.now = float(second)
        screen.update(Progress({Status.DONE: 1, Status.QUEUED: 1}))
    assert len(written(err).splitlines()) == 1


def test_a_script_gets_events_and_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    clock, err = Clock(), console(terminal=False)
    screen = Screen(output="stream-json", console=err, clock=clock)
    screen.update(progress(speed=60.0))
    summary = Summary("r-1", COUNTS, 1.2, 3.5, "/r.html", "", steps("r-1", COUNTS), ["note"], stopped=True)
    screen.close(summary)
    event, final = map(json.loads, capsys.readouterr().out.splitlines())
    assert (event["type"], event["total"], event["settled"], event["seconds_left"]) == ("progress", 1000, 412, 588)
    assert event["counts"]["done"] == 380
    assert (final["type"], final["run"], final["report"], final["stopped"]) == ("final", "r-1", "/r.html", True)
    assert written(err) == ""
    screen = Screen(output="json", console=err, clock=clock)
    screen.update(progress())
    screen.close(summary)
    assert json.loads(capsys.readouterr().out) == {key: value for key, value in final.items() if key != "type"}


def test_the_summary_says_what_to_do_next_in_commands_that_can_be_copied() -> None:
    out = console(40, terminal=False)
    counts = dict.fromkeys(Status, 2)
    summary = Summary(
        "r-1", counts, 1.5, 65, "/a/long/path/to/a/report/of/a/run.html", "", steps("r-1", counts), ["Odd."]
    )
    Screen(console=console(terminal=False), out=out).close(summary)
    lines = [line.strip() for line in written(out).splitlines()]
    assert lines[:3] == ["Run r-1 has not ended", "done 2 · failed 4 · waiting 6", "declined 2 · not done 8 · $1.50"]
    for told in (
        "/a/long/path/to/a/report/of/a/run.html",
        "everpilot batch review r-1",
        "everpilot batch retry r-1",
        "everpilot batch resume r-1",
        "Odd.",
    ):
        assert told in lines


# --- how long it takes ------------------------------------------------------------------------------------------------


def test_the_pace_is_unknown_at_first_and_follows_what_happens() -> None:
    clock = Clock()
    pace = Pace(clock, window=60.0)
    assert pace.speed is None
    seen = {}
    done = 0
    for second in range(400):
        clock.now = float(second)
        done += 1 if second < 100 else (second % 4 == 0)  # a vendor becomes slow
        pace.add(done)
        seen[second] = pace.speed
    assert seen[4] is None
    assert seen[10] == pytest.approx(60, rel=0.02)
    assert seen[99] == pytest.approx(60, rel=0.02)
    assert seen[130] is not None
    assert 15 < seen[130] < 60
    assert seen[200] == pytest.approx(15, rel=0.1)
    assert len(pace._seen) < 120


def test_a_run_that_stands_still_is_slower_and_slower_and_a_retry_begins_anew() -> None:
    clock = Clock()
    pace = Pace(clock)
    for second in range(11):
        clock.now = float(second)
        pace.add(second)
    assert pace.speed == pytest.approx(60)
    clock.now = 100.0
    assert pace.speed == pytest.approx(6)
    pace.add(3)
    assert pace.speed is None


def test_the_time_left_is_unknown_where_nothing_moves() -> None:
    out = console(terminal=False)
    screen = Screen(console=out, clock=Clock())
    screen.update(Progress({Status.QUEUED: 10}, speed=0.0))
    assert "0.0/min · time left unknown" in written(out)
