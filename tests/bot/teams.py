"""A replica of the whole bot on 127.0.0.1, and the Teams around it: who signs, who takes replies, where files lie.

Everything is what a company runs, but for the model, which says what a test's script says: the door checks signed
tokens, turns are durable workflows over SQLite, replies go through the connector to a service that holds the bot to
the rules of Teams (chats.py), and files are fetched and put by HTTP.
"""

from __future__ import annotations

import asyncio
import copy
import itertools
import json
import threading
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from copilot.hosts.bot import app as app_module
from copilot.hosts.bot import assembly
from copilot.hosts.bot.app import create_app
from copilot.hosts.bot.cards import VERB
from copilot.hosts.bot.channels import StreamRefused
from copilot.hosts.bot.connector import Connector
from copilot.hosts.bot.durable import conversation_key, turn_id
from copilot.hosts.bot.hosts import Hosts
from copilot.hosts.bot.keys import fetcher
from copilot.hosts.bot.metrics import Metrics
from copilot.sections.bot import BotSettings
from copilot.settings import Settings, SkillSettings
from tests.bot.chats import Chat
from tests.bot.crowd import ADA, BOT_ID, said
from tests.bot.issuing import APP, OTHER_TENANT, TENANT, Issuers, local_cloud, token

_PATIENCE = 12.0
CARD = "application/vnd.microsoft.card.adaptive"
DOWNLOAD = "application/vnd.microsoft.teams.file.download.info"


@dataclass
class Halfway:
    """An answer that is said in part; then the model waits for `go`, and goes on, or dies with an error."""

    first: str
    rest: str = ""
    dies: bool = False
    go: threading.Event = field(default_factory=threading.Event)


class Model(BaseChatModel):
    """Answers by `script`: for the words of a person, what is said first, after the first results, and so on.

    An entry is a text, a list of calls (name on the wire, arguments), or Halfway. Words that it doesn't know are said
    back. `seen` are the messages of each request.
    """

    script: dict[str, list[Any]] = {}  # noqa: RUF012 - pydantic copies it
    seen: list[Any] = []  # noqa: RUF012

    @property
    def _llm_type(self) -> str:
        return "teams"

    def bind_tools(self, tools: Any, **_: Any) -> Model:  # type: ignore[override]
        return self

    def _entry(self, messages: list[BaseMessage]) -> Any:
        self.seen.append(list(messages))
        at = max(i for i, m in enumerate(messages) if isinstance(m, HumanMessage))
        words = messages[at].text.partition("\n\nFiles:")[0]
        entries = self.script.get(words, [f"You said: {words[:200]}"])
        done = sum(isinstance(m, AIMessage) for m in messages[at:])
        return entries[min(done, len(entries) - 1)]

    def _generate(self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **_: Any) -> ChatResult:
        chunks = [chunk.message for chunk in self._stream(messages)]
        whole = chunks[0]
        for chunk in chunks[1:]:
            whole += chunk  # type: ignore[assignment]
        return ChatResult(generations=[ChatGeneration(message=whole)])

    def _stream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **_: Any
    ) -> Iterator[ChatGenerationChunk]:
        entry = self._entry(messages)
        number = sum(isinstance(m, AIMessage) for m in messages)
        assert not isinstance(entry, Halfway), "such answers are streamed"
        if isinstance(entry, str):
            yield _chunk(entry, finish="stop")
        else:
            calls = [
                {"name": name, "args": json.dumps(args), "id": f"call_{number}_{i}", "index": i}
                for i, (name, args) in enumerate(entry)
            ]
            yield _chunk("", finish="tool_calls", calls=calls)

    async def _astream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **more: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        entry = self._entry(messages)
        if not isinstance(entry, Halfway):
            self.seen.pop()
            for chunk in self._stream(messages):
                yield chunk
            return
        yield _chunk(entry.first)
        while not entry.go.is_set():
            await asyncio.sleep(0.01)
        if entry.dies:
            raise ConnectionError("the vendor is gone")
        yield _chunk(entry.rest, finish="stop")


