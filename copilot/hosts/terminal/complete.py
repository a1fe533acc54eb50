"""What can be completed in the chat's line: /commands at its start, @files anywhere; and how @files are read back."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from copilot.slots import ALL_SUFFIXES

#: The commands of the chat and what they do; commands.py has a method for each.
COMMANDS = {
    "/help": "what can be typed here",
    "/model": "prefer another model: /model NAME",
    "/models": "the models and how they are",
    "/skills": "the loaded skills",
    "/tools": "the tools that skills offer",
    "/plugins": "the installed plugins and what each brings",
    "/mcp": "the MCP servers and how they are",
    "/agents": "the agents of plugins; begin anew with one: /agents NAME, or /agents none",
    "/undo": "take back the last change, or /undo N, /undo turn, /undo thread",
    "/redo": "do again what was undone: /redo [N]",
    "/diff": "what was changed in this folder: /diff [N]",
    "/cost": "tokens and cost of this session",
    "/sessions": "the threads of this folder",
    "/resume": "continue another thread: /resume ID",
    "/clear": "begin a new thread",
    "/exit": "leave",
}
_MOST_FILES = 2_000
_MOST_ENTRIES = 50_000  # looked at, documents or not: a line being typed must not wait for a disk
_FRESH = 5.0  # seconds for which a listing is used again
_TYPED = re.compile(r'(?<!\S)@("[^"\n]*|\S*)$')
_MARKED = re.compile(r'(?<!\S)@(?:"([^"\n]+)"|([^\s"]+))')
_PUNCTUATION = ".,;:!?)"


class ChatCompleter(Completer):
    """Completes for a chat in `folder`; `starters` are whole requests that an agent offers to begin with."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._clock = clock
        self.more: dict[str, str] = {}  # what can be started beside COMMANDS, and what for: known when all is loaded
        self._listed: list[str] = []
        self._until = -1.0
        self.starters: tuple[str, ...] = ()

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Yield what fits the word before the cursor."""
        before = document.text_before_cursor
        if before.startswith("/") and not re.search(r"\s", before):
            for name, text in {**self.more, **COMMANDS}.items():
                if name.startswith(before):
                    yield Completion(name, -len(before), display_meta=text)
        elif typed := _TYPED.search(before):
            sought = typed[1].lstrip('"').lower()
            for name in self._files():
                if sought in name.lower():
                    yield Completion(_marked(name), -len(typed[0]), display=name)
        else:
            begun = before.casefold()
            yield from (Completion(text, -len(before)) for text in self.starters if text.casefold().startswith(begun))

    def _files(self) -> list[str]:
        if self._clock() >= self._until:
            self._listed = list(_documents(self._folder))
            self._until = self._clock() + _FRESH
        return self._listed


def _documents(top: Path) -> Iterator[str]:
    """Yield the documents below `top`, relative to it, hidden ones and Office's lock files left out."""
    found = looked = 0
    for folder, folders, names in os.walk(top):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        here = Path(folder).relative_to(top)
        for name in sorted(names):
            if name.lower().endswith(ALL_SUFFIXES) and not name.startswith(("~$", ".")):
                found += 1
                yield (here / name).as_posix()
        looked += len(names) + len(folders)
        if found > _MOST_FILES or looked > _MOST_ENTRIES:
            return


def _marked(name: str) -> str:
    return f'@"{name}"' if re.search(r"\s", name) else f"@{name}"


def without_marks(message: str, folder: Path) -> str:
    """Return the message with each @file as the name that tools understand; other words with an @ stay."""

    def plain(match: re.Match[str]) -> str:
        if quoted := match[1]:
            return f'"{quoted}"' if _exists(folder, quoted) else match[0]
        return match[2] if _exists(folder, match[2]) or _exists(folder, match[2].rstrip(_PUNCTUATION)) else match[0]

    return _MARKED.sub(plain, message)


def _exists(folder: Path, name: str) -> bool:
    try:
        return bool(name) and (folder / name).exists()
    except (OSError, ValueError):
        return False  # no name that a file could have
