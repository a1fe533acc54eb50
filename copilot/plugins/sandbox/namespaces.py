"""The sandbox by the namespaces of Linux themselves, and Landlock where the kernel has it; see launch.py."""

from __future__ import annotations

import platform
import sys

from copilot.plugins.sandbox import places
from copilot.plugins.sandbox.job import SKILL, TMP, WORK, Job


class Namespaces:
    """Runs programs in namespaces of their own, without any other program's help."""

    name = "namespaces"

    def launch(self, job: Job) -> list[str]:
        """Return the command, to be run on this machine, that runs the job."""
        shown, links = places.system()
        root = job.work.parent / "root"
        root.mkdir(exist_ok=True)
        bind = [
            *((place, place, False) for place in shown),
            *((str(p), str(p), False) for p in places.interpreters(job, shown)),
            (str(job.skill), SKILL, False),
            (str(job.work), WORK, True),
        ]
        inside = {
            "root": str(root),
            "bind": bind,
            "links": links,
            "tmp": places.TMP_BYTES,
            "guarded": places.guarded(),
            "processes": job.limits.processes,
            "writable": [WORK, TMP, "/dev"],
        }
        return places.launcher(places.spec_of(job, list(job.command), inside))


def found() -> Namespaces | None:
    """Return this way on a Linux whose system calls are known, else None."""
    known = sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64")
    return Namespaces() if known else None
