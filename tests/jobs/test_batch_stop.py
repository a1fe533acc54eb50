"""A run that a person stops at a terminal, and goes on with."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

pytest.importorskip("dbos")

from copilot.cli import main
from tests.acceptance.terminal import CTRL_C, Terminal
from tests.conftest import ROOT
from tests.jobs.working import fields
from tests.vendors import OpenAIServer, Reply, Request


def test_ctrl_c_stops_a_run_that_then_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked, on = threading.Semaphore(0), threading.Event()

    def slow(request: Request) -> Reply:
        asked.release()
        on.wait(60)
        return Reply(fields(total=(7, "Total: 7")))

    docs, state = tmp_path / "docs", tmp_path / "state"
    docs.mkdir()
    state.mkdir(mode=0o700)
    for number in range(4):
        (docs / f"{number}.txt").write_bytes(b"Total: 7")
    with OpenAIServer(slow) as server:
        model = ['name = "m"', 'provider = "openai"', 'model = "gpt-test"', f'base_url = "{server.base_url}"']
        (state / "copilot.toml").write_text("\n".join(["[[models]]", *model]))
        monkeypatch.setenv("EVERPILOT_HOME", str(state))
        monkeypatch.setenv("OPENAI_API_KEY", server.api_key)
        words = ("batch", "the total", "*.txt", "--fields", "total: number", "--parallel", "2", "--title", "Totals")
        with Terminal(*words, folder=docs, env={**os.environ, "PYTHONPATH": str(ROOT)}) as terminal:
            terminal.expect("Totals")
            assert asked.acquire(timeout=60)
            terminal.type(CTRL_C, enter=False)
            terminal.expect("was stopped")
            terminal.expect("batch resume ")
            assert terminal.ended() == 130
        assert "Traceback" not in terminal.seen
        on.set()
        assert main(["batch", "resume", "--output-format", "json", "--dir", str(docs)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["counts"], found["stopped"]) == ({"done": 4}, False)
    assert len(list((state / "jobs" / "scratch").glob("*"))) == 0
