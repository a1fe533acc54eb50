"""Text with fields in it, written as {PAGE}, {NUMPAGES}, {DATE} (ECMA-376 part 1, 17.16)."""

from __future__ import annotations

import re

from copilot.documents.word import fieldcodes, text
from copilot.documents.word.names import Element, add
from copilot.errors import ToolInputError

#: Fields by the word in braces, with what is shown until a program computes it.
FIELDS = {
    "PAGE": "1",
    "NUMPAGES": "1",
    "SECTION": "1",
    "SECTIONPAGES": "1",
    "DATE": "",
    "TIME": "",
    "FILENAME": "",
    "TITLE": "",
    "AUTHOR": "",
}
_WORD = re.compile(r"\{([A-Za-z]+)\}")


def fill(paragraph: Element, template: str) -> None:
    """Append text to a paragraph; a word in braces becomes the field of that name, computed when the file is opened.

    Raises ToolInputError "unknown_field" with the closest name.
    """
    at = 0
    for found in _WORD.finditer(template):
        word = found[1].upper()
        if word not in FIELDS:
            raise ToolInputError.unknown("field", found[1], list(FIELDS))
        if found.start() > at:
            text.set_text(add(paragraph, "r"), template[at : found.start()])
        paragraph.extend(fieldcodes.made(paragraph, word, FIELDS[word], dirty=not FIELDS[word]))
        at = found.end()
    if at < len(template):
        text.set_text(add(paragraph, "r"), template[at:])


def shows_page(element: Element) -> bool:
    """Return whether a field in there shows the number of the page."""
    return any(field.kind == "PAGE" for field in fieldcodes.fields(element))
