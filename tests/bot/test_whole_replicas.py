"""Replicas that stand still and wake up again, and replicas that are killed at any moment: one answer to each message.

Conversations are in a Teams that remembers what was sent to it, and that takes a message twice if it is sent twice.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import sqlalchemy as sa
from aiohttp.test_utils import TestServer

from copilot.hosts.bot.durable import turn_id
from copilot.jobs.database import Database
from tests.bot.crowd import ADA
from tests.bot.replicas import Browser, Place, Replica, Site, browser, models
from tests.bot.teams import Model, Teams
from tests.bot.test_replicas import (
    BOT,
    DONE,
    button,
    cards,
    contract,
    files,
    idle,
    obedient,
    right,
    said,
    transcript,
    until,
    written,
)
from tests.thinning import ALL
from tests.vendors import OpenAIServer, Reply, Request

postgres = pytest.importorskip("tests.jobs.postgres").postgres
pytest.importorskip("dbos")


CHATS = ("personal", "board")
WORDS = ("patience", "number 1", "number 2")


#: Where a replica stands still in the middle of a change that was approved.
STILL: tuple[Place, ...] = (
    (f"{BOT}.keeping:Keeping.settle", "after"),
    ("copilot.agent.plan:Runner.commit", "before"),
    ("copilot.workspace.journal:Journal.ready", "after"),  # within the write
    ("copilot.agent.plan:Runner.commit", "after"),
    (f"{BOT}.consent:Offers.offer", "before"),
)


class Vendor:
    """Answers as test_replicas' one; what asks for patience waits for `go`, each time that it is asked."""

    def __init__(self) -> None:
        self.asked, self.go = threading.Semaphore(0), threading.Event()
        self.seen: list[list[dict[str, Any]]] = []

    def __call__(self, request: Request) -> Reply:
        self.seen.append(request.messages)
        if "patience" in request.last_text:
            self.asked.release()
            self.go.wait(60)
        return obedient(request)

    def heard(self, last: str) -> list[str]:
        """Return all that was said in a conversation when this was said in it."""
        told = next(each for each in self.seen if str(each[-1]["content"]).strip() == last)
        return [str(each["content"]).strip() for each in told]


async def wait_for(asked: threading.Semaphore, count: int) -> None:
    for _ in range(count):
        assert await asyncio.to_thread(asked.acquire, timeout=30), "nobody goes on with it"


@pytest.fixture(scope="module")
def vendor() -> Vendor:
    return Vendor()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, vendor: Vendor) -> Iterator[Site]:
    with postgres() as server, OpenAIServer(vendor) as there:
        home = tmp_path_factory.mktemp("site")
        made = Site(home, server.fresh("bot"), models(there.base_url), more="drain_seconds = 0", server=server)
        try:
            yield made
        finally:
            made.close()


def pair(site: Site) -> Callable[[], str]:
    """Have two replicas, and return what says which of those that answer is asked next."""
    while sum(each.runs for each in site.replicas) < 2:
        site.start(STILL)
    turn = itertools.count()

    def url() -> str:
        running = [each for each in site.replicas if each.runs and not is_still(each)]
        return running[next(turn) % len(running)].url

    return url


