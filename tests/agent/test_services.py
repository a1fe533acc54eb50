"""Tools of plugins talk to their own service: to that, to nobody else, and with nothing of the documents unasked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from copilot.agent.plan import By, Call, Runner
from copilot.plugins.context import ToolContext
from copilot.plugins.service import Service
from copilot.plugins.tools import Effect, Result, Tool, json_tool
from copilot.settings import TrustSettings
from copilot.trust.guard import Guard
from copilot.trust.labels import UNKNOWN, USER, Confidentiality, Integrity, Label
from copilot.trust.outgoing import Outgoing
from copilot.trust.typed import Typed
from copilot.workspace.workspace import Workspace

SCHEMA = {"properties": {"q": {"type": "string"}}}
SEEN = Label(sources=("contract.docx",))


class Crm:
    """A service, and what reached it."""

    def __init__(self, clearance: Confidentiality = Confidentiality.PUBLIC, url: str = "http://10.0.0.7:8080/find"):
        self.service = Service("crm", ("http://10.0.0.7:8080",), clearance)
        self.url = url
        self.asked: list[dict[str, Any]] = []

    def find(self, context: ToolContext, /, **args: Any) -> Result:
        self.asked.append(args)
        context.labels.append(self.service.source)
        return Result("found")

    def create(self, context: ToolContext, /, **args: Any) -> Outgoing:
        def deliver(key: str) -> str:
            self.asked.append(args)
            return "ticket 7"

        return context.send("change", ["crm"], f"create {args}", deliver)

    def tools(self, *, alone: bool = False) -> dict[str, Tool]:
        more = {"service": self.service, "alone": alone}
        hosts = (self.url,)
        made = (
            json_tool("crm.find", "Find.", SCHEMA, Effect.FETCH, self.find, hosts=hosts, **more),
            json_tool("crm.create", "Create.", SCHEMA, Effect.SEND, self.create, hosts=hosts, **more),
        )
        return {tool.name: tool for tool in made}


def run(tmp_path: Path, crm: Crm, tool: str, label: Label, *, typed: str = "", mode: str = "ask", **more: Any) -> str:
    (tmp_path / "docs").mkdir(exist_ok=True)
    workspace = Workspace([tmp_path / "docs"], tmp_path / "state")
    guard = Guard(TrustSettings(), tmp_path / "state", workspace.roots)
    runner = Runner(crm.tools(**more), workspace, guard=guard)
    by = By(thread="t", typed=Typed((typed,), ()))
    (step,) = runner.stage([Call("1", tool, {"q": "Ann Lee"}, "k")], mode=mode, label=label, by=by)
    return f"{step.status} {step.verdict.rule if step.verdict else ''}".strip()


def test_a_private_service_that_was_agreed_to_is_reached(tmp_path: Path) -> None:
    crm = Crm()
    assert run(tmp_path, crm, "crm.find", USER) == "done fetch"
    assert crm.asked == [{"q": "Ann Lee"}]


def test_another_host_is_not(tmp_path: Path) -> None:
    crm = Crm(url="http://10.0.0.8:8080/find")
    assert run(tmp_path, crm, "crm.find", USER) == "denied private-host"
    crm = Crm(url="https://evil.example/find")
    assert run(tmp_path, crm, "crm.find", USER) == "denied unlisted-host"
    assert crm.asked == []


@pytest.mark.parametrize(
    ("clearance", "label", "expected"),
    [
        (Confidentiality.PUBLIC, SEEN, "denied leaks-to-host"),
        (Confidentiality.INTERNAL, SEEN, "ask fetch-cleared"),
        (Confidentiality.INTERNAL, Label(confidentiality=Confidentiality.RESTRICTED), "denied leaks-to-host"),
        (Confidentiality.RESTRICTED, Label(confidentiality=Confidentiality.RESTRICTED), "ask fetch-cleared"),
        (Confidentiality.PUBLIC, Label(confidentiality=Confidentiality.PUBLIC), "done fetch"),
    ],
)
def test_what_documents_had_a_part_in(tmp_path: Path, clearance: Confidentiality, label: Label, expected: str) -> None:
    crm = Crm(clearance)
    assert run(tmp_path, crm, "crm.find", label) == expected
    assert bool(crm.asked) == expected.startswith("done")


def test_words_that_the_person_typed_may_go_whatever_was_read(tmp_path: Path) -> None:
    assert run(tmp_path, Crm(), "crm.find", SEEN, typed="look up Ann Lee in the crm") == "done fetch"


@pytest.mark.parametrize("mode", ["ask", "auto", "yes"])
def test_what_changes_something_there_is_always_asked(tmp_path: Path, mode: str) -> None:
    crm = Crm(Confidentiality.RESTRICTED)
    assert run(tmp_path, crm, "crm.create", SEEN, mode=mode, typed="create Ann Lee") == "ask alter"
    assert run(tmp_path, crm, "crm.create", USER, mode="dry-run") == "dry-run dry-run"
    assert crm.asked == []


def test_a_plugin_that_works_alone_is_asked_after_another_service_answered(tmp_path: Path) -> None:
    other = UNKNOWN | Label(sources=("service jira",))
    public = Label(confidentiality=Confidentiality.PUBLIC, sources=("service jira",))
    assert run(tmp_path, Crm(), "crm.find", public, alone=True) == "ask combined"
    assert run(tmp_path, Crm(), "crm.find", other, alone=True) == "denied leaks-to-host"
    own = Label(confidentiality=Confidentiality.PUBLIC, sources=("service crm",))
    assert run(tmp_path, Crm(), "crm.find", own, alone=True) == "done fetch"


def test_what_a_service_gave_may_go_back_to_it_and_nowhere_else(tmp_path: Path) -> None:
    given = USER | Crm().service.source
    assert run(tmp_path, Crm(), "crm.find", given) == "done fetch"
    assert run(tmp_path, Crm(), "crm.find", given | Service("jira").source) == "denied leaks-to-host"
    assert run(tmp_path, Crm(), "crm.find", given | SEEN) == "denied leaks-to-host"
    assert run(tmp_path, Crm(), "crm.find", given | UNKNOWN) == "denied leaks-to-host"
    assert run(tmp_path, Crm(), "crm.find", Label.from_dict(given.to_dict())) == "done fetch"
    assert run(tmp_path, Crm(), "crm.create", given) == "ask alter"


@pytest.mark.parametrize(
    "other",
    [
        Service("crm", ("https://evil.example",)),
        Service("crm", ("http://10.0.0.7:8080", "https://evil.example")),
        Service("crm", local=True, place="/elsewhere/.mcp.json#crm"),
        Service("crm http://10.0.0.8:8080"),
    ],
)
def test_a_service_of_the_same_name_is_another_one(tmp_path: Path, other: Service) -> None:
    """Plugins name their services themselves: what one gave goes to no other that calls itself the same."""
    assert run(tmp_path, Crm(), "crm.find", USER | other.source) == "denied leaks-to-host"
    assert not other.gave(USER | Crm().service.source)


def test_what_is_restricted_and_trusted_was_given_by_no_service(tmp_path: Path) -> None:
    """An agent's sensitivity label stays, whatever a service says beside it."""
    kept = Label(Integrity.WORKSPACE, Confidentiality.RESTRICTED)
    for said in (Crm().service.source, Crm().service.described):
        assert run(tmp_path, Crm(), "crm.find", USER | kept | said) == "denied leaks-to-host"
        assert run(tmp_path, Crm(), "crm.find", said | kept | USER) == "denied leaks-to-host"


def test_what_tools_say_of_themselves_is_nobodys_data(tmp_path: Path) -> None:
    described = USER | Service("crm").described | Service("jira").described
    assert described.tainted
    assert run(tmp_path, Crm(), "crm.find", described) == "done fetch"
    assert run(tmp_path, Crm(), "crm.find", described | SEEN) == "denied leaks-to-host"


def test_an_answer_is_as_confidential_as_its_tool_says(tmp_path: Path) -> None:
    class Public(Crm):
        def find(self, context: ToolContext, /, **args: Any) -> Result:
            context.labels.append(replace(self.service.source, confidentiality=Confidentiality.PUBLIC))
            return Result("open data")

    for crm, level in ((Crm(), Confidentiality.INTERNAL), (Public(), Confidentiality.PUBLIC)):
        (tmp_path / "docs").mkdir(exist_ok=True)
        workspace = Workspace([tmp_path / "docs"], tmp_path / "state")
        runner = Runner(crm.tools(), workspace, guard=Guard(TrustSettings(), tmp_path / "state", workspace.roots))
        (step,) = runner.stage([Call("1", "crm.find", {"q": "x"}, "k")], mode="ask", label=USER)
        assert step.label.confidentiality is level
        assert step.label.tainted
