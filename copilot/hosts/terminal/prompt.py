"""The line that a person types in: history, completion, several lines; and the question of an approval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.input import Input, create_input
from prompt_toolkit.input.typeahead import clear_typeahead
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.key_binding.key_processor import KeyPressEvent
from prompt_toolkit.output import Output

from copilot._home import home
from copilot.hosts.terminal.complete import ChatCompleter
from copilot.hosts.terminal.keys import forget_typed

_SIGN = FormattedText([("bold ansicyan", "› ")])
#: What a person said to a card: all or nothing, these calls, or None: no answer yet.
#: What a person says to a card: all, none, the approved calls of several, all and such calls from now on, or not yet.
Decision = bool | list[str] | Literal["always"] | None
_YES, _NO, _ALL, _ALWAYS = {"y", "yes"}, {"n", "no"}, {"d", "diff"}, {"a", "always"}


class Prompt:
    """Reads messages and decisions from the terminal (or from `given` and to `shown`, for tests)."""

    def __init__(
        self,
        folder: Path,
        on_shown: Callable[[], None] = lambda: None,
        *,
        given: Input | None = None,
        shown: Output | None = None,
    ) -> None:
        self._on_shown = on_shown
        self._ends: dict[str, Any] = {"input": given, "output": shown}
        self._completer = ChatCompleter(folder)
        self._session: PromptSession[str] = PromptSession(
            history=_history(),
            completer=self._completer,
            complete_while_typing=True,
            complete_in_thread=True,
            auto_suggest=AutoSuggestFromHistory(),
            key_bindings=_keys(),
            multiline=False,
            prompt_continuation="  ",
            reserve_space_for_menu=6,
            **self._ends,
        )

    def ask(self) -> str | None:
        """Return what was typed, or None when the person leaves (Ctrl-D). Ctrl-C empties the line.

        Raises what `fail` was given meanwhile.
        """
        while True:
            try:
                return self._session.prompt(_SIGN, pre_run=self._on_shown)
            except KeyboardInterrupt:
                continue
            except EOFError:
                return None

    def offer(self, names: dict[str, str]) -> None:
        """Complete these names from now on, too; what each is for stands beside it."""
        self._completer.more = dict(names)

    def suggest(self, starters: Sequence[str]) -> None:
        """Complete these whole requests from now on: an agent's conversation starters."""
        self._completer.starters = tuple(starters)

    def fail(self, error: BaseException) -> None:
        """End the waiting in `ask`, from another thread: there is nothing to talk to."""
        app = self._session.app
        if app.loop is not None:
            app.loop.call_soon_threadsafe(lambda: app.is_running and app.exit(exception=error))

    def approval(self, calls: Sequence[str], show_all: Callable[[], None], *, grantable: bool = False) -> Decision:
        """Return the decision on a card; see `approval`."""
        return approval(calls, show_all, grantable=grantable, **self._ends)

    def more(self, left: int) -> bool:
        """Return whether the person wants the next page; see `more`."""
        return more(left, **self._ends)


def approval(calls: Sequence[str], show_all: Callable[[], None], *, grantable: bool = False, **ends: Any) -> Decision:
    """Return the decision on a card: all, none, the approved calls of several, "always", or None: open (Ctrl-D).

    `grantable`: such calls may be allowed from now on.
    """
    some = " · 1,2 = only these steps" if len(calls) > 1 else ""
    some += " · a = always, in this folder" if grantable else ""
    if ends.get("input") is None:
        clear_typeahead(create_input())
        forget_typed()
    asking: PromptSession[str] = PromptSession(**ends)
    text = FormattedText([("", f"y = yes · n = no · d = show all of it{some}\n"), ("bold ansiyellow", "Do it? ")])
    while True:
        try:
            typed = asking.prompt(text).strip().lower()
        except KeyboardInterrupt:
            return False
        except EOFError:
            return None
        if typed in _YES | _NO:
            return typed in _YES
        if typed in _ALWAYS and grantable:
            return "always"
        if typed in _ALL:
            show_all()
        elif (chosen := _numbered(typed, calls)) is not None:
            return chosen


def more(left: int, **ends: Any) -> bool:
    """Return whether the person wants the next page."""
    asking: PromptSession[str] = PromptSession(erase_when_done=True, **ends)
    try:
        return not asking.prompt(f"{left:,} more lines. Enter = go on, q = enough: ").strip()
    except (KeyboardInterrupt, EOFError):
        return False


def _numbered(typed: str, calls: Sequence[str]) -> list[str] | None:
    """Return the calls whose numbers were typed, "1,3" or "1 3"; None if that is not what was typed."""
    words = typed.replace(",", " ").split()
    if len(calls) < 2 or not words or not all(w.isdecimal() and 1 <= int(w) <= len(calls) for w in words):
        return None
    return [calls[number - 1] for number in sorted({int(w) for w in words})]


def _history() -> History:
    path = home() / "history"
    try:
        path.touch(mode=0o600)
        path.read_bytes()
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
