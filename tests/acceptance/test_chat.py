"""A conversation as a person has it: a real process on a real terminal."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.acceptance.conftest import Everpilot
from tests.vendors import Call, OpenAIServer, Reply, Request

pytest.importorskip("pty", reason="Windows has no pseudo-terminals of this kind")

from tests.acceptance.terminal import ALT_ENTER, CTRL_C, CTRL_D, TAB, UP, Terminal

SIGN = "› "
EDIT = "replace Acme with Contoso in contract.docx"
SWAP = Reply("I will.", (Call("word__replace_text", {"path": "contract.docx", "find": "Acme", "replace": "Contoso"}),))


def open_chat(everpilot: Everpilot, *arguments: str, rows: int = 30, columns: int = 100) -> Terminal:
    return Terminal(*arguments, folder=everpilot.folder, env=everpilot.env, rows=rows, columns=columns)


def contract(everpilot: Everpilot) -> Path:
    return everpilot.folder / "contract.docx"


def test_ask_edit_undo_and_leave_an_approval_for_the_next_time(everpilot: Everpilot) -> None:
    original = contract(everpilot).read_bytes()
    with open_chat(everpilot) as chat:
        chat.expect(SIGN)
        chat.type("what does @contr", enter=False)
        chat.expect("contract.docx")
        chat.type(TAB + " say about termination?")
        chat.expect("paragraph 35")
        chat.expect("builtin (no language model)")
        chat.expect(SIGN)
        _edit(chat, everpilot, original)
        _undo(chat, everpilot, original)
        _mistakes(chat)
        chat.type(EDIT)
        chat.expect("Do it? ")
        chat.type(CTRL_D, enter=False)
        chat.expect("The question stays open: everpilot -r")
        assert chat.ended() == 0
    with open_chat(everpilot, "-c", rows=15, columns=60) as chat:
        chat.expect("goes on: what does contract.docx say")
        chat.expect("26 places")
        chat.expect("Do it? ")
        chat.type(CTRL_C, enter=False)
        chat.expect("not approved, nothing written")
        chat.expect(SIGN)
        assert contract(everpilot).read_bytes() == original
        chat.type("/sessions")
        chat.expect("what does contract.docx say")
        chat.expect(SIGN)
        chat.type(CTRL_D, enter=False)
        assert chat.ended() == 0


def _edit(chat: Terminal, everpilot: Everpilot, original: bytes) -> None:
    chat.type(EDIT)
    chat.expect("+ between Contoso Ltd and Brightwater")
    chat.expect("d shows all of it")
    chat.expect("Do it? ")
    chat.type("d")
    chat.expect("more lines. Enter = go on")
    chat.type("q")
    chat.expect("Do it? ")
    assert contract(everpilot).read_bytes() == original
    chat.type("y")
    chat.expect("✓ contract.docx")
    chat.expect("/undo 1 takes it back")
    chat.expect(SIGN)
    assert contract(everpilot).read_bytes() != original


def _undo(chat: Terminal, everpilot: Everpilot, original: bytes) -> None:
    chat.type("/diff")
    chat.expect("change 1")
    chat.expect(SIGN)
    chat.type("/undo")
    chat.expect("contract.docx is as it was before change 1")
    chat.expect(SIGN)
    assert contract(everpilot).read_bytes() == original
    chat.type(UP)
    chat.expect("! ")
    chat.expect(SIGN)


def _mistakes(chat: Terminal) -> None:
    """Each is one clear line, and the chat goes on."""
    for typed, said in (
        ("/undo many", "no number of a change"),
        ("/sesions", "/sessions"),
        ("/powerpiont", "/powerpoint"),
        ("/resume nope", "no thread"),
        ("/model nope", "There is no model"),
        ("/diff 99", "no change 99"),
        (f"never sent{CTRL_C}/cost", "No vendor"),
        (f"list{ALT_ENTER}the documents", "budget.xlsx"),
    ):
        chat.type(typed)
        chat.expect(said)
        chat.expect(SIGN)


def test_what_is_typed_while_a_vendor_thinks_approves_nothing_and_ctrl_c_stops_it(everpilot: Everpilot) -> None:
    original = contract(everpilot).read_bytes()
    go_on = threading.Event()
    replies = iter([SWAP, Reply("Left **as it was**."), Reply("Second answer.")])

    def answer(request: Request) -> Reply:
        if len(server.requests) == 1:
            go_on.wait(60)
        return next(replies)

    with OpenAIServer(answer) as server:
        everpilot.settings([("gpt", "openai", server)])
        with open_chat(everpilot) as chat:
            chat.expect(SIGN)
            chat.type("swap the names")
            assert server.arrived.acquire(timeout=60)
            chat.type("y")
            go_on.set()
            chat.expect("I will.")
            chat.expect("Do it? ")
            chat.type("n")
            assert "y\n" not in chat.expect("Left as it was."), "keys pressed too early are not drawn"
            chat.expect("— gpt · ")
            chat.expect(SIGN)
            assert contract(everpilot).read_bytes() == original
            server.faults.append("hang_after_headers")
            assert server.arrived.acquire(timeout=60)
            chat.type("and now?")
            assert server.arrived.acquire(timeout=60)
            chat.expect("Ctrl-C stops")  # before that the keys may still be those of the prompt
            chat.type(CTRL_C, enter=False)
            chat.expect("Stopped. ")
            chat.expect(SIGN)
            chat.type("once more")
            chat.expect("Second answer.")
            chat.expect(SIGN)
            chat.type("/exit")
            assert chat.ended() == 0


def test_broken_settings_end_the_chat_with_a_sentence(everpilot: Everpilot) -> None:
    (everpilot.folder / "copilot.toml").write_text("[[models]]\n")
    with open_chat(everpilot) as chat:
        chat.expect("copilot.toml")
        assert chat.ended() == 2


def test_a_person_at_a_terminal_is_asked_by_a_one_shot_command_too(everpilot: Everpilot) -> None:
    original = contract(everpilot).read_bytes()
    with open_chat(everpilot, "-p", EDIT) as command:
        command.expect("Do it? ")
        assert contract(everpilot).read_bytes() == original
        command.type("y")
        assert "+ between Contoso" not in command.expect("✓ contract.docx"), "it was shown a moment ago"
        assert command.ended() == 0
    assert contract(everpilot).read_bytes() != original
