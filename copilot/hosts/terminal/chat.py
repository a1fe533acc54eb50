"""The chat: a prompt that is there at once, the agent loading behind it, turns shown as they happen."""

from __future__ import annotations

import argparse
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot.errors import EverpilotError, WorkspaceError
from copilot.hosts.terminal.complete import without_marks
from copilot.hosts.terminal.prompt import Prompt

if TYPE_CHECKING:
    from copilot.agent.copilot import Copilot
    from copilot.agent.events import Event, Final
    from copilot.hosts.terminal.commands import Commands
    from copilot.hosts.terminal.screen import Screen

_HELLO = "Everpilot · {folder}\n/help for commands, @ for files, Ctrl-D to leave\n"
_COMMAND = re.compile(r"/[^\s/]*(\s|$)")  # a path has a second slash


def chat(parsed: argparse.Namespace) -> int:
    """Talk until the person leaves; returns the exit code. Raises EverpilotError when there is nothing to talk to."""
    folder = Path(parsed.dir or ".").expanduser().resolve()
    if not folder.is_dir():
        raise WorkspaceError(f"The folder {folder} does not exist.", hint="Name another with --dir.")
    from copilot.trust.sanitise import safe_text

    print(_HELLO.format(folder=safe_text(_short(folder))), flush=True)
    loading = Loading(parsed)
    prompt = Prompt(folder, on_shown=loading.start)
    loading.on_error = prompt.fail
    loading.on_loaded = lambda copilot: prompt.offer(_names(copilot))
    return Chat(parsed, prompt, loading).run()


def _names(copilot: Copilot) -> dict[str, str]:
    from copilot.hosts.terminal.commands import names_of

    return names_of(copilot)


def _short(folder: Path) -> str:
    """Return the folder as people write it, with ~ for their own."""
    own = Path(os.path.expanduser("~"))
    return f"~/{folder.relative_to(own).as_posix()}" if folder != own and folder.is_relative_to(own) else str(folder)


class Loading:
    """Imports and builds the agent while the person types the first message."""

    def __init__(self, parsed: argparse.Namespace) -> None:
        self.on_error: Callable[[BaseException], None] = lambda error: None
        self.on_loaded: Callable[[Copilot], None] = lambda copilot: None
        self._parsed = parsed
        self._copilot: Copilot | None = None
        self.paused: Callable[[], AbstractContextManager[object]] = nullcontext
        self._error: BaseException | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._load, daemon=True, name="everpilot-loading")

    def start(self) -> None:
        """Begin, once."""
        if self._thread.ident is None:
            self._thread.start()

    def wait(self) -> Copilot:
        """Return the assistant; raises what loading it raised."""
        self.start()
        self._done.wait()
        if self._error is not None:
            raise self._error
        assert self._copilot is not None
        return self._copilot

    def _load(self) -> None:
        try:
            from copilot.hosts.once import make_copilot
            from copilot.hosts.terminal.form import Form

            copilot = make_copilot(self._parsed, Form(paused=lambda: self.paused()))
            copilot.prepare()
            self._copilot = copilot
            self.on_loaded(copilot)
        except BaseException as error:  # noqa: BLE001 - handed over to the thread that waits
            self._error = error
            self.on_error(error)
        finally:
            self._done.set()


