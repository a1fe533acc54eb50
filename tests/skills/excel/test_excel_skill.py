from __future__ import annotations

import importlib
import io
import json
from pathlib import Path
from typing import Any, get_args

import openpyxl
import pytest
import yaml

from copilot.documents import excel
from copilot.documents.excel.analysis import ANALYSES
from copilot.documents.excel.edits import operations
from copilot.errors import EverpilotError, ToolInputError
from copilot.plugins.context import ToolContext
from copilot.plugins.langchain import as_langchain
from copilot.plugins.tools import Effect, Result, Tool, build, is_tool
from copilot.slots import SLOT_KINDS, Slot
from copilot.workspace.change import Change
from copilot.workspace.workspace import Workspace

MODULE = importlib.import_module("copilot.skills.excel.tools")
TOOLS = {t.name: t for t in (build(f, skill="excel") for f in vars(MODULE).values() if is_tool(f))}
WRITING = {"write_cells", "write_formula", "add_row", "add_sheet", "add_chart", "create", "edit", "recalculate"}
SALES: list[list[Any]] = [
    ["Region", "Product", "Units", "Amount"],
    ["North", "Tea", 3, 30.5],
    ["South", "Tea", 5, 50.1],
    ["North", "Coffee", 2, 80.2],
    ["East", "Coffee", 7, 10],
]


@pytest.fixture
def context(tmp_path: Path, home: Path) -> ToolContext:
    total = ["Total", None, "=SUM(C2:C5)", "=SUM(D2:D5)"]
    content = excel.create({"Sales": [*SALES, total], "Notes": [["Say", "What"], ["a", "b"]]}, formulas=True).content
    (tmp_path / "sales.xlsx").write_bytes(content)
    return ToolContext(Workspace([tmp_path], home).staging())


def read(context: ToolContext, name: str, /, **args: object) -> Result:
    result = TOOLS[f"excel.{name}"].stage(context, {"path": "sales.xlsx", **args})
    assert isinstance(result, Result)
    return result


def edit(context: ToolContext, name: str, /, **args: object) -> Change:
    result = TOOLS[f"excel.{name}"].stage(context, {"path": "sales.xlsx", **args})
    assert isinstance(result, list)
    (change,) = result
    context.staging.put(change)
    return change


def test_what_is_offered() -> None:
    assert {t.partition(".")[2] for t in TOOLS} == WRITING | {
        "list_sheets", "read_range", "read_table", "describe", "aggregate", "filter_rows", "sort_rows", "top_rows",
        "analyse", "explain_formula",
    }  # fmt: skip
    for tool in TOOLS.values():
        assert (tool.effect is Effect.WRITE) == (tool.name.partition(".")[2] in WRITING)
        assert len(tool.examples) >= 3
        assert len(tool.cues) >= 5


def test_the_schemas_are_small() -> None:
    text = "".join(
        json.dumps([t.wire_name, t.description, as_langchain(t).get_input_jsonschema()]) for t in TOOLS.values()
    )
    assert len(text) / 4 < 3_000


def test_every_slot_is_one_that_the_planner_knows() -> None:
    for tool in TOOLS.values():
        slots = [m for f in tool.arguments.model.model_fields.values() for m in f.metadata if isinstance(m, Slot)]
        assert slots
        assert all(s.kind in SLOT_KINDS for s in slots)


def test_the_skill_file_follows_the_standard() -> None:
    text = (Path(MODULE.__file__ or "").parent / "SKILL.md").read_text("utf-8")
    head = yaml.safe_load(text.split("---")[1])
    assert head["name"] == "excel"
    assert 50 < len(head["description"]) <= 1024
    assert {name for name in TOOLS if name not in text} <= {"excel.read_range"} or all(n in text for n in TOOLS)


def test_sheets_and_ranges_are_read(context: ToolContext) -> None:
    assert [s["name"] for s in read(context, "list_sheets").data] == ["Sales", "Notes"]
    result = read(context, "read_range", range="C6:D6")
    assert result.data["values"] == [[17, 170.8]]
    assert result.data["formulas"]["D6"] == "=SUM(D2:D5)"
    assert result.sources == ("sales.xlsx, Sales!C6:D6",)


