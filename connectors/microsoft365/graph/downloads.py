"""Content that is fetched: in one piece, or streamed to a file, gone on with after a break and checked by its hash."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypedDict, Unpack
from urllib.parse import urljoin

import httpx

from . import quickxor
from .errors import GraphError, refused
from .models import Json
from .requests import Call
from .retry import THROTTLED, judged, retry_after
from .transfers import DOWNLOAD_URL, checked, hash_of
from .wire import explained, is_page

if TYPE_CHECKING:
    from .client import Graph

#: Times that a file is begun anew because its content is not what its item says.
_ANEW = 2
#: Statuses of an address that was good for some minutes and is not any more.
_EXPIRED = frozenset({401, 403, 404, 410})


class Options(TypedDict, total=False):
    """`what` and `scope` as in Call; `limit` in bytes; `item` is what is known of the file, else it is asked for."""

    what: str
    scope: str
    limit: int
    item: Json


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file that was written: where, its size in bytes, its hash, and the item whose content it is."""

    path: Path
    size: int
    hash: str
    item: Json


class _Expired(Exception):
    """The address is not good any more."""


class _Transfer:
    """Content on its way into a file; `position` bytes of it are there."""

    def __init__(self, graph: Graph, sink: BinaryIO, what: str, limit: int) -> None:
        self.graph, self.sink, self.what, self.limit = graph, sink, what, limit
        self.position = sink.seek(0, io.SEEK_END)
        self.failures = 0

    async def go_on(self, url: str) -> None:
        """Fetch what is missing, however often the connection breaks. Raises GraphError, and _Expired."""
        while not await self._step(url):
            pass

    async def _step(self, url: str) -> bool:
        """Return whether all is there now; False after a wait."""
        before = self.position
        try:
            return await self._once(url)
        except (httpx.HTTPError, TimeoutError) as error:
            trouble, _, passing = explained(error, self.what)
            if not passing:
                raise trouble from None
            await self.wait(trouble, None, moved=self.position > before)
            return False

    async def wait(self, trouble: GraphError, asked: float | None, *, moved: bool = False) -> None:
        """Wait before the next try; raises the trouble when there were enough without any progress."""
        self.failures = 1 if moved else self.failures + 1
        backoff = self.graph.backoff
        pause = backoff.pause(self.failures, asked)
        if self.failures >= backoff.attempts or pause > self.graph.patience:
            raise trouble
        if trouble.status in THROTTLED:
            self.graph.limiter.throttled(pause)
        await self.graph.clock.sleep(pause)

    async def _once(self, url: str) -> bool:
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={self.position}-"} if self.position else {})
        call = Call("GET", url, headers=headers, what=self.what, bare=True)
        async with self.graph.wire.stream(call, url) as response:
            if response.status_code in (200, 206):
                self._begin(response)
                async for piece in response.aiter_bytes():
                    self._take(piece)
                return True
            if response.status_code == 416 and self.position:
                self.restart()
                raise httpx.ReadError("the content has another length now")
            await self._refused(response)
        return False

    def _begin(self, response: httpx.Response) -> None:
        if response.status_code == 200:
            if is_page(response.headers, b"") and "attachment" not in response.headers.get("content-disposition", ""):
                raise GraphError.nonsense(self.what, "a web page came in place of the content")
            return self.restart()
        place = re.match(r"bytes (\d+)-", response.headers.get("content-range", ""))
        if not place or int(place[1]) != self.position:
            self.restart()
            raise httpx.ReadError("another part of the content came")
        return None

    def _take(self, piece: bytes) -> None:
        if self.position + len(piece) > self.limit:
            raise too_large(self.what, self.limit)
        self.position += self.sink.write(piece)

    async def _refused(self, response: httpx.Response) -> None:
        """Wait where that helps. Raises _Expired, or the error of the refusal."""
        body = (await response.aread())[:65536]
        status, asked = response.status_code, retry_after(response.headers, self.graph.clock.now())
        if status in _EXPIRED:
            raise _Expired
        trouble = refused(status, body, what=self.what, request_id=response.headers.get("request-id", ""))
        if not judged(status)[1]:
            raise trouble
        await self.wait(trouble, asked)

    def restart(self) -> None:
        """Begin anew: what is there is not what comes."""
        self.sink.seek(0)
        self.sink.truncate()
        self.position = 0


