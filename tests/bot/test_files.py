"""Files that come in, from real servers: every kind of attachment, hostile names, addresses and contents."""

from __future__ import annotations

import asyncio
import base64
import io
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiohttp")

from aiohttp import web
from aiohttp.test_utils import TestServer

from copilot.documents.word.create import create as create_document
from copilot.errors import DocumentError, ServiceError
from copilot.hosts.bot import links, names, places
from copilot.hosts.bot.files import DOWNLOAD, Receipt, Receiver
from copilot.hosts.bot.hosts import Hosts
from copilot.hosts.bot.rooms import Room, Rooms
from copilot.hosts.bot.signin import SignIns
from copilot.hosts.bot.webchat.files import SCHEME
from tests.bot.crowd import said, somebody
from tests.bot.test_rooms import settings

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
TOKEN = "the-bots-own-token"


class Signed:
    async def token(self) -> str:
        return TOKEN

    def renew(self) -> None:
        raise AssertionError


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    folder = tmp_path_factory.mktemp("receiver")
    made = Receiver(settings(folder), Hosts(("smba.trafficmanager.net",), here=True), Signed(), most=300_000)
    yield made
    made.close()


@pytest.fixture
def room(tmp_path: Path) -> Room:
    chosen = settings(tmp_path / "files", quota_mb=1)
    signins = SignIns(chosen, tmp_path / "signins", env={})
    return Rooms(chosen, tmp_path / "state", signins=signins, env={}).room(somebody())


@pytest.fixture(scope="module")
def document() -> bytes:
    made: bytes = create_document("# Offer\n\nTen chairs.")
    return made


@asynccontextmanager
async def serving(*answers: tuple[int, dict[str, str], bytes]) -> AsyncIterator[tuple[str, list[web.Request]]]:
    """A server whose /N answers the Nth way; yields its address and what it was asked."""
    asked: list[web.Request] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request)
        status, headers, body = answers[int(request.path.rpartition("/")[2])]
        return web.Response(status=status, headers=headers, body=body)

    app = web.Application()
    app.router.add_get("/{rest:.*}", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("/")), asked


def download(url: str, name: str = "Offer.docx") -> dict[str, Any]:
    return {"contentType": DOWNLOAD, "name": name, "content": {"downloadUrl": url, "uniqueId": "1", "fileType": "docx"}}


def received(receiver: Receiver, room: Room, *attachments: dict[str, Any], **more: Any) -> Receipt:
    return asyncio.run(receiver.receive({**said(), "attachments": list(attachments), **more}, room))


def test_a_file_of_teams_and_an_inline_picture(receiver: Receiver, room: Room, document: bytes) -> None:
    async def run() -> None:
        async with serving((200, {}, document), (200, {}, PNG)) as (url, asked):
            activity = {**said(), "serviceUrl": url}
            activity["attachments"] = [
                {"contentType": "text/html", "content": "<p>hello</p>"},
                download(f"{url}0"),
                {"contentType": "image/*", "contentUrl": f"{url}v3/attachments/1"},
                {"contentType": "application/vnd.microsoft.card.adaptive", "content": {}},
            ]
            first = await receiver.receive(activity, room)
            again = await receiver.receive(activity, room)
            assert [each.name for each in first.files] == ["Offer.docx", "image.png"]
            assert not first.problems
            assert again == first  # a turn that is done again finds what it had
            signed = [request.headers.get("Authorization") for request in asked[:2]]
            assert signed == [None, f"Bearer {TOKEN}"]  # a download is authenticated by its address

    asyncio.run(run())
    assert (room.folder / "Offer.docx").read_bytes() == document
    assert sorted(path.name for path in room.folder.iterdir()) == ["Offer.docx", "image.png"]


