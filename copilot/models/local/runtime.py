"""The processes that hold models, one for each file and its options, shared by all who name them.

In this process a load would stop everything (xllamacpp holds the interpreter's lock while it reads the file), and a
crafted file that crashes native code would take the assistant along. So each model lives in a child (child.py), which
is given its order on stdin, sees none of our environment's keys, and ends with us however we end.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import logging
import os
import secrets
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from copilot.errors import EverpilotError, SettingsError
from copilot.models.failures import AttemptFailed, Failure
from copilot.models.local import gguf
from copilot.models.local.probe import Abilities, probe

log = logging.getLogger(__name__)

_CHILD = Path(__file__).with_name("child.py")
_TAIL = 60  # lines of the runtime's own log that are kept for the reason of a failure
_PROGRESS = 10.0  # seconds between two lines of our log while a model is loaded
_GOODBYE = 2.0  # seconds that a process has to end by itself
#: Parts of the environment that a child needs: to find its libraries and devices. No keys, no proxies.
_KEPT = (
    "PATH",
    "HOME",
    "USERPROFILE",
    "SYSTEMROOT",
    "TEMP",
    "TMP",
    "TMPDIR",
    "LANG",
    "LC_ALL",
    "PYTHONPATH",
    "PYTHONHOME",
)
_KEPT_PREFIXES = ("LD_", "DYLD_", "GGML_", "CUDA_", "NVIDIA_", "HIP_", "ROCR_", "HSA_", "VK_", "OMP_", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True)
class Order:
    """A model's file and its options as JSON, so that equal ones share a process."""

    path: Path
    options: str = "{}"

    @classmethod
    def of(cls, model: str, options: Mapping[str, Any]) -> Order:
        """Return the order for a path (`~` is the home folder) and options.

        Raises:
            SettingsError: an option that is no plain value.
        """
        try:
            return cls(Path(model).expanduser(), json.dumps(options, sort_keys=True))
        except TypeError as error:
            raise SettingsError(f"models: an option of {model} can't be used: {error}.") from None


@dataclass(frozen=True, slots=True)
class Serving:
    """A loaded model: where it answers, with which key, and what it can do. `process` ends when it crashes."""

    url: str
    key: str = field(repr=False)
    abilities: Abilities
    process: subprocess.Popen[str] = field(repr=False)

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self.process.poll() is None

    async def crash(self) -> Failure | None:
        """Return how its process ended, or None: it runs. A connection breaks a moment before its process is gone."""
        try:
            code = await asyncio.to_thread(self.process.wait, 0.5)
        except subprocess.TimeoutExpired:
            return None
        return Failure("dead", f"its runtime crashed ({gguf.ending(code)}); it is started again when it is next asked")


