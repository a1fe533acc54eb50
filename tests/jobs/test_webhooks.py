"""Webhooks over real HTTP: who may ask, what is taken, and that a request counts once."""

from __future__ import annotations

import base64
import http.client
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from copilot import Copilot
from copilot.cli import main
from copilot.errors import SettingsError
from copilot.jobs.database import Database
from copilot.jobs.feeding import listed
from copilot.jobs.job import Citation, Outcome, Status
from copilot.jobs.runs import Runs
from copilot.jobs.sources import Found
from copilot.jobs.store import Run
from copilot.settings import Settings

pytest.importorskip("uvicorn")
pytest.importorskip("dbos")

from copilot.hosts.hooks.bodies import fitting, read
from copilot.hosts.hooks.problems import Refused
from copilot.hosts.hooks.serve import Address, listening
from copilot.hosts.hooks.signed import Proof, check, signature
from copilot.sections.jobs import HookSettings

# The example of the Standard Webhooks specification and its libraries.
SECRET, ID, WHEN, BODY = (
    "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "1614265330",
    b'{"test": 2432232314}',
)
SIGNED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
KEY = base64.b64decode(SECRET)
TOKEN = "t0ken-of-more-than-24-characters"
ENV = {"HOOK_SECRET": f"whsec_{SECRET}", "HOOK_TOKEN": TOKEN}
RECIPE = """\
name: rename
inputs:
  old: {type: text}
  new: {type: text}
steps:
  - tool: word.replace_text
    with: {path: "{{ document }}", find: "{{ old }}", replace: "{{ new }}"}
"""
HOOKS: dict[str, dict[str, Any]] = {
    "signed": {"prompt": "file the invoice of {customer}", "files": ["*.txt"], "secret_env": "HOOK_SECRET"},
    "shown": {"prompt": "read", "token_env": "HOOK_TOKEN", "names": True, "uploads": "in", "max_mb": 0.1},
    "open": {"prompt": "note {what} for {team}", "inputs": {"team": "Finance"}, "per_minute": 3},
    "renamed": {"recipe": "rename.yaml", "token_env": "HOOK_TOKEN", "names": True, "inputs": {"old": "Acme Ltd"}},
}


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: dict[str, Any]


class Hooks:
    """A server of webhooks, and a client of it."""

    def __init__(self, port: int, copilot: Copilot, runs: Runs) -> None:
        self.port, self.copilot, self.runs = port, copilot, runs

    def ask(self, method: str, path: str, body: bytes | str = b"", **headers: str) -> Answer:
        asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        asked.request(method, path, body.encode() if isinstance(body, str) else body, told)
        got = asked.getresponse()
        answer = Answer(got.status, {k.lower(): v for k, v in got.getheaders()}, json.loads(got.read() or b"{}"))
        asked.close()
        return answer

    def post(self, name: str, body: Any, **headers: str) -> Answer:
        said = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask("POST", f"/hooks/{name}", said, **{"content_type": "application/json", **headers})

    def signed(self, name: str, body: Any, id: str, when: float | None = None, key: bytes = KEY) -> Answer:
        said, at = json.dumps(body).encode(), str(int(time.time() if when is None else when))
        headers = {"webhook_id": id, "webhook_timestamp": at, "webhook_signature": signature(key, id, at, said)}
        return self.post(name, said, **headers)

    def shown(self, name: str, body: Any, **headers: str) -> Answer:
        return self.post(name, body, authorization=f"Bearer {TOKEN}", **headers)

    def run(self, answer: Answer) -> Run:
        assert answer.status == 202, answer.body
        return self.runs.store.run(answer.body["run"])

    def sources(self, answer: Answer) -> list[tuple[str, dict[str, Any]]]:
        run = self.run(answer)
        return [(each.path, each.values) for each in listed(self.copilot, run, Found())]


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hooks]:
    home = tmp_path_factory.mktemp("hooks")
    folder, state = home / "docs", home / "state"
    folder.mkdir()
    state.mkdir(mode=0o700)
    for name in ("a.txt", "b.txt"):
        (folder / name).write_text(name)
    (folder / "rename.yaml").write_text(RECIPE)
    settings = Settings.model_validate({"jobs": {"hooks": HOOKS}})
    copilot = Copilot(folder, state=state, settings=settings)
    runs = Runs(Database("", state))
    with listening(copilot, runs, Address("127.0.0.1", 0), ENV, lambda line: None) as url:
        yield Hooks(int(url.rpartition(":")[2]), copilot, runs)
    runs.close()


# --- who may ask ------------------------------------------------------------------------------------------------------


