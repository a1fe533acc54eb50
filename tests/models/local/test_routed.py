"""The local model as one of the router's: labels, budgets, failover, what is known of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from copilot import settings as settings_module
from copilot.models.failures import AttemptFailed
from copilot.models.listening import Discarded, ModelEvent, Switched, Token, listening
from copilot.models.local import runtime
from copilot.models.roster import Roster
from copilot.settings import BudgetSettings, Deadlines, ModelSettings, Settings, TrustSettings
from copilot.trust.labels import Confidentiality, Integrity, Label
from tests.models.local.test_runtime import READ
from tests.models.routing import Planner, entry, router, stamp
from tests.vendors import OpenAIServer

RESTRICTED = Label(Integrity.UNTRUSTED, Confidentiality.RESTRICTED, ("salaries.xlsx",)).to_dict()
PATIENT = Deadlines(connect=5, first_byte=30, gap=30, attempt=60)


def mine(path: Path, **more: Any) -> ModelSettings:
    told: dict[str, Any] = {"name": "mine", "provider": "local", "model": str(path), "window": 2048}
    return ModelSettings(**{**told, "deadlines": PATIENT, **more})


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", ["plain", "bare"])
async def test_calls_come_through_the_router(folder: Path, name: str, streamed: bool) -> None:
    model = router([mine(folder / f"{name}.gguf")]).bind_tools([READ], tool_choice="any")
    for number in range(4):
        if streamed:
            with listening(lambda event: None):
                answer = await model.ainvoke(f"Read {number}")
        else:
            answer = await model.ainvoke(f"Read {number}")
        assert stamp(answer)["served_by"] == "mine"
        assert stamp(answer)["usage"]["cost"] == 0
        assert [call["name"] for call in answer.tool_calls] == ["read"]


async def test_restricted_data_may_go_to_it_and_to_no_vendor(folder: Path) -> None:
    with OpenAIServer() as vendor:
        rules = TrustSettings(regions={"internal": ["eu"]}, retention_days={"internal": 0})
        models = [entry(vendor, "vendor"), mine(folder / "plain.gguf", options={"max_tokens": 3000})]
        model = router(models, trust=rules).bind_tools([READ], tool_choice="any")
        said = HumanMessage("What does she earn?", additional_kwargs={"everpilot_label": RESTRICTED})
        assert stamp(await model.ainvoke([said]))["served_by"] == "mine"
        assert not vendor.requests


def test_what_the_user_says_of_its_clearance_counts(folder: Path) -> None:
    asked = mine(folder / "plain.gguf", max_confidentiality="public")
    assert Roster(Settings(models=[asked]), {}).all()[0].clearance is Confidentiality.PUBLIC


async def test_what_is_known_of_it(folder: Path) -> None:
    roster = Roster(Settings(models=[mine(folder / "plain.gguf")]), {})
    candidate = roster.all()[0]
    assert roster.all()[0] is candidate
    assert candidate.local
    assert candidate.stays
    assert candidate.clearance is Confidentiality.RESTRICTED
    assert (candidate.facts.window, candidate.facts.vision) == (2048, None)
    model = router([mine(folder / "plain.gguf", window=1_000_000)])
    made = model.roster.all()[0]
    await model.bind_tools([READ], tool_choice="any").ainvoke("Read")
    assert (made.facts.window, made.facts.vision, made.facts.tools) == (4096, False, True)
    assert made.facts.price is not None
    assert made.facts.price.output == 0


async def test_the_catalogue_of_vendors_says_nothing_of_a_file(tmp_path: Path) -> None:
    candidate = Roster(Settings(models=[mine(tmp_path / "qwen3-8b-q4.gguf", window=None)]), {}).all()[0]
    assert candidate.facts.window is None
    assert candidate.facts.price is not None


async def test_a_budget_does_not_keep_it_from_answering(folder: Path) -> None:
    model = router([mine(folder / "plain.gguf")])
    model.roster.settings.budgets = BudgetSettings(turn=0, day=0)
    answer = await model.bind_tools([READ], tool_choice="any").ainvoke("Read")
    assert stamp(answer)["served_by"] == "mine"


async def test_a_runtime_that_is_killed_is_failed_over_and_comes_back(folder: Path) -> None:
    with OpenAIServer() as vendor:
        events: list[ModelEvent] = []
        options = {"sampling": {"ignore_eos": True}}
        model = router([mine(folder / "tools.gguf", options=options), entry(vendor, "vendor")])
        local = runtime.of_process(runtime.Order.of(str(folder / "tools.gguf"), {"n_ctx": 2048, **options}))
        serving = await local.ready()

        def hear(event: ModelEvent) -> None:
            events.append(event)
            if isinstance(event, Token) and serving.alive:
                serving.process.kill()
                serving.process.wait(10)

        with listening(hear):
            answer = await model.ainvoke("Hello")
        assert stamp(answer)["served_by"] == "vendor"
        assert answer.text == "Echo: Hello"
        assert [a["failure"] for a in stamp(answer)["attempts"]] == ["dead"]
        assert "runtime crashed (SIGKILL)" in stamp(answer)["attempts"][0]["reason"]
        assert [type(e) for e in events if isinstance(e, Discarded | Switched)] == [Discarded, Switched]
        again = await local.ready()
        assert again.process is not serving.process
        # Its circuit is open for a while: the next turn does not wait for it.
        assert stamp(await model.ainvoke("Hello"))["served_by"] == "vendor"


async def test_a_damaged_file_is_told_and_the_turn_goes_on(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "half.gguf"
    path.write_bytes((folder / "plain.gguf").read_bytes()[:5000])
    model = router([mine(path)], builtin=Planner())
    answer = await model.ainvoke("Hello")
    assert stamp(answer)["served_by"] == "builtin"
    assert "cut or damaged. Download it again" in answer.text


async def test_without_the_extra_the_line_to_run_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("copilot.models.local.chat.find_spec", lambda name: None)
    answer = await router([mine(folder / "plain.gguf")], builtin=Planner()).ainvoke("Hello")
    assert 'pip install "everpilot[local]"' in answer.text


async def test_a_load_that_takes_too_long_is_slow_and_goes_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loading = asyncio.Event()

    async def never(self: runtime.Runtime) -> runtime.Serving:
        loading.set()
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(runtime.Runtime, "ready", never)
    quick = Deadlines(connect=1, first_byte=0.2, gap=1, attempt=0.4)
    answer = await router([mine(folder / "plain.gguf", deadlines=quick)], builtin=Planner()).ainvoke("Hello")
    assert loading.is_set()
    assert [a["failure"] for a in stamp(answer)["attempts"]] == ["slow"]


def test_a_folder_that_is_not_trusted_brings_no_file(tmp_path: Path) -> None:
    path = tmp_path / "evil.gguf"
    (tmp_path / "copilot.toml").write_text(f'[[models]]\nname = "m"\nprovider = "local"\nmodel = "{path}"\n')
    found = settings_module.load(tmp_path)
    assert not found.models
    assert "not trusted" in " ".join(found.notes)


async def test_a_failure_of_ours_is_no_dead_server(folder: Path) -> None:
    from copilot.models.local.chat import _meanings

    with pytest.raises(AttemptFailed, match="malformed"), _meanings():
        raise ValueError("The model produced output that does not match the expected peg-native format")
