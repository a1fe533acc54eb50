from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from copilot.documents.hunks import Hunk
from copilot.workspace.change import Change
from copilot.workspace.workspace import Workspace

Edit = Callable[[str, bytes | None], Change]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "contract.docx").write_bytes(b"old")
    return folder


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def workspace(root: Path, state: Path) -> Workspace:
    return Workspace([root], state)


@pytest.fixture
def edit(workspace: Workspace) -> Edit:
    """Return a function that makes a change of a file as it is now."""

    def make(name: str, content: bytes | None) -> Change:
        path = workspace.resolve(name)
        hunk = Hunk("paragraph 1", "old", "new")
        return Change(path, workspace.hash(path), content, (hunk,), f"Edit {name}")

    return make
