"""The plugins that are loaded at the start: the installed ones, and those that `[plugins] paths` names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from copilot._redaction import redacted
from copilot.errors import EverpilotError
from copilot.plugins import readers
from copilot.plugins.plugin import Plugin, Reading
from copilot.plugins.skill import Problem
from copilot.trust.labels import Confidentiality
from copilot.trust.sanitise import safe_text

if TYPE_CHECKING:
    from copilot.plugins.mcp.config import Server


def discover(reading: Reading) -> tuple[list[Plugin], list[Problem]]:
    """Return the plugins that can be used, and all that is to be said of them and of the others.

    Nothing of them runs, but for the tools.py of skills that were installed. One that is broken is named and stops no
    other; of two of one name the first counts, and installed ones go first.
    """
    found, problems = _found(reading)
    if shared := _shared(found, reading):
        found, problems = _found(_uncleared(reading, shared))
        why = "more than one plugin calls its service {0!r}; none of them gets what [plugins.services.{0}] allows."
        problems += [Problem("settings", why.format(safe_text(name))) for name in sorted(shared)]
    return found, problems


def _shared(plugins: Iterable[Plugin], reading: Reading) -> set[str]:
    """Return the names of cleared services that several plugins use: any of them may call itself as it likes."""
    users = Counter(name for plugin in plugins for name in _services(plugin))
    return {name for name, times in users.items() if times > 1 and reading.clearance(name) > Confidentiality.PUBLIC}


def _services(plugin: Plugin) -> set[str]:
    """Return what a plugin calls the services that it talks to."""
    skills = (*plugin.skills, *(skill for persona in plugin.personas for skill in persona.all_skills))
    servers = (*plugin.servers, *(server for persona in plugin.personas for server in persona.all_servers))
    return {t.service.name for s in skills for t in s.tools if t.service} | {server.name for server in servers}


def _uncleared(reading: Reading, names: Iterable[str]) -> Reading:
    """Return the reading with nothing allowed to these services; their addresses stay."""
    chosen = {
        name: each.model_copy(update={"max_confidentiality": "public"}) if name in names else each
        for name, each in reading.settings.services.items()
    }
    return replace(reading, settings=reading.settings.model_copy(update={"services": chosen}))


def _found(reading: Reading) -> tuple[list[Plugin], list[Problem]]:
    from copilot.plugins.installed import Installed

    loadable, problems = Installed(reading.home).loadable()
    places = [(each.entry.name, each.root) for each in loadable]
    places += [("", Path(path).expanduser()) for path in reading.settings.paths]
    found: dict[str, Plugin] = {}
    for name, path in places:
        if name in reading.settings.disabled:
            continue
        plugin = _guarded(path, reading, problems)
        if plugin is None or plugin.name in reading.settings.disabled:
            continue
        if plugin.name in found:
            told = f"the plugin {plugin.name!r} is there already, from {found[plugin.name].root}; this one is left out."
            problems.append(Problem(safe_text(str(path)), told))
            continue
        if name:  # it was installed: a person trusted its Python, and it is as it was then
            from copilot.plugins.python_tools import with_python

            plugin = with_python(plugin)
        found[plugin.name] = replace(plugin, servers=_trusted(plugin.servers))
        problems.extend(_told(plugin.problems))
    return list(found.values()), problems


def _trusted(servers: Iterable[Server]) -> tuple[Server, ...]:
    """Return the servers of a plugin, each once (two agents may name one): they were trusted with the plugin.

    Whoever installed it, or named it in the settings, was shown them; their tools are pinned when they first list them.
    """
    found: list[Server] = []
    for server in servers:
        startable = replace(server, ask=False)
        if startable not in found:
            found.append(startable)
    return tuple(found)


def _guarded(path: Path, reading: Reading, problems: list[Problem]) -> Plugin | None:
    where = safe_text(str(path))
    try:
        return readers.read(path, reading)
    except EverpilotError as error:
        problems.append(Problem(where, safe_text(str(error))))
    except Exception as error:  # noqa: BLE001 - what strangers wrote may break any reader, and must stop no other
        told = redacted(f"it fails to load: {type(error).__name__}: {error}")
        problems.append(Problem(where, safe_text(told)))
    return None


def _told(problems: Iterable[Problem]) -> Iterator[Problem]:
    """Yield the problems with nothing in them that a terminal would obey."""
    for each in problems:
        yield Problem(safe_text(each.where), safe_text(each.reason), each.severity)
