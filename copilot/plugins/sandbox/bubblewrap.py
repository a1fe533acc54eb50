"""The sandbox by bubblewrap (bwrap), the program that Flatpak uses for it."""

from __future__ import annotations

import os
import platform
import re
import shutil
import stat
import subprocess
from functools import cache

from copilot.plugins.sandbox import places
from copilot.plugins.sandbox.job import SKILL, TMP, WORK, Job

#: The descriptor under which it finds the filter of system calls.
_FILTER = 9


class Bubblewrap:
    """Runs programs by `bwrap`, at `path`; `options` are those that this version has of the ones we would like."""

    name = "bubblewrap"

    def __init__(self, path: str, options: frozenset[str]) -> None:
        self._path = path
        self._options = options

    def launch(self, job: Job) -> list[str]:
        """Return the command, to be run on this machine, that runs the job."""
        shown, links = places.system()
        binds = [arg for place in shown for arg in ("--ro-bind", place, place)]
        binds += [arg for target, place in links for arg in ("--symlink", target, place)]
        seen = [arg for p in places.interpreters(job, shown) for arg in ("--ro-bind", str(p), str(p))]
        size = ["--size", str(places.TMP_BYTES)] if "--size" in self._options else []
        inside = ["--disable-userns"] if "--disable-userns" in self._options else []
        # bwrap itself leaves /proc/sys to be written by whoever is root outside.
        guarded = [arg for place in places.guarded() for arg in ("--ro-bind", place, place)]
        # One with the rights of root (setuid) would lose them with the filter on: it puts it on the program itself.
        late = ["--seccomp", str(_FILTER)] if self._is_setuid else []
        command = [
            *(self._path, *late, "--unshare-user", "--unshare-all", "--die-with-parent", "--new-session", *inside),
            *("--uid", "65534", "--gid", "65534", "--cap-drop", "ALL", "--hostname", "sandbox"),
            *(
                *binds,
                "--proc",
                "/proc",
                *guarded,
                "--dev",
                "/dev",
                "--remount-ro",
                "/dev",
                *size,
                "--tmpfs",
                TMP,
                *seen,
            ),
            *("--ro-bind", str(job.skill), SKILL, "--bind", str(job.work), WORK),
            *("--remount-ro", "/", "--chdir", WORK, "--", *_limited(job)),
        ]
        return places.launcher(places.spec_of(job, command, None, filter=_FILTER if self._is_setuid else -1))

    @property
    def _is_setuid(self) -> bool:
        return bool(os.stat(self._path).st_mode & stat.S_ISUID)


def _limited(job: Job) -> list[str]:
    """Return the command under a limit of processes, which counts in the sandbox alone only since Linux 5.14.

    Before, it would count what the person runs as well. `-u` is bash's word, `-p` dash's.
    """
    if _version(platform.release()) < (5, 14):
        return list(job.command)
    most = job.limits.processes
    text = f'ulimit -u {most} 2>/dev/null || ulimit -p {most} 2>/dev/null; exec "$@"'
    return ["/bin/sh", "-c", text, "sh", *job.command]


def _version(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", release)[:2])


@cache
def found() -> Bubblewrap | None:
    """Return bubblewrap, or None where it is not installed."""
    path = shutil.which("bwrap")
    if path is None:
        return None
    try:
        told = subprocess.run([path, "--help"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return Bubblewrap(path, frozenset(word for word in (told.stdout + told.stderr).split() if word.startswith("--")))