async def content(graph: Graph, call: Call, limit: int) -> bytes:
    """Return the bytes that a call leads to, in Graph itself or at the address that it answers with.

    Raises GraphError; its code is "full" for more than `limit` bytes.
    """
    for _ in range(_ANEW):
        reply = await graph.send(replace(call, raw=True))
        if reply.status < 300:
            if len(reply.content) > limit:
                raise too_large(call.title, limit)
            return reply.content
        url = checked(graph, urljoin(graph.url(call), reply.headers.get("location", "")), call.title)
        sink = io.BytesIO()
        with suppress(_Expired):
            await _Transfer(graph, sink, call.title, limit).go_on(url)
            return sink.getvalue()
    raise GraphError.nonsense(call.title, "the address for its content is not good")


async def download(graph: Graph, path: str, target: Path, **options: Unpack[Options]) -> Downloaded:
    """Write the content of the file whose item lies at `path` to `target`, which is replaced at once when all is there.

    What was fetched before a break, also of this process, lies beside and is gone on with as long as the file is the
    same. Raises GraphError: "full" for more than `limit` bytes, "broken" when the content is not what its item says.
    Raises OSError when it can't be written.
    """
    item = options.get("item") or {}
    call = Call("GET", path, what=options.get("what", ""), scope=options.get("scope", ""))
    limit = options.get("limit", 1 << 62)
    for _ in range(_ANEW + 2):  # and for addresses that expire on the way
        if not item.get(DOWNLOAD_URL):
            item = (await graph.send(call)).json
        url = _address(graph, item, call.title, limit)
        part = _part(target, item)
        try:
            size, hashed = await _into(graph, part, url, call.title, limit, item.get("size"))
        except _Expired:
            item = {}
            continue
        if size == item.get("size", size) and hash_of(item) in ("", hashed):
            os.replace(part, target)
            return Downloaded(target, size, hashed, item)
        part.unlink()
        item = {}
    raise GraphError.nonsense(call.title, "its content is not what its size and hash say")


async def _into(graph: Graph, part: Path, url: str, what: str, limit: int, size: int | None) -> tuple[int, str]:
    part.touch(mode=0o600)
    with part.open("r+b") as sink:
        transfer = _Transfer(graph, sink, what, limit)
        if size is not None and transfer.position > size:
            transfer.restart()
        if transfer.position != size:
            await transfer.go_on(url)
        sink.flush()
        os.fsync(sink.fileno())
    return transfer.position, await asyncio.to_thread(quickxor.of_file, part)


def _address(graph: Graph, item: Json, what: str, limit: int) -> str:
    if not item.get(DOWNLOAD_URL):
        raise GraphError(f"{what} is no file whose content can be fetched.", code="unsupported")
    if isinstance(size := item.get("size"), int) and size > limit:
        raise too_large(what, limit)
    return checked(graph, item[DOWNLOAD_URL], what)


def _part(target: Path, item: Json) -> Path:
    """Return where the content of this very version is gathered."""
    version = f"{item.get('id')} {item.get('cTag') or item.get('eTag')} {hash_of(item)}"
    return target.with_name(f".{target.name[:100]}.{hashlib.blake2b(version.encode(), digest_size=6).hexdigest()}.part")


def too_large(what: str, limit: int) -> GraphError:
    """Return the error for content that is larger than its reader can take."""
    size = f"{limit / 2**20:.0f} MB" if limit >= 2**20 else f"{limit} bytes"
    return GraphError(f"{what} is larger than {size}; it was not fetched.", code="full")
