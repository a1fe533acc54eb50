"""What a run works on: files, folders, patterns, places elsewhere, searches and tables, as a stream of `Source`."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from copilot.errors import DocumentError, ServiceError
from copilot.jobs.job import Source
from copilot.jobs.sources import places
from copilot.jobs.sources.folders import SEEN, Folders, folds_case
from copilot.jobs.sources.found import Found
from copilot.jobs.sources.meant import Listing, Reader, closest
from copilot.jobs.sources.places import Opened
from copilot.jobs.sources.seen import Seen
from copilot.jobs.sources.table import of_rows

__all__ = ["Found", "Opened", "sources"]


def sources(
    given: Sequence[str],
    opened: Opened,
    rows: Path | None = None,
    *,
    found: Found | None = None,
    ours: Iterable[Path] = (),
) -> Iterator[Source]:
    """Return the sources of a run, one after the other, in an order that is the same on every listing.

    `given` are files, folders (with all below them), patterns, places of connectors, `search:words`. With a table
    `rows` each of its rows is a source: its column `file` or `path` names the document; without one the row alone is
    the work, together with the one file that was given, if any (a template). `opened` is a `Copilot`. `ours` are files
    and folders that the run itself writes: they are left out. `found` becomes the report.

    What is wrong with a word or the table is raised at once: DocumentError (missing, with the closest names; a table
    that can't be read), OutsideRootsError, WorkspaceError, ToolInputError. The iterator raises ServiceError when a
    place can't be asked, and, at its end, DocumentError if there was nothing to give.
    """
    report = found if found is not None else Found()
    if not given and rows is None:
        raise DocumentError("No documents are named.", hint="Name files, a folder or a pattern: '**/*.docx'.")
    if rows is not None:
        return of_rows(rows, given, opened, report)
    reader = Reader(opened, Folders(opened.workspace, report, tuple(ours)), report)
    listings = [(word, reader.listings(word)) for word in given]
    return _listed(listings, opened, report)


def _listed(listings: list[tuple[str, list[Listing]]], opened: Opened, found: Found) -> Iterator[Source]:
    seen = Seen()
    try:
        for word, ways in listings:
            before = found.count, found.skipped
            yield from _given(word, ways, opened, found, seen)
            if before == (found.count, found.skipped):
                found.note(f"Nothing fits {word!r}.")
    finally:
        seen.close()
    if not found.count:
        raise _nothing([word for word, _ in listings], opened, found)


def _given(word: str, ways: list[Listing], opened: Opened, found: Found, seen: Seen) -> Iterator[Source]:
    """Yield the sources of one word that were not given before."""
    shown = _Names(opened)
    try:
        for path in (path for way in ways for path in way()):
            name = shown.of(path)
            earlier = seen.earlier(shown.identity(path), name)
            if earlier is None:
                found.count += 1
                yield Source(key=seen.key(unicodedata.normalize("NFC", name), name), path=name)
            else:
                found.skip(name if name == earlier else f"{name} (as {earlier})", SEEN)
    except ServiceError as error:
        raise places.ask(error, word) from error


class _Names:
    """How paths are shown, without looking at the disk for each: what lies in the first folder is short."""

    def __init__(self, opened: Opened) -> None:
        self._workspace = opened.workspace
        self._first = str(opened.workspace.roots[0]).rstrip(os.sep) + os.sep
        self._folds = any(folds_case(root) for root in opened.workspace.roots)

    def of(self, path: Path) -> str:
        text = str(path)
        if text.startswith(self._first):
            return text[len(self._first) :].replace(os.sep, "/")
        return self._workspace.show(path)

    def identity(self, path: Path) -> str:
        return str(path).casefold() if self._folds else str(path)


def _nothing(words: list[str], opened: Opened, found: Found) -> DocumentError:
    """Return the error for a run without a document: what fits nothing, and what comes closest."""
    named = ", ".join(map(repr, words[:5])) + (", ..." if len(words) > 5 else "")
    if found.skipped:
        reasons = "; ".join(f"{left.count:,} {reason}" for reason, left in found.left.items())
        return DocumentError(
            f"There is no document to work on in {named}: {found.skipped:,} left out ({reasons}).",
            hint="Word, Excel, PowerPoint, PDF, mail and text files can be read.",
            code="missing",
        )
    return DocumentError(f"Nothing fits {named}.", hint=closest(words[0], opened), code="missing")
