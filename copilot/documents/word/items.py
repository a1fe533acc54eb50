"""The blocks of a document as they are shown, in order: each with its segments and its Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from copilot.documents.segments import Segment
from copilot.documents.word import table_items
from copilot.documents.word.blocks import Block, short_hash
from copilot.documents.word.document import Document
from copilot.documents.word.names import child, name
from copilot.documents.word.remarks import Comments, margins
from copilot.documents.word.render import DELETED, Renderer
from copilot.documents.word.revised import View, property_changes, row_change, said
from copilot.documents.word.styles import style_id
from copilot.documents.word.table_items import Row


@dataclass(frozen=True, slots=True)
class Item:
    """One block as it is shown. A table keeps its label and rows, so that it can be cut between them."""

    block: Block
    segments: tuple[Segment, ...]
    markdown: str
    omitted: tuple[str, ...] = ()
    is_list: bool = False
    flows: bool = False  # the next paragraph goes on in the same line
    label: str = ""
    rows: tuple[Row, ...] = ()

    def cut(self, first: int, last: int) -> Item:
        """Return the table with its rows [first, last) only, under its first row."""
        plain, marked = table_items.shown(self.rows, first, last)
        label = f"{self.label} (rows {first + 1} to {last} of {len(self.rows)})"
        rows = self.rows[first:last]
        own = Segment(plain, self.block.where, "table", self.segments[0].address)
        hidden = tuple(segment for row in rows for segment in row.segments)
        omitted = tuple(words for row in rows for words in row.omitted)
        return replace(
            self, segments=(own, *hidden), markdown=f"{label}\n\n{marked}" if marked else label, omitted=omitted
        )


@dataclass
class _Shown:
    """A cell or row while it is put together."""

    plain: list[str] = field(default_factory=list)
    marked: list[str] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    omitted: list[str] = field(default_factory=list)


class Reader:
    """Turns the blocks of a document into items, in a view of its tracked changes."""

    def __init__(self, document: Document, view: View = "all") -> None:
        self.document = document
        self.renderer = Renderer(document, view)
        self._view = view
        self._margins = margins(document)
        self._comments: Comments | None = None
        self._kinds: dict[str | None, tuple[int, bool]] = {}
        self._told: set[str] = set()
        self._inside: dict[str, list[Block]] = {}
        for block in document.blocks:
            self._inside.setdefault(block.path.rpartition(".")[0], []).append(block)

    def items(self) -> Iterator[Item]:
        """Yield every block that shows something; what a table holds comes with the table."""
        self.document.numbering.restart()
        inside: str | None = None
        for block in self.document.blocks:
            nested = block.kind in ("row", "cell") or (inside is not None and block.path.startswith(inside))
            if block.kind == "table":
                inside = f"{block.path}." if not nested else inside
                yield self._table(block)
            elif block.kind == "paragraph" and (not nested or ".x" in block.path):
                inside = inside if nested else None
                item = self._paragraph(block)
                if item.markdown or item.segments:
                    yield item

    def _paragraph(self, block: Block) -> Item:
        shown = self.renderer.paragraph(block)
        level, title = self._kind(block)
        numbered = self.document.numbering.label(block.element)
        story = block.story.kind
        kind = "heading" if level else "title" if title else "list" if numbered else "paragraph"
        if story != "body":
            kind = {"footnote": "note", "endnote": "note"}.get(story, story)
        words = shown.visible.strip()
        if not words and not shown.markdown.strip() and not (shown.further or shown.hidden):
            return Item(block, (), "", shown.omitted)
        address = f"{block.path}:{short_hash(shown.text)}"
        more = tuple(replace(s, address=address) for s in (*shown.further, *shown.hidden))
        own = (Segment(words, block.where, kind, address, level),) if words else ()
        body = shown.markdown.strip().replace("\n", "  \n")
        mark = "" if numbered is None else "-" if numbered.bullet else numbered.label
        if level:
            body = f"{'#' * min(level, 6)} {mark + ' ' if mark and mark != '-' else ''}{body}"
        elif title:
            body = f"# {body}"
        elif numbered:
            body = f"{'  ' * numbered.level}{mark or '-'} {body}"
        is_list = numbered is not None and not level
        markdown = f"{self._story(block)}{body} {{{address}}}"
        return Item(block, own + more, markdown, shown.omitted, is_list, shown.flows)

    def _kind(self, block: Block) -> tuple[int, bool]:
        """Return a paragraph's heading level and whether it is the title; asked once for each style."""
        styles = self.document.styles
        properties = child(block.element, "w:pPr")
        if properties is not None and child(properties, "w:outlineLvl") is not None:
            return styles.level(block.element), styles.is_title(block.element)
        style = None if properties is None else style_id(block.element)
        if style not in self._kinds:
            self._kinds[style] = (styles.level(block.element), styles.is_title(block.element))
        return self._kinds[style]

    def _story(self, block: Block) -> str:
        story = block.story
        if story.kind == "body":
            return f"({block.where}) " if block.boxed else ""
        first = story.prefix not in self._told
        self._told.add(story.prefix)
        if story.kind == "comment":
            if self._comments is None:
                self._comments = Comments(self.document)
            return f"({story.label}{self._comments.said(story.container) if first else ''}) "
        label = {"footnote": "[^{}]: ", "endnote": "[^e{}]: "}.get(story.kind)
        if label:
            return label.format(story.prefix[2:])
        used = self._margins.get(story.part, "") if first else ""
        return f"({block.where}{f': {used}' if used else ''}) "

    def _table(self, table: Block) -> Item:
        address = self.document.address(table)
        rows = tuple(self._row(b) for b in self._inside.get(table.path, ()) if b.kind == "row")
        where = f"{table.where[:1].upper()}{table.where[1:]}{table_items.named(table)}"
        changes = property_changes(table.element, "w:tblPr") if self._view == "all" else []
        story = f" ({used})" if (used := self._margins.get(table.story.part, "")) else ""
        label = f"{where}{story} {{{address}}}{''.join(f' [{each}]' for each in changes)}"
        plain, marked = table_items.shown(rows, 0, len(rows))
        segments = (Segment(plain, table.where, "table", address), *(s for row in rows for s in row.segments))
        omitted = tuple(words for row in rows for words in row.omitted)
        return Item(table, segments, f"{label}\n\n{marked}" if marked else label, omitted, label=label, rows=rows)

    def _row(self, row: Block) -> Row:
        """Return a row in the present view; one that the view leaves out has no cells."""
        change = row_change(row.element)
        gone = change is not None and name(change) == "w:del"
        cells = [b for b in self._inside.get(row.path, ()) if b.kind == "cell"]
        if change is not None and self._view == ("clean" if gone else "original"):
            return Row(row, (), ())
        shown = [self._cell(self._inside.get(cell.path, ())) for cell in cells]
        plain = tuple(
            (cell, "\n".join(each.plain) or table_items.filler(cell)) for cell, each in zip(cells, shown, strict=True)
        )
        marked = tuple((cell, self._marked(cell, each)) for cell, each in zip(cells, shown, strict=True))
        segments = [segment for each in shown for segment in each.segments]
        omitted = tuple(words for each in shown for words in each.omitted)
        if self._view != "all" or not marked:
            return Row(row, plain, marked, tuple(segments), omitted)
        told = (
            [said(change).replace("inserted", "inserted row").replace("deleted", "deleted row")]
            if change is not None
            else []
        )
        told += property_changes(row.element, "w:trPr", "w:tblPrEx")
        if told:
            self.renderer.flags.add("tracked-changes")
            marked = ((marked[0][0], f"{' '.join(f'[{each}]' for each in told)} {marked[0][1]}"), *marked[1:])
        if gone:
            segments = [replace(s, hidden=DELETED) for s in segments]
            words = "\t".join(text for _, text in plain).strip()
            segments += [Segment(words, row.where, "revision", "", 0, DELETED)] if words else []
            plain = ()
        return Row(row, plain, marked, tuple(segments), omitted)

    def _marked(self, cell: Block, shown: _Shown) -> str:
        changes = property_changes(cell.element, "w:tcPr") if self._view == "all" else []
        text = "<br>".join(shown.marked)
        return " ".join([*(f"[{each}]" for each in changes), *([text] if text else [])]) or table_items.filler(cell)

    def _cell(self, inside: Iterable[Block]) -> _Shown:
        cell = _Shown()
        for block in inside:
            if block.kind == "table":
                cell.marked.append(f"[{block.where.rpartition(', ')[2]} inside: {block.path}]")
                continue
            shown = self.renderer.paragraph(block)
            numbered = self.document.numbering.label(block.element)
            mark = "" if numbered is None else f"{'-' if numbered.bullet else numbered.label} "
            cell.plain += [shown.visible.strip()] if shown.visible.strip() else []
            cell.marked += [mark + shown.markdown.strip().replace("\n", "<br>")] if shown.markdown.strip() else []
            address = f"{block.path}:{short_hash(shown.text)}"
            cell.segments += [replace(s, address=address) for s in (*shown.further, *shown.hidden)]
            cell.omitted += shown.omitted
        return cell


def joined(items: list[Item]) -> str:
    """Return the Markdown of items one behind the other: a blank line between them, none between list items."""
    parts: list[str] = []
    for index, item in enumerate(items):
        if index:
            before = items[index - 1]
            parts.append(" " if before.flows else "\n" if item.is_list and before.is_list else "\n\n")
        parts.append(item.markdown)
    return "".join(parts)
