"""What is found without configuration, and a real Ollama client against a server that speaks its protocol."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from copilot.errors import SettingsError
from copilot.models.listening import Discarded, ModelEvent, Token, listening
from copilot.models.roster import Roster
from copilot.models.setup import describe, notes, routed
from copilot.settings import ModelSettings, RoutingSettings, Settings
from tests.models.routing import Planner, read_cell, router, stamp
from tests.vendors import OpenAIServer


@contextmanager
def ollama(*installed: str, answer: tuple[dict[str, Any], ...] = ()) -> Iterator[tuple[str, list[str]]]:
    """Serve `/api/tags` and `/api/chat`; yields the address and the paths that were asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Keep the output clean."""

        def do_GET(self) -> None:
            asked.append(self.path)
            self._send(json.dumps({"models": [{"name": name, "model": name} for name in installed]}).encode())

        def do_POST(self) -> None:
            asked.append(self.path)
            self.rfile.read(int(self.headers["content-length"]))
            self._send(b"".join(json.dumps({"model": "m", **line}).encode() + b"\n" for line in answer))

        def _send(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _piece(text: str = "", **more: Any) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": text, **more}, "done": False}


DONE = {
    "message": {"role": "assistant", "content": ""},
    "done": True,
    "done_reason": "stop",
    "prompt_eval_count": 5,
    "eval_count": 2,
}
CALL = _piece(tool_calls=[{"function": {"name": "read_cell", "arguments": {"cell": "B4"}}}])


def found_in(settings: Settings, env: dict[str, str]) -> list[ModelSettings]:
    return [candidate.settings for candidate in Roster(settings, env).all()]


@pytest.mark.parametrize(
    ("env", "found"),
    [
        ({"OPENAI_API_KEY": "k"}, ["openai"]),
        ({"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k"}, ["anthropic", "openai"]),
        ({"GEMINI_API_KEY": "k", "MISTRAL_API_KEY": "k"}, ["mistral", "google"]),
        ({"AZURE_OPENAI_API_KEY": "k"}, []),
        ({"AZURE_OPENAI_API_KEY": "k", "AZURE_OPENAI_ENDPOINT": "https://r.openai.azure.com"}, ["azure_openai"]),
        ({"AZURE_AI_API_KEY": "k", "AZURE_AI_ENDPOINT": "https://r.services.ai.azure.com"}, ["foundry"]),
        ({"OPENAI_API_KEY": " "}, []),
    ],
)
def test_keys_in_the_environment(env: dict[str, str], found: list[str]) -> None:
    closed = {"OLLAMA_HOST": "http://127.0.0.1:9"}
    assert [m.name for m in found_in(Settings(), {**env, **closed})] == found


def test_what_is_configured_counts_alone() -> None:
    settings = Settings(models=[ModelSettings(name="mine", provider="openai", model="m")])
    assert [m.name for m in found_in(settings, {"ANTHROPIC_API_KEY": "k"})] == ["mine"]


def test_a_running_ollama_is_found_only_when_there_is_nothing_else() -> None:
    with ollama("qwen3:8b", "nomic-embed-text:latest", "gpt-oss:120b-cloud") as (url, asked):
        env = {"OLLAMA_HOST": url}
        found_in(Settings(), {**env, "OPENAI_API_KEY": "k"})
        assert asked == []
        found = found_in(Settings(), env)
        assert [(m.name, m.model, m.max_confidentiality) for m in found] == [
            ("ollama/qwen3:8b", "qwen3:8b", "restricted"),
            ("ollama/gpt-oss:120b-cloud", "gpt-oss:120b-cloud", "internal"),
        ]
        assert [m.model for m in found_in(Settings(), {**env, "OLLAMA_MODEL": "qwen3:8b"})] == ["qwen3:8b"]


async def test_it_is_looked_for_at_the_first_call_and_once() -> None:
    with ollama("qwen3:8b", answer=(_piece("Hel"), _piece("lo"), DONE)) as (url, asked):
        model = routed(Settings(), state=None, env={"OLLAMA_HOST": url}, builtin=Planner())
        assert asked == []
        for _ in range(2):
            answer = await model.ainvoke("Hi")
            assert answer.text == "Hello"
        assert stamp(answer)["served_by"] == "ollama"
        assert stamp(answer)["usage"] == {"input_tokens": 5, "output_tokens": 2, "cost": 0.0}
        assert asked == ["/api/tags", "/api/chat", "/api/chat"]


async def test_an_entry_without_a_model_takes_what_is_installed() -> None:
    with ollama("llama3.2:3b", answer=(CALL, DONE)) as (url, _):
        entry = ModelSettings(name="local", provider="ollama", base_url=url)
        answer = await router([entry], builtin=Planner()).bind_tools([read_cell]).ainvoke("Read B4")
        assert stamp(answer)["model"] == "llama3.2:3b"
        assert [(c["name"], c["args"]) for c in answer.tool_calls] == [("read_cell", {"cell": "B4"})]


@pytest.mark.parametrize("watched", [True, False])
async def test_an_ollama_that_stops_in_the_middle(watched: bool) -> None:
    events: list[ModelEvent] = []
    with ollama(answer=(_piece("Half of "),)) as (url, _), OpenAIServer() as good:
        local = ModelSettings(name="local", provider="ollama", model="qwen3:8b", base_url=url)
        other = ModelSettings(name="other", provider="openai_compatible", model="m", base_url=good.base_url)
        good.api_key = "none"
        model = router([local, other])
        if watched:
            with listening(events.append):
                answer = await model.ainvoke("Hi")
            assert [e.message_id for e in events if isinstance(e, Discarded)] == [
                e.message_id for e in events if isinstance(e, Token) and e.text == "Half of "
            ]
        else:
            answer = await model.ainvoke("Hi")
    assert answer.text == "Echo: Hi"
    assert stamp(answer)["attempts"][0]["reason"].startswith("Ollama: ended without a finish reason")


async def test_without_anything_the_planner_answers() -> None:
    model = routed(Settings(), state=None, env={"OLLAMA_HOST": "http://127.0.0.1:9"}, builtin=Planner())
    assert stamp(await model.ainvoke("Hi"))["served_by"] == "builtin"


def test_an_unknown_provider_is_told_at_once() -> None:
    settings = Settings(models=[ModelSettings(name="x", provider="antropic", model="m")])
    with pytest.raises(SettingsError, match="anthropic"):
        routed(settings, state=None, env={})


def test_a_model_can_be_named_that_is_not_configured() -> None:
    roster = Roster(Settings(), {"OPENAI_API_KEY": "k"}, Planner())
    assert roster.find("openai").model == "gpt-5-mini"
    assert roster.find("openai:gpt-4.1").model == "gpt-4.1"
    with pytest.raises(SettingsError, match="builtin"):
        roster.find("bultin")


def test_a_model_that_is_not_configured_is_asked_where_its_provider_is() -> None:
    theirs = ModelSettings(
        name="house",
        provider="openai",
        model="gpt-4.1",
        base_url="https://gateway.lan/v1",
        api_key_env="GATEWAY_KEY",
        max_confidentiality="public",
        window=1000,
    )
    found = Roster(Settings(models=[theirs]), {"GATEWAY_KEY": "k", "OPENAI_API_KEY": "other"}).find("openai:gpt-5")
    assert found.connection is not None
    assert found.connection.key is not None
    assert (found.connection.base_url, found.connection.key.get_secret_value()) == ("https://gateway.lan/v1", "k")
    assert (found.model, found.settings.max_confidentiality) == ("gpt-5", "public")
    assert found.facts.window != 1000


def test_the_planner_can_be_switched_off_or_moved() -> None:
    env = {"OPENAI_API_KEY": "k"}

    def names(**routing: Any) -> list[str]:
        settings = Settings(routing=RoutingSettings(**routing))
        return [c.name for c in Roster(settings, env, Planner()).all()]

    assert names() == ["openai", "builtin"]
    assert names(builtin=False) == ["openai"]
    assert names(order=["builtin"]) == ["builtin", "openai"]


def test_rows_for_people(tmp_path: Path) -> None:
    models = [
        ModelSettings(name="ok", provider="openai", model="gpt-4.1", region="EU"),
        ModelSettings(name="keyless", provider="anthropic", model="claude-haiku-4-5"),
        ModelSettings(name="local", provider="ollama", model="qwen3:8b", max_confidentiality="restricted"),
    ]
    rows = describe(Settings(models=models), state=tmp_path, env={"OPENAI_API_KEY": "very-secret"})
    assert [(r["name"], r["key"], r["circuit"], r["window"]) for r in rows] == [
        ("ok", "set (OPENAI_API_KEY)", "closed", 1047576),
        ("keyless", "missing", "closed", 200000),
        ("local", "not needed", "closed", 128000),
    ]
    assert rows[0]["endpoint"] == "https://api.openai.com/v1"
    assert rows[0]["price"] == {"input": 2.0, "output": 8.0}
    assert "ANTHROPIC_API_KEY" in rows[1]["problem"]
    assert "very-secret" not in json.dumps(rows)


@pytest.mark.parametrize(
    ("value", "told"), [("true", True), ("https://gw.example", True), ("false", False), ("", False)]
)
def test_the_gateway_variable_is_told(value: str, told: bool) -> None:
    assert bool(notes({"LANGSMITH_GATEWAY": value})) == told
