"""What goes wrong at Graph, in words: one table from statuses and Graph's own codes to errors.

Graph's statuses and codes are listed in its documentation under "Microsoft Graph error responses and resource types".
Its messages are for developers: they are quoted where they name what is wrong with a call, in one line and redacted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from copilot._redaction import one_line
from copilot.errors import ServiceError

T = TypeVar("T")

TITLE = "Microsoft Graph"


class GraphError(ServiceError):
    """Graph did not do what it was asked.

    `status` is that of the answer, 0 if there was none; `reasons` are Graph's own codes, the most general first;
    `request_id` is what Microsoft's support asks for; `claims` is what a token has to prove, where the answer said so;
    `brief` is what happened, in few words, without what was meant by the call; `holder` the address of who has a file
    locked, where Graph names them.
    """

    status: int = 0
    reasons: tuple[str, ...] = ()
    request_id: str = ""
    claims: str = ""
    brief: str = ""
    holder: str = ""

    def about(self, status: int, reasons: tuple[str, ...] = (), request_id: str = "") -> Self:
        """Return the error itself, with what the answer said."""
        self.status, self.reasons, self.request_id = status, reasons, request_id
        return self

    @property
    def taken(self) -> bool:
        """Whether a name is in use, which is a conflict, too."""
        return bool(_TAKEN.intersection(self.reasons))

    @classmethod
    def nonsense(cls, what: str, why: str) -> Self:
        """Return the error for an answer that is not what Graph's documentation says."""
        made = cls(
            f"{TITLE} answered something that makes no sense for {what} ({one_line(why)}).",
            hint="Try again later.",
            code="broken",
        )
        made.brief = one_line(why)
        return made

    @classmethod
    def uncertain(cls, what: str, *troubles: ServiceError, why: str = "") -> Self:
        """Return the error for a call that may have been done: its answer got lost, and it can't be sent twice.

        `troubles` are what its sendings came to, the last one last.
        """
        told = list(dict.fromkeys(getattr(each, "brief", "") or each.message for each in troubles))
        made = cls(
            f"It is not known whether {TITLE} did it: {what} ({'; then '.join(filter(None, [why, *told]))}).",
            hint="Look there whether it was done before you try it again.",
            code="uncertain",
        )
        last = troubles[-1] if troubles else None
        return made.about(last.status, last.reasons, last.request_id) if isinstance(last, GraphError) else made


@dataclass(frozen=True, slots=True)
class Kind:
    """What one kind of refusal is called; `{what}`, `{said}`, `{login}` and `{scope}` are filled in."""

    code: str
    text: str
    hint: str = ""


_LOGIN = "Run: {login}"
_KINDS: dict[str, Kind] = {
    "invalid": Kind("invalid", "{title} does not take {what}{said}."),
    "signed_out": Kind("signed_out", "{title} does not accept the sign-in for {what}{said}.", _LOGIN),
    "claims": Kind("signed_out", "The organisation wants another proof of who signs in for {what}{said}.", _LOGIN),
    "scope": Kind("scope", "The sign-in does not hold the right for {what}{scope}.", f"{_LOGIN}{{add}}"),
    "denied": Kind("denied", "{title} does not allow {what}{said}{scope}.", "Ask its owner or your administrator."),
    "payment": Kind("denied", "{title} wants a licence or a payment for {what}{said}.", "Ask your administrator."),
    "malware": Kind("denied", "{title} takes {what} for malware and does not give it out."),
    "missing": Kind(
        "missing", "{title} did not find {what}.", "It may have been moved or deleted, or you may not see it."
    ),
    "changed": Kind("conflict", "{what} changed since it was read; nothing was written.", "Read it again."),
    "conflict": Kind("conflict", "{title} could not do {what} as things stand{said}."),
    "taken": Kind("conflict", "The name is taken: {what}; nothing was written.", "Choose another name."),
    "dependent": Kind("conflict", "{what} was not done, because what it builds on failed."),
    "locked": Kind(
        "locked", "{what} is locked: somebody has it open or checked out; nothing was written.", "Try again later."
    ),
    "large": Kind("full", "{title} finds {what} too large{said}."),
    "full": Kind("full", "There is no room for {what}: the quota is used up; nothing was written.", "Free some space."),
    "throttled": Kind(
        "throttled", "{title} is asked too often, also after waiting: {what} was not done.", "Try again later."
    ),
    "unsupported": Kind("unsupported", "{title} does not offer {what} here{said}."),
    "trouble": Kind("unreachable", "{title} has trouble: it answered {status} for {what}.", "Try again later."),
    "resync": Kind("missing", "{title} no longer knows what changed since the last look at {what}."),
}

_BY_STATUS: dict[int, str] = {
    401: "signed_out",
    402: "payment",
    403: "denied",
    404: "missing",
    405: "unsupported",
    406: "unsupported",
    409: "conflict",
    410: "missing",
    412: "changed",
    413: "large",
    415: "unsupported",
    423: "locked",
    424: "dependent",
    429: "throttled",
    501: "unsupported",
    507: "full",
    509: "throttled",
}

