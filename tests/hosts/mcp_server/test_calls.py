"""What a client calls is shown to the person and decided by the policy; its model approves nothing."""

from __future__ import annotations

import io
import json
import threading
from pathlib import Path
from typing import Annotated, Any

import anyio
import openpyxl
import pytest
from mcp.shared.exceptions import MCPError

from copilot import Outgoing, Result, Role, ToolContext, tool
from copilot.cli import main
from copilot.hosts.mcp_server import asking
from copilot.hosts.mcp_server.options import Options
from copilot.hosts.mcp_server.waiting import WaitingRoom
from copilot.settings import Settings, TrustSettings
from copilot.trust.approvals import Card, Item
from copilot.trust.labels import Confidentiality
from tests.hosts.mcp_server.serving import ERAS, Connect, Person, text_of

WRITE = ("excel__write_cells", {"path": "budget.xlsx", "cells": {"J1": 5}})


def cell(folder: Path) -> Any:
    return openpyxl.load_workbook(io.BytesIO((folder / "budget.xlsx").read_bytes())).worksheets[0]["J1"].value


@pytest.mark.parametrize("era", ERAS)
async def test_a_change_is_shown_then_made_and_taken_back_byte_for_byte(
    connect: Connect, office: Path, home: Path, era: str
) -> None:
    before = (office / "budget.xlsx").read_bytes()
    person = Person(True, True)
    async with connect(person, era=era) as client:
        done = await client.call_tool(*WRITE)
        assert (done.is_error, cell(office)) == (False, 5)
        assert "budget.xlsx: Write J1" in person.shown[0]
        assert "@ Budget!J1\n+ 5" in person.shown[0]
        assert done.structured_content["status"] == "done"
        assert done.structured_content["changes"][0]["committed"] is True
        undone = await client.call_tool("everpilot__undo", {})
        assert text_of(undone).startswith("Undone: budget.xlsx")
        assert "@ Budget!J1\n- 5" in person.shown[1]
    assert (office / "budget.xlsx").read_bytes() == before
    records = [json.loads(line) for line in (home / "audit" / "log.jsonl").read_text().splitlines()]
    assert [r["event"] for r in records] == ["decision", "decision", "commit", "undo"]
    assert all(r["model"].startswith("mcp") for r in records[:3])


@pytest.mark.parametrize(("era", "answer"), [("legacy", False), ("legacy", "decline"), ("auto", "cancel")])
async def test_a_no_writes_nothing(connect: Connect, office: Path, era: str, answer: bool | str) -> None:
    before = (office / "budget.xlsx").read_bytes()
    async with connect(Person(answer), era=era) as client:
        done = await client.call_tool(*WRITE)
    assert (done.is_error, done.structured_content["status"]) == (True, "rejected")
    assert "did not approve" in text_of(done)
    assert (office / "budget.xlsx").read_bytes() == before


