"""Batch endpoints over real HTTP: a server that speaks both protocols."""

from __future__ import annotations

import email.parser
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from copilot import Copilot
from copilot.documents.segments import Reading, Segment
from copilot.errors import DeniedError, ServiceError
from copilot.jobs.job import Job, Source
from copilot.jobs.work import Desk
from copilot.jobs.work.deferred import Deferred, Order, deferred_of, settled
from copilot.jobs.work.extract import prepared
from copilot.settings import ModelSettings, Settings
from copilot.trust.labels import USER, Confidentiality, Label
from tests.jobs.working import READERS, fields

READING = Reading("text", (Segment("Total: 7 EUR", "line 1"),), "")
JOB = Job(fields={"type": "object", "properties": {"total": {"type": ["number", "null"]}}})


class Vendor(BaseHTTPRequestHandler):
    """Answers every order but the second, which it refuses, and the third, which it loses."""

    batches: dict[str, list[dict[str, Any]]] = {}  # noqa: RUF012
    files: dict[str, list[dict[str, Any]]] = {}  # noqa: RUF012
    seen: list[tuple[str, str]] = []  # noqa: RUF012

    def log_message(self, *args: Any) -> None:
        pass

    def _say(self, body: Any, status: int = 200) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _key(self) -> bool:
        right = self.headers.get("authorization") == "Bearer k" or self.headers.get("x-api-key") == "k"
        if not right:
            self._say({"error": "key"}, 401)
        return right

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["content-length"]))
        self.seen.append(("POST", self.path))
        if not self._key():
            return
        if self.path.endswith("/cancel"):
            self._say({"id": "b1", "status": "cancelling"})
        elif self.path == "/v1/files":
            head = f"content-type: {self.headers['content-type']}\r\n\r\n".encode()
            parts = email.parser.BytesParser().parsebytes(head + data).get_payload()
            lines = parts[1].get_payload(decode=True).decode().splitlines()  # type: ignore[index, union-attr]
            self.files["f1"] = [json.loads(line) for line in lines]
            self._say({"id": "f1"})
        elif self.path == "/v1/batches":
            order = json.loads(data)
            assert order["endpoint"] == "/v1/chat/completions"
            self.batches["b1"] = self.files[order["input_file_id"]]
            self._say({"id": "b1"})
        else:
            self.batches["b1"] = json.loads(data)["requests"]
            self._say({"id": "b1", "processing_status": "in_progress"})

    def do_GET(self) -> None:
        self.seen.append(("GET", self.path))
        if not self._key():
            return
        rows = self.batches.get("b1", [])
        counts = {"completed": 1, "failed": 1, "total": len(rows), "succeeded": 1, "errored": 1}
        if self.path == "/v1/batches/b1":
            files = {"output_file_id": "out", "error_file_id": "err"}
            self._say({"id": "b1", "status": "completed", "request_counts": counts, **files})
        elif self.path == "/v1/messages/batches/b1":
            counts = {"succeeded": 1, "errored": 1}
            ended = {"processing_status": "ended", "results_url": "http://evil.example/steal"}
            self._say({"id": "b1", "request_counts": counts, **ended})
        elif self.path == "/v1/files/out/content":
            self._say(_openai(rows[0]["custom_id"]) + b"\nnot json\n[1]\n")
        elif self.path == "/v1/files/err/content":
            error = {"custom_id": rows[1]["custom_id"], "response": {"status_code": 400}, "error": None}
            self._say(json.dumps(error).encode())
        elif self.path == "/v1/messages/batches/b1/results":
            self._say(_anthropic(rows[0]["custom_id"], rows[1]["custom_id"]))
        else:
            self._say({}, 404)


ANSWER = fields(total=(7, "Total: 7 EUR"))


