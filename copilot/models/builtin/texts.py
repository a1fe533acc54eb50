"""Filling what the user wrote to be found or written: quoted strings, and plain words where unmistakable."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from copilot.documents.terms import stem, terms
from copilot.models.builtin.files import Sure
from copilot.models.builtin.lexing import Token, number
from copilot.models.builtin.state import State
from copilot.models.builtin.toolview import Parameter
from copilot.models.builtin.words import (
    DETERMINERS,
    LOOSE,
    PREPOSITIONS,
    PRONOUNS,
    REFERENCES,
    STOPWORDS,
    TEXT_NOUNS,
    TRAILERS,
    TRAILING_PAIRS,
    word_set,
)

_ARTICLES = frozenset({"the", "a", "an"})
_TERMS = word_set("""word words phrase text term name string value number title sentence""")
_FOUND_CUES = ("from", "instead of")
_PAIR_CUES = ("with", "by", "to", "into", "for", "as")  # between what is replaced and its replacement
_TEXT_CUES = ("saying", "that says", "says", "reading", "that reads", "with the text", "with text", "titled", "called",
              "named", "entitled", "with the title", "with title", "text", ":")  # fmt: skip
_VALUE_CUES = ("to", "=", "as", "is", "with", "value", "be", "equal to")
_QUERY_CUES = ("about", "mention", "mentions", "mentioning", "regarding", "concerning", "contain", "contains",
               "containing", "says about", "say about")  # fmt: skip
_NAMING = word_set("called named titled entitled saying")
_PLACED = word_set("in on at of from within")
_ASKING = word_set("what which who whose how when why is are does do did can")
_SEARCH_VERBS = word_set("search look find check hunt scan")
_TEXTUAL = ("found_text", "text", "value")


def cues_of(state: State, parameter: Parameter) -> tuple[str, ...]:
    """Return the words that stand before this value, the skill's own first."""
    kind = parameter.slot.kind
    paired = any(p.slot.kind == "found_text" for p in state.view.parameters)
    own = parameter.slot.cues
    if kind == "found_text":
        return (*own, *_FOUND_CUES)
    if kind == "text":
        return (*own, *(_PAIR_CUES if paired else _TEXT_CUES), parameter.words)
    return (*own, *_VALUE_CUES)


def fill_texts(state: State) -> None:
    """Fill texts to find and to write, and single values."""
    parameters = _textual(state)
    if not parameters:
        return
    _quoted(state, parameters)
    pair = _pair(state)
    if pair:
        _split_pair(state, *pair)
    for parameter in _textual(state):
        _unquoted(state, parameter)
    for parameter in _textual(state):
        if parameter.required:
            state.missing.setdefault(parameter.name, _ask_for(parameter))


def _textual(state: State) -> list[Parameter]:
    """The open texts and values; an optional value beside an operator is filled by its comparison alone."""
    compared = any(p.slot.kind == "operator" for p in state.view.parameters)
    return [p for p in state.open(*_TEXTUAL) if p.required or p.slot.kind != "value" or not compared]


def _ask_for(parameter: Parameter) -> str:
    if parameter.slot.kind == "found_text":
        return "which text in the document? Put it in quotes"
    return f"what {'value' if parameter.slot.kind == 'value' else 'text'} ({parameter.words})? Put it in quotes"


def _quoted(state: State, parameters: Sequence[Parameter]) -> None:
    """Give quoted strings to the parameters whose cue stands before them, then the rest in order."""
    quotes = [i for i, t in enumerate(state.tokens) if t.kind == "quote" and state.free(i)]
    many = next((p for p in parameters if p.list_like and p.required), None)
    if many is not None and not quotes and (items := _plain_items(state)):
        state.give(many, [plain_words(state, item) for item in items], range(items[0][0] - 1, items[-1][-1] + 1))
        return
    if many is not None and quotes:
        state.give(many, [state.tokens[i].value for i in quotes], quotes)
        return
    rest = []
    for index in quotes:
        owner = _owner(state, index, parameters)
        if owner is None:
            rest.append(index)
        elif owner[0].list_like:
            following = [i for i in quotes if i >= index and i not in state.used]
            state.give(owner[0], [state.tokens[i].value for i in following], [*following, *owner[1]])
            break
        else:
            state.give(owner[0], _typed(owner[0], state.tokens[index]), [index, *owner[1]])
    order = sorted(
        (p for p in parameters if p.name not in state.args),
        key=lambda p: (not p.required, _TEXTUAL.index(p.slot.kind)),
    )
    for index in rest:
        target = next((p for p in order if p.name not in state.args and (p.required or len(order) == 1)), None)
        if target is not None:
            state.give(target, _typed(target, state.tokens[index]), [index])
            state.spend(_nouns_before(state, index), target.name)


