"""How long a stream may take: a drip is ended by its deadline, a flow is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, HumanMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from copilot.models import dialects
from copilot.models.attempt import Limits, listen
from copilot.models.failures import AttemptFailed


class Streaming(BaseChatModel):
    """Says `piece` `times` times, `every` seconds."""

    piece: str
    times: int
    every: float

    @property
    def _llm_type(self) -> str:
        return "streaming"

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        raise NotImplementedError

    async def _astream(self, messages: Any, *_: Any, **__: Any) -> AsyncIterator[ChatGenerationChunk]:
        for _number in range(self.times):
            await asyncio.sleep(self.every)
            yield ChatGenerationChunk(message=AIMessageChunk(self.piece))
        yield ChatGenerationChunk(message=AIMessageChunk("", response_metadata={"finish_reason": "stop"}))


async def heard(model: Streaming, limits: Limits) -> str:
    told: list[str] = []
    await listen(model, [HumanMessage("hi")], limits, {}, dialects.get("openai"), told.append, [])
    return "".join(told)


async def test_a_stream_that_flows_may_take_longer_than_an_attempt() -> None:
    model = Streaming(piece="word " * 20, times=12, every=0.02)
    assert await heard(model, Limits(5, 5, whole=0.1, flowing=30)) == "word " * 240


@pytest.mark.parametrize("flowing", [0.0, 30.0])
async def test_a_drip_is_ended(flowing: float) -> None:
    model = Streaming(piece=".", times=10_000, every=0.05)
    with pytest.raises(AttemptFailed, match="not done within"):
        await heard(model, Limits(5, 5, whole=0.3, flowing=flowing))


async def test_a_flow_ends_too() -> None:
    model = Streaming(piece="word " * 20, times=10_000, every=0.01)
    with pytest.raises(AttemptFailed, match="not done within"):
        await heard(model, Limits(5, 5, whole=0.1, flowing=0.3))


async def test_silence_after_the_first_word_is_a_stall() -> None:
    model = Streaming(piece="word", times=2, every=0.2)
    with pytest.raises(AttemptFailed, match="stalled"):
        await heard(model, Limits(5, gap=0.05, whole=5))
