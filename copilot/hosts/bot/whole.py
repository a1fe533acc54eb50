"""The whole of what an approval asks for, as a Word document: for who does not want to turn the pages of a card."""

from __future__ import annotations

import asyncio
import io
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from copilot.documents.worddiff import Span, Told
from copilot.hosts.bot.cards import headline, steps_of
from copilot.hosts.bot.diff_table import entries, plain
from copilot.hosts.bot.names import safe_name
from copilot.hosts.bot.words import WORDS, Words

if TYPE_CHECKING:
    from docx.document import Document
    from docx.text.paragraph import Paragraph

    from copilot.hosts.bot.keeping import OpenCard
    from copilot.hosts.bot.rooms import Room
    from copilot.hosts.bot.turns import Turn, Turns

#: Where it lies in a room: hidden, so that neither `files` nor the model comes across it.
FOLDER = ".changes"
_RED, _GREEN, _GREY = "B3261E", "1B6E3C", "5F6368"
_LOOKS: dict[str, dict[str, Any]] = {
    "removed": {"strike": True, "color": _RED},
    "added": {"bold": True, "color": _GREEN},
    "same": {},
}


async def hand_over(turns: Turns, turn: Turn, found: OpenCard) -> None:
    """Hand over what a card asks for, to who clicked. Raises WorkspaceError where there is no room for it."""
    room = await asyncio.to_thread(turns.rooms.room, turn.person)
    path = await asyncio.to_thread(_written, room, found.asked.card, turns.words)
    channel: Any = turn.channel
    channel = channel.once("whole change") if turn.profile.keyed else channel
    await turns.offers.offer(room, path, turns.words.whole_file, turn.activity, channel, turn=turn.id)


def document(card: Mapping[str, Any], words: Words = WORDS) -> bytes:
    """Return everything that a card (`Card.to_dict`) asks for as a .docx: what goes is struck out, what comes bold."""
    import docx

    made = docx.Document()
    made.core_properties.author = ""
    made.core_properties.title = words.whole_title
    made.add_heading(words.whole_title, 0)
    if why := plain(card.get("why", "")):
        made.add_paragraph(why)
    steps = list(steps_of(card).values())
    for number, items in enumerate(steps, 1):
        prefix = f"{words.step.format(number=number)}: " if len(steps) > 1 else ""
        for item in items:
            _step(made, item, prefix, words)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def _written(room: Room, card: Mapping[str, Any], words: Words) -> str:
    """Write the document into a room, and return its path there. That of a later card of the same file replaces it."""
    data = document(card, words)
    first = PurePath(str(card["items"][0].get("path", ""))).stem
    path = f"{FOLDER}/{safe_name(' - '.join(filter(None, [first, words.whole_title])) + '.docx')}"
    place = room.folder / path
    with room.alone():
        room.make_room(place.name, len(data))
        place.parent.mkdir(mode=0o700, exist_ok=True)
        beside = place.with_name(f".~{secrets.token_hex(8)}")
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
        beside.replace(place)
    return path


def _step(made: Document, item: Mapping[str, Any], prefix: str, words: Words) -> None:
    made.add_heading(f"{prefix}{headline(item)}", 2)
    made.add_paragraph(words.tool.format(tool=plain(item.get("tool", ""))))
    for entry in entries(item.get("hunks", [])):
        _entry(made, entry, words, sent=not item.get("path"))
    for warning in item.get("warnings", []):
        made.add_paragraph(words.warning.format(text=plain(warning)))


def _entry(made: Document, entry: Told, words: Words, *, sent: bool) -> None:
    paragraph = made.add_paragraph()
    _run(paragraph, entry.where, color=_GREY)
    if entry.kind == "moved":
        _side(paragraph, words.moved.format(there=entry.there), entry.before)
        return
    both = bool(entry.before and entry.after)
    if entry.before:
        _side(paragraph, words.before if both else words.removed, entry.before)
    if entry.after:
        _side(paragraph, words.after if both else "" if sent else words.added, entry.after)


def _side(paragraph: Paragraph, label: str, spans: Sequence[Span]) -> None:
    _run(paragraph, f"\n{label}", bold=True)
    for span in spans:
        _run(paragraph, span.text, **(_LOOKS[span.kind] if len(spans) > 1 else {}))


def _run(paragraph: Paragraph, text: str, *, bold: bool = False, strike: bool = False, color: str = "") -> None:
    from docx.shared import RGBColor

    run = paragraph.add_run(text)
    run.bold, run.font.strike = bold or None, strike or None
    if color:
        run.font.color.rgb = RGBColor.from_string(color)
