"""The store of old versions: limits, compression, encryption; locks and owner files; strays."""

from __future__ import annotations

import errno
import json
import os
import socket
import stat
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from copilot._sealing import Sealer
from copilot.errors import LockedError, SettingsError, WorkspaceError
from copilot.settings import HistorySettings
from copilot.workspace import lockfiles, locks, network, owners
from copilot.workspace.change import Change, sha256
from copilot.workspace.locks import Locks
from copilot.workspace.save import beside, store_name
from copilot.workspace.workspace import Workspace

from .conftest import Edit


def write(workspace: Workspace, name: str, content: bytes) -> None:
    path = workspace.resolve(name)
    workspace.commit(Change(path, workspace.hash(path), content, (), f"Edit {name}"))


class Clock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


def aged(state: Path, clock: Clock) -> None:
    for path in (state / "journal" / "objects").rglob("*"):
        if path.is_file():
            os.utime(path, (0, 0))


def restorable(workspace: Workspace, name: str) -> list[bool]:
    return [version.restorable for version in workspace.versions(name)]


def test_old_versions_go_by_age(root: Path, state: Path) -> None:
    clock = Clock()
    workspace = Workspace([root], state, clock=clock, history=HistorySettings(keep_days=30))
    write(workspace, "contract.docx", b"two")
    write(workspace, "contract.docx", b"three")
    clock.now += timedelta(days=29)
    write(workspace, "other.docx", b"1")
    assert restorable(workspace, "contract.docx") == [True, True, True]
    clock.now += timedelta(days=2)
    write(workspace, "other.docx", b"2")
    assert restorable(workspace, "contract.docx") == [False, False, True]
    assert restorable(workspace, "other.docx") == [True, True]
    with pytest.raises(WorkspaceError, match="not kept any more"):
        workspace.restore("contract.docx", 1)


def test_the_oldest_go_when_there_is_no_room(root: Path, state: Path) -> None:
    clock = Clock()
    workspace = Workspace([root], state, clock=clock, history=HistorySettings(keep_bytes=250_000))
    for _ in range(4):
        write(workspace, "contract.docx", os.urandom(100_000))
    assert restorable(workspace, "contract.docx") == [True] * 5  # younger than a day: stays
    clock.now += timedelta(days=3)
    write(workspace, "contract.docx", os.urandom(100_000))
    found = restorable(workspace, "contract.docx")
    assert found[-1]
    assert found[:3] == [False, False, False]
    clock.now += timedelta(days=3)
    write(workspace, "other.docx", b"1")
    assert restorable(workspace, "contract.docx")[-1]
    assert sum(p.stat().st_size for p in (state / "journal" / "objects").rglob("*") if p.is_file()) < 350_000


def test_text_is_compressed_and_documents_are_moved(workspace: Workspace, root: Path, state: Path) -> None:
    text, zipped = b"a line of text\n" * 2000, b"PK\x03\x04" + os.urandom(50_000)
    for name, content in (("a.txt", text), ("b.docx", zipped)):
        (root / name).write_bytes(content)
        inode = (root / name).stat().st_ino
        write(workspace, name, b"new")
        kept = workspace._objects.path(sha256(content))
        assert (kept.suffix, kept.stat().st_ino == inode) == ((".z", False) if name == "a.txt" else ("", True))
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert not os.listxattr(kept) if hasattr(os, "listxattr") else True
        workspace.undo()
        assert (root / name).read_bytes() == content


