"""Skills come in through one door, the user's before ours; a broken one is named and never stops the others."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from copilot.errors import PluginError
from copilot.plugins import loader
from copilot.plugins.tools import Effect, tool
from copilot.settings import SkillSettings

TOOLS = '''
from typing import Annotated
from copilot.plugins.context import ToolContext
from copilot.plugins.tools import Result, tool
from . import helper

@tool(examples=["count the words in notes.txt"], cues=["count"])
def words(ctx: ToolContext, path: str) -> Result:
    """Count the words of a text file."""
    return Result(str(helper.count(ctx.open(path).content)))
'''


def skill(folder: Path, name: str, files: dict[str, str], description: str = "Counts words.") -> Path:
    place = folder / name
    place.mkdir(parents=True)
    (place / "SKILL.md").write_text(f"---\nname: {name}\ndescription: {description}\n---\nUse it.\n")
    for file, text in files.items():
        (place / file).write_text(textwrap.dedent(text))
    return place


COUNTER = {"__init__.py": "", "tools.py": TOOLS, "helper.py": "def count(data):\n    return len(data.split())\n"}


def test_bundled_skills_load_without_a_problem() -> None:
    loaded = loader.load()
    assert {"word", "excel", "powerpoint", "documents"} <= {s.name for s in loaded.skills}
    assert loaded.problems == ()
    names = list(loaded.tools())
    assert len(names) == len(set(names))
    for made in loaded.tools().values():
        assert made.description
        assert len(made.wire_name) <= 64


def test_a_users_skill_with_its_own_modules_is_found(tmp_path: Path, home: Path) -> None:
    skill(home / "skills", "word-count", COUNTER)
    loaded = loader.load()
    assert "word-count.words" in loaded.tools()
    assert loaded.tools()["word-count.words"].effect is Effect.READ
    assert loaded.tools()["word-count.words"].examples == ("count the words in notes.txt",)


def test_a_folder_from_the_settings_is_found_and_a_skill_can_be_disabled(tmp_path: Path) -> None:
    skill(tmp_path / "mine", "counter2", COUNTER)
    settings = SkillSettings(paths=[str(tmp_path / "mine")], disabled=["excel"])
    names = {s.name for s in loader.load(settings).skills}
    assert "counter2" in names
    assert "excel" not in names


@pytest.mark.parametrize(
    ("name", "files", "reason"),
    [
        (
            "broken-import",
            {"__init__.py": "", "tools.py": "import no_such_module_anywhere\n"},
            "no_such_module_anywhere",
        ),
        ("broken-syntax", {"__init__.py": "", "tools.py": "def (:\n"}, "SyntaxError"),
        ("no-init", {"tools.py": TOOLS}, "__init__.py"),
        ("raises", {"__init__.py": "", "tools.py": "raise RuntimeError('bang')\n"}, "bang"),
        (
            "no-docstring",
            {
                "__init__.py": "",
                "tools.py": "from copilot.plugins.tools import tool\n@tool\ndef x(ctx, a: str):\n    return a\n",
            },
            "docstring",
        ),
        (
            "no-type",
            {
                "__init__.py": "",
                "tools.py": "from copilot.plugins.tools import tool\n@tool\ndef x(ctx, a):\n    'x'\n    return a\n",
            },
            "no type",
        ),
        (
            "no-context",
            {
                "__init__.py": "",
                "tools.py": "from copilot.plugins.tools import tool\n@tool\ndef x(a: int):\n    'x'\n    return ''\n",
            },
            "its first parameter is 'a', no ToolContext",
        ),
    ],
)
def test_a_broken_skill_is_named_and_skipped(home: Path, name: str, files: dict[str, str], reason: str) -> None:
    skill(home / "skills", name, files)
    loaded = loader.load()
    assert name not in {s.name for s in loaded.skills}
    assert {"word", "excel"} <= {s.name for s in loaded.skills}
    problem = next(p for p in loaded.problems if p.where.endswith(name))
    assert reason in problem.reason


def test_a_skill_without_python_has_instructions_only(home: Path) -> None:
    skill(home / "skills", "house-style", {}, description="How we write.")
    found = next(s for s in loader.load().skills if s.name == "house-style")
    assert (found.tools, found.instructions) == ((), "Use it.")


def test_a_users_skill_replaces_a_bundled_one_and_that_is_said(tmp_path: Path) -> None:
    """In a process of its own: the environment decides before the first import."""
    skill(tmp_path / "mine", "word", COUNTER)
    script = "from copilot.plugins import loader; s = loader.load(); print(sorted(s.tools())); print(s.problems)"
    env = {**os.environ, "COPILOT_SKILLS_PATH": str(tmp_path / "mine")}
    out = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True).stdout
    assert "'word.words'" in out
    assert "word.replace_text" not in out
    assert "is replaced by the user's one" in out


def test_an_entry_point_brings_a_skill(tmp_path: Path) -> None:
    """A third party's wheel: a package with SKILL.md and tools.py, and an entry point in its metadata."""
    site = tmp_path / "site"
    skill(site, "acme_skill", COUNTER)
    meta = site / "acme_skill-1.0.dist-info"
    meta.mkdir()
    (meta / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-skill\nVersion: 1.0\n")
    (meta / "entry_points.txt").write_text("[copilot.skills]\nacme = acme_skill\n")
    script = "from copilot.plugins import loader; print(sorted(loader.load().tools()))"
    env = {**os.environ, "PYTHONPATH": str(site)}
    out = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True).stdout
    assert "'acme_skill.words'" in out


def test_functions_become_a_skill() -> None:
    @tool(effect="write")
    def stamp(ctx: object, path: str, text: str = "seen") -> str:
        """Stamp a file."""
        return text

    made = loader.from_functions([stamp], name="mine").tools[0]
    assert (made.name, made.effect) == ("mine.stamp", Effect.WRITE)
    assert made.validate({"path": "a.docx"}) == {"path": "a.docx", "text": "seen"}
    with pytest.raises(PluginError, match="no tool"):
        loader.from_functions([print])
