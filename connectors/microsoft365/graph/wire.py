"""One sending of one call: what goes out, and what the answer, or the lack of one, comes to.

The token stands in one header of requests to Graph itself, and nowhere else: redirects are not followed, and addresses
that hold a right of their own go without it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
import re
import ssl
import weakref
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import cache, partial
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import httpx

from copilot._redaction import guard_logs, one_line, remember

from .errors import TITLE, GraphError, refused
from .requests import Call, Reply
from .retry import Clock, Done, Outcome, judged, retry_after

#: Seconds for a connection, and without a sign of life in an answer.
_CONNECT, _SILENT = 10.0, 30.0
#: Statuses for which servers of Microsoft themselves answer with a page: what was sent is no HTTP, or too long.
_PAGES = frozenset({400, 411, 413, 414, 431})
#: Bytes of an answer that is held in memory; larger ones are streamed to a file.
LARGEST = 64 * 1024 * 1024
_KEEPERS: set[asyncio.Task[None]] = set()
_LIMITS = httpx.Limits(max_connections=16, max_keepalive_connections=8, keepalive_expiry=20)
_PORTAL = "A proxy or the sign-in page of a network may stand in between: open a web page in a browser first."
_TLS = "Its certificate is not trusted: a proxy may stand in between. Set SSL_CERT_FILE to your organisation's."


def origin(url: str) -> str:
    """Return scheme, host and port of a URL, as they are compared (RFC 6454, section 4); "" for none."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    except ValueError:
        return ""
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{port}" if parts.hostname and not parts.username else ""


def is_here(url: str) -> bool:
    """Return whether a URL leads to this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@cache
def _trusted() -> ssl.SSLContext:
    """Return what is trusted by default; it takes long to load, and is the same for all accounts."""
    return httpx.create_ssl_context()


class Wire:
    """The connections of one client; they are made on the loop that uses them, and anew on another one."""

    def __init__(self, verify: ssl.SSLContext | bool, *, direct: bool, account: str, clock: Clock) -> None:
        self._verify, self._direct, self._account, self._clock = verify, direct, account, clock
        self._http: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._keeper: asyncio.Task[None] | None = None
        _guard_logs()

    @property
    def http(self) -> httpx.AsyncClient:
        """The client, for the running loop."""
        loop = asyncio.get_running_loop()
        if self._http is None or self._loop is not loop:
            self._loop = loop
            self._http = httpx.AsyncClient(
                verify=_trusted() if self._verify is True else self._verify,
                follow_redirects=False,
                trust_env=not self._direct,
                limits=_LIMITS,
                timeout=httpx.Timeout(_SILENT, connect=_CONNECT, pool=None),
                headers={"User-Agent": "everpilot"},
            )
            self._keeper = _keeper(self, loop, self._http)
        return self._http

    async def close(self) -> None:
        """Close the connections. The end of the loop does it, too."""
        keeper, self._keeper, self._http = self._keeper, None, None
        if keeper is not None and self._loop is asyncio.get_running_loop():
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)

    async def exchange(self, call: Call, url: str, token: str, seconds: float) -> Outcome:
        """Return what one sending of a call comes to, within so many seconds."""
        status = 0
        try:
            async with asyncio.timeout(seconds), self.stream(call, url, token) as response:
                status = response.status_code
                body = await _whole(response)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            trouble, done, passing = explained(error, call.title)
            return Outcome(trouble=trouble, done="lost" if 200 <= status < 300 else done, passing=passing)
        if len(body) > LARGEST:
            return Outcome(trouble=_too_long(call), done="lost" if not call.reads else "no")
        return self._outcome(call, response, body)

    @asynccontextmanager
    async def stream(self, call: Call, url: str, token: str = "") -> AsyncIterator[httpx.Response]:
        """Send a call and yield the answer, its body unread. Raises what httpx raises."""
        headers = {"Accept": "*/*" if call.raw or call.bare else "application/json", **call.head()}
        if call.bare:
            remember(url, str(httpx.URL(url)))
        else:
            remember(token)
            headers |= {"client-request-id": call.key, "return-client-request-id": "true"}
            headers["Authorization"] = f"Bearer {token}"
        content = call.content
        if call.json is not None:
            content = json.dumps(call.json, ensure_ascii=False).encode()
            headers.setdefault("Content-Type", "application/json")
        elif content is None and call.method == "POST":
            content = b""  # with a Content-Length of 0
        async with self.http.stream(call.method, url, headers=headers, content=content) as response:
            yield response

    def _outcome(self, call: Call, response: httpx.Response, body: bytes) -> Outcome:
        status, headers = response.status_code, {name.lower(): value for name, value in response.headers.items()}
        if 200 <= status < 300 or status == 304:
            return _accepted(call, status, headers, body)
        if 300 <= status < 400:
            return _redirected(call, status, headers)
        return self._refused(call, status, headers, body)

    def _refused(self, call: Call, status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
        asked = retry_after(headers, self._clock.now())
        done, passing = judged(status)
        if status not in _PAGES and is_page(headers, body) and (status < 500 or status == 511):
            return Outcome(trouble=_page(call, status), done="no" if status < 500 else done)
        trouble = refused(
            status,
            body,
            what=call.title,
            scope=call.scope,
            account=self._account,
            request_id=headers.get("request-id", ""),
            retry_after=asked,
        )
        trouble.claims = _claims(headers.get("www-authenticate", ""))
        return Outcome(trouble=trouble, done=done, passing=passing, wait=asked)


def _keeper(wire: Wire, loop: asyncio.AbstractEventLoop, http: httpx.AsyncClient) -> asyncio.Task[None]:
    """Return the task that holds the connections; it ends when nobody holds the wire any more."""
    task = loop.create_task(_kept(http))
    _KEEPERS.add(task)  # a loop alone does not hold its tasks
    task.add_done_callback(_KEEPERS.discard)
    weakref.finalize(wire, _let_go, loop, task).atexit = False
    return task


def _let_go(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
    with suppress(RuntimeError):  # the loop is closed, and with it the connections
        loop.call_soon_threadsafe(task.cancel)


async def _kept(http: httpx.AsyncClient) -> None:
    """Hold the connections until the loop ends, which cancels what still runs on it."""
    try:
        await asyncio.Event().wait()
    finally:
        await http.aclose()


class _NoAddresses(logging.Filter):
    """Takes the addresses of redirects out of what httpcore writes: they hold a right, and come before we see them."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return True: nothing is dropped."""
        if isinstance(record.msg, str):
            record.msg = re.sub(r"(?i)(\(b'location', b['\"])[^)]*\)", r"\1[...]')", record.msg)
        return True


