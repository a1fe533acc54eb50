"""The fake Graph, and the skill's tools over the mail of a made-up company."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from copilot.plugins.connections import Connections
from copilot.plugins.connections import loop as loops
from copilot.plugins.connectors import connector
from copilot.plugins.context import ToolContext
from copilot.plugins.loader import load
from copilot.plugins.tools import Outcome
from copilot.settings import AccountSettings
from copilot.workspace.workspace import Workspace
from tests.vendors.graph import Graph
from tests.vendors.graph import graph as graph
from tests.vendors.graph import graph_server as graph_server

Call = Callable[..., Outcome]
NOW = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "files"
    path.mkdir()
    return path


class Tools:
    """Calls tools by name; `context` is that of the last call."""

    def __init__(self, folder: Path, home: Path, connections: Connections) -> None:
        self._folder, self._home, self._connections = folder, home, connections
        self._tools = {name: tool for name, tool in load().tools().items() if tool.skill == "mail"}
        self.context: ToolContext

    def __call__(self, name: str, /, **arguments: Any) -> Any:
        staging = Workspace([self._folder], self._home / "workspace").staging()
        self.context = ToolContext(staging, moment=NOW, connections=self._connections)
        return self._tools[f"mail.{name}"].stage(self.context, arguments)

    def id(self, **query: Any) -> str:
        return str(self("search", **query).data["mails"][0]["id"])


@pytest.fixture
def mail(graph: Graph, folder: Path, home: Path) -> Iterator[Tools]:
    connections = Connections({"work": AccountSettings.model_validate(graph.account())}, home, graph.env, connector)
    client = connections.connect("work").graph  # type: ignore[attr-defined]
    client.backoff = replace(client.backoff, attempts=2, first=0.001)
    yield Tools(folder, home, connections)
    loops.close()
