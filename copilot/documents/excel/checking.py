"""What a formula refers to, checked against the workbook before it is written: functions, sheets, tables, names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property

from copilot.documents.excel import linked_books
from copilot.documents.excel.formula_tokens import Operand, Token, calls, operand, tokens, within
from copilot.documents.excel.formulas import checked_formula
from copilot.documents.excel.functions import known
from copilot.documents.excel.refs import address, quote_sheet
from copilot.documents.excel.structured import TableRef, find, replaced
from copilot.documents.excel.workbook import Sheet, Workbook
from copilot.errors import ToolInputError

#: Functions that only files know: what `A1#` and `@` are stored as ([MS-XLSX] 2.2.2).
_STORED = frozenset({"ANCHORARRAY", "SINGLE"})

_CUT_RANGE = re.compile(r"\$?[A-Za-z]{1,3}\$?\d*:\$?[A-Za-z]{0,3}\$?\d*|\$?\d+:\$?[A-Za-z]+\$?\d*")

At = tuple[int, int]


class FormulaCheck:
    """Checks formulas that are about to be written, and spells them as a file does."""

    def __init__(self, workbook: Workbook, own: str = "") -> None:
        """`own` is a name that the formula is to be called by: a LAMBDA may call itself."""
        self.workbook = workbook
        self._own = own.casefold()

    def stored(self, formula: str, sheet: Sheet, at: At) -> str:
        """Return a formula (syntax checked, `=` in front) as the file stores it in that cell.

        Raises ToolInputError, with the closest names, for a function, sheet, table, column, name or linked workbook
        that is not there, a wrong number of arguments, an address outside the sheet.
        """
        formula = self._linked(_without_parameters(formula))
        bound = variables(formula)
        for call in calls(formula):
            self._function(call.name, call.arguments, bound)
        for token in tokens(formula):
            if token.refers:
                self._operand(token, sheet, at, bound)
        formula = self._spelled(formula, sheet, at) if "[" in formula else formula
        return _with_parameters(formula, bound) if bound else formula

    def _function(self, name: str, count: int, bound: frozenset[str]) -> None:
        if name.casefold() in bound or not name or "!" in name:
            return
        function = known().get(name)
        if function is None:
            if name not in _STORED and not self._own_function(name):
                raise _unknown_function(name)
        elif not function.fewest <= count <= function.most:
            message = f"{name} takes {function.takes}, not {count}."
            raise ToolInputError(message, hint=f"It gives {function.phrase}.", code="formula")

    def _own_function(self, name: str) -> bool:
        """Return whether the workbook knows the function: a LAMBDA by a name, VBA, or it is in use already."""
        if name.casefold() in self._names or name.casefold() == self._own:
            return True
        package = self.workbook.package
        spelled = name.encode("utf-8", "replace").lower()
        macros = [p for p in package.related(package.main, "vbaProject") if package.has(p)]
        if any(spelled in package.read(part).lower() for part in macros):
            return True
        called = re.compile(b"<" + rb"(?:[\w.-]+:)?f(?:\s[^>]*)?>[^<]*" + re.escape(spelled) + rb"\(", re.IGNORECASE)
        return any(called.search(package.read(s.part)) for s in self.workbook.worksheets)

    @cached_property
    def _names(self) -> set[str]:
        return {name.name.casefold() for name in self.workbook.names}

    def _operand(self, token: Token, sheet: Sheet, at: At, bound: frozenset[str]) -> None:
        found = operand(token.text)
        if found.book:
            return  # `_linked` has seen it
        for named in (found.sheet, found.last):
            if named and named.casefold() not in self._sheets:
                raise ToolInputError.unknown("sheet", named, self.workbook.listed("name"))
        if found.kind == "other" and _CUT_RANGE.fullmatch(found.body):
            raise ToolInputError(
                f"{token.text!r} is no range.", hint="Write it like A1:C9, A:C or 2:5.", code="address"
            )
        if found.kind == "area" and found.area is None and not self._named(found, sheet):
            hint = "A sheet ends at XFD1048576."
            raise ToolInputError(f"{token.text!r} lies outside the sheet.", hint=hint, code="address")
        if found.kind == "area" and found.area is not None and found.area.height * found.area.width == 1:
            self._not_itself(found, sheet, at)
        if found.kind == "name" and found.body.casefold() not in bound and not self._named(found, sheet):
            raise ToolInputError.unknown("name or table", found.body, self._all_names(sheet))

    @cached_property
    def _sheets(self) -> set[str]:
        return {name.casefold() for name in self.workbook.listed("name")}

    def _not_itself(self, found: Operand, sheet: Sheet, at: At) -> None:
        """A name that could be an address ("TAX2024") is read as the address, also where the workbook has the name."""
        own = not found.sheet or found.sheet.casefold() == sheet.name.casefold()
        if own and "$" not in found.body and not found.sheet and found.body.casefold() in self._names:
            hint = "Rename the name, or write the address with $."
            raise ToolInputError(f"{found.body!r} is a cell and a defined name.", hint=hint, code="formula")

    def _named(self, found: Operand, sheet: Sheet) -> bool:
        wanted, home = found.body.casefold(), (found.sheet or sheet.name).casefold()
        if any(t.name.casefold() == wanted for t in self.workbook.tables):
            return True
        return any(
            n.name.casefold() == wanted and (n.sheet is None or n.sheet.casefold() == home) for n in self.workbook.names
        )

    def _all_names(self, sheet: Sheet) -> list[str]:
        names = [n.name for n in self.workbook.names if not n.hidden and n.sheet in (None, sheet.name)]
        return [*names, *(t.name for t in self.workbook.tables)]

    # --- spelling ------------------------------------------------------------------------------------------------

    def _spelled(self, formula: str, sheet: Sheet, at: At) -> str:
        """Return the formula with its structured references as files store them; each must mean something."""

        def stored(found: TableRef) -> str:
            table = found.table_in(self.workbook.tables, sheet.name, at)
            area = found.area(table, at[0])
            if found.this_row and (table.sheet != sheet.name or area is None):
                where = f"{sheet.name}!{address(*at)}"
                hint = f"Its rows of data are {table.data} on {table.sheet!r}."
                raise ToolInputError(f"{where} is in no row of the table {table.name!r}.", hint=hint, code="formula")
            return str(replace(found, table=table.name))

        return replaced(formula, stored, strict=True)

    def _linked(self, formula: str) -> str:
        """Return the formula with linked workbooks by their number, as files store them (18.17.2.3)."""
        if "[" not in formula or "!" not in formula:
            return formula
        written = []
        for token in tokens(formula):
            found = operand(token.text) if token.refers else None
            written.append(self._by_number(found) if found is not None and found.book else token.text)
        return "=" + "".join(written)

    def _by_number(self, found: Operand) -> str:
        books = linked_books.books(self.workbook)
        number = int(found.book) if found.book.isdigit() else 0
        if not number:
            folded = [book.casefold() for book in books]
            number = folded.index(found.book.casefold()) + 1 if found.book.casefold() in folded else 0
        if not 1 <= number <= len(books):
            raise ToolInputError.unknown("linked workbook", found.book, [b for b in books if b])
        sheets = found.sheet + (f":{found.last}" if found.last else "")
        plain = quote_sheet(sheets) == sheets
        return (
            f"[{number}]{sheets}!{found.body}"
            if plain
            else f"'[{number}]{sheets.replace(chr(39), chr(39) * 2)}'!{found.body}"
        )


def check_rules(workbook: Workbook, sheet: Sheet, at: At, texts: Iterable[object]) -> None:
    """Check what conditional formats and validations are given: those of `texts` that are formulas ("=...").

    `at` is the first cell of their range. Raises ToolInputError as `FormulaCheck.stored` does, and for a structured
    reference: Excel takes none in a rule.
    """
    for text in texts:
        if not isinstance(text, str) or not text.strip().startswith("="):
            continue
        formula = checked_formula(text.strip())
        found = next(find(formula), None)
        if found is not None:
            hint = f'Use addresses, a defined name, or INDIRECT("{found}").'
            message = f"A rule can't refer to the table in {str(found)!r} by its name."
            raise ToolInputError(message, hint=hint, code="formula")
        FormulaCheck(workbook).stored(formula, sheet, at)


def _unknown_function(name: str) -> ToolInputError:
    from rapidfuzz import process
    from rapidfuzz.distance import DamerauLevenshtein

    close = process.extract(name, list(known()), scorer=DamerauLevenshtein.normalized_similarity, limit=4)
    hint = f"The closest are {', '.join(match[0] for match in close)}."
    return ToolInputError(f"Excel has no function {name!r}.", hint=hint, code="unknown_function")


def variables(formula: str) -> frozenset[str]:
    """Return the names that LET and LAMBDA bind in a formula, folded."""
    return (
        frozenset(name.casefold() for name in _bound(formula))
        if re.search(r"(?i)\b(LET|LAMBDA)\(", formula)
        else frozenset()
    )


def _bound(formula: str) -> Iterator[str]:
    pieces = [(token, stack) for token, stack in within(formula) if token.kind != "WHITE-SPACE"]
    for (before, _), (token, stack), (after, _) in zip(pieces, pieces[1:], pieces[2:], strict=False):
        name, argument = stack[-1] if stack else ("", 0)
        if token.refers and _alone(before, after) and (name == "LAMBDA" or (name == "LET" and argument % 2 == 0)):
            yield token.text.removeprefix("_xlpm.")


def _alone(before: Token, after: Token) -> bool:
    return (before.opens or before.kind == "SEP") and after.kind == "SEP"


def _without_parameters(formula: str) -> str:
    """Return the formula as people write it, where it is one that a file stores (see `_with_parameters`)."""
    if "_xlpm." not in formula:
        return formula
    return "=" + "".join(token.text.removeprefix("_xlpm.") for token in tokens(formula))


def _with_parameters(formula: str, bound: frozenset[str]) -> str:
    """Return the formula with its own variables marked, as files store them ([MS-XLSX] 2.2.2: _xlpm)."""
    written = []
    for token in tokens(formula):
        name = token.text[:-1] if token.kind == "FUNC" and token.opens else token.text
        own = name.casefold() in bound and (token.refers or token.kind == "FUNC")
        written.append(f"_xlpm.{token.text}" if own else token.text)
    return "=" + "".join(written)
