"""A server over a copy of the example folder, and the SDK's own client, in one process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest
from mcp import Client

from copilot import Copilot
from copilot.hosts.mcp_server.options import Options
from copilot.hosts.mcp_server.server import build
from copilot.plugins import loader
from copilot.plugins.skill import Skills
from copilot.settings import Settings, SkillSettings

ERAS = ("legacy", "auto")  # the handshake of 2025-11-25, and what came after it
Connect = Callable[..., AbstractAsyncContextManager[Client]]


class Person:
    """Who is asked: gives the answers in turn, and remembers what was shown. `before` is done before each answer."""

    def __init__(self, *answers: bool | str, before: Callable[[], object] = lambda: None) -> None:
        self.shown: list[str] = []
        self._answers = list(answers)
        self._before = before

    async def __call__(self, context: Any, params: Any) -> types.ElicitResult:
        self.shown.append(params.message)
        self._before()
        answer = self._answers.pop(0)
        if isinstance(answer, str):
            return types.ElicitResult.model_validate({"action": answer})
        return types.ElicitResult(action="accept", content={"approve": answer})


@pytest.fixture(scope="session")
def bundled() -> Skills:
    """The bundled skills, loaded once."""
    return loader.load(SkillSettings())


@pytest.fixture
def connect(office: Path, bundled: Skills) -> Connect:
    """Return how to connect a client to a server over `office`."""

    @asynccontextmanager
    async def connected(
        person: Person | None = None,
        *,
        mode: str = "ask",
        era: str = "auto",
        options: Options = Options(interval=0.02, lean=False),  # noqa: B008 - frozen
        tools: Sequence[Callable[..., Any]] = (),
        settings: Settings | None = None,
        skills: Skills | None = bundled,
        **more: Any,
    ) -> AsyncIterator[Client]:
        def open_(roots: Sequence[Path]) -> Copilot:
            folder, *rest = roots or [office]
            made = Copilot(folder, folders=rest, mode=mode, tools=tools, settings=settings or Settings())
            if skills is not None:
                made.skills = skills.plus([loader.from_functions(tools)] if tools else [])
            return made

        async with Client(build(open_, options), elicitation_callback=person, mode=era, **more) as client:
            yield client

    return connected


def text_of(result: Any) -> str:
    """Return the text of a result."""
    return str(result.content[0].text)
