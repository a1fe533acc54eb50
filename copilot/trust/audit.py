"""The audit log: what was asked for, decided and done, in records that are chained, sealed and never rewritten.

One record is one line of JSON. It holds the SHA-256 of the line before it and an HMAC-SHA256 (RFC 2104) of itself, with
a key that lies outside the workspace; a separate head holds the number and hash of the last one, so that a cut end is
found. No text of documents and no arguments are in it, only their hashes; files are named by their paths.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from copilot._flock import taken
from copilot._redaction import redacted, redacted_json
from copilot.errors import WorkspaceError
from copilot.trust.audit_keys import Key, Keys
from copilot.workspace.save import make_private

FOLDER = "audit"
LOG, HEAD, LOCK = "log.jsonl", "head.json", "lock"
#: What the first record follows.
BEGINNING = "0" * 64
#: Bytes of a file of the log before the next one is begun.
MAX_BYTES = 8_000_000
_HEAD_BYTES = 320  # always as many, so that it is written in one go
_TAIL = 65_536  # bytes from the end that are read first to find the last line
_LONGEST = 300  # characters of a text in a record
_MOST = 20  # entries of a list in a record
_WAIT = 20.0  # seconds for other processes that write
_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=str)
_HASH = re.compile(r"[0-9a-f]{64}\Z")

#: What a record may say in words: names, ids and numbers, none of which is a document's text.
WORDS = frozenset(
    {
        *("event", "actor", "user", "thread", "turn", "call", "tool", "effect", "mode", "verdict", "rule", "approval"),
        *("approved", "status", "outcome", "served_by", "model", "provider", "vendor_model", "region", "entry"),
        *("undoes", "action", "kind", "name", "scope", "folder_grant", "reason", "code", "step", "skill", "input"),
        *(
            "output",
            "confidentiality",
            "source",
            "bytes",
            "host",
            "hosts",
            "targets_count",
            "changed",
            "overwrites",
            "inside_roots",
        ),
    }
)
_HASHES = frozenset({"before", "after", "digest", "card", "content", "sha256"})
#: What a model or its server may choose freely: anything but an id could be text that it read somewhere.
_CHOSEN = frozenset({"tool", "call", "turn"})
_ID = re.compile(r"[\w.:@/+=-]{1,160}\Z")
_OWN = frozenset({"seq", "time", "prev", "key", "mac"})  # what the log itself puts into a record
_LABELS = frozenset({"label", "read", "carried"})
_PATHS = frozenset({"path", "paths", "folder", "file"})
#: Events that are on the disk before anything goes on; of the others, a power cut may take the last few.
DURABLE = frozenset({"commit", "undo", "restore", "send", "trust", "policy", "approval", "recovered"})


@dataclass(frozen=True, slots=True)
class _Last:
    """The end of the log: number and hash of the last record, and the size of the file that holds it."""

    seq: int = 0
    hash: str = BEGINNING
    size: int = 0
    inode: int = 0


class Audit:
    """The audit log of a state folder, for all threads and beside other processes. Nothing is opened before a record.

    `paths`: whether files are named; `actor` is who is at the keyboard, where an event does not say.
    """

    def __init__(
        self,
        state: Path,
        *,
        actor: str = "",
        paths: bool = True,
        keys: Keys | None = None,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.folder = state / FOLDER
        self._actor = actor
        self._paths = paths
        self._keys = keys or Keys(self.folder)
        self._max_bytes = max_bytes
        self._clock = clock
        self._log, self._head = self.folder / LOG, self.folder / HEAD
        self._mutex = threading.Lock()
        self._last: _Last | None = None

    def record(self, event: Mapping[str, Any]) -> int:
        """Append a record of the event and return its number, from 1 up.

        What `WORDS` does not name goes in as a hash only; `args` always do. Raises WorkspaceError when it can't be
        written.
        """
        told = told_of({**event, "actor": event.get("actor") or self._actor}, paths=self._paths)
        try:
            with self._mutex, held(self.folder):
                last, trouble = self._end()
                for what in trouble:
                    last = self._append({"event": "recovered", **what}, last)
                self._last = self._append(told, last)
                return self._last.seq
        except OSError as error:
            raise WorkspaceError(
                f"The audit log in {self.folder} can't be written: {error.strerror or error}.",
                hint="Check the disk, its room and who may write there; nothing more is done without a record.",
                code="audit",
            ) from error

    def _append(self, told: Mapping[str, Any], last: _Last) -> _Last:
        key = self._keys.signing()
        stamp = self._clock().astimezone(UTC).isoformat(timespec="milliseconds")
        line = signed({"seq": last.seq + 1, "time": stamp, **told, "prev": last.hash}, key)
        path = self._log
        if last.size + len(line) > self._max_bytes and last.size:
            os.replace(path, self.folder / f"log-{last.seq:012d}.jsonl")
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            _write_all(descriptor, line)
            if told.get("event") in DURABLE:
                os.fsync(descriptor)
            status = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        now = _Last(last.seq + 1, hashlib.sha256(line[:-1]).hexdigest(), status.st_size, status.st_ino)
        _seal(self._head, now, key)
        return now

    def _end(self) -> tuple[_Last, list[dict[str, Any]]]:
        """Return where the log ends, and what has to be told of its end: a torn record, a head that is gone."""
        path = self._log
        try:
            status = path.stat()
        except FileNotFoundError:
            status = None
        kept = self._last
        if kept and status and (status.st_size, status.st_ino) == (kept.size, kept.inode):
            return kept, []
        trouble = [found] if (found := set_aside(path)) else []
        line = _last_line(self.folder)
        head = read_head(self.folder)
        seq = max(_number_of(line), int(head["seq"]) if head else 0)
        if line and head is None:
            trouble.append({"reason": "the head was gone or broken: whether the end was cut can't be told"})
        if head and seq > _number_of(line):
            trouble.append({"reason": f"the log ended with record {_number_of(line)}, the head knew of {seq}"})
        size, inode = (path.stat().st_size, path.stat().st_ino) if path.exists() else (0, 0)
        last = _Last(seq, hashlib.sha256(line).hexdigest() if line else BEGINNING, size, inode)
        crashed = head is not None and head["seq"] < seq  # one more crash must not put log and head further apart
        if crashed or not (line or head):  # before the first record: a log without a head would look like a cut one
            _seal(self._head, last, self._keys.signing())
        return last, trouble


# --- what a record says -----------------------------------------------------------------------------------------------


def told_of(event: Mapping[str, Any], *, paths: bool = True) -> dict[str, Any]:
    """Return what a record says of an event: words, hashes, labels and paths, in JSON types."""
    told = {"event": "decision", **_fields(event, paths=paths)}
    text = json.dumps(told, ensure_ascii=False)  # looked at in one go: most records hold no secret
    return told if redacted(text) == text else redacted_json(told)


def _fields(event: Mapping[str, Any], *, paths: bool) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name, value in event.items():
        if value is None or value == "" or name in _OWN:
            continue
        if name == "changes" and isinstance(value, (list, tuple)):
            told[name] = [_fields(each, paths=paths) for each in value[:_MOST] if isinstance(each, Mapping)]
        elif name in _PATHS:
            told |= {name: _names(value)} if paths else {}
        elif name in _LABELS:
            told[name] = _label(value, paths=paths)
        elif name in WORDS and (name not in _CHOSEN or _ID.match(str(value))):
            told[name] = _word(value)
        elif name in _HASHES and _is_hash(value):
            told[name] = value
        else:
            told |= _digest(name, value)
    return told


def _word(value: Any) -> Any:
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (list, tuple)):
        return [_word(each) for each in value[:_MOST]]
    return _clipped(str(value))


def _names(value: Any) -> Any:
    """Return paths as they are shown: untrusted names, which JSON's escapes keep from doing anything."""
    return [_names(each) for each in value[:_MOST]] if isinstance(value, (list, tuple)) else _clipped(str(value))


