"""Folders in stores of files, through fsspec: the mount's rules without any vendor, and death at every step."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from copilot.connectors.storage import connector
from copilot.connectors.storage.store import StorageMount
from copilot.documents.hunks import Hunk
from copilot.errors import ConflictError, DocumentError, LockedError, PlaceConflictError, ServiceError, SettingsError
from copilot.plugins.connections import Connections
from copilot.settings import AccountSettings
from copilot.workspace.change import Change
from copilot.workspace.mounted import FRESH, Mounted
from copilot.workspace.outbox import Index
from copilot.workspace.saving import Saver
from copilot.workspace.workspace import Workspace
from tests.warm import Python

pytest.importorskip("fsspec")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Shelf:
    """A folder of a store, opened; and the store itself, as others see it."""

    def __init__(self, place: str, state: Path, **more: Any) -> None:
        self.place, self.state, self.more, self.clock = place, state, more, Clock()
        self.fs, self.root = StorageMount(place, {})._opened[:2]
        self.fs.makedirs(self.root, exist_ok=True)
        self.open()

    def open(self, **options: Any) -> Workspace:
        connections = Connections({}, self.state, {}, lambda name: connector, **options)
        self.mounted = Mounted(connector.open(self.place, connections), self.state, clock=self.clock)
        self.workspace = Workspace([self.mounted.folder], self.state, mounts=[self.mounted], **self.more)
        return self.workspace

    def there(self, name: str) -> bytes | None:
        path = f"{self.root}/{name}"
        return bytes(self.fs.cat_file(path)) if self.fs.exists(path) else None

    def other(self, name: str, data: bytes) -> None:
        beside = f"{self.root}/.{time.monotonic_ns()}"
        self.fs.pipe_file(beside, data)
        self.fs.makedirs(f"{self.root}/{name}".rpartition("/")[0], exist_ok=True)
        self.fs.mv(beside, f"{self.root}/{name}")
        self.clock.now += FRESH + 1

    def change(self, name: str, content: bytes | None) -> Change:
        place = self.workspace.resolve(name)
        return Change(place, self.workspace.hash(place), content, (Hunk(name, "", "new"),), f"Edit {name}")

    def save(self, name: str, content: bytes | None, key: str = "") -> Any:
        return self.workspace.commit(self.change(name, content), key=key)


@pytest.fixture(params=["memory", "file"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Shelf:
    place = f"memory://{tmp_path.name}/docs" if request.param == "memory" else f"file://{tmp_path}/docs"
    made = Shelf(place, tmp_path / "state")
    made.other("sub/a.txt", b"old")
    return made


def test_read_saved_undone(shelf: Shelf) -> None:
    assert [shelf.workspace.show(path) for path in shelf.workspace.files()] == ["sub/a.txt"]
    assert shelf.workspace.read("SUB/A.txt").content == b"old"
    shelf.save("sub/a.txt", b"new")
    shelf.save("more/b.txt", b"made")
    assert (shelf.there("sub/a.txt"), shelf.there("more/b.txt")) == (b"new", b"made")
    shelf.workspace.undo()
    shelf.workspace.undo()
    assert (shelf.there("sub/a.txt"), shelf.there("more/b.txt")) == (b"old", None)
    shelf.save("sub/a.txt", None)
    assert shelf.there("sub/a.txt") is None
    shelf.workspace.undo()
    assert shelf.there("sub/a.txt") == b"old"
    assert not [path for path in shelf.fs.find(shelf.root) if ".everpilot" in path]


def test_two_clients(shelf: Shelf, tmp_path: Path) -> None:
    other = Shelf(shelf.place, tmp_path / "other")
    mine, theirs = shelf.change("sub/a.txt", b"mine"), other.change("sub/a.txt", b"theirs")
    fresh = shelf.change("new.txt", b"mine")
    other.workspace.commit(theirs)
    other.save("new.txt", b"theirs")
    with pytest.raises(PlaceConflictError, match="was changed at storage:"):
        shelf.workspace.commit(mine)
    with pytest.raises(ConflictError, match="exists already"):
        shelf.workspace.commit(fresh)
    shelf.clock.now += FRESH + 1
    assert shelf.workspace.read("sub/a.txt").content == shelf.there("sub/a.txt") == b"theirs"
    assert shelf.workspace.read("new.txt").content == b"theirs"
    shelf.save("sub/a.txt", b"both")
    assert shelf.there("sub/a.txt") == b"both"


def test_read_only(shelf: Shelf) -> None:
    shelf.open(writes=False)
    change = shelf.change("sub/a.txt", b"new")
    with pytest.raises(LockedError, match="read-only"):
        shelf.workspace.commit(change)
    assert shelf.there("sub/a.txt") == b"old"


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["a%20b.txt"], ["a%2520b.txt"]),
        (["a\\b.txt"], ["a%5Cb.txt"]),
        (["Same.txt", "same.txt"], ["Same.txt", "same~"]),
        (["é" * 140 + ".txt"], ["é" * 90]),
        (["x" * 260 + ".txt"], ["x" * 180]),
        ([".hidden", "~$owner.docx"], []),
    ],
)
def test_names_that_this_system_can_not_have(tmp_path: Path, names: list[str], shown: list[str]) -> None:
    shelf = Shelf(f"memory://{tmp_path.name}/names", tmp_path / "state")
    for name in names:
        shelf.fs.pipe_file(f"{shelf.root}/{name}", name.encode())
    found = [shelf.workspace.show(path) for path in shelf.workspace.files()]
    assert len(found) == len(shown)
    for name, start in zip(found, shown, strict=True):
        assert name.startswith(start)
        assert shelf.workspace.read(name).content.decode() in names
        shelf.save(name, b"edited")
    if shown:
        assert {shelf.there(name) for name in names} == {b"edited"}
        assert len(shelf.fs.find(shelf.root)) == len(names)


@pytest.mark.parametrize(
    ("place", "said"),
    [("nothing", "no address"), ("zip::file:///a.zip", "no address"), ("xyz://a", "can't be opened"), ("s3://b", "")],
)
def test_places_that_can_not_be(tmp_path: Path, place: str, said: str) -> None:
    if place.startswith("s3:") and __import__("importlib.util").util.find_spec("s3fs"):
        pytest.skip("s3fs is installed")
    with pytest.raises(SettingsError, match=said or "s3fs"):
        Shelf(place, tmp_path)


def test_accounts_have_the_secrets(tmp_path: Path) -> None:
    table = {
        "connector": "storage",
        "url": "memory://",
        "options": {"skip_instance_cache": True},
        "secrets": {"key": "STORE_KEY"},
    }
    env = {"STORE_KEY": "hunter2-hunter2"}
    settings = {"lake": AccountSettings.model_validate(table)}
    mount: Any = connector.open("memory://a", Connections(settings, tmp_path, env, lambda name: connector))
    assert (mount.account, mount._options["key"]) == ("lake", "hunter2-hunter2")
    assert "hunter2" not in f"{mount.name} {mount.key}"
    with pytest.raises(SettingsError, match="STORE_KEY is not set"):
        connector.open("memory://a", Connections(settings, tmp_path, {}, lambda name: connector))
    with pytest.raises(ServiceError, match="no account 'other'"):
        connector.open("memory://a", Connections(settings, tmp_path, env, lambda name: connector), "other")


def test_out_of_reach_it_waits(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.workspace.read("sub/a.txt")

    def nobody(*arguments: Any, **more: Any) -> Any:
        raise ConnectionResetError("the cable is out")

    for name in ("info", "find", "put_file"):
        monkeypatch.setattr(type(shelf.fs), name, nobody)
    shelf.clock.now += FRESH + 1
    assert shelf.workspace.read("sub/a.txt").content == b"old"
    shelf.save("sub/a.txt", b"new")
    assert "waits" in " ".join(shelf.workspace.notes)
    with pytest.raises((DocumentError, ServiceError)):
        Shelf(shelf.place, shelf.state.parent / "fresh").workspace.files()
    monkeypatch.undo()
    assert shelf.there("sub/a.txt") == b"old"
    shelf.other("sub/a.txt", b"theirs")
    (said,) = shelf.open().notes
    assert "Yours is kept as sub/a (conflict" in said
    assert shelf.there("sub/a.txt") == shelf.workspace.read("sub/a.txt").content == b"theirs"
    assert b"new" in [shelf.there(shelf.workspace.show(path)) for path in shelf.workspace.files()]


#: Where a process is killed: at which call of what, before it or after it.
EDITS: list[tuple[type, str, int, str]] = [
    (Index, "await_", 1, "before"),
    (Index, "await_", 1, "after"),
    (Saver, "_happen", 1, "before"),
    (Saver, "_happen", 1, "after"),
    (Saver, "save", 1, "after"),
    (Index, "await_", 2, "after"),
    (Index, "await_", 3, "after"),
    (StorageMount, "store", 1, "before"),
    (StorageMount, "_same", 2, "after"),
    (StorageMount, "store", 1, "after"),
    (Index, "stored", 1, "before"),
    (Index, "stored", 1, "after"),
]
DELETES: list[tuple[type, str, int, str]] = [
    (Saver, "save", 1, "after"),
    (StorageMount, "remove", 1, "before"),
    (StorageMount, "remove", 1, "after"),
    (Index, "stored", 1, "after"),
]


def dies(step: tuple[type, str, int, str], work: Callable[[], object]) -> bool:
    """Do it in a process that is killed at a step; return whether it came there, False when it was done before."""
    child = os.fork()
    if child == 0:
        try:
            kind, name, at, when = step
            real, count = getattr(kind, name), [0]

            def counting(*arguments: Any, **more: Any) -> Any:
                count[0] += 1
                if count[0] == at and when == "before":
                    os.kill(os.getpid(), signal.SIGKILL)
                found = real(*arguments, **more)
                if count[0] == at:
                    os.kill(os.getpid(), signal.SIGKILL)
                return found

            setattr(kind, name, counting)
            work()
            os._exit(0)
        finally:
            os._exit(3)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


#: What is done, and the steps at which it is killed.
KILLED = {"edit": EDITS, "create": EDITS[7:11], "delete": DELETES}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
@pytest.mark.parametrize("kind", KILLED)
def test_killed_at_every_step(tmp_path: Path, kind: str, python: Python) -> None:
    """In a process with one thread: a fork of this one may wait for a lock that another thread of it held."""
    here = "from tests.connectors.storage.test_storage import killed_at_every_step as test; from pathlib import Path"
    returned, out, err = python(f"{here}; test(Path({str(tmp_path)!r}), {kind!r}); print('whole')")
    assert (returned, out) == (0, "whole\n"), err


def killed_at_every_step(folder: Path, kind: str) -> None:
    steps = KILLED[kind]
    died = 0
    for number, step in enumerate(steps):
        shelf = Shelf(f"file://{folder}/{number}", folder / f"state{number}")
        shelf.other("a.txt", b"old")
        name = "made/new.txt" if kind == "create" else "a.txt"
        change = shelf.change(name, None if kind == "delete" else b"new")
        died += dies(step, lambda: shelf.open().commit(change, key="k"))  # noqa: B023
        again = shelf.open()
        done = again.committed("k") is not None
        assert shelf.mounted.waiting() == []
        before, after = (None if kind == "create" else b"old"), (None if kind == "delete" else b"new")
        assert shelf.there(name) == (after if done else before), (step, done)
        present = again.read(name).content if again.exists(name) else None
        assert present == shelf.there(name), step
        if done:
            again.undo()
        assert shelf.there(name) == before, step
        assert len(again.history()) == 2 * done
    assert died == len(steps)
