"""Whether the audit log is whole: what was changed, removed, inserted, put elsewhere or cut off, record by record."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from copilot.trust.audit import BEGINNING, FOLDER, canonical, files, held, mac, read_head
from copilot.trust.audit_keys import Key, Keys


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at a record: its number, or the number that should be there."""

    record: int
    what: str


@dataclass
class Report:
    """What `verify` found: how many records, what is wrong, and what ends the log (to note down elsewhere)."""

    records: int = 0
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    last: int = 0
    last_hash: str = BEGINNING

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON types."""
        faults = [{"record": f.record, "what": f.what} for f in self.faults]
        end = {"last": self.last, "last_hash": self.last_hash}
        return {"whole": self.whole, "records": self.records, "faults": faults, "notes": self.notes, **end}


def records(state: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of a state folder's log as they are written, the oldest first; what is none is left out."""
    for path in files(state / FOLDER):
        with open(path, "rb") as file:
            for line in file:
                if (found := _parsed(line.rstrip(b"\n"))) is not None:
                    yield found


def verify(state: Path, *, keys: Keys | None = None) -> Report:
    """Return what is wrong with the log in a state folder. Nothing is written; others wait while it is read.

    Not found: that the log, its head and its key were all put back to an older copy. To find that too, note down the
    number and hash of the last record (`Report.last`, `last_hash`) where the log does not lie.
    """
    folder = state / FOLDER
    if not folder.exists():
        return Report()
    check = _Check((keys or Keys(folder)).all())
    with held(folder):
        for path in files(folder):
            with open(path, "rb") as file:
                for line in file:
                    check.line(line)
        check.end(read_head(folder))
    return check.report


class _Check:
    """Goes through the log line by line."""

    def __init__(self, keys: Mapping[str, Key]) -> None:
        self.report = Report()
        self._keys = keys
        self._hashes: dict[int, str] = {0: BEGINNING}
        self._doubtful = False  # the record before was changed: that this one does not follow it says nothing new
        self._places: dict[str, list[int]] = {}

    def line(self, line: bytes) -> None:
        """Check one line."""
        report, expected = self.report, self.report.last + 1
        body = line.removesuffix(b"\n")
        if not line.endswith(b"\n"):
            report.notes.append("The log ends with a torn record, as after a crash; the next record sets it aside.")
            return
        report.records += 1
        found = _parsed(body)
        wrong = "is no record" if found is None else self._altered(found, body)
        if wrong:
            number = found.get("seq") if found else None
            self._fault(number if isinstance(number, int) and number == expected else expected, wrong)
            self._next(expected, body, doubtful=True)
            return
        assert found is not None
        self._order(found, expected)
        self._places.setdefault(str(found["key"]).partition(":")[0], []).append(found["seq"])
        if found.get("event") == "recovered":
            report.notes.append(f"Record {found['seq']} tells of a recovery: {found.get('reason', '')}.")
        self._next(found["seq"], body, doubtful=False)

    def _altered(self, found: dict[str, Any], line: bytes) -> str:
        """Return what is wrong with a record taken by itself, "" if nothing is."""
        if canonical(found) != line or not isinstance(found.get("seq"), int):
            return "was changed"
        key = self._keys.get(str(found.get("key")))
        if key is None:
            return f"is sealed with a key that is not here ({found.get('key')}): it was changed, or the key is gone"
        return "" if _sealed(found, key) else "was changed"

    def _order(self, found: dict[str, Any], expected: int) -> None:
        number = found["seq"]
        if number > expected:
            gap = str(expected) if number == expected + 1 else f"{expected} to {number - 1}"
            self._fault(expected, f"is missing: {gap}")
        elif number < expected:
            self._fault(number, "stands in the wrong place, or twice")
        elif found["prev"] != self.report.last_hash and not self._doubtful:
            self._fault(number, "does not follow the record before it")

    def _next(self, number: int, line: bytes, *, doubtful: bool) -> None:
        self.report.last = max(self.report.last, number)
        self.report.last_hash = hashlib.sha256(line).hexdigest()
        self._hashes[number] = self.report.last_hash
        self._doubtful = doubtful

    def end(self, head: dict[str, Any] | None) -> None:
        """Check the end of the log against its head, and which keys it is sealed with."""
        if head is not None or self.report.records:
            self._head(head)
        weak = self._places.get("file", [])
        if weak and any(key.place == "keyring" for key in self._keys.values()):
            what = f"to {weak[-1]} are sealed with the key in the file, though the keyring holds one"
            self._fault(weak[0], what if len(weak) > 1 else "is sealed with the key in the file, not the keyring's")

    def _head(self, head: dict[str, Any] | None) -> None:
        last = self.report.last
        if head is None:
            self._fault(last + 1, "may be missing: the head, which tells where the log ends, is gone or broken")
            return
        key = self._keys.get(str(head.get("key")))
        if key is None or not _sealed(head, key):
            self._fault(last + 1, "may be missing: the head, which tells where the log ends, was changed")
        elif head["seq"] > last:
            self._fault(last + 1, f"is missing: the log ended with record {head['seq']}")
        elif head["seq"] < last - 1:  # one that was written just before a crash
            self._fault(head["seq"] + 1, "is not in the head: an older head was put in its place")
        elif head["hash"] != self._hashes.get(head["seq"]):
            self._fault(head["seq"], "is another than the one that ended the log")

    def _fault(self, record: int, what: str) -> None:
        fault = Fault(record, what)
        if fault not in self.report.faults:
            self.report.faults.append(fault)


def _sealed(found: Mapping[str, Any], key: Key) -> bool:
    body = {name: value for name, value in found.items() if name != "mac"}
    return hmac.compare_digest(mac(body, key), str(found.get("mac")))


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
