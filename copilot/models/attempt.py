"""One attempt: ask one client, with deadlines that hold whatever the client's SDK does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.runnables import Runnable, RunnableBinding, RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config

from copilot.models.accept import RawCall, merge, raw_calls, raw_calls_of
from copilot.models.dialects import Dialect
from copilot.models.failures import AttemptFailed, Failure

T = TypeVar("T")
Client = Runnable[LanguageModelInput, AIMessage]

#: Characters a second above which a stream counts as flowing: about ten tokens.
_FLOW = 40.0

# The router's caller reports usage and tokens; a vendor's client that did it too would count everything twice.
QUIET: RunnableConfig = {"callbacks": [], "tags": ["nostream"]}


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: until the first piece of the answer, between two pieces, for all of it, for all of it while it flows.

    A stream that drips is ended at `whole`; one that delivers text faster than a person reads may go on to `flowing`.
    """

    first_byte: float
    gap: float
    whole: float
    flowing: float = 0.0


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
    chunks: list[AIMessageChunk],
) -> Answer:
    """Return the client's answer, streamed. Raises like `ask`.

    The text of every piece that brings something goes to `tell` at once, "" for a piece of a call; what came lies in
    `chunks`, also when the stream breaks off.
    """
    if not _streams(client, options):  # nothing comes before the end: there is no first piece to wait for
        answer = await ask(client, messages, limits, options)
        chunks.append(_as_chunk(answer.message))
        tell(str(answer.message.text))
        return answer
    stream = cast("AsyncIterator[AIMessageChunk]", client.astream(list(messages), QUIET, **options))
    async with aclosing(cast(Any, stream)):
        async for chunk in _pieces(stream, limits):
            if not isinstance(chunk, AIMessageChunk):
                chunks.append(_as_chunk(chunk))
            else:
                chunks.append(chunk)
            if _size(chunks[-1]):
                tell(str(chunk.text))
    message = merge(chunks, dialect)
    return Answer(message, raw_calls(chunks))


def _streams(client: Any, options: dict[str, Any]) -> bool:
    """Return whether a client streams at all: LangChain's clients know the models that don't, or not with tools."""
    while isinstance(client, RunnableBinding):
        client, options = client.bound, {**client.kwargs, **options}
    disabled = getattr(client, "disable_streaming", False)
    return disabled is not True and not (disabled == "tool_calling" and options.get("tools"))


def _as_chunk(message: AIMessage) -> AIMessageChunk:
    # A model that does not stream hands its whole message to whoever listens.
    if not isinstance(message, AIMessage):
        raise AttemptFailed(Failure("dead", f"answered with {type(message).__name__}"))
    return AIMessageChunk(**message.model_dump(exclude={"type", "tool_call_chunks"}))


async def _pieces(stream: AsyncIterator[AIMessageChunk], limits: Limits) -> AsyncIterator[AIMessageChunk]:
    clock = asyncio.get_running_loop().time
    started, said = clock(), 0
    while True:
        # Vendors open a stream before they know what to say: only content ends the wait for the first byte.
        due = clock() + limits.gap if said else started + limits.first_byte
        text = f"stalled for {limits.gap:.3g} s" if said else f"no answer within {limits.first_byte:.3g} s"
        flows = said > _FLOW * (clock() - started)
        whole = max(limits.whole, limits.flowing) if flows else limits.whole
        if started + whole < due:
            due, text = started + whole, f"not done within {whole:.3g} s"
        try:
            chunk = await _within(due - clock(), anext(stream), text)
        except StopAsyncIteration:
            return
        said += _size(chunk)
        yield chunk


def _size(chunk: AIMessageChunk) -> int:
    """Return about how many characters of an answer a piece brings; 0 for one that only keeps the line open."""
    calls = getattr(chunk, "tool_call_chunks", None) or ()
    brought = len(str(chunk.text)) + sum(len(call.get("args") or "") for call in calls)
    return brought or int(bool(chunk.content or calls))


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
