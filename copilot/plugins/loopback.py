"""The redirect of a sign-in, received on this machine (RFC 8252, section 7.3)."""

from __future__ import annotations

import hmac
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from copilot.errors import SettingsError

_PATH = "/callback"
_PAGE = "<!doctype html><meta charset=utf-8><title>Everpilot</title><p>{}</p>"
_MOST = 8_000  # characters of a request's first line, or of a form, that are looked at


class Listener:
    """Listens on 127.0.0.1 for the one redirect with this `state`; others are refused. `port` 0 is any free one.

    `host` and `path` are how the address is registered: some authorities know http://localhost only.
    """

    def __init__(self, port: int, state: str, host: str = "http://127.0.0.1", path: str = _PATH) -> None:
        self.answer: dict[str, str] | None = None
        self._state = state
        self._host, self._path = host, path
        try:
            self._server = HTTPServer(("127.0.0.1", port), _handler(self))
        except OSError as error:
            raise SettingsError(
                f"The sign-in can't listen on port {port}: {error.strerror}.", hint="Set redirect_port to another."
            ) from error

    @property
    def redirect_uri(self) -> str:
        """Where the browser is sent to in the end."""
        return f"{self._host}:{self._server.server_port}{self._path}"

    def wait(self, patience: float) -> dict[str, str] | None:
        """Return the redirect's parameters, or None: nobody came in that many seconds."""
        ends = time.monotonic() + patience
        while self.answer is None and (left := ends - time.monotonic()) > 0:
            self._server.timeout = min(left, 1.0)
            self._server.handle_request()
        return self.answer

    def take(self, target: str) -> bool:
        """Take a request's target; return whether it is the redirect that was waited for."""
        parts = urlsplit(target[:_MOST])
        found = dict(parse_qsl(parts.query, keep_blank_values=True))
        if parts.path != (self._path or "/") or not hmac.compare_digest(
            found.get("state", "").encode(), self._state.encode()
        ):
            return False
        self.answer = found
        return True

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.server_close()


def _handler(listener: Listener) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 5  # seconds that a connection may say nothing

        def do_GET(self) -> None:
            self._answer(listener.take(self.path))

        def do_POST(self) -> None:
            """Take a form: "OAuth 2.0 Form Post Response Mode", which keeps the code out of addresses."""
            size = min(int(self.headers.get("content-length") or 0), _MOST)
            form = self.rfile.read(size).decode("ascii", "replace")
            self._answer(listener.take(f"{self.path.partition('?')[0]}?{form}"))

        def _answer(self, taken: bool) -> None:
            told = (
                "You can close this page and go back to Everpilot." if taken else "This is not the page you look for."
            )
            body = _PAGE.format(told).encode()
            self.send_response(200 if taken else 400)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.send_header("content-length", str(len(body)))
            self.send_header("cache-control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Say nothing: the address holds the code."""

    return Handler
