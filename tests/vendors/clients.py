"""The real LangChain client of each vendor, pointed at a server of these tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langchain_core.language_models import BaseChatModel

from tests.vendors.anthropic import AnthropicServer
from tests.vendors.bedrock import BedrockServer
from tests.vendors.gemini import GeminiServer
from tests.vendors.mistral import MistralServer
from tests.vendors.ollama import OllamaServer
from tests.vendors.openai import OpenAIServer
from tests.vendors.responses import ResponsesServer
from tests.vendors.server import VendorServer

SERVERS: dict[str, type[VendorServer]] = {
    "openai": OpenAIServer,
    "openai_responses": ResponsesServer,
    "anthropic": AnthropicServer,
    "mistral": MistralServer,
    "google": GeminiServer,
    "ollama": OllamaServer,
    "bedrock": BedrockServer,
}


def client(dialect: str, server: VendorServer, **options: Any) -> BaseChatModel:
    """Return the client for a dialect; SDK retries are off."""
    return _CLIENTS[dialect](server, options)


def _openai(server: Any, options: dict[str, Any]) -> BaseChatModel:
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(base_url=server.base_url, api_key=server.api_key, model="gpt-test", max_retries=0, **options)


def _responses(server: Any, options: dict[str, Any]) -> BaseChatModel:
    return _openai(server, {"use_responses_api": True, **options})


def _anthropic(server: Any, options: dict[str, Any]) -> BaseChatModel:
    from langchain_anthropic import ChatAnthropic

    given = {"model": "claude-test", "max_tokens": 4096, "max_retries": 0, **options}
    return ChatAnthropic(base_url=server.base_url, api_key=server.api_key, **given)


def _mistral(server: Any, options: dict[str, Any]) -> BaseChatModel:
    from langchain_mistralai import ChatMistralAI

    given = {"model": "mistral-test", "max_retries": 0, **options}
    return ChatMistralAI(base_url=server.base_url, api_key=server.api_key, **given)


def _google(server: Any, options: dict[str, Any]) -> BaseChatModel:
    from langchain_google_genai import ChatGoogleGenerativeAI

    given = {"model": "gemini-3-test", "max_retries": 1, **options}
    return ChatGoogleGenerativeAI(base_url=server.base_url, google_api_key=server.api_key, **given)


def _ollama(server: Any, options: dict[str, Any]) -> BaseChatModel:
    from langchain_ollama import ChatOllama

    return ChatOllama(base_url=server.base_url, model="test", **options)


def _bedrock(server: Any, options: dict[str, Any]) -> BaseChatModel:
    from copilot.models import providers
    from copilot.settings import ModelSettings

    # As the router builds it: by itself the client looks for credentials all over the machine, and is slow to make.
    told = {"model": "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "base_url": server.base_url, "options": options}
    settings = ModelSettings(name="bedrock", provider="bedrock", **told)
    env = {"AWS_BEARER_TOKEN_BEDROCK": server.api_key, "AWS_REGION": "eu-central-1"}
    return providers.build(settings, providers.connect(settings, env), env)


_CLIENTS: dict[str, Callable[[Any, dict[str, Any]], BaseChatModel]] = {
    "openai": _openai,
    "openai_responses": _responses,
    "anthropic": _anthropic,
    "mistral": _mistral,
    "google": _google,
    "ollama": _ollama,
    "bedrock": _bedrock,
}
