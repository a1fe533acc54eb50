"""Structured references (ECMA-376 part 1, 18.17.2.3): `Sales[[#This Row],[Price]]` found, resolved, spelled anew."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from copilot.documents.excel.refs import Area, address, column_letters, quote_sheet
from copilot.documents.excel.workbook import Table
from copilot.errors import ToolInputError

THIS_ROW = "#This Row"
_ITEMS = {i.casefold(): i for i in ("#All", "#Data", "#Headers", "#Totals", THIS_ROW)}
_NAME = re.compile(r"[\w.\\?]+\Z")
_WORD = re.compile(r"[\w.\\?]+")
#: What a column name may not hold to stand in single brackets: it would read as something else there.
_SPECIAL = re.compile(r"[,:;@]|\A\s|\s\Z")
_REF_ERROR = "#REF!"

At = tuple[int, int]


@dataclass(frozen=True, slots=True)
class TableRef:
    """One structured reference in a formula: text[start:end]. `table` is "" where the formula's own table is meant.

    `items` are as "#Headers", `columns` none, one, or the first and the last of a span.
    """

    start: int
    end: int
    table: str
    items: tuple[str, ...]
    columns: tuple[str, ...]

    def __str__(self) -> str:
        parts = [f"[{item}]" for item in self.items]
        span = ":".join(f"[{escaped(column)}]" for column in self.columns)
        parts += [span] if span else []
        if not parts:
            return f"{self.table}[]"
        if len(parts) == 1 and len(self.columns) < 2 and not (self.columns and _SPECIAL.search(self.columns[0])):
            return f"{self.table}{parts[0]}"
        return f"{self.table}[{','.join(parts)}]"

    @property
    def this_row(self) -> bool:
        """Whether it means the row of the formula."""
        return THIS_ROW in self.items

    def table_in(self, tables: Iterable[Table], sheet: str, at: At) -> Table:
        """Return the table that it means in a cell; raises ToolInputError with the closest names."""
        tables = list(tables)
        for table in tables:
            own = table.sheet == sheet and at in table.area
            if table.name.casefold() == self.table.casefold() if self.table else own:
                return table
        if self.table:
            raise ToolInputError.unknown("table", self.table, [t.name for t in tables])
        hint = "Write the table's name before the bracket."
        raise ToolInputError(f"{sheet}!{address(*at)} is in no table.", hint=hint, code="unknown_table")

    def columns_in(self, table: Table) -> tuple[int, int]:
        """Return the sheet's first and last column that it means; raises ToolInputError with the closest names."""
        names = [name.casefold().strip() for name in table.columns]
        for column in self.columns:
            if column.casefold().strip() not in names:
                raise ToolInputError.unknown("column", column, list(table.columns))
        places = [table.area.left + names.index(column.casefold().strip()) for column in self.columns]
        return (min(places), max(places)) if places else (table.area.left, table.area.right)

    def area(self, table: Table, row: int | None) -> Area | None:
        """Return what it covers of the table, None for nothing; `row` is where the formula stands, None for nowhere.

        Raises ToolInputError for a column that is not there.
        """
        left, right = self.columns_in(table)
        rows = self._rows(table, row)
        return Area(rows[0], left, rows[1], right) if rows else None

    def _rows(self, table: Table, row: int | None) -> tuple[int, int] | None:
        data = table.data
        if self.this_row:
            return (row, row) if row is not None and data is not None and data.top <= row <= data.bottom else None
        spans = {
            "#All": (table.area.top, table.area.bottom),
            "#Data": (data.top, data.bottom) if data else None,
            "#Headers": (table.area.top, table.area.top) if table.header_rows else None,
            "#Totals": (table.area.bottom, table.area.bottom) if table.totals_rows else None,
        }
        found = [span for item in self.items or ("#Data",) if (span := spans[item])]
        return (min(s[0] for s in found), max(s[1] for s in found)) if found else None


def escaped(column: str) -> str:
    """Return a column name as structured references spell it: # [ ] ' @ behind an apostrophe."""
    return re.sub(r"([\[\]#'@])", r"'\1", column)


