"""Undo: byte-exact, only of what we wrote, and itself undone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from copilot.errors import ConflictError, LockedError, WorkspaceError
from copilot.trust.labels import Confidentiality, Label
from copilot.workspace.change import Change, sha256
from copilot.workspace.workspace import Workspace

from .conftest import Edit


def numbers(workspace: Workspace) -> list[tuple[int, int | None, int | None]]:
    return [(e.number, e.undoes, e.undone_by) for e in workspace.history()]


def test_there_and_back_again(workspace: Workspace, root: Path, edit: Edit) -> None:
    path = root / "contract.docx"
    original = os.urandom(100_000)
    path.write_bytes(original)
    workspace.commit(edit("contract.docx", b"new"))
    undone = workspace.undo()
    assert path.read_bytes() == original
    assert (undone.undoes, undone.summary) == (1, "Undo 1: Edit contract.docx")
    assert undone.hunks == [{"where": "paragraph 1", "before": "new", "after": "old", "kind": "text"}]
    redone = workspace.undo(undone.number)
    assert path.read_bytes() == b"new"
    assert redone.summary == "Redo 1: Edit contract.docx"
    assert numbers(workspace) == [(3, 2, None), (2, 1, 3), (1, None, None)]
    workspace.undo()
    assert path.read_bytes() == original
    assert numbers(workspace)[-1] == (1, None, 4)


def test_restored_bytes_have_the_label_they_had(root: Path, state: Path) -> None:
    public = Label(confidentiality=Confidentiality.PUBLIC)
    workspace = Workspace([root], state, labeller=lambda content, name: public)
    secret = Label(confidentiality=Confidentiality.RESTRICTED)
    workspace.commit(Change(root / "contract.docx", sha256(b"old"), b"new", (), "Edit", label=secret))
    assert workspace.read("contract.docx").label == secret
    undone = workspace.undo()
    assert workspace.read("contract.docx").label == public
    workspace.undo(undone.number)
    assert workspace.read("contract.docx").label == secret


def test_latest_first(workspace: Workspace, root: Path, edit: Edit) -> None:
    for name, content in (("a.docx", b"a1"), ("contract.docx", b"new"), ("a.docx", b"a2")):
        workspace.commit(edit(name, content))
    assert [workspace.undo().undoes for _ in range(3)] == [3, 2, 1]
    assert {p.name: p.read_bytes() for p in root.iterdir()} == {"contract.docx": b"old"}
    with pytest.raises(WorkspaceError, match="nothing to undo"):
        workspace.undo()


def test_one_in_the_middle(workspace: Workspace, root: Path, edit: Edit) -> None:
    for name in ("a.docx", "b.docx", "c.docx"):
        workspace.commit(edit(name, b"1"))
    workspace.undo(2)
    assert sorted(p.name for p in root.iterdir()) == ["a.docx", "c.docx", "contract.docx"]


def test_a_created_file_and_its_folders_go(workspace: Workspace, root: Path, edit: Edit) -> None:
    workspace.commit(edit("2026/q1/report.docx", b"new"))
    undone = workspace.undo()
    assert not (root / "2026").exists()
    workspace.undo(undone.number)
    assert (root / "2026/q1/report.docx").read_bytes() == b"new"
    (root / "2026" / "mine.txt").write_bytes(b"mine")
    workspace.undo()
    assert sorted(p.name for p in (root / "2026").iterdir()) == ["mine.txt"]


def test_a_deleted_file_comes_back_with_its_mode(workspace: Workspace, root: Path, edit: Edit) -> None:
    (root / "contract.docx").chmod(0o640)
    workspace.commit(edit("contract.docx", None))
    workspace.undo()
    assert (root / "contract.docx").read_bytes() == b"old"
    assert (root / "contract.docx").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("present", [b"by hand", None])
def test_what_somebody_changed_is_left_alone(
    workspace: Workspace, root: Path, edit: Edit, present: bytes | None
) -> None:
    workspace.commit(edit("contract.docx", b"new"))
    (root / "contract.docx").unlink()
    if present is not None:
        (root / "contract.docx").write_bytes(present)
    with pytest.raises(ConflictError) as caught:
        workspace.undo()
    kept = Path(caught.value.hint.rpartition(" ")[2].rstrip("."))
    assert kept.read_bytes() == b"old"  # the way out that the message names
    assert (root / "contract.docx").exists() is (present is not None)
    assert len(workspace.history()) == 1


def test_later_edits_first(workspace: Workspace, root: Path, edit: Edit) -> None:
    workspace.commit(edit("contract.docx", b"two"))
    workspace.commit(edit("contract.docx", b"three"))
    with pytest.raises(ConflictError, match="latest is 2"):
        workspace.undo(1)
    assert (root / "contract.docx").read_bytes() == b"three"


def test_twice_or_unknown(workspace: Workspace, edit: Edit) -> None:
    workspace.commit(edit("contract.docx", b"two"))
    workspace.undo(1)
    with pytest.raises(WorkspaceError, match="undone already"):
        workspace.undo(1)
    for number in (0, -1, 99):
        with pytest.raises(WorkspaceError, match="no edit"):
            workspace.undo(number)


def test_open_elsewhere(workspace: Workspace, root: Path, edit: Edit) -> None:
    workspace.commit(edit("contract.docx", b"two"))
    (root / ".~lock.contract.docx#").write_bytes(b"")
    with pytest.raises(LockedError):
        workspace.undo()
    assert (root / "contract.docx").read_bytes() == b"two"


def test_a_damaged_journal_restores_nothing(workspace: Workspace, root: Path, state: Path, edit: Edit) -> None:
    workspace.commit(edit("contract.docx", b"two"))
    kept = state / "journal" / "objects" / sha256(b"old")[:2] / sha256(b"old")
    kept.write_bytes(b"odd")
    with pytest.raises(WorkspaceError, match="damaged"):
        workspace.undo()
    kept.unlink()
    with pytest.raises(WorkspaceError, match="can't be read"):
        workspace.undo()
    assert (root / "contract.docx").read_bytes() == b"two"


def test_only_files_of_the_opened_folders(tmp_path: Path, state: Path) -> None:
    for name in ("docs", "docs-2"):
        (tmp_path / name).mkdir()
    one, two = (Workspace([tmp_path / name], state) for name in ("docs", "docs-2"))
    both = Workspace([tmp_path], state)
    one.commit(Change(tmp_path / "docs" / "a", None, b"1", (), "A"))
    two.commit(Change(tmp_path / "docs-2" / "b", None, b"1", (), "B"))
    assert [[e.summary for e in w.history()] for w in (one, two, both)] == [["A"], ["B"], ["B", "A"]]
    with pytest.raises(WorkspaceError):
        one.undo(2)
    assert one.undo().undoes == 1
    assert [e.number for e in both.history(limit=1)] == [3]
    assert both.history(limit=0) == []
