"""The audit log: chained, sealed, without text; whatever is done to it afterwards is found and named."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from keyring.backend import KeyringBackend

from copilot.errors import WorkspaceError
from copilot.trust import audit as audit_module
from copilot.trust.audit import FOLDER, HEAD, LOG, Audit, files, told_of
from copilot.trust.audit_check import Report, records, verify
from copilot.trust.audit_keys import FILE, Keys
from copilot.trust.labels import Confidentiality, Integrity, Label

EVENT: dict[str, Any] = {
    "event": "decision",
    "tool": "word.replace_text",
    "args": {"path": "contract.docx", "find": "the salary of Ms Green"},
    "read": Label(Integrity.UNTRUSTED, Confidentiality.INTERNAL, ("contract.docx",)).to_dict(),
    "verdict": "ask",
    "rule": "write",
    "thread": "ab12cd34",
    "status": "ask",
}


def keys(state: Path) -> Keys:
    return Keys(state / FOLDER, keyring=False)


def written(state: Path, count: int = 6, **more: Any) -> Audit:
    log = Audit(state, actor="ann", keys=keys(state), **more)
    for number in range(count):
        log.record({**EVENT, "call": f"call_{number}"})
    return log


def checked(state: Path) -> Report:
    return verify(state, keys=keys(state))


def lines(state: Path) -> list[bytes]:
    return (state / FOLDER / LOG).read_bytes().splitlines(keepends=True)


def put(state: Path, found: list[bytes]) -> None:
    (state / FOLDER / LOG).write_bytes(b"".join(found))


# --- what it says -------------------------------------------------------------------------------------------------


def test_a_record_holds_what_was_decided_and_no_text(tmp_path: Path) -> None:
    now = datetime(2026, 5, 31, 12, tzinfo=UTC)
    log = Audit(tmp_path, actor="ann", keys=keys(tmp_path), clock=lambda: now)
    assert log.record({**EVENT, "why": "because of the salary", "before": "a" * 64, "after": None}) == 1
    (record,) = records(tmp_path)
    canonical = json.dumps(EVENT["args"], sort_keys=True, separators=(",", ":")).encode()
    assert record["args_sha256"] == hashlib.sha256(canonical).hexdigest()
    assert {n: record[n] for n in ("seq", "time", "actor", "tool", "verdict", "rule", "thread", "before")} == {
        "seq": 1,
        "time": "2026-05-31T12:00:00.000+00:00",
        "actor": "ann",
        "tool": "word.replace_text",
        "verdict": "ask",
        "rule": "write",
        "thread": "ab12cd34",
        "before": "a" * 64,
    }
    assert record["read"] == {"integrity": "untrusted", "confidentiality": "internal", "sources": ["contract.docx"]}
    assert "salary" not in (tmp_path / FOLDER / LOG).read_text()


def test_a_model_cannot_write_what_it_read_into_the_log_as_the_name_of_a_tool(tmp_path: Path) -> None:
    told = told_of({**EVENT, "tool": "the salary of Ms Green is 9,000", "call": "it is 9,000"})
    assert "9,000" not in json.dumps(told)
    assert {"tool_sha256", "call_sha256"} <= set(told)


def test_files_are_named_unless_that_is_not_wanted(tmp_path: Path) -> None:
    event = {**EVENT, "event": "commit", "path": "hr/\u202egreen\x1b[31m.docx"}
    named, unnamed = told_of(event), told_of(event, paths=False)
    assert named["path"] == event["path"]
    assert "docx" not in json.dumps(unnamed)
    Audit(tmp_path, keys=keys(tmp_path)).record(event)
    raw = (tmp_path / FOLDER / LOG).read_bytes()
    assert raw.isascii(), "a name can't do anything to a terminal"
    assert b"\x1b" not in raw


def test_a_secret_in_a_name_does_not_get_in(tmp_path: Path) -> None:
    secret = "sk-ant-api03-" + "Zq7w" * 20
    Audit(tmp_path, keys=keys(tmp_path)).record({**EVENT, "path": f"{secret}.docx", "thread": secret})
    assert secret not in (tmp_path / FOLDER / LOG).read_text()


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    written(tmp_path, 1)
    modes = {p.name: p.stat().st_mode & 0o777 for p in (tmp_path / FOLDER).iterdir()}
    assert modes == {LOG: 0o600, HEAD: 0o600, FILE: 0o600, "lock": 0o600}
    assert (tmp_path / FOLDER).stat().st_mode & 0o777 == 0o700


def test_a_long_log_goes_on_in_another_file(tmp_path: Path) -> None:
    written(tmp_path, 40, max_bytes=4000)
    assert len(files(tmp_path / FOLDER)) > 3
    assert [r["seq"] for r in records(tmp_path)] == list(range(1, 41))
    assert checked(tmp_path).whole
    files(tmp_path / FOLDER)[1].unlink()
    assert checked(tmp_path).faults[0].what.startswith("is missing")


# --- tampering ----------------------------------------------------------------------------------------------------


def test_an_untouched_log_is_whole(tmp_path: Path) -> None:
    assert checked(tmp_path).whole, "there is none"
    written(tmp_path)
    report = checked(tmp_path)
    assert report.whole
    assert (report.records, report.last, report.faults, report.notes) == (6, 6, [], [])
    assert report.last_hash == hashlib.sha256(lines(tmp_path)[-1].rstrip(b"\n")).hexdigest()


@pytest.mark.parametrize("record", [1, 3, 6])
def test_every_byte_of_a_record_counts(tmp_path: Path, record: int) -> None:
    written(tmp_path)
    found = lines(tmp_path)
    line = found[record - 1]
    for at in [*range(0, len(line) - 1, 7), len(line) - 2]:
        changed = line[:at] + bytes([line[at] ^ 1]) + line[at + 1 :]
        put(tmp_path, [*found[: record - 1], changed, *found[record:]])
        report = checked(tmp_path)
        assert not report.whole, f"byte {at} of {line!r}"
        assert report.faults[0].record == record


def _reformatted(line: bytes) -> bytes:
    return json.dumps(json.loads(line)).encode() + b"\n"


def _resealed(line: bytes, **change: Any) -> bytes:
    """Forge a record with a key of one's own."""
    body = {**json.loads(line), **change}
    body.pop("mac")
    return audit_module.signed(body, audit_module.Key(b"not the key", "file"))


