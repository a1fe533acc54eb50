"""Comments on cells: threads as Excel 365 writes them, and notes, which every version knows."""

from __future__ import annotations

import re
from dataclasses import dataclass

from copilot.documents.excel.cells import SheetReader
from copilot.documents.excel.commentparts import Entry, Notes, Threads, identity, shadow_text
from copilot.documents.excel.places import cell_at
from copilot.documents.excel.refs import address
from copilot.documents.excel.saving import saved
from copilot.documents.excel.workbook import Sheet, Workbook
from copilot.documents.hunks import Edited, Hunk
from copilot.errors import ToolInputError

#: Characters of a comment that Excel takes.
MAX_COMMENT = 32_767
AUTHOR = "Everpilot"
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?")


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment on a cell: a thread with its replies (`id` is set), or a note. `date` is ISO text, "" where unknown."""

    cell: str
    author: str
    text: str
    date: str = ""
    id: str = ""
    done: bool = False
    replies: tuple[Comment, ...] = ()

    @property
    def threaded(self) -> bool:
        """Whether it is a thread that can be replied to."""
        return bool(self.id)


def comments(workbook: Workbook, sheet: Sheet) -> list[Comment]:
    """Return the comments of a sheet, row by row; the note that stands in for a thread is left out."""
    threads = Threads(workbook, sheet).entries()
    replies: dict[str, list[Entry]] = {}
    for entry in threads:
        replies.setdefault(entry.parent, []).append(entry)
    found = [(e.at, _comment(e, tuple(_comment(r) for r in replies.get(e.id, ())))) for e in threads if not e.parent]
    taken = {at for at, _ in found}
    found += [(e.at, _comment(e)) for e in Notes(workbook, sheet).entries() if e.at not in taken]
    return [comment for _, comment in sorted(found, key=lambda pair: pair[0])]


def _comment(entry: Entry, replies: tuple[Comment, ...] = ()) -> Comment:
    return Comment(address(*entry.at), entry.author, entry.text, entry.date, entry.id, entry.done, replies)


def add_comment(
    content: bytes,
    cell: str,
    text: str,
    sheet: str = "",
    author: str = AUTHOR,
    threaded: bool | None = None,
    date: str = "",
) -> Edited:
    """Comment on a cell: with a thread where the workbook has threads, else with a note (or as `threaded` says).

    `date` is when, as "2026-03-01T10:00:00"; without it a thread has the date of the file's last change. Raises
    ToolInputError: a cell with a comment, a cell inside of a merged range, an empty or too long text.
    """
    workbook = Workbook.open(content)
    found, at = cell_at(workbook, cell, sheet or None)
    text = _checked(text)
    _refuse_inside(workbook, found, at)
    present = next((c for c in comments(workbook, found) if c.cell == address(*at)), None)
    if present is not None:
        hint = "Answer it with reply_comment." if present.threaded else "Delete it first with delete_comment."
        message = f"{found.name}!{address(*at)} has a comment already: {present.text[:60]!r}."
        raise ToolInputError(message, hint=hint, code="taken")
    threaded = _has_threads(workbook) if threaded is None else threaded
    if threaded:
        entry = Entry(
            at, author, text, identity(found.name, address(*at), author, text, date), "", _date(workbook, date)
        )
        Threads(workbook, found).add(entry)
        Notes(workbook, found).add(Entry(at, f"tc={entry.id}", shadow_text([entry]), entry.id), shadow=True)
    else:
        Notes(workbook, found).add(Entry(at, author, text), shadow=False)
    return _saved(workbook, found, at, "", f"{author}: {text}")


def _checked(text: str) -> str:
    text = text.replace("\r\n", "\n")
    if not text.strip() or len(text) > MAX_COMMENT:
        message = f"A comment has 1 to {MAX_COMMENT:,} characters, not {len(text.strip()):,}."
        raise ToolInputError(message, code="value")
    return text


def _refuse_inside(workbook: Workbook, sheet: Sheet, at: tuple[int, int]) -> None:
    for area in SheetReader(workbook, sheet).xml.areas(b"mergeCell"):
        if at in area and at != (area.top, area.left):
            hint = f"Comment on {address(area.top, area.left)}."
            message = f"{sheet.name}!{address(*at)} is inside the merged range {area}."
            raise ToolInputError(message, hint=hint, code="cell_in_the_way")


def _has_threads(workbook: Workbook) -> bool:
    return any(workbook.package.related(s.part, "threadedComment") for s in workbook.worksheets)


def _date(workbook: Workbook, date: str) -> str:
    """Return a date as threads write it; without one the date of the file's last change, "" where it has none."""
    if date:
        if not _DATE.match(date):
            raise ToolInputError(f"{date!r} is no date.", hint='Write it like "2026-03-01T10:00:00".', code="value")
        day, _, clock = date.replace(" ", "T").removesuffix("Z").partition("T")
        clock = clock or "00:00:00"
        return f"{day}T{clock if clock.count(':') == 2 else clock + ':00'}{'' if '.' in clock else '.00'}"
    package = workbook.package
    for part in package.related("", "core-properties"):
        for found in package.xml(part).iter("{*}modified") if package.has(part) else ():
            given = (found.text or "").strip()
            return _date(workbook, given) if _DATE.match(given) else ""
    return ""


