"""The documentation can't drift: generated pages are up to date, examples run, links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_generated_pages_are_up_to_date() -> None:
    """In a process of its own: the pages must not depend on what a test loaded."""
    check = (
        "import build; print([n for n, make in build.PAGES.items() if make() != (build.HERE / n).read_text('utf-8')])"
    )
    run = [sys.executable, "-c", check]
    done = subprocess.run(run, cwd=ROOT / "docs", capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]", "run: python docs/build.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text("utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_tests_that_the_threat_model_names_exist() -> None:
    page = (ROOT / "docs" / "security.md").read_text("utf-8")
    named = set(re.findall(r"`(?:tests/\S+/)?(test_\w+)(?:\.py)?`", page))
    files = list((ROOT / "tests").rglob("test_*.py"))
    known = {name for file in files for name in re.findall(r"def (test_\w+)", file.read_text("utf-8"))}
    assert len(named) > 40
    assert named <= known | {file.stem for file in files}


def test_the_readmes_python_runs(office: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    code = code.replace('"examples/office"', repr(str(office)))
    before = (office / "contract.docx").read_bytes()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "builtin" in done.stdout
    assert "Contoso" in done.stdout
    assert (office / "contract.docx").read_bytes() == before


def test_the_skill_of_the_docs_works(tmp_path: Path, home: Path) -> None:
    page = (ROOT / "docs" / "skills.md").read_text("utf-8")
    (skill_md,) = re.findall(r"```markdown\n(.*?)```", page, re.DOTALL)
    (tools,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    folder = home / "skills" / "invoices"
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_text(skill_md)
    (folder / "__init__.py").write_text("")
    (folder / "tools.py").write_text(tools)
    (tmp_path / "notes.txt").write_text("hello")
    run = [sys.executable, "-m", "copilot", "-p", "sign notes.txt", "--yes"]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "notes.txt").read_text() == "hello\nsigned"


def test_the_commands_of_the_readme_exist() -> None:
    from copilot import cli

    text = (ROOT / "README.md").read_text("utf-8")
    for command in re.findall(r"`everpilot ([a-z]+)", text):
        assert command in cli._COMMANDS
