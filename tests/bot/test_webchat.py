"""The page's service, asked over real HTTP and WebSockets: tokens, people, files, replicas, and what is hostile."""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import make_mocked_request

from copilot.errors import SettingsError
from copilot.hosts.bot.gate import asker
from copilot.hosts.bot.webchat.access import Tries, key_of
from copilot.hosts.bot.webchat.host import WebChat
from copilot.hosts.bot.webchat.signing import LINK, TOKEN
from copilot.jobs.database import Database
from copilot.sections.bot import BotSettings
from tests.bot.webchat_site import Site, in_folder, served

CONVERSATION = "c" * 22
KEY = "correct horse battery staple"


class Now:
    """A clock that stands still until it is moved."""

    seconds = 1_700_000_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture(scope="module")
def now() -> Now:
    return Now()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, now: Now) -> Iterator[Site]:
    with served(in_folder(tmp_path_factory.mktemp("webchat")), clock=now) as made:
        yield made


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    settings = BotSettings(webchat=True, webchat_key_env="PAGE_KEY")
    with served(in_folder(tmp_path_factory.mktemp("keyed")), settings=settings, env={"PAGE_KEY": KEY}) as made:
        yield made


class Browser:
    """What a browser does on the page: a session in a cookie, one conversation."""

    def __init__(self, site: Site) -> None:
        self.site, self.http = site, aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def begin(self) -> dict[str, Any]:
        async with self.http.get(self.site.url + "/") as response:
            assert response.status == 200
        return await self.join()

    async def join(self, conversation: str = "") -> dict[str, Any]:
        made = await self.json(
            "POST", "/tokens/generate", body={"conversationId": conversation} if conversation else {}
        )
        self.token, self.conversation = made["token"], made["conversationId"]
        return await self.json("POST", "/conversations")

    async def ask(self, method: str, path: str, *, body: Any = None, **more: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {getattr(self, 'token', '')}", **more.pop("headers", {})}
        url = path if path.startswith("http") else f"{self.site.url}/directline{path}"
        more |= {"json": body} if body is not None else {}
        async with self.http.request(method, url, headers=headers, **more) as response:
            data = await response.read()
            return response.status, json.loads(data) if response.content_type == "application/json" else data

    async def json(self, method: str, path: str, **more: Any) -> Any:
        status, body = await self.ask(method, path, **more)
        assert status < 300, (status, body)
        return body

    async def say(self, text: str, **more: Any) -> Any:
        return await self.json("POST", self.path("/activities"), body={"type": "message", "text": text, **more})

    async def seen(self, watermark: str = "") -> Any:
        return await self.json("GET", self.path(f"/activities?watermark={watermark}"))

    def path(self, end: str) -> str:
        return f"/conversations/{self.conversation}{end}"


@pytest.fixture
async def browser(site: Site) -> AsyncIterator[Browser]:
    made = Browser(site)
    await made.begin()
    yield made
    await made.http.close()


# --- saying and hearing ----------------------------------------------------------------------------------------------


async def test_a_message_reaches_the_inbox_with_who_sent_it_and_comes_back_once(site: Site, browser: Browser) -> None:
    forged = {
        "from": {"id": "someone", "aadObjectId": "0000", "role": "bot"},
        "conversation": {"id": "elsewhere", "tenantId": "contoso"},
        "channelId": "msteams",
        "serviceUrl": "https://evil.example",
        "channelData": {"clientActivityID": "one", "tenant": {"id": "contoso"}, "webchat:sequence-id": 1},
    }
    said = await browser.say("hello", **forged)
    assert await browser.say("hello", **forged) == said  # a proxy that sends again
    activity, who = site.inbox.heard[-1]
    assert [a for a, _ in site.inbox.heard if a["id"] == said["id"]] == [activity]
    assert who["kind"] == "webchat"
    assert who["user"] == activity["from"]["id"]
    assert who["user"].startswith("dl_")
    assert activity["conversation"] == {"id": browser.conversation, "conversationType": "personal"}
    assert (activity["channelId"], activity["serviceUrl"]) == ("webchat", "urn:everpilot:webchat")
    assert activity["channelData"] == {"clientActivityID": "one"}
    assert activity["attachments"] == []
    assert "aadObjectId" not in activity["from"]
    [echo] = (await browser.seen())["activities"]
    assert (echo["id"], echo["text"], echo["channelData"]["clientActivityID"]) == (said["id"], "hello", "one")


async def test_a_stream_is_one_message_that_grows_and_is_never_doubled(site: Site, browser: Browser) -> None:
    await browser.say("hello")
    channel = site.chat.channel(browser.conversation, "turn-1")

    async def turn() -> str:
        stream = {
            "type": "typing",
            "text": "Reading",
            "channelData": {"streamType": "informative", "streamSequence": 1},
        }
        id = await channel.send(stream, "answer")
        for number, text in ((2, "It is"), (4, "It is 40"), (3, "It is 4")):
            info = {"type": "streaminfo", "streamId": id, "streamType": "streaming", "streamSequence": number}
            await channel.send({"type": "typing", "text": text, "entities": [info]})
        return id

    id = site.run(turn())
    [_, growing] = (await browser.seen())["activities"]
    assert (growing["id"], growing["type"], growing["text"]) == (id, "typing", "It is 40")  # 3 came too late
    assert growing["channelData"]["everpilot:writing"]
    again = site.chat.channel(browser.conversation, "turn-1")  # resumed by another replica
    first = {"type": "typing", "text": "It", "channelData": {"streamType": "streaming", "streamSequence": 1}}
    assert site.run(again.send(first, "answer")) == id
    [_, anew] = (await browser.seen())["activities"]
    assert (anew["id"], anew["text"]) == (id, "It")
    final = {"type": "message", "text": "It is 42.", "channelData": {"streamType": "final", "streamId": id}}
    site.run(again.send(final))
    site.run(channel.send({"type": "typing", "text": "It", "channelData": {"streamType": "streaming", "streamId": id}}))
    assert site.run(again.send(first, "answer")) == id  # and a third time, when all was said
    [_, done] = (await browser.seen())["activities"]
    assert (done["id"], done["type"], done["text"]) == (id, "message", "It is 42.")
    assert "everpilot:writing" not in done["channelData"]
    site.run(channel.delete(id))
    assert [a["type"] for a in (await browser.seen())["activities"]] == ["message", "event"]


async def test_cards_are_such_that_web_chat_answers_them(site: Site, browser: Browser) -> None:
    submit = {"type": "Action.Submit", "title": "Yes", "data": {"card": "1"}}
    actions = [
        {"type": "Action.Execute", "title": "Yes", "verb": "go", "data": {"card": "1"}, "fallback": submit},
        {"type": "Action.Execute", "title": "No", "verb": "go", "data": {"card": "2"}},
    ]
    card = {"type": "AdaptiveCard", "refresh": {}, "body": [{"type": "ActionSet", "actions": actions}]}
    made = {
        "type": "message",
        "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}],
    }
    site.run(site.chat.channel(browser.conversation).send(made))
    [shown] = (await browser.seen())["activities"]
    assert shown["attachments"][0]["content"] == {
        "type": "AdaptiveCard",
        "body": [
            {
                "type": "ActionSet",
                "actions": [submit, {"type": "Action.Submit", "title": "No", "data": {"card": "2", "verb": "go"}}],
            }
        ],
    }


async def test_stop_reaches_the_running_turn_and_a_full_inbox_is_said(site: Site, browser: Browser) -> None:
    stop = {"type": "event", "name": "everpilot/stop", "value": {}}
    await browser.json("POST", browser.path("/activities"), body=stop)
    assert site.inbox.stopped[-1]["conversation"]["id"] == browser.conversation
    for trouble in ("full", "broken"):
        site.inbox.outcome = trouble
        try:
            status, body = await browser.ask("POST", browser.path("/activities"), body={"type": "message", "text": "x"})
        finally:
            site.inbox.outcome = "new"
        assert (status, body["error"]["code"]) == (503, "ServiceError")
    assert "message" not in {each["type"] for each in (await browser.seen())["activities"]}


# --- Direct Line API 3.0 as its reference has it ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "token", "status", "code"),
    [
        ("POST", "/tokens/generate", "none", 401, "BadArgument"),
        ("POST", "/tokens/refresh", "none", 401, "BadArgument"),
        ("POST", "/tokens/refresh", "old", 403, "TokenExpired"),
        ("POST", "/tokens/refresh", "good", 200, ""),
        ("POST", "/conversations", "none", 401, "BadArgument"),
        ("POST", "/conversations", "old", 403, "TokenExpired"),
        ("POST", "/conversations", "good", 200, ""),
        ("GET", "/conversations/{own}?watermark=1", "good", 200, ""),
        ("GET", "/conversations/elsewhere", "good", 404, "BadArgument"),
        ("GET", "/conversations/{own}/activities", "good", 200, ""),
        ("GET", "/conversations/{own}/activities", "old", 403, "TokenExpired"),
        ("GET", "/conversations/elsewhere/activities", "good", 404, "BadArgument"),
        ("POST", "/conversations/{own}/activities", "none", 401, "BadArgument"),
        ("POST", "/conversations/{own}/activities", "good", 400, "BadSyntax"),
        ("POST", "/conversations/{own}/upload?userId=u", "none", 401, "BadArgument"),
        ("POST", "/conversations/{own}/upload?userId=u", "good", 400, "BadSyntax"),
        ("GET", "/conversations/{own}/stream", "none", 401, "BadArgument"),
        ("DELETE", "/conversations/{own}", "good", 404, "BadArgument"),
        ("GET", "/nowhere", "good", 404, "BadArgument"),
    ],
)
async def test_answers_have_the_status_and_the_body_of_the_reference(
    site: Site, browser: Browser, now: Now, method: str, path: str, token: str, status: int, code: str
) -> None:
    path = path.format(own=browser.conversation)
    browser.http.cookie_jar.clear()
    if token == "none":
        browser.token = ""
    now.seconds += TOKEN + 1 if token == "old" else 0
    found, body = await browser.ask(method, path)
    assert (found, body.get("error", {}).get("code", "")) == (status, code)
    if code:
        assert body["error"]["message"]
    elif not path.endswith("activities"):
        assert body["conversationId"] == browser.conversation
        assert body["expires_in"] == TOKEN
        assert ("streamUrl" in body) == ("conversations" in path)


