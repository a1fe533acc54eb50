"""OneDrive and SharePoint as opened folders: against the fake Graph, with other people at the same files."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from copilot.connectors.microsoft365 import connector
from copilot.connectors.microsoft365.drive_mount import GraphMount
from copilot.connectors.microsoft365.graph import Backoff
from copilot.documents import excel
from copilot.documents.hunks import Hunk
from copilot.errors import (
    DocumentError,
    LockedError,
    PlaceConflictError,
    ServiceError,
    WorkspaceError,
)
from copilot.plugins.connections import Connections
from copilot.plugins.connections import loop as loops
from copilot.plugins.connections.files import OpensLinks
from copilot.settings import AccountSettings
from copilot.trust.labels import Confidentiality
from copilot.workspace.change import Change, sha256
from copilot.workspace.mounted import FRESH, Mounted
from copilot.workspace.outbox import Index
from copilot.workspace.workspace import Workspace
from tests.vendors.graph import Graph

PLACE = "Finance/Documents"
BUDGET = "Budgets/Budget 2026.xlsx"
POLICY = "Budget policy.txt"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Office:
    """Nina's opened folders, and what others do in the same drive."""

    def __init__(self, graph: Graph, state: Path, place: str = PLACE, **more: Any) -> None:
        self.graph, self.state, self.place, self.more = graph, state, place, more
        self.clock = Clock()
        self.kept: list[Connections] = []  # a client that nobody holds can't close its connections
        self.drive = graph.drive("Finance")
        self.open()

    def connections(self, **options: Any) -> Connections:
        settings = AccountSettings.model_validate(self.graph.account(**options))
        return Connections({"work": settings}, self.state, self.graph.env, lambda name: connector)

    def open(self) -> Workspace:
        """Open it as another process would."""
        connections = self.connections()
        self.kept.append(connections)
        connections.connect("work").graph.backoff = Backoff(attempts=2, first=0.001)
        mount = connector.open(self.place, connections, "")
        self.mounted = Mounted(mount, self.state, clock=self.clock, rate=lambda ids: Confidentiality.RESTRICTED)
        self.workspace = Workspace([self.mounted.folder], self.state, mounts=[self.mounted], **self.more)
        return self.workspace

    def later(self) -> None:
        self.clock.now += FRESH + 1

    def there(self, path: str) -> bytes:
        return self.drive.state.blobs.get(self.drive.find(f"root:/{path}")["_blob"])

    def versions(self, path: str) -> int:
        return len(self.drive.find(f"root:/{path}")["_versions"]) + 1

    def other(self, path: str, data: bytes, who: str = "tomas.berg") -> None:
        """Somebody else stores a file."""
        from copilot.demo.microsoft365.drives import identity

        by = identity(self.graph.state.user(f"{who}@fabrikam.example"))
        self.drive.write(self.drive.find(f"root:/{path}"), data, by)

    def other_cells(self, path: str, data: bytes, who: str = "sofia.lind") -> None:
        """Somebody who has the workbook open writes cells."""
        from copilot.demo.microsoft365.drives import identity

        by = identity(self.graph.state.user(f"{who}@fabrikam.example"))
        self.drive.put(self.drive.find(f"root:/{path}"), data, by)

    def change(self, path: str, content: bytes | None, kind: Any = "text") -> Change:
        place = self.workspace.resolve(path)
        return Change(place, self.workspace.hash(path), content, (Hunk(path, "", "new", kind),), f"Edit {path}")

    def save(self, path: str, content: bytes | None, key: str = "") -> Any:
        return self.workspace.commit(self.change(path, content), key=key)

    def asked(self, method: str = "") -> list[str]:
        return [line.path for line in self.graph.fake.log if line.method == method or not method]


@pytest.fixture(autouse=True)
def connections_are_closed() -> Iterator[None]:
    yield
    loops.close()


