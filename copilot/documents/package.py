"""An Office file as its parts (Open Packaging Conventions, ECMA-376 part 2), saved losslessly.

A part that was not touched keeps its compressed bytes; a touched one keeps its declaration, its namespaces
and every element that the edit did not change.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, cast
from urllib.parse import unquote

from lxml import etree

from copilot.documents import xml
from copilot.documents.archive import Archive
from copilot.documents.limits import DEFAULT, Limits
from copilot.errors import DocumentError

PackageKind = Literal["word", "excel", "powerpoint"]

_CONTENT_TYPES = "[Content_Types].xml"
_CT = "{http://schemas.openxmlformats.org/package/2006/content-types}"
_REL = "{http://schemas.openxmlformats.org/package/2006/relationships}"
_MC = "http://schemas.openxmlformats.org/markup-compatibility/2006"
_IGNORABLE = f"{{{_MC}}}Ignorable"
_OLE = bytes.fromhex("D0CF11E0A1B11AE1")
_KINDS: tuple[tuple[str, PackageKind], ...] = (
    ("wordprocessingml", "word"),
    ("ms-word", "word"),
    ("spreadsheetml", "excel"),
    ("ms-excel", "excel"),
    ("presentationml", "powerpoint"),
    ("ms-powerpoint", "powerpoint"),
)
_RELATIONSHIPS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_STRICT_RELATIONSHIPS = "http://purl.oclc.org/ooxml/officeDocument/relationships"
#: Most files declare it for the extension "rels"; in one that names each such part, a new one needs its own.
_RELATIONSHIPS_TYPE = "application/vnd.openxmlformats-package.relationships+xml"


@dataclass(frozen=True, slots=True)
class Relationship:
    """One relationship of a part. `target` is a part name, or an address when `external`; `type` the full URI."""

    id: str
    type: str
    target: str
    external: bool = False

    @property
    def short_type(self) -> str:
        """The last segment of the type: the same for strict and transitional files."""
        return self.type.rsplit("/", 1)[-1]


class Package:
    """The parts of a Word, Excel or PowerPoint file. Part names have no leading slash ("word/document.xml")."""

    def __init__(self, archive: Archive, limits: Limits = DEFAULT) -> None:
        self._archive = archive
        self._limits = limits
        self._trees: dict[str, etree._Element] = {}
        self._touched: set[str] = set()
        self._related: dict[str, list[Relationship]] = {}

    @classmethod
    def open(cls, content: bytes, limits: Limits = DEFAULT) -> Package:
        """Return the package in `content`.

        Raises DocumentError with the code empty, legacy, encrypted, broken, unsafe, too_large or unsupported.
        """
        _refuse_others(content, limits)
        package = cls(Archive(content, limits), limits)
        if not package.has(_CONTENT_TYPES):
            raise DocumentError("The file is a zip archive, but no Office document.", code="unsupported")
        package.kind  # noqa: B018 - raises when the main part is missing or of a kind that is not ours
        return package

    @property
    def kind(self) -> PackageKind:
        """Which application the file belongs to, by the content type of its main part."""
        content_type = self.content_type(self.main)
        if "binary" in content_type:
            hint = "Save it as .xlsx."
            raise DocumentError("It is a binary workbook (.xlsb), which can't be read.", hint=hint, code="unsupported")
        for word, kind in _KINDS:
            if word in content_type:
                return kind
        raise DocumentError(
            f"This is an Office file of a kind that is not supported ({content_type}).", code="unsupported"
        )

    @property
    def main(self) -> str:
        """The name of the main part, found through the package's relationships."""
        for name in self.related("", "officeDocument"):
            if self.has(name):
                return name
        raise DocumentError("The file has no main part: it is damaged, or no Office document.", code="broken")

    @property
    def macros(self) -> bool:
        """Whether the file carries a VBA project."""
        return any(name.casefold().endswith("vbaproject.bin") for name in self.names())

    @property
    def signed(self) -> bool:
        """Whether the file is digitally signed; any edit breaks the signature."""
        return any(name.startswith("_xmlsignatures/") for name in self.names())

    @property
    def strict(self) -> bool:
        """Whether the file uses the namespaces of ISO/IEC 29500 Strict."""
        return any(r.type.startswith(_STRICT_RELATIONSHIPS) for r in self.relationships(""))

    def verify(self) -> None:
        """Inflate every entry once; raises DocumentError for the first that is damaged or larger than it says."""
        self._archive.verify()

    def names(self) -> list[str]:
        """Return the names of all parts in the order of the file."""
        return self._archive.names()

    def has(self, name: str) -> bool:
        """Return whether there is such a part."""
        return self._archive.find(name) is not None

    def size(self, name: str) -> int:
        """Return the inflated size of a part in bytes."""
        return self._archive.size(self._found(name))

    def read(self, name: str) -> bytes:
        """Return a part's bytes, pending changes included; raises DocumentError when it is missing or damaged."""
        found = self._found(name)
        if found in self._touched:
            return xml.serialise(self._trees[found], self._archive.read(found))
        return self._archive.read(found)

    def stream(self, name: str) -> Iterator[bytes]:
        """Yield a part's bytes in pieces, for parts that are too big to hold twice."""
        found = self._found(name)
        return iter([self.read(found)]) if found in self._touched else self._archive.chunks(found)

    def xml(self, name: str) -> etree._Element:
        """Return the root element of an XML part; the same one each time. Call `touch` after changing it."""
        found = self._found(name)
        if found not in self._trees:
            if self._archive.size(found) > self._limits.dom:
                raise DocumentError(f"The part {name!r} is too large for this.", code="too_large")
            self._trees[found] = xml.parse(self._archive.read(found), found)
        return self._trees[found]

    def adopt(self, name: str, root: etree._Element) -> None:
        """Let `root` be what an XML part was parsed to: a copy of it that is ready. `touch` it after changing it."""
        self._trees[self._found(name)] = root
        self._related.clear()

    def touch(self, name: str) -> None:
        """Mark a part that `xml` gave as changed, so that it is written anew."""
        found = self._found(name)
        if found not in self._trees:
            raise KeyError(f"{name} was not parsed, so it can't have been changed")
        self._touched.add(found)
        self._related.clear()

    def declare(self, name: str, spaces: Mapping[str, str]) -> None:
        """Let a part's root declare these namespaces (prefix to URI) and let readers that know none ignore them.

        The elements in it stay the same objects (ECMA-376 part 3, 7.2); a prefix that is taken gets an x behind it.
        """
        root = self.xml(name)
        ignored = (root.get(_IGNORABLE) or "").split()
        known = {prefix: uri for prefix, uri in root.nsmap.items() if prefix}
        missing = [prefix for prefix, uri in spaces.items() if uri not in {known.get(each) for each in ignored}]
        if not missing:
            return
        for prefix in missing:
            free = next((each for each, uri in known.items() if uri == spaces[prefix]), prefix)
            while known.setdefault(free, spaces[prefix]) != spaces[prefix]:
                free += "x"
            ignored.append(free)
        default = {None: root.nsmap[None]} if None in root.nsmap else {}
        grown = root.makeelement(root.tag, nsmap=cast("dict[str, str]", {**default, "mc": _MC, **known}))
        for key, given in root.attrib.items():
            grown.set(key, given)
        grown.set(_IGNORABLE, " ".join(ignored))
        grown.text = root.text
        grown.extend(list(root))
        self._trees[self._found(name)] = grown
        self.touch(name)

    def write(self, name: str, data: bytes | Iterable[bytes]) -> None:
        """Replace a part's bytes (an iterable is deflated as it comes)."""
        found = self._archive.find(name) or name
        self._trees.pop(found, None)
        self._touched.discard(found)
        self._related.clear()
        self._archive.write(found, data)

    def add(self, name: str, data: bytes | Iterable[bytes], content_type: str) -> None:
        """Add a part with its content type; a name that is taken is replaced."""
        self.write(name, data)
        self._set_content_type(name, content_type)

    def remove(self, name: str) -> None:
        """Remove a part, its own relationships and its content type; relationships to it are the caller's."""
        found = self._found(name)
        self._related.clear()
        for each in (found, _rels_name(found)):
            if (there := self._archive.find(each)) is not None:
                self._trees.pop(there, None)
                self._touched.discard(there)
                self._archive.remove(there)
        root = self.xml(_CONTENT_TYPES)
        for override in root.findall(f"{_CT}Override"):
            if override.get("PartName", "").casefold() == f"/{found}".casefold():
                root.remove(override)
                self.touch(_CONTENT_TYPES)

    def content_type(self, name: str) -> str:
        """Return a part's content type, "" when none is declared (OPC 7.2.3)."""
        root = self.xml(_CONTENT_TYPES)
        wanted = f"/{name}".casefold()
        for override in root.iter(f"{_CT}Override"):
            if override.get("PartName", "").casefold() == wanted:
                return override.get("ContentType", "")
        extension = posixpath.splitext(name)[1][1:].casefold()
        for default in root.iter(f"{_CT}Default"):
            if default.get("Extension", "").casefold() == extension:
                return default.get("ContentType", "")
        return ""

    def relationships(self, part: str) -> list[Relationship]:
        """Return the relationships of a part; of the package itself for ""."""
        name = _rels_name(part)
        if name not in self._related:
            self._related[name] = self._read_relationships(part, name) if self.has(name) else []
        return list(self._related[name])

    def _read_relationships(self, part: str, name: str) -> list[Relationship]:
        found = []
        root = self.xml(name)
        if len(root) > self._limits.relationships:
            raise DocumentError(f"The part {name!r} lists {len(root):,} relationships.", code="too_large")
        for element in root.iter(f"{_REL}Relationship"):
            external = element.get("TargetMode") == "External"
            target = element.get("Target", "")
            resolved = target if external else _resolve(part, target)
            found.append(Relationship(element.get("Id", ""), element.get("Type", ""), resolved, external))
        return found

    def related(self, part: str, type_suffix: str) -> list[str]:
        """Return the internal targets of a part's relationships whose type ends in `/type_suffix`."""
        found = self.relationships(part)
        return [r.target for r in found if r.short_type == type_suffix and not r.external]

    def relate(self, part: str, type: str, target: str, *, external: bool = False) -> str:
        """Return the id of a relationship from `part` to the part (or address) `target`, made if it is missing.

        `type` is a full URI, or the last segment of an Office one ("image"), spelled as the file's flavour wants.
        """
        if "/" not in type:
            type = f"{_STRICT_RELATIONSHIPS if self.strict else _RELATIONSHIPS}/{type}"
        present = self.relationships(part)
        for relationship in present:
            if (relationship.type, relationship.target, relationship.external) == (type, target, external):
                return relationship.id
        taken = {r.id for r in present}
        new_id = next(i for n in range(1, len(taken) + 2) if (i := f"rId{n}") not in taken)
        name = _rels_name(part)
        if not self.has(name):
            self.add(name, f'<Relationships xmlns="{_REL[1:-1]}"/>'.encode(), _RELATIONSHIPS_TYPE)
        written = target if external else posixpath.relpath(f"/{target}", f"/{posixpath.dirname(part)}")
        attributes = {"Id": new_id, "Type": type, "Target": written, **({"TargetMode": "External"} if external else {})}
        etree.SubElement(self.xml(name), f"{_REL}Relationship", attributes)
        self.touch(name)
        return new_id

    def unrelate(self, part: str, target: str) -> None:
        """Remove the relationships of `part` that lead to `target`."""
        gone = {r.id for r in self.relationships(part) if r.target == target}
        root = self.xml(_rels_name(part)) if gone else None
        for element in list(root) if root is not None else []:
            if element.get("Id") in gone and root is not None:
                root.remove(element)
        if gone:
            self.touch(_rels_name(part))

    def unused_name(self, pattern: str) -> str:
        """Return the first free part name of a pattern with one {} for a number ("xl/charts/chart{}.xml")."""
        taken = {name.casefold() for name in self.names()}
        return next(name for n in range(1, len(taken) + 2) if (name := pattern.format(n)).casefold() not in taken)

    def settle(self) -> None:
        """Let what was changed so far be how the parts are: reading them gives it without writing it out each time."""
        for name in sorted(self._touched):
            self._archive.write(name, xml.serialise(self._trees[name], self._archive.read(name)))
        self._touched.clear()

    def save(self) -> bytes:
        """Return the file: the same bytes for the same edits; the very bytes that were opened when nothing changed."""
        self.settle()
        return self._archive.save()

    def _found(self, name: str) -> str:
        found = self._archive.find(name)
        if found is None:
            raise DocumentError(f"The file has no part {name!r}: it is damaged.", code="broken")
        return found

    def _set_content_type(self, name: str, content_type: str) -> None:
        if self.content_type(name) == content_type:
            return
        root = self.xml(_CONTENT_TYPES)
        for override in root.findall(f"{_CT}Override"):
            if override.get("PartName", "").casefold() == f"/{name}".casefold():
                root.remove(override)
        etree.SubElement(root, f"{_CT}Override", {"PartName": f"/{name}", "ContentType": content_type})
        self.touch(_CONTENT_TYPES)