#: What Graph's codes say beyond the status; the codes of mail and calendars are Exchange's, those of files OneDrive's.
_BY_REASON: dict[str, str] = {
    "authorization_requestdenied": "scope",
    "insufficientprivileges": "scope",
    "missingscope": "scope",
    "insufficient_claims": "claims",
    "nameAlreadyExists": "taken",
    "ErrorFolderExists": "taken",
    "quotaLimitReached": "full",
    "insufficientStorage": "full",
    "ErrorQuotaExceeded": "full",
    "ErrorMessageSizeExceeded": "large",
    "maxFileSizeExceeded": "large",
    "maxStreamSizeExceeded": "large",
    "resourceModified": "changed",
    "entityTagDoesNotMatch": "changed",
    "ErrorIrresolvableConflict": "changed",
    "resourceLocked": "locked",
    "resourceCheckedOut": "locked",
    "lockMismatch": "locked",
    "lockOwnerMismatch": "locked",
    "serviceReadOnly": "locked",
    "malwareDetected": "malware",
    "virusSuspicious": "malware",
    "itemNotFound": "missing",
    "ErrorItemNotFound": "missing",
    "ErrorNonExistentMailbox": "missing",
    "MailboxNotEnabledForRESTAPI": "unsupported",
    "notSupported": "unsupported",
    "activityLimitReached": "throttled",
    "throttledRequest": "throttled",
    "resyncRequired": "resync",
    "resyncChangesApplyDifferences": "resync",
    "resyncChangesUploadDifferences": "resync",
    "syncStateNotFound": "resync",
    "syncStateInvalid": "resync",
}
_FOLDED = {reason.casefold(): kind for reason, kind in _BY_REASON.items()}
_TAKEN = frozenset(reason for reason, kind in _BY_REASON.items() if kind == "taken")
#: The rights that Graph names: "Missing scope permissions on the request. API requires one of 'Chat.Read, ...'".
_SCOPES = re.compile(r"requires one of '([\w.]+)[^']*'")


#: "is locked for shared use by nina@x.example [membership]", "is checked out for editing by i:0#.f|..|nina@x.example".
_HOLDER = re.compile(r" for (?:shared use|exclusive use|editing) by (?:\S*\|)?([^\s|\[]+@[^\s|\[]*\w)")


@dataclass(frozen=True, slots=True)
class Said:
    """What the body of a refusal says: Graph's codes from the general to the particular, and its message."""

    reasons: tuple[str, ...] = ()
    message: str = ""
    request_id: str = ""

    @classmethod
    def of(cls, body: bytes | Mapping[str, Any]) -> Said:
        """Return what a body says, nothing if it is not Graph's (OData JSON 4.0, section 19)."""
        error = _parsed(body).get("error")
        if not isinstance(error, Mapping):
            return cls()
        inner = _inner(error)
        reasons = tuple(dict.fromkeys(str(each["code"]) for each in (error, *inner) if each.get("code")))
        ids = [str(each["request-id"]) for each in inner if each.get("request-id")]
        return cls(reasons, str(error.get("message") or ""), ids[0] if ids else "")


def refused(
    status: int,
    body: bytes | Mapping[str, Any],
    *,
    what: str,
    scope: str = "",
    account: str = "",
    request_id: str = "",
    retry_after: float | None = None,
) -> GraphError:
    """Return the error for an answer that refuses `what`; `scope` is the right that it needs, if it is known."""
    said = Said.of(body)
    named = _SCOPES.search(said.message)
    kind = _KINDS["scope" if named and status == 403 else _kind(status, said.reasons)]
    scope = named[1] if named else scope
    request_id = request_id or said.request_id
    words = {
        "title": TITLE,
        "what": what,
        "said": f": {one_line(said.message).rstrip('. ')}" if said.message else "",
        "scope": f" ({scope})" if scope else "",
        "login": f"everpilot login {account}".rstrip(),
        "add": f" --add {scope}" if scope else "",
        "status": status,
    }
    about = ", ".join(filter(None, (f"{status} {said.reasons[-1] if said.reasons else ''}".strip(), request_id)))
    text = kind.text.format(**words)
    made = GraphError(
        f"{text[:1].upper()}{text[1:-1]} ({about}).",
        hint=kind.hint.format(**words),
        code=kind.code,
        retry_after=retry_after,
    ).about(status, said.reasons, request_id)
    made.brief = f"it answered {about}"
    made.holder = holder[1] if kind.code == "locked" and (holder := _HOLDER.search(said.message)) else ""
    return made


def _kind(status: int, reasons: tuple[str, ...]) -> str:
    """Return the kind of a refusal: the most particular code that is known decides, then the status."""
    if status == 401:
        return "signed_out"
    for reason in reversed(reasons):
        if kind := _FOLDED.get(reason.casefold()):
            return kind
    return _BY_STATUS.get(status, "trouble" if status >= 500 else "invalid")


def _inner(error: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the error objects inside of an error, the outer ones first; some services write `innererror`."""
    found: list[Mapping[str, Any]] = []
    while len(found) < 8:
        inner = error.get("innerError") or error.get("innererror")
        if not isinstance(inner, Mapping):
            break
        found.append(error := inner)
    return found


def _parsed(body: bytes | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(body, Mapping):
        return body
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


async def after(what: str, work: Awaitable[T]) -> T:
    """Return what `work` returns, which comes after a call that was done, or may have been.

    What goes wrong in it is an uncertain outcome of the call: it must not look as if nothing was done.
    """
    try:
        return await work
    except ServiceError as error:
        raise GraphError.uncertain(what, error) from error
