"""The requests: `POST /hooks/NAME` begins a run and answers at once, `GET /hooks/NAME/runs/ID` says how it stands."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from copilot.errors import EverpilotError
from copilot.hosts.hooks import beginning, bodies, signed
from copilot.hosts.hooks.beginning import Hook
from copilot.hosts.hooks.problems import Refused, problem, refused
from copilot.jobs.job import WAITING
from copilot.jobs.runs import Runs
from copilot.jobs.store import Document, Run

_log = logging.getLogger(__name__)
_PAGE = 1_000  # documents in one answer
_LOCAL = frozenset({"127.0.0.1", "localhost", "::1", "[::1]", ""})


class Rate:
    """So many requests in any minute. `clock` counts seconds."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._taken: deque[float] = deque(maxlen=per_minute)
        self._clock = clock

    def wait(self) -> float:
        """Return the seconds until the next may come; 0.0 counts one."""
        now = self._clock()
        if len(self._taken) == self._taken.maxlen and now - self._taken[0] < 60.0:
            return 60.0 - (now - self._taken[0])
        self._taken.append(now)
        return 0.0


class Desk:
    """Answers the requests of webhooks. `clock` tells Unix seconds."""

    def __init__(self, hooks: Mapping[str, Hook], runs: Runs, clock: Callable[[], float] = time.time) -> None:
        self._hooks = hooks
        self._runs = runs
        self._clock = clock
        self._rates = {name: Rate(hook.settings.per_minute) for name, hook in hooks.items()}

    async def begin(self, request: Request) -> Response:
        """Begin the run of a request, or return the one that it began before: 202 with its id."""
        hook = self._hook(request)
        body = await bodies.body_of(request, int(hook.settings.max_mb * 1_000_000))
        id = signed.check(hook.proof, request.headers, body, self._clock)
        wanted = await run_in_threadpool(bodies.read, request.headers.get("content-type", ""), body, hook.settings)
        if wait := self._rates[hook.name].wait():
            raise Refused(429, "There were too many requests.", {"Retry-After": str(int(wait) + 1)})
        run, new = await run_in_threadpool(beginning.begin, hook, self._runs, id, wanted)
        where = f"/hooks/{hook.name}/runs/{run.id}"
        return JSONResponse({"run": run.id, "new": new, "status": where}, 202, {"Location": where})

    async def status(self, request: Request) -> Response:
        """Say how a run stands, and once nothing of it is open, what came of each document."""
        hook = self._hook(request)
        signed.check(hook.proof, request.headers, b"", self._clock)
        after = request.query_params.get("after", "0")
        if not (after.isascii() and after.isdecimal() and len(after) < 10):
            raise Refused(400, "after has to be a number.")
        return await run_in_threadpool(self._status, hook, request.path_params["id"], int(after))

    def _status(self, hook: Hook, id: str, after: int) -> Response:
        run = beginning.of(hook, self._runs, id)
        if run is None:
            raise Refused(404, f"This webhook began no run {id[:80]!r}.")
        counts = self._runs.store.counts(run.id)
        waits = any(counts.get(status) for status in WAITING)
        state = "open" if self._runs.is_open(run.id) else "waiting" if waits else "done"
        told = {"run": run.id, "state": state, "counts": {status.value: count for status, count in counts.items()}}
        rows = [] if state == "open" else self._rows(run, after)
        more = {"next": rows[-1]["number"]} if len(rows) == _PAGE else {}
        times = {"begun": run.created, "ended": run.ended, "cost": run.spent, "notes": list(run.notes)}
        return JSONResponse({**told, **times, "rows": rows, **more}, headers={"Cache-Control": "no-store"})

    def _rows(self, run: Run, after: int) -> list[dict[str, Any]]:
        return [_row(each) for each in self._runs.store.documents(run.id, most=_PAGE, after=after)]

    def _hook(self, request: Request) -> Hook:
        hook = self._hooks.get(request.path_params["name"])
        if hook is None:
            raise Refused(404, "There is no such webhook.")
        if not hook.proof.is_needed:
            _from_here(request)
        return hook


def _from_here(request: Request) -> None:
    """Refuse what a page in a browser sends to a webhook that nothing has to be shown to.

    Also one that came by another name than this machine's own (DNS rebinding).
    """
    host = request.headers.get("host", "").rsplit(":", 1)[0]
    if host not in _LOCAL or "origin" in request.headers or "sec-fetch-site" in request.headers:
        raise Refused(403, "Without a secret this webhook answers programs of this machine only.")


def _row(each: Document) -> dict[str, Any]:
    outcome = each.told
    told = {"number": each.number, "file": each.source.path, "status": each.status.value, "text": outcome.text}
    saved = [{"path": edit.path, "after": edit.after, "summary": edit.summary} for edit in outcome.edits]
    cited = [citation.model_dump() for citation in outcome.citations]
    return {**told, "values": outcome.values, "citations": cited, "changes": saved, "error": outcome.error}


def create_app(hooks: Mapping[str, Hook], runs: Runs, clock: Callable[[], float] = time.time) -> Starlette:
    """Return the application."""
    desk = Desk(hooks, runs, clock)
    routes = [
        Route("/hooks/{name}", desk.begin, methods=["POST"]),
        Route("/hooks/{name}/runs/{id}", desk.status, methods=["GET"]),
    ]
    handlers: dict[Any, Any] = {Refused: refused, HTTPException: _http, EverpilotError: _trouble, OSError: _trouble}
    return Starlette(routes=routes, exception_handlers={**handlers, Exception: _unexpected})


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, error.detail, dict(error.headers or {}))


async def _trouble(request: Request, error: Exception) -> Response:
    _log.warning("a webhook could not begin a run: %s", error)
    return problem(503, "The run can't be begun now; try again later.", {"Retry-After": "30"})


async def _unexpected(request: Request, error: Exception) -> Response:
    _log.warning("a request of a webhook failed: %s", type(error).__name__)
    return problem(500, "Something unexpected went wrong.")
