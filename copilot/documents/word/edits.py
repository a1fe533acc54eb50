"""Several operations on one document as one edit, plain or as tracked changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from copilot.documents.hunks import Edited, Hunk
from copilot.documents.operations import Call, Opener, Operations, run_each
from copilot.documents.package import Package
from copilot.documents.word import (
    bookmarks,
    captions,
    change,
    comments,
    controls,
    fields,
    formatting,
    insert,
    links,
    listing,
    margins,
    notes,
    orphans,
    paragraphs,
    pictures,
    properties,
    remove,
    replace,
    sections,
    styles_edit,
    tables,
    templates,
    toc,
)
from copilot.documents.word.document import Document, shortened
from copilot.documents.word.editing import Edit, Editor, opened
from copilot.documents.word.protection import SETTLING, forces_tracking, refuse_outside, refuse_protected
from copilot.documents.word.revisions import OPERATIONS as REVISIONS
from copilot.documents.word.tracking import Track
from copilot.errors import ToolInputError

#: Whether changes are written as tracked ones: never, always, or when the document has Track Changes on.

_EDITORS = (
    *replace.OPERATIONS,
    *change.OPERATIONS,
    *insert.OPERATIONS,
    *remove.OPERATIONS,
    *paragraphs.OPERATIONS,
    *listing.OPERATIONS,
    *formatting.OPERATIONS,
    *tables.OPERATIONS,
    *pictures.OPERATIONS,
    *sections.OPERATIONS,
    *margins.OPERATIONS,
    *notes.OPERATIONS,
    *links.OPERATIONS,
    *bookmarks.OPERATIONS,
    *fields.OPERATIONS,
    *captions.OPERATIONS,
    *toc.OPERATIONS,
    *styles_edit.OPERATIONS,
    *properties.OPERATIONS,
    *comments.OPERATIONS,
    *controls.OPERATIONS,
    *templates.OPERATIONS,
    *REVISIONS,
)

_BY_NAME: dict[str, Editor[...]] = {editor.__name__: editor for editor in _EDITORS}

#: Every operation: a function of a `Document` that says what it changed.
OPERATIONS = Operations(editor.on for editor in _EDITORS)


def edit(
    content: bytes,
    operations: Sequence[Mapping[str, Any]],
    *,
    track: Track = "follow",
    author: str = "Everpilot",
    date: datetime | None = None,
    override_protection: bool = False,
    opener: Opener | None = None,
) -> Edited:
    """Return the document after all operations, in order; with `track` as tracked changes of `author` at `date`.

    An operation is a mapping such as {"op": "delete_blocks", "addresses": ["p12:3fa2"]}; `opener` reads the files that
    one names (a picture). Addresses mean the document as it was given, so that an insertion by one operation does not
    shift those of the next; headings and table rows are looked for in what the operations before have made. Raises
    ToolInputError that names the operation by its number: "overlap" when it names what one before has deleted, or
    rewrites what one before has rewritten; "protected" unless `override_protection`; DocumentError. Then nothing of the
    batch is done.
    """
    calls = OPERATIONS.calls(operations, opener)
    plan = _Plan(content, calls, track, author, date, override_protection)
    return opened(content, _words(calls), plan.edit)


@dataclass(frozen=True)
class _Plan:
    content: bytes
    calls: Sequence[Call]
    track: Track
    author: str
    date: datetime | None
    override_protection: bool

    def edit(self, document: Document) -> Edited:
        document.author, document.date = self.author, self.date
        names = [call.operation.name for call in self.calls]
        limited = not self.override_protection and refuse_protected(document, names)
        tracked = self._tracks(document, names)
        hunks, warnings = _run(document, self.calls, self.content)
        warnings += document.standing_warnings(tracked=tracked or set(names) == {"track"})
        if not tracked:
            orphans.drop(document, document.released)
        if limited:
            refuse_outside(Package.open(self.content), document.settled())
        if not tracked:
            return Edited.of(document.save(), hunks, dict.fromkeys(warnings))
        from copilot.documents.word.redline import redline

        lined = redline(self.content, document.settled(), author=self.author, date=self.date)
        return Edited.of(lined.content, hunks, dict.fromkeys([*warnings, *lined.warnings]))

    def _tracks(self, document: Document, names: Sequence[str]) -> bool:
        """Return whether the edits are written as tracked changes; raises ToolInputError for those that can't be."""
        follows = self.track == "follow" and document.tracks
        tracked = self.track == "on" or follows or forces_tracking(document)
        settling = [each for each in names if each in SETTLING]
        if tracked and settling and len(settling) < len(names):
            message = "Accepting and rejecting changes can't be tracked themselves."
            raise ToolInputError(message, hint="Do them in a batch of their own.", code="overlap")
        return tracked and not settling


def _words(calls: Sequence[Call]) -> list[str]:
    """Return what every place that the batch edits holds; nothing when an operation needs the whole document."""
    found: list[str] = []
    for call in calls:
        words = _BY_NAME[call.operation.name].words
        try:
            each = words(**call.arguments) if words else []
        except ToolInputError:
            return []  # the operation says so itself when it is run, with its number
        if not each:
            return []
        found += each
    return found


def _run(document: Document, calls: Sequence[Call], content: bytes) -> tuple[list[Hunk], list[str]]:
    frozen = document.freeze(text for call in calls for text in _texts(call.arguments))
    hunks: list[Hunk] = []
    warnings: list[str] = []

    def run(call: Call) -> None:
        try:
            done: Edit = call.run(document)
        except ToolInputError as error:
            raise _overlapping(call, error, document, content) from None
        frozen.done(f"Operation {call.number} ({call.operation.name})")
        hunks.extend(done.hunks)
        warnings.extend(done.warnings)

    said = run_each(calls, run)
    return hunks, [*warnings, *said]


def _overlapping(call: Call, error: ToolInputError, document: Document, content: bytes) -> ToolInputError:
    """Return the error of an operation; "overlap" for words that an operation before has rewritten."""
    words = call.arguments.get("find")
    if error.code != "not_found" or call.number < 2 or not isinstance(words, str) or call.arguments.get("regex"):
        return error
    where = _where(Document(content), words)
    if not where or _where(document, words):
        return error
    name = f"Operation {call.number} ({call.operation.name})"
    reason = f"{name}: {shortened(words)!r} stood in {where} before an operation of this batch rewrote it."
    return ToolInputError(reason, hint="Put both changes of the place into one operation.", code="overlap")


def _where(document: Document, words: str) -> str:
    paragraphs = (block for block in document.blocks if block.kind == "paragraph")
    return next((block.where for block in paragraphs if words in document.text(block)), "")


def _texts(given: Any) -> Iterator[str]:
    """Yield every text in the arguments of an operation: any may be an address."""
    if isinstance(given, str):
        yield given
    elif isinstance(given, Mapping):
        for each in given.values():
            yield from _texts(each)
    elif isinstance(given, list | tuple):
        for each in given:
            yield from _texts(each)
