"""From the Microsoft sensitivity labels of a file to our label: by GUID through the user's map, never by name."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from copilot.documents.labels import SensitivityLabel, sensitivity
from copilot.settings import TrustSettings
from copilot.trust.labels import Confidentiality, Integrity, Label, join, readers_of


def label_of(content: bytes, name: str, trust: TrustSettings) -> Label:
    """Return the label of a file: untrusted, and as confidential as the strictest of its Microsoft labels.

    An unlabelled file gets the configured default. A label that the map does not know, that encrypts, or that can't
    be read makes it restricted. `trust.readers` says by its place who may see it.
    """
    known = {guid.strip().strip("{}").lower(): Confidentiality.parse(level) for guid, level in trust.labels.items()}
    levels = [_level(label, known) for label in sensitivity(content) if label.active]
    default = Confidentiality.parse(trust.default_confidentiality)
    return Label(Integrity.UNTRUSTED, max(levels, default=default), (name,), _readers(name, trust))


def level_of(ids: Iterable[str], trust: TrustSettings) -> Confidentiality:
    """Return how confidential a file with the Microsoft labels of these ids is; an unknown one makes it restricted."""
    known = {guid.strip().strip("{}").lower(): Confidentiality.parse(level) for guid, level in trust.labels.items()}
    return max((known.get(id.lower(), Confidentiality.RESTRICTED) for id in ids), default=Confidentiality.PUBLIC)


def _readers(name: str, trust: TrustSettings) -> frozenset[str] | None:
    sets = [Label(readers=readers_of(r)) for pattern, r in trust.readers.items() if fnmatchcase(name, pattern)]
    return join(sets).readers


def _level(label: SensitivityLabel, known: dict[str, Confidentiality]) -> Confidentiality:
    if label.encrypts or not label.guid:
        return Confidentiality.RESTRICTED
    return known.get(label.guid, Confidentiality.RESTRICTED)