@pytest.fixture
def office(graph: Graph, tmp_path: Path) -> Office:
    return Office(graph, tmp_path / "state")


def test_listed_without_content_and_fetched_once(office: Office) -> None:
    names = [office.workspace.show(path) for path in office.workspace.files()]
    assert BUDGET in names
    assert POLICY in names
    assert not any(office.mounted.folder.rglob("*.*"))
    before = len(office.asked())
    file = office.workspace.read("budgets/BUDGET 2026.xlsx")  # as people write it
    assert (file.name, file.content) == (BUDGET, office.there(BUDGET))
    assert file.label.confidentiality is Confidentiality.RESTRICTED  # Graph's label, which the file itself lacks
    assert file.label.readers is not None
    assert "nina.keller@fabrikam.example" in file.label.readers
    assert len(office.asked()) - before <= 5
    before = len(office.asked())
    office.workspace.read(BUDGET)
    assert len(office.asked()) == before  # just looked at
    office.later()
    office.workspace.read(BUDGET)
    assert len(office.asked()) == before + 1  # one look, no content
    assert office.workspace.unfetched(POLICY) is not None
    assert office.workspace.unfetched(BUDGET) is None


def test_saved_there_and_undone_there(office: Office) -> None:
    old = office.there(POLICY)
    entry = office.save(POLICY, b"new", key="k")
    assert office.there(POLICY) == b"new"
    assert office.workspace.commit(office.change(POLICY, b"newer"), key="k") == entry
    assert office.versions(POLICY) == 2
    office.workspace.undo()
    assert office.there(POLICY) == old
    office.workspace.redo()
    assert office.there(POLICY) == b"new"
    made = office.save("New folder/plan.txt", b"plan")
    assert office.there("New folder/plan.txt") == b"plan"
    office.workspace.undo(made.number)
    assert [p.name for p in office.workspace.files([".txt"])] == [POLICY]
    office.save(POLICY, None)
    with pytest.raises(DocumentError, match=r"no file 'Budget policy.txt'"):
        office.workspace.read(POLICY)
    office.workspace.undo()
    assert office.there(POLICY) == b"new"


def test_two_clients_edit_one_file(office: Office) -> None:
    file = office.workspace.read(POLICY)
    change = Change(file.path, file.sha256, b"mine", (Hunk(POLICY, "", "mine"),), "Edit")
    office.other(POLICY, b"theirs")
    with pytest.raises(PlaceConflictError, match=r"changed at microsoft365:Finance/Documents by Tomas Berg.* on 20"):
        office.workspace.commit(change, key="k")
    assert office.there(POLICY) == b"theirs"
    assert office.workspace.read(POLICY).content == b"theirs"
    assert office.workspace.history() == []
    office.save(POLICY, b"both", key="k2")
    assert (office.there(POLICY), office.versions(POLICY)) == (b"both", 3)


def test_changed_in_the_moment_between_look_and_store(office: Office) -> None:
    change = office.change(POLICY, b"mine")
    office.graph.faults.next("changed", method="PUT")
    real = office.mounted.mount.store

    def meanwhile(*arguments: Any) -> Any:
        office.other(POLICY, b"theirs")
        return real(*arguments)

    office.mounted.mount.store = meanwhile  # type: ignore[method-assign]
    with pytest.raises(PlaceConflictError, match="Tomas Berg"):
        office.workspace.commit(change, key="k")
    assert office.workspace.resolve(POLICY).read_bytes() != b"mine"  # taken back here
    assert [e.undoes is None for e in office.workspace.history()] == [False, True]  # and both are in the history
    assert office.there(POLICY) == b"theirs"
    with pytest.raises(PlaceConflictError, match="Tomas Berg"):
        office.open().commit(change, key="k")  # asked again after a crash: it did not become done