def _plain_items(state: State) -> list[list[int]]:
    """Return at least two items after a colon or "with": "a list with Read, Revise, Rest"."""
    starts = [i + 1 for i, t in enumerate(state.tokens) if t.text == ":" and state.free(i)]
    nouns = ("with", "containing", "of", "points", "bullets", "items", "steps")
    starts += [
        i + 1 for i, t in enumerate(state.tokens) if t.lower in nouns and state.free(i) and _listed(state, i + 1)
    ]
    for start in starts[:1]:
        items: list[list[int]] = [[]]
        for index in range(start, len(state.tokens)):
            token = state.tokens[index]
            if not state.free(index) or token.kind == "file":
                break
            if token.text in (",", ";") or (token.lower == "and" and len(items) > 1):
                items.append([])
            else:
                items[-1].append(index)
        items = [i for i in items if i]
        words = [state.tokens[i].lower for item in items for i in item]
        if len(items) > 1 and not any(
            w in LOOSE - {"and", "for", "or", "new", "right"} or w in PRONOUNS for w in words
        ):
            return items
    return []


def _listed(state: State, start: int) -> bool:
    """Whether a list may begin here: "bullet points Gloves, Boots", not "points to contract.docx"."""
    return start < len(state.tokens) and state.free(start) and state.tokens[start].lower not in STOPWORDS | LOOSE


def _nouns_before(state: State, index: int) -> list[int]:
    """The words such as "the word" before a text."""
    found = []
    while index and state.before(index) in TEXT_NOUNS | DETERMINERS:
        index -= 1
        found.append(index)
    return found


def _owner(state: State, index: int, parameters: Sequence[Parameter]) -> tuple[Parameter, list[int]] | None:
    nouns = _nouns_before(state, index)
    for at in (index, *nouns):
        best: tuple[Parameter, range] | None = None
        for parameter in parameters:
            for cue in cues_of(state, parameter) if parameter.name not in state.args else ():
                run = state.phrase_ends_at(cue, at)
                opens = run is not None and run.start == 0 and not state.clause.inherited_verb
                if run and not opens and (best is None or len(run) > len(best[1])):
                    best = parameter, run
        if best:
            return best[0], [i for i in (*best[1], *nouns) if i]
    return None


def _typed(parameter: Parameter, token: Token) -> Any:
    """Return a token as a number where the parameter takes one and the user did not quote it."""
    if token.kind == "number" and (parameter.types & {int, float} or not parameter.types):
        value = number(token.value)
        return token.value if value is None else value
    return token.value


# -- replaced and replacement ----------------------------------------------------------------------------------------


def _pair(state: State) -> tuple[Parameter, Parameter] | None:
    """Return the parameters of "replace X with Y" when both are still open."""
    found, text = state.open("found_text"), [p for p in state.open("text") if p.required]
    return (found[0], text[0]) if found and text else None


def _is_pair(state: State) -> bool:
    return any(p.slot.kind == "found_text" for p in state.view.parameters)


def _split_pair(state: State, found: Parameter, text: Parameter) -> None:
    """Split plain words at a cue so that the first part occurs in the document; the longest such part wins."""
    splits = []
    for index in range(1, len(state.tokens)):
        for cue in dict.fromkeys(cues_of(state, text)):
            run = state.phrase_ends_at(cue, index)
            if run is None or run.start < 1 or not all(state.free(i) for i in run):
                continue
            left, right = _left_of(state, run.start), _right_of(state, index)
            written = _in_document(state, left)
            if written and right:
                splits.append((left, run, right, *written))
    splits.sort(key=lambda s: -len(s[4]))
    if not splits:
        _explain_no_pair(state, found)
        return
    left, run, right, value, kept = splits[0]
    if len({(s[3], tuple(s[2])) for s in splits}) > 1:
        state.loose.append("the words can be split in several ways; quotes would make it clear")
    first = 0 if state.clause.inherited_verb else 1
    before = [i for i in range(first, kept.start) if state.free(i)]
    if value != "" and not any(state.before(kept.start) == c for c in cues_of(state, found)):
        _doubt_description(state, kept, right)
    _use_context(state, before, value, found.name)
    state.give(found, value, kept)
    state.spend([i for i in before if state.tokens[i].lower in TEXT_NOUNS | DETERMINERS | {"from"}], found.name)
    state.give(text, plain_words(state, right), right)
    state.spend(run, text.name)
    _doubt_words(state, right)


