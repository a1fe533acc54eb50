"""LangChain's own standard integration tests, passed by the router over each vendor's real client and protocol.

The servers play a competent model (tests/vendors/competent.py). Once the first model is dead, and every test of the
suite is a failover.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.integration_tests import chat_models as suite

from copilot import RoutedChatModel
from tests.vendors import OpenAIServer, Reply, Request, VendorServer
from tests.vendors.clients import SERVERS
from tests.vendors.competent import competent


def _png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 4, 3, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + b"\xff\0\0" * 4 for _ in range(3)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


_FILES = {".png": _png(), ".pdf": b"%PDF-1.4\n%%EOF\n"}


def _download(url: str, **_: Any) -> SimpleNamespace:
    """Stand in for the downloads of the suite: a picture and a PDF, which tests without a network make themselves."""
    return SimpleNamespace(content=_FILES[Path(url).suffix])


@pytest.fixture(autouse=True)
def _no_downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "httpx", SimpleNamespace(get=_download))


class Standard(ChatModelIntegrationTests):
    """The suite over one vendor; what follows are its own flags of what a model can do."""

    dialect = ""
    details: tuple[str, ...] = ()
    server: VendorServer

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _server(cls) -> Iterator[None]:
        with SERVERS[cls.dialect](_Caching()) as cls.server:
            yield
        assert not cls.server.refused
        assert not cls.server.mistakes

    @pytest.fixture(autouse=True)
    def _key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("VENDOR_KEY", self.server.api_key)

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return RoutedChatModel

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"models": [self._entry("first"), self._entry("second", model=_MODELS[self.dialect] + "-2")]}

    def _entry(self, name: str, **more: Any) -> dict[str, Any]:
        key = {} if self.dialect == "ollama" else {"api_key_env": "VENDOR_KEY"}
        told = {"name": name, "provider": self.dialect, "model": _MODELS[self.dialect], "vision": True}
        return {**told, "base_url": self.server.base_url, "json_schema": True, **key, **more}  # type: ignore[attr-defined]

    @property
    def model_override_value(self) -> str:
        return _MODELS[self.dialect] + "-2"

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def supports_image_inputs(self) -> bool:
        return True

    @property
    def supports_image_urls(self) -> bool:
        return True

    @property
    def supports_pdf_inputs(self) -> bool:
        return True

    @property
    def supports_image_tool_message(self) -> bool:
        return True

    @property
    def supports_pdf_tool_message(self) -> bool:
        return True

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True

    @property
    def supported_usage_metadata_details(self) -> dict[Any, list[Any]]:
        return {"invoke": list(self.details), "stream": list(self.details)}

    def invoke_with_reasoning_output(self, *, stream: bool = False) -> AIMessage:
        return self._answer("Think before you answer.", stream)

    def invoke_with_cache_read_input(self, *, stream: bool = False) -> AIMessage:
        self._answer("The same again.", stream)
        return self._answer("The same again.", stream)

    def _answer(self, words: str, stream: bool) -> AIMessage:
        model = RoutedChatModel(**self.chat_model_params)
        if not stream:
            return model.invoke(words)
        full: AIMessageChunk | None = None
        for chunk in model.stream(words):
            full = chunk if full is None else full + chunk
        assert full is not None
        return full


_MODELS = {
    "openai": "gpt-4.1",
    "openai_responses": "gpt-4.1",
    "anthropic": "claude-sonnet-5",
    "mistral": "mistral-medium-latest",
    "google": "gemini-3-pro",
    "ollama": "qwen3",
}


class _Caching:
    """A competent model whose vendor keeps what it has read, and which thinks when it is told to."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def __call__(self, request: Request) -> Reply:
        reply, key = competent(request), repr(request.messages or request.body)
        cached = reply.input_tokens // 2 if key in self.seen else 0
        self.seen.add(key)
        return reply.with_(cached_tokens=cached, reasoning_tokens=5 if "Think before" in key else 0)


class TestOpenAI(Standard):
    dialect = "openai"
    details = ("reasoning_output", "cache_read_input")


class TestResponses(Standard):
    dialect = "openai_responses"
    details = ("reasoning_output", "cache_read_input")


class TestAnthropic(Standard):
    dialect = "anthropic"
    details = ("cache_read_input",)


class TestMistral(Standard):
    dialect = "mistral"


class TestGoogle(Standard):
    dialect = "google"
    details = ("reasoning_output", "cache_read_input")


class TestOllama(Standard):
    dialect = "ollama"


class TestWithADeadFirstVendor(Standard):
    """Every answer is the second vendor's: the first dies at once, in the middle, or with half a tool call."""

    dialect = "anthropic"
    dead: OpenAIServer

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _dead_server(cls) -> Iterator[None]:
        with OpenAIServer(_Caching(), always="500") as cls.dead:
            yield
        assert cls.dead.requests

    @property
    def chat_model_params(self) -> dict[str, Any]:
        told = {"provider": "openai", "model": "gpt-4.1", "api_key_env": "VENDOR_KEY", "json_schema": True}
        return {
            "models": [{**told, "name": "dead", "base_url": self.dead.base_url}, *super().chat_model_params["models"]]
        }
