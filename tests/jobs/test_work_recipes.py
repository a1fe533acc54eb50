"""A recipe in a scratch: its tools, its prompts, what it remembers, and what it may not do by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from copilot.jobs.job import Job, Source, Status
from copilot.jobs.recipes.recipe import Recipe
from copilot.jobs.work import Desk, answer, work
from tests.agent.sandbox import WORLD
from tests.agent.scripted import Scripted
from tests.jobs.working import READERS, Saying, base, fields

SOURCE = Source(key="a.txt", path="a.txt", values={"new": "Elm Street"})
SWAP = {"tool": "custom.swap", "with": {"path": "{{ document }}", "old": "Oak Road", "new": "{{ row.new }}"}}
SEND = {"tool": "custom.send", "with": {"to": ["ann@contoso.com"], "body": "Done"}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("We live at 1 Oak Road.\n")
    WORLD.__init__()  # type: ignore[misc]
    return tmp_path / "docs"


def job(*steps: dict[str, Any], mode: Any = "ask", **more: Any) -> Job:
    recipe = Recipe.model_validate({"name": "move", "steps": list(steps), **more})
    return Job(recipe=recipe.to_dict(), mode=mode)


async def test_tools_work_without_a_model(folder: Path) -> None:
    async with Desk(base(folder, None), "r", readers=READERS) as desk:
        outcome = await work(job(SWAP), SOURCE, desk)
        assert (outcome.status, outcome.error) == (Status.REVIEW, None)
        assert desk.blobs.get(outcome.edits[0].after) == b"We live at 1 Elm Street.\n"
        assert (await work(job(SWAP), SOURCE, desk)).edits == outcome.edits
        assert (folder / "a.txt").read_text() == "We live at 1 Oak Road.\n"


async def test_a_failed_step_leaves_no_edit(folder: Path) -> None:
    async with Desk(base(folder, None), "r", readers=READERS) as desk:
        outcome = await work(job(SWAP, SWAP), SOURCE, desk)
    assert (outcome.status, outcome.edits) == (Status.FAILED, [])
    assert outcome.error is not None
    assert "Oak Road" in outcome.error["message"]


async def test_fields_of_a_prompt_are_looked_up_in_the_document_as_it_stands(folder: Path) -> None:
    schema = {"type": "object", "properties": {"street": {"type": ["string", "null"]}}}
    steps = (SWAP, {"prompt": "Which street? {not a name}", "fields": schema})
    answer_ = fields(street=("Elm Street", "1 Elm Street."))
    async with Desk(base(folder, Saying(said=lambda n, _: answer_)), "r", readers=READERS) as desk:
        outcome = await work(job(*steps, outputs={"row": {"street": "{{ street }}"}}), SOURCE, desk)
    assert outcome.values == {"street": "Elm Street"}
    assert [(c.field, c.confidence) for c in outcome.citations] == [("street", "exact")]
    assert (outcome.input_tokens, len(outcome.edits)) == (100, 1)


async def test_what_goes_out_waits_and_finished_steps_are_not_repeated(folder: Path) -> None:
    whole = job({"prompt": "Look at it."}, SWAP, SEND, mode="yes")
    model = Scripted(script=["Seen."])
    async with Desk(base(folder, model), "r", readers=READERS) as desk:
        asked = await work(whole, SOURCE, desk)
        assert (asked.status, WORLD.mailed) == (Status.ASKED, [])
    async with Desk(base(folder, model), "r", readers=READERS) as desk:
        outcome = await answer(whole, SOURCE, desk, approve=True, card=asked.cards[0]["digest"])
        assert (outcome.status, len(WORLD.mailed), len(outcome.edits)) == (Status.DONE, 1, 1)
        assert (await work(whole, SOURCE, desk)).edits == outcome.edits
        assert len(WORLD.mailed) == 1


async def test_what_is_declined_is_not_sent(folder: Path) -> None:
    whole = job(SEND, mode="yes")
    async with Desk(base(folder, None), "r", readers=READERS) as desk:
        asked = await work(whole, SOURCE, desk)
        outcome = await answer(whole, SOURCE, desk, approve=False, card=asked.cards[0]["digest"])
    assert (outcome.status, WORLD.mailed) == (Status.FAILED, [])
    assert outcome.error is not None
    assert outcome.error["code"] == "rejected"


async def test_what_a_prompt_wants_to_send_waits_too(folder: Path) -> None:
    mail = [("custom__send", {"to": ["ann@contoso.com"], "body": "Hi"})]
    whole = job({"prompt": "Mail Ann.", "as": "said"}, outputs={"text": "{{ said }}"})
    async with Desk(base(folder, Scripted(script=[mail, "Sent."])), "r", readers=READERS) as desk:
        asked = await work(whole, SOURCE, desk)
        assert (asked.status, WORLD.mailed) == (Status.ASKED, [])
        outcome = await answer(whole, SOURCE, desk, approve=True, card=asked.cards[0]["digest"])
    assert (outcome.status, outcome.text, len(WORLD.mailed)) == (Status.DONE, "Sent.", 1)
