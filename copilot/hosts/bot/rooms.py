"""Rooms: a folder and a state folder for each person, and for each group; nothing is shared between two of them.

    bot.files/TENANT/ROOM/files     what people sent, and what was made of it
    bot.files/TENANT/ROOM/state     the journal, what is always allowed
    bot.files/TENANT/ROOM/seen      its time is that of the last message

TENANT and ROOM are hashes (people.key_of): no id of a person is part of a path. Skills, plugins, MCP servers and the
health of models are those of the host, loaded once; what lies in a room brings no settings, skills or servers. Of the
accounts there is only `bot.account`, and only as the person who speaks.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot._flock import alone, taken
from copilot._home import keep_private
from copilot.errors import LockedError, WorkspaceError
from copilot.hosts.bot import fence
from copilot.hosts.bot.people import Person
from copilot.hosts.bot.words import WORDS, Words
from copilot.settings import Settings

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from copilot.agent.copilot import Copilot
    from copilot.agent.kept_open import KeptOpen
    from copilot.hosts.bot.signin import SignIns
    from copilot.trust.audit import Audit
    from copilot.workspace.change import Change

#: Assistants that one process keeps, each of some 0.4 MB; making one anew costs about 30 ms of computing.
MOST = 256
#: The conversations of all rooms, where they are not in Postgres: a file, in the host's state folder.
CONVERSATIONS = "conversations.sqlite"
_SEEN = "seen"
_MOMENT = 30.0  # seconds for which a room that was entered is taken to be there
#: What of the host's own assistant all rooms use.
_SHARED = ("_secrets", "_discovered", "project_skills", "servers", "hub", "skills", "personas")
_PLAIN = "the host"
_GONE = ".gone"
_KEY = re.compile(r"[0-9a-f]{32}(?:\.gone)?")


@dataclass
class Room:
    """The room that a person is in."""

    rooms: Rooms
    person: Person
    place: Path

    @property
    def key(self) -> str:
        """What it is called in tables."""
        return self.person.room_key

    @property
    def folder(self) -> Path:
        """The folder of its files."""
        return self.place / "files"

    @property
    def state(self) -> Path:
        """The folder of its state."""
        return self.place / "state"

    @property
    def thread(self) -> str:
        """The id of the conversation's thread in it."""
        return self.person.thread

    @property
    def copilot(self) -> Copilot:
        """The assistant of the person in this room, kept while it is used; made in some 30 ms: not on an event loop.

        Raises what `Copilot` raises.
        """
        return self.rooms.copilot(self)

    @property
    def quota(self) -> int:
        """Bytes that its files may have."""
        return self.rooms.settings.bot.quota_mb * 2**20

    def used(self) -> int:
        """Return the bytes that its files have."""
        return _size(self.folder)

    def left(self) -> int:
        """Return the bytes that there is room for."""
        return max(self.quota - self.used(), 0)

    def allow(self, change: Change) -> None:
        """Raise WorkspaceError ("full") for a change after which the files were larger than they may be.

        Raises TakenOver where another process has the turn that changes them.
        """
        fence.check_here()
        if change.content is None:
            return
        before = change.path.stat().st_size if change.path.is_file() else 0
        if len(change.content) > before:
            self.make_room(change.path.name, len(change.content) - before)

    def make_room(self, name: str, size: int) -> None:
        """Raise WorkspaceError ("full") when there is no room for so many bytes more."""
        used = self.used()
        if used + size > self.quota:
            told = {"name": name, "used": megabytes(used), "quota": megabytes(self.quota)}
            raise WorkspaceError(self.rooms.words.file_no_room.format(**told), code="full")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the room against other processes that put files into it, or clean up. Raises LockedError."""
        with _alone(self.place):
            yield


class Rooms:
    """All rooms of a host. `state` is the host's own state folder; `model` is one of the caller's own, for tests."""

    def __init__(
        self,
        settings: Settings,
        state: Path,
        *,
        signins: SignIns | None = None,
        env: Mapping[str, str] | None = None,
        model: str | BaseChatModel | None = None,
        most: int = MOST,
        words: Words = WORDS,
    ) -> None:
        self.settings, self.state, self.words = settings, state, words
        self.folder = folder_of(settings, state)
        self.conversations = state / "bot" / CONVERSATIONS
        self.kept_open: KeptOpen | None = None
        self._signins, self._model, self._most = signins, model, most
        self._env = os.environ if env is None else env
        self._kept: OrderedDict[tuple[str, ...], Copilot] = OrderedDict()
        self._entered: OrderedDict[Path, float] = OrderedDict()
        self._lock = threading.Lock()

    def room(self, person: Person) -> Room:
        """Return the room of a person, made if it is not there, and note that it is used. Raises WorkspaceError."""
        place = self.folder / person.tenant_key / person.room_key
        found = Room(self, person, place)
        try:
            _touch(place)
            if not (found.folder.is_dir() and found.state.is_dir()):
                self._make(found)
        except OSError as error:
            raise WorkspaceError(f"The folder for people's files can't be used: {error.strerror}.") from error
        return found

    async def entered(self, person: Person) -> Room:
        """Return the room of a person; in a thread only where it was not entered a moment ago."""
        place = self.folder / person.tenant_key / person.room_key
        if time.monotonic() - self._entered.get(place, float("-inf")) < _MOMENT:
            return Room(self, person, place)
        found = await asyncio.to_thread(self.room, person)
        self._entered[place] = time.monotonic()
        self._entered.move_to_end(place)
        if len(self._entered) > self._most:
            self._entered.popitem(last=False)
        return found

    def _make(self, room: Room) -> None:
        with room.alone():
            for each in (room.folder, room.state):
                each.mkdir(mode=0o700, parents=True, exist_ok=True)
            _touch(room.place)

    def copilot(self, room: Room) -> Copilot:
        """Return the assistant of a room for the person who is in it; a new one after each sign-in."""
        person = room.person
        sign = self._signins.stamp(person) if self._signins else ""
        key = (str(room.place), person.key, sign)
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                found = self._made(room)
                for old in [each for each in self._kept if each[:2] == key[:2]]:
                    del self._kept[old]
                self._kept[key] = found
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
            return found

    def forget(self, person: Person) -> None:
        """Forget what is kept of a person's assistants: they signed out."""
        with self._lock:
            for key in [each for each in self._kept if each[1] == person.key]:
                del self._kept[key]

    def close(self) -> None:
        """Forget all assistants, and end what the host's own one runs."""
        with self._lock:
            self._kept.clear()
            hub = self._host.__dict__.get("hub") if "_host" in self.__dict__ else None
        if hub is not None:
            hub.close()

    def prepare(self) -> None:
        """Load what all rooms share, before anybody waits for it."""
        for name in _SHARED:
            getattr(self._host, name)
        self._host.prepare()

    @cached_property
    def _limited(self) -> Settings:
        """The settings as rooms have them: no places and accounts of the host but the one that acts for the person."""
        settings, chosen = self.settings, self.settings.bot.account
        acts = self._signins is not None  # else nobody could be told from the host
        own = {name: each for name, each in settings.accounts.items() if acts and name == chosen}
        kept = min(settings.history.keep_bytes, 2 * settings.bot.quota_mb * 2**20)
        return settings.model_copy(
            update={
                "accounts": own,
                "places": settings.places.model_copy(update={"open": []}),
                "history": settings.history.model_copy(update={"keep_bytes": kept}),
                "project_skills": [],
            }
        )

    @cached_property
    def _host(self) -> Copilot:
        """The host's own assistant, over an empty folder: what it loads, all rooms use."""
        from copilot.agent.copilot import Copilot

        empty = self.state / "bot" / "empty"
        empty.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Copilot(empty, settings=self._limited, state=self.state, env=self._env, model=self._model, user=_PLAIN)

    @cached_property
    def _audit(self) -> Audit:
        """The one log of the host: who shares it need not look where others left it."""
        from copilot.trust.audit import Audit

        return Audit(self.state, actor=_PLAIN, paths=self.settings.audit.paths)

    def _made(self, room: Room) -> Copilot:
        from copilot.agent.router import over
        from copilot.hosts.bot.assistants import Actor, RoomCopilot, Unlisted

        person, settings = room.person, self._limited
        made = RoomCopilot(
            room.folder, settings=settings, state=room.state, env=self._env, model=self._model, user=person.key
        )
        ours: dict[str, Any] = {name: getattr(self._host, name) for name in _SHARED}
        # How the models are, and what was spent, is the host's to know; so is the log of what was decided.
        ours["router"] = over(self._host.router, made.workspace)
        ours["audit"] = Actor(self._audit, person.key)
        if self._signins is not None:
            ours["connections"] = self._signins.connections(person, settings, self._env)
        made.give(ours)
        made.workspace.allow = room.allow
        made.workspace.know_as(self.words.here)
        made.threads = Unlisted(room.state)
        made.conversations, made.kept_open = self.conversations, self.kept_open
        return made