def _doubt_description(state: State, kept: range, right: Sequence[int]) -> None:
    """Doubt "change the due date to 45 days": the words describe what is to change rather than being it."""
    start = kept.start - 1 if state.before(kept.start) in DETERMINERS else kept.start
    determined = state.tokens[start].lower in DETERMINERS - {"all", "every", "each", "any"}
    digits = [any(c.isdigit() for i in run for c in state.tokens[i].text) for run in (kept, right)]
    plain = all(state.tokens[i].text.islower() for i in kept) and not digits[0]
    vague = state.clause.verb not in ("replace", "swap", "substitute", "rename") and plain
    if determined or vague or (plain and digits[1]):
        said = plain_words(state, kept)
        state.loose.append(f"whether “{said}” is the very text to replace; quotes would make it clear")


def _use_context(state: State, before: list[int], value: str, name: str) -> None:
    """Account for words that say which place is meant ("the due date ... from 30 days"), if it is the only one."""
    words = [i for i in before if state.tokens[i].lower not in STOPWORDS | TEXT_NOUNS]
    places = [p for o in (state.doc.find(value) if state.doc else ()) for p in o.places]
    wanted = {stem(state.tokens[i].lower) for i in words}
    if not wanted or not places:
        return
    fitting = [p for p in places if wanted <= set(terms(p.text))]
    if len(places) == 1 and (fitting or wanted & set(terms(places[0].text))):
        state.spend(words, name)
    elif len(places) > 1:
        where = ", ".join(p.where for p in places[:5])
        state.loose.append(f"which “{value}”: it stands in {where}, and all would change")


def _left_of(state: State, end: int) -> range:
    """The plain words before a cue: after "from" when there is one, else after the verb."""
    while end > 1 and state.used.get(end - 1) and state.tokens[end - 1].kind != "quote":
        end -= 1  # "change 30 days in the contract to 45 days"
    start = end
    while start > (0 if state.clause.inherited_verb else 1) and _part_of_text(state, start - 1):
        start -= 1
    return range(start, end)


def _right_of(state: State, start: int) -> range:
    end = start
    while end < len(state.tokens) and _part_of_text(state, end):
        end += 1
    while end - start > 1 and state.tokens[start].lower in _ARTICLES and state.tokens[start + 1].lower in _TERMS:
        start += 2  # "with the word Contoso"
    if end - start > 1 and state.tokens[start].lower in ("word", "phrase", "term"):
        start += 1
    while end > start and (dropped := _trailing(state, range(start, end))):
        end -= dropped
    if end - start > 1 and end < len(state.tokens) and end in state.used and state.tokens[end - 1].lower in _PLACED:
        end -= 1  # "with May on slide 3"
    return range(start, end)


def _trailing(state: State, run: range) -> int:
    """Return how many tokens at the end of a text belong to the command: "please", "thank you", a comma."""
    last = state.tokens[run.stop - 1]
    if last.lower in TRAILERS or last.text in ",:-":
        return 1
    pair = (state.tokens[run.stop - 2].lower, last.lower) if len(run) > 2 else ("", "")
    return 2 if pair in TRAILING_PAIRS else 0


def _part_of_text(state: State, index: int) -> bool:
    return state.free(index) and state.tokens[index].text not in '.!?;:"' and state.tokens[index].kind != "file"


def plain_words(state: State, run: Sequence[int]) -> str:
    """Return the user's own letters from the first to the last of these tokens."""
    tokens = [state.tokens[i] for i in run]
    if len(tokens) == 1:
        return tokens[0].value
    pieces = [tokens[0].text]
    for last, token in pairwise(tokens):
        pieces.append(("" if token.start == last.end else " ") + token.text)
    return "".join(pieces)


def _in_document(state: State, run: range) -> tuple[str, range] | None:
    """Return the longest end of the run that occurs in the document, as the document writes it."""
    for start in run:
        kept = range(start, run.stop)
        if (
            state.tokens[start].lower in DETERMINERS | {"of", "from", "to", "with", "word", "phrase", "text"}
            and len(kept) > 1
        ):
            longer = state.doc.find(plain_words(state, kept)) if state.doc and start == run.start else []
            if not longer:
                continue
        if state.doc and len(kept) and not _is_noise(state, kept):
            found = state.doc.find(plain_words(state, kept))
            if found:
                return found[0].text, kept
    return None


