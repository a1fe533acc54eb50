"""A server that is a program: started in its own process group, heard line by line, and ended with us.

Model Context Protocol 2025-11-25, "Transports", stdio: messages are lines of JSON on stdin and stdout; stderr is a log.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

import anyio
import mcp_types
from anyio.abc import ByteReceiveStream, Process
from mcp.client import Transport
from mcp.shared.message import SessionMessage

from copilot.errors import PluginError
from copilot.plugins.mcp import limits
from copilot.plugins.mcp.config import INSIDE, Server
from copilot.trust.sanitise import safe_text

#: What a program is given of our environment; all else it is given by its entry.
INHERITED = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ"),
    *("APPDATA", "HOMEDRIVE", "HOMEPATH", "LOCALAPPDATA", "PATHEXT", "PROCESSOR_ARCHITECTURE", "PROGRAMFILES"),
    *("SYSTEMDRIVE", "SYSTEMROOT", "TEMP", "TMP", "USERNAME", "USERPROFILE", "COMSPEC"),
)
_CHUNK = 65_536
_CLOSED = (anyio.ClosedResourceError, anyio.BrokenResourceError, anyio.EndOfStream, OSError)


@dataclass
class Log:
    """What a program said beside its messages: the last lines of stderr, and of stdout what is no message."""

    lines: deque[str] = field(default_factory=lambda: deque(maxlen=limits.LOG_LINES))
    garbage: int = 0
    first: str = ""

    def say(self, text: str) -> None:
        """Keep a line of stderr."""
        if plain := safe_text(text[: limits.LOG_WIDTH]).strip():
            self.lines.append(plain)

    def misses(self, text: str) -> None:
        """Take note of a line on stdout that is no message."""
        self.garbage += 1
        self.first = self.first or safe_text(text[: limits.LOG_WIDTH]).strip()

    def told(self) -> str:
        """Return the end of it in a few words, for an error."""
        said = " / ".join(list(self.lines)[-3:])
        words = [f"It said: {said[-limits.LOG_WIDTH :]}"] if said else []
        if self.garbage:
            words.append(f"Its stdout held {self.garbage} line(s) that are no message, first: {self.first[:120]!r}.")
        return " ".join(words)


def environment(server: Server, env: Mapping[str, str]) -> dict[str, str]:
    """Return what the program finds in its environment: little of ours, and all that its entry names."""
    ours = {name: env[name] for name in INHERITED if name in env and not env[name].startswith("()")}
    return {**ours, **server.env, INSIDE: "1"}


@asynccontextmanager
async def _transport(server: Server, env: Mapping[str, str], log: Log, ended: Callable[[], None]) -> AsyncIterator[Any]:
    process = await _started(server, environment(server, env))
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    incoming, read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    write, outgoing = anyio.create_memory_object_stream[SessionMessage](0)
    stdin, stdout, stderr = process.stdin, process.stdout, process.stderr

    async def hear() -> None:
        async with incoming:
            with suppress(*_CLOSED):
                async for line in _lines(stdout, log):
                    if (message := _message(line, log)) is not None:
                        await incoming.send(message)
        ended()

    async def tell() -> None:
        async with outgoing:
            with suppress(*_CLOSED):
                async for each in outgoing:
                    text = each.message.model_dump_json(by_alias=True, exclude_unset=True)
                    await stdin.send(text.encode() + b"\n")
        ended()

    async with anyio.create_task_group() as group:
        group.start_soon(hear)
        group.start_soon(tell)
        group.start_soon(_overhear, stderr, log)
        try:
            yield read, write
        finally:
            with anyio.CancelScope(shield=True):
                read.close()
                write.close()
                await _end(process)
            group.cancel_scope.cancel()


def transport(server: Server, env: Mapping[str, str], log: Log, ended: Callable[[], None]) -> Transport:
    """Return the way to a program, for the SDK's client: entered it starts, left it ends it.

    `ended` is called when the program closes its side. Raises PluginError when it can't be started.
    """
    return cast(Transport, _transport(server, env, log, ended))


async def _started(server: Server, env: dict[str, str]) -> Process:
    folder = Path(server.cwd).expanduser() if server.cwd else None
    if folder is not None and not folder.is_dir():
        raise PluginError(f"Its folder {folder} is not there.", hint="Mend cwd in its entry.")
    command = os.path.expanduser(server.command)
    if os.sep in command and folder is not None and not os.path.isabs(command):
        command = str(folder / command)
    found = shutil.which(command, path=env.get("PATH"))
    if found is None:
        raise PluginError(f"{safe_text(server.command)} is not there, or can't be run.", hint=_needs(server.command))
    try:
        return await _spawn([*_dies_with_us(), found, *server.args], env, folder)
    except (OSError, ValueError) as error:
        raise PluginError(f"{safe_text(server.command)} can't be started: {error}.") from error


async def _spawn(command: list[str], env: dict[str, str], folder: Path | None) -> Process:
    if sys.platform == "win32":  # pragma: no cover
        from mcp.os.win32.utilities import create_windows_process

        errlog = cast("IO[str]", subprocess.PIPE)  # handed on as it is
        made = await create_windows_process(command[0], command[1:], env, errlog, folder)  # type: ignore[arg-type]
        return cast(Process, made)
    return await anyio.open_process(command, env=env, cwd=folder, start_new_session=True)


def _dies_with_us() -> list[str]:
    """Return what makes the kernel end the program when we are killed; where it can't, its stdin ends then."""
    if sys.platform != "linux" or (found := shutil.which("setpriv")) is None:
        return []
    return [found, "--pdeathsig", "KILL", "--"]


