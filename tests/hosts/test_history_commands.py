"""`history`, `restore`, `undo` and `redo`, as a person or a script uses them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from copilot import cli
from copilot.agent.copilot import Copilot
from copilot.workspace.change import Change


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EVERPILOT_HOME", str(tmp_path / "home"))
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.txt").write_text("one")
    workspace = Copilot(docs).workspace
    for number, text in enumerate(("two", "three")):
        file = workspace.read("a.txt")
        change = Change(file.path, file.sha256, text.encode(), (), f"Write {text}")
        workspace.commit(change, key=f"t:m{number}:0:c:last", thread="t", turn="first")
    return docs


def everpilot(folder: Path, *arguments: str) -> int:
    return cli.main([*arguments, "--dir", str(folder)])


def test_the_ways_back(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = folder / "a.txt"
    assert everpilot(folder, "undo", "--turn") == 0
    assert text.read_text() == "one"
    assert "before change 2" in capsys.readouterr().out
    assert everpilot(folder, "redo") == 0
    assert everpilot(folder, "redo", "2") == 0
    assert text.read_text() == "three"
    assert everpilot(folder, "restore", "a.txt", "2") == 0
    assert text.read_text() == "two"
    assert everpilot(folder, "restore", "a.txt", "1", "--to", "b.txt") == 0
    assert (folder / "b.txt").read_text() == "one"
    assert everpilot(folder, "undo") == 0
    assert not (folder / "b.txt").exists()
    capsys.readouterr()
    assert everpilot(folder, "history", "a.txt", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [(v["number"], v["change"]) for v in found[:3]] == [(1, None), (2, 1), (3, 2)]
    assert [v["size"] for v in found[:3]] == [3, 3, 5]
    assert found[-1]["present"]
    assert everpilot(folder, "history", "a.txt") == 0
    assert "Write two" in capsys.readouterr().out


def test_a_thread_is_undone_or_nothing_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a.txt").write_text("by hand")
    assert everpilot(folder, "undo", "--thread", "t") == 1
    assert "none of the 2 changes was undone" in capsys.readouterr().err
    (folder / "a.txt").write_text("three")
    assert everpilot(folder, "undo", "--thread", "t", "--json") == 0
    assert [e["undoes"] for e in json.loads(capsys.readouterr().out)] == [2, 1]


def test_what_can_not_be(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert everpilot(folder, "redo") == 1
    assert everpilot(folder, "restore", "a.txt", "9") == 1
    assert "has no version 9" in capsys.readouterr().err
