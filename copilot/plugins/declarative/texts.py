"""Texts of a manifest as they are meant: localised, with the files and the blanks that the vendor's toolkit fills in.

The Agents Toolkit builds a package out of a project: `$[file('instruction.txt')]` becomes the file's text, and
`${{NAME}}` a variable of the chosen environment. People share the project, so both are met in the wild.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from copilot.errors import PluginError
from copilot.plugins.declarative.fields import Notes, brief
from copilot.plugins.declarative.localisation import Strings
from copilot.plugins.files import PluginFiles

_FILE = re.compile(r"\$\[\s*file\(\s*(['\"])([^'\"\n]{1,1000})\1\s*\)\s*\]")
_BLANK = re.compile(r"\$\{\{\s*([^{}\n]{1,200}?)\s*\}\}")
_DEEPEST = 3  # files that name files
_MOST_BYTES = 1_000_000  # of one file of text: a hundred times what the vendor lets instructions have


class Texts:
    """Mends the texts of one manifest; `folder` is where it lies in the plugin, which its paths are relative to."""

    def __init__(self, files: PluginFiles, folder: str, notes: Notes, strings: Strings | None = None) -> None:
        self.files = files
        self.folder = folder
        self.notes = notes
        self._strings = strings or Strings()

    @property
    def keys(self) -> Mapping[str, str]:
        """What the keys of the app package's language files mean."""
        return self._strings.keys

    def mend(self, text: str, place: str) -> str:
        """Return a text as a person or a model reads it: in their language, files in, blanks out."""
        localised = self._strings.localised(text, place, self.notes)
        return _BLANK.sub("", self.reported(self._with_files(localised, place, _DEEPEST), place))

    def reported(self, text: str, place: str) -> str:
        """Return the text as it is, and report the blanks that nothing fills in: those of an address stay in it."""
        for match in _BLANK.finditer(text):
            named = f"${{{{{brief(match[1])}}}}}"
            self.notes.add(f"{place} has the blank {named}, which only a build fills in; it is empty.", "repaired")
        return text

    def relative(self, path: str) -> str:
        """Return where in the plugin a file lies that the manifest names ("Relative references in URLs")."""
        plain = path.replace("\\", "/").strip()
        return plain if PurePosixPath(plain).is_absolute() else (PurePosixPath(self.folder) / plain).as_posix()

    def _with_files(self, text: str, place: str, deep: int) -> str:
        if not _FILE.search(text):
            return text
        return _FILE.sub(lambda match: self._text_of(match[2], place, deep), text)

    def _text_of(self, named: str, place: str, deep: int) -> str:
        if not deep:
            self.notes.add(f"{place}: files name each other too deep; {brief(named)!r} is left out.", "unsupported")
            return ""
        try:
            found = self.files.text(self.relative(named), _MOST_BYTES)
        except PluginError as error:
            self.notes.add(f"{place} is to be the text of {brief(named)!r}: {error}", "unsupported")
            return ""
        self.notes.add(f"{place} is the text of {brief(named)!r}, as when the vendor's toolkit builds it.", "repaired")
        return self._with_files(found, place, deep - 1)
