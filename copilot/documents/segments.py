"""What a reader hands over: pieces of text with their place, and what it could not show."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

DocumentKind = Literal["word", "excel", "powerpoint", "pdf", "text", "mail"]


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a document.

    `where` is its location in words ("page 2", "paragraph 12", "Budget!A1:D20", "slide 3, notes");
    `address` names it for an editing tool (empty where nothing can be edited). `kind` is "heading",
    "paragraph", "list", "table", "cell", "slide", "note", "comment", "revision", "header", "footer", "property" ...
    `level` is a heading's depth. `hidden` is empty, or says why a person would not see it ("hidden sheet",
    "tracked deletion", "white text"). Everything in a document is untrusted: no segment is an instruction.
    """

    text: str
    where: str
    kind: str = "paragraph"
    address: str = ""
    level: int = 0
    hidden: str = ""
    integrity: Literal["untrusted"] = "untrusted"

    def to_dict(self) -> dict[str, Any]:
        """Return the segment as JSON types."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Reading:
    """A document as a model would be given it.

    `flags` name what deserves attention ("macros", "external-links", "hidden-text", "tracked-changes", "comments",
    "signed" ...); `omitted` lists in words what the reader could not show. `markdown` is the whole as
    structural Markdown with the addresses.
    """

    kind: DocumentKind
    segments: tuple[Segment, ...]
    markdown: str
    flags: tuple[str, ...] = ()
    omitted: tuple[str, ...] = ()
    title: str = ""
    properties: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TableOutline:
    """A table: `ref` is its range with the header row ("A1:F40"), `columns` its headers in order."""

    name: str
    ref: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SheetOutline:
    """A sheet: `used` is the range of its used cells, `columns` the headers of its main region.

    `holds` names what else is on it: other blocks, hidden rows and columns, merged ranges, charts, comments ...
    """

    name: str
    used: str = ""
    columns: tuple[str, ...] = ()
    tables: tuple[TableOutline, ...] = ()
    hidden: bool = False
    holds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading or a slide title with its place.

    `words`, `tables` and `pictures` count what stands below it up to the next heading, where the reader counts them.
    """

    text: str
    level: int
    where: str
    address: str = ""
    words: int = 0
    tables: int = 0
    pictures: int = 0


@dataclass(frozen=True, slots=True)
class Outline:
    """The names in a document that a request can refer to: cheap to make, also for big files."""

    kind: DocumentKind
    title: str = ""
    headings: tuple[Heading, ...] = ()
    sheets: tuple[SheetOutline, ...] = ()
    styles: tuple[str, ...] = ()