@pytest.mark.parametrize(
    ("status", "body", "problem"),
    [
        (200, b"", "Offer.docx is empty"),
        (401, b"", "its link has expired"),
        (404, b"", "not there any more"),
        (410, b"", "not there any more"),
        (429, b"", "could not be fetched just now"),
        (503, b"", "could not be fetched just now"),
        (200, b"x" * 300_001, "is larger than 0.3 MB"),
        (200, b"PK\x03\x04 and nothing else", "Offer.docx"),
        (200, b"MZ\x90\x00\x03\x00\x00\x00" + bytes(range(256)), "is a program"),
        (200, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "Offer.docx"),
    ],
)
def test_what_cant_be_had_is_a_sentence_and_the_rest_works(
    receiver: Receiver, room: Room, status: int, body: bytes, problem: str
) -> None:
    async def run() -> Receipt:
        async with serving((status, {}, body), (200, {}, b"plain words")) as (url, _):
            told = {**said(), "attachments": [download(f"{url}0"), download(f"{url}1", "notes.txt")]}
            return await receiver.receive(told, room)

    found = asyncio.run(run())
    assert [each.name for each in found.files] == ["notes.txt"]
    assert len(found.problems) == 1
    assert problem in found.problems[0]
    assert "http" not in found.problems[0]
    assert [path.name for path in room.folder.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/",
        "https://169.254.169.254/",
        "https://contoso.example/x",
        "file:///etc/passwd",
        "https://evil@contoso.sharepoint.com/x",
        "//10.0.0.1/x",
    ],
)
def test_a_redirect_leads_nowhere_else(receiver: Receiver, room: Room, target: str) -> None:
    async def run() -> Receipt:
        async with serving((302, {"Location": target}, b"")) as (url, _):
            return await receiver.receive({**said(), "attachments": [download(f"{url}0")]}, room)

    found = asyncio.run(run())
    assert found.problems == ("Offer.docx lies at a place that I don't fetch from. Attach the file itself.",)


def test_a_redirect_takes_no_token_to_another_origin(receiver: Receiver, room: Room) -> None:
    async def run() -> list[web.Request]:
        async with (
            serving((200, {}, PNG)) as (other, asked),
            serving((307, {"Location": f"{other}0"}, b"")) as (url, _),
        ):
            activity = {
                **said(),
                "serviceUrl": url,
                "attachments": [{"contentType": "image/png", "contentUrl": f"{url}0"}],
            }
            assert (await receiver.receive(activity, room)).files
            return asked

    assert all("Authorization" not in request.headers for request in asyncio.run(run()))


#: Of a real bot, where an app is set up: nothing on this machine, nothing in a private network, no look-alike.
_REFUSED = (
    "http://contoso.sharepoint.com/f",
    "https://contoso.sharepoint.com:8443/f",
    "https://sharepoint.com.evil.example/f",
    "https://evilsharepoint.com/f",
    "https://contoso.sharepoint.com@evil.example/f",
    "https://user:pw@contoso.sharepoint.com/f",
    "https://evil.example\\.sharepoint.com/f",
    "https://127.0.0.1/f",
    "https://localhost/f",
    "http://127.0.0.1:9/f",
    "https://[::1]/f",
    "https://[::ffff:169.254.169.254]/f",
    "https://0x7f.1/f",
    "https://2130706433/f",
    "https://metadata.google.internal/f",
    "https://\u0441ontoso.sharepoint.com/f",
    "https://contoso.sharepoint.com\n.evil.example/f",
    "ftp://contoso.sharepoint.com/f",
    "https://",
    "https://[bad/f",
    "",
)


@pytest.mark.parametrize("url", _REFUSED)
def test_addresses_that_are_never_asked(url: str) -> None:
    strict = places.drives("public")
    assert not strict.reaches(url)
    assert not places.channel(Hosts(("smba.trafficmanager.net",))).reaches(url)
    assert strict.reaches("https://contoso-my.sharepoint.com/personal/ada/_layouts/15/download.aspx?tempauth=x")
    assert not places.drives("gov").reaches("https://contoso.sharepoint.com/f")


