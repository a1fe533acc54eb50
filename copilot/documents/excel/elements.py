"""The children of a sheet, a workbook, a style sheet or a table: found, put in at their place, taken out, as bytes.

The standard fixes the order of these children; Excel calls a file damaged that breaks it. Everything here works on
UTF-8 bytes as `markup.plain` makes them; `prefix` is what `markup.prefix_of` returns (b"x:" or b"").
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from copilot.documents.excel import markup
from copilot.errors import DocumentError

#: The children of a worksheet in the order of CT_Worksheet (ECMA-376 part 1, 18.3.1.99).
ORDER: tuple[bytes, ...] = tuple(
    b"""sheetPr dimension sheetViews sheetFormatPr cols sheetData sheetCalcPr sheetProtection protectedRanges scenarios
    autoFilter sortState dataConsolidate customSheetViews mergeCells phoneticPr conditionalFormatting dataValidations
    hyperlinks printOptions pageMargins pageSetup headerFooter rowBreaks colBreaks customProperties cellWatches
    ignoredErrors smartTags drawing legacyDrawing legacyDrawingHF drawingHF picture oleObjects controls webPublishItems
    tableParts extLst""".split()
)
#: The children of a style sheet (CT_Stylesheet, 18.8.39).
STYLES_ORDER: tuple[bytes, ...] = tuple(
    b"numFmts fonts fills borders cellStyleXfs cellXfs cellStyles dxfs tableStyles colors extLst".split()
)
#: The children of a workbook (CT_Workbook, 18.2.27).
WORKBOOK_ORDER: tuple[bytes, ...] = tuple(
    b"""fileVersion fileSharing workbookPr alternateUrls workbookProtection bookViews sheets functionGroups
    externalReferences definedNames calcPr oleSize customWorkbookViews pivotCaches smartTagPr smartTagTypes
    webPublishing fileRecoveryPr webPublishObjects extLst""".split()
)
#: The children of a table (CT_Table, 18.5.1.2).
TABLE_ORDER: tuple[bytes, ...] = (b"autoFilter", b"sortState", b"tableColumns", b"tableStyleInfo", b"extLst")
#: The children of a chart sheet (CT_Chartsheet, 18.3.1.12).
CHARTSHEET_ORDER: tuple[bytes, ...] = tuple(
    b"""sheetPr sheetViews sheetProtection customSheetViews pageMargins pageSetup headerFooter drawing legacyDrawing
    legacyDrawingHF drawingHF picture webPublishItems extLst""".split()
)
_ORDERS: dict[bytes, tuple[bytes, ...]] = {
    b"worksheet": ORDER,
    b"styleSheet": STYLES_ORDER,
    b"workbook": WORKBOOK_ORDER,
    b"table": TABLE_ORDER,
    b"chartsheet": CHARTSHEET_ORDER,
}
_ROOT = re.compile(rb"<(?![?!])([^\s/>]+)")
_DECLARED = re.compile(rb"""\sxmlns:([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")


@dataclass(frozen=True, slots=True)
class Child:
    """A child of the root: its name with prefix, where it lies, and its rank in the fixed order (-1: unknown)."""

    name: bytes
    element: markup.Element
    rank: int


def root_of(data: bytes) -> markup.Element:
    """Return where the root element lies; raises DocumentError for a part that has none."""
    match = _ROOT.search(data)
    tag = markup.tag_pattern(match[1]).match(data, match.start()) if match else None
    if match is None or tag is None:
        raise DocumentError("A part of the file holds no XML: it is damaged.", code="broken")
    if tag[1].endswith(b"/"):
        return markup.Element(tag.start(), tag.end(), tag.end(), tag.end())
    close = data.rfind(b"</" + match[1])
    if close < tag.end():
        raise DocumentError("A part of the file is cut off: it is damaged.", code="broken")
    return markup.Element(tag.start(), tag.end(), close, data.index(b">", close) + 1)


def whole(data: bytes, name: bytes, start: int) -> markup.Element:
    """Return the element `name` (with prefix) that begins at `start`, even if others of its name lie in it."""
    match = markup.tag_pattern(name).match(data, start)
    if match is None:
        raise DocumentError(f"There is no element {name.decode()} where one was expected.", code="broken")
    if match[1].endswith(b"/"):
        return markup.Element(start, match.end(), match.end(), match.end())
    depth, close = 1, re.compile(b"<(/?)" + re.escape(name) + rb"(?=[\s/>])" + markup.ATTRIBUTES + b">")
    for each in close.finditer(data, match.end()):
        depth += -1 if each[1] else 0 if each[0].endswith(b"/>") else 1
        if depth == 0:
            return markup.Element(start, match.end(), each.start(), each.end())
    raise DocumentError(f"The element {name.decode()} is not closed: the file is damaged.", code="broken")


def children(data: bytes) -> Iterator[Child]:
    """Yield the children of the root in their order; what lies inside of them is skipped, cell data quickly."""
    root = root_of(data)
    prefix = markup.prefix_of(data)
    order = order_of(data)
    at = root.inner
    while (found := next(markup.children(data, at, root.close), None)) is not None:
        name, start = found
        element = markup.find(data, name, start) if name == prefix + b"sheetData" else whole(data, name, start)
        if element is None:
            return
        yield Child(name, element, _rank(data, name, element, prefix, order))
        at = element.end


def order_of(data: bytes) -> tuple[bytes, ...]:
    """Return the fixed order of the root's children; raises DocumentError for a part of another kind."""
    match = _ROOT.search(data)
    local = match[1].rpartition(b":")[2] if match else b""
    if local not in _ORDERS:
        raise DocumentError(f"A part of the file has the unexpected root {local.decode()!r}.", code="broken")
    return _ORDERS[local]


def _rank(data: bytes, name: bytes, element: markup.Element, prefix: bytes, order: tuple[bytes, ...]) -> int:
    """Return the place in the order; alternate content stands where the element that it holds would (part 3, 7.5)."""
    if name.endswith(b":AlternateContent"):
        held = (n for n in order if markup.find(data, prefix + n, element.inner, element.close) is not None)
        return max((order.index(n) for n in held), default=-1)
    local = name[len(prefix) :] if name.startswith(prefix) else b""
    return order.index(local) if local in order else -1


def get(data: bytes, prefix: bytes, name: bytes) -> markup.Element | None:
    """Return the child `name` (without prefix) of the root, None where there is none."""
    return next((c.element for c in children(data) if c.name == prefix + name), None)


def put(data: bytes, prefix: bytes, name: bytes, element: bytes) -> bytes:
    """Return the part with its child `name` replaced by `element` (written out, with prefix), or put in at its place.

    Raises DocumentError "unsupported" where the child that is there lies in alternate content.
    """
    present = get(data, prefix, name)
    if present is not None:
        return data[: present.start] + element + data[present.end :]
    rank = order_of(data).index(name)
    if any(c.rank == rank for c in children(data)):
        message = f"The element {name.decode()} is given in several versions (alternate content)."
        raise DocumentError(message, hint="Change it in Excel.", code="unsupported")
    return add(data, prefix, name, element)


def add(data: bytes, prefix: bytes, name: bytes, element: bytes) -> bytes:
    """Return the part with `element` put in as a further child `name`, behind those that come before or are alike.

    Several of a name are allowed for `conditionalFormatting` and `cols` only (18.3.1.99).
    """
    root = root_of(data)
    if root.empty:
        tag = data[root.start : root.inner - 2].rstrip()
        closing = _ROOT.match(tag)
        end = b"</" + (closing[1] if closing else name) + b">"
        return data[: root.start] + tag + b">" + element + end + data[root.end :]
    rank = order_of(data).index(name)
    at, before = root.inner, -1
    for child in children(data):
        before = child.rank if child.rank >= 0 else before
        if before <= rank:
            at = child.element.end
    return data[:at] + element + data[at:]


def drop(data: bytes, prefix: bytes, name: bytes) -> bytes:
    """Return the part without its children `name`; the same bytes where there is none."""
    for child in reversed(list(children(data))):
        if child.name == prefix + name:
            data = data[: child.element.start] + data[child.element.end :]
    return data


def extension(data: bytes, prefix: bytes, uri: str) -> markup.Element | None:
    """Return the root's extension (`extLst/ext`, 18.2.7) of that uri ("{...}", case does not matter), or None."""
    holder = get(data, prefix, b"extLst")
    for name, start in markup.children(data, holder.inner, holder.close) if holder and not holder.empty else ():
        element = whole(data, name, start)
        given = markup.attribute(data[start : element.inner], b"uri") or ""
        if name == prefix + b"ext" and given.casefold() == uri.casefold():
            return element
    return None


def put_extension(data: bytes, prefix: bytes, uri: str, inner: bytes, namespaces: Mapping[str, str]) -> bytes:
    """Return the part with the content of its extension `uri` replaced by `inner`, or a new extension with it.

    `namespaces` maps the prefixes that `inner` uses to their URIs; they are declared on the `ext` element. What the
    present extension holds is in `data[e.inner:e.close]` of `extension(...)`: put it into `inner` to keep it.
    """
    present = extension(data, prefix, uri)
    name = prefix + b"ext"
    tag = data[present.start : present.inner] if present else b"<" + name + b' uri="' + uri.encode() + b'">'
    for short, namespace in namespaces.items():
        tag = markup.with_attribute(tag, b"xmlns:" + short.encode(), namespace)
    opened = tag[:-2].rstrip() + b">" if tag.endswith(b"/>") else tag
    made = opened + inner + b"</" + name + b">"
    if present is not None:
        return data[: present.start] + made + data[present.end :]
    holder = get(data, prefix, b"extLst")
    if holder is not None:
        return markup.insert_into(data, holder, prefix + b"extLst", made)
    listed = b"<" + prefix + b"extLst>" + made + b"</" + prefix + b"extLst>"
    return put(data, prefix, b"extLst", listed)


def drop_extension(data: bytes, prefix: bytes, uri: str) -> bytes:
    """Return the part without its extension `uri`, and without the list if nothing else is in it."""
    present = extension(data, prefix, uri)
    if present is None:
        return data
    data = data[: present.start] + data[present.end :]
    holder = get(data, prefix, b"extLst")
    left = holder is not None and next(markup.children(data, holder.inner, holder.close), None) is not None
    return data if left else drop(data, prefix, b"extLst")


def declared(data: bytes, uri: str, wanted: str) -> tuple[bytes, bytes]:
    """Return the part with the namespace `uri` declared on its root, and the prefix that it has there with its colon.

    `wanted` ("r") is taken where no prefix is declared yet; a number goes behind it if it means something else.
    """
    root = root_of(data)
    tag = data[root.start : root.inner]
    known = {m[1]: m[2] if m[2] is not None else m[3] for m in _DECLARED.finditer(tag)}
    for short, namespace in known.items():
        if namespace == uri.encode():
            return data, short + b":"
    names = [wanted.encode(), *(f"{wanted}{n}".encode() for n in range(1, len(known) + 2))]
    short = next(name for name in names if name not in known)
    return markup.replace_tag(data, root, markup.with_attribute(tag, b"xmlns:" + short, uri)), short + b":"
