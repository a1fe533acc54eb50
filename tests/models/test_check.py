"""The live test of a model, the marks of `everpilot eval`, and the file that models are written into."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from copilot.errors import NoModelError, SettingsError
from copilot.models.check import check, offered
from copilot.models.configure import add_model
from copilot.models.evaluate import TOOLS, evaluate, tasks
from copilot.models.health import Health
from copilot.models.ledger import Ledger
from copilot.settings import ModelSettings, Price, Settings
from tests.models.routing import FakeTime, router
from tests.models.routing import entry as hasty
from tests.vendors import AnthropicServer, Call, OpenAIServer, Refusal, Reply, Request


def entry(server: Any, name: str, **more: Any) -> ModelSettings:
    """Nothing hangs here: the usual deadlines."""
    return hasty(server, name, deadlines={}, **more)


def competent(request: Request) -> Reply:
    """Calls the tool with the numbers of the question, and tells its result."""
    if "4242" in str(request.messages[-1]):
        return Reply("The sum is 4,242.")
    return Reply(calls=(Call("add", {"a": 1719, "b": 2523}),))


@pytest.mark.parametrize("kind", [OpenAIServer, AnthropicServer])
def test_a_real_tool_call_goes_there_and_back(kind: Any) -> None:
    ledger = Ledger()
    with kind(competent) as server:
        found = check(router([entry(server, "one", price=Price(input=1, output=1))], ledger=ledger), "one")
        assert not server.refused
        assert len(server.requests) == 2
    assert (found.status, found.problem) == ("ok", "")
    assert (found.input_tokens, found.output_tokens, found.cost) == (14, 6, pytest.approx(20e-6))


def test_a_wrong_sum_is_told() -> None:
    with OpenAIServer([Reply(calls=(Call("add", {"a": 1, "b": 2}),)), "It is 3."]) as server:
        found = check(router([entry(server, "one")]), "one")
    assert found.status == "ok"
    assert "It said 'It is 3.', not 4242" in found.problem


def test_a_model_that_talks_instead_is_chat_only() -> None:
    with OpenAIServer(["I would add them up."]) as server:
        found = check(router([entry(server, "one")]), "one")
    assert found.status == "chat only"
    assert "in words where it was told to call a tool" in found.problem


class NoTools(OpenAIServer):
    def check(self, request: Request) -> Refusal | None:
        if "tools" in request.body:
            return Refusal("registry.ollama.ai/library/gemma does not support tools")
        return super().check(request)


def test_a_model_that_refuses_tools_is_chat_only() -> None:
    with NoTools() as server:
        found = check(router([entry(server, "one", provider="openai_compatible", model="m")]), "one")
    assert found.status == "chat only"
    assert "can't use tools" in found.problem


@pytest.mark.parametrize(
    ("fault", "words"),
    [("401", "key refused (401)"), ("500", "server error (500)"), ("quota", "out of credit")],
)
def test_a_failure_is_explained_and_only_that_model_is_asked(fault: str, words: str) -> None:
    with OpenAIServer(always=fault) as bad, AnthropicServer() as good:
        found = check(router([entry(bad, "bad"), entry(good, "good")]), "bad")
        assert not good.requests
    assert found.status == "failed"
    assert words in found.problem


class Listing(OpenAIServer):
    """A server that lists its models, to those with a key."""

    def listed(self, headers: Any) -> dict[str, Any] | None:
        if headers.get("authorization") != f"Bearer {self.api_key}":
            return None
        return {"object": "list", "data": [{"id": name, "object": "model"} for name in sorted(self.models)]}


def test_a_wrong_name_is_answered_with_the_closest_that_the_server_offers() -> None:
    with Listing(models=["gpt-4.1", "gpt-4.1-mini", "o3"]) as server:
        wrong = router([entry(server, "one", model="gpt4.1-mini")])
        assert sorted(offered(wrong.roster.find("one"))) == ["gpt-4.1", "gpt-4.1-mini", "o3"]
        found = check(wrong, "one")
    assert found.status == "failed"
    assert "Its server offers gpt-4.1-mini, gpt-4.1" in found.problem


def test_where_no_list_is_to_be_had_the_known_names_help() -> None:
    with OpenAIServer(models=["gpt-5-mini"]) as server:
        found = check(router([entry(server, "one", model="gpt-5-minni")]), "one")
    assert "gpt-5-mini" in found.problem


def test_a_success_closes_the_circuit() -> None:
    time = FakeTime()
    health = Health(clock=time.clock)
    with OpenAIServer(always="401") as server:
        model = router([entry(server, "one")], health=health)
        with pytest.raises(NoModelError):
            model.invoke("Hello")
        assert health.circuit(model.roster.find("one").identity) is not None
        server.always, server.answer = None, competent
        assert check(model, "one").status == "ok"
        assert health.circuit(model.roster.find("one").identity) is None


def test_an_unknown_name() -> None:
    with pytest.raises(SettingsError, match=r"There is no model 'onne'\. There is: one"):
        check(router([entry("http://127.0.0.1:9/v1", "one")]), "onne")


# --- eval -------------------------------------------------------------------------------------------------------------


def _perfect(request: Request) -> Reply:
    """Does our own tasks right, from the file that says what is right."""
    said = [m for m in request.messages if m["role"] == "user"][-1]["content"]
    task = next(t for t in tasks() if t.ask == said)
    done = [c for m in request.messages for c in m.get("tool_calls") or ()]
    if len(done) < len(task.calls):
        left = task.calls[len(done) :]
        return Reply(calls=tuple(Call(name, args or {"words": "rent"}) for name, args in left))
    return Reply(" ".join([*task.says, "Done."]))


def test_marks_are_the_share_of_tasks_done_right() -> None:
    ledger = Ledger()
    with OpenAIServer(_perfect) as server:
        model = router([entry(server, "one"), entry(server, "two", model="gpt-4.1-mini")], ledger=ledger)
        outcomes = evaluate(model, "one", tasks())
        assert not server.mistakes, server.mistakes
        assert [o.problem for o in outcomes] == [""] * len(outcomes)
        assert len(outcomes) >= 10
    identity = {c.name: c.identity for c in model.roster.all()}
    assert ledger.standing(identity["one"]).quality == 1.0
    with OpenAIServer(lambda request: Reply("I can't say.")) as server:
        lazy = router([entry(server, "lazy")], ledger=ledger)
        outcomes = evaluate(lazy, "lazy", tasks())
    right = [o for o in outcomes if not o.problem]
    assert [o.task for o in right] == ["nothing to do"]
    assert ledger.standing(lazy.roster.find("lazy").identity).quality == pytest.approx(1 / len(outcomes))


def test_tasks_are_over_the_tools_and_say_what_is_right() -> None:
    names = {tool.name for tool in TOOLS}
    for task in tasks():
        assert {name for name, _ in task.calls} <= names
        assert set(task.results) <= {name for name, _ in task.calls}
        assert task.calls or task.says or task.silent


def test_a_model_that_is_down_keeps_its_mark() -> None:
    ledger = Ledger()
    with OpenAIServer(always="500") as server:
        model = router([entry(server, "one")], ledger=ledger)
        ledger.mark(model.roster.find("one").identity, 0.5)
        with pytest.raises(NoModelError):
            evaluate(model, "one", tasks())
        assert ledger.standing(model.roster.find("one").identity).quality == 0.5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "can't be read"),
        ("[[task]\n", "no valid TOML"),
        ("", "holds no"),
        ('[[task]]\nname = "x"\n', "ask: Field required"),
    ],
)
def test_tasks_of_ones_own_that_are_none(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "tasks.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SettingsError, match=words):
        tasks(path)


# --- the file ---------------------------------------------------------------------------------------------------------

BEFORE = """\
# My models. Don't touch!
[[models]]
name = "claude"          # the good one
provider = "anthropic"