def test_the_signature_of_the_standard() -> None:
    assert signature(KEY, ID, WHEN, BODY) == SIGNED
    headers = {"webhook-id": ID, "webhook-timestamp": WHEN, "webhook-signature": f"v1,AAAA v1a,x {SIGNED}"}
    assert check(Proof(KEY), headers, BODY, lambda: float(WHEN) + 299) == ID


WRONG = [
    ({}, 0.0, b""),
    ({"webhook-timestamp": str(int(WHEN) + 1)}, 0.0, b""),
    ({"webhook-id": "msg_other"}, 0.0, b""),
    ({"webhook-signature": "v1,"}, 0.0, b""),
    ({"webhook-signature": SIGNED[3:]}, 0.0, b""),
    ({"webhook-signature": f"v2,{SIGNED[3:]}"}, 0.0, b""),
    ({"webhook-signature": "v1,é\udcff"}, 0.0, b""),
    ({"webhook-timestamp": "now"}, 0.0, b""),
    ({"webhook-timestamp": "-1"}, 0.0, b""),
    ({"webhook-timestamp": "9" * 5000}, 0.0, b""),
    ({"webhook-id": ""}, 0.0, b""),
    ({}, 301.0, BODY),
    ({}, -301.0, BODY),
]


@pytest.mark.parametrize(("changed", "off", "body"), WRONG)
def test_anything_else_is_refused(changed: dict[str, str], off: float, body: bytes) -> None:
    headers = {"webhook-id": ID, "webhook-timestamp": WHEN, "webhook-signature": SIGNED, **changed}
    with pytest.raises(Refused) as caught:
        check(Proof(KEY), headers, body or (BODY if changed else b"other"), lambda: float(WHEN) + off)
    assert caught.value.status == 401


def test_a_signed_request_is_one_run_however_often_it_comes(hooks: Hooks) -> None:
    first = hooks.signed("signed", {"customer": "Contoso"}, "msg_1")
    assert first.status == 202
    assert first.body["new"] is True
    assert first.headers["location"] == first.body["status"] == f"/hooks/signed/runs/{first.body['run']}"
    again = hooks.signed("signed", {"customer": "Contoso"}, "msg_1", time.time() - 60)
    assert (again.status, again.body["run"], again.body["new"]) == (202, first.body["run"], False)
    assert hooks.signed("signed", {"customer": "Contoso"}, "msg_2").body["run"] != first.body["run"]
    assert hooks.runs.client.status(f"{first.body['run']}.feed.0") == "ENQUEUED"


def test_who_may_not(hooks: Hooks) -> None:
    old, other = time.time() - 3600, base64.b64decode("A" * 32)
    refused = [
        hooks.post("signed", {"customer": "x"}),
        hooks.signed("signed", {"customer": "x"}, "msg_3", old),
        hooks.signed("signed", {"customer": "x"}, "msg_3", key=other),
        hooks.shown("signed", {"customer": "x"}),
        hooks.post("shown", {}, authorization="Bearer no"),
        hooks.post("shown", {}, authorization=f"Basic {TOKEN}"),
        hooks.ask("GET", "/hooks/shown/runs/x"),
    ]
    assert [answer.status for answer in refused] == [401] * len(refused)
    assert refused[4].headers["www-authenticate"] == "Bearer"
    first = refused[0]
    assert first.headers["content-type"] == "application/problem+json"  # RFC 9457
    assert first.body["title"] == "Unauthorized"
    assert first.body["status"] == 401
    assert TOKEN not in str(refused)


def test_without_a_secret_a_page_in_a_browser_is_refused(hooks: Hooks) -> None:
    body = {"what": "x"}
    for headers in (
        {"origin": "https://example.org"},
        {"sec_fetch_site": "cross-site"},
        {"host": "rebound.example:80"},
    ):
        assert hooks.post("open", body, **headers).status == 403


# --- what is asked ----------------------------------------------------------------------------------------------------


def test_values_are_data_of_each_document(hooks: Hooks) -> None:
    answer = hooks.signed("signed", {"customer": "Contoso", "more": [1]}, "msg_values")
    values = {"customer": "Contoso", "more": [1]}
    assert hooks.sources(answer) == [("a.txt", values), ("b.txt", values)]
    run = hooks.run(answer)
    assert (run.job.prompt, run.job.inputs, run.job.mode) == ("file the invoice of {customer}", {}, "ask")
    assert run.by == "webhook signed"


def test_values_alone_and_those_of_the_settings(hooks: Hooks) -> None:
    answer = hooks.post("open", {"what": "the call", "team": "everybody"})
    assert hooks.sources(answer) == [("", {"what": "the call"})]
    assert hooks.run(answer).job.inputs == {"team": "Finance"}
    assert hooks.post("open", {}).status == 422  # {what} is missing
    assert hooks.post("open", {"what": 2}).status == 202
    late = hooks.post("open", {"what": 3})
    assert late.status == 429
    assert 0 < int(late.headers["retry-after"]) <= 61


