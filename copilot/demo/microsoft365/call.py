"""One request as the parts see it, and what they answer."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from copilot.demo.microsoft365.refusals import bad_request, forbidden, not_found
from copilot.demo.microsoft365.scopes import Grant
from copilot.demo.microsoft365.state import Resource, State


@dataclass(frozen=True)
class Answer:
    """An answer: `body` is JSON (a dict or a list), bytes, or None for an empty one."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


#: What a part's function returns: JSON for a 200, None for a 204, or an answer of its own.
Body = dict[str, Any] | Answer | None


def created(body: Any) -> Answer:
    """Return the 201 with the new resource."""
    return Answer(201, body)


def accepted(headers: Mapping[str, str] | None = None) -> Answer:
    """Return the 202 of what is done later."""
    return Answer(202, None, headers or {})


@dataclass(frozen=True)
class Call:
    """A request: `params` from the path, `arguments` of a function in it, `query` and `headers` (lower-case names).

    `path` is as it was asked, without the version, for links that lead on. `base` is Graph's own address, `files` that
    of the pre-authenticated URLs, which lie elsewhere.
    """

    state: State
    grant: Grant
    method: str
    path: str
    base: str
    files: str
    version: str = "v1.0"
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    params: Mapping[str, str] = field(default_factory=dict)
    arguments: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        """Return the body, which must be a JSON object; {} for an empty one. Raises the 400."""
        if not self.body.strip():
            return {}
        try:
            found = json.loads(self.body)
        except ValueError:
            raise bad_request("Unable to read JSON request payload.", "BadRequest") from None
        if not isinstance(found, dict):
            raise bad_request("The request payload is not a JSON object.", "BadRequest")
        return found

    def link(self, path: str, **query: str) -> str:
        """Return the absolute URL of a path of this version."""
        return _url(self.base, f"/{self.version}{path}", query)

    def link_root(self, path: str, **query: str) -> str:
        """Return the absolute URL of a path outside of Graph and its versions, such as /_content/..."""
        return _url(self.files, path, query)

    def prefers(self, name: str) -> str:
        """Return what the Prefer headers say of a name (RFC 7240), "" for nothing; without quotes."""
        found = re.search(rf'(?:^|[,;\s]){re.escape(name)}\s*=\s*"?([^",;]*)', self.headers.get("prefer", ""), re.I)
        return found.group(1).strip() if found else ""

    def user(self) -> Resource:
        """Return the user that the path names by id or by address. Raises the 404."""
        found = self.state.user(self.params.get("user", ""))
        if found is None:
            message = f"Resource '{self.params.get('user', '')}' does not exist."
            raise not_found(message, "Request_ResourceNotFound")
        return found

    def mailbox(self) -> str:
        """Return the id of the path's user, for what is theirs: mail, calendar, tasks.

        Another's mailbox is open to an application, and to the people it is shared with; else the 403.
        """
        user = self.user()
        if self.grant.user in (None, user["id"]) or self.grant.user in user.get("_shared_with", ()):
            return str(user["id"])
        raise forbidden("Access is denied. Check credentials and try again.", "ErrorAccessDenied")

    def me(self) -> Resource:
        """Return who signed in. Raises the 400 for an application."""
        found = self.state.user(self.grant.user or "")
        if found is None:
            raise bad_request("/me request is only valid with delegated authentication flow.", "BadRequest")
        return found


def _url(base: str, path: str, query: Mapping[str, str]) -> str:
    asked = f"?{urlencode(query, quote_via=quote, safe='$')}" if query else ""
    return f"{base}{quote(path, safe=_SAFE)}{asked}"


_SAFE = "/:()=',;@!$*~.-_"
