"""Versions, restore, redo, and undo of turns and threads."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

import pytest

from copilot.errors import ConflictError, DocumentError, WorkspaceError
from copilot.trust.labels import Label
from copilot.workspace.change import Change, sha256
from copilot.workspace.workspace import Workspace

from .conftest import Edit


def write(workspace: Workspace, name: str, content: bytes | None, thread: str = "t", turn: str = "1") -> int:
    path = workspace.resolve(name)
    change = Change(path, workspace.hash(path), content, (), f"Edit {name}")
    return workspace.commit(change, thread=thread, turn=turn).number


def contents(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_versions(workspace: Workspace, root: Path) -> None:
    write(workspace, "contract.docx", b"two")
    (root / "contract.docx").write_bytes(b"by hand")
    write(workspace, "contract.docx", b"three")
    write(workspace, "contract.docx", None)
    shown = [(v.number, v.change, v.size, v.restorable, v.present) for v in workspace.versions("contract.docx")]
    assert shown == [
        (1, None, 3, True, False),
        (2, 1, 3, True, False),
        (3, None, 7, True, False),
        (4, 2, 5, True, False),
        (5, 3, None, False, False),
    ]
    assert workspace.versions("never.docx") == []


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_any_version_comes_back_and_that_is_undone(workspace: Workspace, root: Path, version: int) -> None:
    path = root / "contract.docx"
    kept = [b"old", os.urandom(6_000_000), b"text " * 5000, os.urandom(5_000_000)]  # moved, compressed, copied
    for content in kept[1:]:
        write(workspace, "contract.docx", content)
    if version == 4:
        with pytest.raises(WorkspaceError, match="is version 4 already"):
            workspace.restore("contract.docx", 4)
        return
    entry = workspace.restore("contract.docx", version)
    assert path.read_bytes() == kept[version - 1]
    assert entry.summary == f"Restore version {version} of contract.docx"
    workspace.undo()
    assert path.read_bytes() == kept[3]


def test_a_restore_does_not_write_over_somebody(workspace: Workspace, root: Path) -> None:
    write(workspace, "contract.docx", b"two")
    (root / "contract.docx").write_bytes(b"by hand")
    with pytest.raises(ConflictError, match="--to OTHER") as caught:
        workspace.restore("contract.docx", 1)
    assert Path(caught.value.hint.rpartition(" ")[2].rstrip(".")).read_bytes() == b"old"
    workspace.restore("contract.docx", 1, to="beside.docx")
    assert contents(root) == {"contract.docx": b"by hand", "beside.docx": b"old"}
    with pytest.raises(ConflictError, match="exists already"):
        workspace.restore("contract.docx", 2, to="beside.docx")


def test_a_deleted_file_comes_back_as_it_was(workspace: Workspace, root: Path) -> None:
    path = root / "contract.docx"
    path.chmod(0o600)
    write(workspace, "contract.docx", None)
    workspace.restore("contract.docx", 1)
    assert path.read_bytes() == b"old"
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(WorkspaceError, match="is its deletion"):
        workspace.restore("contract.docx", 2)
    with pytest.raises(WorkspaceError, match="no version 9"):
        workspace.restore("contract.docx", 9)


def test_a_turn_is_undone_at_once(workspace: Workspace, root: Path) -> None:
    write(workspace, "contract.docx", b"two", turn="1")
    write(workspace, "a.docx", b"a", turn="2")
    write(workspace, "contract.docx", b"three", turn="2")
    write(workspace, "sub/b.docx", b"b", turn="2")
    write(workspace, "a.docx", None, turn="2")
    done = workspace.undo_turn()
    assert [e.undoes for e in done] == [5, 4, 3, 2]
    assert contents(root) == {"contract.docx": b"two"}
    assert not (root / "sub").exists()
    assert [workspace.redo().undoes for _ in range(4)] == [9, 8, 7, 6]
    assert contents(root) == {"contract.docx": b"three", "sub/b.docx": b"b"}
    assert len(workspace.undo_turn("2", "t")) == 4
    assert [e.undoes for e in workspace.undo_turn()] == [1]
    assert contents(root) == {"contract.docx": b"old"}
    with pytest.raises(WorkspaceError, match="nothing to undo"):
        workspace.undo_turn()


def test_all_or_nothing(workspace: Workspace, root: Path) -> None:
    for name in ("a.docx", "b.docx", "c.docx"):
        write(workspace, name, b"1")
    (root / "a.docx").write_bytes(b"by hand")
    before, entries = contents(root), len(workspace.history())
    with pytest.raises(ConflictError, match=r"Change 1 of a\.docx can't be undone, so none of the 3 changes was"):
        workspace.undo_thread("t")
    (root / "a.docx").write_bytes(b"1")
    (root / ".~lock.b.docx#").write_bytes(b",ann,host7,,;")
    with pytest.raises(WorkspaceError, match="ann on host7"):
        workspace.undo_thread("t")
    (root / ".~lock.b.docx#").unlink()
    assert (contents(root) | {"a.docx": b"by hand"}, len(workspace.history())) == (before, entries)
    workspace.undo_thread("t")
    assert contents(root) == {"contract.docx": b"old"}


def test_a_turn_is_told_from_the_key(workspace: Workspace) -> None:
    change = Change(workspace.resolve("a.docx"), None, b"1", (), "A")
    assert workspace.commit(change, key="t:m7:0:call:last", thread="t").turn == "m7"


def test_redo_until_something_else_is_written(workspace: Workspace, root: Path) -> None:
    for content in (b"two", b"three"):
        write(workspace, "contract.docx", content)
    with pytest.raises(WorkspaceError, match="nothing to redo"):
        workspace.redo()
    with pytest.raises(WorkspaceError, match="not undone"):
        workspace.redo(1)
    workspace.undo()
    workspace.undo()
    workspace.redo()
    assert (root / "contract.docx").read_bytes() == b"two"
    workspace.redo(2)
    assert (root / "contract.docx").read_bytes() == b"three"
    workspace.undo()
    write(workspace, "other.docx", b"1")
    assert workspace.redo().summary == "Redo 2: Edit contract.docx"
    assert workspace.undo().undoes == 2  # what was done again is the last thing that was done
    write(workspace, "contract.docx", b"four")
    with pytest.raises(WorkspaceError, match="nothing to redo"):
        workspace.redo()


def test_the_journal_of_the_first_version(root: Path, state: Path) -> None:
    file = state / "journal" / "index.sqlite"
    file.parent.mkdir(parents=True, mode=0o700)
    details = (
        '{"time": "2026-03-01T12:00:00+00:00", "summary": "Edit", "before": "%s", "thread": "t", "hunks": [],'
        ' "folders": [], "mode": 416, "label": %s}'
    )
    with sqlite3.connect(file) as db:
        db.executescript(
            """CREATE TABLE entries (number INTEGER PRIMARY KEY AUTOINCREMENT, status TEXT NOT NULL, key TEXT NOT NULL,
            path BLOB NOT NULL, after TEXT, undoes INTEGER, temporary BLOB NOT NULL, details TEXT NOT NULL);
            PRAGMA user_version = 1;"""
        )
        text = details % (sha256(b"old"), json.dumps(Label().to_dict()))
        place = os.fsencode(root / "contract.docx")
        row = (1, "done", "", place, sha256(b"new"), None, b"", text)
        db.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    db.close()
    (root / "contract.docx").write_bytes(b"new")
    workspace = Workspace([root], state)
    workspace._objects.put(b"old")
    assert [e.thread for e in workspace.history()] == ["t"]
    assert len(workspace.undo_thread("t")) == 1
    assert (root / "contract.docx").read_bytes() == b"old"


def test_outside_and_unreadable(workspace: Workspace, edit: Edit) -> None:
    with pytest.raises(WorkspaceError):
        workspace.versions("/etc/passwd")
    with pytest.raises(WorkspaceError, match="ever written"):
        workspace.restore("contract.docx", 1)
    with pytest.raises((WorkspaceError, DocumentError)):
        workspace.restore("contract.docx", 1, to="../out.docx")