[routing]
order = ["claude"]

[trust]
default_confidentiality = "internal"
"""


def test_adding_keeps_everything_else(tmp_path: Path) -> None:
    path = tmp_path / "copilot.toml"
    path.write_text(BEFORE)
    add_model(path, ModelSettings(name="mine", provider="openai_compatible", base_url="http://127.0.0.1:8080/v1"))
    text = path.read_text()
    for line in BEFORE.splitlines():
        assert line in text or line.startswith("order")
    found = _read(path)
    assert [m.name for m in found.models] == ["claude", "mine"]
    assert found.routing.order == ["claude", "mine"]
    assert "max_confidentiality" not in text, "nothing that has its default"
    add_model(path, ModelSettings(name="claude", provider="anthropic", model="claude-haiku-4-5"), first=True)
    add_model(path, ModelSettings(name="mine", provider="openai"), first=True)
    found = _read(path)
    assert [(m.name, m.provider) for m in found.models] == [("claude", "anthropic"), ("mine", "openai")]
    assert found.routing.order == ["mine", "claude"]


def _read(path: Path) -> Settings:
    return Settings.model_validate(tomllib.loads(path.read_text()))


def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "copilot.toml"
    add_model(path, ModelSettings(name="one", provider="openai"))
    assert path.stat().st_mode & 0o077 == 0
    assert [m.name for m in _read(path).models] == ["one"]
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_is_no_toml_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "copilot.toml"
    path.write_text("[[models\n")
    with pytest.raises(SettingsError, match="no valid TOML"):
        add_model(path, ModelSettings(name="one", provider="openai"))
    assert path.read_text() == "[[models\n"
