"""Waits until something below a folder changes, or for a while where nothing tells of it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

_LOOK = 400  # milliseconds


class Waiting:
    """Waits for changes below folders of this machine; without watchfiles, or for places elsewhere, only for time."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._changes = _changes([folder for folder in folders if folder.is_dir()])

    def wait(self, seconds: float) -> bool:
        """Return whether something changed; False after so many seconds."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self._changes is None:
                time.sleep(left)
                return False
            try:
                if next(self._changes):
                    return True
            except (StopIteration, OSError, RuntimeError):
                self._changes = None  # the folder is gone, or the system watches no more: time alone is left
        return False


def _changes(folders: list[Path]) -> Iterator[Any] | None:
    """Yield what changed, an empty set now and then; None where the system can't tell."""
    if not folders:
        return None
    with suppress(ImportError):
        from watchfiles import watch

        return watch(
            *folders,
            watch_filter=None,
            debounce=200,
            rust_timeout=_LOOK,
            yield_on_timeout=True,
            raise_interrupt=True,
            ignore_permission_denied=True,
        )
    return None
