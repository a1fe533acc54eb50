"""The server: takes a request through trouble, its token, its scope and its part, and sends what comes back (ASGI)."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

from copilot.demo.microsoft365 import aliases, batch, control, paths
from copilot.demo.microsoft365.asgi import Receive, Scope, Send, cut, read_body, send_answer
from copilot.demo.microsoft365.call import Answer, Call
from copilot.demo.microsoft365.faults import KINDS, Faults, Rule
from copilot.demo.microsoft365.parts import PARTS
from copilot.demo.microsoft365.refusals import Refusal, bad_request
from copilot.demo.microsoft365.routing import Found, Table
from copilot.demo.microsoft365.scopes import Grant, Tokens, missing
from copilot.demo.microsoft365.state import State

_JSON = "application/json; odata.metadata=minimal; odata.streaming=true; IEEE754Compatible=false; charset=utf-8"


@dataclass(frozen=True)
class Request:
    """A request as it came: the path percent-encoded, with its version; header names in lower case."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = ()  # type: ignore[assignment]
    body: bytes = b""
    base: str = "http://127.0.0.1"


@dataclass(frozen=True)
class Logged:
    """One line of what was asked; never a token."""

    method: str
    path: str
    status: int
    request_id: str


class FakeGraph:
    """The ASGI application over a state. `faults`, `tokens` and `state` are for tests to steer, `log` to look at.

    `log` holds the last requests, oldest first; status 0 is a connection that was cut. `files` is where the
    pre-authenticated URLs lead, as SharePoint's hosts are others than Graph's; "" is here.
    """

    def __init__(self, state: State | None = None, *, seed: int = 0) -> None:
        self.state = state or State()
        self.tokens = Tokens(self.state)
        self.faults = Faults(seed)
        self.files = ""
        self.log: deque[Logged] = deque(maxlen=100_000)
        self._table = Table(part.routes for part in PARTS)
        self._lock = threading.RLock()

    # --- over HTTP ------------------------------------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; other scopes are passed over."""
        if scope["type"] != "http":
            return
        request = _request(scope, await read_body(receive))
        with self._lock:
            rule = None if request.path.startswith(control.PREFIX) else self.faults.pick(request.method, request.path)
            answer = self.answer(request, rule)
        if rule is not None and rule.kind == "slow":
            await asyncio.sleep(rule.seconds)
        if answer is None:
            await cut(send)
        else:
            await send_answer(send, answer, truncated=rule is not None and rule.kind == "truncate")

    # --- one request ------------------------------------------------------------------------------------------------

    def answer(self, request: Request, rule: Rule | None = None) -> Answer | None:
        """Return the finished answer of a request that meets a rule; None when the connection is to be cut."""
        with self._lock:
            ids = self._ids(request)
            trouble = KINDS[rule.kind] if rule else None
            found: Answer | Refusal | None
            if trouble is None or trouble.when != "before":
                found = self._worked(request)
            if rule and trouble and trouble.when != "sending":
                found = trouble.answer(rule) if trouble.answer else None
            done = _finished(found, ids)
            status = done.status if done else 0
            self.log.append(Logged(request.method, _unsecret(request), status, ids["request-id"]))
            return done

    def _worked(self, request: Request) -> Answer | Refusal:
        try:
            return self._dispatched(request)
        except Refusal as refusal:
            return refusal

    def _dispatched(self, request: Request) -> Answer:
        if request.path.startswith(control.PREFIX):
            return control.answer(self, request)
        parsed = paths.parse(request.path)
        open_found = self._table.find(request.method, parsed.segments) if not parsed.version else None
        if open_found and open_found.route.open:
            return self._called(request, parsed, open_found, _NOBODY)
        grant = self.tokens.check(request.headers.get("authorization", ""))
        if not parsed.version:
            raise bad_request("Invalid version: .", "BadRequest")
        if parsed.segments == ("$batch",):
            return batch.answer(request.body, lambda item: self._item(request, item))
        segments = aliases.resolved(self.state, grant, parsed.segments)
        found = self._table.find(request.method, segments)
        if found is None or found.route.open:
            raise bad_request(f"Resource not found for the segment '{parsed.segments[-1:]}'.", "BadRequest")
        if found.route.method != request.method:
            raise Refusal(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")
        if found.route.needs and not grant.allows(found.route.needs):
            raise missing(found.route.needs, grant)
        return self._called(request, parsed, found, grant)

    def _called(self, request: Request, parsed: paths.Parsed, found: Found, grant: Grant) -> Answer:
        call = Call(
            state=self.state,
            grant=grant,
            method=request.method,
            path=parsed.path,
            base=request.base,
            files=self.files or request.base,
            version=parsed.version or "v1.0",
            query=dict(parse_qsl(request.query, keep_blank_values=True)),
            headers=request.headers,
            body=request.body,
            params=found.params,
            arguments=parsed.arguments,
        )
        made = found.route.handler(call)
        if made is None:
            return Answer(204)
        return made if isinstance(made, Answer) else Answer(200, made)

    def _item(self, request: Request, item: batch.Item) -> Answer:
        """One request of a batch, with the batch's token; trouble comes to it alone."""
        path = request.path.removesuffix("/$batch") + item.path
        headers = {**item.headers, "authorization": request.headers.get("authorization", "")}
        made = replace(request, method=item.method, path=path, query=item.query, headers=headers, body=item.body)
        rule = self.faults.pick(item.method, path)
        answer = self.answer(made, rule if rule and KINDS[rule.kind].answer else None)
        return answer or Answer(504)

    def _ids(self, request: Request) -> dict[str, str]:
        own = self.state.new_id()
        given = request.headers.get("client-request-id") or own
        date = self.state.now().strftime("%Y-%m-%dT%H:%M:%S")
        return {
            "date": date,
            "request-id": own,
            "client-request-id": given,
            "_http": format_datetime(self.state.now(), usegmt=True),
        }


_NOBODY = Grant(None, frozenset(), "", State().now())


def _finished(found: Answer | Refusal | None, ids: Mapping[str, str]) -> Answer | None:
    """Return the answer with its bytes and headers."""
    if found is None:
        return None
    if isinstance(found, Refusal):
        shown = {k: v for k, v in ids.items() if not k.startswith("_")}
        found = Answer(found.status, found.body(shown), found.headers)
    headers: dict[str, Any] = {
        "request-id": ids["request-id"],
        "client-request-id": ids["client-request-id"],
        "Date": ids["_http"],
    }
    body = found.body
    if body is not None and not isinstance(body, bytes):
        headers["Content-Type"] = _JSON
        body = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return Answer(found.status, body or b"", {**headers, **found.headers})


def _unsecret(request: Request) -> str:
    """Return the path with its query; what is pre-authenticated shows no ticket."""
    asked = f"?{request.query}" if request.query and "tempauth" not in request.query else ""
    return request.path + asked


def _request(scope: Scope, body: bytes) -> Request:
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    raw = scope.get("raw_path") or scope["path"].encode()
    base = f"{scope.get('scheme', 'http')}://{headers.get('host', '127.0.0.1')}"
    path = raw.decode("latin-1").partition("?")[0]
    return Request(scope["method"], path, scope["query_string"].decode("latin-1"), headers, body, base)
