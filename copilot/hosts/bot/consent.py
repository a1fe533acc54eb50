"""Files that go out: each the way that its chat has for it.

Teams, in a chat of two: a consent card; who allows it gets the file into their OneDrive, uploaded to the session that
Teams opened. Teams in groups, in Microsoft 365 Copilot and in the clouds of governments has no such way for bots: there
a file goes by the account of who asked, if they signed in (handing.py); else the consent card goes into their own chat
with the bot, if they have one; else words say how to get it. Our own page has a store of its own; small files go as
data where the channel takes that.

No link that works for whoever has it is ever made: in a group, guests and whoever it is passed on to have it, too.

An offer is bound to the person, the conversation and the file's hash, expires, and is answered once; the same answer
that comes again, after a crash perhaps, goes on. Another person's answer does nothing, and that to a file of a group
nothing once the person is not in the group any more.

Source: Microsoft Teams, "Send and receive files using a bot": the file consent card, `fileConsent/invoke`, uploading by
PUT with Content-Range (Microsoft Graph, "Upload bytes to the upload session"), the file info card.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import mimetypes
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from copilot.errors import ToolInputError
from copilot.hosts.bot import logs, places, tables
from copilot.hosts.bot.channels import profile_of
from copilot.hosts.bot.clouds import WITH_FILES
from copilot.hosts.bot.files import shown
from copilot.hosts.bot.handing import INFO, Given, Handover, Hands
from copilot.hosts.bot.hosts import Hosts
from copilot.hosts.bot.inbox import Activity, Channel
from copilot.hosts.bot.people import Person, key_of
from copilot.hosts.bot.rooms import Room
from copilot.hosts.bot.words import WORDS, Words
from copilot.settings import Settings
from copilot.trust.sanitise import safe_markdown
from copilot.workspace.change import sha256

if TYPE_CHECKING:
    import sqlalchemy as sa

    from copilot.hosts.bot.roster import Roster
    from copilot.hosts.bot.signin import SignIns
    from copilot.jobs.database import Database

log = logging.getLogger(__name__)

INVOKE = "fileConsent/invoke"
CONSENT = "application/vnd.microsoft.teams.card.file.consent"
#: Bytes that are uploaded at once: a multiple of 320 KiB, as upload sessions want them.
_PIECE = 32 * 320 * 1024
#: Bytes of a file that goes along in a message: with base64 below the 256 KB that Direct Line takes.
_INLINE = 150_000
_SECONDS = 120.0
_LONGEST = 300  # characters of a summary

Way = Literal["consent", "page", "inline", "group", "words"]


@runtime_checkable
class KeepsFiles(Protocol):
    """A channel that has a store of its own (webchat.channel.WebChatChannel)."""

    async def file(self, name: str, type: str, data: bytes) -> Any:
        """Keep a file that the person may fetch; `attachment()` of it goes into an activity."""
        ...


@runtime_checkable
class ReachesAlone(Protocol):
    """A channel by which a person can be written to in a chat of their own (connector.ServiceChannel)."""

    async def alone(self, id: str, tenant: str) -> Channel | None:
        """Return the chat with a person, None where the app is not installed for them. Raises Refused."""
        ...


@dataclass(frozen=True)
class Offer:
    """An offer of a file of a room, which waits for an answer; as the table has it."""

    id: str
    person: str
    conversation: str
    room: str
    path: str
    sha256: str
    summary: str
    expires: float
    state: str = "open"
    invoke: str = ""
    whose: str = ""


def changed_files(changes: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the files that a turn wrote and what was done to each, of `Final.changes`."""
    found: dict[str, list[str]] = {}
    for change in changes:
        if change.get("committed") and change.get("path"):
            found.setdefault(str(change["path"]), []).append(str(change.get("summary") or ""))
    return {path: " ".join(dict.fromkeys(filter(None, told))) for path, told in found.items()}


def way_of(activity: Activity, channel: Channel | None, *, cloud: str = "public") -> Way:
    """Return how a file gets to who sent an activity."""
    if isinstance(channel, KeepsFiles):
        return "page"
    name, _, product = str(activity.get("channelId") or "").lower().partition(":")
    conversation, data = _map(activity.get("conversation")), _map(activity.get("channelData"))
    if name == "msteams":
        if product == "copilot" or str(data.get("productContext") or "").lower() == "copilot":
            return "words"
        alone = str(conversation.get("conversationType") or "").lower() == "personal"
        return ("consent" if cloud in WITH_FILES else "words") if alone else "group"
    return "inline" if profile_of(activity).cards else "words"


