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
    """The label of one value. `sources` names the files and places it came from, for the person to see."""

    integrity: Integrity = Integrity.UNTRUSTED
    confidentiality: Confidentiality = Confidentiality.INTERNAL
    sources: tuple[str, ...] = ()

    def __or__(self, other: Label) -> Label:
        return Label(
            max(self.integrity, other.integrity),
            max(self.confidentiality, other.confidentiality),
            tuple(dict.fromkeys(self.sources + other.sources)),
        )

    @property
    def tainted(self) -> bool:
        """True when something untrusted had a part in the value."""
        return self.integrity is Integrity.UNTRUSTED

    def to_dict(self) -> dict[str, Any]:
        """Return the label as JSON types (what is kept in messages and checkpoints)."""
        return {
            "integrity": self.integrity.name.lower(),
            "confidentiality": self.confidentiality.name.lower(),
            "sources": list(self.sources),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Label:
        """Return the label that `to_dict` wrote; what can't be read counts as untrusted and restricted."""
        try:
            return cls(
                Integrity[data["integrity"].upper()],
                Confidentiality.parse(data["confidentiality"]),
                tuple(data.get("sources", ())),
            )
        except (KeyError, ValueError, AttributeError, TypeError):
            return cls(Integrity.UNTRUSTED, Confidentiality.RESTRICTED)


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
