"""Drives and their items: what there is, folders, moves, copies, deletes, search and delta.

Source: Microsoft Graph v1.0, "drive" and "driveItem".
"""

from __future__ import annotations

from copilot.demo.microsoft365 import kql, tickets
from copilot.demo.microsoft365.call import Answer, Body, Call, accepted, created
from copilot.demo.microsoft365.contents import words_of
from copilot.demo.microsoft365.drive_access import (
    DOWNLOAD_URL,
    READ,
    WRITE,
    answer,
    by,
    clash_of,
    drive_of,
    item_of,
    may,
    parent,
    view,
)
from copilot.demo.microsoft365.drives import Drive, ctag, etag
from copilot.demo.microsoft365.odata import delta, page, shape
from copilot.demo.microsoft365.refusals import Refusal, bad_request, forbidden, not_found
from copilot.demo.microsoft365.routing import Routes
from copilot.demo.microsoft365.state import Resource

routes = Routes()


@routes.get("/drives/{drive}", needs=READ)
def drive(call: Call) -> Body:
    """Return a drive, with its quota."""
    found = drive_of(call)
    return shape(call, _drive_view(found), "drives/$entity", {"root": lambda each: view(call, found, found.root)})


@routes.get("/users/{user}/drives", needs=READ)
@routes.get("/sites/{site}/drives", needs="Files.Read.All")
@routes.get("/groups/{group}/drives", needs="Files.Read.All")
def drives(call: Call) -> Body:
    """List the drives of a person, a site or a group."""
    kind, owner = next((f"{k}s", v) for k, v in call.params.items())
    owner = call.user()["id"] if kind == "users" else owner
    found = [Drive(call.state, d) for d in call.state.collection("drives").where(_owner=[kind, owner])]
    return page(call, [_drive_view(each) for each in found], "drives")


def _drive_view(drive: Drive) -> Resource:
    total, used = drive.resource["_total"], drive.used
    state = "exceeded" if used > total else "nearing" if used > total * 0.9 else "normal"
    quota = {"deleted": 0, "remaining": max(total - used, 0), "state": state, "total": total, "used": used}
    return {**drive.resource, "quota": quota}


@routes.get("/drives/{drive}/items/{item}", needs=READ)
def item(call: Call) -> Body:
    """Return an item; 304 when the client has it (If-None-Match)."""
    drive, found = item_of(call)
    if call.headers.get("if-none-match") in (etag(found), ctag(found)):
        return Answer(304)
    return answer(call, drive, found)


@routes.get("/drives/{drive}/items/{item}/children", needs=READ)
def children(call: Call) -> Body:
    """List what is in a folder."""
    drive, found = item_of(call)
    listed = (view(call, drive, each) for each in drive.children(found["id"]))
    return page(call, listed, f"drives('{drive.id}')/items", size=200)


@routes.post("/drives/{drive}/items/{item}/children", needs=WRITE)
def add(call: Call) -> Body:
    """Make a folder."""
    drive, found = item_of(call, "write")
    body = call.json()
    if "folder" not in body or not isinstance(body.get("name"), str):
        raise bad_request("Only folders can be made here; files are uploaded.")
    made = drive.add_folder(found, body["name"], by(call), clash_of(call, "fail", body))
    return created(answer(call, drive, made))


@routes.patch("/drives/{drive}/items/{item}", needs=WRITE)
def change(call: Call) -> Body:
    """Rename, move, describe."""
    drive, found = item_of(call, "write")
    body = call.json()
    where = body.get("parentReference")
    if where or body.get("name", found["name"]) != found["name"]:
        target = _target(call, drive, where) if where else (drive, drive.item(found["_parent"]))
        if target[0].id != drive.id:
            raise bad_request("Moving between drives is not supported; copy and delete.", "notSupported")
        name = str(body.get("name", found["name"]))
        drive.move(found, target[1], name, by(call), clash_of(call, "fail", body))
    fields = {k: body[k] for k in ("description",) if k in body}
    if "fileSystemInfo" in body:
        fields["fileSystemInfo"] = {**found["fileSystemInfo"], **body["fileSystemInfo"]}
    if fields:
        drive.change(found, fields, by(call))
    return answer(call, drive, found)


def _target(call: Call, drive: Drive, where: Resource) -> tuple[Drive, Resource]:
    """Return the drive and folder that a parentReference names: by id, or by path."""
    into = drive_of(call, "write", where["driveId"]) if where.get("driveId") else drive
    path = str(where.get("path", "")).partition("root:")[2]
    folder = into.find(where.get("id") or f"root:{path}")
    may(call, into, folder, "write")
    return into, folder


@routes.delete("/drives/{drive}/items/{item}", needs=WRITE)
@routes.post("/drives/{drive}/items/{item}/permanentDelete", needs=WRITE)
def remove(call: Call) -> Body:
    """Delete an item, with all that is in it."""
    drive, found = item_of(call, "write")
    drive.remove(found, by(call))
    return None


# --- copies -----------------------------------------------------------------------------------------------------------


