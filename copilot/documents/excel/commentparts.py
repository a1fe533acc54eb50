"""The parts that comments live in: notes (18.7) with their shapes, threads ([MS-XLSX] 2.1.19) with their people."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from copilot.documents.excel import elements, markup
from copilot.documents.excel.chartxml import STRICT, TRANSITIONAL
from copilot.documents.excel.refs import MAX_COLUMN, address, parse_cell
from copilot.documents.excel.sheets import MAIN, STRICT_MAIN
from copilot.documents.excel.stylesheet import element
from copilot.documents.excel.workbook import Sheet, Workbook, string_text
from copilot.errors import ToolInputError

At = tuple[int, int]

THREADS = "http://schemas.microsoft.com/office/spreadsheetml/2018/threadedcomments"
_OFFICE_2017 = "http://schemas.microsoft.com/office/2017/10/relationships"
_REVISION = "http://schemas.microsoft.com/office/spreadsheetml/2014/revision"
_COMPATIBILITY = "http://schemas.openxmlformats.org/markup-compatibility/2006"
_SPREADSHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_VML = "application/vnd.openxmlformats-officedocument.vmlDrawing"
_DECLARATION = b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_IDS = uuid.UUID("0c9a4c5e-6a7d-4f0e-8b65-2f8f5a0e7d11")
_SHAPE = re.compile(rb"<v:shape\s.*?</v:shape>\s*", re.DOTALL)
_ROW, _COLUMN = re.compile(rb"(<x:Row>\s*)(\d+)"), re.compile(rb"(<x:Column>\s*)(\d+)")
_ANCHOR = re.compile(rb"(<x:Anchor>)([^<]*)")
_SHAPE_ID = re.compile(rb"_x0000_s(\d+)")
_NOTE_SHADOW = (
    "[Threaded comment]\n\nYour version of Excel allows you to read this threaded comment; however, any edits to it "
    "will get removed if the file is opened in a newer version of Excel. Learn more: "
    "https://go.microsoft.com/fwlink/?linkid=870924\n\nComment:\n    "
)


def identity(*parts: str) -> str:
    """Return the id of a comment or person: the same for the same parts."""
    return f"{{{str(uuid.uuid5(_IDS, chr(0).join(parts))).upper()}}}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One comment as a part holds it: `id` and `parent` are a thread's, "" in a note; `date` as it is written."""

    at: At
    author: str
    text: str
    id: str = ""
    parent: str = ""
    date: str = ""
    done: bool = False


