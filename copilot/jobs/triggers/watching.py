"""Looks at what is watched: which files are new or changed, at rest, and not the work of the watch itself."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from copilot.agent.copilot import Copilot
from copilot.errors import DocumentError, EverpilotError
from copilot.jobs import feeding
from copilot.jobs.job import Source
from copilot.jobs.sources import Found
from copilot.jobs.store import PAGE, Run
from copilot.jobs.triggers.watches import Version, Watch, Watches
from copilot.workspace.owners import owner_of

#: Results are looked up again from so long before the last look: clocks of workers differ.
_MARGIN = timedelta(minutes=2)
_SHARE = 10  # of the time, one part at most is spent on looking
_TAG = "tag:"
_SOON = 0.2  # seconds, at least, between two looks


class Watcher:
    """Looks for one watch. `base` has opened what is watched; `clock` counts seconds."""

    def __init__(
        self, watches: Watches, watch: Watch, base: Copilot, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._watches = watches
        self.watch = watch
        self._base = base
        self._clock = clock
        self._stamps = watches.stamps(watch.name)
        self._moving: dict[str, tuple[str, float]] = {}  # a file's last stamp, and since when it is that
        self._ours: set[str] = set()
        self._since = ""
        self._took = 0.0
        self._begun = watch.begun or watch.existing

    @property
    def is_elsewhere(self) -> bool:
        """Whether something of what is watched lies at a place of a connector, which tells of no changes."""
        return bool(self._base.mounts)

    @property
    def pause(self) -> float:
        """The seconds until the next look: short while a file is not at rest."""
        return max(self.least, min(self.watch.interval, self.watch.quiet / 2) if self._moving else self.watch.interval)

    @property
    def least(self) -> float:
        """The seconds until the next look where something tells of a change: long when a look takes long."""
        return max(_SOON, self._took * _SHARE)

    def look(self) -> int:
        """Order what is new or changed and at rest; returns how many versions that are.

        At the first look of a new watch nothing is ordered, unless it has `existing`. Raises EverpilotError when the
        place can't be listed, or the database does not answer.
        """
        began = self._clock()
        count = 0
        page: list[Version] = []
        for version in self._changed():
            page.append(version)
            if len(page) >= PAGE:
                count += self._taken(page)
                page = []
        count += self._taken(page)
        self._took = self._clock() - began if self._begun else 0.0  # the first look reads everything
        if not self._begun:
            self._watches.begin(self.watch.name)
            self._begun = True
        return count

    # --- what changed ---------------------------------------------------------------------------------------------

    def _changed(self) -> Iterator[Version]:
        """Yield the files with another stamp than the known ones that are at rest."""
        there: set[str] = set()
        for source in self._listed():
            there.add(source.key)
            path = self._place(source)
            stamp = self._stamp(path)
            if not stamp or stamp in self._stamps.get(source.key, ()):
                self._moving.pop(source.key, None)
            elif not self._begun or self._rests(source.key, path, stamp):
                yield from self._version(source, path, stamp)
        for gone in self._moving.keys() - there:
            del self._moving[gone]

    def _listed(self) -> Iterator[Source]:
        watch, found = self.watch, Found()
        try:
            yield from feeding.listed(self._base, Run(watch.run, watch.job, watch.place), found)
        except DocumentError as error:
            if error.code != "missing":  # nothing there (yet) is no error
                raise

    def _place(self, source: Source) -> Path:
        """Return where a file lies; not resolved in full, which takes long, as long as nothing changed."""
        near = Path(os.path.join(self._base.folder, source.path))
        return self._base.workspace.resolve(source.path) if self.is_elsewhere or not near.exists() else near

    def _stamp(self, path: Path) -> str:
        """Return by what a version of a file is known without reading it, "" for a file that is gone."""
        for mounted in self._base.mounts.values():
            if path.is_relative_to(mounted.folder):
                node = mounted.node(path)
                return f"{_TAG}{node.tag}" if node else ""
        try:
            found = os.stat(path)
        except OSError:
            return ""
        return f"{found.st_size}:{found.st_mtime_ns}:{found.st_ino}"

    def _rests(self, key: str, path: Path, stamp: str) -> bool:
        last, since = self._moving.get(key, ("", 0.0))
        if last != stamp:
            self._moving[key] = (stamp, self._clock())
            return self.watch.quiet <= 0
        return self._clock() - since >= self.watch.quiet and owner_of(path) is None

    def _version(self, source: Source, path: Path, stamp: str) -> Iterator[Version]:
        if not self._begun and stamp.startswith(_TAG):  # it is not fetched only to be known
            yield Version(source, stamp, stamp)
            return
        try:
            digest = self._base.workspace.hash(source.path)
        except EverpilotError:
            return  # it can't be read now; so it is not at rest
        elsewhere = stamp.startswith(_TAG)  # which may name a version in one way when it lists, in another when asked
        if digest and (elsewhere or self._stamp(path) == stamp):
            yield Version(source, digest, stamp)

    # --- what becomes of it ---------------------------------------------------------------------------------------

    def _taken(self, versions: list[Version]) -> int:
        if not versions:
            return 0
        if not self._begun:
            self._know(versions)
            return 0
        known = self._watches.known(self.watch.name, versions)
        ours, busy = self._results(), self._watches.at_work(self.watch)
        new = [v for v in versions if (v.source.key, v.digest) not in known and v.digest not in ours]
        self._know([each for each in versions if each not in new])
        new = [each for each in new if each.source.path not in busy]  # a later version waits for the earlier
        count = self._watches.order(self.watch, new) if new else 0
        self._noted(new)
        return count

    def _results(self) -> set[str]:
        found, last = self._watches.results(self.watch, self._since)
        self._ours |= found
        if last:
            self._since = (datetime.fromisoformat(last) - _MARGIN).isoformat(timespec="milliseconds")
        return self._ours

    def _know(self, versions: list[Version]) -> None:
        self._watches.remember(self.watch.name, versions)
        self._noted(versions)

    def _noted(self, versions: list[Version]) -> None:
        for each in versions:
            self._stamps.setdefault(each.source.key, set()).add(each.stamp)
            self._moving.pop(each.source.key, None)
