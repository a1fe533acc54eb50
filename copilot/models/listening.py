"""Who wants to see an answer while it is being made: `with listening(callback): ...` around any call of the router."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the answer `message_id`; it may still be discarded."""

    message_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Discarded:
    """The pieces of `message_id` shown so far are void."""

    message_id: str


@dataclass(frozen=True, slots=True)
class Switched:
    """The answer is made by `target` now, because `source` failed: `reason` is one line for a person."""

    source: str
    target: str
    reason: str


@dataclass(frozen=True, slots=True)
class Used:
    """Tokens of one accepted answer, and US dollars where the price is known."""

    model: str
    input_tokens: int
    output_tokens: int
    cost: float | None = None


ModelEvent = Token | Discarded | Switched | Used
Emit = Callable[[ModelEvent], None]


@dataclass(frozen=True, slots=True)
class Listener:
    """A callback, and whether what it shows can be taken back."""

    emit: Emit
    retracts: bool = True


_listener: ContextVar[Listener | None] = ContextVar("everpilot_listener", default=None)


@contextmanager
def listening(callback: Emit, *, retracts: bool = True) -> Iterator[None]:
    """Hand the events of every model call inside the block to `callback`, in the thread that made the call.

    `retracts=False` says that shown text can't be taken back (a mail, a pipe): text is then held back until the whole
    answer is accepted, and nothing is ever discarded.
    """
    token = _listener.set(Listener(callback, retracts))
    try:
        yield
    finally:
        _listener.reset(token)


def listener() -> Listener | None:
    """Return who listens here, or None."""
    return _listener.get()
