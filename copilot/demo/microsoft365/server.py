"""The fake served on this machine, from a thread of its own (for tests) or until it is told to stop (the demo)."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from copilot.demo.microsoft365.fake import FakeGraph
from copilot.errors import ServiceError, SettingsError

if TYPE_CHECKING:
    import uvicorn

HOST = "127.0.0.1"


def listening(port: int = 0) -> socket.socket:
    """Return the socket to serve on, on this machine only. Raises SettingsError when the port is taken."""
    made = socket.socket()
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((HOST, port))
        made.listen(128)
    except OSError as error:
        made.close()
        message = f"http://{HOST}:{port} can't be served: {error.strerror or error}."
        raise SettingsError(message, hint="Take another port: --port 0 takes a free one.") from error
    return made


def url_of(bound: socket.socket) -> str:
    """Return the address of what is served on a socket; Graph's paths (/v1.0/...) follow it."""
    return f"http://{HOST}:{bound.getsockname()[1]}"


def server(fake: FakeGraph) -> uvicorn.Server:
    """Return the server of a fake. Raises ServiceError when uvicorn is not installed."""
    try:
        import uvicorn
    except ImportError as error:
        raise ServiceError(
            "The demo needs uvicorn.", hint='Run: pip install "everpilot[demo]"', code="missing"
        ) from error
    config = uvicorn.Config(
        fake, interface="asgi3", http="h11", ws="none", lifespan="off", log_config=None, access_log=False,
        proxy_headers=False, server_header=False, date_header=False, timeout_graceful_shutdown=1, timeout_keep_alive=60,
    )  # fmt: skip
    return uvicorn.Server(config)


@contextmanager
def running(fake: FakeGraph, port: int = 0) -> Iterator[str]:
    """Serve in a thread and give the URL; at the end the thread is gone."""
    bound, files = listening(port), listening()
    fake.files = url_of(files)
    made = server(fake)
    thread = threading.Thread(target=made.run, kwargs={"sockets": [bound, files]}, name="fake-graph", daemon=True)
    thread.start()
    try:
        yield url_of(bound)
    finally:
        made.should_exit = True
        thread.join(10)
        bound.close()
        files.close()
