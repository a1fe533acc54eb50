"""Commands as processes of their own that need not import everything again.

One process a test session imports what a turn needs (nothing of it looks at the environment); each command is a fork of
it, with the arguments, the folder, the environment and the streams that a shell would give it. What a start costs is
measured in benchmarks/startup.py and tested in tests/test_cli.py with real starts; `make test-all` has only those.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

#: What a command imports anyway, sooner or later; skills are found by the environment, so they are not among it.
LIBRARIES = (
    *("copilot.agent.copilot", "copilot.agent.assembly", "copilot.agent.turn", "copilot.agent.router"),
    *("copilot.hosts.once", "copilot.hosts.commands", "copilot.models.builtin.planner", "copilot.models.router"),
    *("copilot.documents.excel.edits", "copilot.documents.word.edits", "copilot.documents.seeing"),
    *("langchain.agents", "langchain.agents.middleware", "langgraph.checkpoint.sqlite.aio", "langgraph.types"),
    *("langchain_openai", "langchain_anthropic", "langchain_core.language_models", "openai", "anthropic", "httpx"),
    *("docx", "pptx", "openpyxl", "lxml.etree", "pypdf", "python_calamine", "formualizer", "pydantic", "yaml"),
    *("rich.console", "rich.table", "rich.markdown", "prompt_toolkit", "markdown_it", "rapidfuzz", "platformdirs"),
    *("rank_bm25", "numpy", "regex", "tomlkit", "asyncio", "sqlite3", "aiosqlite", "importlib.metadata"),
)
ROOT = Path(__file__).resolve().parents[1]
#: Runs Python code in a process of its own: exit code, output and errors.
Python = Callable[[str], tuple[int, str, str]]


class Warm:
    """The process that the commands are forks of."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="warm")
        self._address = str(Path(self._folder.name) / "socket")
        env = {**os.environ, "PYTHONPATH": str(ROOT), "LANGGRAPH_STRICT_MSGPACK": "true"}
        ready, tell = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.warm", self._address, str(tell)],
            cwd=ROOT,
            env=env,
            pass_fds=(tell,),
        )
        os.close(tell)
        os.read(ready, 1)
        os.close(ready)

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()
        self._folder.cleanup()

    def run(
        self, arguments: Sequence[str], folder: Path, env: Mapping[str, str], stdin: str | None
    ) -> tuple[int, str, str]:
        """Return exit code (negative: the signal that ended it), output and errors of `everpilot ARGUMENTS`."""
        return self._forked(["everpilot", *arguments], folder, env, stdin)

    def python(self, code: str, env: Mapping[str, str]) -> tuple[int, str, str]:
        """Return the same of `python -c CODE` in the checkout."""
        return self._forked(["-c", code], ROOT, env, None)

    def _forked(
        self, command: Sequence[str], folder: Path, env: Mapping[str, str], stdin: str | None
    ) -> tuple[int, str, str]:
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            given.write((stdin or "").encode())
            given.seek(0)
            with socket.socket(socket.AF_UNIX) as channel:
                channel.settimeout(110)
                channel.connect(self._address)
                request = json.dumps([list(command), str(folder), dict(env)]).encode()
                null = os.open(os.devnull, os.O_RDONLY)
                streams = [null if stdin is None else given.fileno(), out.fileno(), err.fileno()]
                socket.send_fds(channel, [struct.pack("!I", len(request))], streams)
                channel.sendall(request)
                os.close(null)
                (status,) = struct.unpack("!i", _exactly(channel, 4))
            out.seek(0)
            err.seek(0)
            return os.waitstatus_to_exitcode(status), _text(out.read()), _text(err.read())


def _text(written: bytes) -> str:
    return written.decode("utf-8").replace("\r\n", "\n")


def _exactly(channel: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        more = channel.recv(count - len(found))
        if not more:
            raise ConnectionError("the warm process ended")
        found += more
    return found


def serve(address: str, tell: int) -> None:
    """Import, say so, and fork a command for each connection; each connection is served by a fork of its own."""
    for name in LIBRARIES:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        os.write(tell, b"!")
        os.close(tell)
        while True:
            channel, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _serve_one(channel)
            channel.close()


def _serve_one(channel: socket.socket) -> None:
    """Run one command in a fork, and send back how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    head, streams, _, _ = socket.recv_fds(channel, 4, 3)
    (size,) = struct.unpack("!I", head)
    command, folder, env = json.loads(_exactly(channel, size))
    child = os.fork()
    if child == 0:
        channel.close()
        _command(command, folder, env, streams)
    for stream in streams:
        os.close(stream)
    _, status = os.waitpid(child, 0)
    channel.sendall(struct.pack("!i", status))
    os._exit(0)


def _command(command: list[str], folder: str, env: dict[str, str], streams: list[int]) -> None:
    """Become the command."""
    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    sys.path[0] = str(ROOT)
    sys.argv = command[:1] if command[0] == "-c" else command
    encoding = env.get("PYTHONIOENCODING") or ("ascii" if env.get("LC_ALL") == "C" and not _utf8(env) else "utf-8")
    sys.stdin = _stream(0, "r", encoding)
    sys.stdout = _stream(1, "w", encoding)
    sys.stderr = _stream(2, "w", encoding)
    code: Any = 70
    try:
        code = _run(command)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except Exception:  # noqa: BLE001 - told and counted as an interpreter does
        traceback.print_exc()
        code = 1
    finally:
        _leave(code)


def _run(command: list[str]) -> int:
    """Run what the command is, and return its exit code."""
    if command[0] == "-c":
        exec(compile(command[1], "<string>", "exec"), {"__name__": "__main__"})
        return 0
    from copilot.cli import main

    return main(command[1:])


def _utf8(env: Mapping[str, str]) -> bool:
    return env.get("PYTHONUTF8") != "0"


def _stream(number: int, mode: str, encoding: str) -> Any:
    return open(number, mode, encoding=encoding, errors="backslashreplace" if number == 2 else None, closefd=False)


def _leave(code: int) -> None:
    """End as an interpreter does: exit functions, then flushed streams."""
    import atexit
    import threading

    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or 120
    os._exit(code)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
