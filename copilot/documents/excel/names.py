"""Defined names (18.2.5): made, renamed with every formula that uses them, and deleted."""

from __future__ import annotations

import re

from copilot.documents.excel import elements, markup
from copilot.documents.excel.checking import FormulaCheck
from copilot.documents.excel.dependents import WORD
from copilot.documents.excel.everywhere import Home, forget, formula_hunks, rewrite, users
from copilot.documents.excel.extents import followers
from copilot.documents.excel.formulas import bare, checked_formula, without_prefixes
from copilot.documents.excel.refs import MAX_COLUMN, MAX_ROW, Area, column_number, quote_sheet, split_sheet
from copilot.documents.excel.reftext import joined, pieces, replaced
from copilot.documents.excel.saving import saved_after
from copilot.documents.excel.structured import stretches
from copilot.documents.excel.workbook import Name, Workbook
from copilot.documents.hunks import Edited, Hunk
from copilot.errors import ToolInputError

_VALID = re.compile(r"[^\W\d][\w.\\?]*\Z|\\[\w.\\?]*\Z")
_CELL = re.compile(r"([A-Za-z]{1,3})([0-9]{1,7})\Z")
_R1C1 = re.compile(r"(?i)r(?:\d*|\[-?\d+\])(?:c(?:\d*|\[-?\d+\]))?\Z|c\d*\Z")
_WORD = r"((?:'(?:[^']|'')+'|[\w.]+)!)?"


def checked_new_name(workbook: Workbook, name: str, scope: str | None, *, table: bool = False) -> str:
    """Return a name that Excel accepts in that scope (18.2.5, 22.9.2.19); raises ToolInputError that says why not.

    Names of tables share the rules and, in the workbook's scope, the space of names.
    """
    name = name.strip()
    cell = _CELL.match(name)
    same = [n for n in workbook.names if n.name.casefold() == name.casefold() and n.sheet == scope]
    if not name or len(name) > 255:
        why = f"has {len(name)} characters, and 1 to 255 are allowed"
    elif name.casefold().startswith("_xlnm."):
        why = "is kept by Excel for itself"
    elif not _VALID.match(name):
        why = "must begin with a letter or _ and hold letters, digits, _ and . only"
    elif cell and column_number(cell[1]) <= MAX_COLUMN and 1 <= int(cell[2]) <= MAX_ROW:
        why = "is the address of a cell"
    elif _R1C1.match(name) or name.casefold() in ("true", "false"):
        why = "means something else in a formula"
    elif same:
        why = f"is taken: it is {same[0].refers_to}"
    elif scope is None and name.casefold() in {t.name.casefold() for t in workbook.tables}:
        why = "is the name of a table"
    else:
        return name
    what = "table name" if table else "name"
    raise ToolInputError(f"The {what} {name!r} {why}.", hint="Choose another name.", code="name")


def _find(workbook: Workbook, name: str, sheet: str) -> Name:
    """Return a defined name: the one of the sheet if one is named, else the workbook's, else the only one there is."""
    own = [n for n in workbook.names if not n.name.casefold().startswith("_xlnm.")]
    same = [n for n in own if n.name.casefold() == name.strip().casefold()]
    scope = workbook.sheet(sheet).name if sheet else None
    exact = [n for n in same if n.sheet == scope]
    if exact or (len(same) == 1 and not sheet):
        return (exact or same)[0]
    if len(same) > 1:
        where = ", ".join(repr(n.sheet) for n in same)
        raise ToolInputError(f"{name!r} is a name of several sheets.", hint=f"Give one: {where}.", code="ambiguous")
    raise ToolInputError.unknown("name", name, sorted({n.name for n in own}))


def define_name(
    content: bytes, name: str, refers_to: str, sheet: str = "", comment: str = "", overwrite: bool = False
) -> Edited:
    """Give a range ("Budget!B2:B9"), a constant or a formula ("=0.19", "=SUM(Budget!B:B)") a name.

    `sheet` limits the name to that sheet. With `overwrite` a name that is there gets the new meaning. Raises
    ToolInputError for a name that Excel does not take, an unknown sheet, a bad range or formula.
    """
    workbook = Workbook.open(content)
    scope = workbook.sheet(sheet).name if sheet else None
    present = next((n for n in workbook.names if n.name.casefold() == name.casefold() and n.sheet == scope), None)
    if present is None or not overwrite:
        name = checked_new_name(workbook, name, scope)
    meaning = _meaning(workbook, refers_to, scope, name)
    if present is not None and present.refers_to == meaning and not comment:
        raise ToolInputError(f"The name {present.name!r} is {meaning} already.", code="unchanged")
    write_name(workbook, present.name if present else name, scope, meaning, comment)
    homes = followers(workbook, {name.casefold()})
    before = without_prefixes(present.refers_to) if present else ""
    hunk = Hunk(_where(name, scope), before, without_prefixes(meaning), "structure")
    return saved_after(content, workbook, homes, [hunk], [workbook.package.main])


