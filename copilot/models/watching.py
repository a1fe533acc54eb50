"""Who is told of each attempt and sign-in, whatever the settings say: the agent's audit log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

#: Takes one event as JSON types, without any text of messages.
Watcher = Callable[[dict[str, Any]], object]

_watcher: ContextVar[Watcher | None] = ContextVar("everpilot_watcher", default=None)


@contextmanager
def watched(by: Watcher | None) -> Iterator[None]:
    """Tell `by` of each attempt inside the block when it has ended, and of each sign-in.

    What it raises ends the turn: nothing more is asked unrecorded.
    """
    token = _watcher.set(by)
    try:
        yield
    finally:
        _watcher.reset(token)


def tell(event: Mapping[str, Any]) -> None:
    """Tell whoever watches here."""
    if (watcher := _watcher.get()) is not None:
        watcher(dict(event))
