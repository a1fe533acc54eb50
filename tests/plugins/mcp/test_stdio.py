"""A server that is a program: what it offers, what it answers, and all the ways in which it may fail."""

from __future__ import annotations

import json
import os
import queue
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import ANY

import pytest

from copilot.agent.plan import Call, Runner, Step
from copilot.errors import PluginError, ToolInputError
from copilot.plugins.mcp import limits
from copilot.plugins.mcp.elicitation import Answer, Question
from copilot.plugins.mcp.faults import MayHaveRunError
from copilot.plugins.mcp.hub import _wait, silent
from copilot.plugins.tools import Effect
from copilot.trust.labels import USER, Confidentiality, Integrity, Label
from tests.plugins.mcp.conftest import Desk, raw, started

Make = Callable[..., Desk]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the shared server has its files."""
    return tmp_path_factory.mktemp("raw")


@pytest.fixture(scope="module")
def ready(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One server for all tests that leave it as it is, or that it recovers from."""
    (place / "work").mkdir()
    made = Desk(tmp_path_factory.mktemp("state"), place / "work")
    made.offer(raw(place, timeout=20))
    yield made
    made.hub.close()


def test_all_pages_of_tools_are_offered_with_effects_and_a_service(ready: Desk) -> None:
    skill = ready.skill("raw")
    effects = {tool.name: tool.effect for tool in skill.tools}
    assert len(effects) == 21
    assert effects["raw.echo"] is Effect.FETCH
    assert effects["raw.note"] is effects["raw.remove"] is Effect.SEND
    assert {tool.service.name for tool in skill.tools if tool.service} == {"raw"}
    assert skill.tools[0].service is not None
    assert skill.tools[0].service.local
    assert skill.instructions == "Echo before you note."
    assert skill.label.integrity is Integrity.UNTRUSTED
    assert not ready.offered.problems


def test_an_answer_is_untrusted_and_says_where_it_is_from(ready: Desk) -> None:
    assert ready.read("raw.echo", text="hello") == "hello"
    (label,) = ready.context.labels
    assert label.integrity is Integrity.UNTRUSTED
    assert label.confidentiality is Confidentiality.INTERNAL
    assert "service raw" in label.sources


def test_a_change_is_shown_whole_and_made_only_when_it_is_delivered(ready: Desk, place: Path) -> None:
    before = (place / "log.txt").read_text()
    outgoing = ready.change("raw.note", text="line one\nline two")
    assert (place / "log.txt").read_text() == before
    assert (outgoing.kind, outgoing.recipients) == ("change", ("raw",))
    assert "tool note" in outgoing.body
    assert "text:\n  line one\n  line two" in outgoing.body
    assert outgoing.deliver("k") == "line one\nline two"
    assert ready.change("raw.remove", text="x").kind == "delete"


def test_wrong_arguments_go_back_to_the_model_before_anything_is_sent(ready: Desk, place: Path) -> None:
    before = (place / "log.txt").read_text()
    with pytest.raises(ToolInputError, match="text: 5 is not of type 'string'"):
        ready.stage("raw.echo", text=5)
    assert (place / "log.txt").read_text() == before


