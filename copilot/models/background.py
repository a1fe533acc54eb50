"""The one event loop on which all model calls of the process run, in a thread of its own unless a host has one.

Vendor clients keep their connections bound to the loop that opened them; scripts come with a new loop for every
`asyncio.run`, notebooks with one that runs already, and some callers with none. With a loop of our own all of them
share the same clients, and a caller that blocks its loop can't make a healthy model look slow.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from copilot.models.listening import Emit, ModelEvent

_IDLE = 8  # threads that are kept for the next calls: to start one costs more than most calls need it for
T = TypeVar("T")
#: A coroutine function that is given where to put its events.
Work = Callable[[Emit], Coroutine[Any, Any, T]]


#: What a thread is to do: the future to fulfil, and with what.
_Job = tuple[Future[Any], Callable[..., Any], tuple[Any, ...], dict[str, Any]]


class _Threads(ThreadPoolExecutor):
    """Runs every call at once, in a thread that does not outlive the program; a few that are done wait for more.

    Clients without an async side run here (boto3 for one). One that hangs keeps its thread until its own read timeout:
    in a pool a few would starve all other models, and an interpreter waits for a pool's threads before it ends.
    """

    def __init__(self) -> None:
        super().__init__(max_workers=1)  # asyncio wants this class; its own threads are never started
        self._idle: list[queue.SimpleQueue[_Job]] = []
        self._guard = threading.Lock()

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Return the future of `fn(...)`, which is begun at once."""
        future: Future[T] = Future()
        with self._guard:
            box = self._idle.pop() if self._idle else None
        (box or self._started()).put((future, fn, args, kwargs))
        return future

    def _started(self) -> queue.SimpleQueue[_Job]:
        box: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        threading.Thread(target=self._work, args=(box,), name="everpilot-call", daemon=True).start()
        return box

    def _work(self, box: queue.SimpleQueue[_Job]) -> None:
        while True:
            _fulfil(*box.get())
            with self._guard:
                if len(self._idle) >= _IDLE:
                    return
                self._idle.append(box)


def _fulfil(future: Future[Any], fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = fn(*args, **kwargs)
    except BaseException as error:  # noqa: BLE001 - belongs to whoever waits for the future
        future.set_exception(error)
    else:
        future.set_result(result)


class _Background:
    """An event loop: one that a thread of its own runs for as long as the process lives, or that of a host."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.pid = os.getpid()
        self.loop = loop or asyncio.new_event_loop()
        self.thread = threading.current_thread()
        if loop is None:
            self.loop.set_default_executor(_Threads())
            self.thread = threading.Thread(target=self.loop.run_forever, name="everpilot-models", daemon=True)
            self.thread.start()


_lock = threading.Lock()
_current: _Background | None = None


def _background() -> _Background:
    global _current
    with _lock:
        if _current is None or _current.pid != os.getpid():  # a fork has our memory but not our thread
            _current = _Background()
        return _current


@contextmanager
def on_this_loop() -> Iterator[None]:
    """Run all model calls on the running loop, inside the block: for a host whose one loop lasts, and is never blocked.

    That saves a call two changes of threads. Where another host of the process has done so, that stays so.
    """
    global _current
    with _lock:
        mine = _Background(asyncio.get_running_loop()) if _current is None or _current.pid != os.getpid() else None
        _current = mine or _current
    try:
        yield
    finally:
        with _lock:
            _current = None if _current is mine else _current


async def run(work: Work[T], emit: Emit) -> T:
    """Return the result of `work`, run on the background loop in the caller's context; `emit` runs on this loop."""
    background = _background()
    here = asyncio.get_running_loop()
    if here is background.loop:
        return await work(emit)
    done = False

    def deliver(event: ModelEvent) -> None:
        if not done:
            emit(event)

    future = asyncio.run_coroutine_threadsafe(
        work(lambda event: _post(here, deliver, event)),
        background.loop,
    )
    try:
        return await asyncio.wrap_future(future)
    finally:
        done = True


def _post(loop: asyncio.AbstractEventLoop, deliver: Emit, event: ModelEvent) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(deliver, event)


def run_sync(work: Work[T], emit: Emit) -> T:
    """Return the result of `work` to a caller without a loop, or inside one; `emit` runs in the calling thread.

    Raises:
        RuntimeError: called on the background loop's own thread, which can't wait for itself.
    """
    background = _background()
    if threading.current_thread() is background.thread:
        raise RuntimeError("A model was called synchronously from inside a model call: use ainvoke there.")
    events: queue.SimpleQueue[ModelEvent | None] = queue.SimpleQueue()
    future = asyncio.run_coroutine_threadsafe(work(events.put), background.loop)
    future.add_done_callback(lambda _: events.put(None))
    try:
        _drain(events, emit)
        return future.result()
    except BaseException:
        future.cancel()
        raise


def _drain(events: queue.SimpleQueue[ModelEvent | None], emit: Emit) -> None:
    while (event := events.get()) is not None:
        emit(event)