EDITS: dict[str, tuple[Callable[[list[bytes]], list[bytes]], int]] = {
    "changed": (lambda f: [f[0], f[1].replace(b'"ask"', b'"yes"', 1), *f[2:]], 2),
    "reformatted": (lambda f: [f[0], _reformatted(f[1]), *f[2:]], 2),
    "forged": (lambda f: [f[0], _resealed(f[1], verdict="allow"), *f[2:]], 2),
    "first removed": (lambda f: f[1:], 1),
    "removed": (lambda f: [*f[:2], *f[3:]], 3),
    "several removed": (lambda f: [f[0], *f[4:]], 2),
    "last removed": (lambda f: f[:-1], 6),
    "end cut off": (lambda f: f[:2], 3),
    "all removed": (lambda f: [], 1),
    "swapped": (lambda f: [f[0], f[2], f[1], *f[3:]], 2),
    "repeated": (lambda f: [*f[:3], f[2], *f[3:]], 3),
    "inserted garbage": (lambda f: [*f[:2], b"{}\n", *f[2:]], 3),
    "inserted forgery": (lambda f: [*f[:2], _resealed(f[2]), *f[2:]], 3),
    "an empty line": (lambda f: [*f[:2], b"\n", *f[2:]], 3),
    "no json": (lambda f: [*f[:2], b"\xff\xfe" + b"[" * 5000 + b"\n", *f[3:]], 3),
}


@pytest.mark.parametrize("name", list(EDITS))
def test_every_kind_of_edit_is_found_and_named(tmp_path: Path, name: str) -> None:
    edit, record = EDITS[name]
    written(tmp_path)
    put(tmp_path, edit(lines(tmp_path)))
    report = checked(tmp_path)
    assert not report.whole
    assert report.faults[0].record == record, report.faults