def _is_noise(state: State, run: range) -> bool:
    return all(state.tokens[i].lower in STOPWORDS | PRONOUNS for i in run)


def _explain_no_pair(state: State, found: Parameter) -> None:
    """Say that the plain words before the cue do not occur in the document."""
    for cue in ("with", "by", "to", "into"):
        for run in state.phrases(cue):
            left = [i for i in _left_of(state, run.start) if state.tokens[i].lower not in TEXT_NOUNS | DETERMINERS]
            if left and state.doc and run.start and not _is_noise(state, range(left[0], left[-1] + 1)):
                state.missing[found.name] = not_found(state, plain_words(state, left))
                return


def not_found(state: State, text: str) -> str:
    """Say that a text does not occur, with the passages closest to it."""
    assert state.doc is not None
    if state.doc.reading is None:
        return state.doc.problem or f"{state.doc.show} can't be read"
    close = state.doc.closest(text)
    nearest = "; the closest passages: " + " / ".join(close) if close else ""
    return f"“{text}” does not occur in {state.doc.show}{nearest}"


def _doubt_words(state: State, run: Iterable[int]) -> None:
    """Doubt a plain text that may be shorter or longer than what was meant."""
    tokens = [state.tokens[i] for i in run]
    if any(t.lower in LOOSE | PRONOUNS for t in tokens) or len(tokens) > 6:
        state.loose.append(f"where the text “{plain_words(state, list(run))}” ends; quotes would make it clear")


# -- plain texts ------------------------------------------------------------------------------------------------------


def _unquoted(state: State, parameter: Parameter) -> None:
    if parameter.name in state.args or parameter.name in state.missing:
        return
    for cue in sorted(set(cues_of(state, parameter)), key=len, reverse=True):
        for run in state.phrases(cue):
            span = _right_of(state, run.stop)
            while len(span) > 1 and state.tokens[span.start].lower in (
                "called",
                "named",
                "titled",
                "entitled",
                "saying",
            ):
                run, span = range(run.start, span.start + 1), range(span.start + 1, span.stop)  # "a sheet named X"
            if not all(state.free(i) or i in state.used for i in run) or not span or run.start == 0:
                continue
            if _give_plain(state, parameter, span):
                state.spend(run, parameter.name)
                return
    formula = next((i for i, t in enumerate(state.tokens) if t.kind == "formula" and state.free(i)), None)
    if parameter.slot.kind == "value" and formula is not None and parameter.name not in state.args:
        state.give(parameter, state.tokens[formula].value, [formula])
        return
    if parameter.slot.kind == "value" or (parameter.required and parameter.slot.kind == "found_text"):
        span = _right_of(state, 0 if state.clause.inherited_verb else 1)
        if span and parameter.required:
            _give_plain(state, parameter, span)


def _give_plain(state: State, parameter: Parameter, span: range) -> bool:
    kind = parameter.slot.kind
    first = state.tokens[span.start]
    if kind == "value" and first.kind in ("number", "date", "formula", "cell"):
        state.give(parameter, _typed(parameter, first), [span.start])
        return True
    if kind == "found_text":
        written = _in_document(state, span)
        if not written:
            return False
        state.give(parameter, *written)
        if not any(state.before(written[1].start) == c for c in cues_of(state, parameter)):
            texts = [
                i for i, n in state.used.items() for p in state.view.parameters if p.name == n and p.slot.kind == "text"
            ]
            _doubt_description(state, written[1], texts)
        return True
    stop = next(
        (i for i in span if state.tokens[i].lower in ("in", "into", "to", "on", "at", "from", "under")), span.stop
    )
    span = range(span.start, stop)
    if not span or _is_noise(state, span):
        return False
    state.give(parameter, plain_words(state, span), span)
    if kind == "value":
        doubt_value(state, list(span))
    elif state.tokens[span.start].text.islower() and not state.open("found_text") and not _is_pair(state):
        state.loose.append(f"“{plain_words(state, span)}” as the text; quotes would make it clear")
    _doubt_words(state, span)
    return True


def fill_value_at(state: State, start: int | None) -> None:
    """Fill the value that a comparison compares with: the token after the operator, or a few plain words."""
    parameter = next(iter(state.open("value")), None)
    if parameter is None or start is None:
        return
    while start < len(state.tokens) and state.tokens[start].lower in DETERMINERS:
        start += 1
    if not state.free(start):
        return
    if state.tokens[start].kind != "word":
        state.give(parameter, _typed(parameter, state.tokens[start]), [start])
        return
    stop = start
    while stop < len(state.tokens) and state.free(stop) and state.tokens[stop].kind in ("word", "number"):
        if state.tokens[stop].lower in LOOSE:
            break
        stop += 1
    if stop > start:
        state.give(parameter, plain_words(state, range(start, stop)), range(start, stop))


