"""The properties of a document: core (ECMA-376 part 2, 11), extended (part 1, 22.2) and custom ones (22.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lxml import etree

from copilot.documents.hunks import Hunk
from copilot.documents.package import Package
from copilot.documents.word.build import clean
from copilot.documents.word.document import Document
from copilot.documents.word.editing import Edit, Words, editor
from copilot.documents.word.names import Element
from copilot.documents.word.styles import free_part
from copilot.errors import ToolInputError

_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_CORE = f"{_PACKAGE}/metadata/core-properties"
_DC = "http://purl.org/dc/elements/1.1/"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/"
_STRICT = "http://purl.oclc.org/ooxml/officeDocument/"
_FORMAT_ID = "{D5CDD505-2E9C-101B-9397-08002B2CF9AE}"  # of custom properties (22.3.2.2)
_FIRST_ID = 2  # 0 and 1 are taken ([MS-OLEPS] 2.17)
_NAME_LENGTH = 255

#: Elements of the properties by parameter.
_CORE_ELEMENTS = {
    "title": f"{{{_DC}}}title",
    "subject": f"{{{_DC}}}subject",
    "author": f"{{{_DC}}}creator",
    "keywords": f"{{{_CORE}}}keywords",
    "comments": f"{{{_DC}}}description",
    "category": f"{{{_CORE}}}category",
    "status": f"{{{_CORE}}}contentStatus",
}
_READ = frozenset(
    ["title", "subject", "creator", "keywords", "description", "category", "lastModifiedBy", "created", "modified"]
)
_EXTENDED_ELEMENTS = {"company": "Company", "manager": "Manager"}


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of properties: how it is named, what it is related by, and its root."""

    relation: str
    path: str
    content_type: str
    root: str


def _core() -> _Part:
    root = f'<cp:coreProperties xmlns:cp="{_CORE}" xmlns:dc="{_DC}"/>'
    content_type = "application/vnd.openxmlformats-package.core-properties+xml"
    return _Part(f"{_PACKAGE}/relationships/metadata/core-properties", "docProps/core.xml", content_type, root)


def _extended(space: str) -> _Part:
    uri = f"{space}{'extendedProperties' if space == _STRICT else 'extended-properties'}"
    content_type = "application/vnd.openxmlformats-officedocument.extended-properties+xml"
    return _Part("extended-properties", "docProps/app.xml", content_type, f'<Properties xmlns="{uri}"/>')


def _custom(space: str) -> _Part:
    uri = f"{space}{'customProperties' if space == _STRICT else 'custom-properties'}"
    content_type = "application/vnd.openxmlformats-officedocument.custom-properties+xml"
    root = f'<Properties xmlns="{uri}" xmlns:vt="{space}docPropsVTypes"/>'
    return _Part("custom-properties", "docProps/custom.xml", content_type, root)


def core_properties(package: Package) -> dict[str, str]:
    """Return the document's own properties that are filled (title, creator, keywords ...), custom ones by name."""
    found: dict[str, str] = {}
    for kind in ("core-properties", "custom-properties"):
        for part in package.related("", kind):
            for each in package.xml(part) if package.has(part) else ():
                key = each.tag.rpartition("}")[2] if isinstance(each.tag, str) else ""
                key = f"custom {each.get('name')}" if kind == "custom-properties" and key == "property" else key
                words = "".join(map(str, each.itertext())).strip()
                if words and (key in _READ or key.startswith("custom ")):
                    found[key] = words
    return found


@editor
def set_properties(
    document: Document,
    *,
    title: Words | None = None,
    author: Words | None = None,
    subject: Words | None = None,
    keywords: Words | None = None,
    comments: Words | None = None,
    category: Words | None = None,
    status: Words | None = None,
    company: Words | None = None,
    manager: Words | None = None,
    custom: dict[str, bool | int | float | str | None] | None = None,
) -> Edit:
    """Set the document's properties; "" empties one, what is not given stays. `custom` ones by name, null deletes.

    Fields that show them are brought up to date by update_fields. Raises ToolInputError "unchanged".
    """
    given = {
        "title": title, "author": author, "subject": subject, "keywords": keywords, "comments": comments,
        "category": category, "status": status, "company": company, "manager": manager,
    }  # fmt: skip
    wanted = {key: clean(words, key) for key, words in given.items() if words is not None}
    if not wanted and not custom:
        raise ToolInputError('No property is given, such as title="Report".', code="arguments")
    package = document.package
    space = _STRICT if package.strict else _OFFICE
    hunks = []
    for key, words in wanted.items():
        core = key in _CORE_ELEMENTS
        part = _core() if core else _extended(space)
        if (hunk := _set(package, part, key, words, core=core)) is not None:
            hunks.append(hunk)
    hunks += _set_custom(package, _custom(space), custom or {})
    if not hunks:
        raise ToolInputError("The properties are so already: nothing would change.", code="unchanged")
    return Edit.of(hunks)


