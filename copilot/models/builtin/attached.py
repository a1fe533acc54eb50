"""What was handed over with a request: files, named in a last line "Files: a.docx, b.xlsx", and text piped in."""

from __future__ import annotations

import re
from collections.abc import Sequence

from copilot.models.builtin import FOLLOW, PIPED
from copilot.models.builtin.clauses import Clause
from copilot.models.builtin.files import FileMention
from copilot.models.builtin.lexing import Token, scan
from copilot.models.builtin.words import PREPOSITIONS, PRONOUNS

_LINE = re.compile(r"(?:\A|\n)\s*files?:[ \t]*(?P<names>[^\n]+)\s*\Z", re.IGNORECASE)
_HERE = PRONOUNS | {"here", "attached", "attachment", "attachments"}
_NOUNS = frozenset({"file", "files", "document", "documents", "attachment", "attachments"})


def detached(request: str, names: Sequence[str]) -> tuple[str, tuple[Token, ...]]:
    """Return the request without its line of files, and those files as tokens; a line of other words stays."""
    match = _LINE.search(request)
    if match is None or not request[: match.start()].strip():
        return request, ()
    tokens = [t for t in scan(match["names"], names) if t.text != ","]
    if not tokens or any(t.kind != "file" for t in tokens):
        return request, ()
    return request[: match.start()], tuple(tokens)


def unpiped(request: str) -> tuple[str, bool]:
    """Return the request without the text that was piped in behind it, and whether there was one: it is no command."""
    command, marker, _ = request.partition(f"\n\n{PIPED}\n")
    return command, bool(marker)


def uninstructed(request: str) -> tuple[str, str]:
    """Return the request without the instructions of a skill behind it, and the skill's name ("": there are none).

    Where a person typed nothing but the skill's name, nothing is left of the request.
    """
    command, _, rest = request.partition(f"\n\n{FOLLOW}")
    name = rest.partition("):")[0]
    return ("" if command == f"Do what the skill {name} is for." else command), name


def attach(clause: Clause, files: Sequence[Token], found: Sequence[FileMention]) -> Clause:
    """Return the step about the attached files, when it names none itself."""
    if not files or any(m.docs for m in found):
        return clause
    names = _joined(files)
    for index in range(len(clause.tokens) - 1, 0, -1):  # "replace A with B in this" and "in the attached file"
        here = clause.tokens[index].lower in _HERE and clause.tokens[index - 1].lower in PREPOSITIONS | {"the"}
        if here:
            end = index + 1
            while end < len(clause.tokens) and clause.tokens[end].lower in _NOUNS:
                end += 1
            start = index - 1 if clause.tokens[index - 1].lower == "the" else index
            return Clause((*clause.tokens[:start], *names, *clause.tokens[end:]), clause.inherited_verb)
    return Clause((*clause.tokens, _word("in"), *names), clause.inherited_verb)


def _joined(files: Sequence[Token]) -> list[Token]:
    names: list[Token] = []
    for file in files:
        names += [_word("and"), file] if names else [file]
    return names


def _word(text: str) -> Token:
    return Token(text, 0, 0, "word", text)
