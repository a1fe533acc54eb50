"""What `from copilot import RoutedChatModel` costs, beside importing LangGraph: CPU, with written bytecode.

    python benchmarks/imports.py [rounds]

Ratios of the best of several runs in turns, so that whatever else the machine does is the same for all. The target for
the router is 1.10 times LangGraph.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile

LOOKS = ("pass", "import langgraph.graph", "from copilot import RoutedChatModel", "import copilot.models.setup")


def seconds(code: str, env: dict[str, str]) -> float:
    """Return the CPU seconds of a Python that runs `code`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], env=env, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    with tempfile.TemporaryDirectory() as home:
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        env = {**kept, "EVERPILOT_HOME": home, "PYTHONPYCACHEPREFIX": f"{home}/pyc"}
        for code in LOOKS:
            seconds(code, env)  # writes the bytecode
        runs = [[seconds(code, env) for code in LOOKS] for _ in range(rounds)]
    best = [min(column) for column in zip(*runs, strict=True)]
    print(f"{'best of ' + str(rounds):40}{'ms CPU':>8}{'x LangGraph':>13}")
    for code, taken in zip(LOOKS, best, strict=True):
        print(f"{code:40}{taken * 1000:8.0f}{taken / best[1]:13.2f}")


if __name__ == "__main__":
    main()
