"""How a sheet is printed: paper, fit, margins, print area, titles, header and footer, breaks (18.3.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from copilot.documents.excel import elements, markup
from copilot.documents.excel.cells import SheetReader
from copilot.documents.excel.layout import columns_named, rows_named
from copilot.documents.excel.places import place
from copilot.documents.excel.refs import MAX_COLUMN, MAX_ROW, column_letters, column_number, quote_sheet
from copilot.documents.excel.stylesheet import attributes_of, element, parts_of, with_parts
from copilot.documents.excel.verify import check_parts, signature_warning
from copilot.documents.excel.workbook import Sheet, Workbook
from copilot.documents.hunks import Edited, Hunk
from copilot.errors import ToolInputError

Paper = Literal["letter", "tabloid", "legal", "executive", "A3", "A4", "A5", "B4", "B5"]
Pages = Annotated[int, Field(ge=0, le=32767)]
Scale = Annotated[int, Field(ge=10, le=400)]
Side = Literal["left", "right", "top", "bottom", "header", "footer"]
Third = Literal["left", "center", "right"]
#: Paper sizes (18.18.50 and 18.3.1.63).
PAPERS: dict[str, int] = {
    **{"letter": 1, "tabloid": 3, "legal": 5, "executive": 7},
    **{"A3": 8, "A4": 9, "A5": 11, "B4": 12, "B5": 13},
}
#: Excel's own margins, in inches.
MARGINS = {"left": "0.7", "right": "0.7", "top": "0.75", "bottom": "0.75", "header": "0.3", "footer": "0.3"}
_UNITS = {"": 1.0, "in": 1.0, '"': 1.0, "cm": 1 / 2.54, "mm": 1 / 25.4, "pt": 1 / 72}
_LENGTH = re.compile(r'\s*(\d+(?:\.\d+)?)\s*(in|cm|mm|pt|")?\s*\Z')
_CODES = {
    "{page}": "&P",
    "{pages}": "&N",
    "{date}": "&D",
    "{time}": "&T",
    "{file}": "&F",
    "{path}": "&Z",
    "{sheet}": "&A",
}
_THIRDS = {"left": "&L", "center": "&C", "right": "&R"}
_HEADER_ORDER = tuple(b"oddHeader oddFooter evenHeader evenFooter firstHeader firstFooter".split())
_SHEET_PR_ORDER = (b"tabColor", b"outlinePr", b"pageSetUpPr")
_MOST_BREAKS = 1023


def page_setup(
    content: bytes,
    *,
    sheet: str = "",
    orientation: Literal["portrait", "landscape"] | None = None,
    paper: Paper | None = None,
    fit_width: Pages | None = None,
    fit_height: Pages | None = None,
    scale: Scale | None = None,
    margins: dict[Side, float | str] | None = None,
    print_area: str | None = None,
    title_rows: str | None = None,
    title_columns: str | None = None,
    header: str | dict[Third, str] | None = None,
    footer: str | dict[Third, str] | None = None,
    center: Literal["horizontal", "vertical", "both", "none"] | None = None,
    gridlines: bool | None = None,
    headings: bool | None = None,
    page_breaks: Sequence[int | str] | None = None,
) -> Edited:
    """Set how a sheet is printed; what is not given stays.

    `fit_width` and `fit_height` are numbers of pages (0: as many as needed), `scale` is in percent: one or the other.
    `margins` are inches, or texts with a unit ("2 cm"). `print_area` is "A1:F40", several with commas; `title_rows`
    "1:2" and `title_columns` "A:B" stand on every page; "" takes each off. `header` and `footer` are a text for the
    middle or {left, center, right}, with {page} {pages} {date} {time} {file} {sheet} in it; "" takes it off.
    `page_breaks` replaces all breaks: rows (12) and columns ("F") before which a new page begins.
    Raises ToolInputError "unchanged" where all of it is so already.
    """
    workbook = Workbook.open(content)
    if scale is not None and (fit_width is not None or fit_height is not None):
        raise ToolInputError("A sheet is either scaled or fitted to pages.", hint="Give one of both.", code="arguments")
    setup = _Setup(workbook, workbook.sheet(sheet or None))
    if fit_width is not None or fit_height is not None:
        setup.fit(fit_width, fit_height)
    setup.page(orientation, paper, scale)
    if margins:
        setup.margins({name: inches(value) for name, value in margins.items()})
    setup.options(center, gridlines, headings)
    if header is not None:
        setup.header("oddHeader", header)
    if footer is not None:
        setup.header("oddFooter", footer)
    if page_breaks is not None:
        setup.breaks(page_breaks)
    if print_area is not None:
        setup.print_area(print_area)
    if title_rows is not None or title_columns is not None:
        setup.titles(title_rows, title_columns)
    return setup.written()


def inches(value: float | str) -> float:
    """Return a length in inches from 0.7, "2 cm", "18 mm" or "0.5 in"; raises ToolInputError "length"."""
    if isinstance(value, str):
        found = _LENGTH.match(value)
        if found is None:
            hint = 'Write it like 0.7 (inches) or "2 cm".'
            raise ToolInputError(f"{value!r} is no length.", hint=hint, code="length")
        value = float(found[1]) * _UNITS[found[2] or ""]
    if not 0 <= value < 49:
        raise ToolInputError(f"A margin of {value:g} inches is not possible.", code="length")
    return round(value, 6)


@dataclass
class _Setup:
    """A sheet's part and its workbook's on their way, with what has changed so far."""

    workbook: Workbook
    sheet: Sheet
    data: bytes = b""
    prefix: bytes = b""
    book: bytes = b""
    hunks: list[Hunk] = field(default_factory=list)

    def __post_init__(self) -> None:
        xml = SheetReader(self.workbook, self.sheet).xml
        self.data, self.prefix = xml.data, xml.prefix
        package = self.workbook.package
        self.book = markup.plain(package.read(package.main), package.main)
        self._before = (self.data, self.book)

    def page(self, orientation: str | None, paper: str | None, scale: int | None) -> None:
        """Set orientation, paper and scale; a scale ends the fitting to pages."""
        if scale is not None:
            self._fit_to_page(False)
        sizes = {PAPERS[paper]: paper} if paper else {}
        wanted = {
            "paperSize": str(next(iter(sizes))) if sizes else None,
            "orientation": orientation,
            "scale": None if scale is None else str(scale),
        }
        self._set("pageSetup", {name: value for name, value in wanted.items() if value is not None})

    def fit(self, width: int | None, height: int | None) -> None:
        """Fit the sheet to pages, 0 for as many as needed (18.3.1.63)."""
        self._fit_to_page(True)
        wanted = {"fitToWidth": width, "fitToHeight": 0 if height is None and width is not None else height}
        self._set("pageSetup", {name: str(value) for name, value in wanted.items() if value is not None})

    def margins(self, wanted: Mapping[str, float]) -> None:
        """Set margins; a sheet without any gets Excel's own for the rest, because all six are required (18.3.1.62)."""
        self._set("pageMargins", {name: f"{value:g}" for name, value in wanted.items()}, MARGINS)

    def options(self, center: str | None, gridlines: bool | None, headings: bool | None) -> None:
        """Set what else is printed, and where on the page."""
        wanted: dict[str, str] = {}
        if center is not None:
            for name, word in (("horizontalCentered", "horizontal"), ("verticalCentered", "vertical")):
                wanted[name] = "1" if center in (word, "both") else "0"
        for name, on in (("gridLines", gridlines), ("headings", headings)):
            if on is not None:
                wanted[name] = "1" if on else "0"
        self._set("printOptions", wanted, defaults=dict.fromkeys(wanted, "0"))

    def header(self, name: str, given: str | Mapping[Third, str]) -> None:
        """Set the header or footer of all pages that have none of their own (18.3.1.39)."""
        text = header_code(given)
        present = elements.get(self.data, self.prefix, b"headerFooter")
        raw = self.data[present.start : present.end] if present else element(self.prefix, "headerFooter")
        old = dict(parts_of(raw, self.prefix)).get(name.encode())
        before = markup.unescape(re.sub(rb"<[^>]*>", b"", old).decode()) if old else ""
        if before == text:
            return
        inner = markup.escape(markup.encode_xstring(text)).encode()
        made = element(self.prefix, name, None, inner) if text else None
        whole = with_parts(raw, self.prefix, _HEADER_ORDER, {name.encode(): made})
        bare = whole.endswith(b"/>") and not attributes_of(whole)
        self._put("headerFooter", b"" if bare else whole)
        self._say("header" if name == "oddHeader" else "footer", before, text)

    def breaks(self, wanted: Sequence[int | str]) -> None:
        """Replace the page breaks: `id` is the row above, or the column left of the break (18.3.1.14)."""
        rows, columns = _breaks(wanted)
        for name, ids, most in (("rowBreaks", rows, MAX_COLUMN - 1), ("colBreaks", columns, MAX_ROW - 1)):
            made = b"".join(
                element(self.prefix, "brk", {"id": str(i), "max": str(most), "man": "1"}) for i in sorted(ids)
            )
            count = {"count": str(len(ids)), "manualBreakCount": str(len(ids))}
            whole = element(self.prefix, name, count, made) if ids else b""
            present = elements.get(self.data, self.prefix, name.encode())
            old = self.data[present.start : present.end] if present else b""
            if old != whole:
                before = [attributes_of(raw).get("id", "") for _, raw in parts_of(old, self.prefix)] if old else []
                self._put(name, whole)
                self._say(name.replace("Breaks", " breaks behind"), ", ".join(before), ", ".join(map(str, sorted(ids))))

    def print_area(self, wanted: str) -> None:
        """Set the print area: a name that Excel keeps for itself (18.2.5), on this sheet."""
        areas = []
        for part in wanted.split(",") if wanted.strip() else []:
            found, area = place(self.workbook, part, self.sheet.name, most=0)
            if found.name != self.sheet.name:
                raise ToolInputError(f"{part!r} is not on {self.sheet.name!r}.", code="address")
            areas.append(f"{quote_sheet(self.sheet.name)}!{area.absolute()}")
        self._name("_xlnm.Print_Area", ",".join(areas), "print area")

    def titles(self, rows: str | None, columns: str | None) -> None:
        """Set the rows and columns that stand on every page."""
        present = self._named("_xlnm.Print_Titles")
        home = quote_sheet(self.sheet.name)
        old = re.findall(r"!(\$?[A-Za-z]{1,3}:\$?[A-Za-z]{1,3}|\$?\d+:\$?\d+)(?=,|$)", present)
        old_rows = next((part for part in old if part.replace("$", "")[0].isdigit()), "")
        old_columns = next((part for part in old if part.replace("$", "")[0].isalpha()), "")
        if rows is not None:
            old_rows = ""
            if rows:
                _, first, last = rows_named(self.workbook, rows, self.sheet.name)
                old_rows = f"${first}:${last}"
        if columns is not None:
            old_columns = ""
            if columns:
                _, first, last = columns_named(self.workbook, columns, self.sheet.name)
                old_columns = f"${column_letters(first)}:${column_letters(last)}"
        written = ",".join(f"{home}!{part}" for part in (old_columns, old_rows) if part)
        self._name("_xlnm.Print_Titles", written, "print titles")

    def written(self) -> Edited:
        """Return the workbook; raises ToolInputError "unchanged" where nothing is."""
        if (self.data, self.book) == self._before:
            hint = "Say at least one thing that is not so already."
            raise ToolInputError(f"{self.sheet.name!r} is printed like that already.", hint=hint, code="unchanged")
        package = self.workbook.package
        for part, new, old in (
            (self.sheet.part, self.data, self._before[0]),
            (package.main, self.book, self._before[1]),
        ):
            if new != old:
                package.write(part, new)
        check_parts(package, [self.sheet.part, package.main])
        return Edited.of(package.save(), self.hunks, signature_warning(package))

    def _say(self, what: str, before: str, after: str) -> None:
        self.hunks.append(Hunk(f"sheet {self.sheet.name}, {what}", before, after, "format"))

    def _put(self, name: str, whole: bytes) -> None:
        self.data = (
            elements.drop(self.data, self.prefix, name.encode())
            if not whole
            else elements.put(self.data, self.prefix, name.encode(), whole)
        )

    def _set(
        self,
        name: str,
        wanted: Mapping[str, str],
        first: Mapping[str, str] | None = None,
        defaults: Mapping[str, str] | None = None,
    ) -> None:
        """Set attributes of a child of the sheet; `first` are those that a new one must have."""
        present = elements.get(self.data, self.prefix, name.encode())
        tag = self.data[present.start : present.inner] if present else element(self.prefix, name, first)
        given = attributes_of(tag)
        changes = {k: v for k, v in wanted.items() if given.get(k, (defaults or {}).get(k)) != v}
        if not changes:
            return
        made = tag
        for key, value in changes.items():
            made = markup.with_attribute(made, key.encode(), value)
        whole = made + (self.data[present.inner : present.end] if present else b"")
        self._put(name, whole)
        for key, value in changes.items():
            self._say(_words(key), _said(key, given.get(key, "") if present else ""), _said(key, value))

    def _fit_to_page(self, on: bool) -> None:
        present = elements.get(self.data, self.prefix, b"sheetPr")
        raw = self.data[present.start : present.end] if present else element(self.prefix, "sheetPr")
        old = dict(parts_of(raw, self.prefix)).get(b"pageSetUpPr", element(self.prefix, "pageSetUpPr"))
        fitted = attributes_of(old).get("fitToPage", "0") in ("1", "true")
        if fitted == on:
            return
        made = markup.with_attribute(old, b"fitToPage", "1" if on else None)
        whole = with_parts(raw, self.prefix, _SHEET_PR_ORDER, {b"pageSetUpPr": made})
        self._put("sheetPr", whole)
        self._say("fit to pages", "on" if fitted else "off", "on" if on else "off")

    def _named(self, name: str) -> str:
        return next((n.refers_to for n in self.workbook.names if n.name == name and n.sheet == self.sheet.name), "")

    def _name(self, name: str, refers_to: str, said: str) -> None:
        before = self._named(name)
        if before == refers_to:
            return
        self.book = with_local_name(self.book, name, self.sheet.index, refers_to)
        self._say(said, before, refers_to)