def _guard_logs() -> None:
    for name in ("httpx", "httpcore"):  # they write whole addresses
        guard_logs(name)
    logger = logging.getLogger("httpcore.http11")
    if not any(isinstance(each, _NoAddresses) for each in logger.filters):
        logger.addFilter(_NoAddresses())


async def _whole(response: httpx.Response) -> bytes:
    """Return the body, or a little more than LARGEST of it."""
    pieces, size = [], 0
    async for piece in response.aiter_bytes():
        pieces.append(piece)
        size += len(piece)
        if size > LARGEST:
            break
    return b"".join(pieces)


# --- an answer --------------------------------------------------------------------------------------------------------


def _accepted(call: Call, status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
    request_id = headers.get("request-id", "")
    if call.raw or call.method == "HEAD" or not body.strip():
        return Outcome(Reply(status, headers, content=body, request_id=request_id))
    if is_page(headers, body):
        return Outcome(trouble=_page(call, status), done="no" if call.reads else "maybe")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        cut = GraphError.nonsense(call.title, "its JSON breaks off or is malformed").about(status, (), request_id)
        return Outcome(trouble=cut, done="lost", passing=True)
    if not isinstance(found, dict):
        found = {"value": found}  # `.../$count`, and functions that return one value
    return Outcome(Reply(status, headers, found, request_id=request_id))


def _redirected(call: Call, status: int, headers: Mapping[str, str]) -> Outcome:
    if call.raw and headers.get("location"):
        return Outcome(Reply(status, headers, request_id=headers.get("request-id", "")))
    host = urlsplit(headers.get("location", "")).hostname or "another place"
    why = f"the answer leads to {one_line(host)}, which is not followed"
    return Outcome(trouble=_unreached(call.title, why, _PORTAL).about(status), done="no")


def is_page(headers: Mapping[str, str], body: bytes) -> bool:
    """Return whether an answer is a web page: something other than Graph answered."""
    kind = headers.get("content-type", "").lower()
    return "html" in kind or ("json" not in kind and body.lstrip()[:9].lower().startswith((b"<!doctype", b"<html")))


def _page(call: Call, status: int) -> GraphError:
    return _unreached(call.title, f"a web page came in its place ({status})", _PORTAL).about(status)


def _too_long(call: Call) -> GraphError:
    return GraphError(
        f"The answer for {call.title} is longer than {LARGEST // 2**20} MB.", hint="Ask for less at once.", code="full"
    )


def _claims(challenge: str) -> str:
    """Return the claims that a challenge asks for, as MSAL takes them: JSON ("Claims challenges")."""
    found = re.search(r'claims="([A-Za-z0-9+/_=-]+)"', challenge)
    if not found:
        return ""
    try:
        return base64.urlsafe_b64decode(found[1].translate(str.maketrans("+/", "-_")) + "==").decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


# --- no answer --------------------------------------------------------------------------------------------------------

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_NEVER = (httpx.UnsupportedProtocol, httpx.ProxyError, httpx.InvalidURL, httpx.LocalProtocolError)


def explained(error: Exception, what: str) -> tuple[GraphError, Done, bool]:
    """Return the error for what httpx raised, whether the call may have been done, and whether it may pass."""
    say = partial(_unreached, what)
    if isinstance(error, _NEVER):
        return say(_said(error), "Look at the proxy settings."), "no", False
    if isinstance(error, _NOT_SENT):
        secure = "CERTIFICATE_VERIFY_FAILED" not in str(error)
        return say(_said(error), "Check the connection." if secure else _TLS), "no", secure
    if isinstance(error, (httpx.TimeoutException, TimeoutError)):
        slow = GraphError(f"{TITLE} did not answer in time for {what}.", hint="Try again later.", code="slow")
        slow.brief = "no answer came in time"
        return slow, "maybe", True
    return say(f"the connection broke off: {_said(error)}", "Try again later."), "maybe", True


def _unreached(what: str, why: str, hint: str) -> GraphError:
    made = GraphError(f"{TITLE} was not reached for {what}: {why}.", hint=hint, code="unreachable")
    made.brief = why
    return made


def _said(error: Any) -> str:
    return one_line(str(error)).rstrip(". ") or type(error).__name__
