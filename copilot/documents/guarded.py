"""Reading in a child process with limits on its time and memory: the backstop for files that nobody trusts.

The readers keep limits of their own, and refuse what exceeds them with the reason. This is for what they did not
foresee: a child that runs out of time, out of memory, or crashes takes nothing with it, and becomes a DocumentError.

It costs a start of Python, 0.3 s a file where reading an ordinary one takes 0.02 s; so a chat over a person's own
files reads in its own process. `everpilot inspect` reads here; batch runs and bot hosts, which read many, keep a
`Reader`, whose child reads one file after the other, each with limits of its own.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import asdict
from typing import Any, BinaryIO

from copilot.documents.refusals import named
from copilot.documents.segments import Reading, Segment
from copilot.errors import DOCUMENT_CODES, DocumentError

SECONDS = 3.0  # of computing; the start of the child is in it
BYTES = 512 << 20  # of address space
_SLOW = 10.0  # seconds by the clock for each second of computing: the machine may have other work
_BOOT = "import json,sys;sys.path[:]=json.loads(sys.argv[1]);from copilot.documents import guarded;guarded.main()"
_BOOT_MANY = _BOOT.replace("guarded.main", "guarded.main_many")
_MAX_ANSWER = 256 << 20
_MOST_READ = 200  # files that one child reads: what their libraries keep of each is gone with it


def read_guarded(content: bytes, name: str, *, seconds: float = SECONDS, bytes: int = BYTES) -> Reading:
    """Return the document as `reading.read` and `survey` give it, read in a child process.

    `seconds` is computing time, `bytes` address space; on systems that can't limit these (Windows) the time is kept by
    the clock. Raises DocumentError: as the readers do, too_large for a file that takes more than the limits, broken for
    one that made the reader crash.
    """
    asked = {"name": name, "seconds": seconds, "bytes": bytes, "size": len(content)}
    command = [sys.executable, "-I", "-c", _BOOT, json.dumps(sys.path)]
    try:
        done = subprocess.run(
            command, input=json.dumps(asked).encode() + b"\n" + content, capture_output=True, timeout=seconds * _SLOW
        )
    except subprocess.TimeoutExpired:
        raise _too_slow(name, seconds) from None
    except OSError as error:
        raise DocumentError(f"{name} can't be read: no process for it could be started ({error}).") from error
    if done.returncode or not done.stdout:
        raise _died(name, done.returncode, seconds, done.stderr)
    return _answered(json.loads(done.stdout[:_MAX_ANSWER]))


class Reader:
    """Reads one document after the other in a child process that stays; for one thread at a time.

    Limits and errors are those of `read_guarded`. A file that ends a child which had read others before is read once
    more in a fresh one: what those left behind is not this one's fault.
    """

    _child: subprocess.Popen[bytes] | None = None

    def __init__(self, *, seconds: float = SECONDS, bytes: int = BYTES) -> None:
        self._seconds, self._bytes = seconds, bytes
        self._read = 0

    def read(self, content: bytes, name: str) -> Reading:
        """Return the document as `read_guarded` does; raises DocumentError like it."""
        if self._read >= _MOST_READ:
            self.close()
        fresh = self._read == 0
        try:
            return self._once(content, name)
        except DocumentError:
            if fresh or self._child is not None:  # it is the child's answer, or its own end
                raise
            return self._once(content, name)

    def close(self) -> None:
        """End the child, if there is one; the next file gets a new one."""
        child, self._child, self._read = self._child, None, 0
        if child is not None:
            child.kill()
            if child.stdin is not None:
                with suppress(OSError):  # what it was still to be told can't arrive any more
                    child.stdin.close()
            with child:  # closes the other pipes and waits
                pass

    def _once(self, content: bytes, name: str) -> Reading:
        child = self._started(name)
        late = threading.Event()

        def end() -> None:
            late.set()
            child.kill()

        timer = threading.Timer(self._seconds * _SLOW, end)
        timer.daemon = True
        timer.start()
        try:
            answer = self._asked(child, content, name)
        finally:
            timer.cancel()
        self._read += 1
        if answer is not None:
            return _answered(answer)
        code, said = child.wait(), child.stderr.read() if child.stderr else b""
        self.close()
        raise _too_slow(name, self._seconds) if late.is_set() else _died(name, code, self._seconds, said)

    def _asked(self, child: subprocess.Popen[bytes], content: bytes, name: str) -> dict[str, Any] | None:
        """Return what the child answers, None if it ended instead."""
        assert child.stdin is not None
        assert child.stdout is not None
        asked = {"name": name, "seconds": self._seconds, "size": len(content)}
        try:
            child.stdin.write(json.dumps(asked).encode() + b"\n")
            child.stdin.write(content)
            child.stdin.flush()
            size = int(child.stdout.readline() or b"0")
            answer = child.stdout.read(size) if 0 < size <= _MAX_ANSWER else b""
            found: dict[str, Any] | None = json.loads(answer) if answer else None
            return found
        except (OSError, ValueError):
            child.kill()
            return None

    def _started(self, name: str) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self.close()
            command = [sys.executable, "-I", "-c", _BOOT_MANY, json.dumps(sys.path), str(self._bytes)]
            pipe = subprocess.PIPE
            try:
                self._child = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe)
            except OSError as error:
                text = f"{name} can't be read: no process for it could be started ({error})."
                raise DocumentError(text) from error
        return self._child


def _too_slow(name: str, seconds: float) -> DocumentError:
    message = f"{name} takes more than {seconds:g} seconds to read, which ordinary files don't."
    return DocumentError(message, hint="Split it, or ask for a smaller copy.", code="too_large")


def _died(name: str, code: int, seconds: float, said: bytes) -> DocumentError:
    import signal

    if -code in (getattr(signal, "SIGXCPU", 0), getattr(signal, "SIGKILL", 0)):
        return _too_slow(name, seconds)
    if b"MemoryError" in said or b"memory" in said or -code == getattr(signal, "SIGABRT", 0):
        return DocumentError(f"{name} needs more memory than a file may.", hint="Split it.", code="too_large")
    message = f"{name} made the reader stop (status {code}), which a sound file does not."
    return DocumentError(message, hint="Open it in Office and save it again.", code="broken")


def _answered(answer: dict[str, Any]) -> Reading:
    if error := answer.get("error"):
        code = error["code"] if error["code"] in DOCUMENT_CODES else "broken"
        raise DocumentError(error["message"], hint=error["hint"], code=code)
    found = answer["reading"]
    segments = tuple(Segment(**segment) for segment in found.pop("segments"))
    flags, omitted = tuple(found.pop("flags")), tuple(found.pop("omitted"))
    return Reading(segments=segments, flags=flags, omitted=omitted, **found)


def main() -> None:
    """Be the child: read what to do and the file from standard input, write the answer as JSON."""
    asked = json.loads(sys.stdin.buffer.readline())
    _limit(asked["seconds"], asked["bytes"])
    answer = _read(sys.stdin.buffer, asked)
    sys.stdout.buffer.write(json.dumps(answer).encode())


def main_many() -> None:
    """Be the child of a `Reader`: answer one file after the other, each with its own time, until the input ends."""
    _limit(None, int(sys.argv[2]))
    os.set_blocking(2, False)  # nobody reads what libraries say before the end: it must not fill the pipe
    source, out = sys.stdin.buffer, sys.stdout.buffer
    while line := source.readline():
        asked = json.loads(line)
        _more_time(asked["seconds"])
        answer = json.dumps(_read(source, asked)).encode()
        out.write(b"%d\n" % len(answer))
        out.write(answer)
        out.flush()


def _read(source: BinaryIO, asked: dict[str, Any]) -> dict[str, Any]:
    from copilot.documents.reading import read
    from copilot.documents.survey import survey

    name = asked["name"]
    try:
        content = source.read(asked["size"])
        return {"reading": asdict(survey(content, read(content, name)))}
    except DocumentError as error:
        return _refused(named(error, name))
    except MemoryError:
        return _refused(DocumentError(f"{name} needs more memory than a file may.", code="too_large"))
    except Exception as error:  # noqa: BLE001 - broad: whatever a stranger's file makes the second look raise
        return _refused(DocumentError(f"{name} is damaged ({type(error).__name__}).", code="broken"))


def _refused(error: DocumentError) -> dict[str, Any]:
    return {"error": {"message": error.message, "hint": error.hint, "code": error.code}}


def _limit(seconds: float | None, bytes: int) -> None:
    """Limit this process, as far as the system can: computing time, address space, no core file, no file written."""
    try:
        import resource
    except ImportError:
        return
    wanted = [(resource.RLIMIT_AS, bytes), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0)]
    if seconds is not None:
        wanted.append((resource.RLIMIT_CPU, math.ceil(seconds)))
    for what, limit in wanted:
        try:
            _, hard = resource.getrlimit(what)
            resource.setrlimit(what, (limit if hard < 0 else min(limit, hard), hard))
        except (ValueError, OSError):
            continue  # macOS refuses a limit on address space; the others still hold


def _more_time(seconds: float) -> None:
    """Let this process compute for so many seconds from now."""
    try:
        import resource
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    try:
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        limit = math.ceil(used.ru_utime + used.ru_stime + seconds)
        resource.setrlimit(resource.RLIMIT_CPU, (limit if hard < 0 else min(limit, hard), hard))
    except (ValueError, OSError):
        return  # the parent's clock still holds
