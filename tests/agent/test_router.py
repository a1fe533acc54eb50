"""What is said of the configured models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from copilot.agent import router
from copilot.settings import ModelSettings, Settings


@pytest.mark.parametrize(
    ("provider", "client", "extra"),
    [
        ("openai", "langchain_openai", "openai"),
        ("azure_openai", "langchain_openai", "openai"),
        ("anthropic", "langchain_anthropic", "anthropic"),
        ("google", "langchain_google_genai", "google"),
    ],
)
def test_a_client_that_is_not_installed_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider: str, client: str, extra: str
) -> None:
    def state() -> dict[str, Any]:
        model = ModelSettings(name="x", provider=provider, model="m", base_url="http://127.0.0.1:9/v1", api_key_env="K")
        return router.describe(Settings(models=[model]), tmp_path, {"K": "key"})[0]

    assert state()["state"] == "ready"
    monkeypatch.setattr(router, "find_spec", lambda name: None if name == client else object())
    assert f'Run: pip install "everpilot[{extra}]"' in state()["problem"]
    assert state()["state"].startswith("missing: ")
