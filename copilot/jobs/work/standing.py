"""One assistant for many documents: everything that is costly to make is shared, and works on the scratch that is held
in the context of the call.

The graph, the tools and the builtin planner each know one workspace. Here it is a stand-in that hands everything on to
the scratch of the document at hand. The policy and the audit log are told the real place of a file, so that rules for
a folder hold in its copies, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from copilot.jobs.work.scratch import Scratch
from copilot.trust.guard import Guard
from copilot.trust.policy import Request, Verdict

if TYPE_CHECKING:
    from copilot.trust.audit import Audit
    from copilot.workspace.workspace import Workspace

_held: ContextVar[Scratch] = ContextVar("everpilot_scratch")


@contextmanager
def holding(scratch: Scratch) -> Iterator[Scratch]:
    """Let everything inside the block work on this scratch."""
    token = _held.set(scratch)
    try:
        yield scratch
    finally:
        _held.reset(token)


def at_hand() -> Scratch:
    """Return the scratch that is held here; raises LookupError outside of `holding`."""
    return _held.get()


class _StandIn:
    """Hands on to the workspace of the scratch at hand; `state` is where the shared things keep theirs, `done` what a
    tool says of a change that is written into the scratch."""

    def __init__(self, state: Path, done: str) -> None:
        self.state, self.done = state, done

    def __getattr__(self, name: str) -> Any:
        return getattr(at_hand().workspace, name)


def stand_in(state: Path, done: str) -> Workspace:
    """Return a workspace that is, at every call, the one of the scratch at hand."""
    return cast("Workspace", _StandIn(state, done))


class PlacedGuard(Guard):
    """The policy, asked about the real place of what lies in a scratch."""

    def judge(self, request: Request) -> Verdict:
        """Return the verdict; see `Guard.judge`."""
        return super().judge(_placed(request))

    def forbids(self, request: Request) -> Verdict | None:
        """Return the denial by a rule of the settings, if there is one; see `Guard.forbids`."""
        return super().forbids(_placed(request))


class PlacedAudit:
    """The audit log of the user, told of the real place of a file."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    def record(self, event: Mapping[str, Any]) -> int:
        """Append a record and return its number; see `Audit.record`."""
        scratch = _held.get(None)
        told = dict(event)
        if scratch is not None:
            told |= {name: scratch.real(told[name]) for name in ("path", "file") if told.get(name)}
            told["folder"] = str(Path(scratch.origin.place).parent) if scratch.origin.place else ""
        return self._audit.record(told)


def _placed(request: Request) -> Request:
    scratch = at_hand()
    return replace(request, paths=tuple(scratch.real(path) for path in request.paths))
