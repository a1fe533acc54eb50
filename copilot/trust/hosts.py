"""Where on the network something may go: hosts that were allowed by name, none of them private, none that sends on."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

#: Hosts that send a visitor on to wherever the address says: an allowed one would be a way to any other.
REDIRECTORS = frozenset(
    {
        *("t.co", "bit.ly", "tinyurl.com", "goo.gl", "is.gd", "ow.ly", "buff.ly", "rebrand.ly", "aka.ms", "lnkd.in"),
        *("l.facebook.com", "lm.facebook.com", "l.instagram.com", "out.reddit.com", "href.li", "slack-redir.net"),
        *("safelinks.protection.outlook.com", "urldefense.com", "urldefense.proofpoint.com", "click.linksynergy.com"),
    }
)
#: Paths of otherwise harmless hosts that do the same.
_SENDS_ON = re.compile(r"/(?:url|amp|redirect|redir|out|away|l\.php|link|login/redirect)/?\Z", re.IGNORECASE)
_ADDRESS_IN_QUERY = re.compile(r"(?:^|[&;=])(?:https?(?::|%3a)|//|%2f%2f)", re.IGNORECASE)
#: Names that lead into the own network: RFC 6761, RFC 6762, RFC 8375, and the cloud's own.
_OWN_NETWORK = (".local", ".localhost", ".internal", ".intranet", ".lan", ".home.arpa", ".corp", ".home", ".private")
#: What Python 3.11 calls global and is not: the rest of RFC 6890's special block, where clouds keep services of their
#: own, IPv4-compatible addresses, site-local ones, local NAT64 (RFC 8215), and IPv4-translated ones (RFC 2765).
_NOT_PUBLIC = tuple(
    map(ipaddress.ip_network, ("192.0.0.0/24", "::/96", "fec0::/10", "64:ff9b:1::/48", "::ffff:0:0:0/96"))
)
#: What carries an IPv4 address in its last 32 bits: NAT64 (RFC 6052); and the middle of an ISATAP one (RFC 5214).
_CARRIES = (ipaddress.ip_network("64:ff9b::/96"),)
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})


def problem(url: str, allowed: Iterable[str]) -> tuple[str, str]:
    """Return (rule, why) for an address that may not be called, ("", "") for one that may.

    `allowed` are hosts, "*.contoso.com" with everything below it (not itself), or "*" for every public host. Whoever
    fetches asks again for each redirect, and with `is_private` for the address that a name leads to (RFC 1918 and
    others; a name's meaning can change between two look-ups).
    """
    try:
        parts = urlsplit(url.strip())
        host, _ = (parts.hostname or "").rstrip(".").lower(), parts.port
    except ValueError:
        return "host", f"{url!r} is no address."
    if parts.scheme.lower() not in ("http", "https") or not host or parts.username is not None or "\\" in url:
        return "host", f"{url!r} is no plain web address (http or https, a host, no user name)."
    if not host.isascii():
        return "host", f"{host} is written in letters that can pass for others; write its ASCII form."
    if is_private(host):
        return "private-host", f"{host} is an address of this machine or of a private network."
    if _redirects(host, parts.path, parts.query):
        return "redirector", f"{host} sends on to any other address."
    if not any(_is_among(host, entry.strip().lower()) for entry in allowed):
        return "unlisted-host", f"{host} is not among trust.hosts."
    return "", ""


def is_below(url: str, site: str) -> bool:
    """Return whether an address lies at a site: the same host or one below it, the same path or one below it."""
    try:
        there, here = urlsplit(url), urlsplit(site)
        host, home = (there.hostname or "").rstrip("."), (here.hostname or "").rstrip(".")
    except ValueError:
        return False
    if not home or there.scheme not in ("http", "https") or not (host == home or host.endswith(f".{home}")):
        return False
    path, top = f"{there.path.rstrip('/')}/", f"{here.path.rstrip('/')}/"
    return path.startswith(top) and "/../" not in path and "%2e" not in path.lower()


def is_private(host: str) -> bool:
    """Return whether a host (a name or an address, in any spelling that the system's resolver takes) is not public."""
    name = host.strip("[]").partition("%")[0].rstrip(".").lower()
    address = _address(name)
    if address is not None:
        return not all(each.is_global and not _is_own(each) for each in (address, *_carried(address)))
    return name == "localhost" or "." not in name or name.endswith(_OWN_NETWORK) or name.replace(".", "").isdigit()


def _is_own(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address.is_multicast or any(address.version == net.version and address in net for net in _NOT_PUBLIC)


def _carried(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """Return the IPv4 address that an IPv6 one leads to by a gateway or an old way of writing, if it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    low = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    plain = any(address in net for net in _CARRIES) or (int(address) >> 32) & 0xFFFFFFFF in _ISATAP
    found = (address.ipv4_mapped, address.sixtofour, low if plain else None)
    return [each for each in found if each is not None]


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return _old_spelling(name)


def _old_spelling(name: str) -> ipaddress.IPv4Address | None:
    """Return an IPv4 address that is written as inet_aton(3) takes it: 127.1, 0x7f000001, 017700000001, 2130706433."""
    parts = name.split(".")
    if len(parts) > 4 or not all(re.fullmatch(r"0x[0-9a-f]*|\d+", part) for part in parts):
        return None
    try:
        numbers = [int(p, 16) if p.startswith("0x") else int(p, 8 if p.startswith("0") else 10) for p in parts]
    except ValueError:
        return ipaddress.IPv4Address(0)  # no resolver agrees on it: not public
    value = numbers[-1]
    for place, number in enumerate(numbers[:-1]):
        value += number << (8 * (3 - place))
    return ipaddress.IPv4Address(value & 0xFFFFFFFF)


def _redirects(host: str, path: str, query: str) -> bool:
    known = host in REDIRECTORS or any(host.endswith(f".{name}") for name in REDIRECTORS)
    return known or (bool(_SENDS_ON.search(path)) and bool(_ADDRESS_IN_QUERY.search(query)))


def _is_among(host: str, entry: str) -> bool:
    return entry == "*" or host == entry or (entry.startswith("*.") and host.endswith(entry[1:]) and host != entry[2:])
