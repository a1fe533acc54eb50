"""Hyperlinks of cells (ECMA-376 part 1, 18.3.1.47): to addresses on the net, to files, to places in the workbook."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote, urlsplit

from pydantic import Field

from copilot.documents.excel import elements, markup
from copilot.documents.excel.cells import SheetReader
from copilot.documents.excel.cellstyles import style_index
from copilot.documents.excel.formats import Dressing, dressed_data
from copilot.documents.excel.looks import Look
from copilot.documents.excel.places import cell_at, place
from copilot.documents.excel.refs import Area, address, quote_sheet, split_sheet
from copilot.documents.excel.splice import SheetXml
from copilot.documents.excel.stylesheet import StyleSheet, attributes_of, element
from copilot.documents.excel.verify import check_parts, signature_warning
from copilot.documents.excel.workbook import Sheet, Workbook
from copilot.documents.excel.write import write_cells
from copilot.documents.hunks import Edited, Hunk
from copilot.documents.package import Package
from copilot.errors import ToolInputError

RELATIONSHIPS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
STRICT_RELATIONSHIPS = "http://purl.oclc.org/ooxml/officeDocument/relationships"
_SCHEMES = ("http", "https", "mailto", "tel", "ftp", "ftps", "sftp")
_MAX_URL = 2079  # what Excel takes


@dataclass(frozen=True, slots=True)
class Link:
    """One `hyperlink` element: the cells it lies on, its tag, and the relationship that it uses ("" for none)."""

    area: Area
    tag: bytes
    relation: str


def hyperlink(
    content: bytes,
    range: str,
    *,
    sheet: str = "",
    url: str = "",
    location: str = "",
    text: str = "",
    tooltip: Annotated[str, Field(max_length=255)] = "",
    overwrite: bool = False,
) -> Edited:
    """Link cells to a `url` (https, mailto, a relative file) or a `location` in the workbook ("Sheet2!A1", a name).

    With `text` the first cell gets that text first; one that holds something else is refused without `overwrite`.
    Cells get the style Hyperlink unless they have a named style already. A link that was there is replaced.
    Raises ToolInputError "url" for an address that could do harm, and for a place that is not there.
    """
    if bool(url) == bool(location):
        hint = "Give either `url`, or `location` for a place in the workbook."
        raise ToolInputError("A link leads to one place.", hint=hint, code="arguments")
    workbook = Workbook.open(content)
    found, area = place(workbook, range, sheet)
    address_, fragment = _split_url(checked_url(url)) if url else ("", checked_location(workbook, location))
    written: Edited | None = None
    if text:
        written = _with_text(content, workbook, found, area, text, overwrite=overwrite)
        workbook = Workbook.open(written.content) if written is not None else workbook
    hunks = list(written.hunks) if written else []
    warnings = list(written.warnings) if written else []
    target = f"{address_}#{fragment}" if address_ and fragment else address_ or fragment
    before = _link(workbook, found, area, address_, fragment, tooltip)
    hunks.append(Hunk(f"{found.name}!{area}", before, f"link to {target}", "structure"))
    return Edited.of(workbook.package.save(), hunks, [*warnings, *signature_warning(workbook.package)])


def remove_hyperlink(content: bytes, range: str, *, sheet: str = "") -> Edited:
    """Take the links off the cells of a range; their texts and their looks stay.

    Raises ToolInputError "unchanged" where there is none.
    """
    workbook = Workbook.open(content)
    found, area = place(workbook, range, sheet, most=0)
    reader = SheetReader(workbook, found)
    gone = [link for link in links(reader.xml) if link.area.overlaps(area)]
    if not gone:
        raise ToolInputError(f"There is no link on {found.name}!{area}.", code="unchanged")
    was = _described(workbook, found, gone)
    data = _without(reader.xml, area)
    workbook.package.write(found.part, data)
    _drop_unused(workbook.package, found, data, gone)
    check_parts(workbook.package, [found.part])
    hunks = [Hunk(f"{found.name}!{area}", was, "", "structure")]
    return Edited.of(workbook.package.save(), hunks, signature_warning(workbook.package))


def checked_url(url: str) -> str:
    """Return an address as a relationship holds it; raises ToolInputError "url" for one that could do harm.

    Allowed are http, https, mailto, tel, ftp and relative files; not scripts, not other programs, not network shares.
    """
    bare = url.strip()
    hint = "Use http, https, mailto, or the relative path of a file."
    if not bare or len(bare) > _MAX_URL or re.search(r"[\x00-\x1f\x7f]", bare):
        why = (
            f"has more than {_MAX_URL:,} characters" if len(bare) > _MAX_URL else "is empty or holds control characters"
        )
        raise ToolInputError(f"The address {bare[:60]!r} {why}.", hint=hint, code="url")
    if bare.startswith(("\\\\", "//")):
        raise ToolInputError(f"The address {bare!r} leads to a network share.", hint=hint, code="url")
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", bare)
    if scheme is None:
        if bare.startswith(("/", "\\")):
            raise ToolInputError(f"The address {bare!r} is an absolute path.", hint=hint, code="url")
        return quote(bare.replace("\\", "/"), safe="/#%?=&+,;:@!$'()*~.-_")
    if scheme[1].lower() not in _SCHEMES:
        what = "a drive" if len(scheme[1]) == 1 else f"{scheme[1]}:"
        raise ToolInputError(f"A link to {what} is not allowed ({bare[:60]!r}).", hint=hint, code="url")
    _refuse_no_host(bare, scheme[1].lower(), hint)
    return bare.replace(" ", "%20").replace('"', "%22").replace("<", "%3C").replace(">", "%3E")


def _refuse_no_host(url: str, scheme: str, hint: str) -> None:
    try:
        parts = urlsplit(url)
        missing = scheme not in ("mailto", "tel") and not parts.hostname
    except ValueError:
        missing = True
    if missing or (scheme == "mailto" and "@" not in url):
        raise ToolInputError(f"The address {url!r} is not complete.", hint=hint, code="url")


def _split_url(url: str) -> tuple[str, str]:
    """Return the address and what stands behind its #, which Excel keeps as the location."""
    address_, _, fragment = url.partition("#")
    return (address_, fragment) if address_ else (url, "")


