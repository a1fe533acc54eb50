"""Connectors: the places where documents lie, each made available as a local folder to work in.

A place is written `name:rest` ("folder:~/Contracts"); without a name it is a local folder. The connector of that
name is the package `copilot.connectors.<name>`, or an entry point of the group `copilot.connectors`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import re
from pathlib import Path
from typing import Protocol

from copilot import _roots
from copilot.errors import PluginError

ENTRY_POINTS = "copilot.connectors"
_PLACE = re.compile(r"([a-z][a-z0-9_]+):(.*)\Z", re.DOTALL)  # two letters at least: C:\ is a drive
_DEFAULT = "folder"


class Connector(Protocol):
    """A way to documents. A connector's package has a `connector` attribute that is one."""

    def mount(self, place: str) -> Path:
        """Return a local folder that holds the place's documents; raises EverpilotError when it can't be reached."""
        ...


def mount(place: str) -> Path:
    """Return the local folder of a place like "folder:~/Contracts" or "~/Contracts"."""
    match = _PLACE.match(place)
    name, rest = (match[1], match[2]) if match else (_DEFAULT, place)
    return connector(name).mount(rest)


def connector(name: str) -> Connector:
    """Return the connector of that name; raises PluginError with the known ones."""
    if any((Path(root) / name / "__init__.py").is_file() for root in _roots.roots("connectors")):
        bundled: Connector = importlib.import_module(f"copilot.connectors.{name}").connector
        return bundled
    points = importlib.metadata.entry_points(group=ENTRY_POINTS)
    if name in points.names:
        loaded: Connector = points[name].load()
    else:
        raise PluginError(f"There is no connector {name!r}.", hint=f"There is: {', '.join(known())}.")
    return loaded


def known() -> list[str]:
    """Return the names of all connectors."""
    folders = (Path(root) for root in _roots.roots("connectors"))
    bundled = {p.parent.name for folder in folders for p in folder.glob("*/__init__.py")}
    return sorted(bundled | set(importlib.metadata.entry_points(group=ENTRY_POINTS).names))
