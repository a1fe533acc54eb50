"""The command `sync`: what waits for places elsewhere."""

from __future__ import annotations

import argparse

from copilot.cli import DONE, FAILED
from copilot.hosts.once import open_copilot
from copilot.hosts.output import as_json
from copilot.trust.sanitise import safe_text


def sync(parsed: argparse.Namespace) -> int:
    """Store what waits for the opened places, and say what became of each change; fails while any waits still."""
    copilot = open_copilot(parsed)
    told = [*copilot.workspace.notes, *copilot.workspace.sync()]  # opening them is the first try
    left = [copilot.workspace.show(path) for mount in copilot.mounts.values() for path in mount.waiting()]
    if parsed.json:
        as_json({"told": told, "waiting": left})
    else:
        print(safe_text("\n".join(dict.fromkeys(told)) or "Nothing waits to be stored."))
    return FAILED if left else DONE
