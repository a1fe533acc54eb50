"""Who may see and change an item: permissions, links, invitations.

Source: Microsoft Graph v1.0, "permission", "driveItem: createLink", "driveItem: invite".
"""

from __future__ import annotations

from copilot.demo.microsoft365.call import Answer, Body, Call
from copilot.demo.microsoft365.drive_access import READ, WRITE, by, item_of
from copilot.demo.microsoft365.drives import Drive, identity
from copilot.demo.microsoft365.odata import page, shape
from copilot.demo.microsoft365.refusals import Refusal, bad_request, not_found
from copilot.demo.microsoft365.routing import Routes
from copilot.demo.microsoft365.state import Resource
from copilot.demo.microsoft365.story import DOMAIN

routes = Routes()

_TYPES = {"view": "read", "edit": "write", "embed": "read"}
_SCOPES = ("anonymous", "organization", "users")
_ROLES = ("read", "write", "owner")


@routes.get("/drives/{drive}/items/{item}/permissions", needs=READ)
def permissions(call: Call) -> Body:
    """List who an item is shared with, and what it inherits."""
    drive, found = item_of(call)
    return page(call, [*_inherited(call, drive, found), *found["_permissions"]], "Collection(permission)")


@routes.get("/drives/{drive}/items/{item}/permissions/{permission}", needs=READ)
def permission(call: Call) -> Body:
    """Return a permission."""
    drive, found = item_of(call)
    return shape(call, _permission(call, drive, found), "permission")


@routes.patch("/drives/{drive}/items/{item}/permissions/{permission}", needs=WRITE)
def change(call: Call) -> Body:
    """Change the roles of a permission."""
    drive, found = item_of(call, "write")
    held = _own(call, found)
    held["roles"] = _roles(call.json())
    drive.change(found, {}, by(call))
    return shape(call, held, "permission")


@routes.delete("/drives/{drive}/items/{item}/permissions/{permission}", needs=WRITE)
def remove(call: Call) -> Body:
    """Take a permission back."""
    drive, found = item_of(call, "write")
    held = _own(call, found)
    drive.change(found, {"_permissions": [p for p in found["_permissions"] if p is not held]}, by(call))
    return None


@routes.post("/drives/{drive}/items/{item}/createLink", needs=WRITE)
def link(call: Call) -> Body:
    """Make a sharing link; the same one again when there is one of that type and scope (200)."""
    drive, found = item_of(call, "write")
    body = call.json()
    kind, scope = body.get("type", "view"), body.get("scope", "organization")
    if kind not in _TYPES or scope not in _SCOPES:
        raise bad_request(f"The link type '{kind}' or scope '{scope}' is not valid.")
    if scope == "anonymous" and not drive.resource.get("_anonymous"):
        raise Refusal(403, "notAllowed", "Anonymous sharing has been disabled for this site.")
    for held in found["_permissions"]:
        if held.get("link", {}).get("type") == kind and held["link"]["scope"] == scope:
            return Answer(200, shape(call, held, "permission"))
    made = _link(call, drive, kind, scope, body)
    drive.change(found, {"_permissions": [*found["_permissions"], made]}, by(call))
    return Answer(201, shape(call, made, "permission"))


def _link(call: Call, drive: Drive, kind: str, scope: str, body: Resource) -> Resource:
    id = call.state.new_id()
    base = drive.resource["webUrl"].partition("/sites/")[0].partition("/personal/")[0]
    made = {
        "id": id,
        "roles": [_TYPES[kind]],
        "hasPassword": bool(body.get("password")),
        "grantedToIdentitiesV2": [],
        "link": {"type": kind, "scope": scope, "webUrl": f"{base}/:x:/s/{id}", "preventsDownload": False},
    }
    if body.get("expirationDateTime"):
        made["expirationDateTime"] = body["expirationDateTime"]
    return made


@routes.post("/drives/{drive}/items/{item}/invite", needs=WRITE)
def invite(call: Call) -> Body:
    """Share an item with people; the answer has a permission for each. Raises the 400 for one whom nobody knows."""
    drive, found = item_of(call, "write")
    body = call.json()
    addresses = [str(each.get("email") or "") for each in body.get("recipients", ())]
    if not addresses or "" in addresses:
        raise bad_request("Recipients with an address are required.")
    if unknown := [a for a in addresses if a.endswith(f"@{DOMAIN}") and call.state.user(a) is None]:
        raise bad_request(f"The following users could not be resolved: {', '.join(unknown)}.", "noResolvedUsers")
    made = [_invited(call, address, _roles(body), body) for address in addresses]
    drive.change(found, {"_permissions": [*found["_permissions"], *made]}, by(call))
    return page(call, made, "Collection(permission)")


def _invited(call: Call, address: str, roles: list[str], body: Resource) -> Resource:
    user = call.state.user(address)
    who = _site_user(identity(user) if user else {"user": {"displayName": address}}, address)
    made: Resource = {"id": call.state.new_id(), "roles": roles, "grantedToV2": who, "hasPassword": False}
    if user is None:
        made["invitation"] = {"email": address, "signInRequired": bool(body.get("requireSignIn", True))}
    return made


def _site_user(who: Resource, address: str) -> Resource:
    """Return an identity with what SharePoint calls it, which has the address in it ("sharePointIdentity")."""
    name = {"displayName": who["user"]["displayName"], "loginName": f"i:0#.f|membership|{address}"}
    return {**who, "siteUser": name}


def _roles(body: Resource) -> list[str]:
    roles = body.get("roles")
    if not isinstance(roles, list) or not roles or not set(roles) <= set(_ROLES):
        raise bad_request("The roles are not among read, write, owner.")
    return roles


def _inherited(call: Call, drive: Drive, item: Resource) -> list[Resource]:
    """Return what the folders above, and the drive itself, give."""
    found = []
    for above in list(drive.above(item))[1:]:
        where = {"driveId": drive.id, "id": above["id"], "path": f"/drives/{drive.id}/root:{drive.path(above)}"}
        found += [{**held, "inheritedFrom": where} for held in above["_permissions"]]
    return [*_of_drive(call, drive), *found]


def _of_drive(call: Call, drive: Drive) -> list[Resource]:
    kind, owner = drive.resource["_owner"]
    if kind == "users":
        person = call.state.users.get(owner) or {}
        granted = _site_user(identity(person), person["mail"])
        return [{"id": "owner", "roles": ["owner"], "grantedToV2": granted, "hasPassword": False}]
    return [
        _site_group(drive, number, role, people)
        for number, (role, people) in enumerate((("write", "Members"), ("read", "Visitors")), 5)
        if role == "write" or drive.resource.get("_readers")
    ]


def _site_group(drive: Drive, number: int, role: str, people: str) -> Resource:
    name = f"{drive.resource['_site_name']} {people}"
    group = {"id": str(number), "displayName": name, "loginName": name}
    return {"id": f"site-{number}", "roles": [role], "grantedToV2": {"siteGroup": group}, "hasPassword": False}


def _permission(call: Call, drive: Drive, item: Resource) -> Resource:
    listed: list[Resource] = [*_inherited(call, drive, item), *item["_permissions"]]
    for each in listed:
        if each["id"] == call.params["permission"]:
            return each
    raise not_found("The permission could not be found.")


def _own(call: Call, item: Resource) -> Resource:
    listed: list[Resource] = item["_permissions"]
    for each in listed:
        if each["id"] == call.params["permission"]:
            return each
    raise not_found("The permission could not be found.")
