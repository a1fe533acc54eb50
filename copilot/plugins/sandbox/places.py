"""What of the machine's own file system a program in the sandbox may read: the system's programs and libraries."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from copilot.plugins.sandbox.job import WORK, Job

_FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64")
_FILES = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/alternatives", "/etc/localtime", "/etc/fonts", "/etc/mime.types")
#: What of /proc changes the whole machine where the person is root: it is shown, and can't be written.
_PROC = ("sys", "sysrq-trigger", "irq", "bus", "acpi", "scsi", "mtrr", "pressure", "fs")
#: Bytes of the sandbox's own /tmp, which lies in memory.
TMP_BYTES = 64 << 20


def system() -> tuple[list[str], list[tuple[str, str]]]:
    """Return the folders and files to be shown where they are, and the links (target, place) beside them."""
    links = [(os.readlink(place), place) for place in _FOLDERS if os.path.islink(place)]
    folders = [place for place in _FOLDERS if os.path.isdir(place) and not os.path.islink(place)]
    return [*folders, *(place for place in _FILES if os.path.exists(place))], links


def guarded() -> list[str]:
    """Return the places in /proc that must not be written."""
    return [f"/proc/{name}" for name in _PROC if os.path.exists(f"/proc/{name}")]


def interpreters(job: Job, shown: list[str]) -> list[Path]:
    """Return the folders of interpreters that do not lie in what is shown already, the outer ones first."""
    return sorted({p for p in job.readable if not any(p.is_relative_to(place) for place in shown)})


def launcher(spec: Mapping[str, Any]) -> list[str]:
    """Return the command that starts launch.py with this SPEC."""
    return [sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py")), json.dumps(spec)]


def spec_of(job: Job, command: list[str], inside: Mapping[str, Any] | None, *, filter: int = -1) -> dict[str, Any]:
    """Return the SPEC of launch.py for a job."""
    return {
        "limits": job.limits.of_process(),
        "env": job.env,
        "command": command,
        "cwd": "/" if inside is None else WORK,
        "inside": inside,
        "filter": filter,
    }