def test_a_program_finds_little_of_our_environment(desk: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_TOKEN", "not for servers")
    made = desk()
    made.offer(raw(tmp_path, env={"HERE": str(tmp_path), "MINE": "yes"}))
    seen = json.loads(made.read("raw.env"))
    assert seen["MINE"] == "yes"
    assert seen["PATH"] == os.environ["PATH"]
    assert "ACME_TOKEN" not in seen
    assert "EVERPILOT_HOME" not in seen
    assert seen["EVERPILOT_INSIDE"] == "1"


def test_every_kind_of_content_is_told(ready: Desk) -> None:
    told = ready.read("raw.many")
    assert "hidden word" in told
    for piece in ("(image, image/png, 3 bytes)", "(audio, audio/wav", "(resource x://link: a link)", "inside"):
        assert piece in told
    assert "(application/zip, 3 bytes)" in told


def test_data_is_held_to_its_schema(ready: Desk) -> None:
    assert ready.stage("raw.data", good=True).data == {"n": 5}  # type: ignore[union-attr]
    with pytest.raises(PluginError, match="five"):
        ready.read("raw.data", good=False)
    assert ready.read("raw.echo", text="still there") == "still there"


def test_it_is_told_our_folders_and_we_are_told_its_progress(ready: Desk, place: Path) -> None:
    assert json.loads(ready.read("raw.roots"))["roots"][0]["uri"] == (place / "work").as_uri()
    ready.heard.clear()
    assert ready.read("raw.steps") == "done"
    assert ready.heard == ["step 1 (1 of 2)", "step 2 (2 of 2)"]


def test_what_it_asks_a_person_is_declined_where_nobody_can_be_asked(ready: Desk) -> None:
    told = ready.read("raw.ask")
    assert '"decline"' in told
    assert "It asked: 'Which city?'. Nobody can be asked here" in told


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer("accept", {"city": "Bern"}), "Bern"),
        (Answer("decline"), "decline"),
        (Answer("accept", {"city": 5}), "does not fit its form"),
    ],
)
def test_what_it_asks_a_person_is_asked_by_the_host(desk: Make, tmp_path: Path, answer: Answer, told: str) -> None:
    asked: list[Question] = []
    made = desk(elicit=lambda question: (asked.append(question), answer)[1])
    made.offer(raw(tmp_path))
    assert told in made.read("raw.ask")
    assert (asked[0].server, asked[0].message) == ("raw", "Which city?")


def test_nobody_s_patience_ends_while_a_person_is_asked() -> None:
    heard: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def asking() -> bool:
        heard.put(None)  # the person answers, and with it the call is done
        return True

    _wait(heard, silent, 0.001, asking)
    with pytest.raises(TimeoutError):
        _wait(heard, silent, 0.001, lambda: False)


def test_resources_and_prompts(ready: Desk) -> None:
    skill = ready.skill("raw")
    assert [(each.name, each.media_type) for each in skill.resources] == [("x://text", "text/plain")]
    assert skill.resources[0].read() == b"what x://text holds"
    assert "x://{name} (template)" in ready.read("mcp.list_resources")
    assert "what x://other holds" in ready.read("mcp.read_resource", server="raw", uri="x://other")
    with pytest.raises(ToolInputError, match="server"):
        ready.read("mcp.read_resource", server="nobody", uri="x://other")
    (prompt,) = skill.prompts
    assert (prompt.name, prompt.arguments[0].name, prompt.arguments[0].required) == ("trip", "city", True)
    assert prompt.text({"city": "Bern"}) == "Plan a trip to Bern."
    with pytest.raises(ToolInputError, match="needs city"):
        prompt.text({})


def test_a_resource_that_was_listed_can_be_read_and_goes_to_no_other_server(desk: Make, tmp_path: Path) -> None:
    """What a server's list says may be asked of that server again, and not of the next one."""
    made = desk()
    (tmp_path / "other").mkdir()
    made.offer(raw(tmp_path), raw(tmp_path / "other", "other"))
    runner = Runner({tool.name: tool for tool in made.skill("mcp").tools}, made.workspace)

    def read(label: Label, server: str) -> Step:
        call = Call("1", "mcp.read_resource", {"server": server, "uri": "x://other"}, "k")
        return runner.stage([call], mode="ask", label=label)[0]

    (listed,) = runner.stage([Call("1", "mcp.list_resources", {"server": "raw"}, "k")], mode="ask", label=USER)
    found = read(USER | listed.label, "raw")
    assert (found.status, "what x://other holds" in found.text) == ("done", True)
    assert read(USER | found.label, "raw").status == "done"
    assert read(USER | found.label, "other").error == {"code": "leaks-to-host", "message": ANY}


def test_a_resource_that_changes_is_told(ready: Desk, place: Path) -> None:
    import queue

    changed: queue.SimpleQueue[str] = queue.SimpleQueue()
    ready.hub.watch(raw(place, timeout=20), "x://text", changed.put)
    assert changed.get(timeout=20) == "x://text"


