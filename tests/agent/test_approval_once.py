"""An approval counts once, for exactly what was shown; what is sent is sent at most once, whatever dies in between."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from copilot.agent.assembly import assemble
from copilot.agent.events import Event, Final, ToolEvent
from copilot.agent.plan import By, Call
from copilot.agent.turn import Turn
from copilot.errors import ApprovalError, EverpilotError
from copilot.trust.approvals import Answer, Card
from copilot.trust.labels import UNKNOWN, USER, Confidentiality, Integrity, Label
from copilot.trust.once import Once
from copilot.trust.outgoing import Attachment, Outgoing
from copilot.trust.typed import Typed
from tests.agent import sandbox
from tests.agent.sandbox import WORLD, assistant
from tests.agent.scripted import Scripted
from tests.thinning import examples
from tests.warm import Python

SEND = [("custom__send", {"to": ["anna@contoso.com"], "body": "Hello\n[x](http://e.x)", "attachments": ["notes.txt"]})]
CREATE = [("custom__create", {"path": "new.txt", "text": "Hello"})]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    sandbox.fill(tmp_path / "docs")
    return tmp_path / "docs"


def asking(folder: Path, *steps: Any, mode: str = "ask") -> Any:
    return assistant(folder, Scripted(script=[*steps, "Done."]), mode)


def test_the_card_shows_all_that_would_go_out(folder: Path) -> None:
    item = asking(folder, SEND).ask("send it").approvals[0]["items"][0]
    shown = [(h["where"], h["after"]) for h in item["hunks"]]
    assert (item["effect"], item["path"], item["grantable"]) == ("send", "", False)
    assert shown[:2] == [("To", "anna@contoso.com"), ("Text", "Hello\n[x](http://e.x)")]
    assert shown[2][0] == "Attachment"
    assert "notes.txt (48 bytes, SHA-256 " in shown[2][1]
    assert WORLD.mailed == []


def test_it_is_sent_when_it_is_approved(folder: Path) -> None:
    copilot = asking(folder, SEND)
    final = copilot.resume(copilot.ask("send it").thread)
    assert len(WORLD.mailed) == 1
    assert [(c["summary"], c["committed"]) for c in final.changes] == [
        ("Mail to anna@contoso.com with 1 attachment(s)", True)
    ]


def test_an_attachment_that_changed_is_shown_again(folder: Path) -> None:
    copilot = asking(folder, SEND)
    shown = copilot.ask("send it")
    (folder / "notes.txt").write_text("something else")
    again = copilot.resume(shown.thread)
    assert again.approvals[0]["digest"] != shown.approvals[0]["digest"]
    assert "changed since" in again.approvals[0]["why"]
    assert WORLD.mailed == []


@pytest.mark.parametrize("steps", [SEND, CREATE], ids=["send", "write"])
def test_a_checkpoint_that_was_copied_repeats_nothing(folder: Path, home: Path, steps: Any) -> None:
    copilot = asking(folder, steps)
    shown = copilot.ask("do it")
    kept = home.parent / f"{home.name}-kept"
    kept.mkdir()
    for file in home.glob("threads.sqlite*"):
        shutil.copy(file, kept)
    assert copilot.resume(shown.thread).error is None
    (folder / "new.txt").unlink(missing_ok=True)
    for file in home.glob("threads.sqlite*"):
        file.unlink()
    for file in kept.iterdir():
        shutil.copy(file, home)
    assert asking(folder, steps).resume(shown.thread, card=shown.approvals[0]["digest"]).error is None
    assert len(WORLD.mailed) == (steps is SEND)
    assert not (folder / "new.txt").exists(), "it was written once, and deleted by the person since"


def test_an_answer_that_was_used_asks_again_where_nothing_was_done_with_it(folder: Path, home: Path) -> None:
    """The process died after the answer was used up and before anything was written."""
    copilot = asking(folder, CREATE)
    shown = copilot.ask("do it")
    card = Card.from_dict(shown.approvals[0])
    Once(home / "trust" / "once.sqlite").use(card.id, card.id.rpartition("-")[0], card.digest)
    again = copilot.resume(shown.thread)
    assert not (folder / "new.txt").exists()
    assert again.approvals[0]["digest"] == shown.approvals[0]["digest"]
    assert again.approvals[0]["id"] != shown.approvals[0]["id"]
    copilot.resume(shown.thread)
    assert (folder / "new.txt").read_text() == "Hello"


def test_an_answer_expires(folder: Path) -> None:
    copilot = asking(folder, CREATE)
    shown = copilot.ask("do it")

    async def late() -> None:
        async with copilot._turn(shown.thread, None) as turn:
            turn._clock = lambda: datetime.now(UTC) + timedelta(days=8)
            with pytest.raises(ApprovalError, match="expired"):
                await anext(turn.answer(True, ""))

    asyncio.run(late())
    assert not (folder / "new.txt").exists()


def _crash(python: Python, folder: Path, thread: str, where: str) -> None:
    code = (
        "import os; from pathlib import Path\n"
        "from copilot.trust import once; from tests.agent import sandbox, test_approval_once as t\n"
        f"real = once.Once.{where}\n"
        "def die(self, *a, **k):\n"
        "    real(self, *a, **k); print(len(sandbox.WORLD.mailed), flush=True); os._exit(9)\n"
        f"once.Once.{where} = die\n"
        f"t.asking(Path({str(folder)!r}), t.SEND).resume({thread!r})"
    )
    returned, out, err = python(code)
    assert returned == 9, err
    WORLD.mailed += [{"by": "the process that died"}] * int(out)


def test_a_crash_after_it_was_sent_sends_it_once(folder: Path, python: Python) -> None:
    thread = asking(folder, SEND).ask("send it").thread
    _crash(python, folder, thread, "_end")
    assert len(WORLD.mailed) == 1
    final = asking(folder, SEND).resume(thread)
    assert (final.text, len(WORLD.mailed)) == ("Done.", 1)


def test_a_crash_before_it_was_sent_does_not_try_again_and_says_so(folder: Path, python: Python) -> None:
    thread = asking(folder, SEND).ask("send it").thread
    _crash(python, folder, thread, "_begin")
    events = list(asking(folder, SEND).stream_resume(thread))
    told = [e.text for e in events if isinstance(e, ToolEvent) and e.status == "failed"]
    assert "may have gone out" in told[0]
    assert WORLD.mailed == []


def test_what_the_server_refuses_is_told_and_not_sent(tmp_path: Path) -> None:
    once = Once(tmp_path / "trust" / "once.sqlite")

    def deliver(key: str) -> str:
        raise EverpilotError("The server said no.")

    outgoing = Outgoing("mail", ("a@b.c",), "x", deliver)
    with pytest.raises(EverpilotError, match="said no"):
        once.deliver(outgoing, key="k", thread="t")
    assert once.deliver(outgoing, key="k", thread="t").status == "failed"
    assert once.sent_to("t", "A@b.c") == 0
    assert (tmp_path / "trust" / "once.sqlite").stat().st_mode & 0o077 == 0


def test_everything_that_goes_out_is_in_the_digest() -> None:
    def of(**more: Any) -> str:
        given = {"kind": "mail", "recipients": ("a@b.c",), "body": "x", "deliver": str, "subject": "s", **more}
        return Outgoing(**given).digest()

    changes: list[dict[str, Any]] = [
        {"kind": "post"},
        {"recipients": ("a@b.c", "e@b.c")},
        {"recipients": ("a@b.cc",)},
        {"body": "y"},
        {"subject": "t"},
        {"subject": "", "body": "s\nx"},
        {"hosts": ("https://a.b",)},
        {"attachments": (Attachment("n", "00", 1),)},
    ]
    assert len({of(), *(of(**change) for change in changes)}) == len(changes) + 1


# --- mutated approvals --------------------------------------------------------------------------------------------

TEXT = st.text(max_size=12)
MUTATIONS = st.one_of(
    st.tuples(st.just("card_digest"), TEXT | st.binary(min_size=32, max_size=32).map(bytes.hex)),
    st.tuples(st.just("card_digest"), st.sampled_from(["upper", "cut", "flip", "space"])),
    st.tuples(st.just("card_id"), TEXT | st.sampled_from(["cut", "flip", "space", "next"])),
    st.tuples(st.just("approved"), st.lists(TEXT, max_size=3) | TEXT | st.none() | st.integers()),
    st.tuples(st.just("message"), st.none() | st.integers() | st.lists(TEXT, max_size=1)),
    st.tuples(st.just("always"), TEXT | st.none() | st.integers()),
    st.tuples(st.sampled_from(["card_digest", "card_id", "approved"]), st.just("missing")),
)


def _mutated(answer: dict[str, Any], name: str, how: Any) -> dict[str, Any]:
    value = answer[name]
    if how == "missing":
        return {k: v for k, v in answer.items() if k != name}
    ways = {
        "upper": lambda: value.upper(),
        "cut": lambda: value[:-1],
        "flip": lambda: value[:-1] + ("0" if value[-1] != "0" else "1"),
        "space": lambda: value + " ",
        "next": lambda: value[:-1] + str(int(value[-1]) + 1),
    }
    return {**answer, name: ways[how]() if isinstance(how, str) and how in ways else how}


def test_mutated_approvals_execute_nothing(folder: Path) -> None:
    """Straight into the graph, past everything that hosts check, on one waiting thread after the other.

    A thousand more are checked in tests/trust/test_approvals.py, without a graph around them.
    """
    copilot = asking(folder, [*SEND, *CREATE])
    state: dict[str, Any] = {}
    count = 0

    async def resume(answer: Any) -> None:
        async with copilot._turn(state["thread"], None) as turn:
            events: AsyncIterator[Event] = turn._run(Command(resume=answer))
            final = [event async for event in events][-1]
            assert isinstance(final, Final)
            if not final.approvals:
                state.clear()

    @settings(max_examples=examples(200), deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(MUTATIONS)
    def mutate(mutation: tuple[str, Any]) -> None:
        nonlocal count
        if not state:
            final = copilot.ask("do both")
            state.update(thread=final.thread)
        card = Card.from_dict(copilot.pending(state["thread"]).card)
        answer = Answer.all_of(card).to_dict()
        changed = _mutated(answer, *mutation)
        if changed == answer:
            return
        asyncio.run(resume(changed))
        count += 1
        assert WORLD.mailed == []
        assert not (folder / "new.txt").exists()

    mutate()
    assert count > 0.9 * examples(200)
    assert copilot.guard.grants.all() == []


# --- always -------------------------------------------------------------------------------------------------------


def test_always_allows_the_tool_below_the_folder(folder: Path) -> None:
    (folder / "sub").mkdir()
    copilot = asking(folder, CREATE, [("custom__create", {"path": "sub/b.txt", "text": "b"})])
    final = copilot.resume(copilot.ask("do it").thread, always=True)
    assert (folder / "sub" / "b.txt").read_text() == "b"
    assert final.approvals == []
    (grant,) = copilot.guard.grants.all()
    assert (grant.tool, grant.folder) == ("custom.create", str(folder))
    copilot.guard.grants.revoke(grant.number)
    assert asking(folder, [("custom__create", {"path": "c.txt", "text": "c"})]).ask("again").approvals


def test_always_is_not_for_what_is_always_asked(folder: Path) -> None:
    overwrite = [("custom__create", {"path": "notes.txt", "text": "Hello"})]
    steps = [[*overwrite, ("custom__delete", {"path": "budget.txt"})], SEND]
    copilot = asking(folder, *steps)
    copilot.resume(copilot.ask("do it").thread, always=True)
    assert copilot.guard.grants.all() == []


# --- labels of calls ----------------------------------------------------------------------------------------------


def test_a_call_is_labelled_by_what_the_model_had_seen_and_what_it_read_itself(folder: Path) -> None:
    """The other calls of the same message are not among it: the model made them all before it saw any result."""
    runner = asking(folder).runner
    calls = [
        Call("1", "custom.read", {"path": "salaries.txt"}),
        Call("2", "custom.put", {"path": "budget.txt", "cell": "B4", "value": 1}),
    ]
    steps = runner.stage(calls, mode="auto", label=USER)
    assert [s.status for s in steps] == ["done", "done"]
    assert steps[0].label.sources == ("salaries.txt",)
    assert steps[1].carried is not None
    assert steps[1].carried.sources == ("budget.txt",)
    later = runner.stage(calls[1:], mode="auto", label=steps[0].label)
    assert later[0].status == "ask"
    assert later[0].carried is not None
    assert set(later[0].carried.sources) == {"salaries.txt", "budget.txt"}


def test_what_is_made_from_several_files_is_as_restricted_as_all_of_them(folder: Path) -> None:
    copilot = assistant(
        folder,
        Scripted(script=["-"]),
        readers={"notes.txt": ["@contoso.com"], "salaries.txt": ["anna@contoso.com", "x@y.z"]},
    )
    label = copilot.workspace.read("notes.txt").label | copilot.workspace.read("salaries.txt").label
    label = label | Label(Integrity.UNTRUSTED, Confidentiality.RESTRICTED, ("secret.docx",))
    for number, name in enumerate(("both.txt", "both.csv", "both.md")):
        call = Call(str(number), "custom.create", {"path": name, "text": "of both"}, f"k{number}")
        copilot.runner.commit(copilot.runner.stage([call], mode="yes", label=label), thread="t")
        found = copilot.workspace.read(name).label
        assert found.confidentiality is Confidentiality.RESTRICTED
        assert found.readers == {"anna@contoso.com"}


def test_restricted_data_goes_to_its_readers_only(folder: Path) -> None:
    copilot = assistant(folder, Scripted(script=["-"]))
    label = Label(Integrity.UNTRUSTED, Confidentiality.RESTRICTED, readers=frozenset({"anna@contoso.com"}))
    by = By("t", typed=Typed(("send it to anna@contoso.com and bob@contoso.com",)))
    for to, verdict, rule in (("bob", "deny", "outside-readers"), ("anna", "ask", "send-restricted")):
        call = Call("1", "custom.send", {"to": [f"{to}@contoso.com"], "body": "x"})
        (step,) = copilot.runner.stage([call], mode="auto", label=label, by=by)
        assert step.verdict is not None
        assert (step.verdict.verdict, step.verdict.rule) == (verdict, rule)


# --- audit --------------------------------------------------------------------------------------------------------


def test_each_decision_and_each_commit_is_told_once(folder: Path) -> None:
    told: list[dict[str, Any]] = []
    copilot = asking(folder)
    model = Scripted(script=[[*SEND, *CREATE, ("custom__get", {"url": "https://evil.example/"})], "Done."])
    graph = assemble(
        model=model,
        skills=copilot.skills,
        workspace=copilot.workspace,
        window=90_000,
        guard=copilot.guard,
        audit=told.append,
    )
    graph = graph.copy({"checkpointer": InMemorySaver()})

    async def run() -> None:
        turn = Turn(graph, "t", "ask", copilot.runner, lambda: datetime.now(UTC), "ada")
        [event async for event in turn.say("do it", [])]
        assert [r["status"] for r in told] == ["ask", "ask", "denied"]
        [event async for event in turn.answer(True, "")]

    asyncio.run(run())
    decisions, commits = told[3:6], told[6:]
    assert [(r["tool"], r["verdict"], r["rule"]) for r in decisions] == [
        ("custom.send", "ask", "send-link"),
        ("custom.create", "ask", "write"),
        ("custom.get", "deny", "unlisted-host"),
    ]
    assert [bool(r["approval"]) for r in decisions] == [True, True, False]
    assert [(r["event"], r["status"]) for r in commits] == [("commit", "done"), ("commit", "done")]
    assert commits[1]["after"] is not None
    assert {r["actor"] for r in told} == {"ada"}
    assert "Hello" not in str(told)
    assert UNKNOWN.to_dict()["integrity"] == commits[0]["read"]["integrity"]