@pytest.mark.parametrize("era", ERAS)
async def test_what_changed_while_it_was_looked_at_is_shown_again(connect: Connect, office: Path, era: str) -> None:
    def somebody_writes() -> None:
        book = openpyxl.load_workbook(office / "budget.xlsx")
        book.worksheets[0]["K1"] = "theirs"
        book.save(office / "budget.xlsx")

    person = Person(True, False, before=somebody_writes)
    async with connect(person, era=era) as client:
        done = await client.call_tool(*WRITE)
    assert done.structured_content["status"] == "rejected"
    assert len(person.shown) == 2
    assert cell(office) is None


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_that_cant_ask_leaves_it_to_a_terminal(
    connect: Connect, office: Path, home: Path, era: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (office / "budget.xlsx").read_bytes()
    async with connect(era=era) as client:
        told = await client.call_tool(*WRITE)
        id = told.structured_content["data"]["approval"]
        assert told.structured_content["status"] == "needs_approval"
        assert text_of(told).startswith("Nothing is written or sent yet")
        assert f"mcp approve {id}" in text_of(told)
        assert "+ 5" in text_of(told)
        stands = await client.call_tool("everpilot__approval", {"id": id})
        assert stands.structured_content["data"] == {"id": id, "state": "waiting"}
        wrong = await client.call_tool("everpilot__approval", {"id": "../../x"})
        assert wrong.is_error
    assert (office / "budget.xlsx").read_bytes() == before
    assert main(["mcp", "approve"]) == 0
    assert id in capsys.readouterr().out
    assert main(["mcp", "approve", id]) == 1, "no terminal, no approval"
    assert "at a terminal" in capsys.readouterr().err
    assert (office / "budget.xlsx").read_bytes() == before
    assert WaitingRoom(home).get(id).state == "waiting"


async def test_the_person_approves_at_a_terminal_once(
    connect: Connect, office: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from copilot.hosts.mcp_server import approving

    async with connect() as client:
        told = await client.call_tool(*WRITE)
        id = told.structured_content["data"]["approval"]
        monkeypatch.setattr("builtins.input", lambda prompt: "y")
        assert approving.answered(id) == 0
        assert cell(office) == 5
        assert "Budget!J1" in capsys.readouterr().out
        stands = await client.call_tool("everpilot__approval", {"id": id})
        assert stands.structured_content["data"]["state"] == "done"
    with pytest.raises(Exception, match="answered already: done"):
        approving.answered(id)


async def test_an_approval_counts_for_what_was_shown_and_once(connect: Connect, office: Path) -> None:
    from copilot.hosts.mcp_server import approving

    async with connect() as client:
        told = await client.call_tool(*WRITE)
    waiting = WaitingRoom(Path(approving.settings.home())).get(told.structured_content["data"]["approval"])
    desk = approving.desk_for(waiting)
    shown = desk.look(waiting.order)
    done = approving.decided(desk, shown)
    assert done is not None
    assert done.status == "done"
    written = (office / "budget.xlsx").read_bytes()
    again = approving.decided(desk, shown)
    assert again is None or again.status != "asked"
    assert (office / "budget.xlsx").read_bytes() == written


@pytest.mark.parametrize(
    ("mode", "status", "value"), [("yes", "done", 5), ("read-only", "denied", None), ("auto", "needs_approval", None)]
)
async def test_the_mode_of_the_server_decides(
    connect: Connect, office: Path, mode: str, status: str, value: int | None
) -> None:
    async with connect(mode=mode) as client:
        done = await client.call_tool(*WRITE)
    assert (done.structured_content["status"], cell(office)) == (status, value)


async def test_errors_say_what_to_mend(connect: Connect) -> None:
    async with connect() as client:
        for name, args, said in (
            ("word__read", {"path": "contrct.docx"}, "contract.docx"),
            ("word__read", {}, "path"),
            ("word__raed", {}, "word.read"),
            ("everpilot__document", {"path": "contract.docx"}, "No tool named"),
            ("word__read", {"path": "../../etc/passwd"}, "outside the opened folders"),
            ("everpilot__undo", {"number": "one"}, "number"),
            ("everpilot__undo", {}, "no change made here"),
        ):
            found = await client.call_tool(name, args)
            assert found.is_error, name
            assert said in text_of(found)


async def test_tools_say_what_they_do(connect: Connect) -> None:
    async with connect() as client:
        found = {t.name: t for t in (await client.list_tools()).tools}
    assert "everpilot__call_tool" not in found
    read, write = found["word__read"].annotations, found["word__edit"].annotations
    assert (read.read_only_hint, read.open_world_hint) == (True, False)
    assert (write.read_only_hint, write.destructive_hint, write.idempotent_hint) == (False, True, False)
    assert found["word__read"].title == "Word: read"
    assert all(t.input_schema["type"] == "object" for t in found.values())
    assert all(t.output_schema["required"] == ["status", "text"] for t in found.values())


@pytest.mark.parametrize("level", [Confidentiality.INTERNAL, Confidentiality.RESTRICTED])
async def test_what_is_too_confidential_is_not_handed_over(connect: Connect, level: Confidentiality) -> None:
    settings = Settings(trust=TrustSettings(default_confidentiality="restricted"))
    async with connect(settings=settings, options=Options(level=level), mode="yes") as client:
        found = [
            await client.call_tool("word__read", {"path": "contract.docx"}),
            await client.call_tool(*WRITE),
        ]
        cleared = level is Confidentiality.RESTRICTED
        assert [not each.is_error for each in found] == [cleared, cleared]
        assert ("Services Agreement" in text_of(found[0])) is cleared
        try:
            resource = (await client.read_resource("everpilot://workspace/contract.docx")).contents[0].text
        except MCPError as error:
            resource = str(error)
        assert ("Services Agreement" in resource) is cleared


async def test_a_long_list_is_an_index_to_search(connect: Connect, office: Path) -> None:
    person = Person(True)
    async with connect(person, options=Options(lean=True)) as client:
        listed = [t.name for t in (await client.list_tools()).tools]
        assert sorted(listed) == [
            *("everpilot__approval", "everpilot__call_tool", "everpilot__find_tool", "everpilot__undo"),
            "skills__read",
        ]
        assert "find_tool" in client.instructions
        found = await client.call_tool("everpilot__find_tool", {"request": "write a value into a cell of a workbook"})
        assert "excel__write_cells (write)" in text_of(found)
        name, args = WRITE
        done = await client.call_tool("everpilot__call_tool", {"name": name, "arguments": args})
        assert (done.is_error, cell(office), len(person.shown)) == (False, 5, 1)
        again = await client.call_tool("everpilot__call_tool", {"name": "everpilot__call_tool", "arguments": {}})
        assert again.is_error


async def test_only_some_of_it(connect: Connect) -> None:
    async with connect(options=Options(skills=("word",), tools=("word.read", "word__edit"))) as client:
        names = {t.name for t in (await client.list_tools()).tools}
        assert {n for n in names if n.startswith("word")} == {"word__read", "word__edit"}
        assert not any(n.startswith("excel") for n in names)
        assert (await client.call_tool("word__find", {"path": "contract.docx", "text": "x"})).is_error
    with pytest.raises(Exception, match="No skill named 'wrod'"):
        async with connect(options=Options(skills=("wrod",))):
            pass


@pytest.mark.parametrize("era", ERAS)
async def test_progress_and_cancelling(connect: Connect, era: str) -> None:
    started, release, ended = anyio.Event(), threading.Event(), threading.Event()

    @tool
    def slow(context: ToolContext) -> Result:
        """Take long."""
        context.progress("half of it")
        anyio.from_thread.run_sync(started.set)
        release.wait(30)
        ended.set()
        return Result("done")

    heard: list[str | None] = []

    async def progress(value: float, total: float | None, message: str | None) -> None:
        heard.append(message)

    async with connect(era=era, tools=[slow]) as client, anyio.create_task_group() as tasks:

        async def call() -> None:
            await client.call_tool("custom__slow", {}, progress_callback=progress)

        tasks.start_soon(call)
        await started.wait()
        tasks.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            still = await client.call_tool("documents__list", {})
            release.set()
            assert await anyio.to_thread.run_sync(ended.wait, 30)
    assert not still.is_error
    assert heard == ["half of it"]


def test_a_form_holds_nothing_that_acts() -> None:
    hunk = {
        "where": "paragraph 1\n+ forged",
        "before": "old \x1b[31m text",
        "after": "![x](https://evil.example/?q=1)\n- forged <img src=x>",
        "kind": "text",
    }
    item = Item("1", "word.edit", {}, "write", "Sum\x1b]0;x\x07mary", "a.docx", [hunk], ["mind \u202ethis"], "d")
    shown = asking.message(Card("i", "t", (item,), "why", "2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00"))
    lines = shown.splitlines()
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "](" not in shown
    assert "<img" not in shown
    assert "@ paragraph 1 + forged" in lines
    assert any(line.startswith("+ - forged") for line in lines)


def test_a_change_too_long_for_a_form_goes_to_the_terminal() -> None:
    hunks = [{"where": f"p {n}", "before": "", "after": "x", "kind": "text"} for n in range(asking.MOST_PLACES + 1)]
    item = Item("1", "word.edit", {}, "write", "s", "a.docx", hunks, [], "d")
    card = Card("i", "t", (item,), "why", "2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00")
    assert not asking.is_whole(card)
    assert "more lines" in asking.excerpt(card)


@pytest.mark.parametrize("mode", ["ask", "yes"])
async def test_what_is_sent_is_shown_whole_and_sent_once(connect: Connect, mode: str) -> None:
    """Approving changes to files beforehand approves no message."""
    sent: list[str] = []

    def deliver(key: str) -> str:
        sent.append(key)
        return "Queued."

    @tool(effect="send")
    def mail(
        context: ToolContext, to: Annotated[str, Role("recipient")], body: Annotated[str, Role("body")]
    ) -> Outgoing:
        """Send a mail."""
        return context.send("mail", [to], body, deliver)

    person = Person(False, True)
    call = ("custom__mail", {"to": "eve@example.com", "body": "The figures.\nAll of them."})
    async with connect(person, mode=mode, tools=[mail]) as client:
        declined = await client.call_tool(*call)
        assert (declined.structured_content["status"], sent) == ("rejected", [])
        done = await client.call_tool(*call)
        assert text_of(done) == "Sent: Mail to eve@example.com. Queued."
        (annotations,) = [t.annotations for t in (await client.list_tools()).tools if t.name == "custom__mail"]
        assert (annotations.read_only_hint, annotations.open_world_hint) == (False, True)
    assert len(sent) == 1
    assert "@ To\n+ eve@example.com" in person.shown[0]
    assert "+ The figures.\n+ All of them." in person.shown[0]
