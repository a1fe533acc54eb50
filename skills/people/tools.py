"""The tools of the skill `people`; all of them read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, cast

from pydantic import Field

from copilot.errors import ToolInputError
from copilot.plugins.connections.people import People, Person, Whom
from copilot.plugins.context import ToolContext
from copilot.plugins.tools import Result, tool
from copilot.slots import Role, Slot
from copilot.trust.sanitise import safe_text

Account = Annotated[str, Role("target"), Field(description="The account's name in the settings, if there are several.")]
Name = Annotated[
    str,
    Role("target"),
    Slot("query", cues=("is", "of", "named", "called")),
    Field(min_length=1, description='A name, an address, the beginning of one, or "me".'),
]
_SOURCES = {"directory": "directory", "contact": "your contact", "colleague": "you work with them", "group": "group"}


@tool(
    examples=[
        "find Tomas in the directory",
        "what is the mail address of Priya Raman?",
        "who works in the department Finance?",
        "list the people whose job is accountant",
    ],
    cues=["who", "colleague", "mail address of", "phone number of", "works in", "department", "people", "contact"],
)
def find(
    context: ToolContext,
    name: Annotated[
        str,
        Slot("query", cues=("of", "named", "called", "for")),
        Field(description="A name, an address, or the beginning of one."),
    ] = "",
    department: Annotated[str, Field(description="Only people of this department.")] = "",
    job: Annotated[str, Field(description="Only people with this job title, or the beginning of it.")] = "",
    limit: Annotated[int, Slot("number"), Field(ge=1, le=100, description="How many.")] = 20,
    account: Account = "",
) -> Result:
    """Find people in the directory, the contacts and among those one works with; all who may be meant are listed.

    Without anything given it lists those one works with most.
    """
    people = _people(context, account)
    if not (name or department or job):
        return _listed(context, people.relevant(limit), "Those you work with most")
    found = people.find(Whom(name.strip(), job.strip(), department.strip()), limit)
    notes = [*found.notes, *(["There are more: give more of the name."] if found.more else [])]
    return _listed(context, found.items, f"{len(found.items)} people", notes)


@tool(
    examples=[
        "who is the manager of Sofia Lind?",
        "show the org chart around Nina Keller",
        "who reports to Tomas Berg?",
    ],
    cues=["manager", "reports to", "org chart", "organisation chart", "boss", "team of", "leads"],
)
def organization(context: ToolContext, name: Name, account: Account = "") -> Result:
    """Show who leads somebody, up to the top, and who reports to them, as an indented chart."""
    people = _people(context, account)
    person = _one(people, name)
    above, below = people.managers(person.id), people.reports(person.id)
    chain = [*reversed(above), person]
    lines = [f"> {'    ' * n}- {_told(each)}{' ←' if each is person else ''}" for n, each in enumerate(chain)]
    lines += [f"> {'    ' * len(chain)}- {_told(each)}" for each in below]
    sources = _noted(context, [*chain, *below])
    data = {"person": _data(person), "managers": [_data(p) for p in above], "reports": [_data(p) for p in below]}
    return Result("\n".join(lines), data, sources)


@tool(
    examples=["what is the address of the finance group?", "which groups am I in?", "find the group Sales"],
    cues=["group", "groups", "distribution list", "mailing list", "team address"],
)
def groups(
    context: ToolContext,
    name: Annotated[
        str,
        Slot("query", cues=("group", "named", "called")),
        Field(description="The name, or the beginning of it; without one, the groups one is in."),
    ] = "",
    account: Account = "",
) -> Result:
    """Find groups and their mail addresses: "the finance group" is an address that mail can go to."""
    found = _people(context, account).groups(_group_words(name))
    return _listed(context, found.items, f"{len(found.items)} groups", found.notes)


@tool(
    examples=["who is in the finance group?", "list the members of Sales"],
    cues=["members", "in the group", "who belongs to"],
)
def members(
    context: ToolContext,
    group: Annotated[
        str,
        Role("target"),
        Slot("query", cues=("group", "of", "in")),
        Field(min_length=1, description="A group: its name, address or id."),
    ],
    account: Account = "",
) -> Result:
    """List who is in a group, and in the groups within it."""
    people = _people(context, account)
    chosen = _group(people, group)
    found = people.members(chosen.id)
    notes = ["There are more members than are shown."] if found.more else []
    return _listed(context, found.items, f"{len(found.items)} members of {_told(chosen)}", notes)


def _people(context: ToolContext, account: str) -> People:
    return cast(People, context.connection("people", account))


def _one(people: People, name: str) -> Person:
    """Return who is meant. Raises ToolInputError: nobody, or several, who are listed."""
    if name.strip().casefold() in ("me", "myself", "i"):
        return people.me()
    found = [each for each in people.find(Whom(name.strip())).items if each.source in ("directory", "colleague")]
    wanted = name.strip().casefold()
    exact = [each for each in found if wanted in (each.name.casefold(), each.address.casefold())]
    return _only(exact or found, name, "person")


def _group(people: People, name: str) -> Person:
    found = people.groups(_group_words(name)).items
    wanted = _group_words(name).casefold()
    exact = [each for each in found if wanted in (each.name.casefold(), each.address.casefold(), each.id)]
    return _only(exact or found, name, "group")


def _only(found: Sequence[Person], name: str, what: str) -> Person:
    if len(found) == 1:
        return found[0]
    if not found:
        raise ToolInputError.unknown(what, name, ())
    listed = "; ".join(_told(each) for each in found[:10])
    raise ToolInputError(
        f"{name!r} can be {len(found)}.", hint=f"Ask the user which: {listed}.", code=f"ambiguous_{what}"
    )


def _group_words(name: str) -> str:
    """Return a group's name without what people say around it: "the finance group" is "finance"."""
    words = name.split()
    words = words[1:] if words[:1] and words[0].casefold() == "the" else words
    return " ".join(words[:-1] if len(words) > 1 and words[-1].casefold() in ("group", "list", "team") else words)


