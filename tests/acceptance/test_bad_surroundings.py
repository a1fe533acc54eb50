"""Broken plugins, models, settings and state, and Ctrl-C: a clear error, nothing lost, the thread usable afterwards."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from copilot import Change, Copilot, Edited, Hunk, Result, ToolContext, tool
from copilot.agent.events import Final, ToolEvent
from copilot.errors import ApprovalError, EverpilotError, SettingsError
from copilot.models import health
from copilot.settings import ModelSettings, RoutingSettings, Settings
from tests.conftest import ROOT
from tests.vendors import Call, OpenAIServer, Reply, Request
from tests.warm import Python

_COUNT = itertools.count()


def _swapped(ctx: ToolContext, path: str, text: str) -> Change:
    file = ctx.open(path)
    return ctx.edit(file, Edited(text.encode(), (Hunk("line 1", file.content.decode(), text),)), "swap")


@tool(effect="write")
def swap(ctx: ToolContext, path: str) -> Change:
    """Write another text."""
    return _swapped(ctx, path, "Contoso")


@tool(effect="write")
def never_the_same(ctx: ToolContext) -> Change:
    """Write another text each time."""
    return _swapped(ctx, "a.txt", f"version {next(_COUNT)}")


@tool
def long(ctx: ToolContext) -> Result:
    """Return ten megabytes."""
    return Result("word " * 2_000_000)


@tool
def half_character(ctx: ToolContext) -> Result:
    """Return what no vendor takes."""
    return Result("bad \ud800 text", data={"when": object(), "raw": b"\xff"})


def returning(name: str, value: Any, effect: str = "read") -> Callable[..., Any]:
    """A tool that returns `value`, or calls it."""

    def function(ctx: ToolContext) -> Any:
        return value() if callable(value) else value

    function.__name__, function.__doc__ = name, "Has a bug."
    return tool(effect=effect)(function)


def _raises(error: BaseException) -> Callable[[], Any]:
    def fail() -> Any:
        raise error

    return fail


def _change(path: str, content: Any = b"evil", hunks: Any = ()) -> Change:
    return Change(Path(path), None, content, hunks, "evil")


BUGS: list[tuple[str, Callable[..., Any], str, str]] = [
    ("none", returning("none", None), "tool_result", "it returned NoneType"),
    ("number", returning("number", 5), "tool_result", "it returned int"),
    ("mapping", returning("mapping", {"a": 1}, "write"), "tool_result", "it returned dict"),
    ("numbers", returning("numbers", [1, 2], "write"), "tool_result", "not whole"),
    ("no_text", returning("no_text", Result(None)), "tool_result", "not whole"),  # type: ignore[arg-type]
    ("text_bytes", returning("text_bytes", _change("x.txt", "text"), "write"), "tool_result", "not whole"),
    ("no_hunks", returning("no_hunks", _change("x.txt", hunks=None), "write"), "tool_result", "not whole"),
    ("out", returning("out", _change("../evil.txt"), "write"), "outside_roots", "outside"),
    ("far_out", returning("far_out", _change("/etc/evil.txt"), "write"), "outside_roots", "outside"),
    ("liar", returning("liar", _change("x.txt")), "effect", "declared to read"),
    ("crash", returning("crash", _raises(ZeroDivisionError("bug"))), "tool_crashed", "ZeroDivisionError: bug"),
    ("leave", returning("leave", _raises(SystemExit(3))), "tool_crashed", "SystemExit: 3"),
]
TOOLS = (swap, never_the_same, long, half_character, *(bug for _, bug, _, _ in BUGS))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("Acme")
    return tmp_path / "docs"


def made(folder: Path, script: list[Any], mode: str = "ask") -> Copilot:
    model = ModelSettings(name="scripted", provider="tests.agent.scripted:Scripted", options={"script": script})
    return Copilot(folder, tools=TOOLS, mode=mode, settings=Settings(models=[model]))


def failed(events: list[Any]) -> list[str]:
    return [e.text for e in events if isinstance(e, ToolEvent) and e.status == "failed"]


SWAP = ("custom__swap", {"path": "a.txt"})
SCRIPT = [[SWAP], "I tried.", "Here again.", "And again."]


# --- plugins ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["ask", "yes"])
@pytest.mark.parametrize(("name", "code", "words"), [(name, code, words) for name, _, code, words in BUGS])
def test_a_tool_with_a_bug_writes_nothing_and_the_turn_goes_on(
    folder: Path, name: str, code: str, words: str, mode: str
) -> None:
    copilot = made(folder, [[(f"custom__{name}", {})], "It did not work.", "Here again."], mode)
    told = copilot.call(f"custom.{name}", {})
    assert (told["error"]["code"], words in told["text"], told["changes"]) == (code, True, [])
    assert f"custom.{name}" in told["text"] or code == "outside_roots"
    events = list(copilot.stream("do it"))
    assert [words in text for text in failed(events)] == [True]
    assert isinstance(events[-1], Final)
    assert (events[-1].text, events[-1].approvals) == ("It did not work.", [])
    assert events[-1].error is not None
    assert events[-1].error["code"] == code
    assert [p.name for p in folder.iterdir()] == ["a.txt"]
    assert copilot.ask("and now?", thread=events[-1].thread).text == "Here again."


def test_a_change_that_is_never_the_same_is_asked_again_with_the_reason_and_then_given_up(folder: Path) -> None:
    copilot = made(folder, [[("custom__never_the_same", {})], "It can't be done.", "Here again."])
    final = copilot.ask("do it")
    asked = 0
    while final.approvals:
        asked += 1
        assert ("has changed since" in final.approvals[0]["why"]) == (asked > 1)
        assert asked < 10, "it must come to an end"
        final = copilot.resume(final.thread)
    assert asked > 1
    assert (final.text, final.error and final.error["code"]) == ("It can't be done.", "not_repeatable")
    assert (folder / "a.txt").read_text() == "Acme"
    assert copilot.ask("and now?", thread=final.thread).text == "Here again."


def test_a_model_is_given_the_beginning_of_a_huge_result_and_a_script_all_of_it(folder: Path) -> None:
    with OpenAIServer([Reply(calls=(Call("custom__long"),)), "It is long."]) as server:
        copilot = vendor(folder, server)
        assert copilot.ask("read it").text == "It is long."
        given = str(server.requests[-1].messages[-1]["content"])
    assert given.startswith("word word")
    assert len(given) < 100_000
    assert "of 10,000,000 characters" in given
    assert len(copilot.call("custom.long", {})["text"]) == 10_000_000


def test_what_no_vendor_takes_is_mended_on_the_way(folder: Path) -> None:
    with OpenAIServer([Reply(calls=(Call("custom__half_character"),)), "Fine."]) as server:
        final = vendor(folder, server).ask("read it, \udcff")
        assert (final.text, final.error) == ("Fine.", None)
        assert "bad ? text" in str(server.requests[-1].messages[-1]["content"])


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import no_such_module", "No module named 'no_such_module'"),
        ("def (:", "SyntaxError"),
        ("import sys; sys.exit(5)", "SystemExit: 5"),
        ("raise RuntimeError('boom')", "boom"),
    ],
)
def test_a_skill_that_fails_to_load_is_named_and_the_others_work(
    folder: Path, home: Path, code: str, words: str
) -> None:
    name = f"bad{next(_COUNT)}"
    skill = home / "skills" / name
    skill.mkdir(parents=True)
    (skill / "SKILL.md").write_text(f"---\nname: {name}\ndescription: Bad.\n---\nx\n")
    (skill / "__init__.py").touch()
    (skill / "tools.py").write_text(f"{code}\n")
    skills = Copilot(folder).skills
    assert [words in p.reason for p in skills.problems if name in p.where] == [True]
    assert "word.replace_text" in skills.tools()


# --- between the proposal and the approval ----------------------------------------------------------------------------


def _gone(path: Path) -> None:
    path.unlink()


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _linked_out(path: Path) -> None:
    path.rename(path.parent.parent / "a.txt")
    path.symlink_to(path.parent.parent / "a.txt")


def _read_only(path: Path) -> None:
    path.chmod(0o444)


def _locked(path: Path) -> None:
    path.with_name(".~lock.a.txt#").write_text(",Anna,desk,,;")


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (_gone, "missing"),
        (_folder, "folder"),
        (_linked_out, "outside_roots"),
        (_read_only, "locked"),
        (_locked, "locked"),
    ],
)
def test_a_file_that_cannot_be_written_any_more_when_it_is_approved(
    folder: Path, spoil: Callable[[Path], None], code: str
) -> None:
    copilot = made(folder, SCRIPT)
    first = copilot.ask("go")
    spoil(folder / "a.txt")
    events = list(copilot.stream_resume(first.thread))
    assert len(failed(events)) == 1
    assert (events[-1].text, events[-1].error["code"], events[-1].approvals) == ("I tried.", code, [])  # type: ignore[attr-defined]
    assert not any(p.is_file() and p.read_text() == "Contoso" for p in folder.parent.rglob("*.txt"))
    assert copilot.ask("and now?", thread=first.thread).text == "Here again."


def test_a_file_that_changed_is_shown_again_and_the_reason_is_told(folder: Path) -> None:
    copilot = made(folder, SCRIPT)
    first = copilot.ask("go")
    (folder / "a.txt").write_text("Something new")
    second = copilot.resume(first.thread)
    assert (folder / "a.txt").read_text() == "Something new"
    assert "has changed since" in second.approvals[0]["why"]
    assert second.approvals[0]["items"][0]["hunks"][0]["before"] == "Something new"
    assert copilot.resume(first.thread).text == "I tried."
    assert (folder / "a.txt").read_text() == "Contoso"


def test_two_processes_that_approve_at_once_write_once(folder: Path, python: Python) -> None:
    thread = made(folder, SCRIPT).ask("go").thread
    code = (
        "from pathlib import Path; from copilot.errors import EverpilotError\n"
        "from tests.acceptance.test_bad_surroundings import SCRIPT, made\n"
        f"try: final = made(Path({str(folder)!r}), SCRIPT).resume({thread!r}); print(final.text, final.error)\n"
        "except EverpilotError as error: print(error)\n"
    )
    with ThreadPoolExecutor(2) as at_once:
        told = list(at_once.map(python, [code, code]))
    assert all("Traceback" not in out + err for _, out, err in told)
    assert [returned for returned, _, _ in told] == [0, 0]
    assert "I tried. None" in "".join(out for _, out, _ in told)
    assert (folder / "a.txt").read_text() == "Contoso"
    copilot = made(folder, SCRIPT)
    assert len(copilot.workspace.history()) == 1
    assert copilot.ask("and now?", thread=thread).text in ("Here again.", "And again.")


# --- models -----------------------------------------------------------------------------------------------------------


def vendor(folder: Path, server: OpenAIServer, *, builtin: bool = False) -> Copilot:
    model = ModelSettings(name="a", provider="openai", model="m", base_url=server.base_url, api_key_env="KEY_A")
    settings = Settings(models=[model], routing=RoutingSettings(builtin=builtin))
    return Copilot(folder, tools=TOOLS, settings=settings, env={"KEY_A": server.api_key})


@pytest.fixture
def forgetful() -> Iterator[None]:
    """A circuit that opened in one test must not be open in the next: the state folder is another one."""
    yield
    health._processwide.clear()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("unknown_tool", "a tool that does not exist"),
        ("malformed_arguments", "malformed tool arguments"),
        ("empty", "empty answer"),
        ("html", "broken answer"),
        ("bad_json", "broken answer"),
        ("content_filter", "content filter"),
        ("no_finish_reason", "without a finish reason"),
        ("401", "Check the key in KEY_A"),
        ("404", "model not found"),
        ("quota", "out of credit"),
        ("context_length", "Ask about less at a time"),
    ],
)
@pytest.mark.usefixtures("forgetful")
def test_a_model_that_answers_nonsense_is_named_with_the_reason(folder: Path, fault: str, words: str) -> None:
    with OpenAIServer(["Here again."] * 5) as server:
        server.faults.extend([fault] * 4)
        copilot = vendor(folder, server)
        final = copilot.ask("hello")
        assert final.error is not None
        assert (final.error["code"] in ("no_model", "too_long"), words in final.error["message"]) == (True, True)
        server.faults.clear()
        health._processwide.clear()
        (copilot.state / health.FILE_NAME).unlink(missing_ok=True)
        assert vendor(folder, server).ask("and now?", thread=final.thread).text == "Here again."


def test_a_tool_that_is_not_there_never_runs_and_the_model_mends_it(folder: Path) -> None:
    with OpenAIServer([Reply(calls=(Call("word__replac_text", {"path": "a.txt"}),)), "Sorry."]) as server:
        final = vendor(folder, server).ask("go")
    assert (final.text, final.error) == ("Sorry.", None)


def test_a_model_that_calls_for_ever_is_stopped_in_words_that_say_what_to_do(folder: Path) -> None:
    copilot = made(folder, [[("custom__half_character", {})]])
    final = copilot.ask("go")
    assert "limit" in final.text
    assert "choose another model" in final.text
    assert final.error is not None
    assert final.error["code"] == "call_limit"


def test_a_missing_client_names_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langchain_openai", None)
    with OpenAIServer(["never"]) as server:
        final = vendor(folder, server).ask("hello")
    assert final.error is not None
    assert 'pip install "everpilot[openai]"' in final.error["message"]


_MODEL = '[[models]]\nname = "a"\nprovider = "openai"\nmodel = "m"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[models]\nbroken", "no valid TOML"),
        ('[[models]]\nname = "a"\nprovider = "nosuch"\n', "no provider 'nosuch'"),
        (f'{_MODEL}base_url = "localhost:8000/v1"\n', "starts with http"),
        (f"{_MODEL}{_MODEL}", "'a' is used twice"),
        (f'{_MODEL}[routing]\norder = ["b"]\n', "routing.order names 'b'"),
        ('[routing]\npolicy = "fastest"\n', "routing.policy"),
        ("[nonsense]\nx = 1\n", "nonsense"),
        (f"{_MODEL}[models.deadlines]\nattempt = -1\n", "deadlines.attempt"),
    ],
)
def test_a_mistake_in_the_settings_is_named(folder: Path, text: str, words: str) -> None:
    (folder / "copilot.toml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        Copilot(folder).ask("hello")
    assert words in str(caught.value)


def test_an_unknown_model_and_a_missing_key(folder: Path) -> None:
    settings = Settings(models=[ModelSettings(name="a", provider="openai", model="m", api_key_env="KEY_A")])
    with pytest.raises(SettingsError, match="no model 'b'"):
        Copilot(folder, model="b", settings=settings).ask("hello")
    settings.routing.builtin = False
    final = Copilot(folder, settings=settings, env={}).ask("hello")
    assert final.error is not None
    assert "KEY_A is not set" in final.error["message"]


# --- state ------------------------------------------------------------------------------------------------------------

_JUNK = b"\x00garbage" * 500


def _overwritten(database: Path) -> None:
    for path in (database, *(database.with_name(database.name + end) for end in ("-wal", "-shm"))):
        path.unlink(missing_ok=True)
    database.parent.mkdir(exist_ok=True)
    database.write_bytes(_JUNK)


@pytest.mark.parametrize("name", ["threads.sqlite", "sessions.sqlite"])
def test_a_damaged_list_of_threads_is_named_and_moved_away_all_is_well(folder: Path, home: Path, name: str) -> None:
    made(folder, SCRIPT).ask("go")
    _overwritten(home / name)
    copilot = made(folder, SCRIPT, "yes")
    with pytest.raises(EverpilotError, match=f"{name}.*move it away"):
        copilot.ask("hello")
    assert copilot.call("custom.swap", {"path": "a.txt"})["status"] == "done", "what needs no thread still works"
    assert (home / name).read_bytes() == _JUNK, "nothing is thrown away unasked"
    (home / name).rename(home / "old")
    assert copilot.ask("hello").text == "I tried."


def test_with_a_damaged_journal_nothing_is_written_and_everything_can_be_read(folder: Path, home: Path) -> None:
    first = made(folder, SCRIPT).ask("go")
    _overwritten(home / "journal" / "index.sqlite")
    copilot = made(folder, SCRIPT, "yes")
    told = copilot.call("custom.swap", {"path": "a.txt"})
    assert (told["status"], "index.sqlite" in told["text"], "Move it away" in told["text"]) == ("failed", True, True)
    final = copilot.resume(first.thread)
    assert final.error is not None
    assert "index.sqlite" in final.error["message"]
    assert (folder / "a.txt").read_text() == "Acme"
    assert copilot.ask("and now?", thread=first.thread).error is None
    reading = made(folder, [[("custom__half_character", {})], "Read."]).ask("read")
    assert (reading.text, reading.error) == ("Read.", None)


def test_what_is_remembered_of_the_models_health_may_be_lost(folder: Path, home: Path) -> None:
    _overwritten(home / health.FILE_NAME)
    assert made(folder, ["Fine."]).ask("hello").text == "Fine."


@pytest.mark.parametrize("where", ["file", "below-a-file"])
def test_a_state_folder_that_cannot_be_made_is_named_with_the_variable(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("EVERPILOT_HOME", str(tmp_path / "file" / ("x" if where != "file" else "")))
    with pytest.raises(SettingsError, match="Set EVERPILOT_HOME to a folder that you may write"):
        Copilot(folder)


# --- Ctrl-C -----------------------------------------------------------------------------------------------------------

_SLOW = """
import os, sys
from copilot import Change, Edited, Hunk, ToolContext, tool
from copilot.workspace import save

