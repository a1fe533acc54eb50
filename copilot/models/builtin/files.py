"""Which files a request means: by name, by words of the name or title, by kind, as the only one, as the last one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import lru_cache
from pathlib import PurePath

from copilot.documents.kinds import promised_kind
from copilot.documents.terms import stem
from copilot.models.builtin.ground import Doc
from copilot.models.builtin.lexing import Token
from copilot.models.builtin.words import DETERMINERS, FILE_NOUNS, KIND_WORDS, STOPWORDS, word_set


class Sure(IntEnum):
    """How surely a file is meant; a higher number is surer."""

    ALL = -1  # every file: one call cannot be about all of them
    NONE = 0  # nothing said: any file whose content fits
    ONLY = 1  # the only one of its kind
    PART = 2  # the only one with the table, sheet or columns that are named
    LAST = 3  # the one used last
    KIND = 4  # "the deck", when there is one
    WORDS = 5  # words of its name or title
    NAMED = 6  # its name


@dataclass(frozen=True)
class FileMention:
    """A place in the request that means one file, or one of several (`docs`), or none that is there (`missing`)."""

    start: int
    end: int  # token indices, end excluded
    docs: tuple[Doc, ...]
    sure: Sure
    missing: str = ""
    soft: frozenset[int] = frozenset()  # tokens that may also name something else (a column, a sheet)
    kind: str = ""
    core: tuple[int, int] = (0, 0)
    words: tuple[str, ...] = ()

    @property
    def tokens(self) -> range:
        """The indices of its tokens."""
        return range(self.start, self.end)


_KINDS = {phrase: kind for kind, phrases in KIND_WORDS.items() for phrase in phrases}
_JOINERS = word_set("""of for and""")
_MARKS = frozenset("_-–()&'’,")  # may stand between the words of a file's name
_DEFINITE = word_set("""the our my this that your both two these those""")
_LEADS = word_set("""in on at from of for to into within inside using with about across through by""")


def name_words(doc: Doc) -> Sequence[str]:
    """Return the stems of the words in a file's name, without the suffix."""
    return _name_words(doc.show)


_NAME_KINDS = ("word", "number", "cell", "date")


def _token_stems(token: Token) -> list[str]:
    parts = [stem(w) for w in re.findall(r"[^\W_]+", token.lower)]
    return parts if len(parts) > 1 else [token.stem]


@lru_cache(maxsize=4096)
def _name_words(show: str) -> tuple[str, ...]:
    return tuple(_stems(PurePath(show).stem))


def _joined(doc: Doc) -> set[str]:
    """The stems of the words in a file's name as they are separated there: "v3" is one."""
    return {stem(w.lower()) for w in re.findall(r"[^\W_]+", PurePath(doc.show).stem)}


def _stems(text: str) -> list[str]:
    parts = re.findall(r"[A-Z]?[a-zà-ÿ]+|[A-Z]+(?![a-z])|\d+", re.sub(r"([A-Z]\d)", r"\1 ", text)) or [text]
    joined = re.findall(r"[^\W_]+", text)
    return list(dict.fromkeys(stem(p.lower()) for p in (*parts, *joined)))


def mentions(tokens: Sequence[Token], docs: Sequence[Doc]) -> list[FileMention]:
    """Return the files that the tokens mention, in order, without overlap."""
    found = [m for i, t in enumerate(tokens) if t.kind == "file" for m in [_named(i, t, docs)]]
    taken = {i for m in found for i in m.tokens}
    words = _by_words(tokens, docs, taken)
    found += words
    taken |= {i for m in words for i in m.tokens}
    found += _all_files(tokens, docs, taken)
    taken |= {i for m in found for i in m.tokens}
    found += _by_kind(tokens, docs, taken)
    return sorted((_widened(m, tokens) for m in found), key=lambda m: m.start)


def _named(index: int, token: Token, docs: Sequence[Doc]) -> FileMention:
    given = token.value.removeprefix("@").removeprefix("./").replace("\\", "/").lower()
    same = [d for d in docs if d.show.lower() == given or str(d.path).lower() == given]
    same = same or [d for d in docs if PurePath(d.show).name.lower() == given]
    return FileMention(index, index + 1, tuple(same), Sure.NAMED, "" if same else token.value, core=(index, index + 1))


def _by_words(tokens: Sequence[Token], docs: Sequence[Doc], taken: set[int]) -> list[FileMention]:
    """Find runs of words that are words of a file's name, else of its title."""
    found: list[FileMention] = []
    index = 0
    vocabulary = [(d, name_words(d)) for d in docs]
    while index < len(tokens):
        best = _best_run(tokens, index, vocabulary, taken)
        if best:
            found.append(best)
            index = best.end
        else:
            index += 1
    return found


def _best_run(
    tokens: Sequence[Token], start: int, names: list[tuple[Doc, Sequence[str]]], taken: set[int]
) -> FileMention | None:
    """Return the longest run from `start` whose words all stand in one file's name."""
    for end in range(min(len(tokens), start + 12), start, -1):
        run = range(start, end)
        if any(i in taken or not (tokens[i].text in _MARKS or tokens[i].kind in _NAME_KINDS) for i in run):
            continue
        if any(tokens[i].lower in STOPWORDS or tokens[i].text in _MARKS for i in (start, end - 1)):
            continue
        spoken = [i for i in run if tokens[i].kind != "punct"]
        content = [s for i in spoken if tokens[i].lower not in _JOINERS for s in _token_stems(tokens[i])]
        if not content or all(tokens[i].lower in _KINDS or tokens[i].lower in FILE_NOUNS for i in run):
            continue
        if len(set(content)) < len(content):
            continue  # "policy v2 and policy v3" are two names
        fits = [(d, w) for d, w in names if all(c in w for c in content)]
        if fits and _is_reference(tokens, start, end, content, fits):
            whole = [d for d, w in fits if set(content) == set(w) or set(content) == _joined(d)]
            docs = tuple(whole or (d for d, _ in fits))
            return FileMention(
                start,
                end,
                docs,
                Sure.WORDS,
                soft=frozenset(run),
                core=(start, end),
                words=tuple(tokens[i].lower for i in spoken),
            )
    return None