def _where(name: str, scope: str | None) -> str:
    return f"name {name} (sheet {scope})" if scope else f"name {name}"


def _meaning(workbook: Workbook, refers_to: str, scope: str | None, name: str) -> str:
    """Return what the file stores for a name: absolute addresses, each with its sheet; a formula is checked."""
    text = refers_to.strip()
    if text.startswith("="):
        home = workbook.sheet(scope)
        formula = FormulaCheck(workbook, name).stored(checked_formula(text), home, (0, 0))
        if name.casefold() in {word.casefold() for word in WORD.findall(bare(formula))}:
            hint = "Leave its own name out."
            raise ToolInputError(f"The name {name!r} would depend on itself.", hint=hint, code="circular")
        return _qualified(formula[1:], home.name)
    own, rest = split_sheet(text)
    found = workbook.sheet(own or scope)
    return f"{quote_sheet(found.name)}!{written(Area.parse(rest))}"


def written(area: Area) -> str:
    """Return an area as names write it: "$A$1:$C$9", "$A:$C" for whole columns, "$2:$5" for whole rows."""
    parts = area.absolute().split(":")
    if area.top == 1 and area.bottom == MAX_ROW:
        return ":".join(re.sub(r"\$\d+\Z", "", part) for part in parts)
    if area.left == 1 and area.right == MAX_COLUMN:
        return ":".join(re.sub(r"\A\$[A-Z]+", "", part) for part in parts)
    return area.absolute()


def _qualified(formula: str, home: str) -> str:
    """Return a formula whose addresses without a sheet have one: in a name they would mean whatever sheet is used."""
    return joined(replaced(pieces(formula), lambda found: found if found.prefix else found.on(home)))


def write_name(workbook: Workbook, name: str, scope: str | None, meaning: str, comment: str) -> None:
    """Write a name into the workbook's list, or exchange what one of that name and scope means."""
    package = workbook.package
    data = markup.plain(package.read(package.main), package.main)
    prefix = markup.prefix_of(data)
    tag_name = prefix + b"definedName"
    element = find_element(workbook, data, name, scope)
    tag = data[element.start : element.inner] if element else b"<" + tag_name + b">"
    tag = tag if element else markup.with_attribute(tag, b"name", name)
    if scope is not None:
        tag = markup.with_attribute(tag, b"localSheetId", str(workbook.sheet(scope).index))
    if comment:
        tag = markup.with_attribute(tag, b"comment", comment)
    made = tag + markup.escape(markup.encode_xstring(meaning)).encode() + b"</" + tag_name + b">"
    group = elements.get(data, prefix, b"definedNames")
    if element is not None:
        data = data[: element.start] + made + data[element.end :]
    elif group is not None:
        data = markup.insert_into(data, group, prefix + b"definedNames", made)
    else:
        group_name = prefix + b"definedNames>"
        data = elements.put(data, prefix, b"definedNames", b"<" + group_name + made + b"</" + group_name)
    package.write(package.main, data)
    forget(workbook)


def find_element(workbook: Workbook, data: bytes, name: str, scope: str | None) -> markup.Element | None:
    """Return where a name of that scope lies in the workbook part, None where there is none."""
    prefix = markup.prefix_of(data)
    index = str(workbook.sheet(scope).index) if scope is not None else None
    for element in markup.find_all(data, prefix + b"definedName"):
        tag = data[element.start : element.inner]
        own = (markup.attribute(tag, b"name") or "").casefold(), markup.attribute(tag, b"localSheetId")
        if own == (name.casefold(), index):
            return element
    return None


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(_WORD + r"(?<![\w.\\?])" + re.escape(name) + r"(?![\w.\\?!\[])(\s*\()?", re.IGNORECASE)


def _renamed(workbook: Workbook, text: str, home: Home, old: Name, new: str) -> str:
    """Return a formula with the name exchanged where it means `old` and not another one of that name."""
    shadows = {n.sheet for n in workbook.names if n.name.casefold() == old.name.casefold() and n.sheet}
    called = "LAMBDA(" in without_prefixes(old.refers_to).upper()

    def means(qualifier: str | None, call: str | None) -> bool:
        if call and not called:
            return False  # a function of the same name
        if not qualifier:
            return home.sheet == old.sheet if old.sheet else home.sheet not in shadows
        own = split_sheet(qualifier + "A1")[0] or ""
        return own.casefold() == old.sheet.casefold() if old.sheet else own.casefold() not in _sheet_names(workbook)

    found, at = [], 0
    spans = list(stretches(text))
    for match in _pattern(old.name).finditer(text):
        start = match.end(1) if match[1] else match.start()
        if any(a <= start < b for a, b in spans) and means(match[1], match[2]):
            found += [text[at:start], new]
            at = start + len(old.name)
    return "".join([*found, text[at:]])


