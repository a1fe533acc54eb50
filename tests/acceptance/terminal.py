"""A terminal with the command in it: what a person types goes in, what they would read comes out."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

_CONTROL = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[()][A-Z0-9]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[=>78]|\r|\x07"
)
CTRL_C, CTRL_D, UP, ALT_ENTER, TAB = "\x03", "\x04", "\x1b[A", "\x1b\r", "\t"


def _in_a_terminal() -> None:
    """Make the terminal the child's own; its Ctrl-C counts, also where the tests themselves run in the background."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """Runs `everpilot` on a pseudo-terminal; `expect` waits for a text with a deadline, nothing sleeps."""

    def __init__(
        self, *arguments: str, folder: Path, env: Mapping[str, str], rows: int = 30, columns: int = 100
    ) -> None:
        self._main, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        size = {"LINES": str(rows), "COLUMNS": str(columns), "TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "copilot", *arguments],
            cwd=folder,
            env={**env, **size},
            stdin=inner,
            stdout=inner,
            stderr=inner,
            start_new_session=True,
            preexec_fn=_in_a_terminal,
        )
        os.close(inner)
        self.seen = ""
        self._raw = b""
        self._at = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._main)

    def type(self, keys: str, *, enter: bool = True) -> None:
        """Press keys."""
        os.write(self._main, (keys + ("\r" if enter else "")).encode())

    def expect(self, text: str, seconds: float = 60) -> str:
        """Return what appeared up to and with `text`, from where the last `expect` ended."""
        deadline = time.monotonic() + seconds
        while (found := self.seen.find(text, self._at)) < 0:
            assert self._read(deadline), f"{text!r} did not appear in:\n{self.seen[self._at :]}"
        before, self._at = self._at, found + len(text)
        return self.seen[before : self._at]

    def ended(self, seconds: float = 60) -> int:
        """Return the exit code once the command ended and all that it wrote was read."""
        deadline = time.monotonic() + seconds
        while self._read(deadline):
            pass
        return self.process.wait(max(deadline - time.monotonic(), 1))

    def _read(self, deadline: float) -> bool:
        if not select.select([self._main], [], [], max(deadline - time.monotonic(), 0))[0]:
            return False
        try:
            data = os.read(self._main, 65536)
        except OSError:  # Linux says so when the other end is closed
            return False
        self._raw += data
        self.seen = _CONTROL.sub("", self._raw.decode("utf-8", "ignore"))
        assert "Traceback" not in self.seen, self.seen
        return bool(data)
