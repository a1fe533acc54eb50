"""The path of a request as segments: versions, functions, places named by path, and the several names of one thing.

`/me/...` and `/users/{id}/drive/...`, `/sites/{id}/drive/...`, `/groups/{id}/drive/...` lead to the same resources as
`/users/{id}/...` and `/drives/{id}/...`; what stands between colons is a path within a drive or a host.
Source: Microsoft Graph, "Addressing resources in a drive", "Get a SharePoint site by path".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

_FUNCTION = re.compile(r"(?:microsoft\.graph\.)?(?P<name>\w+)\((?P<arguments>.*)\)\Z", re.S)
_ARGUMENT = re.compile(r"\s*(?P<name>\w+)\s*=\s*(?P<value>'(?:[^']|'')*'|[^,]*)\s*(?:,|\Z)")
_QUALIFIED = "microsoft.graph."
_VERSIONS = ("v1.0", "beta")


@dataclass(frozen=True)
class Parsed:
    """The version ("" for none), the decoded path behind it, its segments, and the arguments of its last function."""

    version: str
    path: str
    segments: tuple[str, ...]
    arguments: dict[str, str]


def parse(raw: str) -> Parsed:
    """Return what a path, still percent-encoded, says."""
    pieces = _split(raw.strip("/"))
    version = pieces.pop(0) if pieces and pieces[0] in _VERSIONS else ""
    arguments: dict[str, str] = {}
    segments = [_function(piece, arguments) for piece in _folded(pieces)]
    return Parsed(version, "/" + "/".join(pieces), tuple(segments), arguments)


def _split(raw: str) -> list[str]:
    """Split at slashes that are not in the quotes of an argument, then decode each piece."""
    pieces, quoted, word = [], False, ""
    for sign in raw.replace("%27", "'"):
        quoted ^= sign == "'" and (quoted or "(" in word)
        if sign == "/" and not quoted:
            pieces.append(unquote(word))
            word = ""
        else:
            word += sign
    return [*pieces, unquote(word)] if word else pieces


def _folded(pieces: list[str]) -> list[str]:
    """Join what stands between two colons: ["root:", "a", "b:", "children"] is ["root:/a/b", "children"]."""
    found: list[str] = []
    open_ = False
    for piece in pieces:
        if open_:
            found[-1] += "/" + piece.removesuffix(":")
            open_ = not piece.endswith(":")
        else:
            open_ = piece.endswith(":") and _opens(piece, found) and "/" not in piece
            found.append(piece)
    return [each.removesuffix(":") for each in found]


def _opens(piece: str, before: list[str]) -> bool:
    """Whether a piece begins a path: root:, an item's id:, or a site's host: (ids of chats have colons as well)."""
    return piece == "root:" or (bool(before) and before[-1] in ("items", "sites"))


def _function(piece: str, arguments: dict[str, str]) -> str:
    called = _FUNCTION.match(piece)
    if called is None:
        return piece.removeprefix(_QUALIFIED)
    found = {m["name"]: _unquoted(m["value"]) for m in _ARGUMENT.finditer(called["arguments"]) if m["name"]}
    arguments.update(found)
    return called["name"] if not found else f"{called['name']}()"


def _unquoted(value: str) -> str:
    value = value.strip()
    return value[1:-1].replace("''", "'") if value[:1] == value[-1:] == "'" and len(value) > 1 else value