def _sheet_names(workbook: Workbook) -> set[str]:
    return {s.name.casefold() for s in workbook.sheets}


def _users(workbook: Workbook, name: Name) -> list[Home]:
    """Return where formulas use the name."""
    mark = "\x7f"
    return users(workbook, lambda text, home: mark in _renamed(workbook, text, home, name, mark), name.name)


def rename_name(content: bytes, name: str, to: str, sheet: str = "") -> Edited:
    """Rename a defined name; formulas, rules, charts and other names that use it follow.

    Raises ToolInputError for an unknown name and for a new one that Excel does not take.
    """
    workbook = Workbook.open(content)
    old = _find(workbook, name, sheet)
    if old.name == to.strip():
        raise ToolInputError(f"The name is {to!r} already.", code="unchanged")
    if old.name.casefold() != to.strip().casefold():
        to = checked_new_name(workbook, to, old.sheet)
    done = rewrite(workbook, lambda text, home: _renamed(workbook, text, home, old, to), old.name)
    pivots = rename_pivot_sources(workbook, old.name, to)
    package = workbook.package
    data = markup.plain(package.read(package.main), package.main)
    element = find_element(workbook, data, old.name, old.sheet)
    if element is None:
        raise AssertionError("a name that was found has an element")
    tag = markup.with_attribute(data[element.start : element.inner], b"name", to)
    package.write(package.main, markup.replace_tag(data, element, tag))
    hunks = [Hunk(_where(old.name, old.sheet), old.name, to, "structure"), *formula_hunks(done)]
    return saved_after(content, workbook, [], hunks, [package.main, *pivots, *(h.part for h, _, _ in done)])


def rename_pivot_sources(workbook: Workbook, old: str, new: str) -> list[str]:
    """Let pivot caches whose source is the named range or table (18.10.1.95) follow; return the parts."""
    package, done = workbook.package, []
    for part in package.related(package.main, "pivotCacheDefinition"):
        data = markup.plain(package.read(part), part) if package.has(part) else b""
        element = markup.find(data, markup.prefix_of(data) + b"worksheetSource") if data else None
        if element is None:
            continue
        tag = data[element.start : element.inner]
        if (markup.attribute(tag, b"name") or "").casefold() == old.casefold():
            package.write(part, markup.replace_tag(data, element, markup.with_attribute(tag, b"name", new)))
            done.append(part)
    return done


def pivot_sources(workbook: Workbook, name: str) -> list[str]:
    """Return the pivot caches whose source is the named range or table."""
    package = workbook.package
    found = []
    for part in package.related(package.main, "pivotCacheDefinition"):
        source = next((e for e in package.xml(part).iter("{*}worksheetSource")), None) if package.has(part) else None
        if source is not None and source.get("name", "").casefold() == name.casefold():
            found.append(part)
    return found


def delete_name(content: bytes, name: str, sheet: str = "") -> Edited:
    """Delete a defined name that nothing uses.

    Raises ToolInputError for an unknown name, and for one that formulas, rules, charts or pivot tables refer to.
    """
    workbook = Workbook.open(content)
    old = _find(workbook, name, sheet)
    where = [str(home) for home in _users(workbook, old)] + pivot_sources(workbook, old.name)
    if where:
        shown = ", ".join(where[:5]) + (f" and {len(where) - 5} more" if len(where) > 5 else "")
        hint = "Change these first; then the name can go."
        raise ToolInputError(f"The name {old.name!r} is used in {shown}.", hint=hint, code="used")
    package = workbook.package
    data = markup.plain(package.read(package.main), package.main)
    element = find_element(workbook, data, old.name, old.sheet)
    if element is None:
        raise AssertionError("a name that was found has an element")
    data = data[: element.start] + data[element.end :]
    prefix = markup.prefix_of(data)
    if markup.find(data, prefix + b"definedName") is None:
        data = elements.drop(data, prefix, b"definedNames")
    package.write(package.main, data)
    forget(workbook)
    return saved_after(
        content, workbook, [], [Hunk(_where(old.name, old.sheet), old.refers_to, "", "structure")], [package.main]
    )


#: The operations of this module.
OPERATIONS = (define_name, rename_name, delete_name)
