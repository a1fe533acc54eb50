"""The tools of the skill `powerpoint`."""

from __future__ import annotations

import dataclasses
from pathlib import PurePath
from typing import Annotated

from pydantic import Field

from copilot.documents import powerpoint, reading
from copilot.errors import ToolInputError
from copilot.plugins.context import ToolContext
from copilot.plugins.tools import Result, tool
from copilot.slots import (
    EXCEL_SUFFIXES,
    PDF_SUFFIXES,
    POWERPOINT_SUFFIXES,
    TEXT_SUFFIXES,
    WORD_SUFFIXES,
    PowerPointPath,
    Slot,
)
from copilot.workspace.change import Change

from .show import head, new_slides, not_shown, outline_text, within

_READ = 24_000  # characters of Markdown in one result
_FOUND = 40  # places that one search shows
_SOURCES = WORD_SUFFIXES + TEXT_SUFFIXES + EXCEL_SUFFIXES + PDF_SUFFIXES

SlideNumber = Annotated[
    int, Slot("number", cues=("slide", "slide number")), Field(description="The slide's number, from 1.", ge=1)
]
OneSlide = Annotated[
    int | None,
    Slot("number", cues=("slide", "slide number", "page")),
    Field(description="Only this slide, by number from 1; all if left out.", ge=1),
]
NewDeck = Annotated[
    str, Slot("new_document", (".pptx",)), Field(description='The name of the new file, such as "pitch.pptx".')
]
Template = Annotated[
    str,
    Slot("document", POWERPOINT_SUFFIXES, cues=("template", "in the style of", "with the design of", "based on")),
    Field(description="A presentation or template whose design is used; a plain design if left out."),
]


@tool(
    examples=[
        "outline of kickoff-deck.pptx",
        "list the slides of the deck",
        "what slides does the presentation have?",
        "show me the slide titles in pitch.pptx",
        "how many slides are in the kickoff deck?",
    ],
    cues=["outline", "slides", "slide titles", "titles", "list", "structure", "agenda", "how many slides", "layouts"],
)
def outline(context: ToolContext, path: PowerPointPath) -> Result:
    """List the slides of a presentation by number and title, and the names of its layouts."""
    file = context.open(path)
    found = powerpoint.outline(file.content)
    data = {
        "title": found.title,
        "slides": [{"slide": n, "title": h.text} for n, h in enumerate(found.headings, start=1)],
        "layouts": list(found.styles),
    }
    return Result(outline_text(file.name, found), data, tuple(f"{file.name}, {h.where}" for h in found.headings))


@tool(
    examples=[
        "read kickoff-deck.pptx",
        "show me slide 3 of the deck",
        "what is on slide 5 of pitch.pptx?",
        "what does the presentation say?",
        "show slide 2 of kickoff-deck.pptx",
    ],
    cues=["read", "show", "open", "slide", "what is on", "content", "text", "say", "print"],
)
def read(
    context: ToolContext,
    path: PowerPointPath,
    slide: OneSlide = None,
    last: Annotated[int | None, Field(description="Read from `slide` up to this one.", ge=1)] = None,
) -> Result:
    """Read slides as Markdown: titles, bullets, tables, charts, SmartArt, notes, comments. Long decks come in parts."""
    file = context.open(path)
    texts = list(enumerate(powerpoint.slide_texts(file.content), start=1))
    if slide is not None and slide > len(texts):
        have = f"The presentation has slides 1 to {len(texts)}." if texts else "The presentation has no slides."
        raise ToolInputError(f"There is no slide {slide} in {file.name}.", hint=have, code="unknown_slide")
    end = last or slide or len(texts)
    shown, left = within([entry for entry in texts if (slide or 1) <= entry[0] <= end], _READ)
    numbers = list(range(slide or 1, (slide or 1) + len(shown)))
    whole = reading.read(file.content, file.name)
    parts = [head(file.name, whole), *(shown or ["(no slides)"]), not_shown(whole, numbers)]
    if left:
        parts.append(f"It goes on: read with slide={left[0]}, last={left[-1]}.")
    places = {f"slide {n}" for n in numbers}
    segments = [s.to_dict() for s in whole.segments if s.address in places]
    data = {"slides": numbers, "next": left[:1], "segments": segments, "flags": list(whole.flags)}
    data["omitted"] = list(whole.omitted)
    return Result("\n\n".join(p for p in parts if p), data, tuple(f"{file.name}, slide {n}" for n in numbers))