def doubt_value(state: State, span: list[int]) -> None:
    """Doubt a plain value that may be a description: "the total", "a reasonable value", "half of B3"."""
    words = [state.tokens[i] for i in span if state.tokens[i].kind == "word"]
    lower = [t.lower for t in words if t.text.islower()]
    if any(w in REFERENCES | DETERMINERS for w in lower) or (len(span) > 1 and lower):
        state.loose.append(f"“{plain_words(state, span)}” as a value; quotes would make it clear")
        return
    if len(span) > 1 or any(state.tokens[i].lower in PRONOUNS for i in span):
        _doubt_words(state, span)
        if any(state.tokens[i].kind in ("cell", "range", "formula") for i in span):
            state.loose.append(f"“{plain_words(state, span)}” as a value")
    elif span and state.tokens[span[0]].kind in ("cell", "range"):
        state.loose.append(f"“{plain_words(state, span)}” as a value")


# -- queries ----------------------------------------------------------------------------------------------------------


def fill_queries(state: State) -> None:
    """Fill what to look for: a quoted string, the words after "about" or "mention", else the whole question."""
    for parameter in state.open("query"):
        quote = next((i for i, t in enumerate(state.tokens) if t.kind == "quote" and state.free(i)), None)
        if quote is not None:
            state.give(parameter, state.tokens[quote].value, [quote])
            state.spend(_nouns_before(state, quote), parameter.name)
            continue
        if not _fill_query_after_cue(state, parameter) and parameter.required:
            _fill_whole_question(state, parameter)
            if "question" not in parameter.words and state.clause.verb in _ASKING:
                state.loose.append("which of these words to look for")
        if parameter.required and parameter.name not in state.args:
            state.missing[parameter.name] = "what should I look for?"


def _fill_query_after_cue(state: State, parameter: Parameter) -> bool:
    general: tuple[str, ...] = _QUERY_CUES if parameter.required else ("about", "regarding", "concerning")
    general += ("for",) if parameter.required and state.clause.verb in _SEARCH_VERBS else ()
    for cue in (*parameter.slot.cues, *general):
        for run in state.phrases(cue):
            span = _query_span(state, run.stop)
            if span and not _is_noise(state, range(span[0], span[-1] + 1)):
                state.give(parameter, plain_words(state, span), span)
                state.spend([i for i in run if state.free(i)], parameter.name)
                return True
    return False


def _query_span(state: State, start: int) -> list[int]:
    span: list[int] = []
    for index in range(start, len(state.tokens)):
        if not state.free(index):
            break
        span.append(index)
    while span and (state.tokens[span[-1]].lower in TRAILERS or state.tokens[span[-1]].kind == "punct"):
        span.pop()
    while span and state.tokens[span[0]].lower in DETERMINERS:
        span.pop(0)
    return span


def _subjects(state: State, parameter: Parameter) -> set[int]:
    """The words of files' names that a question is about: "when does the *parents' evening* end"."""
    told = [m for m in state.mentions if m.sure is Sure.WORDS and len(m.words) > 1 and "question" in parameter.words]
    return {i for m in told if state.tokens[m.start].lower not in PREPOSITIONS for i in m.tokens}


def _fill_whole_question(state: State, parameter: Parameter) -> None:
    """Take the free words of the step as the query, the file's name left out."""
    lead = 0 if state.clause.inherited_verb or state.clause.verb in STOPWORDS else 1
    span = [i for i in range(lead, len(state.tokens)) if state.free(i) or i in _subjects(state, parameter)]
    while span and state.tokens[span[0]].lower in DETERMINERS:
        span.pop(0)
    while span and state.tokens[span[-1]].kind == "punct":
        span.pop()
    words = [i for i in span if state.tokens[i].lower not in STOPWORDS and state.tokens[i].kind != "punct"]
    if not words and "question" in parameter.words:  # words that also name a file are still what it is about
        span = [i for i in range(lead, len(state.tokens)) if state.tokens[i].kind not in ("punct", "file")]
        words = [i for i in span if state.tokens[i].lower not in STOPWORDS]
    if words:
        text = re.sub(r"\s+", " ", " ".join(state.tokens[i].text for i in span))
        state.give(parameter, text, span)
