"""The router over the configured models, with the builtin planner that looks at this workspace."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel

from copilot.models import providers, setup
from copilot.models.builtin.planner import BuiltinPlanner, Ground
from copilot.models.router import RoutedChatModel
from copilot.settings import Settings
from copilot.workspace.workspace import Workspace


def build_router(
    settings: Settings,
    model: str | BaseChatModel | None,
    workspace: Workspace,
    state: Path,
    env: Mapping[str, str],
) -> RoutedChatModel:
    """Return the model node of the agent.

    `model` is the name of a configured model to ask first, or a chat model of the caller's that is asked first.
    Raises SettingsError for a name that is not there.
    """
    if isinstance(model, RoutedChatModel):
        return model
    planner = BuiltinPlanner(ground=Ground(workspace))
    if isinstance(model, BaseChatModel):
        return setup.routed(settings, state=state, env=env, builtin=planner, own=model)
    return setup.routed(settings, state=state, env=env, builtin=planner, prefer=model or "")


def over(router: RoutedChatModel, workspace: Workspace) -> RoutedChatModel:
    """Return a router with the models of another one, and a builtin planner that looks at this workspace."""
    return router.with_builtin(BuiltinPlanner(ground=Ground(workspace)))


def describe(settings: Settings, state: Path, env: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return one row a model for people and scripts; `state` is "ready", "missing: ..." or how its circuit stands."""
    rows = setup.describe(settings, state=state, env=env)
    if settings.routing.builtin:
        rows.append(_BUILTIN)
    rows = [{**row, "problem": row["problem"] or _not_installed(row["provider"])} for row in rows]
    return [{**row, "state": _state(row)} for row in rows]


def _not_installed(name: str) -> str:
    """Return what to install for a vendor whose client is not there, else an empty text; imports nothing of it."""
    if name == "builtin":
        return ""
    provider = providers.get(name)
    module = provider.client.partition(":")[0].partition(".")[0]
    if not provider.extra or find_spec(module) is not None:
        return ""
    return f'its client is not installed. Run: pip install "everpilot[{provider.extra}]"'


_BUILTIN: dict[str, Any] = {
    "name": "builtin",
    "provider": "builtin",
    "model": "no language model",
    "endpoint": "this machine",
    "key": "not needed",
    "circuit": "closed",
    "max_confidentiality": "restricted",
    "window": None,
    "price": None,
    "region": "",
    "problem": "",
}


def _state(row: Mapping[str, Any]) -> str:
    if row["problem"]:
        return f"missing: {row['problem']}"
    return "ready" if row["circuit"] == "closed" else str(row["circuit"])
