"""The clouds of Microsoft 365: where people sign in, and where Graph lies.

L4 of the US government is `us-government`, L5 is `us-defense`. Source: "Microsoft Graph national cloud deployments".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .graph.requests import NATIONAL_URLS

CloudName = Literal["global", "us-government", "us-defense", "china"]


@dataclass(frozen=True)
class Cloud:
    """A cloud: the authority that gives tokens, and Graph, whose address is also what its rights are of."""

    authority: str
    graph: str

    def scope(self, right: str) -> str:
        """Return a right as it is asked for: "https://graph.microsoft.com/Mail.Read"."""
        return f"{self.graph}/{right}"


_AUTHORITIES: dict[CloudName, str] = {
    "global": "https://login.microsoftonline.com",
    "us-government": "https://login.microsoftonline.us",
    "us-defense": "https://login.microsoftonline.us",
    "china": "https://login.chinacloudapi.cn",
}
CLOUDS: dict[CloudName, Cloud] = {name: Cloud(url, NATIONAL_URLS[name]) for name, url in _AUTHORITIES.items()}


def bare(scope: str) -> str:
    """Return a right without the address that stands before it: "Mail.Read"."""
    return scope.rpartition("/")[2]
