"""Requests of plugins over HTTP: to agreed hosts only, never into a private network by a name that looks public.

Sizes and times are limited, what is answered is streamed against a counter, redirects are followed only where the
service lies. Nothing here knows what it is asked for.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from copilot.errors import ToolInputError
from copilot.plugins.service import Service, origin
from copilot.trust.hosts import is_private

if TYPE_CHECKING:
    import httpx

#: Bytes of an answer after it is unpacked, seconds for all of it, and steps of a redirect.
MOST_BYTES, PATIENCE, MOST_REDIRECTS = 10_000_000, 60.0, 5
_CONNECT, _READ = 10.0, 30.0  # seconds
_KEEPS_METHOD = frozenset({307, 308})  # RFC 9110, section 15.4
_REDIRECTS = frozenset({301, 302, 303}) | _KEEPS_METHOD
#: How an answer may be packed, as it is asked for: once (RFC 9110, section 8.4.1), and the bytes unpacked in one step.
_PACKED = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_ACCEPT_ENCODING, _STEP = "gzip, deflate", 65_536


class UnknownOutcome(Exception):
    """The request went out and nobody knows what came of it; no EverpilotError, which says that nothing was sent."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered: status, headers (names in lower case, in order), the body as far as it was read.

    `url` is where it came from in the end, without its query; `cut` says that the body is longer.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    content: bytes
    url: str
    cut: bool = False

    def header(self, name: str) -> str:
        """Return the value of a header, "" if there is none; several are joined by commas (RFC 9110, section 5.3)."""
        return ", ".join(value for key, value in self.headers if key == name.lower())

    @property
    def media(self) -> str:
        """The media type without parameters, in lower case."""
        return self.header("content-type").partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        """The body as text, by its charset; what is no text in it is replaced."""
        charset = self.header("content-type").partition("charset=")[2].partition(";")[0].strip("\"' ") or "utf-8"
        try:
            return self.content.decode(charset, "replace")
        except (LookupError, ValueError):  # no charset of ours, or one that decodes nothing ("undefined")
            return self.content.decode("utf-8", "replace")


def ask(
    request: httpx.Request,
    service: Service,
    *,
    sign: Callable[[httpx.Request], None] = lambda request: None,
    most: int = MOST_BYTES,
    patience: float = PATIENCE,
    follow: bool = True,
) -> Answer:
    """Send a request and return the answer, whatever its status; redirects are followed where `service` lies, or not.

    `sign` puts the credential into a request; it is called for requests to the first one's origin only.

    Raises:
        ToolInputError: the address is none of the service's, or leads into a private network; it was not reached; the
            answer came too slowly (reading only).
        UnknownOutcome: a request that changes something was sent, and its answer did not come.
    """
    import httpx

    first, ends = origin(str(request.url)), time.monotonic() + patience
    for _ in range(MOST_REDIRECTS + 1):
        _check(request, service)
        if origin(str(request.url)) == first:
            sign(request)
        with _explained(request, service, ends), _client(request) as client, _ended(ends) as trace:
            response = client.send(_wire(request, service, trace), stream=True, follow_redirects=False)
            try:
                target = response.headers.get("location")
                if not follow or response.status_code not in _REDIRECTS or not target:
                    return _read(response, request, most, ends)
                request = _redirected(httpx.URL(str(request.url)).join(target), response, request)
            finally:
                response.close()
    raise ToolInputError(f"{_place(request)} redirects over and over.", code="redirects")


def _check(request: httpx.Request, service: Service) -> None:
    url = str(request.url)
    if not service.reaches(url):
        raise ToolInputError(
            f"{_place(request)} is no address of {service.name}, so it is not asked.",
            hint=f"{service.name} lies at {', '.join(service.hosts) or 'no address'}.",
            code="unlisted-host",
        )


def _redirected(url: httpx.URL, response: httpx.Response, request: httpx.Request) -> httpx.Request:
    """Return the request that a redirect asks for: never with a body or a credential to another origin."""
    import httpx

    reads = request.method in ("GET", "HEAD")
    same = origin(str(url)) == origin(str(request.url))
    keeps = response.status_code in _KEEPS_METHOD
    if not reads and not (same and (keeps or response.status_code == 303)):
        raise UnknownOutcome(f"{_place(request)} answered with a redirect to another place, which is not followed.")
    method = request.method if reads or keeps else "GET"
    headers = {k: v for k, v in request.headers.items() if k in ("accept", "user-agent", "content-type") or same}
    for name in ("host", "content-length", "transfer-encoding", *([] if keeps or reads else ["content-type"])):
        headers.pop(name, None)
    content = None if reads or not keeps else request.content
    return httpx.Request(method, url, headers=headers, content=content)


def _read(response: httpx.Response, request: httpx.Request, most: int, ends: float) -> Answer:
    pieces, size, cut = [], 0, False
    for piece in _unpacked(response):
        pieces.append(piece)
        size += len(piece)
        if time.monotonic() > ends:
            raise TimeoutError
        if size > most:
            cut = True
            break
    if not cut and time.monotonic() > ends:
        raise TimeoutError  # an answer of no known length ends where it was broken off
    headers = tuple((k.lower(), v) for k, v in response.headers.multi_items())
    return Answer(response.status_code, headers, b"".join(pieces)[:most], _place(request).partition(" ")[2], cut)


