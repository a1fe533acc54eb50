"""One event loop in a thread of its own, on which all connections talk to their servers.

Tools are plain functions and run in threads; the clients of connectors are asynchronous, so that one of them can wait
for many answers. Everything of a client is made and used on this loop.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from copilot.errors import ServiceError

T = TypeVar("T")

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_thread: threading.Thread | None = None


def run(work: Callable[[], Coroutine[Any, Any, T]], deadline: float, what: str = "The server") -> T:
    """Return what `work()` returns, run on the loop.

    After `deadline` seconds it is cancelled, and ServiceError says that `what` did not answer. Called on the loop
    itself it would wait for ever, so that is a RuntimeError.
    """
    loop = _running()
    if threading.current_thread() is _thread:
        raise RuntimeError("run() waits for the loop, and was called on it")
    future = asyncio.run_coroutine_threadsafe(work(), loop)
    try:
        return future.result(deadline)
    except concurrent.futures.TimeoutError:
        if future.done():  # the work's own, not ours
            raise
        future.cancel()
        raise ServiceError(
            f"{what} did not answer within {deadline:g} seconds.", hint="Try again later.", code="slow"
        ) from None
    except BaseException:
        future.cancel()
        raise


def _running() -> asyncio.AbstractEventLoop:
    global _loop, _thread
    with _lock:
        if _loop is None or _thread is None or not _thread.is_alive():
            _loop = asyncio.new_event_loop()
            _thread = threading.Thread(target=_loop.run_forever, name="everpilot-connections", daemon=True)
            _thread.start()
        return _loop


def close() -> None:
    """Cancel what is left, and end the loop; the next `run` makes a new one."""
    global _loop, _thread
    with _lock:
        loop, thread, _loop, _thread = _loop, _thread, None, None
    if loop is None or thread is None or not thread.is_alive():
        return
    future = asyncio.run_coroutine_threadsafe(_cancel_all(), loop)
    concurrent.futures.wait([future], timeout=2)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(2)
    if not thread.is_alive():
        loop.close()


async def _cancel_all() -> None:
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


atexit.register(close)
