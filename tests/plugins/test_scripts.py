"""A script of a skill: shown whole, run once after a yes, on copies; what it leaves comes in as a change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from copilot import Copilot
from copilot.agent.events import Final
from copilot.errors import PluginError
from copilot.plugins.sandbox.run import chosen
from copilot.plugins.script_runs import KEPT_RUNS, Runs
from copilot.plugins.scripts import script_names, script_tools
from copilot.plugins.skill import Skill, Skills
from copilot.settings import Settings
from copilot.trust.labels import UNKNOWN, WORKSPACE, Integrity, Label
from tests.agent.scripted import Scripted

UPPER = """
import pathlib, sys
source = pathlib.Path(sys.argv[1])
pathlib.Path("upper.txt").write_text(source.read_text().upper())
source.write_text("spoiled")
print("done with", source)
"""
RUN = (
    "skills__run_script",
    {"skill": "shout", "script": "upper.py", "arguments": ["notes.txt"], "files": ["notes.txt"]},
)


@pytest.fixture(autouse=True)
def _sandbox() -> None:
    try:
        chosen()
    except PluginError as error:
        pytest.skip(str(error))


@pytest.fixture
def skill(tmp_path: Path) -> Skill:
    root = tmp_path / "shout"
    (root / "scripts").mkdir(parents=True)
    (root / "SKILL.md").write_text("---\nname: shout\ndescription: Makes letters large.\n---\nUse scripts/upper.py.\n")
    (root / "scripts" / "upper.py").write_text(UPPER)
    return Skill("shout", "Makes letters large.", "Use scripts/upper.py.", root=root, origin="user")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "work"
    made.mkdir()
    (made / "notes.txt").write_text("quiet")
    return made


def assistant(folder: Path, skill: Skill, script: list[Any], mode: str = "yes") -> Copilot:
    (folder.parent / "state").mkdir(exist_ok=True)
    made = Copilot(folder, model=Scripted(script=script), settings=Settings(), mode=mode, state=folder.parent / "state")
    made.__dict__["skills"] = Skills((skill,))
    return made


def scripted(helper: Copilot) -> Scripted:
    assert isinstance(helper._model, Scripted)
    return helper._model


def tool_text(helper: Copilot, final: Final) -> str:
    """The last result that the model was told."""
    assert final.error is None or final.text
    return str(scripted(helper).seen[-1][-1].text)


def test_it_runs_after_a_yes_and_its_file_is_kept_by_another(folder: Path, skill: Skill) -> None:
    helper = assistant(folder, skill, [[RUN], "Ran.", [("skills__keep_file", {})], "Kept."])
    asked = helper.ask("shout", thread="t")
    (item,) = asked.approvals[0]["items"]
    shown = "\n".join(hunk["after"] for hunk in item["hunks"])
    for part in ("scripts/upper.py", "SHA-256", "notes.txt", "no network", "- notes.txt"):
        assert part in shown
    assert not (folder.parent / "state" / "scripts").exists()  # nothing has run yet

    said = tool_text(helper, helper.resume("t", approve=True))
    for part in ("exit code 0", "done with notes.txt", "- upper.txt (5 bytes)"):
        assert part in said
    assert (folder / "notes.txt").read_text() == "quiet"  # it worked on a copy
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]

    (place,) = (folder.parent / "state" / "scripts").iterdir()
    assert sorted(path.name for path in place.iterdir()) == ["left", "run.json"]
    scripted(helper).script[2][0][1].update({"run": place.name, "file": "upper.txt", "path": "loud.txt"})
    kept = helper.ask("keep it", thread="t", mode="yes")
    assert [change["path"] for change in kept.changes] == ["loud.txt"]
    assert (folder / "loud.txt").read_text() == "QUIET"
    helper.workspace.undo()
    assert not (folder / "loud.txt").exists()


@pytest.mark.parametrize("mode", ["ask", "auto", "yes"])
def test_it_is_always_asked(folder: Path, skill: Skill, mode: str) -> None:
    final = assistant(folder, skill, [[RUN], "Ran."], mode).ask("shout")
    assert len(final.approvals) == 1
    assert not final.approvals[0]["items"][0]["grantable"]


@pytest.mark.parametrize("mode", ["read-only", "dry-run"])
def test_where_nothing_may_be_done_nothing_is_run(folder: Path, skill: Skill, mode: str) -> None:
    final = assistant(folder, skill, [[RUN], "Ran."], mode).ask("shout")
    assert not final.approvals
    assert not (folder.parent / "state" / "scripts").exists()


def test_a_no_is_a_no(folder: Path, skill: Skill) -> None:
    helper = assistant(folder, skill, [[RUN], "Ran."])
    helper.ask("shout", thread="t")
    helper.resume("t", approve=False)
    assert not (folder.parent / "state" / "scripts").exists()


def test_what_changed_since_it_was_shown_is_shown_again(folder: Path, skill: Skill) -> None:
    assert skill.root is not None
    helper = assistant(folder, skill, [[RUN], "Ran."])
    first = helper.ask("shout", thread="t")
    (skill.root / "scripts" / "upper.py").write_text("print('another one')")
    again = helper.resume("t", approve=True)
    assert again.approvals
    assert again.approvals[0]["digest"] != first.approvals[0]["digest"]
    assert not (folder.parent / "state" / "scripts").exists()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"skill": "nobody"}, "No skill with scripts named"),
        ({"script": "../SKILL.md"}, "No script named"),
        ({"script": "SKILL.md"}, "No script named"),
        ({"script": "/bin/sh"}, "No script named"),
        ({"files": ["../shout/SKILL.md"]}, ""),
        ({"files": ["missing.txt"]}, "missing.txt"),
        ({"arguments": ["x"] * 65}, "at most 64"),
        ({"arguments": ["a\0b"]}, ""),
    ],
)
def test_what_can_not_be_run_is_explained(folder: Path, skill: Skill, args: dict[str, Any], said: str) -> None:
    helper = assistant(folder, skill, [[(RUN[0], {**RUN[1], **args})], "Sorry."])
    final = helper.ask("shout")
    assert not final.approvals
    assert said in tool_text(helper, final)


def test_a_link_out_of_the_skill_is_refused(folder: Path, skill: Skill) -> None:
    assert skill.root is not None
    (skill.root / "scripts" / "peek.py").symlink_to(folder / "notes.txt")
    helper = assistant(folder, skill, [[RUN], "Sorry."])
    final = helper.ask("shout")
    assert not final.approvals
    assert "leads out" in tool_text(helper, final)
    with pytest.raises(PluginError):
        script_names(skill)


def test_a_skill_without_scripts_brings_no_tools(folder: Path) -> None:
    assert script_tools(Skills((Skill("plain", "Nothing.", root=folder),)), folder.parent / "state") == ()


def test_the_label_of_a_run_is_that_of_its_files_and_never_trusted(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    kept, _ = runs.begin("key", Label.from_dict({}) | UNKNOWN)
    from copilot.plugins.sandbox.outputs import Left, Outputs

    runs.keep(kept, Outputs([(Left("a", 1, "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"), b"a")]))
    found = runs.get(kept.id)
    assert found.label.integrity is Integrity.UNTRUSTED
    assert found.label.confidentiality.name == "RESTRICTED"
    assert runs.read(found, "a") == b"a"
    stored = next((tmp_path / "scripts" / kept.id / "left").iterdir())
    assert stored.stat().st_mode & 0o077 == 0
    stored.write_bytes(b"b")
    with pytest.raises(PluginError, match="altered"):
        runs.read(found, "a")


def test_old_runs_make_room(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    for number in range(KEPT_RUNS + 5):
        runs.begin(str(number), WORKSPACE)
    assert len(list((tmp_path / "scripts").iterdir())) == KEPT_RUNS