async def test_a_file_alone_is_a_message_and_files_elsewhere_are_refused(site: Site, browser: Browser) -> None:
    for disposition, name in (
        ('name="file"; filename="badjokeeel.jpg"', "badjokeeel.jpg"),  # as the documentation writes it
        ("attachment; filename*=UTF-8''%C3%A4.docx", "ä.docx"),
    ):
        headers = {"Content-Type": "image/jpeg", "Content-Disposition": disposition}
        sent = await browser.json("POST", browser.path("/upload?userId=u"), data=b"abc", headers=headers)
        activity = site.inbox.heard[-1][0]
        [file] = activity["attachments"]
        assert (activity["id"], activity["type"], file["name"]) == (sent["id"], "message", name)
    for disposition in ("", "attachment", 'filename="', ";;", "a" * 9_000):
        headers = {"Content-Disposition": disposition}
        status, _ = await browser.ask("POST", browser.path("/upload"), data=b"abc", headers=headers)
        assert status == 400, disposition
    named = {"contentType": "text/plain", "contentUrl": "http://169.254.169.254/"}
    body = {"type": "message", "text": "see", "attachments": [named]}
    status, answer = await browser.ask("POST", browser.path("/activities"), body=body)
    assert (status, "send them by .../upload" in answer["error"]["message"]) == (400, True)


