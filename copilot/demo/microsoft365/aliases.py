"""The several names of one resource: each path is led to the one under which the parts know it."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from copilot.demo.microsoft365.drives import Drive
from copilot.demo.microsoft365.drives import url as web_url
from copilot.demo.microsoft365.refusals import bad_request, not_found
from copilot.demo.microsoft365.scopes import Grant
from copilot.demo.microsoft365.state import Resource, State

_OWNERS = ("users", "sites", "groups")


def resolved(state: State, grant: Grant, segments: tuple[str, ...]) -> tuple[str, ...]:
    """Return the segments under their main names. Raises the 400 for /me without a person, and the 404."""
    if segments[:1] == ("me",):
        if grant.user is None:
            raise bad_request("/me request is only valid with delegated authentication flow.", "BadRequest")
        segments = ("users", grant.user, *segments[1:])
    if segments[:1] == ("shares",) and len(segments) > 1:
        segments = _shared(state, grant, segments)
    if segments[:1] == ("sites",) and len(segments) > 1:
        segments = ("sites", site(state, segments[1])["id"], *segments[2:])
    if len(segments) > 2 and segments[0] in _OWNERS and segments[2] == "drive":
        segments = ("drives", drive_of(state, segments[0], segments[1])["id"], *segments[3:])
    return _in_drive(segments)


def _in_drive(segments: tuple[str, ...]) -> tuple[str, ...]:
    """`root`, `root:/path` and `special/...` of a drive are items of it."""
    if len(segments) > 2 and segments[0] == "drives":
        if segments[2] == "root" or segments[2].startswith("root:"):
            return (*segments[:2], "items", *segments[2:])
        if segments[2] == "special" and len(segments) > 3:
            return (*segments[:2], "items", "root:/" + segments[3].capitalize(), *segments[4:])
    return segments


def site(state: State, name: str) -> Resource:
    """Return the site of an id, a host, "host:/path" or "root". Raises the 404."""
    for each in state.collection("sites"):
        host, path = each["siteCollection"]["hostname"], each["_path"]
        names = {each["id"], each["id"].split(",")[1], f"{host}:{path}", *(("root", host) if path == "" else ())}
        if name.rstrip("/").casefold() in {known.casefold() for known in names}:
            return each
    raise not_found("Requested site could not be found")


def drive_of(state: State, kind: str, owner: str) -> Resource:
    """Return the first drive of a user, a site or a group. Raises the 404."""
    found = state.user(owner) if kind == "users" else None
    wanted = found["id"] if found else owner
    for drive in state.collection("drives"):
        if drive["_owner"] == (kind, wanted) or drive["_owner"] == [kind, wanted]:
            return drive
    raise not_found("The resource could not be found." if kind != "users" else "Unable to retrieve user's mysite URL.")


def _shared(state: State, grant: Grant, segments: tuple[str, ...]) -> tuple[str, ...]:
    """A share's id is "u!" and the URL in base64url ("Get shared items"); who comes by a link may see the item then."""
    text = segments[1].removeprefix("u!")
    try:
        url = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().partition("?")[0]
    except ValueError:
        url = ""
    for drive, item in _items(state):
        if url and (url == web_url(drive, item) or _redeemed(item, url, grant)):
            rest = segments[3:] if segments[2:3] and segments[2] in ("driveItem", "root") else segments[2:]
            return ("drives", drive.id, "items", item["id"], *rest)
    raise not_found("The sharing link no longer exists, or you do not have permission to access it.")


def _items(state: State) -> Iterator[tuple[Drive, Resource]]:
    for resource in state.collection("drives"):
        drive = Drive(state, resource)
        yield from ((drive, item) for item in drive.items)


def _redeemed(item: Resource, url: str, grant: Grant) -> bool:
    """Whether a URL is a link to the item; whoever signed in is let in by it from now on."""
    for permission in item["_permissions"]:
        if permission.get("link", {}).get("webUrl") == url:
            permission.setdefault("_opened", []).append(grant.user)
            return True
    return False
