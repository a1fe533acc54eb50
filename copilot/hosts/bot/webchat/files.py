"""Files of the page's conversations, up and down: kept in the database, so that every replica has them."""

from __future__ import annotations

import asyncio
import mimetypes
import re
import secrets
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from copilot.hosts.bot.webchat.signing import Signer
from copilot.trust.sanitise import safe_text

if TYPE_CHECKING:
    from copilot.jobs.database import Database

#: Bytes of one file, up or down.
MOST = 50 * 1024 * 1024
#: How a file stands in an activity, until it goes to the browser: then it is a link that expires.
SCHEME = "everpilot-file:"
_PIECE = 256 * 1024
_UPLOAD = 3_600  # seconds after which an upload that did not end is over
_INCOMPLETE = -1  # as its size, until all of it is there
_NAME = 200
_REFERENCE = re.compile(re.escape(SCHEME) + r"([A-Za-z0-9_-]{20,64})")
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_UNNAMED = re.compile(r'[\x00-\x1f/\\:*?"<>|]+')


class TooLarge(Exception):
    """A file has more than MOST bytes."""


class NoRoom(Exception):
    """A person has as many files as they may; `str(error)` says so."""


@dataclass(frozen=True)
class File:
    """A file that is kept. `reference` is what stands as `contentUrl` in an activity."""

    id: str
    conversation: str
    name: str
    type: str
    size: int

    @property
    def reference(self) -> str:
        """Return how an activity names the file."""
        return SCHEME + self.id

    def attachment(self) -> dict[str, Any]:
        """Return the file as an attachment of an activity."""
        return {"contentType": self.type, "contentUrl": self.reference, "name": self.name}


