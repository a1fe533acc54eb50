"""`RoutedChatModel`: one LangChain chat model that asks whichever configured model is allowed, able and alive."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LangSmithParams, LanguageModelInput, ModelProfile
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from pydantic import ConfigDict, Field, PrivateAttr, SecretStr

from copilot.models import background, declared
from copilot.models.attempt import unobserved
from copilot.models.budget import Budgets
from copilot.models.fitness import Filters
from copilot.models.health import Health
from copilot.models.ledger import Ledger
from copilot.models.lineup import Lineup
from copilot.models.listening import Emit, Listener, ModelEvent, listener
from copilot.models.pieces import pieces
from copilot.models.records import Records
from copilot.models.request import STAMP, Request
from copilot.models.roster import Roster
from copilot.models.terms import OF_TOOLS
from copilot.models.toolset import NONE, ToolLike, Toolset, Wire, choice, estimate_tokens
from copilot.models.turn import Pause, Turn, Ways
from copilot.settings import BudgetSettings, ModelSettings, RecordSettings, RoutingSettings, TrustSettings
from copilot.trust.labels import Confidentiality

_TOOLSETS = 32  # sets of tools whose schemas and bound clients are kept
_UNKNOWN_WINDOW = 32_000  # tokens; what a model that nobody knows is assumed to hold


class RoutedChatModel(BaseChatModel):
    """A drop-in chat model with failover.

        model = RoutedChatModel(models=[{"name": "a", "provider": "anthropic"}, {"name": "b", "provider": "openai"}])

    `models`, `routing`, `trust`, `budgets` and `records` are the tables of `copilot.toml` (docs/settings.md), as dicts
    or as the classes of copilot/settings.py; without `models` they are found as the command finds them. `state` is a
    folder that keeps the health of the models and what was spent; None: this process's memory does. `api_key` is the
    key of the models that name none, where all are of one vendor; else each has its own variable, as in the settings.

    Tools bound to it are bound to whichever client serves. Answers leave it whole: they ended on purpose, and their
    tool calls are complete, known and fit their schemas. Each is stamped with who served it, what failed before, tokens
    and cost (`response_metadata["everpilot"]`). Raises NoModelError when nobody may, can or would answer, and
    SettingsError for arguments that are wrong.

    `prefer` is the name of a model to ask first, and with `alone` the only one that is asked; `stall_guard` streams
    inside even when nobody listens, so that a vendor that hangs is found out by its first byte. `temperature`,
    `max_tokens` and `stop` are asked of whoever serves; `timeout` is seconds for all attempts of one answer together.
    `max_retries` is LangChain's and does nothing: what is tried again is the router's own affair.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    roster: Roster = Field(exclude=True)
    health: Health = Field(exclude=True)
    ledger: Ledger = Field(default_factory=Ledger, exclude=True)
    routing: RoutingSettings = Field(default_factory=RoutingSettings)
    state: Path | None = None
    default_label: Confidentiality = Confidentiality.INTERNAL
    prefer: str = ""
    alone: bool = False
    stall_guard: bool = False
    api_key: SecretStr | None = Field(default=None, exclude=True)
    temperature: float | None = Field(default=None, ge=0)
    max_tokens: int | None = Field(default=None, gt=0)
    stop: list[str] | None = None
    timeout: float | None = Field(default=None, gt=0)
    max_retries: int | None = None
    streaming: bool = False
    pause: Pause = Field(default=asyncio.sleep, exclude=True)
    _toolsets: OrderedDict[tuple[Any, ...], Toolset] = PrivateAttr(default_factory=OrderedDict)
    _declared: bool = PrivateAttr(default=False)

    def __init__(
        self,
        models: Sequence[ModelSettings | Mapping[str, Any]] | None = None,
        *,
        routing: RoutingSettings | Mapping[str, Any] | None = None,
        trust: TrustSettings | Mapping[str, Any] | None = None,
        budgets: BudgetSettings | Mapping[str, Any] | None = None,
        records: RecordSettings | Mapping[str, Any] | None = None,
        state: str | Path | None = None,
        api_key: str | SecretStr | None = None,
        **more: Any,
    ) -> None:
        if "roster" in more:
            super().__init__(**more, **_given(routing=routing))
            return
        declared.refuse_unknown(more, type(self).model_fields)
        tables = {"models": models, "routing": routing, "trust": trust, "budgets": budgets, "records": records}
        made = declared.made_of(tables, state, SecretStr(api_key) if isinstance(api_key, str) else api_key)
        super().__init__(**{**made, **more})
        self._declared = True
        if self.prefer:
            self.prefer = self.roster.find(self.prefer).name

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

    def with_builtin(self, planner: BaseChatModel) -> RoutedChatModel:
        """Return this router with another builtin planner; the vendors' clients and their connections are the same."""
        return self.model_copy(update={"roster": self.roster.with_builtin(planner)})

    def only(self, name: str) -> RoutedChatModel:
        """Return this router with nobody asked but the model `name`.

        Raises:
            SettingsError: there is no such model; the closest ones are offered.
        """
        return self.model_copy(update={"prefer": self.roster.find(name).name, "alone": True})

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: dict[str, Any] | str | bool | None = None,
        strict: bool | None = None,
        parallel_tool_calls: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return this router with tools that are bound, with these options, to whichever model serves.

        `tool_choice` is "auto", "any" ("required", True), "none", the name of a tool, or a dict of some vendor's; each
        client is told in its own words, and an answer that does not do as it was told is not accepted. `strict` and
        `parallel_tool_calls` go to the vendors that know them.

        Raises:
            ValueError: `tool_choice` names a tool that is not there.
        """
        toolset = self._toolset(tuple(tools), {})
        wanted = choice(tool_choice)
        if tools and wanted not in ("", "any", "none", *toolset.called):
            raise ValueError(f"tool_choice names {wanted!r}. There is: {', '.join(toolset.called)}.")
        told = _given(tool_choice=tool_choice, strict=strict, parallel_tool_calls=parallel_tool_calls)
        return self.bind(tools=Wire(toolset), **told, **kwargs)

    def with_structured_output(
        self,
        schema: dict[str, Any] | type | None = None,
        *,
        method: str = "function_calling",
        include_raw: bool = False,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """Return a runnable that answers with `schema`: an instance of the class; a dict for a dict or TypedDict.

        `method` is "function_calling", "json_schema" (models that can't be held to a schema are not asked) or
        "json_mode". With `include_raw`, it returns a dict of `raw` (the message), `parsed` and `parsing_error`.

        Raises:
            ValueError: an unknown method or argument, or no schema where one is needed.
        """
        from copilot.models.structured import structured

        if kwargs:
            raise ValueError(f"with_structured_output takes no {', '.join(map(repr, kwargs))}.")
        return structured(self, schema, method, include_raw=include_raw, strict=strict)

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
        for chunk in pieces(_named(await background.run(work, emit))):
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
        for chunk in pieces(_named(background.run_sync(work, emit))):
            if run_manager:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    # --- what LangChain asks about a model ------------------------------------------------------------------------

    def to_json(self) -> Any:
        """Return the arguments that make this router again; only its name where they are not plain or hold secrets.

        LangChain's `load` makes it again with `allowed_objects=[RoutedChatModel]`; its "all" means its own partners,
        which is why `is_lc_serializable` stays False.
        """
        told = declared.as_json(declared.arguments(self, self.roster), self) if self._declared else None
        if told is None:
            return {**self.to_json_not_implemented(), "name": self.get_name()}
        return {"lc": 1, "type": "constructor", "id": self.lc_id(), "kwargs": told, "name": self.get_name()}

    def __reduce__(self) -> Any:
        if not self._declared:
            raise TypeError(
                "This router can't be pickled: it was made around objects of this process. Make one of plain "
                "arguments, RoutedChatModel(models=[...]), which the other process makes again with its own keys."
            )
        return _remade, (type(self), declared.arguments(self, self.roster))

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> RoutedChatModel:
        return self.model_copy()  # clients, health and what was spent are the process's: a copy shares them

    @property
    def _identifying_params(self) -> dict[str, Any]:
        settings = self.roster.settings
        return {
            "models": [model.name for model in settings.models],
            "settings": declared.digest(self.roster),
            "routing": self.routing.model_dump(exclude_defaults=True),
            "default_label": self.default_label.name.lower(),
            **{n: getattr(self, n) for n in ("prefer", "temperature", "max_tokens", "stop") if getattr(self, n)},
        }

    def _get_llm_string(self, stop: list[str] | None = None, **kwargs: Any) -> str:
        # What answers are cached under. LangChain's own takes a dump that a copy with other settings would inherit.
        return str(sorted({**self._identifying_params, **kwargs, "stop": stop or self.stop}.items()))

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        told = super()._get_ls_params(stop=stop or self.stop, **kwargs)
        told["ls_provider"] = self._llm_type
        known = self.roster.quick()
        first = next((c for c in known if c.name == self.prefer), known[0] if known else None)
        told["ls_model_name"] = str(kwargs.get("model") or (first.model if first else self.prefer or self._llm_type))
        return told

    def _resolve_model_profile(self) -> ModelProfile | None:
        return declared.profile([c.facts for c in self.roster.quick() if not c.is_builtin])

    def get_token_ids(self, text: str) -> list[int]:
        """Return the ids of the tokens, by the function that the caller gave as `custom_get_token_ids`.

        Raises:
            NotImplementedError: there is none. Every vendor has its own tokens.
        """
        if self.custom_get_token_ids is not None:
            return self.custom_get_token_ids(text)
        raise NotImplementedError("A router knows no tokenizer: use get_num_tokens, or give it custom_get_token_ids.")

    def get_num_tokens(self, text: str) -> int:
        """Return about how many tokens a text has: four bytes a token, unless there is a `custom_get_token_ids`."""
        return len(self.get_token_ids(text)) if self.custom_get_token_ids is not None else estimate_tokens([text])

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """Return about how many tokens messages have, with the tools that are sent with them."""
        return Request(messages, self._toolset(tuple(tools), {}) if tools else NONE).size

    # --- our side -------------------------------------------------------------------------------------------------

    def _prepared(
        self, messages: list[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]
    ) -> tuple[background.Work[AIMessage], Emit]:
        """Return the work to do on the background loop, and where its events go; both know the caller's context."""
        router, tools, options = self._asked(stop, kwargs)
        request = Request(messages, tools, options, self.default_label)
        who = listener()

        async def work(emit: Emit) -> AIMessage:
            with unobserved():
                return await router._turn(request, who, emit).answer(await router._candidates())

        return work, who.emit if who else _ignore

    def _asked(
        self, stop: list[str] | None, kwargs: Mapping[str, Any]
    ) -> tuple[RoutedChatModel, Toolset, dict[str, Any]]:
        """Return this router as one call wants it (`model`, `timeout`), the tools, and the options for the vendor."""
        standing = {"temperature": self.temperature, "max_tokens": self.max_tokens, "stop": stop or self.stop or None}
        options = _given(**{**standing, **kwargs})
        tools, model, seconds = (options.pop(name, None) for name in ("tools", "model", "timeout"))
        options.pop("stream", None)  # whether it is streamed inside is not for the caller to say
        if isinstance(options.get("response_format"), type):
            from copilot.models.structured import response_format

            options["response_format"] = response_format(options["response_format"], "json_schema", None)
        toolset = NONE
        of_tools = {name: options.pop(name) for name in OF_TOOLS if name in options}
        if tools:
            if "response_format" in options:
                of_tools["response_format"] = options.pop("response_format")
            toolset = self._toolset(tools.tools if isinstance(tools, Wire) else tuple(tools), of_tools)
        changed: dict[str, Any] = {"prefer": self._known_as(model)} if model else {}
        if seconds := seconds or self.timeout:
            changed["routing"] = self.routing.model_copy(update={"turn": float(seconds)})
        return self.model_copy(update=changed) if changed else self, toolset, options

    def _known_as(self, model: str) -> str:
        """Return what the user calls a model, also by the vendor's name; unknown ones are looked for when asked."""
        known = self.roster.quick()
        return next((c.name for key in ("name", "model") for c in known if getattr(c, key) == model), model)

    def _turn(self, request: Request, who: Listener | None, emit: Emit) -> Turn:
        settings, on = self.roster.settings, replace(request.occasion, turn=request.turn)
        filters = Filters(settings.trust, Budgets(settings.budgets, self.ledger, on))
        return Turn(
            request,
            Lineup(request, self.health, filters, self.ledger, self.routing, self.prefer),
            self.health,
            Records(settings.records, self.ledger, on, request.confidentiality.name.lower()),
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
        if self.alone:
            return [await asyncio.to_thread(self.roster.find, self.prefer)]
        found = await asyncio.to_thread(self.roster.all) if self.roster.must_look else self.roster.all()
        if self.prefer and all(c.name != self.prefer for c in found):
            found = [await asyncio.to_thread(self.roster.find, self.prefer), *found]
        return found


def _ignore(event: ModelEvent) -> None:
    """Nobody listens."""


def _result(message: AIMessage) -> ChatResult:
    return ChatResult(generations=[ChatGeneration(message=_named(message))])


def _named(message: AIMessage) -> AIMessage:
    """Return an answer that says which model gave it where LangChain looks for that, too."""
    stamp = message.response_metadata.get(STAMP)
    if not message.response_metadata.get("model_name") and isinstance(stamp, dict):
        message.response_metadata["model_name"] = stamp["model"]
    return message


def _given(**arguments: Any) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value is not None}


def _remade(kind: type[RoutedChatModel], arguments: dict[str, Any]) -> RoutedChatModel:
    return kind(**arguments)
