"""WebDAV over httpx: requests, multi-status answers, and errors in words.

Sources: RFC 4918 (WebDAV), RFC 4791 (CalDAV), RFC 6764 (where a server's calendars are found).
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
from lxml import etree

from copilot._redaction import one_line
from copilot.errors import ServiceError

D, C = "{DAV:}", "{urn:ietf:params:xml:ns:caldav}"
_NAMES = {"D": "DAV:", "C": "urn:ietf:params:xml:ns:caldav"}
_TIMES = httpx.Timeout(30.0, connect=10.0)
#: Bytes of one answer, redirects that are followed, and how often a request that changes nothing is sent again.
_LARGEST, _REDIRECTS, _AGAIN = 64 * 2**20, 4, 2
_SAFE = frozenset({"GET", "PROPFIND", "REPORT", "OPTIONS"})
_BUSY = frozenset({429, 502, 503, 504})
_CODES: Mapping[int, tuple[str, str]] = {
    401: ("signed_out", "does not accept the password"),
    403: ("denied", "does not allow it"),
    404: ("missing", "did not find it"),
    405: ("unsupported", "does not offer it"),
    409: ("conflict", "could not do it as things stand"),
    410: ("missing", "no longer has it"),
    412: ("conflict", "has another version: it changed since it was read; nothing was written"),
    413: ("full", "finds it too large"),
    415: ("unsupported", "does not take it in that form"),
    423: ("locked", "says that it is locked"),
    429: ("throttled", "is asked too often"),
    501: ("unsupported", "does not offer it"),
    507: ("full", "has no room"),
}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: `headers` have names in lower case."""

    status: int
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = field(default=b"", repr=False)

    @property
    def tag(self) -> str:
        """The version, "" where it was not told."""
        return self.headers.get("etag", "")


@dataclass(frozen=True, slots=True)
class Found:
    """One resource of a multi-status answer: its path, and the elements of the properties that it has."""

    path: str
    props: Mapping[str, Any]

    def text(self, name: str) -> str:
        """Return the text of a property, "" without it."""
        element = self.props.get(name)
        return (element.text or "").strip() if element is not None else ""

    def paths(self, name: str) -> list[str]:
        """Return the hrefs in a property."""
        element = self.props.get(name)
        return [] if element is None else [(each.text or "").strip() for each in element.iter(f"{D}href")]


