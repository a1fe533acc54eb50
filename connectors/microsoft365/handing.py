"""Files that are handed over: put into one's own OneDrive, and shown to certain people, or to the organisation.

Sources: Microsoft Graph, "driveItem: createUploadSession" (conflictBehavior), "driveItem: invite", "driveItem:
createLink"; "Send chatMessage in a channel or a chat", the example with a file: chats know it by the GUID in its eTag,
and its address is `webDavUrl`, which only comes when it is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from copilot.errors import ServiceError
from copilot.plugins.connections.files import Handed

from .connection import PATIENCE
from .graph import GraphError, Json, at, file_path
from .graph.client import SLOWEST

if TYPE_CHECKING:
    from .connection import Microsoft365

_FIELDS = "id,name,size,cTag,eTag,webUrl,webDavUrl"
_GUID = re.compile(r"\{([0-9A-Fa-f-]{32,36})\}")
#: People of one call.
_AT_ONCE = 20
#: Why Graph lets nobody in of a call that names somebody it does not take.
_SOMEBODY = frozenset({"invalid", "missing"})
#: Why a version can't be replaced, and a new file is made instead: it is another one now, gone, or held.
_ANEW = frozenset({"conflict", "missing", "locked"})


def hand(connection: Microsoft365, source: Path, folder: str, name: str, over: tuple[str, str] | None) -> Handed:
    """Put a file into a folder of one's own OneDrive, over a version (id, tag) if that still stands there."""
    wait = PATIENCE + 2 * source.stat().st_size / SLOWEST
    return connection.run(lambda: _hand(connection, source, f"{folder}/{name}", over), wait)


async def _hand(connection: Microsoft365, source: Path, path: str, over: tuple[str, str] | None) -> Handed:
    graph = connection.graph
    stored = await _over(connection, source, path, *over) if over else None
    if stored is None:
        new = f"{connection.me}/drive/root:/{file_path(path)}:"
        stored = await graph.upload(new, source, conflict="rename", what=path)
    where = _item(connection, str(stored["id"]))
    return _handed(await graph.get(where, params={"$select": _FIELDS}, what=path))


async def _over(connection: Microsoft365, source: Path, path: str, id: str, tag: str) -> Json | None:
    """Store a file over a version; None where that is not there any more."""
    try:
        return await connection.graph.upload(_item(connection, id), source, if_match=tag, what=path)
    except GraphError as error:
        if error.code in _ANEW:
            return None
        raise


def show(connection: Microsoft365, id: str, people: Sequence[str]) -> tuple[str, ...]:
    """Let people read a file, without a mail to them; return those whom Graph does not let. Raises for nobody left."""
    left = connection.run(lambda: _show(connection, id, people))
    if people and len(left) == len(people):
        raise ServiceError("It can't be shared with any of them.", code="denied")
    return left


async def _show(connection: Microsoft365, id: str, people: Sequence[str]) -> tuple[str, ...]:
    left: list[str] = []
    for start in range(0, len(people), _AT_ONCE):
        some = people[start : start + _AT_ONCE]
        if not await _let(connection, id, some):
            left += [each for each in some if not await _let(connection, id, [each])]
    return tuple(left)


async def _let(connection: Microsoft365, id: str, people: Sequence[str]) -> bool:
    """Return whether people were let read a file; False where Graph does not take one of them."""
    body = {
        "recipients": [{"email": each} for each in people],
        "roles": ["read"],
        "requireSignIn": True,
        "sendInvitation": False,
    }
    path = f"{_item(connection, id)}/invite"
    try:
        made = await connection.graph.post(path, body, what="sharing a file", idempotent=True)
    except GraphError as error:
        if error.code in _SOMEBODY:
            return False
        raise
    return not any("error" in each for each in made.get("value", ()))  # 207: some of them were not let


def link(connection: Microsoft365, id: str) -> str:
    """Return the address by which whoever in the organisation has it reads a file, "" if Graph gives none."""
    path, body = f"{_item(connection, id)}/createLink", {"type": "view", "scope": "organization"}
    made = connection.run(lambda: connection.graph.post(path, body, what="sharing a file by a link", idempotent=True))
    return str((made.get("link") or {}).get("webUrl") or "")


def _item(connection: Microsoft365, id: str) -> str:
    return connection.me + at("/drive/items/{}", id)


def _handed(item: Json) -> Handed:
    found = _GUID.search(str(item.get("eTag") or ""))
    url = str(item.get("webUrl") or "")
    return Handed(
        str(item["id"]),
        str(item.get("cTag") or item.get("eTag") or ""),
        str(item.get("name") or ""),
        url,
        str(item.get("webDavUrl") or url),
        found[1] if found else "",
    )
