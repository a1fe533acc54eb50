"""Vendors: every client of the table can be built as the router needs it, and every mistake is named."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from copilot.errors import SettingsError
from copilot.models import dialects, providers
from copilot.settings import ModelSettings

KEYS = {
    "OPENAI_API_KEY": "k-openai",
    "ANTHROPIC_API_KEY": "k-anthropic",
    "MISTRAL_API_KEY": "k-mistral",
    "GOOGLE_API_KEY": "k-google",
    "AZURE_OPENAI_API_KEY": "k-azure",
    "AZURE_OPENAI_ENDPOINT": "https://r.openai.azure.com/",
    "AZURE_AI_API_KEY": "k-foundry",
    "AZURE_AI_ENDPOINT": "https://r.services.ai.azure.com",
    "AWS_BEARER_TOKEN_BEDROCK": "k-bedrock",
    "AWS_REGION": "eu-central-1",
}
EXPLICIT = {"openai_compatible": "http://127.0.0.1:1/v1"}


def _settings(provider: str, **more: Any) -> ModelSettings:
    told = {"name": "mine", "provider": provider, "model": "some-model", "base_url": EXPLICIT.get(provider), **more}
    return ModelSettings(**told)


def _at(client: object, path: str) -> Any:
    for name in path.split("."):
        client = getattr(client, name)
    return client


# Tested by themselves: their SDKs keep it all elsewhere.
ELSEWHERE = {"google", "bedrock", "local"}
# Where each SDK keeps what the router depends on.
INSIDE = {
    "anthropic": ("_async_client", "https://api.anthropic.com"),
    "openai": ("root_async_client", "https://api.openai.com/v1/"),
    "openai_responses": ("root_async_client", "https://api.openai.com/v1/"),
    "openai_compatible": ("root_async_client", "http://127.0.0.1:1/v1/"),
    "azure_openai": ("root_async_client", "https://r.openai.azure.com/openai/deployments/some-model/"),
    "foundry": ("root_async_client", "https://r.services.ai.azure.com/openai/v1/"),
    "foundry_anthropic": ("_async_client", "https://r.services.ai.azure.com/anthropic/"),
    "mistral": ("async_client", "https://api.mistral.ai/v1/"),
    "ollama": ("_async_client._client", "http://127.0.0.1:11434"),
}


@pytest.mark.parametrize("name", [n for n in providers.all_providers() if n not in ELSEWHERE])
def test_client(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # What the SDKs would pick up by themselves must not win over what we say.
    for variable in (
        "OPENAI_BASE_URL",
        "OPENAI_API_BASE",
        "ANTHROPIC_BASE_URL",
        "ANTHROPIC_API_URL",
        "MISTRAL_BASE_URL",
    ):
        monkeypatch.setenv(variable, "http://elsewhere.invalid/v1")
    monkeypatch.setenv("LANGSMITH_GATEWAY", "true")
    monkeypatch.setenv("LANGSMITH_GATEWAY_API_KEY", "lsv2_gateway")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "token-of-another-tool")
    settings = _settings(name)
    connection = providers.connect(settings, KEYS)
    client = providers.build(settings, connection, KEYS)
    place, url = INSIDE[name]
    sdk = _at(client, place)
    assert str(sdk.base_url).rstrip("/") == url.rstrip("/")
    assert (sdk.timeout.connect, sdk.timeout.read) == (3.0, 60.0)
    assert getattr(sdk, "max_retries", 0) == 0
    assert getattr(sdk, "auth_token", None) is None
    assert dialects.get(connection.provider.dialect)


def test_google() -> None:
    settings = _settings("google")
    client = providers.build(settings, providers.connect(settings, KEYS), KEYS)
    options = _at(client, "client._api_client._http_options")
    assert options.base_url.startswith("https://generativelanguage.googleapis.com")
    assert _at(client, "client._api_client").vertexai is not True
    assert _at(client, "max_retries") == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"provider": "opnai"}, "Did you mean openai"),
        ({"provider": "Open AI"}, "Did you mean openai"),
        ({"provider": "anthropic"}, "'mine' has no key: ANTHROPIC_API_KEY is not set"),
        ({"provider": "openai", "api_key_env": "MY_KEY"}, "MY_KEY is not set"),
        ({"provider": "openai_compatible", "base_url": None}, "has no address"),
        ({"provider": "azure_openai"}, "AZURE_OPENAI_ENDPOINT"),
        ({"provider": "openai_compatible", "model": ""}, "names no model"),
    ],
)
def test_mistakes_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        providers.connect(_settings(**settings), {})


def test_an_address_from_the_environment_needs_a_scheme() -> None:
    with pytest.raises(SettingsError, match="http://"):
        providers.connect(_settings("openai"), {**KEYS, "OPENAI_BASE_URL": "localhost:8000/v1"})


@pytest.mark.parametrize(
    ("provider", "message"),
    [
        ("no_such_module:Chat", "not installed"),
        ("json:NoSuchName", "json has no NoSuchName"),
        ("json:JSONDecoder", "is no chat model"),
        ("json:dumps", "is no chat model"),
    ],
)
def test_classes_that_are_none(provider: str, message: str) -> None:
    settings = _settings(provider)
    with pytest.raises(SettingsError, match=message):
        providers.build(settings, providers.connect(settings, {}), {})


def test_a_client_that_is_not_installed_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langchain_mistralai", None)
    settings = _settings("mistral")
    with pytest.raises(SettingsError, match=r'pip install "everpilot\[mistral\]"'):
        providers.build(settings, providers.connect(settings, KEYS), KEYS)


def test_options_that_the_client_refuses() -> None:
    settings = _settings("openai", options={"temperature": "warm"})
    with pytest.raises(SettingsError, match=r"'mine' can't be set up: .*temperature"):
        providers.build(settings, providers.connect(settings, KEYS), KEYS)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1:11500", "http://127.0.0.1:11500"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("gpu.lan", "http://gpu.lan:11434"),
        ("https://gpu.lan", "https://gpu.lan"),
        ("http://gpu.lan:9/ollama/", "http://gpu.lan:9/ollama"),
        ("[::1]:9", "http://[::1]:9"),
        (":8080", "http://127.0.0.1:8080"),
    ],
)
def test_hosts_of_ollama(host: str, url: str) -> None:
    assert providers.endpoint(_settings("ollama"), {"OLLAMA_HOST": host}) == url


@pytest.mark.parametrize(
    ("provider", "address", "url"),
    [
        ("azure_openai", "https://x.openai.azure.com/openai/v1/", "https://x.openai.azure.com"),
        ("azure_openai", "https://x.openai.azure.com/openai", "https://x.openai.azure.com"),
        ("azure_openai", "https://gateway.lan/azure/", "https://gateway.lan/azure"),
        ("google", "https://gateway.lan/v1beta", "https://gateway.lan"),
        ("ollama", "http://127.0.0.1:11434/v1", "http://127.0.0.1:11434"),
        ("anthropic", "https://gateway.lan/v1/", "https://gateway.lan"),
        ("openai", "https://gateway.lan/v1/", "https://gateway.lan/v1"),
    ],
)
def test_a_path_that_the_client_adds_itself_is_taken_off(provider: str, address: str, url: str) -> None:
    assert providers.endpoint(_settings(provider, base_url=address), {}) == url


def test_identity_changes_with_everything_that_matters_and_shows_no_key() -> None:
    base = providers.connect(_settings("openai"), {"OPENAI_API_KEY": "key-1"})
    others = [
        providers.connect(_settings("openai"), {"OPENAI_API_KEY": "key-2"}),
        providers.connect(_settings("openai", model="other"), {"OPENAI_API_KEY": "key-1"}),
        providers.connect(_settings("openai", base_url="http://127.0.0.1/v1"), {"OPENAI_API_KEY": "key-1"}),
    ]
    assert len({c.identity for c in [base, *others]}) == 4
    assert base.identity == providers.connect(_settings("openai", name="renamed"), {"OPENAI_API_KEY": "key-1"}).identity
    assert "key-1" not in repr(base)