class Runtime:
    """One model's process, started on first use and again after a crash."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self._lock = threading.Lock()
        self._coming: Future[Serving] | None = None
        self._process: subprocess.Popen[str] | None = None
        self._refused: tuple[object, EverpilotError] | None = None

    @property
    def serving(self) -> Serving | None:
        """The loaded model, or None: it is not loaded (yet), or its process is gone."""
        coming = self._coming
        done = coming is not None and coming.done() and coming.exception() is None
        found = coming.result() if coming is not None and done else None
        return found if found is not None and found.alive else None

    async def ready(self) -> Serving:
        """Return the loaded model; the first call loads it. Who is cancelled stops waiting, the loading goes on.

        Raises:
            SettingsError: the file or an option must be mended; it is not read again before it has changed.
            AttemptFailed: it crashed, or there is no port or too little memory.
        """
        if (found := self.serving) is not None:
            return found
        coming = await asyncio.to_thread(self._begun)
        return await asyncio.shield(asyncio.wrap_future(coming))

    def _begun(self) -> Future[Serving]:
        with self._lock:
            if self._coming is None or (self._coming.done() and self.serving is None):
                gguf.check(self.order.path)
                if self._refused is not None and self._refused[0] == self._stamp():
                    raise self._refused[1]
                self._coming = Future()
                name = f"everpilot-local-{self.order.path.name}"
                threading.Thread(target=self._supervise, args=(self._coming,), name=name, daemon=True).start()
            return self._coming

    def _stamp(self) -> object:
        found = self.order.path.stat()
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _supervise(self, coming: Future[Serving]) -> None:
        """Start a process, hand over what it serves, and wait for its end: on Linux it ends with this very thread."""
        try:
            with self._started() as process:
                serving = self._loaded(process)
                coming.set_result(serving)
                code = process.wait()
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it, whatever it is
            if isinstance(error, EverpilotError) and self.order.path.exists():
                self._refused = (self._stamp(), error)
            coming.set_exception(error)
            return
        if self._process is process:
            log.warning("The process of %s ended (%s).", self.order.path.name, gguf.ending(code))

    def _started(self) -> subprocess.Popen[str]:
        env = {k: v for k, v in os.environ.items() if k.upper() in _KEPT or k.upper().startswith(_KEPT_PREFIXES)}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(_CHILD)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
                env={**env, "PYTHONUTF8": "1"},
            )
        except OSError as error:
            raise AttemptFailed(Failure("config", f"its process can't be started: {error.strerror}")) from error
        return self._process

    def _loaded(self, process: subprocess.Popen[str]) -> Serving:
        assert process.stdout
        assert process.stderr
        said: deque[str] = deque(maxlen=_TAIL)
        drain = threading.Thread(target=said.extend, args=(process.stderr,), daemon=True)
        drain.start()
        key = secrets.token_urlsafe(32)
        order = {"model": str(self.order.path), "options": json.loads(self.order.options), "key": key}
        began = time.monotonic()
        with _Progress(self.order.path):
            _send(process, {**order, "parent": os.getpid()})
            told = json.loads(process.stdout.readline() or "{}")
            if "url" not in told:
                raise self._not_loaded(process, told, said, drain)
            abilities = self._probed(process, told["url"], key)
        log.info(
            "%s is loaded after %.1f s: a window of %d tokens, tools: %s.",
            *(self.order.path.name, time.monotonic() - began, abilities.window, abilities.calls),
        )
        return Serving(told["url"], key, abilities, process)

    def _not_loaded(
        self, process: subprocess.Popen[str], told: Mapping[str, str], said: deque[str], drain: threading.Thread
    ) -> Exception:
        code = process.wait()
        drain.join(_GOODBYE)
        if told.get("error"):
            return SettingsError(f"models: {self.order.path.name}: {told['error']}", hint=told.get("hint", ""))
        log.debug("The runtime said: %s", "".join(said))
        return gguf.why_not_loaded(self.order.path, "".join(said), code)

    def _probed(self, process: subprocess.Popen[str], url: str, key: str) -> Abilities:
        import httpx

        try:
            return probe(url, key)
        except (httpx.HTTPError, ValueError, KeyError) as error:
            process.kill()
            text = f"its runtime does not answer as it should ({type(error).__name__})"
            raise AttemptFailed(Failure("dead", text)) from error

    def stop(self) -> None:
        """End the process, if there is one."""
        process, self._process, self._coming = self._process, None, None
        if process is None or process.poll() is not None:
            return
        process.kill()  # it holds nothing that would have to be written
        process.wait(_GOODBYE)


def _send(process: subprocess.Popen[str], order: dict[str, Any]) -> None:
    assert process.stdin
    try:
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
    except OSError:
        return  # it has ended already; why stands on its stderr


class _Progress:
    """Says in the log that a model is being loaded, and that it still is."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._done = threading.Event()

    def __enter__(self) -> None:
        log.info("Loading %s (%.1f GB).", self._path.name, self._path.stat().st_size / 1e9)
        threading.Thread(target=self._tell, daemon=True).start()

    def _tell(self) -> None:
        began = time.monotonic()
        while not self._done.wait(_PROGRESS):
            log.info("%s is still being loaded after %.0f s.", self._path.name, time.monotonic() - began)

    def __exit__(self, *exc: object) -> None:
        self._done.set()


_lock = threading.Lock()
_pid = os.getpid()
_runtimes: dict[Order, Runtime] = {}


def of_process(order: Order) -> Runtime:
    """Return the one `Runtime` of this process for an order."""
    global _pid
    with _lock:
        if _pid != os.getpid():  # a fork has our memory, but the children are not its own
            _pid = os.getpid()
            _runtimes.clear()
        return _runtimes.setdefault(order, Runtime(order))


def all_of_process() -> Iterator[Runtime]:
    """Yield every runtime of this process."""
    with _lock:
        yield from list(_runtimes.values()) if _pid == os.getpid() else ()


@atexit.register
def stop_all() -> None:
    """End every model's process; the next use starts it again."""
    for runtime in all_of_process():
        runtime.stop()
