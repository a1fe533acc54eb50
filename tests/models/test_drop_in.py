"""`RoutedChatModel` in somebody else's program: made of plain arguments, asked in LangChain's words, whoever serves."""

from __future__ import annotations

import copy
import pickle
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypedDict

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy
from langchain_core._api import LangChainBetaWarning
from langchain_core.caches import InMemoryCache
from langchain_core.language_models import BaseChatModel
from langchain_core.load import dumpd, dumps, load
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.rate_limiters import BaseRateLimiter
from pydantic import BaseModel

from copilot import RoutedChatModel
from copilot.errors import NoModelError, SettingsError
from copilot.models.health import of_process
from copilot.models.terms import terms_of
from copilot.models.toolset import choice
from copilot.settings import ModelSettings, RoutingSettings
from tests.conftest import ROOT
from tests.models.routing import entry, read_cell, router, stamp
from tests.vendors import AnthropicServer, Call, OpenAIServer, Reply, VendorServer, unused_url
from tests.vendors.clients import SERVERS
from tests.vendors.competent import competent

MODELS = {
    "openai": "gpt-4.1",
    "openai_responses": "gpt-4.1",
    "anthropic": "claude-sonnet-5",
    "mistral": "mistral-medium-latest",
    "google": "gemini-3-pro",
    "ollama": "qwen3",
}


class Cell(BaseModel):
    """A cell of a sheet."""

    address: str
    value: int


class CellDict(TypedDict):
    """A cell of a sheet."""

    address: str
    value: int


@pytest.fixture(params=sorted(MODELS))
def vendor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[VendorServer]:
    monkeypatch.setenv("VENDOR_KEY", "test-key")
    with SERVERS[request.param](competent) as server:
        server.dialect = request.param  # type: ignore[attr-defined]
        yield server
        assert not server.refused
        assert not server.mistakes


