"""Files that come in: attachments of every kind, and links, into the room of who sent them.

Each is fetched from where its kind lies and nowhere else, against a limit, looked at in a child process, and kept under
a name of its own. One that can't be had is a sentence; the others are received. Nothing here believes a name or a type.

Sources: Microsoft Teams, "Send and receive files using a bot" (file.download.info, inline images); Bot Framework --
Activity, "Attachment"; RFC 2397 (data URLs).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import html
import threading
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol
from urllib.parse import unquote_to_bytes

from copilot.errors import DocumentError, EverpilotError, ServiceError, SettingsError, ToolInputError, WorkspaceError
from copilot.hosts.bot import links, names, places, shared
from copilot.hosts.bot.clouds import CLOUDS
from copilot.hosts.bot.credentials import Signing
from copilot.hosts.bot.hosts import Hosts
from copilot.hosts.bot.inbox import Activity
from copilot.hosts.bot.mentions import without_mentions
from copilot.hosts.bot.rooms import Room, megabytes
from copilot.hosts.bot.webchat.files import MOST as MOST_BYTES
from copilot.hosts.bot.webchat.files import SCHEME
from copilot.hosts.bot.words import WORDS, Words
from copilot.settings import Settings
from copilot.trust.sanitise import safe_markdown, safe_text

if TYPE_CHECKING:
    from copilot.documents.guarded import Reader
    from copilot.hosts.bot.places import Within

DOWNLOAD = "application/vnd.microsoft.teams.file.download.info"
#: Files of one message, and how many are fetched at once in one process.
MOST = 20
_AT_ONCE = 4
_SECONDS = 120.0
#: What stands beside the words and is no file: the words once more as HTML, and cards.
_NO_FILES = ("text/html", "text/plain", "application/vnd.microsoft.card.", "application/vnd.microsoft.teams.card.")

How = Literal["drive", "channel", "page", "data", "link", "nowhere"]


class Store(Protocol):
    """Where the page keeps what was uploaded (webchat.files.Files)."""

    async def find(self, reference: str) -> Any:
        """Return the file of a reference, None if there is none."""
        ...

    def read(self, file: Any) -> AsyncIterator[bytes]:
        """Read a file in pieces."""
        ...


@dataclass(frozen=True)
class Received:
    """A file that is in the room now: its name there, its bytes, and what it was called by who sent it."""

    name: str
    size: int
    called: str


@dataclass(frozen=True)
class Receipt:
    """What came of a message's files: `problems` are sentences for the person; `sign_in`: one would have helped."""

    files: tuple[Received, ...] = ()
    problems: tuple[str, ...] = ()
    sign_in: bool = False


@dataclass(frozen=True)
class Wanted:
    """A file as a message names it: where it lies, its address there, its name."""

    how: How
    url: str
    name: str


class _Trouble(Exception):
    """A file can't be had; `str(error)` is the sentence."""


