"""The label that a model call must be cleared for, beyond what its messages say.

A thread's label outlives its messages (a summary of a restricted document is restricted), so the agent holds it over
every model call of the thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from copilot.trust.labels import WORKSPACE, Label

_held: ContextVar[Label] = ContextVar("everpilot_label_held", default=WORKSPACE)


@contextmanager
def labelled(label: Label) -> Iterator[None]:
    """Treat every model call inside the block as if its request held data with this label."""
    token = _held.set(_held.get() | label)
    try:
        yield
    finally:
        _held.reset(token)


def held() -> Label:
    """Return the label that is held over calls made here."""
    return _held.get()
