"""People and groups of Microsoft 365: the directory, one's contacts, and those one works with.

Source: Microsoft Graph v1.0, "user", "person", "contact", "group", "Advanced query capabilities".
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from copilot.errors import ServiceError
from copilot.plugins.connections.people import Found, Person, Reachable, Source, Whom

from .graph import Graph, Json, at, literal

if TYPE_CHECKING:
    from .connection import Microsoft365

_FIELDS = "id,displayName,mail,userPrincipalName,jobTitle,department,officeLocation,companyName,businessPhones"
_GROUP = "id,displayName,mail,description"
_CONTACT = "id,displayName,emailAddresses,jobTitle,department,companyName,officeLocation,businessPhones,mobilePhone"
#: Contacts that are looked through, and steps up to the top of an organisation.
_CONTACTS, _STEPS = 500, 15
#: Errors that leave one place out and not the others.
_LEFT_OUT = frozenset({"scope", "denied", "unsupported", "missing"})


class GraphPeople:
    """The people of one account."""

    def __init__(self, connection: Microsoft365) -> None:
        self._connection = connection

    @property
    def account(self) -> str:
        """The account's name in the settings."""
        return self._connection.account

    @property
    def _graph(self) -> Graph:
        return self._connection.graph

    def me(self) -> Person:
        """Return whose account it is."""
        return self._connection.run(self._me)

    async def _me(self) -> Person:
        params = {"$select": "id,displayName,mail,userPrincipalName,jobTitle,officeLocation"}
        return user(await self._graph.get(self._connection.me, params=params, what="who you are", scope="User.Read"))

    def find(self, whom: Whom, limit: int = 20) -> Found:
        """Return who may be meant; a place that can't be looked at is noted."""
        return self._connection.run(lambda: found(self._graph, self._connection.me, whom, limit))

    def relevant(self, limit: int = 20) -> list[Person]:
        """Return those one works with most."""
        return self._connection.run(lambda: _colleagues(self._graph, self._connection.me, Whom(), limit))

    def managers(self, id: str) -> list[Person]:
        """Return who leads somebody, then who leads them, up to the top."""
        return self._connection.run(lambda: self._managers(id))

    async def _managers(self, id: str) -> list[Person]:
        above: list[Person] = []
        while len(above) < _STEPS:
            try:
                held = await self._graph.get(
                    at("/users/{}/manager", above[-1].id if above else id),
                    params={"$select": _FIELDS},
                    what="the manager",
                    scope="User.Read.All",
                )
            except ServiceError as error:
                if error.code == "missing":
                    break
                raise
            if (next_one := user(held)).id in {each.id for each in above} | {id}:
                break
            above.append(next_one)
        return above

    def reports(self, id: str) -> list[Person]:
        """Return who reports to somebody."""
        path, what = at("/users/{}/directReports", id), "the reports"
        return list(self._connection.run(lambda: self._listed(path, what, "User.Read.All", _FIELDS, 200)).items)

    def groups(self, name: str = "", limit: int = 20) -> Found:
        """Return the groups of a name, or the beginning of one; without a name those that one is in."""
        return self._connection.run(lambda: self._groups(name, limit))

    async def _groups(self, name: str, limit: int) -> Found:
        scope = "GroupMember.Read.All"
        if not name:
            return await self._listed(f"{self._connection.me}/memberOf", "your groups", "User.Read", _GROUP, limit)
        search = {"$search": " OR ".join(f'"{field}:{_term(name)}"' for field in ("displayName", "mail"))}
        return await self._listed("/groups", "the groups", scope, _GROUP, limit, search)

    def members(self, group: str, limit: int = 200) -> Found:
        """Return who is in a group, and in the groups within it."""
        path, scope = at("/groups/{}/transitiveMembers", group), "GroupMember.Read.All"
        return self._connection.run(lambda: self._listed(path, "the members", scope, _FIELDS, limit))

    def reachable(self, ids: list[str]) -> list[Reachable]:
        """Return whether people can be reached now."""
        held = self._connection.run(lambda: presences(self._graph, ids))
        return [Reachable(str(each["id"]), *_presence(each)) for each in held]

    async def _listed(
        self, path: str, what: str, scope: str, fields: str, limit: int, search: Mapping[str, str] | None = None
    ) -> Found:
        params = {"$select": fields, **(search or {})}
        held = await self._graph.items(
            path, limit=limit, params=params, what=what, scope=scope, eventual=search is not None
        )
        kind = "group" if fields == _GROUP else "user"
        return Found(tuple(each for one in held.items if (each := _listed(one, kind))), held.more)


async def presences(graph: Graph, ids: Sequence[str]) -> list[Json]:
    """Return Graph's presence of people, by their ids; at most 650 of them."""
    if not ids:
        return []
    answer = await graph.post(
        "/communications/getPresencesByUserId",
        {"ids": list(ids)[:650]},
        what="who is available",
        scope="Presence.Read.All",
    )
    return [each for each in answer.get("value", ()) if isinstance(each, dict) and each.get("id")]


def _presence(data: Json) -> tuple[str, str]:
    return str(data.get("availability") or ""), str(data.get("activity") or "")