@pytest.mark.parametrize(
    ("args", "value"),
    [
        ({"function": "sum", "column": "Amount"}, 170.8),
        ({"function": "sum", "column": "amount", "where_column": "Region", "where_value": "north"}, 110.7),
        ({"function": "count"}, 4),
        (
            {
                "function": "average",
                "column": "Units",
                "where_column": "Units",
                "where_operator": ">",
                "where_value": 2,
            },
            5,
        ),
        ({"function": "max", "column": "Amount", "where_column": "Product", "where_value": "Tea"}, 50.1),
    ],
)
def test_figures(context: ToolContext, args: dict[str, object], value: float) -> None:
    result = read(context, "aggregate", **args)
    assert result.data["value"] == value
    assert f"**{value}**" in result.markdown


def test_groups(context: ToolContext) -> None:
    groups = read(context, "aggregate", function="sum", column="Amount", group_by="Product").data["groups"]
    assert [(g["group"], g["value"]) for g in groups] == [("Tea", 80.6), ("Coffee", 90.2)]


def test_rows_are_filtered_sorted_ranked_and_described(context: ToolContext) -> None:
    assert read(context, "filter_rows", where_column="Region", where_value="North").data["row_numbers"] == [2, 4]
    assert read(context, "sort_rows", by="Amount", descending=True).data["row_numbers"] == [4, 3, 2, 5]
    assert read(context, "top_rows", by="Units", count=1).data["rows"] == [["East", "Coffee", 7, 10]]
    assert read(context, "top_rows", by="Units", count=1, lowest=True).data["row_numbers"] == [4]
    assert read(context, "read_table", sheet="notes").data["rows"] == [["a", "b"]]
    columns = read(context, "describe", sheet="Sales").data["columns"]
    assert [(c["name"], c["type"]) for c in columns] == [
        ("Region", "text"), ("Product", "text"), ("Units", "number"), ("Amount", "number")
    ]  # fmt: skip


def test_edits_are_staged_one_after_the_other(context: ToolContext) -> None:
    first = edit(context, "write_cells", cells={"D2": 31, "Notes!B2": "c"}, overwrite=True)
    assert ("Sales!D2", "30.5", "31") in {(h.where, h.before, h.after) for h in first.hunks}
    edit(context, "add_row", values={"Region": "West", "Amount": 5}, sheet="Sales")
    edit(context, "write_formula", cell="E2:E6", formula="=D2/C2", sheet="Sales")
    edit(context, "add_sheet", name="Plan", rows=[["a", "b"], [1, "2026-01-01"]])
    last = edit(context, "add_chart", series=["Amount"], categories="Region", type="pie", title="Share", sheet="Sales")
    assert read(context, "aggregate", function="sum", column="Amount").data["value"] == 176.3
    workbook = openpyxl.load_workbook(io.BytesIO(last.content or b""))
    assert workbook.sheetnames == ["Sales", "Notes", "Plan"]
    assert workbook["Sales"]["D7"].value == "=SUM(D2:D6)"
    assert len(workbook["Sales"]._charts) == 1  # type: ignore[attr-defined]


def test_writing_over_something_needs_to_be_said(context: ToolContext) -> None:
    with pytest.raises(ToolInputError, match=r"Sales!D2 holds 30\.5"):
        edit(context, "write_cells", cells={"D2": 31}, sheet="Sales")
    with pytest.raises(ToolInputError, match="SUM"):
        edit(context, "write_formula", cell="D6", formula="=1+1", sheet="Sales")


def test_operations_are_one_change_and_the_skill_lists_them(context: ToolContext) -> None:
    done = edit(
        context,
        "edit",
        operations=[
            {"op": "insert_rows", "sheet": "Sales", "at": 2},
            {"op": "format_cells", "range": "Sales!A1:D1", "bold": True},
            {"op": "rename_sheet", "sheet": "Notes", "to": "Remarks"},
        ],
    )
    workbook = openpyxl.load_workbook(io.BytesIO(done.content or b""))
    assert workbook.sheetnames == ["Sales", "Remarks"]
    assert workbook["Sales"]["D7"].value == "=SUM(D3:D6)"
    assert done.summary == "insert rows, format cells, rename sheet in sales.xlsx"
    body = (Path(str(MODULE.__file__)).parent / "SKILL.md").read_text("utf-8")
    assert all(f"`{o.signature}`" in body for o in (*operations(), *ANALYSES))
    assert all(f"`{taken}`" in body for o in operations() for taken in o.parts.values())


