"""Fixtures for a conftest to import: servers that are stopped at the end of the test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.vendors import AnthropicServer, OpenAIServer


@pytest.fixture
def openai_server() -> Iterator[OpenAIServer]:
    """A server that echoes in the OpenAI protocol; give it `replies` and `faults`."""
    with OpenAIServer() as server:
        yield server


@pytest.fixture
def anthropic_server() -> Iterator[AnthropicServer]:
    """A server that echoes in the Anthropic protocol; give it `replies` and `faults`."""
    with AnthropicServer() as server:
        yield server
