"""`RoutedChatModel`: one LangChain chat model that asks whichever configured model is allowed, able and alive."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from pydantic import ConfigDict, Field, PrivateAttr

from copilot.models import background
from copilot.models.attempt import unobserved
from copilot.models.budget import Budgets
from copilot.models.fitness import Filters
from copilot.models.health import Health
from copilot.models.ledger import Ledger
from copilot.models.lineup import Lineup
from copilot.models.listening import Emit, Listener, ModelEvent, listener
from copilot.models.records import Records
from copilot.models.request import Request
from copilot.models.roster import Roster
from copilot.models.toolset import NONE, ToolLike, Toolset
from copilot.models.turn import Pause, Turn, Ways
from copilot.settings import RoutingSettings
from copilot.trust.labels import Confidentiality

_TOOLSETS = 32  # sets of tools whose schemas and bound clients are kept
_UNKNOWN_WINDOW = 32_000  # tokens; what a model that nobody knows is assumed to hold


class RoutedChatModel(BaseChatModel):
    """A drop-in chat model with failover.

    Tools bound to it are bound to whichever client serves. Answers leave it whole: they ended on purpose, and their
    tool calls are complete, known and fit their schemas. Each is stamped with who served it, what failed before, tokens
    and cost (`response_metadata["everpilot"]`). Raises NoModelError when nobody may, can or would answer.

    `prefer` is the name of a model to ask first; `stall_guard` streams inside even when nobody listens, so that a
    vendor that hangs is found out by its first byte.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    roster: Roster = Field(exclude=True)
    health: Health = Field(exclude=True)
    ledger: Ledger = Field(default_factory=Ledger, exclude=True)
    routing: RoutingSettings = Field(default_factory=RoutingSettings)
    default_label: Confidentiality = Confidentiality.INTERNAL
    prefer: str = ""
    stall_guard: bool = False
    toolset: Toolset = Field(default=NONE, exclude=True)
    pause: Pause = Field(default=asyncio.sleep, exclude=True)
    _toolsets: OrderedDict[tuple[Any, ...], Toolset] = PrivateAttr(default_factory=OrderedDict)

    @property
    def _llm_type(self) -> str:
        return "everpilot"

    def __repr__(self) -> str:
        # LangChain takes it for every call: short, and nothing of the environment in it.
        return f"RoutedChatModel({', '.join(m.name for m in self.roster.settings.models) or 'found'})"

    __str__ = __repr__

    @property
    def window(self) -> int:
        """The smallest context window, in tokens, of the models that are known without asking the network."""
        known = [c.facts.window or _UNKNOWN_WINDOW for c in self.roster.quick() if not c.is_builtin]
        return min(known, default=_UNKNOWN_WINDOW)

    def preferring(self, name: str) -> RoutedChatModel:
        """Return this router with the model `name` asked first ("builtin" is asked alone).

        Raises:
            SettingsError: there is no such model; the closest ones are offered.
        """
        return self.model_copy(update={"prefer": self.roster.find(name).name})

    def bind_tools(
        self, tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool], **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return this router with tools that are bound, with these options, to whichever model serves."""
        return self.model_copy(update={"toolset": self._toolset(tuple(tools), kwargs)})

    def _toolset(self, tools: tuple[ToolLike, ...], options: dict[str, Any]) -> Toolset:
        # create_agent binds the same tools anew for every model call; their schemas are worth keeping.
        key = (*map(id, tools), repr(sorted(options.items(), key=lambda item: item[0])))
        found = self._toolsets.get(key) or Toolset(tools, options)
        self._toolsets[key] = found
        self._toolsets.move_to_end(key)
        while len(self._toolsets) > _TOOLSETS:
            self._toolsets.popitem(last=False)
        return found

    # --- LangChain's side -----------------------------------------------------------------------------------------

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        work, emit = self._prepared(messages, stop, kwargs)
        return _result(await background.run(work, emit))

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        work, emit = self._prepared(messages, stop, kwargs)
        return _result(background.run_sync(work, emit))

    # A LangChain stream can't take anything back, so it gets the accepted answer in one piece; `listening` is the way
    # to see it being made.

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        work, emit = self._prepared(messages, stop, kwargs)
        chunk = _chunk(await background.run(work, emit))
        if run_manager:
            await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
        yield chunk

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        work, emit = self._prepared(messages, stop, kwargs)
        chunk = _chunk(background.run_sync(work, emit))
        if run_manager:
            run_manager.on_llm_new_token(chunk.text, chunk=chunk)
        yield chunk

    # --- our side -------------------------------------------------------------------------------------------------

    def _prepared(
        self, messages: list[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]
    ) -> tuple[background.Work[AIMessage], Emit]:
        """Return the work to do on the background loop, and where its events go; both know the caller's context."""
        options = {name: value for name, value in kwargs.items() if name != "tools"} | ({"stop": stop} if stop else {})
        tools = self._toolset(tuple(kwargs["tools"]), {}) if kwargs.get("tools") else self.toolset
        request = Request(messages, tools, options, self.default_label)
        who = listener()

        async def work(emit: Emit) -> AIMessage:
            with unobserved():
                return await self._turn(request, who, emit).answer(await self._candidates())

        return work, who.emit if who else _ignore

    def _turn(self, request: Request, who: Listener | None, emit: Emit) -> Turn:
        settings, on = self.roster.settings, replace(request.occasion, turn=request.turn)
        filters = Filters(settings.trust, Budgets(settings.budgets, self.ledger, on))
        return Turn(
            request,
            Lineup(request, self.health, filters, self.ledger, self.routing, self.prefer),
            self.health,
            Records(settings.records, self.ledger, on),
            self.routing,
            Ways(
                emit if who else _ignore,
                watched=who is not None or self.stall_guard,
                retracts=who is not None and who.retracts,
                clock=self.health.clock.monotonic,
                pause=self.pause,
            ),
        )

    async def _candidates(self) -> list[Any]:
        found = await asyncio.to_thread(self.roster.all) if self.roster.must_look else self.roster.all()
        if self.prefer and all(c.name != self.prefer for c in found):
            found = [await asyncio.to_thread(self.roster.find, self.prefer), *found]
        return found


def _ignore(event: ModelEvent) -> None:
    """Nobody listens."""


def _result(message: AIMessage) -> ChatResult:
    return ChatResult(generations=[ChatGeneration(message=message)])


def _chunk(message: AIMessage) -> ChatGenerationChunk:
    fields = message.model_dump(exclude={"type", "invalid_tool_calls"})
    return ChatGenerationChunk(message=AIMessageChunk(**fields, chunk_position="last"))