@tool(
    examples=[
        'find "budget" in kickoff-deck.pptx',
        "which slides mention Brightwater?",
        "where does the deck talk about training?",
        'search the presentation for "pilot"',
        "on which slide is the timeline",
    ],
    cues=["find", "which slide", "which slides", "where", "search", "mention", "occur", "contains"],
)
def find(
    context: ToolContext,
    path: PowerPointPath,
    query: Annotated[str, Slot("query"), Field(description="Words as they stand on the slides.")],
    match_case: bool = False,
    whole_word: bool = False,
) -> Result:
    """Find words in a presentation: every place with its slide and the passage, notes and comments included."""
    file = context.open(path)
    found = powerpoint.find(file.content, query, match_case=match_case, whole_word=whole_word)
    data = [{"where": where, "text": text, "times": times} for where, text, times in found]
    if not found:
        return Result(f"{file.name} does not contain {query!r}.", data)
    lines = [f"- {where}: {' '.join(text.split())[:300]}" for where, text, _ in found[:_FOUND]]
    more = [f"and {len(found) - _FOUND} more"] if len(found) > _FOUND else []
    count = "1 place" if len(found) == 1 else f"{len(found)} places"
    title = f"{query!r} stands in {file.name} at {count}:"
    sources = tuple(dict.fromkeys(f"{file.name}, {where}" for where, *_ in found[:_FOUND]))
    return Result("\n".join([title, *lines, *more]), data, sources)


@tool(
    examples=[
        "show the speaker notes of kickoff-deck.pptx",
        "what are the notes on slide 3 of the deck?",
        "read the notes of the presentation",
        "what should I say on slide 5",
    ],
    cues=["notes", "speaker notes", "read notes", "show notes", "say", "presenter"],
)
def read_notes(context: ToolContext, path: PowerPointPath, slide: OneSlide = None) -> Result:
    """Read the speaker notes of a presentation."""
    file = context.open(path)
    found = [entry for entry in powerpoint.notes(file.content) if slide in (None, entry[0])]
    data = [{"slide": number, "title": title, "notes": text} for number, title, text in found]
    if not found:
        where = file.name if slide is None else f"slide {slide} of {file.name}"
        return Result(f"There are no speaker notes in {where}.", data)
    parts = [f"Slide {number}{f' ({title})' if title else ''}:\n{text}" for number, title, text in found]
    return Result("\n\n".join(parts), data, tuple(f"{file.name}, slide {number}, notes" for number, *_ in found))


@tool(
    effect="write",
    examples=[
        "replace Brightwater with Contoso in kickoff-deck.pptx",
        'change "31 %" to "29 %" on slide 3 of the deck',
        "rename Project Harbour to Project Anchor everywhere in the presentation",
        'swap "Tom Okafor" for "Ann Lee" in pitch.pptx',
        "update 2026 to 2027 in the slides",
    ],
    cues=["replace", "change", "rename", "swap", "substitute", "correct", "update", "everywhere", "instead of"],
)
def replace_text(
    context: ToolContext,
    path: PowerPointPath,
    find: Annotated[str, Slot("found_text"), Field(description="The exact words on the slides.")],
    replace: Annotated[
        str, Slot("text", cues=("with", "by", "to", "into", "for")), Field(description="The new words.")
    ],
    slide: OneSlide = None,
    match_case: bool = True,
    whole_word: bool = False,
    masters: Annotated[bool, Field(description="Also on slide masters and layouts.")] = False,
) -> Change:
    """Replace words wherever they stand in a presentation (text, tables, notes, SmartArt), keeping the formatting."""
    file = context.open(path)
    edited = powerpoint.replace_text(
        file.content,
        find,
        replace,
        match_case=match_case,
        whole_word=whole_word,
        slides=None if slide is None else (slide,),
        masters=masters,
    )
    return context.edit(file, edited, f"Replace {find!r} with {replace!r} in {file.name}")


