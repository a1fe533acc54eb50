"""Staging: a plan sees its own edits, and the disk sees none."""

from __future__ import annotations

from pathlib import Path

import pytest

from copilot.errors import ConflictError, DocumentError, LockedError, OutsideRootsError, WorkspaceError
from copilot.trust.labels import Confidentiality, Label
from copilot.workspace.change import Change, sha256
from copilot.workspace.workspace import Workspace


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_two_edits_of_one_file_build_on_each_other(workspace: Workspace, root: Path) -> None:
    staging = workspace.staging()
    first = Change(root / "contract.docx", sha256(b"old"), b"two", (), "First")
    staging.put(first)
    file = staging.read("contract.docx")
    assert (file.content, file.sha256, staging.hash("contract.docx")) == (b"two", first.after, first.after)
    staging.put(Change(file.path, file.sha256, b"three", (), "Second"))
    assert staging.read("contract.docx").content == b"three"
    assert tree(root) == {"contract.docx": b"old"}
    for change in staging.changes:
        workspace.commit(change)
    assert tree(root) == {"contract.docx": b"three"}
    workspace.undo()
    workspace.undo()
    assert tree(root) == {"contract.docx": b"old"}


def test_created_and_deleted_files(workspace: Workspace, root: Path) -> None:
    staging = workspace.staging()
    staging.put(Change(root / "new" / "a.docx", None, b"a", (), "New"))
    staging.put(Change(root / "contract.docx", sha256(b"old"), None, (), "Delete"))
    assert staging.files([".docx"]) == [root / "new" / "a.docx"]
    assert staging.files([".xlsx"]) == []
    assert (staging.exists("new/a.docx"), staging.exists("contract.docx")) == (True, False)
    assert (staging.hash("contract.docx"), staging.hash("nothing")) == (None, None)
    with pytest.raises(DocumentError, match=r"new/a\.docx") as caught:
        staging.read("contract.docx")
    assert caught.value.code == "missing"
    with pytest.raises(DocumentError, match=r"new/a\.docx"):
        staging.read("b.docx")
    assert tree(root) == {"contract.docx": b"old"}


def test_an_edit_of_another_state_is_refused(workspace: Workspace, root: Path) -> None:
    staging = workspace.staging()
    for before in (None, sha256(b"older")):
        with pytest.raises(ConflictError, match=r"contract\.docx"):
            staging.put(Change(root / "contract.docx", before, b"x", (), "Edit"))
    with pytest.raises(OutsideRootsError):
        staging.put(Change(root.parent / "x", None, b"x", (), "Edit"))
    assert staging.changes == []


def test_the_label_of_what_was_staged_stays(root: Path, state: Path) -> None:
    workspace = Workspace([root], state, labeller=lambda content, name: Label())
    staging = workspace.staging()
    secret = Label(confidentiality=Confidentiality.RESTRICTED, sources=("secret.docx",))
    staging.put(Change(root / "a.docx", None, b"a", (), "New", label=secret))
    assert staging.read("a.docx").label.confidentiality is Confidentiality.RESTRICTED


def test_a_link_and_its_target_are_one_file(workspace: Workspace, root: Path) -> None:
    (root / "current.docx").symlink_to("contract.docx")
    staging = workspace.staging()
    staging.put(Change(root / "current.docx", sha256(b"old"), b"new", (), "Edit"))
    assert staging.read("contract.docx").content == b"new"


def test_plans_do_not_see_each_other(workspace: Workspace, root: Path) -> None:
    workspace.staging().put(Change(root / "contract.docx", sha256(b"old"), b"new", (), "Edit"))
    assert workspace.staging().read("contract.docx").content == b"old"


def test_what_cant_be_written_is_refused_early(workspace: Workspace, root: Path) -> None:
    staging = workspace.staging()
    with pytest.raises(WorkspaceError, match="hidden"):
        staging.put(Change(root / ".git" / "config", None, b"x", (), "New"))
    (root / ".~lock.contract.docx#").write_bytes(b",ann,host,,;")
    with pytest.raises(LockedError, match="ann on host"):
        staging.put(Change(root / "contract.docx", sha256(b"old"), b"new", (), "Edit"))
    assert staging.read("contract.docx").content == b"old"  # reading does no harm
