"""Whole runs: listed, worked on by a worker, shown, answered, written."""

from __future__ import annotations

import csv
import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest

pytest.importorskip("dbos")

from docx import Document as Word

from copilot.cli import main
from copilot.errors import EverpilotError, JobError
from copilot.hosts.script import Copilot as Script
from copilot.jobs import hand
from copilot.jobs.job import Job, Status
from copilot.jobs.sources import sources
from copilot.jobs.troubles import stuck
from copilot.jobs.worker import working
from copilot.jobs.workflows import work_of
from copilot.settings import ModelSettings, Settings
from tests.acceptance.broken_files import compound
from tests.jobs.running import SETTINGS, Site, site, until
from tests.jobs.working import Saying, docx_of, fields
from tests.vendors import OpenAIServer, Reply, Request
from tests.workspace.test_commit import office_owner

CHANGE = "replace Acme Ltd by Acme GmbH"
TOTAL = {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}


def contract(who: str = "Acme Ltd") -> bytes:
    return docx_of(f"Between {who} and the client.")


def text(path: Path) -> str:
    return "\n".join(paragraph.text for paragraph in Word(str(path)).paragraphs)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with pytest.MonkeyPatch.context() as patch, site(tmp_path_factory.mktemp("site"), patch) as made:
        yield made


# --- changes and answers ----------------------------------------------------------------------------------------------