class Chat:
    """The loop of a conversation."""

    def __init__(self, parsed: argparse.Namespace, prompt: Prompt, loading: Loading) -> None:
        self._parsed = parsed
        self._prompt = prompt
        self._loading = loading
        self._files: list[str] = []
        self._stay = True

    def run(self) -> int:
        """Serve messages until the person leaves."""
        if self._parsed.continue_ or self._parsed.resume:
            self._guarded(self._go_on)
        elif self._parsed.agent:  # who answers, its disclaimer and its starters come before the first line
            self._guarded(lambda: None)
        while self._stay and (message := self._prompt.ask()) is not None:
            if message.strip():
                self._guarded(self._serve, message.strip())
        return 0

    def _guarded(self, act: Callable[..., None], *given: str) -> None:
        """Do something that may fail or be stopped: the chat goes on, unless there is nothing to talk to."""
        try:
            self._ready()
        except KeyboardInterrupt:
            return
        try:
            act(*given)
        except KeyboardInterrupt:
            self._screen.note("Stopped. What was approved before is written; nothing is half written.")
        except EverpilotError as error:
            self._screen.problem(str(error))

    def _ready(self) -> None:
        if hasattr(self, "_commands"):
            return
        from rich.console import Console

        with Console().status("getting ready", spinner_style="dim"):
            copilot = self._loading.wait()
        from copilot.hosts.once import chosen_thread, notes_of
        from copilot.hosts.terminal.commands import Commands
        from copilot.hosts.terminal.greeting import greet
        from copilot.hosts.terminal.screen import Screen
        from copilot.models import credentials

        self._screen: Screen = Screen()
        self._loading.paused = self._screen.paused
        credentials.show_sign_in_with(self._screen.note)
        for note in notes_of(copilot):
            self._screen.problem(note)
        for note in copilot.workspace.notes:
            self._screen.problem(note)
        thread = chosen_thread(copilot, self._parsed) or copilot.threads.new_id()
        self._files = list(self._parsed.files)
        self._commands: Commands = Commands(copilot, self._screen, thread)
        self._prompt.suggest(self._commands.starters())
        if not (self._parsed.continue_ or self._parsed.resume):
            greet(self._screen, copilot.persona)

    def _serve(self, message: str) -> None:
        """Answer one message or run one command."""
        commands = self._commands
        said = without_marks(message, commands.copilot.folder)
        start = commands.started(said)
        if start is None and _COMMAND.match(message):
            thread = commands.thread
            self._stay = commands.run(message)
            self._prompt.suggest(commands.starters())
            if commands.thread != thread:
                self._ask_open_approval()
            return
        files, self._files = self._files, []
        text, typed = start or (said, None)
        self._turn(commands.copilot.stream(text, thread=commands.thread, files=files, typed=typed))

    def _turn(self, events: Iterator[Event]) -> None:
        final: Final | None = self._screen.show(events)
        while final is not None and final.approvals:
            final = self._decide(final.approvals[0], final.thread)
        self._screen.console.print()

    def _decide(self, card: dict[str, Any], thread: str) -> Final | None:
        """Ask the person about an open approval and return the end of the turn that goes on."""
        calls = list(dict.fromkeys(item["call_id"] for item in card["items"]))
        grantable = any(item.get("grantable") for item in card["items"])
        approve = self._prompt.approval(calls, lambda: self._screen.page(card, self._prompt.more), grantable=grantable)
        if approve is None:
            self._stay = False
            place = f'--dir "{self._parsed.dir}" ' if self._parsed.dir else ""
            self._screen.note(f"Nothing was written. The question stays open: everpilot {place}-r {thread}")
            return None
        always = approve == "always"
        answer: bool | list[str] = True if approve == "always" else approve
        return self._screen.show(
            self._commands.copilot.stream_resume(thread, approve=answer, card=card["digest"], always=always)
        )

    def _go_on(self) -> None:
        thread = self._commands.copilot.threads.find(self._commands.thread)
        self._screen.note(f"Thread {thread.id} goes on: {thread.title}")
        self._ask_open_approval()

    def _ask_open_approval(self) -> None:
        """A thread that is continued may still wait for an answer from last time."""
        from copilot.hosts.once import reaching

        thread = self._commands.thread
        copilot = self._commands.copilot = reaching(self._commands.copilot, thread, self._parsed.model)
        waiting = copilot.pending(thread)
        if waiting is None:
            return
        self._screen.approval(waiting.card)
        final = self._decide(waiting.card, thread)
        while final is not None and final.approvals:
            final = self._decide(final.approvals[0], thread)
        self._screen.console.print()
