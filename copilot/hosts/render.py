"""Changes, approvals and tables as a person sees them in a terminal. Everything from documents is made safe first."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from copilot.trust.sanitise import TerminalSanitiser, safe_text

_MOST_HUNKS = 40
_MOST_WORK = 4_000_000  # word pairs that are compared; longer texts are shown whole
_CONTEXT = 40  # characters of what stays the same beside a change
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")


def console(*, stderr: bool = False) -> Console:
    """Return a console that keeps what is piped plain and unwrapped."""
    made = Console(stderr=stderr, highlight=False, soft_wrap=False)
    if not made.is_terminal:
        made = Console(stderr=stderr, highlight=False, soft_wrap=True, no_color=True, width=100)
    return made


def safe_markdown(text: str) -> str:
    """Return Markdown that is safe to render: no control sequences, no remote images, links with their targets."""
    sanitiser = TerminalSanitiser()
    return sanitiser.feed(text) + sanitiser.close()


def changes(shown: Sequence[dict[str, Any]]) -> RenderableType:
    """Return changes (`Change.to_dict`) as a diff: texts by words, cells as a table."""
    return Group(*(_change(change) for change in shown))


def card(shown: dict[str, Any]) -> RenderableType:
    """Return an approval card: what would be done, to which file, exactly."""
    items = [_change({**item, "committed": False}) for item in shown["items"]]
    return Group(*items, Text(safe_text(shown["why"]), style="dim"))


def _change(change: dict[str, Any]) -> RenderableType:
    mark = Text("✓ " if change.get("committed") else "~ ", style="green" if change.get("committed") else "yellow")
    head = mark + Text(safe_text(change["path"]), style="bold") + Text(f"  {safe_text(change['summary'])}")
    hunks = change["hunks"]
    parts: list[RenderableType] = [head, *_hunks(hunks[:_MOST_HUNKS])]
    if len(hunks) > _MOST_HUNKS:
        parts.append(Text(f"  … and {len(hunks) - _MOST_HUNKS} more places", style="dim"))
    parts += [Text(f"  ! {safe_text(warning)}", style="yellow") for warning in change.get("warnings", [])]
    return Group(*parts)


def _hunks(hunks: Sequence[dict[str, Any]]) -> Iterator[RenderableType]:
    cells = [h for h in hunks if h["kind"] == "cell"]
    for hunk in hunks:
        if hunk["kind"] != "cell":
            yield from _text_hunk(hunk)
    if cells:
        yield Padding(_cells(cells), (0, 2))


def _text_hunk(hunk: dict[str, Any]) -> Iterator[RenderableType]:
    yield Text(f"  {safe_text(hunk['where'])}", style="cyan")
    before, after = safe_text(hunk["before"]), safe_text(hunk["after"])
    old, new = _word_diff(before, after)
    if before:
        yield Text("  - ", style="red") + old
    if after:
        yield Text("  + ", style="green") + new


def _word_diff(before: str, after: str) -> tuple[Text, Text]:
    """Return both texts with the words that differ marked, and long stretches that stay the same cut out."""
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    if not before or not after or len(old) * len(new) > _MOST_WORK:
        return Text(before, style="red"), Text(after, style="green")
    left, right = Text(), Text()
    opcodes = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    for number, (tag, i1, i2, j1, j2) in enumerate(opcodes):
        if tag == "equal":
            same = _cut("".join(old[i1:i2]), first=number == 0, last=number == len(opcodes) - 1)
            left.append(same)
            right.append(same)
        else:
            left.append("".join(old[i1:i2]), style="red bold strike")
            right.append("".join(new[j1:j2]), style="green bold")
    return left, right


def _cut(same: str, *, first: bool, last: bool) -> str:
    """Return what stays the same, with only some context of the changes beside it."""
    if len(same) <= 3 * _CONTEXT:
        return same
    head = "" if first else same[:_CONTEXT]
    tail = "" if last else same[-_CONTEXT:]
    return f"{head}…{tail}"


def _cells(hunks: Sequence[dict[str, Any]]) -> Table:
    table = Table("Cell", "Before", "After", box=None, pad_edge=False, header_style="dim")
    for hunk in hunks:
        cells = (safe_text(hunk[key]) for key in ("where", "before", "after"))
        where, before, after = cells
        table.add_row(Text(where, style="cyan"), Text(before, style="red"), Text(after, style="green"))
    return table
