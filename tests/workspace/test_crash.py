"""Other processes: killed in the middle, or writing the same file."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from copilot.errors import ConflictError
from copilot.workspace.change import Change, sha256
from copilot.workspace.journal import Entry, Row
from copilot.workspace.locks import Locks
from copilot.workspace.save import beside
from copilot.workspace.workspace import Workspace
from tests.thinning import ALL

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")

# Writes ever new content with a key for each, and says so after each commit.
WRITER = """
import sys
from pathlib import Path
from copilot.workspace.change import Change, sha256
from copilot.workspace.workspace import Workspace

root, state, start = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
workspace = Workspace([root], state)
path = root / "contract.docx"
for i in range(start, start + 100_000):
    file = workspace.read(path)
    content = (b"%08d" % i) * 40_000
    workspace.commit(Change(path, file.sha256, content, (), str(i)), key=f"k{i}")
    print(i, flush=True)
"""


def writer(root: Path, state: Path, start: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(root), str(state), str(start)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_killed_while_it_writes(root: Path, state: Path) -> None:
    path, original = root / "contract.docx", (root / "contract.docx").read_bytes()
    for attempt in range(6):
        process = writer(root, state, attempt * 1000)
        with process:
            assert process.stdout is not None
            said = [process.stdout.readline() for _ in range(2 + attempt)]
            process.send_signal(signal.SIGKILL)
            said += process.stdout.read().splitlines()
        told = max(int(line) for line in said if line.strip())
        content = path.read_bytes()
        assert len({content[i : i + 8] for i in range(0, len(content), 8)}) == 1  # never torn
        workspace = Workspace([root], state)
        assert [p.name for p in root.iterdir()] == ["contract.docx"]  # nothing of ours lies about
        latest = workspace.history()[0]
        assert latest.after == sha256(content)
        assert int(latest.summary) in (told, told + 1)  # what was told is there; one more may have been under way
        assert workspace.committed(f"k{told}") is not None
        assert (workspace.committed(f"k{told + 1}") is not None) == (int(latest.summary) == told + 1)
    while any(e.undoes is None and e.undone_by is None for e in workspace.history(10_000)):
        workspace.undo()
    assert path.read_bytes() == original


# Kills a child at every n-th call into C of one commit, and looks at what the next process finds.
EVERY_STEP = """
import os, shutil, signal, sys
from pathlib import Path
from copilot.workspace.change import Change, sha256
from copilot.workspace.workspace import Workspace

def run(base, kind, steps):
    root, state = base / "docs", base / "state"
    root.mkdir(parents=True)
    path = root / "a.docx"
    path.write_bytes(b"old")
    change = {
        "edit": Change(path, sha256(b"old"), b"new", (), ""),
        "delete": Change(path, sha256(b"old"), None, (), ""),
        "create": Change(root / "sub" / "b.docx", None, b"new", (), ""),
    }.get(kind)
    workspace = Workspace([root], state)
    workspace.commit(Change(root / "other.docx", None, b"other", (), ""))
    if change is None:
        workspace.commit(Change(path, sha256(b"old"), b"new", (), ""))
    seen = lambda: {p.relative_to(root).as_posix(): p.is_file() and p.read_bytes() for p in root.rglob("*")}
    first = seen()
    child = os.fork()
    if child == 0:
        left = [steps]
        def count(frame, event, argument):
            if event == "c_call":
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
        sys.setprofile(count)
        workspace.commit(change, key="k") if change else workspace.undo()
        sys.setprofile(None)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    again = Workspace([root], state)
    latest = again.history()[0]
    happened = bool(latest.undoes) if change is None else again.committed("k") is not None
    if not happened:
        assert seen() == first, (kind, steps, seen())
        again.commit(change, key="k") if change else again.undo()
    content = {"edit": b"new", "undo": b"old", "create": b"old", "delete": None}[kind]
    assert seen().get("a.docx") == content, (kind, steps, seen())
    assert seen().get("sub/b.docx") == (b"new" if kind == "create" else None)
    again.undo(again.history()[0].number)
    assert seen() == first, (kind, steps, seen())
    return os.WIFEXITED(status)

base, kind, stride = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
steps = 0
while not run(base / str(steps), kind, steps):
    shutil.rmtree(base / str(steps))
    steps += stride
