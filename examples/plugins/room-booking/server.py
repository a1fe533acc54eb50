"""The rooms that openapi.json describes: it listens on this machine only, and forgets all when it ends."""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "let-me-in"  # what ROOMS_KEY must be
ROOMS: list[dict[str, Any]] = [
    {"id": "r1", "name": "Aspen", "floor": "2nd floor", "seats": 4, "equipment": ["screen"], "until": None},
    {"id": "r2", "name": "Birch", "floor": "3rd floor", "seats": 10, "equipment": [], "until": "2026-05-04T12:00:00Z"},
]
BOOKINGS: list[dict[str, Any]] = []


class Rooms(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        least = int(parse_qs(urlsplit(self.path).query).get("seats", ["1"])[0])
        free = [{**room, "link": f"https://rooms.example.com/{room['id']}"} for room in ROOMS if room["seats"] >= least]
        self._answer(200, {"rooms": free})

    def do_POST(self) -> None:
        given = json.loads(self.rfile.read(int(self.headers["content-length"])))
        BOOKINGS.append({"id": len(BOOKINGS) + 1, **given})
        self._answer(201, BOOKINGS[-1])

    def _answer(self, status: int, data: Any) -> None:
        if self.headers.get("X-Rooms-Key") != KEY:
            status, data = 401, {"error": "X-Rooms-Key is missing or wrong"}
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8098
    ThreadingHTTPServer(("127.0.0.1", port), Rooms).serve_forever()
