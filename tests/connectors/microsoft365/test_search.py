"""Search: queries that no word can leave, hits of all kinds as one list, labels of what was found, retrieval."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from copilot.connectors.microsoft365.search_shapes import hit, plain
from copilot.connectors.microsoft365.search_words import query
from copilot.demo.microsoft365 import sample
from copilot.errors import ServiceError, ToolInputError
from copilot.plugins.connections.search import HIT_KINDS, HitKind, Sought
from copilot.trust.labels import Confidentiality
from tests.connectors.microsoft365.working import Desk
from tests.vendors.graph import Graph


@pytest.fixture
def desk(graph: Graph, tmp_path: Path) -> Desk:
    return Desk(graph, tmp_path)


@pytest.mark.parametrize(
    ("sought", "kind", "expected"),
    [
        (Sought("budget Q3"), "file", "budget Q3"),
        (Sought('"net 30" days'), "file", '"net 30" days'),
        (Sought("cats AND dogs OR NOT mice"), "file", "cats and dogs or not mice"),
        (Sought("path:https://x.example"), "file", '"path:https://x.example"'),
        (Sought("(a) author:eve -b c* *"), "file", '"(a)" "author:eve" "-b" c'),
        (Sought("he said “yes” \x00 “"), "mail", "he said yes"),
        (Sought("x", author='Ann" OR author:"Eve'), "file", 'x author:"Ann OR author: Eve"'),
        (Sought("x", author="Ann"), "mail", 'x from:"Ann"'),
        (Sought("x", author="Ann"), "event", ""),
        (Sought("x", title="Budget Q3"), "mail", 'x subject:"Budget Q3"'),
        (Sought("x", file_type=".XLSX"), "file", "x filetype:xlsx"),
        (Sought("x", file_type="xlsx"), "mail", ""),
        (Sought("x", place="https://f.example/sites/Finance"), "file", 'x path:"https://f.example/sites/Finance"'),
        (Sought("x", place="https://f.example/sites/Finance"), "chat", ""),
        (Sought("x", since=date(2026, 5, 1), until=date(2026, 5, 9)), "file",
         "x lastModifiedTime>=2026-05-01 lastModifiedTime<=2026-05-09"),
        (Sought("x", since=date(2026, 5, 1)), "mail", "x received>=2026-05-01"),
        (Sought("x", since=date(2026, 5, 1)), "person", ""),
    ],
)  # fmt: skip
def test_queries_are_built_of_what_is_sought(sought: Sought, kind: HitKind, expected: str) -> None:
    assert query(sought, kind) == expected


@pytest.mark.parametrize(
    "sought",
    [
        Sought("x", file_type="xlsx OR a"),
        Sought("x", place='site" OR "'),
        Sought("x", since=date(2026, 5, 9), until=date(2026, 5, 1)),
        Sought("word " * 600),
    ],
)
def test_what_can_not_be_sought(sought: Sought) -> None:
    with pytest.raises(ToolInputError):
        query(sought, "file")


#: Hits as Graph's documentation shows them ("searchHit", "Search API query examples").
HITS: list[tuple[HitKind, dict[str, Any], dict[str, Any]]] = [
    ("file",
     {"hitId": "01X", "rank": 1, "summary": "<c0>contoso</c0> plan <ddd/>", "resource": {
         "@odata.type": "#microsoft.graph.driveItem", "name": "Plan.docx",
         "lastModifiedDateTime": "2026-05-20T10:00:00Z",
         "webUrl": "https://c.example/sites/A/Shared%20Documents/Plan.docx", "parentReference": {"driveId": "b!1"},
         "createdBy": {"user": {"displayName": "Ann"}},
         "listItem": {"fields": {"informationProtectionLabelId": "{ABC}"}}}},
     {"id": "01X", "title": "Plan.docx", "summary": "contoso plan …", "where": "c.example/sites/A/Shared Documents",
      "drive": "b!1", "author": "Ann", "labels": ("abc",)}),
    ("chat",
     {"hitId": "AAM", "summary": "test <c0>bot</c0>", "resource": {
         "@odata.type": "#microsoft.graph.chatMessage", "id": "161", "createdDateTime": "2026-05-20T10:00:00Z",
         "from": {"emailAddress": {"name": "Ann", "address": "ann@c.example"}}, "subject": "",
         "channelIdentity": {"channelId": "19:a@thread.tacv2", "teamId": "t-1"}}},
     {"id": "161", "title": "Message of Ann <ann@c.example>", "where": "t-1/19:a@thread.tacv2"}),
    ("mail",
     {"hitId": "AAMk", "summary": "", "resource": {
         "bodyPreview": "See below", "receivedDateTime": "2026-05-20T10:00:00Z", "subject": None,
         "replyTo": [], "sender": {"emailAddress": {"name": "Ann", "address": "ann@c.example"}}}},
     {"id": "AAMk", "title": "(no subject)", "summary": "See below", "author": "Ann <ann@c.example>"}),
    ("event", {"hitId": "AAE", "resource": {"subject": "Review", "start": {"dateTime": "2026-06-03T14:00:00.0000000",
                                                                            "timeZone": "UTC"}}},
     {"id": "AAE", "title": "Review", "where": "calendar"}),
    ("site", {"hitId": "c.example,1,2", "resource": {"displayName": "Finance", "webUrl": "https://c.example/sites/F"}},
     {"title": "Finance", "where": "c.example/sites"}),
    ("person", {"hitId": "p", "resource": {"displayName": "Ann", "jobTitle": "Lead", "emailAddresses": [
        {"address": "ann@c.example"}]}}, {"title": "Ann", "summary": "Lead", "where": "ann@c.example"}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "data", "expected"), HITS, ids=[each[0] for each in HITS])
def test_hits_of_all_shapes_are_read(kind: HitKind, data: dict[str, Any], expected: dict[str, Any]) -> None:
    found = hit(kind, data)
    assert {name: getattr(found, name) for name in expected} == expected
    assert hit(kind, {"hitId": "x"}) is None


def test_summaries_hold_no_marks() -> None:
    assert plain("a <c0>b</c0>&lt;i&gt; <ddd/> 3 < 4") == "a b<i> … 3 < 4"


def test_one_list_of_all_kinds(desk: Desk) -> None:
    found = desk.call("search.find", words="budget", kinds=list(HIT_KINDS), limit=50)
    assert {each["kind"] for each in found.data["hits"]} >= {"file", "mail", "site"}
    (said,) = desk.call("search.find", words="licences", kinds=["chat"]).data["hits"]
    assert said["where"].startswith("19:")
    assert desk.call("teams.read", place=said["where"]).data["messages"]
    none = desk.call("search.find", words="zebra")
    assert none.markdown == "Nothing was found."


def test_pages_go_on_in_each_kind(desk: Desk) -> None:
    whole = desk.call("search.find", words="budget", kinds=["file", "mail"], limit=50).data["hits"]
    seen: list[dict[str, Any]] = []
    page = ""
    while True:
        found = desk.call("search.find", words="budget", kinds=["file", "mail"], limit=3, page=page).data
        seen += found["hits"]
        if not (page := found["page"]):
            break
    assert sorted(each["id"] for each in seen) == sorted(each["id"] for each in whole)
    with pytest.raises(ToolInputError, match="no page"):
        desk.call("search.find", words="budget", page="9;file")


def test_a_labelled_file_is_restricted(desk: Desk) -> None:
    found = desk.call("search.find", words="marketing", file_type="xlsx", since="7 days")
    assert [each["title"] for each in found.data["hits"]] == ["Budget 2026.xlsx"]
    assert found.data["hits"][0]["labels"]
    assert desk.label.confidentiality is Confidentiality.RESTRICTED
    desk.call("search.find", words="policy", kinds=["file"], title="Budget policy")
    assert desk.label.confidentiality is Confidentiality.INTERNAL


def test_a_kind_without_the_right_is_noted(graph: Graph, tmp_path: Path) -> None:
    scopes = {"Files.Read.All", "Sites.Read.All", "User.Read"}
    desk = Desk(graph, tmp_path, graph.fake.tokens.issue(sample.ME, scopes))
    found = desk.call("search.find", words="budget", kinds=["file", "mail"])
    assert {each["kind"] for each in found.data["hits"]} == {"file"}
    assert "everpilot login work --add Mail.Read" in found.markdown
    with pytest.raises(ServiceError, match=r"everpilot login work --add Mail\.Read"):
        desk.call("search.find", words="budget", kinds=["mail"])


def test_passages_answer_a_question(desk: Desk, graph: Graph) -> None:
    found = desk.call("search.passages", question="Who needs more for the fair in Lyon?", limit=2)
    assert "Marketing needs 12,000 more in Q3 for the fair in Lyon" in found.data[0]["text"]
    assert "Note" not in found.markdown
    graph.state.collection("off").add({"what": "retrieval"})
    found = desk.call("search.passages", question="Who needs more in Lyon?")
    assert "not passages for the question" in found.markdown
    assert any("Lyon" in each["text"] for each in found.data)


def test_throttling_is_waited_for(desk: Desk, graph: Graph) -> None:
    graph.faults.add("throttle", count=2, seconds=5)
    assert desk.call("search.find", words="budget").data["hits"]
    assert desk.clock.waited >= 5
