"""Installed plugins: private copies in the state folder, each bound by the lock to its source and to its content.

    installed/plugins.lock                     what is installed (lockfile.py)
    installed/NAME/HASH/FOLDER/...             the files; HASH is that of the content, so an update lies beside
    installed/.coming-XXXX/                    what is being fetched; swept when its process is gone
    plugin-data/NAME/                          what the plugin keeps (PLUGIN_DATA); stays over updates

A plugin is there from the moment that the lock names it: whatever is killed before leaves a folder that nobody loads.
What does not fit its hash, or is not trusted any more, is named and not loaded.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from copilot._flock import taken
from copilot.errors import PluginError, ToolInputError
from copilot.plugins import lockfile
from copilot.plugins.contents import Files, files_of
from copilot.plugins.lockfile import Entry
from copilot.plugins.skill import Problem
from copilot.plugins.trusting import Content, Decisions
from copilot.workspace.save import make_private

FOLDER, DATA = "installed", "plugin-data"
_COMING, _LOCK = ".coming-", "lock"
_HASH_SHOWN = 32  # hex digits of the content's hash in the name of a folder
_NAMED = 5  # changed files that are named
_TRIES = 10


@dataclass(frozen=True)
class Loadable:
    """An installed plugin that is enabled, trusted and as it was: the folder or file that is read, and where its data
    lies (`Installed.data` makes that folder)."""

    entry: Entry
    root: Path
    data: Path


class Installed:
    """The installed plugins of a state folder."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.folder = state / FOLDER
        self.lock = self.folder / lockfile.FILE
        self._decisions = Decisions(state)

    def entries(self) -> dict[str, Entry]:
        """Return what is installed, by name. Raises PluginError when the lock is damaged."""
        return lockfile.read(self.lock)

    def find(self, name: str) -> Entry:
        """Return an installed plugin; raises ToolInputError with the closest names."""
        entries = self.entries()
        if name not in entries:
            raise ToolInputError.unknown("plugin", name, entries, where="what is installed")
        return entries[name]

    def content(self, name: str, files: Files) -> Content:
        """Return what a decision on a plugin is about: these files, at the place where this version of it lies."""
        digest = files.content("").digest
        return files.content(str(self.folder / name / digest[:_HASH_SHOWN]))

    def place(self, entry: Entry) -> Path:
        """Return the folder that an entry's files lie in."""
        return self.folder / entry.name / entry.sha256[:_HASH_SHOWN] / entry.folder

    def root(self, entry: Entry) -> Path:
        """Return what is read: the folder, or the file in it."""
        return self.place(entry) / entry.path if entry.path else self.place(entry)

    def data(self, name: str) -> Path:
        """Return the folder that a plugin may keep things in, made 0700."""
        folder = self.state / DATA / name
        make_private(folder)
        return folder

    # --- what can be loaded -------------------------------------------------------------------------------------------

    def loadable(self) -> tuple[list[Loadable], list[Problem]]:
        """Return the plugins that may be loaded, by name, and why the others may not; nothing of them has run.

        A damaged lock is one problem, and nothing is loaded.
        """
        try:
            entries = self.entries()
            trusted = {made.where: made.digest for made in self._decisions.all()} if entries else {}
        except PluginError as error:
            return [], [Problem(str(self.lock), str(error))]
        found: list[Loadable] = []
        problems: list[Problem] = []
        for entry in entries.values():
            if not entry.enabled:
                continue
            if why := self.trouble(entry, trusted):
                problems.append(Problem(f"plugin {entry.name}", why))
            else:
                found.append(Loadable(entry, self.root(entry), self.state / DATA / entry.name))
        return found, problems

    def trouble(self, entry: Entry, trusted: Mapping[str, str] | None = None) -> str:
        """Return why an installed plugin may not be loaded, "" if it may: its files are not what the lock says, or
        nobody trusts them any more. `trusted` are the decisions' digests by place, where they were read already."""
        again = f"Install it again: everpilot plugins install {_quoted(entry.source)} --name {entry.name}"
        try:
            content = files_of(self.place(entry)).content(str(self.place(entry).parent))
        except (PluginError, OSError) as error:
            return f"its files can't be used ({error}), so it is not loaded. {again}"
        if content.digest != entry.sha256:
            return f"its files are not those of {lockfile.FILE}{self._changes(content)}, so it is not loaded. {again}"
        known = trusted.get(content.where) if trusted is not None else None
        if known != content.digest and self._decisions.standing(content).state != "trusted":
            return f"nobody trusts it as it is, so it is not loaded. {again}"
        return ""

    def _changes(self, content: Content) -> str:
        """Return which files differ from those that were trusted, in brackets."""
        changes = self._decisions.standing(content).changes
        named = ", ".join(changes[:_NAMED]) + (" and more" if len(changes) > _NAMED else "")
        return f" ({named})" if named else ""

    # --- fetching -----------------------------------------------------------------------------------------------------

    @contextmanager
    def coming(self) -> Iterator[Path]:
        """Give a private folder to fetch into; it is gone afterwards. What killed processes left is swept first."""
        make_private(self.folder)
        self._sweep()
        place, descriptor = self._fresh()
        try:
            yield place
        finally:
            os.close(descriptor)
            shutil.rmtree(place, ignore_errors=True)

    def _fresh(self) -> tuple[Path, int]:
        """Return a new folder and its lock, which is ours; another process may have swept it before it was locked."""
        for _ in range(_TRIES):
            place = self.folder / f"{_COMING}{secrets.token_hex(6)}"
            with suppress(FileNotFoundError):
                place.mkdir(mode=0o700)
                descriptor = os.open(place / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
                if taken(descriptor) and (place / _LOCK).exists():
                    return place, descriptor
                os.close(descriptor)
        raise PluginError(f"No folder can be made in {self.folder}.", hint="Try it again in a moment.")

    def _sweep(self) -> None:
        """Remove what was being fetched by processes that are gone: the system took their locks back."""
        for place in self.folder.glob(f"{_COMING}*"):
            with suppress(OSError):
                descriptor = os.open(place / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
                try:
                    if taken(descriptor):
                        shutil.rmtree(place, ignore_errors=True)
                finally:
                    os.close(descriptor)

    # --- changes ------------------------------------------------------------------------------------------------------

    def keep(self, entry: Entry, fetched: Path, content: Content, *, now: datetime | None = None) -> Entry:
        """Install the files in the folder `fetched`, which is moved, and return the entry as it is in the lock.

        `content` is what the person was shown and trusts. The version before is kept, to go back to; older ones are
        removed. Raises PluginError when the files are not that content any more, or can't be moved.
        """
        if files_of(fetched).content("").digest != content.digest:
            raise PluginError(f"The files of {entry.name} changed while they were looked at.", hint="Try it again.")
        moment = (now or datetime.now(UTC)).isoformat(timespec="seconds")
        made = replace(entry, sha256=content.digest, base=fetched.name, time=moment)
        with self._changing():
            entries = self.entries()
            before = entries.get(entry.name)
            if before is not None:
                made = made.after(before) if before.sha256 != made.sha256 else _same(made, before)
                made = replace(made, enabled=before.enabled)
            self._move(fetched, self.place(made), content)
            self._decisions.trust(content, now=now)
            lockfile.write(self.lock, {**entries, made.name: made}.values())
            self._drop_others(made)
        return made

    def _move(self, fetched: Path, place: Path, content: Content) -> None:
        try:
            if _holds(place, content):
                return
            shutil.rmtree(place.parent, ignore_errors=True)  # left by an install that was killed, or altered since
            make_private(place.parent)
            fetched.rename(place)
        except OSError as error:
            raise PluginError(f"The files can't be moved to {place}: {error.strerror}.") from error

    def _drop_others(self, entry: Entry) -> None:
        kept = {digest[:_HASH_SHOWN] for digest in (entry.sha256, entry.previous_sha256) if digest}
        for folder in (self.folder / entry.name).iterdir():
            if folder.name not in kept:
                self._decisions.revoke(folder)
                shutil.rmtree(folder, ignore_errors=True)

    def remove(self, name: str, *, purge: bool = False) -> Entry:
        """Take a plugin out, with its trust; its data stays unless `purge`. Raises ToolInputError: there is none."""
        with self._changing():
            entry = self.find(name)
            entries = {key: value for key, value in self.entries().items() if key != name}
            lockfile.write(self.lock, entries.values())
            self._decisions.revoke(self.folder / name)
            shutil.rmtree(self.folder / name, ignore_errors=True)
            if purge:
                shutil.rmtree(self.state / DATA / name, ignore_errors=True)
        return entry

    def enable(self, name: str, on: bool) -> Entry:
        """Load a plugin from now on, or not, and return its entry. Raises ToolInputError for an unknown one."""
        with self._changing():
            entry = replace(self.find(name), enabled=on)
            lockfile.write(self.lock, {**self.entries(), name: entry}.values())
        return entry

    def rollback(self, name: str) -> Entry:
        """Go back to the version before, and return its entry; that was trusted when it was installed.

        Raises PluginError where there is none, or it is damaged.
        """
        with self._changing():
            entry = self.find(name)
            if not entry.previous_sha256:
                raise PluginError(f"There is no version of {name} to go back to.")
            digest, resolved, version = entry.previous_sha256, entry.previous_resolved, entry.previous_version
            back = replace(entry, sha256=digest, resolved=resolved, version=version).after(entry)
            folders = sorted((self.folder / name / digest[:_HASH_SHOWN]).glob("*"))
            back = replace(back, base=folders[0].name) if len(folders) == 1 else back
            if why := self.trouble(back):
                raise PluginError(f"{name} can't go back to {version or resolved or 'what was before'}: {why}")
            lockfile.write(self.lock, {**self.entries(), name: back}.values())
        return back

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Hold the lock of all changes; raises PluginError while another process has it."""
        make_private(self.folder)
        descriptor = os.open(self.folder / f".{_LOCK}", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not taken(descriptor):
                raise PluginError("Another everpilot is changing the plugins.", hint="Try it again in a moment.")
            yield
        finally:
            os.close(descriptor)


def _holds(place: Path, content: Content) -> bool:
    """Return whether exactly these files lie there."""
    try:
        return place.is_dir() and files_of(place).content("").digest == content.digest
    except PluginError:
        return False


def _same(made: Entry, before: Entry) -> Entry:
    """Return an entry that was installed again as it is: the version to go back to stays."""
    return replace(
        made,
        previous_sha256=before.previous_sha256,
        previous_resolved=before.previous_resolved,
        previous_version=before.previous_version,
    )


def _quoted(text: str) -> str:
    import shlex

    return shlex.quote(text)
