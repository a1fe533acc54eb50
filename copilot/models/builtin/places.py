"""Filling counts, indexes, headings, styles and block addresses."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from copilot.models.builtin.lexing import number
from copilot.models.builtin.state import SLOT_NOUNS, State
from copilot.models.builtin.structure import Hit, open_hits, outline_of, with_noun
from copilot.models.builtin.toolview import Parameter
from copilot.models.builtin.words import DETERMINERS, NUMBER_WORDS, ORDINALS, SUPERLATIVES


def fill_numbers(state: State) -> None:
    """Fill counts and indexes: "slide 3", "top 5", "the second slide"."""
    ranked_rows = any(p.slot.kind == "column" for p in state.view.parameters)
    for parameter in state.open("number"):
        names = parameter.words.split()
        cues = (*parameter.slot.cues, *names, *(("top", "first") if {"limit", "n", "count"} & set(names) else ()))
        for index, token in enumerate(state.tokens):
            value = NUMBER_WORDS.get(token.lower) if token.kind == "word" else number(token.value)
            if token.kind not in ("word", "number") or value is None or not state.free(index):
                continue
            ranked = "top" in cues and _beside_superlative(state, index)
            if (
                ranked
                or any(state.phrase_ends_at(c, index) for c in cues)
                or (parameter.required and token.kind == "number")
            ):
                whole = int(value) if int(value) == value else value
                state.give(parameter, whole if parameter.types & {int, float} else str(whole), [index])
                if state.before(index) in cues:
                    state.spend([index - 1], parameter.name)
                break
        if parameter.name not in state.args:
            _fill_ordinal(state, parameter, names)
        if parameter.name not in state.args and ranked_rows and "top" in cues and _asks_for_one(state):
            state.args[parameter.name] = 1
        if ranked_rows and "top" in cues and parameter.name not in set(state.used.values()) and not _ranks(state):
            state.missing.setdefault(parameter.name, "are the highest or the lowest meant, and how many?")
        if parameter.required and parameter.name not in state.args:
            state.missing[parameter.name] = f"which {parameter.words}?"


def _beside_superlative(state: State, index: int) -> bool:
    """Whether a number counts what is best: "the 3 cheapest items", "the highest two"."""
    after = state.tokens[index + 1].lower if index + 1 < len(state.tokens) else ""
    return after in SUPERLATIVES or state.before(index) in SUPERLATIVES


def _ranks(state: State) -> bool:
    return any(t.lower in SUPERLATIVES or t.lower in ("first", "rank", "ranking", "leading") for t in state.tokens)


def _asks_for_one(state: State) -> bool:
    """Whether a question is about the first one alone: "who is the client with the highest fees"."""
    words = [t.lower for t in state.tokens]
    if state.clause.verb not in ("who", "which", "what", "whose") or not set(words) & SUPERLATIVES:
        return False
    return len(words) > 2 and not (
        words[1].endswith("s") and not words[1].endswith("ss") and words[1] not in ("is", "has")
    )


def _fill_ordinal(state: State, parameter: Parameter, names: Sequence[str]) -> None:
    for index, token in enumerate(state.tokens):
        after = state.tokens[index + 1].lower if index + 1 < len(state.tokens) else ""
        if token.lower in ORDINALS and ORDINALS[token.lower] > 0 and after in (*names, *parameter.slot.cues):
            value = ORDINALS[token.lower]
            state.give(parameter, value if parameter.types & {int, float} else str(value), [index, index + 1])
            return


def fill_places(state: State) -> None:
    """Fill headings, styles and block addresses from what the document has."""
    outline = outline_of(state)
    headings = [h.text for h in outline.headings] if outline else []
    for parameter in state.open("heading"):
        if _give_pending(state, parameter):
            continue
        _give_name(state, parameter, {form: h for h in headings for form in (h, re.sub(r"^[\dIVX.]+[.)]?\s+", "", h))})
    for parameter in state.open("style"):
        _give_name(state, parameter, {s: s for s in (outline.styles if outline else ())})
    for parameter in state.open("address"):
        if _give_quoted(state, parameter):
            continue
        places = {s.where: s.address for s in state.doc.segments() if s.address} if state.doc else {}
        named = {f"heading {h.text}": h.address for h in (outline.headings if outline else ()) if h.address}
        whole = _sections(state) if parameter.list_like else {}
        _give_name(state, parameter, {**places, **{a: a for a in places.values()}, **named, **whole})


def _give_quoted(state: State, parameter: Parameter) -> bool:
    """Fill the paragraph that is named by its text: "delete the paragraph “Sale items are exchanged only.”"."""
    quotes = [i for i, t in enumerate(state.tokens) if t.kind == "quote" and state.free(i)]
    blocks = [s for s in state.doc.segments() if s.address] if state.doc else []
    for index in quotes:
        said = state.tokens[index].value.strip()
        noun = state.before(index) in ("paragraph", "line", "bullet", "item")
        same = [s for s in blocks if (said in s.text if noun else s.text.strip() == said)]
        if len(same) == 1 and same[0].kind not in ("table", "cell"):
            value = same[0].address
            state.give(parameter, [value] if parameter.list_like else value, [index - 1, index] if noun else [index])
            return True
    return False


def _sections(state: State) -> dict[str, str | list[str]]:
    """Return the ways to name a section as a whole, with the addresses of its heading and of all that is under it."""
    outline = outline_of(state)
    headings = {h.address: h for h in (outline.headings if outline else ()) if h.address}
    blocks = [s.address for s in state.doc.segments() if s.address] if state.doc else []
    found: dict[str, str | list[str]] = {}
    for start, address in enumerate(blocks):
        heading = headings.get(address)
        if heading is None:
            continue
        after = (i for i in range(start + 1, len(blocks)) if blocks[i] in headings)
        end = next((i for i in after if headings[blocks[i]].level <= heading.level), len(blocks))
        for name in dict.fromkeys((heading.text, re.sub(r"^[\dIVX.]+[.)]?\s+", "", heading.text))):
            forms = [f"{noun} {name}" for noun in _WHOLE] + [f"{name} {noun}" for noun in _WHOLE]
            forms += [f"{name} {tail}" for tail in _WITH_TEXT] + [f"{name} heading {tail}" for tail in _WITH_TEXT]
            forms += [f"heading {name} {tail}" for tail in _WITH_TEXT]
            found |= {form: list(dict.fromkeys(blocks[start:end])) for form in forms}
            found[f"{name} heading"] = address
    return found


_WHOLE = ("section", "chapter", "clause", "part")
_JOINTS = ("and its", "with its", "and all its", "and the", "together with its")
_TEXTS = ("text", "content", "contents", "paragraphs", "paragraph", "section")
_WITH_TEXT = (
    *(f"{joint} {noun}" for joint in _JOINTS for noun in _TEXTS),
    "and everything under it",
    "and everything below it",
    "and all under it",
    "and the text below it",
)


def _give_pending(state: State, parameter: Parameter) -> bool:
    """Fill "below it" with what the step before would write."""
    for index, token in enumerate(state.tokens):
        if state.pending and token.lower == "it" and state.before(index) in ("below", "under", "after", "beneath"):
            state.give(parameter, state.pending[-1], [index - 1, index])
            return True
    return False


def _word_before(state: State, index: int) -> str:
    """The word before a name, articles and "heading" left out."""
    while index and state.before(index) in DETERMINERS | {"heading", "chapter"}:
        index -= 1
    return state.before(index)


def _plain_and_needed(state: State, hit: Hit, parameter: Parameter) -> bool:
    quoted = any(state.tokens[i].kind == "quote" for i in hit.run)
    return parameter.required and not quoted


def _only_noun(state: State, hit: Hit) -> bool:
    """Whether the words are the plain noun of a style: "add a list" names no style "List"."""
    words = [state.tokens[i] for i in hit.run]
    return all(w.kind == "word" and w.text.islower() for w in words) and not with_noun(state, hit.run, "style")


_NAMED_PARTS = ("section", "chapter", "clause", "sheet", "tab", "worksheet")


def _before_noun(state: State, hit: Hit) -> bool:
    """Whether the name stands before "section": then it is one that is there."""
    return hit.run.stop < len(state.tokens) and state.tokens[hit.run.stop].lower in _NAMED_PARTS


def _give_name(state: State, parameter: Parameter, names: Mapping[str, str | list[str]]) -> None:
    cues = {c for cue in parameter.slot.cues for c in cue.split()} | {"under", "after", "below", "before", "section"}
    hits = open_hits(state, names)
    if parameter.slot.kind == "style":  # "header" is a style too, "the heading" none
        hits = [h for h in hits if h.exact and not _only_noun(state, h)]
    if parameter.slot.kind == "heading":  # in "add a heading 'Risks'" the name is new, even if there is one already
        hits = [
            h
            for h in hits
            if _word_before(state, h.run.start) in cues - {"heading"}
            or _plain_and_needed(state, h, parameter)
            or _before_noun(state, h)
        ]
    hits.sort(key=lambda h: (not with_noun(state, h.run, "heading"), state.before(h.run.start) not in cues))
    if hits:
        hit = hits[0]
        kind = parameter.slot.kind if parameter.slot.kind in SLOT_NOUNS else "heading"
        value = names[hit.name]
        given = [value] if parameter.list_like and isinstance(value, str) else value
        state.give(parameter, given, with_noun(state, hit.run, kind) or hit.run)
        start = min(hit.run.start, *(i for i, n in state.used.items() if n == parameter.name))
        while start and state.before(start) in cues | DETERMINERS:
            start -= 1
            state.spend([start], parameter.name)
    elif parameter.required:
        state.missing[parameter.name] = f"which {parameter.words}? I find none of that name"
