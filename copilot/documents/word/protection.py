"""What a document's author wants kept from editing (17.15.1.29, 17.15.1.93), and what of it an edit must heed."""

from __future__ import annotations

from collections.abc import Iterable

from copilot.documents.word.document import Document
from copilot.errors import ToolInputError

#: What each kind of protection leaves to everybody: operations by name. Tracked edits are checked elsewhere.
_ALLOWED: dict[str, frozenset[str]] = {
    "readOnly": frozenset(),
    "comments": frozenset({"add_comment", "reply_comment", "resolve_comment", "delete_comment"}),
    "forms": frozenset({"fill_controls", "fill_control", "fill_form"}),
}
_SAID = {
    "readOnly": "against every change",
    "comments": "against everything but comments",
    "forms": "against everything but filling in its form",
}


def refuse_protected(document: Document, operations: Iterable[str]) -> None:
    """Raise ToolInputError "protected" when the document's protection forbids one of these operations.

    Passwords are not asked for: protection is a wish of the author, not encryption.
    """
    kind = document.protection
    allowed = _ALLOWED.get(kind)
    if allowed is None:
        return
    for operation in operations:
        if operation not in allowed:
            hint = "Ask its owner, or pass override_protection: the edit is made then, and the protection stays."
            reason = f"The document is protected {_SAID[kind]}, so {operation} is not allowed."
            raise ToolInputError(reason, hint=hint, code="protected")


def forces_tracking(document: Document) -> bool:
    """Return whether the protection lets changes in only as tracked ones."""
    return document.protection == "trackedChanges"
