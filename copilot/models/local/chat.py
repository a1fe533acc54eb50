"""`LocalChatModel`: a GGUF file as a LangChain chat model."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import add_ai_message_chunks
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import ConfigDict, PrivateAttr

from copilot.errors import SettingsError
from copilot.models import background, catalog
from copilot.models.failures import AttemptFailed, Failure
from copilot.models.local import runtime
from copilot.models.local.guided import Choice, Reader, plain_history
from copilot.models.local.probe import GUIDES
from copilot.settings import ModelSettings, Price

#: Where providers.toml says that this provider's models are; another address is a mistake of the person's.
HERE = "http://127.0.0.1"
_NEEDED = ("xllamacpp", "langchain_openai")
_OUT_OF_FORM = "does not match the expected"
_IMAGES = frozenset({"image", "image_url", "input_image"})


class LocalChatModel(BaseChatModel):
    """A model that runs in a process of its own on this machine.

    `model` is the path of its GGUF file; everything else is an option of xllamacpp's `CommonParams`. It
    is loaded when it is first asked. Raises SettingsError when the extra `local` is not installed.
    """

    model_config = ConfigDict(extra="allow")

    model: str
    base_url: str = HERE
    _runtime: runtime.Runtime = PrivateAttr()
    _wire: tuple[str, Any] = PrivateAttr(default=("", None))

    def model_post_init(self, context: Any, /) -> None:
        """Find the runtime that others with the same file and options share."""
        super().model_post_init(context)
        if missing := [name for name in _NEEDED if find_spec(name) is None]:
            fix = 'Run: pip install "everpilot[local]"'
            raise SettingsError(f"models: {self.model} needs {' and '.join(missing)}, not installed.", hint=fix)
        if self.base_url != HERE:
            fix = 'For a server that runs already: provider = "openai_compatible".'
            raise SettingsError("models: the provider local takes no base_url, it runs the file itself.", hint=fix)
        self._runtime = runtime.of_process(runtime.Order.of(self.model, self.model_extra or {}))

    @property
    def _llm_type(self) -> str:
        return "everpilot-local"

    @property
    def learned(self) -> catalog.Facts | None:
        """What is known of the model now that it is loaded; None before."""
        serving = self._runtime.serving
        if serving is None:
            return None
        can = serving.abilities
        return catalog.Facts(
            window=can.window,
            tools=can.calls != "none",
            parallel_tools=can.calls == "native",
            vision=can.vision,
            json_schema=can.calls == "native",
            price=Price(),
        )

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: Any = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return this model with tools; how they are offered is decided when it is loaded."""
        wire = [convert_to_openai_tool(tool) for tool in tools]
        chosen = {} if tool_choice is None else {"tool_choice": tool_choice}
        return self.bind(tools=wire, **chosen, **kwargs)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        async with self._asked(messages, kwargs) as asked:
            found = await asked.wire._agenerate(asked.messages, stop, **asked.options)
            return _read_at_once(found) if asked.guided else found

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        async with self._asked(messages, kwargs) as asked:
            reader = Reader() if asked.guided else None
            stream = asked.wire._astream(asked.messages, stop, **asked.options)
            async with contextlib.aclosing(stream):
                async for piece in stream:
                    chunk = _read(piece, reader) if reader else piece
                    if run_manager:
                        await run_manager.on_llm_new_token(str(chunk.text), chunk=chunk)
                    yield chunk

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return background.run_sync(lambda _: self._agenerate(messages, stop, None, **kwargs), _ignore)

    @contextlib.asynccontextmanager
    async def _asked(self, messages: list[BaseMessage], kwargs: dict[str, Any]) -> AsyncIterator[_Asked]:
        """Yield what is to be sent; errors of the block come out as what they mean."""
        serving = await self._runtime.ready()
        with _meanings():
            try:
                yield self._asking(serving, messages, kwargs)
            except AttemptFailed:
                raise
            except Exception as error:
                crash = None if getattr(error, "status_code", None) else await serving.crash()
                if crash is None:
                    raise
                raise AttemptFailed(crash) from error

    def _asking(self, serving: runtime.Serving, messages: list[BaseMessage], kwargs: dict[str, Any]) -> _Asked:
        can, wire = serving.abilities, self._wired(serving)
        if not can.vision and any(_shows(message) for message in messages):
            raise AttemptFailed(
                Failure("soft", "can't see images: no projector is given (option `projector`)", again=False)
            )
        if can.calls == "native":
            return _Asked(wire, messages, kwargs)
        options = {
            k: v for k, v in kwargs.items() if k not in ("tools", "tool_choice", "parallel_tool_calls", "strict")
        }
        choice = Choice.of(kwargs.get("tools") or (), kwargs.get("tool_choice"))
        if not choice.tools:
            return _Asked(wire, plain_history(messages, system_role=can.system_role), options)
        if can.calls == "none":
            raise AttemptFailed(Failure("unable", "can't use tools: its chat template knows none"))
        told = plain_history(messages, choice.instruction, system_role=can.system_role)
        options.pop("response_format", None)
        body = {**(options.pop("extra_body", None) or {}), **GUIDES[can.guide](choice.schema)}
        return _Asked(wire, told, {**options, "extra_body": body}, guided=True)

    def _wired(self, serving: runtime.Serving) -> Any:
        """Return the client that speaks to the runtime: made anew when that was started anew."""
        if self._wire[0] != serving.url + serving.key:
            self._wire = (serving.url + serving.key, _client(serving))
        return self._wire[1]


