"""The router as a LangChain model, and its rules: labels, order, circuits, time, the last resort."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.callbacks import BaseCallbackHandler, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult, LLMResult
from pydantic import BaseModel

from copilot.errors import NoModelError, SettingsError
from copilot.models.clearance import labelled
from copilot.models.health import Health
from copilot.models.listening import Discarded, ModelEvent, Switched, Token, Used, listening
from copilot.settings import Deadlines, ModelSettings, Price, RoutingSettings, TrustSettings
from copilot.trust.labels import USER, Confidentiality, Integrity, Label
from tests.models.routing import FakeTime, Planner, entry, read_cell, router, stamp
from tests.vendors import AnthropicServer, Call, OpenAIServer, Refusal, Reply, Request, VendorServer, unused_url

RESTRICTED = Label(Integrity.UNTRUSTED, Confidentiality.RESTRICTED, ("salaries.xlsx",)).to_dict()


def _document(label: object = RESTRICTED) -> list[BaseMessage]:
    call = {"name": "read_cell", "args": {"cell": "B4"}, "id": "call_1"}
    return [
        HumanMessage("What does she earn?", additional_kwargs={"everpilot_label": USER.to_dict()}),
        AIMessage("", tool_calls=[call]),
        ToolMessage("B4 holds 41", tool_call_id="call_1", additional_kwargs={"everpilot_label": label}),
    ]


# --- labels -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("faults", list(itertools.product([None, "500", "401", "empty"], repeat=2)))
@pytest.mark.parametrize("cleared", [0, 1, 2])
async def test_restricted_data_never_reaches_an_internal_model(faults: tuple[str | None, ...], cleared: int) -> None:
    with OpenAIServer() as one, AnthropicServer() as two, OpenAIServer() as three:
        servers = [one, two, three]
        may_see = servers[cleared]
        may_see.always = faults[0]
        for other in servers:
            if other is not may_see:
                other.always = faults[1]
        models = [
            entry(s, f"m{i}", max_confidentiality="restricted" if s is may_see else "internal")
            for i, s in enumerate(servers)
        ]
        model = router(models, builtin=Planner()).bind_tools([read_cell])
        for _ in range(2):  # the second time with open circuits
            answer = await model.ainvoke(_document())
            assert stamp(answer)["served_by"] == ("builtin" if faults[0] else f"m{cleared}")
        assert not any(s.requests for s in servers if s is not may_see)


@pytest.mark.parametrize("label", [RESTRICTED, {"confidentiality": "no such level"}, "nonsense", []])
async def test_nobody_may_see_it(label: object) -> None:
    with OpenAIServer() as server:
        with pytest.raises(NoModelError, match="may not see restricted data") as caught:
            await router([entry(server, "one")]).ainvoke(_document(label))
        assert caught.value.code == "label"
        assert not server.requests


async def test_a_label_outlives_its_message() -> None:
    with OpenAIServer() as server, labelled(Label(Integrity.USER, Confidentiality.RESTRICTED)):
        with pytest.raises(NoModelError, match="restricted"):
            await router([entry(server, "one")]).ainvoke("What did it say?")
        assert not server.requests


@pytest.mark.parametrize(("default", "asked"), [("public", True), ("internal", False)])
async def test_without_a_label_the_configured_default_counts(default: Any, asked: bool) -> None:
    with OpenAIServer() as server:
        model = router(
            [entry(server, "one", max_confidentiality="public")],
            builtin=Planner(),
            trust=TrustSettings(default_confidentiality=default),
        )
        answer = await model.ainvoke("Hello")
        assert stamp(answer)["served_by"] == ("one" if asked else "builtin")
        assert bool(server.requests) == asked


# --- order ------------------------------------------------------------------------------------------------------------


async def test_order_policy_and_preference() -> None:
    with OpenAIServer() as one, AnthropicServer() as two:
        models = [
            entry(one, "dear", price=Price(input=9, output=9)),
            entry(two, "cheap", price=Price(input=1, output=1)),
        ]
        cases: list[tuple[RoutingSettings, str, str]] = [
            (RoutingSettings(), "", "dear"),
            (RoutingSettings(order=["cheap"]), "", "cheap"),
            (RoutingSettings(policy="cheap"), "", "cheap"),
            (RoutingSettings(), "cheap", "cheap"),
            (RoutingSettings(), "claude-sonnet-5", "cheap"),
            (RoutingSettings(), "builtin", "builtin"),
        ]
        for routing, prefer, expected in cases:
            answer = await router(models, routing=routing, prefer=prefer, builtin=Planner()).ainvoke("Hello")
            assert stamp(answer)["served_by"] == expected, (routing, prefer)
        with pytest.raises(SettingsError, match="cheap"):
            router(models, prefer="chaep")


async def test_a_thread_stays_with_the_model_that_served_it() -> None:
    with OpenAIServer() as one, AnthropicServer() as two:
        model = router([entry(one, "one"), entry(two, "two")])
        one.faults.append("500")
        first = await model.ainvoke("Hello")
        assert stamp(first)["served_by"] == "two"
        thread = [HumanMessage("Hello"), first, HumanMessage("And now?")]
        assert stamp(await model.ainvoke(thread))["served_by"] == "two"
        two.always = "529"
        assert stamp(await model.ainvoke(thread))["served_by"] == "one"
        assert not one.refused


async def test_a_small_window_is_passed_over_and_a_larger_one_follows_too_long() -> None:
    long = "word " * 4000  # about 5,000 tokens
    with OpenAIServer() as small, AnthropicServer() as middle, OpenAIServer() as large:
        middle.always = "context_length"
        models = [
            entry(small, "small", window=4000),
            entry(middle, "middle", window=10_000),
            entry(small, "same", window=10_000),
            entry(large, "large", window=20_000),
        ]
        answer = await router(models).ainvoke(long)
        assert stamp(answer)["served_by"] == "large"
        assert not small.requests
        with pytest.raises(NoModelError) as caught:
            await router(models[:3], builtin=Planner()).ainvoke(long)
        assert caught.value.code == "too_long"


# --- circuits and time ------------------------------------------------------------------------------------------------


async def test_a_dead_vendor_is_asked_once_in_twenty_turns() -> None:
    time = FakeTime()
    with OpenAIServer() as dead, AnthropicServer() as good:
        dead.always = "500"
        model = router([entry(dead, "dead"), entry(good, "good")], health=Health(clock=time.clock))
        for _ in range(20):
            assert stamp(await model.ainvoke("Hello"))["served_by"] == "good"
        assert len(dead.requests) == 1
        dead.always = None
        time.pass_(6)
        assert stamp(await model.ainvoke("Hello"))["served_by"] == "dead"


async def test_a_dead_vendor_alone_with_the_planner_is_not_asked_for_ever() -> None:
    with OpenAIServer() as dead:
        dead.always = "500"
        model = router([entry(dead, "dead")], builtin=Planner(), health=Health(clock=FakeTime().clock))
        for _ in range(20):
            answer = await model.ainvoke("Hello")
            assert "server error (500)" in answer.text
            assert stamp(answer)["attempts"][-1]["model"] == "dead"
        assert len(dead.requests) <= 8


@pytest.mark.parametrize("fault", ["429 retry-after=3600", "401", "quota", "404"])
async def test_with_every_circuit_open_the_first_to_heal_is_tried(fault: str) -> None:
    with OpenAIServer() as one, AnthropicServer() as two:
        one.always = fault
        two.always = "500"
        model = router([entry(one, "one"), entry(two, "two")], health=Health(clock=FakeTime().clock))
        with pytest.raises(NoModelError, match=r"one - OpenAI: .*two - Anthropic: server error \(500\)"):
            await model.ainvoke("Hello")
        two.always = None
        assert stamp(await model.ainvoke("Hello"))["served_by"] == "two"
        assert len(one.requests) == 1


async def test_another_process_knows_of_the_outage(tmp_path: Path) -> None:
    with OpenAIServer() as dead, AnthropicServer() as good:
        dead.always = "401"
        for _ in range(3):
            health = Health(tmp_path / "health.sqlite")  # what a new process begins with
            model = router([entry(dead, "dead"), entry(good, "good")], health=health)
            await model.ainvoke("Hello")
        assert len(dead.requests) == 1


async def test_the_last_one_is_asked_twice_when_it_is_dead() -> None:
    with OpenAIServer(faults=["reset"]) as flaky:
        answer = await router([entry(flaky, "flaky")]).ainvoke("Hello")
        assert len(stamp(answer)["attempts"]) == 1
        assert len(flaky.requests) == 2


async def test_the_turn_has_one_deadline_for_all() -> None:
    with OpenAIServer(always="hang_before_first_byte") as one, AnthropicServer(always="hang_before_first_byte") as two:
        patient = Deadlines(first_byte=30, attempt=60)
        models = [entry(one, "one", deadlines=patient), entry(two, "two", deadlines=patient)]
        model = router(models, builtin=Planner(), routing=RoutingSettings(turn=0.8))
        with listening(lambda event: None):
            answer = await model.ainvoke("Hello")
        assert stamp(answer)["served_by"] == "builtin"
        assert [a["failure"] for a in stamp(answer)["attempts"]] == ["slow", "slow"]


async def test_cancelling_passes_straight_through() -> None:
    with OpenAIServer(always="hang_before_first_byte") as server, AnthropicServer() as other:
        health = Health()
        slow = Deadlines(first_byte=60, attempt=60)
        model = router([entry(server, "one", deadlines=slow), entry(other, "two")], health=health)
        task = asyncio.create_task(model.ainvoke("Hello"))
        await asyncio.to_thread(server.arrived.acquire)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not other.requests
        answer = await router([entry(other, "two")], health=health).ainvoke("Hello")
        assert stamp(answer)["attempts"] == []


# --- the last resort --------------------------------------------------------------------------------------------------


async def test_the_planner_names_the_vendors_that_failed() -> None:
    events: list[ModelEvent] = []
    with AnthropicServer(always="529") as dead:
        model = router([entry(unused_url() + "/v1", "one"), entry(dead, "two")], builtin=Planner()).bind_tools(
            [read_cell]
        )
        with listening(events.append):
            answer = await model.ainvoke("Hello")
    assert answer.text.startswith("builtin here; OpenAI: connection refused; Anthropic: overloaded (529)")
    told = stamp(answer)
    assert told["served_by"] == "builtin"
    assert told["menu"] == [{"tool": "t", "args": {}}]
    assert Token(str(answer.id), str(answer.text)) in events
    assert ("two", "builtin") in [(e.source, e.target) for e in events if isinstance(e, Switched)]


async def test_without_any_model_the_error_says_what_to_do() -> None:
    with pytest.raises(NoModelError, match="ANTHROPIC_API_KEY"):
        await router([]).ainvoke("Hello")


async def test_a_missing_key_does_not_stop_the_others() -> None:
    with AnthropicServer() as good:
        missing = entry(unused_url(), "one", api_key_env="NO_SUCH_KEY")
        answer = await router([missing, entry(good, "two")]).ainvoke("Hello")
        assert stamp(answer)["served_by"] == "two"
    with pytest.raises(NoModelError, match="NO_SUCH_KEY is not set"):
        await router([missing]).ainvoke("Hello")


async def test_a_thread_of_the_planner_waits_for_the_circuit() -> None:
    time = FakeTime()
    with OpenAIServer(always="500") as dead:
        model = router([entry(dead, "dead")], builtin=Planner(), health=Health(clock=time.clock))
        first = await model.ainvoke("Hello")
        assert first.text == "builtin here; OpenAI: server error (500)", "each vendor is named once"
        thread = [HumanMessage("Hello"), first, HumanMessage("And now?")]
        asked = len(dead.requests)
        assert stamp(await model.ainvoke(thread))["served_by"] == "builtin"
        assert len(dead.requests) == asked
        dead.always = None
        time.pass_(11)
        assert stamp(await model.ainvoke(thread))["served_by"] == "dead"


async def test_a_client_that_is_installed_meanwhile_is_used_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with OpenAIServer() as server:
        model = router([entry(server, "one")], builtin=Planner())
        with monkeypatch.context() as without:
            without.setitem(sys.modules, "langchain_openai", None)
            answer = await model.ainvoke("Hello")
            assert 'pip install "everpilot[openai]"' in answer.text
        assert stamp(await model.ainvoke("Hello"))["served_by"] == "one"


async def test_who_asks_for_the_planner_asks_no_vendor() -> None:
    with OpenAIServer() as server:
        broken = Homemade(broken=True)
        with pytest.raises(NoModelError, match="broken answer"):
            await router([entry(server, "one")], builtin=broken, prefer="builtin").ainvoke("Hello")
        assert not server.requests


async def test_half_open_lets_one_probe_through() -> None:
    time = FakeTime()
    with OpenAIServer(always="500") as flaky, AnthropicServer() as good:
        health = Health(clock=time.clock)
        model = router([entry(flaky, "flaky"), entry(good, "good")], health=health)
        await model.ainvoke("Hello")
        time.pass_(5)
        await asyncio.gather(*(model.ainvoke("Hello") for _ in range(6)))
        assert len(flaky.requests) == 2


class OldServer(OpenAIServer):
    """A compatible server from before `stream_options`."""

    def check(self, request: Request) -> Refusal | None:
        refused = Refusal("Unrecognized request argument supplied: stream_options")
        return refused if "stream_options" in request.body else super().check(request)


async def test_a_server_that_does_not_know_stream_options_is_asked_without_from_then_on() -> None:
    with OldServer() as server:
        model = router([entry(server, "one")])
        for attempts in (1, 0):
            with listening(lambda event: None):
                answer = await model.ainvoke("Hello")
            assert answer.text == "Echo: Hello"
            assert len(stamp(answer)["attempts"]) == attempts


def test_an_order_that_names_nobody() -> None:
    with pytest.raises(SettingsError, match="'two', and there is no such model"):
        router([entry("http://127.0.0.1:9/v1", "one")], routing=RoutingSettings(order=["one", "two"]))


async def test_a_cut_answer_says_so_when_nobody_has_more() -> None:
    with OpenAIServer(always="length") as one, AnthropicServer(always="401") as two:
        answer = await router([entry(one, "one"), entry(two, "two")], builtin=Planner()).ainvoke("Tell me everything.")
    assert answer.text.startswith("Echo:")
    assert answer.text.endswith("output limit.]")
    assert stamp(answer)["served_by"] == "one"


async def test_two_refusals_of_the_request_are_enough() -> None:
    with OpenAIServer(always="400") as one, AnthropicServer(always="400") as two, OpenAIServer() as three:
        model = router([entry(one, "one"), entry(two, "two"), entry(three, "three")], builtin=Planner())
        answer = await model.ainvoke("Hello")
        assert stamp(answer)["served_by"] == "builtin"
        assert {a["failure"] for a in stamp(answer)["attempts"]} == {"rejected"}
        assert (len(one.requests), len(two.requests), len(three.requests)) == (2, 2, 0)


# --- LangChain --------------------------------------------------------------------------------------------------------


class Counter(BaseCallbackHandler):
    def __init__(self) -> None:
        self.started: list[str] = []
        self.usage: list[Any] = []

    def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
        self.started.append(str(serialized.get("name")))

    def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:
        generation = response.generations[0][0]
        assert isinstance(generation, ChatGeneration)
        assert isinstance(generation.message, AIMessage)
        self.usage.append(generation.message.usage_metadata)


@pytest.mark.parametrize("watched", [True, False])
async def test_in_an_agent_usage_and_tokens_are_counted_once(watched: bool) -> None:
    replies = [Reply(calls=(Call("read_cell", {"cell": "B4"}),)), Reply("It is 41.")]
    counter, events, seen = Counter(), list[ModelEvent](), list[str]()
    with OpenAIServer(replies) as server:
        agent = create_agent(router([entry(server, "one", price=Price(input=1, output=2))]), [read_cell])
        ask = {"messages": [HumanMessage("What is in B4?")]}

        async def run() -> list[BaseMessage]:
            last: Any = None
            stream = agent.astream(ask, {"callbacks": [counter]}, stream_mode=["messages", "values"])
            async for mode, data in stream:
                if mode == "messages" and isinstance(data[0], AIMessage):
                    seen.append(str(data[0].text))
                last = data if mode == "values" else last
            return list(last["messages"])

        if watched:
            with listening(events.append):
                messages = await run()
        else:
            messages = await run()
        assert not server.refused
    assert counter.started == ["RoutedChatModel"] * 2
    assert [u["total_tokens"] for u in counter.usage] == [10, 10]
    assert "".join(seen) == "It is 41."
    assert messages[-1].text == "It is 41."
    if watched:
        assert [(e.input_tokens, e.output_tokens, e.cost) for e in events if isinstance(e, Used)] == [
            (7, 3, 13 / 1e6)
        ] * 2
        assert {e.message_id for e in events if isinstance(e, Token)} == {messages[-1].id}


@pytest.mark.parametrize(
    ("provider", "server", "path"),
    [
        ("azure_openai", OpenAIServer, "/openai/deployments/mine/chat/completions?api-version=2024-10-21"),
        ("foundry", OpenAIServer, "/openai/v1/chat/completions"),
        ("foundry_anthropic", AnthropicServer, "/anthropic/v1/messages"),
    ],
)
async def test_a_tool_loop_on_azure(provider: str, server: type[VendorServer], path: str) -> None:
    replies = [Reply(calls=(Call("read_cell", {"cell": "B4"}),)), Reply("It is 41.")]
    with server(replies) as vendor:
        model = router([entry(vendor, "azure", provider=provider, model="mine", base_url=vendor.url + "/")])
        state = await create_agent(model, [read_cell]).ainvoke({"messages": [HumanMessage("What is in B4?")]})
        assert not vendor.refused
        assert {request.path for request in vendor.requests} == {path}
    assert state["messages"][-1].text == "It is 41."


async def test_a_count_without_the_input_has_no_cost() -> None:
    with OpenAIServer([Reply("Hello", input_tokens=0)]) as server:
        answer = await router([entry(server, "one")]).ainvoke("hi")
    assert stamp(answer)["usage"] == {"input_tokens": 0, "output_tokens": 3, "cost": None}


async def test_an_option_that_the_client_does_not_know_is_named() -> None:
    with OpenAIServer() as server:
        model = router([entry(server, "one", options={"model_kwargs": {"temprature": 1}})])
        for _ in range(2):  # no circuit keeps the mended setting waiting
            with pytest.raises(NoModelError, match="one - OpenAI: its client knows no option 'temprature'"):
                await model.ainvoke("hi")
        assert not server.requests


async def test_a_stream_of_langchain_gets_only_the_accepted_answer() -> None:
    with OpenAIServer(always="cut_mid_stream") as bad, AnthropicServer() as good:
        model = router([entry(bad, "bad"), entry(good, "good")])
        chunks = [chunk async for chunk in model.astream("Hello")]
        assert "".join(str(c.text) for c in chunks) == "Echo: Hello"
        assert "".join(str(c.text) for c in model.stream("Hello")) == "Echo: Hello"


async def test_a_listener_that_can_not_retract_gets_the_text_when_it_is_sure() -> None:
    events: list[ModelEvent] = []
    with OpenAIServer(always="cut_mid_stream") as bad, AnthropicServer() as good:
        model = router([entry(bad, "bad"), entry(good, "good")])
        with listening(events.append, retracts=False):
            answer = await model.ainvoke("Hello")
    assert [e for e in events if isinstance(e, Token)] == [Token(str(answer.id), "Echo: Hello")]
    assert not [e for e in events if isinstance(e, Discarded)]


async def test_sync_inside_a_running_loop_and_from_many_threads_and_loops() -> None:
    with OpenAIServer() as server:
        model = router([entry(server, "one")])
        events: list[tuple[int, ModelEvent]] = []
        with listening(lambda e: events.append((threading.get_ident(), e))):
            assert model.invoke("Hello").text == "Echo: Hello"
        assert {ident for ident, _ in events} == {threading.get_ident()}
        answers = await asyncio.gather(*(asyncio.to_thread(lambda: asyncio.run(model.ainvoke("Hi"))) for _ in range(4)))
        assert [a.text for a in answers] == ["Echo: Hi"] * 4


class Answer(BaseModel):
    """The answer."""

    cell: str


async def test_structured_output_is_routed_too() -> None:
    with AnthropicServer(always="500") as bad, OpenAIServer([Reply(calls=(Call("Answer", {"cell": "B4"}),))]) as good:
        structured = router([entry(bad, "bad"), entry(good, "good")]).with_structured_output(Answer)
        assert await structured.ainvoke("Which cell?") == Answer(cell="B4")


class Homemade(BaseChatModel):
    """A chat model of somebody else's, with no finish reason and no streaming."""

    model: str = "plain"
    greeting: str = "Hello"
    broken: bool = False

    @property
    def _llm_type(self) -> str:
        return "homemade"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        if self.broken:
            raise LookupError("nobody expected this")
        return ChatResult(generations=[ChatGeneration(message=AIMessage(f"{self.greeting} from {self.model}"))])


