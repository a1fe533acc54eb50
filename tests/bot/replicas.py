"""Replicas of the bot as processes that can be killed and told to stop, on one Postgres with one folder of files.

They are forks of a process that has imported what a replica needs. A replica can die at places in the code that it is
given: where one is lit (a file, that only one of them can take away), it kills itself there, with SIGKILL.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

ROOT = Path(__file__).resolve().parents[2]
#: Where a replica can be told to die: "module:Class.method", before or after the call.
Place = tuple[str, str]
_IMPORTED = (
    *("copilot.hosts.bot.assembly", "copilot.hosts.bot.clicks", "copilot.agent.copilot", "copilot.agent.assembly"),
    *("copilot.agent.turn", "copilot.agent.router", "copilot.models.router", "copilot.documents.word.edits"),
    *("langgraph.checkpoint.postgres.aio", "psycopg_pool", "sqlalchemy.dialects.postgresql.psycopg", "aiohttp.web"),
    *("langchain_openai", "openai", "httpx", "docx", "lxml.etree", "dbos", "cryptography.fernet", "tomlkit", "yaml"),
)


@dataclass
class Replica:
    """One process, which listens on `port`."""

    pid: int
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    async def gone(self) -> None:
        """Return when it has ended."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            await asyncio.to_thread(select.select, [handle], [], [], 60)
        finally:
            os.close(handle)

    def kill(self) -> None:
        """Kill it where it stands, if it still runs."""
        try:
            self.signal(signal.SIGKILL)
        except ProcessLookupError:
            return

    def logged(self) -> list[dict[str, Any]]:
        """What it wrote, as far as it is JSON."""
        lines = self.log.read_text("utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


@dataclass
class Site:
    """A database, a folder of people's files, and replicas. `models` are entries of the settings, as TOML."""

    home: Path
    database: str
    models: str
    more: str = ""
    grace: float = 0.6
    server: Any = None
    replicas: list[Replica] = field(default_factory=list)
    _nursery: subprocess.Popen[str] | None = None

    @property
    def files(self) -> Path:
        return self.home / "files"

    def start(self, die: Sequence[Place] = (), port: int = 0) -> Replica:
        """Start a replica, and return when it listens."""
        if self._nursery is None:
            env = {**os.environ, "PYTHONPATH": str(ROOT), "EVERPILOT_TEST_KEY": "test-key"}
            command = [sys.executable, "-m", "tests.bot.replicas"]
            self._nursery = subprocess.Popen(command, cwd=ROOT, env=env, stdin=-1, stdout=-1, text=True)
        number = len(self.replicas)
        state = self.home / f"replica-{number}"
        state.mkdir(mode=0o700)
        (state / "copilot.toml").write_text(self._settings())
        told: dict[str, Any] = {"state": str(state), "log": str(state / "log"), "die": list(die)}
        told |= {"port": port or free_port(), "grace": self.grace, "fuses": str(self.home / "fuses")}
        (self.home / "fuses").mkdir(exist_ok=True)
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        self._nursery.stdin.write(json.dumps(told) + "\n")
        self._nursery.stdin.flush()
        line = self._nursery.stdout.readline().split()
        assert line, (state / "log").read_text()
        assert line[0] == "listens", (line, (state / "log").read_text())
        made = Replica(int(line[1]), int(told["port"]), state / "log")
        self.replicas.append(made)
        return made

    def _settings(self) -> str:
        lines = [f"database = {json.dumps(self.database)}", "[bot]", "webchat = true", "per_minute = 100000"]
        return "\n".join([*lines, f"files = {json.dumps(str(self.files))}", self.more, self.models, ""])

    def light(self, place: Place, number: int = signal.SIGKILL) -> None:
        """Have the next replica die that comes to a place, of those that were started with it; or stand still there."""
        fuse = self.home / "fuses" / _fuse(place)
        fuse.with_suffix(".new").write_text(str(int(number)))
        fuse.with_suffix(".new").rename(fuse)

    def died(self, place: Place) -> bool:
        """Return whether a replica has died at a place that was lit."""
        return not (self.home / "fuses" / _fuse(place)).exists()

    def close(self) -> None:
        for each in self.replicas:
            each.kill()
        if self._nursery is not None:
            assert self._nursery.stdin is not None
            assert self._nursery.stdout is not None
            self._nursery.stdin.close()
            self._nursery.stdout.close()
            self._nursery.wait()


def models(*urls: str) -> str:
    """The settings of models at these addresses, the first one preferred."""
    lines = []
    for number, url in enumerate(urls):
        lines += ["[[models]]", f'name = "vendor-{number}"', 'provider = "openai"', 'model = "gpt-test"']
        lines += [f"base_url = {json.dumps(url)}", 'api_key_env = "EVERPILOT_TEST_KEY"']
    return "\n".join(lines)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _fuse(place: Place) -> str:
    return "".join(c if c.isalnum() else "-" for c in "-".join(place))


class Browser:
    """What the page does in a browser: a session in a cookie, one conversation; `url` says which replica is asked."""

    def __init__(self, url: Callable[[], str]) -> None:
        self._url = url
        self.http = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        self.conversation = self._token = ""

    async def begin(self) -> None:
        async with self.http.get(self._url() + "/") as response:
            assert response.status == 200
        made = await self.json("POST", "/tokens/generate", lambda: {"json": {}})
        self._token, self.conversation = made["token"], made["conversationId"]
        await self.json("POST", "/conversations")

    async def json(self, method: str, path: str, make: Callable[[], dict[str, Any]] = dict) -> Any:
        """Ask; again, as the page does, where a replica died meanwhile."""
        headers = {"Authorization": f"Bearer {self._token}"}
        for left in reversed(range(4)):
            url = f"{self._url()}/directline{path}"
            try:
                async with self.http.request(method, url, headers=headers, **make()) as response:
                    assert response.status < 300, (response.status, await response.text())
                    return await response.json()
            except aiohttp.ClientError:
                if not left:
                    raise
        raise AssertionError

    async def say(self, text: str, **more: Any) -> str:
        """Say something, and return the id of the activity."""
        return await self.post({"type": "message", "text": text, **more})

    async def post(self, activity: dict[str, Any]) -> str:
        activity = {"channelData": {"clientActivityID": uuid.uuid4().hex}, **activity}
        path = f"/conversations/{self.conversation}/activities"
        return str((await self.json("POST", path, lambda: {"json": activity}))["id"])

    async def upload(self, text: str, name: str, data: bytes) -> None:
        said = {"type": "message", "text": text, "channelData": {"clientActivityID": uuid.uuid4().hex}}

        def form() -> dict[str, Any]:
            made, kind = aiohttp.FormData(), "application/vnd.microsoft.activity"
            made.add_field("activity", json.dumps(said), content_type=kind, filename="blob")
            made.add_field("file", data, filename=name, content_type="application/octet-stream")
            return {"data": made}

        await self.json("POST", f"/conversations/{self.conversation}/upload", form)

    async def seen(self) -> list[dict[str, Any]]:
        found = await self.json("GET", f"/conversations/{self.conversation}/activities?watermark=0")
        return [each for each in found["activities"] if each["type"] != "event"]

    async def file(self, activity: dict[str, Any]) -> bytes:
        """Return the file that an activity brings."""
        [attachment] = activity["attachments"]
        path = str(attachment["contentUrl"]).split("/directline", 1)[1]
        async with self.http.get(f"{self._url()}/directline{path}") as response:
            assert response.status == 200
            return await response.read()

    async def close(self) -> None:
        await self.http.close()


@asynccontextmanager
async def browser(url: Callable[[], str]) -> AsyncIterator[Browser]:
    made = Browser(url)
    try:
        await made.begin()
        yield made
    finally:
        await made.close()


# --- the process that replicas are forks of ---------------------------------------------------------------------------


def _nurse() -> None:
    import gc

    for name in _IMPORTED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        told = json.loads(line)
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _replica(told)


def _replica(told: dict[str, Any]) -> None:
    """Be a replica until the end."""
    log = os.open(told["log"], os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    out = os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    for number, to in ((0, null), (1, log), (2, log)):
        os.dup2(to, number)
    os.environ["EVERPILOT_HOME"] = told["state"]
    code = 1
    try:
        _quick(told["grace"])
        for place in told["die"]:
            _die(tuple(place), Path(told["fuses"]))
        _served(told, lambda line: [os.write(out, f"listens {os.getpid()}\n".encode())].clear())
        code = 0
    except BaseException:  # noqa: BLE001 - the end of a process
        import traceback

        traceback.print_exc()
        os.write(out, b"failed\n") if os.path.exists(told["log"]) else None
    finally:
        os._exit(code)


def _quick(grace: float) -> None:
    """Look for the dead more often than a host has to."""
    from copilot.jobs import engine, presence

    presence.GRACE, presence.SILENCE, engine.LOOK = grace, 3 * grace, grace / 3


def _served(told: dict[str, Any], say: Callable[[str], None]) -> None:
    from functools import partial

    from copilot import settings
    from copilot.hosts import bot_commands
    from copilot.hosts.bot import logs, serve

    chosen = settings.load(Path(told["state"]))
    logs.to()
    serve.run(chosen, serve.Address(port=told["port"]), partial(bot_commands._assistant, chosen), say)


def _die(place: Place, fuses: Path) -> None:
    where, when = place
    module, _, name = where.partition(":")
    owner: Any = importlib.import_module(module)
    *path, last = name.split(".")
    for each in path:
        owner = getattr(owner, each)
    real = getattr(owner, last)

    def end() -> None:
        burnt = fuses / f"{_fuse(place)}.{os.getpid()}"
        try:
            (fuses / _fuse(place)).rename(burnt)
        except FileNotFoundError:
            return
        os.kill(os.getpid(), int(burnt.read_text()))

    def wrapped(*args: Any, **more: Any) -> Any:
        if when == "before":
            end()
        found = real(*args, **more)
        if when == "after":
            end()
        return found

    async def awaited(*args: Any, **more: Any) -> Any:
        if when == "before":
            end()
        found = await real(*args, **more)
        if when == "after":
            end()
        return found

    setattr(owner, last, awaited if asyncio.iscoroutinefunction(real) else wrapped)


if __name__ == "__main__":
    _nurse()
