"""What `everpilot plugins new` makes: each kind is as its standard says, at once, and its tests are green."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from copilot.errors import PluginError
from copilot.plugins.contents import files_of
from copilot.plugins.evals import load
from copilot.plugins.examine import read, show
from copilot.plugins.plugin import Reading
from copilot.plugins.scaffold import KINDS, make


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_it_must_be_mended(kind: str, tmp_path: Path, home: Path) -> None:
    made = make("order-checks", kind, tmp_path)
    assert "README.md" in made.files
    path = made.folder / "openapi.yaml" if kind == "openapi" else made.folder
    shown = show(read(path, Reading(home, strict=True)), files_of(made.folder))
    assert [problem for problem in shown.problems if problem.severity != "noted"] == []
    assert shown.skills or shown.servers or shown.agents
    assert all("$name" not in (made.folder / name).read_text() for name in made.files)
    for name in made.files:
        if name.endswith(".py"):
            compile((made.folder / name).read_text(), name, "exec")
        if name.endswith(".json"):
            json.loads((made.folder / name).read_text())


def test_its_tests_are_green_and_its_evals_are_sound(tmp_path: Path) -> None:
    made = make("order-checks", "skill", tmp_path)
    spec: Any = importlib.util.spec_from_file_location("made_tests", made.folder / "tests" / "test_tools.py")
    tests = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tests)
    names = [name for name in vars(tests) if name.startswith("test_")]
    assert len(names) == 2
    for name in names:
        (tmp_path / name).mkdir()
        getattr(tests, name)(tmp_path / name)
    for folder in (made.folder, make("minutes", "package", tmp_path).folder / "skills" / "minutes"):
        found = load(folder)
        assert (found.problems, found.skill) == ((), folder.name)
        assert all(each.checks and not each.trouble for each in found.evals)


def test_names_and_folders_that_can_not_be(tmp_path: Path) -> None:
    for name in ("", "Big", "a b", "../up", "a--b", "-a", "x" * 65):
        with pytest.raises(PluginError, match="can't be called"):
            make(name, "skill", tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(PluginError, match="not empty"):
        make("mine", "skill", tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]
