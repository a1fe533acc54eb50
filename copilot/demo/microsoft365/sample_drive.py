"""The company's sites, drives and files: the budget workbooks, and what was written about them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from copilot.demo.microsoft365.drives import Drive, identity
from copilot.demo.microsoft365.state import Resource, State
from copilot.demo.microsoft365.story import moment, when
from copilot.documents import excel

HOST = "fabrikam.sharepoint.example"
_MY = "fabrikam-my.sharepoint.example"

#: The sites: name, path, description, who may change it, who may see it besides.
_SITES: tuple[tuple[str, str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("Fabrikam", "", "The company's home", ("leo.martin",), ("nina.keller", "tomas.berg", "priya.raman", "sofia.lind")),
    ("Finance", "/sites/Finance", "Budgets and reports", ("tomas.berg", "nina.keller", "sofia.lind"), ()),
    ("Sales", "/sites/Sales", "Offers and forecasts", ("priya.raman", "tomas.berg"), ("nina.keller",)),
)
_LABELS = (
    ("4a5b6c7d-0001-4e1f-9a2b-0123456789ab", "Public", 0),
    ("4a5b6c7d-0002-4e1f-9a2b-0123456789ab", "General", 1),
    ("4a5b6c7d-0003-4e1f-9a2b-0123456789ab", "Confidential", 2),
)
CONFIDENTIAL = _LABELS[2][0]

_HEAD = ["Department", "Q1", "Q2", "Q3", "Q4"]
_BUDGET_2026: Mapping[str, tuple[int, ...]] = {
    "Marketing": (118000, 121000, 125000, 131000),
    "Sales": (240000, 252000, 260000, 275000),
    "IT": (96000, 98500, 99000, 104000),
    "Operations": (310000, 305000, 312000, 318000),
}
_BUDGET_2025 = [[name, *(round(n * 0.93) for n in numbers)] for name, numbers in _BUDGET_2026.items()]
_FORECAST = [["Region", "Q3 offers", "Q3 likely"], ["North", 410000, 355000], ["South", 290000, 231000]]
_NOTES = """# Budget review

- Marketing needs 12,000 more in Q3 for the fair in Lyon (Priya).
- IT moves 4,000 from Q4 to Q3: the licences are due in August (Leo).
- Tomas wants the final numbers on Wednesday.
"""
_POLICY = "Budgets are changed by the controller only. Each change is explained in a mail to the finance group.\n"


def fill(state: State) -> None:
    """Add the sites, drives and files, as people made them in the weeks before."""
    with state.at(moment(state, -120)):
        drives, sites = _places(state)
    _finance(state, sites["Finance"])
    sales, priya = sites["Sales"], _identity(state, "priya.raman")
    with state.at(moment(state, -4, "15:20")):
        forecast = sales.store(sales.root, "Forecast Q3.xlsx", _book({"Forecast": _FORECAST}), priya)
        sales.change(forecast, {"description": "Offers that are likely to be won"}, priya)
    mine, nina = drives["nina.keller"], _identity(state, "nina.keller")
    with state.at(moment(state, -3, "17:05")):
        folder = mine.add_folder(mine.root, "Documents", nina)
        mine.store(folder, "Ideas for the budget.md", b"# Ideas\n\n- Ask Leo about the licences.\n", nina)


def _places(state: State) -> tuple[dict[str, Drive], dict[str, Drive]]:
    for id, name, rank in _LABELS:
        state.collection("labels").add(_label(id, name, rank))
    drives = {user["mail"].partition("@")[0]: _personal(state, user) for user in state.users}
    return drives, {about[0]: _site(state, *about) for about in _SITES}


def _finance(state: State, finance: Drive) -> None:
    nina, tomas, sofia = (_identity(state, n) for n in ("nina.keller", "tomas.berg", "sofia.lind"))
    with state.at(moment(state, -110, "10:00")):
        budgets = finance.add_folder(finance.root, "Budgets", nina)
        finance.store(budgets, "Budget 2025.xlsx", _book({"Budget": [_HEAD, *_BUDGET_2025]}), sofia)
        finance.store(finance.root, "Budget policy.txt", _POLICY.encode(), tomas)
    with state.at(moment(state, -12, "11:30")):
        current = finance.store(budgets, "Budget 2026.xlsx", _budget(first=True), nina)
        finance.change(current, {"_label": CONFIDENTIAL, "_method": "standard"}, nina)
    with state.at(moment(state, -5, "16:00")):
        reviews = finance.add_folder(finance.root, "Reviews", tomas)
        finance.store(reviews, f"Budget review {when(state, 0)[:10]}.md", _NOTES.encode(), tomas)
    with state.at(moment(state, -3, "14:10")):
        finance.write(current, _budget(first=False), sofia)


@functools.cache
def _budget(*, first: bool) -> bytes:
    rows: list[list[Any]] = [[name, *numbers] for name, numbers in _BUDGET_2026.items()]
    if first:
        rows[0][3] = 119000
    made = excel.create({"Budget": [_HEAD, *rows], "Notes": [["When", "What"], ["Two weeks ago", "First draft"]]})
    tabled = excel.create_table(made.content, "A1:E5", "Budget2026", "Budget")
    return tabled.content


def _book(sheets: Mapping[str, Any]) -> bytes:
    return _made(tuple((name, tuple(tuple(row) for row in rows)) for name, rows in sheets.items()))


@functools.cache
def _made(sheets: tuple[tuple[str, Any], ...]) -> bytes:
    return excel.create({name: [list(row) for row in rows] for name, rows in sheets}).content


def _identity(state: State, name: str) -> Resource:
    return identity(state.user(f"{name}@fabrikam.example"))


def _personal(state: State, user: Resource) -> Drive:
    by = identity(user)
    place = user["mail"].replace("@", "_").replace(".", "_")
    about = {"owner": by, "createdBy": by}
    url = f"https://{_MY}/personal/{place}/Documents"
    return Drive.new(state, "OneDrive", "business", ("users", user["id"]), url, about)


def _site(
    state: State, name: str, path: str, description: str, members: tuple[str, ...], readers: tuple[str, ...]
) -> Drive:
    writers = [_identity(state, n)["user"]["id"] for n in members]
    others = [_identity(state, n)["user"]["id"] for n in readers]
    site = state.collection("sites").add(
        {
            "id": f"{HOST},{state.new_id()},{state.new_id()}",
            "createdDateTime": state.stamp(),
            "description": description,
            "displayName": name,
            "lastModifiedDateTime": state.stamp(),
            "name": name if path else "",
            "webUrl": f"https://{HOST}{path}",
            "siteCollection": {"hostname": HOST},
            **({} if path else {"root": {}}),
            "_path": path,
            "_members": [*writers, *others],
        }
    )
    by = _identity(state, members[0])
    about = {"owner": by, "createdBy": by, "_writers": writers, "_readers": others, "_site_name": name}
    url = f"{site['webUrl']}/Shared%20Documents"
    return Drive.new(state, "Documents", "documentLibrary", ("sites", site["id"]), url, about)


def _label(id: str, name: str, rank: int) -> Resource:
    return {
        "id": id,
        "name": name,
        "description": f"{name} to Fabrikam" if rank else "For everybody",
        "toolTip": f"Data that is {name.lower()}",
    }
