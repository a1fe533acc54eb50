"""`everpilot plugins` and a skill's evals, as a person and a script use them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Everpilot
from tests.vendors import OpenAIServer
from tests.vendors.replies import Call, Reply, Request


@pytest.fixture
def made(everpilot: Everpilot, tmp_path: Path) -> Path:
    done = everpilot("plugins", "new", "word-count", "--into", str(tmp_path), "--json")
    assert done.code == 0, done.err
    return Path(done.json["folder"])


def test_from_new_to_removed(everpilot: Everpilot, made: Path, home: Path) -> None:
    checked = everpilot("plugins", "doctor", "--strict", str(made))
    assert (checked.code, checked.out.strip()) == (0, "Nothing is wrong.")
    asked = everpilot("plugins", "install", str(made))
    assert asked.code == 3
    assert "tool word-count.sign (write): Add a signature" in asked.out
    assert "can run tools.py" in asked.out
    assert everpilot("plugins", "list", "--json").json == []
    offered = everpilot("plugins", "install", str(made), "--json")
    assert (offered.code, offered.json["status"]) == (3, "needs_approval")
    done = everpilot("plugins", "install", str(made), "--yes", "--json")
    assert (done.code, done.json["status"]) == (0, "installed")
    assert done.json["sha256"] == offered.json["sha256"]
    (row,) = everpilot("plugins", "list", "--json").json
    assert (row["name"], row["state"], row["source"]) == ("word-count", "enabled", str(made))
    (made / "SKILL.md").write_text((made / "SKILL.md").read_text() + "\n4. Be brief.\n")
    seen = everpilot("plugins", "update", "--check")
    assert (seen.code, "SKILL.md changed" in seen.out) == (0, True)
    assert everpilot("plugins", "update", "--yes", "--json").json[0]["status"] == "updated"
    assert "up to date" in everpilot("plugins", "update").out
    assert everpilot("plugins", "update", "--rollback", "word-count").code == 0
    assert "SKILL.md" in everpilot("plugins", "show", "word-count").out
    assert "not loaded" in everpilot("plugins", "disable", "word-count").out
    assert everpilot("plugins", "list", "--json").json[0]["state"] == "disabled"
    everpilot("plugins", "enable", "word-count")
    assert everpilot("plugins", "sync", "--write").code == 0
    assert everpilot("plugins", "remove", "word-count").code == 0
    refused = everpilot("plugins", "sync", "--yes")
    assert (refused.code, "other content" in refused.err) == (1, True)
    assert everpilot("plugins", "remove", "word-count").code == 1
    events = [e["action"] for e in everpilot("audit", "--json").json if e.get("kind") == "plugin"]
    assert sorted(events) == ["install", "remove", "rollback", "update"]


def test_a_broken_plugin_never_breaks_a_start(everpilot: Everpilot, made: Path, home: Path) -> None:
    everpilot("plugins", "install", str(made), "--yes")
    (tools,) = (home / "installed").rglob("tools.py")
    tools.write_text("1 / 0")
    assert everpilot("plugins", "list", "--json").json[0]["state"] == "broken"
    told = everpilot("plugins", "doctor", "--json")
    assert (told.code, told.json[0]["severity"]) == (1, "refused")
    assert "tools.py changed" in told.json[0]["reason"]
    assert "refused: plugin word-count" in everpilot("doctor").out
    (home / "installed" / "plugins.lock").write_text("broken")
    assert everpilot.ask("list the documents").code == 0
    assert "plugins.lock" in everpilot("plugins", "doctor").err


@pytest.mark.parametrize(
    ("source", "words"),
    [("./nothing.zip", "There is no"), ("nothing", "pypi:nothing"), ("git://x.org/y", "git is not used")],
)
def test_what_can_not_be_installed_is_explained(source: str, words: str, everpilot: Everpilot) -> None:
    done = everpilot("plugins", "install", source, "--yes")
    assert (done.code, words in done.err) == (1, True), done.err


def _counts(request: Request) -> Reply:
    """A model that uses the tool when it has it, and guesses when it has not; and a judge."""
    first = str(request.messages[0]["content"])
    if "You judge" in first:
        verdicts = [{"n": 1, "holds": True, "why": "it does"}]
        return Reply(f"Here you are: {json.dumps(verdicts)}")
    names = [tool["function"]["name"] for tool in request.body.get("tools", [])]
    called = any(message["role"] == "tool" for message in request.messages)
    tool = next((name for name in names if name.endswith("count_words")), "")
    if tool and not called:
        return Reply(calls=(Call(tool, {"path": "notes.txt"}),))
    return Reply("notes.txt has 10 words." if called else "About a dozen, I think.")


def test_a_skills_evals_compare_models_with_and_without_it(everpilot: Everpilot, made: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.md"
    with OpenAIServer(_counts) as server:
        everpilot.settings([("clever", "openai", server)], "price = { input = 1.0, output = 1.0 }\n")
        arguments = ("--models", "clever,builtin", "--only", "count", "--judge", "clever", "--out", str(report))
        assert everpilot("eval", "--skill", str(made), *arguments).code == 3
        assert not server.requests
        done = everpilot("eval", "--skill", str(made), *arguments, "--yes", "--json")
    assert done.code == 0, done.out + done.err
    rows: dict[Any, Any] = {(row["model"], row["with_skill"]): row for row in done.json["models"]}
    rates = {key: row["pass_rate"] for key, row in rows.items()}
    assert rates == {("clever", True): 1.0, ("clever", False): 0.0, ("builtin", True): 1.0, ("builtin", False): 0.0}
    assert rows["clever", True]["tokens"] > 0
    assert rows["clever", True]["cost"] > 0
    assert rows["builtin", True]["cost"] == 0
    assert "| clever | with | 1 of 1 (100%) |" in report.read_text()
    assert "notes.txt" not in everpilot("sessions", "--all").out
    assert "clever" in everpilot("cost").out


def test_evals_that_fail_give_their_reason_and_an_exit_code(everpilot: Everpilot, made: Path) -> None:
    place = made / "evals" / "evals.json"
    evals = json.loads(place.read_text())
    evals["evals"][0]["checks"].append({"check": "answer_contains", "text": "eleven"})
    place.write_text(json.dumps(evals))
    alone = ("--skill", str(made), "--models", "builtin", "--yes", "--no-baseline")
    done = everpilot("eval", *alone, "--only", "count")
    assert done.code == 1
    assert "0 of 1 (0%)" in done.out
    assert "does not say 'eleven'" in done.out
    assert "sign" in everpilot("eval", *alone, "--only", "sing").err
