"""What issue 8 is done with: a budget is found in a site, changed from a local sheet, saved there, and a mail drafted.

The fake Graph is a server of its own; the model is a script, or two vendors' servers of which one dies. The token ends,
a call is throttled and somebody else changes the workbook, all in the middle of it.
"""

from __future__ import annotations

import importlib
import io
import json
import re
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from copilot import Copilot, _roots
from copilot.agent.events import Final, ToolEvent
from copilot.demo.microsoft365 import sample, sample_drive
from copilot.demo.microsoft365.mailbox import Mailbox
from copilot.documents import excel
from copilot.errors import ApprovalError
from copilot.settings import Settings
from tests.acceptance.conftest import Done, Everpilot
from tests.conftest import ROOT
from tests.vendors import AnthropicServer, Call, OpenAIServer, Reply
from tests.vendors.graph import TOKEN_ENV, Graph

PLACE = "microsoft365:Finance/Documents"
BUDGET, PLAN = "Budgets/Budget 2026.xlsx", "Q3 plan.xlsx"
ASKED = (
    "Find the latest budget in the Finance site, update Q3 from my local sheet, save it there and draft a mail to the "
    "finance group with the changes"
)
MAIL = {
    "to": ["finance@fabrikam.example"],
    "subject": "Budget 2026: Q3",
    "body": "Q3 has changed:\n\n- Marketing: 125,000 to 137,000\n- IT: 99,000 to 103,000",
}
FIND = ("documents__search", {"query": "budget 2026"})
READ = [
    ("excel__read_range", {"path": BUDGET, "range": "A1:E5"}),
    ("excel__read_range", {"path": PLAN, "range": "A1:B3"}),
]
WRITE = ("excel__write_cells", {"path": BUDGET, "cells": {"D2": 137000, "D4": 103000}, "overwrite": True})
DRAFT = ("mail__draft", MAIL)
#: The first write meets a conflict, so that the model reads again, as it is told.
DONE = "The budget is saved, and the draft is in your mailbox."
SCRIPT: list[Any] = [[FIND], READ, [WRITE], READ, [WRITE], [DRAFT], DONE]
#: Confidential files of the company are restricted, and the model is cleared for them.
TRUST = {"labels": {sample_drive.CONFIDENTIAL: "restricted"}}


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """The folder with the person's own sheet."""
    folder = tmp_path / "desk"
    folder.mkdir()
    rows = [["Department", "Q3"], ["Marketing", 137000], ["IT", 103000]]
    (folder / PLAN).write_bytes(excel.create({"Plan": rows}).content)
    return folder


