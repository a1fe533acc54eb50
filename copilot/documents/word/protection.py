"""What a document's author wants kept from editing (17.15.1.29, 17.15.1.93), and what of it an edit must heed."""

from __future__ import annotations

from collections.abc import Iterable

from lxml import etree

from copilot.documents.package import Package
from copilot.documents.word.document import Document
from copilot.documents.word.names import Element, every, name, value
from copilot.errors import ToolInputError

#: What each kind of protection leaves to everybody: operations by name. Tracked edits are checked elsewhere.
_ALLOWED: dict[str, frozenset[str]] = {
    "readOnly": frozenset(),
    "comments": frozenset({"add_comment", "reply_comment", "resolve_comment", "edit_comment", "delete_comment"}),
    "forms": frozenset({"fill_controls"}),
}
_SAID = {
    "readOnly": "against every change",
    "comments": "against everything but comments",
    "forms": "against everything but filling in its form",
}

#: Operations that are not tracked themselves: they settle what is.
SETTLING = frozenset({"accept", "reject", "track"})
_HINT = "Ask its owner, or pass override_protection: the edit is made then, and the protection stays."
#: Local name of the start of a permitted range.
_START = "permStart"
#: Relationships of the parts that hold text.
_STORIES = frozenset({"document", "header", "footer", "footnotes", "endnotes", "comments"})


def refuse_protected(document: Document, operations: Iterable[str]) -> bool:
    """Raise ToolInputError "protected" when the document's protection forbids one of these operations.

    Returns whether they are allowed in its permitted ranges only (17.13.7): then ask `refuse_outside` when they are
    done. Passwords are not asked for: protection is a wish of the author, not encryption.
    """
    kind = document.protection
    allowed = _ALLOWED.get(kind)
    forbidden = [each for each in operations if allowed is not None and each not in allowed]
    if not forbidden:
        return False
    if kind != "forms" and any(_opens(each) for story in document.stories for each in every(story.container, _START)):
        return True
    reason = f"The document is protected {_SAID[kind]}, so {forbidden[0]} is not allowed."
    raise ToolInputError(reason, hint=_HINT, code="protected")


def refuse_outside(before: Package, after: Package) -> None:
    """Raise ToolInputError "protected" when text outside of the ranges that everybody may edit has changed."""
    for kind, part in {(r.short_type, r.target) for p in (before, after) for r in p.relationships(p.main)} | {
        ("document", before.main)
    }:
        if kind not in _STORIES or not before.has(part) or (after.has(part) and before.read(part) == after.read(part)):
            continue
        if not after.has(part) or _closed(before.xml(part)) != _closed(after.xml(part)):
            where = "" if kind == "document" else f" in the {kind}"
            reason = f"The document may be edited in its permitted ranges only; this changes other text{where}."
            raise ToolInputError(reason, hint=_HINT, code="protected")


def _opens(start: Element) -> bool:
    """Return whether a range is open to everybody, and not to some columns of a table only (17.13.7.2)."""
    return value(start, "edGrp") == "everyone" and value(start, "colFirst") is None


def _closed(root: Element) -> list[object]:
    """Return what a part says outside of its permitted ranges, tag by tag."""
    said: list[object] = []
    open_: set[str | None] = set()
    for event, each in etree.iterwalk(root, events=("start", "end")):
        kind = name(each)
        if event == "start" and kind == "w:permStart" and _opens(each):
            open_.add(value(each, "id"))
        elif event == "start" and kind == "w:permEnd":
            open_.discard(value(each, "id"))
        if not open_:
            said += [each.tag, sorted(each.attrib.items()), each.text] if event == "start" else [each.tag, each.tail]
    return said


def forces_tracking(document: Document) -> bool:
    """Return whether the protection lets changes in only as tracked ones."""
    return document.protection == "trackedChanges"


def refuse_untracked(document: Document, operation: str) -> None:
    """Raise ToolInputError "protected" when the protection wants an operation tracked that is made directly."""
    if forces_tracking(document) and operation not in SETTLING:
        reason = f"The document is protected against all but tracked changes, so {operation} is not allowed."
        raise ToolInputError(reason, hint="Make it with `edit`, which tracks it.", code="protected")
