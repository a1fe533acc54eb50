"""Who is asked first, and who not at all: regions, retention, budgets, measured policies, steps, the way home."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from copilot.errors import NoModelError, SettingsError
from copilot.models.clearance import labelled
from copilot.models.fitness import barred
from copilot.models.health import Health
from copilot.models.ledger import Ledger
from copilot.models.listening import ModelEvent, Switched, listening
from copilot.models.occasion import occasion
from copilot.settings import BudgetSettings, ModelSettings, Price, RoutingSettings, TrustSettings
from copilot.trust.labels import Confidentiality, Integrity, Label
from tests.models.routing import FakeTime, Planner, entry, read_cell, router, stamp
from tests.models.test_ledger import CALL
from tests.vendors import AnthropicServer, Call, OpenAIServer, Reply

RESTRICTED = Label(Integrity.USER, Confidentiality.RESTRICTED)
INTERNAL = Label(Integrity.USER, Confidentiality.INTERNAL)
DEAR, CHEAP = Price(input=10, output=10), Price(input=1, output=1)


def _cleared(server: Any, name: str, **more: Any) -> ModelSettings:
    return entry(server, name, max_confidentiality="restricted", **more)


# --- where data may go ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("regions", "label", "served_by"),
    [
        ({}, RESTRICTED, "us"),
        ({"restricted": ["eu"]}, RESTRICTED, "eu"),
        ({"restricted": ["eu"]}, INTERNAL, "us"),
        ({"internal": ["eu"]}, RESTRICTED, "eu"),
        ({"internal": ["us", "eu"], "restricted": ["eu", "de"]}, RESTRICTED, "eu"),
        ({"public": ["de"]}, INTERNAL, "builtin"),
    ],
)
async def test_a_region_that_is_not_allowed_is_never_asked(regions: Any, label: Label, served_by: str) -> None:
    with OpenAIServer() as nowhere, AnthropicServer() as us, OpenAIServer() as eu:
        servers = {"us": us, "eu": eu, "nowhere": nowhere}
        models = [_cleared(server, name, region=name.replace("nowhere", "")) for name, server in servers.items()]
        with labelled(label):
            answer = await router(models, builtin=Planner(), trust=TrustSettings(regions=regions)).ainvoke("Hello")
        assert stamp(answer)["served_by"] == served_by
        assert {name for name, server in servers.items() if server.requests} <= {served_by}
    if served_by == "builtin":
        assert "it has no region, which is not among trust.regions" in answer.text


async def test_failing_over_never_leaves_the_allowed_regions() -> None:
    with OpenAIServer(always="500") as eu, AnthropicServer() as us:
        model = router(
            [_cleared(eu, "eu", region="eu"), _cleared(us, "us", region="us")],
            builtin=Planner(),
            trust=TrustSettings(regions={"restricted": ["eu"]}),
        )
        with labelled(RESTRICTED):
            assert stamp(await model.ainvoke("Hello"))["served_by"] == "builtin"
        assert not us.requests


@pytest.mark.parametrize(("days", "asked"), [(0, True), (30, False), (None, False)])
async def test_a_vendor_that_keeps_data_too_long_is_not_asked(days: int | None, asked: bool) -> None:
    with OpenAIServer() as server:
        model = router(
            [_cleared(server, "one", retention_days=days)],
            builtin=Planner(),
            trust=TrustSettings(retention_days={"internal": 7}),
        )
        await model.ainvoke("Hello")
        assert bool(server.requests) == asked


# --- what it may cost -------------------------------------------------------------------------------------------------


async def test_a_budget_is_looked_at_before_each_failover_target() -> None:
    with OpenAIServer(always="500") as cheap, AnthropicServer() as dear, OpenAIServer() as fair:
        models = [
            entry(cheap, "cheap", price=CHEAP),
            entry(dear, "dear", price=Price(input=0, output=9_000)),
            entry(fair, "fair", price=CHEAP),
        ]
        model = router(models, budgets=BudgetSettings(day=1.0))
        assert stamp(await model.ainvoke("Hello"))["served_by"] == "fair"
        assert not dear.requests


@pytest.mark.parametrize(
    ("budgets", "words"),
    [
        (BudgetSettings(turn=0.01), "for the turn is used up (budgets.turn)"),
        (BudgetSettings(thread=0.01), "for the thread is used up (budgets.thread)"),
        (BudgetSettings(day=0.01), "for the day is used up (budgets.day)"),
        (BudgetSettings(user=0.01), "for the user is used up (budgets.user)"),
    ],
)
async def test_a_used_up_budget_is_named(budgets: BudgetSettings, words: str) -> None:
    ledger = Ledger()
    with OpenAIServer() as server:
        model = router([entry(server, "one", price=CHEAP)], budgets=budgets, ledger=ledger)
        ledger.add(replace(CALL, time=ledger.clock(), cost=0.02))
        with occasion(thread="t1", turn="u1", user="ann"), pytest.raises(NoModelError) as caught:
            await model.ainvoke("Hello")
        assert words in str(caught.value)
        assert caught.value.code == "budget"
        with occasion(thread="t2", turn="u9", user="bob"):
            if budgets.day is None:
                await model.ainvoke("Hello")
                assert len(server.requests) == 1


async def test_a_models_own_budget() -> None:
    with (
        OpenAIServer(lambda request: Reply("Hi", input_tokens=1000, output_tokens=1000)) as one,
        AnthropicServer() as two,
    ):
        models = [entry(one, "one", price=DEAR, budget=0.025), entry(two, "two", price=DEAR)]
        model = router(models)
        served = [stamp(await model.ainvoke("Hello"))["served_by"] for _ in range(3)]
    assert served == ["one", "two", "two"], "0.02 are spent, and another call is expected to cost 0.015"


async def test_with_a_budget_an_unknown_price_is_not_asked() -> None:
    with OpenAIServer() as server, AnthropicServer() as priced:
        # A server elsewhere: the tests' own servers stand on this machine, where a model may be without a price.
        unknown = entry("http://models.invalid/v1", "unknown", provider="openai_compatible", model="who-knows")
        model = router([unknown, entry(priced, "priced", price=CHEAP)], budgets=BudgetSettings(day=5))
        answer = await model.ainvoke("Hello")
        assert stamp(answer)["served_by"] == "priced"
        free = router(
            [entry(server, "free", provider="openai_compatible", model="who-knows")], budgets=BudgetSettings(day=0)
        )
        assert stamp(await free.ainvoke("Hello"))["served_by"] == "free"


async def test_the_planner_says_that_the_budget_is_used_up() -> None:
    with OpenAIServer() as server:
        answer = await router(
            [entry(server, "one", price=CHEAP)], builtin=Planner(), budgets=BudgetSettings(day=0)
        ).ainvoke("Hello")
    assert "the budget of $0 for the day is used up (budgets.day)" in answer.text


async def test_cached_and_reasoning_tokens_have_their_own_prices() -> None:
    ledger = Ledger()
    price = Price(input=10, output=20, cached_input=1, reasoning=5)
    reply = Reply("Hi", input_tokens=1000, output_tokens=300, cached_tokens=800, reasoning_tokens=200)
    with OpenAIServer(lambda request: reply) as server:
        answer = await router([entry(server, "one", price=price)], ledger=ledger).ainvoke("Hello")
    expected = (200 * 10 + 800 * 1 + 100 * 20 + 200 * 5) / 1e6
    assert stamp(answer)["usage"]["cost"] == pytest.approx(expected)
    (row,) = ledger.totals("model")
    assert (row["cached_tokens"], row["reasoning_tokens"], row["cost"]) == (800, 200, pytest.approx(expected))


# --- who comes first --------------------------------------------------------------------------------------------------


async def test_fast_goes_by_the_first_words_and_tries_whom_it_does_not_know() -> None:
    ledger = Ledger()
    with OpenAIServer() as one, AnthropicServer() as two:
        model = router([entry(one, "one"), entry(two, "two")], routing=RoutingSettings(policy="fast"), ledger=ledger)
        ids = {c.name: c.identity for c in model.roster.all()}
        ledger.add(replace(CALL, time=ledger.clock(), identity=ids["one"], first=0.8))
        assert stamp(await model.ainvoke("Hello"))["served_by"] == "two"
        ledger.add(replace(CALL, time=ledger.clock(), identity=ids["two"], first=2.0))
        assert stamp(await model.ainvoke("Hello"))["served_by"] == "one"


async def test_the_first_words_are_measured() -> None:
    ledger = Ledger()
    with OpenAIServer() as one:
        model = router([entry(one, "one")], ledger=ledger)
        await model.ainvoke("Hello")
        identity = model.roster.find("one").identity
        assert ledger.standing(identity).first is None, "nothing was streamed"
        with listening(lambda event: None):
            await model.ainvoke("Hello")
        first = ledger.standing(identity).first
        assert first is not None
        assert 0 < first < 10


async def test_quality_goes_by_unusable_answers_and_marks() -> None:
    ledger = Ledger()
    with OpenAIServer() as one, AnthropicServer() as two:
        model = router([entry(one, "one"), entry(two, "two")], routing=RoutingSettings(policy="quality"), ledger=ledger)
        ids = {c.name: c.identity for c in model.roster.all()}
        assert stamp(await model.ainvoke("Hello"))["served_by"] == "one"
        ledger.add(replace(CALL, time=ledger.clock(), identity=ids["one"], outcome="soft"))
        assert stamp(await model.ainvoke("Hello"))["served_by"] == "two"
        ledger.mark(ids["two"], 0.5)
        assert stamp(await model.ainvoke("Hello"))["served_by"] == "one"


async def test_steps_and_skills_choose_the_model() -> None:
    with OpenAIServer() as one, AnthropicServer() as two, OpenAIServer() as three:
        routing = RoutingSettings(steps={"reading": "two", "summary": "three"}, skills={"excel": "three"})
        model = router([entry(one, "one"), entry(two, "two"), entry(three, "three")], routing=routing)
        cases = [
            ({}, "one"),
            ({"step": "drafting"}, "one"),
            ({"step": "reading"}, "two"),
            ({"step": "summary"}, "three"),
            ({"step": "reading", "skill": "excel"}, "three"),
            ({"step": "reading", "skill": "word"}, "two"),
        ]
        for known, expected in cases:
            with occasion(**known):
                assert stamp(await model.ainvoke("Hello"))["served_by"] == expected, known
        with occasion(step="reading"):
            assert stamp(await model.preferring("one").ainvoke("Hello"))["served_by"] == "one", "the user's wish"
        two.always = "500"
        with occasion(step="reading"):
            assert stamp(await model.ainvoke("Hello"))["served_by"] == "one", "and its failure is nobody's failure"


# --- a thread's home --------------------------------------------------------------------------------------------------


def _loop(answer: AIMessage) -> list[BaseMessage]:
    call_id = str(answer.tool_calls[0]["id"])
    return [HumanMessage("Read B4"), answer, ToolMessage("B4 holds 41", tool_call_id=call_id)]


async def test_a_turn_stays_where_it_went_and_the_next_one_comes_home() -> None:
    time = FakeTime()
    call = Reply(calls=(Call("read_cell", {"cell": "B4"}),))
    with OpenAIServer() as one, AnthropicServer() as two:
        model = router([entry(one, "one"), entry(two, "two")], health=Health(clock=time.clock)).bind_tools([read_cell])
        one.faults.append("500")
        two.answer = lambda request: call
        first = await model.ainvoke("Read B4")
        assert (stamp(first)["served_by"], stamp(first)["home"]) == ("two", "one")
        time.pass_(60)
        two.answer = lambda request: Reply("It is 41.")
        second = await model.ainvoke(_loop(first))
        assert stamp(second)["served_by"] == "two", "one is well again, but the turn is not over"
        third = await model.ainvoke([*_loop(first), second, HumanMessage("Thanks")])
        assert stamp(third)["served_by"] == "one"
        assert not one.refused


async def test_with_a_measuring_policy_a_thread_stays_at_home() -> None:
    ledger = Ledger()
    with OpenAIServer() as one, AnthropicServer() as two:
        model = router([entry(one, "one"), entry(two, "two")], routing=RoutingSettings(policy="quality"), ledger=ledger)
        first = await model.ainvoke("Hello")
        ledger.mark(model.roster.find("one").identity, 0.1)
        assert stamp(await model.ainvoke("Hello"))["served_by"] == "two", "a new thread goes to the better one"
        thread = [HumanMessage("Hello"), first, HumanMessage("And now?")]
        assert stamp(await model.ainvoke(thread))["served_by"] == "one"


# --- refusals, hedging ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["refusal", "content_filter"])
async def test_on_refusal_stop(fault: str) -> None:
    with AnthropicServer(always=fault) as one, OpenAIServer() as two:
        routing = RoutingSettings(on_refusal="stop")
        with pytest.raises(NoModelError) as caught:
            await router([entry(one, "one"), entry(two, "two")], builtin=Planner(), routing=routing).ainvoke("Hello")
        assert caught.value.code == "refused"
        assert len(one.requests) == 1
        assert not two.requests


HEDGED = RoutingSettings(hedge=0.1)


@pytest.mark.parametrize("watched", [True, False])
async def test_while_one_is_silent_the_next_one_is_asked_as_well(watched: bool) -> None:
    events: list[ModelEvent] = []
    ledger = Ledger()
    patient = {"first_byte": 30, "attempt": 60}
    with OpenAIServer(always="hang_before_first_byte") as slow, AnthropicServer() as quick:
        models = [entry(slow, "slow", deadlines=patient), entry(quick, "quick")]
        model = router(models, routing=HEDGED, ledger=ledger)
        if watched:
            with listening(events.append):
                answer = await model.ainvoke("Hello")
            switched = [e for e in events if isinstance(e, Switched)]
            assert [(e.source, e.target, e.reason) for e in switched] == [("slow", "quick", "OpenAI: silent for 0.1 s")]
        else:
            answer = await model.ainvoke("Hello")
        assert stamp(answer)["served_by"] == "quick"
        assert stamp(answer)["attempts"] == [], "to be slow is no failure"
        assert model.health.circuit(model.roster.find("slow").identity) is None
        outcomes = {row["model"]: (row["calls"], row["failed"]) for row in ledger.totals("model")}
        assert outcomes == {"quick": (1, 0), "slow": (0, 1)}


async def test_who_answers_in_time_is_not_hedged_and_tools_never_are() -> None:
    with OpenAIServer() as one, AnthropicServer() as two:
        model = router([entry(one, "one"), entry(two, "two")], routing=RoutingSettings(hedge=20))
        assert stamp(await model.ainvoke("Hello"))["served_by"] == "one"
        assert not two.requests
    with OpenAIServer(always="hang_before_first_byte") as slow, AnthropicServer() as two:
        model = router([entry(slow, "slow"), entry(two, "two")], routing=HEDGED).bind_tools([read_cell])
        answer = await model.ainvoke("Hello")
        assert [a["failure"] for a in stamp(answer)["attempts"]] == ["slow"], "its deadline passed, no sooner"


async def test_when_the_faster_one_breaks_off_the_other_one_is_asked_again() -> None:
    with OpenAIServer() as slow, AnthropicServer() as quick:
        models = [entry(slow, "slow", deadlines={"first_byte": 30, "attempt": 60}), entry(quick, "quick")]
        model = router(models, routing=HEDGED)
        await model.ainvoke("to import its client takes longer than the hedge")
        slow.faults.append("hang_before_first_byte")
        quick.always = "cut_mid_stream"
        answer = await model.ainvoke("Hello")
        assert answer.text == "Echo: Hello"
        assert stamp(answer)["served_by"] == "slow"
        assert {a["model"] for a in stamp(answer)["attempts"]} == {"quick"}
        assert len(slow.requests) == 3


# --- contradictions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("routing", "words"),
    [
        (RoutingSettings(order=["one", "tow"]), "routing.order names 'tow', and there is no such model. There is: one"),
        (RoutingSettings(steps={"reading": "two"}), "routing.steps.reading names 'two'"),
        (RoutingSettings(skills={"excel": "two"}), "routing.skills.excel names 'two'"),
    ],
)
def test_routing_that_names_nobody(routing: RoutingSettings, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        router([entry("http://127.0.0.1:9/v1", "one")], routing=routing)


def test_a_policy_that_lets_nobody_be_asked_is_told_before_the_first_call() -> None:
    one = entry("http://127.0.0.1:9/v1", "one", region="us")
    trust = TrustSettings(regions={"internal": ["eu"]})
    with pytest.raises(SettingsError, match="one may not see internal data: its region 'us' is not among"):
        router([one], trust=trust)
    assert router([one], trust=trust, builtin=Planner()), "the planner may"
    with pytest.raises(SettingsError, match="one may not see internal data"):
        router([entry("http://127.0.0.1:9/v1", "one", max_confidentiality="public")])


def test_deadlines_that_contradict_each_other() -> None:
    with pytest.raises(ValueError, match="attempt \\(5 s\\) is shorter than first_byte \\(30 s\\)"):
        entry("http://127.0.0.1:9/v1", "one", deadlines={"first_byte": 30, "attempt": 5})


# --- the gate by itself -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "model", "allowed"),
    [
        ("public", "public", True),
        ("internal", "public", False),
        ("internal", "internal", True),
        ("restricted", "internal", False),
        ("restricted", "restricted", True),
    ],
)
def test_which_model_may_see_it(data: str, model: Any, allowed: bool) -> None:
    open_to_all = TrustSettings(default_confidentiality="public")
    one = entry("http://127.0.0.1:9/v1", "one", max_confidentiality=model)
    (candidate,) = router([one], trust=open_to_all).roster.all()
    assert (not barred(candidate, Confidentiality.parse(data), TrustSettings())) is allowed


@pytest.mark.parametrize("level", ["", "everything"])
def test_a_level_that_is_not_known_is_no_setting(level: str) -> None:
    with pytest.raises(ValueError, match="max_confidentiality"):
        entry("http://127.0.0.1:9/v1", "one", max_confidentiality=level)