class Files:
    """The files. What is written becomes visible when it is complete. `quota` is the bytes of one person, 0 for all."""

    def __init__(self, database: Database, *, quota: int = 0, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._quota = quota
        self._clock = clock

    async def put(self, conversation: str, name: str, type: str, data: bytes | AsyncIterable[bytes]) -> File:
        """Keep a file of a conversation; raises TooLarge or NoRoom, and keeps nothing of it then."""
        await asyncio.to_thread(self._room, conversation)
        plain = plain_name(name)
        file = File(secrets.token_urlsafe(24), conversation, plain, plain_type(type, plain), _INCOMPLETE)
        await asyncio.to_thread(self._keep, file)
        try:
            size = await self._take(file, data)
        except BaseException:
            await asyncio.to_thread(self._drop, file.id)
            raise
        return replace(file, size=size)

    async def _take(self, file: File, data: bytes | AsyncIterable[bytes]) -> int:
        size = 0
        async for number, piece in _pieces(data):
            size += len(piece)
            if size > MOST:
                raise TooLarge
            await asyncio.to_thread(self._keep_piece, file.id, number, piece)
        await asyncio.to_thread(self._complete, file.id, size)
        return size

    async def find(self, reference: str) -> File | None:
        """Return the file that an activity names (`File.reference`), None if there is none."""
        found = _REFERENCE.fullmatch(reference)
        return await asyncio.to_thread(self._find, found[1]) if found else None

    async def read(self, file: File) -> AsyncIterator[bytes]:
        """Read a file in pieces."""
        number = 0
        while (piece := await asyncio.to_thread(self._piece, file.id, number)) is not None:
            yield piece
            number += 1

    # --- the rows -----------------------------------------------------------------------------------------------------

    def _room(self, conversation: str) -> None:
        """Raise NoRoom when the person of the conversation has the quota already, with what is on its way."""
        import sqlalchemy as sa

        from copilot.hosts.bot.webchat.tables import CONVERSATIONS, FILES

        if not self._quota:
            return
        person = sa.select(CONVERSATIONS.c.person).where(CONVERSATIONS.c.id == conversation).scalar_subquery()
        theirs = sa.select(CONVERSATIONS.c.id).where(CONVERSATIONS.c.person == person)
        coming = sa.case((FILES.c.made > self._clock() - _UPLOAD, MOST), else_=0)
        size = sa.func.sum(sa.case((FILES.c.size < 0, coming), else_=FILES.c.size))
        with self._database.engine.connect() as link:
            used = int(link.execute(sa.select(size).where(FILES.c.conversation.in_(theirs))).scalar() or 0)
        if used >= self._quota:
            raise NoRoom(f"You have {used // 2**20} MB of files here, which is all that one person may have.")

    def _keep_piece(self, id: str, number: int, piece: bytes) -> None:
        from copilot.hosts.bot.webchat.tables import PIECES

        with self._database.engine.begin() as link:
            link.execute(PIECES.insert().values(file=id, number=number, data=piece))

    def _keep(self, file: File) -> None:
        from copilot.hosts.bot.webchat.tables import FILES

        with self._database.engine.begin() as link:
            link.execute(FILES.insert().values(**vars(file), made=self._clock()))

    def _complete(self, id: str, size: int) -> None:
        from copilot.hosts.bot.webchat.tables import FILES

        with self._database.engine.begin() as link:
            link.execute(FILES.update().where(FILES.c.id == id).values(size=size))

    def _drop(self, id: str) -> None:
        from copilot.hosts.bot.webchat.tables import FILES, PIECES

        with self._database.engine.begin() as link:
            link.execute(PIECES.delete().where(PIECES.c.file == id))
            link.execute(FILES.delete().where(FILES.c.id == id))

    def _find(self, id: str) -> File | None:
        import sqlalchemy as sa

        from copilot.hosts.bot.webchat.tables import FILES as table

        with self._database.engine.connect() as link:
            row = link.execute(sa.select(table).where((table.c.id == id) & (table.c.size >= 0))).first()
        return File(row.id, row.conversation, row.name, row.type, int(row.size)) if row else None

    def _piece(self, id: str, number: int) -> bytes | None:
        import sqlalchemy as sa

        from copilot.hosts.bot.webchat.tables import PIECES as table

        with self._database.engine.connect() as link:
            found = link.execute(sa.select(table.c.data).where((table.c.file == id) & (table.c.number == number)))
            return found.scalar()


def references(value: Any) -> set[str]:
    """Return all files that are named in a value of JSON."""
    if isinstance(value, str):
        return {value} if _REFERENCE.fullmatch(value) else set()
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {found for each in inside for found in references(each)}


def replaced(value: Any, links: dict[str, str]) -> Any:
    """Return a value of JSON with links in place of the files that it names; what has none becomes ""."""
    if isinstance(value, str):
        return links.get(value, "") if _REFERENCE.fullmatch(value) else value
    if isinstance(value, dict):
        return {name: replaced(each, links) for name, each in value.items()}
    return [replaced(each, links) for each in value] if isinstance(value, list) else value


def link_of(file: File, signer: Signer) -> str:
    """Return the path under which a browser gets the file for a while."""
    from urllib.parse import quote

    return f"/directline/files/{file.id}/{quote(file.name)}?{signer.link(file.conversation, file.id)}"


def plain_name(name: str) -> str:
    """Return the name of a file without path, control characters and what no system keeps in a name."""
    shown = _UNNAMED.sub("_", safe_text(re.split(r"[/\\]", name)[-1])).strip(" .")
    stem, dot, end = shown.rpartition(".")
    cut = f"{stem[: _NAME - len(end) - 1]}.{end}" if dot and len(end) < 10 else shown[:_NAME]
    return cut or "file"


def plain_type(type: str, name: str) -> str:
    """Return a media type: the given one if it is one, else by the name."""
    given = type.partition(";")[0].strip().lower()
    if _TYPE.fullmatch(given) and given != "application/octet-stream":
        return given
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


async def _pieces(data: bytes | AsyncIterable[bytes]) -> AsyncIterator[tuple[int, bytes]]:
    """Yield numbered pieces of at most _PIECE bytes, whatever the sizes that they come in."""
    number, held = 0, b""
    async for chunk in _chunks(data):
        held += chunk
        while len(held) >= _PIECE:
            yield number, held[:_PIECE]
            number, held = number + 1, held[_PIECE:]
    if held:
        yield number, held


async def _chunks(data: bytes | AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    if not isinstance(data, bytes):
        async for chunk in data:
            yield chunk
        return
    for start in range(0, len(data), _PIECE):
        yield data[start : start + _PIECE]
