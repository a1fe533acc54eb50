"""Saving: exactly the change, all of it or nothing, and everything about the file but its content kept."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from copilot.errors import ConflictError, DocumentError, LockedError, WorkspaceError
from copilot.trust.labels import Confidentiality, Integrity, Label
from copilot.workspace.change import Change, sha256
from copilot.workspace.workspace import Workspace

from .conftest import Edit


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_what_is_written_and_recorded(root: Path, state: Path, edit: Edit) -> None:
    now = datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC)
    workspace = Workspace([root], state, clock=lambda: now)
    entry = workspace.commit(edit("contract.docx", b"new"), key="t:1", thread="t")
    assert (root / "contract.docx").read_bytes() == b"new"
    assert names(root) == ["contract.docx"]
    assert workspace.history() == [entry]
    assert entry.to_dict() == {
        "number": 1,
        "time": "2026-03-01T12:30:15+00:00",
        "path": str(root / "contract.docx"),
        "summary": "Edit contract.docx",
        "before": sha256(b"old"),
        "after": sha256(b"new"),
        "thread": "t",
        "turn": "1",
        "key": "t:1",
        "undoes": None,
        "undone_by": None,
        "hunks": [{"where": "paragraph 1", "before": "old", "after": "new", "kind": "text"}],
    }


def test_the_journal_is_private(workspace: Workspace, state: Path, edit: Edit) -> None:
    workspace.commit(edit("contract.docx", b"new"))
    for path in [state, *state.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_key_is_committed_once(workspace: Workspace, root: Path, state: Path, edit: Edit) -> None:
    assert workspace.committed("k") is None
    change = edit("contract.docx", b"new")
    entry = workspace.commit(change, key="k")
    (root / "contract.docx").write_bytes(b"by hand")
    for again in (workspace, Workspace([root], state)):
        assert again.commit(change, key="k") == entry
        assert again.committed("k") == entry
    assert (root / "contract.docx").read_bytes() == b"by hand"
    assert len(workspace.history()) == 1
    assert workspace.committed("") is None


def test_what_was_made_from_restricted_files_is_restricted(workspace: Workspace, root: Path) -> None:
    secret = Label(confidentiality=Confidentiality.RESTRICTED, sources=("secret.docx",))
    workspace.commit(Change(root / "secret.md", None, b"# Secret", (), "Convert", label=secret))
    assert workspace.read("secret.md").label == Label(
        confidentiality=Confidentiality.RESTRICTED, sources=("secret.md",)
    )
    (root / "copy.md").write_bytes(b"# Secret")
    assert workspace.read("copy.md").label.confidentiality is Confidentiality.RESTRICTED
    assert workspace.read("contract.docx").label.confidentiality is Confidentiality.INTERNAL
    public = Label(Integrity.WORKSPACE, Confidentiality.PUBLIC)
    workspace.commit(Change(root / "new.md", None, b"# New", (), "New", label=public))
    assert workspace.read("new.md").label == Label(sources=("new.md",))  # nothing gets less than the default


def test_mode_owner_and_attributes_stay(workspace: Workspace, root: Path, edit: Edit) -> None:
    path = root / "contract.docx"
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 1234, 4321)
    try:
        os.setxattr(path, "user.origin", b"https://x.example")
    except (OSError, AttributeError):
        attributes = None
    else:
        attributes = b"https://x.example"
    before = path.stat()
    workspace.commit(edit("contract.docx", b"new"))
    after = path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    if attributes:
        assert os.getxattr(path, "user.origin") == attributes


def test_new_files_get_the_usual_mode(workspace: Workspace, root: Path, edit: Edit) -> None:
    (root / "usual").touch()
    workspace.commit(edit("new.docx", b"new"))
    assert (root / "new.docx").stat().st_mode == (root / "usual").stat().st_mode


def test_through_a_link_inside(workspace: Workspace, root: Path, edit: Edit) -> None:
    (root / "current.docx").symlink_to("contract.docx")
    workspace.commit(edit("current.docx", b"new"))
    assert (root / "current.docx").is_symlink()
    assert (root / "contract.docx").read_bytes() == b"new"


def test_new_folders_are_made(workspace: Workspace, root: Path, edit: Edit) -> None:
    workspace.commit(edit("2026/q1/report.docx", b"new"))
    assert (root / "2026/q1/report.docx").read_bytes() == b"new"


def test_deleting(workspace: Workspace, root: Path, edit: Edit) -> None:
    workspace.commit(edit("contract.docx", None))
    assert names(root) == []
    with pytest.raises(ConflictError):
        workspace.commit(Change(root / "contract.docx", None, None, (), "Delete"))


@pytest.mark.parametrize("present", [b"changed", None])
def test_a_file_that_changed_is_left_alone(workspace: Workspace, root: Path, edit: Edit, present: bytes | None) -> None:
    change = edit("contract.docx", b"new")
    (root / "contract.docx").unlink()
    if present is not None:
        (root / "contract.docx").write_bytes(present)
    with pytest.raises(ConflictError, match=r"contract\.docx"):
        workspace.commit(change)
    assert names(root) == ([] if present is None else ["contract.docx"])
    assert workspace.history() == []


def test_a_new_file_does_not_fall_on_another(workspace: Workspace, root: Path, edit: Edit) -> None:
    change = edit("new.docx", b"new")
    (root / "new.docx").write_bytes(b"somebody was faster")
    with pytest.raises(ConflictError, match="exists already"):
        workspace.commit(change)
    assert (root / "new.docx").read_bytes() == b"somebody was faster"


def office_owner(name: str, width: int) -> bytes:
    plain = bytes([len(name)]) + name.encode("cp1252", "replace").ljust(width, b" ")
    return plain + len(name).to_bytes(2, "little") + name.encode("utf-16-le").ljust(2 * width, b"\0")


@pytest.mark.parametrize(
    ("document", "lock", "content", "who"),
    [
        ("contract.docx", "~$ntract.docx", office_owner("Zoë Müller", 53), "Zoë Müller"),
        ("planned.docx", "~$lanned.docx", office_owner("Ann", 53), "Ann"),
        ("memo.docx", "~$memo.docx", office_owner("Ann", 53), "Ann"),
        ("budget.xlsx", "~$budget.xlsx", office_owner("山田 太郎", 54), "山田 太郎"),
        ("a deck.pptx", "~$a deck.pptx", office_owner("Ann Lee", 54), "Ann Lee"),
        ("contract.docx", ".~lock.contract.docx#", b",ann,host7,01.03.2026 12:30,file:///x;", "ann on host7"),
        ("budget.xlsx", ".~lock.budget.xlsx#", b"Ann Lee\\, Dr.,ann,,t,p;", "Ann Lee, Dr."),
        ("contract.docx", "~$contract.docx", b"", "Somebody"),
        ("contract.docx", ".~lock.contract.docx#", b"", "Somebody"),
        ("contract.docx", "~$ntract.docx", b"\xff" * 162, ""),
        ("contract.docx", "~$ntract.docx", b"\x05", "Somebody"),
    ],
)
def test_open_elsewhere(
    workspace: Workspace, root: Path, edit: Edit, document: str, lock: str, content: bytes, who: str
) -> None:
    (root / document).write_bytes(b"old")
    (root / lock).write_bytes(content)
    with pytest.raises(LockedError) as caught:
        workspace.commit(edit(document, b"new"))
    assert caught.value.message == f"{who} has {document} open." if who else True
    assert lock in caught.value.hint
    assert (root / document).read_bytes() == b"old"
    (root / lock).unlink()
    workspace.commit(edit(document, b"new"))


@pytest.mark.parametrize(
    ("document", "lock"),
    [("contract.docx", "~$other.docx"), ("budget.xlsx", "~$dget.xlsx"), ("memo.docx", "~$mo.docx")],
)
def test_owner_files_of_others_do_not_matter(
    workspace: Workspace, root: Path, edit: Edit, document: str, lock: str
) -> None:
    (root / document).write_bytes(b"old")
    (root / lock).write_bytes(office_owner("Ann", 53))
    workspace.commit(edit(document, b"new"))


def test_a_hard_link_is_refused(workspace: Workspace, root: Path, edit: Edit) -> None:
    os.link(root / "contract.docx", root / "twin.docx")
    with pytest.raises(LockedError, match="hard links"):
        workspace.commit(edit("contract.docx", b"new"))
    assert (root / "twin.docx").read_bytes() == b"old"


def test_a_read_only_file_is_refused(workspace: Workspace, root: Path, edit: Edit) -> None:
    (root / "contract.docx").chmod(0o444)
    for content in (b"new", None):
        with pytest.raises(LockedError, match="read-only"):
            workspace.commit(edit("contract.docx", content))
    assert (root / "contract.docx").read_bytes() == b"old"


def test_a_read_only_folder_is_refused(workspace: Workspace, root: Path, edit: Edit) -> None:
    changes = [edit("contract.docx", b"new"), edit("new.docx", b"new"), edit("sub/new.docx", b"new")]
    root.chmod(0o555)
    try:
        for change in changes:
            with pytest.raises(LockedError, match="folder"):
                workspace.commit(change)
        assert names(root) == ["contract.docx"]
    finally:
        root.chmod(0o755)


def test_a_folder_in_the_way(workspace: Workspace, root: Path, edit: Edit) -> None:
    change = edit("new.docx", b"new")
    (root / "new.docx").mkdir()
    with pytest.raises(DocumentError) as caught:
        workspace.commit(change)
    assert caught.value.code == "folder"


@pytest.mark.parametrize("name", [".bashrc", ".git/hooks/post-commit", "sub/.x/a.docx", "~$a.docx"])
def test_hidden_places_are_not_written(workspace: Workspace, root: Path, name: str) -> None:
    with pytest.raises(WorkspaceError, match="hidden"):
        workspace.commit(Change(root / name, None, b"x", (), "New"))
    assert names(root) == ["contract.docx"]


def test_a_state_folder_that_cant_be_made(root: Path, tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(b"a file")
    workspace = Workspace([root], tmp_path / "state")
    assert workspace.read("contract.docx").content == b"old"
    with pytest.raises(WorkspaceError, match="state"):
        workspace.commit(Change(root / "contract.docx", sha256(b"old"), b"new", (), "Edit"))
    assert (root / "contract.docx").read_bytes() == b"old"


def test_a_damaged_journal_keeps_nobody_from_reading(workspace: Workspace, root: Path, state: Path, edit: Edit) -> None:
    workspace.commit(edit("contract.docx", b"new"))
    (state / "journal" / "index.sqlite").write_bytes(b"no database" * 1000)
    again = Workspace([root], state)
    assert again.notes
    assert again.read("contract.docx").content == b"new"
    with pytest.raises(WorkspaceError, match="journal"):
        again.commit(edit("contract.docx", b"newer"))
    assert (root / "contract.docx").read_bytes() == b"new"


FULL_DISK = """
import resource, sys
from pathlib import Path
from copilot.errors import WorkspaceError
from copilot.workspace.change import Change, sha256
from copilot.workspace.workspace import Workspace

root, state, where = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
workspace = Workspace([root], state)
path = root / "contract.docx"
new = b"x" * 400_000
if where == "beside":  # the journal has the bytes already: what fails is the new file itself
    workspace._objects.put(new)
before = sha256(path.read_bytes())
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    workspace.commit(Change(path, before, new, (), "Edit"), key="k")
except WorkspaceError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize("where", ["journal", "beside"])
def test_no_room_leaves_the_original(root: Path, state: Path, where: str) -> None:
    pytest.importorskip("resource")
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, root, state, where], capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("WorkspaceError contract.docx can't be written"), done
    assert done.stderr == ""
    assert (root / "contract.docx").read_bytes() == b"old"
    assert names(root) == ["contract.docx"]
    workspace = Workspace([root], state)
    assert (workspace.history(), workspace.committed("k")) == ([], None)
    workspace.commit(Change(root / "contract.docx", sha256(b"old"), b"new", (), "Edit"), key="k")
