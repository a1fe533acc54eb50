"""Editors: functions of a document that say what they changed, alone or as one of a batch."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Concatenate, Generic, ParamSpec

from pydantic import Field

from copilot.documents.hunks import Edited, Hunk
from copilot.documents.package import Package
from copilot.documents.word.document import Document
from copilot.documents.word.protection import refuse_outside, refuse_protected, refuse_untracked
from copilot.errors import ToolInputError

P = ParamSpec("P")

#: A text of an operation; a model may write 5 for "5".
Words = Annotated[str, Field(coerce_numbers_to_str=True)]
#: The number of a row, from 1.
Number = Annotated[int, Field(ge=1)]


@dataclass(frozen=True, slots=True)
class Edit:
    """What one edit of a document changed, and what to warn about."""

    hunks: tuple[Hunk, ...]
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, hunks: Iterable[Hunk], warnings: Iterable[str] = ()) -> Edit:
        """Return the edit from any iterables."""
        return cls(tuple(hunks), tuple(dict.fromkeys(warnings)))


class Editor(Generic[P]):
    """An edit as a function of a file's bytes; `on` does the same to a document that others edit, too."""

    __name__: str

    def __init__(self, function: Callable[Concatenate[Document, P], Edit]) -> None:
        functools.update_wrapper(self, function)
        self.on = function
        #: What of the arguments every place that is edited holds, for edits that need nothing else of a document.
        self.words: Callable[P, list[str]] | None = None

    def __call__(self, content: bytes, /, *args: P.args, **kwargs: P.kwargs) -> Edited:
        """Return the edited file, its changes made directly.

        Raises what the edit raises, ToolInputError "protected" when the document forbids it (`edit` can override that,
        or track the change where nothing else is allowed), and DocumentError for a file that can't be read.
        """
        words = self.words(*args, **kwargs) if self.words else []
        return opened(content, words, lambda document: self._edited(content, document, *args, **kwargs))

    def _edited(self, content: bytes, document: Document, *args: P.args, **kwargs: P.kwargs) -> Edited:
        refuse_untracked(document, self.__name__)
        limited = refuse_protected(document, [self.__name__])
        edit = self.on(document, *args, **kwargs)
        if limited:
            refuse_outside(Package.open(content), document.settled())
        return document.finish(edit.hunks, edit.warnings)


def opened(content: bytes, words: list[str], edit: Callable[[Document], Edited]) -> Edited:
    """Return an edit of a document of which only what may hold these words is parsed, if there are any.

    When that fails, the edit is tried on the whole, whose error knows what else there is.
    """
    if words:
        try:
            return edit(Document(content, words))
        except ToolInputError:
            pass
    return edit(Document(content))


def editor(function: Callable[Concatenate[Document, P], Edit]) -> Editor[P]:
    """Make an edit of a `Document` usable on a file's bytes: `@editor` above `def delete(document, ...) -> Edit`."""
    return Editor(function)
