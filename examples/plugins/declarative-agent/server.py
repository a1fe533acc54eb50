"""The days of leave that leave.openapi.yaml describes: it listens on this machine only."""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

LEAVE = {"Ann": (30, 12), "Bob": (30, 4)}


class Leave(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        person = unquote(self.path.rpartition("/")[2]).capitalize()
        days, left = LEAVE.get(person, (0, 0))
        body = json.dumps({"person": person, "days": days, "left": left}).encode()
        self.send_response(200 if days else 404)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8097
    ThreadingHTTPServer(("127.0.0.1", port), Leave).serve_forever()