def _chunk(text: str, finish: str = "", calls: Any = ()) -> ChatGenerationChunk:
    more: dict[str, Any] = {"response_metadata": {"finish_reason": finish}} if finish else {}
    return ChatGenerationChunk(message=AIMessageChunk(text, tool_call_chunks=list(calls), **more))


class Teams:
    """The bot and its Teams. `down` says what the service answers instead: a status, what makes one, 0 to take it.

    `members` are what the roster says besides what is asked for, `rosters` who is in a group ("team"), `installed` for
    whom the app is theirs, so that it may write to them; `files` lie at `url(name)`; `uploaded` came there.
    """

    def __init__(
        self,
        folder: Path,
        model: BaseChatModel,
        *,
        more: dict[str, Any] | None = None,
        env: dict[str, str] | None = None,
        **bot: Any,
    ) -> None:
        self.folder, self.model = folder, model
        self.home = folder / "home"
        self.home.mkdir(exist_ok=True)
        self.settings = Settings(
            bot=BotSettings(
                **{
                    "app_id": APP,
                    "tenants": [TENANT, OTHER_TENANT],
                    "secret_env": "SECRET",
                    "per_minute": 10_000,
                    **bot,
                }
            ),
            skills=SkillSettings(paths=[str(folder / "skills")]),
            **(more or {}),
        )
        self.env = env or {}
        self.chats: dict[str, Chat] = defaultdict(lambda: Chat(time.monotonic, edits=True))
        self.down: Callable[[str, str, Any], Any] = lambda method, path, body: 0
        self.faults: list[str] = []
        self.members: dict[str, dict[str, Any]] = {}
        self.rosters: dict[str, list[str]] = {}
        self.installed: set[str] = set()
        self.files: dict[str, bytes] = {}
        self.uploaded: dict[str, bytes] = {}
        self.asked: list[tuple[str, str]] = []
        self.era = 0
        self._numbers = itertools.count(1)
        self._news = threading.Condition()
        self.begun: set[str] = set()
        self._ended: set[str] = set()
        self._ready = threading.Event()
        self._fault: BaseException | None = None

    # --- serving ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._ready.clear()
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()
        self._ready.wait(60)
        if self._fault is not None:
            raise self._fault

    def _live(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as fault:
            self._fault = fault
            self._ready.set()
            raise

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(30)

    def run(self, made: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(made, self._loop).result(_PATIENCE)

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        here = Hosts(("127.0.0.1",), here=True)
        async with AsyncExitStack() as stack:
            stack.enter_context(patch.object(app_module, "hosts_of", lambda *_: here))
            stack.enter_context(patch.object(assembly, "hosts_of", lambda *_: here))
            issuers = await stack.enter_async_context(TestServer(Issuers().app()))
            self._service = await stack.enter_async_context(TestServer(self._app()))
            connector = Connector(_Signed(), here, Metrics(), sleep=_at_once)
            stack.push_async_callback(connector.close)
            how: dict[str, Any] = {"env": self.env, "model": self.model}
            behind = await stack.enter_async_context(assembly.assistant(self.settings, self.home, connector, **how))
            self._inbox: Any = behind.inbox
            self.turns = self._inbox._turns
            self.turns.keeping.end = self._noted(self.turns.keeping.end)
            self._inbox.put = self._begins(self._inbox.put)
            fetch, close = fetcher()
            stack.push_async_callback(close)
            app = create_app(self.settings, behind.inbox, routes=behind.routes, cloud=local_cloud(issuers), fetch=fetch)
            self._bot = await stack.enter_async_context(TestServer(app))
            self._http = await stack.enter_async_context(aiohttp.ClientSession())
            self._ready.set()
            await self._over.wait()

    def _noted(self, end: Any) -> Any:
        def noted(id: str, replies: Any = ()) -> None:
            end(id, replies)
            with self._news:
                self._ended.add(id)
                self._news.notify_all()

        return noted

    def _begins(self, put: Any) -> Any:
        async def begun(activity: dict[str, Any], who: dict[str, Any]) -> Any:
            self.begun.add(turn_id(activity))
            return await put(activity, who)

        return begun

    # --- the service --------------------------------------------------------------------------------------------------

    def _app(self) -> web.Application:
        made = web.Application(client_max_size=2**26)
        place = "/v3/conversations/{chat}"
        made.add_routes(
            [
                web.post(place + "/activities", self._sent),
                web.post(place + "/activities/{id}", self._sent),
                web.put(place + "/activities/{id}", self._updated),
                web.delete(place + "/activities/{id}", self._deleted),
                web.get(place + "/members/{id}", self._member),
                web.get(place + "/pagedmembers", self._members),
                web.post("/v3/conversations", self._alone),
                web.get("/files/{name}", self._file),
                web.put("/upload/{name}", self._upload),
            ]
        )
        return made

    async def _refuses(self, request: web.Request, body: Any = None) -> web.Response | None:
        self.asked.append((request.method, request.path))
        status = self.down(request.method, request.path, body)
        if callable(status):
            return status(request)  # type: ignore[no-any-return]
        return web.json_response({"error": {"code": "Down"}}, status=status) if status else None

    async def _sent(self, request: web.Request) -> web.Response:
        activity = await request.json()
        if (refused := await self._refuses(request, activity)) is not None:
            return refused
        chat = self.chats[request.match_info["chat"]]
        try:
            if activity["type"] == "typing" and "text" not in activity:
                await chat.typing()
                return web.json_response({"id": ""}, status=201)
            id = await chat.send(activity)
        except StreamRefused as refused:
            text = {"time": "Content stream exceeded streaming time", "stopped": "Content stream was canceled by user"}
            error = {"code": "ContentStreamNotAllowed", "message": text.get(refused.reason, "already completed")}
            return web.json_response({"error": error}, status=403)
        except AssertionError as fault:
            self.faults.append(str(fault))
            return web.json_response({"error": {"code": "BadSyntax", "message": str(fault)}}, status=400)
        self._tell()
        return web.json_response({"id": id}, status=201)

    def _tell(self) -> None:
        with self._news:
            self._news.notify_all()

    async def _updated(self, request: web.Request) -> web.Response:
        activity = await request.json()
        if (refused := await self._refuses(request, activity)) is not None:
            return refused
        try:
            await self.chats[request.match_info["chat"]].update(request.match_info["id"], activity)
        except AssertionError as fault:
            self.faults.append(str(fault))
            return web.json_response({}, status=404)
        self._tell()
        return web.json_response({"id": request.match_info["id"]})

    async def _deleted(self, request: web.Request) -> web.Response:
        if (refused := await self._refuses(request)) is not None:
            return refused
        self.chats[request.match_info["chat"]].shown.pop(request.match_info["id"], None)
        return web.Response()

    async def _member(self, request: web.Request) -> web.Response:
        if (refused := await self._refuses(request)) is not None:
            return refused
        id, chat = request.match_info["id"], request.match_info["chat"].partition(":")[2].partition("@")[0]
        if (roster := self.rosters.get(chat)) is not None and id.removeprefix("29:") not in roster:
            return web.json_response({"error": {"code": "MemberNotFoundInConversation"}}, status=404)
        return web.json_response(self._known(id))

    def _known(self, id: str) -> dict[str, Any]:
        user = id.removeprefix("29:")
        known = {"id": f"29:{user}", "aadObjectId": user, "userRole": "user", "email": f"{user[-4:]}@contoso.com"}
        return {**known, **self.members.get(f"29:{user}", {})}

    async def _members(self, request: web.Request) -> web.Response:
        if (refused := await self._refuses(request)) is not None:
            return refused
        size, start = int(request.query["pageSize"]), int(request.query.get("continuationToken", 0))
        assert 50 <= size <= 500
        listed = self.rosters.get(request.match_info["chat"].partition(":")[2].partition("@")[0], [])
        page = {"members": [self._known(each) for each in listed[start : start + size]]}
        more = {"continuationToken": str(start + size)} if start + size < len(listed) else {}
        return web.json_response({**page, **more})

    async def _alone(self, request: web.Request) -> web.Response:
        """Answer as Teams does: one member by its own id, the tenant, and the same chat for the same person."""
        body = await request.json()
        if (refused := await self._refuses(request, body)) is not None:
            return refused
        (member,) = body["members"]
        if body["isGroup"] or not body["tenantId"] or not member["id"].startswith("29:"):
            return web.json_response({"error": {"code": "BadSyntax"}}, status=400)
        user = member["id"].removeprefix("29:")
        if user not in self.installed:
            return web.json_response({"error": {"code": "BotNotInConversationRoster"}}, status=403)
        return web.json_response({"id": f"a:{user}#{self.era}"}, status=201)

    async def _file(self, request: web.Request) -> web.Response:
        data = self.files.get(request.match_info["name"])
        return web.Response(status=404) if data is None else web.Response(body=data)

    async def _upload(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.uploaded[name] = self.uploaded.get(name, b"") + await request.read()
        return web.Response(status=201)

    # --- what people do -----------------------------------------------------------------------------------------------

    @property
    def service(self) -> str:
        return str(self._service.make_url("/"))

    def url(self, name: str) -> str:
        return str(self._service.make_url(f"/files/{name}"))

    def chat(self, user: str = ADA, chat: str = "personal") -> Chat:
        """Return a conversation: somebody's own, or that of a group."""
        found = self.chats[f"a:{user}#{self.era}" if chat == "personal" else f"19:{chat}@thread.v2#{self.era}"]
        if chat != "personal":
            found.streams = False
        return found

    def activity(self, text: str = "", **more: Any) -> dict[str, Any]:
        made = {"id": f"m{next(self._numbers)}", "serviceUrl": self.service, **more}
        made = said(text, **made)
        made["conversation"]["id"] += f"#{self.era}"  # nothing was said in it before
        return made

    def post(self, activity: dict[str, Any], *, wait: bool = True) -> Any:
        """Send an activity as Teams does, wait until its turn ended, if it has one, and return the answer's body."""
        status, body = self.run(self._post(activity))
        assert status in (200, 202), (status, body)
        if wait and (activity["type"] != "invoke" or turn_id(activity) in self.begun):
            self.wait_for(turn_id(activity))
        return body

    def status(self, activity: dict[str, Any], **claims: Any) -> int:
        """Return the HTTP status of an activity; nothing is waited for."""
        return int(self.run(self._post(activity, **claims))[0])

    async def _post(self, activity: dict[str, Any], **claims: Any) -> tuple[int, Any]:
        bearer = token({"serviceurl": self.service, **claims})
        url = self._bot.make_url("/api/messages")
        head = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
        async with self._http.post(url, data=BytesIO(json.dumps(activity).encode()), headers=head) as response:
            text = await response.text()
            return response.status, json.loads(text) if text.startswith(("{", "[")) else text

    def wait_for(self, id: str) -> None:
        with self._news:
            assert self._news.wait_for(lambda: id in self._ended, _PATIENCE), "the turn does not end"

    def settle(self) -> None:
        """Wait until all that was sent is worked on, also what no test waited for."""
        self.until(self._inbox._worker.client.is_idle)

    def until(self, there: Callable[[], Any]) -> Any:
        """Wait until the service has seen what `there` looks for, and return it."""
        with self._news:
            over = time.monotonic() + _PATIENCE
            while not (found := there()):
                self._news.wait(0.05)  # what it looks for may be nothing that the service is told of
                assert time.monotonic() < over, "it does not come"
        return found

    def say(self, text: str, *, user: str = ADA, chat: str = "personal", **more: Any) -> list[dict[str, Any]]:
        """Say something, wait for the end of the turn, and return what is new, or newly looks otherwise."""
        return self.does(self.activity(text, user=user, chat=chat, **more), user=user, chat=chat)

    def does(self, activity: dict[str, Any], *, user: str = ADA, chat: str = "personal") -> list[dict[str, Any]]:
        there = self.chat(user, chat)
        before = copy.deepcopy(there.shown)
        self.post(activity)
        return [each for id, each in there.shown.items() if before.get(id) != each]

    def press(
        self,
        which: str | dict[str, Any],
        do: str = "approve",
        *,
        user: str = ADA,
        chat: str = "personal",
        submit: bool = False,
        wait: bool = True,
        **inputs: Any,
    ) -> Any:
        """Press a button of a card, by the activity's id or the data of its button; return what the invoke is told."""
        data = {**(button(self.chat(user, chat).shown[which], do) if isinstance(which, str) else which), **inputs}
        made = self.activity(user=user, chat=chat)
        made.pop("text"), made.pop("entities", None)
        if submit:
            return self.post({**made, "value": data}, wait=wait)
        made |= {"type": "invoke", "name": "adaptiveCard/action"}
        action = {"type": "Action.Execute", "verb": VERB, "data": data}
        return self.post({**made, "value": {"action": action, "trigger": "manual"}}, wait=wait)

    def view(self, card: str, *, user: str = ADA, chat: str = "personal", trigger: str = "automatic") -> Any:
        """Return what a client is told that looks at a card for its person, as the card says (Refresh)."""
        ((shown),) = cards(self.chat(user, chat).shown[card])
        made = self.activity(user=user, chat=chat) | {"type": "invoke", "name": "adaptiveCard/action"}
        made.pop("text"), made.pop("entities", None)
        return self.post({**made, "value": {"action": shown["refresh"]["action"], "trigger": trigger}})

    def attached(self, name: str, data: bytes, *, called: str = "") -> dict[str, Any]:
        """Return an attachment as Teams makes of a file that a person sends."""
        self.files[name] = data
        content = {"downloadUrl": self.url(name), "uniqueId": name, "fileType": name.rpartition(".")[2]}
        return {
            "contentType": DOWNLOAD,
            "contentUrl": "https://c.sharepoint.com/x",
            "name": called or name,
            "content": content,
        }

    def turns_key(self, activity: dict[str, Any]) -> str:
        """Return what the bot calls an activity's conversation."""
        return conversation_key(activity)

    def open_card(self, user: str = ADA, chat: str = "personal") -> str:
        """Return the id of the newest activity with buttons."""
        shown = self.chat(user, chat).shown
        return [id for id, each in shown.items() if any(buttons(each))][-1]

    def room(self, user: str = ADA, chat: str = "personal", tenant: str = TENANT) -> Path:
        """Return the folder of a person's, or a group's, files."""
        from copilot.hosts.bot.people import person
        from tests.bot.crowd import CHANNEL

        who = person(self.activity(user=user, chat=chat, tenant=tenant), CHANNEL, self.settings.bot)
        return Path(self.turns.rooms.room(who).folder)


class _Signed:
    async def token(self) -> str:
        return "the-bots-own"

    def renew(self) -> None:
        """Nothing is kept."""


async def _at_once(seconds: float) -> None:
    """Wait for nobody: the service of these tests takes replies, or does not, whatever the hour."""
    await asyncio.sleep(0)


def cards(activity: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for each in activity.get("attachments") or ():
        if each["contentType"] == CARD:
            yield each["content"]


def buttons(activity: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for card in cards(activity):
        yield from (each for each in _parts(card) if each.get("type") == "Action.Execute" and "title" in each)


def button(activity: dict[str, Any], do: str) -> dict[str, Any]:
    """Return the data of the button of a card that does this."""
    return next(each["data"] for each in buttons(activity) if each["data"]["do"] == do)


def words(value: Any) -> str:
    """Return all texts of a card, in their order."""
    return "\n".join(str(each["text"]) for each in _parts(value) if isinstance(each.get("text"), str))


def _parts(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _parts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _parts(inner)


@contextmanager
def teams(folder: Path, model: BaseChatModel, **how: Any) -> Iterator[Teams]:
    made = Teams(folder, model, **how)
    made.start()
    try:
        yield made
    finally:
        made.stop()


__all__ = ["BOT_ID", "Halfway", "Model", "Teams", "button", "buttons", "cards", "teams", "words"]