@pytest.mark.parametrize("name", [n for n in EDITS if n != "all removed"])
def test_going_on_does_not_heal_it(tmp_path: Path, name: str) -> None:
    edit, record = EDITS[name]
    log = written(tmp_path)
    put(tmp_path, edit(lines(tmp_path)))
    for writer in (log, Audit(tmp_path, keys=keys(tmp_path))):
        writer.record(EVENT)
    report = checked(tmp_path)
    assert not report.whole
    assert report.faults[0].record == record, report.faults


def test_random_edits_are_found(tmp_path: Path) -> None:
    written(tmp_path, 12)
    original, rng = (tmp_path / FOLDER / LOG).read_bytes(), random.Random(4)
    for _ in range(300):
        at, size = rng.randrange(len(original)), rng.choice([0, 1, 1, 3, 400])
        new = bytes(rng.randrange(256) for _ in range(rng.choice([0, 1, 1, 2])))
        edited = original[:at] + new + original[at + size :]
        if edited != original:
            (tmp_path / FOLDER / LOG).write_bytes(edited)
            assert not checked(tmp_path).whole or checked(tmp_path).notes


def test_the_head_can_neither_be_removed_nor_set_back(tmp_path: Path) -> None:
    log = written(tmp_path, 3)
    head = tmp_path / FOLDER / HEAD
    old = head.read_bytes()
    for _ in range(3):
        log.record(EVENT)
    for content in (b"", b"{}", old, head.read_bytes().replace(b'"seq":6', b'"seq":5')):
        kept = head.read_bytes()
        head.write_bytes(content)
        assert not checked(tmp_path).whole, content
        head.write_bytes(kept)
    assert checked(tmp_path).whole
    head.unlink()
    assert "head" in checked(tmp_path).faults[0].what


def test_a_removed_head_is_told_by_the_log_itself(tmp_path: Path) -> None:
    written(tmp_path)
    put(tmp_path, lines(tmp_path)[:3])
    (tmp_path / FOLDER / HEAD).unlink()
    written(tmp_path, 1)
    assert any("whether the end was cut" in note for note in checked(tmp_path).notes)


def test_another_key_does_not_fit(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / FOLDER / FILE).write_text("00" * 32)
    report = checked(tmp_path)
    assert "key" in report.faults[0].what
    assert len(report.faults) >= 6


# --- crashes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("left", [1, 40, -1])
def test_a_torn_record_is_set_aside_and_the_chain_goes_on(tmp_path: Path, left: int) -> None:
    log = written(tmp_path)
    head = (tmp_path / FOLDER / HEAD).read_bytes()
    log.record({**EVENT, "call": "torn"})
    found = lines(tmp_path)
    put(tmp_path, [*found[:-1], found[-1][:left]])
    (tmp_path / FOLDER / HEAD).write_bytes(head)  # it is written after the record
    assert checked(tmp_path).whole, "a crash is no tampering"
    assert any("torn" in note for note in checked(tmp_path).notes)
    written(tmp_path, 2)
    report = checked(tmp_path)
    assert report.whole, report.faults
    assert any("set aside" in note for note in report.notes)
    (aside,) = (tmp_path / FOLDER).glob("torn-*.bin")
    assert aside.read_bytes() == found[-1][:left]
    assert [r["event"] for r in records(tmp_path)][6:] == ["recovered", "decision", "decision"]


def test_a_crash_between_record_and_head_is_no_fault(tmp_path: Path) -> None:
    log = written(tmp_path)
    head = (tmp_path / FOLDER / HEAD).read_bytes()
    log.record(EVENT)
    (tmp_path / FOLDER / HEAD).write_bytes(head)
    assert checked(tmp_path).whole
    written(tmp_path, 1)
    assert checked(tmp_path).whole


