"""What is written down of each attempt: right to the token, and no text of any message."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from copilot.agent.copilot import Copilot
from copilot.errors import NoModelError
from copilot.models.clearance import labelled
from copilot.models.ledger import Ledger
from copilot.models.listening import listening
from copilot.models.occasion import occasion
from copilot.models.records import Tokens
from copilot.settings import Price, RecordSettings, Settings
from copilot.trust.labels import Confidentiality, Integrity, Label
from tests.models.routing import entry, read_cell, router, stamp
from tests.vendors import AnthropicServer, Call, OpenAIServer, Reply
from tests.vendors.clients import SERVERS

SECRET = "the salary of Ms Green"
PRICE = Price(input=1, output=2)
REPLY = Reply(f"About {SECRET}.", input_tokens=120, output_tokens=30)


@pytest.mark.parametrize("watched", [True, False])
@pytest.mark.parametrize("kind", [k for k in SERVERS if k != "bedrock"])
async def test_every_vendors_count_is_right_to_the_token(kind: str, watched: bool) -> None:
    ledger = Ledger()
    names = {"openai_responses": ("openai_responses", "gpt-4.1"), "mistral": ("mistral", "mistral-medium-latest")}
    names |= {"google": ("google", "gemini-2.5-flash"), "ollama": ("ollama", "qwen3:8b")}
    with SERVERS[kind](lambda request: REPLY) as server:
        provider, model = names.get(kind, ("", ""))
        chosen: dict[str, Any] = {"deadlines": {}, **({"provider": provider, "model": model} if provider else {})}
        asked = router([entry(server, "one", price=PRICE, **chosen)], ledger=ledger)
        for _ in range(3):
            if watched:
                with listening(lambda event: None):
                    await asked.ainvoke("Hello")
            else:
                await asked.ainvoke("Hello")
        assert not server.refused, server.refused
    (row,) = ledger.totals("model")
    assert (row["calls"], row["failed"], row["input_tokens"], row["output_tokens"]) == (3, 0, 360, 90)
    assert row["cost"] == pytest.approx((360 + 180) / 1e6)


async def test_attempts_that_failed_are_rows_of_their_own() -> None:
    ledger = Ledger()
    with AnthropicServer([REPLY], always="sse_error") as bad, OpenAIServer([REPLY]) as good:
        model = router([entry(bad, "bad", price=PRICE), entry(good, "good", price=PRICE)], ledger=ledger)
        with listening(lambda event: None), occasion(thread="t", turn="u", user="ann", step="reading", skill="excel"):
            await model.ainvoke("Hello")
    rows = {row["model"]: row for row in ledger.totals("model")}
    assert (rows["bad"]["calls"], rows["bad"]["failed"], rows["bad"]["input_tokens"]) == (0, 1, 0)
    assert 0 < rows["bad"]["wasted_tokens"] < 20, "about a word in and two out: it broke off before it told"
    assert rows["bad"]["wasted_cost"] == rows["bad"]["cost"] > 0
    assert (rows["good"]["calls"], rows["good"]["input_tokens"], rows["good"]["wasted_tokens"]) == (1, 120, 0)
    for by, value in (("thread", "t"), ("user", "ann"), ("step", "reading"), ("skill", "excel")):
        assert [row[by] for row in ledger.totals(by)] == [value]  # type: ignore[arg-type]


def test_details_of_tokens() -> None:
    usage: Any = {
        "input_tokens": 100,
        "output_tokens": 20,
        "total_tokens": 120,
        "input_token_details": {"cache_read": 60, "cache_creation": 0, "ephemeral_5m_input_tokens": 10},
        "output_token_details": {"reasoning": 15},
    }
    assert Tokens.of(usage) == Tokens(100, 20, cached=60, cache_write=10, reasoning=15)
    assert Tokens.of(None) == Tokens()


async def test_a_log_has_one_line_for_each_attempt_and_no_text(tmp_path: Path) -> None:
    log = tmp_path / "calls.jsonl"
    with OpenAIServer(always="400") as bad, AnthropicServer([REPLY]) as good:
        models = [entry(bad, "bad"), entry(good, "good")]
        await router(models, records=RecordSettings(log=str(log))).ainvoke(f"What is {SECRET}?")
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    assert [(line["model"], line["outcome"]) for line in lines] == [
        ("bad", "rejected"),
        ("bad", "rejected"),
        ("good", "answered"),
    ]
    assert lines[-1]["input"] == 120
    assert SECRET not in log.read_text("utf-8")
    if os.name != "nt":
        assert stat.S_IMODE(log.stat().st_mode) == 0o600


async def test_a_log_that_can_not_be_written_costs_no_answer(tmp_path: Path) -> None:
    with OpenAIServer([REPLY]) as server:
        answer = await router([entry(server, "one")], records=RecordSettings(log=str(tmp_path / "no" / "log"))).ainvoke(
            "Hi"
        )
        assert stamp(answer)["served_by"] == "one"


_exporter = InMemorySpanExporter()


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """What a host that has set up OpenTelemetry sees; the provider can be set only once in a process."""
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(_exporter))
        trace.set_tracer_provider(provider)
    _exporter.clear()
    yield _exporter
    _exporter.clear()


def _ours(exporter: InMemorySpanExporter) -> list[ReadableSpan]:
    """Without those of the vendors' own SDKs: a host that wants them has them, too."""
    scopes = {"everpilot", "host"}
    return [
        s for s in exporter.get_finished_spans() if s.instrumentation_scope and s.instrumentation_scope.name in scopes
    ]


def _attributes(exporter: InMemorySpanExporter) -> list[dict[str, Any]]:
    return [dict(span.attributes or {}) for span in _ours(exporter)]