def test_a_recipe_takes_them_as_its_inputs(hooks: Hooks) -> None:
    answer = hooks.shown("renamed", {"new": "Acme GmbH", "old": "Evil", "files": ["a.txt"], "other": 1})
    assert hooks.run(answer).job.inputs == {"old": "Acme Ltd", "new": "Acme GmbH"}
    assert hooks.sources(answer) == [("a.txt", {})]
    lacking = hooks.shown("renamed", {"files": ["a.txt"]})
    assert lacking.status == 422
    assert "new is missing" in lacking.body["detail"]


@pytest.mark.parametrize("name", ["/etc/hostname", "../state/x", "nowhere.txt", "*.txt", "search:x", "", "a\0b", "~"])
def test_only_documents_below_the_folder_are_named(hooks: Hooks, name: str) -> None:
    assert hooks.shown("shown", {"files": [name]}).status == 422


BROKEN: list[tuple[bytes, str, int]] = [
    (b"{", "application/json", 400),
    (b"\xff\xfe", "application/json", 400),
    (b"[" * 100_000, "application/json", 400),
    (b"[]", "application/json", 422),
    (b"null", "application/json", 422),
    (b'{"files": "a.txt"}', "application/json", 422),
    (b'{"files": [1]}', "application/json", 422),
    (b'{"a\\u001b[31m": 1}', "application/json", 422),
    (b'{"{x}": 1}', "application/json", 422),
    (b'{"a": ' + b"[" * 50 + b"]" * 50 + b"}", "application/json", 422),
    (json.dumps({f"v{n}": n for n in range(300)}).encode(), "application/json", 422),
    (b"x", "text/plain", 415),
    (b"x", "", 415),
    (b"x", "multipart/form-data", 400),
    (b"x", "multipart/form-data; boundary=y", 400),
    (b"x" * 100_001, "application/json", 413),
]


@pytest.mark.parametrize(("body", "kind", "status"), BROKEN, ids=range(len(BROKEN)))
def test_broken_bodies(hooks: Hooks, body: bytes, kind: str, status: int) -> None:
    answer = hooks.shown("shown", body, content_type=kind)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")


def test_a_body_that_never_ends_is_cut_off(hooks: Hooks) -> None:
    asked = http.client.HTTPConnection("127.0.0.1", hooks.port, timeout=20)
    pieces = (b"x" * 10_000 for _ in range(11))
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
    asked.request("POST", "/hooks/shown", pieces, headers, encode_chunked=True)
    assert asked.getresponse().status == 413
    asked.close()


