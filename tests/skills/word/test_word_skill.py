from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

from copilot.documents import excel, word
from copilot.errors import EverpilotError, ToolInputError
from copilot.plugins.context import ToolContext
from copilot.plugins.langchain import as_langchain
from copilot.plugins.tools import Effect, Result, Tool, build, is_tool
from copilot.slots import SLOT_KINDS, Slot
from copilot.workspace.change import Change
from copilot.workspace.workspace import Workspace

MODULE = importlib.import_module("copilot.skills.word.tools")
TOOLS = {t.name: t for t in (build(f, skill="word") for f in vars(MODULE).values() if is_tool(f))}
CONTRACT = """# Contract

This contract is between Acme Corp and the buyer.

## Payment

Payment is due in 30 days.

## Delivery

Acme Corp delivers on time.

| Item | Price |
| --- | --- |
| Apple | 1.00 |
| Pear | 2.00 |
"""


@pytest.fixture
def context(tmp_path: Path, home: Path) -> ToolContext:
    (tmp_path / "contract.docx").write_bytes(word.create(CONTRACT, title="Sales contract"))
    return ToolContext(Workspace([tmp_path], home).staging())


def run(context: ToolContext, name: str, /, **args: object) -> Result | list[Change]:
    return TOOLS[f"word.{name}"].stage(context, args)


def read(context: ToolContext, **args: object) -> Result:
    result = run(context, "read", path="contract.docx", **args)
    assert isinstance(result, Result)
    return result


def address(context: ToolContext, text: str) -> str:
    return next(s["address"] for s in read(context).data["segments"] if s["text"] == text)


def edit(context: ToolContext, name: str, /, **args: object) -> Change:
    """Stage an edit and put it into the plan, as the tool step does."""
    changes = run(context, name, **{"path": "contract.docx", **args})
    assert isinstance(changes, list)
    context.staging.put(changes[0])
    return changes[0]


@pytest.mark.parametrize(
    ("name", "args", "where", "shown"),
    [
        ("replace_text", {"find": "Acme Corp", "replace": "Contoso"}, "paragraph 3", "between Contoso and"),
        ("insert", {"text": "Late payment costs extra.", "at": "Payment"}, "after paragraph 4", "Late payment"),
        ("append", {"text": "Signed in Berlin."}, "at the end", "Signed in Berlin."),
        ("add_heading", {"text": "Warranty", "level": 2}, "at the end", "## Warranty"),
        ("add_list", {"items": ["one", "two"], "kind": "numbered", "at": "Delivery"}, "after paragraph 6", "1. one"),
        (
            "add_table",
            {"rows": [["A"], ["1"]], "at": "Payment", "position": "end_of_section"},
            "after paragraph 5",
            "| A |",
        ),
        ("add_table_row", {"values": ["Plum", "3.00"]}, "table 1, row 4", "| Plum | 3.00 |"),
        ("add_table_row", {"values": {"Item": "Plum"}, "table": "1"}, "table 1, row 4", "| Plum |"),
        ("set_cell", {"row": 2, "column": "Price", "text": "1.25"}, "table 1, row 2, column 2", "| Apple | 1.25 |"),
        ("apply_style", {"addresses": ["Payment"], "style": "Heading 3"}, "paragraph 4", "### Payment"),
    ],
)
def test_an_edit_is_staged_and_seen_by_the_next_call(
    context: ToolContext, name: str, args: dict[str, object], where: str, shown: str
) -> None:
    change = edit(context, name, **args)
    assert change.hunks[0].where == where
    assert "contract.docx" in change.summary
    assert shown in read(context).markdown
    assert context.staging.read("contract.docx").content == change.content


def test_addresses_from_reading_serve_for_editing(context: ToolContext) -> None:
    edit(context, "replace_paragraph", address=address(context, "Payment is due in 30 days."), text="Pay now.")
    edit(context, "delete", addresses=[address(context, "Pay now.")])
    assert "Pay now" not in read(context).markdown


