"""Why a file can't be used, told so that a person knows which file, what it is, and what to do next.

A reader sees bytes; it can't name the file that they came from. Whoever opened the file passes its error through here.
"""

from __future__ import annotations

from copilot.documents.kinds import kind_of, noun, promised_kind
from copilot.documents.segments import DocumentKind
from copilot.errors import DocumentError

_GET_AGAIN = "Open it in Office, let it repair the file and save it again, or get it again from where it came."
_HINTS = {
    "broken": _GET_AGAIN,
    "empty": "Get it again from where it came.",
    "unsafe": "Ask the sender what this is; saving it again in Office takes such things out.",
    "too_large": "Split it, or ask for a smaller copy.",
    "unsupported": "Use a tool for that kind of document, or save it as another kind.",
}


def explained(error: DocumentError, content: bytes, name: str) -> DocumentError:
    """Return `error`, met while the bytes of the file `name` were read, as one that names the file and the next step.

    What the content shows at first sight (an older format, a password, another kind than the name says) is told
    rather than what a reader of the wrong kind stumbled on.
    """
    if name in error.message:
        return error
    try:
        kind = kind_of(content, name)
    except DocumentError as seen:
        return seen
    wrong = error.code in ("broken", "unsupported") and _belied(kind, name, error)
    message = wrong or f"{name}: {error.message}"
    return DocumentError(message, hint=error.hint or _HINTS.get(error.code, ""), code=error.code)


def _belied(kind: DocumentKind, name: str, error: DocumentError) -> str:
    """Return that the file is of another kind than it was taken for, "" if that does not explain the error."""
    office = kind in ("word", "excel", "powerpoint")
    if kind != promised_kind(name) and promised_kind(name) is not None:
        return f"{name} is {_a(kind)}, whatever its name says."
    taken_for_another = error.code == "unsupported" if office else True
    return f"{name} is {_a(kind)}, which this can't work on." if taken_for_another else ""


def _a(kind: DocumentKind) -> str:
    return f"{'an' if kind == 'excel' else 'a'} {noun(kind)}"