def test_only_what_is_accepted_is_written_and_a_run_is_undone_at_once(
    here: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    docs = here.folder(**{f"{name}__docx": contract() for name in "abc"}, other__txt=b"Acme Ltd")
    was = {path.name: path.read_bytes() for path in docs.iterdir()}
    base = here.base(docs)
    run = here.run(base, ["*.docx"], CHANGE)
    assert {path.name: path.read_bytes() for path in docs.iterdir()} == was
    assert set(here.statuses(run.id).values()) == {Status.REVIEW}
    assert here.accept(run.id, "a.docx").accepted == 1
    assert "Acme GmbH" in text(docs / "a.docx")
    assert (docs / "b.docx").read_bytes() == was["b.docx"]

    changed = docx_of("Between Acme Ltd and another client.")
    (docs / "c.docx").write_bytes(changed)  # between the report and the answer
    here.accept(run.id)
    done = here.documents(run.id)
    assert "Acme GmbH" in text(docs / "b.docx")
    assert done["c.docx"].status is Status.FAILED
    assert done["c.docx"].told.error is not None
    assert done["c.docx"].told.error["code"] == "conflict"
    assert (docs / "c.docx").read_bytes() == changed

    assert here.runs.retry(run.id) == 1
    here.settle(run.id)
    stale = replace(shown := here.runs.shown(run.id), changes=dict.fromkeys(shown.changes, "0" * 64))
    assert here.runs.answer(stale.all(), "Ann").stale == ["c.docx"]
    here.runs.answer(here.runs.shown(run.id).none(), "Ann", base.audit.record)
    here.settle(run.id)
    assert here.statuses(run.id)["c.docx"] is Status.REJECTED
    assert (docs / "c.docx").read_bytes() == changed
    assert (docs / "other.txt").read_bytes() == was["other.txt"]
    assert here.runs.store.run(run.id).ended

    monkeypatch.setenv("EVERPILOT_HOME", str(here.state))
    assert main(["audit", "--thread", run.id, "--json"]) == 0
    said = [each for each in json.loads(capsys.readouterr().out) if each["event"] == "decision"]
    assert {(each.get("by") or each.get("actor"), each.get("file"), each["verdict"]) for each in said} >= {
        ("Ann", "c.docx", "deny")
    }
    assert main(["undo", "--thread", run.id, "--dir", str(docs)]) == 0
    assert {path.name: path.read_bytes() for path in docs.iterdir()} == {**was, "c.docx": changed}


def test_two_runs_over_the_same_file_lose_no_update(here: Site) -> None:
    docs = here.folder(a__docx=contract())
    first = here.run(here.base(docs), ["a.docx"], CHANGE)
    second = here.run(here.base(docs), ["a.docx"], "replace client by customer")
    here.accept(first.id)
    here.accept(second.id)
    assert here.statuses(second.id)["a.docx"] is Status.FAILED
    assert text(docs / "a.docx") == "Between Acme GmbH and the client."
    here.runs.retry(second.id)
    here.settle(second.id)
    here.accept(second.id)
    assert text(docs / "a.docx") == "Between Acme GmbH and the customer."


def test_a_dry_run_writes_nothing_and_to_writes_elsewhere(here: Site) -> None:
    docs = here.folder(a__docx=contract())
    was = (docs / "a.docx").read_bytes()
    base = here.base(docs)
    tried = here.run(base, ["*.docx"], CHANGE, mode="dry-run")
    assert here.documents(tried.id)["a.docx"].told.edits
    assert [path.name for path in docs.iterdir()] == ["a.docx"]
    for _ in range(2):  # the second time, what the first one wrote is none of the documents
        run = here.run(base, ["**/*.docx"], CHANGE, mode="yes", to="new")
        assert here.statuses(run.id) == {"a.docx": Status.DONE}
    assert (docs / "a.docx").read_bytes() == was
    assert "Acme GmbH" in text(docs / "new" / "a.docx")


def test_a_file_that_somebody_has_open_is_waited_for_and_then_named(here: Site) -> None:
    docs = here.folder(a__docx=contract())
    owner = docs / "~$a.docx"
    owner.write_bytes(office_owner("Zoë Müller", 53))
    run = here.run(here.base(docs), ["a.docx"], CHANGE, mode="yes", tries=2)
    error = here.documents(run.id)["a.docx"].told.error
    assert error is not None
    assert error["code"] == "locked"
    assert "Zoë Müller" in error["message"]
    owner.unlink()
    here.runs.retry(run.id)
    here.settle(run.id)
    assert here.statuses(run.id) == {"a.docx": Status.DONE}


def test_a_template_makes_a_file_for_each_row_and_stays(here: Site) -> None:
    docs = here.folder(letter__docx=docx_of("Dear NAME,"))
    was = (docs / "letter.docx").read_bytes()
    rows = "name,output\nAnn,\nBob,../For Bob.docx\nCid,for bob\nDan,letter\n"
    (docs / "people.csv").write_text(rows)
    run = here.run(
        here.base(docs), ["letter.docx"], "replace NAME by {name}", mode="yes", place={"rows": docs / "people.csv"}
    )
    made = {each.source.values["name"]: each for each in here.runs.store.documents(run.id)}
    assert (docs / "letter.docx").read_bytes() == was
    assert text(docs / "letter 2.docx") == "Dear Ann,"
    assert text(docs / "_For Bob.docx") == "Dear Bob,"
    assert text(docs / "for bob.docx") == "Dear Cid,"
    assert made["Dan"].status is Status.FAILED  # it would take the template's place
    assert made["Dan"].told.error is not None
    assert "letter.docx" in made["Dan"].told.error["message"]


# --- rows -------------------------------------------------------------------------------------------------------------


def total(number: int, said: str) -> str:
    found = next((line for line in said.splitlines() if "Total" in line), "")
    return fields(total=(7, "Total: 7")) if found else fields(total=None)


def read_back(table: Path) -> list[Any]:
    if table.suffix == ".csv":
        return [float(row["total"]) for row in csv.DictReader(table.read_text("utf-8-sig").splitlines())]
    if table.suffix == ".jsonl":
        rows = map(json.loads, table.read_text().splitlines())
        return [row["values"]["total"] if "values" in row else row["total"] for row in rows]
    if table.suffix == ".sqlite":
        with closing(sqlite3.connect(table)) as connection:
            return [row[0] for row in connection.execute("select total from results")]
    sheet = openpyxl.load_workbook(table).worksheets[0]
    head, *cells = sheet.iter_rows(values_only=True)
    return [row[head.index("total")] for row in cells]


@pytest.mark.parametrize("ending", ["csv", "jsonl", "sqlite", "xlsx"])
def test_rows_go_to_every_form_of_table(here: Site, ending: str) -> None:
    docs = here.folder(a__txt=b"Total: 7", b__txt=b"Total: 7")
    table = docs / f"out.{ending}"
    base = here.base(docs, model=Saying(said=total))
    run = here.run(base, ["*.txt"], "the total", fields=TOTAL, place={"table": table})
    assert set(here.statuses(run.id).values()) == {Status.DONE}
    assert read_back(table) == [7, 7]


# --- what goes wrong --------------------------------------------------------------------------------------------------


def test_every_unusable_file_ends_with_a_reason_and_the_rest_is_done(here: Site) -> None:
    bad = {
        "empty.docx": b"",
        "broken.docx": b"PK\x03\x04" + b"x" * 200,
        "encrypted.docx": compound("EncryptionInfo", "EncryptedPackage"),
        "legacy.docx": compound("WordDocument"),
        "gone.docx": b"",
    }
    docs = here.folder(good__docx=contract())
    for name, content in bad.items():
        (docs / name).write_bytes(content)
    (docs / "gone.docx").unlink()
    (docs / "gone.docx").symlink_to(docs / "nowhere.docx")
    run = here.run(here.base(docs), ["*.docx"], CHANGE, mode="yes", tries=2)
    found = here.documents(run.id)
    assert found.pop("good.docx").status is Status.DONE
    assert found.keys() <= bad.keys()
    for name in bad:
        notes = " ".join(run.notes)
        assert name in found or name in notes, notes
    for each in found.values():
        assert each.status in (Status.FAILED, Status.QUARANTINED)
        assert each.told.error is not None
        assert each.told.error["message"]


def test_what_fails_each_time_is_set_aside_with_the_reason(here: Site) -> None:
    docs, never = here.folder(bad__txt=b"Total: 7"), threading.Event()

    def said(number: int, text: str) -> str:
        never.wait(20)
        return ""

    base = here.base(docs, model=Saying(said=said))
    run = here.run(base, ["*.txt"], "the total", fields=TOTAL, tries=2, seconds=0.1)
    never.set()
    found = here.documents(run.id)["bad.txt"]
    assert (found.status, found.tries) == (Status.QUARANTINED, 2)
    assert found.told.error is not None
    assert "longer than 0.1 s" in found.told.error["message"]


def test_what_ends_its_worker_each_time_is_set_aside(here: Site) -> None:
    docs = here.folder(a__txt=b"Total: 7")
    base = here.base(docs, model=Saying(said=total))
    asked = Job(prompt="the total", fields=TOTAL, tries=2)
    store = here.runs.store
    run = here.runs.begin(asked, {"folder": str(docs), "folders": [], "given": ["a.txt"]})
    (document,) = store.add(run.id, list(sources(["a.txt"], base)), lambda connection, made: None)
    for _ in range(2):  # as workers leave it that are killed in the middle
        assert store.begin(run.id, document.number, 1, "dead")
    here.runs.order(run)
    here.runs.client.put([work_of(document)])
    here.settle(run.id)
    found = here.documents(run.id)["a.txt"]
    assert found.status is Status.QUARANTINED
    assert found.told.error is not None
    assert found.told.error["code"] == "worker_ended"


def test_a_job_that_no_document_could_be_done_by_is_refused_before(here: Site) -> None:
    docs = here.folder(a__txt=b"x")
    for more in ({"fields": {"type": "object", "properties": {"a": {"type": "nonsense"}}}}, {}):
        with pytest.raises(EverpilotError):
            list(Script(docs, state=here.state).batch("ask {who}", ["a.txt"], **more))
    assert not any(run.place["folder"] == str(docs) for run in here.runs.store.runs())


# --- money ------------------------------------------------------------------------------------------------------------


def bill(request: Request) -> Reply:
    return Reply(fields(total=(7, "Total: 7")), input_tokens=1_000, output_tokens=100)  # $0.002


def priced(server: OpenAIServer, **more: Any) -> dict[str, Any]:
    model = {"name": "m", "provider": "openai", "model": "gpt-test", "base_url": server.base_url, **more}
    settings = Settings(models=[ModelSettings.model_validate({**model, "price": {"input": 1.0, "output": 10.0}})])
    return {"settings": settings, "env": {"OPENAI_API_KEY": server.api_key}}


def test_a_budget_is_never_exceeded_and_more_of_it_goes_on(here: Site) -> None:
    docs = here.folder(**{f"{n}__txt": b"Total: 7" for n in range(8)})
    with OpenAIServer(bill) as server:
        base = here.base(docs, **priced(server))
        run = here.run(base, ["*.txt"], "the total", fields=TOTAL, budget=0.009)
        counts = here.runs.store.counts(run.id)
        assert run.spent <= 0.009
        assert 0 < counts[Status.DONE] <= 4
        assert counts[Status.DONE] + counts[Status.HELD] == 8
        assert len(server.requests) <= 4
        assert here.runs.resume(run.id, budget=1.0) == counts[Status.HELD]
        here.settle(run.id)
        assert here.runs.store.counts(run.id) == {Status.DONE: 8}
        assert here.runs.store.run(run.id).spent >= 0.016 - 1e-9
        assert len(server.requests) == 8
    with pytest.raises(JobError):
        here.runs.store.run("nothing")


def test_what_is_cancelled_is_not_begun_and_can_not_go_on(here: Site) -> None:
    docs = here.folder(**{f"{n}__docx": contract() for n in range(2)})
    run = here.run(here.base(docs), ["*.docx"], CHANGE)
    assert here.runs.cancel(run.id) == 0  # nothing was under way
    here.settle(run.id)
    assert here.runs.store.counts(run.id) == {Status.CANCELLED: 2}
    assert here.runs.store.run(run.id).ended
    with pytest.raises(JobError) as raised:
        here.runs.resume(run.id)
    assert raised.value.code == "cancelled"


# --- scripts ----------------------------------------------------------------------------------------------------------


async def test_scripts_get_each_document_once_and_go_on(here: Site) -> None:
    docs = here.folder(a__docx=contract(), b__docx=contract())
    batch = Script(docs, settings=Settings(), state=here.state, env={}).batch(CHANGE, ["*.docx"])
    assert sorted([(done.path, done.status) async for done in batch]) == [("a.docx", "review"), ("b.docx", "review")]
    batch.accept("a.docx")
    batch.reject()
    again = Script(docs, settings=Settings(), state=here.state, env={}).batch(run=batch.id)
    assert sorted([(done.path, done.status) async for done in again]) == [("a.docx", "done"), ("b.docx", "rejected")]
    assert "Acme GmbH" in text(docs / "a.docx")


def test_scripts_get_typed_values(here: Site) -> None:
    from pydantic import BaseModel

    class Invoice(BaseModel):
        total: float

    docs = here.folder(a__txt=b"Total: 7")
    assistant = Script(docs, model=Saying(said=total), settings=Settings(), state=here.state, env={})
    (done,) = assistant.batch("the total", ["a.txt"], fields=Invoice)
    assert done.value == Invoice(total=7)
    assert done.citations[0].quote == "Total: 7"


# --- commands ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def cli(here: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.setenv("EVERPILOT_HOME", str(here.state))

    def run(folder: Path, *words: str) -> tuple[int, str, str]:
        code = main(["batch", *words, "--dir", str(folder)])
        told = capsys.readouterr()
        assert "Traceback" not in told.out + told.err
        return code, told.out, told.err

    return run


def test_a_person_begins_looks_and_accepts(here: Site, cli: Any) -> None:
    docs = here.folder(a__docx=contract(), b__docx=contract())
    code, out, _ = cli(docs, CHANGE, "--output-format", "json", "*.docx")
    found = json.loads(out)
    assert (code, found["counts"]) == (3, {"review": 2})
    assert Path(found["report"]).is_file()
    assert f"batch review {found['run']}" in found["steps"][0]["command"]
    code, out, _ = cli(docs, "status", found["run"], "--json")
    told = json.loads(out)
    assert (code, told["open"], told["workers"]) == (0, False, 1)
    code, out, _ = cli(docs, "accept", found["run"], "--except", "b.docx", "--output-format", "json")
    assert (code, json.loads(out)["counts"]) == (0, {"done": 1, "rejected": 1})
    assert "Acme GmbH" in text(docs / "a.docx")
    assert "Acme Ltd" in text(docs / "b.docx")
    code, out, _ = cli(docs, "list", "--json")
    assert json.loads(out)[0]["id"] == found["run"]
    assert cli(docs, "forget", found["run"])[0] == 0
    assert cli(docs, "status", found["run"])[0] == 1


def test_a_recipe_is_named_and_tells_when_its_file_has_changed(here: Site, cli: Any) -> None:
    pytest.importorskip("jinja2")
    docs = here.folder(a__docx=contract())
    (docs / "recipes").mkdir()
    recipe = docs / "recipes" / "rename.yaml"
    step = '  - tool: word.replace_text\n    with: {find: Acme Ltd, replace: "{{ new }}"}\n'
    recipe.write_text("inputs: {new: text}\nsteps:\n" + step)
    code, out, _ = cli(docs, "--recipe", "rename", "a.docx", "--input", "new=Acme SE", "--output-format", "json")
    run = json.loads(out)["run"]
    assert code == 3
    recipe.write_text(recipe.read_text().replace("Acme Ltd", "ACME"))
    code, out, _ = cli(docs, "resume", run, "--output-format", "json")
    assert any("rename.yaml was changed" in note for note in json.loads(out)["notes"])
    assert cli(docs, "accept", run)[0] == 0
    assert "Acme SE" in text(docs / "a.docx")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((CHANGE, "missing.docx"), "missing.docx"),
        ((CHANGE, "*.docx", "--table", "x.pdf"), ".csv"),
        (("rename.yaml", "a.docx"), "recipe"),
        (("--recipe", "nowhere", "a.docx"), "nowhere"),
        (("say {who}", "a.docx"), "{who}"),
        ((CHANGE, "a.docx", "--to", "../elsewhere"), "elsewhere"),
        (("the total", "a.docx", "--fields", "total: nonsense"), "nonsense"),
        (("status", "nothing-like-it"), "batch list"),
    ],
)
def test_what_is_wrong_is_said_before_a_run_begins(here: Site, cli: Any, words: tuple[str, ...], said: str) -> None:
    docs = here.folder(a__docx=contract())
    before = len(here.runs.store.runs(100))
    code, out, err = cli(docs, *words)
    assert code in (1, 2)
    assert said in err + out
    assert len(here.runs.store.runs(100)) == before