class Notes:
    """The notes of a sheet: the comments part, and a drawing with a box for each."""

    def __init__(self, workbook: Workbook, sheet: Sheet) -> None:
        self._workbook, self._sheet = workbook, sheet
        self._package = workbook.package
        self.part = next((p for p in self._package.related(sheet.part, "comments") if self._package.has(p)), "")
        self.data = markup.plain(self._package.read(self.part), self.part) if self.part else b""
        self.prefix = markup.prefix_of(self.data) if self.part else b""

    def entries(self) -> list[Entry]:
        """Return the notes, shadows of threads included."""
        return [self._entry(e) for e in self._elements()]

    def _elements(self) -> list[markup.Element]:
        return list(markup.find_all(self.data, self.prefix + b"comment")) if self.part else []

    def _authors(self) -> list[str]:
        found = markup.find_all(self.data, self.prefix + b"author") if self.part else ()
        return [markup.decode_xstring(markup.unescape(self.data[e.inner : e.close].decode())) for e in found]

    def _entry(self, found: markup.Element) -> Entry:
        tag = self.data[found.start : found.inner]
        number, names = markup.attribute(tag, b"authorId") or "", self._authors()
        author = names[int(number)] if number.isdigit() and int(number) < len(names) else ""
        at = parse_cell(markup.attribute(tag, b"ref") or "A1")
        return Entry(at, author, string_text(self.data[found.inner : found.close], self.prefix))

    def add(self, entry: Entry, *, shadow: bool) -> None:
        """Add a note with its box; the `shadow` of a thread carries the thread's id."""
        if not self.part:
            self._create()
        names = self._authors()
        if entry.author not in names:
            group = markup.find(self.data, self.prefix + b"authors")
            if group is None:
                raise ToolInputError("The notes of this sheet have no list of authors.", code="broken")
            name = markup.escape(markup.encode_xstring(entry.author)).encode()
            made = element(self.prefix, "author", None, name)
            self.data = markup.insert_into(self.data, group, self.prefix + b"authors", made)
            names.append(entry.author)
        attributes: dict[str, str | None] = {"ref": address(*entry.at), "authorId": str(names.index(entry.author))}
        if shadow:
            attributes |= {"shapeId": "0", f"{self._revision()}uid": entry.id}
        made = element(self.prefix, "comment", attributes, self._text(entry.text))
        group = markup.find(self.data, self.prefix + b"commentList")
        if group is None:
            raise ToolInputError("The notes of this sheet have no list.", code="broken")
        later = next((e for e in self._elements() if _order(self._entry(e).at) > _order(entry.at)), None)
        if later is not None:
            self.data = self.data[: later.start] + made + self.data[later.start :]
        else:
            self.data = markup.insert_into(self.data, group, self.prefix + b"commentList", made)
        self._save()
        Boxes(self._workbook, self._sheet).add(entry.at, entry.text)

    def _text(self, text: str) -> bytes:
        written = markup.escape(markup.encode_xstring(text)).encode()
        space = {"xml:space": "preserve"} if text != text.strip() or "\n" in text else None
        return element(self.prefix, "text", None, element(self.prefix, "t", space, written))

    def _revision(self) -> str:
        """Return the prefix of `xr:uid`, declared and marked as ignorable (part 3, 7.2)."""
        self.data, short = elements.declared(self.data, _REVISION, "xr")
        self.data, compatible = elements.declared(self.data, _COMPATIBILITY, "mc")
        root = elements.root_of(self.data)
        tag = self.data[root.start : root.inner]
        ignored = (markup.attribute(tag, compatible + b"Ignorable") or "").split()
        if short[:-1].decode() not in ignored:
            words = " ".join([*ignored, short[:-1].decode()])
            self.data = markup.replace_tag(
                self.data, root, markup.with_attribute(tag, compatible + b"Ignorable", words)
            )
        return short.decode()

    def _create(self) -> None:
        package = self._package
        self.part = package.unused_name("xl/comments{}.xml")
        main = STRICT_MAIN if package.strict else MAIN
        self.data = _DECLARATION + f'<comments xmlns="{main}"><authors/><commentList/></comments>'.encode()
        package.add(self.part, self.data, f"{_SPREADSHEET}.comments+xml")
        package.relate(self._sheet.part, "comments", self.part)

    def set_text(self, at: At, text: str) -> None:
        """Exchange the text of a note."""
        for found in self._elements():
            if self._entry(found).at == at:
                inner = markup.find(self.data, self.prefix + b"text", found.inner, found.close)
                if inner is not None:
                    self.data = self.data[: inner.start] + self._text(text) + self.data[inner.end :]
        self._save()

    def remove(self, at: At) -> None:
        """Remove a note with its box, and the parts that are empty then."""
        for found in reversed(self._elements()):
            if self._entry(found).at == at:
                self.data = self.data[: found.start] + self.data[found.end :]
        Boxes(self._workbook, self._sheet).remove(at)
        if self._elements():
            self._save()
        else:
            self._package.unrelate(self._sheet.part, self.part)
            self._package.remove(self.part)

    def move(self, moves: Mapping[At, At], gone: set[At]) -> None:
        """Move notes with their cells; those of cells that are gone go."""
        for found in reversed(self._elements()):
            at = self._entry(found).at
            if at in moves and moves[at] != at:
                tag = self.data[found.start : found.inner]
                made = markup.with_attribute(tag, b"ref", address(*moves[at]))
                self.data = markup.replace_tag(self.data, found, made)
        self._save()
        Boxes(self._workbook, self._sheet).move(moves)
        for at in [e.at for e in self.entries() if e.at in gone and e.at not in set(moves.values())]:
            self.remove(at)

    def _save(self) -> None:
        self._package.write(self.part, self.data)


def _order(at: At) -> tuple[int, int]:
    return at


