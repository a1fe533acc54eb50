"""The skill `powerpoint`, through the door that every skill comes in by."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from pptx import Presentation

from copilot.errors import EverpilotError, ToolInputError
from copilot.plugins.context import ToolContext
from copilot.plugins.loader import load
from copilot.plugins.tools import Effect, Result, Tool
from copilot.workspace.change import Change
from copilot.workspace.workspace import Staging, Workspace

DECK = "kickoff-deck.pptx"


@pytest.fixture(scope="module")
def tools() -> dict[str, Tool]:
    return {name: tool for name, tool in load().tools().items() if name.startswith("powerpoint.")}


@pytest.fixture
def context(office: Path, tmp_path: Path) -> ToolContext:
    return ToolContext(Staging(Workspace([office], tmp_path / "state")))


def reads(tool: Tool, context: ToolContext, **args: Any) -> Result:
    outcome = tool.stage(context, args)
    assert isinstance(outcome, Result)
    return outcome


def edits(tool: Tool, context: ToolContext, **args: Any) -> Change:
    outcome = tool.stage(context, args)
    assert isinstance(outcome, list)
    assert len(outcome) == 1
    return outcome[0]


def slides(change: Change) -> list[Any]:
    assert change.content is not None
    return list(Presentation(io.BytesIO(change.content)).slides)


def test_all_tools_are_there_and_declare_themselves(tools: dict[str, Tool]) -> None:
    assert sorted(name.partition(".")[2] for name in tools) == [
        "add_notes",
        "add_slide",
        "create",
        "create_from_document",
        "find",
        "outline",
        "read",
        "read_notes",
        "replace_text",
        "set_notes",
        "set_title",
    ]
    for tool in tools.values():
        assert len(tool.examples) >= 3, tool.name
        assert tool.cues, tool.name
        reading = tool.name.partition(".")[2] in ("find", "outline", "read", "read_notes")
        assert tool.effect is (Effect.READ if reading else Effect.WRITE)


def test_outline_and_read(tools: dict[str, Tool], context: ToolContext) -> None:
    outline = reads(tools["powerpoint.outline"], context, path=DECK)
    assert outline.data["slides"][2] == {"slide": 3, "title": "Why we are here"}
    some = reads(tools["powerpoint.read"], context, path=DECK, slide=3)
    assert "Faults are found by walking past them" in some.markdown
    assert "Agenda" not in some.markdown
    assert some.sources == (f"{DECK}, slide 3",)
    with pytest.raises(ToolInputError, match="slides 1 to 8"):
        reads(tools["powerpoint.read"], context, path=DECK, slide=12)


def test_a_long_deck_comes_in_parts_that_join_to_the_whole(
    tools: dict[str, Tool], context: ToolContext, office: Path
) -> None:
    outline = "\n".join(f"## Slide about {n}\n- {'words ' * 150}{n}" for n in range(40))
    change = edits(tools["powerpoint.create"], context, path="long.pptx", outline=outline)
    (office / "long.pptx").write_bytes(change.content or b"")
    seen: list[int] = []
    following: list[int] = []
    for _ in range(20):
        args = {"slide": following[0], "last": 40} if following else {}
        part = reads(tools["powerpoint.read"], context, path="long.pptx", **args)
        assert len(part.markdown) < 30_000
        seen += part.data["slides"]
        following = part.data["next"]
        if not following:
            break
        assert f"slide={following[0]}" in part.markdown
    assert seen == list(range(1, 41))


def test_find_and_notes(tools: dict[str, Tool], context: ToolContext) -> None:
    found = reads(tools["powerpoint.find"], context, path=DECK, query="brightwater")
    assert [hit["where"] for hit in found.data] == ["slide 1, subtitle", "slide 3, body", "slide 3, notes"]
    assert "does not contain" in reads(tools["powerpoint.find"], context, path=DECK, query="zebra").markdown
    notes = reads(tools["powerpoint.read_notes"], context, path=DECK, slide=5)
    assert [n["slide"] for n in notes.data] == [5]


def test_edits_are_staged_and_say_what_changes(tools: dict[str, Tool], context: ToolContext, office: Path) -> None:
    before = (office / DECK).read_bytes()
    change = edits(tools["powerpoint.replace_text"], context, path=DECK, find="Brightwater", replace="Contoso")
    assert [h.where for h in change.hunks] == ["slide 1, subtitle", "slide 3, body", "slide 3, notes"]
    again = edits(tools["powerpoint.replace_text"], context, path=DECK, find="Brightwater", replace="Contoso")
    assert again.digest() == change.digest()
    assert (office / DECK).read_bytes() == before
    titled = edits(tools["powerpoint.set_title"], context, path=DECK, slide=2, title="Our agenda")
    assert slides(titled)[1].shapes.title.text_frame.text == "Our agenda"
    noted = edits(tools["powerpoint.add_notes"], context, path=DECK, slide=1, text="And smile.")
    assert slides(noted)[0].notes_slide.notes_text_frame.text.endswith("five minutes.\nAnd smile.")
    written = edits(tools["powerpoint.set_notes"], context, path=DECK, slide=1, text="Smile.")
    assert slides(written)[0].notes_slide.notes_text_frame.text == "Smile."
    added = edits(tools["powerpoint.add_slide"], context, path=DECK, title="Risks", bullets=["Supply"], position=4)
    assert slides(added)[3].shapes.title.text_frame.text == "Risks"


def test_create_in_the_design_of_another_deck(tools: dict[str, Tool], context: ToolContext) -> None:
    change = edits(tools["powerpoint.create"], context, path="pitch", outline="# Pitch\n## Why\n- a", template=DECK)
    assert change.path.name == "pitch.pptx"
    assert change.before is None
    assert [s.shapes.title.text_frame.text for s in slides(change)] == ["Pitch", "Why"]
    assert [h.where for h in change.hunks] == ["pitch.pptx", "slide 1", "slide 2"]
    over = edits(tools["powerpoint.create"], context, path=DECK, outline="# Pitch")
    assert over.warnings


@pytest.mark.parametrize(
    "source",
    [
        "contract.docx",
        "quarterly-report.docx",
        "meeting-notes.docx",
        "budget.xlsx",
        "sales.xlsx",
        "supplier-invoice.pdf",
    ],
)
def test_create_from_a_document(tools: dict[str, Tool], context: ToolContext, source: str) -> None:
    change = edits(tools["powerpoint.create_from_document"], context, source=source)
    assert change.path.name == source.rpartition(".")[0] + ".pptx"
    found = slides(change)
    assert len(found) >= 2
    assert all(s.shapes.title.text_frame.text for s in found)


def test_a_name_that_is_taken_is_left_alone(tools: dict[str, Tool], context: ToolContext, office: Path) -> None:
    (office / "contract.pptx").write_bytes((office / DECK).read_bytes())
    change = edits(tools["powerpoint.create_from_document"], context, source="contract.docx")
    assert change.path.name == "contract-2.pptx"


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("read", {"path": "missing.pptx"}),
        ("read", {"path": "contract.docx"}),
        ("replace_text", {"path": DECK, "find": "zebra", "replace": "x"}),
        ("set_title", {"path": DECK, "slide": 0, "title": "x"}),
        ("set_notes", {"path": DECK, "slide": 99, "text": "x"}),
        ("add_slide", {"path": DECK, "title": "x", "layout": "No such"}),
        ("create", {"path": "x.pptx", "outline": " "}),
        ("create", {"path": "x.pptx", "outline": "A", "template": "budget.xlsx"}),
        ("create_from_document", {"source": "missing.docx"}),
    ],
)
def test_bad_calls_say_what_to_do(
    tools: dict[str, Tool], context: ToolContext, name: str, args: dict[str, Any]
) -> None:
    with pytest.raises(EverpilotError) as caught:
        tools[f"powerpoint.{name}"].stage(context, args)
    assert len(str(caught.value)) > 20
