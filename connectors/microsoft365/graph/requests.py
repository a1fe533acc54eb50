"""Calls of Graph as values: addresses put together safely, headers, and what may leave when nothing may be changed."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict
from urllib.parse import quote, unquote

from copilot.errors import ServiceError, ToolInputError

from .models import Json

Method = Literal["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]

#: Where Graph lies, by national cloud ("Microsoft Graph national cloud deployments").
NATIONAL_URLS: dict[str, str] = {
    "global": "https://graph.microsoft.com",
    "us-government": "https://graph.microsoft.us",
    "us-defense": "https://dod-graph.microsoft.us",
    "china": "https://microsoftgraph.chinacloudapi.cn",
}

#: Ids that stay when a message or an event is moved ("Get immutable identifiers for Outlook resources").
IMMUTABLE_IDS = 'IdType="ImmutableId"'
#: Bodies as text, not HTML.
TEXT_BODIES = 'outlook.body-content-type="text"'

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
#: Methods that may be sent twice (RFC 9110, section 9.2.2). A PATCH may with If-Match only: RFC 5789, section 2.
_IDEMPOTENT = _READS | {"PUT", "DELETE"}
#: What is asked by POST and changes nothing.
_ASKS = re.compile(
    r"/search/query|/copilot/retrieval|/(?:me|users/[^/]+)/(?:calendar/getSchedule|findMeetingTimes|getMailTips"
    r"|getMemberGroups|getMemberObjects|checkMemberGroups|translateExchangeIds)"
    r"|/drives/[^/]+/items/[^/]+/extractSensitivityLabels"
    r"|/communications/getPresencesByUserId|/directoryObjects/(?:getByIds|validateProperties)",
    re.IGNORECASE,
)
_SPACED = "$,()':=@/;"


def timezone(name: str) -> str:
    """Return the preference for times in a zone, by its Windows or IANA name."""
    if re.search(r'["\\\x00-\x1f\x7f]', name):
        raise ToolInputError(f"{name!r} names no time zone.", code="unknown_time_zone")
    return f'outlook.timezone="{name}"'


def page_size(count: int) -> str:
    """Return the preference for so many entries a page, where `$top` is not taken."""
    return f"odata.maxpagesize={count}"


def literal(text: str) -> str:
    """Return a text as OData writes it, in quotes (OData URL Conventions 4.01, section 5.1.1.6.1)."""
    return "'" + text.replace("'", "''") + "'"


def at(template: str, *values: str) -> str:
    """Return a path: each `{}` of the template is one segment, quoted, whatever is in it.

    Raises ToolInputError for an empty one and for `.` and `..`, which would be another path.
    """
    for value in values:
        if value in ("", ".", "..") or re.search(r"[\x00-\x1f\x7f]", value):
            raise ToolInputError(f"{value!r} can't be an id or a name.", code="unknown_id")
    return template.format(*(quote(value, safe="!$'()*,;=@") for value in values))


def file_path(path: str) -> str:
    """Return a path of folders and a file, "Reports/2026/Budget.xlsx", as it stands between colons in an address."""
    return "/".join(at("{}", part) for part in path.strip("/").split("/"))


@dataclass(frozen=True, slots=True)
class Call:
    """One call of Graph.

    `path` lies below the version of the service and was made by `at`; with `bare` it is a whole URL that holds its own
    right (uploads and downloads), and no token goes with it. `link` is a URL that Graph gave to go on from; it must lie
    where Graph lies. `what` names what is meant, for errors: "the file
    Budget.xlsx". `scope` is the right that it needs, named when it is missing. `key` is the client-request-id.
    `idempotent` says that the service does it once however often it is sent, where the method does not say it: because
    of a transactionId, say. `raw` takes the answer as bytes.
    """

    method: Method
    path: str
    link: str = ""
    params: Mapping[str, str | int | bool] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    content: bytes | None = field(default=None, repr=False)
    what: str = ""
    scope: str = ""
    prefer: tuple[str, ...] = ()
    if_match: str = ""
    if_none_match: str = ""
    eventual: bool = False
    idempotent: bool | None = None
    key: str = field(default_factory=lambda: str(uuid.uuid4()))
    raw: bool = False
    bare: bool = False
    beta: bool = False

    @property
    def title(self) -> str:
        """What is meant, in words."""
        return self.what or ("the transfer" if self.bare else f"{self.method} {self.path}")

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent again though it may have been done."""
        if self.idempotent is not None:
            return self.idempotent
        return self.method in _IDEMPOTENT or self.reads or (self.method == "PATCH" and bool(self.if_match))

    @property
    def reads(self) -> bool:
        """Whether it changes nothing."""
        if self.method in _READS:
            return True
        if self.method != "POST" or self.bare:
            return False
        return bool(_ASKS.fullmatch(unquote(self.path))) or (self.path == "/$batch" and _asks_only(self.json))

    def checked(self) -> Call:
        """Return the call itself. Raises ToolInputError when its path is not one below the service."""
        steps = unquote(self.path).split("/")
        if not self.bare and (not self.path.startswith("/") or re.search(r"[?#\s\\]|//", self.path) or ".." in steps):
            raise ToolInputError(f"{self.path!r} is no path of Graph.", code="unknown_id")
        return self

    def query(self) -> str:
        """Return the query, as OData wants it: a space is %20."""
        params = dict(self.params)
        if self.eventual and "$search" not in params:
            params.setdefault("$count", True)
        return "&".join(f"{name}={quote(_written(value), safe=_SPACED)}" for name, value in params.items())

    def head(self) -> dict[str, str]:
        """Return the headers of the call itself, without those that every call has."""
        found = dict(self.headers)
        if self.prefer:
            found["Prefer"] = ", ".join(self.prefer)
        if self.eventual:
            found["ConsistencyLevel"] = "eventual"
        if self.if_match:
            found["If-Match"] = self.if_match
        if self.if_none_match:
            found["If-None-Match"] = self.if_none_match
        return found


class More(TypedDict, total=False):
    """What a call may have beside its path and body; see Call."""

    params: Mapping[str, str | int | bool]
    headers: Mapping[str, str]
    what: str
    scope: str
    prefer: tuple[str, ...]
    if_match: str
    if_none_match: str
    eventual: bool
    idempotent: bool | None
    key: str
    raw: bool
    beta: bool


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is no error: its JSON object ({} without one), or with `raw` its bytes.

    `headers` have names in lower case.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Json = field(default_factory=dict)
    content: bytes = field(default=b"", repr=False)
    request_id: str = ""


def refuse_writes(call: Call) -> None:
    """Raise ServiceError for a call that would change something: it does not leave this machine."""
    if not call.reads:
        raise ServiceError(
            f"It was not sent: {call.title} would change something, and this account is read-only.",
            hint="Start without the read-only mode to allow it.",
            code="denied",
        )


def _asks_only(body: Any) -> bool:
    """Return whether a batch holds nothing but calls that change nothing."""
    requests = body.get("requests", ()) if isinstance(body, Mapping) else ()
    return all(Call(each["method"], each["url"].partition("?")[0]).reads for each in requests)


def _written(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