def stretches(text: str) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of the stretches of a formula that are no string, quoted sheet name or bracket."""
    at = start = 0
    while at < len(text):
        if text[at] not in "\"'[":
            at += 1
            continue
        yield start, at
        at = start = _closed(text, at)
    yield start, at


def _closed(text: str, at: int) -> int:
    """Return where the string, quoted name or bracket that begins at `at` ends; the end of the text if it does not."""
    if text[at] == "[":
        return _bracket(text, at)
    end = text.find(text[at], at + 1)
    while end >= 0 and text[end + 1 : end + 2] == text[at]:
        end = text.find(text[at], end + 2)
    return end + 1 if end >= 0 else len(text)


def _bracket(text: str, at: int) -> int:
    depth = 0
    while at < len(text):
        if text[at] == "'":  # the next character is meant as it is
            at += 1
        elif text[at] in "[]":
            depth += 1 if text[at] == "[" else -1
            if depth == 0:
                return at + 1
        at += 1
    return len(text)


def find(text: str, *, strict: bool = False) -> Iterator[TableRef]:
    """Yield the structured references of a formula in their order; references to other files are none.

    With `strict`, ToolInputError is raised for brackets that mean nothing.
    """
    for _, at in stretches(text):
        if text[at : at + 1] != "[":
            continue
        end = _bracket(text, at)
        if re.match(r"[\w'!]", text[end : end + 1]):
            continue  # [1]Sheet1!A1: a workbook
        name = _NAME.search(text[:at])
        start = name.start() if name else at
        parsed = _parsed(text[at + 1 : end - 1].strip())
        if parsed is not None:
            yield TableRef(start, end, text[start:at], *parsed)
        elif strict:
            raise ToolInputError(f"{text[start:end]!r} is no reference to a table.", code="formula")


def _parsed(inner: str) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Return the items and the columns that the inside of the outer brackets names, None for another use of these."""
    if inner.startswith("@"):
        rest = _parsed(inner[1:].strip())
        return ((THIS_ROW,), rest[1]) if rest is not None and not rest[0] else None
    if not inner:
        return (), ()
    if not inner.startswith("["):
        item = _ITEMS.get(inner.casefold())
        return ((item,), ()) if item else ((), (_unescaped(inner),))
    items: list[str] = []
    columns: list[str] = []
    for word in _words(inner):
        known = _ITEMS.get(word.casefold())
        (items if known else columns).append(known or _unescaped(word))
    return (tuple(items), tuple(columns)) if len(columns) <= 2 else None


def _words(inner: str) -> Iterator[str]:
    at = inner.find("[")
    while at >= 0:
        end = _bracket(inner, at)
        yield inner[at + 1 : end - 1]
        at = inner.find("[", end)


def _unescaped(column: str) -> str:
    return re.sub(r"'(.)", r"\1", column)


def replaced(text: str, change: Callable[[TableRef], str | None], *, strict: bool = False) -> str:
    """Return the formula with its structured references replaced by what `change` gives; None leaves one as it is.

    `strict` is as in `find`.
    """
    if "[" not in text:
        return text
    pieces: list[str] = []
    at = 0
    for found in find(text, strict=strict):
        new = change(found)
        if new is not None:
            pieces += [text[at : found.start], new]
            at = found.end
    return "".join([*pieces, text[at:]])


def refers(text: str, table: Table) -> bool:
    """Return whether a formula refers to the table by its name."""
    low = table.name.casefold()
    if any(found.table.casefold() == low for found in find(text)):
        return True
    return any(word.casefold() == low for start, end in stretches(text) for word in _WORD.findall(text[start:end]))


def stored(text: str, table: Table) -> str:
    """Return a formula as the file stores it: with `Sales[[#This Row],[Price]]` for `[@Price]` in that table."""

    def change(found: TableRef) -> str | None:
        if found.table and THIS_ROW not in found.items:
            return None
        return str(replace(found, table=found.table or table.name))

    return replaced(text, change)


def with_table(text: str, old: str, new: str) -> str:
    """Return a formula with a table's name exchanged, in structured references and standing alone."""
    low = old.casefold()
    text = replaced(text, lambda f: new + text[f.start + len(f.table) : f.end] if f.table.casefold() == low else None)
    return _with_word(text, low, new)