def test_a_name_that_leads_into_a_private_network_is_not_asked(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("copilot.plugins.web.resolved", lambda host, port: ["10.0.0.7"])
    monkeypatch.setattr("copilot.plugins.web._proxy", lambda scheme, host: "")
    strict = Receiver(settings(tmp_path), Hosts(("smba.trafficmanager.net",)), Signed())
    found = received(strict, room, download("https://contoso.sharepoint.com/f"))
    assert "don't fetch from" in found.problems[0]


def test_data_urls(receiver: Receiver, room: Room) -> None:
    def data(text: str, name: str) -> dict[str, Any]:
        return {"contentType": "image/png", "contentUrl": text, "name": name}

    found = received(
        receiver,
        room,
        data(f"data:image/png;base64,{base64.b64encode(PNG).decode()}", "a.png"),
        data("data:text/plain,Hello%20you", "b.txt"),
        data("data:image/png;base64,%%%", "c.png"),
        data("data:", "d.png"),
        data(f"data:;base64,{base64.b64encode(bytes(300_003)).decode()}", "e.png"),
    )
    assert [(each.name, each.size) for each in found.files] == [("a.png", len(PNG)), ("b.txt", 9)]
    assert [problem[:5] for problem in found.problems] == ["c.png", "d.png", "e.png"]


class Kept:
    """The page's store, with one file."""

    conversation = said()["conversation"]["id"]

    async def find(self, reference: str) -> Any:
        return self if reference == f"{SCHEME}mine" else None

    async def read(self, file: Any) -> AsyncIterator[bytes]:
        yield b"from "
        yield b"the page"


def test_uploads_of_the_page_are_of_their_conversation(room: Room, tmp_path: Path) -> None:
    receiver = Receiver(settings(tmp_path), Hosts(()), Signed(), Kept())
    mine = {"contentType": "text/plain", "contentUrl": f"{SCHEME}mine", "name": "a.txt"}
    found = received(receiver, room, {**mine, "contentUrl": f"{SCHEME}other"}, {**mine, "contentType": "x/y"})
    assert [each.name for each in found.files] == ["a.txt"]
    assert len(found.problems) == 1
    elsewhere = {**said(), "attachments": [mine | {"contentType": "x/y"}], "conversation": {"id": "another"}}
    assert asyncio.run(receiver.receive(elsewhere, room)).problems
    receiver.close()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Report.docx", "Report.docx"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ada\\x.docx", "x.docx"),
        ("..", "file"),
        ("", "file"),
        (".mcp.json", "mcp.json"),
        ("~$Report.docx", "Report.docx"),
        (".~lock.a.docx", "a.docx"),
        ("CON.docx", "_CON.docx"),
        ("lpt1", "_lpt1"),
        ("a\x00b\x1b[31m.txt", "a_b_[31m.txt"),
        ("safe\u202excod.exe", "safexcod.exe"),
        ("x" * 400 + ".docx", "x" * 145 + ".docx"),
        ("\u00e4" * 400 + ".docx", "\u00e4" * 72 + ".docx"),
        ("a.docx ", "a.docx"),
        ("a: b?.txt", "a_ b_.txt"),
    ],
)
def test_names(name: str, expected: str) -> None:
    made = names.safe_name(name)
    assert made == expected or (name.startswith("a\x00") and "\x1b" not in made and "\x00" not in made)
    assert len(made.encode()) <= 150


def test_same_names_are_numbered_and_same_files_are_not(receiver: Receiver, room: Room) -> None:
    def text(words: str, name: str = "a.txt") -> dict[str, Any]:
        return {"contentType": "x/y", "contentUrl": f"data:,{words}", "name": name}

    found = received(receiver, room, text("one"), text("two"), text("three", "../a.txt"))
    assert [each.name for each in found.files] == ["a.txt", "a (2).txt", "a (3).txt"]
    assert [each.name for each in received(receiver, room, text("two")).files] == ["a (2).txt"]


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("a.docx", "word", "a.docx"),
        ("a.exe", "word", "a.exe.docx"),
        ("a.xlsx", "word", "a.xlsx.docx"),
        ("a.png", "png", "a.png"),
        ("photo.jpg", "png", "photo.jpg.png"),
        ("a.docx", "png", "a.docx.png"),
        ("notes", "text", "notes"),
        ("a.csv", "text", "a.csv"),
        ("a.pdf", "text", ""),
    ],
)
def test_the_content_says_what_it_is(document: bytes, name: str, kind: str, expected: str) -> None:
    data = {"word": document, "png": PNG, "text": b"plain words"}[kind]
    if expected:
        assert names.by_content(name, data) == expected
    else:
        with pytest.raises(DocumentError, match="is no PDF"):
            names.by_content(name, data)


def test_a_zip_bomb_is_not_let_in(receiver: Receiver, room: Room, document: bytes) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(document)) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for each in old.namelist():
            new.writestr(each, b"<a>" + bytes(80_000_000) if each == "word/document.xml" else old.read(each))
    data = f"data:;base64,{base64.b64encode(packed.getvalue()).decode()}"
    found = received(receiver, room, {"contentType": "x/y", "contentUrl": data, "name": "bomb.docx"})
    assert not found.files
    assert found.problems[0].startswith("bomb.docx")


def test_the_quota_holds_before_anything_is_fetched(receiver: Receiver, room: Room) -> None:
    (room.folder / "a.bin").write_bytes(bytes(2**20 - 100))

    def text(size: int) -> dict[str, Any]:
        return {"contentType": "x/y", "contentUrl": "data:," + "x" * size, "name": f"{size}.txt"}

    found = received(receiver, room, text(50), text(200))
    assert [each.name for each in found.files] == ["50.txt"]
    assert found.problems == ("There is no room for 200.txt: 1 of 1 MB are used. Ask me to delete files.",)
    (room.folder / "b.bin").write_bytes(bytes(200))
    assert "no room" in received(receiver, room, download("http://127.0.0.1:9/never")).problems[0]


