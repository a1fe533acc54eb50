"""One attempt: ask one client, with deadlines that hold whatever the client's SDK does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config

from copilot.models.accept import RawCall, merge, raw_calls, raw_calls_of
from copilot.models.dialects import Dialect
from copilot.models.failures import AttemptFailed, Failure

T = TypeVar("T")
Client = Runnable[LanguageModelInput, AIMessage]

# The router's caller reports usage and tokens; a vendor's client that did it too would count everything twice.
QUIET: RunnableConfig = {"callbacks": [], "tags": ["nostream"]}


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: until the first piece of the answer, between two pieces, for all of it."""

    first_byte: float
    gap: float
    whole: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client said, not yet accepted."""

    message: AIMessage
    calls: list[RawCall]


@contextmanager
def unobserved() -> Iterator[None]:
    """Hide the surrounding run from clients called inside: LangChain hands callbacks on through the context, too."""
    token = var_child_runnable_config.set(None)
    try:
        yield
    finally:
        var_child_runnable_config.reset(token)


async def ask(client: Client, messages: Sequence[BaseMessage], limits: Limits, options: dict[str, Any]) -> Answer:
    """Return the client's whole answer.

    Raises:
        AttemptFailed: the deadline passed, or what came is no answer.
        Exception: whatever the client raises; foreign.classify knows what it means.
    """
    waited = client.ainvoke(list(messages), QUIET, **options)
    message = await _within(limits.whole, waited, f"no answer within {limits.whole:.3g} s")
    if not isinstance(message, AIMessage):
        raise AttemptFailed(Failure("dead", f"answered with {type(message).__name__}"))
    message = message.model_copy()
    return Answer(message, raw_calls_of(message))


async def listen(
    client: Client,
    messages: Sequence[BaseMessage],
    limits: Limits,
    options: dict[str, Any],
    dialect: Dialect,
    tell: Callable[[str], None],
) -> Answer:
    """Return the client's answer, streamed: every piece of text goes to `tell` at once. Raises like `ask`."""
    chunks: list[AIMessageChunk] = []
    ends = asyncio.get_running_loop().time() + limits.whole
    stream = cast("AsyncIterator[AIMessageChunk]", client.astream(list(messages), QUIET, **options))
    async with aclosing(cast(Any, stream)):
        async for chunk in _pieces(stream, limits, ends):
            if not isinstance(chunk, AIMessageChunk):
                chunks.append(_as_chunk(chunk))
            else:
                chunks.append(chunk)
            if text := str(chunk.text):
                tell(text)
    message = merge(chunks, dialect)
    return Answer(message, raw_calls(chunks))


def _as_chunk(message: AIMessage) -> AIMessageChunk:
    # A model that does not stream hands its whole message to whoever listens.
    if not isinstance(message, AIMessage):
        raise AttemptFailed(Failure("dead", f"answered with {type(message).__name__}"))
    return AIMessageChunk(**message.model_dump(exclude={"type", "tool_call_chunks"}))


async def _pieces(stream: AsyncIterator[AIMessageChunk], limits: Limits, ends: float) -> AsyncIterator[AIMessageChunk]:
    clock = asyncio.get_running_loop().time
    started, speaking = clock(), False
    while True:
        # Vendors open a stream before they know what to say: only content ends the wait for the first byte.
        due = clock() + limits.gap if speaking else started + limits.first_byte
        text = f"stalled for {limits.gap:.3g} s" if speaking else f"no answer within {limits.first_byte:.3g} s"
        if ends < due:
            due, text = ends, f"not done within {limits.whole:.3g} s"
        try:
            chunk = await _within(due - clock(), anext(stream), text)
        except StopAsyncIteration:
            return
        speaking = speaking or bool(chunk.content or getattr(chunk, "tool_call_chunks", None))
        yield chunk


async def _within(seconds: float, waited: Awaitable[T], text: str) -> T:
    """Return what is waited for; raises AttemptFailed when our deadline passed, not for the client's own timeouts."""
    limit = asyncio.timeout(max(seconds, 0.0))
    try:
        async with limit:
            return await waited
    except TimeoutError:
        if limit.expired():
            raise AttemptFailed(Failure("slow", text)) from None
        raise
