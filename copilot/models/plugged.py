"""Vendors that installed packages bring (entry point group `copilot.providers`), loaded when a model names them."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Collection
from functools import cache
from importlib.metadata import EntryPoint
from typing import TypeVar

from copilot.errors import SettingsError

ENTRY_POINTS = "copilot.providers"
T = TypeVar("T")


@cache
def _points() -> dict[str, EntryPoint]:
    """Return the entry points by name; of two with the same name the first one that is found."""
    found: dict[str, EntryPoint] = {}
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        found.setdefault(point.name, point)
    return found


def names() -> Collection[str]:
    """Return the names of what the installed packages bring; looks once a process."""
    return _points().keys()


def provider(name: str, check: Callable[[str, object], T]) -> T:
    """Return what a package brings under a name: the thing itself, or what it returns where it is a function.

    Raises:
        SettingsError: with the code "plugin": it can't be loaded, or `check` does not take it.
    """
    point = _points()[name]
    try:
        made = point.load()
        return check(name, made() if callable(made) else made)
    except (Exception, SystemExit) as error:  # a package's code may raise anything
        raise SettingsError(
            f"The provider {name!r} of {_owner(point)} is broken: {_said(error)}.",
            hint="Update that package, or take the model out of copilot.toml.",
            code="plugin",
        ) from error


def refused(bundled: Collection[str]) -> list[str]:
    """Return a line for each entry point that takes a name which is ours; the bundled one is used."""
    return [
        f"The provider {name!r} of {_owner(point)} is left out: that name is taken by the bundled one."
        for name, point in _points().items()
        if name in bundled
    ]


def _owner(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else point.value


def _said(error: BaseException) -> str:
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
    text = " ".join(str(error).split())[:300].rstrip(".")
    return text if type(error) in (ValueError, TypeError) and text else f"{type(error).__name__}: {text}"
