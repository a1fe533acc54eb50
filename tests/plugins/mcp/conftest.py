"""Servers for the tests of the MCP client: real programs, and a real HTTP server on this machine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from copilot.plugins.context import ToolContext
from copilot.plugins.mcp.config import Server, read_entry
from copilot.plugins.mcp.hub import Hub
from copilot.plugins.mcp.offers import Offered, offered
from copilot.plugins.skill import Skill
from copilot.plugins.tools import Outcome, Result
from copilot.settings import HistorySettings
from copilot.trust.outgoing import Outgoing
from copilot.workspace.workspace import Workspace

pytest.importorskip("mcp")
RAW = Path(__file__).with_name("raw_server.py")


def raw(here: Path, name: str = "raw", *args: str, ask: bool = False, **more: Any) -> Server:
    """The server by hand, with its files in `here`."""
    entry = {"command": sys.executable, "args": ["-S", str(RAW), *args], "env": {"HERE": str(here)}, **more}
    return read_entry(name, entry, str(here / "mcp.json"), ask=ask)[0]


def started(here: Path) -> int:
    """How often the server was started."""
    return (here / "log.txt").read_text().split().count("start") if (here / "log.txt").exists() else 0


class Desk:
    """A hub, and what its servers offer; tools are staged as the agent does it."""

    def __init__(self, state: Path, folder: Path, **more: Any) -> None:
        self.hub = Hub(state, roots=[folder], **more)
        self.workspace = Workspace([folder], state, history=HistorySettings())
        self.offered = Offered()
        self.heard: list[str] = []

    def offer(self, *servers: Server, **more: Any) -> Offered:
        self.offered = offered(servers, self.hub, **more)
        return self.offered

    def skill(self, name: str) -> Skill:
        return next(skill for skill in self.offered.skills if skill.name == name)

    def stage(self, tool: str, **args: Any) -> Outcome:
        """What a call comes to; reading is done, changing is only prepared."""
        skill, _, _ = tool.partition(".")
        found = next(t for t in self.skill(skill).tools if t.name == tool)
        self.context = ToolContext(self.workspace.staging(), self.heard.append)
        return found.stage(self.context, args)

    def read(self, tool: str, **args: Any) -> str:
        outcome = self.stage(tool, **args)
        assert isinstance(outcome, Result)
        return outcome.markdown

    def change(self, tool: str, **args: Any) -> Outgoing:
        outcome = self.stage(tool, **args)
        assert isinstance(outcome, Outgoing)
        return outcome


@pytest.fixture
def desk(tmp_path: Path, home: Path) -> Iterator[Callable[..., Desk]]:
    made: list[Desk] = []

    def make(**more: Any) -> Desk:
        folder = tmp_path / "work"
        folder.mkdir(exist_ok=True)
        made.append(Desk(home, folder, **more))
        return made[-1]

    yield make
    for each in made:
        each.hub.close()
