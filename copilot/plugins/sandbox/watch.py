"""What a running program takes, looked at from outside: processes, memory, disk."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from copilot.plugins.sandbox.job import Stopped
from copilot.plugins.sandbox.limits import Limits

_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


@dataclass(frozen=True)
class Taken:
    """How many processes there are below one, and bytes of memory that they hold."""

    processes: int
    memory: int


def excess(process: int, work: Path, limits: Limits) -> Stopped:
    """Return what a run has too much of, or ""."""
    taken = below(process)
    if taken.processes > limits.processes:
        return "processes"
    if taken.memory > limits.memory:
        return "memory"
    return "disk" if _is_full(work, limits) else ""


def below(process: int) -> Taken:
    """Return what the descendants of a process take, by /proc; nothing where the system has none (proc(5))."""
    children: dict[int, list[int]] = defaultdict(list)
    memory: dict[int, int] = {}
    for each in _numbers():
        stat = _stat(each)
        if stat is not None:
            children[stat[0]].append(each)
            memory[each] = stat[1]
    found: list[int] = []
    level = [process]
    while level:
        level = [child for parent in level for child in children.get(parent, ())]
        found += level
    return Taken(len(found), sum(memory[each] for each in found))


def _numbers() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []


def _stat(process: int) -> tuple[int, int] | None:
    """Return a process's parent and the bytes it holds in memory, None when it is gone."""
    try:
        with open(f"/proc/{process}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return int(fields[1]), int(fields[21]) * _PAGE
    except (OSError, IndexError, ValueError):
        return None


def _is_full(work: Path, limits: Limits) -> bool:
    size = count = 0
    folders = [str(work)]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    count += 1
                    size += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    if count > limits.files or size > limits.disk:
                        return True
        except OSError:
            continue  # it is at work there: gone, or not ours to read
    return False
