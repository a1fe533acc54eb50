"""A service that a plugin's tools talk to, as the person agreed to it when the plugin was trusted."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from copilot.trust.labels import Confidentiality, Label

#: How the sources of a label name a service: what it answered came from "service NAME".
SERVICE = "service "
#: The ports that an address means when it names none.
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Service:
    """Who gets what a tool is called with.

    `hosts` are origins ("https://api.contoso.com"), all of them named in what the person trusted, so that a private
    network may be among them. `local` is a program on this machine. `max_confidentiality` is the most confidential data
    of documents that it may be asked with: the settings say it (`[plugins.services.NAME]`), nothing that came with a
    plugin does. `place` tells apart those that have one name and no hosts: the file that names a program. `references`
    are the names under `[plugins.auth]` whose credentials it asks for.
    """

    name: str
    hosts: tuple[str, ...] = ()
    max_confidentiality: Confidentiality = Confidentiality.PUBLIC
    local: bool = False
    place: str = ""
    references: tuple[str, ...] = ()

    @property
    def identity(self) -> str:
        """What it is known by in labels: a plugin may call its service as it likes, so the name alone is nobody's."""
        return " ".join([self.name, *sorted({origin(host) or host for host in self.hosts}), self.place]).strip()

    def reaches(self, url: str) -> bool:
        """Return whether an address lies at one of the service's origins (scheme, host and port)."""
        found = origin(url)
        return bool(found) and any(found == origin(host) for host in self.hosts)

    @property
    def source(self) -> Label:
        """The label of what it answers, beside how confidential the plugin says that is: untrusted, and from there."""
        return Label(sources=(f"{SERVICE}{self.name}",), origins=frozenset({self.identity}))

    def gave(self, label: Label) -> bool:
        """Return whether everything untrusted in it came from this very service, which knows it already."""
        return label.origins is not None and label.origins <= {self.identity}

    @property
    def described(self) -> Label:
        """The label of what its tools say of themselves: untrusted words, and nobody's data."""
        public = Confidentiality.PUBLIC
        return Label(confidentiality=public, sources=(f"{SERVICE}{self.name}",), origins=frozenset())

    def cleared(self, label: Label) -> bool:
        """Return whether it may be asked with data of this label."""
        return label.confidentiality <= self.max_confidentiality


def origin(url: str) -> str:
    """Return "scheme://host:port" in lower case (RFC 6454, section 4), "" for what is no web address."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port or _PORTS.get(parts.scheme.lower(), 0)
    except ValueError:
        return ""
    if not parts.hostname or not port or parts.username is not None:
        return ""
    return f"{parts.scheme.lower()}://{parts.hostname.rstrip('.')}:{port}"
