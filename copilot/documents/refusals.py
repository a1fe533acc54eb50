"""Why a file can't be used, told so that a person knows which file, what it is, and what to do next.

A reader sees bytes; it can't name the file that they came from. Whoever opened the file passes its error through here.
"""

from __future__ import annotations

from copilot.documents.kinds import kind_of, noun, promised_kind
from copilot.documents.segments import DocumentKind
from copilot.errors import DocumentError

_OFFICE = ("word", "excel", "powerpoint")
_GET_AGAIN = "Open it in Office, let it repair the file and save it again, or get it again from where it came."
_HINTS = {
    "broken": _GET_AGAIN,
    "empty": "Get it again from where it came.",
    "unsafe": "Ask the sender what this is; saving it again in Office takes such things out.",
    "too_large": "Split it, or ask for a smaller copy.",
    "unsupported": "Use a tool for that kind of document, or save it as another kind.",
}


def named(error: DocumentError, name: str) -> DocumentError:
    """Return `error` as one that names the file and the next step."""
    message = error.message if name in error.message else f"{name}: {error.message}"
    return DocumentError(message, hint=error.hint or _HINTS.get(error.code, ""), code=error.code)


def explained(error: DocumentError, content: bytes, name: str) -> DocumentError:
    """Return `error`, met while a tool for one kind of document read the bytes of the file `name`, in full.

    What the content shows at first sight (an older format, a password, another kind than the name says) is told
    rather than what a reader of the wrong kind stumbled on.
    """
    if name in error.message:
        return error
    try:
        kind = kind_of(content, name)
    except DocumentError as seen:
        return named(seen, name)
    if error.code not in ("broken", "unsupported") or (kind in _OFFICE and error.code == "broken"):
        return named(error, name)
    if kind != promised_kind(name) and promised_kind(name) is not None:
        said = f"{name} is {_a(kind)}, whatever its name says."
    elif kind in _OFFICE:
        return named(error, name)
    else:
        said = f"{name} is {_a(kind)}, which this can't work on."
    return DocumentError(said, hint=_HINTS["unsupported"], code="unsupported")


def _a(kind: DocumentKind) -> str:
    return f"{'an' if kind == 'excel' else 'a'} {noun(kind)}"