def test_a_sealed_record_that_is_torn_later_is_a_fault(tmp_path: Path) -> None:
    written(tmp_path)
    found = lines(tmp_path)
    put(tmp_path, [*found[:-1], found[-1][:40]])
    written(tmp_path, 1)
    report = checked(tmp_path)
    assert [(f.record, f.what) for f in report.faults] == [(6, "is missing: 6")]


WRITER = """
import sys
from pathlib import Path
from copilot.trust.audit import Audit
from copilot.trust.audit_keys import Keys
state = Path(sys.argv[1])
log = Audit(state, actor=sys.argv[2], keys=Keys(state / "audit", keyring=False), max_bytes=100_000)
for number in range(int(sys.argv[3])):
    log.record({"event": "decision", "tool": "t", "call": f"{sys.argv[2]}-{number}", "args": {"n": number}})
"""


def run(state: Path, name: str, count: int) -> subprocess.Popen[bytes]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen([sys.executable, "-c", WRITER, str(state), name, str(count)], env=env)


def test_many_processes_make_one_chain(tmp_path: Path) -> None:
    started = [run(tmp_path, f"p{number}", 200) for number in range(8)]
    assert [each.wait(100) for each in started] == [0] * 8
    report = checked(tmp_path)
    assert report.whole, report.faults[:3]
    assert report.records == 1600
    calls = [r["call"] for r in records(tmp_path)]
    for number in range(8):
        assert [c for c in calls if c.startswith(f"p{number}-")] == [f"p{number}-{n}" for n in range(200)]


def test_many_threads_make_one_chain(tmp_path: Path) -> None:
    log = Audit(tmp_path, keys=keys(tmp_path))
    threads = [threading.Thread(target=lambda: [log.record(EVENT) for _ in range(50)]) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert checked(tmp_path).whole
    assert checked(tmp_path).records == 400


def test_a_killed_writer_leaves_a_chain_that_goes_on(tmp_path: Path) -> None:
    for _ in range(3):
        process = run(tmp_path, "victim", 100_000)
        log = tmp_path / FOLDER / LOG
        size = log.stat().st_size if log.exists() else 0
        while process.poll() is None and (not log.exists() or log.stat().st_size in (0, size)):
            pass
        process.kill()
        process.wait()
        assert checked(tmp_path).whole
    written(tmp_path, 1)
    assert checked(tmp_path).whole


def test_a_log_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("in the way")
    with pytest.raises(WorkspaceError, match="audit log") as caught:
        written(tmp_path, 1)
    assert caught.value.code == "audit"


# --- keys ---------------------------------------------------------------------------------------------------------


class Ring(KeyringBackend):
    """A keyring in memory."""

    priority = 5  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password


@pytest.fixture
def ring() -> Iterator[Ring]:
    import keyring
    from keyring.backends.fail import Keyring

    made = Ring()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(Keyring())


def test_the_key_lies_in_the_keyring_where_there_is_one(tmp_path: Path, ring: Ring) -> None:
    Audit(tmp_path).record(EVENT)
    assert next(iter(ring.kept))[0] == "everpilot"
    assert not (tmp_path / FOLDER / FILE).exists()
    assert verify(tmp_path).whole
    assert next(records(tmp_path))["key"].startswith("keyring:")


def test_a_file_in_its_place_is_told(tmp_path: Path, ring: Ring) -> None:
    Audit(tmp_path).record(EVENT)
    for number in range(3):  # somebody who can write the folder, but has no access to the keyring
        Audit(tmp_path, keys=keys(tmp_path)).record({**EVENT, "call": f"{number}"})
    report = verify(tmp_path)
    assert [(f.record, "file" in f.what) for f in report.faults] == [(2, True)]


def test_without_a_keyring_a_file_is_the_key_and_stays_it(tmp_path: Path) -> None:
    Audit(tmp_path).record(EVENT)
    assert len(bytes.fromhex((tmp_path / FOLDER / FILE).read_text())) == 32
    Audit(tmp_path).record(EVENT)
    assert {r["key"] for r in records(tmp_path)} == {next(records(tmp_path))["key"]}
    assert verify(tmp_path).whole
