"""With hundreds of tools, whoever serves: what one vendor found is there for the next one, and what is gone hurts none.

The servers are as strict as the vendors about calls and results of tools that they are told of, or not told of any
more.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, BaseMessage

from copilot import Copilot
from copilot.plugins.skill import Skills
from copilot.settings import Deadlines, ModelSettings, Settings, ToolSettings
from tests.agent.test_tool_search import BUNDLED, REFUND, STRANGERS, Recording
from tests.thinning import thinned
from tests.vendors import AnthropicServer, Call, OpenAIServer, Reply, VendorServer
from tests.vendors.clients import SERVERS

DOCUMENTS = tuple(skill for skill in BUNDLED.skills if skill.name == "documents")
#: Few enough to be quick, more than are offered at once.
FEW = Skills((*DOCUMENTS, *STRANGERS))
FIND = Reply(calls=(Call("tools__find", {"query": "give a customer the money back"}),))
PAY = Reply(calls=(Call(REFUND.wire_name, {"payment_intent": "pi_1", "amount": "5"}),))
#: A model of the catalogue for each vendor.
MODELS = {
    "openai": "gpt-4.1",
    "openai_responses": "gpt-4.1",
    "anthropic": "claude-sonnet-5",
    "mistral": "mistral-medium-latest",
    "google": "gemini-3-pro",
    "ollama": "qwen3",
    "bedrock": "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
}


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("VENDOR_KEY", "test-key")
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "test-key")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    return iter([None])


def entry(dialect: str, server: VendorServer, name: str = "") -> ModelSettings:
    key = None if dialect in ("bedrock", "ollama") else "VENDOR_KEY"
    wait = Deadlines(connect=5, first_byte=20, gap=20, attempt=40)
    at = server.base_url  # type: ignore[attr-defined]
    told = {"provider": dialect, "model": MODELS[dialect], "base_url": at, "api_key_env": key, "deadlines": wait}
    return ModelSettings(name=name or dialect, **told)


def helper(folder: Path, models: list[ModelSettings], skills: Skills = FEW, **tools: int) -> Copilot:
    made = Copilot(folder, settings=Settings(models=models, tools=ToolSettings(**tools)))
    made.__dict__["skills"] = skills
    return made


@pytest.mark.parametrize("dialect", thinned(list(SERVERS), 3))
def test_the_next_vendor_goes_on_with_what_was_found(tmp_path: Path, dialect: str) -> None:
    """The first one finds a tool, calls it, and dies; the other one is told both, is offered the tool, and ends it."""
    with OpenAIServer([FIND, PAY]) as first, SERVERS[dialect](["It is paid back."]) as second:
        first.faults.extend([None, None, *["cut_mid_stream"] * 4])
        final = helper(tmp_path, [entry("openai", first, "first"), entry(dialect, second, "second")]).ask("hello")
    assert (final.text, final.served_by, final.error) == ("It is paid back.", "second", None)
    assert second.refused == []
    (request,) = second.requests
    sent = str(request.body)
    assert "give a customer the money back" in sent
    assert sent.count(REFUND.wire_name) >= 3, "its schema, its call, and what the search found"
    assert "tools__find" in sent


def test_calls_of_tools_that_are_not_offered_any_more_are_no_trouble(tmp_path: Path) -> None:
    """A plugin was removed: the thread tells of its tools, the request does not."""
    script = [[("tools__find", {"query": "refund"})], [(REFUND.wire_name, {"payment_intent": "pi", "amount": "5"})]]
    before = Copilot(tmp_path, model=Recording(script=[*script, "Paid."], offers=[]), settings=Settings())
    before.__dict__["skills"] = FEW
    thread = before.ask("refund it").thread
    with AnthropicServer(["As I said."]) as server:
        later = helper(tmp_path, [entry("anthropic", server)], Skills(DOCUMENTS))
        final = later.ask("what did you do?", thread=thread)
    assert (final.text, final.error, server.refused) == ("As I said.", None, [])
    assert REFUND.wire_name not in server.requests[0].tools
    assert REFUND.wire_name in str(server.requests[0].body), "what was done is still told"


def test_what_was_found_stays_when_the_thread_is_summarised(tmp_path: Path) -> None:
    """The search and the call are summarised away; the tool is offered on, and the vendor takes the shorter thread."""
    (tmp_path / "big.txt").write_text("word " * 9_000)
    look = [("documents__read", {"path": "big.txt"})]
    found = [[("tools__find", {"query": "refund"})], [(REFUND.wire_name, {"payment_intent": "pi", "amount": "5"})]]
    model = Recording(script=[*found, *[look] * 7, *["Done."] * 20], offers=[])
    first = Copilot(tmp_path, model=model, settings=Settings())
    first.__dict__["skills"] = FEW
    thread = first.ask("refund it, then look").thread
    assert not any(REFUND.wire_name in str(message.tool_calls) for message in calling(model.seen[-1]))
    assert REFUND.wire_name in model.offers[-1]
    with AnthropicServer(["As I said."]) as server:
        final = helper(tmp_path, [entry("anthropic", server)], FEW).ask("and now?", thread=thread)
    assert (final.text, server.refused) == ("As I said.", [])
    assert REFUND.wire_name in server.requests[0].tools


def calling(messages: list[BaseMessage]) -> list[AIMessage]:
    """The answers among messages that call tools."""
    return [message for message in messages if isinstance(message, AIMessage) and message.tool_calls]
