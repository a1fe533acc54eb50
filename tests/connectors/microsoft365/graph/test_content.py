"""Content up and down: breaks, sessions that are lost, content that is not what it should be."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from copilot.connectors.microsoft365.graph import GraphError, Session
from copilot.connectors.microsoft365.graph import quickxor as hashing
from tests.connectors.microsoft365.graph.serving import Asked, Desk, Says, refusal

UNIT = 320 * 1024
DATA = random.Random(3).randbytes(2 * UNIT + 1000)
PATH = "/drives/D/items/F:/Budget.xlsx:"
RESET = Says(cut=0)


class Drive:
    """One file, its upload sessions and its content; `story` are faults that come before or after ("+") the work."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.content: bytes | None = None
        self.tag = 0
        self.session: bytearray | None = None
        self.sessions = self.stored = 0
        self.story: list[tuple[str, Says | None, bool]] = []
        self.ranges: list[str] = []
        desk.server.handler = self

    def fails(self, where: str, *answers: Says | None, after: bool = False) -> None:
        """Answer to those calls with these; None lets one pass."""
        self.story += [(where, answer, after) for answer in answers]

    def __call__(self, asked: Asked) -> Says:
        kind = asked.method + " " + asked.path.removeprefix("/v1.0").partition("?")[0]
        trouble = next((each for each in self.story if kind.startswith(each[0])), None)
        if trouble:
            self.story.remove(trouble)
        if trouble and trouble[1] and not trouble[2]:
            return trouble[1]
        done = self.work(kind, asked)
        return trouble[1] if trouble and trouble[1] else done

    def work(self, kind: str, asked: Asked) -> Says:
        if "authorization" in asked.headers and not asked.path.startswith("/v1.0"):
            return refusal(401)
        if asked.path.endswith("/content") and asked.method == "PUT":
            return self.store(asked.body, asked.headers.get("if-match", ""))
        if asked.path.endswith("createUploadSession"):
            self.session, self.sessions = bytearray(), self.sessions + 1
            self.match = asked.headers.get("if-match", "")
            return Says(200, {"uploadUrl": f"{self.desk.server.url}/up/{self.sessions}", "expirationDateTime": "later"})
        if asked.path.startswith("/up/"):
            return self.piece(asked)
        if asked.path.startswith("/down/"):
            return self.down(asked)
        return refusal(404, "itemNotFound") if self.content is None else Says(200, self.item)

    @property
    def item(self) -> dict[str, Any]:
        assert self.content is not None
        hashes = {"quickXorHash": hashing.of([self.content])}
        item = {
            "id": "I",
            "name": "Budget.xlsx",
            "size": len(self.content),
            "eTag": str(self.tag),
            "cTag": str(self.tag),
        }
        return item | {
            "file": {"hashes": hashes},
            "@microsoft.graph.downloadUrl": f"{self.desk.server.url}/down/{self.tag}",
        }

    def store(self, data: bytes, match: str) -> Says:
        if match and match != str(self.tag):
            return refusal(412, "resourceModified")
        if not match and self.content is not None:
            return refusal(409, "nameAlreadyExists")
        self.content, self.tag, self.stored = data, self.tag + 1, self.stored + 1
        return Says(201, self.item)

    def piece(self, asked: Asked) -> Says:
        if self.session is None or asked.path != f"/up/{self.sessions}":
            return refusal(404, "itemNotFound")
        if asked.method == "GET":
            return Says(200, {"nextExpectedRanges": [f"{len(self.session)}-"]})
        if asked.method == "DELETE":
            self.session = None
            return Says(204)
        span, _, total = asked.headers["content-range"].removeprefix("bytes ").partition("/")
        begin, end = (int(each) for each in span.split("-"))
        if begin != len(self.session):
            return refusal(416, "invalidRange")
        assert len(asked.body) == end + 1 - begin
        assert len(asked.body) % UNIT == 0 or end + 1 == int(total)
        self.session += asked.body
        if end + 1 < int(total):
            return Says(202, {"nextExpectedRanges": [f"{end + 1}-"]})
        data, self.session = bytes(self.session), None
        return self.store(data, self.match)

    def down(self, asked: Asked) -> Says:
        assert self.content is not None
        if asked.path != f"/down/{self.tag}":
            return refusal(404)
        self.ranges.append(asked.headers.get("range", ""))
        begin = int(asked.headers["range"][6:-1]) if "range" in asked.headers else 0
        if not begin:
            return Says(200, self.content)
        span = f"bytes {begin}-{len(self.content) - 1}/{len(self.content)}"
        return Says(206, self.content[begin:], {"content-range": span})


