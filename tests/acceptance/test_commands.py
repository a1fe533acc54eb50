"""The commands beside the chat, one after the other over one folder: good input, bad input, both forms of output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.acceptance.conftest import Everpilot
from tests.conftest import ROOT

EDIT = "replace Acme with Contoso in contract.docx"
KEYS = ["text", "thread", "served_by", "attempts", "changes", "approvals", "menu", "usage", "error"]


def test_one_shot_ask_approve_and_undo(everpilot: Everpilot) -> None:
    original = (everpilot.folder / "contract.docx").read_bytes()
    waiting = everpilot("-p", EDIT)
    assert waiting.code == 3
    assert "+ between Contoso Ltd and Brightwater Foods plc" in waiting.out
    thread = waiting.out.split(" approve ", 1)[1].split()[0]
    card = everpilot("approve", thread, "--show", "--output-format", "json")
    assert card.json["items"][0]["path"] == "contract.docx"
    assert len(card.json["items"][0]["hunks"]) == 26
    unknown = everpilot("approve", thread, "--only", "7")
    assert (unknown.code, "7" in unknown.err) == (2, True)
    assert (everpilot.folder / "contract.docx").read_bytes() == original
    done = everpilot("approve", thread, "--only", "1")
    assert (done.code, "✓ contract.docx" in done.out) == (0, True)
    listed = everpilot("undo", "--list", "--json").json
    assert [entry["number"] for entry in listed] == [1]
    assert "contract.docx" in everpilot("undo", "1").out
    assert (everpilot.folder / "contract.docx").read_bytes() == original
    assert "undone by 2" in everpilot("undo", "--list").out


def test_json_has_exactly_the_promised_keys_also_when_it_fails(everpilot: Everpilot) -> None:
    asked = everpilot.ask(EDIT, "--dry-run")
    assert (asked.code, list(asked.json)) == (0, KEYS)
    assert {"path", "hunks", "committed"} <= set(asked.json["changes"][0])
    assert asked.json["changes"][0]["committed"] is False
    for arguments, code in ((["--model", "nope"], 2), (["missing.docx"], 1)):
        failed = everpilot.ask("hello", *arguments)
        assert (failed.code, list(failed.json)) == (code, KEYS), arguments
        assert failed.json["error"]["message"]
    streamed = everpilot("-p", "-", "--output-format", "stream-json", stdin="")
    assert (streamed.code, streamed.events[-1]["type"]) == (2, "final")


def test_a_file_outside_of_the_folder_can_be_named_and_approved_later(everpilot: Everpilot, tmp_path: Path) -> None:
    outside = tmp_path / "elsewhere" / "offer.docx"
    outside.parent.mkdir()
    outside.write_bytes((everpilot.folder / "contract.docx").read_bytes())
    original = outside.read_bytes()
    assert everpilot("-p", "replace Acme with Contoso in offer.docx", str(outside)).code == 3
    assert everpilot("approve").code == 0
    assert outside.read_bytes() != original
    assert everpilot("undo").code == 0
    assert outside.read_bytes() == original
    assert "outside" in everpilot("call", "word.read", "--args", json.dumps({"path": str(outside)})).err


def test_a_thread_of_another_folder_is_not_continued_here(everpilot: Everpilot, tmp_path: Path) -> None:
    thread = everpilot.ask("list the documents").json["thread"]
    other = tmp_path / "other"
    other.mkdir()
    failed = everpilot("-p", "and now?", "-r", thread, "--dir", str(other))
    assert (failed.code, str(everpilot.folder) in failed.err) == (1, True)
    listed = everpilot("sessions", "--json", "--dir", str(other))
    assert listed.json == []
    assert [t["id"] for t in everpilot("sessions", "--all", "--json", "--dir", str(other)).json] == [thread]


def test_a_pipe_that_is_closed_early_and_an_old_locale_are_no_errors(everpilot: Everpilot) -> None:
    """As `everpilot tools --json | head -1` in a shell; the reader is gone before the first byte."""
    read, write = os.pipe()
    os.close(read)
    old = {**everpilot.env, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    command = [sys.executable, "-m", "copilot"]
    with os.fdopen(write, "wb") as closed:
        done = subprocess.run(
            [*command, "tools", "--json"], stdout=closed, stderr=subprocess.PIPE, env=old, timeout=100, check=False
        )
    assert done.stderr == b""
    say = [*command, "-p", "what does the contract say about termination?", "--output-format", "json"]
    told = subprocess.run(
        say, cwd=everpilot.folder, env=old, stdin=subprocess.DEVNULL, capture_output=True, timeout=100, check=True
    )
    assert "“" in json.loads(told.stdout)["text"], "JSON says in ASCII what the locale can't"


def test_tools_models_inspect_and_doctor_say_the_same_to_people_and_scripts(everpilot: Everpilot) -> None:
    names = [tool["name"] for tool in everpilot("tools", "--json").json]
    listed = everpilot("tools").out.splitlines()
    assert [line.split()[0] for line in listed[1:]] == names, "one line a tool when piped"
    assert everpilot("models", "--json").json[-1]["name"] == "builtin"
    assert "Services Agreement" in everpilot("inspect", "contract.docx").out
    assert everpilot("inspect", "contract.docx", "--json").json["status"] == "opened"
    checks = everpilot("doctor", "--json")
    assert checks.code == 0, checks.out
    (everpilot.folder / "copilot.toml").write_text("nonsense = 1\n")
    broken = everpilot("doctor")
    assert (broken.code, "FAIL settings" in broken.out, "nonsense" in broken.out) == (1, True, True)


def test_the_picture_for_the_readme_is_of_this_program() -> None:
    shown = (ROOT / "docs" / "terminal.svg").read_text("utf-8")
    for seen in ("everpilot", "contract.docx", "thirty", "takes&#160;it&#160;back"):
        assert seen in shown


def test_no_command_lets_a_file_name_steer_the_terminal(everpilot: Everpilot) -> None:
    name, escape = "a\x1b[31mb.docx", "\x1b"
    (everpilot.folder / "contract.docx").rename(everpilot.folder / name)
    (everpilot.folder / f"bad{name}").write_text("no document")
    args = {"find": "Acme", "replace": "Contoso"}
    runs = [
        everpilot("call", "word.replace_text", "--args", json.dumps({**args, "path": name}), "--yes"),
        everpilot("undo"),
        everpilot("call", "word.replace_text", "--args", json.dumps({**args, "path": f"bad{name}"})),
        everpilot("inspect", f"bad{name}"),
        everpilot("trust", escape),
        everpilot("doctor", COPILOT_SKILLS_PATH=_broken_skill(everpilot.folder / escape)),
        everpilot("tools", COPILOT_SKILLS_PATH=_broken_skill(everpilot.folder / escape)),
    ]
    assert [run.code for run in runs] == [0, 0, 1, 2, 2, 1, 0]
    assert not [run for run in runs if escape in run.out + run.err]


def _broken_skill(root: Path) -> str:
    (root / "bad").mkdir(parents=True, exist_ok=True)
    (root / "bad" / "SKILL.md").write_text("nothing")
    return str(root)