def checked_location(workbook: Workbook, location: str) -> str:
    """Return a place in the workbook as a link names it; raises ToolInputError for one that is not there."""
    bare = location.strip().removeprefix("#")
    sheet, written = split_sheet(bare)
    if sheet is None and any(name.name.casefold() == bare.casefold() for name in workbook.names):
        return bare
    if sheet is None and any(table.name.casefold() == bare.casefold() for table in workbook.tables):
        return bare
    found = workbook.sheet(sheet)
    area = Area.parse(written)
    return f"{quote_sheet(found.name)}!{area}"


def _with_text(
    content: bytes, workbook: Workbook, sheet: Sheet, area: Area, text: str, *, overwrite: bool
) -> Edited | None:
    """Return the workbook with the text in the first cell, None where it is there already."""
    at = address(area.top, area.left)
    cell = SheetReader(workbook, sheet).at(*cell_at(workbook, at, sheet.name)[1])
    if cell.formula is None and cell.value == text:
        return None
    return write_cells(content, sheet.name, {at: f"'{text}"}, overwrite=overwrite, formulas=False)


def _link(workbook: Workbook, sheet: Sheet, area: Area, url: str, fragment: str, tooltip: str) -> str:
    """Write the link into the sheet; return what was there, in words."""
    package = workbook.package
    reader = SheetReader(workbook, sheet)
    gone = [link for link in links(reader.xml) if link.area.overlaps(area)]
    before = _described(workbook, sheet, gone)
    data = _without(reader.xml, area)
    prefix = reader.xml.prefix
    attributes: dict[str, str | None] = {"ref": str(area)}
    if url:
        names = STRICT_RELATIONSHIPS if package.strict else RELATIONSHIPS
        data, short = elements.declared(data, names, "r")
        attributes[short.decode() + "id"] = package.relate(sheet.part, "hyperlink", url, external=True)
    attributes |= {"location": fragment or None, "tooltip": tooltip or None, "display": None}
    made = element(prefix, "hyperlink", attributes)
    present = elements.get(data, prefix, b"hyperlinks")
    if present is not None:
        data = markup.insert_into(data, present, prefix + b"hyperlinks", made)
    else:
        data = elements.put(data, prefix, b"hyperlinks", element(prefix, "hyperlinks", None, made))
    package.write(sheet.part, _dressed(workbook, data, sheet, area))
    _drop_unused(package, sheet, data, gone)
    check_parts(package, [sheet.part, workbook.styles.part])
    return before


