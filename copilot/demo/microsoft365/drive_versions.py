"""Versions of a file, check-out, and sensitivity labels.

Source: Microsoft Graph v1.0, "driveItemVersion", "driveItem: checkout", "driveItem: extractSensitivityLabels".
"""

from __future__ import annotations

from copilot.demo.microsoft365.call import Answer, Body, Call, accepted
from copilot.demo.microsoft365.drive_access import DOWNLOAD_URL, READ, WRITE, by, download_url, item_of
from copilot.demo.microsoft365.drives import Drive
from copilot.demo.microsoft365.odata import page, shape
from copilot.demo.microsoft365.refusals import bad_request, locked, not_found
from copilot.demo.microsoft365.routing import Routes
from copilot.demo.microsoft365.state import Resource
from copilot.documents.labels import sensitivity

routes = Routes()


@routes.get("/drives/{drive}/items/{item}/versions", needs=READ)
def versions(call: Call) -> Body:
    """List the versions of a file, the current one first."""
    drive, found = item_of(call)
    listed = [_view(call, drive, found, each) for each in _versions(drive, found)]
    return page(call, listed, "Collection(driveItemVersion)", size=200)


@routes.get("/drives/{drive}/items/{item}/versions/{version}", needs=READ)
def version(call: Call) -> Body:
    """Return a version."""
    drive, found = item_of(call)
    return shape(call, _view(call, drive, found, _version(call, drive, found)), "driveItemVersion")


@routes.get("/drives/{drive}/items/{item}/versions/{version}/content", needs=READ)
def content(call: Call) -> Body:
    """Lead to the content of a version."""
    drive, found = item_of(call)
    blob = _version(call, drive, found)["_blob"]
    return Answer(302, None, {"Location": download_url(call, drive, blob, found)})


@routes.post("/drives/{drive}/items/{item}/versions/{version}/restoreVersion", needs=WRITE)
def restore(call: Call) -> Body:
    """Make an old version the current one, as a new version."""
    drive, found = item_of(call, "write")
    old = _version(call, drive, found)
    if old["id"] == drive.version(found):
        raise bad_request("The current version can't be restored.")
    drive.write(found, call.state.blobs.get(old["_blob"]), by(call))
    return None


def _versions(drive: Drive, item: Resource) -> list[Resource]:
    if "file" not in item:
        raise bad_request("The item is not a file.")
    now = {k: item[k] for k in ("lastModifiedBy", "lastModifiedDateTime", "size", "_blob")}
    return [{"id": drive.version(item), **now}, *reversed(item["_versions"])]


def _version(call: Call, drive: Drive, item: Resource) -> Resource:
    wanted = call.params["version"]
    found = _versions(drive, item)
    for each in found:
        if each["id"] == wanted or (wanted == "current" and each is found[0]):
            return each
    raise not_found("The version could not be found.")


def _view(call: Call, drive: Drive, item: Resource, version: Resource) -> Resource:
    if version["id"] != drive.version(item):
        return version
    return {**version, DOWNLOAD_URL: download_url(call, drive, version["_blob"], item)}


# --- check-out ----------------------------------------------------------------------------------------------------


@routes.post("/drives/{drive}/items/{item}/checkout", needs=WRITE)
def check_out(call: Call) -> Body:
    """Check a file out: others can't change it, and don't see what changes, until it is checked in."""
    drive, found = item_of(call, "write")
    me = by(call).get("user")
    if "file" not in found or me is None:
        raise bad_request("Only a person can check out, and only a file.")
    holder = found.get("_checkout")
    if (holder and holder["id"] != me["id"]) or found.get("_open"):
        who = holder or found["_open"]
        raise locked(f'The file "{found["name"]}" is checked out for editing by {who["_email"]}.')
    drive.change(found, {"_checkout": me, "_before": [found["_blob"], len(found["_versions"])]}, by(call))
    return None


@routes.post("/drives/{drive}/items/{item}/checkin", needs=WRITE)
def check_in(call: Call) -> Body:
    """Check a file in, with a comment."""
    drive, found = item_of(call, "write")
    _held(call, found)
    comment = str(call.json().get("comment", ""))
    drive.change(found, {"_checkout": None, "_before": None, "_comment": comment}, by(call))
    return None


@routes.post("/drives/{drive}/items/{item}/discardCheckout", needs=WRITE)
def discard(call: Call) -> Body:
    """Take back what was changed since the check-out."""
    drive, found = item_of(call, "write")
    _held(call, found)
    blob, _ = found["_before"]
    if blob != found["_blob"]:
        drive.put(found, call.state.blobs.get(blob), by(call))
    drive.change(found, {"_checkout": None, "_before": None}, by(call))
    return None


def _held(call: Call, item: Resource) -> None:
    holder = item.get("_checkout")
    if not holder:
        raise bad_request("The file is not checked out.")
    if holder["id"] != call.grant.user:
        raise locked(f'The file "{item["name"]}" is checked out for editing by {holder["_email"]}.')


# --- labels -------------------------------------------------------------------------------------------------------


@routes.post("/drives/{drive}/items/{item}/extractSensitivityLabels", needs="Files.Read.All")
def labels(call: Call) -> Body:
    """Return the labels of a file: what was assigned here, else what the file itself says."""
    _, found = item_of(call)
    return shape(call, {"labels": _labels(call, found)}, "microsoft.graph.extractSensitivityLabelsResult")


def _labels(call: Call, item: Resource) -> list[Resource]:
    if item.get("_label"):
        return [_label(item["_label"], call.state.tenant, item["_method"])]
    data = call.state.blobs.get(item["_blob"]) if "_blob" in item else b""
    return [_label(each.guid, each.site_id, "standard") for each in sensitivity(data) if each.active]


def _label(id: str, tenant: str, method: str) -> Resource:
    return {"sensitivityLabelId": id, "assignmentMethod": method, "tenantId": tenant}


@routes.post("/drives/{drive}/items/{item}/assignSensitivityLabel", needs="Files.ReadWrite.All")
def assign(call: Call) -> Body:
    """Assign a label, which is done behind; one that is not of the tenant is a 400."""
    drive, found = item_of(call, "write")
    body = call.json()
    id = str(body.get("sensitivityLabelId", ""))
    if id and id not in call.state.collection("labels"):
        raise bad_request("The sensitivity label is not one of the tenant.")
    method = str(body.get("assignmentMethod") or "standard")
    drive.change(found, {"_label": id or None, "_method": method}, by(call))
    return accepted({"Location": call.link(f"/drives/{drive.id}/items/{found['id']}")})


_LABELS = "SensitivityLabel.Read | InformationProtectionPolicy.Read"


@routes.get("/security/dataSecurityAndGovernance/sensitivityLabels", needs=_LABELS)
@routes.get("/users/{user}/security/dataSecurityAndGovernance/sensitivityLabels", needs=_LABELS)
@routes.get("/users/{user}/security/informationProtection/sensitivityLabels", needs=_LABELS)
def known_labels(call: Call) -> Body:
    """List the labels of the tenant."""
    return page(call, call.state.collection("labels"), "sensitivityLabels")
