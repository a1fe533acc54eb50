"""The frame of the fake: tokens, query options, pages, changes, batches, trouble, a file of its state."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from copilot.demo.microsoft365 import filters, kql, paths
from copilot.demo.microsoft365.faults import KINDS, Faults
from copilot.demo.microsoft365.quickxor import quick_xor_hash
from copilot.demo.microsoft365.scopes import satisfies
from copilot.demo.microsoft365.state import State
from tests.vendors.graph import Graph, company


@pytest.fixture
def client(graph: Graph) -> Any:
    with httpx.Client(base_url=f"{graph.url}/v1.0", headers=graph.headers(), trust_env=False, verify=False) as made:
        yield made


MAIL = {
    "subject": "Budget Q3",
    "from": {"emailAddress": {"address": "tomas@x.example"}},
    "isRead": False,
    "size": 12,
    "categories": ["Red", "Finance"],
    "receivedDateTime": "2026-06-01T09:30:00Z",
    "to": [{"emailAddress": {"address": "a@x.example"}}, {"emailAddress": {"address": "b@x.example"}}],
}


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("isRead eq false", True),
        ("isRead ne false", False),
        ("subject eq 'budget q3'", True),
        ("startswith(subject,'Bud') and size gt 11", True),
        ("contains(subject,'q4') or endswith(subject, 'Q3')", True),
        ("not(contains(subject,'Q3'))", False),
        ("from/emailAddress/address eq 'tomas@x.example'", True),
        ("receivedDateTime ge 2026-06-01T09:00:00Z and receivedDateTime lt 2026-06-02", True),
        ("receivedDateTime gt 2026-06-01T10:30:00+01:00", False),
        ("categories/any(c:c eq 'Finance')", True),
        ("to/any(r:r/emailAddress/address eq 'b@x.example')", True),
        ("to/all(r:endswith(r/emailAddress/address,'b@x.example'))", False),
        ("nothing/at/all eq null", True),
        ("importance in ('high','low')", False),
        ("size in (11, 12)", True),
        ("tolower(subject) eq 'budget q3'", True),
        ("(size eq 1 or size eq 12) and isRead eq false", True),
        ("subject eq 'It''s'", False),
    ],
)
def test_filters(text: str, fits: bool) -> None:
    assert filters.parse(text)(MAIL) is fits


@pytest.mark.parametrize(
    "text", ["subject eq", "eq 'x'", "subject like 'x'", "(a eq 1", "a eq 1)", "a eq 'x", "odd(a)"]
)
def test_filters_that_cannot_be_read(client: httpx.Client, text: str) -> None:
    answer = client.get("/users", params={"$filter": text})
    assert answer.status_code == 400
    assert "Invalid filter clause" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ("budget", True),
        ("budget marketing", False),
        ("budget OR marketing", True),
        ('"budget q3"', True),
        ('subject:"budget"', True),
        ("from:tomas subject:q3", True),
        ("NOT marketing", True),
        ("-q3", False),
        ("received>=2026-05-01", True),
        ("received:2026-06-01", True),
        ("received:2026-01-01..2026-02-01", False),
        ("(marketing OR budget) isread:false", True),
        ("bud*", True),
        ("udget", False),
        ("", True),
    ],
)
def test_searches(query: str, fits: bool) -> None:
    fields = {"subject": "Budget Q3", "from": ["Tomas Berg"], "received": "2026-06-01T09:30:00Z", "isread": False}
    assert kql.parse(query)(kql.Searched("Budget Q3 from Tomas", fields)) is fits


@pytest.mark.parametrize(
    ("raw", "segments", "arguments"),
    [
        ("/v1.0/me/drive/root:/a/b%20c.txt:/content", ("me", "drive", "root:/a/b c.txt", "content"), {}),
        ("/v1.0/drives/d/root:/a", ("drives", "d", "root:/a"), {}),
        ("/v1.0/drives/d/items/root:%2Fa%2Fb:/content", ("drives", "d", "items", "root:/a/b", "content"), {}),
        ("/v1.0/drives/d/items/i:/a.txt:/content", ("drives", "d", "items", "i:/a.txt", "content"), {}),
        ("/v1.0/sites/h.example:/sites/F:/drive", ("sites", "h.example:/sites/F", "drive"), {}),
        ("/beta/chats/19:x@thread.v2/messages", ("chats", "19:x@thread.v2", "messages"), {}),
        ("/v1.0/me/messages/delta()", ("me", "messages", "delta"), {}),
        ("/v1.0/me/calendar/microsoft.graph.getSchedule", ("me", "calendar", "getSchedule"), {}),
        ("/v1.0/drives/d/root/search(q='it''s%20a/b')", ("drives", "d", "root", "search()"), {"q": "it's a/b"}),
        ("/v1.0/w/range(address=%27A1:B2%27)", ("w", "range()"), {"address": "A1:B2"}),
    ],
)
def test_paths(raw: str, segments: tuple[str, ...], arguments: dict[str, str]) -> None:
    parsed = paths.parse(raw)
    assert (parsed.segments, parsed.arguments) == (segments, arguments)


@pytest.mark.parametrize(
    ("granted", "needed", "enough"),
    [
        ("Mail.ReadWrite", "Mail.Read", True),
        ("Mail.Read", "Mail.ReadWrite", False),
        ("Mail.Read", "Mail.ReadBasic", True),
        ("Files.Read.All", "Files.Read", True),
        ("Files.Read", "Files.Read.All", False),
        ("Sites.FullControl.All", "Files.ReadWrite.All", True),
        ("Directory.Read.All", "User.ReadBasic.All", True),
        ("Mail.ReadWrite", "Mail.Send", False),
        ("Calendars.ReadWrite", "Calendars.Read.Shared", False),
        ("User.Read", "Mail.Read", False),
    ],
)
def test_scopes(granted: str, needed: str, enough: bool) -> None:
    assert satisfies(granted, needed) is enough


def test_quick_xor_hash() -> None:
    """The first is what other implementations give; the others cross the 160 bits and the 160 bytes."""
    assert base64.b64decode(quick_xor_hash(b"hello world")).hex() == "6828031bd8f00610dce10d726b03190000000000"
    for data in (b"", b"\xff" * 20, bytes(range(256)) * 3):
        assert base64.b64decode(quick_xor_hash(data)) == _slowly(data)


def _slowly(data: bytes) -> bytes:
    block = 0
    for index, byte in enumerate(data):
        at = index * 11 % 160
        turned = byte << at
        block ^= (turned & ((1 << 160) - 1)) | (turned >> 160)
    return (block ^ (len(data) << 96)).to_bytes(20, "little")


def test_tokens(graph: Graph, client: httpx.Client) -> None:
    bare = httpx.Client(base_url=f"{graph.url}/v1.0", trust_env=False, verify=False)
    answers = [bare.get("/me"), bare.get("/me", headers={"Authorization": "Bearer made-up"})]
    graph.fake.tokens.change(graph.token, left=1)
    answers += [client.get("/me"), client.get("/me")]
    assert [each.status_code for each in answers] == [401, 401, 200, 401]
    assert {each.json()["error"]["code"] for each in answers if each.status_code == 401} == {
        "InvalidAuthenticationToken"
    }
    graph.fake.tokens.change(left=None, revoked="1780000000")
    challenge = client.get("/me").headers["WWW-Authenticate"]
    claims = base64.b64decode(challenge.partition('claims="')[2].partition('"')[0])
    assert json.loads(claims) == {"access_token": {"nbf": {"essential": True, "value": "1780000000"}}}
    graph.fake.tokens.change(revoked="")
    graph.state.advance(3601)
    assert "expired" in client.get("/me").json()["error"]["message"]
    some = graph.headers("priya.raman@fabrikam.example", "User.Read")
    refused = bare.get("/groups", headers=some)
    assert refused.status_code == 403
    assert "GroupMember.Read.All" in refused.json()["error"]["message"]
    app = graph.headers(None)
    assert bare.get("/me", headers=app).status_code == 400
    assert bare.get("/users/nina.keller@fabrikam.example", headers=app).json()["displayName"] == "Nina Keller"
    bare.close()


def test_pages(client: httpx.Client) -> None:
    query = {"$top": "2", "$orderby": "displayName desc", "$select": "displayName", "$count": "true"}
    answer = client.get("/users", params=query).json()
    assert answer["@odata.count"] == 6
    names = [each["displayName"] for each in answer["value"]]
    while "@odata.nextLink" in answer:
        answer = client.get(answer["@odata.nextLink"]).json()
        names += [each["displayName"] for each in answer["value"]]
    assert names == sorted(names, reverse=True)
    assert len(names) == 6
    assert client.get("/users", params={"$top": "1000"}).status_code == 400
    assert client.get("/users", params={"$flter": "x"}).status_code == 400
    search = {"$search": '"displayName:keller"'}
    assert client.get("/users", params=search).status_code == 400
    eventual = client.get("/users", params=search, headers={"ConsistencyLevel": "eventual"}).json()["value"]
    assert [each["displayName"] for each in eventual] == ["Nina Keller"]


def test_errors_have_the_ids_of_the_request(client: httpx.Client) -> None:
    answer = client.get("/users/nobody@fabrikam.example", headers={"client-request-id": "abc"})
    inner = answer.json()["error"]["innerError"]
    assert answer.status_code == 404
    assert inner["client-request-id"] == answer.headers["client-request-id"] == "abc"
    assert inner["request-id"] == answer.headers["request-id"]
    assert client.get("/no/such/place").status_code == 400
    assert client.put("/me", json={}).status_code == 405


def test_batches(graph: Graph, client: httpx.Client) -> None:
    graph.faults.next("throttle", path="/groups", seconds=7)
    requests = [
        {"id": "a", "method": "GET", "url": "/me?$select=id"},
        {"id": "b", "method": "GET", "url": "/groups"},
        {"id": "c", "method": "GET", "url": "/me", "dependsOn": ["b"]},
        {"id": "d", "method": "GET", "url": "/me/drive/root:/Documents/Ideas for the budget.md:/content"},
    ]
    answers = {each["id"]: each for each in client.post("/$batch", json={"requests": requests}).json()["responses"]}
    assert {id: each["status"] for id, each in answers.items()} == {"a": 200, "b": 429, "c": 424, "d": 302}
    assert answers["b"]["headers"]["Retry-After"] == "7"
    many = [{"id": str(n), "method": "GET", "url": "/me"} for n in range(21)]
    for wrong in ({"requests": many}, {"requests": [many[0], many[0]]}, {}):
        assert client.post("/$batch", json=wrong).status_code == 400


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("slow", "truncate", "reset", "reset_after")])
def test_trouble_with_an_answer(graph: Graph, client: httpx.Client, kind: str) -> None:
    graph.faults.next(kind)
    first, second = client.get("/me"), client.get("/me")
    assert first.status_code >= 400 or "text/html" in first.headers["Content-Type"]
    assert second.status_code == 200
    assert graph.faults.met == {kind: 1}


@pytest.mark.parametrize(
    ("kind", "made"), [("reset", False), ("reset_after", True), ("truncate", True), ("unavailable_after", True)]
)
def test_trouble_before_and_after_the_work(graph: Graph, client: httpx.Client, kind: str, made: bool) -> None:
    graph.faults.next(kind, method="PUT")
    try:
        assert client.put("/me/drive/root:/a.txt:/content", content=b"x").status_code == 503
    except httpx.RemoteProtocolError:
        assert kind != "unavailable_after"
    assert (client.get("/me/drive/root:/a.txt").status_code == 200) is made


def test_trouble_by_share_is_the_same_each_time() -> None:
    def met() -> list[bool]:
        faults = Faults(seed=4)
        faults.mixed([("throttle", 0.05), ("reset", 0.02)], path="/messages")
        return [faults.pick("GET", "/v1.0/me/messages") is not None for _ in range(1000)]

    assert met() == met()
    assert 40 <= sum(met()) <= 100
    quiet = Faults()
    quiet.add("reset", after=2, count=1, method="PUT POST")
    assert [quiet.pick(m, "/") is not None for m in ("PUT", "GET", "POST", "PUT", "PUT")] == [False] * 3 + [True, False]
    with pytest.raises(ValueError, match="there are throttle"):
        quiet.add("earthquake")


def test_control(graph: Graph) -> None:
    with httpx.Client(base_url=f"{graph.url}/_control", trust_env=False, verify=False) as page:
        assert page.get("/faults").status_code == 403
        rebound = {"X-Demo-Control": "1", "Host": "attacker.example"}
        assert page.get("/faults", headers=rebound).status_code == 403
        page.headers["X-Demo-Control"] = "1"
        assert page.post("/faults", json={"kind": "throttle", "count": 1}).json()["rules"][0]["kind"] == "throttle"
        assert page.post("/faults", json={"kind": "nothing"}).status_code == 400
        assert page.request("DELETE", "/faults").json() == {"rules": [], "met": {}}
        assert page.post("/clock", json={"seconds": 60}).json() == {"now": "2026-06-01T09:01:00Z"}
        token = page.post("/tokens", json={"user": "leo.martin@fabrikam.example", "scopes": ["User.Read"]}).json()
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        assert page.get(f"{graph.url}/v1.0/me", headers=headers).json()["displayName"] == "Leo Martin"
        assert page.request("PATCH", "/tokens", json={"seconds": 0}).json() == {"changed": ["expires"]}
        assert page.get(f"{graph.url}/v1.0/me", headers=headers).status_code == 401
        log = page.get("/log").text
        assert "/v1.0/me" in log
        assert token["access_token"] not in log
        assert page.get("/nothing").status_code == 404


def test_a_state_is_kept_in_a_file(tmp_path: Path) -> None:
    state, path = company(), tmp_path / "state.db"
    state.advance(60)
    for _ in range(2):  # again over what is there
        state.save(path)
    other = State()
    other.load(path)
    assert other.user("NINA.KELLER@fabrikam.example") == state.user("nina.keller@fabrikam.example")
    assert other.blobs.held == state.blobs.held
    assert other.new_id() == state.new_id()
    owners = state.owners("items")
    assert owners == other.owners("items")
    assert [list(state.collection("items", o)) for o in owners] == [list(other.collection("items", o)) for o in owners]
