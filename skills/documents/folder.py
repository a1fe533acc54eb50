"""All documents of the folder, one after the other; a broken one is noted, not fatal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from copilot.documents.kinds import SUFFIX_KINDS
from copilot.documents.long_sheets import all_passages, unsearched
from copilot.documents.passages import Passage, passages
from copilot.documents.reading import read
from copilot.documents.segments import DocumentKind, Reading
from copilot.errors import DocumentError, EverpilotError, WorkspaceError
from copilot.plugins.context import ToolContext
from copilot.slots import ALL_SUFFIXES

_TELL_EVERY = 20


@dataclass
class Folder:
    """The documents of a context, read one by one.

    After the loop `skipped` holds path and reason of those that could not be read, `count` how many could, and
    `unfetched` path and bytes of those that lie elsewhere, when they were not to be fetched.
    """

    context: ToolContext
    suffixes: Sequence[str] = ALL_SUFFIXES
    skipped: list[tuple[str, str]] = field(default_factory=list)
    count: int = 0
    unfetched: list[tuple[str, int]] = field(default_factory=list)

    def contents(self, *, fetch: bool = True) -> Iterator[tuple[str, bytes]]:
        """Yield path (as a person writes it) and bytes of each document; with `fetch` False only of those on hand."""
        paths = self.context.files(self.suffixes)
        for number, path in enumerate(paths, start=1):
            shown = self.context.show(path)
            if number % _TELL_EVERY == 0:
                self.context.progress(f"Reading {number} of {len(paths)} documents: {shown}")
            if not fetch and (node := self.context.staging.unfetched(path)) is not None:
                self.unfetched.append((shown, node.size))
                continue
            try:
                content = self.context.open(str(path)).content
            except (DocumentError, WorkspaceError) as error:
                self.skip(shown, error)
                continue
            yield shown, content

    def passages(self) -> Iterator[tuple[str, tuple[Passage, ...]]]:
        """Yield path and passages of each document that can be read, all rows of big sheets included."""
        for shown, content, reading in self._read():
            try:
                found = all_passages(content, reading)
            except DocumentError as error:
                self.skip(shown, error)
                found = passages(reading)
            self.skipped += [(shown, f"{shown}: {reason}.") for reason in unsearched(reading)]
            yield shown, found

    def readings(self) -> Iterator[tuple[str, Reading]]:
        """Yield path and reading of each document that can be read."""
        for shown, _, reading in self._read():
            yield shown, reading

    def _read(self) -> Iterator[tuple[str, bytes, Reading]]:
        for shown, content in self.contents():
            try:
                reading = read(content, shown)
            except DocumentError as error:
                self.skip(shown, error)
                continue
            self.count += 1
            yield shown, content, reading

    def skip(self, shown: str, error: EverpilotError) -> None:
        """Note a document that can't be read."""
        reason = str(error)
        self.skipped.append((shown, reason if shown in reason else f"{shown}: {reason}"))


def suffixes_of(kind: DocumentKind | str) -> tuple[str, ...]:
    """Return the suffixes of one kind of document; all for "any"."""
    return tuple(s for s in ALL_SUFFIXES if kind == "any" or SUFFIX_KINDS.get(s) == kind)
