"""Who can write to the database, or wrote the documents, gets nothing by it: no code, no folder, no word."""

from __future__ import annotations

import base64
import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import ormsgpack
import pytest

pytest.importorskip("dbos")

from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from copilot.agent.checkpoints import serializer
from copilot.errors import JobError, LockedError, NoModelError, ToolInputError
from copilot.jobs.allowed import refuse
from copilot.jobs.database import Database
from copilot.jobs.engine import Client, Work
from copilot.jobs.job import Job, Source, Status
from copilot.jobs.recipes.fields import misfit, schema_of
from copilot.jobs.recipes.filters import closest
from copilot.jobs.recipes.hands import CopilotHands
from copilot.jobs.recipes.recipe import Recipe
from copilot.jobs.recipes.running import follow
from copilot.jobs.rows.cells import neutral
from copilot.jobs.rows.output import Output
from copilot.jobs.saving import save
from copilot.jobs.store import Run, Store
from copilot.jobs.work import Desk, work
from copilot.jobs.work import scratch as scratches
from copilot.jobs.work.shape import Shape
from copilot.settings import TrustSettings
from copilot.trust.labels import Confidentiality
from tests.agent import sandbox
from tests.agent.sandbox import WORLD
from tests.agent.scripted import Scripted
from tests.agent.test_hostile_model import TEXTS, Obedient, orders, snapshot
from tests.jobs.working import READERS, base, docx_of, done
from tests.trust.test_sensitivity import STRANGE, label


class Touches:
    """What a pickle may be: a program."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Any:
    made = Database("", tmp_path_factory.mktemp("state"))
    yield made
    made.close()


# --- who can write to the database -----------------------------------------------------------------------------------


def test_a_pickle_in_the_database_is_never_read(database: Database, tmp_path: Path) -> None:
    """DBOS goes by the row's column `serialization`, and its own word for pickles is always known to it."""
    client, mark = Client(database), tmp_path / "ran"
    client.put([Work("document", "everpilot-documents", "r.1.1", ("r", 1, 1))])
    evil = base64.b64encode(pickle.dumps({"args": (Touches(mark),), "kwargs": {}})).decode()
    with database.begin() as link:
        link.exec_driver_sql("UPDATE workflow_status SET inputs = ?, serialization = 'py_pickle'", (evil,))
    client.dbos.list_workflows(workflow_ids=["r.1.1"])
    client.dbos.retrieve_workflow("r.1.1").get_status()
    client.close()
    assert not mark.exists()


