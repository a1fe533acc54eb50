from __future__ import annotations

from pathlib import Path

import pytest

from copilot.models.builtin.planner import BuiltinPlanner

from . import folders, sample_skills
from .scoring import planner


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folders of the evaluation, by name."""
    made = {"office": folders.office, "practice": folders.practice}
    return {name: make(tmp_path_factory.mktemp(name)) for name, make in made.items()}


@pytest.fixture
def model(places: dict[str, Path]) -> BuiltinPlanner:
    """The planner over the small company's folder, with the sample skills."""
    return planner(places["office"], sample_skills.tools())
