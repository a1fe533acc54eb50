"""Direct Line API 3.0, as far as a browser needs it: tokens, conversations, activities, uploads, a stream, files.

Source: "API reference - Direct Line API 3.0". Mounted under /directline on every replica; which of them answers does
not matter, as all that is known lies in the database.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import secrets
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from aiohttp import BodyPartReader, web
from sqlalchemy.exc import SQLAlchemyError

from copilot.hosts.bot import gate
from copilot.hosts.bot.activities import MOST_BYTES, Malformed, is_stop
from copilot.hosts.bot.inbox import Activity, Inbox
from copilot.hosts.bot.webchat import incoming
from copilot.hosts.bot.webchat.access import Access, Counts, NotLetIn, new_person, scheme_of
from copilot.hosts.bot.webchat.files import MOST, SCHEME, File, Files, NoRoom, TooLarge, link_of, references, replaced
from copilot.hosts.bot.webchat.signing import TOKEN, Holder, Signer, Unsigned
from copilot.hosts.bot.webchat.transcript import Batch, Transcript
from copilot.trust.sanitise import safe_text

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PREFIX = "/directline"
_FILES_AT_ONCE = 20  # as many as are read of a message, of any channel
_AGAIN, _MINUTE = 5, 60  # seconds after which a full inbox may be asked again, and after too much at once
#: Messages a minute that nobody types: the turns have their own, kinder limit. Streams of one person at one replica.
_FLOOD = 300
_STREAMS = 20
#: Seconds that a stream is silent before an empty message says that it lives; also the longest sleep of a stream.
_SILENCE = 20.0
_PERSON = re.compile(r"dl_[A-Za-z0-9_-]{1,64}")
#: Shown in the page; all else is only ever saved.
_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})


class DirectLine:
    """The routes. What is refused is answered as Direct Line does: {"error": {"code", "message"}}."""

    def __init__(
        self,
        inbox: Inbox,
        transcript: Transcript,
        files: Files,
        signer: Signer,
        access: Access,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._inbox, self._transcript, self._files = inbox, transcript, files
        self._signer, self._access, self._clock = signer, access, clock
        self._streams: dict[web.WebSocketResponse, str] = {}
        self._said_by = Counts()

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for an application of aiohttp."""
        one = PREFIX + "/conversations/{conversation}"
        table: tuple[tuple[str, str, Handler], ...] = (
            ("POST", PREFIX + "/tokens/generate", self._generate),
            ("POST", PREFIX + "/tokens/refresh", self._refresh),
            ("POST", PREFIX + "/conversations", self._start),
            ("GET", one, self._reconnect),
            ("GET", one + "/activities", self._activities),
            ("POST", one + "/activities", self._post),
            ("POST", one + "/upload", self._upload),
            ("GET", one + "/stream", self._stream),
            ("GET", PREFIX + "/files/{file}/{name}", self._file),
            ("*", PREFIX + "/{rest:.*}", self._nothing),  # the last: what no other takes
        )
        return [web.route(method, path, self._guarded(handler)) for method, path, handler in table]

    async def close(self) -> None:
        """End all streams: their browsers go on with another replica."""
        for stream in list(self._streams):
            await stream.close(code=1012, message=b"restart")

    def _guarded(self, handler: Handler) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                self._access.check(request)
                return await handler(request)
            except NotLetIn as refusal:
                if refusal.status == 429:
                    return _refused(429, "TooManyRequests", str(refusal), again=_MINUTE)
                return _refused(refusal.status, "Forbidden", str(refusal))
            except Unsigned as fault:
                code = "TokenExpired" if fault.expired else "BadArgument"
                return _refused(403 if fault.expired else 401, code, "The token is expired or none of ours.")
            except Malformed as fault:
                return _refused(fault.status, "BadSyntax", str(fault))
            except TooLarge:
                return _refused(413, "MessageSizeTooBig", f"A file may have at most {MOST // 2**20} MB.")
            except NoRoom as fault:
                return _refused(413, "MessageSizeTooBig", str(fault))
            except SQLAlchemyError as error:
                log.warning("webchat: the database does not answer (%s)", type(error).__name__)
                return _refused(503, "ServiceError", "The service is not well. Try again in a moment.", again=_AGAIN)
            except KeyError:
                return _refused(404, "BadArgument", "There is no such conversation.")
            except web.HTTPException:
                raise
            except Exception as error:  # whatever broke, a client is told in the form that it reads, and no more
                log.warning("failed", exc_info=error)
                return _refused(500, "ServiceError", "Something went wrong here. Try again.")

        return answer

    async def _nothing(self, request: web.Request) -> web.Response:
        return _refused(404, "BadArgument", "There is nothing at this address, or not for this method.")

    # --- tokens and conversations -------------------------------------------------------------------------------------

    async def _generate(self, request: web.Request) -> web.Response:
        given = incoming.read(await _body(request) or b"{}")
        holder = self._asker(request, given)
        wanted = given.get("conversationId")
        known = isinstance(wanted, str) and await self._transcript.owner(wanted) == holder.person
        conversation = str(wanted) if known else secrets.token_urlsafe(16)
        return web.json_response(self._token(holder.person, conversation, holder.name), headers=_PRIVATE)

    def _asker(self, request: web.Request, given: dict[str, Any]) -> Holder:
        """Return who wants a token: a browser by its session, or a program that has the key, for somebody it names."""
        if session := self._access.session(request):
            return session
        key = gate.bearer(request)
        if not key or not self._access.opens(request, key):
            raise Unsigned
        user = given.get("user") if isinstance(given.get("user"), dict) else {}
        id, name = str((user or {}).get("id", "")), (user or {}).get("name")
        name = safe_text(name)[:80] if isinstance(name, str) else ""
        return Holder(id if _PERSON.fullmatch(id) else new_person(), name=name)

    def _token(self, person: str, conversation: str, name: str) -> dict[str, Any]:
        token = self._signer.token(person, conversation, name)
        return {"conversationId": conversation, "token": token, "expires_in": TOKEN}

    async def _refresh(self, request: web.Request) -> web.Response:
        holder = self._signer.holder(gate.bearer(request))
        return web.json_response(self._token(holder.person, holder.conversation, holder.name), headers=_PRIVATE)

    async def _start(self, request: web.Request) -> web.Response:
        holder = self._signer.holder(gate.bearer(request))
        self._slow(holder)
        new = await self._transcript.open(holder.conversation, holder.person)
        if not new:
            await self._belongs(holder)
        return self._started(request, holder, 0, 201 if new else 200)

    async def _reconnect(self, request: web.Request) -> web.Response:
        holder = await self._holder(request)
        return self._started(request, holder, _watermark(request), 200)

    def _started(self, request: web.Request, holder: Holder, watermark: int, status: int) -> web.Response:
        made = self._token(holder.person, holder.conversation, holder.name)
        base = f"{'wss' if scheme_of(request) == 'https' else 'ws'}://{request.host}{PREFIX}"
        query = f"watermark={watermark}&t={made['token']}"
        made["streamUrl"] = f"{base}/conversations/{holder.conversation}/stream?{query}"
        return web.json_response(made, status=status, headers=_PRIVATE)

    def _slow(self, holder: Holder) -> None:
        """Raise NotLetIn for a person who says more than anybody can."""
        if self._said_by.add(holder.person) > _FLOOD:
            raise NotLetIn("That is too much at once. Wait a minute.", 429)

    async def _holder(self, request: web.Request, token: str = "") -> Holder:
        """Return whose request this is, for the conversation of its path; raises Unsigned and KeyError."""
        holder = self._signer.holder(token or gate.bearer(request))
        if request.match_info["conversation"] != holder.conversation:
            raise KeyError(holder.conversation)
        await self._belongs(holder)
        return holder

    async def _belongs(self, holder: Holder) -> None:
        if await self._transcript.owner(holder.conversation) != holder.person:
            raise KeyError(holder.conversation)

    # --- what the person says -----------------------------------------------------------------------------------------

    async def _post(self, request: web.Request) -> web.Response:
        holder = await self._holder(request)
        self._slow(holder)
        given = incoming.read(await _body(request))
        files = [await self._own(holder, reference) for reference in incoming.named(given)]
        return await self._said(given, holder, files)

    async def _own(self, holder: Holder, reference: str) -> File:
        file = await self._files.find(reference)
        if file is None or file.conversation != holder.conversation:
            raise Malformed("attachments: a file is not of this conversation")
        return file

    async def _said(self, given: dict[str, Any], holder: Holder, files: list[File]) -> web.Response:
        if not incoming.taken(given.get("type")):
            return web.json_response({"id": ""})
        activity = incoming.activity_of(given, holder, files, self._clock)
        placed = await self._transcript.append(holder.conversation, activity, incoming.dedupe_key(activity))
        outcome = "failed"
        try:
            outcome = await self._handed({**activity, "id": placed.id}, holder)
        finally:
            if outcome in ("full", "failed") and placed.new:  # the person is told so, and sends it again
                await self._transcript.remove(holder.conversation, placed.id)
        if outcome == "full":
            return _refused(503, "ServiceError", "Too much is going on. Try again in a moment.", again=_AGAIN)
        return web.json_response({"id": placed.id})

    async def _handed(self, activity: Activity, holder: Holder) -> str:
        who = incoming.who(holder)
        if is_stop(activity) and await self._inbox.stop(activity, who):
            return "stopped"
        outcome = await self._inbox.put(activity, who)
        log.info("activity", extra={"fields": {"channel": "webchat", "id": activity["id"], "outcome": outcome}})
        return outcome

    async def _upload(self, request: web.Request) -> web.Response:
        holder = await self._holder(request)
        self._slow(holder)
        if not request.content_type.startswith("multipart/"):
            return await self._upload_one(request, holder)
        given: dict[str, Any] = {"type": "message", "text": ""}
        files: list[File] = []
        async for part in _parts(request):
            if (part.headers.get("Content-Type") or "").startswith("application/vnd.microsoft.activity"):
                given = incoming.read(await _read(part))
            elif len(files) < _FILES_AT_ONCE:
                type = part.headers.get("Content-Type") or ""
                files.append(await self._files.put(holder.conversation, part.filename or "", type, _chunks(part)))
            else:
                raise Malformed(f"an upload has at most {_FILES_AT_ONCE} files")
        return await self._said(given, holder, files)

    async def _upload_one(self, request: web.Request, holder: Holder) -> web.Response:
        """Take a body that is one file, named by its Content-Disposition ("Send a single attachment by upload")."""
        name, type = _file_name(request.headers.get("Content-Disposition", "")), request.headers.get("Content-Type", "")
        if not name:
            raise Malformed("an upload is multipart/form-data, or a file with its name in Content-Disposition")
        file = await self._files.put(holder.conversation, name, type, request.content.iter_chunked(65_536))
        return await self._said({"type": "message", "text": ""}, holder, [file])

    # --- what the person sees -----------------------------------------------------------------------------------------

    async def _activities(self, request: web.Request) -> web.Response:
        holder = await self._holder(request)
        batch = await self._transcript.since(holder.conversation, _watermark(request))
        return web.json_response(await self._told(request, batch), headers=_PRIVATE)

    async def _told(self, request: web.Request, batch: Batch) -> dict[str, Any]:
        """Return a batch as the browser gets it: files are links, for this conversation and a while."""
        links: dict[str, str] = {}
        base = f"{scheme_of(request)}://{request.host}"
        for reference in references(batch.activities):
            file = await self._files.find(reference)
            if file is not None and file.conversation == request.match_info["conversation"]:
                links[reference] = base + link_of(file, self._signer)
        return {"activities": replaced(batch.activities, links), "watermark": str(batch.watermark)}

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        holder = await self._holder(request, request.query.get("t", ""))
        if list(self._streams.values()).count(holder.person) >= _STREAMS:
            raise NotLetIn("The page is open too often.", 429)
        socket = web.WebSocketResponse(heartbeat=_SILENCE, max_msg_size=4_096)
        await socket.prepare(request)
        self._streams[socket] = holder.person
        listening = asyncio.create_task(_until_closed(socket))
        telling = asyncio.create_task(self._tell(request, socket, holder))
        try:
            await asyncio.wait({listening, telling}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._streams[socket]
            listening.cancel()
            telling.cancel()
            await asyncio.gather(listening, telling, return_exceptions=True)
            await socket.close(code=1012)
        return socket

    async def _tell(self, request: web.Request, socket: web.WebSocketResponse, holder: Holder) -> None:
        watermark = _watermark(request)
        while not socket.closed and self._clock() < holder.until:
            batch = await self._transcript.since(holder.conversation, watermark)
            watermark = batch.watermark
            if batch.activities:
                await socket.send_json(await self._told(request, batch), dumps=_compact)
            elif not await self._transcript.wait(holder.conversation, watermark, _SILENCE):
                await socket.send_str("")

    async def _file(self, request: web.Request) -> web.StreamResponse:
        file = await self._files.find(SCHEME + request.match_info["file"])
        if file is None:
            return _refused(404, "BadArgument", "There is no such file.")
        try:
            self._signer.check_link(file.conversation, file.id, request.query.get("e", ""), request.query.get("s", ""))
        except Unsigned as fault:
            words = "The link is too old. Reload the page." if fault.expired else "There is no such file."
            return _refused(410 if fault.expired else 404, "BadArgument", words)
        return await self._sent(request, file)

    async def _sent(self, request: web.Request, file: File) -> web.StreamResponse:
        shown = file.type in _PICTURES
        headers = {
            **_PRIVATE,
            "Content-Type": file.type if shown else "application/octet-stream",
            "Content-Length": str(file.size),
            "Content-Disposition": _disposition("inline" if shown else "attachment", file.name),
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        async for piece in self._files.read(file):
            await response.write(piece)
        await response.write_eof()
        return response


_PRIVATE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


def _refused(status: int, code: str, words: str, *, again: int = 0) -> web.Response:
    headers = {**_PRIVATE, **({"Retry-After": str(again)} if again else {})}
    return web.json_response({"error": {"code": code, "message": words}}, status=status, headers=headers)


def _watermark(request: web.Request) -> int:
    given = request.query.get("watermark", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 16 else 0


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _disposition(kind: str, name: str) -> str:
    """Return a header that names a file (RFC 6266), in ASCII and in full."""
    from urllib.parse import quote

    plain = re.sub(r"[^\x20-\x7e]|[\"\\]", "_", name)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _file_name(disposition: str) -> str:
    """Return the file's name of a header: of RFC 6266, and of Direct Line's own examples, which leave out the kind."""
    from aiohttp import content_disposition_filename, parse_content_disposition

    whole = disposition if re.match(r"\s*[\w-]+\s*(;|$)", disposition) else f"attachment; {disposition}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a header that is broken names no file
        return content_disposition_filename(parse_content_disposition(whole)[1]) or ""


async def _body(request: web.Request) -> bytes:
    found = b""
    async for chunk in request.content.iter_chunked(65_536):
        found += chunk
        if len(found) > MOST_BYTES:
            raise Malformed(f"the body is larger than {MOST_BYTES:,} bytes", 413)
    return found


async def _parts(request: web.Request) -> AsyncIterator[BodyPartReader]:
    """Yield the parts of an upload, one after another; raises Malformed."""
    try:
        reader = await request.multipart()
        while (part := await reader.next()) is not None:
            if isinstance(part, BodyPartReader):
                yield part
    except ValueError as error:
        raise Malformed("the upload is no multipart/form-data") from error


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk(65_536):
        yield bytes(chunk)


async def _read(part: BodyPartReader) -> bytes:
    found = b""
    async for chunk in _chunks(part):
        found += chunk
        if len(found) > MOST_BYTES:
            raise Malformed(f"the activity is larger than {MOST_BYTES:,} bytes", 413)
    return found


async def _until_closed(socket: web.WebSocketResponse) -> None:
    async for _ in socket:  # the browser's signs of life say nothing
        pass
