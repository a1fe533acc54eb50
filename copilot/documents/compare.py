"""Two documents compared: by blocks and words, two workbooks by cells."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from copilot.documents.hunks import Hunk, HunkKind
from copilot.documents.passages import is_repeated, row_place
from copilot.documents.reading import kind_of, read
from copilot.documents.segments import Reading, Segment
from copilot.documents.tables import table_rows

_SIMILAR = 50  # rapidfuzz ratio from which two blocks are one block that was changed
_MOVED_FROM = 20  # letters: shorter blocks repeat by chance
_LEFT_OUT = frozenset({"property"})
_MAX_BLOCKS = 20_000
_WORD = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is different: a hunk without `before` was added, one without `after` removed.

    `moved` are hunks of blocks that stand elsewhere unchanged; `where` of a hunk is its place in the new document, in
    the old one for what was removed. `notes` say what could not be compared.
    """

    hunks: tuple[Hunk, ...]
    moved: tuple[Hunk, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether no difference was found."""
        return not self.hunks and not self.moved

    def counts(self) -> dict[str, int]:
        """Return how many places were added, removed, changed and moved."""
        added = sum(not h.before for h in self.hunks)
        removed = sum(not h.after for h in self.hunks)
        changed = len(self.hunks) - added - removed
        return {"added": added, "removed": removed, "changed": changed, "moved": len(self.moved)}


@dataclass(frozen=True, slots=True)
class _Block:
    text: str
    where: str
    kind: str
    level: int
    hidden: str

    @property
    def key(self) -> tuple[str, int]:
        """What two blocks must share to be the same one."""
        return self.text, self.level


def compare(old: bytes, old_name: str, new: bytes, new_name: str) -> Comparison:
    """Return what was changed from `old` to `new`. Raises DocumentError for either."""
    if kind_of(old, old_name) == kind_of(new, new_name) == "excel":
        return compare_workbooks(old, new)
    return compare_readings(read(old, old_name), read(new, new_name))


def compare_readings(old: Reading, new: Reading) -> Comparison:
    """Return the differences between two documents of any kind, by blocks."""
    levels = old.kind == new.kind != "pdf"  # a PDF's headings are guessed
    before, notes = _blocks(old, "the first", levels)
    after, more = _blocks(new, "the second", levels)
    hunks: list[Hunk] = []
    matcher = difflib.SequenceMatcher(None, [b.key for b in before], [b.key for b in after], autojunk=False)
    for operation, a, b, c, d in matcher.get_opcodes():
        if operation != "equal":
            hunks.extend(_differences(before[a:b], after[c:d]))
    hunks, moved = _moves(hunks)
    return Comparison(tuple(hunks), tuple(moved), (*notes, *more))


def _blocks(reading: Reading, which: str, levels: bool) -> tuple[list[_Block], list[str]]:
    kept = (s for s in reading.segments if s.kind not in _LEFT_OUT and not is_repeated(s))
    blocks = [block for segment in kept for block in _split(segment, levels)]
    if len(blocks) > _MAX_BLOCKS:
        return blocks[:_MAX_BLOCKS], [f"Only the first {_MAX_BLOCKS:,} paragraphs of {which} document were compared."]
    return blocks, []


def _split(segment: Segment, levels: bool) -> Iterator[_Block]:
    """Yield the segment, or the rows of a table, each its own block; the header row is one as well."""
    rows = table_rows(segment.text)
    level = segment.level if levels and segment.kind == "heading" else 0
    if not rows:
        text = re.sub(r"\s+", " ", segment.text).strip()
        if text:
            yield _Block(text, segment.where, segment.kind, level, segment.hidden)
        return
    for number, row in enumerate(rows):
        if any(row):
            yield _Block(" | ".join(row), row_place(segment.where, number, len(rows)), "row", 0, segment.hidden)


def _differences(before: Sequence[_Block], after: Sequence[_Block]) -> Iterator[Hunk]:
    """Pair what was replaced with what replaced it, by likeness and in order; the rest was removed or added."""
    pairs = _pairs(before, after)
    paired_new = {new for _, new in pairs}
    partners = dict(pairs)
    new_at = 0
    for number, block in enumerate(before):
        if number not in partners:
            yield _hunk(block, None)
            continue
        for added in range(new_at, partners[number]):
            if added not in paired_new:
                yield _hunk(None, after[added])
        new_at = partners[number] + 1
        yield _hunk(block, after[partners[number]])
    for added in range(new_at, len(after)):
        if added not in paired_new:
            yield _hunk(None, after[added])


def _pairs(before: Sequence[_Block], after: Sequence[_Block]) -> list[tuple[int, int]]:
    from rapidfuzz import fuzz

    pairs: list[tuple[int, int]] = []
    start = 0
    for number, block in enumerate(before):
        # A window keeps it linear where one long stretch was rewritten.
        window = range(start, min(len(after), max(start, number) + 30))
        scored = [(fuzz.ratio(block.text, after[n].text, score_cutoff=_SIMILAR), -n) for n in window]
        best = max(scored, default=(0.0, 0))
        if best[0] >= _SIMILAR:
            pairs.append((number, -best[1]))
            start = -best[1] + 1
    return pairs


def _hunk(old: _Block | None, new: _Block | None) -> Hunk:
    block = new or old
    assert block is not None
    hidden = f" ({block.hidden})" if block.hidden else ""
    before, after = old.text if old else "", new.text if new else ""
    if old and new and before == after:
        # The same words at another depth: only a heading's level differs.
        before, after = f"{before} (level {old.level})", f"{after} (level {new.level})"
    kind: HunkKind = "text" if old and new else "structure"
    return Hunk(block.where + hidden, before, after, kind)


def _moves(hunks: Sequence[Hunk]) -> tuple[list[Hunk], list[Hunk]]:
    """Take out blocks that were removed in one place and added in another, word for word."""
    removed: dict[str, list[int]] = {}
    for number, hunk in enumerate(hunks):
        if not hunk.after and len(hunk.before) >= _MOVED_FROM:
            removed.setdefault(hunk.before, []).append(number)
    gone: set[int] = set()
    moved: list[Hunk] = []
    for number, hunk in enumerate(hunks):
        if not hunk.before and removed.get(hunk.after):
            source = removed[hunk.after].pop(0)
            gone |= {number, source}
            moved.append(replace(hunk, where=f"{hunks[source].where} → {hunk.where}", before=hunk.after))
    return [h for n, h in enumerate(hunks) if n not in gone], moved


def compare_workbooks(old: bytes, new: bytes) -> Comparison:
    """Return the differences between two workbooks, cell by cell: values, formulas, and sheets as a whole."""
    before, after = _sheets(old), _sheets(new)
    hunks: list[Hunk] = []
    for name in [*before, *(n for n in after if n not in before)]:
        if name not in after:
            hunks.append(Hunk(name, f"sheet with {len(before[name])} cells", "", "structure"))
        elif name not in before:
            hunks.append(Hunk(name, "", f"sheet with {len(after[name])} cells", "structure"))
        else:
            hunks.extend(_cell_differences(name, before[name], after[name]))
    notes = ("Formats, charts and pictures are not compared.",)
    return Comparison(tuple(hunks), (), notes)


def _sheets(content: bytes) -> dict[str, dict[tuple[int, int], tuple[str, str]]]:
    """Return the cells that hold something by sheet and (row, column): what it shows, and its formula."""
    from copilot.documents.excel.cells import SheetReader
    from copilot.documents.excel.workbook import Workbook

    workbook = Workbook.open(content)
    found: dict[str, dict[tuple[int, int], tuple[str, str]]] = {}
    for sheet in workbook.worksheets:
        reader = SheetReader(workbook, sheet)
        found[sheet.name] = {
            (cell.row, cell.column): (reader.show(cell), cell.formula.text if cell.formula else "")
            for _, cells in reader.rows()
            for cell in cells
            if not cell.blank
        }
    return found


def _cell_differences(
    sheet: str, before: dict[tuple[int, int], tuple[str, str]], after: dict[tuple[int, int], tuple[str, str]]
) -> Iterator[Hunk]:
    from copilot.documents.tables import column_letters

    for row, column in sorted(before.keys() | after.keys()):
        old, new = before.get((row, column), ("", "")), after.get((row, column), ("", ""))
        if old != new:
            formulas = old[1] != new[1]
            yield Hunk(f"{sheet}!{column_letters(column)}{row}", _cell(old, formulas), _cell(new, formulas), "cell")


def _cell(cell: tuple[str, str], formulas: bool) -> str:
    """Return what a cell shows, with its formula where formulas differ."""
    shown, formula = cell
    return f"{shown} ({formula})" if formula and formulas else shown


def to_markdown(comparison: Comparison, old_name: str, new_name: str, *, limit: int = 200) -> str:
    """Return the comparison as a person reads it: counts, then each place with ~~removed~~ and **added** words."""
    if comparison.same:
        return "\n\n".join([f"No differences in text between {old_name} and {new_name}.", *comparison.notes])
    counts = comparison.counts()
    said = ", ".join(f"{number} {word}" for word, number in counts.items() if number)
    lines = [f"From {old_name} to {new_name}: {said}.", ""]
    lines += [f"- {hunk.where}: {_described(hunk)}" for hunk in comparison.hunks[:limit]]
    lines += [f"- moved, {hunk.where}: “{_short(hunk.after)}”" for hunk in comparison.moved[: limit // 4]]
    if len(comparison.hunks) > limit:
        lines.append(f"- … and {len(comparison.hunks) - limit:,} more")
    return "\n".join([*lines, *(f"\n{note}" for note in comparison.notes)])


def _described(hunk: Hunk) -> str:
    if not hunk.before:
        return f"added **{_short(hunk.after, 600)}**"
    if not hunk.after:
        return f"removed ~~{_short(hunk.before, 600)}~~"
    if hunk.kind == "cell":
        return f"~~{hunk.before}~~ → **{hunk.after}**"
    return word_difference(hunk.before, hunk.after)


def _short(text: str, length: int = 120) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def word_difference(before: str, after: str) -> str:
    """Return both texts as one, with ~~removed~~ and **added** words; long equal stretches are shortened."""
    old, new = _WORD.findall(before), _WORD.findall(after)
    pieces: list[str] = []
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    operations = _joined(matcher.get_opcodes(), old)
    for number, (operation, a, b, c, d) in enumerate(operations):
        removed, added = "".join(old[a:b]), "".join(new[c:d])
        if operation == "equal":
            pieces.append(_middle_cut(removed, first=number == 0, last=number == len(operations) - 1))
            continue
        pieces.append(_marked(removed, "~~") + _marked(added, "**"))
    return "".join(pieces)


def _joined(
    operations: Iterable[tuple[str, int, int, int, int]], old: Sequence[str]
) -> list[tuple[str, int, int, int, int]]:
    """Let a difference swallow white space between two differences, so that whole phrases are marked."""
    found: list[tuple[str, int, int, int, int]] = []
    for operation, a, b, c, d in operations:
        blank = operation == "equal" and not "".join(old[a:b]).strip()
        if found and found[-1][0] != "equal" and (operation != "equal" or blank):
            found[-1] = ("replace", found[-1][1], b, found[-1][3], d)
        else:
            found.append((operation, a, b, c, d))
    return found


def _marked(text: str, mark: str) -> str:
    """Put marks around the words, white space outside: Markdown marks touch the words that they mark."""
    bare = text.strip()
    if not bare:
        return text if mark == "**" else ""
    at = text.index(bare)
    return f"{text[:at]}{mark}{bare}{mark}{text[at + len(bare) :]}"


def _middle_cut(text: str, *, first: bool, last: bool, keep: int = 60) -> str:
    if len(text) <= 2 * keep + 5:
        return text
    if first:
        return "… " + text[-keep:].split(" ", 1)[-1]
    head = text[:keep].rsplit(" ", 1)[0]
    return head + " …" if last else head + " … " + text[-keep:].split(" ", 1)[-1]
