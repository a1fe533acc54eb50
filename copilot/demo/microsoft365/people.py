"""Those one works with, and contacts. Source: Microsoft Graph v1.0, "person" and "contact"."""

from __future__ import annotations

from copilot.demo.microsoft365 import kql
from copilot.demo.microsoft365.call import Body, Call
from copilot.demo.microsoft365.odata import page, shape
from copilot.demo.microsoft365.refusals import not_found
from copilot.demo.microsoft365.routing import Routes
from copilot.demo.microsoft365.state import Resource

routes = Routes()


@routes.get("/users/{user}/people", needs="People.Read")
def people(call: Call) -> Body:
    """List who matters to a person, the most first: those of the same department, then the others, then contacts."""
    me = call.user()
    others = [u for u in call.state.users if u["id"] != me["id"] and u["jobTitle"] != "Shared mailbox"]
    ranked = sorted(others, key=lambda u: u["department"] != me["department"])
    found = [_person(u, 30 - n) for n, u in enumerate(ranked)]
    found += [_known(c) for c in call.state.collection("contacts", me["id"])]
    return page(call, found, "users/people", size=10, fields=_searched)


@routes.get("/users/{user}/contacts", needs="Contacts.Read")
def contacts(call: Call) -> Body:
    """List a person's own contacts."""
    return page(call, call.state.collection("contacts", call.mailbox()), "users/contacts", size=10)


@routes.get("/users/{user}/contacts/{contact}", needs="Contacts.Read")
def contact(call: Call) -> Body:
    """Return a contact."""
    found = call.state.collection("contacts", call.mailbox()).get(call.params["contact"])
    if found is None:
        raise not_found("The specified object was not found in the store.", "ErrorItemNotFound")
    return shape(call, found, "users/contacts/$entity")


def _searched(person: Resource) -> kql.Searched:
    address = " ".join(each["address"] for each in person["scoredEmailAddresses"])
    return kql.Searched(f"{person['displayName']} {address}", {})


def _person(user: Resource, score: float) -> Resource:
    return {
        "id": user["id"],
        "displayName": user["displayName"],
        "givenName": user["givenName"],
        "surname": user["surname"],
        "birthday": "",
        "personNotes": "",
        "isFavorite": False,
        "jobTitle": user["jobTitle"],
        "companyName": user["companyName"],
        "yomiCompany": "",
        "department": user["department"],
        "officeLocation": user["officeLocation"],
        "profession": "",
        "userPrincipalName": user["userPrincipalName"],
        "imAddress": f"sip:{user['mail']}",
        "scoredEmailAddresses": [
            {"address": user["mail"], "relevanceScore": score, "selectionLikelihood": "notSpecified"}
        ],
        "phones": [{"type": "business", "number": number} for number in user["businessPhones"]],
        "postalAddresses": [],
        "websites": [],
        "personType": {"class": "Person", "subclass": "OrganizationUser"},
    }


def _known(contact: Resource) -> Resource:
    addresses = [each["address"] for each in contact["emailAddresses"]]
    return {
        "id": contact["id"],
        "displayName": contact["displayName"],
        "givenName": contact["givenName"],
        "surname": contact["surname"],
        "jobTitle": contact["jobTitle"],
        "companyName": contact["companyName"],
        "scoredEmailAddresses": [
            {"address": each, "relevanceScore": 1.0, "selectionLikelihood": "notSpecified"} for each in addresses
        ],
        "phones": [],
        "personType": {"class": "Person", "subclass": "PersonalContact"},
    }
