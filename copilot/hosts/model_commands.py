"""`everpilot models`, `eval` and `cost`: which models there are, how they do, and what they cost."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from copilot import settings as settings_module
from copilot.cli import DONE, NO_MODEL
from copilot.errors import NoModelError, SettingsError
from copilot.hosts import render
from copilot.hosts.once import open_copilot
from copilot.hosts.output import as_json, say
from copilot.settings import ModelSettings, Settings
from copilot.trust.sanitise import safe_text

if TYPE_CHECKING:
    from copilot.agent.copilot import Copilot
    from copilot.models.check import Checked
    from copilot.models.evaluate import Outcome, Task
    from copilot.models.router import RoutedChatModel


def models(parsed: argparse.Namespace) -> int:
    """List, add or test models."""
    return {"list": _list, "add": _add, "test": _test}[parsed.action](parsed)


def _list(parsed: argparse.Namespace) -> int:
    from copilot.agent.router import describe

    copilot = open_copilot(parsed)
    rows = describe(copilot.settings, copilot.state, os.environ)
    if parsed.json:
        as_json(rows)
        return DONE
    keys = ("name", "provider", "model", "endpoint", "state", "max_confidentiality")
    heads = ("Model", "Provider", "Vendor's name", "At", "State", "Most confidential")
    render.console().print(render.table(heads, [[row[key] for key in keys] for row in rows]))
    return DONE


def _router(copilot: Copilot, chosen: Settings | None = None) -> RoutedChatModel:
    from copilot.models.setup import routed

    return routed(chosen or copilot.settings, state=copilot.state, env=os.environ)


# --- test ---------------------------------------------------------------------------------------------------------


def _test(parsed: argparse.Namespace) -> int:
    copilot = open_copilot(parsed)
    router = _router(copilot)
    names = parsed.names or [c.name for c in router.roster.all()]
    if not names:
        say("no model is configured. Add one with: everpilot models add NAME --provider PROVIDER")
        return NO_MODEL
    found = [_checked(router, name) for name in names]
    if parsed.json:
        as_json([each.to_dict() for each in found])
    else:
        render.console().print(render.table(_HEADS, [_row(each) for each in found]))
    return DONE if all(each.status != "failed" for each in found) else NO_MODEL


_HEADS = ("Model", "Result", "First words", "Seconds", "Tokens", "Cost", "What to know")


def _row(found: Checked) -> tuple[str, ...]:
    tokens = f"{found.input_tokens + found.output_tokens:,}"
    first = "" if found.first is None else f"{found.first:.2f} s"
    return (found.name, found.status, first, f"{found.seconds:.1f}", tokens, _dollars(found.cost), found.problem)


def _checked(router: RoutedChatModel, name: str) -> Checked:
    from copilot.models.check import check

    if sys.stderr.isatty():
        say(f"asking {name} ...")
    return check(router, name)


# --- add ----------------------------------------------------------------------------------------------------------


def _add(parsed: argparse.Namespace) -> int:
    from copilot.models.configure import add_model

    model = _described(parsed)
    copilot = open_copilot(parsed)
    if not parsed.untested:
        known = copilot.settings.model_copy(update={"models": [model], "routing": settings_module.RoutingSettings()})
        found = _checked(_router(copilot, known), model.name)
        if found.status == "failed":
            say(f"{model.name} was not added: {found.problem} (--untested adds it all the same.)")
            return NO_MODEL
        render.console().print(render.table(_HEADS, [_row(found)]))
    path = settings_module.user_file()
    before = settings_module.load(copilot.folder).models
    add_model(path, model, first=parsed.first)
    print(f"{safe_text(model.name)} is in {safe_text(str(path))}.")
    _say_what_changed(copilot.folder, before, path)
    return DONE


def _say_what_changed(folder: Path, before: list[ModelSettings], path: Path) -> None:
    now = settings_module.load(folder).models
    if not before:
        say(f"from now on the models in {path} are used, and no longer those whose keys are in the environment.")
    elif now == before:
        say(f"the models of {folder / settings_module.FILE_NAME} take its place in this folder.")


def _described(parsed: argparse.Namespace) -> ModelSettings:
    """Return the model that the arguments describe; raises SettingsError."""
    from copilot.models import providers

    if len(parsed.names) != 1 or not parsed.provider:
        hint = "Say: everpilot models add NAME --provider PROVIDER [--model MODEL] [--base-url URL]"
        raise SettingsError("A model needs a name and a provider.", hint=hint)
    providers.get(parsed.provider)  # which offers the closest ones
    given = {name: getattr(parsed, name) for name in _FIELDS}
    told = {name: value for name, value in given.items() if value is not None}
    try:
        return ModelSettings(name=parsed.names[0], **told)
    except ValidationError as error:
        first = error.errors()[0]
        where = "--" + ".".join(str(part) for part in first["loc"]).replace("_", "-")
        raise SettingsError(f"{where}: {first['msg'].removeprefix('Value error, ')}.") from None


_FIELDS = (
    *("provider", "model", "base_url", "api_key_env", "api_key_cmd", "api_key_keyring"),
    *("region", "retention_days", "max_confidentiality", "budget"),
)


# --- eval ---------------------------------------------------------------------------------------------------------


def eval(parsed: argparse.Namespace) -> int:
    """Give models small tasks and keep their marks."""
    from copilot.models.evaluate import tasks

    copilot = open_copilot(parsed)
    router = _router(copilot)
    asked = tasks(Path(parsed.tasks).expanduser() if parsed.tasks else None)
    names = parsed.names or [c.name for c in router.roster.all()]
    if not names:
        say("no model is configured. Add one with: everpilot models add NAME --provider PROVIDER")
        return NO_MODEL
    found = {name: _marked(router, name, asked) for name in names}
    if parsed.json:
        as_json([_mark(name, outcomes) for name, outcomes in found.items()])
    else:
        rows = [(name, _share(outcomes), _missed(outcomes)) for name, outcomes in found.items()]
        render.console().print(render.table(("Model", "Right", "What went wrong"), rows))
    return DONE if all(isinstance(outcomes, list) for outcomes in found.values()) else NO_MODEL


def _marked(router: RoutedChatModel, name: str, asked: list[Task]) -> list[Outcome] | str:
    """Return the outcomes, or why there are none."""
    from copilot.models.evaluate import evaluate

    def progress(outcome: Outcome) -> None:
        if sys.stderr.isatty():
            say(f"{name}: {outcome.task}: {outcome.problem or 'right'}")

    try:
        return evaluate(router, name, asked, progress)
    except NoModelError as error:
        return str(error)


def _mark(name: str, outcomes: list[Outcome] | str) -> dict[str, Any]:
    if isinstance(outcomes, str):
        return {"model": name, "mark": None, "problem": outcomes, "tasks": []}
    right = sum(not o.problem for o in outcomes)
    told = [o.model_dump() for o in outcomes]
    return {"model": name, "mark": right / len(outcomes), "problem": "", "tasks": told}


def _share(outcomes: list[Outcome] | str) -> str:
    return "-" if isinstance(outcomes, str) else f"{sum(not o.problem for o in outcomes)} of {len(outcomes)}"


def _missed(outcomes: list[Outcome] | str) -> str:
    return outcomes if isinstance(outcomes, str) else "; ".join(f"{o.task}: {o.problem}" for o in outcomes if o.problem)


# --- cost ---------------------------------------------------------------------------------------------------------


def cost(parsed: argparse.Namespace) -> int:
    """Show what models were used for, and what they cost."""
    from copilot.models import ledger

    since = time.time() - parsed.days * 86400 if parsed.days else 0.0
    rows = ledger.of_process(settings_module.home()).totals(parsed.by, since=since)
    if parsed.json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return DONE
    if not rows:
        print("No vendor's model was used yet." if not parsed.days else f"None in the last {parsed.days} days.")
        return DONE
    heads = (parsed.by.capitalize(), "Calls", "Failed", "Tokens in", "(cached)", "Tokens out", "Wasted", "Cost")
    render.console().print(render.table(heads, [_spent(parsed.by, row) for row in [*rows, _sum(parsed.by, rows)]]))
    if any(row["unpriced"] for row in rows):
        say("the price of some models is not known: give them one in copilot.toml ([models.price]).")
    return DONE


def _spent(by: str, row: dict[str, Any]) -> tuple[str, ...]:
    numbers = ("calls", "failed", "input_tokens", "cached_tokens", "output_tokens", "wasted_tokens")
    cost = _dollars(row["cost"]) + (" and more" if row["unpriced"] and row["cost"] is not None else "")
    return (str(row[by]) or "-", *(f"{row[name]:,}" for name in numbers), cost)


def _sum(by: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    costs = [row["cost"] for row in rows if row["cost"] is not None]
    sums = {name: sum(row[name] for row in rows) for name in rows[0] if name not in (by, "cost")}
    return {by: "All", **sums, "cost": sum(costs) if costs else None}


def _dollars(cost: float | None) -> str:
    return "not known" if cost is None else f"${cost:.4f}"