@pytest.mark.parametrize("fault", ["unavailable_after", "truncate", "throttle"])
def test_stored_once_whatever_happens_to_the_answer(office: Office, fault: str) -> None:
    change = office.change(POLICY, b"mine")
    office.graph.faults.next(fault, method="PUT", seconds=0)
    office.workspace.commit(change)
    assert (office.there(POLICY), office.versions(POLICY)) == (b"mine", 2)
    assert office.mounted.waiting() == []


def test_it_waits_for_the_place_and_is_stored_when_it_can_be_reached(office: Office) -> None:
    old = office.there(POLICY)
    office.workspace.read(POLICY)
    office.workspace.read(BUDGET)
    office.graph.faults.add("reset")
    office.save(POLICY, b"one")
    assert "waits" in " ".join(office.workspace.notes)
    assert office.workspace.read(POLICY).content == b"one"  # as it is here
    office.save(POLICY, b"two")
    office.save("made offline.txt", b"new")
    assert "made offline.txt" in [office.workspace.show(p) for p in office.workspace.files()]
    office.later()
    assert office.workspace.read(BUDGET).content  # as it was fetched
    assert office.there(POLICY) == old
    office.graph.faults.clear()
    notes = office.open().notes
    assert notes == [
        f"{name} is stored at microsoft365:Finance/Documents now." for name in (POLICY, "made offline.txt")
    ]
    assert (office.there(POLICY), office.versions(POLICY)) == (b"two", 2)
    assert office.there("made offline.txt") == b"new"
    assert office.workspace.sync() == []
    office.workspace.undo()
    office.workspace.undo()
    office.workspace.undo()
    assert office.there(POLICY) == old


def test_what_waited_gives_way_and_is_kept_beside(office: Office) -> None:
    office.workspace.read(POLICY)
    office.graph.faults.add("reset")
    office.save(POLICY, b"mine")
    office.graph.faults.clear()
    office.other(POLICY, b"theirs")
    (said,) = office.open().notes
    assert "Tomas Berg" in said
    (copy,) = [office.workspace.show(p) for p in office.workspace.files() if "conflict" in p.name]
    assert copy.startswith("Budget policy (conflict 20")
    assert copy.endswith(" nina.keller@fabrikam.example).txt")
    assert copy in said
    assert office.there(copy) == b"mine"
    assert office.there(POLICY) == office.workspace.read(POLICY).content == b"theirs"
    assert office.mounted.waiting() == []


def test_a_copy_beside_whenever_the_setting_says_so(graph: Graph, tmp_path: Path) -> None:
    office = Office(graph, tmp_path / "state", copies="always")
    change = office.change(POLICY, b"mine")
    office.other(POLICY, b"theirs")
    with pytest.raises(PlaceConflictError, match=r"Your version is kept as Budget policy \(conflict"):
        office.workspace.commit(change)
    (copy,) = [office.workspace.show(p) for p in office.workspace.files() if "conflict" in p.name]
    assert office.there(copy) == b"mine"


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        ("full", WorkspaceError, "no room"),
        ("forbidden", WorkspaceError, "does not allow"),
        ("locked", LockedError, "open or checked out"),
    ],
)
def test_refused_there_and_taken_back_here(office: Office, fault: str, kind: type[Exception], said: str) -> None:
    old, change = office.there(POLICY), office.change(POLICY, b"mine")
    office.graph.faults.add(fault, method="PUT POST")
    with pytest.raises(kind, match=said):
        office.workspace.commit(change)
    office.graph.faults.clear()
    assert office.workspace.read(POLICY).content == office.there(POLICY) == old
    assert office.mounted.waiting() == []


def opened_by(office: Office, path: str, who: str) -> None:
    from copilot.demo.microsoft365.drives import identity

    by = identity(office.graph.state.user(f"{who}@fabrikam.example"))
    office.drive.change(office.drive.find(f"root:/{path}"), {"_open": by["user"]}, by)


