"""The chat: a prompt that is there at once, the agent loading behind it, turns shown as they happen."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from copilot.errors import EverpilotError
from copilot.hosts.terminal.prompt import Prompt

if TYPE_CHECKING:
    from copilot.agent.copilot import Copilot
    from copilot.agent.events import Event, Final

_HELLO = "Everpilot · {folder} · /help for commands, @ for files, Ctrl-D to leave"


def chat(parsed: argparse.Namespace) -> int:
    """Talk until the person leaves; returns the exit code."""
    folder = Path(parsed.dir or ".").expanduser().resolve()
    print(_HELLO.format(folder=folder))
    loading = _Loading(parsed)
    prompt = Prompt(folder, on_shown=loading.start)
    first = prompt.ask()
    while first is not None and not first.strip():
        first = prompt.ask()
    if first is None:
        return 0
    return _Chat(loading.wait(), parsed, prompt).run(first)


class _Loading:
    """Imports and builds the agent while the person types the first message."""

    def __init__(self, parsed: argparse.Namespace) -> None:
        self._parsed = parsed
        self._copilot: Copilot | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._load, daemon=True, name="everpilot-loading")

    def start(self) -> None:
        """Begin, once."""
        if self._thread.ident is None:
            self._thread.start()

    def wait(self) -> Copilot:
        """Return the assistant; raises what loading it raised."""
        self.start()
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._copilot is not None
        return self._copilot

    def _load(self) -> None:
        try:
            from copilot.hosts.once import open_copilot

            copilot = open_copilot(self._parsed)
            copilot.prepare()
            self._copilot = copilot
        except BaseException as error:  # noqa: BLE001 - handed over to the thread that waits
            self._error = error


class _Chat:
    """The loop of a conversation."""

    def __init__(self, copilot: Copilot, parsed: argparse.Namespace, prompt: Prompt) -> None:
        from copilot.hosts.once import chosen_thread
        from copilot.hosts.terminal.commands import Commands
        from copilot.hosts.terminal.screen import Screen

        self._copilot = copilot
        self._prompt = prompt
        self._screen = Screen()
        thread = chosen_thread(copilot, parsed) or copilot.threads.new_id()
        self._commands = Commands(copilot, self._screen, thread)
        self._files = list(parsed.files)

    def run(self, first: str) -> int:
        """Serve messages until the person leaves."""
        self._ask_open_approval()
        message: str | None = first
        while message is not None:
            if message.strip() and not self._serve(message.strip()):
                return 0
            message = self._prompt.ask()
        return 0

    def _serve(self, message: str) -> bool:
        """Answer one message; returns False when the person wants to leave. Whatever goes wrong, the chat goes on."""
        try:
            if message.startswith("/"):
                return self._commands.run(message)
            files, self._files = self._files, []
            copilot, thread = self._commands.copilot, self._commands.thread
            self._turn(lambda: copilot.stream(_without_marks(message), thread=thread, files=files))
        except KeyboardInterrupt:
            self._screen.note("Stopped. What was approved before is written; nothing is half written.")
        except EverpilotError as error:
            self._screen.problem(str(error))
        return True

    def _turn(self, events: Callable[[], Iterator[Event]]) -> None:
        final = self._screen.show(events())
        while final is not None and final.approvals:
            final = self._decide(final)

    def _decide(self, final: Final) -> Final | None:
        """Ask the person about the open approval and return the end of the turn that goes on."""
        calls = list(dict.fromkeys(item["call_id"] for item in final.approvals[0]["items"]))
        approve = self._prompt.approval(calls)
        return self._screen.show(self._commands.copilot.stream_resume(final.thread, approve=approve))

    def _ask_open_approval(self) -> None:
        """A thread that is continued may still wait for an answer from last time."""
        thread = self._commands.thread
        waiting = self._copilot.pending(thread)
        if waiting is None:
            return
        self._screen.approval(waiting.card)
        calls = list(dict.fromkeys(item["call_id"] for item in waiting.card["items"]))
        approve = self._prompt.approval(calls)
        self._turn(lambda: self._copilot.stream_resume(thread, approve=approve))


def _without_marks(message: str) -> str:
    """Return the message with @file as the plain name that tools understand."""
    return " ".join(w[1:] if w.startswith("@") and len(w) > 1 else w for w in message.split(" "))