def form(*parts: tuple[str, bytes]) -> bytes:
    whole = b"".join(b"--B\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % (h.encode(), b) for h, b in parts)
    return whole + b"--B--\r\n"


def test_documents_that_a_request_brings(hooks: Hooks) -> None:
    every = bytes(range(256)) + b"\r\n\n\r--B-\r\n" + os.urandom(2000)
    body = form(
        ('name="customer"', b"Contoso"),
        ('name="f"; filename="a.docx"', every),
        ('name="f"; filename="../../A.DOCX"', b"second"),
        ('name="f"; filename="C:/x/CON <1>.pdf"', b"third"),
    )
    answer = hooks.shown("shown", body, content_type="multipart/form-data; boundary=B", webhook_id="up")
    run = hooks.run(answer)
    folder = hooks.copilot.folder / "in" / run.id
    assert run.place["given"] == [str(folder)]
    assert sorted(each.name for each in folder.iterdir()) == ["A (2).DOCX", "CON _1_.pdf", "a.docx"]
    assert (folder / "a.docx").read_bytes() == every
    assert oct(folder.stat().st_mode)[-3:] == "700"
    assert {path for path, _ in hooks.sources(answer)} == {f"in/{run.id}/{each.name}" for each in folder.iterdir()}
    again = hooks.shown("shown", body, content_type="multipart/form-data; boundary=B", webhook_id="up")
    assert again.body["run"] == run.id


@pytest.mark.parametrize("name", ["x.exe", "docx", ".docx", "..", "a.docx\x00.sh", "~$.docx", "/"])
def test_names_of_what_is_no_document(name: str) -> None:
    with pytest.raises(Refused) as caught:
        fitting(name)
    assert caught.value.status == 415


def test_what_a_webhook_does_not_take() -> None:
    hook = HookSettings(prompt="x")
    for body, kind in (
        (b'{"files": ["a"]}', "application/json"),
        (form(('name="f"; filename="a.pdf"', b"x")), "multipart/form-data; boundary=B"),
    ):
        with pytest.raises(Refused) as caught:
            read(kind, body, hook)
        assert caught.value.status == 422


# --- how it stands ----------------------------------------------------------------------------------------------------


def test_how_a_run_stands(hooks: Hooks) -> None:
    store = hooks.runs.store
    run = hooks.run(hooks.shown("shown", {"files": ["a.txt"]}))
    where = f"/hooks/shown/runs/{run.id}"
    shown = {"authorization": f"Bearer {TOKEN}"}
    assert hooks.ask("GET", where, **shown).body["state"] == "open"
    [document] = store.add(run.id, list(listed(hooks.copilot, run, Found())), lambda connection, made: None)
    store.begin(run.id, document.number, 1, "w")
    cited = [Citation(field="total", quote="12", confidence="exact")]
    store.end(run.id, document.number, 1, Outcome(status=Status.DONE, values={"total": 12}, citations=cited))
    store.mark(run.id, listed=True, ended=True)
    store.finished(run.id, 0)
    answer = hooks.ask("GET", where, **shown)
    assert (answer.body["state"], answer.body["counts"]) == ("done", {"done": 1})
    [row] = answer.body["rows"]
    assert (row["file"], row["values"], row["citations"][0]["quote"]) == ("a.txt", {"total": 12}, "12")
    assert hooks.ask("GET", f"{where}?after={row['number']}", **shown).body["rows"] == []
    assert hooks.ask("GET", f"{where}?after=x", **shown).status == 400
    assert hooks.ask("GET", f"/hooks/renamed/runs/{run.id}", **shown).status == 404  # another webhook's
    assert hooks.ask("GET", f"/hooks/shown/runs/{run.id[:9]}", **shown).status == 404  # not by its beginning


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/hooks/nothing", 404),
        ("POST", "/", 404),
        ("GET", "/hooks/shown", 405),
        ("DELETE", "/hooks/shown/runs/x", 405),
    ],
)
def test_other_requests(hooks: Hooks, method: str, path: str, status: int) -> None:
    answer = hooks.ask(method, path)
    assert (answer.status, answer.body["status"]) == (status, status)


# --- settings ---------------------------------------------------------------------------------------------------------

REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({}, "127.0.0.1:0", "no webhook"),
    ({"a": {"prompt": "x"}}, "0.0.0.0:0", "no secret"),
    ({"a": {"prompt": "x", "secret_env": "NONE"}}, "127.0.0.1:0", "NONE is not set"),
    ({"a": {"prompt": "x", "secret_env": "SHORT"}}, "127.0.0.1:0", "no secret of a webhook"),
    ({"a": {"prompt": "x", "token_env": "SHORT"}}, "127.0.0.1:0", "shorter than 24"),
    ({"A b": {"prompt": "x"}}, "127.0.0.1:0", "a name has"),
    ({"a": {"recipe": "gone.yaml"}}, "127.0.0.1:0", "jobs.hooks.a: "),
    ({"a": {"prompt": "x", "fields": "a: nothing"}}, "127.0.0.1:0", "jobs.hooks.a: "),
    ({"a": {"prompt": "x", "uploads": "../up"}}, "127.0.0.1:0", "leads out"),
    ({"a": {"prompt": "x", "to": "/etc/x"}}, "127.0.0.1:0", "jobs.hooks.a: "),
]


@pytest.mark.parametrize(("given", "address", "said"), REFUSED)
def test_settings_that_are_not_right(tmp_path: Path, given: dict[str, Any], address: str, said: str) -> None:
    settings = Settings.model_validate({"jobs": {"hooks": given}})
    copilot, runs = Copilot(tmp_path, settings=settings), Runs(Database("", tmp_path))
    env = {"SHORT": "whsec_AAAA"}
    with pytest.raises(SettingsError, match=said), listening(copilot, runs, Address.parse(address), env, print):
        pass


@pytest.mark.parametrize("given", ["", "x", "127.0.0.1", "1:2:x", "70000", "٣"])
def test_addresses_that_are_none(given: str) -> None:
    with pytest.raises(SettingsError, match="is no port"):
        Address.parse(given)


def test_a_hook_has_one_work() -> None:
    for given in ({}, {"prompt": "x", "recipe": "y"}):
        with pytest.raises(ValueError, match="either a prompt or a recipe"):
            HookSettings.model_validate(given)


def test_a_folder_that_is_not_trusted_brings_no_webhooks(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "copilot.toml").write_text('database = "postgresql://evil"\n[jobs.hooks.a]\nprompt = "x"\n')
    assert main(["worker", "--webhooks", "0", "--until-idle", "--dir", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "[jobs] is ignored" in said
    assert "[database] is ignored" in said
    assert "no webhook" in said
