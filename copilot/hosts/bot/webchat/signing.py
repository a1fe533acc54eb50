"""What the page's server signs: tokens of a conversation, the session of a browser, links to files.

All are HMAC-SHA-256 under one key, which lies in the database that the replicas share. Tokens have the form of a JWT
(RFC 7519, HS256), as Web Chat reads the person's id out of them; no other algorithm is ever looked at.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from copilot.jobs.database import Database

#: Seconds. Direct Line's tokens live half an hour, and are refreshed while the page is open.
TOKEN, SESSION, LINK, BROWSER = 1_800, 30 * 86_400, 3_600, 365 * 86_400
_KEY = "signing"
_LONGEST = 4_096


class Unsigned(Exception):
    """What was presented is not ours, or is for something else; with `expired`, it once was good."""

    def __init__(self, *, expired: bool = False) -> None:
        super().__init__("expired" if expired else "not signed by us")
        self.expired = expired


@dataclass(frozen=True)
class Holder:
    """For whom something was signed: a person, the conversation ("" for a session), and until when."""

    person: str
    conversation: str = ""
    name: str = ""
    until: float = 0.0


def shared_key(database: Database) -> bytes:
    """Return the key that all replicas sign with; it is made once."""
    import sqlalchemy as sa

    from copilot.hosts.bot.webchat.tables import KEYS

    chosen = sa.select(KEYS.c.value).where(KEYS.c.name == _KEY)
    with database.engine.connect() as link:
        if found := link.execute(chosen).scalar():
            return bytes(found)
    try:
        with database.engine.begin() as link:
            link.execute(KEYS.insert().values(name=_KEY, value=secrets.token_bytes(32)))
    except sa.exc.IntegrityError:
        pass  # another replica was first
    with database.engine.connect() as link:
        return bytes(link.execute(chosen).scalar_one())


class Signer:
    """Signs and checks. `binding` is what opens the page: when it changes, everything that was signed is void."""

    def __init__(self, key: bytes, binding: str = "", *, clock: Callable[[], float] = time.time) -> None:
        self._key = hmac.digest(key, b"everpilot webchat\0" + binding.encode(), "sha256")
        self._clock = clock

    def token(self, person: str, conversation: str, name: str = "") -> str:
        """Return a token for one conversation, good for TOKEN seconds."""
        return self._jwt("token", {"user": person, "conv": conversation, "name": name}, TOKEN)

    def session(self, person: str, name: str = "") -> str:
        """Return the session of a browser, good for SESSION seconds."""
        return self._jwt("session", {"user": person, "name": name}, SESSION)

    def browser(self, name: str) -> str:
        """Return the mark of a browser that has shown the key, good for BROWSER seconds; it opens nothing."""
        return self._jwt("browser", {"user": name}, BROWSER)

    def holder(self, token: str, kind: str = "token") -> Holder:
        """Return for whom a token ("token", "session" or "browser") was signed; raises Unsigned."""
        claims = self._claims(token)
        if claims.get("use") != kind:
            raise Unsigned
        if claims["exp"] <= self._clock():
            raise Unsigned(expired=True)
        return Holder(claims["user"], claims.get("conv", ""), claims.get("name", ""), claims["exp"])

    def link(self, conversation: str, file: str) -> str:
        """Return the query of a link to a file of the conversation, good for LINK seconds."""
        until = int(self._clock()) + LINK
        return f"e={until}&s={self._mark(conversation, file, until)}"

    def check_link(self, conversation: str, file: str, until: str, mark: str) -> None:
        """Raise Unsigned unless `link` gave this for the file and time is left."""
        number = int(until) if until.isascii() and until.isdigit() and len(until) < 12 else 0
        if not hmac.compare_digest(self._mark(conversation, file, number).encode(), mark.encode()):
            raise Unsigned
        if number <= self._clock():
            raise Unsigned(expired=True)

    def same(self, given: str, key: str) -> bool:
        """Return whether somebody knows the key, in a time that does not tell how much of it."""
        return hmac.compare_digest(self._digest(given.encode()), self._digest(key.encode()))

    # --- inside -------------------------------------------------------------------------------------------------------

    def _digest(self, data: bytes) -> bytes:
        return hmac.new(self._key, data, hashlib.sha256).digest()

    def _mark(self, conversation: str, file: str, until: int) -> str:
        return _coded(self._digest(f"link\0{conversation}\0{file}\0{until}".encode()))

    def _jwt(self, use: str, claims: dict[str, Any], seconds: int) -> str:
        body = {**claims, "use": use, "exp": int(self._clock()) + seconds}
        signed = f"{_HEADER}.{_coded(json.dumps(body, separators=(',', ':')).encode())}"
        return f"{signed}.{_coded(self._digest(signed.encode()))}"

    def _claims(self, token: str) -> dict[str, Any]:
        signed, _, mark = token.rpartition(".")
        if len(token) > _LONGEST or not hmac.compare_digest(
            _coded(self._digest(signed.encode())).encode(), mark.encode()
        ):
            raise Unsigned
        body = signed.partition(".")[2]
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return claims  # what we signed is as we made it


def _coded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


_HEADER = _coded(b'{"alg":"HS256","typ":"JWT"}')
