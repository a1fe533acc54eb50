"""What the policy adds to one tool call, in milliseconds of CPU: `python benchmarks/policy_overhead.py`.

A long thread, fifty rules in the settings and fifty grants. The ceiling is 1 ms a call.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from copilot import Change, Hunk, Outgoing, Role, Slot, ToolContext, tool
from copilot.agent.requests import Asked, Requests
from copilot.agent.step import By
from copilot.plugins.tools import build
from copilot.settings import ToolRule, TrustSettings
from copilot.trust.guard import Guard
from copilot.trust.labels import UNKNOWN, USER, join
from copilot.trust.typed import Typed
from copilot.workspace.workspace import Workspace

_ROUNDS = 300


@tool(effect="write")
def put(
    ctx: ToolContext, path: Annotated[str, Slot("document")], cell: Annotated[str, Slot("cell")], value: float
) -> str:
    """Write a value."""
    return ""


@tool(effect="send", cues=["send"])
def send(ctx: ToolContext, to: Annotated[list[str], Role("recipient")], body: Annotated[str, Role("body")]) -> str:
    """Send a mail."""
    return ""


def main() -> None:
    """Print the milliseconds of each kind of call."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place).resolve()
        (root / "docs").mkdir()
        workspace = Workspace([root / "docs"], root / "state")
        rules = [ToolRule(tool=f"skill{n}.*", verdict="ask", folder=f"f{n}") for n in range(50)]
        guard = Guard(TrustSettings(tools=rules), root / "state", workspace.roots)
        for n in range(50):
            guard.grants.allow(f"skill{n}.tool", str(root))
        for name, call in _calls(workspace, guard).items():
            print(f"{name:8} {_milliseconds(call):.3f} ms")


def _calls(workspace: Workspace, guard: Guard) -> dict[str, Callable[[], object]]:
    said = [f"please put {n} into B{n} of file{n}.xlsx, then send it to a{n}@contoso.com; thank you" for n in range(60)]
    label = join([UNKNOWN, USER])
    requests = Requests(workspace, guard)

    def asked(function: object, **args: object) -> Asked:
        by = By("t", typed=Typed(tuple(said)))
        return Asked(build(function, skill="x"), args, label, "auto", by)  # type: ignore[arg-type]

    writing = asked(put, path="file3.xlsx", cell="B3", value=3)
    sending = asked(send, to=["a3@contoso.com"], body="Summary. " * 200)
    change = Change(workspace.roots[0] / "file3.xlsx", None, b"x" * 100_000, (Hunk("B3", "", "3", "cell"),), "Put 3")
    mail = Outgoing("mail", ("a3@contoso.com",), "Summary. " * 200, str)
    return {
        "read": lambda: guard.judge(requests.before(writing)),
        "write": lambda: guard.judge(requests.change(writing, [change], label)),
        "send": lambda: guard.judge(requests.send(sending, mail, label, {})),
    }


def _milliseconds(call: Callable[[], object]) -> float:
    call()
    begun = time.process_time()
    for _ in range(_ROUNDS):
        call()
    return (time.process_time() - begun) / _ROUNDS * 1000


if __name__ == "__main__":
    main()
