"""What deleted text of an old version needs in the new file: its pictures, links, notes, comments, lists and styles."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Callable

from lxml import etree

from copilot.documents.package import Package, Relationship
from copilot.documents.word import order
from copilot.documents.word.ink import LIST, Ink, attributes, is_link, signature, twin_of
from copilot.documents.word.names import Element, child, children, name, namespace, value
from copilot.documents.word.redline_items import NOTES
from copilot.documents.word.resolve import text_parts

#: Elements whose `w:val` names a style (17.3.1.27, 17.3.2.29, 17.4.62).
_STYLED = frozenset({"w:pStyle", "w:rStyle", "w:tblStyle"})
_PAIRS = {"w:bookmarkStart": "b", "w:bookmarkEnd": "b", "w:permStart": "p", "w:permEnd": "p"}
_COMMENTS = frozenset({"w:commentRangeStart", "w:commentRangeEnd", "w:commentReference"})
#: Where content stands that text refers to: the relationship's type and the element, by the reference.
HOMES = {
    "w:footnoteReference": ("footnotes", "w:footnote"),
    "w:endnoteReference": ("endnotes", "w:endnote"),
    "w:commentReference": ("comments", "w:comment"),
}
_DRAWING = re.compile(rb"docPr\s[^<>]*?\bid=[\"'](\d+)[\"']")
_REL = "http://schemas.openxmlformats.org/package/2006/relationships"


def resolver(package: Package, part: str) -> Callable[[str], str]:
    """Return what tells relationships of a part apart by where they lead, whatever their ids are."""
    known = {r.id: r for r in package.relationships(part)}
    done: dict[str, str] = {}
    lists: dict[str, str] = {}

    def resolve(rel_id: str) -> str:
        if rel_id.startswith(LIST):
            return lists.get(rel_id) or lists.setdefault(rel_id, _list_said(package, rel_id.removeprefix(LIST)))
        if rel_id not in done:
            found = known.get(rel_id)
            done[rel_id] = f"?{rel_id}" if found is None else _meaning(package, found)
        return done[rel_id]

    return resolve


def _list_said(package: Package, list_id: str) -> str:
    root = _numbering_root(package)
    return f"{list_id} {hashlib.sha256(_said(root, _list_of(root, list_id)).encode()).hexdigest()[:8]}"


def _meaning(package: Package, relationship: Relationship) -> str:
    if relationship.external or not package.has(relationship.target):
        return f"{relationship.short_type} {relationship.target}"
    if relationship.short_type in ("header", "footer"):
        return relationship.short_type
    return f"{relationship.short_type} {hashlib.sha256(package.read(relationship.target)).hexdigest()}"


def numbered(package: Package, kind: str, element: str) -> tuple[str, dict[str, Element]]:
    """Return the part that holds notes, comments ... of the main part ("" if there is none) and them by id."""
    for part in package.related(package.main, kind):
        if package.has(part):
            return part, {value(each, "id") or "": each for each in children(package.xml(part), element)}
    return "", {}


class Adopter:
    """Copies elements of the old file into the new one, so that whatever they refer to means the same there."""

    def __init__(self, before: Package, after: Package, ink: Ink, warn: Callable[[str], None]) -> None:
        self._before = before
        self._after = after
        self._ink = ink
        self._warn = warn
        self._ids: dict[tuple[str, str], str] = {}
        self._rels: dict[tuple[str, str, str], str] = {}
        self._parts: dict[str, str] = {}
        self._styles: dict[str, None] = {}
        self._drawings: set[str] = set()  # the ids of the new file's drawings, once they were looked for
        self.ranges: list[Element] = []
        self.content: dict[tuple[str, str], str] = {}  # new ids of notes and comments by their reference and old id

    def element(self, old_part: str, new_part: str, element: Element) -> Element:
        """Return a copy of an element of `old_part` for `new_part`."""
        made = twin_of(element)
        for each in made.iter():
            kind = name(each)
            for key, given in attributes(each):
                if is_link(key):
                    each.set(key, self._relationship(old_part, new_part, given))
            if kind in _PAIRS:
                self._renamed(each, (old_part + _PAIRS[kind], value(each, "id") or ""))
            elif kind in _COMMENTS:
                _set_id(each, self.reference("w:commentReference", value(each, "id") or ""))
                self.ranges.append(each)
            elif kind in NOTES:
                _set_id(each, self.reference(kind, value(each, "id") or ""))
            elif kind == "wp:docPr":
                self._drawing(each)
            elif kind == "w:numId":
                self._list(each)
            elif kind in _STYLED:
                self._style(value(each) or "")
        return made

    def _renamed(self, element: Element, key: tuple[str, str]) -> None:
        if key not in self._ids:
            self._ids[key] = self._ink.fresh()
        _set_id(element, self._ids[key])

    def _drawing(self, element: Element) -> None:
        """Give a drawing that the new file holds, too, moved for example, an id of its own (20.4.2.5)."""
        if not self._drawings:
            found = (_DRAWING.findall(self._after.read(part)) for part in text_parts(self._after))
            self._drawings = {""} | {id_.decode() for each in found for id_ in each}
        if element.get("id", "") in self._drawings:
            element.set("id", self._ink.fresh())
        self._drawings.add(element.get("id", ""))

    # Notes and comments

    def reference(self, kind: str, old_id: str) -> str:
        """Return the id that an old note or comment has in the new file; the same where it is free or the same one."""
        key = (kind, old_id)
        if key not in self.content:
            _, old = numbered(self._before, *HOMES[kind])
            _, now = numbered(self._after, *HOMES[kind])
            taken = {**now, **dict.fromkeys(new for (k, _), new in self.content.items() if k == kind)}
            free = old_id not in taken or (old_id in old and old_id in now and _alike(old[old_id], now[old_id]))
            numbers = [int(i) for i in (*taken, *old) if i.lstrip("-").isdigit()]
            self.content[key] = old_id if free else str(max(numbers, default=0) + 1)
        return self.content[key]

    def home(self, kind: str) -> Element | None:
        """Return the root of the new file's part for notes or comments, made after the old file's if it has none."""
        type_, element = HOMES[kind]
        part, _ = numbered(self._after, type_, element)
        if not part:
            source, _ = numbered(self._before, type_, element)
            if not source:
                return None
            part = self._bare(source, type_, element)
        root = self._after.xml(part)
        self._after.touch(part)
        return root

    def _bare(self, source: str, type_: str, element: str) -> str:
        """Add an empty part like `source`, with what is no note of the text: separators (17.11.23)."""
        root = twin_of(self._before.xml(source))
        for each in list(children(root, element)):
            if value(each, "type") in (None, "normal"):
                root.remove(each)
        part = source if not self._after.has(source) else self._after.unused_name(_pattern(source))
        self._after.add(part, etree.tostring(root, encoding="UTF-8"), self._before.content_type(source))
        self._after.relate(self._after.main, type_, part)
        return part

    # Relationships

    def _relationship(self, old_part: str, new_part: str, rel_id: str) -> str:
        key = (old_part, new_part, rel_id)
        if key not in self._rels:
            found = next((r for r in self._before.relationships(old_part) if r.id == rel_id), None)
            self._rels[key] = rel_id if found is None else self._related(new_part, found)
        return self._rels[key]

    def _related(self, new_part: str, wanted: Relationship) -> str:
        meaning = _meaning(self._before, wanted)
        same = [r.id for r in self._after.relationships(new_part) if _meaning(self._after, r) == meaning]
        if same:
            return wanted.id if wanted.id in same else same[0]
        target = wanted.target
        if not wanted.external and self._before.has(target):
            target = self._carried(target)
        return self._after.relate(new_part, wanted.type, target, external=wanted.external)

    def _carried(self, part: str) -> str:
        """Return the name in the new file of an old part, copied with the parts that it refers to."""
        if part in self._parts:
            return self._parts[part]
        data = self._before.read(part)
        taken = self._after.has(part)
        target = part if not taken or self._after.read(part) == data else self._after.unused_name(_pattern(part))
        self._parts[part] = target
        if not (taken and target == part):
            self._after.add(target, data, self._before.content_type(part))
            self._carry_relationships(part, target)
        return target

    def _carry_relationships(self, part: str, target: str) -> None:
        relationships = self._before.relationships(part)
        if not relationships:
            return
        root = etree.Element(f"{{{_REL}}}Relationships", nsmap={None: _REL})  # type: ignore[dict-item]
        for each in relationships:
            inner = not each.external and self._before.has(each.target)
            written = each.target
            if inner:
                written = posixpath.relpath(f"/{self._carried(each.target)}", f"/{posixpath.dirname(target)}")
            given = {"Id": each.id, "Type": each.type, "Target": written}
            etree.SubElement(
                root, f"{{{_REL}}}Relationship", {**given, **({} if inner else {"TargetMode": "External"})}
            )
        folder, file = posixpath.split(target)
        self._after.write(posixpath.join(folder, "_rels", f"{file}.rels"), etree.tostring(root, encoding="UTF-8"))

    # Lists and styles

    def _list(self, element: Element) -> None:
        old_id = value(element) or ""
        key = ("numId", old_id)
        if key not in self._ids:
            self._ids[key] = self._numbering(old_id)
        element.set(f"{{{namespace(element)}}}val", self._ids[key])

    def _numbering(self, old_id: str) -> str:
        """Return the id of a list that is the same in the new file; it is added when there is none."""
        old, now = _numbering_root(self._before), _numbering_root(self._after)
        source = _list_of(old, old_id)
        if source is None or old is None or _said(old, source) == _said(now, _list_of(now, old_id)):
            return old_id
        if now is None:
            part = self._before.related(self._before.main, "numbering")[0]
            self._after.add(part, etree.tostring(old, encoding="UTF-8"), self._before.content_type(part))
            self._after.relate(self._after.main, "numbering", part)
            return old_id
        for candidate in children(now, "w:num"):
            if _said(now, candidate) == _said(old, source):
                return value(candidate, "numId") or ""
        return self._added_list(old, now, source)

    def _added_list(self, old: Element, now: Element, source: Element) -> str:
        abstract = _abstract(old, source)
        made = twin_of(source)
        made.set(_w(made, "numId"), number := _next(now, "w:num", "numId"))
        if abstract is not None:
            copied = twin_of(abstract)
            copied.set(_w(copied, "abstractNumId"), fresh := _next(now, "w:abstractNum", "abstractNumId"))
            order.insert(now, copied)
            if (link := child(made, "w:abstractNumId")) is not None:
                link.set(_w(link, "val"), fresh)
        order.insert(now, made)
        self._after.touch(self._after.related(self._after.main, "numbering")[0])
        return number

    def _style(self, style: str) -> None:
        """Add a style that the new file lacks, with those that it is based on; one that differs is told of."""
        if style in self._styles:
            return
        self._styles[style] = None
        old, now = _styles(self._before), _styles(self._after)
        if old is None or now is None or (source := _style_of(old, style)) is None:
            return
        present = _style_of(now, style)
        if present is not None:
            if signature(present, str) != signature(source, str):
                self._warn(f"The style {style!r} differs; deleted text is shown in the new one.")
            return
        order.insert(now, twin_of(source))
        self._after.touch(self._after.related(self._after.main, "styles")[0])
        for each in children(source, "w:basedOn", "w:next", "w:link"):
            self._style(value(each) or "")


def _pattern(part: str) -> str:
    stem, extension = posixpath.splitext(part)
    return f"{stem.rstrip('0123456789')}{{}}{extension}"


def _set_id(element: Element, given: str) -> None:
    element.set(_w(element, "id"), given)


def _w(element: Element, local: str) -> str:
    return f"{{{namespace(element)}}}{local}"


def _alike(a: Element, b: Element) -> bool:
    return signature(a, str) == signature(b, str)


def _root(package: Package, kind: str) -> Element | None:
    return next((package.xml(p) for p in package.related(package.main, kind) if package.has(p)), None)


def _numbering_root(package: Package) -> Element | None:
    return _root(package, "numbering")


def _styles(package: Package) -> Element | None:
    return _root(package, "styles")


def _style_of(root: Element, style: str) -> Element | None:
    return next((each for each in children(root, "w:style") if value(each, "styleId") == style), None)


def _list_of(root: Element | None, list_id: str) -> Element | None:
    return next((each for each in children(root, "w:num") if value(each, "numId") == list_id), None)


def _abstract(root: Element, source: Element) -> Element | None:
    wanted = value(child(source, "w:abstractNumId"))
    return next((e for e in children(root, "w:abstractNum") if value(e, "abstractNumId") == wanted), None)


def _said(root: Element | None, source: Element | None) -> str:
    """Return what a list says: its levels, and what it overrides."""
    if root is None or source is None:
        return ""
    abstract = _abstract(root, source)
    own = [signature(each, str) for each in source if name(each) != "w:abstractNumId"]
    levels = [] if abstract is None else [signature(each, str) for each in abstract]
    return "".join([*own, "|", *levels])


def _next(root: Element, kind: str, attribute: str) -> str:
    numbers = [int(given) for each in children(root, kind) if (given := value(each, attribute) or "").isdigit()]
    return str(max(numbers, default=0) + 1)
