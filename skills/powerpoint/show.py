"""How the skill shows a presentation to a model and a person."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from copilot.documents.hunks import Hunk
from copilot.documents.segments import Outline, Reading

_FLAGS = {
    "macros": "it carries macros",
    "signed": "it is digitally signed",
    "comments": "it has comments",
    "hidden-slides": "it has hidden slides",
    "hidden-text": "it has text that the audience does not see",
    "external-links": "it links to content outside",
}


def outline_text(name: str, outline: Outline) -> str:
    """Return the slides by number and title, and the layouts by name."""
    lines = [f"{name}: {len(outline.headings)} slides"]
    lines += [f"{number}. {heading.text}" for number, heading in enumerate(outline.headings, start=1)]
    lines.append(f"Layouts: {', '.join(outline.styles) or 'none'}.")
    return "\n".join(lines)


def head(name: str, reading: Reading) -> str:
    """Return the name of the file with what deserves attention."""
    remarks = [words for flag, words in _FLAGS.items() if flag in reading.flags]
    return f"{name} ({', '.join(remarks)})" if remarks else name


def within(texts: Sequence[tuple[int, str]], budget: int) -> tuple[list[str], list[int]]:
    """Return the slides that fit into a number of characters (at least one), and the numbers of the others."""
    shown: list[str] = []
    left: list[int] = []
    for number, text in texts:
        if shown and (left or sum(map(len, shown)) + len(text) > budget):
            left.append(number)
        else:
            shown.append(text)
    return shown, left


def not_shown(reading: Reading, numbers: Iterable[int]) -> str:
    """Return what the reader could not show on these slides, "" for nothing."""
    prefixes = tuple(f"slide {number}: " for number in numbers)
    found = [what for what in reading.omitted if what.startswith(prefixes)]
    return f"Not shown: {'; '.join(found)}." if found else ""


def new_slides(texts: Iterable[str]) -> list[Hunk]:
    """Return the slides of a new deck as what is added."""
    return [
        Hunk(f"slide {number}", "", re.sub(r"\A## Slide \d+:? ?", "", text), "structure")
        for number, text in enumerate(texts, start=1)
    ]