def _openai(key: str) -> bytes:
    body = {
        "choices": [{"finish_reason": "stop", "message": {"content": ANSWER}}],
        "usage": {"prompt_tokens": 1_000_000, "completion_tokens": 0},
    }
    return json.dumps({"custom_id": key, "response": {"status_code": 200, "body": body}, "error": None}).encode()


def _anthropic(key: str, failed: str) -> bytes:
    usage = {"input_tokens": 1_000_000, "output_tokens": 0}
    message = {"content": [{"type": "text", "text": ANSWER}], "stop_reason": "end_turn", "usage": usage}
    rows = [
        {"custom_id": key, "result": {"type": "succeeded", "message": message}},
        {"custom_id": failed, "result": {"type": "expired"}},
    ]
    return "\n".join(map(json.dumps, rows)).encode()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def copilot(folder: Path, provider: str, address: str, key: str = "k", **more: Any) -> Copilot:
    url = address + ("/v1" if provider == "openai" else "")
    price = {"input": 2.0, "output": 8.0}
    model = ModelSettings.model_validate(
        {"name": "m", "provider": provider, "model": "some-model", "base_url": url, "price": price, **more}
    )
    env = {"OPENAI_API_KEY": key, "ANTHROPIC_API_KEY": key}
    return Copilot(folder, settings=Settings(models=[model]), env=env)


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
async def test_orders_are_handed_over_and_answered(tmp_path: Path, address: str, provider: str) -> None:
    base = copilot(tmp_path, provider, address)
    async with Desk(base, "r", readers=READERS) as desk:
        asked = prepared(JOB, Source(key="1"), READING, "a.txt", USER, desk)
        deferred = deferred_of(desk.router(JOB))
        assert deferred is not None
        orders = [Order(key, asked.requests[0], asked.label) for key in ("one", "two", "three")]
        batch = await deferred.submit(orders)
        progress = await deferred.poll(batch)
        assert (progress.ended, progress.done, progress.failed) == (True, 1, 1)
        found = {each.key: each async for each in deferred.results(batch)}
        await deferred.cancel(batch)
    assert sorted(found) == ["one", "two"]
    assert found["two"].problem
    assert found["one"].cost == pytest.approx(1.0)  # half of two dollars for a million tokens
    outcome = settled(asked, found["one"], READING, "m")
    assert outcome is not None
    assert (outcome.values, outcome.citations[0].confidence, outcome.cost) == ({"total": 7}, "exact", 1.0)
    assert settled(asked, found["two"], READING, "m") is None
    sent = Vendor.batches["b1"][0]
    assert "Total: 7 EUR" in json.dumps(sent)
    assert all("evil" not in path for _, path in Vendor.seen)


async def test_what_a_model_may_not_see_is_not_handed_over(tmp_path: Path, address: str) -> None:
    base = copilot(tmp_path, "openai", address, max_confidentiality="internal")
    deferred = deferred_of(base.router)
    assert deferred is not None
    secret = Order("two", [], Label(confidentiality=Confidentiality.RESTRICTED))
    Vendor.seen.clear()
    with pytest.raises(DeniedError):
        await deferred.submit([Order("one", [], USER), secret])
    assert Vendor.seen == []


@pytest.mark.parametrize(("key", "path", "code"), [("wrong", "", "signed_out"), ("k", "/nowhere", "unsupported")])
async def test_refusals_have_reasons_without_the_key(
    tmp_path: Path, address: str, key: str, path: str, code: str
) -> None:
    deferred = deferred_of(copilot(tmp_path, "openai", address, key).router)
    assert isinstance(deferred, Deferred)
    with pytest.raises(ServiceError) as raised:
        await deferred.poll(f"b1{path}")
    assert raised.value.code == code
    assert key not in str(raised.value).split()


def test_vendors_without_an_endpoint_are_asked_live(tmp_path: Path) -> None:
    assert deferred_of(copilot(tmp_path, "ollama", "http://127.0.0.1:9").router) is None
    assert deferred_of(Copilot(tmp_path, settings=Settings()).router) is None
