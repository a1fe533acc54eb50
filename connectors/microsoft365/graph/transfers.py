"""Addresses that hold a right of their own: where content is fetched from and put to, without a token."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .errors import GraphError
from .models import Json
from .wire import is_here, origin

if TYPE_CHECKING:
    from .client import Graph

#: The address of a file's content, in an item.
DOWNLOAD_URL = "@microsoft.graph.downloadUrl"


def checked(graph: Graph, url: object, what: str) -> str:
    """Return an address that Graph gave. Raises GraphError when it is none that content may go to.

    It is one with https; a fake on this machine may name another server on it.
    """
    if not isinstance(url, str) or not origin(url) or not _safe(graph, url):
        raise GraphError.nonsense(what, "the address for its content is none")
    return url


def _safe(graph: Graph, url: str) -> bool:
    return urlsplit(url).scheme == "https" or (is_here(graph.base_url) and is_here(url))


def hash_of(item: Json) -> str:
    """Return the QuickXorHash that an item names, "" if it names none."""
    hashes = (item.get("file") or {}).get("hashes") or {}
    return str(hashes.get("quickXorHash") or "")


def holds(item: Json, size: int, hashed: str) -> bool:
    """Return whether an item certainly has this content: one whose hash Graph does not name has not."""
    return item.get("size") == size and bool(hashed) and hash_of(item) == hashed