# --- faults -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tool", "kind", "told"),
    [
        ("fails", ToolInputError, "raw answered with an error: no such city"),
        ("refuses", ToolInputError, "refuses the call: the city is missing"),
        ("wrong", PluginError, "in a shape that the protocol does not have"),
        ("dies", PluginError, "ended, or closed the connection.*the disk is full"),
        ("broken", PluginError, "ended, or closed the connection.*1 line"),
        ("flood", PluginError, "ended, or closed the connection"),
    ],
)
def test_a_fault_costs_one_call(
    ready: Desk, tool: str, kind: type[Exception], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MESSAGE", 200_000)
    with pytest.raises(kind, match=told):
        ready.read(f"raw.{tool}")
    assert ready.read("raw.echo", text="back") == "back"


def test_words_on_stdout_that_are_no_message_are_passed_over(ready: Desk) -> None:
    assert ready.read("raw.garbage") == "fine"


def test_only_what_reads_is_asked_again_after_a_break(desk: Make, tmp_path: Path) -> None:
    ready = desk()
    ready.offer(raw(tmp_path))
    assert ready.read("raw.dies_once") == "alive"
    assert started(tmp_path) == 2
    with pytest.raises(MayHaveRunError, match="may have been done all the same"):
        ready.change("raw.dies_changing").deliver("k")
    assert (tmp_path / "log.txt").read_text().split().count("dies_changing") == 1


def test_a_server_that_hangs_costs_its_deadline_and_is_started_anew(desk: Make, tmp_path: Path) -> None:
    made = desk()
    server = raw(tmp_path, timeout=20)
    made.offer(server)
    assert made.read("raw.echo", text="warm") == "warm"
    made.offer(raw(tmp_path, timeout=0.1))
    with pytest.raises(PluginError, match=r"did not answer within 0\.1 seconds"):
        made.read("raw.hangs")
    with pytest.raises(MayHaveRunError, match="may have been done"):
        made.change("raw.hangs_changing").deliver("k")
    made.offer(server)
    assert made.read("raw.echo", text="back") == "back"
    assert started(tmp_path) == 2


def test_a_server_that_knows_only_the_old_handshake_is_met_with_it(desk: Make, tmp_path: Path) -> None:
    made = desk()
    made.offer(raw(tmp_path, "raw", "--strict"))
    assert made.read("raw.echo", text="old") == "old"
    assert started(tmp_path) == 2
    made.hub.close()
    again = desk()
    again.offer(raw(tmp_path, "raw", "--strict"))
    assert again.read("raw.echo", text="old") == "old"
    assert started(tmp_path) == 3  # what was learnt is kept


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"command": "no-such-program-anywhere"}, "is not there, or can't be run. Mend command"),
        ({"command": "npx"}, "Install Node.js"),
        ({"cwd": "/no/such/folder"}, "/no/such/folder is not there. Mend cwd"),
    ],
)
def test_a_program_that_can_not_be_started_is_told_with_what_to_do(
    desk: Make, tmp_path: Path, entry: dict[str, str], told: str
) -> None:
    made = desk(env={"PATH": str(tmp_path)})
    (problem,) = made.offer(raw(tmp_path, **entry)).problems
    assert told in problem.reason


def test_a_server_that_keeps_failing_is_left_alone_for_a_while(desk: Make, tmp_path: Path) -> None:
    made = desk()
    server = raw(tmp_path, command="no-such-program")
    for _ in range(3):
        with pytest.raises(PluginError, match="is not there"):
            made.hub.listing(server)
    with pytest.raises(PluginError, match="failed 3 times in a row; it is tried again in"):
        made.hub.listing(server)


def test_the_program_ends_with_us(desk: Make, tmp_path: Path) -> None:
    ready = desk()
    ready.offer(raw(tmp_path))
    ready.read("raw.echo", text="x")
    pid = int((tmp_path / "pid").read_text())
    os.kill(pid, 0)
    ready.hub.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    ready.hub.close()


