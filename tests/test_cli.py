"""The command line starts fast, and what is wrong with a command is said without a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.warm import Warm

HEAVY = (
    "langchain",
    "langchain_core",
    "langgraph",
    "docx",
    "openpyxl",
    "pptx",
    "rich",
    "prompt_toolkit",
    "pydantic",
    "lxml",
    "httpx",
    "aiohttp",
    "microsoft_agents",
)


def run(*arguments: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "copilot", *arguments],
        cwd=cwd,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=100,
        check=False,
    )


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["call", "--help"], ["bot", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    script = (
        "import sys, copilot.cli\n"
        "try: copilot.cli.main(sys.argv[1:])\n"
        "except SystemExit as end: assert end.code == 0\n"
        f"print('HEAVY', sorted(set({HEAVY}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
    assert "HEAVY []" in done.stdout


def test_importing_the_package_is_light() -> None:
    script = f"import sys, copilot; print(sorted(set({HEAVY}) & set(sys.modules))); print(copilot.__all__)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("[]")


def test_the_public_surface_is_what_is_listed() -> None:
    import copilot

    for name in copilot.__all__:
        assert getattr(copilot, name) is not None
    with pytest.raises(AttributeError):
        copilot.nothing_like_this  # noqa: B018


def test_modules_for_the_prompt_leave_the_agent_alone() -> None:
    """The prompt is drawn before the agent is imported: what draws it imports neither."""
    script = (
        "import sys, copilot.hosts.terminal.chat\n"
        f"print(sorted((set({HEAVY}) - {{'prompt_toolkit'}}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--nonsense"], 2, "unrecognized arguments"),
        ([], 2, "there is no terminal"),
        (["-p", "hi", "--yes", "--dry-run"], 2, "not allowed with"),
        (["-p", "hi", "--dir", "/no/such/folder"], 1, "/no/such/folder does not exist"),
        (["-p", "hi", "-r", "ffff"], 1, "no thread 'ffff'"),
        (["-p", "hi", "-c"], 1, "no thread"),
        (["-p", "hi", "--model", "nope"], 2, "nope"),
        (["call", "word.replace_text", "--args", "{"], 2, "no JSON"),
        (["call", "word.replace_text", "--args", "[1]"], 2, "JSON object"),
        (["call", "word.replace_text", "--args", "@/no/file"], 2, "/no/file"),
        (["call", "word.replace_txt", "--args", "{}"], 2, "word.replace_text"),
        (["call", "word.read", "--args", "{}"], 2, "path"),
        (["call", "word.read", "--args", '{"path": "none.docx"}'], 1, "none.docx"),
        (["inspect", "none.docx"], 2, "none.docx"),
        (["undo"], 1, ""),
        (["undo", "99"], 1, "99"),
        (["approve"], 1, "no thread"),
        (["trust", "."], 2, "copilot.toml"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, arguments: list[str], code: int, said: str, warm: Warm | None) -> None:
    if warm is None:
        done = run(*arguments, cwd=tmp_path)
        ended, out, errors = done.returncode, done.stdout, done.stderr
    else:
        ended, out, errors = warm.run(arguments, tmp_path, dict(os.environ), None)
    assert said in errors
    assert errors.strip(), "an error always says something"
    assert "Traceback" not in errors + out
    assert ended == code


def test_broken_settings_are_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "copilot.toml").write_text("[[models]\n")
    done = run("-p", "hello", cwd=tmp_path)
    assert done.returncode == 2
    assert "copilot.toml" in done.stderr


def test_an_unwritable_state_folder_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("-p", "hello", cwd=tmp_path, EVERPILOT_HOME=str(tmp_path / "file" / "sub"))
    assert done.returncode == 2
    assert "EVERPILOT_HOME" in done.stderr