def test_a_long_reading_is_cut_where_the_next_one_goes_on(context: ToolContext, tmp_path: Path) -> None:
    lines = [["Number", "Words"], *([n, f"line {n} of a sheet that no model reads at once"] for n in range(1, 3001))]
    (tmp_path / "long.xlsx").write_bytes(excel.create({"Long": lines}).content)
    seen, place = [], "Long!A:B"
    while place:
        found = TOOLS["excel.read_range"].stage(context, {"path": "long.xlsx", "range": place})
        assert isinstance(found, Result)
        assert len(found.markdown) < 60_000
        assert found.data["next"] in ("", f"Long!A{len(seen) + len(found.data['values']) + 1}:B3001")
        assert bool(found.data["next"]) == ("go on with" in found.markdown)
        seen += found.data["values"]
        place = found.data["next"]
    assert seen == lines


def test_one_bad_operation_stops_all(context: ToolContext) -> None:
    with pytest.raises(ToolInputError, match=r"Operation 2 \(merge_cells\)"):
        edit(
            context,
            "edit",
            operations=[{"op": "freeze_panes", "sheet": "Notes", "rows": 2}, {"op": "merge_cells", "range": "C9:A1"}],
        )


def test_rows_of_another_workbook_are_joined(context: ToolContext, tmp_path: Path) -> None:
    other = excel.create({"Heads": [["Region", "Head"], ["North", "Ann"], ["South", "Bob"]]}).content
    (tmp_path / "heads.xlsx").write_bytes(other)
    found = read(
        context,
        "analyse",
        steps=[
            {"op": "aggregate", "sheet": "Sales", "figures": ["sum Amount"], "by": ["Region"]},
            {"op": "join", "right": {"file": "heads.xlsx"}, "on": ["Region"], "how": "inner"},
        ],
    )
    assert {(row[0], row[-1]) for row in found.data["rows"]} == {("North", "Ann"), ("South", "Bob")}


def test_a_formula_is_explained_and_errors_are_listed(context: ToolContext) -> None:
    assert "D2" in read(context, "explain_formula", cell="D6", sheet="Sales").markdown
    edit(context, "write_cells", cells={"F1": "=1/0"}, sheet="Sales")
    found = TOOLS["excel.recalculate"].stage(context, {"path": "sales.xlsx"})
    assert isinstance(found, Result)
    assert "Sales!F1 shows #DIV/0!" in found.markdown


def test_a_workbook_is_created(context: ToolContext) -> None:
    change = edit(context, "create", path="new.xlsx", rows=[["Item", "Cost"], ["a", "=1+1"]])
    assert change.before is None
    assert read(context, "read_range", path="new.xlsx").data["values"] == [["Item", "Cost"], ["a", "=1+1"]]


@pytest.mark.parametrize(
    ("name", "args", "words"),
    [
        ("aggregate", {"function": "sum", "column": "Amuont"}, "Amount"),
        ("aggregate", {"function": "sum"}, "needs a column"),
        ("aggregate", {"function": "sum", "column": "Amount", "where_value": 3}, "where_column"),
        ("aggregate", {"function": "variance", "column": "Amount"}, "function"),
        ("read_range", {"sheet": "Slaes"}, "Sales"),
        ("read_range", {"range": "C9:A1"}, "A1:C9"),
        ("read_table", {"table": "Orders"}, "There is none"),
        ("write_cells", {"cells": {}}, "cells"),
        ("write_cells", {"cells": {"D2": "=SUM("}}, "no formula"),
        ("write_formula", {"cell": "D2", "formula": "SUM(A1)"}, "formula"),
        ("add_row", {"values": {"Regoin": 1}, "sheet": "Sales"}, "Region"),
        ("add_sheet", {"name": "sales"}, "taken"),
        ("add_chart", {"series": ["Region"]}, "numbers"),
        ("create", {"path": "x.csv"}, "xlsx"),
        ("read_range", {"path": "missing.xlsx"}, "missing"),
    ],
)
def test_mistakes_are_explained(context: ToolContext, name: str, args: dict[str, object], words: str) -> None:
    with pytest.raises(EverpilotError, match=words) as error:
        TOOLS[f"excel.{name}"].stage(context, {"path": "sales.xlsx", **args})
    assert isinstance(error.value, ToolInputError) or name == "read_range"


def test_operators_are_those_of_the_core() -> None:
    assert get_args(excel.Operator) == excel.OPERATORS
    assert get_args(excel.Function) == excel.FUNCTIONS


def test_tools_come_from_one_skill() -> None:
    assert all(isinstance(t, Tool) and t.skill == "excel" for t in TOOLS.values())