def _found(package: Package, part: _Part) -> str:
    short = part.relation.rpartition("/")[2]
    return next((each for each in package.related("", short) if package.has(each)), "")


def _made(package: Package, part: _Part) -> str:
    if found := _found(package, part):
        return found
    path = free_part(package, part.path)
    package.add(path, part.root.encode(), part.content_type)
    package.relate("", part.relation, path)
    return path


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2] if isinstance(element.tag, str) else ""


def _set(package: Package, part: _Part, key: str, words: str, *, core: bool) -> Hunk | None:
    wanted = _CORE_ELEMENTS[key] if core else _EXTENDED_ELEMENTS[key]
    found = _found(package, part)
    root = package.xml(found) if found else None
    there = [e for e in root if e.tag == wanted or (not core and _local(e) == wanted)] if root is not None else []
    before = "".join(map(str, there[0].itertext())) if there else ""
    if before == words:
        return None
    path = _made(package, part)
    root = package.xml(path)
    tag = wanted if core else f"{str(root.tag).rpartition('}')[0]}}}{wanted}"
    element = there[0] if there else etree.SubElement(root, tag)
    for each in list(element):
        element.remove(each)
    element.text = words
    package.touch(path)
    return Hunk(f"property {key}", before, words)


def _set_custom(package: Package, part: _Part, given: Mapping[str, bool | int | float | str | None]) -> list[Hunk]:
    hunks = []
    for name, setting in given.items():
        name = " ".join(clean(name, "custom").split())
        if not name or len(name) > _NAME_LENGTH:
            raise ToolInputError(f"{name!r} can't be the name of a property.", code="name")
        found = _found(package, part)
        there = [e for e in package.xml(found) if (e.get("name") or "").casefold() == name.casefold()] if found else []
        before = "".join(map(str, there[0].itertext())) if there else ""
        kind, words = _typed(setting)
        same = there and len(there[0]) and _local(there[0][0]) == kind
        if (setting is None and not there) or (same and before == words):
            continue
        path = _made(package, part)
        _write(package.xml(path), there, name, kind, words)
        package.touch(path)
        hunks.append(Hunk(f"property {name}", before, words))
    return hunks


def _write(root: Element, there: list[Element], name: str, kind: str, words: str) -> None:
    """Write one custom property; without a kind it goes."""
    if not kind:
        root.remove(there[0])
        return
    space = str(root.tag).rpartition("}")[0]
    if there:
        element = there[0]
        for each in list(element):
            element.remove(each)
    else:
        ids = [int(v) for e in root if (v := e.get("pid") or "").isdigit()]
        number = str(max([_FIRST_ID - 1, *ids]) + 1)
        element = etree.SubElement(root, f"{space}}}property", {"fmtid": _FORMAT_ID, "pid": number, "name": name})
    values = re.sub(r"(custom-p|customP)roperties\Z", "docPropsVTypes", space[1:])
    etree.SubElement(element, f"{{{values}}}{kind}", nsmap={"vt": values}).text = words


def _typed(setting: bool | int | float | str | None) -> tuple[str, str]:
    """Return the variant type of a value (22.4) and how it is written."""
    if setting is None:
        return "", ""
    if isinstance(setting, bool):
        return "bool", "true" if setting else "false"
    if isinstance(setting, int):
        return ("i4" if -(2**31) <= setting < 2**31 else "r8"), str(setting)
    if isinstance(setting, float):
        return "r8", repr(setting)
    return "lpwstr", clean(setting, "custom")


#: The operations of this module.
OPERATIONS = (set_properties,)
