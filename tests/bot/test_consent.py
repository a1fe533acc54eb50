"""Files that go out: consent cards of Teams answered by the right person once, and the ways of other chats."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("sqlalchemy")

from aiohttp import web
from aiohttp.test_utils import TestServer

from copilot.hosts.bot.connector import Connector
from copilot.hosts.bot.consent import CONSENT, INFO, Offers, changed_files, hands_over, way_of
from copilot.hosts.bot.hosts import Hosts
from copilot.hosts.bot.metrics import Metrics
from copilot.hosts.bot.rooms import Room, Rooms
from copilot.hosts.bot.roster import Roster
from copilot.hosts.bot.signin import SignIns
from copilot.jobs.database import Database
from tests.bot.chats import Chat, Clock
from tests.bot.crowd import BEN, said, somebody
from tests.bot.issuing import OTHER_TENANT
from tests.bot.test_files import Signed
from tests.bot.test_rooms import settings

DATA = bytes(range(256)) * 100


@dataclass
class Session:
    """OneDrive's upload session: takes pieces in their order, or answers with `status`."""

    status: int = 201
    content: bytearray = field(default_factory=bytearray)
    ranges: list[str] = field(default_factory=list)
    location: str = ""

    def app(self) -> web.Application:
        app = web.Application(client_max_size=2**25)
        app.router.add_put("/{rest:.*}", self._put)
        return app

    async def _put(self, request: web.Request) -> web.Response:
        piece = await request.read()
        self.ranges.append(request.headers["Content-Range"])
        if self.status < 300:
            self.content += piece
        assert "Authorization" not in request.headers
        headers = {"Location": self.location} if self.location else {}
        return web.Response(status=self.status, headers=headers)


@dataclass
class Scene:
    """One host with its rooms, and the chat of one person."""

    offers: Offers
    rooms: Rooms
    room: Room
    chat: Chat
    clock: Clock
    url: str
    session: Session

    async def offer(self, **more: Any) -> str:
        """Offer the file and return the id in the card."""
        await self.offers.offer(self.room, "Offer.docx", "Two *words* changed", said(**more), self.chat)
        card = self.shown()[-1]["attachments"][0]
        assert card["contentType"] == CONSENT
        assert card["content"]["sizeInBytes"] == len(DATA)
        assert card["content"]["acceptContext"] == card["content"]["declineContext"]
        return str(card["content"]["acceptContext"]["offer"])

    async def answer(self, offer: str, room: Room | None = None, *, action: str = "accept", **more: Any) -> str:
        """Answer an offer and return what was said then."""
        info = {"uploadUrl": f"{self.url}up", "contentUrl": f"{self.url}Offer.docx", "name": "Offer.docx"}
        value = {"type": "fileUpload", "action": action, "context": {"offer": offer}, "uploadInfo": info, **more}
        card = next((id for id, each in self.chat.shown.items() if "attachments" in each), "")
        invoke = {**said(), "type": "invoke", "name": "fileConsent/invoke", "id": "i1", "value": value}
        await self.offers.answer({**invoke, "replyToId": card}, room or self.room, self.chat)
        return str(self.shown()[-1].get("text"))

    def shown(self) -> list[dict[str, Any]]:
        return list(self.chat.shown.values())


@asynccontextmanager
async def scene(folder: Path, session: Session | None = None) -> AsyncIterator[Scene]:
    chosen, clock, session = settings(folder / "files"), Clock(), session or Session()
    signins = SignIns(chosen, folder / "sign-ins", env={})
    rooms = Rooms(chosen, folder / "state", signins=signins, env={})
    database = Database("", folder)
    room = rooms.room(somebody())
    (room.folder / "Offer.docx").write_bytes(DATA)
    hosts = Hosts((), here=True)
    offers = Offers(chosen, database, hosts, signins, Roster(Connector(Signed(), hosts, Metrics())), clock=clock)
    async with TestServer(session.app()) as server:
        yield Scene(offers, rooms, room, Chat(clock), clock, str(server.make_url("/")), session)
    database.close()


