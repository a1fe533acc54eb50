"""How soon something is there: `--help` and the chat's prompt, beside Python itself and beside importing LangGraph.

Ratios of the best of several runs, all in the same minute on the same machine. With written bytecode: as installed.
"""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

ROUNDS = 7
HELP = [sys.executable, "-m", "copilot", "--help"]
CHAT = [sys.executable, "-m", "copilot"]
_HEAVY = ("pydantic", "langchain_core", "langgraph", "rich", "docx", "openpyxl", "pptx", "lxml")


def environment(home: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "EVERPILOT_HOME": home, "PYTHONPYCACHEPREFIX": f"{home}/pyc", "PROMPT_TOOLKIT_NO_CPR": "1"}


def seconds(command: list[str], env: dict[str, str]) -> float:
    """Return how long a command takes to end."""
    start = time.perf_counter()
    subprocess.run(command, env=env, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def seconds_to_prompt(env: dict[str, str]) -> float:
    """Return how long the chat takes to draw its prompt on a terminal."""
    main, inner = pty.openpty()
    start = time.perf_counter()
    process = subprocess.Popen(CHAT, env=env, stdin=inner, stdout=inner, stderr=inner, start_new_session=True)
    os.close(inner)
    seen = b""
    while "›".encode() not in seen:
        assert select.select([main], [], [], 60)[0], seen
        seen += os.read(main, 4096)
    taken = time.perf_counter() - start
    process.kill()
    process.wait()
    os.close(main)
    return taken


def imported(code: str, env: dict[str, str]) -> list[str]:
    """Return which heavy packages are imported after `code`."""
    script = f"import sys\n{code}\nimport json; print(json.dumps(sorted(set({_HEAVY}) & set(sys.modules))))"
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout))


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        env = environment(home)
        looks: dict[str, Callable[[], float]] = {
            "python -c pass": lambda: seconds([sys.executable, "-c", "pass"], env),
            "import langgraph.graph, langchain.agents": lambda: seconds(
                [sys.executable, "-c", "import langgraph.graph, langchain.agents"], env
            ),
            "everpilot --help": lambda: seconds(HELP, env),
            "everpilot, until its prompt": lambda: seconds_to_prompt(env),
        }
        for look in looks.values():
            look()  # writes the bytecode
        best = {name: min(look() for _ in range(ROUNDS)) for name, look in looks.items()}
        python, langgraph = list(best.values())[:2]
        print(f"{'best of ' + str(ROUNDS):44}{'ms':>8}{'x python':>10}{'x LangGraph':>13}")
        for name, taken in best.items():
            print(f"{name:44}{taken * 1000:8.0f}{taken / python:10.1f}{taken / langgraph:13.2f}")
        print("heavy packages imported by --help:     ", imported("import copilot.cli", env) or "none")
        print("heavy packages imported for the prompt:", imported("import copilot.hosts.terminal.chat", env) or "none")


if __name__ == "__main__":
    main()
