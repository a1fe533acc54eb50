"""Servers behind an address: headers, limits, redirects, sessions, and signing in."""

from __future__ import annotations

import json
import logging
import queue
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from copilot import _redaction
from copilot.errors import PluginError, SettingsError
from copilot.plugins.credentials import Secrets
from copilot.plugins.mcp import limits
from copilot.plugins.mcp.config import Server, read_entry
from copilot.plugins.mcp.elicitation import Answer
from copilot.plugins.mcp.faults import MayHaveRunError
from copilot.plugins.mcp.references import headers_by
from copilot.settings import PluginAuth
from tests.plugins.mcp.conftest import Desk
from tests.plugins.mcp.http_server import HttpServer

pytest.importorskip("cryptography")
Make = Callable[..., Desk]


@pytest.fixture(scope="module")
def shared() -> Iterator[HttpServer]:
    made = HttpServer()
    yield made
    made.close()


@pytest.fixture
def http(shared: HttpServer) -> HttpServer:
    """The shared server, as if it were new."""
    for kept in (shared.seen, shared.headers, shared.tokens, shared.refresh, shared.codes, shared.sessions):
        kept.clear()
    shared.expires_in, shared.scope, shared.redirect = 3600, "", ""
    shared.issuer, shared.methods = "", []
    return shared


def at(url: str, **entry: Any) -> Server:
    return read_entry("web", {"url": url, **entry}, "mcp.json")[0]


def problem(desk: Desk, server: Server) -> str:
    (found,) = desk.offer(server).problems
    return found.reason


def test_headers_of_the_entry_go_along_and_a_call_is_answered(desk: Make, http: HttpServer) -> None:
    made = desk()
    made.offer(at(f"{http.url}/keyed", headers={"X-Key": "sesame-open"}))
    assert json.loads(made.read("web.who"))["x-key"] == "sesame-open"
    service = made.skill("web").tools[0].service
    assert service is not None
    assert (service.hosts, service.local) == ((http.url,), False)
    assert http.url in made.change("web.save").body


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/keyed", "does not take the credentials (HTTP 401). Look at"),
        ("/oauth", "wants you to sign in. Run: everpilot plugins login web"),
        ("/html", "Unexpected content type"),
        ("/down", "HTTP 503"),
        ("/nothing-here", "HTTP 4"),
    ],
)
def test_what_a_server_refuses_is_told(desk: Make, http: HttpServer, path: str, told: str) -> None:
    if path == "/nothing-here":
        http.sessions.clear()
        server = at("http://127.0.0.1:9/mcp")
        told = "can't be reached"
    else:
        server = at(f"{http.url}{path}", type="http", headers={"X-Key": "wrong-key"} if path == "/keyed" else {})
    assert told in problem(desk(), server)


