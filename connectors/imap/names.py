"""Names of mailboxes as IMAP writes them (RFC 3501, section 5.1.3: modified UTF-7), and what folders are for."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping

from copilot.plugins.connections.mail import FolderRole

#: What a folder is for, by its attribute (RFC 6154, section 2), else by its name.
ATTRIBUTES: Mapping[str, FolderRole] = {
    "\\sent": "sent",
    "\\drafts": "drafts",
    "\\trash": "trash",
    "\\junk": "junk",
    "\\archive": "archive",
}
CALLED: Mapping[str, FolderRole] = {
    **dict.fromkeys(("sent", "sent items", "sent messages", "sent mail", "gesendet", "gesendete elemente"), "sent"),
    **dict.fromkeys(("drafts", "draft", "entwürfe", "brouillons"), "drafts"),
    **dict.fromkeys(("trash", "deleted items", "deleted messages", "papierkorb", "bin", "corbeille"), "trash"),
    **dict.fromkeys(("junk", "spam", "junk email", "bulk mail"), "junk"),
    **dict.fromkeys(("archive", "archives", "archiv"), "archive"),
}
_LINE = re.compile(rb'\((?P<flags>[^)]*)\) (?:"(?P<sep>(?:[^"\\]|\\.)*)"|NIL) (?P<name>.+)', re.DOTALL | re.IGNORECASE)


def encoded(name: str) -> str:
    """Return a name as IMAP writes it."""
    return re.sub(r"&|[^\x20-\x7e]+", lambda m: "&-" if m[0] == "&" else f"&{_shifted(m[0])}-", name)


def decoded(name: str) -> str:
    """Return a name that IMAP wrote; what is malformed stays as it is."""
    return re.sub(r"&([A-Za-z0-9+,]*)-", lambda m: _unshifted(m[1], m[0]) if m[1] else "&", name)


def _shifted(text: str) -> str:
    return base64.b64encode(text.encode("utf-16-be")).decode().rstrip("=").replace("/", ",")


def _unshifted(text: str, whole: str) -> str:
    try:
        return base64.b64decode(text.replace(",", "/") + "=" * (-len(text) % 4)).decode("utf-16-be")
    except ValueError:
        return whole


def quoted(text: str) -> str:
    """Return a text as a quoted string (RFC 3501, section 4.3); line ends in it would end the command."""
    plain = re.sub(r"[\r\n\x00]", " ", text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{plain}"'


def parsed(line: bytes | tuple[bytes, bytes]) -> tuple[frozenset[str], str, str] | None:
    """Return attributes, separator and name (as IMAP writes it) of a line of LIST, None for what is none."""
    head = line[0] if isinstance(line, tuple) else line
    found = _LINE.match(head)
    if found is None:
        return None
    raw = line[1] if isinstance(line, tuple) else found["name"]
    name = raw.decode("utf-8", "replace").strip()
    if not isinstance(line, tuple) and name[:1] == name[-1:] == '"' and len(name) > 1:
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    flags = frozenset(flag.lower() for flag in found["flags"].decode("ascii", "replace").split())
    return flags, (found["sep"] or b"").decode().replace("\\\\", "\\"), name


def role_of(flags: frozenset[str], path: str) -> FolderRole:
    """Return what a folder is for."""
    if path.upper() == "INBOX":
        return "inbox"
    known: FolderRole = next((role for flag, role in ATTRIBUTES.items() if flag in flags), "")
    return known or CALLED.get(path.rpartition("/")[2].casefold(), "")