def with_local_name(data: bytes, name: str, index: int, refers_to: str) -> bytes:
    """Return the workbook part with a name of one sheet (18.2.5) set, or taken out for ""."""
    prefix = markup.prefix_of(data)
    full = prefix + b"definedName"
    given = {"name": name, "localSheetId": str(index)}
    made = element(prefix, "definedName", given, markup.escape(refers_to).encode()) if refers_to else b""
    group = elements.get(data, prefix, b"definedNames")
    for each in markup.find_all(data, full, group.inner, group.close) if group else ():
        tag = attributes_of(data[each.start : each.inner])
        if (tag.get("name"), tag.get("localSheetId")) == (name, str(index)):
            data = data[: each.start] + made + data[each.end :]
            left = elements.get(data, prefix, b"definedNames")
            empty = left is not None and not data[left.inner : left.close].strip()
            return elements.drop(data, prefix, b"definedNames") if empty else data
    if not made:
        return data
    if group is not None:
        return markup.insert_into(data, group, prefix + b"definedNames", made)
    return elements.put(data, prefix, b"definedNames", element(prefix, "definedNames", None, made))


def header_code(given: str | Mapping[Third, str]) -> str:
    """Return the code of a header or footer (18.3.1.46): thirds with &L, &C, &R; {page} and the like as &P.

    A text may hold codes itself (&B for bold). Raises ToolInputError "header" for more than 255 characters.
    """
    thirds: dict[str, str] = {"center": given} if isinstance(given, str) else dict(given.items())
    code = ""
    for third, mark in _THIRDS.items():
        text = thirds.get(third, "")
        for word, short in _CODES.items():
            text = text.replace(word, short)
        whole = isinstance(given, str) and text.startswith(("&L", "&C", "&R"))
        code += text if whole else mark + text if text else ""
    if len(code) > 255:
        message = f"A header or footer has at most 255 characters with its codes, not {len(code)}."
        raise ToolInputError(message, hint="Make it shorter.", code="header")
    return code