print(steps)
"""


@pytest.mark.parametrize("kind", ["edit", "create", "delete", "undo"])
def test_killed_at_every_step(tmp_path: Path, kind: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", EVERY_STEP, tmp_path, kind, "41" if ALL else "97"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 400  # there were that many calls to die in


@pytest.mark.parametrize(
    ("status", "present", "temporary", "happened"),
    [
        ("writing", b"old", b"", False),  # died while it wrote the new file
        ("writing", b"old", None, False),
        ("pending", b"old", b"new", False),  # before the exchange
        ("pending", b"new", None, True),  # after it
        ("pending", b"by hand", b"new", False),  # before it, and somebody wrote since
        ("pending", b"by hand", None, True),  # after it, and somebody wrote since
    ],
)
def test_what_a_dead_process_left(
    workspace: Workspace, root: Path, state: Path, status: str, present: bytes, temporary: bytes | None, happened: bool
) -> None:
    path = root / "contract.docx"
    stray = beside(path)
    entry = Entry(0, "2026-03-01T12:00:00+00:00", path, "Edit", sha256(b"old"), sha256(b"new"), key="k")
    for content in (b"old", b"new"):
        workspace._objects.put(content)
    workspace._journal.begin(Row(entry, status, stray))  # type: ignore[arg-type]
    path.write_bytes(present)
    if temporary is not None:
        stray.write_bytes(temporary)
    again = Workspace([root], state)
    assert (again.committed("k") is not None) is happened
    assert [e.summary for e in again.history()] == (["Edit"] if happened else [])
    assert [p.name for p in root.iterdir()] == ["contract.docx"]
    assert path.read_bytes() == present
    if not happened and present == b"old":
        again.commit(Change(path, sha256(b"old"), b"new", (), "Edit"), key="k")
    if present != b"by hand":
        again.undo()
        assert path.read_bytes() == b"old"


@pytest.mark.parametrize("gone", [True, False])
def test_a_deletion_that_a_dead_process_left(workspace: Workspace, root: Path, state: Path, gone: bool) -> None:
    path = root / "contract.docx"
    workspace._objects.put(b"old")
    entry = Entry(0, "2026-03-01T12:00:00+00:00", path, "Delete", sha256(b"old"), None)
    workspace._journal.begin(Row(entry, "pending", beside(path)))
    if gone:
        path.unlink()
    again = Workspace([root], state)
    assert len(again.history()) == gone
    if gone:
        again.undo()
    assert path.read_bytes() == b"old"


def test_what_a_living_process_does_is_left_alone(workspace: Workspace, root: Path, state: Path) -> None:
    path = root / "contract.docx"
    stray = beside(path)
    entry = Entry(0, "2026-03-01T12:00:00+00:00", path, "Edit", sha256(b"old"), sha256(b"new"))
    workspace._journal.begin(Row(entry, "writing", stray))
    stray.write_bytes(b"ne")
    with Locks(state / "locks").hold(path, "contract.docx"):
        assert Workspace([root], state).history() == []
        assert stray.exists()
    assert Workspace([root], state).history() == []
    assert not stray.exists()


def test_a_drive_that_is_not_there_is_waited_for(workspace: Workspace, root: Path, state: Path) -> None:
    (root / "stick").mkdir()
    path = root / "stick" / "a.docx"
    path.write_bytes(b"old")
    entry = Entry(0, "2026-03-01T12:00:00+00:00", path, "Edit", sha256(b"old"), sha256(b"new"))
    workspace._journal.begin(Row(entry, "pending", beside(path)))
    (root / "stick").rename(root / "away")
    assert Workspace([root], state).history() == []
    (root / "away" / "a.docx").write_bytes(b"new")
    (root / "away").rename(root / "stick")
    assert [e.summary for e in Workspace([root], state).history()] == ["Edit"]


ONE_EDIT = """
import json, sys
from pathlib import Path
from copilot.errors import EverpilotError
from copilot.workspace.change import Change
from copilot.workspace.workspace import Workspace

root, state, content = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3].encode()
workspace = Workspace([root], state)
file = workspace.read("contract.docx")
print("read", flush=True)
sys.stdin.readline()
try:
    workspace.commit(Change(file.path, file.sha256, content * 100_000, (), "Edit"), key=sys.argv[4])
    print(json.dumps("written"))
except EverpilotError as error:
    print(json.dumps(error.code))
"""


@pytest.mark.parametrize("keys", [("", ""), ("one", "two"), ("same", "same")])
def test_two_processes_edit_one_file(root: Path, state: Path, keys: tuple[str, str]) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", ONE_EDIT, str(root), str(state), content, key],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for content, key in zip("ab", keys, strict=True)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "read\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    outcomes = [json.loads(process.communicate()[0]) for process in processes]
    if keys == ("same", "same"):
        assert outcomes == ["written", "written"]  # the second one is told of the first one's entry
    else:
        assert sorted(outcomes) == ["conflict", "written"]
        winner = b"ab"[outcomes.index("written")]
        assert set((root / "contract.docx").read_bytes()) == {winner}
    assert len(Workspace([root], state).history()) == 1


def test_a_conflict_keeps_the_journal_clean(workspace: Workspace, root: Path) -> None:
    with pytest.raises(ConflictError):
        workspace.commit(Change(root / "contract.docx", sha256(b"other"), b"new", (), "Edit"), key="k")
    assert workspace.committed("k") is None
    workspace.commit(Change(root / "contract.docx", sha256(b"old"), b"new", (), "Edit"), key="k")