@tool(
    effect="write",
    examples=[
        'set the notes of slide 2 in kickoff-deck.pptx to "Introduce the team first."',
        'change the speaker notes of slide 3 to "Mention the visit to Leeds"',
        'replace the notes on slide 5 of the deck with "Skip if late"',
    ],
    cues=["set notes", "notes", "speaker notes", "change the notes", "replace the notes", "rewrite the notes"],
)
def set_notes(
    context: ToolContext,
    path: PowerPointPath,
    slide: SlideNumber,
    text: Annotated[
        str, Slot("text", cues=("to", "as", "with")), Field(description="The notes; each line is a paragraph.")
    ],
) -> Change:
    """Write the speaker notes of a slide; they replace the present ones."""
    file = context.open(path)
    edited = powerpoint.set_notes(file.content, slide, text)
    return context.edit(file, edited, f"Write the notes of slide {slide} in {file.name}")


@tool(
    effect="write",
    examples=[
        'add the speaker note "Keep it short" to slide 4 of the deck',
        'add "Mention the visit to Leeds" to the notes of slide 3',
        'write "Ask for questions" in the notes of slide 8 of kickoff-deck.pptx',
        'append a note to slide 1 in pitch.pptx: "Smile"',
    ],
    cues=["add note", "add a note", "speaker note", "add to the notes", "append note", "note", "in the notes"],
)
def add_notes(
    context: ToolContext,
    path: PowerPointPath,
    slide: SlideNumber,
    text: Annotated[str, Slot("text", cues=("note",)), Field(description="What to add; each line is a paragraph.")],
) -> Change:
    """Add to the speaker notes of a slide, below what stands there."""
    file = context.open(path)
    present = next((notes for number, _, notes in powerpoint.notes(file.content) if number == slide), "")
    edited = powerpoint.set_notes(file.content, slide, f"{present}\n{text}" if present else text)
    return context.edit(file, edited, f"Add to the notes of slide {slide} in {file.name}")


@tool(
    effect="write",
    examples=[
        'change the title of slide 2 in kickoff-deck.pptx to "Our plan"',
        'rename slide 5 to "Milestones" in the deck',
        'set the headline of slide 3 to "Why now"',
        'retitle slide 1 of pitch.pptx as "Welcome"',
    ],
    cues=["title", "headline", "retitle", "rename slide", "title of slide", "heading"],
)
def set_title(
    context: ToolContext,
    path: PowerPointPath,
    slide: SlideNumber,
    title: Annotated[str, Slot("text", cues=("to", "as")), Field(description="The new title.")],
) -> Change:
    """Change the title of a slide, keeping its formatting."""
    file = context.open(path)
    edited = powerpoint.set_title(file.content, slide, title)
    return context.edit(file, edited, f"Change the title of slide {slide} in {file.name}")


@tool(
    effect="write",
    examples=[
        'add a slide "Risks" to kickoff-deck.pptx with "Supply", "Staff" and "Weather"',
        'append a slide titled "Questions" to the deck',
        'insert a new slide "Summary" as slide 2 of pitch.pptx',
        'put a slide called "Next steps" at the end of the presentation',
    ],
    cues=["add slide", "add a slide", "new slide", "insert slide", "append slide", "slide called", "slide titled"],
)
def add_slide(
    context: ToolContext,
    path: PowerPointPath,
    title: Annotated[
        str, Slot("text", cues=("slide", "titled", "called", "named")), Field(description="The title of the slide.")
    ],
    bullets: Annotated[
        list[str],
        Slot("text", cues=("with", "bullets", "points"), many=True),
        Field(description="Its points; two leading spaces for each level of indentation."),
    ] = [],  # noqa: B006 - never changed
    layout: Annotated[str, Field(description="Name of a layout (see outline); a plain one if left out.")] = "",
    position: Annotated[
        int | None,
        Slot("number", cues=("as slide", "at position", "position")),
        Field(description="The number that the slide gets; the last if left out.", ge=1),
    ] = None,
    notes: Annotated[str, Field(description="Its speaker notes.")] = "",
) -> Change:
    """Add a slide in one of the presentation's own layouts."""
    file = context.open(path)
    edited = powerpoint.add_slide(file.content, title, bullets, layout=layout or None, position=position, notes=notes)
    return context.edit(file, edited, f"Add {edited.hunks[0].where} ({title!r}) to {file.name}")


