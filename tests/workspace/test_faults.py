"""Saving while everything goes wrong: killed at each call, failing calls, a full disk, two writers at once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from copilot.errors import ConflictError, WorkspaceError
from copilot.workspace import exchange, known, saving
from copilot.workspace.change import Change, sha256
from copilot.workspace.workspace import Workspace
from tests.thinning import ALL

from .conftest import Edit

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and fork")

FAULTY = Path(__file__).with_name("faulty.py")


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: what is tried is the order of the calls, not the disk."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    folder = Path("/dev/shm") / f"everpilot-test-{os.getpid()}-{tmp_path.name}"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("suffix", "kind", "start", "stride", "least"),
    [
        ("docx", "kill", 0, 1 if ALL else 4, 90),
        ("xlsx", "kill", 1, 1 if ALL else 8, 90),
        ("pptx", "kill", 2, 1 if ALL else 8, 90),
        ("txt", "kill", 0, 1 if ALL else 6, 90),
        *((suffix, kind, 0, 1 if ALL else 2, 12) for suffix in ("docx", "txt") for kind in ("EIO", "ENOSPC")),
        *((suffix, kind, 0, 1 if ALL else 5, 12) for suffix in ("xlsx", "pptx") for kind in ("EIO", "ENOSPC")),
    ],
)
def test_each_call_of_a_save(quick: Path, suffix: str, kind: str, start: int, stride: int, least: int) -> None:
    command = [sys.executable, str(FAULTY), str(quick), suffix, kind, str(start), str(stride)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= least  # there were that many calls


FULL = """
import sys
from pathlib import Path
from copilot.errors import WorkspaceError
from copilot.workspace.change import Change
from copilot.workspace.workspace import Workspace

root, state, size = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
workspace = Workspace([root], state)
file = workspace.read("a.docx")
try:
    workspace.commit(Change(file.path, file.sha256, b"n" * size, (), "Edit"), key="k")
    print("written")
except WorkspaceError as error:
    print(type(error).__name__, error.message)
"""


@pytest.mark.parametrize("full", ["docs", "state"])
def test_a_full_disk(tmp_path: Path, full: str) -> None:
    small = tmp_path / full
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "none", small], capture_output=True)
    if mounted.returncode:
        pytest.skip("only an administrator can mount")
    try:
        (tmp_path / "docs").mkdir(exist_ok=True)
        path = tmp_path / "docs" / "a.docx"
        old = os.urandom(200_000)
        path.write_bytes(old)
        filler = small / "filler"
        filler.write_bytes(b"f" * (100_000 if full == "docs" else 500_000))
        command = [sys.executable, "-c", FULL, tmp_path / "docs", tmp_path / "state", "300000"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("WorkspaceError")
        assert path.read_bytes() == old
        filler.unlink()
        again = Workspace([tmp_path / "docs"], tmp_path / "state")
        assert again.history() == []
        again.commit(Change(path, sha256(old), b"n", (), "Edit"), key="k")
        again.undo()
        assert path.read_bytes() == old
        assert [p.name for p in path.parent.iterdir()] == ["a.docx"]
        del again
    finally:
        subprocess.run(["umount", "-l", small], check=True)


WRITER = """
import sys
from pathlib import Path
from copilot.errors import ConflictError
from copilot.workspace.change import Change
from copilot.workspace.workspace import Workspace

root, state, who = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
workspace = Workspace([root], state)
print("ready", flush=True)
sys.stdin.readline()
for i in range(100):
    while True:
        file = workspace.read("log.txt")
        try:
            workspace.commit(Change(file.path, file.sha256, file.content + f"{who}{i}\\n".encode(), (), f"{who}{i}"))
            break
        except ConflictError:
            continue
"""


@pytest.mark.parametrize("states", [("state", "state"), ("one", "other")])
def test_two_writers_lose_nothing(quick: Path, states: tuple[str, str]) -> None:
    """Also with a state folder each, as on two machines: the exchange finds what the locks don't."""
    root = quick / "docs"
    root.mkdir()
    (root / "log.txt").write_bytes(b"")
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, root, quick / state, who],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for who, state in zip("ab", states, strict=True)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    assert [writer.wait() for writer in writers] == [0, 0]
    for writer in writers:
        writer.communicate()
    lines = (root / "log.txt").read_text().splitlines()
    for who in "ab":
        assert [line for line in lines if line.startswith(who)] == [f"{who}{i}" for i in range(100)]
    assert [p.name for p in root.iterdir()] == ["log.txt"]
    told = {state: len(Workspace([root], quick / state).history(1000)) for state in set(states)}
    assert sum(told.values()) == 200