class Dav:
    """A server for one account. The password goes to the server of `url` and to no other one."""

    def __init__(self, url: str, auth: Mapping[str, str], basic: tuple[str, str] | None, *, account: str) -> None:
        self.url, self.account = url, account
        self._auth = dict(auth)
        self._basic = httpx.BasicAuth(*basic) if basic else None
        self._http: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def http(self) -> httpx.AsyncClient:
        """The client, for the running loop."""
        loop = asyncio.get_running_loop()
        if self._http is None or self._loop is not loop:
            here = urlsplit(self.url).scheme == "http"
            self._http = httpx.AsyncClient(auth=self._basic, headers=self._auth, timeout=_TIMES, trust_env=not here)
            self._loop = loop
            _keep(self, loop, self._http)
        return self._http

    async def send(
        self, method: str, path: str, body: bytes = b"", *, what: str = "the calendar", **headers: str
    ) -> Reply:
        """Return the answer to a request. Raises ServiceError, "uncertain" where it may have been done."""
        head = {name.replace("_", "-"): value for name, value in headers.items() if value}
        for attempt in range(_AGAIN + 1):
            last = attempt == _AGAIN or method not in _SAFE
            try:
                reply = await self._followed(method, urljoin(self.url, path), body, head)
            except httpx.ConnectError:
                if attempt == _AGAIN:
                    raise self._unreachable() from None
                continue
            except httpx.HTTPError as error:
                if last:
                    raise self._lost(method, what, type(error).__name__) from None
                continue
            if reply.status not in _BUSY or last:
                return self._good(method, reply, what)
        raise self._unreachable()

    async def _followed(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        for _ in range(_REDIRECTS):
            self._at_home(url)  # also what the server itself names: "//other.example/x" is no path
            answer = await self.http.request(method, url, content=body or None, headers=dict(headers))
            if answer.status_code not in (301, 302, 307, 308):
                if len(answer.content) > _LARGEST:
                    raise ServiceError("The answer of the calendar's server is too large.", code="full")
                lower = {name.lower(): value for name, value in answer.headers.items()}
                return Reply(answer.status_code, url, lower, answer.content)
            url = urljoin(url, answer.headers.get("location", ""))
        raise ServiceError("The calendar's server sends on without an end.", code="broken")

    def _at_home(self, url: str) -> None:
        if _origin(url) != _origin(self.url):
            raise ServiceError(
                f"{urlsplit(self.url).hostname} sends on to {urlsplit(url).hostname}, which gets no password.",
                hint=f"If that is right, set url = {one_line(url)!r} in [accounts.{self.account}].",
                code="denied",
            )

    def _good(self, method: str, reply: Reply, what: str) -> Reply:
        if reply.status < 400:
            return reply
        if reply.status >= 500 and reply.status not in _CODES:
            raise self._lost(method, what, f"it answered {reply.status}")
        code, told = _CODES.get(reply.status, ("unreachable", f"answered {reply.status}"))
        host = urlsplit(self.url).hostname
        hint = {"signed_out": f"Check the password of [accounts.{self.account}].", "conflict": "Read it again."}
        raise ServiceError(f"{host} {told}: {what}.", hint=hint.get(code, ""), code=code)

    def _unreachable(self) -> ServiceError:
        host = urlsplit(self.url).hostname
        return ServiceError(f"{host} can't be reached.", hint="Check the network and url.", code="unreachable")

    def _lost(self, method: str, what: str, why: str) -> ServiceError:
        host = urlsplit(self.url).hostname
        if method in _SAFE:
            return ServiceError(f"{host} does not answer ({why}).", hint="Try again later.", code="unreachable")
        return ServiceError(
            f"It is not known whether {host} did it: {what} ({why}).",
            hint="Look there whether it was done before you try it again.",
            code="uncertain",
        )

    async def propfind(self, path: str, *names: str, depth: int = 0) -> tuple[list[Found], Reply]:
        """Return the named properties ("D:displayname") of a resource, with `depth` 1 of those in it, too."""
        props = "".join(f"<{name}/>" for name in names)
        body = f"<D:propfind {_XMLNS}><D:prop>{props}</D:prop></D:propfind>".encode()
        reply = await self.send("PROPFIND", path, body, depth=str(depth), content_type=_XML)
        return multistatus(reply), reply

    async def report(self, path: str, body: str, *, depth: int = 1) -> Reply:
        """Return the answer to a REPORT; `body` uses the prefixes D and C."""
        name, _, rest = body.removeprefix("<").partition(">")
        whole = f"<{name} {_XMLNS}>{rest}"
        return await self.send("REPORT", path, whole.encode(), depth=str(depth), content_type=_XML)


_KEEPERS: set[asyncio.Task[None]] = set()  # a loop alone does not hold its tasks


def _keep(dav: Dav, loop: asyncio.AbstractEventLoop, http: httpx.AsyncClient) -> None:
    """Hold the connections until nobody holds the server any more, or the loop ends."""
    task = loop.create_task(_kept(http))
    _KEEPERS.add(task)
    task.add_done_callback(_KEEPERS.discard)
    weakref.finalize(dav, _let_go, loop, task).atexit = False


def _let_go(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(task.cancel)


async def _kept(http: httpx.AsyncClient) -> None:
    """Close the connections when the loop ends, which cancels this."""
    try:
        await asyncio.Event().wait()
    finally:
        await http.aclose()


_XMLNS = " ".join(f'xmlns:{prefix}="{name}"' for prefix, name in _NAMES.items())
_XML = "application/xml; charset=utf-8"


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)


def parse(content: bytes) -> Any:
    """Return the root of an XML answer; nothing outside of it is loaded. Raises ServiceError for what is none."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise ServiceError("The calendar's server answered something that is no XML.", code="broken") from None
    tree: Any = root.getroottree()
    if tree.docinfo.doctype:
        raise ServiceError("The calendar's server answered with a document type, which is not read.", code="broken")
    return root


def multistatus(reply: Reply) -> list[Found]:
    """Return the resources of a multi-status answer with the properties that were found (RFC 4918, section 13)."""
    root = parse(reply.content)
    if root.tag != f"{D}multistatus":
        raise ServiceError("The calendar's server does not speak CalDAV.", hint="Check url.", code="broken")
    found = []
    for response in root.iter(f"{D}response"):
        props: dict[str, Any] = {}
        for stat in response.iter(f"{D}propstat"):
            if " 200" in (stat.findtext(f"{D}status") or " 200"):
                props |= {child.tag: child for prop in stat.iter(f"{D}prop") for child in prop}
        href = (response.findtext(f"{D}href") or "").strip()
        found.append(Found(urlsplit(urljoin(reply.url, href)).path, props))
    return found
