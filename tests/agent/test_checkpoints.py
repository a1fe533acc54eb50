"""Conversations at rest: encrypted if that is wanted, plain ones stay readable, and never plain by accident."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from copilot.agent.copilot import CHECKPOINTS, Copilot
from copilot.errors import EverpilotError, SettingsError
from copilot.settings import RecordSettings, Settings
from tests.agent.scripted import Scripted

SAID = "the salary of Ms Green is nobody's business"
ANSWER = "It is not told."


def copilot(folder: Path, encrypt: bool) -> Copilot:
    chosen = Settings(records=RecordSettings(encrypt=encrypt))
    return Copilot(folder, model=Scripted(script=[ANSWER, "Bye."]), settings=chosen)


def raw(home: Path) -> bytes:
    with sqlite3.connect(home / CHECKPOINTS) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    return (home / CHECKPOINTS).read_bytes()


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("EVERPILOT_KEY", "a long secret of these tests")
    return "a long secret of these tests"


def kinds(home: Path) -> set[str]:
    with sqlite3.connect(home / CHECKPOINTS) as db:
        found = {kind for (kind,) in db.execute("SELECT type FROM checkpoints UNION SELECT type FROM writes")}
    db.close()
    return found


def test_plain_by_default(tmp_path: Path, home: Path) -> None:
    copilot(tmp_path, False).ask(SAID)
    assert SAID.encode() in raw(home)
    assert (home / CHECKPOINTS).stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("key")
def test_nothing_that_was_said_is_readable(tmp_path: Path, home: Path) -> None:
    final = copilot(tmp_path, True).ask(SAID)
    assert final.text == ANSWER
    assert SAID.encode() not in raw(home)
    assert ANSWER.encode() not in raw(home)
    assert all(kind.endswith("+everpilot") for kind in kinds(home))
    assert copilot(tmp_path, True).ask("And now?", thread=final.thread).text == "Bye.", "another one reads it"


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize("first", [True, False])
def test_a_thread_goes_on_when_the_setting_changes(tmp_path: Path, home: Path, first: bool) -> None:
    final = copilot(tmp_path, first).ask(SAID)
    assert copilot(tmp_path, not first).ask("And now?", thread=final.thread).text == "Bye."
    assert len({kind.endswith("+everpilot") for kind in kinds(home)}) == 2


def test_without_a_key_nothing_is_written(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVERPILOT_KEY", raising=False)
    with pytest.raises(SettingsError, match="nothing to encrypt it with") as caught:
        copilot(tmp_path, True).ask(SAID)
    assert "EVERPILOT_KEY" in caught.value.hint
    assert not (home / CHECKPOINTS).exists()


@pytest.mark.parametrize("encrypt", [True, False])
def test_a_missing_or_wrong_key_is_a_clear_error_and_no_plain_write(
    tmp_path: Path, home: Path, key: str, monkeypatch: pytest.MonkeyPatch, encrypt: bool
) -> None:
    final = copilot(tmp_path, True).ask(SAID)
    before = raw(home)
    monkeypatch.delenv("EVERPILOT_KEY")
    with pytest.raises(SettingsError, match="nothing to encrypt it with"):
        copilot(tmp_path, encrypt).ask("And now?", thread=final.thread)
    monkeypatch.setenv("EVERPILOT_KEY", "another secret")
    with pytest.raises(SettingsError, match="another key"):
        copilot(tmp_path, encrypt).ask("And now?", thread=final.thread)
    assert raw(home) == before


@pytest.mark.usefixtures("key")
def test_altered_bytes_are_told(tmp_path: Path, home: Path) -> None:
    final = copilot(tmp_path, True).ask(SAID)
    with sqlite3.connect(home / CHECKPOINTS) as db:
        cut = "substr(checkpoint, 1, length(checkpoint) - 1) || x'00'"
        db.execute(f"UPDATE checkpoints SET checkpoint = CAST({cut} AS BLOB)")
    db.close()
    with pytest.raises(EverpilotError, match="can't be decrypted"):
        copilot(tmp_path, True).ask("And now?", thread=final.thread)


def test_a_wider_mode_is_mended_and_told_once(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from copilot._home import _looked

    copilot(tmp_path, False).ask(SAID)
    (home / CHECKPOINTS).chmod(0o644)
    (home / "sessions.sqlite").chmod(0o664)
    home.chmod(0o755)
    _looked.clear()
    capsys.readouterr()
    copilot(tmp_path, False)
    told = capsys.readouterr().err
    assert CHECKPOINTS in told
    assert "sessions.sqlite" in told
    assert (home.stat().st_mode & 0o777, (home / CHECKPOINTS).stat().st_mode & 0o777) == (0o700, 0o600)
    _looked.clear()
    copilot(tmp_path, False)
    assert capsys.readouterr().err == ""


def test_everything_in_the_state_folder_is_the_owners_alone(office: Path, home: Path) -> None:
    script = [[("word__replace_text", {"path": "contract.docx", "find": "Acme", "replace": "Apex"})], "Done."]
    made = Copilot(office, model=Scripted(script=script), mode="yes", settings=Settings())
    made.ask("replace Acme by Apex in contract.docx")
    made.workspace.undo()
    wide = [str(p) for p in home.rglob("*") if p.stat().st_mode & 0o077 and "__pycache__" not in p.parts]
    assert wide == []


def test_the_turn_is_in_the_audit_log(office: Path, home: Path) -> None:
    from copilot.trust.audit_check import records, verify

    script = [[("word__replace_text", {"path": "contract.docx", "find": "Acme", "replace": "Apex"})], "Done."]
    made = Copilot(office, model=Scripted(script=script), mode="yes", settings=Settings(), user="ann")
    final = made.ask("replace Acme by Apex in contract.docx")
    made.workspace.undo()
    made.guard.grants.allow("word.replace_text")
    made.guard.grants.revoke(1)
    found = list(records(home))
    events = [(r["event"], r.get("action", "")) for r in found]
    wanted = [("model", ""), ("decision", ""), ("commit", ""), ("undo", ""), ("policy", "allow"), ("policy", "revoke")]
    assert [e for e in wanted if e in events] == wanted
    commit = next(r for r in found if r["event"] == "commit")
    undo = next(r for r in found if r["event"] == "undo")
    assert (commit["actor"], commit["thread"], commit["path"]) == ("ann", final.thread, "contract.docx")
    assert (undo["before"], undo["after"]) == (commit["after"], commit["before"])
    assert verify(home).whole
    assert "Acme" not in (home / "audit" / "log.jsonl").read_text()


def test_no_record_no_deed(office: Path, home: Path) -> None:
    (home / "audit").write_text("in the way")
    before = (office / "contract.docx").read_bytes()
    script = [[("word__replace_text", {"path": "contract.docx", "find": "Acme", "replace": "Apex"})], "Done."]
    final = Copilot(office, model=Scripted(script=script), mode="yes", settings=Settings()).ask("replace Acme by Apex")
    assert final.error is not None
    assert final.error["code"] == "audit"
    assert (office / "contract.docx").read_bytes() == before
