"""Where files may be fetched from and put: the hosts of a cloud's OneDrive and SharePoint, and the channel's own.

Sources: Microsoft 365, "URLs and IP address ranges" (worldwide, US Government, 21Vianet): SharePoint Online and
OneDrive; Microsoft Teams, "Send and receive files using a bot".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from copilot.hosts.bot.hosts import Hosts
from copilot.plugins.service import Service
from copilot.trust.hosts import is_private

#: Each with all below it.
_DRIVES: Mapping[str, tuple[str, ...]] = {
    "public": ("sharepoint.com",),
    "gov": ("sharepoint.us", "sharepoint-mil.us", "dps.mil"),
    "china": ("sharepoint.cn",),
}


@dataclass(frozen=True, slots=True)
class Within(Service):
    """A service that lies at hosts and all below them. `here`: also on this machine, where no app is set up."""

    below: tuple[str, ...] = ()
    here: bool = False

    def reaches(self, url: str) -> bool:
        """Return whether an address lies there: https, the usual port, no user name, a listed host."""
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").rstrip(".").lower(), parts.port
        except ValueError:
            return False
        if parts.username is not None or parts.password is not None or "\\" in url or not url.isprintable():
            return False
        if self.here and host in ("127.0.0.1", "localhost", "::1"):
            return parts.scheme in ("http", "https")
        listed = host.isascii() and any(host == name or host.endswith(f".{name}") for name in self.below)
        return parts.scheme == "https" and port in (None, 443) and listed and not is_private(host)


def drives(cloud: Literal["public", "gov", "china"], *, here: bool = False) -> Within:
    """Return OneDrive and SharePoint of a cloud."""
    return Within("SharePoint", _DRIVES[cloud], below=_DRIVES[cloud], here=here)


def channel(hosts: Hosts) -> Within:
    """Return the services that the bot answers to, which also keep what people attach there."""
    names = tuple(sorted(hosts.names))
    return Within("the channel", names, below=names, here=hosts.here)


def same_host(one: str, other: str) -> bool:
    """Return whether two addresses have one host; False for what is none."""
    try:
        first, second = urlsplit(one), urlsplit(other)
        return bool(first.hostname) and (first.hostname, first.port) == (second.hostname, second.port)
    except ValueError:
        return False