async def test_what_breaks_is_said_without_a_word_of_it(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, site: Site
) -> None:
    async def broken(*_: Any) -> Any:
        raise RuntimeError("secret")

    monkeypatch.setattr(site.chat.transcript, "since", broken)
    status, body = await browser.ask("GET", browser.path("/activities"))
    assert (status, body["error"]["code"]) == (500, "ServiceError")
    assert "secret" not in str(body)


# --- a stream over replicas ------------------------------------------------------------------------------------------


async def test_a_browser_at_one_replica_sees_what_another_ones_turn_says(stores: Any) -> None:
    with served(stores) as one, served(stores) as two:
        browser = Browser(one)
        started = await browser.begin()
        async with browser.http.ws_connect(started["streamUrl"]) as socket:
            await browser.say("hello")
            first = await socket.receive_json()
            assert [a["text"] for a in first["activities"]] == ["hello"]
            two.run(two.chat.channel(browser.conversation).typing())
            two.run(two.chat.channel(browser.conversation).send({"type": "message", "text": "from two"}))
            seen: list[str] = []
            while "message" not in seen:
                last = await socket.receive_json()
                seen += [a["type"] for a in last["activities"]]
            assert seen in (["typing", "message"], ["message"])
        browser.site = two  # the balancer sends it elsewhere, with the token of the first
        again = await browser.json("GET", browser.path(f"?watermark={first['watermark']}"))
        async with browser.http.ws_connect(again["streamUrl"]) as socket:
            rest = (await socket.receive_json())["activities"]
            assert [a["text"] for a in rest if a["type"] == "message"] == ["from two"]
        sent = await browser.json("POST", browser.path("/upload"), data=form(("a.txt", b"a" * 700_000, ""), text=""))
        kept = one.run(one.chat.files.find(two.inbox.heard[-1][0]["attachments"][0]["contentUrl"]))
        assert (kept.size, two.inbox.heard[-1][0]["id"]) == (700_000, sent["id"])
        history = await browser.seen()
        assert [a["text"] for a in history["activities"]] == [
            "hello",
            "from two",
            "",
        ]  # and nobody writes there any more
        await browser.http.close()