def test_what_is_too_many_is_said(room: Room, tmp_path: Path) -> None:
    receiver = Receiver(settings(tmp_path, account=""), Hosts(()), Signed())
    text = [{"contentType": "x/y", "contentUrl": f"data:,{n}", "name": f"{n}.txt"} for n in range(22)]
    found = received(receiver, room, *text)
    assert [each.name for each in found.files] == [f"{n}.txt" for n in range(20)]
    assert found.problems == (receiver._words.file_too_many.format(count=2, files=20, links=5),)
    typed = " ".join(f"https://contoso.sharepoint.com/:w:/s/{n}" for n in range(9))
    found = received(receiver, room, text=typed)
    assert len(found.problems) == 2  # the same sentence once
    assert "so 4 of them were left out" in found.problems[-1]
    receiver.close()


# --- links ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("see https://contoso.sharepoint.com/:w:/s/Sales/EaBc?e=1.", 1),
        (
            "https://contoso.sharepoint.com/sites/x/Shared%20Documents/Plan.xlsx and <https://contoso-my.sharepoint.com/:x:/g/a>",
            2,
        ),
        ("https://contoso.sharepoint.com/sites/x/SitePages/Home", 0),
        ("https://contoso.sharepoint.com.evil.example/:w:/s/a", 0),
        ("http://contoso.sharepoint.com/:w:/s/a", 0),
        ("https://contoso.sharepoint.com/:w:/s/a " * 9, 1),
        (" ".join(f"https://contoso.sharepoint.com/:w:/s/{n}" for n in range(9)), 9),
    ],
)
def test_links_in_text(text: str, count: int) -> None:
    assert len(links.in_text(text, places.drives("public"))) == count


@dataclass
class Drive:
    """An account's files, opened by link."""

    does: Callable[[str, Path, int], str]
    account: str = "work"
    kinds: frozenset[str] = frozenset({"files"})
    who: str = ""

    def serve(self, kind: str) -> Drive:
        return self

    def linked(self, address: str, target: Path, limit: int) -> str:
        return self.does(address, target, limit)


def _plan(address: str, target: Path, limit: int) -> str:
    target.write_bytes(b"the plan")
    return "Plan.txt"


def _refuses(code: str) -> Callable[[str, Path, int], str]:
    def linked(address: str, target: Path, limit: int) -> str:
        target.with_name(f"{target.name}.part").write_bytes(b"left")
        raise ServiceError("No.", code=code)

    return linked


@pytest.mark.parametrize(
    ("does", "problem", "sign_in"),
    [
        (_plan, "", False),
        (_refuses("signed_out"), "before you have signed in", True),
        (_refuses("denied"), "I may not open", False),
        (_refuses("missing"), "not there any more", False),
        (_refuses("full"), "is larger than", False),
        (_refuses("unreachable"), "could not be fetched", False),
    ],
)
def test_a_link_is_opened_as_the_person(
    room: Room, tmp_path: Path, does: Callable[[str, Path, int], str], problem: str, sign_in: bool
) -> None:
    receiver = Receiver(settings(tmp_path), Hosts(()), Signed(), most=100)
    copilot = room.copilot
    copilot.connections._connected["work"] = Drive(does)
    found = received(receiver, room, text="look at https://contoso.sharepoint.com/:t:/s/Sales/EaBc")
    reference = {
        "contentType": "reference",
        "contentUrl": "https://contoso.sharepoint.com/sites/a/Plan.txt",
        "name": "P",
    }
    assert found == Receipt(found.files, found.problems, sign_in)
    assert [each.name for each in found.files] == ([] if problem else ["Plan.txt"])
    assert problem in "".join(found.problems)
    assert bool(received(receiver, room, reference).files) is not bool(problem)
    assert not list(room.state.glob("*.part*"))
    receiver.close()


def test_a_file_shared_in_a_group_is_a_link_in_the_html(receiver: Receiver) -> None:
    link = "https://contoso.sharepoint.com/:w:/s/Sales/EaBc?e=1"
    page = f'<p>see <a href="{link}&amp;web=1">Plan</a> and <img src="https://evil.example/a.docx"></p>'
    activity = {**said("see Plan", chat="team"), "attachments": [{"contentType": "text/html", "content": page}]}
    assert [(each.how, each.url) for each in receiver.wanted(activity)] == [("link", f"{link}&web=1")]


def test_a_link_without_an_account(room: Room, tmp_path: Path) -> None:
    receiver = Receiver(settings(tmp_path, account=""), Hosts(()), Signed())
    found = received(receiver, room, text="https://contoso.sharepoint.com/sites/a/Plan.xlsx")
    assert found.problems[0].startswith("I can't open Plan.xlsx: no Microsoft 365 account is set up")
