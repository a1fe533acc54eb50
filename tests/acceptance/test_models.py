"""`everpilot models`, `eval` and `cost`, as a person uses them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.acceptance.conftest import Everpilot
from tests.models.test_check import competent
from tests.vendors import AnthropicServer, Call, OpenAIServer, Reply


def _users(home: Path) -> dict[str, object]:
    path = home / "copilot.toml"
    return tomllib.loads(path.read_text()) if path.exists() else {}


def test_a_model_is_added_after_a_live_test_and_then_used(everpilot: Everpilot, home: Path) -> None:
    with OpenAIServer(competent) as server:
        told = ["--provider", "openai_compatible", "--model", "phi-4", "--base-url", server.base_url]
        done = everpilot("models", "add", "mine", *told, "--api-key-env", "MY_KEY", MY_KEY="test-key")
        assert done.code == 0, done.err
        assert "ok" in done.out
        assert "from now on the models in" in done.err
        assert "test-key" not in (home / "copilot.toml").read_text(), "the key stays where it is"
        server.answer = lambda request: Reply("I am yours.")
        answer = everpilot("-p", "who are you?", "--output-format", "json", MY_KEY="test-key").json
        assert (answer["text"], answer["served_by"]) == ("I am yours.", "mine")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--provider", "openai", "--base-url", "127.0.0.1:9", "--model", "m"], 2, "--base-url"),
        (["--provider", "opnai"], 2, "Did you mean openai"),
        ([], 2, "A model needs a name and a provider"),
        (["--provider", "openai", "--model", "gpt-5", "--api-key-env", "NO_SUCH"], 4, "NO_SUCH is not set"),
    ],
)
def test_what_can_not_be_added(everpilot: Everpilot, home: Path, arguments: list[str], code: int, words: str) -> None:
    done = everpilot("models", "add", "mine", *arguments)
    assert (done.code, words in done.err) == (code, True), done
    assert _users(home) == {}


def test_a_model_that_fails_its_test_is_not_added_unless_told(everpilot: Everpilot, home: Path) -> None:
    with OpenAIServer(always="401") as server:
        told = ["--provider", "openai", "--model", "gpt-5", "--base-url", server.base_url, "--api-key-env", "MY_KEY"]
        done = everpilot("models", "add", "mine", *told, MY_KEY="wrong")
        assert done.code == 4
        assert "key refused (401)" in done.err
        assert _users(home) == {}
        done = everpilot("models", "add", "mine", *told, "--untested", MY_KEY="wrong")
        assert done.code == 0
    assert "mine" in str(_users(home))


def test_models_test_tells_how_each_one_does(everpilot: Everpilot) -> None:
    with OpenAIServer(competent) as good, AnthropicServer(always="529") as bad:
        everpilot.settings([("good", "openai", good), ("bad", "anthropic", bad)])
        done = everpilot("models", "test", "--json")
        assert done.code == 4
        found = {row["name"]: row for row in done.json}
        assert (found["good"]["status"], found["bad"]["status"]) == ("ok", "failed")
        assert "overloaded (529)" in found["bad"]["problem"]
        done = everpilot("models", "test", "good")
        assert done.code == 0
        assert "ok" in done.out


def test_cost_is_right_to_the_token(everpilot: Everpilot) -> None:
    find = Call("word__find", {"path": "contract.docx", "query": "Acme"})
    replies = [
        Reply(calls=(find,), input_tokens=1000, output_tokens=50),
        Reply("Found.", input_tokens=1500, output_tokens=20),
    ]
    with OpenAIServer(replies) as a, AnthropicServer([Reply("Bye.", input_tokens=90, output_tokens=9)]) as b:
        price = "[models.price]\ninput = 2\noutput = 10\n"
        everpilot.settings([("a", "openai", a), ("b", "anthropic", b)], price)
        assert everpilot.ask("find Acme in the contract").json["text"] == "Found."
        a.always = "500"
        assert everpilot.ask("bye").json["served_by"] == "b"
    rows = {row["model"]: row for row in everpilot("cost", "--json").json}
    assert (rows["a"]["calls"], rows["a"]["input_tokens"], rows["a"]["output_tokens"]) == (2, 2500, 70)
    assert rows["a"]["cost"] == pytest.approx((2500 * 2 + 70 * 10) / 1e6)
    assert rows["a"]["failed"] >= 1
    assert (rows["b"]["calls"], rows["b"]["input_tokens"], rows["b"]["output_tokens"]) == (1, 90, 9)
    shown = everpilot("cost", "--by", "thread").out
    assert "2,500" in shown
    assert "All" in shown
    assert len(everpilot("cost", "--by", "thread", "--json").json) == 2


def test_without_a_call_there_is_no_cost(everpilot: Everpilot) -> None:
    done = everpilot("cost")
    assert (done.code, done.out.strip()) == (0, "No vendor's model was used yet.")


def test_eval_keeps_marks(everpilot: Everpilot, tmp_path: Path) -> None:
    tasks = tmp_path / "tasks.toml"
    tasks.write_text('[[task]]\nname = "greet"\nask = "Say hello."\nsays = ["hello"]\n')
    with OpenAIServer(["Hello!"]) as good, AnthropicServer(["Go away."]) as rude:
        everpilot.settings([("good", "openai", good), ("rude", "anthropic", rude)])
        done = everpilot("eval", "--tasks", str(tasks), "--json")
    assert done.code == 0, done.err
    assert {row["model"]: row["mark"] for row in done.json} == {"good": 1.0, "rude": 0.0}
    assert [row["tasks"][0]["problem"] for row in done.json] == ["", "did not say 'hello'"]


def test_a_used_up_budget_is_told_and_the_planner_goes_on(everpilot: Everpilot) -> None:
    with OpenAIServer() as server:
        everpilot.settings([("a", "openai", server)], "price = { input = 1.0, output = 1.0 }\n[budgets]\nday = 0.0\n")
        done = everpilot.ask("what does contract.docx say about termination?")
        assert not server.requests
    assert done.json["served_by"] == "builtin"
    assert "the budget of $0 for the day is used up (budgets.day)" in done.json["text"]


def test_a_budget_for_one_turn(everpilot: Everpilot) -> None:
    priced = "price = { input = 100.0, output = 100.0 }\n"
    with OpenAIServer() as server:
        everpilot.settings([("a", "openai", server)], priced)
        assert everpilot.ask("hello", "--max-budget-usd", "0.01").json["served_by"] == "builtin"
        assert not server.requests
        assert everpilot.ask("hello", "--max-budget-usd", "10").json["served_by"] == "a"
