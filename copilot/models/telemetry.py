"""OpenTelemetry spans with the gen_ai names of the semantic conventions; imported only where they are switched on.

A host that has set up OpenTelemetry gets the spans in its own traces. Without one, they go where the OTEL_* variables
say (OTLP over HTTP). Source: OpenTelemetry semantic conventions, "Generative AI", spans for inference, agents, tools.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from langchain_core.messages import AIMessage, BaseMessage

from copilot._redaction import redacted_json
from copilot.errors import SettingsError
from copilot.models.occasion import Occasion

if TYPE_CHECKING:
    from opentelemetry.trace import Span as OtelSpan
    from opentelemetry.trace import Tracer

    from copilot.models.records import Attempt

log = logging.getLogger(__name__)

_lock = threading.Lock()
_ROLES = {"human": "user", "ai": "assistant", "tool": "tool", "system": "system"}


def tracer() -> Tracer:
    """Return our tracer; sets OpenTelemetry up by the environment where nobody has.

    Raises:
        SettingsError: the extra is not installed.
    """
    try:
        from opentelemetry import trace
    except ImportError:
        raise _missing() from None
    with _lock:
        if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
            trace.set_tracer_provider(_provider())
    return trace.get_tracer("everpilot")


def _provider() -> Any:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise _missing() from None
    provider = TracerProvider(resource=Resource.create({"service.name": "everpilot"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def _missing() -> SettingsError:
    return SettingsError("records.otel needs OpenTelemetry.", hint='Run: pip install "everpilot[otel]"')


class Span:
    """The span of one attempt, which is ended with what became of it."""

    def __init__(self, span: OtelSpan, *, content: bool) -> None:
        self._span = span
        self._content = content

    def end(self, attempt: Attempt) -> None:
        """Put the outcome into the span."""
        from opentelemetry.trace import StatusCode

        tokens = attempt.tokens
        counts = {
            "input_tokens": tokens.read,
            "output_tokens": tokens.written,
            "cache_read.input_tokens": tokens.cached,
            "cache_creation.input_tokens": tokens.cache_write,
            "reasoning.output_tokens": tokens.reasoning,
        }
        self._span.set_attributes({f"gen_ai.usage.{name}": count for name, count in counts.items() if count})
        if attempt.first is not None:
            self._span.set_attribute("gen_ai.response.time_to_first_chunk", attempt.first)
        if attempt.cost is not None:
            self._span.set_attribute("everpilot.cost", attempt.cost)
        if attempt.answer is None:
            self._span.set_attribute("error.type", attempt.outcome)
            self._span.set_status(StatusCode.ERROR)
        else:
            self._answered(attempt.answer, attempt.candidate.dialect.finish(attempt.answer.response_metadata))

    def _answered(self, answer: AIMessage, finish: str | None) -> None:
        self._span.set_attribute("gen_ai.response.model", str(answer.response_metadata.get("model_name") or ""))
        if finish:
            self._span.set_attribute("gen_ai.response.finish_reasons", [finish])
        if self._content:
            self._span.set_attribute("gen_ai.output.messages", _as_json([answer]))


@contextmanager
def span(attempt: Attempt, occasion: Occasion, *, content: bool) -> Iterator[Span]:
    """Make the span `chat <model>` around an attempt; `content` puts the messages into it, too."""
    from opentelemetry.trace import SpanKind

    candidate = attempt.candidate
    address = urlsplit(candidate.connection.base_url if candidate.connection else "")
    told: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": candidate.provider.otel or candidate.settings.provider,
        "gen_ai.request.model": candidate.model,
        "gen_ai.conversation.id": occasion.thread or None,
        "server.address": address.hostname,
        "server.port": address.port,
        "everpilot.model": candidate.name,
        "gen_ai.input.messages": _as_json(attempt.messages or ()) if content else None,
    }
    attributes = {name: value for name, value in told.items() if value is not None}
    with tracer().start_as_current_span(
        f"chat {candidate.model}", kind=SpanKind.CLIENT, attributes=attributes, record_exception=False
    ) as made:
        yield Span(made, content=content)


@contextmanager
def operation(name: str, what: str, **attributes: str) -> Iterator[None]:
    """Make the span of an operation of the agent: "invoke_agent", or "execute_tool" with the tool's name."""
    told = {"gen_ai.operation.name": name, **{key: value for key, value in attributes.items() if value}}
    with tracer().start_as_current_span(f"{name} {what}".strip(), attributes=told, record_exception=False):
        yield


def _as_json(messages: Sequence[BaseMessage]) -> str:
    return json.dumps(redacted_json([_plain(m) for m in messages]), ensure_ascii=False, default=str)


def _plain(message: BaseMessage) -> dict[str, Any]:
    """Return a message in the form of the conventions: a role, and parts of text and tool calls."""
    parts: list[dict[str, Any]] = [{"type": "text", "content": str(message.text)}] if message.text else []
    for call in getattr(message, "tool_calls", None) or ():
        parts.append({"type": "tool_call", "id": call["id"], "name": call["name"], "arguments": call["args"]})
    if message.type == "tool":
        parts = [{"type": "tool_call_response", "id": getattr(message, "tool_call_id", ""), "response": message.text}]
    return {"role": _ROLES.get(message.type, message.type), "parts": parts}
