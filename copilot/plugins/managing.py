"""Installing, updating and syncing plugins: fetched aside, read, shown, and kept only once a person agreed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from copilot.errors import PluginError
from copilot.plugins import lockfile
from copilot.plugins.contents import files_of
from copilot.plugins.examine import Candidate, Difference, Shown, candidate, difference, read, show
from copilot.plugins.installed import Installed
from copilot.plugins.lockfile import Entry
from copilot.plugins.plugin import Reading
from copilot.plugins.skill import Problem
from copilot.plugins.sources import source as sources
from copilot.plugins.sources.fetching import fetch
from copilot.plugins.sources.source import Fetched, Progress, Source, silent
from copilot.plugins.trusting import Content

#: What a publisher must mend, and what makes --strict refuse a plugin.
FAULTS = frozenset({"refused", "repaired", "unsupported"})


@dataclass(frozen=True)
class Offer:
    """A plugin that could be installed now: what it is, the content that the answer is bound to, and how it differs
    from the version that is installed (None: none is)."""

    candidate: Candidate
    content: Content
    installed: Entry | None = None
    difference: Difference | None = None

    @property
    def same(self) -> bool:
        """Whether exactly this is installed already."""
        return self.installed is not None and self.installed.sha256 == self.content.digest


class Manager:
    """Changes what is installed. `reading` is how plugins are read, `progress` is told what goes on."""

    def __init__(self, installed: Installed, reading: Reading, progress: Progress = silent) -> None:
        self.installed = installed
        self._reading = reading
        self._progress = progress

    @contextmanager
    def offer(self, text: str, *, name: str = "") -> Iterator[Offer]:
        """Give what a source offers, to be kept or not; what was fetched is gone afterwards.

        Raises PluginError: the source can't be fetched, it is no plugin, nothing of it can be used, or the name belongs
        to a plugin from elsewhere.
        """
        with self._offer(self._parsed(text), name) as found:
            taken = found.installed
            if taken is not None and taken.source != found.candidate.source.text:
                raise PluginError(
                    f"There is a plugin {taken.name!r} already, from {taken.source}.",
                    hint="Choose another one with --name NAME, or remove it first.",
                )
            yield found

    @contextmanager
    def newer(self, name: str) -> Iterator[Offer]:
        """Give what the source of an installed plugin offers now. Raises as `offer` does, ToolInputError for a name."""
        entry = self.installed.find(name)
        with self._offer(self._parsed(entry.source), name) as found:
            yield found

    @contextmanager
    def exactly(self, wanted: Entry, here: Path) -> Iterator[Offer]:
        """Give what a folder's lock names, fetched at the very version that it names; relative sources are those of
        `here`. Raises PluginError when the source gives other content."""
        source = self._parsed(wanted.source, here)
        with self._offer(replace(pinned(source, wanted.resolved), text=source.text), wanted.name) as found:
            if found.content.digest != wanted.sha256:
                raise PluginError(
                    f"{wanted.source} gives other content for {wanted.name} than {lockfile.FILE} names.",
                    hint="Look at what changed, then install it anew and write the lock again.",
                )
            yield found

    def keep(self, offer: Offer, *, enabled: bool = True) -> Entry:
        """Install what was offered, and return its entry. Raises PluginError."""
        entry = replace(offer.candidate.entry(offer.content), enabled=enabled)
        return self.installed.keep(entry, offer.candidate.folder, offer.content)

    def shown(self, entry: Entry) -> Shown:
        """Return what an installed plugin brings. Raises PluginError when it can't be read any more."""
        return show(read(self.installed.root(entry), self._reading), files_of(self.installed.place(entry)))

    def problems(self, entry: Entry) -> list[Problem]:
        """Return what is wrong with an installed plugin; that it can't be read is a problem, too."""
        where = f"plugin {entry.name}"
        if why := self.installed.trouble(entry):
            return [Problem(where, why)]
        try:
            return list(self.shown(entry).problems)
        except PluginError as error:
            return [Problem(where, str(error))]

    def _parsed(self, text: str, here: Path | None = None) -> Source:
        found = sources.parse(text, here=here)
        if found.kind != "marketplace":
            return found
        from copilot.plugins.sources.marketplaces import Marketplaces

        with self.installed.coming() as place:
            return Marketplaces(self.installed.state).resolve(found, place, self._progress)

    @contextmanager
    def _offer(self, source: Source, name: str) -> Iterator[Offer]:
        with self.installed.coming() as place:
            fetched = _as_listed(fetch(source, place, self._progress), source)
            found = candidate(source, fetched, self._reading, place / "content", name=name)
            _must_bring_something(found)
            content = self.installed.content(found.name, found.files)
            before = self.installed.entries().get(found.name)
            yield Offer(found, content, before, self._difference(before, found) if before else None)

    def _difference(self, before: Entry, found: Candidate) -> Difference:
        try:
            return difference(self.shown(before), found.shown)
        except PluginError:  # it was damaged: all of the new one is new
            return difference(Shown(before.name, before.form), found.shown)


def _as_listed(fetched: Fetched, source: Source) -> Fetched:
    """Return what was fetched, cut to what a marketplace's entry makes of it where that stands for its manifest."""
    if not source.entry:
        return fetched
    from copilot.plugins.packages.marketplace import made_of

    return replace(fetched, path=made_of(fetched.path, source.entry), name=str(source.entry.get("name", "")))


def pinned(source: Source, resolved: str) -> Source:
    """Return the source at the very version that was resolved: a commit, or a version on PyPI."""
    if source.kind == "git" and resolved.startswith("commit "):
        return replace(source, ref=resolved.removeprefix("commit "))
    if source.kind == "pypi" and resolved:
        from packaging.requirements import Requirement

        return replace(source, place=f"{Requirement(source.place).name}=={resolved}")
    return source


def _must_bring_something(found: Candidate) -> None:
    shown = found.shown
    if shown.skills or shown.commands or shown.servers or shown.agents or shown.tools:
        return
    reasons = "; ".join(f"{p.where}: {p.reason}" for p in shown.problems[:5]) or "it is empty"
    raise PluginError(f"Nothing of {found.source.text} can be used: {reasons}", code="empty")
