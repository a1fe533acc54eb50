"""Editors: functions of a document that say what they changed, alone or as one of a batch."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Concatenate, Generic, ParamSpec

from copilot.documents.hunks import Edited, Hunk
from copilot.documents.word.document import Document

P = ParamSpec("P")


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

    def __init__(self, function: Callable[Concatenate[Document, P], Edit]) -> None:
        functools.update_wrapper(self, function)
        self.on = function

    def __call__(self, content: bytes, /, *args: P.args, **kwargs: P.kwargs) -> Edited:
        """Return the edited file. Raises what the edit raises, and DocumentError for a file that can't be read."""
        document = Document(content)
        edit = self.on(document, *args, **kwargs)
        return document.finish(edit.hunks, edit.warnings)


def editor(function: Callable[Concatenate[Document, P], Edit]) -> Editor[P]:
    """Make an edit of a `Document` usable on a file's bytes: `@editor` above `def delete(document, ...) -> Edit`."""
    return Editor(function)