def _dressed(workbook: Workbook, data: bytes, sheet: Sheet, area: Area) -> bytes:
    """Return the sheet with the style Hyperlink on the cells, unless the first one has a named style of its own."""
    sheets = StyleSheet(workbook)
    xml = SheetXml(data, sheet.part)
    raw = xml.cell(area.top, area.left)
    own = int(attributes_of(raw).get("s", "0")) if raw else 0
    if attributes_of(sheets.item(b"cellXfs", own)).get("xfId", "0") != "0":
        return data
    style_index(sheets, "Hyperlink")
    dressed = dressed_data(xml, Dressing(sheets, Look(style="Hyperlink"), area))
    sheets.save()
    return dressed


def links(xml: SheetXml) -> list[Link]:
    """Return the links of a sheet; those whose place can't be read are left out."""
    holder = elements.get(xml.data, xml.prefix, b"hyperlinks")
    found = []
    for each in markup.find_all(xml.data, xml.prefix + b"hyperlink", holder.inner, holder.close) if holder else ():
        tag = xml.data[each.start : each.inner]
        try:
            area = Area.parse(markup.attribute(tag, b"ref") or "")
        except ToolInputError:
            continue
        relation = next((v for k, v in attributes_of(tag).items() if k.endswith(":id")), "")
        found.append(Link(area, tag, relation))
    return found


def _described(workbook: Workbook, sheet: Sheet, found: Iterable[Link]) -> str:
    targets = {r.id: r.target for r in workbook.package.relationships(sheet.part)}
    said = []
    for link in found:
        location = markup.attribute(link.tag, b"location")
        target = targets.get(link.relation, "")
        said.append("#".join(part for part in (target, location) if part) or "nothing")
    return f"link to {', '.join(dict.fromkeys(said))}" if said else ""


def _without(xml: SheetXml, area: Area) -> bytes:
    """Return the sheet without links on an area; a link that reaches further keeps the rest of its cells."""
    data, prefix = xml.data, xml.prefix
    holder = elements.get(data, prefix, b"hyperlinks")
    if holder is None or holder.empty:
        return data
    pieces, at, left = [], holder.inner, 0
    for each in markup.find_all(data, prefix + b"hyperlink", holder.inner, holder.close):
        tag = data[each.start : each.inner]
        try:
            own = Area.parse(markup.attribute(tag, b"ref") or "")
        except ToolInputError:
            own = None
        if own is None or not own.overlaps(area):
            left += 1
            continue
        pieces.append(data[at : each.start])
        for rest in difference(own, area):
            pieces.append(markup.with_attribute(tag, b"ref", str(rest)) + data[each.inner : each.end])
            left += 1
        at = each.end
    if not left:
        return data[: holder.start] + data[holder.end :]
    return b"".join([data[: holder.inner], *pieces, data[at:]])


def difference(area: Area, hole: Area) -> Iterator[Area]:
    """Yield the parts of an area that lie outside of `hole`, as at most four rectangles."""
    cut = area.clipped(hole)
    if cut is None:
        yield area
        return
    if area.top < cut.top:
        yield Area(area.top, area.left, cut.top - 1, area.right)
    if area.left < cut.left:
        yield Area(cut.top, area.left, cut.bottom, cut.left - 1)
    if cut.right < area.right:
        yield Area(cut.top, cut.right + 1, cut.bottom, area.right)
    if cut.bottom < area.bottom:
        yield Area(cut.bottom + 1, area.left, area.bottom, area.right)


def _drop_unused(package: Package, sheet: Sheet, data: bytes, gone: Iterable[Link]) -> None:
    """Remove the relationships of links that are gone, unless something else in the sheet goes to the same place."""
    relations = {r.id: r for r in package.relationships(sheet.part)}
    used = set(re.findall(rb"""\s[\w.-]+:id\s*=\s*["']([^"']*)["']""", data))
    kept = {relations[i.decode()].target for i in used if i.decode() in relations}
    for link in gone:
        relation = relations.get(link.relation)
        if relation is not None and relation.external and relation.target not in kept:
            package.unrelate(sheet.part, relation.target)


#: The operations of this module.
OPERATIONS = (hyperlink, remove_hyperlink)