def folder_of(settings: Settings, state: Path) -> Path:
    """Return the folder of all rooms, made (0700) if it is not there. Raises WorkspaceError."""
    folder = Path(settings.bot.files).expanduser() if settings.bot.files else state / "bot" / "rooms"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise WorkspaceError(f"bot.files: {folder} can't be made: {error.strerror}.") from error
    return keep_private(folder)


def megabytes(size: int) -> str:
    """Return a number of bytes in MB, as people read it."""
    return f"{size / 2**20:.1f}".removesuffix(".0")


# --- clean-up ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cleaned:
    """What was removed: rooms, and their bytes."""

    rooms: int = 0
    bytes: int = 0


def clean(settings: Settings, state: Path, *, now: float | None = None) -> Cleaned:
    """Remove the rooms in which nobody said anything for `bot.keep_days`, with all that was in them.

    A room that somebody is just using is left. `now` is in Unix seconds.
    """
    before = (time.time() if now is None else now) - settings.bot.keep_days * 86_400
    folder, rooms, size = folder_of(settings, state), 0, 0
    for tenant in filter(_is_ours, _folders(folder)):
        for room in filter(_is_ours, _folders(tenant)):
            if room.suffix == _GONE:  # its removal was broken off
                shutil.rmtree(room, ignore_errors=True)
            elif _last_used(room) < before and (gone := _removed(room, before)) is not None:
                rooms, size = rooms + 1, size + gone
        for lock in tenant.glob("*.lock"):
            if not lock.with_suffix("").exists() and lock.stat().st_mtime < before:
                lock.unlink(missing_ok=True)
        with suppress(OSError):
            tenant.rmdir()  # only when it is empty
    return Cleaned(rooms, size)