@pytest.fixture
def openai(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    monkeypatch.setenv("VENDOR_KEY", "test-key")
    with OpenAIServer(competent) as server:
        yield server
        assert not server.refused


def told(server: Any, name: str = "one", **more: Any) -> dict[str, Any]:
    dialect = getattr(server, "dialect", "openai")
    key = {} if dialect == "ollama" else {"api_key_env": "VENDOR_KEY"}
    return {"name": name, "provider": dialect, "model": MODELS[dialect], "base_url": server.base_url, **key, **more}


# --- construction -----------------------------------------------------------------------------------------------------


def test_dicts_and_settings_make_the_same_router(openai: OpenAIServer) -> None:
    by_dict = RoutedChatModel(models=[told(openai)], routing={"order": ["one"]})
    by_class = RoutedChatModel([ModelSettings(**told(openai))], routing=RoutingSettings(order=["one"]))
    assert dumpd(by_dict) == dumpd(by_class)
    assert by_dict.health is by_class.health is of_process(None)
    assert stamp(by_class.invoke("Hello"))["served_by"] == "one"


def test_without_arguments_the_command_s_own_models_are_asked(
    openai: OpenAIServer, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (home / "copilot.toml").write_text(
        f'[[models]]\nname = "mine"\nprovider = "openai"\nmodel = "gpt-4.1"\nbase_url = "{openai.base_url}"\n'
        'api_key_env = "VENDOR_KEY"\n'
    )
    assert stamp(RoutedChatModel().invoke("Hello"))["served_by"] == "mine"
    (home / "copilot.toml").unlink()
    monkeypatch.setenv("OPENAI_API_KEY", "test-key")
    monkeypatch.setenv("OPENAI_BASE_URL", openai.base_url)
    assert stamp(RoutedChatModel().invoke("Hello"))["served_by"] == "openai"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"model": []}, "takes no 'model'. It takes: .*models"),
        ({"models": [{"name": "a"}]}, "RoutedChatModel: models.0.provider: Field required"),
        ({"models": [{"name": "a", "provider": "opnai"}]}, "no provider 'opnai'.*openai"),
        ({"models": [{"name": "a", "provider": "openai", "base_url": "here"}]}, "models.0.base_url: 'here' is no"),
        ({"models": [], "routing": {"polcy": "cheap"}}, "routing.polcy"),
        ({"models": [{"name": "a", "provider": "openai"}], "prefer": "b"}, "There is no model 'b'"),
        ({"models": [{"name": "a", "provider": "openai"}], "routing": {"order": ["b"]}}, "routing.order names 'b'"),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_named(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        RoutedChatModel(**arguments)


def test_state_is_kept_only_where_it_is_asked_for(openai: OpenAIServer, tmp_path: Path) -> None:
    openai.always = "401"
    with pytest.raises(NoModelError, match="Check the key in VENDOR_KEY"):
        RoutedChatModel([told(openai)], state=tmp_path / "state").invoke("Hello")
    assert {p.name for p in (tmp_path / "state").iterdir()} >= {"circuits.sqlite", "usage.sqlite"}
    assert RoutedChatModel([told(openai)]).health.path is None


def test_one_key_is_for_one_vendor(openai: OpenAIServer, caplog: pytest.LogCaptureFixture) -> None:
    plain = {n: v for n, v in told(openai).items() if n != "api_key_env"}
    model = RoutedChatModel([plain], api_key="test-key")
    assert model.invoke("Hello").text
    assert "test-key" not in dumps(model) + repr(model) + str(model.asdict())
    assert pickle.loads(pickle.dumps(model)).invoke("Hello").text
    RoutedChatModel([plain, {"name": "b", "provider": "anthropic"}], api_key="test-key")
    assert "api_key is not used" in caplog.text


def test_it_is_loaded_copied_and_pickled(openai: OpenAIServer) -> None:
    model = RoutedChatModel([told(openai), told(openai, "two")], prefer="two", temperature=0.5, timeout=30)
    with pytest.warns(LangChainBetaWarning):
        loaded = load(dumpd(model), valid_namespaces=["copilot"], allowed_objects=[RoutedChatModel])
    for other in (loaded, pickle.loads(pickle.dumps(model)), copy.deepcopy(model), copy.copy(model)):
        assert other.asdict() == model.asdict()
        assert stamp(other.invoke("Hello"))["served_by"] == "two"
    bound = copy.deepcopy(model.bind_tools([read_cell]))
    assert bound.invoke("Read the cell 'B4'").tool_calls


def test_a_router_around_objects_says_why_it_can_t_be_pickled(openai: OpenAIServer) -> None:
    with pytest.raises(TypeError, match=r"can't be pickled.*plain arguments"):
        pickle.dumps(router([entry(openai, "one")]))


def test_secrets_are_in_no_dump(openai: OpenAIServer) -> None:
    model = RoutedChatModel([told(openai, options={"default_headers": {"x-gateway": "hunter2"}})])
    assert "hunter2" not in dumps(model) + str(model.asdict()) + repr(model) + str(model._get_ls_params())
    assert model.invoke("Hello").text


# --- tool_choice and structured output, by every vendor ---------------------------------------------------------------


@pytest.mark.parametrize(
    "wanted",
    [
        "any",
        "required",
        True,
        "read_cell",
        {"type": "function", "function": {"name": "read_cell"}},
        {"type": "tool", "name": "read_cell"},
        {"tool": {"name": "read_cell"}},
        {"function_calling_config": {"mode": "ANY", "allowed_function_names": ["read_cell"]}},
    ],
    ids=str,
)
def test_a_tool_that_must_be_called_is_called(vendor: VendorServer, wanted: Any) -> None:
    model = RoutedChatModel([told(vendor)])
    bound = model.bind_tools([read_cell], tool_choice=wanted, strict=False, parallel_tool_calls=False)
    assert [call["name"] for call in bound.invoke("Hello").tool_calls] == ["read_cell"]


@pytest.mark.parametrize("wanted", ["none", {"type": "none"}], ids=str)
def test_a_tool_that_may_not_be_called_is_not(vendor: VendorServer, wanted: Any) -> None:
    answer = RoutedChatModel([told(vendor)]).bind_tools([read_cell], tool_choice=wanted).invoke("Read the cell B4")
    assert not answer.tool_calls
    assert answer.text


def test_left_to_the_model_it_decides(vendor: VendorServer) -> None:
    bound = RoutedChatModel([told(vendor)]).bind_tools([read_cell], tool_choice="auto")
    assert bound.invoke("Read the cell B4").tool_calls
    assert bound.invoke("Hello").text


def test_a_tool_that_is_not_there_can_t_be_demanded() -> None:
    model = RoutedChatModel([{"name": "a", "provider": "openai"}])
    with pytest.raises(ValueError, match=r"tool_choice names 'write_cell'. There is: read_cell"):
        model.bind_tools([read_cell], tool_choice="write_cell")


def test_whoever_does_not_call_it_is_not_believed(openai: OpenAIServer) -> None:
    with OpenAIServer(lambda request: "I would rather not.") as lazy:
        bound = RoutedChatModel([told(lazy), told(openai, "two")]).bind_tools([read_cell], tool_choice="any")
        answer = bound.invoke("Hello")
    assert answer.tool_calls
    reasons = {attempt["reason"] for attempt in stamp(answer)["attempts"]}
    assert reasons == {"OpenAI: did not call the tool that it was told to use"}


@pytest.mark.parametrize("schema", [Cell, CellDict, Cell.model_json_schema()], ids=["class", "typeddict", "json"])
@pytest.mark.parametrize("method", ["function_calling", "json_schema"])
def test_structured_output(vendor: VendorServer, method: str, schema: Any) -> None:
    model = RoutedChatModel([told(vendor, json_schema=True)])
    wanted = Cell(address="total", value=41)
    words = "The cell 'total' holds 41."
    found = model.with_structured_output(schema, method=method, strict=True).invoke(words)
    assert found == (wanted if schema is Cell else wanted.model_dump())
    raw = model.with_structured_output(schema, method=method, include_raw=True).invoke(words)
    assert raw["parsed"] == found
    assert isinstance(raw["raw"], AIMessage)
    assert raw["parsing_error"] is None


def test_json_of_any_shape(vendor: VendorServer) -> None:
    class Note(BaseModel):
        title: str
        body: str

    model, words = RoutedChatModel([told(vendor)]), "Write JSON with 'title' and 'body'."
    assert isinstance(model.with_structured_output(Note, method="json_mode").invoke(words), Note)
    assert model.with_structured_output(method="json_mode").invoke(words).keys() == {"title", "body"}


def test_json_of_another_shape_is_not_accepted(openai: OpenAIServer) -> None:
    for wrong in ("no JSON at all", '{"address": "B4"}', '{"address": "B4", "value": "many"}'):
        with OpenAIServer(lambda request, wrong=wrong: wrong) as sloppy:
            model = RoutedChatModel([told(sloppy), told(openai, "two")])
            found = model.with_structured_output(Cell, method="json_schema", include_raw=True).invoke("Which cell?")
            assert isinstance(found["parsed"], Cell)
            assert stamp(found["raw"])["served_by"] == "two"


def test_who_can_t_be_held_to_a_schema_is_not_asked(openai: OpenAIServer) -> None:
    model = RoutedChatModel([told(openai, json_schema=False)])
    with pytest.raises(NoModelError, match="can't hold its answer to a schema"):
        model.with_structured_output(Cell, method="json_schema").invoke("Which cell?")
    for arguments in ({"method": "magic"}, {"tools": []}):
        with pytest.raises(ValueError, match=r"magic|tools"):
            model.with_structured_output(Cell, **arguments)


@pytest.mark.parametrize(
    "given", [None, False, "auto", {"type": "auto"}, {"auto": {}}, {"mode": "AUTO"}, {"type": "web_search"}]
)
def test_forms_that_leave_it_to_the_model(given: Any) -> None:  # fmt: skip
    assert choice(given) == ""


def test_terms_are_known_for_the_clients_that_we_name() -> None:
    from copilot.models.providers import all_providers

    plain = terms_of("nobody:Nothing")
    ours = {p.client for p in all_providers().values() if p.client.startswith("langchain_")}
    assert all(terms_of(client) is not plain for client in ours)


# --- options ----------------------------------------------------------------------------------------------------------


def test_options_reach_the_vendor_under_its_own_name(vendor: VendorServer) -> None:
    model = RoutedChatModel([told(vendor)], temperature=0.3, max_tokens=77)
    model.invoke("Hello")
    model.invoke("Hello", temperature=0.4, max_tokens=88)
    sent = [str(request.body) for request in vendor.requests]
    assert "0.3" in sent[0]
    assert "77" in sent[0]
    assert "0.4" in sent[1]
    assert "88" in sent[1]


def test_a_call_may_name_its_model(openai: OpenAIServer) -> None:
    model = RoutedChatModel([told(openai), told(openai, "two", model="gpt-5-mini")])
    for named in ("two", "gpt-5-mini"):
        assert stamp(model.invoke("Hello", model=named))["served_by"] == "two"
    assert model.invoke("Hello", model="openai:gpt-4o").response_metadata["model_name"] == "gpt-4o"
    with pytest.raises(SettingsError, match="There is no model 'gtp-5'"):
        model.invoke("Hello", model="gtp-5")


def test_tokens_are_estimated_without_a_tokenizer() -> None:
    model = RoutedChatModel([{"name": "a", "provider": "openai"}])
    assert model.get_num_tokens("word " * 100) == 125
    assert 125 < model.get_num_tokens_from_messages([HumanMessage("word " * 100)], [read_cell]) < 250
    with pytest.raises(NotImplementedError, match="knows no tokenizer"):
        model.get_token_ids("word")
    counting = RoutedChatModel([{"name": "a", "provider": "openai"}], custom_get_token_ids=lambda text: [1] * 3)
    assert counting.get_num_tokens("word") == 3


def test_the_profile_promises_what_holds_whoever_answers() -> None:
    models = [
        {"name": "a", "provider": "openai", "model": "gpt-4.1"},
        {"name": "b", "provider": "openai", "window": 9000},
    ]
    profile = RoutedChatModel(models).profile
    assert profile is not None
    assert profile["max_input_tokens"] == 9000
    assert profile["tool_calling"]


def test_tracing_tells_who_is_preferred(openai: OpenAIServer) -> None:
    model = RoutedChatModel([told(openai), told(openai, "two", model="gpt-5-mini")], temperature=0.1, prefer="two")
    params = model._get_ls_params(stop=["x"])
    assert (params["ls_provider"], params["ls_model_name"]) == ("everpilot", "gpt-5-mini")
    assert (params["ls_temperature"], params["ls_stop"]) == (0.1, ["x"])


# --- in LangChain's machinery -----------------------------------------------------------------------------------------


def test_a_cache_never_mixes_answers_of_different_settings(openai: OpenAIServer) -> None:
    one = RoutedChatModel([told(openai)], cache=InMemoryCache())
    asked: list[Callable[[], Any]] = [
        lambda: one.invoke("Hello"),
        lambda: one.invoke("Hello", stop=["x"]),
        lambda: one.invoke("Hello", temperature=0.5),
        lambda: one.bind_tools([read_cell]).invoke("Hello"),
        lambda: one.bind_tools([read_cell], tool_choice="any").invoke("Hello"),
        lambda: one.model_copy(update={"temperature": 0.7}).invoke("Hello"),
        lambda: one.model_copy(update={"prefer": "two"}).invoke("Hello", model="one"),
        lambda: RoutedChatModel([told(openai, max_confidentiality="public")], cache=one.cache, trust={
            "default_confidentiality": "public"}).invoke("Hello"),
    ]  # fmt: skip
    for at, ask in enumerate(asked, 1):
        ask()
        assert len(openai.requests) == at
        again = ask()
        assert len(openai.requests) == at, "an answer of the same settings is cached"
        assert stamp(again)["served_by"] == "one"


def test_a_rate_limiter_is_asked_for_every_call(openai: OpenAIServer) -> None:
    class Counting(BaseRateLimiter):
        taken = 0

        def acquire(self, *, blocking: bool = True) -> bool:
            self.taken += 1
            return True

        async def aacquire(self, *, blocking: bool = True) -> bool:
            return self.acquire()

    limiter = Counting()
    model = RoutedChatModel([told(openai)], rate_limiter=limiter)
    model.invoke("Hello")
    list(model.stream("Hello"))
    assert limiter.taken == 2


def test_the_runnable_ways_round_it(openai: OpenAIServer) -> None:
    dead = RoutedChatModel([told(openai, "dead", base_url=unused_url())])
    model = RoutedChatModel([told(openai)])
    assert dead.with_fallbacks([model]).invoke("Hello").text
    assert dead.with_retry(stop_after_attempt=1).with_fallbacks([model]).invoke("Hello").text
    assert model.with_config(tags=["t"]).bind(stop=["words"]).invoke("Hello").text == "Hello! To the "
    chain = ChatPromptTemplate.from_template("Read the cell {cell}") | model.bind_tools([read_cell])
    assert chain.invoke({"cell": "'B4'"}).tool_calls[0]["args"] == {"cell": "B4"}


async def test_events_show_one_model_run(openai: OpenAIServer) -> None:
    events = [e async for e in RoutedChatModel([told(openai)]).astream_events("Hello " * 30, version="v2")]
    kinds = [event["event"] for event in events]
    assert kinds.count("on_chat_model_start") == kinds.count("on_chat_model_end") == 1
    assert kinds.count("on_chat_model_stream") > 3
    assert {event["name"] for event in events} == {"RoutedChatModel"}


async def test_an_accepted_answer_is_streamed_in_pieces(vendor: VendorServer) -> None:
    model = RoutedChatModel([told(vendor)])
    words = "Hello " * 30
    chunks = [chunk async for chunk in model.astream(words)]
    assert len(chunks) > 3
    assert len({chunk.id for chunk in chunks}) == 1
    assert [bool(chunk.usage_metadata) for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert [chunk.chunk_position for chunk in chunks] == [None] * (len(chunks) - 1) + ["last"]
    whole: AIMessageChunk = sum(chunks[1:], chunks[0])
    assert whole.text == f"Hello! To the words: {words}"
    assert stamp(whole)["served_by"] == "one"
    called: list[AIMessageChunk] = [c async for c in model.bind_tools([read_cell]).astream("Read the cell 'B4'")]
    pieces = [piece for chunk in called for piece in chunk.tool_call_chunks]
    assert [(piece["name"], piece["args"]) for piece in pieces] == [("read_cell", '{"cell": "B4"}')]
    assert [call["name"] for call in sum(called[1:], called[0]).tool_calls] == ["read_cell"]


@pytest.mark.parametrize("version", ["v0", "v1"])
async def test_text_and_several_calls_add_up(openai: OpenAIServer, version: str) -> None:
    calls = (Call("read_cell", {"cell": "A1"}), Call("read_cell", {"cell": "B2"}))
    openai.answer = lambda request: Reply("I look at both of these cells now. " * 3, calls=calls)
    model = RoutedChatModel([told(openai)], output_version=version).bind_tools([read_cell])
    chunks = [chunk async for chunk in model.astream("Read both")]
    whole: AIMessageChunk = sum(chunks[1:], chunks[0])
    assert [call["args"]["cell"] for call in whole.tool_calls] == ["A1", "B2"]
    assert whole.text == "I look at both of these cells now. " * 3
    assert [block["type"] for block in whole.content_blocks] == ["text", "tool_call", "tool_call"]


def test_in_somebody_s_agent(vendor: VendorServer) -> None:
    agent = create_agent(RoutedChatModel([told(vendor)]), [read_cell])
    seen = [chunk for chunk, _ in agent.stream({"messages": "Read the cell 'B4'"}, stream_mode="messages")]
    text = "".join(str(chunk.text) for chunk in seen if isinstance(chunk, AIMessageChunk))
    assert text.startswith("The tools say: ")
    assert "B4 holds 41" in text


@pytest.mark.parametrize("wanted", [Cell, ProviderStrategy(Cell)], ids=["by itself", "by the vendor"])
def test_in_somebody_s_agent_with_a_schema(vendor: VendorServer, wanted: Any) -> None:
    agent = create_agent(RoutedChatModel([told(vendor, json_schema=True)]), [], response_format=wanted)
    found = agent.invoke({"messages": [HumanMessage("Which 'cell' holds 41?")]})["structured_response"]
    assert found == Cell(address="cell", value=41)


# --- what it costs to import ------------------------------------------------------------------------------------------

_NEVER = {
    *("openai", "anthropic", "mistralai", "ollama", "botocore", "boto3", "google.genai", "langchain_openai"),
    *("langchain_anthropic", "langchain_mistralai", "langchain_google_genai", "langchain_ollama", "langchain_aws"),
    *("langgraph", "langchain", "msal", "cryptography", "keyring", "docx", "openpyxl", "pptx", "lxml"),
    *("rich", "prompt_toolkit", "numpy", "transformers", "tiktoken", "xllamacpp", "formualizer", "rapidfuzz"),
    *("copilot.agent", "copilot.plugins", "copilot.documents", "copilot.workspace", "copilot.hosts"),
    *("copilot.models.structured", "copilot.models.builtin", "copilot.models.telemetry", "copilot.models.aws"),
}


def test_importing_it_loads_nothing_that_it_does_not_need() -> None:
    code = f"import sys; from copilot import RoutedChatModel; print(sorted({_NEVER!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_it_is_a_chat_model_like_any_other() -> None:
    assert issubclass(RoutedChatModel, BaseChatModel)


# --- the page about it ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [None, "529"])
def test_the_page_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fault: str | None) -> None:
    page = (ROOT / "docs" / "drop_in.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    with AnthropicServer(competent, always=fault) as claude, OpenAIServer(competent) as gpt:
        for name, server in (("ANTHROPIC", claude), ("OPENAI", gpt)):
            monkeypatch.setenv(f"{name}_API_KEY", "test-key")
            monkeypatch.setenv(f"{name}_BASE_URL", server.base_url)
        space: dict[str, Any] = {}
        for block in blocks:
            exec(compile(block, "docs/drop_in.md", "exec"), space)
        assert not claude.refused
        assert not gpt.refused
    said = capsys.readouterr().out
    assert "The tools say: B4 holds 41" in said
    assert "may not see restricted data" in said
    assert f"'{'gpt' if fault else 'claude'}'" in repr(space["served"])
