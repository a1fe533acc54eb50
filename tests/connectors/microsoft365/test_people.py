"""People and groups: all who may be meant, addresses of groups, who leads whom, and what a missing right leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from copilot.connectors.microsoft365.people import _directory, user
from copilot.demo.microsoft365 import sample
from copilot.errors import ServiceError, ToolInputError
from copilot.plugins.connections.people import Whom
from tests.connectors.microsoft365.working import Desk
from tests.vendors.graph import Graph


@pytest.fixture
def desk(graph: Graph, tmp_path: Path) -> Desk:
    return Desk(graph, tmp_path)


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({"name": "Tomas"}, ["Tomas Berg", "Tomas Novak"]),
        ({"name": "priya.raman@fabrikam.example"}, ["Priya Raman"]),
        ({"name": "Ana"}, ["Ana Costa"]),
        ({"name": "Nina", "department": "Sales"}, []),
        ({"department": "Sales"}, ["Priya Raman"]),
        ({"job": "Account"}, ["Sofia Lind", "Ana Costa"]),
        ({"name": 'Nobody" OR "displayName:Tomas'}, []),
    ],
)
def test_people_are_found(desk: Desk, asked: dict[str, str], names: list[str]) -> None:
    assert [each["name"] for each in desk.call("people.find", **asked).data] == names


def test_those_one_works_with(desk: Desk) -> None:
    found = desk.call("people.find", limit=3).data
    assert [each["name"] for each in found] == ["Tomas Berg", "Sofia Lind", "Priya Raman"]
    assert "directory" in desk.label.sources


def test_the_chart_around_somebody(desk: Desk) -> None:
    found = desk.call("people.organization", name="Nina Keller")
    assert [each["name"] for each in found.data["managers"]] == ["Tomas Berg"]
    assert [each["name"] for each in found.data["reports"]] == ["Sofia Lind"]
    lines = found.markdown.splitlines()
    assert [line.index("-") for line in lines] == [2, 6, 10]
    assert desk.call("people.organization", name="me").data["person"]["name"] == "Nina Keller"
    with pytest.raises(ToolInputError, match="No person named 'Zoe'"):
        desk.call("people.organization", name="Zoe")


@pytest.mark.parametrize("name", ["Finance", "the finance group", "finance@fabrikam.example"])
def test_a_group_is_an_address(desk: Desk, name: str) -> None:
    (group,) = desk.call("people.groups", name=name).data
    assert (group["name"], group["address"], group["source"]) == ("Finance", "finance@fabrikam.example", "group")
    members = desk.call("people.members", group=name).data
    assert {each["name"] for each in members} == {"Tomas Berg", "Nina Keller", "Sofia Lind"}


def test_the_groups_one_is_in(desk: Desk) -> None:
    assert [each["name"] for each in desk.call("people.groups").data] == ["Finance", "Everyone"]


def test_a_missing_right_leaves_one_place_out(graph: Graph, tmp_path: Path) -> None:
    every = graph.fake.tokens.held[graph.token].scopes
    token = graph.fake.tokens.issue(sample.ME, every - {"Contacts.ReadWrite"})
    found = Desk(graph, tmp_path / "one", token).call("people.find", name="Tomas")
    assert "everpilot login work --add Contacts.Read" in found.markdown
    assert [each["name"] for each in found.data] == ["Tomas Berg", "Tomas Novak"]  # whom Nina works with, too
    least = Desk(graph, tmp_path / "two", graph.fake.tokens.issue(sample.ME, {"User.Read", "User.ReadBasic.All"}))
    assert [each["name"] for each in least.call("people.find", name="Tomas").data] == ["Tomas Berg"]
    for tool, right in (("people.groups", "GroupMember.Read.All"), ("people.organization", "User.Read.All")):
        with pytest.raises(ServiceError, match=rf"everpilot login work --add {right}") as caught:
            least.call(tool, name="Finance" if tool == "people.groups" else "me")
        assert caught.value.code == "scope"
    nothing = Desk(graph, tmp_path / "three", graph.fake.tokens.issue(sample.ME, {"User.Read"}))
    with pytest.raises(ServiceError, match=r"User\.ReadBasic\.All"):
        nothing.call("people.find", name="Tomas")


def test_throttling_is_waited_for(desk: Desk, graph: Graph) -> None:
    graph.faults.add("throttle", count=3, seconds=7)
    assert len(desk.call("people.find", name="Tomas").data) == 2
    assert desk.clock.waited >= 7


@pytest.mark.parametrize(
    ("data", "address"),
    [
        ({"id": "1", "displayName": "A", "mail": "a@x.example", "userPrincipalName": "other@x.example"}, "a@x.example"),
        ({"id": "1", "displayName": "A", "mail": None, "userPrincipalName": "a@x.example"}, "a@x.example"),
        (
            {
                "id": "1",
                "displayName": None,
                "mail": None,
                "userPrincipalName": "a_y.example#EXT#@x.onmicrosoft.example",
            },
            "",
        ),
    ],
)
def test_addresses_of_users(data: dict[str, str], address: str) -> None:
    assert user(data).address == address


def test_the_query_can_not_be_left(desk: Desk, graph: Graph) -> None:
    whom = Whom('x" OR "displayName:', department="O'Neill' or 1 eq 1")
    assert desk.connection.run(lambda: _directory(desk.connection.graph, whom, 5)) == []