def test_a_sealed_journal(root: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERPILOT_KEY", "a long secret")
    plain = Workspace([root], state)
    write(plain, "contract.docx", b"written in plain text")
    sealed = Workspace([root], state, history=HistorySettings(encrypt=True))
    path = sealed.resolve("contract.docx")
    before = sealed.read(path).sha256
    sealed.commit(Change(path, before, b"the secret number 4711" * 500, (), "Merger with Contoso"))
    sealed.commit(Change(path, sealed.hash(path), None, (), "Delete it"))
    stored = b"".join(p.read_bytes() for p in (state / "journal").rglob("*") if p.is_file())
    assert b"4711" not in stored
    assert b"Contoso" not in stored
    assert all(not p.stat().st_mode & 0o077 for p in (state / "journal").rglob("*"))
    for workspace in (sealed, Workspace([root], state)):  # switched off again: what is sealed stays readable
        assert [v.restorable for v in workspace.versions("contract.docx")] == [True, True, True, False]
    sealed.undo()
    assert path.read_bytes() == b"the secret number 4711" * 500
    sealed.restore("contract.docx", 1)
    assert path.read_bytes() == b"old"

    kept = sealed._objects.path(sha256(b"the secret number 4711" * 500))
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")
    with pytest.raises(WorkspaceError, match="damaged"):
        sealed.restore("contract.docx", 3)


@pytest.mark.parametrize("key", ["", "another secret"])
def test_without_the_key_nothing_is_written(root: Path, state: Path, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    import keyring
    from keyring.backends import fail

    monkeypatch.setenv("EVERPILOT_KEY", "a long secret")
    settings = HistorySettings(encrypt=True)
    write(Workspace([root], state, history=settings), "contract.docx", b"two")
    used = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())
    try:
        monkeypatch.setenv("EVERPILOT_KEY", key)
        again = Workspace([root], state, history=settings)
        with pytest.raises(SettingsError, match="another key" if key else "EVERPILOT_KEY"):
            again.commit(Change(root / "contract.docx", sha256(b"two"), b"three", (), "Edit"))
        with pytest.raises(SettingsError):
            again.undo()
    finally:
        keyring.set_keyring(used)
    assert (root / "contract.docx").read_bytes() == b"two"
    assert [p.name for p in root.iterdir()] == ["contract.docx"]


def test_sealed_pieces_are_bound_to_their_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERPILOT_KEY", "a long secret")
    one, same = Sealer(tmp_path / "key.json", "The journal"), Sealer(tmp_path / "key.json", "The journal")
    piece = one.seal(b"text", b"here")
    assert same.open(piece, b"here") == b"text"
    with pytest.raises(ValueError, match="damaged"):
        same.open(piece, b"there")
    assert one.seal(b"text", b"here") != piece
    assert (tmp_path / "key.json").stat().st_mode & 0o777 == 0o600
    (tmp_path / "key.json").write_text("{}")
    with pytest.raises(SettingsError, match="without it"):
        Sealer(tmp_path / "key.json", "The journal").seal(b"text")


# Locks and owner files


def test_a_network_folder_has_a_lock_file(
    workspace: Workspace, root: Path, edit: Edit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "is_shared", lambda folder: True)
    monkeypatch.setattr(locks, "WAIT", 0.0)
    path = root / "contract.docx"
    change, lock = edit("contract.docx", b"new"), lockfiles.beside(path)
    told = {"owner": "ann", "host": "other-machine", "pid": 1, "time": 0}
    lock.write_text(json.dumps(told))
    with (
        pytest.raises(LockedError, match="ann on other-machine is writing contract"),
        locks._hold_there(path, "contract", 0),
    ):
        pass
    os.utime(lock, (0, 0))  # far older than any save takes
    workspace.commit(change)
    assert [p.name for p in root.iterdir()] == ["contract.docx"]
    lock.write_text(json.dumps({**told, "host": socket.gethostname(), "pid": 2**22 + 7}))  # no such process
    workspace.undo()
    assert [p.name for p in root.iterdir()] == ["contract.docx"]


def test_a_disk_without_locks(workspace: Workspace, edit: Edit, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(descriptor: int) -> bool:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks, "taken", none)
    change = edit("contract.docx", b"new")
    held = Locks(state / "locks")
    with held.hold(change.path, "contract.docx"), held.attempt(change.path) as free:
        assert not free
    workspace.commit(change)
    assert not list((state / "locks").glob("*.lock"))


@pytest.mark.parametrize(
    ("kind", "shared"), [("nfs4", True), ("cifs", True), ("fuse.sshfs", True), ("ext4", False), ("fuseblk", False)]
)
def test_network_file_systems(kind: str, shared: bool) -> None:
    assert network._kind_is_shared(kind) is shared


def test_a_forgotten_owner_file_is_told_not_obeyed(workspace: Workspace, root: Path, edit: Edit) -> None:
    lock = root / "~$ntract.docx"
    lock.write_bytes(b"")
    eight_days_ago = time.time() - 8 * 24 * 3600
    os.utime(lock, (eight_days_ago, eight_days_ago))
    workspace.commit(edit("contract.docx", b"new"))
    assert workspace.notes == ["'~$ntract.docx' beside contract.docx was not obeyed: it is 8 days old."]
    assert lock.exists()


@pytest.mark.parametrize("runs", [True, False])
def test_libreoffice_that_crashed_on_this_machine(
    workspace: Workspace, root: Path, edit: Edit, monkeypatch: pytest.MonkeyPatch, runs: bool
) -> None:
    monkeypatch.setattr(owners, "_runs_no_libreoffice", lambda: not runs)
    (root / ".~lock.contract.docx#").write_text(f",ann,{socket.gethostname()},,;")
    change = Change(root / "contract.docx", sha256(b"old"), b"new", (), "Edit")
    if runs:
        with pytest.raises(LockedError, match="ann"):
            workspace.commit(change)
    else:
        workspace.commit(change)
        assert "no LibreOffice runs" in workspace.notes[0]


# Strays


def test_strays_without_a_row_are_taken_in(workspace: Workspace, root: Path, state: Path, edit: Edit) -> None:
    workspace.commit(edit("contract.docx", b"new"))
    ours, others = beside(root / "x", store_name(state)), root / f".everpilot-{'0' * 16}.tmp"
    ours.write_bytes(b"an old version that a power cut left here")
    others.write_bytes(b"of another machine")
    again = Workspace([root], state)
    assert sorted(p.name for p in root.iterdir()) == sorted(["contract.docx", others.name])
    assert again._objects.get(sha256(b"an old version that a power cut left here"))
