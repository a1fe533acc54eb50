"""OneDrive and SharePoint: which places there are, what is in them, and search."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from copilot.errors import ServiceError
from copilot.plugins.connections.files import Found, Handed, Place

from . import handing
from .drive_mount import GraphMount, node_of
from .drive_people import who_changed
from .drive_places import SCHEME, plain, resolve, sites
from .graph import Call, GraphError, Json, at, literal
from .graph.paging import TOP

if TYPE_CHECKING:
    from .connection import Microsoft365


class GraphFiles:
    """The files of an account (copilot.plugins.connections.files.Files)."""

    def __init__(self, connection: Microsoft365) -> None:
        self._connection = connection

    def open(self, place: str) -> GraphMount:
        """Return a folder as a mount; Graph is not asked for it."""
        return GraphMount(self._connection, place)

    def linked(self, address: str, target: Path, limit: int) -> str:
        """Write the file that an address leads to to `target`, and return its name."""
        where = self._connection.run(lambda: resolve(self._connection, address))
        if "file" not in where.item:
            raise ServiceError(f"{address} leads to no file.", hint="Link the file itself.", code="missing")
        node = node_of(where.item)
        GraphMount(self._connection, f"{SCHEME}/drives/{where.drive}").fetch(node, target, limit)
        return node.name

    def hand(self, source: Path, folder: str, name: str, over: tuple[str, str] | None = None) -> Handed:
        """Put a file into a folder of one's own OneDrive, and return it as it lies there."""
        return handing.hand(self._connection, source, folder, name, over)

    def show(self, handed: Handed, people: Sequence[str]) -> tuple[str, ...]:
        """Let people read it, and return those who may not be let."""
        return handing.show(self._connection, handed.id, people)

    def link(self, handed: Handed) -> str:
        """Return the address by which whoever in the organisation has it reads it."""
        return handing.link(self._connection, handed.id)

    def places(self, query: str = "") -> list[Place]:
        """Return one's own OneDrive and the libraries of the sites that a query finds."""
        return self._connection.run(lambda: self._places(query))

    async def _places(self, query: str) -> list[Place]:
        own = [Place(f"{SCHEME}/me", "OneDrive", "Your own files")]
        found = await sites(self._connection, query)
        calls = [Call("GET", at("/sites/{}/drives", str(each["id"]))) for each in found]
        answers = await self._connection.graph.batch(calls) if calls else []
        made = [] if query and query.casefold() not in "onedrive" else own
        for site, answer in zip(found, answers, strict=True):
            drives = [] if isinstance(answer, GraphError) else answer.json.get("value", [])
            title, about = str(site.get("displayName") or site.get("name")), str(site.get("description") or "")
            made += [Place(f"{SCHEME}{title}/{d['name']}", f"{title}: {d['name']}", about) for d in drives]
        return made

    def browse(self, place: str) -> list[Found]:
        """Return what is in a folder."""
        return self._connection.run(lambda: self._browse(place))

    async def _browse(self, place: str) -> list[Found]:
        where = await resolve(self._connection, place)
        path = at("/drives/{}/items/{}/children", where.drive, where.id)
        name = f"{SCHEME}{plain(place)}"
        found = await self._connection.graph.items(path, limit=1000, top=200, what=f"what is in {name}")
        return [_found(each, f"{name}/{each.get('name')}") for each in found.items]

    def search(self, query: str, place: str = "", limit: int = 25) -> list[Found]:
        """Return the files that a query finds, below a place or in one's own OneDrive."""
        return self._connection.run(lambda: self._search(query, place or "/me", limit))

    async def _search(self, query: str, place: str, limit: int) -> list[Found]:
        where = await resolve(self._connection, place)
        path = at("/drives/{}/items/{}", where.drive, where.id) + f"/search(q={at('{}', literal(query))})"
        found = await self._connection.graph.items(path, limit=min(limit, TOP), what=f"files about {query!r}")
        base = f"{SCHEME}{plain(place)}"
        return [_found(each, _place(each, base, where.item)) for each in found.items if "file" in each]


def _place(item: Json, base: str, folder: Json) -> str:
    """Return the place of a file that was found below a folder; the file's own address where its path is not told."""
    path = unquote(str((item.get("parentReference") or {}).get("path") or ""))
    above = unquote(str((folder.get("parentReference") or {}).get("path") or "")) if "root" not in folder else ""
    start = f"{above.partition('root:')[2]}/{folder.get('name')}" if above else ""
    inside = path.partition("root:")[2]
    if not path or not inside.startswith(start):
        return f"{SCHEME}{item.get('webUrl')}"
    return f"{base}{inside.removeprefix(start)}/{item.get('name')}"


def _found(item: Json, place: str) -> Found:
    return Found(
        place,
        str(item.get("name") or ""),
        "folder" in item,
        int(item.get("size") or 0),
        str(item.get("lastModifiedDateTime") or ""),
        who_changed(item.get("lastModifiedBy")),
        str(item.get("webUrl") or ""),
    )
