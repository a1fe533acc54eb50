"""The house stands: imports go down only, and the core knows no plugin by name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

FLOORS = {
    "documents": 0,
    "workspace": 1,
    "trust": 1,
    "models": 2,
    "plugins": 2,
    "agent": 3,
    "jobs": 4,
    "hosts": 5,
    "demo": 5,
}
BASE = {
    "errors",
    "sections",
    "settings",
    "slots",
    "_database",
    "_flock",
    "_roots",
    "_home",
    "_keyring",
    "_redaction",
    "_sealing",
}
#: Types on a lower floor that name one above for the type checker only would be listed here; there are none.
MODULES = sorted((ROOT / "copilot").rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_imports_go_down_only(path: Path) -> None:
    place = path.relative_to(ROOT / "copilot").parts
    own = FLOORS.get(place[0])
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "copilot" or len(parts) < 2:
            continue
        assert parts[1] not in ("skills", "connectors"), f"{name}: the core knows no plugin by name"
        if own is not None and parts[1] in FLOORS:
            assert FLOORS[parts[1]] <= own, f"{name} lies above {place[0]}"
        if place[0].removesuffix(".py") in BASE:
            assert parts[1] in BASE, f"{name}: the base imports nothing of the house"


@pytest.mark.parametrize(
    "path", sorted([*(ROOT / "skills").rglob("*.py"), *(ROOT / "connectors").rglob("*.py")]), ids=str
)
def test_skills_use_their_own_files_and_the_core(path: Path) -> None:
    for name in imports(path):
        assert not name.startswith(("copilot.skills", "copilot.connectors", "copilot.agent", "copilot.hosts")), name
        assert not name.startswith(("skills.", "connectors.")), name


def test_every_document_error_code_is_listed() -> None:
    from copilot.errors import DOCUMENT_CODES

    for path in (ROOT / "copilot" / "documents").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "DocumentError":
                for keyword in node.keywords:
                    if keyword.arg == "code" and isinstance(keyword.value, ast.Constant):
                        assert keyword.value.value in DOCUMENT_CODES, f"{path.name}: {keyword.value.value}"
