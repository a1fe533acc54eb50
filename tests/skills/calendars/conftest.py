"""The tools on the fake Graph: a real server, the account of Nina Keller, Monday, 1 June 2026, 09:00 UTC."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from copilot.demo.microsoft365 import sample
from copilot.plugins.connections import Connections, loop
from copilot.plugins.connectors import connector
from copilot.plugins.context import ToolContext
from copilot.plugins.loader import load
from copilot.plugins.tools import Result
from copilot.settings import AccountSettings
from copilot.trust.labels import Label
from copilot.trust.outgoing import Outgoing
from copilot.workspace.workspace import Workspace
from tests.vendors.graph import Graph
from tests.vendors.graph import graph as graph
from tests.vendors.graph import graph_server as graph_server

TOOLS = {name: tool for name, tool in load().tools().items() if tool.skill == "calendar"}


@dataclass
class Calls:
    """Calls of the tools for one account; `labels` are those of the last one."""

    connections: Connections
    folder: Path
    now: datetime = sample.NOW
    labels: list[Label] = field(default_factory=list)

    def context(self) -> ToolContext:
        staging = Workspace([self.folder], self.folder / "state").staging()
        return ToolContext(staging, moment=self.now, connections=self.connections)

    def __call__(self, tool: str, **args: Any) -> Result:
        context = self.context()
        found = TOOLS[f"calendar.{tool}"].stage(context, args)
        self.labels = context.labels
        assert isinstance(found, Result)
        json.dumps(found.data)
        return found

    def staged(self, tool: str, **args: Any) -> Outgoing:
        context = self.context()
        found = TOOLS[f"calendar.{tool}"].stage(context, args)
        self.labels = context.labels
        assert isinstance(found, Outgoing)
        again = TOOLS[f"calendar.{tool}"].stage(self.context(), args)
        assert isinstance(again, Outgoing)
        assert again.digest() == found.digest()
        return found


@pytest.fixture
def call(graph: Graph, tmp_path: Path) -> Calls:
    accounts = {"work": AccountSettings.model_validate(graph.account())}
    return Calls(Connections(accounts, tmp_path / "accounts", graph.env, connector), tmp_path)


@pytest.fixture(scope="module", autouse=True)
def _loop_ends() -> Iterator[None]:
    yield
    loop.close()
