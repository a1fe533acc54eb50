"""Users, groups and their members, and the organization. Source: Microsoft Graph, "Working with users" and "groups"."""

from __future__ import annotations

from copilot.demo.microsoft365 import kql
from copilot.demo.microsoft365.call import Body, Call
from copilot.demo.microsoft365.odata import page, shape
from copilot.demo.microsoft365.refusals import bad_request, not_found
from copilot.demo.microsoft365.routing import Routes
from copilot.demo.microsoft365.state import Resource

routes = Routes()

_READ_USER = "User.Read | User.ReadBasic.All"
_USUAL = (
    "businessPhones",
    "displayName",
    "givenName",
    "id",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
)


def _hidden(user: Resource) -> tuple[str, ...]:
    """Users are shown with eleven properties; the others must be selected."""
    return tuple(name for name in user if name not in _USUAL and not name.startswith("@"))


def _searchable(resource: Resource) -> kql.Searched:
    fields = {k.casefold(): v for k, v in resource.items() if isinstance(v, str)}
    return kql.Searched(f"{resource.get('displayName', '')} {resource.get('mail', '')}", fields)


@routes.get("/users/{user}", needs=_READ_USER)
def user(call: Call) -> Body:
    """Return a user."""
    found = call.user()
    if found["id"] != call.grant.user and not call.grant.allows("User.ReadBasic.All"):
        raise not_found(f"Resource '{call.params['user']}' does not exist.", "Request_ResourceNotFound")
    expand = {"manager": lambda user: _manager(call, user)}
    return shape(call, found, "users/$entity", expand, hidden=_hidden(found))


@routes.get("/users", needs="User.ReadBasic.All")
def users(call: Call) -> Body:
    """List users; $search and $count need ConsistencyLevel: eventual."""
    _advanced(call)
    hidden = tuple({name for user in call.state.users for name in _hidden(user)})
    return page(call, call.state.users, "users", fields=_searchable, hidden=hidden)


@routes.get("/users/{user}/manager", needs="User.Read.All")
def manager(call: Call) -> Body:
    """Return the manager of a user."""
    found = _manager(call, call.user())
    if found is None:
        raise not_found("Resource 'manager' does not exist.", "Request_ResourceNotFound")
    return shape(call, found, "directoryObjects/$entity", hidden=_hidden(found))


@routes.get("/users/{user}/directReports", needs="User.Read.All")
def reports(call: Call) -> Body:
    """List who reports to a user."""
    found = [_typed(u, "user") for u in call.state.users if u.get("_manager") == call.user()["id"]]
    return page(call, found, "directoryObjects", hidden=_hidden(found[0]) if found else ())


@routes.get("/users/{user}/memberOf", needs="User.Read | GroupMember.Read.All")
@routes.get("/users/{user}/transitiveMemberOf", needs="User.Read | GroupMember.Read.All")
def memberships(call: Call) -> Body:
    """List the groups of a user."""
    me = call.user()["id"]
    return page(call, [_typed(g, "group") for g in call.state.groups if me in g["_members"]], "directoryObjects")


@routes.get("/groups", needs="GroupMember.Read.All | Group.Read.All")
def groups(call: Call) -> Body:
    """List groups."""
    _advanced(call)
    return page(call, call.state.groups, "groups", fields=_searchable)


@routes.get("/groups/{group}", needs="GroupMember.Read.All | Group.Read.All")
def group(call: Call) -> Body:
    """Return a group."""
    return shape(call, _group(call), "groups/$entity")


@routes.get("/groups/{group}/members", needs="GroupMember.Read.All")
@routes.get("/groups/{group}/transitiveMembers", needs="GroupMember.Read.All")
def members(call: Call) -> Body:
    """List the members of a group."""
    found = [_typed(u, "user") for id in _group(call)["_members"] if (u := call.state.users.get(id))]
    return page(call, found, "directoryObjects", hidden=_hidden(found[0]) if found else ())


@routes.get("/organization", needs="User.Read")
def organization(call: Call) -> Body:
    """Return the tenant."""
    return page(call, call.state.collection("organization"), "organization")


def _group(call: Call) -> Resource:
    found = call.state.groups.get(call.params["group"])
    if found is None:
        message = f"Resource '{call.params['group']}' does not exist or is not present."
        raise not_found(message, "Request_ResourceNotFound")
    return found


def _manager(call: Call, user: Resource) -> Resource | None:
    found = call.state.users.get(user.get("_manager") or "")
    return _typed(found, "user") if found else None


def _typed(resource: Resource, kind: str) -> Resource:
    return {"@odata.type": f"#microsoft.graph.{kind}", **resource}


def _advanced(call: Call) -> None:
    """Advanced queries on directory objects must say that they are ("Advanced query capabilities")."""
    if "$search" in call.query and call.headers.get("consistencylevel", "").lower() != "eventual":
        message = "Request with $search query parameter only works with the request header 'ConsistencyLevel: eventual'"
        raise bad_request(message, "Request_UnsupportedQuery")
