"""What finding a thousand skills costs, in seconds of CPU: `python benchmarks/skill_discovery.py`.

Beside it the least that any reader must do: list the folders, read each SKILL.md and parse its front matter with the
fastest YAML parser there is. The ceiling is 1 s for a thousand skills; the ratio says how much of it is ours.
"""

from __future__ import annotations

import gc
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import yaml

_SKILLS = 1_000
_ROUNDS = 5
_TEXT = """---
name: skill-{n}
description: Checks the invoices of region {n} against their orders, and says which amounts differ. Use it when somebody
  asks about invoices, orders, amounts due, or about the region by its number or name.
license: MIT
metadata:
  author: somebody
  version: "1.{n}"
allowed-tools: Read Grep Bash(git log:*)
---
# Invoices

Read the [rules](references/rules.md) first.

{body}
"""


def main() -> None:
    """Print the seconds of both, the least of some rounds, and their ratio."""
    with tempfile.TemporaryDirectory() as place:
        os.environ["EVERPILOT_HOME"] = place
        os.environ["HOME"] = place
        skills = Path(place) / "skills"
        _write(skills)
        from copilot.plugins import loader

        loader.load()  # our own skills import their tools once; that is no part of finding others
        ours = _seconds(lambda: loader.load())
        plain = _seconds(lambda: _plain(skills))
        print(f"{_SKILLS} skills: {ours:.3f} s of CPU; plain reading {plain:.3f} s; {ours / plain:.1f} times as much")


def _write(skills: Path) -> None:
    body = "Compare position by position. " * 250
    for n in range(_SKILLS):
        folder = skills / f"skill-{n}"
        (folder / "references").mkdir(parents=True)
        (folder / "references" / "rules.md").write_text("Rules.")
        (folder / "SKILL.md").write_text(_TEXT.format(n=n, body=body))


def _plain(skills: Path) -> int:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found = 0
    for entry in os.scandir(skills):
        with open(f"{entry.path}/SKILL.md", encoding="utf-8") as file:
            found += bool(yaml.load(file.read().split("---\n", 2)[1], Loader=loader)["description"])
    return found


def _seconds(act: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(_ROUNDS):
        gc.collect()
        start = time.process_time()
        act()
        best = min(best, time.process_time() - start)
    return best


if __name__ == "__main__":
    main()