def _breaks(wanted: Sequence[int | str]) -> tuple[set[int], set[int]]:
    rows: set[int] = set()
    columns: set[int] = set()
    for each in wanted:
        text = str(each).strip().upper()
        if text.isdigit() and 2 <= int(text) <= MAX_ROW:
            rows.add(int(text) - 1)
        elif re.fullmatch("[A-Z]{1,3}", text) and 2 <= column_number(text) <= MAX_COLUMN:
            columns.add(column_number(text) - 1)
        else:
            hint = "Name the row (12) or column (F) that begins a new page; not the first."
            raise ToolInputError(f"There can't be a page break before {each!r}.", hint=hint, code="address")
    if len(rows) > _MOST_BREAKS or len(columns) > _MOST_BREAKS:
        raise ToolInputError(f"A sheet has at most {_MOST_BREAKS:,} page breaks.", code="arguments")
    return rows, columns


_WORDS = {
    "paperSize": "paper",
    "fitToWidth": "pages wide",
    "fitToHeight": "pages tall",
    "horizontalCentered": "centered horizontally",
    "verticalCentered": "centered vertically",
    "gridLines": "gridlines",
}


def _words(key: str) -> str:
    return f"{key} margin" if key in MARGINS else _WORDS.get(key, key)


def _said(key: str, value: str) -> str:
    if key == "paperSize":
        return next((name for name, number in PAPERS.items() if str(number) == value), value)
    if key in ("horizontalCentered", "verticalCentered", "gridLines", "headings"):
        return "on" if value in ("1", "true") else "off"
    return f'{value}"' if key in MARGINS and value else value


#: The operations of this module.
OPERATIONS = (page_setup,)