@pytest.fixture
def drive(desk: Desk) -> Drive:
    return Drive(desk)


async def put(desk: Desk, data: bytes | Path = DATA, **more: Any) -> dict[str, Any]:
    return await desk.graph.upload(PATH, data, what="the file Budget.xlsx", **{"small": 1000, "piece": UNIT, **more})


# --- up ---------------------------------------------------------------------------------------------------------------


async def test_small_and_empty_files_go_at_once(desk: Desk, drive: Drive) -> None:
    assert (await put(desk, b""))["size"] == 0
    assert (await put(desk, b"abc", if_match="1"))["size"] == 3
    asked = desk.server.asked
    assert [each.target for each in asked] == [
        "/v1.0/drives/D/items/F:/Budget.xlsx:/content?@microsoft.graph.conflictBehavior=fail",
        "/v1.0/drives/D/items/F:/Budget.xlsx:/content?@microsoft.graph.conflictBehavior=replace",
    ]


async def test_large_ones_go_in_pieces_from_bytes_or_a_file(desk: Desk, drive: Drive, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(DATA)
    opened: list[Session] = []
    await put(desk, tmp_path / "file", opened=opened.append)
    assert drive.content == DATA
    assert desk.server.asked[0].json == {"item": {"@microsoft.graph.conflictBehavior": "fail", "fileSize": len(DATA)}}
    assert desk.server.url in opened[0].url
    assert desk.server.url not in repr(opened)


#: What happens to an upload that takes three pieces, and how many sessions it takes in the end.
BREAKS: list[tuple[str, dict[str, Any], int]] = [
    ("a reset in the middle", {"where": "PUT /up", "answers": [None, RESET, RESET]}, 1),
    ("a reset after a piece was taken", {"where": "PUT /up", "answers": [RESET], "after": True}, 1),
    ("trouble for a while", {"where": "PUT /up", "answers": [refusal(503), refusal(500), refusal(429)]}, 1),
    (
        "an answer that breaks off",
        {"where": "PUT /up", "answers": [Says(202, {"a": "bcdefg"}, cut=-5)], "after": True},
        1,
    ),
    ("the last answer is lost", {"where": "PUT /up", "answers": [None, None, RESET], "after": True}, 1),
    ("the session is lost in the middle", {"where": "PUT /up", "answers": [None, refusal(404)]}, 2),
    ("the session is lost at the end", {"where": "PUT /up", "answers": [None, None, refusal(404)]}, 2),
    ("the session can't be made at first", {"where": "POST", "answers": [RESET, refusal(503)], "after": True}, 3),
]


@pytest.mark.parametrize(("what", "fails", "sessions"), BREAKS, ids=[each[0] for each in BREAKS])
async def test_an_upload_goes_on_after_a_break(
    desk: Desk, drive: Drive, what: str, fails: dict[str, Any], sessions: int
) -> None:
    drive.fails(fails["where"], *fails["answers"], after=fails.get("after", False))
    item = await put(desk)
    assert (drive.content, drive.stored, drive.sessions, item["size"]) == (DATA, 1, sessions, len(DATA))


async def test_a_session_of_another_day_is_gone_on_with(desk: Desk, drive: Drive) -> None:
    drive.fails("PUT /up", None, *[RESET] * 6)
    opened: list[Session] = []
    with pytest.raises(GraphError):
        await put(desk, opened=opened.append)
    await put(desk, session=opened[0])
    assert (drive.content, drive.sessions) == (DATA, 1)


@pytest.mark.parametrize("match", ["", "1"])
async def test_a_session_of_another_day_that_was_used_up(desk: Desk, drive: Drive, match: str) -> None:
    """It is stored already, or it has to be stored anew."""
    if match:
        await put(desk, b"old")
    opened: list[Session] = []
    await put(desk, opened=opened.append, if_match=match)
    stored = drive.stored
    assert (await put(desk, session=opened[0], if_match=match))["size"] == len(DATA)
    assert drive.stored == stored
    new = DATA + b"1"
    if match:
        assert (await put(desk, new, session=opened[0], if_match=str(drive.tag)))["size"] == len(new)
    with pytest.raises(GraphError) as caught:
        await put(desk, DATA + b"2", session=opened[0], if_match=match)
    assert caught.value.code == "conflict"
    assert drive.content == (new if match else DATA)


@pytest.mark.parametrize("size", [500, len(DATA)])
async def test_a_conflict_is_one_and_a_lost_answer_is_none(desk: Desk, drive: Drive, size: int) -> None:
    data = DATA[:size]
    await put(desk, data)
    with pytest.raises(GraphError) as caught:
        await put(desk, data + b"1")
    assert caught.value.taken
    with pytest.raises(GraphError, match="changed since it was read"):
        await put(desk, data + b"1", if_match="7")
    assert drive.content == data
    where = "PUT /up" if size > 1000 else "PUT /drives"
    drive.fails(where, *[None] * (2 if size > 1000 else 0), RESET, after=True)  # it is done, the answer is lost
    assert (await put(desk, data + b"1", if_match="1"))["eTag"] == "2"
    assert (drive.content, drive.stored) == (data + b"1", 2)


async def test_somebody_else_wrote_meanwhile(desk: Desk, drive: Drive) -> None:
    await put(desk, b"old")
    drive.fails("PUT /drives", RESET)
    drive.tag, drive.content = 2, b"theirs"
    with pytest.raises(GraphError, match="changed since it was read") as caught:
        await put(desk, b"ours", if_match="1")
    assert (caught.value.code, drive.content) == ("conflict", b"theirs")


async def test_what_can_not_be_found_out_is_uncertain(desk: Desk, drive: Drive) -> None:
    drive.fails("PUT /drives", RESET, after=True)
    with pytest.raises(GraphError) as caught:
        await put(desk, b"abc", conflict="rename")
    assert (caught.value.code, drive.stored) == ("uncertain", 1)


async def test_no_room_and_the_session_is_dropped(desk: Desk, drive: Drive) -> None:
    drive.fails("PUT /up", None, refusal(507, "quotaLimitReached"))
    with pytest.raises(GraphError) as caught:
        await put(desk)
    assert (caught.value.code, drive.session) == ("full", None)
    assert desk.server.asked[-1].method == "DELETE"


async def test_attachments_have_sessions_of_their_own(desk: Desk) -> None:
    there = {"location": "https://outlook.office.com/api/v2.0/Attachments('A1')"}
    desk.server.script(
        Says(201, {"uploadUrl": f"{desk.server.url}/up", "nextExpectedRanges": ["0-"]}),
        Says(200, {"nextExpectedRanges": [str(UNIT)]}),
        Says(201, None, there),
    )
    body = {"AttachmentItem": {"attachmentType": "file", "name": "x", "size": UNIT + 5}}
    found = await desk.graph.upload("/me/messages/1/attachments", DATA[: UNIT + 5], body=body, piece=UNIT)
    assert found == there
    assert desk.server.asked[0].json == body


@pytest.mark.parametrize("url", ["http://evil.example/up", "file:///etc/passwd", "", None, "https://u:p@x/"])
async def test_content_goes_to_no_odd_place(desk: Desk, url: Any) -> None:
    desk.server.script(Says(200, {"uploadUrl": url}))
    with pytest.raises(GraphError, match="the address for its content"):
        await put(desk)


async def test_a_file_that_changes_while_it_is_sent(desk: Desk, drive: Drive, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(DATA)
    drive.fails("PUT /up", None, after=True)
    with pytest.raises(GraphError, match="changed while it was sent"):
        await put(desk, file, opened=lambda _: file.write_bytes(DATA[:-5]))


# --- down -------------------------------------------------------------------------------------------------------------


def whole(cut: int) -> Says:
    return Says(200, DATA, cut=cut)


async def test_a_download_goes_on_after_breaks_and_is_checked(desk: Desk, drive: Drive, tmp_path: Path) -> None:
    drive.content = DATA
    drive.fails("GET /down", refusal(503), whole(200_000), RESET)
    found = await desk.graph.download("/drives/D/items/I", tmp_path / "x", what="the file Budget.xlsx")
    assert (tmp_path / "x").read_bytes() == DATA
    assert (found.size, found.hash, found.item["id"]) == (len(DATA), hashing.of([DATA]), "I")
    assert len(drive.ranges) == 1
    assert 150_000 < int(drive.ranges[0][6:-1]) < 200_000
    assert [file.name for file in tmp_path.iterdir()] == ["x"]


async def test_a_download_of_another_process_is_gone_on_with(desk: Desk, drive: Drive, tmp_path: Path) -> None:
    drive.content = DATA
    drive.fails("GET /down", whole(200_000), *[RESET] * 5)
    with pytest.raises(GraphError) as caught:
        await desk.graph.download("/drives/D/items/I", tmp_path / "x")
    assert caught.value.code == "unreachable"
    assert not (tmp_path / "x").exists()
    await desk.graph.download("/drives/D/items/I", tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == DATA
    assert drive.ranges[0].startswith("bytes=19")


@pytest.mark.parametrize(
    "answer", [Says(200, DATA[:-1] + b"x"), Says(200, DATA[:100]), refusal(403), Says(200, DATA + b"more")]
)
async def test_content_that_is_not_what_it_should_be_is_fetched_anew(
    desk: Desk, drive: Drive, tmp_path: Path, answer: Says
) -> None:
    drive.content = DATA
    drive.fails("GET /down", answer)
    await desk.graph.download("/drives/D/items/I", tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == DATA
    drive.fails("GET /down", *[answer] * 9)
    with pytest.raises(GraphError) as caught:
        await desk.graph.download("/drives/D/items/I", tmp_path / "y")
    assert caught.value.code == "broken"
    assert not (tmp_path / "y").exists()


async def test_a_file_that_changes_on_the_way_is_fetched_as_it_is_now(desk: Desk, drive: Drive, tmp_path: Path) -> None:
    drive.content = DATA
    item = drive.item
    drive.content, drive.tag = b"new", 5
    found = await desk.graph.download("/drives/D/items/I", tmp_path / "x", item=item)
    assert ((tmp_path / "x").read_bytes(), found.item["eTag"]) == (b"new", "5")


async def test_limits_and_what_is_no_file(desk: Desk, drive: Drive, tmp_path: Path) -> None:
    drive.content = DATA
    with pytest.raises(GraphError, match="larger than 5 bytes"):
        await desk.graph.download("/drives/D/items/I", tmp_path / "x", limit=5)
    desk.server.script(Says(200, {"id": "I", "folder": {}}))
    with pytest.raises(GraphError, match="no file"):
        await desk.graph.download("/drives/D/items/I", tmp_path / "x", what="the folder Reports")
    drive.content, desk.server.handler = b"", drive
    await desk.graph.download("/drives/D/items/I", tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == b""


async def test_content_in_one_piece(desk: Desk) -> None:
    url = desk.server.url
    away = Says(302, None, {"location": f"{url}/down/1"})
    desk.server.script(Says(200, b"\x00pdf"), away, Says(200, b"hello"), away, refusal(404), away, Says(200, b"again"))
    content = desk.graph.content
    assert await content("/me/messages/1/attachments/2/$value", limit=10) == b"\x00pdf"
    assert await content("/drives/D/items/I/content", params={"format": "pdf"}, limit=10) == b"hello"
    assert await content("/drives/D/items/I/content", limit=10) == b"again"  # the address had expired
    desk.server.script(
        Says(200, b"x" * 11), away, Says(200, b"x" * 11), Says(302, None, {"location": "http://evil.example"})
    )
    for words in ("larger than 10 bytes", "larger than 10 bytes", "the address for its content"):
        with pytest.raises(GraphError, match=words):
            await content("/drives/D/items/I/content", limit=10)
    assert {each.headers.get("authorization") for each in desk.server.asked if "/down" in each.target} == {None}
