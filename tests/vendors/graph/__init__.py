"""The fake Microsoft Graph for tests: one real HTTP server a session, a company of its own for each test.

from tests.vendors.graph import graph, graph_server  # noqa: F401  (in a conftest.py)

def test_it(graph: Graph) -> None:
    graph.faults.next("throttle", path="/messages")
    client = httpx.Client(base_url=graph.url + "/v1.0", headers=graph.headers())
    settings = graph.account()     # what [accounts.NAME] holds; graph.env has its token
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from copilot.demo.microsoft365 import sample
from copilot.demo.microsoft365.drives import Drive
from copilot.demo.microsoft365.fake import FakeGraph, Request
from copilot.demo.microsoft365.server import running
from copilot.demo.microsoft365.state import State

TOKEN_ENV = "EVERPILOT_TEST_GRAPH_TOKEN"
_prepared: list[State] = []


@dataclass
class Graph:
    """A fake that is served at `url`; `token` is Nina Keller's, with every scope."""

    fake: FakeGraph
    url: str
    token: str = field(repr=False)

    @property
    def state(self) -> State:
        """All its data; see copilot/demo/microsoft365/state.py."""
        return self.fake.state

    @property
    def faults(self) -> Any:
        """The trouble: `faults.next("throttle")`, `faults.add("reset_after", share=0.02)`, `faults.clear()`."""
        return self.fake.faults

    @property
    def env(self) -> dict[str, str]:
        """The variable that holds the token."""
        return {TOKEN_ENV: self.token}

    def account(self, **more: Any) -> dict[str, Any]:
        """What [accounts.NAME] must hold to use it."""
        options = {"method": "token", "token_env": TOKEN_ENV, "base_url": self.url, "user": sample.ME}
        return {"connector": "microsoft365", **options, **more}

    def headers(self, user: str | None = sample.ME, *scopes: str, **about: Any) -> dict[str, str]:
        """The headers of a client that is signed in as a user, with these scopes (all, if none are given)."""
        plain = user == sample.ME and not scopes and not about
        token = self.token if plain else self.fake.tokens.issue(user, scopes, **about)
        return {"Authorization": f"Bearer {token}"}

    def drive(self, name: str = "Finance") -> Drive:
        """The drive of a site, or of a person ("nina.keller"), for a look behind, and for what others do."""
        found = self.state.user(f"{name}@{sample.DOMAIN}")
        owner = ["users", found["id"]] if found else ["sites", self._site(name)]
        return Drive(self.state, self.state.collection("drives").where(_owner=owner)[0])

    def _site(self, name: str) -> str:
        return next(str(each["id"]) for each in self.state.collection("sites") if each["displayName"] == name)


class _Current:
    """The application that is served: whatever fake is in it."""

    def __init__(self) -> None:
        self.fake = FakeGraph(State())
        self.files = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.fake(scope, receive, send)


def company() -> State:
    """Return the sample company, as a copy of its own; it is made once."""
    if not _prepared:
        _prepared.append(sample.made())
    return _prepared[0].copy()


@pytest.fixture(scope="session")
def graph_server() -> Iterator[tuple[_Current, str]]:
    """The server, and its URL."""
    current = _Current()
    with running(current) as url:  # type: ignore[arg-type]
        yield current, url


@pytest.fixture
def graph(graph_server: tuple[_Current, str]) -> Graph:
    """A company of this test's own, served."""
    current, url = graph_server
    current.fake = fake = FakeGraph(company())
    fake.files = current.files
    return Graph(fake, url, fake.tokens.issue(sample.ME))


__all__ = ["Graph", "Request", "company", "graph", "graph_server"]
