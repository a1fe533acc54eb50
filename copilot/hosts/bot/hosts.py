"""Where answers may go: service URLs of Microsoft's own hosts and of those that the settings name."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from copilot.trust.hosts import is_private

_HERE = ("127.0.0.1", "localhost", "::1")


class Hosts:
    """The hosts that may be answered; `here`: this machine as well, over plain HTTP, for an emulator."""

    def __init__(self, names: Iterable[str], *, here: bool = False) -> None:
        self.names = frozenset(name.strip().lower().removeprefix("*.").rstrip(".") for name in names)
        self.here = here

    def allows(self, url: str) -> bool:
        """Return whether activities may be sent below this service URL."""
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").rstrip("."), parts.port
        except ValueError:
            return False
        plain = not (parts.username or parts.password or parts.query or parts.fragment or "\\" in url or "@" in url)
        if not plain or not host or not host.isascii() or not url.isprintable() or " " in url:
            return False
        if self.here and host in _HERE:
            return parts.scheme in ("http", "https")
        listed = any(host == name or host.endswith(f".{name}") for name in self.names)
        return parts.scheme == "https" and port in (None, 443) and listed and not is_private(host)