async def test_spans_have_the_names_of_the_conventions(spans: InMemorySpanExporter) -> None:
    records = RecordSettings(otel=True)
    with AnthropicServer(always="529") as bad, OpenAIServer([REPLY]) as good:
        model = router([entry(bad, "bad"), entry(good, "good", price=PRICE)], records=records)
        with occasion(thread="t1"), trace.get_tracer("host").start_as_current_span("turn"):
            await model.ainvoke(f"What is {SECRET}?")
        port = int(good.base_url.split(":")[2].split("/")[0])
    failed, answered, turn = _ours(spans)
    assert (failed.name, answered.name) == ("chat claude-sonnet-5", "chat gpt-4.1")
    assert failed.parent is not None
    assert turn.context is not None
    assert failed.parent.span_id == turn.context.span_id
    assert failed.status.status_code is trace.StatusCode.ERROR
    assert failed.attributes is not None
    assert failed.attributes["error.type"] == "dead"
    assert failed.attributes["gen_ai.provider.name"] == "anthropic"
    told = dict(answered.attributes or {})
    assert told.pop("everpilot.cost") == pytest.approx(180 / 1e6)
    assert told.pop("gen_ai.response.model")
    assert told == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4.1",
        "gen_ai.conversation.id": "t1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 120,
        "gen_ai.usage.output_tokens": 30,
        "server.address": "127.0.0.1",
        "server.port": port,
        "everpilot.model": "good",
    }
    assert SECRET not in str(_attributes(spans))


@pytest.mark.parametrize("restricted", [True, False])
async def test_content_is_in_spans_only_where_it_is_wanted_and_never_what_is_restricted(
    spans: InMemorySpanExporter, restricted: bool
) -> None:
    label = Label(Integrity.USER, Confidentiality.RESTRICTED if restricted else Confidentiality.INTERNAL)
    with OpenAIServer([REPLY]) as server, labelled(label):
        one = entry(server, "one", max_confidentiality="restricted")
        await router([one], records=RecordSettings(otel=True, content=True)).ainvoke(f"What is {SECRET}?")
    (told,) = _attributes(spans)
    assert (SECRET in str(told)) is not restricted
    if not restricted:
        assert json.loads(told["gen_ai.output.messages"])[0]["role"] == "assistant"


def test_tool_calls_of_the_agent_are_spans_too(spans: InMemorySpanExporter, office: Path) -> None:
    call = Reply(calls=(Call("word__find", {"path": "contract.docx", "query": "Acme"}),))
    with OpenAIServer([call, "Found."]) as server:
        models = [entry(server, "one", api_key_env=None)]
        settings = Settings(models=models, records=RecordSettings(otel=True))
        final = Copilot(office, settings=settings, env={"OPENAI_API_KEY": "test-key"}).ask("find Acme in contract.docx")
        assert final.text == "Found."
    names = [span.name for span in _ours(spans)]
    assert names == ["chat gpt-4.1", "execute_tool word.find", "chat gpt-4.1"]
    assert {told.get("gen_ai.conversation.id") for told in _attributes(spans)} == {final.thread, None}


def test_an_agents_calls_are_booked_on_their_thread_turn_user_and_step(office: Path, home: Path) -> None:
    call = Reply(calls=(Call("word__find", {"path": "contract.docx", "query": "Acme"}),))
    with OpenAIServer([call, "Found.", "Bye."]) as server:
        settings = Settings(models=[entry(server, "one", api_key_env=None)])
        assistant = Copilot(office, settings=settings, env={"OPENAI_API_KEY": "test-key"}, user="ann")
        final = assistant.ask("find Acme in contract.docx")
        assistant.ask("thanks", thread=final.thread)
    ledger = Ledger(home / "usage.sqlite")
    assert [(row["thread"], row["calls"]) for row in ledger.totals("thread")] == [(final.thread, 3)]
    assert [(row["user"], row["calls"]) for row in ledger.totals("user")] == [("ann", 3)]
    assert {row["step"]: row["calls"] for row in ledger.totals("step")} == {"drafting": 2, "reading": 1}
    assert {row["skill"]: row["calls"] for row in ledger.totals("skill")} == {"": 2, "word": 1}


def test_without_a_usage_table_nothing_is_written(office: Path, home: Path) -> None:
    with OpenAIServer(["Hi."]) as server:
        settings = Settings(models=[entry(server, "one", api_key_env=None)], records=RecordSettings(usage=False))
        Copilot(office, settings=settings, env={"OPENAI_API_KEY": "test-key"}).ask("hello")
    assert not (home / "usage.sqlite").exists()


async def test_a_missing_extra_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with OpenAIServer([REPLY]) as server, pytest.raises(Exception, match=r"everpilot\[otel\]"):
        await router([entry(server, "one")], records=RecordSettings(otel=True)).ainvoke("Hi")


def test_nobody_answered_is_no_answered_row() -> None:
    ledger = Ledger()
    with OpenAIServer(always="401") as server, pytest.raises(NoModelError):
        router([entry(server, "one")], ledger=ledger).invoke("Hi")
    (row,) = ledger.totals("model")
    assert (row["calls"], row["failed"], row["cost"]) == (0, 1, 0.0)


def test_an_unpriced_call_is_told() -> None:
    ledger = Ledger()
    with OpenAIServer([REPLY]) as server:
        one = entry(server, "one", provider="openai_compatible", model="who-knows")
        answer = router([one], ledger=ledger).bind_tools([read_cell]).invoke("Hi")
    assert isinstance(answer, AIMessage)
    (row,) = ledger.totals("model")
    assert (row["cost"], row["unpriced"], row["input_tokens"]) == (None, 1, 120)
