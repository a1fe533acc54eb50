"""Where a link leads, written so that a person reads what a program would follow."""

from __future__ import annotations

import html
import re

from copilot.trust.sanitise.characters import without_controls

_TITLED = re.compile(r"""(<[^<>\n]*>|\S+)\s+("[^"]*"|'[^']*'|\([^()]*\))\s*""")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
#: What Markdown would take out of an address that stands in the text (CommonMark 2.4, 6): written as RFC 3986, 2.1.
_ACTIVE = re.compile(r"[ \t`<>\[\]*|\"^{}]|(?<![^\W_])_|_(?![^\W_])|~~")
_AUTHORITY = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:)?([/\\]{2,})([^/\\?#]*)(.*)", re.DOTALL)
_ENTITY = re.compile(r"(&#?[A-Za-z0-9]+);")
_WEB = ("http:", "https:", "ftp:", "ws:", "wss:", "")
#: A target that leads somewhere: a scheme, a path, a file. `a[0](x)` has none.
_PLACE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|[/\\.#?]|\S*[/\\.#?@]")


def split(raw: str) -> tuple[str, str]:
    """Return the address and the title of what stands in the parentheses of a link, `raw`; either may be ""."""
    raw = raw.strip()
    titled = _TITLED.fullmatch(raw)
    address, title = (titled[1], titled[2]) if titled else (raw, "")
    if address.startswith("<") and address.endswith(">") and len(address) > 1:
        address = address[1:-1]
    return address, title


def leads(address: str) -> bool:
    """Return whether an address can be followed, other than a bare word in parentheses."""
    return _PLACE.match(address) is not None


def shown(address: str) -> str:
    """Return an address as it is followed: decoded, its host in ASCII (IDNA), and without Markdown of its own.

    A host behind a user name is named again, since `https://bank.example@evil.example` reads as another one. Line
    breaks and tabs are left out, as browsers do (WHATWG URL, 4.4).
    """
    plain = html.unescape(_ESCAPED.sub(r"\1", address))
    plain = re.sub(r"[\n\t]", "", without_controls(plain)).strip()
    parts = _AUTHORITY.fullmatch(plain)
    host = ""
    if parts:
        scheme, slashes, authority, rest = parts[1] or "", parts[2], parts[3], parts[4]
        authority, host = in_ascii(authority)
        if scheme.lower() in _WEB:
            slashes, path, query = slashes.replace("\\", "/"), *_cut(rest)
            rest = path.replace("\\", "/") + query
        plain = f"{scheme}{slashes}{authority}{rest}"
    written = _ENTITY.sub(r"\1%3B", _ACTIVE.sub(_encoded, plain))
    return f"{written}, host {host}" if host else written


def in_ascii(authority: str) -> tuple[str, str]:
    """Return an authority (RFC 3986, 3.2) with its host in ASCII, and that host if a user name stands before it."""
    user, at, place = authority.rpartition("@")
    host, colon, port = place.partition(":") if not place.startswith("[") else (place, "", "")
    if not host.isascii():
        host = _idna(host)
    user = user if user.isascii() else "".join(c if c.isascii() else _encoded(c) for c in user)
    return f"{user}{at}{host}{colon}{port}", host if at else ""


def _idna(host: str) -> str:
    import idna

    try:
        return idna.encode(host, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        return "".join(c if c.isascii() else _encoded(c) for c in host)


def _cut(rest: str) -> tuple[str, str]:
    at = re.search(r"[?#]", rest)
    return (rest[: at.start()], rest[at.start() :]) if at else (rest, "")


def _encoded(found: re.Match[str] | str) -> str:
    text = found if isinstance(found, str) else found[0]
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "replace"))
