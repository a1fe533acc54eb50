"""`everpilot recipe`: as a person uses it, and a document that is left as it was when something goes wrong."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jinja2")

from copilot import Copilot
from copilot.cli import main
from copilot.documents import word
from copilot.documents.markdown import to_markdown
from copilot.documents.reading import read as read_document
from copilot.errors import EverpilotError
from copilot.jobs.recipes.drafts import Drafts, documents
from copilot.jobs.recipes.examining import examined
from copilot.jobs.recipes.reading import parsed
from copilot.settings import Settings


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Copilot:
    return Copilot(tmp_path_factory.mktemp("w"), settings=Settings(), state=tmp_path_factory.mktemp("s"), env={})


@pytest.fixture
def desk(tmp_path: Path, loaded: Copilot) -> Copilot:
    for name in ("a.docx", "sub/b.docx"):
        place = tmp_path / "work" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(word.create("The fee is 10 euros, payable in May."))
    made = loaded.like(folder=tmp_path / "work", state=tmp_path / "state", mode="ask")
    made.__dict__["skills"] = loaded.skills
    return made


TWO_STEPS = """\
files: ["**/*.docx"]
inputs: {to: text}
steps:
  - tool: word.replace_text
    with: {find: "10 euros", replace: "{{ to }}"}
  - tool: word.replace_text
    with: {find: "May", replace: "June"}
  - tool: documents.convert
    with: {target: note.md}
    when: to == "12 euros"
  - check: to != "nothing"
    message: Somebody has to pay.
"""


def drafted(desk: Copilot, to: str, path: str = "a.docx", said: bool | None = True) -> tuple[Any, list[Any]]:
    asked: list[Any] = []

    def decide(shown: list[dict[str, Any]]) -> bool:
        asked.append(shown)
        return bool(said)

    recipe = examined(parsed(TWO_STEPS, Path("fee.yaml")), desk.offered.tools()).recipe
    made = Drafts(desk, recipe, {"to": to}, None if said is None else decide)
    return asyncio.run(made.run(path)), asked


def text_of(desk: Copilot, name: str) -> str:
    return to_markdown(read_document((desk.folder / name).read_bytes(), name))


def test_all_steps_are_one_change_that_is_asked_once_and_undone_at_once(desk: Copilot) -> None:
    before = (desk.folder / "a.docx").read_bytes()
    out, asked = drafted(desk, "12 euros")
    assert out.status == "done"
    assert [change["path"] for change in asked[0]] == ["a.docx", "note.md"]
    assert len(asked) == 1
    assert len(asked[0][0]["hunks"]) == 2
    assert "12 euros, payable in June" in text_of(desk, "a.docx")
    assert "12 euros" in (desk.folder / "note.md").read_text()
    for entry in desk.workspace.history()[:2]:
        desk.workspace.undo(entry.number)
    assert (desk.folder / "a.docx").read_bytes() == before
    assert not (desk.folder / "note.md").exists()


@pytest.mark.parametrize(
    ("to", "said", "mode", "status"),
    [
        ("nothing", True, "yes", "failed"),  # the last step fails: the steps before it are not saved either
        ("11 euros", False, "ask", "ask"),
        ("11 euros", None, "ask", "ask"),  # nobody is there to be asked
        ("11 euros", True, "dry-run", "done"),
        ("11 euros", True, "read-only", "denied"),
    ],
)
def test_a_document_that_is_not_done_stays_as_it_was(
    desk: Copilot, to: str, said: bool | None, mode: str, status: str
) -> None:
    before = {p: p.read_bytes() for p in desk.folder.rglob("*.docx")}
    desk.mode = mode
    out, _ = drafted(desk, to, "sub/b.docx", said)
    assert out.status == status
    assert {p: p.read_bytes() for p in desk.folder.rglob("*") if p.is_file()} == before


def test_its_own_patterns_find_the_documents(desk: Copilot) -> None:
    recipe = parsed(TWO_STEPS, Path("fee.yaml")).recipe
    assert sorted(documents(desk, recipe, 50)) == ["a.docx", "sub/b.docx"]
    with pytest.raises(EverpilotError, match="2 documents are more than 1"):
        documents(desk, recipe, 1)
    with pytest.raises(EverpilotError, match="no documents"):
        documents(desk, recipe.model_copy(update={"files": ["*.pdf"]}), 50)


def test_a_newcomer_writes_checks_tests_and_runs_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "lease.docx"
    place.write_bytes(word.create("Our office is at 14 Quay Street."))
    (tmp_path / "bad.yaml").write_text("steps:\n  - tool: word.replce_text\n\x1b[31m")
    assert main(["recipe", "new", "move"]) == 0
    assert main(["recipe", "new", "move"]) == 2
    assert main(["recipe", "check", "move", "bad.yaml", "gone", "--json"]) == 1
    out = capsys.readouterr()
    rows = json.loads(out.out.partition("\n")[2])
    assert [row["ok"] for row in rows] == [True, False, False]
    assert (rows[0]["needs_model"], rows[0]["tests"]) == (False, 2)
    assert "bad.yaml, line" in rows[1]["faults"][0]
    run = ["recipe", "run", "move", "lease.docx", "-i", "old=14 Quay Street", "-i", "new=8 Harbour Road"]
    assert main(["recipe", "run", "move", "lease.docx"]) == 1
    assert "old is missing" in capsys.readouterr().err
    assert main(run) == 3
    shown = capsys.readouterr()
    assert "+ Our office is at 8 Harbour Road." in shown.out
    assert "--yes" in shown.err
    assert main([*run, "--yes", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["documents"][0]["row"] == {"places": 1}
    assert found["documents"][0]["changes"][0]["committed"] is True
    assert main([*run, "--yes"]) == 0  # again: nothing of it is left to replace
    assert "left alone" in capsys.readouterr().err