def _with_word(text: str, low: str, new: str) -> str:
    """Return a formula with the table's name, where it stands alone, replaced."""
    pieces: list[str] = []
    at = 0
    for start, end in list(stretches(text)):
        for match in _WORD.finditer(text, start, end):
            before, after = text[: match.start()][-1:], text[match.end() :][:1]
            if match[0].casefold() == low and before not in ("!", "]") and after not in ("(", "[", "!"):
                pieces += [text[at : match.start()], new]
                at = match.end()
    return "".join([*pieces, text[at:]])


def with_columns(text: str, table: Table, names: Mapping[str, str], *, inside: bool) -> str:
    """Return a formula with columns of the table renamed; `inside` says that it stands in the table."""
    new = {old.casefold(): name for old, name in names.items()}

    def change(found: TableRef) -> str | None:
        own = found.table.casefold() == table.name.casefold() or (not found.table and inside)
        if not own or not any(c.casefold() in new for c in found.columns):
            return None
        return str(replace(found, columns=tuple(new.get(c.casefold(), c) for c in found.columns)))

    return replaced(text, change)


def made_plain(text: str, table: Table, home: str | None, row: int | None, *, inside: bool) -> str:
    """Return a formula with its references to the table as addresses; `home` is the sheet that it stands on."""
    low = table.name.casefold()
    sheet = "" if home is not None and home.casefold() == table.sheet.casefold() else f"{quote_sheet(table.sheet)}!"

    def change(found: TableRef) -> str | None:
        if found.table.casefold() != low and not (not found.table and inside):
            return None
        area = _covered(found, table, row)
        if area is None:
            return _REF_ERROR
        return sheet + (_beside(area) if found.this_row else area.absolute())

    return _with_word(replaced(text, change), low, sheet + (table.data or table.area).absolute())


def _covered(found: TableRef, table: Table, row: int | None) -> Area | None:
    try:
        return found.area(table, row)
    except ToolInputError:
        return None


def _beside(area: Area) -> str:
    first, last = f"${column_letters(area.left)}{area.top}", f"${column_letters(area.right)}{area.top}"
    return first if first == last else f"{first}:{last}"


def as_addresses(text: str, tables: tuple[Table, ...], sheet: str, at: At) -> str:
    """Return a cell's formula with its structured references as addresses; what means nothing stays as it is."""

    def plain(found: TableRef) -> str | None:
        try:
            table = found.table_in(tables, sheet, at)
            area = found.area(table, at[0])
        except ToolInputError:
            return None
        if area is None:
            return _REF_ERROR
        return str(area) if table.sheet == sheet else f"{quote_sheet(table.sheet)}!{area}"

    return replaced(text, plain) if tables else text


def without_columns(text: str, lost: Mapping[str, Collection[str]], known: Mapping[str, Sequence[str]]) -> str:
    """Return a formula whose references to lost columns are #REF!; a range of columns shrinks to those that are left.

    `lost` are columns by table, `known` all columns of these tables in order; names in small letters. A reference that
    names no table is taken for one of the only table there is in `lost`.
    """

    def change(found: TableRef) -> str | None:
        table = found.table.casefold() or (next(iter(lost)) if len(lost) == 1 else "")
        if not any(column.casefold() in lost.get(table, ()) for column in found.columns):
            return None
        left = _left(found.columns, lost[table], known[table])
        return str(replace(found, columns=left)) if left else _REF_ERROR

    return replaced(text, change)


def _left(columns: tuple[str, ...], lost: Collection[str], known: Sequence[str]) -> tuple[str, ...]:
    """Return the first and the last of a span of columns that are not lost; none for a single one that is."""
    folded = [column.casefold() for column in known]
    ends = [folded.index(column.casefold()) for column in columns if column.casefold() in folded]
    if len(ends) < 2:
        return ()
    left = [column for column in known[min(ends) : max(ends) + 1] if column.casefold() not in lost]
    return (left[0], left[-1]) if left else ()


def renamed_tables(text: str, names: Mapping[str, str]) -> str:
    """Return a formula whose structured references name other tables; `names` by the old ones in small letters."""

    def change(found: TableRef) -> str | None:
        name = names.get(found.table.casefold())
        return None if name is None else name + text[found.start + len(found.table) : found.end]

    return replaced(text, change)