def hands_over(activity: Activity, *, cloud: str = "public") -> bool:
    """Return whether files can be handed over where an activity came from."""
    return way_of(activity, None, cloud=cloud) not in ("group", "words")


class Offers:
    """Hands files over. `database` is that of the host's jobs, which all replicas share; `clock` says Unix seconds.

    `signins` are those of people whose accounts are used, `roster` says who is in a chat.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        hosts: Hosts,
        signins: SignIns,
        roster: Roster,
        *,
        words: Words = WORDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings, self._database, self._words, self._clock = settings, database, words, clock
        self._drives = places.drives(settings.bot.cloud, here=hosts.here)
        self._roster = roster
        self._hands = Hands(settings, database, roster, signins, self._drives, words=words, clock=clock)
        tables.make(database)

    async def offer(
        self, room: Room, path: str, summary: str, activity: Activity, channel: Channel, *, turn: str = ""
    ) -> None:
        """Hand over a file of a room, or say how to get it. Raises connector.Refused.

        `path` is relative to the room's folder, `summary` says what was done to it; the same `turn` offers it once.
        """
        data = await asyncio.to_thread(read, room, path)
        if data is None:
            await channel.send(_said(self._say("file_lost", path)))
            return
        given = Given(room, path, _one_line(summary), data)
        way = way_of(activity, channel, cloud=self._settings.bot.cloud)
        if way == "inline" and len(data) > _INLINE:
            way = "words"
        if way in ("group", "words"):
            await channel.send(await self._elsewhere(way, given, activity, channel, turn))
        else:
            await channel.send(await self._message(way, given, channel, turn))

    async def _message(self, way: Way, given: Given, channel: Channel, turn: str) -> Activity:
        if way == "consent":
            return await self._consent(given, turn)
        text = self._say("file_offer", given.name, summary=safe_markdown(given.summary))
        return {**_said(text), "attachments": [await attachment(given.name, given.data, channel)]}

    async def _elsewhere(self, way: Way, given: Given, activity: Activity, channel: Channel, turn: str) -> Activity:
        """Hand a file over where the chat has no way for it, and return what is said there. Raises Refused."""
        person, over = given.room.person, Handover()
        known = person.domain == "entra" and not person.guest
        if known:
            over = await self._hands.over(given, activity, group=person.group)
        if over.message is not None:
            return over.message
        if known and not over.closed and await self._sent_alone(given, activity, channel, turn):
            who = shown(person.name or self._words.somebody)
            what = "file_only_alone" if over.why else "file_sent_alone"
            return _said(self._say(what, given.name, who=who, why=over.why))
        if over.why:
            return _said(self._say("file_held_back", given.name, why=over.why))
        return _said(self._nowhere(way, given))

    def _nowhere(self, way: Way, given: Given) -> str:
        """Return what is said where a file can't be handed over: what the person, or who runs this, can do."""
        account, words = bool(self._settings.bot.account), self._words
        if way == "group":
            how = words.file_group_account if account else words.file_group_alone
            return self._say("file_in_group", given.name, how=how)
        said = self._say("file_words", given.name, summary=safe_markdown(given.summary))
        return f"{said} {words.file_words_account}" if account and given.room.person.domain == "entra" else said

    async def _sent_alone(self, given: Given, activity: Activity, channel: Channel, turn: str) -> bool:
        """Return whether the person was asked for consent in their own chat. Raises Refused for what may be later."""
        from copilot.hosts.bot.connector import Refused

        person = given.room.person
        if person.channel != "msteams" or self._settings.bot.cloud not in WITH_FILES:
            return False
        if not isinstance(channel, ReachesAlone):
            return False
        try:
            alone = await channel.alone(await self._roster.id_of(activity, person), person.tenant)
            if alone is not None:
                await alone.send(await self._consent(given, turn, apart=True))
            return alone is not None
        except Refused as refusal:
            if refusal.later:
                raise
            log.info("no_chat_alone", extra=logs.told(code=refusal.code))
            return False

    async def _consent(self, given: Given, turn: str, *, apart: bool = False) -> Activity:
        """Return a consent card; `apart`: it is shown in the person's own chat, wherever the file's room is."""
        offer = self._made(given, turn, apart=apart)
        await asyncio.to_thread(self._keep, offer)
        return self._card(offer, given.name, len(given.data))

    def _made(self, given: Given, turn: str, *, apart: bool) -> Offer:
        room, digest = given.room, sha256(given.data)
        person = room.person
        conversation = "" if apart else key_of(person.channel, person.conversation)
        id = key_of("offer", person.key, conversation, room.key, given.path, digest, turn or secrets.token_hex(8))
        return Offer(
            id=id,
            person=person.key,
            conversation=conversation,
            room=room.key,
            path=given.path,
            sha256=digest,
            summary=given.summary,
            expires=self._clock() + self._settings.bot.approval_minutes * 60,
            whose=person.packed() if apart else "",
        )

    def _card(self, offer: Offer, name: str, size: int) -> Activity:
        context = {"offer": offer.id}
        asked = self._words.file_from_group if offer.whose else self._words.file_consent
        content = {
            "description": f"{asked} {offer.summary}".strip(),
            "sizeInBytes": size,
            "acceptContext": context,
            "declineContext": context,
        }
        return {"type": "message", "attachments": [{"contentType": CONSENT, "name": name, "content": content}]}

    # --- the answer ---------------------------------------------------------------------------------------------------

    async def answer(self, invoke: Activity, room: Room, channel: Channel) -> None:
        """Do what a person answered to an offer, and say what came of it; `room` is theirs. Raises connector.Refused.

        A file of a group goes to who is still in the group.
        """
        value = _map(invoke.get("value"))
        id, accepted = str(_map(value.get("context")).get("offer") or ""), value.get("action") == "accept"
        offer = await asyncio.to_thread(self._claim, id, room, str(invoke.get("id")))
        if offer is None:
            await channel.send(_said(self._words.file_not_open))
            return
        if not accepted:
            told = self._say("file_declined_there" if offer.whose else "file_declined", offer.path)
            await self._settle(offer, "declined", invoke, channel, _said(told))
            return
        if (found := await self._room_of(offer, invoke, room, channel)) is not None:
            await self._accepted(offer, invoke, found, channel)

    async def _room_of(self, offer: Offer, invoke: Activity, room: Room, channel: Channel) -> Room | None:
        """Return the room of an offer's file; None, and say why, where the person may not see it any more."""
        from copilot.hosts.bot.connector import Refused

        if not offer.whose:
            return room
        person = Person.unpacked(offer.whose)
        try:
            there = not person.group or await self._roster.has(invoke, person)
        except Refused as refusal:
            log.warning("no_roster", extra=logs.told(code=refusal.code))
            await asyncio.to_thread(self._write, offer.id, "open")  # the card is still there
            await channel.send(_said(self._words.roster_silent))
            return None
        if not there:
            await self._settle(offer, "void", invoke, channel, _said(self._say("file_not_there", offer.path)))
            return None
        return await asyncio.to_thread(room.rooms.room, person)

    async def _accepted(self, offer: Offer, invoke: Activity, room: Room, channel: Channel) -> None:
        data = await asyncio.to_thread(read, room, offer.path)
        if data is None or sha256(data) != offer.sha256:
            what = "file_lost" if data is None else "file_changed"
            await self._settle(offer, "void", invoke, channel, _said(self._say(what, offer.path)))
            if data is not None:
                given = Given(room, offer.path, offer.summary, data)
                await channel.send(await self._consent(given, str(invoke.get("id")), apart=bool(offer.whose)))
            return
        info = _map(_map(invoke.get("value")).get("uploadInfo"))
        if not await asyncio.to_thread(self._upload, info, data):
            told = self._say("file_failed_there" if offer.whose else "file_upload_failed", offer.path)
            await self._settle(offer, "failed", invoke, channel, _said(told))
            return
        await self._settle(offer, "done", invoke, channel, self._info(offer, info))

    async def _settle(self, offer: Offer, state: str, invoke: Activity, channel: Channel, told: Activity) -> None:
        """Say what came of an offer, take its card away, and write it down: in this order, so that nothing is lost."""
        from copilot.hosts.bot.connector import Refused

        await channel.send(told)
        if card := invoke.get("replyToId"):
            try:
                await channel.delete(str(card))
            except Refused as refusal:
                log.info("consent_card_stays", extra=logs.told(code=refusal.code))
        await asyncio.to_thread(self._write, offer.id, state)

    def _info(self, offer: Offer, info: Mapping[str, Any]) -> Activity:
        said = _said(self._say("file_here", offer.path))
        url = str(info.get("contentUrl") or "")
        if not self._drives.reaches(url):
            return said
        content = {"uniqueId": str(info.get("uniqueId") or ""), "fileType": str(info.get("fileType") or "")}
        name = str(info.get("name") or Path(offer.path).name)
        return {**said, "attachments": [{"contentType": INFO, "contentUrl": url, "name": name, "content": content}]}

    def _upload(self, info: Mapping[str, Any], data: bytes) -> bool:
        """Return whether the file was put where Teams said; nothing goes to a host that is not OneDrive's."""
        url, total = str(info.get("uploadUrl") or ""), len(data)
        if not data:
            return False
        for start in range(0, total, _PIECE):
            piece = data[start : start + _PIECE]
            if not self._put(url, piece, f"bytes {start}-{start + len(piece) - 1}/{total}"):
                return False
        return True

    def _put(self, url: str, piece: bytes, part: str) -> bool:
        import httpx

        from copilot.plugins import web

        headers = {"Content-Range": part, "Content-Type": "application/octet-stream"}
        try:
            request = httpx.Request("PUT", url, content=piece, headers=headers)
            answer = web.ask(request, self._drives, patience=_SECONDS, follow=False)
        except (ToolInputError, web.UnknownOutcome, httpx.InvalidURL, UnicodeError) as error:
            log.warning("upload_failed", extra=logs.told(why=getattr(error, "code", type(error).__name__)))
            return False
        if not 200 <= answer.status < 300:
            log.warning("upload_refused", extra=logs.told(status=answer.status))
        return 200 <= answer.status < 300

    def _say(self, what: str, path: str, **more: str) -> str:
        text: str = getattr(self._words, what)
        return text.format(name=shown(Path(path).name), **more)

    # --- the table ----------------------------------------------------------------------------------------------------

    def _keep(self, offer: Offer) -> None:
        table = tables.OFFERS
        with self._database.begin() as link:
            link.execute(table.delete().where(table.c.expires < self._clock() - 86_400))
            if link.execute(table.select().where(table.c.id == offer.id)).first() is None:
                link.execute(table.insert().values(**vars(offer)))

    def _claim(self, id: str, room: Room, invoke: str) -> Offer | None:
        """Return the offer, if this person may answer it here and nobody did; the same answer again gets it again."""
        table, person = tables.OFFERS, room.person
        here = (table.c.conversation == key_of(person.channel, person.conversation)) & (table.c.room == room.key)
        apart = (table.c.conversation == "") & (table.c.whose != "")
        where = here if person.group else here | apart
        mine: sa.ColumnElement[bool] = (table.c.id == id) & (table.c.person == person.key) & where
        free = (table.c.state == "open") | ((table.c.state == "taken") & (table.c.invoke == invoke))
        with self._database.begin() as link:
            taken = table.update().where(mine, free, table.c.expires > self._clock())
            if not link.execute(taken.values(state="taken", invoke=invoke)).rowcount:
                return None
            row = link.execute(table.select().where(mine)).one()
        return Offer(**row._mapping)

    def _write(self, id: str, state: str) -> None:
        table = tables.OFFERS
        with self._database.begin() as link:
            link.execute(table.update().where(table.c.id == id).values(state=state))


def read(room: Room, path: str) -> bytes | None:
    """Return the bytes of a file of a room, None if it has none there; nothing outside of it is ever read."""
    folder = room.folder.resolve()
    try:
        place = (folder / path).resolve()
        return place.read_bytes() if place.is_relative_to(folder) and place.is_file() else None
    except (OSError, ValueError):
        return None


async def attachment(name: str, data: bytes, channel: Channel) -> dict[str, Any]:
    """Return bytes as an attachment of an activity: in the store of the channel, where it has one, else as data."""
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if isinstance(channel, KeepsFiles):
        kept = await channel.file(name, kind, data)
        found: dict[str, Any] = kept.attachment()
        return found
    return {"contentType": kind, "contentUrl": f"data:{kind};base64,{base64.b64encode(data).decode()}", "name": name}


def _said(text: str) -> Activity:
    return {"type": "message", "text": text}


def _one_line(summary: str) -> str:
    plain = " ".join(summary.split())
    return f"{plain[:_LONGEST]}…" if len(plain) > _LONGEST else plain


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