@pytest.mark.parametrize("watched", [True, False])
async def test_any_class_can_be_a_provider(watched: bool) -> None:
    settings = ModelSettings(name="mine", provider=f"{__name__}:Homemade", model="m1", options={"greeting": "Good day"})
    events: list[ModelEvent] = []
    if watched:
        with listening(events.append):
            answer = await router([settings]).ainvoke("Hello")
        assert [e.text for e in events if isinstance(e, Token)] == ["Good day from m1"]
    else:
        answer = await router([settings]).ainvoke("Hello")
    assert answer.text == "Good day from m1"
    assert stamp(answer)["model"] == "m1"


async def test_a_model_of_the_callers_comes_first_and_falls_back() -> None:
    with OpenAIServer() as server:
        answer = await router([entry(server, "one")], own=Homemade()).ainvoke("Hello")
        assert stamp(answer)["served_by"] == "Homemade"
        answer = await router([entry(server, "one")], own=Homemade(broken=True)).ainvoke("Hello")
        assert stamp(answer)["served_by"] == "one"
        assert stamp(answer)["attempts"][0]["failure"] == "dead"


async def test_system_messages_and_images_reach_the_vendor() -> None:
    with OpenAIServer() as server:
        await router([entry(server, "one")]).ainvoke([SystemMessage("Be brief."), HumanMessage("Hello")])
        assert [m["role"] for m in server.requests[0].messages] == ["system", "user"]


def test_importing_the_router_imports_no_vendor() -> None:
    code = (
        "import sys, copilot.models.setup\n"
        "print([m for m in sys.modules if m.partition('.')[0] in "
        "('openai', 'anthropic', 'mistralai', 'ollama', 'google', 'langchain_openai', 'langchain_anthropic')])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
