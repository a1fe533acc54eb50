"""The help desk that openapi.yaml describes: it listens on this machine only, and forgets all when it ends."""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TICKETS: list[dict[str, Any]] = [
    {"id": 1, "title": "The printer prints in green", "open": True},
    {"id": 2, "title": "A new chair", "open": False},
]


class Desk(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        asked = parse_qs(urlsplit(self.path).query).get("open", [""])[0]
        found = [each for each in TICKETS if asked in ("", str(each["open"]).lower())]
        self._answer(200, found)

    def do_POST(self) -> None:
        given = json.loads(self.rfile.read(int(self.headers["content-length"])))
        TICKETS.append({"id": len(TICKETS) + 1, "open": True, **given})
        self._answer(201, TICKETS[-1])

    def _answer(self, status: int, data: Any) -> None:
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8099
    ThreadingHTTPServer(("127.0.0.1", port), Desk).serve_forever()
