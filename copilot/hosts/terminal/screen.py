"""What a person sees of a turn: the answer as it is written, tools at work, changes as diffs."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from typing import Any

from rich.console import Console, Group
from rich.padding import Padding
from rich.segment import Segment, SegmentLines
from rich.text import Text

from copilot.agent.events import (
    ApprovalEvent,
    ChangeEvent,
    Delta,
    Discard,
    Event,
    Final,
    Switched,
    ToolEvent,
    Usage,
)
from copilot.hosts import render
from copilot.hosts.terminal.growing import Growing
from copilot.hosts.terminal.keys import no_echo
from copilot.trust.sanitise import safe_text

_CARD_ROOM = 8  # terminal lines that a card leaves free: its head, its foot, the question
_MOST_ARGUMENTS = 100  # characters of a call's arguments that are shown


class Screen:
    """Shows turns on a terminal; counts what they cost."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or render.console()
        self.used: dict[str, list[Usage]] = {}
        # What the last card showed need not be shown again.
        self._asked: list[list[dict[str, Any]]] = []
        self._asked_calls: set[str] = set()
        self._growing: Growing | None = None

    def note(self, text: str) -> None:
        """Show a remark of the program."""
        self.console.print(Text(safe_text(text), style="dim"))

    def problem(self, text: str) -> None:
        """Show an error."""
        self.console.print(Text.assemble(("! ", "red bold"), safe_text(text)))

    def approval(self, card: dict[str, Any]) -> None:
        """Show what waits for a decision, as much of it as the screen holds."""
        self._asked = [item["hunks"] for item in card["items"]]
        self._asked_calls = {item["call_id"] for item in card["items"]}
        lines = self._card_lines(card)
        most = max(self.console.height - _CARD_ROOM, 4)
        self.console.print(Text("\nThis would be done:", style="bold yellow"))
        self._print_lines(lines[:most])
        if len(lines) > most:
            self.note(f"… {len(lines) - most:,} more lines of this; d shows all of it, page by page.")

    def page(self, card: dict[str, Any], more: Callable[[int], bool]) -> None:
        """Show all of a card, a screenful at a time; `more` is asked with the number of lines left."""
        lines = self._card_lines(card)
        size = max(self.console.height - 2, 4)
        for at in range(0, len(lines), size):
            if at and not more(len(lines) - at):
                return
            self._print_lines(lines[at : at + size])

    def _card_lines(self, card: dict[str, Any]) -> list[list[Segment]]:
        return self.console.render_lines(Padding(render.card(card), (0, 0, 0, 1)), pad=False)

    def _print_lines(self, lines: list[list[Segment]]) -> None:
        self.console.print(SegmentLines(lines, new_lines=True), end="")

    def show(self, events: Iterator[Event]) -> Final | None:
        """Show a turn as it happens and return its end."""
        final: Final | None = None
        with no_echo(), Growing(self.console) as growing, _closing(events):
            self._growing = growing
            for event in events:
                self._event(event, growing)
                if isinstance(event, Final):
                    final = event
        if final is not None:
            self._end(final, growing)
        return final

    def paused(self) -> AbstractContextManager[object]:
        """Give the screen to a question that another thread asks while a turn is shown."""
        return self._growing.paused() if self._growing is not None else nullcontext()

    def _event(self, event: Event, growing: Growing) -> None:
        match event:
            case Delta(message_id, text):
                growing.add(message_id, text)
            case Discard(message_id):
                growing.discard(message_id)
            case Switched(_, target, reason):
                growing.say(Text(f"{safe_text(reason)}, continued on {safe_text(target)}", style="yellow"))
            case ToolEvent():
                self._tool(event, growing)
            case ChangeEvent(change, entry):
                seen = change["hunks"] in self._asked
                growing.say(render.changes([{**change, "hunks": []} if seen else change]))
                if entry:  # what went out is not taken back
                    growing.say(Text(f"  /undo {entry} takes it back", style="dim"))
            case ApprovalEvent(_, card):
                growing.finish()
                growing.working("")
                self.approval(card)
            case Usage(model):
                self.used.setdefault(model, []).append(event)

    def _tool(self, event: ToolEvent, growing: Growing) -> None:
        name = safe_text(event.name)
        if event.status == "started":
            growing.finish()
            growing.working(f"{name} {_brief(event.args)}")
        elif event.status == "progress":
            growing.working(f"{name}: {event.text}")
        elif event.status == "rejected":
            growing.say(Text(f"· {name}: not approved, nothing written", style="dim"))
            growing.working("thinking")
        elif event.status == "failed":
            growing.say(Text(f"· {name}: {safe_text(event.text)}", style="yellow"))
            growing.working("thinking")
        elif event.call_id not in self._asked_calls:  # else its change is on the screen
            line = Text(f"· {name} {_brief(event.args)}", style="dim", overflow="ellipsis", no_wrap=True)
            growing.say(Group(line))  # printed bare, a text forgets that it does not wrap
            growing.working("thinking")

    def _end(self, final: Final, growing: Growing) -> None:
        if final.text and not final.approvals and not growing.was_shown(final.text):
            render.show_markdown(self.console, final.text)
        if final.error and not final.text:
            self.problem(final.error["message"])
        elif not final.approvals and final.served_by != "builtin":  # the planner's answers say so themselves
            self.note(f"— {final.served_by or 'no model'}{_tokens(final.usage)}")


def _closing(events: Iterator[Event]) -> AbstractContextManager[object]:
    """Close a generator of events however the body ends: the turn behind it is then stopped, not left running."""
    return closing(events) if isinstance(events, Generator) else nullcontext()


def _brief(args: dict[str, Any]) -> str:
    """Return a call's arguments in one short line."""
    text = ", ".join(f"{k}={v!r}" if not isinstance(v, str) else f"{k}={v}" for k, v in args.items() if v is not None)
    text = safe_text(" ".join(text.split()))
    return text if len(text) <= _MOST_ARGUMENTS else text[: _MOST_ARGUMENTS - 1] + "…"


def _tokens(usage: dict[str, Any]) -> str:
    count = usage.get("input_tokens", 0) + usage.get("output_tokens", 0)
    cost = usage.get("cost")
    return (f" · {count:,} tokens" if count else "") + (f" · ${cost:.4f}" if cost and cost >= 0.00005 else "")