def test_locked_says_by_whom(office: Office) -> None:
    change = office.change(POLICY, b"mine")
    opened_by(office, POLICY, "sofia.lind")
    with pytest.raises(LockedError, match=r"sofia.lind@fabrikam.example has Budget policy.txt open"):
        office.workspace.commit(change)


def test_cells_go_into_the_workbook_that_is_open(office: Office) -> None:
    file = office.workspace.read(BUDGET)
    edited = excel.write_cells(file.content, "Budget", {"D2": 137000, "E2": "=D2+1"})
    change = Change(file.path, file.sha256, edited.content, edited.hunks, "Update Q3")
    opened_by(office, BUDGET, "sofia.lind")
    entry = office.workspace.commit(change, key="k")
    assert "in the open file" in entry.summary
    assert entry.hunks == [hunk.to_dict() for hunk in edited.hunks]
    there = office.there(BUDGET)
    assert sha256(there) == entry.after
    assert office.workspace.read(BUDGET).content == there
    assert excel.read_range(there, "Budget", "D2:E2").values == [[137000, 137001]]
    assert office.workspace.commit(change, key="k").summary == "Update Q3"  # done: not once more
    row = excel.insert_rows(there, 3, sheet="Budget")  # more than cells: the file as a whole, which is locked
    with pytest.raises(LockedError, match="sofia"):
        office.workspace.commit(Change(file.path, sha256(there), row.content, row.hunks, "Add a row"))
    theirs = excel.write_cells(office.there(BUDGET), "Budget", {"D3": 1}).content
    mine = excel.write_cells(there, "Budget", {"D3": 2})
    office.other_cells(BUDGET, theirs)
    with pytest.raises(PlaceConflictError, match="was changed"):
        office.workspace.commit(Change(file.path, sha256(there), mine.content, mine.hunks, "Mine"))


def test_a_library_that_wants_files_checked_out(office: Office) -> None:
    office.drive.resource["_checkout_required"] = True
    office.save(POLICY, b"mine")
    assert office.there(POLICY) == b"mine"
    assert not office.drive.find(f"root:/{POLICY}").get("_checkout")
    office.save(POLICY, b"again")
    assert office.there(POLICY) == b"again"


def test_moved_and_deleted_items_are_explained(office: Office) -> None:
    from copilot.demo.microsoft365.drives import identity

    by = identity(office.graph.state.user("tomas.berg@fabrikam.example"))
    office.workspace.read(POLICY)
    office.workspace.read(BUDGET)
    office.drive.move(office.drive.find(f"root:/{POLICY}"), office.drive.find("root:/Reviews"), "Rules.txt", by)
    office.drive.remove(office.drive.find(f"root:/{BUDGET}"), by)
    office.later()
    office.workspace.files()
    with pytest.raises(DocumentError, match=r"moved by Tomas Berg.* to Reviews/Rules.txt"):
        office.workspace.read(POLICY)
    with pytest.raises(DocumentError, match="deleted at microsoft365:Finance/Documents"):
        office.workspace.read(BUDGET)
    assert [p.name for p in office.mounted.folder.rglob("*.*")] == []


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("Finance", BUDGET),
        ("finance/shared documents/Budgets", "Budget 2026.xlsx"),
        ("/me", "Documents/Ideas for the budget.md"),
        ("/me/Documents", "Ideas for the budget.md"),
        ("https://fabrikam.sharepoint.example/sites/Finance/Shared%20Documents/Budgets", "Budget 2026.xlsx"),
    ],
)
def test_places(graph: Graph, tmp_path: Path, place: str, name: str) -> None:
    office = Office(graph, tmp_path / "state", place)
    assert name in [office.workspace.show(path) for path in office.workspace.files()]
    assert office.workspace.read(name).content


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("Finanze/Documents", "There is no place microsoft365:Finanze"),
        ("Finance/Nothing", "Finance/Documents"),
        ("Finance/Documents/Budget policy.txt", "is a file"),
        ("/", "named by its site"),
        ("Finance/Documents/None", "did not find"),
    ],
)
def test_places_that_there_are_not(graph: Graph, tmp_path: Path, place: str, said: str) -> None:
    office = Office(graph, tmp_path / "state", place)
    with pytest.raises(ServiceError) as error:
        office.workspace.files()
    assert said in str(error.value)


