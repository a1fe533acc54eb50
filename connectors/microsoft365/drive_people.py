"""Who changed a file, and who may see it, in what Graph says: identities, permissions, labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from copilot.plugins.connections.files import Permission
from copilot.trust.labels import readers_of

from .graph import Json

#: A person's claim in SharePoint: "i:0#.f|membership|nina@fabrikam.example".
_CLAIM = "membership|"
_KINDS = ("user", "group", "siteUser", "siteGroup", "application", "device")


def who_changed(identities: Any) -> str:
    """Return the name of who did something, with the address where it is known; "" for nobody."""
    for kind in ("user", "application", "device"):
        who = identities.get(kind) if isinstance(identities, Mapping) else None
        if isinstance(who, Mapping) and (name := str(who.get("displayName") or who.get("email") or "")):
            address = str(who.get("email") or "")
            return f"{name} ({address})" if address and address != name else name
    return ""


def permission(given: Json) -> Permission:
    """Return a permission in plain terms."""
    link = given.get("link") or {}
    return Permission(
        tuple(dict.fromkeys(_names(given))),
        tuple(map(str, given.get("roles") or ())),
        str(link.get("type") or ""),
        str(link.get("scope") or ""),
        bool(given.get("inheritedFrom")),
        str(given.get("expirationDateTime") or ""),
    )


def reader_set(permissions: Json, account: str) -> frozenset[str] | None:
    """Return the addresses and domains that may read a file; None where anybody may, or it is not known.

    Groups of a site are not resolved: who is in them only is not counted, which errs on the safe side.
    """
    listed = permissions.get("value")
    if not isinstance(listed, list) or any((p.get("link") or {}).get("scope") == "anonymous" for p in listed):
        return None
    found = {account} if "@" in account else set()
    for each in listed:
        found.update(name for name in _addresses(each) if "@" in name)
        if (each.get("link") or {}).get("scope") == "organization" and "@" in account:
            found.add("@" + account.rpartition("@")[2])
    return readers_of(found)


def label_ids(extracted: Json) -> tuple[str, ...]:
    """Return the ids of the sensitivity labels of a file, in lower case."""
    labels = extracted.get("labels")
    found = labels if isinstance(labels, list) else ()
    return tuple(str(each.get("sensitivityLabelId") or "").lower() for each in found if each.get("sensitivityLabelId"))


def _grants(given: Json) -> Iterator[tuple[str, Mapping[str, Any]]]:
    many = given.get("grantedToIdentitiesV2") or given.get("grantedToIdentities") or ()
    for identities in (given.get("grantedToV2") or given.get("grantedTo") or {}, *many):
        for kind in _KINDS:
            if isinstance(identities.get(kind), Mapping):
                yield kind, identities[kind]


def _names(given: Json) -> Iterator[str]:
    yield from _addresses(given)
    if not list(_addresses(given)):
        yield from (str(who["displayName"]) for _, who in _grants(given) if who.get("displayName"))


def _addresses(given: Json) -> Iterator[str]:
    if email := (given.get("invitation") or {}).get("email"):
        yield str(email)
    for _, who in _grants(given):
        login = str(who.get("loginName") or "")
        address = who.get("email") or (login.rpartition(_CLAIM)[2] if _CLAIM in login else "")
        if address:
            yield str(address)
