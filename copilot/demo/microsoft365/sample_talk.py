"""What the company's people say in Teams, and whom Nina knows outside."""

from __future__ import annotations

from typing import Any

from copilot.demo.microsoft365.state import Resource, State
from copilot.demo.microsoft365.story import moment, who
from copilot.demo.microsoft365.talk import add_chat, add_team, mention, say

_PRESENCES = {
    "tomas.berg": ("Busy", "InAMeeting"),
    "nina.keller": ("Available", "Available"),
    "priya.raman": ("Away", "Away"),
    "leo.martin": ("DoNotDisturb", "Presenting"),
    "sofia.lind": ("Available", "Available"),
}


def fill(state: State) -> None:
    """Add chats, teams, presence and contacts."""
    with state.at(moment(state, -100)):
        teams = {g["displayName"]: add_team(state, g, _CHANNELS[g["displayName"]]) for g in state.groups}
    for name, (availability, activity) in _PRESENCES.items():
        held = {"id": who(state, name), "availability": availability, "activity": activity, "statusMessage": None}
        state.collection("presence").add(held)
    _chats(state)
    _channel(state, teams["Finance"])
    _contacts(state)


_CHANNELS: dict[str, tuple[str, ...]] = {"Finance": ("Budget 2026",), "Sales": ("Offers",), "Everyone": ()}


def _chats(state: State) -> None:
    nina, tomas, priya, leo = (who(state, n) for n in ("nina.keller", "tomas.berg", "priya.raman", "leo.martin"))
    with state.at(moment(state, -30)):
        one = add_chat(state, "oneOnOne", (nina, tomas))["id"]
        group = add_chat(state, "group", (nina, priya, leo), "Budget Q3")["id"]
        add_chat(state, "group", (tomas, priya), "Offers")
    _said(state, -4, "10:05", one, "nina.keller", "I start with the Q3 numbers today.")
    _said(state, -4, "15:40", group, "nina.keller", "<p>Please send me your Q3 figures by Friday.</p>")
    _said(state, -3, "09:12", group, "leo.martin", "<p>IT moves <b>4,000</b> from Q4 to Q3, the licences are due.</p>")
    at = mention(state, 0, state.users.get(nina) or {})
    text = '<p><at id="0">Nina Keller</at> Marketing needs <strong>12,000</strong> more in Q3:</p>'
    text += "<ul><li>fair in Lyon</li><li>travel</li></ul>"
    _said(state, -1, "16:20", group, "priya.raman", text, mentions=[at])
    _said(state, 0, "08:15", one, "tomas.berg", "<p>Can I have the final numbers on <em>Wednesday</em>?</p>")


def _channel(state: State, team: Resource) -> None:
    budget = next(c for c in state.collection("channels", team["id"]) if c["displayName"] == "Budget 2026")["id"]
    about: dict[str, Any] = {"team": team["id"]}
    first = _said(state, -5, "16:30", budget, "tomas.berg", "<div>Notes of the review are in the folder Reviews.</div>",
                  subject="Budget review", **about)  # fmt: skip
    first["reactions"] = [
        {
            "reactionType": "👍",
            "displayName": "Like",
            "reactionContentUrl": None,
            "createdDateTime": first["createdDateTime"],
            "user": {"user": {"id": who(state, "sofia.lind"), "displayName": "Sofia Lind"}},
        }
    ]
    at = mention(state, 0, state.user("nina.keller@fabrikam.example") or {})
    text = '<p>Thanks. <at id="0">Nina Keller</at>, do you take the Q3 sheet?</p>'
    _said(state, -4, "08:10", budget, "sofia.lind", text, mentions=[at], answers=first["id"], **about)


def _said(
    state: State,
    days: int,
    time: str,
    place: str,
    name: str,
    content: str,
    team: str = "",
    answers: str = "",
    **more: Any,
) -> Resource:
    with state.at(moment(state, days, time)):
        body = {"body": {"contentType": "html" if "<" in content else "text", "content": content}, **more}
        return say(state, place, state.users.get(who(state, name)), body, team, answers)


def _contacts(state: State) -> None:
    for given, surname, company, address in (
        ("Ana", "Costa", "Supplier", "ana.costa@supplier.example"),
        ("Tomas", "Novak", "Auditors", "tomas.novak@auditors.example"),
    ):
        state.collection("contacts", who(state, "nina.keller")).add(
            {
                "@odata.etag": f'W/"{state.new_id()}"',
                "createdDateTime": "2026-01-12T09:00:00Z",
                "lastModifiedDateTime": "2026-01-12T09:00:00Z",
                "displayName": f"{given} {surname}",
                "givenName": given,
                "surname": surname,
                "jobTitle": "Key account" if company == "Supplier" else "Auditor",
                "companyName": company,
                "department": "",
                "mobilePhone": None,
                "businessPhones": ["+49 30 5550100"],
                "personalNotes": "",
                "categories": [],
                "emailAddresses": [{"name": f"{given} {surname}", "address": address}],
            },
            "AAMk",
        )
