"""The line that a person types in: history, @file completion, several lines, approvals."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.key_binding.key_processor import KeyPressEvent

from copilot.settings import home
from copilot.slots import ALL_SUFFIXES

#: The commands of the chat and what they do; commands.py has a method for each.
COMMANDS = {
    "/help": "what can be typed here",
    "/model": "prefer another model: /model NAME",
    "/models": "the models and how they are",
    "/skills": "the loaded skills",
    "/tools": "the tools that skills offer",
    "/undo": "take back the last change, or /undo N",
    "/diff": "what was changed in this folder: /diff [N]",
    "/cost": "tokens and cost of this session",
    "/sessions": "the threads of this folder",
    "/resume": "continue another thread: /resume ID",
    "/clear": "begin a new thread",
    "/exit": "leave",
}
_MOST_FILES = 2_000
_YES, _NO = {"y", "yes"}, {"n", "no", ""}


class Prompt:
    """Reads messages and decisions from the terminal."""

    def __init__(self, folder: Path, on_shown: Callable[[], None] = lambda: None) -> None:
        self._on_shown = on_shown
        self._session: PromptSession[str] = PromptSession(
            history=_history(),
            completer=_Completer(folder),
            complete_while_typing=True,
            auto_suggest=AutoSuggestFromHistory(),
            key_bindings=_keys(),
            multiline=False,
        )

    def ask(self) -> str | None:
        """Return what was typed, or None when the person leaves (Ctrl-D). Ctrl-C empties the line."""
        while True:
            try:
                return self._session.prompt("› ", pre_run=self._on_shown)
            except KeyboardInterrupt:
                continue
            except EOFError:
                return None

    def approval(self, calls: Sequence[str]) -> bool | list[str]:
        """Return the decision on a card: all, none, or the approved calls of several."""
        several = f", or numbers like 1,2 of the {len(calls)} steps" if len(calls) > 1 else ""
        asking: PromptSession[str] = PromptSession()
        while True:
            try:
                typed = asking.prompt(f"Do it? [y]es, [n]o{several}: ").strip().lower()
            except (KeyboardInterrupt, EOFError):
                return False
            if typed in _YES | _NO:
                return typed in _YES
            numbers = [n for n in typed.replace(",", " ").split() if n.isdecimal()]
            if numbers and all(1 <= int(n) <= len(calls) for n in numbers):
                return [calls[int(n) - 1] for n in numbers]


def _history() -> History:
    path = home() / "history"
    try:
        path.touch(mode=0o600)
    except OSError:
        return InMemoryHistory()  # a state folder that can't be written is told by the first turn
    return FileHistory(str(path))


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("escape", "enter")
    @keys.add("c-j")
    def newline(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys


class _Completer(Completer):
    """Completes /commands at the start and @files anywhere."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Yield what fits the word before the cursor."""
        word = document.get_word_before_cursor(WORD=True)
        if document.text_before_cursor == word and word.startswith("/"):
            for name, text in COMMANDS.items():
                if name.startswith(word):
                    yield Completion(name, -len(word), display_meta=text)
        elif word.startswith("@"):
            for name in self._files():
                if word[1:].lower() in name.lower():
                    yield Completion(f"@{name}", -len(word))

    def _files(self) -> list[str]:
        found: list[str] = []
        for folder, folders, names in os.walk(self._folder):
            folders[:] = sorted(f for f in folders if not f.startswith("."))
            here = Path(folder).relative_to(self._folder)
            documents = sorted(n for n in names if n.lower().endswith(ALL_SUFFIXES) and not n.startswith(("~$", ".")))
            found += [(here / n).as_posix() for n in documents]
            if len(found) > _MOST_FILES:
                break
        return found