def test_tracked_changes_are_made_listed_and_settled(context: ToolContext) -> None:
    done = edit(
        context, "edit", operations=[{"op": "replace_text", "find": "30 days", "replace": "60 days"}], track="on"
    )
    assert done.summary == "replace text in contract.docx"
    listed = run(context, "revisions", path="contract.docx")
    assert isinstance(listed, Result)
    assert [(r["before"], r["after"], r["author"]) for r in listed.data["changes"]] == [
        ("30", "", "Everpilot"),
        ("", "60", "Everpilot"),
    ]
    assert "30 days" in read(context, marks="original").markdown
    edit(context, "review", action="accept", author="Everpilot")
    assert "due in 60 days" in read(context).markdown
    assert not word.list_revisions(context.staging.read("contract.docx").content)


def test_comments_are_listed_with_their_threads(context: ToolContext) -> None:
    about = address(context, "Payment is due in 30 days.")
    edit(context, "edit", operations=[{"op": "add_comment", "address": about, "words": "30 days", "text": "Too long?"}])
    edit(context, "edit", operations=[{"op": "reply_comment", "comment": "cm1", "text": "No."}])
    edit(context, "edit", operations=[{"op": "resolve_comment", "comment": "cm2"}])
    listed = run(context, "revisions", path="contract.docx")
    assert isinstance(listed, Result)
    assert "contract.docx has 2 comments:" in listed.markdown
    assert f": Too long? (on '30 days' {{{about}}})\n  - answer [cm2] Everpilot" in listed.markdown
    assert listed.markdown.count(", resolved") == 2
    assert [(c["id"], c["parent"]) for c in listed.data["comments"]] == [("cm1", ""), ("cm2", "cm1")]


def test_expressions_are_found(context: ToolContext) -> None:
    found = run(context, "find", path="contract.docx", query=r"\d+ days", regex=True)
    assert isinstance(found, Result)
    assert [p["text"] for p in found.data] == ["Payment is due in 30 days."]


def test_single_tools_follow_the_documents_own_tracking(context: ToolContext) -> None:
    edit(context, "edit", operations=[{"op": "track", "on": True}])
    edit(context, "append", text="Signed.")
    assert [r.after for r in word.list_revisions(context.staging.read("contract.docx").content)] == ["\nSigned."]


def test_a_redline_of_two_versions(context: ToolContext, tmp_path: Path) -> None:
    (tmp_path / "new.docx").write_bytes(word.create(CONTRACT.replace("30 days", "14 days"), title="Sales contract"))
    changes = run(context, "redline", old="contract.docx", new="new.docx", save_as="redline.docx")
    assert isinstance(changes, list)
    found = word.list_revisions(changes[0].content or b"")
    assert [(r.before, r.after) for r in found] == [("30", ""), ("", "14")]
    with pytest.raises(ToolInputError, match=r"\.docx"):
        run(context, "redline", old="contract.docx", new="new.docx", save_as="redline.pdf")


def test_a_template_says_what_it_asks_for_and_is_merged_with_a_workbook(context: ToolContext, tmp_path: Path) -> None:
    template = word.create("Dear {{Name}},\n\nyou owe {{Amount}} since {{Due}}. {{Unknown}}")
    (tmp_path / "letter.docx").write_bytes(template)
    rows = [["Name", "Amount", "Due"], ["Ann", 1200.5, "2026-03-01"], ["Bob", 7, "2026-04-01"]]
    (tmp_path / "people.xlsx").write_bytes(excel.create({"People": rows}).content)
    asked = run(context, "fields", path="letter.docx")
    assert isinstance(asked, Result)
    assert [f["name"] for f in asked.data["fields"]] == ["Name", "Amount", "Due", "Unknown"]
    made = run(context, "merge", template="letter.docx", data="people.xlsx", name="letters/{n:02}-{Name}.docx")
    assert isinstance(made, list)
    assert [change.path.relative_to(tmp_path).as_posix() for change in made] == [
        "letters/01-Ann.docx",
        "letters/02-Bob.docx",
    ]
    assert "Dear Ann" in word.read(made[0].content or b"").markdown
    assert any("{{Unknown}}" in warning for warning in made[0].warnings)


def test_a_section_is_read_and_found_text_is_cited(context: ToolContext) -> None:
    section = read(context, at="Payment")
    assert "due in 30 days" in section.markdown
    assert "Delivery" not in section.markdown
    found = run(context, "find", path="contract.docx", query="acme corp")
    assert isinstance(found, Result)
    assert found.sources == ("contract.docx, paragraph 3", "contract.docx, paragraph 7")
    assert [d["where"] for d in found.data] == ["paragraph 3", "paragraph 7"]


