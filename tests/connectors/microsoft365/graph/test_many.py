"""Batches, pages and deltas."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from copilot.connectors.microsoft365.graph import Call, DeltaLinks, GraphError, GraphModel, Reply, Step
from copilot.errors import ServiceError, ToolInputError
from tests.connectors.microsoft365.graph.serving import Asked, Desk, Says, refusal


def responses(*found: Any) -> Says:
    """A batch's answer: (id, status), or with a body and headers."""
    return Says(200, {"responses": [_response(*each) for each in found]})


def _response(id: int, status: int, body: Any = None, headers: Any = None) -> dict[str, Any]:
    body = body if body is not None else {"id": f"r{id}"} if status < 400 else {"error": {"code": "x"}}
    return {"id": str(id), "status": status, "headers": headers or {}, "body": body}


def sent(desk: Desk) -> list[list[str]]:
    """The ids of each batch that came."""
    return [[each["id"] for each in asked.json["requests"]] for asked in desk.server.asked]


def seen(results: list[Reply | GraphError]) -> list[Any]:
    return [each.json.get("id") if isinstance(each, Reply) else each.code for each in results]


def get(number: int) -> Call:
    return Call("GET", f"/me/messages/{number}", params={"$select": "id, subject"})


async def test_a_batch_as_it_is_sent(desk: Desk) -> None:
    desk.server.script(responses((1, 201), (0, 200), (2, 200, "aGVsbG8=", {"Content-Type": "image/png"})))
    calls = [
        get(0),
        Step(Call("POST", "/me/events", json={"subject": "x"}, key="k"), after=(0,)),
        Call("PUT", "/me/drive/root:/a.txt:/content", content=b"hello", if_match='"1"', key="k"),
    ]
    results = await desk.graph.batch(calls)
    first, second, third = desk.server.asked[0].json["requests"]
    assert first["url"] == "/me/messages/0?$select=id,%20subject"
    assert second == {
        "id": "1",
        "method": "POST",
        "url": "/me/events",
        "body": {"subject": "x"},
        "headers": {"client-request-id": "k", "Content-Type": "application/json"},
        "dependsOn": ["0"],
    }
    assert (third["body"], third["headers"]["If-Match"]) == ("aGVsbG8=", '"1"')
    assert seen(results[:2]) == ["r0", "r1"]
    assert isinstance(results[2], Reply)
    assert results[2].content == b"hello"


async def test_twenty_at_once_in_their_order(desk: Desk) -> None:
    desk.server.handler = lambda asked: responses(*((int(e["id"]), 200) for e in reversed(asked.json["requests"])))
    results = await desk.graph.batch([get(n) for n in range(45)])
    assert seen(results) == [f"r{n}" for n in range(45)]
    assert [len(batch) for batch in sent(desk)] == [20, 20, 5]


async def test_those_that_were_throttled_are_sent_again_alone_with_what_builds_on_them(desk: Desk) -> None:
    desk.server.script(
        responses((0, 200), (1, 429, None, {"Retry-After": "5"}), (2, 424), (3, 404)),
        responses((1, 200), (2, 201)),
    )
    results = await desk.graph.batch([get(0), get(1), Step(Call("POST", "/x", json={}), after=(1,)), get(3)])
    assert seen(results) == ["r0", "r1", "r2", "missing"]
    assert sent(desk) == [["0", "1", "2", "3"], ["1", "2"]]
    assert desk.clock.slept[0] == pytest.approx(5.05)


async def test_what_builds_on_a_failure_is_not_sent_again(desk: Desk) -> None:
    desk.server.script(responses((0, 403), (1, 424), (2, 424), (3, 200)))
    steps = [get(0), Step(get(1), (0,)), Step(get(2), (1,)), get(3)]
    assert seen(await desk.graph.batch(steps)) == ["denied", "conflict", "conflict", "r3"]


