"""Formulas that give several values: arrays of old (18.3.1.40) and dynamic ones, which spill ([MS-XLSX] 2.2.2)."""

from __future__ import annotations

from copilot.documents.excel import markup
from copilot.documents.excel.formula_tokens import Place, Token, operand, within
from copilot.documents.excel.functions import known
from copilot.documents.excel.workbook import Workbook

_PART = "xl/metadata{}.xml"
_CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheetMetadata+xml"
_TYPE = (
    b'metadataType name="XLDAPR" minSupportedVersion="120000" copy="1" pasteAll="1" pasteValues="1" merge="1" '
    b'splitFirst="1" rowColShift="1" clearFormats="1" clearComments="1" assign="1" coerce="1" cellMeta="1"/>'
)
_DYNAMIC = "http://schemas.microsoft.com/office/spreadsheetml/2017/dynamicarray"
_EXTENSION = "{bdbb8cdc-fa1e-496e-a857-3c3f30c029c3}"
#: Functions that work on arrays cell by cell themselves, wherever they stand.
_ARRAY_CONTEXT = frozenset({"SUMPRODUCT", "LOOKUP", "SINGLE"})
#: Arguments (from 0) that are one value in functions which take ranges elsewhere.
_VALUE_ARGUMENTS = {
    "COUNTIF": (1,), "SUMIF": (1,), "AVERAGEIF": (1,), "VLOOKUP": (0, 2, 3), "HLOOKUP": (0, 2, 3), "MATCH": (0, 2),
    "XLOOKUP": (0,), "XMATCH": (0,), "LARGE": (1,), "SMALL": (1,), "INDEX": (1, 2, 3), "OFFSET": (1, 2, 3, 4),
    "RANK": (0, 2), "RANK.EQ": (0, 2), "RANK.AVG": (0, 2), "PERCENTILE": (1,), "INDIRECT": (0, 1), "SUBTOTAL": (0,),
    "LOOKUP": (0,), "CHOOSE": (0,), "ROW": (0,), "COLUMN": (0,),
}  # fmt: skip
#: Functions whose result may be a range of several cells.
_SEVERAL = frozenset({"INDIRECT", "OFFSET"})
_OPERATORS = ("OPERATOR-INFIX", "OPERATOR-PREFIX", "OPERATOR-POSTFIX")


def is_dynamic(formula: str, workbook: Workbook) -> bool:
    """Return whether Excel would store a formula as a dynamic array: it works on a range cell by cell, or spills.

    Told from the text alone, as Excel does: a range of several cells that is calculated with, stands alone, or is
    given to a function that takes one value; an array constant there; a function whose result is an array.
    """
    pieces = [(token, stack) for token, stack in within(formula) if token.kind != "WHITE-SPACE"]
    for index, (token, stack) in enumerate(pieces):
        if any(name in _ARRAY_CONTEXT for name, _ in stack) and not any(name == "IF" for name, _ in stack):
            continue
        if token.kind == "FUNC" and token.opens and _spills(token):
            return True
        around = stack[-1][0] if stack else ""
        if token.kind == "FUNC" and token.opens and token.function in _SEVERAL and around in ("ROW", "COLUMN"):
            return True
        if not _several(token, workbook):
            continue
        if around == "LET":
            return True
        before = pieces[index - 1][0] if index else None
        after = _behind(pieces, index)
        if _calculated(before, after) or not _taken_whole(stack):
            return True
    return False


def works_on_arrays(name: str) -> bool:
    """Return whether a function works on arrays cell by cell, also outside of an array formula."""
    return name in _ARRAY_CONTEXT


def _spills(token: Token) -> bool:
    function = known().get(token.function)
    return token.function == "ANCHORARRAY" or (function is not None and function.spills)


def _several(token: Token, workbook: Workbook) -> bool:
    """Return whether an operand stands for more than one cell or value."""
    if token.kind == "ARRAY" and token.opens:
        return True
    if not token.refers or token.text.startswith("@"):
        return False
    found = operand(token.text)
    if found.kind == "area":
        area = found.area
        return area is not None and area.height * area.width > 1
    if found.kind == "table":
        return "#This Row" not in found.body or "]:[" in found.body
    wanted = found.body.casefold()
    if found.kind != "name" or any(t.name.casefold() == wanted for t in workbook.tables):
        return found.kind == "name"
    return any(_several_cells(n.refers_to) for n in workbook.names if n.name.casefold() == wanted)


def _several_cells(refers_to: str) -> bool:
    area = operand(refers_to).area if operand(refers_to).kind == "area" else None
    return area is not None and area.height * area.width > 1


def _behind(pieces: list[tuple[Token, tuple[Place, ...]]], index: int) -> Token | None:
    """Return what follows an operand; for an array constant what follows its closing brace."""
    depth = 0
    for token, _ in pieces[index:]:
        depth += (token.kind == "ARRAY") * (token.opens - token.closes)
        if depth == 0 and not (token.kind == "ARRAY" and token.closes) and token is not pieces[index][0]:
            return token
    return None


def _calculated(before: Token | None, after: Token | None) -> bool:
    """Return whether an operator works on the operand; a comma, a colon and a space only join references."""
    return any(t is not None and t.kind in _OPERATORS and t.text not in (",", ":", " ", "@") for t in (before, after))


