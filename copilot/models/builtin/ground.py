"""What is really there: the files, the names in them, and whether a text occurs in a document."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from copilot.documents.segments import Outline, Reading, Segment
from copilot.documents.sentences import sentences
from copilot.documents.terms import terms
from copilot.errors import EverpilotError

if TYPE_CHECKING:
    from copilot.documents.excel.regions import Region

_SMALL_SHEET = 4_000_000  # bytes of a sheet's part; the cells of a larger one are not looked through


class FileLike(Protocol):
    """A file as it was read."""

    @property
    def name(self) -> str:
        """The name to show."""

    @property
    def content(self) -> bytes:
        """Its bytes."""


class WorkspaceLike(Protocol):
    """The part of the workspace that the planner looks at. It never writes."""

    def files(self, suffixes: Sequence[str] = ()) -> list[Path]:
        """Return the documents with one of these suffixes."""

    def read(self, path: Path) -> FileLike:
        """Return the file."""

    def show(self, path: Path) -> str:
        """Return the path as a person would write it."""


@dataclass(frozen=True, slots=True)
class Occurrences:
    """Where a text stands in a document. `text` is it as the document writes it."""

    text: str
    places: tuple[Segment, ...]
    inside_words: int = 0  # how often it is only a part of a longer word: "cat" in "category"


@dataclass(frozen=True)
class Doc:
    """One document of the workspace, opened only when something in it is asked for."""

    ground: Ground
    path: Path
    show: str

    @property
    def suffix(self) -> str:
        """The suffix in small letters."""
        return self.path.suffix.lower()

    @cached_property
    def outline(self) -> Outline | None:
        """The names in it, or None when it can't be read (`problem` then says why)."""
        from copilot.documents import reading

        try:
            file = self.ground.workspace.read(self.path)
            return reading.outline(file.content, file.name)
        except (EverpilotError, OSError) as error:
            self.ground.problems[self.show] = str(error)
            return None

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """The blocks of data on its visible sheets; nothing for a big workbook or another kind of file."""
        from copilot.documents import excel
        from copilot.documents.excel.grid import Grid
        from copilot.documents.excel.regions import regions
        from copilot.slots import EXCEL_SUFFIXES

        if self.suffix not in EXCEL_SUFFIXES:
            return ()
        try:
            book = excel.Workbook.open(self.ground.workspace.read(self.path).content)
            sheets = [s for s in book.worksheets if s.state == "visible" and book.package.size(s.part) <= _SMALL_SHEET]
            return tuple(r for s in sheets for r in regions(Grid.of(book, s, compute=False)))
        except (EverpilotError, OSError) as error:
            self.ground.problems[self.show] = str(error)
            return ()

    @cached_property
    def reading(self) -> Reading | None:
        """Its whole text, or None when it can't be read."""
        from copilot.documents import reading

        try:
            file = self.ground.workspace.read(self.path)
            return reading.read(file.content, file.name)
        except (EverpilotError, OSError) as error:
            self.ground.problems[self.show] = str(error)
            return None

    @property
    def problem(self) -> str:
        """Why it could not be read, or nothing."""
        return self.ground.problems.get(self.show, "")

    def segments(self) -> Iterator[Segment]:
        """The text that a person sees, piece by piece."""
        for segment in self.reading.segments if self.reading else ():
            if not segment.hidden:
                yield segment

    def find(self, text: str) -> list[Occurrences]:
        """Return how the document writes `text`: as it is, else in other letter case, the most frequent first."""
        pattern = _flexible(text)
        whole: dict[str, list[Segment]] = {}
        partly: Counter[str] = Counter()
        for segment in self.segments():
            for match in pattern.finditer(segment.text):
                if _within_word(segment.text, match.start(), match.end()):
                    partly[match[0]] += 1
                else:
                    whole.setdefault(match[0], []).append(segment)
        if text in whole:
            whole = {text: whole[text]}
        found = [Occurrences(written, tuple(places), partly[written]) for written, places in whole.items()]
        return sorted(found, key=lambda o: -len(o.places))

    def closest(self, text: str, limit: int = 3) -> list[str]:
        """Return the passages that share most with `text`, each with its place."""
        wanted = set(terms(text))
        scored = []
        for segment in self.segments():
            for sentence in sentences(segment.text):
                share = len(wanted & set(terms(sentence)))
                if share:
                    scored.append((share / (1 + len(wanted)), -len(sentence), f"“{sentence[:160]}” ({segment.where})"))
        return [quote for _, _, quote in sorted(scored, reverse=True)[:limit]]


class Ground:
    """The workspace as the planner knows it: what was read is kept until the file changes."""

    def __init__(self, workspace: WorkspaceLike) -> None:
        self.workspace = workspace
        self.problems: dict[str, str] = {}
        self._kept: dict[Path, tuple[tuple[int, int], Doc]] = {}

    def docs(self) -> list[Doc]:
        """Return the documents that are there now; one that did not change since is not opened again."""
        paths = self.workspace.files(())
        found = [self._doc(path) for path in paths]
        self._kept = {path: kept for path in paths if (kept := self._kept.get(path)) is not None}
        return found

    def _doc(self, path: Path) -> Doc:
        try:
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
        except OSError:  # gone since it was listed, or not to be read: opening it says so
            stamp = (0, 0)
        kept = self._kept.get(path)
        if kept is None or kept[0] != stamp:
            doc = Doc(self, path, self.workspace.show(path))
            self.problems.pop(doc.show, None)
            kept = self._kept[path] = (stamp, doc)
        return kept[1]


def _flexible(text: str) -> re.Pattern[str]:
    """Match the text in any case, with any white space and with straight or curly quotes."""
    parts = []
    for piece in re.split(r"(\s+|['’‘]|[\"“”]|[-‐‑–])", text.strip()):
        if not piece:
            continue
        if piece.isspace():
            parts.append(r"\s+")
        elif piece in "'’‘":
            parts.append("['’‘]")
        elif piece in '"“”':
            parts.append('["“”]')
        elif piece in "-‐‑–":
            parts.append("[-‐‑–]")
        else:
            parts.append(re.escape(piece))
    return re.compile("".join(parts), re.IGNORECASE)


def _within_word(text: str, start: int, end: int) -> bool:
    before, first = text[start - 1 : start], text[start : start + 1]
    last, after = text[end - 1 : end], text[end : end + 1]
    return (before.isalnum() and first.isalnum()) or (after.isalnum() and last.isalnum())
