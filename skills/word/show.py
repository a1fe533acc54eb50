"""How the skill shows a document to a model and a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # they bring much along, and every command loads the skills
    from copilot.documents.segments import Heading, Outline, Reading
    from copilot.documents.word.comments import Comment
    from copilot.documents.word.controls import Control
    from copilot.documents.word.revisions import Revision
    from copilot.documents.word.templates import Field

_SHOWN = 100  # tracked changes in one list

_FLAGS = {
    "macros": "it carries macros",
    "signed": "it is digitally signed",
    "tracked-changes": "it has tracked changes",
    "comments": "it has comments",
    "hidden-text": "it has hidden text",
    "external-content": "it loads content from outside",
}


def reading_text(name: str, reading: Reading, outline: Outline | None, following: str) -> str:
    """Return a reading as Markdown with its name, warnings, and where it goes on."""
    remarks = [words for flag, words in _FLAGS.items() if flag in reading.flags]
    parts = [f"{name} ({', '.join(remarks)})" if remarks else name]
    if outline is not None:
        parts.append(outline_text(name, outline, styles=False))
        parts.append("The first part:")
    parts.append(reading.markdown or "(no text)")
    if reading.omitted:
        parts.append("Not shown: " + "; ".join(reading.omitted) + ".")
    if following:
        parts.append(f"It goes on: read with at={following!r}.")
    return "\n\n".join(parts)


def outline_text(name: str, outline: Outline, *, styles: bool = True) -> str:
    """Return the headings as an indented list with addresses, and the names of the styles."""
    lines = [f"Outline of {name}{f': {outline.title}' if outline.title else ''}"]
    lines += [f"{'  ' * (h.level - 1)}- {h.text} {{{h.address}}}{_below(h)}" for h in outline.headings]
    if not outline.headings:
        lines.append("It has no headings.")
    if styles:
        lines.append(f"Styles: {', '.join(outline.styles)}.")
    return "\n".join(lines)


def revisions_text(name: str, found: Sequence[Revision]) -> str:
    """Return the tracked changes as a list: id, who, when, what, where."""
    if not found:
        return f"{name} has no tracked changes."
    lines = [f"- [{r.id}] {_who(r)}: {_what(r)} ({r.where} {{{r.address}}})" for r in found[:_SHOWN]]
    more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    count = "1 tracked change" if len(found) == 1 else f"{len(found)} tracked changes"
    return "\n".join([f"{name} has {count}:", *lines, *more])


def comments_text(name: str, found: Sequence[Comment]) -> list[str]:
    """Return the comments as a list, answers below what they answer; nothing when there are none."""
    if not found:
        return []
    lines = [f"{'  - answer' if c.parent else '-'} [{c.id}] {_written(c)}: {c.text}{_about(c)}" for c in found[:_SHOWN]]
    more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    count = "1 comment" if len(found) == 1 else f"{len(found)} comments"
    return ["\n".join([f"{name} has {count}:", *lines, *more])]


def _written(comment: Comment) -> str:
    when = f", {comment.date[:10]}" if comment.date else ""
    return f"{comment.author or 'an unnamed author'}{when}{', resolved' if comment.done else ''}"


def _about(comment: Comment) -> str:
    if comment.parent or not comment.address:
        return ""
    on = f"on {_short(comment.anchor, 120)!r} " if comment.anchor else ""
    return f" ({on}{{{comment.address}}})"


def _who(revision: Revision) -> str:
    when = f", {revision.date[:10]}" if revision.date else ""
    return f"{revision.author or 'an unnamed author'}{when}"


def _what(revision: Revision) -> str:
    before, after = (f"{_short(text, 120)!r}" if text else "" for text in (revision.before, revision.after))
    if before and after and before != after:
        return f"{revision.kind}: {before} becomes {after}"
    details = f" ({revision.details})" if revision.details else ""
    return f"{revision.kind}: {after or before}{details}"


def _below(heading: Heading) -> str:
    counts = ((heading.words, "word"), (heading.tables, "table"), (heading.pictures, "picture"))
    told = [f"{count:,} {what}{'' if count == 1 else 's'}" for count, what in counts if count]
    return f" ({', '.join(told)})" if told else ""


def fields_text(name: str, asked: Sequence[Field], controls: Sequence[Control]) -> str:
    """Return what a template asks for, as a list."""
    if not asked and not controls:
        return f"{name} has no fields to fill in."
    lines = [f"{name} asks for:", *(line for each in asked for line in _field(each, ""))]
    for control in controls:
        choices = f": {', '.join(c.shown for c in control.choices)}" if control.choices else ""
        value = f" = {_short(control.value, 60)!r}" if control.value else " (empty)"
        lines.append(f"- control {control.name} ({control.kind}{choices}){value}, {control.where}")
    return "\n".join(lines)


def _field(field: Field, indent: str) -> list[str]:
    own = f"{indent}- {field.name} ({field.kind}) {field.mark}, {field.where}"
    return [own, *(line for inner in field.inner for line in _field(inner, indent + "  "))]


def _short(text: str, length: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"