def _taken_whole(stack: tuple[Place, ...]) -> bool:
    """Return whether the function around takes ranges; a bracket is looked through, the open formula is none."""
    for name, argument in reversed(stack):
        if name:
            function = known().get(name)
            return function is None or (function.takes_ranges and not one_value(name, argument))
    return False


def one_value(name: str, argument: int) -> bool:
    """Return whether a function that takes ranges wants one value as that argument."""
    if name in ("COUNTIFS", "SUMIFS", "AVERAGEIFS", "MAXIFS", "MINIFS"):
        return argument % 2 == (1 if name == "COUNTIFS" else 0) and argument > 0
    return argument in _VALUE_ARGUMENTS.get(name, ())


def without_at(formula: str, *, dynamic: bool) -> str:
    """Return a formula with `@` as a file stores it: SINGLE() in a dynamic array, nothing elsewhere.

    A formula that is no dynamic array takes one cell of a range where it needs one value, without being told.
    """
    if "@" not in formula:
        return formula
    written = []
    for token, _ in within(formula):
        text = token.text
        if text.startswith("@") and (token.refers or token.kind == "FUNC"):
            text = f"_xlfn.SINGLE({text[1:]})" if dynamic and token.refers else text[1:]
        written.append(text)
    return "=" + "".join(written)


def dynamic_index(workbook: Workbook) -> int:
    """Return the `cm` index of cells with a dynamic array; the metadata part is made or grows where needed."""
    package = workbook.package
    parts = [p for p in package.related(package.main, "sheetMetadata") if package.has(p)]
    if not parts:
        part = package.unused_name(_PART) if package.has("xl/metadata.xml") else "xl/metadata.xml"
        namespace = workbook.root.nsmap.get(workbook.root.prefix) or ""
        package.add(part, _metadata(namespace), _CONTENT_TYPE)
        package.relate(package.main, "sheetMetadata", part)
        return 1
    before = markup.plain(package.read(parts[0]), parts[0])
    data, index = _grown(before)
    if data != before:
        package.write(parts[0], data)
    return index


def _metadata(namespace: str) -> bytes:
    head = b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<metadata xmlns="%s">' % namespace.encode()
    types = b'<metadataTypes count="1"><' + _TYPE + b"</metadataTypes>"
    return head + types + _future(b"") + b'<cellMetadata count="1"><bk><rc t="1" v="0"/></bk></cellMetadata></metadata>'


def _future(prefix: bytes) -> bytes:
    inside = b'<%sbk><%sextLst><%sext uri="%s">' % (prefix, prefix, prefix, _EXTENSION.encode())
    inside += b'<xda:dynamicArrayProperties xmlns:xda="%s" fDynamic="1" fCollapsed="0"/>' % _DYNAMIC.encode()
    inside += b"</%sext></%sextLst></%sbk>" % (prefix, prefix, prefix)
    return b'<%sfutureMetadata name="XLDAPR" count="1">%s</%sfutureMetadata>' % (prefix, inside, prefix)


def _grown(data: bytes) -> tuple[bytes, int]:
    """Return a metadata part (18.9) that knows dynamic arrays, and the `cm` index (from 1) that says so."""
    prefix = markup.prefix_of(data)
    names = [
        markup.attribute(data[e.start : e.inner], b"name") for e in markup.find_all(data, prefix + b"metadataType")
    ]
    if "XLDAPR" not in names:
        data = _appended(data, prefix, b"metadataTypes", b"<" + prefix + _TYPE)
        after = max(
            e.end
            for name in (b"metadataTypes", b"metadataStrings", b"mdxMetadata", b"futureMetadata")
            for e in markup.find_all(data, prefix + name)
        )
        data = data[:after] + _future(prefix) + data[after:]
        names.append("XLDAPR")
    kind = str(names.index("XLDAPR") + 1)
    cells = markup.find(data, prefix + b"cellMetadata")
    if cells is None:
        after = max(e.end for e in markup.find_all(data, prefix + b"futureMetadata"))
        made = b'<%scellMetadata count="1">%s</%scellMetadata>' % (prefix, _block(prefix, kind), prefix)
        return data[:after] + made + data[after:], 1
    blocks = list(markup.find_all(data, prefix + b"bk", cells.inner, cells.close))
    for index, block in enumerate(blocks, 1):
        record = markup.find(data, prefix + b"rc", block.inner, block.close)
        tag = data[record.start : record.inner] if record else b""
        if markup.attribute(tag, b"t") == kind and markup.attribute(tag, b"v") == "0":
            return data, index
    return _appended(data, prefix, b"cellMetadata", _block(prefix, kind)), len(blocks) + 1


def _block(prefix: bytes, kind: str) -> bytes:
    return b'<%sbk><%src t="%s" v="0"/></%sbk>' % (prefix, prefix, kind.encode(), prefix)


def _appended(data: bytes, prefix: bytes, name: bytes, child: bytes) -> bytes:
    """Return the part with a child more in the list of that name, and its count."""
    element = markup.find(data, prefix + name)
    if element is None:
        start = markup.tag_pattern(prefix + b"metadata").search(data)
        at = start.end() if start else len(data)
        return data[:at] + b'<%s%s count="1">%s</%s%s>' % (prefix, name, child, prefix, name) + data[at:]
    tag = data[element.start : element.inner]
    count = int(markup.attribute(tag, b"count") or "0") + 1
    data = data[: element.close] + child + data[element.close :]
    return markup.replace_tag(data, element, markup.with_attribute(tag, b"count", str(count)))