def test_writers_at_once_make_one_order_in_which_a_reader_misses_nothing(stores: Any) -> None:
    with ThreadPoolExecutor(4) as threads:
        replicas = list(threads.map(lambda _: WebChat(stores()), range(4)))  # all start at once
        asyncio.run(replicas[0].transcript.open(CONVERSATION, "dl_ada"))
        writing = [threads.submit(asyncio.run, _write(replicas[n], name)) for n, name in enumerate("abc")]
        seen = asyncio.run(_read(replicas[0], lambda: all(each.done() for each in writing)))
    assert sorted(seen) == sorted(f"{name}{n}" for name in "abc" for n in range(8))
    assert len(set(seen.values())) == len(seen)
    for replica in replicas:
        asyncio.run(replica.close())


async def _read(replica: WebChat, ended: Callable[[], bool]) -> dict[str, int]:
    seen: dict[str, int] = {}
    watermark, done = 0, False
    while not done:
        done = ended()
        batch = await replica.transcript.since(CONVERSATION, watermark)
        assert batch.watermark >= watermark
        watermark = batch.watermark
        seen |= {a["text"]: a["channelData"]["webchat:sequence-id"] for a in batch.activities}
    return seen


async def _write(replica: WebChat, name: str) -> None:
    for number in range(8):
        await replica.transcript.append(CONVERSATION, {"type": "message", "text": f"{name}{number}"}, f"{name}{number}")


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    from tests.jobs.postgres import postgres

    with postgres() as made:
        yield made


