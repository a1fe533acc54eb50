"""Connectors: the places where documents lie, each made available as a local folder to work in.

A place is written `name:rest` ("folder:~/Contracts"); without a name it is a local folder. The connector of that
name is the package `copilot.connectors.<name>`, or an entry point of the group `copilot.connectors`. Some places lie
elsewhere ("microsoft365:Finance/Documents", "storage:s3://bucket/reports"): their connector opens a `Mount`, with the
account that the settings name, or the one behind `?account=`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from copilot import _roots
from copilot.errors import PluginError

if TYPE_CHECKING:
    from copilot.plugins.connections import Connections
    from copilot.workspace.mounts import Mount

ENTRY_POINTS = "copilot.connectors"
_PLACE = re.compile(r"([a-z][a-z0-9_]+):(.*)\Z", re.DOTALL)  # two letters at least: C:\ is a drive
_DEFAULT = "folder"


class Connector(Protocol):
    """A way to documents. A connector's package has a `connector` attribute that is one."""

    def mount(self, place: str) -> Path:
        """Return a local folder that holds the place's documents; raises EverpilotError when it can't be reached."""
        ...


class Opens(Protocol):
    """What a connector has, too, whose places lie elsewhere."""

    def open(self, place: str, connections: Connections, account: str = "") -> Mount:
        """Return a folder elsewhere; nothing is fetched before it is needed.

        Raises EverpilotError: no such account, or somebody has to sign in.
        """
        ...


def mount(place: str) -> Path:
    """Return the local folder of a place like "folder:~/Contracts" or "~/Contracts"."""
    name, rest = parted(place)
    return connector(name).mount(rest)


def lies_elsewhere(place: str) -> bool:
    """Return whether a place is opened as a mount; raises PluginError for a connector that there is not."""
    name, _ = parted(place)
    return name != _DEFAULT and hasattr(connector(name), "open")


def mounted(place: str, connections: Connections) -> Mount:
    """Return the mount of a place that lies elsewhere; raises EverpilotError when it can't be opened."""
    name, rest = parted(place)
    where, _, account = rest.partition("?account=")
    opener: Any = connector(name)
    found: Mount = opener.open(where, connections, account)
    return found


def parted(place: str) -> tuple[str, str]:
    """Return the connector of a place, and the place as it is called there."""
    match = _PLACE.match(place)
    return (match[1], match[2]) if match else (_DEFAULT, place)


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
