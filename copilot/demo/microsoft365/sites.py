"""SharePoint sites. Source: Microsoft Graph v1.0, "site"."""

from __future__ import annotations

from copilot.demo.microsoft365 import kql
from copilot.demo.microsoft365.aliases import site as site_named
from copilot.demo.microsoft365.call import Body, Call
from copilot.demo.microsoft365.odata import page, shape
from copilot.demo.microsoft365.refusals import forbidden
from copilot.demo.microsoft365.routing import Routes
from copilot.demo.microsoft365.state import Resource

routes = Routes()


@routes.get("/sites", needs="Sites.Read.All")
def sites(call: Call) -> Body:
    """Search the sites: ?search=finance; all of them for * or none."""
    query = call.query.get("search", "*")
    test = kql.parse("" if query == "*" else query)
    found = [each for each in call.state.collection("sites") if _open(call, each) and test(_searched(each))]
    return page(call, found, "sites")


@routes.get("/sites/{site}", needs="Sites.Read.All")
def site(call: Call) -> Body:
    """Return a site, by id, host or path."""
    found = site_named(call.state, call.params["site"])
    if not _open(call, found):
        raise forbidden()
    return shape(call, found, "sites/$entity")


@routes.get("/users/{user}/followedSites", needs="Sites.Read.All")
def followed(call: Call) -> Body:
    """List the sites that a person follows: those they are a member of."""
    me = call.user()["id"]
    return page(call, [each for each in call.state.collection("sites") if me in each["_members"]], "sites")


def _open(call: Call, site: Resource) -> bool:
    return call.grant.user is None or not site["_members"] or call.grant.user in site["_members"]


def _searched(site: Resource) -> kql.Searched:
    return kql.Searched(f"{site['displayName']} {site['name']} {site['description']} {site['webUrl']}", {})