def _refuse_others(content: bytes, limits: Limits) -> None:
    if not content:
        raise DocumentError("The file is empty (0 bytes).", hint="Get it again from where it came.", code="empty")
    if len(content) > limits.file:
        raise DocumentError(f"The file is larger than {limits.file // 2**20:,} MiB.", code="too_large")
    if content.startswith(_OLE):
        if "EncryptedPackage".encode("utf-16-le") in content:
            hint = "Open it in Office, remove the password and save it."
            raise DocumentError("The file is protected with a password.", hint=hint, code="encrypted")
        hint = "Open it in Office and save it as .docx, .xlsx or .pptx."
        raise DocumentError("The file is in the old binary Office format.", hint=hint, code="legacy")
    if not re.match(rb"PK[\x03\x05]", content[:4]) and b"PK\x05\x06" not in content[-66_000:]:
        raise DocumentError("The file is no Office document: it does not start like one.", code="broken")


def _rels_name(part: str) -> str:
    folder, name = posixpath.split(part)
    return posixpath.join(folder, "_rels", f"{name}.rels")


def _resolve(part: str, target: str) -> str:
    """Return the part name that a relationship target means (relative to its source part, OPC 6.5.3)."""
    path = target.split("#", 1)[0].replace("\\", "/")
    whole = path if path.startswith("/") else posixpath.join("/", posixpath.dirname(part), path)
    return posixpath.normpath(unquote(whole)).lstrip("/")