def wait(what):
    print(what, file=sys.stderr, flush=True)
    with open(os.environ["GATE"]):  # a pipe: open blocks until the test opens its end
        pass

whole = save.write_beside

def slowly(path, *rest):
    if path.suffix == ".tmp" and path.parent.name == "docs":
        wait("committing")
    return whole(path, *rest)

if os.environ["SLOW"] == "committing":
    save.write_beside = slowly

@tool(effect="write")
def swap(ctx: ToolContext, path: str) -> Change:
    "Write another text."
    if os.environ["SLOW"] == "staging":
        wait("staging")
    return ctx.edit(ctx.open(path), Edited(b"Contoso", (Hunk("line 1", "Acme", "Contoso"),)), "swap")
"""


class Interrupted:
    """`everpilot -p` in the folder with a skill that stops where it is told to."""

    def __init__(self, folder: Path, home: Path, server: OpenAIServer, slow: str = "") -> None:
        skill = home / "skills" / "slow"
        skill.mkdir(parents=True)
        (skill / "SKILL.md").write_text("---\nname: slow\ndescription: Slow.\n---\nx\n")
        (skill / "__init__.py").touch()
        (skill / "tools.py").write_text(_SLOW)
        (folder / "copilot.toml").write_text(f'{_MODEL}base_url = "{server.base_url}"\napi_key_env = "KEY_A"\n')
        self.gate = home / "gate"
        os.mkfifo(self.gate)
        added = {"PYTHONPATH": str(ROOT), "KEY_A": server.api_key, "GATE": str(self.gate), "SLOW": slow}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "copilot", "-p", "swap it", "--yes"],
            cwd=folder,
            env={**os.environ, **added},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # What starts the tests may ignore the signal, and a process inherits that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def reaches(self, place: str) -> None:
        assert self.process.stderr is not None
        assert any(line.strip() == place for line in self.process.stderr)

    def stop(self, *, gate: bool = False) -> str:
        """Press Ctrl-C, let it go on where it waits, and return what it said at the end."""
        self.process.send_signal(signal.SIGINT)
        if gate:
            self.gate.open("w").close()
        out, err = self.process.communicate(timeout=60)
        assert self.process.returncode == 130, err
        assert "Traceback" not in out + err
        return err


posix = pytest.mark.skipif(os.name != "posix", reason="signals and named pipes")


def _here_again(folder: Path, server: OpenAIServer) -> Final:
    """Go on with the interrupted thread, in this process."""
    server.replies.clear()
    server.replies.append("Here again.")
    copilot = vendor(folder, server)
    return copilot.ask("and now?", thread=copilot.threads.recent()[0].id)


@posix
def test_ctrl_c_while_a_vendor_thinks(folder: Path, home: Path) -> None:
    asked, answer = threading.Event(), threading.Event()

    def slow(request: Request) -> str:
        asked.set()
        return "Here again." if answer.wait(60) else ""

    with OpenAIServer(slow) as server:
        running = Interrupted(folder, home, server)
        assert asked.wait(60)
        assert "Nothing is half written" in running.stop()
        answer.set()
        copilot = vendor(folder, server)
        assert copilot.ask("and now?", thread=copilot.threads.recent()[0].id).text == "Here again."


@posix
@pytest.mark.parametrize("place", ["staging", "committing"])
def test_ctrl_c_while_a_change_is_made(folder: Path, home: Path, place: str) -> None:
    """Either nothing happened, or all of it did and can be undone; the model is told which."""
    with OpenAIServer([Reply(calls=(Call("slow__swap", {"path": "a.txt"}),)), "Done."]) as server:
        running = Interrupted(folder, home, server, place)
        running.reaches(place)
        running.stop(gate=True)
        final = _here_again(folder, server)
        told = str(server.requests[-1].messages)
    history = Copilot(folder).workspace.history()
    text = (folder / "a.txt").read_text()
    assert (text, len(history)) in (("Acme", 0), ("Contoso", 1))
    assert ("Done and saved" if history else "nothing was written") in told
    assert sorted(p.name for p in folder.iterdir()) == ["a.txt", "copilot.toml"]
    assert (final.text, final.error) == ("Here again.", None)
    if place == "committing":
        assert text == "Contoso", "a commit that has begun is brought to its end"


def test_an_answer_to_an_approval_that_is_gone(folder: Path) -> None:
    copilot = made(folder, SCRIPT)
    thread = copilot.ask("go").thread
    copilot.resume(thread, approve=False)
    with pytest.raises(ApprovalError, match="waits for no approval"):
        copilot.resume(thread)
    with pytest.raises(ApprovalError, match="waits for no approval"):
        copilot.resume("no-such-thread")
