"""Tools over a real API that describes itself: what is asked, what is shown before it is sent, what goes wrong."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from copilot._flock import alone
from copilot.errors import SettingsError, ToolInputError
from copilot.plugins import web
from copilot.plugins.context import ToolContext
from copilot.plugins.credentials import Hosts, Secrets
from copilot.plugins.openapi import paging, reader, responses
from copilot.plugins.openapi.client import Client
from copilot.plugins.openapi.model import Operation
from copilot.plugins.plugin import Reading
from copilot.plugins.service import Service
from copilot.plugins.skill import Problem
from copilot.plugins.tools import Result, Tool, outcome_of
from copilot.plugins.web import Answer, UnknownOutcome
from copilot.settings import PluginAuth
from copilot.trust.outgoing import Outgoing
from tests.plugins.openapi.conftest import Served
from tests.plugins.openapi.test_styles import operation


@pytest.fixture
def desk(served: Served, tmp_path: Path) -> dict[str, Tool]:
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(served.document))  # type: ignore[attr-defined]
    plugin = reader.read(path, Reading(tmp_path / "home"))
    assert not [p for p in plugin.problems if p.severity != "noted"]
    return {tool.name.partition(".")[2]: tool for tool in plugin.skills[0].tools}


def asked(tool: Tool, context: ToolContext, **args: Any) -> Result:
    outcome = tool.stage(context, args)
    assert isinstance(outcome, Result)
    return outcome


def test_a_reading_tool_asks_and_labels_the_answer(desk: dict[str, Tool], context: ToolContext, served: Served) -> None:
    found = asked(desk["list_tickets_tickets_get"], context, limit=2)
    assert "| 1 | Ticket 1 | false |" in found.markdown
    assert "call again with offset=2, limit=2" in found.markdown
    assert found.data[0]["title"] == "Ticket 0"
    assert context.label.tainted
    assert f"{served.url}/tickets" in context.label.sources
    assert "service ticket-desk" in context.label.sources


def test_select_cuts_an_answer(desk: dict[str, Tool], context: ToolContext) -> None:
    get = desk["get_ticket_tickets_ticket_id_get"]
    assert asked(get, context, ticket_id=3, select="$.notes[*].by").markdown == "Ann"
    with pytest.raises(ToolInputError, match=r"selects nothing.*id, title, notes"):
        asked(get, context, ticket_id=3, select="$.nope")
    with pytest.raises(ToolInputError, match="no JSONPath"):
        asked(get, context, ticket_id=3, select="notes[")


def test_an_error_says_status_words_and_what_to_do(desk: dict[str, Tool], context: ToolContext) -> None:
    with pytest.raises(ToolInputError) as caught:
        asked(desk["get_ticket_tickets_ticket_id_get"], context, ticket_id=99)
    assert caught.value.code == "http_404"
    assert "GET /tickets/{ticket_id} answered 404" in str(caught.value)
    assert "There is no ticket 99" in str(caught.value)


def test_what_changes_something_is_shown_and_then_sent_once(
    desk: dict[str, Tool], context: ToolContext, served: Served
) -> None:
    outgoing = desk["create_ticket_tickets_post"].stage(
        context, {"title": "Printer", "address": {"street": "Kouter 1"}}
    )
    assert isinstance(outgoing, Outgoing)
    assert (outgoing.kind, outgoing.effect, outgoing.recipients) == ("change", "alter", ("ticket-desk",))
    assert outgoing.body.startswith(f"POST {served.url}/tickets\n")
    assert '"street": "Kouter 1"' in outgoing.body
    assert not served.seen  # nothing was sent yet
    assert "17" in outgoing.deliver("thread:1")
    assert served.last()["ticket"]["address"] == {"street": "Kouter 1", "city": "Ghent"}
    assert len(served.last()["key"]) == 32


def test_a_refusal_says_that_nothing_was_done(desk: dict[str, Tool], context: ToolContext) -> None:
    with pytest.raises(ToolInputError, match="priority"):
        desk["create_ticket_tickets_post"].stage(context, {"title": "x", "priority": 9})
    with pytest.raises(ToolInputError, match="titel"):
        desk["create_ticket_tickets_post"].stage(context, {"title": "x", "titel": "y"})


def test_a_document_that_is_sent_counts(served: Served, context: ToolContext, tmp_path: Path) -> None:
    (tmp_path / "documents" / "plan.txt").write_bytes(b"the plan")
    content = {"multipart/form-data": {"schema": {"properties": {"file": {"type": "string", "format": "binary"}}}}}
    path = tmp_path / "up.json"
    post = {"post": {"operationId": "send", "requestBody": {"required": True, "content": content}, "responses": {}}}
    servers = [{"url": served.url}]
    path.write_text(json.dumps({"openapi": "3.0.0", "servers": servers, "paths": {"/echo/up": post}}))
    (tool,) = reader.read(path, Reading(tmp_path / "home")).skills[0].tools
    outgoing = tool.stage(context, {"file": "plan.txt"})
    assert isinstance(outgoing, Outgoing)
    assert [a.size for a in outgoing.attachments] == [8]
    assert context.label.tainted
    outgoing.deliver("k")
    assert b"the plan" in served.last()["body"]


# --- the way there and back ------------------------------------------------------------------------------------------


def call(served: Served, method: str, path: str, *, hosts: tuple[str, ...] = (), **more: Any) -> Answer:
    client = Client(Service("desk", hosts or (served.url,)), **more)
    called = operation(served, method, path)
    return client.send(called, client.prepare(called, {}))


def test_what_may_be_sent_twice_is_tried_again(served: Served) -> None:
    waited: list[float] = []
    served.busy = 2
    assert call(served, "GET", "/busy", wait=waited.append).status == 200
    assert waited == [2.0, 2.0]
    served.busy = 1
    assert call(served, "POST", "/busy", wait=waited.append).status == 503
    assert len(waited) == 2


def test_a_server_s_fault_leaves_open_what_was_done(served: Served, context: ToolContext, tmp_path: Path) -> None:
    post = {"post": {"operationId": "break", "responses": {}}}
    servers = [{"url": served.url}]
    path = tmp_path / "b.json"
    path.write_text(json.dumps({"openapi": "3.0.0", "servers": servers, "paths": {"/broken": post}}))
    (tool,) = reader.read(path, Reading(tmp_path / "home")).skills[0].tools
    outgoing = tool.stage(context, {})
    assert isinstance(outgoing, Outgoing)
    with pytest.raises(UnknownOutcome, match="answered 500"):
        outgoing.deliver("k")


def test_redirects_stay_with_the_service(served: Served) -> None:
    assert call(served, "GET", f"/away?to={served.url}/tickets/1").status == 200
    for target in ("http://127.0.0.1:9/x", "http://169.254.169.254/latest", "file:///etc/passwd", "http://["):
        with pytest.raises(ToolInputError):
            call(served, "GET", f"/away?to={target}")
    with pytest.raises(ToolInputError, match="over and over"):
        call(served, "GET", "/loop")


def test_only_the_service_is_asked(served: Served) -> None:
    with pytest.raises(ToolInputError, match="is no address of desk"):
        call(served, "GET", "/tickets", hosts=("https://other.example",))


def test_a_public_name_that_leads_home_is_not_asked(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "resolved", lambda host, port: ["93.184.215.14", "10.0.0.7"])
    monkeypatch.setattr(web, "getproxies", dict)
    called = replace(operation(served, "GET", "/"), server="https://public.example.com")
    client = Client(Service("desk", ("https://public.example.com",)))
    with pytest.raises(ToolInputError, match=r"10\.0\.0\.7"):
        client.send(called, client.prepare(called, {}))


def test_a_flood_is_cut(served: Served) -> None:
    import httpx

    answer = web.ask(httpx.Request("GET", f"{served.url}/flood"), Service("desk", (served.url,)), most=100_000)
    assert (len(answer.content), answer.cut) == (100_000, True)
    shown = responses.markdown(answer, None)
    assert len(shown) < 21_000
    assert "cut" in shown


def packed(served: Served, query: str, most: int = 1_000_000) -> Answer:
    import httpx

    return web.ask(httpx.Request("GET", f"{served.url}/packed?{query}"), Service("desk", (served.url,)), most=most)


def test_a_packed_answer_is_unpacked_once_and_no_further_than_it_is_read(served: Served) -> None:
    for query in ("encoding=gzip", "encoding=deflate"):  # a deflate without zlib's head, as some servers send it
        assert packed(served, query).content == b'{"a": 1}'
    bomb = packed(served, "millions=30")
    assert (len(bomb.content), bomb.cut) == (1_000_000, True)
    with pytest.raises(ToolInputError, match="gzip, gzip"):
        packed(served, "layers=2")


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_server_that_says_a_byte_now_and_then_is_left(head: bytes) -> None:
    import httpx

    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            with suppress(OSError), listening.accept()[0] as connection:
                connection.sendall(head)
                while not done.wait(0.02):
                    connection.sendall(b"x")

        done = threading.Event()
        thread = threading.Thread(target=drip)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with pytest.raises(ToolInputError, match="took too long"):
            web.ask(httpx.Request("GET", url), Service("slow", (url,)), patience=0.2)
        done.set()
        thread.join(10)


def test_a_charset_that_decodes_nothing_is_read_as_utf_8() -> None:
    headers = (("content-type", "application/json; charset=undefined"),)
    assert Answer(200, headers, '{"a": "é"}'.encode(), "https://desk.example").text == '{"a": "é"}'


def test_half_a_surrogate_pair_in_an_answer_stops_nothing() -> None:
    data = responses.data_of(Answer(200, (("content-type", "application/json"),), b'{"\\ud800": "\\udfff"}', ""))
    assert outcome_of(Result("text", data, ()), "desk.get") == Result("text", {"?": "?"}, ())


def test_a_problem_quotes_without_what_a_terminal_acts_on() -> None:
    found = Problem("plugin.json#\x1b[2J", "\u202ethere is no \x1b[31mfunction\x07.")
    assert not set(found.where + found.reason) & set("\x1b\x07\u202e")


def test_a_server_that_is_not_there_is_named(served: Served) -> None:
    called = replace(operation(served, "POST", "/x"), server="http://127.0.0.1:9")
    client = Client(Service("desk", ("http://127.0.0.1:9",)))
    with pytest.raises(ToolInputError, match="was not reached"):
        client.send(called, client.prepare(called, {}))


# --- credentials -----------------------------------------------------------------------------------------------------

SCHEMES: dict[str, dict[str, Any]] = {
    "head": {"type": "apiKey", "in": "header", "name": "X-Desk"},
    "query": {"type": "apiKey", "in": "query", "name": "k"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "sid"},
    "bearer": {"type": "http", "scheme": "bearer"},
    "basic": {"type": "http", "scheme": "basic"},
}
KEY = "k-4711 with%signs".replace(" ", "-")


def secrets_of(home: Path, **entries: dict[str, Any]) -> Secrets:
    made = {name: PluginAuth.model_validate(entry) for name, entry in entries.items()}
    return Secrets(made, home, {"DESK_KEY": KEY, "APP_SECRET": "a secret of the app"})


@pytest.mark.parametrize(
    ("scheme", "kind", "where", "expected"),
    [
        ("head", "api_key", "x-desk", KEY),
        ("query", "api_key", "query", "k=k-4711-with%25signs"),
        ("cookie", "api_key", "cookie", "sid=k-4711-with%25signs"),
        ("bearer", "bearer", "authorization", f"Bearer {KEY}"),
        ("basic", "basic", "authorization", "Basic YW5uOmstNDcxMS13aXRoJXNpZ25z"),
    ],
)
def test_a_credential_goes_where_the_document_says(
    served: Served, home: Path, scheme: str, kind: str, where: str, expected: str
) -> None:
    auth = {"kind": kind, "api_key_env": "DESK_KEY"} | ({"username": "ann"} if kind == "basic" else {})
    client = Client(Service("desk", (served.url,)), SCHEMES, secrets_of(home, desk=auth), ("desk",))
    called = replace(operation(served), security=({scheme: []},))
    prepared = client.prepare(called, {})
    assert KEY not in prepared.shown()
    client.send(called, prepared)
    seen = served.last()
    assert (seen["query"] if where == "query" else seen["headers"][where]) == expected


def test_alternatives_and_what_is_missing(served: Served, home: Path) -> None:
    auth = {"kind": "api_key", "api_key_env": "DESK_KEY"}
    client = Client(Service("desk", (served.url,)), SCHEMES, secrets_of(home, **{"desk.query": auth}), ("desk",))
    either = replace(operation(served), security=({"head": [], "bearer": []}, {"query": []}))
    client.send(either, client.prepare(either, {}))
    assert served.last()["query"].startswith("k=")
    optional = replace(either, security=({"head": []}, {}))
    client.send(optional, client.prepare(optional, {}))
    assert served.last()["query"] == ""
    needed = replace(either, security=({"head": []},))
    with pytest.raises(SettingsError, match=r'plugins\.auth\."desk"'):
        client.send(needed, client.prepare(needed, {}))


def test_a_credential_does_not_cross_origins(served: Served, home: Path) -> None:
    auth = {"kind": "api_key", "api_key_env": "DESK_KEY", "hosts": ["https://elsewhere.example"]}
    client = Client(Service("desk", (served.url,)), {}, secrets_of(home, desk=auth), ("desk",))
    called = operation(served)
    with pytest.raises(SettingsError, match="was not sent to"):
        client.send(called, client.prepare(called, {}))
    other = served.url.replace("127.0.0.1", "localhost")
    client = Client(
        Service("desk", (served.url, other)),
        {},
        secrets_of(home, desk={"kind": "bearer", "api_key_env": "DESK_KEY"}),
        ("desk",),
    )
    called = operation(served, path=f"/away?to={other}/echo/there")
    client.send(called, client.prepare(called, {}))
    assert "authorization" not in served.last()["headers"]


def test_a_secret_goes_to_the_first_place_only(served: Served, home: Path) -> None:
    """Any plugin can name any reference, and any document can have any title."""
    import httpx

    for _ in range(2):  # what was first outlives the process
        found = secrets_of(home, desk={"kind": "bearer", "api_key_env": "DESK_KEY"}).credential("desk")
        assert found is not None
        found.apply(httpx.Request("GET", "https://desk.example/a"))
        with pytest.raises(SettingsError, match=r"meant for https://desk\.example:443.*hosts = "):
            found.apply(httpx.Request("GET", "https://evil.example/a"))
    (home / "plugin-credentials.json").write_text("{")
    with pytest.raises(SettingsError, match="no secret"):
        found.apply(httpx.Request("GET", "https://desk.example/a"))


def test_a_secret_that_several_plugins_ask_for_goes_nowhere_until_its_hosts_are_set(home: Path) -> None:
    import httpx

    request = httpx.Request("GET", "https://desk.example/a")
    auth = {"kind": "bearer", "api_key_env": "DESK_KEY"}
    free = {**auth, "hosts": ["desk.example"]}
    secrets = secrets_of(home, **{"desk": auth, "desk.head": auth, "crm": auth, "free": free})
    secrets.asked_for(["desk", "free"], "desk in /plugins/desk")
    secrets.asked_for(["desk", "free"], "other\x1b[2J in /plugins/other")
    secrets.asked_for(["crm"], "other in /plugins/other")
    for name in ("desk", "desk.head"):
        line = rf'desk in .*, other in .*under \[plugins.auth."{name}"\]: hosts = \["https://desk.example:443"\]'
        with pytest.raises(SettingsError, match=line) as refused:
            secrets.credential(name).apply(request)  # type: ignore[union-attr]
        assert "\x1b" not in str(refused.value)
    assert not (home / "plugin-credentials.json").exists()
    for name in ("crm", "free"):  # one plugin alone asks, or the settings say where it goes
        secrets.credential(name).apply(request)  # type: ignore[union-attr]


def test_only_one_of_two_processes_writes_down_where_a_secret_goes_first(home: Path) -> None:
    """The other one has looked, found nothing, and waits for its turn: it must look again."""
    import httpx

    kept, looked, told = home / "plugin-credentials.json", threading.Event(), []

    def asking() -> tuple[str, ...]:
        looked.set()
        return ()

    def second() -> None:
        try:
            Hosts("desk", (), kept, asking).check(httpx.Request("GET", "https://b.example"))
        except SettingsError as error:
            told.append(str(error))

    with alone(kept.with_name(f".{kept.name}.lock")):
        thread = threading.Thread(target=second)
        thread.start()
        assert looked.wait(20)
        kept.write_text('{"desk": "https://a.example:443"}')
    thread.join(20)
    assert "is meant for https://a.example:443" in told[0]
    assert json.loads(kept.read_text()) == {"desk": "https://a.example:443"}


def test_an_answer_does_not_repeat_the_secret(served: Served, home: Path) -> None:
    auth = {"kind": "api_key", "api_key_env": "DESK_KEY"}
    client = Client(Service("desk", (served.url,)), SCHEMES, secrets_of(home, desk=auth), ("desk",))
    called = replace(operation(served), security=({"query": []},))
    answer = client.send(called, client.prepare(called, {}))
    assert "k=[...]" in answer.text


def test_a_secret_stays_off_unencrypted_lines(home: Path) -> None:
    import httpx

    found = secrets_of(home, desk={"kind": "bearer", "api_key_env": "DESK_KEY"}).credential("desk")
    assert found is not None
    with pytest.raises(SettingsError, match="not encrypted"):
        found.apply(httpx.Request("GET", "http://desk.example/"))


# --- what is told of pages -------------------------------------------------------------------------------------------


def paged(*names: str, pages: str = "") -> Operation:
    from copilot.plugins.openapi.model import Parameter

    parameters = tuple(Parameter(name.strip("$_"), name, "query", "form", True) for name in names)
    return Operation("o", "o", "GET", "/x", "https://a.example", "", {"properties": {}}, True, parameters, pages=pages)


@pytest.mark.parametrize(
    ("called", "data", "words"),
    [
        (paged("cursor"), {"items": [], "next_cursor": "abc"}, "cursor=abc"),
        (paged("pageToken"), {"nextPageToken": "t2"}, "pageToken=t2"),
        (paged("cursor"), {"response_metadata": {"next_cursor": "n"}}, "cursor=n"),
        (paged("after"), {"page_info": {"end_cursor": "e"}}, "after=e"),
        (paged("$skip"), {"@odata.nextLink": "https://a.example/x?$skip=20"}, "skip=20"),
        (paged(pages="page"), {"next": "https://a.example/x?p=2"}, "page=https://a.example/x?p=2"),
        (paged(), {"_links": {"next": {"href": "/x?p=2"}}}, "no argument"),
        (paged("starting_after"), {"has_more": True, "data": [{"id": "c_9"}]}, "starting_after=c_9"),
        (paged("cursor"), {"next_cursor": None}, ""),
        (paged("cursor"), [1, 2], ""),
    ],
)
def test_the_next_page_is_told_as_arguments(called: Operation, data: Any, words: str) -> None:
    hint = paging.hint(called, Answer(200, (), b"", "https://a.example/x"), data)
    assert words in hint
    assert bool(words) == bool(hint)


def test_a_page_is_of_the_same_operation(served: Served) -> None:
    client = Client(Service("desk", (served.url,)))
    called = replace(operation(served, path="/tickets"), pages="page")
    assert client.prepare(called, {"page": f"{served.url}/tickets?offset=2"}).url.endswith("?offset=2")
    for url in (f"{served.url}/admin?x", "https://evil.example/tickets", "//evil/tickets"):
        with pytest.raises(ToolInputError, match="no page of"):
            client.prepare(called, {"page": url})


# --- in a turn -------------------------------------------------------------------------------------------------------


def test_a_turn_reads_freely_and_asks_before_it_sends(
    desk: dict[str, Tool], served: Served, tmp_path: Path, home: Path
) -> None:
    from copilot.agent.plan import Call, Runner
    from copilot.trust.labels import UNKNOWN, USER
    from copilot.workspace.workspace import Workspace

    folder = tmp_path / "turn"
    folder.mkdir()
    runner = Runner({tool.name: tool for tool in desk.values()}, Workspace([folder], home / "turn"))
    listing = Call("1", "ticket-desk__list_tickets_tickets_get", {"limit": 1}, "t:1")
    (step,) = runner.stage([listing], mode="ask", label=USER)
    assert (step.status, step.label.tainted) == ("done", True)
    assert "Ticket 0" in step.text
    (step,) = runner.stage([listing], mode="ask", label=UNKNOWN)  # something of a document may be in the arguments
    assert (step.status, step.verdict and step.verdict.rule) == ("denied", "leaks-to-host")
    create = Call("2", "ticket-desk__create_ticket_tickets_post", {"title": "Printer"}, "t:2")
    steps = runner.stage([create], mode="auto", label=USER)
    assert [s.status for s in steps] == ["ask"]
    assert not served.seen
    runner.commit(steps, thread="t")
    assert steps[0].status == "done"
    assert [each["ticket"]["title"] for each in served.seen] == ["Printer"]
    again = runner.stage([create], mode="auto", label=USER)  # after a crash: it is known, and not sent again
    assert [s.status for s in again] == ["done"]
    assert len(served.seen) == 1