def test_browse_search_and_places(office: Office) -> None:
    files = office.connections().of("files")
    assert "microsoft365:Finance/Documents" in [place.name for place in files.places("fin")]
    listed = {found.name: found for found in files.browse("Finance/Documents")}
    assert (listed["Budgets"].folder, listed[POLICY].by) == (True, "Tomas Berg")
    found = files.search("Budget", "Finance/Documents/Budgets")
    assert f"microsoft365:Finance/Documents/{BUDGET}" in [each.place for each in found]


def test_a_file_by_its_link(office: Office, tmp_path: Path) -> None:
    files, target = office.connections().of("files"), tmp_path / "linked"
    assert isinstance(files, OpensLinks)
    address = next(each.url for each in files.browse("Finance/Documents") if each.name == POLICY)
    assert files.linked(address, target, 1 << 20) == POLICY
    assert target.read_bytes() == office.there(POLICY)
    folder = next(each.url for each in files.browse("Finance/Documents") if each.folder)
    for wrong, limit, code in ((folder, 99, "missing"), (f"{address}x", 99, "missing"), (address, 10, "full")):
        with pytest.raises(ServiceError) as caught:
            files.linked(wrong, tmp_path / "other", limit)
        assert caught.value.code == code


def test_versions_sharing_and_check_out(office: Office) -> None:
    node = office.mounted.node(office.workspace.resolve(BUDGET))
    assert node is not None
    mount: Any = office.mounted.mount
    versions = mount.versions(node)
    assert [(v.id, v.present) for v in versions] == [("2.0", True), ("1.0", False)]
    first = mount.version_content(node, "1.0", 1 << 20)
    office.workspace.read(BUDGET)
    office.save(BUDGET, first)
    assert office.there(BUDGET) == first
    given = mount.permissions(node)
    assert ("write",) in [each.roles for each in given]
    url = mount.share(node, "view", "organization")
    assert mount.share(node, "view", "organization") == url
    assert mount.invite(node, ["guest@other.example"], "view", "Please look") == ("guest@other.example",)
    mount.check_out(node)
    assert office.drive.find(f"root:/{BUDGET}")["_checkout"]["displayName"] == "Nina Keller"
    mount.check_in(node, "done")
    with pytest.raises(ServiceError):
        mount.discard(node)


def test_large_files_go_by_sessions_and_breaks(office: Office) -> None:
    large = os.urandom(5 * 2**20)
    office.graph.faults.next("reset_after", path="_upload")
    office.save("large.bin", large)
    assert office.there("large.bin") == large
    office.graph.faults.next("truncate", path="_content")
    (office.workspace.resolve("large.bin")).unlink()
    assert office.open().read("large.bin").content == large


def test_what_was_not_used_for_longest_goes_first(graph: Graph, tmp_path: Path) -> None:
    office = Office(graph, tmp_path / "state")
    for number in range(4):
        office.save(f"{number}.txt", bytes([number]) * 1000)
    office.mounted._keep = 2500
    (office.workspace.resolve("0.txt")).unlink()
    office.workspace.read("0.txt")
    kept = {p.name for p in office.mounted.folder.glob("?.txt")}
    assert "0.txt" in kept
    assert len(kept) == 2
    assert office.workspace.read("1.txt").content == b"\1" * 1000


