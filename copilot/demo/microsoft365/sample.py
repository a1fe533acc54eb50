"""The made-up company: Fabrikam, which plans its budget. Mail, meetings, chats and files tell one story.

It is Monday, 1 June 2026 (in the demo: today). Nina Keller (finance) puts the budget of the third quarter together;
Tomas Berg (CFO) wants it on Wednesday; Priya Raman (sales) and Leo Martin (IT) send their figures; Ana Costa works at a
supplier. Dates are written by `story.when(state, days, "14:30")`, so that they are near, whenever it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from copilot.demo.microsoft365 import sample_calendar, sample_drive, sample_mail, sample_talk, sample_tasks
from copilot.demo.microsoft365.state import State
from copilot.demo.microsoft365.story import DOMAIN as DOMAIN
from copilot.demo.microsoft365.story import ME as ME
from copilot.demo.microsoft365.story import NOW as NOW
from copilot.demo.microsoft365.story import who as who

#: The people: address, given name, surname, job, department, office, manager's address.
_PEOPLE = (
    ("tomas.berg", "Tomas", "Berg", "Chief Financial Officer", "Finance", "Oslo 4", ""),
    ("nina.keller", "Nina", "Keller", "Finance Controller", "Finance", "Berlin 2", "tomas.berg"),
    ("priya.raman", "Priya", "Raman", "Head of Sales", "Sales", "London 1", "tomas.berg"),
    ("leo.martin", "Leo", "Martin", "IT Lead", "IT", "Berlin 2", "tomas.berg"),
    ("sofia.lind", "Sofia", "Lind", "Accountant", "Finance", "Berlin 2", "nina.keller"),
    ("finance.office", "Finance", "Office", "Shared mailbox", "Finance", "", ""),
)
_GROUPS: Mapping[str, tuple[str, ...]] = {
    "Finance": ("tomas.berg", "nina.keller", "sofia.lind"),
    "Sales": ("priya.raman", "tomas.berg"),
    "Everyone": ("tomas.berg", "nina.keller", "priya.raman", "leo.martin", "sofia.lind"),
}
#: What parts add, in this order: each a function of the state. A part's own data is in sample_<part>.py.
FILLS: tuple[Callable[[State], None], ...] = (
    sample_drive.fill,
    sample_mail.fill,
    sample_calendar.fill,
    sample_talk.fill,
    sample_tasks.fill,
)


def made(clock: Callable[[], datetime] | None = None) -> State:
    """Return the company's state; its clock stands at `NOW` unless one is given."""
    state = State(clock or (lambda: NOW))
    fill(state)
    return state


def fill(state: State) -> None:
    """Put the company into an empty state."""
    state.collection("organization").add(_organization(state))
    for person in _PEOPLE:
        state.users.add(_person(*person))
    for address, *_, manager in _PEOPLE:
        state.users.change(who(state, address), {"_manager": who(state, manager) if manager else None})
    state.users.change(who(state, "finance.office"), {"_shared_with": [who(state, n) for n in _GROUPS["Finance"]]})
    for name, members in _GROUPS.items():
        state.groups.add(_group(state, name, members))
    for each in FILLS:
        each(state)


def _organization(state: State) -> dict[str, Any]:
    return {
        "id": state.tenant,
        "displayName": "Fabrikam",
        "countryLetterCode": "DE",
        "verifiedDomains": [
            {"name": DOMAIN, "isDefault": True, "isInitial": True, "type": "Managed", "capabilities": ""}
        ],
    }


def _person(
    name: str, given: str, surname: str, job: str, department: str, office: str, manager: str
) -> dict[str, Any]:
    address = f"{name}@{DOMAIN}"
    return {
        "businessPhones": [],
        "displayName": f"{given} {surname}",
        "givenName": given,
        "jobTitle": job,
        "mail": address,
        "mobilePhone": None,
        "officeLocation": office or None,
        "preferredLanguage": "en-GB",
        "surname": surname,
        "userPrincipalName": address,
        "department": department,
        "companyName": "Fabrikam",
        "accountEnabled": True,
        "userType": "Member",
    }


def _group(state: State, name: str, members: tuple[str, ...]) -> dict[str, Any]:
    return {
        "createdDateTime": "2025-01-07T08:00:00Z",
        "description": f"{name} of Fabrikam",
        "displayName": name,
        "groupTypes": ["Unified"],
        "mail": f"{name.lower()}@{DOMAIN}",
        "mailEnabled": True,
        "mailNickname": name.lower(),
        "securityEnabled": False,
        "visibility": "Private",
        "_members": [who(state, member) for member in members],
    }