@pytest.fixture
def state(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    return tmp_path / "state"


def assistant(
    desk: Path, graph: Graph, script: list[Any], env: dict[str, str], state: Path, places: tuple[str, ...] = (PLACE,)
) -> Copilot:
    model = {
        "name": "scripted",
        "provider": "tests.agent.scripted:Scripted",
        "max_confidentiality": "restricted",
        "options": {"script": script},
    }
    settings = Settings.model_validate({"models": [model], "accounts": {"work": graph.account()}, "trust": TRUST})
    return Copilot(desk, folders=places, settings=settings, env=env, state=state)


def cells(graph: Graph, *addresses: str) -> list[Any]:
    """What the workbook in the site holds, whoever wrote it."""
    sheet = openpyxl.load_workbook(io.BytesIO(content(graph)))["Budget"]
    return [sheet[address].value for address in addresses]


def item(graph: Graph) -> Any:
    return graph.drive().find(f"root:/{BUDGET}")


def content(graph: Graph) -> bytes:
    return graph.state.blobs.get(item(graph)["_blob"])


def drafts(graph: Graph) -> list[Any]:
    mine = Mailbox.of(graph.state, sample.ME).messages
    return [each for each in mine if each["isDraft"] and each["subject"] == MAIL["subject"]]


def sofia_writes(graph: Graph) -> None:
    """Somebody else changes a cell that nobody asked about."""
    drive = graph.drive()
    made = excel.write_cells(content(graph), "Budget", {"E3": 281000}).content
    drive.write(item(graph), made, sample_drive._identity(graph.state, "sofia.lind"))


def test_the_budget_is_updated_in_the_site_and_the_mail_is_drafted(desk: Path, graph: Graph, state: Path) -> None:
    env = dict(graph.env)
    copilot = assistant(desk, graph, SCRIPT, env, state)
    graph.faults.next("throttle", path="/drives/.*/root/delta", seconds=0)
    waiting = copilot.ask(ASKED)
    assert [i["tool"] for i in waiting.approvals[0]["items"]] == ["excel.write_cells"]
    assert cells(graph, "D2", "D4") == [125000, 99000], "nothing is written before the person agreed"

    graph.fake.tokens.change(graph.token, expires=graph.state.now())  # it ends while the person thinks
    env[TOKEN_ENV] = graph.fake.tokens.issue(sample.ME)
    sofia_writes(graph)
    events = [e for e in copilot.stream_resume(waiting.thread) if isinstance(e, ToolEvent) and e.status == "failed"]
    assert "was changed at microsoft365:Finance/Documents by Sofia Lind" in events[0].text
    assert cells(graph, "D2", "E3") == [125000, 281000], "nothing was written over hers"

    graph.faults.next("throttle", path="/content", method="PUT", seconds=0)
    drafting = copilot.resume(waiting.thread)
    assert cells(graph, "D2", "D4", "E3") == [137000, 103000, 281000], "Sofia's change is still there"
    (card,) = drafting.approvals
    assert [i["tool"] for i in card["items"]] == ["mail.draft"]
    assert drafts(graph) == []

    final = copilot.resume(waiting.thread)
    assert (final.text, final.approvals) == (DONE, [])
    (draft,) = drafts(graph)
    assert [r["emailAddress"]["address"] for r in draft["toRecipients"]] == MAIL["to"]
    for change in ("Marketing: 125,000 to 137,000", "IT: 99,000 to 103,000"):
        assert change in draft["body"]["content"]
    assert {kind: times for kind, times in graph.faults.met.items() if times} == {"throttle": 2}
    _audited(copilot, final, env)


def _audited(copilot: Copilot, final: Final, env: dict[str, str]) -> None:
    """The log has the chain: what was read, what was asked, who agreed, what was done; and no secret is in it."""
    files = [p for p in copilot.state.rglob("*") if p.is_file() and "audit" in str(p)]
    text = "".join(p.read_text("utf-8", "replace") for p in files)
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    told = [(e.get("event"), e.get("tool"), e.get("status"), bool(e.get("approval"))) for e in lines]
    commits = [each for each in told if each[0] == "commit"]
    assert commits == [("commit", "excel.write_cells", "done", True), ("commit", "mail.draft", "done", True)]
    assert ("decision", "documents.search", "done", False) in told
    assert all(e.get("thread") == final.thread for e in lines if e.get("event") == "commit")
    everything = "".join(p.read_bytes().decode("utf-8", "replace") for p in copilot.state.rglob("*") if p.is_file())
    assert not any(token in everything for token in env.values())


# --- the command, and a vendor that dies ------------------------------------------------------------------------------

PATIENCE = "[models.deadlines]\nfirst_byte = 1.5\ngap = 1.5\nattempt = 8\n"


def reply(*calls: tuple[str, dict[str, Any]]) -> Reply:
    return Reply(calls=tuple(Call(name, args) for name, args in calls))


@pytest.fixture
def command(everpilot: Everpilot, desk: Path, graph: Graph, tmp_path: Path) -> Everpilot:
    """The command at the person's desk, with the account in their own settings."""
    everpilot.folder = desk
    everpilot.env |= {**graph.env, "EVERPILOT_CONFIG": str(tmp_path / "user.toml")}
    return everpilot


def configure(command: Everpilot, graph: Graph, servers: list[tuple[str, str, Any]]) -> None:
    command.settings(servers, f'max_confidentiality = "restricted"\n{PATIENCE}')
    account = "".join(f"{name} = {json.dumps(value)}\n" for name, value in graph.account().items())
    labels = "".join(f'"{label}" = "{level}"\n' for label, level in TRUST["labels"].items())
    written = (command.folder / "copilot.toml").read_text()
    (command.folder / "copilot.toml").unlink()
    text = f"{written}\n[accounts.work]\n{account}\n[trust.labels]\n{labels}"
    Path(command.env["EVERPILOT_CONFIG"]).write_text(text)


def test_the_command_does_it_though_a_vendor_dies_in_the_middle(command: Everpilot, graph: Graph) -> None:
    """A finds the file and dies; B goes on from what A found, through both questions, to the end."""
    with (
        OpenAIServer([reply(FIND), "never heard"]) as a,
        AnthropicServer([reply(*READ), reply(WRITE), reply(DRAFT), DONE]) as b,
    ):
        a.faults.extend([None, *["cut_mid_stream"] * 9])
        configure(command, graph, [("a", "openai", a), ("b", "anthropic", b)])
        asked: Done = command("--dir", PLACE, "-p", ASKED, PLAN, "--output-format", "json")
        assert [i["tool"] for i in asked.json["approvals"][0]["items"]] == ["excel.write_cells"], asked.err
        assert cells(graph, "D2", "D4") == [125000, 99000]
        thread = asked.json["thread"]
        graph.faults.next("throttle", path="/content", method="PUT", seconds=0)
        saved = command("approve", "--dir", PLACE, thread, "--output-format", "json")
        assert [i["tool"] for i in saved.json["approvals"][0]["items"]] == ["mail.draft"], saved.err
        assert (cells(graph, "D2", "D4"), drafts(graph)) == ([137000, 103000], [])
        done = command("approve", "--dir", PLACE, thread, "--output-format", "json")
    assert (done.code, done.json["text"], done.json["served_by"]) == (0, DONE, "b")
    assert "Marketing: 125,000 to 137,000" in drafts(graph)[0]["body"]["content"]
    assert "Budget 2026.xlsx" in str(b.requests[0].body["messages"]), "what A found was handed to B"
    log = command("audit").out
    assert all(tool in log for tool in ("documents.search", "excel.write_cells", "mail.draft")), log
    assert command("audit", "verify").code == 0
    assert graph.token not in log + asked.out + saved.out + done.out


# --- smaller tasks ----------------------------------------------------------------------------------------------------


def mail_id(copilot: Copilot, words: str) -> str:
    return str(copilot.call("mail.search", {"query": words})["data"]["mails"][0]["id"])


def installed(rows: list[Any]) -> list[Any]:
    """The rows whose skill is there; what is not there is not tried."""
    folders = [Path(root) for root in _roots.roots("skills")]
    return [row for row in rows if any((f / row[0].partition(".")[0] / "SKILL.md").exists() for f in folders)]


MEETING = {
    "subject": "Q3 sign-off",
    "start": "2026-06-03T16:00",
    "minutes": 30,
    "attendees": ["tomas.berg@fabrikam.example"],
    "zone": "Europe/Berlin",
}

#: Tools, their arguments, and what an answer holds.
READS: list[tuple[str, dict[str, Any], str]] = [
    ("mail.search", {"query": "budget", "unread": True}, "RE: Budget Q3: your figures"),
    ("mail.attachment", {"message": "figures", "name": "Forecast Q3.csv"}, "355000"),
    ("mail.read", {"message": "invoice"}, "[hidden"),
    ("calendar.agenda", {"start": "2026-06-02", "end": "2026-06-03"}, "Forecast call"),
    (
        "calendar.free_busy",
        {"people": ["tomas.berg@fabrikam.example"], "start": "2026-06-03", "end": "2026-06-04"},
        "tomas.berg@fabrikam.example",
    ),
    ("teams.read", {"place": "Budget Q3"}, "12,000"),
    ("teams.missed", {}, "final numbers"),
    ("search.find", {"words": "budget"}, "Budget 2026.xlsx"),
    ("tasks.mine", {}, "Collect the Q3 figures"),
    ("people.find", {"name": "Ana"}, "ana.costa@supplier.example"),
]
#: Tools that send or change something elsewhere, and whom the card names.
SENDS: list[tuple[str, dict[str, Any], str]] = [
    ("mail.reply", {"message": "final numbers", "body": "On Tuesday."}, "tomas.berg@fabrikam.example"),
    ("mail.mark", {"messages": ["final numbers"], "flagged": True}, "nina.keller@fabrikam.example"),
    ("calendar.create", MEETING, "tomas.berg@fabrikam.example"),
    ("teams.post", {"place": "Budget Q3", "text": "The sheet is done."}, "Budget Q3"),
    ("tasks.create", {"title": "Send the final numbers"}, "Send the final numbers"),
]
#: Graph asks by POST where a question is long.
_QUESTIONS = ("$batch", "getSchedule", "search/query", "getPresences", "findMeetingTimes", "Labels")


def calls(rows: list[Any], copilot: Copilot) -> list[tuple[str, dict[str, Any]]]:
    """The calls as a model makes them, with the ids of the mails that are meant."""
    made = []
    for tool, args, _ in rows:
        given = dict(args)
        if "message" in args:
            given["message"] = mail_id(copilot, args["message"])
        if "messages" in args:
            given["messages"] = [mail_id(copilot, each) for each in args["messages"]]
        made.append((tool.replace(".", "__"), given))
    return made


def changes(graph: Graph) -> list[str]:
    """What was asked for that changes something."""
    asked = [f"{each.method} {each.path}" for each in graph.fake.log if each.method != "GET" and each.status < 400]
    return [each for each in asked if not any(word in each for word in _QUESTIONS)]


def test_questions_over_everything_change_nothing(desk: Path, graph: Graph, state: Path) -> None:
    rows = installed(READS)
    script = [calls(rows, assistant(desk, graph, [""], graph.env, state, ())), "That is all."]
    events = list(assistant(desk, graph, script, graph.env, state, ()).stream("What is new, and who is free?"))
    done = [e for e in events if isinstance(e, ToolEvent) and e.status != "started"]
    assert [e.name for e in done] == [tool for tool, _, _ in rows]
    for event, (_, _, expected) in zip(done, rows, strict=True):
        assert (event.status, expected in event.text) == ("done", True), event.text
    assert changes(graph) == []


def test_what_leaves_is_shown_whole_on_one_card_and_done_once(desk: Path, graph: Graph, state: Path) -> None:
    rows = installed(SENDS)
    script = [calls(rows, assistant(desk, graph, [""], graph.env, state, ())), "Done."]
    copilot = assistant(desk, graph, script, graph.env, state, ())
    waiting = copilot.ask("Answer Tomas, flag his mail, set up a meeting with him and tell the chat")
    (card,) = waiting.approvals
    assert [item["tool"] for item in card["items"]] == [tool for tool, _, _ in rows]
    for item, (_, _, whom) in zip(card["items"], rows, strict=True):
        assert whom in json.dumps(item["hunks"]), item
    assert changes(graph) == [], "nothing was done before the person agreed"
    final = copilot.resume(waiting.thread)
    assert (final.text, [c["committed"] for c in final.changes]) == ("Done.", [True] * len(rows))
    assert len(changes(graph)) >= len(rows)
    with pytest.raises(ApprovalError):
        copilot.resume(waiting.thread)


def test_a_mail_that_gives_orders_gets_nothing(desk: Path, graph: Graph, state: Path) -> None:
    """The model obeys the hidden words of the invoice: the confidential budget stays where it is."""
    invoice = mail_id(assistant(desk, graph, [""], graph.env, state, ()), "invoice")
    order = {"to": ["billing@fabrikam-pay.example"], "subject": "Budget", "body": "Marketing 125000"}
    script = [[("mail__read", {"message": invoice}), READ[0]], [("mail__send", order)], "I was not allowed to."]
    final = assistant(desk, graph, script, graph.env, state).ask("What is in the invoice, and in the budget?")
    assert (final.text, final.approvals) == ("I was not allowed to.", [])
    assert changes(graph) == []


def test_the_rights_in_the_documentation_are_those_that_are_asked_for() -> None:
    from copilot.plugins.connectors import connector

    scopes = importlib.import_module(f"{type(connector('microsoft365')).__module__}.scopes")
    page = (ROOT / "docs" / "microsoft365.md").read_text("utf-8")
    table = page[page.index("## Rights") : page.index("## National clouds")]
    named = set(re.findall(r"`([A-Z][A-Za-z]+\.[A-Za-z.]+)`", table))
    assert named - {"SKILL.md"} == set(scopes.RIGHTS)
