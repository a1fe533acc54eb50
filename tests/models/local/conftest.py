"""Tiny models, written once, and an end to their processes."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

MISSING = [name for name in ("xllamacpp", "gguf", "langchain_openai") if importlib.util.find_spec(name) is None]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if MISSING and here in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=f"{', '.join(MISSING)} has no wheel for this machine"))


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with plain.gguf, tools.gguf, bare.gguf (no template) and spaced.gguf."""
    from tests.models.local import tiny

    made = tmp_path_factory.mktemp("gguf")
    tiny.write(made / "plain.gguf", tiny.PLAIN)
    tiny.write(made / "tools.gguf", tiny.TOOLS)
    tiny.write(made / "bare.gguf")
    tiny.write(made / "spaced.gguf", tiny.PLAIN, space_prefix=True)
    tiny.write(made / "strange.gguf", tiny.PLAIN, architecture="llamax")
    return made


@pytest.fixture(autouse=True, scope="session")
def _stopped() -> Iterator[None]:
    # Tests that name the same file and options share its process, as candidates do.
    yield
    from copilot.models.local.runtime import stop_all

    stop_all()