async def test_what_may_have_been_done_is_sent_again_only_where_that_is_harmless(desk: Desk) -> None:
    post, put, delete = (Call(m, "/x", json={}) for m in ("POST", "PUT", "DELETE"))  # type: ignore[arg-type]
    desk.server.script(
        responses((0, 500), (1, 503), (2, 504)),  # and no answer for the last two
        responses((1, 412), (2, 404), (4, 200)),
    )
    results = await desk.graph.batch([post, put, delete, post, get(4)])
    assert seen(results) == ["uncertain", "uncertain", None, "uncertain", "r4"]
    assert sent(desk) == [["0", "1", "2", "3", "4"], ["1", "2", "4"]]


async def test_a_batch_whose_answer_is_lost(desk: Desk) -> None:
    desk.server.script(Says(cut=0), responses((1, 200)))
    assert seen(await desk.graph.batch([Call("POST", "/x", json={}), get(1)])) == ["uncertain", "r1"]
    desk.server.script(Says(cut=0), responses((0, 200), (1, 200)))
    assert seen(await desk.graph.batch([get(0), get(1)])) == ["r0", "r1"]
    desk.server.script(refusal(400, "BadRequest"))
    assert seen(await desk.graph.batch([get(0), get(1)])) == ["invalid", "invalid"]


async def test_what_is_no_batch(desk: Desk) -> None:
    assert await desk.graph.batch([]) == []
    with pytest.raises(ValueError, match="call 0"):
        await desk.graph.batch([Step(get(0), (1,)), get(1)])
    with pytest.raises(ToolInputError):
        await desk.graph.batch([get(0), Call("GET", "/a/../b")])
    reader = desk.client(writes=False)
    with pytest.raises(ServiceError, match="It was not sent"):
        await reader.batch([get(0), Call("DELETE", "/x")])
    assert not desk.server.asked
    desk.server.script(responses((0, 200)))
    assert seen(await reader.batch([get(0)])) == ["r0"]
    await reader.close()


# --- pages ------------------------------------------------------------------------------------------------------------


def paged(desk: Desk, total: int, size: int) -> None:
    """Serve a collection in pages; what it is asked with has to come each time."""

    def handler(asked: Asked) -> Says:
        skip = int(asked.params.get("$skiptoken", 0))
        whole: dict[str, Any] = {"value": [{"id": str(n)} for n in range(skip, min(skip + size, total))]}
        if "$skiptoken" not in asked.params:
            whole["@odata.count"] = total
        if skip + size < total:
            whole["@odata.nextLink"] = f"{desk.server.url}/v1.0/users?$skiptoken={skip + size}"
        return Says(200, whole)

    desk.server.handler = handler


@pytest.mark.parametrize(
    ("limit", "got", "more", "asked"), [(3, 3, True, 1), (5, 5, True, 1), (12, 12, False, 3), (99, 12, False, 3)]
)
async def test_pages_up_to_a_limit(desk: Desk, limit: int, got: int, more: bool, asked: int) -> None:
    paged(desk, 12, 5)
    found = await desk.graph.items("/users", limit=limit, eventual=True, params={"$search": '"displayName:a"'})
    assert ([each["id"] for each in found.items], found.more) == ([str(n) for n in range(got)], more)
    assert found.count == 12
    assert len(desk.server.asked) == asked
    assert all(each.headers["consistencylevel"] == "eventual" for each in desk.server.asked)
    assert desk.server.asked[0].params["$top"] == str(min(limit, 100))


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/v1.0/users?$skiptoken=5",
        "{url}@evil.example/v1.0/users",
        "//evil.example/v1.0",
        "/v1.0/users?$skiptoken=5",
        "{url}/v1.0/users?$skiptoken=1",
        7,
    ],
)
async def test_pages_that_lead_elsewhere_or_in_circles(desk: Desk, link: Any) -> None:
    link = link.format(url=desk.server.url) if isinstance(link, str) else link
    desk.server.handler = lambda asked: Says(200, {"value": [], "@odata.nextLink": link})
    with pytest.raises(GraphError) as caught:
        await desk.graph.items("/users", limit=5)
    assert caught.value.code == "broken"
    assert len(desk.server.asked) <= 2


async def test_a_list_that_is_none(desk: Desk) -> None:
    desk.server.script(Says(200, {"value": "x"}))
    with pytest.raises(GraphError, match="a list was expected"):
        await desk.graph.items("/users", limit=5)


# --- deltas -----------------------------------------------------------------------------------------------------------


