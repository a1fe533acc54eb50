"""Which drive and folder the name of a place means.

"/me/Reports" is in one's own OneDrive, "Finance/Documents/Budgets" a folder in a library of the site Finance,
"/drives/ID/Reports" in a drive by its id, and an address from the browser whatever it leads to.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from copilot.errors import ServiceError

from .graph import GraphError, Json, at, file_path
from .graph.paging import TOP

if TYPE_CHECKING:
    from .connection import Microsoft365

SCHEME = "microsoft365:"
#: The library that every site has, by its address.
_USUAL = frozenset({"documents", "shared documents"})


@dataclass(frozen=True, slots=True)
class Where:
    """A folder or file: its drive, its id, and the item."""

    drive: str
    item: Json

    @property
    def id(self) -> str:
        """The item's id."""
        return str(self.item["id"])


def plain(place: str) -> str:
    """Return a place without the connector's name, the account and slashes at its end."""
    text = place.removeprefix(SCHEME).partition("?")[0] if "://" not in place else place.removeprefix(SCHEME)
    return text if text == "/" else text.rstrip("/")


async def resolve(connection: Microsoft365, place: str) -> Where:
    """Return what a place is. Raises ServiceError (missing), which says what there is instead."""
    graph, text = connection.graph, plain(place)
    if "://" in text:
        token = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
        item = await graph.get(at("/shares/{}/driveItem", f"u!{token}"), what=f"what {text} leads to")
        return Where(str(item["parentReference"]["driveId"]), item)
    if text in ("", "/"):
        raise ServiceError(
            "A place in Microsoft 365 is named by its site and library.",
            hint='For instance "microsoft365:Finance/Documents", or "microsoft365:/me" for your own files.',
            code="missing",
        )
    drive, path = await _drive(connection, text)
    where = f"/drives/{drive}/root" + (f":/{file_path(path)}:" if path else "")
    item = await graph.get(where.removesuffix(":"), what=f"the folder {SCHEME}{text}")
    return Where(drive, item)


async def _drive(connection: Microsoft365, text: str) -> tuple[str, str]:
    """Return the id of the drive that a place is in, and the path below its root."""
    graph = connection.graph
    parts = text.strip("/").split("/")
    if text.startswith("/") and parts[0] == "me":
        found = await graph.get(f"{connection.me}/drive", params={"$select": "id"}, what="your OneDrive")
        return at("{}", str(found["id"])), "/".join(parts[1:])
    if text.startswith("/") and parts[0] == "drives" and len(parts) > 1:
        return at("{}", unquote(parts[1])), "/".join(parts[2:])
    if text.startswith("/"):
        raise _unknown(text, ["/me"])
    site = await _site(connection, parts[0])
    drives = await graph.items(at("/sites/{}/drives", str(site["id"])), limit=TOP, top=0, what=f"the site {parts[0]}")
    library = parts[1] if len(parts) > 1 else ""
    for found in drives.items:
        names = {str(found.get("name", "")).casefold(), _last(str(found.get("webUrl", "")))}
        usual = names & _USUAL and library.casefold() in (*_USUAL, "")
        if library.casefold() in names or usual:
            return at("{}", str(found["id"])), "/".join(parts[2:])
    raise _unknown(text, [f"{parts[0]}/{each.get('name')}" for each in drives.items])


def _last(url: str) -> str:
    return unquote(url.rstrip("/").rpartition("/")[2]).casefold()


async def _site(connection: Microsoft365, name: str) -> Json:
    """Return the site of a name. Raises ServiceError for none, and for several."""
    found = await sites(connection, name)
    exact = [s for s in found if name.casefold() in {str(s.get(k, "")).casefold() for k in ("displayName", "name")}]
    if len(exact) == 1:
        return exact[0]
    if len(exact) > 1:
        urls = ", ".join(str(each.get("webUrl")) for each in exact[:5])
        raise ServiceError(
            f"There are {len(exact)} sites named {name}.", hint=f"Open one by its address: {urls}.", code="missing"
        )
    raise _unknown(name, [str(each.get("displayName")) for each in found])


async def sites(connection: Microsoft365, query: str) -> list[Json]:
    """Return the sites that a query finds, all that there are for none."""
    found = await connection.graph.items(
        "/sites", limit=TOP, top=0, params={"search": query or "*"}, what="the sites", scope="Sites.Read.All"
    )
    return found.items


def _unknown(text: str, known: list[str]) -> GraphError:
    there = f"There is: {', '.join(known[:8])}." if known else "See: everpilot accounts"
    return GraphError(f"There is no place {SCHEME}{text} that you can open.", hint=there, code="missing")
