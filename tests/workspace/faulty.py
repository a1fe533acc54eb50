"""Run in a process of its own: saves of one format, each with one call of the system that kills or fails.

The calls are those of Python's `os` that the saving uses, the exchange of names, and the writing of the new bytes (half
of them are written first). Arguments: a folder, a suffix, "kill", "EIO" or "ENOSPC", the first call and the stride.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from copilot.errors import EverpilotError
from copilot.workspace import exchange, save
from copilot.workspace.change import Change, sha256
from copilot.workspace.workspace import Workspace

LOOKING = ["stat", "lstat", "open", "close", "read", "fstat", "listxattr", "getxattr", "scandir"]
DOING = ["fsync", "replace", "rename", "unlink", "link", "mkdir", "chmod", "chown", "utime", "setxattr", "removexattr"]


def document(suffix: str, text: str) -> bytes:
    stream = io.BytesIO()
    if suffix == "docx":
        import docx

        made = docx.Document()
        made.add_paragraph(text)
        made.save(stream)
    elif suffix == "xlsx":
        import openpyxl

        book = openpyxl.Workbook()
        book.active["A1"] = text
        book.save(stream)
    elif suffix == "pptx":
        import pptx

        deck = pptx.Presentation()
        deck.slides.add_slide(deck.slide_layouts[0]).shapes.title.text = text
        deck.save(stream)
    else:
        return (text * 2000).encode()  # of a size and kind that the store compresses
    return stream.getvalue()


class Fault:
    """Counts calls; at the chosen one the process dies or the call fails."""

    def __init__(self, kind: str, at: int) -> None:
        self.kind, self.left, self.on = kind, at, False

    def step(self, before: Callable[[], object] = lambda: None) -> None:
        if not self.on:
            return
        self.left -= 1
        if self.left != -1:
            return
        before()
        if self.kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        number = getattr(errno, self.kind)
        raise OSError(number, os.strerror(number))

    def wrap(self, owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def call(*args: Any, **named: Any) -> Any:
            self.step()
            return real(*args, **named)

        setattr(owner, name, call)

    def install(self) -> None:
        for name in DOING + (LOOKING if self.kind == "kill" else []):
            if hasattr(os, name):
                self.wrap(os, name)
        self.wrap(exchange, "_rename")
        real = save._write_all

        def write(stream: io.FileIO, content: bytes) -> None:
            self.step(lambda: stream.write(content[: len(content) // 2]))
            real(stream, content)

        save._write_all = write


def traits(path: Path) -> tuple[int, dict[str, bytes]]:
    return path.stat().st_mode, {name: os.getxattr(path, name) for name in os.listxattr(path)}


def run(base: Path, suffix: str, kind: str, at: int, old: bytes, new: bytes) -> bool:
    """Save once with the fault at call number `at`; return whether there were fewer calls than that."""
    root, state = base / "docs", base / "state"
    root.mkdir(parents=True)
    path = root / f"a.{suffix}"
    path.write_bytes(old)
    path.chmod(0o640)
    try:
        os.setxattr(path, "user.origin", b"here")
    except OSError:
        print("no attributes", file=sys.stderr)
    kept = traits(path)
    child = os.fork()
    if child == 0:
        fault = Fault(kind, at)
        fault.install()
        workspace = Workspace([root], state)
        fault.on = True
        try:
            workspace.commit(Change(path, sha256(old), new, (), "Edit"), key="k")
            code = 10
        except EverpilotError:
            code = 11
        os._exit(code + 2 * (fault.left >= 0))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in ((-signal.SIGKILL, 12) if kind == "kill" else (10, 11, 12)), (kind, at, status)
    seen = path.read_bytes()
    assert seen in (old, new), (kind, at, "torn")
    again = Workspace([root], state)
    assert path.read_bytes() == seen
    assert traits(path) == kept, (kind, at, traits(path))
    entry = again.committed("k")
    assert (entry is not None) == (seen == new), (kind, at, "silent")
    if status in (10, 11):
        assert (status == 10) == (seen == new), (kind, at, "told otherwise")
    assert [p.name for p in root.iterdir()] == [path.name], (kind, at, "litter")
    if entry is None:
        again.commit(Change(path, sha256(old), new, (), "Edit"), key="k")
    assert path.read_bytes() == new
    again.undo()
    assert path.read_bytes() == old
    assert traits(path) == kept
    again.redo()
    assert path.read_bytes() == new
    return status == 12


def main() -> None:
    base, suffix, kind, start, stride = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
    old, new = document(suffix, "old"), document(suffix, "new")
    at = start
    while not run(base / str(at), suffix, kind, at, old, new):
        shutil.rmtree(base / str(at))
        at += stride
    print(at)


if __name__ == "__main__":
    main()