def _unpacked(response: httpx.Response) -> Iterator[bytes]:
    """Yield the body in small pieces, so that one that unpacks to a thousand times its size is cut in time.

    Raises httpx.DecodingError for what is broken, or packed in a way that nobody asked for: twice, or unknown to us.
    """
    import httpx

    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity"):
        yield from response.iter_raw()
        return
    if encoding not in _PACKED:
        raise httpx.DecodingError(f"it is packed as {encoding[:40]!r}, which was not asked for")
    raw = response.iter_raw()
    first = next(raw, b"")
    # Some servers send "deflate" without the two bytes of zlib's head (RFC 1950), the low half of which is then no 8.
    bare = encoding == "deflate" and first[:1] and first[0] & 15 != 8
    unpack = zlib.decompressobj(-15 if bare else _PACKED[encoding])
    try:
        for packed in chain([first], raw):
            left = packed
            while left and not unpack.eof:
                yield unpack.decompress(left, _STEP)
                left = unpack.unconsumed_tail
    except zlib.error:
        raise httpx.DecodingError(f"it is no {encoding}") from None


def _place(request: httpx.Request) -> str:
    """Return method and address without the query, which may hold a key."""
    return f"{request.method} {str(request.url).partition('?')[0].partition('#')[0]}"


@contextmanager
def _ended(ends: float) -> Iterator[Callable[[str, dict[str, Any]], None]]:
    """Break the connection off when the time is over: a server that sends a byte now and then never times out.

    Yields what httpcore tells of its steps to (its `trace` extension), which is how the connection is known.
    """
    made: list[socket.socket] = []

    def trace(step: str, told: dict[str, Any]) -> None:
        stream = told.get("return_value") if step.endswith((".connect_tcp.complete", ".start_tls.complete")) else None
        found = stream.get_extra_info("socket") if stream is not None else None
        if isinstance(found, socket.socket):
            made.append(found)

    def stop() -> None:
        for each in made:
            with suppress(OSError):
                socket.socket.shutdown(each, socket.SHUT_RDWR)  # not TLS's own, which another thread is in

    timer = threading.Timer(max(ends - time.monotonic(), 0), stop)
    timer.daemon = True
    timer.start()
    try:
        yield trace
    finally:
        timer.cancel()


@contextmanager
def _explained(request: httpx.Request, service: Service, ends: float) -> Iterator[None]:
    """Say what went wrong on the way, and whether anything may have been done."""
    import httpx

    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as error:
        why = (
            "it did not answer in time" if isinstance(error, httpx.TimeoutException) else str(error) or "no connection"
        )
        raise ToolInputError(
            f"{service.name} was not reached at {_place(request)}: {why}.", hint="Try again later.", code="unreachable"
        ) from None
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, UnicodeError) as error:
        late = isinstance(error, httpx.TimeoutException | TimeoutError) or time.monotonic() >= ends
        why = "took too long" if late else "broke off"
        said = f": {error}" if isinstance(error, httpx.DecodingError) else ""
        text = f"{_place(request)}: the answer {why} ({type(error).__name__}{said})."
        if request.method in ("GET", "HEAD"):
            raise ToolInputError(text, hint="Try again later, or ask for less.", code="timeout") from None
        raise UnknownOutcome(text) from None


# --- the way there ----------------------------------------------------------------------------------------------------


@contextmanager
def _client(request: httpx.Request) -> Iterator[httpx.Client]:
    """Yield a client for one request; a proxy that the system names is used."""
    import httpx

    verify: ssl.SSLContext | bool = _tls() if request.url.scheme == "https" else False
    proxy = _proxy(request.url.scheme, request.url.host)
    with httpx.Client(transport=httpx.HTTPTransport(verify=verify, proxy=proxy or None)) as client:
        yield client


def _wire(
    request: httpx.Request, service: Service, trace: Callable[[str, dict[str, Any]], None] | None = None
) -> httpx.Request:
    """Return the request as it goes out: to the very address that was checked, as a name may mean another one later.

    A host that is private by its name was agreed to as such; one that looks public must be public.
    """
    import httpx

    url = request.url
    extensions: dict[str, Any] = {"timeout": httpx.Timeout(_READ, connect=_CONNECT).as_dict()}
    extensions |= {"trace": trace} if trace is not None else {}
    free = service.local or is_private(url.host) or _is_address(url.host)
    if not free and not _proxy(url.scheme, url.host):
        addresses = resolved(url.host, url.port or 443)
        if private := next((each for each in addresses if is_private(each)), ""):
            raise ToolInputError(
                f"{url.host} leads to {private}, an address of this machine or of a private network; it is not asked.",
                hint="If that is right, name the service by an address of your network.",
                code="private-host",
            )
        extensions["sni_hostname"] = url.host
        url = url.copy_with(host=addresses[0])
    content = request.read()
    headers = request.headers.copy()
    headers.setdefault("accept-encoding", _ACCEPT_ENCODING)
    return httpx.Request(request.method, url, headers=headers, content=content, extensions=extensions)


def resolved(host: str, port: int) -> list[str]:
    """Return the addresses that a name leads to; raises ToolInputError where it leads nowhere."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ToolInputError(f"{host} was not found: {reason}.", hint="Try again later.", code="unreachable") from None
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _proxy(scheme: str, host: str) -> str:
    """Return the proxy that the system's settings name for an address, "" for none; it resolves names itself."""
    found = getproxies().get(scheme) or getproxies().get("all") or ""
    return "" if not found or is_private(host) or proxy_bypass(host) else found


@lru_cache(1)
def _tls() -> ssl.SSLContext:
    import httpx

    return httpx.create_ssl_context()


def is_encrypted(url: str) -> bool:
    """Return whether a secret may go there: https, or a server on this machine."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
    except ValueError:
        return False
    here = host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)
    return parts.scheme == "https" or (parts.scheme == "http" and here)
