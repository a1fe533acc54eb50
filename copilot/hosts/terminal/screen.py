"""What a person sees of a turn: the answer as it is written, tools at work, changes as diffs."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markdown import Markdown
from rich.padding import Padding
from rich.spinner import Spinner
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
from copilot.trust.sanitise import TerminalSanitiser, safe_text

_ROOM = 6  # terminal lines that the growing answer leaves free


class Screen:
    """Shows turns on a terminal; counts what they cost."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or render.console()
        self.used: dict[str, list[Usage]] = {}
        self._asked: list[list[dict[str, Any]]] = []  # what the last card showed need not be shown again

    def note(self, text: str) -> None:
        """Show a remark of the program."""
        self.console.print(Text(safe_text(text), style="dim"))

    def problem(self, text: str) -> None:
        """Show an error."""
        self.console.print(Text("! ", style="red bold") + Text(safe_text(text)))

    def approval(self, card: dict[str, Any]) -> None:
        """Show what waits for a decision."""
        self._asked = [item["hunks"] for item in card["items"]]
        self.console.print(Text("\nThis would be done:", style="bold yellow"))
        self.console.print(Padding(render.card(card), (0, 0, 0, 1)))

    def show(self, events: Iterator[Event]) -> Final | None:
        """Show a turn as it happens and return its end."""
        final: Final | None = None
        with _Growing(self.console) as growing:
            for event in events:
                self._event(event, growing)
                if isinstance(event, Final):
                    final = event
        if final is not None:
            self._end(final, growing)
        return final

    def _event(self, event: Event, growing: _Growing) -> None:
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
                growing.say(render.changes([change if change["hunks"] not in self._asked else {**change, "hunks": []}]))
                growing.say(Text(f"  /undo {entry} takes it back", style="dim"))
            case ApprovalEvent(_, card):
                growing.finish()
                self.approval(card)
            case Usage(model):
                self.used.setdefault(model, []).append(event)

    def _tool(self, event: ToolEvent, growing: _Growing) -> None:
        name = safe_text(event.name)
        if event.status == "started":
            growing.finish()
            growing.working(f"{name} {_brief(event.args)}")
        elif event.status == "progress":
            growing.working(f"{name}: {safe_text(event.text)}")
        elif event.status in ("failed", "rejected"):
            growing.say(Text(f"· {name}: {safe_text(event.text)}", style="yellow"))
        else:
            growing.say(Text(f"· {name} {_brief(event.args)}", style="dim"))

    def _end(self, final: Final, growing: _Growing) -> None:
        if final.text and not final.approvals and not growing.was_shown(final.text):
            self.console.print(Markdown(render.safe_markdown(final.text)))
        if final.error:
            self.problem(final.error["message"])
        elif not final.approvals and final.served_by != "builtin":  # the planner's answers say so themselves
            self.console.print(Text(f"— {safe_text(final.served_by)}{_tokens(final.usage)}", style="dim"))


class _Growing:
    """The answer while it is written: its last lines are redrawn, and printed whole once they can't be taken back."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, transient=True, refresh_per_second=12)
        self._sanitiser = TerminalSanitiser()
        self._message = ""
        self._text = ""
        self._raw = ""
        self._shown: set[str] = set()

    def __enter__(self) -> _Growing:
        self._live.start()
        self.working("thinking")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()
        self._live.stop()

    def add(self, message: str, text: str) -> None:
        """Let the answer grow."""
        if message != self._message:
            self.finish()
            self._message = message
        self._raw += text
        self._text += self._sanitiser.feed(text)
        self._live.update(self._tail())

    def discard(self, message: str) -> None:
        """Take back what was shown of a message."""
        if message == self._message:
            self._reset()
            self.working("thinking")

    def finish(self) -> None:
        """Print what has grown, for good."""
        self._text += self._sanitiser.close()
        if self._text.strip():
            self._shown.add(self._raw.strip())
            self._live.update(Text(""))
            self._console.print(Markdown(self._text))
        self._reset()

    def say(self, renderable: RenderableType) -> None:
        """Print a line above the growing answer."""
        self._console.print(renderable)

    def working(self, what: str) -> None:
        """Show that something is going on."""
        self._live.update(Spinner("dots", Text(f" {what}", style="dim", overflow="ellipsis", no_wrap=True)))

    def was_shown(self, text: str) -> bool:
        """Return whether this answer was already printed while it grew."""
        return text.strip() in self._shown

    def _reset(self) -> None:
        self._sanitiser = TerminalSanitiser()
        self._message = self._text = self._raw = ""
        self._live.update(Text(""))

    def _tail(self) -> RenderableType:
        lines = self._console.render_lines(Markdown(self._text), pad=False)
        most = max(self._console.height - _ROOM, 4)
        shown = lines[-most:]
        return Group(*(Text.assemble(*((s.text, s.style or "") for s in line), end="") for line in shown))


def _brief(args: dict[str, Any]) -> str:
    """Return a call's arguments in one short line."""
    text = ", ".join(f"{k}={v!r}" if not isinstance(v, str) else f"{k}={v}" for k, v in args.items() if v is not None)
    text = safe_text(" ".join(text.split()))
    return text if len(text) <= 100 else text[:99] + "…"


def _tokens(usage: dict[str, Any]) -> str:
    count = usage.get("input_tokens", 0) + usage.get("output_tokens", 0)
    cost = usage.get("cost")
    return (f" · {count:,} tokens" if count else "") + (f" · ${cost:.4f}" if cost else "")
