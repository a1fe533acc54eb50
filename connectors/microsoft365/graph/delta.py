"""What changed in a collection since the last look ("Use delta query to track changes in Microsoft Graph data")."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from copilot._home import keep_private

from .errors import GraphError
from .models import Json
from .paging import going_on, pages
from .requests import Call

if TYPE_CHECKING:
    from .client import Graph

LINK = "@odata.deltaLink"
#: Statuses and codes that say that the link is too old; Exchange answers with a code, OneDrive with 410.
_GONE = 410
_LOST = frozenset({"syncstatenotfound", "syncstateinvalid", "resyncrequired"})


@dataclass(frozen=True, slots=True)
class Delta:
    """What changed: the last state of each entry, and the link to ask with next time.

    An entry with `@removed` or `deleted` is gone. With `fresh` it is everything there is, so what is known and not
    among it is gone, too; `resync` is Graph's word for what to do about the differences, "" if it had none.
    """

    items: list[Json]
    link: str
    fresh: bool = False
    resync: str = ""


async def changes(graph: Graph, call: Call, link: str = "") -> Delta:
    """Return what changed since `link`, everything without one or when it is too old.

    Take the link into account (DeltaLinks.put) only after the entries were, so that none is lost in a crash.
    """
    if not link:
        return await _round(graph, call, fresh=True)
    try:
        return await _round(graph, going_on(call, link), fresh=False)
    except GraphError as error:
        codes = [reason for reason in error.reasons if reason.lower().startswith("resync")]
        if error.status != _GONE and not _LOST.intersection(reason.lower() for reason in error.reasons):
            raise
        return await _round(graph, call, fresh=True, resync=codes[-1] if codes else "")


async def _round(graph: Graph, call: Call, *, fresh: bool, resync: str = "") -> Delta:
    found: dict[str, Json] = {}
    link = ""
    async for page in pages(graph, call):
        for number, item in enumerate(page.items):
            key = str(item.get("id") or f"{len(found)}.{number}")
            found.pop(key, None)  # the last state counts, where it was last named
            found[key] = item
        link = page.whole.get(LINK) or ""
    if not isinstance(link, str) or not link:
        raise GraphError.nonsense(call.title, f"there is no {LINK}")
    return Delta(list(found.values()), link, fresh, resync)


class DeltaLinks:
    """The links of an account, each in a private file of a folder. They hold places in a history, and no right."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, name: str) -> str:
        """Return the link that was put under a name, "" if there is none or it can't be read."""
        try:
            found = json.loads(self._file(name).read_text("utf-8"))
        except (OSError, ValueError):
            return ""
        link = found.get("link") if isinstance(found, dict) and found.get("name") == name else ""
        return link if isinstance(link, str) else ""

    def put(self, name: str, link: str) -> None:
        """Keep a link in the place of the one before. Raises OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        keep_private(self._folder)
        file = self._file(name)
        beside = file.with_suffix(f".{os.getpid()}.tmp")
        beside.write_text(json.dumps({"name": name, "link": link}), "utf-8")
        beside.chmod(0o600)
        beside.replace(file)

    def forget(self, name: str) -> None:
        """Drop a link: the next look is at everything."""
        with contextlib.suppress(FileNotFoundError):
            self._file(name).unlink()

    def _file(self, name: str) -> Path:
        return self._folder / f"delta-{hashlib.blake2b(name.encode(), digest_size=12).hexdigest()}.json"
