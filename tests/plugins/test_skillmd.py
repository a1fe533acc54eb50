"""SKILL.md is read leniently; only what makes a skill useless is refused (Agent Skills standard)."""

from __future__ import annotations

from pathlib import Path

import pytest

from copilot.errors import PluginError
from copilot.plugins import skillmd


def write(folder: Path, text: str, name: str = "contract-review") -> Path:
    skill = folder / name
    skill.mkdir(exist_ok=True)
    (skill / "SKILL.md").write_text(text, "utf-8")
    return skill


GOOD = "---\nname: contract-review\ndescription: Reviews contracts.\nmetadata:\n  version: 1\n---\n# How\nRead first.\n"


def test_a_good_file(tmp_path: Path) -> None:
    found = skillmd.read(write(tmp_path, GOOD))
    assert (found.name, found.description) == ("contract-review", "Reviews contracts.")
    assert found.instructions == "# How\nRead first."
    assert found.metadata == {"version": "1"}, "metadata maps strings to strings"
    assert found.notes == ()


@pytest.mark.parametrize(
    ("text", "note"),
    [
        (GOOD.replace("name: contract-review", "name: other"), "but the folder is"),
        (GOOD.replace("name: contract-review\n", ""), "name is missing"),
        (GOOD.replace("name: contract-review", "name: Contract_Review"), "lower-case"),
        (GOOD.replace("name: contract-review", "name: a--b"), "lower-case"),
        (GOOD.replace("Reviews contracts.", "Reviews: contracts and more"), "as if it were quoted"),
        (GOOD.replace("Reviews contracts.", "x" * 1025), "longer than 1024"),
        ("\ufeff" + GOOD.replace("\n", "\r\n"), ""),
        (GOOD.replace("metadata:", "argument-hint: FILE\nhooks: []\nmetadata:"), ""),
    ],
)
def test_what_is_repaired_is_said(tmp_path: Path, text: str, note: str) -> None:
    found = skillmd.read(write(tmp_path, text))
    assert found.description
    assert note in " ".join(found.notes)
    assert bool(found.notes) == bool(note)


@pytest.mark.parametrize(
    "text",
    [
        "no front matter",
        "---\nname: x\n---\nbody",
        "---\nname: x\ndescription: '  '\n---\n",
        "---\n- a\n- b\n---\n",
        "---\nname: [\n---\n",
        "",
    ],
)
def test_what_is_hopeless_is_refused_with_the_place(tmp_path: Path, text: str) -> None:
    skill = write(tmp_path, text)
    with pytest.raises(PluginError) as caught:
        skillmd.read(skill)
    assert str(skill) in str(caught.value)


def test_the_model_may_be_kept_out(tmp_path: Path) -> None:
    text = GOOD.replace("metadata:", "disable-model-invocation: true\nmetadata:")
    assert not skillmd.read(write(tmp_path, text)).model_invocation
