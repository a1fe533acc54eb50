"""Replacing words wherever they stand: slides, tables, groups, notes, charts, SmartArt."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from copilot.documents.hunks import Edited, Hunk
from copilot.documents.powerpoint import related
from copilot.documents.powerpoint.deck import Deck, Slide, placeholder_type
from copilot.documents.powerpoint.matching import not_found, pattern
from copilot.documents.powerpoint.names import Element, is_, tags
from copilot.documents.powerpoint.paragraphs import checked, replace_spans, text_of
from copilot.documents.powerpoint.places import paragraph_place
from copilot.errors import ToolInputError

SIGNED = "The file is digitally signed; the change makes the signature invalid."


@dataclass(frozen=True, slots=True)
class Passage:
    """A paragraph with its place. `shadow`: it repeats another one (how a diagram was last drawn)."""

    text: str
    where: str
    part: str
    paragraph: Element
    shadow: bool = False


def passages(deck: Deck, slides: Collection[int] | None = None) -> Iterator[Passage]:
    """Yield all paragraphs of the slides (all, or those with these numbers) that can be edited."""
    for number in slides or ():
        deck.slide(number)
    for slide in deck.slides():
        if slides is None or slide.number in slides:
            yield from _of_slide(deck, slide)


def _of_slide(deck: Deck, slide: Slide) -> Iterator[Passage]:
    name = f"slide {slide.number}"
    package = deck.package
    for paragraph in _paragraphs(package.xml(slide.part)):
        place = paragraph_place(paragraph)
        yield Passage(text_of(paragraph), f"{name}, {place}", slide.part, paragraph, _is_fallback(paragraph))
    for part in related.chart_parts(package, slide):
        for paragraph in _paragraphs(package.xml(part)):
            yield Passage(text_of(paragraph), f"{name}, chart text", part, paragraph)
    for part in related.diagram_parts(package, slide):
        for paragraph in _paragraphs(package.xml(part)):
            yield Passage(text_of(paragraph), f"{name}, SmartArt", part, paragraph)
    for part in related.drawing_parts(package, slide):
        for paragraph in _paragraphs(package.xml(part)):
            yield Passage(text_of(paragraph), f"{name}, SmartArt", part, paragraph, shadow=True)
    if notes := deck.notes_part(slide):
        for paragraph in _paragraphs(package.xml(notes)):
            place = paragraph_place(paragraph)
            place = "notes" if place == "body" else f"notes page, {place}"
            yield Passage(text_of(paragraph), f"{name}, {place}", notes, paragraph)


def _paragraphs(root: Element) -> Iterator[Element]:
    return (p for p in root.iter(*tags("a:p")) if p.getparent() is not None)


def _is_fallback(paragraph: Element) -> bool:
    return any(is_(element, "mc:Fallback") for element in paragraph.iterancestors())


def masters_passages(deck: Deck) -> Iterator[Passage]:
    """Yield the texts of slide masters and layouts that stand on many slides; not what placeholders prompt for."""
    named = [("slide master", part) for part in deck.masters()]
    named += [(f"layout {name!r}", part) for name, part in deck.layouts()]
    for name, part in named:
        for paragraph in _paragraphs(deck.package.xml(part)):
            if not _is_prompt(paragraph):
                yield Passage(text_of(paragraph), f"{name}, {paragraph_place(paragraph)}", part, paragraph)


def _is_prompt(paragraph: Element) -> bool:
    shape = next((e for e in paragraph.iterancestors() if is_(e, "p:sp")), None)
    kind = None if shape is None else placeholder_type(shape)
    return kind is not None and kind not in ("ftr", "dt", "hdr")


@dataclass(frozen=True, slots=True)
class Found:
    """A passage in which words were found, with their spans."""

    passage: Passage
    spans: tuple[tuple[int, int], ...]


def search(
    deck: Deck, find: str, *, match_case: bool = True, whole_word: bool = False, slides: Collection[int] | None = None
) -> list[Found]:
    """Return where words occur: as they are written, else with any kind of space, quote and dash."""
    everything = list(passages(deck, slides))
    for exact in (True, False):
        wanted = pattern(find, match_case=match_case, whole_word=whole_word, exact=exact)
        if found := _matches(everything, wanted):
            return found
    return []


def _matches(everything: list[Passage], wanted: re.Pattern[str]) -> list[Found]:
    return [Found(p, s) for p in everything if (s := tuple(m.span() for m in wanted.finditer(p.text) if m[0]))]


def replace_text(
    content: bytes,
    find: str,
    replace: str,
    *,
    match_case: bool = True,
    whole_word: bool = False,
    slides: Collection[int] | None = None,
    masters: bool = False,
) -> Edited:
    """Return the presentation with `find` replaced wherever it occurs, one hunk for each paragraph.

    The new words take the format of the first run that they replace. `slides` limits it to these numbers;
    `masters` includes texts on slide masters and layouts. Comments are other people's words and stay.

    Raises ToolInputError when `find` is empty or does not occur (with the closest passages), DocumentError.
    """
    if not find.strip():
        raise ToolInputError("There is nothing to look for: `find` is empty.", code="arguments")
    new = checked(replace, "replacement")
    deck = Deck.open(content)
    found = search(deck, find, match_case=match_case, whole_word=whole_word, slides=slides)
    wanted = pattern(find, match_case=match_case, whole_word=whole_word)
    if masters:
        found += _matches(list(masters_passages(deck)), wanted)
    if not found:
        raise _absent(deck, find, slides)
    hunks, fixed = _write(deck, found, new)
    if not hunks:
        why = (
            f"it stands only where nothing can be written ({fixed[0]})" if fixed else "it is already written like that"
        )
        raise ToolInputError(f"Replacing {find!r} would change nothing: {why}.", code="no_change")
    return Edited.of(deck.package.save(), hunks, [*fixed, *_warnings(deck, wanted, masters=masters)])


def _absent(deck: Deck, find: str, slides: Collection[int] | None) -> ToolInputError:
    places = [(p.text, p.where) for p in passages(deck, slides)]
    other_case = pattern(find, match_case=False, exact=False)
    for what, where in _untouchable(deck):
        if other_case.search(what):
            raise ToolInputError(
                f"{find!r} occurs only in {where}, which is not edited here.", hint="Change it there.", code="no_change"
            )
    return not_found(find, places, case=any(other_case.search(text) for text, _ in places))


def _untouchable(deck: Deck) -> Iterator[tuple[str, str]]:
    """Yield texts that are shown but not edited here, with what they belong to."""
    for slide in deck.slides():
        for part in related.chart_parts(deck.package, slide):
            rows = related.chart_data(deck.package.xml(part)).rows
            yield "\n".join(cell for row in rows for cell in row), f"the data of a chart on slide {slide.number}"
        for remark in related.remarks(deck.package, slide):
            yield remark.text, f"a comment on slide {slide.number}"


def _write(deck: Deck, found: list[Found], new: str) -> tuple[list[Hunk], list[str]]:
    """Write into all passages; return the hunks, and warnings about places that can't be written into."""
    hunks: list[Hunk] = []
    fixed: list[str] = []
    for each in found:
        passage = each.passage
        done = replace_spans(passage.paragraph, [(start, end, new) for start, end in each.spans])
        if done:
            deck.package.touch(passage.part)
        if done < len(each.spans):
            fixed.append(f"{passage.where}: words in a field or formula were left as they are.")
        after = text_of(passage.paragraph)
        hunk = Hunk(passage.where, passage.text, after)
        if done and after != passage.text and not (passage.shadow and hunk in hunks):
            hunks.append(hunk)
    return hunks, fixed


def _warnings(deck: Deck, wanted: re.Pattern[str], *, masters: bool) -> list[str]:
    found = [SIGNED] if deck.package.signed else []
    for text, where in _untouchable(deck):
        if wanted.search(text):
            found.append(f"The words also stand in {where}, which was not changed.")
    if not masters and any(wanted.search(p.text) for p in masters_passages(deck)):
        found.append("The words also stand on a slide master or layout, which was not changed.")
    return found