class Boxes:
    """The drawing (VML, part 4, 19) that shows a sheet's notes; it may hold form controls as well, which stay."""

    def __init__(self, workbook: Workbook, sheet: Sheet) -> None:
        self._workbook, self._sheet = workbook, sheet
        self._package = workbook.package
        named = self._legacy_drawing()
        parts = [r.target for r in self._package.relationships(sheet.part) if r.id == named]
        self.part = next((p for p in parts if self._package.has(p)), "")
        self.data = self._package.read(self.part) if self.part else b""

    def _legacy_drawing(self) -> str:
        data = markup.plain(self._package.read(self._sheet.part), self._sheet.part)
        found = elements.get(data, markup.prefix_of(data), b"legacyDrawing")
        match = re.search(rb"""\s[\w.-]+:id\s*=\s*["']([^"']*)""", data[found.start : found.inner]) if found else None
        return match[1].decode() if match else ""

    def add(self, at: At, text: str) -> None:
        """Add a box beside a cell, large enough for the text."""
        if not self.part:
            self._create()
        if b"_x0000_t202" not in self.data:
            self._insert(_SHAPE_TYPE)
        ids = [int(n) for n in _SHAPE_ID.findall(self.data)]
        self._insert(_box(max(ids, default=self._block() * 1024) + 1, at, text))
        self._package.write(self.part, self.data)

    def _insert(self, made: bytes) -> None:
        end = self.data.rfind(b"</xml>")
        if end < 0:
            raise ToolInputError(
                "The drawing of the sheet's notes can't be read.", hint="Add it in Excel.", code="broken"
            )
        self.data = self.data[:end] + made + self.data[end:]

    def _block(self) -> int:
        found = re.search(rb"""idmap[^>]*\bdata\s*=\s*["'](\d+)""", self.data)
        return int(found[1]) if found else 1

    def _create(self) -> None:
        """Make an empty drawing; its shapes are numbered in a block of 1,024 of its own (part 4, 19.2.2.14)."""
        package = self._package
        taken = [0]
        for name in package.names():
            if name.casefold().endswith(".vml"):
                taken += [int(n) for n in re.findall(rb"""idmap[^>]*\bdata\s*=\s*["'](\d+)""", package.read(name))]
        self.part = package.unused_name("xl/drawings/vmlDrawing{}.vml")
        self.data = _VML_START.replace(b"{}", str(max(taken) + 1).encode())
        package.add(self.part, self.data, _VML)
        relation = package.relate(self._sheet.part, "vmlDrawing", self.part)
        data = markup.plain(package.read(self._sheet.part), self._sheet.part)
        names = STRICT if package.strict else TRANSITIONAL
        data, short = elements.declared(data, names.relationships, "r")
        prefix = markup.prefix_of(data)
        made = b"<" + prefix + b"legacyDrawing " + short + b'id="' + relation.encode() + b'"/>'
        package.write(self._sheet.part, elements.put(data, prefix, b"legacyDrawing", made))

    def _notes(self) -> Iterator[tuple[re.Match[bytes], At]]:
        for match in _SHAPE.finditer(self.data):
            row, column = _ROW.search(match[0]), _COLUMN.search(match[0])
            if row and column and b'"Note"' in match[0]:
                yield match, (int(row[2]) + 1, int(column[2]) + 1)

    def remove(self, at: At) -> None:
        """Remove the box of a cell; a drawing without shapes goes."""
        for match, own in reversed(list(self._notes())):
            if own == at:
                self.data = self.data[: match.start()] + self.data[match.end() :]
        if not self.part:
            return
        if _SHAPE.search(self.data) or b"<v:" in self.data.replace(b"<v:shapetype", b"").replace(
            b"<v:stroke", b""
        ).replace(b"<v:path", b""):
            self._package.write(self.part, self.data)
            return
        package = self._package
        data = markup.plain(package.read(self._sheet.part), self._sheet.part)
        package.write(self._sheet.part, elements.drop(data, markup.prefix_of(data), b"legacyDrawing"))
        package.unrelate(self._sheet.part, self.part)
        package.remove(self.part)

    def move(self, moves: Mapping[At, At]) -> None:
        """Move boxes with their cells."""
        if not self.part:
            return
        for match, at in reversed(list(self._notes())):
            to = moves.get(at, at)
            if to != at:
                made = _ROW.sub(lambda m, to=to: m[1] + str(to[0] - 1).encode(), match[0])  # type: ignore[misc]
                made = _COLUMN.sub(lambda m, to=to: m[1] + str(to[1] - 1).encode(), made)  # type: ignore[misc]
                rows, columns = to[0] - at[0], to[1] - at[1]
                made = _ANCHOR.sub(lambda m, r=rows, c=columns: m[1] + _anchored(m[2], r, c), made)  # type: ignore[misc]
                self.data = self.data[: match.start()] + made + self.data[match.end() :]
        self._package.write(self.part, self.data)


def _anchored(anchor: bytes, rows: int, columns: int) -> bytes:
    numbers = [int(n) for n in re.findall(rb"-?\d+", anchor)]
    if len(numbers) != 8:
        return anchor
    for index, step in ((0, columns), (4, columns), (2, rows), (6, rows)):
        numbers[index] = max(numbers[index] + step, 0)
    return b", ".join(str(n).encode() for n in numbers)