def _clipped(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _label(value: Any, *, paths: bool) -> Any:
    data = value if isinstance(value, Mapping) else value.to_dict() if hasattr(value, "to_dict") else {}
    kept = {k: _word(data[k]) for k in ("integrity", "confidentiality") if k in data}
    readers = {"readers": _word(sorted(data["readers"]))} if data.get("readers") is not None else {}
    return {**kept, **readers, **({"sources": _names(list(data.get("sources", ())))} if paths else {})}


def _digest(name: str, value: Any) -> dict[str, str]:
    """Return the hash of what may be text of a document, under a name that says so; what is a hash stays one."""
    name = f"{name.removesuffix('_sha256')}_sha256"
    return {name: value if _is_hash(value) else hashlib.sha256(canonical(value)).hexdigest()}


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and _HASH.match(value) is not None


def canonical(value: Any) -> bytes:
    """Return the one form of JSON that is hashed: sorted keys, ASCII, no spaces."""
    return _ENCODER.encode(value).encode("ascii")


# --- lines and files --------------------------------------------------------------------------------------------------


def signed(body: Mapping[str, Any], key: Key) -> bytes:
    """Return the line of a record, with its key's id and its HMAC."""
    named = {**body, "key": key.id}
    return canonical({**named, "mac": mac(named, key)}) + b"\n"


def mac(body: Mapping[str, Any], key: Key) -> str:
    """Return the HMAC-SHA256 of a record or head without its `mac`, in hex."""
    return hmac.new(key.secret, canonical(body), hashlib.sha256).hexdigest()


def _seal(path: Path, last: _Last, key: Key) -> None:
    body = {"seq": last.seq, "hash": last.hash, "key": key.id}
    line = canonical({**body, "mac": mac(body, key)}).ljust(_HEAD_BYTES - 1) + b"\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


def read_head(folder: Path) -> dict[str, Any] | None:
    """Return the head as it is written, unchecked; None when it is gone or no head."""
    try:
        found = json.loads((folder / HEAD).read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("seq"), int) else None


def files(folder: Path) -> list[Path]:
    """Return the files of the log, the oldest first."""
    current = folder / LOG
    return sorted(folder.glob("log-*.jsonl")) + ([current] if current.exists() else [])


def set_aside(path: Path) -> dict[str, Any] | None:
    """Move what follows the last whole line of the log into a file beside it, and return what a record says of that.

    A crash in the middle of a write leaves such a rest. Nothing of it is thrown away.
    """
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        size = os.fstat(descriptor).st_size
        rest = _end_of(descriptor, size).rpartition(b"\n")[2]
        if not rest:
            return None
        digest = hashlib.sha256(rest).hexdigest()
        aside = path.with_name(f"torn-{digest[:12]}.bin")
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(rest)
        os.ftruncate(descriptor, size - len(rest))
        return {"reason": f"a torn record was set aside in {aside.name}", "sha256": digest, "bytes": len(rest)}
    finally:
        os.close(descriptor)


def _last_line(folder: Path) -> bytes:
    for path in reversed(files(folder)):
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if line := _end_of(file.fileno(), size).removesuffix(b"\n").rpartition(b"\n")[2]:
                return line
    return b""


def _end_of(descriptor: int, size: int) -> bytes:
    """Return the end of a file with a whole line in it, or all of the file."""
    wanted = _TAIL
    while True:
        os.lseek(descriptor, max(size - wanted, 0), os.SEEK_SET)
        found = os.read(descriptor, wanted)
        if found.count(b"\n") > 1 or wanted >= size:
            return found
        wanted *= 8


def _number_of(line: bytes) -> int:
    try:
        found = json.loads(line)["seq"]
    except (ValueError, KeyError, TypeError):
        return 0
    return found if isinstance(found, int) else 0


def _write_all(descriptor: int, line: bytes) -> None:
    if os.write(descriptor, line) != len(line):  # a full disk takes part of it: it is set aside next time
        raise OSError(28, os.strerror(28))


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the log's lock against other processes; raises WorkspaceError when one keeps it for long."""
    make_private(folder)
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + _WAIT
        while not taken(descriptor):
            if time.monotonic() >= deadline:
                raise WorkspaceError(
                    f"Another everpilot keeps the audit log in {folder}.", hint="End it, and try again.", code="audit"
                )
            time.sleep(0.001)
        yield
    finally:
        os.close(descriptor)
