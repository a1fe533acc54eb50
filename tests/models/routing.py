"""What the router's tests share: short deadlines, a router over local servers, a planner that names who failed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool

from copilot.models.health import Clock, Health
from copilot.models.ledger import Ledger
from copilot.models.router import RoutedChatModel
from copilot.models.setup import routed
from copilot.settings import (
    BudgetSettings,
    Deadlines,
    ModelSettings,
    RecordSettings,
    RoutingSettings,
    Settings,
    TrustSettings,
)
from tests.vendors import AnthropicServer, VendorServer

ENV = {"TEST_KEY": "test-key", "AWS_REGION": "eu-central-1"}
# Faults that hang are met by deadlines, and these are what a test waits for; a healthy local server needs far less.
SHORT = Deadlines(connect=1, first_byte=0.5, gap=0.3, attempt=1.2)


@tool
def read_cell(cell: str, times: int = 1) -> str:
    """Read one cell."""
    return f"{cell} holds 41" * times


def entry(server: VendorServer | str, name: str, **more: Any) -> ModelSettings:
    """Return settings for a model on a test server, or on an address that speaks the OpenAI protocol."""
    anthropic = isinstance(server, AnthropicServer)
    told: dict[str, Any] = {
        "provider": "anthropic" if anthropic else "openai",
        "model": "claude-sonnet-5" if anthropic else "gpt-4.1",
        "base_url": server if isinstance(server, str) else server.base_url,
        "api_key_env": "TEST_KEY",
        "deadlines": SHORT,
    }
    return ModelSettings(name=name, **{**told, **more})


class FakeTime:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.day = 1_800_000_000.0

    def pass_(self, seconds: float) -> None:
        self.now += seconds
        self.day += seconds

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.now, lambda: self.day)


def router(
    models: Iterable[ModelSettings],
    *,
    builtin: BaseChatModel | None = None,
    state: Path | None = None,
    health: Health | None = None,
    trust: TrustSettings | None = None,
    routing: RoutingSettings | None = None,
    budgets: BudgetSettings | None = None,
    records: RecordSettings | None = None,
    ledger: Ledger | None = None,
    **more: Any,
) -> RoutedChatModel:
    """Return a router of its own circuits that never sleeps."""
    settings = Settings(
        models=list(models),
        trust=trust or TrustSettings(),
        routing=routing or RoutingSettings(turn=10),
        budgets=budgets or BudgetSettings(),
        records=records or RecordSettings(),
    )
    made = routed(settings, state=state, env=ENV, builtin=builtin, **more)
    return made.model_copy(update={"health": health or Health(), "ledger": ledger or Ledger(), "pause": _no_pause})


async def _no_pause(seconds: float) -> None:
    """Retry at once."""


class Planner(BaseChatModel):
    """Stands in for the builtin planner: says who failed, as it is told."""

    said: str = "builtin here"

    @property
    def _llm_type(self) -> str:
        return "planner"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        failed: Iterable[dict[str, Any]] = (),
        **kwargs: Any,
    ) -> ChatResult:
        text = "; ".join([self.said, *(f["reason"] for f in failed)])
        metadata = {"finish_reason": "stop", "everpilot": {"menu": [{"tool": "t", "args": {}}]}}
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text, response_metadata=metadata))])


def stamp(message: BaseMessage) -> dict[str, Any]:
    """Return what the router wrote on an answer."""
    found = message.response_metadata["everpilot"]
    assert isinstance(found, dict)
    return found