def test_an_answer_that_is_too_large_costs_that_call(
    desk: Make, http: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = desk()
    made.offer(at(f"{http.url}/mcp"))
    monkeypatch.setattr(limits, "ANSWER", 200_000)
    with pytest.raises(PluginError, match="the answer is larger"):
        made.read("web.huge")
    assert "content-type" in made.read("web.who")


def test_a_redirect_to_another_origin_is_not_followed(desk: Make, http: HttpServer) -> None:
    other = HttpServer()
    try:
        http.redirect = f"{other.url}/mcp"
        assert "not followed" in problem(desk(), at(f"{http.url}/away", headers={"X-Key": "sesame-open"}))
        assert not other.headers
    finally:
        other.close()


def test_a_session_that_the_server_forgot_is_made_anew(desk: Make, http: HttpServer) -> None:
    made = desk()
    made.offer(at(f"{http.url}/mcp"))
    made.read("web.who")
    http.sessions.clear()
    assert "content-type" in made.change("web.save").deliver("k")
    assert http.seen["call save"] == 1


def test_a_credential_by_reference(desk: Make, http: HttpServer, home: Path) -> None:
    auth = PluginAuth(kind="api_key", api_key_env="CRM_KEY", place="header", name="X-Key", hosts=[http.url])
    secrets = Secrets({"crm": auth}, home, {"CRM_KEY": "sesame-open"})
    made = desk(headers=headers_by(secrets))
    made.offer(at(f"{http.url}/keyed", auth="crm"))
    assert json.loads(made.read("web.who"))["x-key"] == "sesame-open"
    assert "Nothing is set for the credential 'other'" in problem(
        desk(headers=headers_by(secrets)), at(f"{http.url}/mcp?2", auth="other")
    )


# --- signing in -------------------------------------------------------------------------------------------------------


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERPILOT_KEY", "a long secret of these tests")


def browse(url: str) -> None:
    """Do as a browser does: follow the way to the authority, and back."""
    with urllib.request.urlopen(url, timeout=20) as page:
        page.read()


def sign_in(server: Server, home: Path) -> str:
    from copilot.plugins.mcp.oauth import login

    return login(server, home, show=lambda line: None, browse=browse, seconds=30)


@pytest.mark.usefixtures("key")
def test_without_a_sign_in_the_command_is_named_and_nobody_is_sent_anywhere(desk: Make, http: HttpServer) -> None:
    assert "everpilot plugins login web" in problem(desk(), at(f"{http.url}/oauth"))
    assert not http.seen["GET /authorize"]


@pytest.mark.usefixtures("key")
def test_a_sign_in_is_kept_sealed_and_used(desk: Make, http: HttpServer, home: Path) -> None:
    server = at(f"{http.url}/oauth")
    assert sign_in(server, home) == "Signed in to web; it offers 3 tools."
    (code,) = http.codes.values()
    assert code["code_challenge_method"] == "S256"
    assert code["resource"] == f"{http.url}/oauth"
    made = desk()
    made.offer(server)
    token = json.loads(made.read("web.who"))["authorization"]
    assert token == "Bearer access-0-of-this-test"
    kept = b"".join(path.read_bytes() for path in (home / "mcp").iterdir())
    assert b"access-0-of-this-test" not in kept
    assert _redaction.redacted("access-0-of-this-test") == _redaction.GONE
    assert all(path.stat().st_mode & 0o077 == 0 for path in (home / "mcp").iterdir())


@pytest.mark.usefixtures("key")
def test_a_token_that_expired_is_renewed_also_after_a_restart(desk: Make, http: HttpServer, home: Path) -> None:
    server = at(f"{http.url}/oauth")
    http.expires_in = 30
    sign_in(server, home)
    http.expires_in = 3600
    http.seen.clear()
    made = desk()
    made.offer(server)
    assert "access-" in made.read("web.who")
    assert http.seen["grant refresh_token"] == 1
    assert not http.seen["GET /authorize"]


@pytest.mark.usefixtures("key")
def test_a_sign_in_that_is_over_names_the_command(desk: Make, http: HttpServer, home: Path) -> None:
    server = at(f"{http.url}/oauth")
    sign_in(server, home)
    made = desk()
    made.offer(server)
    made.read("web.who")
    http.tokens.clear()
    http.refresh.clear()
    with pytest.raises(PluginError, match="everpilot plugins login web"):
        made.read("web.who")
    with pytest.raises(PluginError, match="everpilot plugins login web"):
        made.change("web.save").deliver("k")


@pytest.mark.usefixtures("key")
def test_a_sign_in_that_is_refused_is_told(http: HttpServer, home: Path) -> None:
    http.scope = "nobody"
    with pytest.raises(PluginError, match="the sign-in was refused: access_denied"):
        sign_in(at(f"{http.url}/oauth"), home)


@pytest.mark.usefixtures("key")
def test_a_configured_client_is_not_registered(desk: Make, http: HttpServer, home: Path) -> None:
    server = at(f"{http.url}/oauth", auth={"client_id": "ours", "scopes": "read write"})
    sign_in(server, home)
    assert not http.seen["POST /register"]
    assert next(iter(http.codes.values()))["client_id"] == "ours"


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize(
    ("methods", "place"),
    [([], "header"), (["client_secret_post"], "form"), (["client_secret_post", "client_secret_basic"], "header")],
)
def test_a_secret_is_shown_as_the_authority_takes_it(
    http: HttpServer, home: Path, methods: list[str], place: str
) -> None:
    http.methods = methods
    sign_in(at(f"{http.url}/oauth", auth={"client_id": "ours", "client_secret": "between-us"}), home)
    assert http.seen[f"secret in {place}"] == 1


@pytest.mark.usefixtures("key")
def test_scopes_that_a_call_needed_are_asked_for_at_the_next_sign_in(desk: Make, http: HttpServer, home: Path) -> None:
    server = at(f"{http.url}/oauth")
    sign_in(server, home)
    made = desk()
    made.offer(server)
    http.scope = "write"
    with pytest.raises(PluginError, match="everpilot plugins login web"):
        made.read("web.who")
    sign_in(server, home)
    assert [set(code["scope"].split()) for code in http.codes.values()] == [{"read"}, {"read", "write"}]
    assert "access-1" in made.read("web.who")


@pytest.mark.usefixtures("key")
def test_the_scopes_of_the_entry_are_asked_for(http: HttpServer, home: Path) -> None:
    sign_in(at(f"{http.url}/oauth", auth={"scopes": "read write"}), home)
    assert next(iter(http.codes.values()))["scope"] == "read write"


@pytest.mark.usefixtures("key")
def test_an_authority_that_says_it_is_another_one_is_not_signed_in_at(http: HttpServer, home: Path) -> None:
    http.issuer = "https://login.contoso.com"
    with pytest.raises(PluginError, match=r"can't be signed in to: .*issuer mismatch: https://login\.contoso\.com"):
        sign_in(at(f"{http.url}/oauth"), home)
    assert not http.codes


def test_without_a_key_nobody_is_sent_to_a_browser(http: HttpServer, home: Path) -> None:
    with pytest.raises(SettingsError, match="nothing to encrypt it with"):
        sign_in(at(f"{http.url}/oauth"), home)
    assert not http.seen


def test_a_stranger_at_the_way_back_learns_nothing(http: HttpServer, home: Path, key: None) -> None:
    from copilot.plugins.mcp.oauth import login

    told: list[int] = []

    def wander(url: str) -> None:
        back = url.partition("redirect_uri=")[2].partition("&")[0].replace("%3A", ":").replace("%2F", "/")
        for target in (back.replace("callback", "other"), back):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(target, timeout=20)
            told.append(refused.value.code)
            refused.value.close()
        browse(url)

    login(at(f"{http.url}/oauth"), home, show=lambda line: None, browse=wander, seconds=30)
    assert told == [404, 404]


# --- a server made with the SDK ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sdk() -> Iterator[str]:
    """The address of a server that is made with the official library."""
    uvicorn = pytest.importorskip("uvicorn")
    from tests.plugins.mcp.sdk_server import server

    app = server.streamable_http_app()
    app.router.routes += server.sse_app().routes  # the older transport, at /sse
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical")
    running = uvicorn.Server(config)
    up = threading.Event()
    startup = running.startup

    async def started(*args: Any, **kwargs: Any) -> None:
        await startup(*args, **kwargs)
        up.set()

    running.startup = started  # it says when it is there
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    assert up.wait(20)
    yield f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}/mcp"
    running.should_exit = True
    thread.join(20)