def _removed(room: Path, before: float) -> int | None:
    """Remove a room and return its bytes, None when it is used again, or just now."""
    trash = room.with_suffix(_GONE)  # out of the way at once: a room of this name begins empty
    descriptor = os.open(_lock_of(room), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not taken(descriptor) or _last_used(room) >= before:
            return None
        size = _size(room)
        room.rename(trash)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    shutil.rmtree(trash, ignore_errors=True)
    return size


def _last_used(room: Path) -> float:
    try:
        return (room / _SEEN).stat().st_mtime
    except OSError:
        return room.stat().st_mtime if room.exists() else 0.0


def _is_ours(folder: Path) -> bool:
    """Return whether a folder is a tenant's or a room: what else lies there is not touched."""
    return bool(_KEY.fullmatch(folder.name))


def _folders(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:
        return [Path(each.path) for each in entries if each.is_dir(follow_symlinks=False)]


def _size(folder: Path) -> int:
    """Return the bytes of the files below a folder; a link counts for itself."""
    total, open_folders = 0, [os.fspath(folder)]
    while open_folders:
        with suppress(OSError), os.scandir(open_folders.pop()) as entries:
            for each in entries:
                if each.is_dir(follow_symlinks=False):
                    open_folders.append(each.path)
                else:
                    total += each.stat(follow_symlinks=False).st_size
    return total


def _touch(place: Path) -> None:
    seen = place / _SEEN
    try:
        os.utime(seen)
    except FileNotFoundError:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        seen.touch(mode=0o600)


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Hold a room against other processes; its lock lies beside it, so that it outlives it."""
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with alone(_lock_of(place)):
            yield
    except TimeoutError as error:
        raise LockedError("Somebody else is using this room.", hint="Try again in a moment.") from error


def _lock_of(place: Path) -> Path:
    return place.with_name(f"{place.name}.lock")
