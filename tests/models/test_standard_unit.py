"""LangChain's own standard unit tests, passed by the router like by any vendor's chat model."""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_tests.unit_tests import ChatModelUnitTests

from copilot import RoutedChatModel

MODELS = [
    {"name": "claude", "provider": "anthropic", "model": "claude-sonnet-5", "api_key_env": "CLAUDE_KEY"},
    {"name": "gpt", "provider": "openai", "model": "gpt-5-mini"},
]


class TestUnit(ChatModelUnitTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return RoutedChatModel

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"models": MODELS, "routing": {"order": ["gpt", "claude"]}}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        return {"CLAUDE_KEY": "secret"}, {"models": MODELS, "prefer": "claude-sonnet-5"}, {"prefer": "claude"}
