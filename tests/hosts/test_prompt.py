"""The line that a person types in, with keys from a pipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from copilot.hosts.terminal.complete import COMMANDS, ChatCompleter, without_marks
from copilot.hosts.terminal.prompt import Prompt

ALT_ENTER, CTRL_C, CTRL_D = "\x1b\r", "\x03", "\x04"


@pytest.fixture
def keys() -> Iterator[PipeInput]:
    with create_pipe_input() as pipe:
        yield pipe


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("contract.docx", "Annual Report.docx", "deep/er/sales.xlsx", "~$contract.docx", ".git/x.docx", "a.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def asked(keys: PipeInput, folder: Path, typed: str, times: int = 1) -> list[str | None]:
    keys.send_text(typed)
    prompt = Prompt(folder, given=keys, shown=DummyOutput())
    return [prompt.ask() for _ in range(times)]


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("hello\r", "hello"),
        (f"one{ALT_ENTER}two\r", "one\ntwo"),
        (f"never{CTRL_C}again\r", "again"),
        (CTRL_D, None),
        ("日本語 🎉 مرحبا\r", "日本語 🎉 مرحبا"),
        ("\x1b[200~pasted\ntext\x1b[201~\r", "pasted\ntext"),
    ],
)
def test_what_is_typed_is_read(keys: PipeInput, folder: Path, typed: str, read: str | None) -> None:
    assert asked(keys, folder, typed) == [read]


def test_what_was_typed_is_kept_for_later_sessions(keys: PipeInput, folder: Path, home: Path) -> None:
    asked(keys, folder, "first\r")
    assert list(FileHistory(str(home / "history")).load_history_strings()) == ["first"]
    assert (home / "history").stat().st_mode & 0o077 == 0, "nobody else reads it"


def test_a_history_that_cannot_be_kept_does_not_matter(keys: PipeInput, folder: Path, home: Path) -> None:
    (home / "history").mkdir()
    assert asked(keys, folder, "hello\r") == ["hello"]


def test_a_failure_behind_the_prompt_ends_it(keys: PipeInput, folder: Path) -> None:
    prompt: Prompt = Prompt(folder, lambda: prompt.fail(ValueError("no")), given=keys, shown=DummyOutput())
    with pytest.raises(ValueError, match="no"):
        prompt.ask()


def completions(folder: Path, typed: str, clock: Callable[[], float] = lambda: 0.0) -> list[str]:
    completer = ChatCompleter(folder, clock)
    return [c.text for c in completer.get_completions(Document(typed), CompleteEvent())]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("/un", ["/undo"]),
        ("/", list(COMMANDS)),
        ("see /un", []),
        ("compare @CON", ["@contract.docx"]),
        ("@annual", ['@"Annual Report.docx"']),
        ('see @"annual r', ['@"Annual Report.docx"']),
        ("@sales", ["@deep/er/sales.xlsx"]),
        ("me@contr", []),
        ("@a.py", []),
        ("contract", []),
    ],
)
def test_what_is_offered(folder: Path, typed: str, offered: list[str]) -> None:
    assert completions(folder, typed) == offered


def test_the_folder_is_not_walked_for_every_key_but_new_files_turn_up(folder: Path) -> None:
    now = [0.0]
    completer = ChatCompleter(folder, lambda: now[0])

    def offered() -> int:
        return len(list(completer.get_completions(Document("@"), CompleteEvent())))

    assert offered() == 3
    (folder / "new.docx").write_bytes(b"")
    assert offered() == 3
    now[0] = 60.0
    assert offered() == 4


@pytest.mark.parametrize(
    ("message", "plain"),
    [
        ("what is in @contract.docx?", "what is in contract.docx?"),
        ('sum up @"Annual Report.docx" now', 'sum up "Annual Report.docx" now'),
        ("write to @anna and me@contract.docx", "write to @anna and me@contract.docx"),
        ("two\n  lines @deep/er/sales.xlsx, ok", "two\n  lines deep/er/sales.xlsx, ok"),
        ("@" + "x" * 5000, "@" + "x" * 5000),
        ("@\0", "@\0"),
    ],
)
def test_marks_are_taken_off_names_of_files_only(folder: Path, message: str, plain: str) -> None:
    assert without_marks(message, folder) == plain


@pytest.mark.parametrize(
    ("typed", "decision"),
    [
        ("y\r", True),
        ("YES\r", True),
        ("n\r", False),
        (CTRL_C, False),
        (CTRL_D, None),
        ("\rperhaps\ry\r", True),
        ("2\r", ["b"]),
        ("3, 1\r", ["a", "c"]),
        ("4\rn\r", False),
        ("0\rn\r", False),
    ],
)
def test_decisions(keys: PipeInput, folder: Path, typed: str, decision: bool | list[str] | None) -> None:
    keys.send_text(typed)
    prompt = Prompt(folder, given=keys, shown=DummyOutput())
    assert prompt.approval(["a", "b", "c"], lambda: None) == decision


@pytest.mark.parametrize(("grantable", "decision"), [(True, "always"), (False, True)])
def test_always_is_offered_where_it_can_be(keys: PipeInput, folder: Path, grantable: bool, decision: object) -> None:
    keys.send_text("a\ry\r")
    prompt = Prompt(folder, given=keys, shown=DummyOutput())
    assert prompt.approval(["only"], lambda: None, grantable=grantable) == decision


def test_all_can_be_shown_before_deciding(keys: PipeInput, folder: Path) -> None:
    shown: list[bool] = []
    keys.send_text("d\r1\ry\r")
    prompt = Prompt(folder, given=keys, shown=DummyOutput())
    assert prompt.approval(["only"], lambda: shown.append(True)) is True
    assert shown == [True]


@pytest.mark.parametrize(("typed", "goes_on"), [("\r", True), ("q\r", False), (CTRL_C, False), (CTRL_D, False)])
def test_pages(keys: PipeInput, folder: Path, typed: str, goes_on: bool) -> None:
    keys.send_text(typed)
    assert Prompt(folder, given=keys, shown=DummyOutput()).more(10) is goes_on
