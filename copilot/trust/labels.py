"""Labels on data: where a value comes from and who may see it. Joined by max, never lowered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any


class Integrity(IntEnum):
    """How far a value may be believed; a higher number is less trusted."""

    USER = 0  # typed by the signed-in person
    WORKSPACE = 1  # system prompt, trusted skills, policy
    UNTRUSTED = 2  # every document, mail, page, tool result, file name


class Confidentiality(IntEnum):
    """Who may see a value; a higher number is fewer."""

    PUBLIC = 0
    INTERNAL = 1
    RESTRICTED = 2

    @classmethod
    def parse(cls, name: str) -> Confidentiality:
        """Return the level named `name`; raises ValueError with the known names."""
        try:
            return cls[name.upper()]
        except KeyError:
            raise ValueError(f"{name!r} is no confidentiality; use public, internal or restricted") from None


@dataclass(frozen=True, slots=True)
class Label:
    """The label of one value. `sources` names the files and places it came from, for the person to see.

    `readers` are those who may see it: addresses, and domains as "@contoso.com", in lower case; None is anybody who may
    see data of this confidentiality, and an empty set nobody. `origins` are the services that everything untrusted in
    it came from; None where some of it came from elsewhere, or nobody noted from where.
    """

    integrity: Integrity = Integrity.UNTRUSTED
    confidentiality: Confidentiality = Confidentiality.INTERNAL
    sources: tuple[str, ...] = ()
    readers: frozenset[str] | None = None
    origins: frozenset[str] | None = None

    def __or__(self, other: Label) -> Label:
        if self == other:
            return self
        return Label(
            max(self.integrity, other.integrity),
            max(self.confidentiality, other.confidentiality),
            tuple(dict.fromkeys(self.sources + other.sources)),
            _both(self.readers, other.readers),
            self._origins_with(other),
        )

    def _origins_with(self, other: Label) -> frozenset[str] | None:
        """Return where what is untrusted in either came from; what is trusted came from nowhere, if it is not kept."""
        untrusted = [label.origins for label in (self, other) if label.tainted or label.is_kept]
        known = [origins for origins in untrusted if origins is not None]
        return frozenset().union(*known) if untrusted and len(known) == len(untrusted) else None

    def admits(self, address: str) -> bool:
        """Return whether the set of readers has this address, by itself or by its domain; True without such a set."""
        return self.readers is None or _has(self.readers, address.strip().lower())

    @property
    def is_kept(self) -> bool:
        """True for what is not for everybody who may see what the person types: no service gave that."""
        return self.confidentiality is Confidentiality.RESTRICTED or self.readers is not None

    @property
    def tainted(self) -> bool:
        """True when something untrusted had a part in the value."""
        return self.integrity is Integrity.UNTRUSTED

    def to_dict(self) -> dict[str, Any]:
        """Return the label as JSON types (what is kept in messages and checkpoints)."""
        limited = {} if self.readers is None else {"readers": sorted(self.readers)}
        noted = {} if self.origins is None else {"origins": sorted(self.origins)}
        return {
            "integrity": self.integrity.name.lower(),
            "confidentiality": self.confidentiality.name.lower(),
            "sources": list(self.sources),
            **limited,
            **noted,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Label:
        """Return the label that `to_dict` wrote; what can't be read counts as untrusted, restricted and for nobody."""
        try:
            return cls(
                Integrity[data["integrity"].upper()],
                Confidentiality.parse(data["confidentiality"]),
                tuple(data.get("sources", ())),
                readers_of(data["readers"]) if "readers" in data else None,
                frozenset(map(str, data["origins"])) if "origins" in data else None,
            )
        except (KeyError, ValueError, AttributeError, TypeError):
            return cls(Integrity.UNTRUSTED, Confidentiality.RESTRICTED, readers=frozenset())


def readers_of(names: Iterable[str]) -> frozenset[str]:
    """Return a set of readers: in lower case, and without addresses that one of its domains covers.

    Raises TypeError for what is no list of texts.
    """
    given = [names] if isinstance(names, str) else list(names)
    if isinstance(names, str) or not all(isinstance(name, str) for name in given):
        raise TypeError("readers are a list of addresses and domains")
    found = {name.strip().lower() for name in given}
    return frozenset(name for name in found if name.startswith("@") or f"@{name.rpartition('@')[2]}" not in found)


def _has(readers: frozenset[str], name: str) -> bool:
    return name in readers or ("@" in name and f"@{name.rpartition('@')[2]}" in readers)


def _both(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    """Return who is in both sets; an address is in the set of its domain, too."""
    if one is None or other is None:
        return other if one is None else one
    return frozenset({n for n in one if _has(other, n)} | {n for n in other if _has(one, n)})


#: Anything whose origin is not known.
UNKNOWN = Label()
#: The words of the signed-in person.
USER = Label(Integrity.USER, Confidentiality.INTERNAL)
#: Our own prompts and trusted skills.
WORKSPACE = Label(Integrity.WORKSPACE, Confidentiality.PUBLIC)


def join(labels: Iterable[Label], start: Label = WORKSPACE) -> Label:
    """Return the label of a value made from values with these labels."""
    for label in labels:
        start = start | label
    return start
