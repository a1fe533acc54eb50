"""Collections that come in pages ("Paging Microsoft Graph data in your app")."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .errors import GraphError
from .models import Json
from .requests import Call, More

if TYPE_CHECKING:
    from .client import Graph

NEXT = "@odata.nextLink"
#: Entries that are asked for at once, where nothing else is said.
TOP = 100
#: Pages after which something is wrong.
_MOST_PAGES = 10_000


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its entries, and the whole object (`@odata.count`, `@odata.deltaLink`)."""

    items: list[Json]
    whole: Json


@dataclass(frozen=True, slots=True)
class Items:
    """The first entries of a collection. `more` says that there are others; `count` is how many, if Graph said it."""

    items: list[Json]
    more: bool = False
    count: int | None = None


def listing(path: str, top: int, more: More) -> Call:
    """Return the call for the first page."""
    call = Call("GET", path, **more)
    return replace(call, params={**call.params, "$top": top}) if top else call


async def pages(graph: Graph, call: Call) -> AsyncIterator[Page]:
    """Yield the pages that begin with a call.

    Raises GraphError for a next page that lies on another server or was there before.
    """
    seen: set[str] = set()
    while True:
        whole = (await graph.send(call)).json
        yield Page(entries(whole, call.title), whole)
        link = whole.get(NEXT)
        if not link:
            return
        if not isinstance(link, str) or link in seen or len(seen) >= _MOST_PAGES:
            raise GraphError.nonsense(call.title, "its pages never end")
        seen.add(link)
        call = going_on(call, link)


async def items(graph: Graph, call: Call, limit: int) -> Items:
    """Return the first `limit` entries of the pages that begin with a call."""
    found: list[Json] = []
    count: int | None = None
    async for page in pages(graph, call):
        found += page.items
        count = page.whole.get("@odata.count", count)
        if len(found) >= limit:
            return Items(found[:limit], len(found) > limit or bool(page.whole.get(NEXT)), count)
    return Items(found, False, count)


def going_on(call: Call, link: str) -> Call:
    """Return the call for the page at a link, which holds the whole query; headers have to be sent each time."""
    fresh = Call(call.method, call.path)
    return replace(call, link=link, params={}, key=fresh.key)


def entries(whole: Json, what: str) -> list[Json]:
    """Return the entries of a page. Raises GraphError when it is none."""
    found = whole.get("value")
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise GraphError.nonsense(what, "a list was expected")
    return found
