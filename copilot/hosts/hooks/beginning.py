"""A request of a webhook as a run: the same request (by its id) is the same run."""

from __future__ import annotations

import argparse
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from copilot.agent.copilot import Copilot
from copilot.errors import EverpilotError, SettingsError
from copilot.hosts.batch_commands import asked
from copilot.hosts.hooks.bodies import Asked
from copilot.hosts.hooks.problems import Refused
from copilot.hosts.hooks.signed import Proof
from copilot.jobs.job import Job
from copilot.jobs.runs import Runs
from copilot.jobs.store import Run
from copilot.jobs.work.filling import missing
from copilot.jobs.workflows import feed_of
from copilot.sections.jobs import HookSettings
from copilot.workspace.save import make_private

BY = "webhook"


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook, ready: what its requests ask of each document (`job`, `place`), and what they have to show."""

    name: str
    settings: HookSettings
    proof: Proof
    copilot: Copilot
    job: Job
    place: dict[str, Any]

    @property
    def folder(self) -> Path:
        """Return the folder of its documents."""
        return self.copilot.folder


def hook_of(name: str, settings: HookSettings, proof: Proof, base: Copilot) -> Hook:
    """Return a webhook whose work is checked. Raises SettingsError that names it."""
    folder = (base.folder / Path(settings.folder).expanduser()).resolve()
    if not (folder / settings.uploads).resolve().is_relative_to(folder):
        raise SettingsError(f"jobs.hooks.{name}: uploads = {settings.uploads!r} leads out of {folder}.")
    try:
        copilot = base if folder == base.folder else base.like(folder=folder, folders=())
        job, place = asked(_parsed(settings), copilot)
        recipe = _recipe(base.folder / Path(settings.recipe).expanduser(), copilot) if settings.recipe else None
    except EverpilotError as error:
        raise SettingsError(f"jobs.hooks.{name}: {error.message}", hint=error.hint) from None
    job = job.model_copy(update={"recipe": recipe})
    return Hook(name, settings, proof, copilot, job, {**place, "hook": name})


def _recipe(path: Path, copilot: Copilot) -> dict[str, Any]:
    """Return a recipe, checked; its inputs come with each request."""
    from copilot.jobs.recipes.examining import examined
    from copilot.jobs.recipes.reading import read

    return examined(read(path), copilot.skills.tools()).recipe.to_dict()


def _parsed(hook: HookSettings) -> argparse.Namespace:
    """Return the settings as the command line of a batch would say them."""
    inputs = [f"{name}={value}" for name, value in hook.inputs.items()] if hook.prompt else []
    said = {"work": hook.prompt, "given": list(hook.files), "input": inputs, "to": hook.to}
    what = {"fields": hook.fields, "table": hook.table, "budget": hook.budget, "model": hook.model, "agent": hook.agent}
    mode = {"yes": hook.mode == "yes", "read_only": hook.mode == "read-only", "dry_run": None}
    rest = {"rows": None, "report": None, "tries": None, "reuse": False, "deferred": False}
    return argparse.Namespace(**said, **what, **mode, **rest)


def begin(hook: Hook, runs: Runs, id: str, wanted: Asked) -> tuple[Run, bool]:
    """Return the run of a request, and whether it is new. Raises Refused (422) for what the work can't use."""
    run = _id(hook.name, id)
    if id and (there := _there(runs, run)) is not None:
        return there, False
    job, values = _said(hook, wanted.values)
    given = hook.place["given"] + [_below(hook, name) for name in wanted.files] + _kept(hook, run, wanted.brought)
    place = {**hook.place, "given": given, "values": values}
    if hook.settings.table:
        place = {**place, "table": place["table"].replace("{run}", run)}
        place["ours"] = [place["table"]]
    new = Run(run, job, place, title=f"webhook {hook.name}", by=f"{BY} {hook.name}")
    runs.client.open()
    runs.store.runs(1)
    with runs.database.begin() as connection:
        runs.store.create(new, connection)
        runs.client.put([feed_of(run, 0)], connection)
    return new, True


def of(hook: Hook, runs: Runs, id: str) -> Run | None:
    """Return a run of a webhook by its whole id, None if it has none of that id."""
    found = _there(runs, id)
    return found if found is not None and found.place.get("hook") == hook.name else None


def _there(runs: Runs, id: str) -> Run | None:
    try:
        found = runs.store.run(id)
    except EverpilotError:
        return None
    return found if found.id == id else None


def _id(name: str, id: str) -> str:
    unique = hashlib.sha256(f"{name}\0{id}".encode()).hexdigest()[:16] if id else secrets.token_hex(8)
    return f"{name}-{unique}"


def _said(hook: Hook, values: Mapping[str, Any]) -> tuple[Job, dict[str, Any]]:
    """Return the work with the values of a request: a recipe's inputs, or data that its prompt asks for.

    They are anybody's, though the sender is known: a prompt takes them as it takes the row of a table.
    """
    fixed = hook.settings.inputs
    if hook.job.recipe is None:
        allowed = {name: value for name, value in values.items() if name not in fixed}
        if lost := missing(hook.job.prompt, [*hook.job.inputs, *allowed]):
            raise Refused(422, f"The work needs values that the request does not have: {', '.join(lost)}.")
        return hook.job, allowed
    from copilot.jobs.recipes.inputs import bound
    from copilot.jobs.recipes.recipe import Recipe

    recipe = Recipe.of(hook.job.recipe)
    known = {name: value for name, value in values.items() if name in recipe.inputs}
    try:
        inputs = bound(recipe, {**known, **fixed})
    except EverpilotError as error:
        raise Refused(422, error.message) from None
    return hook.job.model_copy(update={"inputs": inputs}), {}


def _below(hook: Hook, name: str) -> str:
    """Return the path of a document that a request names: one below the folder, no pattern, no search."""
    try:
        place = hook.copilot.workspace.resolve(hook.folder / name)
        there = place.is_relative_to(hook.folder) and (place.is_file() or hook.copilot.workspace.exists(place))
    except (EverpilotError, OSError, ValueError):
        there = False
    if not there:
        raise Refused(422, f"There is no document {name[:100]!r} in the folder of this webhook.")
    return str(place)


def _kept(hook: Hook, run: str, brought: Mapping[str, bytes]) -> list[str]:
    """Put documents that a request brings into a folder of their own, and return it."""
    if not brought:
        return []
    into = hook.folder / hook.settings.uploads / run
    make_private(into)
    for name, content in brought.items():
        (into / name).write_bytes(content)
    return [str(into)]
