"""Run a program in the sandbox, within its limits, and nothing where there is no sandbox."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import IO

from copilot.errors import PluginError
from copilot.plugins.sandbox import bubblewrap, namespaces, seatbelt, watch
from copilot.plugins.sandbox.job import Job, Ran, Stopped, Way
from copilot.plugins.sandbox.limits import Limits

#: Seconds between two looks at what a run takes, and that its output may take to end after it did.
_LOOK, _LAST = 0.1, 2.0
_PIECE = 1 << 16


def run(job: Job, way: Way | None = None) -> Ran:
    """Run the job and return how it ended; nothing of it runs any more then.

    Raises PluginError where there is no sandbox, or it can't be started.
    """
    command = (way or chosen()).launch(job)
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={},
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        raise PluginError(f"The sandbox can't be started: {error.strerror}.") from error
    try:
        return _followed(process, job)
    finally:
        _end(process)


@cache
def chosen() -> Way:
    """Return the way that works on this machine; raises PluginError that says what to install where none does."""
    reasons = []
    for way in (bubblewrap.found(), namespaces.found(), seatbelt.found()):
        if way is not None:
            why = _why_not(way)
            if not why:
                return way
            reasons.append(f"{way.name}: {why}")
    said = f" ({'; '.join(reasons)})" if reasons else ""
    hint = (
        "On Linux install bubblewrap (apt install bubblewrap, dnf install bubblewrap), and allow user namespaces; in a "
        "container it needs the rights to make them. On Windows use WSL."
    )
    raise PluginError(f"Scripts run in a sandbox only, and there is none here{said}.", hint=hint, code="no_sandbox")


def _why_not(way: Way) -> str:
    """Return why a program can't be run this way here, or ""."""
    with tempfile.TemporaryDirectory() as folder:
        skill, work = Path(folder, "skill"), Path(folder, "work")
        skill.mkdir()
        work.mkdir()
        try:
            ran = run(Job(("/bin/sh", "-c", "exit 0"), skill, work, limits=Limits(seconds=10)), way)
        except PluginError as error:
            return str(error)
    return "" if ran.code == 0 else (ran.errors.strip().splitlines() or [f"code {ran.code}"])[-1][:200]


class _Output:
    """What a stream said: its beginning is kept, all of it is counted."""

    def __init__(self, kept: int) -> None:
        self._left = kept
        self._pieces: list[bytes] = []
        self.size = 0

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        self._pieces.append(piece[: self._left])
        self._left -= len(self._pieces[-1])

    @property
    def text(self) -> str:
        kept = b"".join(self._pieces)
        more = self.size - len(kept)
        return kept.decode("utf-8", "replace") + (f"\n[cut: {more:,} more bytes]" if more else "")


def _followed(process: subprocess.Popen[bytes], job: Job) -> Ran:
    """Read what the program says until it ends or has too much of something."""
    assert process.stdout is not None
    assert process.stderr is not None
    outputs = {process.stdout: _Output(job.limits.kept), process.stderr: _Output(job.limits.kept)}
    stopped = _read(process, outputs, job)
    _end(process)
    code = None if stopped else process.returncode
    return Ran(code, stopped, outputs[process.stdout].text, outputs[process.stderr].text)


def _read(process: subprocess.Popen[bytes], outputs: dict[IO[bytes], _Output], job: Job) -> Stopped:
    end = time.monotonic() + job.limits.seconds
    looked = 0.0
    with selectors.DefaultSelector() as selector:
        for stream in outputs:
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select(_LOOK):
                _take(key.fd, key.fileobj, outputs, selector)
            now = time.monotonic()
            if now > end:
                return "" if process.poll() is not None else "time"
            if sum(each.size for each in outputs.values()) > job.limits.output:
                return "output"
            if now - looked >= _LOOK:
                looked = now
                if process.poll() is not None:
                    end = min(end, now + _LAST)
                if found := watch.excess(process.pid, job.work, job.limits):
                    return found
    return _waited(process, end, job)


def _take(fd: int, stream: object, outputs: dict[IO[bytes], _Output], selector: selectors.BaseSelector) -> None:
    piece = os.read(fd, _PIECE)
    if piece:
        outputs[stream].add(piece)  # type: ignore[index]
    else:
        selector.unregister(fd)


def _waited(process: subprocess.Popen[bytes], end: float, job: Job) -> Stopped:
    """Wait for a program that has closed its outputs, looking after it as before."""
    while True:
        try:
            process.wait(_LOOK)
        except subprocess.TimeoutExpired:
            if time.monotonic() > end:
                return "time"
            if found := watch.excess(process.pid, job.work, job.limits):
                return found
        else:
            return "disk" if watch.excess(process.pid, job.work, job.limits) else ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """End everything that was started: with the first process of the sandbox all others in it end."""
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
