"""The answer while it is written: its last lines are redrawn, and it is printed whole once it can't be taken back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console, RenderableType
from rich.live import Live
from rich.segment import SegmentLines
from rich.spinner import Spinner
from rich.text import Text

from copilot.hosts import render
from copilot.trust.sanitise import TerminalSanitiser, safe_text

_ROOM = 6  # terminal lines that the growing answer leaves free
_FRAMES = 8  # a second
_SLOW = 3.0  # seconds after which the time is shown beside what is going on


class Growing:
    """What is on the screen below everything that is printed for good."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._sanitiser = TerminalSanitiser()
        self._spinner = Spinner("dots")
        self._what = ""
        self._since = 0.0
        self._message = ""
        self._text = ""
        self._raw = ""
        self._shown: set[str] = set()
        # Drawn by the clock, not by the piece: a long answer would be laid out thousands of times.
        self._live = Live(console=console, transient=True, refresh_per_second=_FRAMES, get_renderable=self._frame)

    def __enter__(self) -> Growing:
        self.working("thinking")
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()
        self._what = ""
        self._live.stop()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Draw nothing for a while; what happens meanwhile is drawn afterwards."""
        drawing = self._live.is_started
        self._live.stop()
        try:
            yield
        finally:
            if drawing:
                self._live.start()

    def add(self, message: str, text: str) -> None:
        """Let the answer grow."""
        if message != self._message:
            self.finish()
            self._message = message
        self._raw += text
        self._text += self._sanitiser.feed(text)

    def discard(self, message: str) -> None:
        """Take back what was shown of a message."""
        if message == self._message:
            self._reset()
            self.working("thinking")

    def finish(self) -> None:
        """Print what has grown, for good."""
        text = self._text + self._sanitiser.close()
        raw = self._raw
        self._reset()
        if text.strip():
            self._shown.add(_words(raw))
            self.say(render.markdown(text))

    def say(self, renderable: RenderableType) -> None:
        """Print something above the growing answer."""
        self._console.print(renderable)

    def working(self, what: str) -> None:
        """Show that something is going on; `what` may hold anything."""
        if what != self._what:
            self._since = self._clock()
        self._what = what

    def was_shown(self, text: str) -> bool:
        """Return whether this answer was already printed while it grew."""
        return _words(text) in self._shown

    def _reset(self) -> None:
        self._sanitiser = TerminalSanitiser()
        self._message = self._text = self._raw = ""

    def _frame(self) -> RenderableType:
        if self._text.strip():
            return self._tail(self._text)
        if not self._what:
            return Text("")
        passed = self._clock() - self._since
        taken = f" · {passed:.0f} s, Ctrl-C stops" if passed >= _SLOW else ""
        text = Text(f" {safe_text(self._what)}{taken}", style="dim", overflow="ellipsis", no_wrap=True)
        self._spinner.update(text=text)
        return self._spinner

    def _tail(self, text: str) -> RenderableType:
        """Return the last lines, as many as fit; only the text that can be among them is laid out."""
        most = max(self._console.height - _ROOM, 3)
        start = text.rfind("\n\n", 0, max(len(text) - 2 * most * self._console.width, 0)) + 1
        fence = "```\n" if text.count("\n```", 0, start) % 2 else ""
        lines = self._console.render_lines(render.markdown(fence + text[start:]), pad=False)
        return SegmentLines(lines[-most:], new_lines=True)


def _words(text: str) -> str:
    return " ".join(text.split())