@tool(
    effect="write",
    examples=[
        'create a presentation pitch.pptx with the slides "Problem; Solution; Market; Team"',
        'make a new deck offer.pptx from the outline "Offer, Scope, Price, Next steps"',
        "create slides for the board meeting in board.pptx",
        'new presentation training.pptx: "Welcome; Rules; Questions"',
    ],
    cues=["create", "new presentation", "new deck", "make a deck", "make slides", "make a presentation", "outline"],
)
def create(
    context: ToolContext,
    path: NewDeck,
    outline: Annotated[
        str,
        Slot("text", cues=("outline", "slides", "with")),
        Field(
            description="Markdown: '# ' for the title slide and for sections, '## ' for each slide, lists for its "
            "points, tables for tables, 'Notes: ...' for speaker notes."
        ),
    ],
    template: Annotated[
        str, Field(description="A presentation or template whose design is used; a plain design if left out.")
    ] = "",
) -> Change:
    """Create a presentation from an outline: title slide, slides with bullets, tables, notes. Long lists are split."""
    design = context.open(template).content if template else None
    content = powerpoint.create(outline, design)
    return _created(context, path, content)


@tool(
    effect="write",
    examples=[
        "make a presentation from quarterly-report.docx",
        "turn contract.docx into slides",
        "turn the report into a presentation",
        "create a deck summary.pptx from the report",
        "build slides from meeting-notes.docx in the style of kickoff-deck.pptx",
        "convert notes.md to a PowerPoint",
    ],
    cues=[
        "presentation from",
        "deck from",
        "slides from",
        "into slides",
        "into a presentation",
        "into a deck",
        "presentation",
        "to powerpoint",
        "deck of",
        "slides about",
    ],
)
def create_from_document(
    context: ToolContext,
    source: Annotated[str, Slot("document", _SOURCES), Field(description="A Word, Markdown, text, Excel or PDF file.")],
    path: Annotated[
        str, Slot("new_document", (".pptx",)), Field(description="The new file; named after the source if left out.")
    ] = "",
    template: Template = "",
) -> Change:
    """Create a presentation from a document: headings become slides, lists and key sentences bullets, tables tables."""
    file = context.open(source)
    plans = powerpoint.from_reading(reading.read(file.content, file.name))
    if len(plans) < 2:
        raise ToolInputError(f"There is nothing in {file.name} that slides could be made of.", code="empty")
    design = context.open(template).content if template else None
    change = _created(context, path or _free_name(context, file.name), powerpoint.create(plans, design))
    left_out = tuple(f"{plan.title}: the slide leaves out {plan.left_out}." for plan in plans if plan.left_out)
    return dataclasses.replace(change, warnings=change.warnings + left_out)


def _free_name(context: ToolContext, name: str) -> str:
    """Return the name of a file that is not there yet, after the source's name."""
    stem = PurePath(name).with_suffix("")
    names = (f"{stem}{suffix}.pptx" for suffix in ("", *(f"-{n}" for n in range(2, 1000))))
    return next((found for found in names if not context.exists(found)), f"{stem}.pptx")


def _created(context: ToolContext, path: str, content: bytes) -> Change:
    name = path if path.lower().endswith(".pptx") else f"{path}.pptx"
    texts = powerpoint.slide_texts(content)
    return context.create(name, content, f"Create {name} with {len(texts)} slides", new_slides(texts))
