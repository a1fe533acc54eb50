"""Reading in a child process with limits on its time and memory: the backstop for files that nobody trusts.

The readers keep limits of their own, and refuse what exceeds them with the reason. This is for what they did not
foresee: a child that runs out of time, out of memory, or crashes takes nothing with it, and becomes a DocumentError.

It costs a start of Python, 0.3 s a file where reading an ordinary one takes 0.02 s; so a chat over a person's own
files reads in its own process. `everpilot inspect` reads here, and so should batch runs and bot hosts.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import asdict
from typing import Any, BinaryIO

from copilot.documents.refusals import named
from copilot.documents.segments import Reading, Segment
from copilot.errors import DOCUMENT_CODES, DocumentError

SECONDS = 3.0  # of computing; the start of the child is in it
BYTES = 512 << 20  # of address space
_SLOW = 10.0  # seconds by the clock for each second of computing: the machine may have other work
_BOOT = "import json,sys;sys.path[:]=json.loads(sys.argv[1]);from copilot.documents import guarded;guarded.main()"
_MAX_ANSWER = 256 << 20


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


def _limit(seconds: float, bytes: int) -> None:
    """Limit this process, as far as the system can: computing time, address space, no core file, no file written."""
    try:
        import resource
    except ImportError:
        return
    wanted = ((resource.RLIMIT_CPU, math.ceil(seconds)), (resource.RLIMIT_AS, bytes), (resource.RLIMIT_CORE, 0))
    for what, limit in (*wanted, (resource.RLIMIT_FSIZE, 0)):
        try:
            _, hard = resource.getrlimit(what)
            resource.setrlimit(what, (limit if hard < 0 else min(limit, hard), hard))
        except (ValueError, OSError):
            continue  # macOS refuses a limit on address space; the others still hold
