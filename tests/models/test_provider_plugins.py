"""Vendors that packages bring: real distributions on the path, from their entry point to an answer."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from copilot import Provider
from copilot.agent.router import describe as rows_for_people
from copilot.errors import SettingsError
from copilot.models import plugged, providers
from copilot.models.roster import Roster
from copilot.models.setup import describe, notes
from copilot.settings import ModelSettings, Settings
from tests.conftest import ROOT
from tests.models.routing import Planner, entry, router, stamp
from tests.vendors import AnthropicServer, OpenAIServer

Install = Callable[..., None]

AS_PROVIDER = """
from copilot import Provider

vendor = Provider(
    name="whatever",
    title="Acme",
    client="langchain_openai:ChatOpenAI",
    keys=("ACME_KEY",),
    base_urls=("ACME_URL",),
    model="acme-large",
    timeout="httpx",
    arguments={"model": "model", "key": "api_key", "base_url": "base_url", "timeout": "timeout"},
    fixed={"max_retries": 0, "use_responses_api": False},
)
"""
AS_TABLE = """
vendor = {
    "title": "Acme",
    "client": "langchain_anthropic:ChatAnthropic",
    "dialect": "anthropic",
    "keys": ["ACME_KEY"],
    "base_urls": ["ACME_URL"],
    "model": "acme-large",
    "arguments": {"model": "model", "key": "api_key", "base_url": "base_url", "timeout": "timeout"},
    "fixed": {"max_retries": 0},
}
"""
FORMS = {
    "provider": (AS_PROVIDER, OpenAIServer),
    "table": (AS_TABLE, AnthropicServer),
    "function": (f"{AS_TABLE}\nmade = dict(vendor)\ndef vendor():\n    return made\n", AnthropicServer),
}


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Put a distribution on the path: a module and an entry point to its `vendor`."""
    modules = []

    def put(code: str, name: str = "acme", thing: str = "vendor") -> None:
        module = f"{name.replace('-', '_')}_everpilot_{len(modules)}"
        modules.append(module)
        (tmp_path / f"{module}.py").write_text(code)
        meta = tmp_path / f"{module}-2.1.dist-info"
        meta.mkdir()
        (meta / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 2.1\n")
        (meta / "entry_points.txt").write_text(f"[copilot.providers]\n{name} = {module}:{thing}\n")
        _forget()

    monkeypatch.syspath_prepend(str(tmp_path))
    yield put
    monkeypatch.undo()
    _forget()
    for module in modules:
        sys.modules.pop(module, None)


def _forget() -> None:
    plugged._points.cache_clear()
    providers._plugged.cache_clear()


@pytest.mark.parametrize("form", FORMS)
async def test_a_package_brings_a_vendor_in_any_form(install: Install, form: str) -> None:
    code, server_type = FORMS[form]
    install(code)
    with server_type() as server:
        one = ModelSettings(name="one", provider="acme", base_url=server.base_url, api_key_env="TEST_KEY")
        answer = await router([one]).ainvoke("Hello")
        assert server.requests
    found = stamp(answer)
    assert (found["served_by"], found["provider"], found["model"]) == ("one", "acme", "acme-large")


def test_its_own_variables_count_and_its_name_is_the_entry_points(install: Install) -> None:
    install(AS_PROVIDER)
    made = providers.connect(
        ModelSettings(name="m", provider="acme"), {"ACME_KEY": "k", "ACME_URL": "https://a.example"}
    )
    assert (made.provider.name, made.base_url, made.credential and made.credential.source) == (
        "acme",
        "https://a.example",
        "ACME_KEY",
    )
    with pytest.raises(SettingsError, match="ACME_KEY is not set"):
        providers.connect(ModelSettings(name="m", provider="acme"), {"ACME_URL": "https://a.example"})


def test_it_is_loaded_when_a_model_names_it_and_not_before(install: Install) -> None:
    install("raise AssertionError('loaded')")
    assert Roster(Settings(), {"OPENAI_API_KEY": "k"}).find("openai").name == "openai"
    with pytest.raises(SettingsError, match="Did you mean acme"):
        providers.get("akme")
    assert notes({}) == []
    assert not [name for name in sys.modules if name.startswith("acme_everpilot")]


def test_a_model_of_it_can_be_named_without_settings(install: Install) -> None:
    install(AS_PROVIDER)
    env = {"ACME_KEY": "k", "ACME_URL": "https://a.example"}
    found = Roster(Settings(), {"OPENAI_API_KEY": "k", **env}).find("acme:acme-small")
    assert (found.model, found.provider.title) == ("acme-small", "Acme")


BROKEN = {
    "import": ("import everpilot_no_such_module", r"ModuleNotFoundError: No module named 'everpilot_no_such"),
    "missing": ("other = 1", r"AttributeError: .*vendor"),
    "raises": ("def vendor():\n    raise RuntimeError('no licence')", "RuntimeError: no licence"),
    "exits": ("raise SystemExit(3)", "SystemExit: 3"),
    "number": ("vendor = 42", "it is no Provider and no table, but int"),
    "unknown": ("vendor = {'client': 'a:B', 'colour': 'red'}", "a provider has no field 'colour'"),
    "type": ("vendor = {'client': 'a:B', 'keys': 'ACME_KEY'}", "keys: Input should be a valid tuple"),
    "key": ("vendor = {'client': 'a:B', 'key': 'maybe'}", "key: Input should be 'required', 'optional' or 'none'"),
    "client": ("vendor = {'client': 'langchain_openai'}", "client: 'langchain_openai' is no module:Class"),
    "nothing": ("vendor = {}", "client: "),
    "dialect": (
        "vendor = {'client': 'a:B', 'dialect': 'klingon'}",
        "dialect: there is no 'klingon'; there is: .*openai",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_one_is_named_with_its_package_and_the_cause(install: Install, case: str) -> None:
    code, cause = BROKEN[case]
    install(code)
    with pytest.raises(SettingsError, match=rf"'acme' of acme_everpilot_0 2.1 is broken: {cause}"):
        providers.get("acme")


async def test_a_broken_one_stops_no_other_model(install: Install, tmp_path: Path) -> None:
    install("import everpilot_no_such_module")
    with OpenAIServer() as server:
        models = [ModelSettings(name="one", provider="acme"), entry(server, "two")]
        answer = await router(models, builtin=Planner()).ainvoke("Hello")
    assert stamp(answer)["served_by"] == "two"
    alone = await router(models[:1], builtin=Planner()).ainvoke("Hello")
    assert "acme_everpilot_0 2.1 is broken" in stamp(alone)["attempts"][0]["reason"]
    rows = describe(Settings(models=models), state=tmp_path, env={"TEST_KEY": "k"})
    assert "is broken" in rows[0]["problem"]
    assert rows_for_people(Settings(models=models), tmp_path, {"TEST_KEY": "k"})[0]["state"].startswith("missing:")


def test_a_bundled_name_is_refused_and_that_is_told(install: Install) -> None:
    install(AS_PROVIDER, name="openai")
    assert providers.get("openai") is providers.all_providers()["openai"]
    assert notes({}) == [
        "The provider 'openai' of openai_everpilot_0 2.1 is left out: that name is taken by the bundled one."
    ]


def test_of_two_with_one_name_the_first_counts(install: Install) -> None:
    install(AS_PROVIDER)
    install(AS_TABLE)
    assert providers.get("acme").title == "Acme"


def test_the_bundled_ones_pass_the_same_check() -> None:
    for name, provider in providers.all_providers().items():
        assert providers._checked(name, provider) == provider
    assert isinstance(provider, Provider)


def test_the_provider_of_the_docs_works(install: Install) -> None:
    page = (ROOT / "docs" / "models.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(from copilot import Provider\n.*?)```", page, re.DOTALL)
    install(code)
    model = ModelSettings(name="m", provider="acme")
    env = {"ACME_API_KEY": "k"}
    client = providers.build(model, providers.connect(model, env), env)
    assert client.model_name == "acme-large"  # type: ignore[attr-defined]
