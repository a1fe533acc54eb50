"""`everpilot doctor`: is everything here that is needed, and if not, what to do."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from copilot import settings
from copilot.errors import EverpilotError


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at, and what was found."""

    name: str
    ok: bool
    text: str


def checks(parsed: argparse.Namespace) -> list[Check]:
    """Return all checks; one that fails with an explained error is a failed check, never an exception."""
    found: list[Check] = []
    for name, look in _LOOKS.items():
        try:
            found.extend(Check(name, ok, text) for ok, text in look(parsed))
        except EverpilotError as error:
            found.append(Check(name, False, str(error)))
    return found


def _python(_: argparse.Namespace) -> Iterator[tuple[bool, str]]:
    yield sys.version_info >= (3, 11), f"{sys.version.split()[0]} (3.11 or newer is needed)"


def _package(_: argparse.Namespace) -> Iterator[tuple[bool, str]]:
    """GitHub's SDK brings an import package named `copilot`, too; in one environment they overwrite each other."""
    from importlib.metadata import packages_distributions

    import copilot

    owners = sorted(set(packages_distributions().get("copilot", [])) - {"everpilot"})
    place = Path(copilot.__file__ or "").parent
    if owners:
        yield False, f"the import package 'copilot' also belongs to {', '.join(owners)}; use an environment of its own"
    else:
        yield True, str(place)


def _state(_: argparse.Namespace) -> Iterator[tuple[bool, str]]:
    folder = settings.home()
    writable = os.access(folder, os.W_OK)
    private = os.name == "nt" or not folder.stat().st_mode & 0o077
    text = f"{folder}" if writable else f"{folder} can't be written; set EVERPILOT_HOME to another folder"
    yield writable, text
    if not private:
        yield False, f"{folder} can be read by others on this machine; run: chmod 700 {folder}"


def _settings(parsed: argparse.Namespace) -> Iterator[tuple[bool, str]]:
    folder = Path(parsed.dir or ".").expanduser().resolve()
    found, own = settings.load(folder), settings.user_file()
    yield True, f"{own}{'' if own.exists() else ' (not there yet)'}: {len(found.models)} models configured"
    for note in found.notes:
        yield False, note


def _models(parsed: argparse.Namespace) -> Iterator[tuple[bool, str]]:
    from copilot.agent.router import describe

    folder = Path(parsed.dir or ".").expanduser().resolve()
    for row in describe(settings.load(folder), settings.home(), os.environ):
        text = f"{row['name']}: {row['provider']} {row['model']} ({row['state']})"
        yield not row["state"].startswith("missing"), text


def _skills(parsed: argparse.Namespace) -> Iterator[tuple[bool, str]]:
    from copilot.agent.copilot import Copilot

    found = Copilot(parsed.dir or ".").skills
    yield bool(found.skills), ", ".join(f"{s.name} ({len(s.tools)} tools, {s.origin})" for s in found.skills)
    for problem in found.problems:
        yield problem.severity != "refused", f"{problem.severity}: {problem.where}: {problem.reason}"


def _plugins(parsed: argparse.Namespace) -> Iterator[tuple[bool, str]]:
    """What was installed, and what `[plugins] paths` names; what is wrong with it is told with the skills."""
    from copilot.plugins.discovery import discover
    from copilot.plugins.plugin import Reading

    chosen = settings.load(Path(parsed.dir or ".").expanduser().resolve())
    labels: dict[str, str] = {**chosen.trust.labels}
    found, _ = discover(Reading(settings.home(), settings=chosen.plugins, env=os.environ, labels=labels))
    yield True, ", ".join(f"{plugin.name} ({plugin.form})" for plugin in found) or "none is installed"


def _office(_: argparse.Namespace) -> Iterator[tuple[bool, str]]:
    missing = [n for n in ("docx", "openpyxl", "pptx", "lxml", "pypdf") if importlib.util.find_spec(n) is None]
    yield (
        not missing,
        f"missing: {', '.join(missing)}; install everpilot again" if missing else "all libraries are here",
    )


_LOOKS: dict[str, Callable[[argparse.Namespace], Iterator[tuple[bool, str]]]] = {
    "python": _python,
    "package": _package,
    "state": _state,
    "settings": _settings,
    "models": _models,
    "skills": _skills,
    "plugins": _plugins,
    "documents": _office,
}