def is_still(replica: Replica) -> bool:
    """Return whether a process was told to stand still."""
    return Path(f"/proc/{replica.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


class Town:
    """A Teams to which all replicas of a site reply."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site, self.teams = site, Teams(folder, Model())

    async def post(self, activity: dict[str, Any]) -> None:
        """Give an activity to a replica that takes it, as a channel does."""
        next_one = pair(self.site)
        async with aiohttp.ClientSession() as http, asyncio.timeout(60):
            while True:
                try:
                    async with http.post(f"{next_one()}/api/messages", json=activity) as response:
                        assert response.status in (200, 202, 503)
                        if response.status != 503:
                            return
                except aiohttp.ClientError:
                    await asyncio.sleep(0.05)

    async def say(self, text: str, **where: Any) -> dict[str, Any]:
        activity = self.teams.activity(text, **where)
        await self.post(activity)
        return activity


@asynccontextmanager
async def town(site: Site, folder: Path) -> AsyncIterator[Town]:
    made = Town(site, folder)
    async with TestServer(made.teams._app()) as server:
        made.teams._service = server
        yield made


def worker_of(site: Site, activity: dict[str, Any]) -> Replica:
    """Return the replica that works on an activity."""
    database = Database(site.database, site.home)
    try:
        with database.begin() as link:
            query = sa.text("SELECT executor_id FROM dbos.workflow_status WHERE workflow_uuid = :id")
            found = str(link.execute(query, {"id": turn_id(activity)}).scalar())
    finally:
        database.close()
    return next(each for each in site.replicas if f"-{each.pid}-" in found)


@pytest.mark.timeout(120)
async def test_a_replica_that_stood_still_says_nothing_more(site: Site, vendor: Vendor, tmp_path: Path) -> None:
    pair(site)
    vendor.go.clear()
    async with town(site, tmp_path) as here:
        asked = [await here.say("patience", chat=chat) for chat in CHATS]
        await wait_for(vendor.asked, len(CHATS))
        frozen = worker_of(site, asked[0])
        frozen.signal(signal.SIGSTOP)
        try:
            await wait_for(vendor.asked, sum(worker_of(site, each) is frozen for each in asked))
            vendor.go.set()
            await idle(site)
        finally:
            frozen.signal(signal.SIGCONT)
        for chat in CHATS:
            await here.say("number 1", chat=chat)
            await here.say("number 2", chat=chat)
        await idle(site)
        await woken(frozen)
        for chat in CHATS:
            assert here.teams.chat(ADA, chat).texts() == [f"You said: {word}" for word in WORDS]
            assert vendor.heard("number 2").count("You said: patience") == 1
        assert set(here.teams.faults) <= {"429"}  # how fast pieces come is not for a busy machine to judge


async def woken(replica: Replica) -> None:
    """Return when a replica that stood still has found that its turn was taken over."""
    async with asyncio.timeout(10):
        while not [each for each in replica.logged() if each["event"] == "taken over"]:
            await asyncio.sleep(0.05)


@pytest.mark.timeout(120)
@pytest.mark.skipif(not ALL, reason="five seconds each: in `make test-all`")
@pytest.mark.parametrize("place", STILL, ids=lambda place: place[0].rpartition(":")[2])
async def test_what_was_approved_is_written_once_though_a_replica_stood_still(site: Site, place: Place) -> None:
    """While it holds the lock of the answer, the other one asks again: what was approved is done once, or not yet."""
    url, before = pair(site), written(site)
    site.light(place, signal.SIGSTOP)
    async with transcript(site) as kept, browser(url) as person:
        await person.upload("Put the new name in.", "contract.docx", contract())
        await approves(kept, person)
        frozen = await stands_still(site)
        try:
            await until(kept, person.conversation, lambda shown: bool(files(shown) or open_cards(shown)))
            await idle(site)
        finally:
            frozen.signal(signal.SIGCONT)
        await woken(frozen)
        shown = await until(kept, person.conversation, lambda shown: True)
        if open_cards(shown):
            await approves(kept, person)
        await idle(site)
        await person.say("number 1")
        shown = await until(kept, person.conversation, lambda shown: said(shown, "number 1") > 0)
        assert said(shown, DONE) <= 1
        assert not open_cards(shown)
    assert written(site) == before + 1
    (changed,) = [each.read_bytes() for each in site.files.glob("*/*/files/contract.docx") if is_new(each)]
    right(contract(), changed)


def open_cards(shown: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what the buttons send of the cards that can still be approved."""
    return [data for card in cards(shown) if (data := button(card, "Approve")) is not None]


async def approves(kept: Any, person: Browser) -> None:
    shown = await until(kept, person.conversation, lambda shown: bool(open_cards(shown)))
    await person.post({"type": "message", "value": open_cards(shown)[-1]})


def is_new(file: Path) -> bool:
    """Return whether a file was written in the last conversation, and not in those of tests before."""
    new = max(file.parents[3].glob("*/*/files/contract.docx"), key=lambda each: each.stat().st_mtime_ns)
    return file == new


async def stands_still(site: Site) -> Replica:
    """Return the replica that stands still, as soon as one does."""
    async with asyncio.timeout(60):
        while True:
            for each in site.replicas:
                if each.runs and is_still(each):
                    return each
            await asyncio.sleep(0.05)


@pytest.mark.skipif(not ALL, reason="15 seconds: in `make test-all`; kills at places are tested anyway")
@pytest.mark.timeout(300)
async def test_replicas_are_killed_at_any_moment(site: Site) -> None:
    people, messages, kills = 5, 6, 12
    url, moments = pair(site), random.Random(11)
    async with transcript(site) as kept, AsyncExitStack() as stack:
        persons = [await stack.enter_async_context(browser(url)) for _ in range(people)]
        over = asyncio.Event()
        killing = asyncio.create_task(killer(site, kills, moments, over))
        await asyncio.gather(*(talks(kept, each, messages, over) for each in persons))
        await killing
        await idle(site)
        for each in persons:
            shown = await until(kept, each.conversation, lambda shown: True)
            texts = [one["text"] for one in shown if one["from"].get("role") == "bot"]
            count = sum(one["from"].get("role") == "user" for one in shown)
            assert texts == [f"You said: number {number}" for number in range(count)], texts
            assert count >= messages


async def talks(kept: Any, person: Browser, messages: int, over: asyncio.Event) -> None:
    """Say something, again and again, until enough was said and killed; now and then without waiting for an answer."""
    number = 0
    while number < messages or not over.is_set():
        await person.say(f"number {number}")
        number += 1
        if number % 3 == 0:
            await until(kept, person.conversation, lambda shown, number=number: said(shown, "You said") >= number)


async def killer(site: Site, kills: int, moments: random.Random, over: asyncio.Event) -> None:
    for _ in range(kills):
        await asyncio.sleep(moments.uniform(0.05, 0.6))
        running = [each for each in site.replicas if each.runs]
        await asyncio.to_thread(site.start, STILL)
        moments.choice(running).kill()
    over.set()
