"""All that the fake knows: JSON resources in named collections, and bytes by their hash; a file keeps it, if wanted."""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

#: A JSON object of Graph; keys that begin with "_" are the server's own.
Resource = dict[str, Any]

#: The tenant of the made-up company.
TENANT = "b2c5a1d0-6f3e-4c7a-9d84-1e0f5a7c3b21"

#: How many changes a collection remembers; a delta token from before is too old (410).
REMEMBERED = 20_000


class Collection:
    """Resources in the order in which they came, with a log of what changed since when."""

    def __init__(self, state: State, name: str) -> None:
        self._state, self.name = state, name
        self._items: dict[str, Resource] = {}
        self.changes: dict[str, int] = {}
        self.removed: dict[str, Resource] = {}
        self.horizon = 0

    def __iter__(self) -> Iterator[Resource]:
        return iter(list(self._items.values()))

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, id: object) -> bool:
        return id in self._items

    def get(self, id: str) -> Resource | None:
        """Return the resource itself; change it by `change` only, which keeps the log."""
        return self._items.get(id)

    def where(self, **fields: Any) -> list[Resource]:
        """Return the resources whose fields have these values."""
        return [r for r in self._items.values() if all(r.get(k) == v for k, v in fields.items())]

    def add(self, resource: Resource, prefix: str = "") -> Resource:
        """Take a new resource in; it gets an id if it has none."""
        resource.setdefault("id", self._state.new_id(prefix))
        self._items[resource["id"]] = resource
        self.removed.pop(resource["id"], None)
        self.touch(resource["id"])
        return resource

    def change(self, id: str, fields: Mapping[str, Any] | None = None) -> Resource:
        """Set fields of a resource and note that it changed."""
        self._items[id].update(fields or {})
        self.touch(id)
        return self._items[id]

    def remove(self, id: str) -> Resource:
        """Take a resource out and return it; delta tells of it."""
        gone = self._items.pop(id)
        self.removed[id] = gone
        self.touch(id)
        return gone

    def touch(self, id: str) -> None:
        """Note a change without one."""
        self.changes.pop(id, None)
        self.changes[id] = self._state.tick()
        while len(self.changes) > REMEMBERED:
            oldest = next(iter(self.changes))
            self.horizon = self.changes.pop(oldest)
            self.removed.pop(oldest, None)

    @property
    def newest(self) -> int:
        """The number of the last change, at least 1: a token of 0 would mean "from the beginning"."""
        return max(next(reversed(self.changes.values()), 0), self.horizon, 1)

    def since(self, sequence: int) -> list[tuple[int, str]]:
        """Return (sequence, id) of all that changed after a point, oldest first; everything there is for 0."""
        return [(at, id) for id, at in self.changes.items() if at > sequence and (sequence or id in self._items)]

    def forget(self) -> None:
        """Make all delta tokens too old, as Graph does from time to time."""
        self.horizon = self._state.tick()

    def dump(self) -> str:
        """Return all of it as JSON."""
        return json.dumps([list(self._items.values()), self.changes, self.removed, self.horizon])

    def load(self, text: str) -> None:
        """Take in what `dump` returned."""
        items, self.changes, self.removed, self.horizon = json.loads(text)
        self._items = {item["id"]: item for item in items}


