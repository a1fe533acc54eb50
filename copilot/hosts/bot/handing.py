"""Files that go out by the account of a person: into their own drive, for the people of the chat alone.

Where a chat has no way for files (groups, Microsoft 365 Copilot, the government's clouds), whoever asked may have
signed in. Then the file is put into a folder of their own drive, and each member of the chat who is no guest may read
it there; in a chat of more people than can be named, whoever in the organisation has the link. Nobody else, and never
whoever has an address. What was put there before is replaced by its next version, if nobody changed it meanwhile and
nobody could read it who may not read the new one.

The policy decides, as for everything that leaves: the people of the chat are whom it goes to, and whoever asked in
that chat chose them. What would have to be asked is not done here, but by a consent card in the person's own chat.

Source: Microsoft Teams, "Send and receive files using a bot", using Graph in all scopes: the file info card.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot.errors import EverpilotError, WorkspaceError
from copilot.hosts.bot import fence, logs, names, tables
from copilot.hosts.bot.files import shown
from copilot.hosts.bot.inbox import Activity
from copilot.hosts.bot.people import key_of
from copilot.hosts.bot.rooms import Room
from copilot.hosts.bot.roster import Crowd, Roster
from copilot.hosts.bot.words import WORDS, Words
from copilot.plugins.connections.files import Handed, HandsOver
from copilot.settings import Settings
from copilot.trust.labels import Label
from copilot.trust.policy import Request, Verdict
from copilot.trust.sanitise import safe_markdown, safe_text
from copilot.workspace.change import sha256

if TYPE_CHECKING:
    from copilot.hosts.bot.places import Within
    from copilot.hosts.bot.signin import SignIns
    from copilot.jobs.database import Database

log = logging.getLogger(__name__)

INFO = "application/vnd.microsoft.teams.card.file.info"
#: What rules of the settings ([[trust.tools]]) name it by, and the log of decisions.
TOOL = "bot.hand_over"
#: The folder in the person's drive.
FOLDER = "Everpilot"
#: Modes in which nothing is written or sent, whoever asks (policy.MODES).
_NO_WRITES = frozenset({"read-only", "dry-run"})
_DAY = 86_400
#: Stands for whoever has the link of the organisation.
_ANYBODY = "*"


@dataclass(frozen=True)
class Given:
    """A file of a room that goes out: `path` is relative to the room's folder, `summary` says what was done to it."""

    room: Room
    path: str
    summary: str
    data: bytes

    @property
    def name(self) -> str:
        """Its name, without folders."""
        return Path(self.path).name

    @property
    def place(self) -> Path:
        """Where it lies."""
        return self.room.folder / self.path


@dataclass(frozen=True)
class Handover:
    """What came of it: the message that says so, None where it was not handed over.

    `why` is the reason of the policy, if that was it, a sentence; `closed`: not even the person alone may have it.
    """

    message: Activity | None = None
    why: str = ""
    closed: bool = False


