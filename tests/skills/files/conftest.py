"""The fake Graph, and an assistant whose folder is a library of its company."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from copilot import Copilot
from copilot.plugins.connections import loop as loops
from copilot.settings import AccountSettings, Settings
from tests.vendors.graph import Graph
from tests.vendors.graph import graph as graph
from tests.vendors.graph import graph_server as graph_server


@pytest.fixture
def copilot(graph: Graph, tmp_path: Path) -> Iterator[Copilot]:
    accounts = {"work": AccountSettings.model_validate(graph.account())}
    yield Copilot(
        "microsoft365:Finance/Documents",
        settings=Settings(accounts=accounts),
        state=tmp_path / "home",
        env=graph.env,
        mode="ask",
    )
    loops.close()
