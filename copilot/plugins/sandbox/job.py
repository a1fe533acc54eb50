"""What is run in the sandbox, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from copilot.plugins.sandbox.limits import Limits

#: Where the skill's folder and the program's own folder lie in the sandbox.
SKILL, WORK, TMP = "/sandbox/skill", "/sandbox/work", "/tmp"
#: Why a run was ended before it ended itself.
Stopped = Literal["", "time", "output", "memory", "processes", "disk"]

STOPPED: Mapping[str, str] = {
    "time": "It took longer than it may and was ended.",
    "output": "It wrote more output than it may and was ended.",
    "memory": "It took more memory than it may and was ended.",
    "processes": "It started more processes than it may and was ended.",
    "disk": "It wrote more files than it may and was ended.",
}


@dataclass(frozen=True)
class Job:
    """A program to be run: `command` is written with the sandbox's own paths.

    `skill` is a folder that it may read, `work` the only one that it may write; `readable` are folders of interpreters,
    which lie where they always do.
    """

    command: tuple[str, ...]
    skill: Path
    work: Path
    readable: tuple[Path, ...] = ()
    limits: Limits = field(default_factory=Limits)

    @property
    def env(self) -> dict[str, str]:
        """All environment variables that it sees."""
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": WORK,
            "TMPDIR": TMP,
            "LANG": "C.UTF-8",
            "SKILL_DIR": SKILL,
        }


@dataclass(frozen=True)
class Ran:
    """How a run ended: the exit code (None when it was ended, `stopped` says why), and what it said."""

    code: int | None
    stopped: Stopped
    output: str
    errors: str


class Way(Protocol):
    """A way to shut a program in."""

    name: str

    def launch(self, job: Job) -> list[str]:
        """Return the command, to be run on this machine, that runs the job."""
        ...
