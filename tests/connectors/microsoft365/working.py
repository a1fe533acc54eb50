"""A person's account over the fake, and the tools of skills that work with it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from copilot.connectors.microsoft365 import connector
from copilot.connectors.microsoft365.graph import Limiter
from copilot.demo.microsoft365 import sample
from copilot.plugins.connections import Connections
from copilot.plugins.context import ToolContext
from copilot.plugins.loader import load
from copilot.plugins.tools import Result
from copilot.settings import AccountSettings
from copilot.trust.labels import Label
from copilot.trust.outgoing import Outgoing
from copilot.workspace.workspace import Workspace
from tests.vendors.graph import TOKEN_ENV, Graph

TOOLS = load().tools()


class Clock:
    """The story's time; waiting lets it go on, and takes none."""

    def __init__(self) -> None:
        self.seconds = self.waited = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return sample.NOW + timedelta(seconds=self.seconds)

    async def sleep(self, seconds: float) -> None:
        self.waited += seconds
        self.seconds += seconds
        await asyncio.sleep(0)


@dataclass
class Desk:
    """Somebody at work: `call` runs a tool that reads, `send` one that sends, up to what it would send."""

    graph: Graph
    home: Path
    token: str = ""
    clock: Clock = field(default_factory=Clock)
    label: Label = field(default_factory=Label)

    def __post_init__(self) -> None:
        settings = AccountSettings.model_validate(self.graph.account())
        env = {TOKEN_ENV: self.token or self.graph.token}
        self.connections = Connections({"work": settings}, self.home, env, lambda name: connector)
        graph = self.connection.graph
        graph.clock, graph.limiter = self.clock, Limiter(self.clock)

    @property
    def connection(self) -> Any:
        """The connection of the account."""
        return self.connections.connect("work")

    def context(self) -> ToolContext:
        """A context of one call."""
        root = self.home / "files"
        root.mkdir(parents=True, exist_ok=True)
        staging = Workspace([root], self.home / "workspace").staging()
        return ToolContext(staging, moment=self.clock.now(), connections=self.connections)

    def call(self, name: str, /, **args: Any) -> Result:
        context = self.context()
        found = TOOLS[name].stage(context, args)
        assert isinstance(found, Result)
        assert context.labels, "what comes from elsewhere is labelled"
        assert context.label.tainted
        self.label = context.label
        return found

    def send(self, name: str, /, **args: Any) -> Outgoing:
        found = TOOLS[name].stage(self.context(), args)
        assert isinstance(found, Outgoing)
        return found

    def asked(self, method: str, part: str) -> list[str]:
        """The calls that the server met."""
        return [line.path for line in self.graph.fake.log if line.method == method and part in line.path]