def _is_reference(
    tokens: Sequence[Token], start: int, end: int, content: list[str], fits: list[tuple[Doc, Sequence[str]]]
) -> bool:
    """Whether the words are used as a name: after an article or preposition, before a kind, or the whole name."""
    after = " ".join(t.lower for t in tokens[end : end + 2])
    before = tokens[start - 1].lower if start else ""
    if any(after == k or after.startswith(k + " ") for k in _KINDS) or (
        tokens[end : end + 1] and after.startswith("file")
    ):
        return True
    if before in _DEFINITE:
        return True
    if before in (
        "in",
        "from",
        "into",
        "to",
        "inside",
        "within",
        "of",
        "on",
        "and",
        "with",
        "say",
        "summarise",
        "summarize",
        "open",
        "read",
        "compare",
        "convert",
        "undo",
    ):
        return True
    return len(content) > 1 and any(len(content) >= min(len(set(w)), len(_joined(d))) - 1 for d, w in fits)


_ALL = re.compile(r"(?:all|every|each)(?: of)?(?: the| my| our| these)? (.+)\Z")
_PLURALS = {"documents": "", "files": "", "document": "", "file": "", "workbooks": "excel", "spreadsheets": "excel",
            "presentations": "powerpoint", "decks": "powerpoint", "pdfs": "pdf"}  # fmt: skip


def _all_files(tokens: Sequence[Token], docs: Sequence[Doc], taken: set[int]) -> list[FileMention]:
    """Find "in all documents", "in every workbook"; "which documents" is no such mention."""
    for start in range(1, len(tokens)):
        for length in (5, 4, 3, 2):
            run = range(start, min(start + length, len(tokens)))
            match = _ALL.match(" ".join(tokens[i].lower for i in run))
            if len(run) != length or match is None or any(i in taken for i in run):
                continue
            kind = _PLURALS.get(match[1], _KINDS.get(match[1].removesuffix("s")))
            if kind is not None and tokens[start - 1].lower in ("in", "of", "across", "to", "from", "through"):
                same = tuple(d for d in docs if not kind or promised_kind(d.show) == kind)
                return [FileMention(start, run.stop, same, Sure.ALL, core=(start, run.stop))]
    return []


def _by_kind(tokens: Sequence[Token], docs: Sequence[Doc], taken: set[int]) -> list[FileMention]:
    found = []
    for index in range(len(tokens)):
        for length in (2, 1):
            run = range(index, min(index + length, len(tokens)))
            phrase = " ".join(tokens[i].lower for i in run)
            definite = index and tokens[index - 1].lower in ("the", "this", "that", "our", "my", "your")
            if phrase not in _KINDS or not definite or any(i in taken for i in run):
                continue
            kind = _KINDS[phrase]
            same = tuple(d for d in docs if promised_kind(d.show) == kind)
            found.append(FileMention(index, index + length, same, Sure.KIND, kind=kind, core=(index, index + length)))
            taken |= set(run)
    return found


def _widened(mention: FileMention, tokens: Sequence[Token]) -> FileMention:
    """Take in the words around a mention that belong to it: "in the sales workbook", and narrow by the kind named."""
    if mention.sure is Sure.ALL:
        return replace(mention, start=mention.start - 1)
    start, end, docs, kind = mention.start, mention.end, mention.docs, mention.kind
    for length in (2, 1):
        phrase = " ".join(t.lower for t in tokens[end : end + length])
        if phrase in _KINDS and mention.sure is not Sure.KIND:
            kind = _KINDS[phrase]
            docs = tuple(d for d in docs if promised_kind(d.show) == kind) or docs
            end += length
            break
    if tokens[end : end + 1] and tokens[end].lower in FILE_NOUNS and mention.sure is not Sure.KIND:
        end += 1
    while start and tokens[start - 1].lower in DETERMINERS:
        start -= 1
    for phrase_length in (2, 1):  # "the file contract.docx", "the workbook sales.xlsx"
        phrase = " ".join(t.lower for t in tokens[max(start - phrase_length, 0) : start])
        if mention.sure is Sure.NAMED and start >= phrase_length and (phrase in _KINDS or phrase in FILE_NOUNS):
            start -= phrase_length
            break
    while start and tokens[start - 1].lower in DETERMINERS:
        start -= 1
    if start and tokens[start - 1].lower in _LEADS:
        start -= 1
    return FileMention(start, end, docs, mention.sure, mention.missing, mention.soft, kind, mention.core, mention.words)


def by_title(tokens: Sequence[Token], docs: Sequence[Doc]) -> list[FileMention]:
    """Return runs of at least two words that are words of a document's title; opens the documents."""
    names: list[tuple[Doc, Sequence[str]]] = []
    for doc in docs:
        title = doc.outline.title if doc.outline else ""
        if title:
            names.append((doc, _stems(title)))
    found: list[FileMention] = []
    for start in range(len(tokens)):
        run = _best_run(tokens, start, names, {i for m in found for i in m.tokens})
        if run and (run.end - run.start > 1 or len(run.docs) == 1):
            found.append(run)
    return [_widened(m, tokens) for m in found]


@dataclass
class Reference:
    """The candidates for a document slot, in the order in which they should be tried."""

    docs: tuple[Doc, ...]
    sure: Sure
    mention: FileMention | None = None
    skipped: tuple[FileMention, ...] = field(default=())