# --- a disk without room, and what a person is told ---------------------------------------------------------------


def test_a_change_is_written_once_there_is_room_for_it_however_often_that_was_tried(
    here: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = here.folder(a__docx=contract(), b__docx=contract())
    full, asked, real = [True], [0], hand.save

    def save(*args: Any) -> Any:
        asked[0] += 1
        if full:
            raise EverpilotError("a.docx can't be written.") from OSError(28, "No space left on device")
        return real(*args)

    monkeypatch.setattr(hand, "save", save)
    run = here.runs.begin(Job(prompt=CHANGE, mode="yes", tries=2), {"folder": str(docs), "given": ["*.docx"]})
    with working(here.runs, SETTINGS, live={run.id: here.base(docs)}):
        here.runs.order(run)
        until(lambda: asked[0] > 8)
        assert "Make room" in stuck()
        assert set(here.statuses(run.id).values()) == {Status.SAVING}
        assert here.runs.same(run.job, run.place) == [run.id], "a person who begins it again is told"
        full.clear()
        here.settle(run.id)
    assert set(here.statuses(run.id).values()) == {Status.DONE}
    assert "Acme GmbH" in text(docs / "a.docx")
    assert here.runs.same(run.job, run.place) == []


def test_nothing_says_that_it_is_saved_before_it_is(here: Site) -> None:
    docs = here.folder(a__docx=contract())
    base = here.base(docs)
    run = here.run(base, ["*.docx"], CHANGE)
    told = here.documents(run.id)["a.docx"].told.text
    assert told.startswith("Done in a private copy, to be saved once a person accepts it")
    run = here.run(base, ["*.docx"], CHANGE, mode="yes")
    assert here.documents(run.id)["a.docx"].told.text.startswith("Done and saved")