def from_settings(settings: ModelSettings, connection: object) -> dict[str, Any]:
    """Return what the constructor is given beside the options: `window` is what the model is loaded with."""
    return {"n_ctx": settings.window} if settings.window else {}


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request in the form that the model takes; `guided`: the answer is for `Reader`."""

    wire: Any
    messages: list[BaseMessage]
    options: dict[str, Any]
    guided: bool = False


def _client(serving: runtime.Serving) -> Any:
    import openai
    from langchain_openai import ChatOpenAI
    from pydantic import SecretStr

    return ChatOpenAI(
        model="local",
        api_key=SecretStr(serving.key),
        base_url=f"{serving.url}/v1",
        # No proxy of the environment comes between; and no connection outlives the event loop that opened it.
        http_async_client=openai.DefaultAsyncHttpxClient(trust_env=False, follow_redirects=False, timeout=None),
        default_headers={"Connection": "close"},
        max_retries=0,
        stream_usage=True,
        use_responses_api=False,
        output_version="v0",
    )


@contextlib.contextmanager
def _meanings() -> Iterator[None]:
    """Say what an answer means that llama.cpp made and then could not read itself: not that the server is dead."""
    try:
        yield
    except AttemptFailed:
        raise
    except Exception as error:
        if _OUT_OF_FORM not in str(error):
            raise
        raise AttemptFailed(Failure("soft", "malformed tool call")) from error


def _read_at_once(result: ChatResult) -> ChatResult:
    """Return a guided answer as a message with text or a tool call."""
    made = result.generations[0]
    usage = getattr(made.message, "usage_metadata", None)
    told = {**made.message.response_metadata, **(made.generation_info or {})}
    whole = AIMessageChunk(content=str(made.message.text), response_metadata=told, usage_metadata=usage)
    chunk = _read(ChatGenerationChunk(message=whole), Reader()).message
    assert isinstance(chunk, AIMessageChunk)
    # Merging joins the pieces of the call; the text of its arguments goes along for whoever parses strictly.
    pieces = [AIMessageChunk(content="", tool_call_chunks=[call]) for call in chunk.tool_call_chunks]
    called = add_ai_message_chunks(AIMessageChunk(content=""), *pieces)
    wire = [{"id": c["id"], "function": {"arguments": c["args"]}} for c in called.tool_call_chunks]
    message = AIMessage(
        content=chunk.content,
        tool_calls=called.tool_calls,
        invalid_tool_calls=called.invalid_tool_calls,
        additional_kwargs={"tool_calls": wire} if wire else {},
        response_metadata=chunk.response_metadata,
        usage_metadata=usage,
        id=made.message.id,
    )
    return ChatResult(generations=[ChatGeneration(message=message)], llm_output=result.llm_output)


def _read(piece: ChatGenerationChunk, reader: Reader) -> ChatGenerationChunk:
    """Return a piece of a guided answer as what it adds to a message; the last one says that it ended with a call."""
    message = piece.message
    text, calls = reader.feed(str(message.text))
    told = {**message.response_metadata, **(piece.generation_info or {})}
    if told.get("finish_reason") == "stop":
        reader.check()
        told["finish_reason"] = "tool_calls" if reader.called else "stop"
    made = AIMessageChunk(
        content=text,
        tool_call_chunks=calls,
        response_metadata=told,
        usage_metadata=getattr(message, "usage_metadata", None),
        id=message.id,
    )
    return ChatGenerationChunk(message=made)


def _shows(message: BaseMessage) -> bool:
    blocks = message.content if isinstance(message.content, list) else []
    return any(isinstance(block, dict) and block.get("type") in _IMAGES for block in blocks)


def _ignore(event: object) -> None:
    """Nobody listens."""
