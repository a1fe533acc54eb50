"""Links to files in OneDrive and SharePoint: found in what a person typed, and opened as that person."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from copilot.errors import ServiceError
from copilot.plugins.connections.files import OpensLinks

if TYPE_CHECKING:
    from copilot.hosts.bot.places import Within
    from copilot.plugins.connections import Connections

#: Links of one message that are opened.
MOST = 5
_LINK = re.compile(r"https://[^\s<>\"'`|\\^{}\[\]]{4,2000}")
#: Sharing links (":w:/s/…") and what a document library shows; other pages of a site are not files.
_FILE = re.compile(
    r"\A/(?::[a-z]:/|.*\.[A-Za-z0-9]{2,5}\Z|.*/_layouts/15/(?:doc|wopiframe|guestaccess))", re.IGNORECASE
)


def in_text(text: str, places: Within) -> list[str]:
    """Return the links to files of these places in a text, each once."""
    found = (link.rstrip(".,;:!?)") for link in _LINK.findall(text))
    return list(dict.fromkeys(link for link in found if places.reaches(link) and _FILE.match(urlsplit(link).path)))


def name_of(link: str) -> str:
    """Return what a link says that its file is called, its host where it says nothing."""
    parts = urlsplit(link)
    told = parse_qs(parts.query).get("file", [""])[0] or unquote(PurePosixPath(parts.path).name)
    return told if "." in told else f"the file at {parts.hostname}"


def fetch(connections: Connections, account: str, link: str, scratch: Path, most: int) -> tuple[str, bytes]:
    """Return the name and bytes of the file that a link leads to. Raises ServiceError; "full" for more than `most`."""
    served = connections.of("files", account)
    if not isinstance(served, OpensLinks):
        raise ServiceError("This account opens no links.", code="unsupported")
    target = scratch / f"{secrets.token_hex(8)}.part"
    try:
        name = served.linked(link, target, most)
        return name, target.read_bytes()
    finally:
        for left in (target, *_beside(target)):
            left.unlink(missing_ok=True)


def _beside(target: Path) -> Iterator[Path]:
    return target.parent.glob(f"{target.name}.*")