#: Programs that servers are started with, and what brings them.
_BRINGS = {
    **dict.fromkeys(("npx", "node", "npm"), "Node.js"),
    **dict.fromkeys(("uvx", "uv"), "uv (https://docs.astral.sh/uv)"),
    **{"bunx": "Bun", "bun": "Bun", "docker": "Docker", "podman": "Podman", "deno": "Deno", "pnpm": "pnpm"},
    **{"pnpx": "pnpm", "python": "Python", "python3": "Python", "dotnet": ".NET", "java": "Java", "pipx": "pipx"},
}


def _needs(command: str) -> str:
    brings = _BRINGS.get(Path(command).name, "")
    return f"Install {brings}." if brings else "Mend command in its entry, or install the program."


async def _lines(stream: ByteReceiveStream, log: Log) -> AsyncIterator[bytes]:
    """Yield the lines of stdout; a line that is too long, or too much garbage, ends it."""
    kept = bytearray()
    while log.garbage < limits.GARBAGE:
        chunk = await stream.receive(_CHUNK)
        start = 0
        while (stop := chunk.find(b"\n", start)) >= 0:
            kept += chunk[start:stop]
            yield bytes(kept)
            kept.clear()
            start = stop + 1
        kept += chunk[start:]
        if len(kept) > limits.MESSAGE:
            log.misses(f"a line of over {limits.MESSAGE // 1_000_000} MB")
            return


def _message(line: bytes, log: Log) -> SessionMessage | None:
    """Return the message of a line; None for what is none: many programs greet, or print what went wrong."""
    if not line.strip():
        return None
    try:
        return SessionMessage(mcp_types.jsonrpc_message_adapter.validate_json(line, by_name=False))
    except (ValueError, RecursionError):
        log.misses(line[: limits.LOG_WIDTH].decode("utf-8", "replace"))
    if line.lstrip().startswith((b"{", b"[")):
        raise anyio.BrokenResourceError  # it meant to answer, and we don't know whom
    return None


async def _overhear(stream: ByteReceiveStream, log: Log) -> None:
    kept = ""
    with suppress(*_CLOSED):
        while True:
            text = kept + (await stream.receive(_CHUNK)).decode("utf-8", "replace")
            *lines, kept = text.split("\n")
            for line in lines[-limits.LOG_LINES :]:
                log.say(line)
            kept = kept[-limits.LOG_WIDTH :]
    log.say(kept)


async def _end(process: Process) -> None:
    """End a program and all that it started: close its stdin, wait, then make it (MCP, "Lifecycle", Shutdown)."""
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    with suppress(*_CLOSED):
        await process.stdin.aclose()
    await _wait(process, limits.GRACE)
    if sys.platform == "win32":  # pragma: no cover
        from mcp.os.win32.utilities import terminate_windows_process_tree

        await terminate_windows_process_tree(process)
    else:
        from mcp.os.posix.utilities import terminate_posix_process_tree

        await terminate_posix_process_tree(process, limits.GRACE)
    await _wait(process, limits.GRACE)
    for stream in (process.stdout, process.stderr):
        with suppress(*_CLOSED):
            await stream.aclose()
    # A child that left the group may hold a pipe: asyncio's own transport is closed, too, or it warns.
    with suppress(AttributeError, PermissionError):
        cast(Any, process)._process._transport.close()


async def _wait(process: Process, seconds: float) -> None:
    """Wait until it ended, by looking: asyncio's wait() also waits for pipes that a child may hold."""
    with anyio.move_on_after(seconds):
        while process.returncode is None:
            await anyio.sleep(0.01)
