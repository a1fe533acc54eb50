"""What a request is answered when it is refused: problem details as JSON, RFC 9457."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from copilot._redaction import redacted

TYPE = "application/problem+json"


class Refused(Exception):
    """The request is not taken: the status of the answer, why, and headers that belong to it."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """Return the answer; `type` is about:blank, so the title is that of the status (RFC 9457, section 4.2.1)."""
    told: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    return JSONResponse({**told, "detail": redacted(detail)}, status, headers, media_type=TYPE)


async def refused(request: Request, error: Exception) -> Response:
    """Answer a refused request."""
    assert isinstance(error, Refused)
    return problem(error.status, error.detail, error.headers)
