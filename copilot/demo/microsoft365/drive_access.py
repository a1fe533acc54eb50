"""Which drive and item a call means, whether it may, and how an item is shown."""

from __future__ import annotations

from typing import Literal

from copilot.demo.microsoft365 import tickets
from copilot.demo.microsoft365.call import Call
from copilot.demo.microsoft365.drives import Drive, ctag, etag, identity, url
from copilot.demo.microsoft365.odata import shape
from copilot.demo.microsoft365.refusals import forbidden, if_match
from copilot.demo.microsoft365.scopes import missing
from copilot.demo.microsoft365.state import Resource

Doing = Literal["read", "write"]
READ = "Files.Read"
WRITE = "Files.ReadWrite"
_WIDE = {"read": "Files.Read.All", "write": "Files.ReadWrite.All"}
DOWNLOAD_URL = "@microsoft.graph.downloadUrl"


def drive_of(call: Call, doing: Doing = "read", id: str = "") -> Drive:
    """Return the drive that the path names (or of an id). Raises the 403 for a missing scope, and the 404.

    Drives other than one's own need a scope with `.All`.
    """
    drive = Drive.of(call.state, id or call.params["drive"])
    if drive.resource["_owner"] != ["users", call.grant.user] and not call.grant.allows(_WIDE[doing]):
        raise missing(_WIDE[doing], call.grant)
    return drive


def item_of(call: Call, doing: Doing = "read") -> tuple[Drive, Resource]:
    """Return the drive and the item that the path names. Raises the 403, the 404, and the 412 of If-Match."""
    drive = drive_of(call, doing)
    item = drive.find(call.params["item"])
    may(call, drive, item, doing)
    if doing == "write":
        if_match(call, etag(item), ctag(item))
    return drive, item


def may(call: Call, drive: Drive, item: Resource, doing: Doing) -> None:
    """Raise the 403 when the person may not do that with an item: a scope is not enough."""
    me = call.grant.user
    if me is None or drive.resource["_owner"] == ["users", me] or me in drive.resource.get("_writers", ()):
        return
    if doing == "read" and me in drive.resource.get("_readers", ()):
        return
    for each in drive.above(item):
        for permission in each["_permissions"]:
            if _reaches(permission, me) and (doing == "read" or "write" in permission["roles"]):
                return
    raise forbidden("Access denied")


def _reaches(permission: Resource, me: str) -> bool:
    if permission.get("link", {}).get("scope") in ("organization", "anonymous"):
        return me in permission.get("_opened", ())
    granted = [permission.get("grantedToV2", {}), *permission.get("grantedToIdentitiesV2", ())]
    return any(each.get("user", {}).get("id") == me for each in granted)


def by(call: Call) -> Resource:
    """Return the identity of who calls."""
    return identity(call.state.user(call.grant.user or ""))


def clash_of(call: Call, usual: str, body: Resource | None = None) -> str:
    """Return the conflictBehavior of a call: in the query, or in its body."""
    name = "@microsoft.graph.conflictBehavior"
    return str(call.query.get(name) or (body or {}).get(name) or usual)


def view(call: Call, drive: Drive, item: Resource, *, download: bool = True) -> Resource:
    """Return an item as Graph shows it; files have a download URL where `download` is set."""
    shown = dict(item)
    shown.update(
        {"eTag": etag(item), "cTag": ctag(item), "webUrl": url(drive, item), "parentReference": parent(drive, item)}
    )
    if "folder" in item:
        inside = list(drive.below(item))
        shown["folder"] = {"childCount": sum(1 for each in inside if each["_parent"] == item["id"])}
        shown["size"] = sum(each.get("size", 0) for each in inside)
    elif download:
        shown[DOWNLOAD_URL] = download_url(call, drive, item["_blob"], item)
    if item["_permissions"]:
        scopes = [p.get("link", {}).get("scope", "users") for p in item["_permissions"]]
        shown["shared"] = {"scope": next((s for s in ("anonymous", "organization") if s in scopes), "users")}
    if "file" in item:
        level = "checkout" if item.get("_checkout") else "published"
        shown["publication"] = {"level": level, "versionId": drive.version(item)}
        if item.get("_checkout"):
            shown["publication"]["checkedOutBy"] = {"user": item["_checkout"]}
    return shown


def parent(drive: Drive, item: Resource) -> Resource:
    """Return the parentReference of an item."""
    found: Resource = {"driveType": drive.resource["driveType"], "driveId": drive.id}
    above = drive.items.get(item["_parent"] or "")
    if above is not None:
        path = f"/drives/{drive.id}/root:{drive.path(above)}"
        found.update({"id": above["id"], "name": above["name"], "path": path})
    if drive.resource["_owner"][0] == "sites":
        found["siteId"] = drive.resource["_owner"][1]
    return found


def download_url(call: Call, drive: Drive, blob: str, item: Resource) -> str:
    """Return the pre-authenticated URL of some content of a file."""
    return tickets.make(call, "content", drive.id, item["id"], blob)


def answer(call: Call, drive: Drive, item: Resource) -> Resource:
    """Return the answer of one item, with $select and $expand; `webDavUrl` only where it is selected."""
    expand = {
        "children": lambda each: [view(call, drive, c) for c in drive.children(item["id"])],
        "permissions": lambda each: item["_permissions"],
    }
    shown = {**view(call, drive, item), "webDavUrl": url(drive, item)}
    return shape(call, shown, f"drives('{drive.id}')/items/$entity", expand, ("webDavUrl",))