def test_who_allows_it_has_it_in_onedrive(tmp_path: Path) -> None:
    async def run() -> None:
        async with scene(tmp_path) as here:
            offer = await here.offer()
            assert await here.answer(offer) == "Offer.docx is in your OneDrive now."
            assert bytes(here.session.content) == DATA
            assert here.session.ranges == [f"bytes 0-{len(DATA) - 1}/{len(DATA)}"]
            assert len(here.chat.shown) == 1  # the consent card is gone
            [info] = here.shown()[0]["attachments"]
            assert (info["contentType"], info["contentUrl"]) == (INFO, f"{here.url}Offer.docx")
            assert "over" in await here.answer(offer)  # once
            assert bytes(here.session.content) == DATA

    asyncio.run(run())


def test_a_large_file_goes_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("copilot.hosts.bot.consent._PIECE", 10_000)

    async def run() -> None:
        async with scene(tmp_path) as here:
            await here.answer(await here.offer())
            assert bytes(here.session.content) == DATA
            assert here.session.ranges == [
                "bytes 0-9999/25600",
                "bytes 10000-19999/25600",
                "bytes 20000-25599/25600",
            ]

    asyncio.run(run())


def test_only_who_was_asked_where_they_were_asked(tmp_path: Path) -> None:
    async def run() -> None:
        async with scene(tmp_path) as here:
            offer = await here.offer()
            for other in (somebody(user=BEN), somebody(chat="team"), somebody(tenant=OTHER_TENANT)):
                assert "over" in await here.answer(offer, here.rooms.room(other))
            assert "over" in await here.answer("0" * 32)
            assert "over" in await here.answer(offer, context=None)
            assert not here.session.content
            here.clock.now += 1440 * 60 + 1
            assert "over" in await here.answer(offer)
            assert not here.session.content

    asyncio.run(run())


def test_declined_changed_and_gone(tmp_path: Path) -> None:
    async def run() -> None:
        async with scene(tmp_path) as here:
            assert "was not sent" in await here.answer(await here.offer(), action="decline")
            offer = await here.offer()
            (here.room.folder / "Offer.docx").write_bytes(DATA[::-1])
            await here.answer(offer)
            assert any("has changed since" in str(each.get("text")) for each in here.shown())
            again = here.shown()[-1]["attachments"][0]["content"]["acceptContext"]["offer"]
            assert again != offer
            assert "in your OneDrive" in await here.answer(again)
            assert bytes(here.session.content) == DATA[::-1]
            (here.room.folder / "Offer.docx").write_bytes(DATA)
            offer = await here.offer()
            (here.room.folder / "Offer.docx").unlink()
            assert "not here any more" in await here.answer(offer)

    asyncio.run(run())


@pytest.mark.parametrize("status", [302, 404, 409, 500])
def test_an_upload_that_fails(tmp_path: Path, status: int) -> None:
    async def run() -> None:
        async with scene(tmp_path, Session(status, location="http://169.254.169.254/")) as here:
            offer = await here.offer()
            assert "could not be put into your OneDrive" in await here.answer(offer)

    asyncio.run(run())


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/x", "https://evil.example/x", "https://a@contoso.sharepoint.com/", "", None, 5]
)
def test_nothing_is_uploaded_elsewhere(tmp_path: Path, url: Any) -> None:
    async def run() -> None:
        async with scene(tmp_path) as here:
            offer = await here.offer()
            info = {"uploadUrl": url, "contentUrl": "https://evil.example/x"}
            assert "could not be put" in await here.answer(offer, uploadInfo=info)
            assert not here.session.content

    asyncio.run(run())


def test_an_answer_that_was_broken_off_goes_on(tmp_path: Path) -> None:
    """The process died after it had taken the answer: the same invoke again is worked on, another one is not."""

    async def run() -> None:
        async with scene(tmp_path) as here:
            offer = await here.offer()
            assert here.offers._claim(offer, here.room, "i1") is not None
            assert here.offers._claim(offer, here.room, "i2") is None
            assert "in your OneDrive" in await here.answer(offer)

    asyncio.run(run())