#: Where a process is killed: at which call of what, before it or after it (more of them in tests/connectors/storage).
STEPS = [(GraphMount, "store", 1, "before"), (GraphMount, "store", 1, "after"), (Index, "stored", 1, "before")]


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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
@pytest.mark.parametrize("kind", ["edit"])
def test_killed_while_it_is_stored(graph: Graph, tmp_path: Path, kind: str) -> None:
    name, content = ("made/new.txt" if kind == "create" else POLICY), b"new"
    office, died = Office(graph, tmp_path / "state"), 0
    old = office.there(POLICY)
    for step in STEPS:
        office.open()
        change, versions = office.change(name, content), office.versions(POLICY)
        loops.close()
        key = f"{step}"
        died += dies(step, lambda: office.open().commit(change, key=key))  # noqa: B023
        again = office.open()
        done = again.committed(key) is not None
        assert office.mounted.waiting() == []
        found = {again.show(path) for path in again.files()}
        assert (name in found) == (kind == "edit" or done), step
        if kind == "edit":
            assert office.there(POLICY) == again.read(POLICY).content == (b"new" if done else old), step
            assert office.versions(POLICY) == versions + done, step  # at most once
        elif name in found:
            assert office.there(name) == again.read(name).content == b"new"
        if done:
            again.undo()
        assert office.there(POLICY) == old
    assert died == len(STEPS)


@pytest.mark.parametrize("how", ["undo", "delete"])
def test_a_new_file_that_was_given_up_after_it_may_have_arrived(office: Office, how: str) -> None:
    office.workspace.files()
    office.graph.faults.add("reset_after", method="PUT")
    office.graph.faults.add("reset", method="GET")
    office.save("x.txt", b"x")
    assert office.there("x.txt") == b"x"  # which nobody here knows
    office.graph.faults.clear()
    office.workspace.undo() if how == "undo" else office.save("x.txt", None)
    assert "x.txt" not in [office.workspace.show(path) for path in office.open().files()]


def test_kept_beside_once_however_often_it_is_tried(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.workspace.read(POLICY)
    office.graph.faults.add("reset")
    office.save(POLICY, b"mine")
    office.graph.faults.clear()
    office.other(POLICY, b"theirs")
    office.graph.faults.add("unavailable", path="_content", seconds=0)
    assert "waits still" in office.open().notes[0]
    office.graph.faults.clear()
    with monkeypatch.context() as broken:
        broken.setattr(Mounted, "replaced", lambda *arguments: 1 / 0)  # as if it were killed after the copy
        with pytest.raises(ZeroDivisionError):
            office.workspace.sync()
    office.open()
    assert sum("conflict" in path.name for path in office.workspace.files()) == 1
    assert office.workspace.read(POLICY).content == b"theirs"


def test_stored_though_the_listing_is_refused_afterwards(office: Office) -> None:
    office.workspace.files()
    office.graph.faults.add("forbidden", path="delta")
    office.save("fresh/x.txt", b"x")
    office.graph.faults.clear()
    assert office.there("fresh/x.txt") == office.workspace.read("fresh/x.txt").content == b"x"


def test_two_that_fetch_the_same_version_at_once(office: Office) -> None:
    mount: Any = office.mounted.mount
    real = mount.fetch

    def meanwhile(*arguments: Any) -> Any:
        mount.fetch = real
        office.workspace.read(POLICY)
        return real(*arguments)

    mount.fetch = meanwhile
    assert office.workspace.read(POLICY).content == office.there(POLICY)
    assert office.mounted.is_fetched(office.workspace.resolve(POLICY))


@pytest.mark.parametrize("name", ["%41.txt", "a%2Fb.txt"])
def test_a_new_name_is_meant_as_it_is_written(office: Office, name: str) -> None:
    office.save(name, b"1")
    assert name in [each["name"] for each in office.drive.state.collection("items", office.drive.id)]
    (shown,) = [office.workspace.show(path) for path in office.open().files() if "%" in path.name]
    assert office.workspace.read(shown).content == b"1"
    office.workspace.undo()
    assert not [path for path in office.workspace.files() if "%" in path.name]
