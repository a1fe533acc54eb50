"""Who asks for a page beside the door: a program on this machine, somebody with a key, or anybody, from an address."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from aiohttp import web

from copilot.errors import SettingsError

_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")
_HERE = frozenset({"127.0.0.1", "localhost", "::1"})
_SHORTEST_KEY = 16
_NETWORK = 64  # bits of an IPv6 address that are one customer's


def is_local(request: web.Request) -> bool:
    """Return whether a program on this machine asks for this machine: not through a proxy, not by another name for it.

    A page elsewhere whose name leads to 127.0.0.1 (DNS rebinding) would ask under its own name.
    """
    transport = request.transport
    ends = [transport.get_extra_info(name) for name in ("peername", "sockname")] if transport else []
    if not ends or not all(address is not None and address.is_loopback for address in map(_address, ends)):
        return False
    try:
        named = urlsplit(f"//{request.host}").hostname or ""
    except ValueError:
        return False
    return named in _HERE and not any(name in request.headers for name in _FORWARDED)


def asker(request: web.Request) -> str:
    """Return from which address somebody asks, as far as it can be told; of IPv6 the network, which is one customer's.

    Behind a proxy, which has an address of this machine or of a network of one's own, it is what that proxy says: the
    last of X-Forwarded-For. Who comes straight from the internet has the address that they have, whatever they say.
    """
    peer = _address(request.transport.get_extra_info("peername") if request.transport else None)
    if peer is None:
        return "?"
    told = ",".join(request.headers.getall("X-Forwarded-For", [])).rpartition(",")[2].strip()
    behind = _address((told,)) if told and (peer.is_loopback or peer.is_private) else None
    return _network(behind or peer)


def bearer(request: web.Request) -> str:
    """Return the token of `Authorization: Bearer`, "" if there is none."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def is_same(given: str, key: str) -> bool:
    """Return whether somebody knows the key, in a time that does not tell how much of it."""
    return hmac.compare_digest(given.encode(errors="replace"), key.encode(errors="replace"))


def key_in(setting: str, variable: str, env: Mapping[str, str]) -> str:
    """Return the key in the environment variable that a setting names, "" if it names none. Raises SettingsError."""
    if not variable:
        return ""
    key = env.get(variable, "")
    if len(key) < _SHORTEST_KEY:
        what = "is not set" if not key else f"has fewer than {_SHORTEST_KEY} characters"
        hint = "Set it to a long random text, like one from: openssl rand -base64 24"
        raise SettingsError(f"{setting}: the environment variable {variable} {what}.", hint=hint)
    return key


def _address(end: object) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address of one end of a connection, None if it has none; one of IPv4 in IPv6 is that of IPv4."""
    try:
        found = ipaddress.ip_address(str(end[0]).partition("%")[0]) if isinstance(end, tuple) else None
    except (ValueError, IndexError):
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _network(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.ip_network((address, _NETWORK), strict=False))