def test_one_turn_offers_once(tmp_path: Path) -> None:
    async def run() -> None:
        async with scene(tmp_path) as here:
            for _ in range(2):
                await here.offers.offer(here.room, "Offer.docx", "", said(), here.chat, turn="t1")
            cards = [each["attachments"][0]["content"]["acceptContext"]["offer"] for each in here.shown()]
            assert len(set(cards)) == 1

    asyncio.run(run())


@dataclass
class Page(Chat):
    """A chat of our own page, which keeps files."""

    kept: list[tuple[str, str, bytes]] = field(default_factory=list)

    async def file(self, name: str, type: str, data: bytes) -> Page:
        self.kept.append((name, type, data))
        return self

    def attachment(self) -> dict[str, Any]:
        return {"contentType": "x/y", "contentUrl": "everpilot-file:1", "name": self.kept[-1][0]}


GROUP = {"conversation": {"id": "19:x", "conversationType": "channel"}}


@pytest.mark.parametrize(
    ("more", "said_so"),
    [
        (GROUP, "in a personal chat only. Sign in in our own chat, and I put files"),
        ({"channelId": "msteams:COPILOT"}, "this chat takes no files. Two *words* changed"),
        ({"channelData": {"productContext": "COPILOT"}}, "this chat takes no files"),
        ({"channelId": "sms"}, "this chat takes no files"),
        ({"channelId": "sms", "channelData": "text", "conversation": None}, "this chat takes no files"),
    ],
)
def test_where_there_is_no_way_words_say_so(tmp_path: Path, more: dict[str, Any], said_so: str) -> None:
    async def run() -> None:
        async with scene(tmp_path) as here:
            await here.offers.offer(here.room, "Offer.docx", "Two *words* changed", {**said(), **more}, here.chat)
            [shown] = here.shown()
            assert said_so in shown["text"]
            assert "attachments" not in shown

    asyncio.run(run())


@pytest.mark.parametrize(("cloud", "way"), [("public", "consent"), ("gov", "words"), ("china", "words")])
def test_which_clouds_have_files_for_bots(cloud: str, way: str) -> None:
    assert way_of(said(), Chat(Clock()), cloud=cloud) == way
    assert hands_over(said(), cloud=cloud) is (way == "consent")
    assert not hands_over({**said(), **GROUP}, cloud=cloud)


def test_the_page_and_small_files_inline(tmp_path: Path) -> None:
    async def run() -> None:
        async with scene(tmp_path) as here:
            page = Page(here.clock)
            await here.offers.offer(here.room, "Offer.docx", "Changed", said(channelId="webchat"), page)
            assert page.kept[0][2] == DATA
            assert [each["attachments"][0]["contentUrl"] for each in page.shown.values()] == ["everpilot-file:1"]
            await here.offers.offer(here.room, "Offer.docx", "Changed", said(channelId="emulator"), here.chat)
            [shown] = here.shown()
            assert base64.b64decode(shown["attachments"][0]["contentUrl"].partition(",")[2]) == DATA
            (here.room.folder / "Big.docx").write_bytes(DATA * 10)
            await here.offers.offer(here.room, "Big.docx", "", said(channelId="emulator"), here.chat)
            assert "takes no files" in here.shown()[-1]["text"]

    asyncio.run(run())


@pytest.mark.parametrize("path", ["../../secret", "/etc/passwd", "link", "none.docx", "a\x00b", ""])
def test_nothing_outside_the_room_is_handed_over(tmp_path: Path, path: str) -> None:
    async def run() -> None:
        async with scene(tmp_path) as here:
            (here.room.place.parent / "secret").write_bytes(b"secret")
            (here.room.folder / "link").symlink_to("/etc/passwd")
            await here.offers.offer(here.room, path, "", said(), here.chat)
            [shown] = here.shown()
            assert "is not here any more" in shown["text"]

    asyncio.run(run())


def test_what_a_turn_wrote() -> None:
    changes = [
        {"path": "a.docx", "summary": "One", "committed": True},
        {"path": "a.docx", "summary": "Two", "committed": True},
        {"path": "b.docx", "summary": "Not", "committed": False},
        {"path": "a.docx", "summary": "Two", "committed": True},
    ]
    assert changed_files(changes) == {"a.docx": "One Two"}