class Receiver:
    """Receives files for all rooms of a host. `signing` is the bot's own, `store` the page's, if there is one."""

    def __init__(
        self,
        settings: Settings,
        hosts: Hosts,
        signing: Signing,
        store: Store | None = None,
        *,
        most: int = MOST_BYTES,
        words: Words = WORDS,
    ) -> None:
        self._settings, self._signing, self._store, self._most, self._words = settings, signing, store, most, words
        self.drives = places.drives(settings.bot.cloud, here=hosts.here)
        self._channel = places.channel(hosts)
        # The bot's token goes to Microsoft's own hosts alone: not to another agent, whose host the settings may name.
        self._knows_us = places.channel(Hosts(CLOUDS[settings.bot.cloud].hosts, here=hosts.here))
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._reader: Reader | None = None
        self._reading = threading.Lock()

    async def receive(self, activity: Activity, room: Room) -> Receipt:
        """Put the files of a message into the room; done again, it brings the same files."""
        files: list[Received] = []
        problems: list[str] = []
        sign_in = False
        wanted_ones, more = self._chosen(activity)
        if not wanted_ones and shared.may_have_files(room.person):
            wanted_ones, problems = await asyncio.to_thread(self._shared, activity, room)
            sign_in = bool(problems)
        for wanted in wanted_ones:
            try:
                async with self._gate:
                    files.append(await self._received(wanted, activity, room))
            except _Trouble as trouble:
                problems.append(str(trouble))
                sign_in = sign_in or str(trouble) == self._say("link_sign_in", wanted)
        if more:
            problems.append(self._words.file_too_many.format(count=more, files=MOST, links=links.MOST))
        unique = {each.name: each for each in files}
        return Receipt(tuple(unique.values()), tuple(dict.fromkeys(problems)), sign_in)

    def close(self) -> None:
        """End the child process that looks at files."""
        with self._reading:
            if self._reader is not None:
                self._reader.close()
                self._reader = None

    def wanted(self, activity: Activity) -> list[Wanted]:
        """Return the files that a message has, at most MOST, of them at most links.MOST by a link."""
        return self._chosen(activity)[0]

    def _chosen(self, activity: Activity) -> tuple[list[Wanted], int]:
        """Return the files that are taken of a message, and how many more it has."""
        found = [made for each in activity.get("attachments") or () if (made := self._wanted(each)) is not None]
        typed = links.in_text(_words(activity), self.drives)
        found += [Wanted("link", link, links.name_of(link)) for link in typed[: links.MOST]]
        every = list({(each.how, each.url): each for each in found}.values())
        return every[:MOST], len(every[MOST:]) + len(typed[links.MOST :])

    def _shared(self, activity: Activity, room: Room) -> tuple[list[Wanted], list[str]]:
        """Return the files that hang on a message of a group, and what to say where they can't be looked up."""
        account, found = self._settings.bot.account, None
        if account:
            found = shared.attached(room.copilot.connections, account, activity, room.person)
        if found is None:
            how = self._words.group_files_account if account else self._words.group_files_alone
            return [], [how] if shared.is_marked(activity) else []
        return [Wanted(self._where(each.url), each.url, each.name or "the file") for each in found[:MOST]], []

    def _where(self, url: str) -> How:
        return "link" if self.drives.reaches(url) else "nowhere"

    def _wanted(self, attachment: Mapping[str, Any]) -> Wanted | None:
        kind, url = str(attachment.get("contentType") or "").lower(), str(attachment.get("contentUrl") or "")
        content = attachment.get("content")
        name = str(attachment.get("name") or "")
        if kind == DOWNLOAD:
            told = content.get("downloadUrl") if isinstance(content, dict) else None
            return Wanted("drive" if isinstance(told, str) else "nowhere", str(told), name or "the file")
        if (not url and (not kind or kind.startswith(_NO_FILES))) or kind.startswith(_NO_FILES[2:]):
            return None
        name = name or _unnamed(kind)
        if url.startswith("data:"):
            return Wanted("data", url, name)
        if url.startswith(SCHEME):
            return Wanted("page", url, name)
        if kind == "reference" or (self.drives.reaches(url) and not self.drives.here):
            return Wanted(self._where(url), url, name)
        return Wanted("channel" if self._channel.reaches(url) else "nowhere", url, name) if url else None

    # --- one file -----------------------------------------------------------------------------------------------------

    async def _received(self, wanted: Wanted, activity: Activity, room: Room) -> Received:
        left = await asyncio.to_thread(room.left)
        if not left:
            raise _Trouble(self._full(wanted, room))
        most = min(self._most, left)
        name, data = await self._fetched(wanted, activity, room, most)
        if len(data) > most:
            raise _Trouble(self._full(wanted, room) if most < self._most else self._too_large(wanted))
        return await asyncio.to_thread(self._kept, wanted, name, data, room)

    async def _fetched(self, wanted: Wanted, activity: Activity, room: Room, most: int) -> tuple[str, bytes]:
        """Return the name and bytes of a file, of a larger one more than `most`."""
        if wanted.how == "data":
            return wanted.name, self._inline(wanted, most)
        if wanted.how == "page":
            return wanted.name, await self._uploaded(wanted, activity, most)
        if wanted.how == "link":
            return await asyncio.to_thread(self._linked, wanted, room, most)
        if wanted.how == "nowhere":
            raise _Trouble(self._say("file_elsewhere", wanted))
        return wanted.name, await self._downloaded(wanted, activity, most)

    async def _downloaded(self, wanted: Wanted, activity: Activity, most: int) -> bytes:
        service, token = self.drives, ""
        if wanted.how == "channel":
            service = self._channel
            if places.same_host(wanted.url, str(activity["serviceUrl"])) and self._knows_us.reaches(wanted.url):
                try:
                    token = await self._signing.token()
                except SettingsError as error:
                    raise _Trouble(self._say("file_not_reached", wanted)) from error
        return await asyncio.to_thread(self._asked, wanted, service, token, most)

    def _asked(self, wanted: Wanted, service: Within, token: str, most: int) -> bytes:
        import httpx

        from copilot.plugins import web

        def sign(request: httpx.Request) -> None:
            if token:
                request.headers["Authorization"] = f"Bearer {token}"

        try:
            request = httpx.Request("GET", wanted.url)
            answer = web.ask(request, service, sign=sign, most=most + 1, patience=_SECONDS)
        except (ToolInputError, httpx.InvalidURL, UnicodeError) as error:
            late = getattr(error, "code", "") in ("unreachable", "timeout")
            raise _Trouble(self._say("file_not_reached" if late else "file_elsewhere", wanted)) from error
        if answer.status == 200:
            return answer.content
        if answer.status in (408, 425, 429) or answer.status >= 500:
            raise _Trouble(self._say("file_not_reached", wanted))
        denied = token and answer.status in (401, 403)
        raise _Trouble(self._say("file_denied" if denied else "file_gone", wanted))

    async def _uploaded(self, wanted: Wanted, activity: Activity, most: int) -> bytes:
        found = await self._store.find(wanted.url) if self._store is not None else None
        if self._store is None or found is None or found.conversation != activity["conversation"]["id"]:
            raise _Trouble(self._say("file_gone", wanted))
        data = bytearray()
        async for piece in self._store.read(found):
            data += piece
            if len(data) > most:
                break
        return bytes(data)

    def _inline(self, wanted: Wanted, most: int) -> bytes:
        head, comma, body = wanted.url.partition(",")
        if not comma:
            raise _Trouble(self._say("file_gone", wanted))
        if not head.endswith(";base64"):
            return unquote_to_bytes(body[: 3 * most + 3])
        try:
            return base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError) as error:
            raise _Trouble(self._say("file_gone", wanted)) from error

    def _linked(self, wanted: Wanted, room: Room, most: int) -> tuple[str, bytes]:
        account = self._settings.bot.account
        if not account:
            raise _Trouble(self._say("link_no_account", wanted))
        try:
            return links.fetch(room.copilot.connections, account, wanted.url, room.state, most)
        except ServiceError as error:
            raise _Trouble(self._refused(wanted, room, error, most)) from error
        except EverpilotError as error:
            raise _Trouble(self._say("file_not_kept", wanted, reason=error.message)) from error

    def _refused(self, wanted: Wanted, room: Room, error: ServiceError, most: int) -> str:
        if error.code == "full":
            return self._full(wanted, room) if most < self._most else self._too_large(wanted)
        said = {"signed_out": "link_sign_in", "scope": "link_sign_in", "missing": "file_gone", "denied": "file_denied"}
        return self._say(said.get(error.code, "file_not_reached"), wanted)

    def _kept(self, wanted: Wanted, name: str, data: bytes, room: Room) -> Received:
        made = names.safe_name(name)
        if not data:
            raise _Trouble(self._say("file_empty", wanted))
        try:
            made = names.by_content(made, data)
            self._look_at(data, made)
            with room.alone():
                room.make_room(made, len(data))
                place = names.keep(room.folder, made, data)
        except (DocumentError, WorkspaceError) as error:
            raise _Trouble(str(error)) from error
        except OSError as error:
            raise _Trouble(self._say("file_not_kept", wanted, reason=error.strerror or "the disk")) from error
        return Received(place.name, len(data), safe_text(wanted.name))

    def _look_at(self, data: bytes, name: str) -> None:
        """Read a document once in a child process: what takes too long or too much there is not let in."""
        if names.picture(data):
            return
        from copilot.documents.guarded import Reader

        with self._reading:
            self._reader = self._reader or Reader()
            self._reader.read(data, name)

    # --- words --------------------------------------------------------------------------------------------------------

    def _say(self, what: str, wanted: Wanted, **more: str) -> str:
        text: str = getattr(self._words, what)
        return text.format(name=shown(wanted.name), **more)

    def _too_large(self, wanted: Wanted) -> str:
        return self._say("file_too_large", wanted, most=megabytes(self._most))

    def _full(self, wanted: Wanted, room: Room) -> str:
        if not room.used():  # nothing that could be deleted would help
            return self._say("file_too_large", wanted, most=megabytes(room.quota))
        return self._say("file_no_room", wanted, used=megabytes(room.used()), quota=megabytes(room.quota))


def _words(activity: Activity) -> str:
    """Return what a person wrote, as text and as Teams repeats it in HTML: a file shared in a group is a link there."""
    pages = (
        each.get("content") for each in activity.get("attachments") or () if each.get("contentType") == "text/html"
    )
    return " ".join([without_mentions(activity), *(html.unescape(page) for page in pages if isinstance(page, str))])


def shown(name: str) -> str:
    """Return a name that a stranger chose as it is said: one line, short, nothing that a client acts on."""
    plain = " ".join(safe_text(name).split())
    return safe_markdown(f"{plain[:60]}…" if len(plain) > 61 else plain) or "the file"


def _unnamed(kind: str) -> str:
    major, _, minor = kind.partition("/")
    return f"image.{minor}" if major == "image" and minor.isalnum() else "image" if major == "image" else "file"