@pytest.mark.parametrize("how", ["replaced", "in place", "deleted"])
def test_somebody_writes_between_the_look_and_the_exchange(
    workspace: Workspace, root: Path, edit: Edit, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    path, change = root / "contract.docx", edit("contract.docx", b"new")
    real = exchange.swap
    done: list[str] = []

    def swap(one: Path, other: Path) -> bool:
        if not done:
            done.append(how)
            if how == "replaced":
                (root / "beside").write_bytes(b"theirs")
                (root / "beside").replace(path)
            elif how == "in place":
                path.write_bytes(b"theirs")
            else:
                path.unlink()
        return real(one, other)

    monkeypatch.setattr(saving, "swap", swap)
    with pytest.raises(ConflictError):
        workspace.commit(change)
    assert done
    assert {p.name: p.read_bytes() for p in root.iterdir()} == (
        {} if how == "deleted" else {"contract.docx": b"theirs"}
    )
    assert workspace.history() == []


def test_without_an_exchange(workspace: Workspace, root: Path, edit: Edit, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, older kernels and most network folders."""
    monkeypatch.setattr(exchange, "_system_call", lambda: None)
    (root / "contract.docx").write_bytes(b"old")
    workspace.commit(edit("contract.docx", b"new"))
    workspace.commit(edit("created.docx", b"made"))
    workspace.commit(edit("contract.docx", None))
    for _ in range(3):
        workspace.undo()
    assert {p.name: p.read_bytes() for p in root.iterdir()} == {"contract.docx": b"old"}


def test_a_foreign_edit_of_the_same_size_and_time_is_seen(workspace: Workspace, root: Path) -> None:
    path = root / "contract.docx"
    workspace.commit(Change(path, sha256(b"old"), b"mine!", (), "Edit"))
    before = path.stat()
    path.write_bytes(b"yours")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(ConflictError):
        workspace.commit(Change(path, sha256(b"mine!"), b"again", (), "Edit"))
    assert path.read_bytes() == b"yours"


def test_what_is_known_of_a_file(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, remembered = root / "contract.docx", known.Known()
    monkeypatch.setattr(known, "is_certain", lambda path, changed: True)
    remembered.note(path, known.stamp(path), sha256(b"old"))
    assert remembered.digest(path) == sha256(b"old")
    path.chmod(0o600)  # its time of change
    assert remembered.digest(path) is None
    monkeypatch.setattr(known, "is_certain", lambda path, changed: False)
    remembered.note(path, known.stamp(path), sha256(b"old"))
    assert remembered.digest(path) is None


def test_fifty_undos(workspace: Workspace, root: Path) -> None:
    path = root / "contract.docx"
    path.chmod(0o604)
    attributes = {}
    try:
        os.setxattr(path, "user.origin", b"https://x.example")
        attributes = {"user.origin": b"https://x.example"}
    except (OSError, AttributeError):
        attributes = {}
    states = [path.read_bytes()]
    for i in range(50):
        content = None if i % 10 == 7 else os.urandom(1000 + i)
        before = None if states[-1] is None else sha256(states[-1])
        workspace.commit(Change(path, before, content, (), f"Edit {i}"))
        states.append(content)  # type: ignore[arg-type]
        if i % 10 == 8:  # made anew after a deletion
            path.chmod(0o604)
            for name, value in attributes.items():
                os.setxattr(path, name, value)
    for state in reversed(states[:-1]):
        workspace.undo()
        assert (path.read_bytes() if path.exists() else None) == state
        if state is not None:
            assert path.stat().st_mode & 0o7777 == 0o604
            assert {n: os.getxattr(path, n) for n in attributes} == attributes
    with pytest.raises(WorkspaceError, match="nothing to undo"):
        workspace.undo()


def test_the_cost_can_be_measured(tmp_path: Path) -> None:
    script = Path(__file__).parents[2] / "benchmarks" / "journal_cost.py"
    command = [sys.executable, str(script), "--size", "100000", "--rounds", "2", "--dir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert set(json.loads(done.stdout)) == {"plain_ms", "journalled_ms", "ratio", "ratio_of_pairs"}
