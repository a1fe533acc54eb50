"""Two replicas on one Postgres, of which one dies at the worst places: nothing is lost, nothing done or said twice."""

from __future__ import annotations

import asyncio
import io
import itertools
import re
import signal
import threading
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from docx import Document

from copilot.jobs.database import Database
from copilot.workspace.journal import Journal
from tests.bot.replicas import Browser, Place, Replica, Site, browser, models
from tests.thinning import ALL
from tests.vendors import Call, OpenAIServer, Reply, Request

postgres = pytest.importorskip("tests.jobs.postgres").postgres
pytest.importorskip("dbos")
pytest.importorskip("aiohttp")

OLD, NEW = "Acme Ltd", "Acme Ltd & Co"  # done twice, it can be seen
SAID, DONE = "I put in the new name.", "The new name stands there now."
CARD = "application/vnd.microsoft.card.adaptive"


class Gate:
    """Where the model waits, before it answers what is slow."""

    def __init__(self) -> None:
        self.open, self.reached = threading.Event(), threading.Event()

    def pass_(self) -> None:
        self.reached.set()
        self.open.wait(100)


GATE = Gate()


def obedient(request: Request) -> Reply:
    """Replace the name by a call of the tool, once; then say so. Anything else is said back."""
    said = request.body["messages"]
    if "slow" in str(said[-1]["content"]):
        GATE.pass_()
    if said[-1]["role"] == "tool":
        return Reply(DONE)
    if "new name" not in str(said[-1]["content"]):
        return Reply(f"You said: {said[-1]['content']}")
    [path] = re.findall(r"Files: (\S+)", str(said[-1]["content"]))
    return Reply(SAID, calls=(Call("word__replace_text", {"path": path, "find": OLD, "replace": NEW}),))


def contract() -> bytes:
    made, out = Document(), io.BytesIO()
    made.add_paragraph(f"Between {OLD} and the client.")
    made.add_paragraph("It ends in 2027.")
    made.save(out)
    return out.getvalue()


@asynccontextmanager
async def transcript(site: Site) -> AsyncIterator[Any]:
    """The conversations as they lie in the database, to wait for what comes."""
    from copilot.hosts.bot.webchat.transcript import Kept

    database = Database(site.database, site.home)
    kept = Kept(database)
    try:
        yield kept
    finally:
        await asyncio.to_thread(kept.close)
        database.close()


