"""Deferred runs as a whole: handed over, asked for, answered, the rest done live; with a worker and a real server."""

from __future__ import annotations

import email.parser
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("dbos")

from copilot.cli import main
from copilot.jobs.deferring import Deferring
from copilot.jobs.feeding import place_of
from copilot.jobs.job import Job, Status
from copilot.jobs.sources import sources
from copilot.jobs.work import Desk
from copilot.jobs.worker import working
from copilot.settings import ModelSettings, Settings
from tests.jobs.running import SETTINGS, Site, site, until
from tests.jobs.working import READERS, fields

TOTAL = {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}
ANSWER = fields(total=(7, "Total: 7 EUR"))
USAGE = {"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100}


class Vendor(ThreadingHTTPServer):
    """Both ways of one vendor. `fates` are what becomes of the orders of a batch, one after the other."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: list[list[dict[str, Any]]] = []
        self.batches: list[dict[str, Any]] = []
        self.live: list[str] = []
        self.cancelled: list[str] = []
        self.fates: tuple[str, ...] = ("answered",)
        self.slow = False  # whether its batches never end

    def reset(self, *fates: str, slow: bool = False) -> None:
        self.files, self.batches, self.live, self.cancelled = [], [], [], []
        self.fates, self.slow = fates, slow

    def state(self, number: int) -> dict[str, Any]:
        batch = self.batches[number]
        batch["asked"] += 1
        ended = not self.slow and batch["asked"] > 1
        counts = {"total": len(batch["rows"]), "completed": 1 if ended else 0, "failed": 0}
        told = {"id": f"b{number}", "status": "completed" if ended else "in_progress", "request_counts": counts}
        return {**told, "metadata": batch["metadata"], "output_file_id": f"out{number}" if ended else None}

    def results(self, number: int) -> bytes:
        lines = []
        for row, fate in zip(self.batches[number]["rows"], self.fates, strict=False):
            text = ANSWER if fate == "answered" else "not what was asked for"
            message = {"choices": [{"finish_reason": "stop", "message": {"content": text}}], "usage": USAGE}
            answer = {"status_code": 200 if fate != "refused" else 400, "body": message}
            if fate != "lost":
                lines.append(json.dumps({"custom_id": row["custom_id"], "response": answer, "error": None}))
        return "\n".join(reversed(lines)).encode()


class _Handler(BaseHTTPRequestHandler):
    server: Vendor

    def log_message(self, *args: Any) -> None:
        pass

    def _say(self, body: Any, status: int = 200) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self) -> None:
        data, vendor = self.rfile.read(int(self.headers["content-length"])), self.server
        if self.path == "/v1/files":
            head = f"content-type: {self.headers['content-type']}\r\n\r\n".encode()
            part = email.parser.BytesParser().parsebytes(head + data).get_payload()[1]
            lines = part.get_payload(decode=True).decode().splitlines()  # type: ignore[union-attr]
            vendor.files.append([json.loads(line) for line in lines])
            self._say({"id": f"f{len(vendor.files) - 1}"})
        elif self.path == "/v1/batches":
            order = json.loads(data)
            rows = vendor.files[int(order["input_file_id"][1:])]
            vendor.batches.append({"rows": rows, "metadata": order.get("metadata"), "asked": 0})
            self._say({"id": f"b{len(vendor.batches) - 1}"})
        elif self.path.endswith("/cancel"):
            vendor.cancelled.append(self.path)
            self._say({"id": "b0"})
        else:
            vendor.live.append(data.decode())
            choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": ANSWER}}
            self._say({"id": "c", "object": "chat.completion", "model": "m", "choices": [choice], "usage": USAGE})

    def do_GET(self) -> None:
        vendor, place = self.server, self.path.removeprefix("/v1")
        if place.startswith("/batches?"):
            self._say({"data": [vendor.state(n) for n in range(len(vendor.batches))]})
        elif place.startswith("/batches/b"):
            self._say(vendor.state(int(place.removeprefix("/batches/b"))))
        elif place.startswith("/files/out"):
            self._say(vendor.results(int(place.removeprefix("/files/out").removesuffix("/content"))))
        else:
            self._say({}, 404)


@pytest.fixture(scope="module")
def vendor() -> Iterator[Vendor]:
    with Vendor() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with pytest.MonkeyPatch.context() as patch, site(tmp_path_factory.mktemp("site"), patch) as made:
        yield made


def chosen(vendor: Vendor, **more: Any) -> dict[str, Any]:
    url = f"http://127.0.0.1:{vendor.server_port}/v1"
    price = {"input": 2.0, "output": 8.0}  # an answer is $0.0028, half of it in a batch
    model = {"name": "m", "provider": "openai", "model": "some-model", "base_url": url, "price": price, **more}
    return {"settings": Settings(models=[ModelSettings.model_validate(model)]), "env": {"OPENAI_API_KEY": "k"}}


def texts(here: Site, count: int) -> Path:
    return here.folder(**{f"{n}__txt": f"Invoice {n}. Total: 7 EUR".encode() for n in range(count)})


def test_what_is_not_answered_is_asked_live(here: Site, vendor: Vendor, monkeypatch: Any, capsys: Any) -> None:
    vendor.reset("answered", "refused", "lost", "unfit")
    docs = texts(here, 5)
    (docs / "4.txt").write_bytes(b"")
    base = here.base(docs, **chosen(vendor))
    run = here.run(base, ["*.txt"], "the total", fields=TOTAL, deferred=True, budget=1.0)
    found = here.documents(run.id)
    assert [found[f"{n}.txt"].status for n in range(4)] == [Status.DONE] * 4
    assert all((each.told.values or {}).get("total") == 7 for n, each in found.items() if n != "4.txt")
    assert found["4.txt"].status is Status.FAILED  # nothing stands in it: that is not handed over, and told as ever
    assert len(vendor.batches) == 1
    assert [row["custom_id"] for row in vendor.batches[0]["rows"]] == [f"d{n}-1" for n in range(1, 5)]
    assert len(vendor.live) == 3
    assert found["0.txt"].told.cost == pytest.approx(0.0014)
    assert found["1.txt"].told.cost == pytest.approx(0.0028)
    assert run.spent == pytest.approx(0.0014 + 0.0014 + 3 * 0.0028)  # that of no use was billed, too
    (batch,) = here.runs.batches(run.id)
    assert (batch["batch"], batch["ended"], batch["total"]) == ("b0", True, 4)

    monkeypatch.setenv("EVERPILOT_HOME", str(here.state))
    assert main(["batch", "status", run.id, "--json", "--dir", str(docs)]) == 0
    assert json.loads(capsys.readouterr().out)["batches"] == [batch]


async def test_a_crash_before_it_was_noted_does_not_pay_twice(here: Site, vendor: Vendor) -> None:
    vendor.reset("answered")
    base = here.base(texts(here, 2), **chosen(vendor))
    run = here.runs.begin(Job(prompt="the total", fields=TOTAL, deferred=True), place_of(base, ["*.txt"]))
    made = here.runs.store.add(run.id, list(sources(["*.txt"], base)), lambda connection, documents: None)
    numbers = [(each.number, each.attempt) for each in made]
    async with Desk(base, run.id, readers=READERS) as desk:
        steps = Deferring(here.runs.store, here.runs.client, run, desk)
        first = await steps.submit("mark", numbers)
        assert await steps.submit("mark", numbers) == first
        assert (len(first["sent"]), len(vendor.batches)) == (2, 1)
        assert (await steps.submit("another", numbers))["batch"] != first["batch"]
        (base.folder / "0.txt").write_bytes(b"Invoice 0. Total: 9 EUR")  # while it waits at the vendor
        vendor.fates = ("answered", "answered")
        vendor.batches[0]["asked"] = 5
        for _ in range(2):  # killed in the middle, a step is done again
            assert await steps.take(first, True)
    assert here.statuses(run.id)["1.txt"] is Status.DONE
    assert here.documents(run.id)["0.txt"].told.values is None  # it has changed: that is left to a live call
    assert here.runs.store.run(run.id).spent == pytest.approx(0.0028)
    here.runs.cancel(run.id)


def test_a_budget_with_room_for_one_order_takes_one_batch_after_the_other(here: Site, vendor: Vendor) -> None:
    vendor.reset("answered")
    base = here.base(texts(here, 2), **chosen(vendor))
    run = here.run(base, ["*.txt"], "the total", fields=TOTAL, deferred=True, budget=0.04)  # 8,000 tokens are $0.032
    assert here.runs.store.counts(run.id) == {Status.DONE: 2}
    assert [len(batch["rows"]) for batch in vendor.batches] == [1, 1]
    assert vendor.live == []
    assert run.spent == pytest.approx(0.0028)


def test_a_cancelled_run_is_cancelled_at_the_vendor(here: Site, vendor: Vendor) -> None:
    vendor.reset("answered", slow=True)
    base = here.base(texts(here, 1), **chosen(vendor))
    asked = Job(prompt="the total", fields=TOTAL, deferred=True)
    run = here.runs.begin(asked, place_of(base, ["*.txt"]))
    with working(here.runs, SETTINGS, live={run.id: base}):
        here.runs.order(run)
        until(lambda: bool(here.runs.batches(run.id)))
        assert here.runs.batches(run.id)[0]["ended"] is False
        here.runs.cancel(run.id)
        here.settle(run.id)
        until(lambda: bool(vendor.cancelled))
        until(lambda: here.runs.batches(run.id)[0]["ended"])
    assert here.statuses(run.id) == {"0.txt": Status.CANCELLED}


def test_what_can_not_be_deferred_says_so_and_goes_live(here: Site) -> None:
    docs = here.folder(a__txt=b"Acme")
    run = here.run(here.base(docs), ["a.txt"], "count the words", deferred=True, mode="read-only")
    assert not set(here.statuses(run.id).values()) & {Status.QUEUED, Status.RUNNING}
    assert any("deferred" in note and "fields" in note for note in run.notes)
