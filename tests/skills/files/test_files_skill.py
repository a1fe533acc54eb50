"""The skill `files`, and a library of SharePoint as the folder of an assistant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from copilot import Copilot
from copilot.agent.threads import Threads
from copilot.documents import excel
from copilot.errors import OutsideRootsError
from copilot.settings import PlaceSettings
from tests.vendors.graph import Graph

BUDGET = "Budgets/Budget 2026.xlsx"


def call(copilot: Copilot, tool: str, approve: bool = False, **arguments: Any) -> dict[str, Any]:
    return copilot.call(
        tool, arguments, mode="yes" if approve else None, decide=(lambda shown: True) if approve else None
    )


def test_the_folder_is_the_library(copilot: Copilot, graph: Graph) -> None:
    listed = call(copilot, "documents.list")
    rows = {row["path"]: row for row in listed["data"]}
    assert rows[BUDGET]["kind"] == "excel"
    assert rows[BUDGET]["size"] > 0
    assert not any(copilot.folder.rglob("*.xlsx"))  # nothing was fetched for a list
    assert "Marketing" in call(copilot, "documents.read", path=BUDGET)["text"]
    done = call(copilot, "excel.write_cells", True, path=BUDGET, sheet="Budget", cells={"D2": 137000}, overwrite=True)
    assert (done["status"], done["error"]) == ("done", None)
    there = graph.drive().state.blobs.get(graph.drive().find(f"root:/{BUDGET}")["_blob"])
    assert excel.read_range(there, "Budget", "D2").values == [[137000]]
    undone = copilot.workspace.undo()
    assert undone.undoes is not None
    assert "nina" not in str(copilot.folder)
    again = copilot.like(folder=copilot.folder)  # as a thread remembers it
    assert (again.folder, list(again.mounts)) == (copilot.folder, ["microsoft365:Finance/Documents"])
    assert Threads(copilot.state)


def test_reading_tools(copilot: Copilot) -> None:
    for tool, arguments, said in (
        ("files.places", {"query": "Finance"}, "microsoft365:Finance/Documents"),
        ("files.browse", {"place": "microsoft365:Finance/Documents"}, "Budget policy.txt"),
        ("files.find", {"query": "Budget 2026", "place": "Finance/Documents"}, BUDGET),
        ("files.versions", {"path": BUDGET}, "| 1.0 |"),
        ("files.permissions", {"path": BUDGET}, "Finance Members"),
    ):
        found = call(copilot, tool, **arguments)
        assert found["error"] is None
        assert said in found["text"]


def test_what_goes_out_is_asked_first(copilot: Copilot, graph: Graph) -> None:
    policy = "Budget policy.txt"
    asked = call(copilot, "files.share", path=policy, scope="organization")
    assert asked["status"] == "ask"
    assert "A link to view Budget policy.txt, for @fabrikam.example" in str(asked)
    assert not graph.drive().find(f"root:/{policy}")["_permissions"]
    done = call(copilot, "files.share", True, path=policy, scope="organization")
    assert done["status"] == "done"
    assert "The link: https://" in done["text"]
    invited = call(copilot, "files.invite", True, path=policy, people=["guest@other.example"], message="Please")
    assert "Shared with guest@other.example" in invited["text"]
    denied = call(copilot, "files.share", True, path=BUDGET, scope="anonymous")  # its label makes it restricted
    assert denied["status"] != "done"
    assert call(copilot, "files.check_out", True, path=policy)["status"] == "done"
    assert graph.drive().find(f"root:/{policy}")["_checkout"]
    assert call(copilot, "files.check_in", True, path=policy, comment="done")["status"] == "done"


def test_a_version_of_the_place_comes_back(copilot: Copilot, graph: Graph) -> None:
    first = graph.drive().find(f"root:/{BUDGET}")["_versions"][0]["_blob"]
    unknown = call(copilot, "files.restore", path=BUDGET, version="9.0")
    assert "version" in unknown["error"]["message"]
    done = call(copilot, "files.restore", True, path=BUDGET, version="1.0")
    assert done["status"] == "done"
    assert graph.drive().find(f"root:/{BUDGET}")["_blob"] == first


def test_only_for_what_lies_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("here")
    copilot = Copilot(tmp_path / "docs", state=tmp_path / "home", env={})
    found = call(copilot, "files.versions", path="a.txt")
    assert "lies on this computer" in found["error"]["message"]


def test_beside_a_local_folder(copilot: Copilot, graph: Graph, tmp_path: Path) -> None:
    local = tmp_path / "mine"
    (local / "Budgets").mkdir(parents=True)
    (local / "Budget policy.txt").write_text("mine")
    place = "microsoft365:Finance/Documents"
    chosen = copilot.settings.model_copy(update={"places": PlaceSettings(open=[place])})
    both = Copilot(local, settings=chosen, state=copilot.state, env=graph.env, mode="yes")
    assert both.roots[0] == local.resolve()
    names = {both.workspace.show(path) for path in both.workspace.files()}
    assert {"Budget policy.txt", f"{place}/Budget policy.txt", BUDGET} <= names
    assert both.workspace.read("Budget policy.txt").content == b"mine"
    assert both.workspace.read(f"{place}/Budget policy.txt").content != b"mine"
    assert both.workspace.read(BUDGET).path.is_relative_to(both.roots[1])
    with pytest.raises(OutsideRootsError, match=place):
        both.workspace.read("/etc/passwd")