class Hands:
    """Hands files over by people's accounts. `drives` are the places that links may lead to; `clock` Unix seconds."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        roster: Roster,
        signins: SignIns,
        drives: Within,
        *,
        words: Words = WORDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings, self._database, self._roster, self._signins = settings, database, roster, signins
        self._drives, self._words, self._clock = drives, words, clock

    async def over(self, given: Given, activity: Activity, *, group: bool) -> Handover:
        """Put a file into the drive of who is in the room, for their group or for themselves. Raises Refused."""
        files = await asyncio.to_thread(self._files, given.room)
        label = await asyncio.to_thread(_label, given)
        alone = self._judged(given, label, ())
        crowd = await self._crowd(activity, given.room) if group and files else Crowd()
        if files is None or crowd is None:
            closed = alone.verdict == "deny"
            return Handover(why=alone.why if closed else "", closed=closed)
        ruled = self._judged(given, label, (_ANYBODY,) if crowd.many else crowd.addresses)
        await asyncio.to_thread(self._record, given, label, ruled, crowd)
        if ruled.verdict != "allow":
            return Handover(why=ruled.why, closed=alone.verdict == "deny")
        await fence.check()
        try:
            handed = await asyncio.to_thread(self._put, files, given, crowd)
            said = await asyncio.to_thread(self._shown, files, handed, given, crowd, group)
        except EverpilotError as error:
            log.warning("not_handed_over", extra=logs.told(code=getattr(error, "code", type(error).__name__)))
            return Handover()
        await asyncio.to_thread(self._record, given, label, ruled, crowd, "done")
        return Handover(said)

    async def _crowd(self, activity: Activity, room: Room) -> Crowd | None:
        """Return the people of the chat, None where its channel does not name them. Raises Refused: it may later."""
        from copilot.hosts.bot.connector import Refused

        try:
            return await self._roster.crowd(activity, room.person)
        except Refused as refusal:
            if refusal.later:
                raise
            log.info("no_roster", extra=logs.told(code=refusal.code))
            return None

    def _files(self, room: Room) -> HandsOver | None:
        """Return the files of the person, None where there is no account, no sign-in, or no such way."""
        account = self._settings.bot.account
        if not account or room.copilot.mode in _NO_WRITES:
            return None
        try:
            found = room.copilot.connections.of("files", account)
        except EverpilotError as error:
            log.info("no_drive", extra=logs.told(code=getattr(error, "code", type(error).__name__)))
            return None
        return found if isinstance(found, HandsOver) else None

    # --- the policy ---------------------------------------------------------------------------------------------------

    def _judged(self, given: Given, label: Label, others: Iterable[str]) -> Verdict:
        people = [self._own(given.room), *others]
        outsider = not all(label.admits(each) for each in people)
        request = Request("send", label, "auto", endorsed=True, outsider=outsider, tool=TOOL, paths=(str(given.place),))
        return given.room.copilot.guard.judge(request)

    def _own(self, room: Room) -> str:
        """Return the address of the person in a room, "" where it is not known: then no set of readers has it."""
        return self._signins.address(room.person) or min(room.person.addresses, default="")

    def _record(self, given: Given, label: Label, ruled: Verdict, crowd: Crowd, status: str = "") -> None:
        """Note what was decided, and with `status` what was done. Raises WorkspaceError: nothing goes on without."""
        told = {"event": "send" if status else "decision", "tool": TOOL, "effect": "send", "status": status}
        given.room.copilot.audit.record(
            {
                **told,
                "verdict": ruled.verdict,
                "rule": ruled.rule,
                "thread": given.room.thread,
                "path": given.path,
                "sha256": sha256(given.data),
                "bytes": len(given.data),
                "targets_count": 1 + len(crowd.addresses),
                "scope": "organization" if crowd.many else "users",
                "label": label.to_dict(),
                "folder": str(given.room.folder),
            }
        )

    # --- the drive ----------------------------------------------------------------------------------------------------

    def _put(self, files: HandsOver, given: Given, crowd: Crowd) -> Handed:
        """Store a file, and note it before anybody is let see it."""
        people = {_ANYBODY} if crowd.many else set(crowd.addresses)
        key = key_of("handed", given.room.person.key, given.room.key, given.path)
        handed = _handed(files, given, self._before(key, people))
        row = {"item": handed.id, "tag": handed.tag, "people": json.dumps(sorted(people)), "made": self._clock()}
        table = tables.HANDED
        with self._database.begin() as link:
            link.execute(table.delete().where(table.c.made < self._clock() - self._settings.bot.keep_days * _DAY))
            link.execute(table.delete().where(table.c.id == key))
            link.execute(table.insert().values(id=key, **row))
        return handed

    def _before(self, key: str, people: set[str]) -> tuple[str, str] | None:
        """Return the version that the file takes the place of; None where somebody reads it who may not any more."""
        table = tables.HANDED
        with self._database.one() as link:
            row = link.execute(table.select().where(table.c.id == key)).one_or_none()
        return (row.item, row.tag) if row is not None and set(json.loads(row.people)) <= people else None

    def _shown(self, files: HandsOver, handed: Handed, given: Given, crowd: Crowd, group: bool) -> Activity:
        """Let the people of the chat see a file, and return the message that says where it is."""
        told = {"who": shown(given.room.person.name or self._words.somebody), "folder": FOLDER}
        if not group:
            return self._message(given, handed, handed.url, self._words.file_in_drive.format(**told))
        try:
            if crowd.many:
                url = files.link(handed)
                return self._message(given, handed, url, self._words.file_linked.format(**told))
            reason, left = self._words.nobody_else, files.show(handed, crowd.addresses) if crowd.addresses else ()
        except EverpilotError as error:
            log.warning("not_shared", extra=logs.told(code=getattr(error, "code", type(error).__name__)))
            reason, crowd = safe_markdown(safe_text(error.message)), Crowd()
        if not crowd.addresses:
            said = self._words.file_not_shared.format(reason=reason, **told)
            return self._message(given, handed, handed.url, said, card=True)
        said = self._words.file_shared.format(**told)
        said += " " + self._words.file_not_all.format(count=len(left)) if left else ""
        return self._message(given, handed, handed.url, said, card=True)

    def _message(self, given: Given, handed: Handed, url: str, where: str, *, card: bool = False) -> Activity:
        """Return what is said of a file in a drive; a link that would lead elsewhere is left out."""
        name = shown(handed.name or given.name)
        link = f"[{name}]({_quoted(url)})" if self._drives.reaches(url) else name
        summary = safe_markdown(given.summary)
        text = f"{link}: {summary}\n\n{where}" if summary else f"{link}\n\n{where}"
        said: dict[str, Any] = {"type": "message", "text": text, "textFormat": "markdown"}
        if card and handed.mark and self._drives.reaches(handed.address):
            kind = Path(handed.name).suffix.lstrip(".").lower()
            info = {"contentType": INFO, "contentUrl": handed.address, "name": handed.name}
            said["attachments"] = [{**info, "content": {"uniqueId": handed.mark, "fileType": kind}}]
        return said


def _label(given: Given) -> Label:
    """Return the label of a file, which is also that of what it was made from."""
    return given.room.copilot.workspace.label(given.data, given.path)


def _handed(files: HandsOver, given: Given, before: tuple[str, str] | None) -> Handed:
    """Put just the bytes that were looked at, whatever becomes of the file meanwhile."""
    source = given.room.state / f"{secrets.token_hex(8)}.part"
    try:
        source.write_bytes(given.data)
        return files.hand(source, FOLDER, names.safe_name(given.name), before)
    except OSError as error:
        raise WorkspaceError(f"{given.name} can't be copied: {error.strerror or error}.") from error
    finally:
        source.unlink(missing_ok=True)


def _quoted(url: str) -> str:
    """Return an address as it may stand in a link of Markdown."""
    return "".join(f"%{ord(each):02X}" if each in ' ()<>[]"\\' else each for each in url)
