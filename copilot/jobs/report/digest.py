"""What an answer to a report is bound to: a hash over exactly what was shown, document by document.

A report shows changes, and somebody accepts them, perhaps days later. Meanwhile a document may have been tried again
and its change be another one. So each document on a report has a digest, and an answer names the documents by it: what
is not what was shown is "stale" and is never accepted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from copilot.errors import ApprovalError
from copilot.jobs.job import Outcome, Source, Status

#: Hex digits of a digest by which a command names a document: no shell reads anything else into them.
NAME = 12

#: What an answer says of a document as it is now.
Verdict = Literal["accepted", "declined", "stale", "unanswered"]


def digest(run: str, source: Source, outcome: Outcome) -> str:
    """Return the SHA-256 (hex) of what a report shows of a document that waits.

    It covers the run, the document, of each edit its path, both hashes, hunks and warnings, the values, and of each
    card its digest and items. When a card was made, and its id, have no part in it, as in `Card.digest`.
    """
    shown = {
        "run": run,
        "key": source.key,
        "status": outcome.status.value,
        "edits": [edit.model_dump(mode="json", exclude={"entry"}) for edit in outcome.edits],
        "values": outcome.values,
        "cards": [{"digest": card.get("digest"), "items": card.get("items")} for card in outcome.cards],
    }
    return hashlib.sha256(_canonical(shown)).hexdigest()


@dataclass
class Shown:
    """The documents of a report that wait for an answer: their keys with their digests.

    `changes` are those that accepting all accepts; `sends` would send something, and each has to be named.
    `to_bytes` is what to keep (under `digest`, its SHA-256) until an answer comes.
    """

    run: str
    changes: dict[str, str] = field(default_factory=dict)
    sends: dict[str, str] = field(default_factory=dict)

    def add(self, source: Source, outcome: Outcome) -> str:
        """Take a document that waits and return its name for commands."""
        found = digest(self.run, source, outcome)
        (self.sends if outcome.status is Status.ASKED else self.changes)[source.key] = found
        return found[:NAME]

    @property
    def digest(self) -> str:
        """The SHA-256 (hex) of everything that was shown."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def to_bytes(self) -> bytes:
        """Return it as JSON, the same for the same documents in whatever order."""
        return _canonical({"run": self.run, "changes": self.changes, "sends": self.sends})

    @classmethod
    def from_bytes(cls, data: bytes, expected: str) -> Shown:
        """Return what `to_bytes` wrote under the digest `expected`; raises ApprovalError if it is something else."""
        if hashlib.sha256(data).hexdigest() != expected:
            raise ApprovalError("This is not what the report showed.", hint="Look at a new report.", code="stale")
        try:
            found = json.loads(data)
            return cls(str(found["run"]), _texts(found["changes"]), _texts(found["sends"]))
        except (ValueError, KeyError, TypeError) as error:
            raise ApprovalError("This is no list of what a report showed.", code="answer") from error

    def all(self) -> Answer:
        """Return the answer that accepts every change. What would be sent keeps waiting: it has to be named."""
        return Answer(self.run, self.digest, accepted=dict(self.changes))

    def none(self) -> Answer:
        """Return the answer that declines everything."""
        return Answer(self.run, self.digest, declined=self._everything())

    def only(self, names: Iterable[str]) -> Answer:
        """Return the answer that accepts the named documents; the others keep waiting.

        A name is a document's key or begins its digest. Raises ApprovalError for one that the report does not show.
        """
        everything = self._everything()
        return Answer(self.run, self.digest, accepted={key: everything[key] for key in self._keys(names)})

    def but(self, names: Iterable[str]) -> Answer:
        """Return the answer that accepts every change but those of the named documents, which it declines."""
        everything, named = self._everything(), self._keys(names)
        accepted = {key: value for key, value in self.changes.items() if key not in named}
        return Answer(self.run, self.digest, accepted, {key: everything[key] for key in named})

    def _everything(self) -> dict[str, str]:
        return {**self.changes, **self.sends}

    def _keys(self, names: Iterable[str]) -> dict[str, None]:
        """Return the keys of the named documents, in order."""
        everything = self._everything()
        known: dict[str, list[str]] = {}
        for key, value in everything.items():
            known.setdefault(value[:NAME], []).append(key)
        return dict.fromkeys(self._key(name, everything, known) for name in names)

    def _key(self, name: str, everything: Mapping[str, str], known: Mapping[str, list[str]]) -> str:
        if name in everything:
            return name
        found = [key for key in known.get(name[:NAME], ()) if everything[key].startswith(name)]
        if len(found) != 1:
            raise ApprovalError(
                f"The report shows {'no document' if not found else 'several documents'} {name!r} that waits.",
                hint="Name it as the report does, or look at a new report.",
                code="stale",
            )
        return found[0]


@dataclass(frozen=True)
class Answer:
    """What a person answered: `accepted` and `declined` documents, each with the digest of what was shown of it."""

    run: str
    shown: str
    accepted: Mapping[str, str] = field(default_factory=dict)
    declined: Mapping[str, str] = field(default_factory=dict)

    def verdict(self, source: Source, outcome: Outcome) -> Verdict:
        """Return what this says of a document as it is now: "stale" where that is not what was shown."""
        said = self.accepted.get(source.key) or self.declined.get(source.key)
        if said is None:
            return "unanswered"
        if digest(self.run, source, outcome) != said:
            return "stale"
        return "accepted" if source.key in self.accepted else "declined"


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise TypeError("not a map of texts")
    return value


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=str).encode("ascii")
