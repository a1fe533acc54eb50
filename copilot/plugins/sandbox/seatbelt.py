"""The sandbox by seatbelt (sandbox-exec), as macOS has it."""

from __future__ import annotations

import json
import shutil
import sys

from copilot.plugins.sandbox import places
from copilot.plugins.sandbox.job import SKILL, WORK, Job

_READ = ("/usr", "/bin", "/sbin", "/System", "/Library/Apple", "/private/var/db/dyld", "/private/etc/localtime", "/dev")


class Seatbelt:
    """Runs programs by `sandbox-exec`; there is no other file system in it, so paths are put in place of ours."""

    name = "seatbelt"

    def __init__(self, path: str) -> None:
        self._path = path

    def launch(self, job: Job) -> list[str]:
        """Return the command, to be run on this machine, that runs the job."""
        command = [_here(argument, job) for argument in job.command]
        env = {name: _here(value, job) for name, value in job.env.items()} | {"TMPDIR": str(job.work)}
        spec = {**places.spec_of(job, [self._path, "-p", profile(job), *command], None), "env": env}
        return places.launcher({**spec, "cwd": str(job.work)})


def profile(job: Job) -> str:
    """Return the rules, in seatbelt's language: everything is denied but what is named."""
    readable = [*_READ, *map(str, job.readable), str(job.skill.resolve()), str(job.work.resolve())]
    reads = " ".join(f"(subpath {json.dumps(place)})" for place in readable)
    return (
        "(version 1)(deny default)(allow process-fork)(allow process-exec)(allow sysctl-read)(allow signal (target "
        f'same-sandbox))(allow file-read-metadata)(allow file-read* (literal "/") {reads})'
        f'(allow file-write* (subpath {json.dumps(str(job.work.resolve()))}) (literal "/dev/null"))'
    )


def _here(text: str, job: Job) -> str:
    for place, folder in ((SKILL, job.skill), (WORK, job.work)):
        if text == place or text.startswith(f"{place}/"):
            return str(folder.resolve()) + text.removeprefix(place)
    return text


def found() -> Seatbelt | None:
    """Return this way on macOS, else None."""
    path = shutil.which("sandbox-exec") if sys.platform == "darwin" else None
    return Seatbelt(path) if path else None
