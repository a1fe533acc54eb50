"""Changes, approvals and tables as a person sees them in a terminal. Everything from documents is made safe first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from markdown_it import MarkdownIt
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.markdown import Heading, Markdown
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from rich.theme import Theme

from copilot.documents.worddiff import Span, Told, told
from copilot.trust.sanitise import safe_markdown, safe_text

#: Places of a change that are shown where nobody asked for all of them.
MOST_HUNKS = 40
#: Quotations are what most answers consist of: they are text, not decoration.
_CALM = Theme({"markdown.block_quote": "none", "markdown.code": "cyan", "markdown.h2": "bold", "markdown.h3": "bold"})


def console(*, stderr: bool = False) -> Console:
    """Return a console that keeps what is piped plain and unwrapped."""
    made = Console(stderr=stderr, highlight=False, soft_wrap=False, theme=_CALM)
    if not made.is_terminal:
        made = Console(stderr=stderr, highlight=False, soft_wrap=True, no_color=True, width=100)
    return made


def show_markdown(out: Console, text: str) -> None:
    """Print an answer: rendered on a terminal, as the Markdown that it is into a pipe."""
    if out.is_terminal:
        out.print(markdown(safe_markdown(text)))
    else:
        out.print(Text(safe_markdown(text).strip("\n")))


def markdown(safe: str) -> RenderableType:
    """Return Markdown that was made safe already, rendered calmly: headings stay left, HTML is shown as text."""
    return _Markdown(safe)


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], *, styles: Sequence[str] = ()) -> RenderableType:
    """Return rows under their heads; a terminal wraps long cells, a pipe gets one line a row."""
    cells = [[safe_text(str(cell)) for cell in row] for row in rows]
    return _Columns(list(heads), cells, styles or [""] * len(heads))


def changes(shown: Sequence[dict[str, Any]], *, most: int | None = MOST_HUNKS) -> RenderableType:
    """Return changes (`Change.to_dict`) as a diff: texts by words, cells as a table; `most` places of each, or all."""
    return Group(*(_change(change, most) for change in shown))


def card(shown: dict[str, Any], *, most: int | None = None) -> RenderableType:
    """Return an approval card: what would be done, to which file, exactly."""
    calls = list(dict.fromkeys(item["call_id"] for item in shown["items"]))
    parts: list[RenderableType] = []
    for item in shown["items"]:
        step = f"{calls.index(item['call_id']) + 1}. " if len(calls) > 1 else ""
        parts.append(_change({**item, "committed": False}, most, step))
    return Group(*parts, Text(safe_text(shown["why"]), style="dim"))


def places(change: dict[str, Any]) -> str:
    """Return how many places a change has, in words."""
    count = len(change["hunks"])
    return f"{count:,} places" if count != 1 else "1 place"


def _change(change: dict[str, Any], most: int | None, step: str = "") -> RenderableType:
    done = bool(change.get("committed"))
    mark = Text("✓ " if done else f"{step or '~ '}", style="green" if done else "yellow")
    head = Text.assemble((safe_text(change["path"]), "bold"), f"  {safe_text(change['summary'])}")
    hunks = change["hunks"]
    if len(hunks) > 1:
        head.append(f" · {places(change)}", style="dim")
    parts: list[RenderableType] = [_Hanging(mark, head), *_hunks(hunks[:most])]
    if most is not None and len(hunks) > most:
        parts.append(Text(f"  … and {len(hunks) - most:,} more places", style="dim"))
    warnings = change.get("warnings", [])
    parts += [_Hanging(Text("  ! ", style="yellow"), Text(safe_text(w), style="yellow")) for w in warnings]
    return Group(*parts)


def _hunks(hunks: Sequence[dict[str, Any]]) -> Iterator[RenderableType]:
    cells = [h for h in hunks if h["kind"] == "cell"]
    lines = {"where": False, "before": True, "after": True}  # what is sent is looked at as it will be read
    plain = [h for h in hunks if h["kind"] != "cell"]
    for entry in told([{**h, **{key: safe_text(h[key], lines=each) for key, each in lines.items()}} for h in plain]):
        yield from _text_hunk(entry)
    if cells:
        rows = [[safe_text(h[key]) for key in ("where", "before", "after")] for h in cells]
        yield _Columns(["Cell", "Before", "After"], rows, ["cyan", "red", "green"], indent=2)


def _text_hunk(entry: Told) -> Iterator[RenderableType]:
    there = f" → {entry.there}" if entry.there else ""
    yield Text(f"  {entry.where}{there}", style="cyan")
    if entry.kind == "moved":
        yield _Hanging(Text("  ↷ ", style="cyan"), _spans(entry.before, ""))
        return
    if entry.before:
        yield _Hanging(Text("  - ", style="red"), _spans(entry.before, "red bold strike"))
    if entry.after:
        yield _Hanging(Text("  + ", style="green"), _spans(entry.after, "green bold"))


def _spans(spans: Sequence[Span], style: str) -> Text:
    """Return a text with the words that differ marked; one that is new or gone as a whole is only coloured."""
    style = style.split()[0] if len(spans) == 1 and style else style
    return Text.assemble(*((span.text, "" if span.kind == "same" else style) for span in spans))


@dataclass(frozen=True)
class _Hanging:
    """A mark and a text whose further lines stand under its first; one long line in a pipe."""

    mark: Text
    body: Text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if options.no_wrap:
            lines = self.body.split("\n", allow_blank=True)
            yield Text.assemble(self.mark, Text(f"\n{' ' * cell_len(self.mark.plain)}").join(lines))
            return
        grid = Table.grid()
        grid.add_column(width=cell_len(self.mark.plain), no_wrap=True)
        grid.add_column(overflow="fold")
        grid.add_row(self.mark, self.body)
        yield grid


@dataclass(frozen=True)
class _Columns:
    """Rows of safe cells under heads."""

    heads: list[str]
    rows: list[list[str]]
    styles: Sequence[str]
    indent: int = 0

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from self._lines() if options.no_wrap else [Padding(self._table(), (0, 0, 0, self.indent))]

    def _table(self) -> Table:
        made = Table(box=None, pad_edge=False, header_style="dim")
        for number, (head, style) in enumerate(zip(self.heads, self.styles, strict=True)):
            made.add_column(head, style=style, overflow="fold", no_wrap=number == 0 and len(self.heads) > 2)
        for row in self.rows:
            made.add_row(*(Text(cell) for cell in row))
        return made

    def _lines(self) -> Iterator[Text]:
        widths = [max(map(cell_len, column)) for column in zip(self.heads, *self.rows, strict=True)]
        for row in (self.heads, *self.rows):
            padded = (cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True))
            yield Text(" " * self.indent + "  ".join(padded).rstrip())


class _Heading(Heading):
    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        self.text.justify = "left"
        if self.tag == "h1":
            self.text.stylize("bold")
        yield self.text


class _Markdown(Markdown):
    elements = {**Markdown.elements, "heading_open": _Heading}  # noqa: RUF012 - as its parent declares it

    def __init__(self, markup: str) -> None:
        super().__init__("", code_theme="ansi_dark", hyperlinks=False)
        # With HTML on, rich leaves out what stands in tags, so a person would not see it.
        self.parsed = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"]).parse(markup)
        self.markup = markup