def delta(desk: Desk, *pages: tuple[list[dict[str, Any]], str]) -> list[Says]:
    return [
        Says(
            200, {"value": items, ("@odata.nextLink" if "next" in link else "@odata.deltaLink"): desk.server.url + link}
        )
        for items, link in pages
    ]


async def test_a_delta_holds_the_last_state_of_each_entry(desk: Desk) -> None:
    first = [{"id": "a", "n": 1}, {"id": "b", "n": 1}]
    then = [{"id": "a", "n": 2}, {"id": "c", "deleted": {}}]
    desk.server.script(*delta(desk, (first, "/v1.0/next"), (then, "/v1.0/d?token=1")))
    found = await desk.graph.delta("/me/drive/root/delta", params={"$select": "id,n"})
    assert [each["id"] for each in found.items] == ["b", "a", "c"]
    assert (found.items[1]["n"], found.fresh, found.link) == (2, True, f"{desk.server.url}/v1.0/d?token=1")
    desk.server.script(*delta(desk, ([], "/v1.0/d?token=2")))
    again = await desk.graph.delta("/me/drive/root/delta", found.link)
    assert (again.items, again.fresh, desk.server.asked[-1].target) == ([], False, "/v1.0/d?token=1")


@pytest.mark.parametrize(
    ("gone", "resync"),
    [
        (refusal(410, "resyncChangesUploadDifferences"), "resyncChangesUploadDifferences"),
        (refusal(410), ""),
        (refusal(400, "SyncStateNotFound"), ""),
    ],
)
async def test_a_delta_that_is_too_old_begins_anew(desk: Desk, gone: Says, resync: str) -> None:
    desk.server.script(gone, *delta(desk, ([{"id": "a"}], "/v1.0/d?token=9")))
    found = await desk.graph.delta("/me/drive/root/delta", f"{desk.server.url}/v1.0/d?token=old")
    assert (len(found.items), found.fresh, found.resync) == (1, True, resync)


async def test_deltas_that_make_no_sense(desk: Desk) -> None:
    desk.server.script(Says(200, {"value": []}), refusal(403))
    with pytest.raises(GraphError, match="deltaLink"):
        await desk.graph.delta("/x/delta")
    with pytest.raises(GraphError, match="does not allow"):
        await desk.graph.delta("/x/delta", f"{desk.server.url}/v1.0/d")
    with pytest.raises(GraphError, match="another server"):
        await desk.graph.delta("/x/delta", "https://evil.example/v1.0/d")


def test_links_are_kept(tmp_path: Path) -> None:
    links = DeltaLinks(tmp_path / "state")
    assert links.get("drive 1") == ""
    links.put("drive 1", "https://x/1")
    links.put("drive 1", "https://x/2")
    assert (links.get("drive 1"), links.get("drive 2")) == ("https://x/2", "")
    (file,) = (tmp_path / "state").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text("{")
    assert links.get("drive 1") == ""
    links.forget("drive 1")
    links.forget("drive 1")


# --- models -----------------------------------------------------------------------------------------------------------


class Message(GraphModel):
    id: str
    subject: str = ""
    is_read: bool = False


async def test_models_keep_what_they_do_not_know(desk: Desk) -> None:
    came = {"@odata.etag": 'W/"1"', "id": "1", "isRead": True, "newThing": {"a": [1]}}
    message = Message.of(came)
    assert (message.is_read, message.odata_etag) == (True, 'W/"1"')
    assert message.to_json() == came
    assert message.model_copy(update={"subject": "x"}).to_json() == came | {"subject": "x"}
    with pytest.raises(GraphError, match=r"the message.*isRead"):
        Message.of({"id": "1", "isRead": "maybe"}, "the message")
    with pytest.raises(GraphError, match="makes no sense"):
        Message.of([1])


async def test_one_client_on_two_loops_one_after_the_other(desk: Desk) -> None:
    """The loop of all connections can be closed and made anew; its end closes what is open."""
    other = desk.client()

    def elsewhere() -> Any:
        return asyncio.run(other.get("/me")), asyncio.run(other.get("/me"))

    assert await asyncio.to_thread(elsewhere) == ({}, {})