@pytest.fixture(params=["file", "postgres"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    made: list[Database] = []
    address = request.getfixturevalue("server").fresh("webchat") if request.param == "postgres" else ""

    def database() -> Database:
        made.append(Database(address, tmp_path))
        return made[-1]

    yield database
    for each in made:
        each.close()


# --- files -----------------------------------------------------------------------------------------------------------


def form(*files: tuple[str, bytes, str], text: str = "see") -> aiohttp.FormData:
    made = aiohttp.FormData(quote_fields=False)
    activity = json.dumps({"type": "message", "text": text})
    made.add_field("activity", activity, content_type="application/vnd.microsoft.activity", filename="blob")
    for name, data, type in files:
        made.add_field("file", io.BytesIO(data), filename=name, content_type=type or "application/octet-stream")
    return made


async def test_a_file_goes_up_and_the_edited_one_comes_down(site: Site, browser: Browser, now: Now) -> None:
    data = bytes(range(256)) * 8_200  # over two megabytes: more than any other request may have
    await browser.json("POST", browser.path("/upload"), data=form(("../../a:\u202e b.docx", data, "")))
    activity, _ = site.inbox.heard[-1]
    [attachment] = activity["attachments"]
    assert (activity["text"], attachment["name"]) == ("see", "a_ b.docx")
    assert attachment["contentType"].endswith("wordprocessingml.document")

    async def edited() -> None:
        kept = await site.chat.files.find(attachment["contentUrl"])
        assert kept is not None
        assert b"".join([piece async for piece in site.chat.files.read(kept)]) == data
        channel = site.chat.channel(browser.conversation)
        file = await channel.file("Ä edited.docx", kept.type, data[::-1])
        await channel.send({"type": "message", "text": "Done.", "attachments": [file.attachment()]})

    site.run(edited())
    sent, back = (await browser.seen())["activities"]
    url = back["attachments"][0]["contentUrl"]
    async with browser.http.get(url) as response:
        assert await response.read() == data[::-1]
        assert response.headers["Content-Disposition"].startswith(
            "attachment; filename=\"_ edited.docx\"; filename*=UTF-8''"
        )
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.content_type == "application/octet-stream"
    other = sent["attachments"][0]["contentUrl"]
    mixed = re.sub(r"/files/[^/]+", re.search(r"/files/[^/]+", other)[0], url)  # type: ignore[index]
    for wrong in (url.split("?")[0], url[:-2], mixed, url.replace("e=", "e=9"), site.url + "/directline/files/x/y"):
        assert (await browser.ask("GET", wrong))[0] == 404, wrong
    now.seconds += LINK + 1
    assert (await browser.ask("GET", url))[0] == 410


async def test_files_of_other_conversations_are_not_to_be_had(site: Site, browser: Browser) -> None:
    await browser.json("POST", browser.path("/upload"), data=form(("secret.txt", b"secret", "text/plain")))
    reference = site.inbox.heard[-1][0]["attachments"][0]["contentUrl"]
    thief = Browser(site)
    await thief.begin()
    body = {"type": "message", "text": "x", "attachments": [{"contentType": "text/plain", "contentUrl": reference}]}
    assert (await thief.ask("POST", thief.path("/activities"), body=body))[0] == 400
    said = {"type": "message", "text": "x", "attachments": body["attachments"]}
    site.run(site.chat.channel(thief.conversation).send(said))  # not even when the assistant is talked into it
    assert [a["attachments"][0]["contentUrl"] for a in (await thief.seen())["activities"]] == [""]
    await thief.http.close()


async def test_too_much_is_refused_and_nothing_of_it_is_kept(
    site: Site, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("copilot.hosts.bot.webchat.files.MOST", 1_000)
    status, body = await browser.ask("POST", browser.path("/upload"), data=form(("big.txt", b"x" * 1_001, "")))
    assert (status, body["error"]["code"]) == (413, "MessageSizeTooBig")
    many = form(*((f"{n}.txt", b"x", "") for n in range(21)))
    assert (await browser.ask("POST", browser.path("/upload"), data=many))[0] == 400
    assert (await browser.seen())["activities"] == []
    await browser.json("POST", browser.path("/upload"), data=form(("a.txt", b"x" * 900, "")))
    monkeypatch.setattr(site.chat.files, "_quota", 900)
    status, body = await browser.ask("POST", browser.path("/upload"), data=form(("b.txt", b"x", "")))
    assert (status, body["error"]["code"]) == (413, "MessageSizeTooBig")
    monkeypatch.setattr("copilot.hosts.bot.webchat.service._FLOOD", 5)
    statuses = [(await browser.ask("POST", browser.path("/activities"), data=b"{"))[0] for _ in range(5)]
    assert statuses[-1] == 429


# --- who may ----------------------------------------------------------------------------------------------------------


async def test_a_token_is_for_one_conversation_and_half_an_hour(site: Site, browser: Browser, now: Now) -> None:
    other = Browser(site)
    await other.begin()
    paths = ["", "/activities"]
    for path in paths:
        assert (await browser.ask("GET", f"/conversations/{other.conversation}{path}"))[0] == 404
    assert (await browser.json("POST", "/tokens/generate", body={"conversationId": other.conversation}))[
        "conversationId"
    ] != other.conversation
    good = browser.token
    head, body, mark = good.split(".")
    unsigned = "eyJhbGciOiJub25lIn0"  # {"alg":"none"}
    for bad in (
        "",
        "x",
        f"{unsigned}.{body}.",
        f"{unsigned}.{body}.{mark}",
        f"{head}.{body}A.{mark}",
        "a.b.c",
        "é.é.é",
    ):
        browser.token = bad
        status, answer = await browser.ask("GET", browser.path("/activities"))
        assert (status, answer["error"]["code"]) == (401, "BadArgument"), bad
    browser.token = next(c.value for c in browser.http.cookie_jar if c.key == "everpilot_session")
    assert (await browser.ask("GET", browser.path("/activities")))[0] == 401  # a session is no token
    browser.token = good
    now.seconds += TOKEN - 1
    fresh = (await browser.json("POST", "/tokens/refresh"))["token"]
    now.seconds += 1
    status, answer = await browser.ask("GET", browser.path("/activities"))
    assert (status, answer["error"]["code"]) == (403, "TokenExpired")
    browser.token = fresh
    await browser.seen()
    assert (await browser.join(browser.conversation))["conversationId"] == browser.conversation  # the page was reloaded
    await other.http.close()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example"},  # a name that leads here (DNS rebinding)
        {"X-Forwarded-For": "203.0.113.9"},  # somebody comes through a proxy
    ],
    ids=lambda headers: next(iter(headers)),
)
async def test_without_a_key_only_this_machine_and_this_page_are_answered(
    browser: Browser, headers: dict[str, str]
) -> None:
    assert (await browser.ask("POST", "/tokens/generate", body={}, headers=headers))[0] == 403
    url = f"{browser.site.url}/directline{browser.path('/stream')}?t={browser.token}"
    if "Sec-Fetch-Site" not in headers:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await browser.http.ws_connect(url, headers=headers)
        assert refused.value.status == 403


async def test_the_key_opens_the_page(keyed: Site) -> None:
    visitor = Browser(keyed)
    async with visitor.http.get(keyed.url) as response:
        text = await response.text()
        assert "Key of this page" in text
        assert response.headers["X-Frame-Options"] == "DENY"
    assert (await visitor.ask("POST", "/tokens/generate", body={}))[0] == 401
    async with visitor.http.post(keyed.url + "/signin", data={"key": "wrong"}) as response:
        assert response.status == 403
    async with visitor.http.post(keyed.url + "/signin", data={"key": KEY}, allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (303, "/")
        cookie = response.headers["Set-Cookie"]
        assert all(word in cookie for word in ("HttpOnly", "SameSite=Strict"))
        assert KEY not in cookie
    await visitor.begin()
    await visitor.say("hello")
    async with visitor.http.post(keyed.url + "/signout", allow_redirects=False) as response:
        assert response.status == 303
    assert (await visitor.ask("POST", "/tokens/generate", body={}))[0] == 401
    visitor.token = KEY  # a program of the company's own, for one of its people
    made = await visitor.json("POST", "/tokens/generate", body={"user": {"id": "dl_ada", "name": "Ada\x1b[31m"}})
    visitor.token, visitor.conversation = made["token"], made["conversationId"]
    await visitor.json("POST", "/conversations")
    await visitor.say("hello")
    assert keyed.inbox.heard[-1][0]["from"] == {"id": "dl_ada", "name": "Ada", "role": "user"}
    await visitor.http.close()


async def test_who_tries_keys_is_slowed_and_nobody_else(keyed: Site) -> None:
    """Behind a proxy all come from its address: the one that it tells counts, and what a client says before it not."""

    async def tries(key: str, address: str, http: aiohttp.ClientSession) -> int:
        headers = {"X-Forwarded-For": f"198.51.100.1, {address}"}
        async with http.post(
            keyed.url + "/signin", data={"key": key}, headers=headers, allow_redirects=False
        ) as response:
            return response.status

    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession() as stranger, aiohttp.ClientSession(cookie_jar=jar) as known:
        assert await tries(KEY, "203.0.113.8", known) == 303
        assert [await tries("wrong", "203.0.113.9", stranger) for _ in range(6)] == [403] * 5 + [429]
        assert await tries(KEY, "203.0.113.9", stranger) == 429  # also the right one: nobody learns by trying
        assert await tries(KEY, "203.0.113.10", stranger) == 303
        headers = {"Authorization": "Bearer wrong"}
        async with stranger.post(f"{keyed.url}/directline/tokens/generate", headers=headers) as response:
            assert response.status == 401  # straight from here
        for number in range(60):  # from many addresses: strangers wait, whoever has been here does not
            keyed.tries.failed(f"10.0.0.{number}")
        assert await tries(KEY, "203.0.113.11", stranger) == 429
        assert await tries(KEY, "203.0.113.11", known) == 303
        jar.clear(lambda cookie: cookie.key == "everpilot_session")
        assert [await tries("wrong", "203.0.113.11", known) for _ in range(6)] == [403] * 5 + [429]


def test_tries_are_counted_for_each_address_and_for_all() -> None:
    now = Now()
    tries = Tries(clock=now)
    for number in range(60):
        assert tries.left(f"10.0.0.{number}")
        tries.failed(f"10.0.0.{number}")
    assert not tries.left("10.9.9.9")
    assert tries.left("a browser", known=True)
    now.seconds += 60
    assert tries.left("10.0.0.1")


@pytest.mark.parametrize(
    ("peer", "told", "address"),
    [
        ("127.0.0.1", None, "127.0.0.1"),
        ("172.18.0.5", "203.0.113.9", "203.0.113.9"),
        ("172.18.0.5", "1.2.3.4, 203.0.113.9", "203.0.113.9"),
        ("172.18.0.5", "nonsense", "172.18.0.5"),
        ("172.18.0.5", "", "172.18.0.5"),
        ("8.8.8.8", "203.0.113.9", "8.8.8.8"),  # no proxy of ours: it says what it likes
        ("fd00::5", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:8.8.8.8", "203.0.113.9", "8.8.8.8"),
        (None, "203.0.113.9", "?"),
    ],
)
def test_whose_tries_they_are(peer: str | None, told: str | None, address: str) -> None:
    class Transport(asyncio.Transport):
        def get_extra_info(self, name: str, default: Any = None) -> Any:
            return (peer, 5) if peer and name == "peername" else None

    headers = {} if told is None else {"X-Forwarded-For": told}
    assert asker(make_mocked_request("GET", "/", headers=headers, transport=Transport())) == address


@pytest.mark.parametrize("value", [None, "", "short"])
def test_a_key_that_is_missing_or_short_is_said_at_the_start(value: str | None) -> None:
    settings = BotSettings(webchat=True, webchat_key_env="PAGE_KEY")
    with pytest.raises(SettingsError, match="PAGE_KEY"):
        key_of(settings, {} if value is None else {"PAGE_KEY": value})


# --- hostile input ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 400),
        (b'{"type":"message","value":' + b"[" * 70 + b"]" * 70 + b"}", 400),
        (b'{"type":"message","text":[1]}', 400),
        (b'{"type":"message","text":null,"attachments":7,"channelData":[]}', 200),
        (b'{"type":"message","text":"x","attachments":[null,1,{"contentUrl":{}}]}', 200),
        (b'{"type":"message","text":"x","locale":{},"textFormat":"%s"}' % (b"y" * 999), 200),
        (b'{"type":"invoke"}', 400),
        (b'{"type":"message","text":"\\u0000\\ud800"}', 200),
        (b'{"type":"typing"}', 200),
        (b'{"type":["message"]}', 200),
        (b'{"type":"message","text":"' + b"x" * 1_048_576 + b'"}', 413),
    ],
)
async def test_malformed_activities_are_refused_with_a_reason(browser: Browser, body: bytes, status: int) -> None:
    found, answer = await browser.ask("POST", browser.path("/activities"), data=io.BytesIO(body))
    assert found == status, answer
    assert status == 200 or answer["error"]["message"]
    await browser.seen()


async def test_odd_requests_get_an_answer(browser: Browser) -> None:
    for watermark in ("-1", "x", "9" * 99, "١"):
        await browser.seen(watermark)
    status, _ = await browser.ask("POST", browser.path("/upload"), data=b"x")
    assert status == 400
    for broken in (b"", b"--x\r\n", b"--x\r\n\r\nabc", b"--y\r\n"):
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        status, _ = await browser.ask("POST", browser.path("/upload"), data=broken, headers=headers)
        assert status in (200, 400), broken
    assert (await browser.ask("POST", "/tokens/generate", data=b'{"conversationId":[1]}'))[0] == 200


async def test_what_nobody_comes_back_to_is_removed(site: Site, browser: Browser, now: Now) -> None:
    await browser.json("POST", browser.path("/upload"), data=form(("a.txt", b"a", "text/plain")))
    reference = site.inbox.heard[-1][0]["attachments"][0]["contentUrl"]
    assert site.chat.sweep(30) == 0
    now.seconds += 31 * 86_400
    assert site.chat.sweep(30) >= 1
    assert site.run(site.chat.files.find(reference)) is None
    await browser.join(browser.conversation) if (await browser.ask("GET", browser.path("")))[0] == 200 else None
    assert site.run(site.chat.transcript.owner(browser.conversation)) == ""
