"""What every edited Word file keeps: order of elements, ids that are unique, relationships that lead somewhere."""

from __future__ import annotations

import io

import docx as python_docx
from lxml import etree

from copilot.documents.package import Package
from copilot.documents.word.document import Document
from copilot.documents.word.names import name, value
from copilot.documents.word.order import ranks

from .make import changed_parts, lost, names

_IDS = (
    ("w:bookmarkStart",),
    ("w:comment",),
    ("w:footnote",),
    ("w:endnote",),
    ("w:ins", "w:del", "w:moveFrom", "w:moveTo"),
)


def at(content: bytes, path: str) -> str:
    """The address of the block with this path."""
    document = Document(content)
    return next(document.address(b) for b in document.blocks if b.path == path)


def texts(content: bytes) -> list[str]:
    """The paragraphs of the body."""
    document = Document(content)
    return [document.text(b) for b in document.blocks if b.kind == "paragraph" and b.story.kind == "body"]


def sound(before: bytes, after: bytes, *, strict: bool = False) -> set[str]:
    """Check an edited file part by part; return the parts that changed."""
    package = Package.open(after)
    changed = changed_parts(before, after) & set(package.names())
    for part in changed:
        root = package.xml(part)
        assert _in_order(root) or (part in names(before) and not _in_order(Package.open(before).xml(part))), part
        for kinds in _IDS:
            ids = [value(e, "id") for e in root.iter() if name(e) in kinds]
            assert len(ids) == len(set(ids)), (part, kinds)
        if part.endswith(".rels"):
            source = part.replace("_rels/", "").removesuffix(".rels")
            assert all(r.external or package.has(r.target) for r in package.relationships(source)), part
        elif not part.startswith("["):
            assert package.content_type(part), part
    if not strict:
        assert python_docx.Document(io.BytesIO(after)).paragraphs is not None
    return changed


def added_only(before: bytes, after: bytes) -> None:
    """Check that an edit took no element away but texts that it cut; the comments' root may get a namespace."""
    for part in changed_parts(before, after) & set(names(before)):
        assert {tag.rpartition("}")[2] for tag, _, _ in lost(before, after, part)} <= {"t", "comments"}, part


def _in_order(root: etree._Element) -> bool:
    for element in root.iter():
        order = ranks(name(element)[2:]) if name(element).startswith("w:") else {}
        places = [order[local] for each in element if (local := name(each).partition(":")[2]) in order]
        if places != sorted(places):
            return False
    return True