async def until(kept: Any, conversation: str, ready: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
    """Return what stands in a conversation as soon as it is as it should be."""
    shown: list[dict[str, Any]] = []
    try:
        async with asyncio.timeout(100):
            return await _until(kept, conversation, ready, shown)
    except TimeoutError:
        pytest.fail(f"it never came: {shown}")


async def _until(kept: Any, conversation: str, ready: Any, seen: list[dict[str, Any]]) -> list[dict[str, Any]]:
    while True:
        batch = await kept.since(conversation, 0)
        seen[:] = [each for each in batch.activities if each["type"] not in ("event", "everpilot/gone")]
        if ready(seen):
            return seen
        await kept.wait(conversation, batch.watermark, 5)


def cards(shown: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [a["content"] for each in shown for a in each.get("attachments", []) if a["contentType"] == CARD]


def files(shown: list[dict[str, Any]]) -> list[dict[str, Any]]:
    mine = [each for each in shown if each["from"].get("role") == "bot"]
    return [each for each in mine if any(a["contentType"] != CARD for a in each.get("attachments", []))]


def said(shown: list[dict[str, Any]], text: str) -> int:
    return sum(text in each.get("text", "") for each in shown if each["from"].get("role") == "bot")


def button(card: Any, title: str) -> dict[str, Any] | None:
    """Return what a button of a card sends, None if it has none."""
    if isinstance(card, dict) and card.get("type") == "Action.Submit" and card.get("title") == title:
        return dict(card["data"])
    parts = card.values() if isinstance(card, dict) else card if isinstance(card, list) else ()
    return next((found for each in parts if (found := button(each, title)) is not None), None)


def right(before: bytes, after: bytes) -> None:
    """Assert that only the name was changed, once, and that all other parts are the same bytes."""
    texts = [paragraph.text for paragraph in Document(io.BytesIO(after)).paragraphs]
    assert texts == [f"Between {NEW} and the client.", "It ends in 2027."]
    old, new = (zipfile.ZipFile(io.BytesIO(each)) for each in (before, after))
    assert old.namelist() == new.namelist()
    different = [name for name in old.namelist() if old.read(name) != new.read(name)]
    assert different == ["word/document.xml"]


def written(site: Site) -> int:
    """Return how many changes all journals of the site hold."""
    rooms = site.files.glob("*/*/state/journal/index.sqlite")
    return sum(len(Journal(each).rows([each.parents[2] / "files"])) for each in rooms)


BOT = "copilot.hosts.bot"
PLACES: tuple[Place, ...] = (
    (f"{BOT}.stream:Stream.grow", "after"),  # while the answer is streamed
    ("copilot.agent.plan:Runner.stage", "before"),  # after the model's answer
    (f"{BOT}.keeping:Keeping.ask", "before"),  # after the card was sent
    (f"{BOT}.keeping:Keeping.ask", "after"),
    (f"{BOT}.keeping:Keeping.end", "before"),
    (f"{BOT}.keeping:Keeping.settle", "after"),  # between the click and the write
    ("copilot.workspace.journal:Journal.ready", "after"),  # within the write
    ("copilot.agent.plan:Runner.commit", "after"),  # between the write and the reply
    (f"{BOT}.consent:Offers.offer", "before"),  # between the reply and the file
    (f"{BOT}.consent:Offers.offer", "after"),
    (f"{BOT}.keeping:Keeping.resettle", "after"),
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with postgres() as server, OpenAIServer(obedient) as vendor:
        home, database = tmp_path_factory.mktemp("site"), server.fresh("bot")
        made = Site(home, database, models(vendor.base_url), more="drain_seconds = 0", server=server)
        try:
            yield made
        finally:
            made.close()


async def conversation(kept: Any, person: Browser) -> list[dict[str, Any]]:
    """Have a document changed, with an approval, and return what stands there at the end."""
    await person.upload("Put the new name in.", "contract.docx", contract())
    shown = await until(kept, person.conversation, lambda shown: bool(cards(shown)))
    data = button(cards(shown)[0], "Approve")
    assert data is not None
    await person.post({"type": "message", "value": data})
    return await until(kept, person.conversation, lambda shown: bool(files(shown)) and said(shown, DONE) > 0)


def two(site: Site) -> Callable[[], str]:
    """Have two replicas, and return what says which of them is asked next."""
    alive = [each for each in site.replicas if each.runs]
    while len(alive) < 2:
        alive.append(site.start(PLACES))
    turn = itertools.count()

    def url() -> str:
        running = [each for each in alive if each.runs]
        return running[next(turn) % len(running)].url

    return url


@pytest.mark.timeout(300)
@pytest.mark.parametrize("place", PLACES if ALL else PLACES[1::4], ids=lambda place: place[0].rpartition(":")[2])
async def test_a_replica_dies(site: Site, place: Place) -> None:
    url, before = two(site), written(site)
    site.light(place)
    async with transcript(site) as kept, browser(url) as person:
        await conversation(kept, person)
        await idle(site)
        shown = await until(kept, person.conversation, lambda shown: True)
        assert site.died(place)
        assert (said(shown, SAID), said(shown, DONE), len(cards(shown)), len(files(shown))) == (1, 1, 1, 1), shown
        assert button(cards(shown), "Approve") is None
        right(contract(), await person.file(next(each for each in await person.seen() if files([each]))))
    assert written(site) == before + 1


@pytest.mark.timeout(300)
async def test_messages_to_both_are_answered_in_their_order_and_a_storm_of_one_is_one(site: Site) -> None:
    url, count = two(site), 20 if ALL else 6
    async with transcript(site) as kept, browser(url) as person:
        for number in range(count):
            await person.say(f"number {number}")
        same = {"type": "message", "text": "storm", "channelData": {"clientActivityID": "storm"}}
        await asyncio.gather(*(person.post(same) for _ in range(200 if ALL else 20)))
        expected = [*(f"number {number}" for number in range(count)), "storm"]
        await until(kept, person.conversation, lambda shown: said(shown, "You said") >= count + 1)
        await idle(site)
        shown = await until(kept, person.conversation, lambda shown: True)
    mine = [each["text"] for each in shown if "You said" in each.get("text", "")]
    assert [text.partition("You said: ")[2].splitlines()[0] for text in mine] == expected
    assert [each["text"] for each in shown if each["from"].get("role") == "user"] == expected


@pytest.mark.timeout(300)
@pytest.mark.parametrize("trouble", ["told to stop", "database"])
async def test_a_turn_in_the_middle_is_not_lost(site: Site, trouble: str) -> None:
    url = two(site)
    GATE.open.clear()
    GATE.reached.clear()
    async with transcript(site) as kept, browser(url) as person:
        message = await person.say("slow")
        assert await asyncio.to_thread(GATE.reached.wait, 100)
        if trouble == "database":
            await asyncio.to_thread(site.server.restart)
            GATE.open.set()
        else:
            GATE.reached.clear()
            [has_it] = [each for each in site.replicas if each.runs and took(each, message)]
            has_it.signal(signal.SIGTERM)
            await has_it.gone()
            GATE.open.set()
        shown = await until(kept, person.conversation, lambda shown: said(shown, "You said: slow") > 0)
        await idle(site)
        shown = await until(kept, person.conversation, lambda shown: True)
    assert said(shown, "") == said(shown, "You said: slow") == 1, shown


def took(replica: Replica, message: str) -> bool:
    """Return whether a replica was the one that an activity came to."""
    return any(line.get("id") == message and line.get("outcome") == "new" for line in replica.logged())


async def idle(site: Site) -> None:
    """Return when no turn waits or runs."""
    from copilot.jobs.engine import Client

    client = Client(Database(site.database, site.home))
    try:
        async with asyncio.timeout(60):
            while not await asyncio.to_thread(client.is_idle):
                await asyncio.sleep(0.05)
    finally:
        client.close()
        client.database.close()
