"""Refusals, and their body: {"error": {"code", "message", "innerError"}} (Microsoft Graph, "Error responses")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Refusal(Exception):
    """What the server answers in place of a result: `status`, `code` and message, more headers, more of innerError."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        headers: Mapping[str, str] | None = None,
        inner: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = dict(headers or {})
        self.inner = dict(inner or {})

    def body(self, ids: Mapping[str, str]) -> dict[str, Any]:
        """Return the error body; `ids` are the date and the request ids of innerError."""
        return {"error": {"code": self.code, "message": self.message, "innerError": {**self.inner, **ids}}}


def bad_request(message: str, code: str = "invalidRequest") -> Refusal:
    """Return the 400 for what can't be understood."""
    return Refusal(400, code, message)


def not_found(message: str = "The resource could not be found.", code: str = "itemNotFound") -> Refusal:
    """Return the 404; drives say itemNotFound, mailboxes ErrorItemNotFound, the directory Request_ResourceNotFound."""
    return Refusal(404, code, message)


def forbidden(message: str = "Access denied", code: str = "accessDenied") -> Refusal:
    """Return the 403 for what the signed-in user may not do."""
    return Refusal(403, code, message)


def conflict(code: str = "nameAlreadyExists", message: str = "An item with the same name already exists.") -> Refusal:
    """Return the 409."""
    return Refusal(409, code, message)


def locked(message: str = "The resource you are attempting to access is locked") -> Refusal:
    """Return the 423 of a file that somebody has open or checked out."""
    return Refusal(423, "resourceLocked", message, inner={"code": "fileLocked"})


def stale(message: str = "ETag does not match current item's value", code: str = "resourceModified") -> Refusal:
    """Return the 412 for an If-Match that is not the current tag."""
    return Refusal(412, code, message)


def no_room() -> Refusal:
    """Return the 507 of a full drive."""
    return Refusal(507, "quotaLimitReached", "Insufficient space available in the drive.")


def resync(link: str = "") -> Refusal:
    """Return the 410 of a delta token that is too old; `link` is where to begin again."""
    headers = {"Location": link} if link else {}
    return Refusal(
        410, "resyncRequired", "Resync required. Replace any local items with the server's version.", headers
    )


class HasHeaders(Protocol):
    """What carries request headers, by lower-case names."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers."""
        ...


def if_match(call: HasHeaders, *tags: str, code: str = "resourceModified") -> None:
    """Raise the 412 when If-Match names none of the tags, or If-None-Match is * although there is something.

    "*" matches whatever is there (RFC 9110, section 13.1.1); weak tags and missing quotes are taken, too.
    """
    wanted = [_bare(tag) for tag in call.headers.get("if-match", "").split('",')]
    if wanted != [""] and "*" not in wanted and not set(wanted) & {_bare(tag) for tag in tags}:
        raise stale(code=code)


def _bare(tag: str) -> str:
    return tag.strip().removeprefix("W/").strip('"')