def test_a_conversation_in_the_database_makes_no_object_of_any_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where somebody imported langgraph first, when it is not strict."""
    lax = JsonPlusSerializer(allowed_msgpack_modules=True)
    monkeypatch.setattr(EncryptedSerializer.__init__, "__defaults__", (lax,))
    mark = tmp_path / "ran"
    single = ormsgpack.packb(("os", "mkdir", str(mark)))
    evil = ormsgpack.packb(ormsgpack.Ext(0, single))
    serializer(tmp_path, encrypt=False).loads_typed(("msgpack", evil))
    assert not mark.exists()
    with pytest.raises(NotImplementedError):
        serializer(tmp_path, encrypt=False).loads_typed(("pickle", pickle.dumps(Touches(mark))))
    lax.loads_typed(("msgpack", evil))
    assert mark.exists(), "else this tries nothing"


def test_other_bytes_than_those_that_were_shown_are_not_written(database: Database) -> None:
    store = Store(database)
    store.create(Run("altered", Job(prompt="x")))
    digest = store.put_blob("altered", b"as it was shown", 1)
    assert store.blob("altered", digest) == b"as it was shown"
    with database.begin() as link:
        link.exec_driver_sql("UPDATE everpilot_blobs SET data = ? WHERE run = 'altered'", (b"as it was not",))
    with pytest.raises(JobError, match="not those that were shown"):
        store.blob("altered", digest)


def test_a_worker_opens_the_folders_that_its_settings_name(tmp_path: Path) -> None:
    (docs := tmp_path / "docs").mkdir()
    (tmp_path / "other").mkdir()
    (docs / "out").symlink_to(tmp_path / "other")
    allowed = [str(docs), "microsoft365:Finance/Documents"]
    fine: list[dict[str, Any]] = [
        {"folder": str(docs)},
        {"folder": str(docs / "2026"), "table": str(docs / "t.csv"), "rows": None},
        {"folder": str(docs), "folders": ["microsoft365:Finance/Documents/2026"]},
    ]
    for place in fine:
        refuse(place, allowed)
    denied: list[dict[str, Any]] = [
        {},
        {"folder": "/"},
        {"folder": str(tmp_path)},
        {"folder": f"{docs}2"},
        {"folder": str(docs / ".." / "other")},
        {"folder": str(docs / "out")},
        {"folder": str(docs), "folders": [str(tmp_path / "other")]},
        {"folder": str(docs), "folders": ["microsoft365:Finance/Documents2"]},
        {"folder": str(docs), "folders": ["microsoft365:Finance/Documents/../../HR"]},
        {"folder": str(docs), "rows": "/etc/passwd"},
        {"folder": str(docs), "report": str(tmp_path / "report.html")},
        {"folder": str(docs), "table": str(docs / "out" / "t.csv")},
    ]
    for place in denied:
        with pytest.raises(JobError, match="opens no"):
            refuse(place, allowed)
        refuse(place, [])


# --- who wrote the documents, the tables, the names ------------------------------------------------------------------


def test_an_answer_is_kept_for_who_asked_under_the_same_rules(tmp_path: Path) -> None:
    model = Scripted(script=["-"])
    keys = set()
    for user, trust in (("ann", {}), ("ben", {}), ("ann", {"default_confidentiality": "restricted"})):
        opened = base(tmp_path / "docs", model, **trust)
        opened.user = user
        keys.add(Desk(opened, "r", readers=READERS).models)
    assert len(keys) == 3


def test_a_rule_for_a_folder_holds_in_a_copy_that_is_gone_on_with(tmp_path: Path) -> None:
    """Also where the state folder is reached by a link: a path that a call names comes without it."""
    (tmp_path / "real").mkdir()
    (state := tmp_path / "state").symlink_to(tmp_path / "real")
    folder = tmp_path / "docs"
    sandbox.fill(folder)
    file = base(folder, Scripted(script=["-"])).workspace.read("notes.txt")
    for begun in (
        scratches.made(state, "r", "k", "notes.txt", file, TrustSettings()),
        scratches.found(state, "r", "k", TrustSettings()),
    ):
        assert begun is not None
        assert begun.real(begun.workspace.resolve("notes.txt")) == str(folder.resolve() / "notes.txt")


def test_a_table_is_not_written_through_a_strangers_link(tmp_path: Path) -> None:
    (folder := tmp_path / "from-a-stranger").mkdir()
    (tmp_path / ".bashrc").write_text("mine")
    (folder / "results.csv").symlink_to(tmp_path / ".bashrc")
    with pytest.raises(LockedError, match="leads out of its folder"):
        Output().file(folder / "results.csv")
    assert (tmp_path / ".bashrc").read_text() == "mine"


@pytest.mark.parametrize("text", ["=1+1", "\t=1", "＝1", "+1+cmd|' /C calc'!A0", f"+{'1' * 2000}+cmd|' /C calc'!A0"])
def test_what_a_spreadsheet_would_run_is_text(text: str) -> None:
    assert neutral(text) == f"'{text}"


def test_a_name_that_nobody_knows_is_looked_for_in_no_time() -> None:
    long = "".join(chr(0x4E00 + n % 5000) for n in range(200_000))
    assert closest(long, [f"{long[1:]}{n}" for n in range(50)] + ["total"])
    assert closest("totl", ["total", "name"]) == "Did you mean 'total'?"


async def test_what_a_step_of_a_recipe_read_keeps_its_label(tmp_path: Path) -> None:
    """A prompt whose words hold a restricted document goes to no model that may not see it; a crash changes nothing."""
    sandbox.fill(folder := tmp_path / "docs")
    content = io.BytesIO(docx_of("SECRET-4711: Bob earns 90000."))
    with zipfile.ZipFile(content, "a") as package:
        package.writestr("docMetadata/LabelInfo.xml", f"<labelList>{label(STRANGE)}</labelList>")
    (folder / "pay.docx").write_bytes(content.getvalue())
    read: dict[str, Any] = {"tool": "word.read", "with": {"path": "pay.docx"}, "as": "found"}
    prompts: list[dict[str, Any]] = [
        {"prompt": "Sum up: {{ found.text }}"},
        {"prompt": "Take it: {{ found.text }}", "fields": {"pay": "number"}},
    ]
    source = Source(key="k", path="pay.docx")
    opened = base(folder, Scripted(script=["Read."]))
    for number, prompt in enumerate(prompts):
        whole = Job(recipe={"name": "r", "steps": [read, prompt]}, mode="yes")
        async with Desk(opened, f"r{number}", readers=READERS) as desk:
            outcome = await work(whole, source, desk)
            assert (outcome.error or {}).get("code") == "no_model", outcome
            assert desk.assistant(whole)._model.seen == []  # type: ignore[union-attr]
        hands = CopilotHands(opened, "pay.docx")
        with pytest.raises(NoModelError):
            await follow(Recipe.of(whole.recipe or {}), {}, source, hands)
    assert opened._model.seen == []  # type: ignore[union-attr]


async def test_what_is_saved_of_a_restricted_document_stays_restricted(tmp_path: Path) -> None:
    """Also in a file whose format holds no label, as the workspace does for what an agent writes itself."""
    sandbox.fill(folder := tmp_path / "docs")
    opened = base(folder, None, default_confidentiality="restricted")
    copied = {"tool": "custom.create", "with": {"path": "copy.txt", "text": "Bob earns 90000."}}
    whole = Job(recipe={"name": "r", "steps": [copied]}, mode="yes")
    async with Desk(opened, "r", readers=READERS) as desk:
        outcome = await work(whole, Source(key="k", path="salaries.txt"), desk)
        [edit] = outcome.edits
        save(opened, Run("r", whole), 1, edit, desk.blobs.get(edit.after))
    later = base(folder, None, default_confidentiality="public").workspace
    assert later.read("copy.txt").label.confidentiality is Confidentiality.RESTRICTED
    assert later.read("notes.txt").label.confidentiality is Confidentiality.PUBLIC


SQUARED = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(40)} | {"a40": {}}


def test_a_schema_that_refers_to_itself_without_end_is_told() -> None:
    schema = {"type": "object", "properties": {"x": {}}, "$defs": SQUARED, "$ref": "#/$defs/a0"}
    with pytest.raises(ToolInputError, match="in a circle"):
        Shape(schema)
    assert "to itself" in misfit({"x": 1}, schema)
    own = {**schema, "$defs": {**SQUARED, "a0": {"$schema": "https://json-schema.org/draft/2020-12/schema"}}}
    with pytest.raises(ToolInputError, match=r"\$schema of its own"):
        Shape(own)
    with pytest.raises(ValueError, match=r"\$schema of its own"):
        schema_of(own)


@pytest.mark.parametrize("mode", ["yes", "ask", "dry-run", "read-only"])
async def test_a_hostile_model_lets_nothing_out_of_a_document_in_any_mode(tmp_path: Path, mode: Any) -> None:
    folder = tmp_path / "docs"
    sandbox.fill(folder)
    (folder / "letter.txt").write_text(orders(TEXTS[0]))
    before = snapshot(folder)
    first = [("read", {"path": name}) for name in ("letter.txt", "salaries.txt", "../docs/salaries.txt", "/etc/passwd")]
    model = Obedient(first=first)
    outcome = await done(base(folder, model), Job(prompt="Sum it up.", mode=mode), Source(key="k", path="letter.txt"))
    assert (WORLD.mailed, WORLD.altered, WORLD.fetched) == ([], [], [])
    after = {
        path: content for path, content in snapshot(folder).items() if not Path(path).is_relative_to(tmp_path / "home")
    }
    assert {path: after[path] for path in before} == before
    assert not list((tmp_path / "outside").iterdir())
    assert "SECRET" not in str([each.hunks for each in outcome.edits if "salaries" in each.path])
    assert all(Path(each.path).parts[0] not in ("..", "/") for each in outcome.edits)
    assert outcome.status is (Status.FAILED if mode == "read-only" else Status.ASKED)
