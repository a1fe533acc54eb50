"""Content that is stored: small in one PUT, larger in pieces to an upload session, which is gone on with after a break.

From "Upload small files" and "driveItem: createUploadSession". What may have been stored when an answer got lost is
looked at: an item with our hash is ours, so nothing is stored twice and nothing of others is replaced.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack

from copilot.errors import ServiceError

from . import quickxor
from .errors import GraphError
from .models import Json
from .requests import Call
from .retry import Outcome
from .transfers import checked, holds

if TYPE_CHECKING:
    from .client import Graph

Behavior = Literal["fail", "replace", "rename"]

#: Bytes up to which content goes in one PUT; Graph takes 250 MB, but a break costs all of it.
SMALL = 4 * 1024 * 1024
#: Pieces of a session are multiples of this, and less than 60 MiB; 5 to 10 MiB are recommended.
UNIT = 320 * 1024
PIECE = 16 * UNIT
#: Sessions that are begun for one file: one can be lost.
_SESSIONS = 3
_BEHAVIOR = "@microsoft.graph.conflictBehavior"


@dataclass(frozen=True, slots=True)
class Session:
    """An upload session. Its address holds a right: keep it sealed. `expires` is a time as Graph writes it."""

    url: str = field(repr=False)
    expires: str = ""


class Options(TypedDict, total=False):
    """How content is stored.

    `what` and `scope` as in Call. `if_match` is the tag of the version that is replaced; `conflict` says what happens
    when the name is taken: "fail" for a new file where nothing else is said. `media` is the content's type. `small`
    and `piece` are sizes in bytes. `session` is one to go on with, `opened` is told of a new one. `body` makes the
    session for something that is no file: {"AttachmentItem": ...}.
    """

    what: str
    scope: str
    if_match: str
    conflict: Behavior
    media: str
    small: int
    piece: int
    session: Session
    opened: Callable[[Session], None]
    body: Mapping[str, Any]


class _Source:
    """What is stored: bytes, or a file, which may be longer than memory."""

    def __init__(self, given: bytes | Path) -> None:
        self._given = given
        self.size = len(given) if isinstance(given, bytes) else given.stat().st_size

    def read(self, position: int, count: int) -> bytes:
        """Return a piece. Raises GraphError when the file became shorter."""
        if isinstance(self._given, bytes):
            return self._given[position : position + count]
        with self._given.open("rb") as file:
            file.seek(position)
            found = file.read(count)
        if len(found) != min(count, self.size - position) or os.stat(self._given).st_size != self.size:
            raise GraphError(f"{self._given} changed while it was sent.", hint="Save it again.", code="conflict")
        return found

    def hashed(self) -> str:
        """Return its QuickXorHash; a large file takes seconds."""
        given = self._given
        return quickxor.of([given]) if isinstance(given, bytes) else quickxor.of_file(given)


async def upload(graph: Graph, path: str, source: bytes | Path, **options: Unpack[Options]) -> Json:
    """Return the item after its content was stored.

    `path` is an item's ("/drives/D/items/I"), or that of a new file by its name, in colons
    ("/drives/D/items/FOLDER:/Budget.xlsx:"). Raises GraphError: "conflict" when it changed since (`if_match`) or the
    name is taken, "full" without room, "uncertain" when it can't be found out whether it was stored.
    """
    work = _Upload(graph, path, _Source(source), options)
    small = work.source.size <= options.get("small", SMALL) and "body" not in options and "session" not in options
    try:
        return await (work.at_once() if small else work.in_pieces())
    except GraphError as error:
        if error.code != "uncertain":
            raise
        return await work.settled(error)


class _Upload:
    """One file on its way to Graph."""

    def __init__(self, graph: Graph, path: str, source: _Source, options: Options) -> None:
        self.graph, self.path, self.source, self.options = graph, path, source, options
        self.what = options.get("what") or f"the content of {path}"
        self.scope, self.if_match = options.get("scope", ""), options.get("if_match", "")

    @property
    def behavior(self) -> Behavior:
        """What happens when the name is taken: an item that is named by its id is replaced."""
        replaces = bool(self.if_match) or not self.path.endswith(":")
        return self.options.get("conflict", "replace" if replaces else "fail")

    async def at_once(self) -> Json:
        """Store it by one PUT."""
        call = Call(
            "PUT",
            f"{self.path}/content",
            params={_BEHAVIOR: self.behavior} if self.path.endswith(":") else {},
            headers={"Content-Type": self.options.get("media", "application/octet-stream")},
            content=self.source.read(0, self.source.size),
            what=self.what,
            scope=self.scope,
            if_match=self.if_match,
            idempotent=self.behavior != "rename",  # which would make a second file
        )
        return (await self.graph.send(call)).json

    async def in_pieces(self) -> Json:
        """Store it by an upload session, and by another one when that is lost."""
        given = self.options.get("session")
        for _ in range(_SESSIONS):
            pieces = _Pieces(self, given or await self._open(), begun=given is not None)
            if (stored := await pieces.send()) is not None:
                return stored
            if pieces.whole or given:  # the session was used up: it is stored, or the session was lost
                return await self.settled(GraphError.uncertain(self.what, why="the upload session is gone"), again=True)
        raise GraphError(f"The upload sessions for {self.what} get lost.", hint="Try again later.", code="unreachable")

    async def _open(self) -> Session:
        item: Json = {_BEHAVIOR: self.behavior, "fileSize": self.source.size}
        call = Call(
            "POST",
            f"{self.path}/createUploadSession",
            json=self.options.get("body") or {"item": item},
            what=self.what,
            scope=self.scope,
            if_match=self.if_match,
            idempotent=True,  # a session that nobody uses expires
        )
        found = (await self.graph.send(call)).json
        url = checked(self.graph, found.get("uploadUrl"), self.what)
        session = Session(url, str(found.get("expirationDateTime") or ""))
        if told := self.options.get("opened"):
            told(session)
        return session

    async def settled(self, error: GraphError, *, again: bool = False) -> Json:
        """Return the item when it has our content. Raises what else is the matter.

        With `again`, content that is not there is sent once more.
        """
        if "body" in self.options or self.behavior == "rename":
            raise error
        try:
            item = await self.graph.get(self.path, what=self.what, scope=self.scope)
        except GraphError as missing:
            if missing.status != 404:
                raise error from missing
            item = {}
        if holds(item, self.source.size, await asyncio.to_thread(self.source.hashed)):
            return item
        if again:  # the tag or the name still guards what others wrote
            return await self._once_more()
        raise _conflict(error, item, self.source, self.what)

    async def _once_more(self) -> Json:
        pieces = _Pieces(self, await self._open())
        if (stored := await pieces.send()) is None:
            raise GraphError.uncertain(self.what, why="the upload session is gone")
        return stored


class _Pieces:
    """The pieces of a file on their way to one session."""

    def __init__(self, upload: _Upload, session: Session, *, begun: bool = False) -> None:
        self.upload, self.graph, self.begun = upload, upload.graph, begun
        self.url = checked(upload.graph, session.url, upload.what)
        self.size = upload.source.size
        self.piece = max(upload.options.get("piece", PIECE) // UNIT * UNIT, UNIT)
        self.whole = False  # whether the last piece was sent
        self.failures = 0

    async def send(self) -> Json | None:
        """Send what is missing and return the item; None when the session is gone."""
        position: int | None = await self._missing() if self.begun else 0
        while position is not None:
            outcome = await self.graph.once(self._put(position))
            reply = outcome.reply
            if reply is None:
                position = await self._after(outcome)
            elif (following := _following(reply.json)) is not None:
                position, self.failures = following, 0
            elif position + self.piece >= self.size:
                return {
                    **reply.json,
                    **({"location": reply.headers["location"]} if "location" in reply.headers else {}),
                }
            else:
                position = await self._missing()
        return None

    def _put(self, position: int) -> Call:
        data = self.upload.source.read(position, self.piece)
        end = position + len(data)
        self.whole = self.whole or end >= self.size
        headers = {
            "Content-Range": f"bytes {position}-{end - 1}/{self.size}",
            "Content-Type": "application/octet-stream",
        }
        return Call("PUT", self.url, content=data, headers=headers, what=self.upload.what, bare=True)

    async def _after(self, outcome: Outcome) -> int | None:
        """Return where to go on after a failure, None when the session is gone."""
        trouble = outcome.trouble
        assert trouble is not None
        if trouble.status in (404, 410):
            return None
        if not outcome.passing and trouble.status != 416:
            await self._cancel()
            raise self._unsure(trouble) if self.whole and self.failures else trouble
        self.failures += 1
        pause = self.graph.backoff.pause(self.failures, outcome.wait)
        if self.failures >= self.graph.backoff.attempts or pause > self.graph.patience:
            raise self._unsure(trouble) if self.whole else trouble
        if outcome.throttled:
            self.graph.limiter.throttled(pause)
        else:
            await self.graph.clock.sleep(pause)
        return await self._missing()

    def _unsure(self, trouble: GraphError) -> GraphError:
        return GraphError.uncertain(self.upload.what, trouble)

    async def _missing(self) -> int | None:
        """Return the first byte that the session lacks, None when it is gone or lacks none."""
        try:
            reply = await self.graph.send(Call("GET", self.url, what=self.upload.what, bare=True))
        except GraphError as error:
            if error.status in (404, 410):
                return None
            raise
        return _following(reply.json)

    async def _cancel(self) -> None:
        """Drop the session; one that stays expires."""
        with suppress(ServiceError):
            await self.graph.once(Call("DELETE", self.url, what=self.upload.what, bare=True))


def _following(status: Json) -> int | None:
    """Return the first byte that is missing, None if the answer is not that of a session that lacks some.

    Exchange writes "2097152", OneDrive "26-" or "12345-55232".
    """
    ranges = status.get("nextExpectedRanges") or status.get("NextExpectedRanges")
    if not isinstance(ranges, list) or not ranges:
        return None
    first = str(ranges[0]).partition("-")[0]
    return int(first) if first.isascii() and first.isdigit() else None


def _conflict(error: GraphError, item: Json, source: _Source, what: str) -> GraphError:
    """Return the error for an item that has not our content: a conflict where Graph said so, and we know its hash."""
    told = error.status in (409, 412)
    if not told or not item or (item.get("size") == source.size and not item.get("file", {}).get("hashes")):
        return error
    changed = GraphError(
        f"{what} changed since it was read; nothing was written.", hint="Read it again.", code="conflict"
    )
    return changed.about(error.status, error.reasons, error.request_id)