async def found(graph: Graph, me: str, whom: Whom, limit: int) -> Found:
    """Return who may be meant, of the directory, the contacts and those one works with; each once, the likeliest first.

    Raises the ServiceError of the directory where none of the three can be looked at.
    """
    sought: Iterable[Coroutine[Any, Any, list[Person]]] = (
        _directory(graph, whom, limit),
        _contacts(graph, me, whom),
        _colleagues(graph, me, whom, limit),
    )
    answers = await asyncio.gather(*sought, return_exceptions=True)
    people: list[Person] = []
    lost: list[ServiceError] = []
    for answer in answers:
        if isinstance(answer, ServiceError) and answer.code in _LEFT_OUT:
            lost.append(answer)
        elif isinstance(answer, BaseException):
            raise answer
        else:
            people += answer
    if len(lost) == len(answers):
        raise lost[0]
    ranked = sorted(_once(people), key=lambda each: _distance(each, whom.name))
    return Found(tuple(ranked[:limit]), len(ranked) > limit, tuple(str(each) for each in lost))


async def _directory(graph: Graph, whom: Whom, limit: int) -> list[Person]:
    params: dict[str, str | int] = {"$select": _FIELDS}
    if whom.name:
        fields = ("displayName", "mail", "userPrincipalName")
        params["$search"] = " OR ".join(f'"{field}:{_term(whom.name)}"' for field in fields)
    pairs = (("department", whom.department), ("jobTitle", whom.job))
    tests = [f"startswith({field},{literal(value)})" for field, value in pairs if value]
    if tests:
        params["$filter"] = " and ".join(tests)
    scope = "User.Read.All" if tests else "User.ReadBasic.All"
    held = await graph.items("/users", limit=limit + 1, params=params, what="the directory", scope=scope, eventual=True)
    return [user(each) for each in held.items]


async def _contacts(graph: Graph, me: str, whom: Whom) -> list[Person]:
    held = await graph.items(
        f"{me}/contacts",
        limit=_CONTACTS,
        params={"$select": _CONTACT},
        what="your contacts",
        scope="Contacts.Read",
    )
    return [each for each in map(_contact, held.items) if _fits(each, whom)]


async def _colleagues(graph: Graph, me: str, whom: Whom, limit: int) -> list[Person]:
    search = {"$search": f'"{_term(whom.name)}"'} if whom.name else {}
    held = await graph.items(f"{me}/people", limit=limit, params=search, what="whom you work with", scope="People.Read")
    listed = [_person(each) for each in held.items if (each.get("personType") or {}).get("class") != "Group"]
    return [each for each in listed if _fits(each, Whom(job=whom.job, department=whom.department))]


def _fits(person: Person, whom: Whom) -> bool:
    text = f"{person.name} {person.address}".casefold()
    named = all(any(word.startswith(part) for word in _parts(text)) for part in whom.name.casefold().split())
    pairs = ((whom.job, person.job), (whom.department, person.department))
    return named and all(wanted.casefold() in held.casefold() for wanted, held in pairs if wanted)


def _parts(text: str) -> list[str]:
    return [*text.split(), *text.replace("@", " ").replace(".", " ").split()]


def _once(people: Iterable[Person]) -> list[Person]:
    """Return people once each, by their address; the directory knows most, and comes first."""
    kept: dict[str, Person] = {}
    for each in people:
        kept.setdefault(each.address.casefold() or each.id, each)
    return list(kept.values())


def _distance(person: Person, name: str) -> int:
    wanted = name.casefold().strip()
    exact = wanted in (person.name.casefold(), person.address.casefold())
    return 0 if exact else 1 if person.name.casefold().startswith(wanted) else 2


def _term(text: str) -> str:
    """Return a text as it stands in the quotes of $search: without what would end them."""
    return " ".join(text.replace('"', " ").replace("\\", " ").split())


def _listed(data: Json, kind: str) -> Person | None:
    """Return a user or a group of a list; `kind` is what an entry without a type is. None for others, such as roles."""
    named = str(data.get("@odata.type") or kind).rpartition(".")[2]
    return group(data) if named == "group" else user(data) if named in ("user", "orgContact") else None


def user(data: Json) -> Person:
    """Return a user of the directory; someone without a mailbox has no address."""
    address = _text(data, "mail") or (_text(data, "userPrincipalName") if "#EXT#" not in str(data) else "")
    phones = tuple(str(each) for each in data.get("businessPhones") or ())
    return _made(data, address, "directory", phones)


def group(data: Json) -> Person:
    """Return a group; one that takes no mail has no address."""
    name, address, note = (_text(data, key) for key in ("displayName", "mail", "description"))
    return Person(str(data.get("id", "")), name, address, "group", note=note)


def _contact(data: Json) -> Person:
    addresses = [str(each.get("address") or "") for each in data.get("emailAddresses") or () if isinstance(each, dict)]
    phones = (*(data.get("businessPhones") or ()), *([data["mobilePhone"]] if data.get("mobilePhone") else ()))
    return _made(data, next(filter(None, addresses), ""), "contact", tuple(map(str, phones)))


def _person(data: Json) -> Person:
    scored = [each for each in data.get("scoredEmailAddresses") or () if isinstance(each, dict)]
    phones = tuple(str(each.get("number") or "") for each in data.get("phones") or () if isinstance(each, dict))
    address = next((str(each["address"]) for each in scored if each.get("address")), "")
    return _made(data, address, "colleague", phones)


def _made(data: Json, address: str, source: Source, phones: tuple[str, ...]) -> Person:
    return Person(
        str(data.get("id") or ""),
        _text(data, "displayName"),
        address,
        source,
        job=_text(data, "jobTitle"),
        department=_text(data, "department"),
        office=_text(data, "officeLocation"),
        company=_text(data, "companyName"),
        phones=phones,
    )


def _text(data: Json, name: str) -> str:
    return str(data.get(name) or "")