def _saved(workbook: Workbook, sheet: Sheet, at: tuple[int, int], before: str, after: str) -> Edited:
    parts = [sheet.part, Notes(workbook, sheet).part, Threads(workbook, sheet).part]
    parts += workbook.package.related(workbook.package.main, "person")
    where = f"{sheet.name}!{address(*at)}, comment"
    return saved(workbook, [Hunk(where, before, after, "text")], parts)


def _thread(workbook: Workbook, sheet: Sheet, at: tuple[int, int]) -> Comment:
    """Return the thread of a cell; raises ToolInputError that says what is there instead."""
    known = comments(workbook, sheet)
    found = next((c for c in known if c.cell == address(*at)), None)
    where = f"{sheet.name}!{address(*at)}"
    if found is None:
        there = ", ".join(c.cell for c in known[:10])
        hint = f"There are comments on: {there}." if there else "The sheet has no comment."
        raise ToolInputError(f"{where} has no comment.", hint=hint, code="no_comment")
    if not found.threaded:
        hint = "Delete it with delete_comment, and add a threaded comment instead."
        raise ToolInputError(f"The comment on {where} is a note, which can't be answered.", hint=hint, code="note")
    return found


def reply_comment(
    content: bytes, cell: str, text: str, sheet: str = "", author: str = AUTHOR, date: str = ""
) -> Edited:
    """Answer the threaded comment on a cell.

    Raises ToolInputError for a cell without a comment, or with a note, which can't be answered.
    """
    workbook = Workbook.open(content)
    found, at = cell_at(workbook, cell, sheet or None)
    text = _checked(text)
    thread = _thread(workbook, found, at)
    number = str(len(thread.replies))
    entry = Entry(at, author, text, identity(thread.id, number, author, text, date), thread.id, _date(workbook, date))
    threads = Threads(workbook, found)
    threads.add(entry)
    notes = Notes(workbook, found)
    if any(e.at == at for e in notes.entries()):
        notes.set_text(at, shadow_text([e for e in threads.entries() if e.at == at]))
    return _saved(workbook, found, at, "", f"{author}: {text}")


def resolve_comment(content: bytes, cell: str, sheet: str = "", done: bool = True) -> Edited:
    """Mark the threaded comment on a cell as resolved, or as open again.

    Raises ToolInputError for a cell without a thread, and when it is so already.
    """
    workbook = Workbook.open(content)
    found, at = cell_at(workbook, cell, sheet or None)
    thread = _thread(workbook, found, at)
    words = {True: "resolved", False: "open"}
    if thread.done == done:
        raise ToolInputError(f"The comment on {found.name}!{thread.cell} is {words[done]} already.", code="unchanged")
    Threads(workbook, found).set_done(at, done=done)
    return _saved(workbook, found, at, words[thread.done], words[done])


def delete_comment(content: bytes, cell: str, sheet: str = "") -> Edited:
    """Delete the comment on a cell, a note or a thread with its replies.

    Raises ToolInputError for a cell without a comment.
    """
    workbook = Workbook.open(content)
    found, at = cell_at(workbook, cell, sheet or None)
    present = next((c for c in comments(workbook, found) if c.cell == address(*at)), None)
    if present is None:
        _thread(workbook, found, at)
        raise AssertionError("a cell without a comment is refused")
    threads, notes = Threads(workbook, found), Notes(workbook, found)
    if present.threaded:
        threads.remove(at)
    if any(e.at == at for e in notes.entries()):
        notes.remove(at)
    told = [f"{c.author}: {c.text}" for c in (present, *present.replies)]
    return _saved(workbook, found, at, "\n".join(told), "")


#: The operations of this module.
OPERATIONS = (add_comment, reply_comment, resolve_comment, delete_comment)