@routes.post("/drives/{drive}/items/{item}/copy", needs=WRITE)
def copy(call: Call) -> Body:
    """Copy an item, which goes on behind: the answer names where to look how it stands."""
    drive = drive_of(call)
    found = drive.find(call.params["item"])
    may(call, drive, found, "read")
    body = call.json()
    where = body.get("parentReference")
    into, folder = _target(call, drive, where) if where else (drive, drive.item(found["_parent"]))
    job: Resource = {"operation": "ItemCopy", "percentageComplete": 100.0, "status": "completed", "_asked": 0}
    try:
        made = drive.copy(
            found, into, folder, body.get("name") or found["name"], by(call), clash_of(call, "fail", body)
        )
        job["resourceId"] = made["id"]
    except Refusal as refusal:
        error = {"code": refusal.code, "message": refusal.message}
        job.update({"status": "failed", "error": error, "percentageComplete": 0.0})
    kept = call.state.collection("jobs").add(job)
    return accepted({"Location": tickets.make(call, "monitor", kept["id"])})


@routes.get("/_monitor/{ticket}", open=True)
def monitor(call: Call) -> Body:
    """Tell how a copy stands; the first time it is still going on ("Working with long running actions")."""
    (id,) = tickets.read(call, "monitor")
    job = call.state.collection("jobs").get(id)
    if job is None:
        raise not_found()
    job["_asked"] += 1
    if job["_asked"] == 1:
        return Answer(202, {"operation": job["operation"], "percentageComplete": 27.8, "status": "inProgress"})
    return {k: v for k, v in job.items() if not k.startswith("_") and k != "id"}


# --- search, delta ----------------------------------------------------------------------------------------------------


@routes.get("/drives/{drive}/search()", needs=READ)
@routes.get("/drives/{drive}/items/{item}/search()", needs=READ)
def search(call: Call) -> Body:
    """Search names and content below a folder."""
    drive = drive_of(call)
    folder = drive.find(call.params.get("item", "root"))
    may(call, drive, folder, "read")
    test = kql.parse(call.arguments.get("q", ""))
    found = [each for each in drive.below(folder) if test(searched(drive, each))]
    return page(call, [view(call, drive, each, download=False) for each in found], "Collection(driveItem)", size=200)


def searched(drive: Drive, item: Resource) -> kql.Searched:
    """Return what of an item is searched: its name, its path, and what it says."""
    name = str(item["name"])
    fields = {
        "name": name,
        "filename": name,
        "filetype": name.rpartition(".")[2],
        "fileextension": name.rpartition(".")[2],
        "path": drive.resource["webUrl"] + drive.path(item),
        "author": item["createdBy"].get("user", {}).get("displayName"),
        "lastmodifiedtime": item["lastModifiedDateTime"],
        "isdocument": "file" in item,
        "size": item.get("size", 0),
    }
    return kql.Searched(f"{name} {words_of(drive.state, item)}", fields)


@routes.get("/drives/{drive}/items/{item}/delta", needs=READ)
@routes.get("/drives/{drive}/items/{item}/delta()", needs=READ)
def changes(call: Call) -> Body:
    """List what changed below a folder since a token."""
    drive, folder = item_of(call)
    if "root" not in folder and drive.resource["driveType"] == "documentLibrary":
        raise forbidden("Delta is supported on the root only.", "notSupported")

    def gone(item: Resource) -> Resource:
        kind: Resource = {k: item[k] for k in ("file", "folder") if k in item}
        where = {"driveType": drive.resource["driveType"], "driveId": drive.id, "id": item.get("_parent")}
        return {"id": item["id"], "deleted": {"state": "deleted"}, "parentReference": where, **kind}

    return delta(
        call,
        drive.items,
        "Collection(driveItem)",
        token="token",
        keep=lambda item: any(each["id"] == folder["id"] for each in drive.above(item)),
        gone=gone,
        view=lambda item: view(call, drive, item),
    )


@routes.get("/drives/{drive}/recent", needs=READ)
def recent(call: Call) -> Body:
    """List what was changed last."""
    drive = drive_of(call)
    files = sorted((i for i in drive.items if "file" in i), key=lambda i: i["lastModifiedDateTime"], reverse=True)
    return page(call, [view(call, drive, each, download=False) for each in files], "Collection(driveItem)", size=50)


@routes.get("/drives/{drive}/sharedWithMe", needs="Files.Read.All")
def shared_with_me(call: Call) -> Body:
    """List what others share with the person, as remote items."""
    found = []
    for resource in call.state.collection("drives"):
        drive = Drive(call.state, resource)
        if resource["_owner"] != ["users", call.grant.user]:
            found += [_remote(call, drive, each) for each in drive.items if _shared(each, call.grant.user)]
    return page(call, found, "Collection(driveItem)")


def _shared(item: Resource, me: str | None) -> bool:
    return any(p.get("grantedToV2", {}).get("user", {}).get("id") == me for p in item["_permissions"])


def _remote(call: Call, drive: Drive, item: Resource) -> Resource:
    there = view(call, drive, item, download=False)
    remote = {k: v for k, v in there.items() if not k.startswith("_") and k not in ("eTag", "cTag", DOWNLOAD_URL)}
    own = {k: there[k] for k in ("id", "name", "size", "webUrl", "lastModifiedDateTime", "createdDateTime")}
    return {**own, "remoteItem": {**remote, "parentReference": parent(drive, item)}}
