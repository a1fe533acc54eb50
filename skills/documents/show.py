"""How passages of documents are shown: quoted, with their place, never as our own words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from copilot.documents.passages import Passage
from copilot.documents.segments import Outline

_MAX_QUOTE = 500


@dataclass(frozen=True, slots=True)
class Quote:
    """A passage of a file, as it is quoted. `path` is relative to the folder."""

    path: str
    passage: Passage

    @property
    def place(self) -> str:
        """Where it stands: "contract.docx, paragraph 12"."""
        return f"{self.path}, {self.passage.where}" if self.passage.where else self.path

    def to_dict(self) -> dict[str, Any]:
        """Return the quote as JSON types."""
        passage = self.passage
        return {
            "path": self.path,
            "where": passage.where,
            "text": passage.text,
            "heading": passage.heading,
            "hidden": passage.hidden,
        }


def quotes(found: Iterable[Quote]) -> str:
    """Return quotes as Markdown, each with its place under it."""
    return "\n\n".join(quote(each) for each in found)


def quote(found: Quote, *, mark: Sequence[str] = ()) -> str:
    """Return one quote as Markdown, with its place, the heading above it and whether it is hidden."""
    passage = found.passage
    under = (
        f" (under “{one_line(passage.heading.rpartition(' › ')[2], 120)}”)"
        if passage.heading and passage.kind != "heading"
        else ""
    )
    hidden = f" [hidden: {passage.hidden}]" if passage.hidden else ""
    return f"> {one_line(passage.text, _MAX_QUOTE)}\n>\n> — {one_line(found.place)}{under}{hidden}"


def quoted_block(markdown: str) -> str:
    """Return a document's Markdown as one quote."""
    return "\n".join(f"> {line}".rstrip() for line in markdown.splitlines())


def one_line(text: str, length: int = 0) -> str:
    """Return the text on one line, shortened to `length` characters if given."""
    joined = " ".join(text.split())
    return joined if not length or len(joined) <= length else joined[: length - 1].rstrip() + "…"


def size(count: int) -> str:
    """Return bytes for a person: "14 kB"."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1000:.0f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def outline_lines(outline: Outline, limit: int = 60) -> list[str]:
    """Return the headings, or sheets with their columns, as quoted list lines."""
    headings = () if outline.sheets else outline.headings  # a workbook's headings are its sheets
    lines = [f"> {'  ' * max(h.level - 1, 0)}- {one_line(h.text, 120)} ({h.where})" for h in headings]
    for sheet in outline.sheets:
        columns = f": {one_line(', '.join(c for c in sheet.columns if c), 300)}" if any(sheet.columns) else ""
        hidden = " [hidden]" if sheet.hidden else ""
        lines.append(f"> - {one_line(sheet.name)} ({sheet.used or 'empty'}){hidden}{columns}")
    return lines if len(lines) <= limit else [*lines[:limit], f"> - … and {len(lines) - limit} more"]


def skipped_lines(skipped: Sequence[tuple[str, str]], limit: int = 20) -> str:
    """Return what could not be read as a closing note; "" when all could."""
    if not skipped:
        return ""
    lines = [f"- {one_line(reason, 300)}" for _, reason in skipped[:limit]]
    more = [f"- … and {len(skipped) - limit} more"] if len(skipped) > limit else []
    return "\n".join([f"Not read ({len(skipped)}):", *lines, *more])