def _box(number: int, at: At, text: str) -> bytes:
    """Return the shape of a note: two to five columns wide, as many rows of 20 pixels high as its text needs."""
    wide = 2 if len(text) < 150 else 3 if len(text) < 500 else 5
    letters = wide * 8
    lines = sum(max(1, -(-len(line) // letters)) for line in text.split("\n"))
    high = min(max(4, -(-(lines + 1) * 15 // 20)), 40)
    row, column = at[0] - 1, at[1] - 1
    left = column + 1 if column + 2 + wide < MAX_COLUMN else column - wide - 1
    top = max(row - 1, 0)
    anchor = f"{left}, 15, {top}, 10, {left + wide}, 15, {top + high}, 4"
    return (
        f'<v:shape id="_x0000_s{number}" type="#_x0000_t202" '
        f"style='position:absolute;margin-left:60pt;margin-top:1.5pt;width:{wide * 48}pt;height:{high * 15}pt;"
        f'z-index:{number % 1024};visibility:hidden\' fillcolor="#ffffe1" o:insetmode="auto">'
        '<v:fill color2="#ffffe1"/><v:shadow on="t" color="black" obscured="t"/><v:path o:connecttype="none"/>'
        "<v:textbox style='mso-direction-alt:auto'><div style='text-align:left'></div></v:textbox>"
        f'<x:ClientData ObjectType="Note"><x:MoveWithCells/><x:SizeWithCells/><x:Anchor>{anchor}</x:Anchor>'
        f"<x:AutoFill>False</x:AutoFill><x:Row>{row}</x:Row><x:Column>{column}</x:Column></x:ClientData></v:shape>"
    ).encode()


_SHAPE_TYPE = (
    b'<v:shapetype id="_x0000_t202" coordsize="21600,21600" o:spt="202" path="m,l,21600r21600,l21600,xe">'
    b'<v:stroke joinstyle="miter"/><v:path gradientshapeok="t" o:connecttype="rect"/></v:shapetype>'
)
_VML_START = (
    b'<xml xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office" '
    b'xmlns:x="urn:schemas-microsoft-com:office:excel"><o:shapelayout v:ext="edit">'
    b'<o:idmap v:ext="edit" data="{}"/></o:shapelayout></xml>'
)


class Threads:
    """The threaded comments of a sheet ([MS-XLSX] 2.6.205) and the workbook's people."""

    def __init__(self, workbook: Workbook, sheet: Sheet) -> None:
        self._workbook, self._sheet = workbook, sheet
        self._package = package = workbook.package
        self.part = next((p for p in package.related(sheet.part, "threadedComment") if package.has(p)), "")
        self.data = markup.plain(package.read(self.part), self.part) if self.part else b""
        self.prefix = markup.prefix_of(self.data) if self.part else b""

    def _elements(self) -> list[markup.Element]:
        return list(markup.find_all(self.data, self.prefix + b"threadedComment")) if self.part else []

    def _people(self) -> dict[str, str]:
        package = self._package
        parts = [p for p in package.related(package.main, "person") if package.has(p)]
        found = (e for p in parts for e in package.xml(p).iter("{*}person"))
        return {e.get("id", ""): e.get("displayName", "") for e in found}

    def entries(self) -> list[Entry]:
        """Return the comments and their replies in the order of the file."""
        people = self._people()
        return [self._entry(e, people) for e in self._elements()]

    def _entry(self, found: markup.Element, people: Mapping[str, str]) -> Entry:
        tag = self.data[found.start : found.inner]
        given = {
            name: markup.attribute(tag, name.encode()) or "" for name in ("ref", "id", "parentId", "personId", "dT")
        }
        inner = markup.find(self.data, self.prefix + b"text", found.inner, found.close)
        text = markup.unescape(self.data[inner.inner : inner.close].decode()) if inner else ""
        done = markup.attribute(tag, b"done") in ("1", "true")
        author = people.get(given["personId"], "")
        at = parse_cell(given["ref"] or "A1")
        return Entry(at, author, markup.decode_xstring(text), given["id"], given["parentId"], given["dT"], done)

    def add(self, entry: Entry) -> None:
        """Add a comment or a reply, which goes behind the last one of its cell."""
        if not self.part:
            self._create()
        attributes = {
            "ref": address(*entry.at),
            "dT": entry.date or None,
            "personId": self._person(entry.author),
            "id": entry.id,
            "parentId": entry.parent or None,
        }
        text = element(self.prefix, "text", None, markup.escape(markup.encode_xstring(entry.text)).encode())
        made = element(self.prefix, "threadedComment", attributes, text)
        same = [e for e in self._elements() if self._entry(e, {}).at == entry.at]
        if same:
            self.data = self.data[: same[-1].end] + made + self.data[same[-1].end :]
        else:
            root = elements.root_of(self.data)
            name = self.prefix + b"ThreadedComments"
            self.data = markup.insert_into(self.data, root, name, made)
        self._package.write(self.part, self.data)

    def _create(self) -> None:
        package = self._package
        self.part = package.unused_name("xl/threadedComments/threadedComment{}.xml")
        self.data = _DECLARATION + f'<ThreadedComments xmlns="{THREADS}"/>'.encode()
        package.add(self.part, self.data, "application/vnd.ms-excel.threadedcomments+xml")
        package.relate(self._sheet.part, f"{_OFFICE_2017}/threadedComment", self.part)

    def _person(self, name: str) -> str:
        """Return the id of a person of that name, who is added to the workbook's people if there is none."""
        for known, shown in self._people().items():
            if shown == name:
                return known
        package = self._package
        parts = [p for p in package.related(package.main, "person") if package.has(p)]
        part = parts[0] if parts else package.unused_name("xl/persons/person{}.xml")
        if not parts:
            data = _DECLARATION + f'<personList xmlns="{THREADS}"/>'.encode()
            package.add(part, data, "application/vnd.ms-excel.person+xml")
            package.relate(package.main, f"{_OFFICE_2017}/person", part)
        data = markup.plain(package.read(part), part)
        prefix = markup.prefix_of(data)
        made_id = identity("person", name)
        given = {"displayName": name, "id": made_id, "userId": name, "providerId": "None"}
        made = element(prefix, "person", {**given})
        package.write(part, markup.insert_into(data, elements.root_of(data), prefix + b"personList", made))
        return made_id

    def set_done(self, at: At, *, done: bool) -> None:
        """Mark the thread of a cell as resolved, or as open again."""
        for found in self._elements():
            if self._entry(found, {}).at == at and not self._entry(found, {}).parent:
                tag = markup.with_attribute(self.data[found.start : found.inner], b"done", "1" if done else "0")
                self.data = markup.replace_tag(self.data, found, tag)
                break
        self._package.write(self.part, self.data)

    def remove(self, at: At) -> None:
        """Remove the thread of a cell, and the part if it is empty then."""
        for found in reversed(self._elements()):
            if self._entry(found, {}).at == at:
                self.data = self.data[: found.start] + self.data[found.end :]
        if self._elements():
            self._package.write(self.part, self.data)
        elif self.part:
            self._package.unrelate(self._sheet.part, self.part)
            self._package.remove(self.part)

    def move(self, moves: Mapping[At, At], gone: set[At]) -> None:
        """Move threads with their cells; those of cells that are gone go."""
        taken = set(moves.values())
        for at in {e.at for e in self.entries()} & gone - taken:
            self.remove(at)
        for found in reversed(self._elements()):
            at = self._entry(found, {}).at
            if moves.get(at, at) != at:
                tag = markup.with_attribute(self.data[found.start : found.inner], b"ref", address(*moves[at]))
                self.data = markup.replace_tag(self.data, found, tag)
        if self.part and self._package.has(self.part):
            self._package.write(self.part, self.data)


def shadow_text(comments: list[Entry]) -> str:
    """Return what the note of a thread says to programs that don't know threads, as Excel words it."""
    first, *replies = comments
    return _NOTE_SHADOW + first.text + "".join(f"\nReply:\n    {reply.text}" for reply in replies)


def move_comments(workbook: Workbook, sheet: Sheet, moves: Mapping[At, At], gone: set[At]) -> list[str]:
    """Move notes and threads with their cells, drop those of cells that are `gone`; return the edited parts."""
    notes, threads = Notes(workbook, sheet), Threads(workbook, sheet)
    places = {e.at for e in [*notes.entries(), *threads.entries()]}
    if not places & ({at for at, to in moves.items() if at != to} | gone):
        return []
    if threads.part:
        threads.move(moves, gone)
    if notes.part:
        notes.move(moves, gone)
    return [part for part in (notes.part, threads.part) if part and workbook.package.has(part)]