def test_a_server_that_never_comes_is_waited_for_less_at_each_start_and_ends_with_us(
    desk: Make, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pid")
    silent = "import os, sys; open('pid', 'w').write(str(os.getpid())); sys.stdin.read()"
    server = raw(tmp_path, "silent", command=sys.executable, args=["-S", "-c", silent], cwd=str(tmp_path))
    made = desk()
    (problem,) = made.offer(server, seconds=0).problems
    assert "not there yet" in problem.reason
    assert made.hub.cache.missed(server) == 1
    assert made.hub.cache.missed(replace(server, entry={"command": "mended"})) == 0
    pid = int((tmp_path / "pid").read_text())  # it is there by now, and says nothing
    made.hub.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    (tmp_path / "other").mkdir()
    again = raw(tmp_path / "other")
    made.hub.cache.miss(again)
    assert made.hub.cache.missed(again) == 1
    second = desk()
    second.offer(again)
    assert second.hub.cache.missed(again) == 0


def test_defaults_fill_what_an_answer_leaves_out() -> None:
    asked = Question(
        "s", "m", schema={"properties": {"a": {"type": "string", "default": "x"}, "b": {"type": "integer"}}}
    )
    assert asked.filled(Answer("accept", {"b": 2})).content == {"a": "x", "b": 2}
    assert asked.filled(Answer("accept", {"a": "y"})).content == {"a": "y"}
    assert asked.filled(Answer("decline")).content is None


def test_broken_servers_don_t_keep_the_others_away(desk: Make, tmp_path: Path) -> None:
    made = desk()
    (tmp_path / "a").mkdir()
    made.offer(raw(tmp_path / "a", "bad", command="no-such-program"), raw(tmp_path, "good"))
    assert made.read("good.echo", text="x") == "x"
    assert [problem.where.rpartition("#")[2] for problem in made.offered.problems] == ["bad"]


def test_tools_that_can_not_be_used_are_named_and_the_rest_is_offered(desk: Make, tmp_path: Path) -> None:
    tools = [
        {"name": "fine", "inputSchema": {"type": "object"}},
        {"name": "fine", "inputSchema": {"type": "object"}, "description": "twice"},
        {"name": "no schema"},
        {"name": "a list", "inputSchema": []},
        {"name": "broken schema", "inputSchema": {"type": "object", "properties": {"a": {"type": "strin"}}}},
        {"name": "no object", "inputSchema": {"type": "string"}},
        {"name": "long", "inputSchema": {"type": "object"}, "description": "x" * limits.TOOL},
        {"name": "evil\u202ename/../x y", "inputSchema": {"type": "object"}, "description": "hidden\u200b"},
        {"description": "nameless", "inputSchema": {"type": "object"}},
    ]
    (tmp_path / "tools.json").write_text(json.dumps(tools))
    made = desk()
    made.offer(raw(tmp_path))
    assert [(t.name, t.description) for t in made.skill("raw").tools] == [
        ("raw.fine", "fine"),
        ("raw.evilname_x_y", "hidden"),
    ]
    assert len(made.offered.problems) == 7
    assert all(problem.severity == "unsupported" for problem in made.offered.problems)


def test_only_the_tools_of_the_entry(desk: Make, tmp_path: Path) -> None:
    made = desk()
    made.offer(raw(tmp_path, tools=["echo", "note"], disabledTools=["note"]))
    assert [tool.name for tool in made.skill("raw").tools] == ["raw.echo"]


def test_a_server_never_takes_the_place_of_a_skill_or_of_another_server(desk: Make, tmp_path: Path) -> None:
    made = desk()
    (tmp_path / "b").mkdir()
    made.offer(raw(tmp_path, "Word"), raw(tmp_path / "b", "Word"), raw(tmp_path / "b", "MCP"), taken={"word"})
    assert [skill.name for skill in made.offered.skills] == ["word-mcp", "mcp-2", "mcp"]
    assert "is replaced by that of" in made.offered.problems[0].reason


@pytest.mark.parametrize(
    ("url", "elsewhere"),
    [
        ("https://contoso.com/sign-in?x=1", False),
        ("http://127.0.0.1:8080/", False),
        ("file:///etc/passwd", True),
        ("javascript:alert(1)", True),
        ("ms-msdt:/id", True),
        ("https://contoso.com@evil.example/", True),
        ("https:///nowhere", True),
    ],
)
def test_a_server_sends_a_person_to_web_pages_only(url: str, elsewhere: bool) -> None:
    assert Question("raw", "Please sign in.", url=url).is_elsewhere is elsewhere
