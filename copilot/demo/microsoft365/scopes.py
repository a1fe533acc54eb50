"""Tokens: who they stand for, what they allow, and how long; and which scopes satisfy which.

Source: Microsoft Graph, "Permissions reference"; "Continuous access evaluation" for claims challenges.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from copilot.demo.microsoft365.refusals import Refusal
from copilot.demo.microsoft365.state import State

_SCOPE = re.compile(r"(?P<what>[\w-]+)\.(?P<level>[\w-]+?)(?:\.(?P<reach>All|Shared|Selected))?\Z")

#: What each level of a scope includes besides itself.
_LEVELS: Mapping[str, frozenset[str]] = {
    "ReadWrite": frozenset({"Read", "ReadBasic"}),
    "Read": frozenset({"ReadBasic"}),
    "ReadUpdate": frozenset({"Read", "ReadBasic"}),
    "Manage": frozenset({"ReadWrite", "Read"}),
    "FullControl": frozenset({"Manage", "ReadWrite", "Read"}),
}
#: What includes scopes of another name.
_ALSO: Mapping[str, tuple[str, ...]] = {
    "Sites": ("Files",),
    "Directory": ("User", "Group", "GroupMember"),
    "Group": ("GroupMember", "Team", "Channel", "Tasks"),
    "Chat": ("ChatMessage",),
    "ChannelMessage": (),
}
EVERYTHING = (
    "User.ReadWrite.All Group.ReadWrite.All Directory.Read.All Files.ReadWrite.All Sites.FullControl.All "
    "Mail.ReadWrite Mail.ReadWrite.Shared Mail.Send Mail.Send.Shared MailboxSettings.ReadWrite Calendars.ReadWrite "
    "Calendars.ReadWrite.Shared Contacts.ReadWrite People.Read People.Read.All Presence.ReadWrite Presence.Read.All "
    "Chat.ReadWrite Chat.Create ChatMessage.Send ChannelMessage.Send ChannelMessage.Read.All Channel.ReadBasic.All "
    "Team.ReadBasic.All OnlineMeetings.ReadWrite OnlineMeetingTranscript.Read.All Tasks.ReadWrite "
    "ExternalItem.Read.All Place.Read.All SensitivityLabel.Read InformationProtectionPolicy.Read"
)


@dataclass(frozen=True)
class Grant:
    """What a token allows. `user` is the id of a person, None for an application; `left` counts the calls to come."""

    user: str | None
    scopes: frozenset[str]
    tenant: str
    expires: datetime
    app: str = "demo"
    revoked: str = ""
    left: int | None = None

    def allows(self, needed: str) -> bool:
        """Return whether one of the alternatives ("Mail.Read | Mail.ReadWrite") is granted, or included in what is."""
        return any(satisfies(granted, one) for one in needed.split(" | ") for granted in self.scopes)


def satisfies(granted: str, needed: str) -> bool:
    """Return whether a granted scope includes a needed one: a higher level, a wider reach, or a wider name."""
    if granted.casefold() == needed.casefold():
        return True
    have, want = _SCOPE.match(granted), _SCOPE.match(needed)
    if not have or not want:
        return False
    named = have["what"] == want["what"] or want["what"] in _ALSO.get(have["what"], ())
    leveled = have["level"] == want["level"] or want["level"] in _LEVELS.get(have["level"], ())
    return named and leveled and (have["reach"] == "All" or want["reach"] in (None, have["reach"]))


@dataclass
class Tokens:
    """The tokens that are good, by their text. They are kept in memory only: a restart is a new sign-in."""

    state: State
    held: dict[str, Grant] = field(default_factory=dict)
    #: Seconds for which new ones are good.
    lifetime: float = 3600.0
    #: Takes a token that isn't one of ours, such as a JWT of a test's own provider.
    foreign: Any = None

    def issue(
        self, user: str | None, scopes: Iterable[str] = (), *, seconds: float | None = None, calls: int | None = None
    ) -> str:
        """Return a new token for a user (id or address) or for an application (None)."""
        found = self.state.user(user) if user is not None else None
        if user is not None and found is None:
            raise KeyError(f"no user {user}")
        token = "fake-" + secrets.token_urlsafe(24)
        expires = self.state.now() + timedelta(seconds=self.lifetime if seconds is None else seconds)
        granted = frozenset(scopes) or frozenset(EVERYTHING.split())
        self.held[token] = Grant(found["id"] if found else None, granted, self.state.tenant, expires, left=calls)
        return token

    def change(self, token: str | None = None, **fields: Any) -> None:
        """Change a token, or all of them: `revoked="..."`, `expires=...`, `scopes=...`, `left=...`."""
        for each in [token] if token else list(self.held):
            self.held[each] = replace(self.held[each], **fields)

    def check(self, authorization: str) -> Grant:
        """Return the grant of an Authorization header. Raises the 401 with its WWW-Authenticate."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _unauthorized("Access token is empty.")
        grant = self.held.get(token) or (self.foreign and self.foreign(token))
        if grant is None:
            raise _unauthorized("CompactToken parsing failed with error code: 80049217")
        if grant.revoked:
            raise _challenge(grant.revoked)
        if grant.expires <= self.state.now() or grant.left == 0:
            raise _unauthorized("Lifetime validation failed, the token is expired.")
        if grant.left is not None and token in self.held:
            self.held[token] = replace(grant, left=grant.left - 1)
        return grant


def _unauthorized(message: str) -> Refusal:
    header = 'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize"'
    return Refusal(401, "InvalidAuthenticationToken", message, {"WWW-Authenticate": header})


def _challenge(why: str) -> Refusal:
    """The token was revoked: a new one must carry the claims of the challenge."""
    claims = {"access_token": {"nbf": {"essential": True, "value": why}}}
    encoded = base64.b64encode(json.dumps(claims).encode()).decode()
    header = f'Bearer realm="", error="insufficient_claims", claims="{encoded}", error_description="{why}"'
    message = "Continuous access evaluation resulted in challenge with result: InteractionRequired."
    return Refusal(401, "InvalidAuthenticationToken", message, {"WWW-Authenticate": header})


def missing(needed: str, grant: Grant) -> Refusal:
    """Return the 403 for a scope that the token lacks."""
    message = f"Missing scope permissions on the request. API requires one of '{needed.replace(' | ', ', ')}'."
    granted = " ".join(sorted(grant.scopes))
    return Refusal(403, "Forbidden", f"{message} Scopes on the request '{granted}'")