def test_a_server_of_the_official_library(desk: Make, sdk: str) -> None:
    made = desk(elicit=lambda question: Answer("accept", {"city": "Bern"}))
    made.offer(at(sdk))
    assert made.hub.cache.load(at(sdk)).protocol == "2026-07-28"  # type: ignore[union-attr]
    outcome = made.stage("web.add", a=1, b=2)
    assert outcome.data == {"sum": 3}  # type: ignore[union-attr]
    assert made.heard == ["adding (1 of 1)"]
    forget = made.change("web.forget")
    assert forget.kind == "delete"
    assert forget.deliver("k") == "forgot Bern"


@pytest.mark.parametrize("entry", [{"type": "sse"}, {}], ids=["by its type", "as a guess"])
def test_a_server_of_the_older_transport(desk: Make, sdk: str, entry: dict[str, str]) -> None:
    """Model Context Protocol 2024-11-05, "HTTP with SSE"."""
    made = desk(elicit=lambda question: Answer("accept", {"city": "Bern"}))
    made.offer(at(sdk.replace("/mcp", "/sse"), **entry))
    outcome = made.stage("web.add", a=1, b=2)
    assert outcome.data == {"sum": 3}  # type: ignore[union-attr]
    assert made.heard == ["adding (1 of 1)"]
    assert made.change("web.forget").deliver("k") == "forgot Bern"


def test_changes_are_heard_on_the_stream_of_newer_servers(desk: Make, sdk: str) -> None:
    changed: queue.SimpleQueue[str] = queue.SimpleQueue()
    made = desk()
    made.offer(at(sdk))
    assert made.skill("web").resources[0].read() == b"held"
    made.hub.watch(at(sdk), "x://state", changed.put)
    assert made.read("web.change") == "changed"
    assert changed.get(timeout=20) == "x://state"


def test_logs_of_the_library_hold_no_token(http: HttpServer, home: Path, key: None, desk: Make) -> None:
    server = at(f"{http.url}/oauth")
    kept: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            kept.append(self.format(record))

    handler = Keep()
    logging.getLogger("mcp").addHandler(handler)
    try:
        sign_in(server, home)
        made = desk()
        made.offer(server)
        http.tokens.clear()
        with pytest.raises((PluginError, MayHaveRunError)):
            made.read("web.who")
    finally:
        logging.getLogger("mcp").removeHandler(handler)
    assert not any("of-this-test" in line for line in kept)
