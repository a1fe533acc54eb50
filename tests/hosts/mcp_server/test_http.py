"""Over HTTP: who is let in, sessions, and streams that go on. A real server on this machine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from mcp import Client
from mcp.server.streamable_http import EventMessage
from mcp_types import JSONRPCNotification

from copilot import Copilot
from copilot.cli import main
from copilot.errors import SettingsError
from copilot.hosts.mcp_server.events import RecentEvents
from copilot.hosts.mcp_server.http import Address, application, listening
from copilot.hosts.mcp_server.options import Options
from copilot.hosts.mcp_server.server import build
from copilot.plugins.skill import Skills
from copilot.settings import Settings
from tests.hosts.mcp_server.serving import Person, text_of

TOKEN = "a-long-secret-of-the-tests"
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "t", "version": "1"},
    },
}
TAKES = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
Serve = Callable[..., str]


@pytest.fixture
def serve(office: Path, bundled: Skills) -> Iterator[Serve]:
    """Start servers over `office`; each call returns the URL of one."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def started(*, token: str = "", origins: tuple[str, ...] = ()) -> str:
        def open_(roots: Sequence[Path]) -> Copilot:
            made = Copilot(office, settings=Settings())
            made.skills = bundled
            return made

        address = Address("127.0.0.1", 0, token, origins)
        bound = listening(address)
        app = application(build(open_, Options(lean=False)), address)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on"))
        ready = threading.Event()
        up = server.startup

        async def startup(sockets: Any = None) -> None:
            await up(sockets)
            ready.set()

        server.startup = startup  # type: ignore[method-assign]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        running.append((server, thread))
        assert ready.wait(30)
        return f"http://127.0.0.1:{bound.getsockname()[1]}/mcp"

    yield started
    for server, thread in running:
        server.should_exit = server.force_exit = True
        thread.join(30)


@pytest.mark.parametrize("era", ["legacy", "auto"])
async def test_a_change_is_asked_over_http(serve: Serve, office: Path, era: str) -> None:
    person = Person(True)
    async with Client(serve(), elicitation_callback=person, mode=era) as client:
        done = await client.call_tool("excel__write_cells", {"path": "budget.xlsx", "cells": {"J1": 5}})
        assert "Done and saved" in text_of(done)
        assert len(person.shown) == 1
        assert client.server_capabilities.tools.list_changed


def test_strangers_are_refused(serve: Serve) -> None:
    url = serve()
    with httpx.Client() as http:

        def status(**headers: str) -> int:
            return http.post(url, json=HELLO, headers={**TAKES, **headers}).status_code

        assert status() == 200
        assert status(origin="http://localhost:3000") == 200
        assert status(origin="https://evil.example") == 403
        assert status(origin="null") == 403
        assert status(host="evil.example:8000") == 421
        assert status(host="localhost.evil.example") == 421
        assert status(host="localhost") == 200
        assert status(**{"content-type": "text/plain"}) == 400
        assert status(**{"mcp-session-id": "0" * 32}) == 404


def test_a_token_is_needed_where_there_is_one(serve: Serve) -> None:
    url = serve(token=TOKEN, origins=("https://app.example",))
    with httpx.Client() as http:

        def asked(**headers: str) -> httpx.Response:
            return http.post(url, json=HELLO, headers={**TAKES, **headers})

        for wrong in ("", "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", f"bearer {TOKEN[:-1]}", "Bearer \xe9"):
            headers = {"authorization": wrong} if wrong.isascii() else {}
            refused = asked(**headers)
            assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert asked(authorization=f"Bearer {TOKEN}").status_code == 200
        page = asked(authorization=f"Bearer {TOKEN}", origin="https://app.example")
        assert page.headers["access-control-allow-origin"] == "https://app.example"
        preflight = {"origin": "https://app.example", "access-control-request-method": "POST"}
        assert http.options(url, headers=preflight).status_code == 200
        assert http.options(url, headers={**preflight, "origin": "https://evil.example"}).status_code == 400


def test_a_broken_stream_goes_on(serve: Serve) -> None:
    url = serve()
    with httpx.Client(headers={**TAKES, "mcp-protocol-version": "2025-11-25"}) as http:
        first = http.post(url, json=HELLO)
        http.headers["mcp-session-id"] = first.headers["mcp-session-id"]
        http.post(url, json={"jsonrpc": "2.0", "method": "notifications/initialized"})
        call = {"name": "documents__list", "arguments": {}}
        answer = http.post(url, json={"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call})
        ids = [line[4:] for line in answer.text.splitlines() if line.startswith("id: ")]
        assert "contract.docx" in answer.text
        with http.stream("GET", url, headers={"last-event-id": ids[0]}) as again:
            assert next(line for line in again.iter_lines() if "contract.docx" in line)
        other = httpx.post(url, json=HELLO, headers=TAKES).headers["mcp-session-id"]
        with http.stream("GET", url, headers={"last-event-id": ids[0], "mcp-session-id": other}) as none:
            assert not any("contract.docx" in line for line in none.iter_lines())


async def test_events_are_kept_for_a_while_and_for_their_stream() -> None:
    store = RecentEvents(most=3)
    ids = [
        await store.store_event(s, JSONRPCNotification(jsonrpc="2.0", method=m)) for s, m in ("ax", "by", "az", "aw")
    ]
    seen: list[Any] = []

    async def send(event: EventMessage) -> None:
        seen.append((event.event_id, event.message.method))

    assert await store.replay_events_after(ids[0], send) is None, "it is gone"
    assert await store.replay_events_after("nonsense", send) is None
    assert await store.replay_events_after(ids[2], send) == "a"
    assert seen == [(ids[3], "w")]
    small = RecentEvents(most_bytes=60)
    for _ in range(5):
        await small.store_event("a", JSONRPCNotification(jsonrpc="2.0", method="m" * 40))
    assert len(small._events) == 1


@pytest.mark.parametrize("given", ["x", "", "127.0.0.1:", "127.0.0.1:99999", "0.0.0.0:80", "192.0.2.1:80", "[::]:80"])
def test_where_it_does_not_listen(given: str) -> None:
    with pytest.raises(SettingsError):
        Address.parse(given)


def test_where_it_listens() -> None:
    assert Address.parse("8765").url == "http://127.0.0.1:8765/mcp"
    assert Address.parse("[::1]:1").url == "http://[::1]:1/mcp"
    assert Address.parse("0.0.0.0:1", "token").host == "0.0.0.0"


def test_the_command_says_what_is_missing(
    office: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MCP_TOKEN", raising=False)
    assert main(["mcp", "--dir", str(office), "--http", "0.0.0.0:0"]) == 2
    assert "a token is needed" in capsys.readouterr().err
    assert main(["mcp", "--dir", str(office), "--http", "0", "--token-env", "MCP_TOKEN"]) == 2
    assert "MCP_TOKEN" in capsys.readouterr().err
    assert main(["mcp", "--roots", "--http", "0"]) == 2
    assert "--roots" in capsys.readouterr().err