def _line(text: str, length: int = 100) -> str:
    joined = " ".join(safe_text(text).split())
    return joined if len(joined) <= length else joined[: length - 1].rstrip() + "…"


def _told(person: Person) -> str:
    """Return somebody in a line: name, address, job."""
    about = ", ".join(_line(each) for each in (person.job, person.department, person.company) if each)
    name = f"**{_line(person.name)}**" + (f" <{_line(person.address)}>" if person.address else " (no mail address)")
    return f"{name} · {about}" if about else name


def _listed(context: ToolContext, found: Sequence[Person], title: str, notes: Iterable[str] = ()) -> Result:
    sources = _noted(context, found)
    lines = []
    for each in found:
        more = [_SOURCES[each.source], *([_line(each.office)] if each.office else []), *map(_line, each.phones[:3])]
        more += [f"“{_line(each.note, 120)}”"] if each.note else []
        lines.append(f"> - {_told(each)} · {' · '.join(more)}")
    text = "\n".join(lines) or "Nobody fits."
    told = "\n\n".join([f"{title}:", text, *(f"Note: {note}" for note in notes)])
    return Result(told, [_data(each) for each in found], sources)


def _noted(context: ToolContext, found: Iterable[Person]) -> tuple[str, ...]:
    """Label what is shown of people: they, or an administrator, wrote it."""
    context.received(b"", "directory")
    contacts = [f"contact {_line(each.name)}" for each in found if each.source == "contact"]
    for each in contacts:
        context.received(b"", each)
    return ("directory", *dict.fromkeys(contacts))


def _data(person: Person) -> dict[str, Any]:
    return {
        "id": person.id,
        "name": person.name,
        "address": person.address,
        "source": person.source,
        "job": person.job,
        "department": person.department,
        "office": person.office,
        "phones": list(person.phones),
    }
