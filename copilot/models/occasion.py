"""For whom a model is called, in which thread and turn, and for what kind of work: held around calls of the router."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.runnables.config import var_child_runnable_config

from copilot.settings import StepName


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a call is made for; "" where nobody said.

    `thread`, `turn` and `user` are ids that budgets and the usage table go by; `step` and `skill` choose among models
    (`[routing.steps]`, `[routing.skills]`). `allowance` are the US dollars that all calls of the thread may cost
    together, None for no such limit; where that does not suffice, `more` is asked with the US dollars that they need
    together, and returns what they may cost now. `pace` is asked before each attempt, with the model's name, how many
    seconds it has to wait (a thread may block in it).
    """

    thread: str = ""
    turn: str = ""
    user: str = ""
    step: StepName | str = ""
    skill: str = ""
    allowance: float | None = None
    more: Callable[[float], float] | None = None
    pace: Callable[[str], float] | None = None


_held: ContextVar[Occasion] = ContextVar("everpilot_occasion", default=Occasion())  # noqa: B039 - it is frozen


@contextmanager
def occasion(**fields: Any) -> Iterator[None]:
    """Say for what the model calls inside the block are made; `fields` are those of `Occasion`, others stay."""
    token = _held.set(replace(_held.get(), **fields))
    try:
        yield
    finally:
        _held.reset(token)


def current() -> Occasion:
    """Return what is held here; a thread that nobody named is the one that LangGraph runs."""
    held = _held.get()
    if held.thread:
        return held
    config: Any = var_child_runnable_config.get() or {}
    return replace(held, thread=str((config.get("configurable") or {}).get("thread_id") or ""))
