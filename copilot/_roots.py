"""Where the folders of skills and connectors lie: the user's first, then ours.

The user's folders come from the environment, so that a worker process has them before it unpickles anything.
"""

from __future__ import annotations

import os
from pathlib import Path


def roots(kind: str) -> list[str]:
    """Return the folders of `kind` ("skills" or "connectors"), the user's before the bundled one."""
    users = os.environ.get(f"COPILOT_{kind.upper()}_PATH", "")
    return [str(Path(p).expanduser()) for p in users.split(os.pathsep) if p] + [str(bundled(kind))]


def bundled(kind: str) -> Path:
    """Return our own folder of `kind`: inside the package in a wheel, at the top of the repository in a checkout."""
    package = Path(__file__).resolve().parent
    checkout = package.parent / kind
    inside = package / kind
    return checkout if (package.parent / "pyproject.toml").is_file() and checkout.is_dir() else inside
