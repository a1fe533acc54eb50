"""`make chat` hands on what was typed, letter for letter, and approves only what was approved."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
SHOW = "#!/bin/sh\nprintf '%s\\n' \"$@\"\n"


def chat(tmp_path: Path, *given: str, **env: str) -> list[str]:
    """Return the arguments that the command is started with."""
    binaries = tmp_path / "venv" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "everpilot").write_text(SHOW)
    (binaries / "everpilot").chmod(0o755)
    for made in (binaries / "python", tmp_path / "venv" / ".ready-chat"):
        made.touch()
    plain = {k: v for k, v in os.environ.items() if not k.startswith("MAKE") and k not in ("PROMPT", "DIR", "YES")}
    command = ["make", "-s", "chat", f"VENV={tmp_path / 'venv'}", *given]
    return subprocess.check_output(command, cwd=ROOT, env={**plain, **env}, text=True).splitlines()


def test_a_prompt_and_a_folder_of_any_letters(tmp_path: Path) -> None:
    prompt, folder = 'it\'s "quoted": replace $5 by $(HOME) `x` # \\n', "my $b 'docs'"
    assert chat(tmp_path, f"PROMPT={prompt}", f"DIR={folder}") == ["-p", prompt, "--dir", folder]


def test_a_prompt_from_the_environment(tmp_path: Path) -> None:
    assert chat(tmp_path, PROMPT="costs $5") == ["-p", "costs $5", "--dir", "examples/office"]


@pytest.mark.parametrize(("given", "approved"), [("1", True), ("yes", True), ("", False), ("0", False), ("no", False)])
def test_yes(tmp_path: Path, given: str, approved: bool) -> None:
    assert ("--yes" in chat(tmp_path, "PROMPT=x", f"YES={given}")) is approved