def test_long_documents_come_with_an_outline_and_where_to_go_on(tmp_path: Path, home: Path) -> None:
    body = "\n\n".join(f"## Part {n}\n\n{'Words and words. ' * 60}" for n in range(60))
    (tmp_path / "contract.docx").write_bytes(word.create(body))
    context = ToolContext(Workspace([tmp_path], home).staging())
    first = read(context)
    assert "Part 59" in first.markdown
    assert len(first.markdown) < 40_000
    following = read(context, at=first.data["next"])
    assert following.data["segments"][0]["address"] == first.data["next"]


def test_outline_and_styles(context: ToolContext) -> None:
    outline = run(context, "outline", path="contract.docx")
    assert isinstance(outline, Result)
    assert [h["text"] for h in outline.data["headings"]] == ["Contract", "Payment", "Delivery"]
    styles = run(context, "list_styles", path="contract.docx")
    assert isinstance(styles, Result)
    assert "Heading 1" in styles.data["paragraph"]
    assert "Table Grid" in styles.data["table"]


def test_create_shows_what_the_file_will_hold(context: ToolContext) -> None:
    change = edit(context, "create", path="new.docx", markdown="# Hello\n\nWorld", title="")
    assert change.before is None
    assert [h.after for h in change.hunks[1:]] == ["Hello", "World"]
    with pytest.raises(ToolInputError, match=r"\.docx"):
        run(context, "create", path="new.txt", markdown="x")


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("read", {"path": "nothing.docx"}),
        ("read", {"path": "../contract.docx"}),
        ("read", {"path": "contract.docx", "at": "No such heading"}),
        ("replace_text", {"path": "contract.docx", "find": "Fabrikam", "replace": "x"}),
        ("insert", {"path": "contract.docx", "text": "x", "at": ""}),
        ("add_heading", {"path": "contract.docx", "text": "x", "level": 12}),
        ("set_cell", {"path": "contract.docx", "row": 9, "column": 1, "text": "x"}),
        ("set_cell", {"path": "contract.docx", "row": 1, "column": 1, "text": "x", "table": "7"}),
        ("delete", {"path": "contract.docx", "addresses": []}),
        ("apply_style", {"path": "contract.docx", "addresses": ["Payment"], "style": "Fancy"}),
    ],
)
def test_wrong_calls_are_explained(context: ToolContext, name: str, args: dict[str, object]) -> None:
    with pytest.raises(EverpilotError) as caught:
        run(context, name, **args)
    assert len(str(caught.value)) > 20


@pytest.mark.parametrize("tool", TOOLS.values(), ids=lambda t: t.name)
def test_every_tool_declares_itself(tool: Tool) -> None:
    assert len(tool.examples) >= 3
    assert tool.cues
    reading = tool.name.rpartition(".")[2] in {"read", "outline", "find", "list_styles", "revisions", "fields"}
    assert tool.effect is (Effect.READ if reading else Effect.WRITE)
    assert next(iter(tool.arguments.model.model_fields)) in ("path", "template", "old")
    for field in tool.arguments.model.model_fields.values():
        slots = [m for m in field.metadata if isinstance(m, Slot)]
        assert slots or not field.is_required()
        assert all(s.kind in SLOT_KINDS for s in slots)


def test_the_schemas_stay_small() -> None:
    from langchain_core.utils.function_calling import convert_to_openai_tool

    letters = sum(len(json.dumps(convert_to_openai_tool(as_langchain(t)))) for t in TOOLS.values())
    assert letters / 4 < 2500  # about four letters a token


def test_the_skill_file_names_every_tool() -> None:
    import yaml

    text = (Path(str(MODULE.__file__)).parent / "SKILL.md").read_text("utf-8")
    _, head, body = text.split("---\n", 2)
    front = yaml.safe_load(head)
    assert front["name"] == "word"
    assert len(front["description"]) <= 1024
    assert len(text) / 3 < 3000  # names of fields take more tokens than prose
    for name in TOOLS:
        assert f"`{name}`" in body
    for operation in word.OPERATIONS:
        assert f"\n{operation.signature}\n" in body