class Blobs:
    """Bytes by the SHA-256 of them."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

    def put(self, data: bytes) -> str:
        """Keep bytes and return their key."""
        key = hashlib.sha256(data).hexdigest()
        self.held.setdefault(key, data)
        return key

    def get(self, key: str) -> bytes:
        """Return the bytes of a key."""
        return self.held[key]


class State:
    """The whole tenant. `clock` gives the time in UTC; tests give one of their own and move it (`advance`)."""

    def __init__(self, clock: Callable[[], datetime] | None = None, tenant: str = TENANT) -> None:
        self._clock = clock or (lambda: datetime.now(UTC))
        self._ahead = timedelta()
        self.tenant = tenant
        self.blobs = Blobs()
        self.sequence = 0
        self._collections: dict[str, Collection] = {}

    def now(self) -> datetime:
        """Return the time, with its zone (UTC)."""
        return self._clock() + self._ahead

    def stamp(self) -> str:
        """Return the time as Graph writes it: 2026-11-28T22:32:12Z."""
        return written(self.now())

    @contextmanager
    def at(self, moment: datetime) -> Iterator[None]:
        """Let the clock stand at a moment, for sample data that was made then."""
        clock, ahead = self._clock, self._ahead
        self._clock, self._ahead = lambda: moment, timedelta()
        try:
            yield
        finally:
            self._clock, self._ahead = clock, ahead

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._ahead += timedelta(seconds=seconds)

    def tick(self) -> int:
        """Return the next number of the order in which things happened."""
        self.sequence += 1
        return self.sequence

    def new_id(self, prefix: str = "") -> str:
        """Return a new id: never one twice, and the same ones in each run. Opaque as Graph's are, and safe in a URL."""
        number = hashlib.sha256(f"{self.tenant}/{self.tick()}".encode()).digest()
        if prefix == "":
            return guid(number)
        if prefix.isupper() or prefix[:1].isdigit():
            return prefix + base64.b32encode(number[:20]).decode().rstrip("=")
        return prefix + base64.urlsafe_b64encode(number + number[:16]).decode().rstrip("=")

    def collection(self, kind: str, owner: str = "") -> Collection:
        """Return the collection of a kind that belongs to an owner ("": the tenant), made when it is not there yet."""
        name = f"{kind}/{owner}" if owner else kind
        if name not in self._collections:
            self._collections[name] = Collection(self, name)
        return self._collections[name]

    def owners(self, kind: str) -> list[str]:
        """Return who has a collection of a kind."""
        return [name.partition("/")[2] for name in self._collections if name.startswith(f"{kind}/")]

    @property
    def users(self) -> Collection:
        """The people of the tenant."""
        return self.collection("users")

    @property
    def groups(self) -> Collection:
        """The groups of the tenant; `_members` are ids of users."""
        return self.collection("groups")

    def user(self, name: str) -> Resource | None:
        """Return the user of an id or an address, in any case of its letters."""
        wanted = name.casefold()
        for user in self.users:
            if wanted and wanted in {str(user.get(k, "")).casefold() for k in ("id", "userPrincipalName", "mail")}:
                return user
        return None

    def copy(self) -> State:
        """Return a state of its own that begins with the same data."""
        other = State(self._clock, self.tenant)
        other.sequence, other._ahead = self.sequence, self._ahead
        other.blobs.held = dict(self.blobs.held)
        for name, held in self._collections.items():
            kind, _, owner = name.partition("/")
            other.collection(kind, owner).load(held.dump())
        return other

    # --- a file of it ---------------------------------------------------------------------------------------------

    def save(self, path: Path) -> None:
        """Write all of it to an SQLite file, in one transaction."""
        with sqlite3.connect(path) as file:
            file.execute("CREATE TABLE IF NOT EXISTS collections (name TEXT PRIMARY KEY, held TEXT)")
            file.execute("CREATE TABLE IF NOT EXISTS blobs (key TEXT PRIMARY KEY, data BLOB)")
            file.execute("DELETE FROM collections")
            held = [(name, c.dump()) for name, c in self._collections.items()]
            about = json.dumps([self.sequence, self.tenant, self._ahead.total_seconds()])
            file.executemany("INSERT INTO collections VALUES (?, ?)", [*held, ("", about)])
            file.executemany("INSERT OR IGNORE INTO blobs VALUES (?, ?)", list(self.blobs.held.items()))
        file.close()

    def load(self, path: Path) -> None:
        """Take in what `save` wrote, in place of what is there."""
        file = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        held = dict(file.execute("SELECT name, held FROM collections"))
        self.sequence, self.tenant, ahead = json.loads(held.pop(""))
        self._ahead = timedelta(seconds=ahead)
        self.blobs.held = dict(file.execute("SELECT key, data FROM blobs"))
        self._collections.clear()
        for name, text in held.items():
            kind, _, owner = name.partition("/")
            self.collection(kind, owner).load(text)
        file.close()


def guid(digest: bytes) -> str:
    """Return the first 16 bytes as a GUID."""
    text = digest[:16].hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def written(moment: datetime) -> str:
    """Return a moment as Graph writes it, in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_moment(text: str) -> datetime:
    """Return the moment that Graph's text names; without a zone it is UTC. Raises ValueError."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
